//! Opening Parquet files: what they claim is checked, columns that must be in memory are read, and the others stay in the
//! file.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef, TimeUnit};
use leanset_spec::Format;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::arrow::{FileOrigin, Rows, table, unreadable, wide_integer};
use super::claims;
use super::dictionaries::{joined, with_categories, with_wide_keys};
use super::in_file::{InFile, stays};
use super::parquet_bytes::ParquetBytes;
use super::parquet_categories::dictionaries;
use super::parquet_file::{Origin, beyond_nanoseconds};
use super::unpacked::of_parquet;
use crate::error::{Cause, Error};
use crate::memory::MemoryLimit;
use crate::table::Table;

/// Opens a Parquet file, all row groups. It reports to `progress` how many bytes of how many are done.
pub(crate) fn open(
    name: String,
    bytes: ParquetBytes,
    memory: MemoryLimit,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Table, Error> {
    let failed = |error: Cause| unreadable(&name, Format::Parquet, error);
    let footer = bytes.footer().map_err(|error| failed(error.into()))?;
    claims::check_footer(&footer).map_err(|what| failed(what.into()))?;
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
    // What stays in the file takes no memory yet.
    let is_held = |index: usize| !stays(reading.schema().field(index).data_type());
    memory.check(&name, &what, bytes.memory().saturating_add(of_parquet(&metadata, reading.schema(), is_held)))?;
    claims::check_pages(&metadata, &bytes).map_err(|what| failed(what.into()))?;
    let schema = Arc::clone(reading.schema());
    let categories = dictionaries(&bytes, &metadata, &schema);
    if let Some(wider) = wider(&bytes, &metadata, &schema, &categories).map_err(|error| failed(error.into()))? {
        let options = ArrowReaderOptions::new().with_schema(wider);
        reading = ArrowReaderMetadata::try_new(Arc::clone(&metadata), options).map_err(|error| failed(error.into()))?;
    }
    let failed_arrow = |error: ArrowError| failed(error.into());
    let held: Vec<usize> =
        (0..schema.fields().len()).filter(|&index| !stays(reading.schema().field(index).data_type())).collect();
    let (read, batch) = columns_of_parquet(&bytes, &reading, &held, rows as usize).map_err(failed_arrow)?;
    if !held.is_empty() && batch.num_rows() != rows as usize {
        return Err(failed(format!("it says that it has {rows} rows, and has {}", batch.num_rows()).into()));
    }
    let read_schema = Arc::clone(reading.schema());
    let in_file = InFile::new(bytes, reading, rows as usize, progress).map_err(failed_arrow)?;
    let mut fields = read_schema.fields().to_vec();
    let mut arrays = vec![None; fields.len()];
    for (at, &index) in held.iter().enumerate() {
        (fields[index], arrays[index]) = (Arc::clone(&read.fields()[at]), Some(Arc::clone(batch.column(at))));
    }
    for (index, dictionaries) in &categories {
        let Some(array) = &arrays[*index] else { continue };
        let (field, array) = with_categories(schema.field(*index), array, dictionaries).map_err(failed_arrow)?;
        (fields[*index], arrays[*index]) = (Arc::new(field), Some(array));
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let rows = Rows { schema, arrays, rows: rows as usize, in_file };
    table(name, Format::Parquet, rows, FileOrigin::Parquet(Origin(metadata)))
}

/// The most groups of columns that a Parquet file is read in.
const COLUMN_GROUPS: usize = 64;

/// All rows of some columns of a Parquet file, a few columns after another. A reader holds a page and a dictionary of each of
/// its columns until its last row, so one reader for all columns takes up to half as much memory again.
fn columns_of_parquet(
    bytes: &ParquetBytes,
    metadata: &ArrowReaderMetadata,
    roots: &[usize],
    rows: usize,
) -> Result<(SchemaRef, RecordBatch), ArrowError> {
    let schema = metadata.schema();
    let leaves = metadata.parquet_schema();
    let (mut fields, mut columns, mut found) = (Vec::new(), Vec::new(), 0);
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
    bytes: &ParquetBytes,
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
