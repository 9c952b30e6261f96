//! The width of a Gaussian kernel from the rows themselves, and the unit in which it is computed.

use super::Run;
use super::stratified_random::first_at_random;
use crate::distance::{Euclidean, Packed, Terms, raw};
use crate::{Dataset, Look, Result, RowId};

/// Rows whose distances are looked at.
pub(super) const SIGMA_ROWS: usize = 1000;

/// The median of the distances that are not 0, of all pairs of rows or of those of 1000 rows drawn by the seed; 1 if there
/// is none. `copy` gives the coordinates of a row by its position.
///
/// # Errors
/// The run is to stop.
pub(super) fn median_distance(run: &Run<'_>, rows: &[RowId], copy: impl Fn(usize, &mut [f64])) -> Result<f64> {
    let drawn: Vec<usize> = if rows.len() > SIGMA_ROWS {
        first_at_random(run, rows, SIGMA_ROWS).collect()
    } else {
        (0..rows.len()).collect()
    };
    let taken: Vec<Vec<f64>> = drawn
        .iter()
        .map(|&i| {
            let mut row = vec![0.0; run.data.columns()];
            copy(i, &mut row);
            row
        })
        .collect();
    let mut squares: Vec<f64> = Vec::new();
    for (i, row) in taken.iter().enumerate() {
        run.step(0)?;
        squares.extend(taken[..i].iter().map(|other| raw::<Euclidean, _, _>(row, other)).filter(|&r| r > 0.0));
    }
    if squares.is_empty() {
        return Ok(1.0);
    }
    let half = squares.len() / 2;
    let even = squares.len().is_multiple_of(2);
    let (lower, &mut middle, _) = squares.select_nth_unstable_by(half, f64::total_cmp);
    let middle = Euclidean::finish(middle);
    let below = Euclidean::finish(lower.iter().copied().fold(0.0, f64::max));
    Ok(if even { 0.5 * (middle + below) } else { middle })
}

/// 2^e, for e from −1022 to 1023.
pub(super) fn power_of_two(e: i32) -> f64 {
    f64::from_bits(u64::from((e.clamp(-1022, 1023) + 1023).unsigned_abs()) << 52)
}

/// The e for which the largest coordinate of the rows is in [2^e, 2^(e+1)). Scaled by 2^−e, squares neither overflow nor
/// underflow, and no order changes.
pub(super) fn power(data: &Dataset<'_>, rows: &[RowId]) -> i32 {
    let mut row = vec![0.0; data.columns()];
    let mut largest = 0.0f64;
    for &r in rows {
        data.points().widen_row(r, &mut row);
        largest = row.iter().fold(largest, |a, v| a.max(v.abs()));
    }
    i32::try_from(largest.to_bits() >> 52).map_or(0, |e| e.max(1) - 1023)
}

/// The rows in blocks, each coordinate times a factor.
pub(super) fn packed(data: &Dataset<'_>, rows: &[RowId], factor: f64, look: Look<'_>) -> Result<Packed<f64>> {
    let fill = |i: usize, out: &mut [f64]| {
        data.points().widen_row(rows[i], out);
        out.iter_mut().for_each(|v| *v *= factor);
    };
    Packed::fill(rows.len(), data.columns(), fill, look)
}
