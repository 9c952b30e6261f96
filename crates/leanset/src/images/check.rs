//! All issues of an image dataset at once.

use std::path::Path;

use leanset_images::{Categories, ImageSet, Issue, Split};
use leanset_problem::Result;
use leanset_spec::images::Division;
use serde_json::{Map, Value, json};

use super::{categories, inspect_images, open, usable_training_images};
use crate::context::Context;

/// The schema of [`Checked::document`].
pub const CHECK_SCHEMA: &str = "leanset.images-check/1";

/// A dataset with all its images inspected: what `images check` reports.
pub struct Checked {
    /// The dataset, with its issues.
    pub set: ImageSet,
    /// What its usable training images are divided into.
    pub categories: Categories,
}

/// Inspects every image of a dataset.
///
/// # Errors
/// It is no dataset, or cannot be divided as asked.
pub fn check(dataset: &Path, division: &Division, context: &Context<'_>) -> Result<Checked> {
    let mut set = open(dataset, division)?;
    inspect_images(&mut set, |_| true, None, context)?;
    let categories = categories(&set, &usable_training_images(&set), division)?;
    Ok(Checked { set, categories })
}

impl Checked {
    /// Splits that have images.
    pub fn splits(&self) -> Vec<Split> {
        Split::ALL.into_iter().filter(|&split| self.set.of(split).next().is_some()).collect()
    }

    /// Objects of each class in a split.
    pub fn objects(&self, split: Split) -> Vec<usize> {
        let mut counts = vec![0; self.set.classes.len()];
        self.set.of(split).flat_map(|image| &image.objects).for_each(|object| counts[object.class as usize] += 1);
        counts
    }

    /// The document of docs/json.md.
    pub fn document(&self) -> Value {
        let (set, categories) = (&self.set, &self.categories);
        let split = |split: Split| {
            let value = json!({
                "pictures": set.of(split).count(),
                "usable": set.of(split).filter(|image| image.usable).count(),
                "backgrounds": set.of(split).filter(|image| image.objects.is_empty()).count(),
                "objects": set.classes.iter().cloned().zip(self.objects(split)).collect::<Vec<_>>(),
            });
            (split.name().to_owned(), value)
        };
        let issue = |issue: &Issue| {
            json!({
                "code": issue.kind.code(),
                "severity": issue.severity.to_string(),
                "file": issue.file,
                "line": issue.line,
                "message": issue.message,
            })
        };
        json!({
            "schema": CHECK_SCHEMA,
            "leanset": env!("CARGO_PKG_VERSION"),
            "dataset": set.source,
            "layout": set.format().name(),
            "classes": set.classes,
            "splits": self.splits().into_iter().map(split).collect::<Map<_, _>>(),
            "categories": categories.names.iter().cloned().zip(categories.sizes()).collect::<Vec<_>>(),
            "faults": set.issues.iter().map(issue).collect::<Vec<_>>(),
        })
    }
}
