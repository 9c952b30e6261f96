//! The model where nothing measures: every hardware thread draws its idle watts, and more while it is busy.
//!
//! P = threads × idle + busy threads × (busy − idle), in watts. What a thread draws is that of its generation in
//! `data/processors.csv`: whole servers at the wall, tuned for a benchmark, divided by their threads. The range is ours
//! and wide on purpose: one busy thread of an idle machine runs at a higher clock, other servers are less efficient,
//! and in a virtual machine a thread is a share of a machine that nobody here can see. Cooling is not in it.

use std::sync::OnceLock;

use crate::cpu::Machine;
use crate::reading::Joules;
use crate::sysfs_root::SysfsRoot;

const TABLE: &str = include_str!("../data/processors.csv");

/// A known generation may draw half of its mean, or three times as much.
const KNOWN: (f64, f64) = (0.5, 3.0);
/// A processor that the table does not have draws no less than the most frugal thread of the table does.
///
/// Its upper end is one core of a desktop processor at its highest clock, in watts.
const DESKTOP_CORE: f64 = 20.0;
/// A rated power is what cooling has to carry: processors draw half of it under ordinary loads, and up to twice for
/// a while.
const RATED: (f64, f64) = (0.5, 2.0);
/// The part of the rated power that an idle processor draws.
const RATED_IDLE: f64 = 0.2;

/// Watts of a hardware thread, idle and busy.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Watts {
    idle: f64,
    busy: f64,
}

impl Watts {
    fn times(self, factor: f64) -> Self {
        Self { idle: self.idle * factor, busy: self.busy * factor }
    }

    /// The energy of so much time.
    fn joules(self, time: &Machine, seconds: f64) -> f64 {
        time.threads as f64 * seconds * self.idle + time.busy * (self.busy - self.idle)
    }
}

/// What the threads of this machine draw, and the words for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    middle: Watts,
    low: Watts,
    high: Watts,
    /// What the numbers rest on.
    pub(crate) words: String,
}

/// A row of the table.
struct Row {
    vendor: &'static str,
    family: u32,
    models: Vec<u32>,
    generation: &'static str,
    watts: Watts,
}

fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| TABLE.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(row).collect())
}

fn row(line: &'static str) -> Option<Row> {
    let [vendor, family, models, generation, idle, busy] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
    Some(Row {
        vendor,
        family: family.parse().ok()?,
        models: models.split(' ').map(|model| model.parse().ok()).collect::<Option<_>>()?,
        generation,
        watts: Watts { idle: idle.parse().ok()?, busy: busy.parse().ok()? },
    })
}

impl Model {
    /// The model of this machine, from the rated power of its processors in watts if that is given.
    pub(crate) fn of(sysfs: &SysfsRoot, threads: usize, rated: Option<f64>) -> Self {
        if let Some(rated) = rated {
            let busy = rated / threads.max(1) as f64;
            let middle = Watts { idle: RATED_IDLE * busy, busy };
            let words = format!(
                "the given rated power of {rated} W over {threads} threads, {:.0} % of it idle; from ×{} to ×{}",
                100.0 * RATED_IDLE,
                RATED.0,
                RATED.1
            );
            return Self { middle, low: middle.times(RATED.0), high: middle.times(RATED.1), words };
        }
        let processor = Processor::read(sysfs);
        let known = processor.as_ref().and_then(|p| {
            rows().iter().find(|r| r.vendor == p.vendor && r.family == p.family && r.models.contains(&p.model))
        });
        if let Some(Row { generation, watts, .. }) = known {
            let words = format!(
                "{generation}: {} W a thread idle, {} W busy, the mean of whole servers in SPECpower_ssj2008 by Cloud \
                 Carbon Footprint; from ×{} to ×{}",
                watts.idle, watts.busy, KNOWN.0, KNOWN.1
            );
            return Self { middle: *watts, low: watts.times(KNOWN.0), high: watts.times(KNOWN.1), words };
        }
        let name = processor.map_or_else(|| "a processor without a name".into(), |p| p.name);
        let lowest = |pick: fn(&Watts) -> f64| rows().iter().map(|r| pick(&r.watts)).fold(f64::INFINITY, f64::min);
        let low = Watts { idle: lowest(|w| w.idle), busy: lowest(|w| w.busy) };
        let middle = Watts { idle: median(|w| w.idle), busy: median(|w| w.busy) };
        let high = Watts { idle: middle.idle * KNOWN.1, busy: DESKTOP_CORE };
        let words = format!(
            "{name} is in no table: {} W a thread idle, {} W busy, the median of the generations of servers in \
             SPECpower_ssj2008 by Cloud Carbon Footprint; busy from {} W, the least of them, to {} W, a desktop core",
            middle.idle, middle.busy, low.busy, high.busy
        );
        Self { middle, low, high, words }
    }

    /// The energy of the machine over so much time of its threads.
    pub(crate) fn joules(&self, time: &Machine, seconds: f64) -> Joules {
        let of = |watts: Watts| watts.joules(time, seconds);
        Joules { joules: of(self.middle), low: of(self.low), high: of(self.high) }
    }
}

/// The upper median over the generations.
fn median(pick: fn(&Watts) -> f64) -> f64 {
    let mut values: Vec<f64> = rows().iter().map(|r| pick(&r.watts)).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A processor as `/proc/cpuinfo` names it.
pub(crate) struct Processor {
    vendor: String,
    family: u32,
    model: u32,
    pub(crate) name: String,
}

impl Processor {
    pub(crate) fn read(sysfs: &SysfsRoot) -> Option<Self> {
        let text = sysfs.text("/proc/cpuinfo").ok()?;
        let field = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            })
        };
        let number = |name: &str| field(name)?.parse::<u32>().ok();
        Some(Self {
            vendor: field("vendor_id").unwrap_or_default(),
            family: number("cpu family").unwrap_or_default(),
            model: number("model").unwrap_or_default(),
            name: field("model name").unwrap_or_else(|| "a processor without a name".into()),
        })
    }
}
