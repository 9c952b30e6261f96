//! A pretrained model that pictures are seen through, and what it has seen before.

use std::path::Path;

use leanset_backbones::{Backbone, Device, Engine, Fit, Layer, Options, Pixels};
use leanset_core::Monitor as _;
use leanset_documents::images::ModelRecord;
use leanset_images::{Cache, Describer};
use leanset_lab::plan::{FeaturePlan, FitWord, PixelsWord};

use crate::error::Failure;
use crate::output;
use crate::progress::Progress;
use crate::text;

/// Pictures that a card is given at once, where nothing else is said.
const CARD_BATCH: usize = 16;

pub(super) struct Eye {
    backbone: Backbone,
    cache: Option<Cache>,
    batch: usize,
}

impl Eye {
    /// The model of a plan; nothing if it has none. `cache` is the folder below which descriptions are kept.
    pub(super) fn new(plan: &FeaturePlan, cache: Option<&Path>, progress: &Progress) -> Result<Option<Self>, Failure> {
        let Some(model) = &plan.model else { return Ok(None) };
        progress.begin("loading the model", 0);
        let options = options(plan)?;
        let card = matches!(options.engine, Engine::OnnxRuntime { device: Device::Cuda(_), .. });
        let batch = plan.batch.unwrap_or(if card { CARD_BATCH } else { 1 });
        if batch == 0 {
            return Err(Failure::new("batch must be at least 1, not 0").hint("leave it out"));
        }
        let backbone = Backbone::open(model, &options)?;
        let cache = cache.and_then(|folder| match Cache::open(folder, &backbone) {
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
        Ok(Some(Self { backbone, cache, batch }))
    }

    pub(super) fn describer(&self) -> Describer<'_> {
        Describer { backbone: &self.backbone, cache: self.cache.as_ref(), batch: self.batch }
    }

    /// What is said of it, in the manifest and to a person; what it saw is kept.
    pub(super) fn record(self) -> Result<(ModelRecord, String), Failure> {
        let backbone = &self.backbone;
        let record = ModelRecord {
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
        };
        if let Some(cache) = &self.cache {
            cache.flush()?;
        }
        let cached = match record.cached {
            0 => String::new(),
            n => format!("; {} described before", text::count(n)),
        };
        let told = format!("  seen by {}: {}{cached}\n", backbone.path().display(), backbone.words());
        Ok((record, told))
    }
}

fn warn(code: &'static str, message: String, hint: &str) {
    text::say(&text::warning(&leanset_tables::Warning { code, message, hint: Some(hint.to_owned()) }));
}

/// How the model of a plan is used.
fn options(plan: &FeaturePlan) -> Result<Options, Failure> {
    let pixels = match (plan.pixels, plan.mean, plan.std) {
        (None, None, None) => None,
        (Some(PixelsWord::Unit), None, None) => Some(Pixels::UNIT),
        (Some(PixelsWord::Imagenet), None, None) => Some(Pixels::IMAGENET),
        (None, Some(mean), Some(deviation)) if deviation.iter().all(|d| *d > 0.0 && d.is_finite()) => {
            Some(Pixels { mean, deviation })
        }
        (None, Some(_), Some(deviation)) => {
            return Err(Failure::new(format!("std must be above 0, not {deviation:?}"))
                .hint("of 0 to 1: ImageNet's is 0.229,0.224,0.225"));
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
