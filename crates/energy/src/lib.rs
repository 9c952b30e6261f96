//! Energy meters and carbon intensity: a number never without its provenance.
//!
//! A [`Meter`] counts from [`Meter::start`] to [`Meter::stop`]. The [`Reading`] has, for every joule, where it is from
//! and the range it lies in, and says whether any of it is an estimate. Sources, from the best:
//!
//! 1. the power that the user gives ([`Options::watts`]), which is obeyed;
//! 2. RAPL counters of packages and memory in powercap, or as events of perf;
//! 3. NVIDIA cards, beside the processors;
//! 4. a model: busy and idle time of hardware threads times watts of their generation, marked as an estimate;
//! 5. CPU time alone, with no joules and no CO₂.
//!
//! Counters are tried under load before they are believed: some are there and stand still. [`Meter::probe`] says what
//! this machine has, and why not more.
//!
//! ```
//! use leanset_energy::{Meter, Options};
//!
//! let options = Options { country: Some("ESP".into()), ..Options::default() };
//! let meter = Meter::start(&options)?;
//! let sum: u64 = (0..1000).sum();
//! let reading = meter.stop();
//! if let Some(energy) = reading.process_joules {
//!     println!("{sum} took {:.1} J, from {:.1} to {:.1}", energy.joules, energy.low, energy.high);
//! }
//! # Ok::<(), leanset_energy::Error>(())
//! ```

mod attribution;
mod carbon;
mod counter;
mod cpu;
mod doctor;
mod error;
#[cfg(test)]
mod fake;
mod meter;
mod model;
mod nvml;
mod options;
mod perf;
mod powercap;
mod reading;
mod survey;
mod sysfs_root;
#[cfg(test)]
mod tests;

pub use carbon::{Country, countries};
pub use doctor::Doctor;
pub use error::{Error, Result};
pub use meter::Meter;
pub use options::Options;
pub use reading::{Carbon, Component, Grams, Intensity, Joules, Load, Note, Reading, Source, SourceKind};
pub use survey::{Finding, State};
