//! Manifests: what was asked, and what came of it, in full, beside every output.
//!
//! A manifest holds the request that made the output, with every default said. Everything but its `measured` object is the
//! same for any number of threads.

pub mod images;
pub mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;

use leanset_problem::{Problem, Result, Warning};
use serde::{Deserialize, Serialize};

/// The method as it was used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MethodRecord {
    /// Its registered name; `ranking` for a ranking that was cut.
    pub id: String,
    /// Diagnostics: what the method resolved or measured.
    pub facts: BTreeMap<String, serde_json::Value>,
    /// The ranking that was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<RankingRecord>,
}

/// A ranking that was cut.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RankingRecord {
    /// The file.
    pub path: PathBuf,
    /// Of its content.
    pub sha256: String,
    /// The request that made it, where its own manifest is beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<crate::request::TableRequest>,
}

/// A warning that was printed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WarningRecord {
    /// A stable name.
    pub code: String,
    /// What was said.
    pub message: String,
}

impl From<&Warning> for WarningRecord {
    fn from(warning: &Warning) -> Self {
        Self { code: warning.code.clone().into_owned(), message: warning.message.to_string() }
    }
}

/// What depends on the machine and the moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Reading and encoding.
    pub read_seconds: f64,
    /// Choosing.
    pub method_seconds: f64,
    /// Measuring ε.
    pub epsilon_seconds: f64,
    /// The peak of the process; nothing where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// Threads that worked.
    pub threads: usize,
    /// Energy until the output was written, without the manifest; nothing where it was not metered.
    #[serde(default)]
    pub energy: Option<leanset_energy::Reading>,
}

/// The text of a document.
pub(crate) fn document<T: Serialize>(value: &T) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Problem::internal(format!("the document cannot be made: {error}")).caused_by(error))?;
    Ok(text + "\n")
}

/// A manifest of this schema, from the text of a file that problems call `name`; `place` says where such files are.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    name: &str,
    text: &str,
    schema: &str,
    place: &'static str,
) -> Result<T> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|e| Problem::new(format!("{name}: is not a manifest: {e}")).hint(place).caused_by(e))?;
    match value.get("schema").and_then(|s| s.as_str()) {
        Some(found) if found == schema => {}
        Some(other) => {
            let problem = Problem::new(format!("{name}: has schema '{other}'; this leanset reads {schema}"));
            return Err(problem.hint(match other {
                table::SCHEMA => "tables: leanset reduce --from-manifest",
                images::SCHEMA => "image datasets: leanset images reduce --from-manifest",
                _ => "use the version of leanset that wrote it",
            }));
        }
        None => return Err(Problem::new(format!("{name}: is not a manifest: it has no schema")).hint(place)),
    }
    serde_json::from_value(value).map_err(|e| {
        Problem::new(format!("{name}: is a damaged manifest: {e}")).hint("use it as leanset wrote it").caused_by(e)
    })
}

/// The keys in which two documents differ, except for what is at these places and the words of warnings.
pub(crate) fn differences<T: Serialize>(a: &T, b: &T, except: &[&str]) -> Result<Vec<String>> {
    let value = |manifest: &T| {
        let mut value = serde_json::to_value(manifest)
            .map_err(|e| Problem::internal(format!("the manifest cannot be compared: {e}")).caused_by(e))?;
        for place in except {
            if let Some(found) = value.pointer_mut(place) {
                *found = serde_json::Value::Null;
            }
        }
        // The words of a warning name the file; what it is about has a code.
        for warning in value.get_mut("warnings").and_then(|w| w.as_array_mut()).into_iter().flatten() {
            warning["message"] = serde_json::Value::Null;
        }
        Ok::<_, Problem>(value)
    };
    let mut differing = Vec::new();
    compare("", &value(a)?, &value(b)?, &mut differing);
    Ok(differing)
}

/// Collects the keys below `key` at which two documents differ; lists are compared as wholes.
fn compare(key: &str, a: &serde_json::Value, b: &serde_json::Value, differing: &mut Vec<String>) {
    match (a, b) {
        (serde_json::Value::Object(a), serde_json::Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in keys {
                let below = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                let value = |object: &serde_json::Map<_, _>| object.get(name).cloned().unwrap_or_default();
                compare(&below, &value(a), &value(b), differing);
            }
        }
        _ if a == b => {}
        _ if a.is_array() || b.is_array() => differing.push(key.to_owned()),
        _ => differing.push(format!("{key} ({a} there, {b} here)")),
    }
}
