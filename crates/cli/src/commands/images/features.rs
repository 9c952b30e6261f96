//! `leanset images features`: what a model sees in each picture, as a table.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Instant;

use leanset_documents::images::{FEATURES_SCHEMA, FeaturesManifest, FeaturesMeasured, FeaturesRecord, WrittenRecord};
use leanset_images::{Features, ImageSet, IssueKind, OpenOptions, Split};
use leanset_tables::{Column, Format, Values, write_columns};

use super::eye::Eye;
use super::look_at;
use super::stock::tell_faults;
use crate::args::{ImagesFeaturesArgs, SplitArg};
use crate::commands::energy;
use crate::error::Failure;
use crate::output::{self, Outputs};
use crate::progress::Progress;
use crate::{machine, text};

pub(crate) fn features(args: &ImagesFeaturesArgs) -> Result<String, Failure> {
    let meter = energy::meter(&args.carbon, &args.power)?;
    let plan = args.model.plan();
    if plan.model.is_none() {
        return Err(Failure::new("no model is given").hint(
            "--model FILE names an ONNX model; `images reduce` needs no table of colours and edges, which it measures itself",
        ));
    }
    let manifest_path = output::manifest_beside(&args.output);
    let mut outputs = Outputs::new(args.force);
    let inputs: Vec<&Path> = std::iter::once(args.dataset.as_path()).chain(plan.model.as_deref()).collect();
    let (format, compression) = output::check_output(&args.output, &manifest_path, &inputs, &outputs)?;
    match (&args.paths, format) {
        (None, Format::Npy | Format::Npz) => {
            let what = "an array holds numbers alone, and the paths go nowhere";
            return Err(Failure::new(format!("{}: {what}", args.output.display()))
                .hint("--paths FILE takes them, one a line; or name a .parquet"));
        }
        (Some(paths), _) => outputs.check(paths, &inputs)?,
        (None, _) => {}
    }
    if let Some(paths) = args.paths.as_deref().filter(|p| [args.output.as_path(), &manifest_path].contains(p)) {
        return Err(Failure::new(format!("{}: is named twice among the outputs", paths.display()))
            .hint("give --paths a name of its own"));
    }
    let threads = machine::use_threads(args.threads)?;
    let progress = Progress::new(args.quiet);

    let began = Instant::now();
    let mut set = ImageSet::open(&args.dataset, &OpenOptions { image_folder: args.images.clone() })?;
    let split = match args.split {
        SplitArg::Train => Some(Split::Train),
        SplitArg::Val => Some(Split::Val),
        SplitArg::Test => Some(Split::Test),
        SplitArg::All => None,
    };
    let eye = Eye::new(&plan, &progress)?.map(|eye| eye.remembering(args.model.cache_folder().as_deref()));
    let wanted = |picture: &leanset_images::Image| split.is_none_or(|split| picture.split == split);
    let mut looks = look_at(&mut set, wanted, eye.as_ref(), &progress)?;
    let (model, told) = eye.map(Eye::record).transpose()?.unzip();
    tell_faults(&set, args.strict)?;
    // A picture is described if it can be decoded, whatever is wrong with its annotation; a name that no line can hold has
    // no row to stand in.
    let unlistable = |name: &str| name.contains(['\n', '\r']);
    let mut paths = HashSet::new();
    let pictures: Vec<usize> = (0..set.images.len())
        .filter(|&i| looks[i].features.is_some() && !unlistable(&set.images[i].name))
        .filter(|&i| paths.insert(set.images[i].path.clone()))
        .collect();
    // One that is in two splits is one picture.
    let all: HashSet<_> = set.images.iter().filter(|p| wanted(p)).map(|p| &p.path).collect();
    let all = all.len();
    if pictures.is_empty() {
        return Err(Failure::new(format!("{}: no picture could be described", set.source.display()))
            .hint("`leanset images check` says what is wrong with each, and which splits there are"));
    }
    let features = Features::from_inspections(&set, &mut looks, &pictures)?;
    drop(looks);
    drop(progress);

    let names: Vec<String> = pictures.iter().map(|&i| set.images[i].name.clone()).collect();
    let columns = columns(&features, (!matches!(format, Format::Npy | Format::Npz)).then(|| names.clone()));
    let (sha256, _) = outputs.stage(&args.output, |out| Ok(write_columns(&columns, format, compression, out)?))?;
    drop(columns);
    let written = |path: &Path, sha256| WrittenRecord { path: path.to_owned(), sha256: Some(sha256) };
    let paths = match &args.paths {
        None => None,
        Some(path) => {
            let list = outputs.stage(path, |out| {
                let lines = names.iter().try_for_each(|name| writeln!(out, "{name}"));
                lines.map_err(|e| Failure::io(&format!("{}: cannot be written", path.display()), &e))
            })?;
            Some(written(path, list.0))
        }
    };
    let manifest = FeaturesManifest {
        schema: FEATURES_SCHEMA.into(),
        leanset: env!("CARGO_PKG_VERSION").into(),
        command: "images features".into(),
        dataset: args.dataset.clone(),
        layout: set.format().name().into(),
        split: split.map_or("all", Split::name).into(),
        pictures: pictures.len(),
        left_out: all - pictures.len(),
        features: FeaturesRecord {
            kind: "model".into(),
            dimensions: features.dimensions,
            model,
            table: None,
            paths: None,
        },
        faults: faults(&set),
        output: written(&args.output, sha256),
        paths,
        measured: FeaturesMeasured {
            seconds: began.elapsed().as_secs_f64(),
            peak_memory_bytes: machine::peak_memory(),
            threads,
            energy: Some(meter.read()),
        },
    };
    let document = serde_json::to_string_pretty(&manifest)
        .map_err(|e| Failure::new(format!("the manifest cannot be made: {e}")).code(crate::error::FAULT))?;
    let document = document + "\n";
    outputs.stage(&manifest_path, |out| {
        out.write_all(document.as_bytes())
            .map_err(|e| Failure::io(&format!("{}: cannot be written", manifest_path.display()), &e))
    })?;
    outputs.commit()?;
    if args.json {
        return Ok(document);
    }
    if !args.quiet {
        text::say(&report(&manifest, args, told.as_deref(), &manifest_path));
    }
    Ok(String::new())
}

/// Faults of a set by code.
pub(super) fn faults(set: &ImageSet) -> BTreeMap<String, usize> {
    let codes = set.issues.iter().map(|f| IssueKind::code(f.kind).to_owned());
    codes.fold(BTreeMap::new(), |mut counts, code| {
        *counts.entry(code).or_insert(0) += 1;
        counts
    })
}

/// The column path, if there is to be one, and a column for each number.
fn columns(features: &Features, names: Option<Vec<String>>) -> Vec<(String, Column)> {
    let column = |values| Column { values, missing: None };
    let number = |place: usize| {
        let values = features.values[place..].iter().step_by(features.dimensions).copied().collect();
        (format!("f{place}"), column(Values::Number32(values)))
    };
    let path = names.map(|names| ("path".to_owned(), column(Values::Text(names.into()))));
    path.into_iter().chain((0..features.dimensions).map(number)).collect()
}

/// What happened, for a person.
fn report(manifest: &FeaturesManifest, args: &ImagesFeaturesArgs, told: Option<&str>, beside: &Path) -> String {
    let mut out = format!(
        "{} numbers of each of {} pictures ({}) of {}\n",
        text::count(manifest.features.dimensions),
        text::count(manifest.pictures),
        manifest.split,
        manifest.dataset.display()
    );
    if manifest.left_out > 0 {
        out.push_str(&format!("  left out, for they cannot be decoded: {}\n", text::count(manifest.left_out)));
    }
    out.extend(told);
    let m = &manifest.measured;
    let rate = manifest.pictures as f64 / m.seconds.max(1e-9);
    let memory = m.peak_memory_bytes.map_or_else(String::new, |b| format!(", peak memory {}", text::bytes(b)));
    out.push_str(&format!(
        "  {}, {rate:.1} pictures a second{memory}\n",
        text::duration(std::time::Duration::from_secs_f64(m.seconds))
    ));
    out.extend(m.energy.as_ref().map(energy::line));
    out.push_str(&format!("  wrote {} and {}\n", args.output.display(), beside.display()));
    out
}
