//! `leanset.images/2` and `leanset.features/2`: what was asked of an image dataset, and what came of it.
//!
//! Programs read these documents, so their keys stay as they were first published: images count under `pictures`, issues under
//! `faults`.
#![allow(missing_docs)] // the fields are the keys of docs/json.md

use std::collections::BTreeMap;
use std::path::PathBuf;

use leanset_problem::Result;
use serde::{Deserialize, Serialize};

use super::{Measured, MethodRecord, WarningRecord};
use crate::request::{DescribeImages, ReduceImages};

/// The schema of these manifests.
pub const SCHEMA: &str = "leanset.images/2";

/// The name of the file.
pub const FILE: &str = "manifest.json";

/// What `images reduce` writes into the folder of a reduced dataset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImagesManifest {
    pub schema: String,
    pub leanset: String,
    /// What was asked, with every default said.
    pub request: ReduceImages,
    pub dataset: DatasetRecord,
    pub category: CategoryRecord,
    pub features: FeaturesRecord,
    pub method: MethodRecord,
    pub categories: Vec<PartRecord>,
    /// Objects of each class.
    pub classes: Vec<PartRecord>,
    /// Images chosen from, and kept.
    #[serde(rename = "pictures")]
    pub images: usize,
    pub kept: usize,
    pub epsilon: WorstRecord,
    /// Issues by code.
    #[serde(rename = "faults")]
    pub issues: BTreeMap<String, usize>,
    pub warnings: Vec<WarningRecord>,
    /// Kept images, category after category, from first to last pick.
    pub names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// Every other file in the folder.
    pub files: Vec<WrittenRecord>,
    pub measured: Measured,
}

/// The schema of manifests of features.
pub const FEATURES_SCHEMA: &str = "leanset.features/2";

/// What `images features` writes beside its table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeaturesManifest {
    pub schema: String,
    pub leanset: String,
    pub request: DescribeImages,
    pub layout: String,
    /// Rows of the table.
    #[serde(rename = "pictures")]
    pub images: usize,
    /// Images that could not be decoded.
    pub left_out: usize,
    pub features: FeaturesRecord,
    /// Issues by code.
    #[serde(rename = "faults")]
    pub issues: BTreeMap<String, usize>,
    pub output: WrittenRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<WrittenRecord>,
    pub measured: FeaturesMeasured,
}

/// What depends on the machine and the moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeaturesMeasured {
    pub seconds: f64,
    pub peak_memory_bytes: Option<u64>,
    pub threads: usize,
    pub energy: Option<leanset_energy::Reading>,
}

/// The dataset that was reduced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatasetRecord {
    pub layout: String,
    /// Of names and contents of all training images and their annotations.
    pub sha256: String,
    pub train: usize,
    /// Training images that were left out for errors.
    pub left_out: usize,
}

/// How images were divided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CategoryRecord {
    /// `amount`, `classes`, `none` or `table`.
    pub rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<SourceRecord>,
}

/// A file that something was taken from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceRecord {
    pub path: PathBuf,
    pub sha256: String,
}

/// What distances were measured on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeaturesRecord {
    /// The name of the features that leanset computes itself, `model`, or `given`.
    pub kind: String,
    pub dimensions: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<SourceRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<SourceRecord>,
}

/// A pretrained model, and how it was used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelRecord {
    pub path: PathBuf,
    /// Of the file.
    pub sha256: String,
    /// Of everything that a feature vector follows from except the image: weights in other files, settings and engine too.
    pub key: String,
    /// The tensor that describes images.
    pub tensor: String,
    /// The rule that found it: `sppf`, `penultimate`, `output` or `named`.
    pub rule: String,
    /// `letterbox`, `stretch`, `crop` or `native`.
    pub fit: String,
    /// Height and width of its input; nothing for those of each image.
    pub size: Option<[u32; 2]>,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    pub engine: String,
    pub batch: usize,
    /// Images whose features were found in the cache.
    pub cached: usize,
}

impl ModelRecord {
    /// The keys in which two uses of a model differ, except for places and what changes no number.
    ///
    /// # Errors
    /// If they cannot be compared.
    pub fn differences(&self, other: &Self) -> Result<Vec<String>> {
        super::differences(self, other, &["/path", "/batch", "/cached"])
    }
}

impl FeaturesRecord {
    /// Their name for people.
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

/// The schema of dry runs.
pub const PLAN_SCHEMA: &str = "leanset.images-plan/2";

/// What `images reduce` would do.
#[derive(Clone, Debug, Serialize)]
pub struct ImagesPlan {
    pub schema: String,
    pub leanset: String,
    pub request: ReduceImages,
    pub layout: String,
    /// Images to choose from, by their annotations: whether they can be decoded is not known.
    #[serde(rename = "pictures")]
    pub images: usize,
    /// Of these, the ones that do not even begin like an image.
    pub unreadable: usize,
    /// Training images that are left out, by their annotations.
    pub left_out: usize,
    pub categories: Vec<PlannedPart>,
    pub features: FeaturesRecord,
    pub method: MethodRecord,
    pub kept: usize,
    pub threads: usize,
    pub predicted_peak_memory_bytes: u64,
}

/// A category before, and after where that is known.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedPart {
    pub name: String,
    pub all: usize,
    /// Nothing where the method chooses over all images at once.
    pub kept: Option<usize>,
}

/// A category or a class before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartRecord {
    pub name: String,
    pub all: usize,
    pub kept: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
}

/// ε of the whole dataset.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where a link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<PathBuf>,
}

/// The files that a manifest of any version says are in its folder, for those who would replace it.
///
/// # Errors
/// If it is no manifest of a reduced image dataset.
pub fn files_of(name: &str, text: &str) -> Result<Vec<WrittenRecord>> {
    #[derive(Deserialize)]
    struct Files {
        schema: String,
        files: Vec<WrittenRecord>,
    }
    let found = serde_json::from_str::<Files>(text).ok().filter(|found| found.schema.starts_with("leanset.images/"));
    match found {
        Some(found) => Ok(found.files),
        None => Err(leanset_problem::Problem::new(format!("{name}: is not the manifest of a reduced image dataset"))),
    }
}

impl ImagesManifest {
    /// The text of the file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn text(&self) -> Result<String> {
        super::document(self)
    }

    /// From the text of a file that problems call `name`.
    ///
    /// # Errors
    /// If it is no manifest of this schema.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        super::parse(name, text, SCHEMA, "it is manifest.json in the folder of a reduced dataset")
    }

    /// The keys in which two manifests differ, except for the request, places, times and the machine.
    ///
    /// # Errors
    /// If they cannot be compared.
    pub fn differences(&self, other: &Self) -> Result<Vec<String>> {
        // The files of a folder say where it is; what they hold follows from names and placement. Issues are also those of
        // images that nothing was chosen from; the hash of the dataset is of those that it was.
        let except = [
            "/request",
            "/category/table/path",
            "/features/model/path",
            "/features/model/batch",
            "/features/model/cached",
            "/features/table/path",
            "/features/paths/path",
            "/faults",
            "/files",
            "/measured",
            "/leanset",
        ];
        super::differences(self, other, &except)
    }
}

impl FeaturesManifest {
    /// The text of the file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn text(&self) -> Result<String> {
        super::document(self)
    }
}

impl ImagesPlan {
    /// The text of the document.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn text(&self) -> Result<String> {
        super::document(self)
    }
}
