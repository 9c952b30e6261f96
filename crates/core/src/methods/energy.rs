//! **Greedy energy distance** (support points by herding).
//!
//! Problem: choose m rows of a class whose distribution is as close as possible to that of the class.
//!
//! The energy distance between the kept rows and the class is zero exactly if both have the same distribution. It is
//! made small by one rule: start with nothing, and add the row that is far from the kept rows on average, and near the
//! rows of the class on average. With p_i, the mean Euclidean distance of row i to the reference rows, and a_i, the sum of
//! its distances to the t rows kept so far,
//!
//! ```math
//! s_{t+1} = \arg\max_i \left( \frac{a_i}{t + 1} - p_i \right), \qquad
//! a_i = \sum_{j \le t} \lVert x_i - s_j \rVert, \quad
//! p_i = \frac{1}{R} \sum_{r} \lVert x_i - r \rVert
//! ```
//!
//! among the rows that are not kept, ties to the lowest row id. The first row is the medoid of the class. The reference rows
//! are the rows of the class, the row itself included; of a class of more than 2,000 rows, 500 drawn by
//! hash(seed, row id) (`reference` is another number). With a target they are rows of the target. The score of a row is the
//! energy distance between the rows of its class up to this one and the reference rows:
//!
//! ```math
//! E_m = \frac{2}{m} \sum_{j \le m} p_{s_j} - \frac{1}{m^2} \sum_{i, j \le m} \lVert s_i - s_j \rVert
//!       - \frac{1}{R^2} \sum_{r, r'} \lVert r - r' \rVert
//! ```
//!
//! Cost: O(n_k·(R + m_k)·d) per class, no n × n table. Distances are computed for blocks of eight rows at a time; where all rows
//! of a class are its reference, each pair once. A pick adds to each a_i an upper bound of a distance: by f32, or, where a class does
//! not stay in the cache, by coordinates in 16 bits, which are a half or a quarter of the memory to read. Only rows whose
//! bound says that they can be the next have their exact sums computed, usually two or three per pick; if bounds decide too
//! little, all sums are exact. Exact sums run in one order, so that every instruction set and any number of threads give the same
//! bits.
//!
//! Guarantee: the row that is added is the best one for the energy distance when each row kept so far has the weight
//! 1 / (t + 1), exactly; nested; ties to the lowest row id.
//!
//! Departures: support points (Mak & Joseph) are points anywhere, found by iteration; here they are rows, found one by
//! one, so that they are nested. SPlit and Twinning take rows nearest to support points, over all classes at once; here each
//! class has its own. Of a large class the mean distance is estimated from a sample of its rows.
//!
//! Wins when the kept rows should behave like the whole class at a small ratio. On eleven tables with logistic regression,
//! 3-nearest neighbours and kernel ridge, at 1 to 20 %, it beat stratified random in 120 of 165 comparisons and lost in 2; at
//! 50 % in 12 of 33, and lost in none (`benches/evidence.py`).
//!
//! Loses when ε matters: it keeps the density of a class and no extreme rows, so maxmin covers better. At large ratios
//! random rows are as good. Mislabelled rows are part of the density, so many of them are kept unless the guard is on.

use std::ops::Range;

use rayon::prelude::*;

use super::greedy_mean::{self, ABOVE, Block, DRIFT, PARALLEL, Rough, Rows, Term};
use super::reference::{self, Reference};
use super::settings::parameters;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{LANES, Packed, QUERIES, squared};
use crate::monitor::Pace;
use crate::params::Value;
use crate::{
    Allocation, ClassId, Dataset, Guard, Look, Matrix, Ranking, Result, RowId, Scalar, Shape, simd, with_points,
};

parameters! {
    /// The parameters of greedy energy distance.
    ///
    /// ```
    /// use leanset_core::methods::energy::Energy;
    /// let reducer = Energy::default().reference(1000).reducer()?;
    /// assert_eq!(reducer.params().count("reference"), Some(1000));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct Energy;

    reference: usize = {
        kind: reference::KIND,
        default: "auto",
        doc: "The number of rows that stand for a class, drawn by the seed; `all` rows of the class, or `auto`: all of a \
              class of at most 2,000 rows, 500 of a larger one.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "energy",
    aliases: &["ged", "support-points", "twinning", "energy-distance"],
    title: "Greedy energy distance",
    family: Family::Statistic,
    summary: "Keeps rows of each class that have the same distribution as the class, as measured by the energy distance.",
    params: PARAMS,
    cost: "O(n_k·(R + m_k)·d) per class, R = n_k rows of reference, or 500 for more than 2,000 rows",
    memory: "40 bytes per row, a copy of each class that is being processed, its reference rows, and those kept",
    guarantee: "each row is the best next one for the energy distance; nested over ratios; ties to the lowest row id",
    reference: "Mak & Joseph, Support points, Annals of Statistics 46, 2018; Joseph & Vakayil, SPlit, Technometrics 64, \
                2022 (arXiv:2012.10945); Vakayil & Joseph, Data Twinning, 2022 (arXiv:2110.02927); Chen, Welling & Smola, \
                Super-samples from kernel herding, UAI 2010",
    departures: "rows are chosen one by one and within classes, so that they are nested; a large class is represented by a \
                 sample of its rows",
    capabilities: Capabilities {
        seeded: Support::When("a class has more rows than its reference"),
        target: Support::Yes,
        guard: Guard::Auto,
        continues: Support::Yes,
        order_free: Support::When("reference=all"),
        ..Capabilities::DEFAULT
    },
    variants: &[&[("reference", "all")], &[("reference", "7")]],
    build: |params| Ok(Box::new(Configured { reference: Reference::of(params, ALL_UP_TO, SAMPLE) })),
};

/// Rows of a class up to which `auto` takes them all.
const ALL_UP_TO: usize = 2000;

/// Rows that `auto` takes of a larger class.
const SAMPLE: usize = 500;

/// The method with checked parameters.
#[derive(Clone, Copy, Debug)]
struct Configured {
    reference: Reference,
}

impl Method for Configured {
    fn order_free(&self) -> bool {
        self.reference == Reference::All
    }

    /// Scores are energy distances between the rows up to this one and the reference rows of the class.
    fn rank(&self, run: &Run<'_>, depth: Option<&Allocation>) -> Result<Ranking> {
        let classes = run.data.classes();
        let wanted = |class: ClassId| depth.map_or(classes.rows(class).len(), |a| a.per_class()[class.index()]);
        run.monitor.begin("following the density of classes", classes.ids().map(|c| wanted(c) as u64).sum());
        let follow = |class: ClassId| -> Result<Followed> {
            match wanted(class) {
                0 => Ok(Followed::default()),
                count => self.follow(run, class, count),
            }
        };
        // Large classes one after the other, by all threads: each stays in the cache. Small ones beside each other.
        let is_large = |class: ClassId| classes.rows(class).len() * run.data.columns() >= PARALLEL;
        let mut followed: Vec<Followed> = Vec::with_capacity(classes.len());
        for class in classes.ids() {
            followed.push(if is_large(class) { follow(class)? } else { Followed::default() });
        }
        let small = run.per_class(|class, _| if is_large(class) { Ok(Followed::default()) } else { follow(class) })?;
        for (own, small) in followed.iter_mut().zip(small) {
            if own.order.is_empty() {
                *own = small;
            }
        }
        let (mut distances, mut references) = (Vec::new(), Vec::new());
        let mut orders = Vec::with_capacity(followed.len());
        for (found, class) in followed.into_iter().zip(classes.ids()) {
            let rows = classes.rows(class);
            distances.push(found.scores.last().copied().unwrap_or(f64::INFINITY));
            references.push(found.reference as f64);
            orders.push((found.order.iter().map(|&i| rows[i as usize]).collect(), found.scores));
        }
        let mut ranking = Ranking::per_class(orders, classes)?;
        ranking.diagnostics.insert("energy_distance", Value::Floats(distances));
        ranking.diagnostics.insert("reference_rows", Value::Floats(references));
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, kept: usize, threads: usize) -> u64 {
        let at_once = threads.min(shape.classes).max(1);
        let rows = (at_once * shape.largest_class).min(shape.rows);
        let reference = at_once * self.reference.count(shape.largest_class);
        let coordinates = shape.columns * (rows * shape.scalar_bytes + 8 * (kept.min(rows) + reference));
        (coordinates + 40 * rows + 12 * shape.rows) as u64
    }
}

impl Configured {
    fn follow(&self, run: &Run<'_>, class: ClassId, count: usize) -> Result<Followed> {
        let rows = run.data.classes().rows(class);
        let target = run.inputs.target.unwrap_or(run.data);
        let stand = target.classes().rows(class);
        let chosen = self.reference.choose(stand, run.seed);
        let is_own = run.inputs.target.is_none();
        with_points!(run.data.points(), |m| {
            let step = |steps| run.step(steps);
            let look: Look<'_> = &|| run.step(0);
            let columns = m.columns();
            let by_threads = |count: usize| count * columns >= PARALLEL && rayon::current_num_threads() > 1;
            let gather_rows = |of: Range<usize>| Packed::gather(of.len(), columns, |i| m.row(rows[of.start + i]), look);
            let (near, spread) = if is_own && chosen.len() == rows.len() && !by_threads(rows.len()) {
                let near = simd::run(Symmetric { packed: &gather_rows(0..rows.len())?, rows: rows.len(), look })?;
                let spread = mean((0..rows.len()).map(|i| near[i / LANES][i % LANES]));
                (near, spread)
            } else {
                let reference = gather(target, stand, &chosen, look)?;
                let near = mean_distances(gather_rows, rows.len(), &reference, chosen.len(), look)?;
                let spread = if is_own {
                    mean(chosen.iter().map(|&i| near[i / LANES][i % LANES]))
                } else {
                    let count = chosen.len();
                    let own = if by_threads(count) {
                        let again = |of: Range<usize>| {
                            Packed::fill(of.len(), columns, |i, row| reference.copy_row(of.start + i, row), look)
                        };
                        mean_distances(again, count, &reference, count, look)?
                    } else {
                        simd::run(Symmetric { packed: &reference, rows: count, look })?
                    };
                    mean((0..chosen.len()).map(|i| own[i / LANES][i % LANES]))
                };
                (near, spread)
            };
            let class = Own { points: m, rows };
            let typical = mean((0..rows.len()).map(|i| near[i / LANES][i % LANES]));
            let rough = Rough::of(&class, count, DRIFT * typical, look)?;
            let picked = greedy_mean::pick(Distance, &class, (near, rough), (&run.kept(rows), count), step)?;
            let (mut cross, mut within) = (0.0, 0.0);
            let mut found = Followed { reference: chosen.len(), ..Followed::default() };
            for (of, m) in picked.iter().zip(1u32..) {
                let m = f64::from(m);
                cross += of.near;
                within += of.sum;
                found.order.push(of.row);
                found.scores.push((2.0 * (cross / m) - 2.0 * (within / m) / m - spread).max(0.0));
            }
            Ok(found)
        })
    }
}

/// Rows in blocks of eight, whatever their precision.
fn gather(data: &Dataset<'_>, rows: &[RowId], chosen: &[usize], look: Look<'_>) -> Result<Packed<f64>> {
    let fill = |i: usize, out: &mut [f64]| data.points().widen_row(rows[chosen[i]], out);
    Packed::fill(chosen.len(), data.columns(), fill, look)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// What is found of a class: positions in the order picked, and the energy distance after each.
#[derive(Clone, Debug, Default, PartialEq)]
struct Followed {
    order: Vec<u32>,
    scores: Vec<f64>,
    reference: usize,
}

/// Distances.
#[derive(Clone, Copy, Debug)]
struct Distance;

impl Term for Distance {
    const ABOVE: f64 = ABOVE;

    #[inline(always)]
    fn exact(self, raw: f64) -> f64 {
        raw.sqrt()
    }

    #[inline(always)]
    fn most(self, distance: f64) -> f64 {
        distance
    }
}

/// The rows of a class, as they are.
struct Own<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
}

impl<T: Scalar> Rows for Own<'_, T> {
    type Value = T;

    fn count(&self) -> usize {
        self.rows.len()
    }

    fn columns(&self) -> usize {
        self.points.columns()
    }

    fn copy(&self, row: usize, out: &mut [f64]) {
        out.iter_mut().zip(self.points.row(self.rows[row])).for_each(|(out, v)| *out = v.widen());
    }

    fn pack(&self, look: Look<'_>) -> Result<Packed<T>> {
        Packed::gather(self.rows.len(), self.columns(), |i| self.points.row(self.rows[i]), look)
    }
}

/// Distances of four of eight queries to the rows of a block.
#[inline(always)]
fn distances<A: Scalar, B: Scalar>(queries: &[[A; LANES]], first: usize, block: &[[B; LANES]]) -> [Block; QUERIES] {
    let mut found = squared(queries, first, block);
    for found in &mut found {
        for found in found {
            *found = found.sqrt();
        }
    }
    found
}

/// Blocks whose mean distances are computed at a time.
const CHUNK: usize = 64;

/// Mean distances of rows to reference rows, summed in the order of the latter; `pack` gives some of the rows.
fn mean_distances<T: Scalar>(
    pack: impl Fn(Range<usize>) -> Result<Packed<T>> + Sync,
    rows: usize,
    reference: &Packed<f64>,
    count: usize,
    look: Look<'_>,
) -> Result<Vec<Block>> {
    let mut near = vec![[0.0; LANES]; rows.div_ceil(LANES)];
    near.par_chunks_mut(CHUNK).enumerate().try_for_each(|(chunk, near)| -> Result<()> {
        let first = chunk * CHUNK * LANES;
        let packed = pack(first..rows.min(first + CHUNK * LANES))?;
        simd::run(Means { packed: &packed, near, reference, count, look })
    })?;
    Ok(near)
}

/// [`mean_distances`] of some blocks: the body that is compiled for each instruction set.
struct Means<'a, T> {
    packed: &'a Packed<T>,
    near: &'a mut [Block],
    reference: &'a Packed<f64>,
    count: usize,
    look: Look<'a>,
}

impl<T: Scalar> simd::Kernel for Means<'_, T> {
    type Output = Result<()>;

    #[inline(always)]
    fn run(self) -> Result<()> {
        let Self { packed, near, reference, count, look } = self;
        let mut pace = Pace::new(look);
        look()?;
        for (b, near) in near.iter_mut().enumerate() {
            let block = packed.block(b);
            for at in (0..count).step_by(QUERIES) {
                pace.work(QUERIES * block.len() * LANES)?;
                let found = distances(reference.block(at / LANES), at % LANES, block);
                for found in &found[..QUERIES.min(count - at)] {
                    for lane in 0..LANES {
                        near[lane] += found[lane];
                    }
                }
            }
            near.iter_mut().for_each(|sum| *sum /= count as f64);
        }
        Ok(())
    }
}

/// [`mean_distances`] of rows to themselves: each pair once. The sums run in the same order, for all rows before a block
/// have been added to it when its turn comes.
struct Symmetric<'a, T> {
    packed: &'a Packed<T>,
    rows: usize,
    look: Look<'a>,
}

impl<T: Scalar> simd::Kernel for Symmetric<'_, T> {
    type Output = Result<Vec<Block>>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { packed, rows, look } = self;
        let mut pace = Pace::new(look);
        let blocks = rows.div_ceil(LANES);
        let mut near = vec![[0.0; LANES]; blocks];
        for at in 0..blocks {
            let queries = packed.block(at);
            let (before, behind) = near.split_at_mut(at + 1);
            let own = &mut before[at];
            // Rows of the block among themselves.
            for first in (0..LANES.min(rows - at * LANES)).step_by(QUERIES) {
                let found = distances(queries, first, queries);
                for found in &found[..QUERIES.min(rows - at * LANES - first)] {
                    for lane in 0..LANES {
                        own[lane] += found[lane];
                    }
                }
            }
            for (near, b) in behind.iter_mut().zip(at + 1..) {
                let block = packed.block(b);
                pace.work(LANES * LANES * block.len())?;
                let lanes = LANES.min(rows - b * LANES);
                for first in [0, QUERIES] {
                    let found = distances(queries, first, block);
                    for found in &found {
                        for lane in 0..LANES {
                            near[lane] += found[lane];
                        }
                    }
                    let own = &mut own[first..first + QUERIES];
                    if lanes == LANES {
                        for lane in 0..LANES {
                            for q in 0..QUERIES {
                                own[q] += found[q][lane];
                            }
                        }
                    } else {
                        for lane in 0..lanes {
                            for q in 0..QUERIES {
                                own[q] += found[q][lane];
                            }
                        }
                    }
                }
            }
        }
        near.iter_mut().flatten().for_each(|sum| *sum /= rows as f64);
        Ok(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Classes, Inputs, Quiet, Reducer, Seed};
    use proptest::prelude::*;

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).fold(0.0, |sum, term| sum + term).sqrt()
    }

    /// By the definition, of the rows of one class and the reference rows.
    fn naive(rows: &[&[f64]], reference: &[&[f64]], count: usize) -> (Vec<u32>, Vec<f64>) {
        let r = reference.len() as f64;
        let mean = |x: &[f64]| reference.iter().fold(0.0, |sum, y| sum + distance(x, y)) / r;
        let p: Vec<f64> = rows.iter().map(|x| mean(x)).collect();
        let spread = reference.iter().fold(0.0, |sum, x| sum + mean(x)) / r;
        let mut a = vec![0.0; rows.len()];
        let (mut order, mut scores): (Vec<u32>, Vec<f64>) = Default::default();
        for t in 0..count {
            let gain = |i: usize| a[i] / (t as f64 + 1.0) - p[i];
            let left = (0..rows.len()).filter(|&i| !order.contains(&(i as u32)));
            let next = left.reduce(|best, i| if gain(i) > gain(best) { i } else { best }).expect("rows are left");
            order.push(next as u32);
            (0..rows.len()).for_each(|i| a[i] += distance(rows[i], rows[next]));
            let m = order.len() as f64;
            let cross = order.iter().map(|&i| p[i as usize]).sum::<f64>() / m;
            let pairs = order.iter().flat_map(|&i| order.iter().map(move |&j| (i as usize, j as usize)));
            let within = pairs.map(|(i, j)| distance(rows[i], rows[j])).sum::<f64>() / (m * m);
            scores.push((2.0 * cross - within - spread).max(0.0));
        }
        (order, scores)
    }

    fn check(values: &[f64], columns: usize, others: &[f64], given: &[(String, Value)]) {
        let rows: Vec<&[f64]> = values.chunks_exact(columns).collect();
        let target: Vec<&[f64]> = others.chunks_exact(columns).collect();
        let of = |values: &[f64], rows: usize| values[..rows * columns].to_vec();
        let (own, other) = (of(values, rows.len()), of(others, target.len()));
        let data = |values, rows| Dataset::new(Matrix::new(values, rows, columns)?, Classes::one(rows)?);
        let data_own = data(&own, rows.len()).expect("sound");
        let reducer = Reducer::of(&INFO, given).expect("valid");
        let seed = Seed(3);
        let stand = Reference::of(reducer.params(), ALL_UP_TO, SAMPLE);
        let reference = |all: &[&[f64]]| {
            let ids: Vec<RowId> = (0..all.len()).map(RowId::at).collect();
            stand.choose(&ids, seed).iter().map(|&i| all[i].to_vec()).collect::<Vec<_>>()
        };
        let compare = |ranking: &Ranking, reference: &[Vec<f64>]| {
            let reference: Vec<&[f64]> = reference.iter().map(Vec::as_slice).collect();
            let (order, scores) = naive(&rows, &reference, rows.len());
            let found: Vec<u32> = ranking.rows().iter().map(|r| r.0).collect();
            assert_eq!(found, order);
            for (found, score) in ranking.scores().iter().zip(scores) {
                assert!((found - score).abs() < 1e-9, "{found} is not {score}");
            }
        };
        compare(&reducer.rank(&data_own, None, seed, &Quiet).expect("ranks"), &reference(&rows));
        if !target.is_empty() {
            let data_other = data(&other, target.len()).expect("sound");
            let inputs = Inputs { target: Some(&data_other), ..Inputs::default() };
            let ranking = reducer.rank_with(&data_own, &inputs, None, seed, &Quiet).expect("ranks");
            compare(&ranking, &reference(&target));
        }
    }

    proptest! {
        /// Grids make ties and equal rows.
        #[test]
        fn energy_equals_its_naive_reference(
            (columns, values) in (1usize..6).prop_flat_map(|d| (Just(d), prop::collection::vec(-40i8..40, d..d * 70))),
            others in prop::collection::vec(-40i8..40, 0..60),
            step in prop::sample::select(vec![1.0, 2.0, 7.3, 39.9]),
            reference in prop::sample::select(vec!["auto", "all", "1", "5", "30"]),
        ) {
            let grid = |v: &i8| (f64::from(*v) / step).round() * 0.1;
            let (values, others): (Vec<f64>, Vec<f64>) = (values.iter().map(grid).collect(), others.iter().map(grid).collect());
            check(&values, columns, &others, &[("reference".to_owned(), reference.into())]);
        }
    }

    fn uniform(rows: usize, columns: usize) -> Vec<f64> {
        (0..rows * columns).map(|i| Seed(9).unit(RowId::at(i))).collect()
    }

    #[test]
    fn energy_of_many_rows_equals_its_naive_reference() {
        // Above and below the rows that all stand for a class.
        for rows in [2000, 2003] {
            let values = uniform(rows, 3);
            let all: Vec<&[f64]> = values.chunks_exact(3).collect();
            let data = Dataset::new(Matrix::new(&values, rows, 3).expect("shape"), Classes::one(rows).expect("few"));
            let data = data.expect("sound");
            let depth = crate::Budget::Count(60).allocate(&[rows], crate::EmptyClasses::Forbid).expect("a budget").0;
            let ranking = Reducer::of(&INFO, &[]).expect("valid").rank(&data, Some(&depth), Seed(5), &Quiet);
            let ranking = ranking.expect("ranks");
            let reference = Reference::Auto { all_up_to: ALL_UP_TO, sample: SAMPLE };
            let reference = reference.choose(data.classes().rows(ClassId(0)), Seed(5));
            let reference: Vec<&[f64]> = reference.iter().map(|&i| all[i]).collect();
            assert_eq!(reference.len(), if rows > ALL_UP_TO { SAMPLE } else { rows });
            let (order, scores) = naive(&all, &reference, 60);
            assert_eq!(ranking.rows().iter().map(|r| r.0).collect::<Vec<_>>(), order);
            for (found, score) in ranking.scores().iter().zip(scores) {
                assert!((found - score).abs() < 1e-9, "{found} is not {score}");
            }
        }
    }

    #[test]
    fn energy_gives_the_same_bits_on_every_level() {
        let (rows, columns) = (203, 9);
        let values = uniform(rows, columns);
        let gather = |of: Range<usize>| {
            Packed::gather(of.len(), columns, |i| &values[(of.start + i) * columns..][..columns], &|| Ok(()))
        };
        let few = gather(0..rows).expect("not cancelled");
        let means = mean_distances(gather, rows, &few, rows, &|| Ok(())).expect("not cancelled");
        for level in simd::Level::all() {
            let symmetric = level.run(Symmetric { packed: &few, rows, look: &|| Ok(()) }).expect("not cancelled");
            for i in 0..rows {
                let own = |near: &[Block]| near[i / LANES][i % LANES].to_bits();
                assert_eq!(own(&symmetric), own(&means), "{level:?}, row {i}");
            }
        }
    }

    #[test]
    fn energy_by_bounds_is_exact() {
        greedy_mean::tests::check_bounds(|_| Distance);
        greedy_mean::tests::check_terms(Distance);
    }

    /// One heap and a few rows apart: the medoid first, then both in their shares.
    #[test]
    fn energy_follows_density() {
        let values: Vec<f64> = (0..90).map(|i| if i % 9 == 0 { 10.0 } else { 0.0 } + f64::from(i) / 1000.0).collect();
        let data = Dataset::new(Matrix::new(&values, 90, 1).expect("shape"), Classes::one(90).expect("few"));
        let ranking = Reducer::new("support-points", &[]).expect("registered");
        let ranking = ranking.rank(&data.expect("sound"), None, Seed(0), &Quiet).expect("ranks");
        for m in [9, 18, 45, 90] {
            let apart = ranking.rows()[..m].iter().filter(|r| r.0 % 9 == 0).count();
            assert!(apart.abs_diff(m / 9) <= 1, "{apart} of {m}");
        }
        assert!(ranking.scores()[89].abs() < 1e-12, "all rows are the class");
    }
}
