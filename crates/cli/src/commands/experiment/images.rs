//! Experiments on images: the settings of `images reduce`, and the user's own detector.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use leanset::images::{Candidates, Embedder, check_scope, open};
use leanset::{Context, Reporter, Result, Silent, Warning};
use leanset_core::{Budget, EmptyClasses};
use leanset_lab::image_task::{DetectorRun, ImageData};
use leanset_lab::metering::{Metering as _, Meters};
use leanset_lab::plan::{FULL, ImagePlan, Plan};
use leanset_lab::record::{DataRecord, MeteredCost};
use leanset_lab::{Experiment, ImageTask, RunOptions, Trainer, journal};
use leanset_problem::{Face, setting, text};
use serde_json::json;

use super::ExperimentArgs;
use super::{Forecast, carry_out, check_output, dry_run, selected};
use crate::render::{counted, progress::Progress};

pub(in crate::commands) fn run(
    args: &ExperimentArgs,
    plan: &Plan,
    settings: &ImagePlan,
    threads: usize,
) -> Result<String> {
    // A command takes the threads that it likes: trainings are done one after the other, each metered alone.
    let options = RunOptions { threads, exclusive: true };
    // Asked by flags alone, there is no plan to name.
    let face = if args.plan.is_some() { Face::Plan } else { Face::CommandLine };
    let progress = Progress::of_face(args.quiet, face);
    let dataset = args.data.clone().or_else(|| settings.images.path.clone()).unwrap_or_default();
    check_output(args, Some(&dataset))?;
    let meter = Meters::new(&plan.energy, true)?;
    let (division, context) = (&settings.images.division, Context::new(&progress));
    if !settings.detector.names_batch() {
        let (command, batch) = match &args.plan {
            Some(plan) => (format!("{}: detector.command", plan.display()), "detector.batch"),
            None => ("--command".to_owned(), "--detector-batch"),
        };
        let images = settings.detector.batch;
        let message = format!("{command} has no {{batch}}: gradient steps are counted as if each took {images} images");
        let hint = format!("put {{batch}} where the command takes it, as in batch={{batch}}; {batch} is its value");
        progress.warn(&Warning::new("batch-assumed", message).hint(hint));
    }
    let set = open(&dataset, division)?;

    if args.dry_run {
        // Numbers of images and commands follow from annotations: no image is decoded.
        let candidates = Candidates::from_annotations(set, division, &settings.features, &context)?;
        let budgets = budgets(args, plan, settings, &candidates)?;
        let data = described(&dataset, &candidates, 0);
        let (codes, names) = (&candidates.categories.codes, &candidates.categories.names);
        let images = ImageData { features: &[], codes, names, budgets, features_cost: None, data };
        let experiment =
            Experiment::new(plan, ImageTask::new(settings, images, trainer(args, settings, &candidates, &progress)))?
                .only(selected(args, plan)?);
        return dry_run(args, plan, &experiment, options, |_| {
            Ok(forecast(plan, settings, &experiment, &trainer(args, settings, &candidates, &progress)))
        });
    }

    let stop = if settings.features.model.model.is_some() { meter.start_with_cards() } else { meter.start() };
    // No cache: what a run would cost includes describing every image.
    let embedder = Embedder::new(&settings.features.model, &context)?;
    let given = settings.features.are_given();
    let mut candidates = Candidates::new(set, division, embedder, (given, false), &context)?;
    let (features, record) = candidates.features(&settings.features)?;
    let metered = stop();
    // Where an experiment was begun already, what it paid: what was read once is quicker read again.
    let features_cost = (!given).then(|| paid(args).unwrap_or(metered));

    let budgets = budgets(args, plan, settings, &candidates)?;
    let (validation, validation_sha256) = candidates.validation();
    let mut sources = BTreeMap::from([("validation".to_owned(), validation_sha256)]);
    let categories = candidates.category_record(division)?;
    // Weights may be in files beside the model, and two engines do not see quite the same.
    sources.extend(record.model.as_ref().map(|model| ("model".to_owned(), model.key.clone())));
    for (name, file) in [("features", &record.table), ("paths", &record.paths), ("categories", &categories.table)] {
        sources.extend(file.as_ref().map(|file| (name.to_owned(), file.sha256.clone())));
    }
    let data = DataRecord {
        sha256: candidates.fingerprint(),
        features: Some(record.title()),
        validation: (validation > 0).then_some(validation),
        sources,
        ..described(&dataset, &candidates, record.dimensions)
    };
    let (codes, names) = (&candidates.categories.codes, &candidates.categories.names);
    let images = ImageData { features: &features.values, codes, names, budgets, features_cost, data };
    let experiment =
        Experiment::new(plan, ImageTask::new(settings, images, trainer(args, settings, &candidates, &progress)))?
            .only(selected(args, plan)?);
    carry_out(args, &experiment, &meter, options, &progress)
}

fn trainer<'a>(
    args: &'a ExperimentArgs,
    settings: &'a ImagePlan,
    candidates: &'a Candidates,
    progress: &'a Progress,
) -> Trainer<'a> {
    // Runs that fail are reported at the end alone where nothing else is said.
    let reporter: &dyn Reporter = if args.quiet { &Silent } else { progress };
    Trainer { plan: &settings.detector, candidates, keep: args.keep.as_deref(), reporter }
}

/// How many images of each category are kept at each ratio; a method that keeps no such counts is refused.
fn budgets(args: &ExperimentArgs, plan: &Plan, settings: &ImagePlan, candidates: &Candidates) -> Result<Vec<Budget>> {
    let balance = plan.reduce.balance.into();
    let budget = |&ratio: &f64| {
        candidates.budget(Budget::Ratio(ratio).balanced(balance), settings.images.balance, EmptyClasses::Forbid)
    };
    let budgets = plan.reduce.ratios.iter().map(budget).collect::<Result<Vec<_>, _>>()?;
    for leanset_lab::plan::ConfiguredMethod { reducer, .. } in plan.configured_methods()? {
        budgets.iter().try_for_each(|budget| check_scope(&reducer, budget, text![&setting::BALANCE])).map_err(
            |problem| match &args.plan {
                Some(plan) => problem.at(plan.display().to_string()),
                None => problem,
            },
        )?;
    }
    Ok(budgets)
}

/// What annotations tell of a set, for the header of the records.
fn described(dataset: &Path, candidates: &Candidates, dimensions: usize) -> DataRecord {
    DataRecord {
        name: name(dataset),
        sha256: String::new(),
        rows: candidates.images.len(),
        dimensions,
        training_rows: candidates.images.len(),
        classes: candidates.categories.names.iter().cloned().zip(candidates.categories.sizes()).collect(),
        features: None,
        validation: None,
        sources: BTreeMap::new(),
    }
}

/// The last parts of a path that say which set it is: every set has a data.yaml.
fn name(dataset: &Path) -> String {
    let path = std::path::absolute(dataset).unwrap_or_else(|_| dataset.to_owned());
    let parts: Vec<_> = path.iter().collect();
    let last = parts.len().saturating_sub(if path.is_dir() { 1 } else { 2 });
    parts[last..].iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// What the features cost when runs that are there were begun.
fn paid(args: &ExperimentArgs) -> Option<MeteredCost> {
    // What is wrong with the file is said when it is opened.
    let there = journal::read(args.output.as_ref()?).ok()?;
    there.features().cloned()
}

/// The runs that would be first: full training, and the first method at each ratio.
fn forecast(
    plan: &Plan,
    settings: &ImagePlan,
    experiment: &Experiment<'_, ImageTask<'_, Trainer<'_>>>,
    trainer: &Trainer<'_>,
) -> Forecast {
    let first = plan.methods.first().map_or(FULL, |method| method.label());
    let kept = plan.reduce.ratios.iter().enumerate().map(|(place, &ratio)| (first, ratio, experiment.kept(place)));
    let (mut keys, mut lines) = (Vec::new(), String::new());
    for (method, ratio, images) in std::iter::once((FULL, 1.0, experiment.all())).chain(kept) {
        let epochs = settings.detector.epochs_on(images, experiment.all());
        let steps = settings.detector.steps(images) * u64::from(epochs);
        let command = trainer.render_command(&DetectorRun {
            repetition: 0,
            method,
            ratio,
            seed: plan.seeds(0).model,
            epochs,
            steps,
        });
        let _ = write!(
            lines,
            "\n{method} at {ratio}: {}, {}, {}\n  {command}\n",
            counted(images, "image", "images"),
            counted(epochs as usize, "epoch", "epochs"),
            counted(usize::try_from(steps).unwrap_or(usize::MAX), "gradient step", "gradient steps")
        );
        keys.push(json!({
            "method": method,
            "ratio": ratio,
            "pictures": images,
            "epochs": epochs,
            "steps": steps,
            "command": command,
        }));
    }
    lines.push_str("\nNo image was decoded: the numbers include images that cannot be.\n");
    Forecast { step: None, keys: vec![("pictures", experiment.all().into()), ("first", keys.into())], lines }
}
