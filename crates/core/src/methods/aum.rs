//! **AUM**, the area under the margin.
//!
//! Problem: keep the rows whose labels can be trusted. The other rows pull the prediction of a mislabelled row towards
//! another class, so its margin stays small for the whole training.
//!
//! The score of a row is its margin, the logit of its class minus the largest other logit, averaged over the observed
//! epochs. By default, the rows of a class with the largest scores are kept, as in the paper, which regards rows of
//! small margin as mislabelled and removes them. `keep=hardest` keeps the rows with the smallest scores instead. Ties
//! go to the lowest row id.
//!
//! ```math
//! s(x) = \frac1T \sum_{t=1}^{T} \bigl( z_t(x)_y - \max_{c \ne y} z_t(x)_c \bigr)
//! ```
//!
//! where z are logits.
//!
//! Cost: O(n log n) plus the training, which the caller does ([`crate::dynamics`]). Guarantee: exact for the given log;
//! nested.
//!
//! Departures: margins are computed from logarithms of probabilities, which differ from logits by a constant per row.
//! The threshold samples of the paper (rows of an artificial class) are not needed, because the budget sets how many
//! rows are kept.
//!
//! Wins when labels are noisy: mislabelled rows are removed first.
//!
//! Loses when labels are correct and few rows are kept: easy rows teach a model little.

use super::scored_by_dynamics::{CAPABILITIES, Keep, ScoredByDynamics};
use super::scores::Best;
use super::settings::parameters;
use super::{Family, Info};
use crate::dynamics::AUM;
use crate::params::Kind;

parameters! {
    /// The parameters of AUM.
    ///
    /// ```
    /// use leanset_core::methods::{Keep, aum::Aum};
    /// let reducer = Aum::default().keep(Keep::Hardest).reducer()?;
    /// assert_eq!(reducer.params().text("keep"), "hardest");
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct Aum;

    keep: Keep = {
        kind: Kind::Choice(Keep::WORDS),
        default: "easiest",
        doc: "Keep the rows with the largest margins, whose labels can be trusted, or with the smallest (hardest).",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "aum",
    aliases: &["margin", "area-under-the-margin"],
    title: "AUM, the area under the margin",
    family: Family::Wrapper,
    summary: "Keeps the rows of each class with the largest margin to other classes during training; mislabelled rows are removed first.",
    params: PARAMS,
    cost: "O(n log n), plus the training",
    memory: "48 bytes per row, plus the log",
    guarantee: "exact for the given log; nested over ratios; ties to the lowest row id",
    reference: "Pleiss, Zhang, Elenberg & Weinberger, Identifying Mislabeled Data using the Area Under the Margin \
                Ranking, NeurIPS 2020, arXiv:2001.10528",
    departures: "margins of log-probabilities, which equal those of logits; no threshold samples: the budget decides",
    capabilities: CAPABILITIES,
    variants: &[&[("keep", "hardest")]],
    build: |params| Ok(Box::new(ScoredByDynamics::new(INFO.id, AUM, Best::Smallest, params))),
};
