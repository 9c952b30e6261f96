//! `leanset experiment`: the runs of a plan, resumed where they stopped, and what they come to.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leanset_lab::energy::Meters;
use leanset_lab::plan::{Data, MissingWord, Plan, Purpose, ScaleWord};
use leanset_lab::records::{Journal, Record};
use leanset_lab::statistics::Verdict;
use leanset_lab::summary::Cell;
use leanset_lab::{Lab, Learner as _, Mlp, Options, Summary, records};
use leanset_tables::{ReadOptions, read_bytes};
use serde_json::json;

use crate::args::{ExperimentArgs, Missing, Scale, TableArgs};
use crate::error::Failure;
use crate::input::Input;
use crate::output::{self, Outputs};
use crate::progress::Progress;
use crate::text::say;
use crate::{machine, text};

/// The data set inside the program.
const EMBEDDED: &str = "digits";

pub(crate) fn run(args: &ExperimentArgs) -> Result<String, Failure> {
    let plan = Plan::read(&args.plan)?;
    let threads = machine::use_threads(args.threads)?;
    let options = Options { threads, exclusive: args.exclusive };
    let progress = Progress::new(args.quiet);
    let table = Source::of(args, &plan)?;
    if let Some(output) = &args.output {
        let inputs: Vec<&Path> = [Some(args.plan.as_path()), table.path()].into_iter().flatten().collect();
        Outputs::new(true).check(output, &inputs)?;
    }
    let (input, sha256) = table.read(&plan.data, &progress)?;
    for warning in input.warnings() {
        say(&text::warning(warning));
    }
    let lab = Lab::new(&plan, &input.table, &input.encoded)?;
    let header = lab.header(input.table.name(), &sha256);
    let learner = Mlp::new(&plan.model);
    if args.dry_run {
        return dry_run(args, &plan, &lab, &learner, options, &progress);
    }
    let meter = Meters::new(&plan.energy, args.exclusive || threads == 1)?;
    let Some(path) = &args.output else { return Err(Failure::new("no output is named").hint("--output runs.jsonl")) };
    let (journal, contents) = Journal::open(path, &header)?;
    if contents.torn {
        let message = format!("{}: the last line was torn and is left out: its run is done again", path.display());
        say(&text::warning(&leanset_tables::Warning { code: "torn-line", message, hint: None }));
    }
    let (done, planned) = (contents.records.len(), lab.runs().len());
    if done > 0 && !args.quiet {
        say(&format!("{}: {done} of {planned} runs are there already\n", path.display()));
    }
    let began = Instant::now();
    let found = lab.run(&learner, &meter, journal, &contents.records, options, &progress)?;
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

/// The table of an experiment.
enum Source {
    File(PathBuf),
    Embedded,
}

impl Source {
    fn of(args: &ExperimentArgs, plan: &Plan) -> Result<Self, Failure> {
        if let Some(file) = &args.data {
            return Ok(Self::File(file.clone()));
        }
        match (&plan.data.path, plan.data.embedded.as_deref()) {
            (Some(file), _) => Ok(Self::File(file.clone())),
            (None, Some(EMBEDDED)) => Ok(Self::Embedded),
            (None, other) => {
                let name = args.plan.display();
                let other = other.unwrap_or_default();
                Err(Failure::new(format!("{name}: data.embedded must be {EMBEDDED}, not '{other}'"))
                    .hint("path = \"table.csv\" names a file"))
            }
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Embedded => None,
        }
    }

    /// The table, encoded, and its SHA-256.
    fn read(&self, plan: &Data, progress: &Progress) -> Result<(Input, String), Failure> {
        let columns = columns(plan)?;
        match self {
            Self::File(path) => Ok((Input::read(path, &columns, progress)?, output::sha256(path)?.0)),
            Self::Embedded => {
                let csv = super::demo::unpack()?;
                let sha256 = output::sha256_of(&csv);
                let table = read_bytes("digits.csv", csv, &ReadOptions::default())?;
                Ok((Input::of_table(table, &columns, Instant::now())?, sha256))
            }
        }
    }
}

/// The columns of a plan as arguments.
fn columns(plan: &Data) -> Result<TableArgs, Failure> {
    Ok(TableArgs {
        label: Some(plan.label.clone()),
        features: plan.features.clone(),
        exclude: plan.exclude.clone(),
        id: plan.id.clone(),
        missing: match plan.missing {
            MissingWord::Refuse => Missing::Refuse,
            MissingWord::Mean => Missing::Mean,
            MissingWord::Drop => Missing::Drop,
        },
        scale: match plan.scale {
            ScaleWord::Minmax => Scale::Minmax,
            ScaleWord::Standard => Scale::Standard,
            ScaleWord::None => Scale::None,
        },
        bins: plan.bins,
        format: plan.format.as_deref().map(str::parse).transpose().map_err(Failure::from)?,
        sheet: plan.sheet.clone(),
        delimiter: plan.delimiter.and_then(|d| u8::try_from(d).ok()),
    })
}

/// What would be done, and about how long it would take.
fn dry_run(
    args: &ExperimentArgs,
    plan: &Plan,
    lab: &Lab<'_>,
    learner: &Mlp,
    options: Options,
    progress: &Progress,
) -> Result<String, Failure> {
    let there = match &args.output {
        Some(path) if path.exists() => records::read(path)?.records,
        _ => Vec::new(),
    };
    let done: BTreeSet<_> = there.iter().map(Record::key).collect();
    let (planned, left) = (lab.runs().len(), lab.steps_left(learner, &done));
    // By the runs that are there; else by one epoch of the first.
    let known: u64 = there.iter().map(|r| r.steps.training).sum();
    let (by, second) = if known > 0 {
        ("the runs that are there", there.iter().map(|r| r.measured.training.seconds).sum::<f64>() / known as f64)
    } else {
        leanset_core::Monitor::begin(progress, "training one epoch", 0);
        let fold = lab.fold_of(0)?;
        let began = Instant::now();
        learner.train(&fold.train, None, 1, plan.seed_of(Purpose::Model, 0))?;
        let steps = learner.steps(fold.train.classes.len(), 1);
        ("one epoch of full training", began.elapsed().as_secs_f64() / steps as f64)
    };
    // A model is trained on one thread.
    let at_once = if options.exclusive { 1 } else { options.threads };
    let seconds = second * left as f64 / at_once as f64;
    if args.json {
        let document = json!({
            "schema": "leanset.experiment-plan/1",
            "leanset": env!("CARGO_PKG_VERSION"),
            "title": plan.title,
            "runs": planned,
            "done": done.len(),
            "steps_left": left,
            "training_seconds_left": seconds,
            "estimated_from": by,
            "threads": options.threads,
            "exclusive": options.exclusive,
        });
        return Ok(format!("{document:#}\n"));
    }
    let (methods, ratios) = (plan.methods.len(), plan.reduce.ratios.len());
    Ok(format!(
        "{}\n{} runs: {} repetitions of {methods} methods at {ratios} ratios and full training; {} are done\n\
         about {} of training left at {at_once} at once, by {by}; choosing rows comes on top\n",
        plan.title,
        text::count(planned),
        plan.repetitions,
        text::count(done.len()),
        text::duration(Duration::from_secs_f64(seconds)),
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
    let full = |value: fn(&Cell) -> String| summary.full.as_ref().map_or_else(|| "?".into(), value);
    let accuracy = |cell: &Cell| {
        let mark = match cell.over_random.map(|p| p.verdict) {
            Some(Verdict::Yes) => " ▲",
            Some(Verdict::No) => " ▼",
            Some(Verdict::Unclear) | None => "  ",
        };
        format!("{:.3}{mark}", cell.accuracy.value)
    };
    let time = |cell: &Cell| {
        let lost = cell.seconds_saved.is_some_and(|s| s.difference.value < 0.0);
        format!("{}{}", text::duration(Duration::from_secs_f64(cell.seconds.value)), if lost { " !" } else { "" })
    };
    let _ = write!(
        out,
        "\nAccuracy (everything: {}, always the largest class: {:.3})\n{}",
        full(|c| format!("{:.3}", c.accuracy.value)),
        summary.largest_class,
        grid(summary, accuracy)
    );
    if summary.blind > 0 {
        let (blind, done) = (text::count(summary.blind), text::count(summary.done));
        let _ =
            writeln!(out, "  {blind} of {done} runs found no test row of some class: see macro F1 (report, --json)");
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
        full(|c| text::duration(Duration::from_secs_f64(c.seconds.value))),
        grid(summary, time)
    );
    if !summary.did_not_pay().is_empty() {
        out.push_str("  ! took longer than training on everything\n");
    }
    if summary.provenance.shared > 0 {
        let (shared, done) = (text::count(summary.provenance.shared), text::count(summary.done));
        let _ = writeln!(out, "  {shared} of {done} runs shared the machine: --exclusive meters each alone");
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
