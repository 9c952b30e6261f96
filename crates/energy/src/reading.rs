//! What a meter has read: every number with its source and its range.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What one metering came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Wall time, in seconds.
    pub seconds: f64,
    /// CPU time of this process and of the children it has waited for, in seconds; none where the system does not tell.
    pub cpu_seconds: Option<f64>,
    /// What the energy of the machine is the sum of.
    pub components: Vec<Component>,
    /// Energy of the machine, in joules: the sum of the components. None where there is nothing to tell it from.
    pub machine_joules: Option<Joules>,
    /// Energy attributed to this process and its children, in joules.
    ///
    /// Of processors and memory, the part that is its CPU time of the CPU time of all processes; of cards, all. At the
    /// lower end of the range it has nothing of cards, the time that nobody used has its part too, and other processes
    /// draw three times as much as it does; at the upper end it draws three times as much as they do.
    pub process_joules: Option<Joules>,
    /// Whether any of the joules are not measured but given or modelled.
    pub estimated: bool,
    /// Who used the processors; none where the system does not tell.
    pub load: Option<Load>,
    /// CO₂ of the energy, where joules and a carbon intensity are there.
    pub carbon: Option<Carbon>,
    /// What is worth knowing: sources that failed on the way, a machine that was shared.
    pub notes: Vec<Note>,
}

/// Something worth knowing about a reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// A stable name: `shared-machine`, `source-refused`, `source-failed`, `no-joules`, `no-carbon`.
    pub code: String,
    /// A sentence without a full stop.
    pub message: String,
}

/// An energy and the range it lies in, in joules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Joules {
    /// The energy.
    pub joules: f64,
    /// It is not below this.
    pub low: f64,
    /// It is not above this.
    pub high: f64,
}

impl Joules {
    /// An energy known to a part `tolerance` of itself.
    pub(crate) fn within(joules: f64, tolerance: f64) -> Self {
        Self { joules, low: joules * (1.0 - tolerance), high: joules * (1.0 + tolerance) }
    }

    /// The energy in watt-hours.
    pub fn watt_hours(&self) -> f64 {
        self.joules / 3600.0
    }
}

impl std::ops::Add for Joules {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { joules: self.joules + other.joules, low: self.low + other.low, high: self.high + other.high }
    }
}

/// A part of the machine and its energy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// The part: `package-0`, `dram`, the name of a card, `machine`.
    pub name: String,
    /// Its energy.
    #[serde(flatten)]
    pub energy: Joules,
    /// Where the number is from.
    pub source: Source,
}

/// Where joules are from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The kind of source.
    pub kind: SourceKind,
    /// Which one, and what its range rests on.
    pub detail: String,
}

/// A kind of source, from the best to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SourceKind {
    /// The power given by the user.
    Given,
    /// Energy counters of the processor in `/sys/class/powercap` (RAPL).
    Powercap,
    /// The same counters as events of `perf`.
    Perf,
    /// NVIDIA cards, by the library of their driver.
    Nvml,
    /// A model of the processor: busy and idle time times watts.
    Model,
    /// CPU time, and no joules.
    CpuTime,
}

impl SourceKind {
    /// Whether joules of it are measured.
    pub fn measures(self) -> bool {
        matches!(self, Self::Powercap | Self::Perf | Self::Nvml)
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "given",
            Self::Powercap => "powercap",
            Self::Perf => "perf",
            Self::Nvml => "nvml",
            Self::Model => "model",
            Self::CpuTime => "cpu-time",
        })
    }
}

/// Who used the processors of the machine while the meter ran. The parts add up to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Hardware threads of the machine.
    pub threads: usize,
    /// The part of their time that this process and its children used.
    pub own: f64,
    /// The part that other processes used.
    pub others: f64,
    /// The part that was withheld by the host of a virtual machine.
    pub stolen: f64,
    /// The part that nobody used.
    pub idle: f64,
}

impl Load {
    /// Other processes below this part of the machine are the background of any system.
    pub const BACKGROUND: f64 = 0.05;

    /// Whether the machine was shared: by other processes, or by other virtual machines on the same processors.
    pub fn shared(&self) -> bool {
        self.others + self.stolen > Self::BACKGROUND
    }
}

/// CO₂ of an energy, never without the value, the year and the source of the carbon intensity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carbon {
    /// Of the energy attributed to the process.
    pub process: Option<Grams>,
    /// Of the energy of the machine.
    pub machine: Grams,
    /// What it is computed with.
    #[serde(flatten)]
    pub intensity: Intensity,
}

/// A mass of CO₂ equivalent in grams, and the range it lies in as far as the joules go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grams {
    /// The mass.
    pub grams: f64,
    /// It is not below this.
    pub low: f64,
    /// It is not above this.
    pub high: f64,
}

/// How much CO₂ a unit of electricity stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intensity {
    /// In grams of CO₂ equivalent per kilowatt-hour.
    pub grams_per_kwh: f64,
    /// The country as an ISO 3166-1 alpha-3 code; none for a value given by the user.
    pub country: Option<String>,
    /// The English name of the country; none for a value given by the user.
    pub country_name: Option<String>,
    /// The year it is the mean of; none for a value given by the user.
    pub year: Option<u16>,
    /// Who says so.
    pub source: String,
}

impl Intensity {
    /// The CO₂ equivalent of an energy.
    pub fn grams(&self, energy: Joules) -> Grams {
        let of = |joules: f64| joules / 3.6e6 * self.grams_per_kwh;
        Grams { grams: of(energy.joules), low: of(energy.low), high: of(energy.high) }
    }
}
