//! The matrix of an encoding, filled from its columns.

use leanset_problem::{setting, text};

use super::column_ref::ColumnRef;
use super::columns::Loaded;
use super::feature::{FeatureEncoding, finite, finite_in_list, integers, unseen};
use crate::column::{Column, Values};
use crate::error::{Error, shown};
use crate::row::FileRow;
use crate::table::Table;
use leanset_core::distance::to_unit_length;
use rayon::prelude::*;

/// The matrix, in blocks of rows so that a block stays in cache while the columns go over it.
/// No value is above `limit`.
pub(crate) fn fill<T>(
    table: &Table,
    encodings: &[FeatureEncoding],
    loaded: &Loaded,
    limit: f64,
    cast: impl Fn(f64) -> T + Sync,
) -> Result<Vec<T>, Error>
where
    T: Copy + Default + Send + Sync,
{
    const BLOCK: usize = 256;
    let dimensions = encodings.iter().map(FeatureEncoding::width).sum::<usize>();
    let (rows, size) = (loaded.kept.len(), size_of::<T>());
    let mut out = Vec::new();
    let columns: u64 =
        loaded.columns.iter().chain(loaded.label.as_ref().map(|(_, label)| label)).map(Column::memory).sum();
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
    let (zero, one) = (cast(0.0), cast(1.0));
    let fill_block = |(rows, out): (&[FileRow], &mut [T])| -> Result<(), Error> {
        let mut list = vec![0.0; dimensions];
        let mut offset = 0;
        for ((encoding, column), &index) in encodings.iter().zip(&loaded.columns).zip(&loaded.indices) {
            let of = ColumnRef::new(table, index);
            let cells = rows.iter().copied().zip(out.chunks_exact_mut(dimensions));
            match (encoding, &column.values) {
                (FeatureEncoding::Number { scaler, fill }, Values::Number(v)) => {
                    for (row, out) in cells {
                        let x = if v[row.index()].is_nan() { *fill } else { v[row.index()] };
                        out[offset] = cast(finite(&of, column, row, scaler.transform(x), x, limit)?);
                    }
                }
                (FeatureEncoding::Number { scaler, fill }, Values::Number32(v)) => {
                    for (row, out) in cells {
                        let x = if v[row.index()].is_nan() { *fill } else { f64::from(v[row.index()]) };
                        out[offset] = cast(finite(&of, column, row, scaler.transform(x), x, limit)?);
                    }
                }
                (FeatureEncoding::Number { scaler, fill }, Values::Integer(v)) => {
                    for (row, out) in cells {
                        let (x, exact) = integers::to_float(v[row.index()]);
                        let x = match column.is_missing(row.index()) {
                            true => *fill,
                            false if exact => x,
                            false => return Err(integers::inexact(&of, row, v[row.index()])),
                        };
                        out[offset] = cast(finite(&of, column, row, scaler.transform(x), x, limit)?);
                    }
                }
                (FeatureEncoding::Integer { origin, scaler, fill }, Values::Integer(v)) => {
                    for (row, out) in cells {
                        let missing = column.is_missing(row.index());
                        let x = if missing { *fill } else { integers::from_origin(v[row.index()], *origin) };
                        out[offset] = cast(finite(&of, column, row, scaler.transform(x), x, limit)?);
                    }
                }
                (FeatureEncoding::List { length, scalers, fills, .. }, Values::List(v)) if *length == v.length() => {
                    for (row, out) in cells {
                        v.read(row.index(), &mut list[..*length]);
                        for (j, (out, &x)) in out[offset..].iter_mut().zip(&list[..*length]).enumerate() {
                            let x = if x.is_nan() { fills[j] } else { x };
                            let scaled = scalers.get(j).map_or(x, |scaler| scaler.transform(x));
                            *out = cast(finite_in_list(&of, (row, j), scaled, x, limit)?);
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
                                .map_err(|_| unseen(&of, column, row, categories))?
                        };
                        out[offset + category] = one;
                    }
                }
                (encoding, _) => {
                    let (file, name, kind) = (table.name(), shown(of.name), encoding.kind());
                    return Err(Error::content(format!("{file}: column {name} holds {}, not {kind}", column.kind())));
                }
            }
            offset += encoding.width();
        }
        Ok(())
    };
    let blocks = loaded.kept.par_chunks(BLOCK).zip(out.par_chunks_mut(BLOCK * dimensions.max(1)));
    // The error of the first row that has one, for any number of threads.
    blocks.map(fill_block).collect::<Vec<_>>().into_iter().collect::<Result<(), Error>>()?;
    Ok(out)
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
