//! The matrix of an encoding, filled from its columns.

use leanset_problem::{setting, text};

use super::column_ref::ColumnRef;
use super::columns::{FeatureValues, Loaded};
use super::feature::{FeatureEncoding, finite, finite_in_list, integers, unseen};
use crate::column::{Column, ListNumbers, Values};
use crate::error::{Error, shown};
use crate::row::FileRow;
use crate::table::Table;
use leanset_core::distance::to_unit_length;
use rayon::prelude::*;

/// Columns that are read from their file at a time, at least, and otherwise one for each thread: few, because all of each is in
/// memory until it is in the matrix.
const COLUMNS: usize = 2;
/// Rows that are filled in at a time, so that they stay in cache while the columns go over them.
const BLOCK: usize = 256;

/// A float of a matrix.
pub(crate) trait Float: Copy + Default + Send + Sync {
    /// The float nearest to `x`.
    fn of(x: f64) -> Self;

    /// The largest one.
    const MOST: f64;

    /// All numbers of lists, if they are of this type.
    fn of_lists(numbers: ListNumbers) -> Option<Vec<Self>>;
}

impl Float for f32 {
    const MOST: f64 = f32::MAX as f64;

    fn of(x: f64) -> Self {
        x as f32
    }

    fn of_lists(numbers: ListNumbers) -> Option<Vec<Self>> {
        match numbers {
            ListNumbers::Single(numbers) => Some(numbers),
            ListNumbers::Double(_) => None,
        }
    }
}

impl Float for f64 {
    const MOST: f64 = f64::MAX;

    fn of(x: f64) -> Self {
        x
    }

    fn of_lists(numbers: ListNumbers) -> Option<Vec<Self>> {
        match numbers {
            ListNumbers::Single(_) => None,
            ListNumbers::Double(numbers) => Some(numbers),
        }
    }
}

/// The matrix of the rows that take part. Lists that are the matrix as they are become it.
pub(crate) fn fill<T: Float>(
    table: &Table,
    encodings: &[FeatureEncoding],
    loaded: &mut Loaded,
) -> Result<Vec<T>, Error> {
    if let Some(lists) = whole(table, encodings, loaded)? {
        return Ok(lists);
    }
    let dimensions = encodings.iter().map(FeatureEncoding::width).sum::<usize>();
    let mut out = room(table, encodings, loaded, dimensions)?;
    // The first block of rows that has an error, and of it the first column.
    let mut failed: Option<(usize, Error)> = None;
    let mut offset = 0;
    let in_file = loaded.features.iter().any(|feature| feature.held().is_none());
    let size = if in_file { columns_at_once() } else { encodings.len().max(1) };
    for (encodings, features) in encodings.chunks(size).zip(loaded.features.chunks(size)) {
        let columns: Vec<Result<_, Error>> = features.par_iter().map(|feature| feature.column(table)).collect();
        let columns = columns.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let of_group: Vec<Filling<'_>> = encodings
            .iter()
            .zip(&columns)
            .zip(features)
            .map(|((encoding, column), feature)| Filling { of: ColumnRef::new(table, feature.index), encoding, column })
            .collect();
        let blocks = loaded.kept.par_chunks(BLOCK).zip(out.par_chunks_mut(BLOCK * dimensions.max(1)));
        let results: Vec<Result<(), Error>> =
            blocks.map(|(rows, out)| fill_block(&of_group, rows, out, (offset, dimensions))).collect();
        // The error of the first row that has one, for any number of threads.
        for (block, result) in results.into_iter().enumerate() {
            if let Err(error) = result
                && failed.as_ref().is_none_or(|(before, _)| block < *before)
            {
                failed = Some((block, error));
            }
        }
        offset += encodings.iter().map(FeatureEncoding::width).sum::<usize>();
    }
    failed.map_or(Ok(out), |(_, error)| Err(error))
}

fn columns_at_once() -> usize {
    rayon::current_num_threads().max(COLUMNS)
}

/// The numbers of the one feature, where it is lists that are the matrix as they are.
fn whole<T: Float>(table: &Table, encodings: &[FeatureEncoding], loaded: &mut Loaded) -> Result<Option<Vec<T>>, Error> {
    let ([FeatureEncoding::List { length, scalers, .. }], [feature]) = (encodings, &mut loaded.features[..]) else {
        return Ok(None);
    };
    let FeatureValues::Held(Column { values: Values::List(lists), missing: None }) = &mut feature.values else {
        return Ok(None);
    };
    let fits = lists.length() == *length && lists.is_single() == Some(size_of::<T>() == size_of::<f32>());
    if !scalers.is_empty() || !fits || loaded.kept.len() != lists.len() {
        return Ok(None);
    }
    let of = ColumnRef::new(table, feature.index);
    let check = |rows: &[FileRow]| -> Result<(), Error> {
        let mut list = vec![0.0; *length];
        for &row in rows {
            lists.read(row.index(), &mut list);
            for (j, &x) in list.iter().enumerate() {
                finite_in_list(&of, (row, j), x, x, T::MOST)?;
            }
        }
        Ok(())
    };
    let checked: Vec<Result<(), Error>> = loaded.kept.par_chunks(BLOCK).map(check).collect();
    checked.into_iter().collect::<Result<(), Error>>()?;
    Ok(std::mem::take(lists).into_numbers().and_then(T::of_lists))
}

/// A matrix of zeros, of a row for each that takes part.
fn room<T: Float>(
    table: &Table,
    encodings: &[FeatureEncoding],
    loaded: &Loaded,
    dimensions: usize,
) -> Result<Vec<T>, Error> {
    let (rows, size) = (loaded.kept.len(), size_of::<T>());
    let mut out = Vec::new();
    let read =
        if loaded.held().count() < encodings.len() { columns_at_once() * size_of::<f64>() * table.rows() } else { 0 };
    let columns = loaded.held().map(Column::memory).sum::<u64>().saturating_add(read as u64);
    let wanted = (rows as u64).saturating_mul(dimensions as u64).saturating_mul(size as u64);
    let what = format_args!("the matrix of {rows} rows and {dimensions} dimensions");
    let held = table.memory().saturating_add(columns);
    table.limit.check(table.name(), what, held.saturating_add(wanted)).map_err(|error| {
        let wide = encodings.iter().any(|encoding| encoding.width() > 100);
        if wide {
            error.with_hint(text![
                &setting::EXCLUDE,
                " text columns with many categories, or raise ",
                &setting::MEMORY_LIMIT
            ])
        } else {
            error
        }
    })?;
    let cells =
        rows.checked_mul(dimensions).filter(|&cells| out.try_reserve_exact(cells).is_ok()).ok_or_else(|| {
            let name = table.name();
            Error::content(format!(
                "{name}: {rows} rows of {dimensions} dimensions of {size} bytes do not fit in memory"
            ))
            .with_hint(text![&setting::EXCLUDE, " text columns with many categories, or reduce the table in parts"])
        })?;
    out.resize(cells, T::default());
    Ok(out)
}

/// A column that is being filled in.
struct Filling<'a> {
    of: ColumnRef<'a>,
    encoding: &'a FeatureEncoding,
    column: &'a Column,
}

/// Fills columns into these rows of the matrix, from the first of the two dimensions on; the other is how many there are.
fn fill_block<T: Float>(
    columns: &[Filling<'_>],
    rows: &[FileRow],
    out: &mut [T],
    (mut offset, dimensions): (usize, usize),
) -> Result<(), Error> {
    let (zero, one) = (T::of(0.0), T::of(1.0));
    let longest = columns.iter().map(|filling| filling.encoding.width()).max().unwrap_or(0);
    let mut list = vec![0.0; longest];
    for Filling { of, encoding, column } in columns {
        let cells = rows.iter().copied().zip(out.chunks_exact_mut(dimensions));
        match (encoding, &column.values) {
            (FeatureEncoding::Number { scaler, fill }, Values::Number(v)) => {
                for (row, out) in cells {
                    let x = if v[row.index()].is_nan() { *fill } else { v[row.index()] };
                    out[offset] = T::of(finite(of, column, row, scaler.transform(x), x, T::MOST)?);
                }
            }
            (FeatureEncoding::Number { scaler, fill }, Values::Number32(v)) => {
                for (row, out) in cells {
                    let x = if v[row.index()].is_nan() { *fill } else { f64::from(v[row.index()]) };
                    out[offset] = T::of(finite(of, column, row, scaler.transform(x), x, T::MOST)?);
                }
            }
            (FeatureEncoding::Number { scaler, fill }, Values::Integer(v)) => {
                for (row, out) in cells {
                    let (x, exact) = integers::to_float(v[row.index()]);
                    let x = match column.is_missing(row.index()) {
                        true => *fill,
                        false if exact => x,
                        false => return Err(integers::inexact(of, row, v[row.index()])),
                    };
                    out[offset] = T::of(finite(of, column, row, scaler.transform(x), x, T::MOST)?);
                }
            }
            (FeatureEncoding::Integer { origin, scaler, fill }, Values::Integer(v)) => {
                for (row, out) in cells {
                    let missing = column.is_missing(row.index());
                    let x = if missing { *fill } else { integers::from_origin(v[row.index()], *origin) };
                    out[offset] = T::of(finite(of, column, row, scaler.transform(x), x, T::MOST)?);
                }
            }
            (FeatureEncoding::List { length, scalers, fills, .. }, Values::List(v)) if *length == v.length() => {
                for (row, out) in cells {
                    v.read(row.index(), &mut list[..*length]);
                    for (j, (out, &x)) in out[offset..].iter_mut().zip(&list[..*length]).enumerate() {
                        let x = if x.is_nan() { fills[j] } else { x };
                        let scaled = scalers.get(j).map_or(x, |scaler| scaler.transform(x));
                        *out = T::of(finite_in_list(of, (row, j), scaled, x, T::MOST)?);
                    }
                }
            }
            (FeatureEncoding::Boolean { fill }, Values::Boolean(v)) => {
                for (row, out) in cells {
                    let x = if column.is_missing(row.index()) { *fill } else { v[row.index()] };
                    out[offset] = if x { one } else { zero };
                }
            }
            (FeatureEncoding::OneHot { categories, fill }, Values::Text(v)) => {
                for (row, out) in cells {
                    let category = if column.is_missing(row.index()) {
                        *fill
                    } else {
                        categories
                            .binary_search_by(|name| name.as_str().cmp(v.get(row.index())))
                            .map_err(|_| unseen(of, column, row, categories))?
                    };
                    out[offset + category] = one;
                }
            }
            (encoding, _) => {
                let (file, name, kind) = (of.table.name(), shown(of.name), encoding.kind());
                return Err(Error::content(format!("{file}: column {name} holds {}, not {kind}", column.kind())));
            }
        }
        offset += encoding.width();
    }
    Ok(())
}

/// Scales every row to Euclidean length 1.
///
/// # Errors
/// A row of zeros, which has no direction.
pub(crate) fn scale_to_unit_length(
    table: &Table,
    loaded: &Loaded,
    dimensions: usize,
    values: &mut [f64],
) -> Result<(), Error> {
    for (values, &row) in values.chunks_exact_mut(dimensions).zip(&loaded.kept) {
        if !to_unit_length(values) {
            let (file, place) = (table.name(), table.place(row));
            return Err(Error::content(text![
                format!("{file}: {place}: all features are 0, so the row has no direction, which "),
                setting::SCALE.to(leanset_spec::Scale::Unit),
                " needs"
            ])
            .with_hint(text![
                "correct the row or leave it out of the file, or ",
                setting::SCALE.to(leanset_spec::Scale::None)
            ]));
        }
    }
    Ok(())
}
