//! Which sources of energy are there, and which of them are believed.

use serde::{Deserialize, Serialize};

use crate::counter::{ActiveCounter, Counter, SourceError};
use crate::reading::SourceKind;
use crate::sysfs_root::SysfsRoot;
use crate::{nvml, perf, powercap};

/// What was found of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The source.
    pub kind: SourceKind,
    /// Whether it is used.
    pub state: State,
    /// What it gives, or why it is not used.
    pub why: String,
    /// What would make it usable.
    pub remedy: Option<String>,
}

/// Whether a source is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// A meter started now would use it.
    Used,
    /// It would do, and a better one is there.
    Spare,
    /// It is not there.
    Absent,
    /// It may not be read.
    Denied,
    /// It is there, and does not move under load: not believed.
    Frozen,
    /// It cannot be understood, or what is listed is not there.
    Broken,
}

/// How often a counter is given another moment of load to move.
const LOAD_ROUNDS: usize = 8;

/// Keeps one core busy for a moment.
pub(crate) fn generate_load() {
    let began = std::time::Instant::now();
    let mut sum = 0u64;
    while began.elapsed() < std::time::Duration::from_millis(25) {
        for i in 0..10_000 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i));
        }
    }
}

/// The sources that are believed, and what was found of all of them.
pub(crate) struct Survey {
    /// The processors and their memory, and by what they are counted.
    pub(crate) processors: Vec<(SourceKind, ActiveCounter)>,
    /// Cards.
    pub(crate) cards: Vec<(SourceKind, ActiveCounter)>,
    pub(crate) findings: Vec<Finding>,
}

/// Counters of one kind, started, or why there are none.
type Started = Result<Vec<ActiveCounter>, SourceError>;

/// What was listed and then is not there is no ordinary absence: it is to be noted.
fn as_broken(problem: SourceError) -> SourceError {
    match problem {
        SourceError::Absent(words) => SourceError::Broken(words),
        other => other,
    }
}

fn start(counters: impl IntoIterator<Item = Box<dyn Counter>>) -> Started {
    counters.into_iter().map(ActiveCounter::start).collect()
}

/// Looks at every source, and believes those whose counters move under load. `moment` keeps the machine busy.
///
/// Without a moment no load is made and no card is asked, and counters that can be read are believed for now.
pub(crate) fn survey(sysfs: &SysfsRoot, mut moment: Option<&mut dyn FnMut()>) -> Survey {
    let zones = powercap::zones(sysfs);
    let mut zones = if zones.is_empty() {
        Err(powercap::absence(sysfs))
    } else {
        start(zones.into_iter().map(|zone| Box::new(zone) as Box<dyn Counter>)).map_err(as_broken)
    };
    // What is asked of the kernel or of a driver is this machine's, and not that of a copy of its files.
    let elsewhere = || SourceError::Absent("is asked of the machine itself only".into());
    let mut events = perf::events(sysfs).and_then(|events| {
        let here = if sysfs.is_machine() { Ok(events) } else { Err(elsewhere()) };
        here?.into_iter().map(|event| ActiveCounter::start(event.open()?)).collect::<Started>().map_err(as_broken)
    });
    let mut cards = match (sysfs.is_machine(), &moment) {
        (false, _) => Err(elsewhere()),
        (true, None) => Err(SourceError::Absent("is not read, because the work uses no GPU".into())),
        (true, Some(_)) => nvml::cards().and_then(|cards| start(cards).map_err(as_broken)),
    };

    let still = |source: &Started| source.as_ref().is_ok_and(|running| running.iter().any(|r| !r.moved()));
    for _ in 0..LOAD_ROUNDS {
        let Some(moment) = &mut moment else { break };
        if ![&zones, &events, &cards].into_iter().any(still) {
            break;
        }
        moment();
        for running in [&mut zones, &mut events, &mut cards].into_iter().flatten().flatten() {
            running.sample();
        }
    }

    let mut survey = Survey { processors: Vec::new(), cards: Vec::new(), findings: Vec::new() };
    for (kind, source) in [(SourceKind::Powercap, zones), (SourceKind::Perf, events), (SourceKind::Nvml, cards)] {
        match trusted(source, moment.is_some()) {
            Err(problem) => survey.findings.push(refusal(kind, &problem)),
            Ok((running, doubts)) => {
                let place = if kind == SourceKind::Nvml { &mut survey.cards } else { &mut survey.processors };
                let state = if place.is_empty() { State::Used } else { State::Spare };
                let names: Vec<&str> = running.iter().map(|r| r.counter().name()).collect();
                let mut why = format!("counts {}", names.join(", "));
                if !doubts.is_empty() {
                    why.push_str(&format!("; not {}", doubts.join(", ")));
                }
                survey.findings.push(Finding { kind, state, why, remedy: None });
                if state == State::Used {
                    place.extend(running.into_iter().map(|r| (kind, r)));
                }
            }
        }
    }
    survey
}

/// Those that move, where they were `tried`; all but memory have to, because a sum without a socket would be no sum.
fn trusted(source: Started, tried: bool) -> Result<(Vec<ActiveCounter>, Vec<String>), SourceError> {
    let mut kept = Vec::new();
    let mut doubts = Vec::new();
    for running in source? {
        let problem = running.problem().cloned().map(as_broken).or_else(|| {
            let words = || format!("{} stood still under load", running.counter().place());
            (tried && !running.moved()).then(|| SourceError::Frozen(words()))
        });
        match problem {
            None => kept.push(running),
            Some(problem) if is_memory(&running) => {
                doubts.push(format!("{} ({})", running.counter().name(), problem.reason()));
            }
            Some(problem) => return Err(problem),
        }
    }
    Ok((kept, doubts))
}

pub(crate) fn is_memory(running: &ActiveCounter) -> bool {
    running.counter().name().ends_with("dram")
}

fn refusal(kind: SourceKind, problem: &SourceError) -> Finding {
    let (state, remedy) = match (problem, kind) {
        (SourceError::Absent(_), SourceKind::Powercap) => (
            State::Absent,
            Some("on a Linux machine of its own: sudo modprobe intel_rapl_msr; a virtual machine has none"),
        ),
        (SourceError::Absent(_), SourceKind::Perf) => {
            (State::Absent, Some("on a Linux machine of its own: sudo modprobe rapl; a virtual machine has none"))
        }
        (SourceError::Absent(_), _) => (State::Absent, None),
        (SourceError::Denied(_), SourceKind::Powercap) => {
            (State::Denied, Some("until the next start of the machine: sudo chmod a+r /sys/class/powercap/*/energy_uj"))
        }
        (SourceError::Denied(_), SourceKind::Perf) => {
            (State::Denied, Some("until the next start of the machine: sudo sysctl kernel.perf_event_paranoid=0"))
        }
        (SourceError::Denied(_), _) => (State::Denied, Some("run as a user who may access the GPUs")),
        (SourceError::Frozen(_), _) => {
            (State::Frozen, Some("no counter is behind it: measure on the host, or give the watts of the machine"))
        }
        (SourceError::Broken(_), _) => (State::Broken, None),
    };
    Finding { kind, state, why: problem.reason().to_owned(), remedy: remedy.map(str::to_owned) }
}
