//! `leanset experiment`: the runs of a plan, resumed where they stopped, and what they come to.

mod images;
mod table;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use leanset_lab::metering::Meters;
use leanset_lab::plan::{Plan, TaskPlan};
use leanset_lab::record::Record;
use leanset_lab::statistics::Verdict;
use leanset_lab::summary::Cell;
use leanset_lab::{Experiment, Journal, RunOptions, Summary, Task, journal};
use serde_json::json;

use crate::args::ExperimentArgs;
use crate::error::Failure;
use crate::output::Outputs;
use crate::progress::Progress;
use crate::text::say;
use crate::{machine, text};

pub(crate) fn run(args: &ExperimentArgs) -> Result<String, Failure> {
    let plan = Plan::read(&args.plan)?;
    let threads = machine::use_threads(args.threads)?;
    match &plan.task {
        TaskPlan::Table(settings) => table::run(args, &plan, settings, threads),
        TaskPlan::Images(settings) => images::run(args, &plan, settings, threads),
    }
}

/// Refuses an output that is an input.
fn check_output(args: &ExperimentArgs, data: Option<&Path>) -> Result<(), Failure> {
    let inputs: Vec<&Path> = [Some(args.plan.as_path()), data].into_iter().flatten().collect();
    args.output.as_ref().map_or(Ok(()), |output| Outputs::new(true).check(output, &inputs))
}

/// Does what is left of a plan, and says what it comes to.
fn carry_out<T: Task>(
    args: &ExperimentArgs,
    experiment: &Experiment<'_, T>,
    meter: &Meters,
    options: RunOptions,
    progress: Progress,
) -> Result<String, Failure> {
    let header = experiment.header();
    let Some(path) = &args.output else { return Err(Failure::new("no output is named").hint("--output runs.jsonl")) };
    let (journal, contents) = Journal::open(path, &header)?;
    if contents.torn {
        let message = format!("{}: the last line was torn and is left out: its run is done again", path.display());
        say(&text::warning(&leanset_problem::Warning::new("torn-line", message)));
    }
    let (done, planned) = (contents.records.len(), experiment.runs().len());
    if done > 0 && !args.quiet {
        say(&format!("{}: {done} of {planned} runs are there already\n", path.display()));
    }
    let began = Instant::now();
    let found = experiment.run(meter, journal, &contents.records, options, &progress)?;
    drop(progress);
    let summary = Summary::new(&header, &found);
    if args.json {
        return json(&summary, path);
    }
    if args.quiet {
        return Ok(String::new());
    }
    let mut out = words(&summary);
    let _ = write!(
        out,
        "\n{} of {} runs in {}, {}\nThe page: leanset report {} --output report.html\n",
        text::count(found.len() - done),
        text::count(planned),
        text::duration(began.elapsed()),
        path.display(),
        path.display()
    );
    Ok(out)
}

/// What is there already.
fn there(args: &ExperimentArgs) -> Result<Vec<Record>, Failure> {
    match &args.output {
        Some(path) if path.exists() => Ok(journal::read(path)?.records),
        _ => Ok(Vec::new()),
    }
}

/// What a dry run says beside the number of runs.
struct Forecast {
    /// Seconds of a gradient step and what that is known by, where no run tells; none if nothing does.
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
    forecast: impl FnOnce(bool) -> Result<Forecast, Failure>,
) -> Result<String, Failure> {
    let there = there(args)?;
    let done: BTreeSet<_> = there.iter().map(Record::key).collect();
    let (planned, left) = (experiment.runs().len(), experiment.steps_left(&done));
    let known: u64 = there.iter().map(|r| r.steps.training).sum();
    let forecast = forecast(known > 0)?;
    let step = if known > 0 {
        let seconds = there.iter().map(|r| r.measured.training.seconds).sum::<f64>();
        Some(("the runs that are there", seconds / known as f64))
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
        Some(((by, _), seconds)) => {
            format!(
                "about {} of training left at {at_once} at once, by {by}",
                text::duration(Duration::from_secs_f64(seconds))
            )
        }
        None => format!(
            "{} gradient steps left; how long one takes is known after the first run",
            text::count(left as usize)
        ),
    };
    Ok(format!(
        "{}\n{} runs: {} repetitions of {methods} methods at {ratios} ratios and full training; {} are done\n\
         {time}; choosing {} comes on top\n{}",
        plan.title,
        text::count(planned),
        plan.repetitions,
        text::count(done.len()),
        plan.vocabulary().rows,
        forecast.lines
    ))
}

/// The summary and where its records are.
pub(super) fn json(summary: &Summary, path: &Path) -> Result<String, Failure> {
    let mut document = serde_json::to_value(summary)
        .map_err(|e| Failure::new(format!("the summary cannot be made: {e}")).code(crate::error::FAULT))?;
    document["records"] = path.display().to_string().into();
    Ok(format!("{document:#}\n"))
}

/// What the runs come to, for a person.
fn words(summary: &Summary) -> String {
    let mut out = format!(
        "{}\n{}, {} of {} runs, medians of up to {} repetitions\n",
        summary.title,
        summary.data,
        text::count(summary.done),
        text::count(summary.planned),
        summary.full.as_ref().map_or(0, |f| f.runs),
    );
    let full = |value: &dyn Fn(&Cell) -> String| summary.full.as_ref().map_or_else(|| "?".into(), value);
    let (vocabulary, main) = (summary.vocabulary, |cell: &Cell| format!("{:.3}", summary.main(cell).value));
    let judged = |cell: &Cell| {
        let mark = match cell.over_random.map(|p| p.verdict) {
            Some(Verdict::Yes) => " ▲",
            Some(Verdict::No) => " ▼",
            Some(Verdict::Unclear) | None => "  ",
        };
        format!("{}{mark}", main(cell))
    };
    let time = |cell: &Cell| {
        let lost = cell.seconds_saved.is_some_and(|s| s.difference.value < 0.0);
        format!("{}{}", text::duration(Duration::from_secs_f64(cell.seconds.value)), if lost { " !" } else { "" })
    };
    let largest =
        summary.largest_class.map_or_else(String::new, |part| format!(", always the largest class: {part:.3}"));
    let everything = full(&main);
    let _ = write!(out, "\n{} (everything: {everything}{largest})\n{}", vocabulary.main().title, grid(summary, judged));
    if let Some(runs) = summary.never_predicted.filter(|&runs| runs > 0) {
        let (runs, done) = (text::count(runs), text::count(summary.done));
        let _ = writeln!(
            out,
            "  {runs} of {done} runs never predicted some class correctly: see macro F1 (report, --json)"
        );
    }
    if let Some(random) = &summary.random {
        let (count, luck) = summary.comparisons();
        let _ = writeln!(
            out,
            "  ▲ beats {random}, ▼ is worse, else these runs cannot tell (Wilcoxon signed-rank, exact, p < 0.05;\n  \
             of {count} comparisons about {luck:.0} come out by luck)"
        );
    }
    let _ = write!(out, "\nε\n{}", grid(summary, |c| text::distance(c.epsilon.value)));
    let _ = write!(
        out,
        "\nSeconds of choosing and training, {} (everything: {})\n{}",
        summary.clock,
        full(&|c| text::duration(Duration::from_secs_f64(c.seconds.value))),
        grid(summary, time)
    );
    if !summary.did_not_pay().is_empty() {
        out.push_str("  ! took longer than training on everything\n");
    }
    if let Some(features) = &summary.features {
        let _ = writeln!(out, "  {}", features.describe(summary.clock));
    }
    let steps = |c: &Cell| text::count(c.steps.value.round() as usize);
    let _ = write!(out, "\nGradient steps (everything: {})\n{}", full(&steps), grid(summary, steps));
    if summary.provenance.shared > 0 {
        let (shared, done) = (text::count(summary.provenance.shared), text::count(summary.done));
        let _ = writeln!(out, "  {shared} of {done} runs shared the machine: {}", vocabulary.alone);
    }
    out
}

/// Methods × ratios.
fn grid(summary: &Summary, value: impl Fn(&Cell) -> String) -> String {
    let mut ratios: Vec<f64> = summary.methods.iter().flat_map(|m| m.cells.iter().map(|c| c.ratio)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.dedup();
    let header: Vec<String> = ratios.iter().map(|r| format!("{} %", trim(100.0 * r))).collect();
    let header: Vec<&str> = std::iter::once("method").chain(header.iter().map(String::as_str)).collect();
    let rows = summary.methods.iter().map(|method| {
        let at = |ratio: &f64| method.cells.iter().find(|c| c.ratio == *ratio).map_or_else(String::new, &value);
        std::iter::once(method.label.clone()).chain(ratios.iter().map(at)).collect()
    });
    text::columns(&header, rows, 2, 1)
}

/// A percentage without the noise of its last digits.
fn trim(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
