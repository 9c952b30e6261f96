//! Problems of this crate: one line that names the file, the constraint and the value; the way out is the hint.

use std::path::Path;

use leanset_problem::{Problem, Text};

/// Of this text. Names of tensors and what engines say can hold line breaks, and a message is one line.
pub(crate) fn problem(message: impl Into<String>, hint: impl Into<Text>) -> Problem {
    Problem::new(message.into().replace(['\n', '\r'], " ")).hint(hint)
}

/// The system refused: `what` says what could not be done.
pub(crate) fn io(path: &Path, what: &str, error: std::io::Error) -> Problem {
    Problem::io(format!("{}: {what}", path.display()), error)
}
