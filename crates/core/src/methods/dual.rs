//! **DUAL**, difficulty and uncertainty.
//!
//! Problem: keep the rows that a model is unsure of, early in training, and more of the easier ones the fewer rows are kept.
//!
//! With p_t(x) the probability of the true class in epoch t, the score of a row looks at windows of J = 10 epochs: the standard
//! deviation of p within the window, times one minus its mean there. The score is the mean over all windows. (With fewer than ten
//! epochs, one window has all of them.)
//!
//! ```math
//! s(x) = \frac{1}{T - J + 1} \sum_{k=1}^{T-J+1} \bigl( 1 - \bar p_k(x) \bigr) \sqrt{ \frac{1}{J - 1} \sum_{t=k}^{k+J-1} \bigl( p_t(x) - \bar p_k(x) \bigr)^2 }
//! ```
//!
//! With `sampling=score`, the rows of a class with the largest scores are kept, ties to the lowest row id.
//!
//! With `sampling=beta`, the default, rows are drawn without replacement with a probability in proportion to s(x)·B(p̄(x)). Here
//! p̄(x) is the mean of p over all epochs, and B the density of a Beta distribution that moves towards easy rows as the pruning
//! ratio r = 1 − m/n grows:
//!
//! ```math
//! \beta_r = 15 \, (1 - \mu) \, \bigl( 1 - r^{c} \bigr), \qquad \alpha_r = 16 - \beta_r
//! ```
//!
//! where μ is the mean of p̄ over the ten rows with the largest scores, and c a parameter (`decay`). A row is drawn by the smallest
//! key E/w, with w its weight and E an exponential variable from hash(seed, row id), which is drawing one after the other in
//! proportion to the weights (Efraimidis & Spirakis 2006). Rows of weight 0 come last.
//!
//! Cost: O(n·T·J) for the scores, O(n log n) for the order, plus the training, which the caller does ([`crate::dynamics`]).
//! Guarantee: exact for the given log; nested with `sampling=score`. The draw depends on the ratio, so selections of
//! `sampling=beta` are not nested.
//!
//! Departures: each class keeps its share of the budget; r and μ are those of all rows. The constants 15 and 16 are those of the
//! authors' code. The paper trains for 30 epochs on CIFAR and 60 on ImageNet; here the epochs are those of the log.
//!
//! Wins when a score of difficulty is to be used, and only a short training can be had: the paper reports the best accuracy of the
//! compared scores on CIFAR-10, CIFAR-100 and ImageNet-1k, from the first 30 or 60 epochs.
//!
//! Loses when a model is trained from scratch on a table: on eleven tables with three models, from a warm-up of ten epochs, it beat
//! stratified random in 29 of 165 comparisons at 1 to 20 %, and lost in 63. With `sampling=score` and few rows, difficult rows alone are left. If the model learns a table within the first
//! epochs, p hardly varies and the scores say little.

use super::scored_by_dynamics::{CAPABILITIES, flat, no_dynamics, no_score};
use super::scores::{Best, by_score, rank_within_classes};
use super::settings::{parameters, words};
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::dynamics::{DUAL, Dynamics, PROBABILITY};
use crate::params::{Kind, Params};
use crate::selection::Diagnostics;
use crate::{Allocation, Ranking, Reduced, Reduction, Result, RowId, Seed, Selection, Shape, Warning};

words! {
    /// How rows are taken by their scores.
    pub enum Sampling {
        /// Drawn, with more weight on easy rows the fewer are kept.
        Beta = "beta",
        /// Those with the largest scores.
        Score = "score",
    }
}

parameters! {
    /// The parameters of DUAL.
    ///
    /// ```
    /// use leanset_core::methods::{Support, dual::{Dual, Sampling}};
    /// let reducer = Dual::default().sampling(Sampling::Score).reducer()?;
    /// assert_eq!(reducer.ranks(), Support::Yes);
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct Dual;

    sampling: Sampling = {
        kind: Kind::Choice(Sampling::WORDS),
        default: "beta",
        doc: "Draw rows with more weight on easy rows the fewer are kept, or keep the rows with the largest scores.",
    }

    decay: f64 = {
        kind: Kind::Float { min: 0.0, max: 100.0, open: true },
        default: "4",
        doc: "The exponent c of the pruning ratio with sampling=beta: the larger, the more difficult the drawn rows.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "dual",
    aliases: &["dua", "difficulty-uncertainty"],
    title: "DUAL, difficulty and uncertainty",
    family: Family::Wrapper,
    summary: "Keeps the rows of each class that a model was unsure of early in training, and more of the easier ones the fewer are kept.",
    params: PARAMS,
    cost: "O(n·T·J) for T epochs and windows of J = 10, O(n log n), plus the training",
    memory: "64 bytes per row, plus the log, which has 4 bytes per row and epoch",
    guarantee: "exact for the given log; with sampling=score nested over ratios, ties to the lowest row id",
    reference: "Cho, Shin, Kang & Yun, Lightweight Dataset Pruning without Full Training via Example Difficulty and Prediction \
                Uncertainty, ICML 2025, arXiv:2502.06905",
    departures: "each class keeps its share of the budget, in the paper all rows are drawn together; a window has all epochs if \
                 there are fewer than ten",
    capabilities: Capabilities {
        nested: Support::When("sampling=score"),
        order_free: Support::When("sampling=score"),
        seeded: Support::When("sampling=beta, or the built-in trainer makes the training log"),
        ..CAPABILITIES
    },
    variants: &[&[("sampling", "score")]],
    build: |params| Ok(Box::new(Configured::of(params))),
};

/// The method with checked parameters.
#[derive(Clone, Copy, Debug)]
struct Configured {
    sampling: Sampling,
    decay: f64,
}

/// A Beta distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Beta {
    alpha: f64,
    beta: f64,
}

/// Rows with the largest scores whose mean probability moves the distribution.
const ANCHORS: usize = 10;

impl Beta {
    /// That of a pruning ratio.
    fn of(scores: &[f64], probabilities: &[f64], pruned: f64, decay: f64) -> Self {
        let rows: Vec<RowId> = (0..scores.len()).map(RowId::at).collect();
        let order = by_score(&rows, scores, Best::Largest);
        let anchors = &order[..ANCHORS.min(order.len())];
        let mean = anchors.iter().map(|&i| probabilities[i]).sum::<f64>() / anchors.len() as f64;
        let beta = 15.0 * (1.0 - mean) * (1.0 - pruned.powf(decay));
        Self { alpha: 16.0 - beta, beta }
    }

    /// The logarithm of its density but for a constant, which is the same for all rows. At 0 and 1 it is that beside them.
    fn log_density(self, p: f64) -> f64 {
        const EDGE: f64 = 1e-12;
        let p = p.clamp(EDGE, 1.0 - EDGE);
        (self.alpha - 1.0) * p.ln() + (self.beta - 1.0) * (1.0 - p).ln()
    }
}

impl Configured {
    fn of(params: &Params) -> Self {
        Self { sampling: Sampling::of(params, "sampling"), decay: params.float("decay").unwrap_or(4.0) }
    }
}

/// −ln of a uniform number in (0, 1) from the hash of the row.
fn exponential(seed: Seed, row: RowId) -> f64 {
    let bits = seed.key(row) >> 12;
    -((bits as f64 + 0.5) / (1u64 << 52) as f64).ln()
}

/// A row varies between two epochs.
fn too_few_epochs(dynamics: &Dynamics) -> Option<Warning> {
    let message = "the training dynamics are of one epoch, and DUAL compares epochs: all scores are 0, and the order is random or \
                   that of the row ids";
    (dynamics.epochs() == 1)
        .then(|| Warning::new("one-epoch", message).hint("train for ten epochs or more and log each of them"))
}

/// The scores and the mean probabilities of the true class.
type Observed<'a> = (std::borrow::Cow<'a, [f64]>, std::borrow::Cow<'a, [f64]>);

fn observed<'a>(run: &Run<'a>) -> Result<(&'a Dynamics, Observed<'a>)> {
    let dynamics = run.inputs.dynamics.ok_or_else(|| no_dynamics(INFO.id))?;
    let of = |name| dynamics.score(name).ok_or_else(|| no_score(INFO.id, name));
    Ok((dynamics, (of(DUAL)?, of(PROBABILITY)?)))
}

impl Method for Configured {
    fn ranks(&self) -> Support {
        match self.sampling {
            Sampling::Score => Support::Yes,
            Sampling::Beta => INFO.capabilities.nested,
        }
    }

    fn order_free(&self) -> bool {
        self.sampling == Sampling::Score
    }

    /// Scores are those of the dynamics.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let (dynamics, (scores, _)) = observed(run)?;
        run.monitor.begin("ranking rows", run.data.rows() as u64);
        let mut ranking = rank_within_classes(run, &scores, Best::Largest)?;
        run.step(run.data.rows() as u64)?;
        ranking.diagnostics.insert("epochs", (dynamics.epochs() as usize).into());
        ranking.warnings.extend(too_few_epochs(dynamics).or_else(|| flat(run, &scores)));
        Ok(ranking)
    }

    fn reduce(&self, run: &Run<'_>, allocation: &Allocation) -> Result<Reduction> {
        let classes = run.data.classes();
        if self.sampling == Sampling::Score {
            let ranking = self.rank(run, Some(allocation))?;
            let selection = ranking.select(allocation, classes)?;
            let warnings = ranking.warnings_at(&selection.counts(), classes);
            return Ok(Reduction { reduced: Reduced::Rows(selection), diagnostics: ranking.diagnostics, warnings });
        }
        let (dynamics, (scores, probabilities)) = observed(run)?;
        let rows = run.data.rows();
        run.monitor.begin("drawing rows", rows as u64);
        let pruned = 1.0 - allocation.total() as f64 / rows as f64;
        let beta = Beta::of(&scores, &probabilities, pruned, self.decay);
        let drawn = run.per_class(|class, rows| {
            // By the logarithm of E / w: the smallest first, rows of weight 0 by E.
            let mut keyed: Vec<(f64, f64, RowId)> = rows
                .iter()
                .map(|&row| {
                    let i = row.index();
                    let (wait, weight) =
                        (exponential(run.seed, row), scores[i].ln() + beta.log_density(probabilities[i]));
                    let key = if scores[i] > 0.0 { wait.ln() - weight } else { f64::INFINITY };
                    (key, wait, row)
                })
                .collect();
            keyed.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
            run.step(rows.len() as u64)?;
            Ok(keyed.into_iter().take(allocation.per_class()[class.index()]).map(|k| k.2).collect::<Vec<RowId>>())
        })?;
        let mut diagnostics = Diagnostics::new();
        diagnostics.insert("epochs", (dynamics.epochs() as usize).into());
        diagnostics.insert("alpha", beta.alpha.into());
        diagnostics.insert("beta", beta.beta.into());
        let warnings = too_few_epochs(dynamics).into_iter().collect();
        Ok(Reduction { reduced: Reduced::Rows(Selection::new(&drawn, None, classes)?), diagnostics, warnings })
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        80 * shape.rows as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Classes, Dataset, EmptyClasses, Inputs, Matrix, Quiet};

    fn dataset(rows: usize, values: &[f64]) -> Dataset<'_> {
        let points = Matrix::new(values, rows, 1).expect("shape");
        Dataset::new(points, Classes::one(rows).expect("few")).expect("sound")
    }

    /// Rows of a few kinds: how often each kind is drawn first is in proportion to its weight.
    #[test]
    fn dual_draws_in_proportion_to_the_weights() {
        let (rows, kinds) = (6, [(0.3, 0.6), (0.1, 0.68), (0.05, 0.75)]);
        let values = vec![0.0; rows];
        let data = dataset(rows, &values);
        let of = |k: fn(&(f64, f64)) -> f64| (0..rows).map(|i| k(&kinds[i % 3])).collect::<Vec<f64>>();
        let (scores, means) = (of(|k| k.0), of(|k| k.1));
        let dynamics = Dynamics::from_counts(20, vec![0; rows], vec![true; rows]).expect("counts");
        let dynamics = dynamics.with_score(DUAL, scores.clone()).expect("finite");
        let dynamics = dynamics.with_score(PROBABILITY, means.clone()).expect("finite");
        let reducer = Dual::default().decay(3.0).reducer().expect("valid");
        let inputs = Inputs { dynamics: Some(&dynamics), ..Inputs::default() };
        let mut counts = [0.0; 3];
        let draws = 20_000;
        for seed in 0..draws {
            let run = reducer.reduce_with(&data, &inputs, &Budget::Count(1), EmptyClasses::Forbid, Seed(seed), &Quiet);
            let kept = run.expect("draws").reduced;
            counts[kept.rows().expect("rows").rows()[0].index() % 3] += 1.0;
        }
        // The definition: the ten rows of the largest scores are all rows here.
        let anchor = means.iter().sum::<f64>() / rows as f64;
        let beta = 15.0 * (1.0 - anchor) * (1.0 - (5.0f64 / 6.0).powi(3));
        let density = |p: f64| p.powf(15.0 - beta) * (1.0 - p).powf(beta - 1.0);
        let weights: Vec<f64> = kinds.iter().map(|k| k.0 * density(k.1)).collect();
        let total: f64 = weights.iter().sum();
        for (count, weight) in counts.iter().zip(&weights) {
            let (found, wanted) = (count / draws as f64, weight / total);
            let error = (wanted * (1.0 - wanted) / draws as f64).sqrt();
            assert!((found - wanted).abs() < 5.0 * error + 1e-12, "{found}, not {wanted}");
        }
        assert!(weights.iter().all(|w| w / total > 0.05), "the test tells nothing: {weights:?}");
    }

    #[test]
    fn dual_of_equal_scores_is_a_random_order() {
        let values = vec![0.0; 50];
        let data = dataset(50, &values);
        let dynamics = Dynamics::from_counts(1, vec![0; 50], vec![true; 50]).expect("counts");
        let dynamics = dynamics.with_score(DUAL, vec![0.0; 50]).expect("finite");
        let dynamics = dynamics.with_score(PROBABILITY, vec![1.0; 50]).expect("finite");
        let inputs = Inputs { dynamics: Some(&dynamics), ..Inputs::default() };
        let reducer = Dual::default().reducer().expect("valid");
        let kept = |seed| {
            let run = reducer.reduce_with(&data, &inputs, &Budget::Count(9), EmptyClasses::Forbid, Seed(seed), &Quiet);
            let run = run.expect("draws");
            assert_eq!(run.warnings[0].code, "one-epoch");
            run.reduced
        };
        assert_ne!(kept(1), kept(2));
    }
}
