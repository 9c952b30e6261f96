//! `leanset report`: the report of an experiment's records.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use leanset::output::Outputs;
use leanset::{Problem, Result};
use leanset_lab::{Summary, journal, report};

use crate::render;

/// Turn the records of an experiment into an HTML report.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset report runs.jsonl --output report.html")]
pub(crate) struct ReportArgs {
    /// Records of `leanset experiment`, e.g. runs.jsonl.
    #[arg(value_name = "RUNS", value_hint = ValueHint::FilePath)]
    pub(crate) runs: PathBuf,
    /// HTML file to write, e.g. report.html.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Replace a report that exists.
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Print the numbers of the report as JSON on stdout (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing except errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

pub(crate) fn run(args: &ReportArgs) -> Result<String> {
    let mut outputs = Outputs::new(args.force);
    outputs.check(&args.output, &[&args.runs])?;
    let contents = journal::read(&args.runs)?;
    let summaries = Summary::of_models(&contents.header, &contents.records);
    let page = report::page(&contents.header, &summaries);
    let (_, bytes) = outputs.stage(&args.output, |out| {
        out.write_all(page.as_bytes()).map_err(|e| Problem::io("the report cannot be written", e))
    })?;
    outputs.commit()?;
    if args.json {
        return super::experiment::json(&summaries, &args.runs);
    }
    if !args.quiet {
        let done: usize = summaries.iter().map(|summary| summary.done).sum();
        let planned: usize = summaries.iter().map(|summary| summary.planned).sum();
        render::eprint(&format!(
            "{}: {} of {} {} on one page of {}\n",
            render::path(&args.output),
            render::count(done),
            render::count(planned),
            if planned == 1 { "run" } else { "runs" },
            render::bytes(bytes)
        ));
    }
    Ok(String::new())
}
