//! The jobs of the crate leanset, which read and write files: tables and image datasets (feature `files`).
//!
//! A request comes as the JSON that a manifest holds (docs/json.md, Requests), and the manifest goes back as JSON. What changes
//! no result is a parameter: where outputs go, whether they replace others, threads, memory.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use leanset::images::{self, DescribeDestination, ImageDestination};
use leanset::{Context, Destination, Output, Reporter};
use leanset_core::Monitor;
use leanset_problem::{Face, Problem, Result, Warning};
use leanset_spec::images::Division;
use leanset_spec::request::{DescribeImages, Rank, Reduce, ReduceImages};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::of_problem;
use crate::reduce::{WarningFields, warnings};
use crate::work::run_with;

/// The document that a job leaves, as JSON, and its warnings.
type Outcome = (String, Vec<WarningFields>);

/// Reduces a table and writes the kept rows, with a manifest beside them.
#[pyfunction]
#[pyo3(signature = (request, output, *, manifest=None, overwrite=false, n_jobs=None, memory_limit=None))]
pub(crate) fn reduce_file(
    py: Python<'_>,
    request: &str,
    output: PathBuf,
    manifest: Option<PathBuf>,
    overwrite: bool,
    n_jobs: Option<i64>,
    memory_limit: Option<u64>,
) -> PyResult<Outcome> {
    let request: Reduce = read("reduce", request)?;
    let destination =
        Destination { output: Output::File(output), manifest, force: overwrite, ..Destination::default() };
    job(py, n_jobs, memory_limit, |context| Ok(leanset::reduce(&request, &destination, context)?.manifest_text))
}

/// Ranks a table and writes the ranking, with a manifest beside it.
#[pyfunction]
#[pyo3(signature = (request, output, *, manifest=None, overwrite=false, n_jobs=None, memory_limit=None))]
pub(crate) fn rank_file(
    py: Python<'_>,
    request: &str,
    output: PathBuf,
    manifest: Option<PathBuf>,
    overwrite: bool,
    n_jobs: Option<i64>,
    memory_limit: Option<u64>,
) -> PyResult<Outcome> {
    let request: Rank = read("rank", request)?;
    let destination =
        Destination { output: Output::File(output), manifest, force: overwrite, ..Destination::default() };
    job(py, n_jobs, memory_limit, |context| Ok(leanset::rank(&request, &destination, context)?.manifest_text))
}

/// Reduces an image dataset and writes the smaller one into a folder, with its manifest.
#[pyfunction]
#[pyo3(signature = (request, output, *, overwrite=false, strict=false, cache=None, n_jobs=None, memory_limit=None))]
#[allow(clippy::too_many_arguments)] // by name
pub(crate) fn reduce_images(
    py: Python<'_>,
    request: &str,
    output: PathBuf,
    overwrite: bool,
    strict: bool,
    cache: Option<PathBuf>,
    n_jobs: Option<i64>,
    memory_limit: Option<u64>,
) -> PyResult<Outcome> {
    let request: ReduceImages = read("reduce_images", request)?;
    let destination = ImageDestination { output: Some(output), force: overwrite, strict, cache };
    job(py, n_jobs, memory_limit, |context| Ok(images::reduce(&request, &destination, context)?.manifest_text))
}

/// Writes the features that a model computes of each image, as a table with a manifest beside it.
#[pyfunction]
#[pyo3(signature = (request, output, *, paths=None, overwrite=false, strict=false, cache=None, n_jobs=None,
    memory_limit=None))]
#[allow(clippy::too_many_arguments)] // by name
pub(crate) fn describe_images(
    py: Python<'_>,
    request: &str,
    output: PathBuf,
    paths: Option<PathBuf>,
    overwrite: bool,
    strict: bool,
    cache: Option<PathBuf>,
    n_jobs: Option<i64>,
    memory_limit: Option<u64>,
) -> PyResult<Outcome> {
    let request: DescribeImages = read("describe_images", request)?;
    let destination = DescribeDestination { output, paths, force: overwrite, strict, cache };
    job(py, n_jobs, memory_limit, |context| Ok(images::describe(&request, &destination, context)?.manifest_text))
}

/// All issues of an image dataset. `division` says how it is read and divided.
#[pyfunction]
#[pyo3(signature = (dataset, division, *, n_jobs=None))]
pub(crate) fn check_images(py: Python<'_>, dataset: PathBuf, division: &str, n_jobs: Option<i64>) -> PyResult<Outcome> {
    let division: Division = read("division", division)?;
    job(py, n_jobs, None, |context| Ok(images::check(&dataset, &division, context)?.document().to_string()))
}

/// A request. That of a table's manifest has its `command`, which has to be the one that is called.
fn read<T: DeserializeOwned>(command: &str, request: &str) -> PyResult<T> {
    let unusable = |what: String| PyValueError::new_err(format!("the request cannot be used: {what}"));
    let mut value: Value = serde_json::from_str(request).map_err(|error| unusable(error.to_string()))?;
    if let Some(given) = value.as_object_mut().and_then(|keys| keys.shift_remove("command"))
        && given != command
    {
        return Err(unusable(format!("its command is {given}, not \"{command}\"")));
    }
    serde_json::from_value(value).map_err(|error| unusable(error.to_string()))
}

/// Runs a job with the interpreter released. What it warned of before it failed are notes of the exception.
fn job(
    py: Python<'_>,
    n_jobs: Option<i64>,
    memory_limit: Option<u64>,
    work: impl FnOnce(&Context<'_>) -> Result<String> + Send,
) -> PyResult<Outcome> {
    let heard = Mutex::new(Vec::new());
    let work = |monitor: &dyn Monitor| {
        let listener = Listener { monitor, heard: &heard };
        work(&Context { memory_limit, ..Context::new(&listener) })
    };
    let exception = |py: Python<'_>, problem: &Problem| {
        let error = of_problem(py, problem);
        for warning in heard.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let note = format!("warning: {}", warning.message.render(Face::Python));
            if let Err(other) = error.value(py).call_method1("add_note", (note,)) {
                return other;
            }
        }
        error
    };
    let document = run_with(py, n_jobs, work, exception)?;
    let heard = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((document, warnings(&heard)))
}

/// Hears of warnings, and whether Python has been interrupted.
struct Listener<'a> {
    monitor: &'a dyn Monitor,
    heard: &'a Mutex<Vec<Warning>>,
}

impl Monitor for Listener<'_> {
    fn begin(&self, stage: &'static str, total: u64) {
        self.monitor.begin(stage, total);
    }

    fn advance(&self, by: u64) {
        self.monitor.advance(by);
    }

    fn cancelled(&self) -> bool {
        self.monitor.cancelled()
    }
}

impl Reporter for Listener<'_> {
    fn warn(&self, warning: &Warning) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(warning.clone());
    }

    fn monitor(&self) -> &dyn Monitor {
        self
    }
}
