//! Scaling of columns and rows, in place: the numbers that the command line computes for a table.

use leanset_core::RowId;
use leanset_core::distance::to_unit_length;
use leanset_core::scale::{Scaler, Scaling, fit_columns};
use numpy::{PyReadwriteArray2, PyUntypedArrayMethods as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::{of_core, with_hint};
use crate::work::run;

/// Scales the columns that `scaled` names to [0, 1] (`minmax`), or to mean 0 and standard deviation 1 (`standard`), in place.
/// For each column that is scaled a pair: (scale, min) of x·scale + min, or (mean, deviation) of (x − mean)/deviation.
#[pyfunction]
pub(crate) fn scale_columns(
    py: Python<'_>,
    mut values: PyReadwriteArray2<'_, f64>,
    scaled: Vec<bool>,
    scale: &str,
    n_jobs: Option<i64>,
) -> PyResult<Vec<Option<(f64, f64)>>> {
    let scaling = match scale {
        "minmax" => Scaling::MinMax,
        "standard" => Scaling::Standard,
        _ => return Err(PyValueError::new_err(format!("scale must be 'minmax' or 'standard' here, not {scale:?}"))),
    };
    if scaled.len() != values.shape()[1] {
        return Err(PyValueError::new_err("scaled must have one entry per column"));
    }
    let values = values.as_slice_mut()?;
    check_finite(py, values, scaled.len())?;
    let fitted = run(py, n_jobs, |_| {
        let fitted = fit_columns(values, &scaled, scaling);
        if let Ok(scalers) = &fitted {
            values.chunks_exact_mut(scalers.len()).for_each(|row| {
                row.iter_mut().zip(scalers).for_each(|(x, scaler)| *x = scaler.transform(*x));
            });
        }
        Ok(fitted)
    })?;
    let scalers = fitted.map_err(|wide| {
        let (column, min, max) = (wide.column, wide.min, wide.max);
        PyValueError::new_err(format!(
            "column {column} of X runs from {min:?} to {max:?}, a range that 64-bit floats cannot scale"
        ))
    })?;
    let pair = |scaler: &Scaler| match *scaler {
        Scaler::Identity => None,
        Scaler::MinMax { scale, min } => Some((scale, min)),
        Scaler::Standard { mean, deviation } => Some((mean, deviation)),
    };
    Ok(scalers.iter().map(pair).collect())
}

/// Scales every row to Euclidean length 1, in place.
#[pyfunction]
pub(crate) fn scale_rows(py: Python<'_>, mut values: PyReadwriteArray2<'_, f64>, n_jobs: Option<i64>) -> PyResult<()> {
    let columns = values.shape()[1];
    let values = values.as_slice_mut()?;
    check_finite(py, values, columns)?;
    let zeros = run(py, n_jobs, |_| Ok(values.chunks_exact_mut(columns).position(|row| !to_unit_length(row))))?;
    match zeros {
        None => Ok(()),
        Some(row) => {
            let error = PyValueError::new_err(format!(
                "row {row} of X: all features are 0, so the row has no direction, which scale='unit' needs"
            ));
            Err(with_hint(py, error, Some("leave the row out, or scale=None".to_owned())))
        }
    }
}

/// Refuses the first value that is not finite, in the words of every other method.
fn check_finite(py: Python<'_>, values: &[f64], columns: usize) -> PyResult<()> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let (row, column, value) = (RowId::at(at / columns), at % columns, values[at]);
            Err(of_core(py, &leanset_core::Error::NotFinite { row, column, value }))
        }
    }
}
