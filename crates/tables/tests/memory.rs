//! The memory limit holds before memory is taken: what a file unpacks to is refused by what is known of it, or as soon as
//! more than what fits was unpacked.
#![allow(clippy::unwrap_used, missing_docs)]

use super::common::*;
use leanset_problem::Face;
use leanset_tables::*;

/// Rows of the large tables.
const ROWS: usize = 1 << 20;

fn within(name: &str, bytes: Vec<u8>, room: u64) -> Result<Table, Error> {
    let options = ReadOptions { memory: Some(MemoryLimit::more(room)), ..ReadOptions::default() };
    read_bytes(name, bytes, &options)
}

/// Some numbers that are packed well.
fn numbers() -> Vec<(String, Column)> {
    ["a", "b"].into_iter().map(|name| column(name, (0..ROWS).map(|row| (row % 7) as f64).collect::<Vec<_>>())).collect()
}

fn text() -> Vec<u8> {
    let mut all = b"a,b,kind\n".to_vec();
    all.extend(b"1.5,2.5,oak\n".repeat(ROWS));
    all
}

fn packed(compression: Compression) -> Vec<u8> {
    let mut out = Vec::new();
    let table = open("t.csv", text());
    write_rows(&table, &all(&table), &[], Format::Csv, compression, &mut out).unwrap();
    out
}

/// An IPC stream of the same batch again and again: its messages between the schema and the end.
fn repeated(times: usize) -> Vec<u8> {
    let table = [column("a", vec![1.5; 1 << 12])];
    let bytes = columns_as(&table, Format::ArrowIpc).unwrap();
    // A file is a stream behind a mark: its messages begin with −1, and the last of them is empty.
    let begin = (8..).step_by(4).find(|&at| bytes[at..at + 4] == [0xff; 4]).unwrap();
    let messages = &bytes[begin..];
    let length = |at: usize| u32::from_le_bytes(messages[at + 4..at + 8].try_into().unwrap()) as usize;
    let batch = 8 + length(0);
    let end = messages.windows(8).rposition(|w| w == [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]).unwrap();
    let mut out = messages[..batch].to_vec();
    (0..times).for_each(|_| out.extend_from_slice(&messages[batch..end]));
    out.extend_from_slice(&messages[end..end + 8]);
    out
}

fn sheet() -> Vec<u8> {
    let row = |r: usize| format!(r#"<row r="{r}"><c r="A{r}"><v>1</v></c><c r="B{r}"><v>2</v></c></row>"#);
    let rows: String = (2..100_000).map(row).collect();
    workbook(&[("s", &(sheet_row(1, &[("s", "a"), ("s", "b")]) + &rows))])
}

fn far_cell() -> Vec<u8> {
    let rows = sheet_row(1, &[("s", "a"), ("s", "b")]) + r#"<row r="900000"><c r="ZZ900000"><v>1</v></c></row>"#;
    workbook(&[("s", &rows)])
}

fn shared_text() -> Vec<u8> {
    let strings = format!("<sst><si><t>{}</t></si></sst>", "oak ".repeat(1 << 20));
    let mut files = vec![("xl/sharedStrings.xml", strings.as_bytes())];
    let book = r#"<workbook><sheets><sheet name="s" sheetId="1"/></sheets></workbook>"#;
    files.push(("xl/workbook.xml", book.as_bytes()));
    zipped(&files, true)
}

/// A file that says of itself, or shows while it is unpacked, that it does not fit. None of them is as large as the room.
#[test]
fn what_does_not_fit_is_refused_before_it_is_held() {
    const ROOM: u64 = 3 << 20;
    let array = npy("'<f8'", false, &format!("({ROWS}, 2)"), &vec![0; 16 * ROWS]);
    let cases: [(&str, Vec<u8>); 8] = [
        ("t.csv.gz", packed(Compression::Gzip)),
        ("t.csv.zst", packed(Compression::Zstd)),
        ("t.npz", zipped(&[("X.npy", &array)], true)),
        ("t.npy.gz", {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut out, &array).unwrap();
            out.finish().unwrap()
        }),
        ("t.arrow", repeated(60)),
        ("t.xlsx", sheet()),
        ("t.xlsx", far_cell()),
        ("t.xlsx", shared_text()),
    ];
    for (name, bytes) in cases {
        assert!((bytes.len() as u64) < ROOM, "{name}: {} bytes do not fit by themselves", bytes.len());
        let error = within(name, bytes, ROOM).expect_err(name);
        let said = error.message().render(Face::CommandLine);
        assert!(said.starts_with(&format!("{name}: ")) && said.contains(" of memory or more, and "), "{said}");
        let hint = error.hint().expect("a hint").render(Face::CommandLine);
        assert_eq!(hint, "raise --memory-limit, or reduce the table in parts", "{name}");
    }
}

#[test]
fn what_fits_is_read() {
    const ROOM: u64 = 200 << 20;
    let rows = |table: Table| table.rows();
    assert_eq!(within("t.csv.gz", packed(Compression::Gzip), ROOM).map(rows).unwrap(), ROWS);
    assert_eq!(within("t.csv.zst", packed(Compression::Zstd), ROOM).map(rows).unwrap(), ROWS);
    assert_eq!(within("t.parquet", columns_as(&numbers(), Format::Parquet).unwrap(), ROOM).map(rows).unwrap(), ROWS);
    assert_eq!(within("t.arrow", repeated(60), ROOM).map(rows).unwrap(), 60 << 12);
    assert_eq!(within("t.xlsx", sheet(), ROOM).map(rows).unwrap(), 99_998);
}

/// The table fits, and the numbers made of it do not.
#[test]
fn an_encoding_that_does_not_fit_is_refused_before_it_is_held() {
    let mut text = b"word\n".to_vec();
    (0..40_000).for_each(|row| text.extend(format!("w{}\n", row % 900).into_bytes()));
    let table = within("t.csv", text, 20 << 20).unwrap();
    let error = Encoder::fit_encode(&table, &Columns::default()).unwrap_err();
    let said = error.message().render(Face::CommandLine);
    assert!(said.starts_with("t.csv: the matrix of 40000 rows and 900 dimensions takes 27"), "{said}");
    let hint = error.hint().unwrap().render(Face::CommandLine);
    assert_eq!(hint, "--exclude text columns with many categories, or raise --memory-limit");

    let table = within("t.csv", text_of_bits(), 8 << 20).unwrap();
    let error = Encoder::fit_encode(&table, &Columns::default()).unwrap_err();
    let said = error.message().render(Face::CommandLine);
    assert!(said.starts_with("t.csv: the table with its 20 columns as numbers takes "), "{said}");
}

/// The columns of a Parquet file stay there, and the matrix is what takes memory.
#[test]
fn the_matrix_of_a_parquet_file_is_refused_before_it_is_held() {
    let bytes = columns_as(&numbers(), Format::Parquet).unwrap();
    let table = within("t.parquet", bytes, 3 << 20).unwrap();
    assert!(table.memory() < 3 << 20, "{}", table.memory());
    let error = Encoder::fit_encode(&table, &Columns::default()).unwrap_err();
    let said = error.message().render(Face::CommandLine);
    assert!(said.starts_with("t.parquet: the matrix of 1048576 rows and 2 dimensions takes "), "{said}");
}

/// 2 bytes in the text, 8 as a number.
fn text_of_bits() -> Vec<u8> {
    let names: Vec<String> = (0..20).map(|c| format!("c{c}")).collect();
    let mut text = (names.join(",") + "\n").into_bytes();
    (0..60_000).for_each(|_| text.extend(["1"; 20].join(",").bytes().chain([b'\n'])));
    text
}

/// An archive that says less of an array than it holds.
#[test]
fn npz_that_says_less_than_it_holds_is_refused() {
    let array = npy("'<f8'", false, "(8192,)", &[0; 65_536]);
    let mut bytes = zipped(&[("X.npy", &array)], true);
    let size = u32::try_from(array.len()).unwrap().to_le_bytes();
    let said = 1000_u32.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == size).collect();
    assert_eq!(places.len(), 2, "in the header of the entry and in the directory");
    places.into_iter().for_each(|at| bytes[at..at + 4].copy_from_slice(&said));
    assert!(within("t.npz", bytes, 10 << 20).is_err());
}
