//! The verbs, one file each.

pub(crate) mod demo;
pub(crate) mod energy;
pub(crate) mod experiment;
pub(crate) mod images;
pub(crate) mod measure;
pub(crate) mod methods;
pub(crate) mod rank;
pub(crate) mod reduce;
pub(crate) mod report;
pub(crate) mod shell;

use leanset_core::Reducer;
use leanset_core::params::Value;

use crate::args::{MethodArgs, RunArgs, TableArgs, values};
use crate::error::Failure;
use crate::input::{Input, row_ids_in};
use crate::progress::Progress;
use crate::target::Target;

/// The method that the arguments name, with its parameters checked.
pub(crate) fn reducer(
    args: &MethodArgs,
    table: &TableArgs,
    input: &Input,
    progress: &Progress,
) -> Result<Reducer, Failure> {
    let name = args.method.as_deref().ok_or_else(no_method)?;
    let info = leanset_core::methods::find(name)?;
    let given = values(&args.params, |file| row_ids_in(file, input, table, progress))?
        .into_iter()
        .map(|(name, value)| {
            let takes_rows = info.params.iter().any(|spec| spec.name == name && spec.kind.takes_rows());
            let value = if takes_rows { encoded_rows(&name, value, input)? } else { value };
            Ok((name, value))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let reducer = Reducer::new(name, &given)?;
    let needed = reducer.info().capabilities.least_classes;
    if input.encoder.label().is_none() && needed > 1 {
        return Err(Failure::new(format!(
            "{}: no --label is given, so all rows are one class, and {} needs {needed} or more",
            input.table.name(),
            reducer.info().id
        ))
        .hint("--label COLUMN names the column of classes"));
    }
    if let (Some(label), [only]) = (input.encoder.label(), input.encoded.class_names.as_slice())
        && needed > 1
    {
        return Err(Failure::new(format!(
            "{}: the label column '{label}' holds one value, '{only}'; {} needs {needed} classes or more",
            input.table.name(),
            reducer.info().id
        ))
        .hint("name another label column, or use another method (`leanset methods`)"));
    }
    Ok(reducer)
}

/// The target that the arguments name, read.
pub(crate) fn target_of(
    args: &MethodArgs,
    table: &TableArgs,
    input: &Input,
    run: &RunArgs,
    progress: &Progress,
) -> Result<Option<Target>, Failure> {
    args.target.as_deref().map(|path| Target::read(path, table, input, run, progress)).transpose()
}

/// Row ids typed by the user are rows of the file; the method knows encoded rows. Other values pass.
fn encoded_rows(name: &str, value: Value, input: &Input) -> Result<Value, Failure> {
    let Value::Text(text) = &value else { return Ok(value) };
    let rows: Option<Vec<u32>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let Some(rows) = rows else { return Ok(value) };
    let encoded = |row| {
        input.encoded_row(leanset_tables::FileRow(row)).ok_or_else(|| {
            let rows = input.table.rows();
            let what = if (row as usize) < rows { "is left out for missing values" } else { "is beyond the last" };
            let file = input.table.name();
            Failure::new(format!("--param {name}: row {row} {what}: {file} has rows 0 to {}", rows - 1))
                .hint("name another row")
        })
    };
    rows.into_iter().map(encoded).collect::<Result<Vec<_>, _>>().map(Value::Rows)
}

pub(crate) fn no_method() -> Failure {
    Failure::new("no method is given").hint("--method NAME; `leanset methods` lists them")
}
