//! What a job will take of memory, predicted before it takes it.

use std::path::Path;

use leanset_core::Shape;
use leanset_core::metrics::PersistenceOptions;
use leanset_problem::{Problem, Result, Text, setting, text};

/// What the process takes before it has read anything, where the system does not tell.
pub(crate) const BASE: u64 = 12 << 20;
/// Code that is not touched before the work begins.
const CODE: u64 = 6 << 20;

/// What the process takes before the job has read anything.
pub(crate) fn base() -> u64 {
    peak().map_or(BASE, |reached| reached + CODE)
}

/// Bytes that measuring ε takes: the kept points in trees.
pub(crate) fn of_epsilon(shape: &Shape, kept: usize) -> u64 {
    (kept * (shape.columns * shape.scalar_bytes + 2 * shape.columns + 32)) as u64
}

/// Bytes that comparing persistence diagrams takes: the pairs of the points of one class; for dimension 2 the voids that
/// are alive at once, which is measured rather than known; and the traversal of a class above the points.
pub(crate) fn of_persistence(shape: &Shape, options: &PersistenceOptions) -> u64 {
    let points = shape.largest_class.min(options.points) as u64;
    let voids = if options.dimension == 2 { points.pow(3) / 8 } else { 0 };
    let traversal = if shape.largest_class > options.points { of_epsilon(shape, shape.largest_class) } else { 0 };
    16 * points * points + voids + traversal
}

/// The largest resident memory of this process so far, in bytes; nothing where the system does not tell.
pub fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Bytes with a binary unit, for people.
pub fn bytes(n: u64) -> String {
    format!("{:.2}", bytesize::ByteSize::b(n).display().iec())
}

/// The most bytes that a job may be predicted to take, if there is such a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) Option<u64>);

impl Limit {
    /// Refuses a file that is above the limit by itself, before it is read.
    pub(crate) fn check_file(self, file: &Path) -> Result<()> {
        let hint = text!["raise ", &setting::MEMORY_LIMIT, ", or reduce the table in parts"];
        self.check_file_or(file, hint)
    }

    /// The same, with another way out.
    pub(crate) fn check_file_or(self, file: &Path, hint: Text) -> Result<()> {
        let size = std::fs::metadata(file).map_or(0, |m| m.len());
        match self.0 {
            Some(limit) if size > limit => {
                let (file, size, limit) = (file.display(), bytes(size), bytes(limit));
                Err(Problem::new(format!("{file}: {size} do not fit into the memory limit of {limit}")).hint(hint))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a job whose prediction is above the limit.
    pub(crate) fn check(self, predicted: u64) -> Result<()> {
        let hint = text![
            "raise ",
            &setting::MEMORY_LIMIT,
            ", use fewer ",
            &setting::THREADS,
            ", or reduce the table in parts"
        ];
        self.check_or(predicted, hint)
    }

    /// The same, with another way out.
    pub(crate) fn check_or(self, predicted: u64, hint: Text) -> Result<()> {
        match self.0 {
            Some(limit) if predicted > limit => Err(Problem::new(format!(
                "this run is predicted to take {} of memory, above the limit of {}",
                bytes(predicted),
                bytes(limit)
            ))
            .hint(hint)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_binary_units() {
        assert_eq!(bytes(1000), "1000 B");
        assert_eq!(bytes(1536), "1.50 KiB");
        assert_eq!(bytes(3 << 30), "3.00 GiB");
    }

    #[test]
    fn limit_refuses_what_is_above_it_alone() {
        assert!(Limit(Some(10)).check(10).is_ok());
        assert!(Limit(Some(10)).check(11).is_err());
        assert!(Limit(None).check(u64::MAX).is_ok());
    }
}
