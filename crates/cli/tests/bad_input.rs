//! Bad input: what the user reads, the exit code, and that nothing is left behind.
//!
//! Exit 2: the request or its data cannot be used. Exit 3: a manifest is not reproduced.
#![cfg(unix)] // the snapshots hold the system's own words
#![allow(clippy::print_stdout)] // a test that cannot run here says so

use crate::common::{Place, TABLE, gzip, npy, workbook, zip};
use insta::assert_snapshot;
use leanset_core::RowId;
use leanset_core::dynamics::{LabelledLog, TrainingLog};

impl Place {
    /// The same folder with one more file.
    fn and(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }
}

/// A folder in the folder.
fn folder(name: &str) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path(name)).expect("a folder");
    place
}

/// The table, written as `format` and then named otherwise.
fn renamed(format: &str, name: &str) -> Place {
    let place = Place::with_table();
    place.ok(&format!("reduce t.csv --label kind --method srs --ratio 1 --output {format} --quiet"));
    std::fs::rename(place.path(format), place.path(name)).expect("renamed");
    place
}

fn truncated_parquet() -> Place {
    let place = renamed("t.parquet", "whole.parquet");
    let whole = place.bytes("whole.parquet");
    place.and("t.parquet", &whole[..whole.len() - 40])
}

/// A table of numbers that are all different, but for one word.
fn numbers_with(rows: usize, at: usize, word: &str) -> Place {
    let mut text = String::from("a,kind\n");
    for row in 0..rows {
        let value = if row == at { word.to_owned() } else { format!("{row}.5") };
        text.push_str(&format!("{value},{}\n", ["red", "blue"][row % 2]));
    }
    Place::with("t.csv", text)
}

/// A table whose whole numbers are too many to be classes.
fn numbers_as_label() -> Place {
    let text: String = (0..1200).map(|row| format!("{}.5,{row}\n", row % 7)).collect();
    Place::with("t.csv", format!("a,kind\n{text}"))
}

/// The table and its ranking.
fn ranked() -> Place {
    let place = Place::with_table();
    place.ok("rank t.csv --label kind --method mms --output ranking.csv --quiet");
    place
}

/// The table and a ranking written by hand.
fn ranking_with(lines: &str) -> Place {
    Place::with_table().and("ranking.csv", format!("row,class,rank,score\n{lines}"))
}

/// The table, reduced.
fn reduced() -> Place {
    let place = Place::with_table();
    place.ok("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv --quiet");
    place
}

/// The table, ranked and sliced.
fn sliced() -> Place {
    let place = ranked();
    place.ok("reduce t.csv --label kind --ranking ranking.csv --ratio 0.5 --output lean.csv --quiet");
    place
}

/// A reduction whose manifest says another output.
fn tampered() -> Place {
    let place = reduced();
    let mut manifest = place.json("lean.csv.manifest.json");
    manifest["output"]["sha256"] = "0123456789abcdef".repeat(4).into();
    place.and("lean.csv.manifest.json", manifest.to_string())
}

/// A reduction whose manifest says another ε.
fn with_another_epsilon() -> Place {
    let place = reduced();
    let mut manifest = place.json("lean.csv.manifest.json");
    manifest["epsilon"]["value"] = 0.125.into();
    place.and("lean.csv.manifest.json", manifest.to_string())
}

/// The table, and a target beside it.
fn with_target(rows: &str) -> Place {
    Place::with_table().and("new.csv", format!("a,b,kind\n{rows}"))
}

/// A reduction towards a target.
fn towards() -> Place {
    let place = with_target("1,2,red\n5,5,blue\n6,1,red\n");
    place.ok("reduce t.csv --target new.csv --label kind --method prd --ratio 0.5 --output lean.csv --quiet");
    place
}

// The file.

#[test]
fn missing_file() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce beans.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: beans.csv: cannot be read: No such file or directory
      hint: check the name, and the folder it is taken from
    ");
}

#[test]
fn missing_file_with_a_near_name() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce T.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: T.csv: cannot be read: No such file or directory
      hint: did you mean t.csv?
    ");
}

#[test]
fn input_is_a_folder() {
    let place = folder("t.csv");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: holds no files
      hint: a table ends in .csv, .parquet or another known extension; or say --format FORMAT
    ");
}

#[test]
fn input_is_a_device() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce /dev/null --format csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: /dev/null: is not a file, a folder or a pipe
      hint: save the table to a file first
    ");
}

#[test]
fn empty_file() {
    let place = Place::with("t.csv", "");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: the file is empty
      hint: a table has a line of column names, and rows
    ");
}

#[test]
fn parameter_twice() {
    let place = Place::with("t.csv", TABLE);
    let command =
        "reduce t.csv --label kind --method mms -p start=first -p start=central --ratio 0.5 --output lean.csv";
    assert_snapshot!(place.refuses(command), @r"
    exit 2
    error: --param start is given twice
      hint: give it once
    ");
}

#[test]
fn header_only() {
    let place = Place::with("t.csv", "a,b,kind\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: the table has columns and no rows
      hint: check how it was made
    ");
}

#[test]
fn too_few_fields() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n3,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: row 1 (line 3) has 2 fields; the header has 3
      hint: the record may be cut short, or its quotes may swallow a line ending
    ");
}

#[test]
fn too_many_fields() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n\n3,4,5,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: row 1 (line 4) has 4 fields; the header has 3
      hint: a value with a ',' in it must be in double quotes
    ");
}

#[test]
fn quote_that_never_closes() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n3,4,\"blue\n5,6,red\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r#"
    exit 2
    error: t.csv: line 3: a quoted field opens here and never closes
      hint: close the quote, or double it ("") if it belongs to the value
    "#);
}

#[test]
fn duplicate_header() {
    let place = Place::with("t.csv", "a,b,a,kind\n1,2,3,red\n4,5,6,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: two columns are named 'a': number 1 and number 3
      hint: rename one of them: a column is known by its name
    ");
}

#[test]
fn no_header() {
    let place = Place::with("t.csv", "1.5,2.5,0\n3.5,4.5,1\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: the first line holds numbers, not column names
      hint: --no-header if it is a row, or add a first line with one name per column
    ");
}

#[test]
fn semicolons() {
    let place = Place::with("t.csv", "a;b;kind\n1;2;red\n3;4;blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: no column 'kind'
      hint: the header is one column with separators in it: --delimiter ';'
    ");
}

#[test]
fn utf16() {
    let place = Place::with("t.csv", b"\xff\xfea\0,\0b\0\n\0");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv is UTF-16 text; leanset reads UTF-8
      hint: convert it first: iconv -f UTF-16 -t UTF-8 t.csv > utf8.csv
    ");
}

#[test]
fn not_utf8() {
    let place = Place::with("t.csv", b"a,b,kind\n1,2,red\n3,4,gr\xfcn\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: line 3 is not UTF-8: byte 0xfc
      hint: convert it first: iconv -f WINDOWS-1252 -t UTF-8 t.csv > utf8.csv
    ");
}

#[test]
fn parquet_named_csv() {
    let place = renamed("t.parquet", "u.csv");
    assert_snapshot!(place.refuses("reduce u.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: u.csv is a Parquet file by its content (PAR1), not a CSV file
      hint: --format parquet, or rename the file
    ");
}

#[test]
fn csv_named_parquet() {
    let place = Place::with("t.parquet", TABLE);
    assert_snapshot!(place.refuses("reduce t.parquet --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.parquet is text by its content, not a Parquet file
      hint: --format csv, or rename the file
    ");
}

#[test]
fn csv_named_npy() {
    let place = Place::with("t.npy", TABLE);
    assert_snapshot!(place.refuses("reduce t.npy --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.npy is text by its content, not an NPY file
      hint: --format csv, or rename the file
    ");
}

#[test]
fn csv_named_xlsx() {
    let place = Place::with("t.xlsx", TABLE);
    assert_snapshot!(place.refuses("reduce t.xlsx --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.xlsx is text by its content, not an XLSX workbook
      hint: --format csv, or rename the file
    ");
}

#[test]
fn gzip_named_csv() {
    let place = Place::with("t.csv", gzip(TABLE.as_bytes()));
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv is gzip by its content
      hint: rename it to t.csv.gz, or say --format csv
    ");
}

#[test]
fn csv_named_gz() {
    let place = Place::with("t.csv.gz", TABLE);
    assert_snapshot!(place.refuses("reduce t.csv.gz --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv.gz is not gzip by its content
      hint: rename it without '.gz', or say --format csv
    ");
}

#[test]
fn gzip_cut_short() {
    let place = Place::with("t.csv.gz", &gzip(TABLE.as_bytes())[..60]);
    assert_snapshot!(place.refuses("reduce t.csv.gz --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv.gz: the gzip data is damaged: incomplete deflate stream
      hint: the file may be cut short: download or pack it again
    ");
}

#[test]
fn parquet_cut_short() {
    let place = truncated_parquet();
    assert_snapshot!(place.refuses("reduce t.parquet --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.parquet: cannot be read as a Parquet file: Parquet error: Invalid Parquet file. Corrupt footer
      hint: the file may be cut short or of another format
    ");
}

#[test]
fn npy_of_three_axes() {
    let place = Place::with("t.npy", npy(&[2, 2, 2], &[0.0; 8]));
    assert_snapshot!(place.refuses("reduce t.npy --method mms --ratio 0.5 --output lean.npy"), @r"
    exit 2
    error: t.npy: the array has 3 axes; a table has 1 or 2
      hint: flatten all axes but the first: a.reshape(len(a), -1)
    ");
}

#[test]
fn npz_of_two_lengths() {
    let place = Place::with("t.npz", zip(&[("x.npy", npy(&[3, 2], &[0.0; 6])), ("y.npy", npy(&[4], &[0.0; 4]))]));
    assert_snapshot!(place.refuses("reduce t.npz --label y --method mms --ratio 0.5 --output lean.npz"), @r"
    exit 2
    error: t.npz: array 'x' has 3 rows and array 'y' has 4
      hint: say which arrays are the table, --features x, or save them in an archive of their own
    ");
}

#[test]
fn zip_of_something_else() {
    let place = Place::with("t.npz", zip(&[("readme.txt", b"hello".to_vec())]));
    assert_snapshot!(place.refuses("reduce t.npz --method mms --ratio 0.5 --output lean.npz"), @r"
    exit 2
    error: t.npz is a zip archive without arrays or sheets by its content, not an NPZ file
      hint: save it as CSV or Parquet first
    ");
}

#[test]
fn workbook_without_the_sheet() {
    let place = Place::with("t.xlsx", workbook("Beans", &[&["a", "kind"], &["1", "red"], &["2", "blue"]]));
    assert_snapshot!(place.refuses("reduce t.xlsx --sheet Bean --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.xlsx: no sheet 'Bean'
      hint: sheets: 'Beans'
    ");
}

#[test]
fn sheet_of_a_csv() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --sheet Beans --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: --sheet is of workbooks, and this is csv
      hint: leave --sheet out
    ");
}

#[test]
fn unknown_input_extension() {
    let place = Place::with("t.txt", TABLE);
    assert_snapshot!(place.refuses("reduce t.txt --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.txt: the extension '.txt' stands for no known format
      hint: known: .csv .tsv .tab .jsonl .ndjson .json .parquet .pq .arrow .feather .ipc .npy .npz .xlsx (also with .gz or .zst); or say --format csv|tsv|jsonl|parquet|arrow|npy|npz|xlsx
    ");
}

#[test]
fn unknown_format() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --format exel --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: invalid value 'exel' for '--format <FORMAT>'
      [possible values: csv, tsv, jsonl, parquet, arrow, npy, npz, xlsx]

    For more information, try '--help'.
    ");
}

#[test]
fn delimiter_of_two_characters() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --delimiter ;; --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: invalid value ';;' for '--delimiter <CHARACTER>': a delimiter is one ASCII character, or \t

    For more information, try '--help'.
    ");
}

// Columns.

#[test]
fn unknown_label_with_a_near_name() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kin --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: no column 'kin'; did you mean 'kind'?
      hint: columns: 'a', 'b', 'kind'
    ");
}

#[test]
fn unknown_label() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label species --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: no column 'species'
      hint: columns: 'a', 'b', 'kind'
    ");
}

#[test]
fn unknown_feature() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --features a,bb --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: no column 'bb'
      hint: columns: 'a', 'b', 'kind'
    ");
}

#[test]
fn unknown_excluded_column() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --exclude id --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: no column 'id'
      hint: columns: 'a', 'b', 'kind'
    ");
}

#[test]
fn unknown_id_column() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --id name --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: no column 'name'
      hint: columns: 'a', 'b', 'kind'
    ");
}

#[test]
fn feature_is_the_label() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --features a,kind --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: column 'kind' is the label and cannot be a feature
      hint: leave it out of --features
    ");
}

#[test]
fn feature_listed_twice() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --features a,b,a --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: column 'a' is listed twice as a feature
    ");
}

#[test]
fn label_is_the_id() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --id kind --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: column 'kind' cannot be both label and id
    ");
}

#[test]
fn no_feature_left() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --exclude a,b --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: no column is left to be a feature
      hint: distances need at least one column of numbers, true/false, text or lists of as many numbers in every row, beside label and id
    ");
}

#[test]
fn a_word_among_numbers() {
    let place = numbers_with(1200, 700, "12.x");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: row 700 (line 702), column 'a': '12.x' is not a number, and 1199 values are
      hint: correct the value, leave it empty (missing), or --exclude a
    ");
}

#[test]
fn words_among_numbers() {
    let place = Place::with(
        "t.csv",
        "a,kind\n0.5,blue\n1.5,red\n2.5,blue\n3.5,red\n4.5,blue\n5.5,red\n6.5,blue\n7.5,red\n8.5,blue\n9.5,red\n10.5,blue\n11.5,red\n12.5,blue\n13.5,red\n14.5,blue\n15.5,red\n16.5,blue\n17.5,red\n18.5,blue\n19.5,red\n20.5,blue\n21.5,red\n22.5,blue\n23.5,red\n24.5,blue\n25.5,red\n26.5,blue\n27.5,red\n28.5,blue\n29.5,red\nn.d.,red\n3;5,blue\n",
    );
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: row 30 (line 32), column 'a': 'n.d.' is not a number, and 30 values are
      hint: correct the value, leave it empty (missing), or --exclude a; 2 values are no numbers
    ");
}

#[test]
fn a_different_word_in_every_row() {
    let place = Place::with("t.csv", "name,a,kind\nn0,0,blue\nn1,1,red\nn2,2,blue\nn3,3,red\nn4,4,blue\nn5,5,red\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: text column 'name' holds 6 different values, one per row: too many for categories
      hint: --exclude name, or --id name if it names rows
    ");
}

#[test]
fn missing_values() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n,3,blue\n4,NA,red\n,nan,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: missing values in 2 columns: 'a' (2), 'b' (2); the first is in row 1 (line 3), column 'a'
      hint: --missing mean fills them, --missing drop leaves those rows out
    ");
}

#[test]
fn missing_labels() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n2,3,\n4,5,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: label column 'kind' is missing in 1 row, the first is row 1 (line 3)
      hint: --missing drop leaves those rows out
    ");
}

#[test]
fn missing_labels_are_not_filled() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n2,3,\n4,5,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --missing mean --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: label column 'kind' is missing in 1 row, the first is row 1 (line 3)
      hint: --missing drop leaves those rows out
    ");
}

#[test]
fn every_row_has_a_hole() {
    let place = Place::with("t.csv", "a,b,kind\n1,,red\n,3,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --missing drop --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: every row has a missing value, so none is left
      hint: --exclude the emptiest columns: 'a' (1), 'b' (1)
    ");
}

#[test]
fn column_without_values() {
    let place = Place::with("t.csv", "a,b,kind\n1,,red\n2,,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --missing mean --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: column 'b' has no values at all
      hint: --exclude b
    ");
}

#[test]
fn infinity() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n2,inf,blue\n3,4,red\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: row 1 (line 3), column 'b': 'inf' is infinite
      hint: distances need finite numbers: correct the value, leave it empty (missing), or --exclude b
    ");
}

#[test]
fn a_number_beyond_floats() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n2,-1e999,blue\n3,4,red\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: row 1 (line 3), column 'b': '-1e999' is infinite
      hint: distances need finite numbers: correct the value, leave it empty (missing), or --exclude b
    ");
}

#[test]
fn a_range_beyond_floats() {
    let place = Place::with("t.csv", "a,b,kind\n1,-1.7e308,red\n2,1.7e308,blue\n3,4,red\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: column 'b' runs from -1.7e308 to 1.7e308: its range overflows 64-bit floats
      hint: --exclude b, or divide it by a constant first
    ");
}

#[test]
fn squares_beyond_floats() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n2,1e200,blue\n3,4,red\n");
    assert_snapshot!(place.refuses("reduce t.csv --scale none --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: row 1 (line 3) has 1e200 in column 'b'; squared distances of values beyond ±1e150 overflow
      hint: use --scale minmax, or --exclude the column
    ");
}

#[test]
fn squares_below_floats() {
    let rows =
        |unit: &str| -> String { (1..=6).map(|i| format!("{i}{unit},7,{}\n", ["red", "blue"][i % 2])).collect() };
    let place = Place::with("t.csv", format!("a,b,kind\n{}", rows("e-170")));
    let reduce = "reduce t.csv --label kind --scale none --ratio 0.5 --output lean.csv";
    assert_snapshot!(place.refuses(&format!("{reduce} --method mms")), @r"
    exit 2
    error: t.csv: the rows of class blue differ by at most 4e-170, in column 'a'; squared distances of differences below 1e-140 underflow
      hint: use --scale minmax, or --exclude the column
    ");
    assert_snapshot!(place.refuses(&format!("{reduce} --method srs --metric euclidean")), @r"
    exit 2
    error: t.csv: the rows of class blue differ by at most 4e-170, in column 'a'; squared distances of differences below 1e-140 underflow
      hint: use --scale minmax, or --exclude the column
    ");
    // What squares nothing goes on, and scaled columns are as any others.
    place.ok(&format!("{reduce} --method srs --quiet"));
    let kept = |table: &str, scale: &str| {
        place.write("t.csv", format!("a,b,kind\n{}", rows(table)));
        place.ok(&format!(
            "reduce t.csv --label kind --scale {scale} --method mms --ratio 0.5 --output lean.csv --force --quiet"
        ));
        place.json("lean.csv.manifest.json")["row_ids"].clone()
    };
    for scale in ["minmax", "standard"] {
        assert_eq!(kept("e-170", scale), kept("e0", scale), "{scale}");
    }
    let place = Place::with("t.csv", format!("a,b,kind\n{}", rows("e-315")));
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: column 'a' runs from 1e-315 to 6e-315: its range is too small for 64-bit floats to scale
      hint: --exclude a, or multiply it by a constant first
    ");
}

#[test]
fn one_class_where_classes_are_needed() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n2,3,red\n3,4,red\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method des --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: the label column 'kind' holds one value, 'red'; distance-entropy needs 2 classes or more
      hint: name another label column, or use another method (`leanset methods`)
    ");
}

#[test]
fn no_label_where_classes_are_needed() {
    let place = Place::with("t.csv", "a,b\n1,2\n2,3\n3,4\n");
    assert_snapshot!(place.refuses("reduce t.csv --method des --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: no --label is given, so all rows are one class, and distance-entropy needs 2 or more
      hint: --label COLUMN names the column of classes
    ");
}

#[test]
fn measurements_as_label() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label a --exclude kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: row 2 (line 4), label column 'a': '2.5' is not a class, it is a measurement
      hint: --bins N cuts the label into N classes of equal counts; --categorical a if these numbers are names of classes
    ");
}

#[test]
fn too_many_numbers_as_label() {
    let place = numbers_as_label();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: label column 'kind' holds 1200 different numbers in 1200 rows: too many for classes
      hint: --bins N cuts the label into N classes of equal counts; --categorical kind if these numbers are names of classes
    ");
}

#[test]
fn bins_of_a_text_label() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --bins 3 --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: --bins 3: label column 'kind' holds text, not numbers
      hint: leave --bins out: these values are classes already
    ");
}

#[test]
fn one_bin() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label a --exclude kind --bins 1 --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: --bins 1: at least 2 bins make classes
    ");
}

#[test]
fn bins_without_a_label() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --exclude kind --bins 3 --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: --bins cuts a label into classes, and there is no label
      hint: add --label
    ");
}

#[test]
fn unknown_rule_for_missing_values() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --missing fill --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: invalid value 'fill' for '--missing <RULE>'
      [possible values: refuse, mean, drop]

    For more information, try '--help'.
    ");
}

// The budget.

#[test]
fn no_budget() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --output lean.csv"), @r"
    exit 2
    error: no budget is given
      hint: --ratio R, --count N, or --per-class CLASS=N for every class
    ");
}

#[test]
fn ratio_zero() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0 --output lean.csv"), @r"
    exit 2
    error: ratio must be in (0, 1], not 0
      hint: --ratio 0.1 is one row in ten
    ");
}

#[test]
fn ratio_above_one() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 1.5 --output lean.csv"), @r"
    exit 2
    error: ratio must be in (0, 1], not 1.5
      hint: --ratio 0.1 is one row in ten
    ");
}

#[test]
fn ratio_below_zero() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio -0.1 --output lean.csv"), @r"
    exit 2
    error: ratio must be in (0, 1], not -0.1
      hint: --ratio 0.1 is one row in ten
    ");
}

#[test]
fn ratio_nan() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio nan --output lean.csv"), @r"
    exit 2
    error: ratio must be in (0, 1], not NaN
      hint: --ratio 0.1 is one row in ten
    ");
}

#[test]
fn ratio_that_is_no_number() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio some --output lean.csv"), @r"
    exit 2
    error: invalid value 'some' for '--ratio <R>': a fraction is a number such as 0.1, or 10%

    For more information, try '--help'.
    ");
}

#[test]
fn count_zero() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --count 0 --output lean.csv"), @r"
    exit 2
    error: count must be at least 1, not 0
      hint: ask for at least 1 row
    ");
}

#[test]
fn count_above_the_rows() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --count 11 --output lean.csv"), @r"
    exit 2
    error: count 11 is above the 10 rows of the table
      hint: ask for at most 10
    ");
}

#[test]
fn count_below_the_classes() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --count 1 --output lean.csv"), @r"
    exit 2
    error: count 1 is below the 2 classes that have rows, and every class keeps at least one row
      hint: ask for at least 2 rows, or let classes vanish with --allow-empty-classes
    ");
}

#[test]
fn ratio_and_count() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --count 5 --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: the argument '--count <N>' cannot be used with '--ratio <R>'

    Usage: leanset reduce --count <N> --label <COLUMN> --method <NAME> --output <FILE> <FILE>...

    For more information, try '--help'.
    ");
}

#[test]
fn per_class_of_an_unknown_class() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --per-class red=1 --per-class blu=1 --output lean.csv"), @r"
    exit 2
    error: --per-class blu=1: there is no class 'blu'
      hint: did you mean 'blue'?
    ");
}

#[test]
fn per_class_above_the_class() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --per-class red=6 --per-class blue=1 --output lean.csv"), @r"
    exit 2
    error: --per-class red=6: class 'red' has 5 rows
      hint: ask for at most 5 of it
    ");
}

#[test]
fn per_class_not_of_every_class() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --per-class red=1 --output lean.csv"), @r"
    exit 2
    error: --per-class does not name blue
      hint: name every class; CLASS=0 keeps none of it
    ");
}

#[test]
fn per_class_twice() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --per-class red=1 --per-class red=2 --output lean.csv"), @r"
    exit 2
    error: --per-class names class 'red' twice
      hint: name it once
    ");
}

#[test]
fn per_class_none_of_all() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --per-class red=0 --per-class blue=0 --output lean.csv"), @r"
    exit 2
    error: count must be at least 1, not 0
      hint: ask for at least 1 row
    ");
}

#[test]
fn per_class_without_a_count() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --per-class red --output lean.csv"), @r"
    exit 2
    error: invalid value 'red' for '--per-class <CLASS=N>': a class and its count are CLASS=N, such as SIRA=100

    For more information, try '--help'.
    ");
}

#[test]
fn per_class_of_a_method_over_all_classes() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method des --per-class red=2 --per-class blue=2 --output lean.csv"), @r"
    exit 2
    error: distance-entropy cannot keep a given count of each class: it chooses over all classes at once
      hint: give a ratio or a total count
    ");
}

// The method.

#[test]
fn no_method() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: no method is given
      hint: --method NAME; `leanset methods` lists them
    ");
}

#[test]
fn unknown_method_with_a_near_name() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method maxmim --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: there is no method 'maxmim'
      hint: did you mean 'maxmin'?
    ");
}

#[test]
fn unknown_method() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method perceptron --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: there is no method 'perceptron'
      hint: the methods are [every method]
    ");
}

#[test]
fn unknown_method_of_methods() {
    let place = Place::new();
    assert_snapshot!(place.refuses("methods sra"), @r"
    exit 2
    error: there is no method 'sra'
      hint: did you mean 'srs'?
    ");
}

#[test]
fn unknown_parameter_with_a_near_name() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --param strat=first --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: maxmin has no parameter 'strat'
      hint: did you mean 'start'?
    ");
}

#[test]
fn parameter_of_a_method_without() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method srs --param start=first --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: stratified-random has no parameter 'start'
      hint: it has no parameters
    ");
}

#[test]
fn parameter_with_a_bad_word() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method nrmd --param decomposition=pca --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: parameter 'decomposition' of matrix-decomposition must be svd|qr|lu|spca|flda|mean, not 'pca'
    ");
}

#[test]
fn parameter_with_a_bad_number() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method clc --param max_iter=0 --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: parameter 'max_iter' of clustering-centroids must be a whole number of at least 1, not '0'
    ");
}

#[test]
fn parameter_without_a_value() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --param start --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: invalid value 'start' for '--param <NAME=VALUE>': a parameter is NAME=VALUE, e.g. start=first

    For more information, try '--help'.
    ");
}

#[test]
fn start_row_out_of_range() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --param start=0,10 --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: --param start: row 10 is beyond the last: t.csv has rows 0 to 9
      hint: name another row
    ");
}

#[test]
fn start_rows_not_one_a_class() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --param start=0 --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: parameter 'start' of maxmin must be one row id of each class (no row given of class blue), not '0'
    ");
}

#[test]
fn start_row_left_out_for_missing_values() {
    let place = Place::with("t.csv", "a,b,kind\n1,2,red\n,3,blue\n4,5,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --missing drop --param start=0,1 --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: --param start: row 1 is left out for missing values: t.csv has rows 0 to 2
      hint: name another row
    ");
}

#[test]
fn rows_from_a_file_that_is_not_there() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --param start=@rows.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: rows.csv: cannot be read: No such file or directory
      hint: check the name, and the folder it is taken from
    ");
}

#[test]
fn rows_from_a_file_without_rows() {
    let place = Place::with_table().and("rows.csv", "a,b\n1,2\n");
    assert_snapshot!(place.refuses("reduce t.csv --param start=@rows.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: rows.csv: no column 'row'
      hint: columns: 'a', 'b'
    ");
}

#[test]
fn seed_that_is_no_number() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --seed now --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: invalid value 'now' for '--seed <N>': invalid digit found in string

    For more information, try '--help'.
    ");
}

#[test]
fn centroids_of_words() {
    let place = Place::with("t.csv", "a,colour,kind\n1,dark,red\n2,pale,red\n3,pale,blue\n4,dark,blue\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method clc --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: column 'colour' holds text: a point between rows, such as a centroid, has no value there
      hint: --param output=rows keeps the real row nearest each, or --exclude the column
    ");
}

#[test]
fn ids_of_centroids() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method clc --ratio 0.5 --emit ids --output lean.csv"), @r"
    exit 2
    error: clustering-centroids generates prototypes, and they have no row ids
      hint: --param output=rows keeps the real row nearest each
    ");
}

#[test]
fn weights_of_a_method_without() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --weights w --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: maxmin gives no weights
      hint: leave --weights out
    ");
}

#[test]
fn weights_named_as_a_column() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method clc --param output=rows --weights b --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: the weights need a column 'b', and there is one of that name
      hint: name another: --weights NAME
    ");
}

#[test]
fn ranking_by_a_method_that_does_not_rank() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("rank t.csv --label kind --method clc --output ranking.csv"), @r"
    exit 2
    error: clustering-centroids cannot rank rows: its selections at two ratios are not nested
      hint: use `leanset reduce`, or another method (`leanset methods`)
    ");
}

#[test]
fn ranking_with_a_base_that_moves() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("rank t.csv --label kind --method des --output ranking.csv"), @r"
    exit 2
    error: distance-entropy cannot rank rows with these parameters
      hint: it ranks when base is a number or base_rows is given (--param NAME=VALUE); otherwise use `leanset reduce`
    ");
}

#[test]
fn plan_of_a_ranking_that_cannot_be() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("rank t.csv --label kind --method clc --dry-run"), @r"
    exit 2
    error: clustering-centroids cannot rank rows: its selections at two ratios are not nested
      hint: use `leanset reduce`, or another method (`leanset methods`)
    ");
}

// The target.

/// Refused before any file is read: neither is there.
#[test]
fn target_of_a_method_that_heeds_none() {
    let place = Place::new();
    assert_snapshot!(place.refuses("reduce t.csv --target new.csv --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: --target: maxmin cannot choose rows that represent another table
      hint: leave --target out, or use --method [a method that supports a target]
    ");
    assert_snapshot!(place.refuses("rank t.csv --target new.csv --method srs --output ranking.csv"), @r"
    exit 2
    error: --target: stratified-random cannot choose rows that represent another table
      hint: leave --target out, or use --method [a method that supports a target]
    ");
}

#[test]
fn target_that_is_not_there() {
    let place = Place::with_table();
    let reduce = "reduce t.csv --target new.csv --label kind --method prd --ratio 0.5 --output lean.csv";
    assert_snapshot!(place.refuses(reduce), @r"
    exit 2
    error: new.csv: cannot be read: No such file or directory
      hint: check the name, and the folder it is taken from
    ");
}

#[test]
fn target_without_a_feature() {
    let place = Place::with_table().and("new.csv", "a,kind\n1,red\n2,blue\n");
    let reduce = "reduce t.csv --target new.csv --label kind --method prd --ratio 0.5 --output lean.csv";
    assert_snapshot!(place.refuses(reduce), @r"
    exit 2
    error: new.csv: no column 'b'
      hint: columns: 'a', 'kind'
    ");
}

#[test]
fn target_without_the_label() {
    let place = Place::with_table().and("new.csv", "a,b\n1,3\n2,4\n");
    let reduce = "reduce t.csv --target new.csv --label kind --method prd --ratio 0.5 --output lean.csv";
    assert_snapshot!(place.refuses(reduce), @r"
    exit 2
    error: new.csv: no column 'kind'
      hint: columns: 'a', 'b'
    ");
}

#[test]
fn target_without_a_class() {
    let place = with_target("1,2,red\n5,5,red\n");
    let reduce = "reduce t.csv --target new.csv --label kind --method prd --ratio 0.5 --output lean.csv";
    assert_snapshot!(place.refuses(reduce), @r"
    exit 2
    error: new.csv: has no row of class blue, of which t.csv has
      hint: give it rows of that class, or leave the class out of t.csv
    ");
}

#[test]
fn target_with_a_hole() {
    let place = with_target("1,2,red\n,5,blue\n");
    let rank = "rank t.csv --target new.csv --label kind --method prd --output ranking.csv";
    assert_snapshot!(place.refuses(rank), @r"
    exit 2
    error: new.csv: missing values in 1 column: 'a' (1); the first is in row 1 (line 3), column 'a'
      hint: --missing mean fills them, --missing drop leaves those rows out
    ");
}

#[test]
fn target_of_other_classes() {
    let place = with_target("1,2,green\n5,5,white\n");
    let rank = "rank t.csv --target new.csv --label kind --method prd --output ranking.csv";
    assert_snapshot!(place.refuses(rank), @r"
    exit 2
    error: new.csv: label column 'kind': no row is of a class known, but 'green', 'white'
      hint: known: 'blue', 'red'
    ");
}

#[test]
fn target_and_ranking() {
    let place = ranked();
    let reduce = "reduce t.csv --target t.csv --ranking ranking.csv --label kind --ratio 0.5 --output lean.csv";
    assert_snapshot!(place.refuses(reduce), @r"
    exit 2
    error: the argument '--target <TABLE>' cannot be used with '--ranking <FILE>'

    Usage: leanset reduce --target <TABLE> --label <COLUMN> --ratio <R> --output <FILE> <FILE>...

    For more information, try '--help'.
    ");
}

#[test]
fn output_is_the_target() {
    let place = with_target("1,2,red\n5,5,blue\n");
    let reduce = "reduce t.csv --target new.csv --label kind --method prd --ratio 0.5 --output new.csv --force";
    assert_snapshot!(place.refuses(reduce), @r"
    exit 2
    error: new.csv: is an input of this command, and is never overwritten
      hint: write to another file
    ");
}

#[test]
fn manifest_of_another_target() {
    let place = towards().and("new.csv", "a,b,kind\n1,2,red\n5,5,blue\n");
    let again = "reduce --from-manifest lean.csv.manifest.json --output again.csv";
    assert_snapshot!(place.refuses(again), @r"
    exit 3
    error: new.csv: is not the target of the manifest: SHA-256 ca6694ec5517 and 26 bytes, not ef7fe5081897 and 34
      hint: name the original file: --target FILE
    ");
}

#[test]
fn manifest_whose_target_is_gone() {
    let place = towards();
    std::fs::remove_file(place.path("new.csv")).expect("removed");
    let again = "reduce --from-manifest lean.csv.manifest.json --output again.csv";
    assert_snapshot!(place.refuses(again), @r"
    exit 2
    error: new.csv: cannot be read: No such file or directory
      hint: say where the target is now: --target FILE
    ");
}

#[test]
fn target_for_a_manifest_without() {
    let place = Place::with_table();
    place.ok("reduce t.csv --label kind --method prd --ratio 0.5 --output lean.csv --quiet");
    let again = "reduce --from-manifest lean.csv.manifest.json --target t.csv --output again.csv";
    assert_snapshot!(place.refuses(again), @r"
    exit 2
    error: --target t.csv: the manifest has no target
      hint: leave --target out
    ");
}

// Watching training.

/// A log of the table: rows right or wrong in three epochs; with probabilities of so many classes.
fn log_text(classes: usize) -> String {
    let head: String = (0..classes).map(|class| format!(",p_{class}")).collect();
    let mut text = format!("epoch,row,correct{head}\n");
    for epoch in 1..=3 {
        for row in 0..10 {
            let probabilities = ",0.5".repeat(classes);
            text += &format!("{epoch},{row},{}{probabilities}\n", (row + epoch) % 2);
        }
    }
    text
}

/// The table, and a log beside it.
fn with_log(text: impl AsRef<[u8]>) -> Place {
    Place::with_table().and("log.csv", text)
}

/// A reduction by a log.
const BY_LOG: &str = "reduce t.csv --log log.csv --label kind --method fes --ratio 0.5 --output lean.csv";

/// Refused before any file is read: neither is there.
#[test]
fn log_of_a_method_that_watches_no_training() {
    let place = Place::new();
    assert_snapshot!(place.refuses("reduce t.csv --log log.csv --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: --log: maxmin does not use training dynamics
      hint: leave --log out, or use --method [a method that uses training dynamics]
    ");
    assert_snapshot!(place.refuses("rank t.csv --epochs 20 --method srs --output ranking.csv"), @r"
    exit 2
    error: --epochs: stratified-random does not use training dynamics
      hint: leave --epochs out, or use --method [a method that uses training dynamics]
    ");
    assert_snapshot!(place.refuses("rank t.csv --log log.csv --hidden 8 --method fes --output ranking.csv"), @r"
    exit 2
    error: --hidden: nothing is trained where --log is given
      hint: leave --log or --hidden out
    ");
}

#[test]
fn log_that_is_not_there() {
    assert_snapshot!(Place::with_table().refuses(BY_LOG), @r"
    exit 2
    error: log.csv: cannot be read: No such file or directory
      hint: check the name, and the folder it is taken from
    ");
}

#[test]
fn log_that_is_none() {
    assert_snapshot!(with_log("epoch,row,loss\n0,0,1.5\n").refuses(BY_LOG), @r"
    exit 2
    error: log.csv: has no column 'correct', so it is not a training log
      hint: a log has the columns epoch, row (or the --id column) and correct, and p_0, p_1 … if known
    ");
    assert_snapshot!(with_log("epoch,row,correct\n").refuses(BY_LOG), @r"
    exit 2
    error: log.csv: the table has columns and no rows
      hint: check how it was made
    ");
}

#[test]
fn log_with_a_row_twice() {
    assert_snapshot!(with_log(log_text(0) + "2,7,1\n").refuses(BY_LOG), @r"
    exit 2
    error: log.csv: row 30 (line 32) has row 7 a second time in epoch 2
      hint: a log has every row of the table once in every epoch
    ");
}

#[test]
fn log_with_a_gap() {
    let text = log_text(0).replace("2,7,1\n", "");
    assert_snapshot!(with_log(text).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: has no row 7 in epoch 2
      hint: a log has every row of t.csv once in every epoch
    ");
}

#[test]
fn log_of_another_table() {
    assert_snapshot!(with_log(log_text(0) + "2,10,1\n").refuses(BY_LOG), @r"
    exit 2
    error: log.csv: row 30 (line 32) names row '10', which t.csv does not have
      hint: rows are 0 to 9, by position in t.csv
    ");
}

#[test]
fn log_of_what_are_no_numbers() {
    assert_snapshot!(with_log(log_text(0).replace("2,7,1\n", "2,7,maybe\n")).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: row 17 (line 19) has 'maybe' in the column 'correct', which is not 0, 1, false or true
      hint: the column 'correct' has 0, 1, false or true in every row
    ");
    assert_snapshot!(with_log(log_text(0).replace("2,7,1\n", "2.5,7,1\n")).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: row 17 (line 19) has '2.5' in the column 'epoch', which is not a whole number of at least 0
      hint: the column 'epoch' has a whole number of at least 0 in every row
    ");
    assert_snapshot!(with_log(log_text(2).replace("2,7,1,0.5", "2,7,1,1.5")).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: row 17 (line 19) has '1.5' in the column 'p_0', which is not a number in [0, 1]
      hint: the column 'p_0' has a number in [0, 1] in every row
    ");
}

#[test]
fn log_with_other_probabilities() {
    assert_snapshot!(with_log(log_text(3)).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: has 3 columns of probabilities, and t.csv has 2 classes
      hint: one a class, p_0 to p_1, in the order of the classes; or none
    ");
    assert_snapshot!(with_log(log_text(0)).refuses(&BY_LOG.replace("fes", "el2n")), @r"
    exit 2
    error: el2n cannot rank rows by a training log without probabilities
      hint: log the probability of every class too, or use forgetting-events
    ");
}

#[test]
fn log_against_its_probabilities() {
    // Row 3 is blue, whose probability is p_0.
    let wrong = log_text(2).replace("2,3,1,0.5,0.5", "2,3,1,0.2,0.8");
    assert_snapshot!(with_log(wrong).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: row 13 (line 15) says that row 3 is right in epoch 2, but its largest probability is p_1 = 0.8, of class 'red', and the row is of class 'blue'
      hint: the columns p_0, p_1 … are in the order of the classes (p_0 is of 'blue', p_1 is of 'red'), and correct is 1 where the largest is of the class of the row; without these columns, correct alone is used
    ");
    let right = log_text(2).replace("2,4,0,0.5,0.5", "2,4,0,0.1,0.9");
    assert_snapshot!(with_log(right).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: row 14 (line 16) says that row 4 is wrong in epoch 2, but its largest probability is p_1 = 0.9, of its own class 'red'
      hint: the columns p_0, p_1 … are in the order of the classes (p_0 is of 'blue', p_1 is of 'red'), and correct is 1 where the largest is of the class of the row; without these columns, correct alone is used
    ");
    // Of probabilities that tie, either may have been taken.
    with_log(log_text(2)).ok(&format!("{BY_LOG} --quiet"));
}

/// A log of the table as the Python package saves it, of rows with these labels.
fn saved_log(labels: &[&str], rows: usize) -> Vec<u8> {
    let names: Vec<String> = ["red", "blue"].map(str::to_owned).into();
    let codes = labels.iter().map(|label| u32::from(*label == names[1])).collect();
    let mut log = TrainingLog::new(labels.len());
    for epoch in 1..=3 {
        for row in 0..rows {
            log.observe(epoch, RowId::at(row), (row + epoch as usize) % 2 == 1, None).expect("each row once");
        }
    }
    LabelledLog { kind: "str".into(), names, codes, log }.state()
}

#[test]
fn log_that_was_saved_with_its_sums() {
    let labels: Vec<&str> = TABLE.lines().skip(1).map(|line| line.rsplit(',').next().expect("a label")).collect();
    let whole = saved_log(&labels, 10);
    // The same rows as by the log of single observations.
    let kept = |place: Place| {
        place.ok(&format!("{BY_LOG} --quiet"));
        place.json("lean.csv.manifest.json")["row_ids"].clone()
    };
    assert_eq!(kept(with_log(&whole)), kept(with_log(log_text(0))));

    assert_snapshot!(with_log(&whole[..whole.len() - 5]).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: cannot be read as a training log: it is cut short: it has 337 bytes of 342
      hint: copy or write the file again; it cannot be repaired
    ");
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    assert_snapshot!(with_log(&damaged).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: cannot be read as a training log: it is damaged: its checksum is another
      hint: copy or write the file again; it cannot be repaired
    ");
    assert_snapshot!(with_log(saved_log(&labels[1..], 9)).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: is of 9 rows, and t.csv has 10
      hint: a log has every row of the table once in every epoch
    ");
    assert_snapshot!(with_log(saved_log(&labels, 9)).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: has no row 9 in epoch 1
      hint: a log has every row of the table once in every epoch
    ");
    let mut others = labels.clone();
    others.rotate_left(1);
    assert_snapshot!(with_log(saved_log(&others, 10)).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: row 0 is of class 'blue', and in t.csv it is of 'red'
      hint: give the labels that the log was made with, in the same order
    ");
    assert_snapshot!(with_log(&whole).refuses(&format!("{BY_LOG} --split 0.25")), @r"
    exit 2
    error: log.csv: is a log of all rows of a table, and 3 rows of t.csv are held out for the test or left out for missing values
      hint: make the table of the training rows first, and log a training on it
    ");
    let other = leanset_core::state::seal("ranking", 1, b"");
    assert_snapshot!(with_log(other).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: cannot be read as a training log: it is a 'ranking', not a 'labelled training log'
    ");
    let newer = leanset_core::state::seal(LabelledLog::FAMILY, LabelledLog::VERSION + 1, b"");
    assert_snapshot!(with_log(newer).refuses(BY_LOG), @r"
    exit 2
    error: log.csv: cannot be read as a training log: it is a 'labelled training log' of version 2, and this leanset knows version 1
      hint: use the leanset that wrote it, or a newer one
    ");
}

#[test]
fn log_in_which_nothing_is_forgotten() {
    let of_epochs =
        |count: usize| log_text(0).lines().take(1 + 10 * count).map(|line| format!("{line}\n")).collect::<String>();
    let warned = |text: String, method: &str| -> Vec<String> {
        let place = with_log(text);
        place.ok(&format!("{} --quiet", BY_LOG.replace("fes", method)));
        let warnings = place.json("lean.csv.manifest.json")["warnings"].clone();
        warnings.as_array().expect("warnings").iter().map(|w| w["code"].as_str().expect("a code").to_owned()).collect()
    };
    assert_eq!(warned(of_epochs(1), "fes"), ["one-epoch"]);
    // Row 4 is wrong once more, and so its events are others than those of its class.
    assert_eq!(warned(of_epochs(3).replace("\n1,4,1\n", "\n1,4,0\n"), "fes"), [""; 0]);
    // Every row is right in every epoch.
    let all_right: String = log_text(0).replace(",0\n", ",1\n");
    assert_eq!(warned(all_right, "fes"), ["scores-flat"]);
}

#[test]
fn training_of_nothing() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("rank t.csv --exclude kind --method fes --output ranking.csv"), @r"
    exit 2
    error: t.csv: all rows are of one class, and a model needs two or more to train
      hint: --label COLUMN names the column of classes; --log FILE takes the training log of another model
    ");
    let rank = "rank t.csv --label kind --method fes --output ranking.csv";
    assert_snapshot!(place.refuses(&format!("{rank} --dropout 1")), @r"
    exit 2
    error: parameter 'dropout' of the trainer must be a number in [0, 1), not 1
    ");
    assert_snapshot!(place.refuses(&format!("{rank} --hidden 8,0")), @r"
    exit 2
    error: parameter 'hidden' of the trainer must be widths in [1, 32768], not 0
    ");
    assert_snapshot!(place.refuses(&format!("{rank} --learning-rate -1")), @r"
    exit 2
    error: parameter 'learning-rate' of the trainer must be a number in (0, ∞), not -1
    ");
    assert_snapshot!(place.refuses(&format!("{rank} --save-log t.csv --force")), @r"
    exit 2
    error: t.csv: is an input of this command, and is never overwritten
      hint: write to another file
    ");
    assert_snapshot!(place.refuses(&format!("{rank} --save-log ranking.csv")), @r"
    exit 2
    error: ranking.csv: is another output of this command
      hint: give --save-log a file of its own
    ");
    assert_snapshot!(place.refuses(&format!("{rank} --save-log log.xlsx")), @r"
    exit 2
    error: log.xlsx: a training log is not written as a workbook
      hint: name it .parquet or .csv.gz
    ");
}

#[test]
fn manifest_of_another_log() {
    let place = with_log(log_text(0));
    place.ok(&format!("{BY_LOG} --quiet"));
    let place = place.and("log.csv", log_text(2));
    let again = "reduce --from-manifest lean.csv.manifest.json --output again.csv";
    assert_snapshot!(place.refuses(again), @r"
    exit 3
    error: log.csv: is not the log of the manifest: SHA-256 5bccb4225b04 and 446 bytes, not 703695a126c5 and 198
      hint: name the original file: --log FILE
    ");
    std::fs::remove_file(place.path("log.csv")).expect("removed");
    assert_snapshot!(place.refuses(again), @r"
    exit 2
    error: log.csv: cannot be read: No such file or directory
      hint: say where the log is now: --log FILE
    ");
}

#[test]
fn log_for_a_manifest_without() {
    let place = with_log(log_text(0));
    place.ok("reduce t.csv --label kind --method fes --epochs 2 --ratio 0.5 --output lean.csv --quiet");
    let again = "reduce --from-manifest lean.csv.manifest.json --log log.csv --output again.csv";
    assert_snapshot!(place.refuses(again), @r"
    exit 2
    error: --log log.csv: the manifest has no log
      hint: leave --log out
    ");
}

#[test]
fn unknown_metric() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --metric angular --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: invalid value 'angular' for '--metric <METRIC>': parameter 'metric' of epsilon must be chebyshev|euclidean|manhattan|cosine, not 'angular'

    For more information, try '--help'.
    ");
}

// Outputs.

#[test]
fn no_output() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5"), @r"
    exit 2
    error: no output is given
      hint: --output FILE, or --output - for stdout
    ");
}

#[test]
fn output_exists() {
    let place = Place::with_table().and("lean.csv", "precious");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: lean.csv: exists
      hint: choose another name, or replace it with --force
    ");
}

#[test]
fn manifest_exists() {
    let place = Place::with_table().and("lean.csv.manifest.json", "precious");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: lean.csv.manifest.json: exists
      hint: choose another name, or replace it with --force
    ");
}

#[test]
fn output_is_the_input() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output t.csv"), @r"
    exit 2
    error: t.csv: is an input of this command, and is never overwritten
      hint: write to another file
    ");
}

#[test]
fn output_is_the_input_by_force() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output ./t.csv --force"), @r"
    exit 2
    error: ./t.csv: is an input of this command, and is never overwritten
      hint: write to another file
    ");
}

#[test]
fn output_is_a_folder() {
    let place = folder("out.csv").and("t.csv", TABLE);
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output out.csv --force"), @r"
    exit 2
    error: out.csv: is a folder
      hint: name a file in it
    ");
}

#[test]
fn output_folder_does_not_exist() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output runs/lean.csv"), @r"
    exit 2
    error: runs/lean.csv: there is no folder runs
      hint: mkdir -p runs
    ");
}

#[test]
fn output_is_a_device() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv --manifest /dev/null --force"), @r"
    exit 2
    error: /dev/null: is not a regular file and is never replaced
      hint: name a file; --output - writes to stdout
    ");
}

#[test]
fn output_is_the_manifest() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv --manifest ./lean.csv"), @r"
    exit 2
    error: lean.csv: is both output and manifest
      hint: give them two names
    ");
}

#[test]
fn unknown_output_extension() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.txt"), @r"
    exit 2
    error: lean.txt: the extension '.txt' stands for no known format
      hint: an output is .csv .tsv .jsonl .parquet .arrow .npy or .npz, also with .gz or .zst
    ");
}

#[test]
fn workbook_as_output() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.xlsx"), @r"
    exit 2
    error: lean.xlsx: leanset reads workbooks and does not write them
      hint: write .csv or .parquet
    ");
}

#[test]
fn words_in_an_npy() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.npy"), @r"
    exit 2
    error: an NPY file holds numbers: column 'kind' is text
      hint: write CSV, Parquet or NPZ, which have a type per column
    ");
}

#[test]
fn rows_and_json_on_stdout() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output - --json"), @r"
    exit 2
    error: --output - and --json both write to stdout
      hint: give a file: --output FILE
    ");
}

#[test]
fn manifest_of_stdout() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output - --manifest m.json"), @r"
    exit 2
    error: --output - has no place for a manifest
      hint: give a file: --output FILE
    ");
}

#[test]
fn ranking_without_output() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("rank t.csv --label kind --method mms"), @r"
    exit 2
    error: no output is given
      hint: --output FILE, or --output - for stdout
    ");
}

#[test]
fn ranking_output_exists() {
    let place = Place::with_table().and("ranking.csv", "precious");
    assert_snapshot!(place.refuses("rank t.csv --label kind --method mms --output ranking.csv"), @r"
    exit 2
    error: ranking.csv: exists
      hint: choose another name, or replace it with --force
    ");
}

#[test]
fn ranking_as_workbook() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("rank t.csv --label kind --method mms --output ranking.xlsx"), @r"
    exit 2
    error: ranking.xlsx: leanset reads workbooks and does not write them
      hint: write .csv or .parquet
    ");
}

#[test]
fn ranking_and_json_on_stdout() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("rank t.csv --label kind --method mms --output - --json"), @r"
    exit 2
    error: --output - and --json both write to stdout
      hint: give a file: --output FILE
    ");
}

#[test]
fn demo_folder_exists() {
    let place = folder("digits");
    assert_snapshot!(place.refuses("demo --output digits"), @r"
    exit 2
    error: digits: exists
      hint: name a folder that is not there yet
    ");
}

// Rankings.

#[test]
fn ranking_that_is_no_ranking() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --ranking t.csv --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: t.csv: has no column 'row', so it is not a ranking
      hint: make one with `leanset rank`
    ");
}

#[test]
fn ranking_of_a_longer_table() {
    let place = ranked().and("u.csv", "a,b,kind\n1,2,red\n3,4,blue\n");
    assert_snapshot!(place.refuses("reduce u.csv --label kind --ranking ranking.csv --ratio 0.5 --output lean.csv"), @r"
    exit 2
    warning: ranking.csv: was made of t.csv, which is another file than u.csv (or was changed since)
      hint: rank again, unless the rows are the same in the same order
    error: ranking.csv: row 0 (line 2) names row '3', which u.csv does not have
      hint: rows are 0 to 1, by position in u.csv
    ");
}

#[test]
fn ranking_of_other_classes() {
    let place = ranked().and("u.csv", TABLE.replace("0.0,1.5,red", "0.0,1.5,blue"));
    assert_snapshot!(place.refuses("reduce u.csv --label kind --ranking ranking.csv --ratio 0.5 --output lean.csv"), @r"
    exit 2
    warning: ranking.csv: was made of t.csv, which is another file than u.csv (or was changed since)
      hint: rank again, unless the rows are the same in the same order
    error: ranking.csv: row 5 (line 7) says row 0 is of class 'red', and it is of 'blue', so it is not a ranking of u.csv
      hint: rank this table again, with the same --label, --id and --missing
    ");
}

#[test]
fn ranking_with_a_row_twice() {
    let place = ranking_with("0,red,1,0.5\n0,red,0,1\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --ranking ranking.csv --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: ranking.csv: row 0 (line 2) and row 1 (line 3) name the same row, so it is not a ranking of t.csv
      hint: rank this table again, with the same --label, --id and --missing
    ");
}

#[test]
fn ranking_with_a_rank_twice() {
    let place = ranking_with("0,red,1,0.5\n2,red,1,1\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --ranking ranking.csv --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: ranking.csv: ranks are neither 0, 1, 2, … within each class nor over all rows (no row has rank 0), so it is not a ranking of t.csv
      hint: rank this table again, with the same --label, --id and --missing
    ");
}

#[test]
fn ranking_with_a_rank_that_is_no_rank() {
    let place = ranking_with("0,red,first,0.5\n2,red,1,1\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --ranking ranking.csv --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: ranking.csv: row 0 (line 2) has rank 'first'
      hint: ranks are 0, 1, 2, …
    ");
}

#[test]
fn ranking_that_is_too_short() {
    let place = ranking_with("0,red,0,0.5\n2,red,1,1\n1,blue,0,1\n");
    assert_snapshot!(place.refuses("reduce t.csv --label kind --ranking ranking.csv --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: ranking.csv: the ranking holds 1 rows of class blue, and 3 are asked
      hint: ask for fewer rows, or rank the whole table again
    ");
}

#[test]
fn ranking_with_weights() {
    let place = ranked();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --ranking ranking.csv --weights w --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: a ranking gives no weights
      hint: leave --weights out
    ");
}

#[test]
fn ranking_and_method() {
    let place = ranked();
    assert_snapshot!(place.refuses("reduce t.csv --ranking ranking.csv --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: the argument '--ranking <FILE>' cannot be used with '--method <NAME>'

    Usage: leanset reduce --ranking <FILE> --label <COLUMN> --ratio <R> --output <FILE> <FILE>...

    For more information, try '--help'.
    ");
}

#[test]
fn ids_that_are_not_distinct() {
    let place = Place::with("t.csv", "id,a,kind\nx,1,red\ny,2,blue\nx,3,red\nz,4,blue\n");
    assert_snapshot!(place.refuses("rank t.csv --label kind --id id --method mms --output ranking.csv"), @r"
    exit 2
    error: t.csv: the id column 'id' has 'x' in row 0 (line 2) and in row 2 (line 4)
      hint: ids must be distinct; leave --id out to name rows by position
    ");
}

#[test]
fn ids_that_are_missing() {
    let place = Place::with("t.csv", "id,a,kind\nx,1,red\n,2,blue\nz,4,blue\n");
    assert_snapshot!(place.refuses("rank t.csv --label kind --id id --method mms --output ranking.csv"), @r"
    exit 2
    error: t.csv: row 1 (line 3) has no value in the id column 'id'
      hint: name rows by another column, or leave --id out to name them by position
    ");
}

// Measuring.

#[test]
fn measure_nothing() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("measure t.csv --label kind"), @r"
    exit 2
    error: measure needs the reduced table, or --ranking FILE
      hint: leanset measure FULL REDUCED, or leanset measure FULL --ranking FILE --curve
    ");
}

#[test]
fn measure_neither_rows_nor_ids() {
    let place = Place::with_table().and("r.csv", "a,kind\n1,red\n");
    assert_snapshot!(place.refuses("measure t.csv r.csv --label kind"), @r"
    exit 2
    error: r.csv: has neither the feature column 'b' of t.csv nor a column 'row' of row ids
      hint: the reduced table holds rows of the full one, or ids of its rows
    ");
}

#[test]
fn measure_rows_without_the_label() {
    let place = Place::with_table().and("r.csv", "a,b\n1,2\n");
    assert_snapshot!(place.refuses("measure t.csv r.csv --label kind"), @r"
    exit 2
    error: r.csv: no column 'kind'
      hint: columns: 'a', 'b'
    ");
}

#[test]
fn measure_a_class_that_is_not_there() {
    let place = Place::with_table().and("r.csv", "a,b,kind\n1,2,green\n");
    assert_snapshot!(place.refuses("measure t.csv r.csv --label kind"), @r"
    exit 2
    error: r.csv: row 0 (line 2), label column 'kind': 'green' is not one of the 2 classes known
      hint: known: 'blue', 'red'
    ");
}

#[test]
fn measure_a_word_where_numbers_were() {
    let place = Place::with_table().and("r.csv", "a,b,kind\n1,2,red\n3,two,blue\n");
    assert_snapshot!(place.refuses("measure t.csv r.csv --label kind"), @r"
    exit 2
    error: r.csv: row 1 (line 3), column 'b': 'two' is not a number
    ");
}

#[test]
fn measure_an_unknown_row() {
    let place = Place::with_table().and("r.csv", "row\n3\n10\n");
    assert_snapshot!(place.refuses("measure t.csv r.csv --label kind"), @r"
    exit 2
    error: r.csv: row 1 (line 3) names row '10', which t.csv does not have
      hint: rows are 0 to 9, by position in t.csv
    ");
}

#[test]
fn measure_a_row_twice() {
    let place = Place::with_table().and("r.csv", "row\n3\n1\n3\n");
    assert_snapshot!(place.refuses("measure t.csv r.csv --label kind"), @r"
    exit 2
    error: r.csv: row 0 (line 2) and row 2 (line 4) name the same row of t.csv
      hint: name every row once
    ");
}

#[test]
fn measure_an_unknown_id() {
    let place = Place::with("t.csv", "id,a,kind\nx,1,red\ny,2,blue\n").and("r.csv", "id\nx\nw\n");
    assert_snapshot!(place.refuses("measure t.csv r.csv --label kind --id id"), @r"
    exit 2
    error: r.csv: row 1 (line 3) names row 'w', which t.csv does not have
      hint: ids are compared with the --id column as text
    ");
}

#[test]
fn measure_a_row_left_out() {
    let place = Place::with("t.csv", "a,kind\n1,red\n,red\n3,blue\n").and("r.csv", "row\n0\n1\n");
    assert_snapshot!(place.refuses("measure t.csv r.csv --label kind --missing drop"), @r"
    exit 2
    warning: t.csv: 1 of 3 rows left out for missing values
      hint: --missing mean keeps them and fills what is missing
    error: r.csv: row 1 (line 3) names row 1, which is left out for missing values
      hint: use --missing mean, or reduce without that row
    ");
}

#[test]
fn measure_a_ranking_as_rows() {
    let place = ranked();
    assert_snapshot!(place.refuses("measure t.csv ranking.csv --label kind"), @r"
    exit 2
    error: ranking.csv: is a ranking of all rows, so nothing is reduced
      hint: --ranking ranking.csv --curve measures its prefixes
    ");
}

#[test]
fn measure_a_ranking_nowhere() {
    let place = ranked();
    assert_snapshot!(place.refuses("measure t.csv --ranking ranking.csv --label kind"), @r"
    exit 2
    error: a ranking is measured at ratios
      hint: --curve for 1 % … 100 %, or --ratio R (repeatable)
    ");
}

#[test]
fn measure_a_ranking_at_no_ratio() {
    let place = ranked();
    assert_snapshot!(place.refuses("measure t.csv --ranking ranking.csv --label kind --ratio 2"), @r"
    exit 2
    error: ratio must be in (0, 1], not 2
      hint: --ratio 0.1 is one row in ten
    ");
}

#[test]
fn curve_without_a_ranking() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("measure t.csv t.csv --label kind --curve"), @r"
    exit 2
    error: --curve is of a ranking, and none is given
      hint: leanset measure FULL --ranking FILE; `leanset rank` makes one
    ");
}

#[test]
fn persistence_of_a_whole_curve() {
    let place = ranked();
    assert_snapshot!(place.refuses("measure t.csv --ranking ranking.csv --label kind --curve --persistence"), @r"
    exit 2
    error: --persistence is of one reduced table or of single ratios, not of a whole curve
      hint: --ratio R (repeatable) in place of --curve
    ");
}

#[test]
fn persistence_in_a_dimension_too_high() {
    let place = reduced();
    assert_snapshot!(place.refuses("measure t.csv lean.csv --label kind --persistence --dimension 3"), @r"
    exit 2
    error: invalid value '3' for '--dimension <K>': 3 is not in 0..=2

    For more information, try '--help'.
    ");
}

#[test]
fn persistence_of_too_many_points() {
    let place = reduced();
    let measure = "measure t.csv lean.csv --label kind --persistence --persistence-points";
    assert_snapshot!(place.refuses(&format!("{measure} 4097")), @r"
    exit 2
    error: invalid value '4097' for '--persistence-points <N>': 4097 is not in 1..=4096

    For more information, try '--help'.
    ");
}

#[test]
fn persistence_above_the_memory_limit() {
    let place = Place::with("t.csv", crate::common::csv(2000, 2, 1));
    place.ok("reduce t.csv --label class --id id --method mms --ratio 0.1 --output lean.csv --quiet");
    let measure = "measure t.csv lean.csv --label class --id id --memory-limit 60MB";
    place.ok(&format!("{measure} --persistence --quiet"));
    assert_snapshot!(without_size(&place.refuses(&format!("{measure} --persistence --dimension 2"))), @r"
    exit 2
    error: this run is predicted to take N MiB of memory, above the limit of 57.22 MiB
      hint: raise --memory-limit, or take fewer --persistence-points
    ");
}

#[test]
fn dimension_of_nothing() {
    let place = reduced();
    assert_snapshot!(place.refuses("measure t.csv lean.csv --label kind --dimension 2"), @r"
    exit 2
    error: the following required arguments were not provided:
      --persistence

    Usage: leanset measure --persistence --label <COLUMN> --dimension <K> <FILE>...

    For more information, try '--help'.
    ");
}

// Manifests.

#[test]
fn manifest_that_is_not_json() {
    let place = Place::with_table().and("m.json", "kept: 5");
    assert_snapshot!(place.refuses("reduce --from-manifest m.json"), @r"
    exit 2
    error: m.json: is not a manifest: expected value at line 1 column 1
      hint: a manifest is the JSON file beside an output
    ");
}

#[test]
fn manifest_that_is_something_else() {
    let place = Place::with_table().and("m.json", "{}");
    assert_snapshot!(place.refuses("reduce --from-manifest m.json"), @r"
    exit 2
    error: m.json: is not a manifest: it has no schema
      hint: a manifest is the JSON file beside an output
    ");
}

#[test]
fn manifest_of_another_schema() {
    let place = Place::with_table().and("m.json", r#"{"schema": "leanset.manifest/99"}"#);
    assert_snapshot!(place.refuses("reduce --from-manifest m.json"), @r"
    exit 2
    error: m.json: has schema 'leanset.manifest/99'; this leanset reads leanset.manifest/2
      hint: use the version of leanset that wrote it
    ");
}

#[test]
fn manifest_that_is_damaged() {
    let place = Place::with_table().and("m.json", r#"{"schema": "leanset.manifest/2"}"#);
    assert_snapshot!(place.refuses("reduce --from-manifest m.json"), @r"
    exit 2
    error: m.json: is a damaged manifest: missing field `leanset`
      hint: use it as leanset wrote it
    ");
}

#[test]
fn manifest_that_is_missing() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json"), @r"
    exit 2
    error: lean.csv.manifest.json: cannot be read: No such file or directory
      hint: check the name, and the folder it is taken from
    ");
}

#[test]
fn manifest_of_a_ranking() {
    let place = ranked();
    assert_snapshot!(place.refuses("reduce --from-manifest ranking.csv.manifest.json --output lean.csv"), @r"
    exit 2
    error: ranking.csv.manifest.json: is the manifest of `leanset rank`, not of a reduction
      hint: only reductions are reproduced by --from-manifest
    ");
}

#[test]
fn manifest_with_a_method() {
    let place = reduced();
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --method srs"), @r"
    exit 2
    error: the argument '--from-manifest <FILE>' cannot be used with '--method <NAME>'

    Usage: leanset reduce --from-manifest <FILE> [FILE]...

    For more information, try '--help'.
    ");
}

#[test]
fn manifest_whose_output_exists() {
    let place = reduced();
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json"), @r"
    exit 2
    error: lean.csv: exists
      hint: choose another name, or replace it with --force
    ");
}

#[test]
fn manifest_of_another_input() {
    let place = reduced().and("t.csv", TABLE.replace("9.5", "9.6"));
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output again.csv"), @r"
    exit 3
    error: t.csv: is not the file of the manifest: SHA-256 9dd528f22731 and 134 bytes, not 45b8df369082 and 134
      hint: name the original file: leanset reduce FILE --from-manifest …
    ");
}

#[test]
fn manifest_of_an_input_that_cannot_be_read_any_more() {
    let place = reduced().and("t.csv", "a,b\n1\n");
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output again.csv"), @r"
    exit 3
    error: t.csv: is not the file of the manifest: SHA-256 551cf7e87e04 and 6 bytes, not 45b8df369082 and 134
      hint: name the original file: leanset reduce FILE --from-manifest …
    ");
}

#[test]
fn manifest_whose_output_differs() {
    let place = tampered();
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output again.csv"), @r"
    exit 3
    error: the output differs from the manifest's: SHA-256 156993d41a07 and 72 bytes, not 0123456789ab and 72
      hint: the manifest is of leanset VERSION; nothing was written
    ");
}

#[test]
fn manifest_whose_output_differs_on_stdout() {
    let place = tampered();
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output - --quiet"), @r"
    exit 3
    error: the output differs from the manifest's: SHA-256 156993d41a07 and 72 bytes, not 0123456789ab and 72
      hint: the manifest is of leanset VERSION; nothing was written
    ");
}

#[test]
fn manifest_whose_epsilon_differs() {
    let place = with_another_epsilon();
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output again.csv"), @r"
    exit 3
    error: the result differs from the manifest in epsilon.value (0.125 there, 0.42105263157894735 here)
      hint: the manifest is of leanset VERSION or was changed; nothing was written
    ");
}

#[test]
fn manifest_of_another_ranking() {
    let place = sliced().and("ranking.csv", "row,class,rank,score\n");
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output again.csv"), @r"
    exit 3
    error: ranking.csv: is not the ranking of the manifest
      hint: its SHA-256 differs; rank again as its own manifest says
    ");
}

#[test]
fn manifest_into_another_format() {
    let place = reduced();
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output again.parquet"), @r"
    exit 2
    error: again.parquet: is of another format than the output of the manifest, lean.csv
      hint: the same bytes are of the same format: give the name the same extension
    ");
}

// Running.

#[test]
fn memory_limit_below_the_file() {
    let place = numbers_as_label();
    assert_snapshot!(place.refuses("reduce t.csv --method mms --ratio 0.5 --output lean.csv --memory-limit 1KB"), @r"
    exit 2
    error: t.csv: 9.47 KiB do not fit into the memory limit of 1000 B
      hint: raise --memory-limit, or reduce the table in parts
    ");
}

/// What is predicted begins with what the process has taken, which depends on how it was built.
fn without_size(text: &str) -> String {
    for words in ["predicted to take ", "the process holds "] {
        if let Some((before, after)) = text.split_once(words) {
            let after = after.split_once(' ').map_or("", |(_, after)| after);
            return format!("{before}{words}N {after}");
        }
    }
    text.to_owned()
}

#[test]
fn memory_limit_below_the_prediction() {
    let place = Place::with_table();
    assert_snapshot!(without_size(&place.refuses("reduce t.csv --memory-limit 1MB --label kind --method mms --ratio 0.5 --output lean.csv")), @r"
    exit 2
    error: t.csv: the process holds N MiB of memory already, above the limit of 976.56 KiB
      hint: raise --memory-limit, or reduce the table in parts
    ");
}

#[test]
fn memory_limit_that_is_no_size() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --memory-limit lots --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: invalid value 'lots' for '--memory-limit <SIZE>': a size is a number with a unit, e.g. 500MB or 2GiB

    For more information, try '--help'.
    ");
}

#[test]
fn no_threads() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --threads 0 --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: invalid value '0' for '--threads <N>': 0 is not in 1..=65535

    For more information, try '--help'.
    ");
}

#[test]
fn unknown_verb() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("shrink t.csv"), @r"
    exit 2
    error: unrecognized subcommand 'shrink'

      tip: a similar subcommand exists: 'rank'

    Usage: leanset <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn unknown_flag() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --ration 0.5 --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: unexpected argument '--ration' found

      tip: a similar argument exists: '--ratio'

    Usage: leanset reduce --ratio <R> <FILE>...

    For more information, try '--help'.
    ");
}

#[test]
fn no_verb() {
    let place = Place::new();
    assert_snapshot!(place.refuses(""), @r"
    exit 2
    Reduce a labelled training set to its most useful rows or images

    Usage: leanset <COMMAND>

    Commands:
      reduce       Keep a fraction of the rows of a table
      choose       Find out how many rows of a table your model needs, and which
      rank         Rank all rows of a table, to cut at any ratio later
      measure      Measure how representative a reduced table or a ranking is (ε)
      images       Check, reduce or embed an image dataset (YOLO, COCO, Pascal VOC, class folders)
      experiment   Compare methods and ratios on your data: reduce, train, test, meter
      report       Turn the records of an experiment into an HTML report
      methods      List the methods, or describe one
      plans        List the plans of experiments inside the program, or print one
      energy       Run a command and report the energy that it used
      demo         Reduce a small built-in dataset and explain each step
      completions  Print a completion script for your shell
      man          Print the manual page
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Try it:     leanset demo
    How much:   leanset choose beans.csv --label Class
    Reduce:     leanset reduce beans.csv --label Class -m mms -r 0.1 -o lean.csv
    More help:  leanset help reduce
    ");
}

#[test]
fn no_file() {
    let place = Place::new();
    assert_snapshot!(place.refuses("reduce --label kind --method mms --ratio 0.5 --output lean.csv"), @r"
    exit 2
    error: the following required arguments were not provided:
      <FILE>...

    Usage: leanset reduce --label <COLUMN> --method <NAME> --ratio <R> --output <FILE> <FILE>...

    For more information, try '--help'.
    ");
}

#[test]
fn unknown_shell() {
    let place = Place::new();
    assert_snapshot!(place.refuses("completions tcsh"), @r"
    exit 2
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, elvish, fish, powershell, zsh]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    ");
}

// What needs more than a table and a command.

/// One class is no reason to refuse where the method does not need several; it is a reason to say so.
#[test]
fn one_class_where_one_is_enough() {
    let place = Place::with("t.csv", "a,kind\n1,red\n2,red\n3,red\n4,red\n");
    let ran = place.run("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv --quiet");
    assert_snapshot!(ran.shown(), @r"
    exit 0
    warning: label column 'kind' holds one class in every row: 'red'
      hint: without a label every row is of one class as well
    ");
    assert_eq!(place.text("lean.csv").lines().count(), 3);
}

/// A word among few different numbers may be a category; it is said all the same.
#[test]
fn a_word_among_few_numbers() {
    let place = Place::with("t.csv", "a,kind\n0,red\n1,red\n0,red\n3+,red\n0,blue\n1,blue\n0,blue\n1,blue\n");
    let ran = place.run("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv --quiet");
    assert_snapshot!(ran.shown(), @r"
    exit 0
    warning: t.csv: row 3 (line 5), column 'a': '3+' is not a number, and 7 values are: all are taken as categories
      hint: correct the value if 'a' is a measurement
    ");
    assert_eq!(place.text("lean.csv").lines().count(), 5);
}

/// Standard output on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn full_stdout() {
    let place = Place::with_table();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let run = |arguments: &str| {
        let child = place.command(arguments).stdout(full()).stderr(std::process::Stdio::piped()).spawn();
        crate::common::Ran::from(child.expect("the binary runs").wait_with_output().expect("it ends")).shown()
    };
    assert_snapshot!(run("reduce t.csv --label kind --method mms --ratio 0.5 --output - --quiet"), @r"
    exit 2
    error: stdout: cannot be written: No space left on device
      hint: free some space, or write to another disk
    ");
    assert_snapshot!(run("rank t.csv --label kind --method mms --output -"), @r"
    exit 2
    error: stdout: cannot be written: No space left on device
      hint: free some space, or write to another disk
    ");
    assert_snapshot!(run("methods"), @r"
    exit 2
    error: stdout: cannot be written: No space left on device
      hint: free some space, or write to another disk
    ");
}

/// Runs a line of shell in which `leanset` is the binary; its exit code and stderr.
#[cfg(target_os = "linux")]
fn shell(place: &Place, wrapper: &str, script: &str) -> crate::common::Ran {
    let wrapper = crate::common::words(wrapper);
    let mut command = std::process::Command::new(&wrapper[0]);
    command.args(&wrapper[1..]).arg(script).current_dir(place.path(".")).env("LC_ALL", "C");
    command.env("LEANSET", env!("CARGO_BIN_EXE_leanset")).stdin(std::process::Stdio::null());
    match command.output() {
        Ok(output) => output.into(),
        Err(error) => crate::common::Ran { code: None, out: Vec::new(), err: error.to_string() },
    }
}

#[test]
fn neighbourhood_above_the_cap() {
    // The row is named as in the file, though a row before it is left out.
    let rows: String =
        (0..40).map(|row| format!("{},red\n", if row == 3 { String::new() } else { row.to_string() })).collect();
    let place = Place::with("t.csv", format!("a,kind\n{rows}"));
    let reduce =
        "reduce t.csv --label kind --missing drop --scale none --method phl --param delta=4 --param most_neighbors=6";
    assert_snapshot!(place.refuses(&format!("{reduce} --ratio 0.5 --output lean.csv")), @r"
    exit 2
    error: ph-landmarks: row 4 (line 6) of t.csv of class red has 7 distinct neighbours within delta = 4, above most_neighbors = 6
      hint: give a smaller delta, or delta=auto, or raise most_neighbors (at most 4096; the work grows with its square or more)
    ");
}

/// A disk that is full halfway through: a small tmpfs in a mount namespace of its own, which ends with the command.
#[cfg(target_os = "linux")]
#[test]
fn full_disk() {
    let place = Place::with("t.csv", crate::common::csv(4000, 4, 3));
    std::fs::create_dir(place.path("disk")).expect("a folder");
    let mounted = "mount -t tmpfs -o size=64k tmpfs disk 2>/dev/null || exit 77\n";
    let reduce = r#""$LEANSET" reduce t.csv --label class --id id --method srs --ratio 0.9 --output disk/lean.csv"#;
    let script = format!("{mounted}{reduce} --quiet\ncode=$?\nls -A disk\nexit $code");
    let ran = ["unshare --mount sh -c", "unshare --user --map-root-user --mount sh -c"]
        .iter()
        .map(|wrapper| shell(&place, wrapper, &script))
        .find(|ran| ran.code == Some(2));
    let Some(ran) = ran else {
        println!("skipped: no small disk can be mounted here (it takes unshare and mount)");
        return;
    };
    assert_snapshot!(ran.shown(), @r"
    exit 2
    error: disk/lean.csv: cannot be written: No space left on device
      hint: free some space, or write to another disk
    ");
    assert_eq!(ran.stdout(), "", "something is left on the full disk");
}

/// The same without a mount: a limit on the size of files cuts the output off halfway.
#[cfg(target_os = "linux")]
#[test]
fn output_above_the_limit_of_file_sizes() {
    let place = Place::with("t.csv", crate::common::csv(4000, 4, 3));
    let before = place.listing();
    let script = r#"trap '' XFSZ; ulimit -f 16; exec "$LEANSET" reduce t.csv --label class --id id --method srs --ratio 0.9 --output lean.csv --quiet"#;
    assert_snapshot!(shell(&place, "sh -c", script).shown(), @r"
    exit 2
    error: lean.csv: cannot be written: File too large
      hint: raise the limit on the size of files, or write to another disk
    ");
    assert!(place.listing() == before, "something is left");
}

/// The manifest does not fit where the output does: neither appears.
#[cfg(target_os = "linux")]
#[test]
fn disk_full_at_the_manifest() {
    let rows: String = (0..4000).map(|row| format!("{},{}\n", row % 2, ["red", "blue"][row % 2])).collect();
    let place = Place::with("t.csv", format!("a,kind\n{rows}"));
    let before = place.listing();
    let script = r#"trap '' XFSZ; ulimit -f 16; exec "$LEANSET" reduce t.csv --label kind --method srs --ratio 1 --output lean.csv.gz --quiet"#;
    assert_snapshot!(shell(&place, "sh -c", script).shown(), @r"
    exit 2
    error: lean.csv.gz.manifest.json: cannot be written: File too large
      hint: raise the limit on the size of files, or write to another disk
    ");
    assert!(place.listing() == before, "something is left");
}
