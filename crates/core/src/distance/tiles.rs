//! Tiles: many squared Euclidean distances at once in f32, with a bound on their error. Searches use them to leave points out
//! for certain; what a bound cannot decide is decided in f64 by the scalar definition, so results are exact.
//!
//! A [`Frame`] takes a centre c from points and scales them by a power of two s, so that coordinates are at most 1, and rounds
//! them to f32: p ≈ s·(x − c). With u = 2⁻²⁴ and g = (chain + 32)·u, where `chain` is the longest chain of f32 sums, for the computed product
//! p·q and squared lengths |p|², |q|²,
//!
//! ```math
//! \left| (|p|^2 + |q|^2 - 2\,p \cdot q) - s^2 \lVert x - y \rVert^2 \right| \le g\,(|p|^2 + |q|^2) + t .
//! ```
//!
//! (The product is off by at most chain·u·|p||q|, and twice that is at most chain·u·(|p|² + |q|²). Rounding a point moves it by u·|p|,
//! which changes the square by at most 4u·(|p|² + |q|²); the rest of the 32 is for lengths and the last difference. t is for values too
//! small for f32.) The right side is a sum of one part for each point, so each point holds its part: low(p) = |p|²·(1 − g) − t. The *score* of a
//! pair is q·p − low(p)/2, and the squared distance of the pair can be at most T only if its score is at least the query's
//! [`Group::threshold`] of T. One comparison per pair, then, as cheap as a test without a bound.
//!
//! Points are kept in panels of [`WIDTH`] points, column by column; [`GROUP`] queries are compared with a panel at a time, as many sums as
//! the registers of AVX2 hold. (The shape of the micro-kernel is that of matrix products: Goto & van de Geijn, ACM TOMS 34, 2008.)

use crate::Scalar;

/// Points of a panel.
pub(crate) const WIDTH: usize = 16;

/// Queries of a group.
pub(crate) const GROUP: usize = 6;

/// Columns after which sums go into another register: it keeps the chains of roundings, and so the bound, short.
const CHUNK: usize = 256;

/// The rounding of f32.
const UNIT: f64 = 1.0 / 16_777_216.0;

/// Scores of a group of queries and a panel of points.
pub(crate) type Scores = [[f32; WIDTH]; GROUP];

/// How points become f32.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    centre: Vec<f64>,
    scale: f64,
    /// g.
    relative: f64,
    /// t.
    absolute: f64,
    /// By how much the computed f64 square may be off, relatively.
    double: f64,
}

impl Frame {
    /// A frame for all the points that are to be compared in it, of which there is at least one: `each` calls its argument with every one. It is
    /// called twice.
    pub(crate) fn of<'a, T: Scalar>(columns: usize, each: impl Fn(&mut dyn FnMut(&'a [T]))) -> Self {
        let mut centre = vec![0.0; columns];
        let mut count = 0u64;
        // Means of means, so that no sum overflows.
        each(&mut |row| {
            count += 1;
            let part = 1.0 / count as f64;
            for (c, v) in centre.iter_mut().zip(row) {
                *c += (v.widen() - *c) * part;
            }
        });
        let mut largest = 0.0f64;
        each(&mut |row| {
            for (c, v) in centre.iter().zip(row) {
                largest = largest.max((v.widen() - c).abs());
            }
        });
        Self::around(centre, largest)
    }

    /// A frame for points whose coordinates differ from those of the centre by at most `largest`.
    pub(crate) fn around(centre: Vec<f64>, largest: f64) -> Self {
        let columns = centre.len();
        // The exponent of the largest difference, made that of 1/2: coordinates are below 1.
        let exponent = (largest.to_bits() >> 52).cast_signed() - 1022;
        let exponent = if largest > 0.0 { exponent.clamp(-600, 600) } else { 0 };
        let scale = f64::from_bits(((1023 - exponent).cast_unsigned()) << 52);
        let chain = CHUNK.min(columns) + columns.div_ceil(CHUNK);
        Self {
            centre,
            scale,
            relative: (chain + 32) as f64 * UNIT,
            absolute: columns as f64 * 2.0f64.powi(-125),
            double: (columns + 8) as f64 * f64::EPSILON,
        }
    }

    /// Number of coordinates of a point.
    pub(crate) fn columns(&self) -> usize {
        self.centre.len()
    }

    /// Writes a point in f32, and gives low(p).
    #[inline(always)]
    fn set<T: Scalar>(&self, row: &[T], mut out: impl FnMut(usize, f32)) -> f64 {
        let mut square = 0.0;
        for (j, (v, c)) in row.iter().zip(&self.centre).enumerate() {
            let single = ((v.widen() - c) * self.scale) as f32;
            square += f64::from(single) * f64::from(single);
            out(j, single);
        }
        square * (1.0 - self.relative) - self.absolute
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
    len: usize,
}

impl Panels {
    /// `len` points: `row(i)` is the i-th.
    pub(crate) fn new<'a, T: Scalar>(frame: &Frame, len: usize, row: impl Fn(usize) -> &'a [T]) -> Self {
        let (columns, count) = (frame.columns(), len.div_ceil(WIDTH));
        let mut panels = Self {
            values: vec![[0.0; WIDTH]; count * columns],
            half_low: vec![[f32::INFINITY; WIDTH]; count],
            columns,
            len,
        };
        for i in 0..len {
            panels.set(frame, i, row(i));
        }
        panels
    }

    /// Writes a point into a place.
    pub(crate) fn set<T: Scalar>(&mut self, frame: &Frame, place: usize, row: &[T]) {
        let (panel, lane) = (place / WIDTH, place % WIDTH);
        let values = &mut self.values[panel * self.columns..][..self.columns];
        let low = frame.set(row, |j, v| values[j][lane] = v);
        self.half_low[panel][lane] = down(low / 2.0);
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Number of panels.
    pub(crate) fn count(&self) -> usize {
        self.half_low.len()
    }

    /// The scores of a group of queries and a panel: for [`crate::simd::Bounds`] bodies.
    #[inline(always)]
    pub(crate) fn scores<const FUSED: bool>(&self, group: &Group, panel: usize) -> Scores {
        let columns = &self.values[panel * self.columns..][..self.columns];
        let first = CHUNK.min(columns.len());
        let (first_queries, queries) = group.values.split_at(first);
        let (first_columns, columns) = columns.split_at(first);
        let mut scores = products::<FUSED>(first_queries, first_columns);
        for (queries, columns) in queries.chunks(CHUNK).zip(columns.chunks(CHUNK)) {
            let products = products::<FUSED>(queries, columns);
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

/// The products of each query with each point.
#[inline(always)]
fn products<const FUSED: bool>(queries: &[[f32; GROUP]], columns: &[[f32; WIDTH]]) -> Scores {
    let mut sums = [[0.0f32; WIDTH]; GROUP];
    for (query, column) in queries.iter().zip(columns) {
        for q in 0..GROUP {
            let x = query[q];
            for lane in 0..WIDTH {
                sums[q][lane] =
                    if FUSED { x.mul_add(column[lane], sums[q][lane]) } else { sums[q][lane] + x * column[lane] };
            }
        }
    }
    sums
}

/// Up to [`GROUP`] queries, side by side.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    values: Vec<[f32; GROUP]>,
    low: [f64; GROUP],
}

impl Group {
    /// No queries: places that are not set score as the centre.
    pub(crate) fn new(frame: &Frame) -> Self {
        Self { values: vec![[0.0; GROUP]; frame.columns()], low: [0.0; GROUP] }
    }

    /// Writes a query into a place.
    #[inline(always)]
    pub(crate) fn set<T: Scalar>(&mut self, frame: &Frame, place: usize, row: &[T]) {
        let values = &mut self.values;
        self.low[place] = frame.set(row, |j, v| values[j][place] = v);
    }

    /// The least score of a point whose squared distance to the query, as the scalar definition computes it, is at most `raw`.
    /// −∞ if `raw` is infinite.
    #[inline(always)]
    pub(crate) fn threshold(&self, frame: &Frame, place: usize, raw: f64) -> f32 {
        let most = raw * (1.0 + frame.double) * (frame.scale * frame.scale);
        down((self.low[place] - most) / 2.0)
    }
}

/// An f32 that is at most the value.
#[inline(always)]
fn down(value: f64) -> f32 {
    (value as f32).next_down()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Euclidean, raw};
    use crate::simd::{Bounds, Level};
    use proptest::prelude::*;

    struct One<'a>(&'a Panels, &'a Group, usize);

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
        let frame = Frame::of(d, |each| rows.iter().for_each(|row| each(row)));
        let panels = Panels::new(&frame, rows.len(), |i| &rows[i]);
        let longest = rows.iter().map(|row| row.iter().map(|v| v.widen().powi(2)).sum::<f64>()).fold(0.0, f64::max);
        for level in Level::all() {
            for first in (0..rows.len()).step_by(GROUP) {
                let mut group = Group::new(&frame);
                let queries = first..rows.len().min(first + GROUP);
                queries.clone().for_each(|i| group.set(&frame, i - first, &rows[i]));
                for panel in 0..panels.count() {
                    let scores = level.run_bounds(One(&panels, &group, panel));
                    for (q, i) in queries.clone().enumerate() {
                        for (lane, &score) in scores[q].iter().enumerate() {
                            let Some(other) = rows.get(panel * WIDTH + lane) else {
                                assert_eq!(score, f32::NEG_INFINITY);
                                continue;
                            };
                            let exact = raw::<Euclidean, T, T>(&rows[i], other);
                            let threshold = group.threshold(&frame, q, exact);
                            assert!(
                                score >= threshold,
                                "{level:?} rows {i}, {}: {score} {threshold}",
                                panel * WIDTH + lane
                            );
                            let nearer = exact - 1e-4 * longest;
                            if sharp && nearer > 0.0 {
                                assert!(score < group.threshold(&frame, q, nearer));
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
