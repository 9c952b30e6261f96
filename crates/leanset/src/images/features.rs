//! The features that a model computes of each image, as a table.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use leanset_images::{Features, ImageSet, OpenOptions, Split};
use leanset_problem::{Command, Problem, Result, setting, text};
use leanset_spec::Format;
use leanset_spec::manifest::images::{
    FEATURES_SCHEMA, FeaturesManifest, FeaturesMeasured, FeaturesRecord, WrittenRecord,
};
use leanset_spec::request::{DescribeImages, SplitChoice};
use leanset_tables::{Column, Values, write_columns};

use super::embedder::Embedder;
use super::{inspect_images, issue_counts, report_issues};
use crate::context::Context;
use crate::memory;
use crate::output::{Outputs, check_output, manifest_beside, same_place};

/// Where the table goes, and how.
#[derive(Clone, Debug, Default)]
pub struct DescribeDestination {
    /// The table; its name says the format.
    pub output: PathBuf,
    /// Where the paths of its rows go, one per line: needed with an array.
    pub paths: Option<PathBuf>,
    /// Whether files that exist are replaced.
    pub force: bool,
    /// Whether any issue stops the work.
    pub strict: bool,
    /// The folder of cached features; nothing for no cache.
    pub cache: Option<PathBuf>,
}

/// What came of describing images.
#[derive(Debug)]
pub struct Description {
    /// What was asked and what came of it.
    pub manifest: FeaturesManifest,
    /// Its text as written.
    pub manifest_text: String,
    /// Where it is.
    pub manifest_path: PathBuf,
    /// The model and everything that was settled of it, in one line.
    pub model: Option<String>,
}

/// Describes the images of a dataset by a model: a row for each image that can be decoded, in order of split and path.
///
/// # Errors
/// What is asked, or the dataset, cannot be used; nothing is written then.
pub fn describe(
    request: &DescribeImages,
    destination: &DescribeDestination,
    context: &Context<'_>,
) -> Result<Description> {
    let meter = context.meter()?;
    if request.model.model.is_none() {
        return Err(Problem::new("no model is given").hint(text![
            setting::MODEL.to("FILE"),
            " names an ONNX model; `images reduce` computes colour and edge features by itself, without a table"
        ]));
    }
    let manifest_path = manifest_beside(&destination.output);
    let mut outputs = Outputs::new(destination.force).reporting(context.reporter);
    let inputs: Vec<&Path> = std::iter::once(request.dataset.as_path()).chain(request.model.model.as_deref()).collect();
    let (format, compression) = check_output(&destination.output, &manifest_path, &inputs, &outputs)?;
    let array = matches!(format, Format::Npy | Format::Npz);
    match &destination.paths {
        None if array => {
            let what = "an array holds numbers alone, and the paths go nowhere";
            return Err(Problem::new(format!("{}: {what}", destination.output.display()))
                .hint(text![setting::PATHS.to("FILE"), " takes them, one per line; or name a .parquet"]));
        }
        Some(paths) => outputs.check(paths, &inputs)?,
        None => {}
    }
    let taken = [destination.output.as_path(), &manifest_path];
    if let Some(paths) = destination.paths.as_deref().filter(|paths| taken.iter().any(|other| same_place(other, paths)))
    {
        return Err(Problem::new(format!("{}: is named twice among the outputs", paths.display())).hint(text![
            "give ",
            &setting::PATHS,
            " a name of its own"
        ]));
    }

    let began = Instant::now();
    let mut set = ImageSet::open(&request.dataset, &OpenOptions { image_folder: request.images.clone() })?;
    let files = set.files();
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    for output in taken.iter().copied().chain(destination.paths.as_deref()).filter(|output| output.exists()) {
        outputs.check(output, &files)?;
    }
    let split = match request.split {
        SplitChoice::Train => Some(Split::Train),
        SplitChoice::Val => Some(Split::Val),
        SplitChoice::Test => Some(Split::Test),
        SplitChoice::All => None,
    };
    let embedder = Embedder::new(&request.model, context)?;
    let embedder = embedder.map(|embedder| embedder.with_cache(destination.cache.as_deref(), context));
    let wanted = |image: &leanset_images::Image| split.is_none_or(|split| image.split == split);
    let mut inspections = inspect_images(&mut set, wanted, embedder.as_ref(), context)?;
    let described = embedder.map(|embedder| embedder.finish(context));
    report_issues(&set, destination.strict, context)?;
    // An image is described if it can be decoded, whatever is wrong with its annotation; a name that no line can hold has
    // no row to stand in.
    let unlistable = |name: &str| name.contains(['\n', '\r']);
    let mut paths = HashSet::new();
    let images: Vec<usize> = (0..set.images.len())
        .filter(|&i| inspections[i].features.is_some() && !unlistable(&set.images[i].name))
        .filter(|&i| paths.insert(set.images[i].path.clone()))
        .collect();
    // One that is in two splits is one image.
    let all: HashSet<_> = set.images.iter().filter(|image| wanted(image)).map(|image| &image.path).collect();
    let all = all.len();
    if images.is_empty() {
        return Err(Problem::new(format!("{}: no image could be described", set.source.display()))
            .hint(text![Command::IMAGES_CHECK, " says what is wrong with each, and which splits there are"]));
    }
    let features = Features::from_inspections(&set, &mut inspections, &images)?;
    drop(inspections);

    let names: Vec<String> = images.iter().map(|&i| set.images[i].name.clone()).collect();
    let columns = columns(&features, (!array).then(|| names.clone()));
    let (sha256, _) =
        outputs.stage(&destination.output, |out| Ok(write_columns(&columns, format, compression, out)?))?;
    drop(columns);
    let written = |path: &Path, sha256| WrittenRecord { path: path.to_owned(), sha256: Some(sha256), link: None };
    let paths = match &destination.paths {
        None => None,
        Some(path) => {
            let list = outputs.stage(path, |out| {
                let lines = names.iter().try_for_each(|name| writeln!(out, "{name}"));
                lines.map_err(|e| Problem::io(format!("{}: cannot be written", path.display()), e))
            })?;
            Some(written(path, list.0))
        }
    };
    let manifest = FeaturesManifest {
        schema: FEATURES_SCHEMA.into(),
        leanset: env!("CARGO_PKG_VERSION").into(),
        request: request.clone(),
        layout: set.format().name().into(),
        images: images.len(),
        left_out: all - images.len(),
        features: FeaturesRecord {
            kind: "model".into(),
            dimensions: features.dimensions,
            model: described.as_ref().map(|described| described.record.clone()),
            table: None,
            paths: None,
        },
        issues: issue_counts(&set),
        output: written(&destination.output, sha256),
        paths,
        measured: FeaturesMeasured {
            seconds: began.elapsed().as_secs_f64(),
            peak_memory_bytes: memory::peak(),
            threads: context.threads(),
            energy: Some(meter.read()),
        },
    };
    let manifest_text = manifest.text()?;
    outputs.stage(&manifest_path, |out| {
        out.write_all(manifest_text.as_bytes())
            .map_err(|e| Problem::io(format!("{}: cannot be written", manifest_path.display()), e))
    })?;
    outputs.commit()?;
    let model = described.map(|described| described.summary);
    Ok(Description { manifest, manifest_text, manifest_path, model })
}

/// The column path, if there is to be one, and a column for each feature.
fn columns(features: &Features, names: Option<Vec<String>>) -> Vec<(String, Column)> {
    let column = |values| Column { values, missing: None };
    let number = |place: usize| {
        let values = features.values[place..].iter().step_by(features.dimensions).copied().collect();
        (format!("f{place}"), column(Values::Number32(values)))
    };
    let path = names.map(|names| ("path".to_owned(), column(Values::Text(names.into()))));
    path.into_iter().chain((0..features.dimensions).map(number)).collect()
}
