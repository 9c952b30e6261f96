//! **ProtoDash** (PRD): prototypes with weights.
//!
//! Problem: choose rows S of a class, |S| ≤ m, and weights w ≥ 0 on them, so that the weighted rows have the mean
//! embedding of the class (or of the same class of another table, the *target*) under a kernel k: maximise
//!
//! f(w) = μᵀw − ½ wᵀK w, where K_ij = k(x_i, x_j) and μ_i is the mean of k(x_i, ·) over the class or the target,
//!
//! which is ½‖mean‖² − ½‖mean − Σ w_s φ(x_s)‖² in feature space. Kernels: `gaussian` exp(−‖x − y‖² / 2σ²), `linear` xᵀy.
//!
//! The first row is the one whose objective alone is best, μ_i² / 2K_ii. Then again and again the row with the largest
//! gradient g_i = μ_i − (K w)_i is added (ties to the lowest row id), and w is made optimal over all rows chosen so far:
//! an active-set method with a factor that is extended and repaired (`nnls.rs`). After every pick the optimality
//! conditions hold to rounding: on S, |g| where w > 0 and g where w = 0 are at most some 10⁻¹³ of max |μ|, and the worst
//! there was is stated (`kkt_residual`, relative; tests hold it below 10⁻⁸). The objective after each pick is its score;
//! weights belong to one budget and come with `reduce`.
//!
//! When no gradient is above 10⁻¹⁰ of max |μ| (or 2⁻⁵⁰ of the largest K_ii, below which all is rounding), the objective is
//! exhausted: what a row could still add to it is below its last digit. Weights stay, and the remaining rows follow in
//! order of gradient; those whose gradient is zero by that measure, between which the objective cannot tell, in order of
//! hash(seed, row id). With the linear kernel that is every row after about as many as there are columns, since the mean
//! is then matched exactly.
//!
//! ```math
//! f(w) = \mu^\top w - \tfrac12\, w^\top K w, \qquad w \ge 0, \quad |\{ i : w_i > 0 \}| \le m
//! ```
//!
//! Cost, linear kernel: O(n·d) a pick and at most a few d picks. Everything happens in the d columns; support ≤ d.
//! Gaussian kernel: no n × n and no n × m table is made. The rows get r features (pivoted Cholesky, `kernel.rs`), a few
//! at first, and more when they leave too many rows that could lead, until they explain all but 10⁻¹² of the trace or r is
//! `rank`: O(n·r·(r + d)). A pick is O(n·r) for gradients in features, whose error on row i is at most √E_ii·‖Σ w_s e_s‖
//! (E is what the features leave of K, e_s of row s); the rows whose bounds reach above the best lower bound, at least 32
//! and at most 128, are compared by the true kernel, and weights are solved on the true K_SS. Where more than 128 reach
//! and r is at its limit, the choice is the best of the likeliest 128, and a warning says from which pick on
//! (`gradients-approximate`). Means μ are those of the true kernel wherever they decide: of all rows up to 2²⁶ pairs,
//! beyond that of the rows compared (then the mean's error in features, at most the mean of √E_jj, adds to the bound).
//! At most 2,048 rows are chosen by the objective; the rest follow as when it is exhausted, in order of the gradients in
//! features.
//!
//! Coordinates are scaled by a power of two, which changes no order. Linear objectives are in the units of the input,
//! squared: finite up to the largest coordinates there may be, and 0 where they are below the smallest number.
//!
//! Guarantee: f(w) ≥ (1 − e^(−γ))·f* with γ the restricted strong concavity over smoothness of f (weak submodularity;
//! Gurumoorthy et al., theorem IV.3), and the weights are the best there are for the rows chosen.
//!
//! Departures from the paper's code (AIX360): its first remaining row never wins while others remain; its solver stops at
//! 10⁻⁴, so its order is noise soon after; it caps weights at 10⁴; its wrapper here never passes the kernel on, so what
//! it calls Gaussian is linear. And it goes on in file order when the objective is exhausted. Files are often sorted by a
//! feature, and a prefix of file order is then a biased sample, where a prefix of the hash's order is a random one.
//!
//! Wins when a few weighted rows stand for a class, or for the class of another table, and the trainer can use the
//! weights.
//!
//! Loses when many rows are kept: once the objective is exhausted the rest is as good as random, and until then the
//! Gaussian kernel can cost more than training does. The linear kernel sees only means, and is exhausted after about d
//! rows.

use rayon::prelude::*;

use super::stratified_random::random_order;
use super::{Support, Capabilities, Family, Info, Method, Run};
use crate::distance::{Euclidean, LANES, Packed, Terms, raw};
use crate::kernel::{self, Features, Gaussian};
use crate::nnls::ActiveSet;
use crate::params::{Kind, Spec, Value};
use crate::selection::BudgetLimit;
use crate::{Allocation, ClassId, Dataset, Ranking, Reduced, Reduction, Result, RowId, Selection, Shape, simd};

/// The registered entry.
pub static INFO: Info = Info {
    id: "protodash",
    aliases: &["prd", "proto-dash"],
    title: "ProtoDash (prototypes with weights)",
    family: Family::Statistic,
    summary: "Keeps, of each class, rows that with non-negative weights have the mean of the class under a kernel, or that of a target table.",
    params: &[
        Spec {
            name: "kernel",
            kind: Kind::Choice(&["gaussian", "linear"]),
            default: "gaussian",
            doc: "How alike two rows are: exp(−‖x − y‖²/2σ²), or xᵀy, which sees no more than the mean of a class.",
        },
        Spec {
            name: "sigma",
            kind: Kind::Or(&["auto"], &Kind::Float { min: 0.0, max: f64::MAX, open: true }),
            default: "auto",
            doc: "σ of the Gaussian kernel; auto: of each class the median of the Euclidean distances between its rows \
                  that are not 0, over 1000 rows drawn by the seed where it has more.",
        },
        Spec {
            name: "rank",
            kind: Kind::Or(&["auto"], &Kind::Int { min: 1, max: 1 << 20 }),
            default: "auto",
            doc: "The most features a row gets under the Gaussian kernel; auto: 2048, fewer (to no less than 64) where \
                  those of a class would take more than 256 MiB.",
        },
    ],
    cost: "gaussian: O(n·r·(r + d + m)) for r features, and O(s³) for s ≤ 2048 rows chosen by the objective; linear: \
           O(n·d) a pick, about d picks",
    memory: "gaussian: r features a row (at most 256 MiB a class by default) for each class in work, the class once more, \
             and 64 MiB for weights; linear: the class once more",
    guarantee: "objective at least 1 − e^(−γ) of the best (weak submodularity); weights optimal for the rows chosen, to \
                rounding; nested over ratios; ties to the lowest row id",
    reference: "Gurumoorthy, Dhurandhar, Cecchi & Aggarwal, ICDM 2019, arXiv:1707.01212",
    departures: "optimal weights instead of a solver stopped at 10⁻⁴; every row can be chosen (AIX360 never lets the first \
                 remaining one win); where the objective cannot tell rows apart they follow by hash(seed, row id), not in \
                 file order, a prefix of which would be a biased sample; at most 2048 rows of a class are chosen by the \
                 objective",
    capabilities: Capabilities {
        nested: Support::Yes,
        per_class: Support::Yes,
        weights: Support::Yes,
        prototypes: Support::No,
        seeded: Support::When("the objective cannot tell rows apart, or sigma=auto and a class has over 1000 rows"),
        target: Support::Yes,
        dynamics: Support::No,
        coordinates: Support::Yes,
        order_free: Support::No,
        least_classes: 1,
    },
    variants: &[&[("kernel", "linear")], &[("rank", "16")]],
    build: |params| {
        let sigma = params.float("sigma");
        let kernel = match params.text("kernel") {
            "linear" if sigma.is_some() => {
                return Err(params.refuse("sigma", "auto with kernel=linear, which has no width"));
            }
            "linear" => Kernel::Linear,
            _ => Kernel::Gaussian { sigma, rank: params.count("rank") },
        };
        if kernel == Kernel::Linear && params.count("rank").is_some() {
            return Err(params.refuse("rank", "auto with kernel=linear, whose features are the columns"));
        }
        Ok(Box::new(ProtoDash { kernel }))
    },
};

/// Rows of a class that the objective chooses at most: their K_SS and its factor take 2 × 16 MiB.
const MOST_PICKS: usize = 2048;
/// The part of the largest |μ| up to which a gradient is zero.
const ZERO: f64 = 1e-10;
/// The part of it up to which the gradient of a pick without weight is: far below the other, and above rounding.
const OPTIMAL: f64 = 1e-13;
/// The part of it by which rounding changes a gradient, at most.
const ROUNDED: f64 = 1e-14;
/// The part of the largest K_ii up to which it is rounding.
const ROUNDING: f64 = 1.0 / (1u64 << 50) as f64;
/// Features are enough when they leave this part of the trace.
const TRACE: f64 = 1e-12;
/// Features that every row gets; more come where rows cannot be told apart.
const FIRST_RANK: usize = 32;
/// Bytes of the features of a class.
const FEATURE_BYTES: usize = 256 << 20;
/// Rows whose distances σ=auto looks at.
const SIGMA_ROWS: usize = 1000;
/// Pairs of rows up to which the means of all rows are computed with the true kernel.
const ALL_MEANS: usize = 1 << 26;
/// Rows compared by the true kernel at each pick.
const COMPARED: std::ops::RangeInclusive<usize> = 32..=128;
/// Rows compared before the objective is called exhausted.
const COMPARED_LAST: usize = 4096;
/// The part of the largest |μ| by which a row that was not compared may pass the one chosen without a word.
const UNCERTAIN: f64 = 1e-9;

/// Chosen with weights.
#[derive(Clone, Copy, Debug)]
pub struct ProtoDash {
    kernel: Kernel,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kernel {
    Linear,
    Gaussian {
        /// σ, or that of each class.
        sigma: Option<f64>,
        /// The most features, or as many as memory allows.
        rank: Option<usize>,
    },
}

/// What is found for one class.
#[derive(Clone, Debug, Default)]
struct Chosen {
    order: Vec<RowId>,
    /// The objective after each.
    scores: Vec<f64>,
    weights: Vec<f64>,
    /// Picks after which no row could raise the objective.
    exhausted: Option<usize>,
    /// Picks after which no more were allowed.
    capped: Option<usize>,
    /// Picks that are proven to have the largest gradient, if not all are.
    certain: Option<usize>,
    residual: f64,
    sigma: f64,
    trace_error: f64,
    rank: usize,
}

impl ProtoDash {
    /// The prototypes of all classes, as many as `depth` says, or all rows.
    fn choose(&self, run: &Run<'_>, depth: Option<&Allocation>) -> Result<(Ranking, Vec<Vec<f64>>)> {
        let classes = run.data.classes();
        let wanted = |class: ClassId| depth.map_or(classes.rows(class).len(), |a| a.per_class()[class.index()]);
        run.monitor.begin("choosing prototypes", classes.ids().map(|c| wanted(c) as u64).sum());
        let found = run.per_class(|class, rows| match wanted(class) {
            0 => Ok(Chosen::default()),
            count => self.choose_of(run, class, rows, count),
        })?;
        let list = |of: &dyn Fn(&Chosen) -> f64| Value::Floats(found.iter().map(of).collect());
        let after = |of: &dyn Fn(&Chosen) -> Option<usize>| found.iter().map(of).collect::<Vec<_>>();
        let chosen = |p: &Chosen| p.exhausted.or(p.capped).unwrap_or(p.order.len()) as f64;
        let mut diagnostics = crate::selection::Diagnostics::new();
        diagnostics.insert("objective", list(&|p| p.scores.last().copied().unwrap_or(0.0)));
        diagnostics.insert("chosen_by_objective", list(&chosen));
        diagnostics.insert("kkt_residual", Value::Float(found.iter().map(|p| p.residual).fold(0.0, f64::max)));
        if self.kernel != Kernel::Linear {
            diagnostics.insert("sigma", list(&|p| p.sigma));
            diagnostics.insert("feature_rank", list(&|p| p.rank as f64));
            diagnostics.insert("trace_error", list(&|p| p.trace_error));
        }
        let limits = vec![
            BudgetLimit {
                code: "objective-exhausted",
                what: "the kept rows match the mean of their class before the budget is spent, the others follow at \
                       random; so it is of class",
                hint: match self.kernel {
                    Kernel::Linear => "keep fewer rows, or use kernel=gaussian, which sees more than the mean",
                    Kernel::Gaussian { .. } => "keep fewer rows, or use a smaller sigma",
                },
                after: after(&|p| p.exhausted),
            },
            BudgetLimit {
                code: "objective-capped",
                what: "no more than 2048 rows of a class are chosen one by one, the others follow in order of gradient; so \
                       it is of class",
                hint: "keep fewer rows, or use another method for so many",
                after: after(&|p| p.capped),
            },
            BudgetLimit {
                code: "gradients-approximate",
                what: "some rows were chosen among those compared by the kernel itself, while others might have had a \
                       larger gradient; proven are, of class",
                hint: "raise rank, which takes memory, or use a larger sigma",
                after: after(&|p| p.certain),
            },
        ];
        let weights = found.iter().map(|p| p.weights.clone()).collect();
        let orders = found.into_iter().map(|p| (p.order, p.scores)).collect();
        let mut ranking = Ranking::per_class(orders, classes)?;
        (ranking.diagnostics, ranking.budget_limits) = (diagnostics, limits);
        Ok((ranking, weights))
    }

    fn choose_of(&self, run: &Run<'_>, class: ClassId, rows: &[RowId], count: usize) -> Result<Chosen> {
        let own = Group { data: run.data, rows };
        // A target that is the class itself is none: the same bits, by the shorter way.
        let target = run.inputs.target.map(|data| Group { data, rows: data.classes().rows(class) });
        let target = target.filter(|t| !t.equals(&own));
        match self.kernel {
            Kernel::Linear => {
                let (mut space, unit) = Linear::new(&own, target.as_ref());
                greedy(&mut space, run, rows, count, unit)
            }
            Kernel::Gaussian { sigma, rank } => {
                let power = own.power().max(target.as_ref().map_or(i32::MIN, Group::power));
                let scale = power_of_two(-power);
                let points = own.packed(scale);
                let width = match sigma {
                    Some(sigma) => sigma * scale,
                    None => median_distance(run, rows, &points),
                };
                let target = target.map(|t| (t.packed(scale), t.rows.len()));
                let most = rank.unwrap_or_else(|| auto_rank(rows.len()));
                let kernel = Gaussian::new(width);
                let mut space = Rows::new(kernel, points, target, rows.len(), most, ALL_MEANS, || run.step(0))?;
                let found = greedy(&mut space, run, rows, count, Unit { objective: 1.0, weight: 1.0 })?;
                let sigma = sigma.unwrap_or_else(|| width * power_of_two(power));
                Ok(Chosen { sigma, rank: space.features.rank, trace_error: space.features.trace_error, ..found })
            }
        }
    }
}

impl Method for ProtoDash {
    fn ranks(&self) -> Support {
        Support::Yes
    }

    fn order_free(&self) -> bool {
        false
    }

    /// Scores are the objective after each pick.
    fn rank(&self, run: &Run<'_>, depth: Option<&Allocation>) -> Result<Ranking> {
        Ok(self.choose(run, depth)?.0)
    }

    fn reduce(&self, run: &Run<'_>, allocation: &Allocation) -> Result<Reduction> {
        let classes = run.data.classes();
        let (ranking, weights) = self.choose(run, Some(allocation))?;
        let rows: Vec<Vec<RowId>> = ranking.segments().map(<[RowId]>::to_vec).collect();
        let selection = Selection::new(&rows, Some(&weights), classes)?;
        let warnings = ranking.warnings_at(&selection.counts(), classes);
        Ok(Reduction { reduced: Reduced::Rows(selection), diagnostics: ranking.diagnostics, warnings })
    }

    fn memory(&self, shape: &Shape, kept: usize, threads: usize) -> u64 {
        let classes = threads.min(shape.classes).max(1);
        let points = 8 * shape.columns * (classes * shape.largest_class).min(shape.rows);
        let picks = MOST_PICKS.min(kept).min(shape.largest_class);
        // K_SS and its factor, and a row's means, gradients, bounds and places.
        let work = classes * (picks * (picks + 2 * shape.columns) * 8 + 64 * shape.largest_class);
        let features = match self.kernel {
            Kernel::Linear => 0,
            Kernel::Gaussian { rank, .. } => {
                let rank = rank.unwrap_or_else(|| auto_rank(shape.largest_class)).min(shape.largest_class);
                8 * rank * (shape.largest_class + picks) + 4 * SIGMA_ROWS * SIGMA_ROWS.min(shape.largest_class)
            }
        };
        (points + work + classes * features + 32 * shape.rows) as u64
    }
}

/// Features of a class of so many rows: as many as 256 MiB hold, between 64 and 2048.
fn auto_rank(rows: usize) -> usize {
    (FEATURE_BYTES / 8 / rows.max(1)).clamp(64, 2048)
}

/// 2^e, for e from −1022 to 1023.
fn power_of_two(e: i32) -> f64 {
    f64::from_bits(u64::from((e.clamp(-1022, 1023) + 1023).unsigned_abs()) << 52)
}

/// The rows of one class of one table.
struct Group<'a> {
    data: &'a Dataset<'a>,
    rows: &'a [RowId],
}

impl Group<'_> {
    /// The e for which the largest coordinate is in [2^e, 2^(e+1)).
    fn power(&self) -> i32 {
        let mut row = vec![0.0; self.data.columns()];
        let mut largest = 0.0f64;
        for &r in self.rows {
            self.data.points().widen_row(r, &mut row);
            largest = row.iter().fold(largest, |a, v| a.max(v.abs()));
        }
        i32::try_from(largest.to_bits() >> 52).map_or(0, |e| e.max(1) - 1023)
    }

    fn packed(&self, scale: f64) -> Packed<f64> {
        Packed::fill(self.rows.len(), self.data.columns(), |i, out| {
            self.data.points().widen_row(self.rows[i], out);
            out.iter_mut().for_each(|v| *v *= scale);
        })
    }

    /// Whether the rows of both have the same values, one after the other.
    fn equals(&self, other: &Self) -> bool {
        let (mut a, mut b) = (vec![0.0; self.data.columns()], vec![0.0; self.data.columns()]);
        self.rows.len() == other.rows.len()
            && self.rows.iter().zip(other.rows).all(|(&x, &y)| {
                self.data.points().widen_row(x, &mut a);
                other.data.points().widen_row(y, &mut b);
                a == b
            })
    }
}

/// The median of the distances that are not 0, of all pairs of rows or of those of 1000 rows drawn by the seed; 1 if there
/// is none.
fn median_distance(run: &Run<'_>, rows: &[RowId], points: &Packed<f64>) -> f64 {
    let drawn: Vec<usize> = if rows.len() > SIGMA_ROWS {
        random_order(run, rows).into_iter().take(SIGMA_ROWS).collect()
    } else {
        (0..rows.len()).collect()
    };
    let taken: Vec<Vec<f64>> = drawn
        .iter()
        .map(|&i| {
            let mut row = vec![0.0; points.columns()];
            points.copy_row(i, &mut row);
            row
        })
        .collect();
    let pairs = (0..taken.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let mut squares: Vec<f64> =
        pairs.map(|(i, j)| raw::<Euclidean, _, _>(&taken[i], &taken[j])).filter(|&r| r > 0.0).collect();
    if squares.is_empty() {
        return 1.0;
    }
    let half = squares.len() / 2;
    let even = squares.len().is_multiple_of(2);
    let (below, &mut middle, _) = squares.select_nth_unstable_by(half, f64::total_cmp);
    let middle = Euclidean::finish(middle);
    if even { 0.5 * (middle + Euclidean::finish(below.iter().copied().fold(0.0, f64::max))) } else { middle }
}

/// What turns the scaled objective and weights into those of the input.
#[derive(Clone, Copy, Debug)]
struct Unit {
    objective: f64,
    weight: f64,
}

/// The rows chosen so far and their weights.
#[derive(Debug)]
struct Picks {
    rows: Vec<usize>,
    set: ActiveSet,
    taken: Vec<bool>,
}

impl Picks {
    /// The rows with a positive weight, and it.
    fn support(&self) -> Vec<(usize, f64)> {
        self.rows.iter().copied().zip(self.set.weights().iter().copied()).filter(|s| s.1 > 0.0).collect()
    }
}

/// A row's gradient in features, and what its gradient is at most.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    row: usize,
    value: f64,
    high: f64,
}

/// A row that is not taken, its gradient, and whether none can have a larger one (by much).
#[derive(Clone, Copy, Debug)]
struct Leader {
    row: usize,
    gradient: f64,
    certain: bool,
}

/// A kernel over the rows of a class, as the greedy choice needs it.
trait Space {
    /// The largest |μ|.
    fn scale(&self) -> f64;
    /// The largest K_ii.
    fn largest_diagonal(&self) -> f64;
    /// The row whose objective alone is best, or later the one with the largest gradient; of equals the lowest.
    fn leader(&mut self, picks: &Picks, tolerance: f64) -> Option<Leader>;
    /// Takes a row: its mean μ, and its kernel with the rows picked before and with itself.
    fn take(&mut self, row: usize, picks: &Picks) -> (f64, Vec<f64>);
    /// The gradients of the picks at these weights, where they are known better than from K_SS.
    fn precise(&self, picks: &[usize], weights: &[f64]) -> Option<Vec<f64>>;
    /// The gradients of all rows.
    fn gradients(&mut self, picks: &Picks) -> Vec<f64>;
}

/// The larger gradient, of equals the lower row.
fn better(a: (usize, f64), b: (usize, f64)) -> (usize, f64) {
    if b.1 > a.1 || (b.1 == a.1 && b.0 < a.0) { b } else { a }
}

/// The greedy choice of `count` rows.
fn greedy(space: &mut impl Space, run: &Run<'_>, rows: &[RowId], count: usize, unit: Unit) -> Result<Chosen> {
    let scale = space.scale();
    let tolerance = (ZERO * scale).max(ROUNDING * space.largest_diagonal());
    let optimal = (OPTIMAL * scale).max(ROUNDING * space.largest_diagonal());
    let mut picks = Picks { rows: Vec::new(), set: ActiveSet::default(), taken: vec![false; rows.len()] };
    let mut found = Chosen::default();
    while picks.rows.len() < count {
        if picks.rows.len() == MOST_PICKS {
            found.capped = Some(MOST_PICKS);
            break;
        }
        let Some(leader) = space.leader(&picks, tolerance).filter(|l| l.gradient > tolerance) else {
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
        picks.set.push(&row, mean, optimal, known.then_some(&precise as &dyn Fn(&[f64]) -> Vec<f64>));
        found.residual = found.residual.max(if scale > 0.0 { picks.set.residual() / scale } else { 0.0 });
        found.scores.push(picks.set.objective() * unit.objective * unit.objective);
        run.step(1)?;
    }
    found.weights = picks.set.weights().iter().map(|w| (w * unit.weight).min(f64::MAX)).collect();
    found.weights.resize(count, 0.0);
    let mut order = picks.rows.clone();
    if order.len() < count {
        let left = (count - order.len()) as u64;
        let gradients = space.gradients(&picks);
        let gradients: Vec<f64> = gradients.into_iter().map(|g| if g.abs() <= tolerance { 0.0 } else { g }).collect();
        let key = |i: usize| if gradients[i] == 0.0 { run.seed.key(rows[i]) } else { 0 };
        let rest = (0..rows.len()).filter(|&i| !picks.taken[i]);
        let mut rest: Vec<(f64, u64, usize)> = rest.map(|i| (gradients[i], key(i), i)).collect();
        rest.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        order.extend(rest.into_iter().map(|r| r.2).take(count - picks.rows.len()));
        found.scores.resize(count, found.scores.last().copied().unwrap_or(0.0));
        run.step(left)?;
    }
    found.order = order.into_iter().map(|i| rows[i]).collect();
    Ok(found)
}

/// The linear kernel: all happens in the columns.
struct Linear {
    points: Packed<f64>,
    rows: usize,
    /// The mean that is to be matched.
    aim: Vec<f64>,
    /// The coordinates of the picks.
    taken: Vec<f64>,
    /// K_ii, in lanes.
    diagonal: Vec<[f64; LANES]>,
    scale: f64,
}

impl Linear {
    fn new(own: &Group<'_>, target: Option<&Group<'_>>) -> (Self, Unit) {
        let (power, rows, d) = (own.power(), own.rows.len(), own.data.columns());
        let points = own.packed(power_of_two(-power));
        let (aimed, of, aimed_power) = match target {
            None => (None, rows, power),
            Some(t) => (Some(t.packed(power_of_two(-t.power()))), t.rows.len(), t.power()),
        };
        let aim = mean(aimed.as_ref().unwrap_or(&points), of);
        let diagonal = points
            .values()
            .chunks_exact(d)
            .map(|block| {
                let mut sums = [0.0; LANES];
                for column in block {
                    for lane in 0..LANES {
                        sums[lane] += column[lane] * column[lane];
                    }
                }
                sums
            })
            .collect();
        let mut space = Self { points, rows, aim, taken: Vec::new(), diagonal, scale: 0.0 };
        let means = space.products(&space.aim);
        space.scale = means.iter().fold(0.0, |a: f64, m| a.max(m.abs()));
        (space, Unit { objective: power_of_two(aimed_power), weight: power_of_two(aimed_power - power) })
    }

    /// Xv.
    fn products(&self, vector: &[f64]) -> Vec<f64> {
        let mut out = vec![[0.0; LANES]; self.rows.div_ceil(LANES)];
        kernel::add_products(self.points.values(), self.points.columns(), vector, &mut out);
        let mut out = out.into_flattened();
        out.truncate(self.rows);
        out
    }

    /// What the weighted picks leave of the mean.
    fn left(&self, weights: &[f64]) -> Vec<f64> {
        let mut left = self.aim.clone();
        for (point, &weight) in self.taken.chunks_exact(left.len()).zip(weights) {
            if weight != 0.0 {
                left.iter_mut().zip(point).for_each(|(l, x)| *l -= weight * x);
            }
        }
        left
    }
}

impl Space for Linear {
    fn scale(&self) -> f64 {
        self.scale
    }

    fn largest_diagonal(&self) -> f64 {
        self.diagonal.as_flattened().iter().fold(0.0, |a: f64, &k| a.max(k))
    }

    fn leader(&mut self, picks: &Picks, tolerance: f64) -> Option<Leader> {
        let gradients = self.products(&self.left(picks.set.weights()));
        let first = picks.rows.is_empty();
        let value = |i: usize| match gradients[i] {
            g if first && g > tolerance => g * (g / self.diagonal[i / LANES][i % LANES]),
            _ if first => f64::NEG_INFINITY,
            g => g,
        };
        let open = (0..self.rows).filter(|&i| !picks.taken[i]);
        let (row, _) = open.map(|i| (i, value(i))).reduce(better)?;
        Some(Leader { row, gradient: gradients[row], certain: true })
    }

    fn take(&mut self, row: usize, _: &Picks) -> (f64, Vec<f64>) {
        let mut point = vec![0.0; self.aim.len()];
        self.points.copy_row(row, &mut point);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let mean = dot(&point, &self.aim);
        self.taken.extend_from_slice(&point);
        (mean, self.taken.chunks_exact(point.len()).map(|other| dot(&point, other)).collect())
    }

    fn precise(&self, picks: &[usize], weights: &[f64]) -> Option<Vec<f64>> {
        let left = self.left(weights);
        let points = self.taken.chunks_exact(left.len()).take(picks.len());
        Some(points.map(|p| p.iter().zip(&left).map(|(x, l)| x * l).sum()).collect())
    }

    fn gradients(&mut self, picks: &Picks) -> Vec<f64> {
        self.products(&self.left(picks.set.weights()))
    }
}

/// The mean of the first `rows` points, summed in their order.
fn mean(points: &Packed<f64>, rows: usize) -> Vec<f64> {
    let (mut sums, mut row) = (vec![0.0; points.columns()], vec![0.0; points.columns()]);
    for i in 0..rows {
        points.copy_row(i, &mut row);
        sums.iter_mut().zip(&row).for_each(|(s, v)| *s += v);
    }
    sums.iter_mut().for_each(|s| *s /= rows as f64);
    sums
}

/// The Gaussian kernel: gradients in features, decided by the kernel itself.
struct Rows {
    kernel: Gaussian,
    points: Packed<f64>,
    rows: usize,
    /// The points whose mean is to be matched and their number, if they are not the rows.
    target: Option<(Packed<f64>, usize)>,
    features: Features,
    /// μ, in lanes; NaN where it is not known yet.
    means: Vec<[f64; LANES]>,
    /// The mean of the features of the target, if not all means are known.
    aim: Option<Vec<f64>>,
    /// What the features leave of the mean, at most, if not all means are known.
    aim_left: f64,
    scale: f64,
    /// The coordinates of the picks.
    taken: Vec<f64>,
    /// The features of the picks, each as many as there were when last looked at.
    taken_features: Vec<Vec<f64>>,
}

/// Adds the weighted rows to `out`, in their order.
struct Combine<'a> {
    rows: &'a [Vec<f64>],
    weights: &'a [f64],
    out: &'a mut [f64],
}

impl simd::Kernel for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (row, &weight) in self.rows.iter().zip(self.weights) {
            if weight != 0.0 {
                for (sum, value) in self.out.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
        }
    }
}

impl Rows {
    fn new(
        kernel: Gaussian,
        points: Packed<f64>,
        target: Option<(Packed<f64>, usize)>,
        rows: usize,
        rank: usize,
        all_means: usize,
        check: impl Fn() -> Result<()>,
    ) -> Result<Self> {
        let mut features = Features::new(rows, rank);
        features.grow(kernel, &points, FIRST_RANK, TRACE);
        let means = vec![[f64::NAN; LANES]; rows.div_ceil(LANES)];
        let mut space = Self {
            kernel,
            points,
            rows,
            target,
            features,
            means,
            aim: None,
            aim_left: 0.0,
            scale: 0.0,
            taken: vec![],
            taken_features: vec![],
        };
        let of = space.target.as_ref().map_or(rows, |t| t.1);
        let known: Vec<usize> =
            if rows.saturating_mul(of) <= all_means { (0..rows).collect() } else { space.features.pivots.clone() };
        for some in known.chunks(256) {
            check()?;
            space.know(some);
        }
        space.scale = known.iter().map(|&i| space.mean(i)).fold(0.0, f64::max);
        if known.len() < rows {
            space.aim_at_features();
        }
        Ok(space)
    }

    fn mean(&self, row: usize) -> f64 {
        self.means[row / LANES][row % LANES]
    }

    fn points_of(&self, rows: &[usize]) -> Vec<f64> {
        let d = self.points.columns();
        let mut out = vec![0.0; rows.len() * d];
        rows.iter().zip(out.chunks_exact_mut(d)).for_each(|(&r, out)| self.points.copy_row(r, out));
        out
    }

    /// Computes the means of these rows.
    fn know(&mut self, rows: &[usize]) {
        let (target, count) = self.target.as_ref().map_or((&self.points, self.rows), |t| (&t.0, t.1));
        let sums = self.kernel.sums(target, &self.points_of(rows), &kernel::ones(count));
        for (&row, sum) in rows.iter().zip(sums) {
            self.means[row / LANES][row % LANES] = sum / count as f64;
        }
    }

    /// The mean of the features of what is to be matched, and a bound of what they leave of it.
    fn aim_at_features(&mut self) {
        let mut aim = self.aim.take().unwrap_or_default();
        if self.target.is_some() {
            // On its pivots the features are exact: their means are the triangular features of the pivots times the aim.
            let new = self.features.pivots[aim.len()..].to_vec();
            self.know(&new);
            for (j, &pivot) in self.features.pivots.iter().enumerate().skip(aim.len()) {
                let own: Vec<f64> = self.features.row(pivot).collect();
                let known: f64 = own[..j].iter().zip(&aim).map(|(a, b)| a * b).sum();
                aim.push((self.mean(pivot) - known) / own[j]);
            }
            self.aim_left = (1.0 - aim.iter().map(|a| a * a).sum::<f64>()).max(0.0).sqrt();
        } else {
            let (begin, ones) = (aim.len(), kernel::ones(self.rows));
            let of_piece = |(piece, ones): (usize, &[[f64; LANES]])| {
                let mut sums = vec![0.0; self.features.rank - begin];
                for (block, ones) in ones.iter().enumerate() {
                    let columns = &self.features.block(piece * kernel::PIECE + block)[begin..];
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum += column.iter().zip(ones).map(|(v, o)| v * o).sum::<f64>();
                    }
                }
                sums
            };
            let sums: Vec<Vec<f64>> = ones.par_chunks(kernel::PIECE).enumerate().map(of_piece).collect();
            aim.resize(self.features.rank, 0.0);
            for piece in sums {
                aim[begin..].iter_mut().zip(piece).for_each(|(a, s)| *a += s);
            }
            aim[begin..].iter_mut().for_each(|a| *a /= self.rows as f64);
            self.aim_left = self.features.left.as_flattened().iter().map(|l| l.sqrt()).sum::<f64>() / self.rows as f64;
        }
        self.aim = Some(aim);
    }

    /// A quarter more features.
    fn grow(&mut self) {
        let rank = self.features.rank + (self.features.rank / 4).max(FIRST_RANK / 2);
        self.features.grow(self.kernel, &self.points, rank, TRACE);
        if self.aim.is_some() {
            self.aim_at_features();
        }
    }

    /// Gradients in features, in lanes, and how far the part of them that the features leave can reach: a row's error is
    /// at most √E_ii times that.
    fn estimate(&mut self, picks: &Picks) -> (Vec<[f64; LANES]>, f64) {
        for (&row, known) in picks.rows.iter().zip(&mut self.taken_features) {
            if known.len() < self.features.rank {
                known.extend(self.features.row(row).skip(known.len()));
            }
        }
        let mut weighted = vec![0.0; self.features.rank];
        let mut reach = 0.0;
        let mut square = 0.0;
        let residual = |s: usize| self.features.left[s / LANES][s % LANES].sqrt();
        for (&row, &weight) in picks.rows.iter().zip(picks.set.weights()).filter(|p| *p.1 > 0.0) {
            reach += weight * residual(row);
            square += weight * self.mean(row);
        }
        let weights = picks.set.weights();
        simd::run(Combine { rows: &self.taken_features, weights, out: &mut weighted });
        // At the optimum wᵀKw = wᵀμ, and what the features have of it is exact to rounding.
        let explained: f64 = weighted.iter().map(|v| v * v).sum();
        reach = reach.min(((square - explained).max(0.0) + 1e-14 * square).sqrt());
        let (mut out, vector) = match &self.aim {
            None => (self.means.clone(), weighted.iter().map(|w| -w).collect::<Vec<_>>()),
            Some(aim) => {
                (vec![[0.0; LANES]; self.means.len()], aim.iter().zip(&weighted).map(|(a, w)| a - w).collect())
            }
        };
        self.features.add_products(&vector, &mut out);
        (out, reach + self.aim_left)
    }

    /// The best of these rows by the kernel itself.
    fn compare(&mut self, rows: &[usize], picks: &Picks) -> Option<(usize, f64)> {
        let unknown: Vec<usize> = rows.iter().copied().filter(|&r| self.mean(r).is_nan()).collect();
        for some in unknown.chunks(256) {
            self.know(some);
        }
        let support = picks.support();
        if support.is_empty() {
            return rows.iter().map(|&r| (r, self.mean(r))).reduce(better);
        }
        let d = self.points.columns();
        let points = Packed::fill(support.len(), d, |i, out| self.points.copy_row(support[i].0, out));
        let mut weights = vec![[0.0; LANES]; support.len().div_ceil(LANES)];
        support.iter().enumerate().for_each(|(i, s)| weights[i / LANES][i % LANES] = s.1);
        let parts: Vec<Vec<f64>> =
            rows.par_chunks(16).map(|some| self.kernel.sums(&points, &self.points_of(some), &weights)).collect();
        rows.iter().zip(parts.concat()).map(|(&r, sum)| (r, self.mean(r) - sum)).reduce(better)
    }
}

impl Space for Rows {
    fn scale(&self) -> f64 {
        self.scale
    }

    fn largest_diagonal(&self) -> f64 {
        1.0
    }

    fn leader(&mut self, picks: &Picks, tolerance: f64) -> Option<Leader> {
        loop {
            let (estimates, reach) = self.estimate(picks);
            let rounding = ROUNDED * self.scale;
            let open = (0..self.rows).filter(|&row| !picks.taken[row]);
            let mut open: Vec<Estimate> = open
                .map(|row| {
                    let (block, lane) = (row / LANES, row % LANES);
                    let bound = self.features.left[block][lane].sqrt() * reach + rounding;
                    Estimate { row, value: estimates[block][lane], high: estimates[block][lane] + bound }
                })
                .collect();
            let low = open.iter().map(|o| o.value - (o.high - o.value)).fold(f64::NEG_INFINITY, f64::max);
            let reaching = open.iter().filter(|o| o.high >= low).count();
            if reaching > *COMPARED.end() && !self.features.complete {
                self.grow();
                continue;
            }
            // Few enough: all that could lead, by upper bounds. Too many: the likeliest, by estimates.
            let all = reaching <= *COMPARED.end();
            let key = |o: &Estimate| if all { o.high } else { o.value };
            let descending = |a: &Estimate, b: &Estimate| key(b).total_cmp(&key(a)).then(a.row.cmp(&b.row));
            let count = reaching.clamp(*COMPARED.start(), *COMPARED.end()).min(open.len());
            if count < open.len() {
                open.select_nth_unstable_by(count, descending);
            }
            let mut rest = open.split_off(count);
            let rows = |some: &[Estimate]| some.iter().map(|o| o.row).collect::<Vec<_>>();
            let mut best = self.compare(&rows(&open), picks)?;
            let mut highest = rest.iter().map(|o| o.high).fold(f64::NEG_INFINITY, f64::max);
            if best.1 <= tolerance && highest > tolerance {
                // Before the objective is called exhausted, all is done to find a row that could still raise it.
                if !self.features.complete {
                    self.grow();
                    continue;
                }
                rest.sort_unstable_by(|a, b| b.high.total_cmp(&a.high).then(a.row.cmp(&b.row)));
                let (last, beyond) = rest.split_at(COMPARED_LAST.min(rest.len()));
                best = self.compare(&rows(last), picks).map_or(best, |b| better(best, b));
                highest = beyond.first().map_or(f64::NEG_INFINITY, |o| o.high);
            }
            let certain = highest <= best.1 + UNCERTAIN * self.scale;
            return Some(Leader { row: best.0, gradient: best.1, certain });
        }
    }

    fn take(&mut self, row: usize, _: &Picks) -> (f64, Vec<f64>) {
        let point = self.points_of(&[row]);
        self.taken.extend_from_slice(&point);
        self.taken_features.push(Vec::new());
        let d = point.len();
        let others = self.taken.chunks_exact(d);
        let value = |other: &[f64]| kernel::exp_minus(self.kernel.rate * raw::<Euclidean, _, _>(&point, other));
        (self.mean(row), others.map(value).collect())
    }

    fn precise(&self, _: &[usize], _: &[f64]) -> Option<Vec<f64>> {
        None
    }

    fn gradients(&mut self, picks: &Picks) -> Vec<f64> {
        let mut out = self.estimate(picks).0.into_flattened();
        out.truncate(self.rows);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Inputs;
    use crate::{Budget, Classes, EmptyClasses, Matrix, Quiet, Reducer, Seed};
    use proptest::prelude::*;

    /// K between all rows, and μ, by their definitions.
    fn dense(rows: &[&[f64]], target: &[&[f64]], sigma: Option<f64>) -> (Vec<Vec<f64>>, Vec<f64>) {
        let k = |a: &[f64], b: &[f64]| match sigma {
            None => a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>(),
            Some(s) => (-raw::<Euclidean, _, _>(a, b) / (2.0 * s * s)).exp(),
        };
        let table = rows.iter().map(|a| rows.iter().map(|b| k(a, b)).collect()).collect();
        let mean = |a: &&[f64]| target.iter().map(|b| k(a, b)).sum::<f64>() / target.len() as f64;
        (table, rows.iter().map(mean).collect())
    }

    /// Every step against the definition: K in full, the optimality conditions, and the largest gradient. The twin.
    fn check_steps(values: &[f64], aim: Option<&[f64]>, d: usize, params: &[(&str, &str)], sigma: Option<f64>) {
        let given: Vec<_> = params.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
        let reducer = Reducer::new("protodash", &given).expect("valid");
        let data =
            |values: &'_ [f64]| -> (usize, Vec<f64>) { (values.len() / d, values[..values.len() / d * d].to_vec()) };
        let (n, values) = data(values);
        let (n_aim, aim) = data(aim.unwrap_or(&values));
        let own =
            Dataset::new(Matrix::new(&values, n, d).expect("shape"), Classes::one(n).expect("few")).expect("sound");
        let other = Dataset::new(Matrix::new(&aim, n_aim, d).expect("shape"), Classes::one(n_aim).expect("few"));
        let other = other.expect("sound");
        let rows: Vec<&[f64]> = values.chunks_exact(d).collect();
        let aims: Vec<&[f64]> = aim.chunks_exact(d).collect();
        let (k, u) = dense(&rows, &aims, sigma);
        let scale = u.iter().fold(0.0f64, |a, m| a.max(m.abs()));
        let diagonal = (0..n).map(|i| k[i][i]).fold(0.0, f64::max);
        let zero = 1e-9 * scale + 1e-13 * diagonal;
        let ranking = reducer
            .rank_with(&own, &Inputs { target: Some(&other), ..Inputs::default() }, None, Seed(3), &Quiet)
            .expect("ranks");
        let chosen = match ranking.diagnostics.get("chosen_by_objective") {
            Some(Value::Floats(counts)) => counts[0] as usize,
            other => panic!("{other:?}"),
        };
        let mut gradients = u.clone();
        let mut best = 0.0;
        for (place, row) in ranking.rows().iter().map(|r| r.index()).enumerate() {
            let before: Vec<usize> = ranking.rows()[..place].iter().map(|r| r.index()).collect();
            let open = (0..n).filter(|i| !before.contains(i));
            let largest = open.clone().map(|i| gradients[i]).fold(f64::NEG_INFINITY, f64::max);
            if place >= chosen {
                assert!(largest <= zero, "place {place}: a gradient of {largest:e} of {scale:e} is left");
                break;
            }
            if place == 0 {
                let gain = |i: usize| if u[i] > 0.0 { u[i] * u[i] / (2.0 * k[i][i]) } else { 0.0 };
                let largest = open.map(gain).fold(0.0, f64::max);
                assert!(gain(row) >= largest * (1.0 - 1e-9), "the first pick");
            } else {
                assert!(gradients[row] >= largest - zero, "place {place}: {:e} and not {largest:e}", gradients[row]);
            }
            let count = Budget::Count(place + 1);
            let kept = reducer
                .reduce_with(
                    &own,
                    &Inputs { target: Some(&other), ..Inputs::default() },
                    &count,
                    EmptyClasses::Forbid,
                    Seed(3),
                    &Quiet,
                )
                .expect("reduces");
            let kept = kept.reduced.rows().expect("rows").clone();
            assert_eq!(kept.rows(), &ranking.rows()[..=place]);
            let weights = kept.weights().expect("weights");
            let picks: Vec<usize> = kept.rows().iter().map(|r| r.index()).collect();
            let of = |i: usize| -> f64 { picks.iter().zip(weights).map(|(&p, w)| w * k[i][p]).sum() };
            gradients = (0..n).map(|i| u[i] - of(i)).collect();
            for (&p, &w) in picks.iter().zip(weights) {
                let off = if w > 0.0 { gradients[p].abs() } else { gradients[p] };
                assert!(w >= 0.0 && off <= zero, "place {place}: not optimal at {p}: w = {w}, g = {off:e}");
            }
            let objective: f64 = picks.iter().zip(weights).map(|(&p, w)| w * (u[p] - 0.5 * of(p))).sum();
            let near = 1e-9 * objective.abs().max(scale * scale / diagonal);
            assert!((objective - ranking.scores()[place]).abs() <= near, "place {place}: the score");
            assert!(ranking.scores()[place] >= best - near, "place {place}: the objective fell");
            best = ranking.scores()[place];
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

        /// Grids make duplicates and ties; shifts make every sign of μ.
        #[test]
        fn every_step_is_that_of_the_definition(
            (d, values) in (1usize..6).prop_flat_map(|d| (Just(d), prop::collection::vec(-1.0f64..1.0, d..d * 40))),
            grid in any::<bool>(), shift in -1.0f64..1.0, sigma in 0.2f64..2.0, towards in any::<bool>(), rank in 1usize..60,
        ) {
            let values: Vec<f64> =
                values.iter().map(|v| if grid { (v * 2.0).round() } else { *v } + shift).collect();
            let aim: Vec<f64> = values.iter().rev().take(values.len() / d / 2 * d).map(|v| 0.3 + v).collect();
            let aim = (towards && aim.len() >= d).then_some(&aim[..]);
            check_steps(&values, aim, d, &[("kernel", "linear")], None);
            // However few the features are, all of so few rows are compared by the kernel itself.
            let (sigma_text, rank) = (format!("{sigma}"), format!("{rank}"));
            check_steps(&values, aim, d, &[("sigma", &sigma_text), ("rank", &rank)], Some(sigma));
        }
    }

    /// Means on demand and the aim in features give the picks that all means give.
    #[test]
    fn means_on_demand_change_no_clear_pick() {
        let n = 700;
        let values: Vec<f64> = (0..n * 2).map(|i| ((i * i) as f64 * 0.37).sin() + (i as f64 * 0.11).cos()).collect();
        let points = || Packed::fill(n, 2, |i, out| out.copy_from_slice(&values[2 * i..][..2]));
        let aims: Vec<f64> = values.iter().map(|v| v * 0.8 + 0.1).collect();
        let aim = || Packed::fill(n, 2, |i, out| out.copy_from_slice(&aims[2 * i..][..2]));
        let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
        let classes = Classes::one(n).expect("few");
        let data = Dataset::new(Matrix::new(&values, n, 2).expect("shape"), classes).expect("sound");
        let run = Run { data: &data, inputs: Inputs::default(), seed: Seed(0), monitor: &Quiet };
        for target in [false, true] {
            let found = [1 << 26, 0].map(|most| {
                let target = target.then(|| (aim(), n));
                let mut space = Rows::new(Gaussian::new(0.8), points(), target, n, n, most, || Ok(())).expect("runs");
                greedy(&mut space, &run, &rows, 20, Unit { objective: 1.0, weight: 1.0 }).expect("runs")
            });
            assert_eq!(found[0].order, found[1].order);
            for (a, b) in found[0].scores.iter().zip(&found[1].scores) {
                assert!((a - b).abs() <= 1e-13 * a);
            }
        }
    }

    #[test]
    fn sigma_is_the_median_of_the_distances_that_are_not_zero() {
        let values = [0.0, 0.0, 1.0, 3.0, 7.0];
        let rows: Vec<RowId> = (0..5).map(RowId::at).collect();
        let data =
            Dataset::new(Matrix::new(&values, 5, 1).expect("shape"), Classes::one(5).expect("few")).expect("sound");
        let run = Run { data: &data, inputs: Inputs::default(), seed: Seed(0), monitor: &Quiet };
        // 1 1 2 3 3 4 6 7 7: the pair of zeros is no distance.
        let points = Packed::fill(5, 1, |i, out| out[0] = values[i]);
        assert_eq!(median_distance(&run, &rows, &points), 3.0);
        assert_eq!(median_distance(&run, &rows[..3], &points), 1.0);
        assert_eq!(median_distance(&run, &rows[..2], &points), 1.0);
    }

    #[test]
    fn what_would_not_be_heard_is_refused() {
        for (name, value) in [("sigma", "2"), ("rank", "5")] {
            let given = [("kernel", "linear"), (name, value)].map(|(n, v)| (n.to_owned(), Value::Text(v.into())));
            let error = Reducer::new("prd", &given).expect_err("refused");
            assert!(matches!(error, crate::Error::BadParameter { name: n, .. } if n == name), "{error:?}");
        }
    }
}
