//! `leanset reduce`: keep a fraction of the rows of a table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use leanset::reproduce::{self, Places};
use leanset::{Context, Destination, Outcome, Output, Problem, Reduction, Result};
use leanset_problem::{for_shell, setting, text};
use leanset_spec::manifest::table::Manifest;
use leanset_spec::request::{Choice, Reduce, TableRequest, Writing};
use leanset_spec::{Budget, Columns, Energy, Split, Stopping, TableMethod, no_method};
use strum::EnumMessage as _;

use crate::args::{MetricArg, RunArgs, VerboseArg};
use crate::render;
use crate::session::Session;

/// Keep a fraction of the rows of a table.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}{MORE}"))]
pub(crate) struct ReduceArgs {
    /// Table to reduce: .csv .tsv .jsonl (also .gz, .zst) .parquet .arrow .feather .npy .npz .xlsx
    ///
    /// Several files are one table, in this order. A folder, or a pattern in quotes such as 'parts/*.parquet', is all its
    /// files in the order of their paths. `-` is stdin.
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath, required_unless_present = "from_manifest")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) method: TableMethod,
    /// Cut this ranking of `leanset rank` instead of running a method, e.g. ranking.csv.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Method", hide_short_help = true,
          conflicts_with_all = ["method", "params", "target", "kept", "log", "guard", "seed", "epochs", "hidden", "activation",
                                "dropout", "optimizer", "learning_rate", "weight_decay", "batch", "save_log"])]
    pub(crate) ranking: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) budget: Budget,
    #[command(flatten)]
    pub(crate) stopping: Stopping,
    /// File to write the kept rows to, e.g. lean.csv; `-` is stdout.
    ///
    /// The extension sets the format. Stdout has the format of the input.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) split: Split,
    #[command(flatten)]
    pub(crate) parts: PartArgs,
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// File to write the manifest to [default: OUTPUT.manifest.json].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output", hide_short_help = true)]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) save_log: SaveLogArg,
    /// Reproduce the output of this manifest byte for byte, or report what differs, e.g. lean.csv.manifest.json.
    ///
    /// FILE says where the input is now. What the manifest settles cannot be given.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Reproduce", hide_short_help = true,
          conflicts_with_all = ["method", "params", "guard", "seed", "epochs", "hidden", "activation", "dropout", "optimizer",
                                "learning_rate", "weight_decay", "batch", "save_log", "ranking", "ratio", "count",
                                "within", "epsilon", "per_class", "balance_classes", "split", "group", "label", "features",
                                "exclude", "id", "missing", "scale", "bins", "format",
                                "sheet", "delimiter", "emit", "order", "weights", "metric", "no_epsilon", "allow_empty_classes"])]
    pub(crate) from_manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) columns: Columns,
    #[command(flatten)]
    pub(crate) metric: MetricArg,
    /// Do not measure ε, which can take much longer than choosing rows.
    ///
    /// `leanset measure FILE OUTPUT` measures it later.
    #[arg(long, help_heading = "Representativeness (ε)", hide_short_help = true, conflicts_with = "metric")]
    pub(crate) no_epsilon: bool,
    #[command(flatten)]
    pub(crate) energy: Energy,
    /// Report what would be done and the memory that it would need; write nothing.
    #[arg(long, help_heading = "Run")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) verbose: VerboseArg,
}

/// Where the parts of a split table go.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Split")]
pub(crate) struct PartArgs {
    /// File to write the test rows to [default: OUTPUT with -test before its extension, e.g. lean-test.csv].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub(crate) test_output: Option<PathBuf>,
    /// Also write all training rows, before they are reduced, e.g. train.csv.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub(crate) train_output: Option<PathBuf>,
}

/// Where the training log goes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SaveLogArg {
    /// Save the training log for a later --log, e.g. log.parquet.
    ///
    /// One line per row and epoch, with the probability of every class. Parquet takes about a third of the space of CSV.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output", hide_short_help = true)]
    pub(crate) save_log: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  leanset reduce beans.csv --label Class --split 0.25 -m mms -r 0.1 -o lean.csv
  leanset reduce train.parquet --label y -m srs -n 500 -o lean.parquet
Split first: --split holds test rows out and writes them to lean-test.csv.";

const MORE: &str = "

If the file has the rows of your test too, a test of what is trained on the kept rows says too much: the method
has seen the test rows, and leaves out what is hard. So split first, with --split or before leanset, and reduce
the training rows. Compare with a random sample of the same size: -m srs.

More examples:
  leanset reduce scans.csv --label y --split 0.2 --group patient -m mms -r 0.1 -o lean.csv
  leanset reduce beans.csv --label Class -m mms --within 0.2 -r 0.5 -o lean.csv
  leanset reduce beans.csv --label Class -m mms --keep lean.csv -r 0.2 -o larger.csv
  leanset reduce beans.csv --label Class -m fes --log log.csv -r 0.5 -o lean.csv
  leanset reduce --from-manifest lean.csv.manifest.json -o again.csv";

pub(crate) fn run(args: &ReduceArgs) -> Result<String> {
    let session = Session::new(&args.run, &args.energy)?;
    let output = args.output.as_deref();
    check_stdout(output, args.run.json, args.manifest.as_deref())?;
    let reproduces = args.from_manifest.is_some();
    let reduction = prepare(args, &session)?;
    if args.dry_run {
        return render::dry_run::print(&reduction.dry_run(), args.run.json);
    }
    let outcome = reduction.run()?;
    session.end_progress();
    let report = (!args.run.quiet).then(|| report(&outcome, args, reproduces));
    if let Some(bytes) = &outcome.bytes {
        report.iter().for_each(|report| render::eprint(report));
        return render::write_stdout(bytes).map(|()| String::new());
    }
    if args.run.json {
        return Ok(outcome.manifest_text);
    }
    report.iter().for_each(|report| render::eprint(report));
    Ok(String::new())
}

/// The same without a word, for the demo.
pub(super) fn run_silently(args: &ReduceArgs) -> Result<()> {
    let destination = Destination {
        output: output_of(args.output.as_deref(), false)?,
        test_output: args.parts.test_output.clone(),
        train_output: args.parts.train_output.clone(),
        ..Destination::default()
    };
    leanset::reduce(&request_of(args)?, &destination, &Context::default()).map(drop)
}

/// What needs no file: two results cannot both go to stdout, and stdout has no manifest beside it.
pub(super) fn check_stdout(output: Option<&Path>, json: bool, manifest: Option<&Path>) -> Result<()> {
    if output != Some(Path::new("-")) {
        return Ok(());
    }
    let hint = || text!["give a file: ", setting::OUTPUT.to("FILE")];
    if json {
        return Err(
            Problem::new(text![setting::OUTPUT.to("-"), " and ", &setting::JSON, " both write to stdout"]).hint(hint())
        );
    }
    if manifest.is_some() {
        return Err(Problem::new(text![setting::OUTPUT.to("-"), " has no place for a manifest"]).hint(hint()));
    }
    Ok(())
}

/// Where a result goes by the arguments.
pub(super) fn output_of(output: Option<&Path>, dry_run: bool) -> Result<Output> {
    match output {
        Some(path) if path == Path::new("-") => Ok(Output::Memory),
        Some(path) => Ok(Output::File(path.to_owned())),
        None if dry_run => Ok(Output::Nowhere),
        None => Err(Problem::new("no output is given").hint(text![
            setting::OUTPUT.to("FILE"),
            ", or ",
            setting::OUTPUT.to("-"),
            " for stdout"
        ])),
    }
}

fn prepare<'a>(args: &ReduceArgs, session: &'a Session) -> Result<Reduction<'a>> {
    let context = session.context();
    let destination = |output| Destination {
        output,
        manifest: args.manifest.clone(),
        test_output: args.parts.test_output.clone(),
        train_output: args.parts.train_output.clone(),
        save_log: args.save_log.save_log.clone(),
        force: args.force,
    };
    if let Some(path) = &args.from_manifest {
        let manifest = reproduce::read(path)?;
        let output = match &args.output {
            None if !args.dry_run && matches!(manifest.request, TableRequest::Reduce(_)) => {
                Output::File(manifest.output.path.clone())
            }
            None => Output::Nowhere,
            output => output_of(output.as_deref(), args.dry_run)?,
        };
        let input = (!args.files.is_empty()).then(|| args.files.clone().into());
        let asked = &args.method;
        let places = Places { input, target: asked.target.clone(), kept: asked.kept.clone(), log: asked.log.clone() };
        let recorded = manifest.test.as_ref().map(|test| test.output.path.clone()).filter(|_| args.output.is_none());
        let mut destination = destination(output);
        destination.test_output = destination.test_output.or(recorded);
        return reproduce::reproduce(manifest, path, &places, &destination, &context);
    }
    let request = request_of(args)?;
    Reduction::prepare(&request, &destination(output_of(args.output.as_deref(), args.dry_run)?), &context)
}

/// The arguments as a request.
fn request_of(args: &ReduceArgs) -> Result<Reduce> {
    let choice = match &args.ranking {
        Some(path) => Choice::Ranking(path.clone()),
        None if args.method.choice.name.is_none() => return Err(no_method()),
        None => Choice::Method(args.method.clone()),
    };
    Ok(Reduce {
        input: args.files.clone().into(),
        columns: args.columns.clone(),
        split: args.split.clone(),
        choice,
        budget: args.budget.clone(),
        stopping: args.stopping.clone(),
        metric: args.metric.metric,
        no_epsilon: args.no_epsilon,
        writing: args.writing.clone(),
    })
}

/// How many files the rows are in, where they are several.
fn in_files(manifest: &Manifest) -> String {
    match manifest.input.files.len() {
        0 | 1 => String::new(),
        several => format!(" in {} files", render::count(several)),
    }
}

/// What was held out for a test, before the rest was reduced.
fn held_out(manifest: &Manifest, request: &Reduce) -> String {
    let Some(test) = &manifest.test else { return String::new() };
    let all = test.rows + manifest.rows;
    let groups = match (&test.groups, &request.split.group) {
        (Some(groups), Some(name)) => {
            format!(
                ", {} of {} by {}",
                groups.test,
                render::counted(groups.all, "group", "groups"),
                render::path(Path::new(name))
            )
        }
        _ => String::new(),
    };
    render::wrapped(&format!(
        "split first: {} of {} rows ({}) are held out as test rows{groups}, and only the others are reduced",
        render::count(test.rows),
        render::count(all),
        render::percent(test.rows, all)
    ))
}

/// What happened, for a person.
fn report(outcome: &Outcome, args: &ReduceArgs, reproduces: bool) -> String {
    let manifest = &outcome.manifest;
    let TableRequest::Reduce(request) = &manifest.request else { return String::new() };
    let (kept, rows) = (manifest.kept, manifest.rows);
    let name = match &request.choice {
        Choice::Method(_) => manifest.method.id.clone(),
        Choice::Ranking(path) => render::path(path),
    };
    let (kept_text, rows_text) = (render::count(kept), render::count(rows));
    let (verb, what) = match outcome.prototypes {
        true => ("generates", format!("{kept_text} prototypes of {rows_text} rows")),
        false if manifest.test.is_some() => ("keeps", format!("{kept_text} of {rows_text} training rows")),
        false => ("keeps", format!("{kept_text} of {rows_text} rows{}", in_files(manifest))),
    };
    let target = manifest.target.as_ref().map(|target| target.path.as_path());
    let purpose = render::purpose(target);
    let mut out = held_out(manifest, request);
    let _ = write!(out, "{name} {verb} {what} ({}){purpose}\n\n", render::percent(kept, rows));
    out.push_str(&render::manifest_classes(manifest, outcome.label.as_deref().unwrap_or("class")));
    let scaled = request.columns.scale.unwrap_or_default().get_message().unwrap_or("scaled");
    let worst = match &outcome.worst_place {
        Some(place) => format!("; worst covered is {place}"),
        None => "; a class is lost".into(),
    };
    if let Some(epsilon) = &manifest.epsilon {
        out.push('\n');
        out.push_str(&render::wrapped(&format!(
            "  ε = {} ({}, {} columns {scaled}){worst}",
            render::json_distance(&epsilon.value),
            epsilon.metric,
            manifest.columns.dimensions
        )));
    } else {
        // To be typed as it is, unless the rows went to stdout or there are further settings of columns.
        let label = request.columns.label.clone();
        let scale = request.columns.scale;
        let plain =
            request.columns == Columns { label: label.clone(), scale, ..Columns::default() } && manifest.test.is_none();
        // A stream is not there any more, and several files would have to be in a folder of their own.
        let full =
            request.input.single().filter(|_| outcome.manifest_path.is_some() && plain && !manifest.input.stream);
        let how = if let Some(full) = full {
            let files = [full, manifest.output.path.as_path()].map(|path| for_shell(&path.display().to_string()));
            let label = label.map_or(String::new(), |label| format!(" --label {}", for_shell(&label)));
            let scale = scale.map_or(String::new(), |scale| format!(" --scale {scale}"));
            format!("leanset measure {}{label}{scale}", files.join(" "))
        } else {
            "leanset measure FILE OUTPUT, with the same settings of columns,".into()
        };
        out.push('\n');
        out.push_str(&render::wrapped(&format!("  ε was not measured; {how} measures it")));
    }
    out.push_str(&render::guard(&manifest.method.facts));
    for column in &manifest.output.added_columns {
        let _ = writeln!(out, "  column '{column}' is added: the number of rows that each prototype stands for");
    }
    let measured = &manifest.measured;
    let seconds = |s: f64| render::duration(render::seconds(s));
    if render::costs_are_worth_a_word(args.verbose.verbose, &args.energy, measured) {
        let memory =
            measured.peak_memory_bytes.map_or_else(String::new, |m| format!(", peak memory {}", render::bytes(m)));
        let measuring = match manifest.epsilon {
            Some(_) => format!(", measured {}", seconds(measured.epsilon_seconds)),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "  read {}, chose {}{measuring}{memory}",
            seconds(measured.read_seconds),
            seconds(measured.method_seconds),
        );
        out.extend(measured.energy.as_ref().map(render::energy::line));
    }
    if let Some(manifest_path) = &outcome.manifest_path {
        let others = [manifest.training.as_ref(), manifest.test.as_ref().map(|test| &test.output)];
        let others = others.into_iter().flatten().map(|output| format!(", {}", render::path(&output.path)));
        let _ = writeln!(
            out,
            "  wrote {}{} and {}",
            render::path(&manifest.output.path),
            others.collect::<String>(),
            render::path(manifest_path)
        );
    }
    out.push_str(&render::saved_log(outcome.saved_log.as_deref()));
    if reproduces {
        let _ = writeln!(
            out,
            "  the same bytes as the output of the manifest (SHA-256 {}…)",
            manifest.output.sha256.get(..12).unwrap_or_default()
        );
    }
    out
}
