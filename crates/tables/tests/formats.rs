//! Every format in and out: rows come back as they were, values survive the way from one format to another.
#![cfg(feature = "arrow")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use crate::common::*;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float16Array, Float32Array, Float64Array, Int8Array,
    Int64Array, ListArray, RecordBatch, StringArray, UInt64Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use leanset_tables::*;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

const WRITABLE: [Format; 7] =
    [Format::Csv, Format::Tsv, Format::Jsonl, Format::Parquet, Format::ArrowIpc, Format::Npy, Format::Npz];

fn name_of(format: Format) -> String {
    format!("t.{}", format.extensions()[0])
}

fn numbers() -> Vec<(String, Column)> {
    vec![
        column("x0", vec![0.1, -2.5e-7, 3.0, 1e300]),
        column("x1", vec![1.0, 0.1 + 0.2, -0.0, 5e-324]),
        (
            "x2".to_owned(),
            Column::new(Values::Number(vec![1.5, f64::NAN, 2.5, 3.5]), Some(vec![false, true, false, false])),
        ),
    ]
}

fn mixed() -> Vec<(String, Column)> {
    vec![
        column("number", vec![0.1, -2.5e-7, 3.0, 1e300]),
        column("single", vec![0.5f32, -1.25, 3.0, 1e-3]),
        column("integer", vec![1i64, -9, i64::MAX, i64::MIN]),
        column("flag", vec![true, false, true, true]),
        column("word", texts(&["a,b", "say \"hi\"", "naïve\tΩ", "two\nlines"])),
    ]
}

#[test]
fn write_rows_keeps_numbers_between_all_formats() {
    for from in WRITABLE {
        let first = open(&name_of(from), columns_as(&numbers(), from).unwrap());
        assert_eq!(first.rows(), 4);
        assert_eq!(first.columns()[2].missing, 1, "{from}");
        for to in WRITABLE {
            let second = open(&name_of(to), rows_as(&first, &ids([3, 0, 2, 1]), &[], to).unwrap());
            assert_eq!(kinds(&second), vec![Kind::Number; 3], "{from} to {to}");
            for (index, (_, original)) in numbers().iter().enumerate() {
                let found = second.column(index).unwrap();
                for (row, from_row) in [3, 0, 2, 1].into_iter().enumerate() {
                    assert_eq!(found.text(row), original.text(from_row), "{from} to {to}, column {index}");
                }
            }
        }
    }
}

#[test]
fn write_rows_keeps_types_between_formats_that_have_them() {
    let formats = WRITABLE.into_iter().filter(|format| *format != Format::Npy);
    for from in formats.clone() {
        let first = open(&name_of(from), columns_as(&mixed(), from).unwrap());
        for to in formats.clone() {
            let second = open(&name_of(to), rows_as(&first, &ids([1, 0, 3, 2]), &[], to).unwrap());
            let expected = [Kind::Number, Kind::Number, Kind::Integer, Kind::Boolean, Kind::Text];
            assert_eq!(kinds(&second), expected, "{from} to {to}");
            for (index, (name, original)) in mixed().iter().enumerate() {
                assert_eq!(&second.columns()[index].name, name);
                let found = second.column(index).unwrap();
                for (row, from_row) in [1, 0, 3, 2].into_iter().enumerate() {
                    assert_eq!(found.text(row), original.text(from_row), "{from} to {to}, column {name}");
                }
            }
            let text = |format: Format| matches!(format, Format::Csv | Format::Tsv | Format::Jsonl);
            let narrow = matches!(second.column(1).unwrap().values, Values::Number32(_));
            assert_eq!(narrow, !text(from) && !text(to), "{from} to {to}: 32 bits stay 32 bits where there are types");
        }
    }
}

#[test]
fn write_rows_keeps_missing_values_missing() {
    let flags = Some(vec![false, true, false]);
    let columns = vec![
        ("n".to_owned(), Column::new(Values::Number(vec![1.5, f64::NAN, 2.5]), flags.clone())),
        ("i".to_owned(), Column::new(Values::Integer(vec![1, 0, 2]), flags.clone())),
        ("b".to_owned(), Column::new(Values::Boolean(vec![true, false, false]), flags.clone())),
        ("t".to_owned(), Column::new(Values::Text(texts(&["x", "", "y"])), flags)),
    ];
    let formats = [Format::Csv, Format::Tsv, Format::Jsonl, Format::Parquet, Format::ArrowIpc];
    for from in formats {
        let first = open(&name_of(from), columns_as(&columns, from).unwrap());
        for to in formats {
            let second = open(&name_of(to), rows_as(&first, &all(&first), &[], to).unwrap());
            assert_eq!(kinds(&second), kinds(&first));
            for (index, (name, original)) in columns.iter().enumerate() {
                assert_eq!(second.columns()[index].missing, 1);
                let found = second.column(index).unwrap();
                assert_eq!(found.missing, original.missing, "{from} to {to}, column {name}");
                assert_eq!([found.text(0), found.text(2)], [original.text(0), original.text(2)]);
            }
        }
        let error = rows_as(&first, &all(&first), &[], Format::Npz).unwrap_err();
        assert_eq!(
            words(&error),
            "column 'i' has 1 missing values, and arrays of integers have none\nwrite CSV or Parquet"
        );
    }
}

#[test]
fn compression_is_read_and_written() {
    let table = csv("a,b\n1,x\n2,y\n");
    for (compression, extension) in [(Compression::Gzip, "gz"), (Compression::Zstd, "zst")] {
        for format in [Format::Csv, Format::Parquet, Format::Npz] {
            let pack = || {
                let mut out = Vec::new();
                write_rows(&table, &ids([1, 0]), &[], format, compression, &mut out).unwrap();
                out
            };
            assert_eq!(pack(), pack(), "equal tables make equal files");
            let back = open(&format!("T.{}.{extension}", format.extensions()[0].to_uppercase()), pack());
            assert_eq!(cells(&back), [["2", "1"], ["y", "x"]]);
        }
    }
}

#[test]
fn read_with_progress_reports_up_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let text: String =
        std::iter::once("a,b\n".to_owned()).chain((0..50_000).map(|i| format!("{i},{}\n", i * 2))).collect();
    std::fs::write(&path, &text).unwrap();
    let calls = std::sync::Mutex::new(Vec::new());
    let progress = |done, total| calls.lock().unwrap().push((done, total));
    let table = read_with_progress(&path, &ReadOptions::default(), &progress).unwrap();
    assert_eq!((table.rows(), table.format(), table.name()), (50_000, Format::Csv, path.to_str().unwrap()));
    assert!(table.memory() >= text.len() as u64);
    let calls = calls.into_inner().unwrap();
    assert!(calls.len() > 3 && calls.is_sorted() && calls.iter().all(|(done, total)| done <= total), "{calls:?}");
    assert_eq!(calls.last(), Some(&(text.len() as u64, text.len() as u64)));
}

fn dictionary() -> ArrayRef {
    let values: DictionaryArray<Int32Type> = vec![Some("red"), None, Some("blue"), Some("red")].into_iter().collect();
    Arc::new(values)
}

/// A batch of everything that is carried along, with metadata on schema and field.
fn exotic() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![]),
        Some(vec![Some(3), None]),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("tiny", Arc::new(Int8Array::from(vec![1, -2, 3, 4]))),
        (
            "half",
            Arc::new(Float16Array::from(
                vec![1.5f32, -0.25, 1024.0, 3.0].into_iter().map(arrow_half).collect::<Vec<_>>(),
            )),
        ),
        ("single", Arc::new(Float32Array::from(vec![Some(0.1f32), None, Some(f32::NAN), Some(4.0)]))),
        ("colour", dictionary()),
        ("day", Arc::new(Date32Array::from(vec![0, 1, 2, 20_000]))),
        ("list", Arc::new(list)),
        ("__index_level_0__", Arc::new(Int64Array::from(vec![7, 8, 9, 10]))),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| {
            Field::new(*name, array.data_type().clone(), true)
                .with_metadata([("unit".to_owned(), format!("{name}²"))].into())
        })
        .collect();
    let schema = Schema::new_with_metadata(fields, [("made".to_owned(), "by hand".to_owned())].into());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

/// A half from a float without naming the crate it lives in.
fn arrow_half(x: f32) -> <arrow_array::types::Float16Type as arrow_array::ArrowPrimitiveType>::Native {
    let single: ArrayRef = Arc::new(Float32Array::from(vec![x]));
    let half = arrow_cast::cast(&single, &DataType::Float16).unwrap();
    half.as_any().downcast_ref::<Float16Array>().unwrap().value(0)
}

fn parquet_bytes(batches: &[RecordBatch], rows_per_group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_per_group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn file_bytes(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn stream_bytes(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

#[test]
fn arrow_rows_keep_schema_metadata_dictionaries_and_nested_values() {
    let batch = exotic();
    let lz4 = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
    let sources = [
        ("t.parquet", parquet_bytes(std::slice::from_ref(&batch), 2)),
        ("t.feather", file_bytes(std::slice::from_ref(&batch), lz4)),
        ("t.arrow", file_bytes(&[batch.slice(0, 1), batch.slice(1, 3)], IpcWriteOptions::default())),
        ("t.ipc", stream_bytes(&[batch.slice(0, 3), batch.slice(3, 1)])),
    ];
    let expected =
        arrow_select::take::take_record_batch(&batch, &arrow_array::UInt32Array::from(vec![3, 1, 1])).unwrap();
    for (name, bytes) in sources {
        let table = open(name, bytes);
        assert_eq!(table.rows(), 4);
        let (list, index) = (table.columns()[5].kind.clone(), Kind::Integer);
        assert!(matches!(&list, Kind::Other(name) if name.starts_with("List")), "{list:?}");
        let day = Kind::Date;
        assert_eq!(kinds(&table), [Kind::Integer, Kind::Number, Kind::Number, Kind::Text, day, list, index], "{name}");
        assert_eq!(table.columns()[2].missing, 2, "null and NaN");
        assert_eq!(named(&table, "colour").text(2), "blue");
        assert_eq!(named(&table, "colour").missing, Some(vec![false, true, false, false]));
        assert_eq!(named(&table, "day").text(3), "2024-10-04");
        assert_eq!(named(&table, "list").text(3), "[3, null]");
        assert_eq!(named(&table, "half").values, Values::Number32(vec![1.5, -0.25, 1024.0, 3.0]));

        let parquet = rows_as(&table, &ids([3, 1, 1]), &[], Format::Parquet).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet)).unwrap();
        let schema = Arc::clone(builder.schema());
        let back = builder.build().unwrap().map(|batch| batch.unwrap().with_schema(Arc::clone(&schema)).unwrap());
        let back: Vec<RecordBatch> = back.collect();
        assert_eq!(back, std::slice::from_ref(&expected), "{name} to Parquet");

        let ipc = rows_as(&table, &ids([3, 1, 1]), &[], Format::ArrowIpc).unwrap();
        let reader = arrow_ipc::reader::FileReader::try_new(std::io::Cursor::new(ipc), None).unwrap();
        let back: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_eq!(back, std::slice::from_ref(&expected), "{name} to Arrow");

        let text = String::from_utf8(rows_as(&table, &ids([0, 1]), &[], Format::Csv).unwrap()).unwrap();
        assert_eq!(
            text,
            "tiny,half,single,colour,day,list,__index_level_0__\n1,1.5,0.1,red,1970-01-01,\"[1, 2]\",7\n-2,-0.25,,,1970-01-02,,8\n"
        );
    }
}

#[test]
fn arrow_takes_large_selections_in_chunks() {
    let values = (0..600_000i64).collect::<Vec<_>>();
    let words: DictionaryArray<Int32Type> =
        (0..600_000).map(|i| Some(if i % 3 == 0 { "fizz" } else { "buzz" })).collect();
    let batch = RecordBatch::try_from_iter([
        ("i", Arc::new(Int64Array::from(values)) as ArrayRef),
        ("w", Arc::new(words) as ArrayRef),
    ]);
    let table = open("t.parquet", parquet_bytes(&[batch.unwrap()], 100_000));
    let rows = ids((0..600_000).rev());
    for format in [Format::Parquet, Format::ArrowIpc] {
        let weights = Extra { name: "w2".into(), values: ExtraValues::U32((0..600_000).collect()) };
        let back = open(&name_of(format), rows_as(&table, &rows, &[weights], format).unwrap());
        assert_eq!(back.rows(), 600_000);
        assert_eq!(back.column(0).unwrap().text(599_999), "0");
        assert_eq!(back.column(1).unwrap().text(599_999), "fizz");
        assert_eq!(back.column(2).unwrap().text(599_999), "599999");
    }
    let none = refused("t.parquet", rows_as(&table, &[], &[], Format::Parquet).unwrap());
    assert_eq!(none.to_string(), "t.parquet: the table has columns and no rows");
}

#[test]
fn arrow_names_unsigned_integers_past_the_signed_range() {
    let column: ArrayRef = Arc::new(UInt64Array::from(vec![5, u64::MAX]));
    let batch = RecordBatch::try_from_iter([("id", column)]).unwrap();
    let table = open("t.parquet", parquet_bytes(&[batch], 10));
    let error = table.column(0).unwrap_err();
    assert_eq!(
        words(&error),
        "t.parquet: row 1, column 'id': 18446744073709551615 is above 9223372036854775807, the largest integer here\n\
         store the column as text or as floats, or --exclude id"
    );
    // Carried along it is no trouble.
    let back = open("t.parquet", rows_as(&table, &ids([1]), &[], Format::Parquet).unwrap());
    assert!(back.column(0).is_err());
}

#[test]
fn arrow_reads_plain_types() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("f", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
        ("s", Arc::new(StringArray::from(vec!["", "x"]))),
        ("v", Arc::new(arrow_array::StringViewArray::from(vec!["a long text that is not inlined", "x"]))),
        ("n", Arc::new(arrow_array::NullArray::new(2))),
    ];
    let table =
        open("t.arrow", file_bytes(&[RecordBatch::try_from_iter(columns).unwrap()], IpcWriteOptions::default()));
    assert_eq!(kinds(&table), [Kind::Boolean, Kind::Number, Kind::Text, Kind::Text, Kind::Other("Null".to_owned())]);
    assert_eq!(cells(&table)[3], ["a long text that is not inlined", "x"]);
    assert_eq!(table.columns()[4].missing, 2);
    assert_eq!(named(&table, "s").missing, None, "an empty text is a text");
}

#[test]
fn npy_reads_every_type_byte_order_and_layout() {
    let table = open("t.npy", npy("'>i2'", false, "(3,)", &[0, 1, 0xff, 0xfe, 1, 0]));
    assert_eq!(table.columns()[0], ColumnInfo { name: "x0".into(), kind: Kind::Integer, missing: 0 });
    assert_eq!(table.column(0).unwrap().values, Values::Integer(vec![1, -2, 256]));

    let fortran: Vec<u8> = [1.0f64, 2.0, 3.0, 10.0, 20.0, 30.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    let table = open("t.npy", npy("'>f8'", true, "(3, 2)", &fortran));
    assert_eq!(cells(&table), [["1.0", "2.0", "3.0"], ["10.0", "20.0", "30.0"]]);
    let chosen: Vec<u8> = [3.0f64, 1.0, 30.0, 10.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    let out = rows_as(&table, &ids([2, 0]), &[], Format::Npy).unwrap();
    assert!(out.ends_with(&chosen), "type, byte order and layout stay");
    assert_eq!(cells(&open("t.npy", out)), [["3.0", "1.0"], ["30.0", "10.0"]]);
    let weights = Extra { name: "w".into(), values: ExtraValues::F64(vec![0.5, 0.25]) };
    let out = rows_as(&table, &ids([2, 0]), &[weights], Format::Npy).unwrap();
    assert_eq!(cells(&open("t.npy", out)), [["3.0", "1.0"], ["30.0", "10.0"], ["0.5", "0.25"]]);

    let half = npy("'<f2'", false, "(8,)", &[0, 0x3c, 0, 0xc0, 1, 0, 0xff, 3, 0, 0x7c, 1, 0x7e, 0xff, 0x7b, 0, 0x80]);
    let Values::Number32(found) = open("t.npy", half).column(0).unwrap().values else { panic!("halves are 32-bit") };
    let expected = [1.0, -2.0, 5.960_464_5e-8, 6.097_555e-5, f32::INFINITY, f32::NAN, 65504.0, -0.0];
    assert_eq!(found.iter().map(|x| x.to_bits()).take(5).collect::<Vec<_>>(), expected.map(f32::to_bits)[..5]);
    assert!(found[5].is_nan() && found[6] == 65504.0 && found[7].is_sign_negative());

    for (descr, bytes, text) in [
        ("'|i1'", vec![0xff], "-1"),
        ("'|u1'", vec![0xff], "255"),
        ("'<u2'", vec![0xff, 0xff], "65535"),
        ("'<i4'", vec![0xfe, 0xff, 0xff, 0xff], "-2"),
        ("'>u4'", vec![0, 0, 1, 0], "256"),
        ("'<i8'", vec![1, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775807"),
        ("'<u8'", vec![1, 0, 0, 0, 0, 0, 0, 0], "1"),
        ("'|b1'", vec![1], "true"),
        ("'<f4'", 0.1f32.to_le_bytes().to_vec(), "0.1"),
        ("'|S3'", b"ab\0".to_vec(), "ab"),
        ("'<U2'", vec![0xa9, 3, 0, 0, 0, 0, 0, 0], "Ω"),
        ("'>U2'", vec![0, 0, 3, 0xa9, 0, 0, 0, 0x61], "Ωa"),
    ] {
        let file = npy(descr, false, "(1,)", &bytes);
        let table = open("t.npy", file.clone());
        assert_eq!(cells(&table), [[text]], "{descr}");
        assert!(rows_as(&table, &ids([0]), &[], Format::Npy).unwrap().ends_with(&bytes));
    }
}

#[test]
fn npy_structured_has_a_column_per_field() {
    let descr = "[('a', '<i4'), ('b', '>f8'), ('c', '<U1')]";
    let mut data = Vec::new();
    for (a, b, c) in [(1i32, 0.5f64, 'x'), (2, 1.5, 'y')] {
        data.extend_from_slice(&a.to_le_bytes());
        data.extend_from_slice(&b.to_be_bytes());
        data.extend_from_slice(&u32::from(c).to_le_bytes());
    }
    let table = open("t.npy", npy(descr, false, "(2,)", &data));
    assert_eq!(table.columns().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(cells(&table), [["1", "2"], ["0.5", "1.5"], ["x", "y"]]);
    let out = rows_as(&table, &ids([1]), &[], Format::Npy).unwrap();
    assert_eq!(cells(&open("t.npy", out)), [["2"], ["1.5"], ["y"]]);
    let padded =
        npy("[('a', '|u1'), ('', '|V1'), ('b', '|u1'), ('', '|V1')]", false, "(2,)", &[1, 0, 2, 0, 3, 0, 4, 0]);
    assert_eq!(cells(&open("t.npy", padded)), [["1", "3"], ["2", "4"]]);
}

#[test]
fn npy_headers_are_those_numpy_writes() {
    // numpy.save(…, numpy.zeros((3, 2))) of numpy 2.
    let mut expected = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }".to_vec();
    expected.resize(127, b' ');
    expected.push(b'\n');
    expected.resize(128 + 48, 0);
    let out = columns_as(&[column("a", vec![0.0; 3]), column("b", vec![0.0; 3])], Format::Npy).unwrap();
    assert_eq!(out, expected);
}

#[test]
fn npz_groups_columns_by_array() {
    let x: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let x = npy("'<f4'", false, "(2, 2)", &x);
    let y = npy("'|u1'", false, "(2,)", &[0, 1]);
    let images = npy("'|u1'", false, "(2, 1, 3)", &[1, 2, 3, 4, 5, 6]);
    let z: Vec<u8> = [1.0f64, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let z = npy("'<c16'", false, "(2,)", &z);
    for deflated in [false, true] {
        let files: [(&str, &[u8]); 5] =
            [("X.npy", &x), ("y.npy", &y), ("images.npy", &images), ("z.npy", &z), ("notes.txt", b"ignored")];
        let table = open("t.npz", zipped(&files, deflated));
        let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["X_0", "X_1", "y", "images", "z"]);
        assert_eq!(table.positions("X").unwrap(), 0..2);
        assert_eq!(kinds(&table)[3], Kind::Other("array of 1 × 3".into()));
        assert_eq!(kinds(&table)[4], Kind::Other("complex128".into()));
        let error = table.column(4).unwrap_err();
        assert_eq!(error.to_string(), "t.npz: column 'z' (complex128) has no values leanset can read");

        let options = Columns { features: features(&["X"]), scale: Some(Scale::None), ..label("y") };
        let (encoder, encoded) = Encoder::fit_encode(&table, &options).unwrap();
        assert_eq!(encoder.feature_columns(), ["X_0", "X_1"]);
        assert_eq!(encoded.features, Features::F32(vec![1.0, 2.0, 3.0, 4.0]));
        let options = Columns { exclude: vec!["X".into()], ..Columns::default() };
        assert_eq!(Encoder::fit(&table, &options).unwrap().feature_columns(), ["y"]);

        let weights = Extra { name: "weight".into(), values: ExtraValues::F64(vec![1.5]) };
        let marks = Extra { name: "mark".into(), values: ExtraValues::Text(vec!["Ωmega".into()]) };
        let out = rows_as(&table, &ids([1]), &[weights, marks], Format::Npz).unwrap();
        let back = open("t.npz", out.clone());
        assert_eq!(back.rows(), 1);
        assert_eq!(named(&back, "X_1").values, Values::Number32(vec![4.0]));
        assert_eq!(named(&back, "weight").text(0), "1.5");
        assert_eq!(named(&back, "mark").text(0), "Ωmega");
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(out)).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut archive.by_name("images.npy").unwrap(), &mut bytes).unwrap();
        assert!(bytes.ends_with(&[4, 5, 6]));
    }
}

#[test]
fn xlsx_is_read_by_the_type_of_its_cells() {
    let people = [
        sheet_row(2, &[("s", "name"), ("s", " age "), ("s", "fit"), ("s", "born"), ("s", "score"), ("s", "")]),
        sheet_row(3, &[("s", "Ann"), ("n", "31"), ("b", "1"), ("d", "44927"), ("n", "0.5"), ("n", "1")]),
        sheet_row(4, &[("s", "Bob"), ("s", "NA"), ("b", "0"), ("d", "44927.5"), ("e", "#N/A"), ("n", "2")]),
        sheet_row(5, &[("s", " "), ("", ""), ("", ""), ("", ""), ("", ""), ("", "")]),
    ];
    let other = [sheet_row(1, &[("s", "v"), ("s", "w")]), sheet_row(2, &[("n", "1"), ("e", "#DIV/0!")])];
    let bytes = workbook(&[("people", &people.concat()), ("other", &other.concat())]);
    let table = open("t.xlsx", bytes.clone());
    let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["name", "age", "fit", "born", "score", "column_5"]);
    assert_eq!(kinds(&table), [Kind::Text, Kind::Integer, Kind::Boolean, Kind::Date, Kind::Number, Kind::Integer]);
    assert_eq!(table.rows(), 2);
    assert_eq!(cells(&table)[..3], [["Ann", "Bob"], ["31", ""], ["true", "false"]]);
    assert_eq!(cells(&table)[3..5], [["2023-01-01", "2023-01-01T12:00:00"], ["0.5", ""]]);
    let error = Encoder::fit(&table, &Columns { features: features(&["age"]), ..Columns::default() }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.xlsx: missing values in 1 column: 'age' (1); the first is in row 1 (sheet row 4), column 'age'"
    );

    let sheet = |name: &str| ReadOptions { sheet: Some(name.into()), ..ReadOptions::default() };
    let table = read_bytes("t.xlsx", bytes.clone(), &sheet("other")).unwrap();
    assert_eq!(
        words(&table.column(1).unwrap_err()),
        "t.xlsx: row 0 (sheet row 2), column 'w': cell B2 holds the error #DIV/0!\nrepair the cell, or --exclude w"
    );
    let error = read_bytes("t.xlsx", bytes, &sheet("else")).unwrap_err();
    assert_eq!(words(&error), "t.xlsx: no sheet 'else'\nsheets: 'people', 'other'");
    let text =
        String::from_utf8(rows_as(&table, &ids([0]), &[], Format::Csv).unwrap_err().to_string().into_bytes()).unwrap();
    assert!(text.contains("#DIV/0!"));
}

#[test]
fn read_bytes_never_panics_on_damaged_files() {
    let mut state = 1u64;
    let mut random = |below: usize| {
        // xorshift64: enough to hit every part of a file.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let sheet = [sheet_row(1, &[("s", "a"), ("s", "b")]), sheet_row(2, &[("n", "1"), ("s", "x")])].concat();
    let mut files: Vec<(String, Vec<u8>)> = WRITABLE
        .into_iter()
        .map(|format| {
            (name_of(format), columns_as(&if format == Format::Npy { numbers() } else { mixed() }, format).unwrap())
        })
        .collect();
    files.push(("t.xlsx".into(), workbook(&[("s", &sheet)])));
    files.push(("t.ipc".into(), stream_bytes(&[exotic()])));
    files.push(("t.parquet".into(), parquet_bytes(&[exotic()], 2)));
    for (name, bytes) in files {
        for _ in 0..150 {
            let mut bytes = bytes.clone();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = u8::try_from(random(256)).unwrap();
            }
            if random(3) == 0 {
                bytes.truncate(random(bytes.len()));
            }
            if let Ok(table) = read_bytes(&name, bytes, &ReadOptions::default()) {
                (0..table.columns().len()).for_each(|index| drop(table.column(index)));
                for format in WRITABLE {
                    drop(rows_as(&table, &all(&table), &[], format));
                }
            }
        }
    }
}
