//! The target: another table that the kept rows are to represent (`--target FILE`).

use std::path::Path;

use leanset_core::Dataset;
use leanset_core::methods::{Info, METHODS};
use leanset_problem::Warning;
use leanset_tables::{Encoded, Format, format_of_path};

use crate::args::{MethodArgs, TableArgs};
use crate::error::Failure;
use crate::input::{Input, encoded_memory, read_table};
use crate::manifest::{self, FileRecord};
use crate::progress::Progress;
use crate::{output, plan};

/// A target, read and in the coordinates of the table.
pub(crate) struct Target {
    encoded: Encoded,
    /// The file as recorded in the manifest.
    pub(crate) record: FileRecord,
    table_memory: u64,
}

/// A method that heeds no target is refused before any file is read.
pub(crate) fn check_heeded(args: &MethodArgs, info: &Info) -> Result<(), Failure> {
    if args.target.is_none() || info.supports_target() {
        return Ok(());
    }
    let can: Vec<&str> = METHODS.iter().filter(|m| m.supports_target()).map(|m| m.id).collect();
    let others = if can.is_empty() { String::new() } else { format!(", or use --method {}", can.join(" or ")) };
    Err(Failure::new(format!("--target: {} cannot choose rows that represent another table", info.id))
        .hint(format!("leave --target out{others}")))
}

/// Before anything is read: the target must be the file of the manifest that is to be reproduced.
pub(crate) fn check_expected(path: Option<&Path>, expected: Option<&FileRecord>) -> Result<(), Failure> {
    manifest::check_source(("--target", "target"), path, expected.map(|e| (e.sha256.as_str(), Some(e.bytes))))
}

impl Target {
    /// Reads a target with what was said of the table, in the encoding of the table, and checks its classes.
    pub(crate) fn read(
        path: &Path,
        args: &TableArgs,
        input: &Input,
        run: &crate::args::RunArgs,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        plan::file_within_limit(path, run)?;
        let named = format_of_path(path).ok().map(|(format, _)| format);
        let format = named.or(args.format);
        let own = TableArgs {
            // A name that tells its format needs no saying; a sheet is of a workbook, a delimiter of text.
            format: args.format.filter(|_| named.is_none()),
            sheet: args.sheet.clone().filter(|_| format == Some(Format::Xlsx)),
            delimiter: args.delimiter.filter(|_| matches!(format, Some(Format::Csv | Format::Tsv))),
            ..args.clone()
        };
        let table = read_table(path, &own, progress)?;
        let mut encoded = input.encoder.encode_known(&table)?;
        // Those of the fit come first, and were said of the table already.
        encoded.warnings.drain(..input.encoder.warnings().len());
        let (sha256, bytes) = output::sha256(path)?;
        let record =
            FileRecord { path: path.to_owned(), sha256, bytes, format: table.format().to_string(), rows: table.rows() };
        check_classes(&encoded, input, table.name())?;
        Ok(Self { encoded, record, table_memory: table.memory() })
    }

    /// As the core sees it.
    pub(crate) fn dataset(&self) -> Result<Dataset<'_>, Failure> {
        self.encoded.dataset().map_err(|error| match error {
            leanset_core::Error::TooLarge { value, limit, .. } => Failure::new(format!(
                "{}: has {value:e} in a feature column; squared distances of values beyond ±{limit:e} overflow",
                self.record.path.display(),
            ))
            .hint("use --scale minmax, or --exclude the column"),
            other => other.into(),
        })
    }

    /// What is worth knowing of it.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.encoded.warnings
    }

    /// Bytes that it takes beside the table.
    pub(crate) fn memory(&self) -> u64 {
        self.table_memory + encoded_memory(&self.encoded)
    }
}

/// Every class that has rows must have some in the target.
fn check_classes(encoded: &Encoded, input: &Input, name: &str) -> Result<(), Failure> {
    let mut there = vec![false; encoded.class_names.len()];
    encoded.classes.iter().for_each(|&class| there[class as usize] = true);
    let mut needed = vec![false; there.len()];
    input.encoded.classes.iter().for_each(|&class| needed[class as usize] = true);
    let lacking: Vec<&str> = encoded
        .class_names
        .iter()
        .zip(there.iter().zip(needed))
        .filter(|(_, (there, needed))| *needed && !**there)
        .map(|(name, _)| name.as_str())
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let (table, lacking) = (input.table.name(), lacking.join(", "));
    Err(Failure::new(format!("{name}: has no row of class {lacking}, of which {table} has"))
        .hint(format!("give it rows of that class, or leave the class out of {table}")))
}

/// The records of a target, if there is one.
pub(crate) fn record(target: Option<&Target>) -> Option<FileRecord> {
    target.map(|target| target.record.clone())
}

/// What the rows are chosen for, to be said after their number: nothing where there is no target.
pub(crate) fn purpose(target: Option<&Path>) -> String {
    target.map_or_else(String::new, |path| format!(" to represent {}", path.display()))
}
