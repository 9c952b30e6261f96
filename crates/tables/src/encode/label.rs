//! Class names and codes: which classes a label column holds, in what order, and which one each row is of.

use leanset_problem::{setting, text};
use leanset_spec::DecimalMark;

use super::column_ref::ColumnRef;
use super::look_alike;
use super::reading::{Reading, numbers_of_label};
use crate::column::{Column, Kind, Texts, Values, whole};
use crate::error::{Error, Warning, counted, listed, shown};
use crate::format::is_text;
use crate::notation::date_orders;
use crate::row::FileRow;
use crate::table::Table;

/// Above this many different numbers a label is classes only if each of them is in several rows: what is measured has
/// values that nothing else has.
const MANY: usize = 1_000;
/// Up to this many different numbers a label may be classes even if most rows differ, as in toy tables.
const FEW: usize = 20;

/// What the user said of the label.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LabelOptions {
    pub(crate) bins: Option<usize>,
    /// Its values are names, whatever they look like.
    pub(crate) categorical: bool,
    pub(crate) decimal: Option<DecimalMark>,
}

impl LabelOptions {
    /// The kind as which the label is read. A spelling that a number does not have, such as `07`, is kept.
    pub(crate) fn kind_wanted(&self, table: &Table, index: usize) -> Kind {
        match &table.columns()[index].kind {
            Kind::Other(_) | Kind::List(_) | Kind::Date => Kind::Text,
            Kind::Number if self.bins.is_some() && self.decimal.is_some() && is_text(table.format()) => Kind::Text,
            kind if self.bins.is_some() => kind.clone(),
            _ if self.categorical || table.source.spelled(index) => Kind::Text,
            kind => kind.clone(),
        }
    }

    /// How texts that are cut into bins are numbers.
    pub(crate) fn reading(&self, of: &ColumnRef<'_>, column: &Column) -> Reading {
        let numbers = || numbers_of_label(of, column, self.decimal);
        self.bins.and_then(|_| numbers()).unwrap_or_default()
    }
}

/// The classes of a table, fitted on its label column. The code of a class is its position here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LabelEncoder {
    /// No label: everything is of the class `all`.
    All,
    /// Texts, sorted by their bytes.
    Text(Vec<String>),
    /// Texts in code order, and their codes, sorted by text: numbers and true/false values as they are spelled.
    Spelled(Vec<String>, Vec<(String, u32)>),
    /// Whole numbers, sorted.
    Integer(Vec<i64>),
    /// The booleans there are, `false` first.
    Boolean(Vec<bool>),
    /// Intervals of a number: where each begins, and where the last one ends (included).
    Bins(Vec<f64>, f64),
}

impl LabelEncoder {
    /// Finds the classes of the rows `kept`; their label is present.
    pub(crate) fn fit(
        of: &ColumnRef<'_>,
        column: &Column,
        kept: &[FileRow],
        options: LabelOptions,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Error> {
        let classes = match (options.bins, &column.values) {
            (Some(bins), _) => Self::cut(of, column, kept, bins, warnings)?,
            (None, Values::Text(texts))
                if matches!(of.table.columns()[of.index].kind, Kind::Number | Kind::Integer | Kind::Boolean) =>
            {
                Self::spelled(of, column, texts, kept, options)?
            }
            (None, _) => Self::distinct(of, column, kept, options)?,
        };
        if let LabelEncoder::Text(names) | LabelEncoder::Spelled(names, _) = &classes {
            warnings.extend(look_alike::of_labels(of.name, names));
        }
        if classes.len() == 1 {
            let (name, only) = (shown(of.name), shown(&classes.names()[0]));
            let message = format!("label column {name} holds one class in every row: {only}");
            let hint = "without a label every row is of one class as well";
            warnings.push(Warning::new("one-class", message).hint(hint));
        }
        Ok(classes)
    }

    /// Classes by spelling of a column that holds numbers or true/false values: `07` and `7` are two.
    fn spelled(
        of: &ColumnRef<'_>,
        column: &Column,
        texts: &Texts,
        kept: &[FileRow],
        options: LabelOptions,
    ) -> Result<Self, Error> {
        let mut all: Vec<&str> = kept.iter().map(|row| spelling(texts.get(row.index()))).collect();
        all.sort_unstable();
        let counts: Vec<(&str, usize)> = all.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect();
        let mut values: Vec<(f64, &str, usize)> =
            counts.into_iter().map(|(name, count)| (value(name).unwrap_or(f64::NAN), name, count)).collect();
        // In the order of the values; of equal ones the shorter first. More digits than a float has are told apart so too.
        values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.len().cmp(&b.1.len())).then(a.1.cmp(b.1)));
        if !options.categorical {
            // Of numbers beyond 2^53 none has a fraction.
            let fraction = values.iter().find(|(value, _, _)| value.is_infinite() || value.fract() != 0.0);
            if let Some((_, name, _)) = fraction {
                let row = kept.iter().find(|row| spelling(texts.get(row.index())) == *name);
                return Err(measured(of, row.map_or(FileRow::at(0), |row| *row), column));
            }
            if of.table.columns()[of.index].kind != Kind::Boolean {
                check_count(of, values.iter().map(|(_, _, count)| *count), kept.len())?;
            }
        }
        let names: Vec<String> = values.iter().map(|(_, name, _)| (*name).to_owned()).collect();
        let mut codes: Vec<(String, u32)> = names.iter().cloned().zip(0..).collect();
        codes.sort_unstable();
        Ok(LabelEncoder::Spelled(names, codes))
    }

    fn distinct(of: &ColumnRef<'_>, column: &Column, kept: &[FileRow], options: LabelOptions) -> Result<Self, Error> {
        let rows = kept.iter().map(|row| row.index());
        Ok(match &column.values {
            Values::List(_) => LabelEncoder::All,
            Values::Text(texts) => {
                let mut names: Vec<&str> = rows.map(|row| texts.get(row)).collect();
                names.sort_unstable();
                names.dedup();
                // `1,5` and `2,25` are no classes.
                if names.len() > FEW
                    && !options.categorical
                    && let Some(Reading::Numbers(notation)) = numbers_of_label(of, column, options.decimal)
                {
                    let fraction = |row: &&FileRow| {
                        of.number(row.index())
                            .or_else(|| notation.read(texts.get(row.index())))
                            .is_some_and(|x| x.fract() != 0.0)
                    };
                    if let Some(row) = kept.iter().find(fraction) {
                        return Err(measured(of, *row, column));
                    }
                }
                LabelEncoder::Text(names.into_iter().map(str::to_owned).collect())
            }
            Values::Boolean(values) => {
                let seen: Vec<bool> = rows.map(|row| values[row]).collect();
                LabelEncoder::Boolean([false, true].into_iter().filter(|value| seen.contains(value)).collect())
            }
            Values::Integer(values) => few(of, rows.map(|row| values[row]).collect(), kept.len())?,
            Values::Number(_) | Values::Number32(_) => {
                let mut numbers = Vec::with_capacity(kept.len());
                for &row in kept {
                    let value = number(column, row.index());
                    numbers.push(whole(value).ok_or_else(|| measured(of, row, column))?);
                }
                few(of, numbers, kept.len())?
            }
        })
    }

    /// N bins of equal counts, as far as equal values let them.
    fn cut(
        of: &ColumnRef<'_>,
        column: &Column,
        kept: &[FileRow],
        bins: usize,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Error> {
        let (file, name) = (of.table.name(), shown(of.name));
        if !matches!(column.kind(), Kind::Number | Kind::Integer) {
            let holds = format!(": label column {name} holds {}, not numbers", column.kind());
            return Err(Error::request(text![format!("{file}: "), setting::BINS.to(bins), holds]).with_hint(text![
                "leave ",
                &setting::BINS,
                " out: these values are classes already"
            ]));
        }
        if bins < 2 {
            return Err(Error::request(text![setting::BINS.to(bins), ": at least 2 bins make classes"]));
        }
        let mut sorted: Vec<f64> = Vec::with_capacity(kept.len());
        for &row in kept {
            let value = number(column, row.index());
            if value.is_infinite() {
                let (place, value) = (of.place(row), of.show(row, column));
                return Err(Error::content(format!("{file}: {place}, label column {name}: {value} is infinite")));
            }
            // A zero has no sign here, so that -0 and 0 share a bin and a name.
            sorted.push(value + 0.0);
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let Some(&last) = sorted.last() else { return Ok(LabelEncoder::Bins(Vec::new(), 0.0)) };
        // More bins than rows are as many as rows: no two edges could differ more.
        let cuts = bins.min(sorted.len());
        let edge = |k: usize| sorted[(k as u128 * sorted.len() as u128 / cuts as u128) as usize];
        let mut edges: Vec<f64> = (0..cuts).map(edge).collect();
        edges.dedup();
        if edges.len() < bins {
            let found = counted(edges.len(), "bin", "bins");
            let message = format!("label column {name} gives {found} instead of {bins}: equal values stay together");
            warnings.push(Warning::new("fewer-bins", message));
        }
        Ok(LabelEncoder::Bins(edges, last))
    }

    /// Whether the classes are numbers, one per value.
    pub(crate) fn are_numbers(&self) -> bool {
        match self {
            LabelEncoder::Integer(_) => true,
            LabelEncoder::Text(names) | LabelEncoder::Spelled(names, _) => {
                names.iter().all(|name| name.trim().parse::<f64>().is_ok())
            }
            _ => false,
        }
    }

    /// Whether the classes are dates, one per day or moment.
    pub(crate) fn are_dates(&self) -> bool {
        matches!(self, LabelEncoder::Text(names) if names.iter().all(|name| date_orders(name) != 0))
    }

    /// Number of classes.
    pub(crate) fn len(&self) -> usize {
        match self {
            LabelEncoder::All => 1,
            LabelEncoder::Text(names) | LabelEncoder::Spelled(names, _) => names.len(),
            LabelEncoder::Integer(values) => values.len(),
            LabelEncoder::Boolean(values) => values.len(),
            LabelEncoder::Bins(edges, _) => edges.len(),
        }
    }

    /// The names, in code order.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            LabelEncoder::All => vec!["all".to_owned()],
            LabelEncoder::Text(names) | LabelEncoder::Spelled(names, _) => names.clone(),
            LabelEncoder::Integer(values) => values.iter().map(i64::to_string).collect(),
            LabelEncoder::Boolean(values) => values.iter().map(bool::to_string).collect(),
            LabelEncoder::Bins(edges, last) => (0..edges.len())
                .map(|k| match edges.get(k + 1) {
                    Some(end) => format!("[{}, {end})", edges[k]),
                    None => format!("[{}, {last}]", edges[k]),
                })
                .collect(),
        }
    }

    /// Class codes as a column of the kind that the label had; bins, which stand for no one number, by name.
    pub(crate) fn column(&self, codes: &[u32]) -> Column {
        match self {
            LabelEncoder::Integer(values) => codes.iter().map(|&c| values[c as usize]).collect::<Vec<_>>().into(),
            LabelEncoder::Boolean(values) => codes.iter().map(|&c| values[c as usize]).collect::<Vec<_>>().into(),
            _ => {
                let names = self.names();
                codes.iter().map(|&c| names[c as usize].as_str()).collect::<crate::column::Texts>().into()
            }
        }
    }

    /// The kind the label column must be read as.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            LabelEncoder::All | LabelEncoder::Text(_) | LabelEncoder::Spelled(..) => Kind::Text,
            LabelEncoder::Integer(_) => Kind::Integer,
            LabelEncoder::Boolean(_) => Kind::Boolean,
            LabelEncoder::Bins(..) => Kind::Number,
        }
    }

    /// The code of each row in `kept`; the column is of [`LabelEncoder::kind`].
    pub(crate) fn encode(&self, of: &ColumnRef<'_>, column: &Column, kept: &[FileRow]) -> Result<Vec<u32>, Error> {
        kept.iter()
            .map(|&row| {
                self.code(column, row).map(|code| u32::try_from(code).unwrap_or(u32::MAX)).ok_or_else(|| {
                    let (file, place, name) = (of.table.name(), of.place(row), shown(of.name));
                    let (value, known) = (of.show(row, column), counted(self.len(), "class", "classes"));
                    Error::content(format!(
                        "{file}: {place}, label column {name}: {value} is not one of the {known} known"
                    ))
                    .with_hint(format!("known: {}", listed(&self.names(), 20)))
                })
            })
            .collect()
    }

    /// Whether the class of a row is one of these.
    pub(crate) fn knows(&self, column: &Column, row: FileRow) -> bool {
        self.code(column, row).is_some()
    }

    fn code(&self, column: &Column, row: FileRow) -> Option<usize> {
        let row = row.index();
        match (self, &column.values) {
            (LabelEncoder::All, _) => Some(0),
            (LabelEncoder::Text(names), Values::Text(texts)) => {
                names.binary_search_by(|name| name.as_str().cmp(texts.get(row))).ok()
            }
            (LabelEncoder::Spelled(_, codes), Values::Text(texts)) => {
                let text = spelling(texts.get(row));
                let at = codes.binary_search_by(|(name, _)| name.as_str().cmp(text)).ok()?;
                Some(codes[at].1 as usize)
            }
            (LabelEncoder::Integer(known), Values::Integer(values)) => known.binary_search(&values[row]).ok(),
            (LabelEncoder::Boolean(known), Values::Boolean(values)) => known.binary_search(&values[row]).ok(),
            (LabelEncoder::Bins(..), Values::Text(texts)) => {
                self.names().iter().position(|name| name == texts.get(row))
            }
            (LabelEncoder::Bins(edges, last), _) => {
                let value = number(column, row);
                let inside = *edges.first()? <= value && value <= *last;
                inside.then(|| edges.partition_point(|edge| *edge <= value) - 1)
            }
            _ => None,
        }
    }
}

/// Whole numbers as classes.
fn few(of: &ColumnRef<'_>, mut numbers: Vec<i64>, rows: usize) -> Result<LabelEncoder, Error> {
    numbers.sort_unstable();
    check_count(of, numbers.chunk_by(|a, b| a == b).map(<[i64]>::len), rows)?;
    numbers.dedup();
    Ok(LabelEncoder::Integer(numbers))
}

/// Refuses numbers that are rather measured than classes. `counts` are the rows of each number.
fn check_count(of: &ColumnRef<'_>, counts: impl Iterator<Item = usize> + Clone, rows: usize) -> Result<(), Error> {
    let (found, single) = (counts.clone().count(), counts.filter(|&count| count == 1).count());
    if found <= FEW || (found <= rows / 2 && (found <= MANY || single == 0)) {
        return Ok(());
    }
    let (file, name) = (of.table.name(), shown(of.name));
    let alone = if found > rows / 2 { String::new() } else { format!(", {single} of them in one row only") };
    let message = format!(
        "{file}: label column {name} holds {found} different numbers in {rows} rows{alone}: too many for classes"
    );
    Err(Error::request(message).with_hint(text![
        setting::BINS.to("N"),
        " cuts the label into N classes of equal counts; ",
        setting::CATEGORICAL.to(of.name),
        " if these numbers are names of classes"
    ]))
}

fn measured(of: &ColumnRef<'_>, row: FileRow, column: &Column) -> Error {
    let (file, place, name) = (of.table.name(), of.place(row), shown(of.name));
    let value = of.show(row, column);
    let message = format!("{file}: {place}, label column {name}: {value} is not a class, it is a measurement");
    Error::request(message).with_hint(text![
        setting::BINS.to("N"),
        " cuts the label into N classes of equal counts; ",
        setting::CATEGORICAL.to(of.name),
        " if these numbers are names of classes"
    ])
}

/// A label as it is spelled: spaces around a number belong to the file.
fn spelling(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The order of a number or true/false value.
fn value(text: &str) -> Option<f64> {
    match text {
        "true" | "True" | "TRUE" => Some(1.0),
        "false" | "False" | "FALSE" => Some(0.0),
        number => fast_float2::parse(number.strip_prefix('+').unwrap_or(number)).ok(),
    }
}

/// A value of a numeric column.
fn number(column: &Column, row: usize) -> f64 {
    match &column.values {
        Values::Number(v) => v[row],
        Values::Number32(v) => f64::from(v[row]),
        Values::Integer(v) => v[row] as f64,
        Values::Boolean(_) | Values::Text(_) | Values::List(_) => f64::NAN,
    }
}
