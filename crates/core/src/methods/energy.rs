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
//! of a class are its reference, each pair once. A pick adds to each a_i in f32, rounded so that it is never below the exact
//! sum, which is half the memory to read and less than half the work. Only rows whose bound says that they can be the next
//! have their exact sums computed, usually two or three per pick; if bounds decide too little, all sums are exact. Exact
//! sums run in one order, so that every instruction set and any number of threads give the same bits.
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

use super::reference::{self, Reference};
use super::settings::parameters;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{LANES, Packed, QUERIES, squared};
use crate::params::Value;
use crate::{Allocation, ClassId, Dataset, Guard, Matrix, Ranking, Result, RowId, Scalar, Shape, simd, with_points};

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
        let coordinates = shape.columns * ((rows + kept.min(rows)) * shape.scalar_bytes + 8 * reference);
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
            let columns = m.columns();
            let by_threads = |count: usize| count * columns >= PARALLEL && rayon::current_num_threads() > 1;
            let gather_rows = |of: Range<usize>| Packed::gather(of.len(), columns, |i| m.row(rows[of.start + i]));
            let (near, spread) = if is_own && chosen.len() == rows.len() && !by_threads(rows.len()) {
                let near = simd::run(Symmetric { packed: &gather_rows(0..rows.len()), rows: rows.len() });
                let spread = mean((0..rows.len()).map(|i| near[i / LANES][i % LANES]));
                (near, spread)
            } else {
                let reference = gather(target, stand, &chosen);
                let near = mean_distances(gather_rows, rows.len(), &reference, chosen.len(), step)?;
                let spread = if is_own {
                    mean(chosen.iter().map(|&i| near[i / LANES][i % LANES]))
                } else {
                    let count = chosen.len();
                    let own = if by_threads(count) {
                        let again = |of: Range<usize>| {
                            Packed::fill(of.len(), columns, |i, row| reference.copy_row(of.start + i, row))
                        };
                        mean_distances(again, count, &reference, count, step)?
                    } else {
                        simd::run(Symmetric { packed: &reference, rows: count })
                    };
                    mean((0..chosen.len()).map(|i| own[i / LANES][i % LANES]))
                };
                (near, spread)
            };
            let rough = Rough::of(m, rows);
            let mut found = herd(m, rows, (near, rough), (&run.kept(rows), count), step)?;
            found.reference = chosen.len();
            found.scores.iter_mut().for_each(|score| *score = (*score - spread).max(0.0));
            Ok(found)
        })
    }
}

/// Rows in blocks of eight, whatever their precision.
fn gather(data: &Dataset<'_>, rows: &[RowId], chosen: &[usize]) -> Packed<f64> {
    let fill = |i: usize, out: &mut [f64]| data.points().widen_row(rows[chosen[i]], out);
    Packed::fill(chosen.len(), data.columns(), fill)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// What is found of a class: positions in the order picked, and for each the energy distance without the spread of
/// the reference rows.
#[derive(Clone, Debug, Default, PartialEq)]
struct Followed {
    order: Vec<u32>,
    scores: Vec<f64>,
    reference: usize,
}

/// A number for each of eight rows.
type Block = [f64; LANES];

/// Coordinates of a class from which its picks are worth several threads.
const PARALLEL: usize = 1 << 18;

/// Rows in a part of a class that one thread works on.
const PART: usize = 1 << 12;

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
    pack: impl Fn(Range<usize>) -> Packed<T> + Sync,
    rows: usize,
    reference: &Packed<f64>,
    count: usize,
    step: impl Fn(u64) -> Result<()> + Sync,
) -> Result<Vec<Block>> {
    let mut near = vec![[0.0; LANES]; rows.div_ceil(LANES)];
    near.par_chunks_mut(CHUNK).enumerate().try_for_each(|(chunk, near)| -> Result<()> {
        step(0)?;
        let first = chunk * CHUNK * LANES;
        let packed = pack(first..rows.min(first + CHUNK * LANES));
        simd::run(Means { packed: &packed, near, reference, count });
        Ok(())
    })?;
    Ok(near)
}

/// [`mean_distances`] of some blocks: the body that is compiled for each instruction set.
struct Means<'a, T> {
    packed: &'a Packed<T>,
    near: &'a mut [Block],
    reference: &'a Packed<f64>,
    count: usize,
}

impl<T: Scalar> simd::Kernel for Means<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { packed, near, reference, count } = self;
        for (b, near) in near.iter_mut().enumerate() {
            let block = packed.block(b);
            for at in (0..count).step_by(QUERIES) {
                let found = distances(reference.block(at / LANES), at % LANES, block);
                for found in &found[..QUERIES.min(count - at)] {
                    for lane in 0..LANES {
                        near[lane] += found[lane];
                    }
                }
            }
            near.iter_mut().for_each(|sum| *sum /= count as f64);
        }
    }
}

/// [`mean_distances`] of rows to themselves: each pair once. The sums run in the same order, for all rows before a block
/// have been added to it when its turn comes.
struct Symmetric<'a, T> {
    packed: &'a Packed<T>,
    rows: usize,
}

impl<T: Scalar> simd::Kernel for Symmetric<'_, T> {
    type Output = Vec<Block>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { packed, rows } = self;
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
        near
    }
}

/// A row that may be next: its gain, and its position.
type Candidate = (f64, u32);

/// No candidate.
const NONE: Candidate = (f64::NEG_INFINITY, u32::MAX);

/// The larger gain; of equals the lower position.
#[inline(always)]
fn better(a: Candidate, b: Candidate) -> Candidate {
    if b.0 > a.0 || (b.0 == a.0 && b.1 < a.1) { b } else { a }
}

/// Picks reported to the monitor at a time.
const REPORT: usize = 64;

/// Picks `count` rows, the first of which are kept already; `near` are their mean distances to the reference rows. Without
/// rough points all sums are exact at every pick.
fn herd<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    (mut near, mut rough): (Vec<Block>, Option<Rough>),
    (kept, count): (&[usize], usize),
    step: impl Fn(u64) -> Result<()>,
) -> Result<Followed> {
    // Padding is never picked, nor is a row that has been.
    for slot in rows.len()..near.len() * LANES {
        near[slot / LANES][slot % LANES] = f64::INFINITY;
    }
    let columns = points.columns();
    let mut sums = Sums::new(points, rows, near.len());
    let mut packed = None;
    let blocks = if rows.len() * columns >= PARALLEL { PART / LANES } else { near.len() };
    let mut query = vec![0.0; columns];
    let mut single = vec![0.0f32; columns];
    let mut found = Followed::default();
    let (mut cross, mut within) = (0.0, 0.0);
    let mut next = first(&near);
    for pick in 0..count {
        next = kept.get(pick).map_or(next, |&row| (0.0, row as u32));
        let at = next.1 as usize;
        let (block, lane) = (at / LANES, at % LANES);
        cross += near[block][lane];
        within += if rough.is_some() { sums.settle(at) } else { sums.most[block][lane] };
        let m = (pick + 1) as f64;
        found.order.push(next.1);
        found.scores.push(2.0 * (cross / m) - 2.0 * (within / m) / m);
        near[block][lane] = f64::INFINITY;
        if pick + 1 < count {
            let divisor = (pick + 2) as f64;
            if let Some(of) = rough.as_ref().filter(|_| sums.is_cheap()) {
                sums.push(at);
                of.packed.copy_row(at, &mut single);
                let own = f64::from(of.slack[block]) + of.floor;
                let values = of.packed.values().chunks(blocks * columns).zip(of.slack.chunks(blocks));
                let parts = values.zip(sums.most.chunks_mut(blocks)).zip(near.chunks(blocks)).enumerate();
                let update = |(part, (((values, slack), far), near)): (usize, (((_, _), _), _))| {
                    let (query, factor, first) = (&single[..], of.factor, part * blocks);
                    simd::run(Raise { values, slack, far, near, query, own, factor, divisor, first })
                };
                let best: Vec<Candidate> = if blocks < near.len() {
                    let parts: Vec<_> = parts.collect();
                    parts.into_par_iter().map(update).collect()
                } else {
                    parts.map(update).collect()
                };
                next = sums.best(&near, &best, blocks, divisor);
            } else {
                if rough.take().is_some() {
                    sums.settle_all();
                }
                let packed = packed.get_or_insert_with(|| Packed::gather(rows.len(), columns, |i| points.row(rows[i])));
                for (q, v) in query.iter_mut().zip(points.row(rows[at])) {
                    *q = v.widen();
                }
                let parts = packed.values().chunks(blocks * columns).zip(sums.most.chunks_mut(blocks));
                let parts = parts.zip(near.chunks(blocks)).enumerate();
                let update = |(part, ((values, far), near)): (usize, ((_, _), _))| {
                    simd::run(Update { values, far, near, query: &query, divisor, first: part * blocks })
                };
                next = if blocks < near.len() {
                    let parts: Vec<_> = parts.collect();
                    parts.into_par_iter().map(update).reduce(|| NONE, better)
                } else {
                    parts.map(update).fold(NONE, better)
                };
            }
        }
        if (pick + 1) % REPORT == 0 || pick + 1 == count {
            step((pick % REPORT + 1) as u64)?;
        }
    }
    Ok(found)
}

/// The sums of distances to the rows that are picked: at most so much for every row, and exactly where that decides.
struct Sums<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    /// At least the sum of each row, as it would be computed.
    most: Vec<Block>,
    /// The sum of each row over its first picks, and how many those are.
    sums: Vec<(f64, u32)>,
    /// The rows picked, in blocks of eight.
    picked: Vec<[T; LANES]>,
    picks: usize,
    /// Distances computed exactly so far.
    spent: usize,
}

impl<'a, T: Scalar> Sums<'a, T> {
    fn new(points: &'a Matrix<'a, T>, rows: &'a [RowId], blocks: usize) -> Self {
        let most = vec![[0.0; LANES]; blocks];
        Self { points, rows, most, sums: vec![(0.0, 0); rows.len()], picked: Vec::new(), picks: 0, spent: 0 }
    }

    /// Adds a row to those picked.
    fn push(&mut self, at: usize) {
        let columns = self.points.columns();
        let (block, lane) = (self.picks / LANES, self.picks % LANES);
        if lane == 0 {
            self.picked.resize((block + 1) * columns, [T::default(); LANES]);
        }
        for (column, &v) in self.picked[block * columns..].iter_mut().zip(self.points.row(self.rows[at])) {
            column[lane] = v;
        }
        self.picks += 1;
    }

    /// Whether exact sums are few beside the bounds.
    fn is_cheap(&self) -> bool {
        self.spent <= self.rows.len() * (64 + self.picks) / 4
    }

    /// The sum of a row, in the order of the picks.
    fn settle(&mut self, at: usize) -> f64 {
        let (sum, from) = self.sums[at];
        let from = from as usize;
        if from < self.picks {
            let sum = self.caught_up(at, sum, from);
            self.spent += self.picks - from;
            self.sums[at] = (sum, self.picks as u32);
            self.most[at / LANES][at % LANES] = sum;
        }
        self.sums[at].0
    }

    fn caught_up(&self, at: usize, sum: f64, from: usize) -> f64 {
        let row = self.points.row(self.rows[at]);
        simd::run(CatchUp { row, picked: &self.picked, picks: from..self.picks, sum })
    }

    /// The sums of all rows.
    fn settle_all(&mut self) {
        let all: Vec<f64> =
            self.sums.par_iter().enumerate().map(|(at, &(sum, from))| self.caught_up(at, sum, from as usize)).collect();
        for (at, sum) in all.into_iter().enumerate() {
            self.most[at / LANES][at % LANES] = sum;
        }
        (self.sums, self.picked) = (Vec::new(), Vec::new());
    }

    /// The best row, from the best bound of each part.
    fn best(&mut self, near: &[Block], bounds: &[Candidate], blocks: usize, divisor: f64) -> Candidate {
        let highest = bounds.iter().copied().fold(NONE, better);
        if highest.1 == NONE.1 {
            return NONE;
        }
        let score = |sums: &mut Self, at: usize| (sums.settle(at) / divisor - near[at / LANES][at % LANES], at as u32);
        let mut best = score(self, highest.1 as usize);
        for (part, &bound) in bounds.iter().enumerate() {
            // Whatever can be as good.
            if better(best, bound).1 == best.1 && bound.1 != highest.1 {
                continue;
            }
            let mut from = part * blocks;
            let end = near.len().min(from + blocks);
            while let Some(block) =
                simd::run(AtLeast { far: &self.most[from..end], near: &near[from..end], divisor, least: best.0 })
            {
                for lane in 0..LANES {
                    let at = (from + block) * LANES + lane;
                    let bound = self.most[from + block][lane] / divisor - near[from + block][lane];
                    if bound >= best.0 {
                        best = better(best, score(self, at));
                    }
                }
                from += block + 1;
            }
        }
        best
    }
}

/// Adds the distances of a row to some of the picked ones: the body that is compiled for each instruction set.
struct CatchUp<'a, T> {
    row: &'a [T],
    picked: &'a [[T; LANES]],
    picks: Range<usize>,
    sum: f64,
}

impl<T: Scalar> simd::Kernel for CatchUp<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { row, picked, picks, mut sum } = self;
        for block in picks.start / LANES..picks.end.div_ceil(LANES) {
            let mut squares = [0.0; LANES];
            for (x, column) in row.iter().zip(&picked[block * row.len()..]) {
                let x = x.widen();
                for lane in 0..LANES {
                    let difference = x - column[lane].widen();
                    squares[lane] += difference * difference;
                }
            }
            for square in &mut squares {
                *square = square.sqrt();
            }
            let first = block * LANES;
            for lane in picks.start.max(first) - first..picks.end.min(first + LANES) - first {
                sum += squares[lane];
            }
        }
        sum
    }
}

/// The first block with a bound that is at least so much: the body that is compiled for each instruction set.
struct AtLeast<'a> {
    far: &'a [Block],
    near: &'a [Block],
    divisor: f64,
    least: f64,
}

impl simd::Kernel for AtLeast<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { far, near, divisor, least } = self;
        let inverse = 1.0 / divisor * (1.0 + 8.0 * f64::EPSILON);
        for (block, (far, near)) in far.iter().zip(near).enumerate() {
            let mut any = false;
            for lane in 0..LANES {
                any |= far[lane] * inverse - near[lane] >= least;
            }
            if any {
                return Some(block);
            }
        }
        None
    }
}

/// The rows of a class in f32, less a centre and scaled by a power of two, and what is needed to bound distances by those of
/// these points.
///
/// With u = 2⁻²⁴, rounding moves a point p by at most u·|p|, so two of them, x and y, by u·(|x| + |y|) against each other. The
/// square of their distance in f32 is at least (1 − (d + 3)·u) of the true one, and its root loses u again. So the
/// distance is at most (1 + (0.6·d + 4)·u) times the one found, and u·(|x| + |y|), and something for squares too small for f32. Sums
/// are taken of these bounds in f64 in the order in which the distances themselves are summed; rounding is monotone, so the
/// sums of the bounds are not below the sums of the distances.
struct Rough {
    packed: Packed<f32>,
    /// The largest u·|p| of each block, in the units of the data.
    slack: Vec<f32>,
    floor: f64,
    factor: f64,
}

/// Rows whose medians are the centre.
const CENTRE_ROWS: usize = 63;

/// Columns up to which the bound of a distance in f32 holds.
const ROUGH_COLUMNS: usize = 1 << 20;

impl Rough {
    fn of<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId]) -> Option<Self> {
        let columns = points.columns();
        let sample: Vec<RowId> =
            (0..rows.len().min(CENTRE_ROWS)).map(|k| rows[k * rows.len() / rows.len().min(CENTRE_ROWS)]).collect();
        let mut column = Vec::new();
        let centre: Vec<f64> = (0..columns)
            .map(|j| {
                column.clear();
                column.extend(sample.iter().map(|&row| points.row(row)[j].widen()));
                *column.select_nth_unstable_by(sample.len() / 2, f64::total_cmp).1
            })
            .collect();
        let apart =
            |row: &RowId| points.row(*row).iter().zip(&centre).map(|(v, c)| (v.widen() - c).abs()).fold(0.0, f64::max);
        let largest = rows.par_iter().map(apart).reduce(|| 0.0, f64::max);
        // The exponent of the largest difference becomes that of 1/2. Beyond these, units of slack would be no f32.
        let exponent = (largest.to_bits() >> 52).cast_signed() - 1022;
        if columns > ROUGH_COLUMNS || !(-90..=90).contains(&exponent) {
            return None;
        }
        let power = |exponent: i64| f64::from_bits((1023 + exponent).cast_unsigned() << 52);
        let (scale, unit) = (power(-exponent), power(exponent));
        let rounding = 0.5 * f64::from(f32::EPSILON);
        let mut packed = Packed::<f32>::zeros(rows.len(), columns);
        let mut slack = vec![0.0f32; rows.len().div_ceil(LANES)];
        let blocks = packed.values_mut().par_chunks_mut(columns).zip(&mut slack).enumerate();
        blocks.with_min_len(CHUNK).for_each(|(block, (values, slack))| {
            let mut longest = 0.0f64;
            for lane in 0..LANES {
                let row = points.row(rows[(block * LANES + lane).min(rows.len() - 1)]);
                let mut square = 0.0;
                for ((value, v), c) in values.iter_mut().zip(row).zip(&centre) {
                    let scaled = (v.widen() - c) * scale;
                    value[lane] = scaled as f32;
                    square += scaled * scaled;
                }
                longest = longest.max(square);
            }
            *slack = (longest.sqrt() * unit * rounding * (1.0 + 1e-5)) as f32 + f32::MIN_POSITIVE;
        });
        let columns = columns as f64;
        let factor = unit * (1.0 + (0.6 * columns + 4.0) * rounding * (1.0 + 1e-5));
        Some(Self { packed, slack, floor: unit * columns * 2.0f64.powi(-70), factor })
    }
}

/// One pick in some blocks, by bounds: the body that is compiled for each instruction set. It gives the row with the
/// best bound.
struct Raise<'a> {
    values: &'a [[f32; LANES]],
    slack: &'a [f32],
    far: &'a mut [Block],
    near: &'a [Block],
    query: &'a [f32],
    /// The slack of the query.
    own: f64,
    factor: f64,
    divisor: f64,
    /// The number of the first block.
    first: usize,
}

impl simd::Kernel for Raise<'_> {
    type Output = Candidate;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { values, slack, far, near, query, own, factor, divisor, first } = self;
        let columns = query.len();
        let bounds = (factor, divisor, 1.0 / divisor * (1.0 + 8.0 * f64::EPSILON));
        let mut best = NONE;
        let mut at = 0;
        while at + BLOCKS <= far.len() {
            let values = &values[at * columns..][..BLOCKS * columns];
            let (a, rest) = values.split_at(columns);
            let (b, rest) = rest.split_at(columns);
            let (c, d) = rest.split_at(columns);
            let mut sums = [[0.0f32; LANES]; BLOCKS];
            for ((((&x, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
                sums = [square(sums[0], x, a), square(sums[1], x, b), square(sums[2], x, c), square(sums[3], x, d)];
            }
            for (k, sums) in sums.iter().enumerate() {
                let slack = f64::from(slack[at + k]) + own;
                raise(sums, (&mut far[at + k], &near[at + k]), slack, bounds, first + at + k, &mut best);
            }
            at += BLOCKS;
        }
        for at in at..far.len() {
            let mut sums = [0.0f32; LANES];
            for (&x, column) in query.iter().zip(&values[at * columns..]) {
                sums = square(sums, x, column);
            }
            let slack = f64::from(slack[at]) + own;
            raise(&sums, (&mut far[at], &near[at]), slack, bounds, first + at, &mut best);
        }
        best
    }
}

/// Adds the squares of one column. (Arrays as values: so the compiler keeps eight lanes in a register.)
#[inline(always)]
fn square(sums: [f32; LANES], x: f32, column: &[f32; LANES]) -> [f32; LANES] {
    let column = *column;
    let differences: [f32; LANES] = std::array::from_fn(|lane| x - column[lane]);
    std::array::from_fn(|lane| sums[lane] + differences[lane] * differences[lane])
}

/// Adds the bounds of distances to those of a block, and looks whether a row of it has the best.
#[inline(always)]
fn raise(
    raw: &[f32; LANES],
    (far, near): (&mut Block, &Block),
    slack: f64,
    (factor, divisor, inverse): (f64, f64, f64),
    block: usize,
    best: &mut Candidate,
) {
    let mut candidates = false;
    for lane in 0..LANES {
        far[lane] += f64::from(raw[lane].sqrt()) * factor + slack;
        candidates |= far[lane] * inverse - near[lane] >= best.0;
    }
    if candidates {
        for lane in 0..LANES {
            *best = better(*best, (far[lane] / divisor - near[lane], (block * LANES + lane) as u32));
        }
    }
}

/// The row nearest to the reference rows.
fn first(near: &[Block]) -> Candidate {
    let all = near.iter().flatten().zip(0..).map(|(near, at)| (-near, at));
    all.fold(NONE, better)
}

/// One pick in some blocks: the body that is compiled for each instruction set. It gives the best of the rows that are
/// left there.
struct Update<'a, T> {
    values: &'a [[T; LANES]],
    far: &'a mut [Block],
    near: &'a [Block],
    query: &'a [f64],
    divisor: f64,
    /// The number of the first block.
    first: usize,
}

/// Blocks that are compared with a query at once.
const BLOCKS: usize = 4;

impl<T: Scalar> simd::Kernel for Update<'_, T> {
    type Output = Candidate;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { values, far, near, query, divisor, first } = self;
        let columns = query.len();
        // A product with it is never below the quotient, and nearly it: most blocks need no division.
        let inverse = 1.0 / divisor * (1.0 + 8.0 * f64::EPSILON);
        let mut best = NONE;
        let mut at = 0;
        while at + BLOCKS <= far.len() {
            let values = &values[at * columns..][..BLOCKS * columns];
            let (a, rest) = values.split_at(columns);
            let (b, rest) = rest.split_at(columns);
            let (c, d) = rest.split_at(columns);
            let mut sums = [[0.0; LANES]; BLOCKS];
            for ((((&x, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
                for (column, sums) in [a, b, c, d].into_iter().zip(&mut sums) {
                    for lane in 0..LANES {
                        let difference = x - column[lane].widen();
                        sums[lane] += difference * difference;
                    }
                }
            }
            for (k, sums) in sums.iter().enumerate() {
                add(sums, &mut far[at + k], &near[at + k], (divisor, inverse), first + at + k, &mut best);
            }
            at += BLOCKS;
        }
        for at in at..far.len() {
            let mut sums = [0.0; LANES];
            for (&x, column) in query.iter().zip(&values[at * columns..]) {
                for lane in 0..LANES {
                    let difference = x - column[lane].widen();
                    sums[lane] += difference * difference;
                }
            }
            add(&sums, &mut far[at], &near[at], (divisor, inverse), first + at, &mut best);
        }
        best
    }
}

/// Adds the roots to the sums of a block, and looks whether a row of it is the best.
#[inline(always)]
fn add(raw: &Block, far: &mut Block, near: &Block, (divisor, inverse): (f64, f64), block: usize, best: &mut Candidate) {
    let mut candidates = false;
    for lane in 0..LANES {
        far[lane] += raw[lane].sqrt();
        candidates |= far[lane] * inverse - near[lane] >= best.0;
    }
    if candidates {
        for lane in 0..LANES {
            *best = better(*best, (far[lane] / divisor - near[lane], (block * LANES + lane) as u32));
        }
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
    fn energy_gives_the_same_bits_by_parts_and_on_every_level() {
        let (rows, columns) = (PARALLEL / 8 + 3, 9);
        let values = uniform(rows, columns);
        let m = Matrix::new(&values, rows, columns).expect("shape");
        let ids: Vec<RowId> = (0..rows).map(RowId::at).collect();
        let gather = |of: Range<usize>| Packed::gather(of.len(), columns, |i| m.row(ids[of.start + i]));
        let reference = Packed::gather(7, columns, |i| m.row(ids[i * 11]));
        let near = mean_distances(gather, rows, &reference, 7, |_| Ok(())).expect("not cancelled");
        let run = || herd(&m, &ids, (near.clone(), Rough::of(&m, &ids)), (&[], 40), |_| Ok(())).expect("not cancelled");
        let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(run);
        assert_eq!(on(1), on(3));
        let few = gather(0..203);
        let means = mean_distances(gather, 203, &few, 203, |_| Ok(())).expect("not cancelled");
        for level in simd::Level::all() {
            let symmetric = level.run(Symmetric { packed: &few, rows: 203 });
            for i in 0..203 {
                let own = |near: &[Block]| near[i / LANES][i % LANES].to_bits();
                assert_eq!(own(&symmetric), own(&means), "{level:?}, row {i}");
            }
        }
    }

    /// The same picks and scores as without bounds, to the last bit.
    fn check_bounds<T: Scalar>(values: &[T], columns: usize, kept: &[usize], count: usize) {
        let rows = values.len() / columns;
        let m = Matrix::new(values, rows, columns).expect("shape");
        let ids: Vec<RowId> = (0..rows).map(RowId::at).collect();
        let gather = |of: Range<usize>| Packed::gather(of.len(), columns, |i| m.row(ids[of.start + i]));
        let reference = Packed::fill(rows.min(9), columns, |i, out| {
            out.iter_mut().zip(m.row(ids[i * rows / rows.min(9)])).for_each(|(o, v)| *o = v.widen());
        });
        let near = mean_distances(gather, rows, &reference, rows.min(9), |_| Ok(())).expect("not cancelled");
        let of = |rough| herd(&m, &ids, (near.clone(), rough), (kept, count), |_| Ok(())).expect("not cancelled");
        let (with, without) = (of(Rough::of(&m, &ids)), of(None));
        assert_eq!(with, without, "{rows} rows of {columns}");
    }

    #[test]
    fn energy_by_bounds_is_exact() {
        for columns in [1, 3, 17] {
            let base = uniform(700, columns);
            for scale in [1.0, 1e-140, 1e-30, 1e-4, 3e7, 1e24, 1e140] {
                let scaled: Vec<f64> = base.iter().map(|v| (v - 0.5) * scale).collect();
                check_bounds(&scaled, columns, &[], 300);
                check_bounds(&scaled, columns, &[3, 4, 699], 40);
                let single: Vec<f32> = scaled.iter().map(|&v| v as f32).collect();
                if single.iter().all(|v| v.is_finite()) {
                    check_bounds(&single, columns, &[], 120);
                }
            }
            // Far from the origin; two heaps that f32 cannot resolve; one row far from all; many equal rows; a constant column.
            let change = |of: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
                base.iter().enumerate().map(|(i, &v)| of(i, v)).collect()
            };
            check_bounds(&change(&|_, v| 1e9 + v), columns, &[], 200);
            check_bounds(&change(&|i, v| if i / columns % 2 == 0 { 1e9 + v } else { v - 1e9 }), columns, &[], 200);
            check_bounds(&change(&|i, v| if i / columns == 5 { 1e12 } else { v }), columns, &[], 200);
            check_bounds(&change(&|_, v| (v * 3.0).round()), columns, &[], 500);
            check_bounds(&change(&|i, v| if i % columns == 0 { 7.0 } else { v }), columns, &[], 200);
            check_bounds(&change(&|_, _| 2.5), columns, &[], 30);
        }
        check_bounds(&[4.0], 1, &[], 1);
        check_bounds(&[4.0, 5.0, 5.0], 1, &[2], 3);
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
