//! `leanset images`: sets of pictures.

mod again;
mod check;
mod eye;
mod features;
mod forecast;
mod reduce;
mod stock;

pub(crate) use check::check;
pub(crate) use eye::Eye;
pub(crate) use features::features;
pub(crate) use reduce::reduce;
pub(crate) use stock::{Stock, check_scope};

use std::path::Path;

use leanset_core::Monitor as _;
use leanset_images::{Categories, Image, ImageSet, Inspection, OpenOptions, Rule, Split, inspect};

use crate::args::{Category, ImageSetArgs};
use crate::error::Failure;
use crate::progress::Progress;

/// Opens the set that the arguments name.
pub(crate) fn open(dataset: &Path, args: &ImageSetArgs) -> Result<ImageSet, Failure> {
    Ok(ImageSet::open(dataset, &OpenOptions { image_folder: args.images.clone() })?)
}

/// Looks at the pictures for which `wanted` is true, through a model if there is one.
fn look_at(
    set: &mut ImageSet,
    wanted: impl Fn(&Image) -> bool + Sync,
    eye: Option<&Eye>,
    progress: &Progress,
) -> Result<Vec<Inspection>, Failure> {
    let count = set.images.iter().filter(|p| wanted(p)).count();
    progress.begin(if eye.is_some() { "describing pictures" } else { "looking at pictures" }, count as u64);
    let step = || {
        progress.advance(1);
        true
    };
    Ok(inspect(set, wanted, eye.map(Eye::describer).as_ref(), step)?)
}

/// Indices of the pictures that a reduction chooses from.
fn candidates(set: &ImageSet) -> Vec<usize> {
    (0..set.images.len()).filter(|&i| set.images[i].split == Split::Train && set.images[i].usable).collect()
}

/// There has to be one.
fn check_candidates(set: &ImageSet, pictures: &[usize]) -> Result<(), Failure> {
    if !pictures.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{}: no training picture can be used", set.source.display()))
        .hint("`leanset images check` says what is wrong with each"))
}

/// Their categories.
fn categories(set: &ImageSet, pictures: &[usize], args: &ImageSetArgs) -> Result<Categories, Failure> {
    if let Some(file) = &args.categories {
        return Ok(Categories::from_table(set, pictures, file)?);
    }
    Ok(Categories::by_rule(set, pictures, rule(set, args), &args.groups)?)
}

fn rule(set: &ImageSet, args: &ImageSetArgs) -> Rule {
    match args.category {
        Some(Category::Amount) => Rule::Amount,
        Some(Category::Classes) => Rule::Classes,
        Some(Category::None) => Rule::One,
        None => set.format().default_rule(),
    }
}
