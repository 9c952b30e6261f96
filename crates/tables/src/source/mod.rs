//! Where the values of a table come from: one file per family of formats, one small trait between them and the rest.

#[cfg(feature = "arrow")]
pub(crate) mod arrow;
#[cfg(feature = "arrow")]
mod arrow_text;
#[cfg(feature = "arrow")]
mod claims;
#[cfg(feature = "arrow")]
mod dictionaries;
#[cfg(feature = "arrow")]
pub(crate) mod lists;
pub(crate) mod numpy;
#[cfg(feature = "arrow")]
mod pandas;
#[cfg(feature = "arrow")]
mod parquet_categories;
#[cfg(feature = "arrow")]
mod parquet_file;
pub(crate) mod records;
pub(crate) mod text;
#[cfg(feature = "arrow")]
mod unpacked;
pub(crate) mod xlsx;

use leanset_spec::Format;
use std::io::Write;

use crate::column::{Column, Kind};
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

/// A table in the form of its file.
pub(crate) trait Source: Send + Sync {
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

    /// Whether the type of the column is exact in 32-bit floats.
    fn exact_in_32_bits(&self, _column: usize) -> Option<ExactIn32Bits> {
        None
    }

    /// Bytes held.
    fn memory(&self) -> u64;

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
        Kind::Text | Kind::Other(_) => "text",
        Kind::List(length) => &format!("a list of {}", counted(*length, "number", "numbers")),
    };
    Error::content(format!("{file}: {place}, column {}: {} is not {wanted}", shown(column), shown(value)))
}

#[cfg(not(feature = "arrow"))]
pub(crate) fn without_arrow(name: &str, format: Format) -> Error {
    Error::request(format!("{name}: this build of leanset has no support for {}", crate::format::article(format)))
        .with_hint("build with the feature 'arrow', or use CSV or NPZ")
}
