//! The meter.

use std::sync::{Mutex, PoisonError};

use leanset_energy::{Meter as Counting, Options};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error::of_energy;

/// Counts energy from its making to `stop`.
#[pyclass(frozen, module = "leanset._leanset")]
#[derive(Debug)]
pub(crate) struct Meter(Mutex<Option<Counting>>);

#[pymethods]
impl Meter {
    /// Starts to count.
    #[new]
    #[pyo3(signature = (*, country=None, carbon_intensity=None, watts=None, tdp=None))]
    fn new(
        py: Python<'_>,
        country: Option<String>,
        carbon_intensity: Option<f64>,
        watts: Option<f64>,
        tdp: Option<f64>,
    ) -> PyResult<Self> {
        let options = Options { country, carbon_intensity, watts, tdp, ..Options::default() };
        let meter = py.detach(|| Counting::start(&options)).map_err(|error| of_energy(py, &error))?;
        Ok(Self(Mutex::new(Some(meter))))
    }

    /// What it has counted so far, as JSON.
    fn read(&self, py: Python<'_>) -> PyResult<String> {
        self.reading(py, |meter| meter.as_ref().map(Counting::read))
    }

    /// Stops, and what it has counted, as JSON.
    fn stop(&self, py: Python<'_>) -> PyResult<String> {
        self.reading(py, |meter| meter.take().map(Counting::stop))
    }
}

impl Meter {
    fn reading(
        &self,
        py: Python<'_>,
        take: impl FnOnce(&mut Option<Counting>) -> Option<leanset_energy::Reading> + Send,
    ) -> PyResult<String> {
        let reading = py.detach(|| take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)));
        let reading = reading.ok_or_else(|| PyRuntimeError::new_err("the meter has been stopped"))?;
        serde_json::to_string(&reading).map_err(|e| PyRuntimeError::new_err(format!("leanset itself failed: {e}")))
    }
}
