//! **AUM**, the area under the margin.
//!
//! Problem: keep the rows whose labels can be trusted. The rest of a class pulls a mislabelled row towards another, so
//! its margin stays low however long a model trains.
//!
//! The score of a row is its margin, the logit of its class less the largest other, averaged over the observed epochs.
//! By default the rows of a class with the largest scores are kept, as in the paper, which takes those of low margin for
//! mislabelled and leaves them out; `keep=hardest` keeps the smallest instead. Ties to the lowest row id.
//!
//! ```math
//! s(x) = \frac1T \sum_{t=1}^{T} \bigl( z_t(x)_y - \max_{c \ne y} z_t(x)_c \bigr)
//! ```
//!
//! where z are logits.
//!
//! Cost: O(n log n) beside the training, which is the caller's ([`crate::dynamics`]). Guarantee: exact for the log it is
//! given; nested.
//!
//! Departures: margins are taken of logarithms of probabilities, which differ from logits by one constant a row; the
//! paper's threshold samples (rows of a class made up) are not needed where a budget says how many rows are kept.
//!
//! Wins when labels are noisy: mislabelled rows go first.
//!
//! Loses when labels are clean and few rows are kept: easy rows teach a model little.

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
        doc: "The rows of the largest margins, whose labels can be trusted, or of the smallest (hardest).",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "aum",
    aliases: &["margin", "area-under-the-margin"],
    title: "AUM, the area under the margin",
    family: Family::Wrapper,
    summary: "Keeps, of each class, the rows that stood clear of other classes in training; mislabelled ones go first.",
    params: PARAMS,
    cost: "O(n log n), and the training",
    memory: "48 bytes a row, and the log",
    guarantee: "exact for the log given; nested over ratios; ties to the lowest row id",
    reference: "Pleiss, Zhang, Elenberg & Weinberger, Identifying Mislabeled Data using the Area Under the Margin \
                Ranking, NeurIPS 2020, arXiv:2001.10528",
    departures: "margins of log-probabilities, which equal those of logits; no threshold samples: the budget decides",
    capabilities: CAPABILITIES,
    variants: &[&[("keep", "hardest")]],
    build: |params| Ok(Box::new(ScoredByDynamics::new(INFO.id, AUM, Best::Smallest, params))),
};
