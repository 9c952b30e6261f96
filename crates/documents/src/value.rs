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
