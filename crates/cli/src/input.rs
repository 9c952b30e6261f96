//! An input table, read, encoded and checked: what every verb starts from.

use std::path::Path;
use std::time::{Duration, Instant};

use leanset_core::params::Value;
use leanset_core::{Dataset, Monitor as _, RowId};
use leanset_problem::Warning;
use leanset_tables::{Delimiter, Encoded, Encoder, Features, FileRow, Format, Kind, ReadOptions, Table};

use crate::args::TableArgs;
use crate::error::Failure;
use crate::manifest::{ColumnsRecord, FileRecord, word};
use crate::output;
use crate::progress::Progress;

/// A table and its encoding.
pub(crate) struct Input {
    pub(crate) table: Table,
    pub(crate) encoder: Encoder,
    pub(crate) encoded: Encoded,
    pub(crate) read_time: Duration,
}

/// Reads a table.
pub(crate) fn read_table(path: &Path, args: &TableArgs, progress: &Progress) -> Result<Table, Failure> {
    let metadata = std::fs::metadata(path).ok();
    if metadata.as_ref().is_some_and(|m| !m.is_file() && !m.is_dir()) {
        return Err(Failure::new(format!("{}: is no regular file", path.display()))
            .hint("save it to a file first: a table is read once to use it and once for its SHA-256"));
    }
    progress.begin("reading", metadata.as_ref().map_or(0, std::fs::Metadata::len));
    let report = |done, _total| progress.at(done);
    let options = ReadOptions {
        format: args.format,
        sheet: args.sheet.clone(),
        delimiter: args.delimiter.map(Delimiter::new).transpose()?,
    };
    leanset_tables::read_with_progress(path, &options, &report).map_err(|error| match nearby(path) {
        Some(near) if metadata.is_none() => Failure::from(error).hint(format!("did you mean {near}?")),
        _ => error.into(),
    })
}

/// A file in the same folder with a name like this one's.
fn nearby(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names: Vec<String> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    // What comes before the extensions: all tables end alike.
    let stem = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
    let stems: Vec<String> = names.iter().map(|name| stem(name)).collect();
    let near =
        leanset_core::error::nearest(&stem(path.file_name()?.to_str()?), stems.iter().map(String::as_str))?.to_owned();
    let name = names.iter().zip(&stems).find(|(_, stem)| **stem == near)?.0;
    Some(path.with_file_name(name).display().to_string())
}

impl Input {
    /// Reads and encodes a table.
    pub(crate) fn read(path: &Path, args: &TableArgs, progress: &Progress) -> Result<Self, Failure> {
        let began = Instant::now();
        let table = read_table(path, args, progress)?;
        // An option that changes nothing is a misunderstanding.
        let (name, format) = (table.name(), table.format());
        if args.sheet.is_some() && format != Format::Xlsx {
            return Err(Failure::new(format!("{name}: --sheet is of workbooks, and this is {format}"))
                .hint("leave --sheet out"));
        }
        if args.delimiter.is_some() && !matches!(format, Format::Csv | Format::Tsv) {
            return Err(Failure::new(format!("{name}: --delimiter is of text tables, and this is {format}"))
                .hint("leave --delimiter out"));
        }
        Self::of_table(table, args, began)
    }

    /// Encodes a table that was read since `began`.
    pub(crate) fn of_table(table: Table, args: &TableArgs, began: Instant) -> Result<Self, Failure> {
        let (encoder, mut encoded) = Encoder::fit_encode(&table, &args.encode_options())?;
        encoded.warnings.extend(unlabelled(&table, &encoder));
        encoded.warnings.extend(headless(&table));
        Ok(Self { table, encoder, encoded, read_time: began.elapsed() })
    }

    /// The encoded rows as the core sees them.
    pub(crate) fn dataset(&self) -> Result<Dataset<'_>, Failure> {
        self.encoded.dataset().map_err(|error| self.failure(error))
    }

    /// An error in which rows and columns are those that the user knows.
    pub(crate) fn failure(&self, error: leanset_core::Error) -> Failure {
        use leanset_core::Error;
        let place = |row| self.table.place(self.original(row));
        match error {
            Error::TooLarge { row, value, limit, .. } => Failure::new(format!(
                "{}: {} has {value:e} in a feature column; squared distances of values beyond ±{limit:e} overflow",
                self.table.name(),
                place(row),
            ))
            .hint("use --scale minmax, or --exclude the column"),
            Error::Row { method, row, what, hint } => {
                Failure::new(format!("{method}: {} of {} {what}", place(row), self.table.name()))
                    .hint(hint.render(leanset_problem::Face::CommandLine))
            }
            other => other.into(),
        }
    }

    /// The row of the file that an encoded row is.
    pub(crate) fn original(&self, row: RowId) -> FileRow {
        self.encoded.file_row(row)
    }

    /// The encoded row that a row of the file is, if it was not dropped.
    pub(crate) fn encoded_row(&self, row: FileRow) -> Option<RowId> {
        self.encoded.dataset_row(row)
    }

    /// Warnings of reading and encoding.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.encoded.warnings
    }

    /// The input file as recorded in a manifest.
    pub(crate) fn file_record(&self, path: &Path) -> Result<FileRecord, Failure> {
        let (sha256, bytes) = output::sha256(path)?;
        Ok(FileRecord {
            path: path.to_owned(),
            sha256,
            bytes,
            format: self.table.format().to_string(),
            rows: self.table.rows(),
        })
    }

    /// The columns as recorded in a manifest.
    pub(crate) fn columns_record(&self, args: &TableArgs) -> ColumnsRecord {
        ColumnsRecord {
            label: args.label.clone(),
            features: self.encoder.feature_columns().to_vec(),
            features_given: args.features.is_some(),
            exclude: args.exclude.clone(),
            id: args.id.clone(),
            missing: word(args.missing),
            scale: word(args.scale),
            bins: args.bins,
            format: args.format.map(|f| f.to_string()),
            sheet: args.sheet.clone(),
            delimiter: args.delimiter.map(|d| char::from(d).to_string()),
            dimensions: self.encoded.dimensions,
            dropped_rows: self.table.rows() - self.encoded.rows,
        }
    }

    /// Row ids by the value of the id column, or by position when there is none.
    pub(crate) fn rows_by_name(&self, id: Option<&str>) -> Result<RowNames, Failure> {
        match id {
            None => Ok(RowNames::Positions(self.table.rows())),
            Some(name) => {
                let position = self.table.position(name)?;
                let numeric = matches!(self.table.columns()[position].kind, Kind::Integer | Kind::Number);
                let column = self.table.text_column(position)?;
                let mut rows = std::collections::HashMap::with_capacity(column.len());
                for row in 0..column.len() {
                    let text = row_name(&column.text(row), numeric);
                    if column.is_missing(row) {
                        let place = self.table.place(FileRow::at(row));
                        return Err(Failure::new(format!(
                            "{}: {place} has no value in the id column '{name}'",
                            self.table.name()
                        ))
                        .hint("name rows by another column, or leave --id out to name them by position"));
                    }
                    if let Some(before) = rows.insert(text.clone(), FileRow::at(row)) {
                        return Err(Failure::new(format!(
                            "{}: the id column '{name}' has '{text}' in {} and in {}",
                            self.table.name(),
                            self.table.place(before),
                            self.table.place(FileRow::at(row)),
                        ))
                        .hint("ids must be distinct; leave --id out to name rows by position"));
                    }
                }
                Ok(RowNames::Column { rows, numeric })
            }
        }
    }

    /// Bytes that columns hold for a while beside the table and its encoding: when it is made, and when rows are
    /// written in another format.
    pub(crate) fn passing_memory(&self) -> u64 {
        8 * self.table.rows() as u64 * (self.encoder.feature_columns().len() + 1) as u64
    }

    /// Bytes that the table and its encoding hold.
    pub(crate) fn memory(&self) -> u64 {
        self.table.memory() + encoded_memory(&self.encoded)
    }
}

/// Bytes that encoded rows and their classes hold.
pub(crate) fn encoded_memory(encoded: &Encoded) -> u64 {
    let width = match encoded.features {
        Features::F32(_) => 4,
        Features::F64(_) => 8,
    };
    (encoded.rows * (encoded.dimensions * width + 16)) as u64
}

/// Without a label, a text column is a feature: if it was meant as the class, everything that follows would be wrong.
fn unlabelled(table: &Table, encoder: &Encoder) -> Option<Warning> {
    if encoder.label().is_some() {
        return None;
    }
    let text = table.columns().iter().find(|c| c.kind == Kind::Text && encoder.feature_columns().contains(&c.name))?;
    Some(Warning {
        code: "no-label".into(),
        message: format!(
            "no --label is given: all rows are one class, and distances are measured on '{}' too",
            text.name
        )
        .into(),
        hint: Some(format!("--label {0} if it holds the classes, or --exclude {0} to leave it out", text.name).into()),
    })
}

/// A text table whose every column is named by a number has probably lost its first row to the header.
fn headless(table: &Table) -> Option<Warning> {
    let numbers = table.columns().iter().all(|c| c.name.trim().parse::<f64>().is_ok());
    (numbers && matches!(table.format(), Format::Csv | Format::Tsv)).then(|| Warning {
        code: "numeric-header".into(),
        message: format!("{}: every column of the first line is named by a number", table.name()).into(),
        hint: Some("if the first line is a row, put a line of column names before it".into()),
    })
}

/// How files name rows of a table.
pub(crate) enum RowNames {
    /// By 0-based position, below this.
    Positions(usize),
    /// By the text of an id column, which may be of numbers.
    Column { rows: std::collections::HashMap<String, FileRow>, numeric: bool },
}

/// The text by which a row is named: of numbers, whole ones without a fraction, whatever a file makes of them.
fn row_name(text: &str, numeric: bool) -> String {
    match text.trim().parse::<f64>() {
        Ok(value) if numeric && value.fract() == 0.0 && value.abs() < 9e15 => (value as i64).to_string(),
        _ => text.to_owned(),
    }
}

impl RowNames {
    /// The rows that a column of a file names.
    pub(crate) fn resolve(&self, file: &Table, column: &str, full: &str) -> Result<Vec<FileRow>, Failure> {
        // As text: a name that looks like a number, 007, is no number in a table where it is text.
        let values = file.text_column(file.position(column)?)?;
        let numeric = !matches!(self, Self::Column { numeric: false, .. });
        (0..values.len())
            .map(|at| {
                let text = row_name(&values.text(at), numeric);
                let row = match self {
                    Self::Positions(rows) => text.parse().ok().filter(|&r: &u32| (r as usize) < *rows).map(FileRow),
                    Self::Column { rows, .. } => rows.get(&text).copied(),
                };
                row.ok_or_else(|| {
                    let place = file.place(FileRow::at(at));
                    let failure = Failure::new(format!(
                        "{}: {place} names row '{text}', which {full} does not have",
                        file.name()
                    ));
                    match self {
                        Self::Positions(rows) => {
                            failure.hint(format!("rows are 0 to {}, by position in {full}", rows - 1))
                        }
                        Self::Column { .. } => failure.hint("ids are compared with the --id column as text"),
                    }
                })
            })
            .collect()
    }
}

/// The row ids in a file: its column `row`, or its only column.
pub(crate) fn row_ids_in(path: &str, input: &Input, args: &TableArgs, progress: &Progress) -> Result<Value, Failure> {
    let plain = TableArgs { format: None, sheet: None, delimiter: None, ..args.clone() };
    let file = read_table(Path::new(path), &plain, progress)?;
    let column = match file.columns() {
        [only] => only.name.clone(),
        _ => args.id.clone().filter(|id| file.position(id).is_ok()).unwrap_or_else(|| "row".into()),
    };
    let rows = input.rows_by_name(args.id.as_deref())?.resolve(&file, &column, input.table.name())?;
    let encoded = |row: FileRow| {
        input.encoded_row(row).ok_or_else(|| {
            Failure::new(format!("{path}: row {row} is left out for missing values"))
                .hint("name other rows, or use --missing mean")
        })
    };
    Ok(Value::Rows(rows.into_iter().map(encoded).collect::<Result<_, _>>()?))
}
