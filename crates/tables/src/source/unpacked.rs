//! What Parquet and Arrow IPC files unpack to, by what they say of themselves: known before anything is unpacked.

use arrow_ipc::root_as_message;
use arrow_schema::{DataType, Schema};
use parquet::basic::{LogicalType, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// Bytes that the values of all row groups take in the columns that are asked for, by the metadata: those of a fixed size by their number, and texts by
/// what the file says of them, which is less than they take if they repeat and the file was written by an old program.
pub(super) fn of_parquet(metadata: &ParquetMetaData, schema: &Schema, wanted: impl Fn(usize) -> bool) -> u64 {
    let of_chunk = |leaf: usize, column: &ColumnChunkMetaData| {
        let size = |n: i64| u64::try_from(n).unwrap_or(0);
        let values = size(column.num_values());
        let root = metadata.file_metadata().schema_descr().get_column_root_idx(leaf);
        if !wanted(root) {
            return 0;
        }
        if let Some(DataType::Dictionary(keys, _)) = schema.fields().get(root).map(|field| field.data_type()) {
            return values.saturating_mul(keys.primitive_width().unwrap_or(1) as u64);
        }
        match column.column_type() {
            Type::BOOLEAN => values / 8,
            Type::INT32 | Type::FLOAT => values.saturating_mul(width_in_32_bits(column)),
            Type::INT64 | Type::DOUBLE => values.saturating_mul(8),
            Type::INT96 => values.saturating_mul(8),
            Type::FIXED_LEN_BYTE_ARRAY => {
                values.saturating_mul(u64::try_from(column.column_descr().type_length()).unwrap_or(0))
            }
            Type::BYTE_ARRAY => {
                let texts = column.unencoded_byte_array_data_bytes().map_or(0, size);
                values.saturating_mul(4).saturating_add(texts)
            }
        }
    };
    let groups = metadata.row_groups().iter();
    groups
        .flat_map(|group| group.columns().iter().enumerate())
        .map(|(leaf, column)| of_chunk(leaf, column))
        .fold(0, u64::saturating_add)
}

/// Bytes of a value that a file stores in 32 bits: small integers take less.
fn width_in_32_bits(column: &ColumnChunkMetaData) -> u64 {
    match column.column_descr().logical_type_ref() {
        Some(LogicalType::Integer(integer)) => u64::from(integer.bit_width.unsigned_abs()) / 8,
        _ => 4,
    }
}

/// Bytes that an IPC file takes beside itself: buffers that are unpacked, by the sizes that they begin with, and one
/// more copy if there are several batches to join.
pub(super) fn of_ipc(buffer: &[u8]) -> u64 {
    let number =
        |at: usize| buffer.get(at..at + 4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    let (mut all, mut batches, mut at) = (0_u64, 0, 0);
    if buffer.starts_with(b"ARROW1") {
        // The mark of a file is padded.
        at = (8..buffer.len()).step_by(4).find(|&at| number(at) != Some(0)).unwrap_or(8);
    }
    while let Some(mut length) = number(at) {
        at += 4;
        if length == u32::MAX {
            let Some(own) = number(at) else { break };
            (length, at) = (own, at + 4);
        }
        let end = at.saturating_add(length as usize);
        let Some(header) = buffer.get(at..end).filter(|header| !header.is_empty()) else { break };
        let Ok(message) = root_as_message(header) else { break };
        let Ok(body_length) = usize::try_from(message.bodyLength()) else { break };
        let Some(body) = buffer.get(end..end.saturating_add(body_length)) else { break };
        let batch = message.header_as_record_batch();
        batches += u64::from(batch.is_some());
        if let Some(batch) = batch.or_else(|| message.header_as_dictionary_batch().and_then(|batch| batch.data())) {
            let packed = batch.compression().is_some();
            for one in batch.buffers().iter().flatten() {
                let size = |n: i64| u64::try_from(n).unwrap_or(0);
                let prefix = || {
                    let start = usize::try_from(one.offset()).ok()?;
                    Some(i64::from_le_bytes(*body.get(start..)?.first_chunk::<8>()?))
                };
                // −1 stands for a buffer that is not packed.
                let own = if packed { prefix().map_or(0, |n| if n < 0 { 0 } else { size(n) }) } else { 0 };
                all = all.saturating_add(own);
            }
        }
        at = end + body_length;
    }
    if batches > 1 { all.saturating_mul(2).max(buffer.len() as u64) } else { all }
}
