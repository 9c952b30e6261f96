//! Writing: chosen rows of a table as they were, or new columns as a new table.

use leanset_spec::Format;
use std::io::Write;

use crate::column::{Column, Kind, Values};
use crate::error::{Error, shown, unpanicked};
use crate::format::{Compression, article, is_text};
use crate::row::FileRow;
use crate::source;
use crate::source::records::Records;
use crate::source::{Generated, NumberType};
use crate::table::Table;

/// A column appended to the rows written, such as weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// Its name; one the table already has is an error.
    pub name: String,
    /// One value per row written, in the order written.
    pub values: ExtraValues,
}

/// The values of an [`Extra`] column.
#[derive(Clone, Debug, PartialEq)]
pub enum ExtraValues {
    /// Counts and ids.
    U32(Vec<u32>),
    /// Numbers.
    F64(Vec<f64>),
    /// Words.
    Text(Vec<String>),
}

impl From<&ExtraValues> for Column {
    fn from(values: &ExtraValues) -> Self {
        match values {
            ExtraValues::U32(v) => Column::from(v.iter().map(|&x| i64::from(x)).collect::<Vec<_>>()),
            ExtraValues::F64(v) => Column::from(v.clone()),
            ExtraValues::Text(v) => Column { values: Values::Text(v.iter().collect()), missing: None },
        }
    }
}

/// Writes `rows` of the table, in the order given, with `extra` columns appended.
///
/// In the format of the table (Parquet and Arrow IPC count as one) every record is copied: raw text, Arrow values
/// with schema and metadata, bytes of arrays. Between CSV and TSV the text of every field is kept. Into any other
/// format values go by type: integers stay integers, 32-bit floats stay so where the format has them, missing values
/// become null, NaN or an empty field, and what has no type here (timestamps, lists) goes as the text it is shown by. A
/// column of text that holds numbers goes as text if a number would lose something: zeros in front, digits beyond 64 bits,
/// and any spelling of a column that [`Table::keep_spelling`] names.
/// One column becomes an NPY array of one axis, several become one of two.
///
/// Nothing is written when an error can be known beforehand.
///
/// # Errors
/// A row id past the end, an extra column of the wrong length or with a name that exists, a format that cannot hold
/// the columns, or a failure of `out`.
pub fn write_rows(
    table: &Table,
    rows: &[FileRow],
    extra: &[Extra],
    format: Format,
    compression: Compression,
    out: &mut dyn Write,
) -> Result<(), Error> {
    can_write(format)?;
    table.check_rows(rows)?;
    for (index, column) in extra.iter().enumerate() {
        let name = shown(&column.name);
        let taken =
            table.positions(&column.name).is_ok() || extra[..index].iter().any(|other| other.name == column.name);
        if taken {
            return Err(Error::request(format!("{}: a column named {name} exists already", table.name()))
                .with_hint("give the new column another name"));
        }
        let len = Column::from(&column.values).len();
        if len != rows.len() {
            return Err(Error::request(format!("the new column {name} has {len} values for {} rows", rows.len())));
        }
    }
    let extra: Vec<(String, Column)> = extra.iter().map(|e| (e.name.clone(), Column::from(&e.values))).collect();
    packed(compression, out, &mut |out| {
        let write = || table.source.write(format, rows, &extra, out);
        if unpanicked(write, || format!("{}: its rows cannot be written as {}", table.name(), article(format)))? {
            return Ok(());
        }
        let wanted: Vec<(usize, Kind)> = (0..table.columns().len())
            .map(|index| match &table.columns()[index].kind {
                // Arrays hold lists of one length; text has no lists.
                Kind::List(length) if !is_text(format) => (index, Kind::List(*length)),
                Kind::List(_) | Kind::Other(_) | Kind::Date => (index, Kind::Text),
                // What is more than a number stays as it is spelled.
                _ if table.spelling_is_lost(index) => (index, Kind::Text),
                kind => (index, kind.clone()),
            })
            .collect();
        let columns = table.read_columns(&wanted)?;
        let mut chosen = Vec::with_capacity(columns.len() + extra.len());
        for (info, column) in table.columns().iter().zip(columns) {
            chosen.push((info.name.clone(), column.take(rows)));
        }
        chosen.extend(extra.iter().cloned());
        let numbers: Vec<_> = (0..chosen.len())
            .map(|index| if index < table.columns().len() { table.source.number_type(index) } else { None })
            .collect();
        write_typed(&chosen, &numbers, format, out)
    })
}

/// Writes a new table of the columns given.
///
/// # Errors
/// Columns of different lengths or of one name, none at all, a format that cannot hold them, or a failure of `out`.
pub fn write_columns(
    columns: &[(String, Column)],
    format: Format,
    compression: Compression,
    out: &mut dyn Write,
) -> Result<(), Error> {
    can_write(format)?;
    check_columns(&columns.iter().map(|(name, column)| (name.as_str(), column.len())).collect::<Vec<_>>())?;
    packed(compression, out, &mut |out| write_typed(columns, &[], format, out))
}

/// Writes a new table whose columns have the types of those of `table`, such as generated prototypes. Means of integers are
/// 64-bit floats.
///
/// # Errors
/// Columns of different lengths or of one name, none at all, a format that cannot hold them, or a failure of `out`.
pub fn write_generated(
    table: &Table,
    columns: &[(String, Generated)],
    format: Format,
    compression: Compression,
    out: &mut dyn Write,
) -> Result<(), Error> {
    can_write(format)?;
    check_columns(&columns.iter().map(|(name, values)| (name.as_str(), values.len())).collect::<Vec<_>>())?;
    packed(compression, out, &mut |out| {
        if table.source.write_generated(format, columns, out)? {
            return Ok(());
        }
        let (mut plain, mut numbers) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        for (name, values) in columns {
            let (column, number) = match values {
                Generated::New(column) => (column.clone(), None),
                Generated::Values(index, rows) => {
                    // A name keeps its spelling.
                    let spelled = table.is_spelled(*index) && (is_text(format) || table.spelling_is_lost(*index));
                    let column = if spelled { table.text_column(*index)? } else { table.column(*index)? };
                    (column.take(rows), table.source.number_type(*index))
                }
                Generated::Means(index, column) => {
                    let float = table.source.number_type(*index).filter(|of| matches!(of, NumberType::Float(_)));
                    match (&column.values, float) {
                        (Values::Number(v), Some(NumberType::Float(2 | 4))) => {
                            (Column::from(v.iter().map(|&x| x as f32).collect::<Vec<_>>()), float)
                        }
                        _ => (column.clone(), float),
                    }
                }
            };
            plain.push((name.clone(), column));
            numbers.push(number);
        }
        write_typed(&plain, &numbers, format, out)
    })
}

/// Refuses columns that make no table.
fn check_columns(columns: &[(&str, usize)]) -> Result<(), Error> {
    let Some(&(first, rows)) = columns.first() else {
        return Err(Error::request("a table needs a column"));
    };
    let mut seen = std::collections::HashSet::with_capacity(columns.len());
    for &(name, len) in columns {
        if len != rows {
            let (name, first) = (shown(name), shown(first));
            return Err(Error::request(format!("column {name} has {len} values, column {first} has {rows}")));
        }
        if !seen.insert(name) {
            return Err(Error::request(format!("two columns are named {}", shown(name))));
        }
    }
    Ok(())
}

fn can_write(format: Format) -> Result<(), Error> {
    if format == Format::Xlsx {
        return Err(Error::request("leanset reads XLSX workbooks and does not write them")
            .with_hint("write CSV, which Excel opens, or Parquet"));
    }
    #[cfg(not(feature = "arrow"))]
    if matches!(format, Format::Parquet | Format::ArrowIpc) {
        return Err(source::without_arrow("the output", format));
    }
    Ok(())
}

/// Writes columns; `numbers` says for each how its numbers are stored where the format has types, if that is known.
fn write_typed(
    columns: &[(String, Column)],
    numbers: &[Option<NumberType>],
    format: Format,
    out: &mut dyn Write,
) -> Result<(), Error> {
    match format {
        Format::Csv | Format::Tsv => write_text(columns, format, out),
        Format::Jsonl => source::jsonl::write_jsonl(columns, out),
        Format::Npy => source::numpy::write_npy(columns, numbers, out),
        Format::Npz => source::numpy::write_npz(columns, numbers, out),
        #[cfg(feature = "arrow")]
        Format::Parquet | Format::ArrowIpc => source::arrow::write_columns(columns, numbers, format, out),
        #[cfg(not(feature = "arrow"))]
        Format::Parquet | Format::ArrowIpc => can_write(format),
        Format::Xlsx => can_write(format),
    }
}

fn write_text(columns: &[(String, Column)], format: Format, out: &mut dyn Write) -> Result<(), Error> {
    let mut records = Records::new(format, out);
    columns.iter().for_each(|(name, _)| records.field(Some(name)));
    records.end()?;
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    for row in 0..rows {
        for (_, column) in columns {
            records.field((!column.is_missing(row)).then(|| column.text(row)).as_deref());
        }
        records.end()?;
    }
    Ok(records.finish()?)
}

/// A writer of records that end in `\n`, with quotes only where they are needed.
pub(crate) fn text_writer(format: Format, out: &mut dyn Write) -> csv::Writer<&mut dyn Write> {
    let delimiter = if format == Format::Tsv { b'\t' } else { b',' };
    csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(out)
}

/// Runs `write` into the compressor asked for. Compressed bytes carry no time, so equal tables make equal files.
fn packed(
    compression: Compression,
    out: &mut dyn Write,
    write: &mut dyn FnMut(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), Error> {
    match compression {
        Compression::None => write(&mut *out)?,
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(&mut *out, flate2::Compression::default());
            write(&mut encoder)?;
            encoder.finish()?;
        }
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(&mut *out, 0)?;
            write(&mut encoder)?;
            encoder.finish()?;
        }
    }
    Ok(out.flush()?)
}
