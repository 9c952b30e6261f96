//! Counters of energy: read, compared under load, summed up.

use std::time::Instant;

use crate::reading::{Component, Joules, Source, SourceKind};

/// More power than this in one domain, in watts, is a counter that started anew, not energy.
const IMPLAUSIBLE: f64 = 10_000.0;

/// Something that counts joules.
pub(crate) trait Counter: Send {
    /// The part of the machine.
    fn name(&self) -> &str;
    /// Where it is read, for a person.
    fn place(&self) -> String;
    /// How far its joules can be off, as a part of them, and the reason.
    fn tolerance(&self) -> (f64, &'static str);
    /// What the counter stands at.
    fn read(&mut self) -> Result<u64, SourceError>;
    /// Joules of one count.
    fn unit(&self) -> f64;
    /// The value after which the counter starts at 0 again; none where it does not.
    fn wraps_at(&self) -> Option<u64>;
    /// Whether the count is watts at the moment rather than joules so far.
    fn is_power(&self) -> bool {
        false
    }
}

/// Why a source cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SourceError {
    /// It is not there.
    Absent(String),
    /// It may not be read.
    Denied(String),
    /// It is there and does not move under load.
    Frozen(String),
    /// It cannot be understood.
    Broken(String),
}

impl SourceError {
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Absent(reason) | Self::Denied(reason) | Self::Frozen(reason) | Self::Broken(reason) => reason,
        }
    }
}

/// A counter and what it has counted since it was started.
pub(crate) struct ActiveCounter {
    counter: Box<dyn Counter>,
    last: u64,
    at: Instant,
    joules: f64,
    problem: Option<SourceError>,
}

impl std::fmt::Debug for ActiveCounter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveCounter").field("place", &self.counter.place()).field("joules", &self.joules).finish()
    }
}

impl ActiveCounter {
    /// Starts counting, from what the counter stands at.
    pub(crate) fn start(mut counter: Box<dyn Counter>) -> Result<Self, SourceError> {
        let last = counter.read()?;
        Ok(Self { counter, last, at: Instant::now(), joules: 0.0, problem: None })
    }

    /// Adds what came since the last time.
    pub(crate) fn sample(&mut self) {
        if self.problem.is_some() {
            return;
        }
        let now = match self.counter.read() {
            Ok(now) => now,
            Err(problem) => {
                self.problem = Some(problem);
                return;
            }
        };
        let seconds = self.at.elapsed().as_secs_f64();
        match self.since_last(now, seconds) {
            Ok(joules) => self.joules += joules,
            Err(problem) => self.problem = Some(problem),
        }
        self.at = Instant::now();
        self.last = now;
    }

    fn since_last(&self, now: u64, seconds: f64) -> Result<f64, SourceError> {
        let unit = self.counter.unit();
        if self.counter.is_power() {
            // The mean of both ends, over the time between them.
            return Ok((self.last as f64 + now as f64) / 2.0 * unit * seconds);
        }
        let count = match (now.checked_sub(self.last), self.counter.wraps_at()) {
            (Some(count), _) => count,
            (None, Some(most)) if self.last <= most => most - self.last + now + 1,
            (None, _) => {
                let words = format!("{} went back from {} to {now}", self.counter.place(), self.last);
                return Err(SourceError::Broken(words));
            }
        };
        let joules = count as f64 * unit;
        // Ten milliseconds stand for what the counter's own steps can add to a short time.
        if joules > IMPLAUSIBLE * (seconds + 0.01) {
            let words = format!("{} jumped by {joules:.0} J in {seconds:.3} s", self.counter.place());
            return Err(SourceError::Broken(words));
        }
        Ok(joules)
    }

    /// Whether it has counted anything.
    pub(crate) fn moved(&self) -> bool {
        self.joules > 0.0
    }

    pub(crate) fn problem(&self) -> Option<&SourceError> {
        self.problem.as_ref()
    }

    pub(crate) fn counter(&self) -> &dyn Counter {
        &*self.counter
    }

    /// Forgets what it has counted.
    pub(crate) fn restart(&mut self) {
        self.sample();
        self.joules = 0.0;
    }

    /// What it has counted.
    pub(crate) fn component(&self, kind: SourceKind) -> Component {
        let (tolerance, reason) = self.counter.tolerance();
        let detail = format!("{}; within {:.0} %: {reason}", self.counter.place(), 100.0 * tolerance);
        Component {
            name: self.counter.name().to_owned(),
            energy: Joules::within(self.joules, tolerance),
            source: Source { kind, detail },
        }
    }
}
