//! `leanset.manifest/2`: what was asked of a table, and what came of it.
#![allow(missing_docs)] // the fields are the keys of docs/json.md

use std::path::PathBuf;

use leanset_core::Classes;
use leanset_core::metrics::Epsilon;
use leanset_problem::Result;
use serde::{Deserialize, Serialize};

use super::{Measured, MethodRecord, WarningRecord};
use crate::number;
use crate::request::TableRequest;

/// The schema of manifests; its number grows when a reader could misunderstand.
pub const SCHEMA: &str = "leanset.manifest/2";

/// What `reduce` and `rank` write beside their output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub schema: String,
    pub leanset: String,
    /// What was asked, with every default said.
    pub request: TableRequest,
    pub input: FileRecord,
    /// The table that the rows were to represent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<FileRecord>,
    /// The file that named the rows that were kept already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<FileRecord>,
    /// The training log by which rows were ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<FileRecord>,
    pub columns: ColumnsRecord,
    pub method: MethodRecord,
    pub classes: Vec<ClassRecord>,
    pub rows: usize,
    pub kept: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<EpsilonRecord>,
    pub output: OutputRecord,
    /// The rows that were held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestRecord>,
    /// The rows that were left to reduce, where they were written too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<OutputRecord>,
    pub warnings: Vec<WarningRecord>,
    /// Kept rows, class after class, from first to last pick; none for generated prototypes and rankings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_ids: Option<Vec<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// Whether it was read from standard input or a pipe, and is not there any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// The files of a table of several, in the order of their rows; `sha256` is that of all their bytes, in this order, and
    /// `path` is what was named, or the folder that they are all in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PartRecord>,
}

/// One of the files of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartRecord {
    pub path: PathBuf,
    pub sha256: String,
    pub bytes: u64,
    pub rows: usize,
}

/// What the columns came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColumnsRecord {
    /// The columns that distances are measured on.
    pub features: Vec<String>,
    /// Features per row once categories are one-hot.
    pub dimensions: usize,
    /// Rows left out for missing values.
    pub dropped_rows: usize,
}

/// One class before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassRecord {
    pub name: String,
    pub rows: usize,
    pub kept: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_row: Option<u32>,
}

/// ε of the whole table.
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
    /// Columns that generated prototypes have and the input has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added_columns: Vec<String>,
}

/// The rows that were held out for a test.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestRecord {
    pub rows: usize,
    pub classes: Vec<TestClassRecord>,
    /// How many groups there are, and how many of them are tested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupsRecord>,
    pub output: OutputRecord,
}

/// The test rows of a class.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestClassRecord {
    pub name: String,
    pub rows: usize,
}

/// Groups of rows that stay together.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct GroupsRecord {
    pub all: usize,
    pub test: usize,
}

impl Manifest {
    /// The text of the file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn text(&self) -> Result<String> {
        let mut text = super::document(self)?;
        // Lists of numbers on one line each: a thousand row ids are not a thousand lines.
        for key in ["row_ids", "weights"] {
            let Some(start) = text.find(&format!("\n  \"{key}\": [\n")) else { continue };
            let open = start + text[start..].find('[').unwrap_or(0);
            let close = open + text[open..].find(']').unwrap_or(0);
            let inner = text[open + 1..close].split_whitespace().collect::<Vec<_>>().join(" ");
            text.replace_range(open + 1..close, &inner);
        }
        Ok(text)
    }

    /// The keys in which two manifests differ, except for the request, places, times and the machine.
    ///
    /// # Errors
    /// If they cannot be compared.
    pub fn differences(&self, other: &Self) -> Result<Vec<String>> {
        let except = [
            "/request",
            "/input/path",
            "/input/stream",
            "/target/path",
            "/target/stream",
            "/keep/path",
            "/log/path",
            "/log/stream",
            "/output/path",
            "/test/output/path",
            // Whether it is written changes nothing.
            "/training",
            "/method/ranking",
            "/measured",
            "/leanset",
        ];
        super::differences(&self.without_places(), &other.without_places(), &except)
    }

    /// The same with no paths of the files of a table, which are in a list.
    fn without_places(&self) -> Self {
        let mut same = self.clone();
        let others = same.target.iter_mut().chain(&mut same.log);
        others.chain([&mut same.input]).flat_map(|of| &mut of.files).for_each(|file| file.path = PathBuf::new());
        same
    }

    /// From the text of a file that problems call `name`.
    ///
    /// # Errors
    /// If it is not a manifest of this schema.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        super::parse(name, text, SCHEMA, "a manifest is the JSON file beside an output")
    }
}

impl EpsilonRecord {
    /// Of a measurement; `row` names a row of the dataset as the file counts it.
    pub fn new(epsilon: &Epsilon, classes: &Classes, row: impl Fn(leanset_core::RowId) -> u32) -> Self {
        Self {
            metric: epsilon.metric.name().to_owned(),
            value: number(epsilon.value),
            worst_row: epsilon.worst.map(|w| row(w.row)),
            worst_class: epsilon.worst.map(|w| classes.name(w.class).to_owned()),
        }
    }
}
