//! Computes the features of images with a model while they are inspected.

use image::RgbImage;
use leanset_backbones::Backbone;

use leanset_problem::{Problem, Result, Text};

use crate::Cache;

/// A model, the cache of its features, and how many images it computes at once.
#[derive(Clone, Copy, Debug)]
pub struct Embedder<'a> {
    /// The model.
    pub backbone: &'a Backbone,
    /// Features that it computed before.
    pub cache: Option<&'a Cache>,
    /// Images per batch in each thread. More than one pays off on GPUs only.
    pub batch: usize,
}

impl<'a> Embedder<'a> {
    pub(crate) fn worker(&self) -> Result<Worker<'a>> {
        Ok(Worker { backbone: self.backbone.worker()?, cache: self.cache })
    }
}

/// One thread's part of an [`Embedder`].
pub(crate) struct Worker<'a> {
    backbone: leanset_backbones::Worker<'a>,
    cache: Option<&'a Cache>,
}

impl Worker<'_> {
    /// The features of decoded images, each with its name for errors and the SHA-256 of its file.
    pub(crate) fn features(&mut self, images: &[(&str, [u8; 32], RgbImage)]) -> Result<Vec<Vec<f32>>> {
        let mut found: Vec<Option<Vec<f32>>> =
            images.iter().map(|(_, sha256, _)| self.cache.and_then(|cache| cache.get(sha256))).collect();
        let missing: Vec<_> = images.iter().zip(&mut found).filter(|(_, features)| features.is_none()).collect();
        let batch: Vec<(u32, u32, &[u8])> =
            missing.iter().map(|((_, _, rgb), _)| (rgb.width(), rgb.height(), rgb.as_raw().as_slice())).collect();
        if !batch.is_empty() {
            let computed = self.backbone.embed(&batch).map_err(|mut e: Problem| {
                let names: Vec<&str> = missing.iter().map(|((name, ..), _)| *name).collect();
                let message = std::mem::take(&mut e.message);
                e.message = Text::from(format!("{}: ", names.join(", "))).append(message);
                e
            })?;
            for (((_, sha256, _), place), features) in missing.into_iter().zip(computed) {
                if let Some(cache) = self.cache {
                    cache.put(sha256, &features);
                }
                *place = Some(features);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }
}
