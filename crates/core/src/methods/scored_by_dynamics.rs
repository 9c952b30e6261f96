//! What the methods that rank by training dynamics share: each names a score of [`Dynamics`] and says which end of it is
//! hard.

use leanset_problem::{setting, text};

use super::scores::{Best, rank_within_classes};
use super::settings::words;
use super::{Capabilities, Method, Run, Support};
use crate::dynamics::{Dynamics, GRAND};
use crate::params::Params;
use crate::selection::Diagnostics;
use crate::{Allocation, Error, Ranking, Result, RowId, Shape, Warning};

words! {
    /// Which end of a scale of difficulty is kept.
    pub enum Keep {
        /// The rows that a model has most trouble with.
        Hardest = "hardest",
        /// The rows that it has least trouble with.
        Easiest = "easiest",
    }
}

/// Those of all methods that rank by training dynamics.
pub(super) const CAPABILITIES: Capabilities = Capabilities {
    dynamics: Support::Yes,
    coordinates: Support::No,
    order_free: Support::Yes,
    seeded: Support::When("the built-in trainer makes the training log"),
    ..Capabilities::DEFAULT
};

/// A method that ranks the rows of each class by a score of their training dynamics.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScoredByDynamics {
    /// The method's id.
    pub(super) method: &'static str,
    /// The name of the score.
    pub(super) score: &'static str,
    /// The scores of rows that are hard.
    pub(super) hard: Best,
    /// What it says of the dynamics beside the number of epochs.
    pub(super) diagnose: fn(&Dynamics, &mut Diagnostics),
    /// What is worth knowing of dynamics that it can use.
    pub(super) warn: fn(&Dynamics) -> Option<Warning>,
    /// Which rows are kept.
    pub(super) keep: Keep,
}

impl ScoredByDynamics {
    /// By the score of this name, the largest of which are of rows that are hard or easy.
    pub(super) fn new(method: &'static str, score: &'static str, hard: Best, params: &Params) -> Self {
        Self { method, score, hard, diagnose: |_, _| {}, warn: |_| None, keep: Keep::of(params, "keep") }
    }
}

/// What is said if no class has two rows of different scores.
pub(super) fn flat(run: &Run<'_>, scores: &[f64]) -> Option<Warning> {
    let classes = run.data.classes();
    let of = |row: &RowId| scores[row.index()];
    let tie = |class| classes.rows(class).windows(2).all(|rows| of(&rows[0]) == of(&rows[1]));
    if scores.len() == classes.populated() || !classes.ids().all(tie) {
        return None;
    }
    let message = "all rows of a class have the same score, so their order is that of their row ids";
    Some(Warning::new("scores-flat", message).hint("log more epochs, or use another method"))
}

impl Method for ScoredByDynamics {
    fn order_free(&self) -> bool {
        true
    }

    /// Scores are those of the dynamics.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let dynamics = run.inputs.dynamics.ok_or_else(|| no_dynamics(self.method))?;
        let scores = dynamics.score(self.score).ok_or_else(|| no_score(self.method, self.score))?;
        run.monitor.begin("ranking rows", run.data.rows() as u64);
        let best = if self.keep == Keep::Hardest { self.hard } else { self.hard.reverse() };
        let mut ranking = rank_within_classes(run, &scores, best)?;
        run.step(run.data.rows() as u64)?;
        ranking.diagnostics.insert("epochs", (dynamics.epochs() as usize).into());
        (self.diagnose)(dynamics, &mut ranking.diagnostics);
        ranking.warnings.extend((self.warn)(dynamics).or_else(|| flat(run, &scores)));
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        48 * shape.rows as u64
    }
}

/// A method that ranks by training dynamics cannot do without them.
pub(super) fn no_dynamics(method: &'static str) -> Error {
    Error::Unsupported {
        method,
        what: "rank rows without training dynamics".into(),
        hint: text!["give it a training log (", &setting::LOG, "), or train a model"],
    }
}

/// A log without probabilities does not tell how sure a model was, and one without gradients not how long they were.
pub(super) fn no_score(method: &'static str, score: &str) -> Error {
    if score == GRAND {
        return Error::Unsupported {
            method,
            what: "rank rows by a training log without gradients".into(),
            hint: "log the length of the gradient too (column gradient), or use el2n".into(),
        };
    }
    Error::Unsupported {
        method,
        what: "rank rows by a training log without probabilities".into(),
        hint: "log the probability of every class too, or use forgetting-events".into(),
    }
}
