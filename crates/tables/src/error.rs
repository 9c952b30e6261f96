//! What can go wrong, said in one line, with the way out on a line of its own; and what is merely worth knowing.

use std::io;

/// Why a table could not be read, encoded or written.
///
/// [`Display`](std::fmt::Display) is one line that names the file, the row or line, the column and the value;
/// [`Error::hint`] is what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    #[source]
    source: Option<io::Error>,
}

/// Whose fault an [`Error`] is, so that a caller can choose an exit code.
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
    /// The file could not be read or written: `what` names the action and the file.
    pub(crate) fn io(what: &str, source: io::Error) -> Self {
        Self { kind: ErrorKind::Io, message: format!("{what}: {source}"), hint: None, source: Some(source) }
    }

    /// The content of the file cannot be used.
    pub(crate) fn content(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Content, message: one_line(message.into()), hint: None, source: None }
    }

    /// The request does not fit the table.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Request, message: one_line(message.into()), hint: None, source: None }
    }

    /// There is nothing in the file.
    pub(crate) fn empty(name: &str) -> Self {
        Self::content(format!("{name}: the file is empty")).with_hint("a table has a line of column names, and rows")
    }

    /// The same error with a way out.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(one_line(hint.into()));
        self
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The way out, one line, where there is one.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    /// The kind of I/O error behind it, so that a broken pipe can be told from a full disk.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        self.source.as_ref().map(io::Error::kind)
    }
}

/// Errors of writers: the caller knows which file it gave.
impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::io("writing the table", source)
    }
}

/// Something that is not wrong and still worth a line on stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A stable name: `constant-column`, `skipped-column`, `unnamed-column`, `one-class`, `fewer-bins`,
    /// `rows-dropped`, `values-filled`, `rounded`.
    pub code: &'static str,
    /// One line, with the columns and counts.
    pub message: String,
    /// What to do if it is not what was meant.
    pub hint: Option<String>,
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

/// The error of a value that a setting does not have.
pub(crate) fn unknown_value<T: strum::VariantArray + std::fmt::Display>(setting: &str, given: &str) -> Error {
    Error::request(format!("unknown {setting} {}; known: {}", shown(given), listed_values::<T>(", ")))
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

/// Messages of other crates may span lines; ours never do.
fn one_line(text: String) -> String {
    if text.contains(['\n', '\r']) {
        text.split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ")
    } else {
        text
    }
}

/// Errors of the CSV writer, which are those of what it writes to.
impl From<csv::Error> for Error {
    fn from(error: csv::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}
