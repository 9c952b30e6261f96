//! What ends the work, in one line that names the file, the constraint and the value; the way out is the hint.

use std::path::Path;

/// Why a set of images cannot be used at all. What is wrong with single images is a [`crate::Issue`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    hint: Option<String>,
    io: Option<std::io::ErrorKind>,
}

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into().replace(['\n', '\r'], " "), hint: None, io: None }
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Put behind what it is of.
    #[must_use]
    pub(crate) fn of(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The system refused: `what` says what could not be done.
    pub(crate) fn io(path: &Path, what: &str, error: &std::io::Error) -> Self {
        Self { io: Some(error.kind()), ..Self::new(format!("{}: {what}: {}", path.display(), plain(error))) }
    }

    /// The way out, where there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The kind of I/O error behind it.
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        self.io
    }
}

impl From<leanset_tables::Error> for Error {
    fn from(error: leanset_tables::Error) -> Self {
        let face = leanset_problem::Face::CommandLine;
        let hint = error.hint().map(|hint| hint.render(face));
        Self { message: error.message().render(face), hint, io: error.io_kind() }
    }
}

impl From<leanset_backbones::Error> for Error {
    fn from(error: leanset_backbones::Error) -> Self {
        Self { message: error.to_string(), hint: error.hint().map(str::to_owned), io: error.io_kind() }
    }
}

/// The system's words without the number behind them.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
