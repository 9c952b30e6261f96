//! The method of a request, checked against the table it works on.

use leanset_core::methods::{Info, METHODS, Support};
use leanset_core::params::Value;
use leanset_core::{Reducer, RowId};
use leanset_problem::{Command, Problem, Result, setting, text};
use leanset_spec::{Columns, Method, Parameters, TableMethod};
use leanset_tables::FileRow;

use super::input::Input;
use super::rows::ids_in;
use crate::context::Context;

/// What needs no table is refused before it is read: a method that there is not, and what it does not use.
pub(crate) fn check(method: &TableMethod) -> Result<&'static Info> {
    let info = method.choice.info()?;
    method.choice.parameters.distinct()?;
    if method.target.is_some() && !info.supports_target() {
        return Err(unused(
            info,
            &setting::TARGET,
            "cannot choose rows that represent another table",
            Info::supports_target,
        ));
    }
    if method.kept.is_some() && !info.supports_kept() {
        return Err(unused(info, &setting::KEPT, "cannot go on from rows that are kept already", Info::supports_kept));
    }
    let given = method.training.first_given();
    if let Some(setting) = method.log.as_ref().map(|_| &setting::LOG).or(given)
        && !info.uses_dynamics()
    {
        return Err(unused(info, setting, "does not use training dynamics", Info::uses_dynamics));
    }
    match given {
        Some(given) if method.log.is_some() => Err(Problem::new(text![
            given,
            ": nothing is trained where ",
            &setting::LOG,
            " is given"
        ])
        .hint(text!["leave ", &setting::LOG, " or ", given, " out"])),
        _ => Ok(info),
    }
}

/// A setting that the method would ignore. It is refused wherever the training log would be saved too.
pub(crate) fn check_saves_log(info: &Info, saves: bool, method: &TableMethod) -> Result<()> {
    if saves && !info.uses_dynamics() {
        return Err(unused(info, &setting::SAVE_LOG, "does not use training dynamics", Info::uses_dynamics));
    }
    if saves && method.log.is_some() {
        return Err(Problem::new(text![&setting::SAVE_LOG, ": nothing is trained where ", &setting::LOG, " is given"])
            .hint(text!["leave ", &setting::LOG, " or ", &setting::SAVE_LOG, " out"]));
    }
    Ok(())
}

fn unused(info: &Info, setting: &'static leanset_problem::Setting, what: &str, can: impl Fn(&Info) -> bool) -> Problem {
    let others: Vec<&str> = METHODS.iter().filter(|m| can(m)).map(|m| m.id).collect();
    let hint = text!["leave ", setting, " out"];
    let hint = match others.as_slice() {
        [] => hint,
        [first, more @ ..] => {
            let more: String = more.iter().map(|other| format!(" or {other}")).collect();
            hint.text(", or use ").text(setting::METHOD.to(first)).text(more)
        }
    };
    Problem::new(text![setting, format!(": {} {what}", info.id)]).hint(hint)
}

/// The method with its parameters checked, rows of the file turned into rows of the dataset.
pub(crate) fn reducer(method: &Method, columns: &Columns, input: &Input, context: &Context<'_>) -> Result<Reducer> {
    let info = method.info()?;
    let given = method
        .parameters
        .distinct()?
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Text(text) => match text.strip_prefix('@') {
                    Some(file) => ids_in(file, input, columns, context)?,
                    None => value.clone(),
                },
                _ => value.clone(),
            };
            let takes_rows = info.params.iter().any(|spec| spec.name == name && spec.kind.takes_rows());
            Ok((name.clone(), if takes_rows { dataset_rows(name, value, input)? } else { value }))
        })
        .collect::<Result<Vec<_>>>()?;
    let reducer = method.guarded(Reducer::new(info.id, &given)?)?;
    check_classes(&reducer, input)?;
    Ok(reducer)
}

/// The method must find as many classes as it needs.
fn check_classes(reducer: &Reducer, input: &Input) -> Result<()> {
    let needed = reducer.info().capabilities.least_classes;
    let (name, id) = (input.table.name(), reducer.info().id);
    if needed <= 1 {
        return Ok(());
    }
    match (input.encoder.label(), input.encoded.class_names.as_slice()) {
        (None, _) => Err(Problem::new(text![
            format!("{name}: no "),
            &setting::LABEL,
            format!(" is given, so all rows are one class, and {id} needs {needed} or more")
        ])
        .hint(text![setting::LABEL.to("COLUMN"), " names the column of classes"])),
        (Some(label), [only]) => Err(Problem::new(format!(
            "{name}: the label column '{label}' holds one value, '{only}'; {id} needs {needed} classes or more"
        ))
        .hint(text!["name another label column, or use another method (", Command::METHODS, ")"])),
        _ => Ok(()),
    }
}

/// In a request, rows are those of the file; the method knows rows of the dataset. Other values pass.
fn dataset_rows(name: &str, value: Value, input: &Input) -> Result<Value> {
    let rows: Option<Vec<u32>> = match &value {
        Value::Text(text) => text.split(',').map(|part| part.trim().parse().ok()).collect(),
        Value::Int(row) => u32::try_from(*row).ok().map(|row| vec![row]),
        Value::Rows(rows) => Some(rows.iter().map(|row| row.0).collect()),
        _ => None,
    };
    let Some(rows) = rows else { return Ok(value) };
    let of_dataset = |row| {
        input.dataset_row(FileRow(row)).ok_or_else(|| {
            let rows = input.table.rows();
            let what = input.absence(FileRow(row));
            let file = input.table.name();
            Problem::new(text![
                setting::PARAM.to(name),
                format!(": row {row} {what}: {file} has rows 0 to {}", rows - 1)
            ])
            .hint("name another row")
        })
    };
    rows.into_iter().map(of_dataset).collect::<Result<Vec<_>>>().map(Value::Rows)
}

/// The parameters as used, defaults included, with rows as the file counts them: what a manifest holds.
pub(crate) fn parameters_used(reducer: &Reducer, input: &Input) -> Parameters {
    let file_rows = |value: &Value| match value {
        Value::Rows(rows) => Value::Rows(rows.iter().map(|&row| RowId(input.file_row(row).0)).collect()),
        other => other.clone(),
    };
    reducer.params().iter().map(|(name, value)| (name, file_rows(value))).collect()
}

/// Whether the method ranks with these parameters: known before the work, and to a dry run.
pub(crate) fn check_ranks(reducer: &Reducer) -> Result<()> {
    let id = reducer.info().id;
    match reducer.ranks() {
        Support::Yes => Ok(()),
        Support::No => Err(Problem::new(format!("{id} cannot rank rows: its selections at two ratios are not nested"))
            .hint(text!["use ", Command::REDUCE, ", or another method (", Command::METHODS, ")"])),
        Support::When(condition) => {
            Err(Problem::new(format!("{id} cannot rank rows with these parameters")).hint(text![
                format!("it ranks when {condition} ("),
                setting::PARAM.to("NAME=VALUE"),
                "); otherwise use ",
                Command::REDUCE
            ]))
        }
    }
}
