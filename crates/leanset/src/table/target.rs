//! The target: another table that the kept rows are to represent.

use std::path::Path;

use leanset_core::Dataset;
use leanset_problem::{Problem, Result, Warning};
use leanset_spec::manifest::table::FileRecord;
use leanset_spec::{Columns, Format};
use leanset_tables::{Encoded, format_of_path};

use super::files::Files;
use super::input::{Input, encoded_memory, too_large};
use crate::context::Context;

/// A target, read and in the coordinates of the table.
pub(crate) struct Target {
    encoded: Encoded,
    /// The file as recorded in the manifest.
    pub(crate) record: FileRecord,
    table_memory: u64,
}

impl Target {
    /// Reads a target with what was said of the table, in the encoding of the table, and checks its classes.
    pub(crate) fn read(path: &Path, columns: &Columns, input: &Input, context: &Context<'_>) -> Result<Self> {
        let named = format_of_path(path).ok().map(|(format, _)| format);
        let format = named.or(columns.format);
        let own = Columns {
            // A name that tells its format needs no saying; a sheet is of a workbook, a delimiter of text.
            format: columns.format.filter(|_| named.is_none()),
            sheet: columns.sheet.clone().filter(|_| format == Some(Format::Xlsx)),
            delimiter: columns.delimiter.filter(|_| matches!(format, Some(Format::Csv | Format::Tsv))),
            no_header: columns.no_header && matches!(format, Some(Format::Csv | Format::Tsv | Format::Xlsx)),
            ..columns.clone()
        };
        let files = Files::find(&path.into(), &own, context)?;
        files.check_limit(context.limit())?;
        let table = files.read(&own, context)?;
        let mut encoded = input.encoder.encode_known(&table)?;
        // Those of the fit come first, and were said of the table already.
        encoded.warnings.drain(..input.encoder.warnings().len());
        let record = files.record(&table)?;
        check_classes(&encoded, input, table.name())?;
        Ok(Self { encoded, record, table_memory: table.memory() })
    }

    /// As methods take it.
    pub(crate) fn dataset(&self, input: &Input) -> Result<Dataset<'_>> {
        self.encoded.dataset().map_err(|error| match error {
            leanset_core::Error::TooLarge { column, value, limit, .. } => {
                too_large(&format!("{}:", self.record.path.display()), &input.dimension(column), value, limit)
            }
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
fn check_classes(encoded: &Encoded, input: &Input, name: &str) -> Result<()> {
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
    Err(Problem::new(format!("{name}: has no row of class {lacking}, of which {table} has"))
        .hint(format!("give it rows of that class, or leave the class out of {table}")))
}
