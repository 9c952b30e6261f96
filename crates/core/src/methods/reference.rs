//! The rows that stand for a class where comparing each row with all others would take too long.

use crate::params::{Kind, Params};
use crate::{RowId, Seed};

/// What a parameter `reference` may be.
pub(super) const KIND: Kind = Kind::Or(&["auto", "all"], &Kind::Int { min: 1, max: u32::MAX as i64 });

/// Which rows stand for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// All of a class of at most so many rows, and so many of a larger one.
    Auto { all_up_to: usize, sample: usize },
    /// All rows.
    All,
    /// So many, or all of a smaller class.
    Count(usize),
}

impl Reference {
    /// The parameter `reference`, with what `auto` means.
    pub(super) fn of(params: &Params, all_up_to: usize, sample: usize) -> Self {
        match (params.count("reference"), params.text("reference")) {
            (Some(count), _) => Self::Count(count),
            (None, "all") => Self::All,
            (None, _) => Self::Auto { all_up_to, sample },
        }
    }

    /// How many of so many rows.
    pub(super) fn count(self, rows: usize) -> usize {
        match self {
            Self::All => rows,
            Self::Auto { all_up_to, .. } if rows <= all_up_to => rows,
            Self::Auto { sample, .. } => sample,
            Self::Count(count) => count.min(rows),
        }
    }

    /// Positions of those of the rows that stand for them, ascending: those with the smallest keys.
    pub(super) fn choose(self, rows: &[RowId], seed: Seed) -> Vec<usize> {
        let count = self.count(rows.len());
        let mut chosen: Vec<usize> = (0..rows.len()).collect();
        if count < chosen.len() {
            chosen.select_nth_unstable_by_key(count, |&i| seed.key(rows[i]));
            chosen.truncate(count);
            chosen.sort_unstable();
        }
        chosen
    }
}
