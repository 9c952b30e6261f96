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
//! Every key is described in docs/experiments.md. A key that is not known is an error, and so is a value that cannot
//! be used: nothing is ignored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leanset_core::distance::Metric;
use leanset_core::error::nearest;
use leanset_core::methods::Answer;
use leanset_core::params::Value;
use leanset_core::{Reducer, Seed};
use leanset_tables::{EncodeOptions, Format, Missing, Scale};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The name of full training among the methods.
pub const FULL: &str = "full";
/// The most repetitions: enough for any interval, and a slip of the finger is caught.
const MOST_REPETITIONS: u32 = 1_000;

/// An experiment, as its file says, defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What the report is headed with.
    pub title: String,
    /// All randomness comes from it: splits, methods, models.
    #[serde(default)]
    pub seed: u64,
    /// How often everything is done, each time with another split.
    #[serde(default = "ten")]
    pub repetitions: u32,
    /// The table.
    pub data: Data,
    /// How it is split.
    #[serde(default)]
    pub split: Split,
    /// How much is kept, and how ε is measured.
    pub reduce: Reduce,
    /// The methods that are compared.
    #[serde(rename = "method")]
    pub methods: Vec<MethodPlan>,
    /// The model and its training.
    #[serde(default)]
    pub model: ModelPlan,
    /// Energy and carbon.
    #[serde(default)]
    pub energy: EnergyPlan,
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
        if let (Some(file), Some(folder)) = (&plan.data.path, path.parent()) {
            plan.data.path = Some(folder.join(file));
        }
        Ok(plan)
    }

    /// Reads a plan from text; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let mut plan: Self = toml::from_str(text).map_err(|e| malformed(text, name, &e))?;
        plan.check(text, name)?;
        for (i, method) in plan.methods.iter_mut().enumerate() {
            let place = || place(text, name, &format!("method.{i}.name"));
            let chooser = method.chooser(plan.model.epochs).map_err(|e| e.of_file(&place()))?;
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

    fn check(&self, text: &str, name: &str) -> Result<()> {
        let place = |key: &str| place(text, name, key);
        let refuse = |key: &str, constraint: &str, value: &dyn std::fmt::Display, hint: &str| {
            let place = place(key.trim_start_matches("each of "));
            Err(Error::new(format!("{place}: {key} must be {constraint}, not {value}"), hint))
        };
        if self.title.trim().is_empty() {
            return refuse("title", "a line of text", &"''", "title = \"Dry Bean, ten splits\"");
        }
        if !(1..=MOST_REPETITIONS).contains(&self.repetitions) {
            let range = format!("in [1, {MOST_REPETITIONS}]");
            return refuse("repetitions", &range, &self.repetitions, "repetitions = 10 is the paper's");
        }
        match (&self.data.path, &self.data.embedded) {
            (None, None) => {
                return Err(Error::new(
                    format!("{}: data has no path", place("data")),
                    "path = \"table.csv\" names the table, relative to the plan",
                ));
            }
            (Some(_), Some(_)) => {
                let place = place("data.embedded");
                return Err(Error::new(format!("{place}: data has both path and embedded"), "keep one of them"));
            }
            _ => {}
        }
        if self.data.format.as_ref().is_some_and(|f| f.parse::<Format>().is_err()) {
            let value = self.data.format.clone().unwrap_or_default();
            let formats = "csv, tsv, parquet, arrow, npy, npz or xlsx";
            return refuse("data.format", formats, &format!("'{value}'"), "leave it out to go by the file's name");
        }
        if self.data.delimiter.is_some_and(|d| !d.is_ascii()) {
            let value = self.data.delimiter.unwrap_or_default();
            return refuse("data.delimiter", "one ASCII character", &format!("'{value}'"), "delimiter = \";\"");
        }
        if !(self.split.test > 0.0 && self.split.test < 1.0) {
            return refuse("split.test", "in (0, 1)", &self.split.test, "test = 0.25 tests on a quarter of the rows");
        }
        if self.reduce.ratios.is_empty() {
            return refuse("reduce.ratios", "a list of at least one ratio", &"empty", "ratios = [0.1, 0.2, 0.5]");
        }
        for (i, &ratio) in self.reduce.ratios.iter().enumerate() {
            if !(ratio > 0.0 && ratio <= 1.0) {
                return refuse("each of reduce.ratios", "in (0, 1]", &ratio, "0.1 keeps one row in ten");
            }
            if self.reduce.ratios[..i].contains(&ratio) {
                let place = place("reduce.ratios");
                return Err(Error::new(format!("{place}: reduce.ratios has {ratio} twice"), "name it once"));
            }
        }
        if self.reduce.metric.parse::<Metric>().is_err() {
            let value = format!("'{}'", self.reduce.metric);
            let metrics = "chebyshev, euclidean or manhattan";
            return refuse("reduce.metric", metrics, &value, "leave it out for the paper's, chebyshev");
        }
        if self.methods.is_empty() {
            return Err(Error::new(format!("{name}: no method is named"), "[[method]] with name = \"srs\" names one"));
        }
        let model = &self.model;
        if model.hidden.contains(&0) {
            return refuse("each of model.hidden", "at least 1", &0, "hidden = [] is a linear model");
        }
        if !(0.0..1.0).contains(&model.dropout) {
            return refuse("model.dropout", "in [0, 1)", &model.dropout, "dropout = 0 drops nothing");
        }
        if model.epochs == 0 {
            return refuse("model.epochs", "at least 1", &model.epochs, "epochs = 150 is the paper's");
        }
        if model.batch == 0 {
            return refuse("model.batch", "at least 1", &model.batch, "batch = 32 is the paper's");
        }
        if !(model.learning_rate > 0.0 && model.learning_rate.is_finite()) {
            let rate = &model.learning_rate;
            return refuse("model.learning_rate", "above 0", rate, "learning_rate = 0.001 is the paper's");
        }
        for (key, value) in
            [("carbon_intensity", self.energy.carbon_intensity), ("watts", self.energy.watts), ("tdp", self.energy.tdp)]
        {
            if let Some(value) = value.filter(|v| !(*v > 0.0 && v.is_finite())) {
                return refuse(&format!("energy.{key}"), "above 0", &value, "leave it out where it is not known");
            }
        }
        if let Some(country) = &self.energy.country {
            if self.energy.carbon_intensity.is_some() {
                let place = place("energy.carbon_intensity");
                let words = format!("{place}: energy has both country and carbon_intensity");
                return Err(Error::new(words, "keep one of them"));
            }
            leanset_energy::Intensity::of_country(country).map_err(|error| {
                let place = place("energy.country");
                let hint = error.hint().unwrap_or_else(|| "country = \"ESP\"".into());
                Error::new(format!("{place}: energy.country: {error}"), hint)
            })?;
        }
        Ok(())
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

    /// The method with its parameters checked, for a model trained for so many epochs in all.
    ///
    /// # Errors
    /// An unknown method or parameter, a value that cannot be used.
    pub fn chooser(&self, epochs: u32) -> Result<Chooser> {
        let reducer = Reducer::new(&self.name, &self.values()?)?;
        let watches = reducer.info().capabilities.dynamics == Answer::Yes;
        let label = self.label();
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
        self.reducer.ranks() == Answer::Yes
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
        assert_eq!(plan.model.hidden, [50, 45, 40, 35, 30, 25, 20, 15, 10]);
        assert_eq!((plan.repetitions, plan.split.test, plan.model.epochs), (10, 0.25, 150));
        // Full training is not a ratio: it is always run.
        assert_eq!(plan.reduce.ratios, [0.1, 0.5]);
        assert_eq!(plan.methods[0].label(), "maxmin");
        assert_eq!(plan.methods[0].chooser(150).expect("a method").reducer.params().text("start"), "first");
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
