//! What ends the work, in one line that names the file, the constraint and the value; the way out is the hint.

use std::path::Path;

/// Why a model cannot be used, or an image not be described by it.
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
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into().replace(['\n', '\r'], " "), hint: Some(hint.into()), io: None }
    }

    /// The system refused: `what` says what could not be done.
    pub(crate) fn io(path: &Path, what: &str, error: &std::io::Error) -> Self {
        let text = error.to_string();
        let plain = text.split(" (os error").next().unwrap_or_default();
        let message = format!("{}: {what}: {plain}", path.display());
        Self { message, hint: None, io: Some(error.kind()) }
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
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
