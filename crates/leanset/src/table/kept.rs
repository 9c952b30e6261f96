//! Rows that are kept already, to which a method adds others: named by their ids, by the manifest of a reduction, or by the rows
//! that one wrote.

use std::path::Path;

use leanset_core::params::Value;
use leanset_core::{BudgetError, Classes, Dataset, RowId};
use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::Columns;
use leanset_spec::manifest::table::{FileRecord, Manifest};
use leanset_tables::{FileRow, format_of_path};

use super::input::Input;
use super::rows::ids_in;
use crate::context::Context;
use crate::expected;
use crate::output::{manifest_beside, sha256};

/// Rows that are kept already.
pub(crate) struct Kept {
    /// Rows of the dataset, in the order of the file.
    pub(crate) rows: Vec<RowId>,
    /// The file as recorded in the manifest.
    pub(crate) record: FileRecord,
}

impl Kept {
    /// Reads a file that names rows of the table, whose own file is `input_file`.
    pub(crate) fn read(
        path: &Path,
        columns: &Columns,
        input: &Input,
        input_file: &FileRecord,
        context: &Context<'_>,
    ) -> Result<Self> {
        let (hash, bytes) = sha256(path)?;
        let is_manifest = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        let manifest = if is_manifest {
            Some(expected::read(path)?)
        } else {
            // What leanset wrote has its manifest beside it.
            expected::read(&manifest_beside(path)).ok().filter(|manifest| manifest.output.sha256 == hash)
        };
        let of_this_table = |manifest: &&Manifest| manifest.input.sha256 == input_file.sha256;
        let ids = match &manifest {
            Some(manifest) if is_manifest || of_this_table(&manifest) => of_manifest(path, manifest, input_file)?,
            _ => match ids_in(&path.display().to_string(), input, columns, context)? {
                Value::Rows(rows) => rows.iter().map(|row| row.0).collect(),
                _ => Vec::new(),
            },
        };
        let rows = ids.iter().map(|&row| {
            input.dataset_row(FileRow(row)).ok_or_else(|| {
                Problem::new(format!("{}: row {row} {}", path.display(), input.absence(FileRow(row))))
                    .hint(text!["name rows that take part, or use ", setting::MISSING.to("mean")])
            })
        });
        let rows = rows.collect::<Result<Vec<RowId>>>()?;
        let format = match format_of_path(path) {
            Ok((format, _)) => format.to_string(),
            Err(_) => "json".to_owned(),
        };
        let record = FileRecord {
            path: path.to_owned(),
            sha256: hash,
            bytes,
            format,
            rows: rows.len(),
            stream: false,
            files: Vec::new(),
        };
        Ok(Self { rows, record })
    }

    /// How many of them are of each class.
    pub(crate) fn counts(&self, data: &Dataset<'_>) -> Vec<usize> {
        let mut counts = vec![0; data.classes().len()];
        self.rows.iter().for_each(|&row| counts[data.classes().of(row).index()] += 1);
        counts
    }
}

/// An error of a budget, in which the class has a name.
pub(crate) fn named(error: leanset_core::Error, classes: &Classes) -> Problem {
    match error {
        leanset_core::Error::Budget(BudgetError::ClassBelowKept { class, count, kept }) => Problem::new(format!(
            "{count} rows of class {} are asked, and {kept} of its rows are kept already",
            classes.name(class)
        ))
        .hint(format!("ask for at least {kept} of it")),
        error => error.into(),
    }
}

/// The kept rows of a manifest, which must be of this table: its rows are numbers of lines.
fn of_manifest(path: &Path, manifest: &Manifest, input_file: &FileRecord) -> Result<Vec<u32>> {
    let name = path.display();
    if manifest.input.sha256 != input_file.sha256 {
        return Err(Problem::new(format!(
            "{name}: names rows of {}, which is another file than {} (or was changed since)",
            manifest.input.path.display(),
            input_file.path.display()
        ))
        .hint(text![
            "give their values in a column of both tables: a table of that column, and ",
            setting::ID.to("COLUMN")
        ]));
    }
    manifest.row_ids.clone().ok_or_else(|| {
        Problem::new(format!("{name}: keeps no rows of the table"))
            .hint("give the manifest of a reduction that keeps rows, or a table of row ids")
    })
}
