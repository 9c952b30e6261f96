//! `leanset rank`: every row in order of worth.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use leanset::{Destination, RankOutcome, Ranking, Result};
use leanset_core::Scope;
use leanset_lab::template::render_shell;
use leanset_spec::request::Rank;
use leanset_spec::{Columns, Energy, TableMethod, TablePaths, no_method};

use super::reduce::{SaveLogArg, check_stdout, output_of};
use crate::args::{RunArgs, VerboseArg};
use crate::render;
use crate::session::Session;

/// Rank all rows of a table.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RankArgs {
    /// Table to rank: .csv .tsv .jsonl (also .gz, .zst) .parquet .arrow .feather .npy .npz .xlsx
    ///
    /// Several files are one table, in this order. A folder, or a pattern in quotes such as 'parts/*.parquet', is all its
    /// files in the order of their paths. `-` is stdin.
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath, required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) method: TableMethod,
    /// File to write the ranking to (columns row, class, rank, score), e.g. ranking.csv; `-` is stdout as CSV.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// File to write the manifest to [default: OUTPUT.manifest.json].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output", hide_short_help = true)]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) save_log: SaveLogArg,
    #[command(flatten)]
    pub(crate) columns: Columns,
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

const EXAMPLES: &str = "\
Examples:
  leanset rank beans.csv --label Class -m mms -o ranking.csv
  leanset reduce beans.csv --label Class --ranking ranking.csv -r 5% -o lean.csv";

pub(crate) fn run(args: &RankArgs) -> Result<String> {
    let session = Session::new(&args.run, &args.energy)?;
    check_stdout(args.output.as_deref(), args.run.json, args.manifest.as_deref())?;
    if args.method.choice.name.is_none() {
        return Err(no_method());
    }
    let request = Rank { input: args.files.clone().into(), columns: args.columns.clone(), method: args.method.clone() };
    let destination = Destination {
        output: output_of(args.output.as_deref(), args.dry_run)?,
        manifest: args.manifest.clone(),
        save_log: args.save_log.save_log.clone(),
        force: args.force,
        ..Destination::default()
    };
    let ranking = Ranking::prepare(&request, &destination, &session.context())?;
    if args.dry_run {
        return render::dry_run::print(&ranking.dry_run(), args.run.json);
    }
    let outcome = ranking.run()?;
    session.end_progress();
    if let Some(bytes) = &outcome.bytes {
        return render::write_stdout(bytes).map(|()| String::new());
    }
    if args.run.json {
        return Ok(outcome.manifest_text);
    }
    if !args.run.quiet {
        render::eprint(&report(&outcome, args));
    }
    Ok(String::new())
}

/// What happened, for a person.
fn report(outcome: &RankOutcome, args: &RankArgs) -> String {
    let manifest = &outcome.manifest;
    let scope = if outcome.scope == Scope::PerClass { "within their classes" } else { "over all classes" };
    let measured = &manifest.measured;
    let target = manifest.target.as_ref().map(|target| target.path.as_path());
    let mut out = format!(
        "{} ranks {} rows of {} {scope}{} in {}\n",
        manifest.method.id,
        render::count(manifest.rows),
        render::path(Path::new(&TablePaths::from(args.files.clone()).to_string())),
        render::purpose(target),
        render::duration(render::seconds(measured.method_seconds)),
    );
    out.push_str(&render::guard(&manifest.method.facts));
    if render::costs_are_worth_a_word(args.verbose.verbose, &args.energy, measured) {
        out.extend(measured.energy.as_ref().map(render::energy::line));
    }
    if let Some(manifest_path) = &outcome.manifest_path {
        out.push_str(&format!("  wrote {} and {}\n", render::path(&manifest.output.path), render::path(manifest_path)));
    }
    out.push_str(&render::saved_log(outcome.saved_log.as_deref()));
    out.push_str(&format!("  cut it at any fraction: {}\n", cut(args, &manifest.output.path, &manifest.input.format)));
    out
}

/// The command that cuts the ranking, to be pasted.
fn cut(args: &RankArgs, ranking: &Path, format: &str) -> String {
    let mut words: Vec<OsString> = vec!["leanset".into(), "reduce".into()];
    words.extend(args.files.iter().cloned().map(OsString::from));
    if let Some(label) = &args.columns.label {
        words.extend(["--label".into(), label.into()]);
    }
    words.extend(["--ranking".into(), ranking.into(), "--ratio".into(), "0.1".into()]);
    // A workbook is read, not written.
    let format = if format == "xlsx" { "csv" } else { format };
    words.extend(["--output".into(), format!("kept.{format}").into()]);
    let command = render_shell(&words);
    let alone = Columns { label: args.columns.label.clone(), ..Columns::default() };
    if args.columns == alone { command } else { format!("{command}, and the same options of columns") }
}
