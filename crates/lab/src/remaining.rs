//! How long an experiment will still take, by what its runs took so far.
//!
//! Gradient steps alone predict badly: choosing rows takes some methods far longer than training. So every method at every
//! ratio is expected to take the mean of its own runs, and nothing is said before each of them has run once: an estimate
//! that leaves out the most expensive method would jump when its turn comes.

use std::collections::BTreeMap;

use leanset_core::{Monitor, Quiet};

use crate::record::Record;

/// Follows the runs of an experiment.
pub trait Progress: Monitor {
    /// The seconds that are probably left; none as long as that is not known.
    fn remaining(&self, seconds: Option<f64>);
}

impl Progress for Quiet {
    fn remaining(&self, _seconds: Option<f64>) {}
}

/// A method, a model, and the bits of a ratio.
type Key = (String, Option<String>, u64);

/// The runs of one method at one ratio, with one model.
#[derive(Clone, Copy, Debug, Default)]
struct RunKind {
    runs: u32,
    seconds: f64,
    /// Seconds of features that are in the reduction of every run and were spent only once.
    features: f64,
}

/// The time that the remaining runs take.
#[derive(Clone, Debug)]
pub(crate) struct RemainingTime {
    repetitions: u32,
    /// Runs at a time.
    pub(crate) workers: usize,
    kinds: BTreeMap<Key, RunKind>,
}

impl RemainingTime {
    /// For runs that are each repeated this often.
    pub(crate) fn new(repetitions: u32) -> Self {
        Self { repetitions, workers: 1, kinds: BTreeMap::new() }
    }

    /// Expects runs of a method at a ratio; `features` are seconds in the cost of each that were spent only once.
    pub(crate) fn expect(&mut self, method: &str, model: Option<&str>, ratio: f64, features: Option<f64>) {
        let kind = RunKind { features: features.unwrap_or_default(), ..RunKind::default() };
        self.kinds.insert((method.to_owned(), model.map(str::to_owned), ratio.to_bits()), kind);
    }

    /// Takes a run into account.
    pub(crate) fn add(&mut self, record: &Record) {
        if let Some(kind) = self.kinds.get_mut(&(record.method.clone(), record.model.clone(), record.ratio.to_bits())) {
            let measured = &record.measured;
            let reduction = (measured.reduction.seconds - kind.features).max(0.0);
            kind.runs += 1;
            kind.seconds += reduction / measured.reduction_serves.max(1) as f64 + measured.training.seconds;
        }
    }

    /// Seconds that are left; none before every method has run at every ratio.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let left = |kind: &RunKind| {
            let mean = (kind.runs > 0).then(|| kind.seconds / f64::from(kind.runs))?;
            Some(mean * f64::from(self.repetitions.saturating_sub(kind.runs)))
        };
        let total: Option<f64> = self.kinds.values().map(left).sum();
        Some(total? / self.workers as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::seeds::Seeds;
    use crate::record::{ClassifierScores, Cost, EnergySources, Measurements, ModelScores, Steps};

    fn record(method: &str, ratio: f64, reduction: f64, serves: usize, training: f64) -> Record {
        let cost = |seconds| Cost { seconds, ..Cost::default() };
        let scores = ClassifierScores {
            accuracy: 1.0,
            precision: 1.0,
            recall: 1.0,
            f1: 1.0,
            worst_recall: None,
            classes: Vec::new(),
        };
        Record {
            repetition: 0,
            method: method.into(),
            ratio,
            model: None,
            seeds: Seeds { split: None, method: 0, model: 0 },
            kept: Vec::new(),
            epsilon: 0.0,
            scores: ModelScores::Classifier(scores),
            weighted: false,
            linear_accuracy: None,
            steps: Steps::default(),
            warnings: Vec::new(),
            measured: Measurements {
                shared: false,
                threads: 1,
                processor: String::new(),
                reduction: cost(reduction),
                reduction_serves: serves,
                features: None,
                training: cost(training),
                energy: EnergySources::default(),
            },
        }
    }

    #[test]
    fn remaining_time_waits_for_every_method_and_counts_shared_work_once() {
        let mut remaining = RemainingTime::new(10);
        remaining.workers = 2;
        remaining.expect("full", None, 1.0, None);
        remaining.expect("slow", None, 0.1, None);
        remaining.expect("slow", None, 0.5, None);
        remaining.add(&record("full", 1.0, 0.0, 1, 4.0));
        assert_eq!(remaining.seconds(), None);
        remaining.add(&record("slow", 0.1, 20.0, 2, 1.0));
        assert_eq!(remaining.seconds(), None);
        remaining.add(&record("slow", 0.5, 20.0, 2, 2.0));
        // Nine of each are left: 9 · (4 + 11 + 12), two at a time.
        assert_eq!(remaining.seconds(), Some(121.5));
    }

    #[test]
    fn remaining_time_leaves_out_features_that_exist() {
        let mut remaining = RemainingTime::new(2);
        remaining.expect("maxmin", None, 0.5, Some(100.0));
        remaining.add(&record("maxmin", 0.5, 101.0, 1, 1.0));
        assert_eq!(remaining.seconds(), Some(2.0));
    }
}
