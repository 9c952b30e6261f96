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

/// Looks whether to stop: an error if so.
pub type Look<'a> = &'a (dyn Fn() -> Result<()> + Sync);

/// Operations after which to look: a few to some tens of milliseconds.
const OPERATIONS: usize = 1 << 22;

/// Looks whether to stop once in so many operations, for loops whose turns may be short or long.
pub(crate) struct Pace<'a> {
    look: Look<'a>,
    left: usize,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(look: Look<'a>) -> Self {
        Self { look, left: OPERATIONS }
    }

    /// So many operations (additions, comparisons, copies) are done next.
    #[inline]
    pub(crate) fn work(&mut self, operations: usize) -> Result<()> {
        match self.left.checked_sub(operations) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = OPERATIONS;
                (self.look)()
            }
        }
    }
}

/// Reports steps, if there are any, and turns a wish to stop into an error. Most calls look alone, so that is no more than a look.
pub(crate) fn step(monitor: &dyn Monitor, steps: u64) -> Result<()> {
    if steps > 0 {
        monitor.advance(steps);
    }
    if monitor.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
}
