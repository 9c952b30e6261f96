//! **EL2N**, the error L2 norm.
//!
//! Problem: keep the rows on which a model is still wrong early in training.
//!
//! The score of a row is ‖p − e_y‖₂, the distance of the predicted probabilities from its class, averaged over the
//! observed epochs. The rows of a class with the largest scores are kept, ties to the lowest row id.
//!
//! ```math
//! s(x) = \frac1T \sum_{t=1}^{T} \lVert p_t(x) - e_y \rVert_2
//! ```
//!
//! Cost: O(n log n) beside the training, which is the caller's ([`crate::dynamics`]). Guarantee: exact for the log it is
//! given; nested.
//!
//! Departures: the paper averages over ten networks at one early epoch; here the mean is over the epochs of the log, so
//! that what is logged decides (a log of the first epochs, for early scores). The largest scores can be of mislabelled
//! rows: the paper leaves out the very hardest where labels are noisy, and `aum` finds those.
//!
//! Wins when a few epochs are affordable: it needs only probabilities, early, and one training serves all ratios.
//!
//! Loses when few rows are kept or labels are noisy: then the largest errors are of rows that no model should fit.

use super::forgetting_events::{capabilities, dynamics_of, is_hardest, keep, memory, no_probabilities, rank_by};
use super::{Support, Family, Info, Method, Run};
use crate::{Allocation, Ranking, Result, Shape};

/// The registered entry.
pub static INFO: Info = Info {
    id: "el2n",
    aliases: &["l2n", "error-l2-norm"],
    title: "EL2N, the error L2 norm",
    family: Family::Wrapper,
    summary: "Keeps, of each class, the rows whose predicted probabilities were farthest from their class in training.",
    params: &[keep("hardest", "The rows of the largest errors, or of the smallest.")],
    cost: "O(n log n), and the training",
    memory: "48 bytes a row, and the log",
    guarantee: "exact for the log given; nested over ratios; ties to the lowest row id",
    reference: "Paul, Ganguli & Dziugaite, Deep Learning on a Data Diet, NeurIPS 2021, arXiv:2107.07075",
    departures: "the mean is over the epochs of the log of one training; the paper's over ten at one early epoch",
    capabilities: capabilities(),
    variants: &[&[("keep", "easiest")]],
    build: |params| Ok(Box::new(El2n { hardest: is_hardest(params) })),
};

/// EL2N.
#[derive(Clone, Copy, Debug)]
pub struct El2n {
    hardest: bool,
}

impl Method for El2n {
    fn ranks(&self) -> Support {
        Support::Yes
    }

    fn order_free(&self) -> bool {
        true
    }

    /// Scores are mean errors, in [0, √2].
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let dynamics = dynamics_of(run, INFO.id)?;
        let scores = dynamics.el2n().ok_or_else(|| no_probabilities(INFO.id))?;
        let mut ranking = rank_by(run, scores, self.hardest)?;
        ranking.diagnostics.insert("epochs", (dynamics.epochs() as usize).into());
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        memory(shape)
    }
}
