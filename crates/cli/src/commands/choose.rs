//! `leanset choose`: how much of a table can go, and by which method.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueHint};
use leanset::output::Outputs;
use leanset::{Destination, Metric, Output, Problem, Reporter as _, Result, Warning};
use leanset_choose::{OwnModel, Question, choose};
use leanset_lab::choice::{Answer, ChoiceRecords, CommandJudge, Source, TableSubject, metered};
use leanset_lab::metering::Meters;
use leanset_lab::render::{lost, share};
use leanset_lab::report;
use leanset_lab::template::render_shell;
use leanset_spec::request::{Choice as Chosen, Reduce, Writing};
use leanset_spec::{Budget, Choosing, Columns, Energy, Guard, Method, Parameters, Scale, Split, Stopping, TablePaths};

use super::experiment::say_when_interrupted;
use crate::args::RunArgs;
use crate::render;
use crate::session::Session;

/// Find out how many rows of a table a model needs, and which.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}{MORE}"))]
pub(crate) struct ChooseArgs {
    /// Table to choose from: .csv .tsv .jsonl (also .gz, .zst) .parquet .arrow .feather .npy .npz .xlsx
    ///
    /// Several files are one table, in this order. Leave your test rows out: split them off first.
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath, required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) choosing: Choosing,
    #[command(flatten)]
    pub(crate) columns: Columns,
    /// File to write the rows to that the answer keeps, e.g. lean.csv.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// HTML page to write, with the curve and the evidence, e.g. choice.html.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// File of the trainings that are done, e.g. choice.jsonl; an existing file is continued.
    ///
    /// The same command goes on from there after an interruption. Another goal, tolerance or ratio takes what is there.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) records: Option<PathBuf>,
    /// Keep the folder of every training by the command (tables, log) in this folder [default: only of one that fails].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, help_heading = "Output", requires = "model", hide_short_help = true)]
    pub(crate) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) energy: Energy,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

const EXAMPLES: &str = "\
Examples:
  leanset choose beans.csv --label Class
  leanset choose beans.csv --label Class --ratio 0.1 -o lean.csv
  leanset choose train.parquet --label y --time 10m -o lean.parquet \\
    --model 'python train.py {train} {test} {seed}'";

const MORE: &str = "

Rows are held out in folds. Methods choose inside the rest of each fold, models are trained on what
they keep, and predict the rows that are held out. The answer says how much of your goal is lost
against training on everything, how sure that is, and which command keeps the rows. docs/choose.md
describes the protocol, and what the answer does not say.";

pub(crate) fn run(args: &ChooseArgs) -> Result<String> {
    let choosing = &args.choosing;
    choosing.check(&args.columns)?;
    let session = Session::new(&args.run, &args.energy)?;
    let context = session.context();
    let paths: TablePaths = args.files.clone().into();
    let mut outputs = Outputs::new(args.force);
    let inputs: Vec<&Path> = args.files.iter().chain(&choosing.validation).map(PathBuf::as_path).collect();
    for output in [&args.output, &args.report].into_iter().flatten() {
        outputs.check(output, &inputs)?;
    }
    if let Some(records) = &args.records {
        // An existing file of records is continued, and never replaced.
        Outputs::new(true).check(records, &inputs)?;
    }
    let subject = TableSubject::read(&paths, (&args.columns, choosing), &context)?;
    for warning in subject.input.warnings() {
        session.progress.warn(warning);
    }
    context.check_memory(subject.memory(context.threads()))?;
    let records = ChoiceRecords::open(args.records.as_deref(), (choosing, &subject.columns), &subject.sha256)?;
    if records.torn {
        let path = args.records.as_deref().map_or_else(String::new, render::path);
        let message = format!("{path}: the last line is incomplete and is left out; its training is done again");
        session.progress.warn(&Warning::new("torn-line", message));
    }
    if records.done() > 0 && !args.run.quiet {
        let done = render::counted(records.done(), "training is", "trainings are");
        render::eprint(&render::wrapped(&format!("{done} done already")));
    }
    let meter = Meters::new(&args.energy, true)?;
    let own = CommandJudge::new(choosing, &subject, args.keep.as_deref(), &meter)?;
    let question = Question {
        goal: choosing.goal,
        tolerance: choosing.tolerance,
        ratio: choosing.ratio,
        hold_out: subject.hold_out.clone(),
        groups: subject.groups.as_deref(),
        seed: choosing.seed,
        time: choosing.time.map(Duration::from_secs_f64),
    };
    if !args.run.quiet {
        let records = args.records.clone();
        say_when_interrupted(Some(Box::new(move || how_to_go_on(records.as_deref()))));
    }
    let own = own.as_ref().map(|own| own as &dyn OwnModel);
    let found = metered(&meter, || choose(&subject, own, &question, &records, &session.progress));
    say_when_interrupted(None);
    let (choice, cost) = found?;
    session.end_progress();
    choice.warnings.iter().for_each(|warning| session.progress.warn(warning));
    let source = Source {
        files: args.files.iter().map(|path| path.display().to_string()).collect(),
        columns: choosing.columns(&args.columns),
        seed: choosing.seed,
        scaled: subject.columns.scale.unwrap_or_default() == Scale::MinMax,
        output: args.output.as_ref().map(|path| path.display().to_string()),
    };
    let answer = Answer::new(choice, cost, source)?;
    if let Some(path) = &args.report {
        let page = report::choice::page(&answer, subject.input.table.name());
        outputs.stage(path, |out| {
            out.write_all(page.as_bytes()).map_err(|e| Problem::io("the report cannot be written", e))
        })?;
        outputs.commit()?;
    }
    drop(subject);
    let written = write(args, &answer, &session)?;
    if args.run.json {
        return Ok(format!("{:#}\n", answer.document()));
    }
    if args.run.quiet {
        return Ok(String::new());
    }
    Ok(format!("{}{written}", text_of(&answer, args)))
}

/// Keeps the rows of the answer, chosen again from all of them.
fn write(args: &ChooseArgs, answer: &Answer, session: &Session) -> Result<String> {
    let Some(path) = &args.output else { return Ok(String::new()) };
    let Some(ratio) = answer.ratio() else {
        let message = format!(
            "{}: is not written: {}",
            path.display(),
            answer.choice.sentence().to_lowercase().trim_end_matches('.')
        );
        session.progress.warn(&Warning::new("nothing-written", message));
        return Ok(String::new());
    };
    let candidate = answer.candidate();
    let method = Method {
        name: Some(candidate.reducer.info().id.to_owned()),
        parameters: Parameters { values: candidate.parameters() },
        guard: candidate.guard().map(Guard::from),
        seed: args.choosing.seed,
    };
    let request = Reduce {
        input: args.files.clone().into(),
        columns: args.choosing.columns(&args.columns),
        split: Split::default(),
        choice: Chosen::Method(method.into()),
        budget: Budget { ratio: Some(ratio), balance: candidate.balance.into(), ..Budget::default() },
        stopping: Stopping::default(),
        metric: Metric::default(),
        no_epsilon: false,
        writing: Writing::default(),
    };
    let destination = Destination { output: Output::File(path.clone()), force: args.force, ..Destination::default() };
    let outcome = leanset::reduce(&request, &destination, &session.context())?;
    session.end_progress();
    let manifest =
        outcome.manifest_path.as_deref().map_or_else(String::new, |path| format!(" and {}", render::path(path)));
    Ok(format!("  wrote {}{manifest}: {}\n", render::path(path), render::counted(outcome.manifest.kept, "row", "rows")))
}

/// What an interruption leaves, and the command that goes on from there.
fn how_to_go_on(records: Option<&Path>) -> String {
    let Some(path) = records else {
        return "\ninterrupted: nothing was kept; with --records FILE the same command goes on where it stopped\n"
            .into();
    };
    let command: Vec<OsString> = std::iter::once("leanset".into()).chain(std::env::args_os().skip(1)).collect();
    format!(
        "\ninterrupted: what is done is kept in {}; this command goes on from there:\n  {}\n",
        render::path(path),
        render_shell(&command)
    )
}

/// The answer, for a person.
fn text_of(answer: &Answer, args: &ChooseArgs) -> String {
    let bold = anstyle::Style::new().bold();
    let mut out = String::new();
    let sentence = render::wrapped(&answer.choice.sentence());
    let _ = writeln!(out, "{bold}{}{bold:#}\n", sentence.trim_end());
    for line in answer.choice.certainty() {
        out.push_str(&render::wrapped(&format!("  {line}")));
    }
    let header = ["method", "accuracy", "macro F1", "worst class", "over random", "against everything"];
    let rows = answer.evidence();
    if !rows.is_empty() {
        let ratio = share(answer.choice.evidence_ratio);
        let _ = writeln!(
            out,
            "\nAt {ratio} of the rows (* is chosen; differences in points of {}):",
            answer.choice.goal.name()
        );
        out.push_str(&render::columns(&header, rows.into_iter().map(Vec::from), 2, 1));
    }
    if answer.choice.curve.len() > 1 {
        let _ = writeln!(out, "\nThe curve of {}:", answer.candidate().name);
        let within = format!("within {}", answer.choice.allowance());
        let steadied = answer.choice.is_steadied();
        let mut header = vec!["kept", answer.choice.goal.name(), "lost", "smoothed", within.as_str()];
        header.extend(steadied.then_some("averaged"));
        let percent = |part: f64| format!("{:.0} %", (100.0 * part).floor());
        let rows = answer.choice.curve.iter().map(|point| {
            let mut row = vec![
                share(point.ratio),
                format!("{:.3}", point.score),
                format!("{} [{}, {}]", lost(point.loss.value), lost(point.loss.low), lost(point.loss.high)),
                lost(point.smoothed_loss),
                percent(point.within_tolerance),
            ];
            row.extend(steadied.then(|| percent(point.steadied)));
            row
        });
        out.push_str(&render::columns(&header, rows, 2, 1));
    }
    let _ = write!(out, "\n{}", render::wrapped(&format!("  {}", answer.payback())));
    if let Some(command) = answer.command().filter(|_| args.output.is_none()) {
        let _ = write!(out, "\n{command}\n");
    }
    out
}
