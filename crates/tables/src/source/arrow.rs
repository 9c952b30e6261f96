//! Tables of Arrow arrays, which Parquet and Arrow IPC files are: columns in memory or left in their file, rows taken by
//! index, schema and metadata kept.

use std::any::Any;
use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    RecordBatchOptions, StringArray, UInt32Array, new_empty_array,
};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_cast::cast;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{FileDecoder, StreamDecoder, read_footer_length};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_ipc::{Block, CompressionType, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::take::take;
use leanset_problem::{setting, text};
use leanset_spec::Format;
use rayon::prelude::*;

use super::arrow_join::{any_nulls, join_batches};
use super::arrow_json::{texts_of, write_lines};
use super::arrow_text::{Failed, decimals_as_floats};
use super::dictionaries::joined;
use super::in_file::{InFile, NoLists, Survey};
use super::lists::{self, Lengths, ListColumn, Wrong};
use super::pandas;
use super::parquet_file::{Origin, Writer, unstorable};
use super::records::Records;
use super::unpacked::of_ipc;
use super::{ExactIn32Bits, Generated, NumberType, Source, claims, convert};
use crate::column::{Column, ColumnInfo, Kind, ListItem, Texts, Values};
use crate::error::{Cause, Error, counted, shown};
use crate::format::article;
use crate::memory::MemoryLimit;
use crate::row::FileRow;
use crate::table::{Table, UnusableLists};

/// Rows taken at a time when writing, so that the copy stays small.
const CHUNK: usize = 1 << 18;
/// Rows put into text at a time.
const TEXT_CHUNK: usize = 1 << 13;
/// How often a file is read at most to write its rows.
const PASSES: usize = 8;
/// Bytes of rows that are taken out of a file at a time, unless it would have to be read too often.
const CHUNK_BYTES: usize = 32 << 20;

pub(crate) struct Batch {
    name: String,
    columns: Vec<ColumnInfo>,
    rows: Rows,
    origin: FileOrigin,
}

/// The values of a table.
pub(crate) struct Rows {
    pub(crate) schema: SchemaRef,
    /// The columns in memory; none where a column stays in its file.
    pub(crate) arrays: Vec<Option<ArrayRef>>,
    pub(crate) rows: usize,
    pub(crate) in_file: InFile,
}

impl From<RecordBatch> for Rows {
    fn from(batch: RecordBatch) -> Self {
        let arrays = batch.columns().iter().cloned().map(Some).collect();
        Self { schema: batch.schema(), arrays, rows: batch.num_rows(), in_file: InFile::default() }
    }
}

impl Rows {
    /// All rows of a column.
    fn column(&self, index: usize) -> Result<ArrayRef, ArrowError> {
        match &self.arrays[index] {
            Some(array) => Ok(Arc::clone(array)),
            None => self.in_file.column(index),
        }
    }

    /// These rows of a column.
    fn taken(&self, index: usize, rows: &[FileRow]) -> Result<ArrayRef, ArrowError> {
        match &self.arrays[index] {
            Some(array) => take(array, &UInt32Array::from_iter_values(rows.iter().map(|row| row.0)), None),
            None => self.in_file.taken(index, rows),
        }
    }

    /// The type of a column.
    fn data_type(&self, index: usize) -> &DataType {
        self.schema.field(index).data_type()
    }

    /// Bytes in memory.
    fn memory(&self) -> u64 {
        // Slices, because columns may share the bytes of the file.
        let size = |array: &ArrayRef| array.to_data().get_slice_memory_size().unwrap_or(0) as u64;
        self.arrays.iter().flatten().map(size).sum::<u64>() + self.in_file.memory()
    }
}

/// What the file said beside its schema and its rows.
#[derive(Clone)]
pub(crate) enum FileOrigin {
    Parquet(Origin),
    Ipc(Option<CompressionType>),
}

/// Opens an Arrow IPC file (Feather V2) or stream. Uncompressed columns stay where they are in the file's bytes.
pub(crate) fn open_ipc(name: String, bytes: Vec<u8>, memory: MemoryLimit) -> Result<Table, Error> {
    let buffer = Buffer::from_vec(bytes);
    let failed = |error| unreadable(&name, Format::ArrowIpc, error);
    let codec = codec_of(&buffer);
    memory.check(&name, "the unpacked table", (buffer.len() as u64).saturating_add(of_ipc(&buffer)))?;
    if let Some(what) = claims::wide_integers(&buffer) {
        return Err(wide_integer(&name, &what));
    }
    let read = if buffer.starts_with(b"ARROW1") { read_file(&buffer) } else { read_stream(buffer) };
    let (schema, batches) = read.map_err(failed)?;
    let (_, batch) = joined(&schema, &batches).map_err(failed)?;
    table(name, Format::ArrowIpc, batch.into(), FileOrigin::Ipc(codec))
}

fn read_file(buffer: &Buffer) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let cut_short = || ArrowError::ParseError("the file is cut short".to_owned());
    // At the end of the file: the footer, its length in 4 bytes, and the mark.
    let (rest, tail) = buffer.split_last_chunk::<10>().ok_or_else(cut_short)?;
    let start = rest.len().checked_sub(read_footer_length(*tail)?).ok_or_else(cut_short)?;
    let footer = root_as_footer(&rest[start..]).map_err(|error| ArrowError::ParseError(error.to_string()))?;
    let schema: SchemaRef = Arc::new(fb_to_schema(footer.schema().ok_or_else(cut_short)?));
    let refused = |what: String| ArrowError::ParseError(what);
    claims::check_types(schema.fields()).map_err(refused)?;
    let mut decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
    let slice = |block: &Block| {
        let size = |n: i64| usize::try_from(n).ok();
        let (offset, length) =
            (size(block.offset())?, size(block.bodyLength().checked_add(block.metaDataLength().into())?)?);
        // The metadata is sliced off by the decoder, so it must be inside as well.
        let inside = offset.checked_add(length)? <= buffer.len() && size(block.metaDataLength().into())? <= length;
        inside.then(|| buffer.slice_with_length(offset, length))
    };
    let mut claimed = 0u64;
    for block in footer.dictionaries().iter().flatten().chain(footer.recordBatches().iter().flatten()) {
        let message = usize::try_from(block.metaDataLength()).map_err(|_| cut_short())?;
        let taken = claims::check_block(&slice(block).ok_or_else(cut_short)?, message).map_err(refused)?;
        claimed = claimed.saturating_add(taken);
    }
    claims::room(claimed).map_err(refused)?;
    for block in footer.dictionaries().iter().flatten() {
        decoder.read_dictionary(block, &slice(block).ok_or_else(cut_short)?)?;
    }
    let mut batches = Vec::new();
    for block in footer.recordBatches().iter().flatten() {
        batches.extend(decoder.read_record_batch(block, &slice(block).ok_or_else(cut_short)?)?);
    }
    Ok((schema, batches))
}

fn read_stream(mut buffer: Buffer) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    claims::check_stream(&buffer).map_err(ArrowError::ParseError)?;
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut buffer)? {
        batches.push(batch);
    }
    decoder.finish()?;
    let schema = decoder.schema().ok_or_else(|| ArrowError::ParseError("the stream has no schema".to_owned()))?;
    Ok((schema, batches))
}

/// Polars has integers of 128 bits, which Arrow has not.
pub(crate) fn wide_integer(name: &str, what: &(String, i32)) -> Error {
    let (column, bits) = what;
    Error::content(format!(
        "{name}: column {} holds integers of {bits} bits, which no other program reads: 64 are the most",
        shown(column)
    ))
    .with_hint(format!("in Polars: frame.with_columns(pl.col({column:?}).cast(pl.Int64)), or cast to pl.String"))
}

pub(crate) fn unreadable(name: &str, format: Format, error: impl Into<Cause>) -> Error {
    let error = error.into();
    Error::content(format!("{name}: cannot be read as {}: {error}", article(format)))
        .with_hint("the file may be cut short or of another format")
        .caused_by(error)
}

/// The codec of the first record batch of a file or stream.
fn codec_of(bytes: &[u8]) -> Option<CompressionType> {
    let mut rest = if bytes.starts_with(b"ARROW1") { bytes.get(8..)? } else { bytes };
    // Some writers begin the first message at a multiple of 64 bytes.
    while let Some(after) = rest.strip_prefix(&[0; 8]) {
        rest = after;
    }
    loop {
        let (mut length, mut after) = rest.split_first_chunk::<4>()?;
        // Messages of old files begin with their length alone.
        if *length == [0xff; 4] {
            (length, after) = after.split_first_chunk::<4>()?;
        }
        let (header, body) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let message = root_as_message(header).ok()?;
        if let Some(batch) = message.header_as_record_batch() {
            return batch.compression().map(|compression| compression.codec());
        }
        rest = body.get(usize::try_from(message.bodyLength()).ok()?..)?;
    }
}

/// A table of these values.
///
/// # Errors
/// What no table may be.
pub(crate) fn table(name: String, format: Format, rows: Rows, origin: FileOrigin) -> Result<Table, Error> {
    let schema = Arc::clone(&rows.schema);
    claims::check_types(schema.fields()).map_err(|what| unreadable(&name, format, what))?;
    let mut unusable = Vec::new();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (index, field) in schema.fields().iter().enumerate() {
        let survey = match &rows.arrays[index] {
            Some(array) => Survey::of(array),
            None => rows.in_file.survey(index),
        };
        let mut kind = kind(field);
        match survey.lengths.map(|lengths| lengths.lengths()) {
            None => {}
            Some(Lengths::One(length)) => kind = Kind::List(length),
            Some(lengths) => unusable.push(unusable_lists(index, &lengths)),
        }
        columns.push(ColumnInfo { name: field.name().clone(), kind, missing: survey.missing });
    }
    let frame_index = frame_index(&schema);
    let count = rows.rows;
    let source = Batch { name: name.clone(), columns: columns.clone(), rows, origin };
    let mut table = Table::new(name, format, columns, count, Box::new(source))?;
    table.frame_index = frame_index;
    table.unusable_lists = unusable;
    Ok(table)
}

/// The columns that are the index of a pandas frame: an index is an address of rows, not a measurement. pandas names its
/// columns in the metadata; where these are lost, an index without a name has a name that says so.
fn frame_index(schema: &Schema) -> Vec<usize> {
    let named = schema.metadata().get(pandas::KEY).map(|metadata| pandas::index_columns(metadata)).unwrap_or_default();
    let unnamed = |name: &str| name.starts_with("__index_level_") && name.ends_with("__");
    let is_index = |name: &str| unnamed(name) || named.iter().any(|index| index == name);
    schema.fields().iter().enumerate().filter(|(_, field)| is_index(field.name())).map(|(index, _)| index).collect()
}

/// Why lists are not coordinates.
fn unusable_lists(column: usize, lengths: &Lengths) -> UnusableLists {
    let (why, is_common) = match lengths {
        Lengths::Ragged { most, common, odd: (row, length) } => {
            let most = counted(*most, "number", "numbers");
            (format!("holds lists of different lengths: {most} in most rows, {length} in row {row}"), *common)
        }
        Lengths::One(_) | Lengths::Nothing => ("holds only empty lists".to_owned(), false),
    };
    UnusableLists { column, why, is_common }
}

/// Files as one table: as the one file that has all rows, of the metadata of the first. Columns that stay in every one of
/// them and are of one type there stay there.
pub(crate) fn join(
    name: String,
    format: Format,
    files: Vec<(String, Batch)>,
    memory: MemoryLimit,
) -> Result<Table, Error> {
    // Packing is that of the largest file: the others may be cut from what was left.
    let largest = files.iter().max_by_key(|(_, own)| own.rows.rows);
    let Some(origin) = largest.map(|(_, own)| own.origin.clone()) else {
        return Err(Error::request("a table needs a file"));
    };
    let schemas: Vec<SchemaRef> = files.iter().map(|(_, own)| Arc::clone(&own.rows.schema)).collect();
    let stay = |&index: &usize| {
        files.iter().all(|(_, own)| own.rows.arrays[index].is_none())
            && schemas.iter().all(|schema| schema.field(index).data_type() == schemas[0].field(index).data_type())
    };
    let (staying, joining): (Vec<usize>, Vec<usize>) = (0..schemas[0].fields().len()).partition(stay);
    // Columns in memory and those that leave their files. What is joined is let go of by columns, unless they share the bytes
    // of their file.
    let leaving = |own: &Rows| {
        let columns: Vec<usize> = joining.iter().copied().filter(|&index| own.arrays[index].is_none()).collect();
        own.memory().saturating_add(own.in_file.unpacked_of(&columns))
    };
    let bytes: u64 = files.iter().map(|(_, own)| leaving(&own.rows)).sum();
    let columns = if format == Format::Parquet { joining.len().max(1) as u64 } else { 1 };
    memory.check(&name, "the table of all files", bytes.saturating_add(bytes / columns))?;
    let (mut batches, mut in_file, mut rows) = (Vec::with_capacity(files.len()), InFile::default(), 0);
    for (file, own) in files {
        let arrays = joining
            .iter()
            .map(|&index| own.rows.column(index).map_err(|error| own.failed(index, error)))
            .collect::<Result<Vec<_>, Error>>()?;
        let schema = own.rows.schema.project(&joining).map(Arc::new);
        let count = own.rows.rows;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = schema.and_then(|schema| RecordBatch::try_new_with_options(schema, arrays, &options));
        batches.push((file, batch.map_err(|error| own.not_taken(error))?));
        rows += count;
        in_file.append(own.rows.in_file);
    }
    let (joined, warnings) = join_batches(batches)?;
    let mut fields = schemas[0].fields().to_vec();
    let mut arrays = vec![None; fields.len()];
    for (at, &index) in joining.iter().enumerate() {
        (fields[index], arrays[index]) =
            (Arc::clone(&joined.schema_ref().fields()[at]), Some(Arc::clone(joined.column(at))));
    }
    for index in staying {
        let own: Vec<&Field> = schemas.iter().map(|schema| schema.field(index)).collect();
        fields[index] = Arc::new(Field::clone(own[0]).with_nullable(any_nulls(&own)));
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schemas[0].metadata().clone()));
    let mut table = table(name, format, Rows { schema, arrays, rows, in_file }, origin)?;
    table.warnings = warnings;
    Ok(table)
}

fn kind(field: &Field) -> Kind {
    let mut data_type = field.data_type();
    while let DataType::Dictionary(_, values) = data_type {
        data_type = values;
    }
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Number,
        decimal if decimal.is_decimal() => Kind::Number,
        integer if integer.is_integer() => Kind::Integer,
        DataType::Boolean => Kind::Boolean,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_) => {
            Kind::Date
        }
        other => Kind::Other(other.to_string()),
    }
}

impl Batch {
    fn failed(&self, index: usize, error: ArrowError) -> Error {
        let name = shown(&self.columns[index].name);
        Error::content(format!("{}: column {name}: {error}", self.name)).caused_by(error)
    }

    /// All rows of a column.
    fn column(&self, index: usize) -> Result<ArrayRef, Error> {
        self.rows.column(index).map_err(|error| self.failed(index, error))
    }

    /// A column of what `of` makes of its values: of all at once where they are in memory, and of a few rows after another
    /// where they stay in the file. `of` gets the values and the first row of them.
    fn in_parts(&self, index: usize, of: &dyn Fn(&ArrayRef, usize) -> Result<Column, Error>) -> Result<Column, Error> {
        if let Some(array) = &self.rows.arrays[index] {
            return of(array, 0);
        }
        let mut all: Option<Column> = None;
        for array in self.rows.in_file.arrays(index) {
            let array = array.map_err(|error| self.failed(index, error))?;
            match &mut all {
                Some(all) => all.append(of(&array, all.len())?),
                None => {
                    let first = all.insert(of(&array, 0)?);
                    first.reserve_exact(self.rows.rows - first.len());
                }
            }
        }
        all.map_or_else(|| of(&new_empty_array(self.rows.data_type(index)), 0), Ok)
    }

    fn native(&self, index: usize) -> Result<Column, Error> {
        self.in_parts(index, &|array, first| self.native_part(index, array, first))
    }

    /// Values of a column in the type that they have, from the row `first` on.
    fn native_part(&self, index: usize, array: &ArrayRef, first: usize) -> Result<Column, Error> {
        let cast =
            |array: &dyn Array, to: &DataType| arrow_cast::cast(array, to).map_err(|error| self.failed(index, error));
        let mut array = Arc::clone(array);
        while let DataType::Dictionary(_, values) = array.data_type() {
            let values = if **values == DataType::Utf8 { DataType::LargeUtf8 } else { (**values).clone() };
            array = cast(&array, &values)?;
        }
        let flags = |array: &ArrayRef, nan: &dyn Fn(usize) -> bool| -> Option<Vec<bool>> {
            let nulls = array.logical_nulls();
            Some((0..array.len()).map(|i| nulls.as_ref().is_some_and(|nulls| nulls.is_null(i)) || nan(i)).collect())
        };
        let (values, missing) = match array.data_type() {
            DataType::Float64 => {
                let array64 = array.as_primitive::<Float64Type>();
                if array.logical_null_count() == 0 && !array64.values().iter().any(|x| x.is_nan()) {
                    return Ok(Column::new(Values::Number(array64.values().to_vec()), None));
                }
                let values = array64.iter().map(|x| x.unwrap_or(f64::NAN)).collect();
                (Values::Number(values), flags(&array, &|i| array64.value(i).is_nan()))
            }
            DataType::Float32 | DataType::Float16 => {
                let array = cast(&array, &DataType::Float32)?;
                let array32 = array.as_primitive::<Float32Type>();
                if array.logical_null_count() == 0 && !array32.values().iter().any(|x| x.is_nan()) {
                    return Ok(Column::new(Values::Number32(array32.values().to_vec()), None));
                }
                let values = array32.iter().map(|x| x.unwrap_or(f32::NAN)).collect();
                (Values::Number32(values), flags(&array, &|i| array32.value(i).is_nan()))
            }
            DataType::UInt64 => {
                let array64 = array.as_primitive::<UInt64Type>();
                let mut values = Vec::with_capacity(array.len());
                for (row, value) in array64.iter().enumerate() {
                    let value = value.unwrap_or(0);
                    values.push(
                        i64::try_from(value)
                            .map_err(|_| too_large(&self.name, first + row, &self.columns[index].name, value))?,
                    );
                }
                (Values::Integer(values), flags(&array, &|_| false))
            }
            integer if integer.is_integer() => {
                let array = cast(&array, &DataType::Int64)?;
                let values = array.as_primitive::<Int64Type>().iter().map(|x| x.unwrap_or(0)).collect();
                (Values::Integer(values), flags(&array, &|_| false))
            }
            decimal if decimal.is_decimal() => (Values::Number(decimals_as_floats(&array)), flags(&array, &|_| false)),
            DataType::Boolean => {
                let values = array.as_boolean().iter().map(|x| x.unwrap_or(false)).collect();
                (Values::Boolean(values), flags(&array, &|_| false))
            }
            DataType::Utf8 => {
                let values = array.as_string::<i32>().iter().map(Option::unwrap_or_default).collect();
                (Values::Text(values), flags(&array, &|_| false))
            }
            DataType::LargeUtf8 => {
                let values = array.as_string::<i64>().iter().map(Option::unwrap_or_default).collect();
                (Values::Text(values), flags(&array, &|_| false))
            }
            DataType::Utf8View => {
                let values = array.as_string_view().iter().map(Option::unwrap_or_default).collect();
                (Values::Text(values), flags(&array, &|_| false))
            }
            _ => return self.texts_part(index, &array, first),
        };
        Ok(Column::new(values, missing))
    }

    /// The lists of a column, all of this length.
    fn lists(&self, index: usize, length: usize) -> Result<Column, Error> {
        if self.rows.arrays[index].is_none() {
            return match self.rows.in_file.lists(index, length) {
                Ok((lists, missing)) => Ok(Column::new(Values::List(lists), Some(missing))),
                Err(NoLists::Wrong(row, wrong)) => Err(self.wrong_list(index, length, (row, wrong))),
                Err(NoLists::Unreadable(error)) => Err(self.failed(index, error)),
                Err(NoLists::Other) => self.native(index),
            };
        }
        match ListColumn::new(&self.column(index)?) {
            Some(lists) => lists.column(length).map_err(|wrong| self.wrong_list(index, length, wrong)),
            // Not lists of numbers: the conversion names the first value.
            None => self.native(index),
        }
    }

    /// The error of a row whose list is no point.
    fn wrong_list(&self, index: usize, length: usize, (row, wrong): (usize, Wrong)) -> Error {
        let (file, column) = (&self.name, &self.columns[index].name);
        let what = match wrong {
            Wrong::Length(0) => format!("the list is empty, and {length} numbers are needed"),
            Wrong::Length(found) => {
                format!("the list has {}, and {length} are needed", counted(found, "number", "numbers"))
            }
            Wrong::Inexact(value) => {
                format!("{value} is beyond ±2^53, where 64-bit floats cannot tell integers apart")
            }
        };
        let hint = match wrong {
            Wrong::Length(_) => {
                text!["correct the row or leave it out of the file, or ", setting::EXCLUDE.to(column)]
            }
            Wrong::Inexact(_) => text!["store the lists as floats, or ", setting::EXCLUDE.to(column)],
        };
        Error::content(format!("{file}: row {row}, column {}: {what}", shown(column))).with_hint(hint)
    }

    /// A column as text, with every digit that its numbers have.
    fn texts(&self, index: usize) -> Result<Column, Error> {
        self.in_parts(index, &|array, first| self.texts_part(index, array, first))
    }

    fn texts_part(&self, index: usize, array: &ArrayRef, first: usize) -> Result<Column, Error> {
        let (values, missing) = texts_of(array).map_err(|(row, error)| self.no_text(first + row, index, error))?;
        Ok(Column::new(Values::Text(values), Some(missing)))
    }

    fn no_text(&self, row: usize, index: usize, error: ArrowError) -> Error {
        let name = &self.columns[index].name;
        Error::content(format!("{}: row {row}, column {}: {error}", self.name, shown(name)))
            .with_hint(text!["write Parquet or Arrow, which hold the value as it is, or remove the column first"])
            .caused_by(error)
    }

    /// The rows as a text table, a chunk at a time.
    fn write_text(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let mut records = Records::new(format, out);
        self.columns.iter().for_each(|column| records.field(Some(&column.name)));
        extra.iter().for_each(|(name, _)| records.field(Some(name)));
        records.end()?;
        self.each_part(rows, &mut |start, taken| {
            let mut columns = Vec::with_capacity(taken.num_columns());
            for (index, array) in taken.columns().iter().enumerate() {
                let failed = |(at, error): Failed| self.no_text(rows[start + at].index(), index, error);
                columns.push(texts_of(array).map_err(failed)?);
            }
            for at in 0..taken.num_rows() {
                columns.iter().for_each(|(values, missing)| records.field((!missing[at]).then(|| values.get(at))));
                for (_, column) in extra {
                    let row = start + at;
                    records.field((!column.is_missing(row)).then(|| column.text(row)).as_deref());
                }
                records.end()?;
            }
            Ok(())
        })?;
        Ok(records.finish()?)
    }

    /// Gives rows to `see`, as many at a time as become text at once, with the position of the first of them.
    fn each_part(
        &self,
        rows: &[FileRow],
        see: &mut dyn FnMut(usize, &RecordBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let size = self.chunk(rows.len(), TEXT_CHUNK);
        for (chunk, first) in rows.chunks(size).zip((0..).step_by(size)) {
            let taken = self.take(chunk)?;
            for start in (0..chunk.len()).step_by(TEXT_CHUNK) {
                see(first + start, &taken.slice(start, TEXT_CHUNK.min(chunk.len() - start)))?;
            }
        }
        Ok(())
    }

    /// The rows as JSON Lines, a chunk at a time.
    fn write_json(&self, rows: &[FileRow], extra: &[(String, Column)], out: &mut dyn Write) -> Result<(), Error> {
        let schema = self.schema(rows, extra);
        let arrays: Vec<ArrayRef> = extra
            .iter()
            .map(|(_, column)| array(column))
            .collect::<Result<_, _>>()
            .map_err(|error| self.not_taken(error))?;
        self.each_part(rows, &mut |start, taken| {
            let mut columns = taken.columns().to_vec();
            columns.extend(arrays.iter().map(|array| array.slice(start, taken.num_rows())));
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| self.not_taken(error))?;
            write_lines(&batch, out)
        })
    }

    /// Rows that are taken at a time of so many: as said where all columns are in memory, and otherwise so many that the file
    /// is read a few times at most, or that little memory is taken.
    fn chunk(&self, rows: usize, in_memory: usize) -> usize {
        let in_file = &self.rows.in_file;
        in_file.bytes_of_row().map_or(in_memory, |bytes| rows.div_ceil(PASSES).max(CHUNK_BYTES / bytes.max(1)).max(1))
    }

    fn take(&self, rows: &[FileRow]) -> Result<RecordBatch, Error> {
        let of_column = |index| self.rows.taken(index, rows).map_err(|error| self.failed(index, error));
        let columns = (0..self.columns.len()).map(of_column).collect::<Result<Vec<_>, Error>>()?;
        RecordBatch::try_new(Arc::clone(&self.rows.schema), columns).map_err(|error| self.not_taken(error))
    }

    fn not_taken(&self, error: ArrowError) -> Error {
        Error::content(format!("{}: rows cannot be taken: {error}", self.name)).caused_by(error)
    }

    /// The rows in Arrow or Parquet, with the extra columns.
    fn write_typed(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let schema = self.schema(rows, extra);
        let arrays = extra.iter().map(|(_, column)| array(column));
        let arrays: Vec<ArrayRef> = arrays.collect::<Result<_, _>>().map_err(|error| unwritable(format, error))?;
        let taken = |chunk: &[FileRow], start: usize| {
            let mut columns = self.take(chunk)?.columns().to_vec();
            columns.extend(arrays.iter().map(|array| array.slice(start, chunk.len())));
            RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| self.not_taken(error))
        };
        let chunk = self.chunk(rows.len(), CHUNK);
        if format == Format::Parquet {
            // Of columns that stay in the file, the type says it all.
            let own = self.rows.arrays.iter().zip(self.rows.schema.fields());
            let own = own.map(|(array, field)| array.clone().unwrap_or_else(|| new_empty_array(field.data_type())));
            let columns: Vec<ArrayRef> = own.chain(arrays.iter().cloned()).collect();
            let mut writer = parquet_writer(&schema, &columns, self.origin.parquet())?;
            let size = writer.rows_per_group();
            for (group, start) in rows.chunks(size).zip((0..).step_by(size)) {
                let chunks = group.chunks(chunk).zip((start..).step_by(chunk));
                writer.write_group(chunks.map(|(chunk, start)| taken(chunk, start)))?;
            }
            return Ok(out.write_all(&writer.finish()?)?);
        }
        write_ipc(&schema, self.origin.codec(), out, &mut |write| {
            // At least one batch, so that dictionaries are written without rows as well.
            for start in (0..rows.len().max(1)).step_by(chunk) {
                write(&taken(&rows[start..rows.len().min(start + chunk)], start)?)?;
            }
            Ok(())
        })
    }

    fn schema(&self, rows: &[FileRow], extra: &[(String, Column)]) -> SchemaRef {
        let schema = &self.rows.schema;
        let mut fields = schema.fields().to_vec();
        fields.extend(extra.iter().map(|(name, column)| Arc::new(field(name, column))));
        let mut metadata = schema.metadata().clone();
        if let Some(of_pandas) = metadata.get_mut(pandas::KEY) {
            *of_pandas = pandas::of_rows(of_pandas, rows);
        }
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }
}

/// The error of an unsigned value past the signed range.
pub(crate) fn too_large(file: &str, row: usize, column: &str, value: u64) -> Error {
    Error::content(format!(
        "{file}: row {row}, column {}: {value} is above {}, the largest integer here",
        shown(column),
        i64::MAX
    ))
    .with_hint(text!["store the column as text or as floats, or ", setting::EXCLUDE.to(column)])
}

impl Source for Batch {
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        let columns: Vec<Result<Column, Error>> = wanted
            .par_iter()
            .map(|(index, kind)| {
                let column = match kind {
                    Kind::Text => return self.texts(*index),
                    Kind::List(length) => self.lists(*index, *length)?,
                    _ => self.native(*index)?,
                };
                convert(self, &self.name, &self.columns[*index].name, *index, column, kind)
            })
            .collect();
        // The error of the first column that has one, for any number of threads.
        columns.into_iter().collect()
    }

    fn exact_in_32_bits(&self, column: usize) -> Option<ExactIn32Bits> {
        let data_type = self.rows.data_type(column);
        if let Some(list_type) = lists::type_of(data_type) {
            return match list_type.item {
                ListItem::Float16 | ListItem::Float32 => Some(ExactIn32Bits::Float),
                ListItem::ShortInteger => Some(ExactIn32Bits::Integer),
                ListItem::Float64 | ListItem::Integer => None,
            };
        }
        match data_type {
            DataType::Float16 | DataType::Float32 => Some(ExactIn32Bits::Float),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 | DataType::Boolean => {
                Some(ExactIn32Bits::Integer)
            }
            _ => None,
        }
    }

    fn has_long_decimals(&self, column: usize) -> bool {
        match self.rows.data_type(column) {
            DataType::Decimal64(digits, _) | DataType::Decimal128(digits, _) | DataType::Decimal256(digits, _) => {
                *digits > 15
            }
            _ => false,
        }
    }

    fn stays_in_file(&self, column: usize) -> bool {
        self.rows.arrays[column].is_none()
    }

    fn number_type(&self, column: usize) -> Option<NumberType> {
        number_type(self.rows.data_type(column))
    }

    fn memory(&self) -> u64 {
        self.rows.memory()
    }

    fn unpacked(&self) -> u64 {
        self.rows.memory() + self.rows.in_file.unpacked()
    }

    fn taken(&self, rows: usize) -> u64 {
        let bytes = self.rows.in_file.bytes_of_row().unwrap_or(0);
        (rows.min(self.chunk(rows, 0)) as u64).saturating_mul(bytes as u64)
    }

    fn write(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        match format {
            Format::Parquet | Format::ArrowIpc => self.write_typed(format, rows, extra, out)?,
            Format::Csv | Format::Tsv => self.write_text(format, rows, extra, out)?,
            Format::Jsonl => self.write_json(rows, extra, out)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn write_generated(
        &self,
        format: Format,
        columns: &[(String, Generated)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        if !matches!(format, Format::Parquet | Format::ArrowIpc) {
            return Ok(false);
        }
        let own = &self.rows.schema;
        let (mut fields, mut arrays) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        for (name, values) in columns {
            let (new, new_array) = match values {
                Generated::Values(index, rows) => {
                    let taken = self.rows.taken(*index, rows);
                    (own.field(*index).clone(), taken.map_err(|error| self.failed(*index, error))?)
                }
                Generated::Means(index, column) => {
                    let (field, means) =
                        (own.field(*index), array(column).map_err(|error| self.failed(*index, error))?);
                    let kind = if holds_means(field.data_type()) { field.data_type() } else { means.data_type() };
                    let means = cast(&means, kind).map_err(|error| self.failed(*index, error))?;
                    // What is said of a column of another type does not hold of its means.
                    let same = field.data_type() == means.data_type();
                    let plain = Field::new(name, means.data_type().clone(), field.is_nullable());
                    (if same { field.clone() } else { plain }, means)
                }
                Generated::New(column) => {
                    (field(name, column), array(column).map_err(|error| unwritable(format, error))?)
                }
            };
            fields.push(new.with_name(name));
            arrays.push(new_array);
        }
        let mut metadata = own.metadata().clone();
        // It names a column of geometries, which is not here.
        metadata.remove("geo");
        if let Some(of_pandas) = metadata.get_mut(pandas::KEY) {
            let same = |name: &str| {
                let new = fields.iter().find(|field| field.name() == name).map(Field::data_type);
                new.is_some() && new == own.field_with_name(name).ok().map(Field::data_type)
            };
            *of_pandas = pandas::of_columns(of_pandas, &same);
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| unwritable(format, error))?;
        write_batch(&batch, &self.origin, format, out)?;
        Ok(true)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Feeds batches to a writer.
type Feed<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&RecordBatch) -> Result<(), Error>) -> Result<(), Error>;

/// A writer of Parquet, which is packed with Snappy where no file says otherwise: every reader has it.
fn parquet_writer(schema: &SchemaRef, columns: &[ArrayRef], origin: Option<&Origin>) -> Result<Writer, Error> {
    for field in schema.fields() {
        if let Some(why) = unstorable(field.data_type()) {
            let (name, what) = (shown(field.name()), field.data_type());
            return Err(Error::request(format!("column {name} ({what}) cannot be written as Parquet: {why}"))
                .with_hint("write an Arrow file (.arrow), or remove the column first"));
        }
    }
    Ok(Writer::new(schema, columns, origin)?)
}

fn write_ipc(
    schema: &SchemaRef,
    codec: Option<CompressionType>,
    out: &mut dyn Write,
    feed: Feed<'_>,
) -> Result<(), Error> {
    let failed = |error: ArrowError| match error {
        ArrowError::IoError(_, error) => Error::from(error),
        error => unwritable(Format::ArrowIpc, error),
    };
    let options = IpcWriteOptions::default().try_with_compression(codec).map_err(failed)?;
    let mut writer = FileWriter::try_new_with_options(out, schema, options).map_err(failed)?;
    feed(&mut |batch| writer.write(batch).map_err(failed))?;
    writer.finish().map_err(failed)
}

fn unwritable(format: Format, error: impl Into<Cause>) -> Error {
    let error = error.into();
    Error::content(format!("the rows cannot be written as {}: {error}", article(format)))
        .with_hint("write them in the format they came in")
        .caused_by(error)
}

impl FileOrigin {
    /// Of rows that come from no file of Arrow or Parquet.
    const NONE: Self = Self::Ipc(None);

    fn parquet(&self) -> Option<&Origin> {
        match self {
            Self::Parquet(origin) => Some(origin),
            Self::Ipc(_) => None,
        }
    }

    fn codec(&self) -> Option<CompressionType> {
        match self {
            Self::Ipc(codec) => *codec,
            Self::Parquet(_) => None,
        }
    }
}

/// Writes typed columns as a new file.
pub(crate) fn write_columns(
    columns: &[(String, Column)],
    numbers: &[Option<NumberType>],
    format: Format,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for (index, (name, column)) in columns.iter().enumerate() {
        let number = numbers.get(index).copied().flatten();
        let array = array(column)
            .and_then(|array| with_numbers(array, column, number))
            .map_err(|error| unwritable(format, error))?;
        fields.push(field(name, column).with_data_type(array.data_type().clone()));
        arrays.push(array);
    }
    let batch =
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| unwritable(format, error))?;
    write_batch(&batch, &FileOrigin::NONE, format, out)
}

/// Writes a batch as a file; the origin says how it is packed.
fn write_batch(batch: &RecordBatch, origin: &FileOrigin, format: Format, out: &mut dyn Write) -> Result<(), Error> {
    let schema = batch.schema();
    if format == Format::Parquet {
        let mut writer = parquet_writer(&schema, batch.columns(), origin.parquet())?;
        let size = writer.rows_per_group();
        for start in (0..batch.num_rows()).step_by(size) {
            let part = batch.slice(start, size.min(batch.num_rows() - start));
            writer.write_group(std::iter::once(Ok::<_, Error>(part)))?;
        }
        return Ok(out.write_all(&writer.finish()?)?);
    }
    write_ipc(&schema, origin.codec(), out, &mut |write| write(batch))
}

fn number_type(data_type: &DataType) -> Option<NumberType> {
    let bytes = data_type.primitive_width()?;
    match data_type {
        float if float.is_floating() => Some(NumberType::Float(bytes)),
        signed if signed.is_signed_integer() => Some(NumberType::Signed(bytes)),
        unsigned if unsigned.is_unsigned_integer() => Some(NumberType::Unsigned(bytes)),
        _ => None,
    }
}

/// Whether means of values of a type are of this type.
fn holds_means(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => item.data_type().is_floating(),
        other => other.is_floating(),
    }
}

/// An array whose numbers are of this type, if it holds such numbers.
fn with_numbers(array: ArrayRef, column: &Column, number: Option<NumberType>) -> Result<ArrayRef, ArrowError> {
    let data_type = match number.and_then(|number| number.of(&column.values)) {
        Some(NumberType::Signed(1)) => DataType::Int8,
        Some(NumberType::Signed(2)) => DataType::Int16,
        Some(NumberType::Signed(4)) => DataType::Int32,
        Some(NumberType::Unsigned(1)) => DataType::UInt8,
        Some(NumberType::Unsigned(2)) => DataType::UInt16,
        Some(NumberType::Unsigned(4)) => DataType::UInt32,
        Some(NumberType::Unsigned(8)) => DataType::UInt64,
        Some(NumberType::Float(2)) => DataType::Float16,
        Some(NumberType::Float(4)) => DataType::Float32,
        _ => return Ok(array),
    };
    cast(&array, &data_type)
}

fn array(column: &Column) -> Result<ArrayRef, ArrowError> {
    let nulls = column.missing.as_ref().map(|flags| NullBuffer::from_iter(flags.iter().map(|missing| !missing)));
    Ok(match &column.values {
        Values::Number(v) => Arc::new(Float64Array::new(v.clone().into(), nulls)),
        Values::Number32(v) => Arc::new(Float32Array::new(v.clone().into(), nulls)),
        Values::Integer(v) => Arc::new(Int64Array::new(v.clone().into(), nulls)),
        Values::Boolean(v) => Arc::new(BooleanArray::new(v.clone().into(), nulls)),
        Values::Text(v) => {
            let texts = v.iter().enumerate().map(|(row, text)| (!column.is_missing(row)).then_some(text));
            if large(v) {
                Arc::new(texts.collect::<LargeStringArray>())
            } else {
                Arc::new(texts.collect::<StringArray>())
            }
        }
        Values::List(v) => lists::array(v)?,
    })
}

fn field(name: &str, column: &Column) -> Field {
    let data_type = match &column.values {
        Values::Number(_) => DataType::Float64,
        Values::Number32(_) => DataType::Float32,
        Values::Integer(_) => DataType::Int64,
        Values::Boolean(_) => DataType::Boolean,
        Values::Text(v) if large(v) => DataType::LargeUtf8,
        Values::Text(_) => DataType::Utf8,
        Values::List(v) => lists::data_type(v.list_type(), v.length()),
    };
    Field::new(name, data_type, true)
}

/// Past what 32-bit offsets reach.
fn large(texts: &Texts) -> bool {
    i32::try_from(texts.bytes()).is_err()
}
