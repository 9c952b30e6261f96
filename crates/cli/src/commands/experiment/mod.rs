//! `leanset experiment`: the runs of a plan, resumed where they stopped, and what they come to.

mod images;
mod render;
mod table;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::{Args, ValueHint};
use leanset::output::Outputs;
use leanset::{Problem, Reporter as _, Result, Warning};
use leanset_lab::metering::Meters;
use leanset_lab::plan::{Plan, TaskPlan};
use leanset_lab::record::Record;
use leanset_lab::template::render_shell;
use leanset_lab::{Experiment, Journal, RunOptions, Summary, Task, choose, journal};
use leanset_problem::setting;
use serde_json::json;

use crate::args::ThreadsArg;
use crate::render::{count, counted, duration, eprint, progress::Progress, rounded_duration, wrapped};
use crate::session::use_threads;

/// Run the experiment of a plan.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  leanset experiment plans/demo.toml --output runs.jsonl
  leanset report runs.jsonl --output report.html")]
pub(crate) struct ExperimentArgs {
    /// Plan of the experiment: a TOML file, e.g. plans/demo.toml.
    #[arg(value_name = "PLAN", value_hint = ValueHint::FilePath)]
    pub(crate) plan: PathBuf,
    /// Table or image dataset to use instead of the one in the plan, e.g. beans.csv.
    #[arg(long, value_name = "DATA", value_hint = ValueHint::AnyPath)]
    pub(crate) data: Option<PathBuf>,
    /// File of the records, one line per run, e.g. runs.jsonl; an existing file is continued.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "dry_run")]
    pub(crate) output: Option<PathBuf>,
    /// Run one training at a time and meter it alone, for times and energy that you publish.
    #[arg(long, hide_short_help = true)]
    pub(crate) exclusive: bool,
    /// Keep the folder of every training by a command (data, log, results) in this folder
    /// [default: only of a training that fails].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, hide_short_help = true)]
    pub(crate) keep: Option<PathBuf>,
    /// Number of threads; the results do not depend on it (times and energy do) [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), hide_short_help = true)]
    pub(crate) threads: Option<u16>,
    /// Report the number of runs and the expected time; run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the result as JSON on stdout (docs/json.md).
    #[arg(long, hide_short_help = true)]
    pub(crate) json: bool,
    /// Print no result and no progress, only warnings and errors.
    #[arg(long, short, hide_short_help = true)]
    pub(crate) quiet: bool,
}

pub(crate) fn run(args: &ExperimentArgs) -> Result<String> {
    let plan = Plan::read(&args.plan)?;
    let threads = use_threads(ThreadsArg { threads: args.threads })?;
    match &plan.task {
        TaskPlan::Table(settings) => table::run(args, &plan, settings, threads),
        TaskPlan::Images(settings) => images::run(args, &plan, settings, threads),
    }
}

/// Refuses an output that is an input.
fn check_output(args: &ExperimentArgs, data: Option<&Path>) -> Result<()> {
    let inputs: Vec<&Path> = [Some(args.plan.as_path()), data].into_iter().flatten().collect();
    args.output.as_ref().map_or(Ok(()), |output| Outputs::new(true).check(output, &inputs))
}

/// Does the runs that are left, and renders the summary.
fn carry_out<T: Task>(
    args: &ExperimentArgs,
    experiment: &Experiment<'_, T>,
    meter: &Meters,
    options: RunOptions,
    progress: &Progress,
) -> Result<String> {
    let header = experiment.header();
    let Some(path) = &args.output else {
        return Err(Problem::new("no output is named").hint(setting::OUTPUT.to("runs.jsonl")));
    };
    let (journal, contents) = Journal::open(path, &header)?;
    if contents.torn {
        let message = format!("{}: the last line is incomplete and is left out; its run is done again", path.display());
        progress.warn(&Warning::new("torn-line", message));
    }
    let (done, planned) = (contents.records.len(), experiment.runs().len());
    if done > 0 && done < planned && !args.quiet {
        let (done, planned) = (count(done), counted(planned, "run", "runs"));
        eprint(&wrapped(&format!("{}: {done} of {planned} are done already", path.display())));
    }
    if !args.quiet {
        let path = path.clone();
        say_when_interrupted(Some(Box::new(move || how_to_go_on(&path, planned))));
    }
    let began = Instant::now();
    let found = experiment.run(meter, journal, &contents.records, options, progress);
    say_when_interrupted(None);
    let found = found?;
    progress.clear();
    let summaries = Summary::of_models(&header, &found);
    for summary in &summaries {
        if let Some(weak) = &summary.weak {
            let model = summary.model.as_deref().map_or_else(String::new, |model| format!("{model}: "));
            let hint = "give it more epochs or other settings in [model], or compare with kind = \"logistic\"";
            progress.warn(&Warning::new("weak-model", format!("{model}{}", weak.describe())).hint(hint));
        }
    }
    if args.json {
        return json(&summaries, path);
    }
    if args.quiet {
        return Ok(String::new());
    }
    let file = path.display();
    let all = counted(planned, "run", "runs");
    let now = match (found.len() - done, done) {
        (0, _) => format!("{file}: all {all} were done already"),
        (_, 0) => format!("{file}: {all} done in {}", duration(began.elapsed())),
        (new, _) => {
            let (new, before) = (count(new), count(done));
            format!("{file}: {new} of {all} done in {}, {before} before", duration(began.elapsed()))
        }
    };
    let report =
        render_shell(&["leanset".into(), "report".into(), path.into(), "--output".into(), "report.html".into()]);
    let rendered: Vec<String> = summaries.iter().map(render::render).collect();
    Ok(format!("{}\n{now}\nReport: {report}\n", rendered.join("\n")))
}

/// What is said when an interrupt ends this process.
type LastWords = Box<dyn FnOnce() -> String + Send>;
static LAST_WORDS: Mutex<Option<LastWords>> = Mutex::new(None);

/// Says this, or nothing, if an interrupt ends this process.
fn say_when_interrupted(words: Option<LastWords>) {
    *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner) = words;
}

/// Called when an interrupt ends this process.
pub(crate) fn say_how_to_go_on() {
    let words = LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(words) = words {
        eprint(&words());
    }
}

/// What an interrupt leaves, and the command that goes on from there.
fn how_to_go_on(path: &Path, planned: usize) -> String {
    let command: Vec<OsString> = std::iter::once("leanset".into()).chain(std::env::args_os().skip(1)).collect();
    let kept = journal::read(path).map_or(0, |contents| contents.records.len());
    format!(
        "\ninterrupted: {} of {} are kept in {}; this command goes on from there:\n  {}\n",
        count(kept),
        counted(planned, "run", "runs"),
        crate::render::path(path),
        render_shell(&command)
    )
}

/// The runs that are done already.
fn there(args: &ExperimentArgs) -> Result<Vec<Record>> {
    match &args.output {
        Some(path) if path.exists() => Ok(journal::read(path)?.records),
        _ => Ok(Vec::new()),
    }
}

/// What a dry run reports beside the number of runs.
struct Forecast {
    /// Seconds per gradient step and where they come from, if no run was done yet; none if nothing was measured.
    step: Option<(&'static str, f64)>,
    /// Keys of the document.
    keys: Vec<(&'static str, serde_json::Value)>,
    /// Lines for a person.
    lines: String,
}

/// What would be done, and about how long it would take.
fn dry_run<T: Task>(
    args: &ExperimentArgs,
    plan: &Plan,
    experiment: &Experiment<'_, T>,
    options: RunOptions,
    forecast: impl FnOnce(bool) -> Result<Forecast>,
) -> Result<String> {
    let there = there(args)?;
    let done: BTreeSet<_> = there.iter().map(Record::key).collect();
    let (planned, left) = (experiment.runs().len(), experiment.steps_left(&done));
    let known: u64 = there.iter().map(|r| r.steps.training).sum();
    let forecast = forecast(known > 0)?;
    let step = if known > 0 {
        let seconds = there.iter().map(|r| r.measured.training.seconds).sum::<f64>();
        Some(("the runs that are done", seconds / known as f64))
    } else {
        forecast.step
    };
    // A model is trained on one thread.
    let at_once = if options.exclusive { 1 } else { options.threads };
    let seconds = step.map(|(_, second)| second * left as f64 / at_once as f64);
    if args.json {
        let mut document = json!({
            "schema": "leanset.experiment-plan/1",
            "leanset": env!("CARGO_PKG_VERSION"),
            "title": plan.title,
            "runs": planned,
            "done": done.len(),
            "steps_left": left,
            "training_seconds_left": seconds,
            "estimated_from": step.map(|(by, _)| by),
            "threads": options.threads,
            "exclusive": options.exclusive,
        });
        for (key, value) in forecast.keys {
            document[key] = value;
        }
        return Ok(format!("{document:#}\n"));
    }
    let (methods, ratios) = (plan.methods.len(), plan.reduce.ratios.len());
    let time = match step.zip(seconds) {
        _ if done.len() == planned => "Nothing is left to do.".into(),
        Some(((by, _), seconds)) => format!(
            "The training that is left takes about {} with {at_once} at a time, by {by}. Choosing {} comes on top.",
            rounded_duration(crate::render::seconds(seconds)),
            plan.vocabulary().rows
        ),
        None if left == 0 => format!(
            "The models have no gradient steps; the time is known after the first runs. Choosing {} comes on top.",
            plan.vocabulary().rows
        ),
        None => format!(
            "{} gradient steps are left; the time of one is known after the first run. Choosing {} comes on top.",
            count(left as usize),
            plan.vocabulary().rows
        ),
    };
    let models = match plan.model_names().len() {
        1 => String::new(),
        several => format!(", with {}", counted(several, "model", "models")),
    };
    let baselines = match plan.baselines.len() {
        0 => "of full training".to_owned(),
        _ => "of full training and the baselines".to_owned(),
    };
    let runs = format!(
        "{}: {} of {} at {}, and {baselines}{models}; {} done",
        counted(planned, "run", "runs"),
        counted(plan.repetitions as usize, "repetition", "repetitions"),
        counted(methods, "method", "methods"),
        counted(ratios, "ratio", "ratios"),
        if done.is_empty() { "none is".into() } else { format!("{} are", count(done.len())) },
    );
    Ok(format!("{}\n{}{}{}", plan.title, wrapped(&runs), wrapped(&time), forecast.lines))
}

/// The summary of each model, and where the records are: of one model its summary, of several a list of theirs.
pub(super) fn json(summaries: &[Summary], path: &Path) -> Result<String> {
    let of = |summary: &Summary| -> Result<serde_json::Value> {
        let mut document =
            serde_json::to_value(summary).map_err(|e| Problem::internal(format!("the summary cannot be made: {e}")))?;
        document["recommendation"] = serde_json::to_value(choose::recommend(summary)).unwrap_or_default();
        Ok(document)
    };
    let mut document = match summaries {
        [only] => of(only)?,
        several => json!({
            "schema": "leanset.experiment/1",
            "leanset": env!("CARGO_PKG_VERSION"),
            "title": several.first().map(|summary| &summary.title),
            "data": several.first().map(|summary| &summary.data),
            "done": several.iter().map(|summary| summary.done).sum::<usize>(),
            "planned": several.iter().map(|summary| summary.planned).sum::<usize>(),
            "models": several.iter().map(of).collect::<Result<Vec<_>>>()?,
        }),
    };
    document["records"] = path.display().to_string().into();
    Ok(format!("{document:#}\n"))
}
