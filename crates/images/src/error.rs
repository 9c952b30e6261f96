//! Problems of this crate: one line that names the file, the constraint and the value; the way out is the hint. What is wrong
//! with single images is a [`crate::Issue`].

use std::path::Path;

use leanset_problem::Problem;

/// With this message, in one line: names of files and texts in them can hold line breaks.
pub(crate) fn problem(message: impl Into<String>) -> Problem {
    Problem::new(message.into().replace(['\n', '\r'], " "))
}

/// The system refused: `what` says what could not be done.
pub(crate) fn io(path: &Path, what: &str, error: std::io::Error) -> Problem {
    Problem::io(format!("{}: {what}", path.display()), error)
}

/// The system's words without the number behind them.
pub(crate) fn plain(error: &std::io::Error) -> String {
    leanset_problem::without_number(&error.to_string()).to_owned()
}
