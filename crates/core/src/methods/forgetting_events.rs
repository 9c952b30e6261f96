//! **Forgetting events** (FES).
//!
//! Problem: keep the rows that a model has trouble with; those it learns once and for all teach it little more.
//!
//! While a model trains on everything, a row is *forgotten* when it goes from classified right to wrong between two
//! observed epochs. The score of a row is the number of its forgetting events, or, if it was never classified right, the
//! number of epochs. The rows of a class with the largest scores are kept, ties to the lowest row id.
//!
//! ```math
//! F(x) = \#\{\, t : a_t(x) = 1, \; a_{t+1}(x) = 0 \,\}
//! ```
//!
//! where a_t is 1 if the row is classified right in epoch t and 0 if not.
//!
//! Cost: O(n log n) beside the training, which is the caller's ([`crate::dynamics`]); one training serves all ratios.
//! Guarantee: exact for the log it is given; nested.
//!
//! Departures: none from the definition. The paper's code leaves the order of equal scores to an unstable sort; and it
//! keeps everything where the budget of a class is cut down to zero.
//!
//! Wins when a model is trained on everything anyway, and about half of the rows or more are kept.
//!
//! Loses when few rows are kept: the hardest rows alone describe no class. It needs a training on everything first,
//! which one reduction seldom pays back. Mislabelled rows are never learnt, so they come first.

use super::scored_by_dynamics::{CAPABILITIES, Keep, ScoredByDynamics};
use super::scores::Best;
use super::settings::parameters;
use super::{Family, Info};
use crate::RowId;
use crate::dynamics::{Dynamics, FORGETTING};
use crate::params::Kind;
use crate::selection::Diagnostics;

parameters! {
    /// The parameters of forgetting events.
    ///
    /// ```
    /// use leanset_core::methods::{Keep, forgetting_events::ForgettingEvents};
    /// let reducer = ForgettingEvents::default().keep(Keep::Easiest).reducer()?;
    /// assert_eq!(reducer.params().text("keep"), "easiest");
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct ForgettingEvents;

    keep: Keep = {
        kind: Kind::Choice(Keep::WORDS),
        default: "hardest",
        doc: "The rows forgotten most often, or those forgotten least.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "forgetting-events",
    aliases: &["fes", "forgetting"],
    title: "Forgetting events",
    family: Family::Wrapper,
    summary: "Keeps, of each class, the rows that a model in training forgot most often, those it never learnt first.",
    params: PARAMS,
    cost: "O(n log n), and the training",
    memory: "48 bytes a row, and the log",
    guarantee: "exact for the log given; nested over ratios; ties to the lowest row id",
    reference: "Toneva et al., An Empirical Study of Example Forgetting during Deep Neural Network Learning, \
                ICLR 2019, arXiv:1812.05159",
    departures: "ties by row id (an unstable sort in the paper's code); a budget of zero keeps nothing (everything there)",
    capabilities: CAPABILITIES,
    variants: &[&[("keep", "easiest")]],
    build: |params| {
        let method = ScoredByDynamics::new(INFO.id, FORGETTING, Best::Largest, params);
        Ok(Box::new(ScoredByDynamics { diagnose: count_never_learnt, ..method }))
    },
};

/// Rows that were right in no epoch.
fn count_never_learnt(dynamics: &Dynamics, diagnostics: &mut Diagnostics) {
    let never = (0..dynamics.rows()).filter(|&row| !dynamics.learnt(RowId::at(row))).count();
    diagnostics.insert("never_learnt", never.into());
}
