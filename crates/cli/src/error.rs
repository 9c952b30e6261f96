//! What the user reads when something cannot be done: one line, the way out on the next, and an exit code.

use std::fmt::Write as _;

/// A fault of leanset itself.
pub(crate) const FAULT: u8 = 1;
/// The request or its data cannot be used.
pub(crate) const UNUSABLE: u8 = 2;
/// A manifest could not be reproduced.
pub(crate) const DIFFERENT: u8 = 3;

/// The command that `energy` should run cannot be run; the code that shells and `env` have for it.
pub(crate) const CANNOT_RUN: u8 = 126;
/// The command that `energy` should run is not there; the code that shells and `env` have for it.
pub(crate) const NO_COMMAND: u8 = 127;

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
        Self::new(format!("{what}: {}", without_number(&error.to_string()))).hint_of(error.kind())
    }

    /// The way out of what the system refused, unless there is a better one already.
    fn hint_of(self, kind: std::io::ErrorKind) -> Self {
        use std::io::ErrorKind;
        let hint = match kind {
            _ if self.hint.is_some() => return self,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, or write to another disk",
            ErrorKind::FileTooLarge => "raise the limit on the size of files, or write to another disk",
            ErrorKind::PermissionDenied => "choose a place you have access to, or ask for it",
            ErrorKind::NotFound => "check the name, and the folder it is taken from",
            _ => return self,
        };
        self.hint(hint)
    }

    /// As printed on stderr.
    pub(crate) fn styled(&self) -> String {
        let style = anstyle::AnsiColor::Red.on_default().bold();
        labelled("error", style, &self.message, self.hint.as_deref())
    }
}

/// The system's words without the number behind them.
pub(crate) fn without_number(text: &str) -> &str {
    text.split(" (os error").next().unwrap_or(text)
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
        let hint = error.hint().map(|hint| hint.render(leanset_problem::Face::CommandLine));
        Self { message: error.to_string(), hint, code: UNUSABLE }
    }
}

impl From<leanset_documents::Error> for Failure {
    fn from(error: leanset_documents::Error) -> Self {
        Self { message: error.message, hint: error.hint, code: UNUSABLE }
    }
}

impl From<leanset_energy::Error> for Failure {
    fn from(error: leanset_energy::Error) -> Self {
        use leanset_energy::Error;
        let hint = match &error {
            Error::UnknownCountry { nearest, .. } if nearest.is_empty() => {
                Some("a country is an ISO code or an English name, such as ESP; or give --carbon-intensity".into())
            }
            error => error.hint(),
        };
        Self { message: error.to_string(), hint, code: UNUSABLE }
    }
}

impl From<leanset_tables::Error> for Failure {
    fn from(error: leanset_tables::Error) -> Self {
        leanset_problem::Problem::from(error).into()
    }
}

impl From<leanset_problem::Problem> for Failure {
    fn from(problem: leanset_problem::Problem) -> Self {
        let face = leanset_problem::Face::CommandLine;
        Self {
            message: problem.message.render(face),
            hint: problem.hint.as_ref().map(|hint| hint.render(face)),
            code: UNUSABLE,
        }
    }
}

impl From<leanset_images::Error> for Failure {
    fn from(error: leanset_images::Error) -> Self {
        let failure = Self { message: error.to_string(), hint: error.hint().map(str::to_owned), code: UNUSABLE };
        match error.io_kind() {
            None => failure,
            Some(kind) => failure.hint_of(kind),
        }
    }
}

impl From<leanset_backbones::Error> for Failure {
    fn from(error: leanset_backbones::Error) -> Self {
        let failure = Self { message: error.to_string(), hint: error.hint().map(str::to_owned), code: UNUSABLE };
        match (error.hint(), error.io_kind()) {
            (None, Some(kind)) => failure.hint_of(kind),
            _ => failure,
        }
    }
}

impl From<leanset_lab::Error> for Failure {
    fn from(error: leanset_lab::Error) -> Self {
        let failure = Self { message: error.to_string(), hint: error.hint().map(str::to_owned), code: UNUSABLE };
        match error.io_kind() {
            None => failure,
            Some(kind) => failure.hint_of(kind),
        }
    }
}

impl From<Failure> for leanset_lab::Error {
    fn from(failure: Failure) -> Self {
        match failure.hint {
            Some(hint) => Self::new(failure.message, hint),
            None => Self::bare(failure.message),
        }
    }
}
