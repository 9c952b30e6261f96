//! The values of Arrow arrays as text, which is what a CSV file holds and what names a row; and decimals as floats.
//!
//! Floats are the shortest text that reads back as the same float, moments are ISO 8601 with the offset of their time
//! zone, decimals have all their digits, lists and structs are JSON.

use std::fmt::{Debug, Write};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTimestampType, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, downcast_integer_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use arrow_select::take::take;

/// Rows of a dictionary that are resolved at a time.
const PART: usize = 1 << 14;
const MILLISECONDS_OF_A_DAY: i64 = 86_400_000;

/// Where the text of each row goes; `None` where there is no value (null, or NaN in floats).
pub(crate) type Add<'a> = &'a mut dyn FnMut(Option<&str>);

/// The row of a value that has no text, such as a moment beyond every calendar, and why.
pub(crate) type Failed = (usize, ArrowError);

/// Gives the text of every row to `add`.
pub(crate) fn each_text(array: &ArrayRef, add: Add<'_>) -> Result<(), Failed> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().for_each(add),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().for_each(add),
        DataType::Utf8View => array.as_string_view().iter().for_each(add),
        DataType::Boolean => {
            let word = |x: bool| if x { "true" } else { "false" };
            array.as_boolean().iter().for_each(|x| add(x.map(word)));
        }
        DataType::Float16 => {
            let values = array.as_primitive::<Float16Type>().iter();
            floats(values.map(|x| x.map_or(f32::NAN, f32::from)), add);
        }
        DataType::Float32 => floats(array.as_primitive::<Float32Type>().iter().map(|x| x.unwrap_or(f32::NAN)), add),
        DataType::Float64 => floats(array.as_primitive::<Float64Type>().iter().map(|x| x.unwrap_or(f64::NAN)), add),
        integer if integer.is_integer() => {
            let mut text = String::new();
            downcast_integer_array!(
                array => for value in array.iter() {
                    text.clear();
                    add(value.map(|x| shown(&mut text, format_args!("{x}"))));
                },
                _ => {}
            );
        }
        decimal if decimal.is_decimal() => {
            let scale = scale_of(decimal);
            each_unscaled(array, &mut |digits| add(digits.map(|digits| decimal_text(digits, scale)).as_deref()));
        }
        DataType::Dictionary(_, _) => {
            // In parts, because all texts together may be more than the offsets of their type reach.
            for start in (0..array.len()).step_by(PART) {
                let part = array.slice(start, PART.min(array.len() - start));
                let dictionary = part.as_any_dictionary();
                let plain = take(dictionary.values(), dictionary.keys(), None).map_err(|error| (start, error))?;
                each_text(&plain, add).map_err(|(row, error)| (start + row, error))?;
            }
        }
        _ => return formatted(array, add),
    }
    Ok(())
}

fn shown<'a>(text: &'a mut String, value: std::fmt::Arguments<'_>) -> &'a str {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(value);
    text
}

fn floats<F: Debug + PartialEq>(values: impl Iterator<Item = F>, add: Add<'_>) {
    let mut text = String::new();
    for x in values {
        text.clear();
        // NaN alone differs from itself.
        #[allow(clippy::eq_op)]
        add(if x == x { Some(shown(&mut text, format_args!("{x:?}"))) } else { None });
    }
}

fn formatted(array: &ArrayRef, add: Add<'_>) -> Result<(), Failed> {
    let array = &in_known_zone(array);
    let options = FormatOptions::default().with_display_error(false);
    let formatter = ArrayFormatter::try_new(array, &options).map_err(|error| (0, error))?;
    let nulls = array.logical_nulls();
    let days = array.as_primitive_opt::<Date64Type>();
    for row in 0..array.len() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            add(None);
            continue;
        }
        let text = formatter.value(row).try_to_string().map_err(|error| (row, error))?;
        // A day is a day, without the hour at which it begins.
        let day = days.is_some_and(|days| days.value(row) % MILLISECONDS_OF_A_DAY == 0);
        add(Some(if day { text.split('T').next().unwrap_or(&text) } else { &text }));
    }
    Ok(())
}

/// Moments of a time zone that is not known here are shown in UTC.
fn in_known_zone(array: &ArrayRef) -> ArrayRef {
    fn in_utc<T: ArrowTimestampType>(array: &ArrayRef) -> ArrayRef {
        Arc::new(array.as_primitive::<T>().clone().with_timezone("+00:00"))
    }
    match array.data_type() {
        DataType::Timestamp(unit, Some(zone)) if zone.parse::<Tz>().is_err() => match unit {
            TimeUnit::Second => in_utc::<TimestampSecondType>(array),
            TimeUnit::Millisecond => in_utc::<TimestampMillisecondType>(array),
            TimeUnit::Microsecond => in_utc::<TimestampMicrosecondType>(array),
            TimeUnit::Nanosecond => in_utc::<TimestampNanosecondType>(array),
        },
        _ => Arc::clone(array),
    }
}

/// A decimal column as floats, each the nearest to its decimal; NaN where there is none.
pub(crate) fn decimals_as_floats(array: &ArrayRef) -> Vec<f64> {
    let scale = scale_of(array.data_type());
    let mut values = Vec::with_capacity(array.len());
    each_unscaled(array, &mut |digits| values.push(digits.map_or(f64::NAN, |digits| nearest(digits, scale))));
    values
}

/// Powers of ten that floats hold exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

fn nearest(digits: &str, scale: i8) -> f64 {
    let ten = usize::try_from(scale).ok().and_then(|scale| TENS.get(scale));
    match (digits.parse::<i64>(), ten) {
        // Both are exact, so the quotient is rounded once.
        (Ok(whole), Some(ten)) if whole.unsigned_abs() <= 1 << 53 => whole as f64 / ten,
        _ => fast_float2::parse(decimal_text(digits, scale)).unwrap_or(f64::NAN),
    }
}

fn scale_of(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// Gives the digits of every decimal to `add`, without its point.
fn each_unscaled(array: &ArrayRef, add: Add<'_>) {
    fn each<T: ArrowPrimitiveType>(array: &ArrayRef, add: Add<'_>)
    where
        T::Native: std::fmt::Display,
    {
        let mut text = String::new();
        for value in array.as_primitive::<T>().iter() {
            text.clear();
            add(value.map(|x| shown(&mut text, format_args!("{x}"))));
        }
    }
    match array.data_type() {
        DataType::Decimal32(..) => each::<Decimal32Type>(array, add),
        DataType::Decimal64(..) => each::<Decimal64Type>(array, add),
        DataType::Decimal128(..) => each::<Decimal128Type>(array, add),
        DataType::Decimal256(..) => each::<Decimal256Type>(array, add),
        _ => {}
    }
}

/// The decimal of these digits whose last `scale` are a fraction; below zero, that many zeros follow the digits.
fn decimal_text(digits: &str, scale: i8) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        let zeros = if digits == "0" { 0 } else { places };
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_has_every_digit() {
        for (digits, scale, text) in [
            ("12345", 2, "123.45"),
            ("-5", 3, "-0.005"),
            ("0", 2, "0.00"),
            ("7", 0, "7"),
            ("-12", -3, "-12000"),
            ("0", -3, "0"),
            ("99999999999999999999999999999999999999", 38, "0.99999999999999999999999999999999999999"),
        ] {
            assert_eq!(decimal_text(digits, scale), text);
        }
    }

    #[test]
    fn nearest_is_what_parsing_the_text_gives() {
        let mut digits = 1i128;
        for step in 0..400i128 {
            digits = (digits * 31 + step * step + 7) % 10i128.pow(1 + (step % 37) as u32);
            for scale in [-5i8, 0, 1, 2, 9, 22, 23, 38] {
                let text = digits.to_string();
                let expected: f64 = decimal_text(&text, scale).parse().unwrap_or(f64::NAN);
                assert_eq!(nearest(&text, scale).to_bits(), expected.to_bits(), "{text} at {scale}");
            }
        }
    }
}
