//! What a job would do and take: the document of a dry run.

use leanset_core::Reducer;
use leanset_spec::request::TableRequest;
use serde_json::{Value, json};

use crate::memory;
use crate::table::Input;

/// `leanset.plan/2`: what `reduce` or `rank` would do.
#[derive(Clone, Debug)]
pub struct DryRun {
    /// What is asked, with every default said.
    pub request: TableRequest,
    /// The name of the table.
    pub input: String,
    /// Rows of the dataset.
    pub rows: usize,
    /// Rows that would be held out for a test, if that is asked.
    pub test_rows: Option<usize>,
    /// Features per row.
    pub dimensions: usize,
    /// Classes.
    pub classes: usize,
    /// The registered name of the method, or `ranking`.
    pub method: String,
    /// Rows that would be kept.
    pub kept: usize,
    /// Threads that would work.
    pub threads: usize,
    /// The predicted peak.
    pub predicted_peak_memory_bytes: u64,
}

/// The schema of dry runs.
pub const SCHEMA: &str = "leanset.plan/2";

impl DryRun {
    pub(crate) fn new(
        request: TableRequest,
        input: &Input,
        reducer: Option<&Reducer>,
        kept: usize,
        (threads, predicted): (usize, u64),
    ) -> Self {
        Self {
            request,
            input: input.table.name().to_owned(),
            rows: input.encoded.rows,
            test_rows: input.test.as_ref().map(|test| test.rows().len()),
            dimensions: input.encoded.dimensions,
            classes: input.encoded.class_names.len(),
            method: reducer.map_or("ranking", |reducer| reducer.info().id).to_owned(),
            kept,
            threads,
            predicted_peak_memory_bytes: memory::stated(predicted),
        }
    }

    /// As a document.
    pub fn document(&self) -> Value {
        let mut document = json!({
            "schema": SCHEMA,
            "leanset": env!("CARGO_PKG_VERSION"),
            "request": self.request,
            "input": self.input,
            "rows": self.rows,
            "dimensions": self.dimensions,
            "classes": self.classes,
            "method": self.method,
            "kept": self.kept,
            "threads": self.threads,
            "predicted_peak_memory_bytes": self.predicted_peak_memory_bytes,
        });
        if let Some(rows) = self.test_rows {
            document["test_rows"] = rows.into();
        }
        document
    }
}
