//! **Coverage-centric coreset selection** (CCS).
//!
//! Problem: the most difficult rows alone do not cover a class, and the hardest of them are often mislabelled. Keep rows of
//! every difficulty but the hardest.
//!
//! By a score of the training dynamics (`difficulty`), the hardest β of the rows of a class are dropped. The range of the scores of
//! the others is cut into k bins of equal width. Each bin gets the same number of rows; a bin with fewer rows gives all of them,
//! and what it leaves is shared by the others. Within a bin, rows are drawn at random.
//!
//! ```math
//! m_b = \min\bigl(|B_b|, \ell\bigr), \qquad \sum_{b=1}^{k} m_b = m
//! ```
//!
//! with the level ℓ that spends the budget m of the class; one row more of the largest bins spends what is left by rounding.
//!
//! So that the rows of a smaller budget are a prefix of those of a larger one, rows are taken in rounds: one row of every bin that
//! has one left, the largest bin first (of equal bins the easier). The rows of a bin follow by hash(seed, row id). After all of
//! them come the dropped rows, the easiest first.
//!
//! Cost: O(n log n) plus the training, which the caller does ([`crate::dynamics`]). Guarantee: the numbers per bin differ by at
//! most one, except for bins that are used up; nested.
//!
//! Departures: the paper selects over all classes at once, here each class has its own bins and its own share of dropped rows. If
//! the budget is larger than what is left, dropped rows are kept too. The paper chooses β for each ratio by a search; here it is a
//! parameter.
//!
//! Wins when rows are to be chosen by their difficulty and few are kept: for CIFAR-10 with 90 % of the rows dropped, the paper
//! reports 7.0 points of accuracy more than random, and 19.6 more than keeping the rows with the highest scores.
//!
//! Loses when a training on all rows cannot be afforded: the scores need one, which one reduction seldom pays back. On eleven tables with
//! three models it beat stratified random in 33 of 99 comparisons at 1 to 5 %, and lost in 10; at 10 and 20 % it lost more than it won. Most
//! bins of a table that a model learns easily are almost empty, and then their few rows are kept out of proportion.

use super::scored_by_dynamics::{CAPABILITIES, no_dynamics, no_score};
use super::scores::{Best, by_score};
use super::settings::{parameters, words};
use super::stratified_random::random_order;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::dynamics::{AUM, EL2N, FORGETTING};
use crate::params::{Kind, Params};
use crate::{Allocation, Ranking, Result, RowId, Shape};

words! {
    /// The score by which rows are difficult.
    pub enum Difficulty {
        /// The margin to other classes, the smallest of which is the hardest.
        Aum = "aum",
        /// The distance of the predicted probabilities from the label.
        El2n = "el2n",
        /// How often a row was forgotten.
        Forgetting = "forgetting-events",
    }
}

impl Difficulty {
    /// The name of the score, and which end of it is hard.
    fn score(self) -> (&'static str, Best) {
        match self {
            Self::Aum => (AUM, Best::Smallest),
            Self::El2n => (EL2N, Best::Largest),
            Self::Forgetting => (FORGETTING, Best::Largest),
        }
    }
}

parameters! {
    /// The parameters of coverage-centric coreset selection.
    ///
    /// ```
    /// use leanset_core::methods::ccs::{CoverageCentric, Difficulty};
    /// let reducer = CoverageCentric::default().difficulty(Difficulty::El2n).beta(0.3).reducer()?;
    /// assert_eq!(reducer.params().text("difficulty"), "el2n");
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct CoverageCentric;

    difficulty: Difficulty = {
        kind: Kind::Choice(Difficulty::WORDS),
        default: "aum",
        doc: "The score of the training dynamics that says how difficult a row is.",
    }

    beta: f64 = {
        kind: Kind::Float { min: 0.0, max: 1.0, open: false },
        default: "0.1",
        doc: "The fraction of the hardest rows of each class that is dropped.",
    }

    bins: usize = {
        kind: Kind::Int { min: 1, max: 1 << 20 },
        default: "50",
        doc: "The number of bins of equal width that share the budget.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "coverage-centric",
    aliases: &["ccs", "coverage-centric-coreset"],
    title: "Coverage-centric coreset selection",
    family: Family::Wrapper,
    summary: "Drops the hardest rows of each class, and keeps equally many of the others at every level of difficulty.",
    params: PARAMS,
    cost: "O(n log n), plus the training",
    memory: "64 bytes per row, plus the log",
    guarantee: "equally many rows of every bin, as far as it has them; exact for the given log; nested over ratios",
    reference: "Zheng, Liu, Lai & Prakash, Coverage-centric Coreset Selection for High Pruning Rates, ICLR 2023, \
                arXiv:2210.15809",
    departures: "bins and dropped rows are of each class, in the paper of all rows; rows are taken in rounds over the bins, so \
                 that selections are nested; dropped rows follow if the budget needs them",
    capabilities: Capabilities { seeded: Support::Yes, order_free: Support::No, ..CAPABILITIES },
    variants: &[&[("difficulty", "el2n"), ("beta", "0.3")], &[("difficulty", "forgetting-events"), ("bins", "5")]],
    build: |params| Ok(Box::new(Configured::of(params))),
};

/// The method with checked parameters.
#[derive(Clone, Copy, Debug)]
struct Configured {
    difficulty: Difficulty,
    beta: f64,
    bins: usize,
}

impl Configured {
    fn of(params: &Params) -> Self {
        Self {
            difficulty: Difficulty::of(params, "difficulty"),
            beta: params.float("beta").unwrap_or(0.0),
            bins: params.count("bins").unwrap_or(1),
        }
    }

    /// Positions into the rows of a class, whose scores are these, in the order in which they are kept.
    fn order(&self, run: &Run<'_>, rows: &[RowId], scores: &[f64]) -> Vec<usize> {
        let (_, hard) = self.difficulty.score();
        let hardest_first = by_score(rows, scores, hard);
        let dropped = (self.beta * rows.len() as f64) as usize;
        let (dropped, left) = hardest_first.split_at(dropped.min(rows.len()));
        let mut bin_of = vec![None; rows.len()];
        let mut sizes = vec![0usize; self.bins.min(rows.len())];
        if let (Some(&hardest), Some(&easiest)) = (left.first(), left.last()) {
            let (easiest, range) = (scores[easiest], (scores[hardest] - scores[easiest]).abs());
            for &i in left {
                let part = if range > 0.0 { (scores[i] - easiest).abs() / range } else { 0.0 };
                let bin = ((part * sizes.len() as f64) as usize).min(sizes.len() - 1);
                bin_of[i] = Some(bin);
                sizes[bin] += 1;
            }
        }
        // The rounds: before another row of a bin come rows of all bins that have one left.
        let mut taken = vec![0usize; sizes.len()];
        let mut order: Vec<(usize, usize, usize, usize)> = Vec::with_capacity(rows.len());
        for i in random_order(run, rows) {
            if let Some(bin) = bin_of[i] {
                order.push((taken[bin], rows.len() - sizes[bin], bin, i));
                taken[bin] += 1;
            }
        }
        order.sort_unstable();
        let easier = dropped.iter().rev().copied();
        order.into_iter().map(|(.., i)| i).chain(easier).collect()
    }
}

impl Method for Configured {
    /// Scores are those of the dynamics.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let dynamics = run.inputs.dynamics.ok_or_else(|| no_dynamics(INFO.id))?;
        let scores =
            dynamics.score(self.difficulty.score().0).ok_or_else(|| no_score(INFO.id, self.difficulty.score().0))?;
        run.monitor.begin("ranking rows", run.data.rows() as u64);
        let orders = run.per_class(|_, rows| {
            let own: Vec<f64> = rows.iter().map(|r| scores[r.index()]).collect();
            let order = self.order(run, rows, &own);
            run.step(rows.len() as u64)?;
            Ok((order.iter().map(|&i| rows[i]).collect(), order.iter().map(|&i| own[i]).collect()))
        })?;
        let mut ranking = Ranking::per_class(orders, run.data.classes())?;
        ranking.diagnostics.insert("epochs", (dynamics.epochs() as usize).into());
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, threads: usize) -> u64 {
        let bins = threads.min(shape.classes).max(1) * self.bins.min(shape.largest_class);
        (128 * shape.rows + 16 * bins) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Classes, Dataset, Dynamics, Inputs, Matrix, Quiet, Seed};
    use proptest::prelude::*;

    /// By the paper: how many rows of each bin, the smallest bins first, each its equal share of what is left.
    fn shares(budget: usize, sizes: &[usize]) -> Vec<usize> {
        let mut bins: Vec<usize> = (0..sizes.len()).collect();
        // Of bins of equal size, the ones that get the rest come last: the easier ones.
        bins.sort_by_key(|&b| (sizes[b], std::cmp::Reverse(b)));
        let (mut left, mut counts) = (budget, vec![0; sizes.len()]);
        for (place, &bin) in bins.iter().enumerate() {
            counts[bin] = sizes[bin].min(left / (bins.len() - place));
            left -= counts[bin];
        }
        counts
    }

    proptest! {
        /// Every prefix has of every bin what the paper allocates, of rows that are not among the hardest.
        #[test]
        fn ccs_allocates_as_the_paper_does(
            events in prop::collection::vec(0u32..40, 1..120), bins in 1usize..9, beta in 0.0f64..1.0, seed in any::<u64>(),
        ) {
            let rows = events.len();
            let values = vec![0.0; rows];
            let points = Matrix::new(&values, rows, 1).expect("shape");
            let data = Dataset::new(points, Classes::one(rows).expect("few")).expect("sound");
            let dynamics = Dynamics::from_counts(50, events.clone(), vec![true; rows]).expect("counts");
            let settings = CoverageCentric::default().difficulty(Difficulty::Forgetting).beta(beta).bins(bins);
            let inputs = Inputs { dynamics: Some(&dynamics), ..Inputs::default() };
            let ranking = settings.reducer().expect("valid").rank_with(&data, &inputs, None, Seed(seed), &Quiet);
            let order: Vec<usize> = ranking.expect("ranks").rows().iter().map(|r| r.index()).collect();
            let dropped = (beta * rows as f64).floor() as usize;
            let mut by_difficulty: Vec<usize> = (0..rows).collect();
            by_difficulty.sort_by_key(|&i| (std::cmp::Reverse(events[i]), i));
            let (hardest, left) = by_difficulty.split_at(dropped);
            prop_assert_eq!(&order[rows - dropped..], hardest.iter().rev().copied().collect::<Vec<_>>());
            let low = left.iter().map(|&i| events[i]).min().unwrap_or(0);
            let high = left.iter().map(|&i| events[i]).max().unwrap_or(0);
            let count = bins.min(rows);
            let bin = |i: usize| match high - low {
                0 => 0,
                range => (((f64::from(events[i] - low)) / f64::from(range) * count as f64) as usize).min(count - 1),
            };
            let mut sizes = vec![0; count];
            left.iter().for_each(|&i| sizes[bin(i)] += 1);
            for budget in 0..=left.len() {
                let mut found = vec![0; count];
                order[..budget].iter().for_each(|&i| found[bin(i)] += 1);
                prop_assert_eq!(found, shares(budget, &sizes), "{} of {:?}", budget, sizes);
            }
        }
    }
}
