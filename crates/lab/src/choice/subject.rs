//! The rows of a table as a choice sees them.

use leanset::{Context, Input, Problem, Result};
use leanset_choose::{Coordinates, HoldOut, Subject, usual_folds};
use leanset_core::Shape;
use leanset_spec::{Choosing, Columns, TablePaths};
use leanset_tables::{Encoder, FileRow};

/// A table whose rows are chosen from, followed by the rows of a validation table if there is one.
pub struct TableSubject {
    /// The table, encoded as a whole for its classes.
    pub input: Input,
    /// The columns as they are used.
    pub columns: Columns,
    /// How rows are held out.
    pub hold_out: HoldOut,
    /// The group of each row.
    pub groups: Option<Vec<u32>>,
    /// SHA-256 of what was read.
    pub sha256: String,
    rows: Vec<FileRow>,
}

impl TableSubject {
    /// Reads the table.
    ///
    /// # Errors
    /// It cannot be read or encoded; a row without a group.
    pub fn read(paths: &TablePaths, (columns, choosing): (&Columns, &Choosing), context: &Context<'_>) -> Result<Self> {
        let columns = choosing.columns(columns);
        let (input, sha256, hold_out) = match &choosing.validation {
            None => {
                let (input, record) = Input::read_with_record(paths, &columns, context)?;
                let folds = choosing.folds.unwrap_or_else(|| usual_folds(input.encoded.rows));
                (input, record.sha256, HoldOut::Folds(folds))
            }
            Some(validation) => {
                // One table, so that both have the same categories and classes.
                let own = Input::read(paths, &columns, context)?.table.rows();
                let mut both = paths.as_slice().to_vec();
                both.push(validation.clone());
                let (input, record) = Input::read_with_record(&both.into(), &columns, context)?;
                let first = input.encoded.file_rows().filter(|row| row.index() < own).count();
                if first == input.encoded.rows {
                    return Err(Problem::new(format!("{}: has no rows to test on", validation.display())));
                }
                (input, record.sha256, HoldOut::From(first))
            }
        };
        let names = &input.encoded.class_names;
        if names.len() < 2 {
            return Err(Problem::new(format!(
                "{}: label column '{}' holds one class: there is nothing to learn",
                input.table.name(),
                columns.label.as_deref().unwrap_or_default()
            ))
            .hint("name the column of classes"));
        }
        input.check_budget(input.encoded.rows / 100)?;
        let groups = choosing.group.as_deref().map(|name| input.groups(name)).transpose()?;
        let columns = input.columns_used(&columns);
        let rows = input.encoded.file_rows().collect();
        Ok(Self { input, columns, hold_out, groups, sha256, rows })
    }

    /// Bytes that a choice takes beside the table.
    pub fn memory(&self, threads: usize) -> u64 {
        let encoded = &self.input.encoded;
        let mut sizes = vec![0; encoded.class_names.len()];
        encoded.classes.iter().for_each(|&class| sizes[class as usize] += 1);
        let folds = if let HoldOut::Folds(folds) = self.hold_out { folds } else { 1 };
        leanset_choose::memory(&Shape::new(&sizes, encoded.dimensions, 8), folds, threads)
    }

    /// The row of the table that a row of the choice is.
    pub fn file_rows(&self, rows: &[usize]) -> Vec<FileRow> {
        rows.iter().map(|&row| self.rows[row]).collect()
    }
}

impl std::fmt::Debug for TableSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableSubject").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl Subject for TableSubject {
    fn classes(&self) -> &[u32] {
        &self.input.encoded.classes
    }

    fn class_names(&self) -> &[String] {
        &self.input.encoded.class_names
    }

    fn encode(&self, train: &[usize], test: &[usize]) -> Result<Coordinates> {
        let table = &self.input.table;
        let encoded = Encoder::fit_on(table, &self.columns, &self.file_rows(train))?.encode(table)?;
        let columns = encoded.dimensions;
        let values = encoded.features.to_f64();
        let take = |rows: &[usize]| rows.iter().flat_map(|&row| &values[row * columns..][..columns]).copied().collect();
        Ok(Coordinates { columns, train: take(train), test: take(test) })
    }
}
