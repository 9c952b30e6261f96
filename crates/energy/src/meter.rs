//! A meter: probes the sources, counts until it is stopped, and attributes what it counted.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::attribution;
use crate::counter::ActiveCounter;
use crate::cpu::{Machine, process_cpu_seconds, thread_cpu_seconds};
use crate::doctor::{Doctor, diagnose};
use crate::error::Result;
use crate::model::Model;
use crate::options::Options;
use crate::reading::{Carbon, Component, Intensity, Joules, Load, Note, Reading, Source, SourceKind};
use crate::survey::{Finding, State, Survey, generate_load, is_memory, survey};
use crate::sysfs_root::SysfsRoot;

/// Counters that wrap do so after minutes; looking every ten seconds sees each wrap.
const WRAPS_EVERY: Duration = Duration::from_secs(10);
/// Cards that tell their power only.
const POWER_EVERY: Duration = Duration::from_millis(100);
/// Counters move every few milliseconds, those of cards every tenth of a second: after so many seconds none stands still.
const STILL: f64 = 0.5;

/// Counts energy from [`Meter::start`] to [`Meter::stop`].
///
/// CPU time is that of the whole process: all of its threads, and the children it has waited for.
#[derive(Debug)]
pub struct Meter {
    sysfs: SysfsRoot,
    intensity: Option<Intensity>,
    watts: Option<f64>,
    tdp: Option<f64>,
    began: Instant,
    /// CPU time of the process when it began.
    own: Option<f64>,
    /// CPU time of the thread that began it, then.
    thread: Option<f64>,
    machine: Option<Machine>,
    counters: Arc<Mutex<Vec<(SourceKind, ActiveCounter)>>>,
    /// Sources that are there and were not believed.
    refused: Vec<Note>,
    /// A counter that stands still for longer than this many seconds is not believed.
    pub(crate) still: f64,
    /// Dropped with the meter, which ends the thread that looks at the counters.
    _stop: Option<mpsc::Sender<()>>,
}

impl Meter {
    /// Says what a meter started now would use, and why not more. Keeps a core busy for a moment.
    pub fn probe(options: &Options) -> Result<Doctor> {
        options.check()?;
        Ok(diagnose(&SysfsRoot::new(&options.root), options, &mut generate_load))
    }

    /// Starts counting. Counters that are there are first tried under load, which takes a moment.
    pub fn start(options: &Options) -> Result<Self> {
        Self::start_with(options, &mut generate_load)
    }

    /// Starts counting at once, for work that may be short and uses no cards: these are not asked.
    ///
    /// Nothing is tried beforehand: the work is the load under which counters have to move. Those that stood still from
    /// beginning to end are not believed, as the reading notes.
    pub fn start_at_once(options: &Options) -> Result<Self> {
        Self::begin(options, None)
    }

    pub(crate) fn start_with(options: &Options, moment: &mut dyn FnMut()) -> Result<Self> {
        Self::begin(options, Some(moment))
    }

    fn begin(options: &Options, moment: Option<&mut dyn FnMut()>) -> Result<Self> {
        let still = if moment.is_some() { STILL } else { 0.0 };
        let intensity = options.check()?;
        let sysfs = SysfsRoot::new(&options.root);
        let (mut counters, mut refused) = (Vec::new(), Vec::new());
        if options.watts.is_none() {
            let Survey { processors, cards, findings } = survey(&sysfs, moment);
            let counted = !processors.is_empty();
            counters = processors;
            counters.extend(cards);
            for Finding { kind, state, why, .. } in findings {
                let there = matches!(state, State::Denied | State::Frozen | State::Broken);
                if there && (kind == SourceKind::Nvml || !counted) {
                    refused.push(Note { code: "source-refused".into(), message: format!("{kind} is not used: {why}") });
                }
            }
        }
        let every = if counters.iter().any(|(_, c)| c.counter().is_power()) {
            Some(POWER_EVERY)
        } else {
            counters.iter().any(|(_, c)| c.counter().wraps_at().is_some()).then_some(WRAPS_EVERY)
        };
        for (_, counter) in &mut counters {
            counter.restart();
        }
        let counters = Arc::new(Mutex::new(counters));
        let stop = every.and_then(|every| sample_periodically(Arc::clone(&counters), every));
        Ok(Self {
            intensity,
            watts: options.watts,
            tdp: options.tdp,
            machine: Machine::read(&sysfs),
            sysfs,
            counters,
            refused,
            still,
            _stop: stop,
            own: process_cpu_seconds(),
            thread: thread_cpu_seconds(),
            began: Instant::now(),
        })
    }

    /// Stops counting.
    pub fn stop(self) -> Reading {
        self.read()
    }

    /// Stops counting work that the calling thread alone has done since it started this meter, while other threads of the
    /// process may have done other work: of what is the process's, the share of this thread.
    pub fn stop_thread(self) -> Reading {
        let own = thread_cpu_seconds().zip(self.thread).map(|(now, then)| (now - then).max(0.0));
        attribution::to_thread(self.read(), own)
    }

    /// What it has counted so far.
    pub fn read(&self) -> Reading {
        let seconds = self.began.elapsed().as_secs_f64();
        let own = process_cpu_seconds().zip(self.own).map(|(now, then)| (now - then).max(0.0));
        let machine = Machine::read(&self.sysfs).zip(self.machine).map(|(now, then)| now.since(&then));
        // Ticks are coarse: a short run may be in none of them.
        let time = machine.map(|time| Machine { busy: time.busy.max(own.unwrap_or_default()), ..time });

        let mut notes = self.refused.clone();
        let (mut components, cards) = self.counted(seconds, &mut notes);
        if components.is_empty() {
            components.extend(self.not_counted(seconds, time.as_ref()));
        }
        let load = machine.and_then(|time| load(&time, own?));
        if let Some(load) = load.filter(Load::shared) {
            let stolen = match load.stolen {
                stolen if stolen >= 0.005 => format!(", its host withheld {:.0} %", 100.0 * stolen),
                _ => String::new(),
            };
            let message = format!("other processes used {:.0} % of the machine{stolen}", 100.0 * load.others);
            notes.push(Note { code: "shared-machine".into(), message });
        }

        let sum = |parts: &[Component]| parts.iter().map(|c| c.energy).reduce(std::ops::Add::add);
        let processors = sum(&components);
        let process_joules = processors.zip(own).zip(time).map(|((energy, own), time)| {
            let process = attribution::to_process(energy, own, &time, seconds);
            sum(&cards).map_or(process, |cards| process + Joules { low: 0.0, ..cards })
        });
        components.extend(cards);
        let machine_joules = processors.and(sum(&components));
        if machine_joules.is_none() {
            let message = "this machine has no energy source: only CPU time is reported".to_owned();
            notes.push(Note { code: "no-joules".into(), message });
            if self.intensity.is_some() {
                notes.push(Note { code: "no-carbon".into(), message: "no joules, no CO₂".into() });
            }
        }
        let carbon = self.intensity.clone().zip(machine_joules).map(|(intensity, machine)| Carbon {
            process: process_joules.map(|energy| intensity.grams(energy)),
            machine: intensity.grams(machine),
            intensity,
        });
        Reading {
            seconds,
            cpu_seconds: own,
            estimated: components.iter().any(|c| !c.source.kind.measures()),
            components,
            machine_joules,
            process_joules,
            load,
            carbon,
            notes,
        }
    }

    /// Processors with their memory, and cards, as far as counters held.
    fn counted(&self, seconds: f64, notes: &mut Vec<Note>) -> (Vec<Component>, Vec<Component>) {
        let mut counters = lock(&self.counters);
        let (mut processors, mut cards) = (Vec::new(), Vec::new());
        let mut failed = false;
        for (kind, counter) in counters.iter_mut() {
            counter.sample();
            let still = || {
                (seconds > self.still && !counter.moved()).then(|| format!("{} stood still", counter.counter().place()))
            };
            let problem = counter.problem().map(|problem| problem.reason().to_owned()).or_else(still);
            if let Some(problem) = problem {
                let lost = match kind {
                    SourceKind::Nvml => "its energy is missing here",
                    _ if is_memory(counter) => "the energy of this memory is missing here",
                    _ => "its counters are not believed",
                };
                notes.push(Note { code: "source-failed".into(), message: format!("{problem}; {lost}") });
                failed |= *kind != SourceKind::Nvml && !is_memory(counter);
                continue;
            }
            let place = if *kind == SourceKind::Nvml { &mut cards } else { &mut processors };
            place.push(counter.component(*kind));
        }
        if failed {
            processors.clear();
        }
        (processors, cards)
    }

    /// The machine where no counter tells.
    fn not_counted(&self, seconds: f64, time: Option<&Machine>) -> Option<Component> {
        if let Some(watts) = self.watts {
            let joules = watts * seconds;
            return Some(Component {
                name: "machine".into(),
                energy: Joules { joules, low: joules, high: joules },
                source: Source { kind: SourceKind::Given, detail: format!("{watts} W, as given, for {seconds:.3} s") },
            });
        }
        let time = time?;
        let model = Model::of(&self.sysfs, time.threads, self.tdp);
        let energy = model.joules(time, seconds);
        Some(Component {
            name: "machine".into(),
            energy,
            source: Source { kind: SourceKind::Model, detail: model.words },
        })
    }
}

/// Who used the processors; none before the first tick.
fn load(time: &Machine, own: f64) -> Option<Load> {
    let whole = time.busy + time.idle + time.stolen;
    let part = |seconds: f64| seconds / whole;
    let own = own.min(whole);
    (whole > 0.0).then(|| Load {
        threads: time.threads,
        own: part(own),
        others: part((time.busy - own).max(0.0)),
        stolen: part(time.stolen),
        idle: part(time.idle),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at the counters until what it returns is dropped. None where no thread can be started.
fn sample_periodically(
    counters: Arc<Mutex<Vec<(SourceKind, ActiveCounter)>>>,
    every: Duration,
) -> Option<mpsc::Sender<()>> {
    let (stop, stopped) = mpsc::channel();
    let look = move || {
        while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            for (_, counter) in lock(&counters).iter_mut() {
                counter.sample();
            }
        }
    };
    std::thread::Builder::new().name("meter".into()).spawn(look).ok().map(|_| stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, MOST};

    /// A counter that wraps between two looks goes on, and the looking ends with the meter.
    #[test]
    fn sample_periodically_sees_each_wrap() {
        let fake = Fake::empty();
        fake.zone("intel-rapl:0", "package-0");
        fake.set("intel-rapl:0", MOST - 999_999);
        let mut zones = crate::powercap::zones(&fake.sysfs());
        let zone = ActiveCounter::start(Box::new(zones.remove(0))).expect("it is read");
        let counters = Arc::new(Mutex::new(vec![(SourceKind::Powercap, zone)]));
        let stop = sample_periodically(Arc::clone(&counters), Duration::from_millis(2)).expect("a thread");
        let joules = || lock(&counters)[0].1.component(SourceKind::Powercap).energy.joules;
        let until = |expected: f64| {
            let began = Instant::now();
            while (joules() - expected).abs() > 1e-9 {
                assert!(began.elapsed() < Duration::from_secs(60), "{} J, not {expected} J", joules());
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        // It is replaced whole, so that nobody reads half a number.
        let set = |energy: u64| {
            fake.write("next", &energy.to_string());
            let zone = fake.root().join("sys/class/powercap/intel-rapl:0/energy_uj");
            std::fs::rename(fake.root().join("next"), zone).expect("it is replaced");
        };
        set(1_000_000);
        until(2.0);
        set(2_000_000);
        until(3.0);
        drop(stop);
        let began = Instant::now();
        while Arc::strong_count(&counters) > 1 {
            assert!(began.elapsed() < Duration::from_secs(60), "the thread goes on");
            std::thread::sleep(Duration::from_millis(2));
        }
        set(5_000_000);
        assert!((joules() - 3.0).abs() < 1e-9);
    }
}
