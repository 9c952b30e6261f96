//! How long work tells how far it is, and learns that nobody wants it any more.

use crate::{Error, Result};

/// Receives progress and may ask to stop. Called from several threads.
pub trait Monitor: Sync {
    /// A stage begins: its name and its total number of steps.
    fn begin(&self, stage: &'static str, steps: u64);
    /// So many more steps are done.
    fn advance(&self, steps: u64);
    /// Whether to stop at the next step.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Says nothing, never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Monitor for Quiet {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// Reports steps, and turns a wish to stop into an error.
pub(crate) fn step(monitor: &dyn Monitor, steps: u64) -> Result<()> {
    monitor.advance(steps);
    if monitor.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
}
