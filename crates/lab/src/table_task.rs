//! Experiments on a table, with a model that predicts the class of a row.

use leanset_core::{Budget, Dataset, Dynamics, Reduced};
use leanset_problem::Result;
use leanset_tables::{Encoded, Table};
use leanset_train::scores;

use crate::learner::Learner;
use crate::metering::Metering;
use crate::plan::{Plan, TablePlan};
use crate::record::{ClassScores, ClassifierScores, DataRecord, ModelScores};
use crate::splits::{LabelledPoints, Split, SplitPlan, class_ids};
use crate::task::{RunError, Task, TrainingOutcome, TrainingRequest, sorted_rows};

/// A table, and a model that predicts the class of a row.
#[derive(Debug)]
pub struct TableTask<'a, L> {
    plan: &'a Plan,
    settings: &'a TablePlan,
    table: &'a Table,
    sha256: String,
    splits: SplitPlan,
    learner: L,
}

impl<'a, L: Learner> TableTask<'a, L> {
    /// Checks the plan against the table, `encoded` as a whole.
    ///
    /// # Errors
    /// A class that cannot be split.
    pub fn new(
        (plan, settings): (&'a Plan, &'a TablePlan),
        (table, sha256): (&'a Table, &str),
        encoded: &Encoded,
        learner: L,
    ) -> Result<Self> {
        let splits = SplitPlan::new(settings, table.name(), encoded)?;
        Ok(Self { plan, settings, table, sha256: sha256.to_owned(), splits, learner })
    }

    /// Seconds of one gradient step, measured over an epoch on all rows.
    ///
    /// # Errors
    /// As the encoder and the trainer.
    pub fn seconds_per_step(&self) -> Result<f64> {
        let split = self.split(0)?;
        let began = std::time::Instant::now();
        self.learner.train(&split.train, None, 1, self.plan.seeds(0).model)?;
        Ok(began.elapsed().as_secs_f64() / self.learner.steps(split.train.classes.len(), 1) as f64)
    }
}

impl<L: Learner> Task for TableTask<'_, L> {
    type Split = Split;
    type Model = L::Model;

    fn data(&self) -> DataRecord {
        DataRecord {
            name: self.table.name().to_owned(),
            sha256: self.sha256.clone(),
            rows: self.splits.rows(),
            dimensions: self.splits.dimensions,
            training_rows: self.splits.training_sizes().iter().sum(),
            classes: self.splits.names.iter().cloned().zip(self.splits.sizes()).collect(),
            features: None,
            validation: None,
            sources: Default::default(),
        }
    }

    fn sizes(&self) -> Vec<usize> {
        self.splits.training_sizes()
    }

    fn budget(&self, ratio: usize) -> Result<Budget> {
        Ok(Budget::Ratio(self.plan.reduce.ratios[ratio]).balanced(self.plan.reduce.balance.into()))
    }

    fn split(&self, repetition: u32) -> Result<Split> {
        self.splits.split(self.table, self.settings, self.plan.seeds(repetition).split.unwrap_or_default())
    }

    fn points<'s>(&'s self, split: &'s Split) -> Result<Dataset<'s>> {
        split.train.dataset()
    }

    fn steps(&self, rows: usize, epochs: u32) -> u64 {
        self.learner.steps(rows, epochs)
    }

    fn epochs(&self, _rows: usize) -> u32 {
        self.settings.epochs()
    }

    fn warm_up(&self, split: &Split, epochs: u32, seed: u64) -> Result<(L::Model, Dynamics)> {
        self.learner.warm_up(&split.train, epochs, seed)
    }

    fn train(
        &self,
        split: &Split,
        request: &TrainingRequest<'_, L::Model>,
        meter: &dyn Metering,
    ) -> Result<TrainingOutcome, RunError> {
        let points = match request.kept {
            None => split.train.take(0..split.train.classes.len()),
            Some(Reduced::Rows(selection)) => split.train.take(sorted_rows(selection)),
            Some(Reduced::Points(points)) => LabelledPoints {
                values: points.points.clone(),
                columns: points.columns,
                classes: points.classes.iter().map(|class| class.0).collect(),
                names: split.train.names.clone(),
            },
        };
        let stop = meter.start();
        let model = self.learner.train(&points, request.start, request.epochs, request.seed)?;
        let cost = stop();
        let predicted = self.learner.predict(&model, &split.test)?;
        let scores = scores(&class_ids(&split.test.classes), &predicted, self.splits.names.len());
        let classes = self.splits.names.iter().zip(&scores.per_class).map(|(name, class)| ClassScores {
            name: name.clone(),
            rows: class.rows,
            precision: class.precision,
            recall: class.recall,
            f1: class.f1,
        });
        let scores = ClassifierScores {
            accuracy: scores.accuracy,
            precision: scores.precision,
            recall: scores.recall,
            f1: scores.f1,
            classes: classes.collect(),
        };
        let steps = self.learner.steps(points.classes.len(), request.epochs);
        Ok(TrainingOutcome { cost, steps, scores: ModelScores::Classifier(scores), warnings: Vec::new() })
    }
}
