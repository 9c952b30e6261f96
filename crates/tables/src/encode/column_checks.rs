//! Columns of numbers with a bad cell among them.
//!
//! Such a column reads as text, and text becomes categories: one typing error would turn a measurement into hundreds of
//! dimensions in silence. Categories repeat and measurements rarely do. Where the numbers are many, or repeat too seldom to
//! be categories, the first cell that is not a number is an error. Where they are few and repeat (`0`, `1`, `0`, `3+`), it may
//! be a category, and is worth a warning.

use std::collections::HashSet;

use leanset_problem::{Text, setting, text};

use super::column_ref::ColumnRef;
use crate::column::{Column, Texts};
use crate::error::{Error, Warning, shown};
use crate::notation::{Role, number, trimmed};
use crate::row::FileRow;

/// A text feature with more different values than this is refused: it is a name of the row, not a property.
pub const MAX_CATEGORIES: usize = 1_000;

/// More different numbers than this are a measurement, however often they repeat.
const MOST_CATEGORIES: usize = 20;
/// Numbers that are categories are in at least this many rows each, on average.
const ROWS_PER_CATEGORY: usize = 3;

/// Whether so many different numbers in so many rows are rather a measurement than categories.
pub(crate) fn is_measurement(different: usize, numbers: usize) -> bool {
    different > MOST_CATEGORIES || different * ROWS_PER_CATEGORY > numbers
}

/// Looks for words in a text column that mostly holds numbers.
pub(crate) fn words_among_numbers(
    of: &ColumnRef<'_>,
    column: &Column,
    texts: &Texts,
    rows: &[FileRow],
) -> Result<Option<Warning>, Error> {
    let (mut numbers, mut different, mut words, mut first) = (0, HashSet::new(), 0, None);
    let mut markers = HashSet::new();
    for &row in rows.iter().filter(|row| !column.is_missing(row.index())) {
        let text = trimmed(texts.get(row.index()));
        // In any notation; a number with a unit may be a word.
        if text.parse::<f64>().is_ok() || number(text).is_some_and(|number| number.role != Role::Unit) {
            numbers += 1;
            if different.len() <= MOST_CATEGORIES {
                different.insert(text);
            }
        } else {
            words += 1;
            first.get_or_insert(row);
            markers.insert(text);
        }
    }
    let Some(row) = first.filter(|_| numbers > words) else { return Ok(None) };
    let (file, place, name, value) = (of.table.name(), of.place(row), shown(of.name), of.show(row, column));
    let values = if numbers == 1 { "1 value is" } else { &format!("{numbers} values are") };
    let what = format!("{file}: {place}, column {name}: {value} is not a number, and {values}");
    if is_measurement(different.len(), numbers) {
        // One word that comes again and again stands for a missing value.
        let mut hint = match (markers.len(), words) {
            (1, 2..) => text![
                setting::MISSING_VALUES.to(trimmed(texts.get(row.index()))),
                " if it stands for a missing value, or ",
                setting::EXCLUDE.to(of.name)
            ],
            (1, _) if !markers.iter().any(|word| word.bytes().any(|b| b.is_ascii_digit())) => text![
                "correct the value, or ",
                setting::MISSING_VALUES.to(trimmed(texts.get(row.index()))),
                " if it stands for a missing value, or ",
                setting::EXCLUDE.to(of.name)
            ],
            _ => text!["correct the value, leave it empty (missing), or ", setting::EXCLUDE.to(of.name)],
        };
        if words > 1 {
            hint = hint.text(format!("; {words} values are no numbers"));
        }
        return Err(Error::content(what).with_hint(hint));
    }
    let hint = Text::from(format!("correct the value if {name} is a measurement"));
    Ok(Some(Warning::new("words-among-numbers", what + ": all are taken as categories").hint(hint)))
}
