//! Models: the interface between runs and trainers, and the built-in perceptron.

use leanset_core::{ClassId, Dynamics, Quiet, RowId, Seed};
use leanset_problem::Result;
use leanset_train::{DynamicsRecorder, Model, Network, Observer, Training, of_settings};

use crate::splits::LabelledPoints;

/// Trains models.
pub trait Learner: Sync {
    /// A trained model.
    type Model: Send;

    /// Gradient steps of this many epochs on this many rows.
    fn steps(&self, rows: usize, epochs: u32) -> u64;

    /// Trains for this many epochs, from the initial weights of `seed`, or from `start` on.
    ///
    /// # Errors
    /// No model can be trained on the points.
    fn train(
        &self,
        points: &LabelledPoints,
        start: Option<&Self::Model>,
        epochs: u32,
        seed: u64,
    ) -> Result<Self::Model>;

    /// Trains from the initial weights of `seed`, and observes every row after every epoch.
    ///
    /// # Errors
    /// As [`Self::train`].
    fn warm_up(&self, points: &LabelledPoints, epochs: u32, seed: u64) -> Result<(Self::Model, Dynamics)>;

    /// The classes that a model predicts.
    ///
    /// # Errors
    /// Points with other columns.
    fn predict(&self, model: &Self::Model, points: &LabelledPoints) -> Result<Vec<ClassId>>;
}

/// The built-in perceptron.
#[derive(Clone, Debug)]
pub struct Mlp {
    network: Network,
    training: Training,
}

impl Mlp {
    /// The network and the training of a plan.
    pub fn new(settings: &leanset_spec::Training) -> Self {
        let (network, training) = of_settings(&settings.resolved(), Seed(0));
        Self { network, training }
    }

    fn run(
        &self,
        points: &LabelledPoints,
        start: Option<&Model>,
        epochs: u32,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<Model> {
        let data = points.dataset()?;
        let mut model = match start {
            Some(start) => start.clone(),
            None => Model::new(&self.network, points.columns, points.names.len(), Seed(seed))?,
        };
        let training = Training { epochs: epochs as usize, seed: Seed(seed), ..self.training.clone() };
        model.train(&data, &all(points), None, &training, observer, &Quiet)?;
        Ok(model)
    }
}

fn all(points: &LabelledPoints) -> Vec<RowId> {
    (0..points.classes.len()).map(RowId::at).collect()
}

impl Learner for Mlp {
    type Model = Model;

    fn steps(&self, rows: usize, epochs: u32) -> u64 {
        rows.div_ceil(self.training.batch) as u64 * u64::from(epochs)
    }

    fn train(&self, points: &LabelledPoints, start: Option<&Model>, epochs: u32, seed: u64) -> Result<Model> {
        self.run(points, start, epochs, seed, &mut ())
    }

    fn warm_up(&self, points: &LabelledPoints, epochs: u32, seed: u64) -> Result<(Model, Dynamics)> {
        // The initial weights are those of every other run of the repetition.
        let mut recorder = DynamicsRecorder::new(&points.dataset()?, false);
        let model = self.run(points, None, epochs, seed, &mut recorder)?;
        Ok((model, recorder.log().finish()?))
    }

    fn predict(&self, model: &Model, points: &LabelledPoints) -> Result<Vec<ClassId>> {
        Ok(model.predict(&points.dataset()?, &all(points))?)
    }
}
