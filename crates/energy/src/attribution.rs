//! Attribution of joules: the share of the machine's that a process has, and of a process's that one of its threads has.
//!
//! Both go by CPU time. Work is unequal, though, so a share is an estimate and its range is wide: another process may draw
//! three times as much per busy second, or a third; of a thread it is only known that it has no more than its process.

use crate::cpu::Machine;
use crate::reading::{Carbon, Grams, Joules, Reading};

/// One busy thread may draw so many times what another draws: vector units, clocks, a shared core.
const UNEQUAL: f64 = 3.0;

/// The share of the machine's energy that a process with so much CPU time has.
pub(crate) fn to_process(energy: Joules, own: f64, time: &Machine, seconds: f64) -> Joules {
    let others = (time.busy - own).max(0.0);
    let idle = (time.threads as f64 * seconds - time.busy).max(0.0);
    // Weights of the own time, and of all time that shares the energy.
    let part = |own: f64, all: f64| if all > 0.0 { own / all } else { 0.0 };
    Joules {
        joules: energy.joules * part(own, own + others),
        low: energy.low * part(own, own + UNEQUAL * others + idle),
        high: energy.high * part(UNEQUAL * own, UNEQUAL * own + others),
    }
}

/// What a reading of the process comes to for one of its threads, which used `own` seconds of CPU time.
///
/// Where the system does not tell a thread's time, nothing but the wall time is left: what the process used, with the work of
/// other threads in it, is not what this one used.
pub(crate) fn to_thread(reading: Reading, own: Option<f64>) -> Reading {
    let Some(own) = own else {
        return Reading {
            cpu_seconds: None,
            components: Vec::new(),
            machine_joules: None,
            process_joules: None,
            estimated: false,
            carbon: None,
            ..reading
        };
    };
    let share = match reading.cpu_seconds {
        Some(all) if all > 0.0 => (own / all).min(1.0),
        _ => 1.0,
    };
    let of = |energy: Joules| Joules { joules: energy.joules * share, low: energy.low * share, high: energy.high };
    let grams = |all: Grams| Grams { grams: all.grams * share, low: all.low * share, high: all.high };
    Reading {
        cpu_seconds: Some(own),
        process_joules: reading.process_joules.map(of),
        estimated: true,
        carbon: reading.carbon.map(|carbon| Carbon { process: carbon.process.map(grams), ..carbon }),
        ..reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Component, Source, SourceKind};

    fn reading() -> Reading {
        let energy = Joules { joules: 10.0, low: 9.0, high: 12.0 };
        let source = Source { kind: SourceKind::Powercap, detail: String::new() };
        Reading {
            seconds: 2.0,
            cpu_seconds: Some(3.0),
            components: vec![Component { name: "package-0".into(), energy, source }],
            machine_joules: Some(energy),
            process_joules: Some(Joules { joules: 6.0, low: 5.0, high: 12.0 }),
            estimated: false,
            load: None,
            carbon: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn to_thread_is_a_share_by_cpu_time_and_an_estimate() {
        let thread = to_thread(reading(), Some(1.0));
        assert_eq!((thread.cpu_seconds, thread.seconds), (Some(1.0), 2.0));
        // All of it could be this thread's, as far as the counter knows.
        assert_eq!(thread.process_joules, Some(Joules { joules: 2.0, low: 5.0 * (1.0 / 3.0), high: 12.0 }));
        assert!(thread.estimated);
        assert_eq!(thread.components, reading().components);
    }

    #[test]
    fn to_thread_claims_nothing_where_no_time_is_known() {
        let thread = to_thread(reading(), None);
        assert_eq!((thread.seconds, thread.cpu_seconds, thread.process_joules), (2.0, None, None));
        assert!(thread.components.is_empty() && !thread.estimated);
    }

    #[test]
    fn to_thread_has_no_more_than_the_process() {
        // Clocks of threads and processes are read one after the other.
        assert_eq!(to_thread(reading(), Some(3.1)).process_joules, reading().process_joules);
    }
}
