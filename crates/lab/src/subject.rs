//! The seam between runs and what they are about: a table and a model, or pictures and a detector.

use leanset_core::{Budget, Dataset, Dynamics, Reduced, RowId};
use leanset_tables::{Encoded, Table};
use leanset_train::scores;

use crate::energy::{Bill, Metering};
use crate::error::Result;
use crate::folds::{Fold, Ground, Points, ids};
use crate::learner::Learner;
use crate::plan::{Plan, TablePlan};
use crate::records::{ClassRecord, DataRecord, RowScores, Scores};

/// What an experiment is about.
pub trait Subject: Sync {
    /// What a repetition reduces and trains on.
    type Fold: Send + Sync;
    /// A trained model.
    type Model: Send;

    /// The data, for the header of the records.
    fn data(&self) -> DataRecord;

    /// How many there are to choose from, by class.
    fn sizes(&self) -> Vec<usize>;

    /// How many of them are kept at a ratio of the plan, by its place there.
    ///
    /// # Errors
    /// A ratio that is none.
    fn budget(&self, ratio: usize) -> Result<Budget>;

    /// What a repetition reduces and trains on.
    ///
    /// # Errors
    /// Data that cannot be split or encoded.
    fn fold(&self, repetition: u32) -> Result<Self::Fold>;

    /// The points that methods choose from.
    ///
    /// # Errors
    /// A value that is not finite, or too large.
    fn points<'f>(&'f self, fold: &'f Self::Fold) -> Result<Dataset<'f>>;

    /// What it cost to have points, where that is a part of reducing: charged to methods that look at them.
    fn features(&self) -> Option<&Bill> {
        None
    }

    /// Gradient steps of so many epochs on so many rows.
    fn steps(&self, rows: usize, epochs: u32) -> u64;

    /// Epochs of a run that keeps so many rows, those of a warm-up included.
    fn epochs(&self, rows: usize) -> u32;

    /// Trains on everything, and watches every row after every epoch.
    ///
    /// # Errors
    /// Points that cannot be learnt from.
    fn warm_up(&self, fold: &Self::Fold, epochs: u32, seed: u64) -> Result<(Self::Model, Dynamics)>;

    /// Trains on what was kept, and tests.
    ///
    /// # Errors
    /// A training that fails.
    fn trial(&self, fold: &Self::Fold, task: &Task<'_, Self::Model>, meter: &dyn Metering) -> Result<Trial>;
}

/// What is to be trained.
#[derive(Debug)]
pub struct Task<'a, M> {
    /// Which repetition, from 0.
    pub repetition: u32,
    /// What the plan calls the method.
    pub method: &'a str,
    /// The part that was kept.
    pub ratio: f64,
    /// What was kept; none for everything.
    pub kept: Option<&'a Reduced>,
    /// Where training goes on from.
    pub start: Option<&'a M>,
    /// Epochs.
    pub epochs: u32,
    /// The seed of the training.
    pub seed: u64,
}

/// What a training came to.
#[derive(Debug)]
pub struct Trial {
    /// What it cost.
    pub bill: Bill,
    /// Gradient steps.
    pub steps: u64,
    /// What the model is worth.
    pub scores: Scores,
    /// Codes of what is worth knowing.
    pub warnings: Vec<String>,
}

/// The rows that were kept, in the order of the data.
pub(crate) fn rows(selection: &leanset_core::Selection) -> Vec<usize> {
    let mut rows: Vec<usize> = selection.rows().iter().map(|row: &RowId| row.index()).collect();
    rows.sort_unstable();
    rows
}

/// A table, and a model that learns the classes of its rows.
#[derive(Debug)]
pub struct Tables<'a, L> {
    plan: &'a Plan,
    about: &'a TablePlan,
    table: &'a Table,
    sha256: String,
    ground: Ground,
    learner: L,
}

impl<'a, L: Learner> Tables<'a, L> {
    /// Checks the plan against the table, `encoded` as a whole.
    ///
    /// # Errors
    /// Classes that cannot be split.
    pub fn new(
        (plan, about): (&'a Plan, &'a TablePlan),
        (table, sha256): (&'a Table, &str),
        encoded: &Encoded,
        learner: L,
    ) -> Result<Self> {
        let ground = Ground::new(about, table.name(), encoded)?;
        Ok(Self { plan, about, table, sha256: sha256.to_owned(), ground, learner })
    }

    /// The seconds that a step of the model takes, by an epoch on everything.
    ///
    /// # Errors
    /// What the encoder or the trainer says.
    pub fn seconds_a_step(&self) -> Result<f64> {
        let fold = self.fold(0)?;
        let began = std::time::Instant::now();
        self.learner.train(&fold.train, None, 1, self.plan.seeds(0).model)?;
        Ok(began.elapsed().as_secs_f64() / self.learner.steps(fold.train.classes.len(), 1) as f64)
    }
}

impl<L: Learner> Subject for Tables<'_, L> {
    type Fold = Fold;
    type Model = L::Model;

    fn data(&self) -> DataRecord {
        DataRecord {
            name: self.table.name().to_owned(),
            sha256: self.sha256.clone(),
            rows: self.ground.rows(),
            dimensions: self.ground.dimensions,
            training_rows: self.ground.training_sizes().iter().sum(),
            classes: self.ground.names.iter().cloned().zip(self.ground.sizes()).collect(),
            features: None,
            validation: None,
            sources: Default::default(),
        }
    }

    fn sizes(&self) -> Vec<usize> {
        self.ground.training_sizes()
    }

    fn budget(&self, ratio: usize) -> Result<Budget> {
        Ok(Budget::Ratio(self.plan.reduce.ratios[ratio]))
    }

    fn fold(&self, repetition: u32) -> Result<Fold> {
        self.ground.fold(self.table, self.about, self.plan.seeds(repetition).split.unwrap_or_default())
    }

    fn points<'f>(&'f self, fold: &'f Fold) -> Result<Dataset<'f>> {
        fold.train.dataset()
    }

    fn steps(&self, rows: usize, epochs: u32) -> u64 {
        self.learner.steps(rows, epochs)
    }

    fn epochs(&self, _rows: usize) -> u32 {
        self.about.model.epochs
    }

    fn warm_up(&self, fold: &Fold, epochs: u32, seed: u64) -> Result<(L::Model, Dynamics)> {
        self.learner.warm_up(&fold.train, epochs, seed)
    }

    fn trial(&self, fold: &Fold, task: &Task<'_, L::Model>, meter: &dyn Metering) -> Result<Trial> {
        let points = match task.kept {
            None => fold.train.take(0..fold.train.classes.len()),
            Some(Reduced::Rows(selection)) => fold.train.take(rows(selection)),
            Some(Reduced::Points(points)) => Points {
                values: points.points.clone(),
                columns: points.columns,
                classes: points.classes.iter().map(|class| class.0).collect(),
                names: fold.train.names.clone(),
            },
        };
        let stop = meter.start();
        let model = self.learner.train(&points, task.start, task.epochs, task.seed)?;
        let bill = stop();
        let predicted = self.learner.predict(&model, &fold.test)?;
        let scores = scores(&ids(&fold.test.classes), &predicted, self.ground.names.len());
        let classes = self.ground.names.iter().zip(&scores.per_class).map(|(name, class)| ClassRecord {
            name: name.clone(),
            rows: class.rows,
            precision: class.precision,
            recall: class.recall,
            f1: class.f1,
        });
        let scores = RowScores {
            accuracy: scores.accuracy,
            precision: scores.precision,
            recall: scores.recall,
            f1: scores.f1,
            classes: classes.collect(),
        };
        let steps = self.learner.steps(points.classes.len(), task.epochs);
        Ok(Trial { bill, steps, scores: Scores::Rows(scores), warnings: Vec::new() })
    }
}
