//! Parquet and Arrow IPC: the whole table as one record batch, rows taken by index, schema and metadata kept.

use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
    UInt32Array,
};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{FileDecoder, StreamDecoder, read_footer_length};
use arrow_ipc::writer::FileWriter;
use arrow_ipc::{Block, root_as_footer};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use leanset_problem::{setting, text};
use leanset_spec::Format;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{ExactIn32Bits, Source, convert};
use crate::column::{Column, ColumnInfo, Kind, Texts, Values};
use crate::error::{Cause, Error, shown};
use crate::format::article;
use crate::row::FileRow;
use crate::table::Table;

/// Rows taken at a time when writing, so that the copy stays small.
const CHUNK: usize = 1 << 18;

struct Batch {
    name: String,
    columns: Vec<ColumnInfo>,
    batch: RecordBatch,
}

/// Opens a Parquet file, all row groups.
pub(crate) fn open_parquet(name: String, bytes: Vec<u8>) -> Result<Table, Error> {
    let failed = |error: Cause| unreadable(&name, Format::Parquet, error);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).map_err(|error| failed(error.into()))?;
    let rows = builder.metadata().file_metadata().num_rows();
    let rows =
        u32::try_from(rows).map_err(|_| failed(format!("{rows} rows; leanset counts to {}", u32::MAX).into()))?;
    // The reader forgets the metadata of the schema; the builder has it.
    let schema = Arc::clone(builder.schema());
    // One batch for all row groups: nothing to join afterwards.
    let reader = builder.with_batch_size(rows.max(1) as usize).build().map_err(|error| failed(error.into()))?;
    let batches = reader.map(|batch| batch?.with_schema(Arc::clone(&schema))).collect::<Result<_, ArrowError>>();
    let batches = batches.map_err(|error| failed(error.into()))?;
    table(name, Format::Parquet, &schema, batches)
}

/// Opens an Arrow IPC file (Feather V2) or stream. Uncompressed columns stay where they are in the file's bytes.
pub(crate) fn open_ipc(name: String, bytes: Vec<u8>) -> Result<Table, Error> {
    let buffer = Buffer::from_vec(bytes);
    let read = if buffer.starts_with(b"ARROW1") { read_file(&buffer) } else { read_stream(buffer) };
    let (schema, batches) = read.map_err(|error| unreadable(&name, Format::ArrowIpc, error))?;
    table(name, Format::ArrowIpc, &schema, batches)
}

fn read_file(buffer: &Buffer) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let cut_short = || ArrowError::ParseError("the file is cut short".to_owned());
    // At the end of the file: the footer, its length in 4 bytes, and the mark.
    let (rest, tail) = buffer.split_last_chunk::<10>().ok_or_else(cut_short)?;
    let start = rest.len().checked_sub(read_footer_length(*tail)?).ok_or_else(cut_short)?;
    let footer = root_as_footer(&rest[start..]).map_err(|error| ArrowError::ParseError(error.to_string()))?;
    let schema: SchemaRef = Arc::new(fb_to_schema(footer.schema().ok_or_else(cut_short)?));
    let mut decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
    let slice = |block: &Block| {
        let size = |n: i64| usize::try_from(n).ok();
        let (offset, length) =
            (size(block.offset())?, size(block.bodyLength().checked_add(block.metaDataLength().into())?)?);
        // The metadata is sliced off by the decoder, so it must be inside as well.
        let inside = offset.checked_add(length)? <= buffer.len() && size(block.metaDataLength().into())? <= length;
        inside.then(|| buffer.slice_with_length(offset, length))
    };
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
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut buffer)? {
        batches.push(batch);
    }
    decoder.finish()?;
    let schema = decoder.schema().ok_or_else(|| ArrowError::ParseError("the stream has no schema".to_owned()))?;
    Ok((schema, batches))
}

fn unreadable(name: &str, format: Format, error: impl Into<Cause>) -> Error {
    let error = error.into();
    Error::content(format!("{name}: cannot be read as {}: {error}", article(format)))
        .with_hint("the file may be cut short or of another format")
        .caused_by(error)
}

fn table(name: String, format: Format, schema: &SchemaRef, mut batches: Vec<RecordBatch>) -> Result<Table, Error> {
    let batch = match batches.len() {
        1 => batches.swap_remove(0),
        _ => concat_batches(schema, &batches).map_err(|error| unreadable(&name, format, error))?,
    };
    let columns: Vec<ColumnInfo> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| ColumnInfo { name: field.name().clone(), kind: kind(field), missing: missing(array) })
        .collect();
    let rows = batch.num_rows();
    let source = Batch { name: name.clone(), columns: columns.clone(), batch };
    Table::new(name, format, columns, rows, Box::new(source))
}

fn kind(field: &Field) -> Kind {
    // pandas keeps a row index in a column of this name: an address of a row, not a measurement.
    if field.name().starts_with("__index_level_") && field.name().ends_with("__") {
        return Kind::Other("pandas index".to_owned());
    }
    let mut data_type = field.data_type();
    while let DataType::Dictionary(_, values) = data_type {
        data_type = values;
    }
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Number,
        integer if integer.is_integer() => Kind::Integer,
        DataType::Boolean => Kind::Boolean,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
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
                let values = array64.iter().map(|x| x.unwrap_or(f64::NAN)).collect();
                (Values::Number(values), flags(&array, &|i| array64.value(i).is_nan()))
            }
            DataType::Float32 | DataType::Float16 => {
                let array = cast(&array, &DataType::Float32)?;
                let array32 = array.as_primitive::<Float32Type>();
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
            _ => {
                let options = FormatOptions::default().with_display_error(false);
                let formatter = ArrayFormatter::try_new(&array, &options).map_err(|error| self.failed(index, error))?;
                let mut values = Texts::default();
                for row in 0..array.len() {
                    let text = formatter.value(row).try_to_string().map_err(|error| self.failed(index, error))?;
                    values.push(if array.is_null(row) { "" } else { &text });
                }
                (Values::Text(values), flags(&array, &|_| false))
            }
        };
        Ok(Column::new(values, missing))
    }

    /// The rows in chunks, with the extra columns.
    fn taken(
        &self,
        rows: &[FileRow],
        extra: &[(String, Column)],
        write: &mut dyn FnMut(&RecordBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let failed = |error: ArrowError| {
            Error::content(format!("{}: rows cannot be taken: {error}", self.name)).caused_by(error)
        };
        let schema = self.schema(extra);
        let arrays: Vec<ArrayRef> = extra.iter().map(|(_, column)| array(column)).collect();
        // At least one batch, so that dictionaries and an empty selection are written as well.
        for start in (0..rows.len().max(1)).step_by(CHUNK) {
            let chunk = &rows[start..rows.len().min(start + CHUNK)];
            let indices = UInt32Array::from_iter_values(chunk.iter().map(|row| row.0));
            let taken = take_record_batch(&self.batch, &indices).map_err(failed)?;
            let mut columns = taken.columns().to_vec();
            columns.extend(arrays.iter().map(|array| array.slice(start, chunk.len())));
            write(&RecordBatch::try_new(Arc::clone(&schema), columns).map_err(failed)?)?;
        }
        Ok(())
    }

    fn schema(&self, extra: &[(String, Column)]) -> SchemaRef {
        let schema = self.batch.schema();
        if extra.is_empty() {
            return schema;
        }
        let mut fields = schema.fields().to_vec();
        fields.extend(extra.iter().map(|(name, column)| Arc::new(field(name, column))));
        Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
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
                convert(self, &self.name, &self.columns[*index].name, *index, self.native(*index)?, kind)
            })
            .collect()
    }

    fn exact_in_32_bits(&self, column: usize) -> Option<ExactIn32Bits> {
        match self.batch.column(column).data_type() {
            DataType::Float16 | DataType::Float32 => Some(ExactIn32Bits::Float),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 | DataType::Boolean => {
                Some(ExactIn32Bits::Integer)
            }
            _ => None,
        }
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
            Format::Parquet => write_parquet(&self.schema(extra), out, &mut |write| self.taken(rows, extra, write))?,
            Format::ArrowIpc => write_ipc(&self.schema(extra), out, &mut |write| self.taken(rows, extra, write))?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Feeds batches to a writer.
type Feed<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&RecordBatch) -> Result<(), Error>) -> Result<(), Error>;

/// Parquet with Snappy, which every reader has. The writer wants to own where it writes, hence the buffer.
fn write_parquet(schema: &SchemaRef, out: &mut dyn Write, feed: Feed<'_>) -> Result<(), Error> {
    let failed = |error: parquet::errors::ParquetError| unwritable(Format::Parquet, error);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties)).map_err(failed)?;
    feed(&mut |batch| writer.write(batch).map_err(failed))?;
    Ok(out.write_all(&writer.into_inner().map_err(failed)?)?)
}

fn write_ipc(schema: &SchemaRef, out: &mut dyn Write, feed: Feed<'_>) -> Result<(), Error> {
    let failed = |error: ArrowError| match error {
        ArrowError::IoError(_, error) => Error::from(error),
        error => unwritable(Format::ArrowIpc, error),
    };
    let mut writer = FileWriter::try_new(out, schema).map_err(failed)?;
    feed(&mut |batch| writer.write(batch).map_err(failed))?;
    writer.finish().map_err(failed)
}

fn unwritable(format: Format, error: impl Into<Cause>) -> Error {
    let error = error.into();
    Error::content(format!("the rows cannot be written as {}: {error}", article(format)))
        .with_hint("write them in the format they came in")
        .caused_by(error)
}

/// Writes typed columns as a new file.
pub(crate) fn write_columns(columns: &[(String, Column)], format: Format, out: &mut dyn Write) -> Result<(), Error> {
    let schema: SchemaRef =
        Arc::new(Schema::new(columns.iter().map(|(name, column)| field(name, column)).collect::<Vec<_>>()));
    let arrays: Vec<ArrayRef> = columns.iter().map(|(_, column)| array(column)).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| unwritable(format, error))?;
    match format {
        Format::Parquet => write_parquet(&schema, out, &mut |write| write(&batch)),
        _ => write_ipc(&schema, out, &mut |write| write(&batch)),
    }
}

fn array(column: &Column) -> ArrayRef {
    let nulls = column.missing.as_ref().map(|flags| NullBuffer::from_iter(flags.iter().map(|missing| !missing)));
    match &column.values {
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
    }
}

fn field(name: &str, column: &Column) -> Field {
    let data_type = match &column.values {
        Values::Number(_) => DataType::Float64,
        Values::Number32(_) => DataType::Float32,
        Values::Integer(_) => DataType::Int64,
        Values::Boolean(_) => DataType::Boolean,
        Values::Text(v) if large(v) => DataType::LargeUtf8,
        Values::Text(_) => DataType::Utf8,
    };
    Field::new(name, data_type, true)
}

/// Past what 32-bit offsets reach.
fn large(texts: &Texts) -> bool {
    i32::try_from(texts.bytes()).is_err()
}
