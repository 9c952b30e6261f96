//! `leanset rank`: every row in order of worth, in a table `row,class,rank,score`; and reading such a table back.

use std::path::Path;
use std::time::Instant;

use leanset_core::{Classes, Ranking, Reducer, RowId, Scope, Seed};
use leanset_tables::{Column, Compression, Format, Table, Texts, Values, write_columns};

use super::reducer;
use crate::args::{RankArgs, TableArgs};
use crate::error::Failure;
use crate::input::{Input, read_table};
use crate::machine;
use crate::manifest::{self, ClassRecord, Manifest, Measured, MethodRecord, OutputRecord, WarningRecord, json};
use crate::output::Outputs;
use crate::progress::Progress;
use crate::text;

pub(crate) fn run(args: &RankArgs) -> Result<String, Failure> {
    let threads = machine::use_threads(args.run.threads)?;
    let progress = Progress::new(args.run.quiet);
    let outputs = Outputs::new(args.force);
    let output = match (&args.output, args.dry_run) {
        (None, false) => {
            return Err(Failure::new("no output is given").hint("--output FILE, or --output - for CSV on stdout"));
        }
        (output, _) => output.as_deref(),
    };
    let to_stdout = output == Some(Path::new("-"));
    if to_stdout && args.run.json {
        return Err(Failure::new("--output - and --json both write to stdout").hint("give a file: --output FILE"));
    }
    let manifest_path =
        args.manifest.clone().or_else(|| output.filter(|_| !to_stdout).map(super::reduce::manifest_beside));
    if to_stdout && manifest_path.is_some() {
        return Err(Failure::new("--output - has no place for a manifest").hint("give a file: --output FILE"));
    }
    let format = match output.zip(manifest_path.as_deref()) {
        Some((path, manifest)) => super::reduce::check_output(path, manifest, &[&args.file], &outputs)?,
        None => (Format::Csv, Compression::None),
    };
    // What needs no table is refused before it is read.
    leanset_core::methods::find(args.method.method.as_deref().ok_or_else(super::no_method)?)?;
    super::reduce::file_within_limit(&args.file, &args.run)?;

    let input = Input::read(&args.file, &args.table, &progress)?;
    let data = input.dataset()?;
    let reducer = reducer(&args.method, &args.table, &input, &progress)?;
    check_ranks(&reducer)?;
    let shape = data.shape();
    let predicted = super::reduce::BASE_MEMORY
        + input.memory()
        + (reducer.memory(&shape, shape.rows, threads) + (shape.rows * 64) as u64).max(input.passing_memory());
    super::reduce::within_limit(predicted, &args.run)?;
    if args.dry_run {
        let plan = super::reduce::plan_json("rank", &input, &reducer, shape.rows, predicted, threads);
        return super::reduce::tell_plan(&plan, &args.run);
    }

    let began = Instant::now();
    let ranking = reducer.rank(&data, None, Seed(args.method.seed), &progress)?;
    let method_time = began.elapsed();
    let warnings: Vec<_> =
        input.warnings().iter().cloned().chain(ranking.warnings.iter().map(super::reduce::own_warning)).collect();
    warnings.iter().for_each(|w| text::say(&text::warning(w)));

    let columns = columns(&ranking, &input, &args.table)?;
    if to_stdout {
        let mut csv = Vec::new();
        write_columns(&columns, format.0, format.1, &mut csv)?;
        return super::reduce::write_stdout(&csv);
    }
    let Some((output, manifest_path)) = output.zip(manifest_path) else {
        return Err(Failure::new("no output is given").hint("--output FILE"));
    };
    let mut outputs = outputs;
    let (sha256, bytes) = outputs.stage(output, |out| Ok(write_columns(&columns, format.0, format.1, out)?))?;
    let sizes = data.classes().sizes();
    let manifest = Manifest {
        schema: manifest::SCHEMA.into(),
        leanset: env!("CARGO_PKG_VERSION").into(),
        command: "rank".into(),
        input: input.file_record(&args.file)?,
        columns: input.columns_record(&args.table),
        method: MethodRecord {
            id: reducer.info().id.into(),
            parameters: super::reduce::parameters(&reducer, &input),
            seed: Some(args.method.seed),
            facts: ranking.facts.iter().map(|(n, v)| ((*n).to_owned(), json(v))).collect(),
            ranking: None,
        },
        budget: None,
        classes: data
            .classes()
            .ids()
            .map(|c| ClassRecord {
                name: data.classes().name(c).to_owned(),
                rows: sizes[c.index()],
                kept: sizes[c.index()],
                epsilon: None,
                worst_row: None,
            })
            .collect(),
        rows: data.rows(),
        kept: data.rows(),
        epsilon: None,
        output: OutputRecord {
            path: output.to_owned(),
            sha256,
            bytes,
            format: format.0.to_string(),
            emit: "ranking".into(),
            order: "rank".into(),
            weights: None,
        },
        warnings: warnings.iter().map(|w| WarningRecord { code: w.code.into(), message: w.message.clone() }).collect(),
        row_ids: None,
        weights: None,
        measured: Measured {
            read_seconds: input.read_time.as_secs_f64(),
            method_seconds: method_time.as_secs_f64(),
            epsilon_seconds: 0.0,
            peak_memory_bytes: machine::peak_memory(),
            threads,
        },
    };
    let manifest_text = manifest.text()?;
    outputs.stage(&manifest_path, |out| {
        out.write_all(manifest_text.as_bytes()).map_err(|e| Failure::io("the manifest cannot be written", &e))
    })?;
    outputs.commit()?;
    if args.run.json {
        return Ok(manifest_text);
    }
    if !args.run.quiet {
        let scope = if ranking.scope() == Scope::PerClass { "within their classes" } else { "over all classes" };
        text::say(&format!(
            "{} ranks {} rows of {} {scope} in {}\n  wrote {} and {}\n  any ratio is now a slice: leanset reduce … --ranking {} --ratio R\n",
            reducer.info().id,
            text::count(data.rows()),
            args.file.display(),
            text::duration(method_time),
            output.display(),
            manifest_path.display(),
            output.display(),
        ));
    }
    Ok(String::new())
}

/// Whether the method ranks with these parameters: known before the work, and to a dry run.
fn check_ranks(reducer: &Reducer) -> Result<(), Failure> {
    use leanset_core::methods::Answer;
    let id = reducer.info().id;
    match reducer.ranks() {
        Answer::Yes => Ok(()),
        Answer::No => Err(Failure::new(format!("{id} cannot rank rows: its selections at two ratios are not nested"))
            .hint("use `leanset reduce`, or another method (`leanset methods`)")),
        Answer::When(condition) => Err(Failure::new(format!("{id} cannot rank rows with these parameters"))
            .hint(format!("it ranks when {condition} (--param NAME=VALUE); otherwise use `leanset reduce`"))),
    }
}

/// The error of slicing a ranking, with class names and the file.
pub(super) fn too_short(error: leanset_core::Error, path: &Path, classes: &Classes) -> Failure {
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

/// The table `row,class,rank,score`.
fn columns(ranking: &Ranking, input: &Input, args: &TableArgs) -> Result<Vec<(String, Column)>, Failure> {
    let rows: Vec<RowId> = ranking.rows().iter().map(|&r| input.original(r)).collect();
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
pub(super) fn row_names(rows: &[RowId], input: &Input, args: &TableArgs) -> Result<Column, Failure> {
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
pub(crate) fn read_ranking(
    path: &Path,
    input: &Input,
    args: &TableArgs,
    progress: &Progress,
) -> Result<Ranking, Failure> {
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
        if let Some(first) = before[row.index()].replace(RowId::at(at)) {
            return Err(other(format!("{} and {} name the same row", file.place(first), file.place(RowId::at(at)))));
        }
        let Some(encoded) = input.encoded_row(row) else {
            return Err(other(format!(
                "{} names row {row}, which is left out for missing values",
                file.place(RowId::at(at))
            )));
        };
        let class = input.encoded.classes[encoded.index()];
        let (said, is) = (classes.text(at), &input.encoded.class_names[class as usize]);
        if said != is.as_str() {
            return Err(other(format!(
                "{} says row {row} is of class '{said}', and it is of '{is}'",
                file.place(RowId::at(at))
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
                let place = file.place(RowId::at(at));
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
