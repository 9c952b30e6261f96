//! How much can go, and by which method: the engine of `leanset choose`, whose rows and whose model are those of Python.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use leanset_choose::{
    Candidate, Coordinates, Goal, HoldOut, Lesson, Outcome, OwnModel, Predictions, Question, Subject, Taught,
    Unrecorded, usual_folds,
};
use leanset_problem::{Code, Face, Problem};
use numpy::{IntoPyArray as _, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods as _};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;

use crate::error::of_problem;
use crate::work::run_serving;

/// A candidate: its name, its method, its parameters as text, its guard if that is not the method's own, how classes share a budget, and the
/// ratios at which it takes part.
type Known = (String, &'static str, Vec<(String, String)>, Option<String>, String, (f64, f64));

/// The candidates of a choice.
#[pyfunction]
pub(crate) fn candidates(py: Python<'_>) -> PyResult<Vec<Known>> {
    let found = Candidate::standard().map_err(|problem| of_problem(py, &problem))?;
    Ok(found.iter().map(known).collect())
}

fn known(candidate: &Candidate) -> Known {
    let parameters = candidate.parameters().into_iter().map(|(name, value)| (name, value.to_string())).collect();
    let balance = leanset_spec::Balance::from(candidate.balance).to_string();
    let ratios = (*candidate.ratios.start(), *candidate.ratios.end());
    let guard = candidate.guard().map(|guard| guard.to_string());
    (candidate.name.to_owned(), candidate.reducer.info().id, parameters, guard, balance, ratios)
}

/// What only Python can do, and where it answers to.
enum Call {
    Encode { train: Vec<i64>, test: Vec<i64>, answer: SyncSender<Coordinates> },
    Train { train: Vec<i64>, test: Vec<i64>, seed: u64, answer: SyncSender<Result<(Vec<u32>, f64), Problem>> },
}

/// The rows and the estimator, behind calls.
struct Remote<'a> {
    codes: Vec<u32>,
    names: Vec<String>,
    call: &'a (dyn Fn(Call) + Sync),
}

impl Remote<'_> {
    /// What the answer to a call is; an interruption if Python has raised something.
    fn ask<A>(&self, call: impl FnOnce(SyncSender<A>) -> Call) -> Result<A, Problem> {
        let (answer, receive) = sync_channel(1);
        (self.call)(call(answer));
        receive.recv().map_err(|_| Problem::new("interrupted").code(Code::Interrupted))
    }
}

fn ids(rows: &[usize]) -> Vec<i64> {
    rows.iter().map(|&row| i64::try_from(row).unwrap_or(i64::MAX)).collect()
}

impl Subject for Remote<'_> {
    fn classes(&self) -> &[u32] {
        &self.codes
    }

    fn class_names(&self) -> &[String] {
        &self.names
    }

    fn encode(&self, train: &[usize], test: &[usize]) -> Result<Coordinates, Problem> {
        self.ask(|answer| Call::Encode { train: ids(train), test: ids(test), answer })
    }
}

impl OwnModel for Remote<'_> {
    fn train(&self, lesson: &Lesson<'_>) -> Result<Taught, Problem> {
        let (train, test, seed) = (ids(lesson.train), ids(lesson.test), lesson.seed);
        let (predicted, seconds) = self.ask(|answer| Call::Train { train, test, seed, answer })??;
        Ok(Taught { outcome: Outcome::Predictions(Predictions(predicted)), seconds })
    }
}

/// What is asked.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    goal: String,
    tolerance: f64,
    ratio: Option<f64>,
    folds: Option<usize>,
    seed: u64,
    time: Option<f64>,
}

/// A code, a message and a hint.
type Told = (String, String, Option<String>);

/// Chooses, and returns the document of the choice, its warnings, and what says it in words: the answer, and how sure it is.
///
/// `encode` gets training and test rows and returns their coordinates, fitted on the former. `train` gets both and a seed, and
/// returns the codes of the predicted classes and the seconds of the training; without it, quick models judge.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // one for each that Python names
pub(crate) fn choose(
    py: Python<'_>,
    codes: PyReadonlyArray1<'_, u32>,
    names: Vec<String>,
    groups: Option<PyReadonlyArray1<'_, u32>>,
    encode: Py<PyAny>,
    train: Option<Py<PyAny>>,
    question: Asked,
    n_jobs: Option<i64>,
) -> PyResult<(String, Vec<Told>, String, Vec<String>)> {
    let goal: Goal = question.goal.parse().map_err(|_| PyValueError::new_err("goal is not known"))?;
    let codes = codes.as_slice()?.to_vec();
    let groups = groups.map(|groups| groups.as_slice().map(<[u32]>::to_vec)).transpose()?;
    let own = train.is_some();
    // What the estimator raised, under its message.
    let failures: Mutex<Vec<(String, PyErr)>> = Mutex::new(Vec::new());
    let serve = |py: Python<'_>, call: Call| -> PyResult<()> {
        match call {
            Call::Encode { train, test, answer } => {
                let found = encode.call1(py, (train.into_pyarray(py), test.into_pyarray(py)))?;
                type Points<'py> = PyReadonlyArray2<'py, f64>;
                let (train, test): (Points<'_>, Points<'_>) = found.extract(py)?;
                let columns = train.shape()[1];
                let (train, test) = (train.as_slice()?.to_vec(), test.as_slice()?.to_vec());
                // It waits.
                let _ = answer.send(Coordinates { columns, train, test });
            }
            Call::Train { train: rows, test, seed, answer } => {
                let Some(train) = &train else { return Ok(()) };
                let found = match train.call1(py, (rows.into_pyarray(py), test.into_pyarray(py), seed)) {
                    Ok(found) => found,
                    // The estimator failed: on few rows that may be all right, which the engine decides.
                    Err(raised) if raised.is_instance_of::<PyException>(py) => {
                        let message = raised.to_string();
                        let _ = answer.send(Err(Problem::new(message.clone())));
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push((message, raised));
                        return Ok(());
                    }
                    // Somebody wants it to end.
                    Err(raised) => return Err(raised),
                };
                let (predicted, seconds): (PyReadonlyArray1<'_, u32>, f64) = found.extract(py)?;
                let _ = answer.send(Ok((predicted.as_slice()?.to_vec(), seconds)));
            }
        }
        Ok(())
    };
    let time = match question.time.map(Duration::try_from_secs_f64) {
        None => None,
        Some(Ok(time)) => Some(time),
        Some(Err(_)) => return Err(PyValueError::new_err("time must be a number of seconds above 0")),
    };
    let rows = codes.len();
    let work = |monitor: &dyn leanset_core::Monitor, call: &(dyn Fn(Call) + Sync)| {
        let remote = Remote { codes, names, call };
        let asked = Question {
            goal,
            tolerance: question.tolerance,
            ratio: question.ratio,
            hold_out: HoldOut::Folds(question.folds.unwrap_or_else(|| usual_folds(rows))),
            groups: groups.as_deref(),
            seed: question.seed,
            time,
        };
        leanset_choose::choose(&remote, own.then_some(&remote as &dyn OwnModel), &asked, &Unrecorded, monitor)
    };
    let exception = |py: Python<'_>, problem: &Problem| {
        let message = problem.message.render(Face::Python);
        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.iter().position(|(failed, _)| *failed == message) {
            Some(at) => failures.swap_remove(at).1,
            None => of_problem(py, problem),
        }
    };
    let choice = run_serving(py, n_jobs, work, serve, exception)?;
    let document = serde_json::to_string(&choice).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let warnings = choice.warnings.iter().map(|warning| {
        let hint = warning.hint.as_ref().map(|hint| hint.render(Face::Python));
        (warning.code.to_string(), warning.message.render(Face::Python), hint)
    });
    Ok((document, warnings.collect(), choice.sentence(), choice.certainty()))
}
