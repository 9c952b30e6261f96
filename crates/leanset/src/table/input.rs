//! A table, read, encoded and checked: what every job about tables starts from.

use std::path::Path;
use std::time::{Duration, Instant};

use leanset_core::{Dataset, RowId};
use leanset_problem::{Problem, Result, Warning, setting, text};
use leanset_spec::manifest::table::{ColumnsRecord, FileRecord};
use leanset_spec::{Columns, Format, TablePaths};
use leanset_tables::{Encoded, Encoder, Features, FileRow, Kind, Table};

use super::files::Files;
use super::row_names::RowNames;
use super::test_part::TestPart;
use crate::context::Context;

/// A table and its encoding.
pub struct Input {
    /// As in the file.
    pub table: Table,
    /// What turned its columns into coordinates and classes.
    pub encoder: Encoder,
    /// Its coordinates and classes.
    pub encoded: Encoded,
    /// How long reading and encoding took.
    pub read_time: Duration,
    /// The rows that were held out, if that was asked.
    pub(crate) test: Option<TestPart>,
}

/// Reads a table.
pub(crate) fn read_table(path: &Path, columns: &Columns, context: &Context<'_>) -> Result<Table> {
    Files::find(&path.into(), columns, context)?.read(columns, context)
}

impl Input {
    /// Reads and encodes a table.
    ///
    /// # Errors
    /// It cannot be read, or its columns cannot be used as asked.
    pub fn read(paths: &TablePaths, columns: &Columns, context: &Context<'_>) -> Result<Self> {
        Self::read_files(&Files::find(paths, columns, context)?, columns, context)
    }

    /// [`Self::read`], and its files as a manifest records them.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_with_record(
        paths: &TablePaths,
        columns: &Columns,
        context: &Context<'_>,
    ) -> Result<(Self, FileRecord)> {
        let files = Files::find(paths, columns, context)?;
        let input = Self::read_files(&files, columns, context)?;
        let record = files.record(&input.table)?;
        Ok((input, record))
    }

    /// Reads and encodes the table of these files.
    pub(crate) fn read_files(files: &Files, columns: &Columns, context: &Context<'_>) -> Result<Self> {
        let began = Instant::now();
        let table = files.read(columns, context)?;
        // A setting that changes nothing is a misunderstanding.
        let (name, format) = (table.name(), table.format());
        if columns.sheet.is_some() && format != Format::Xlsx {
            return Err(Problem::new(text![
                format!("{name}: "),
                &setting::SHEET,
                format!(" is of workbooks, and this is {format}")
            ])
            .hint(text!["leave ", &setting::SHEET, " out"]));
        }
        if columns.delimiter.is_some() && !matches!(format, Format::Csv | Format::Tsv) {
            return Err(Problem::new(text![
                format!("{name}: "),
                &setting::DELIMITER,
                format!(" is of text tables, and this is {format}")
            ])
            .hint(text!["leave ", &setting::DELIMITER, " out"]));
        }
        Self::of_table(table, columns, began)
    }

    /// Encodes a table that was read since `began`.
    ///
    /// # Errors
    /// Its columns cannot be used as asked.
    pub fn of_table(mut table: Table, columns: &Columns, began: Instant) -> Result<Self> {
        for name in columns.label.iter().chain(&columns.id) {
            table.keep_spelling(name)?;
        }
        let (encoder, mut encoded) = Encoder::fit_encode(&table, columns)?;
        encoded.warnings.extend(of_columns(&table, &encoder));
        Ok(Self { table, encoder, encoded, read_time: began.elapsed(), test: None })
    }

    /// The encoded rows as methods and metrics take them.
    ///
    /// # Errors
    /// A value whose square overflows; no rows.
    pub fn dataset(&self) -> Result<Dataset<'_>> {
        self.encoded.dataset().map_err(|error| self.problem(error))
    }

    /// An error of the core in which rows and columns are those that the user knows.
    pub fn problem(&self, error: leanset_core::Error) -> Problem {
        use leanset_core::Error;
        let place = |row| self.table.place(self.file_row(row));
        match error {
            Error::TooLarge { row, column, value, limit } => {
                too_large(&format!("{}: {}", self.table.name(), place(row)), &self.dimension(column), value, limit)
            }
            Error::TooClose { class, column, range, least } => {
                let column = self.dimension(column);
                let class = class.map_or(String::new(), |class| format!(" of class {class}"));
                let file = self.table.name();
                Problem::new(format!(
                    "{file}: the rows{class} differ by at most {range:e}, in column '{column}'; squared distances of differences \
                     below {least:e} underflow"
                ))
                .hint(text!["use ", setting::SCALE.to("minmax"), ", or ", &setting::EXCLUDE, " the column"])
            }
            Error::Row { method, row, what, hint } => {
                Problem::new(format!("{method}: {} of {} {what}", place(row), self.table.name())).hint(hint)
            }
            other => other.into(),
        }
    }

    /// The name of a feature by its position.
    pub(crate) fn dimension(&self, column: usize) -> String {
        self.encoder.dimension_names().into_iter().nth(column).unwrap_or_default()
    }

    /// Refuses a budget that one row of each class would more than double, if the label is rather measured than a class.
    ///
    /// A numeric label with few rows of each value may be either. With one class per value, the least budget is a row of
    /// each, which is much more than was asked for.
    ///
    /// # Errors
    /// The label is rather a measurement.
    pub fn check_budget(&self, asked: usize) -> Result<()> {
        const FEW_VALUES: usize = 20;
        const ROWS_OF_A_CLASS: usize = 50;
        let (values, rows) = (self.encoded.class_names.len(), self.encoded.rows);
        let dates = self.encoder.has_date_label();
        let measured = dates || self.encoder.has_numeric_label();
        let Some(label) = self.encoder.label().filter(|_| measured) else { return Ok(()) };
        if values <= FEW_VALUES || values <= 2 * asked || rows / values >= ROWS_OF_A_CLASS {
            return Ok(());
        }
        let file = self.table.name();
        let what = if dates { "dates" } else { "numbers" };
        let problem = Problem::new(format!(
            "{file}: label column '{label}' holds {values} different {what} in {rows} rows: one row of each is more than \
             twice the {asked} rows of the budget"
        ));
        if dates {
            return Err(problem.hint(text![
                "name a column of classes, or ",
                setting::CATEGORICAL.to(label),
                " if each date is a class"
            ]));
        }
        Err(problem.hint(text![
            setting::BINS.to("N"),
            " cuts the label into N classes if it is a measurement; ",
            setting::CATEGORICAL.to(label),
            " if each number is a class"
        ]))
    }

    /// The row of the file that a row of the dataset is.
    pub fn file_row(&self, row: RowId) -> FileRow {
        self.encoded.file_row(row)
    }

    /// The row of the dataset that a row of the file is, if it was not left out.
    pub fn dataset_row(&self, row: FileRow) -> Option<RowId> {
        self.encoded.dataset_row(row)
    }

    /// Why a row of the file is none of the dataset.
    pub(crate) fn absence(&self, row: FileRow) -> &'static str {
        match &self.test {
            _ if row.index() >= self.table.rows() => "is beyond the last",
            Some(test) if test.holds(row) => "is held out for the test",
            _ => "is left out for missing values",
        }
    }

    /// The rows of the file that are held out for a test, ascending, if any are.
    pub fn test_rows(&self) -> Option<&[FileRow]> {
        self.test.as_ref().map(TestPart::rows)
    }

    /// Rows of the file that are neither rows of the dataset nor held out.
    pub fn dropped_rows(&self) -> usize {
        self.table.rows() - self.encoded.rows - self.test.as_ref().map_or(0, |test| test.rows().len())
    }

    /// What was asked of columns, with every default said.
    pub fn columns_used(&self, asked: &Columns) -> Columns {
        Columns { scale: Some(self.encoder.scale()), ..asked.clone() }
    }

    /// Warnings of reading and encoding.
    pub fn warnings(&self) -> &[Warning] {
        &self.encoded.warnings
    }

    /// The columns as recorded in a manifest.
    pub(crate) fn columns_record(&self) -> ColumnsRecord {
        ColumnsRecord {
            features: self.encoder.feature_columns().to_vec(),
            dimensions: self.encoded.dimensions,
            dropped_rows: self.dropped_rows(),
        }
    }

    /// How other files name rows of this table: by the id column, or by position when there is none.
    pub(crate) fn rows_by_name(&self, id: Option<&str>) -> Result<RowNames> {
        RowNames::of(&self.table, id)
    }

    /// Bytes that the table and its encoding hold.
    pub(crate) fn memory(&self) -> u64 {
        self.table.memory() + encoded_memory(&self.encoded)
    }
}

/// A value whose square overflows.
pub(crate) fn too_large(place: &str, column: &str, value: f64, limit: f64) -> Problem {
    Problem::new(format!(
        "{place} has {value:e} in column '{column}'; squared distances of values beyond ±{limit:e} overflow"
    ))
    .hint(text!["use ", setting::SCALE.to("minmax"), ", or ", &setting::EXCLUDE, " the column"])
}

/// Bytes that encoded rows and their classes hold.
pub(crate) fn encoded_memory(encoded: &Encoded) -> u64 {
    let width = match encoded.features {
        Features::F32(_) => 4,
        Features::F64(_) => 8,
    };
    (encoded.rows * (encoded.dimensions * width + 16)) as u64
}

/// What is worth knowing of the columns as a whole.
pub(super) fn of_columns(table: &Table, encoder: &Encoder) -> Vec<Warning> {
    unlabelled(table, encoder).into_iter().chain(headless(table)).collect()
}

/// Without a label, a text column is a feature: if it was meant as the class, everything that follows would be wrong.
fn unlabelled(table: &Table, encoder: &Encoder) -> Option<Warning> {
    if encoder.label().is_some() {
        return None;
    }
    let words =
        |name: &String| encoder.dimension_names().iter().any(|dimension| dimension.starts_with(&format!("{name}=")));
    let text = table
        .columns()
        .iter()
        .find(|c| c.kind == Kind::Text && encoder.feature_columns().contains(&c.name) && words(&c.name))?;
    let message = text![
        "no ",
        &setting::LABEL,
        format!(" is given: all rows are one class, and distances are measured on '{}' too", text.name)
    ];
    Some(Warning::new("no-label", message).hint(text![
        setting::LABEL.to(&text.name),
        " if it holds the classes, or ",
        setting::EXCLUDE.to(&text.name),
        " to leave it out"
    ]))
}

/// A text table whose every column is named by a number has probably lost its first row to the header.
fn headless(table: &Table) -> Option<Warning> {
    let numbers = table.columns().iter().all(|c| c.name.trim().parse::<f64>().is_ok());
    (numbers && matches!(table.format(), Format::Csv | Format::Tsv)).then(|| {
        Warning::new("numeric-header", format!("{}: every column of the first line is named by a number", table.name()))
            .hint(text![&setting::NO_HEADER, " if the first line is a row"])
    })
}
