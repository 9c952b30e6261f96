//! Resamplings of the held-out rows: how much of a result is the accident of which rows those are.
//!
//! In resampling b a row counts as often as a Poisson variable of mean 1 says, drawn by hash(seed, b, row): the bootstrap, without
//! an order of the rows. Rows of a group count together. Rows that count 0 times (37 %) are *out of the bag*: what was chosen by
//! the others is judged by them. Where a model reports scores and no predictions, folds are resampled in place of rows.

use leanset_core::{RowId, Seed};

use crate::evaluation::{Outcome, Predictions};
use crate::goal::{Counts, Measures};

/// How many resamplings are made.
pub const RESAMPLINGS: usize = 200;

/// The rows that are tested, fold by fold.
#[derive(Clone, Debug)]
pub(crate) struct TestedRows {
    pub(crate) classes: usize,
    /// The class of each test row of each fold.
    pub(crate) truth: Vec<Vec<u32>>,
    /// What counts together: the row, or its group.
    pub(crate) units: Vec<Vec<u32>>,
}

/// How often each row of each fold counts, and each fold.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    rows: Vec<Vec<u8>>,
    folds: Vec<u8>,
}

/// P(X ≤ k) of a Poisson variable of mean 1.
const CUMULATED: [f64; 7] = [
    0.367_879_441_171_442_3,
    0.735_758_882_342_884_6,
    0.919_698_602_928_605_7,
    0.981_011_843_123_846_1,
    0.996_340_153_172_656_3,
    0.999_405_815_182_418_3,
    0.999_916_758_850_712,
];

fn poisson(uniform: f64) -> u8 {
    CUMULATED.iter().position(|&bound| uniform < bound).unwrap_or(CUMULATED.len()) as u8
}

impl Weights {
    /// Of one resampling.
    pub(crate) fn new(tested: &TestedRows, seed: Seed, resampling: usize) -> Self {
        let stream = Seed(Seed(seed.0 ^ 0x0B00_757A).key(RowId::at(resampling)));
        let of_fold = |units: &Vec<u32>| units.iter().map(|&unit| poisson(stream.unit(RowId(unit)))).collect();
        let folds: Vec<u8> =
            (0..tested.units.len()).map(|fold| poisson(Seed(!stream.0).unit(RowId::at(fold)))).collect();
        Self { rows: tested.units.iter().map(of_fold).collect(), folds }
    }

    /// Of the rows that do not count here: once each.
    pub(crate) fn out_of_bag(&self) -> Self {
        let outside = |weights: &Vec<u8>| weights.iter().map(|&w| u8::from(w == 0)).collect();
        Self { rows: self.rows.iter().map(outside).collect(), folds: outside(&self.folds) }
    }
}

impl TestedRows {
    /// The measures of what a model did in some folds, each row counted by its weight.
    pub(crate) fn measures(&self, outcomes: &[(usize, &Outcome)], weights: Option<&Weights>) -> Measures {
        let mut counts = Counts::new(self.classes);
        let (mut sums, mut total) = ([0.0; 2], 0.0);
        let all = weights.is_none_or(|w| outcomes.iter().all(|(fold, _)| w.folds[*fold] == 0));
        for &(fold, outcome) in outcomes {
            match outcome {
                Outcome::Predictions(Predictions(predicted)) => {
                    let rows = self.truth[fold].iter().zip(predicted);
                    match weights {
                        None => rows.for_each(|(&truth, &found)| counts.add(truth, found, 1.0)),
                        Some(weights) => {
                            for ((&truth, &found), &weight) in rows.zip(&weights.rows[fold]).filter(|(_, w)| **w > 0) {
                                counts.add(truth, found, f64::from(weight));
                            }
                        }
                    }
                }
                Outcome::Scores { accuracy, macro_f1 } => {
                    let weight = weights.filter(|_| !all).map_or(1.0, |w| f64::from(w.folds[fold]));
                    if weight > 0.0 {
                        total += weight;
                        sums[0] += weight * accuracy;
                        sums[1] += weight * macro_f1.unwrap_or(f64::NAN);
                    }
                }
            }
        }
        if total > 0.0 {
            return Measures { accuracy: sums[0] / total, macro_f1: sums[1] / total, worst_recall: f64::NAN };
        }
        counts.measures()
    }
}

/// The value below which a part of some values lies, between the two nearest in order.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = part * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    if low == high { low } else { low + (high - low) * at.fract() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(rows: usize) -> TestedRows {
        TestedRows {
            classes: 2,
            truth: vec![vec![0; rows], vec![1; rows]],
            units: vec![(0..rows as u32).collect(), (rows as u32..2 * rows as u32).collect()],
        }
    }

    #[test]
    fn rows_count_once_on_average_and_a_third_of_them_not_at_all() {
        let tested = tested(500);
        let weights: Vec<Weights> = (0..200).map(|b| Weights::new(&tested, Seed(0), b)).collect();
        let all: Vec<f64> = weights.iter().flat_map(|w| w.rows.iter().flatten()).map(|&w| f64::from(w)).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let out = all.iter().filter(|w| **w == 0.0).count() as f64 / all.len() as f64;
        let square = all.iter().map(|w| (w - 1.0).powi(2)).sum::<f64>() / all.len() as f64;
        assert!(
            (mean - 1.0).abs() < 0.01 && (out - 0.3679).abs() < 0.005 && (square - 1.0).abs() < 0.02,
            "{mean} {out} {square}"
        );
        assert_ne!(weights[0].rows, weights[1].rows);
        assert_eq!(Weights::new(&tested, Seed(0), 7).rows, weights[7].rows);
    }

    #[test]
    fn in_and_out_of_the_bag_are_all_rows() {
        let tested = tested(50);
        let weights = Weights::new(&tested, Seed(5), 3);
        let outside = weights.out_of_bag();
        assert!(weights.rows.iter().flatten().zip(outside.rows.iter().flatten()).all(|(a, b)| (*a == 0) == (*b == 1)));
        // The first fold is always right, the second never: accuracy is the part of the weight in the first.
        let right = Outcome::Predictions(Predictions(vec![0; 50]));
        let measures = tested.measures(&[(0, &right), (1, &right)], Some(&weights));
        let sum = |fold: usize| weights.rows[fold].iter().map(|&w| f64::from(w)).sum::<f64>();
        assert!((measures.accuracy - sum(0) / (sum(0) + sum(1))).abs() < 1e-12);
        assert_eq!(tested.measures(&[(0, &right), (1, &right)], None).accuracy, 0.5);
    }

    #[test]
    fn scores_are_resampled_by_fold() {
        let tested = tested(3);
        let scores = [0.9, 0.7].map(|accuracy| Outcome::Scores { accuracy, macro_f1: None });
        let outcomes = [(0, &scores[0]), (1, &scores[1])];
        assert!((tested.measures(&outcomes, None).accuracy - 0.8).abs() < 1e-12);
        for b in 0..50 {
            let found = tested.measures(&outcomes, Some(&Weights::new(&tested, Seed(1), b))).accuracy;
            assert!((0.7 - 1e-12..=0.9 + 1e-12).contains(&found), "{found}");
        }
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [3.0, 1.0, 2.0, 10.0, f64::NAN];
        assert_eq!(quantile(&values, 0.5), 2.5);
        assert!((quantile(&values, 0.9) - 7.9).abs() < 1e-12);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
