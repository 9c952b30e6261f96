//! An input table, read, encoded and checked: what every verb starts from.

use std::path::Path;
use std::time::{Duration, Instant};

use leanset_core::params::Value;
use leanset_core::{Classes, Dataset, Matrix, Monitor as _, Points, RowId};
use leanset_tables::{Column, Encoded, Encoder, Features, Kind, ReadOptions, Table, Values, Warning};

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
    progress.begin("reading", std::fs::metadata(path).map_or(0, |m| m.len()));
    let report = |done, _total| progress.at(done);
    let options = ReadOptions {
        format: args.format,
        sheet: args.sheet.clone(),
        delimiter: args.delimiter,
        progress: Some(&report),
    };
    Ok(leanset_tables::read(path, &options)?)
}

impl Input {
    /// Reads and encodes a table.
    pub(crate) fn read(path: &Path, args: &TableArgs, progress: &Progress) -> Result<Self, Failure> {
        let began = Instant::now();
        let table = read_table(path, args, progress)?;
        Self::of_table(table, args, began)
    }

    /// Encodes a table that was read since `began`.
    pub(crate) fn of_table(table: Table, args: &TableArgs, began: Instant) -> Result<Self, Failure> {
        let (encoder, mut encoded) = Encoder::fit_encode(&table, &args.encode_options())?;
        encoded.warnings.extend(unlabelled(&table, &encoder));
        Ok(Self { table, encoder, encoded, read_time: began.elapsed() })
    }

    /// The encoded rows as the core sees them.
    pub(crate) fn dataset(&self) -> Result<Dataset<'_>, Failure> {
        dataset(&self.encoded).map_err(|error| match error {
            // Say the row and column as the user knows them.
            leanset_core::Error::TooLarge { row, value, limit, .. } => Failure::new(format!(
                "{}: {} has {value:e} in a feature column; squared distances of values beyond ±{limit:e} overflow",
                self.table.name(),
                self.table.place(self.original(row)),
            ))
            .hint("use --scale minmax, or --exclude the column"),
            other => other.into(),
        })
    }

    /// The row of the file that an encoded row is.
    pub(crate) fn original(&self, row: RowId) -> RowId {
        self.encoded.kept.as_ref().map_or(row, |kept| kept[row.index()])
    }

    /// The encoded row that a row of the file is, if it was not dropped.
    pub(crate) fn encoded_row(&self, row: RowId) -> Option<RowId> {
        match &self.encoded.kept {
            None => (row.index() < self.encoded.rows).then_some(row),
            Some(kept) => kept.binary_search(&row).ok().map(RowId::at),
        }
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
            features: match &args.features {
                Some(given) => given.clone(),
                None => self.encoder.feature_columns().to_vec(),
            },
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
                let column = self.table.column(self.table.position(name)?)?;
                let mut rows = std::collections::HashMap::with_capacity(column.len());
                for row in 0..column.len() {
                    let text = id_text(&column, row);
                    if column.is_missing(row) {
                        let place = self.table.place(RowId::at(row));
                        return Err(Failure::new(format!(
                            "{}: {place} has no value in the id column '{name}'",
                            self.table.name()
                        ))
                        .hint("name rows by another column, or leave --id out to name them by position"));
                    }
                    if let Some(before) = rows.insert(text.clone(), RowId::at(row)) {
                        return Err(Failure::new(format!(
                            "{}: the id column '{name}' has '{text}' in {} and in {}",
                            self.table.name(),
                            self.table.place(before),
                            self.table.place(RowId::at(row)),
                        ))
                        .hint("ids must be distinct; leave --id out to name rows by position"));
                    }
                }
                Ok(RowNames::Column(rows))
            }
        }
    }

    /// Bytes that the table and its encoding hold.
    pub(crate) fn memory(&self) -> u64 {
        let width = match self.encoded.features {
            Features::F32(_) => 4,
            Features::F64(_) => 8,
        };
        self.table.memory() + (self.encoded.rows * (self.encoded.dimensions * width + 16)) as u64
    }
}

/// Without a label, a text column is a feature: if it was meant as the class, everything that follows would be wrong.
fn unlabelled(table: &Table, encoder: &Encoder) -> Option<Warning> {
    if encoder.label().is_some() {
        return None;
    }
    let text = table.columns().iter().find(|c| c.kind == Kind::Text && encoder.feature_columns().contains(&c.name))?;
    Some(Warning {
        code: "no-label",
        message: format!(
            "no --label is given: all rows are one class, and distances are measured on '{}' too",
            text.name
        ),
        hint: Some(format!("--label {0} if it holds the classes, or --exclude {0} to leave it out", text.name)),
    })
}

/// Encoded rows as a dataset of the core.
pub(crate) fn dataset(encoded: &Encoded) -> Result<Dataset<'_>, leanset_core::Error> {
    let (rows, columns) = (encoded.rows, encoded.dimensions);
    let points: Points<'_> = match &encoded.features {
        Features::F32(values) => Matrix::new(values, rows, columns)?.into(),
        Features::F64(values) => Matrix::new(values, rows, columns)?.into(),
    };
    let classes = Classes::new(&encoded.classes, encoded.class_names.len())?.with_names(&encoded.class_names);
    Dataset::new(points, classes)
}

/// How files name rows of a table.
pub(crate) enum RowNames {
    /// By 0-based position, below this.
    Positions(usize),
    /// By the text of an id column.
    Column(std::collections::HashMap<String, RowId>),
}

/// The text by which a row is named: whole numbers without a fraction, whatever type a file gave them.
fn id_text(column: &Column, row: usize) -> String {
    match &column.values {
        Values::Number(v) if v[row].fract() == 0.0 && v[row].abs() < 9e15 => format!("{}", v[row] as i64),
        _ => column.text(row).into_owned(),
    }
}

impl RowNames {
    /// The rows that a column of a file names.
    pub(crate) fn resolve(&self, file: &Table, column: &str, full: &str) -> Result<Vec<RowId>, Failure> {
        let values = file.column(file.position(column)?)?;
        (0..values.len())
            .map(|at| {
                let text = id_text(&values, at);
                let row = match self {
                    Self::Positions(rows) => text.parse().ok().filter(|&r: &u32| (r as usize) < *rows).map(RowId),
                    Self::Column(rows) => rows.get(&text).copied(),
                };
                row.ok_or_else(|| {
                    let place = file.place(RowId::at(at));
                    let failure = Failure::new(format!(
                        "{}: {place} names row '{text}', which {full} does not have",
                        file.name()
                    ));
                    match self {
                        Self::Positions(rows) => {
                            failure.hint(format!("rows are 0 to {}, by position in {full}", rows - 1))
                        }
                        Self::Column(_) => failure.hint("ids are compared with the --id column as text"),
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
    let encoded = |row: RowId| {
        input.encoded_row(row).ok_or_else(|| {
            Failure::new(format!("{path}: row {row} is left out for missing values"))
                .hint("name other rows, or use --missing mean")
        })
    };
    Ok(Value::Rows(rows.into_iter().map(encoded).collect::<Result<_, _>>()?))
}
