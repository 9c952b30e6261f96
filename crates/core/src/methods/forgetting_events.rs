//! **Forgetting events** (FES).
//!
//! Problem: keep the rows that are difficult for a model; rows that it learns early and never forgets teach it little
//! more.
//!
//! While a model trains on all rows, a row is *forgotten* when its prediction changes from correct to wrong between two
//! observed epochs. The score of a row is the number of its forgetting events or, if it was never predicted correctly,
//! the number of epochs. The rows of a class with the largest scores are kept, ties to the lowest row id.
//!
//! ```math
//! F(x) = \#\{\, t : a_t(x) = 1, \; a_{t+1}(x) = 0 \,\}
//! ```
//!
//! where a_t is 1 if the row is predicted correctly in epoch t, and 0 otherwise.
//!
//! With one epoch nothing can be forgotten, and a warning says so.
//!
//! Cost: O(n log n) plus the training, which the caller does ([`crate::dynamics`]); one training serves all ratios.
//! Guarantee: exact for the given log; nested.
//!
//! Departures: none from the definition. The paper's code leaves the order of equal scores to an unstable sort, and it
//! keeps all rows of a class whose budget rounds down to zero.
//!
//! Wins when a model is trained on all rows anyway, and about half of the rows or more are kept.
//!
//! Loses when few rows are kept: the most difficult rows alone do not describe a class. It first needs a training on
//! all rows, which one reduction seldom pays back. Mislabelled rows are never learnt, so they come first.

use super::scored_by_dynamics::{CAPABILITIES, Keep, ScoredByDynamics};
use super::scores::Best;
use super::settings::parameters;
use super::{Family, Info};
use crate::dynamics::{Dynamics, FORGETTING};
use crate::params::Kind;
use crate::selection::Diagnostics;
use crate::{RowId, Warning};

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
        doc: "Keep the rows that were forgotten most often, or least often.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "forgetting-events",
    aliases: &["fes", "forgetting"],
    title: "Forgetting events",
    family: Family::Wrapper,
    summary: "Keeps the rows of each class that a model forgot most often during training; rows that it never learnt come first.",
    params: PARAMS,
    cost: "O(n log n), plus the training",
    memory: "48 bytes per row, plus the log",
    guarantee: "exact for the given log; nested over ratios; ties to the lowest row id",
    reference: "Toneva et al., An Empirical Study of Example Forgetting during Deep Neural Network Learning, \
                ICLR 2019, arXiv:1812.05159",
    departures: "ties go to the lowest row id (an unstable sort in the paper's code); a budget of zero keeps nothing (everything in the paper's code)",
    capabilities: CAPABILITIES,
    variants: &[&[("keep", "easiest")]],
    build: |params| {
        let method = ScoredByDynamics::new(INFO.id, FORGETTING, Best::Largest, params);
        Ok(Box::new(ScoredByDynamics { diagnose: count_never_learnt, warn: too_few_epochs, ..method }))
    },
};

/// A row is forgotten between two epochs.
fn too_few_epochs(dynamics: &Dynamics) -> Option<Warning> {
    let message = "the training dynamics are of one epoch, and a row is forgotten between two: the order is only whether rows \
                   were predicted correctly in this epoch, and then that of the row ids";
    (dynamics.epochs() == 1).then(|| {
        Warning::new("one-epoch", message)
            .hint("train for more epochs and log each of them, or use el2n or aum with probabilities")
    })
}

/// Rows that were right in no epoch.
fn count_never_learnt(dynamics: &Dynamics, diagnostics: &mut Diagnostics) {
    let never = (0..dynamics.rows()).filter(|&row| !dynamics.learnt(RowId::at(row))).count();
    diagnostics.insert("never_learnt", never.into());
}
