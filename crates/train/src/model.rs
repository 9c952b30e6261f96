//! A network with its weights and the optimizer's memory: trained, trained on, asked.

use leanset_core::{ClassId, Dataset, Error, Look, Monitor, Result, RowId, Seed, data::Scalar as _, with_points};

use crate::kernel::{Aligned, Differentiate, Moments, Plan, Predict, Rows, Step, Workspace, stride_of};
use crate::network::{Loss, Network, TRAINER, Training, refuse};
use crate::simd::{Level, run_at};

/// A multilayer perceptron. Weights and the optimizer's memory stay between calls of [`Model::train`], so that training
/// goes on where it stopped, on the same rows or on others.
#[derive(Clone, Debug)]
pub struct Model {
    network: Network,
    inputs: usize,
    classes: usize,
    plan: Plan,
    parameters: Aligned,
    moments: Moments,
    /// Epochs so far: order and dropout of each differ.
    epochs: usize,
    level: Level,
}

/// What an epoch was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Its number since the model is new, from 0.
    pub number: usize,
    /// The mean loss of its batches, dropout and all.
    pub loss: f64,
    /// The loss of the held-out rows after it, if some are held out.
    pub validation_loss: Option<f64>,
    /// The part of held-out rows classified right after it.
    pub validation_accuracy: Option<f64>,
}

/// What training was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Each epoch.
    pub epochs: Vec<Epoch>,
    /// The position of the epoch whose weights the model has; the last, unless those of the best came back.
    pub kept: Option<usize>,
    /// Whether training stopped before the last epoch.
    pub stopped_early: bool,
    /// Steps made.
    pub steps: usize,
}

/// What a model gives for rows after an epoch, without dropout.
#[derive(Clone, Copy, Debug)]
pub struct Outcomes<'a> {
    /// The probability of each class: rows × classes.
    pub probabilities: &'a [f32],
    /// The Euclidean length of what the last layer gets for each row, the 1 of its bias included.
    pub last_inputs: &'a [f64],
}

/// Hears of every epoch.
pub trait Observer {
    /// Whether [`Observer::rows`] is to be called: it costs a forward pass over the rows, about a quarter of the epoch.
    fn wants_rows(&self) -> bool {
        false
    }

    /// After an epoch: what the model gives for each row. The rows are all that were given, those held out for validation
    /// among them, in the order given.
    ///
    /// # Errors
    /// What the observer says; training stops with it.
    fn rows(&mut self, epoch: usize, rows: &[RowId], outcomes: &Outcomes<'_>) -> Result<()> {
        let _ = (epoch, rows, outcomes);
        Ok(())
    }

    /// After an epoch, and after [`Observer::rows`].
    fn epoch(&mut self, epoch: &Epoch) {
        let _ = epoch;
    }
}

/// Hears nothing.
impl Observer for () {}

/// Rows that are copied between two looks at whether to stop.
const COPIED: usize = 1024;

impl Model {
    /// A network for so many inputs and classes. Weights and biases are uniform in ±1/√inputs of their layer, as
    /// PyTorch's linear layers are.
    ///
    /// # Errors
    /// [`Error::BadParameter`]; [`Error::Data`] for fewer than two classes; [`Error::NoColumns`].
    pub fn new(network: &Network, inputs: usize, classes: usize, seed: Seed) -> Result<Self> {
        let outputs = network.check(inputs, classes)?;
        let plan = Plan::new(&network.hidden, network.activation, network.dropout, network.loss, (inputs, outputs));
        let mut parameters = Aligned::zeros(plan.parameters());
        for (l, layer) in plan.layers.iter().enumerate() {
            let (bound, stream) = (1.0 / (layer.inputs as f64).sqrt(), Seed(seed.key(RowId::at(l))));
            for unit in 0..layer.outputs {
                for input in 0..=layer.inputs {
                    let uniform = stream.unit(RowId::at(unit * (layer.inputs + 1) + input));
                    parameters[layer.first + unit * layer.stride + input] = (bound * (2.0 * uniform - 1.0)) as f32;
                }
            }
        }
        let moments = Moments::new(plan.parameters());
        let network = network.clone();
        Ok(Self { network, inputs, classes, plan, parameters, moments, epochs: 0, level: Level::widest() })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Epochs trained so far.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// Weights and biases, layer after layer, unit after unit: the weights of its inputs, then the bias.
    pub fn parameters(&self) -> Vec<f32> {
        let of_unit = |(layer, unit): (&crate::kernel::Layer, usize)| {
            self.parameters[layer.first + unit * layer.stride..][..=layer.inputs].to_vec()
        };
        self.plan.layers.iter().flat_map(|l| (0..l.outputs).map(move |u| (l, u))).flat_map(of_unit).collect()
    }

    /// Trains on rows of a dataset, with a weight for each where they are given. Rows may repeat.
    ///
    /// The loss of a batch is Σ w·loss / Σ w, w the weight of the row times that of its class. Steps of the monitor are
    /// rows.
    ///
    /// # Errors
    /// [`Error::BadParameter`] for settings that are none; [`Error::Data`] if the data do not fit the network, or the
    /// loss is not a number any more; [`Error::Interrupted`].
    pub fn train(
        &mut self,
        data: &Dataset<'_>,
        rows: &[RowId],
        weights: Option<&[f64]>,
        training: &Training,
        observer: &mut dyn Observer,
        monitor: &dyn Monitor,
    ) -> Result<History> {
        training.check(self.classes)?;
        self.check(data, rows)?;
        if let Some(weights) = weights {
            if weights.len() != rows.len() {
                let value = weights.len().to_string();
                return Err(refuse("weights", format!("one a row, {}", rows.len()), value));
            }
            if let Some(bad) = weights.iter().find(|w| !(0.0..=1e30).contains(*w)) {
                return Err(refuse("weights", "numbers in [0, 1e30]".into(), bad.to_string()));
            }
        }
        let held_out = training.early_stopping.map(|s| held_out(data, rows, s.validation, training.seed));
        let of = |held: bool| -> Vec<usize> {
            (0..rows.len()).filter(|&i| held_out.as_ref().is_some_and(|h| h[i]) == held).collect()
        };
        let own = of(false);
        if own.is_empty() {
            return Err(refuse("rows", "at least one to train on".into(), "none".into()));
        }
        let look: Look<'_> = &|| if monitor.cancelled() { Err(Error::Interrupted) } else { Ok(()) };
        let pick = |positions: &[usize]| -> Result<Rows> {
            let ids: Vec<RowId> = positions.iter().map(|&i| rows[i]).collect();
            let own: Option<Vec<f64>> = weights.map(|w| positions.iter().map(|&i| w[i]).collect());
            self.rows_of(data, &ids, own.as_deref(), training.class_weights.as_deref(), look)
        };
        let own_rows = pick(&own)?;
        let watched = if held_out.is_some() { Some(pick(&of(true))?) } else { None };
        let all = if observer.wants_rows() { Some(pick(&(0..rows.len()).collect::<Vec<_>>())?) } else { None };
        let mut room = Workspace::new(&self.plan);
        self.moments.prepare(training.optimizer);

        monitor.begin("training", (own.len() * training.epochs) as u64);
        let mut history = History::default();
        let mut best: Option<(f64, usize, Aligned)> = None;
        let mut order: Vec<(u64, u32)> = Vec::with_capacity(own.len());
        // A batch may be larger than there are rows.
        let step = training.batch.min(own.len());
        let (mut batch, mut states) = (Vec::with_capacity(step), Vec::with_capacity(step));
        for _ in 0..training.epochs {
            // Of each epoch two streams of keys of rows: one for the order, one for the dropout.
            let stream = training.seed.key(RowId::at(self.epochs));
            let (shuffle, dropout) = (Seed(stream), Seed(!stream));
            order.clear();
            order.extend(own.iter().enumerate().map(|(at, &i)| (shuffle.key(rows[i]), at as u32)));
            order.sort_unstable();
            let (mut loss, mut weight) = (0.0, 0.0);
            for chunk in order.chunks(training.batch) {
                batch.clear();
                batch.extend(chunk.iter().map(|o| o.1));
                states.clear();
                states.extend(batch.iter().map(|&at| state(dropout, rows[own[at as usize]])));
                let found = self.differentiate(&own_rows, &batch, &states, &mut room, look)?;
                loss += found.0 * found.1;
                weight += found.1;
                if found.1 > 0.0 {
                    let step = Step {
                        optimizer: training.optimizer,
                        rate: training.learning_rate,
                        decay: training.weight_decay,
                        moments: &mut self.moments,
                        gradients: &room.gradients,
                        parameters: &mut self.parameters,
                    };
                    run_at(self.level, step);
                    history.steps += 1;
                }
                monitor.advance(chunk.len() as u64);
                look()?;
            }
            let mut epoch =
                Epoch { number: self.epochs, loss: loss / weight, validation_loss: None, validation_accuracy: None };
            if !epoch.loss.is_finite() || self.parameters.iter().any(|p| !p.is_finite()) {
                return Err(if weight == 0.0 {
                    refuse("weights", "some above 0".into(), "all 0".into())
                } else {
                    Error::Data {
                        method: TRAINER,
                        what: format!("training diverged in epoch {}, at a loss of {}", epoch.number, epoch.loss),
                        hint: "scale the columns, or take a lower learning rate".into(),
                    }
                });
            }
            self.epochs += 1;
            if let Some(all) = &all {
                let mut out = vec![0.0; rows.len() * self.plan.outputs()];
                let mut last_inputs = vec![0.0; rows.len()];
                self.predict_into(all, true, &mut room, (&mut out, &mut last_inputs), look)?;
                let probabilities = &self.spread(out)[..];
                observer.rows(epoch.number, rows, &Outcomes { probabilities, last_inputs: &last_inputs })?;
            }
            let mut stop = false;
            if let (Some(watched), Some(stopping)) = (&watched, &training.early_stopping) {
                let (loss, accuracy) = self.watch(watched, &mut room, look)?;
                (epoch.validation_loss, epoch.validation_accuracy) = (Some(loss), Some(accuracy));
                let at = history.epochs.len();
                match &best {
                    Some((least, since, _)) if loss.is_nan() || loss >= least - stopping.least_gain => {
                        stop = at - since >= stopping.patience;
                    }
                    _ => best = Some((loss, at, self.parameters.clone())),
                }
            }
            observer.epoch(&epoch);
            history.epochs.push(epoch);
            if stop {
                history.stopped_early = history.epochs.len() < training.epochs;
                break;
            }
        }
        history.kept = history.epochs.len().checked_sub(1);
        if let (Some((_, at, parameters)), Some(stopping)) = (best, &training.early_stopping)
            && stopping.restore_best
        {
            (self.parameters, history.kept) = (parameters, Some(at));
        }
        Ok(history)
    }

    /// The outputs of the network for rows: rows × outputs (one a class, or one in all for [`Loss::Binary`]).
    ///
    /// # Errors
    /// [`Error::Data`] if the data do not fit the network.
    pub fn logits(&self, data: &Dataset<'_>, rows: &[RowId]) -> Result<Vec<f32>> {
        self.outputs(data, rows, false)
    }

    /// The probability of each class for each row: rows × classes.
    ///
    /// # Errors
    /// [`Error::Data`] if the data do not fit the network.
    pub fn probabilities(&self, data: &Dataset<'_>, rows: &[RowId]) -> Result<Vec<f32>> {
        Ok(self.spread(self.outputs(data, rows, true)?))
    }

    /// The most probable class of each row, the first of equals.
    ///
    /// # Errors
    /// [`Error::Data`] if the data do not fit the network.
    pub fn predict(&self, data: &Dataset<'_>, rows: &[RowId]) -> Result<Vec<ClassId>> {
        let logits = self.logits(data, rows)?;
        Ok(match self.network.loss {
            Loss::CrossEntropy => logits.chunks_exact(self.classes).map(most_probable).collect(),
            Loss::Binary => logits.iter().map(|&z| ClassId(u32::from(z > 0.0))).collect(),
        })
    }

    fn outputs(&self, data: &Dataset<'_>, rows: &[RowId], probabilities: bool) -> Result<Vec<f32>> {
        self.check(data, rows)?;
        let look: Look<'_> = &|| Ok(());
        let own = self.rows_of(data, rows, None, None, look)?;
        let mut out = vec![0.0; rows.len() * self.plan.outputs()];
        self.predict_into(&own, probabilities, &mut Workspace::new(&self.plan), (&mut out, &mut []), look)?;
        Ok(out)
    }

    fn predict_into(
        &self,
        rows: &Rows,
        probabilities: bool,
        room: &mut Workspace,
        (out, last_inputs): (&mut [f32], &mut [f64]),
        look: Look<'_>,
    ) -> Result<()> {
        let (plan, parameters) = (&self.plan, &self.parameters[..]);
        run_at(self.level, Predict { plan, parameters, room, rows, probabilities, out, last_inputs, look })
    }

    pub(crate) fn differentiate(
        &self,
        rows: &Rows,
        batch: &[u32],
        states: &[u32],
        room: &mut Workspace,
        look: Look<'_>,
    ) -> Result<(f64, f64)> {
        let (plan, parameters) = (&self.plan, &self.parameters[..]);
        run_at(self.level, Differentiate { plan, parameters, room, rows, batch, states, look })
    }

    /// One probability a row becomes two.
    fn spread(&self, probabilities: Vec<f32>) -> Vec<f32> {
        match self.network.loss {
            Loss::CrossEntropy => probabilities,
            Loss::Binary => probabilities.into_iter().flat_map(|p| [1.0 - p, p]).collect(),
        }
    }

    /// Mean loss and accuracy of labelled rows.
    fn watch(&self, rows: &Rows, room: &mut Workspace, look: Look<'_>) -> Result<(f64, f64)> {
        let outputs = self.plan.outputs();
        let mut logits = vec![0.0; rows.labels.len() * outputs];
        self.predict_into(rows, false, room, (&mut logits, &mut []), look)?;
        let (mut loss, mut weight, mut right) = (0.0, 0.0, 0);
        for ((row, &label), &w) in logits.chunks_exact(outputs).zip(&rows.labels).zip(&rows.weights) {
            let (own, predicted) = match self.network.loss {
                Loss::CrossEntropy => {
                    let most = most_probable(row);
                    let largest = f64::from(row[most.index()]);
                    let total: f64 = row.iter().map(|&z| crate::kernel::exp(f64::from(z) - largest)).sum();
                    (crate::kernel::ln(total) + largest - f64::from(row[label as usize]), most.0)
                }
                Loss::Binary => {
                    let z = f64::from(row[0]);
                    let own = z.max(0.0) - z * f64::from(label) + crate::kernel::ln(1.0 + crate::kernel::exp(-z.abs()));
                    (own, u32::from(z > 0.0))
                }
            };
            loss += f64::from(w) * own;
            weight += f64::from(w);
            right += usize::from(predicted == label);
        }
        Ok((if weight > 0.0 { loss / weight } else { 0.0 }, right as f64 / rows.labels.len().max(1) as f64))
    }

    fn check(&self, data: &Dataset<'_>, rows: &[RowId]) -> Result<()> {
        let refuse = |what: String| {
            let hint = "a network is made for the columns and classes of its table".into();
            Err(Error::Data { method: TRAINER, what, hint })
        };
        if data.columns() != self.inputs {
            return refuse(format!("the rows have {} columns, the network {} inputs", data.columns(), self.inputs));
        }
        if data.classes().len() != self.classes {
            let (own, theirs) = (self.classes, data.classes().len());
            return refuse(format!("the rows are of {theirs} classes, the network of {own}"));
        }
        match rows.iter().find(|r| r.index() >= data.rows()) {
            Some(row) => Err(refuse_row(*row, data.rows())),
            None => Ok(()),
        }
    }

    /// Rows as the kernel takes them: single precision, a one for the bias, zeros to whole vectors.
    fn rows_of(
        &self,
        data: &Dataset<'_>,
        rows: &[RowId],
        weights: Option<&[f64]>,
        of_class: Option<&[f64]>,
        look: Look<'_>,
    ) -> Result<Rows> {
        let stride = stride_of(self.inputs);
        let mut values = Aligned::zeros(rows.len() * stride);
        with_points!(data.points(), |points| {
            for (i, (place, &row)) in values.chunks_exact_mut(stride).zip(rows).enumerate() {
                if i % COPIED == 0 {
                    look()?;
                }
                for (column, (v, own)) in place.iter_mut().zip(points.row(row)).enumerate() {
                    *v = own.widen() as f32;
                    if !v.is_finite() {
                        return Err(Error::TooLarge { row, column, value: own.widen(), limit: f64::from(f32::MAX) });
                    }
                }
                place[self.inputs] = 1.0;
            }
        });
        let labels: Vec<u32> = rows.iter().map(|&r| data.classes().of(r).0).collect();
        let weight = |(i, &label): (usize, &u32)| {
            (weights.map_or(1.0, |w| w[i]) * of_class.map_or(1.0, |w| w[label as usize])) as f32
        };
        let weights = labels.iter().enumerate().map(weight).collect();
        Ok(Rows { values, stride, labels, weights })
    }
}

fn refuse_row(row: RowId, rows: usize) -> Error {
    refuse("rows", format!("row ids below {rows}"), row.to_string())
}

/// The state from which a row's dropout of one epoch is drawn.
pub(crate) fn state(stream: Seed, row: RowId) -> u32 {
    ((stream.key(row) >> 32) as u32).max(1)
}

/// The position of the largest value, the first of equals.
pub(crate) fn most_probable(values: &[f32]) -> ClassId {
    let mut best = 0;
    for (c, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = c;
        }
    }
    ClassId::at(best)
}

/// Which rows are held out: of each class the part whose keys are smallest, at least one of two rows or more.
fn held_out(data: &Dataset<'_>, rows: &[RowId], part: f64, seed: Seed) -> Vec<bool> {
    let stream = Seed(seed.key(RowId(u32::MAX)));
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); data.classes().len()];
    for (i, &row) in rows.iter().enumerate() {
        of_class[data.classes().of(row).index()].push(i);
    }
    let mut held = vec![false; rows.len()];
    for positions in &mut of_class {
        positions.sort_unstable_by_key(|&i| (stream.key(rows[i]), i));
        let count = (positions.len() as f64 * part).round() as usize;
        let count = count.clamp(1, positions.len().saturating_sub(1).max(1)).min(positions.len().saturating_sub(1));
        positions[..count].iter().for_each(|&i| held[i] = true);
    }
    held
}
