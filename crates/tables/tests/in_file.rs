//! Columns of Parquet files stay in the file: what is asked of them is what a table in memory answers.
#![cfg(feature = "arrow")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, ListBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int16Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{Field, Schema};
use leanset_tables::*;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use crate::common::*;

/// A row of a table with a column of every kind.
type Row = (Option<f64>, f32, Option<i64>, i16, Option<bool>, Option<String>, Option<Vec<f32>>, Vec<Option<f32>>, i32);

fn batch(rows: &[Row]) -> RecordBatch {
    let mut lists = ListBuilder::new(Float32Builder::new());
    let mut fixed = FixedSizeListBuilder::new(Float32Builder::new(), 2);
    for (.., list, pair, _) in rows {
        list.iter().flatten().for_each(|&x| lists.values().append_value(x));
        lists.append(list.is_some());
        pair.iter().for_each(|x| fixed.values().append_option(*x));
        fixed.append(true);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("double", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.0)))),
        ("single", Arc::new(Float32Array::from_iter_values(rows.iter().map(|row| row.1)))),
        ("long", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.2)))),
        ("short", Arc::new(Int16Array::from_iter_values(rows.iter().map(|row| row.3)))),
        ("flag", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.4)))),
        ("text", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.5.clone())))),
        ("lists", Arc::new(lists.finish())),
        ("pairs", Arc::new(fixed.finish())),
        ("day", Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.8)))),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn parquet(batch: &RecordBatch, rows_of_group: usize, rows_of_page: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_of_group))
        .set_data_page_row_count_limit(rows_of_page)
        .set_write_batch_size(rows_of_page)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn ipc(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn table(&self, name: &str, bytes: &[u8]) -> Table {
        read(&self.file(name, bytes), &ReadOptions::default()).unwrap()
    }
}

fn row() -> impl Strategy<Value = Row> {
    let number = prop_oneof![8 => (-9i16..9).prop_map(f32::from), 1 => Just(f32::NAN), 1 => Just(0.1)];
    (
        proptest::option::weighted(0.9, -1e3..1e3f64),
        number.clone(),
        proptest::option::weighted(0.9, any::<i64>()),
        any::<i16>(),
        proptest::option::weighted(0.9, any::<bool>()),
        proptest::option::weighted(0.9, "[a-c]{0,2}"),
        proptest::option::weighted(0.9, proptest::collection::vec(number.clone(), 3)),
        proptest::collection::vec(proptest::option::weighted(0.9, number), 2),
        -1000..1000i32,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Kinds, missing values, values and what is written are those of the same table in memory.
    #[test]
    fn a_file_answers_as_memory_does(
        rows in proptest::collection::vec(row(), 1..60),
        sizes in (1usize..40, 1usize..9),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
        sorted in any::<bool>(),
    ) {
        let (folder, batch) = (Folder::new(), batch(&rows));
        let own = folder.table("t.parquet", &parquet(&batch, sizes.0, sizes.1));
        let packed = open("t.parquet", parquet(&batch, sizes.0, sizes.1));
        let held = open("t.arrow", ipc(&batch));
        let mut picked: Vec<u32> = picks.iter().map(|pick| pick.index(rows.len()) as u32).collect();
        if sorted {
            picked.sort_unstable();
            picked.dedup();
        }
        let picked = ids(picked);
        for table in [&own, &packed] {
            prop_assert_eq!(table.columns(), held.columns());
            prop_assert_eq!(cells(table), cells(&held));
            for format in [Format::Csv, Format::Jsonl] {
                let [one, other] = [table, &held].map(|table| rows_as(table, &picked, &[], format).unwrap());
                prop_assert!(one == other, "{}", format);
            }
        }
        prop_assert_eq!(own.memory(), 0);
        let expected: Vec<Vec<String>> =
            cells(&held).iter().map(|of| picked.iter().map(|row| of[row.index()].clone()).collect()).collect();
        // A table needs a row.
        for (name, format) in [("t.parquet", Format::Parquet), ("t.arrow", Format::ArrowIpc)] {
            let written = rows_as(&own, &picked, &[], format).unwrap();
            if !picked.is_empty() {
                prop_assert_eq!(cells(&open(name, written)), expected.clone());
            }
        }
    }
}

/// A table of numbers, and what becomes of it.
fn encoded(table: &Table, options: &Columns) -> Encoded {
    Encoder::fit_encode(table, options).unwrap().1
}

#[test]
fn a_matrix_is_the_same_from_a_file_and_from_memory() {
    let rows: Vec<Row> = (0..700)
        .map(|i| {
            let x = f32::from(i as i16);
            let list = Some(vec![x.sin(), x.cos(), x]);
            (
                Some(f64::from(x).sqrt()),
                x * 0.5,
                Some(i64::MAX - i),
                i as i16,
                Some(i % 3 == 0),
                None,
                list,
                vec![Some(x), Some(-x)],
                i as i32,
            )
        })
        .collect();
    let (folder, batch) = (Folder::new(), batch(&rows));
    let (own, held) = (folder.table("t.parquet", &parquet(&batch, 300, 64)), open("t.arrow", ipc(&batch)));
    let plain = ["double", "single", "long", "short", "flag"];
    let cases: [(&[&str], Option<Scale>); 7] = [
        (&plain, None),
        (&plain, Some(Scale::Standard)),
        (&["single", "short", "flag"], Some(Scale::None)),
        (&["lists"], None),
        (&["lists"], Some(Scale::Unit)),
        (&["lists", "pairs"], Some(Scale::None)),
        (&["pairs", "single"], Some(Scale::MinMax)),
    ];
    for (names, scale) in cases {
        let options = Columns { features: features(names), scale, ..Columns::default() };
        assert_eq!(encoded(&own, &options), encoded(&held, &options), "{names:?} {scale:?}");
    }
}

#[test]
fn missing_values_in_a_file_are_what_they_are_in_memory() {
    let row = |i: i64| -> Row {
        let x = i as f32;
        let hole = (i % 5 == 0).then_some(());
        let list = Some(vec![x, if i == 7 { f32::NAN } else { 1.0 }, -x]);
        (hole.map_or(Some(i as f64), |()| None), x, Some(i), 1, Some(true), Some("a".into()), list, vec![Some(x); 2], 0)
    };
    let (folder, batch) = (Folder::new(), batch(&(0..60).map(row).collect::<Vec<_>>()));
    let (own, held) = (folder.table("t.parquet", &parquet(&batch, 16, 4)), open("t.arrow", ipc(&batch)));
    for names in [&["double", "single"][..], &["lists"]] {
        for missing in [Missing::Mean, Missing::Drop] {
            let options = Columns { features: features(names), missing, ..Columns::default() };
            let [one, other] = [&own, &held].map(|table| encoded(table, &options));
            let said = |encoded: &Encoded| encoded.warnings.iter().map(|w| w.code.clone()).collect::<Vec<_>>();
            assert_eq!(said(&one), said(&other));
            assert_eq!((one.features, one.rows), (other.features, other.rows), "{names:?} {missing}");
        }
        let options = Columns { features: features(names), ..Columns::default() };
        let [one, other] = [&own, &held].map(|table| words(&Encoder::fit_encode(table, &options).unwrap_err()));
        assert_eq!(one, other.replace("t.arrow", own.name()));
    }
}

#[test]
fn several_files_stay_in_their_files() {
    let rows: Vec<Row> = (0..50)
        .map(|i| {
            let x = i as f32;
            let text = Some(format!("t{i}"));
            (Some(f64::from(x)), x, Some(i), 1, Some(true), text, Some(vec![x; 3]), vec![Some(x); 2], 0)
        })
        .collect();
    let folder = Folder::new();
    let paths = [&rows[..20], &rows[20..21], &rows[21..]]
        .iter()
        .enumerate()
        .map(|(number, rows)| folder.file(&format!("{number}.parquet"), &parquet(&batch(rows), 7, 3)))
        .collect::<Vec<_>>();
    let files = find_files(&TablePaths::from(paths), None).unwrap();
    let table = read_files(&files, &ReadOptions::default(), &|_, _| ()).unwrap();
    assert_eq!(table.memory(), 0);
    let whole = open("t.arrow", ipc(&batch(&rows)));
    assert_eq!(table.columns(), whole.columns());
    assert_eq!(cells(&table), cells(&whole));
    let picked = ids([49, 0, 20, 21, 22, 19, 20]);
    let [one, other] = [&table, &whole].map(|table| rows_as(table, &picked, &[], Format::Csv).unwrap());
    assert_eq!(String::from_utf8(one), String::from_utf8(other));
}

/// A column that two files hold in different types leaves them, which is asked for before it is done.
#[test]
fn columns_that_leave_their_files_are_refused_before_they_are_held() {
    let file = |array: ArrayRef| {
        let schema = Schema::new(vec![Field::new("a", array.data_type().clone(), true)]);
        parquet(&RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap(), 1 << 20, 1 << 14)
    };
    const ROWS: i64 = 1 << 20;
    let wide = || file(Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| row % 7))));
    let narrow = file(Arc::new(Int16Array::from_iter_values((0..ROWS).map(|row| (row % 7) as i16))));
    let folder = Folder::new();
    let read = |other: &[u8]| {
        let paths = vec![folder.file("0.parquet", &wide()), folder.file("1.parquet", other)];
        let options = ReadOptions { memory: Some(MemoryLimit::more(4 << 20)), ..ReadOptions::default() };
        read_files(&find_files(&TablePaths::from(paths), None).unwrap(), &options, &|_, _| ())
    };
    assert_eq!(read(&wide()).unwrap().rows(), 2 << 20);
    let said = words(&read(&narrow).unwrap_err());
    assert!(said.contains("the table of all files takes "), "{said}");
}

#[test]
fn a_file_that_changes_is_refused_and_one_that_is_replaced_is_not() {
    let row = |i: i64| -> Row { (Some(i as f64), 0.5, Some(i), 1, None, None, None, vec![None, None], 0) };
    let bytes = parquet(&batch(&(0..9).map(row).collect::<Vec<_>>()), 4, 2);
    let folder = Folder::new();
    let table = folder.table("t.parquet", &bytes);
    let other = folder.file("other", &parquet(&batch(&[row(77)]), 4, 2));
    fs::rename(other, folder.0.path().join("t.parquet")).unwrap();
    assert_eq!(cells(&table)[0][8], "8.0");

    let table = folder.table("t.parquet", &bytes);
    let path = folder.file("t.parquet", &parquet(&batch(&[row(77)]), 4, 2));
    let refusals = [
        table.column(0).map(drop).unwrap_err(),
        rows_as(&table, &ids([0]), &[], Format::Csv).map(drop).unwrap_err(),
        Encoder::fit_encode(&table, &Columns { features: features(&["double"]), ..Columns::default() })
            .map(drop)
            .unwrap_err(),
    ];
    for error in refusals {
        let said = words(&error);
        assert!(said.starts_with(&format!("{}: column 'double': ", path.display())), "{said}");
        assert!(said.contains("somebody wrote into it while it was being read"), "{said}");
    }
}

/// A chunk of a column that is damaged: it is found when the file is opened, as it always was.
#[test]
fn a_damaged_page_is_found_when_the_file_is_opened() {
    let row = |i: i64| -> Row { (Some(i as f64), 0.5, Some(i), 1, None, None, None, vec![None, None], 0) };
    let mut bytes = parquet(&batch(&(0..900).map(row).collect::<Vec<_>>()), 400, 100);
    bytes[4..200].fill(0xff);
    let folder = Folder::new();
    let path = folder.file("t.parquet", &bytes);
    let said = words(&read(&path, &ReadOptions::default()).unwrap_err());
    assert!(said.starts_with(&format!("{}: cannot be read as a Parquet file", path.display())), "{said}");
}
