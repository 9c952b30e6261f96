//! What this machine can measure, and why not more.

use serde::{Deserialize, Serialize};

use crate::counter::{Counter, Problem, Running};
use crate::cpu::Machine;
use crate::meter::Options;
use crate::model::{Model, Processor};
use crate::reading::Kind;
use crate::tree::Tree;
use crate::{nvml, perf, powercap};

/// What this machine can measure, source by source, from the best to none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doctor {
    /// The processor as the system names it.
    pub processor: Option<String>,
    /// Hardware threads; none where the system does not tell.
    pub threads: Option<usize>,
    /// Whether the processor says that it is a virtual machine's.
    pub virtual_machine: bool,
    /// Every source, used or not.
    pub findings: Vec<Finding>,
}

/// What was found of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The source.
    pub kind: Kind,
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
const MOMENTS: usize = 8;

/// Keeps one core busy for a moment.
pub(crate) fn busy_moment() {
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
    pub(crate) processors: Vec<(Kind, Running)>,
    /// Cards.
    pub(crate) cards: Vec<(Kind, Running)>,
    pub(crate) findings: Vec<Finding>,
}

/// Counters of one kind, started, or why there are none.
type Started = Result<Vec<Running>, Problem>;

/// What was listed and then is not there is no ordinary absence: it is to be noted.
fn listed(problem: Problem) -> Problem {
    match problem {
        Problem::Absent(words) => Problem::Broken(words),
        other => other,
    }
}

fn start(counters: impl IntoIterator<Item = Box<dyn Counter>>) -> Started {
    counters.into_iter().map(Running::start).collect()
}

/// Looks at every source, and believes those whose counters move under load. `moment` keeps the machine busy.
///
/// Without a moment no load is made and no card is asked, and counters that can be read are believed for now.
pub(crate) fn survey(tree: &Tree, mut moment: Option<&mut dyn FnMut()>) -> Survey {
    let zones = powercap::zones(tree);
    let mut zones = if zones.is_empty() {
        Err(powercap::absence(tree))
    } else {
        start(zones.into_iter().map(|zone| Box::new(zone) as Box<dyn Counter>)).map_err(listed)
    };
    // What is asked of the kernel or of a driver is this machine's, and not that of a copy of its files.
    let elsewhere = || Problem::Absent("is asked of the machine itself only".into());
    let mut events = perf::events(tree).and_then(|events| {
        let here = if tree.is_machine() { Ok(events) } else { Err(elsewhere()) };
        here?.into_iter().map(|event| Running::start(event.open()?)).collect::<Started>().map_err(listed)
    });
    let mut cards = match (tree.is_machine(), &moment) {
        (false, _) => Err(elsewhere()),
        (true, None) => Err(Problem::Absent("is not asked for work that uses no card".into())),
        (true, Some(_)) => nvml::cards().and_then(|cards| start(cards).map_err(listed)),
    };

    let still = |source: &Started| source.as_ref().is_ok_and(|running| running.iter().any(|r| !r.moved()));
    for _ in 0..MOMENTS {
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
    for (kind, source) in [(Kind::Powercap, zones), (Kind::Perf, events), (Kind::Nvml, cards)] {
        match believed(source, moment.is_some()) {
            Err(problem) => survey.findings.push(refusal(kind, &problem)),
            Ok((running, doubts)) => {
                let place = if kind == Kind::Nvml { &mut survey.cards } else { &mut survey.processors };
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
fn believed(source: Started, tried: bool) -> Result<(Vec<Running>, Vec<String>), Problem> {
    let mut kept = Vec::new();
    let mut doubts = Vec::new();
    for running in source? {
        let problem = running.problem().cloned().map(listed).or_else(|| {
            let words = || format!("{} stood still under load", running.counter().place());
            (tried && !running.moved()).then(|| Problem::Frozen(words()))
        });
        match problem {
            None => kept.push(running),
            Some(problem) if is_memory(&running) => {
                doubts.push(format!("{} ({})", running.counter().name(), problem.words()));
            }
            Some(problem) => return Err(problem),
        }
    }
    Ok((kept, doubts))
}

pub(crate) fn is_memory(running: &Running) -> bool {
    running.counter().name().ends_with("dram")
}

fn refusal(kind: Kind, problem: &Problem) -> Finding {
    let (state, remedy) = match (problem, kind) {
        (Problem::Absent(_), Kind::Powercap) => (
            State::Absent,
            Some("on a Linux machine of its own: sudo modprobe intel_rapl_msr; a virtual machine has none"),
        ),
        (Problem::Absent(_), Kind::Perf) => {
            (State::Absent, Some("on a Linux machine of its own: sudo modprobe rapl; a virtual machine has none"))
        }
        (Problem::Absent(_), _) => (State::Absent, None),
        (Problem::Denied(_), Kind::Powercap) => {
            (State::Denied, Some("until the next start of the machine: sudo chmod a+r /sys/class/powercap/*/energy_uj"))
        }
        (Problem::Denied(_), Kind::Perf) => {
            (State::Denied, Some("until the next start of the machine: sudo sysctl kernel.perf_event_paranoid=0"))
        }
        (Problem::Denied(_), _) => (State::Denied, Some("run as a user who may use the cards")),
        (Problem::Frozen(_), _) => {
            (State::Frozen, Some("there is no meter behind it: measure on the host, or give the watts of the machine"))
        }
        (Problem::Broken(_), _) => (State::Broken, None),
    };
    Finding { kind, state, why: problem.words().to_owned(), remedy: remedy.map(str::to_owned) }
}

/// Everything there is to say of this machine.
pub(crate) fn examine(tree: &Tree, options: &Options, moment: &mut dyn FnMut()) -> Doctor {
    let Survey { processors, cards, mut findings } = survey(tree, Some(moment));
    let threads = Machine::read(tree).map(|machine| machine.threads);
    let given = match options.watts {
        Some(watts) => {
            // Given watts stand for the whole machine.
            for finding in findings.iter_mut().filter(|f| f.state == State::Used) {
                finding.state = State::Spare;
            }
            Finding { kind: Kind::Given, state: State::Used, why: format!("{watts} W for the machine"), remedy: None }
        }
        None => {
            let remedy = processors.is_empty().then(|| "read a meter at the wall, and give its watts".to_owned());
            Finding { kind: Kind::Given, state: State::Absent, why: "no power is given".into(), remedy }
        }
    };
    findings.insert(0, given);
    drop(cards);
    let measured = options.watts.is_some() || !processors.is_empty();
    findings.push(match threads {
        Some(threads) => {
            let state = if measured { State::Spare } else { State::Used };
            Finding { kind: Kind::Model, state, why: Model::of(tree, threads, options.tdp).words, remedy: None }
        }
        None => {
            let why = "there is no /proc/stat, so nothing tells how busy the machine is".to_owned();
            Finding { kind: Kind::Model, state: State::Absent, why, remedy: None }
        }
    });
    let state = match (crate::cpu::own_seconds(), measured || threads.is_some()) {
        (None, _) => State::Absent,
        (Some(_), true) => State::Spare,
        (Some(_), false) => State::Used,
    };
    let why = "CPU time of the process and its children, which attributes joules to them".to_owned();
    findings.push(Finding { kind: Kind::CpuTime, state, why, remedy: None });
    let cpuinfo = tree.text("/proc/cpuinfo").unwrap_or_default();
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    Doctor {
        processor: Processor::read(tree).map(|p| p.name),
        threads,
        virtual_machine: flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
        findings,
    }
}
