//! The values of an experiment's records: the header, one record per run, costs and scores. [`journal`](crate::journal)
//! stores them.
//!
//! All but `measured` is the same on every machine, for any order of runs and any interruption.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use leanset_statistics::infinite;

use crate::json::unknown;
use crate::plan::Plan;
use crate::plan::seeds::Seeds;
pub use crate::run_key::RunKey;

/// The schema of the header; its number grows when a reader could misunderstand.
pub const SCHEMA: &str = "leanset.runs/1";

/// The name of features that are read from a table.
pub const GIVEN_FEATURES: &str = "given";

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of leanset.
    pub leanset: String,
    /// The plan as used, defaults filled in.
    pub plan: Plan,
    /// The data.
    pub data: DataRecord,
    /// What depends on the machine and the moment; none for a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<SetupCost>,
    /// The plans that runs of the file are of, where they are several: `plan` is then all of them together.
    #[serde(skip)]
    pub plans: Vec<Plan>,
}

impl Header {
    /// Every run of its plans.
    pub fn runs(&self) -> BTreeSet<RunKey> {
        let plans = if self.plans.is_empty() { std::slice::from_ref(&self.plan) } else { &self.plans };
        plans.iter().flat_map(crate::plan::runs).collect()
    }

    /// With the runs of another plan, which agrees with this one in all that both have.
    pub(crate) fn add(&mut self, other: &Plan) {
        if self.plans.is_empty() {
            self.plans.push(self.plan.clone());
        }
        self.plan.add(other);
        self.plans.push(other.clone());
    }
}

/// What was measured before the first run. It is kept on resuming: files that are in memory already are read faster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetupCost {
    /// The cost of computing the features of all images.
    pub features: MeteredCost,
}

/// The data of an experiment. For images, rows are the usable training images, and classes are categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The name of the data.
    pub name: String,
    /// SHA-256 of the file; for images, of the names, contents and objects of the training images.
    pub sha256: String,
    /// Rows that take part.
    pub rows: usize,
    /// Features per row.
    pub dimensions: usize,
    /// Training rows of each split.
    pub training_rows: usize,
    /// The classes, and their rows.
    pub classes: Vec<(String, usize)>,
    /// The name of the features of images; `given` if they are read from a table and their cost is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// Images that detectors are tested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// SHA-256 of the other files that were read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
}

/// One run: a model trained on the rows that a method kept, or on all rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which split, from 0.
    pub repetition: u32,
    /// The name of the method in the plan; `full` is training on all rows.
    pub method: String,
    /// The fraction of the training rows that is kept.
    pub ratio: f64,
    /// The name of the model in the plan; none where it is the only one and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The seeds of the run.
    pub seeds: Seeds,
    /// Rows kept of each class.
    pub kept: Vec<usize>,
    /// ε of the kept rows; "inf" if a class is lost.
    #[serde(with = "infinite")]
    pub epsilon: f64,
    /// The scores of the model.
    #[serde(flatten)]
    pub scores: ModelScores,
    /// Whether the model was trained with the weights of the method.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weighted: bool,
    /// For a classifier on all rows, the accuracy of a linear one on the same split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear_accuracy: Option<f64>,
    /// Gradient steps.
    pub steps: Steps,
    /// Codes of warnings.
    pub warnings: Vec<String>,
    /// What depends on the machine and the moment.
    pub measured: Measurements,
}

/// The scores of a model, by task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ModelScores {
    /// Of a classifier, on test rows.
    Classifier(ClassifierScores),
    /// Of an object detector, on validation images.
    Detector(DetectorScores),
}

impl ModelScores {
    /// The measures of [`TaskVocabulary`](crate::vocabulary::TaskVocabulary), in its order.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Classifier(s) => vec![s.accuracy, s.precision, s.recall, s.f1, s.worst_recall()],
            Self::Detector(s) => vec![s.map50_95, s.map50, s.precision, s.recall],
        }
    }
}

/// The scores of a classifier on the test rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierScores {
    /// The fraction of the test rows whose class is predicted correctly.
    pub accuracy: f64,
    /// Macro precision; not a number where the user's own model does not tell it.
    #[serde(with = "unknown")]
    pub precision: f64,
    /// Macro recall, likewise.
    #[serde(with = "unknown")]
    pub recall: f64,
    /// Macro F1, likewise.
    #[serde(with = "unknown")]
    pub f1: f64,
    /// The least recall of a class; none in records that were made before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_recall: Option<f64>,
    /// The scores of each class.
    pub classes: Vec<ClassScores>,
}

impl ClassifierScores {
    /// The least recall of a class that has test rows: written, or from the classes; not a number where neither is there.
    pub fn worst_recall(&self) -> f64 {
        self.worst_recall.or_else(|| worst_recall(&self.classes)).unwrap_or(f64::NAN)
    }
}

/// The least recall of a class that has test rows.
pub fn worst_recall(classes: &[ClassScores]) -> Option<f64> {
    classes.iter().filter(|class| class.rows > 0).map(|class| class.recall).min_by(f64::total_cmp)
}

/// The scores of a detector on the validation images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorScores {
    /// Mean average precision over overlaps from 0.50 to 0.95.
    pub map50_95: f64,
    /// Mean average precision at an overlap of 0.50.
    pub map50: f64,
    /// Precision.
    pub precision: f64,
    /// Recall.
    pub recall: f64,
    /// The epoch of these scores, from 1.
    pub epoch: u32,
}

/// The scores of one class on the test rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Its name.
    pub name: String,
    /// Its test rows.
    pub rows: usize,
    /// Right among those predicted to be of it.
    pub precision: f64,
    /// Right among its rows.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

/// Gradient steps of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// On all rows, before the method chose.
    pub warm_up: u64,
    /// On the kept rows.
    pub training: u64,
}

/// What depends on the machine and the moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    /// Whether the machine did other work at the same time: other runs of this experiment, or other processes. Times
    /// are then longer than those of a machine of one's own, and joules are a share by CPU time.
    pub shared: bool,
    /// Threads of the run.
    pub threads: usize,
    /// The processor.
    pub processor: String,
    /// Choosing what is kept, warm-up included. Of a ranking or warm-up that serves several ratios it is the whole of
    /// it, as a run of its own would cost.
    pub reduction: Cost,
    /// How many runs of the plan share that cost: 1 if it is this run's own.
    pub reduction_serves: usize,
    /// The cost of computing the features of all images, once per experiment. It is part of `reduction` where the method
    /// uses them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<MeteredCost>,
    /// Training on what was kept.
    pub training: Cost,
    /// Where joules and grams are from.
    pub energy: EnergySources,
}

impl Measurements {
    /// Reduction and training together.
    pub fn total(&self) -> Cost {
        self.reduction.plus(&self.training)
    }
}

/// What a piece of work cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Wall time, in seconds.
    pub seconds: f64,
    /// CPU time, in seconds, where the system tells.
    pub cpu_seconds: Option<f64>,
    /// Energy of this work, in joules, where there is anything to tell it from.
    pub joules: Option<f64>,
    /// It is not below this.
    pub joules_low: Option<f64>,
    /// It is not above this.
    pub joules_high: Option<f64>,
    /// Grams of CO₂ equivalent.
    pub grams: Option<f64>,
}

impl Cost {
    /// The sum; none where either is not known.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        Self {
            seconds: self.seconds + other.seconds,
            cpu_seconds: sum(self.cpu_seconds, other.cpu_seconds),
            joules: sum(self.joules, other.joules),
            joules_low: sum(self.joules_low, other.joules_low),
            joules_high: sum(self.joules_high, other.joules_high),
            grams: sum(self.grams, other.grams),
        }
    }

    /// Seconds by a clock; CPU time only where it is known.
    pub fn by(&self, clock: TimeBasis) -> f64 {
        match clock {
            TimeBasis::Wall => self.seconds,
            TimeBasis::Cpu => self.cpu_seconds.unwrap_or(f64::NAN),
        }
    }

    /// Nothing was done: it costs nothing, as far as anything is known.
    pub fn nothing() -> Self {
        let zero = Some(0.0);
        Self { seconds: 0.0, cpu_seconds: zero, joules: zero, joules_low: zero, joules_high: zero, grams: zero }
    }
}

/// What a piece of work cost, and how that is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeteredCost {
    /// What it cost.
    #[serde(flatten)]
    pub cost: Cost,
    /// How that is known.
    #[serde(rename = "energy")]
    pub sources: EnergySources,
    /// Whether other processes, or other virtual machines, used the processors meanwhile.
    #[serde(rename = "shared")]
    pub others: bool,
}

impl MeteredCost {
    /// Both as one.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sources = other.sources.clone();
        for source in &self.sources.joules {
            if !sources.joules.contains(source) {
                sources.joules.push(source.clone());
            }
        }
        sources.estimated |= self.sources.estimated;
        Self { cost: self.cost.plus(&other.cost), sources, others: self.others || other.others }
    }
}

/// Where joules and grams are from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnergySources {
    /// What the joules were read from, one a part of the machine.
    pub joules: Vec<String>,
    /// Whether any of them are not measured but given, modelled, or a share by CPU time.
    pub estimated: bool,
    /// What the grams are computed with.
    pub carbon: Option<CarbonIntensity>,
}

/// A carbon intensity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarbonIntensity {
    /// Grams of CO₂ equivalent a kilowatt-hour.
    pub grams_per_kwh: f64,
    /// The country; none for a value of the user's.
    pub country: Option<String>,
    /// The year it is the mean of.
    pub year: Option<u16>,
    /// Who says so.
    pub source: String,
}

/// What seconds are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeBasis {
    /// From beginning to end.
    #[default]
    Wall,
    /// Time that a processor worked: what can be compared among runs that shared the machine.
    Cpu,
}

impl std::fmt::Display for TimeBasis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wall => "time",
            Self::Cpu => "CPU time",
        })
    }
}

impl Record {
    /// What tells it from other runs.
    pub fn key(&self) -> RunKey {
        RunKey::new(self.repetition, &self.method, self.model.as_deref(), self.ratio)
    }
}
