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
//! hidden = [64, 64]
//! ```
//!
//! A plan for images has `[images]`, `[features]` and `[detector]` in place of `[data]`, `[split]` and `[model]`.
//! Every key is described in docs/experiments.md. A key that is not known is an error, and so is a value that cannot
//! be used: nothing is ignored.

mod detector;
mod images;
mod locate;
mod methods;
mod model;
pub mod seeds;
mod table;

use std::path::Path;

use leanset_core::Scope;
use leanset_core::distance::Metric;
use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::images::{Division, EmbeddingModel, Features};
use leanset_spec::{Balance, Columns, Energy, Power, Scale, Training};
use serde::{Deserialize, Serialize};

use crate::run_key::RunKey;
use crate::vocabulary::{self, TaskVocabulary};

pub use detector::{DetectorPlan, EqualTraining, ResultEpoch};
pub use images::{ImagePlan, ImagesSection};
use locate::{Section, Text, malformed, place};
pub use methods::{ConfiguredMethod, MethodPlan};
use model::Defaults;
pub use model::{ModelKind, ModelPlan, ModelSettings, Models};
use seeds::{Purpose, Seeds, apart, seed_of};
pub use table::{DataSection, SplitSection, TablePlan};

/// The method that the others are compared with.
const RANDOM: &str = "stratified-random";

/// The name of full training among the methods.
pub const FULL: &str = "full";

/// What every comparison has beside the methods, where a model is trained in epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// All rows, for fewer epochs: as many gradient steps as the rows of the ratio take in the epochs of the model.
    FullFewerEpochs,
    /// A fresh stratified sample in each epoch (RS2, arXiv:2305.18424), as many rows as the ratio keeps.
    Rs2,
}

impl Baseline {
    /// Both.
    pub const ALL: [Self; 2] = [Self::FullFewerEpochs, Self::Rs2];

    /// Its name among the methods.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullFewerEpochs => "full-fewer-epochs",
            Self::Rs2 => "rs2",
        }
    }

    /// What it is, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::FullFewerEpochs => {
                "all rows, for as many epochs as have the gradient steps that the kept rows take in the epochs of the model."
            }
            Self::Rs2 => "a fresh stratified sample in each epoch, so that all rows are needed.",
        }
    }
}

/// The most repetitions: enough for any interval, and a slip of the finger is caught.
const MOST_REPETITIONS: u32 = 1_000;

/// A plan with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PlanFile", into = "PlanFile")]
pub struct Plan {
    /// The title of the report.
    pub title: String,
    /// The seed of all randomness: splits, methods, models.
    pub seed: u64,
    /// How often every run is repeated, each time with other seeds.
    pub repetitions: u32,
    /// What is reduced, and what is trained on it.
    pub task: TaskPlan,
    /// How much is kept, and how ε is measured.
    pub reduce: ReduceSection,
    /// The methods that are compared.
    pub methods: Vec<MethodPlan>,
    /// What they are compared with, beside full training.
    pub baselines: Vec<Baseline>,
    /// Energy and carbon.
    pub energy: Energy,
}

/// What is reduced, and what is trained on it.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskPlan {
    /// A table and a model.
    Table(TablePlan),
    /// Images and a detector.
    Images(ImagePlan),
}

/// A plan as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    title: String,
    #[serde(default)]
    seed: u64,
    #[serde(default = "default_repetitions")]
    repetitions: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<DataSection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    images: Option<ImagesSection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    features: Option<Features>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split: Option<SplitSection>,
    reduce: ReduceSection,
    #[serde(rename = "method")]
    methods: Vec<MethodPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    baselines: Option<Vec<Baseline>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Models>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detector: Option<DetectorPlan>,
    #[serde(default)]
    energy: Energy,
}

/// Sections or keys that exclude one another: the key, what is wrong, the hint.
struct WrongCombination(&'static str, String, &'static str);

impl std::fmt::Display for WrongCombination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.1)
    }
}

/// A plan in a header: what it does not say is as it was before it could be said.
impl TryFrom<PlanFile> for Plan {
    type Error = WrongCombination;

    fn try_from(file: PlanFile) -> std::result::Result<Self, WrongCombination> {
        let mut plan = Self::of_file(file, Defaults::Legacy)?;
        // Such a plan was checked when it was made.
        let _ = plan.fill_methods(Defaults::Legacy, &|_| String::new());
        Ok(plan)
    }
}

impl Plan {
    fn of_file(file: PlanFile, defaults: Defaults) -> Result<Self, WrongCombination> {
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
            baselines,
            model,
            detector,
            energy,
        } = file;
        let of = |key: &'static str, what: &str| {
            WrongCombination(
                key,
                format!("[{key}] is for {what}"),
                "a plan has [data], [split], [model], or [images], [features], [detector]",
            )
        };
        let tabular = data.is_some();
        let task = match (data, images) {
            (Some(_), Some(_)) => {
                return Err(WrongCombination(
                    "images",
                    "the plan has both [data] and [images]".into(),
                    "keep one of them",
                ));
            }
            (None, None) => {
                let what = "the plan has neither [data] nor [images]".into();
                return Err(WrongCombination("", what, "[data] names a table, [images] an image dataset"));
            }
            (Some(data), None) => {
                if let Some(key) =
                    [("features", features.is_some()), ("detector", detector.is_some())].iter().find(|k| k.1)
                {
                    return Err(of(key.0, "images, and the plan is for a table"));
                }
                let (split, models) = (split.unwrap_or_default(), model.unwrap_or_default().filled(defaults));
                TaskPlan::Table(TablePlan { data, split, models })
            }
            (None, Some(images)) => {
                if let Some(key) =
                    [("split", split.is_some()), ("model", model.is_some()), ("baselines", baselines.is_some())]
                        .iter()
                        .find(|k| k.1)
                {
                    return Err(of(key.0, "tables, and the plan is for images"));
                }
                let Some(detector) = detector else {
                    let what = "the plan has [images] and no [detector]".into();
                    return Err(WrongCombination(
                        "images",
                        what,
                        "add [detector] with the command that trains the detector",
                    ));
                };
                TaskPlan::Images(ImagePlan { images, features: features.unwrap_or_default(), detector })
            }
        };
        let baselines = baselines.unwrap_or_else(|| match (tabular, defaults) {
            (true, Defaults::Current) => Baseline::ALL.to_vec(),
            _ => Vec::new(),
        });
        Ok(Self { title, seed, repetitions, task, reduce, methods, baselines, energy })
    }
}

impl From<Plan> for PlanFile {
    fn from(plan: Plan) -> Self {
        let Plan { title, seed, repetitions, task, reduce, methods, baselines, energy } = plan;
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
            baselines: None,
            model: None,
            detector: None,
            energy,
        };
        match task {
            TaskPlan::Table(TablePlan { data, split, models }) => {
                (file.data, file.split, file.model) = (Some(data), Some(split), Some(models));
                file.baselines = Some(baselines);
            }
            TaskPlan::Images(mut plan) => {
                // What files hold is compared on resuming, and not where they are.
                plan.files().into_iter().for_each(|path| *path = None);
                let ImagePlan { images, features, detector } = plan;
                (file.images, file.features, file.detector) = (Some(images), Some(features), Some(detector));
            }
        }
        file
    }
}

/// How much is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceSection {
    /// Fractions of the training rows. 1 is full training, which is always run.
    pub ratios: Vec<f64>,
    /// How classes share a ratio.
    #[serde(default, skip_serializing_if = "is_proportional")]
    pub balance: Balance,
    /// The metric of ε.
    #[serde(default = "default_metric")]
    pub metric: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_proportional(balance: &Balance) -> bool {
    *balance == Balance::Proportional
}

fn default_repetitions() -> u32 {
    10
}

fn default_metric() -> String {
    "chebyshev".into()
}

/// The sections that contain settings of other faces, and keys of their own.
fn sections() -> [Section; 5] {
    [
        Section::of::<Training>("model", &[]).and::<ModelSettings>(),
        Section::of::<Columns>("data", &DataSection::KEYS),
        Section::of::<Division>("images", &ImagesSection::KEYS),
        Section::of::<EmbeddingModel>("features", &images::FEATURE_KEYS),
        Section::of::<Power>("energy", &["country", "carbon_intensity"]),
    ]
}

/// What a path names that is given in place of a plan: a table or an image dataset.
fn other_input(path: &Path) -> Option<&'static str> {
    if path.is_dir() {
        return Some("a folder");
    }
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "yaml" | "yml" => Some("a YAML file"),
        "json" => Some("a JSON file"),
        _ => leanset_tables::format_of_path(path).ok().map(|_| "a table"),
    }
}

impl Plan {
    /// Reads a plan and checks everything that can be checked without the data.
    ///
    /// # Errors
    /// The file cannot be read; an unknown key; a value that cannot be used.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        if let Some(what) = other_input(path) {
            return Err(Problem::new(format!("{name}: is {what}; an experiment needs a plan, a TOML file that names its data")).hint("copy one of plans/*.toml, or the example of docs/experiments.md, and write the name of your data into it"));
        }
        let text = leanset_problem::files::read_given_text(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::InvalidData => {
                Problem::new(format!("{name}: is not a text file")).hint("a plan is a TOML file: docs/experiments.md")
            }
            _ => Problem::io(format!("{}: cannot be read", path.display()), e),
        })?;
        let mut plan = Self::parse(&text, &name.to_string())?;
        let Some(folder) = path.parent() else { return Ok(plan) };
        match &mut plan.task {
            TaskPlan::Table(table) => {
                if let Some(paths) = &mut table.data.path {
                    *paths = paths.as_slice().iter().map(|path| folder.join(path)).collect::<Vec<_>>().into();
                }
            }
            TaskPlan::Images(images) => {
                images.files().into_iter().flatten().for_each(|file| *file = folder.join(&*file));
            }
        }
        Ok(plan)
    }

    /// A plan that was made of its parts, with the defaults of its methods filled in as those of a file are.
    ///
    /// # Errors
    /// A method or a parameter that cannot be used.
    pub fn filled(mut self) -> Result<Self> {
        self.fill_methods(Defaults::Current, &|_| "the plan".to_owned())?;
        Ok(self)
    }

    /// Reads a plan from text; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let file: PlanFile = toml::from_str(text).map_err(|e| malformed(text, name, &e, &sections()))?;
        let mut plan = Self::of_file(file, Defaults::Current).map_err(|WrongCombination(key, what, hint)| {
            Problem::new(format!("{}: {what}", place(text, name, key))).hint(hint)
        })?;
        plan.check(&Text { text, name })?;
        plan.fill_methods(Defaults::Current, &|i| place(text, name, &format!("method.{i}.name")))?;
        for (i, method) in plan.methods.iter().enumerate() {
            let (TaskPlan::Table(table), Some(true)) = (&plan.task, method.continues) else { continue };
            for model in table.models() {
                let place = || place(text, name, &format!("method.{i}.continue"));
                if !model.is_perceptron() {
                    return Err(Problem::new(format!(
                        "{}: continue goes on training the model of the warm-up, and '{}' is no perceptron",
                        place(),
                        model.title()
                    ))
                    .hint("leave out continue, or that model"));
                }
                let warm_up = method.warm_up.unwrap_or_default();
                if model.epochs() <= warm_up {
                    return Err(Problem::new(format!(
                        "{}: warm_up is {warm_up} epochs, and '{}' has {}",
                        place(),
                        model.title(),
                        model.epochs()
                    ))
                    .hint("at least one epoch is for the rows that are kept"));
                }
            }
        }
        for (i, method) in plan.methods.iter().enumerate() {
            let label = method.label();
            let place = |key| place(text, name, &format!("method.{i}.{key}"));
            if label == FULL {
                return Err(Problem::new(format!(
                    "{}: method.label is '{FULL}', which is the name of full training",
                    place("label")
                ))
                .hint("call it otherwise"));
            }
            if plan.baselines.iter().any(|baseline| baseline.name() == label) {
                let what = format!("{}: method.label is '{label}', which is the name of a baseline", place("label"));
                return Err(Problem::new(what).hint("call it otherwise, or leave the baseline out of baselines"));
            }
            if plan.methods[..i].iter().any(|m| m.label() == label) {
                return Err(Problem::new(format!("{}: two methods are called '{label}'", place("name")))
                    .hint("tell them apart with label = \"…\", or leave one out"));
            }
        }
        plan.reduce.ratios.retain(|&r| r < 1.0);
        plan.reduce.ratios.sort_by(f64::total_cmp);
        Ok(plan)
    }

    /// Fills in what a method leaves out; `place` says where it is in the document.
    fn fill_methods(&mut self, defaults: Defaults, place: &dyn Fn(usize) -> String) -> Result<()> {
        let observer = self.observer();
        for (i, method) in self.methods.iter_mut().enumerate() {
            let configured = method.configure(observer.as_ref(), defaults).map_err(|problem| problem.at(place(i)))?;
            let id = configured.reducer.info().id;
            method.warm_up = Some(configured.warm_up).filter(|&epochs| epochs > 0);
            method.continues = method.warm_up.map(|_| configured.continues);
            let weighted = observer.is_some() && configured.reducer.info().gives_weights();
            method.weights = weighted.then_some(configured.weights);
            method.label.get_or_insert_with(|| id.to_owned());
            id.clone_into(&mut method.name);
        }
        Ok(())
    }

    fn check(&self, text: &Text<'_>) -> Result<()> {
        if self.title.trim().is_empty() {
            return text.refuse("title", "a line of text", &"''", "title = \"Dry Bean, ten splits\"");
        }
        if !(1..=MOST_REPETITIONS).contains(&self.repetitions) {
            let range = format!("in [1, {MOST_REPETITIONS}]");
            return text.refuse("repetitions", &range, &self.repetitions, "repetitions = 10 is the paper's");
        }
        match &self.task {
            TaskPlan::Table(table) => table.check_data(text)?,
            TaskPlan::Images(images) => images.check_images(text)?,
        }
        if self.reduce.ratios.is_empty() {
            return text.refuse("reduce.ratios", "a list of at least one ratio", &"empty", "ratios = [0.1, 0.2, 0.5]");
        }
        for (i, &ratio) in self.reduce.ratios.iter().enumerate() {
            if !(ratio > 0.0 && ratio <= 1.0) {
                let row = self.vocabulary().row;
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
            let metrics = "chebyshev, euclidean, manhattan or cosine";
            return text.refuse("reduce.metric", metrics, &value, "leave it out for the paper's, chebyshev");
        }
        if self.methods.is_empty() {
            return text.wrong("", "the plan has no method", "[[method]] with name = \"srs\" adds one");
        }
        match &self.task {
            TaskPlan::Table(table) => table.models.check(text)?,
            TaskPlan::Images(images) => images.detector.check(text)?,
        }
        for (key, value) in [
            ("carbon_intensity", self.energy.carbon_intensity),
            ("watts", self.energy.power.watts),
            ("tdp", self.energy.power.tdp),
        ] {
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

    /// The path of its data; none of data inside the program.
    pub fn data_path(&self) -> Option<&Path> {
        match &self.task {
            TaskPlan::Table(table) => table.data.path.as_ref()?.as_slice().first().map(std::path::PathBuf::as_path),
            TaskPlan::Images(images) => images.images.path.as_deref(),
        }
    }

    /// With the runs of another plan, which agrees with this one in all that both have. The title is that of the other.
    pub(crate) fn add(&mut self, other: &Self) {
        fn join<T: Clone>(own: &mut Vec<T>, other: &[T], same: impl Fn(&T, &T) -> bool) {
            for item in other {
                if !own.iter().any(|known| same(known, item)) {
                    own.push(item.clone());
                }
            }
        }
        self.title.clone_from(&other.title);
        self.repetitions = self.repetitions.max(other.repetitions);
        join(&mut self.reduce.ratios, &other.reduce.ratios, |a, b| a == b);
        self.reduce.ratios.sort_by(f64::total_cmp);
        join(&mut self.methods, &other.methods, |a, b| a.label() == b.label());
        join(&mut self.baselines, &other.baselines, |a, b| a == b);
        if let (TaskPlan::Table(own), TaskPlan::Table(other)) = (&mut self.task, &other.task) {
            own.models.add(&other.models);
        }
    }

    /// The name of stratified random among the methods, with which the others are compared; none if it is not there.
    pub fn random(&self) -> Option<&str> {
        self.methods.iter().find(|method| method.name == RANDOM).map(MethodPlan::label)
    }

    /// The words and the measures of its task.
    pub fn vocabulary(&self) -> &'static TaskVocabulary {
        match self.task {
            TaskPlan::Table(_) => &vocabulary::TABLE,
            TaskPlan::Images(_) => &vocabulary::IMAGES,
        }
    }

    /// The metric of ε.
    pub fn metric(&self) -> Metric {
        self.reduce.metric.parse().unwrap_or_default()
    }

    /// The plan with the scale of its columns, which depends on the table where the plan does not say it.
    #[must_use]
    pub fn with_scale(&self, scale: Scale) -> Self {
        let mut plan = self.clone();
        if let TaskPlan::Table(table) = &mut plan.task {
            table.data.columns.scale.get_or_insert(scale);
        }
        plan
    }

    /// The methods with their parameters checked, in the order of the plan.
    ///
    /// # Errors
    /// An unknown method or parameter, a value that cannot be used, a method that is not for this task.
    pub fn configured_methods(&self) -> Result<Vec<ConfiguredMethod>> {
        let observer = self.observer();
        let configure = |method: &MethodPlan| {
            let configured = method.configure(observer.as_ref(), Defaults::Current)?;
            let balance = self.reduce.balance;
            if balance != Balance::Proportional && configured.reducer.scope() == Scope::Global {
                return Err(Problem::new(text![
                    setting::BALANCE_CLASSES.to(balance),
                    format!(
                        ": {} chooses over all classes at once, and they share a budget as its scores say",
                        method.label()
                    )
                ])
                .hint(text!["leave ", &setting::BALANCE_CLASSES, " or the method out"]));
            }
            Ok(configured)
        };
        self.methods.iter().map(configure).collect()
    }

    /// The model whose training methods observe; none where a detector is trained.
    fn observer(&self) -> Option<ModelPlan> {
        match &self.task {
            TaskPlan::Table(table) => Some(table.observer()),
            TaskPlan::Images(_) => None,
        }
    }

    /// The name of each model, none for one that needs none.
    pub fn model_names(&self) -> Vec<Option<&str>> {
        match &self.task {
            TaskPlan::Table(table) => table.models().iter().map(ModelPlan::name).collect(),
            TaskPlan::Images(_) => vec![None],
        }
    }

    /// Whether a model, given by its index, has this baseline: one that is trained in epochs, and for fresh samples the one inside.
    pub fn has_baseline(&self, baseline: Baseline, model: usize) -> bool {
        match (&self.task, baseline) {
            (TaskPlan::Table(table), Baseline::FullFewerEpochs) => table.models()[model].trains_in_epochs(),
            (TaskPlan::Table(table), Baseline::Rs2) => table.models()[model].is_perceptron(),
            (TaskPlan::Images(_), _) => false,
        }
    }

    /// The seeds of a repetition.
    pub fn seeds(&self, repetition: u32) -> Seeds {
        let of = |purpose| seed_of(self.seed, purpose, repetition);
        let (split, model) = match self.task {
            TaskPlan::Table(_) => (Some(of(Purpose::Split)), of(Purpose::Model)),
            // Below 2³¹: more than NumPy's 2³² − 1 is refused by trainers that seed it.
            TaskPlan::Images(_) => (None, of(Purpose::Model) >> 22),
        };
        Seeds { split, method: of(Purpose::Method), model }
    }

    /// The seeds of a run of a method, which may have a seed of its own.
    pub fn seeds_of(&self, repetition: u32, label: &str) -> Seeds {
        let seeds = self.seeds(repetition);
        let own = self.methods.iter().find(|method| method.label() == label).and_then(|method| method.seed);
        let method = own.map_or(seeds.method, |own| apart(seeds.method, own));
        Seeds { method, ..seeds }
    }
}

/// Every run of a plan, in its order.
pub fn runs(plan: &Plan) -> Vec<RunKey> {
    let mut runs = Vec::new();
    let models = plan.model_names();
    for repetition in 0..plan.repetitions {
        let key = |method: &str, model: Option<&str>, ratio: f64| RunKey::new(repetition, method, model, ratio);
        runs.extend(models.iter().map(|model| key(FULL, *model, 1.0)));
        for baseline in &plan.baselines {
            for (_, model) in models.iter().enumerate().filter(|(index, _)| plan.has_baseline(*baseline, *index)) {
                runs.extend(plan.reduce.ratios.iter().map(|&ratio| key(baseline.name(), *model, ratio)));
            }
        }
        for method in &plan.methods {
            for &ratio in &plan.reduce.ratios {
                runs.extend(models.iter().map(|model| key(method.label(), *model, ratio)));
            }
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "title = \"t\"\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[reduce]\nratios = [0.5, 1, 0.1]\n[[method]]\nname = \"MMS\"\nparameters = { start = \"first\" }\n";

    #[test]
    fn plan_has_its_defaults() {
        let plan = Plan::parse(SMALL, "t.toml").expect("a plan");
        let TaskPlan::Table(table) = &plan.task else { panic!("for a table") };
        let [model] = table.models() else { panic!("one model") };
        assert_eq!((model.name(), model.epochs(), model.settings.equal), (None, 50, Some(EqualTraining::Steps)));
        assert_eq!((model.training.hidden.as_deref(), model.training.dropout), (Some(&[64, 64][..]), Some(0.0)));
        assert_eq!((plan.repetitions, table.split.test), (10, 0.25));
        assert_eq!(plan.baselines, Baseline::ALL);
        // Full training is not a ratio: it is always run.
        assert_eq!(plan.reduce.ratios, [0.1, 0.5]);
        assert_eq!(plan.methods[0].label(), "maxmin");
        assert_eq!(plan.configured_methods().expect("methods")[0].reducer.params().text("start"), "first");
    }

    #[test]
    fn plan_errors_name_the_value_and_its_line() {
        let refused = |from: &str, to: &str| {
            assert!(SMALL.contains(from), "{from}");
            Plan::parse(&SMALL.replacen(from, to, 1), "t.toml").expect_err("no plan").to_string()
        };
        let energy = |keys: &str| refused("[[method]]", &format!("[energy]\n{keys}\n[[method]]"));
        assert_eq!(
            energy("# whose\ncountry = \"Spane\""),
            "t.toml: line 9: energy.country: there is no carbon intensity for the country 'Spane'"
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

    const IMAGES: &str = "title = \"t\"\n[images]\npath = \"d.yaml\"\ngroups = { pets = [\"cat\", \"dog\"] }\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"mms\"\n[detector]\ncommand = \"x {data} {seed}\\n{epochs} 'a {out}'\"\nequal = \"steps\"\n";

    /// What a header says of a plan is the plan, but for its paths: what they lead to is compared.
    #[test]
    fn plan_survives_serialization_in_a_header() {
        let plan = Plan::parse(IMAGES, "t.toml").expect("a plan");
        let json = serde_json::to_value(&plan).expect("JSON");
        assert_eq!(json["detector"]["command"], serde_json::json!(["x", "{data}", "{seed}", "{epochs}", "a {out}"]));
        assert_eq!((&json["detector"]["epochs"], &json["detector"]["batch"]), (&100.into(), &16.into()));
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(
            keys,
            ["title", "seed", "repetitions", "images", "features", "reduce", "method", "detector", "energy"]
        );
        // The report shows it as TOML.
        let text = toml::to_string_pretty(&plan).expect("TOML");
        assert!(text.contains("[images.groups]") && text.contains("balance = false"), "{text}");
        let mut expected = plan.clone();
        let TaskPlan::Images(images) = &mut expected.task else { panic!("for images") };
        assert_eq!(images.images.path.take(), Some("d.yaml".into()));
        assert_eq!(serde_json::from_value::<Plan>(json).expect("a plan"), expected);

        let table = Plan::parse(SMALL, "t.toml").expect("a plan");
        let json = serde_json::to_value(&table).expect("JSON");
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        let expected =
            ["title", "seed", "repetitions", "data", "split", "reduce", "method", "baselines", "model", "energy"];
        assert_eq!(keys, expected);
    }

    #[test]
    fn plan_names_the_line_of_a_setting_that_other_faces_have_too() {
        let refused = |text: &str| {
            let problem = Plan::parse(text, "t.toml").expect_err("no plan");
            (problem.to_string(), problem.hint.map(|hint| hint.to_string()).unwrap_or_default())
        };
        let data = |key: &str| refused(&SMALL.replace("label = ", &format!("{key}\nlabel = ")));
        assert_eq!(
            data("exlude = [\"a\"]"),
            ("t.toml: line 4: there is no key 'exlude'".into(), "did you mean 'exclude'?".into())
        );
        assert_eq!(
            data("scale = \"log\"").0,
            "t.toml: line 4: scale must be one of 'minmax', 'standard', 'none', 'unit', not 'log'"
        );
        assert_eq!(
            data("bins = \"few\"").0,
            "t.toml: line 4: bins must be a whole number of at least 0, not string \"few\""
        );
        assert_eq!(data("path2 = 1").0, "t.toml: line 4: there is no key 'path2'");
        let features = IMAGES.replace("[reduce]", "[features]\nmodel = \"m.onnx\"\nfit = \"wide\"\n[reduce]");
        assert_eq!(
            refused(&features).0,
            "t.toml: line 7: fit must be one of 'letterbox', 'stretch', 'crop', 'native', not 'wide'"
        );
        let energy = SMALL.replace("[reduce]", "[energy]\nwat = 3\n[reduce]");
        assert_eq!(refused(&energy), ("t.toml: line 6: there is no key 'wat'".into(), "did you mean 'watts'?".into()));
        let unlabelled = SMALL.replace("label = \"kind\"\n", "");
        assert_eq!(refused(&unlabelled).0, "t.toml: line 2: data has no label");
    }

    #[test]
    fn plan_has_several_models() {
        let models = "[[model]]\nkind = \"logistic\"\n[[model]]\nname = \"near\"\nkind = \"neighbors\"\nneighbors = 5\n\
                      [[model]]\nkind = \"kernel-ridge\"\n[[model]]\nepochs = 7\n";
        let plan = Plan::parse(&format!("{SMALL}{models}"), "t.toml").expect("a plan");
        assert_eq!(plan.model_names(), [Some("logistic"), Some("near"), Some("kernel-ridge"), Some("mlp")]);
        assert_eq!([0, 1, 2, 3].map(|model| plan.has_baseline(Baseline::Rs2, model)), [false, false, false, true]);
        // Two ratios: full training and a method of each model, and the baselines of one.
        assert_eq!(runs(&plan).len(), 10 * (4 + 4 * 2 + 2 * 2));
        let again: Plan = serde_json::from_str(&serde_json::to_string(&plan).expect("JSON")).expect("a plan");
        assert_eq!(again.model_names(), plan.model_names());
        let text = toml::to_string(&plan).expect("TOML");
        assert!(text.contains("[[model]]"), "{text}");

        let own = "[[model]]\ncommand = \"train {train} {test} {epochs}\"\n[[model]]\nname = \"own\"\ncommand = [\"x\", \"{train}\", \"{test}\"]\n";
        let plan = Plan::parse(&format!("{SMALL}{own}"), "t.toml").expect("a plan");
        assert_eq!(plan.model_names(), [Some("command"), Some("own")]);
        assert!(plan.has_baseline(Baseline::FullFewerEpochs, 0) && !plan.has_baseline(Baseline::FullFewerEpochs, 1));
        assert!(!plan.has_baseline(Baseline::Rs2, 0));

        let refused = |models: &str| {
            let problem = Plan::parse(&format!("{SMALL}{models}"), "t.toml").expect_err("no plan");
            (problem.to_string(), problem.hint.map(|hint| hint.to_string()).unwrap_or_default())
        };
        assert_eq!(
            refused("[[model]]\nkind = \"logistic\"\n[[model]]\nkind = \"boosting\"\n").0,
            "t.toml: line 13: kind must be one of 'mlp', 'logistic', 'neighbors', 'kernel-ridge', 'command', not 'boosting'"
        );
        assert_eq!(
            refused("[model]\nkind = \"logistic\"\nepochs = 3\n").0,
            "t.toml: line 12: model.epochs is for kind = \"mlp\", and the kind is \"logistic\""
        );
        assert_eq!(
            refused("[[model]]\n[[model]]\nkind = \"mlp\"\n"),
            ("t.toml: line 11: two models are called 'mlp'".into(), "tell them apart with name = \"…\"".into())
        );
        assert_eq!(
            refused("[[model]]\n[[model]]\nname = \"b\"\nneighbours = 3\n"),
            ("t.toml: line 13: there is no key 'neighbours'".into(), "did you mean 'neighbors'?".into())
        );
        assert_eq!(
            refused("[model]\ncommand = \"x {train} {data}\"\n").0,
            "t.toml: line 11: model.command: '{data}' has {data}, which is not one of {train}, {test}, {seed}, {epochs}, {batch}, \
             {steps}, {out}, {label}, {weights}"
        );
        assert_eq!(refused("[model]\ncommand = \"x {train}\"\n").0, "t.toml: line 11: model.command has no {test}");
        assert_eq!(
            refused("[model]\ncommand = \"x {train} {test}\"\nepochs = 3\n").0,
            "t.toml: line 12: model.epochs is for a command with {epochs} or {steps}"
        );
        assert_eq!(
            refused("[model]\ncommand = \"x {train} {test}\"\npredictions = \"p.txt\"\n").0,
            "t.toml: line 12: model.predictions must be below {out}, not 'p.txt'"
        );
        assert_eq!(
            refused("[[model]]\nkind = \"kernel-ridge\"\npenalty = 0\n").0,
            "t.toml: line 12: model.penalty must be above 0, not 0"
        );
    }

    #[test]
    fn plan_trains_from_scratch_unless_it_says_otherwise() {
        let with =
            |keys: &str| format!("{}{keys}", SMALL.replace("\"MMS\"\nparameters = { start = \"first\" }", "\"fes\""));
        let plan = Plan::parse(&with(""), "t.toml").expect("a plan");
        let method = &plan.methods[0];
        assert_eq!((method.warm_up, method.continues), (Some(25), Some(false)));
        let plan = Plan::parse(&with("continue = true\n"), "t.toml").expect("a plan");
        assert_eq!(plan.methods[0].continues, Some(true));
        let refused = |keys: &str| Plan::parse(&with(keys), "t.toml").expect_err("no plan").to_string();
        assert_eq!(
            refused("weights = false\n"),
            "t.toml: line 8: fes: weights is for methods that return weights, and fes does not"
        );
        assert_eq!(
            refused("continue = true\n[model]\nkind = \"logistic\"\n"),
            "t.toml: line 9: continue goes on training the model of the warm-up, and 'logistic' is no perceptron"
        );
        assert!(Plan::parse(&with("warm_up = 99\n"), "t.toml").is_ok());
        assert!(refused("warm_up = 99\ncontinue = true\n").contains("warm_up must be in [1, 49], not 99"));
        let random = SMALL.replace("\"MMS\"\nparameters = { start = \"first\" }", "\"srs\"\ncontinue = true");
        let error = Plan::parse(&random, "t.toml").expect_err("no plan").to_string();
        assert!(error.ends_with("and srs does not"), "{error}");
    }

    /// A header from before plans shared their settings: every key is there, `null` where nothing was given. What it does not
    /// say is as it was then.
    #[test]
    fn plan_reads_the_header_of_an_older_journal() {
        let old = serde_json::json!({
            "title": "t", "seed": 0, "repetitions": 10,
            "data": {
                "embedded": null, "label": "kind", "features": null, "exclude": [], "id": null, "missing": "refuse",
                "scale": "minmax", "bins": null, "format": null, "sheet": null, "delimiter": null
            },
            "split": { "test": 0.25 },
            "reduce": { "ratios": [0.1, 0.5], "metric": "chebyshev" },
            "method": [{ "name": "maxmin", "label": "maxmin", "parameters": { "start": "first" }, "warm_up": null }],
            "model": {
                "hidden": [50, 45, 40, 35, 30, 25, 20, 15, 10], "dropout": 0.25, "epochs": 150, "batch": 32,
                "learning_rate": 0.001
            },
            "energy": { "country": null, "carbon_intensity": null, "watts": null, "tdp": null }
        });
        let paper = "baselines = []\n[model]\nhidden = [50, 45, 40, 35, 30, 25, 20, 15, 10]\ndropout = 0.25\nepochs = 150\n\
                     equal = \"epochs\"\n";
        let plan = Plan::parse(&SMALL.replace("[data]", &format!("{paper}[data]")), "t.toml").expect("a plan");
        let mut plan = plan.with_scale(Scale::MinMax);
        let TaskPlan::Table(table) = &mut plan.task else { panic!("for a table") };
        table.data.path = None;
        assert_eq!(serde_json::from_value::<Plan>(old.clone()).expect("a plan"), plan);
        // Methods that use training dynamics went on from their warm-up.
        let mut dynamics = old;
        dynamics["method"] =
            serde_json::json!([{ "name": "forgetting-events", "label": "fes", "parameters": {}, "warm_up": 50 }]);
        let plan = serde_json::from_value::<Plan>(dynamics).expect("a plan");
        assert_eq!((plan.methods[0].warm_up, plan.methods[0].continues), (Some(50), Some(true)));
        // And nothing was trained with weights.
        let mut weights = serde_json::to_value(&plan).expect("JSON");
        weights["method"] =
            serde_json::json!([{ "name": "protodash", "label": "p", "parameters": {}, "warm_up": null }]);
        let plan = serde_json::from_value::<Plan>(weights).expect("a plan");
        assert_eq!(plan.methods[0].weights, Some(false));
        let text = SMALL.replace("\"MMS\"\nparameters = { start = \"first\" }", "\"prd\"");
        assert_eq!(Plan::parse(&text, "t.toml").expect("a plan").methods[0].weights, Some(true));
    }

    #[test]
    fn plan_reads_every_plan_of_the_repository() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plans");
        let mut read = 0;
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                Plan::read(&path).unwrap_or_else(|problem| panic!("{problem}"));
                read += 1;
            }
        }
        assert!(read >= 6, "{read} plans");
    }

    #[test]
    fn plan_read_says_that_a_table_is_no_plan() {
        let problem = Plan::read(Path::new("some/table.csv")).expect_err("a table");
        assert_eq!(
            problem.to_string(),
            "some/table.csv: is a table; an experiment needs a plan, a TOML file that names its data"
        );
    }

    #[test]
    fn plan_refuses_sections_of_another_task() {
        let refused = |from: &str, to: &str| {
            assert!(IMAGES.contains(from), "{from}");
            Plan::parse(&IMAGES.replacen(from, to, 1), "t.toml").expect_err("no plan").to_string()
        };
        assert_eq!(
            refused("[reduce]", "[split]\ntest = 0.5\n[reduce]"),
            "t.toml: line 5: [split] is for tables, and the plan is for images"
        );
        assert_eq!(
            refused("[images]\npath = \"d.yaml\"\ngroups = { pets = [\"cat\", \"dog\"] }\n", ""),
            "t.toml: the plan has neither [data] nor [images]"
        );
        assert_eq!(
            refused("{seed}", "{sede}"),
            "t.toml: line 10: detector.command: '{sede}' has {sede}, which is not one of {data}, {seed}, {epochs}, {batch}, {steps}, {out}"
        );
        assert_eq!(refused("{seed}", ""), "t.toml: line 10: detector.command has no {seed}");
        assert_eq!(
            refused("equal = \"steps\"", "results = \"{out\""),
            "t.toml: line 11: detector.results: '{out' has a brace without its other: {{ and }} stand for braces"
        );
        assert_eq!(
            refused("\"mms\"", "\"el2n\""),
            "t.toml: line 8: el2n needs a training log, and there is none for images"
        );
        let clc = "\"clc\"\nparameters = { output = \"rows\" }";
        assert!(Plan::parse(&IMAGES.replacen("\"mms\"", clc, 1), "t.toml").is_ok());
        let table = SMALL.replace("[[method]]", "[features]\n[[method]]");
        let error = Plan::parse(&table, "t.toml").expect_err("no plan").to_string();
        assert_eq!(error, "t.toml: line 7: [features] is for images, and the plan is for a table");
    }

    #[test]
    fn seeds_differ_by_repetition_and_purpose_and_fit_json() {
        let plan = Plan::parse(SMALL, "t.toml").expect("a plan");
        let mut seeds = std::collections::BTreeSet::new();
        for repetition in 0..50 {
            for purpose in [Purpose::Split, Purpose::Method, Purpose::Model] {
                let seed = seed_of(plan.seed, purpose, repetition);
                assert!(seed < 1 << 53);
                assert!(seeds.insert(seed));
            }
        }
    }
}
