//! `leanset images reduce`: keep a fraction of the training images.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use leanset::images::{
    ImageDestination, ImageDryRun, ImagePlaces, ImageReduction, ImagesOutcome, REPORT, read, reproduce,
};
use leanset::{Problem, Result};
use leanset_problem::{setting, text};
use leanset_spec::images::{Division, Features, Placement};
use leanset_spec::manifest::images::{FILE, PartRecord};
use leanset_spec::request::ReduceImages;
use leanset_spec::{Budget, Energy, Method, no_method};

use super::OfImages;
use crate::args::{CacheArgs, MetricArg, RunArgs, VerboseArg, size};
use crate::render::{self, dry_run::closing};
use crate::session::Session;

/// Keep a fraction of the training images.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  leanset images reduce fruit/data.yaml -m mms -r 0.5 -o lean/
  leanset images reduce fruit/ --model yolo.onnx -m mms -r 0.5 -o lean/ --report")]
pub(crate) struct ReduceArgs {
    /// Image dataset: a data.yaml (YOLO), a .json (COCO), or a folder of one, of Pascal VOC or of class folders.
    #[arg(value_name = "DATASET", value_hint = ValueHint::AnyPath, required_unless_present = "from_manifest")]
    pub(crate) dataset: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) method: OfImages<Method>,
    #[command(flatten)]
    pub(crate) budget: OfImages<Budget>,
    /// Keep more images of rare classes, to even out the number of objects per class.
    #[arg(long, help_heading = "Budget", conflicts_with = "per_class")]
    pub(crate) balance: bool,
    /// Folder to write the reduced dataset to, e.g. lean/; it must not exist.
    ///
    /// It is written completely or not at all.
    #[arg(long, short, value_name = "FOLDER", value_hint = ValueHint::DirPath, required_unless_present = "dry_run",
          help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the folder, if an earlier reduction wrote all of it and nothing has changed since.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// Also copy the kept images and their annotations into the folder.
    #[arg(long, conflicts_with = "link", help_heading = "Output", hide_short_help = true)]
    pub(crate) copy: bool,
    /// Also link the kept images and their annotations into the folder.
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    pub(crate) link: bool,
    /// Also write report.html: kept and dropped images, nearest neighbours and a map of the features.
    #[arg(long, help_heading = "Output")]
    pub(crate) report: bool,
    /// Largest total size of the thumbnails in report.html.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "2MB", requires = "report",
          help_heading = "Output", hide_short_help = true)]
    pub(crate) report_size: bytesize::ByteSize,
    /// Reproduce the reduction of this manifest.json (or of the one in this folder), or report what differs, e.g. lean/.
    ///
    /// DATASET, --images, --categories, --model, --onnxruntime, --features and --feature-paths say where the files are now;
    /// their contents must be the same. What the manifest settles cannot be given.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = "Reproduce", hide_short_help = true,
          group = "described",
          conflicts_with_all = ["method", "params", "guard", "seed", "ratio", "count", "per_class", "balance",
                                "balance_classes",
                                "allow_empty_classes", "category", "groups", "layer", "fit", "size", "pixels", "mean",
                                "std", "metric", "copy", "link"])]
    pub(crate) from_manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) division: Division,
    #[command(flatten)]
    pub(crate) features: Features,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) metric: MetricArg,
    #[command(flatten)]
    pub(crate) energy: Energy,
    /// Report what would be done and the memory that it would need; decode no image, write nothing.
    #[arg(long, help_heading = "Run")]
    pub(crate) dry_run: bool,
    /// Stop at any error or warning of the dataset, instead of leaving out what cannot be used.
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) verbose: VerboseArg,
}

pub(crate) fn run(args: &ReduceArgs) -> Result<String> {
    let session = Session::new(&args.run, &args.energy)?;
    let reduction = prepare(args, &session)?;
    if args.dry_run {
        let found = reduction.dry_run()?;
        session.end_progress();
        if args.run.json {
            return found.plan.text();
        }
        render::eprint(&would(&found));
        return Ok(String::new());
    }
    let outcome = reduction.run()?;
    session.end_progress();
    if args.run.json {
        return Ok(outcome.manifest_text);
    }
    if !args.run.quiet {
        let mut report = report(&outcome, args);
        if args.from_manifest.is_some() {
            report.push_str("  the same images as in the manifest\n");
        }
        render::eprint(&report);
    }
    Ok(String::new())
}

fn prepare<'a>(args: &ReduceArgs, session: &'a Session) -> Result<ImageReduction<'a>> {
    let context = session.context();
    let destination = ImageDestination {
        output: args.output.clone(),
        force: args.force,
        strict: args.strict,
        cache: args.cache.folder(),
    };
    let report_bytes = args.report.then(|| args.report_size.as_u64());
    if let Some(path) = &args.from_manifest {
        let (manifest, file) = read(path)?;
        let model = &args.features.model;
        check_cache(args, manifest.features.model.is_some())?;
        let places = ImagePlaces {
            dataset: args.dataset.clone(),
            images: args.division.images.clone(),
            categories: args.division.categories.clone(),
            model: model.model.clone(),
            onnxruntime: model.onnxruntime.clone(),
            device: model.device.clone(),
            batch: model.batch,
            features: args.features.table.clone(),
            feature_paths: args.features.paths.clone(),
            report_bytes,
        };
        return reproduce(manifest, &file, &places, &destination, &context);
    }
    if args.method.0.name.is_none() {
        return Err(no_method());
    }
    let request = ReduceImages {
        dataset: args.dataset.clone().unwrap_or_default(),
        division: args.division.clone(),
        features: args.features.clone(),
        method: args.method.0.clone(),
        budget: args.budget.0.clone(),
        balance: args.balance,
        metric: args.metric.metric,
        placement: match (args.copy, args.link) {
            (true, _) => Placement::Copy,
            (_, true) => Placement::Link,
            _ => Placement::Stay,
        },
        report_bytes,
    };
    ImageReduction::prepare(&request, &destination, &context)
}

/// A cache is of a model.
fn check_cache(args: &ReduceArgs, has_model: bool) -> Result<()> {
    let given = [(&setting::CACHE, args.cache.cache.is_some()), (&setting::NO_CACHE, args.cache.no_cache)];
    match given.iter().find(|(_, given)| *given) {
        Some((setting, _)) if !has_model && args.features.model.model.is_none() => {
            Err(Problem::new(text![*setting, ": the manifest has no model"]).hint(text!["leave ", *setting, " out"]))
        }
        _ => Ok(()),
    }
}

/// What happened, for a person.
fn report(outcome: &ImagesOutcome, args: &ReduceArgs) -> String {
    let m = &outcome.manifest;
    let mut out = format!(
        "{} keeps {} of {} ({})\n\n",
        m.method.id,
        render::count(m.kept),
        render::counted(m.images, "image", "images"),
        render::percent(m.kept, m.images)
    );
    let line = |p: &PartRecord| {
        vec![p.name.clone(), render::count(p.all), render::count(p.kept), render::percent(p.kept, p.all)]
    };
    let rows = m.categories.iter().map(|p| {
        let mut row = line(p);
        row.extend(p.epsilon.as_ref().map(render::json_distance));
        row
    });
    out.push_str(&render::columns(&["category", "images", "kept", "share", "ε"], rows, 2, 1));
    out.push('\n');
    out.push_str(&render::columns(&["class", "objects", "kept", "share"], m.classes.iter().map(line), 2, 1));
    let worst = match &m.epsilon.worst {
        Some(worst) => format!("; worst covered is {worst}"),
        None => "; a category is lost".to_owned(),
    };
    out.push('\n');
    out.push_str(&render::wrapped(&format!(
        "  ε = {} ({}, {} features per image, {}){worst}",
        render::json_distance(&m.epsilon.value),
        m.epsilon.metric,
        m.features.dimensions,
        m.features.kind
    )));
    out.push_str(&render::guard(&m.method.facts));
    if let Some(model) = &outcome.model {
        let cached = m.features.model.as_ref().map_or(0, |model| model.cached);
        out.push_str(&described_by(model, cached));
    }
    if m.dataset.left_out > 0 {
        let _ = writeln!(
            out,
            "  left out for errors: {} of {}",
            render::count(m.dataset.left_out),
            render::counted(m.dataset.train, "training image", "training images")
        );
    }
    let measured = &m.measured;
    if render::costs_are_worth_a_word(args.verbose.verbose, &args.energy, measured) {
        let seconds = |s: f64| render::duration(render::seconds(s));
        let memory =
            measured.peak_memory_bytes.map_or_else(String::new, |b| format!(", peak memory {}", render::bytes(b)));
        let _ = writeln!(
            out,
            "  read {}, chose {}, measured {}{memory}",
            seconds(measured.read_seconds),
            seconds(measured.method_seconds),
            seconds(measured.epsilon_seconds)
        );
        out.extend(measured.energy.as_ref().map(render::energy::line));
    }
    let folder = outcome.folder.as_path();
    let sheet = match m.request.report_bytes {
        Some(_) => format!(", {}", render::path(&folder.join(REPORT))),
        None => String::new(),
    };
    let (first, manifest) = (folder.join(outcome.entry_file), folder.join(FILE));
    let _ = writeln!(out, "  wrote {}{sheet} and {}", render::path(&first), render::path(&manifest));
    out
}

/// The line about the model.
pub(super) fn described_by(model: &str, cached: usize) -> String {
    let cached = match cached {
        0 => String::new(),
        n => format!("; {} from the cache", render::counted(n, "image", "images")),
    };
    render::wrapped(&format!("  features by {model}{cached}"))
}

/// What would be done, for a person.
fn would(found: &ImageDryRun) -> String {
    let plan = &found.plan;
    let mut out = format!(
        "would keep {} of {} of {} by {} ({})\n\n",
        render::count(plan.kept),
        render::counted(plan.images, "image", "images"),
        render::path(&plan.request.dataset),
        plan.method.id,
        render::percent(plan.kept, plan.images)
    );
    let rows = plan.categories.iter().map(|p| {
        let kept = p.kept.map_or_else(|| "?".to_owned(), render::count);
        let share = p.kept.map_or_else(String::new, |kept| render::percent(kept, p.all));
        vec![p.name.clone(), render::count(p.all), kept, share]
    });
    out.push_str(&render::columns(&["category", "images", "would keep", "share"], rows, 2, 1));
    if found.global {
        out.push('\n');
        out.push_str(&render::wrapped(&format!(
            "  {} chooses over all images at once: what a category keeps is not known yet",
            plan.method.id
        )));
    }
    let (features, dimensions) = (plan.features.title(), plan.features.dimensions);
    let _ = writeln!(
        out,
        "\n  features: {features}, {}",
        render::counted(dimensions, "number per image", "numbers per image")
    );
    if let Some(model) = &found.model {
        out.push_str(&described_by(model, 0));
    }
    if plan.left_out > 0 {
        let _ = writeln!(out, "  left out for errors in annotations: {}", render::count(plan.left_out));
    }
    let many = match plan.unreadable {
        0 => String::new(),
        n => format!("; {} do not even begin like one", render::count(n)),
    };
    out.push_str(&render::wrapped(&format!(
        "  no image was decoded: images that cannot be decoded are counted here, and would be left out{many}"
    )));
    if found.reproduces {
        out.push_str("  whether the images are those of the manifest is not known yet\n");
    }
    if let Some((width, height)) = found.largest {
        let _ = writeln!(out, "  the largest is {width} × {height} pixels");
    }
    out.push_str(&closing(plan.predicted_peak_memory_bytes, plan.threads));
    out
}
