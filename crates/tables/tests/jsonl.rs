//! JSON Lines in and out.
#![allow(clippy::unwrap_used, missing_docs)]

use crate::common::*;
use leanset_tables::*;

fn jsonl(text: &str) -> Table {
    open("t.jsonl", text)
}

#[test]
fn keys_are_columns_and_values_have_types() {
    let table = jsonl(
        "\u{feff}{\"a\": 1, \"b\": 1.10, \"c\": true, \"d\": \"x\\u00e9\\n\", \"e\": [1, 2.5], \"f\": {\"g\": 1}, \"h\": 12345678901234567890}\r\n\
         \n  \n\
         {\"b\":2,\"a\":null,\"c\":false,\"d\":\"01\",\"e\":[3,4],\"f\":{},\"h\":1}\r\n\
         {\"d\":\"\",\"z\":-3}",
    );
    let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f", "h", "z"]);
    let other = |what: &str| Kind::Other(what.into());
    let expected = [
        Kind::Integer,
        Kind::Number,
        Kind::Boolean,
        Kind::Text,
        Kind::List(2),
        other("object"),
        Kind::Number,
        Kind::Integer,
    ];
    assert_eq!(kinds(&table), expected);
    assert_eq!(table.columns().iter().map(|c| c.missing).collect::<Vec<_>>(), [2, 1, 1, 0, 1, 1, 1, 2]);
    assert_eq!(cells(&table)[..4], [["1", "", ""], ["1.1", "2.0", ""], ["true", "false", ""], ["xé\n", "01", ""]]);
    assert_eq!(cells(&table)[4..6], [["[1.0, 2.5]", "[3.0, 4.0]", ""], ["{\"g\": 1}", "{}", ""]]);
    assert!(!named(&table, "d").is_missing(2), "an empty text is a value");
    assert_eq!(table.place(FileRow(1)), "row 1 (line 4)");
}

#[test]
fn kept_rows_are_the_bytes_of_their_lines() {
    let lines = [
        "{\"a\": 1.50, \"b\":[ 1,2 ], \"k\": \"\\u0041\"}\r\n",
        "{ }\n",
        "  {\"a\":1e0,\"n\":{\"b\":\"}\"}} \n",
        "{\"a\":7}",
    ];
    let table = jsonl(&lines.concat());
    let out = rows_as(&table, &ids([3, 0, 2, 1]), &[], Format::Jsonl).unwrap();
    let expected = [lines[3], "\n", lines[0], lines[2], lines[1]].concat();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let extra = [
        Extra { name: "w\"".into(), values: ExtraValues::F64(vec![0.5, 2.0]) },
        Extra { name: "t".into(), values: ExtraValues::Text(vec!["é".into(), "\n".into()]) },
    ];
    let out = rows_as(&table, &ids([1, 2]), &extra, Format::Jsonl).unwrap();
    let expected = "{\"w\\\"\":0.5,\"t\":\"é\"}\n  {\"a\":1e0,\"n\":{\"b\":\"}\"},\"w\\\"\":2.0,\"t\":\"\\n\"} \n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn typed_columns_are_written_as_objects() {
    let columns = [
        column("n", vec![0.1, 1e300, -0.0]),
        column("s", vec![0.1f32, 2.0, -3.5]),
        column("i", vec![1i64, i64::MIN, 3]),
        column("b", vec![true, false, true]),
        ("t\"".to_owned(), Column::new(Values::Text(texts(&["a\"b", "", "z"])), Some(vec![false, true, false]))),
    ];
    let out = columns_as(&columns, Format::Jsonl).unwrap();
    let expected = "{\"n\":0.1,\"s\":0.1,\"i\":1,\"b\":true,\"t\\\"\":\"a\\\"b\"}\n\
                    {\"n\":1e300,\"s\":2.0,\"i\":-9223372036854775808,\"b\":false,\"t\\\"\":null}\n\
                    {\"n\":-0.0,\"s\":-3.5,\"i\":3,\"b\":true,\"t\\\"\":\"z\"}\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let error = columns_as(&[column("n", vec![f64::INFINITY])], Format::Jsonl).unwrap_err();
    assert_eq!(words(&error), "column 'n' holds inf, which JSON cannot hold\nwrite CSV or Parquet");
}

#[cfg(feature = "arrow")]
#[test]
fn nested_values_of_arrow_are_nested_in_json() {
    use std::sync::Arc;

    use arrow_array::types::{Float32Type, Int32Type};
    use arrow_array::{
        Array, ArrayRef, Date32Array, DictionaryArray, FixedSizeListArray, ListArray, RecordBatch, StringArray,
        StructArray,
    };
    use arrow_schema::{DataType, Field};

    let vectors = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        [Some([Some(0.1), Some(-2.0)]), Some([Some(f32::NAN), None])],
        2,
    );
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([None, Some(vec![Some(1), None])]);
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a\"b", "c"]));
    let objects = StructArray::from(vec![(Arc::new(Field::new("w", DataType::Utf8, true)), words)]);
    let category: DictionaryArray<Int32Type> = ["u", "v"].into_iter().collect();
    let batch = RecordBatch::try_from_iter([
        ("vector", Arc::new(vectors) as ArrayRef),
        ("list", Arc::new(lists)),
        ("object", Arc::new(objects)),
        ("category", Arc::new(category)),
        ("day", Arc::new(Date32Array::from(vec![Some(19_723), None]))),
    ])
    .unwrap();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let table = open("t.arrow", writer.into_inner().unwrap());
    let out = rows_as(&table, &ids([1, 0]), &[], Format::Jsonl).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"vector\":[null,null],\"list\":[1,null],\"object\":{\"w\":\"c\"},\"category\":\"v\",\"day\":null}\n\
         {\"vector\":[0.1,-2.0],\"list\":null,\"object\":{\"w\":\"a\\\"b\"},\"category\":\"u\",\"day\":\"2024-01-01\"}\n"
    );
    assert!(batch.column(0).len() == 2);
}

#[test]
fn lines_that_are_no_objects_are_named() {
    let object = "a line is one JSON object, such as {\"x\": 1.5, \"class\": \"a\"}";
    for (text, expected) in [
        ("{\"a\":1}\n\n{\"a\":1,}\n", format!("t.jsonl: line 3, column 8: trailing comma\n{object}")),
        ("{\"a\":1}\n[1]\n", format!("t.jsonl: line 2, column 0: invalid type: sequence, expected an object with a key for each column\n{object}")),
        ("{\"a\":1} {\"a\":2}\n", format!("t.jsonl: line 1, column 9: trailing characters\n{object}")),
        ("{\"a\":NaN}\n", "t.jsonl: line 1, column 6: expected value\nNaN and Infinity are not JSON: write null for a missing value".into()),
        ("{\"a\":1,\"a\":2}\n", "t.jsonl: line 1, column 13: the key 'a' is there twice\na key is a column, which has one value in a row".into()),
        ("{\n \"a\": 1\n}\n", "t.jsonl: line 1, column 1: EOF while parsing an object\nan object is on one line: jq -c . t.jsonl > lines.jsonl, or the file is cut short".into()),
        (" [{\"a\":1}]", "t.jsonl: is one JSON array; a table has a JSON object on each line\nmake lines of it: jq -c '.[]' t.jsonl > lines.jsonl".into()),
        ("{}\n{}\n", "t.jsonl: its objects have no keys, so the table has no columns".into()),
        ("\n \n", "t.jsonl: the file is empty\na table has a line of column names, and rows".into()),
    ] {
        assert_eq!(words(&refused("t.jsonl", text)), expected, "{text:?}");
    }
    assert_eq!(
        words(&refused("t.jsonl", *b"{\"a\":1}\n{\"a\":\"\xff\"}\n")),
        "t.jsonl: line 2 is not UTF-8: byte 0xff\nJSON is UTF-8: write the file again"
    );
}

#[test]
fn a_column_of_several_types_is_no_feature() {
    let table = jsonl("{\"a\":1,\"b\":true}\n{\"a\":\"1\",\"b\":true}\n{\"a\":2,\"b\":false}\n");
    assert_eq!(kinds(&table), [Kind::Text, Kind::Boolean]);
    assert_eq!(
        words(&Encoder::fit(&table, &Columns::default()).unwrap_err()),
        "t.jsonl: column 'a' has a number in row 0 (line 1) and text in row 1 (line 2)\nwrite it in one way, or --exclude a"
    );
    let table = jsonl("{\"a\":1,\"b\":true}\n{\"a\":[1],\"b\":true}\n");
    assert_eq!(kinds(&table)[0], Kind::Other("values of several types".into()));
}

#[cfg(feature = "arrow")]
#[test]
fn arrays_of_numbers_are_coordinates() {
    let text = "{\"v\":[1,2],\"w\":[0.5],\"r\":[1],\"s\":[\"a\"]}\n{\"v\":[3,4],\"w\":[null],\"r\":[1,2],\"s\":[]}\n{\"v\":[5,6],\"r\":[3]}\n";
    let table = jsonl(text);
    let other = || Kind::Other("array".into());
    assert_eq!(kinds(&table), [Kind::List(2), Kind::List(1), other(), other()]);
    assert_eq!(table.columns()[1].missing, 2);
    let options = Columns { features: features(&["v"]), scale: Some(Scale::None), ..Columns::default() };
    let (encoder, encoded) = Encoder::fit_encode(&table, &options).unwrap();
    assert_eq!((encoder.feature_columns(), encoded.dimensions), (&["v".to_owned()][..], 2));
    assert_eq!(encoded.features.to_f64(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let ragged = Columns { features: features(&["r"]), ..Columns::default() };
    let error = Encoder::fit(&table, &ragged).unwrap_err().to_string();
    assert!(error.contains("'r'") && error.contains("2 in row 1"), "{error}");
    assert_eq!(rows_as(&table, &ids([0, 1, 2]), &[], Format::Jsonl).unwrap(), text.as_bytes());
    // Into a format with lists they stay lists, and come back as they were.
    let only = jsonl("{\"v\":[1,2],\"w\":[0.5,1e300]}\n{\"v\":[3,-4],\"w\":[0.25,null]}\n");
    for format in [Format::Parquet, Format::ArrowIpc] {
        let typed = open(&format!("t.{}", format.extensions()[0]), rows_as(&only, &ids([0, 1]), &[], format).unwrap());
        assert_eq!(kinds(&typed), [Kind::List(2), Kind::List(2)], "{format}");
        let back = rows_as(&typed, &ids([1, 0]), &[], Format::Jsonl).unwrap();
        assert_eq!(
            String::from_utf8(back).unwrap(),
            "{\"v\":[3,-4],\"w\":[0.25,null]}\n{\"v\":[1,2],\"w\":[0.5,1e300]}\n",
            "{format}"
        );
    }
}

#[test]
fn lines_are_read_packed_and_under_each_of_their_names() {
    for name in ["t.jsonl", "t.ndjson", "t.json", "t.JSONL"] {
        assert_eq!(cells(&open(name, "{\"x\":1}\n{\"x\":2}\n")), [["1", "2"]], "{name}");
    }
    for (name, compression) in [("t.jsonl.gz", Compression::Gzip), ("t.ndjson.zst", Compression::Zstd)] {
        let mut bytes = Vec::new();
        write_columns(&[column("x", vec![1i64, 2])], Format::Jsonl, compression, &mut bytes).unwrap();
        assert_eq!(cells(&open(name, bytes)), [["1", "2"]]);
    }
}

#[test]
fn many_lines_are_read_in_chunks() {
    let text: String = (0..40_000)
        .map(|i| if i % 7 == 0 { format!("{{\"b\":\"k{i}\"}}\n") } else { format!("{{\"a\":{i},\"b\":\"k{i}\"}}\n") })
        .collect();
    let table = jsonl(&text);
    let (a, b) = (named(&table, "a"), named(&table, "b"));
    for row in 0..40_000 {
        assert_eq!(a.text(row), if row % 7 == 0 { String::new() } else { row.to_string() });
        assert_eq!(b.text(row), format!("k{row}"));
    }
}

#[test]
fn digits_that_no_number_holds_stay_digits() {
    let table = jsonl(
        "{\"id\":12345678901234567890,\"big\":9007199254740993,\"kind\":\"a\"}\n\
         {\"id\":12345678901234567891,\"big\":0.5,\"kind\":\"a\"}\n",
    );
    assert_eq!(
        String::from_utf8(rows_as(&table, &all(&table), &[], Format::Csv).unwrap()).unwrap(),
        "id,big,kind\n12345678901234567890,9007199254740993,a\n12345678901234567891,0.5,a\n"
    );
    #[cfg(feature = "arrow")]
    {
        let parquet = open("t.parquet", rows_as(&table, &all(&table), &[], Format::Parquet).unwrap());
        assert_eq!(kinds(&parquet), [Kind::Text, Kind::Text, Kind::Text]);
        assert_eq!(cells(&parquet)[0][1], "12345678901234567891");
    }
    // As a label each is a class of its own, though both are one float.
    let classes = Encoder::fit(&table, &label("id")).unwrap().class_names();
    assert_eq!(classes, ["12345678901234567890", "12345678901234567891"]);
    // As a feature they are refused for the same reason.
    let table = jsonl("{\"x\":12345678901234567890,\"y\":1}\n{\"x\":12345678901234567891,\"y\":2}\n");
    let error = Encoder::fit(&table, &Columns::default()).expect_err("one float");
    assert!(words(&error).contains("12345678901234567891"), "{}", words(&error));
}
