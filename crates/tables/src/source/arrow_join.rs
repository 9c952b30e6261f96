//! Arrow columns of several files as one: equal types are joined, and types that one type holds exactly are widened to it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::CastOptions;
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};

use super::dictionaries::joined;
use crate::error::{Error, Warning, shown};

/// Integers up to here are exact as 64-bit floats.
const EXACT: u64 = 1 << 53;

/// One batch of all rows, and what was widened. Names and order of columns are equal.
///
/// Columns are joined one after another, and let go of, so that no more than one is there twice.
pub(crate) fn join_batches(batches: Vec<(String, RecordBatch)>) -> Result<(RecordBatch, Vec<Warning>), Error> {
    let Some((first, before)) = batches.first().map(|(name, batch)| (name.clone(), batch.schema())) else {
        return Err(Error::request("a table needs a file"));
    };
    let rows = batches.iter().map(|(_, batch)| batch.num_rows()).sum();
    let mut warnings = Vec::new();
    let mut files: Vec<(String, Vec<ArrayRef>, Arc<Schema>)> = batches
        .into_iter()
        .map(|(name, batch)| (name, batch.columns().iter().rev().cloned().collect(), batch.schema()))
        .collect();
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (index, field) in before.fields().iter().enumerate() {
        let mut wide = field.data_type().clone();
        for (name, _, schema) in &files {
            let own = schema.field(index).data_type();
            let Some(both) = both(&wide, own) else {
                let column = shown(field.name());
                return Err(Error::content(format!(
                    "{name}: column {column} is {own}, and in {first} it is {}",
                    field.data_type()
                ))
                .with_hint("the files of one table have the same types of columns: write it with one type"));
            };
            wide = both;
        }
        if let Some((name, _, schema)) = files.iter().find(|(_, _, schema)| *schema.field(index).data_type() != wide) {
            let (column, own) = (shown(field.name()), schema.field(index).data_type());
            let message = format!("{name}: column {column} is {own}, and is read as {wide}, as another file needs it");
            warnings.push(Warning::new("column-widened", message));
        }
        let nullable = any_nulls(&files.iter().map(|(_, _, schema)| schema.field(index)).collect::<Vec<_>>());
        let own = Field::clone(field).with_data_type(wide.clone()).with_nullable(nullable);
        let schema = Arc::new(Schema::new(vec![own]));
        let mut parts = Vec::with_capacity(files.len());
        for (name, left, _) in &mut files {
            let Some(array) = left.pop() else { continue };
            let part = widened(array, &wide).and_then(|array| RecordBatch::try_new(Arc::clone(&schema), vec![array]));
            parts.push(part.map_err(|error| of_column(name, field, error))?);
        }
        let (schema, column) = joined(&schema, &parts).map_err(|error| of_column(&first, field, error))?;
        fields.push(schema.field(0).clone());
        columns.push(Arc::clone(column.column(0)));
    }
    let schema = Schema::new_with_metadata(fields, before.metadata().clone());
    let rows = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(schema), columns, &rows).map_err(|error| {
        Error::content(format!("{first}: cannot be joined with the other files: {error}")).caused_by(error)
    })?;
    Ok((batch, warnings))
}

/// Whether one of the columns of this name may have nulls.
pub(crate) fn any_nulls(fields: &[&Field]) -> bool {
    // A column of nulls alone may say that it has none.
    fields.iter().any(|own| own.is_nullable() || *own.data_type() == DataType::Null)
}

fn of_column(file: &str, field: &Field, error: ArrowError) -> Error {
    let column = shown(field.name());
    Error::content(format!("{file}: column {column} cannot be joined with that of the other files: {error}"))
        .with_hint("the files of one table have the same types of columns: write it with one type")
        .caused_by(error)
}

/// The array as a wider type; a value that the type does not hold exactly is an error.
fn widened(array: ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(array);
    }
    if matches!(array.data_type(), DataType::Int64 | DataType::UInt64) && *to == DataType::Float64 {
        let inexact = if *array.data_type() == DataType::Int64 {
            array.as_primitive::<Int64Type>().iter().flatten().find(|x| x.unsigned_abs() > EXACT).map(|x| x.to_string())
        } else {
            let array = array.as_primitive::<arrow_array::types::UInt64Type>();
            array.iter().flatten().find(|&x| x > EXACT).map(|x| x.to_string())
        };
        if let Some(value) = inexact {
            return Err(ArrowError::CastError(format!("a 64-bit float does not hold {value} exactly")));
        }
    }
    arrow_cast::cast_with_options(&array, to, &CastOptions { safe: false, ..CastOptions::default() })
}

/// The type that holds every value of both.
fn both(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    if a == b {
        return Some(a.clone());
    }
    let signed = |bits: u8| match bits {
        8 => Int8,
        16 => Int16,
        32 => Int32,
        _ => Int64,
    };
    Some(match (a, b) {
        (Null, other) | (other, Null) => other.clone(),
        (Dictionary(key, value), Dictionary(other_key, other)) => {
            Dictionary(both(key, other_key)?.into(), both(value, other)?.into())
        }
        (Dictionary(_, value), other) | (other, Dictionary(_, value)) => both(value, other)?,
        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => LargeUtf8,
        (Binary | LargeBinary | BinaryView, Binary | LargeBinary | BinaryView) => LargeBinary,
        (Float16 | Float32 | Float64, Float16 | Float32 | Float64) => {
            if *a == Float64 || *b == Float64 {
                Float64
            } else {
                Float32
            }
        }
        (float @ (Float16 | Float32 | Float64), integer) | (integer, float @ (Float16 | Float32 | Float64)) => {
            match (float, integer) {
                (Float16 | Float32, Int8 | UInt8 | Int16 | UInt16) => Float32,
                (_, integer) if integer.is_integer() => Float64,
                _ => return None,
            }
        }
        (a, b) if a.is_signed_integer() && b.is_signed_integer() => signed(bits(a)?.max(bits(b)?)),
        (a, b) if a.is_unsigned_integer() && b.is_unsigned_integer() => {
            if bits(a)? > bits(b)? {
                a.clone()
            } else {
                b.clone()
            }
        }
        // Beyond 64 bits there is no type: values that do not fit are an error.
        (a, b) if a.is_integer() && b.is_integer() => {
            let (unsigned, other) = if a.is_unsigned_integer() { (a, b) } else { (b, a) };
            signed((2 * bits(unsigned)?.min(32)).max(bits(other)?))
        }
        (Timestamp(unit, zone), Timestamp(other, other_zone)) if zone == other_zone => {
            Timestamp(finer(*unit, *other), zone.clone())
        }
        (List(own), List(other)) => List(of_items(own, other)?),
        (LargeList(own), LargeList(other)) => LargeList(of_items(own, other)?),
        (FixedSizeList(own, size), FixedSizeList(other, other_size)) if size == other_size => {
            FixedSizeList(of_items(own, other)?, *size)
        }
        _ => return None,
    })
}

fn of_items(own: &Arc<Field>, other: &Arc<Field>) -> Option<Arc<Field>> {
    let item = both(own.data_type(), other.data_type())?;
    let nullable = own.is_nullable() || other.is_nullable();
    Some(Arc::new(Field::clone(own).with_data_type(item).with_nullable(nullable)))
}

fn bits(integer: &DataType) -> Option<u8> {
    integer.primitive_width().and_then(|bytes| u8::try_from(8 * bytes).ok())
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let order = [TimeUnit::Nanosecond, TimeUnit::Microsecond, TimeUnit::Millisecond, TimeUnit::Second];
    order.into_iter().find(|unit| [a, b].contains(unit)).unwrap_or(a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::*;

    #[test]
    fn both_holds_every_value_of_either() {
        let dictionary = |key: DataType, value: DataType| Dictionary(key.into(), value.into());
        let time = |unit| Timestamp(unit, None);
        let cases = [
            (Int8, Int64, Some(Int64)),
            (UInt8, UInt32, Some(UInt32)),
            (UInt8, Int8, Some(Int16)),
            (UInt32, Int8, Some(Int64)),
            (UInt64, Int8, Some(Int64)),
            (Float32, Float64, Some(Float64)),
            (Float32, Int16, Some(Float32)),
            (Float32, Int32, Some(Float64)),
            (Int64, Float64, Some(Float64)),
            (Null, Utf8, Some(Utf8)),
            (Utf8, Utf8View, Some(LargeUtf8)),
            (dictionary(Int8, Utf8), dictionary(Int32, Utf8), Some(dictionary(Int32, Utf8))),
            (dictionary(Int8, Utf8), Utf8, Some(Utf8)),
            (time(TimeUnit::Second), time(TimeUnit::Microsecond), Some(time(TimeUnit::Microsecond))),
            (Int64, Utf8, None),
            (Boolean, Int8, None),
            (Float64, Boolean, None),
            (Date32, time(TimeUnit::Second), None),
        ];
        for (a, b, expected) in cases {
            assert_eq!(both(&a, &b), expected, "{a} and {b}");
            assert_eq!(both(&b, &a), expected, "{b} and {a}");
        }
    }
}
