//! `leanset images features`: an embedding of each image, as a table.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use leanset::Result;
use leanset::images::{DescribeDestination, Description, describe};
use leanset_spec::Energy;
use leanset_spec::images::EmbeddingModel;
use leanset_spec::request::{DescribeImages, SplitChoice};

use super::DatasetArg;
use super::reduce::described_by;
use crate::args::{CacheArgs, RunArgs, ThreadsArg, VerboseArg};
use crate::render;
use crate::session::Session;

/// Compute an embedding of each image.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset images features fruit/data.yaml --model yolov5mu.onnx -o fruit.parquet")]
pub(crate) struct FeaturesArgs {
    #[command(flatten)]
    pub(crate) dataset: DatasetArg,
    /// Folder of the images of a COCO file [default: the folder of the file, or `images` in or beside it].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, help_heading = "Image dataset",
          hide_short_help = true)]
    pub(crate) images: Option<PathBuf>,
    /// Images to use.
    #[arg(long, value_name = "SPLIT", default_value_t, help_heading = "Image dataset",
          value_parser = leanset_spec::words::<SplitChoice>())]
    pub(crate) split: SplitChoice,
    #[command(flatten)]
    pub(crate) model: EmbeddingModel,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    /// Table to write, e.g. fruit.parquet (.parquet, .arrow, .csv or .npy).
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: PathBuf,
    /// File to write the image paths to, one per line; needed with .npy.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output", hide_short_help = true)]
    pub(crate) paths: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) energy: Energy,
    /// Stop at any error or warning of the dataset, instead of leaving out images that cannot be decoded.
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    /// Print the manifest as JSON on stdout (docs/json.md).
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub(crate) json: bool,
    /// Print no report and no progress, only warnings and errors.
    #[arg(long, short, help_heading = "Run", hide_short_help = true)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) verbose: VerboseArg,
}

pub(crate) fn run(args: &FeaturesArgs) -> Result<String> {
    let run = RunArgs { threads: args.threads, quiet: args.quiet, ..RunArgs::default() };
    let session = Session::new(&run, &args.energy)?;
    let request = DescribeImages {
        dataset: args.dataset.dataset.clone(),
        images: args.images.clone(),
        split: args.split,
        model: args.model.clone(),
    };
    let destination = DescribeDestination {
        output: args.output.clone(),
        paths: args.paths.clone(),
        force: args.force,
        strict: args.strict,
        cache: args.cache.folder(),
    };
    let found = describe(&request, &destination, &session.context())?;
    session.end_progress();
    if args.json {
        return Ok(found.manifest_text);
    }
    if !args.quiet {
        render::eprint(&report(&found, args));
    }
    Ok(String::new())
}

/// What happened, for a person.
fn report(found: &Description, args: &FeaturesArgs) -> String {
    let m = &found.manifest;
    let mut out = format!(
        "{} of each of {} ({}) of {}\n",
        render::counted(m.features.dimensions, "feature", "features"),
        render::counted(m.images, "image", "images"),
        m.request.split,
        render::path(&m.request.dataset)
    );
    if m.left_out > 0 {
        out.push_str(&format!("  left out, because they cannot be decoded: {}\n", render::count(m.left_out)));
    }
    if let Some(model) = &found.model {
        out.push_str(&described_by(model, m.features.model.as_ref().map_or(0, |model| model.cached)));
    }
    let measured = &m.measured;
    let rate = m.images as f64 / measured.seconds.max(1e-9);
    let memory = measured.peak_memory_bytes.map_or_else(String::new, |b| format!(", peak memory {}", render::bytes(b)));
    let time = render::duration(render::seconds(measured.seconds));
    out.push_str(&format!("  {time}, {rate:.1} images per second{memory}\n"));
    if render::costs_matter(args.verbose.verbose, &args.energy, measured.seconds) {
        out.extend(measured.energy.as_ref().map(render::energy::line));
    }
    let (output, manifest) = (render::path(&args.output), render::path(&found.manifest_path));
    out.push_str(&format!("  wrote {output} and {manifest}\n"));
    out
}
