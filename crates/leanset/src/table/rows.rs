//! Names of rows for people and files, and the rows that a file names.

use std::path::Path;

use leanset_core::RowId;
use leanset_core::params::Value;
use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::Columns;
use leanset_tables::{Column, FileRow, Texts, Values};

use super::input::{Input, read_table};
use crate::context::Context;

/// The names of rows as a column: their positions, or their values in the id column.
pub(crate) fn names_of(rows: &[FileRow], input: &Input, columns: &Columns) -> Result<Column> {
    let Some(id) = &columns.id else { return Ok(rows.iter().map(|r| i64::from(r.0)).collect::<Vec<_>>().into()) };
    // Distinct, or a cut of the ranking could not be told apart.
    input.rows_by_name(Some(id))?;
    let position = input.table.position(id)?;
    if !input.table.is_spelled(position)
        && let Values::Integer(v) = input.table.column(position)?.values
    {
        return Ok(rows.iter().map(|r| v[r.index()]).collect::<Vec<_>>().into());
    }
    let column = input.table.text_column(position)?;
    Ok(rows.iter().map(|r| column.text(r.index())).collect::<Texts>().into())
}

/// What the user calls a row: its position, or its value in the id column.
pub(crate) fn name_of_row(row: FileRow, input: &Input, columns: &Columns) -> String {
    match names_of(&[row], input, columns) {
        Ok(column) => match column.values {
            Values::Integer(v) => v[0].to_string(),
            _ => format!("'{}'", column.text(0)),
        },
        Err(_) => row.to_string(),
    }
}

/// The rows that a file names, as the file of the table has them: in its column `row`, or its only column.
pub(crate) fn ids_in(path: &str, input: &Input, columns: &Columns, context: &Context<'_>) -> Result<Value> {
    let file = read_table(Path::new(path), &columns.of_other_file(), context)?;
    let column = match file.columns() {
        [only] => only.name.clone(),
        _ => columns.id.clone().filter(|id| file.position(id).is_ok()).unwrap_or_else(|| "row".into()),
    };
    let rows = input.rows_by_name(columns.id.as_deref())?.resolve(&file, &column, input.table.name())?;
    if let Some(row) = rows.iter().find(|&&row| input.dataset_row(row).is_none()) {
        return Err(Problem::new(format!("{path}: row {row} {}", input.absence(*row))).hint(match &input.test {
            Some(test) if test.holds(*row) => "name other rows".into(),
            _ => text!["name other rows, or use ", setting::MISSING.to("mean")],
        }));
    }
    Ok(Value::Rows(rows.into_iter().map(|row| RowId(row.0)).collect()))
}
