//! Categories in Parquet: a column chunk whose dictionary page is the dictionary of the column.
//!
//! The Arrow schema of a file says that a column is a dictionary and whether it is ordered; which categories there are, and
//! in what order, only the dictionary page says. The writer of the parquet crate puts the values there that it meets, as it
//! meets them. So the chunk of such a column is put together here: a dictionary page with all categories, then pages of
//! indices.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BinaryArray, StringArray};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, SchemaRef};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType, Type};
use parquet::column::page::{CompressedPage, Page, PageReader, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::io::Write;
use std::sync::Arc;

use super::dictionaries::is_ordered;
use super::parquet_bytes::ParquetBytes;

/// Rows of a data page.
const PAGE: usize = 20_480;
/// Bytes of categories that are kept although no row may have them; those of ordered columns are always kept.
const MOST_BYTES: usize = 1 << 20;
/// Longer values are left out of statistics.
const LONGEST_STATISTIC: usize = 64;

/// The dictionaries of the row groups, for every column that is a dictionary of texts or bytes, by its position.
pub(crate) fn dictionaries(
    bytes: &ParquetBytes,
    metadata: &ParquetMetaData,
    schema: &SchemaRef,
) -> Vec<(usize, Vec<ArrayRef>)> {
    let descriptor = metadata.file_metadata().schema_descr();
    let leaf_of =
        |root: usize| (0..descriptor.num_columns()).find(|&leaf| descriptor.get_column_root_idx(leaf) == root);
    let of = |(index, field): (usize, &Arc<Field>)| {
        let DataType::Dictionary(_, values) = field.data_type() else { return None };
        let leaf = leaf_of(index)?;
        let mut all = Vec::new();
        for group in metadata.row_groups() {
            let chunk = group.column(leaf);
            chunk.dictionary_page_offset()?;
            let rows = usize::try_from(group.num_rows()).ok()?;
            let mut pages = SerializedPageReader::new(Arc::new(bytes.clone()), chunk, rows, None).ok()?;
            let Page::DictionaryPage { buf, num_values, .. } = pages.get_next_page().ok()?? else { return None };
            all.push(plain(&buf, num_values as usize, values)?);
        }
        (!all.is_empty()).then_some((index, all))
    };
    schema.fields().iter().enumerate().filter_map(of).collect()
}

/// The values of a dictionary page.
fn plain(mut page: &[u8], count: usize, values: &DataType) -> Option<ArrayRef> {
    let mut found = Vec::with_capacity(count.min(page.len() / 4));
    for _ in 0..count {
        let (length, rest) = page.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        found.push(value);
        page = rest;
    }
    match values {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts: Result<Vec<&str>, _> = found.into_iter().map(std::str::from_utf8).collect();
            Some(Arc::new(StringArray::from(texts.ok()?)))
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Some(Arc::new(BinaryArray::from(found))),
        _ => None,
    }
}

/// The categories of a column that are written as a dictionary page of its own; `None` if the column is better written in
/// the usual way.
pub(crate) fn categories(field: &Field, array: &ArrayRef, column: &ColumnDescPtr) -> Option<Vec<Vec<u8>>> {
    if !matches!(field.data_type(), DataType::Dictionary(_, _)) || column.physical_type() != Type::BYTE_ARRAY {
        return None;
    }
    let values = array.as_any_dictionary().values();
    let bytes: Vec<Option<Vec<u8>>> = match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().iter().map(|x| x.map(Into::into)).collect(),
        DataType::LargeUtf8 => values.as_string::<i64>().iter().map(|x| x.map(Into::into)).collect(),
        DataType::Utf8View => values.as_string_view().iter().map(|x| x.map(Into::into)).collect(),
        DataType::Binary => values.as_binary::<i32>().iter().map(|x| x.map(Into::into)).collect(),
        DataType::LargeBinary => values.as_binary::<i64>().iter().map(|x| x.map(Into::into)).collect(),
        DataType::BinaryView => values.as_binary_view().iter().map(|x| x.map(Into::into)).collect(),
        _ => return None,
    };
    let categories: Vec<Vec<u8>> = bytes.into_iter().collect::<Option<_>>()?;
    let size: usize = categories.iter().map(Vec::len).sum();
    (!categories.is_empty() && (is_ordered(field) || size <= MOST_BYTES)).then_some(categories)
}

/// A column chunk in the making: its categories, and for each row of a row group which one it has.
pub(crate) struct Chunk {
    categories: Vec<Vec<u8>>,
    keys: Vec<Option<u32>>,
}

impl Chunk {
    pub(crate) fn new(categories: Vec<Vec<u8>>) -> Self {
        Self { categories, keys: Vec::new() }
    }

    /// Adds rows.
    pub(crate) fn add(&mut self, array: &ArrayRef) -> Result<(), ParquetError> {
        let keys = cast(array.as_any_dictionary().keys(), &DataType::Int64)?;
        let keys = keys.as_primitive::<Int64Type>().iter();
        self.keys.extend(keys.map(|key| key.and_then(|key| u32::try_from(key).ok())));
        Ok(())
    }

    /// The bytes of the chunk and what the file says of it; the next row group begins with no rows.
    pub(crate) fn close(
        &mut self,
        column: &ColumnDescPtr,
        compression: Compression,
        statistics: bool,
    ) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let codec = Codec::of(compression);
        let mut bytes = Vec::new();
        let mut sink = TrackedWrite::new(&mut bytes);
        let mut pages = SerializedPageWriter::new(&mut sink);
        let mut dictionary = Vec::new();
        for category in &self.categories {
            dictionary.extend_from_slice(&length(category)?);
            dictionary.extend_from_slice(category);
        }
        let page = Page::DictionaryPage {
            buf: codec.pack(&dictionary)?,
            num_values: count(self.categories.len())?,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let written = pages.write_page(CompressedPage::new(page, dictionary.len()))?;
        let (start, mut unpacked) = (written.compressed_size, written.uncompressed_size);
        // As wide as the last index; of one category still one bit, as other writers have it.
        let width = (usize::BITS - (self.categories.len() - 1).leading_zeros()).max(1);
        let mut data_pages = 0;
        for rows in self.keys.chunks(PAGE) {
            let mut page = Vec::new();
            if column.max_def_level() > 0 {
                let mut levels = Vec::new();
                hybrid(&rows.iter().map(|key| u32::from(key.is_some())).collect::<Vec<_>>(), 1, &mut levels);
                page.extend_from_slice(&length(&levels)?);
                page.extend_from_slice(&levels);
            }
            page.push(u8::try_from(width).unwrap_or(32));
            hybrid(&rows.iter().flatten().copied().collect::<Vec<_>>(), width, &mut page);
            let unpacked_size = page.len();
            let page = Page::DataPage {
                buf: codec.pack(&page)?,
                num_values: count(rows.len())?,
                encoding: Encoding::RLE_DICTIONARY,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            unpacked += pages.write_page(CompressedPage::new(page, unpacked_size))?.uncompressed_size;
            data_pages += 1;
        }
        pages.close()?;
        sink.flush()?;
        drop(sink);
        let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let page_stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(codec.compression)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_page_encoding_stats(vec![
                page_stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
                page_stats(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, data_pages),
            ])
            .set_num_values(size(self.keys.len()))
            .set_total_compressed_size(size(bytes.len()))
            .set_total_uncompressed_size(size(unpacked))
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(size(start));
        if statistics {
            metadata = metadata.set_statistics(self.statistics());
        }
        let rows = self.keys.len() as u64;
        self.keys.clear();
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((Bytes::from(bytes), close))
    }

    /// The least and the greatest value that a row has, and how many rows have none.
    fn statistics(&self) -> Statistics {
        let mut used = vec![false; self.categories.len()];
        self.keys.iter().flatten().for_each(|&key| used[key as usize] = true);
        let present = || used.iter().zip(&self.categories).filter(|(used, _)| **used).map(|(_, category)| category);
        let short = |value: Option<&Vec<u8>>| {
            value.filter(|value| value.len() <= LONGEST_STATISTIC).map(|value| ByteArray::from(value.clone()))
        };
        let nulls = self.keys.iter().filter(|key| key.is_none()).count() as u64;
        Statistics::byte_array(short(present().min()), short(present().max()), None, Some(nulls), false)
    }
}

fn count(n: usize) -> Result<u32, ParquetError> {
    u32::try_from(n).map_err(|_| ParquetError::General(format!("{n} values in a page")))
}

fn length(bytes: &[u8]) -> Result<[u8; 4], ParquetError> {
    Ok(count(bytes.len())?.to_le_bytes())
}

/// How pages are packed.
struct Codec {
    compression: Compression,
}

impl Codec {
    /// This one, or Snappy, which every reader has.
    fn of(compression: Compression) -> Self {
        let compression = match compression {
            Compression::BROTLI(_) | Compression::LZO | Compression::LZ4 => Compression::SNAPPY,
            known => known,
        };
        Self { compression }
    }

    fn pack(&self, bytes: &[u8]) -> Result<Bytes, ParquetError> {
        let failed = |error: &dyn std::fmt::Display| ParquetError::General(error.to_string());
        let packed = match self.compression {
            Compression::GZIP(level) => {
                let level = flate2::Compression::new(level.compression_level());
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|error| failed(&error))?
            }
            Compression::ZSTD(level) => {
                zstd::bulk::compress(bytes, level.compression_level()).map_err(|error| failed(&error))?
            }
            Compression::LZ4_RAW => lz4_flex::block::compress(bytes),
            Compression::SNAPPY => snap::raw::Encoder::new().compress_vec(bytes).map_err(|error| failed(&error))?,
            _ => bytes.to_vec(),
        };
        Ok(packed.into())
    }
}

/// Runs of equal numbers, and numbers of `width` bits in groups of eight: Parquet's hybrid of both.
fn hybrid(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let run = |at: usize| values[at..].iter().take_while(|&&value| value == values[at]).count();
    let mut at = 0;
    while at < values.len() {
        let same = run(at);
        if same >= 8 {
            varint(same << 1, out);
            out.extend_from_slice(&values[at].to_le_bytes()[..width.div_ceil(8) as usize]);
            at += same;
            continue;
        }
        let mut end = at;
        while end < values.len() && (end == at || run(end) < 8) {
            end += 8;
        }
        let group = &values[at..end.min(values.len())];
        varint((group.len().div_ceil(8) << 1) | 1, out);
        let (mut bits, mut held) = (0_u64, 0);
        for value in group.iter().copied().chain(std::iter::repeat_n(0, group.len().next_multiple_of(8) - group.len()))
        {
            bits |= u64::from(value) << held;
            held += width;
            while held >= 8 {
                out.push((bits & 0xff) as u8);
                bits >>= 8;
                held -= 8;
            }
        }
        at = end;
    }
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
