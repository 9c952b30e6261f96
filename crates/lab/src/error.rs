//! Why an experiment cannot be run, resumed or reported: one line, and the way out on a line of its own.

use std::path::Path;

/// What went wrong. [`Display`](std::fmt::Display) is one line; [`Error::hint`] is what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    hint: Option<String>,
    io: Option<std::io::ErrorKind>,
    one_run: bool,
}

/// The result of anything here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// One line that names the file or key, the constraint and the value; and the way out.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()), io: None, one_run: false }
    }

    /// One line of what has no way out but its own words.
    pub fn bare(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, io: None, one_run: false }
    }

    /// A file could not be read or written: `what` is the action.
    pub(crate) fn io(path: &Path, what: &str, error: &std::io::Error) -> Self {
        let text = error.to_string();
        let words = text.split(" (os error").next().unwrap_or(&text);
        Self {
            message: format!("{}: {what}: {words}", path.display()),
            hint: None,
            io: Some(error.kind()),
            one_run: false,
        }
    }

    /// The same error with the file it is about.
    #[must_use]
    pub(crate) fn of_file(mut self, name: &str) -> Self {
        self.message = format!("{name}: {}", self.message);
        self
    }

    /// The same error, of one run alone: the others can be done all the same.
    #[must_use]
    pub fn of_one_run(mut self) -> Self {
        self.one_run = true;
        self
    }

    /// Whether it is of one run alone.
    pub fn is_of_one_run(&self) -> bool {
        self.one_run
    }

    /// The way out, one line, where there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The kind of I/O error behind it.
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        self.io
    }
}

impl From<leanset_core::Error> for Error {
    fn from(error: leanset_core::Error) -> Self {
        Self { message: error.to_string(), hint: error.hint().map(|hint| hint.to_string()), io: None, one_run: false }
    }
}

impl From<leanset_tables::Error> for Error {
    fn from(error: leanset_tables::Error) -> Self {
        let face = leanset_problem::Face::Plan;
        let hint = error.hint().map(|hint| hint.render(face));
        Self { message: error.message().render(face), hint, io: error.io_kind(), one_run: false }
    }
}
