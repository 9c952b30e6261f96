//! What a job will take of memory, predicted before it takes it.

use std::path::Path;

use leanset_core::Shape;
use leanset_core::distance::Metric;
use leanset_core::metrics::{PersistenceOptions, filter_bytes};
use leanset_problem::{Problem, Result, Text, setting, text};
use leanset_spec::Format;
use leanset_tables::{Kind, MemoryLimit, Table, resident};
pub use leanset_tables::{in_words as bytes, peak};

/// What the process takes before it has read anything, where the system does not tell.
pub(crate) const BASE: u64 = 12 << 20;
/// Code that is not touched before the work begins.
const CODE: u64 = 6 << 20;

/// What a thread takes at work: its stack, and what its allocations leave in its own heap.
const THREAD: u64 = 1 << 20;

/// The predicted peak of a job whose files are read: the peak so far, or what is held now and what the work takes beside
/// it. `held` is what the job holds by its own account, where the system does not tell.
pub(crate) fn predicted(threads: usize, held: impl FnOnce() -> u64, work: u64) -> u64 {
    let own = CODE + THREAD * threads as u64;
    match (peak(), resident()) {
        (Some(reached), Some(now)) => reached.max(now + work) + own,
        _ => BASE + held() + work + own,
    }
}

/// A prediction as it is said. It is a little more than what is held against the limit, because two processes never hold quite
/// the same: what a dry run says is enough as the limit of the run.
pub(crate) fn stated(predicted: u64) -> u64 {
    predicted + predicted / 64 + (1 << 20)
}

/// What the writer of Parquet takes for a column, whatever its length.
const PARQUET_COLUMN: u64 = 96 << 10;
/// What it takes for a value beside its bytes: the table in which it looks values up, and their positions in it.
const PARQUET_VALUE: u64 = 40;
/// Bytes of different values above which it gives a dictionary up.
const PARQUET_DICTIONARY: u64 = 1 << 20;

/// Bytes that writing rows holds for a while. In the format of the table they are copied: text as it is, and other formats
/// are put together before they are written. Into another format all columns are read, chosen from and put together.
pub(crate) fn of_writing(table: &Table, kept: usize, to: Format) -> u64 {
    let of_kept = |bytes: u64| (u128::from(bytes) * kept as u128 / table.rows().max(1) as u128) as u64;
    let is_text = |format: Format| matches!(format, Format::Csv | Format::Tsv);
    let is_arrow = |format: Format| matches!(format, Format::Parquet | Format::ArrowIpc);
    let from = table.format();
    let (rows, count) = (table.rows().max(1) as u64, table.columns().len().max(1) as u64);
    let width = (table.unpacked() / (rows * count)).clamp(4, 8);
    let looked_up = (kept as u64).min(PARQUET_DICTIONARY / width);
    let own = if to == Format::Parquet { (PARQUET_COLUMN + PARQUET_VALUE * looked_up) * count } else { 0 };
    let own = own + table.taken(kept);
    if from == to || (is_text(from) && is_text(to)) || (is_arrow(from) && is_arrow(to)) {
        let copies = match to {
            Format::Csv | Format::Tsv | Format::Jsonl => 0,
            Format::Npy => 1,
            Format::Npz | Format::ArrowIpc => 2,
            Format::Parquet | Format::Xlsx => 3,
        };
        return own + copies * of_kept(table.unpacked());
    }
    let cells = 9 * (table.rows() * table.columns().len()) as u64;
    // Text columns are at most all of the table.
    let words = table
        .columns()
        .iter()
        .filter(|c| matches!(c.kind, Kind::Text | Kind::Date | Kind::List(_) | Kind::Other(_)))
        .count() as u64;
    let columns = cells + table.unpacked() * words / table.columns().len().max(1) as u64;
    own + columns + if is_text(to) || to == Format::Jsonl { 1 } else { 4 } * of_kept(columns)
}

/// Bytes that measuring ε takes: the kept points in trees, and for most metrics once more in a filter; their directions twice, in 64 bits, for
/// cosine distance.
pub(crate) fn of_epsilon(shape: &Shape, kept: usize, metric: Metric) -> u64 {
    let scalar_bytes = if metric == Metric::Cosine { 16 } else { shape.scalar_bytes };
    let tree = shape.columns * scalar_bytes + 2 * shape.columns + 32;
    (kept * (tree + filter_bytes(shape.columns, metric))) as u64
}

/// Bytes that comparing persistence diagrams takes: the pairs of the points of one class; for dimension 2 the voids that
/// are alive at once, which is measured rather than known; and the traversal of a class above the points.
pub(crate) fn of_persistence(shape: &Shape, options: &PersistenceOptions) -> u64 {
    let points = shape.largest_class.min(options.points) as u64;
    let voids = if options.dimension == 2 { points.pow(3) / 8 } else { 0 };
    let traversal = if shape.largest_class > options.points {
        of_epsilon(shape, shape.largest_class, Metric::Euclidean)
    } else {
        0
    };
    16 * points * points + voids + traversal
}

/// The most bytes that a job may take: what was asked for, or what is available.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) MemoryLimit);

impl Limit {
    /// Refuses files that are above the limit by themselves, before they are read.
    pub(crate) fn check_size(self, name: &str, size: u64) -> Result<()> {
        self.check_size_or(name, size, self.0.way_out())
    }

    /// The same of one file, with another way out.
    pub(crate) fn check_file_or(self, file: &Path, hint: Text) -> Result<()> {
        self.check_size_or(&file.display().to_string(), std::fs::metadata(file).map_or(0, |m| m.len()), hint)
    }

    fn check_size_or(self, name: &str, size: u64, hint: Text) -> Result<()> {
        if size <= self.0.bytes() {
            return Ok(());
        }
        let (size, limit) = (bytes(size), bytes(self.0.bytes()));
        let message = if self.0.is_asked() {
            format!("{name}: {size} do not fit into the memory limit of {limit}")
        } else {
            format!("{name}: {size} do not fit into the {limit} of memory that are available")
        };
        Err(Problem::new(message).hint(hint))
    }

    /// Refuses a job whose prediction is above the limit.
    pub(crate) fn check(self, predicted: u64) -> Result<()> {
        let hint = if self.0.is_asked() {
            text!["raise ", &setting::MEMORY_LIMIT, ", use fewer ", &setting::THREADS, ", or reduce the table in parts"]
        } else {
            text![
                "free memory, use fewer ",
                &setting::THREADS,
                ", or reduce the table in parts; ",
                &setting::MEMORY_LIMIT,
                " sets another limit"
            ]
        };
        self.check_or(predicted, hint)
    }

    /// The same, with another way out.
    pub(crate) fn check_or(self, predicted: u64, hint: Text) -> Result<()> {
        if predicted <= self.0.bytes() {
            return Ok(());
        }
        let (predicted, limit) = (bytes(stated(predicted)), bytes(self.0.bytes()));
        let above = if self.0.is_asked() { "above the limit of" } else { "above what is available:" };
        Err(Problem::new(format!("this run is predicted to take {predicted} of memory, {above} {limit}")).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_refuses_what_is_above_it_alone() {
        let limit = Limit(MemoryLimit::new(Some(10)));
        assert!(limit.check(10).is_ok());
        assert!(limit.check(11).is_err());
        assert!(Limit(MemoryLimit::new(None)).check(1 << 60).is_err());
    }
}
