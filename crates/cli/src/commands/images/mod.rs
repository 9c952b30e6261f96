//! `leanset images`: image datasets.

pub(crate) mod check;
pub(crate) mod choose;
pub(crate) mod features;
pub(crate) mod reduce;

use std::path::PathBuf;

use clap::{Args, FromArgMatches, Subcommand, ValueHint};
use leanset_spec::{Budget, Method};

use check::CheckArgs;
use choose::ChooseArgs;
use features::FeaturesArgs;
use reduce::ReduceArgs;

/// Check, reduce or embed an image dataset.
#[derive(Clone, Debug, Args)]
#[command(disable_help_subcommand = true, subcommand_value_name = "VERB")]
#[command(after_help = "Start with:  leanset images check data.yaml")]
pub(crate) struct ImagesArgs {
    #[command(subcommand)]
    pub(crate) verb: ImagesVerb,
}

/// What there is to do with an image dataset.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ImagesVerb {
    /// Report all issues of an image dataset at once, and count its classes.
    ///
    /// Every image is opened and decoded. An *error* is an image that cannot be trained on; `images reduce` leaves it out. A
    /// *warning* is a doubt: the image is used. A *note* is for your information. The exit code is 2 if there are errors
    /// (with --strict: errors or warnings).
    Check(CheckArgs),
    /// Find out how many training images your detector needs.
    ///
    /// Your own command trains the detector on random images, on images chosen by energy, and on all of them, several times with
    /// other seeds. The answer names the smallest set that loses at most a point of both measures, or says that all images are
    /// needed. A detector varies much from seed to seed: with fewer than six repetitions no method can be told from random, and
    /// leanset says so. The same command goes on after an interruption.
    Choose(Box<ChooseArgs>),
    /// Keep a fraction of the training images.
    ///
    /// A fraction of the training images of each category is kept. The validation and test images do not change.
    ///
    /// OUTPUT gets the list of kept images and a dataset file to train from: `data.yaml` with `train.txt` (YOLO),
    /// `train.json` (COCO), or `train.txt` (Pascal VOC, class folders); and manifest.json. The images stay where they are;
    /// --copy and --link also put them into OUTPUT.
    Reduce(Box<ReduceArgs>),
    /// Compute an embedding of each image with a pretrained ONNX model.
    ///
    /// The output has one row per image that can be decoded, ordered by split and path: the column `path`, then f0, f1, … .
    /// Use it with `images reduce --features`, `leanset reduce --exclude path`, or any program that reads Parquet. An array
    /// (.npy) holds only the numbers; --paths writes the paths beside it.
    Features(Box<FeaturesArgs>),
}

/// The dataset.
#[derive(Clone, Debug, Args)]
pub(crate) struct DatasetArg {
    /// Image dataset: a data.yaml (YOLO), a .json (COCO), or a folder of one, of Pascal VOC or of class folders.
    #[arg(value_name = "DATASET", value_hint = ValueHint::AnyPath)]
    pub(crate) dataset: PathBuf,
}

/// A group of arguments in the words of image datasets: the same settings, called by what they count.
#[derive(Clone, Debug)]
pub(crate) struct OfImages<T>(pub(crate) T);

/// How a setting reads where rows are images and classes are categories.
pub(crate) trait InImageWords: Args {
    /// The arguments with flags and help renamed.
    fn renamed(command: clap::Command) -> clap::Command;
}

impl InImageWords for Budget {
    fn renamed(command: clap::Command) -> clap::Command {
        command
            .mut_arg("ratio", |arg| arg.help("Fraction of images to keep, e.g. 0.5 or 50%"))
            .mut_arg("count", |arg| arg.help("Number of images to keep, e.g. 200"))
            .mut_arg("per_class", |arg| {
                arg.long("per-category").value_name("CATEGORY=N").hide_short_help(true).help(
                    "Number of images to keep of one category, e.g. 'apple single=50'; repeat it for every category",
                )
            })
            .mut_arg("balance_classes", |arg| {
                arg.long("balance-categories").conflicts_with("balance").help("How categories share a ratio or a count")
            })
            .mut_arg("allow_empty_classes", |arg| {
                arg.long("allow-empty-categories").help(
                    "Allow a small category to lose all its images (by default every category keeps at least one)",
                )
            })
    }
}

impl InImageWords for Method {
    fn renamed(command: clap::Command) -> clap::Command {
        command
            .mut_arg("method", |arg| {
                arg.help(
                    "Method that chooses the images, e.g. srs (random per category) or mms (coverage); `leanset methods` lists all",
                )
            })
            .mut_arg("params", |arg| {
                arg.help("Set a parameter of the method, e.g. start=first; repeatable")
                    .long_help("Set a parameter of the method, e.g. start=first; repeatable")
            })
            .mut_arg("guard", |arg| {
                let help = "Whether images that their neighbours contradict come last [default: what the method does of itself]";
                arg.help(help).long_help(format!(
                    "{help}\n\nAn image is contradicted if, among its 10 nearest other images, another category has more \
                     votes than its own. For methods that use features."
                ))
            })
            .mut_arg("seed", |arg| arg.help("Seed of all random choices; the same seed gives the same images"))
    }
}

impl<T: InImageWords + FromArgMatches> Args for OfImages<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        T::renamed(T::augment_args(command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        T::renamed(T::augment_args_for_update(command))
    }
}

impl<T: FromArgMatches> FromArgMatches for OfImages<T> {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}
