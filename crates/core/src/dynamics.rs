//! Training dynamics: which predictions of each row were right while a model trained, and how sure they were.
//!
//! A [`TrainingLog`] takes one observation a row and epoch, in any order, from any trainer. [`TrainingLog::finish`] turns
//! it into [`Dynamics`], by which the methods that use training dynamics rank:
//!
//! - forgetting events (Toneva et al. 2019, arXiv:1812.05159): how often a row went from right to wrong between two
//!   observed epochs; of a row that was never right the number of epochs, which no other row reaches;
//! - EL2N (Paul et al. 2021, arXiv:2107.07075): ‖p − e_y‖₂, the distance of the probabilities from the true class, its
//!   mean over the epochs;
//! - AUM (Pleiss et al. 2020, arXiv:2001.10528): the margin z_y − max_{k ≠ y} z_k, its mean over the epochs. Margins of
//!   logits are those of logarithms of probabilities; a probability below 1e−18 counts as that;
//! - the probability of the true class, p_y, its mean over the epochs;
//! - DUAL (Cho et al. 2025, arXiv:2502.06905): over each window of ten epochs in order the standard deviation of p_y times
//!   one minus its mean, and the mean of these products over the windows;
//! - GraNd (Paul et al. 2021): the length of the gradient of the loss by the weights of the last layer, which is
//!   ‖p − e_y‖₂ times the length of what this layer gets, its mean over the epochs. It needs more than probabilities:
//!   [`PredictionScores::with_last_inputs`].
//!
//! Cost: two bits a row and epoch, with probabilities four bytes more, and 32 bytes a row. Guarantee: the same dynamics for
//! every order of observations and every way to part them into logs that are merged, for sums are of whole numbers (units
//! of 2⁻⁴⁰). A row observed twice in an epoch, or not in one in which others are, is an error that names both. Epochs that
//! no row has are not observed: a log of every fifth epoch is one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::{ClassId, LogError, Result, RowId};

mod log_state;

pub use log_state::LabelledLog;

/// A score of each row: the mean, over the observed epochs, of a number that each prediction gives.
#[derive(Clone, Copy, Debug)]
pub struct MeanScore {
    /// Its name in [`Dynamics::score`].
    pub name: &'static str,
    /// What one prediction gives: from the probabilities of all classes, two or more, and the class of the row. Its
    /// magnitude is at most 64 (sums of it are whole numbers of 64 bits), and it is never NaN.
    pub of: fn(&[f64], ClassId) -> f64,
}

/// The mean of ‖p − e_y‖₂, in [0, √2].
pub const EL2N: &str = "el2n";
/// The mean of ln p_y − max_{k ≠ y} ln p_k, in [−42, 42].
pub const AUM: &str = "aum";
/// The mean of p_y, in [0, 1].
pub const PROBABILITY: &str = "probability";
/// The DUAL score: how much p_y varies within windows of [`WINDOW`] epochs, times how far it is from 1 there.
pub const DUAL: &str = "dual";
/// The mean of the length of the gradient by the weights of the last layer; only of models that give what this layer gets.
pub const GRAND: &str = "grand";
/// The number of forgetting events of each row; of a row that was never right the number of epochs.
pub const FORGETTING: &str = "forgetting";

/// Epochs of a window of [`DUAL`]; all of them where fewer were observed.
pub const WINDOW: usize = 10;

/// Every mean that a log keeps. Another score is one entry here.
pub const MEAN_SCORES: [MeanScore; 3] = [
    MeanScore { name: EL2N, of: error_norm },
    MeanScore { name: AUM, of: margin },
    MeanScore { name: PROBABILITY, of: own_probability },
];

/// Every score that a log may give beside [`FORGETTING`]: the means, and those that need more than a mean.
pub const SCORES: [&str; 5] = [EL2N, AUM, PROBABILITY, DUAL, GRAND];

fn own_probability(probabilities: &[f64], label: ClassId) -> f64 {
    probabilities[label.index()]
}

fn error_norm(probabilities: &[f64], label: ClassId) -> f64 {
    let own = probabilities[label.index()];
    let mut squares = (1.0 - own) * (1.0 - own);
    for (class, &p) in probabilities.iter().enumerate() {
        if class != label.index() {
            squares += p * p;
        }
    }
    squares.sqrt().min(2f64.sqrt())
}

/// A probability below this counts as this: its logarithm is needed.
const LEAST_PROBABILITY: f64 = 1e-18;

fn margin(probabilities: &[f64], label: ClassId) -> f64 {
    let own = probabilities[label.index()];
    let others = probabilities.iter().enumerate().filter(|(class, _)| *class != label.index());
    let other = others.fold(0.0f64, |largest, (_, &p)| largest.max(p));
    let margin = own.max(LEAST_PROBABILITY).ln() - other.max(LEAST_PROBABILITY).ln();
    margin.clamp(-42.0, 42.0)
}

/// What one prediction adds to each of [`MEAN_SCORES`], in their order, and to [`GRAND`] if that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictionScores([f64; MEAN_SCORES.len()], Option<f64>);

impl PredictionScores {
    /// Of the probabilities of all classes, two or more, for a row of class `label`; in [0, 1], which is not checked.
    ///
    /// ```
    /// use leanset_core::{ClassId, dynamics::{EL2N, PredictionScores}};
    /// let scores = PredictionScores::of(&[0.4, 0.6], ClassId(1));
    /// assert!((scores.get(EL2N).expect("known") - 0.32f64.sqrt()).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If there is no such class.
    pub fn of(probabilities: &[f64], label: ClassId) -> Self {
        Self(MEAN_SCORES.map(|score| (score.of)(probabilities, label)), None)
    }

    /// With the Euclidean length of what the last layer gets for this row, the 1 of its bias included: the gradient of the
    /// cross-entropy by the weights of that layer is the outer product of this and p − e_y.
    ///
    /// ```
    /// use leanset_core::{ClassId, dynamics::{GRAND, PredictionScores}};
    /// let scores = PredictionScores::of(&[0.4, 0.6], ClassId(1)).with_last_inputs(2.0);
    /// assert!((scores.get(GRAND).expect("known") - 2.0 * 0.32f64.sqrt()).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn with_last_inputs(self, length: f64) -> Self {
        let error = self.get(EL2N).unwrap_or(0.0);
        self.with_gradient(error * length)
    }

    /// With the length of the gradient by the weights of the last layer, as a model says it; at least 0.
    #[must_use]
    pub fn with_gradient(self, length: f64) -> Self {
        Self(self.0, Some(length.clamp(0.0, LARGEST_GRADIENT)))
    }

    /// Whether the row cannot have been predicted right, or wrong, by these probabilities: the largest is of another class, or of
    /// its own. Of probabilities that tie (within 10⁻⁶ of themselves) either may have been taken.
    ///
    /// ```
    /// use leanset_core::{ClassId, dynamics::PredictionScores};
    /// let scores = PredictionScores::of(&[0.4, 0.6], ClassId(1));
    /// assert!(scores.contradict(false) && !scores.contradict(true));
    /// let tie = PredictionScores::of(&[0.5, 0.5], ClassId(1));
    /// assert!(!tie.contradict(false) && !tie.contradict(true));
    /// ```
    pub fn contradict(&self, right: bool) -> bool {
        const TIE: f64 = 1e-6;
        // The margin is the logarithm of the ratio of the own probability and the largest other one.
        let margin = self.get(AUM).unwrap_or(0.0);
        if right { margin < -TIE } else { margin > TIE }
    }

    /// The score of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        if name == GRAND {
            return self.1;
        }
        MEAN_SCORES.iter().zip(self.0).find(|(score, _)| score.name == name).map(|(_, value)| value)
    }
}

/// A longer gradient counts as this: sums are of 64 bits.
const LARGEST_GRADIENT: f64 = 65_536.0;

/// Logits as probabilities, in place: e^z shifted by the largest, so that none overflows. Logits are finite.
///
/// ```
/// let mut logits = [1000.0, 1000.0, 0.0];
/// leanset_core::dynamics::softmax(&mut logits);
/// assert_eq!(logits, [0.5, 0.5, 0.0]);
/// ```
pub fn softmax(logits: &mut [f64]) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter_mut().for_each(|z| *z = (*z - largest).exp());
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|p| *p /= sum);
}

/// Which rows were observed in an epoch, and which of them were right: a bit each.
#[derive(Clone, Debug, PartialEq)]
struct Bits {
    observed: Vec<u64>,
    right: Vec<u64>,
    /// The probability of the true class of each row; empty until one is observed, 0 of rows that are not.
    own: Vec<f32>,
}

/// Observations of a model in training, in any order; logs of parts can be merged.
///
/// ```
/// use leanset_core::{RowId, dynamics::TrainingLog};
/// let mut log = TrainingLog::new(2);
/// for (epoch, right) in [(3, [true, false]), (1, [true, false]), (2, [false, false])] {
///     log.observe(epoch, RowId(0), right[0], None)?;
///     log.observe(epoch, RowId(1), right[1], None)?;
/// }
/// assert!(log.has(3, RowId(1)) && !log.has(4, RowId(1)));
/// let dynamics = log.finish()?;
/// // Row 0 was forgotten once; row 1 was never learnt, which counts as all three epochs.
/// assert_eq!(dynamics.forgetting(), [1, 3]);
/// # Ok::<(), leanset_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingLog {
    rows: usize,
    epochs: BTreeMap<u32, Bits>,
    /// The sum of each of [`MEAN_SCORES`] for each row, in [`UNIT`]s; empty until one is observed.
    sums: [Vec<i64>; MEAN_SCORES.len()],
    /// The same of the lengths of gradients. They are not negative, and a sum that would overflow stays at the largest
    /// number, whatever their order.
    gradients: Vec<i64>,
    observations: u64,
    with_scores: u64,
    with_gradients: u64,
}

/// Sums are of whole multiples of this, so that their order does not matter: 2⁻⁴⁰.
const UNIT: f64 = 1.0 / (1u64 << 40) as f64;

impl TrainingLog {
    /// No observations yet of so many rows.
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            epochs: BTreeMap::new(),
            sums: Default::default(),
            gradients: Vec::new(),
            observations: 0,
            with_scores: 0,
            with_gradients: 0,
        }
    }

    /// One row after (or in) one epoch: whether its class was predicted, and the scores of the prediction, which need its
    /// probabilities.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log) for a row that is not there, or twice in an epoch.
    pub fn observe(&mut self, epoch: u32, row: RowId, right: bool, scores: Option<PredictionScores>) -> Result<()> {
        let rows = self.rows;
        if row.index() >= rows {
            return Err(LogError::UnknownRow { row, rows }.into());
        }
        let empty = || Bits { observed: vec![0; rows.div_ceil(64)], right: vec![0; rows.div_ceil(64)], own: vec![] };
        let bits = self.epochs.entry(epoch).or_insert_with(empty);
        let (word, bit) = (row.index() / 64, row.index() % 64);
        if bits.observed[word] >> bit & 1 == 1 {
            return Err(LogError::Twice { row, epoch }.into());
        }
        bits.observed[word] |= 1 << bit;
        bits.right[word] |= u64::from(right) << bit;
        self.observations += 1;
        if let Some(prediction) = scores {
            self.with_scores += 1;
            bits.own.resize(rows, 0.0);
            bits.own[row.index()] = prediction.get(PROBABILITY).unwrap_or(0.0) as f32;
            let PredictionScores(scores, gradient) = prediction;
            for (sums, score) in self.sums.iter_mut().zip(scores) {
                sums.resize(rows, 0);
                sums[row.index()] += (score / UNIT).round() as i64;
            }
            if let Some(gradient) = gradient {
                self.with_gradients += 1;
                self.gradients.resize(rows, 0);
                let sum = &mut self.gradients[row.index()];
                *sum = sum.saturating_add((gradient / UNIT).round() as i64);
            }
        }
        Ok(())
    }

    /// Rows of the table.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The epochs of which a row was observed, in order.
    pub fn epochs(&self) -> impl ExactSizeIterator<Item = u32> {
        self.epochs.keys().copied()
    }

    /// The number of observations: of every row in every epoch, once the log is complete.
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// Whether a row was observed in an epoch.
    pub fn has(&self, epoch: u32, row: RowId) -> bool {
        let word = |bits: &Bits| bits.observed.get(row.index() / 64).copied().unwrap_or_default();
        self.epochs.get(&epoch).is_some_and(|bits| word(bits) >> (row.index() % 64) & 1 == 1)
    }

    /// The observations of both. A log that cannot be merged changes nothing.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log) if they are of other numbers of rows, or both have a row of an epoch.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.rows != other.rows {
            return Err(LogError::Rows { log: other.rows, rows: self.rows }.into());
        }
        for (&epoch, theirs) in &other.epochs {
            let Some(own) = self.epochs.get(&epoch) else { continue };
            for (word, (a, b)) in own.observed.iter().zip(&theirs.observed).enumerate() {
                if a & b != 0 {
                    let row = RowId::at(64 * word + (a & b).trailing_zeros() as usize);
                    return Err(LogError::Twice { row, epoch }.into());
                }
            }
        }
        for (&epoch, theirs) in &other.epochs {
            match self.epochs.get_mut(&epoch) {
                None => drop(self.epochs.insert(epoch, theirs.clone())),
                Some(own) => {
                    own.observed.iter_mut().zip(&theirs.observed).for_each(|(a, b)| *a |= b);
                    own.right.iter_mut().zip(&theirs.right).for_each(|(a, b)| *a |= b);
                    if own.own.is_empty() {
                        own.own.clone_from(&theirs.own);
                    } else {
                        // One of the two is 0.
                        own.own.iter_mut().zip(&theirs.own).for_each(|(a, b)| *a += b);
                    }
                }
            }
        }
        for (own, theirs) in self.sums.iter_mut().zip(&other.sums) {
            if own.is_empty() {
                own.clone_from(theirs);
            } else {
                own.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
            }
        }
        if self.gradients.is_empty() {
            self.gradients.clone_from(&other.gradients);
        } else {
            self.gradients.iter_mut().zip(&other.gradients).for_each(|(a, b)| *a = a.saturating_add(*b));
        }
        self.observations += other.observations;
        self.with_scores += other.with_scores;
        self.with_gradients += other.with_gradients;
        Ok(())
    }

    /// The dynamics of every row. [`MEAN_SCORES`] and [`DUAL`] are there if the observations have probabilities, [`GRAND`] if
    /// they all have gradients.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log) if nothing was observed, a row is missing from an epoch, or only some observations have
    /// probabilities.
    pub fn finish(&self) -> Result<Dynamics> {
        if self.epochs.is_empty() || self.rows == 0 {
            return Err(LogError::Empty.into());
        }
        for (&epoch, bits) in &self.epochs {
            for (word, observed) in bits.observed.iter().enumerate() {
                let row = 64 * word + (!observed).trailing_zeros() as usize;
                if *observed != u64::MAX && row < self.rows {
                    return Err(LogError::Gap { row: RowId::at(row), epoch }.into());
                }
            }
        }
        if self.with_scores != 0 && self.with_scores != self.observations {
            return Err(LogError::Partly { missing: self.observations - self.with_scores }.into());
        }
        let count = self.epochs.len();
        let mut events = vec![0u32; self.rows];
        let mut before = vec![0u64; self.rows.div_ceil(64)];
        let mut ever = before.clone();
        for bits in self.epochs.values() {
            for word in 0..before.len() {
                let mut forgotten = before[word] & !bits.right[word];
                while forgotten != 0 {
                    events[64 * word + forgotten.trailing_zeros() as usize] += 1;
                    forgotten &= forgotten - 1;
                }
                before[word] = bits.right[word];
                ever[word] |= bits.right[word];
            }
        }
        let learnt = (0..self.rows).map(|row| ever[row / 64] >> (row % 64) & 1 == 1).collect();
        let mean = |sums: &Vec<i64>| sums.iter().map(|&s| s as f64 * UNIT / count as f64).collect();
        let means = MEAN_SCORES.iter().zip(&self.sums).filter(|(_, sums)| !sums.is_empty());
        let mut scores: BTreeMap<Cow<'static, str>, Vec<f64>> =
            means.map(|(score, sums)| (score.name.into(), mean(sums))).collect();
        if self.with_scores > 0 {
            scores.insert(DUAL.into(), self.dual());
        }
        if self.with_gradients == self.observations {
            scores.insert(GRAND.into(), mean(&self.gradients));
        }
        Ok(Dynamics { epochs: u32::try_from(count).unwrap_or(u32::MAX), events, learnt, scores })
    }

    /// [`DUAL`] of every row, once all of them have a probability in every epoch.
    fn dual(&self) -> Vec<f64> {
        let epochs: Vec<&[f32]> = self.epochs.values().map(|bits| &bits.own[..]).collect();
        let rows = (0..self.rows).into_par_iter().with_min_len(1024);
        rows.map_init(Vec::new, |own: &mut Vec<f64>, row| {
            own.clear();
            own.extend(epochs.iter().map(|epoch| f64::from(epoch[row])));
            dual(own)
        })
        .collect()
    }
}

/// The mean, over all windows of [`WINDOW`] epochs, of the standard deviation of the probabilities in the window (of a sample,
/// with one degree of freedom less) times one minus their mean. Of one epoch 0.
fn dual(probabilities: &[f64]) -> f64 {
    let width = WINDOW.min(probabilities.len());
    if width < 2 {
        return 0.0;
    }
    let products = probabilities.windows(width).map(|window| {
        let mean = window.iter().sum::<f64>() / width as f64;
        let squares: f64 = window.iter().map(|p| (p - mean) * (p - mean)).sum();
        (squares / (width - 1) as f64).sqrt() * (1.0 - mean)
    });
    products.sum::<f64>() / (probabilities.len() - width + 1) as f64
}

/// The training dynamics of every row: how often it was forgotten, whether it was ever right, and scores by name.
///
/// The scores are an open map: a log gives [`MEAN_SCORES`], and [`Dynamics::with_score`] takes any other.
#[derive(Clone, Debug, PartialEq)]
pub struct Dynamics {
    epochs: u32,
    events: Vec<u32>,
    learnt: Vec<bool>,
    scores: BTreeMap<Cow<'static, str>, Vec<f64>>,
}

impl Dynamics {
    /// From numbers of forgetting events that were counted elsewhere, over so many epochs, and whether each row was ever
    /// right.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log) if the lists are of different lengths, or there are no rows or epochs.
    pub fn from_counts(epochs: u32, events: Vec<u32>, learnt: Vec<bool>) -> Result<Self> {
        if epochs == 0 || events.is_empty() {
            return Err(LogError::Empty.into());
        }
        if events.len() != learnt.len() {
            return Err(LogError::Rows { log: learnt.len(), rows: events.len() }.into());
        }
        // Of a row that was never right there is nothing to count, so equal dynamics are equal however they were made.
        let events = events.into_iter().zip(&learnt).map(|(e, &learnt)| if learnt { e } else { 0 }).collect();
        Ok(Self { epochs, events, learnt, scores: BTreeMap::new() })
    }

    /// The same with a score of every row.
    ///
    /// ```
    /// use leanset_core::dynamics::{Dynamics, FORGETTING};
    /// let dynamics = Dynamics::from_counts(5, vec![2, 0], vec![true, false])?.with_score("entropy", vec![0.5, 0.25])?;
    /// assert_eq!(dynamics.score("entropy").as_deref(), Some(&[0.5, 0.25][..]));
    /// assert_eq!(dynamics.score(FORGETTING).as_deref(), Some(&[2.0, 5.0][..]));
    /// assert_eq!(dynamics.score("margin"), None);
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log) if there is not one value per row, or a value is not finite.
    pub fn with_score(mut self, name: impl Into<Cow<'static, str>>, values: Vec<f64>) -> Result<Self> {
        let name = name.into();
        if values.len() != self.rows() {
            return Err(LogError::Rows { log: values.len(), rows: self.rows() }.into());
        }
        if let Some(row) = values.iter().position(|v| !v.is_finite()) {
            return Err(LogError::Value(format!("{name} of row {row} is {}", values[row])).into());
        }
        self.scores.insert(name, values);
        Ok(self)
    }

    /// Those of some rows, in this order.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log) if there are none.
    pub(crate) fn of_rows(&self, rows: &[RowId]) -> Result<Self> {
        let events = rows.iter().map(|row| self.events[row.index()]).collect();
        let learnt = rows.iter().map(|row| self.learnt[row.index()]).collect();
        let own = Self::from_counts(self.epochs, events, learnt)?;
        self.scores.iter().try_fold(own, |own, (name, values)| {
            own.with_score(name.clone(), rows.iter().map(|row| values[row.index()]).collect())
        })
    }

    /// Rows observed.
    pub fn rows(&self) -> usize {
        self.events.len()
    }

    /// Epochs observed.
    pub fn epochs(&self) -> u32 {
        self.epochs
    }

    /// Whether a row was right in any epoch.
    pub fn learnt(&self, row: RowId) -> bool {
        self.learnt[row.index()]
    }

    /// How often each row was forgotten; of a row that was never learnt the number of epochs.
    pub fn forgetting(&self) -> Vec<u32> {
        self.events.iter().zip(&self.learnt).map(|(&e, &learnt)| if learnt { e } else { self.epochs }).collect()
    }

    /// The score of this name, of every row, if it is known. [`FORGETTING`] always is.
    pub fn score(&self, name: &str) -> Option<Cow<'_, [f64]>> {
        match self.scores.get(name) {
            Some(values) => Some(Cow::Borrowed(values)),
            None if name == FORGETTING => Some(self.forgetting().into_iter().map(f64::from).collect()),
            None => None,
        }
    }

    /// The scores beside [`FORGETTING`], by name.
    pub fn scores(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.scores.iter().map(|(name, values)| (name.as_ref(), values.as_slice()))
    }

    /// Bytes that it holds.
    pub fn memory(&self) -> u64 {
        (self.rows() * (5 + 8 * self.scores.len())) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use proptest::prelude::*;

    type Observation = (u32, RowId, bool, Option<PredictionScores>);

    fn log(rows: usize, observations: &[Observation]) -> Result<TrainingLog> {
        let mut log = TrainingLog::new(rows);
        observations.iter().try_for_each(|&(epoch, row, right, scores)| log.observe(epoch, row, right, scores))?;
        Ok(log)
    }

    /// By the definition, a row at a time.
    fn naive(right: &[bool]) -> u32 {
        let events = right.windows(2).filter(|w| w[0] && !w[1]).count();
        let all = right.len();
        u32::try_from(if right.contains(&true) { events } else { all }).expect("few epochs")
    }

    /// By the definition: of every window of ten epochs, or of all if there are fewer.
    fn naive_dual(own: &[f64]) -> f64 {
        let width = own.len().min(10);
        if width == 1 {
            return 0.0;
        }
        let mut products = Vec::new();
        for first in 0..=own.len() - width {
            let window = &own[first..first + width];
            let mean = window.iter().sum::<f64>() / width as f64;
            let variance = window.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (width as f64 - 1.0);
            products.push(variance.sqrt() * (1.0 - mean));
        }
        products.iter().sum::<f64>() / products.len() as f64
    }

    proptest! {
        #[test]
        fn log_is_independent_of_order_and_parts(
            rows in 1usize..150, epochs in 1usize..15, bits in any::<u64>(), scored in any::<bool>(),
        ) {
            let right = |epoch: usize, row: usize| crate::Seed(bits).unit(RowId::at(epoch * 1000 + row)) < 0.6;
            let unit = |epoch: usize, row: usize| crate::Seed(!bits).unit(RowId::at(epoch * 1000 + row));
            let mut all: Vec<Observation> = Vec::new();
            for epoch in 0..epochs {
                for row in 0..rows {
                    let u = unit(epoch, row);
                    let scores = PredictionScores::of(&[u, 0.4 * (1.0 - u), 0.6 * (1.0 - u)], ClassId(0));
                    let scores = scores.with_last_inputs(3.0 + u);
                    // Epochs need not begin at 0, nor be every one.
                    let number = u32::try_from(3 * epoch + 5).expect("few epochs");
                    all.push((number, RowId::at(row), right(epoch, row), scored.then_some(scores)));
                }
            }
            let whole = log(rows, &all).expect("a log");
            let found = whole.finish().expect("complete");
            for row in 0..rows {
                let own: Vec<bool> = (0..epochs).map(|e| right(e, row)).collect();
                prop_assert_eq!(found.forgetting()[row], naive(&own));
                prop_assert_eq!(found.learnt(RowId::at(row)), own.contains(&true));
                let means = MEAN_SCORES.iter().map(|score| score.name).chain([GRAND]);
                for name in means.filter(|_| scored) {
                    let own = all.iter().filter(|o| o.1.index() == row).map(|o| o.3.expect("there").get(name));
                    let mean = own.map(|v| v.expect("known")).sum::<f64>() / epochs as f64;
                    prop_assert!((found.score(name).expect("there")[row] - mean).abs() < 1e-11, "{}", name);
                }
                if scored {
                    let own: Vec<f64> = (0..epochs).map(|e| f64::from(unit(e, row) as f32)).collect();
                    prop_assert!((found.score(DUAL).expect("there")[row] - naive_dual(&own)).abs() < 1e-12);
                }
            }
            let names: Vec<&str> = found.scores().map(|(name, _)| name).collect();
            let mut every = SCORES.to_vec();
            every.sort_unstable();
            prop_assert_eq!(names, if scored { every } else { vec![] });
            all.sort_by_key(|o| crate::Seed(bits).key(RowId(o.0 * 1000 + o.1.0)));
            prop_assert_eq!(&log(rows, &all).expect("a log"), &whole);
            let (one, other) = all.split_at(all.len() / 3);
            let mut merged = log(rows, one).expect("a log");
            merged.merge(&log(rows, other).expect("a log")).expect("they are apart");
            prop_assert_eq!(&merged, &whole);
            // The last observation again, and the log without it.
            let last = *all.last().expect("some");
            let twice: Error = LogError::Twice { row: last.1, epoch: last.0 }.into();
            prop_assert_eq!(merged.observe(last.0, last.1, true, None), Err(twice.clone()));
            prop_assert_eq!(merged.merge(&log(rows, &all[all.len() - 1..]).expect("a log")), Err(twice));
            prop_assert_eq!(&merged, &whole);
            let short = log(rows, &all[..all.len() - 1]).expect("a log").finish();
            if rows > 1 {
                prop_assert_eq!(short, Err(LogError::Gap { row: last.1, epoch: last.0 }.into()));
            }
        }
    }

    #[test]
    fn log_that_cannot_be_used_is_refused() {
        let some = PredictionScores::of(&[0.5, 0.5], ClassId(1));
        assert_eq!(TrainingLog::new(3).finish(), Err(LogError::Empty.into()));
        let beyond = log(3, &[(0, RowId(3), true, None)]);
        assert_eq!(beyond, Err(LogError::UnknownRow { row: RowId(3), rows: 3 }.into()));
        let partly = log(1, &[(0, RowId(0), true, None), (1, RowId(0), true, Some(some))]).expect("a log").finish();
        assert_eq!(partly, Err(LogError::Partly { missing: 1 }.into()));
        let other = TrainingLog::new(3).merge(&TrainingLog::new(2));
        assert_eq!(other, Err(LogError::Rows { log: 2, rows: 3 }.into()));
        let counts = |events, learnt| Dynamics::from_counts(5, events, learnt);
        assert!(counts(vec![], vec![]).is_err() && counts(vec![1], vec![]).is_err());
        let scored = |values| counts(vec![1], vec![true]).and_then(|d| d.with_score("own", values));
        assert!(scored(vec![0.0]).is_ok() && scored(vec![]).is_err() && scored(vec![f64::NAN]).is_err());
    }

    #[test]
    fn prediction_scores_are_those_of_the_papers() {
        let of = |probabilities: &[f64], label, name| PredictionScores::of(probabilities, ClassId(label)).get(name);
        let found = |name| of(&[0.2, 0.7, 0.1], 0, name).expect("known");
        assert!((found(EL2N) - (0.64f64 + 0.49 + 0.01).sqrt()).abs() < 1e-15);
        assert!((found(AUM) - (0.2f64 / 0.7).ln()).abs() < 1e-15);
        let worst = |name| of(&[0.0, 1.0], 0, name).expect("known");
        assert!((worst(EL2N) - 2f64.sqrt()).abs() < 1e-15 && (worst(AUM) + 41.446_531_673_892_82).abs() < 1e-9);
        assert_eq!(of(&[1.0, 0.0], 0, EL2N), Some(0.0));
        assert_eq!(of(&[1.0, 0.0], 0, FORGETTING), None);
    }
}
