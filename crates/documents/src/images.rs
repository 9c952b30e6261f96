//! `leanset.images/1`: what was done to a set of pictures, in full, in every smaller set.
#![allow(missing_docs)] // the fields are the keys of docs/json.md

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::manifest::{BudgetRecord, Measured, MethodRecord, WarningRecord};

/// The schema of these manifests.
pub const SCHEMA: &str = "leanset.images/1";

/// The name of the file.
pub const FILE: &str = "manifest.json";

/// What `images reduce` writes beside its lists.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImagesManifest {
    pub schema: String,
    pub leanset: String,
    pub command: String,
    pub dataset: DatasetRecord,
    pub category: CategoryRecord,
    pub features: FeaturesRecord,
    pub method: MethodRecord,
    pub budget: BudgetRecord,
    pub categories: Vec<PartRecord>,
    /// Objects of each class.
    pub classes: Vec<PartRecord>,
    /// Pictures chosen from, and kept.
    pub pictures: usize,
    pub kept: usize,
    pub epsilon: WorstRecord,
    /// Faults by code.
    pub faults: BTreeMap<String, usize>,
    pub warnings: Vec<WarningRecord>,
    /// Kept pictures, category after category, from first to last pick.
    pub names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// `stay`, `copy` or `link`.
    pub placement: String,
    /// Every other file in the folder.
    pub files: Vec<WrittenRecord>,
    pub measured: Measured,
}

/// `leanset.features/1`: what `images features` writes beside its table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeaturesManifest {
    pub schema: String,
    pub leanset: String,
    pub command: String,
    /// The set.
    pub dataset: PathBuf,
    pub layout: String,
    /// `train`, `val`, `test` or `all`.
    pub split: String,
    /// Rows of the table.
    pub pictures: usize,
    /// Pictures that could not be decoded.
    pub left_out: usize,
    pub features: FeaturesRecord,
    /// Faults by code.
    pub faults: BTreeMap<String, usize>,
    pub output: WrittenRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<WrittenRecord>,
    pub measured: FeaturesMeasured,
}

/// The schema of these manifests.
pub const FEATURES_SCHEMA: &str = "leanset.features/1";

/// What depends on the machine and the moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeaturesMeasured {
    pub seconds: f64,
    pub peak_memory_bytes: Option<u64>,
    pub threads: usize,
    pub energy: Option<leanset_energy::Reading>,
}

/// The set that was reduced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatasetRecord {
    pub path: PathBuf,
    pub layout: String,
    /// Of names and contents of all training pictures and their annotations.
    pub sha256: String,
    pub train: usize,
    /// Training pictures that were left out for errors.
    pub left_out: usize,
}

/// How pictures were divided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CategoryRecord {
    /// `amount`, `classes`, `none` or `table`.
    pub rule: String,
    pub groups: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<SourceRecord>,
}

/// A file that something was taken from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceRecord {
    pub path: PathBuf,
    pub sha256: String,
}

/// Between what distances were measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeaturesRecord {
    /// The name of what leanset measures, `model`, or `given`.
    pub kind: String,
    pub dimensions: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<SourceRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<SourceRecord>,
}

/// A pretrained model, and how it was used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelRecord {
    pub path: PathBuf,
    pub sha256: String,
    /// Of all that a description follows from but the picture: the model as far as it is run, what it is fed, the engine.
    pub key: String,
    /// The tensor that describes pictures.
    pub tensor: String,
    /// The rule that found it: `sppf`, `penultimate`, `output` or `named`.
    pub rule: String,
    /// `letterbox`, `stretch`, `crop` or `native`.
    pub fit: String,
    /// Height and width that it sees; nothing for those of each picture.
    pub size: Option<[u32; 2]>,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    pub engine: String,
    pub batch: usize,
    /// Pictures that were described before, and found in the cache.
    pub cached: usize,
}

impl FeaturesRecord {
    /// What they are called, in words.
    pub fn title(&self) -> String {
        match &self.model {
            Some(model) => {
                let file = model.path.file_name().unwrap_or_default().to_string_lossy();
                format!("{file}, '{}'", model.tensor)
            }
            None => self.kind.clone(),
        }
    }
}

/// A category or a class before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartRecord {
    pub name: String,
    pub all: usize,
    pub kept: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
}

/// ε in all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorstRecord {
    pub metric: String,
    /// A number, or "inf".
    pub value: serde_json::Value,
    pub worst: Option<String>,
}

/// A file that was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrittenRecord {
    /// Below the folder.
    pub path: PathBuf,
    /// Of its content; nothing of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl ImagesManifest {
    /// The text of the file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn text(&self) -> Result<String, Error> {
        let text =
            serde_json::to_string_pretty(self).map_err(|e| Error::new(format!("the manifest cannot be made: {e}")))?;
        Ok(text + "\n")
    }

    /// From the text of a file; nothing if it is no such manifest.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|m| m.schema == SCHEMA)
    }
}
