//! `leanset images choose`: how many images a detector needs: an experiment of few runs, and its conclusion.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use leanset::output::Outputs;
use leanset::{Problem, Result};
use leanset_lab::plan::{
    DetectorPlan, EqualTraining, ImagePlan, ImagesSection, MethodPlan, Plan, ReduceSection, ResultEpoch, TaskPlan,
};
use leanset_lab::template::{Command, OfDetector, Placeholder, Template};
use leanset_lab::{Summary, journal, report};
use leanset_problem::{setting, text};
use leanset_spec::images::{Division, Features};
use leanset_spec::{Balance, Energy, fraction};

use super::DatasetArg;
use crate::args::ThreadsArg;
use crate::commands::experiment::{ExperimentArgs, images};
use crate::render;
use crate::session::use_threads;

/// Find out how many training images a detector needs.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Example:
  leanset images choose fruit/data.yaml --records runs.jsonl --epochs 15 --command \\
    'yolo detect train data={data} model=yolov8n.yaml epochs={epochs} batch={batch} seed={seed} project={out} name=run'")]
pub(crate) struct ChooseArgs {
    #[command(flatten)]
    pub(crate) dataset: DatasetArg,
    /// Command that trains your detector and writes its results; {data}, {seed}, {epochs} and {out} are replaced.
    ///
    /// Also {batch} and {steps}. It is split into words as a shell would, and no shell sees it.
    #[arg(long, value_name = "COMMAND", help_heading = "Detector")]
    pub(crate) command: String,
    /// File of its results, in the format of Ultralytics [default: {out}/run/results.csv].
    #[arg(long, value_name = "FILE", help_heading = "Detector", hide_short_help = true)]
    pub(crate) results: Option<String>,
    /// Passes over the images.
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Detector", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: u32,
    /// Images per gradient step: what {batch} is.
    #[arg(long = "detector-batch", value_name = "N", default_value_t = 16, help_heading = "Detector", hide_short_help = true,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: u32,
    /// Give smaller sets more epochs, so that all trainings have as many gradient steps.
    #[arg(long, help_heading = "Detector", hide_short_help = true)]
    pub(crate) equal_steps: bool,
    /// Fractions to try, e.g. 0.25,0.5.
    #[arg(long, value_name = "R,…", value_delimiter = ',', default_value = "0.25,0.5,0.75", value_parser = fraction, help_heading = "Question")]
    pub(crate) ratios: Vec<f64>,
    /// Trainings of each kind, with other seeds; a method can be told from random by six or more.
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Question", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repetitions: u32,
    /// Seed of all random choices.
    #[arg(long, value_name = "N", default_value_t, help_heading = "Question", hide_short_help = true)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) division: Division,
    #[command(flatten)]
    pub(crate) features: Features,
    /// File of the records, one line per training, e.g. runs.jsonl; an existing file is continued.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) records: PathBuf,
    /// HTML page to write, with the evidence, e.g. report.html.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,
    /// Replace a report that exists.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// Keep the folder of every training in this folder [default: only of a training that fails].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, help_heading = "Output", hide_short_help = true)]
    pub(crate) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) energy: Energy,
    /// Report the trainings and the expected time; train nothing.
    #[arg(long, help_heading = "Run")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    /// Print the result as JSON on stdout (docs/json.md).
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub(crate) json: bool,
    /// Print no result and no progress, only warnings and errors.
    #[arg(long, short, help_heading = "Run", hide_short_help = true)]
    pub(crate) quiet: bool,
}

/// Random images, which others have to beat, and those that are distributed as their category.
const METHODS: [&str; 2] = ["stratified-random", "energy"];

pub(crate) fn run(args: &ChooseArgs) -> Result<String> {
    let mut outputs = Outputs::new(args.force);
    if let Some(report) = &args.report {
        outputs.check(report, &[&args.records, &args.dataset.dataset])?;
    }
    let threads = use_threads(args.threads)?;
    let plan = plan(args)?;
    let TaskPlan::Images(settings) = &plan.task else { return Err(Problem::internal("a plan for images is none")) };
    let experiment = ExperimentArgs {
        plan: None,
        init: None,
        label: None,
        id: None,
        exclude: Vec::new(),
        data: Some(args.dataset.dataset.clone()),
        output: Some(args.records.clone()),
        only: Vec::new(),
        exclusive: true,
        keep: args.keep.clone(),
        threads: None,
        dry_run: args.dry_run,
        json: args.json,
        quiet: args.quiet,
    };
    let mut text = images::run(&experiment, &plan, settings, threads)?;
    if let Some(path) = args.report.as_ref().filter(|_| !args.dry_run) {
        let contents = journal::read(&args.records)?;
        let summaries = Summary::of_models(&contents.header, &contents.records);
        let page = report::page(&contents.header, &summaries);
        outputs.stage(path, |out| {
            out.write_all(page.as_bytes()).map_err(|e| Problem::io("the report cannot be written", e))
        })?;
        outputs.commit()?;
        if !args.json && !args.quiet {
            text.push_str(&format!("  wrote {}\n", render::path(path)));
        }
    }
    Ok(text)
}

/// The experiment that answers the question.
fn plan(args: &ChooseArgs) -> Result<Plan> {
    let flag = |what: String| Problem::new(format!("--command: {what}"));
    let command = Command::<OfDetector>::of_line(&args.command).map_err(flag)?;
    for (slot, why) in [
        (Placeholder::Data, "the description of the image dataset to train on"),
        (Placeholder::Seed, "the seed of the training, without which all repetitions are the same"),
        (Placeholder::Epochs, "the epochs, which make trainings comparable"),
        (Placeholder::Out, "the folder of the run, where its results are read"),
    ] {
        if !command.has(slot) {
            return Err(flag(format!("has no {{{}}}", slot.name())).hint(format!("it stands for {why}")));
        }
    }
    let results = match &args.results {
        None => Template::ultralytics(),
        Some(file) => {
            let template = Template::parse(file).map_err(|what| Problem::new(format!("--results: {what}")))?;
            if !template.has(Placeholder::Out) || file.split(['/', '\\']).any(|part| part == "..") {
                return Err(Problem::new(format!("--results must be below {{out}}, not '{file}'"))
                    .hint("--results '{out}/run/results.csv'"));
            }
            template
        }
    };
    let mut ratios = args.ratios.clone();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.dedup();
    if let Some(ratio) = ratios.iter().find(|ratio| !(**ratio > 0.0 && **ratio < 1.0)) {
        return Err(Problem::new(format!("--ratios must be above 0 and below 1, not {ratio}"))
            .hint("training on all images is always done"));
    }
    if args.features.model.model.is_some() && args.features.table.is_some() {
        return Err(Problem::new(text![&setting::MODEL, " and ", &setting::FEATURE_TABLE, " both give the features"])
            .hint("keep one of them"));
    }
    let method = |name: &str| MethodPlan {
        name: name.to_owned(),
        label: None,
        parameters: Default::default(),
        guard: None,
        seed: None,
        warm_up: None,
        continues: None,
        weights: None,
    };
    let detector = DetectorPlan {
        command,
        results,
        epochs: args.epochs,
        batch: args.batch as usize,
        equal: if args.equal_steps { EqualTraining::Steps } else { EqualTraining::Epochs },
        epoch: ResultEpoch::Last,
    };
    let images =
        ImagesSection { path: Some(args.dataset.dataset.clone()), division: args.division.clone(), balance: false };
    let title = format!("How many images of {} does the detector need?", args.dataset.dataset.display());
    let plan = Plan {
        title,
        seed: args.seed,
        repetitions: args.repetitions,
        task: TaskPlan::Images(ImagePlan { images, features: args.features.clone(), detector }),
        reduce: ReduceSection { ratios, balance: Balance::default(), metric: "chebyshev".into() },
        methods: METHODS.map(method).to_vec(),
        baselines: Vec::new(),
        energy: args.energy.clone(),
    };
    plan.filled()
}
