//! `leanset rank`: every row in order of worth, as a table `row,class,rank,score` (see [`crate::ranking`]).

use std::path::Path;
use std::time::Instant;

use leanset_core::{Inputs, Reducer, Scope, Seed};
use leanset_tables::{Compression, Format, write_columns};
use serde_json::json;

use super::{energy, reducer};
use crate::args::RankArgs;
use crate::error::Failure;
use crate::input::Input;
use crate::machine;
use crate::manifest::{self, ClassRecord, Manifest, Measured, MethodRecord, OutputRecord, WarningRecord};
use crate::output::{self, Outputs};
use crate::progress::Progress;
use crate::target::{self, Target};
use crate::training::{self, Source};
use crate::{plan, ranking, text};

pub(crate) fn run(args: &RankArgs) -> Result<String, Failure> {
    let meter = energy::meter(&args.carbon, &args.power)?;
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
    let manifest_path = args.manifest.clone().or_else(|| output.filter(|_| !to_stdout).map(output::manifest_beside));
    if to_stdout && manifest_path.is_some() {
        return Err(Failure::new("--output - has no place for a manifest").hint("give a file: --output FILE"));
    }
    let format = match output.zip(manifest_path.as_deref()) {
        Some((path, manifest)) => {
            let inputs: Vec<&Path> = std::iter::once(args.file.as_path())
                .chain(args.method.target.as_deref())
                .chain(args.method.log.as_deref())
                .collect();
            let format = output::check_output(path, manifest, &inputs, &outputs)?;
            training::check_saving(&args.method, &inputs, &[path, manifest], args.force)?;
            format
        }
        None => {
            training::check_saving(&args.method, &[&args.file], &[], args.force)?;
            (Format::Csv, Compression::None)
        }
    };
    // What needs no table is refused before it is read.
    let info = leanset_core::methods::find(args.method.method.as_deref().ok_or_else(super::no_method)?)?;
    target::check_heeded(&args.method, info)?;
    training::check_heeded(&args.method, info)?;
    plan::file_within_limit(&args.file, &args.run)?;

    let input = Input::read(&args.file, &args.table, &progress)?;
    let data = input.dataset()?;
    let reducer = reducer(&args.method, &args.table, &input, &progress)?;
    check_ranks(&reducer)?;
    let target = super::target_of(&args.method, &args.table, &input, &args.run, &progress)?;
    let target_memory = target.as_ref().map_or(0, Target::memory);
    let source = Source::new(&args.method, info, &args.table, &input, &args.run, &progress)?;
    let shape = data.shape();
    let predicted = plan::BASE_MEMORY
        + input.memory()
        + target_memory
        + source.memory(&shape, &args.method)
        + (reducer.memory(&shape, shape.rows, threads) + (shape.rows * 64) as u64).max(input.passing_memory());
    plan::within_limit(predicted, &args.run)?;
    if args.dry_run {
        let mut plan = plan::plan_json("rank", &input, &reducer, shape.rows, predicted, threads);
        if let Some(path) = &args.method.target {
            plan["target"] = json!(path);
        }
        if let Some(path) = &args.method.log {
            plan["log"] = json!(path);
        }
        if let Some(training) = source.training_record() {
            plan["training"] = json!(training);
        }
        return plan::tell_plan(&plan, &args.run);
    }

    let began = Instant::now();
    let seed = Seed(args.method.seed);
    let towards = target.as_ref().map(Target::dataset).transpose()?;
    let (log, trained) = (source.log_record(), source.training_record());
    let seen = source.see(&args.method, &data, &progress)?;
    let given = Inputs { target: towards.as_ref(), dynamics: seen.dynamics() };
    let ranking = reducer.rank_with(&data, &given, None, seed, &progress).map_err(|error| input.failure(error))?;
    let method_time = began.elapsed();
    let of_target = target.as_ref().map_or(&[][..], Target::warnings);
    let own = ranking.warnings_at(&data.classes().sizes(), data.classes());
    let warnings: Vec<_> =
        input.warnings().iter().chain(of_target).cloned().chain(own.iter().map(text::own_warning)).collect();
    warnings.iter().for_each(|w| text::say(&text::warning(w)));

    let columns = ranking::columns(&ranking, &input, &args.table)?;
    if to_stdout {
        let mut csv = Vec::new();
        write_columns(&columns, format.0, format.1, &mut csv)?;
        let mut outputs = outputs;
        seen.stage(&mut outputs, &args.method, &args.table, &input)?;
        outputs.commit()?;
        return output::write_stdout(&csv);
    }
    let Some((output, manifest_path)) = output.zip(manifest_path) else {
        return Err(Failure::new("no output is given").hint("--output FILE"));
    };
    let mut outputs = outputs;
    let (sha256, bytes) = outputs.stage(output, |out| Ok(write_columns(&columns, format.0, format.1, out)?))?;
    let (sizes, reading) = (data.classes().sizes(), meter.stop());
    let told = energy::line(&reading);
    let manifest = Manifest {
        schema: manifest::SCHEMA.into(),
        leanset: env!("CARGO_PKG_VERSION").into(),
        command: "rank".into(),
        input: input.file_record(&args.file)?,
        target: target::record(target.as_ref()),
        log,
        training: trained,
        columns: input.columns_record(&args.table),
        method: MethodRecord {
            id: reducer.info().id.into(),
            parameters: manifest::parameters(&reducer, &input),
            seed: Some(args.method.seed),
            facts: ranking.diagnostics.iter().map(|(n, v)| ((*n).to_owned(), manifest::json(v))).collect(),
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
        warnings: warnings
            .iter()
            .map(|w| WarningRecord { code: w.code.to_string(), message: text::plain(&w.message) })
            .collect(),
        row_ids: None,
        weights: None,
        measured: Measured {
            read_seconds: input.read_time.as_secs_f64(),
            method_seconds: method_time.as_secs_f64(),
            epsilon_seconds: 0.0,
            peak_memory_bytes: machine::peak_memory(),
            threads,
            energy: Some(reading),
        },
    };
    let manifest_text = manifest::stage(&manifest, &mut outputs, &manifest_path)?;
    let saved = seen.stage(&mut outputs, &args.method, &args.table, &input)?;
    outputs.commit()?;
    if args.run.json {
        return Ok(manifest_text);
    }
    if !args.run.quiet {
        let scope = if ranking.scope() == Scope::PerClass { "within their classes" } else { "over all classes" };
        text::say(&format!(
            "{} ranks {} rows of {} {scope}{} in {}\n{told}  wrote {} and {}\n{}  any ratio is now a slice: leanset reduce … --ranking {} --ratio R\n",
            reducer.info().id,
            text::count(data.rows()),
            args.file.display(),
            target::purpose(args.method.target.as_deref()),
            text::duration(method_time),
            output.display(),
            manifest_path.display(),
            training::told(saved.as_deref()),
            output.display(),
        ));
    }
    Ok(String::new())
}

/// Whether the method ranks with these parameters: known before the work, and to a dry run.
fn check_ranks(reducer: &Reducer) -> Result<(), Failure> {
    use leanset_core::methods::Support;
    let id = reducer.info().id;
    match reducer.ranks() {
        Support::Yes => Ok(()),
        Support::No => Err(Failure::new(format!("{id} cannot rank rows: its selections at two ratios are not nested"))
            .hint("use `leanset reduce`, or another method (`leanset methods`)")),
        Support::When(condition) => Err(Failure::new(format!("{id} cannot rank rows with these parameters"))
            .hint(format!("it ranks when {condition} (--param NAME=VALUE); otherwise use `leanset reduce`"))),
    }
}
