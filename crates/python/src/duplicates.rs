//! Copies and near-copies.

use leanset_core::RowId;
use leanset_core::duplicates::{Pair, against_table, unique, within_table};
use numpy::{IntoPyArray as _, PyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::data::X;
use crate::work::run;

type Ids<'py> = Bound<'py, PyArray1<i64>>;
/// Rows, other rows, distances, kept rows, and the group of each row.
type Found<'py> = (Ids<'py>, Ids<'py>, Bound<'py, PyArray1<f64>>, Ids<'py>, Ids<'py>);

fn ids<'py>(py: Python<'py>, rows: impl Iterator<Item = RowId>) -> Ids<'py> {
    rows.map(|row| i64::from(row.0)).collect::<Vec<_>>().into_pyarray(py)
}

fn arrays<'py>(py: Python<'py>, pairs: &[Pair], kept: Vec<RowId>, group: Vec<RowId>) -> Found<'py> {
    let distances = pairs.iter().map(|p| p.distance).collect::<Vec<_>>().into_pyarray(py);
    let (rows, others) = (ids(py, pairs.iter().map(|p| p.row)), ids(py, pairs.iter().map(|p| p.other)));
    (rows, others, distances, ids(py, kept.into_iter()), ids(py, group.into_iter()))
}

/// The pairs of rows that are no farther apart than `within`, of at most `most`; or of each row with the nearest of `against`.
#[pyfunction]
#[pyo3(signature = (x, within, most, against, n_jobs))]
pub(crate) fn duplicates<'py>(
    py: Python<'py>,
    x: X<'py>,
    within: f64,
    most: usize,
    against: Option<X<'py>>,
    n_jobs: Option<i64>,
) -> PyResult<Found<'py>> {
    // Checked: every value is finite.
    let checked = |x: &X<'py>| -> PyResult<()> {
        let points = x.points()?;
        run(py, n_jobs, |_| {
            leanset_core::Dataset::new(points, leanset_core::Classes::one(points.rows())?)?;
            Ok(())
        })
    };
    checked(&x)?;
    let points = x.points()?;
    if let Some(against) = &against {
        checked(against)?;
        let others = against.points()?;
        let pairs = run(py, n_jobs, |monitor| against_table(&points, &others, within, monitor))?;
        let mut near = pairs.iter().map(|pair| pair.row).peekable();
        let kept = (0..points.rows()).map(RowId::at).filter(|&row| near.next_if_eq(&row).is_none()).collect();
        return Ok(arrays(py, &pairs, kept, (0..points.rows()).map(RowId::at).collect()));
    }
    match run(py, n_jobs, |monitor| within_table(&points, within, most, monitor))? {
        Some(pairs) => {
            let found = unique(points.rows(), &pairs);
            Ok(arrays(py, &pairs, found.kept, found.group))
        }
        None => Err(PyValueError::new_err(format!(
            "more than {most} pairs of rows are within {within} of each other: the distance is too large for copies"
        ))),
    }
}
