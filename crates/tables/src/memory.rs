//! The memory that may be taken: known before a file is read, and asked before anything of a claimed size is allocated.

use std::fmt;
use std::fs;
use std::path::Path;

use leanset_problem::{Text, setting, text};

use crate::error::Error;

/// The most memory that this process may hold, and what it held when the limit was made.
///
/// Whoever allocates as much as a file claims (rows, unpacked bytes, cells) asks [`MemoryLimit::check`] first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    bytes: u64,
    held: u64,
    asked: bool,
}

impl MemoryLimit {
    /// The limit that was asked for, or else the memory that is available to this process.
    pub fn new(asked: Option<u64>) -> Self {
        let held = resident().unwrap_or(0);
        let bytes = asked.unwrap_or_else(|| available().map_or(u64::MAX, |free| held.saturating_add(free)));
        Self { bytes, held, asked: asked.is_some() }
    }

    /// No limit.
    pub(crate) const NONE: Self = Self { bytes: u64::MAX, held: 0, asked: false };

    /// A limit of so many bytes beside what this process holds.
    pub fn more(bytes: u64) -> Self {
        let held = resident().unwrap_or(0);
        Self { bytes: held.saturating_add(bytes), held, asked: true }
    }

    /// The same limit once this many bytes more are held.
    #[must_use]
    pub(crate) fn beside(self, bytes: u64) -> Self {
        Self { held: self.held.saturating_add(bytes), ..self }
    }

    /// Bytes of the limit.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether somebody asked for it; otherwise it is what the system has.
    pub fn is_asked(&self) -> bool {
        self.asked
    }

    /// Bytes that may still be taken beside what the process held when the limit was made.
    pub fn left(&self) -> u64 {
        self.bytes.saturating_sub(self.held)
    }

    /// Refuses to hold more than the limit: `bytes` are all that is held since the limit was made and what is wanted
    /// now. `what` of the file `name` takes them, as in "the unpacked file".
    ///
    /// # Errors
    /// They do not fit.
    pub fn check(&self, name: &str, what: impl fmt::Display, bytes: u64) -> Result<(), Error> {
        if bytes <= self.left() { Ok(()) } else { Err(self.refusal(name, what, bytes)) }
    }

    /// The error of [`MemoryLimit::check`].
    pub fn refusal(&self, name: &str, what: impl fmt::Display, bytes: u64) -> Error {
        let (wanted, left, limit) = (in_words(bytes), in_words(self.left()), in_words(self.bytes));
        if self.asked && self.left() == 0 {
            let held = in_words(self.held);
            let message = format!("{name}: the process holds {held} of memory already, above the limit of {limit}");
            return Error::request(message).with_hint(self.way_out());
        }
        let message = format!("{name}: {what} takes {wanted} of memory or more, and ");
        let rest = if self.asked {
            format!("{left} are left of the limit of {limit}")
        } else {
            format!("{left} are available")
        };
        Error::request(message + &rest).with_hint(self.way_out())
    }

    /// What helps against the limit.
    pub fn way_out(&self) -> Text {
        if self.asked {
            text!["raise ", &setting::MEMORY_LIMIT, ", or reduce the table in parts"]
        } else {
            text!["free memory, or reduce the table in parts; ", &setting::MEMORY_LIMIT, " sets another limit"]
        }
    }
}

/// Bytes with a binary unit, for people.
pub fn in_words(bytes: u64) -> String {
    format!("{:.2}", bytesize::ByteSize::b(bytes).display().iec())
}

/// The largest resident memory of this process so far; nothing where the system does not tell.
pub fn peak() -> Option<u64> {
    of_status("VmHWM:")
}

/// The resident memory of this process; nothing where the system does not tell.
pub fn resident() -> Option<u64> {
    of_status("VmRSS:")
}

fn of_status(key: &str) -> Option<u64> {
    kib(&fs::read_to_string("/proc/self/status").ok()?, key)
}

/// The bytes of a line `key   123 kB`.
fn kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Bytes that this process can take beside what it has, before the system has to stop a process: those that the machine
/// has, or fewer if its control group or its limits allow fewer. Nothing where the system does not tell.
pub fn available() -> Option<u64> {
    let files = Files { root: Path::new("/") };
    [files.of_machine(), files.of_groups(), files.of_limits()].into_iter().flatten().min()
}

/// The kernel's files about memory, below a root that tests set.
struct Files<'a> {
    root: &'a Path,
}

impl Files<'_> {
    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.trim().parse().ok()
    }

    /// Free memory, caches that can be dropped, and swap.
    fn of_machine(&self) -> Option<u64> {
        let text = self.read("proc/meminfo")?;
        Some(kib(&text, "MemAvailable:")?.saturating_add(kib(&text, "SwapFree:").unwrap_or(0)))
    }

    /// The least that is left of the limits of the control group and of those above it.
    fn of_groups(&self) -> Option<u64> {
        let groups = self.read("proc/self/cgroup")?;
        let mut least = None;
        for line in groups.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let own = path.trim_start_matches('/');
            let of = match controllers {
                "" => Self::of_second,
                _ if controllers.split(',').any(|c| c == "memory") => Self::of_first,
                _ => continue,
            };
            // In a container the group may be mounted as the root.
            let levels = Path::new(own).ancestors().map(|level| level.to_string_lossy().into_owned());
            least = levels.chain([String::new()]).filter_map(|level| of(self, &level)).chain(least).min();
        }
        least
    }

    /// What is left in a group of cgroups version 2.
    fn of_second(&self, group: &str) -> Option<u64> {
        let at = format!("sys/fs/cgroup/{group}");
        let limit = self.number(&format!("{at}/memory.max"))?;
        let swap = self
            .number(&format!("{at}/memory.swap.max"))
            .map_or(0, |most| most.saturating_sub(self.number(&format!("{at}/memory.swap.current")).unwrap_or(0)));
        self.left(limit, &format!("{at}/memory.current"), &format!("{at}/memory.stat"), "inactive_file ", swap)
    }

    /// What is left in a group of cgroups version 1.
    fn of_first(&self, group: &str) -> Option<u64> {
        let at = format!("sys/fs/cgroup/memory/{group}");
        let limit = self.number(&format!("{at}/memory.limit_in_bytes"))?;
        let (usage, stat) = (format!("{at}/memory.usage_in_bytes"), format!("{at}/memory.stat"));
        self.left(limit, &usage, &stat, "total_inactive_file ", 0)
    }

    fn left(&self, limit: u64, usage: &str, stat: &str, cache: &str, swap: u64) -> Option<u64> {
        let used = self.number(usage)?;
        // Files that were read and can be dropped.
        let dropped = self.read(stat).and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix(cache)).and_then(|n| n.trim().parse().ok())
        });
        Some(limit.saturating_sub(used.saturating_sub(dropped.unwrap_or(0))).saturating_add(swap))
    }

    /// What is left of the address space and of the data that the process may have (`ulimit -v`, `ulimit -d`).
    fn of_limits(&self) -> Option<u64> {
        let (limits, status) = (self.read("proc/self/limits")?, self.read("proc/self/status")?);
        let left = |name: &str, used: &str| {
            let soft = limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
            Some(soft.parse::<u64>().ok()?.saturating_sub(kib(&status, used)?))
        };
        [left("Max address space", "VmSize:"), left("Max data size", "VmData:")].into_iter().flatten().min()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_binary_units() {
        assert_eq!(in_words(1000), "1000 B");
        assert_eq!(in_words(1536), "1.50 KiB");
        assert_eq!(in_words(3 << 30), "3.00 GiB");
    }

    #[test]
    fn limit_refuses_what_does_not_fit_beside_what_is_held() {
        let limit = MemoryLimit { bytes: 100, held: 40, asked: true };
        assert!(limit.check("t.csv", "the file", 60).is_ok());
        let error = limit.check("t.csv", "the file", 61).unwrap_err();
        let expected = "t.csv: the file takes 61 B of memory or more, and 60 B are left of the limit of 100 B";
        assert_eq!(error.to_string(), expected);
    }

    /// Writes the kernel's files, and asks what is available.
    fn least(files: &[(&str, &str)]) -> [Option<u64>; 3] {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = Files { root: root.path() };
        [files.of_machine(), files.of_groups(), files.of_limits()]
    }

    #[test]
    fn memory_of_the_machine_is_what_is_available_and_swap() {
        let meminfo = "MemTotal:   100 kB\nMemAvailable:    30 kB\nSwapFree:        2 kB\n";
        assert_eq!(least(&[("proc/meminfo", meminfo)]), [Some(32 << 10), None, None]);
        assert_eq!(least(&[]), [None; 3]);
    }

    #[test]
    fn memory_of_a_group_is_the_least_of_those_above_it() {
        let of = |group: &str, max: &str, used: &str| {
            let at = format!("sys/fs/cgroup/{group}");
            [(format!("{at}memory.max"), max.to_owned()), (format!("{at}memory.current"), used.to_owned())]
        };
        let mut files: Vec<(String, String)> =
            [of("", "9000", "10"), of("a/", "500", "300"), of("a/b/", "max", "1")].into_iter().flatten().collect();
        files.push(("proc/self/cgroup".into(), "0::/a/b\n".into()));
        files.push(("sys/fs/cgroup/a/memory.stat".into(), "anon 5\ninactive_file 100\n".into()));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(least(&files)[1], Some(300));
    }

    #[test]
    fn memory_of_an_older_group_and_of_limits() {
        let files = [
            ("proc/self/cgroup", "5:cpu:/\n4:memory:/a\n"),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "700\n"),
            ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "600\n"),
            (
                "proc/self/limits",
                "Max data size             unlimited  unlimited bytes\nMax address space         4096  8192  bytes\n",
            ),
            ("proc/self/status", "VmSize:\t  1 kB\nVmData:\t 1 kB\n"),
        ];
        assert_eq!(least(&files), [None, Some(100), Some(3072)]);
    }
}
