//! Models: the interface between runs and trainers, and the models inside.

use std::fmt::Debug;

use leanset_core::{Budget, ClassId, Dynamics, EmptyClasses, Quiet, RowId, Seed};
use leanset_problem::{Problem, Result};
use leanset_train::quick::{KernelRidge, KernelRidgeModel, Logistic, LogisticModel, Neighbors, NeighborsModel};
use leanset_train::{DynamicsRecorder, EarlyStopping, Model, Network, Observer, Training, of_settings};

use crate::plan::{EqualTraining, ModelKind, ModelPlan};
use crate::splits::LabelledPoints;

/// Trains models.
pub trait Learner: Debug + Sync {
    /// Gradient steps of this many epochs on this many rows; 0 where there are none.
    fn steps(&self, rows: usize, epochs: u32) -> u64 {
        let _ = (rows, epochs);
        0
    }

    /// Epochs on this many of `all` rows, after `before` epochs on all of them; 0 where there are none.
    fn epochs(&self, rows: usize, all: usize, before: u32) -> u32 {
        let _ = (rows, all, before);
        0
    }

    /// Trains.
    ///
    /// # Errors
    /// No model can be trained on the points.
    fn train(&self, lesson: &Lesson<'_>) -> Result<Trained>;
}

/// What a model is trained on, and how.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// The rows.
    pub points: &'a LabelledPoints,
    /// A weight for each, where they have one.
    pub weights: Option<&'a [f64]>,
    /// How many of them an epoch takes, a fresh stratified sample each time; none for all.
    pub fresh: Option<usize>,
    /// The model to continue from; none to start from the initial weights of the seed.
    pub start: Option<&'a Model>,
    /// Epochs.
    pub epochs: u32,
    /// The seed.
    pub seed: u64,
}

/// A trained model.
#[derive(Debug)]
pub struct Trained {
    /// What it predicts.
    pub predictor: Box<dyn Predictor>,
    /// Gradient steps that were done.
    pub steps: u64,
}

/// Predicts classes.
pub trait Predictor: Debug + Send {
    /// The class of each row.
    ///
    /// # Errors
    /// Points with other columns.
    fn predict(&self, points: &LabelledPoints) -> Result<Vec<ClassId>>;
}

/// The learner of a model of a plan; for a command, that of its epochs and steps.
pub fn learner(plan: &ModelPlan) -> Box<dyn Learner> {
    let settings = &plan.settings;
    match settings.kind {
        ModelKind::Mlp => Box::new(Mlp::new(plan)),
        ModelKind::Command => Box::new(External {
            epochs: plan.epochs(),
            batch: plan.training.batch.unwrap_or(1),
            equal: settings.equal.unwrap_or_default(),
        }),
        ModelKind::Logistic => Box::new(Logistic { penalty: settings.penalty.unwrap_or(Logistic::default().penalty) }),
        ModelKind::Neighbors => {
            Box::new(Neighbors { neighbors: settings.neighbors.unwrap_or(Neighbors::default().neighbors) })
        }
        ModelKind::KernelRidge => {
            let default = KernelRidge::default();
            Box::new(KernelRidge {
                gamma: settings.gamma,
                penalty: settings.penalty.unwrap_or(default.penalty),
                landmarks: settings.landmarks.unwrap_or(default.landmarks),
            })
        }
    }
}

/// The built-in perceptron.
#[derive(Clone, Debug)]
pub struct Mlp {
    network: Network,
    training: Training,
    equal: EqualTraining,
    /// Without the patience of a run.
    stopping: Option<EarlyStopping>,
}

impl Mlp {
    /// The network and the training of a plan.
    pub fn new(plan: &ModelPlan) -> Self {
        let (network, training) = of_settings(&plan.training.resolved(), Seed(0));
        let settings = &plan.settings;
        let stopping = settings.validation.zip(settings.patience).map(|(validation, patience)| EarlyStopping {
            validation,
            patience,
            least_gain: 0.0,
            restore_best: true,
        });
        Self { network, training, equal: settings.equal.unwrap_or_default(), stopping }
    }

    /// Trains from the initial weights of `seed`, and observes every row after every epoch.
    ///
    /// # Errors
    /// No model can be trained on the points.
    pub fn warm_up(&self, points: &LabelledPoints, epochs: u32, seed: u64) -> Result<(Model, Dynamics)> {
        // The initial weights are those of every other run of the repetition.
        let mut recorder = DynamicsRecorder::new(&points.dataset()?, false);
        let lesson = Lesson { points, weights: None, fresh: None, start: None, epochs, seed };
        let (model, _) = self.run(&lesson, &mut recorder)?;
        Ok((model, recorder.log().finish()?))
    }

    fn run(&self, lesson: &Lesson<'_>, observer: &mut dyn Observer) -> Result<(Model, u64)> {
        let Lesson { points, weights, fresh, start, epochs, seed } = *lesson;
        let data = points.dataset()?;
        let mut model = match start {
            Some(start) => start.clone(),
            None => Model::new(&self.network, points.columns, points.names.len(), Seed(seed))?,
        };
        let training = Training { epochs: epochs as usize, seed: Seed(seed), ..self.training.clone() };
        let Some(fresh) = fresh else {
            // Methods observe all epochs. A patience is of epochs of full training: those on fewer rows are shorter.
            let stopping = self.stopping.filter(|_| !observer.wants_rows()).map(|stopping| {
                let scale = f64::from(epochs) / self.training.epochs.max(1) as f64;
                EarlyStopping { patience: (stopping.patience as f64 * scale).ceil().max(1.0) as usize, ..stopping }
            });
            let training = Training { early_stopping: stopping, ..training };
            let history = model.train(&data, &all(points), weights, &training, observer, &Quiet)?;
            return Ok((model, history.steps as u64));
        };
        let (counts, _) = Budget::Count(fresh).allocate(&data.classes().sizes(), EmptyClasses::Forbid)?;
        let training = Training { epochs: 1, ..training };
        let mut steps = 0;
        for epoch in 0..epochs {
            let stream = Seed(!Seed(seed).key(RowId::at(epoch as usize)));
            let sample: Vec<RowId> = data
                .classes()
                .ids()
                .zip(counts.per_class())
                .flat_map(|(class, &count)| {
                    let mut rows = data.classes().rows(class).to_vec();
                    rows.sort_unstable_by_key(|&row| (stream.key(row), row));
                    rows.truncate(count);
                    rows
                })
                .collect();
            steps += model.train(&data, &sample, None, &training, observer, &Quiet)?.steps;
        }
        Ok((model, steps as u64))
    }
}

fn all(points: &LabelledPoints) -> Vec<RowId> {
    (0..points.classes.len()).map(RowId::at).collect()
}

impl Learner for Mlp {
    fn steps(&self, rows: usize, epochs: u32) -> u64 {
        rows.div_ceil(self.training.batch) as u64 * u64::from(epochs)
    }

    fn epochs(&self, rows: usize, all: usize, before: u32) -> u32 {
        let epochs = (self.training.epochs as u32).saturating_sub(before);
        self.equal.epochs(epochs, self.steps(all, 1), self.steps(rows, 1))
    }

    fn train(&self, lesson: &Lesson<'_>) -> Result<Trained> {
        let (model, steps) = self.run(lesson, &mut ())?;
        Ok(Trained { predictor: Box::new(model), steps })
    }
}

impl Predictor for Model {
    fn predict(&self, points: &LabelledPoints) -> Result<Vec<ClassId>> {
        Ok(Self::predict(self, &points.dataset()?, &all(points))?)
    }
}

/// A model that is trained elsewhere: its epochs and steps alone.
#[derive(Clone, Copy, Debug)]
struct External {
    /// 0 where it is not told them.
    epochs: u32,
    batch: usize,
    equal: EqualTraining,
}

impl Learner for External {
    fn steps(&self, rows: usize, epochs: u32) -> u64 {
        if self.epochs == 0 { 0 } else { rows.div_ceil(self.batch.max(1)) as u64 * u64::from(epochs) }
    }

    fn epochs(&self, rows: usize, all: usize, _before: u32) -> u32 {
        if self.epochs == 0 {
            return 0;
        }
        self.equal.epochs(self.epochs, self.steps(all, 1), self.steps(rows, 1))
    }

    fn train(&self, _: &Lesson<'_>) -> Result<Trained> {
        Err(Problem::internal("a command is run, and not trained here"))
    }
}

impl Learner for Logistic {
    fn train(&self, lesson: &Lesson<'_>) -> Result<Trained> {
        let model = self.fit(&lesson.points.dataset()?, lesson.weights, &|| Ok(()))?;
        Ok(Trained { predictor: Box::new(model), steps: 0 })
    }
}

impl Predictor for LogisticModel {
    fn predict(&self, points: &LabelledPoints) -> Result<Vec<ClassId>> {
        Ok(Self::predict(self, &points.dataset()?, &|| Ok(()))?)
    }
}

impl Learner for Neighbors {
    fn train(&self, lesson: &Lesson<'_>) -> Result<Trained> {
        let model = self.fit(&lesson.points.dataset()?, lesson.weights, &|| Ok(()))?;
        Ok(Trained { predictor: Box::new(model), steps: 0 })
    }
}

impl Predictor for NeighborsModel {
    fn predict(&self, points: &LabelledPoints) -> Result<Vec<ClassId>> {
        Ok(Self::predict(self, &points.dataset()?, &|| Ok(()))?)
    }
}

impl Learner for KernelRidge {
    fn train(&self, lesson: &Lesson<'_>) -> Result<Trained> {
        let model = self.fit(&lesson.points.dataset()?, lesson.weights, Seed(lesson.seed), &|| Ok(()))?;
        Ok(Trained { predictor: Box::new(model), steps: 0 })
    }
}

impl Predictor for KernelRidgeModel {
    fn predict(&self, points: &LabelledPoints) -> Result<Vec<ClassId>> {
        Ok(Self::predict(self, &points.dataset()?, &|| Ok(()))?)
    }
}
