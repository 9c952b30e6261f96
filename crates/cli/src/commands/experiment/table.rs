//! Experiments on a table, with the models inside.

use std::path::{Path, PathBuf};
use std::time::Instant;

use leanset::output::sha256_of;
use leanset::{Context, Input, Problem, Reporter, Result, Silent};
use leanset_core::Monitor as _;
use leanset_lab::metering::Meters;
use leanset_lab::plan::{DataSection, ModelPlan, Plan, TablePlan, TaskPlan};
use leanset_lab::{Experiment, RunOptions, TableTask};
use leanset_problem::{Face, setting, text};
use leanset_spec::TablePaths;
use leanset_tables::{ReadOptions, read_bytes};

use super::ExperimentArgs;
use super::{Forecast, carry_out, check_output, dry_run, selected};
use crate::commands::demo;
use crate::render::progress::Progress;

/// The data set inside the program.
const EMBEDDED: &str = "digits";

pub(super) fn run(args: &ExperimentArgs, plan: &Plan, settings: &TablePlan, threads: usize) -> Result<String> {
    let commands = settings.models().iter().any(|model| model.settings.command.is_some());
    if args.keep.is_some() && !commands {
        return Err(Problem::new(text![
            &setting::KEEP,
            format!(" is for commands, and the models of {} have none", args.plan().display())
        ])
        .hint("leave it out"));
    }
    // A command takes the threads that it likes: trainings are done one after the other, each metered alone.
    let exclusive = args.exclusive || commands;
    let options = RunOptions { threads, exclusive };
    let progress = Progress::of_face(args.quiet, Face::Plan);
    let table = TableSource::of(args, &settings.data)?;
    check_output(args, table.path())?;
    let (input, sha256) = table.read(&settings.data, &progress)?;
    for warning in input.warnings() {
        progress.warn(warning);
    }
    for ratio in &plan.reduce.ratios {
        let training = input.encoded.rows as f64 * (1.0 - settings.split.test);
        input.check_budget((ratio * training).round() as usize)?;
    }
    let plan = &plan.with_scale(input.encoder.scale());
    let settings = match &plan.task {
        TaskPlan::Table(settings) => settings,
        TaskPlan::Images(_) => settings,
    };
    let task = TableTask::new((plan, settings), (&input.table, &sha256), &input.encoded)?;
    // Runs that fail are reported at the end alone where nothing else is said.
    let reporter: &dyn Reporter = if args.quiet { &Silent } else { &progress };
    let experiment = Experiment::new(plan, task.commands(args.keep.as_deref(), reporter))?.only(selected(args, plan)?);
    if args.dry_run {
        // By the runs that are there; else by one epoch of the first.
        return dry_run(args, plan, &experiment, options, |known| {
            // The others are not trained in steps.
            let trained = settings.models().iter().any(ModelPlan::is_perceptron);
            let step = match known || !trained {
                true => None,
                false => {
                    progress.begin("training one epoch", 0);
                    Some(("one epoch of full training", experiment.task().seconds_per_step()?))
                }
            };
            let mut lines = String::new();
            for (model, command) in experiment.task().first_commands()? {
                lines.push_str(&format!("\n{}\n  {command}\n", leanset_problem::visible(&model)));
            }
            Ok(Forecast { step, keys: Vec::new(), lines })
        });
    }
    let meter = Meters::new(&plan.energy, exclusive || threads == 1)?;
    carry_out(args, &experiment, &meter, options, &progress)
}

/// The table of an experiment.
enum TableSource {
    Files(TablePaths),
    Embedded,
}

impl TableSource {
    fn of(args: &ExperimentArgs, data: &DataSection) -> Result<Self> {
        if let Some(file) = &args.data {
            return Ok(Self::Files(file.as_path().into()));
        }
        match (&data.path, data.embedded.as_deref()) {
            (Some(files), _) => Ok(Self::Files(files.clone())),
            (None, Some(EMBEDDED)) => Ok(Self::Embedded),
            (None, other) => {
                let name = args.plan().display();
                let other = other.unwrap_or_default();
                Err(Problem::new(format!("{name}: data.embedded must be {EMBEDDED}, not '{other}'"))
                    .hint("path = \"table.csv\" names a file"))
            }
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Files(paths) => paths.as_slice().first().map(PathBuf::as_path),
            Self::Embedded => None,
        }
    }

    /// The table, encoded, and its SHA-256.
    fn read(&self, plan: &DataSection, progress: &Progress) -> Result<(Input, String)> {
        let (columns, context) = (&plan.columns, Context::new(progress));
        match self {
            Self::Files(paths) => {
                let (input, record) = Input::read_with_record(paths, columns, &context)?;
                Ok((input, record.sha256))
            }
            Self::Embedded => {
                let csv = demo::unpack()?;
                let sha256 = sha256_of(&csv);
                let table = read_bytes("digits.csv", csv, &ReadOptions::default())?;
                Ok((Input::of_table(table, columns, Instant::now())?, sha256))
            }
        }
    }
}
