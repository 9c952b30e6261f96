//! Experiments on a table, with the built-in model.

use std::path::{Path, PathBuf};
use std::time::Instant;

use leanset_core::Monitor as _;
use leanset_lab::metering::Meters;
use leanset_lab::plan::{DataSection, MissingWord, Plan, ScaleWord, TablePlan};
use leanset_lab::{Experiment, Mlp, RunOptions, TableTask};
use leanset_tables::{ReadOptions, read_bytes};

use super::{Forecast, carry_out, check_output, dry_run};
use crate::args::{ExperimentArgs, Missing, Scale, TableArgs};
use crate::commands::demo;
use crate::error::Failure;
use crate::input::Input;
use crate::output;
use crate::progress::Progress;
use crate::text::{self, say};

/// The data set inside the program.
const EMBEDDED: &str = "digits";

pub(super) fn run(args: &ExperimentArgs, plan: &Plan, settings: &TablePlan, threads: usize) -> Result<String, Failure> {
    if args.keep.is_some() {
        return Err(Failure::new(format!("--keep is for detectors, and {} is for a table", args.plan.display()))
            .hint("leave it out"));
    }
    let options = RunOptions { threads, exclusive: args.exclusive };
    let progress = Progress::new(args.quiet);
    let table = TableSource::of(args, &settings.data)?;
    check_output(args, table.path())?;
    let (input, sha256) = table.read(&settings.data, &progress)?;
    for warning in input.warnings() {
        say(&text::warning(warning));
    }
    let learner = Mlp::new(&settings.model);
    let task = TableTask::new((plan, settings), (&input.table, &sha256), &input.encoded, learner)?;
    let experiment = Experiment::new(plan, task)?;
    if args.dry_run {
        // By the runs that are there; else by one epoch of the first.
        return dry_run(args, plan, &experiment, options, |known| {
            let step = match known {
                true => None,
                false => {
                    progress.begin("training one epoch", 0);
                    Some(("one epoch of full training", experiment.task().seconds_per_step()?))
                }
            };
            Ok(Forecast { step, keys: Vec::new(), lines: String::new() })
        });
    }
    let meter = Meters::new(&plan.energy, args.exclusive || threads == 1)?;
    carry_out(args, &experiment, &meter, options, progress)
}

/// The table of an experiment.
enum TableSource {
    File(PathBuf),
    Embedded,
}

impl TableSource {
    fn of(args: &ExperimentArgs, data: &DataSection) -> Result<Self, Failure> {
        if let Some(file) = &args.data {
            return Ok(Self::File(file.clone()));
        }
        match (&data.path, data.embedded.as_deref()) {
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
    fn read(&self, plan: &DataSection, progress: &Progress) -> Result<(Input, String), Failure> {
        let columns = columns(plan)?;
        match self {
            Self::File(path) => Ok((Input::read(path, &columns, progress)?, output::sha256(path)?.0)),
            Self::Embedded => {
                let csv = demo::unpack()?;
                let sha256 = output::sha256_of(&csv);
                let table = read_bytes("digits.csv", csv, &ReadOptions::default())?;
                Ok((Input::of_table(table, &columns, Instant::now())?, sha256))
            }
        }
    }
}

/// The columns of a plan as arguments.
fn columns(plan: &DataSection) -> Result<TableArgs, Failure> {
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
