//! Parquet and Arrow IPC: the whole table as one record batch, rows taken by index, schema and metadata kept.

use std::any::Any;
use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    RecordBatchOptions, StringArray, UInt32Array,
};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_cast::cast;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{FileDecoder, StreamDecoder, read_footer_length};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_ipc::{Block, CompressionType, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::take::{take, take_record_batch};
use leanset_problem::{setting, text};
use leanset_spec::Format;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::arrow_join::join_batches;
use super::arrow_json::{texts_of, write_lines};
use super::arrow_text::{Failed, decimals_as_floats};
use super::dictionaries::{joined, with_categories, with_wide_keys};
use super::lists::{self, Lengths, ListColumn, Wrong};
use super::pandas;
use super::parquet_categories::dictionaries;
use super::parquet_file::{Origin, Writer, beyond_nanoseconds, unstorable};
use super::records::Records;
use super::unpacked::{of_ipc, of_parquet};
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

pub(crate) struct Batch {
    name: String,
    columns: Vec<ColumnInfo>,
    batch: RecordBatch,
    origin: FileOrigin,
}

/// What the file said beside its schema and its rows.
#[derive(Clone)]
enum FileOrigin {
    Parquet(Origin),
    Ipc(Option<CompressionType>),
}

/// Opens a Parquet file, all row groups.
pub(crate) fn open_parquet(name: String, bytes: Vec<u8>, memory: MemoryLimit) -> Result<Table, Error> {
    let packed = bytes.len() as u64;
    let failed = |error: Cause| unreadable(&name, Format::Parquet, error);
    let bytes = bytes::Bytes::from(bytes);
    claims::check_footer(&bytes).map_err(|what| failed(what.into()))?;
    let metadata =
        ParquetMetaDataReader::new().parse_and_finish(&bytes).map(Arc::new).map_err(|error| failed(error.into()))?;
    let encoded = Origin(Arc::clone(&metadata)).arrow_schema();
    if let Some(what) = encoded.and_then(|schema| claims::wide_integers_of(&schema)) {
        return Err(wide_integer(&name, &what));
    }
    let mut reading = ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new())
        .map_err(|error| failed(error.into()))?;
    let rows = metadata.file_metadata().num_rows();
    let rows =
        u32::try_from(rows).map_err(|_| failed(format!("{rows} rows; leanset counts to {}", u32::MAX).into()))?;
    let what = format!("a table of {rows} rows");
    memory.check(&name, &what, packed.saturating_add(of_parquet(&metadata, reading.schema())))?;
    claims::check_pages(&metadata, &bytes).map_err(|what| failed(what.into()))?;
    let schema = Arc::clone(reading.schema());
    let categories = dictionaries(&bytes, &metadata, &schema);
    if let Some(wider) = wider(&bytes, &metadata, &schema, &categories).map_err(|error| failed(error.into()))? {
        let options = ArrowReaderOptions::new().with_schema(wider);
        reading = ArrowReaderMetadata::try_new(Arc::clone(&metadata), options).map_err(|error| failed(error.into()))?;
    }
    let (read, batch) = columns_of_parquet(&bytes, &reading, rows as usize).map_err(|error| failed(error.into()))?;
    drop(bytes);
    if batch.num_rows() != rows as usize {
        return Err(failed(format!("it says that it has {rows} rows, and has {}", batch.num_rows()).into()));
    }
    let batch = categorised(&schema, &read, &batch, &categories).map_err(|error| failed(error.into()))?;
    table(name, Format::Parquet, batch, FileOrigin::Parquet(Origin(metadata)))
}

/// The most groups of columns that a Parquet file is read in.
const COLUMN_GROUPS: usize = 64;

/// All rows of a Parquet file, a few columns after another. A reader holds a page and a dictionary of each of its columns
/// until its last row, so one reader for all columns takes up to half as much memory again.
fn columns_of_parquet(
    bytes: &bytes::Bytes,
    metadata: &ArrowReaderMetadata,
    rows: usize,
) -> Result<(SchemaRef, RecordBatch), ArrowError> {
    let schema = metadata.schema();
    let leaves = metadata.parquet_schema();
    let (mut fields, mut columns, mut found) = (Vec::new(), Vec::new(), 0);
    let roots: Vec<usize> = (0..schema.fields().len()).collect();
    for group in roots.chunks(roots.len().div_ceil(COLUMN_GROUPS).max(1)) {
        // One batch for all row groups: nothing to join afterwards, but for dictionaries.
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata.clone())
            .with_projection(ProjectionMask::roots(leaves, group.iter().copied()))
            .with_batch_size(rows.max(1))
            .build()?;
        // The reader forgets the metadata of the schema.
        let read = Arc::new(schema.project(group)?);
        let batches: Vec<RecordBatch> =
            reader.map(|batch| batch?.with_schema(Arc::clone(&read))).collect::<Result<_, ArrowError>>()?;
        let (read, batch) = joined(&read, &batches)?;
        found = batch.num_rows();
        fields.extend(read.fields().iter().cloned());
        columns.extend_from_slice(batch.columns());
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let options = RecordBatchOptions::new().with_row_count(Some(found));
    Ok((Arc::clone(&schema), RecordBatch::try_new_with_options(schema, columns, &options)?))
}

/// The schema to read with, where that of the file is too narrow: for all categories of all row groups together, for moments
/// beyond nanoseconds, or for the words of enumerations.
fn wider(
    bytes: &bytes::Bytes,
    metadata: &Arc<ParquetMetaData>,
    schema: &SchemaRef,
    categories: &[(usize, Vec<ArrayRef>)],
) -> Result<Option<SchemaRef>, ParquetError> {
    let mut fields = schema.fields().to_vec();
    for (index, dictionaries) in categories {
        if dictionaries.len() > 1 {
            let wide = with_wide_keys(fields[*index].data_type());
            fields[*index] = Arc::new(fields[*index].as_ref().clone().with_data_type(wide));
        }
    }
    // Seconds are stored as milliseconds, and their time zone is in the schema of Arrow alone.
    let origin = Origin(Arc::clone(metadata));
    for field in &mut fields {
        if let DataType::Timestamp(TimeUnit::Millisecond, Some(_)) = field.data_type()
            && let Some(DataType::Timestamp(TimeUnit::Second, zone @ Some(_))) = origin.arrow_type(field.name())
        {
            let moments = DataType::Timestamp(TimeUnit::Millisecond, zone);
            *field = Arc::new(field.as_ref().clone().with_data_type(moments));
        }
    }
    // Words of an enumeration are text.
    for field in &mut fields {
        if matches!(field.data_type(), DataType::Binary) && origin.is_enumeration(field.name()) {
            *field = Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8));
        }
    }
    for index in beyond_nanoseconds(bytes, metadata)? {
        if let DataType::Timestamp(TimeUnit::Nanosecond, zone) = fields[index].data_type() {
            let micro = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            fields[index] = Arc::new(fields[index].as_ref().clone().with_data_type(micro));
        }
    }
    let same = fields.iter().zip(schema.fields()).all(|(one, other)| one.data_type() == other.data_type());
    Ok((!same).then(|| Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))))
}

/// The batch with the categories that its file gives, in the order that it gives them.
fn categorised(
    schema: &SchemaRef,
    read: &SchemaRef,
    batch: &RecordBatch,
    categories: &[(usize, Vec<ArrayRef>)],
) -> Result<RecordBatch, ArrowError> {
    let mut fields = read.fields().to_vec();
    let mut columns = batch.columns().to_vec();
    for (index, dictionaries) in categories {
        let (field, array) = with_categories(schema.field(*index), &columns[*index], dictionaries)?;
        (fields[*index], columns[*index]) = (Arc::new(field), array);
    }
    RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())), columns)
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
    table(name, Format::ArrowIpc, batch, FileOrigin::Ipc(codec))
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
fn wide_integer(name: &str, what: &(String, i32)) -> Error {
    let (column, bits) = what;
    Error::content(format!(
        "{name}: column {} holds integers of {bits} bits, which no other program reads: 64 are the most",
        shown(column)
    ))
    .with_hint(format!("in Polars: frame.with_columns(pl.col({column:?}).cast(pl.Int64)), or cast to pl.String"))
}

fn unreadable(name: &str, format: Format, error: impl Into<Cause>) -> Error {
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

fn table(name: String, format: Format, batch: RecordBatch, origin: FileOrigin) -> Result<Table, Error> {
    let schema = batch.schema();
    claims::check_types(schema.fields()).map_err(|what| unreadable(&name, format, what))?;
    let mut unusable = Vec::new();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (index, (field, array)) in schema.fields().iter().zip(batch.columns()).enumerate() {
        let (mut kind, mut missing) = (kind(field), missing(array));
        if let Some(lists) = ListColumn::new(array) {
            match lists.lengths() {
                Lengths::One(length) => (kind, missing) = (Kind::List(length), lists.missing_count()),
                lengths => unusable.push(unusable_lists(index, &lengths)),
            }
        }
        columns.push(ColumnInfo { name: field.name().clone(), kind, missing });
    }
    let rows = batch.num_rows();
    let frame_index = frame_index(&schema);
    let source = Batch { name: name.clone(), columns: columns.clone(), batch, origin };
    let mut table = Table::new(name, format, columns, rows, Box::new(source))?;
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

/// Files as one table: as the one file that has all rows, of the metadata of the first.
pub(crate) fn join(name: String, format: Format, files: Vec<(String, Batch)>) -> Result<Table, Error> {
    // Packing is that of the largest file: the others may be cut from what was left.
    let largest = files.iter().max_by_key(|(_, own)| own.batch.num_rows());
    let Some(origin) = largest.map(|(_, own)| own.origin.clone()) else {
        return Err(Error::request("a table needs a file"));
    };
    let batches = files.into_iter().map(|(file, own)| (file, own.batch)).collect();
    let (batch, warnings) = join_batches(batches)?;
    let mut table = table(name, format, batch, origin)?;
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

/// Nulls, and NaN in floats.
fn missing(array: &ArrayRef) -> usize {
    let nans = |is_nan: &dyn Fn(usize) -> bool| (0..array.len()).filter(|&i| array.is_valid(i) && is_nan(i)).count();
    let nans = match array.data_type() {
        DataType::Float16 => nans(&|i| array.as_primitive::<Float16Type>().value(i).is_nan()),
        DataType::Float32 => nans(&|i| array.as_primitive::<Float32Type>().value(i).is_nan()),
        DataType::Float64 => nans(&|i| array.as_primitive::<Float64Type>().value(i).is_nan()),
        _ => 0,
    };
    array.logical_null_count() + nans
}

impl Batch {
    fn failed(&self, index: usize, error: ArrowError) -> Error {
        let name = shown(&self.columns[index].name);
        Error::content(format!("{}: column {name}: {error}", self.name)).caused_by(error)
    }

    fn native(&self, index: usize) -> Result<Column, Error> {
        let array = self.batch.column(index);
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
                            .map_err(|_| too_large(&self.name, row, &self.columns[index].name, value))?,
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
            _ => return self.texts(index),
        };
        Ok(Column::new(values, missing))
    }

    /// The lists of a column, all of this length.
    fn lists(&self, index: usize, length: usize) -> Result<Column, Error> {
        let Some(lists) = ListColumn::new(self.batch.column(index)) else {
            // Not lists of numbers: the conversion names the first value.
            return self.native(index);
        };
        lists.column(length).map_err(|(row, wrong)| {
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
        })
    }

    /// A column as text, with every digit that its numbers have.
    fn texts(&self, index: usize) -> Result<Column, Error> {
        let array = self.batch.column(index);
        let (values, missing) = texts_of(array).map_err(|(row, error)| self.no_text(row, index, error))?;
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
        for (chunk, start) in rows.chunks(TEXT_CHUNK).zip((0..).step_by(TEXT_CHUNK)) {
            let taken = self.take(chunk)?;
            let mut columns = Vec::with_capacity(taken.num_columns());
            for (index, array) in taken.columns().iter().enumerate() {
                let failed = |(at, error): Failed| self.no_text(chunk[at].index(), index, error);
                columns.push(texts_of(array).map_err(failed)?);
            }
            for at in 0..chunk.len() {
                columns.iter().for_each(|(values, missing)| records.field((!missing[at]).then(|| values.get(at))));
                for (_, column) in extra {
                    let row = start + at;
                    records.field((!column.is_missing(row)).then(|| column.text(row)).as_deref());
                }
                records.end()?;
            }
        }
        Ok(records.finish()?)
    }

    /// The rows as JSON Lines, a chunk at a time.
    fn write_json(&self, rows: &[FileRow], extra: &[(String, Column)], out: &mut dyn Write) -> Result<(), Error> {
        let schema = self.schema(rows, extra);
        let arrays: Vec<ArrayRef> = extra
            .iter()
            .map(|(_, column)| array(column))
            .collect::<Result<_, _>>()
            .map_err(|error| self.not_taken(error))?;
        for (chunk, start) in rows.chunks(TEXT_CHUNK).zip((0..).step_by(TEXT_CHUNK)) {
            let mut columns = self.take(chunk)?.columns().to_vec();
            columns.extend(arrays.iter().map(|array| array.slice(start, chunk.len())));
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| self.not_taken(error))?;
            write_lines(&batch, out)?;
        }
        Ok(())
    }

    fn take(&self, rows: &[FileRow]) -> Result<RecordBatch, Error> {
        let indices = UInt32Array::from_iter_values(rows.iter().map(|row| row.0));
        take_record_batch(&self.batch, &indices).map_err(|error| self.not_taken(error))
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
        if format == Format::Parquet {
            let columns: Vec<ArrayRef> = self.batch.columns().iter().chain(&arrays).cloned().collect();
            let mut writer = parquet_writer(&schema, &columns, self.origin.parquet())?;
            let size = writer.rows_per_group();
            for (group, start) in rows.chunks(size).zip((0..).step_by(size)) {
                let chunks = group.chunks(CHUNK).zip((start..).step_by(CHUNK));
                writer.write_group(chunks.map(|(chunk, start)| taken(chunk, start)))?;
            }
            return Ok(out.write_all(&writer.finish()?)?);
        }
        write_ipc(&schema, self.origin.codec(), out, &mut |write| {
            // At least one batch, so that dictionaries are written without rows as well.
            for start in (0..rows.len().max(1)).step_by(CHUNK) {
                write(&taken(&rows[start..rows.len().min(start + CHUNK)], start)?)?;
            }
            Ok(())
        })
    }

    fn schema(&self, rows: &[FileRow], extra: &[(String, Column)]) -> SchemaRef {
        let schema = self.batch.schema();
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
        wanted
            .iter()
            .map(|(index, kind)| {
                let column = match kind {
                    Kind::Text => return self.texts(*index),
                    Kind::List(length) => self.lists(*index, *length)?,
                    _ => self.native(*index)?,
                };
                convert(self, &self.name, &self.columns[*index].name, *index, column, kind)
            })
            .collect()
    }

    fn exact_in_32_bits(&self, column: usize) -> Option<ExactIn32Bits> {
        let data_type = self.batch.column(column).data_type();
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
        match self.batch.column(column).data_type() {
            DataType::Decimal64(digits, _) | DataType::Decimal128(digits, _) | DataType::Decimal256(digits, _) => {
                *digits > 15
            }
            _ => false,
        }
    }

    fn number_type(&self, column: usize) -> Option<NumberType> {
        number_type(self.batch.column(column).data_type())
    }

    fn memory(&self) -> u64 {
        // Slices, because columns may share the bytes of the file.
        let size = |array: &ArrayRef| array.to_data().get_slice_memory_size().unwrap_or(0) as u64;
        self.batch.columns().iter().map(size).sum()
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
        let own = self.batch.schema();
        let (mut fields, mut arrays) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        for (name, values) in columns {
            let (new, new_array) = match values {
                Generated::Values(index, rows) => {
                    let indices = UInt32Array::from_iter_values(rows.iter().map(|row| row.0));
                    let taken = take(self.batch.column(*index), &indices, None);
                    (own.field(*index).clone(), taken.map_err(|error| self.not_taken(error))?)
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
