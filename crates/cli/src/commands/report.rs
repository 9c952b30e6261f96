//! `leanset report`: one page of an experiment's records.

use leanset_lab::{Summary, journal, report};

use crate::args::ReportArgs;
use crate::error::Failure;
use crate::output::Outputs;
use crate::text::{self, say};

pub(crate) fn run(args: &ReportArgs) -> Result<String, Failure> {
    let mut outputs = Outputs::new(args.force);
    outputs.check(&args.output, &[&args.runs])?;
    let contents = journal::read(&args.runs)?;
    let summary = Summary::new(&contents.header, &contents.records);
    let page = report::page(&contents.header, &summary);
    let (_, bytes) = outputs.stage(&args.output, |out| {
        out.write_all(page.as_bytes()).map_err(|e| Failure::io("the page cannot be written", &e))
    })?;
    outputs.commit()?;
    if args.json {
        return super::experiment::json(&summary, &args.runs);
    }
    if !args.quiet {
        say(&format!(
            "{}: {} of {} runs on one page of {}\n",
            args.output.display(),
            text::count(summary.done),
            text::count(summary.planned),
            text::bytes(bytes)
        ));
    }
    Ok(String::new())
}
