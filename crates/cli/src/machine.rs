//! This process on this machine: threads, time and peak memory.

use crate::error::Failure;

/// Sets the number of threads of this process and returns it.
pub(crate) fn use_threads(threads: Option<u16>) -> Result<usize, Failure> {
    if let Some(threads) = threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|e| Failure::new(format!("{threads} threads cannot be started: {e}")))?;
    }
    Ok(rayon::current_num_threads())
}

/// The largest resident memory of this process so far, in bytes; none where the system does not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
