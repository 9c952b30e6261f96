//! What can go wrong, in words that name the row, column or parameter, the constraint and the value.
//!
//! A message is one line; the way out is [`Error::hint`], which faces print on a line of its own.

use leanset_problem::{Code, Problem, Text, setting, text};

use crate::{ClassId, RowId};

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the core. Messages are complete sentences without a full stop; [`Error::hint`] is the way out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table has no rows.
    #[error("the table has no rows")]
    NoRows,
    /// The table has no columns to measure distances on.
    #[error("the table has no feature columns")]
    NoColumns,
    /// More rows than a [`RowId`] can name.
    #[error("the table has {rows} rows; one table in memory holds at most {} rows", u32::MAX)]
    TooManyRows {
        /// Rows given.
        rows: usize,
    },
    /// A buffer whose length is not rows × columns.
    #[error("{what} has {got} values; {expected} are needed ({rows} rows × {columns} columns)")]
    Shape {
        /// Which buffer.
        what: &'static str,
        /// Values given.
        got: usize,
        /// Values needed.
        expected: usize,
        /// Rows stated.
        rows: usize,
        /// Columns stated.
        columns: usize,
    },
    /// NaN or an infinity where a number is needed.
    #[error("row {row}, column {column} is {value}; distances need finite numbers")]
    NotFinite {
        /// The row.
        row: RowId,
        /// The feature column, by position.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// A value so large that squared distances overflow.
    #[error("row {row}, column {column} is {value:e}; squared distances of values beyond ±{limit:e} overflow")]
    TooLarge {
        /// The row.
        row: RowId,
        /// The feature column, by position.
        column: usize,
        /// The value found.
        value: f64,
        /// Largest magnitude allowed.
        limit: f64,
    },
    /// Rows that differ, and all by so little that their squared distances underflow.
    #[error(
        "the rows{} differ by at most {range:e}, in column {column}; squared distances of differences below {least:e} underflow",
        class.as_ref().map_or(String::new(), |class| format!(" of class {class}"))
    )]
    TooClose {
        /// The class, if there are several.
        class: Option<String>,
        /// The feature column in which they differ most, by position.
        column: usize,
        /// By how much.
        range: f64,
        /// Least range allowed.
        least: f64,
    },
    /// A class code without a class.
    #[error("row {row} has class code {code}, but there are {classes} classes")]
    UnknownClass {
        /// The row.
        row: RowId,
        /// The code found.
        code: u32,
        /// Number of classes.
        classes: usize,
    },
    /// A budget that cannot be met.
    #[error("{0}")]
    Budget(BudgetError),
    /// A method nobody registered.
    #[error("there is no method '{name}'")]
    UnknownMethod {
        /// The name given.
        name: String,
        /// The nearest registered name, if one is near.
        nearest: Option<String>,
        /// The registered methods.
        known: Vec<&'static str>,
    },
    /// A parameter the method does not have.
    #[error("{method} has no parameter '{name}'")]
    UnknownParameter {
        /// The method's id.
        method: &'static str,
        /// The name given.
        name: String,
        /// The names it has.
        known: Vec<&'static str>,
    },
    /// A parameter value outside its constraint.
    #[error("parameter '{name}' of {method} must be {constraint}, not {value}")]
    BadParameter {
        /// The method's id.
        method: &'static str,
        /// The parameter.
        name: &'static str,
        /// What is allowed.
        constraint: String,
        /// What was given.
        value: String,
    },
    /// A capability the method does not have.
    #[error("{method} cannot {what}")]
    Unsupported {
        /// The method's id.
        method: &'static str,
        /// What it cannot do.
        what: String,
        /// The way out.
        hint: Text,
    },
    /// A ranking that does not reach as far as is asked.
    #[error("the ranking holds {held} rows{}, and {asked} are asked", class.map_or(String::new(), |c| format!(" of class {c}")))]
    RankingTooShort {
        /// The class, or `None` when the ranking is over all classes at once.
        class: Option<ClassId>,
        /// Rows held.
        held: usize,
        /// Rows asked.
        asked: usize,
    },
    /// A ranking that is not one: a row twice, a row missing, a class that does not match.
    #[error("not a ranking of this table: {0}")]
    BadRanking(String),
    /// A target (the table that kept rows are to represent) that does not fit the table to reduce.
    #[error("the target does not fit the table: {0}")]
    Target(String),
    /// Rows that are kept already and cannot be.
    #[error("the rows that are kept already: {0}")]
    Kept(String),
    /// A training log that does not fit the table.
    #[error("the training log does not fit the table: {0}")]
    Log(LogError),
    /// Bytes that are not the state that was expected.
    #[error(transparent)]
    State(StateError),
    /// The data cannot be used by this method (overlong, degenerate ...).
    #[error("{method}: {what}")]
    Data {
        /// The method or metric.
        method: &'static str,
        /// What is wrong with the data.
        what: String,
        /// The way out.
        hint: Text,
    },
    /// A row that this method cannot work on.
    #[error("{method}: row {row} {what}")]
    Row {
        /// The method or metric.
        method: &'static str,
        /// The row.
        row: RowId,
        /// What is wrong with it.
        what: String,
        /// The way out.
        hint: Text,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Why a budget cannot be met.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// A ratio outside (0, 1].
    #[error("ratio must be in (0, 1], not {0}")]
    Ratio(f64),
    /// A count of zero.
    #[error("count must be at least 1, not 0")]
    Zero,
    /// More rows than there are.
    #[error("count {count} is above the {rows} rows of the table")]
    AboveRows {
        /// Rows asked.
        count: usize,
        /// Rows there are.
        rows: usize,
    },
    /// Fewer rows than classes.
    #[error("count {count} is below the {classes} classes that have rows, and every class keeps at least one row")]
    BelowClasses {
        /// Rows asked.
        count: usize,
        /// Classes with rows.
        classes: usize,
    },
    /// Fewer rows than are kept already, or needed beside them.
    #[error("{count} rows are asked, and {kept} rows are kept already{}", if needed > kept { format!("; with one row of every other class these are {needed}") } else { String::new() })]
    BelowKept {
        /// Rows asked.
        count: usize,
        /// Rows that are kept already.
        kept: usize,
        /// Rows that are needed at least.
        needed: usize,
    },
    /// Fewer rows of a class than are kept of it already.
    #[error("{count} rows of class {class} are asked, and {kept} of its rows are kept already")]
    ClassBelowKept {
        /// The class.
        class: ClassId,
        /// Rows asked.
        count: usize,
        /// Rows of it that are kept already.
        kept: usize,
    },
    /// A per-class count above the class.
    #[error("count {count} for class {class} is above its {rows} rows")]
    AboveClass {
        /// The class.
        class: ClassId,
        /// Rows asked.
        count: usize,
        /// Rows the class has.
        rows: usize,
    },
    /// A list of per-class counts of the wrong length.
    #[error("{given} counts are given for {classes} classes")]
    Classes {
        /// Counts given.
        given: usize,
        /// Classes there are.
        classes: usize,
    },
}

/// Why a training log cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Nothing was observed.
    #[error("it has no observations")]
    Empty,
    /// A row of another table.
    #[error("it names row {row}, and the table has {rows} rows")]
    UnknownRow {
        /// The row.
        row: RowId,
        /// Rows of the table.
        rows: usize,
    },
    /// A row twice in one epoch.
    #[error("it has row {row} twice in epoch {epoch}")]
    Twice {
        /// The row.
        row: RowId,
        /// The epoch.
        epoch: u32,
    },
    /// A row missing from an epoch that others have.
    #[error("it has no row {row} in epoch {epoch}")]
    Gap {
        /// The row.
        row: RowId,
        /// The epoch.
        epoch: u32,
    },
    /// Probabilities of some observations and not of others.
    #[error("it has probabilities of some observations and not of {missing}")]
    Partly {
        /// How many are without.
        missing: u64,
    },
    /// Of another number of rows than the table, or than the log it is merged with.
    #[error("it is of {log} rows, and the table has {rows}")]
    Rows {
        /// Rows of the log.
        log: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// Of rows with other labels.
    #[error("its row {row} is of class '{log}', and that of the table is of '{table}'")]
    Labels {
        /// The first row whose labels differ.
        row: RowId,
        /// Its class in the log.
        log: String,
        /// Its class in the table.
        table: String,
    },
    /// A number of forgetting events, EL2N or AUM that is none.
    #[error("{0}")]
    Value(String),
}

/// Why bytes are not the state that was expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Of another program.
    #[error("it does not begin as a file of leanset")]
    Foreign,
    /// Of leanset, and of another kind.
    #[error("it is a '{found}', not a '{expected}'")]
    Family {
        /// What it is.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Of a version that this one does not know.
    #[error("it is a '{family}' of version {found}, and this leanset knows version {known}")]
    Version {
        /// What it is.
        family: &'static str,
        /// Its version.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// Cut short.
    #[error("it is cut short: it has {has} bytes of {needs}")]
    Truncated {
        /// Bytes that are there.
        has: u64,
        /// Bytes that it should have.
        needs: u64,
    },
    /// Its checksum is wrong, or its payload cannot be.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

impl Error {
    /// The way out, where there is one: a sentence for a line of its own.
    pub fn hint(&self) -> Option<Text> {
        Some(match self {
            Self::NotFinite { .. } => "drop or impute the row, or leave the column out".into(),
            Self::TooLarge { .. } | Self::TooClose { .. } => "scale the columns first".into(),
            Self::TooManyRows { .. } => "reduce the table in parts".into(),
            Self::Budget(BudgetError::Ratio(_)) => text![setting::RATIO.to(0.1), " is one row in ten"],
            Self::Budget(BudgetError::Zero) => "ask for at least 1 row".into(),
            Self::Budget(BudgetError::BelowClasses { classes, .. }) => text![
                format!("ask for at least {classes} rows, or let classes vanish with "),
                &setting::ALLOW_EMPTY_CLASSES
            ],
            Self::Budget(BudgetError::BelowKept { needed, .. }) => {
                format!("ask for at least {needed} rows: those that are kept already count").into()
            }
            Self::Budget(BudgetError::ClassBelowKept { kept, .. }) => format!("ask for at least {kept} of it").into(),
            Self::Budget(BudgetError::AboveRows { rows, .. }) => format!("ask for at most {rows}").into(),
            Self::UnknownMethod { nearest: Some(near), .. } => format!("did you mean '{near}'?").into(),
            Self::UnknownMethod { nearest: None, known, .. } => format!("the methods are {}", known.join(", ")).into(),
            Self::UnknownParameter { known, .. } if known.is_empty() => "it has no parameters".into(),
            Self::UnknownParameter { name, known, .. } => match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?").into(),
                None => format!("its parameters are {}", known.join(", ")).into(),
            },
            Self::Unsupported { hint, .. } | Self::Data { hint, .. } | Self::Row { hint, .. } => hint.clone(),
            Self::Kept(_) => text!["name each row of the table once (", &setting::KEPT, ")"],
            Self::Target(_) => "a target has the columns and the classes of the table".into(),
            Self::Log(LogError::Labels { .. }) => {
                "give the labels that the log was made with, in the same order".into()
            }
            Self::State(StateError::Version { .. }) => "use the leanset that wrote it, or a newer one".into(),
            Self::State(StateError::Truncated { .. } | StateError::Damaged(_)) => {
                "copy or write the file again; it cannot be repaired".into()
            }
            Self::Log(_) => "a log has every row of the table once in every epoch".into(),
            Self::RankingTooShort { .. } => "ask for fewer rows, or rank all of them".into(),
            _ => return None,
        })
    }
}

/// An error of the core as users read it.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = if error == Error::Interrupted { Code::Interrupted } else { Code::Unusable };
        Self::new(error.to_string()).code(code).maybe_hint(error.hint())
    }
}

impl From<BudgetError> for Error {
    fn from(error: BudgetError) -> Self {
        Self::Budget(error)
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// The first few of a list, and how many more there are: a thousand classes are not a thousand names.
pub(crate) fn first_few(items: &[String]) -> String {
    const FEW: usize = 6;
    let more = items.len().saturating_sub(FEW);
    let named = items[..items.len() - more].join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// The candidate most like `name`, if it is near enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::normalized_damerau_levenshtein(&name, &c.to_lowercase()), c))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}
