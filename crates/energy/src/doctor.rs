//! What this machine can measure, and why not more.

use serde::{Deserialize, Serialize};

use crate::cpu::Machine;
use crate::model::{Model, Processor};
use crate::options::Options;
use crate::reading::SourceKind;
use crate::survey::{Finding, State, Survey, survey};
use crate::sysfs_root::SysfsRoot;

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

/// Everything there is to say of this machine.
pub(crate) fn diagnose(sysfs: &SysfsRoot, options: &Options, moment: &mut dyn FnMut()) -> Doctor {
    let Survey { processors, cards, mut findings } = survey(sysfs, Some(moment));
    let threads = Machine::read(sysfs).map(|machine| machine.threads);
    let given = match options.watts {
        Some(watts) => {
            // Given watts stand for the whole machine.
            for finding in findings.iter_mut().filter(|f| f.state == State::Used) {
                finding.state = State::Spare;
            }
            Finding {
                kind: SourceKind::Given,
                state: State::Used,
                why: format!("{watts} W for the machine"),
                remedy: None,
            }
        }
        None => {
            let remedy =
                processors.is_empty().then(|| "read a power meter, and give the watts of the machine".to_owned());
            Finding { kind: SourceKind::Given, state: State::Absent, why: "no power is given".into(), remedy }
        }
    };
    findings.insert(0, given);
    drop(cards);
    let measured = options.watts.is_some() || !processors.is_empty();
    findings.push(match threads {
        Some(threads) => {
            let state = if measured { State::Spare } else { State::Used };
            Finding { kind: SourceKind::Model, state, why: Model::of(sysfs, threads, options.tdp).words, remedy: None }
        }
        None => {
            let why = "there is no /proc/stat, so the load of the machine is unknown".to_owned();
            Finding { kind: SourceKind::Model, state: State::Absent, why, remedy: None }
        }
    });
    let state = match (crate::cpu::process_cpu_seconds(), measured || threads.is_some()) {
        (None, _) => State::Absent,
        (Some(_), true) => State::Spare,
        (Some(_), false) => State::Used,
    };
    let why = "CPU time of the process and its children, which attributes joules to them".to_owned();
    findings.push(Finding { kind: SourceKind::CpuTime, state, why, remedy: None });
    let cpuinfo = sysfs.text("/proc/cpuinfo").unwrap_or_default();
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    Doctor {
        processor: Processor::read(sysfs).map(|p| p.name),
        threads,
        virtual_machine: flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
        findings,
    }
}
