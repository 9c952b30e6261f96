//! What a dry run found.

use leanset::{DryRun, Result};
use leanset_spec::request::TableRequest;

/// As JSON on stdout, or in words on stderr.
pub(crate) fn print(found: &DryRun, json: bool) -> Result<String> {
    if json {
        return Ok(format!("{:#}\n", found.document()));
    }
    let target = found.request.method().and_then(|method| method.target.as_deref());
    let verb = if matches!(found.request, TableRequest::Rank(_)) { "rank" } else { "keep" };
    let (held_out, rows) = match found.test_rows {
        Some(test) => (format!("hold out {} test rows, then ", super::count(test)), "training rows"),
        None => (String::new(), "rows"),
    };
    super::eprint(&super::wrapped(&format!(
        "would {held_out}{verb} {} of {} {rows} of {} ({} features per row, {}) by {}{}",
        super::count(found.kept),
        super::count(found.rows),
        found.input,
        super::count(found.dimensions),
        super::counted(found.classes, "class", "classes"),
        found.method,
        super::purpose(target),
    )));
    super::eprint(&closing(found.predicted_peak_memory_bytes, found.threads));
    Ok(String::new())
}

/// What every dry run ends with.
pub(crate) fn closing(predicted: u64, threads: usize) -> String {
    let (predicted, threads) = (super::bytes(predicted), super::counted(threads, "thread", "threads"));
    format!("  predicted peak memory {predicted} on {threads}; nothing was written\n")
}
