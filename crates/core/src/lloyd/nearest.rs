//! The centre of each row, and how far it is: exactly, by the scalar definition, or closely, which is several times as fast.

use rayon::prelude::*;

use crate::distance::{Euclidean, raw};
use crate::{Matrix, Result, RowId, Scalar, simd};

/// A row's nearest centre, and the squared distance to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nearest {
    pub(super) raw: f64,
    pub(super) centre: u32,
}

impl Nearest {
    /// No centre yet.
    pub(super) const NONE: Self = Self { raw: f64::INFINITY, centre: u32::MAX };

    /// Whether a row has a centre.
    pub(super) fn is_some(&self) -> bool {
        self.centre != u32::MAX
    }
}

/// By how much [`close`] differs, relatively, from the squared distance of the scalar definition, at most; what is lost where squares vanish is
/// [`VANISHING`].
pub(super) fn looseness(columns: usize) -> f64 {
    (columns + 16) as f64 * f64::EPSILON
}

/// More than all that squares lose where they are too small for f64.
pub(super) const VANISHING: f64 = 1e-290;

/// Columns that are summed side by side.
const SIDE: usize = 16;

/// The squared distance of a row and a centre, summed in any order: for [`simd::Bounds`] bodies.
#[inline(always)]
pub(super) fn close<T: Scalar, const FUSED: bool>(row: &[T], centre: &[f64]) -> f64 {
    let mut sums = [0.0f64; SIDE];
    let (rows, row_rest) = row.as_chunks::<SIDE>();
    let (centres, centre_rest) = centre.as_chunks::<SIDE>();
    for (row, centre) in rows.iter().zip(centres) {
        for lane in 0..SIDE {
            let difference = row[lane].widen() - centre[lane];
            sums[lane] =
                if FUSED { difference.mul_add(difference, sums[lane]) } else { sums[lane] + difference * difference };
        }
    }
    for ((v, c), sum) in row_rest.iter().zip(centre_rest).zip(&mut sums) {
        let difference = v.widen() - c;
        *sum += difference * difference;
    }
    let mut width = SIDE / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// The squared distance of each row to its centre, by the scalar definition.
pub(super) fn measure<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    centres: &[f64],
    nearest: &mut [Nearest],
    check: &(impl Fn() -> Result<()> + Sync),
) -> Result<()> {
    nearest.par_chunks_mut(256).zip(rows.par_chunks(256)).try_for_each(|(nearest, rows)| {
        simd::run(Measure { points, rows, centres, nearest });
        check()
    })
}

/// A chunk of rows: the body that is compiled for each instruction set.
struct Measure<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    centres: &'a [f64],
    nearest: &'a mut [Nearest],
}

impl<T: Scalar> simd::Kernel for Measure<'_, T> {
    type Output = ();

    /// Four rows at a time, whose sums do not wait for one another.
    #[inline(always)]
    fn run(self) {
        const TOGETHER: usize = 4;
        let d = self.points.columns();
        for (four, ids) in self.nearest.chunks_mut(TOGETHER).zip(self.rows.chunks(TOGETHER)) {
            let member = |at: usize| at.min(ids.len() - 1);
            let rows: [&[T]; TOGETHER] = std::array::from_fn(|at| self.points.row(ids[member(at)]));
            let centres: [&[f64]; TOGETHER] =
                std::array::from_fn(|at| &self.centres[four[member(at)].centre as usize * d..][..d]);
            let mut sums = [0.0; TOGETHER];
            for j in 0..d {
                for at in 0..TOGETHER {
                    let difference = rows[at][j].widen() - centres[at][j];
                    sums[at] += difference * difference;
                }
            }
            four.iter_mut().zip(sums).for_each(|(own, sum)| own.raw = sum);
        }
    }
}

/// The squared distance of one row and one centre, by the scalar definition.
#[inline(always)]
pub(super) fn exact<T: Scalar>(points: &Matrix<'_, T>, row: RowId, centres: &[f64], centre: u32) -> f64 {
    let row = points.row(row);
    raw::<Euclidean, T, f64>(row, &centres[centre as usize * row.len()..][..row.len()])
}
