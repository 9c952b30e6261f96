//! **Boundary top-up**: the distribution of each class, and rows where classes meet.
//!
//! Problem: at larger budgets the distribution of a class is known well with a part of the rows; spend the others where a model still
//! errs.
//!
//! Of the budget m of a class, ⌈0.6·m⌉ rows (`share`) are those of `energy`. The others come in two rounds of equal size. In each
//! round, kernel ridge regression is fitted to the rows that are kept so far, of all classes, with +1 for the class of a row and −1
//! for the others:
//!
//! ```math
//! f_c(x) = \sum_{s} \alpha_{s c} \, k(x, s), \qquad (K + \lambda I)\, \alpha = Y, \qquad
//! \text{margin}(x) = f_{y}(x) - \max_{c \ne y} f_c(x)
//! ```
//!
//! with k(x, y) = exp(−‖x − y‖² / 2σ²). If a class gets r rows in the round, the 3·r of its rows that are not kept and have the
//! smallest margins are candidates (ties to the lowest row id), and the r of them with the smallest hash(seed, row id) are kept: a
//! third at random, because the rows of smallest margin alone are often near each other. σ is half the median distance between the rows
//! that the regression is fitted to. It is fitted to at most 2,000 of the kept rows, those with the smallest hash.
//!
//! With the guard, which is on for small budgets, contradicted rows are no candidates: their margins are small because their labels
//! are in doubt.
//!
//! Cost: that of `energy` for 0.6·m rows, O(s³) to fit s ≤ 2,000 rows, and O(n·s·(d + c)) for the margins of n rows under c classes,
//! twice. Guarantee: none for accuracy. The counts are exact; the selections at two ratios are not nested.
//!
//! Departures: a combination of known parts; we know no paper that proposes exactly this. The nearest is margin-based (uncertainty)
//! sampling in active learning, where labels are not known yet.
//!
//! Wins when about a fifth of the rows is kept, for which it is made: by then the distribution of each class is known, and more of it
//! teaches less than rows on which a model errs. On eleven tables with three models, at 1 to 20 %, it beat stratified random in 97 of
//! 165 comparisons and lost in 9; at 20 % in 19 of 33, where `energy`, which is simpler, did in 21.
//!
//! Loses when few rows are kept, because a regression on few rows knows no boundary; when half of the rows or more are kept, because
//! then little is left to gain; and when you need many ratios, because every ratio is a run of its own.

use rayon::prelude::*;

use super::settings::parameters;
use super::width::{median_distance, packed, power, power_of_two};
use super::{Capabilities, Family, Info, Method, Run, Support, energy};
use crate::distance::{LANES, Packed};
use crate::kernel::{Gaussian, exp_minus};
use crate::linalg::{self, diverged};
use crate::params::{Kind, Params, Value};
use crate::selection::Diagnostics;
use crate::{
    Allocation, Budget, ClassId, EmptyClasses, Guard, Reduced, Reduction, Result, RowId, Selection, Shape, simd,
};
use leanset_linalg::Mat;

parameters! {
    /// The parameters of the boundary top-up.
    ///
    /// ```
    /// use leanset_core::methods::boundary::Boundary;
    /// let reducer = Boundary::default().share(0.8).reducer()?;
    /// assert_eq!(reducer.params().float("share"), Some(0.8));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct Boundary;

    share: f64 = {
        kind: Kind::Float { min: 0.0, max: 1.0, open: true },
        default: "0.6",
        doc: "The fraction of the budget of each class that follows its distribution, by energy.",
    }

    sigma: f64 = {
        kind: Kind::Or(&["auto"], &Kind::Float { min: 0.0, max: f64::MAX, open: true }),
        default: "auto",
        doc: "σ of the Gaussian kernel; auto: half the median distance between the rows that the regression is fitted to.",
    }

    ridge: f64 = {
        kind: Kind::Float { min: 0.0, max: 1e6, open: true },
        default: "0.01",
        doc: "λ, the ridge of the regression: the larger, the smoother.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "boundary",
    aliases: &["bnd", "boundary-top-up", "energy-boundary"],
    title: "Boundary top-up",
    family: Family::Statistic,
    summary: "Keeps rows of each class that have its distribution, and tops them up with rows near the boundary between classes.",
    params: PARAMS,
    cost: "that of energy, O(s³) for s ≤ 2,000 kept rows, and O(n·s·(d + c)), twice",
    memory: "40 bytes per row, a copy of each class that is being processed, and 64 MB for the regression",
    guarantee: "the exact budget; margins by an exact solution for the rows that are fitted; ties to the lowest row id",
    reference: "Mak & Joseph, Support points, Annals of Statistics 46, 2018; Scheffer, Decomain & Wrobel, Active Hidden Markov Models \
                for Information Extraction (margin sampling), IDA 2001",
    departures: "a combination of known parts: rows of smallest margin are added to rows of smallest energy distance, a third of the \
                 candidates at random",
    capabilities: Capabilities {
        nested: Support::No,
        seeded: Support::Yes,
        target: Support::Yes,
        scale_free: Support::When("sigma=auto"),
        guard: Guard::Auto,
        least_classes: 2,
        ..Capabilities::DEFAULT
    },
    variants: &[&[("share", "0.3"), ("sigma", "0.5")]],
    build: |params| Ok(Box::new(Configured::of(params)?)),
};

/// Rows that the regression is fitted to, at most.
const FITTED: usize = 2000;
/// Rounds in which rows are added.
const ROUNDS: usize = 2;
/// Candidates per row that is added.
const CANDIDATES: usize = 3;

/// The method with checked parameters.
#[derive(Debug)]
struct Configured {
    share: f64,
    sigma: Option<f64>,
    ridge: f64,
    energy: Box<dyn Method>,
}

impl Configured {
    fn of(params: &Params) -> Result<Self> {
        let defaults = Params::check(energy::INFO.id, energy::INFO.params, &[])?;
        Ok(Self {
            share: params.float("share").unwrap_or(1.0),
            sigma: params.float("sigma"),
            ridge: params.float("ridge").unwrap_or(0.01),
            energy: (energy::INFO.build)(&defaults)?,
        })
    }

    /// How many rows of a class are there at first, and after each round.
    fn stages(&self, count: usize) -> [usize; ROUNDS + 1] {
        let first = ((self.share * count as f64).ceil() as usize).min(count);
        [first, first + (count - first).div_ceil(2), count]
    }
}

impl Method for Configured {
    fn ranks(&self) -> Support {
        Support::No
    }

    fn scale_free(&self) -> bool {
        self.sigma.is_none()
    }

    fn least_classes(&self) -> usize {
        2
    }

    fn reduce(&self, run: &Run<'_>, allocation: &Allocation) -> Result<Reduction> {
        let classes = run.data.classes();
        let stages: Vec<_> = allocation.per_class().iter().map(|&count| self.stages(count)).collect();
        let first: Vec<usize> = stages.iter().map(|stage| stage[0]).collect();
        let (first, _) = Budget::PerClass(first).allocate(&classes.sizes(), EmptyClasses::Allow)?;
        let ranking = self.energy.rank(run, Some(&first))?;
        let mut kept: Vec<Vec<RowId>> =
            ranking.segments().zip(first.per_class()).map(|(s, &m)| s[..m].to_vec()).collect();
        let mut taken = vec![false; run.data.rows()];
        kept.iter().flatten().for_each(|row| taken[row.index()] = true);
        let mut sigmas = Vec::new();
        for round in 1..=ROUNDS {
            let wanted: Vec<usize> = stages.iter().map(|stage| stage[round] - stage[round - 1]).collect();
            if wanted.iter().all(|&count| count == 0) {
                continue;
            }
            run.monitor.begin("looking at the boundary", run.data.rows() as u64);
            let fit = Fit::new(self, run, &kept)?;
            sigmas.push(fit.sigma);
            let added = run.per_class(|class, rows| {
                let added = fit.smallest(run, class, rows, &taken, wanted[class.index()])?;
                run.step(rows.len() as u64)?;
                Ok(added)
            })?;
            for (kept, added) in kept.iter_mut().zip(added) {
                added.iter().for_each(|row| taken[row.index()] = true);
                kept.extend(added);
            }
        }
        let mut diagnostics: Diagnostics = ranking.diagnostics;
        diagnostics.insert("boundary_sigma", Value::Floats(sigmas));
        let reduced = Reduced::Rows(Selection::new(&kept, None, classes)?);
        Ok(Reduction { reduced, diagnostics, warnings: ranking.warnings })
    }

    fn memory(&self, shape: &Shape, kept: usize, threads: usize) -> u64 {
        let fitted = FITTED.min(kept);
        let regression = 3 * 8 * fitted * fitted + 16 * fitted * (shape.classes + shape.columns);
        let rows = 40 * shape.rows + threads * 8 * (shape.columns + LANES * shape.classes);
        self.energy.memory(shape, kept, threads).max(regression as u64) + rows as u64
    }
}

/// A kernel ridge regression on the kept rows.
struct Fit {
    kernel: Gaussian,
    /// The factor of coordinates.
    scale: f64,
    points: Packed<f64>,
    /// Block by block of the points, and in it class by class.
    weights: Vec<[f64; LANES]>,
    classes: usize,
    /// σ in the units of the coordinates.
    sigma: f64,
}

impl Fit {
    fn new(settings: &Configured, run: &Run<'_>, kept: &[Vec<RowId>]) -> Result<Self> {
        run.step(0)?;
        let mut rows: Vec<RowId> = kept.concat();
        if rows.len() > FITTED {
            rows.select_nth_unstable_by_key(FITTED, |&row| run.seed.key(row));
            rows.truncate(FITTED);
        }
        rows.sort_unstable();
        let power = power(run.data, &rows);
        let scale = power_of_two(-power);
        let points = packed(run.data, &rows, scale, &|| run.step(0))?;
        let width = match settings.sigma {
            Some(sigma) => sigma * scale,
            None => 0.5 * median_distance(run, &rows, |i, row| points.copy_row(i, row))?,
        };
        let kernel = Gaussian::new(width);
        let (count, classes) = (rows.len(), kept.len());
        let mut matrix = Mat::<f64>::zeros(count, count);
        let mut query = vec![0.0; points.columns()];
        for i in 0..count {
            run.step(0)?;
            points.copy_row(i, &mut query);
            for block in 0..=i / LANES {
                let raws = points.raw::<crate::distance::Euclidean>(&query, block);
                for (lane, raw) in raws.into_iter().enumerate() {
                    let j = block * LANES + lane;
                    if j <= i {
                        let value = exp_minus(kernel.rate * raw);
                        (matrix[(i, j)], matrix[(j, i)]) = (value, value);
                    }
                }
            }
            matrix[(i, i)] += settings.ridge;
        }
        let mut targets = Mat::<f64>::zeros(count, classes);
        for (i, &row) in rows.iter().enumerate() {
            let own = run.data.classes().of(row).index();
            (0..classes).for_each(|class| targets[(i, class)] = if class == own { 1.0 } else { -1.0 });
        }
        let operations = linalg::operations(count, count);
        let solve = move || leanset_linalg::positive_solve(&matrix, &targets);
        let solved =
            leanset_linalg::abandonable(operations, || run.step(0), solve)?.ok_or_else(|| diverged(INFO.id))?;
        let mut weights = vec![[0.0; LANES]; count.div_ceil(LANES) * classes];
        for i in 0..count {
            (0..classes).for_each(|class| weights[i / LANES * classes + class][i % LANES] = solved[(i, class)]);
        }
        let sigma = settings.sigma.unwrap_or_else(|| width * power_of_two(power));
        Ok(Self { kernel, scale, points, weights, classes, sigma })
    }

    /// So many of the rows of a class that are not taken: of those with the smallest margins some at random.
    fn smallest(
        &self,
        run: &Run<'_>,
        class: ClassId,
        rows: &[RowId],
        taken: &[bool],
        count: usize,
    ) -> Result<Vec<RowId>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let open: Vec<RowId> = rows.iter().copied().filter(|row| !taken[row.index()]).collect();
        let mut margins = vec![(0.0, RowId(0)); open.len()];
        margins.par_chunks_mut(64).zip(open.par_chunks(64)).try_for_each(|(margins, rows)| {
            run.step(0)?;
            let mut query = vec![0.0; self.points.columns()];
            for (margin, &row) in margins.iter_mut().zip(rows) {
                run.data.points().widen_row(row, &mut query);
                query.iter_mut().for_each(|v| *v *= self.scale);
                let values = simd::run(Values { fit: self, query: &query });
                *margin = (margin_of(&values, class), row);
            }
            Ok::<(), crate::Error>(())
        })?;
        margins.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut candidates: Vec<RowId> = margins.into_iter().take(CANDIDATES * count).map(|m| m.1).collect();
        candidates.sort_unstable_by_key(|&row| run.seed.key(row));
        candidates.truncate(count);
        Ok(candidates)
    }
}

/// The value of the own class minus the largest other one.
fn margin_of(values: &[f64], class: ClassId) -> f64 {
    let others = values.iter().enumerate().filter(|(other, _)| *other != class.index());
    values[class.index()] - others.map(|(_, &value)| value).fold(f64::NEG_INFINITY, f64::max)
}

/// The values of the regression at a point, one per class.
struct Values<'a> {
    fit: &'a Fit,
    query: &'a [f64],
}

impl simd::Kernel for Values<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let Self { fit, query } = self;
        let mut sums = vec![[0.0; LANES]; fit.classes];
        for (block, weights) in fit.weights.chunks_exact(fit.classes).enumerate() {
            let values = fit.kernel.block(&fit.points, query, block);
            for (sums, weights) in sums.iter_mut().zip(weights) {
                for lane in 0..LANES {
                    sums[lane] += weights[lane] * values[lane];
                }
            }
        }
        sums.iter().map(|lanes| lanes.iter().sum()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Classes, Dataset, Matrix, Quiet, Reducer, Seed};
    use proptest::prelude::*;

    /// By the definition, with a solution by elimination.
    fn naive(
        data: &Dataset<'_>,
        values: &[f64],
        d: usize,
        counts: &[usize],
        share: f64,
        seed: Seed,
    ) -> Vec<Vec<RowId>> {
        let row = |r: RowId| &values[r.index() * d..][..d];
        let distance =
            |a: RowId, b: RowId| row(a).iter().zip(row(b)).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
        let classes = data.classes();
        let first: Vec<usize> = counts.iter().map(|&m| (share * m as f64).ceil() as usize).collect();
        let energy = Reducer::new("energy", &[]).expect("known").with_guard(Guard::Off).expect("it can be off");
        let ranking = energy.rank(data, None, seed, &Quiet).expect("ranks");
        let mut kept: Vec<Vec<RowId>> = ranking.segments().zip(&first).map(|(s, &m)| s[..m].to_vec()).collect();
        for round in 0..2 {
            let mut rows = kept.concat();
            rows.sort_unstable();
            let mut distances: Vec<f64> = Vec::new();
            for (i, &a) in rows.iter().enumerate() {
                distances.extend(rows[..i].iter().map(|&b| distance(a, b)).filter(|&r| r > 0.0));
            }
            distances.sort_by(f64::total_cmp);
            let median = match distances.len() {
                0 => 1.0,
                n if n % 2 == 1 => distances[n / 2],
                n => 0.5 * (distances[n / 2] + distances[n / 2 - 1]),
            };
            let k = |a: RowId, b: RowId| (-distance(a, b).powi(2) / (2.0 * (0.5 * median).powi(2))).exp();
            let n = rows.len();
            let matrix = Mat::from_fn(n, n, |i, j| k(rows[i], rows[j]) + if i == j { 0.01 } else { 0.0 });
            let targets =
                Mat::from_fn(n, classes.len(), |i, c| if classes.of(rows[i]).index() == c { 1.0 } else { -1.0 });
            let solved = leanset_linalg::solve(&matrix, &targets);
            let taken = kept.concat();
            for class in classes.ids() {
                let (own, done) = (class.index(), kept[class.index()].len());
                let left = counts[own] - first[own];
                let add = if round == 0 { left.div_ceil(2) } else { counts[own] - done };
                let f = |x: RowId, c: usize| (0..n).map(|i| solved[(i, c)] * k(x, rows[i])).sum::<f64>();
                let margin = |x: RowId| {
                    let others = (0..classes.len()).filter(|&c| c != own).map(|c| f(x, c));
                    f(x, own) - others.fold(f64::NEG_INFINITY, f64::max)
                };
                let mut open: Vec<(f64, RowId)> =
                    classes.rows(class).iter().filter(|r| !taken.contains(r)).map(|&r| (margin(r), r)).collect();
                open.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                open.truncate(3 * add);
                open.sort_by_key(|&(_, r)| seed.key(r));
                kept[own].extend(open.into_iter().take(add).map(|o| o.1));
            }
        }
        kept
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn boundary_keeps_what_its_definition_says(
            codes in prop::collection::vec(0u32..3, 12..120), d in 1usize..4, seed in any::<u64>(), ratio in 0.1f64..0.9,
            share in 0.1f64..0.9,
        ) {
            let n = codes.len();
            let unit = |i: usize| Seed(seed).unit(RowId::at(i));
            let values: Vec<f64> = (0..n * d).map(|i| 2.0 * unit(i) + f64::from(codes[i / d]) * 0.5).collect();
            let data = Dataset::new(Matrix::new(&values, n, d).expect("shape"), Classes::new(&codes, 3).expect("few"));
            let data = data.expect("sound");
            prop_assume!(data.classes().populated() >= 2);
            let reducer = Boundary::default().share(share).reducer().expect("valid").with_guard(Guard::Off).expect("off");
            let budget = Budget::Ratio(ratio);
            let (allocation, _) = budget.allocate(&data.classes().sizes(), EmptyClasses::Forbid).expect("a budget");
            let found = reducer.reduce(&data, &budget, EmptyClasses::Forbid, Seed(3), &Quiet).expect("keeps");
            let wanted = naive(&data, &values, d, allocation.per_class(), share, Seed(3));
            for (class, wanted) in data.classes().ids().zip(wanted) {
                prop_assert_eq!(found.reduced.rows().expect("rows").class(class), wanted, "class {}", class);
            }
        }
    }
}
