//! Metering of time and energy: the interface between runs and meters.

use leanset_problem::{Problem, Result};
use leanset_spec::Energy;

use crate::record::{CarbonIntensity, Cost, EnergySources, MeteredCost};

/// Meters work.
pub trait Metering: Sync {
    /// Begins to meter the calling thread's work; what comes back ends it.
    fn start(&self) -> Box<dyn FnOnce() -> MeteredCost>;

    /// Begins to meter what may use cards, such as a command that is about to be run and waited for.
    fn start_with_cards(&self) -> Box<dyn FnOnce() -> MeteredCost> {
        self.start()
    }
}

/// The clock alone: seconds and no joules.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Metering for WallClock {
    fn start(&self) -> Box<dyn FnOnce() -> MeteredCost> {
        let began = std::time::Instant::now();
        Box::new(move || MeteredCost {
            cost: Cost { seconds: began.elapsed().as_secs_f64(), ..Cost::default() },
            ..MeteredCost::default()
        })
    }
}

/// The meters of leanset-energy.
///
/// A meter counts what the process uses, every run that goes on at the time included. Of a run that has a thread for itself,
/// with others beside it, the joules are that thread's share ([`leanset_energy::Meter::stop_thread`]). Runs use no cards and
/// are load enough to try counters under, so meters start at once; of a command it is not known, so that cards are asked
/// and counters tried before it begins.
#[derive(Clone, Debug)]
pub struct Meters {
    options: leanset_energy::Options,
    alone: bool,
}

impl Meters {
    /// Meters as the plan wants them; `alone` if one run goes on at a time.
    ///
    /// # Errors
    /// A country that is not known, a number that cannot be used.
    pub fn new(energy: &Energy, alone: bool) -> Result<Self> {
        let options = energy.options();
        leanset_energy::Meter::start_at_once(&options).map_err(|e| Problem::from(e).at("energy"))?;
        Ok(Self { options, alone })
    }
}

impl Metering for Meters {
    fn start(&self) -> Box<dyn FnOnce() -> MeteredCost> {
        self.begin(leanset_energy::Meter::start_at_once(&self.options))
    }

    fn start_with_cards(&self) -> Box<dyn FnOnce() -> MeteredCost> {
        self.begin(leanset_energy::Meter::start(&self.options))
    }
}

impl Meters {
    /// The options were checked when this was made; should a meter fail all the same, the record says so.
    fn begin(&self, meter: leanset_energy::Result<leanset_energy::Meter>) -> Box<dyn FnOnce() -> MeteredCost> {
        let meter = match meter {
            Ok(meter) => meter,
            Err(error) => {
                let clock = WallClock.start();
                return Box::new(move || {
                    let sources = EnergySources { joules: vec![format!("none: {error}")], ..EnergySources::default() };
                    MeteredCost { sources, ..clock() }
                });
            }
        };
        let alone = self.alone;
        Box::new(move || cost_of(&if alone { meter.stop() } else { meter.stop_thread() }))
    }
}

/// What a reading comes to.
fn cost_of(reading: &leanset_energy::Reading) -> MeteredCost {
    let joules = reading.process_joules;
    let carbon = reading.carbon.as_ref();
    MeteredCost {
        cost: Cost {
            seconds: reading.seconds,
            cpu_seconds: reading.cpu_seconds,
            joules: joules.map(|j| j.joules),
            joules_low: joules.map(|j| j.low),
            joules_high: joules.map(|j| j.high),
            grams: carbon.and_then(|c| c.process).map(|g| g.grams),
        },
        sources: EnergySources {
            joules: reading.components.iter().map(|c| format!("{}: {}", c.name, c.source.kind)).collect(),
            estimated: reading.estimated,
            carbon: carbon.map(|c| CarbonIntensity {
                grams_per_kwh: c.intensity.grams_per_kwh,
                country: c.intensity.country.clone(),
                year: c.intensity.year,
                source: c.intensity.source.clone(),
            }),
        },
        others: reading.load.is_some_and(|load| load.shared()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leanset_energy::{Component, Joules, Reading, Source, SourceKind};

    fn reading(kind: SourceKind) -> Reading {
        let energy = Joules { joules: 10.0, low: 9.0, high: 12.0 };
        Reading {
            seconds: 2.0,
            cpu_seconds: Some(3.0),
            components: vec![Component {
                name: "package-0".into(),
                energy,
                source: Source { kind, detail: String::new() },
            }],
            machine_joules: Some(energy),
            process_joules: Some(Joules { joules: 6.0, low: 5.0, high: 12.0 }),
            estimated: !kind.measures(),
            load: None,
            carbon: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn cost_of_a_run_alone_is_what_was_measured() {
        let metered = cost_of(&reading(SourceKind::Powercap));
        assert_eq!((metered.cost.joules, metered.cost.cpu_seconds), (Some(6.0), Some(3.0)));
        assert!(!metered.sources.estimated);
        assert_eq!(metered.sources.joules, ["package-0: powercap"]);
    }

    #[test]
    fn cost_of_a_model_is_an_estimate_alone_too() {
        assert!(cost_of(&reading(SourceKind::Model)).sources.estimated);
    }
}
