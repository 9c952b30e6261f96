//! What can go wrong, said in one line, with the way out on a line of its own; and what is merely worth knowing.

use std::error::Error as StdError;
use std::fmt;
use std::io;

pub use leanset_problem::Warning;
use leanset_problem::{Problem, Text};

/// What lies behind an error.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// Why a table could not be read, encoded or written.
///
/// The message is one line that names the file, the row or line, the column and the value; [`Error::hint`] is what to do
/// about it. Both name settings rather than spell them: render them for the face that shows them, or turn the error into
/// a [`Problem`]. [`Display`](fmt::Display) is the message for those who have no face of their own.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: Text,
    hint: Option<Text>,
    source: Option<Cause>,
    /// Whether all that is wrong is that there are no rows, which one file of several need not have.
    without_rows: bool,
}

/// Whose fault an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The file could not be opened, read or written.
    Io,
    /// The file was read, and what is in it cannot be used.
    Content,
    /// What was asked for does not fit the table: an unknown column, an impossible format.
    Request,
}

impl Error {
    fn new(kind: ErrorKind, message: impl Into<Text>) -> Self {
        Self { kind, message: message.into().one_line(), hint: None, source: None, without_rows: false }
    }

    /// The file could not be read or written: `what` names the action and the file.
    pub(crate) fn io(what: &str, source: io::Error) -> Self {
        let message = format!("{what}: {}", leanset_problem::without_number(&source.to_string()));
        Self::new(ErrorKind::Io, message).caused_by(source)
    }

    /// The content of the file cannot be used.
    pub(crate) fn content(message: impl Into<Text>) -> Self {
        Self::new(ErrorKind::Content, message)
    }

    /// The request does not fit the table.
    pub(crate) fn request(message: impl Into<Text>) -> Self {
        Self::new(ErrorKind::Request, message)
    }

    /// There is nothing in the file.
    pub(crate) fn empty(name: &str) -> Self {
        Self::content(format!("{name}: the file is empty"))
            .with_hint("a table has a line of column names, and rows")
            .without_rows()
    }

    /// The same error, of a file that has no rows and else nothing wrong.
    pub(crate) fn without_rows(mut self) -> Self {
        self.without_rows = true;
        self
    }

    /// Whether all that is wrong is that there are no rows.
    pub(crate) fn is_without_rows(&self) -> bool {
        self.without_rows
    }

    /// The same error with a way out.
    pub(crate) fn with_hint(mut self, hint: impl Into<Text>) -> Self {
        self.hint = Some(hint.into().one_line());
        self
    }

    /// The same error with one more way out.
    pub(crate) fn or_hint(self, hint: impl Into<Text>) -> Self {
        match self.hint.clone() {
            Some(first) => self.with_hint(first.text("; ").append(hint.into())),
            None => self.with_hint(hint),
        }
    }

    /// The same error with its cause.
    pub(crate) fn caused_by(mut self, source: impl Into<Cause>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What is wrong, one line.
    pub fn message(&self) -> &Text {
        &self.message
    }

    /// The way out, one line, where there is one.
    pub fn hint(&self) -> Option<&Text> {
        self.hint.as_ref()
    }

    /// What the system refused, where that is what went wrong, so that a broken pipe can be told from a full disk.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        self.source
            .as_deref()
            .filter(|_| self.kind == ErrorKind::Io)
            .and_then(|source| leanset_problem::io_kind(source))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// With the way out of what the system refused, where the error has none of its own.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let refused = error.io_kind().and_then(leanset_problem::io_hint).map(Text::from);
        let problem = Problem::new(error.message).maybe_hint(error.hint.or(refused));
        match error.source {
            Some(source) => problem.caused_by(source),
            None => problem,
        }
    }
}

/// Errors of writers: the caller knows which file it gave.
impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::io("writing the table", source)
    }
}

/// What this returns; an error if it panics. The decoders and encoders of binary formats are other people's, and some panic on
/// values that contradict their types.
pub(crate) fn unpanicked<T>(
    work: impl FnOnce() -> Result<T, Error>,
    what: impl FnOnce() -> String,
) -> Result<T, Error> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::content(format!("{}: the file is damaged", what()))
            .with_hint("make it again, or read it with the program that made it"))
    })
}

/// A name or value from a file inside a message: quoted, control characters escaped, and cut at 60 characters.
pub(crate) fn shown(value: &str) -> String {
    let mut text: String = value.chars().take(60).flat_map(escape).collect();
    if value.chars().nth(60).is_some() {
        text.push('…');
    }
    format!("'{text}'")
}

/// Up to `limit` names, quoted, and how many more there are.
pub(crate) fn listed<S: AsRef<str>>(names: &[S], limit: usize) -> String {
    let mut text = names.iter().take(limit).map(|name| shown(name.as_ref())).collect::<Vec<_>>().join(", ");
    if names.len() > limit {
        text.push_str(&format!(" and {} more", names.len() - limit));
    }
    text
}

/// The values of a setting of a few words.
pub(crate) fn listed_values<T: strum::VariantArray + std::fmt::Display>(separator: &str) -> String {
    T::VARIANTS.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

fn escape(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = (!c.is_control()).then_some(c);
    escaped.into_iter().flatten().chain(plain)
}

/// Errors of the CSV writer, which are those of what it writes to.
impl From<csv::Error> for Error {
    fn from(error: csv::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}
