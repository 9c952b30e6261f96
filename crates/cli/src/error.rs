//! What the user reads when something cannot be done: one line, the way out on the next, and an exit code.

use std::fmt::Write as _;

/// A fault of leanset itself.
pub(crate) const FAULT: u8 = 1;
/// The request or its data cannot be used.
pub(crate) const UNUSABLE: u8 = 2;
/// A manifest could not be reproduced.
pub(crate) const DIFFERENT: u8 = 3;

/// Why the command ends without having done what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: UNUSABLE }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// `what` names the file and the action.
    pub(crate) fn io(what: &str, error: &std::io::Error) -> Self {
        let failure = Self::new(format!("{what}: {}", plain(error)));
        match error.kind() {
            std::io::ErrorKind::StorageFull => failure.hint("free some space, or write to another disk"),
            std::io::ErrorKind::PermissionDenied => failure.hint("choose a place you may write to, or ask for access"),
            _ => failure,
        }
    }

    /// As printed on stderr.
    pub(crate) fn styled(&self) -> String {
        let style = anstyle::AnsiColor::Red.on_default().bold();
        labelled("error", style, &self.message, self.hint.as_deref())
    }
}

/// The system's words without the number behind them.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// `label: message`, and the hint on a line of its own.
pub(crate) fn labelled(label: &str, style: anstyle::Style, message: &str, hint: Option<&str>) -> String {
    let mut text = format!("{style}{label}{style:#}: {message}\n");
    if let Some(hint) = hint {
        let dim = anstyle::Style::new().dimmed();
        let _ = writeln!(text, "  {dim}hint{dim:#}: {hint}");
    }
    text
}

impl From<leanset_core::Error> for Failure {
    fn from(error: leanset_core::Error) -> Self {
        let hint = error.hint();
        Self { message: error.to_string(), hint, code: UNUSABLE }
    }
}

impl From<leanset_tables::Error> for Failure {
    fn from(error: leanset_tables::Error) -> Self {
        let hint = error.hint();
        Self { message: error.to_string(), hint, code: UNUSABLE }
    }
}
