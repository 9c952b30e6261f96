//! **ProtoDash** (PRD): prototypes with weights.
//!
//! Problem: choose rows S of a class, |S| ≤ m, with weights w ≥ 0, so that the weighted rows have the same mean
//! embedding under a kernel k as the class (or as the same class of another table, the *target*): maximise
//!
//! f(w) = μᵀw − ½ wᵀK w, where K_ij = k(x_i, x_j) and μ_i is the mean of k(x_i, ·) over the class or the target,
//!
//! which is ½‖mean‖² − ½‖mean − Σ w_s φ(x_s)‖² in feature space. Kernels: `gaussian` exp(−‖x − y‖² / 2σ²), `linear`
//! xᵀy.
//!
//! The first row is the one that maximises the objective alone, μ_i² / 2K_ii. Then, repeatedly, the row with the
//! largest gradient g_i = μ_i − (K w)_i is added (ties to the lowest row id), and w is optimised over all rows chosen
//! so far, by an active-set method whose Cholesky factor is extended and repaired (`nnls.rs`). After every pick, the
//! optimality conditions hold to rounding: on S, |g| where w > 0 and g where w = 0 are at most about 10⁻¹³ of max |μ|.
//! The largest violation is reported (`kkt_residual`, relative; tests keep it below 10⁻⁸). The score of a pick is the
//! objective after it. Weights belong to one budget and come with `reduce`.
//!
//! If no gradient is above 10⁻¹⁰ of max |μ| (or above 2⁻⁵⁰ of the largest K_ii, below which everything is rounding),
//! the objective is exhausted: another row can only change its last digit. Then the weights stay, and the remaining
//! rows follow in order of gradient. Rows whose gradient is zero by this measure, which the objective cannot
//! distinguish, follow in order of hash(seed, row id). With the linear kernel, the objective is exhausted after about
//! as many rows as there are columns, because then the mean is matched exactly.
//!
//! ```math
//! f(w) = \mu^\top w - \tfrac12\, w^\top K w, \qquad w \ge 0, \quad |\{ i : w_i > 0 \}| \le m
//! ```
//!
//! Cost, linear kernel: O(n·d) per pick and at most a few d picks. All computations are in the d columns; the support
//! is ≤ d. Gaussian kernel: no n × n and no n × m table is made. The rows get r features (pivoted Cholesky,
//! `kernel.rs`). It starts with a few features and adds more while too many rows are possible candidates, until the
//! features explain all but 10⁻¹² of the trace or r reaches `rank`: O(n·r·(r + d)). A pick computes gradients in
//! features in O(n·r); their error for row i is at most √E_ii·‖Σ w_s e_s‖ (E is what the features leave of K, e_s is
//! that of row s). The rows whose upper bound exceeds the best lower bound, at least 32 and at most 128, are compared
//! with the true kernel, and weights are solved on the true K_SS. If more than 128 rows exceed it and r is at its
//! limit, the choice is the best of the 128 most likely rows, and a warning reports the first such pick
//! (`gradients-approximate`). The means μ are those of the true kernel wherever they decide: of all rows up to 2²⁶
//! pairs, above that of the rows that are compared (then the error of the mean in features, at most the mean of √E_jj,
//! is added to the bound). At most 2,048 rows are chosen by the objective. The others follow in order of the gradients
//! in features, as when the objective is exhausted.
//!
//! By default, if the picks of a class need at most 256 MiB as features (and the means of its rows at most 2²⁶ pairs), the picks
//! themselves are the pivots (`orthogonal.rs`). Then every gradient is that of the true kernel, a pick is one more column, and its row
//! of the features is the next row of the factor of K_SS: O(n·s·(s + d)) for s picks, in blocks of rows that are left out as long
//! as a bound says that they cannot lead.
//!
//! Coordinates are scaled by a power of two, which does not change any order. Linear objectives are in squared units of
//! the input: finite up to the largest possible coordinates, and 0 if they are below the smallest number.
//!
//! Guarantee: f(w) ≥ (1 − e^(−γ))·f*, where γ is the ratio of restricted strong concavity to smoothness of f (weak
//! submodularity; Gurumoorthy et al., theorem IV.3), and the weights are optimal for the chosen rows.
//!
//! Departures from the paper's code (AIX360): in that code, the first remaining row never wins while others remain; the
//! solver stops at 10⁻⁴, so the order soon becomes noise; weights are capped at 10⁴; and the wrapper used here never
//! passes the kernel on, so its "Gaussian" is linear. It also continues in file order when the objective is exhausted.
//! Files are often sorted by a feature; then a prefix in file order is a biased sample, while a prefix in hash order is
//! a random one.
//!
//! Wins when a few weighted rows should represent a class, or the class of another table, and the training can use the
//! weights.
//!
//! Loses when many rows are kept: after the objective is exhausted, the remaining rows are as good as random. Before
//! that, the Gaussian kernel can cost more than the training. The linear kernel depends only on means, and is exhausted
//! after about d rows.

mod gaussian;
mod greedy;
mod linear;
mod orthogonal;

use leanset_problem::{setting, text};

use self::gaussian::{ALL_MEANS, GaussianSpace, auto_rank};
use self::greedy::{Chosen, MOST_PICKS, Unit, greedy};
use self::linear::Linear;
use super::settings::{parameters, words};
use super::width::{self, SIGMA_ROWS, median_distance, power_of_two};
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::Packed;
use crate::kernel::Gaussian;
use crate::params::{Kind, Value};
use crate::selection::{BudgetLimit, Diagnostics};
use crate::{Allocation, ClassId, Dataset, Look, Ranking, Reduced, Reduction, Result, RowId, Selection, Shape};

words! {
    /// How alike two rows are.
    pub enum Kernel {
        /// exp(−‖x − y‖²/2σ²).
        Gaussian = "gaussian",
        /// xᵀy.
        Linear = "linear",
    }
}

parameters! {
    /// The parameters of ProtoDash.
    ///
    /// ```
    /// use leanset_core::methods::proto_dash::{Kernel, ProtoDash};
    /// let reducer = ProtoDash::default().sigma(0.5).reducer()?;
    /// assert_eq!(reducer.params().float("sigma"), Some(0.5));
    /// // The linear kernel has no width: parameters are checked together, wherever they come from.
    /// assert!(ProtoDash::default().kernel(Kernel::Linear).sigma(0.5).reducer().is_err());
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct ProtoDash;

    kernel: Kernel = {
        kind: Kind::Choice(Kernel::WORDS),
        default: "gaussian",
        doc: "The similarity of two rows: exp(−‖x − y‖²/2σ²), or xᵀy, which depends only on the mean of a class.",
    }

    sigma: f64 = {
        kind: Kind::Or(&["auto"], &Kind::Float { min: 0.0, max: f64::MAX, open: true }),
        default: "auto",
        doc: "σ of the Gaussian kernel; auto: for each class the median of the nonzero Euclidean distances between its \
                  rows, over 1000 rows drawn by the seed if it has more.",
    }

    rank: usize = {
        kind: Kind::Or(&["auto"], &Kind::Int { min: 1, max: 1 << 20 }),
        default: "auto",
        doc: "The largest number of features per row for the Gaussian kernel; auto: 2048, but fewer (at least 64) if \
                  the features of a class would need more than 256 MiB.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "protodash",
    aliases: &["prd", "proto-dash"],
    title: "ProtoDash (prototypes with weights)",
    family: Family::Statistic,
    summary: "Keeps rows with non-negative weights that together match the mean of their class under a kernel, or that of a target table.",
    params: PARAMS,
    cost: "gaussian: O(n·r·(r + d + m)) for r features, and O(s³) for s ≤ 2048 rows chosen by the objective; linear: \
           O(n·d) per pick, about d picks",
    memory: "gaussian: r features per row (at most 256 MiB per class by default) and a copy of each class that is being \
             processed, and 64 MiB for weights; linear: a copy of the class",
    guarantee: "objective at least 1 − e^(−γ) of the best (weak submodularity); weights optimal for the chosen rows, to \
                rounding; nested over ratios; ties to the lowest row id",
    reference: "Gurumoorthy, Dhurandhar, Cecchi & Aggarwal, ICDM 2019, arXiv:1707.01212",
    departures: "optimal weights instead of a solver that stops at 10⁻⁴; every row can be chosen (in AIX360 the first \
                 remaining row never wins); rows that the objective cannot distinguish follow by hash(seed, row id), not \
                 in file order, a prefix of which would be a biased sample; at most 2048 rows of a class are chosen by the \
                 objective",
    capabilities: Capabilities {
        weights: Support::Yes,
        seeded: Support::When("the objective cannot distinguish rows, or sigma=auto and a class has over 1000 rows"),
        target: Support::Yes,
        ..Capabilities::DEFAULT
    },
    variants: &[&[("kernel", "linear")], &[("rank", "16")]],
    build: |params| {
        let (sigma, rank) = (params.float("sigma"), params.count("rank"));
        let space = match Kernel::of(params, "kernel") {
            Kernel::Linear if sigma.is_some() => {
                return Err(params.refuse("sigma", "auto with kernel=linear, which has no width"));
            }
            Kernel::Linear if rank.is_some() => {
                return Err(params.refuse("rank", "auto with kernel=linear, whose features are the columns"));
            }
            Kernel::Linear => Configured::Linear,
            Kernel::Gaussian => Configured::Gaussian { sigma, rank },
        };
        Ok(Box::new(space))
    },
};

/// The method with checked parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Configured {
    Linear,
    Gaussian {
        /// σ, or that of each class.
        sigma: Option<f64>,
        /// The most features, or as many as memory allows.
        rank: Option<usize>,
    },
}

impl Configured {
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
        let mut diagnostics = Diagnostics::new();
        diagnostics.insert("objective", list(&|p| p.scores.last().copied().unwrap_or(0.0)));
        diagnostics.insert("chosen_by_objective", list(&chosen));
        diagnostics.insert("kkt_residual", Value::Float(found.iter().map(|p| p.residual).fold(0.0, f64::max)));
        if *self != Self::Linear {
            diagnostics.insert("sigma", list(&|p| p.sigma));
            diagnostics.insert("feature_rank", list(&|p| p.rank as f64));
            diagnostics.insert("trace_error", list(&|p| p.trace_error));
        }
        let narrower = match self {
            Self::Linear => text![
                "keep fewer rows, or use ",
                setting::PARAM.to("kernel=gaussian"),
                ", which uses more than the mean"
            ],
            Self::Gaussian { .. } => "keep fewer rows, or use a smaller sigma".into(),
        };
        let budget_limits = vec![
            BudgetLimit {
                code: "objective-exhausted".into(),
                message:
                    "the kept rows match the mean of their class before the budget is spent, the others follow at \
                          random; so it is of class"
                        .into(),
                hint: narrower,
                after: after(&|p| p.exhausted),
            },
            BudgetLimit {
                code: "objective-capped".into(),
                message: "no more than 2048 rows of a class are chosen one by one, the others follow in order of \
                          gradient; so it is of class"
                    .into(),
                hint: "keep fewer rows, or use another method for so many".into(),
                after: after(&|p| p.capped),
            },
            BudgetLimit {
                code: "gradients-approximate".into(),
                message:
                    "some rows were chosen among those compared by the kernel itself, while others might have had a \
                          larger gradient; proven are, of class"
                        .into(),
                hint: "raise rank, which takes memory, or use a larger sigma".into(),
                after: after(&|p| p.certain),
            },
        ];
        let weights = found.iter().map(|p| p.weights.clone()).collect();
        let orders = found.into_iter().map(|p| (p.order, p.scores)).collect();
        let mut ranking = Ranking::per_class(orders, classes)?;
        (ranking.diagnostics, ranking.budget_limits) = (diagnostics, budget_limits);
        Ok((ranking, weights))
    }

    fn choose_of(&self, run: &Run<'_>, class: ClassId, rows: &[RowId], count: usize) -> Result<Chosen> {
        let look: Look<'_> = &|| run.step(0);
        let own = Group { data: run.data, rows };
        // A target that is the class itself is none: the same bits, by the shorter way.
        let target = run.inputs.target.map(|data| Group { data, rows: data.classes().rows(class) });
        let target = target.filter(|t| !t.equals(&own));
        match *self {
            Self::Linear => {
                let (mut space, unit) = Linear::new(&own, target.as_ref(), look)?;
                greedy(&mut space, run, rows, count, unit)
            }
            Self::Gaussian { sigma, rank } => {
                let power = own.power().max(target.as_ref().map_or(i32::MIN, Group::power));
                let scale = power_of_two(-power);
                let points = own.packed(scale, look)?;
                let width = match sigma {
                    Some(sigma) => sigma * scale,
                    None => median_distance(run, rows, |i, row| points.copy_row(i, row))?,
                };
                let target = match target {
                    Some(t) => Some((t.packed(scale, look)?, t.rows.len())),
                    None => None,
                };
                let kernel = Gaussian::new(width);
                let columns = orthogonal::columns(rows.len(), count, target.as_ref().map_or(rows.len(), |t| t.1));
                if let Some(columns) = columns.filter(|_| rank.is_none()) {
                    let found = orthogonal::choose(run, kernel, points, target, rows, count, columns)?;
                    return Ok(Chosen { sigma: sigma.unwrap_or_else(|| width * power_of_two(power)), ..found });
                }
                let most = rank.unwrap_or_else(|| auto_rank(rows.len()));
                let mut space = GaussianSpace::new(kernel, points, target, rows.len(), most, ALL_MEANS, look)?;
                let found = greedy(&mut space, run, rows, count, Unit { objective: 1.0, weight: 1.0 })?;
                let sigma = sigma.unwrap_or_else(|| width * power_of_two(power));
                Ok(Chosen { sigma, rank: space.features.rank, trace_error: space.features.trace_error, ..found })
            }
        }
    }
}

impl Method for Configured {
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
        let features = match *self {
            Self::Linear => 0,
            Self::Gaussian { rank, .. } => {
                let largest = shape.largest_class;
                // Where features by the picks fit, there are no others; the target is taken to be as large as the class.
                let columns = orthogonal::columns(largest, picks.max(1), largest);
                let rank = rank.or(columns).unwrap_or_else(|| auto_rank(largest)).min(largest);
                8 * rank * (shape.largest_class + picks) + 4 * SIGMA_ROWS * SIGMA_ROWS.min(shape.largest_class)
            }
        };
        (points + work + classes * features + 32 * shape.rows) as u64
    }
}

/// The rows of one class of one table.
struct Group<'a> {
    data: &'a Dataset<'a>,
    rows: &'a [RowId],
}

impl Group<'_> {
    fn power(&self) -> i32 {
        width::power(self.data, self.rows)
    }

    fn packed(&self, scale: f64, look: Look<'_>) -> Result<Packed<f64>> {
        width::packed(self.data, self.rows, scale, look)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Inputs;
    use crate::distance::{Euclidean, raw};
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

    /// Every step against the definition: K in full, the optimality conditions, and the largest gradient.
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
        fn greedy_steps_are_those_of_the_definition(
            (d, values) in (1usize..6).prop_flat_map(|d| (Just(d), prop::collection::vec(-1.0f64..1.0, d..d * 40))),
            grid in any::<bool>(), shift in -1.0f64..1.0, sigma in 0.2f64..2.0, with_target in any::<bool>(), rank in 1usize..60,
        ) {
            let values: Vec<f64> =
                values.iter().map(|v| if grid { (v * 2.0).round() } else { *v } + shift).collect();
            let aim: Vec<f64> = values.iter().rev().take(values.len() / d / 2 * d).map(|v| 0.3 + v).collect();
            let aim = (with_target && aim.len() >= d).then_some(&aim[..]);
            check_steps(&values, aim, d, &[("kernel", "linear")], None);
            // However few the features are, all of so few rows are compared by the kernel itself.
            let (sigma_text, rank) = (format!("{sigma}"), format!("{rank}"));
            check_steps(&values, aim, d, &[("sigma", &sigma_text), ("rank", &rank)], Some(sigma));
            check_steps(&values, aim, d, &[("sigma", &sigma_text)], Some(sigma));
        }
    }

    /// Features by the picks and features by pivots of their own give the same picks, weights and objectives.
    #[test]
    fn orthogonal_picks_are_those_of_features() {
        let (n, d, count) = (1100, 4, 300);
        let values: Vec<f64> =
            (0..n * d).map(|i| Seed(5).unit(RowId::at(i)) + f64::from(u8::from(i % 7 == 0))).collect();
        let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
        let classes = Classes::one(n).expect("few");
        let data = Dataset::new(Matrix::new(&values, n, d).expect("shape"), classes).expect("sound");
        let run = Run { data: &data, inputs: Inputs::default(), seed: Seed(0), monitor: &Quiet };
        // Some rows several times: of equal gradients the lowest row is taken.
        let values: Vec<f64> =
            (0..n).flat_map(|i| values[d * (if i % 5 == 0 { n - 1 - i } else { i })..][..d].to_vec()).collect();
        let fill = |of: &dyn Fn(usize, &mut [f64])| Packed::fill(n, d, of, &|| Ok(())).expect("nobody stops it");
        let points = || fill(&|i, out| out.copy_from_slice(&values[d * i..][..d]));
        for (sigma, with_target) in [(0.4, false), (0.4, true), (0.1, false)] {
            let kernel = Gaussian::new(sigma);
            let target = || with_target.then(|| (fill(&|i, out| points().copy_row(i / 3, out)), n));
            let columns = orthogonal::columns(n, count, n).expect("few");
            let choose = || orthogonal::choose(&run, kernel, points(), target(), &rows, count, columns).expect("runs");
            let on =
                |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(choose);
            let (own, by_threads) = (on(1), on(3));
            assert_eq!(
                (&own.order, &own.scores, &own.weights),
                (&by_threads.order, &by_threads.scores, &by_threads.weights)
            );
            let space = GaussianSpace::new(kernel, points(), target(), n, n, ALL_MEANS, &|| Ok(()));
            let mut space = space.expect("runs");
            let other = greedy(&mut space, &run, &rows, count, Unit { objective: 1.0, weight: 1.0 }).expect("runs");
            assert_eq!(own.order[..100], other.order[..100]);
            assert!(own.residual < 1e-12, "{:e}", own.residual);
            for (one, other) in own.scores.iter().zip(&other.scores) {
                assert!((one - other).abs() <= 1e-12 * other, "{one} and {other}");
            }
        }
    }

    /// Means on demand and the aim in features give the picks that all means give.
    #[test]
    fn means_on_demand_give_the_same_picks() {
        let n = 700;
        let values: Vec<f64> = (0..n * 2).map(|i| ((i * i) as f64 * 0.37).sin() + (i as f64 * 0.11).cos()).collect();
        let fill = |of: &dyn Fn(usize, &mut [f64])| Packed::fill(n, 2, of, &|| Ok(())).expect("nobody stops it");
        let points = || fill(&|i, out| out.copy_from_slice(&values[2 * i..][..2]));
        let aims: Vec<f64> = values.iter().map(|v| v * 0.8 + 0.1).collect();
        let aim = || fill(&|i, out| out.copy_from_slice(&aims[2 * i..][..2]));
        let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
        let classes = Classes::one(n).expect("few");
        let data = Dataset::new(Matrix::new(&values, n, 2).expect("shape"), classes).expect("sound");
        let run = Run { data: &data, inputs: Inputs::default(), seed: Seed(0), monitor: &Quiet };
        for target in [false, true] {
            let found = [1 << 26, 0].map(|most| {
                let target = target.then(|| (aim(), n));
                let mut space =
                    GaussianSpace::new(Gaussian::new(0.8), points(), target, n, n, most, &|| Ok(())).expect("runs");
                greedy(&mut space, &run, &rows, 20, Unit { objective: 1.0, weight: 1.0 }).expect("runs")
            });
            assert_eq!(found[0].order, found[1].order);
            for (a, b) in found[0].scores.iter().zip(&found[1].scores) {
                assert!((a - b).abs() <= 1e-13 * a);
            }
        }
    }

    #[test]
    fn median_distance_leaves_out_zeros() {
        let values = [0.0, 0.0, 1.0, 3.0, 7.0];
        let rows: Vec<RowId> = (0..5).map(RowId::at).collect();
        let data =
            Dataset::new(Matrix::new(&values, 5, 1).expect("shape"), Classes::one(5).expect("few")).expect("sound");
        let run = Run { data: &data, inputs: Inputs::default(), seed: Seed(0), monitor: &Quiet };
        // 1 1 2 3 3 4 6 7 7: the pair of zeros is no distance.
        let copy = |i: usize, out: &mut [f64]| out[0] = values[i];
        assert_eq!(median_distance(&run, &rows, copy), Ok(3.0));
        assert_eq!(median_distance(&run, &rows[..3], copy), Ok(1.0));
        assert_eq!(median_distance(&run, &rows[..2], copy), Ok(1.0));
    }

    /// So narrow a kernel is never exhausted: rows past the cap follow the picks, each once, with a warning.
    #[test]
    fn reduce_goes_on_past_the_most_picks() {
        let (n, count) = (MOST_PICKS + 52, MOST_PICKS + 20);
        let values: Vec<f64> = (0..n * 2).map(|i| ((i * i) as f64 * 0.37).sin() + (i as f64 * 0.11).cos()).collect();
        let classes = Classes::one(n).expect("few");
        let data = Dataset::new(Matrix::new(&values, n, 2).expect("shape"), classes).expect("sound");
        let reducer = ProtoDash::default().sigma(1e-4).rank(16).reducer().expect("valid");
        let kept = reducer.reduce(&data, &Budget::Count(count), EmptyClasses::Forbid, Seed(0), &Quiet);
        let kept = kept.expect("reduces");
        assert_eq!(kept.diagnostics["chosen_by_objective"], Value::Floats(vec![MOST_PICKS as f64]));
        assert_eq!(kept.warnings[0].code, "objective-capped");
        let selection = kept.reduced.rows().expect("rows");
        let distinct: std::collections::HashSet<&RowId> = selection.rows().iter().collect();
        assert_eq!((distinct.len(), selection.rows().len()), (count, count));
        let weights = selection.weights().expect("weights");
        assert!(weights[..MOST_PICKS].iter().all(|w| *w > 0.0) && weights[MOST_PICKS..].iter().all(|w| *w == 0.0));
    }

    #[test]
    fn build_refuses_parameters_that_would_be_ignored() {
        for (name, value) in [("sigma", "2"), ("rank", "5")] {
            let given = [("kernel", "linear"), (name, value)].map(|(n, v)| (n.to_owned(), Value::Text(v.into())));
            let error = Reducer::new("prd", &given).expect_err("refused");
            assert!(matches!(error, crate::Error::BadParameter { name: n, .. } if n == name), "{error:?}");
        }
    }
}
