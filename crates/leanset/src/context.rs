//! What a job works with beside its request: who hears of it, how much memory it may take, what is known of energy.

use leanset_core::Monitor;
use leanset_problem::{Result, Warning};
use leanset_spec::Energy;
use leanset_tables::MemoryLimit;

use crate::memory;

/// Who hears of a job while it goes on: of its stages ([`Monitor`]) and of what is worth knowing.
pub trait Reporter: Monitor {
    /// A warning. It is part of the job's result too, where the result is about what it says.
    fn warn(&self, warning: &Warning);

    /// The object that methods report to.
    fn monitor(&self) -> &dyn Monitor;
}

/// Says nothing, never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

impl Reporter for Silent {
    fn warn(&self, _: &Warning) {}

    fn monitor(&self) -> &dyn Monitor {
        self
    }
}

/// What a job works with.
///
/// It runs in rayon's current pool, whatever its size: results do not depend on it.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Who hears of it.
    pub reporter: &'a dyn Reporter,
    /// The most bytes that it may be predicted to take; what is available where nothing is said.
    pub memory_limit: Option<u64>,
    /// What is known of energy and carbon.
    pub energy: &'a Energy,
}

impl<'a> Context<'a> {
    /// With this reporter, no limit, and nothing known of energy.
    pub fn new(reporter: &'a dyn Reporter) -> Self {
        static UNKNOWN: Energy = Energy::UNKNOWN;
        Self { reporter, memory_limit: None, energy: &UNKNOWN }
    }

    /// Threads that work.
    pub fn threads(&self) -> usize {
        rayon::current_num_threads()
    }

    /// Meters this process from now on: its own work is the load that counters are tried under.
    pub(crate) fn meter(&self) -> Result<leanset_energy::Meter> {
        Ok(leanset_energy::Meter::start_at_once(&self.energy.options())?)
    }

    /// Refuses work whose memory is above the limit, beside what the process holds by now.
    ///
    /// # Errors
    /// It does not fit.
    pub fn check_memory(&self, work: u64) -> Result<()> {
        self.limit().check(memory::predicted(self.threads(), || 0, work))
    }

    pub(crate) fn limit(&self) -> memory::Limit {
        memory::Limit(MemoryLimit::new(self.memory_limit))
    }
}

impl Default for Context<'_> {
    fn default() -> Self {
        Self::new(&Silent)
    }
}
