//! CPU time: of this process and its children, and of the machine.

use crate::sysfs_root::SysfsRoot;

/// Ticks of `/proc/stat` in a second: `USER_HZ`, which is 100 wherever this runs.
const TICKS: f64 = 100.0;

/// CPU time of this process and of the children it has waited for, user and system, in seconds.
#[cfg(unix)]
pub(crate) fn process_cpu_seconds() -> Option<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let mut seconds = 0.0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who).ok()?;
        for time in [usage.user_time(), usage.system_time()] {
            seconds += time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        }
    }
    Some(seconds)
}

/// Not known here.
#[cfg(not(unix))]
pub(crate) fn process_cpu_seconds() -> Option<f64> {
    None
}

/// CPU time of the calling thread, user and system, in seconds; none where the system does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn thread_cpu_seconds() -> Option<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Some(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Not known here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_cpu_seconds() -> Option<f64> {
    None
}

/// Time of all hardware threads since the machine started, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Machine {
    /// Hardware threads.
    pub(crate) threads: usize,
    /// Somebody ran.
    pub(crate) busy: f64,
    /// Nobody ran, or waited for a disk.
    pub(crate) idle: f64,
    /// Somebody would have run, and the host ran something else.
    pub(crate) stolen: f64,
}

impl Machine {
    /// What `/proc/stat` says; none without it.
    pub(crate) fn read(sysfs: &SysfsRoot) -> Option<Self> {
        let text = sysfs.text("/proc/stat").ok()?;
        let all = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        // user nice system idle iowait irq softirq steal guest guest_nice; guests are in user and nice already. Old
        // kernels have fewer columns.
        let mut columns = [0.0; 8];
        let mut found = 0;
        for (column, word) in columns.iter_mut().zip(all.split_whitespace()) {
            *column = word.parse::<u64>().ok()? as f64 / TICKS;
            found += 1;
        }
        let [user, nice, system, idle, iowait, irq, softirq, stolen] = columns;
        let threads = text.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count();
        (found >= 4 && threads > 0).then_some(Self {
            threads,
            busy: user + nice + system + irq + softirq,
            idle: idle + iowait,
            stolen,
        })
    }

    /// The time that passed since `earlier`. No column runs backwards for more than the kernel's own corrections.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            threads: self.threads,
            busy: (self.busy - earlier.busy).max(0.0),
            idle: (self.idle - earlier.idle).max(0.0),
            stolen: (self.stolen - earlier.stolen).max(0.0),
        }
    }
}
