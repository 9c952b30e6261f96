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

/// Positions 0 … n − 1 by score, best first; ties go to the lower row id.
pub(crate) fn by_score(rows: &[RowId], scores: &[f64], best: Best) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.par_sort_unstable_by(|&a, &b| {
        let ascending = scores[a].total_cmp(&scores[b]);
        (if best == Best::Largest { ascending.reverse() } else { ascending }).then(rows[a].cmp(&rows[b]))
    });
    order
}

/// The rows of each class by their scores, the best first; steps are the caller's to report.
pub(crate) fn rank_within_classes(run: &Run<'_>, scores: &[f64], best: Best) -> Result<Ranking> {
    let orders = run.per_class(|_, rows| {
        let own: Vec<f64> = rows.iter().map(|r| scores[r.index()]).collect();
        let order = by_score(rows, &own, best);
        Ok((order.iter().map(|&i| rows[i]).collect(), order.iter().map(|&i| own[i]).collect()))
    })?;
    Ranking::per_class(orders, run.data.classes())
}
