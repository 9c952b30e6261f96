//! Groups of arguments that several verbs share.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use leanset::Metric;

/// How the run behaves.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct RunArgs {
    /// Stop before the run if the predicted peak memory is above this, e.g. 2GB.
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true)]
    pub(crate) memory_limit: Option<bytesize::ByteSize>,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    /// Print the result as JSON on stdout (docs/json.md).
    #[arg(long, hide_short_help = true)]
    pub(crate) json: bool,
    /// Print no report and no progress, only warnings and errors.
    #[arg(long, short, hide_short_help = true)]
    pub(crate) quiet: bool,
}

/// Whether costs are reported.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct VerboseArg {
    /// Also report time, peak memory and energy (always reported of runs above a second, and with --country).
    #[arg(long, short, conflicts_with = "quiet", hide_short_help = true)]
    pub(crate) verbose: bool,
}

/// The distance that ε is measured in.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Representativeness (ε)")]
pub(crate) struct MetricArg {
    /// Distance metric of ε: chebyshev, euclidean, manhattan or cosine.
    #[arg(long, value_name = "METRIC", default_value_t, hide_short_help = true)]
    pub(crate) metric: Metric,
}

/// How many threads work.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct ThreadsArg {
    /// Number of threads; the result does not depend on it [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), hide_short_help = true)]
    pub(crate) threads: Option<u16>,
}

/// Where feature vectors of images are cached.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Image features")]
pub(crate) struct CacheArgs {
    /// Folder of cached features [default: leanset/features in your user cache].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, requires = "described",
          conflicts_with = "no_cache", hide_short_help = true)]
    pub(crate) cache: Option<PathBuf>,
    /// Do not use or write cached features.
    #[arg(long, requires = "described", hide_short_help = true)]
    pub(crate) no_cache: bool,
}

impl CacheArgs {
    /// The folder below which features are cached; nothing if none are.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        use etcetera::BaseStrategy as _;
        if self.no_cache {
            return None;
        }
        let own = || Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("leanset").join("features"));
        self.cache.clone().or_else(own)
    }
}

pub(crate) fn size(text: &str) -> Result<bytesize::ByteSize, String> {
    text.parse().map_err(|_| "a size is a number with a unit, e.g. 500MB or 2GiB".into())
}
