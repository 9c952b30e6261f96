//! Several files as one table: the same values, the same written rows, and messages that name the file.
#![cfg(feature = "arrow")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, NullArray, RecordBatch, StringArray,
};
use leanset_tables::*;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use crate::common::*;

/// A folder of files, by their names.
fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn read_paths(paths: &[PathBuf]) -> Result<Table, Error> {
    let files = find_files(&paths.to_vec().into(), None)?;
    read_files(&files, &ReadOptions::default(), &|_, _| ())
}

fn read_folder(folder: &TempDir) -> Table {
    read_paths(&[folder.path().to_owned()]).unwrap_or_else(|error| panic!("{error}"))
}

/// The words of an error, with the folder left out of paths.
fn refused_folder(folder: &TempDir) -> String {
    let error = read_paths(&[folder.path().to_owned()]).unwrap_err();
    without(folder.path(), &words(&error))
}

fn without(folder: &Path, text: &str) -> String {
    let folder = folder.display().to_string();
    text.replace(&format!("{folder}/"), "").replace(&folder, "FOLDER")
}

fn warnings(folder: &TempDir, table: &Table) -> Vec<String> {
    table.warnings().iter().map(|w| without(folder.path(), &format!("{}: {}", w.code, w.message))).collect()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

const FORMATS: [Format; 7] =
    [Format::Csv, Format::Tsv, Format::Jsonl, Format::Parquet, Format::ArrowIpc, Format::Npy, Format::Npz];

/// Rows `range` of a table of numbers, with a column of text where the format has one.
fn rows(range: std::ops::Range<u32>, format: Format) -> Vec<u8> {
    let numbers: Vec<f64> = range.clone().map(|i| f64::from(i) / 4.0).collect();
    let squares: Vec<f64> = range.clone().map(|i| f64::from(i * i) + 0.5).collect();
    let mut columns = vec![column("a", numbers), column("b", squares)];
    if format != Format::Npy {
        let names: Vec<String> = range.map(|i| "x".repeat(i as usize % 5 + 1)).collect();
        columns.push(column("name", names));
    }
    columns_as(&columns, format).unwrap()
}

#[test]
fn files_of_every_format_are_the_table_of_one_file() {
    for format in FORMATS {
        let extension = format.extensions()[0];
        let name = |part: &str| format!("{part}.{extension}");
        let (one, two, three) = (name("part-0"), name("part-1"), name("part-2"));
        let folder = folder(&[(&one, rows(0..4, format)), (&two, rows(4..5, format)), (&three, rows(5..11, format))]);
        let (joined, whole) = (read_folder(&folder), open(&name("t"), rows(0..11, format)));
        assert_eq!((joined.rows(), joined.format()), (11, format));
        assert_eq!(joined.columns(), whole.columns(), "{format}");
        assert_eq!(cells(&joined), cells(&whole), "{format}");
        assert_eq!(joined.files().iter().map(|(_, rows)| *rows).collect::<Vec<_>>(), [4, 1, 6]);
        let extra = [Extra { name: "weight".into(), values: ExtraValues::F64(vec![0.5, 1.5, 2.5, 3.5, 4.5]) }];
        for to in FORMATS {
            if to == Format::Npy && format != Format::Npy {
                continue;
            }
            for (rows, extra) in [([0, 3, 4, 5, 10], &[][..]), ([0, 3, 4, 5, 10], &extra), ([10, 0, 4, 1, 9], &extra)] {
                let [ours, theirs] = [&joined, &whole].map(|table| rows_as(table, &ids(rows), extra, to).unwrap());
                if to == Format::Parquet {
                    // Row groups are as large as those of the largest file.
                    let read = |bytes: &Vec<u8>| cells(&open("t.parquet", bytes.clone()));
                    assert_eq!(read(&ours), read(&theirs), "{format} to {to}");
                } else {
                    assert_eq!(ours, theirs, "{format} to {to}");
                }
            }
        }
    }
}

#[test]
fn order_is_that_of_paths_and_of_names_given() {
    let part = |x: u32| format!("x,y\n{x},1\n").into_bytes();
    let folder = folder(&[
        ("part-9.csv", part(4)),
        ("part-10.csv", part(2)),
        ("part-1.csv", part(1)),
        ("part-3/b.csv", part(3)),
        ("_SUCCESS", Vec::new()),
        ("_metadata", b"PAR1".to_vec()),
        (".part-1.csv.crc", vec![1]),
        ("part-1.csv.crc", vec![1]),
        (".hidden.csv", part(7)),
        ("_temporary/0.csv", part(8)),
        ("lean.csv.manifest.json", b"{}".to_vec()),
    ]);
    let table = read_folder(&folder);
    assert_eq!(cells(&table)[0], ["1", "2", "3", "4"]);
    assert_eq!(warnings(&folder, &table), [""; 0]);
    let path = |name: &str| folder.path().join(name);
    let table = read_paths(&[path("part-9.csv"), path("part-1.csv")]).unwrap();
    assert_eq!(cells(&table)[0], ["4", "1"]);
    for (pattern, expected) in
        [("part-*.csv", vec!["1", "2", "4"]), ("part-?.csv", vec!["1", "4"]), ("*/*.csv", vec!["3"])]
    {
        assert_eq!(cells(&read_paths(&[path(pattern)]).unwrap())[0], expected, "{pattern}");
    }
    let error = read_paths(&[path("none-*.csv")]).unwrap_err();
    assert!(error.to_string().ends_with("none-*.csv: no file has such a name"), "{error}");
    let error = read_paths(&[path("part-1.csv"), folder.path().to_owned()]).unwrap_err();
    assert!(error.to_string().contains("part-1.csv: is given twice"), "{error}");
    // What a shell makes of `*` has such files too.
    let table = read_paths(&[path("_SUCCESS"), path("part-1.csv"), path("part-1.csv.crc"), path("part-9.csv")]);
    assert_eq!(cells(&table.unwrap_or_else(|error| panic!("{error}")))[0], ["1", "4"]);
}

#[test]
fn folders_that_are_no_table_are_refused() {
    let csv = || b"x,y\n1,2\n".to_vec();
    type Files<'a> = &'a [(&'a str, Vec<u8>)];
    let cases: [(Files<'_>, &str); 8] = [
        (&[("a.txt", csv()), ("b.md", csv())], "FOLDER: holds no table, but a.txt and b.md"),
        (&[("_SUCCESS", csv())], "FOLDER: holds no files"),
        (
            &[("a.csv", csv()), ("b.npy", csv())],
            "FOLDER: the files of one table are of one format, and a.csv is a CSV file, b.npy is an NPY file",
        ),
        (
            &[("data/train-0.csv", csv()), ("data/test-0.csv", csv())],
            "FOLDER: data/test-0.csv and data/train-0.csv are of two splits, by their names, and would become one table",
        ),
        (
            &[("train/a.csv", csv()), ("validation/a.csv", csv())],
            "FOLDER: train/a.csv and validation/a.csv are of two splits, by their names, and would become one table",
        ),
        (
            &[("_delta_log/0.json", csv()), ("a.csv", csv())],
            "FOLDER: is a Delta Lake table, and its folder may hold deleted and older rows",
        ),
        (
            &[("data/a.csv", csv()), ("metadata/v1.metadata.json", csv())],
            "FOLDER: is an Iceberg table, and its folder may hold deleted and older rows",
        ),
        (
            &[("k=1/a.csv", csv()), ("b.csv", csv())],
            "FOLDER: folders named key=value are columns, and b.csv has no key, k=1/a.csv has 'k'",
        ),
    ];
    for (files, expected) in cases {
        let said = refused_folder(&folder(files));
        assert_eq!(said.lines().next().unwrap(), expected);
        assert!(said.contains('\n'), "no hint: {said}");
    }
}

#[test]
fn columns_of_all_files_are_the_same() {
    let hint = "the files of one table have the same columns in the same order";
    for (second, expected) in [
        ("x\n1\n", "b.csv: has no column 'y', and a.csv has one"),
        ("x,y,z\n1,2,3\n", "b.csv: has a column 'z', and a.csv has none"),
        ("y,x\n1,2\n", "b.csv: column 1 is 'y', and in a.csv it is 'x'"),
    ] {
        let folder = folder(&[("a.csv", b"x,y\n1,2\n".to_vec()), ("b.csv", second.into())]);
        assert_eq!(refused_folder(&folder), format!("{expected}\n{hint}"));
    }
    // Types of text are a guess, so only a feature must have one.
    let folder = folder(&[("a.csv", b"x,y\n1,2\n3,4.5\n".to_vec()), ("b.csv", b"x,y\nn1,2\nn2,\n".to_vec())]);
    let table = read_folder(&folder);
    assert_eq!(kinds(&table), [Kind::Text, Kind::Number]);
    let error = Encoder::fit(&table, &Columns { missing: Missing::Mean, ..Columns::default() }).unwrap_err();
    assert_eq!(
        without(folder.path(), &words(&error)),
        "FOLDER: column 'x' holds integers in a.csv, and text in b.csv\nwrite it in one way, or --exclude x"
    );
    let columns = Columns { id: Some("x".into()), missing: Missing::Mean, ..Columns::default() };
    assert_eq!(Encoder::fit(&table, &columns).unwrap().feature_columns(), ["y"]);
}

#[test]
fn messages_name_the_file_and_the_row_in_it() {
    let folder = folder(&[("a.csv", b"x,y\n1,2\n3,4\n".to_vec()), ("b.csv", b"x,y\n\n5,6\n7,inf\n8,\n".to_vec())]);
    let table = read_folder(&folder);
    let places = [0, 3].map(|row| without(folder.path(), &table.place(FileRow(row))));
    assert_eq!(places, ["row 0 (row 0, line 2 of a.csv)", "row 3 (row 1, line 4 of b.csv)"]);
    let error = Encoder::fit(&table, &Columns::default()).unwrap_err();
    assert_eq!(
        without(folder.path(), &error.to_string()),
        "FOLDER: missing values in 1 column: 'y' (1); the first is in row 4 (row 2, line 5 of b.csv), column 'y'"
    );
    let error = Encoder::fit(&table, &Columns { missing: Missing::Drop, ..Columns::default() }).unwrap_err();
    assert_eq!(
        without(folder.path(), &error.to_string()),
        "FOLDER: row 3 (row 1, line 4 of b.csv), column 'y': 'inf' is infinite"
    );
}

#[test]
fn parquet_types_are_widened_where_that_is_exact() {
    let words = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from_iter_values(values)) };
    let category: ArrayRef = Arc::new(["u", "v"].into_iter().collect::<DictionaryArray<Int32Type>>());
    let other: ArrayRef = Arc::new(["w", "u"].into_iter().collect::<DictionaryArray<Int32Type>>());
    let first = batch([
        ("i", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef),
        ("f", Arc::new(Int64Array::from(vec![3, 4]))),
        ("n", Arc::new(NullArray::new(2))),
        ("c", category),
        ("w", words(&["a", "b"])),
    ]);
    let second = batch([
        ("i", Arc::new(Int64Array::from(vec![5, i64::MAX])) as ArrayRef),
        ("f", Arc::new(Float64Array::from(vec![0.5, f64::NAN]))),
        ("n", words(&["p", "q"])),
        ("c", other),
        ("w", words(&["c", "d"])),
    ]);
    let parts = folder(&[("a.parquet", parquet(&first)), ("b.parquet", parquet(&second))]);
    let table = read_folder(&parts);
    assert_eq!(kinds(&table), [Kind::Integer, Kind::Number, Kind::Text, Kind::Text, Kind::Text]);
    assert_eq!(
        cells(&table),
        [
            ["1", "2", "5", "9223372036854775807"],
            ["3.0", "4.0", "0.5", ""],
            ["", "", "p", "q"],
            ["u", "v", "w", "u"],
            ["a", "b", "c", "d"]
        ]
    );
    assert_eq!(
        warnings(&parts, &table),
        [
            "column-widened: a.parquet: column 'i' is Int32, and is read as Int64, as another file needs it",
            "column-widened: a.parquet: column 'f' is Int64, and is read as Float64, as another file needs it",
            "column-widened: a.parquet: column 'n' is Null, and is read as Utf8, as another file needs it",
        ]
    );
    let inexact = batch([("f", Arc::new(Int64Array::from(vec![(1 << 53) + 1])) as ArrayRef)]);
    let floats = batch([("f", Arc::new(Float64Array::from(vec![0.5])) as ArrayRef)]);
    let text = batch([("f", words(&["x"]))]);
    for (one, other, expected) in [
        (
            &inexact,
            &floats,
            "a.parquet: column 'f' cannot be joined with that of the other files: Cast error: a 64-bit float does not hold 9007199254740993 exactly",
        ),
        (&floats, &text, "b.parquet: column 'f' is Utf8, and in a.parquet it is Float64"),
    ] {
        let folder = folder(&[("a.parquet", parquet(one)), ("b.parquet", parquet(other))]);
        assert_eq!(refused_folder(&folder).lines().next().unwrap(), expected);
    }
}

#[test]
fn files_without_rows_are_left_out_and_said() {
    let full = batch([("x", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]);
    let parts = folder(&[("a.parquet", parquet(&full.slice(0, 0))), ("b.parquet", parquet(&full))]);
    let table = read_folder(&parts);
    assert_eq!(table.rows(), 2);
    assert_eq!(warnings(&parts, &table), ["empty-files: FOLDER: 1 file has no rows: a.parquet"]);
    let texts = folder(&[("a.csv", b"x\n".to_vec()), ("b.csv", b"".to_vec()), ("c.csv", b"x\n1\n".to_vec())]);
    assert_eq!(warnings(&texts, &read_folder(&texts)), ["empty-files: FOLDER: 2 files have no rows: a.csv and b.csv"]);
    let none = folder(&[("a.csv", b"x\n".to_vec())]);
    assert_eq!(refused_folder(&none).lines().next().unwrap(), "a.csv: the table has columns and no rows");
}

#[test]
fn folders_named_by_keys_are_columns() {
    let part = |x: u32| format!("x\n{x}\n{}\n", x + 1).into_bytes();
    let parts = folder(&[
        ("year=2024/kind=a%2Fb/0.csv", part(1)),
        ("year=2024/kind=c/0.csv", part(3)),
        ("year=2025/kind=__HIVE_DEFAULT_PARTITION__/0.csv", part(5)),
        ("year=2025/kind=c/0.csv", part(7)),
    ]);
    let table = read_folder(&parts);
    assert_eq!(kinds(&table), [Kind::Integer, Kind::Integer, Kind::Text]);
    assert_eq!(cells(&table)[1], ["2024", "2024", "2024", "2024", "2025", "2025", "2025", "2025"]);
    assert_eq!(cells(&table)[2], ["a/b", "a/b", "c", "c", "", "", "c", "c"]);
    assert_eq!(table.columns()[2].missing, 2);
    let out = rows_as(&table, &ids([0, 5, 7]), &[], Format::Csv).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "x,year,kind\n1,2024,a/b\n6,2025,\n8,2025,c\n");
    assert!(
        warnings(&parts, &table)[0].starts_with("partition-columns: FOLDER: the columns 'year' and 'kind' come from")
    );
    // Zeros in front are spelling, and a column of the same values is the same column.
    let months = folder(&[("m=01/0.csv", b"m,x\n1,5\n".to_vec()), ("m=02/0.csv", b"m,x\n2,6\n".to_vec())]);
    assert_eq!(cells(&read_folder(&months)), [["1", "2"], ["5", "6"]]);
    let months = folder(&[("m=01/0.csv", b"x\n5\n".to_vec()), ("m=02/0.csv", b"x\n6\n".to_vec())]);
    assert_eq!(cells(&read_folder(&months)), [["5", "6"], ["01", "02"]]);
    let wrong = folder(&[("m=1/0.csv", b"m,x\n1,5\n".to_vec()), ("m=2/0.csv", b"m,x\n3,6\n".to_vec())]);
    assert_eq!(
        refused_folder(&wrong).lines().next().unwrap(),
        "FOLDER: row 1 (row 0, line 2 of m=2/0.csv), column 'm': is '3', and the folder of its file says '2'"
    );
    // The same in a format with types.
    let of = |x: i64| parquet(&batch([("x", Arc::new(Int64Array::from(vec![x])) as ArrayRef)]));
    let typed = folder(&[("k=1/0.parquet", of(5)), ("k=2/0.parquet", of(6))]);
    let out = rows_as(&read_folder(&typed), &ids([1]), &[], Format::Parquet).unwrap();
    let back = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(out)).unwrap().build().unwrap();
    let back: Vec<RecordBatch> = back.map(Result::unwrap).collect();
    assert_eq!(back[0].column_by_name("k").unwrap().as_ref(), &Int64Array::from(vec![2]));
}

#[test]
fn arrays_of_other_types_are_refused() {
    let array = |descr: &str, shape: &str, bytes: usize| npy(descr, false, shape, &vec![0; bytes]);
    for (second, expected) in [
        (array("'<f4'", "(1, 2)", 8), "b.npy: the array is of dtype '<f4', and in a.npy it is of dtype '<f8'"),
        (array("'<f8'", "(1, 3)", 24), "b.npy: has a column 'x2', and a.npy has none"),
    ] {
        let folder = folder(&[("a.npy", array("'<f8'", "(2, 2)", 32)), ("b.npy", second)]);
        assert_eq!(refused_folder(&folder).lines().next().unwrap(), expected);
    }
    // In Fortran order rows of two files are not neighbours.
    let order = |fortran: bool, bytes: &[u8]| npy("'|u1'", fortran, "(2, 2)", bytes);
    let folder = folder(&[("a.npy", order(true, &[1, 3, 2, 4])), ("b.npy", order(false, &[5, 6, 7, 8]))]);
    assert_eq!(cells(&read_folder(&folder)), [["1", "3", "5", "7"], ["2", "4", "6", "8"]]);
}
