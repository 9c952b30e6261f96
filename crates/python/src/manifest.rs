//! Manifests.

use leanset_documents::manifest::{Manifest, SCHEMA};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::with_hint;

/// The schema that is written.
#[pyfunction]
pub(crate) fn manifest_schema() -> &'static str {
    SCHEMA
}

/// The text of a manifest as leanset writes it, from any JSON that is one; errors call it `name`.
#[pyfunction]
pub(crate) fn manifest_text(py: Python<'_>, name: &str, text: &str) -> PyResult<String> {
    let refused = |e: leanset_documents::Error| with_hint(py, PyValueError::new_err(e.message), e.hint);
    Manifest::parse(name, text).map_err(refused)?.text().map_err(refused)
}
