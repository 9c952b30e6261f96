//! Jobs about image datasets: checking, reducing, describing by a model.

mod candidates;
mod check;
mod dry_run;
mod embedder;
mod expected;
mod features;
mod reduce;
mod reproduce;

use std::collections::BTreeMap;
use std::path::Path;

use leanset_core::{Budget, Reducer, Scope};
use leanset_images::{Categories, Image, ImageSet, Inspection, OpenOptions, Severity, Split, inspect};
use leanset_problem::{Command, Problem, Result, Text, Warning, setting, text};
use leanset_spec::images::{CategoryRule, Division};

pub use candidates::Candidates;
pub use check::{CHECK_SCHEMA, Checked, check};
pub use dry_run::ImageDryRun;
pub use embedder::{Described, Embedder};
pub use features::{DescribeDestination, Description, describe};
pub use reduce::{ImageDestination, ImageReduction, ImagesOutcome, REPORT, reduce};
pub use reproduce::{ImagePlaces, read, reproduce};

use crate::context::Context;

/// Opens a dataset: annotations are read, and no image.
///
/// # Errors
/// It is no dataset that leanset knows.
pub fn open(dataset: &Path, division: &Division) -> Result<ImageSet> {
    ImageSet::open(dataset, &OpenOptions { image_folder: division.images.clone() })
}

/// Inspects the images for which `wanted` is true, and describes them by a model if there is one.
fn inspect_images(
    set: &mut ImageSet,
    wanted: impl Fn(&Image) -> bool + Sync,
    embedder: Option<&Embedder>,
    context: &Context<'_>,
) -> Result<Vec<Inspection>> {
    let count = set.images.iter().filter(|image| wanted(image)).count();
    let stage = if embedder.is_some() { "computing features" } else { "inspecting images" };
    context.reporter.begin(stage, count as u64);
    let step = || {
        context.reporter.advance(1);
        !context.reporter.cancelled()
    };
    inspect(set, wanted, embedder.map(Embedder::of_images).as_ref(), step)
}

/// Indices of the images that a reduction chooses from.
fn usable_training_images(set: &ImageSet) -> Vec<usize> {
    (0..set.images.len()).filter(|&i| set.images[i].split == Split::Train && set.images[i].usable).collect()
}

/// There has to be one.
fn check_not_empty(set: &ImageSet, images: &[usize]) -> Result<()> {
    if !images.is_empty() {
        return Ok(());
    }
    Err(Problem::new(format!("{}: no training image can be used", set.source.display()))
        .hint(text![Command::IMAGES_CHECK, " says what is wrong with each"]))
}

/// What images are divided into.
fn categories(set: &ImageSet, images: &[usize], division: &Division) -> Result<Categories> {
    if let Some(file) = &division.categories {
        return Categories::from_table(set, images, file);
    }
    Categories::by_rule(set, images, rule(set, division), &division.groups.groups)
}

fn rule(set: &ImageSet, division: &Division) -> CategoryRule {
    division.category.unwrap_or_else(|| set.format().default_rule())
}

/// Counts of categories are kept by methods that choose within them; `asked` is what asks for counts.
///
/// # Errors
/// The method chooses over all images at once.
pub fn check_scope(reducer: &Reducer, budget: &Budget, asked: Text) -> Result<()> {
    let id = reducer.info().id;
    if matches!(budget, Budget::PerClass(_) | Budget::Balanced(..)) && reducer.scope() == Scope::Global {
        return Err(Problem::new(format!("{id} chooses over all images at once, and keeps no count of a category"))
            .hint(text!["use another method, or leave "].append(asked).text(" out")));
    }
    Ok(())
}

/// Refuses a method that works on tables alone.
///
/// # Errors
/// It uses training dynamics, or generates prototypes.
pub fn check_method(reducer: &Reducer) -> Result<()> {
    let info = reducer.info();
    let another = || text!["use another method (", Command::METHODS, ")"];
    if info.uses_dynamics() {
        return Err(
            Problem::new(format!("{} needs a training log, and there is none for images", info.id)).hint(another())
        );
    }
    if reducer.generates_prototypes() {
        let hint = match info.params.iter().any(|spec| spec.name == "output") {
            true => text![setting::PARAM.to("output=rows"), " keeps the real image nearest to each prototype"],
            false => another(),
        };
        return Err(Problem::new("the method generates prototypes, and no image belongs to them").hint(hint));
    }
    Ok(())
}

/// Warns of what is wrong with the images that were inspected; ends the work if that was asked.
fn report_issues(set: &ImageSet, strict: bool, context: &Context<'_>) -> Result<()> {
    let reported: Vec<_> = set.issues.iter().filter(|issue| issue.severity > Severity::Note).collect();
    for issue in &reported {
        let left_out = if issue.severity == Severity::Error { " (left out)" } else { "" };
        let warning = Warning::new(issue.kind.code(), format!("{issue}{left_out}")).hint(issue.kind.hint());
        context.reporter.warn(&warning);
    }
    if strict && !reported.is_empty() {
        let many = if reported.len() == 1 { "1 issue".to_owned() } else { format!("{} issues", reported.len()) };
        return Err(Problem::new(text![
            format!("{}: has {many}, and ", set.source.display()),
            &setting::STRICT,
            " is given"
        ])
        .hint(text![
            "mend them, or leave ",
            &setting::STRICT,
            " out: images that cannot be used are then left out"
        ]));
    }
    Ok(())
}

/// Issues of a dataset by code.
fn issue_counts(set: &ImageSet) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for issue in &set.issues {
        *counts.entry(issue.kind.code().to_owned()).or_insert(0) += 1;
    }
    counts
}
