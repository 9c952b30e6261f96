//! Linear algebra over rows in fixed blocks: the same bits for any number of threads. leanset-linalg does the decompositions, and those that
//! take long on a thread of their own, which is left alone if the run is to stop.

use std::ops::Range;
use std::sync::Arc;

use leanset_linalg::Mat;
use rayon::prelude::*;

use crate::monitor::Pace;
use crate::{Error, Look, Matrix, Result, RowId, Scalar};

/// Rows folded into a triangular factor at a time.
const BLOCK: usize = 256;

/// Operations of a decomposition of an n × d matrix, about.
pub(crate) fn operations(rows: usize, columns: usize) -> usize {
    rows.saturating_mul(columns).saturating_mul(rows.min(columns)).saturating_mul(2)
}

/// The mean of some rows, summed in the order given. Length d.
pub(crate) fn mean<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId], look: Look<'_>) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; points.columns()];
    let mut pace = Pace::new(look);
    for &row in rows {
        pace.work(points.columns())?;
        for (s, v) in sums.iter_mut().zip(points.row(row)) {
            *s += v.widen();
        }
    }
    sums.iter_mut().for_each(|s| *s /= rows.len() as f64);
    Ok(sums)
}

/// Singular values, descending, and right singular vectors (as columns, d × k) of an n × d matrix, k = min(n, d).
pub(crate) struct Spectrum {
    pub(crate) values: Vec<f64>,
    pub(crate) vectors: Mat<f64>,
}

/// The thin singular value decomposition without its n × k left factor, in one pass over the rows.
///
/// The triangular factor has the singular values and right vectors of the whole matrix. `row(i, out)` writes row i. Memory:
/// O((d + 256)·d).
pub(crate) fn spectrum(
    method: &'static str,
    rows: usize,
    columns: usize,
    row: impl Fn(usize, &mut [f64]),
    look: Look<'_>,
) -> Result<Spectrum> {
    Spectrum::of(method, triangular(rows, columns, row, look)?, look)
}

impl Spectrum {
    /// That of a matrix.
    pub(crate) fn of(method: &'static str, matrix: Mat<f64>, look: Look<'_>) -> Result<Self> {
        let operations = 8 * operations(matrix.nrows(), matrix.ncols());
        let found = leanset_linalg::abandonable(operations, look, move || leanset_linalg::right_svd(&matrix))?;
        let (values, vectors) = found.ok_or_else(|| diverged(method))?;
        Ok(Self { values, vectors })
    }
}

/// The triangular factor of an n × d matrix, min(n, d) × d, or all rows if there are at most d.
///
/// Blocks of rows are folded into the triangular factor of a QR decomposition. As backward stable as a decomposition of the
/// whole (a Gram matrix would square the condition number).
pub(crate) fn triangular(
    rows: usize,
    columns: usize,
    row: impl Fn(usize, &mut [f64]),
    look: Look<'_>,
) -> Result<Mat<f64>> {
    let block = BLOCK.max(columns);
    let mut factor = Mat::<f64>::zeros(0, columns);
    let mut values = vec![0.0; columns];
    for begin in (0..rows).step_by(block) {
        let count = block.min(rows - begin);
        let above = factor.nrows();
        let mut stacked = Mat::<f64>::zeros(above + count, columns);
        stacked.as_mut().submatrix_mut(0, 0, above, columns).copy_from(&factor);
        for i in 0..count {
            look()?;
            row(begin + i, &mut values);
            for (j, &v) in values.iter().enumerate() {
                stacked[(above + i, j)] = v;
            }
        }
        factor = if stacked.nrows() <= columns {
            stacked
        } else {
            let operations = operations(stacked.nrows(), columns);
            leanset_linalg::abandonable(operations, look, move || leanset_linalg::triangular_factor(&stacked))?
        };
    }
    Ok(factor)
}

/// Numbers of a block of rows of which a Gram matrix is made.
const GRAM_BLOCK: usize = 1 << 15;

/// Rows for each column from which on a triangular factor is made of Gram matrices.
const TALL: usize = 2;

/// Rows below which it is not worth it.
const FEW: usize = 256;

/// What ‖R‖·‖R⁻¹‖ (Frobenius norms) is at most if the factor of the Gram matrix alone is good enough: its singular values have errors
/// of some 500 ε of themselves at most.
const WELL_CONDITIONED: f64 = 32.0;

/// A triangular factor R of an n × d matrix, RᵀR = XᵀX, d × d (or all rows of a matrix of few).
///
/// That of the Gram matrix if the matrix is well conditioned. If not, a second factor, of the Gram matrix of X R⁻¹, repairs it
/// (CholeskyQR2): it is as accurate as that of an orthogonal decomposition if X R⁻¹ is nearly orthogonal, which is seen in its Gram
/// matrix. Where it is not, or is not to be had, as for columns that others determine, rows are folded into a [`triangular`] factor.
/// `row(i, out)` writes row i.
pub(crate) fn factor(
    rows: usize,
    columns: usize,
    row: impl Fn(usize, &mut [f64]) + Sync,
    look: Look<'_>,
) -> Result<Mat<f64>> {
    if rows >= FEW.max(TALL * columns)
        && let Some(found) = by_gram(rows, columns, &row, look)?
    {
        return Ok(found);
    }
    look()?;
    triangular(rows, columns, row, look)
}

fn by_gram(
    rows: usize,
    columns: usize,
    row: &(impl Fn(usize, &mut [f64]) + Sync),
    look: Look<'_>,
) -> Result<Option<Mat<f64>>> {
    let first = gram(rows, columns, row, None, look)?;
    // Squares that underflow have lost digits.
    let sound = (0..columns).all(|j| first[(j, j)] > 1e-280 && first[(j, j)].is_finite());
    let cube = operations(columns, columns);
    let lower = leanset_linalg::abandonable(cube, look, move || leanset_linalg::cholesky(&first))?;
    let Some(lower) = lower.filter(|_| sound) else { return Ok(None) };
    // The product of the norms is never below d.
    if (columns as f64) < WELL_CONDITIONED {
        let mut inverse = Mat::<f64>::identity(columns, columns);
        leanset_linalg::solve_lower(&lower, &mut inverse, columns);
        if lower.norm_l2() * inverse.norm_l2() <= WELL_CONDITIONED {
            return Ok(Some(lower.transpose().to_owned()));
        }
    }
    let lower = Arc::new(lower);
    let second = gram(rows, columns, row, Some(&lower), look)?;
    let off = |i: usize, j: usize| second[(i, j)] - f64::from(u8::from(i == j));
    let square: f64 = (0..columns).map(|j| (j..columns).map(|i| off(i, j).powi(2)).sum::<f64>()).sum();
    // If it is no number, it is not.
    let orthogonal = square < 0.01;
    if !orthogonal {
        return Ok(None);
    }
    leanset_linalg::abandonable(cube, look, move || {
        let repair = leanset_linalg::cholesky(&second)?;
        Some(leanset_linalg::product(&lower, &repair).transpose().to_owned())
    })
}

/// The lower triangle of the Gram matrix of rows, or of L⁻¹ times each row.
fn gram(
    rows: usize,
    columns: usize,
    row: &(impl Fn(usize, &mut [f64]) + Sync),
    lower: Option<&Arc<Mat<f64>>>,
    look: Look<'_>,
) -> Result<Mat<f64>> {
    let block = gram_block(columns);
    let of_piece = |piece: Range<usize>| {
        let mut sum = Mat::<f64>::zeros(columns, columns);
        let mut values = Mat::<f64>::zeros(columns, block.min(piece.len()));
        for begin in piece.clone().step_by(block) {
            let count = block.min(piece.end - begin);
            for i in 0..count {
                row(begin + i, values.col_as_slice_mut(i));
            }
            let lower = lower.map(Arc::clone);
            (sum, values) = leanset_linalg::abandonable(count * columns * columns, look, move || {
                if let Some(lower) = lower {
                    leanset_linalg::solve_lower(&lower, &mut values, count);
                }
                leanset_linalg::add_gram(&mut sum, &values, count);
                (sum, values)
            })?;
            look()?;
        }
        Ok(sum)
    };
    let mut sums = pieces(rows, columns).into_par_iter().map(of_piece).collect::<Result<Vec<_>>>()?.into_iter();
    let mut all = sums.next().unwrap_or_else(|| Mat::zeros(columns, columns));
    sums.for_each(|sum| all += sum);
    Ok(all)
}

fn gram_block(columns: usize) -> usize {
    (GRAM_BLOCK / columns.max(1)).clamp(256, 4096)
}

/// Rows in pieces that are the same for any number of threads: few, because each has a Gram matrix of its own.
fn pieces(rows: usize, columns: usize) -> Vec<Range<usize>> {
    let most = ((1 << 20) / columns.max(1).pow(2)).clamp(4, 16);
    let size = rows.div_ceil(most).max(gram_block(columns));
    (0..rows).step_by(size).map(|begin| begin..rows.min(begin + size)).collect()
}

/// Numbers that [`factor`] takes.
pub(crate) fn factor_memory(rows: usize, columns: usize, threads: usize) -> usize {
    let pieces = pieces(rows, columns).len();
    // A Gram matrix of each piece, the factors, and a block for each thread; or a triangle and a block, and their decomposition.
    let by_gram = (pieces + 4) * columns * columns + threads.min(pieces) * gram_block(columns).min(rows) * columns;
    by_gram.max(3 * (columns + BLOCK.max(columns)) * columns)
}

/// The mean of so many rows, in pieces.
pub(crate) fn mean_of(
    rows: usize,
    columns: usize,
    row: impl Fn(usize, &mut [f64]) + Sync,
    look: Look<'_>,
) -> Result<Vec<f64>> {
    let of_piece = |piece: Range<usize>| {
        let (mut sum, mut values) = (vec![0.0; columns], vec![0.0; columns]);
        let mut pace = Pace::new(look);
        for i in piece {
            pace.work(columns)?;
            row(i, &mut values);
            sum.iter_mut().zip(&values).for_each(|(s, v)| *s += v);
        }
        Ok(sum)
    };
    let sums: Vec<Vec<f64>> = pieces(rows, columns).into_par_iter().map(of_piece).collect::<Result<_>>()?;
    let mut mean = vec![0.0; columns];
    for sum in sums {
        mean.iter_mut().zip(sum).for_each(|(m, s)| *m += s);
    }
    mean.iter_mut().for_each(|m| *m /= rows as f64);
    Ok(mean)
}

/// The error for a decomposition that did not converge.
pub(crate) fn diverged(method: &'static str) -> Error {
    Error::Data {
        method,
        what: "a decomposition did not converge".into(),
        hint: "scale the columns, or leave out columns of extreme range".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RowId, Seed};

    fn rows(n: usize, d: usize, seed: u64) -> Vec<Vec<f64>> {
        let unit = |i: usize| Seed(seed).unit(RowId::at(i)) - 0.5;
        (0..n).map(|i| (0..d).map(|j| unit(i * d + j)).collect()).collect()
    }

    /// Singular values and the products of the right vectors with their values, of both factors.
    fn compare(rows: &[Vec<f64>], gram: bool) {
        let d = rows[0].len();
        let write = |i: usize, out: &mut [f64]| out.copy_from_slice(&rows[i]);
        let by_gram = by_gram(rows.len(), d, &write, &|| Ok(())).expect("nobody stops it");
        assert_eq!(by_gram.is_some(), gram, "{} × {d}", rows.len());
        let found = factor(rows.len(), d, write, &|| Ok(())).expect("nobody stops it");
        let whole = Mat::<f64>::from_fn(rows.len(), d, |i, j| rows[i][j]);
        let expected = Spectrum::of("test", whole, &|| Ok(())).expect("it converges");
        let found = Spectrum::of("test", found, &|| Ok(())).expect("it converges");
        let largest = expected.values[0];
        for (j, (one, other)) in found.values.iter().zip(&expected.values).enumerate() {
            assert!((one - other).abs() <= 1e-14 * (d as f64) * largest, "value {j}: {one:e}, not {other:e}");
            // The direction, as far as its gap determines it.
            let near = |k: usize| (expected.values[k] - other).abs();
            let gap = (0..d).filter(|&k| k != j).map(near).fold(*other, f64::min);
            let own = |i: usize| found.vectors[(i, j)];
            let other = |i: usize| expected.vectors[(i, j)];
            let sign = (0..d).map(|i| own(i) * other(i)).sum::<f64>().signum();
            let turn = (0..d).map(|i| (own(i) - sign * other(i)).powi(2)).sum::<f64>().sqrt();
            assert!(turn <= 1e-13 * (d as f64) * largest / gap.max(f64::MIN_POSITIVE), "direction {j}: {turn:e}");
        }
    }

    #[test]
    fn factors_have_the_spectrum_of_the_rows() {
        for (n, d) in [(300, 1), (300, 2), (5000, 3), (700, 17), (1300, 40)] {
            compare(&rows(n, d, 1), true);
            // Far from the origin, of every magnitude, and nearly dependent.
            for far in [10.0, 1e3] {
                let moved: Vec<Vec<f64>> =
                    rows(n, d, 2).into_iter().map(|r| r.iter().map(|v| v + far).collect()).collect();
                compare(&moved, true);
            }
            for scale in [1e-120, 1e140] {
                let scaled: Vec<Vec<f64>> =
                    rows(n, d, 3).into_iter().map(|r| r.iter().map(|v| v * scale).collect()).collect();
                compare(&scaled, true);
            }
            let mut uneven = rows(n, d, 4);
            uneven.iter_mut().for_each(|r| r.iter_mut().zip(0..).for_each(|(v, j)| *v *= 0.1f64.powi(j % 9)));
            compare(&uneven, true);
        }
    }

    #[test]
    fn factors_are_the_same_for_any_number_of_threads() {
        let rows = rows(20_000, 5, 8);
        let write = |i: usize, out: &mut [f64]| out.copy_from_slice(&rows[i]);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| {
                (factor(rows.len(), 5, write, &|| Ok(())).expect("no stop"), mean_of(rows.len(), 5, write, &|| Ok(())))
            })
        };
        assert!(pieces(rows.len(), 5).len() > 2);
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn columns_that_others_determine_have_no_gram_factor() {
        let mut twice = rows(900, 6, 5);
        twice.iter_mut().for_each(|r| r[4] = r[0] - 3.0 * r[1]);
        compare(&twice, false);
        let mut zero = rows(900, 6, 6);
        zero.iter_mut().for_each(|r| r[2] = 0.0);
        compare(&zero, false);
        for near in [1e-3, 1e-5] {
            let mut nearly = rows(900, 6, 7);
            nearly.iter_mut().for_each(|r| r[4] = r[0] - 3.0 * r[1] + near * r[4]);
            compare(&nearly, true);
        }
        // Squares that underflow.
        let write = |_: usize, out: &mut [f64]| out.copy_from_slice(&[1e-170, 1e-160]);
        assert!(by_gram(400, 2, &write, &|| Ok(())).expect("nobody stops it").is_none());
    }
}
