//! The matrix decompositions that leanset takes from faer, compiled once.
//!
//! faer is generic: the crate that calls a decomposition compiles it, for every instruction set. leanset-core is compiled three
//! times in the course of its tests, so the calls are here, and every function is of `f64` and runs on the calling thread. A decomposition
//! of a large matrix can take minutes, and nothing stops it: [`abandonable`] leaves it alone instead.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::svd::{self, ComputeSvdVectors};
use faer::linalg::triangular_solve;
use faer::prelude::Solve as _;
use faer::{Accum, Par, Side};

pub use faer::Mat;

/// How often somebody who waits for a decomposition looks whether to stop.
const LOOK: Duration = Duration::from_millis(20);

/// Operations that are done on the calling thread: at most some tens of milliseconds.
const SHORT: usize = 1 << 25;

/// Does work of about so many operations that nothing can stop, on a thread of its own if it takes long, and looks meanwhile whether to stop. If so, the work is left alone: its thread goes
/// on to the end and then drops what it has made. So the work owns what it needs, and its result is the same as on the calling thread.
///
/// # Errors
/// That of `look`.
pub fn abandonable<T: Send + 'static, E>(
    operations: usize,
    look: impl Fn() -> Result<(), E>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, E> {
    if operations <= SHORT {
        return Ok(work());
    }
    look()?;
    let work = Arc::new(Mutex::new(Some(work)));
    let take = |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (send, receive) = mpsc::channel();
    let own = Arc::clone(&work);
    let run = move || {
        if let Some(work) = take(&own) {
            // Nobody may be waiting any more.
            let _ = send.send(work());
        }
    };
    let Ok(thread) = thread::Builder::new().name("leanset-decomposition".into()).spawn(run) else {
        // No thread is to be had, so nothing looks.
        let work = take(&work).unwrap_or_else(|| unreachable!("only a thread takes it"));
        return Ok(work());
    };
    loop {
        match receive.recv_timeout(LOOK) {
            Ok(found) => return Ok(found),
            Err(RecvTimeoutError::Timeout) => look()?,
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => unreachable!("a thread that ends has sent what it found"),
            },
        }
    }
}

/// A thin singular value decomposition, k = min(n, d).
#[derive(Debug)]
pub struct Svd {
    /// Left singular vectors as columns, n × k.
    pub left: Mat<f64>,
    /// Singular values, descending. Length k.
    pub values: Vec<f64>,
    /// Right singular vectors as columns, d × k.
    pub right: Mat<f64>,
}

/// The thin singular value decomposition of an n × d matrix; `None` if it does not converge.
pub fn thin_svd(matrix: &Mat<f64>) -> Option<Svd> {
    let svd = matrix.thin_svd().ok()?;
    let values = svd.S().column_vector().iter().copied().collect();
    Some(Svd { left: svd.U().to_owned(), values, right: svd.V().to_owned() })
}

/// The singular values, descending, and the right singular vectors (as columns, d × k) of an n × d matrix, k = min(n, d); `None` if
/// the decomposition does not converge.
pub fn right_svd(matrix: &Mat<f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let rank = rows.min(columns);
    let mut values = faer::diag::Diag::<f64>::zeros(rank);
    let mut right = Mat::<f64>::zeros(columns, rank);
    let vectors = [ComputeSvdVectors::No, ComputeSvdVectors::Thin];
    let needed = svd::svd_scratch::<f64>(rows, columns, vectors[0], vectors[1], Par::Seq, Default::default());
    let mut scratch = MemBuffer::new(needed);
    let stack = MemStack::new(&mut scratch);
    let into = Some(right.as_mut());
    svd::svd(matrix.as_ref(), values.as_mut(), None, into, Par::Seq, stack, Default::default()).ok()?;
    Some((values.column_vector().iter().copied().collect(), right))
}

/// Adds B Bᵀ to the lower triangle of A, for the first columns of B.
pub fn add_gram(a: &mut Mat<f64>, b: &Mat<f64>, columns: usize) {
    let (lower, all) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    let b = b.as_ref().subcols(0, columns);
    triangular::matmul(a.as_mut(), lower, Accum::Add, b, all, b.transpose(), all, 1.0, Par::Seq);
}

/// The lower factor L of A = L Lᵀ by Cholesky decomposition, from the lower triangle of A; `None` if A is not positive definite.
pub fn cholesky(a: &Mat<f64>) -> Option<Mat<f64>> {
    let cholesky = a.llt(Side::Lower).ok()?;
    let lower = cholesky.L();
    Some(Mat::from_fn(a.nrows(), a.ncols(), |i, j| if i >= j { lower[(i, j)] } else { 0.0 }))
}

/// L⁻¹ B in the place of the first columns of B, for a lower triangular L.
pub fn solve_lower(lower: &Mat<f64>, b: &mut Mat<f64>, columns: usize) {
    let b = b.as_mut().subcols_mut(0, columns);
    triangular_solve::solve_lower_triangular_in_place(lower.as_ref(), b, Par::Seq);
}

/// A B.
pub fn product(a: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    a * b
}

/// The triangular factor of the QR decomposition of an n × d matrix, min(n, d) × d.
pub fn triangular_factor(matrix: &Mat<f64>) -> Mat<f64> {
    matrix.qr().thin_R().to_owned()
}

/// Both factors of the QR decomposition of an n × d matrix, n ≥ d: n × d with orthonormal columns, and d × d triangular.
pub fn thin_qr(matrix: &Mat<f64>) -> (Mat<f64>, Mat<f64>) {
    let qr = matrix.qr();
    (qr.compute_thin_Q(), qr.thin_R().to_owned())
}

/// The orthogonal factor of the QR decomposition with pivoted columns of an n × d matrix, n × min(n, d).
pub fn orthogonal_factor(matrix: &Mat<f64>) -> Mat<f64> {
    matrix.col_piv_qr().compute_thin_Q()
}

/// The lower factor of the LU decomposition with full pivoting of an n × d matrix, n × min(n, d), its rows in the order of the
/// matrix and its columns of length 1 or 0; and the row that is the pivot of each column.
pub fn lower_factor(matrix: &Mat<f64>) -> (Mat<f64>, Vec<usize>) {
    let (rows, rank) = (matrix.nrows(), matrix.nrows().min(matrix.ncols()));
    let lu = matrix.full_piv_lu();
    let lower = lu.L();
    let back = lu.P().inverse();
    let mut factor = Mat::<f64>::zeros(rows, rank);
    let mut pivots = vec![0; rank];
    for (to, &from) in back.arrays().0.iter().enumerate() {
        if from < rank {
            pivots[from] = to;
        }
        for j in 0..rank {
            factor[(to, j)] = lower[(from, j)];
        }
    }
    for j in 0..rank {
        let norm = factor.col(j).norm_l2();
        if norm > 0.0 {
            (0..rows).for_each(|i| factor[(i, j)] /= norm);
        }
    }
    (factor, pivots)
}

/// Directions u of length 1 and values σ, descending, with B Bᵀ u = σ² A u, for a positive definite A and a d × c matrix B; `None`
/// if a decomposition does not succeed.
///
/// With A = L Lᵀ the problem is the singular value decomposition of L⁻¹ B: u = L⁻ᵀ v.
pub fn generalized_directions(a: &Mat<f64>, mut b: Mat<f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let cholesky = a.llt(Side::Lower).ok()?;
    let lower = cholesky.L();
    triangular_solve::solve_lower_triangular_in_place(lower, b.as_mut(), Par::Seq);
    let svd = thin_svd(&b)?;
    let mut directions = svd.left;
    triangular_solve::solve_upper_triangular_in_place(lower.transpose(), directions.as_mut(), Par::Seq);
    for column in directions.col_iter_mut() {
        let norm = column.norm_l2();
        column.iter_mut().for_each(|v| *v /= norm);
    }
    Some((svd.values, directions))
}

/// Aᵀ B.
pub fn transposed_product(a: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    a.transpose() * b
}

/// X with A X = B, by LU decomposition with full pivoting.
pub fn solve(a: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    a.full_piv_lu().solve(b)
}

/// X with A X = B of a positive definite A, by Cholesky decomposition; `None` if A is not.
pub fn positive_solve(a: &Mat<f64>, b: &Mat<f64>) -> Option<Mat<f64>> {
    Some(a.llt(Side::Lower).ok()?.solve(b))
}

/// β with (G + penalty·K) β = R in the coordinates of K = L Lᵀ, an m × m kernel matrix: β = L⁻ᵀ (L⁻¹ G L⁻ᵀ + penalty·I)⁻¹ L⁻¹ R.
/// K may be singular: 1e-10 of its mean diagonal is added. `None` if a decomposition does not succeed.
pub fn reduced_ridge(kernel: &Mat<f64>, mut gram: Mat<f64>, mut right: Mat<f64>, penalty: f64) -> Option<Mat<f64>> {
    let size = kernel.nrows();
    let mut kernel = kernel.clone();
    let jitter = 1e-10 * (0..size).map(|i| kernel[(i, i)]).sum::<f64>() / size.max(1) as f64;
    (0..size).for_each(|i| kernel[(i, i)] += jitter);
    let cholesky = kernel.llt(Side::Lower).ok()?;
    let lower = cholesky.L();
    triangular_solve::solve_lower_triangular_in_place(lower, gram.as_mut(), Par::Seq);
    let mut turned = gram.transpose().to_owned();
    triangular_solve::solve_lower_triangular_in_place(lower, turned.as_mut(), Par::Seq);
    (0..size).for_each(|i| turned[(i, i)] += penalty);
    triangular_solve::solve_lower_triangular_in_place(lower, right.as_mut(), Par::Seq);
    let mut solution = positive_solve(&turned, &right)?;
    triangular_solve::solve_upper_triangular_in_place(lower.transpose(), solution.as_mut(), Par::Seq);
    Some(solution)
}
