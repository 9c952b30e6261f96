//! The greedy choice: again and again the row with the largest gradient, and the weights made optimal over all chosen.

use rayon::prelude::*;

use crate::methods::Run;
use crate::nnls::ActiveSet;
use crate::{Look, Result, RowId};

/// Rows of a class that the objective chooses at most: their K_SS and its factor take 2 × 16 MiB.
pub(super) const MOST_PICKS: usize = 2048;
/// The part of the largest |μ| up to which a gradient is zero.
pub(super) const ZERO: f64 = 1e-10;
/// The part of it up to which the gradient of a pick without weight is: far below the other, and above rounding.
pub(super) const OPTIMAL: f64 = 1e-13;
/// The part of the largest K_ii up to which it is rounding.
pub(super) const ROUNDING: f64 = 1.0 / (1u64 << 50) as f64;

/// What is found for one class.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen {
    pub(super) order: Vec<RowId>,
    /// The objective after each.
    pub(super) scores: Vec<f64>,
    pub(super) weights: Vec<f64>,
    /// Picks after which no row could raise the objective.
    pub(super) exhausted: Option<usize>,
    /// Picks after which no more were allowed.
    pub(super) capped: Option<usize>,
    /// Picks that are proven to have the largest gradient, if not all are.
    pub(super) certain: Option<usize>,
    pub(super) residual: f64,
    pub(super) sigma: f64,
    pub(super) trace_error: f64,
    pub(super) rank: usize,
}

/// What turns the scaled objective and weights into those of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) objective: f64,
    pub(super) weight: f64,
}

/// The rows chosen so far and their weights.
#[derive(Debug)]
pub(super) struct Picks {
    pub(super) rows: Vec<usize>,
    pub(super) set: ActiveSet,
    pub(super) taken: Vec<bool>,
}

impl Picks {
    /// The rows with a positive weight, and it.
    pub(super) fn support(&self) -> Vec<(usize, f64)> {
        self.rows.iter().copied().zip(self.set.weights().iter().copied()).filter(|s| s.1 > 0.0).collect()
    }
}

/// A row that is not taken, its gradient, and whether none can have a larger one (by much).
#[derive(Clone, Copy, Debug)]
pub(super) struct Leader {
    pub(super) row: usize,
    pub(super) gradient: f64,
    pub(super) certain: bool,
}

/// A kernel over the rows of a class, as the greedy choice needs it.
pub(super) trait Space {
    /// The largest |μ|.
    fn scale(&self) -> f64;
    /// The largest K_ii.
    fn largest_diagonal(&self) -> f64;
    /// The row whose objective alone is best, or later the one with the largest gradient; of equals the lowest.
    fn leader(&mut self, picks: &Picks, tolerance: f64, look: Look<'_>) -> Result<Option<Leader>>;
    /// Takes a row: its mean μ, and its kernel with the rows picked before and with itself.
    fn take(&mut self, row: usize, picks: &Picks) -> (f64, Vec<f64>);
    /// The gradients of the picks at these weights, where they are known better than from K_SS.
    fn precise(&self, picks: &[usize], weights: &[f64]) -> Option<Vec<f64>>;
    /// The gradients of all rows.
    fn gradients(&mut self, picks: &Picks, look: Look<'_>) -> Result<Vec<f64>>;
}

/// The larger gradient, of equals the lower row.
pub(super) fn better(a: (usize, f64), b: (usize, f64)) -> (usize, f64) {
    if b.1 > a.1 || (b.1 == a.1 && b.0 < a.0) { b } else { a }
}

/// Gradients that are taken for zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of a row.
    pub(super) zero: f64,
    /// Of a pick without weight.
    pub(super) optimal: f64,
}

impl Limits {
    /// By the largest |μ| and the largest K_ii.
    pub(super) fn new(scale: f64, diagonal: f64) -> Self {
        let rounding = ROUNDING * diagonal;
        Self { zero: (ZERO * scale).max(rounding), optimal: (OPTIMAL * scale).max(rounding) }
    }
}

/// The greedy choice of `count` rows.
pub(super) fn greedy(
    space: &mut impl Space,
    run: &Run<'_>,
    rows: &[RowId],
    count: usize,
    unit: Unit,
) -> Result<Chosen> {
    let look: Look<'_> = &|| run.step(0);
    let scale = space.scale();
    let Limits { zero: tolerance, optimal } = Limits::new(scale, space.largest_diagonal());
    let mut picks = Picks { rows: Vec::new(), set: ActiveSet::default(), taken: vec![false; rows.len()] };
    let mut found = Chosen::default();
    while picks.rows.len() < count {
        if picks.rows.len() == MOST_PICKS {
            found.capped = Some(MOST_PICKS);
            break;
        }
        let Some(leader) = space.leader(&picks, tolerance, look)?.filter(|l| l.gradient > tolerance) else {
            found.exhausted = Some(picks.rows.len());
            break;
        };
        if !leader.certain && found.certain.is_none() {
            found.certain = Some(picks.rows.len());
        }
        let (mean, row) = space.take(leader.row, &picks);
        picks.rows.push(leader.row);
        picks.taken[leader.row] = true;
        let chosen = &picks.rows;
        let precise = |w: &[f64]| space.precise(chosen, w).unwrap_or_default();
        let known = space.precise(&[], &[]).is_some();
        picks.set.push(&row, mean, optimal, known.then_some(&precise as &dyn Fn(&[f64]) -> Vec<f64>), look)?;
        found.residual = found.residual.max(if scale > 0.0 { picks.set.residual() / scale } else { 0.0 });
        found.scores.push(picks.set.objective() * unit.objective * unit.objective);
        run.step(1)?;
    }
    found.weights = picks.set.weights().iter().map(|w| (w * unit.weight).min(f64::MAX)).collect();
    let picked = picks.rows.clone();
    finish(&mut found, run, rows, &picked, count, tolerance, || space.gradients(&picks, look))?;
    Ok(found)
}

/// Completes what is found by the rows that are not picked, in the order of their gradients, those that are zero at random.
pub(super) fn finish(
    found: &mut Chosen,
    run: &Run<'_>,
    rows: &[RowId],
    picked: &[usize],
    count: usize,
    tolerance: f64,
    gradients: impl FnOnce() -> Result<Vec<f64>>,
) -> Result<()> {
    found.weights.resize(count, 0.0);
    let mut order = picked.to_vec();
    if order.len() < count {
        let left = (count - order.len()) as u64;
        let gradients = gradients()?;
        let gradients: Vec<f64> = gradients.into_iter().map(|g| if g.abs() <= tolerance { 0.0 } else { g }).collect();
        let key = |i: usize| if gradients[i] == 0.0 { run.seed.key(rows[i]) } else { 0 };
        let mut taken = vec![false; rows.len()];
        picked.iter().for_each(|&i| taken[i] = true);
        let rest = (0..rows.len()).filter(|&i| !taken[i]);
        let mut rest: Vec<(f64, u64, usize)> = rest.map(|i| (gradients[i], key(i), i)).collect();
        rest.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        order.extend(rest.into_iter().map(|r| r.2).take(count - picked.len()));
        found.scores.resize(count, found.scores.last().copied().unwrap_or(0.0));
        run.step(left)?;
    }
    found.order = order.into_iter().map(|i| rows[i]).collect();
    Ok(())
}
