//! RAPL counters as events of `perf`: `power/energy-pkg/` and `power/energy-ram/`, or `power/energy-psys/` without them.
//!
//! The kernel sums them up in 64 bits, so they do not wrap. They count on one thread of each socket, which `cpumask`
//! names.

use crate::counter::SourceError;
use crate::sysfs_root::{SysfsRoot, without_number};

const FOLDER: &str = "/sys/bus/event_source/devices/power";

/// An event to be opened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// The kind of counter, as the kernel numbers them.
    pub(crate) kind: u32,
    /// Which one of it.
    pub(crate) config: u64,
    /// Joules of one count.
    pub(crate) unit: f64,
    /// The thread it counts on.
    pub(crate) cpu: usize,
    /// Such as `energy-pkg`.
    pub(crate) event: &'static str,
    /// The part of the machine.
    pub(crate) name: String,
}

/// The events that add up to the processors and their memory.
pub(crate) fn events(sysfs: &SysfsRoot) -> Result<Vec<Event>, SourceError> {
    if !sysfs.path(FOLDER).is_dir() {
        return Err(SourceError::Absent(format!("there is no {FOLDER}")));
    }
    let broken = |file: &str, what: &str| SourceError::Broken(format!("{FOLDER}/{file}: {what}"));
    let kind = sysfs.number(&format!("{FOLDER}/type")).map_err(|e| broken("type", &without_number(&e)))?;
    let kind = u32::try_from(kind).map_err(|_| broken("type", "is not a kind of counter"))?;
    let mask = sysfs.text(&format!("{FOLDER}/cpumask")).map_err(|e| broken("cpumask", &without_number(&e)))?;
    let cpus = threads(&mask).ok_or_else(|| broken("cpumask", &format!("'{mask}' is not a list of threads")))?;
    let there = |event: &str| sysfs.path(&format!("{FOLDER}/events/{event}")).is_file();
    let wanted = match (there("energy-pkg"), there("energy-psys")) {
        (true, _) => ["energy-pkg", "energy-ram"].as_slice(),
        (false, true) => &["energy-psys", "energy-ram"],
        (false, false) => {
            return Err(SourceError::Absent(format!("{FOLDER}/events has no energy-pkg and no energy-psys")));
        }
    };
    let mut events = Vec::new();
    for event in wanted.iter().copied().filter(|event| there(event)) {
        let file = format!("events/{event}");
        let text = sysfs.text(&format!("{FOLDER}/{file}")).map_err(|e| broken(&file, &without_number(&e)))?;
        let config = config(&text).ok_or_else(|| broken(&file, &format!("'{text}' is not event=0x…")))?;
        let scale = format!("{file}.scale");
        let text = sysfs.text(&format!("{FOLDER}/{scale}")).map_err(|e| broken(&scale, &without_number(&e)))?;
        let unit = text.parse::<f64>().ok().filter(|unit| unit.is_finite() && *unit > 0.0);
        let unit = unit.ok_or_else(|| broken(&scale, &format!("'{text}' is not a number of joules")))?;
        // There is one platform, however many sockets.
        let sockets = if event == "energy-psys" { 1 } else { cpus.len() };
        for (socket, &cpu) in cpus.iter().take(sockets).enumerate() {
            let name = match event {
                "energy-pkg" => format!("package-{socket}"),
                "energy-ram" => format!("package-{socket} dram"),
                _ => "psys".to_owned(),
            };
            events.push(Event { kind, config, unit, cpu, event, name });
        }
    }
    Ok(events)
}

/// `0,28` and `0-1` as threads.
fn threads(mask: &str) -> Option<Vec<usize>> {
    let mut threads = Vec::new();
    for part in mask.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        // No machine has more.
        if last < first || last > 1 << 16 {
            return None;
        }
        threads.extend(first..=last);
    }
    Some(threads)
}

/// `event=0x02` as a number.
fn config(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("event=")?.trim_start_matches("0x"), 16).ok()
}

#[cfg(target_os = "linux")]
mod open {
    use std::io;

    use perf_event::events::Software;

    use super::Event;
    use crate::counter::{Counter, SourceError};
    use crate::sysfs_root::without_number;

    /// An event that counts.
    struct Opened {
        event: Event,
        counter: perf_event::Counter,
    }

    impl Event {
        /// Opens the event and lets it count.
        pub(crate) fn open(self) -> Result<Box<dyn Counter>, SourceError> {
            let failed = |error: &io::Error| {
                let words = format!("power/{}/: {}", self.event, without_number(error));
                match error.kind() {
                    io::ErrorKind::PermissionDenied => SourceError::Denied(words),
                    io::ErrorKind::NotFound => SourceError::Absent(words),
                    _ => SourceError::Broken(words),
                }
            };
            let mut builder = perf_event::Builder::new(Software::DUMMY);
            let attributes = builder.attrs_mut();
            (attributes.type_, attributes.config) = (self.kind, self.config);
            // Counters of a socket know no processes and no modes.
            builder.any_pid().one_cpu(self.cpu).include_kernel().include_hv();
            let mut counter = builder.build().map_err(|e| failed(&e))?;
            counter.enable().map_err(|e| failed(&e))?;
            Ok(Box::new(Opened { event: self, counter }))
        }
    }

    impl Counter for Opened {
        fn name(&self) -> &str {
            &self.event.name
        }

        fn place(&self) -> String {
            format!("power/{}/ on thread {}", self.event.event, self.event.cpu)
        }

        fn tolerance(&self) -> (f64, &'static str) {
            if self.event.event == "energy-ram" { crate::powercap::DRAM } else { crate::powercap::PACKAGE }
        }

        fn read(&mut self) -> Result<u64, SourceError> {
            self.counter
                .read()
                .map_err(|error| SourceError::Broken(format!("{}: {}", self.place(), without_number(&error))))
        }

        fn unit(&self) -> f64 {
            self.event.unit
        }

        fn wraps_at(&self) -> Option<u64> {
            None
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Event {
    /// There is no perf here.
    pub(crate) fn open(self) -> Result<Box<dyn crate::counter::Counter>, SourceError> {
        Err(SourceError::Absent(format!("power/{}/ is counted by Linux", self.event)))
    }
}
