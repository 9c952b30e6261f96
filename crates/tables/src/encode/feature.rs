//! How one feature column becomes numbers, fitted on the rows that take part.

use leanset_core::scale::{Sample, Scaler, Scaling, unit_of_squares};
use leanset_problem::{setting, text};

use super::column_checks::{MAX_CATEGORIES, words_among_numbers};
use super::column_ref::ColumnRef;
use super::impute::most_frequent;
use super::look_alike;
use crate::column::{Column, Kind, ListType, Lists, Texts, Values};
use crate::error::{Error, Warning, counted, listed, shown};
use crate::row::FileRow;
use leanset_spec::Scale;

/// The encoding of a column; `fill` stands for missing values under [`Missing::Mean`](crate::Missing::Mean).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FeatureEncoding {
    Number {
        scaler: Scaler,
        fill: f64,
    },
    /// Integers, some beyond ±2^53, of which `origin` is subtracted before they become floats.
    Integer {
        origin: i64,
        scaler: Scaler,
        fill: f64,
    },
    /// A block of dimensions, each with a scaler and a fill of its own; without scalers nothing is scaled.
    List {
        length: usize,
        scalers: Vec<Scaler>,
        fills: Vec<f64>,
        list_type: ListType,
    },
    Boolean {
        fill: bool,
    },
    OneHot {
        categories: Vec<String>,
        fill: usize,
    },
}

/// The rows that an encoding is learnt from.
#[derive(Clone, Copy)]
pub(crate) struct FitRows<'a> {
    /// Rows whose categories count.
    pub(crate) kept: &'a [FileRow],
    /// Rows that scales, means and most frequent values come from.
    pub(crate) fitted: &'a [FileRow],
}

impl FeatureEncoding {
    /// Learns the encoding of a column, and whether the column varies.
    pub(crate) fn fit(
        of: &ColumnRef<'_>,
        column: &Column,
        rows: FitRows<'_>,
        scale: Scale,
        warnings: &mut Vec<Warning>,
    ) -> Result<(Self, bool), Error> {
        if rows.fitted.iter().all(|row| column.is_missing(row.index())) {
            let (file, name) = (of.table.name(), shown(of.name));
            return Err(Error::content(format!("{file}: column {name} has no values at all"))
                .with_hint(text![setting::EXCLUDE.to(of.name)]));
        }
        match &column.values {
            Values::Number(v) => {
                integers::check_texts(of, column, v, rows)?;
                integers::check_decimals(of, column, v, rows)?;
                fit_number(of, column, rows.fitted, scale, &|row| v[row])
            }
            Values::Number32(v) => fit_number(of, column, rows.fitted, scale, &|row| f64::from(v[row])),
            Values::Integer(v) => match integers::origin(of, column, v, rows, scale)? {
                None => fit_number(of, column, rows.fitted, scale, &|row| v[row] as f64),
                Some(origin) => {
                    let value = |row: usize| integers::from_origin(v[row], origin);
                    let (encoding, varies) = fit_number(of, column, rows.fitted, scale, &value)?;
                    match encoding {
                        Self::Number { scaler, fill } => Ok((Self::Integer { origin, scaler, fill }, varies)),
                        other => Ok((other, varies)),
                    }
                }
            },
            Values::List(v) => fit_list(of, v, rows.fitted, scale),
            Values::Boolean(v) => {
                let mut counts = [0; 2];
                present(column, rows.fitted).for_each(|row| counts[usize::from(v[row.index()])] += 1);
                Ok((Self::Boolean { fill: most_frequent(&counts) == 1 }, !counts.contains(&0)))
            }
            Values::Text(v) => {
                warnings.extend(words_among_numbers(of, column, v, rows.kept)?);
                fit_one_hot(of, column, rows, v, warnings)
            }
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Number { .. } => Kind::Number,
            Self::Integer { .. } => Kind::Integer,
            Self::List { length, .. } => Kind::List(*length),
            Self::Boolean { .. } => Kind::Boolean,
            Self::OneHot { .. } => Kind::Text,
        }
    }

    /// Dimensions that the column takes.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Number { .. } | Self::Integer { .. } | Self::Boolean { .. } => 1,
            Self::List { length, .. } => *length,
            Self::OneHot { categories, .. } => categories.len(),
        }
    }
}

/// The scale of one column. (Rows are scaled to unit length when they are whole.)
fn fit_scaler(scale: Scale, sample: &Sample<'_>) -> Option<Scaler> {
    match scale {
        Scale::None | Scale::Unit => Some(Scaler::Identity),
        Scale::MinMax => Scaler::fit(Scaling::MinMax, sample),
        Scale::Standard => Scaler::fit(Scaling::Standard, sample),
    }
}

/// Those of the rows that have a value.
fn present<'a>(column: &'a Column, rows: &'a [FileRow]) -> impl Iterator<Item = FileRow> + 'a {
    rows.iter().copied().filter(|row| !column.is_missing(row.index()))
}

fn fit_one_hot(
    of: &ColumnRef<'_>,
    column: &Column,
    rows: FitRows<'_>,
    texts: &Texts,
    warnings: &mut Vec<Warning>,
) -> Result<(FeatureEncoding, bool), Error> {
    let mut values: Vec<&str> = present(column, rows.kept).map(|row| texts.get(row.index())).collect();
    let all = values.len();
    values.sort_unstable();
    values.dedup();
    let count = values.len();
    if count > MAX_CATEGORIES || (count == all && all > 1) {
        let (file, name) = (of.table.name(), shown(of.name));
        let every = if count == all { ", one per row" } else { "" };
        let message =
            format!("{file}: text column {name} holds {count} different values{every}: too many for categories");
        return Err(Error::request(message).with_hint(text![
            setting::EXCLUDE.to(of.name),
            ", or ",
            setting::ID.to(of.name),
            " if it names rows"
        ]));
    }
    let mut counts = vec![0; count];
    for row in present(column, rows.fitted) {
        counts[values.partition_point(|&value| value < texts.get(row.index()))] += 1;
    }
    let categories: Vec<String> = values.into_iter().map(str::to_owned).collect();
    warnings.extend(look_alike::of_categories(of.name, &categories));
    Ok((FeatureEncoding::OneHot { categories, fill: most_frequent(&counts) }, count > 1))
}

fn fit_number(
    of: &ColumnRef<'_>,
    column: &Column,
    rows: &[FileRow],
    scale: Scale,
    value: &dyn Fn(usize) -> f64,
) -> Result<(FeatureEncoding, bool), Error> {
    let values = || present(column, rows).map(|row| value(row.index()));
    let (mut min, mut max, mut sum, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0);
    for row in present(column, rows) {
        let x = value(row.index());
        let x = finite(of, column, row, x, x, f64::MAX)?;
        min = min.min(x);
        max = max.max(x);
        sum += x;
        count += 1.0;
    }
    // The second pass takes out the rounding of the first.
    let rough: f64 = sum / count;
    let mean = rough + values().map(|x| x - rough).sum::<f64>() / count;
    let unit = unit_of_squares(max - min);
    let squares = || values().map(|x| ((x - mean) * unit).powi(2)).sum::<f64>();
    let sample = Sample { squares: &squares, rows: rows.len(), min, max, mean };
    match fit_scaler(scale, &sample) {
        Some(scaler) if mean.is_finite() => Ok((FeatureEncoding::Number { scaler, fill: mean }, sample.varies())),
        _ => Err(too_wide(of, min, max)),
    }
}

/// A range that 64-bit floats cannot scale.
fn too_wide(of: &ColumnRef<'_>, min: f64, max: f64) -> Error {
    let (file, name) = (of.table.name(), shown(of.name));
    let (what, way) = if max - min < 1.0 {
        ("is too small for 64-bit floats to scale", "multiply")
    } else {
        ("overflows 64-bit floats", "divide")
    };
    let message = format!("{file}: column {name} runs from {min:?} to {max:?}: its range {what}");
    Error::content(message).with_hint(text![setting::EXCLUDE.to(of.name), format!(", or {way} it by a constant first")])
}

/// Every position in the lists as a column of its own, to the last bit; all of them in each pass over the rows.
fn fit_list(
    of: &ColumnRef<'_>,
    lists: &Lists,
    rows: &[FileRow],
    scale: Scale,
) -> Result<(FeatureEncoding, bool), Error> {
    let length = lists.length();
    let mut values = vec![0.0; length];
    let (mut min, mut max) = (vec![f64::INFINITY; length], vec![f64::NEG_INFINITY; length]);
    let (mut sums, mut counts) = (vec![0.0; length], vec![0.0; length]);
    for &row in rows {
        lists.read(row.index(), &mut values);
        for (j, &x) in values.iter().enumerate().filter(|(_, x)| !x.is_nan()) {
            if x.is_infinite() {
                return Err(not_finite_in_list(of, row, j, x));
            }
            min[j] = x.min(min[j]);
            max[j] = x.max(max[j]);
            sums[j] += x;
            counts[j] += 1.0;
        }
    }
    if let Some(j) = counts.iter().position(|&count| count == 0.0) {
        let (file, name) = (of.table.name(), shown(of.name));
        return Err(Error::content(format!("{file}: column {name}: position {j} of the lists has no values at all"))
            .with_hint(text![setting::EXCLUDE.to(of.name)]));
    }
    // The second pass takes out the rounding of the first.
    let rough: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
    let mut add_up = |term: &dyn Fn(usize, f64) -> f64| {
        let mut sums = vec![0.0; length];
        for &row in rows {
            lists.read(row.index(), &mut values);
            for (j, &x) in values.iter().enumerate().filter(|(_, x)| !x.is_nan()) {
                sums[j] += term(j, x);
            }
        }
        sums
    };
    let rest = add_up(&|j, x| x - rough[j]);
    let means: Vec<f64> = (0..length).map(|j| rough[j] + rest[j] / counts[j]).collect();
    let squares = match scale {
        Scale::Standard => {
            let units: Vec<f64> = min.iter().zip(&max).map(|(min, max)| unit_of_squares(max - min)).collect();
            add_up(&|j, x| ((x - means[j]) * units[j]).powi(2))
        }
        Scale::MinMax | Scale::None | Scale::Unit => vec![0.0; length],
    };
    let (mut scalers, mut varies) = (Vec::with_capacity(length), false);
    for j in 0..length {
        let squares = || squares[j];
        let sample = Sample { squares: &squares, rows: rows.len(), min: min[j], max: max[j], mean: means[j] };
        varies |= sample.varies();
        match fit_scaler(scale, &sample) {
            Some(scaler) if means[j].is_finite() => scalers.push(scaler),
            _ => return Err(too_wide(of, min[j], max[j])),
        }
    }
    if matches!(scale, Scale::None | Scale::Unit) {
        scalers.clear();
    }
    Ok((FeatureEncoding::List { length, scalers, fills: means, list_type: lists.list_type() }, varies))
}

/// Integers that 64-bit floats cannot tell apart.
pub(crate) mod integers {
    use std::collections::HashMap;

    use super::{Column, ColumnRef, Error, FileRow, FitRows, Scale, present, setting, shown, text};

    /// Up to this magnitude every integer is a float.
    const EXACT: u64 = 1 << 53;

    /// The float of an integer, and whether it is exactly that.
    #[inline]
    pub(crate) fn to_float(x: i64) -> (f64, bool) {
        let float = x as f64;
        (float, x.unsigned_abs() <= EXACT || float as i128 == i128::from(x))
    }

    /// The distance of an integer from another as a float, rounded once.
    pub(crate) fn from_origin(x: i64, origin: i64) -> f64 {
        (i128::from(x) - i128::from(origin)) as f64
    }

    /// What is subtracted from integers, as integers, before they are scaled; nothing where all are within ±2^53.
    pub(crate) fn origin(
        of: &ColumnRef<'_>,
        column: &Column,
        values: &[i64],
        rows: FitRows<'_>,
        scale: Scale,
    ) -> Result<Option<i64>, Error> {
        if !present(column, rows.kept).any(|row| values[row.index()].unsigned_abs() > EXACT) {
            return Ok(None);
        }
        if matches!(scale, Scale::None | Scale::Unit) {
            // Nothing can be subtracted, but some large integers, such as powers of two, are floats.
            return match present(column, rows.kept).find(|row| !to_float(values[row.index()]).1) {
                Some(row) => Err(inexact(of, row, values[row.index()])),
                None => Ok(None),
            };
        }
        let least = present(column, rows.fitted).map(|row| values[row.index()]).min().unwrap_or(0);
        let mut sorted: Vec<i64> = present(column, rows.kept).map(|row| values[row.index()]).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let pairs = sorted.iter().zip(sorted.iter().skip(1));
        match pairs.into_iter().find(|(a, b)| from_origin(**a, least) == from_origin(**b, least)) {
            None => Ok(Some(least)),
            Some((a, b)) => Err(collapsed(of, &a.to_string(), &b.to_string())),
        }
    }

    /// Refuses integers beyond 64 bits, which text has and which are floats here, if two of them are one float.
    pub(crate) fn check_texts(
        of: &ColumnRef<'_>,
        column: &Column,
        values: &[f64],
        rows: FitRows<'_>,
    ) -> Result<(), Error> {
        const BEYOND: f64 = 9_223_372_036_854_775_808.0;
        let mut known = HashMap::new();
        for row in present(column, rows.kept).filter(|row| values[row.index()].abs() >= BEYOND) {
            // Only text formats show a value as the file has it.
            let Some(text) = of.table.source.show(row, of.index) else { return Ok(()) };
            let Ok(integer) = text.trim().parse::<i128>() else { continue };
            match known.insert(values[row.index()].to_bits(), integer) {
                Some(other) if other != integer => {
                    let [a, b] = [other.min(integer), other.max(integer)].map(|x| x.to_string());
                    return Err(collapsed(of, &a, &b));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses decimals of which two are one float.
    pub(crate) fn check_decimals(
        of: &ColumnRef<'_>,
        column: &Column,
        values: &[f64],
        rows: FitRows<'_>,
    ) -> Result<(), Error> {
        if !of.table.source.has_long_decimals(of.index) {
            return Ok(());
        }
        let texts = of.table.text_column(of.index)?;
        let mut known = HashMap::new();
        for row in present(column, rows.kept) {
            let text = texts.text(row.index());
            // Numbers of up to 15 digits are different floats if they differ.
            let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
            if digits <= 15 {
                continue;
            }
            match known.get(&values[row.index()].to_bits()) {
                None => drop(known.insert(values[row.index()].to_bits(), text.into_owned())),
                Some(other) if *other != text => return Err(collapsed(of, other, &text)),
                Some(_) => {}
            }
        }
        Ok(())
    }

    #[cold]
    fn collapsed(of: &ColumnRef<'_>, a: &str, b: &str) -> Error {
        let (file, name) = (of.table.name(), shown(of.name));
        Error::content(format!(
            "{file}: column {name} has {a} and {b}, which no 64-bit float tells apart over its range"
        ))
        .with_hint(text![
            "if it is an id: ",
            setting::ID.to(of.name),
            " or ",
            setting::EXCLUDE.to(of.name),
            "; otherwise divide it by a constant first"
        ])
    }

    #[cold]
    pub(crate) fn inexact(of: &ColumnRef<'_>, row: FileRow, value: i64) -> Error {
        let (file, place, name) = (of.table.name(), of.place(row), shown(of.name));
        Error::content(format!(
            "{file}: {place}, column {name}: {value} is beyond ±2^53, where 64-bit floats cannot tell integers apart"
        ))
        .with_hint(text![
            setting::SCALE.to(Scale::MinMax),
            " subtracts the least value first; or ",
            setting::EXCLUDE.to(of.name)
        ])
    }
}

/// A number of a list, scaled, unless it is beyond `limit`, which infinity is.
#[inline]
pub(crate) fn finite_in_list(
    of: &ColumnRef<'_>,
    (row, position): (FileRow, usize),
    scaled: f64,
    value: f64,
    limit: f64,
) -> Result<f64, Error> {
    if scaled.abs() <= limit { Ok(scaled) } else { Err(not_finite_in_list(of, row, position, value)) }
}

#[cold]
fn not_finite_in_list(of: &ColumnRef<'_>, row: FileRow, position: usize, value: f64) -> Error {
    let (file, place, name) = (of.table.name(), of.place(row), shown(of.name));
    let what = if value.is_finite() { "is too large for the floats it is encoded in" } else { "is infinite" };
    Error::content(format!("{file}: {place}, column {name}: {value:?} at position {position} {what}"))
        .with_hint(text!["distances need finite numbers: correct the value, or ", setting::EXCLUDE.to(of.name)])
}

/// `scaled`, unless it is beyond `limit`, which infinity and NaN are.
#[inline]
pub(crate) fn finite(
    of: &ColumnRef<'_>,
    column: &Column,
    row: FileRow,
    scaled: f64,
    value: f64,
    limit: f64,
) -> Result<f64, Error> {
    if scaled.abs() <= limit { Ok(scaled) } else { Err(not_finite(of, column, row, value)) }
}

#[cold]
fn not_finite(of: &ColumnRef<'_>, column: &Column, row: FileRow, value: f64) -> Error {
    let (file, place, name, shown) = (of.table.name(), of.place(row), shown(of.name), of.show(row, column));
    let what = if value.is_finite() { "is too large for the floats it is encoded in" } else { "is infinite" };
    Error::content(format!("{file}: {place}, column {name}: {shown} {what}")).with_hint(text![
        "distances need finite numbers: correct the value, leave it empty (missing), or ",
        setting::EXCLUDE.to(of.name)
    ])
}

#[cold]
pub(crate) fn unseen(of: &ColumnRef<'_>, column: &Column, row: FileRow, names: &[String]) -> Error {
    let (file, place, name, value) = (of.table.name(), of.place(row), shown(of.name), of.show(row, column));
    let known = counted(names.len(), "category", "categories");
    Error::content(format!("{file}: {place}, column {name}: {value} is not one of the {known} known"))
        .with_hint(format!("known: {}", listed(names, 20)))
}
