//! Values as JSON.

use leanset_core::params::Value;

/// A number as JSON; infinities, which JSON lacks, as "inf" and "-inf", NaN as null.
pub fn number(value: f64) -> serde_json::Value {
    match serde_json::Number::from_f64(value) {
        Some(number) => number.into(),
        None if value.is_nan() => serde_json::Value::Null,
        None => if value > 0.0 { "inf" } else { "-inf" }.into(),
    }
}

/// A parameter or fact as JSON.
pub fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(v) => (*v).into(),
        Value::Int(v) => (*v).into(),
        Value::Float(v) => number(*v),
        Value::Text(v) => v.as_str().into(),
        Value::Rows(rows) => rows.iter().map(|r| r.0).collect(),
        Value::Floats(values) => values.iter().map(|&v| number(v)).collect(),
    }
}

/// A parameter back from JSON.
pub fn parse(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Bool(v) => Value::Bool(*v),
        serde_json::Value::Number(n) if n.is_i64() => Value::Int(n.as_i64().unwrap_or(0)),
        serde_json::Value::Number(n) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::Array(items) => {
            let row = |v: &serde_json::Value| v.as_u64().and_then(|v| u32::try_from(v).ok()).map(leanset_core::RowId);
            items.iter().map(row).collect::<Option<Vec<_>>>().map_or_else(|| Value::Text(json.to_string()), Value::Rows)
        }
        serde_json::Value::String(v) => Value::Text(v.clone()),
        _ => Value::Text(json.to_string()),
    }
}
