//! Rankings by a score of each row.

use rayon::prelude::*;

use super::Run;
use crate::{Ranking, Result, RowId};

/// Which scores are the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Best {
    Largest,
    Smallest,
}

impl Best {
    /// The other end.
    pub(crate) fn reverse(self) -> Self {
        match self {
            Self::Largest => Self::Smallest,
            Self::Smallest => Self::Largest,
        }
    }
}

/// A whole number in the order of a score: the best is the least.
fn key(score: f64, best: Best) -> u64 {
    let bits = score.to_bits();
    let ascending = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    if best == Best::Largest { !ascending } else { ascending }
}

/// The score of a key.
fn score_of(key: u64, best: Best) -> f64 {
    let ascending = if best == Best::Largest { !key } else { key };
    f64::from_bits(if ascending >> 63 == 1 { ascending ^ 1 << 63 } else { !ascending })
}

/// Sorts whole numbers that differ, in parallel if there are threads for it.
pub(super) fn sort_keys(keys: &mut [u128]) {
    if rayon::current_num_threads() == 1 { keys.sort_unstable() } else { keys.par_sort_unstable() }
}

/// Positions 0 … n − 1 by score, best first; ties go to the lower row id.
pub(crate) fn by_score(rows: &[RowId], scores: &[f64], best: Best) -> Vec<usize> {
    first_by_score(rows, scores, best, rows.len())
}

/// The first `count` of [`by_score`], without an order of the others.
pub(crate) fn first_by_score(rows: &[RowId], scores: &[f64], best: Best, count: usize) -> Vec<usize> {
    let of = |(at, (&row, &score)): (usize, (&RowId, &f64))| {
        u128::from(key(score, best)) << 64 | u128::from(row.0) << 32 | at as u128
    };
    let mut keys: Vec<u128> = rows.iter().zip(scores).enumerate().map(of).collect();
    if count < keys.len() {
        keys.select_nth_unstable(count);
        keys.truncate(count);
    }
    sort_keys(&mut keys);
    keys.into_iter().map(|key| key as u32 as usize).collect()
}

/// The rows of each class by their scores, the best first; steps are the caller's to report.
pub(crate) fn rank_within_classes(run: &Run<'_>, scores: &[f64], best: Best) -> Result<Ranking> {
    let orders = run.per_class(|_, rows| {
        let of = |row: &RowId| u128::from(key(scores[row.index()], best)) << 32 | u128::from(row.0);
        let mut keys: Vec<u128> = rows.iter().map(of).collect();
        sort_keys(&mut keys);
        let rows = keys.iter().map(|&key| RowId(key as u32)).collect();
        Ok((rows, keys.iter().map(|&key| score_of((key >> 32) as u64, best)).collect()))
    })?;
    Ranking::per_class(orders, run.data.classes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn orders_are_those_of_comparisons(scores in prop::collection::vec(
            prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(-1.5), any::<f64>()], 0..60,
        ), back in any::<bool>()) {
            let mut rows: Vec<RowId> = (0..scores.len()).map(|i| RowId::at(3 * i)).collect();
            if back {
                rows.reverse();
            }
            for best in [Best::Largest, Best::Smallest] {
                let mut order: Vec<usize> = (0..rows.len()).collect();
                order.sort_by(|&a, &b| {
                    let ascending = scores[a].total_cmp(&scores[b]);
                    (if best == Best::Largest { ascending.reverse() } else { ascending }).then(rows[a].cmp(&rows[b]))
                });
                for count in [0, scores.len() / 3, scores.len()] {
                    prop_assert_eq!(&first_by_score(&rows, &scores, best, count), &order[..count]);
                }
                for score in &scores {
                    prop_assert_eq!(score_of(key(*score, best), best).to_bits(), score.to_bits());
                }
            }
        }
    }
}
