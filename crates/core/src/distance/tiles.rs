//! Tiles: many squared Euclidean distances at once in f32, with a bound on their error. Searches use them to leave points out
//! for certain; what a bound cannot decide is decided in f64 by the scalar definition, so results are exact.
//!
//! A [`Frame`] takes a centre c from points and scales them by a power of two s, so that coordinates are at most 1, and rounds
//! them to f32: p ≈ s·(x − c). With u = 2⁻²⁴ and g = (chain + 40)·u, where `chain` is the longest chain of f32 sums, for the computed product
//! p·q and squared lengths |p|², |q|²,
//!
//! ```math
//! \left| (|p|^2 + |q|^2 - 2\,p \cdot q) - s^2 \lVert x - y \rVert^2 \right| \le g\,(|p|^2 + |q|^2) + t .
//! ```
//!
//! (The product is off by at most chain·u·|p||q|, and twice that is at most chain·u·(|p|² + |q|²). Rounding a point moves it by u·|p|,
//! which changes the square by at most 4u·(|p|² + |q|²); the rest of the 40 is for lengths and the last difference. t is for values too
//! small for f32.) The right side is a sum of one part for each point, so each point holds its part: low(p) = |p|²·(1 − g) − t. The *score* of a
//! pair is q·p − low(p)/2. The squared distance of the pair can be at most T only if its score is at least the query's
//! [`Query::possible`] of T, and is certainly below T if its score is at least the query's [`Query::certain`] of T. One comparison per pair,
//! then, as cheap as a test without a bound.
//!
//! Points are kept in panels of [`WIDTH`] points, column by column; [`GROUP`] queries are compared with a panel at a time, as many sums as
//! the registers of AVX2 hold. (The shape of the micro-kernel is that of matrix products: Goto & van de Geijn, ACM TOMS 34, 2008.)

use rayon::prelude::*;

use crate::monitor::Pace;
use crate::{Look, Result, Scalar, simd};

/// Points of a panel.
pub(crate) const WIDTH: usize = 16;

/// Queries of a group.
pub(crate) const GROUP: usize = 6;

/// Panels that one query is compared with at a time, where there is one alone: their sums keep the registers busy.
pub(crate) const RUN: usize = 4;

/// Columns after which sums go into another register: it keeps the chains of roundings, and so the bound, short.
const CHUNK: usize = 256;

/// The rounding of f32.
const UNIT: f64 = 1.0 / 16_777_216.0;

/// Scores of a group of queries and a panel of points.
pub(crate) type Scores = [[f32; WIDTH]; GROUP];

/// How points become f32.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Rounded to f32 where that is in its range.
    centre: Vec<f64>,
    /// The same, if f32 values can be taken from and scaled in f32.
    single: Option<(Vec<f32>, f32)>,
    scale: f64,
    /// g.
    relative: f64,
    /// t.
    absolute: f64,
    /// By how much a computed f64 square may be off, relatively.
    double: f64,
    /// At least |p|² of every point.
    longest: f64,
}

impl Frame {
    /// A frame for points, of which there is at least one: `each` calls its argument with every one, and is called twice. Queries may lie
    /// elsewhere; the bound is sharpest where they are as near to the centre as the points.
    ///
    /// # Errors
    /// That of `look`.
    pub(crate) fn of<'a, T: Scalar>(
        columns: usize,
        rows: impl Iterator<Item = &'a [T]> + Clone,
        look: Look<'_>,
    ) -> Result<Self> {
        let mut centre = vec![0.0; columns];
        let mut count = 0u64;
        let mut pace = Pace::new(look);
        // Means of means, so that no sum overflows.
        for row in rows.clone() {
            pace.work(columns)?;
            count += 1;
            let part = 1.0 / count as f64;
            for (c, v) in centre.iter_mut().zip(row) {
                *c += (v.widen() - *c) * part;
            }
        }
        round(&mut centre);
        let (mut largest, mut longest) = (0.0f64, 0.0f64);
        for row in rows {
            pace.work(columns)?;
            let mut square = 0.0;
            for (c, v) in centre.iter().zip(row) {
                let difference = (v.widen() - c).abs();
                largest = largest.max(difference);
                square += difference * difference;
            }
            longest = longest.max(square);
        }
        Ok(Self::around(centre, largest, longest))
    }

    /// A frame for points whose coordinates differ from those of the centre by at most `largest`, and whose squared distances from it are at
    /// most `longest`, as f64 computes them. The centre is one that [`round`] gave.
    pub(crate) fn around(centre: Vec<f64>, largest: f64, longest: f64) -> Self {
        let columns = centre.len();
        let single: Vec<f32> = centre.iter().map(|&c| c as f32).collect();
        // The exponent of the largest difference, made that of 1/2, so that the coordinates of points are below 1; but no further than where
        // squares in f64 begin to vanish.
        let exponent = (largest.to_bits() >> 52).cast_signed() - 1022;
        let exponent = if largest > 0.0 { exponent.max(-466) } else { 0 };
        let scale = f64::from_bits((1023 - exponent).cast_unsigned() << 52);
        // Products, and lengths.
        let chain = CHUNK.min(columns) + columns.div_ceil(CHUNK) + columns.div_ceil(WIDTH);
        let in_range = exponent.abs() < 100 && single.iter().all(|s| s.is_finite());
        Self {
            single: in_range.then_some((single, scale as f32)),
            centre,
            scale,
            relative: (chain + 40) as f64 * UNIT,
            absolute: columns as f64 * 2.0f64.powi(-125),
            double: (columns + 8) as f64 * f64::EPSILON,
            longest: longest * (scale * scale) * (1.0 + 4.0 * UNIT) + columns as f64 * 2.0f64.powi(-125),
        }
    }

    /// Number of coordinates of a point.
    pub(crate) fn columns(&self) -> usize {
        self.centre.len()
    }

    /// At least the distance of every point from the centre, and little more.
    pub(crate) fn radius(&self) -> f64 {
        self.longest.sqrt() / self.scale
    }

    /// The power of two by which coordinates are multiplied.
    pub(crate) fn scale(&self) -> f64 {
        self.scale
    }

    /// Writes a point in f32, and gives its squared length.
    #[inline(always)]
    fn set<T: Scalar>(&self, row: &[T], out: &mut [f32]) -> f64 {
        match (&self.single, T::singles(row)) {
            (Some((centre, scale)), Some(row)) => {
                let scale = *scale;
                set(row, centre, out, move |v, c| (v - c) * scale)
            }
            _ => {
                let scale = self.scale;
                set(row, &self.centre, out, move |v: T, c| ((v.widen() - c) * scale) as f32)
            }
        }
    }

    /// low(p) of a squared length.
    #[inline(always)]
    fn low(&self, square: f64) -> f64 {
        square * (1.0 - self.relative) - self.absolute
    }

    /// Writes a query in f32.
    #[inline(always)]
    pub(crate) fn query<T: Scalar>(&self, row: &[T], out: &mut [f32]) -> Query {
        let out = &mut out[..row.len()];
        let square = self.set(row, out);
        // So far away that a product might overflow: nothing is said of it.
        if square.is_nan() || square >= 2.0f64.powi(60) {
            out.fill(0.0);
            return Query { low: f64::NEG_INFINITY, slack: f64::INFINITY };
        }
        let slack = 2.0 * (self.relative * (square + self.longest) + 2.0 * self.absolute);
        Query { low: self.low(square), slack }
    }
}

/// Rounds a centre to f32 where that is in its range: differences from it are then rounded once, also in f32.
pub(crate) fn round(centre: &mut [f64]) {
    for c in centre {
        let single = *c as f32;
        *c = if single.is_finite() { f64::from(single) } else { *c };
    }
}

/// Writes what `of` makes of a row and the centre, and gives the squared length of that, summed in lanes.
#[inline(always)]
fn set<T: Copy, C: Copy>(row: &[T], centre: &[C], out: &mut [f32], of: impl Fn(T, C) -> f32) -> f64 {
    let mut squares = [0.0f32; WIDTH];
    let (rows, row_rest) = row.as_chunks::<WIDTH>();
    let (centres, centre_rest) = centre.as_chunks::<WIDTH>();
    let (outs, out_rest) = out.as_chunks_mut::<WIDTH>();
    for ((row, centre), out) in rows.iter().zip(centres).zip(outs) {
        let mut singles = [0.0; WIDTH];
        for lane in 0..WIDTH {
            singles[lane] = of(row[lane], centre[lane]);
        }
        for lane in 0..WIDTH {
            squares[lane] += singles[lane] * singles[lane];
        }
        *out = singles;
    }
    for (((&v, &c), out), square) in row_rest.iter().zip(centre_rest).zip(out_rest).zip(&mut squares) {
        *out = of(v, c);
        *square += *out * *out;
    }
    squares.iter().copied().map(f64::from).sum()
}

/// What the scores of a query are compared with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Query {
    low: f64,
    /// By how much two bounds of a squared distance differ, at most.
    slack: f64,
}

impl Query {
    /// Half the squared distance of a point is at least this less its score.
    #[inline(always)]
    pub(crate) fn half_low(&self) -> f32 {
        ((self.low / 2.0) as f32).next_down()
    }

    /// The least score of a point whose squared distance, as the scalar definition computes it, is at most `raw`.
    #[inline(always)]
    pub(crate) fn possible(&self, frame: &Frame, raw: f64) -> f32 {
        let most = raw * (1.0 + frame.double) * (frame.scale * frame.scale);
        // Of a query of which nothing is said, every point's score is high enough; those of empty places never are.
        (((self.low - most) / 2.0) as f32).next_down().max(f32::MIN)
    }

    /// At most the squared distance of points that score so or higher, as the scalar definition computes it.
    #[inline(always)]
    pub(crate) fn at_most(&self, frame: &Frame, score: f32) -> f64 {
        let most = (self.low - 2.0 * f64::from(score) + self.slack + frame.absolute) * (1.0 + frame.double);
        // Of a query of which nothing is said, this is not a number.
        if most.is_nan() { f64::INFINITY } else { most.max(0.0) / (frame.scale * frame.scale) * (1.0 + f64::EPSILON) }
    }

    /// At least the squared distance of points that score so or lower. (Of f64: what little its roundings take is not part of it.)
    #[inline(always)]
    pub(crate) fn at_least(&self, frame: &Frame, score: f32) -> f64 {
        let least = (self.low - 2.0 * f64::from(score)) / (frame.scale * frame.scale);
        if least > 0.0 { least } else { 0.0 }
    }

    /// A score from which on the squared distance, as the scalar definition computes it, is certainly below `raw`.
    #[inline(always)]
    pub(crate) fn certain(&self, frame: &Frame, raw: f64) -> f32 {
        let most = raw * (1.0 - frame.double) * (frame.scale * frame.scale) - frame.absolute;
        (((self.low + self.slack - most) / 2.0) as f32).next_up()
    }

    /// Of two scores that differ by more, the larger is certainly that of the nearer point. A tenth is for the rounding of what stands for a
    /// score, such as [`Self::possible`].
    #[inline(always)]
    pub(crate) fn margin(&self, frame: &Frame) -> f64 {
        self.slack * 0.55 + frame.absolute
    }

    /// The most that the squared distance of a point of this score can be, as the scalar definition computes it.
    #[inline(always)]
    pub(crate) fn most(&self, frame: &Frame, score: f32) -> f64 {
        let most = (self.low + self.slack + frame.absolute - 2.0 * f64::from(score)).max(0.0);
        most * (1.0 + 2.0 * frame.double) / (frame.scale * frame.scale)
    }
}

/// Points in panels.
#[derive(Clone, Debug)]
pub(crate) struct Panels {
    /// Panel after panel, each column by column.
    values: Vec<[f32; WIDTH]>,
    /// low(p)/2 of each point, rounded down; infinite for places beyond the last point, whose scores are −∞.
    half_low: Vec<[f32; WIDTH]>,
    columns: usize,
}

impl Panels {
    /// Points in `places` places: `row(i)` is the point in place i, if there is one.
    pub(crate) fn new<'a, T: Scalar>(
        frame: &Frame,
        places: usize,
        row: impl Fn(usize) -> Option<&'a [T]> + Sync,
        look: Look<'_>,
    ) -> Result<Self> {
        let (columns, count) = (frame.columns(), places.div_ceil(WIDTH));
        let mut values = vec![[0.0; WIDTH]; count * columns];
        let mut half_low = vec![[f32::INFINITY; WIDTH]; count];
        let panels = values.par_chunks_exact_mut(columns).zip(&mut half_low).enumerate();
        panels.try_for_each_init(
            || vec![0.0; columns],
            |single, (panel, (values, half_low))| {
                let row = |lane: usize| {
                    let place = panel * WIDTH + lane;
                    if place < places { row(place) } else { None }
                };
                simd::run(Fill { frame, row, values, half_low, single });
                look()
            },
        )?;
        Ok(Self { values, half_low, columns })
    }

    /// Number of panels.
    pub(crate) fn count(&self) -> usize {
        self.half_low.len()
    }

    /// So many places without a point.
    pub(crate) fn empty(frame: &Frame, places: usize) -> Self {
        let (columns, count) = (frame.columns(), places.div_ceil(WIDTH));
        Self { values: vec![[0.0; WIDTH]; count * columns], half_low: vec![[f32::INFINITY; WIDTH]; count], columns }
    }

    /// Writes a point into a place. `single` is scratch of one value per column.
    pub(crate) fn set<T: Scalar>(&mut self, frame: &Frame, place: usize, row: &[T], single: &mut [f32]) {
        let (panel, lane) = (place / WIDTH, place % WIDTH);
        let square = frame.set(row, single);
        let values = &mut self.values[panel * self.columns..][..self.columns];
        values.iter_mut().zip(single).for_each(|(values, v)| values[lane] = *v);
        self.half_low[panel][lane] = ((frame.low(square) / 2.0) as f32).next_down();
    }

    /// The scores of one query and one panel.
    #[inline(always)]
    pub(crate) fn scores_of<const FUSED: bool>(&self, query: &[f32], panel: usize) -> [f32; WIDTH] {
        let columns = &self.values[panel * self.columns..][..self.columns];
        let mut scores = [0.0; WIDTH];
        for (query, columns) in query.chunks(CHUNK).zip(columns.chunks(CHUNK)) {
            // Two chains, so that one does not wait for the other.
            let mut sums = [[0.0f32; WIDTH]; 2];
            let (pairs, rest) = query.as_chunks::<2>();
            for (pair, columns) in pairs.iter().zip(columns.as_chunks::<2>().0) {
                for half in 0..2 {
                    add_product::<FUSED>(&mut sums[half], pair[half], &columns[half]);
                }
            }
            if let (Some(&x), Some(column)) = (rest.first(), columns.last()) {
                add_product::<FUSED>(&mut sums[0], x, column);
            }
            for lane in 0..WIDTH {
                scores[lane] += sums[0][lane] + sums[1][lane];
            }
        }
        for lane in 0..WIDTH {
            scores[lane] -= self.half_low[panel][lane];
        }
        scores
    }

    /// The scores of one query and [`RUN`] panels from this one on.
    #[inline(always)]
    pub(crate) fn scores_of_run<const FUSED: bool>(&self, query: &[f32], panel: usize) -> [[f32; WIDTH]; RUN] {
        let d = self.columns;
        let panels = &self.values[panel * d..][..RUN * d];
        let mut scores = [[0.0; WIDTH]; RUN];
        for begin in (0..d).step_by(CHUNK) {
            let end = d.min(begin + CHUNK);
            let of = |k: usize| panels[k * d + begin..k * d + end].iter();
            let mut sums = [[0.0f32; WIDTH]; RUN];
            let columns = of(0).zip(of(1)).zip(of(2)).zip(of(3));
            for (&x, (((first, second), third), fourth)) in query[begin..end].iter().zip(columns) {
                add_product::<FUSED>(&mut sums[0], x, first);
                add_product::<FUSED>(&mut sums[1], x, second);
                add_product::<FUSED>(&mut sums[2], x, third);
                add_product::<FUSED>(&mut sums[3], x, fourth);
            }
            for (scores, sums) in scores.iter_mut().zip(&sums) {
                for lane in 0..WIDTH {
                    scores[lane] += sums[lane];
                }
            }
        }
        for (scores, low) in scores.iter_mut().zip(&self.half_low[panel..panel + RUN]) {
            for lane in 0..WIDTH {
                scores[lane] -= low[lane];
            }
        }
        scores
    }

    /// The scores of a group of queries and a panel: for [`crate::simd::Bounds`] bodies.
    #[inline(always)]
    pub(crate) fn scores<const FUSED: bool>(&self, queries: [&[f32]; GROUP], panel: usize) -> Scores {
        let columns = &self.values[panel * self.columns..][..self.columns];
        let mut scores = products::<FUSED>(queries, &columns[..CHUNK.min(self.columns)], 0);
        for begin in (CHUNK..self.columns).step_by(CHUNK) {
            let products = products::<FUSED>(queries, &columns[begin..self.columns.min(begin + CHUNK)], begin);
            for (scores, products) in scores.iter_mut().zip(&products) {
                for (score, product) in scores.iter_mut().zip(products) {
                    *score += product;
                }
            }
        }
        for scores in &mut scores {
            for (score, low) in scores.iter_mut().zip(&self.half_low[panel]) {
                *score -= low;
            }
        }
        scores
    }

    /// Bytes of `len` points.
    pub(crate) fn memory(len: usize, columns: usize) -> u64 {
        4 * (len.next_multiple_of(WIDTH) * (columns + 1)) as u64
    }
}

/// The points of panels once more, row by row, for a query that is compared with single ones.
#[derive(Clone, Debug)]
pub(crate) struct Singles {
    values: Vec<f32>,
}

impl Singles {
    /// The points of panels.
    pub(crate) fn of(panels: &Panels) -> Self {
        let mut values = vec![0.0; panels.values.len() * WIDTH];
        let columns = panels.columns;
        for (values, panel) in values.chunks_exact_mut(WIDTH * columns).zip(panels.values.chunks_exact(columns)) {
            for (lane, row) in values.chunks_exact_mut(columns).enumerate() {
                row.iter_mut().zip(panel).for_each(|(v, column)| *v = column[lane]);
            }
        }
        Self { values }
    }

    /// The scores of a query and the points in some places. (A body of its own: inside a larger one the compiler does not keep sums in registers.)
    pub(crate) fn scores(&self, panels: &Panels, query: &[f32], places: &[usize], scores: &mut Vec<f32>) {
        simd::run_bounds(OfPlaces { singles: self, panels, query, places, scores });
    }

    /// Bytes of `len` points.
    pub(crate) fn memory(len: usize, columns: usize) -> u64 {
        4 * (len.next_multiple_of(WIDTH) * columns) as u64
    }
}

/// What [`Singles::scores`] is asked.
struct OfPlaces<'a> {
    singles: &'a Singles,
    panels: &'a Panels,
    query: &'a [f32],
    places: &'a [usize],
    scores: &'a mut Vec<f32>,
}

impl simd::Bounds for OfPlaces<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let d = self.query.len();
        self.scores.clear();
        for &place in self.places {
            let product = product::<FUSED>(self.query, &self.singles.values[place * d..][..d]);
            self.scores.push(product - self.panels.half_low[place / WIDTH][place % WIDTH]);
        }
    }
}

/// The product of two points, summed in lanes.
#[inline(always)]
fn product<const FUSED: bool>(query: &[f32], point: &[f32]) -> f32 {
    let (queries, query_rest) = query.as_chunks::<WIDTH>();
    let (points, point_rest) = point.as_chunks::<WIDTH>();
    let mut sums = [0.0f32; WIDTH];
    for (query, point) in queries.iter().zip(points) {
        for lane in 0..WIDTH {
            let (x, y) = (query[lane], point[lane]);
            sums[lane] = if FUSED { x.mul_add(y, sums[lane]) } else { sums[lane] + x * y };
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(query_rest).zip(point_rest) {
        *sum += x * y;
    }
    let mut width = WIDTH / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// Whether a score is the threshold or higher.
#[inline(always)]
pub(crate) fn any_from(scores: &[f32; WIDTH], threshold: f32) -> bool {
    let mut any = 0u32;
    for &score in scores {
        any |= u32::from(score >= threshold);
    }
    any != 0
}

/// The highest of the scores of a query.
#[inline(always)]
pub(crate) fn highest(scores: &[f32; WIDTH]) -> f32 {
    let mut lanes = *scores;
    let mut width = WIDTH / 2;
    while width > 0 {
        for lane in 0..width {
            let (a, b) = (lanes[lane], lanes[lane + width]);
            lanes[lane] = if a > b { a } else { b };
        }
        width /= 2;
    }
    lanes[0]
}

/// One panel written.
struct Fill<'a, R> {
    frame: &'a Frame,
    row: R,
    values: &'a mut [[f32; WIDTH]],
    half_low: &'a mut [f32; WIDTH],
    single: &'a mut [f32],
}

impl<'a, T: Scalar, R: Fn(usize) -> Option<&'a [T]>> simd::Kernel for Fill<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for lane in 0..WIDTH {
            let Some(row) = (self.row)(lane) else { continue };
            let square = self.frame.set(row, self.single);
            self.values.iter_mut().zip(self.single.iter()).for_each(|(values, v)| values[lane] = *v);
            self.half_low[lane] = ((self.frame.low(square) / 2.0) as f32).next_down();
        }
    }
}

#[inline(always)]
fn add_product<const FUSED: bool>(sums: &mut [f32; WIDTH], x: f32, column: &[f32; WIDTH]) {
    for lane in 0..WIDTH {
        sums[lane] = if FUSED { x.mul_add(column[lane], sums[lane]) } else { sums[lane] + x * column[lane] };
    }
}

/// The products of each query with each point, over the columns from `begin` on.
#[inline(always)]
fn products<const FUSED: bool>(queries: [&[f32]; GROUP], columns: &[[f32; WIDTH]], begin: usize) -> Scores {
    let [a, b, c, d, e, f] = queries.map(|query| &query[begin..][..columns.len()]);
    let mut sums = [[0.0f32; WIDTH]; GROUP];
    let others = b.iter().zip(c).zip(d).zip(e).zip(f);
    for ((column, a), ((((b, c), d), e), f)) in columns.iter().zip(a).zip(others) {
        let x = [*a, *b, *c, *d, *e, *f];
        for q in 0..GROUP {
            for lane in 0..WIDTH {
                sums[q][lane] =
                    if FUSED { x[q].mul_add(column[lane], sums[q][lane]) } else { sums[q][lane] + x[q] * column[lane] };
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Euclidean, raw};
    use crate::simd::{Bounds, Level};
    use proptest::prelude::*;

    struct One<'a>(&'a Panels, [&'a [f32]; GROUP], usize);

    impl Bounds for One<'_> {
        type Output = Scores;
        #[inline(always)]
        fn run<const FUSED: bool>(self) -> Scores {
            self.0.scores::<FUSED>(self.1, self.2)
        }
    }

    /// Every point that is at most at a distance has a score at the threshold or above, and if `sharp`, no point that is much farther has.
    fn bounded<T: Scalar>(rows: &[Vec<T>], sharp: bool) {
        let d = rows[0].len();
        let frame = Frame::of(d, rows.iter().map(Vec::as_slice), &|| Ok(())).expect("nobody stops it");
        let panels = Panels::new(&frame, rows.len(), |i| Some(&rows[i][..]), &|| Ok(()));
        let panels = panels.expect("nobody stops it");
        let longest = rows.iter().map(|row| row.iter().map(|v| v.widen().powi(2)).sum::<f64>()).fold(0.0, f64::max);
        for level in Level::all() {
            for first in (0..rows.len()).step_by(GROUP) {
                let own = |q: usize| &rows[(first + q).min(rows.len() - 1)];
                let mut values = [const { Vec::new() }; GROUP];
                let queries: [Query; GROUP] = std::array::from_fn(|q| {
                    values[q] = vec![0.0; d];
                    frame.query(own(q), &mut values[q])
                });
                let group = values.each_ref().map(Vec::as_slice);
                for panel in 0..panels.count() {
                    let scores = level.run_bounds(One(&panels, group, panel));
                    for (q, query) in queries.iter().enumerate() {
                        for (lane, &score) in scores[q].iter().enumerate() {
                            let Some(other) = rows.get(panel * WIDTH + lane) else {
                                assert_eq!(score, f32::NEG_INFINITY);
                                continue;
                            };
                            let exact = raw::<Euclidean, T, T>(own(q), other);
                            assert!(score >= query.possible(&frame, exact), "{level:?}: {score}, {query:?}, {exact}");
                            assert!(score < query.certain(&frame, exact), "{level:?}: {score}, {query:?}, {exact}");
                            assert!(exact <= query.at_most(&frame, score), "{level:?}: {score}, {query:?}, {exact}");
                            assert!(
                                exact * (1.0 + 1e-9) >= query.at_least(&frame, score),
                                "{level:?}: {score}, {exact}"
                            );
                            let [nearer, farther] = [exact - 1e-4 * longest, exact + 1e-4 * longest];
                            if sharp && nearer > 0.0 {
                                assert!(score < query.possible(&frame, nearer));
                            }
                            if sharp && longest > 0.0 {
                                assert!(score >= query.certain(&frame, farther), "{score} {query:?} {exact} {longest}");
                            }
                        }
                    }
                }
            }
        }
    }

    fn single(rows: &[Vec<f64>]) -> Vec<Vec<f32>> {
        rows.iter().map(|row| row.iter().map(|&v| v as f32).collect()).collect()
    }

    proptest! {
        #[test]
        fn scores_bound_distances(
            (rows, power) in (1usize..70, 1usize..40).prop_flat_map(|(d, n)| (
                prop::collection::vec(prop::collection::vec(-1f64..1.0, d), n),
                prop::sample::select(vec![-130, -40, -1, 0, 3, 30, 140]),
            )),
            kind in 0u8..4,
        ) {
            // Plain, on a grid, far from the origin, in clusters that are far apart.
            let place = |v: f64, i: usize| match kind {
                0 => v,
                1 => (v * 3.0).round(),
                2 => v + 1e6,
                _ => v * 1e-3 + (i % 3) as f64 * 100.0,
            };
            let rows: Vec<Vec<f64>> = rows
                .iter()
                .enumerate()
                .map(|(i, row)| row.iter().map(|&v| place(v, i) * 10.0f64.powi(power)).collect())
                .collect();
            bounded(&rows, kind < 2);
            if (-30..31).contains(&power) {
                bounded(&single(&rows), kind < 2);
            }
        }
    }

    #[test]
    fn scores_bound_distances_of_many_columns() {
        let value = |i: usize| crate::Seed(5).unit(crate::RowId::at(i)) - 0.5;
        for d in [255, 256, 257, 800] {
            let rows: Vec<Vec<f64>> = (0..20).map(|i| (0..d).map(|j| value(i * d + j)).collect()).collect();
            bounded(&rows, true);
            bounded(&single(&rows), true);
            // Equal points, and points of zeros.
            bounded(&vec![rows[0].clone(); 17], true);
            bounded(&vec![vec![0.0; d]; 17], true);
        }
    }
}
