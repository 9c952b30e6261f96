//! Class names and codes: which classes a label column holds, in what order, and which one each row is of.

use leanset_problem::{setting, text};

use super::columns::ColumnRef;
use crate::column::{Column, Kind, Values, whole};
use crate::error::{Error, Warning, counted, listed, shown};
use crate::row::FileRow;

/// Above this many different numbers a label measures something and is no class.
const MAX_NUMERIC: usize = 1_000;
/// Up to this many different numbers a label may be classes even if most rows differ, as in toy tables.
const FEW: usize = 20;

/// The classes of a table, fitted on its label column. The code of a class is its position here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LabelEncoder {
    /// No label: everything is of the class `all`.
    All,
    /// Texts, sorted by their bytes.
    Text(Vec<String>),
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
        bins: Option<usize>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Error> {
        let classes = match bins {
            Some(bins) => Self::cut(of, column, kept, bins, warnings)?,
            None => Self::distinct(of, column, kept)?,
        };
        if classes.len() == 1 {
            let (name, only) = (shown(of.name), shown(&classes.names()[0]));
            let message = format!("label column {name} holds one class in every row: {only}");
            let hint = "without a label every row is of one class as well";
            warnings.push(Warning::new("one-class", message).hint(hint));
        }
        Ok(classes)
    }

    fn distinct(of: &ColumnRef<'_>, column: &Column, kept: &[FileRow]) -> Result<Self, Error> {
        let rows = kept.iter().map(|row| row.index());
        Ok(match &column.values {
            Values::List(_) => LabelEncoder::All,
            Values::Text(texts) => {
                let mut names: Vec<&str> = rows.map(|row| texts.get(row)).collect();
                names.sort_unstable();
                names.dedup();
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
                    numbers.push(whole(value).ok_or_else(|| {
                        let (file, place, name) = (of.table.name(), of.place(row), shown(of.name));
                        let value = of.show(row, column);
                        let message = format!(
                            "{file}: {place}, label column {name}: {value} is not a class, it is a measurement"
                        );
                        Error::request(message)
                            .with_hint(text![setting::BINS.to("N"), " cuts the label into N classes of equal counts"])
                    })?);
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

    /// Number of classes.
    pub(crate) fn len(&self) -> usize {
        match self {
            LabelEncoder::All => 1,
            LabelEncoder::Text(names) => names.len(),
            LabelEncoder::Integer(values) => values.len(),
            LabelEncoder::Boolean(values) => values.len(),
            LabelEncoder::Bins(edges, _) => edges.len(),
        }
    }

    /// The names, in code order.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            LabelEncoder::All => vec!["all".to_owned()],
            LabelEncoder::Text(names) => names.clone(),
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
            LabelEncoder::All | LabelEncoder::Text(_) => Kind::Text,
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

/// Whole numbers as classes, if they are few.
fn few(of: &ColumnRef<'_>, mut numbers: Vec<i64>, rows: usize) -> Result<LabelEncoder, Error> {
    numbers.sort_unstable();
    numbers.dedup();
    let found = numbers.len();
    if found > MAX_NUMERIC || (found > FEW && found > rows / 2) {
        let (file, name) = (of.table.name(), shown(of.name));
        let message =
            format!("{file}: label column {name} holds {found} different numbers in {rows} rows: too many for classes");
        return Err(Error::request(message)
            .with_hint(text![setting::BINS.to("N"), " cuts the label into N classes of equal counts"]));
    }
    Ok(LabelEncoder::Integer(numbers))
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
