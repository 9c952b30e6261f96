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
//! Wins when there is a training run to watch anyway, and about half of the rows or more are kept.
//!
//! Loses when few rows are kept: the hardest rows alone describe no class. It needs a training on everything first,
//! which one reduction seldom pays back. Mislabelled rows are never learnt, so they come first.

use super::{Support, Capabilities, Family, Info, Method, Run, by_score};
use crate::dynamics::Dynamics;
use crate::params::{Kind, Params, Spec};
use crate::{Allocation, Error, Ranking, Result, Shape};

/// Which end of a scale of difficulty is kept.
pub(super) const fn keep(default: &'static str, doc: &'static str) -> Spec {
    Spec { name: "keep", kind: Kind::Choice(&["hardest", "easiest"]), default, doc }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "forgetting-events",
    aliases: &["fes", "forgetting"],
    title: "Forgetting events",
    family: Family::Wrapper,
    summary: "Keeps, of each class, the rows that a model in training forgot most often, those it never learnt first.",
    params: &[keep("hardest", "The rows forgotten most often, or those forgotten least.")],
    cost: "O(n log n), and the training",
    memory: "48 bytes a row, and the log",
    guarantee: "exact for the log given; nested over ratios; ties to the lowest row id",
    reference: "Toneva et al., An Empirical Study of Example Forgetting during Deep Neural Network Learning, \
                ICLR 2019, arXiv:1812.05159",
    departures: "ties by row id (an unstable sort in the paper's code); a budget of zero keeps nothing (everything there)",
    capabilities: capabilities(),
    variants: &[&[("keep", "easiest")]],
    build: |params| Ok(Box::new(ForgettingEvents { hardest: is_hardest(params) })),
};

/// Those of all methods that rank by what was seen in training.
pub(super) const fn capabilities() -> Capabilities {
    Capabilities {
        nested: Support::Yes,
        per_class: Support::Yes,
        weights: Support::No,
        prototypes: Support::No,
        seeded: Support::No,
        target: Support::No,
        dynamics: Support::Yes,
        coordinates: Support::No,
        order_free: Support::Yes,
        least_classes: 1,
    }
}

/// Forgetting events.
#[derive(Clone, Copy, Debug)]
pub struct ForgettingEvents {
    hardest: bool,
}

pub(super) fn is_hardest(params: &Params) -> bool {
    params.text("keep") == "hardest"
}

impl Method for ForgettingEvents {
    fn ranks(&self) -> Support {
        Support::Yes
    }

    fn order_free(&self) -> bool {
        true
    }

    /// Scores are numbers of forgetting events.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let dynamics = dynamics_of(run, INFO.id)?;
        let scores: Vec<f64> = dynamics.forgetting().into_iter().map(f64::from).collect();
        let mut ranking = rank_by(run, &scores, self.hardest)?;
        let never = run.data.rows() - (0..run.data.rows()).filter(|&r| dynamics.learnt(crate::RowId::at(r))).count();
        ranking.diagnostics.insert("epochs", (dynamics.epochs() as usize).into());
        ranking.diagnostics.insert("never_learnt", never.into());
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        memory(shape)
    }
}

pub(super) fn memory(shape: &Shape) -> u64 {
    48 * shape.rows as u64
}

/// The record of training, which a method that watches training cannot do without.
pub(super) fn dynamics_of<'a>(run: &Run<'a>, method: &'static str) -> Result<&'a Dynamics> {
    run.inputs.dynamics.ok_or_else(|| no_dynamics(method))
}

pub(super) fn no_dynamics(method: &'static str) -> Error {
    Error::Unsupported {
        method,
        what: "rank rows without having seen a model train".into(),
        hint: "give it a log of training, or train a model".into(),
    }
}

/// A log without probabilities cannot tell how sure a model was.
pub(super) fn no_probabilities(method: &'static str) -> Error {
    Error::Unsupported {
        method,
        what: "rank rows by a log without probabilities".into(),
        hint: "log the probability of every class too, or use forgetting-events".into(),
    }
}

/// The rows of each class by their scores, the largest or the smallest first.
pub(super) fn rank_by(run: &Run<'_>, scores: &[f64], descending: bool) -> Result<Ranking> {
    run.monitor.begin("ranking rows", run.data.rows() as u64);
    let orders = run.per_class(|_, rows| {
        let own: Vec<f64> = rows.iter().map(|r| scores[r.index()]).collect();
        let order = by_score(rows, &own, descending);
        run.step(rows.len() as u64)?;
        Ok((order.iter().map(|&i| rows[i]).collect(), order.iter().map(|&i| own[i]).collect()))
    })?;
    Ranking::per_class(orders, run.data.classes())
}
