//! Parquet files: what one says of itself beside its rows, and how rows are written so that it says the same.
//!
//! A file that is written from another keeps its key-value metadata, the Parquet type of every column with its logical type,
//! codecs, encodings, and the size of row groups. Where a type of Arrow has no place in Parquet, the nearest one that holds
//! every value takes its place: seconds become milliseconds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Date64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_ipc::convert::try_schema_from_ipc_buffer;
use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, Schema, SchemaRef, TimeUnit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, encode_arrow_schema, parquet_to_arrow_schema};
use parquet::basic::{Compression, ConvertedType, Encoding, LogicalType, PageType, Repetition, Type as Physical};
use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, PageEncodingStats, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::parquet_bytes::ParquetBytes;
use super::parquet_categories::{Chunk, categories};
use crate::error::Error;

/// Bytes of a dictionary page beyond which writers give up on it, unless the file shows that its writer did not.
const DICTIONARY: usize = 1 << 20;

/// What a Parquet file says of itself.
#[derive(Clone)]
pub(crate) struct Origin(pub(crate) Arc<ParquetMetaData>);

impl Origin {
    fn key_values(&self) -> &[KeyValue] {
        self.0.file_metadata().key_value_metadata().map_or(&[], Vec::as_slice)
    }

    fn has_arrow_schema(&self) -> bool {
        self.key_values().iter().any(|pair| pair.key == ARROW_SCHEMA_META_KEY)
    }

    /// The schema of Arrow, encoded, that the file holds beside its own.
    pub(crate) fn arrow_schema(&self) -> Option<Vec<u8>> {
        let encoded = self.key_values().iter().find(|pair| pair.key == ARROW_SCHEMA_META_KEY)?.value.as_ref()?;
        BASE64_STANDARD.decode(encoded).ok()
    }

    /// The type of Arrow that the file says a column had when it was written.
    pub(crate) fn arrow_type(&self, name: &str) -> Option<DataType> {
        let schema = try_schema_from_ipc_buffer(&self.arrow_schema()?).ok()?;
        schema.field_with_name(name).ok().map(|field| field.data_type().clone())
    }

    /// Whether a column holds words of an enumeration.
    pub(crate) fn is_enumeration(&self, name: &str) -> bool {
        let roots = self.0.file_metadata().schema_descr().root_schema().get_fields();
        roots.iter().any(|root| root.name() == name && is_enumeration(root))
    }

    /// The type of a column, which is probably at this position.
    fn root(&self, name: &str, position: usize) -> Option<&TypePtr> {
        let roots = self.0.file_metadata().schema_descr().root_schema().get_fields();
        let is = |root: &&TypePtr| root.name() == name;
        roots.get(position).filter(is).or_else(|| roots.iter().find(is))
    }
}

fn is_enumeration(root: &TypePtr) -> bool {
    let info = root.get_basic_info();
    info.logical_type_ref() == Some(&LogicalType::Enum) || info.converted_type() == ConvertedType::ENUM
}

/// Columns of moments in 96 bits, which are days and nanoseconds, where a moment is beyond what nanoseconds in 64 bits
/// reach (the years 1677 to 2262); by their position in the schema.
///
/// # Errors
/// The file is damaged.
pub(crate) fn beyond_nanoseconds(bytes: &ParquetBytes, metadata: &ParquetMetaData) -> Result<Vec<usize>, ParquetError> {
    const EPOCH: i64 = 2_440_588;
    const REACH: i64 = 106_750;
    let descriptor = metadata.file_metadata().schema_descr();
    let moments: Vec<usize> = (0..descriptor.num_columns())
        .filter(|&leaf| descriptor.column(leaf).physical_type() == Physical::INT96)
        .filter(|&leaf| descriptor.column(leaf).max_rep_level() == 0)
        .collect();
    if moments.is_empty() {
        return Ok(Vec::new());
    }
    let reader = SerializedFileReader::new(bytes.clone())?;
    let mut found = HashSet::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        for &leaf in &moments {
            let ColumnReader::Int96ColumnReader(mut column) = group.get_column_reader(leaf)? else { continue };
            let (mut values, mut levels) = (Vec::new(), Vec::new());
            loop {
                values.clear();
                levels.clear();
                let (rows, _, _) = column.read_records(1 << 14, Some(&mut levels), None, &mut values)?;
                let beyond = |day: u32| (i64::from(day) - EPOCH).abs() > REACH;
                if values.iter().any(|value| beyond(value.data()[2])) {
                    found.insert(descriptor.get_column_root_idx(leaf));
                }
                if rows == 0 {
                    break;
                }
            }
        }
    }
    let mut found: Vec<usize> = found.into_iter().collect();
    found.sort_unstable();
    Ok(found)
}

/// Why a column cannot be written as Parquet, if it cannot.
pub(crate) fn unstorable(data_type: &DataType) -> Option<String> {
    let of = |field: &FieldRef| unstorable(field.data_type());
    match data_type {
        DataType::Union(_, _) => Some("Parquet has no unions".to_owned()),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            Some("Parquet has no intervals of months, days and nanoseconds".to_owned())
        }
        DataType::Struct(fields) if fields.is_empty() => Some("Parquet has no structures without fields".to_owned()),
        DataType::Struct(fields) => fields.iter().find_map(of),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::Map(field, _)
        | DataType::RunEndEncoded(_, field) => of(field),
        DataType::Dictionary(_, values) if values.is_nested() => {
            Some("Parquet has no dictionaries of nested values".to_owned())
        }
        DataType::Dictionary(_, values) => unstorable(values),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale < 0 || *precision == 0 || scale.unsigned_abs() > *precision =>
        {
            Some(format!("Parquet has no decimals of {precision} digits with {scale} after the point"))
        }
        DataType::FixedSizeBinary(length) if *length <= 0 => Some("Parquet has no bytes of length 0".to_owned()),
        _ => None,
    }
}

/// The type in which Parquet holds an array.
fn stored(field: &Field, array: &ArrayRef) -> DataType {
    if let Some(days) = array.as_primitive_opt::<Date64Type>()
        && days.iter().flatten().any(|day| day % 86_400_000 != 0)
    {
        // Days with an hour are moments.
        return DataType::Timestamp(TimeUnit::Millisecond, None);
    }
    stored_type(field.data_type())
}

fn stored_type(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(stored_type(field.data_type())));
    match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::List(field) => DataType::List(inner(field)),
        DataType::LargeList(field) => DataType::LargeList(inner(field)),
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(inner(field), *length),
        DataType::ListView(field) => DataType::ListView(inner(field)),
        DataType::LargeListView(field) => DataType::LargeListView(inner(field)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(field, sorted) => DataType::Map(inner(field), *sorted),
        DataType::Dictionary(key, values) => DataType::Dictionary(key.clone(), Box::new(stored_type(values))),
        DataType::RunEndEncoded(_, field) => stored_type(field.data_type()),
        other => other.clone(),
    }
}

fn converted(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ParquetError> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    if !can_cast_types(array.data_type(), to) {
        return Err(ParquetError::NYI(format!("values of type {}", array.data_type())));
    }
    // What does not fit is an error, not a null.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(array, to, &options)?)
}

/// How one file is written.
pub(crate) struct Writer {
    /// What the file holds, as Arrow.
    schema: SchemaRef,
    writer: SerializedFileWriter<Vec<u8>>,
    factory: ArrowRowGroupWriterFactory,
    rows_per_group: usize,
}

impl Writer {
    /// A writer of rows of these columns; metadata of the schema become those of the file.
    pub(crate) fn new(schema: &Schema, columns: &[ArrayRef], origin: Option<&Origin>) -> Result<Self, ParquetError> {
        let retyped = |(field, array): (&FieldRef, &ArrayRef)| {
            Arc::new(field.as_ref().clone().with_data_type(stored(field, array)))
        };
        let fields: Vec<FieldRef> = schema.fields().iter().zip(columns).map(retyped).collect();
        // Readers of Arrow take the metadata from here, others from the file.
        let stored = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        let descriptor = parquet_schema(&stored, origin)?;
        let mut pairs = key_values(schema.metadata(), origin);
        // A file without a schema of Arrow needs none, as long as the schema of Parquet says it all.
        if origin.is_none_or(Origin::has_arrow_schema) || !is_understood(&descriptor, &stored)? {
            pairs.push(KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), encode_arrow_schema(&stored)));
        }
        let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        let mut rows_per_group = 1 << 20;
        if let Some(origin) = origin {
            properties = packing(properties, &descriptor, origin);
            let most = origin.0.row_groups().iter().map(|group| group.num_rows()).max();
            rows_per_group = most.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(1).max(1);
        }
        if stored.fields().iter().any(|field| matches!(field.data_type(), DataType::Dictionary(_, _))) {
            // An index of pages is of all columns or of none, and chunks of categories have none.
            properties = properties.set_statistics_enabled(EnabledStatistics::Chunk).set_offset_index_disabled(true);
        }
        let properties = Arc::new(properties.set_key_value_metadata((!pairs.is_empty()).then_some(pairs)).build());
        let writer = SerializedFileWriter::new(Vec::new(), descriptor.root_schema_ptr(), properties)?;
        let factory = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&stored));
        Ok(Self { schema: stored, writer, factory, rows_per_group })
    }

    /// Rows of a row group.
    pub(crate) fn rows_per_group(&self) -> usize {
        self.rows_per_group
    }

    /// Writes a row group of the batches given.
    pub(crate) fn write_group<E: From<ParquetError>>(
        &mut self,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
    ) -> Result<(), E> {
        let mut columns = self.factory.create_column_writers(self.writer.flushed_row_groups().len())?;
        let leaves = self.writer.schema_descr().columns().to_vec();
        let properties = Arc::clone(self.writer.properties());
        // By leaf, the chunks of categories.
        let mut chunks: HashMap<usize, Chunk> = HashMap::new();
        for (number, batch) in batches.enumerate() {
            let batch = batch?;
            let mut leaf = 0;
            for (field, array) in self.schema.fields().iter().zip(batch.columns()) {
                let array = converted(array, field.data_type())?;
                if number == 0
                    && properties.dictionary_enabled(leaves[leaf].path())
                    && let Some(found) = categories(field, &array, &leaves[leaf])
                {
                    chunks.insert(leaf, Chunk::new(found));
                }
                if let Some(chunk) = chunks.get_mut(&leaf) {
                    chunk.add(&array)?;
                    leaf += 1;
                    continue;
                }
                for values in compute_leaves(field, &array)? {
                    columns[leaf].write(&values)?;
                    leaf += 1;
                }
            }
        }
        let mut group = self.writer.next_row_group()?;
        for (leaf, column) in columns.into_iter().enumerate() {
            let Some(chunk) = chunks.get_mut(&leaf) else {
                column.close()?.append_to_row_group(&mut group)?;
                continue;
            };
            let path = leaves[leaf].path();
            let statistics = properties.statistics_enabled(path) != EnabledStatistics::None;
            let (bytes, close) = chunk.close(&leaves[leaf], properties.compression(path), statistics)?;
            group.append_column(&bytes, close)?;
        }
        group.close()?;
        Ok(())
    }

    /// The bytes of the file.
    pub(crate) fn finish(self) -> Result<Vec<u8>, ParquetError> {
        self.writer.into_inner()
    }
}

/// Whether a reader that knows only the schema of Parquet finds the types of this one.
fn is_understood(descriptor: &SchemaDescriptor, schema: &Schema) -> Result<bool, ParquetError> {
    let plain = parquet_to_arrow_schema(descriptor, None)?;
    let roots = descriptor.root_schema().get_fields();
    // To other readers the words of an enumeration are bytes.
    let same = |one: &FieldRef, other: &FieldRef, root: &TypePtr| {
        one.data_type() == other.data_type() || (other.data_type() == &DataType::Utf8 && is_enumeration(root))
    };
    Ok(plain.fields().iter().zip(schema.fields()).zip(roots).all(|((one, other), root)| same(one, other, root)))
}

/// The metadata of the file, in the order of the file that they come from.
fn key_values(metadata: &HashMap<String, String>, origin: Option<&Origin>) -> Vec<KeyValue> {
    let mut pairs = Vec::new();
    for pair in origin.map_or(&[][..], Origin::key_values) {
        let value = metadata.get(&pair.key).cloned();
        if value.is_some() || pair.value.is_none() {
            pairs.push(KeyValue::new(pair.key.clone(), value));
        }
    }
    let mut others: Vec<_> = metadata.iter().filter(|(key, _)| !pairs.iter().any(|pair| pair.key == **key)).collect();
    others.sort();
    pairs.extend(others.into_iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
    pairs
}

/// The schema of Parquet: for each column the type that it has in the file it comes from, if it can be written as that.
fn parquet_schema(schema: &SchemaRef, origin: Option<&Origin>) -> Result<SchemaDescriptor, ParquetError> {
    let shapes: Vec<Field> =
        schema.fields().iter().map(|field| field.as_ref().clone().with_data_type(days(field.data_type()))).collect();
    let usual = ArrowSchemaConverter::new().convert(&Schema::new(shapes))?;
    let usual = usual.root_schema().get_fields();
    let Some(origin) = origin else { return descriptor_of("arrow_schema", usual.to_vec()) };
    let own = |(position, (field, usual)): (usize, (&FieldRef, &TypePtr))| {
        origin.root(field.name(), position).filter(|own| can_be(own, usual, field)).unwrap_or(usual).clone()
    };
    let mut roots: Vec<TypePtr> = schema.fields().iter().zip(usual).enumerate().map(own).collect();
    // All at once first, because that is what nearly every file needs.
    if !are_read_as(&roots, schema.fields()) {
        for (position, field) in schema.fields().iter().enumerate() {
            if !are_read_as(&roots[position..=position], std::slice::from_ref(field)) {
                roots[position] = Arc::clone(&usual[position]);
            }
        }
    }
    descriptor_of(origin.0.file_metadata().schema_descr().name(), roots)
}

fn descriptor_of(name: &str, roots: Vec<TypePtr>) -> Result<SchemaDescriptor, ParquetError> {
    Ok(SchemaDescriptor::new(Arc::new(Type::group_type_builder(name).with_fields(roots).build()?)))
}

/// Whether a reader finds these fields in columns of these types, with the help of the schema of Arrow.
fn are_read_as(roots: &[TypePtr], fields: &[FieldRef]) -> bool {
    let Ok(descriptor) = descriptor_of("schema", roots.to_vec()) else { return false };
    let hint = encode_arrow_schema(&Schema::new(fields.to_vec()));
    let pairs = vec![KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), hint)];
    let same = |(one, other): (&FieldRef, &FieldRef)| {
        one.data_type() == other.data_type() && one.is_nullable() == other.is_nullable()
    };
    parquet_to_arrow_schema(&descriptor, Some(&pairs)).is_ok_and(|found| found.fields().iter().zip(fields).all(same))
}

/// Days in milliseconds are written as days.
fn days(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(days(field.data_type())));
    match data_type {
        DataType::Date64 => DataType::Date32,
        DataType::List(field) => DataType::List(inner(field)),
        DataType::LargeList(field) => DataType::LargeList(inner(field)),
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(inner(field), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(field, sorted) => DataType::Map(inner(field), *sorted),
        DataType::Dictionary(key, values) => DataType::Dictionary(key.clone(), Box::new(days(values))),
        other => other.clone(),
    }
}

/// Whether values of a field can be written as `own` where `usual` is the type for them.
fn can_be(own: &TypePtr, usual: &TypePtr, field: &FieldRef) -> bool {
    let (of_own, of_usual) = (leaves(own), leaves(usual));
    if of_own == of_usual {
        return true;
    }
    let (DataType::Decimal128(precision, _), [own], [usual]) = (field.data_type(), &of_own[..], &of_usual[..]) else {
        return false;
    };
    own.repetitions == usual.repetitions
        && match own.physical {
            Physical::INT32 => *precision <= 9,
            Physical::INT64 => *precision <= 18,
            Physical::FIXED_LEN_BYTE_ARRAY => own.length == bytes_of_digits(*precision),
            _ => false,
        }
}

/// Bytes that hold every whole number of so many digits, with its sign.
fn bytes_of_digits(precision: u8) -> i32 {
    let bits = (10f64.powi(precision.into()) + 1.0).log2() + 1.0;
    (bits / 8.0).ceil() as i32
}

/// Values at the end of a type: how they may be missing or repeated, and how they are stored.
#[derive(PartialEq)]
struct Leaf {
    repetitions: Vec<Repetition>,
    physical: Physical,
    length: i32,
}

fn leaves(root: &TypePtr) -> Vec<Leaf> {
    fn add(one: &Type, above: &[Repetition], out: &mut Vec<Leaf>) {
        let mut repetitions = above.to_vec();
        let info = one.get_basic_info();
        if info.has_repetition() && info.repetition() != Repetition::REQUIRED {
            repetitions.push(info.repetition());
        }
        match one {
            Type::PrimitiveType { physical_type, type_length, .. } => {
                let fixed = *physical_type == Physical::FIXED_LEN_BYTE_ARRAY;
                let length = if fixed { *type_length } else { 0 };
                out.push(Leaf { repetitions, physical: *physical_type, length });
            }
            Type::GroupType { fields, .. } => fields.iter().for_each(|field| add(field, &repetitions, out)),
        }
    }
    let mut out = Vec::new();
    add(root, &[], &mut out);
    out
}

/// The codecs, encodings and statistics of the file that rows come from.
fn packing(
    mut properties: WriterPropertiesBuilder,
    descriptor: &SchemaDescriptor,
    origin: &Origin,
) -> WriterPropertiesBuilder {
    let groups = origin.0.row_groups();
    let own = origin.0.file_metadata().schema_descr();
    let columns = own.columns();
    let by_path: HashMap<_, usize> = columns.iter().enumerate().map(|(leaf, column)| (column.path(), leaf)).collect();
    let all = || groups.iter().flat_map(|group| group.columns());
    if let Some(first) = all().next() {
        properties = properties.set_compression(writable(first.compression()));
    }
    if !all().any(|chunk| chunk.column_index_offset().is_some()) {
        properties = properties.set_statistics_enabled(EnabledStatistics::Chunk);
        if !all().any(|chunk| chunk.offset_index_offset().is_some()) {
            properties = properties.set_offset_index_disabled(true);
        }
    }
    for column in descriptor.columns() {
        let path = column.path();
        let Some(&leaf) = by_path.get(path) else { continue };
        let chunks: Vec<&ColumnChunkMetaData> = groups.iter().map(|group| group.column(leaf)).collect();
        let Some(first) = chunks.first() else { continue };
        properties = properties.set_column_compression(path.clone(), writable(first.compression()));
        if chunks.iter().all(|chunk| chunk.statistics().is_none()) {
            properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
        }
        if first.column_type() != column.physical_type() {
            continue;
        }
        let has = |encoding: Encoding| chunks.iter().any(|chunk| chunk.encodings_mask().is_set(encoding));
        let dictionary = has(Encoding::RLE_DICTIONARY) || has(Encoding::PLAIN_DICTIONARY);
        properties = properties.set_column_dictionary_enabled(path.clone(), dictionary);
        let others = [
            Encoding::BYTE_STREAM_SPLIT,
            Encoding::DELTA_BINARY_PACKED,
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Encoding::DELTA_BYTE_ARRAY,
        ];
        if let Some(encoding) = others.into_iter().find(|&encoding| has(encoding)) {
            properties = properties.set_column_encoding(path.clone(), encoding);
        }
        if dictionary && chunks.iter().all(|chunk| is_dictionary_alone(chunk)) {
            let largest = chunks.iter().map(|chunk| chunk.uncompressed_size()).max().unwrap_or(0);
            let limit = usize::try_from(largest).unwrap_or(0).max(DICTIONARY);
            properties = properties.set_column_dictionary_page_size_limit(path.clone(), limit);
        }
    }
    properties
}

/// Whether all values of a chunk are in its dictionary, as far as the file says.
fn is_dictionary_alone(chunk: &ColumnChunkMetaData) -> bool {
    let dictionary = |encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
    if let Some(mask) = chunk.page_encoding_stats_mask() {
        return mask.encodings().all(dictionary);
    }
    if let Some(pages) = chunk.page_encoding_stats() {
        let data = |page: &&PageEncodingStats| page.page_type != PageType::DICTIONARY_PAGE;
        return pages.iter().filter(data).all(|page| dictionary(page.encoding));
    }
    // A dictionary page that is larger than others allow is of a writer that does not give up.
    let size = chunk.dictionary_page_offset().map_or(0, |start| chunk.data_page_offset() - start);
    usize::try_from(size).is_ok_and(|size| size > DICTIONARY)
}

/// A codec that can be written: the first form of LZ4, which no two programs understand alike, is written as the second.
fn writable(codec: Compression) -> Compression {
    match codec {
        Compression::LZ4 => Compression::LZ4_RAW,
        Compression::LZO => Compression::SNAPPY,
        codec => codec,
    }
}

/// The writer knows no rows: what it cannot do, it cannot do with any.
impl From<ParquetError> for Error {
    fn from(error: ParquetError) -> Self {
        Self::content(format!("the rows cannot be written as a Parquet file: {error}"))
            .with_hint("write them in the format they came in")
            .caused_by(error)
    }
}
