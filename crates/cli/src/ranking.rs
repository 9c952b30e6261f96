//! Rankings as files: the table `row,class,rank,score`, written and read back against the table it is of.

use std::path::Path;

use leanset_core::{Classes, Ranking, RowId};
use leanset_tables::{Column, FileRow, Table, Texts, Values};

use crate::args::TableArgs;
use crate::error::Failure;
use crate::input::{Input, read_table};
use crate::progress::Progress;

/// The table `row,class,rank,score`.
pub(crate) fn columns(ranking: &Ranking, input: &Input, args: &TableArgs) -> Result<Vec<(String, Column)>, Failure> {
    let rows: Vec<FileRow> = ranking.rows().iter().map(|&r| input.original(r)).collect();
    let classes: Texts = ranking
        .rows()
        .iter()
        .map(|r| input.encoded.class_names[input.encoded.classes[r.index()] as usize].as_str())
        .collect();
    let ranks: Vec<i64> = ranking.ranks().map(|r| i64::try_from(r).unwrap_or(i64::MAX)).collect();
    let missing = ranking.scores().iter().map(|s| s.is_nan()).collect();
    Ok(vec![
        ("row".into(), row_names(&rows, input, args)?),
        ("class".into(), classes.into()),
        ("rank".into(), ranks.into()),
        ("score".into(), Column::new(Values::Number(ranking.scores().to_vec()), Some(missing))),
    ])
}

/// The names of rows: their positions, or their values in the id column.
pub(crate) fn row_names(rows: &[FileRow], input: &Input, args: &TableArgs) -> Result<Column, Failure> {
    match &args.id {
        None => Ok(rows.iter().map(|r| i64::from(r.0)).collect::<Vec<_>>().into()),
        Some(id) => {
            // Distinct, or a slice of the ranking could not be told apart.
            input.rows_by_name(Some(id))?;
            let position = input.table.position(id)?;
            if let Values::Integer(v) = input.table.column(position)?.values {
                return Ok(rows.iter().map(|r| v[r.index()]).collect::<Vec<_>>().into());
            }
            let column = input.table.text_column(position)?;
            Ok(rows.iter().map(|r| column.text(r.index())).collect::<Texts>().into())
        }
    }
}

/// Reads a ranking back and checks it against the table it is of.
pub(crate) fn read(path: &Path, input: &Input, args: &TableArgs, progress: &Progress) -> Result<Ranking, Failure> {
    let plain = TableArgs { format: None, sheet: None, delimiter: None, ..args.clone() };
    let file = read_table(path, &plain, progress)?;
    let name = path.display();
    for needed in ["row", "class", "rank"] {
        if file.position(needed).is_err() {
            return Err(Failure::new(format!("{name}: has no column '{needed}', so it is not a ranking"))
                .hint("make one with `leanset rank`"));
        }
    }
    let other = |what: String| {
        Failure::new(format!("{name}: {what}, so it is not a ranking of {}", input.table.name()))
            .hint("rank this table again, with the same --label, --id and --missing")
    };
    let rows = input.rows_by_name(args.id.as_deref())?.resolve(&file, "row", input.table.name())?;
    let classes = file.text_column(file.position("class")?)?;
    let ranks = ranks_of(&file, path)?;
    let scores = scores_of(&file)?;
    let mut entries = Vec::with_capacity(rows.len());
    let mut before = vec![None; input.table.rows()];
    for (at, (&row, &rank)) in rows.iter().zip(&ranks).enumerate() {
        if let Some(first) = before[row.index()].replace(FileRow::at(at)) {
            return Err(other(format!("{} and {} name the same row", file.place(first), file.place(FileRow::at(at)))));
        }
        let Some(encoded) = input.encoded_row(row) else {
            return Err(other(format!(
                "{} names row {row}, which is left out for missing values",
                file.place(FileRow::at(at))
            )));
        };
        let class = input.encoded.classes[encoded.index()];
        let (said, is) = (classes.text(at), &input.encoded.class_names[class as usize]);
        if said != is.as_str() {
            return Err(other(format!(
                "{} says row {row} is of class '{said}', and it is of '{is}'",
                file.place(FileRow::at(at))
            )));
        }
        entries.push((class, rank, encoded, scores[at]));
    }
    let table_classes = leanset_core::Classes::new(&input.encoded.classes, input.encoded.class_names.len())?;
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

fn ranks_of(file: &Table, path: &Path) -> Result<Vec<usize>, Failure> {
    let column = file.column(file.position("rank")?)?;
    let rank = |at: usize| match &column.values {
        Values::Integer(v) if !column.is_missing(at) => usize::try_from(v[at]).ok(),
        _ => None,
    };
    (0..column.len())
        .map(|at| {
            rank(at).ok_or_else(|| {
                let place = file.place(FileRow::at(at));
                Failure::new(format!("{}: {place} has rank '{}'", path.display(), column.text(at)))
                    .hint("ranks are 0, 1, 2, …")
            })
        })
        .collect()
}

/// Scores of a ranking that has them, NaN where it has none.
fn scores_of(file: &Table) -> Result<Vec<f64>, Failure> {
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

/// The error of slicing a ranking, with class names and the file.
pub(crate) fn too_short(error: leanset_core::Error, path: &Path, classes: &Classes) -> Failure {
    match error {
        leanset_core::Error::RankingTooShort { class, held, asked } => {
            let of = class.map_or_else(String::new, |c| format!(" of class {}", classes.name(c)));
            let name = path.display();
            Failure::new(format!("{name}: the ranking holds {held} rows{of}, and {asked} are asked"))
                .hint("ask for fewer rows, or rank the whole table again")
        }
        error => error.into(),
    }
}
