//! Rankings as files: the table `row,class,rank,score`, written and read back against the table it is of.

use std::path::Path;

use leanset_core::{Classes, Ranking, RowId};
use leanset_problem::{Command, Problem, Result, Warning, setting, text};
use leanset_spec::Columns;
use leanset_spec::manifest::RankingRecord;
use leanset_spec::manifest::table::FileRecord;
use leanset_tables::{Column, FileRow, Table, Texts, Values};

use super::input::{Input, read_table};
use super::rows::names_of;
use crate::context::Context;
use crate::expected;
use crate::output::{manifest_beside, sha256};

/// The table `row,class,rank,score`.
pub(crate) fn columns_of(ranking: &Ranking, input: &Input, columns: &Columns) -> Result<Vec<(String, Column)>> {
    let rows: Vec<FileRow> = ranking.rows().iter().map(|&r| input.file_row(r)).collect();
    let classes: Texts = ranking
        .rows()
        .iter()
        .map(|r| input.encoded.class_names[input.encoded.classes[r.index()] as usize].as_str())
        .collect();
    let ranks: Vec<i64> = ranking.ranks().map(|r| i64::try_from(r).unwrap_or(i64::MAX)).collect();
    let missing = ranking.scores().iter().map(|s| s.is_nan()).collect();
    Ok(vec![
        ("row".into(), names_of(&rows, input, columns)?),
        ("class".into(), classes.into()),
        ("rank".into(), ranks.into()),
        ("score".into(), Column::new(Values::Number(ranking.scores().to_vec()), Some(missing))),
    ])
}

/// Reads a ranking back and checks it against the table it is of.
pub(crate) fn read(path: &Path, input: &Input, columns: &Columns, context: &Context<'_>) -> Result<Ranking> {
    let file = read_table(path, &columns.of_other_file(), context)?;
    let name = path.display();
    for needed in ["row", "class", "rank"] {
        if file.position(needed).is_err() {
            return Err(Problem::new(format!("{name}: has no column '{needed}', so it is not a ranking"))
                .hint(text!["make one with ", Command::RANK]));
        }
    }
    let other = |what: String| {
        Problem::new(format!("{name}: {what}, so it is not a ranking of {}", input.table.name())).hint(text![
            "rank this table again, with the same ",
            &setting::LABEL,
            ", ",
            &setting::ID,
            " and ",
            &setting::MISSING
        ])
    };
    let rows = input.rows_by_name(columns.id.as_deref())?.resolve(&file, "row", input.table.name())?;
    let classes = file.text_column(file.position("class")?)?;
    let ranks = ranks_of(&file, path)?;
    let scores = scores_of(&file)?;
    let mut entries = Vec::with_capacity(rows.len());
    let mut before = vec![None; input.table.rows()];
    for (at, (&row, &rank)) in rows.iter().zip(&ranks).enumerate() {
        let place = || file.place(FileRow::at(at));
        if let Some(first) = before[row.index()].replace(FileRow::at(at)) {
            return Err(other(format!("{} and {} name the same row", file.place(first), place())));
        }
        let Some(encoded) = input.dataset_row(row) else {
            return Err(other(format!("{} names row {row}, which is left out for missing values", place())));
        };
        let class = input.encoded.classes[encoded.index()];
        let (said, is) = (classes.text(at), &input.encoded.class_names[class as usize]);
        if said != is.as_str() {
            return Err(other(format!("{} says row {row} is of class '{said}', and it is of '{is}'", place())));
        }
        entries.push((class, rank, encoded, scores[at]));
    }
    let table_classes = Classes::new(&input.encoded.classes, input.encoded.class_names.len())?;
    entries.sort_unstable_by_key(|e| (e.0, e.1));
    let mut orders = vec![(Vec::new(), Vec::new()); table_classes.len()];
    let within = entries.iter().all(|&(class, rank, row, score)| {
        let order: &mut (Vec<RowId>, Vec<f64>) = &mut orders[class as usize];
        let next = order.0.len() == rank;
        order.0.push(row);
        order.1.push(score);
        next
    });
    if within {
        return Ranking::per_class(orders, &table_classes).map_err(|e| other(e.to_string()));
    }
    entries.sort_unstable_by_key(|e| e.1);
    if let Some((at, entry)) = entries.iter().enumerate().find(|(at, e)| e.1 != *at) {
        let what =
            if entry.1 < at { format!("rank {} is given twice", entry.1) } else { format!("no row has rank {at}") };
        return Err(other(format!("ranks are neither 0, 1, 2, … within each class nor over all rows ({what})")));
    }
    let (rows, scores) = entries.iter().map(|e| (e.2, e.3)).unzip();
    Ranking::global(rows, scores, &table_classes).map_err(|e| other(e.to_string()))
}

fn ranks_of(file: &Table, path: &Path) -> Result<Vec<usize>> {
    let column = file.column(file.position("rank")?)?;
    let rank = |at: usize| match &column.values {
        Values::Integer(v) if !column.is_missing(at) => usize::try_from(v[at]).ok(),
        _ => None,
    };
    (0..column.len())
        .map(|at| {
            rank(at).ok_or_else(|| {
                let place = file.place(FileRow::at(at));
                Problem::new(format!("{}: {place} has rank '{}'", path.display(), column.text(at)))
                    .hint("ranks are 0, 1, 2, …")
            })
        })
        .collect()
}

/// Scores of a ranking that has them, NaN where it has none.
fn scores_of(file: &Table) -> Result<Vec<f64>> {
    let Ok(position) = file.position("score") else { return Ok(vec![f64::NAN; file.rows()]) };
    let column = file.column(position)?;
    let score = |at: usize| match &column.values {
        _ if column.is_missing(at) => f64::NAN,
        Values::Number(v) => v[at],
        Values::Number32(v) => f64::from(v[at]),
        Values::Integer(v) => v[at] as f64,
        _ => f64::NAN,
    };
    Ok((0..column.len()).map(score).collect())
}

/// The error of cutting a ranking, with class names and the file.
pub(crate) fn too_short(error: leanset_core::Error, path: &Path, classes: &Classes) -> Problem {
    match error {
        leanset_core::Error::RankingTooShort { class, held, asked } => {
            let of = class.map_or_else(String::new, |c| format!(" of class {}", classes.name(c)));
            let name = path.display();
            Problem::new(format!("{name}: the ranking holds {held} rows{of}, and {asked} are asked"))
                .hint("ask for fewer rows, or rank the whole table again")
        }
        error => error.into(),
    }
}

/// A ranking as recorded in the manifest of its cut: with what made it, if its own manifest is beside it.
pub(crate) fn record_of(path: &Path, input: &FileRecord, context: &Context<'_>) -> Result<RankingRecord> {
    let sha256 = sha256(path)?.0;
    let own = expected::read(&manifest_beside(path)).ok().filter(|m| m.output.sha256 == sha256);
    if let Some(own) = &own
        && own.input.sha256 != input.sha256
    {
        let message = format!(
            "{}: was made of {}, which is another file than {} (or was changed since)",
            path.display(),
            own.input.path.display(),
            input.path.display()
        );
        context.reporter.warn(
            &Warning::new("other-table", message).hint("rank again, unless the rows are the same in the same order"),
        );
    }
    Ok(RankingRecord { path: path.to_owned(), sha256, request: own.map(|own| own.request) })
}
