//! Exit codes: what a script can decide by.

use leanset_problem::Code;

/// A fault of leanset itself.
pub(crate) const INTERNAL: u8 = 1;
/// The request or its data cannot be used.
pub(crate) const UNUSABLE: u8 = 2;
/// A manifest was not reproduced.
pub(crate) const DIFFERENT: u8 = 3;
/// The command that `energy` should run cannot be run; the code that shells and `env` have for it.
const NOT_RUNNABLE: u8 = 126;
/// The command that `energy` should run is not there; the code that shells and `env` have for it.
const NOT_FOUND: u8 = 127;
/// Interrupted; the code that shells have for it.
const INTERRUPTED: u8 = 130;

/// The exit code of a problem.
pub(crate) fn of(code: Code) -> u8 {
    match code {
        Code::Internal => INTERNAL,
        Code::Different => DIFFERENT,
        Code::ProgramNotRunnable => NOT_RUNNABLE,
        Code::ProgramNotFound => NOT_FOUND,
        Code::Interrupted => INTERRUPTED,
        _ => UNUSABLE,
    }
}
