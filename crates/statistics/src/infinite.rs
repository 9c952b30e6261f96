//! A number as JSON: infinity is "inf", and what is not known is null.

use serde::{Deserialize, Deserializer, Serializer};

/// Writes it.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        value if value.is_nan() => serializer.serialize_none(),
        value if value.is_finite() => serializer.serialize_f64(*value),
        _ => serializer.serialize_str("inf"),
    }
}

/// Reads it.
///
/// # Errors
/// What is neither a number nor "inf".
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Finite(f64),
        Word(String),
    }
    match Number::deserialize(deserializer)? {
        Number::Finite(value) => Ok(value),
        Number::Word(word) if word == "inf" => Ok(f64::INFINITY),
        Number::Word(word) => Err(serde::de::Error::custom(format!("'{word}' is not a number"))),
    }
}
