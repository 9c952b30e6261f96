//! One column of an encoding: how its values become numbers, fitted on the rows that take part.

use crate::column::{Column, Kind, Values};
use crate::encode::{EncodeOptions, MAX_CATEGORIES, Scale};
use crate::error::{Error, counted, listed, shown};
use crate::table::Table;

/// A table and the column a message is about.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) table: &'a Table,
    pub(crate) column: &'a str,
    pub(crate) index: usize,
}

impl Context<'_> {
    pub(crate) fn place(&self, row: usize) -> String {
        self.table.source.place(row)
    }

    /// The value in the words of the file, quoted.
    pub(crate) fn show(&self, row: usize, column: &Column) -> String {
        shown(&self.table.source.show(row, self.index).unwrap_or_else(|| column.text(row).into_owned()))
    }
}

/// How a number is scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scaling {
    None,
    MinMax { scale: f64, min: f64 },
    Standard { mean: f64, deviation: f64 },
}

impl Scaling {
    #[inline]
    pub(crate) fn apply(self, x: f64) -> f64 {
        match self {
            Scaling::None => x,
            Scaling::MinMax { scale, min } => x * scale + min,
            Scaling::Standard { mean, deviation } => (x - mean) / deviation,
        }
    }

    pub(crate) fn undo(self, x: f64) -> f64 {
        match self {
            Scaling::None => x,
            Scaling::MinMax { scale, min } => (x - min) / scale,
            Scaling::Standard { mean, deviation } => x * deviation + mean,
        }
    }
}

/// What becomes of a column; `fill` stands for missing values under [`Missing::Mean`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Coding {
    Number { scaling: Scaling, fill: f64 },
    Boolean { fill: bool },
    Categories { names: Vec<String>, fill: usize },
}

impl Coding {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Coding::Number { .. } => Kind::Number,
            Coding::Boolean { .. } => Kind::Boolean,
            Coding::Categories { .. } => Kind::Text,
        }
    }

    pub(crate) fn width(&self) -> usize {
        match self {
            Coding::Number { .. } | Coding::Boolean { .. } => 1,
            Coding::Categories { names, .. } => names.len(),
        }
    }
}

/// What becomes of a column, and whether it varies: scales and fills by the rows `fitted`, categories by all `kept`.
pub(crate) fn fit_column(
    at: &Context<'_>,
    column: &Column,
    kept: &[u32],
    fitted: &[u32],
    options: &EncodeOptions,
) -> Result<(Coding, bool), Error> {
    let present = || fitted.iter().map(|&row| row as usize).filter(|&row| !column.is_missing(row));
    let (file, name) = (at.table.name(), shown(at.column));
    if present().next().is_none() {
        return Err(Error::content(format!("{file}: column {name} has no values at all"))
            .with_hint(format!("--exclude {name}")));
    }
    match &column.values {
        Values::Number(v) => fit_number(at, column, fitted, options.scale, &|row| v[row]),
        Values::Number32(v) => fit_number(at, column, fitted, options.scale, &|row| f64::from(v[row])),
        Values::Integer(v) => fit_number(at, column, fitted, options.scale, &|row| v[row] as f64),
        Values::Boolean(v) => {
            let (yes, all) = (present().filter(|&row| v[row]).count(), present().count());
            Ok((Coding::Boolean { fill: yes > all - yes }, yes != 0 && yes != all))
        }
        Values::Text(v) => {
            let mut values: Vec<&str> = kept
                .iter()
                .map(|&row| row as usize)
                .filter(|&row| !column.is_missing(row))
                .map(|row| v.get(row))
                .collect();
            let all = values.len();
            values.sort_unstable();
            values.dedup();
            let names: Vec<String> = values.iter().map(|&name| name.to_owned()).collect();
            let mut counts = vec![0usize; names.len()];
            for row in present() {
                counts[values.partition_point(|&name| name < v.get(row))] += 1;
            }
            // Of equally frequent ones the first in sorted order.
            let (mut fill, mut most) = (0, 0);
            for (name, &count) in counts.iter().enumerate() {
                if count > most {
                    (fill, most) = (name, count);
                }
            }
            let count = names.len();
            if count > MAX_CATEGORIES || (count == all && all > 1) {
                let every = if count == all { ", one per row" } else { "" };
                let message = format!(
                    "{file}: text column {name} holds {count} different values{every}: too many for categories"
                );
                return Err(
                    Error::request(message).with_hint(format!("--exclude {name}, or --id {name} if it names rows"))
                );
            }
            Ok((Coding::Categories { names, fill }, count > 1))
        }
    }
}

fn fit_number(
    at: &Context<'_>,
    column: &Column,
    kept: &[u32],
    scale: Scale,
    value: &dyn Fn(usize) -> f64,
) -> Result<(Coding, bool), Error> {
    let present = || kept.iter().map(|&row| row as usize).filter(|&row| !column.is_missing(row));
    let (mut min, mut max, mut sum, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0);
    for row in present() {
        let x = finite(at, column, row, value(row), value(row), f64::MAX)?;
        min = min.min(x);
        max = max.max(x);
        sum += x;
        count += 1.0;
    }
    // The second pass takes out the rounding of the first.
    let rough: f64 = sum / count;
    let mean = rough + present().map(|row| value(row) - rough).sum::<f64>() / count;
    let (file, name) = (at.table.name(), shown(at.column));
    let too_wide = || {
        Error::content(format!("{file}: column {name} runs from {min:?} to {max:?}: its range overflows 64-bit floats"))
            .with_hint(format!("--exclude {name}, or divide it by a constant first"))
    };
    let range = max - min;
    if (scale != Scale::None && !range.is_finite()) || !mean.is_finite() {
        return Err(too_wide());
    }
    // A range of a few rounding errors is that of a constant; stretched to [0, 1] it would be noise.
    let varies = range > 10.0 * f64::EPSILON * min.abs().max(max.abs());
    let scaling = match scale {
        Scale::None => Scaling::None,
        Scale::MinMax => {
            let scale = 1.0 / if varies { range } else { 1.0 };
            Scaling::MinMax { scale, min: 0.0 - min * scale }
        }
        Scale::Standard => {
            // Missing values are filled with the mean: they add nothing to the sum and count as rows.
            let rows = kept.len() as f64;
            let variance = present().map(|row| (value(row) - mean).powi(2)).sum::<f64>() / rows;
            if !variance.is_finite() {
                return Err(too_wide());
            }
            // Below this the variance is rounding of a constant column: scikit-learn's bound.
            let noise = rows * f64::EPSILON * variance + (rows * mean * f64::EPSILON).powi(2);
            Scaling::Standard { mean, deviation: if variance <= noise { 1.0 } else { variance.sqrt() } }
        }
    };
    Ok((Coding::Number { scaling, fill: mean }, varies))
}

/// `scaled`, unless it is beyond `limit`, which infinity and NaN are.
#[inline]
pub(crate) fn finite(
    at: &Context<'_>,
    column: &Column,
    row: usize,
    scaled: f64,
    value: f64,
    limit: f64,
) -> Result<f64, Error> {
    if scaled.abs() <= limit { Ok(scaled) } else { Err(not_finite(at, column, row, value)) }
}

#[cold]
fn not_finite(at: &Context<'_>, column: &Column, row: usize, value: f64) -> Error {
    let (file, place, name, shown) = (at.table.name(), at.place(row), shown(at.column), at.show(row, column));
    let what = if value.is_finite() { "is too large for the floats it is encoded in" } else { "is infinite" };
    Error::content(format!("{file}: {place}, column {name}: {shown} {what}")).with_hint(
        "distances need finite numbers: correct the value, leave it empty (missing), or --exclude the column",
    )
}

#[cold]
pub(crate) fn unseen(at: &Context<'_>, column: &Column, row: usize, names: &[String]) -> Error {
    let (file, place, name, value) = (at.table.name(), at.place(row), shown(at.column), at.show(row, column));
    let known = counted(names.len(), "category", "categories");
    Error::content(format!("{file}: {place}, column {name}: {value} is none of the {known} known"))
        .with_hint(format!("known: {}", listed(names, 20)))
}
