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

use super::scored_by_dynamics::{CAPABILITIES, Keep, ScoredByDynamics};
use super::scores::Best;
use super::settings::parameters;
use super::{Family, Info};
use crate::dynamics::EL2N;
use crate::params::Kind;

parameters! {
    /// The parameters of EL2N.
    ///
    /// ```
    /// use leanset_core::methods::{Keep, el2n::El2n};
    /// let reducer = El2n::default().keep(Keep::Easiest).reducer()?;
    /// assert_eq!(reducer.params().text("keep"), "easiest");
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct El2n;

    keep: Keep = {
        kind: Kind::Choice(Keep::WORDS),
        default: "hardest",
        doc: "The rows of the largest errors, or of the smallest.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "el2n",
    aliases: &["l2n", "error-l2-norm"],
    title: "EL2N, the error L2 norm",
    family: Family::Wrapper,
    summary: "Keeps, of each class, the rows whose predicted probabilities were farthest from their class in training.",
    params: PARAMS,
    cost: "O(n log n), and the training",
    memory: "48 bytes a row, and the log",
    guarantee: "exact for the log given; nested over ratios; ties to the lowest row id",
    reference: "Paul, Ganguli & Dziugaite, Deep Learning on a Data Diet, NeurIPS 2021, arXiv:2107.07075",
    departures: "the mean is over the epochs of the log of one training; the paper's over ten at one early epoch",
    capabilities: CAPABILITIES,
    variants: &[&[("keep", "easiest")]],
    build: |params| Ok(Box::new(ScoredByDynamics::new(INFO.id, EL2N, Best::Largest, params))),
};
