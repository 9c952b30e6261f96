//! What a reduction of an image dataset chooses from, for jobs and for experiments: the training images that can be used,
//! what they are divided into, and the features that distances are measured on.

use std::fmt::Write as _;
use std::path::Path;

use leanset_core::{Budget, EmptyClasses};
use leanset_images::{
    Categories, Features as FeatureMatrix, ImageSet, Inspection, Split, balanced_counts, color_edge_features,
};
use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::images::{Division, Features};
use leanset_spec::manifest::images::{CategoryRecord, FeaturesRecord, ModelRecord, SourceRecord};
use rayon::prelude::*;

use super::embedder::{Described, Embedder};
use super::{categories, check_not_empty, inspect_images, report_issues, rule, usable_training_images};
use crate::context::Context;
use crate::output::{sha256, sha256_of};

/// What features that somebody gave are called.
pub(crate) const GIVEN: &str = "given";

/// The usable training images of a dataset.
pub struct Candidates {
    /// The whole dataset.
    pub set: ImageSet,
    /// Indices of the training images that can be used.
    pub images: Vec<usize>,
    /// What they are divided into.
    pub categories: Categories,
    /// The model that described them.
    pub described: Option<Described>,
    inspections: Vec<Inspection>,
}

impl Candidates {
    /// Inspects the training images of a dataset, describes them by a model if there is one, warns of what is wrong with
    /// them, and divides those that can be used. `given`: their features are known from elsewhere.
    ///
    /// # Errors
    /// None can be used, or they cannot be divided as asked; with `strict`, any issue.
    pub fn new(
        mut set: ImageSet,
        division: &Division,
        embedder: Option<Embedder>,
        (given, strict): (bool, bool),
        context: &Context<'_>,
    ) -> Result<Self> {
        let training = |image: &leanset_images::Image| image.split == Split::Train;
        let inspections = inspect_images(&mut set, training, embedder.as_ref(), context)?;
        let described = embedder.map(|embedder| embedder.finish(context));
        if given {
            set.allow_other_formats();
        }
        report_issues(&set, strict, context)?;
        Self::divided(set, inspections, division, described)
    }

    /// The same by annotations alone: no image is decoded, so those that cannot be are among them, and there are neither
    /// features nor hashes. What features would be made with is looked for all the same.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_annotations(
        mut set: ImageSet,
        division: &Division,
        features: &Features,
        context: &Context<'_>,
    ) -> Result<Self> {
        Embedder::new(&features.model, context)?;
        [&features.table, &features.paths].into_iter().flatten().try_for_each(|file| source_record(file).map(drop))?;
        if features.are_given() {
            set.allow_other_formats();
        }
        report_issues(&set, false, context)?;
        Self::divided(set, Vec::new(), division, None)
    }

    /// Divides the training images that can be used.
    fn divided(
        set: ImageSet,
        inspections: Vec<Inspection>,
        division: &Division,
        described: Option<Described>,
    ) -> Result<Self> {
        let images = usable_training_images(&set);
        check_not_empty(&set, &images)?;
        let categories = categories(&set, &images, division)?;
        Ok(Self { set, images, categories, described, inspections })
    }

    /// The features that distances are measured on, and what they are called. Every candidate has a row. They are taken
    /// out of the inspections: asked for once.
    ///
    /// # Errors
    /// A table of features does not fit.
    pub fn features(&mut self, features: &Features) -> Result<(FeatureMatrix, FeaturesRecord)> {
        let matrix = match &features.table {
            Some(file) => FeatureMatrix::from_table(&self.set, &self.images, file, features.paths.as_deref())?,
            None => FeatureMatrix::from_inspections(&self.set, &mut self.inspections, &self.images)?,
        };
        let model = self.described.as_ref().map(|described| described.record.clone());
        let record = features_record(features, model, matrix.dimensions)?;
        Ok((matrix, record))
    }

    /// One hash of everything that was chosen from: names, images and annotations of the training split.
    pub fn fingerprint(&self) -> String {
        self.hash(Split::Train, |image| self.inspections[image].sha256)
    }

    /// The same of the images that detectors are tested on, and how many they are.
    pub fn validation(&self) -> (usize, String) {
        let digest = |image: &leanset_images::Image| {
            let tested = image.split == Split::Val;
            tested.then(|| sha256(&image.path).ok()).flatten().map(|(digest, _)| digest)
        };
        let digests: Vec<Option<String>> = self.set.images.par_iter().map(digest).collect();
        (self.set.of(Split::Val).count(), self.hash(Split::Val, |image| digests[image].clone()))
    }

    fn hash<T: std::fmt::Debug>(&self, split: Split, digest: impl Fn(usize) -> T) -> String {
        let mut all = String::new();
        for (at, image) in self.set.images.iter().enumerate().filter(|(_, image)| image.split == split) {
            let _ = writeln!(all, "{}\t{:?}\t{:?}", image.name, digest(at), image.objects);
        }
        sha256_of(all.as_bytes())
    }

    /// A ratio or a count, evened out over the objects of classes if that is asked.
    ///
    /// # Errors
    /// It cannot be met.
    pub fn budget(&self, whole: Budget, balance: bool, empty: EmptyClasses) -> Result<Budget> {
        balanced(whole, balance, empty, &self.set, &self.images, &self.categories)
    }

    /// How the images were divided.
    ///
    /// # Errors
    /// A table of categories cannot be read any more.
    pub fn category_record(&self, division: &Division) -> Result<CategoryRecord> {
        let table = division.categories.as_deref().map(source_record).transpose()?;
        let rule = if table.is_some() { "table".to_owned() } else { rule(&self.set, division).to_string() };
        Ok(CategoryRecord { rule, table })
    }
}

/// A ratio or a count, evened out over the objects of classes if that is asked.
pub(super) fn balanced(
    whole: Budget,
    balance: bool,
    empty: EmptyClasses,
    set: &ImageSet,
    images: &[usize],
    categories: &Categories,
) -> Result<Budget> {
    if !balance {
        return Ok(whole);
    }
    if let Budget::Balanced(..) = whole {
        return Err(Problem::new(text![
            &setting::BALANCE,
            " evens out the objects of classes, and ",
            &setting::BALANCE_CATEGORIES,
            " the images of categories"
        ])
        .hint("give one of both"));
    }
    let total = whole.allocate(&categories.sizes(), empty)?.0.total();
    let counts = balanced_counts(set, images, categories, total, empty == EmptyClasses::Forbid);
    Ok(Budget::PerClass(counts))
}

/// What the features that distances are measured on are called.
pub(super) fn features_record(
    features: &Features,
    model: Option<ModelRecord>,
    dimensions: usize,
) -> Result<FeaturesRecord> {
    let table = features.table.as_deref().map(source_record).transpose()?;
    let kind = match (&table, &model) {
        (Some(_), _) => GIVEN,
        (None, Some(_)) => "model",
        (None, None) => color_edge_features::NAME,
    };
    let paths = features.paths.as_deref().map(source_record).transpose()?;
    Ok(FeaturesRecord { kind: kind.into(), dimensions, model, table, paths })
}

fn source_record(path: &Path) -> Result<SourceRecord> {
    Ok(SourceRecord { path: path.to_owned(), sha256: sha256(path)?.0 })
}
