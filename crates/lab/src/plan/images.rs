//! The sections `[images]` and `[features]` of a plan for images.

use std::path::PathBuf;

use leanset_problem::Result;
use leanset_spec::images::{Division, Features};
use serde::{Deserialize, Serialize};

use super::detector::DetectorPlan;
use super::locate::Text;

/// Images and a detector.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePlan {
    /// The image dataset.
    pub images: ImagesSection,
    /// The features.
    pub features: Features,
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
    /// How it is read and divided. Files are not compared on resuming: the images and their categories are.
    #[serde(flatten)]
    pub division: Division,
    /// Whether to balance objects per class instead of images per category.
    #[serde(default)]
    pub balance: bool,
}

impl ImagesSection {
    /// Its keys beside those of [`Division`].
    pub(super) const KEYS: [&str; 2] = ["path", "balance"];
}

/// The keys of `[features]` beside those of [`EmbeddingModel`](leanset_spec::images::EmbeddingModel).
pub(super) const FEATURE_KEYS: [&str; 2] = ["table", "paths"];

impl ImagePlan {
    /// Every file that it names, to be found from the folder of the plan.
    pub(super) fn files(&mut self) -> [&mut Option<PathBuf>; 7] {
        let Self { images, features, .. } = self;
        [
            &mut images.path,
            &mut images.division.images,
            &mut images.division.categories,
            &mut features.model.model,
            &mut features.model.onnxruntime,
            &mut features.table,
            &mut features.paths,
        ]
    }

    pub(super) fn check_images(&self, text: &Text<'_>) -> Result<()> {
        let images = &self.images;
        if images.path.is_none() {
            let hint = "path = \"data.yaml\" names the image dataset, relative to the plan";
            return text.wrong("images", "images has no path", hint);
        }
        let division = &images.division;
        if division.categories.is_some() && (division.category.is_some() || !division.groups.is_empty()) {
            let what = "images has categories from a table, and a rule for them";
            return text.wrong("images.categories", what, "keep categories, or category and groups");
        }
        let features = &self.features;
        let model = &features.model;
        if model.model.is_some() && features.table.is_some() {
            let what = "features has both a model and a table";
            return text.wrong("features.table", what, "keep one of them");
        }
        let settings: [(&str, bool); 9] = [
            ("features.layer", model.layer.is_some()),
            ("features.fit", model.fit.is_some()),
            ("features.size", model.size.is_some()),
            ("features.pixels", model.pixels.is_some()),
            ("features.mean", model.mean.is_some()),
            ("features.std", model.std.is_some()),
            ("features.onnxruntime", model.onnxruntime.is_some()),
            ("features.device", model.device.is_some()),
            ("features.batch", model.batch.is_some()),
        ];
        if let Some((key, _)) = settings.iter().find(|s| s.1).filter(|_| model.model.is_none()) {
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
