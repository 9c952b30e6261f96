//! **Contradiction by neighbours**: a finder of label noise.
//!
//! Problem: order the rows of a class by how much their neighbours agree with their label, so that the rows at the end are
//! those to look at.
//!
//! The K nearest other rows of a row (Euclidean, of all classes, ties to the lowest row id) vote with their labels. The score
//! of a row is the difference between the vote shares of the strongest other class and of its own class, from −1
//! (all neighbours are of its class) to 1 (all are of one other class). A row whose score is above 0 is *contradicted*:
//! its neighbours would give it another label. Rows of a class come in the order of their scores, the least contradicted
//! first, ties to the lowest row id.
//!
//! ```math
//! s(x) = \frac{1}{K} \Bigl( \max_{l \ne k} \, \bigl| N(x) \cap X_l \bigr| - \bigl| N(x) \cap X_k \bigr| \Bigr)
//! ```
//!
//! where N(x) are the K nearest other rows of x, a row of the class X_k. The option `guard` of other methods puts the
//! contradicted rows of K = 10 last.
//!
//! Cost: O(n²·d) in the worst case. The rows are in a kd-tree, and in low intrinsic dimension almost all of it is skipped.
//! Guarantee: the neighbours are exact; nested.
//!
//! Departures: Wilson's rule deletes the contradicted rows. Here nothing is deleted; the rows are ranked.
//!
//! Wins when you want to find mislabelled rows, or drop them: rank all rows, and look at the last ones of each class.
//!
//! Loses when a small set is to stand for its class: it keeps the inside of a class and no boundary, and all rows inside
//! are alike to it. Rare groups in the midst of another class are contradicted too, though their labels are right.

use super::scores::{Best, rank_within_classes};
use super::settings::parameters;
use super::{Capabilities, Family, Info, Method, Run};
use crate::guard::{votes, votes_memory};
use crate::params::{Kind, Params, Value};
use crate::{Allocation, Ranking, Result, Shape};

parameters! {
    /// The parameters of contradiction by neighbours.
    ///
    /// ```
    /// use leanset_core::methods::contradiction::Contradiction;
    /// let reducer = Contradiction::default().neighbors(5).reducer()?;
    /// assert_eq!(reducer.params().count("neighbors"), Some(5));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct Contradiction;

    neighbors: usize = {
        kind: Kind::Int { min: 1, max: 1000 },
        default: "10",
        doc: "The number of nearest other rows that vote.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "contradiction",
    aliases: &["enn", "label-noise", "edited-nearest-neighbours"],
    title: "Contradiction by neighbours",
    family: Family::Ranking,
    summary: "Ranks rows by how much their nearest neighbours agree with their label; the last ones are probably mislabelled.",
    params: PARAMS,
    cost: "O(n²·d) in the worst case; rows that are far apart are skipped by a kd-tree",
    memory: "a copy of the coordinates, and 72 bytes per row",
    guarantee: "exact neighbours; nested over ratios; ties to the lowest row id",
    reference: "Wilson, Asymptotic properties of nearest neighbor rules using edited data, IEEE Transactions on Systems, Man, \
                and Cybernetics 2, 1972",
    departures: "rows are ranked by their votes instead of deleted",
    capabilities: Capabilities::DEFAULT,
    variants: &[&[("neighbors", "3")]],
    build: |params| Ok(Box::new(Configured::new(params))),
};

/// The method with checked parameters.
#[derive(Clone, Copy, Debug)]
struct Configured {
    neighbors: usize,
}

impl Configured {
    fn new(params: &Params) -> Self {
        Self { neighbors: params.count("neighbors").unwrap_or(crate::guard::NEIGHBORS) }
    }
}

impl Method for Configured {
    /// Scores are differences of vote shares; the smallest is kept first.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let votes = votes(run.data, run.monitor, self.neighbors, None)?;
        let classes = run.data.classes();
        let scores: Vec<f64> = votes.iter().map(|votes| votes.against()).collect();
        let contradicted =
            |class| classes.rows(class).iter().filter(|row| votes[row.index()].contradict()).count() as f64;
        let counts = classes.ids().map(contradicted).collect();
        let mut ranking = rank_within_classes(run, &scores, Best::Smallest)?;
        ranking.diagnostics.insert("contradicted_rows", Value::Floats(counts));
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        votes_memory(shape) + 24 * shape.rows as u64
    }
}

#[cfg(test)]
mod tests {
    use crate::{Classes, Dataset, Matrix, Quiet, Reducer, Seed};

    /// Ten and ten rows far apart, and one of each with the label of the other.
    #[test]
    fn mislabelled_rows_come_last() {
        let values: Vec<f64> = (0..20).map(|i| f64::from(i) + if i < 10 { 0.0 } else { 100.0 }).collect();
        let codes: Vec<u32> = (0..20)
            .map(|i| {
                if i == 4 {
                    1
                } else if i == 13 {
                    0
                } else {
                    i / 10
                }
            })
            .collect();
        let classes = Classes::new(&codes, 2).expect("classes");
        let data = Dataset::new(Matrix::new(&values, 20, 1).expect("shape"), classes).expect("sound");
        let reducer = Reducer::new("label-noise", &[("neighbors".to_owned(), "4".into())]).expect("registered");
        let ranking = reducer.rank(&data, None, Seed(0), &Quiet).expect("ranks");
        let last: Vec<u32> = ranking.segments().map(|rows| rows[rows.len() - 1].0).collect();
        assert_eq!(last, [13, 4]);
        assert_eq!((ranking.scores()[9], ranking.scores()[0]), (1.0, -1.0));
        assert_eq!(ranking.diagnostics["contradicted_rows"], crate::params::Value::Floats(vec![1.0, 1.0]));
    }
}
