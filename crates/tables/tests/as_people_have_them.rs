//! Tables as people have them: numbers and dates in text, names as they are spelled, missing words, and first lines.
#![cfg(feature = "arrow")]
#![allow(clippy::unwrap_used, missing_docs)]

use crate::common::*;
use leanset_tables::*;

fn raw() -> Columns {
    Columns { scale: Some(Scale::None), ..Columns::default() }
}

fn fit(table: &Table, options: &Columns) -> Encoded {
    Encoder::fit_encode(table, options).unwrap_or_else(|error| panic!("{error}")).1
}

fn refusal(table: &Table, options: &Columns) -> String {
    words(&Encoder::fit(table, options).expect_err("should be refused"))
}

fn codes(encoded: &Encoded) -> Vec<&str> {
    // The numbers beside count the rows.
    encoded.warnings.iter().map(|warning| &*warning.code).filter(|code| *code != "id-like-column").collect()
}

/// The cells as a text column `x` beside numbers `y`, in every format that has text.
fn in_every_format(cells: &[&str]) -> Vec<Table> {
    let y: Vec<f64> = (0..cells.len()).map(|row| row as f64).collect();
    let columns = [column("x", texts(cells)), column("y", y)];
    let mut tables: Vec<Table> =
        [(Format::Parquet, "t.parquet"), (Format::ArrowIpc, "t.arrow"), (Format::Npz, "t.npz")]
            .into_iter()
            .map(|(format, name)| open(name, columns_as(&columns, format).unwrap()))
            .collect();
    let quoted: String = cells.iter().enumerate().map(|(row, cell)| format!("\"{cell}\",{row}\n")).collect();
    tables.push(csv(&format!("x,y\n{quoted}")));
    let mut rows = sheet_row(1, &[("s", "x"), ("s", "y")]);
    for (row, cell) in cells.iter().enumerate() {
        rows += &sheet_row(row + 2, &[("s", cell), ("n", &row.to_string())]);
    }
    tables.push(open("t.xlsx", workbook(&[("S", &rows)])));
    tables
}

#[test]
fn numbers_in_text_are_numbers_in_every_format() {
    for (cells, expected) in [
        (&["1,5", "2,25", "10"][..], &[1.5, 2.25, 10.0][..]),
        (&["1.234,5", "7,25", "2.000,75"], &[1234.5, 7.25, 2000.75]),
        (&["1\u{202f}500", "250", "12\u{a0}000"], &[1500.0, 250.0, 12_000.0]),
        (&["12 %", "7.5%", "3 %"], &[12.0, 7.5, 3.0]),
        (&["\u{2212}4.5", "2", "1.5"], &[-4.5, 2.0, 1.5]),
        (&["€ 5", "€ 12.50", "-€ 3"], &[5.0, 12.5, -3.0]),
    ] {
        for table in in_every_format(cells) {
            let encoded = fit(&table, &raw());
            let found: Vec<f64> = encoded.features.to_f64().chunks(2).map(|row| row[0]).collect();
            assert_eq!(found, expected, "{}: {cells:?}", table.name());
            assert_eq!(codes(&encoded), ["text-numbers"], "{}", table.name());
        }
    }
    // As programs write them, they are text in typed formats alone.
    for table in in_every_format(&["0.5", "1.25", "3"]) {
        let encoded = fit(&table, &raw());
        assert_eq!(encoded.features.to_f64(), [0.5, 0.0, 1.25, 1.0, 3.0, 2.0], "{}", table.name());
        assert_eq!(codes(&encoded).is_empty(), table.format() == Format::Csv, "{}", table.name());
    }
}

#[test]
fn notations_that_a_column_does_not_tell_are_refused() {
    for table in in_every_format(&["1,234", "2,500", "3,750", "2,500"]) {
        let error = refusal(&table, &raw());
        assert!(error.contains("column 'x': '1,234'") && error.contains("thousands"), "{error}");
        assert!(
            error.contains("--decimal . ") && error.contains("--decimal , ") && error.contains("--categorical x"),
            "{error}"
        );
        for (decimal, value) in [(DecimalMark::Comma, 1.234), (DecimalMark::Point, 1234.0)] {
            let encoded = fit(&table, &Columns { decimal: Some(decimal), ..raw() });
            assert_eq!(encoded.features.to_f64()[0], value);
            assert!(codes(&encoded).is_empty(), "what was said needs no warning");
        }
        let encoded = fit(&table, &Columns { categorical: vec!["x".into()], missing: Missing::Drop, ..raw() });
        assert_eq!(encoded.dimensions, 4, "three categories and a number");
    }
    let table = csv("x,y\n\"1,5\",1\n2.5,2\n3,3\n");
    assert_eq!(
        refusal(&table, &raw()),
        "t.csv: row 1 (line 3), column 'x': '2.5' is a number in another notation than '1,5' in row 0 (line 2)\n\
         write all numbers of the column alike, or --exclude x, or --categorical x if they are names"
    );
    let table = csv("x,y\n$5,1\n€7,2\n$3,3\n");
    assert!(
        refusal(&table, &raw()).contains("'€7' has another percent sign or currency"),
        "{}",
        refusal(&table, &raw())
    );
}

#[test]
fn a_decimal_comma_that_is_said_holds_for_every_column_of_text() {
    let table = csv("a;b\n1.234;x\n2.345;y\n").columns().len();
    assert_eq!(table, 1, "with commas, this is one column");
    let options = ReadOptions { delimiter: Some(Delimiter::new(b';').unwrap()), ..ReadOptions::default() };
    let table = read_bytes("t.csv", b"a;b\n1.234;1,5\n2.345;2\n".to_vec(), &options).unwrap();
    let comma = Columns { decimal: Some(DecimalMark::Comma), ..raw() };
    assert_eq!(fit(&table, &comma).features.to_f64(), [1234.0, 1.5, 2345.0, 2.0]);
    let table = read_bytes("t.csv", b"a;b\n1.2;1,5\n2.3;2\n".to_vec(), &options).unwrap();
    let error = refusal(&table, &comma);
    assert!(error.contains("'1.2' is no number with --decimal ,"), "{error}");
}

#[test]
fn the_encoding_of_a_table_reads_its_rows_alone() {
    // Of a part of the rows the notation could be another one.
    let full = csv("x,k\n\"1.234,5\",a\n1.234,b\n\"2,5\",c\n");
    let encoder = Encoder::fit(&full, &Columns { scale: Some(Scale::None), ..Columns::labelled("k") }).unwrap();
    let part = encoder.encode(&csv("x,k\n1.234,b\n")).unwrap();
    assert_eq!(part.features.to_f64(), [1234.0]);
    let typed =
        open("t.parquet", columns_as(&[column("x", vec![7.5]), column("k", texts(&["a"]))], Format::Parquet).unwrap());
    assert_eq!(encoder.encode(&typed).unwrap().features.to_f64(), [7.5]);
    // Points of the encoded space are spelled as the column is.
    assert_eq!(encoder.decode(&[1.5]).unwrap()[0].1.text(0), "1,5");
}

#[test]
fn words_among_numbers_of_any_notation_are_found() {
    let mut rows: String = (0..60).map(|row| format!("\"{row},5\",{row}\n")).collect();
    rows.push_str("n.v.,60\nn.v.,61\n");
    let table = csv(&format!("x,y\n{rows}"));
    let error = refusal(&table, &raw());
    assert!(error.contains("row 60 (line 62), column 'x': 'n.v.' is not a number"), "{error}");
    assert!(error.contains("--missing-values n.v."), "{error}");
    let said = ReadOptions { missing_values: Some(vec!["n.v.".into()]), ..ReadOptions::default() };
    let table = read_bytes("t.csv", format!("x,y\n{rows}").into_bytes(), &said).unwrap();
    let encoded = fit(&table, &Columns { missing: Missing::Drop, ..raw() });
    assert_eq!((encoded.rows, encoded.dimensions), (60, 2));
}

#[test]
fn words_and_codes_stay_categories() {
    for cells in [["A4", "B5"], ["3-5 y", "1st"], ["2WD", "4WD"], ["12:61", "1/2"], ["#1", "No. 5"]] {
        for table in in_every_format(&cells.repeat(5)) {
            let encoded = fit(&table, &raw());
            assert_eq!(encoded.dimensions, 3, "{}: {cells:?}", table.name());
            assert!(codes(&encoded).is_empty());
        }
    }
    let table =
        open("t.parquet", columns_as(&[column("zip", texts(&["01234", "99999", "01234"]))], Format::Parquet).unwrap());
    let encoded = fit(&table, &raw());
    assert_eq!((encoded.dimensions, codes(&encoded)), (2, vec!["text-numbers"]));
    let many: Vec<String> = (0..60).map(|row| format!("{} kg", row % 30)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for table in in_every_format(&many) {
        assert_eq!(fit(&table, &raw()).dimensions, 2, "a unit that all share is no part of the number");
    }
}

#[test]
fn dates_are_days_by_name_and_no_features_else() {
    for cells in [
        ["1970-01-02", "1970-01-05", "1970-01-03"],
        ["1970-01-02T00:00:00", "1970-01-05 00:00", "1970-01-03"],
        ["2.1.1970", "5.1.1970", "3.1.1970"],
        ["Jan 2, 1970", "Jan 5, 1970", "January 3, 1970"],
    ] {
        for table in in_every_format(&cells) {
            let encoded = fit(&table, &raw());
            assert_eq!(
                (encoded.dimensions, codes(&encoded)),
                (1, vec!["skipped-column"]),
                "{}: {cells:?}",
                table.name()
            );
            let named = Columns { features: Some(vec!["x".into()]), ..raw() };
            assert_eq!(fit(&table, &named).features.to_f64(), [1.0, 4.0, 2.0], "{}: {cells:?}", table.name());
            let pattern = Columns { features: Some(vec!["*".into()]), ..raw() };
            assert_eq!(fit(&table, &pattern).dimensions, 1, "a pattern names no date");
        }
    }
    let table = csv("x,y\n03/04/2024,1\n05/06/2024,2\n");
    let error = refusal(&table, &Columns { features: Some(vec!["x".into()]), ..raw() });
    assert!(error.contains("begins with a day or with a month"), "{error}");
}

#[test]
fn labels_and_ids_are_spelled_as_in_the_file() {
    let labelled = |text: &str| fit(&csv(text), &Columns::labelled("k"));
    for (cells, names) in [
        (["07", "7", "10"], &["7", "07", "10"][..]),
        (["1.0", "2.0", "10.0"], &["1.0", "2.0", "10.0"]),
        (["+7", "7", "-1"], &["-1", "7", "+7"]),
        (["True", "False", "True"], &["False", "True"]),
        (["12345678901234567890", "12345678901234567891", "3"], &["3", "12345678901234567890", "12345678901234567891"]),
        ([" 7", "7", "12"], &["7", "12"]),
    ] {
        let text: String = cells.iter().enumerate().map(|(row, cell)| format!("{row},{cell}\n")).collect();
        assert_eq!(labelled(&format!("x,k\n{text}")).class_names, names, "{cells:?}");
    }
    let mut table = csv("id,x,k\n0004,007,7\n0005,1,07\n00010,2,7\n");
    table.keep_spelling("k").unwrap();
    let parquet = open("t.parquet", rows_as(&table, &all(&table), &[], Format::Parquet).unwrap());
    assert_eq!(named(&parquet, "id"), texts(&["0004", "0005", "00010"]).into());
    assert_eq!(named(&parquet, "x"), texts(&["007", "1", "2"]).into(), "zeros in front are no part of a number");
    assert_eq!(named(&parquet, "k"), texts(&["7", "07", "7"]).into());
    // What a type holds has that type.
    let mut table = csv("a,b,c\n1.0,True,9007199254740993\n2.5,False,5\n");
    ["a", "b"].iter().for_each(|name| table.keep_spelling(name).unwrap());
    let parquet = open("t.parquet", rows_as(&table, &all(&table), &[], Format::Parquet).unwrap());
    let kinds: Vec<&Kind> = parquet.columns().iter().map(|column| &column.kind).collect();
    assert_eq!(kinds, [&Kind::Number, &Kind::Boolean, &Kind::Integer]);
}

#[test]
fn numbers_are_classes_where_each_has_rows_enough() {
    let label = |values: &[u32]| {
        let rows: String = values.iter().enumerate().map(|(row, value)| format!("{row},{value}\n")).collect();
        csv(&format!("x,k\n{rows}"))
    };
    let three: Vec<u32> = (0..3600).map(|row| row % 1200 * 7).collect();
    assert_eq!(fit(&label(&three), &Columns::labelled("k")).class_names.len(), 1200);
    let mut alone = three.clone();
    alone.push(1_000_000);
    let error = refusal(&label(&alone), &Columns::labelled("k"));
    assert!(error.contains("1201 different numbers in 3601 rows, 1 of them in one row only"), "{error}");
    assert!(error.contains("--bins N") && error.contains("--categorical k"), "{error}");
    let categorical = Columns { categorical: vec!["k".into()], ..Columns::labelled("k") };
    assert_eq!(fit(&label(&alone), &categorical).class_names.len(), 1201);
    // A measurement in text is one as well.
    let rows: String = (0..60).map(|row| format!("{row},\"{row},5\"\n")).collect();
    let error = refusal(&csv(&format!("x,k\n{rows}")), &Columns::labelled("k"));
    assert!(error.contains("'0,5' is not a class, it is a measurement"), "{error}");
    let binned = fit(&csv(&format!("x,k\n{rows}")), &Columns { bins: Some(3), ..Columns::labelled("k") });
    assert_eq!(binned.class_names, ["[0.5, 20.5)", "[20.5, 40.5)", "[40.5, 59.5]"]);
}

#[test]
fn missing_words_are_those_that_are_said() {
    let read = |words: &[&str], text: &str| {
        let missing_values = Some(words.iter().map(|word| (*word).to_owned()).collect());
        read_bytes("t.csv", text.as_bytes().to_vec(), &ReadOptions { missing_values, ..ReadOptions::default() })
            .unwrap()
    };
    let text = "x,k\n1,NA\n-999,EU\n,None\n";
    let counts = |table: &Table| table.columns().iter().map(|column| column.missing).collect::<Vec<_>>();
    assert_eq!(counts(&csv(text)), [1, 2]);
    assert_eq!(counts(&read(&[""], text)), [1, 0]);
    assert_eq!(counts(&read(&["-999", "None"], text)), [2, 1]);
    assert_eq!(read(&["-999.0"], text).columns()[0].missing, 2, "a number is missing in every spelling");
    assert_eq!(read(&["EU"], "x\n1\nNaN\n").columns()[0].kind, Kind::Text, "NaN is a word here");
    let columns = [column("x", vec![1_i64, -999, 3]), column("s", texts(&["a", "n.a.", ""]))];
    for (format, name) in [(Format::Parquet, "t.parquet"), (Format::Npz, "t.npz")] {
        let bytes = columns_as(&columns, format).unwrap();
        let words = ReadOptions { missing_values: Some(vec!["-999".into(), "n.a.".into()]), ..ReadOptions::default() };
        let table = read_bytes(name, bytes, &words).unwrap();
        assert_eq!(named(&table, "x").missing, Some(vec![false, true, false]), "{name}");
        assert_eq!(named(&table, "s").missing, Some(vec![false, true, false]), "{name}");
    }
}

#[test]
fn a_row_is_no_header() {
    let said = "--no-header if it is a row, or add a first line with one name per column";
    for (text, message) in [
        ("5.1,3.5,oak\n4.9,3.0,elm\n4.7,3.2,oak\n", "t.csv: the first line holds values of a row, not column names"),
        ("5,3,oak\n4,3,elm\n4,3,oak\n", "t.csv: the first line holds values of a row, not column names"),
        ("p,x,s\np,y,s\ne,x,t\n", "t.csv: the first line holds values of a row, not column names"),
        ("5.1,3.5\n4.9,3.0\n", "t.csv: the first line holds numbers, not column names"),
        ("\"5,1\",oak\n\"4,9\",elm\n\"4,5\",oak\n", "t.csv: the first line holds values of a row, not column names"),
    ] {
        assert_eq!(words(&refused("t.csv", text)), format!("{message}\n{said}"), "{text}");
        let table =
            read_bytes("t.csv", text.into(), &ReadOptions { no_header: true, ..ReadOptions::default() }).unwrap();
        assert_eq!(table.rows(), text.lines().count(), "{text}");
        assert_eq!(table.columns()[0].name, "column_1");
        assert_eq!(rows_as(&table, &all(&table), &[], Format::Csv).unwrap(), text.as_bytes(), "without a header again");
        let first = rows_as(&table, &ids([0]), &[], Format::Tsv).unwrap();
        assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 1, "{text}");
    }
    let error = words(&refused("t.csv", "5,5,a\n1,2,b\n"));
    assert!(error.contains("two columns are named '5'") && error.contains("--no-header"), "{error}");
    for text in ["2023,2024,k\n1.5,2,a\n", "x,k\n1,a\n", "0,1\n1,2\n", "k,x\na,1\nk,2\n", "a,b\nx,a\ny,b\n"] {
        assert!(csv(text).rows() > 0, "{text}");
    }
    let table = csv("k,0.1,0.9\na,1,2\nb,3,4\n");
    assert_eq!(codes(&fit(&table, &Columns::labelled("k"))), ["numeric-header"], "quantiles may be names");
}

#[test]
fn first_lines_of_other_programs_are_understood() {
    let excel = "\u{feff}sep=;\r\nx;k\r\n1,5;a\r\n2,5;b\r\n";
    let table = csv(excel);
    assert_eq!(table.columns().iter().map(|column| &*column.name).collect::<Vec<_>>(), ["x", "k"]);
    assert_eq!(rows_as(&table, &all(&table), &[], Format::Csv).unwrap(), excel.as_bytes());
    let comma = ReadOptions { delimiter: Some(Delimiter::COMMA), ..ReadOptions::default() };
    let error = words(&read_bytes("t.csv", excel.into(), &comma).expect_err("two delimiters"));
    assert!(error.contains("the first line says that ';' separates fields, and --delimiter ,"), "{error}");

    let r = "\"x\",\"k\"\n\"1\",0.5,\"a\"\n\"2\",1.5,\"b\"\n";
    let table = csv(r);
    let encoded = fit(&table, &Columns { scale: Some(Scale::None), ..Columns::labelled("k") });
    assert_eq!(encoded.features.to_f64(), [0.5, 1.5]);
    assert_eq!(codes(&encoded), ["row-names", "skipped-column"]);
    assert_eq!(rows_as(&table, &all(&table), &[], Format::Csv).unwrap(), r.as_bytes());
    assert!(words(&refused("t.csv", "a,b\n1,2,\n3,4,\n")).contains("the record ends with a ','"));
    assert!(
        words(&refused("t.csv", "a,b\n1,2,3\n3,4\n"))
            .starts_with("t.csv: row 0 (line 2) has 3 fields; the header has 2")
    );
    assert!(words(&refused("t.csv", "a;b\n1,5;2\n")).contains("--delimiter ';'"));

    for (encoding, wide) in [("UTF-16LE", [1, 0]), ("UTF-16BE", [0, 1])] {
        let bytes: Vec<u8> = b"girth,k\n1.5,a\n".iter().flat_map(|&b| wide.map(|first| b * first)).collect();
        assert_eq!(
            words(&refused("t.csv", bytes)),
            format!(
                "t.csv is {encoding} text; leanset reads UTF-8\nconvert it first: iconv -f {encoding} -t UTF-8 t.csv > utf8.csv"
            )
        );
    }
}

#[test]
fn cells_of_a_sheet_are_named_by_their_address() {
    let sheet = |x: &[(&str, &str)]| {
        let mut rows = sheet_row(1, &[("s", "x"), ("s", "y")]);
        for (row, &cell) in x.iter().enumerate() {
            rows += &sheet_row(row + 2, &[cell, ("n", &row.to_string())]);
        }
        open("t.xlsx", workbook(&[("S", &rows)]))
    };
    let encoded = fit(&sheet(&[("n", "1.5"), ("n", "2"), ("s", "3.25")]), &raw());
    assert_eq!(encoded.features.to_f64(), [1.5, 0.0, 2.0, 1.0, 3.25, 2.0]);
    assert_eq!(
        encoded.warnings[0].message.to_string(),
        "column 'x' holds 1 cell of text among numbers, the first in row 2 (cell A4): '3.25' is read as 3.25"
    );
    // A number has no notation, only a text has.
    let encoded = fit(&sheet(&[("n", "1.5"), ("s", "2,5"), ("s", "1,25")]), &raw());
    assert_eq!(encoded.features.to_f64(), [1.5, 0.0, 2.5, 1.0, 1.25, 2.0]);
    let values: Vec<String> = (0..40).map(|value| format!("{value}.5")).collect();
    let mut cells: Vec<(&str, &str)> = values.iter().map(|value| ("n", value.as_str())).collect();
    cells[16] = ("s", "tall");
    let error = refusal(&sheet(&cells), &raw());
    assert!(error.contains("row 16 (cell A18), column 'x': 'tall' is not a number"), "{error}");
    let dates = sheet(&[("d", "25570"), ("d", "25573"), ("d", "25571.5")]);
    assert_eq!(dates.columns()[0].kind, Kind::Date);
    assert_eq!(codes(&fit(&dates, &raw())), ["skipped-column"]);
    let named = Columns { features: Some(vec!["x".into()]), ..raw() };
    assert_eq!(fit(&dates, &named).features.to_f64(), [1.0, 4.0, 2.5]);
    let headless = ReadOptions { no_header: true, ..ReadOptions::default() };
    let rows = [sheet_row(1, &[("n", "1.5"), ("s", "a")]), sheet_row(2, &[("n", "2"), ("s", "b")])].concat();
    let table = read_bytes("t.xlsx", workbook(&[("S", &rows)]), &headless).unwrap();
    assert_eq!((table.rows(), &*table.columns()[1].name), (2, "column_2"));
    assert_eq!(table.place_of(ids([1])[0], 1), "row 1 (cell B2)");
}

#[test]
fn labels_that_look_alike_are_shown() {
    let encoded = fit(&csv("x,k\n0,elm\n1,elm \n2,Elm\n3,oak\n"), &Columns::labelled("k"));
    let warning = encoded.warnings.iter().find(|warning| warning.code == "labels-look-alike").unwrap();
    assert!(warning.message.to_string().contains("'elm '"), "{}", warning.message);
    assert_eq!(encoded.class_names.len(), 4);
}

#[test]
fn numbers_that_are_not_read_are_said() {
    for spell in [
        (|i| format!("{i}/8")) as fn(usize) -> String,
        |i| format!("0x{i:02x}"),
        |i| format!("{i}-{}", i + 5),
        |i| format!("{i}±0.1"),
        |i| format!("'{i}.5"),
        |i| format!("≤{i}"),
    ] {
        let cells: Vec<String> = (0..60).map(|row| spell(10 + row % 30)).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        for table in in_every_format(&cells) {
            let encoded = fit(&table, &raw());
            assert_eq!(codes(&encoded), ["text-numbers"], "{} {}", table.name(), cells[0]);
            let message = encoded.warnings[0].message.to_string();
            assert!(
                message.starts_with("column 'x' holds texts with numbers that are not read, such as "),
                "{message}"
            );
            let names = Columns { categorical: vec!["x".to_owned()], ..raw() };
            assert_eq!(codes(&fit(&table, &names)), [""; 0]);
        }
    }
    // Few words that come again are categories.
    let sizes: Vec<&str> = (0..60).map(|row| ["3-5 y", "A4", "1st"][row % 3]).collect();
    in_every_format(&sizes).iter().for_each(|table| assert_eq!(codes(&fit(table, &raw())), [""; 0]));
}

#[test]
fn dates_of_every_spelling_are_carried_along() {
    for (spell, first) in [
        ((|day| format!("{day:02}/03/24")) as fn(usize) -> String, "02/03/24"),
        (|day| format!("Sat, {day:02} Mar 2024 10:00:00 GMT"), "Sat, 02 Mar 2024 10:00:00 GMT"),
        (|day| format!("2024-W{day:02}"), "2024-W02"),
        (|day| format!("{}Q{}", 2000 + day, 1 + day % 4), "2002Q3"),
    ] {
        let cells: Vec<String> = (0..24).map(|row| spell(2 + row)).collect();
        assert_eq!(cells[0], first);
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        for table in in_every_format(&cells) {
            let encoded = fit(&table, &raw());
            assert_eq!(Encoder::fit(&table, &raw()).unwrap().dimensions(), 1, "{} {first}", table.name());
            assert_eq!(codes(&encoded), ["skipped-column"]);
        }
    }
}

#[test]
fn integers_that_are_days_are_said() {
    let table = |first: i64| {
        let rows = (0..20).fold("day,y\n".to_owned(), |all, row| all + &format!("{},{}\n", first + row, row % 7));
        csv(&rows)
    };
    let encoded = fit(&table(20_240_103), &raw());
    assert_eq!(codes(&encoded), ["dates-as-integers"]);
    assert_eq!(
        encoded.warnings[0].message.to_string(),
        "column 'day' holds dates as integers, such as 20240103: distances are those of the integers"
    );
    assert_eq!(codes(&fit(&table(20_240_120), &raw())), [""; 0], "20240132 is no day");
}

#[test]
fn the_index_of_a_frame_is_no_feature_in_text() {
    for (header, first, features) in [
        (",x", 0, &["x"][..]),
        ("\"\",x", 1, &["x"]),
        ("Unnamed: 0,x", 0, &["x"]),
        (",x", 7, &["column_0", "x"]),
        ("n,x", 0, &["n", "x"]),
    ] {
        let rows = (0..12).fold(format!("{header}\n"), |all, row| all + &format!("{},{}.5\n", first + row, row % 5));
        let table = csv(&rows);
        let (encoder, encoded) = Encoder::fit_encode(&table, &raw()).unwrap();
        assert_eq!(encoder.feature_columns(), features, "{header}");
        let skipped = encoded.warnings.iter().any(|warning| warning.code == "skipped-column");
        assert_eq!(skipped, features == ["x"], "{header}");
    }
    let named = Columns { features: features(&["column_0", "x"]), ..raw() };
    let (encoder, _) = Encoder::fit_encode(&csv(",x\n0,5\n1,7\n"), &named).unwrap();
    assert_eq!(encoder.feature_columns(), ["column_0", "x"]);
}

#[test]
fn refusals_say_what_to_type() {
    let says = |table: &Table, options: &Columns, hint: &str| {
        let said = refusal(table, options);
        assert!(said.contains(hint), "{said}");
    };
    // A column without a single value has no mean.
    says(&csv("x,y\n1,\n2,\n"), &raw(), "column 'y' has no value in any of 2 rows");
    says(&csv("x,y\n1,\n2,\n"), &raw(), "--exclude y");
    // One word may stand for a missing value as well as for a mistake.
    let rows = (0..40).fold("x\n".to_owned(), |all, row| all + &format!("{row}.5\n"));
    says(&csv(&(rows + "unknown\n")), &raw(), "--missing-values unknown");
    says(&csv("a;kind\n1;x\n2;y\n"), &label("kind"), "--delimiter ';'");
    says(&csv("a\tkind\n1\tx\n2\ty\n"), &label("kind"), "--delimiter '\\t'");
    says(&csv("x,y\n1,0.5\n2,1.5\n"), &label("y"), "--categorical y");
    let comment = words(&refused("t.csv", "# of plot 7\nx,y\n1,2\n"));
    assert!(comment.contains("tail -n +2 t.csv"), "{comment}");
}

#[test]
fn columns_count_before_they_are_read() {
    let mut header: String = (0..40_000).map(|n| format!("c{n},")).collect();
    header.push_str("kind\n");
    let row = "1,".repeat(40_000) + "x\n";
    let read = |room| {
        let options = ReadOptions { memory: Some(MemoryLimit::more(room)), ..ReadOptions::default() };
        read_bytes("t.csv", (header.clone() + &row + &row).into_bytes(), &options)
    };
    let error = read(5_000_000).expect_err("too many columns");
    assert!(words(&error).contains("a table of 40001 columns takes"), "{}", words(&error));
    assert_eq!(read(200_000_000).unwrap().columns().len(), 40_001);
}
