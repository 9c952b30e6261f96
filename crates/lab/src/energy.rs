//! What work costs: the seam between runs and meters.

use serde::{Deserialize, Serialize};

use crate::records::Cost;

/// Meters work.
pub trait Metering: Sync {
    /// Begins to meter the calling thread's work; what comes back ends it.
    fn start(&self) -> Box<dyn FnOnce() -> Bill>;
}

/// What a piece of work cost, and how that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bill {
    /// What it cost.
    pub cost: Cost,
    /// How that is known.
    pub sources: Sources,
    /// Whether other processes, or other virtual machines, used the processors meanwhile.
    pub others: bool,
}

/// Where joules and grams are from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sources {
    /// What the joules were read from, one a part of the machine.
    pub joules: Vec<String>,
    /// Whether any of them are not measured but given, modelled, or a share by CPU time.
    pub estimated: bool,
    /// What the grams are computed with.
    pub carbon: Option<Carbon>,
}

/// A carbon intensity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carbon {
    /// Grams of CO₂ equivalent a kilowatt-hour.
    pub grams_per_kwh: f64,
    /// The country; none for a value of the user's.
    pub country: Option<String>,
    /// The year it is the mean of.
    pub year: Option<u16>,
    /// Who says so.
    pub source: String,
}

/// The clock alone: seconds and no joules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Metering for Clock {
    fn start(&self) -> Box<dyn FnOnce() -> Bill> {
        let began = std::time::Instant::now();
        Box::new(move || Bill {
            cost: Cost { seconds: began.elapsed().as_secs_f64(), ..Cost::default() },
            ..Bill::default()
        })
    }
}
