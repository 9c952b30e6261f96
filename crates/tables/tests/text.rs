//! CSV and TSV: raw records come back byte for byte, and what the grammar allows is understood.
#![allow(clippy::unwrap_used, missing_docs)]

use crate::common::*;
use leanset_tables::*;
use proptest::prelude::*;

/// A field as somebody may have written it: quoted when it must be, and sometimes when not.
fn written(value: &str, quote: bool, delimiter: char, alone: bool) -> String {
    let must = value.contains([delimiter, '"', '\n', '\r']) || (alone && value.is_empty());
    if must || quote { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() }
}

/// Rows of values and whether each is quoted without need.
type Rows = Vec<Vec<(String, bool)>>;

fn tables() -> impl Strategy<Value = (Rows, bool, bool, bool)> {
    let cell = ("[a-c1-3 .,;\"\n\r\tΩ😀-]{0,8}", any::<bool>());
    let table = (1usize..5).prop_flat_map(move |width| prop::collection::vec(prop::collection::vec(cell, width), 1..8));
    (table, any::<bool>(), any::<bool>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn csv_of_all_rows_in_order_is_the_file((rows, crlf, bom, tabs) in tables()) {
        let (newline, delimiter) = (if crlf { "\r\n" } else { "\n" }, if tabs { '\t' } else { ',' });
        let width = rows[0].len();
        let mut text = String::from(if bom { "\u{feff}" } else { "" });
        text += &(0..width).map(|i| format!("\"c,{i}\"")).collect::<Vec<_>>().join(&delimiter.to_string());
        text += newline;
        for row in &rows {
            let fields: Vec<String> =
                row.iter().map(|(value, quote)| written(value, *quote, delimiter, width == 1)).collect();
            text += &fields.join(&delimiter.to_string());
            text += newline;
        }
        let (name, format, other) =
            if tabs { ("t.tsv", Format::Tsv, Format::Csv) } else { ("t.csv", Format::Csv, Format::Tsv) };
        let table = open(name, text.clone());
        prop_assert_eq!(table.rows(), rows.len());
        prop_assert_eq!(String::from_utf8(rows_as(&table, &all(&table), &[], format).unwrap()).unwrap(), text);

        // Behind the other delimiter the text of every field is the same.
        let bytes = rows_as(&table, &all(&table), &[], other).unwrap();
        let delimiter = if tabs { b',' } else { b'\t' };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes.as_slice());
        for (row, record) in rows.iter().zip(reader.records()) {
            let record = record.unwrap();
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), row.iter().map(|(v, _)| v).collect::<Vec<_>>());
        }
    }
}

#[test]
fn csv_records_keep_their_bytes() {
    let table = csv("\u{feff} a , b\r\n1.10,\"x\"\r\n\r\n  2 ,\"y, \"\"z\"\"\nnext\"\r\n3.0,q\"q");
    assert_eq!(table.columns()[0].name, "a");
    let out = rows_as(&table, &ids([2, 0, 1, 0]), &[], Format::Csv).unwrap();
    let expected = "\u{feff} a , b\r\n3.0,q\"q\r\n1.10,\"x\"\r\n  2 ,\"y, \"\"z\"\"\nnext\"\r\n1.10,\"x\"\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!(cells(&table), [["1.1", "2.0", "3.0"], ["x", "y, \"z\"\nnext", "q\"q"]]);
    assert_eq!(table.place(FileRow(2)), "row 2 (line 6)");
}

#[test]
fn csv_extra_columns_use_the_delimiter_of_the_file() {
    let options = ReadOptions { delimiter: Some(";".parse().unwrap()), ..ReadOptions::default() };
    let table = read_bytes("t.csv", b"a;b\n1,5;x\n2,5;y\n".to_vec(), &options).unwrap();
    let extra = [
        Extra { name: "weight".into(), values: ExtraValues::F64(vec![0.25, 3.0]) },
        Extra { name: "n;n".into(), values: ExtraValues::U32(vec![7, 8]) },
        Extra { name: "t".into(), values: ExtraValues::Text(vec!["p;q".into(), "r\"".into()]) },
    ];
    let out = rows_as(&table, &ids([1, 0]), &extra, Format::Csv).unwrap();
    let expected = "a;b;weight;\"n;n\";t\n2,5;y;0.25;7;\"p;q\"\n1,5;x;3.0;8;\"r\"\"\"\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let out = rows_as(&table, &ids([1]), &[], Format::Tsv).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "a\tb\n2,5\ty\n");
}

#[test]
fn csv_kinds_follow_from_the_whole_column() {
    let table = csv(
        "i,n,b,t,m,z,mixed,code\n1,1,TRUE,a,NA,,1,007\n-2, 2.5 ,false,1,3,?,x,12\n,NaN,,,None,null,true,99999999999999999999\n",
    );
    assert_eq!(
        kinds(&table),
        [Kind::Integer, Kind::Number, Kind::Boolean, Kind::Text, Kind::Integer, Kind::Number, Kind::Text, Kind::Number]
    );
    assert_eq!(table.columns().iter().map(|c| c.missing).collect::<Vec<_>>(), [1, 1, 1, 1, 2, 3, 0, 0]);
    assert_eq!(named(&table, "n").text(1), "2.5");
    assert_eq!(named(&table, "t").values, Values::Text(texts(&["a", "1", ""])));
}

#[test]
fn csv_line_endings_blank_lines_and_the_unterminated_last_line() {
    for text in ["a,b\r1,2\r3,4", "a,b\n\n1,2\n\n\n3,4\n", "\n\na,b\r\n1,2\r\n3,4\r\n\r\n"] {
        assert_eq!(cells(&csv(text)), [["1", "3"], ["2", "4"]], "{text:?}");
    }
    let out = rows_as(&csv("a,b\r1,2\r3,4"), &ids([1, 0]), &[], Format::Csv).unwrap();
    assert_eq!(out, b"a,b\r3,4\r1,2\r");
    assert_eq!(cells(&csv("a\n\"\"\nx\n")), [["", "x"]], "an empty quoted field is a record");
    assert_eq!(cells(&csv("0,1\n5,6\n")), [["5"], ["6"]], "whole numbers may be names");
}

#[test]
fn write_columns_writes_csv_with_quotes_where_needed() {
    let columns = [column("rank", vec![0i64, 1]), column("name", vec!["a".to_owned(), "b,c".to_owned()])];
    assert_eq!(columns_as(&columns, Format::Csv).unwrap(), b"rank,name\n0,a\n1,\"b,c\"\n");
    assert_eq!(columns_as(&columns, Format::Tsv).unwrap(), b"rank\tname\n0\ta\n1\tb,c\n");
    assert_eq!(columns_as(&[column("t", texts(&["", "x"]))], Format::Csv).unwrap(), b"t\n\"\"\nx\n");
}
