//! What a binary file claims of its sizes, checked before memory of that size is taken. A few bytes can claim any number of
//! rows, and a reader that believes them takes memory that no machine has; such an allocation ends the program.
//!
//! A claim is refused if the bytes of the file cannot stand for it, whatever their packing, or if the system has no such
//! memory to give.

use arrow_ipc::reader::read_footer_length;
use arrow_ipc::{
    BodyCompression, CompressionType, Message, MessageHeader, RecordBatch, root_as_footer, root_as_message,
};
use arrow_schema::{DataType, Field, Fields};
use parquet::basic::{Compression, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, Length};
use std::ops::Range;

use super::parquet_bytes::ParquetBytes;

/// Why a file is refused, to be said behind its name.
type Refused = String;

/// A head of a page that is longer is damaged.
const LONGEST_HEAD: u64 = 1 << 24;
/// Levels of columns in columns at most: readers go down them by recursion.
const MOST_LEVELS: usize = 64;

/// Whether the system has so much memory to give; it is given back at once.
///
/// # Errors
/// It has not.
pub(crate) fn room(bytes: u64) -> Result<(), Refused> {
    let mut memory: Vec<u8> = Vec::new();
    let fits = usize::try_from(bytes).is_ok_and(|bytes| memory.try_reserve_exact(bytes).is_ok());
    if fits { Ok(()) } else { Err(format!("it says that its values take {bytes} bytes, more than there is memory")) }
}

/// Bytes that so many packed bytes can stand for at most.
fn most_unpacked(packed: u64, ratio: u64) -> u64 {
    packed.saturating_mul(ratio).saturating_add(1 << 17)
}

/// A block of Zstandard takes four bytes and stands for 128 KiB at most.
const ZSTD: u64 = 1 << 15;
/// A byte of LZ4 lengthens a match by 255 bytes at most.
const LZ4: u64 = 256;

/// Checks the messages of an Arrow IPC stream.
///
/// # Errors
/// A claim that is refused. What is damaged otherwise is left to the reader.
pub(crate) fn check_stream(bytes: &[u8]) -> Result<(), Refused> {
    let mut claimed = 0u64;
    let mut rest = bytes;
    while let Some((message, body, next)) = next_message(rest) {
        claimed = claimed.saturating_add(check_message(message, body)?);
        rest = next;
    }
    room(claimed)
}

/// The first column of an Arrow IPC file or stream with integers of more than 64 bits, and how many. The reader panics on them.
pub(crate) fn wide_integers(bytes: &[u8]) -> Option<(String, i32)> {
    if bytes.starts_with(b"ARROW1") {
        let (rest, tail) = bytes.split_last_chunk::<10>()?;
        let footer = rest.get(rest.len().checked_sub(read_footer_length(*tail).ok()?)?..)?;
        return wide_in(root_as_footer(footer).ok()?.schema()?);
    }
    wide_integers_of(bytes)
}

/// The same of a message that is a schema, with its length before it.
pub(crate) fn wide_integers_of(message: &[u8]) -> Option<(String, i32)> {
    let (message, _, _) = next_message(message).or_else(|| Some((root_as_message(message).ok()?, &[], &[])))?;
    wide_in(message.header_as_schema()?)
}

fn wide_in(schema: arrow_ipc::Schema<'_>) -> Option<(String, i32)> {
    schema.fields()?.iter().find_map(|field| {
        let bits = field.type_as_int()?.bitWidth();
        (bits > 64).then(|| (field.name().unwrap_or_default().to_owned(), bits))
    })
}

/// A message of a stream, its body, and what follows.
fn next_message(bytes: &[u8]) -> Option<(Message<'_>, &[u8], &[u8])> {
    let (mut length, mut rest) = bytes.split_first_chunk::<4>()?;
    if *length == [0xff; 4] {
        (length, rest) = rest.split_first_chunk::<4>()?;
    }
    let (metadata, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let message = root_as_message(metadata).ok()?;
    let (body, rest) = rest.split_at_checked(usize::try_from(message.bodyLength()).ok()?)?;
    Some((message, body, rest))
}

/// Checks a block of an Arrow IPC file: a message with its length before it, in so many bytes, and its body behind. Returns the
/// bytes that unpacking it takes.
///
/// # Errors
/// A claim that is refused.
pub(crate) fn check_block(block: &[u8], message: usize) -> Result<u64, Refused> {
    // As the reader does: where the body begins, the footer says, and the length before the message is not looked at.
    let begin = if block.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let found = block.get(begin..).and_then(|bytes| root_as_message(bytes).ok()).zip(block.get(message..));
    found.map_or(Ok(0), |(message, body)| check_message(message, body))
}

fn check_message(message: Message<'_>, body: &[u8]) -> Result<u64, Refused> {
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
        _ => None,
    };
    let Some(batch) = batch else { return Ok(0) };
    check_rows(batch.length())?;
    match batch.compression() {
        Some(compression) => unpacked(batch, compression, body),
        None => Ok(0),
    }
}

/// Row ids have 32 bits.
fn check_rows(rows: i64) -> Result<(), Refused> {
    match u32::try_from(rows) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("it says that it has {rows} rows; leanset counts to {}", u32::MAX)),
    }
}

/// The bytes that the buffers of a packed batch claim to unpack to.
fn unpacked(batch: RecordBatch<'_>, compression: BodyCompression<'_>, body: &[u8]) -> Result<u64, Refused> {
    let ratio = if compression.codec() == CompressionType::LZ4_FRAME { LZ4 } else { ZSTD };
    let mut claimed = 0u64;
    for buffer in batch.buffers().iter().flatten() {
        let begin = usize::try_from(buffer.offset()).ok();
        let packed = usize::try_from(buffer.length()).ok();
        let content = begin.zip(packed).and_then(|(begin, packed)| body.get(begin..begin.checked_add(packed)?));
        let Some((length, packed)) = content.and_then(|content| content.split_first_chunk::<8>()) else { continue };
        // −1 says that it is not packed.
        let Ok(length) = u64::try_from(i64::from_le_bytes(*length)) else { continue };
        if length > most_unpacked(packed.len() as u64, ratio) {
            return Err(format!("it says that {} bytes unpack to {length}", packed.len()));
        }
        claimed = claimed.saturating_add(length);
    }
    Ok(claimed)
}

/// Checks the types of columns: no decimal of an impossible precision, and no very deep nesting.
///
/// # Errors
/// The column, and its type.
pub(crate) fn check_types(fields: &Fields) -> Result<(), Refused> {
    fields.iter().try_for_each(|field| check_type(field, 0).map_err(|what| format!("column '{}' {what}", field.name())))
}

fn check_type(field: &Field, level: usize) -> Result<(), Refused> {
    if level > MOST_LEVELS {
        return Err(format!("is nested more than {MOST_LEVELS} deep"));
    }
    let decimal = |precision: u8, scale: i8, most: u8| {
        let fits = (1..=most).contains(&precision) && u8::try_from(scale.max(0)).is_ok_and(|scale| scale <= precision);
        let name = field.data_type();
        if fits { Ok(()) } else { Err(format!("has the type {name}, which no number fits")) }
    };
    match field.data_type() {
        DataType::Decimal32(precision, scale) => decimal(*precision, *scale, 9),
        DataType::Decimal64(precision, scale) => decimal(*precision, *scale, 18),
        DataType::Decimal128(precision, scale) => decimal(*precision, *scale, 38),
        DataType::Decimal256(precision, scale) => decimal(*precision, *scale, 76),
        DataType::List(inner)
        | DataType::LargeList(inner)
        | DataType::ListView(inner)
        | DataType::LargeListView(inner)
        | DataType::FixedSizeList(inner, _)
        | DataType::Map(inner, _) => check_type(inner, level + 1),
        DataType::Struct(fields) => fields.iter().try_for_each(|inner| check_type(inner, level + 1)),
        DataType::Union(fields, _) => fields.iter().try_for_each(|(_, inner)| check_type(inner, level + 1)),
        DataType::RunEndEncoded(_, values) => check_type(values, level + 1),
        DataType::Dictionary(_, values) => check_type(&Field::new("", values.as_ref().clone(), true), level + 1),
        _ => Ok(()),
    }
}

/// Checks the footer of a Parquet file before it is read: no list is longer than the footer, no schema very deep.
///
/// # Errors
/// A claim that is refused. What is damaged otherwise is left to the reader.
pub(crate) fn check_footer(bytes: &[u8]) -> Result<(), Refused> {
    let Some((rest, tail)) = bytes.split_last_chunk::<8>() else { return Ok(()) };
    let length = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    let begin = usize::try_from(length).ok().and_then(|length| rest.len().checked_sub(length));
    let Some(footer) = begin.map(|begin| &rest[begin..]) else { return Ok(()) };
    // The number of children of each element of the schema, in the order of a walk through it.
    let mut children: Vec<i64> = Vec::new();
    walk(footer, &mut |path, event| match (path, event) {
        ([2], Seen::Begin) => children.push(0),
        ([2, 5], Seen::Integer(count)) => children.last_mut().into_iter().for_each(|last| *last = count),
        _ => {}
    })?;
    let mut open: Vec<i64> = Vec::new();
    for &count in &children {
        if usize::try_from(count).map_or(count > 0, |count| count > children.len()) {
            return Err(format!("its schema has a column of {count} columns, and {} in all", children.len()));
        }
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        if count > 0 {
            open.push(count);
        }
        if open.len() > MOST_LEVELS {
            return Err(format!("its columns are nested more than {MOST_LEVELS} deep"));
        }
    }
    Ok(())
}

/// Checks what the metadata and the heads of pages of a Parquet file claim.
///
/// # Errors
/// A claim that is refused.
pub(crate) fn check_pages(metadata: &ParquetMetaData, bytes: &ParquetBytes) -> Result<(), Refused> {
    let rows = metadata.file_metadata().num_rows();
    check_rows(rows)?;
    let of_groups = metadata.row_groups().iter().try_fold(0i64, |all, group| {
        check_rows(group.num_rows())?;
        Ok::<_, Refused>(all.saturating_add(group.num_rows()))
    })?;
    if of_groups != rows {
        return Err(format!("it says that it has {rows} rows, and its row groups have {of_groups}"));
    }
    let mut claimed = 0u64;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        for column in group.columns() {
            let name = column.column_descr().path().string();
            let flat = column.column_descr().max_rep_level() == 0;
            let told = |what: Refused| format!("row group {number}, column '{name}': {what}");
            let values = column.num_values();
            if values < 0 || (flat && values != group.num_rows()) {
                return Err(told(format!(
                    "it says that it has {values} values, and the row group {} rows",
                    group.num_rows()
                )));
            }
            check_column(column, bytes).map_err(told)?;
            let width = match column.column_type() {
                Type::BOOLEAN => 0,
                Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
                Type::INT64 | Type::DOUBLE => 8,
                Type::INT96 => 12,
                Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(column.column_descr().type_length()).unwrap_or(0),
            };
            claimed = claimed.saturating_add(u64::try_from(values).unwrap_or(0).saturating_mul(width));
        }
    }
    room(claimed)
}

/// Checks the heads of the pages of a column.
fn check_column(column: &ColumnChunkMetaData, bytes: &ParquetBytes) -> Result<(), Refused> {
    let ratio = match column.compression() {
        Compression::UNCOMPRESSED => 1,
        // A copy of 64 bytes takes two or three.
        Compression::SNAPPY | Compression::LZO => 64,
        Compression::GZIP(_) => 1032,
        Compression::LZ4 | Compression::LZ4_RAW => LZ4,
        Compression::ZSTD(_) => ZSTD,
        Compression::BROTLI(_) => 1 << 22,
    };
    let (begin, length) = column.byte_range();
    let Some(end) = begin.checked_add(length).filter(|&end| end <= bytes.len()) else {
        return Err("it says that it is in another place than in the file".to_owned());
    };
    let mut at = begin;
    let mut left = column.num_values();
    while left > 0 && at < end {
        let Some((head, Head { unpacked, packed, values, entries })) = head_of_page(bytes, at..end)? else { break };
        let size = |n: i64| u64::try_from(n).map_err(|_| format!("a page says that its size is {n}"));
        let (unpacked, packed) = (size(unpacked)?, size(packed)?);
        if unpacked > most_unpacked(packed, ratio) {
            return Err(format!("a page says that {packed} bytes unpack to {unpacked}"));
        }
        // An entry of a dictionary takes a byte at least, and one of numbers more.
        if size(entries)? > unpacked {
            return Err(format!("a dictionary of {unpacked} bytes says that it has {entries} entries"));
        }
        if values > left || values < 0 {
            return Err(format!(
                "its pages say that they have more values than the {} of the column",
                column.num_values()
            ));
        }
        left -= values;
        let next = at.checked_add(head).and_then(|begin| begin.checked_add(packed));
        let Some(next) = next.filter(|&next| next <= end) else { break };
        at = next;
    }
    Ok(())
}

/// What a page says of itself.
#[derive(Default)]
struct Head {
    unpacked: i64,
    packed: i64,
    values: i64,
    entries: i64,
}

/// The head of the page that begins this range, and its length; nothing if it is damaged.
///
/// # Errors
/// A claim that is refused.
fn head_of_page(bytes: &ParquetBytes, range: Range<u64>) -> Result<Option<(u64, Head)>, Refused> {
    // Heads take some dozens of bytes, or more with long statistics.
    let mut window: u64 = 1 << 10;
    loop {
        let length = window.min(range.end - range.start);
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        let window_bytes = bytes.get_bytes(range.start, size).map_err(|error| error.to_string())?;
        let mut head = Head::default();
        let found = walk(&window_bytes, &mut |path, event| {
            let Seen::Integer(value) = event else { return };
            match path {
                [2] => head.unpacked = value,
                [3] => head.packed = value,
                [5 | 8, 1] => head.values = value,
                [7, 1] => head.entries = value,
                _ => {}
            }
        });
        // What looks damaged may be cut short.
        match found {
            Ok(Some(length)) => return Ok(Some((length as u64, head))),
            _ if length < (range.end - range.start).min(LONGEST_HEAD) => window *= 16,
            found => return found.map(|_| None),
        }
    }
}

/// What [`walk`] comes across.
enum Seen {
    /// A struct begins.
    Begin,
    /// An integer, or the truth of a flag.
    Integer(i64),
}

/// A struct, list or map that is being read.
enum Open {
    /// The last field id.
    Struct(i16),
    /// Elements left of one type, or of two in turn.
    Items(u64, [u8; 2]),
}

/// Walks through a struct of Thrift's compact protocol and says what is in it by the path of field ids. Returns its length;
/// nothing if it is damaged.
///
/// # Errors
/// A list that is longer than what is left of the bytes, or very deep nesting.
fn walk(bytes: &[u8], see: &mut dyn FnMut(&[i16], Seen)) -> Result<Option<usize>, Refused> {
    let mut reader = Reader { bytes, at: 0 };
    let mut open = vec![Open::Struct(0)];
    let mut path: Vec<i16> = Vec::new();
    see(&path, Seen::Begin);
    while let Some(top) = open.last_mut() {
        let kind = match top {
            Open::Struct(last) => {
                let Some(head) = reader.byte() else { return Ok(None) };
                if head & 15 == 0 {
                    open.pop();
                    // A struct in a list has the path of the list.
                    if matches!(open.last(), Some(Open::Struct(_))) {
                        path.pop();
                    }
                    continue;
                }
                let id = match head >> 4 {
                    0 => reader.integer().and_then(|id| i16::try_from(id).ok()),
                    delta => last.checked_add(i16::from(delta)),
                };
                let Some(id) = id else { return Ok(None) };
                *last = id;
                path.push(id);
                head & 15
            }
            Open::Items(0, _) => {
                open.pop();
                if matches!(open.last(), Some(Open::Struct(_))) {
                    path.pop();
                }
                continue;
            }
            Open::Items(left, kinds) => {
                *left -= 1;
                kinds.swap(0, 1);
                kinds[1]
            }
        };
        let in_list = matches!(open.last(), Some(Open::Items(..)));
        let done = match kind {
            1 | 2 if in_list => reader.byte().map(|b| see(&path, Seen::Integer(i64::from(b == 1)))),
            1 | 2 => {
                see(&path, Seen::Integer(i64::from(kind == 1)));
                Some(())
            }
            3 => reader.byte().map(|b| see(&path, Seen::Integer(i64::from(b)))),
            4..=6 => reader.integer().map(|n| see(&path, Seen::Integer(n))),
            7 => reader.skip(8),
            8 => reader.varint().and_then(|n| reader.skip(n)),
            13 => reader.skip(16),
            9..=11 => {
                let items = reader.items(kind);
                let Some((count, kinds)) = items else { return Ok(None) };
                if count > (bytes.len() - reader.at) as u64 {
                    return Err(format!("a list in its metadata says that it has {count} entries"));
                }
                open.push(Open::Items(count, kinds));
                if open.len() > MOST_LEVELS {
                    return Err("its metadata are nested too deeply".to_owned());
                }
                continue;
            }
            12 => {
                see(&path, Seen::Begin);
                open.push(Open::Struct(0));
                if open.len() > MOST_LEVELS {
                    return Err("its metadata are nested too deeply".to_owned());
                }
                continue;
            }
            _ => None,
        };
        if done.is_none() {
            return Ok(None);
        }
        if !in_list {
            path.pop();
        }
    }
    Ok(Some(reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        let end = self.at.checked_add(usize::try_from(count).ok()?)?;
        (end <= self.bytes.len()).then(|| self.at = end)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    /// Zigzag.
    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The head of a list, set or map: entries, and the types that they have in turn (from the last to the first).
    fn items(&mut self, kind: u8) -> Option<(u64, [u8; 2])> {
        if kind == 11 {
            let count = self.varint()?;
            let kinds = if count == 0 { 0 } else { self.byte()? };
            return Some((count.checked_mul(2)?, [kinds >> 4, kinds & 15]));
        }
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        Some((count, [head & 15; 2]))
    }
}
