//! The sections `[images]` and `[features]` of a plan for images.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::detector::DetectorPlan;
use super::locate::Text;
use crate::error::Result;

/// Images and a detector.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePlan {
    /// The image dataset.
    pub images: ImagesSection,
    /// The features.
    pub features: FeaturePlan,
    /// The detector and its training.
    pub detector: DetectorPlan,
}

/// The image dataset, as in `leanset images reduce`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesSection {
    /// A data.yaml, a COCO file or a folder, relative to the plan. Not compared on resuming: the images are.
    #[serde(default, skip_serializing)]
    pub path: Option<PathBuf>,
    /// The folder with the images of a COCO file.
    #[serde(default, skip_serializing)]
    pub images: Option<PathBuf>,
    /// How categories are made; by default as in `images reduce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryWord>,
    /// Classes under one name, for categories only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Vec<String>>,
    /// A table that gives the categories.
    #[serde(default, skip_serializing)]
    pub categories: Option<PathBuf>,
    /// Whether to balance objects per class instead of images per category.
    #[serde(default)]
    pub balance: bool,
}

/// How categories are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CategoryWord {
    /// One object of a class, several of it, or several classes.
    Amount,
    /// The classes in an image.
    Classes,
    /// Nothing.
    None,
}

/// The features that distances are measured on: embeddings of a model, or a table. Without either: colours and edges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturePlan {
    /// A pretrained ONNX model. Not compared on resuming: its content is.
    #[serde(default, skip_serializing)]
    pub model: Option<PathBuf>,
    /// The layer that is read: `auto`, `sppf`, `penultimate`, `output`, or the name of a tensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// How images are brought to the input size of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<FitWord>,
    /// The input size, for models that take any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// How pixels are normalised, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<PixelsWord>,
    /// The mean of each channel, of values in [0, 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<[f32; 3]>,
    /// The standard deviation of each channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<[f32; 3]>,
    /// The library of ONNX Runtime or a folder with it, instead of the built-in engine.
    #[serde(default, skip_serializing)]
    pub onnxruntime: Option<PathBuf>,
    /// What ONNX Runtime computes on: `cpu`, `cuda`, or `cuda:1` for the second card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Images per batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// A table with the column `path` and columns of numbers, or an array. Not compared on resuming: its content is.
    #[serde(default, skip_serializing)]
    pub table: Option<PathBuf>,
    /// The paths of the rows of an array, one a line.
    #[serde(default, skip_serializing)]
    pub paths: Option<PathBuf>,
}

impl FeaturePlan {
    /// Whether they are read from a table, so that their cost is not known.
    pub fn given(&self) -> bool {
        self.table.is_some()
    }
}

/// How images are brought to the input size of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FitWord {
    /// As large as fits, in the middle of grey.
    #[default]
    Letterbox,
    /// To its height and width, whatever becomes of their own.
    Stretch,
    /// So that they cover it; what reaches beyond is cut off.
    Crop,
    /// As they are: the paper's.
    Native,
}

/// How pixels are normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelsWord {
    /// 0 to 1, as detectors take them.
    Unit,
    /// By the mean and deviation of ImageNet, as most classifiers take them.
    Imagenet,
}

impl ImagePlan {
    pub(super) fn check_images(&self, text: &Text<'_>) -> Result<()> {
        let images = &self.images;
        if images.path.is_none() {
            let hint = "path = \"data.yaml\" names the image dataset, relative to the plan";
            return text.wrong("images", "images has no path", hint);
        }
        if images.categories.is_some() && (images.category.is_some() || !images.groups.is_empty()) {
            let what = "images has categories from a table, and a rule for them";
            return text.wrong("images.categories", what, "keep categories, or category and groups");
        }
        let features = &self.features;
        if features.model.is_some() && features.table.is_some() {
            let what = "features has both a model and a table";
            return text.wrong("features.table", what, "keep one of them");
        }
        let settings: [(&str, bool); 9] = [
            ("features.layer", features.layer.is_some()),
            ("features.fit", features.fit.is_some()),
            ("features.size", features.size.is_some()),
            ("features.pixels", features.pixels.is_some()),
            ("features.mean", features.mean.is_some()),
            ("features.std", features.std.is_some()),
            ("features.onnxruntime", features.onnxruntime.is_some()),
            ("features.device", features.device.is_some()),
            ("features.batch", features.batch.is_some()),
        ];
        if let Some((key, _)) = settings.iter().find(|s| s.1).filter(|_| features.model.is_none()) {
            let what = format!("{key} is for a model, and features has none");
            return text.wrong(key, &what, "model = \"yolov5m.onnx\" names one");
        }
        if self.features.paths.is_some() && self.features.table.is_none() {
            let what = "features.paths is for an array, and features has no table";
            return text.wrong("features.paths", what, "table = \"features.npy\" names the array");
        }
        Ok(())
    }
}
