//! The manifest: what was done to what, in full, beside every output. Documented in docs/json.md.
//!
//! Everything but the `measured` object is the same for any number of threads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leanset_core::distance::Metric;
use leanset_core::metrics::Epsilon;
use leanset_core::params::Value;
use leanset_core::{Budget, Classes, Reducer};
use serde::{Deserialize, Serialize};

use crate::args::{Emit, Missing, Order, Scale, TableArgs};
use crate::error::Failure;
use crate::input::Input;
use crate::output::Outputs;
use crate::training::TrainingRecord;

/// The schema of manifests; its number grows when a reader could misunderstand.
pub(crate) const SCHEMA: &str = "leanset.manifest/1";

/// What `reduce` and `rank` write beside their output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) schema: String,
    pub(crate) leanset: String,
    pub(crate) command: String,
    pub(crate) input: FileRecord,
    /// The table that the rows were to represent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<FileRecord>,
    /// The log of training by which rows were ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<FileRecord>,
    /// Or how the built-in trainer trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) training: Option<TrainingRecord>,
    pub(crate) columns: ColumnsRecord,
    pub(crate) method: MethodRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) budget: Option<BudgetRecord>,
    pub(crate) classes: Vec<ClassRecord>,
    pub(crate) rows: usize,
    pub(crate) kept: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) epsilon: Option<EpsilonRecord>,
    pub(crate) output: OutputRecord,
    pub(crate) warnings: Vec<WarningRecord>,
    /// Kept rows, class after class, from first to last pick; none for invented points and rankings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) row_ids: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) measured: Measured,
}

/// An input file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) format: String,
    pub(crate) rows: usize,
}

/// Which columns, and how they became distances.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ColumnsRecord {
    pub(crate) label: Option<String>,
    pub(crate) features: Vec<String>,
    /// Whether `features` was given, rather than being all that is left.
    pub(crate) features_given: bool,
    pub(crate) exclude: Vec<String>,
    pub(crate) id: Option<String>,
    pub(crate) missing: String,
    pub(crate) scale: String,
    pub(crate) bins: Option<usize>,
    pub(crate) format: Option<String>,
    pub(crate) sheet: Option<String>,
    pub(crate) delimiter: Option<String>,
    /// Numbers a row has once categories are one-hot.
    pub(crate) dimensions: usize,
    /// Rows left out for missing values.
    pub(crate) dropped_rows: usize,
}

/// The method as used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MethodRecord {
    pub(crate) id: String,
    pub(crate) parameters: BTreeMap<String, serde_json::Value>,
    pub(crate) seed: Option<u64>,
    /// What the method resolved or measured.
    pub(crate) facts: BTreeMap<String, serde_json::Value>,
    /// The ranking that was sliced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ranking: Option<RankingRecord>,
}

/// A ranking that was sliced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RankingRecord {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
    /// `id`, `parameters`, `seed` and target of the method that made it, where its own manifest tells.
    #[serde(default)]
    pub(crate) method: Option<serde_json::Value>,
}

/// What was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BudgetRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_class: Option<BTreeMap<String, usize>>,
    pub(crate) allow_empty_classes: bool,
}

/// One class before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClassRecord {
    pub(crate) name: String,
    pub(crate) rows: usize,
    pub(crate) kept: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) epsilon: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) worst_row: Option<u32>,
}

/// ε in all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EpsilonRecord {
    pub(crate) metric: String,
    /// A number, or "inf".
    pub(crate) value: serde_json::Value,
    pub(crate) worst_row: Option<u32>,
    pub(crate) worst_class: Option<String>,
}

/// The output file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OutputRecord {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) format: String,
    pub(crate) emit: String,
    pub(crate) order: String,
    pub(crate) weights: Option<String>,
}

/// A warning that was printed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WarningRecord {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// What depends on the machine and the moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) read_seconds: f64,
    pub(crate) method_seconds: f64,
    pub(crate) epsilon_seconds: f64,
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) threads: usize,
    /// Energy until the output was written, the manifest not; none in manifests of leanset before it was metered.
    #[serde(default)]
    pub(crate) energy: Option<leanset_energy::Reading>,
}

impl Manifest {
    /// The text of the file: indented, one line an array of numbers would be unreadable as a column.
    pub(crate) fn text(&self) -> Result<String, Failure> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|e| Failure::new(format!("the manifest cannot be made: {e}")))?;
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

    /// Stages the manifest as a file, and returns its text.
    pub(crate) fn stage(&self, outputs: &mut Outputs, path: &Path) -> Result<String, Failure> {
        let text = self.text()?;
        outputs.stage(path, |out| {
            out.write_all(text.as_bytes()).map_err(|e| Failure::io("the manifest cannot be written", &e))
        })?;
        Ok(text)
    }

    /// The keys in which two manifests differ, but for places, times and the machine.
    pub(crate) fn differences(&self, other: &Self) -> Result<Vec<String>, Failure> {
        let value = |manifest: &Self| {
            let mut value = serde_json::to_value(manifest)
                .map_err(|e| Failure::new(format!("the manifest cannot be compared: {e}")))?;
            for place in
                ["/input/path", "/target/path", "/log/path", "/output/path", "/method/ranking", "/measured", "/leanset"]
            {
                if let Some(found) = value.pointer_mut(place) {
                    *found = serde_json::Value::Null;
                }
            }
            // The words of a warning name the file; what it is about has a code.
            for warning in value["warnings"].as_array_mut().into_iter().flatten() {
                warning["message"] = serde_json::Value::Null;
            }
            Ok::<_, Failure>(value)
        };
        let mut differing = Vec::new();
        compare("", &value(self)?, &value(other)?, &mut differing);
        Ok(differing)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| Failure::io(&format!("{name}: cannot be read"), &e))?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| {
            Failure::new(format!("{name}: is not a manifest: {e}")).hint("a manifest is the JSON file beside an output")
        })?;
        match value.get("schema").and_then(|s| s.as_str()) {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(Failure::new(format!("{name}: has schema '{other}'; this leanset reads {SCHEMA}"))
                    .hint("use the version of leanset that wrote it"));
            }
            None => {
                return Err(Failure::new(format!("{name}: is not a manifest: it has no schema"))
                    .hint("a manifest is the JSON file beside an output"));
            }
        }
        serde_json::from_value(value)
            .map_err(|e| Failure::new(format!("{name}: is a damaged manifest: {e}")).hint("use it as leanset wrote it"))
    }
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

impl ColumnsRecord {
    /// The arguments that make the same columns.
    pub(crate) fn arguments(&self) -> Result<TableArgs, Failure> {
        use clap::ValueEnum as _;
        let bad = |what: &str| Failure::new(format!("the manifest has an unknown {what}"));
        Ok(TableArgs {
            label: self.label.clone(),
            features: self.features_given.then(|| self.features.clone()),
            exclude: self.exclude.clone(),
            id: self.id.clone(),
            missing: Missing::from_str(&self.missing, false).map_err(|_| bad("rule for missing values"))?,
            scale: Scale::from_str(&self.scale, false).map_err(|_| bad("scaling"))?,
            bins: self.bins,
            format: self.format.as_deref().map(str::parse).transpose().map_err(|_| bad("format"))?,
            sheet: self.sheet.clone(),
            delimiter: self.delimiter.as_ref().and_then(|d| d.bytes().next()),
        })
    }
}

impl BudgetRecord {
    pub(crate) fn new(budget: &Budget, names: &[String], allow_empty_classes: bool) -> Self {
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
    pub(crate) fn new(epsilon: &Epsilon, classes: &Classes, original: impl Fn(leanset_core::RowId) -> u32) -> Self {
        Self {
            metric: epsilon.metric.name().to_owned(),
            value: number(epsilon.value),
            worst_row: epsilon.worst.map(|w| original(w.row)),
            worst_class: epsilon.worst.map(|w| classes.name(w.class).to_owned()),
        }
    }

    pub(crate) fn metric(&self) -> Result<Metric, Failure> {
        Ok(self.metric.parse::<Metric>()?)
    }
}

/// A number as JSON; infinities, which JSON lacks, as "inf" and "-inf", NaN as null.
pub(crate) fn number(value: f64) -> serde_json::Value {
    match serde_json::Number::from_f64(value) {
        Some(number) => number.into(),
        None if value.is_nan() => serde_json::Value::Null,
        None => if value > 0.0 { "inf" } else { "-inf" }.into(),
    }
}

/// A parameter or fact as JSON.
pub(crate) fn json(value: &Value) -> serde_json::Value {
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
pub(crate) fn value(json: &serde_json::Value) -> Value {
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

/// The word of a value of an argument with fixed words.
pub(crate) fn word(value: impl clap::ValueEnum + Copy) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}

impl OutputRecord {
    pub(crate) fn emit(&self) -> Result<(Emit, Order), Failure> {
        use clap::ValueEnum as _;
        let bad = |_| Failure::new("the manifest has an unknown way of writing rows");
        Ok((Emit::from_str(&self.emit, false).map_err(bad)?, Order::from_str(&self.order, false).map_err(bad)?))
    }
}

/// The parameters as used, row ids as the file counts them.
pub(crate) fn parameters(reducer: &Reducer, input: &Input) -> std::collections::BTreeMap<String, serde_json::Value> {
    let original = |value: &Value| match value {
        Value::Rows(rows) => rows.iter().map(|&r| input.original(r).0).collect(),
        other => json(other),
    };
    reducer.params().iter().map(|(n, v)| (n.to_owned(), original(v))).collect()
}
