//! Pictures, and a detector that is trained on those that are kept.
//!
//! What the pictures are and how a detector is trained comes from outside: a [`Set`] of features and categories with what
//! they cost, and a [`Detector`]. Every repetition reduces the same pictures with other seeds; the detector is tested on
//! the set's own validation pictures.

use leanset_core::{Budget, Classes, Dataset, Dynamics, Matrix, Reduced};

use crate::energy::{Bill, Metering};
use crate::error::{Error, Result};
use crate::plan::PicturesPlan;
use crate::records::{DataRecord, Scores};
use crate::results::Results;
use crate::subject::{Subject, Task, Trial, rows};

/// Pictures that can be trained on.
#[derive(Debug)]
pub struct Set<'a> {
    /// Row-major: pictures × numbers.
    pub features: &'a [f32],
    /// The category of each.
    pub codes: &'a [u32],
    /// The names of the categories.
    pub names: &'a [String],
    /// How many of each are kept at each ratio of the plan.
    pub budgets: Vec<Budget>,
    /// What the features cost; none if they were given, and nobody knows.
    pub bill: Option<Bill>,
    /// What is said of them in the header.
    pub data: DataRecord,
}

/// Trains detectors.
pub trait Detector: Sync {
    /// Trains one on the pictures with these places, ascending, and meters it.
    ///
    /// # Errors
    /// A command that fails, results that cannot be read.
    fn train(&self, pictures: &[usize], task: &Training<'_>, meter: &dyn Metering) -> Result<(Bill, Results)>;
}

/// What is to be trained.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// Which repetition, from 0.
    pub repetition: u32,
    /// What the plan calls the method.
    pub method: &'a str,
    /// The part that was kept.
    pub ratio: f64,
    /// The seed.
    pub seed: u64,
    /// Epochs.
    pub epochs: u32,
    /// Gradient steps.
    pub steps: u64,
}

/// Pictures and their detector.
#[derive(Debug)]
pub struct Pictures<'a, D> {
    plan: &'a PicturesPlan,
    set: Set<'a>,
    detector: D,
}

impl<'a, D: Detector> Pictures<'a, D> {
    /// Of a plan about pictures.
    pub fn new(plan: &'a PicturesPlan, set: Set<'a>, detector: D) -> Self {
        Self { plan, set, detector }
    }

    fn all(&self) -> usize {
        self.set.codes.len()
    }
}

impl<D: Detector> Subject for Pictures<'_, D> {
    type Fold = ();
    type Model = ();

    fn data(&self) -> DataRecord {
        self.set.data.clone()
    }

    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.set.names.len()];
        self.set.codes.iter().for_each(|&code| sizes[code as usize] += 1);
        sizes
    }

    fn budget(&self, ratio: usize) -> Result<Budget> {
        Ok(self.set.budgets[ratio].clone())
    }

    fn fold(&self, _repetition: u32) -> Result<()> {
        Ok(())
    }

    fn points<'f>(&'f self, _fold: &'f ()) -> Result<Dataset<'f>> {
        let classes = Classes::new(self.set.codes, self.set.names.len())?.with_names(self.set.names);
        Ok(Dataset::new(Matrix::new(self.set.features, self.all(), self.set.data.dimensions)?, classes)?)
    }

    fn features(&self) -> Option<&Bill> {
        self.set.bill.as_ref()
    }

    fn steps(&self, pictures: usize, epochs: u32) -> u64 {
        self.plan.detector.steps(pictures) * u64::from(epochs)
    }

    fn epochs(&self, pictures: usize) -> u32 {
        self.plan.detector.epochs_on(pictures, self.all())
    }

    fn warm_up(&self, _: &(), _: u32, _: u64) -> Result<((), Dynamics)> {
        Err(Error::new("no detector is watched while it trains", "leave out methods that watch a model train"))
    }

    fn trial(&self, _fold: &(), task: &Task<'_, ()>, meter: &dyn Metering) -> Result<Trial> {
        let pictures = match task.kept {
            None => (0..self.all()).collect(),
            Some(Reduced::Rows(selection)) => rows(selection),
            Some(Reduced::Points(_)) => {
                return Err(Error::new("no picture looks like a point that was invented", "leave the method out"));
            }
        };
        let training = Training {
            repetition: task.repetition,
            method: task.method,
            ratio: task.ratio,
            seed: task.seed,
            epochs: task.epochs,
            steps: self.steps(pictures.len(), task.epochs),
        };
        let (bill, results) = self.detector.train(&pictures, &training, meter)?;
        // What was done counts, and not what was asked for: trainers may stop when they get no better.
        let steps = self.steps(pictures.len(), results.epochs);
        let warnings = match results.epochs.cmp(&task.epochs) {
            std::cmp::Ordering::Equal => Vec::new(),
            std::cmp::Ordering::Less => vec!["fewer-epochs".to_owned()],
            std::cmp::Ordering::Greater => vec!["more-epochs".to_owned()],
        };
        Ok(Trial { bill, steps, scores: Scores::Pictures(results.scores), warnings })
    }
}
