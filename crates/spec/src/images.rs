//! Image datasets: which one, how images are divided, and what features distances are measured on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use leanset_problem::{Problem, Result, setting, text};
use serde::{Deserialize, Serialize};

#[cfg(feature = "clap")]
use crate::word::parser::words;
use crate::word::word_enum;

/// How an image dataset is read and divided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Image categories"))]
pub struct Division {
    /// Folder of the images of a COCO file [default: the folder of the file, or `images` in or beside it].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath, hide_short_help = true, help_heading = "Image dataset"))]
    pub images: Option<PathBuf>,
    /// How to divide images into categories [default: amount; classes for class folders].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "RULE", value_parser = words::<CategoryRule>(), conflicts_with = "categories"))]
    pub category: Option<CategoryRule>,
    /// Classes that count as one for categories, e.g. fruit=apple,banana. Repeatable.
    #[serde(skip_serializing_if = "Groups::is_empty")]
    #[cfg_attr(feature = "clap", command(flatten))]
    pub groups: Groups,
    /// Read the categories from a table with the columns path and category, e.g. categories.csv.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "TABLE", value_hint = clap::ValueHint::FilePath, hide_short_help = true))]
    pub categories: Option<PathBuf>,
}

/// Classes under one name, for categories only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Vec<String>>", into = "BTreeMap<String, Vec<String>>")]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Groups {
    /// Treat several classes as one when forming categories, e.g. 'with aid=wheelchair,crutch'; repeatable.
    #[cfg_attr(feature = "clap", arg(long = "group", id = "groups", hide_short_help = true, value_name = "NAME=CLASS,…", value_parser = group, conflicts_with = "categories"))]
    pub groups: Vec<Group>,
}

/// Classes under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: String,
    /// Its classes.
    pub classes: Vec<String>,
}

impl Groups {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

impl From<BTreeMap<String, Vec<String>>> for Groups {
    fn from(groups: BTreeMap<String, Vec<String>>) -> Self {
        Self { groups: groups.into_iter().map(|(name, classes)| Group { name, classes }).collect() }
    }
}

impl From<Groups> for BTreeMap<String, Vec<String>> {
    fn from(groups: Groups) -> Self {
        groups.groups.into_iter().map(|group| (group.name, group.classes)).collect()
    }
}

word_enum! {
    "category"
    /// The rule that divides images into categories.
    #[derive(Default)]
    pub enum CategoryRule {
        /// By class and number of objects: `apple single`, `apple several`, `mixed` (several classes).
        #[default]
        Amount,
        /// By the set of classes in the image: `apple`, `apple + orange`.
        Classes,
        /// All images are one category.
        None,
    }
}

/// The features that distances between images are measured on: of a model, given, or colours and edges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Image features"))]
pub struct Features {
    #[serde(flatten)]
    #[cfg_attr(feature = "clap", command(flatten))]
    #[allow(missing_docs)]
    pub model: EmbeddingModel,
    /// Your own features: a table with a column `path`, or an array, e.g. clip.parquet [default: colour and edge features,
    /// which need no model].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long = "features", id = "features", value_name = "TABLE", value_hint = clap::ValueHint::FilePath, conflicts_with = "model"))]
    pub table: Option<PathBuf>,
    /// Image paths of the rows of an array of features, one per line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long = "feature-paths", id = "feature_paths", value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "features", hide_short_help = true))]
    pub paths: Option<PathBuf>,
}

/// A pretrained ONNX model, and how images are fed to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "clap", derive(clap::Args),
    command(next_help_heading = "Image features", group = clap::ArgGroup::new("described").multiple(true)))]
pub struct EmbeddingModel {
    /// Compute the features with this ONNX model, e.g. yolov5mu.onnx.
    ///
    /// Of a YOLO detector the output of the SPPF block averaged over the image is used, of a classifier the input of its last
    /// fully connected layer. See --layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, group = "described"))]
    pub model: Option<PathBuf>,
    /// Layer of the model to take features from: auto, sppf, penultimate, output, or a tensor name [default: auto].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "LAYER", requires = "model", hide_short_help = true))]
    pub layer: Option<String>,
    /// How to fit images to the input size of the model [default: letterbox].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "RULE", value_parser = words::<Fit>(), requires = "model", hide_short_help = true))]
    pub fit: Option<Fit>,
    /// Side of the square input, for models of variable input size, e.g. 320 [default: 640 with an SPPF, else 224].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "PIXELS", requires = "model", hide_short_help = true))]
    pub size: Option<u32>,
    /// How to normalise pixels [default: unit with an SPPF, else imagenet].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "RULE", value_parser = words::<Pixels>(), requires = "model", conflicts_with_all = ["mean", "std"], hide_short_help = true))]
    pub pixels: Option<Pixels>,
    /// Mean to subtract per channel, on the 0–1 scale, e.g. 0.485,0.456,0.406.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "R,G,B", value_parser = three, requires = "std", allow_negative_numbers = true, hide_short_help = true))]
    pub mean: Option<[f32; 3]>,
    /// Standard deviation to divide by per channel, on the 0–1 scale, e.g. 0.229,0.224,0.225.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "R,G,B", value_parser = three, requires = "mean", allow_negative_numbers = true, hide_short_help = true))]
    pub std: Option<[f32; 3]>,
    /// Run the model with this ONNX Runtime library (file or folder), e.g. that of the Python package.
    ///
    /// Faster than the built-in engine, and able to use a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath, requires = "described", hide_short_help = true))]
    pub onnxruntime: Option<PathBuf>,
    /// Device of ONNX Runtime: cpu, cuda, or cuda:1 for the second GPU [default: cpu].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "DEVICE", requires = "onnxruntime", hide_short_help = true))]
    pub device: Option<String>,
    /// Number of images per call of the model [default: 1; on a GPU 16].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", requires = "described",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=65_535), hide_short_help = true))]
    pub batch: Option<usize>,
}

word_enum! {
    "fit"
    /// How images are brought to the size of a model.
    #[derive(Default)]
    pub enum Fit {
        /// Scale to fit inside, pad with grey.
        #[default]
        Letterbox,
        /// Scale to the input size, without keeping the aspect ratio.
        Stretch,
        /// Scale to cover the input size, crop the centre.
        Crop,
        /// Do not scale: each image at its own size, as in the paper.
        Native,
    }
}

word_enum! {
    "pixels"
    /// How pixels are normalised before a model gets them.
    pub enum Pixels {
        /// To [0, 1], as detectors expect.
        Unit,
        /// With the mean and standard deviation of ImageNet, as most classifiers expect.
        Imagenet,
    }
}

impl Features {
    /// Whether they come from a table or an array, and nothing is computed.
    pub fn are_given(&self) -> bool {
        self.table.is_some()
    }
}

impl EmbeddingModel {
    /// Mean and standard deviation of each channel, if they are said.
    ///
    /// # Errors
    /// Only one of the two, both beside a rule, or values that are not of [0, 1].
    pub fn normalisation(&self) -> Result<Option<([f32; 3], [f32; 3])>> {
        let (mean, std) = match (self.pixels, self.mean, self.std) {
            (_, None, None) => return Ok(None),
            (None, Some(mean), Some(std)) => (mean, std),
            (Some(_), ..) => {
                return Err(Problem::new(text![&setting::PIXELS, " and ", &setting::MEAN, " say the same twice"])
                    .hint(text!["give either ", &setting::PIXELS, ", or ", &setting::MEAN, " and ", &setting::STD]));
            }
            _ => {
                return Err(Problem::new(text![&setting::MEAN, " and ", &setting::STD, " go together"])
                    .hint("give both, or neither"));
            }
        };
        let within = mean.iter().all(|m| (0.0..=1.0).contains(m));
        let above = std.iter().all(|d| *d > 0.0 && *d <= 1.0);
        if within && above {
            return Ok(Some((mean, std)));
        }
        let (what, range, value) =
            if within { (&setting::STD, "(0, 1]", std) } else { (&setting::MEAN, "[0, 1]", mean) };
        Err(Problem::new(text![what, format!(" must be in {range}, not {value:?}")]).hint(
            "pixels are in [0, 1]: divide values of 0 to 255 by 255; ImageNet's are 0.485,0.456,0.406 and 0.229,0.224,0.225",
        ))
    }
}

word_enum! {
    "placement"
    /// What becomes of the kept images.
    #[derive(Default)]
    pub enum Placement {
        /// They stay where they are, and a list names them.
        #[default]
        Stay,
        /// They are copied with their annotations.
        Copy,
        /// They are linked with their annotations.
        Link,
    }
}

#[cfg(feature = "clap")]
fn group(text: &str) -> Result<Group, String> {
    let (name, classes) = text.split_once('=').ok_or("a group is NAME=CLASS,CLASS, e.g. fruit=apple,banana")?;
    let classes: Vec<String> = classes.split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
    if name.trim().is_empty() || classes.is_empty() {
        return Err("a group has a name and at least one class, e.g. fruit=apple,banana".into());
    }
    Ok(Group { name: name.trim().to_owned(), classes })
}

/// Three numbers.
#[cfg(feature = "clap")]
fn three(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let numbers = numbers.filter(|n| n.iter().all(|v| v.is_finite())).and_then(|n| <[f32; 3]>::try_from(n).ok());
    numbers.ok_or_else(|| "three numbers are needed, e.g. 0.485,0.456,0.406".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_come_back_from_their_document() {
        let features = Features {
            model: EmbeddingModel { model: Some("a.onnx".into()), fit: Some(Fit::Crop), ..EmbeddingModel::default() },
            ..Features::default()
        };
        let text = serde_json::to_string(&features).expect("a document");
        assert_eq!(serde_json::from_str::<Features>(&text).expect("the same"), features);
    }

    #[test]
    fn normalisation_refuses_values_of_0_to_255() {
        let model = EmbeddingModel { mean: Some([123.0; 3]), std: Some([0.2; 3]), ..EmbeddingModel::default() };
        assert_eq!(
            model.normalisation().expect_err("too large").to_string(),
            "mean must be in [0, 1], not [123.0, 123.0, 123.0]"
        );
    }
}
