//! `leanset.manifest/1`: what was done to what, in full, beside every output.
//!
//! Everything but the `measured` object is the same for any number of threads. What each key means stands in docs/json.md.
#![allow(missing_docs)] // the fields are the keys of docs/json.md

use std::collections::BTreeMap;
use std::path::PathBuf;

use leanset_core::metrics::Epsilon;
use leanset_core::{Budget, Classes};
use serde::{Deserialize, Serialize};

use crate::{Error, Training as TrainingRecord, number};

/// The schema of manifests; its number grows when a reader could misunderstand.
pub const SCHEMA: &str = "leanset.manifest/1";

/// What `reduce` and `rank` write beside their output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub schema: String,
    pub leanset: String,
    pub command: String,
    pub input: FileRecord,
    /// The table that the rows were to represent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<FileRecord>,
    /// The log of training by which rows were ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<FileRecord>,
    /// Or how the built-in trainer trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRecord>,
    pub columns: ColumnsRecord,
    pub method: MethodRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetRecord>,
    pub classes: Vec<ClassRecord>,
    pub rows: usize,
    pub kept: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<EpsilonRecord>,
    pub output: OutputRecord,
    pub warnings: Vec<WarningRecord>,
    /// Kept rows, class after class, from first to last pick; none for invented points and rankings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_ids: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    pub measured: Measured,
}

/// An input file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileRecord {
    pub path: PathBuf,
    pub sha256: String,
    pub bytes: u64,
    pub format: String,
    pub rows: usize,
}

/// Which columns, and how they became distances.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColumnsRecord {
    pub label: Option<String>,
    pub features: Vec<String>,
    /// Whether `features` was given, rather than being all that is left.
    pub features_given: bool,
    pub exclude: Vec<String>,
    pub id: Option<String>,
    pub missing: String,
    pub scale: String,
    pub bins: Option<usize>,
    pub format: Option<String>,
    pub sheet: Option<String>,
    pub delimiter: Option<String>,
    /// Numbers a row has once categories are one-hot.
    pub dimensions: usize,
    /// Rows left out for missing values.
    pub dropped_rows: usize,
}

/// The method as used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MethodRecord {
    pub id: String,
    pub parameters: BTreeMap<String, serde_json::Value>,
    pub seed: Option<u64>,
    /// What the method resolved or measured.
    pub facts: BTreeMap<String, serde_json::Value>,
    /// The ranking that was sliced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranking: Option<RankingRecord>,
}

/// A ranking that was sliced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RankingRecord {
    pub path: PathBuf,
    pub sha256: String,
    /// `id`, `parameters`, `seed` and target of the method that made it, where its own manifest tells.
    #[serde(default)]
    pub method: Option<serde_json::Value>,
}

/// What was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BudgetRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_class: Option<BTreeMap<String, usize>>,
    pub allow_empty_classes: bool,
}

/// One class before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassRecord {
    pub name: String,
    pub rows: usize,
    pub kept: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_row: Option<u32>,
}

/// ε in all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EpsilonRecord {
    pub metric: String,
    /// A number, or "inf".
    pub value: serde_json::Value,
    pub worst_row: Option<u32>,
    pub worst_class: Option<String>,
}

/// The output file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputRecord {
    pub path: PathBuf,
    pub sha256: String,
    pub bytes: u64,
    pub format: String,
    pub emit: String,
    pub order: String,
    pub weights: Option<String>,
}

/// A warning that was printed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WarningRecord {
    pub code: String,
    pub message: String,
}

/// What depends on the machine and the moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    pub read_seconds: f64,
    pub method_seconds: f64,
    pub epsilon_seconds: f64,
    pub peak_memory_bytes: Option<u64>,
    pub threads: usize,
    /// Energy until the output was written, the manifest not; none in manifests of leanset before it was metered.
    #[serde(default)]
    pub energy: Option<leanset_energy::Reading>,
}

impl Manifest {
    /// The text of the file: indented, one line an array of numbers would be unreadable as a column.
    pub fn text(&self) -> Result<String, Error> {
        let mut text =
            serde_json::to_string_pretty(self).map_err(|e| Error::new(format!("the manifest cannot be made: {e}")))?;
        // Lists of numbers on one line each: a thousand row ids are not a thousand lines.
        for key in ["row_ids", "weights"] {
            let Some(start) = text.find(&format!("\n  \"{key}\": [\n")) else { continue };
            let open = start + text[start..].find('[').unwrap_or(0);
            let close = open + text[open..].find(']').unwrap_or(0);
            let inner = text[open + 1..close].split_whitespace().collect::<Vec<_>>().join(" ");
            text.replace_range(open + 1..close, &inner);
        }
        text.push('\n');
        Ok(text)
    }

    /// The keys in which two manifests differ, but for places, times and the machine.
    pub fn differences(&self, other: &Self) -> Result<Vec<String>, Error> {
        let but =
            ["/input/path", "/target/path", "/log/path", "/output/path", "/method/ranking", "/measured", "/leanset"];
        differences(self, other, &but)
    }

    /// From the text of a file that errors call `name`.
    ///
    /// # Errors
    /// If it is not a manifest of this schema.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        parse(name, text, SCHEMA, "a manifest is the JSON file beside an output")
    }
}

/// A manifest of this schema, from the text of a file that errors call `name`; `place` says where such are.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    name: &str,
    text: &str,
    schema: &str,
    place: &str,
) -> Result<T, Error> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| Error::new(format!("{name}: is not a manifest: {e}")).hint(place))?;
    match value.get("schema").and_then(|s| s.as_str()) {
        Some(found) if found == schema => {}
        Some(other) => {
            let hint = match other {
                SCHEMA => "tables: leanset reduce --from-manifest",
                crate::images::SCHEMA => "pictures: leanset images reduce --from-manifest",
                _ => "use the version of leanset that wrote it",
            };
            return Err(Error::new(format!("{name}: has schema '{other}'; this leanset reads {schema}")).hint(hint));
        }
        None => return Err(Error::new(format!("{name}: is not a manifest: it has no schema")).hint(place)),
    }
    serde_json::from_value(value)
        .map_err(|e| Error::new(format!("{name}: is a damaged manifest: {e}")).hint("use it as leanset wrote it"))
}

/// The keys in which two documents differ, but for what is at these places and the words of warnings.
pub(crate) fn differences<T: Serialize>(a: &T, b: &T, but: &[&str]) -> Result<Vec<String>, Error> {
    let value = |manifest: &T| {
        let mut value =
            serde_json::to_value(manifest).map_err(|e| Error::new(format!("the manifest cannot be compared: {e}")))?;
        for place in but {
            if let Some(found) = value.pointer_mut(place) {
                *found = serde_json::Value::Null;
            }
        }
        // The words of a warning name the file; what it is about has a code.
        for warning in value.get_mut("warnings").and_then(|w| w.as_array_mut()).into_iter().flatten() {
            warning["message"] = serde_json::Value::Null;
        }
        Ok::<_, Error>(value)
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

impl BudgetRecord {
    pub fn new(budget: &Budget, names: &[String], allow_empty_classes: bool) -> Self {
        let mut record = Self { ratio: None, count: None, per_class: None, allow_empty_classes };
        match budget {
            Budget::Ratio(ratio) => record.ratio = Some(*ratio),
            Budget::Count(count) => record.count = Some(*count),
            Budget::PerClass(counts) => {
                record.per_class = Some(names.iter().cloned().zip(counts.iter().copied()).collect());
            }
        }
        record
    }
}

impl EpsilonRecord {
    pub fn new(epsilon: &Epsilon, classes: &Classes, original: impl Fn(leanset_core::RowId) -> u32) -> Self {
        Self {
            metric: epsilon.metric.name().to_owned(),
            value: number(epsilon.value),
            worst_row: epsilon.worst.map(|w| original(w.row)),
            worst_class: epsilon.worst.map(|w| classes.name(w.class).to_owned()),
        }
    }
}
