//! Missing values: which rows take part, and what stands for a value that is not there.

use leanset_problem::{setting, text};

use crate::column::Column;
use crate::error::{Error, Warning, counted, shown};
use crate::row::FileRow;
use crate::table::Table;
use leanset_spec::Missing;

/// The rows that take part: all of them, or those without a missing value under [`Missing::Drop`].
///
/// Columns come with their positions in the table.
pub(crate) fn rows(
    table: &Table,
    features: &[(usize, &Column)],
    label: Option<(usize, &Column)>,
    missing: Missing,
) -> Result<Vec<FileRow>, Error> {
    let all = (0..u32::try_from(table.rows()).unwrap_or(u32::MAX)).map(FileRow);
    if missing == Missing::Drop {
        let flags: Vec<&Vec<bool>> =
            features.iter().chain(&label).filter_map(|(_, column)| column.missing.as_ref()).collect();
        let kept: Vec<FileRow> = all.filter(|row| !flags.iter().any(|flags| flags[row.index()])).collect();
        if kept.is_empty() {
            let message = format!("{}: every row has a missing value, so none is left", table.name());
            let emptiest = emptiest(table, features).join(", ");
            return Err(Error::content(message)
                .with_hint(text![&setting::EXCLUDE, format!(" the emptiest columns: {emptiest}")]));
        }
        return Ok(kept);
    }
    refuse_missing_label(table, label)?;
    if missing == Missing::Refuse {
        refuse_missing(table, features)?;
    }
    Ok(all.collect())
}

/// The position of the largest count, and of equal ones the first: what fills missing values that are no numbers.
pub(crate) fn most_frequent(counts: &[usize]) -> usize {
    (0..counts.len()).max_by_key(|&at| (counts[at], std::cmp::Reverse(at))).unwrap_or(0)
}

/// What is worth knowing of rows that were left out.
pub(crate) fn dropped(table: &Table, rows: usize) -> Option<Warning> {
    let message =
        format!("{}: {rows} of {} left out for missing values", table.name(), counted(table.rows(), "row", "rows"));
    let hint = text![setting::MISSING.to(Missing::Mean), " keeps them and fills what is missing"];
    (rows > 0).then(|| Warning::new("rows-dropped", message).hint(hint))
}

/// What is worth knowing of values that were filled.
pub(crate) fn filled<'a>(table: &Table, columns: impl Iterator<Item = &'a Column>) -> Option<Warning> {
    let holes: Vec<usize> = columns.map(Column::missing_count).filter(|&count| count > 0).collect();
    let (values, columns) =
        (counted(holes.iter().sum(), "missing value", "missing values"), counted(holes.len(), "column", "columns"));
    let message = format!("{}: {values} in {columns} filled with means and most frequent values", table.name());
    let hint = text![setting::MISSING.to(Missing::Drop), " leaves those rows out"];
    (!holes.is_empty()).then(|| Warning::new("values-filled", message).hint(hint))
}

/// Features with missing values and how many, the emptiest first, ten at most.
fn emptiest(table: &Table, features: &[(usize, &Column)]) -> Vec<String> {
    let mut holes: Vec<(usize, usize)> =
        features.iter().map(|&(index, column)| (column.missing_count(), index)).collect();
    holes.retain(|(count, _)| *count > 0);
    holes.sort_by_key(|&(count, index)| (std::cmp::Reverse(count), index));
    let more = holes.len().saturating_sub(10);
    let mut text: Vec<String> = holes
        .iter()
        .take(10)
        .map(|&(count, index)| format!("{} ({count})", shown(&table.columns()[index].name)))
        .collect();
    if more > 0 {
        text.push(format!("{more} more"));
    }
    text
}

/// The first row without a value.
fn first_missing(column: &Column) -> Option<FileRow> {
    column.missing.as_ref()?.iter().position(|&flag| flag).map(FileRow::at)
}

fn refuse_missing(table: &Table, features: &[(usize, &Column)]) -> Result<(), Error> {
    let first = features.iter().filter_map(|&(index, column)| Some((first_missing(column)?, index))).min();
    let Some((row, index)) = first else { return Ok(()) };
    let columns =
        counted(features.iter().filter(|(_, column)| column.missing_count() > 0).count(), "column", "columns");
    let (file, place, name) = (table.name(), table.place(row), shown(&table.columns()[index].name));
    let holes = emptiest(table, features).join(", ");
    // Without a single value there is no mean, and no row to keep.
    if let Some((index, column)) = features.iter().find(|(_, column)| column.missing_count() == table.rows()) {
        let empty = &table.columns()[*index].name;
        let all = counted(column.missing_count(), "row", "rows");
        return Err(Error::content(format!("{file}: column {} has no value in any of {all}", shown(empty)))
            .with_hint(text![setting::EXCLUDE.to(empty)]));
    }
    Err(Error::content(format!("{file}: missing values in {columns}: {holes}; the first is in {place}, column {name}"))
        .with_hint(text![
            setting::MISSING.to(Missing::Mean),
            " fills them, ",
            setting::MISSING.to(Missing::Drop),
            " leaves those rows out"
        ]))
}

fn refuse_missing_label(table: &Table, label: Option<(usize, &Column)>) -> Result<(), Error> {
    let Some((index, column)) = label else { return Ok(()) };
    let Some(row) = first_missing(column) else { return Ok(()) };
    let rows = counted(column.missing_count(), "row", "rows");
    let (file, place, name) = (table.name(), table.place(row), shown(&table.columns()[index].name));
    Err(Error::content(format!("{file}: label column {name} is missing in {rows}, the first is {place}"))
        .with_hint(text![setting::MISSING.to(Missing::Drop), " leaves those rows out"]))
}
