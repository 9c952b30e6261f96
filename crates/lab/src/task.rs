//! The interface between an experiment and its subject: a table and a model, or images and a detector.
//!
//! [`Experiment`](crate::experiment::Experiment), records, statistics and report know this trait only;
//! [`TableTask`](crate::table_task::TableTask) and [`ImageTask`](crate::image_task::ImageTask) implement it.

use leanset_core::{Budget, Dataset, Dynamics, Reduced};
use leanset_problem::{Problem, Result};

use crate::metering::Metering;
use crate::record::{DataRecord, MeteredCost, ModelScores};

/// What an experiment reduces, and what it trains on the result: one model or several, given by their index.
pub trait Task: Sync {
    /// What one repetition reduces and trains on.
    type Split: Send + Sync;
    /// A model from which a training can go on.
    type Model: Send;

    /// The data, for the header of the records.
    fn data(&self) -> DataRecord;

    /// Rows of each class that methods choose from.
    fn sizes(&self) -> Vec<usize>;

    /// How many rows are kept at a ratio of the plan, given by its index.
    ///
    /// # Errors
    /// The ratio cannot be used.
    fn budget(&self, ratio: usize) -> Result<Budget>;

    /// What one repetition reduces and trains on.
    ///
    /// # Errors
    /// The data cannot be split or encoded.
    fn split(&self, repetition: u32) -> Result<Self::Split>;

    /// The points that methods choose from.
    ///
    /// # Errors
    /// A value is not finite, or too large.
    fn points<'s>(&'s self, split: &'s Self::Split) -> Result<Dataset<'s>>;

    /// The cost of computing the points, where that is a part of reducing. It counts towards methods that use them.
    fn features(&self) -> Option<&MeteredCost> {
        None
    }

    /// Gradient steps of this many epochs on this many rows.
    fn steps(&self, trainer: Trainer, rows: usize, epochs: u32) -> u64;

    /// Epochs of a run that keeps this many rows, after `before` epochs on all rows from which it goes on.
    fn epochs(&self, model: usize, rows: usize, before: u32) -> u32;

    /// Trains on all rows and observes each of them after every epoch.
    ///
    /// # Errors
    /// No model can be trained on the points.
    fn warm_up(&self, split: &Self::Split, trainer: Trainer, epochs: u32, seed: u64)
    -> Result<(Self::Model, Dynamics)>;

    /// Trains on the kept rows, and tests the model.
    ///
    /// # Errors
    /// The training fails.
    fn train(
        &self,
        split: &Self::Split,
        request: &TrainingRequest<'_, Self::Model>,
        meter: &dyn Metering,
    ) -> Result<TrainingOutcome, RunError>;
}

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trainer {
    /// The model with this index.
    Model(usize),
    /// The model whose training methods observe, and which is not judged.
    Observer,
}

/// Why a run was not done.
#[derive(Debug)]
pub enum RunError {
    /// This run failed. The others can be done.
    Run(Problem),
    /// The experiment cannot go on.
    Experiment(Problem),
}

impl<E: Into<Problem>> From<E> for RunError {
    fn from(error: E) -> Self {
        Self::Experiment(error.into())
    }
}

/// A training that is to be done.
#[derive(Debug)]
pub struct TrainingRequest<'a, M> {
    /// Which repetition, from 0.
    pub repetition: u32,
    /// The method's name in the plan.
    pub method: &'a str,
    /// The fraction that was kept.
    pub ratio: f64,
    /// The index of the model.
    pub model: usize,
    /// The kept rows; none for all.
    pub kept: Option<&'a Reduced>,
    /// Whether the model is trained with the weights of the kept rows, where they have some.
    pub weighted: bool,
    /// How many of them an epoch takes, a fresh stratified sample each time; none for all.
    pub fresh: Option<usize>,
    /// The model to continue from.
    pub start: Option<&'a M>,
    /// Epochs.
    pub epochs: u32,
    /// The seed of the training.
    pub seed: u64,
}

/// The result of a training.
#[derive(Debug)]
pub struct TrainingOutcome {
    /// What it cost.
    pub cost: MeteredCost,
    /// Gradient steps.
    pub steps: u64,
    /// The scores of the model.
    pub scores: ModelScores,
    /// Whether the rows had weights.
    pub weighted: bool,
    /// For a classifier on all rows, the accuracy of a linear one.
    pub linear_accuracy: Option<f64>,
    /// Codes of warnings.
    pub warnings: Vec<String>,
}

/// The weights of kept rows, in their order, scaled so that those of each class sum to the rows of the class; none where they
/// have none, or those of a class sum to nothing.
pub(crate) fn scaled_weights(weights: &[f64], classes: &[u32], sizes: &[usize]) -> Option<Vec<f64>> {
    let mut sums = vec![0.0; sizes.len()];
    weights.iter().zip(classes).for_each(|(w, &class)| sums[class as usize] += w);
    let kept = |class: u32| sums[class as usize] > 0.0 && sums[class as usize].is_finite();
    let factor = |&class: &u32| sizes[class as usize] as f64 / sums[class as usize];
    classes
        .iter()
        .all(|&class| kept(class))
        .then(|| weights.iter().zip(classes).map(|(w, class)| w * factor(class)).collect())
}

/// The selected rows in the order of the data.
pub(crate) fn sorted_rows(selection: &leanset_core::Selection) -> Vec<usize> {
    let mut rows: Vec<usize> = selection.rows().iter().map(|row| row.index()).collect();
    rows.sort_unstable();
    rows
}
