//! What is written keeps its type: categories, moments, logical types, decimals, and what files say beside their rows.
#![cfg(feature = "arrow")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, MapBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date64Array, Decimal128Array, Decimal256Array, DictionaryArray,
    DurationMillisecondArray, FixedSizeBinaryArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, LargeStringArray, ListArray, NullArray, RecordBatch, RunArray,
    StringArray, StringViewArray, StructArray, Time32SecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampSecondArray, UInt16Array, UInt64Array, UnionArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema, TimeUnit, UnionFields};
use leanset_tables::*;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, parquet_to_arrow_schema};
use parquet::basic::{Compression as Codec, Encoding};
use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type as Int32s};
use parquet::data_type::{Int64Type as Int64s, Int96, Int96Type};
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use crate::common::*;

fn batch(columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn column_of(name: &str, array: impl Array + 'static) -> (Field, ArrayRef) {
    let array: ArrayRef = Arc::new(array);
    (Field::new(name, array.data_type().clone(), true), array)
}

fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn parquet(batch: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// As the parquet crate reads it, all row groups in one batch each.
fn read_parquet(bytes: &[u8]) -> (Vec<RecordBatch>, Arc<ParquetMetaData>) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes.to_vec())).unwrap();
    let (schema, metadata) = (Arc::clone(builder.schema()), Arc::clone(builder.metadata()));
    let reader = builder.with_batch_size(1 << 20).build().unwrap();
    (reader.map(|batch| batch.unwrap().with_schema(Arc::clone(&schema)).unwrap()).collect(), metadata)
}

fn read_arrow(bytes: &[u8]) -> RecordBatch {
    let reader = FileReader::try_new(std::io::Cursor::new(bytes.to_vec()), None).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches[0].clone()
}

fn texts_of(array: &dyn Array) -> Vec<Option<String>> {
    let plain = arrow_cast::cast(array, &DataType::Utf8).unwrap();
    plain.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn categories_of(array: &dyn Array) -> Vec<String> {
    texts_of(array.as_any_dictionary().values()).into_iter().flatten().collect()
}

fn categories(name: &str, keys: Vec<Option<i8>>, values: &[&str], ordered: bool) -> (Field, ArrayRef) {
    let array =
        DictionaryArray::<Int8Type>::try_new(Int8Array::from(keys), Arc::new(StringArray::from(values.to_vec())));
    let (field, array) = column_of(name, array.unwrap());
    (field.with_dict_is_ordered(ordered), array)
}

const SIZES: [&str; 4] = ["small", "middle", "large", "huge"];

#[test]
fn categories_keep_order_flag_and_those_without_rows() {
    for ordered in [false, true] {
        let keys = vec![Some(2), Some(0), None, Some(2), Some(1), Some(0)];
        let table = open("t.arrow", file(&batch(vec![categories("size", keys, &SIZES, ordered)])));
        let rows = ids([0, 2, 3, 5]);
        let expected = [Some("large"), None, Some("large"), Some("small")].map(|text| text.map(str::to_owned));
        let check = |name: &str, found: &RecordBatch| {
            assert_eq!(categories_of(found.column(0)), SIZES, "{name}, ordered: {ordered}");
            assert_eq!(texts_of(found.column(0)), expected, "{name}");
            assert_eq!(found.schema().field(0).dict_is_ordered(), Some(ordered), "{name}");
            assert!(matches!(found.column(0).data_type(), DataType::Dictionary(key, _) if **key == DataType::Int8));
        };
        check("Arrow to Arrow", &read_arrow(&rows_as(&table, &rows, &[], Format::ArrowIpc).unwrap()));
        let written = rows_as(&table, &rows, &[], Format::Parquet).unwrap();
        check("Arrow to Parquet", &read_parquet(&written).0[0]);
        let second = open("t.parquet", written);
        let all = all(&second);
        let again = rows_as(&second, &all, &[], Format::Parquet).unwrap();
        check("Parquet to Parquet", &read_parquet(&again).0[0]);
        check("Parquet to Arrow", &read_arrow(&rows_as(&second, &all, &[], Format::ArrowIpc).unwrap()));
    }
}

#[test]
fn categories_of_row_groups_are_those_of_all() {
    // Small row groups, of which no one has all categories, and too many categories for the keys.
    let values: Vec<String> = (0..200).rev().map(|n| format!("{n:03}")).collect();
    let keys = Int32Array::from_iter_values((0..200).map(|row| row * 7 % 200));
    let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(StringArray::from(values.clone()))).unwrap();
    let table = open("t.arrow", file(&batch(vec![column_of("name", array)])));
    let one = rows_as(&table, &all(&table), &[], Format::Parquet).unwrap();
    assert_eq!(categories_of(read_parquet(&one).0[0].column(0)), values);
    let small = WriterProperties::builder().set_max_row_group_row_count(Some(50)).build();
    let (batches, _) = read_parquet(&parquet(&read_parquet(&one).0[0], small));
    let all_rows: Vec<Option<String>> = batches.iter().flat_map(|batch| texts_of(batch.column(0))).collect();
    assert_eq!(all_rows.len(), 200);
    let groups =
        parquet(&read_parquet(&one).0[0], WriterProperties::builder().set_max_row_group_row_count(Some(50)).build());
    let second = open("t.parquet", groups);
    let again = rows_as(&second, &all(&second), &[], Format::Parquet).unwrap();
    let (batches, metadata) = read_parquet(&again);
    assert_eq!(metadata.num_row_groups(), 4, "as in the input");
    assert_eq!(batches.iter().flat_map(|batch| texts_of(batch.column(0))).collect::<Vec<_>>(), all_rows);
}

#[test]
fn dictionaries_of_a_stream_become_one() {
    let of = |values: &[&str], ordered: bool| {
        let keys = (0..values.len()).map(|key| Some(i8::try_from(key).unwrap())).collect();
        let (field, array) = categories("c", keys, values, ordered);
        let inner = StructArray::from(vec![(Arc::new(field.clone()), Arc::clone(&array))]);
        batch(vec![(field, array), column_of("inside", inner)])
    };
    for (dictionaries, ordered, expected, still_ordered) in [
        (vec![vec!["pine", "oak"], vec!["oak", "elm"]], false, vec!["pine", "oak", "elm"], false),
        (
            vec![vec!["low", "high"], vec!["low", "middle", "high", "top"]],
            true,
            vec!["low", "middle", "high", "top"],
            true,
        ),
        (vec![vec!["b", "c"], vec!["a", "b"]], true, vec!["a", "b", "c"], true),
        (vec![vec!["a", "b"], vec!["b", "a"]], true, vec!["a", "b"], false),
    ] {
        let batches: Vec<RecordBatch> = dictionaries.iter().map(|values| of(values, ordered)).collect();
        let table = open("t.arrow", stream(&batches));
        let rows: Vec<Option<String>> = dictionaries.iter().flatten().map(|&text| Some(text.to_owned())).collect();
        for format in [Format::ArrowIpc, Format::Parquet] {
            let bytes = rows_as(&table, &all(&table), &[], format).unwrap();
            let found = if format == Format::Parquet { read_parquet(&bytes).0[0].clone() } else { read_arrow(&bytes) };
            assert_eq!(categories_of(found.column(0)), expected, "{format}");
            assert_eq!(texts_of(found.column(0)), rows);
            assert_eq!(found.schema().field(0).dict_is_ordered(), Some(still_ordered), "{dictionaries:?}");
            assert_eq!(texts_of(found.column(1).as_struct().column(0)), rows);
        }
    }
    let many: Vec<RecordBatch> = (0..20)
        .map(|part| {
            let values: Vec<String> = (0..10).map(|n| format!("{part}-{n}")).collect();
            of(&values.iter().map(String::as_str).collect::<Vec<_>>(), false)
        })
        .collect();
    let table = open("t.arrow", stream(&many));
    let found = read_arrow(&rows_as(&table, &all(&table), &[], Format::ArrowIpc).unwrap());
    assert!(matches!(found.column(0).data_type(), DataType::Dictionary(key, _) if **key == DataType::Int16));
    assert_eq!(texts_of(found.column(0))[199].as_deref(), Some("19-9"));
    assert_eq!(texts_of(found.column(1).as_struct().column(0))[199].as_deref(), Some("19-9"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Chunks of categories are read as what was written, whatever runs and nulls there are.
    #[test]
    fn chunks_of_categories_are_read_as_they_were(
        runs in prop::collection::vec((prop::option::of(0..300i32), 1..60usize), 1..120),
        count in 1..300i32,
        codec in 0..5usize,
    ) {
        let keys: Vec<Option<i32>> =
            runs.iter().flat_map(|(key, length)| std::iter::repeat_n(key.map(|key| key % count), *length)).collect();
        let values: Vec<String> = (0..count).map(|n| format!("{:x}", n * 7919 % 1000)).collect();
        let array = DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), Arc::new(StringArray::from(values)));
        let array = array.unwrap();
        let codec = [Codec::UNCOMPRESSED, Codec::SNAPPY, Codec::GZIP(Default::default()), Codec::ZSTD(Default::default()),
            Codec::LZ4_RAW][codec];
        let source = batch(vec![column_of("c", array)]);
        let properties = WriterProperties::builder().set_compression(codec).set_max_row_group_row_count(Some(500)).build();
        let table = open("t.parquet", parquet(&source, properties));
        let out = rows_as(&table, &all(&table), &[], Format::Parquet).unwrap();
        let (batches, metadata) = read_parquet(&out);
        let found: Vec<Option<String>> = batches.iter().flat_map(|batch| texts_of(batch.column(0))).collect();
        prop_assert_eq!(found, texts_of(source.column(0)));
        prop_assert_eq!(metadata.row_group(0).column(0).compression(), codec);
    }
}

#[test]
fn moments_and_days_stay_moments_and_days_in_parquet() {
    let seconds = vec![0, -1, 1_700_000_000];
    let stored = |array: ArrayRef| -> ArrayRef {
        let table = open("t.arrow", file(&batch(vec![(Field::new("c", array.data_type().clone(), true), array)])));
        let bytes = rows_as(&table, &all(&table), &[], Format::Parquet).unwrap();
        let (batches, metadata) = read_parquet(&bytes);
        // What those find who do not know Arrow's schema.
        let plain = parquet_to_arrow_schema(metadata.file_metadata().schema_descr(), None).unwrap();
        assert!(plain.field(0).data_type().is_temporal(), "{}", plain.field(0));
        Arc::clone(batches[0].column(0))
    };
    let milliseconds: Vec<i64> = seconds.iter().map(|second| second * 1000).collect();
    let zone = "Europe/Lisbon";
    assert_eq!(
        stored(Arc::new(TimestampSecondArray::from(seconds.clone()).with_timezone(zone))).to_data(),
        TimestampMillisecondArray::from(milliseconds.clone()).with_timezone(zone).to_data()
    );
    assert_eq!(
        stored(Arc::new(TimestampSecondArray::from(seconds))).to_data(),
        TimestampMillisecondArray::from(milliseconds.clone()).to_data()
    );
    let clock = stored(Arc::new(Time32SecondArray::from(vec![1, 86_399])));
    assert_eq!(clock.data_type(), &DataType::Time32(TimeUnit::Millisecond));
    let days = Date64Array::from(vec![Some(0), None, Some(86_400_000 * 19_000), Some(-86_400_000)]);
    assert_eq!(stored(Arc::new(days.clone())).to_data(), days.to_data());
    // Days with an hour, which should not be, are moments: nothing is lost.
    let hours = stored(Arc::new(Date64Array::from(vec![3_600_000])));
    assert_eq!(hours.to_data(), TimestampMillisecondArray::from(vec![3_600_000]).to_data());
    // In Arrow everything stays as it is.
    let durations =
        batch(vec![column_of("d", DurationMillisecondArray::from(vec![1, 2])), column_of("c", days.slice(0, 2))]);
    let table = open("t.arrow", file(&durations));
    assert_eq!(read_arrow(&rows_as(&table, &all(&table), &[], Format::ArrowIpc).unwrap()), durations);
    let (batches, _) = read_parquet(&rows_as(&table, &all(&table), &[], Format::Parquet).unwrap());
    assert_eq!(batches[0].column(0).data_type(), &DataType::Duration(TimeUnit::Millisecond));
}

/// A Parquet file of this schema with two rows, of which the columns have the values given.
fn by_hand(
    schema: &str,
    pairs: Vec<KeyValue>,
    columns: &[&dyn Fn(&mut parquet::file::writer::SerializedColumnWriter<'_>)],
) -> Vec<u8> {
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for fill in columns {
        let mut column = group.next_column().unwrap().unwrap();
        fill(&mut column);
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn types_of_parquet_stay_as_the_file_has_them() {
    let schema = "message pipeline {
        REQUIRED FIXED_LEN_BYTE_ARRAY (16) tree (UUID);
        REQUIRED BINARY note (JSON);
        REQUIRED BINARY word (ENUM);
        REQUIRED INT32 price (DECIMAL(9,2)) = 7;
        REQUIRED INT64 seen (TIMESTAMP_MICROS);
        REQUIRED INT32 small (INT_8);
        REQUIRED group list (LIST) { REPEATED group bag { REQUIRED INT32 array_element; } }
    }";
    let texts = |texts: [&str; 2]| texts.map(ByteArray::from);
    let bytes = by_hand(
        schema,
        vec![KeyValue::new("made.by".to_owned(), "a pipeline".to_owned())],
        &[
            &|column| {
                let values = [1u8, 2].map(|byte| FixedLenByteArray::from(ByteArray::from(vec![byte; 16])));
                column.typed::<FixedLenByteArrayType>().write_batch(&values, None, None).unwrap();
            },
            &|column| {
                column.typed::<ByteArrayType>().write_batch(&texts(["{}", "[1]"]), None, None).unwrap();
            },
            &|column| {
                column.typed::<ByteArrayType>().write_batch(&texts(["A", "B"]), None, None).unwrap();
            },
            &|column| {
                column.typed::<Int32s>().write_batch(&[1250, -5], None, None).unwrap();
            },
            &|column| {
                column.typed::<Int64s>().write_batch(&[1, 2], None, None).unwrap();
            },
            &|column| {
                column.typed::<Int32s>().write_batch(&[1, -2], None, None).unwrap();
            },
            &|column| {
                column.typed::<Int32s>().write_batch(&[4, 5, 6], Some(&[1, 1, 1]), Some(&[0, 1, 0])).unwrap();
            },
        ],
    );
    let (before, metadata) = read_parquet(&bytes);
    let table = open("t.parquet", bytes);
    let out = rows_as(&table, &all(&table), &[], Format::Parquet).unwrap();
    let (after, found) = read_parquet(&out);
    assert_eq!(found.file_metadata().schema_descr(), metadata.file_metadata().schema_descr());
    assert_eq!(found.file_metadata().key_value_metadata(), metadata.file_metadata().key_value_metadata());
    assert_eq!(after, before);
    // In Arrow they are extension types, and from there they come back.
    let arrow = rows_as(&table, &all(&table), &[], Format::ArrowIpc).unwrap();
    let extension = |name: &str| {
        read_arrow(&arrow).schema().field_with_name(name).unwrap().extension_type_name().map(str::to_owned)
    };
    assert_eq!((extension("tree").as_deref(), extension("note").as_deref()), (Some("arrow.uuid"), Some("arrow.json")));
    let third = open("t.arrow", arrow);
    let (_, back) = read_parquet(&rows_as(&third, &all(&third), &[], Format::Parquet).unwrap());
    for column in 0..2 {
        let of = |metadata: &ParquetMetaData| {
            metadata.file_metadata().schema_descr().column(column).logical_type_ref().cloned()
        };
        assert_eq!(of(&back), of(&metadata));
    }
    let csv = String::from_utf8(rows_as(&table, &ids([1]), &[], Format::Csv).unwrap()).unwrap();
    assert_eq!(kinds(&table)[2], Kind::Text, "words of an enumeration are text");
    assert!(csv.ends_with("[1],B,-0.05,1970-01-01T00:00:00.000002Z,-2,[6]\n"), "{csv}");
}

#[test]
fn moments_in_96_bits_are_read_whatever_their_year() {
    let moment = |day: u32| {
        let mut value = Int96::new();
        value.set_data(0, 0, day);
        value
    };
    let read = |days: [u32; 2]| {
        let fill = |column: &mut parquet::file::writer::SerializedColumnWriter<'_>| {
            column.typed::<Int96Type>().write_batch(&days.map(moment), None, None).unwrap();
        };
        let table = open("t.parquet", by_hand("message m { REQUIRED INT96 at; }", Vec::new(), &[&fill]));
        let (batches, _) = read_parquet(&rows_as(&table, &all(&table), &[], Format::Parquet).unwrap());
        (texts_of(batches[0].column(0)), batches[0].column(0).data_type().clone())
    };
    let (texts, data_type) = read([2_440_588, 2_440_589]);
    assert_eq!(texts, [Some("1970-01-01T00:00:00".to_owned()), Some("1970-01-02T00:00:00".to_owned())]);
    assert_eq!(data_type, DataType::Timestamp(TimeUnit::Nanosecond, None));
    let (texts, data_type) = read([2_440_588, 5_373_484]);
    assert_eq!(texts[1].as_deref(), Some("9999-12-31T00:00:00"));
    assert_eq!(data_type, DataType::Timestamp(TimeUnit::Microsecond, None));
}

#[test]
fn files_say_of_themselves_what_they_said() {
    let metadata: HashMap<String, String> = [
        ("origin".to_owned(), "plot 7".to_owned()),
        (
            "pandas".to_owned(),
            r#"{"index_columns":[{"kind":"range","name":"n","start":0,"stop":4,"step":1}]}"#.to_owned(),
        ),
    ]
    .into();
    let plain = batch(vec![column_of("x", Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]))]);
    let schema = Schema::new_with_metadata(
        vec![Field::new("x", DataType::Float64, true).with_metadata([("unit".to_owned(), "cm".to_owned())].into())],
        metadata,
    );
    let told = plain.with_schema(Arc::new(schema)).unwrap();
    for (name, bytes) in [("t.parquet", parquet(&told, WriterProperties::default())), ("t.arrow", file(&told))] {
        let table = open(name, bytes);
        for format in [Format::Parquet, Format::ArrowIpc] {
            let weight = Extra { name: "w".into(), values: ExtraValues::F64(vec![0.5, 1.5]) };
            let bytes = rows_as(&table, &ids([1, 3]), &[weight], format).unwrap();
            let schema = match format {
                Format::Parquet => {
                    let (batches, metadata) = read_parquet(&bytes);
                    let pairs = metadata.file_metadata().key_value_metadata().unwrap().clone();
                    let value =
                        |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
                    assert_eq!(value("origin").as_deref(), Some("plot 7"), "{name}");
                    assert!(value("pandas").unwrap().contains(r#""start":1,"stop":5,"step":2"#));
                    batches[0].schema()
                }
                _ => read_arrow(&bytes).schema(),
            };
            assert_eq!(schema.metadata()["origin"], "plot 7", "{name} to {format}");
            assert!(schema.metadata()["pandas"].contains(r#""start":1,"stop":5,"step":2"#));
            assert_eq!(schema.field(0).metadata()["unit"], "cm");
        }
    }
}

#[test]
fn parquet_is_packed_as_its_input() {
    let rows = 3_000;
    let source = batch(vec![
        column_of("count", Int64Array::from_iter_values(0..rows)),
        column_of("split", Float32Array::from_iter_values((0..rows).map(|row| row as f32))),
        column_of("word", StringArray::from_iter_values((0..rows).map(|row| format!("word {}", row % 7)))),
    ]);
    let properties = WriterProperties::builder()
        .set_compression(Codec::GZIP(Default::default()))
        .set_column_compression("word".into(), Codec::ZSTD(Default::default()))
        .set_column_dictionary_enabled("count".into(), false)
        .set_column_encoding("count".into(), Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_enabled("split".into(), false)
        .set_column_encoding("split".into(), Encoding::BYTE_STREAM_SPLIT)
        .set_max_row_group_row_count(Some(1_000))
        .build();
    let bytes = parquet(&source, properties);
    let size = bytes.len();
    let (_, before) = read_parquet(&bytes);
    let table = open("t.parquet", bytes);
    let out = rows_as(&table, &all(&table), &[], Format::Parquet).unwrap();
    let (batches, after) = read_parquet(&out);
    assert_eq!(
        arrow_select::concat::concat_batches(&batches[0].schema(), &batches).unwrap().columns(),
        source.columns()
    );
    assert_eq!(after.num_row_groups(), 3);
    for column in 0..3 {
        let (one, other) = (before.row_group(0).column(column), after.row_group(0).column(column));
        assert_eq!(one.compression(), other.compression());
        assert_eq!(one.encodings_mask(), other.encodings_mask());
        assert_eq!(one.dictionary_page_offset().is_some(), other.dictionary_page_offset().is_some());
        assert_eq!(one.statistics().is_some(), other.statistics().is_some());
    }
    assert!(out.len() <= size * 11 / 10, "{} of {size} bytes", out.len());

    let lz4 = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &source.schema(), lz4).unwrap();
    writer.write(&source).unwrap();
    let bytes = writer.into_inner().unwrap();
    let size = bytes.len();
    let table = open("t.feather", bytes);
    let out = rows_as(&table, &all(&table), &[], Format::ArrowIpc).unwrap();
    assert_eq!((read_arrow(&out), out.len() <= size * 11 / 10), (source, true));
}

#[test]
fn decimals_are_numbers() {
    let prices = Decimal128Array::from(vec![Some(1250), Some(-5), None, Some(99_999_999_999_999_999_999_999)]);
    let prices = prices.with_precision_and_scale(30, 2).unwrap();
    let table = open("t.arrow", file(&batch(vec![column_of("price", prices.clone())])));
    assert_eq!(kinds(&table), [Kind::Number]);
    let column = table.column(0).unwrap();
    let Values::Number(values) = &column.values else { panic!("{column:?}") };
    assert_eq!((values[0], values[1], values[3]), (12.5, -0.05, 999_999_999_999_999_999_999.99));
    assert_eq!(column.missing, Some(vec![false, false, true, false]));
    assert_eq!(table.text_column(0).unwrap().text(3), "999999999999999999999.99", "every digit");
    let csv = String::from_utf8(rows_as(&table, &all(&table), &[], Format::Csv).unwrap()).unwrap();
    assert_eq!(csv, "price\n12.50\n-0.05\n\"\"\n999999999999999999999.99\n");
    let (batches, _) = read_parquet(&rows_as(&table, &all(&table), &[], Format::Parquet).unwrap());
    assert_eq!(batches[0].column(0).to_data(), prices.to_data());

    let of = |values: [i128; 3]| {
        let array = Decimal128Array::from(values.to_vec()).with_precision_and_scale(38, 2).unwrap();
        Encoder::fit(&open("t.arrow", file(&batch(vec![column_of("price", array)]))), &Columns::default())
    };
    let large = 10i128.pow(30);
    assert!(of([large, 2 * large, 3 * large]).is_ok());
    let error = of([large, large + 1, 3 * large]).unwrap_err().to_string();
    assert!(
        error.contains("column 'price' has 10000000000000000000000000000.00 and 10000000000000000000000000000.01"),
        "{error}"
    );

    // Digits before the point alone, none at all, and more than 64 bits hold.
    for (precision, scale, text) in [(5, -3, "12345000"), (5, 0, "12345"), (5, 5, "0.12345")] {
        let array = Decimal128Array::from(vec![12_345]).with_precision_and_scale(precision, scale).unwrap();
        let table = open("t.arrow", file(&batch(vec![column_of("d", array)])));
        let csv = String::from_utf8(rows_as(&table, &all(&table), &[], Format::Csv).unwrap()).unwrap();
        assert_eq!(csv, format!("d\n{text}\n"));
        assert_eq!(table.column(0).unwrap().values, Values::Number(vec![text.parse().unwrap()]));
        let parquet = rows_as(&table, &all(&table), &[], Format::Parquet);
        match scale {
            -3 => assert_eq!(
                words(&parquet.unwrap_err()),
                "column 'd' (Decimal128(5, -3)) cannot be written as Parquet: Parquet has no decimals of 5 digits with -3 \
                 after the point\nwrite an Arrow file (.arrow), or remove the column first"
            ),
            _ => assert!(parquet.is_ok()),
        }
    }
}

#[test]
fn moments_of_a_time_zone_have_its_offset_in_text() {
    let moments = vec![1_711_666_800_000_000, 1_711_926_000_000_000];
    for (zone, texts) in [
        ("Europe/Paris", ["2024-03-29T00:00:00+01:00", "2024-04-01T01:00:00+02:00"]),
        ("UTC", ["2024-03-28T23:00:00Z", "2024-03-31T23:00:00Z"]),
        ("+05:30", ["2024-03-29T04:30:00+05:30", "2024-04-01T04:30:00+05:30"]),
        ("Nowhere/Atlantis", ["2024-03-28T23:00:00Z", "2024-03-31T23:00:00Z"]),
    ] {
        let array = TimestampMicrosecondArray::from(moments.clone()).with_timezone(zone);
        let table = open("t.arrow", file(&batch(vec![column_of("seen", array)])));
        let csv = String::from_utf8(rows_as(&table, &all(&table), &[], Format::Csv).unwrap()).unwrap();
        assert_eq!(csv, format!("seen\n{}\n{}\n", texts[0], texts[1]), "{zone}");
    }
    let table =
        open("t.arrow", file(&batch(vec![column_of("seen", TimestampMicrosecondArray::from(vec![0, i64::MAX]))])));
    let error = words(&rows_as(&table, &all(&table), &[], Format::Csv).unwrap_err());
    assert!(
        error.starts_with("t.arrow: row 1, column 'seen': ") && error.contains("write Parquet or Arrow"),
        "{error}"
    );
}

fn every_type() -> Vec<(Field, ArrayRef)> {
    let half: ArrayRef = arrow_cast::cast(&Float32Array::from(vec![0.5, 1.5]), &DataType::Float16).unwrap();
    let half = half.as_any().downcast_ref::<Float16Array>().unwrap().clone();
    let union = UnionArray::try_new(
        UnionFields::try_new(vec![0], vec![Field::new("a", DataType::Int64, true)]).unwrap(),
        vec![0i8, 0].into(),
        None,
        vec![Arc::new(Int64Array::from(vec![1, 2]))],
    );
    let runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![2]), &StringArray::from(vec!["run"])).unwrap();
    let nested = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), None]), None]);
    let months = arrow_buffer::IntervalMonthDayNano::new(1, 2, 3);
    vec![
        column_of("i8", Int8Array::from(vec![1, -2])),
        column_of("u64", UInt64Array::from(vec![1, u64::MAX])),
        column_of("f16", half),
        column_of("bool", BooleanArray::from(vec![Some(true), None])),
        column_of("large", LargeStringArray::from(vec![Some(""), None])),
        column_of("view", StringViewArray::from(vec!["more than twelve bytes", "few"])),
        column_of("bytes", BinaryArray::from(vec![&b"\x00\xff"[..], b""])),
        column_of("fixed", FixedSizeBinaryArray::try_from_iter([[1u8, 2], [3, 4]].iter()).unwrap()),
        column_of(
            "wide",
            Decimal256Array::from(vec![arrow_buffer::i256::ONE; 2]).with_precision_and_scale(60, 20).unwrap(),
        ),
        column_of("day", Date64Array::from(vec![0, 86_400_000])),
        column_of("clock", Time32SecondArray::from(vec![1, 2])),
        column_of("duration", DurationMillisecondArray::from(vec![1, 2])),
        column_of("null", NullArray::new(2)),
        column_of("list", nested),
        column_of("runs", runs),
        column_of("months", IntervalMonthDayNanoArray::from(vec![months, months])),
        column_of("union", union.unwrap()),
    ]
}

/// Written, or refused by name: nothing in between, whatever the type.
#[test]
fn every_type_is_written_or_refused_by_name() {
    for (field, array) in every_type() {
        let name = field.name().clone();
        let source = batch(vec![column_of("x", Float64Array::from(vec![1.0, 2.0])), (field, array)]);
        let table = open("t.arrow", file(&source));
        for format in [Format::ArrowIpc, Format::Parquet, Format::Csv, Format::Tsv, Format::Npz] {
            match rows_as(&table, &ids([1, 0]), &[], format) {
                Ok(bytes) => {
                    let back = open(&format!("t.{}", format.extensions()[0]), bytes);
                    assert_eq!(back.rows(), 2, "{name} as {format}");
                    assert_eq!(back.columns()[1].name, name);
                }
                Err(error) => assert!(error.to_string().contains(&format!("'{name}'")), "{name} as {format}: {error}"),
            }
        }
        let refused: Vec<Format> = [Format::ArrowIpc, Format::Parquet, Format::Csv]
            .into_iter()
            .filter(|&format| rows_as(&table, &ids([0]), &[], format).is_err())
            .collect();
        let expected: &[Format] = match name.as_str() {
            "months" | "union" => &[Format::Parquet],
            _ => &[],
        };
        assert_eq!(refused, expected, "{name}");
    }
}

#[test]
fn numbers_keep_their_size_between_arrays_and_columns() {
    let source = batch(vec![
        column_of("i8", Int8Array::from(vec![1, -2])),
        column_of("i16", Int16Array::from(vec![1, -2])),
        column_of("u16", UInt16Array::from(vec![1, 65_535])),
        column_of("f32", Float32Array::from(vec![0.5, 1.5])),
        every_type().swap_remove(2),
    ]);
    let table = open("t.arrow", file(&source));
    let npz = rows_as(&table, &all(&table), &[], Format::Npz).unwrap();
    for descr in ["'|i1'", "'<i2'", "'<u2'", "'<f4'", "'<f2'"] {
        assert!(npz.windows(descr.len()).any(|found| found == descr.as_bytes()), "{descr}");
    }
    let second = open("t.npz", npz);
    let (batches, _) = read_parquet(&rows_as(&second, &all(&second), &[], Format::Parquet).unwrap());
    assert_eq!(batches[0].columns(), source.columns());
}

#[test]
fn generated_columns_have_the_types_of_the_table() {
    let (class, labels) = categories("class", vec![Some(1), Some(0), Some(1)], &["no", "yes", "never"], true);
    let source = batch(vec![
        column_of("single", Float32Array::from(vec![0.5, 1.5, 2.5])),
        column_of("whole", Int16Array::from(vec![1, 2, 3])),
        column_of("code", Int8Array::from(vec![5, 6, 5])),
        (class, labels),
    ]);
    let table = open("t.arrow", file(&source));
    let columns = |labels: usize| {
        vec![
            ("single".to_owned(), Generated::Means(0, Column::from(vec![0.1, 0.2]))),
            ("whole".to_owned(), Generated::Means(1, Column::from(vec![1.5, 2.0]))),
            ("label".to_owned(), Generated::Values(labels, ids([1, 0]))),
            ("weight".to_owned(), Generated::New(Column::from(vec![2.0, 1.0]))),
        ]
    };
    let write = |columns: &[(String, Generated)], format| {
        let mut out = Vec::new();
        write_generated(&table, columns, format, Compression::None, &mut out).map(|()| out)
    };
    for format in [Format::ArrowIpc, Format::Parquet] {
        let read = |bytes: Vec<u8>| {
            if format == Format::Parquet { read_parquet(&bytes).0[0].clone() } else { read_arrow(&bytes) }
        };
        let found = read(write(&columns(2), format).unwrap());
        let types: Vec<DataType> = found.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Float32, DataType::Float64, DataType::Int8, DataType::Float64], "{format}");
        let found = read(write(&columns(3), format).unwrap());
        assert_eq!(categories_of(found.column(2)), ["no", "yes", "never"]);
        assert_eq!(found.schema().field(2).dict_is_ordered(), Some(true));
        assert_eq!(texts_of(found.column(2)), [Some("no".to_owned()), Some("yes".to_owned())]);
    }
    let csv = String::from_utf8(write(&columns(2), Format::Csv).unwrap()).unwrap();
    assert_eq!(csv, "single,whole,label,weight\n0.1,1.5,6,2.0\n0.2,2.0,5,1.0\n");
    let npz = open("t.npz", write(&columns(2), Format::Npz).unwrap());
    assert!(matches!(npz.column(0).unwrap().values, Values::Number32(_)));
    assert_eq!(npz.column(2).unwrap().values, Values::Integer(vec![6, 5]));

    // Arrays stay arrays.
    let x: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    let table = open(
        "t.npz",
        zipped(
            &[("X.npy", &npy("'>f4'", false, "(2, 2)", &x)), ("y.npy", &npy("'|u1'", false, "(2,)", &[7, 9]))],
            false,
        ),
    );
    let columns = [
        ("X_0".to_owned(), Generated::Means(0, Column::from(vec![0.5, 1.5]))),
        ("X_1".to_owned(), Generated::Means(1, Column::from(vec![2.5, 3.5]))),
        ("y".to_owned(), Generated::Values(2, ids([1, 1]))),
        ("weight".to_owned(), Generated::New(Column::from(vec![1.0, 1.0]))),
    ];
    let mut out = Vec::new();
    write_generated(&table, &columns, Format::Npz, Compression::None, &mut out).unwrap();
    let back = open("t.npz", out);
    assert_eq!(back.positions("X").unwrap(), 0..2);
    assert_eq!(cells(&back), [vec!["0.5", "1.5"], vec!["2.5", "3.5"], vec!["9", "9"], vec!["1.0", "1.0"]]);
}

#[test]
fn text_tells_a_missing_value_from_an_empty_text() {
    let source = batch(vec![
        column_of("t", StringArray::from(vec![Some(""), None, Some("a,\"b\"\r\n"), Some(" c\u{1}")])),
        column_of("u", UInt64Array::from(vec![Some(u64::MAX), None, Some(0), Some(1)])),
    ]);
    let table = open("t.arrow", file(&source));
    let csv = String::from_utf8(rows_as(&table, &all(&table), &[], Format::Csv).unwrap()).unwrap();
    assert_eq!(csv, "t,u\n\"\",18446744073709551615\n,\n\"a,\"\"b\"\"\r\n\",0\n c\u{1},1\n");
}

#[test]
fn nested_values_are_json_in_text() {
    let item = |data_type| Arc::new(Field::new_list_field(data_type, true));
    let words = ListArray::new(
        item(DataType::Utf8),
        OffsetBuffer::new(vec![0, 2, 2].into()),
        Arc::new(StringArray::from(vec!["a, b", "\"c\""])),
        None,
    );
    let numbers = ListArray::new(
        item(DataType::Float64),
        OffsetBuffer::new(vec![0, 2, 3].into()),
        Arc::new(Float64Array::from(vec![Some(1.5), None, Some(f64::NEG_INFINITY)])),
        None,
    );
    let fields = vec![Field::new("x", DataType::Int64, true), Field::new("y", words.data_type().clone(), true)];
    let place = StructArray::new(
        fields.into(),
        vec![Arc::new(Int64Array::from(vec![1, 2])), Arc::new(words.clone())],
        Some(NullBuffer::from(vec![true, false])),
    );
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("k \"1\"");
    map.values().append_value(7);
    map.append(true).unwrap();
    map.append(true).unwrap();
    let batch = batch(vec![
        column_of("n", Int64Array::from(vec![1, 2])),
        column_of("words", words),
        column_of("numbers", numbers),
        column_of("place", place),
        column_of("map", map.finish()),
    ]);
    for table in [open("t.arrow", file(&batch)), open("t.parquet", parquet(&batch, WriterProperties::default()))] {
        let text = rows_as(&table, &all(&table), &[], Format::Csv).unwrap();
        let csv = open("t.csv", text);
        let found = cells(&csv);
        let row = |at: usize| found[1..].iter().map(|column| column[at].as_str()).collect::<Vec<_>>();
        let place = r#"{"x": 1, "y": ["a, b", "\"c\""]}"#;
        assert_eq!(row(0), [r#"["a, b", "\"c\""]"#, "[1.5, null]", place, r#"{"k \"1\"": 7}"#]);
        assert_eq!(row(1), ["[]", "[-Infinity]", "", "{}"]);
        let json = rows_as(&table, &all(&table)[..1], &[], Format::Jsonl).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["map"]["k \"1\""], 7);
        assert_eq!(value["place"]["y"][0], "a, b");
    }
}

#[test]
fn integers_of_128_bits_are_named() {
    let batch = batch(vec![column_of("huge", Int64Array::from(vec![1, 2]))]);
    for bytes in [file(&batch), stream(std::slice::from_ref(&batch))] {
        // The width is somewhere in the schema.
        let places = bytes.windows(4).enumerate().filter(|(_, four)| *four == [64, 0, 0, 0]).map(|(at, _)| at);
        let said = places.filter_map(|at| {
            let mut wide = bytes.clone();
            wide[at] = 128;
            read_bytes("t.arrow", wide, &ReadOptions::default()).err().map(|error| words(&error))
        });
        let said: Vec<String> = said.collect();
        let wanted = "t.arrow: column 'huge' holds integers of 128 bits, which no other program reads: 64 are the most";
        assert!(said.iter().any(|words| words.contains(wanted)), "{said:?}");
    }
}
