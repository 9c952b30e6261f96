//! The settings of an encoding: which columns take part, what missing values become, and how numbers are scaled.
//!
//! Each setting is one type for every face of leanset: a command line, a plan and a manifest spell its values with
//! [`Display`](std::fmt::Display), [`FromStr`](std::str::FromStr) and serde alike, and help texts list the variants
//! with their documentation ([`strum::VariantArray`], [`strum::EnumMessage`]).

use serde::{Deserialize, Serialize};

use crate::error::{Error, unknown_value};

/// What to do with missing feature values.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantArray,
    strum::EnumMessage,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = unknown_missing)]
pub enum Missing {
    /// Stop, and say how many each column has.
    #[default]
    Refuse,
    /// Measure distances with the column's mean (the most frequent value of text and true/false columns).
    Mean,
    /// Leave rows with missing values out.
    Drop,
}

/// How numeric columns are scaled, for distances only.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantArray,
    strum::EnumMessage,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = unknown_scale)]
pub enum Scale {
    /// To [0, 1], as in the paper.
    #[default]
    #[strum(message = "scaled to [0, 1]")]
    MinMax,
    /// To mean 0 and standard deviation 1.
    #[strum(message = "standardised")]
    Standard,
    /// Not at all: for embeddings, and tables that are scaled already.
    #[strum(message = "not scaled")]
    None,
}

fn unknown_missing(given: &str) -> Error {
    unknown_value::<Missing>("rule for missing values", given)
}

fn unknown_scale(given: &str) -> Error {
    unknown_value::<Scale>("scale", given)
}

/// Which columns take part, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncodeOptions {
    /// The column of the classes; without one every row is of the class `all`.
    pub label: Option<String>,
    /// The feature columns; all but label, id and excluded ones when not given. A NumPy array names all its columns.
    pub features: Option<Vec<String>>,
    /// Columns that are no features.
    pub exclude: Vec<String>,
    /// A column that names rows and is no feature.
    pub id: Option<String>,
    /// What to do with missing values.
    pub missing: Missing,
    /// How numbers are scaled.
    pub scale: Scale,
    /// Cuts a numeric label into this many classes of equal counts.
    pub bins: Option<usize>,
}
