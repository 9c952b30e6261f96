//! Training dynamics: training logs of any trainer, and the built-in one.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use leanset_core::dynamics::{AUM, DUAL, EL2N, GRAND, LabelledLog, PredictionScores, TrainingLog};
use leanset_core::{ClassId, Dynamics as Recorded, LogError, RowId, Seed};
use leanset_spec::{Activation, Optimizer, Training};
use numpy::{
    IntoPyArray as _, PyArray1, PyArray2, PyArrayMethods as _, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods as _,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::data::Table;
use crate::error::{of_problem, with_hint};
use crate::work::{brief, run};

/// The training dynamics of every row.
#[pyclass(frozen, eq, module = "leanset._leanset")]
#[derive(Debug, PartialEq)]
pub(crate) struct Dynamics(pub(crate) Recorded);

#[pymethods]
impl Dynamics {
    /// Rows that were observed.
    #[getter]
    fn rows(&self) -> usize {
        self.0.rows()
    }

    /// Epochs that were observed.
    #[getter]
    fn epochs(&self) -> u32 {
        self.0.epochs()
    }

    /// How often each row was forgotten; of a row that was never learnt the number of epochs.
    #[getter]
    fn forgetting<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.0.forgetting().into_iter().map(i64::from).collect::<Vec<_>>().into_pyarray(py)
    }

    /// Whether each row was right in any epoch.
    #[getter]
    fn learnt<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<bool>> {
        (0..self.0.rows()).map(|row| self.0.learnt(RowId::at(row))).collect::<Vec<_>>().into_pyarray(py)
    }

    /// EL2N of each row; None without probabilities.
    #[getter]
    fn el2n<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.0.score(EL2N).map(|v| v.into_owned().into_pyarray(py))
    }

    /// DUAL of each row; None without probabilities.
    #[getter]
    fn dual<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.0.score(DUAL).map(|v| v.into_owned().into_pyarray(py))
    }

    /// GraNd of each row; None without gradients.
    #[getter]
    fn grand<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.0.score(GRAND).map(|v| v.into_owned().into_pyarray(py))
    }

    /// AUM of each row; None without probabilities.
    #[getter]
    fn aum<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.0.score(AUM).map(|v| v.into_owned().into_pyarray(py))
    }

    /// Every score of each row beside the number of forgetting events, by name.
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> BTreeMap<String, Bound<'py, PyArray1<f64>>> {
        self.0.scores().map(|(name, values)| (name.to_owned(), values.to_vec().into_pyarray(py))).collect()
    }

    /// From what `__reduce__` gives.
    #[new]
    fn new(
        py: Python<'_>,
        epochs: u32,
        forgetting: PyReadonlyArray1<'_, i64>,
        learnt: PyReadonlyArray1<'_, bool>,
        scores: BTreeMap<String, PyReadonlyArray1<'_, f64>>,
    ) -> PyResult<Self> {
        let events: Option<Vec<u32>> = forgetting.as_slice()?.iter().map(|&e| u32::try_from(e).ok()).collect();
        let events = events.ok_or_else(|| PyValueError::new_err("a number of forgetting events is negative"))?;
        let learnt = learnt.as_slice()?.to_vec();
        let scores = scores.iter().map(|(name, values)| Ok((name.clone(), values.as_slice()?.to_vec())));
        let scores = scores.collect::<PyResult<Vec<_>>>()?;
        brief(py, || {
            let counted = Recorded::from_counts(epochs, events, learnt)?;
            scores.into_iter().try_fold(counted, |dynamics, (name, values)| dynamics.with_score(name, values))
        })
        .map(Self)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, State<'py>) {
        let (py, own) = (slf.py(), slf.get());
        (slf.get_type().into_any(), (own.epochs(), own.forgetting(py), own.learnt(py), own.scores(py)))
    }
}

/// What dynamics are pickled as: epochs, forgetting events, whether rows were learnt, scores.
type State<'py> =
    (u32, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<bool>>, BTreeMap<String, Bound<'py, PyArray1<f64>>>);

/// What a file holds of a log: the kind of the labels, the names of the classes, the class of each row, the observations.
type Labelled<'py> = (String, Vec<String>, Bound<'py, PyArray1<u32>>, NativeLog);

/// Observations of rows, in any order.
#[pyclass(frozen, module = "leanset._leanset")]
#[derive(Debug)]
pub(crate) struct NativeLog(Mutex<TrainingLog>, usize);

#[pymethods]
impl NativeLog {
    /// No observations yet of so many rows.
    #[new]
    fn new(rows: usize) -> PyResult<Self> {
        match u32::try_from(rows) {
            Ok(_) => Ok(Self(Mutex::new(TrainingLog::new(rows)), rows)),
            Err(_) => Err(PyValueError::new_err(format!("a table has at most {} rows, not {rows}", u32::MAX))),
        }
    }

    /// Rows of a batch: whether each was right and, if probabilities are given, how sure the prediction was, and how long the
    /// gradient by the last layer. All of it or nothing is taken.
    #[pyo3(signature = (epoch, rows, right, probabilities, gradients=None))]
    fn observe(
        &self,
        py: Python<'_>,
        epoch: u32,
        rows: PyReadonlyArray1<'_, i64>,
        right: PyReadonlyArray1<'_, bool>,
        probabilities: Option<(PyReadonlyArray2<'_, f64>, PyReadonlyArray1<'_, u32>)>,
        gradients: Option<PyReadonlyArray1<'_, f64>>,
    ) -> PyResult<()> {
        let (rows, right) = (rows.as_slice()?, right.as_slice()?);
        if rows.len() != right.len() {
            let (named, given) = (rows.len(), right.len());
            return Err(PyValueError::new_err(format!("{named} rows are named and outcomes of {given} are given")));
        }
        let mut outcomes = vec![None; rows.len()];
        if let Some((values, labels)) = &probabilities {
            let (classes, values, labels) = (values.shape()[1], values.as_slice()?, labels.as_slice()?);
            if values.len() != rows.len() * classes || labels.len() != rows.len() || classes < 2 {
                return Err(PyValueError::new_err(
                    "probabilities must be of shape (rows, classes), two classes or more",
                ));
            }
            for (at, ((outcome, own), &label)) in
                outcomes.iter_mut().zip(values.chunks_exact(classes)).zip(labels).enumerate()
            {
                if label as usize >= classes {
                    return Err(PyValueError::new_err(format!("there is no probability of class {label}")));
                }
                let refused = |what: String| {
                    let error = PyValueError::new_err(format!("entry {at} of the batch (row {}): {what}", rows[at]));
                    with_hint(py, error, Some("pass logits= for logits, of which leanset computes the softmax".into()))
                };
                if let Some(bad) = own.iter().find(|p| !(0.0..=1.0).contains(*p)) {
                    return Err(refused(format!("a probability must be in [0, 1], not {bad}")));
                }
                // As in logs of the command line: rounded to two digits, each may be off by 0.005.
                let sum: f64 = own.iter().sum();
                if (sum - 1.0).abs() > (0.005 * classes as f64).max(0.01) {
                    return Err(refused(format!("the probabilities add up to {sum:.4}, not to 1")));
                }
                *outcome = Some(PredictionScores::of(own, ClassId(label)));
            }
        }
        if let Some(lengths) = &gradients {
            let lengths = lengths.as_slice()?;
            if lengths.len() != rows.len() || probabilities.is_none() {
                return Err(PyValueError::new_err("gradients must be of shape (rows,), and come with probabilities"));
            }
            for (outcome, &length) in outcomes.iter_mut().zip(lengths) {
                if !(length.is_finite() && length >= 0.0) {
                    return Err(PyValueError::new_err(format!(
                        "a gradient must be a length of at least 0, not {length}"
                    )));
                }
                *outcome = outcome.map(|scores| scores.with_gradient(length));
            }
        }
        let ids: Vec<RowId> = rows.iter().map(|&row| RowId(u32::try_from(row).unwrap_or(u32::MAX))).collect();
        brief(py, || {
            let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mut named = HashSet::with_capacity(ids.len());
            for (&row, &given) in ids.iter().zip(rows) {
                if row.index() >= self.1 {
                    let what = format!("it names row {given}, and the table has {} rows", self.1);
                    return Err(LogError::Value(what).into());
                }
                if log.has(epoch, row) || !named.insert(row) {
                    return Err(LogError::Twice { row, epoch }.into());
                }
            }
            for ((&row, &right), outcome) in ids.iter().zip(right).zip(outcomes) {
                log.observe(epoch, row, right, outcome)?;
            }
            Ok(())
        })
    }

    /// Takes in the observations of another log.
    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        let other = other.log();
        brief(py, || self.0.lock().unwrap_or_else(PoisonError::into_inner).merge(&other))
    }

    /// The epochs that were observed, in order.
    #[getter]
    fn epochs(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).epochs().collect()
    }

    /// The number of observations.
    #[getter]
    fn observations(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).observations()
    }

    fn __eq__(&self, other: &Self) -> bool {
        // Each is locked alone: a log may be compared with itself.
        let other = other.log();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) == other
    }

    /// The log as bytes.
    fn state<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.log().state())
    }

    /// The log and the labels of its rows as bytes.
    fn labelled<'py>(
        &self,
        py: Python<'py>,
        kind: String,
        names: Vec<String>,
        codes: PyReadonlyArray1<'py, u32>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let labelled = LabelledLog { kind, names, codes: codes.as_slice()?.to_vec(), log: self.log() };
        Ok(PyBytes::new(py, &labelled.state()))
    }

    /// From what `state` gives.
    #[staticmethod]
    fn of_state(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        let log = brief(py, || TrainingLog::from_state(bytes))?;
        let rows = log.rows();
        Ok(Self(Mutex::new(log), rows))
    }

    /// From what `labelled` gives: the kind of the labels, the names of the classes, the class of each row, the log.
    #[staticmethod]
    fn of_labelled<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Labelled<'py>> {
        let LabelledLog { kind, names, codes, log } = brief(py, || LabelledLog::from_state(bytes))?;
        let rows = log.rows();
        Ok((kind, names, codes.into_pyarray(py), Self(Mutex::new(log), rows)))
    }

    /// The training dynamics of every row.
    fn finish(&self, py: Python<'_>) -> PyResult<Dynamics> {
        brief(py, || self.0.lock().unwrap_or_else(PoisonError::into_inner).finish()).map(Dynamics)
    }
}

impl NativeLog {
    fn log(&self) -> TrainingLog {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Trains the built-in network on a table and records its training dynamics: what `settings` says, as JSON.
#[pyfunction]
pub(crate) fn warm_up(
    py: Python<'_>,
    table: Table<'_>,
    settings: &str,
    seed: u64,
    n_jobs: Option<i64>,
) -> PyResult<Dynamics> {
    let unusable =
        |e: serde_json::Error| PyValueError::new_err(format!("the settings of the trainer cannot be used: {e}"));
    let settings: serde_json::Value = serde_json::from_str(settings).map_err(unusable)?;
    // Words first: their problems say what the words are.
    let word = |name: &str| settings[name].as_str();
    let refused = |problem| of_problem(py, &problem);
    word("activation").map(str::parse::<Activation>).transpose().map_err(refused)?;
    word("optimizer").map(str::parse::<Optimizer>).transpose().map_err(refused)?;
    let settings: Training = serde_json::from_value(settings).map_err(unusable)?;
    let (network, training) = leanset_train::of_settings(&settings.resolved(), Seed(seed));
    let view = table.view()?;
    run(py, n_jobs, |monitor| {
        let data = view.dataset()?;
        leanset_train::warm_up(&data, &network, &training, false, monitor).map(|w| Dynamics(w.dynamics))
    })
}

/// Logits as probabilities, a row each.
#[pyfunction]
pub(crate) fn softmax<'py>(py: Python<'py>, logits: PyReadonlyArray2<'py, f64>) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rows, classes) = (logits.shape()[0], logits.shape()[1]);
    let mut values = logits.as_slice()?.to_vec();
    if let Some(bad) = values.iter().find(|z| !z.is_finite()) {
        return Err(PyValueError::new_err(format!("logits must be finite, not {bad}")));
    }
    values.chunks_exact_mut(classes.max(1)).for_each(leanset_core::dynamics::softmax);
    values.into_pyarray(py).reshape([rows, classes])
}
