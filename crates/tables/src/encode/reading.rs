//! What the texts of a feature are: words, numbers in some notation, or dates.
//!
//! One-hot encoding would make a distance of 0 or 1 of every difference between two numbers, so numbers as text are read as
//! numbers, and a warning says so. Where the column does not tell its notation, the user must. Dates are features only by
//! name: then they count as days.

use std::collections::HashSet;

use leanset_problem::{Text, setting, text};
use leanset_spec::{Columns, DecimalMark};

use super::column_checks::is_measurement;
use super::column_ref::ColumnRef;
use crate::column::{Column, Kind, Texts, Values};
use crate::error::{Error, Warning, counted, shown};
use crate::format::is_text;
use crate::notation::{DateOrder, Notation, Role, Tally, Verdict, date_orders, days, number, trimmed};
use crate::row::FileRow;
use crate::source::not_a;
use crate::table::Table;

/// How the values of a column are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Reading {
    /// As they are.
    #[default]
    Typed,
    /// Texts that are numbers.
    Numbers(Notation),
    /// Dates that are days.
    Days(DateOrder),
}

/// What the texts of a column are.
pub(crate) enum Found {
    /// Words: categories.
    Words,
    /// Numbers or, if the user named the column, days.
    Read(Reading),
    /// Dates that nobody named.
    Dates,
}

/// The kind as which a feature column is read, if nothing is known of it yet.
pub(crate) fn kind_wanted(table: &Table, index: usize, categorical: bool, options: &Columns) -> Kind {
    match &table.columns()[index].kind {
        _ if categorical => Kind::Text,
        // `1.234` is a number to programs, and another one with a decimal comma.
        Kind::Number if options.decimal == Some(DecimalMark::Comma) && is_text(table.format()) => Kind::Text,
        Kind::Date => Kind::Text,
        kind => kind.clone(),
    }
}

impl Reading {
    /// The kind as which a column of another table is read.
    pub(crate) fn kind_wanted(&self, table: &Table, index: usize, encoded: Kind) -> Kind {
        match self {
            Self::Typed => encoded,
            Self::Numbers(_) if table.columns()[index].kind == Kind::Text || is_text(table.format()) => Kind::Text,
            Self::Numbers(_) => Kind::Number,
            Self::Days(_) => Kind::Text,
        }
    }

    /// The numbers that the texts of a column are.
    pub(crate) fn apply(&self, of: &ColumnRef<'_>, column: Column) -> Result<Column, Error> {
        let Values::Text(texts) = &column.values else { return Ok(column) };
        let read = |row: usize| match self {
            Self::Typed => None,
            Self::Numbers(notation) => of.number(row).or_else(|| notation.read(texts.get(row))),
            Self::Days(order) => days(texts.get(row), *order),
        };
        if *self == Self::Typed {
            return Ok(column);
        }
        let mut values = Vec::with_capacity(column.len());
        for row in 0..column.len() {
            values.push(if column.is_missing(row) {
                f64::NAN
            } else {
                read(row).ok_or_else(|| {
                    let place = of.place(FileRow::at(row));
                    not_a(of.table.name(), &place, of.name, texts.get(row), &Kind::Number)
                })?
            });
        }
        Ok(Column { values: Values::Number(values), missing: column.missing })
    }
}

/// Finds out what the texts of a column are. `named` says that the user named the column as a feature.
pub(crate) fn find(
    of: &ColumnRef<'_>,
    column: &Column,
    texts: &Texts,
    decimal: Option<DecimalMark>,
    named: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Found, Error> {
    let before = warnings.len();
    let found = found(of, column, texts, decimal, named, warnings)?;
    if matches!(found, Found::Words) && warnings.len() == before {
        warnings.extend(unread_numbers(of, column, texts));
    }
    Ok(found)
}

/// What is said of texts that begin with numbers, are none in a known notation, and differ too much to be categories: `3/8`,
/// `0x1f`, `10-15`, `3±0.1`.
fn unread_numbers(of: &ColumnRef<'_>, column: &Column, texts: &Texts) -> Option<Warning> {
    let begins = |text: &str| {
        let number = text.trim_start_matches(|c: char| {
            matches!(c, '\'' | '"' | '`' | '<' | '>' | '≤' | '≥' | '=' | '~' | '±' | '(')
        });
        number.trim_start_matches(['+', '-', '\u{2212}', '.', ',', ' ']).starts_with(|c: char| c.is_ascii_digit())
    };
    let rows = || (0..column.len()).filter(|&row| !column.is_missing(row) && of.number(row).is_none());
    let first = rows().next()?;
    // Where most are numbers, `column_checks` names the others.
    let read = rows().filter(|&row| number(texts.get(row)).is_some_and(|number| number.role != Role::Unit)).count();
    if 2 * read > rows().count() || !rows().all(|row| begins(trimmed(texts.get(row)))) || !measures(texts, &mut rows())
    {
        return None;
    }
    let (name, value) = (shown(of.name), shown(trimmed(texts.get(first))));
    let message = format!(
        "column {name} holds texts with numbers that are not read, such as {value}: they are taken as categories, of which \
         any two are equally far apart"
    );
    let hint = text![
        "store the numbers alone if they measure something, or ",
        setting::EXCLUDE.to(of.name),
        ", or ",
        setting::CATEGORICAL.to(of.name),
        " if they are names"
    ];
    Some(Warning::new("text-numbers", message).hint(hint))
}

fn found(
    of: &ColumnRef<'_>,
    column: &Column,
    texts: &Texts,
    decimal: Option<DecimalMark>,
    named: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Found, Error> {
    let rows = || (0..column.len()).filter(|&row| !column.is_missing(row));
    let Some(first) = rows().find(|&row| of.number(row).is_none()) else { return Ok(Found::Words) };
    if date_orders(texts.get(first)) != 0 {
        return dates(of, texts, &mut rows(), named);
    }
    let mut tally = Tally::new(decimal);
    let (mut typed, mut count) = (0, 0);
    for row in rows() {
        if of.number(row).is_some() {
            typed += 1;
            continue;
        }
        count += 1;
        match number(texts.get(row)) {
            Some(number) => tally.see(row, &number),
            // A column with words: `column_checks` looks at it.
            None => return Ok(Found::Words),
        }
    }
    let agree = |a, b| {
        rows()
            .filter(|&row| of.number(row).is_none())
            .filter_map(|row| number(texts.get(row)))
            .all(|n| n.value(a) == n.value(b))
    };
    let names = || text![", or ", setting::CATEGORICAL.to(of.name), " if they are names"];
    let cell = |row: usize| {
        let (file, place, name) = (of.table.name(), of.place(FileRow::at(row)), shown(of.name));
        (format!("{file}: {place}, column {name}"), shown(trimmed(texts.get(row))))
    };
    match tally.verdict(agree) {
        // A unit beside some numbers, as of a typing error: these cells are words.
        Verdict::Mixed(_) if tally.units => Ok(Found::Words),
        Verdict::One(notation) => {
            if notation.role == Role::Unit && !measures(texts, &mut rows()) {
                return Ok(Found::Words);
            }
            if notation.is_plain()
                && !is_text(of.table.format())
                && let Some(row) = rows().find(|&row| of.number(row).is_none() && is_code(texts.get(row)))
            {
                let (name, value) = (shown(of.name), shown(texts.get(row)));
                let message = format!(
                    "text column {name} holds numbers with zeros in front, such as {value}: they are taken as categories"
                );
                let hint = text![
                    "store the column as numbers if it measures something, or ",
                    setting::CATEGORICAL.to(of.name)
                ];
                warnings.push(Warning::new("text-numbers", message).hint(hint));
                return Ok(Found::Words);
            }
            // What the user said of the decimal mark needs no repeating.
            if decimal.is_none() || notation.role != Role::Nothing || typed > 0 {
                warnings.push(read_as(of, texts, first, &notation, (typed, count)));
            }
            Ok(Found::Read(Reading::Numbers(notation)))
        }
        Verdict::Ambiguous => {
            let (place, value) = cell(first_with_comma(texts, rows()).unwrap_or(first));
            let message = text![format!(
                "{place}: {value} is a number with a comma between thousands or with a decimal comma, and the column does not tell which"
            )];
            let hint = text![
                setting::DECIMAL.to("."),
                " if the comma is between thousands, ",
                setting::DECIMAL.to(","),
                " if it is the decimal mark"
            ];
            Err(Error::content(message).with_hint(hint.append(names())))
        }
        Verdict::Mixed(row) => {
            let (place, value) = cell(row);
            let (message, hint) = match decimal {
                Some(mark) => {
                    let message = text![format!("{place}: {value} is no number with "), setting::DECIMAL.to(mark)];
                    (message, text!["write it so, or ", setting::EXCLUDE.to(of.name)])
                }
                None => {
                    let (other, example) = cell(tally.first());
                    let other = other
                        .split(", column")
                        .next()
                        .unwrap_or_default()
                        .rsplit(": ")
                        .next()
                        .unwrap_or_default()
                        .to_owned();
                    let message = format!("{place}: {value} is a number in another notation than {example} in {other}");
                    (
                        Text::from(message),
                        text!["write all numbers of the column alike, or ", setting::EXCLUDE.to(of.name)],
                    )
                }
            };
            Err(Error::content(message).with_hint(hint.append(names())))
        }
        Verdict::Beside(row) => {
            let (place, value) = cell(row);
            let example = shown(trimmed(texts.get(tally.first())));
            if tally.units {
                if measures(texts, &mut rows()) {
                    let message = format!(
                        "column {} holds numbers with units that differ, such as {example} and {value}: they are taken as categories",
                        shown(of.name)
                    );
                    let hint = text!["convert them to one unit, or ", setting::EXCLUDE.to(of.name)].append(names());
                    warnings.push(Warning::new("text-numbers", message).hint(hint));
                }
                return Ok(Found::Words);
            }
            let message =
                format!("{place}: {value} has another percent sign or currency beside its number than {example}");
            let hint = text!["convert the numbers of the column to one unit, or ", setting::EXCLUDE.to(of.name)];
            Err(Error::content(message).with_hint(hint.append(names())))
        }
    }
}

/// A number whose zeros in front are part of it, as in codes.
fn is_code(text: &str) -> bool {
    matches!(trimmed(text).as_bytes(), [b'0', b'0'..=b'9', ..])
}

fn first_with_comma(texts: &Texts, mut rows: impl Iterator<Item = usize>) -> Option<usize> {
    rows.find(|&row| texts.get(row).contains(','))
}

/// Whether so many different texts are too many for categories.
fn measures(texts: &Texts, rows: &mut dyn Iterator<Item = usize>) -> bool {
    let (mut different, mut count) = (HashSet::new(), 0);
    for row in rows {
        count += 1;
        different.insert(texts.get(row));
    }
    is_measurement(different.len(), count)
}

/// What is said of numbers that were read from text.
fn read_as(
    of: &ColumnRef<'_>,
    texts: &Texts,
    first: usize,
    notation: &Notation,
    (typed, count): (usize, usize),
) -> Warning {
    let (name, shown_value) = (shown(of.name), shown(trimmed(texts.get(first))));
    let value = notation.read(texts.get(first)).unwrap_or(f64::NAN);
    let how = if notation.is_plain() { String::new() } else { format!(" with {}", notation.words()) };
    let message = if typed > 0 {
        let cells = counted(count, "cell of text", "cells of text");
        let place = of.place(FileRow::at(first));
        format!(
            "column {name} holds {cells} among numbers, the first in {place}: {shown_value} is read as {value}{how}"
        )
    } else {
        format!("column {name} holds numbers as text{how}: {shown_value} is read as {value}")
    };
    Warning::new("text-numbers", message).hint(text![setting::CATEGORICAL.to(of.name), " if they are names"])
}

fn dates(
    of: &ColumnRef<'_>,
    texts: &Texts,
    rows: &mut dyn Iterator<Item = usize>,
    named: bool,
) -> Result<Found, Error> {
    let (mut orders, mut example) = (7, 0);
    for row in rows {
        orders &= date_orders(texts.get(row));
        example = row;
        if orders == 0 {
            return Ok(Found::Words);
        }
    }
    if !named {
        return Ok(Found::Dates);
    }
    let known = [DateOrder::YearFirst, DateOrder::DayFirst, DateOrder::MonthFirst];
    let mut left = known.into_iter().filter(|&order| orders & order as u8 != 0);
    match (left.next(), left.next()) {
        (Some(order), None) => Ok(Found::Read(Reading::Days(order))),
        _ => {
            let (file, place, name) = (of.table.name(), of.place(FileRow::at(example)), shown(of.name));
            let value = shown(texts.get(example));
            let message = format!(
                "{file}: {place}, column {name}: {value} is a date that begins with a day or with a month, and the column does not tell which"
            );
            Err(Error::content(message)
                .with_hint(text!["write dates as 2024-12-31, or ", setting::EXCLUDE.to(of.name)]))
        }
    }
}

/// The numbers that the texts of a label are, if all are numbers in one notation.
pub(crate) fn numbers_of_label(of: &ColumnRef<'_>, column: &Column, decimal: Option<DecimalMark>) -> Option<Reading> {
    let Values::Text(texts) = &column.values else { return None };
    let mut tally = Tally::new(decimal);
    let rows = || (0..column.len()).filter(|&row| !column.is_missing(row) && of.number(row).is_none());
    for row in rows() {
        tally.see(row, &number(texts.get(row))?);
    }
    let agree = |a, b| rows().filter_map(|row| number(texts.get(row))).all(|n| n.value(a) == n.value(b));
    match tally.verdict(agree) {
        Verdict::One(notation) if notation.role != Role::Unit => Some(Reading::Numbers(notation)),
        _ => None,
    }
}
