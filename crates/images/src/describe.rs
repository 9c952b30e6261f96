//! Pictures described by a model while they are looked at.

use image::RgbImage;
use leanset_backbones::{Backbone, Worker};

use crate::{Cache, Error, Look, Result};

/// A model, what it described before, and how many pictures it is given at once.
#[derive(Clone, Copy, Debug)]
pub struct Describer<'a> {
    /// The model.
    pub backbone: &'a Backbone,
    /// What it described before.
    pub cache: Option<&'a Cache>,
    /// Pictures that one thread gives it at once. More pays on cards alone.
    pub batch: usize,
}

impl<'a> Describer<'a> {
    pub(crate) fn worker(&self) -> Result<Describing<'a>> {
        Ok(Describing { worker: self.backbone.worker()?, cache: self.cache })
    }
}

/// One thread's part of it.
pub(crate) struct Describing<'a> {
    worker: Worker<'a>,
    cache: Option<&'a Cache>,
}

impl Describing<'_> {
    /// Describes the pictures that were decoded.
    pub(crate) fn describe(&mut self, seen: &mut [(&str, &mut Look, Option<RgbImage>)]) -> Result<()> {
        let mut open = Vec::new();
        for (at, (_, look, rgb)) in seen.iter_mut().enumerate() {
            let (Some(sha256), Some(_)) = (&look.sha256, &rgb) else { continue };
            look.features = self.cache.and_then(|cache| cache.get(sha256));
            if look.features.is_none() {
                open.push(at);
            }
        }
        let pictures: Vec<(u32, u32, &[u8])> = open
            .iter()
            .filter_map(|&at| seen[at].2.as_ref())
            .map(|rgb| (rgb.width(), rgb.height(), rgb.as_raw().as_slice()))
            .collect();
        if pictures.is_empty() {
            return Ok(());
        }
        let described = self.worker.describe(&pictures).map_err(|e| {
            let names: Vec<&str> = open.iter().map(|&at| seen[at].0).collect();
            Error::from(e).of(&names.join(", "))
        })?;
        for (at, description) in open.into_iter().zip(described) {
            let look = &mut *seen[at].1;
            if let (Some(cache), Some(sha256)) = (self.cache, &look.sha256) {
                cache.put(sha256, &description);
            }
            look.features = Some(description);
        }
        Ok(())
    }
}
