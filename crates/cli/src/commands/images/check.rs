//! `leanset images check`: all issues of a dataset at once.

use std::fmt::Write as _;

use clap::Args;
use leanset::Result;
use leanset::images::Checked;
use leanset_images::{IssueKind, Severity, Split};
use leanset_problem::{Face, visible};
use leanset_spec::Energy;
use leanset_spec::images::Division;

use super::DatasetArg;
use crate::args::{RunArgs, ThreadsArg};
use crate::exit;
use crate::render;
use crate::session::Session;

/// Report all issues of an image dataset.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset images check fruit/data.yaml")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) dataset: DatasetArg,
    #[command(flatten)]
    pub(crate) division: Division,
    /// Treat warnings as errors.
    #[arg(long, help_heading = "Run")]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    /// Print as JSON (docs/json.md).
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub(crate) json: bool,
    /// Print no progress.
    #[arg(long, short, help_heading = "Run", hide_short_help = true)]
    pub(crate) quiet: bool,
}

/// Returns what is printed, and the exit code.
pub(crate) fn run(args: &CheckArgs) -> Result<(String, u8)> {
    let run = RunArgs { threads: args.threads, quiet: args.quiet, ..RunArgs::default() };
    let session = Session::new(&run, &Energy::UNKNOWN)?;
    let checked = leanset::images::check(&args.dataset.dataset, &args.division, &session.context())?;
    session.end_progress();
    let least = if args.strict { Severity::Warning } else { Severity::Error };
    let code = if checked.set.issues.iter().any(|issue| issue.severity >= least) { exit::UNUSABLE } else { 0 };
    Ok((if args.json { format!("{:#}\n", checked.document()) } else { in_words(&checked) }, code))
}

fn in_words(checked: &Checked) -> String {
    let (set, categories) = (&checked.set, &checked.categories);
    let layout = set.format().title();
    let mut out = format!(
        "{}: {layout}, {}, {}\n\n",
        render::path(&set.source),
        render::counted(set.images.len(), "image", "images"),
        render::counted(set.classes.len(), "class", "classes")
    );
    let line = |split: Split| {
        let count = |n: usize| render::count(n);
        vec![
            split.name().to_owned(),
            count(set.of(split).count()),
            count(set.of(split).filter(|p| p.usable).count()),
            count(set.of(split).filter(|p| p.usable && p.objects.is_empty()).count()),
            count(set.of(split).map(|p| p.objects.len()).sum()),
        ]
    };
    let parts = checked.splits();
    let header = ["split", "images", "usable", "background", "objects"];
    out.push_str(&render::columns(&header, parts.iter().map(|&s| line(s)), 2, 1));
    out.push('\n');
    let mut header = vec!["objects of class"];
    header.extend(parts.iter().map(|s| s.name()));
    let counts: Vec<Vec<usize>> = parts.iter().map(|&s| checked.objects(s)).collect();
    let rows = set.classes.iter().enumerate().map(|(class, name)| {
        std::iter::once(name.clone()).chain(counts.iter().map(|c| render::count(c[class]))).collect()
    });
    out.push_str(&render::columns(&header, rows, 2, 1));
    out.push('\n');
    let rows = categories.names.iter().zip(categories.sizes()).map(|(name, n)| vec![name.clone(), render::count(n)]);
    out.push_str(&render::columns(&["category", "usable train"], rows, 2, 1));
    out.push('\n');
    for &kind in IssueKind::ALL {
        let of_kind: Vec<_> = set.issues.iter().filter(|f| f.kind == kind).collect();
        let Some(worst) = of_kind.iter().map(|f| f.severity).max() else { continue };
        let _ =
            writeln!(out, "{worst}: {} {} ({})", render::count(of_kind.len()), kind.title(of_kind.len()), kind.code());
        for fault in &of_kind {
            let _ = writeln!(out, "  {}", visible(&fault.to_string()));
        }
        let _ = writeln!(out, "  hint: {}\n", kind.hint().render(Face::CommandLine));
    }
    let count = |severity| set.issues.iter().filter(|f| f.severity == severity).count();
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|s| (s, count(s)));
    let told: Vec<String> = counts
        .iter()
        .filter(|c| c.1 > 0)
        .map(|(s, n)| format!("{} {s}{}", render::count(*n), if *n == 1 { "" } else { "s" }))
        .collect();
    let _ = writeln!(out, "{}", if told.is_empty() { "nothing is wrong".to_owned() } else { told.join(", ") });
    out
}
