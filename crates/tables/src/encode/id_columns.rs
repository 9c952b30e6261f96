//! Columns that name rows rather than measure them: by their name, or because their integers are all distinct.

use std::collections::HashSet;

use leanset_problem::{setting, text};

use super::column_checks::MAX_CATEGORIES;
use super::column_ref::ColumnRef;
use crate::column::{Column, Kind, Values};
use crate::error::{Error, Warning, listed, shown};
use crate::notation::is_day_of_digits;
use crate::table::Table;

/// Words that end the name of an id.
const WORDS: [&str; 6] = ["id", "idx", "uuid", "guid", "uid", "rowid"];
/// Names of row numbers. (`index` alone is one; an index of something, such as `heat_index`, is a measurement.)
const NAMES: [&str; 8] = ["index", "row_index", "row_number", "rownum", "row_num", "row_nr", "unnamed: 0", "level_0"];
/// Fewer integers than this count up by chance.
const LEAST_COUNTED: usize = 10;
/// Fewer different integers may look like days by chance.
const LEAST_DAYS: usize = 5;

/// Whether a name is that of an id: `id`, `image_id`, `imageId`, `index`.
pub(crate) fn is_id_name(name: &str) -> bool {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for c in name.trim().chars() {
        // A word ends at a separator, and where a capital follows a small letter.
        if !c.is_alphanumeric() || (c.is_uppercase() && before_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        before_lower = c.is_lowercase();
    }
    let last = words.iter().rfind(|word| !word.is_empty()).map_or("", String::as_str);
    WORDS.contains(&last) || NAMES.contains(&name.trim().to_lowercase().as_str())
}

/// Whether the first column is an index without a name, as pandas and R write it: it numbers the rows from 0 or 1 on, and the
/// header has nothing for it, or `Unnamed: 0` once pandas has read and written it again.
pub(crate) fn is_unnamed_index(table: &Table, index: usize) -> bool {
    let unnamed = table.unnamed.contains(&index) || table.columns()[index].name == "Unnamed: 0";
    if index != 0 || !unnamed || table.columns().len() < 2 || table.columns()[index].kind != Kind::Integer {
        return false;
    }
    let Ok(column) = table.column(index) else { return false };
    let Values::Integer(v) = &column.values else { return false };
    let counts = |first: i64| v.iter().zip(first..).all(|(&x, expected)| x == expected);
    column.missing.is_none() && (counts(0) || counts(1))
}

/// What a column beside lists is, when nobody said which columns are features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// It names rows, holds texts that are no categories, or one value: no feature.
    Carried,
    /// It could be a feature.
    Feature,
}

/// Looks at a column beside lists.
pub(crate) fn beside_lists(table: &Table, index: usize) -> Beside {
    if is_id_name(&table.columns()[index].name) {
        return Beside::Carried;
    }
    // Values that cannot be read are no feature.
    let Ok(column) = table.column(index) else { return Beside::Carried };
    let present = || (0..column.len()).filter(|&row| !column.is_missing(row));
    let carried = match &column.values {
        Values::Integer(v) => {
            let distinct: HashSet<i64> = present().map(|row| v[row]).collect();
            distinct.len() < 2 || distinct.len() == present().count()
        }
        Values::Text(v) => {
            let distinct: HashSet<&str> = present().map(|row| v.get(row)).collect();
            distinct.len() < 2 || distinct.len() > MAX_CATEGORIES || distinct.len() == present().count()
        }
        Values::Boolean(v) => present().all(|row| v[row]) || present().all(|row| !v[row]),
        Values::Number(v) => all_equal(present().map(|row| v[row])),
        Values::Number32(v) => all_equal(present().map(|row| f64::from(v[row]))),
        Values::List(_) => false,
    };
    if carried { Beside::Carried } else { Beside::Feature }
}

fn all_equal(mut values: impl Iterator<Item = f64>) -> bool {
    let Some(first) = values.next() else { return true };
    values.all(|x| x == first)
}

/// Which of the columns is a feature is not known: lists and others are there, and nobody said which.
pub(crate) fn ask(table: &Table, lists: &[usize], others: &[usize]) -> Error {
    let names = |columns: &[usize]| columns.iter().map(|&i| table.columns()[i].name.as_str()).collect::<Vec<_>>();
    let (lists, others) = (names(lists), names(others));
    let (of_lists, of_others) = (listed(&lists, 5), listed(&others, 5));
    let which = |lists: &[&str], others: &[&str]| setting::FEATURES.to([lists, others].concat().join(","));
    let (noun, verb) = if lists.len() == 1 { ("column", "holds") } else { ("columns", "hold") };
    Error::request(format!(
        "{}: {noun} {of_lists} {verb} lists of numbers, as embeddings do, and there are other features: {of_others}",
        table.name()
    ))
    .with_hint(text![
        which(&lists, &[]),
        " computes distances from the lists alone; ",
        which(&lists, &others),
        " from all"
    ])
}

/// What is worth knowing of a column of integers that is a feature because nobody said which columns are.
pub(crate) fn warn_of_id(of: &ColumnRef<'_>, column: &Column) -> Option<Warning> {
    let Values::Integer(v) = &column.values else { return None };
    let counts = |first: i64| v.iter().zip(first..).all(|(&x, expected)| x == expected);
    let name = shown(of.name);
    let what = if is_id_name(of.name) {
        format!("column {name} is named like an id and is used for distances")
    } else if v.len() >= LEAST_COUNTED && column.missing.is_none() && (counts(0) || counts(1)) {
        format!("column {name} numbers the rows from {} on and is used for distances", v[0])
    } else {
        return None;
    };
    Some(Warning::new("id-like-column", what).hint(text![
        "if it does not measure anything: ",
        setting::EXCLUDE.to(of.name),
        ", or ",
        setting::ID.to(of.name)
    ]))
}

/// What is said of a column of integers that are days, as 20241231: as numbers, the ends of months are far apart.
pub(crate) fn warn_of_days(of: &ColumnRef<'_>, column: &Column) -> Option<Warning> {
    let Values::Integer(v) = &column.values else { return None };
    let present = || (0..v.len()).filter(|&row| !column.is_missing(row)).map(|row| v[row]);
    let first = present().next()?;
    // Of other numbers of eight digits about one in thirty is a day.
    if !present().all(is_day_of_digits) || present().take(10_000).collect::<HashSet<_>>().len() < LEAST_DAYS {
        return None;
    }
    let name = shown(of.name);
    let message =
        format!("column {name} holds dates as integers, such as {first}: distances are those of the integers");
    Some(
        Warning::new("dates-as-integers", message)
            .hint(text![setting::EXCLUDE.to(of.name), ", or write them as 2024-12-31 to measure in days"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_names_end_in_a_word_for_ids() {
        for name in
            ["id", "ID", " Id ", "image_id", "imageId", "PatientID", "doc-idx", "sample uuid", "index", "Unnamed: 0"]
        {
            assert!(is_id_name(name), "{name}");
        }
        for name in ["acid", "grid", "width", "heat_index", "idea", "identity", "humid", "id_card_length", "", "_"] {
            assert!(!is_id_name(name), "{name}");
        }
    }
}
