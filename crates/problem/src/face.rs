//! Who shows a text to people.

/// Who shows a text, and how a setting is spelled there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    /// `--missing mean`.
    CommandLine,
    /// `data.missing = "mean"`, a key of a plan file.
    Plan,
    /// `missing="mean"`.
    Python,
}
