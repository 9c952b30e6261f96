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

use super::forgetting_events::{capabilities, dynamics_of, is_hardest, keep, memory, no_probabilities, rank_by};
use super::{Support, Family, Info, Method, Run};
use crate::{Allocation, Ranking, Result, Shape};

/// The registered entry.
pub static INFO: Info = Info {
    id: "aum",
    aliases: &["margin", "area-under-the-margin"],
    title: "AUM, the area under the margin",
    family: Family::Wrapper,
    summary: "Keeps, of each class, the rows that stood clear of other classes in training; mislabelled ones go first.",
    params: &[keep(
        "easiest",
        "The rows of the largest margins, whose labels can be trusted, or of the smallest (hardest).",
    )],
    cost: "O(n log n), and the training",
    memory: "48 bytes a row, and the log",
    guarantee: "exact for the log given; nested over ratios; ties to the lowest row id",
    reference: "Pleiss, Zhang, Elenberg & Weinberger, Identifying Mislabeled Data using the Area Under the Margin \
                Ranking, NeurIPS 2020, arXiv:2001.10528",
    departures: "margins of log-probabilities, which equal those of logits; no threshold samples: the budget decides",
    capabilities: capabilities(),
    variants: &[&[("keep", "hardest")]],
    build: |params| Ok(Box::new(Aum { hardest: is_hardest(params) })),
};

/// AUM.
#[derive(Clone, Copy, Debug)]
pub struct Aum {
    hardest: bool,
}

impl Method for Aum {
    fn ranks(&self) -> Support {
        Support::Yes
    }

    fn order_free(&self) -> bool {
        true
    }

    /// Scores are mean margins.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let dynamics = dynamics_of(run, INFO.id)?;
        let scores = dynamics.aum().ok_or_else(|| no_probabilities(INFO.id))?;
        let mut ranking = rank_by(run, scores, !self.hardest)?;
        ranking.diagnostics.insert("epochs", (dynamics.epochs() as usize).into());
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        memory(shape)
    }
}
