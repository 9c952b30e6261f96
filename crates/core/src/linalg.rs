//! Linear algebra over rows in fixed blocks: the same bits for any number of threads. leanset-linalg does the decompositions.

use leanset_linalg::Mat;

use crate::{Error, Matrix, Result, RowId, Scalar};

/// Rows folded into a triangular factor at a time.
const BLOCK: usize = 256;

/// The mean of some rows, summed in the order given. Length d.
pub(crate) fn mean<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId]) -> Vec<f64> {
    let mut sums = vec![0.0; points.columns()];
    for &row in rows {
        for (s, v) in sums.iter_mut().zip(points.row(row)) {
            *s += v.widen();
        }
    }
    sums.iter_mut().for_each(|s| *s /= rows.len() as f64);
    sums
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
) -> Result<Spectrum> {
    let svd = leanset_linalg::thin_svd(&triangular(rows, columns, row)).ok_or_else(|| diverged(method))?;
    Ok(Spectrum { values: svd.values, vectors: svd.right })
}

/// The triangular factor of an n × d matrix, min(n, d) × d, or all rows if there are at most d.
///
/// Blocks of rows are folded into the triangular factor of a QR decomposition. As backward stable as a decomposition of the
/// whole (a Gram matrix would square the condition number).
pub(crate) fn triangular(rows: usize, columns: usize, row: impl Fn(usize, &mut [f64])) -> Mat<f64> {
    let block = BLOCK.max(columns);
    let mut factor = Mat::<f64>::zeros(0, columns);
    let mut values = vec![0.0; columns];
    for begin in (0..rows).step_by(block) {
        let count = block.min(rows - begin);
        let above = factor.nrows();
        let mut stacked = Mat::<f64>::zeros(above + count, columns);
        stacked.as_mut().submatrix_mut(0, 0, above, columns).copy_from(&factor);
        for i in 0..count {
            row(begin + i, &mut values);
            for (j, &v) in values.iter().enumerate() {
                stacked[(above + i, j)] = v;
            }
        }
        factor = if stacked.nrows() <= columns { stacked } else { leanset_linalg::triangular_factor(&stacked) };
    }
    factor
}

/// The error for a decomposition that did not converge.
pub(crate) fn diverged(method: &'static str) -> Error {
    Error::Data {
        method,
        what: "a decomposition did not converge".into(),
        hint: "scale the columns, or leave out columns of extreme range".into(),
    }
}
