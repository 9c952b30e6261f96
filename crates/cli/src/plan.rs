//! What a run will take, before it takes it: the prediction behind `--dry-run` and `--memory-limit`.

use std::path::Path;

use leanset_core::metrics::PersistenceOptions;
use leanset_core::{Reducer, Shape};
use serde_json::json;

use crate::args::RunArgs;
use crate::error::Failure;
use crate::input::Input;
use crate::target::purpose;
use crate::{manifest, text};

/// What the process takes before it has read anything.
pub(crate) const BASE_MEMORY: u64 = 12 << 20;

/// Bytes that measuring ε takes: the kept points in trees.
pub(crate) fn epsilon_memory(shape: &Shape, kept: usize) -> u64 {
    (kept * (shape.columns * shape.scalar_bytes + 2 * shape.columns + 32)) as u64
}

/// Bytes that comparing shapes takes: the pairs of the points of one class; for dimension 2 the voids that are alive at
/// once, which is measured rather than known; and the traversal of a class above the points.
pub(crate) fn persistence_memory(shape: &Shape, options: &PersistenceOptions) -> u64 {
    let points = shape.largest_class.min(options.points) as u64;
    let voids = if options.dimension == 2 { points.pow(3) / 8 } else { 0 };
    let traversal = if shape.largest_class > options.points { epsilon_memory(shape, shape.largest_class) } else { 0 };
    16 * points * points + voids + traversal
}

/// Refuses a file that is above the limit by itself, before it is read.
pub(crate) fn file_within_limit(file: &Path, run: &RunArgs) -> Result<(), Failure> {
    file_within_limit_or(file, run, "raise --memory-limit, or reduce the table in parts")
}

/// The same, with another way out.
pub(crate) fn file_within_limit_or(file: &Path, run: &RunArgs, hint: &str) -> Result<(), Failure> {
    let bytes = std::fs::metadata(file).map_or(0, |m| m.len());
    match run.memory_limit {
        Some(limit) if bytes > limit.as_u64() => Err(Failure::new(format!(
            "{}: {} do not fit into the memory limit of {}",
            file.display(),
            text::bytes(bytes),
            text::bytes(limit.as_u64())
        ))
        .hint(hint)),
        _ => Ok(()),
    }
}

/// Refuses a run whose prediction is above the limit.
pub(crate) fn within_limit(predicted: u64, run: &RunArgs) -> Result<(), Failure> {
    within_limit_or(predicted, run, "raise --memory-limit, use fewer --threads, or reduce the table in parts")
}

/// The same, with another way out.
pub(crate) fn within_limit_or(predicted: u64, run: &RunArgs, hint: &str) -> Result<(), Failure> {
    match run.memory_limit {
        Some(limit) if predicted > limit.as_u64() => Err(Failure::new(format!(
            "this run is predicted to take {} of memory, above the limit of {}",
            text::bytes(predicted),
            text::bytes(limit.as_u64())
        ))
        .hint(hint)),
        _ => Ok(()),
    }
}

pub(crate) fn plan_json(
    command: &str,
    input: &Input,
    reducer: &Reducer,
    kept: usize,
    predicted: u64,
    threads: usize,
) -> serde_json::Value {
    plan_of(command, input, reducer.info().id, &json!(manifest::parameters(reducer, input)), kept, predicted, threads)
}

#[allow(clippy::too_many_arguments)] // one record of a plan, built in one place
pub(crate) fn plan_of(
    command: &str,
    input: &Input,
    method: &str,
    parameters: &serde_json::Value,
    kept: usize,
    predicted: u64,
    threads: usize,
) -> serde_json::Value {
    json!({
        "schema": "leanset.plan/1",
        "leanset": env!("CARGO_PKG_VERSION"),
        "command": command,
        "input": input.table.name(),
        "rows": input.encoded.rows,
        "dimensions": input.encoded.dimensions,
        "classes": input.encoded.class_names.len(),
        "method": method,
        "parameters": parameters,
        "kept": kept,
        "threads": threads,
        "predicted_peak_memory_bytes": predicted,
    })
}

/// A plan, as JSON on stdout or in words on stderr.
pub(crate) fn tell_plan(plan: &serde_json::Value, run: &RunArgs) -> Result<String, Failure> {
    if run.json {
        return Ok(format!("{plan:#}\n"));
    }
    let whole = |key: &str| usize::try_from(plan[key].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
    let words = |key: &str| plan[key].as_str().unwrap_or("").to_owned();
    let target = purpose(plan["target"].as_str().map(Path::new));
    let verb = if plan["command"] == "rank" { "rank" } else { "keep" };
    text::say(&format!(
        "would {verb} {} of {} rows of {} ({} numbers a row, {} classes) by {}{target}\n{}",
        text::count(whole("kept")),
        text::count(whole("rows")),
        words("input"),
        text::count(whole("dimensions")),
        text::count(whole("classes")),
        words("method"),
        closing(plan["predicted_peak_memory_bytes"].as_u64().unwrap_or(0), whole("threads")),
    ));
    Ok(String::new())
}

/// What every plan ends with.
pub(crate) fn closing(predicted: u64, threads: usize) -> String {
    let predicted = text::bytes(predicted);
    format!("  predicted peak memory {predicted} on {threads} threads; nothing was written\n")
}
