//! **EL2N**, the error L2 norm.
//!
//! Problem: keep the rows on which a model is still wrong early in training.
//!
//! The score of a row is ‖p − e_y‖₂, the distance between the predicted probabilities and its one-hot class, averaged
//! over the observed epochs. The rows of a class with the largest scores are kept, ties to the lowest row id.
//!
//! ```math
//! s(x) = \frac1T \sum_{t=1}^{T} \lVert p_t(x) - e_y \rVert_2
//! ```
//!
//! Cost: O(n log n) plus the training, which the caller does ([`crate::dynamics`]). Guarantee: exact for the given log;
//! nested.
//!
//! Departures: the paper averages over ten networks at one early epoch. Here the mean is over the epochs of the log
//! (for early scores, log only the first epochs). The largest scores can be those of mislabelled rows. The paper leaves
//! out the most difficult rows if labels are noisy; `aum` finds them.
//!
//! Wins when you can afford only a few epochs: it needs only early probabilities, and one training serves all ratios.
//!
//! Loses when few rows are kept or labels are noisy: then the largest errors are on rows that no model should fit.

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
        doc: "Keep the rows with the largest errors, or with the smallest.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "el2n",
    aliases: &["l2n", "error-l2-norm"],
    title: "EL2N, the error L2 norm",
    family: Family::Wrapper,
    summary: "Keeps the rows of each class whose predicted probabilities were farthest from the label during training.",
    params: PARAMS,
    cost: "O(n log n), plus the training",
    memory: "48 bytes per row, plus the log",
    guarantee: "exact for the given log; nested over ratios; ties to the lowest row id",
    reference: "Paul, Ganguli & Dziugaite, Deep Learning on a Data Diet, NeurIPS 2021, arXiv:2107.07075",
    departures: "the mean is over the epochs of one training log; in the paper it is over ten trainings at one early epoch",
    capabilities: CAPABILITIES,
    variants: &[&[("keep", "easiest")]],
    build: |params| Ok(Box::new(ScoredByDynamics::new(INFO.id, EL2N, Best::Largest, params))),
};
