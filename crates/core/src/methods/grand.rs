//! **GraNd**, the gradient norm.
//!
//! Problem: keep the rows that would change a model most, early in training.
//!
//! The score of a row is the Euclidean length of the gradient of its loss by the weights of the last layer, averaged over the
//! observed epochs. With the softmax and the cross-entropy, this gradient is the outer product of the error p − e_y and of what
//! the last layer gets, so its length is a product. The rows of a class with the largest scores are kept, ties to the lowest row
//! id.
//!
//! ```math
//! s(x) = \frac1T \sum_{t=1}^{T} \bigl\lVert \nabla_{W} \, \ell(p_t(x), y) \bigr\rVert_F
//!      = \frac1T \sum_{t=1}^{T} \lVert p_t(x) - e_y \rVert_2 \, \sqrt{1 + \lVert h_t(x) \rVert_2^2}
//! ```
//!
//! where W are the weights of the last layer with its bias, and h_t(x) what that layer gets.
//!
//! Cost: O(n log n) plus the training, which the caller does ([`crate::dynamics`]). Guarantee: exact for the given log;
//! nested.
//!
//! Departures: the paper takes the gradient by all weights, averages over ten networks, and looks at one early epoch, or even
//! before the first. Here the weights are those of the last layer, and the mean is over the epochs of one training (for early
//! scores, train for few epochs). A length above 65,536 counts as that. Probabilities alone do not give this score, so a training
//! log needs the column `gradient`, which `--save-log` writes.
//!
//! Wins when you can afford only a few epochs. `el2n`, which the paper derives from it, is the same without the length of what the
//! last layer gets, and needs only probabilities.
//!
//! Loses when few rows are kept or labels are noisy: on eleven tables with three models, at 1 to 20 %, it lost to stratified random in
//! 158 of 165 comparisons. Then the longest gradients are of rows that no model should fit. The paper
//! leaves out the rows with the largest scores if labels are noisy.

use super::scored_by_dynamics::{CAPABILITIES, Keep, ScoredByDynamics};
use super::scores::Best;
use super::settings::parameters;
use super::{Family, Info};
use crate::dynamics::GRAND;
use crate::params::Kind;

parameters! {
    /// The parameters of GraNd.
    ///
    /// ```
    /// use leanset_core::methods::{Keep, grand::Grand};
    /// let reducer = Grand::default().keep(Keep::Easiest).reducer()?;
    /// assert_eq!(reducer.params().text("keep"), "easiest");
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct Grand;

    keep: Keep = {
        kind: Kind::Choice(Keep::WORDS),
        default: "hardest",
        doc: "Keep the rows with the longest gradients, or with the shortest.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "grand",
    aliases: &["grn", "gradient-norm"],
    title: "GraNd, the gradient norm",
    family: Family::Wrapper,
    summary: "Keeps the rows of each class whose gradients by the weights of the last layer were longest during training.",
    params: PARAMS,
    cost: "O(n log n), plus the training",
    memory: "48 bytes per row, plus the log",
    guarantee: "exact for the given log; nested over ratios; ties to the lowest row id",
    reference: "Paul, Ganguli & Dziugaite, Deep Learning on a Data Diet, NeurIPS 2021, arXiv:2107.07075",
    departures: "the gradient by the weights of the last layer, not of all layers; the mean is over the epochs of one training, in \
                 the paper over ten trainings at one early epoch",
    capabilities: CAPABILITIES,
    variants: &[&[("keep", "easiest")]],
    build: |params| Ok(Box::new(ScoredByDynamics::new(INFO.id, GRAND, Best::Largest, params))),
};
