//! Every refusal, to the letter: message and way out.
#![cfg(feature = "arrow")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use crate::common::*;
use leanset_problem::{Face, Problem};
use leanset_tables::*;
use strum::VariantArray;

/// Checks the words of reading `bytes` under `name`.
fn reading(name: &str, bytes: impl Into<Vec<u8>>, expected: &str) {
    let error = refused(name, bytes);
    assert_eq!(words(&error), expected);
    assert!(!error.to_string().contains('\n'));
}

fn fitting(text: &str, options: &Columns, expected: &str) {
    assert_eq!(words(&Encoder::fit(&csv(text), options).unwrap_err()), expected);
}

#[test]
fn format_of_path_goes_by_extension() {
    let error = format_of_path(Path::new("a/b.txt")).unwrap_err();
    assert_eq!(
        words(&error),
        "a/b.txt: the extension '.txt' stands for no known format\n\
         known: .csv .tsv .tab .jsonl .ndjson .json .parquet .pq .arrow .feather .ipc .npy .npz .xlsx (also with .gz or .zst); or say --format csv|tsv|jsonl|parquet|arrow|npy|npz|xlsx"
    );
    assert_eq!(error.kind(), ErrorKind::Request);
    let error = format_of_path(Path::new("rows.gz")).unwrap_err();
    assert_eq!(error.to_string(), "rows.gz: the name has no extension to tell its format by");
    for (name, expected) in [
        ("x.CSV", (Format::Csv, Compression::None)),
        ("x.tab.zst", (Format::Tsv, Compression::Zstd)),
        ("x.y.csv.gz", (Format::Csv, Compression::Gzip)),
        ("x.pq", (Format::Parquet, Compression::None)),
        ("x.feather", (Format::ArrowIpc, Compression::None)),
        ("x.npz", (Format::Npz, Compression::None)),
        ("x.xlsx", (Format::Xlsx, Compression::None)),
    ] {
        assert_eq!(format_of_path(Path::new(name)).unwrap(), expected);
    }
    for &format in Format::VARIANTS {
        assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
    }
}

#[test]
fn read_refuses_files_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(&folder.path().join("no.csv"), &ReadOptions::default()).unwrap_err();
    assert_eq!((error.kind(), error.io_kind()), (ErrorKind::Io, Some(std::io::ErrorKind::NotFound)));
    assert!(error.to_string().ends_with("no.csv: cannot be read: No such file or directory"), "{error}");
    let path = folder.path().join("folder.csv");
    std::fs::create_dir(&path).unwrap();
    assert!(read(&path, &ReadOptions::default()).unwrap_err().to_string().ends_with("is a folder, not a table"));
}

#[test]
fn read_refuses_a_file_that_is_not_what_its_name_says() {
    reading(
        "t.csv",
        *b"PAR1....",
        "t.csv is a Parquet file by its content (PAR1), not a CSV file\n--format parquet, or rename the file",
    );
    reading(
        "t.tsv",
        *b"ARROW1\0\0",
        "t.tsv is an Arrow IPC file by its content (ARROW1), not a TSV file\n--format arrow, or rename the file",
    );
    reading(
        "t.csv",
        *b"\xff\xff\xff\xff\0\0\0\0",
        "t.csv is an Arrow IPC file by its content (FFFFFFFF, an Arrow stream), not a CSV file\n--format arrow, or rename the file",
    );
    reading(
        "t.csv",
        npy("'<f8'", false, "(0,)", &[]),
        "t.csv is an NPY file by its content (\\x93NUMPY), not a CSV file\n--format npy, or rename the file",
    );
    reading(
        "t.xlsx",
        zipped(&[("a.npy", b"")], false),
        "t.xlsx is an NPZ file by its content (a zip of .npy files), not an XLSX workbook\n--format npz, or rename the file",
    );
    reading(
        "t.npz",
        workbook(&[]),
        "t.npz is an XLSX workbook by its content (a zip with xl/), not an NPZ file\n--format xlsx, or rename the file",
    );
    reading(
        "t.npz",
        zipped(&[("a.txt", b"")], false),
        "t.npz is a zip archive without arrays or sheets by its content, not an NPZ file\nsave it as CSV or Parquet first",
    );
    reading(
        "t.csv",
        *b"\xff\xfea\0,\0b\0",
        "t.csv is UTF-16 text; leanset reads UTF-8\nconvert it first: iconv -f UTF-16 -t UTF-8 t.csv > utf8.csv",
    );
    reading("t.csv", *b"\x1f\x8b\x08\0", "t.csv is gzip by its content\nrename it to t.csv.gz, or say --format csv");
    reading(
        "t.csv.gz",
        *b"a,b\n1,2\n",
        "t.csv.gz is not gzip by its content\nrename it without '.gz', or say --format csv",
    );
    reading(
        "t.csv.gz",
        *b"\x28\xb5\x2f\xfd",
        "t.csv.gz is zstd by its content\nrename it to t.csv.zst, or say --format csv",
    );
    reading(
        "t.csv.gz",
        *b"\x1f\x8b\x08\0junk",
        "t.csv.gz: the gzip data is damaged: unexpected end of file\nthe file may be cut short: download or pack it again",
    );

    // What is asked for is obeyed, and a failure is still said clearly.
    let asked = |format| ReadOptions { format: Some(format), ..ReadOptions::default() };
    assert_eq!(read_bytes("t.dat", b"a\tb\n1\t2\n".to_vec(), &asked(Format::Tsv)).unwrap().columns().len(), 2);
    for (format, expected) in [
        (Format::Parquet, "t.dat: cannot be read as a Parquet file: "),
        (Format::ArrowIpc, "t.dat: cannot be read as an Arrow IPC file: "),
        (Format::Npy, "t.dat: cannot be read as an NPY array: it does not begin as one"),
        (Format::Npz, "t.dat: cannot be read as an NPZ archive: "),
        (Format::Xlsx, "t.dat: cannot be read as an XLSX workbook: "),
    ] {
        let error = read_bytes("t.dat", b"a,b\n1,2\n".to_vec(), &asked(format)).unwrap_err();
        assert!(error.to_string().starts_with(expected) && error.hint().is_some(), "{error}");
        assert_eq!(error.kind(), ErrorKind::Content);
    }
}

#[test]
fn csv_that_is_no_table_is_refused() {
    reading("t.csv", *b"", "t.csv: the file is empty\na table has a line of column names, and rows");
    reading("t.csv", *b"\n\n  \n", "t.csv: the file is empty\na table has a line of column names, and rows");
    reading("t.csv", *b"a,b\n", "t.csv: the table has columns and no rows\ncheck how it was made");
    reading(
        "t.csv",
        *b"a,b\n1,2\n\"3\n4\",5,6\n",
        "t.csv: row 1 (line 3) has 3 fields; the header has 2\na value with a ',' in it must be in double quotes",
    );
    reading(
        "t.tsv",
        *b"a\tb\n1\n",
        "t.tsv: row 0 (line 2) has 1 field; the header has 2\nthe record may be cut short, or its quotes may swallow a line ending",
    );
    reading(
        "t.csv",
        *b"a,b,a\n1,2,3\n",
        "t.csv: two columns are named 'a': number 1 and number 3\nrename one of them: a column is known by its name",
    );
    reading(
        "t.csv",
        *b"a,b\n1,\"2\n3,4\n",
        "t.csv: line 2: a quoted field opens here and never closes\nclose the quote, or double it (\"\") if it belongs to the value",
    );
    reading(
        "t.csv",
        *b"a\n1\ncaf\xe9\n",
        "t.csv: line 3 is not UTF-8: byte 0xe9\nconvert it first: iconv -f WINDOWS-1252 -t UTF-8 t.csv > utf8.csv",
    );
    reading(
        "t.csv",
        *b"5.1,3.5\n4.9,3.0\n",
        "t.csv: the first line holds numbers, not column names\n\
         --no-header if it is a row, or add a first line with one name per column",
    );
}

#[test]
fn position_names_the_nearest_column() {
    let table = csv("Area,Perimeter,Class\n1,2,a\n");
    let error = table.position("perimter").unwrap_err();
    assert_eq!(
        words(&error),
        "t.csv: no column 'perimter'; did you mean 'Perimeter'?\ncolumns: 'Area', 'Perimeter', 'Class'"
    );
    assert_eq!(error.kind(), ErrorKind::Request);
    assert_eq!(table.position("zzz").unwrap_err().to_string(), "t.csv: no column 'zzz'");
    assert_eq!(table.column(3).unwrap_err().to_string(), "t.csv: no column at 3: there are 3");
    let error = csv("a;b\n1;2\n").position("b").unwrap_err();
    assert_eq!(
        error.hint().unwrap().render(Face::CommandLine),
        "the header is one column with separators in it: --delimiter ';'"
    );
}

#[test]
fn npy_and_npz_that_are_no_table_are_refused() {
    let eight = [0u8; 8];
    reading(
        "t.npy",
        npy("'<f8'", false, "(2,)", &eight),
        "t.npy: cannot be read as an NPY array: its shape takes 16 bytes and it has 8\nthe file may be cut short: save it again with numpy.save",
    );
    reading(
        "t.npy",
        npy("'<f8'", false, "()", &eight),
        "t.npy: the array has 0 axes; a table has 1 or 2\nflatten all axes but the first: a.reshape(len(a), -1)",
    );
    reading(
        "t.npy",
        npy("'<f8'", false, "(1, 1, 1)", &eight),
        "t.npy: the array has 3 axes; a table has 1 or 2\nflatten all axes but the first: a.reshape(len(a), -1)",
    );
    reading(
        "t.npy",
        npy("'|O'", false, "(1,)", &eight),
        "t.npy: holds Python objects (dtype object), which only Python can read\ngive the array a real type before saving: a.astype(str), a.astype(float)",
    );
    reading(
        "t.npy",
        npy("'<f8'", false, "(0, 3)", &[]),
        "t.npy: the table has columns and no rows\ncheck how it was made",
    );
    reading("t.npy", npy("'<f8'", false, "(3, 0)", &[]), "t.npy: the table has no columns");
    reading(
        "t.npy",
        npy("'<f8'", false, "(4294967296, 4294967296, 4294967296)", &[]),
        "t.npy: cannot be read as an NPY array: its shape (4294967296, 4294967296, 4294967296) is larger than any memory\nthe file may be cut short: save it again with numpy.save",
    );
    reading(
        "t.npy",
        *b"\x93NUMPY\x01\x00\xff\xff{",
        "t.npy: cannot be read as an NPY array: its header is cut short\nthe file may be cut short: save it again with numpy.save",
    );
    assert!(
        refused("t.npy", *b"\x93NUMPY\x01\x00\x02\x00{}")
            .to_string()
            .starts_with("t.npy: cannot be read as an NPY array: ")
    );
    let (one, two) = (npy("'|u1'", false, "(1,)", &[1]), npy("'|u1'", false, "(2,)", &[1, 2]));
    reading(
        "t.npz",
        zipped(&[("X.npy", &two), ("y.npy", &one)], false),
        "t.npz: array 'X' has 2 rows and array 'y' has 1\nsay which arrays are the table, --features X, or save them in an archive of their own",
    );
    let scalar = npy("'|u1'", false, "()", &[1]);
    let bytes = zipped(&[("X.npy", &two), ("seed.npy", &scalar)], false);
    assert_eq!(open("t.npz", bytes.clone()).columns().len(), 1);
    let options = ReadOptions::from(&label("seed"));
    assert_eq!(
        words(&read_bytes("t.npz", bytes, &options).unwrap_err()),
        "t.npz: array 'seed' is a single value and has no rows\na column has a value for each row"
    );
    reading(
        "t.npz",
        zipped(&[("X.npy", b"junk")], false),
        "t.npz: array 'X': cannot be read as an NPY array: it does not begin as one\nthe file may be cut short: save it again with numpy.save",
    );
    let pair = npy("'|u1'", false, "(1, 2)", &[1, 2]);
    reading(
        "t.npz",
        zipped(&[("X.npy", &pair), ("X_1.npy", &one)], false),
        "t.npz: two columns are named 'X_1': number 2 and number 3\nrename one of them: a column is known by its name",
    );
    let surrogate = npy("'<U1'", false, "(1,)", &[0, 0xd8, 0, 0]);
    assert_eq!(
        open("t.npy", surrogate).column(0).unwrap_err().to_string(),
        "t.npy: row 0, column 'x0': not valid text"
    );
    let big = npy("'<u8'", false, "(1,)", &[0xff; 8]);
    assert_eq!(
        words(&open("t.npy", big).column(0).unwrap_err()),
        "t.npy: row 0, column 'x0': 18446744073709551615 is above 9223372036854775807, the largest integer here\nstore the column as floats, or --exclude x0"
    );
}

#[test]
fn encoder_refuses_columns_that_cannot_be_features() {
    let defaults = Columns::default;
    fitting(
        "x,y\n1,2\n",
        &Columns { features: features(&["x", "y", "x"]), ..defaults() },
        "t.csv: column 'x' is listed twice as a feature",
    );
    fitting(
        "x,y\n1,2\n",
        &Columns { features: features(&["x", "y"]), ..label("y") },
        "t.csv: column 'y' is the label and cannot be a feature\nleave it out of --features",
    );
    fitting(
        "x,y\n1,2\n",
        &Columns { features: features(&["x", "y"]), id: Some("x".into()), ..defaults() },
        "t.csv: column 'x' is the id and cannot be a feature\nleave it out of --features",
    );
    fitting(
        "x,y\n1,2\n",
        &Columns { id: Some("y".into()), ..label("y") },
        "t.csv: column 'y' cannot be both label and id",
    );
    fitting(
        "x,y\n1,2\n",
        &Columns { exclude: vec!["x".into()], ..label("y") },
        "t.csv: no column is left to be a feature\ndistances need at least one column of numbers, true/false, text or lists of as many numbers in every row, beside label and id",
    );
    fitting(
        "x,name\n1,a\n2,b\n",
        &defaults(),
        "t.csv: text column 'name' holds 2 different values, one per row: too many for categories\n--exclude name, or --id name if it names rows",
    );
    let many: String = (0..2_002).map(|i| format!("{i},w{}\n", i / 2)).collect();
    fitting(
        &format!("x,w\n{many}"),
        &defaults(),
        "t.csv: text column 'w' holds 1001 different values: too many for categories\n--exclude w, or --id w if it names rows",
    );
    let finite = "distances need finite numbers: correct the value, leave it empty (missing), or --exclude";
    fitting(
        "x,y\n1,2\n1e999,2\n",
        &defaults(),
        &format!("t.csv: row 1 (line 3), column 'x': '1e999' is infinite\n{finite} x"),
    );
    fitting(
        "x,y\n1,2\n3,-Infinity\n",
        &Columns { scale: Some(Scale::None), ..defaults() },
        &format!("t.csv: row 1 (line 3), column 'y': '-Infinity' is infinite\n{finite} y"),
    );
    let wide = "t.csv: column 'x' runs from -1e308 to 1e308: its range overflows 64-bit floats\n--exclude x, or divide it by a constant first";
    fitting("x\n-1e308\n1e308\n", &defaults(), wide);
    fitting("x\n-1e308\n1e308\n", &Columns { scale: Some(Scale::Standard), ..defaults() }, wide);
    fitting(
        "x\n1e308\n1.1e308\n",
        &Columns { scale: Some(Scale::Standard), ..defaults() },
        "t.csv: column 'x' runs from 1e308 to 1.1e308: its range overflows 64-bit floats\n--exclude x, or divide it by a constant first",
    );
}

#[test]
fn encoder_refuses_columns_that_cannot_be_labels() {
    let bins = |bins| Columns { bins: Some(bins), ..label("y") };
    let cut = "--bins N cuts the label into N classes of equal counts";
    let many = &format!("{cut}; --categorical y if these numbers are names of classes");
    fitting(
        "x,y\n1,1\n2,2.50\n",
        &label("y"),
        &format!("t.csv: row 1 (line 3), label column 'y': '2.50' is not a class, it is a measurement\n{many}"),
    );
    let rows: String = (0..30).map(|i| format!("1,{i}\n")).collect();
    fitting(
        &format!("x,y\n{rows}"),
        &label("y"),
        &format!("t.csv: label column 'y' holds 30 different numbers in 30 rows: too many for classes\n{many}"),
    );
    let rows: String = (0..3_003).map(|i| format!("1,{}\n", i % 1_001)).collect();
    fitting(
        &format!("x,y\n{rows}1,5000\n"),
        &label("y"),
        &format!(
            "t.csv: label column 'y' holds 1002 different numbers in 3004 rows, 1 of them in one row only: too many for \
             classes\n{many}"
        ),
    );
    fitting(
        "x,y\n1,a\n",
        &bins(2),
        "t.csv: --bins 2: label column 'y' holds text, not numbers\nleave --bins out: these values are classes already",
    );
    fitting("x,y\n1,1\n", &bins(1), "--bins 1: at least 2 bins make classes");
    fitting("x,y\n1,1\n2,inf\n", &bins(2), "t.csv: row 1 (line 3), label column 'y': 'inf' is infinite");
    fitting(
        "x,y\n1,1\n",
        &Columns { bins: Some(2), ..Columns::default() },
        "--bins cuts a label into classes, and there is no label\nadd --label",
    );
    fitting("x,y\n1,1\n", &label("z"), "t.csv: no column 'z'\ncolumns: 'x', 'y'");
}

#[test]
fn decode_refuses_points_without_values() {
    let encoder = Encoder::fit(
        &csv("x,y,f\n1,2,true\n3,4,false\n"),
        &Columns { exclude: vec!["f".into()], ..Columns::default() },
    )
    .unwrap();
    assert_eq!(
        encoder.decode(&[0.0; 3]).unwrap_err().to_string(),
        "3 values are no whole number of points of 2 dimensions"
    );
    assert_eq!(encoder.decode(&[0.5, 1.0]).unwrap(), [column("x", vec![2.0]), column("y", vec![4.0])]);
    let encoder = Encoder::fit(&csv("x,f\n1,true\n3,false\n"), &Columns::default()).unwrap();
    assert!(encoder.decode(&[0.0; 2]).unwrap_err().to_string().starts_with("column 'f' holds true/false values: "));
}

#[test]
fn write_rows_refuses_what_a_format_cannot_hold() {
    let table = csv("a,b,c\n1,x,0.5\n2,y,1.5\n");
    let fails = |rows: &[u32], extra: &[Extra], format: Format| {
        words(&rows_as(&table, &ids(rows.iter().copied()), extra, format).unwrap_err())
    };
    let extra = |name: &str, values: ExtraValues| [Extra { name: name.into(), values }];
    assert_eq!(fails(&[0, 2], &[], Format::Csv), "t.csv: no row 2: there are 2 rows");
    assert_eq!(
        fails(&[0], &[], Format::Xlsx),
        "leanset reads XLSX workbooks and does not write them\nwrite CSV, which Excel opens, or Parquet"
    );
    assert_eq!(
        fails(&[0], &extra("b", ExtraValues::U32(vec![1])), Format::Csv),
        "t.csv: a column named 'b' exists already\ngive the new column another name"
    );
    assert_eq!(
        fails(&[0], &extra("w", ExtraValues::U32(vec![1, 2])), Format::Csv),
        "the new column 'w' has 2 values for 1 rows"
    );
    let per_column = "write CSV, Parquet or NPZ, which have a type per column";
    assert_eq!(fails(&[0], &[], Format::Npy), format!("an NPY file holds numbers: column 'b' is text\n{per_column}"));
    let table = csv("a,c\n1,0.5\n");
    let error = rows_as(&table, &ids([0]), &[], Format::Npy).unwrap_err();
    assert_eq!(
        words(&error),
        format!("an NPY file holds one type: column 'a' is int64, column 'c' is float64\n{per_column}")
    );
    let table = open("t.npy", npy("'<f4'", false, "(1,)", &[0; 4]));
    let error = rows_as(&table, &ids([0]), &extra("w", ExtraValues::F64(vec![1.0])), Format::Npy).unwrap_err();
    assert_eq!(
        words(&error),
        "an NPY file holds one type: column 'w' does not fit dtype '<f4'\nwrite NPZ, CSV or Parquet, which have a type per column"
    );

    let fails = |columns: &[(String, Column)], format| columns_as(columns, format).unwrap_err().to_string();
    assert_eq!(fails(&[], Format::Csv), "a table needs a column");
    assert_eq!(fails(&[column("a", vec![1i64]), column("a", vec![1i64])], Format::Csv), "two columns are named 'a'");
    assert_eq!(
        fails(&[column("a", vec![1i64]), column("b", vec![1i64, 2])], Format::Csv),
        "column 'b' has 2 values, column 'a' has 1"
    );
    assert_eq!(fails(&[column("a", vec![1i64])], Format::Xlsx), "leanset reads XLSX workbooks and does not write them");
}

/// A pipe whose reader is gone.
struct Broken;

impl std::io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn error_io_kind_tells_a_broken_pipe() {
    let table = csv("a,b\n1,2.5\n");
    for &format in Format::VARIANTS.iter().filter(|format| !matches!(format, Format::Xlsx | Format::Npy)) {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let error = write_rows(&table, &ids([0]), &[], format, compression, &mut Broken).unwrap_err();
            assert_eq!(
                (error.kind(), error.io_kind()),
                (ErrorKind::Io, Some(std::io::ErrorKind::BrokenPipe)),
                "{format}"
            );
        }
    }
}

/// A measurement with a bad cell is no column of text, however small the table.
#[test]
fn encoder_names_the_bad_cell_of_a_small_table() {
    let word = |word: &str| {
        format!("correct the value, or --missing-values {word} if it stands for a missing value, or --exclude x")
    };
    let number = "correct the value, leave it empty (missing), or --exclude x".to_owned();
    for (values, bad, numbers, hint) in [
        ("1\n2\n3\nabc\n", "row 3 (line 5), column 'x': 'abc'", "3 values are", word("abc")),
        ("12.5\n12,5x\n13.5\n", "row 1 (line 3), column 'x': '12,5x'", "2 values are", number),
        ("1\n2\n1\n2\n-\n", "row 4 (line 6), column 'x': '-'", "4 values are", word("-")),
    ] {
        let text = format!("x;y\n{}", values.replace('\n', ";1\n"));
        let options = ReadOptions { delimiter: Some(";".parse().unwrap()), ..ReadOptions::default() };
        let table = read_bytes("t.csv", text.into_bytes(), &options).unwrap();
        let error = Encoder::fit(&table, &Columns::default()).unwrap_err();
        assert_eq!(words(&error), format!("t.csv: {bad} is not a number, and {numbers}\n{hint}"));
    }
}

/// Numbers that repeat may be categories: the word among them is worth a warning.
#[test]
fn encoder_warns_of_a_word_among_numbers_that_repeat() {
    let table = csv("x,y\n0,1\n1,1\n0,1\n3+,1\n0,2\n1,2\n0,2\n1,2\n");
    let (_, encoded) = Encoder::fit_encode(&table, &label("y")).unwrap();
    assert_eq!(encoded.dimensions, 3);
    assert_eq!(
        encoded.warnings[0].message.to_string(),
        "t.csv: row 3 (line 5), column 'x': '3+' is not a number, and 7 values are: all are taken as categories"
    );
    // More words than numbers: a column of text.
    let table = csv("x,y\na,1\na,1\n7,1\n");
    assert!(
        Encoder::fit_encode(&table, &label("y")).unwrap().1.warnings.iter().all(|w| w.code != "words-among-numbers")
    );
}

/// Hints name settings, and each face spells them.
#[test]
fn errors_are_spelled_by_each_face() {
    let error = Encoder::fit(&csv("x,y\n1,\n,2\n"), &Columns::default()).unwrap_err();
    let spelled = |face| error.hint().unwrap().render(face);
    assert_eq!(spelled(Face::CommandLine), "--missing mean fills them, --missing drop leaves those rows out");
    assert_eq!(
        spelled(Face::Plan),
        "data.missing = \"mean\" fills them, data.missing = \"drop\" leaves those rows out"
    );
    assert_eq!(spelled(Face::Python), "missing=\"mean\" fills them, missing=\"drop\" leaves those rows out");
}

/// What another crate said is there as a cause, for programs and logs.
#[test]
fn errors_keep_their_causes() {
    let problem = Problem::from(refused("t.csv.gz", *b"\x1f\x8b\x08\0junk"));
    assert!(std::error::Error::source(&problem).is_some());
    let folder = tempfile::tempdir().unwrap();
    let problem = Problem::from(read(&folder.path().join("no.csv"), &ReadOptions::default()).unwrap_err());
    assert_eq!(problem.io_kind(), Some(std::io::ErrorKind::NotFound));
    assert!(problem.hint.is_some());
}
