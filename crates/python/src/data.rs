//! Arrays of NumPy as the core's views: borrowed, never copied, and held while Rust works on them.

use leanset_core::{Classes, Dataset, Matrix, Points, Result};
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods as _};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Points: an array of shape (n, d), C-contiguous, of float32 or float64.
pub(crate) enum X<'py> {
    Single(PyReadonlyArray2<'py, f32>),
    Double(PyReadonlyArray2<'py, f64>),
}

impl<'py> FromPyObject<'_, 'py> for X<'py> {
    type Error = PyErr;

    fn extract(any: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(array) = any.extract() {
            return Ok(Self::Single(array));
        }
        any.extract().map(Self::Double).map_err(|_| {
            PyTypeError::new_err("X must be an array of shape (n, d) and of dtype float32 or float64 here")
        })
    }
}

impl X<'_> {
    /// The view that the core takes.
    pub(crate) fn points(&self) -> PyResult<Points<'_>> {
        let shape = |what: leanset_core::Error| PyTypeError::new_err(what.to_string());
        Ok(match self {
            Self::Single(a) => Matrix::new(a.as_slice()?, a.shape()[0], a.shape()[1]).map_err(shape)?.into(),
            Self::Double(a) => Matrix::new(a.as_slice()?, a.shape()[0], a.shape()[1]).map_err(shape)?.into(),
        })
    }
}

/// Labelled points: X, a class code a row, and what the classes are called.
#[derive(FromPyObject)]
pub(crate) struct Table<'py>(pub(crate) X<'py>, pub(crate) PyReadonlyArray1<'py, u32>, pub(crate) Vec<String>);

impl Table<'_> {
    /// What work that has no interpreter can take along.
    pub(crate) fn view(&self) -> PyResult<View<'_>> {
        Ok(View { points: self.0.points()?, codes: self.1.as_slice()?, names: &self.2 })
    }
}

/// Labelled points, borrowed and not yet checked.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) points: Points<'a>,
    pub(crate) codes: &'a [u32],
    pub(crate) names: &'a [String],
}

impl<'a> View<'a> {
    pub(crate) fn classes(&self) -> Result<Classes> {
        Ok(Classes::new(self.codes, self.names.len())?.with_names(self.names))
    }

    /// Checked: one pass over the values.
    pub(crate) fn dataset(&self) -> Result<Dataset<'a>> {
        Dataset::new(self.points, self.classes()?)
    }
}
