//! Arrow values as JSON: lists are arrays, structs are objects, what JSON has no type for is the text of other formats.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType};

use super::arrow_text::{self, Add, Failed};
use crate::column::Texts;
use crate::error::{Error, shown};

/// Writes a line for each row.
pub(crate) fn write_lines(batch: &RecordBatch, out: &mut dyn Write) -> Result<(), Error> {
    let schema = batch.schema();
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let failed = |index: usize, error: ArrowError| {
        Error::content(format!("column {} cannot be written as JSON: {error}", shown(names[index]))).caused_by(error)
    };
    let of_column = |(index, array)| Values::of(array).map_err(|error| failed(index, error));
    let style = Style { list: ",", key: ":", infinite: false };
    let columns: Vec<Values<'_>> = batch.columns().iter().enumerate().map(of_column).collect::<Result<_, _>>()?;
    for row in 0..batch.num_rows() {
        out.write_all(b"{")?;
        for (index, (name, column)) in names.iter().zip(&columns).enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            write_text(out, name)?;
            out.write_all(b":")?;
            column.write(row, name, style, out)?;
        }
        out.write_all(b"}\n")?;
    }
    Ok(())
}

/// Whether values of the type are written as arrays and objects.
fn is_nested(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::Struct(_)
            | DataType::Map(..)
    )
}

/// The text of every row, and where there is no value: of nested values their JSON, of others as [`arrow_text`] gives it.
pub(crate) fn texts_of(array: &ArrayRef) -> Result<(Texts, Vec<bool>), Failed> {
    let (mut texts, mut missing) = (Texts::default(), Vec::with_capacity(array.len()));
    let mut add = |text: Option<&str>| {
        texts.push(text.unwrap_or_default());
        missing.push(text.is_none());
    };
    if is_nested(array.data_type()) {
        each_json(array, &mut add).map_err(|error| (0, error))?;
    } else {
        arrow_text::each_text(array, &mut add)?;
    }
    Ok((texts, missing))
}

/// Gives the JSON of every nested value to `add`, as Python spaces it. Infinity, which JSON lacks, is spelled as programs do
/// that accept it.
fn each_json(array: &ArrayRef, add: Add<'_>) -> Result<(), ArrowError> {
    let values = Values::of(array)?;
    let style = Style { list: ", ", key: ": ", infinite: true };
    let mut text = Vec::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            add(None);
            continue;
        }
        text.clear();
        values.write(row, "", style, &mut text).map_err(|error| ArrowError::JsonError(error.to_string()))?;
        add(Some(std::str::from_utf8(&text).unwrap_or_default()));
    }
    Ok(())
}

/// How JSON is written.
#[derive(Clone, Copy)]
struct Style {
    /// Between the items of a list, and behind a key.
    list: &'static str,
    key: &'static str,
    /// Whether infinity is written, which JSON lacks.
    infinite: bool,
}

/// The values of an array, as they are written.
enum Values<'a> {
    /// Texts that are JSON: numbers, true and false. Where one is missing, null.
    Plain(Texts, Vec<bool>),
    /// Texts that need quotes.
    Text(Texts, Vec<bool>),
    /// Lists of any layout, and their items.
    List(&'a ArrayRef, Box<Values<'a>>),
    Struct(&'a ArrayRef, Vec<(&'a str, Values<'a>)>),
    /// Maps: the texts of all keys, and all values.
    Map(&'a ArrayRef, Texts, Box<Values<'a>>),
}

impl<'a> Values<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        let items = |values: &'a ArrayRef| Ok(Self::List(array, Box::new(Self::of(values)?)));
        match array.data_type() {
            DataType::List(_) => return items(array.as_list::<i32>().values()),
            DataType::LargeList(_) => return items(array.as_list::<i64>().values()),
            DataType::FixedSizeList(..) => return items(array.as_fixed_size_list().values()),
            DataType::ListView(_) => return items(array.as_list_view::<i32>().values()),
            DataType::LargeListView(_) => return items(array.as_list_view::<i64>().values()),
            DataType::Map(..) => {
                let maps = array.as_map();
                let mut keys = Texts::default();
                arrow_text::each_text(maps.keys(), &mut |key| keys.push(key.unwrap_or_default()))
                    .map_err(|(_, error)| error)?;
                return Ok(Self::Map(array, keys, Box::new(Self::of(maps.values())?)));
            }
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(array.as_struct().columns());
                let columns = columns.map(|(field, own)| Ok((field.name().as_str(), Self::of(own)?)));
                return Ok(Self::Struct(array, columns.collect::<Result<_, ArrowError>>()?));
            }
            _ => {}
        }
        let (texts, missing) = texts_of(array).map_err(|(_, error)| error)?;
        let plain = |of: &DataType| of.is_numeric() || matches!(of, DataType::Boolean | DataType::Null);
        Ok(match array.data_type() {
            DataType::Dictionary(_, values) if plain(values) => Self::Plain(texts, missing),
            other if plain(other) => Self::Plain(texts, missing),
            _ => Self::Text(texts, missing),
        })
    }

    fn write(&self, row: usize, column: &str, style: Style, out: &mut dyn Write) -> Result<(), Error> {
        let missing = match self {
            Self::Plain(_, missing) | Self::Text(_, missing) => missing[row],
            Self::List(array, _) | Self::Struct(array, _) | Self::Map(array, ..) => array.is_null(row),
        };
        if missing {
            return Ok(out.write_all(b"null")?);
        }
        match self {
            Self::Plain(texts, _) if texts.get(row).ends_with("inf") && style.infinite => {
                let sign = if texts.get(row).starts_with('-') { "-" } else { "" };
                Ok(write!(out, "{sign}Infinity")?)
            }
            Self::Plain(texts, _) if texts.get(row).ends_with("inf") => {
                let message = format!("column {} holds {}, which JSON cannot hold", shown(column), texts.get(row));
                Err(Error::content(message).with_hint("write CSV or Parquet"))
            }
            Self::Plain(texts, _) => Ok(out.write_all(texts.get(row).as_bytes())?),
            Self::Text(texts, _) => write_text(out, texts.get(row)),
            Self::List(array, items) => {
                out.write_all(b"[")?;
                for (at, item) in items_of(array, row).enumerate() {
                    if at > 0 {
                        out.write_all(style.list.as_bytes())?;
                    }
                    items.write(item, column, style, out)?;
                }
                Ok(out.write_all(b"]")?)
            }
            Self::Struct(_, fields) => {
                out.write_all(b"{")?;
                for (at, (name, values)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.write_all(style.list.as_bytes())?;
                    }
                    write_text(out, name)?;
                    out.write_all(style.key.as_bytes())?;
                    values.write(row, column, style, out)?;
                }
                Ok(out.write_all(b"}")?)
            }
            Self::Map(array, keys, values) => {
                out.write_all(b"{")?;
                for (at, entry) in items_of(array, row).enumerate() {
                    if at > 0 {
                        out.write_all(style.list.as_bytes())?;
                    }
                    write_text(out, keys.get(entry))?;
                    out.write_all(style.key.as_bytes())?;
                    values.write(entry, column, style, out)?;
                }
                Ok(out.write_all(b"}")?)
            }
        }
    }
}

/// Where the items of a list are among those of all lists.
fn items_of(lists: &ArrayRef, row: usize) -> std::ops::Range<usize> {
    match lists.data_type() {
        DataType::LargeList(_) => {
            let offsets = lists.as_list::<i64>().value_offsets();
            offsets[row] as usize..offsets[row + 1] as usize
        }
        DataType::FixedSizeList(..) => {
            let lists = lists.as_fixed_size_list();
            let start = lists.value_offset(row) as usize;
            start..start + lists.value_length() as usize
        }
        DataType::Map(..) => {
            let offsets = lists.as_map().value_offsets();
            offsets[row] as usize..offsets[row + 1] as usize
        }
        DataType::ListView(_) => {
            let lists = lists.as_list_view::<i32>();
            let start = lists.value_offset(row) as usize;
            start..start + lists.value_size(row) as usize
        }
        DataType::LargeListView(_) => {
            let lists = lists.as_list_view::<i64>();
            let start = lists.value_offset(row) as usize;
            start..start + lists.value_size(row) as usize
        }
        _ => {
            let offsets = lists.as_list::<i32>().value_offsets();
            offsets[row] as usize..offsets[row + 1] as usize
        }
    }
}

fn write_text(out: &mut dyn Write, text: &str) -> Result<(), Error> {
    serde_json::to_writer(out, text).map_err(|error| Error::from(std::io::Error::from(error)))
}
