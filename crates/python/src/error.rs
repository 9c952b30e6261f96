//! Errors as the exceptions that Python users expect: the message is one line, the way out a note below it.

use leanset_core::{BudgetError, Error};
use leanset_problem::{Code, Face, Problem};
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// An exception with a note that says the way out.
pub(crate) fn with_hint(py: Python<'_>, error: PyErr, hint: Option<String>) -> PyErr {
    if let Some(hint) = hint
        && let Err(other) = error.value(py).call_method1("add_note", (format!("hint: {hint}"),))
    {
        return other;
    }
    error
}

/// An error of the core.
pub(crate) fn of_core(py: Python<'_>, error: &Error) -> PyErr {
    let hint = match error {
        // A ratio has the name of imbalanced-learn where arrays are given.
        Error::Budget(BudgetError::Ratio(_)) => Some("sampling_strategy=0.1 is one row in ten".to_owned()),
        _ => error.hint().map(|hint| hint.render(Face::Python)),
    };
    let exception = match error {
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        Error::UnknownParameter { .. } => PyTypeError::new_err(error.to_string()),
        // In scikit-learn's words, then where.
        Error::NotFinite { row, column, value } => {
            let what = if value.is_nan() { "NaN" } else { "infinity" };
            PyValueError::new_err(format!("Input X contains {what}. It is in row {row}, column {column}"))
        }
        Error::TooLarge { .. } => {
            PyValueError::new_err(format!("Input X contains infinity or a value too large: {error}"))
        }
        _ => PyValueError::new_err(error.to_string()),
    };
    with_hint(py, exception, hint)
}

/// A problem, in the spelling of Python.
pub(crate) fn of_problem(py: Python<'_>, problem: &Problem) -> PyErr {
    let hint = problem.hint.as_ref().map(|hint| hint.render(Face::Python));
    let message = problem.message.render(Face::Python);
    let exception = match problem.code {
        Code::Interrupted => PyKeyboardInterrupt::new_err(()),
        Code::Internal => PyRuntimeError::new_err(message),
        _ => PyValueError::new_err(message),
    };
    with_hint(py, exception, hint)
}

/// An error of the meters.
pub(crate) fn of_energy(py: Python<'_>, error: &leanset_energy::Error) -> PyErr {
    with_hint(py, PyValueError::new_err(error.to_string()), error.hint())
}
