//! What must come out when the manifest of a reduced dataset is reproduced, compared before anything is written.

use std::path::Path;

use leanset_images::{ImageSet, Split};
use leanset_problem::{Code, Problem, Result, setting};
use leanset_spec::manifest::images::{ImagesManifest, SourceRecord};
use leanset_spec::request::ReduceImages;

use super::candidates::Candidates;
use super::embedder::Embedder;
use crate::context::Context;
use crate::expected::{check_differences, check_source, warn_of_version};

/// The manifest that is to be reproduced.
pub(super) struct Expected(pub(super) ImagesManifest);

impl Expected {
    /// Before anything is opened: the files must be those of the manifest.
    pub(super) fn check_sources(&self, request: &ReduceImages, context: &Context<'_>) -> Result<()> {
        warn_of_version(&self.0.leanset, context);
        let of = |record: &Option<SourceRecord>| record.as_ref().map(|r| r.sha256.clone());
        let recorded = &self.0.features;
        let (division, features) = (&request.division, &request.features);
        for (setting, what, path, sha256) in [
            (&setting::CATEGORIES, "table of categories", &division.categories, of(&self.0.category.table)),
            (&setting::FEATURE_TABLE, "table of features", &features.table, of(&recorded.table)),
            (&setting::FEATURE_PATHS, "list of paths", &features.paths, of(&recorded.paths)),
            (&setting::MODEL, "model", &features.model.model, recorded.model.as_ref().map(|m| m.sha256.clone())),
        ] {
            check_source(setting, what, path.as_deref(), sha256.as_deref().map(|sha256| (sha256, None)))?;
        }
        Ok(())
    }

    /// Before an image is described: the model must be used as it was.
    pub(super) fn check_model(&self, embedder: Option<&Embedder>) -> Result<()> {
        let (Some(expected), Some(embedder)) = (&self.0.features.model, embedder) else { return Ok(()) };
        let record = embedder.record();
        let differing = expected.differences(&record)?;
        if differing.is_empty() {
            return Ok(());
        }
        let differing = differing.join(", ");
        Err(Problem::new(format!("{}: is not used as in the manifest: {differing}", record.path.display()))
            .hint("use the version of leanset, and of ONNX Runtime, that the manifest is of")
            .code(Code::Different))
    }

    /// Before an image is opened: what can be told of the dataset without.
    pub(super) fn check_count(&self, dataset: &Path, set: &ImageSet) -> Result<()> {
        let (train, expected) = (set.of(Split::Train).count(), self.0.dataset.train);
        if train == expected {
            return Ok(());
        }
        Err(other_dataset(dataset, &format!("{train} training images, not {expected}")))
    }

    /// Before anything is chosen: names, contents and annotations of the training images.
    pub(super) fn check_set(&self, dataset: &Path, candidates: &Candidates) -> Result<()> {
        let (sha256, expected) = (candidates.fingerprint(), &self.0.dataset.sha256);
        if sha256 == *expected {
            return Ok(());
        }
        let short = expected.get(..12).unwrap_or(expected);
        let differs = format!("a training image or its annotation differs: SHA-256 {}, not {short}", &sha256[..12]);
        Err(other_dataset(dataset, &differs))
    }

    /// Before anything is written: what came out must be as it was.
    pub(super) fn check(&self, found: &ImagesManifest) -> Result<()> {
        check_differences(&self.0.differences(found)?, &self.0.leanset)
    }
}

fn other_dataset(dataset: &Path, how: &str) -> Problem {
    Problem::new(format!("{}: is not the dataset of the manifest: {how}", dataset.display()))
        .hint("name the original dataset: leanset images reduce DATASET --from-manifest …; reduce a dataset anew that was changed")
        .code(Code::Different)
}
