//! RAPL counters in `/sys/class/powercap`: microjoules that wrap, one folder a domain.
//!
//! Packages and DRAM are what is added up. Cores and uncore are inside packages; `psys`, the whole platform of a laptop,
//! contains packages too and is used where there are none; zones of `intel-rapl-mmio` are the same counters seen through
//! another window, and are used where the first is not there.

use std::io;

use crate::counter::{Counter, SourceError};
use crate::sysfs_root::{SysfsRoot, without_number};

const FOLDER: &str = "/sys/class/powercap";

/// Within 5 %: what RAPL of Haswell and later was found to agree with meters at the wall, once these are calibrated
/// (Khan et al. 2018, doi:10.1145/3177754).
pub(crate) const PACKAGE: (f64, &str) = (0.05, "RAPL of a processor (Khan et al. 2018, doi:10.1145/3177754)");
/// Within 20 %: what DRAM counters of Haswell agreed with instrumented memory, best under load (Desrochers et al. 2016,
/// doi:10.1145/2989081.2989088).
pub(crate) const DRAM: (f64, &str) = (0.2, "RAPL of memory (Desrochers et al. 2016, doi:10.1145/2989081.2989088)");

/// Joules of a microjoule.
const MICRO: f64 = 1e-6;

/// A zone of powercap.
pub(crate) struct Zone {
    sysfs: SysfsRoot,
    /// The folder's name, such as `intel-rapl:0:0`.
    id: String,
    name: String,
    most: Option<u64>,
}

impl Zone {
    fn file(&self) -> String {
        format!("{FOLDER}/{}/energy_uj", self.id)
    }
}

impl Counter for Zone {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> String {
        self.file()
    }

    fn tolerance(&self) -> (f64, &'static str) {
        if self.name.ends_with("dram") { DRAM } else { PACKAGE }
    }

    fn read(&mut self) -> Result<u64, SourceError> {
        let file = self.file();
        self.sysfs.number(&file).map_err(|error| {
            let words = format!("{file}: {}", without_number(&error));
            match error.kind() {
                io::ErrorKind::PermissionDenied => SourceError::Denied(words),
                io::ErrorKind::NotFound => SourceError::Absent(words),
                _ => SourceError::Broken(words),
            }
        })
    }

    fn unit(&self) -> f64 {
        MICRO
    }

    fn wraps_at(&self) -> Option<u64> {
        self.most
    }
}

/// The zones that add up to the processors and their memory.
pub(crate) fn zones(sysfs: &SysfsRoot) -> Vec<Zone> {
    let ids: Vec<String> = sysfs.names(FOLDER).into_iter().filter(|id| id.contains(':')).collect();
    let named: Vec<(String, String)> = ids
        .into_iter()
        .filter_map(|id| {
            let name = sysfs.text(&format!("{FOLDER}/{id}/name")).ok()?;
            Some((id, name))
        })
        .collect();
    let package = |name: &str| name.starts_with("package");
    let window = if named.iter().any(|(id, name)| package(name) && !is_second_window(id)) {
        |id: &str| !is_second_window(id)
    } else {
        |_: &str| true
    };
    let packages = named.iter().any(|(_, name)| package(name));
    named
        .iter()
        .filter(|(id, name)| {
            window(id) && if packages { package(name) || name == "dram" } else { name == "psys" || name == "dram" }
        })
        .map(|(id, name)| {
            // A DRAM zone lies in its package's.
            let parent = id.rsplit_once(':').map_or("", |(parent, _)| parent);
            let above = named.iter().find(|(other, _)| other == parent).map(|(_, name)| name);
            let name = above.map_or_else(|| name.clone(), |above| format!("{above} {name}"));
            let most = sysfs.number(&format!("{FOLDER}/{id}/max_energy_range_uj")).ok();
            Zone { sysfs: sysfs.clone(), id: id.clone(), name, most }
        })
        .collect()
}

fn is_second_window(id: &str) -> bool {
    id.starts_with("intel-rapl-mmio")
}

/// Why there are no zones, for a person.
pub(crate) fn absence(sysfs: &SysfsRoot) -> SourceError {
    let words = if sysfs.path(FOLDER).is_dir() {
        format!("{FOLDER} has no package and no psys")
    } else {
        format!("there is no {FOLDER}")
    };
    SourceError::Absent(words)
}
