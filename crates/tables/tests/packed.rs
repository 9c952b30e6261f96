//! Packed files as other programs write them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Write;

use crate::common::*;
use leanset_tables::*;

const TEXT: &str = "x,y\n1,a\n2,b\n3,a\n";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

/// A frame that readers skip, of the `kind`-th magic number.
fn skipped(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[0x50 + kind, 0x2a, 0x4d, 0x18], &length[..], content].concat()
}

#[test]
fn members_frames_and_padding_are_read() {
    let (head, tail) = TEXT.split_at(7);
    let cases = [
        ("one member", "t.csv.gz", gzip(TEXT)),
        ("two members", "t.csv.gz", [gzip(head), gzip(tail)].concat()),
        ("an empty member", "t.csv.gz", [gzip(""), gzip(TEXT), gzip("")].concat()),
        ("zeros behind", "t.csv.gz", [gzip(head), gzip(tail), vec![0; 700]].concat()),
        ("one frame", "t.csv.zst", zstd(TEXT)),
        ("two frames", "t.csv.zst", [zstd(head), zstd(tail)].concat()),
        ("a skipped frame first", "t.csv.zst", [skipped(0, b"ab"), zstd(TEXT)].concat()),
        (
            "skipped frames between",
            "t.csv.zst",
            [zstd(head), skipped(15, b""), skipped(3, &[7; 300]), zstd(tail)].concat(),
        ),
        ("a skipped frame last", "t.csv.zst", [zstd(TEXT), skipped(9, b"index")].concat()),
    ];
    for (what, name, bytes) in cases {
        assert_eq!(cells(&open(name, bytes)), [["1", "2", "3"], ["a", "b", "a"]], "{what}");
    }
}

#[test]
fn bytes_behind_the_end_are_an_error() {
    let cases = [
        ("t.csv.gz", [gzip(TEXT), b"more".to_vec()].concat(), "4 bytes of something else follow it"),
        ("t.csv.gz", [gzip(TEXT), vec![0, 0, 1]].concat(), "3 bytes of something else follow it"),
        ("t.csv.zst", [zstd(TEXT), b"more".to_vec()].concat(), "the zstd data is damaged"),
        ("t.csv.zst", [zstd(TEXT), vec![0; 64]].concat(), "the zstd data is damaged"),
        ("t.csv.zst", [zstd(TEXT), skipped(1, b"index")[..9].to_vec()].concat(), "the zstd data is damaged"),
    ];
    for (name, bytes, said) in cases {
        let error = refused(name, bytes).to_string();
        assert!(error.starts_with(name) && error.contains(said), "{error}");
    }
}

#[test]
fn other_packers_are_named_with_the_way_out() {
    for (name, words_of_error) in [
        (
            "t.csv.bz2",
            "t.csv.bz2: leanset reads gzip and Zstandard, not .bz2\nunpack it first: bunzip2 -k t.csv.bz2, which leaves t.csv",
        ),
        (
            "t.csv.XZ",
            "t.csv.XZ: leanset reads gzip and Zstandard, not .xz\nunpack it first: unxz -k t.csv.XZ, which leaves t.csv",
        ),
        ("t.csv.zip", "t.csv.zip: leanset reads gzip and Zstandard, not .zip\nunpack it first: unzip t.csv.zip"),
    ] {
        assert_eq!(words(&refused(name, *b"x,y")), words_of_error);
    }
    for (bytes, said) in [
        (
            &b"BZh91AY&SY"[..],
            "t.csv is packed with bzip2; leanset reads gzip and Zstandard\nunpack it first with bunzip2",
        ),
        (b"\xfd7zXZ\0\0\x04", "t.csv is packed with xz; leanset reads gzip and Zstandard\nunpack it first with unxz"),
        (
            b"\x04\x22\x4d\x18\x64",
            "t.csv is packed with lz4; leanset reads gzip and Zstandard\nunpack it first with unlz4",
        ),
    ] {
        for format in [None, Some(Format::Csv)] {
            let options = ReadOptions { format, ..ReadOptions::default() };
            assert_eq!(words(&read_bytes("t.csv", bytes.to_vec(), &options).unwrap_err()), said);
        }
    }
}

#[cfg(feature = "arrow")]
#[test]
fn every_codec_of_parquet_and_arrow_is_read() {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;

    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..5_000));
    let batch = RecordBatch::try_from_iter([("x", values)]).unwrap();
    let check = |name: &str, bytes: Vec<u8>, what: &str| {
        let table = open(name, bytes);
        let Values::Integer(found) = table.column(0).unwrap().values else { panic!("{what}") };
        assert!(found.into_iter().eq(0..5_000), "{what}");
    };
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
    ];
    for codec in codecs {
        let properties = WriterProperties::builder().set_compression(codec).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        check("t.parquet", writer.into_inner().unwrap(), &format!("{codec:?}"));
    }
    for codec in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        let options = || IpcWriteOptions::default().try_with_compression(codec).unwrap();
        let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options()).unwrap();
        file.write(&batch).unwrap();
        check("t.arrow", file.into_inner().unwrap(), &format!("file, {codec:?}"));
        let mut stream = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options()).unwrap();
        stream.write(&batch).unwrap();
        check("t.arrow", stream.into_inner().unwrap(), &format!("stream, {codec:?}"));
    }
}
