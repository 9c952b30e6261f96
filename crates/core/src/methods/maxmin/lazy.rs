//! Farthest-first traversal in many columns, row by row, as late as possible.
//!
//! What is known of the distance of a row to the nearest pick never grows, so it is an upper bound even if it is not up to date.
//! The row with the largest bound is compared with the picks that it has not seen; as soon as its bound is below a distance that
//! is up to date, the rest can wait. Most rows never see most picks. Rows stay where they are; picks are in panels, so one row is compared
//! with sixteen or more picks at a time, in f32 with a bound on the error ([`crate::distance`]). A row remembers its nearest
//! pick, which is compared again before others are. An exact distance is computed where two scores are too near to each other to decide, and
//! of the rows that are farthest.

use rayon::prelude::*;

use crate::distance::tiles::{Frame, Panels, RUN, WIDTH, round};
use crate::distance::{Euclidean, raw};
use crate::{Look, Matrix, Result, RowId, Scalar, simd};

/// Rows, and blocks of rows, of which the largest bound is known.
const BLOCK: usize = 64;

/// Rows that one thread brings up to date at a time.
const TOGETHER: usize = 16 * BLOCK;

/// A row is shown picks until its bound is so much below the farthest, so that it is not the next to be looked at.
const DEEPER: f64 = 0.97;

/// Of a row whose bound is an exact distance.
const EXACT: u32 = u32::MAX;

/// Bytes of a traversal of `len` rows with so many picks.
pub(super) fn memory(len: usize, columns: usize, picks: usize) -> u64 {
    Panels::memory(picks, columns) + (16 * len.next_multiple_of(BLOCK) + 9 * len / BLOCK + 4 * picks) as u64
}

/// What a row knows beside its bound.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The first so many picks are in its bound.
    seen: u32,
    /// The nearest of these, or [`EXACT`].
    nearest: u32,
}

/// What rows are compared with.
struct Shared<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    frame: Frame,
    centres: Panels,
    picked: Vec<u32>,
    look: Look<'a>,
}

/// A traversal.
pub(super) struct Lazy<'a, T> {
    shared: Shared<'a, T>,
    /// Squared distances or upper bounds of them: −1 for picked rows and for padding.
    bounds: Vec<f64>,
    known: Vec<Known>,
    /// The largest bounds of blocks of rows, of blocks of these, and so on, until there is one block.
    largest: Vec<Vec<f64>>,
    query: Vec<f32>,
    /// How far the farthest row was when rows were last brought up to date together.
    before: f64,
}

impl<'a, T: Scalar> Lazy<'a, T> {
    /// Of at least one row, and of at most so many picks.
    pub(super) fn new(points: &'a Matrix<'a, T>, rows: &'a [RowId], count: usize, look: Look<'a>) -> Result<Self> {
        let frame = frame(points, rows, look)?;
        let mut bounds = vec![f64::INFINITY; rows.len()];
        bounds.resize(rows.len().next_multiple_of(BLOCK), -1.0);
        let unknown = Known { seen: 0, nearest: EXACT };
        let known = vec![unknown; bounds.len()];
        let mut largest = Vec::new();
        let mut len = bounds.len() / BLOCK;
        loop {
            let mut own = vec![f64::INFINITY; len];
            own.resize(len.next_multiple_of(BLOCK), -1.0);
            largest.push(own);
            if len <= BLOCK {
                break;
            }
            len = len.div_ceil(BLOCK);
        }
        let centres = Panels::empty(&frame, count);
        let query = vec![0.0; points.columns()];
        let shared = Shared { points, rows, frame, centres, picked: Vec::with_capacity(count), look };
        Ok(Self { shared, bounds, known, largest, query, before: f64::INFINITY })
    }

    /// Picks a row.
    pub(super) fn pick(&mut self, position: usize) {
        let Shared { points, rows, frame, centres, picked, .. } = &mut self.shared;
        centres.set(frame, picked.len(), points.row(rows[position]), &mut self.query);
        picked.push(position as u32);
        self.bounds[position] = -1.0;
        self.bring_up(position / BLOCK);
    }

    /// The farthest row, and how far it is (squared); −1 if all rows are picked.
    ///
    /// # Errors
    /// The run is to stop.
    pub(super) fn farthest(&mut self) -> Result<(f64, usize)> {
        let picks = self.shared.picked.len();
        let together =
            self.before == f64::INFINITY || picks.is_multiple_of(WIDTH) || (picks < WIDTH && picks.is_power_of_two());
        if !together {
            return simd::run_bounds(Farthest(self));
        }
        // What the farthest will be before the next time: those that are farther then will have to see all picks.
        let now = self.top().1;
        let next = if picks < WIDTH { now * 0.7 } else { now - 1.2 * (self.before - now) };
        let goal = if next.is_finite() { next } else { f64::INFINITY };
        self.show_together(if self.before == f64::INFINITY { 0.0 } else { goal.max(0.0) })?;
        let found = simd::run_bounds(Farthest(self))?;
        self.before = found.0;
        Ok(found)
    }

    /// Brings the rows whose bounds are above the goal up to date, or below it.
    fn show_together(&mut self, goal: f64) -> Result<()> {
        let shared = &self.shared;
        let blocks = (TOGETHER / BLOCK).min(self.largest[0].len());
        let rows = blocks * BLOCK;
        let parts = self.bounds.par_chunks_mut(rows).zip(self.known.par_chunks_mut(rows));
        let parts = parts.zip(self.largest[0].par_chunks_mut(blocks)).enumerate();
        parts.try_for_each(|(part, ((bounds, known), largest))| {
            simd::run_bounds(Together { shared, begin: part * rows, bounds, known, largest, goal })
        })?;
        for level in 1..self.largest.len() {
            let (below, above) = self.largest.split_at_mut(level);
            for (own, values) in above[0].iter_mut().zip(below[level - 1].chunks_exact(BLOCK)) {
                *own = largest_of(values);
            }
        }
        Ok(())
    }

    /// Brings the largest bound of a block of rows up to date, and those of the blocks that it is in.
    #[inline(always)]
    fn bring_up(&mut self, mut block: usize) {
        let mut value = largest_of(&self.bounds[block * BLOCK..][..BLOCK]);
        for level in 0..self.largest.len() {
            self.largest[level][block] = value;
            block /= BLOCK;
            value = largest_of(&self.largest[level][block * BLOCK..][..BLOCK]);
        }
    }

    /// The block with the largest bound, the first of equals, and the bound.
    #[inline(always)]
    fn top(&self) -> (usize, f64) {
        let (mut block, mut value) = (0, 0.0);
        for level in self.largest.iter().rev() {
            let own = &level[block * BLOCK..][..BLOCK];
            value = largest_of(own);
            block = block * BLOCK + first_of(own, value);
        }
        (block, value)
    }
}

impl<T: Scalar> Shared<'_, T> {
    /// The squared distance from a row to a pick, by the scalar definition.
    fn exact(&self, row: usize, pick: usize) -> f64 {
        let (points, rows) = (self.points, self.rows);
        raw::<Euclidean, T, T>(points.row(rows[self.picked[pick] as usize]), points.row(rows[row]))
    }

    /// Shows a row the picks that it has not seen, until its bound is not above the goal. If it may be the farthest then, its bound
    /// becomes exact.
    #[inline(always)]
    fn show<const FUSED: bool>(
        &self,
        row: usize,
        goal: f64,
        farthest: (f64, usize),
        (own_bound, known): (&mut f64, &mut Known),
        query: &mut [f32],
    ) {
        let end = self.picked.len();
        let Known { seen, mut nearest } = *known;
        let (mut seen, mut bound) = (seen as usize, *own_bound);
        if seen < end {
            let limits = self.frame.query(self.points.row(self.rows[row]), query);
            let margin = limits.margin(&self.frame);
            // The score of the nearest pick so far: a pick of a lower score, by more than the margin, is farther.
            let mut score = if nearest == EXACT {
                limits.possible(&self.frame, bound)
            } else {
                self.centres.scores_of::<FUSED>(query, nearest as usize / WIDTH)[nearest as usize % WIDTH]
            };
            while seen < end && bound > goal {
                let panel = seen / WIDTH;
                let mut scores = [[f32::NEG_INFINITY; WIDTH]; RUN];
                let panels = if end > (panel + 1) * WIDTH && panel + RUN <= self.centres.count() {
                    scores = self.centres.scores_of_run::<FUSED>(query, panel);
                    RUN
                } else {
                    scores[0] = self.centres.scores_of::<FUSED>(query, panel);
                    1
                };
                for lane in 0..seen % WIDTH {
                    scores[0][lane] = f32::NEG_INFINITY;
                }
                seen = end.min((panel + panels) * WIDTH);
                let best = largest_score(&scores);
                if f64::from(best) < f64::from(score) - margin {
                    continue;
                }
                let least = f64::from(best.max(score)) - margin;
                let near = at_least(&scores, least);
                if near.is_power_of_two() && f64::from(score) < least {
                    (nearest, score) = ((panel * WIDTH) as u32 + near.trailing_zeros(), best);
                    let most = limits.most(&self.frame, score);
                    bound = if most < bound { most } else { bound };
                    continue;
                }
                // Too near to each other: computed.
                if nearest != EXACT {
                    bound = self.exact(row, nearest as usize);
                }
                let mut near = near;
                while near != 0 {
                    let raw = self.exact(row, panel * WIDTH + near.trailing_zeros() as usize);
                    bound = if raw < bound { raw } else { bound };
                    near &= near - 1;
                }
                (nearest, score) = (EXACT, limits.possible(&self.frame, bound));
            }
        }
        if nearest != EXACT && is_farther((bound, row), farthest) {
            // It stays the nearest: what is farther than it by a margin is farther.
            bound = self.exact(row, nearest as usize);
        }
        *own_bound = bound;
        *known = Known { seen: seen as u32, nearest };
    }
}

/// A bit for every score that is at least so large, and that there is.
#[inline(always)]
fn at_least(scores: &[[f32; WIDTH]; RUN], least: f64) -> u64 {
    // Rounded down: a score in between is decided by an exact distance.
    let least = (least as f32).next_down().max(f32::MIN);
    let mut mask = 0u64;
    for (k, scores) in scores.iter().enumerate() {
        let mut own = 0u32;
        for lane in 0..WIDTH {
            own |= u32::from(scores[lane] >= least) << lane;
        }
        mask |= u64::from(own) << (k * WIDTH);
    }
    mask
}

/// Whether a row may be farther than another: of equals the lower.
#[inline(always)]
fn is_farther(row: (f64, usize), than: (f64, usize)) -> bool {
    row.0 > than.0 || (row.0 == than.0 && row.1 < than.1)
}

#[inline(always)]
fn largest_of(values: &[f64]) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [-1.0; 8];
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().chain(rest).fold(-1.0, |a, &b| if b > a { b } else { a })
}

#[inline(always)]
fn largest_score(scores: &[[f32; WIDTH]; RUN]) -> f32 {
    let mut lanes = scores[0];
    for scores in &scores[1..] {
        for lane in 0..WIDTH {
            lanes[lane] = if scores[lane] > lanes[lane] { scores[lane] } else { lanes[lane] };
        }
    }
    for width in [8, 4, 2, 1] {
        for lane in 0..width {
            lanes[lane] = if lanes[lane + width] > lanes[lane] { lanes[lane + width] } else { lanes[lane] };
        }
    }
    lanes[0]
}

/// The first of the values that equals one.
#[inline(always)]
fn first_of(values: &[f64], value: f64) -> usize {
    values.iter().position(|&v| v == value).unwrap_or(0)
}

/// A frame for these rows. Its centre is the mean of some of them.
fn frame<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId], look: Look<'_>) -> Result<Frame> {
    let d = points.columns();
    let stride = rows.len().div_ceil(256).max(1);
    let mut centre = vec![0.0; d];
    for (i, &row) in rows.iter().step_by(stride).enumerate() {
        let part = 1.0 / (i + 1) as f64;
        for (c, v) in centre.iter_mut().zip(points.row(row)) {
            *c += (v.widen() - *c) * part;
        }
    }
    round(&mut centre);
    let of = |rows: &[RowId]| look().map(|()| simd::run(Extent { points, rows, centre: &centre }));
    let both = |a: (f64, f64), b: (f64, f64)| Ok((a.0.max(b.0), a.1.max(b.1)));
    let (largest, longest) = rows.par_chunks(TOGETHER).map(of).try_reduce(|| (0.0, 0.0), both)?;
    Ok(Frame::around(centre, largest, longest * (1.0 + (d + 2) as f64 * f64::EPSILON)))
}

/// The largest difference of a coordinate from that of the centre, and the largest squared distance from it.
struct Extent<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    centre: &'a [f64],
}

impl<T: Scalar> simd::Kernel for Extent<'_, T> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { points, rows, centre } = self;
        let (mut largest, mut longest) = ([0.0f64; 8], 0.0f64);
        for &row in rows {
            let (centres, rest_centre) = centre.as_chunks::<8>();
            let (chunks, rest) = points.row(row).as_chunks::<8>();
            let mut squares = [0.0; 8];
            for (chunk, centre) in chunks.iter().zip(centres) {
                for lane in 0..8 {
                    let difference = (chunk[lane].widen() - centre[lane]).abs();
                    largest[lane] = if difference > largest[lane] { difference } else { largest[lane] };
                    squares[lane] += difference * difference;
                }
            }
            for (lane, (v, c)) in rest.iter().zip(rest_centre).enumerate() {
                let difference = (v.widen() - c).abs();
                largest[lane] = largest[lane].max(difference);
                squares[lane] += difference * difference;
            }
            longest = longest.max(squares.iter().sum());
        }
        (largest.iter().fold(0.0, |a, &b| f64::max(a, b)), longest)
    }
}

/// The search for the farthest row.
struct Farthest<'a, 'b, T>(&'a mut Lazy<'b, T>);

impl<T: Scalar> simd::Bounds for Farthest<'_, '_, T> {
    type Output = Result<(f64, usize)>;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> Self::Output {
        let lazy = self.0;
        // No picked row is farther than this.
        let mut farthest = (-1.0, 0);
        loop {
            (lazy.shared.look)()?;
            let (block, value) = lazy.top();
            // Equal bounds of a later block lose, and in its own block every row has been looked at.
            if value < farthest.0 || (value == farthest.0 && block >= farthest.1 / BLOCK) {
                return Ok(farthest);
            }
            let begin = block * BLOCK;
            let goal = |farthest: (f64, usize)| if farthest.0 > 0.0 { farthest.0 * DEEPER } else { farthest.0 };
            // The largest first: it makes most others wait.
            let first = begin + first_of(&lazy.bounds[begin..begin + BLOCK], value);
            for row in std::iter::once(first).chain(begin..begin + BLOCK) {
                if is_farther((lazy.bounds[row], row), farthest) {
                    let own = (&mut lazy.bounds[row], &mut lazy.known[row]);
                    lazy.shared.show::<FUSED>(row, goal(farthest), farthest, own, &mut lazy.query);
                    if is_farther((lazy.bounds[row], row), farthest) {
                        farthest = (lazy.bounds[row], row);
                    }
                }
            }
            lazy.bring_up(block);
        }
    }
}

/// Brings rows up to date.
struct Together<'a, 'b, T> {
    shared: &'a Shared<'b, T>,
    begin: usize,
    bounds: &'a mut [f64],
    known: &'a mut [Known],
    largest: &'a mut [f64],
    goal: f64,
}

impl<T: Scalar> simd::Bounds for Together<'_, '_, T> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> Result<()> {
        let Self { shared, begin, bounds, known, largest, goal } = self;
        let mut query = vec![0.0; shared.points.columns()];
        // None is to be exact.
        let farthest = (f64::INFINITY, 0);
        let blocks = bounds.chunks_exact_mut(BLOCK).zip(known.chunks_exact_mut(BLOCK));
        for (block, (largest, (bounds, known))) in largest.iter_mut().zip(blocks).enumerate() {
            if *largest <= goal {
                continue;
            }
            (shared.look)()?;
            for at in 0..BLOCK {
                if bounds[at] > goal {
                    let row = begin + block * BLOCK + at;
                    shared.show::<FUSED>(row, goal, farthest, (&mut bounds[at], &mut known[at]), &mut query);
                }
            }
            *largest = largest_of(bounds);
        }
        Ok(())
    }
}
