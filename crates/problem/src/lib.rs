//! What a user reads when something cannot be done, or is worth knowing: [`Problem`] and [`Warning`].
//!
//! Both are data: a code, a message, the way out, the cause. Where a message or a hint names a *setting*, it holds the
//! setting itself and not one spelling of it, because every face of leanset spells it differently: `--missing mean` on the
//! command line, `data.missing = "mean"` in a plan, `missing="mean"` in Python. A face renders the text with its own
//! [`Face`].
//!
//! ```
//! use leanset_problem::{Face, Problem, setting, text};
//!
//! let problem = Problem::new("beans.csv: line 7 has no value in 'Area'")
//!     .hint(text!["fill gaps with ", setting::MISSING.to("mean"), ", or leave such rows out with ", setting::MISSING.to("drop")]);
//! let hint = problem.hint_text().expect("it has one");
//! assert_eq!(hint.render(Face::CommandLine), "fill gaps with --missing mean, or leave such rows out with --missing drop");
//! assert_eq!(hint.render(Face::Python), "fill gaps with missing=\"mean\", or leave such rows out with missing=\"drop\"");
//! ```
//!
//! This crate is a leaf: it depends on nothing, so that every other crate can use it.

mod face;
pub mod files;
pub mod numbers;
pub mod setting;
mod text;
mod visible;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

pub use face::Face;
pub use setting::{Assignment, Setting, for_shell};
pub use text::{Command, Part, Text};
pub use visible::{visible, visible_lines};

/// What kind of problem it is: what a program can decide by, and what the exit code follows from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The request or its data cannot be used as they are.
    #[default]
    Unusable,
    /// Something is not as a manifest says it was.
    Different,
    /// A program that should be run is not there.
    ProgramNotFound,
    /// A program that should be run cannot be run.
    ProgramNotRunnable,
    /// The user interrupted the work.
    Interrupted,
    /// A fault of leanset itself.
    Internal,
}

/// Why something was not done: what is wrong, and the way out.
///
/// The cause is kept as a chain ([`Error::source`]); a message does not repeat what its cause says.
#[derive(Debug)]
pub struct Problem {
    /// What kind of problem it is.
    pub code: Code,
    /// File, row, column or setting; constraint; value. One line without a full stop.
    pub message: Text,
    /// What to do, if that is known.
    pub hint: Option<Text>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Results of work that a user asked for.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    /// A problem with a request or its data.
    pub fn new(message: impl Into<Text>) -> Self {
        Self { code: Code::Unusable, message: message.into(), hint: None, source: None }
    }

    /// A fault of leanset itself.
    pub fn internal(message: impl Into<Text>) -> Self {
        Self::new(message).code(Code::Internal)
    }

    /// What the system refused. `what` names the file and the action, such as `a.csv: cannot be read`.
    pub fn io(what: impl Into<Text>, error: io::Error) -> Self {
        let mut problem = Self::new(what.into().text(format!(": {}", without_number(&error.to_string()))));
        problem.hint = io_hint(error.kind()).map(Text::from);
        problem.caused_by(error)
    }

    /// With this way out, in place of any other.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Text>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With this way out, if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<impl Into<Text>>) -> Self {
        self.hint = hint.map(Into::into).or(self.hint);
        self
    }

    /// With this in front of its message: the file, or the place in it, that it is about.
    #[must_use]
    pub fn at(mut self, place: impl Into<Text>) -> Self {
        self.message = place.into().text(": ").append(self.message);
        self
    }

    /// Of this kind.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// With its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The way out, if it is known.
    pub fn hint_text(&self) -> Option<&Text> {
        self.hint.as_ref()
    }

    /// What the system said, if it refused something on the way here.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        io_kind(self.source()?)
    }
}

/// The kind of the first error of the system in a chain of causes.
pub fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}

/// The way out of what the system refused.
pub fn io_hint(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind;
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some("free some space, or write to another disk"),
        ErrorKind::FileTooLarge => Some("raise the limit on the size of files, or write to another disk"),
        ErrorKind::PermissionDenied => Some("choose a place you have access to, or ask for it"),
        ErrorKind::NotFound => Some("check the name, and the folder it is taken from"),
        _ => None,
    }
}

/// The system's words without the number behind them.
pub fn without_number(text: &str) -> &str {
    text.split(" (os error").next().unwrap_or(text)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// Something worth knowing that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A stable name for programs, such as `rows-dropped`.
    pub code: Cow<'static, str>,
    /// What a user reads: one line without a full stop.
    pub message: Text,
    /// What to do, if anything.
    pub hint: Option<Text>,
}

impl Warning {
    /// A warning without a way out.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Text>) -> Self {
        Self { code: code.into(), message: message.into(), hint: None }
    }

    /// With this way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Text>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

/// `a`, `a and b`, `a, b and c`: the first few of them, and how many more there are.
pub fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>, most: usize) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let beyond = items.len().saturating_sub(most);
    match items.as_slice() {
        _ if beyond > 0 => format!("{} and {beyond} more", items[..most].join(", ")),
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_io_keeps_the_cause_and_drops_its_number() {
        let error = io::Error::from_raw_os_error(2);
        let problem = Problem::io("a.csv: cannot be read", error);
        assert_eq!(problem.to_string(), "a.csv: cannot be read: No such file or directory");
        assert_eq!(problem.io_kind(), Some(io::ErrorKind::NotFound));
        assert!(problem.hint.is_some());
        assert!(problem.source().is_some());
    }

    #[test]
    fn list_says_how_many_more_there_are() {
        assert_eq!(list(["a"], 3), "a");
        assert_eq!(list(["a", "b"], 3), "a and b");
        assert_eq!(list(["a", "b", "c"], 3), "a, b and c");
        assert_eq!(list(["a", "b", "c", "d", "e"], 3), "a, b, c and 2 more");
        assert_eq!(list(Vec::<&str>::new(), 3), "");
    }
}
