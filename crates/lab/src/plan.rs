//! The plan of an experiment: a TOML file, read into values that cannot be wrong.
//!
//! ```toml
//! title = "Dry Bean"
//! repetitions = 10            # each with its own split
//!
//! [data]
//! path = "drybean.csv"        # relative to this file
//! label = "Class"
//!
//! [reduce]
//! ratios = [0.1, 0.5]         # full training is always run
//!
//! [[method]]
//! name = "maxmin"
//! parameters = { start = "first" }
//!
//! [model]
//! hidden = [50, 25]
//! ```
//!
//! A plan about pictures has `[images]`, `[features]` and `[detector]` in place of `[data]`, `[split]` and `[model]`.
//! Every key is described in docs/experiments.md. A key that is not known is an error, and so is a value that cannot
//! be used: nothing is ignored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leanset_core::distance::Metric;
use leanset_core::error::nearest;
use leanset_core::methods::Support;
use leanset_core::params::Value;
use leanset_core::{Reducer, Seed};
use leanset_tables::{EncodeOptions, Format, Missing, Scale};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kind::{self, Kind};
use crate::records::Seeds;
use crate::results::Which;
use crate::template::{Command, Place, Template};

/// The name of full training among the methods.
pub const FULL: &str = "full";
/// The most repetitions: enough for any interval, and a slip of the finger is caught.
const MOST_REPETITIONS: u32 = 1_000;

/// An experiment, as its file says, defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PlanFile", into = "PlanFile")]
pub struct Plan {
    /// What the report is headed with.
    pub title: String,
    /// All randomness comes from it: splits, methods, models.
    pub seed: u64,
    /// How often everything is done, each time with other seeds.
    pub repetitions: u32,
    /// What is reduced, and what is trained on it.
    pub about: About,
    /// How much is kept, and how ε is measured.
    pub reduce: Reduce,
    /// The methods that are compared.
    pub methods: Vec<MethodPlan>,
    /// Energy and carbon.
    pub energy: EnergyPlan,
}

/// What is reduced, and what is trained on it.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// A table and a model.
    Table(TablePlan),
    /// Pictures and a detector.
    Pictures(PicturesPlan),
}

/// A table and a model.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePlan {
    /// The table.
    pub data: Data,
    /// How it is split.
    pub split: Split,
    /// The model and its training.
    pub model: ModelPlan,
}

/// Pictures and a detector.
#[derive(Clone, Debug, PartialEq)]
pub struct PicturesPlan {
    /// The set.
    pub images: ImagesPlan,
    /// Between what distances are measured.
    pub features: FeaturePlan,
    /// The detector and its training.
    pub detector: DetectorPlan,
}

/// A plan as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    title: String,
    #[serde(default)]
    seed: u64,
    #[serde(default = "ten")]
    repetitions: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    images: Option<ImagesPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    features: Option<FeaturePlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split: Option<Split>,
    reduce: Reduce,
    #[serde(rename = "method")]
    methods: Vec<MethodPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<ModelPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detector: Option<DetectorPlan>,
    #[serde(default)]
    energy: EnergyPlan,
}

/// What is wrong with a plan as a whole: at which key, what, and the way out.
struct Mixed(&'static str, String, &'static str);

impl std::fmt::Display for Mixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.1)
    }
}

impl TryFrom<PlanFile> for Plan {
    type Error = Mixed;

    fn try_from(file: PlanFile) -> std::result::Result<Self, Mixed> {
        let PlanFile {
            title,
            seed,
            repetitions,
            data,
            images,
            features,
            split,
            reduce,
            methods,
            model,
            detector,
            energy,
        } = file;
        let of = |key: &'static str, what: &str| {
            Mixed(
                key,
                format!("[{key}] is of {what}"),
                "a plan has [data], [split], [model], or [images], [features], [detector]",
            )
        };
        let about = match (data, images) {
            (Some(_), Some(_)) => {
                return Err(Mixed("images", "the plan has both [data] and [images]".into(), "keep one of them"));
            }
            (None, None) => {
                let what = "the plan has neither [data] nor [images]".into();
                return Err(Mixed("", what, "[data] names a table, [images] a set of pictures"));
            }
            (Some(data), None) => {
                if let Some(key) =
                    [("features", features.is_some()), ("detector", detector.is_some())].iter().find(|k| k.1)
                {
                    return Err(of(key.0, "pictures, and the plan is about a table"));
                }
                About::Table(TablePlan { data, split: split.unwrap_or_default(), model: model.unwrap_or_default() })
            }
            (None, Some(images)) => {
                if let Some(key) = [("split", split.is_some()), ("model", model.is_some())].iter().find(|k| k.1) {
                    return Err(of(key.0, "tables, and the plan is about pictures"));
                }
                let Some(detector) = detector else {
                    let what = "the plan has [images] and no [detector]".into();
                    return Err(Mixed("images", what, "command in [detector] says how a detector is trained"));
                };
                About::Pictures(PicturesPlan { images, features: features.unwrap_or_default(), detector })
            }
        };
        Ok(Self { title, seed, repetitions, about, reduce, methods, energy })
    }
}

impl From<Plan> for PlanFile {
    fn from(plan: Plan) -> Self {
        let Plan { title, seed, repetitions, about, reduce, methods, energy } = plan;
        let mut file = Self {
            title,
            seed,
            repetitions,
            data: None,
            images: None,
            features: None,
            split: None,
            reduce,
            methods,
            model: None,
            detector: None,
            energy,
        };
        match about {
            About::Table(TablePlan { data, split, model }) => {
                (file.data, file.split, file.model) = (Some(data), Some(split), Some(model));
            }
            About::Pictures(PicturesPlan { images, features, detector }) => {
                (file.images, file.features, file.detector) = (Some(images), Some(features), Some(detector));
            }
        }
        file
    }
}

/// The table, and which of its columns mean what: as the arguments of `leanset reduce`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The file, relative to the plan. Not compared on resuming: the content of the file is.
    #[serde(default, skip_serializing)]
    pub path: Option<PathBuf>,
    /// A data set inside the program, instead of a file.
    #[serde(default)]
    pub embedded: Option<String>,
    /// The column of classes.
    pub label: String,
    /// The feature columns; all others by default.
    #[serde(default)]
    pub features: Option<Vec<String>>,
    /// Columns that are no features.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// A column that names rows and is no feature.
    #[serde(default)]
    pub id: Option<String>,
    /// What to do about missing values.
    #[serde(default)]
    pub missing: MissingWord,
    /// How numbers are scaled; fitted on the training rows of each split.
    #[serde(default)]
    pub scale: ScaleWord,
    /// Cuts a numeric label into so many classes.
    #[serde(default)]
    pub bins: Option<usize>,
    /// The format, whatever the file is called.
    #[serde(default)]
    pub format: Option<String>,
    /// The sheet of a workbook.
    #[serde(default)]
    pub sheet: Option<String>,
    /// What separates the fields of a text table.
    #[serde(default)]
    pub delimiter: Option<char>,
}

/// What to do about missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingWord {
    /// An error.
    #[default]
    Refuse,
    /// Fill with means and most frequent values of the training rows.
    Mean,
    /// Leave the rows out.
    Drop,
}

/// How numbers are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScaleWord {
    /// To [0, 1].
    #[default]
    Minmax,
    /// To mean 0 and deviation 1.
    Standard,
    /// Not at all.
    None,
}

/// How the table is split into training and test rows, class by class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The part of each class that is tested on.
    pub test: f64,
}

impl Default for Split {
    fn default() -> Self {
        Self { test: 0.25 }
    }
}

/// The set of pictures, as the arguments of `leanset images reduce`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesPlan {
    /// A data.yaml, a COCO file or a folder, relative to the plan. Not compared on resuming: the pictures are.
    #[serde(default, skip_serializing)]
    pub path: Option<PathBuf>,
    /// Where the pictures of a COCO file are.
    #[serde(default, skip_serializing)]
    pub images: Option<PathBuf>,
    /// What divides them; what `images reduce` takes, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryWord>,
    /// Classes under one name, for categories only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Vec<String>>,
    /// A table that gives the categories.
    #[serde(default, skip_serializing)]
    pub categories: Option<PathBuf>,
    /// Whether the objects of classes are evened out, rather than the pictures of categories.
    #[serde(default)]
    pub balance: bool,
}

/// What divides pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CategoryWord {
    /// One object of a class, several of it, or several classes.
    Amount,
    /// The classes on a picture.
    Classes,
    /// Nothing.
    None,
}

/// Between what distances are measured: what a model sees, or what a table holds. Without either: colours and edges, which
/// need no model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturePlan {
    /// A pretrained ONNX model. Not compared on resuming: its content is.
    #[serde(default, skip_serializing)]
    pub model: Option<PathBuf>,
    /// Where it is cut: `auto`, `sppf`, `penultimate`, `output`, or the name of a tensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// How pictures are brought to its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<FitWord>,
    /// The side of the square that it sees, of models that take any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// What becomes of pixels, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<PixelsWord>,
    /// What is taken from each channel, of 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<[f32; 3]>,
    /// What the rest is divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<[f32; 3]>,
    /// The library of ONNX Runtime that runs it, or a folder with it, instead of the engine inside.
    #[serde(default, skip_serializing)]
    pub onnxruntime: Option<PathBuf>,
    /// What ONNX Runtime computes on: `cpu`, `cuda`, or `cuda:1` for the second card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Pictures that it is given at once.
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
    /// Whether they come from elsewhere: what they cost is then not known.
    pub fn given(&self) -> bool {
        self.table.is_some()
    }
}

/// How pictures are brought to the size of a model.
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

/// What becomes of pixels before a model sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelsWord {
    /// 0 to 1, as detectors take them.
    Unit,
    /// By the mean and deviation of ImageNet, as most classifiers take them.
    Imagenet,
}

/// The detector and its training: the user's own command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorPlan {
    /// What is run, `{data}`, `{seed}`, `{epochs}` and `{out}` in it filled in.
    pub command: Command,
    /// Where it writes its results.
    #[serde(default = "Template::ultralytics")]
    pub results: Template,
    /// Passes over the pictures.
    #[serde(default = "hundred")]
    pub epochs: u32,
    /// Pictures a gradient step sees.
    #[serde(default = "sixteen")]
    pub batch: usize,
    /// What trainings on fewer pictures have as many of.
    #[serde(default)]
    pub equal: Equal,
    /// Which epoch is the result.
    #[serde(default)]
    pub epoch: Which,
}

/// What trainings have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Equal {
    /// Epochs: fewer pictures are fewer gradient steps.
    #[default]
    Epochs,
    /// Gradient steps, as nearly as whole epochs allow.
    Steps,
}

impl DetectorPlan {
    /// Whether the command is told how many pictures a step sees. Else it may take any number, and steps are counted by a
    /// guess.
    pub fn tells_batch(&self) -> bool {
        self.command.has(Place::Batch)
    }

    /// Gradient steps of an epoch on so many pictures.
    pub fn steps(&self, pictures: usize) -> u64 {
        pictures.div_ceil(self.batch.max(1)) as u64
    }

    /// Epochs of a training on `kept` of `all` pictures.
    pub fn epochs_on(&self, kept: usize, all: usize) -> u32 {
        match self.equal {
            Equal::Epochs => self.epochs,
            Equal::Steps => {
                let (steps, each) = (u64::from(self.epochs) * self.steps(all), self.steps(kept).max(1));
                u32::try_from((steps + each / 2) / each).unwrap_or(u32::MAX).max(1)
            }
        }
    }
}

/// How much is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reduce {
    /// Parts of the training rows. 1 is full training, which is run in any case.
    pub ratios: Vec<f64>,
    /// The metric of ε.
    #[serde(default = "chebyshev")]
    pub metric: String,
}

/// One method of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodPlan {
    /// Its name or alias.
    pub name: String,
    /// What it is called in records and reports; the method's id by default. Needed where a method stands twice.
    #[serde(default)]
    pub label: Option<String>,
    /// Its parameters, as `leanset methods NAME` lists them.
    #[serde(default)]
    pub parameters: BTreeMap<String, toml::Value>,
    /// For methods that watch a model train: epochs on everything before they choose, of the epochs of the model.
    #[serde(default)]
    pub warm_up: Option<u32>,
}

/// The model and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelPlan {
    /// Widths of the hidden layers, each with ReLU.
    pub hidden: Vec<usize>,
    /// The part of each hidden layer that is dropped in training.
    pub dropout: f64,
    /// Passes over the training rows; for methods that warm up, those of the warm-up included.
    pub epochs: u32,
    /// Rows a gradient step sees.
    pub batch: usize,
    /// The learning rate of Adam.
    pub learning_rate: f64,
}

impl Default for ModelPlan {
    /// The paper's for tables.
    fn default() -> Self {
        Self {
            hidden: vec![50, 45, 40, 35, 30, 25, 20, 15, 10],
            dropout: 0.25,
            epochs: 150,
            batch: 32,
            learning_rate: 0.001,
        }
    }
}

/// Energy and carbon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyPlan {
    /// Whose mix of electricity: a country by code or English name, such as ESP. Without one no CO₂ is computed.
    #[serde(default)]
    pub country: Option<String>,
    /// Grams of CO₂ a kilowatt-hour, where the supply is known better than by country.
    #[serde(default)]
    pub carbon_intensity: Option<f64>,
    /// The power of the whole machine while it runs, in watts, instead of all counters.
    #[serde(default)]
    pub watts: Option<f64>,
    /// The rated power of the processors together, in watts, where nothing can be measured.
    #[serde(default)]
    pub tdp: Option<f64>,
}

fn ten() -> u32 {
    10
}

fn chebyshev() -> String {
    "chebyshev".into()
}

/// Epochs and batch of Ultralytics, where nothing else is said.
fn hundred() -> u32 {
    100
}

fn sixteen() -> usize {
    16
}

impl Plan {
    /// Reads a plan and checks everything that can be checked without the data.
    ///
    /// # Errors
    /// The file cannot be read; an unknown key; a value that cannot be used.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::InvalidData => {
                Error::new(format!("{}: is no text file", path.display()), "a plan is a TOML file: docs/experiments.md")
            }
            _ => Error::io(path, "cannot be read", &e),
        })?;
        let mut plan = Self::parse(&text, &path.display().to_string())?;
        let Some(folder) = path.parent() else { return Ok(plan) };
        let files = match &mut plan.about {
            About::Table(table) => vec![&mut table.data.path],
            About::Pictures(PicturesPlan { images, features, .. }) => {
                vec![
                    &mut images.path,
                    &mut images.images,
                    &mut images.categories,
                    &mut features.model,
                    &mut features.onnxruntime,
                    &mut features.table,
                    &mut features.paths,
                ]
            }
        };
        files.into_iter().flatten().for_each(|file| *file = folder.join(&*file));
        Ok(plan)
    }

    /// Reads a plan from text; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let file: PlanFile = toml::from_str(text).map_err(|e| malformed(text, name, &e))?;
        let mut plan = Self::try_from(file)
            .map_err(|Mixed(key, what, hint)| Error::new(format!("{}: {what}", place(text, name, key)), hint))?;
        plan.check(&Text { text, name })?;
        for (i, method) in plan.methods.iter_mut().enumerate() {
            let place = || place(text, name, &format!("method.{i}.name"));
            let chooser = method.chooser(&plan.about).map_err(|e| e.of_file(&place()))?;
            let id = chooser.reducer.info().id;
            method.warm_up = Some(chooser.warm_up).filter(|&epochs| epochs > 0);
            method.label.get_or_insert_with(|| id.to_owned());
            id.clone_into(&mut method.name);
        }
        for (i, method) in plan.methods.iter().enumerate() {
            let label = method.label();
            let place = |key| place(text, name, &format!("method.{i}.{key}"));
            if label == FULL {
                return Err(Error::new(
                    format!("{}: method.label is '{FULL}', which is the name of full training", place("label")),
                    "call it otherwise",
                ));
            }
            if plan.methods[..i].iter().any(|m| m.label() == label) {
                return Err(Error::new(
                    format!("{}: two methods are called '{label}'", place("name")),
                    "tell them apart with label = \"…\", or leave one out",
                ));
            }
        }
        plan.reduce.ratios.retain(|&r| r < 1.0);
        plan.reduce.ratios.sort_by(f64::total_cmp);
        Ok(plan)
    }

    fn check(&self, text: &Text<'_>) -> Result<()> {
        if self.title.trim().is_empty() {
            return text.refuse("title", "a line of text", &"''", "title = \"Dry Bean, ten splits\"");
        }
        if !(1..=MOST_REPETITIONS).contains(&self.repetitions) {
            let range = format!("in [1, {MOST_REPETITIONS}]");
            return text.refuse("repetitions", &range, &self.repetitions, "repetitions = 10 is the paper's");
        }
        match &self.about {
            About::Table(table) => table.check_data(text)?,
            About::Pictures(pictures) => pictures.check_images(text)?,
        }
        if self.reduce.ratios.is_empty() {
            return text.refuse("reduce.ratios", "a list of at least one ratio", &"empty", "ratios = [0.1, 0.2, 0.5]");
        }
        for (i, &ratio) in self.reduce.ratios.iter().enumerate() {
            if !(ratio > 0.0 && ratio <= 1.0) {
                let row = self.kind().row;
                return text.refuse(
                    "each of reduce.ratios",
                    "in (0, 1]",
                    &ratio,
                    &format!("0.1 keeps one {row} in ten"),
                );
            }
            if self.reduce.ratios[..i].contains(&ratio) {
                return text.wrong("reduce.ratios", &format!("reduce.ratios has {ratio} twice"), "name it once");
            }
        }
        if self.reduce.metric.parse::<Metric>().is_err() {
            let value = format!("'{}'", self.reduce.metric);
            let metrics = "chebyshev, euclidean or manhattan";
            return text.refuse("reduce.metric", metrics, &value, "leave it out for the paper's, chebyshev");
        }
        if self.methods.is_empty() {
            return text.wrong("", "no method is named", "[[method]] with name = \"srs\" names one");
        }
        match &self.about {
            About::Table(table) => table.model.check(text)?,
            About::Pictures(pictures) => pictures.detector.check(text)?,
        }
        for (key, value) in
            [("carbon_intensity", self.energy.carbon_intensity), ("watts", self.energy.watts), ("tdp", self.energy.tdp)]
        {
            if let Some(value) = value.filter(|v| !(*v > 0.0 && v.is_finite())) {
                let hint = "leave it out where it is not known";
                return text.refuse(&format!("energy.{key}"), "above 0", &value, hint);
            }
        }
        if let Some(country) = &self.energy.country {
            if self.energy.carbon_intensity.is_some() {
                let words = "energy has both country and carbon_intensity";
                return text.wrong("energy.carbon_intensity", words, "keep one of them");
            }
            leanset_energy::Intensity::of_country(country).or_else(|error| {
                let hint = error.hint().unwrap_or_else(|| "country = \"ESP\"".into());
                text.wrong("energy.country", &format!("energy.country: {error}"), &hint)
            })?;
        }
        Ok(())
    }

    /// What it is about, in words and measures.
    pub fn kind(&self) -> &'static Kind {
        match self.about {
            About::Table(_) => &kind::TABLE,
            About::Pictures(_) => &kind::PICTURES,
        }
    }

    /// The metric of ε.
    pub fn metric(&self) -> Metric {
        self.reduce.metric.parse().unwrap_or_default()
    }

    /// The seed of one repetition for one purpose: independent of the others, and the same on any machine.
    pub fn seed_of(&self, purpose: Purpose, repetition: u32) -> u64 {
        // Below 2⁵³, so that every reader of JSON gets it whole.
        let row = leanset_core::RowId(repetition * 4 + purpose as u32);
        Seed(self.seed).key(row) >> 11
    }

    /// What the runs of a repetition draw from.
    pub fn seeds(&self, repetition: u32) -> Seeds {
        let of = |purpose| self.seed_of(purpose, repetition);
        let (split, model) = match self.about {
            About::Table(_) => (Some(of(Purpose::Split)), of(Purpose::Model)),
            // Below 2³¹: more than NumPy's 2³² − 1 is refused by trainers that seed it.
            About::Pictures(_) => (None, of(Purpose::Model) >> 22),
        };
        Seeds { split, method: of(Purpose::Method), model }
    }
}

impl TablePlan {
    /// The columns, as the encoder wants them.
    pub fn encode_options(&self) -> EncodeOptions {
        let data = &self.data;
        EncodeOptions {
            label: Some(data.label.clone()),
            features: data.features.clone(),
            exclude: data.exclude.clone(),
            missing: match data.missing {
                MissingWord::Refuse => Missing::Refuse,
                MissingWord::Mean => Missing::Mean,
                MissingWord::Drop => Missing::Drop,
            },
            scale: match data.scale {
                ScaleWord::Minmax => Scale::MinMax,
                ScaleWord::Standard => Scale::Standard,
                ScaleWord::None => Scale::None,
            },
            bins: data.bins,
            id: data.id.clone(),
        }
    }

    fn check_data(&self, text: &Text<'_>) -> Result<()> {
        let data = &self.data;
        match (&data.path, &data.embedded) {
            (None, None) => {
                let hint = "path = \"table.csv\" names the table, relative to the plan";
                return text.wrong("data", "data has no path", hint);
            }
            (Some(_), Some(_)) => {
                return text.wrong("data.embedded", "data has both path and embedded", "keep one of them");
            }
            _ => {}
        }
        if data.format.as_ref().is_some_and(|f| f.parse::<Format>().is_err()) {
            let value = data.format.clone().unwrap_or_default();
            let formats = "csv, tsv, parquet, arrow, npy, npz or xlsx";
            return text.refuse("data.format", formats, &format!("'{value}'"), "leave it out to go by the file's name");
        }
        if data.delimiter.is_some_and(|d| !d.is_ascii()) {
            let value = data.delimiter.unwrap_or_default();
            return text.refuse("data.delimiter", "one ASCII character", &format!("'{value}'"), "delimiter = \";\"");
        }
        if !(self.split.test > 0.0 && self.split.test < 1.0) {
            let hint = "test = 0.25 tests on a quarter of the rows";
            return text.refuse("split.test", "in (0, 1)", &self.split.test, hint);
        }
        Ok(())
    }
}

impl ModelPlan {
    fn check(&self, text: &Text<'_>) -> Result<()> {
        if self.hidden.contains(&0) {
            return text.refuse("each of model.hidden", "at least 1", &0, "hidden = [] is a linear model");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return text.refuse("model.dropout", "in [0, 1)", &self.dropout, "dropout = 0 drops nothing");
        }
        if self.epochs == 0 {
            return text.refuse("model.epochs", "at least 1", &self.epochs, "epochs = 150 is the paper's");
        }
        if self.batch == 0 {
            return text.refuse("model.batch", "at least 1", &self.batch, "batch = 32 is the paper's");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let hint = "learning_rate = 0.001 is the paper's";
            return text.refuse("model.learning_rate", "above 0", &self.learning_rate, hint);
        }
        Ok(())
    }
}

impl PicturesPlan {
    fn check_images(&self, text: &Text<'_>) -> Result<()> {
        let images = &self.images;
        if images.path.is_none() {
            let hint = "path = \"data.yaml\" names the set, relative to the plan";
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
            let what = format!("{key} is of a model, and features has none");
            return text.wrong(key, &what, "model = \"yolov5m.onnx\" names one");
        }
        if self.features.paths.is_some() && self.features.table.is_none() {
            let what = "features.paths is of the rows of an array, and features has no table";
            return text.wrong("features.paths", what, "table = \"features.npy\" names the array");
        }
        Ok(())
    }
}

impl DetectorPlan {
    fn check(&self, text: &Text<'_>) -> Result<()> {
        if self.command.is_empty() {
            let hint = "command = \"yolo detect train data={data} seed={seed} epochs={epochs} project={out} name=run\"";
            return text.refuse("detector.command", "a command", &"empty", hint);
        }
        for (slot, why) in [
            (Place::Data, "the description of the set to train on"),
            (Place::Seed, "the seed of the training, without which repetitions are no repetitions"),
            (Place::Epochs, "the epochs, which make trainings comparable"),
            (Place::Out, "the folder of the run, where its results are read"),
        ] {
            if !self.command.has(slot) {
                let what = format!("detector.command has no {{{}}}", slot.name());
                return text.wrong("detector.command", &what, &format!("it stands for {why}"));
            }
        }
        if !self.results.has(Place::Out) {
            let what = "detector.results has no {out}, and could be of another run";
            return text.wrong("detector.results", what, "results = \"{out}/run/results.csv\"");
        }
        let results = self.results.to_string();
        if Path::new(&results).components().any(|part| part == std::path::Component::ParentDir) {
            let what = format!("detector.results must be below {{out}}, not '{}': .. leads out of it", self.results);
            return text.wrong("detector.results", &what, "results = \"{out}/run/results.csv\"");
        }
        if self.epochs == 0 {
            return text.refuse("detector.epochs", "at least 1", &self.epochs, "epochs = 100 is Ultralytics' default");
        }
        if self.batch == 0 {
            return text.refuse("detector.batch", "at least 1", &self.batch, "batch = 16 is Ultralytics' default");
        }
        Ok(())
    }
}

/// The text of a plan, for errors with their place.
struct Text<'a> {
    text: &'a str,
    name: &'a str,
}

impl Text<'_> {
    fn wrong<T>(&self, key: &str, what: &str, hint: &str) -> Result<T> {
        Err(Error::new(format!("{}: {what}", place(self.text, self.name, key)), hint))
    }

    fn refuse(&self, key: &str, constraint: &str, value: &dyn std::fmt::Display, hint: &str) -> Result<()> {
        self.wrong(key.trim_start_matches("each of "), &format!("{key} must be {constraint}, not {value}"), hint)
    }
}

/// What a seed is for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Which rows are tested on.
    Split,
    /// What the methods draw.
    Method,
    /// The first weights of the model, the order of rows and dropout.
    Model,
}

impl MethodPlan {
    /// What records call it.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// The parameters as the core takes them.
    ///
    /// # Errors
    /// A value of a kind that no parameter is of.
    pub fn values(&self) -> Result<Vec<(String, Value)>> {
        let value = |(name, value): (&String, &toml::Value)| {
            let value = match value {
                toml::Value::String(text) => Value::Text(text.clone()),
                toml::Value::Integer(number) => Value::Int(*number),
                toml::Value::Float(number) => Value::Float(*number),
                other => {
                    return Err(Error::new(
                        format!(
                            "{}: parameter '{name}' must be a number or a word, not {}",
                            self.label(),
                            other.type_str()
                        ),
                        "row ids mean nothing here: every repetition has other rows",
                    ));
                }
            };
            Ok((name.clone(), value))
        };
        self.parameters.iter().map(value).collect()
    }

    /// The method with its parameters checked, for what the plan is about.
    ///
    /// # Errors
    /// An unknown method or parameter, a value that cannot be used, a method that is not for pictures.
    pub fn chooser(&self, about: &About) -> Result<Chooser> {
        let reducer = Reducer::new(&self.name, &self.values()?)?;
        let watches = reducer.info().uses_dynamics();
        let label = self.label();
        // Of a detector no epoch is a warm-up.
        let epochs = match about {
            About::Table(table) => table.model.epochs,
            About::Pictures(_) => {
                refuse_for_pictures(&reducer, "parameters = { output = \"rows\" }")?;
                0
            }
        };
        let warm_up = match (watches, self.warm_up) {
            (false, None) => 0,
            (false, Some(_)) => {
                return Err(Error::new(
                    format!("{label}: warm_up is of methods that watch a model train, and {label} does not"),
                    "leave it out",
                ));
            }
            (true, _) if epochs < 2 => {
                return Err(Error::new(
                    format!("{label}: a model of {epochs} epoch has none to warm up with"),
                    "make model.epochs larger, or leave the method out",
                ));
            }
            (true, Some(given)) if !(1..epochs).contains(&given) => {
                return Err(Error::new(
                    format!("{label}: warm_up must be in [1, {}], not {given}", epochs.saturating_sub(1)),
                    format!("of the {epochs} epochs at least one is for the rows that are kept"),
                ));
            }
            (true, Some(given)) => given,
            (true, None) => WARM_UP.min(epochs / 2),
        };
        Ok(Chooser { reducer, warm_up })
    }
}

/// Refuses a method that pictures cannot be reduced by; `rows` is how real ones are asked of it.
///
/// # Errors
/// If it watches a model train, or invents points.
pub fn refuse_for_pictures(reducer: &Reducer, rows: &str) -> Result<()> {
    let info = reducer.info();
    if info.uses_dynamics() {
        let message = format!("{} watches a model train, and for pictures there is no log of that", info.id);
        return Err(Error::new(message, "use another method (`leanset methods`)"));
    }
    if reducer.generates_prototypes() {
        let hint = match info.params.iter().any(|spec| spec.name == "output") {
            true => format!("{rows} keeps the real picture nearest each"),
            false => "use another method (`leanset methods`)".to_owned(),
        };
        return Err(Error::new("the method invents points, and no picture looks like them", hint));
    }
    Ok(())
}

/// Epochs of a warm-up, as in the paper.
const WARM_UP: u32 = 50;

/// How rows are chosen.
#[derive(Debug)]
pub struct Chooser {
    /// The method.
    pub reducer: Reducer,
    /// Epochs on everything that the method watches, and from which training goes on; 0 for methods that watch nothing.
    pub warm_up: u32,
}

impl Chooser {
    /// Whether one ranking serves all ratios.
    pub fn ranks(&self) -> bool {
        self.reducer.ranks() == Support::Yes
    }
}

/// The file and the line of a key, such as `energy.country` or `method.1.name`; where that is left out, of what it is in.
fn place(text: &str, name: &str, key: &str) -> String {
    use toml::de::{DeTable, DeValue};
    let Ok(document) = DeTable::parse(text) else { return name.to_owned() };
    let (mut table, mut at, mut parts) = (document.get_ref(), None, key.split('.'));
    while let Some(part) = parts.next() {
        let Some((found, value)) = table.iter().find(|(found, _)| found.get_ref() == part) else { break };
        at = Some(found.span().start);
        let value = match (value.get_ref(), &mut parts) {
            (DeValue::Array(list), parts) => {
                let Some(one) = parts.next().and_then(|i| list.get(i.parse::<usize>().ok()?)) else { break };
                at = Some(one.span().start);
                one.get_ref()
            }
            (value, _) => value,
        };
        let DeValue::Table(inner) = value else { break };
        table = inner;
    }
    at.map_or_else(|| name.to_owned(), |at| format!("{name}: line {}", line_at(text, at)))
}

/// The line of a byte of the text, counted from 1.
fn line_at(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

/// What the TOML reader says, in one line with the key's place.
fn malformed(text: &str, name: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map(|span| line_at(text, span.start));
    let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}: line {line}"));
    let message = error.message().replace('\n', " ");
    // "unknown field `foo`, expected one of `bar`, `baz`": the words in backquotes.
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (message.strip_prefix("unknown field"), quoted.as_slice()) {
        (Some(_), [unknown, known @ ..]) => {
            let hint = match nearest(unknown, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("known here: {}", known.join(", ")),
            };
            Error::new(format!("{place}: there is no key '{unknown}'"), hint)
        }
        _ => {
            // "invalid type: string "all", expected a sequence", of the key on that line.
            let key = line.and_then(|line| text.lines().nth(line - 1)?.split_once('=').map(|pair| pair.0.trim()));
            let plain = message.replace('`', "'");
            let wrong = ["invalid type: ", "invalid value: ", "unknown variant "];
            let wrong = wrong.iter().find_map(|begin| plain.strip_prefix(begin)?.split_once(", expected "));
            let said = match (key, wrong) {
                (Some(key), Some((value, expected))) => format!("{key} must be {}, not {value}", in_words(expected)),
                _ => plain,
            };
            Error::new(format!("{place}: {said}"), "docs/experiments.md describes every key, and plans/ holds examples")
        }
    }
}

/// What the reader expects, for people.
fn in_words(expected: &str) -> String {
    match expected {
        "a sequence" => "a list".into(),
        "u64" | "u32" | "usize" => "a whole number of at least 0".into(),
        "f64" => "a number".into(),
        "a character" => "one character".into(),
        "a string" => "text".into(),
        "a map" => "a table, { key = value }".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "title = \"t\"\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[reduce]\nratios = [0.5, 1, 0.1]\n[[method]]\nname = \"MMS\"\nparameters = { start = \"first\" }\n";

    #[test]
    fn what_is_left_out_is_the_papers() {
        let plan = Plan::parse(SMALL, "t.toml").expect("a plan");
        let About::Table(table) = &plan.about else { panic!("of a table") };
        assert_eq!(table.model.hidden, [50, 45, 40, 35, 30, 25, 20, 15, 10]);
        assert_eq!((plan.repetitions, table.split.test, table.model.epochs), (10, 0.25, 150));
        // Full training is not a ratio: it is always run.
        assert_eq!(plan.reduce.ratios, [0.1, 0.5]);
        assert_eq!(plan.methods[0].label(), "maxmin");
        assert_eq!(plan.methods[0].chooser(&plan.about).expect("a method").reducer.params().text("start"), "first");
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named_with_its_line() {
        let refused = |from: &str, to: &str| {
            assert!(SMALL.contains(from), "{from}");
            Plan::parse(&SMALL.replacen(from, to, 1), "t.toml").expect_err("no plan").to_string()
        };
        let energy = |keys: &str| refused("[[method]]", &format!("[energy]\n{keys}\n[[method]]"));
        assert_eq!(
            energy("# whose\ncountry = \"Spane\""),
            "t.toml: line 9: energy.country: there is no carbon intensity of a country 'Spane'"
        );
        assert_eq!(
            energy("country = \"ESP\"\ncarbon_intensity = 10"),
            "t.toml: line 9: energy has both country and carbon_intensity"
        );
        assert_eq!(energy("watts = -1"), "t.toml: line 8: energy.watts must be above 0, not -1");
        assert_eq!(
            refused("ratios = [0.5, 1, 0.1]", "ratios = [0.5, 2]"),
            "t.toml: line 6: each of reduce.ratios must be in (0, 1], not 2"
        );
        // Inline, and of a method.
        assert_eq!(
            refused("[data]", "energy = { watts = 0 }\n[data]"),
            "t.toml: line 2: energy.watts must be above 0, not 0"
        );
        assert_eq!(refused("\"MMS\"", "\"MNS\""), "t.toml: line 8: there is no method 'MNS'");
        let twice = format!("{SMALL}[[method]]\nname = \"maxmin\"\n");
        let error = Plan::parse(&twice, "t.toml").expect_err("the same").to_string();
        assert_eq!(error, "t.toml: line 11: two methods are called 'maxmin'");
    }

    const PICTURES: &str = "title = \"t\"\n[images]\npath = \"d.yaml\"\ngroups = { pets = [\"cat\", \"dog\"] }\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"mms\"\n[detector]\ncommand = \"x {data} {seed}\\n{epochs} 'a {out}'\"\nequal = \"steps\"\n";

    /// What a header says of a plan is the plan, but for its paths: what they lead to is compared.
    #[test]
    fn plans_come_back_from_headers() {
        let plan = Plan::parse(PICTURES, "t.toml").expect("a plan");
        let json = serde_json::to_value(&plan).expect("JSON");
        assert_eq!(json["detector"]["command"], serde_json::json!(["x", "{data}", "{seed}", "{epochs}", "a {out}"]));
        assert_eq!((&json["detector"]["epochs"], &json["detector"]["batch"]), (&100.into(), &16.into()));
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(
            keys,
            ["title", "seed", "repetitions", "images", "features", "reduce", "method", "detector", "energy"]
        );
        let mut expected = plan.clone();
        let About::Pictures(pictures) = &mut expected.about else { panic!("of pictures") };
        assert_eq!(pictures.images.path.take(), Some("d.yaml".into()));
        assert_eq!(serde_json::from_value::<Plan>(json).expect("a plan"), expected);

        let table = Plan::parse(SMALL, "t.toml").expect("a plan");
        let json = serde_json::to_value(&table).expect("JSON");
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["title", "seed", "repetitions", "data", "split", "reduce", "method", "model", "energy"]);
    }

    #[test]
    fn a_plan_is_about_one_thing() {
        let refused = |from: &str, to: &str| {
            assert!(PICTURES.contains(from), "{from}");
            Plan::parse(&PICTURES.replacen(from, to, 1), "t.toml").expect_err("no plan").to_string()
        };
        assert_eq!(
            refused("[reduce]", "[split]\ntest = 0.5\n[reduce]"),
            "t.toml: line 5: [split] is of tables, and the plan is about pictures"
        );
        assert_eq!(
            refused("[images]\npath = \"d.yaml\"\ngroups = { pets = [\"cat\", \"dog\"] }\n", ""),
            "t.toml: the plan has neither [data] nor [images]"
        );
        assert_eq!(
            refused("{seed}", "{sede}"),
            "t.toml: line 10: detector.command: '{sede}' has {sede}, which is none of {data}, {seed}, {epochs}, {batch}, {steps}, {out}"
        );
        assert_eq!(refused("{seed}", ""), "t.toml: line 10: detector.command has no {seed}");
        assert_eq!(
            refused("equal = \"steps\"", "results = \"{out\""),
            "t.toml: line 11: detector.results: '{out' has a brace without its other: {{ and }} stand for braces"
        );
        assert_eq!(
            refused("\"mms\"", "\"el2n\""),
            "t.toml: line 8: el2n watches a model train, and for pictures there is no log of that"
        );
        let clc = "\"clc\"\nparameters = { output = \"rows\" }";
        assert!(Plan::parse(&PICTURES.replacen("\"mms\"", clc, 1), "t.toml").is_ok());
        let table = SMALL.replace("[[method]]", "[features]\n[[method]]");
        let error = Plan::parse(&table, "t.toml").expect_err("no plan").to_string();
        assert_eq!(error, "t.toml: line 7: [features] is of pictures, and the plan is about a table");
    }

    #[test]
    fn seeds_differ_by_repetition_and_purpose_and_fit_json() {
        let plan = Plan::parse(SMALL, "t.toml").expect("a plan");
        let mut seeds = std::collections::BTreeSet::new();
        for repetition in 0..50 {
            for purpose in [Purpose::Split, Purpose::Method, Purpose::Model] {
                let seed = plan.seed_of(purpose, repetition);
                assert!(seed < 1 << 53);
                assert!(seeds.insert(seed));
            }
        }
    }
}
