//! The greedy choice of rows by a function of pairs: what [`energy`](super::energy) and [`herding`](super::herding) share.
//!
//! With f(x, y) a function of the distance of two rows that grows with it, a_i the sum of f between row i and the t rows picked so far,
//! and p_i its mean over reference rows, the next row is the one with the largest a_i / (t + 1) − p_i, of equals the lowest. The
//! first is the one with the smallest p_i.
//!
//! A pick changes the a_i of all rows, so coordinates are read once per pick, and memory is what limits. Therefore sums are only
//! bounded at first: [`Rough`] rows in f32, or in 16 bits where a class does not stay in the cache, give an upper bound of every
//! distance. Only rows that can be next by these bounds have their exact sums computed, in f64 and in the order of the picks. If bounds
//! decide too little, all sums are exact.

use std::ops::Range;

use rayon::prelude::*;

use crate::distance::{LANES, Packed};
use crate::{Error, Look, Result, Scalar, simd};

/// A number for each of eight rows.
pub(super) type Block = [f64; LANES];

/// Coordinates of a class from which its picks are worth several threads.
pub(super) const PARALLEL: usize = 1 << 18;

/// Rows in a part of a class that one thread works on.
const PART: usize = 1 << 12;

/// Picks reported to the monitor at a time.
const REPORT: usize = 64;

/// A function of pairs that grows with their distance. All is `#[inline(always)]`, for it is compiled for each instruction set.
pub(super) trait Term: Copy + Sync {
    /// Times 1 / t it is not below 1 / t times a sum of terms: above 1 where they are positive, below where they are negative.
    const ABOVE: f64;
    /// Of a squared distance as it is computed.
    fn exact(self, raw: f64) -> f64;
    /// Not below the exact one of any pair whose computed distance is at most this.
    fn most(self, distance: f64) -> f64;
}

/// What is above a positive quotient, and below a negative one, after rounding.
pub(super) const ABOVE: f64 = 1.0 + 8.0 * f64::EPSILON;
pub(super) const BELOW: f64 = 1.0 - 8.0 * f64::EPSILON;

/// The rows of a class.
pub(super) trait Rows: Sync {
    /// Coordinates as they are stored for exact sums.
    type Value: Scalar;
    fn count(&self) -> usize;
    fn columns(&self) -> usize;
    /// The coordinates of a row.
    fn copy(&self, row: usize, out: &mut [f64]);
    /// All rows.
    ///
    /// # Errors
    /// That of `look`.
    fn pack(&self, look: Look<'_>) -> Result<Packed<Self::Value>>;
}

/// A row that is picked: its p and its sum a over the rows picked before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Picked {
    pub(super) row: u32,
    pub(super) near: f64,
    pub(super) sum: f64,
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

/// Picks `count` rows, the first of which are kept already; `near` are their p. Without rough rows all sums are exact at every
/// pick.
pub(super) fn pick<T: Term, R: Rows>(
    term: T,
    rows: &R,
    (mut near, mut rough): (Vec<Block>, Option<Rough>),
    (kept, count): (&[usize], usize),
    step: impl Fn(u64) -> Result<()> + Sync,
) -> Result<Vec<Picked>> {
    let look: Look<'_> = &|| step(0);
    // Padding is never picked, nor is a row that has been.
    near.as_flattened_mut()[rows.count()..].fill(f64::INFINITY);
    let columns = rows.columns();
    let mut sums = Sums::new(term, rows, near.len());
    let mut packed = None;
    let blocks = if rows.count() * columns >= PARALLEL { PART / LANES } else { near.len() };
    let mut query = vec![0.0; columns];
    let mut single = vec![0.0f32; columns];
    let mut found = Vec::with_capacity(count);
    let mut next = first(&near);
    for pick in 0..count {
        next = kept.get(pick).map_or(next, |&row| (0.0, row as u32));
        let at = next.1 as usize;
        let (block, lane) = (at / LANES, at % LANES);
        let sum = if rough.is_some() { sums.settle(at) } else { sums.most[block][lane] };
        found.push(Picked { row: next.1, near: near[block][lane], sum });
        near[block][lane] = f64::INFINITY;
        if pick + 1 < count {
            let divisor = (pick + 2) as f64;
            rows.copy(at, &mut query);
            if let Some(of) = rough.as_ref().filter(|_| sums.is_cheap()) {
                sums.push(&query);
                let own = of.query(&query, &mut single);
                let of_parts = Parts { term, query: &single, own, factor: of.factor, divisor, blocks };
                let best = match &of.values {
                    Coordinates::Single(values) => of_parts.all(values, &of.slack, &mut sums.most, &near, look)?,
                    Coordinates::Steps(values) => of_parts.all(values, &of.slack, &mut sums.most, &near, look)?,
                };
                next = sums.best(&near, &best, blocks, divisor, look)?;
            } else {
                if rough.take().is_some() {
                    sums.settle_all(look)?;
                }
                let packed = match &mut packed {
                    Some(packed) => packed,
                    none => none.insert(rows.pack(look)?),
                };
                let parts = packed.values().chunks(blocks * columns).zip(sums.most.chunks_mut(blocks));
                let parts = parts.zip(near.chunks(blocks)).enumerate();
                let update = |(part, ((values, far), near)): (usize, ((_, _), _))| {
                    let first = part * blocks;
                    look().map(|()| simd::run(Update { term, values, far, near, query: &query, divisor, first }))
                };
                next = if blocks < near.len() {
                    let parts: Vec<_> = parts.collect();
                    parts.into_par_iter().map(update).try_reduce(|| NONE, |a, b| Ok(better(a, b)))?
                } else {
                    parts.map(update).try_fold(NONE, |best, next| next.map(|next| better(best, next)))?
                };
            }
        }
        if (pick + 1) % REPORT == 0 || pick + 1 == count {
            step((pick % REPORT + 1) as u64)?;
        }
    }
    Ok(found)
}

/// The row with the smallest p.
fn first(near: &[Block]) -> Candidate {
    let all = near.iter().flatten().zip(0..).map(|(near, at)| (-near, at));
    all.fold(NONE, better)
}

/// The sums over the rows that are picked: at most so much for every row, and exactly where that decides.
struct Sums<'a, T, R> {
    term: T,
    rows: &'a R,
    /// At least the sum of each row, as it would be computed.
    most: Vec<Block>,
    /// The sum of each row over its first picks, and how many those are.
    sums: Vec<(f64, u32)>,
    /// The rows picked, in blocks of eight.
    picked: Vec<Block>,
    picks: usize,
    /// Pairs computed exactly so far.
    spent: usize,
}

impl<'a, T: Term, R: Rows> Sums<'a, T, R> {
    fn new(term: T, rows: &'a R, blocks: usize) -> Self {
        let most = vec![[0.0; LANES]; blocks];
        Self { term, rows, most, sums: vec![(0.0, 0); rows.count()], picked: Vec::new(), picks: 0, spent: 0 }
    }

    /// Adds a row to those picked.
    fn push(&mut self, row: &[f64]) {
        let (block, lane) = (self.picks / LANES, self.picks % LANES);
        if lane == 0 {
            self.picked.resize((block + 1) * row.len(), [0.0; LANES]);
        }
        for (column, &v) in self.picked[block * row.len()..].iter_mut().zip(row) {
            column[lane] = v;
        }
        self.picks += 1;
    }

    /// Whether exact sums are few beside the bounds.
    fn is_cheap(&self) -> bool {
        self.spent <= self.rows.count() * (64 + self.picks) / 4
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
        let mut row = vec![0.0; self.rows.columns()];
        self.rows.copy(at, &mut row);
        simd::run(CatchUp { term: self.term, row: &row, picked: &self.picked, picks: from..self.picks, sum })
    }

    /// The sums of all rows.
    fn settle_all(&mut self, look: Look<'_>) -> Result<()> {
        let of = |(at, &(sum, from)): (usize, &(f64, u32))| look().map(|()| self.caught_up(at, sum, from as usize));
        let all: Vec<f64> = self.sums.par_iter().enumerate().map(of).collect::<Result<_>>()?;
        for (at, sum) in all.into_iter().enumerate() {
            self.most[at / LANES][at % LANES] = sum;
        }
        (self.sums, self.picked) = (Vec::new(), Vec::new());
        Ok(())
    }

    /// The best row, from the best bound of each part.
    fn best(
        &mut self,
        near: &[Block],
        bounds: &[Candidate],
        blocks: usize,
        divisor: f64,
        look: Look<'_>,
    ) -> Result<Candidate> {
        let highest = bounds.iter().copied().fold(NONE, better);
        if highest.1 == NONE.1 {
            return Ok(NONE);
        }
        let score = |sums: &mut Self, at: usize| (sums.settle(at) / divisor - near[at / LANES][at % LANES], at as u32);
        let inverse = 1.0 / divisor * T::ABOVE;
        let mut best = score(self, highest.1 as usize);
        for (part, &bound) in bounds.iter().enumerate() {
            // Whatever can be as good.
            if better(best, bound).1 == best.1 && bound.1 != highest.1 {
                continue;
            }
            let mut from = part * blocks;
            let end = near.len().min(from + blocks);
            while let Some(block) =
                simd::run(AtLeast { far: &self.most[from..end], near: &near[from..end], inverse, least: best.0 })
            {
                look()?;
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
        Ok(best)
    }
}

/// Adds the terms of a row and some of the picked ones: the body that is compiled for each instruction set.
struct CatchUp<'a, T> {
    term: T,
    row: &'a [f64],
    picked: &'a [Block],
    picks: Range<usize>,
    sum: f64,
}

impl<T: Term> simd::Kernel for CatchUp<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { term, row, picked, picks, mut sum } = self;
        for block in picks.start / LANES..picks.end.div_ceil(LANES) {
            let mut terms = [0.0; LANES];
            for (&x, column) in row.iter().zip(&picked[block * row.len()..]) {
                for lane in 0..LANES {
                    let difference = x - column[lane];
                    terms[lane] += difference * difference;
                }
            }
            for raw in &mut terms {
                *raw = term.exact(*raw);
            }
            let first = block * LANES;
            for lane in picks.start.max(first) - first..picks.end.min(first + LANES) - first {
                sum += terms[lane];
            }
        }
        sum
    }
}

/// The first block with a bound that is at least so much: the body that is compiled for each instruction set.
struct AtLeast<'a> {
    far: &'a [Block],
    near: &'a [Block],
    inverse: f64,
    least: f64,
}

impl simd::Kernel for AtLeast<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { far, near, inverse, least } = self;
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

/// The rows of a class less a centre, scaled, in few bits, and what is needed to bound distances by those of these points.
///
/// In f32 they are scaled by a power of two. With u = 2⁻²⁴, rounding moves a point p by at most u·|p|, so two of them, x and y, by
/// u·(|x| + |y|) against each other. The square of their distance in f32 is at least (1 − (d + 3)·u) of the true one, and its
/// root loses u again. So the distance is at most (1 + (0.6·d + 4)·u) times the one found, and u·(|x| + |y|), and something for
/// squares too small for f32.
///
/// In 16 bits they are whole numbers of steps, 32,767 to the largest coordinate; how far that moves each point is measured, and takes the
/// place of u·|x|. What is in a query stays in f32.
///
/// Sums are taken of the terms of these bounds in f64 in the order in which the terms themselves are summed; rounding is monotone, so
/// the sums of the bounds are not below the sums of the terms.
pub(super) struct Rough {
    values: Coordinates,
    centre: Vec<f64>,
    scale: f64,
    /// By how much a point of each block is moved at most, in the units of the data.
    slack: Vec<f32>,
    floor: f64,
    factor: f64,
}

/// Coordinates in blocks of eight rows, column by column.
enum Coordinates {
    Single(Vec<[f32; LANES]>),
    Steps(Vec<[i16; LANES]>),
}

/// A coordinate in few bits.
trait Short: Copy + Sync {
    fn single(self) -> f32;
}

impl Short for f32 {
    #[inline(always)]
    fn single(self) -> f32 {
        self
    }
}

impl Short for i16 {
    #[inline(always)]
    fn single(self) -> f32 {
        f32::from(self)
    }
}

/// Rows whose medians are the centre.
const CENTRE_ROWS: usize = 63;

/// Columns up to which the bound of a distance in f32 holds.
const ROUGH_COLUMNS: usize = 1 << 20;

/// Blocks that are made rough at a time, by one thread.
const CHUNK: usize = 64;

/// Bytes of a class in f32 from which 16 bits are worth their larger slack: what a core has of the cache.
const CACHED: usize = 1 << 20;

/// The largest part of the mean p to which the slack of all picks may add up in 16 bits.
pub(super) const DRIFT: f64 = 0.25;

/// The rounding of f32.
const ROUNDING: f64 = 0.5 * f32::EPSILON as f64;

impl Rough {
    /// For so many picks, whose slack may add up to `drift`; nothing if the rows do not fit into the range of f32.
    ///
    /// # Errors
    /// That of `look`.
    pub(super) fn of<R: Rows>(rows: &R, count: usize, drift: f64, look: Look<'_>) -> Result<Option<Self>> {
        let Some(frame) = Frame::of(rows, look)? else { return Ok(None) };
        // Half a step in every column at most, and a third of its square in the mean.
        let moved = frame.step() * (rows.columns() as f64 / 12.0).sqrt();
        let is_large = rows.count() * rows.columns() * size_of::<f32>() > CACHED;
        Ok(Some(if is_large && count as f64 * moved <= drift {
            Self::steps(rows, frame, look)?
        } else {
            Self::single(rows, frame, look)?
        }))
    }

    /// In f32.
    fn single<R: Rows>(rows: &R, frame: Frame, look: Look<'_>) -> Result<Self> {
        let scale = f64::from_bits((1023 - frame.exponent).cast_unsigned() << 52);
        let short = |scaled: f64| (scaled as f32, scaled * ROUNDING);
        let (values, slack) = shorten(rows, &frame.centre, scale, short, look)?;
        Ok(Self::new(Coordinates::Single(values), slack, frame.centre, scale))
    }

    /// In 16 bits.
    fn steps<R: Rows>(rows: &R, frame: Frame, look: Look<'_>) -> Result<Self> {
        let scale = 1.0 / frame.step();
        let short = |scaled: f64| {
            let whole = scaled.round().clamp(f64::from(-i16::MAX), f64::from(i16::MAX));
            (whole as i16, scaled - whole)
        };
        let (values, slack) = shorten(rows, &frame.centre, scale, short, look)?;
        Ok(Self::new(Coordinates::Steps(values), slack, frame.centre, scale))
    }

    fn new(values: Coordinates, slack: Vec<f32>, centre: Vec<f64>, scale: f64) -> Self {
        let (columns, unit) = (centre.len() as f64, 1.0 / scale);
        let factor = unit * (1.0 + (0.6 * columns + 4.0) * ROUNDING * (1.0 + 1e-5));
        Self { values, slack, floor: unit * columns * 2.0f64.powi(-70), factor, centre, scale }
    }

    /// A row as a query, into `out`, and by how much that moves it at most.
    fn query(&self, row: &[f64], out: &mut [f32]) -> f64 {
        let mut square = 0.0;
        for ((out, v), c) in out.iter_mut().zip(row).zip(&self.centre) {
            let scaled = (v - c) * self.scale;
            *out = scaled as f32;
            square += scaled * scaled;
        }
        slack(square.sqrt() * ROUNDING, self.scale) + self.floor
    }
}

/// Where the rows are.
struct Frame {
    /// The medians of some rows.
    centre: Vec<f64>,
    /// The largest difference of a coordinate from the centre, which divided by 2^exponent is in [1/2, 1).
    largest: f64,
    exponent: i64,
}

impl Frame {
    fn of<R: Rows>(rows: &R, look: Look<'_>) -> Result<Option<Self>> {
        let (many, columns) = (rows.count(), rows.columns());
        let mut sample = vec![0.0; many.min(CENTRE_ROWS) * columns];
        for (k, row) in sample.chunks_exact_mut(columns).enumerate() {
            rows.copy(k * many / many.min(CENTRE_ROWS), row);
        }
        let centre: Vec<f64> = (0..columns)
            .map(|j| {
                let mut column: Vec<f64> = sample.iter().skip(j).step_by(columns).copied().collect();
                let middle = column.len() / 2;
                *column.select_nth_unstable_by(middle, f64::total_cmp).1
            })
            .collect();
        let largest_of = |chunk: usize| -> Result<f64> {
            look()?;
            let mut row = vec![0.0; columns];
            Ok((chunk * CHUNK..many.min((chunk + 1) * CHUNK)).fold(0.0f64, |largest, at| {
                rows.copy(at, &mut row);
                row.iter().zip(&centre).map(|(v, c)| (v - c).abs()).fold(largest, f64::max)
            }))
        };
        let parts = (0..many.div_ceil(CHUNK)).into_par_iter().map(largest_of);
        let largest = parts.try_reduce(|| 0.0, |a, b| Ok(a.max(b)))?;
        let exponent = (largest.to_bits() >> 52).cast_signed() - 1022;
        // Beyond these, units of slack would be no f32.
        let fits = columns <= ROUGH_COLUMNS && (-90..=90).contains(&exponent);
        Ok(fits.then_some(Self { centre, largest, exponent }))
    }

    /// The unit of 16 bits.
    fn step(&self) -> f64 {
        self.largest / f64::from(i16::MAX)
    }
}

/// Slack in the units of the data, rounded up. (Also for what f64 rounds on the way, which is far less.)
fn slack(scaled: f64, scale: f64) -> f64 {
    f64::from((scaled / scale * (1.0 + 1e-5)) as f32) * (1.0 + 1e-6) + f64::from(f32::MIN_POSITIVE)
}

/// All rows less a centre, times a scale, in fewer bits by `short`, which also says what that leaves; and the slack of each block.
fn shorten<R: Rows, S: Short + Default + Send>(
    rows: &R,
    centre: &[f64],
    scale: f64,
    short: impl Fn(f64) -> (S, f64) + Sync,
    look: Look<'_>,
) -> Result<(Vec<[S; LANES]>, Vec<f32>)> {
    let (many, columns) = (rows.count(), centre.len());
    let blocks = many.div_ceil(LANES);
    let mut values = vec![[S::default(); LANES]; blocks * columns];
    let mut slacks = vec![0.0f32; blocks];
    let chunks = values.par_chunks_mut(CHUNK * columns).zip(slacks.par_chunks_mut(CHUNK)).enumerate();
    chunks.try_for_each(|(chunk, (values, slacks))| {
        look()?;
        let mut row = vec![0.0; columns];
        for (at, (values, slack_of)) in values.chunks_exact_mut(columns).zip(slacks).enumerate() {
            let block = chunk * CHUNK + at;
            let mut furthest = 0.0f64;
            for lane in 0..LANES {
                rows.copy((block * LANES + lane).min(many - 1), &mut row);
                let mut square = 0.0;
                for ((value, v), c) in values.iter_mut().zip(&row).zip(centre) {
                    let scaled = (v - c) * scale;
                    let (kept, left) = short(scaled);
                    value[lane] = kept;
                    // What scaling rounds is far less than a step, and than what is left in f32.
                    let left = left.abs() + scaled.abs() * 4.0 * f64::EPSILON;
                    square += left * left;
                }
                furthest = furthest.max(square);
            }
            *slack_of = (slack(furthest.sqrt(), scale) as f32).next_up();
        }
        Ok::<(), Error>(())
    })?;
    Ok((values, slacks))
}

/// One pick in all parts, by bounds.
struct Parts<'a, T> {
    term: T,
    query: &'a [f32],
    own: f64,
    factor: f64,
    divisor: f64,
    /// Blocks of a part.
    blocks: usize,
}

impl<T: Term> Parts<'_, T> {
    /// The best bound of each part.
    fn all<S: Short>(
        self,
        values: &[[S; LANES]],
        slack: &[f32],
        far: &mut [Block],
        near: &[Block],
        look: Look<'_>,
    ) -> Result<Vec<Candidate>> {
        let Self { term, query, own, factor, divisor, blocks } = self;
        let parts = values.chunks(blocks * query.len()).zip(slack.chunks(blocks));
        let parts = parts.zip(far.chunks_mut(blocks)).zip(near.chunks(blocks)).enumerate();
        let raise = |(part, (((values, slack), far), near)): (usize, (((_, _), _), _))| {
            let first = part * blocks;
            look()?;
            Ok(simd::run_bounds(Raise { term, values, slack, far, near, query, own, factor, divisor, first }))
        };
        if blocks < near.len() {
            let parts: Vec<_> = parts.collect();
            parts.into_par_iter().map(raise).collect()
        } else {
            parts.map(raise).collect()
        }
    }
}

/// One pick in some blocks, by bounds: the body that is compiled for each instruction set. It gives the row with the
/// best bound.
struct Raise<'a, T, S> {
    term: T,
    values: &'a [[S; LANES]],
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

impl<T: Term, S: Short> simd::Bounds for Raise<'_, T, S> {
    type Output = Candidate;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> Self::Output {
        let Self { term, values, slack, far, near, query, own, factor, divisor, first } = self;
        let columns = query.len();
        let bounds = (factor, divisor, 1.0 / divisor * T::ABOVE);
        let mut best = NONE;
        let mut at = 0;
        while at + BLOCKS <= far.len() {
            let values = &values[at * columns..][..BLOCKS * columns];
            let (a, rest) = values.split_at(columns);
            let (b, rest) = rest.split_at(columns);
            let (c, d) = rest.split_at(columns);
            let mut sums = [[0.0f32; LANES]; BLOCKS];
            for ((((&x, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
                sums = [
                    square::<FUSED, S>(sums[0], x, a),
                    square::<FUSED, S>(sums[1], x, b),
                    square::<FUSED, S>(sums[2], x, c),
                    square::<FUSED, S>(sums[3], x, d),
                ];
            }
            for (k, sums) in sums.iter().enumerate() {
                let slack = f64::from(slack[at + k]) + own;
                raise(term, sums, (&mut far[at + k], &near[at + k]), slack, bounds, first + at + k, &mut best);
            }
            at += BLOCKS;
        }
        for at in at..far.len() {
            let mut sums = [0.0f32; LANES];
            for (&x, column) in query.iter().zip(&values[at * columns..]) {
                sums = square::<FUSED, S>(sums, x, column);
            }
            let slack = f64::from(slack[at]) + own;
            raise(term, &sums, (&mut far[at], &near[at]), slack, bounds, first + at, &mut best);
        }
        best
    }
}

/// Adds the squares of one column. (Arrays as values: so the compiler keeps eight lanes in a register.)
#[inline(always)]
fn square<const FUSED: bool, S: Short>(sums: [f32; LANES], x: f32, column: &[S; LANES]) -> [f32; LANES] {
    let column = *column;
    let differences: [f32; LANES] = std::array::from_fn(|lane| x - column[lane].single());
    std::array::from_fn(|lane| match FUSED {
        true => differences[lane].mul_add(differences[lane], sums[lane]),
        false => sums[lane] + differences[lane] * differences[lane],
    })
}

/// Adds the terms of the bounds of distances to those of a block, and looks whether a row of it has the best.
#[inline(always)]
fn raise<T: Term>(
    term: T,
    raw: &[f32; LANES],
    (far, near): (&mut Block, &Block),
    slack: f64,
    (factor, divisor, inverse): (f64, f64, f64),
    block: usize,
    best: &mut Candidate,
) {
    let mut candidates = false;
    for lane in 0..LANES {
        far[lane] += term.most(f64::from(raw[lane].sqrt()) * factor + slack);
        candidates |= far[lane] * inverse - near[lane] >= best.0;
    }
    if candidates {
        for lane in 0..LANES {
            *best = better(*best, (far[lane] / divisor - near[lane], (block * LANES + lane) as u32));
        }
    }
}

/// One pick in some blocks: the body that is compiled for each instruction set. It gives the best of the rows that are
/// left there.
struct Update<'a, T, V> {
    term: T,
    values: &'a [[V; LANES]],
    far: &'a mut [Block],
    near: &'a [Block],
    query: &'a [f64],
    divisor: f64,
    /// The number of the first block.
    first: usize,
}

/// Blocks that are compared with a query at once.
const BLOCKS: usize = 4;

impl<T: Term, V: Scalar> simd::Kernel for Update<'_, T, V> {
    type Output = Candidate;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { term, values, far, near, query, divisor, first } = self;
        let columns = query.len();
        // A product with it is never below the quotient, and nearly it: most blocks need no division.
        let inverse = 1.0 / divisor * T::ABOVE;
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
                let (far, near) = (&mut far[at + k], &near[at + k]);
                add(term, sums, far, near, (divisor, inverse), first + at + k, &mut best);
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
            add(term, &sums, &mut far[at], &near[at], (divisor, inverse), first + at, &mut best);
        }
        best
    }
}

/// Adds the terms to the sums of a block, and looks whether a row of it is the best.
#[inline(always)]
fn add<T: Term>(
    term: T,
    raw: &Block,
    far: &mut Block,
    near: &Block,
    (divisor, inverse): (f64, f64),
    block: usize,
    best: &mut Candidate,
) {
    let mut candidates = false;
    for lane in 0..LANES {
        far[lane] += term.exact(raw[lane]);
        candidates |= far[lane] * inverse - near[lane] >= best.0;
    }
    if candidates {
        for lane in 0..LANES {
            *best = better(*best, (far[lane] / divisor - near[lane], (block * LANES + lane) as u32));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{RowId, Seed};

    /// Plain rows.
    pub(in super::super) struct Plain<'a>(pub(in super::super) &'a [f64], pub(in super::super) usize);

    impl Rows for Plain<'_> {
        type Value = f64;

        fn count(&self) -> usize {
            self.0.len() / self.1
        }

        fn columns(&self) -> usize {
            self.1
        }

        fn copy(&self, row: usize, out: &mut [f64]) {
            out.copy_from_slice(&self.0[row * self.1..][..self.1]);
        }

        fn pack(&self, look: Look<'_>) -> Result<Packed<f64>> {
            Packed::fill(self.count(), self.1, |i, out| self.copy(i, out), look)
        }
    }

    /// Means of terms with a few rows.
    fn near<T: Term>(term: T, rows: &Plain<'_>) -> Vec<Block> {
        let (count, d) = (rows.count(), rows.columns());
        let row = |i: usize| &rows.0[i * d..][..d];
        let raw = |a: &[f64], b: &[f64]| a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + (x - y) * (x - y));
        let few = count.min(9);
        let mut near = vec![[0.0; LANES]; count.div_ceil(LANES)];
        for i in 0..count {
            let terms = (0..few).map(|k| term.exact(raw(row(i), row(k * count / few))));
            near[i / LANES][i % LANES] = terms.sum::<f64>() / few as f64;
        }
        near
    }

    /// The same picks and sums as without bounds, to the last bit.
    fn check<T: Term>(term: T, values: &[f64], columns: usize, kept: &[usize], count: usize) {
        let rows = Plain(values, columns);
        let near = near(term, &rows);
        let of = |rough| pick(term, &rows, (near.clone(), rough), (kept, count), |_| Ok(())).expect("not cancelled");
        let expected = of(None);
        let what = || format!("{} rows of {columns}", rows.count());
        let look: Look<'_> = &|| Ok(());
        let frame = || Frame::of(&rows, look).expect("not cancelled");
        let single = |frame| Rough::single(&rows, frame, look).expect("not cancelled");
        assert_eq!(of(frame().map(single)), expected, "f32, {}", what());
        let steps = |frame| Rough::steps(&rows, frame, look).expect("not cancelled");
        assert_eq!(of(frame().map(steps)), expected, "16 bits, {}", what());
    }

    fn uniform(rows: usize, columns: usize) -> Vec<f64> {
        (0..rows * columns).map(|i| Seed(9).unit(RowId::at(i))).collect()
    }

    /// Of a term for a scale of the data.
    pub(in super::super) fn check_bounds<T: Term>(term: impl Fn(f64) -> T) {
        for columns in [1, 3, 17] {
            let base = uniform(700, columns);
            for scale in [1.0, 1e-140, 1e-30, 1e-4, 3e7, 1e24, 1e140] {
                let scaled: Vec<f64> = base.iter().map(|v| (v - 0.5) * scale).collect();
                check(term(scale), &scaled, columns, &[], 300);
                check(term(scale), &scaled, columns, &[3, 4, 699], 40);
                let single: Vec<f64> = scaled.iter().map(|&v| f64::from(v as f32)).collect();
                if single.iter().all(|v| v.is_finite()) {
                    check(term(scale), &single, columns, &[], 120);
                }
            }
            // Far from the origin; two heaps that f32 cannot resolve; one row far from all; many equal rows; a constant column.
            let change = |of: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
                base.iter().enumerate().map(|(i, &v)| of(i, v)).collect()
            };
            let term = term(1.0);
            check(term, &change(&|_, v| 1e9 + v), columns, &[], 200);
            check(term, &change(&|i, v| if i / columns % 2 == 0 { 1e9 + v } else { v - 1e9 }), columns, &[], 200);
            check(term, &change(&|i, v| if i / columns == 5 { 1e12 } else { v }), columns, &[], 200);
            check(term, &change(&|_, v| (v * 3.0).round()), columns, &[], 500);
            check(term, &change(&|i, v| if i % columns == 0 { 7.0 } else { v }), columns, &[], 200);
            check(term, &change(&|_, _| 2.5), columns, &[], 30);
        }
        check(term(1.0), &[4.0], 1, &[], 1);
        check(term(1.0), &[4.0, 5.0, 5.0], 1, &[2], 3);
    }

    /// Every bound is at least the term, on every instruction set: only so are picks exact.
    pub(in super::super) fn check_terms<T: Term>(term: T) {
        let (count, columns) = (203, 9);
        for (scale, shift) in [(1.0, 0.0), (1e-3, 5.0), (30.0, -7.0)] {
            let values: Vec<f64> = uniform(count, columns).iter().map(|v| v * scale + shift).collect();
            let rows = Plain(&values, columns);
            for of in [Rough::single, Rough::steps] {
                let look: Look<'_> = &|| Ok(());
                let frame = Frame::of(&rows, look).expect("not cancelled").expect("in range");
                let rough = of(&rows, frame, look).expect("not cancelled");
                let (mut query, mut single) = (vec![0.0; columns], vec![0.0; columns]);
                let near = vec![[0.0; LANES]; count.div_ceil(LANES)];
                for at in [0, 7, 202] {
                    rows.copy(at, &mut query);
                    let own = rough.query(&query, &mut single);
                    for level in simd::Level::all() {
                        let mut far = near.clone();
                        let (query, slack, near) = (&single[..], &rough.slack[..], &near[..]);
                        let (factor, divisor, first, far_of) = (rough.factor, 2.0, 0, &mut far[..]);
                        match &rough.values {
                            Coordinates::Single(values) => level.run_bounds(Raise {
                                term,
                                values,
                                slack,
                                far: far_of,
                                near,
                                query,
                                own,
                                factor,
                                divisor,
                                first,
                            }),
                            Coordinates::Steps(values) => level.run_bounds(Raise {
                                term,
                                values,
                                slack,
                                far: far_of,
                                near,
                                query,
                                own,
                                factor,
                                divisor,
                                first,
                            }),
                        };
                        for i in 0..count {
                            let row = &values[i * columns..][..columns];
                            let own = &values[at * columns..][..columns];
                            let raw = own.iter().zip(row).fold(0.0, |sum, (x, y)| sum + (x - y) * (x - y));
                            let (bound, exact) = (far[i / LANES][i % LANES], term.exact(raw));
                            assert!(bound >= exact && bound <= exact + 0.01 * scale, "{level:?}: {bound} of {exact}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn greedy_means_have_the_same_bits_by_parts() {
        #[derive(Clone, Copy)]
        struct Root;
        impl Term for Root {
            const ABOVE: f64 = ABOVE;
            fn exact(self, raw: f64) -> f64 {
                raw.sqrt()
            }
            fn most(self, distance: f64) -> f64 {
                distance
            }
        }
        let (count, columns) = (PARALLEL / 8 + 3, 9);
        let values = uniform(count, columns);
        let rows = Plain(&values, columns);
        let near = near(Root, &rows);
        for drift in [0.0, f64::INFINITY] {
            let run = || {
                let rough = Rough::of(&rows, 40, drift, &|| Ok(())).expect("not cancelled");
                pick(Root, &rows, (near.clone(), rough), (&[], 40), |_| Ok(())).expect("not cancelled")
            };
            let on =
                |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(run);
            assert_eq!(on(1), on(3));
        }
    }
}
