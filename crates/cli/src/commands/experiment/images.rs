//! Experiments on images: the settings of `images reduce`, and the user's own detector.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use leanset_core::{Budget, EmptyClasses};
use leanset_images::Group;
use leanset_lab::image_task::{DetectorRun, ImageData};
use leanset_lab::metering::{Metering as _, Meters};
use leanset_lab::plan::{CategoryWord, FULL, ImagePlan, Plan};
use leanset_lab::record::{DataRecord, MeteredCost};
use leanset_lab::{Experiment, ImageTask, RunOptions, journal};
use serde_json::json;

use super::{Forecast, carry_out, check_output, dry_run};
use crate::args::{Category, ExperimentArgs, ImageSetArgs};
use crate::commands::images::{Eye, Stock, check_scope, open};
use crate::detector::Trainer;
use crate::error::Failure;
use crate::progress::Progress;
use crate::text;

pub(super) fn run(args: &ExperimentArgs, plan: &Plan, settings: &ImagePlan, threads: usize) -> Result<String, Failure> {
    // A command takes the threads that it likes: trainings are done one after the other, each metered alone.
    let options = RunOptions { threads, exclusive: true };
    let progress = Progress::new(args.quiet);
    let dataset = args.data.clone().or_else(|| settings.images.path.clone()).unwrap_or_default();
    check_output(args, Some(&dataset))?;
    let meter = Meters::new(&plan.energy, true)?;
    let wanted = arguments(settings);
    if !settings.detector.names_batch() {
        let message = format!(
            "{}: detector.command has no {{batch}}: steps are counted as if it took {} pictures each",
            args.plan.display(),
            settings.detector.batch
        );
        let hint =
            "put {batch} where the command takes it, as in batch={batch}; detector.batch says what it stands for";
        text::say(&text::warning(&leanset_problem::Warning::new("batch-assumed", message).hint(hint)));
    }
    let set = open(&dataset, &wanted)?;

    if args.dry_run {
        // Numbers of pictures and commands follow from annotations: none is looked at.
        let stock = Stock::unseen(set, &wanted, &settings.features, &progress)?;
        let budgets = budgets(args, plan, settings, &stock)?;
        let data = described(&dataset, &stock, 0);
        let (codes, names) = (&stock.categories.codes, &stock.categories.names);
        let images = ImageData { features: &[], codes, names, budgets, features_cost: None, data };
        let experiment = Experiment::new(plan, ImageTask::new(settings, images, trainer(args, settings, &stock)))?;
        return dry_run(args, plan, &experiment, options, |_| {
            Ok(forecast(plan, settings, &experiment, &trainer(args, settings, &stock)))
        });
    }

    let stop = if settings.features.model.is_some() { meter.start_with_cards() } else { meter.start() };
    // No cache: what a run would cost includes describing every picture.
    let eye = Eye::new(&settings.features, &progress)?;
    let mut stock = Stock::new(set, &wanted, eye, settings.features.given(), false, &progress)?;
    let (features, record) = stock.features(&settings.features)?;
    let metered = stop();
    // Where an experiment was begun already, what it paid: what was read once is quicker read again.
    let features_cost = (!settings.features.given()).then(|| paid(args).unwrap_or(metered));

    let budgets = budgets(args, plan, settings, &stock)?;
    let (validation, validation_sha256) = stock.validation();
    let mut sources = BTreeMap::from([("validation".to_owned(), validation_sha256)]);
    let categories = stock.category_record(&wanted)?;
    // Weights may be in files beside the model, and two engines do not see quite the same.
    sources.extend(record.model.as_ref().map(|model| ("model".to_owned(), model.key.clone())));
    for (name, file) in [("features", &record.table), ("paths", &record.paths), ("categories", &categories.table)] {
        sources.extend(file.as_ref().map(|file| (name.to_owned(), file.sha256.clone())));
    }
    let data = DataRecord {
        sha256: stock.fingerprint(),
        features: Some(record.title()),
        validation: (validation > 0).then_some(validation),
        sources,
        ..described(&dataset, &stock, record.dimensions)
    };
    let (codes, names) = (&stock.categories.codes, &stock.categories.names);
    let images = ImageData { features: &features.values, codes, names, budgets, features_cost, data };
    let experiment = Experiment::new(plan, ImageTask::new(settings, images, trainer(args, settings, &stock)))?;
    carry_out(args, &experiment, &meter, options, progress)
}

fn trainer<'a>(args: &'a ExperimentArgs, settings: &'a ImagePlan, stock: &'a Stock) -> Trainer<'a> {
    Trainer { plan: &settings.detector, stock, keep: args.keep.as_deref(), quiet: args.quiet }
}

/// How many pictures of each category are kept at each ratio; a method that keeps no such counts is refused.
fn budgets(args: &ExperimentArgs, plan: &Plan, settings: &ImagePlan, stock: &Stock) -> Result<Vec<Budget>, Failure> {
    let budget = |&ratio: &f64| stock.budget(Budget::Ratio(ratio), settings.images.balance, EmptyClasses::Forbid);
    let budgets = plan.reduce.ratios.iter().map(budget).collect::<Result<Vec<_>, _>>()?;
    for leanset_lab::plan::ConfiguredMethod { reducer, .. } in plan.configured_methods()? {
        budgets.iter().try_for_each(|budget| check_scope(&reducer, budget, "images.balance")).map_err(|failure| {
            let message = format!("{}: {}", args.plan.display(), failure.message);
            Failure { message, ..failure }
        })?;
    }
    Ok(budgets)
}

/// What annotations tell of a set, for the header of the records.
fn described(dataset: &Path, stock: &Stock, dimensions: usize) -> DataRecord {
    DataRecord {
        name: name(dataset),
        sha256: String::new(),
        rows: stock.pictures.len(),
        dimensions,
        training_rows: stock.pictures.len(),
        classes: stock.categories.names.iter().cloned().zip(stock.categories.sizes()).collect(),
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

/// What would be run first: everything, and the first method at each ratio.
fn forecast(
    plan: &Plan,
    settings: &ImagePlan,
    experiment: &Experiment<'_, ImageTask<'_, Trainer<'_>>>,
    trainer: &Trainer<'_>,
) -> Forecast {
    let first = plan.methods.first().map_or(FULL, |method| method.label());
    let kept = plan.reduce.ratios.iter().enumerate().map(|(place, &ratio)| (first, ratio, experiment.kept(place)));
    let (mut keys, mut lines) = (Vec::new(), String::new());
    for (method, ratio, pictures) in std::iter::once((FULL, 1.0, experiment.all())).chain(kept) {
        let epochs = settings.detector.epochs_on(pictures, experiment.all());
        let steps = settings.detector.steps(pictures) * u64::from(epochs);
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
            "\n{method} at {ratio}: {} pictures, {epochs} epochs, {} gradient steps\n  {command}\n",
            text::count(pictures),
            text::count(usize::try_from(steps).unwrap_or(usize::MAX))
        );
        keys.push(json!({
            "method": method,
            "ratio": ratio,
            "pictures": pictures,
            "epochs": epochs,
            "steps": steps,
            "command": command,
        }));
    }
    lines.push_str("\nPictures were not looked at: those that cannot be decoded are still among them.\n");
    Forecast { step: None, keys: vec![("pictures", experiment.all().into()), ("first", keys.into())], lines }
}

/// The set of a plan as arguments.
fn arguments(plan: &ImagePlan) -> ImageSetArgs {
    let images = &plan.images;
    ImageSetArgs {
        images: images.images.clone(),
        category: images.category.map(|word| match word {
            CategoryWord::Amount => Category::Amount,
            CategoryWord::Classes => Category::Classes,
            CategoryWord::None => Category::None,
        }),
        groups: images
            .groups
            .iter()
            .map(|(name, classes)| Group { name: name.clone(), classes: classes.clone() })
            .collect(),
        categories: images.categories.clone(),
    }
}
