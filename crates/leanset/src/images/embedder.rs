//! A pretrained model that describes images, and the cache of what it computed before.

use std::path::Path;

use leanset_backbones::{Backbone, Device, Engine, Options};
use leanset_images::Cache;
use leanset_problem::{Problem, Result, Warning, setting, text};
use leanset_spec::images::EmbeddingModel;
use leanset_spec::manifest::images::ModelRecord;

use crate::context::Context;
use crate::output::hexadecimal;

/// Images that a GPU is given at once, where nothing else is said.
const GPU_BATCH: usize = 16;

/// A pretrained model that describes images.
pub struct Embedder {
    backbone: Backbone,
    cache: Option<Cache>,
    batch: usize,
}

/// What a model described, for manifests and for people.
#[derive(Clone, Debug)]
pub struct Described {
    /// As recorded.
    pub record: ModelRecord,
    /// The file and everything that was settled, in one line.
    pub summary: String,
}

impl Embedder {
    /// The model of a request; nothing if it has none.
    ///
    /// # Errors
    /// It cannot be loaded, cut or used as asked.
    pub fn new(settings: &EmbeddingModel, context: &Context<'_>) -> Result<Option<Self>> {
        let Some(model) = &settings.model else { return Ok(None) };
        context.reporter.begin("loading the model", 0);
        let options = Options::try_from(settings)?;
        let gpu = matches!(options.engine, Engine::OnnxRuntime { device: Device::Cuda(_), .. });
        let batch = settings.batch.unwrap_or(if gpu { GPU_BATCH } else { 1 });
        if batch == 0 {
            return Err(Problem::new(text![&setting::MODEL_BATCH, " must be at least 1, not 0"]).hint("leave it out"));
        }
        Ok(Some(Self { backbone: Backbone::open(model, &options)?, cache: None, batch }))
    }

    /// With a cache below this folder, if there is one.
    pub(crate) fn with_cache(self, folder: Option<&Path>, context: &Context<'_>) -> Self {
        let cache = folder.and_then(|folder| match Cache::open(folder, &self.backbone) {
            Ok(cache) => Some(cache),
            Err(error) => {
                context.reporter.warn(&no_cache(format!("no features are cached: {error}")));
                None
            }
        });
        for part in cache.iter().flat_map(Cache::damaged) {
            let message =
                format!("{}: is damaged and not used: features of its images are computed again", part.display());
            context.reporter.warn(&Warning::new("cache-damaged", message).hint("delete it"));
        }
        Self { cache, ..self }
    }

    /// Features per image.
    pub(crate) fn dimensions(&self) -> usize {
        self.backbone.dimensions()
    }

    /// Images that so many threads hold at once.
    pub(crate) fn held(&self, threads: usize) -> usize {
        self.batch.saturating_mul(threads)
    }

    /// Bytes that it takes with so many threads, where the system tells nothing: its weights as they are read, cut, loaded
    /// and packed, and some layers as large as its input.
    pub(crate) fn estimated_memory(&self, threads: usize) -> u64 {
        let weights = std::fs::metadata(self.backbone.path()).map_or(0, |m| m.len());
        let (height, width) = self.backbone.size().unwrap_or((640, 640));
        let pixels = (self.held(threads) as u64).saturating_mul(u64::from(height) * u64::from(width));
        pixels.saturating_mul(12 * 16).saturating_add(4 * weights)
    }

    /// Describes grey in images of this size by as many threads as will be at work: what that takes is known then. `most` is
    /// the number of images that there are.
    pub(crate) fn try_out(&self, (width, height): (u32, u32), threads: usize, most: usize) -> Result<()> {
        let grey = vec![114; 3 * width as usize * height as usize];
        let images = vec![(width, height, grey.as_slice()); self.batch.min(most.max(1))];
        let describe = || self.backbone.worker()?.embed(&images).map(drop);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(describe)).collect();
            threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        Ok(())
    }

    /// As images are described by it.
    pub(crate) fn of_images(&self) -> leanset_images::Embedder<'_> {
        leanset_images::Embedder { backbone: &self.backbone, cache: self.cache.as_ref(), batch: self.batch }
    }

    /// What is said of it in a manifest.
    pub(crate) fn record(&self) -> ModelRecord {
        let backbone = &self.backbone;
        ModelRecord {
            path: backbone.path().to_owned(),
            sha256: hexadecimal(&backbone.sha256()),
            key: hexadecimal(&backbone.key()),
            tensor: backbone.tensor().to_owned(),
            rule: backbone.rule().to_owned(),
            fit: backbone.fit().to_string(),
            size: backbone.size().map(|(height, width)| [height, width]),
            mean: backbone.normalisation().mean,
            std: backbone.normalisation().std,
            engine: backbone.engine(),
            batch: self.batch,
            cached: self.cache.as_ref().map_or(0, Cache::found),
        }
    }

    /// The file and everything that was settled, in one line.
    pub(crate) fn summary(&self) -> String {
        format!("{}: {}", self.backbone.path().display(), self.backbone.words())
    }

    /// What is said of it at the end; what it computed is kept.
    pub(crate) fn finish(self, context: &Context<'_>) -> Described {
        if let Some(cache) = &self.cache {
            cache.flush();
            if let Some(why) = cache.broken() {
                context.reporter.warn(&no_cache(format!("not all features are cached: {why}")));
            }
        }
        Described { record: self.record(), summary: self.summary() }
    }
}

fn no_cache(message: String) -> Warning {
    Warning::new("no-cache", message).hint(text![
        &setting::CACHE,
        " names another folder, ",
        &setting::NO_CACHE,
        " says that none is wanted"
    ])
}
