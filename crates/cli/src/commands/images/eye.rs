//! A pretrained model that pictures are seen through, and what it has seen before.

use std::path::Path;

use leanset_backbones::{Backbone, Device, Engine, Fit, Layer, Options, Pixels};
use leanset_core::Monitor as _;
use leanset_documents::images::ModelRecord;
use leanset_images::{Cache, Embedder};
use leanset_lab::plan::{FeaturePlan, FitWord, PixelsWord};

use crate::error::Failure;
use crate::output;
use crate::progress::Progress;
use crate::text;

/// Pictures that a card is given at once, where nothing else is said.
const CARD_BATCH: usize = 16;

pub(crate) struct Eye {
    backbone: Backbone,
    cache: Option<Cache>,
    batch: usize,
}

impl Eye {
    /// The model of a plan; nothing if it has none.
    pub(crate) fn new(plan: &FeaturePlan, progress: &Progress) -> Result<Option<Self>, Failure> {
        let Some(model) = &plan.model else { return Ok(None) };
        progress.begin("loading the model", 0);
        let options = options(plan)?;
        let card = matches!(options.engine, Engine::OnnxRuntime { device: Device::Cuda(_), .. });
        let batch = plan.batch.unwrap_or(if card { CARD_BATCH } else { 1 });
        if batch == 0 {
            return Err(Failure::new("batch must be at least 1, not 0").hint("leave it out"));
        }
        Ok(Some(Self { backbone: Backbone::open(model, &options)?, cache: None, batch }))
    }

    /// With what it has seen before, and will have seen then: kept below this folder, if there is one.
    pub(super) fn remembering(self, folder: Option<&Path>) -> Self {
        let cache = folder.and_then(|folder| match Cache::open(folder, &self.backbone) {
            Ok(cache) => Some(cache),
            Err(error) => {
                let message = format!("nothing is remembered of what the model sees: {error}");
                warn("no-cache", message, "--cache names another folder, --no-cache says that none is wanted");
                None
            }
        });
        for part in cache.iter().flat_map(Cache::damaged) {
            let message = format!("{}: is damaged, and passed over: its pictures are described again", part.display());
            warn("cache-damaged", message, "delete it");
        }
        Self { cache, ..self }
    }

    /// Numbers of a description.
    pub(super) fn dimensions(&self) -> usize {
        self.backbone.dimensions()
    }

    /// Pictures that so many threads hold at once.
    pub(super) fn held(&self, threads: usize) -> usize {
        self.batch.saturating_mul(threads)
    }

    /// Bytes that it takes with so many threads, where the system tells nothing: its weights as they are read, cut, loaded and
    /// packed, and some layers as large as what it is fed.
    pub(super) fn guess(&self, threads: usize) -> u64 {
        let weights = std::fs::metadata(self.backbone.path()).map_or(0, |m| m.len());
        let (height, width) = self.backbone.size().unwrap_or((640, 640));
        4 * weights + 12 * 16 * self.held(threads) as u64 * u64::from(height) * u64::from(width)
    }

    /// Describes grey in pictures of this size by as many threads as will be at work: what that takes is known then.
    pub(super) fn try_out(&self, (width, height): (u32, u32), threads: usize) -> Result<(), Failure> {
        let grey = vec![114; 3 * width as usize * height as usize];
        let pictures = vec![(width, height, grey.as_slice()); self.batch];
        let describe = || self.backbone.worker()?.describe(&pictures).map(drop);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(describe)).collect();
            threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        Ok(())
    }

    pub(super) fn describer(&self) -> Embedder<'_> {
        Embedder { backbone: &self.backbone, cache: self.cache.as_ref(), batch: self.batch }
    }

    /// What is said of it in a manifest.
    pub(super) fn about(&self) -> ModelRecord {
        let backbone = &self.backbone;
        ModelRecord {
            path: backbone.path().to_owned(),
            sha256: output::hexadecimal(&backbone.sha256()),
            key: output::hexadecimal(&backbone.key()),
            tensor: backbone.tensor().to_owned(),
            rule: backbone.rule().to_owned(),
            fit: backbone.fit().name().to_owned(),
            size: backbone.size().map(|(height, width)| [height, width]),
            mean: backbone.pixels().mean,
            std: backbone.pixels().deviation,
            engine: backbone.engine(),
            batch: self.batch,
            cached: self.cache.as_ref().map_or(0, Cache::found),
        }
    }

    /// The file and everything that was settled, in one line.
    pub(super) fn words(&self) -> String {
        format!("{}: {}", self.backbone.path().display(), self.backbone.words())
    }

    /// What is said of it, in the manifest and to a person; what it saw is kept.
    pub(super) fn record(self) -> Result<(ModelRecord, String), Failure> {
        let record = self.about();
        if let Some(cache) = &self.cache {
            cache.flush();
            if let Some(why) = cache.broken() {
                let message = format!("not all that the model saw is remembered: {why}");
                warn("no-cache", message, "--cache names another folder, --no-cache says that none is wanted");
            }
        }
        let cached = match record.cached {
            0 => String::new(),
            n => format!("; {} described before", text::count(n)),
        };
        let told = format!("  seen by {}{cached}\n", self.words());
        Ok((record, told))
    }
}

fn warn(code: &'static str, message: String, hint: &str) {
    text::say(&text::warning(&leanset_problem::Warning::new(code, message).hint(hint.to_owned())));
}

/// How the model of a plan is used.
fn options(plan: &FeaturePlan) -> Result<Options, Failure> {
    let pixels = match (plan.pixels, plan.mean, plan.std) {
        (None, None, None) => None,
        (Some(PixelsWord::Unit), None, None) => Some(Pixels::UNIT),
        (Some(PixelsWord::Imagenet), None, None) => Some(Pixels::IMAGENET),
        (None, Some(mean), Some(deviation)) => {
            let (within, above) =
                (mean.iter().all(|m| (0.0..=1.0).contains(m)), deviation.iter().all(|d| *d > 0.0 && *d <= 1.0));
            if !within || !above {
                let (what, range, value) = if within { ("std", "(0, 1]", deviation) } else { ("mean", "[0, 1]", mean) };
                return Err(Failure::new(format!("{what} must be in {range}, not {value:?}"))
                    .hint("pixels are of 0 to 1: divide what is of 0 to 255 by 255; ImageNet's are 0.485,0.456,0.406 and 0.229,0.224,0.225"));
            }
            Some(Pixels { mean, deviation })
        }
        (Some(_), ..) => {
            return Err(
                Failure::new("pixels is given, and so is mean or std").hint("give pixels, or both of the others")
            );
        }
        (None, ..) => {
            return Err(Failure::new("of mean and std one alone is given").hint("give both, for red, green and blue"));
        }
    };
    let engine = match (&plan.onnxruntime, plan.device.as_deref()) {
        (None, None) => Engine::Rten,
        (None, Some(device)) => {
            return Err(Failure::new(format!(
                "device {device} is given, and no ONNX Runtime, which alone has a choice"
            ))
            .hint("--onnxruntime PATH names its library"));
        }
        (Some(library), device) => {
            Engine::OnnxRuntime { library: library.clone(), device: card(device.unwrap_or("cpu"))? }
        }
    };
    Ok(Options {
        layer: plan.layer.as_deref().unwrap_or("auto").parse::<Layer>().unwrap_or_default(),
        fit: match plan.fit.unwrap_or_default() {
            FitWord::Letterbox => Fit::Letterbox,
            FitWord::Stretch => Fit::Stretch,
            FitWord::Crop => Fit::Crop,
            FitWord::Native => Fit::Native,
        },
        size: plan.size,
        pixels,
        engine,
    })
}

fn card(word: &str) -> Result<Device, Failure> {
    match word.split_once(':') {
        None if word == "cpu" => Ok(Device::Cpu),
        None if word == "cuda" => Ok(Device::Cuda(0)),
        Some(("cuda", card)) if card.parse::<u8>().is_ok() => Ok(Device::Cuda(card.parse().unwrap_or(0))),
        _ => {
            Err(Failure::new(format!("device must be cpu, cuda or cuda:N, not '{word}'")).hint("leave it out for cpu"))
        }
    }
}
