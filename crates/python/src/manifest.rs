//! Manifests.

use leanset_spec::manifest::table::{Manifest, SCHEMA};
use pyo3::prelude::*;

use crate::error::of_problem;

/// The schema that is written.
#[pyfunction]
pub(crate) fn manifest_schema() -> &'static str {
    SCHEMA
}

/// The text of a manifest as leanset writes it, from any JSON that is one; errors call it `name`.
#[pyfunction]
pub(crate) fn manifest_text(py: Python<'_>, name: &str, text: &str) -> PyResult<String> {
    let refused = |problem: leanset_problem::Problem| of_problem(py, &problem);
    Manifest::parse(name, text).and_then(|manifest| manifest.text()).map_err(refused)
}
