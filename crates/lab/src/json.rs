//! JSON of records: numbers that are not known, checksums, differences between two documents.

use std::collections::BTreeSet;

/// A number as JSON, one that is not known as null.
pub(crate) mod unknown {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*value).filter(|value| !value.is_nan()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

/// Where two documents differ, a line each.
pub(crate) fn differences(key: &str, a: &serde_json::Value, b: &serde_json::Value, found: &mut Vec<String>) {
    match (a, b) {
        (serde_json::Value::Object(a), serde_json::Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let value =
                |map: &serde_json::Map<String, serde_json::Value>, name| map.get(name).cloned().unwrap_or_default();
            for name in keys {
                let below = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                differences(&below, &value(a, name), &value(b, name), found);
            }
        }
        _ if a == b => {}
        _ => {
            let short = |v: &serde_json::Value| {
                let text = v.to_string();
                if text.chars().count() > 60 {
                    format!("{}…", text.chars().take(59).collect::<String>())
                } else {
                    text
                }
            };
            found.push(format!("{key} ({} there, {} here)", short(a), short(b)));
        }
    }
}
