//! How files name rows of a table: by position, or by an id column.

use std::collections::HashMap;

use leanset_problem::{Problem, Result, setting, text};
use leanset_tables::{FileRow, Kind, Table};

/// How files name rows of a table.
pub(crate) enum RowNames {
    /// By 0-based position, below this.
    Positions(usize),
    /// By the text of an id column, which may be of numbers.
    Column {
        rows: HashMap<String, FileRow>,
        numeric: bool,
        /// Ids that are spelled as no number is, such as 0042, by their value: where other programs made a number of it. No
        /// row where two ids have one value.
        values: HashMap<String, Option<FileRow>>,
    },
}

/// The text by which a row is named: of numbers, whole ones without a fraction, whatever a file makes of them. Numbers with
/// more digits than a float has stay as they are, without spaces around them.
fn name_of(text: &str, numeric: bool) -> String {
    match text.trim().parse::<f64>() {
        Ok(value) if numeric && value.fract() == 0.0 && value.abs() < 9e15 => (value as i64).to_string(),
        Ok(_) => text.trim().to_owned(),
        Err(_) => text.to_owned(),
    }
}

impl RowNames {
    pub(super) fn of(table: &Table, id: Option<&str>) -> Result<Self> {
        let Some(name) = id else { return Ok(Self::Positions(table.rows())) };
        let position = table.position(name)?;
        let spelled = table.is_spelled(position);
        let numbers = matches!(table.columns()[position].kind, Kind::Integer | Kind::Number);
        let numeric = numbers && !spelled;
        let column = table.text_column(position)?;
        let mut rows = HashMap::with_capacity(column.len());
        let mut values = HashMap::new();
        for row in 0..column.len() {
            let text = name_of(&column.text(row), numeric);
            if column.is_missing(row) {
                let place = table.place(FileRow::at(row));
                return Err(Problem::new(format!("{}: {place} has no value in the id column '{name}'", table.name()))
                    .hint(text![
                        "name rows by another column, or leave ",
                        &setting::ID,
                        " out to name them by position"
                    ]));
            }
            if spelled && numbers {
                let one = values.entry(name_of(&text, true)).or_insert(Some(FileRow::at(row)));
                if *one != Some(FileRow::at(row)) {
                    *one = None;
                }
            }
            if let Some(before) = rows.insert(text.clone(), FileRow::at(row)) {
                return Err(Problem::new(format!(
                    "{}: the id column '{name}' has '{text}' in {} and in {}",
                    table.name(),
                    table.place(before),
                    table.place(FileRow::at(row)),
                ))
                .hint(text![
                    "ids must be distinct; leave ",
                    &setting::ID,
                    " out to name rows by position"
                ]));
            }
        }
        Ok(Self::Column { rows, numeric, values })
    }

    /// The rows that a column of a file names.
    pub(crate) fn resolve(&self, file: &Table, column: &str, full: &str) -> Result<Vec<FileRow>> {
        // As text: a name that looks like a number, 007, is not a number in a table where it is text.
        let values = file.text_column(file.position(column)?)?;
        let numeric = !matches!(self, Self::Column { numeric: false, .. });
        (0..values.len())
            .map(|at| {
                let text = name_of(&values.text(at), numeric);
                let row = match self {
                    Self::Positions(rows) => text.parse().ok().filter(|&r: &u32| (r as usize) < *rows).map(FileRow),
                    Self::Column { rows, values, .. } => {
                        rows.get(&text).copied().or_else(|| values.get(&name_of(&text, true)).copied().flatten())
                    }
                };
                row.ok_or_else(|| {
                    let place = file.place(FileRow::at(at));
                    let problem = Problem::new(format!(
                        "{}: {place} names row '{text}', which {full} does not have",
                        file.name()
                    ));
                    match self {
                        Self::Positions(rows) => {
                            problem.hint(format!("rows are 0 to {}, by position in {full}", rows - 1))
                        }
                        Self::Column { .. } => {
                            problem.hint(text!["ids are compared with the ", &setting::ID, " column as text"])
                        }
                    }
                })
            })
            .collect()
    }
}
