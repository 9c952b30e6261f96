//! The command line: its verbs. Groups of arguments that several of them share are in `shared.rs`.
//!
//! Each verb has its arguments beside what it does, in `commands/`. Settings are those of `leanset_spec`, which derives their
//! flags. Every doc comment on the way is the help text, the manual page and the reference.

use clap::{Parser, Subcommand};

mod shared;

pub(crate) use shared::{CacheArgs, MetricArg, RunArgs, ThreadsArg, VerboseArg, size};

use crate::commands::choose::ChooseArgs;
use crate::commands::demo::DemoArgs;
use crate::commands::energy::EnergyArgs;
use crate::commands::experiment::ExperimentArgs;
use crate::commands::images::ImagesArgs;
use crate::commands::measure::MeasureArgs;
use crate::commands::methods::MethodsArgs;
use crate::commands::plans::PlansArgs;
use crate::commands::rank::RankArgs;
use crate::commands::reduce::ReduceArgs;
use crate::commands::report::ReportArgs;
use crate::commands::shell::{CompletionsArgs, ManArgs};

/// Reduce a labelled training set to its most useful rows or images.
///
/// leanset selects a subset (coreset) of a labelled table, of embeddings or of an image dataset, so that a model trains on
/// less data. It reports how representative the subset is: ε, the largest distance from a row to the nearest kept row of its
/// class. It measures or estimates the energy that a run used.
#[derive(Debug, Parser)]
#[command(name = "leanset", version, propagate_version = true)]
#[command(after_help = START, after_long_help = format!("{START}\n\n{CODES}"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const START: &str = "\
Try it:     leanset demo
How much:   leanset choose beans.csv --label Class
Reduce:     leanset reduce beans.csv --label Class -m mms -r 0.1 -o lean.csv
More help:  leanset help reduce";

/// What every exit code means.
pub(crate) const CODES: &str = "\
Exit codes: 0 success; 2 the arguments or the data cannot be used; 3 a manifest was not reproduced; 130 interrupted; \
1 internal error. `leanset energy` exits with the code of the command that it ran.
Results go to stdout or to files, messages to stderr. NO_COLOR is honoured.";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Keep a fraction of the rows of a table.
    ///
    /// The rows are chosen by a method, and leanset reports how representative they are (ε). They are written unchanged
    /// and in their order. A manifest beside the output records the request, the row ids and ε; `--from-manifest`
    /// reproduces the output from it. Split off your test data first, and reduce only the training table.
    Reduce(Box<ReduceArgs>),
    /// Find out how many rows of a table your model needs, and which.
    ///
    /// Methods compete on rows that are held out: with your own model (--model), or with quick models inside leanset. The answer is
    /// how little can be kept without losing more than --tolerance of your goal, how sure that is, and the command that
    /// keeps the rows; -o keeps them at once. With --ratio only the method is chosen.
    Choose(Box<ChooseArgs>),
    /// Rank all rows of a table, to cut at any ratio later.
    ///
    /// Rows are ranked from the first to keep to the last. `leanset reduce --ranking` and `leanset measure --ranking` then
    /// take any fraction of the ranking without another run of the method.
    Rank(Box<RankArgs>),
    /// Measure how representative a reduced table or a ranking is (ε).
    ///
    /// ε is the largest distance from a row of the full table to the nearest kept row of its class. With --ranking, ε is
    /// measured at several ratios at once.
    Measure(Box<MeasureArgs>),
    /// Check, reduce or embed an image dataset (YOLO, COCO, Pascal VOC, class folders).
    ///
    /// Your images and annotations are never moved, renamed, changed or deleted.
    Images(ImagesArgs),
    /// Compare methods and ratios on your data: reduce, train, test, meter.
    ///
    /// The experiment of a plan is run: split, reduce, train, test and meter, several times over. Every method is compared
    /// with stratified random selection and with full training. Is a smaller training set good enough, and what does it
    /// save?
    ///
    /// Every finished run is one line of OUTPUT. You can interrupt the command at any time; the same command goes on where
    /// it stopped, with the same results. docs/experiments.md describes plans, records and statistics.
    Experiment(Box<ExperimentArgs>),
    /// Turn the records of an experiment into an HTML report.
    ///
    /// The report is one HTML file that needs no network; every number of a chart is also there as text. An unfinished
    /// experiment gives a report that says so.
    Report(ReportArgs),
    /// List the methods, or describe one.
    Methods(MethodsArgs),
    /// List the plans of experiments inside the program, or print one.
    Plans(PlansArgs),
    /// Run a command and report the energy that it used.
    ///
    /// Every number has a source: measured by a counter, given by you, or estimated by a model, always with its range.
    ///
    /// The command keeps its stdin, stdout, stderr and signals. The exit code is that of the command: 128 plus the number of
    /// a signal that ended it, 127 if there is no such command, 126 if it cannot be run. The report goes to stderr when the
    /// command has ended.
    Energy(EnergyArgs),
    /// Reduce a small built-in dataset and explain each step.
    Demo(DemoArgs),
    /// Print a completion script for your shell.
    Completions(CompletionsArgs),
    /// Print the manual page.
    Man(ManArgs),
}
