//! `leanset images reduce --from-manifest`: what was done, as arguments, and whether it comes out the same.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use leanset_documents::images::{FILE, ImagesManifest, ModelRecord, SourceRecord};
use leanset_images::{Group, ImageSet, Split};

use super::eye::Eye;
use super::reduce::REPORT;
use super::stock::Stock;
use crate::args::{Category, FeatureArgs, FitArg, ImageSetArgs, ImagesReduceArgs, ModelArgs};
use crate::error::{DIFFERENT, Failure};
use crate::manifest::{self, check_source};

/// A manifest that is to be reproduced.
pub(super) struct Expected(ImagesManifest);

impl Expected {
    /// Reads it, from itself or from its folder, with the arguments that it stands for: where files are is taken from those
    /// that were given.
    pub(super) fn read(path: &Path, given: &ImagesReduceArgs) -> Result<(Self, ImagesReduceArgs), Failure> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file).map_err(|e| Failure::io(&format!("{name}: cannot be read"), &e))?;
        let manifest = ImagesManifest::parse(&name, &text)?;
        let args = arguments(&manifest, given, &file)?;
        Ok((Self(manifest), args))
    }

    /// Before anything is opened: the files must be those of the manifest.
    pub(super) fn check_sources(&self, args: &ImagesReduceArgs) -> Result<(), Failure> {
        manifest::tell_version(&self.0.leanset);
        let of = |record: &'_ Option<SourceRecord>| record.as_ref().map(|r| r.sha256.clone());
        let features = &self.0.features;
        for (names, path, sha256) in [
            (("--categories", "table of categories"), &args.set.categories, of(&self.0.category.table)),
            (("--features", "table of features"), &args.features.features, of(&features.table)),
            (("--feature-paths", "list of paths"), &args.features.feature_paths, of(&features.paths)),
            (("--model", "model"), &args.features.model.model, features.model.as_ref().map(|m| m.sha256.clone())),
        ] {
            check_source(names, path.as_deref(), sha256.as_deref().map(|sha256| (sha256, None)))?;
        }
        Ok(())
    }

    /// Before a picture is described: the model must be used as it was.
    pub(super) fn check_model(&self, eye: Option<&Eye>) -> Result<(), Failure> {
        let (Some(expected), Some(eye)) = (&self.0.features.model, eye) else { return Ok(()) };
        let differing = expected.differences(&eye.about())?;
        if differing.is_empty() {
            return Ok(());
        }
        let differing = differing.join(", ");
        Err(Failure::new(format!("{}: is not used as in the manifest: {differing}", eye.about().path.display()))
            .hint("use the version of leanset, and of ONNX Runtime, that the manifest is of")
            .code(DIFFERENT))
    }

    /// Before a picture is opened: what can be told of the set without.
    pub(super) fn check_count(&self, dataset: &Path, set: &ImageSet) -> Result<(), Failure> {
        let (train, expected) = (set.of(Split::Train).count(), self.0.dataset.train);
        if train == expected {
            return Ok(());
        }
        Err(other_set(dataset, &format!("{train} training pictures, not {expected}")))
    }

    /// Before anything is chosen: names, contents and annotations of the training pictures.
    pub(super) fn check_set(&self, dataset: &Path, stock: &Stock) -> Result<(), Failure> {
        let (sha256, expected) = (stock.fingerprint(), &self.0.dataset.sha256);
        if sha256 == *expected {
            return Ok(());
        }
        let short = expected.get(..12).unwrap_or(expected);
        let differs = format!("a training picture or its annotation differs: SHA-256 {}, not {short}", &sha256[..12]);
        Err(other_set(dataset, &differs))
    }

    /// Before anything is seen of it: what came out must be as it was.
    pub(super) fn check(&self, found: &ImagesManifest) -> Result<(), Failure> {
        manifest::check_differences(&self.0.differences(found)?, &self.0.leanset)
    }
}

fn other_set(dataset: &Path, how: &str) -> Failure {
    Failure::new(format!("{}: is not the set of the manifest: {how}", dataset.display()))
        .hint("name the original set: leanset images reduce DATASET --from-manifest …; a set that was changed is reduced anew")
        .code(DIFFERENT)
}

fn arguments(manifest: &ImagesManifest, given: &ImagesReduceArgs, file: &Path) -> Result<ImagesReduceArgs, Failure> {
    let m = manifest;
    let name = file.display();
    if m.command != "images reduce" {
        return Err(Failure::new(format!("{name}: is the manifest of `leanset {}`, not of a reduction", m.command))
            .hint("only reductions are reproduced by --from-manifest"));
    }
    let bad = |what: &str| Failure::new(format!("{name}: has an unknown {what}")).hint("use it as leanset wrote it");
    // It is in the folder that was made; the command was run where that is, often.
    let folder = file.parent().unwrap_or(Path::new(""));
    let found = |recorded: &PathBuf| manifest::found(recorded, &[folder, &folder.join("..")]);
    let place = |given: &Option<PathBuf>, recorded: Option<&PathBuf>| given.clone().or_else(|| recorded.map(found));
    let source =
        |given: &Option<PathBuf>, record: &Option<SourceRecord>| place(given, record.as_ref().map(|r| &r.path));
    let category = match m.category.rule.as_str() {
        "table" => None,
        word => Some(Category::from_str(word, false).map_err(|_| bad("rule of categories"))?),
    };
    let (copy, link) = match m.placement.as_str() {
        "stay" => (false, false),
        "copy" => (true, false),
        "link" => (false, true),
        _ => return Err(bad("placement")),
    };
    let groups = m.category.groups.iter();
    let features = &given.features;
    Ok(ImagesReduceArgs {
        dataset: place(&given.dataset, Some(&m.dataset.path)),
        set: ImageSetArgs {
            images: place(&given.set.images, m.dataset.images.as_ref()),
            category,
            groups: groups.map(|(name, classes)| Group { name: name.clone(), classes: classes.clone() }).collect(),
            categories: source(&given.set.categories, &m.category.table),
        },
        method: Some(m.method.id.clone()),
        params: m.method.parameters.iter().map(|(n, v)| (n.clone(), manifest::value(v).to_string())).collect(),
        seed: m.method.seed.unwrap_or(0),
        ratio: m.budget.ratio,
        count: m.budget.count,
        per_category: m.budget.per_class.clone().unwrap_or_default().into_iter().collect(),
        // What was evened out is recorded as counts.
        balance: false,
        allow_empty_categories: m.budget.allow_empty_classes,
        features: FeatureArgs {
            model: match &m.features.model {
                Some(record) => model(record, &features.model, place(&features.model.model, Some(&record.path)), bad)?,
                None => no_model(&features.model)?,
            },
            features: source(&features.features, &m.features.table),
            feature_paths: source(&features.feature_paths, &m.features.paths),
        },
        metric: m.epsilon.metric.parse()?,
        copy,
        link,
        report: given.report || m.files.iter().any(|f| f.path == Path::new(REPORT)),
        ..given.clone()
    })
}

/// The same model used in the same way.
fn model(
    record: &ModelRecord,
    given: &ModelArgs,
    place: Option<PathBuf>,
    bad: impl Fn(&str) -> Failure,
) -> Result<ModelArgs, Failure> {
    let runtime = record.engine.starts_with("ONNX Runtime");
    match &given.onnxruntime {
        None if runtime => {
            return Err(Failure::new(format!("the model of the manifest was run by {}", record.engine))
                .hint("--onnxruntime PATH says where that library is"));
        }
        Some(library) if !runtime => {
            return Err(Failure::new(format!(
                "--onnxruntime {}: the model of the manifest was run by {}",
                library.display(),
                record.engine
            ))
            .hint("leave --onnxruntime out"));
        }
        _ => {}
    }
    let device = given.device.clone().or_else(|| record.engine.ends_with(", CUDA").then(|| "cuda".to_owned()));
    Ok(ModelArgs {
        model: place,
        layer: Some(if record.rule == "named" { record.tensor.clone() } else { record.rule.clone() }),
        fit: Some(FitArg::from_str(&record.fit, false).map_err(|_| bad("way of fitting pictures"))?),
        // A model that takes no square has a size of its own.
        size: record.size.and_then(|[height, width]| (height == width).then_some(height)),
        pixels: None,
        mean: Some(record.mean),
        std: Some(record.std),
        device,
        batch: given.batch.or(u16::try_from(record.batch).ok()),
        ..given.clone()
    })
}

/// Nothing can be said of a model that there is not.
fn no_model(given: &ModelArgs) -> Result<ModelArgs, Failure> {
    let said = [
        ("--onnxruntime", given.onnxruntime.is_some()),
        ("--device", given.device.is_some()),
        ("--batch", given.batch.is_some()),
        ("--cache", given.cache.is_some()),
        ("--no-cache", given.no_cache),
    ];
    match said.iter().find(|(_, said)| *said) {
        Some((flag, _)) if given.model.is_none() => {
            Err(Failure::new(format!("{flag}: the manifest has no model")).hint(format!("leave {flag} out")))
        }
        _ => Ok(given.clone()),
    }
}
