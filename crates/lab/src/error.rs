//! Why an experiment cannot be run, resumed or reported: a problem, and whether it is of one run alone.

use std::path::Path;

use leanset_problem::{Face, Problem, Text};

/// What went wrong. [`Display`](std::fmt::Display) is one line, in which settings are keys of the plan; [`Error::hint`] is
/// what to do about it.
#[derive(Debug)]
pub struct Error {
    problem: Problem,
    one_run: bool,
}

/// The result of anything here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// One line that names the file or key, the constraint and the value; and the way out.
    pub fn new(message: impl Into<Text>, hint: impl Into<Text>) -> Self {
        Problem::new(message).hint(hint).into()
    }

    /// One line of what has no way out but its own words.
    pub fn bare(message: impl Into<Text>) -> Self {
        Problem::new(message).into()
    }

    /// A file could not be read or written: `what` is the action.
    pub(crate) fn io(path: &Path, what: &str, error: std::io::Error) -> Self {
        Problem::io(format!("{}: {what}", path.display()), error).into()
    }

    /// The same error with the file, or the place in it, that it is about.
    #[must_use]
    pub fn of_file(mut self, name: &str) -> Self {
        self.problem = self.problem.at(name.to_owned());
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
    pub fn hint(&self) -> Option<String> {
        self.problem.hint.as_ref().map(|hint| hint.render(Face::Plan))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem.message.render(Face::Plan))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.problem)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { problem, one_run: false }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.problem
    }
}

impl From<leanset_core::Error> for Error {
    fn from(error: leanset_core::Error) -> Self {
        Problem::from(error).into()
    }
}

impl From<leanset_tables::Error> for Error {
    fn from(error: leanset_tables::Error) -> Self {
        Problem::from(error).into()
    }
}
