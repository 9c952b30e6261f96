//! How one feature column becomes numbers, fitted on the rows that take part.

use leanset_problem::{setting, text};

use super::column_checks::words_among_numbers;
use super::columns::ColumnRef;
use super::impute::most_frequent;
use super::scaler::{Sample, Scaler};
use crate::column::{Column, Kind, Texts, Values};
use crate::error::{Error, Warning, counted, listed, shown};
use crate::row::FileRow;
use leanset_spec::Scale;

/// A text feature with more different values than this is refused: it is a name of the row, not a property.
pub const MAX_CATEGORIES: usize = 1_000;

/// The encoding of a column; `fill` stands for missing values under [`Missing::Mean`](crate::Missing::Mean).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FeatureEncoding {
    Number { scaler: Scaler, fill: f64 },
    Boolean { fill: bool },
    OneHot { categories: Vec<String>, fill: usize },
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
            Values::Number(v) => fit_number(of, column, rows.fitted, scale, &|row| v[row]),
            Values::Number32(v) => fit_number(of, column, rows.fitted, scale, &|row| f64::from(v[row])),
            Values::Integer(v) => fit_number(of, column, rows.fitted, scale, &|row| v[row] as f64),
            Values::Boolean(v) => {
                let mut counts = [0; 2];
                present(column, rows.fitted).for_each(|row| counts[usize::from(v[row.index()])] += 1);
                Ok((Self::Boolean { fill: most_frequent(&counts) == 1 }, !counts.contains(&0)))
            }
            Values::Text(v) => {
                warnings.extend(words_among_numbers(of, column, v, rows.kept)?);
                fit_one_hot(of, column, rows, v)
            }
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Number { .. } => Kind::Number,
            Self::Boolean { .. } => Kind::Boolean,
            Self::OneHot { .. } => Kind::Text,
        }
    }

    /// Dimensions that the column takes.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Number { .. } | Self::Boolean { .. } => 1,
            Self::OneHot { categories, .. } => categories.len(),
        }
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
    let categories = values.into_iter().map(str::to_owned).collect();
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
    let sample = Sample { values: &values, rows: rows.len(), min, max, mean };
    match Scaler::fit(scale, &sample) {
        Some(scaler) if mean.is_finite() => Ok((FeatureEncoding::Number { scaler, fill: mean }, sample.varies())),
        _ => {
            let (file, name) = (of.table.name(), shown(of.name));
            let message =
                format!("{file}: column {name} runs from {min:?} to {max:?}: its range overflows 64-bit floats");
            Err(Error::content(message)
                .with_hint(text![setting::EXCLUDE.to(of.name), ", or divide it by a constant first"]))
        }
    }
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
