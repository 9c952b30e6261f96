//! Where the values of a table come from: one file per family of formats, one small trait between them and the rest.

#[cfg(feature = "arrow")]
pub(crate) mod arrow;
#[cfg(feature = "arrow")]
mod arrow_join;
#[cfg(feature = "arrow")]
mod arrow_json;
#[cfg(feature = "arrow")]
mod arrow_text;
#[cfg(feature = "arrow")]
mod claims;
#[cfg(feature = "arrow")]
mod dictionaries;
#[cfg(feature = "arrow")]
mod in_file;
pub(crate) mod jsonl;
#[cfg(feature = "arrow")]
pub(crate) mod lists;
pub(crate) mod numpy;
#[cfg(feature = "arrow")]
mod pandas;
#[cfg(feature = "arrow")]
pub(crate) mod parquet;
#[cfg(feature = "arrow")]
pub(crate) mod parquet_bytes;
#[cfg(feature = "arrow")]
mod parquet_categories;
#[cfg(feature = "arrow")]
mod parquet_file;
pub(crate) mod records;
pub(crate) mod text;
#[cfg(feature = "arrow")]
mod unpacked;
pub(crate) mod xlsx;

use std::any::Any;
use std::io::Write;

use leanset_spec::Format;

use crate::column::{Column, Kind, Values};
use crate::error::{Error, counted, shown};
use crate::row::FileRow;

/// A type whose values 32-bit floats hold exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExactIn32Bits {
    /// f16 or f32.
    Float,
    /// An integer of up to 16 bits, or a boolean.
    Integer,
}

/// How a file stores a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberType {
    /// An integer with a sign, of so many bytes.
    Signed(usize),
    /// An integer without a sign, of so many bytes.
    Unsigned(usize),
    /// A float of so many bytes.
    Float(usize),
}

impl NumberType {
    /// This type, if it is one for these values.
    pub(crate) fn of(self, values: &Values) -> Option<Self> {
        let integer = matches!(values, Values::Integer(_));
        let float = matches!(values, Values::Number(_) | Values::Number32(_));
        let fits = if matches!(self, Self::Float(_)) { float } else { integer };
        fits.then_some(self)
    }
}

/// A table in the form of its file.
pub(crate) trait Source: Send + Sync + 'static {
    /// The columns asked for, each as the kind asked for, in one pass over the rows.
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error>;

    /// Where a row stands: "row 17", with the line where the format has lines.
    fn place(&self, row: FileRow) -> String {
        format!("row {row}")
    }

    /// The value in the file's own words, where it has some (`1e999` rather than `inf`).
    fn show(&self, _row: FileRow, _column: usize) -> Option<String> {
        None
    }

    /// The address of a cell, where the format has addresses: `A18`.
    fn cell(&self, _row: FileRow, _column: usize) -> Option<String> {
        None
    }

    /// The value of a cell of a text column, if its type in the file is a number.
    fn number(&self, _row: usize, _column: usize) -> Option<f64> {
        None
    }

    /// Whether some value of the column is spelled as its kind would not spell it: `07`, `1.50`, `TRUE`.
    fn spelled(&self, _column: usize) -> bool {
        false
    }

    /// Whether the spelling of some value says more than a value of its kind can: `0042`, or digits beyond 64 bits. Of a
    /// column whose spelling matters, as that of names does, every spelling says more that its kind would change.
    fn spelling_is_lost(&self, _column: usize, _matters: bool) -> bool {
        false
    }

    /// Whether the type of the column is exact in 32-bit floats.
    fn exact_in_32_bits(&self, _column: usize) -> Option<ExactIn32Bits> {
        None
    }

    /// Whether the column holds decimals, which are floats here, that may have more digits than floats tell apart.
    fn has_long_decimals(&self, _column: usize) -> bool {
        false
    }

    /// Whether the values of a column stay in its file and are read from there, soon and whenever they are asked for, so
    /// that nobody needs to keep them.
    fn stays_in_file(&self, _column: usize) -> bool {
        false
    }

    /// How the file stores the numbers of a column, if by a type.
    fn number_type(&self, _column: usize) -> Option<NumberType> {
        None
    }

    /// Bytes held.
    fn memory(&self) -> u64;

    /// Bytes that all rows would take in memory.
    fn unpacked(&self) -> u64 {
        self.memory()
    }

    /// Bytes that are taken out of the file at a time when so many rows are written.
    fn taken(&self, _rows: usize) -> u64 {
        0
    }

    /// Writes rows as they are, with columns appended, if this source is of that format; `false` if it is not.
    fn write(
        &self,
        _format: Format,
        _rows: &[FileRow],
        _extra: &[(String, Column)],
        _out: &mut dyn Write,
    ) -> Result<bool, Error> {
        Ok(false)
    }

    /// The same behind rows that were written before: without the names of columns.
    fn write_more(
        &self,
        _format: Format,
        _rows: &[FileRow],
        _extra: &[(String, Column)],
        _out: &mut dyn Write,
    ) -> Result<bool, Error> {
        Ok(false)
    }

    /// Writes a new table of columns in the types of this one, if this source is of that format; `false` if it is not.
    fn write_generated(
        &self,
        _format: Format,
        _columns: &[(String, Generated)],
        _out: &mut dyn Write,
    ) -> Result<bool, Error> {
        Ok(false)
    }

    /// What separates the fields of a text table.
    fn delimiter(&self) -> Option<u8> {
        None
    }

    /// As its own type, to join it with others.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// The values of a column of a new table.
#[derive(Clone, Debug)]
pub enum Generated {
    /// Means of values of the column at this position.
    Means(usize, Column),
    /// What rows of the table have in the column at this position.
    Values(usize, Vec<FileRow>),
    /// A column that the table does not have.
    New(Column),
}

impl Generated {
    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Means(_, column) | Self::New(column) => column.len(),
            Self::Values(_, rows) => rows.len(),
        }
    }
}

/// A typed column as the kind wanted, or the error that names the row, the column and the value.
pub(crate) fn convert(
    source: &dyn Source,
    file: &str,
    name: &str,
    index: usize,
    column: Column,
    kind: &Kind,
) -> Result<Column, Error> {
    if column.kind() == *kind {
        return Ok(column);
    }
    let fails = column.conversion_fails_at(kind);
    match fails {
        None => Ok(column.into_kind(kind)),
        Some(row) => {
            let value = source.show(FileRow::at(row), index).unwrap_or_else(|| column.text(row).into_owned());
            Err(not_a(file, &source.place(FileRow::at(row)), name, &value, kind))
        }
    }
}

/// The error of a value that is not of the kind wanted.
pub(crate) fn not_a(file: &str, place: &str, column: &str, value: &str, kind: &Kind) -> Error {
    let wanted = match kind {
        Kind::Number => "a number",
        Kind::Integer => "an integer",
        Kind::Boolean => "true or false",
        Kind::Text | Kind::Date | Kind::Other(_) => "text",
        Kind::List(length) => &format!("a list of {}", counted(*length, "number", "numbers")),
    };
    Error::content(format!("{file}: {place}, column {}: {} is not {wanted}", shown(column), shown(value)))
}

#[cfg(not(feature = "arrow"))]
pub(crate) fn without_arrow(name: &str, format: Format) -> Error {
    Error::request(format!("{name}: this build of leanset has no support for {}", crate::format::article(format)))
        .with_hint("build with the feature 'arrow', or use CSV or NPZ")
}
