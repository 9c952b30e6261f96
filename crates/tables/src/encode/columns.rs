//! Which columns of a table are features, and their values with the rows that take part.

use std::borrow::Cow;

use leanset_problem::{setting, text};

use super::id_columns::{self, Beside};
use super::impute;
use super::names::{self, Named};
use crate::column::{Column, ColumnInfo, Kind};
use crate::error::{Error, Warning, listed, shown};
use crate::row::FileRow;
use crate::source::ExactIn32Bits;
use crate::table::{Table, UnusableLists};
use leanset_spec::{Columns, Missing};

/// The columns of an encoding, read.
pub(crate) struct Loaded {
    pub(crate) features: Vec<Feature>,
    pub(crate) label: Option<(usize, Column)>,
    /// Rows that take part.
    pub(crate) kept: Vec<FileRow>,
    /// Rows left out for missing values.
    pub(crate) dropped: usize,
}

/// A feature column.
pub(crate) struct Feature {
    /// Its position in the table.
    pub(crate) index: usize,
    pub(crate) values: FeatureValues,
}

/// Where the values of a feature column are.
pub(crate) enum FeatureValues {
    /// Here.
    Held(Column),
    /// In the file, from which they are read whenever they are needed, as this kind. None is missing.
    InFile(Kind),
}

impl Feature {
    /// The column, if its values are here.
    pub(crate) fn held(&self) -> Option<&Column> {
        match &self.values {
            FeatureValues::Held(column) => Some(column),
            FeatureValues::InFile(_) => None,
        }
    }

    /// The values, from the file if they are there.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub(crate) fn column(&self, table: &Table) -> Result<Cow<'_, Column>, Error> {
        match &self.values {
            FeatureValues::Held(column) => Ok(Cow::Borrowed(column)),
            FeatureValues::InFile(kind) => table.column_as(self.index, kind).map(Cow::Owned),
        }
    }
}

/// A column of a table, by position, and its values.
pub(crate) type Placed = (usize, Column);

/// Reads features and label in one pass, but for columns that stay in their file.
pub(crate) fn read(
    table: &Table,
    wanted: &[(usize, Kind)],
    label: Option<(usize, Kind)>,
) -> Result<(Vec<Feature>, Option<Placed>), Error> {
    let stays = |(index, kind): &(usize, Kind)| table.stays_in_file(*index, kind);
    let mut now: Vec<(usize, Kind)> = wanted.iter().filter(|wanted| !stays(wanted)).cloned().collect();
    now.extend(label.clone());
    let width = |(index, kind): &(usize, Kind)| match kind {
        Kind::Boolean => 1,
        Kind::List(length) => table.list_width(*index, *length),
        Kind::Number if table.exact_in_32_bits(*index) == Some(ExactIn32Bits::Float) => 4,
        _ => 8,
    };
    let bytes = (table.rows() as u64).saturating_mul(now.iter().map(width).fold(0, u64::saturating_add));
    let what = format_args!("the table with its {} columns as numbers", wanted.len() + usize::from(label.is_some()));
    table.limit.check(table.name(), what, table.memory().saturating_add(bytes))?;
    let mut columns = table.read_columns(&now)?;
    let label = label.and_then(|(index, _)| columns.pop().map(|column| (index, column)));
    let mut columns = columns.into_iter();
    let features = wanted.iter().filter_map(|wanted| {
        let (index, kind) = wanted.clone();
        let values = if stays(wanted) { FeatureValues::InFile(kind) } else { FeatureValues::Held(columns.next()?) };
        Some(Feature { index, values })
    });
    Ok((features.collect(), label))
}

impl Loaded {
    /// Decides which rows take part.
    pub(crate) fn new(
        table: &Table,
        features: Vec<Feature>,
        label: Option<Placed>,
        missing: Missing,
    ) -> Result<Self, Error> {
        // Nothing is missing in the others.
        let held: Vec<(usize, &Column)> =
            features.iter().filter_map(|feature| Some((feature.index, feature.held()?))).collect();
        let kept = impute::rows(table, &held, label.as_ref().map(|(index, column)| (*index, column)), missing)?;
        let dropped = table.rows() - kept.len();
        Ok(Self { features, label, kept, dropped })
    }

    /// Columns whose values are here.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Column> {
        self.features.iter().filter_map(Feature::held)
    }
}

/// A column that is to be a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) index: usize,
    /// Whether the user named it.
    pub(crate) named: bool,
    /// Whether its values are names, whatever they look like.
    pub(crate) categorical: bool,
}

/// The columns whose values are names, whatever they look like.
fn categorical(table: &Table, options: &Columns) -> Result<Vec<bool>, Error> {
    let mut categorical = vec![false; table.columns().len()];
    names::resolve(table, &options.categorical)?.iter().for_each(|named| categorical[named.index] = true);
    Ok(categorical)
}

/// Whether the label's values are names, whatever they look like.
pub(crate) fn label_is_categorical(table: &Table, options: &Columns, label: usize) -> Result<bool, Error> {
    Ok(categorical(table, options)?[label])
}

/// The feature columns.
pub(crate) fn choose(table: &Table, options: &Columns, warnings: &mut Vec<Warning>) -> Result<Vec<Chosen>, Error> {
    let file = table.name();
    let label = options.label.as_deref().map(|name| table.position(name)).transpose()?;
    let id = options.id.as_deref().map(|name| table.position(name)).transpose()?;
    if let (Some(label), true) = (label, label == id) {
        let name = shown(&table.columns()[label].name);
        return Err(Error::request(format!("{file}: column {name} cannot be both label and id")));
    }
    let categorical = categorical(table, options)?;
    let mut excluded = vec![false; table.columns().len()];
    names::resolve(table, &options.exclude)?.iter().for_each(|named| excluded[named.index] = true);
    let role = |index| match index {
        _ if Some(index) == label => Some("label"),
        _ if Some(index) == id => Some("id"),
        _ => None,
    };
    let chosen = match &options.features {
        Some(features) => named(table, features, &role, &excluded, &categorical, warnings)?,
        None => {
            let others = (0..table.columns().len()).filter(|&index| !excluded[index] && role(index).is_none());
            unnamed(table, &others.collect::<Vec<_>>(), &categorical, warnings)?
                .into_iter()
                .map(|index| Chosen { index, named: false, categorical: categorical[index] })
                .collect()
        }
    };
    for &Chosen { index, .. } in chosen.iter().filter(|chosen| table.unnamed.contains(&chosen.index)) {
        let name = &table.columns()[index].name;
        let number = index + 1;
        let message = format!("column {number} has no name in the header and is used for distances as '{name}'");
        let hint = text!["if it is an index, as pandas writes: ", setting::EXCLUDE.to(name)];
        warnings.push(Warning::new("unnamed-column", message).hint(hint));
    }
    if let Some((index, what)) =
        table.mixed.iter().find(|(index, _)| chosen.iter().any(|chosen| chosen.index == *index && !chosen.categorical))
    {
        let name = &table.columns()[*index].name;
        return Err(Error::content(format!("{file}: {what}"))
            .with_hint(text!["write it in one way, or ", setting::EXCLUDE.to(name)]));
    }
    if chosen.is_empty() {
        return Err(nothing_left(table));
    }
    Ok(chosen)
}

/// The columns that the user names; of those of a pattern, the ones that can be features.
fn named(
    table: &Table,
    features: &[String],
    role: &dyn Fn(usize) -> Option<&'static str>,
    excluded: &[bool],
    categorical: &[bool],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Chosen>, Error> {
    let file = table.name();
    let mut chosen = Vec::new();
    let mut taken = vec![false; table.columns().len()];
    for Named { index, by_pattern } in names::resolve(table, features)? {
        let column = &table.columns()[index];
        let name = shown(&column.name);
        if by_pattern {
            if role(index).is_some() || excluded[index] || taken[index] {
                continue;
            }
            if !categorical[index]
                && let Some(warning) = carried(table, index)
            {
                warnings.push(warning);
                continue;
            }
        }
        if let Some(role) = role(index) {
            return Err(Error::request(format!("{file}: column {name} is the {role} and cannot be a feature"))
                .with_hint(text!["leave it out of ", &setting::FEATURES]));
        }
        if taken[index] {
            return Err(Error::request(format!("{file}: column {name} is listed twice as a feature")));
        }
        if excluded[index] {
            continue;
        }
        if let Some(lists) = table.unusable_lists.iter().find(|lists| lists.column == index) {
            return Err(unusable(table, lists));
        }
        if let (Kind::Other(what), false) = (&column.kind, categorical[index]) {
            return Err(Error::request(format!("{file}: column {name} ({what}) cannot be a feature"))
                .with_hint(text!["make it a number first, or leave it out of ", &setting::FEATURES]));
        }
        taken[index] = true;
        chosen.push(Chosen { index, named: !by_pattern, categorical: categorical[index] });
    }
    Ok(chosen)
}

/// What is said of a column that is no feature unless the user names it, if it is one.
fn carried(table: &Table, index: usize) -> Option<Warning> {
    let column = &table.columns()[index];
    match &column.kind {
        Kind::Date => Some(dates_skipped(&column.name)),
        Kind::Other(what) => {
            let message =
                format!("column {} ({what}) is carried along but not used for distances", shown(&column.name));
            Some(Warning::new("skipped-column", message))
        }
        _ => None,
    }
}

/// The columns that are features where nobody says which: lists of numbers if there are any, otherwise all that can be.
fn unnamed(
    table: &Table,
    candidates: &[usize],
    categorical: &[bool],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<usize>, Error> {
    let (mut lists, mut others) = (Vec::new(), Vec::new());
    for &index in candidates {
        if table.frame_index.contains(&index) && !categorical[index] {
            let name = shown(&table.columns()[index].name);
            let message = format!("column {name} (pandas index) is carried along but not used for distances");
            warnings.push(Warning::new("skipped-column", message));
            continue;
        }
        if !categorical[index] && id_columns::is_unnamed_index(table, index) {
            let column = &table.columns()[index].name;
            let what = if table.unnamed.contains(&index) {
                "has no name in the header and"
            } else {
                "is named as an index and"
            };
            let message = format!(
                "column {} {what} numbers the rows, as an index does: it is carried along but not used for distances",
                shown(column)
            );
            let hint = text!["to use it: ", setting::FEATURES.to("COLUMN,…")];
            warnings.push(Warning::new("skipped-column", message).hint(hint));
            continue;
        }
        match &table.columns()[index].kind {
            _ if categorical[index] => others.push(index),
            Kind::List(_) => lists.push(index),
            _ => match carried(table, index) {
                Some(warning) => warnings.push(warning),
                None => others.push(index),
            },
        }
    }
    // Lists of which most are of one length are an embedding with errors, unless something else is measured.
    let damaged = table.unusable_lists.iter().find(|lists| candidates.contains(&lists.column));
    if lists.is_empty() {
        let is_id = |&index: &usize| id_columns::beside_lists(table, index) == Beside::Carried;
        match damaged {
            Some(damaged) if damaged.is_common || others.iter().all(is_id) => return Err(unusable(table, damaged)),
            _ => return Ok(others),
        }
    }
    let is_feature = |&index: &usize| id_columns::beside_lists(table, index) == Beside::Feature;
    let (features, carried): (Vec<usize>, Vec<usize>) = others.into_iter().partition(is_feature);
    if !features.is_empty() {
        return Err(id_columns::ask(table, &lists, &features));
    }
    if !carried.is_empty() {
        let names = |columns: &[usize]| columns.iter().map(|&i| table.columns()[i].name.as_str()).collect::<Vec<_>>();
        let (carried, lists) = (listed(&names(&carried), 10), listed(&names(&lists), 10));
        let message = format!("distances are computed from {lists} alone; carried along: {carried}");
        warnings.push(
            Warning::new("skipped-column", message)
                .hint(text!["to use other columns: ", setting::FEATURES.to("COLUMN,…")]),
        );
    }
    Ok(lists)
}

/// The error of lists that are not coordinates.
fn unusable(table: &Table, lists: &UnusableLists) -> Error {
    let column = &table.columns()[lists.column].name;
    Error::content(format!("{}: column {} {}", table.name(), shown(column), lists.why)).with_hint(text![
        "lists of one length are coordinates: correct these rows or leave them out of the file, or ",
        setting::EXCLUDE.to(column)
    ])
}

/// The error of a table without a feature.
pub(crate) fn nothing_left(table: &Table) -> Error {
    let cannot = |column: &ColumnInfo| match &column.kind {
        Kind::Other(what) => Some(format!("{} ({what})", shown(&column.name))),
        Kind::Date => Some(format!("{} (dates)", shown(&column.name))),
        _ => None,
    };
    let others: Vec<String> = table.columns().iter().filter_map(cannot).collect();
    let mut message = format!("{}: no column is left to be a feature", table.name());
    if !others.is_empty() {
        message.push_str(&format!("; no feature by their type: {}", leanset_problem::list(others, 5)));
    }
    Error::request(message).with_hint(
        "distances need at least one column of numbers, true/false, text or lists of as many numbers in every row, beside \
         label and id",
    )
}

/// What is said of a column of dates that is no feature.
pub(crate) fn dates_skipped(name: &str) -> Warning {
    let message = format!("column {} holds dates: it is carried along but not used for distances", shown(name));
    Warning::new("skipped-column", message).hint(text![
        "name it in ",
        &setting::FEATURES,
        " to measure distances in days"
    ])
}
