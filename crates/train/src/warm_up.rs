//! A model trained on everything, and the dynamics of every row meanwhile: what the methods that use training dynamics
//! need, and the model from which training goes on with the rows they keep.

use leanset_core::dynamics::{GRAND, PredictionScores};
use leanset_core::{ClassId, Dataset, Dynamics, Monitor, Result, RowId, Seed, Shape, TrainingLog};

use crate::model::most_probable;
use crate::{History, Model, Network, Observer, Outcomes, Training};

/// Observes every row after every epoch.
#[derive(Clone, Debug)]
pub struct DynamicsRecorder {
    labels: Vec<ClassId>,
    classes: usize,
    log: TrainingLog,
    /// Each observation with its probabilities, epoch after epoch and row after row, if they are to be kept.
    kept: Option<Vec<Observation>>,
}

/// One row after one epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The epoch, from 0.
    pub epoch: u32,
    /// The row.
    pub row: RowId,
    /// Whether its class was the most probable.
    pub right: bool,
    /// The probability of each class.
    pub probabilities: Vec<f32>,
    /// The length of the gradient by the weights of the last layer.
    pub gradient: f64,
}

impl DynamicsRecorder {
    /// Of the rows of a dataset. With `keep`, all observations are kept as they were made, to be written to a file.
    pub fn new(data: &Dataset<'_>, keep: bool) -> Self {
        Self {
            labels: (0..data.rows()).map(|r| data.classes().of(RowId::at(r))).collect(),
            classes: data.classes().len(),
            log: TrainingLog::new(data.rows()),
            kept: keep.then(Vec::new),
        }
    }

    /// What was observed.
    pub fn log(&self) -> &TrainingLog {
        &self.log
    }

    /// Every observation, if they were to be kept.
    pub fn observations(&self) -> Option<&[Observation]> {
        self.kept.as_deref()
    }
}

impl Observer for DynamicsRecorder {
    fn wants_rows(&self) -> bool {
        true
    }

    fn rows(&mut self, epoch: usize, rows: &[RowId], outcomes: &Outcomes<'_>) -> Result<()> {
        let epoch = u32::try_from(epoch).unwrap_or(u32::MAX);
        let mut wide = vec![0.0; self.classes];
        let probabilities = outcomes.probabilities.chunks_exact(self.classes);
        for ((&row, own), &length) in rows.iter().zip(probabilities).zip(outcomes.last_inputs) {
            let label = self.labels[row.index()];
            let right = most_probable(own) == label;
            wide.iter_mut().zip(own).for_each(|(w, &p)| *w = f64::from(p));
            let scores = PredictionScores::of(&wide, label).with_last_inputs(length);
            self.log.observe(epoch, row, right, Some(scores))?;
            if let Some(kept) = &mut self.kept {
                let gradient = scores.get(GRAND).unwrap_or(0.0);
                kept.push(Observation { epoch, row, right, probabilities: own.to_vec(), gradient });
            }
        }
        Ok(())
    }
}

/// What a warm-up leaves.
#[derive(Clone, Debug)]
pub struct WarmUp {
    /// The training dynamics of every row.
    pub dynamics: Dynamics,
    /// The model: [`Model::train`] goes on from here.
    pub model: Model,
    /// Its epochs.
    pub history: History,
    /// With `keep`, it has every observation.
    pub recorder: DynamicsRecorder,
}

/// Trains a new network on all rows and records each of them after every epoch, without dropout. The weights of the
/// network come from the seed of the training too. One warm-up serves all ratios.
///
/// # Errors
/// Those of [`Model::new`] and [`Model::train`].
pub fn warm_up(
    data: &Dataset<'_>,
    network: &Network,
    training: &Training,
    keep: bool,
    monitor: &dyn Monitor,
) -> Result<WarmUp> {
    let rows: Vec<RowId> = (0..data.rows()).map(RowId::at).collect();
    let seed = Seed(training.seed.key(RowId(u32::MAX - 1)));
    let mut model = Model::new(network, data.columns(), data.classes().len(), seed)?;
    let mut recorder = DynamicsRecorder::new(data, keep);
    let history = model.train(data, &rows, None, training, &mut recorder, monitor)?;
    Ok(WarmUp { dynamics: recorder.log.finish()?, model, history, recorder })
}

/// Bytes that [`warm_up`] takes beyond the data, at most.
pub fn warm_up_memory(shape: &Shape, network: &Network, epochs: usize, keep: bool) -> u64 {
    let widths: Vec<usize> = [&[shape.columns], &network.hidden[..], &[shape.classes]].concat();
    let of_layers: usize =
        widths.windows(2).map(|w| crate::kernel::stride_of(w[0]) * (16 * w[1] + 4 * 2 * 32) + 4 * 2 * 32 * w[1]).sum();
    // The probability of the true class in every epoch, the sums, and the scores that are made of them.
    let log = epochs / 4 + 4 * epochs + 16 * leanset_core::dynamics::SCORES.len();
    let rows = 2 * (4 * crate::kernel::stride_of(shape.columns) + 8) + 8 * shape.classes + log + 48;
    let kept = if keep { epochs * (48 + 4 * shape.classes) } else { 0 };
    (of_layers + shape.rows * (rows + kept)) as u64
}
