//! `leanset experiment`: the runs of a plan, resumed where they stopped, and what they come to.

pub(super) mod images;
mod render;
mod table;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::{Args, ValueHint};
use leanset::output::Outputs;
use leanset::{Context, Problem, Reporter as _, Result, Warning};
use leanset_lab::metering::Meters;
use leanset_lab::plan::{Plan, TaskPlan, runs};
use leanset_lab::power::least_repetitions;
use leanset_lab::record::{DataRecord, Record, RunKey};
use leanset_lab::template::render_shell;
use leanset_lab::{Experiment, Journal, Power, RunOptions, Spread, Summary, Task, conclusion, journal, stop_writing};
use leanset_problem::{Face, setting, text};
use leanset_spec::{Columns, fraction};
use serde_json::json;

use super::plans;
use crate::args::ThreadsArg;
use crate::render::{count, counted, duration, eprint, progress::Progress, rounded_duration, wrapped};
use crate::session::use_threads;

/// Run the experiment of a plan.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  leanset experiment demo --output runs.jsonl
  leanset experiment --init beans.csv --label Class > plan.toml
  leanset report runs.jsonl --output report.html")]
pub(crate) struct ExperimentArgs {
    /// Plan of the experiment: a TOML file, or the name of one inside the program (`leanset plans`), e.g. demo.
    #[arg(value_name = "PLAN", value_hint = ValueHint::FilePath, required_unless_present = "init")]
    pub(crate) plan: Option<PathBuf>,
    /// Print a commented plan for this table, e.g. beans.csv, and run nothing.
    #[arg(long, value_name = "TABLE", value_hint = ValueHint::FilePath, requires = "label",
          conflicts_with_all = ["plan", "data", "output", "only", "exclusive", "keep", "dry_run", "json"])]
    pub(crate) init: Option<PathBuf>,
    /// With --init: the column with the class of each row, e.g. Class.
    #[arg(long, value_name = "COLUMN", requires = "init")]
    pub(crate) label: Option<String>,
    /// With --init: the column that identifies each row, e.g. sample_id.
    #[arg(long, value_name = "COLUMN", requires = "init", hide_short_help = true)]
    pub(crate) id: Option<String>,
    /// With --init: columns that are no features, e.g. name,date.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "init", hide_short_help = true)]
    pub(crate) exclude: Vec<String>,
    /// Table or image dataset to use instead of the one in the plan, e.g. beans.csv.
    #[arg(long, value_name = "DATA", value_hint = ValueHint::AnyPath)]
    pub(crate) data: Option<PathBuf>,
    /// File of the records, one line per run, e.g. runs.jsonl; an existing file is continued.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present_any = ["dry_run", "init"])]
    pub(crate) output: Option<PathBuf>,
    /// Do only these runs of the plan, e.g. energy, full or energy/0.1; repeat it, or separate with commas.
    #[arg(long, value_name = "METHOD[/RATIO],…", value_delimiter = ',', hide_short_help = true)]
    pub(crate) only: Vec<String>,
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

impl ExperimentArgs {
    /// Where the plan is, or its name.
    fn plan(&self) -> &Path {
        self.plan.as_deref().unwrap_or(Path::new(""))
    }
}

pub(crate) fn run(args: &ExperimentArgs) -> Result<String> {
    if let Some(table) = &args.init {
        let progress = Progress::of_face(args.quiet, Face::CommandLine);
        let columns = Columns {
            label: args.label.clone(),
            id: args.id.clone(),
            exclude: args.exclude.clone(),
            ..Columns::default()
        };
        return plans::init(table, &columns, &Context::new(&progress));
    }
    let plan = plans::read(args.plan())?;
    let threads = use_threads(ThreadsArg { threads: args.threads })?;
    match &plan.task {
        TaskPlan::Table(settings) => table::run(args, &plan, settings, threads),
        TaskPlan::Images(settings) => images::run(args, &plan, settings, threads),
    }
}

/// Refuses an output that is an input.
fn check_output(args: &ExperimentArgs, data: Option<&Path>) -> Result<()> {
    let inputs: Vec<&Path> = [Some(args.plan()), data].into_iter().flatten().collect();
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
    let runs: BTreeSet<_> = experiment.runs().into_iter().collect();
    let (done, planned) = (contents.records.iter().filter(|r| runs.contains(&r.key())).count(), runs.len());
    if !args.quiet && done < planned {
        let plan = &header.plan;
        let power = power(plan, &header.data, &contents.records);
        let text = power.describe(plan.vocabulary().main().name, plan.vocabulary().rows);
        match power.visible {
            Some(_) => eprint(&wrapped(&text)),
            None => progress.warn(&Warning::new("too-few-repetitions", text)),
        }
    }
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
    let summaries = Summary::of_models(&contents.header, &found);
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
    let now = match (found.len() - contents.records.len(), done) {
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

/// What an experiment can show, by the runs that are done, or by the size of its test part.
fn power(plan: &Plan, data: &DataRecord, records: &[Record]) -> Power {
    let tested = data.validation.unwrap_or(data.rows.saturating_sub(data.training_rows));
    let spread = Spread::of_runs(plan, records).unwrap_or(Spread::OfTestPart(tested));
    Power::new(plan.repetitions as usize, spread)
}

/// The runs that are asked for: all, or those of `--only`.
///
/// # Errors
/// A method or a ratio that the plan does not have.
fn selected(args: &ExperimentArgs, plan: &Plan) -> Result<Option<BTreeSet<RunKey>>> {
    if args.only.is_empty() {
        return Ok(None);
    }
    let all = runs(plan);
    let mut asked = BTreeSet::new();
    for only in &args.only {
        let (name, ratio) = match only.rsplit_once('/') {
            Some((name, ratio)) => {
                let ratio =
                    fraction(ratio).map_err(|e| Problem::new(text![setting::ONLY.to(only), format!(": {e}")]))?;
                (name.trim(), Some(ratio))
            }
            None => (only.trim(), None),
        };
        // By its label, or by any name of the method.
        let id = leanset_core::methods::find(name).map(|info| info.id).ok();
        let labelled = plan.methods.iter().any(|method| method.label() == name);
        let labels: Vec<&str> = match id {
            Some(id) if !labelled => plan.methods.iter().filter(|m| m.name == id).map(|m| m.label()).collect(),
            _ => vec![name],
        };
        let named = |run: &&RunKey| labels.contains(&run.method.as_str());
        let known: BTreeSet<&str> = all.iter().map(|run| run.method.as_str()).collect();
        if !all.iter().any(|run| named(&run)) {
            let hint = match leanset_core::error::nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("it has {}", known.into_iter().collect::<Vec<_>>().join(", ")),
            };
            return Err(
                Problem::new(text![setting::ONLY.to(only), format!(": the plan has no method '{name}'")]).hint(hint)
            );
        }
        let at = |run: &&RunKey| ratio.is_none_or(|ratio| run.ratio() == ratio);
        let found: Vec<RunKey> = all.iter().filter(named).filter(at).cloned().collect();
        if found.is_empty() {
            let ratios = plan.reduce.ratios.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
            return Err(Problem::new(text![setting::ONLY.to(only), ": the plan has no such ratio"])
                .hint(format!("its ratios are {ratios}")));
        }
        asked.extend(found);
    }
    Ok(Some(asked))
}

/// What is said when an interrupt ends this process.
pub(super) type LastWords = Box<dyn FnOnce() -> String + Send>;
static LAST_WORDS: Mutex<Option<LastWords>> = Mutex::new(None);

/// Says this, or nothing, if an interrupt ends this process.
pub(super) fn say_when_interrupted(words: Option<LastWords>) {
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
    stop_writing();
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
    let runs: BTreeSet<_> = experiment.runs().into_iter().collect();
    let done: BTreeSet<_> = there.iter().map(Record::key).filter(|run| runs.contains(run)).collect();
    let power = power(plan, &experiment.task().data(), &there);
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
            "verdicts": {
                "repetitions": power.repetitions,
                "least_repetitions": least_repetitions(),
                "spread": power.spread.value(),
                "spread_of": if matches!(power.spread, Spread::OfRuns(_)) { "runs" } else { "test part" },
                "visible_difference": power.visible,
                "repetitions_for_one_point": power.for_one_point,
            },
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
    let verdicts = wrapped(&power.describe(plan.vocabulary().main().name, plan.vocabulary().rows));
    Ok(format!("{}\n{}{}{verdicts}{}", plan.title, wrapped(&runs), wrapped(&time), forecast.lines))
}

/// The summary of each model, and where the records are: of one model its summary, of several a list of theirs.
pub(super) fn json(summaries: &[Summary], path: &Path) -> Result<String> {
    let of = |summary: &Summary| -> Result<serde_json::Value> {
        let mut document =
            serde_json::to_value(summary).map_err(|e| Problem::internal(format!("the summary cannot be made: {e}")))?;
        document["recommendation"] = serde_json::to_value(conclusion::recommend(summary)).unwrap_or_default();
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
