//! The **guard**: rows that their neighbours contradict come last, whatever the method.
//!
//! A row is *contradicted* if, among its [`NEIGHBORS`] nearest other rows (Euclidean, of all classes, ties to the lowest row id),
//! another class has more votes than its own (edited nearest neighbours, Wilson 1972). Such rows are often mislabelled, or
//! lie deep in another class. Nothing is deleted: the method first sees the other rows, and then, in a run of their own,
//! the contradicted rows (`methods/guarded.rs`). A class that would keep less than 30 % uncontradicted rows is left as it is.
//!
//! Methods that can represent another table still represent the whole class: measured with
//! energy on six tables, that was better than representing the uncontradicted rows alone, except for few neighbours.
//!
//! [`Guard::On`] puts all contradicted rows last. [`Guard::Auto`] does so for small budgets, and keeps them in their share at large
//! ones: of the first m of n rows of a class, B of which are contradicted,
//!
//! ```math
//! c(m) = \begin{cases} 0 & m \le n / 5 \\ B\,(5m - n) / 3n & n / 5 < m < n / 2 \\ B\,m / n & m \ge n / 2 \end{cases}
//! ```
//!
//! rounded down, and at most m − n/5, are contradicted. c grows by at most one per row, so the rows of a smaller budget are still
//! a prefix of those of a larger one. Methods that do not rank get c(m) of the m that is asked.
//!
//! Neighbours are exact. Only `auto` looks at a sample, of tables of more than [`EXACT_ROWS`] rows: the neighbours are then
//! the nearest among [`SAMPLE_ROWS`] rows drawn by hash(seed, row id).

use crate::geometry::{Points, Tree};
use crate::monitor::step;
use crate::{ClassId, Classes, Dataset, Look, Monitor, Result, RowId, Shape, with_points};

/// Whether contradicted rows come last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// Rows are taken as they are labelled.
    #[default]
    Off,
    /// Contradicted rows come last at small budgets, and have their share at large ones.
    Auto,
    /// Contradicted rows come last.
    On,
}

impl std::fmt::Display for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Auto => "auto",
            Self::On => "on",
        })
    }
}

/// Neighbours that vote.
pub const NEIGHBORS: usize = 10;

/// Rows up to which `auto` looks for neighbours among all of them.
pub const EXACT_ROWS: usize = 100_000;

/// Rows among which `auto` looks for neighbours in larger tables.
pub const SAMPLE_ROWS: usize = 5_000;

/// How the neighbours of a row vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Votes {
    /// For its own class.
    pub(crate) own: u32,
    /// For the class, of the others, that has most.
    pub(crate) other: u32,
    /// All of them.
    pub(crate) all: u32,
}

impl Votes {
    fn of(classes: &Classes, row: RowId, neighbors: &mut dyn Iterator<Item = u32>) -> Self {
        let own = classes.of(row);
        let mut votes = Self::default();
        let mut others: Vec<(ClassId, u32)> = Vec::new();
        for class in neighbors.map(|row| classes.of(RowId(row))) {
            votes.all += 1;
            if class == own {
                votes.own += 1;
            } else if let Some(held) = others.iter_mut().find(|other| other.0 == class) {
                held.1 += 1;
            } else {
                others.push((class, 1));
            }
        }
        votes.other = others.iter().map(|other| other.1).max().unwrap_or(0);
        votes
    }

    /// By how much the share of the other class is above that of its own, in [−1, 1]; 0 of a row without neighbours.
    pub(crate) fn against(self) -> f64 {
        (f64::from(self.other) - f64::from(self.own)) / f64::from(self.all.max(1))
    }

    /// Whether another class has more votes than its own.
    pub(crate) fn contradict(self) -> bool {
        self.other > self.own
    }
}

/// The votes of the `k` nearest other rows of every row; among some rows (ascending), or all.
pub(crate) fn votes(
    data: &Dataset<'_>,
    monitor: &dyn Monitor,
    k: usize,
    among: Option<&[RowId]>,
) -> Result<Vec<Votes>> {
    let columns = data.columns();
    monitor.begin("looking at neighbours", data.rows() as u64);
    let vote = |row: usize, found: &mut dyn Iterator<Item = u32>| Votes::of(data.classes(), RowId::at(row), found);
    let ids: Vec<u32> = (0..data.rows()).map(|row| RowId::at(row).0).collect();
    let look: Look<'_> = &|| step(monitor, 0);
    with_points!(data.points(), |m| {
        let queries = Tree::new(ids.len(), columns, |i| m.row(RowId(ids[i])), look)?;
        match among {
            None => {
                let points = Points::new(&queries, &ids, |i| m.row(RowId(ids[i])), look)?;
                points.of_each(&queries, &ids, k, vote, |s| step(monitor, s))
            }
            Some(rows) => {
                let some: Vec<u32> = rows.iter().map(|row| row.0).collect();
                let tree = Tree::new(some.len(), columns, |i| m.row(rows[i]), look)?;
                let points = Points::new(&tree, &some, |i| m.row(rows[i]), look)?;
                points.of_each(&queries, &ids, k, vote, |s| step(monitor, s))
            }
        }
    })
}

/// Bytes for the votes of a table.
pub(crate) fn votes_memory(shape: &Shape) -> u64 {
    crate::geometry::nearest_memory(shape.rows, shape.columns, shape.scalar_bytes) + 48 * shape.rows as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Euclidean, raw};
    use crate::{Matrix, Quiet};
    use proptest::prelude::*;

    /// By the definition.
    fn naive(data: &Dataset<'_>, values: &[f64], k: usize) -> Vec<Votes> {
        let (n, d) = (data.rows(), data.columns());
        let row = |i: usize| &values[i * d..][..d];
        let of = |i: usize| {
            let mut others: Vec<usize> = (0..n).filter(|&j| j != i).collect();
            let distance = |j: usize| raw::<Euclidean, f64, f64>(row(i), row(j));
            others.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)).then(a.cmp(&b)));
            others.truncate(k);
            let class = |j: usize| data.classes().of(RowId::at(j));
            let count = |c: ClassId| others.iter().filter(|&&j| class(j) == c).count() as u32;
            let other = data.classes().ids().filter(|&c| c != class(i)).map(count).max().unwrap_or(0);
            Votes { own: count(class(i)), other, all: others.len() as u32 }
        };
        (0..n).map(of).collect()
    }

    proptest! {
        #[test]
        fn votes_equal_their_naive_reference(
            (d, values) in (1usize..4).prop_flat_map(|d| (Just(d), prop::collection::vec(0u8..9, d..d * 120))),
            codes in prop::collection::vec(0u32..4, 120),
            k in 1usize..12,
        ) {
            let rows = values.len() / d;
            let values: Vec<f64> = values[..rows * d].iter().map(|&v| f64::from(v)).collect();
            let classes = Classes::new(&codes[..rows], 4).expect("classes");
            let data = Dataset::new(Matrix::new(&values, rows, d).expect("shape"), classes).expect("sound");
            prop_assert_eq!(votes(&data, &Quiet, k, None).expect("not cancelled"), naive(&data, &values, k));
        }
    }
}
