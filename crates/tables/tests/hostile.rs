//! Files that claim what they are not: each is refused with words, before memory of the size that it claims is taken.
#![cfg(feature = "arrow")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Float64Array, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{Field, Schema};
use leanset_tables::{ReadOptions, read_bytes};

use crate::common::{npy, refused, sheet_row, words, workbook};

fn batch(arrays: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> = arrays.iter().map(|(name, a)| Field::new(*name, a.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.into_iter().map(|(_, a)| a).collect()).expect("a batch")
}

fn numbers() -> RecordBatch {
    let values: Vec<f64> = (0..1000).map(|i| f64::from(i % 7)).collect();
    batch(vec![("x", Arc::new(Float64Array::from(values)))])
}

fn ipc_file(batch: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).expect("a codec");
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).expect("a writer");
    writer.write(batch).expect("written");
    writer.finish().expect("written");
    writer.into_inner().expect("bytes")
}

fn ipc_stream(batch: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).expect("a codec");
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).expect("a writer");
    writer.write(batch).expect("written");
    writer.finish().expect("written");
    writer.into_inner().expect("bytes")
}

/// The bytes with every occurrence of a pattern replaced.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            out[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0, "{from:?} is not there");
    out
}

#[test]
fn arrow_buffers_that_claim_too_much_are_refused() {
    for codec in [CompressionType::ZSTD, CompressionType::LZ4_FRAME] {
        for (name, whole) in
            [("t.arrow", ipc_file(&numbers(), Some(codec))), ("t.arrow", ipc_stream(&numbers(), Some(codec)))]
        {
            assert!(read_bytes(name, whole.clone(), &ReadOptions::default()).is_ok());
            for claim in [446_000_000_000u64, 1 << 62] {
                let lying = replaced(&whole, &8000u64.to_le_bytes(), &claim.to_le_bytes());
                let told = words(&refused(name, lying));
                // Before that is found out, the claim is more than there is.
                let refusals = [&format!("unpack to {claim}"), "t.arrow: the unpacked table takes"];
                assert!(refusals.iter().any(|words| told.contains(*words)), "{codec:?}: {told}");
            }
        }
    }
}

/// The reader of a file goes by its footer, so a wrong length before a message hides no claim.
#[test]
fn arrow_claims_behind_a_wrong_length_are_refused() {
    let whole = ipc_file(&numbers(), Some(CompressionType::ZSTD));
    let mut lying = replaced(&whole, &8000u64.to_le_bytes(), &446_000_000_000u64.to_le_bytes());
    let begins: Vec<usize> = (8..lying.len() - 8).filter(|&at| lying[at..at + 4] == [0xff; 4]).collect();
    for at in begins {
        lying[at + 4..at + 8].copy_from_slice(&1u32.to_le_bytes());
    }
    let told = words(&refused("t.arrow", lying));
    assert!(told.contains("unpack to 446000000000"), "{told}");
}

#[test]
fn decimals_that_no_number_fits_are_refused() {
    let decimals = Decimal128Array::from(vec![5, 7, 9]).with_precision_and_scale(33, 21).expect("a decimal");
    let whole = ipc_file(&batch(vec![("price", Arc::new(decimals))]), None);
    // Precision and scale stand beside each other.
    let pair = |a: i32, b: i32| [a.to_le_bytes(), b.to_le_bytes()].concat();
    let (from, order) =
        if whole.windows(8).any(|w| w == pair(33, 21)) { (pair(33, 21), false) } else { (pair(21, 33), true) };
    for (precision, scale) in [(0, 2), (2, 9), (77, 2)] {
        let to = if order { pair(scale, precision) } else { pair(precision, scale) };
        let told = words(&refused("t.arrow", replaced(&whole, &from, &to)));
        assert!(told.contains("column 'price' has the type Decimal128"), "{told}");
    }
}

/// A Parquet file with this footer, and nothing else.
fn parquet(footer: &[u8]) -> Vec<u8> {
    let length = u32::try_from(footer.len()).expect("short").to_le_bytes();
    [b"PAR1", footer, &length, b"PAR1"].concat()
}

#[test]
fn parquet_footers_that_claim_too_much_are_refused() {
    // Thrift: version 1; then a list in field 2 of 2^31 − 1 structs.
    let endless = [&[0x15, 0x02, 0x19, 0xfc][..], &[0xff, 0xff, 0xff, 0xff, 0x07]].concat();
    // A thousand groups in each other: each struct has a name (field 4) and one child (field 5).
    let mut deep = vec![0x15, 0x02, 0x19, 0xfc, 0xe8, 0x07];
    (0..1000).for_each(|_| deep.extend([0x48, 1, b'g', 0x15, 2, 0]));
    deep.push(0);
    // A column of many columns.
    let wide = [&[0x15, 0x02, 0x19, 0x1c, 0x48, 1, b'g', 0x15][..], &[0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0]].concat();
    for (footer, told) in [(endless, "entries"), (deep, "nested"), (wide, "2147483647 columns")] {
        let found = words(&refused("t.parquet", parquet(&footer)));
        assert!(found.contains(told), "{found}");
    }
}

#[test]
fn sheets_with_a_cell_far_away_are_refused() {
    let mut rows = sheet_row(1, &[("s", "x"), ("s", "y")]);
    (2..12).for_each(|r| rows += &sheet_row(r, &[("n", "1"), ("n", "2.5")]));
    let far = format!(r#"{rows}<row r="1048576"><c r="XFD1048576"><v>3</v></c></row>"#);
    let told = words(&refused("t.xlsx", workbook(&[("t", &far)])));
    assert!(told.contains("1048576 rows and 16384 columns") || told.contains("the sheet takes"), "{told}");
    assert!(told.contains("of memory"), "{told}");
    // A cell without a value is none.
    let styled = format!(r#"{rows}<row r="1048576"><c r="XFD1048576" s="1"/></row>"#);
    let table = read_bytes("t.xlsx", workbook(&[("t", &styled)]), &ReadOptions::default()).expect("a table");
    assert_eq!((table.rows(), table.columns().len()), (10, 2));
}

#[test]
fn arrays_without_bytes_are_no_tables_of_any_size() {
    for (descr, shape) in [
        ("'<f8'", "(0, 1000000000)"),
        ("'|S0'", "(1000000000, 3)"),
        ("'|S0'", "(3, 4000000000)"),
        ("'|V0'", "(9000000000000000000,)"),
        // Time is exponential in the depth of brackets.
        (&"(".repeat(60), "(3,)"),
        (&"[{".repeat(30), "(3,)"),
    ] {
        let told = words(&refused("t.npy", npy(descr, false, shape, b"")));
        assert!(told.starts_with("t.npy: cannot be read as an NPY array"), "{told}");
    }
}
