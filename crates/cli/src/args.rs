//! The arguments: every doc comment here is the help text, the manual page and the reference.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, ValueHint};
use etcetera::BaseStrategy as _;
use leanset_core::distance::Metric;
use leanset_core::homology::{HIGHEST, MOST_POINTS};
use leanset_core::metrics::PersistenceOptions;
use leanset_core::params::Value;
use leanset_lab::plan::{FeaturePlan, FitWord, PixelsWord};
use leanset_tables::{Columns, Format};

/// Keep the rows that matter, train on less, know what it cost.
///
/// leanset reduces a labelled training set and says how representative the rest is: ε, the distance from the
/// worst-covered row to the nearest kept row of its class.
#[derive(Debug, Parser)]
#[command(name = "leanset", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "Start with:  leanset demo")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Reduce a table: keep the rows that matter, write them untouched, measure ε.
    Reduce(Box<ReduceArgs>),
    /// Rank every row of a table; any ratio is then a slice of the ranking.
    Rank(Box<RankArgs>),
    /// Measure how representative a reduced table (or every prefix of a ranking) is.
    Measure(Box<MeasureArgs>),
    /// Check or reduce a set of pictures: YOLO, COCO, Pascal VOC or class folders.
    ///
    /// No picture and no annotation is ever moved, renamed, changed or deleted.
    Images(ImagesArgs),
    /// Run a command and say what energy it took, or what this machine can measure.
    ///
    /// Stdin, stdout, stderr and signals are the command's own, and so is the exit code: 128 and the number of the signal
    /// that ended it, 127 if there is no such command, 126 if it cannot be run. The reading comes on stderr when it has
    /// ended. Every number says where it is from: measured by counters that were tried under load, given, or estimated
    /// by a model.
    Energy(EnergyArgs),
    /// List the methods, or tell all about one.
    Methods(MethodsArgs),
    /// Run the experiment of a plan: reduce, train, test, meter, and say what it comes to.
    Experiment(Box<ExperimentArgs>),
    /// Make one page of an experiment's records.
    Report(ReportArgs),
    /// Reduce, measure and explain an embedded data set.
    Demo(DemoArgs),
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, or write one page a verb into a folder.
    Man(ManArgs),
}

/// Which columns, and how they become distances.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Columns")]
pub(crate) struct TableArgs {
    /// The column of classes: text, whole numbers or true/false. Without it all rows are one class.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// The columns to measure distances on [default: all that are not label, id or excluded].
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) features: Option<Vec<String>>,
    /// Columns to carry along without measuring distances on them.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) exclude: Vec<String>,
    /// A column that names each row; it is no feature, and rankings name rows by it.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id: Option<String>,
    /// What to do with missing feature values. Rows are written as they came in any case.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) missing: Missing,
    /// How numeric columns are scaled, for distances only: to [0, 1], to mean 0 and deviation 1, or not at all.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) scale: Scale,
    /// Cut a numeric label into this many classes of about equal size.
    #[arg(long, value_name = "N")]
    pub(crate) bins: Option<usize>,
    /// The input is of this format, whatever its name says: csv, tsv, parquet, arrow, npy, npz, xlsx.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// The sheet of a workbook [default: the first].
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// What separates the fields of a text table, one character or `\t` [default: comma, or tab for .tsv].
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,
}

impl TableArgs {
    pub(crate) fn encode_options(&self) -> Columns {
        Columns {
            label: self.label.clone(),
            features: self.features.clone(),
            exclude: self.exclude.clone(),
            missing: self.missing.into(),
            scale: self.scale.into(),
            bins: self.bins,
            id: self.id.clone(),
            ..Columns::default()
        }
    }
}

/// What to do with missing feature values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Missing {
    /// Stop, and say how many each column has.
    #[default]
    Refuse,
    /// Measure distances with the column's mean (the most frequent value of text and true/false columns).
    Mean,
    /// Leave rows with missing values out.
    Drop,
}

impl From<Missing> for leanset_tables::Missing {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Refuse => Self::Refuse,
            Missing::Mean => Self::Mean,
            Missing::Drop => Self::Drop,
        }
    }
}

/// How numeric columns are scaled, for distances only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scale {
    /// To [0, 1], as in the paper.
    #[default]
    Minmax,
    /// To mean 0 and standard deviation 1.
    Standard,
    /// Not at all: for embeddings, and tables that are scaled already.
    None,
}

impl From<Scale> for leanset_tables::Scale {
    fn from(scale: Scale) -> Self {
        match scale {
            Scale::Minmax => Self::MinMax,
            Scale::Standard => Self::Standard,
            Scale::None => Self::None,
        }
    }
}

/// How the run behaves.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArgs {
    /// Threads to use; the result is the same for any number [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Refuse to start when the predicted peak memory is above this, such as 2GB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory_limit: Option<bytesize::ByteSize>,
    /// Print the result as JSON on stdout (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no report and no progress; warnings and errors still come.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// No warnings either: for the demo, which runs commands of its own.
    #[arg(skip)]
    pub(crate) silent: bool,
}

/// The method and what it draws from.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Method")]
pub(crate) struct MethodArgs {
    /// A method by name or alias: see `leanset methods`.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) method: Option<String>,
    /// A parameter of the method, such as start=first; `NAME=@FILE` reads row ids from a file. Repeatable.
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) params: Vec<(String, String)>,
    /// Choose rows that represent this table instead of their own, class by class, for methods that heed a target.
    ///
    /// It has the columns and the classes of FILE, and is measured in the scales of FILE. ε stays that of FILE: how far
    /// its rows are from those kept, and not those of the target.
    #[arg(long, value_name = "TABLE", value_hint = ValueHint::FilePath)]
    pub(crate) target: Option<PathBuf>,
    /// What was seen of each row while a model trained, for methods that watch training: without it one is trained.
    ///
    /// A table with the columns epoch, row (or the --id column) and correct, every row once in every epoch, from any
    /// trainer; and the probabilities of the classes, p_0, p_1 … in the order of their names, if they are known.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) log: Option<PathBuf>,
    /// The seed of all randomness.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) training: TrainArgs,
}

/// How the built-in trainer trains, for methods that watch training and without a log. The defaults are the paper's.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainArgs {
    /// Passes over the rows [default: 50].
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub(crate) epochs: Option<usize>,
    /// Units of each hidden layer [default: 50,45,40,35,30,25,20,15,10].
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub(crate) hidden: Option<Vec<usize>>,
    /// The function after each hidden layer [default: relu].
    #[arg(long, value_enum)]
    pub(crate) activation: Option<Activation>,
    /// The part of the units of a hidden layer that is left out of a step, in [0, 1) [default: 0.25].
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(crate) dropout: Option<f64>,
    /// How steps are made: Adam, AdamW, or descent with momentum 0.9 [default: adam].
    #[arg(long, value_enum)]
    pub(crate) optimizer: Option<Optimizer>,
    /// The length of steps [default: 0.001].
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f64>,
    /// The part of each weight that is taken off, as the optimizer does it [default: 0].
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(crate) weight_decay: Option<f64>,
    /// Rows of a step [default: 32].
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub(crate) batch: Option<usize>,
    /// Write the log of the training, to be used again with --log.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) save_log: Option<PathBuf>,
}

/// The function between layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Activation {
    /// max(z, 0).
    #[default]
    Relu,
    /// z·Φ(z), Φ the normal distribution function.
    Gelu,
}

/// How steps are made of gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Optimizer {
    /// Adam.
    #[default]
    Adam,
    /// Adam with weight decay apart from the gradient.
    Adamw,
    /// Descent with momentum 0.9.
    Sgd,
}

/// Reduce a table.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset reduce beans.csv --label Class --method mms --ratio 0.1 --output lean.csv")]
pub(crate) struct ReduceArgs {
    /// The table: .csv .tsv (also .gz, .zst) .parquet .arrow .feather .npy .npz .xlsx
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "from_manifest")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    /// Slice this ranking (of `leanset rank`) instead of running a method.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["method", "params", "target", "log", "seed", "epochs", "hidden", "activation", "dropout", "optimizer", "learning_rate", "weight_decay", "batch", "save_log"], help_heading = "Method")]
    pub(crate) ranking: Option<PathBuf>,
    /// The part of the rows to keep, in (0, 1].
    #[arg(long, short, value_name = "R", allow_negative_numbers = true, help_heading = "Budget", conflicts_with_all = ["count", "per_class"])]
    pub(crate) ratio: Option<f64>,
    /// The number of rows to keep.
    #[arg(long, short = 'n', value_name = "N", help_heading = "Budget", conflicts_with = "per_class")]
    pub(crate) count: Option<usize>,
    /// The number of rows to keep of one class. Repeat it for every class.
    #[arg(long, value_name = "CLASS=N", value_parser = class_count, help_heading = "Budget")]
    pub(crate) per_class: Vec<(String, usize)>,
    /// Let classes vanish whose share is too small, instead of keeping at least one row of each.
    #[arg(long, help_heading = "Budget")]
    pub(crate) allow_empty_classes: bool,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Where the kept rows go; `-` is stdout. The format is that of the name, or of the input for stdout.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// What to write: the rows themselves, or row, class, rank and weight of each.
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) emit: Emit,
    /// In which order: that of the input, or class after class from first to last pick.
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) order: Order,
    /// Append the method's weights as a column of this name [default: `weight` for invented points].
    #[arg(long, value_name = "COLUMN", help_heading = "Output")]
    pub(crate) weights: Option<String>,
    /// Where the manifest goes [default: the output's name and .manifest.json].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) manifest: Option<PathBuf>,
    /// Replace outputs that exist.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// Make the output of this manifest again, byte for byte, or say what differs.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output",
          conflicts_with_all = ["method", "params", "seed", "epochs", "hidden", "activation", "dropout", "optimizer", "learning_rate", "weight_decay", "batch", "save_log", "ranking", "ratio", "count", "per_class", "label", "features", "exclude", "id", "missing", "scale", "bins", "format", "sheet", "delimiter", "emit", "order", "weights", "metric", "allow_empty_classes"])]
    pub(crate) from_manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) carbon: CarbonArgs,
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// The metric of ε.
    #[arg(long, value_name = "METRIC", default_value_t, help_heading = "Running")]
    pub(crate) metric: Metric,
    /// Say what would be done and how much memory it would take, and do nothing.
    #[arg(long, help_heading = "Running")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What a reduction writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    /// The kept rows, every column untouched.
    #[default]
    Rows,
    /// One line a kept row: row, class, rank and, where the method has them, weight.
    Ids,
}

/// The order of written rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// As in the input.
    #[default]
    Input,
    /// Class after class, from the first pick to the last.
    Rank,
}

/// Rank every row.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset rank beans.csv --label Class --method mms --output ranking.csv")]
pub(crate) struct RankArgs {
    /// The table: .csv .tsv (also .gz, .zst) .parquet .arrow .feather .npy .npz .xlsx
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Where the ranking goes, with the columns row, class, rank, score; `-` is stdout as CSV.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Where the manifest goes [default: the output's name and .manifest.json].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) manifest: Option<PathBuf>,
    /// Replace outputs that exist.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) carbon: CarbonArgs,
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// Say what would be done and how much memory it would take, and do nothing.
    #[arg(long, help_heading = "Running")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Measure ε.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:  leanset measure beans.csv lean.csv --label Class --per-class\n           leanset measure beans.csv lean.csv --label Class --persistence\n           leanset measure beans.csv --ranking ranking.csv --curve --label Class"
)]
pub(crate) struct MeasureArgs {
    /// The full table.
    #[arg(value_name = "FULL", value_hint = ValueHint::FilePath)]
    pub(crate) full: PathBuf,
    /// The reduced table: rows with the columns of FULL, or row ids in a column `row` (or the --id column).
    #[arg(value_name = "REDUCED", value_hint = ValueHint::FilePath, required_unless_present = "ranking", conflicts_with = "ranking")]
    pub(crate) reduced: Option<PathBuf>,
    /// Measure prefixes of this ranking.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ranking: Option<PathBuf>,
    /// ε at 1 %, 2 %, … 100 % of the ranking.
    #[arg(long, requires = "ranking")]
    pub(crate) curve: bool,
    /// ε of the ranking at this ratio. Repeatable.
    #[arg(
        long,
        short,
        value_name = "R",
        allow_negative_numbers = true,
        requires = "ranking",
        conflicts_with = "curve"
    )]
    pub(crate) ratio: Vec<f64>,
    /// The metric: chebyshev, euclidean or manhattan.
    #[arg(long, value_name = "METRIC", default_value_t)]
    pub(crate) metric: Metric,
    /// Also print ε of every class.
    #[arg(long)]
    pub(crate) per_class: bool,
    /// Also compare the shapes: persistence diagrams of each class in both tables, and how far apart they are.
    ///
    /// The diagrams are those of the Vietoris–Rips filtration in the metric of ε, their distance is the bottleneck
    /// distance, and beside it stands the bound of the theory: twice ε for rows of FULL.
    #[arg(long, help_heading = "Persistence")]
    pub(crate) persistence: bool,
    /// The highest dimension of the diagrams: 0 for components, 1 for loops too, 2 for voids too [default: 1].
    #[arg(long, value_name = "K", requires = "persistence", help_heading = "Persistence", value_parser = RangedU64ValueParser::<usize>::new().range(0..=HIGHEST as u64))]
    pub(crate) dimension: Option<usize>,
    /// A class of more rows is represented by so many, spread over it; what that can cost is said [default: 1000].
    #[arg(long, value_name = "N", requires = "persistence", help_heading = "Persistence", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_POINTS as u64))]
    pub(crate) persistence_points: Option<usize>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl MeasureArgs {
    /// What is compared, if shapes are.
    pub(crate) fn persistence_options(&self) -> Option<PersistenceOptions> {
        let default = PersistenceOptions::default();
        self.persistence.then(|| PersistenceOptions {
            dimension: self.dimension.unwrap_or(default.dimension),
            points: self.persistence_points.unwrap_or(default.points),
        })
    }
}

/// Check or reduce a set of pictures.
#[derive(Clone, Debug, Args)]
#[command(disable_help_subcommand = true, subcommand_value_name = "VERB")]
#[command(after_help = "Start with:  leanset images check data.yaml")]
pub(crate) struct ImagesArgs {
    #[command(subcommand)]
    pub(crate) verb: ImagesVerb,
}

/// What there is to do with a set of pictures.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ImagesVerb {
    /// Say all that is wrong with a set at once, and what is in it.
    Check(ImagesCheckArgs),
    /// Write a smaller training set into a folder of its own; pictures stay where they are.
    Reduce(Box<ImagesReduceArgs>),
    /// Write what a pretrained model sees in each picture into a table.
    Features(Box<ImagesFeaturesArgs>),
}

/// Between what distances are measured.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Features")]
pub(crate) struct FeatureArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Measure distances between these features: a table with the column path and columns of numbers, or an array
    /// [default: colours and edges, which need no model].
    #[arg(long, value_name = "TABLE", value_hint = ValueHint::FilePath, conflicts_with = "model")]
    pub(crate) features: Option<PathBuf>,
    /// The paths of the rows of an array of features, one a line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "features")]
    pub(crate) feature_paths: Option<PathBuf>,
}

impl FeatureArgs {
    pub(crate) fn plan(&self) -> FeaturePlan {
        FeaturePlan { table: self.features.clone(), paths: self.feature_paths.clone(), ..self.model.plan() }
    }
}

/// A pretrained model, and how it sees pictures.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Model", group = ArgGroup::new("seen").multiple(true))]
pub(crate) struct ModelArgs {
    /// Describe pictures by this ONNX model: of a YOLO detector the end of its SPPF averaged over the picture, of a classifier
    /// what its last layer is fed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, group = "seen")]
    pub(crate) model: Option<PathBuf>,
    /// Where the model is cut: auto, sppf, penultimate, output, or the name of a tensor [default: auto].
    #[arg(long, value_name = "LAYER", requires = "model")]
    pub(crate) layer: Option<String>,
    /// How pictures are brought to the size of the model [default: letterbox].
    #[arg(long, value_enum, requires = "model")]
    pub(crate) fit: Option<FitArg>,
    /// The side of the square that the model sees, if it takes any [default: 640 for an SPPF, else 224].
    #[arg(long, value_name = "PIXELS", requires = "model")]
    pub(crate) size: Option<u32>,
    /// What becomes of pixels: 0 to 1, or ImageNet's mean and deviation [default: unit for an SPPF, else imagenet].
    #[arg(long, value_enum, requires = "model", conflicts_with_all = ["mean", "std"])]
    pub(crate) pixels: Option<PixelsArg>,
    /// The mean of red, green and blue, of 0 to 1, that the model was trained with.
    #[arg(long, value_name = "R,G,B", value_parser = three, requires = "std", allow_negative_numbers = true)]
    pub(crate) mean: Option<[f32; 3]>,
    /// The deviation of red, green and blue, of 0 to 1.
    #[arg(long, value_name = "R,G,B", value_parser = three, requires = "mean", allow_negative_numbers = true)]
    pub(crate) std: Option<[f32; 3]>,
    /// Run the model by this library of ONNX Runtime, or that in this folder, such as the one of the Python package: faster
    /// than the engine inside, and on cards.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath, requires = "seen")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// What ONNX Runtime computes on: cpu, cuda, or cuda:1 for the second card [default: cpu].
    #[arg(long, value_name = "DEVICE", requires = "onnxruntime")]
    pub(crate) device: Option<String>,
    /// Pictures that the model is given at once [default: 1, on a card 16].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), requires = "seen")]
    pub(crate) batch: Option<u16>,
    /// Keep descriptions below this folder, for another run [default: leanset/features in the user's cache].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, requires = "seen", conflicts_with = "no_cache")]
    pub(crate) cache: Option<PathBuf>,
    /// Keep no descriptions, and use none that were kept.
    #[arg(long, requires = "seen")]
    pub(crate) no_cache: bool,
}

impl ModelArgs {
    pub(crate) fn plan(&self) -> FeaturePlan {
        FeaturePlan {
            model: self.model.clone(),
            layer: self.layer.clone(),
            fit: self.fit.map(|fit| match fit {
                FitArg::Letterbox => FitWord::Letterbox,
                FitArg::Stretch => FitWord::Stretch,
                FitArg::Crop => FitWord::Crop,
                FitArg::Native => FitWord::Native,
            }),
            size: self.size,
            pixels: self.pixels.map(|pixels| match pixels {
                PixelsArg::Unit => PixelsWord::Unit,
                PixelsArg::Imagenet => PixelsWord::Imagenet,
            }),
            mean: self.mean,
            std: self.std,
            onnxruntime: self.onnxruntime.clone(),
            device: self.device.clone(),
            batch: self.batch.map(usize::from),
            table: None,
            paths: None,
        }
    }

    /// The folder below which descriptions are kept; nothing if none are.
    pub(crate) fn cache_folder(&self) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        let own = || Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("leanset").join("features"));
        self.cache.clone().or_else(own)
    }
}

/// How pictures are brought to the size of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FitArg {
    /// As large as fits, in the middle of grey.
    Letterbox,
    /// To its height and width, whatever becomes of their own.
    Stretch,
    /// So that they cover it; what reaches beyond is cut off.
    Crop,
    /// As they are, one by one: the paper's way.
    Native,
}

/// What becomes of pixels before a model sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PixelsArg {
    /// 0 to 1, as detectors take them.
    Unit,
    /// By the mean and deviation of ImageNet, as most classifiers take them.
    Imagenet,
}

/// Three numbers.
fn three(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let numbers = numbers.filter(|n| n.iter().all(|v| v.is_finite())).and_then(|n| <[f32; 3]>::try_from(n).ok());
    numbers.ok_or_else(|| "three numbers are needed, such as 0.485,0.456,0.406".to_owned())
}

/// Write what a pretrained model sees in each picture into a table.
///
/// A row for each picture that can be decoded, in order of split and path: the column path, and f0, f1, … . `images reduce`
/// takes the table with --features, and so does anything that reads Parquet. An array (.npy) has the numbers alone, and
/// --paths takes the paths.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset images features fruit/data.yaml --model yolov5m.onnx --output fruit.parquet")]
pub(crate) struct ImagesFeaturesArgs {
    /// The set: a data.yaml (YOLO), a .json (COCO), or a folder that has one, or is Pascal VOC, or class folders.
    #[arg(value_name = "DATASET", value_hint = ValueHint::AnyPath)]
    pub(crate) dataset: PathBuf,
    /// Where the pictures of a COCO file are [default: beside it, or in the usual places].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) images: Option<PathBuf>,
    /// Which pictures.
    #[arg(long, value_enum, default_value_t = SplitArg::Train)]
    pub(crate) split: SplitArg,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// The table: its name says the format (.parquet, .arrow, .csv, .npy).
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: PathBuf,
    /// The paths of the rows, one a line: needed with an array.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) paths: Option<PathBuf>,
    /// Replace files that exist.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// Stop if anything is wrong with the pictures, instead of leaving out what cannot be decoded.
    #[arg(long, help_heading = "Running")]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) carbon: CarbonArgs,
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// Threads to use; the result is the same for any number [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Running")]
    pub(crate) threads: Option<u16>,
    /// Print the manifest on stdout (docs/json.md).
    #[arg(long, help_heading = "Running")]
    pub(crate) json: bool,
    /// Print no report and no progress; warnings and errors still come.
    #[arg(long, short, help_heading = "Running")]
    pub(crate) quiet: bool,
}

/// Which pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitArg {
    /// Those that are trained on.
    Train,
    /// Those of validation.
    Val,
    /// Those of the test.
    Test,
    /// All of them.
    All,
}

/// The set of pictures.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImageSetArgs {
    /// Where the pictures of a COCO file are [default: beside it, or in the usual places].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) images: Option<PathBuf>,
    /// What divides pictures: one or several objects of a class, the set of classes, or nothing [default: amount; of class
    /// folders, classes].
    #[arg(long, value_enum, help_heading = "Categories")]
    pub(crate) category: Option<Category>,
    /// Put classes under one name before pictures are divided, such as 'with aid=wheelchair,crutch'. Repeatable.
    #[arg(long = "group", value_name = "NAME=CLASS,…", value_parser = group, help_heading = "Categories")]
    pub(crate) groups: Vec<leanset_images::Group>,
    /// Take categories from a table with the columns path and category.
    #[arg(long, value_name = "TABLE", value_hint = ValueHint::FilePath, conflicts_with_all = ["category", "groups"], help_heading = "Categories")]
    pub(crate) categories: Option<PathBuf>,
}

/// What divides pictures into categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Category {
    /// One object of a class, several of it, or several classes: `apple single`, `apple several`, `mixed`.
    Amount,
    /// The classes on a picture: `apple`, `apple + orange`.
    Classes,
    /// Nothing: all pictures are one category.
    None,
}

/// Check a set of pictures.
///
/// Every picture is opened and decoded. Errors are pictures that cannot be trained from and are left out of a reduction,
/// warnings are doubts, notes are worth knowing. Exit code 2 if there are errors (or, with --strict, warnings).
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset images check fruit/data.yaml")]
pub(crate) struct ImagesCheckArgs {
    /// The set: a data.yaml (YOLO), a .json (COCO), or a folder that has one, or is Pascal VOC, or class folders.
    #[arg(value_name = "DATASET", value_hint = ValueHint::AnyPath)]
    pub(crate) dataset: PathBuf,
    #[command(flatten)]
    pub(crate) set: ImageSetArgs,
    /// Warnings are errors too.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Threads to use [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Print as JSON (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Reduce a set of pictures.
///
/// The training pictures of each category are reduced; validation and test stay what they are. The folder gets a list of
/// the kept pictures and a description to train from: `train.txt` and `data.yaml` (YOLO), `train.json` (COCO), or
/// `train.txt` (Pascal VOC, class folders), and manifest.json.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset images reduce fruit/data.yaml --method mms --ratio 0.5 --output lean/")]
pub(crate) struct ImagesReduceArgs {
    /// The set: a data.yaml (YOLO), a .json (COCO), or a folder that has one, or is Pascal VOC, or class folders.
    #[arg(value_name = "DATASET", value_hint = ValueHint::AnyPath, required_unless_present = "from_manifest")]
    pub(crate) dataset: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) set: ImageSetArgs,
    /// A method by name or alias: see `leanset methods`.
    #[arg(long, short, value_name = "NAME", help_heading = "Method")]
    pub(crate) method: Option<String>,
    /// A parameter of the method, such as start=first. Repeatable.
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parameter, help_heading = "Method")]
    pub(crate) params: Vec<(String, String)>,
    /// The seed of all randomness.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Method")]
    pub(crate) seed: u64,
    /// The part of the pictures to keep, in (0, 1].
    #[arg(long, short, value_name = "R", allow_negative_numbers = true, help_heading = "Budget", conflicts_with_all = ["count", "per_category"])]
    pub(crate) ratio: Option<f64>,
    /// The number of pictures to keep.
    #[arg(long, short = 'n', value_name = "N", help_heading = "Budget", conflicts_with = "per_category")]
    pub(crate) count: Option<usize>,
    /// The number of pictures to keep of one category. Repeat it for every category.
    #[arg(long, value_name = "CATEGORY=N", value_parser = class_count, help_heading = "Budget")]
    pub(crate) per_category: Vec<(String, usize)>,
    /// Even out the objects of classes, rather than keep an equal part of each category: rare classes keep more.
    #[arg(long, help_heading = "Budget", conflicts_with = "per_category")]
    pub(crate) balance: bool,
    /// Let categories vanish whose share is too small, instead of keeping at least one picture of each.
    #[arg(long, help_heading = "Budget")]
    pub(crate) allow_empty_categories: bool,
    #[command(flatten)]
    pub(crate) features: FeatureArgs,
    /// The metric of ε.
    #[arg(long, value_name = "METRIC", default_value_t, help_heading = "Features")]
    pub(crate) metric: Metric,
    /// The folder that the smaller set goes into; it appears whole or not at all.
    #[arg(long, short, value_name = "FOLDER", value_hint = ValueHint::DirPath, required_unless_present = "dry_run", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Copy the kept pictures and their annotations into the folder.
    #[arg(long, conflicts_with = "link", help_heading = "Output")]
    pub(crate) copy: bool,
    /// Link to the kept pictures and their annotations from the folder.
    #[arg(long, help_heading = "Output")]
    pub(crate) link: bool,
    /// Replace the folder, if all in it is of an earlier reduction.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// Also put a contact sheet into the folder, report.html: pictures kept and dropped, neighbours, a map. It needs no network.
    #[arg(long, help_heading = "Output")]
    pub(crate) report: bool,
    /// The most that the thumbnails of the contact sheet take.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "2MB", requires = "report", help_heading = "Output")]
    pub(crate) report_size: bytesize::ByteSize,
    /// Do again what this manifest.json, or that in this folder, says was done, and keep the same pictures, or say what
    /// differs.
    ///
    /// Beside it, DATASET, --images, --categories, --model, --onnxruntime, --features and --feature-paths say where files are
    /// now; they must hold the same. What the manifest settles cannot be given.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = "Output", group = "seen",
          conflicts_with_all = ["method", "params", "seed", "ratio", "count", "per_category", "balance", "allow_empty_categories", "category", "groups", "layer", "fit", "size", "pixels", "mean", "std", "metric", "copy", "link"])]
    pub(crate) from_manifest: Option<PathBuf>,
    /// Say what would be done and how much memory it would take, and do nothing; no picture is decoded.
    #[arg(long, help_heading = "Running")]
    pub(crate) dry_run: bool,
    /// Stop if anything is wrong with the training pictures, instead of leaving out what cannot be used.
    #[arg(long, help_heading = "Running")]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) carbon: CarbonArgs,
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Run a command and say what energy it took.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(disable_help_subcommand = true, subcommand_value_name = "VERB")]
#[command(after_help = "Examples:  leanset energy --country ESP -- python train.py\n           leanset energy doctor")]
pub(crate) struct EnergyArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<EnergyVerb>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    #[command(flatten)]
    pub(crate) carbon: CarbonArgs,
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// Also write the reading to this file, as JSON (docs/json.md).
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an output that exists.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// Print the reading as JSON on stderr: stdout belongs to the command (docs/json.md).
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print no reading.
    #[arg(long, short, conflicts_with = "json", help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// What else there is to do about energy.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum EnergyVerb {
    /// Say what this machine can measure, and why not more.
    Doctor(DoctorArgs),
}

/// Say what this machine can measure.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// Print as JSON (docs/json.md).
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Whose electricity it is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "CO₂")]
pub(crate) struct CarbonArgs {
    /// Also say CO₂, with the carbon intensity of electricity in this country: ISO code or English name, such as ESP.
    #[arg(long, value_name = "COUNTRY")]
    pub(crate) country: Option<String>,
    /// Also say CO₂, with this carbon intensity of electricity, in grams of CO₂ equivalent per kWh.
    #[arg(long, value_name = "G_PER_KWH", allow_negative_numbers = true, conflicts_with = "country")]
    pub(crate) carbon_intensity: Option<f64>,
}

/// What is known of the power of the machine.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Power")]
pub(crate) struct PowerArgs {
    /// The power of the whole machine while the command runs, instead of all counters.
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub(crate) watts: Option<f64>,
    /// The rated power (TDP) of the processors of this machine together, for the model where nothing measures.
    #[arg(long, value_name = "W", allow_negative_numbers = true, conflicts_with = "watts")]
    pub(crate) tdp: Option<f64>,
    /// Take the files of the kernel from a copy in this folder.
    #[arg(long, value_name = "FOLDER", hide = true, default_value = "/")]
    pub(crate) root: PathBuf,
}

/// List the methods.
#[derive(Clone, Debug, Args)]
pub(crate) struct MethodsArgs {
    /// A method by name or alias.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print as JSON (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
}

/// Run the experiment of a plan.
///
/// Every run is a line of the output as soon as it is done. Interrupt it whenever you like: the same command goes on
/// where it stopped, and what it finds is the same. docs/experiments.md describes plans, records and statistics.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:  leanset experiment plans/demo.toml --output runs.jsonl\n           leanset report runs.jsonl --output report.html"
)]
pub(crate) struct ExperimentArgs {
    /// The plan: a TOML file, such as those in plans/.
    #[arg(value_name = "PLAN", value_hint = ValueHint::FilePath)]
    pub(crate) plan: PathBuf,
    /// The table or the set of pictures, instead of the one that the plan names.
    #[arg(long, value_name = "DATA", value_hint = ValueHint::AnyPath)]
    pub(crate) data: Option<PathBuf>,
    /// Where the records go, a line a run. Of a file that holds some, those left are done.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "dry_run")]
    pub(crate) output: Option<PathBuf>,
    /// One run at a time, metered alone: for times and joules that can be compared.
    #[arg(long)]
    pub(crate) exclusive: bool,
    /// Keep the folder of every training of a detector in this one: its list of pictures, its log, its results
    /// [default: only of a training that fails].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) keep: Option<PathBuf>,
    /// Threads to use; what is found is the same for any number [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Say how many runs there are and about how long they take, and do none of them.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the result as JSON on stdout (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no result and no progress; warnings and errors still come.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Make one page of an experiment's records.
///
/// The page needs no network, and holds every number as text too. Records of an experiment that is not done make a page
/// that says so.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset report runs.jsonl --output report.html")]
pub(crate) struct ReportArgs {
    /// The records of `leanset experiment`.
    #[arg(value_name = "RUNS", value_hint = ValueHint::FilePath)]
    pub(crate) runs: PathBuf,
    /// Where the page goes.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Replace a page that exists.
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Print the numbers of the page as JSON on stdout (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing; errors still come.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Reduce, measure and explain an embedded data set.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// The folder for the data set and the reduced one [default: leanset-demo, or leanset-demo-2, … if that exists].
    #[arg(long, short, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
    /// Threads to use [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

/// Print a completion script.
#[derive(Clone, Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// The manual page.
#[derive(Clone, Debug, Args)]
pub(crate) struct ManArgs {
    /// Write leanset.1, leanset-reduce.1, … into this folder instead of printing the first.
    #[arg(long, short, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is NAME=VALUE, such as start=first")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn group(text: &str) -> Result<leanset_images::Group, String> {
    let (name, classes) = text.split_once('=').ok_or("a group is NAME=CLASS,CLASS, such as fruit=apple,banana")?;
    let classes: Vec<String> = classes.split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
    if name.trim().is_empty() || classes.is_empty() {
        return Err("a group has a name and at least one class, such as fruit=apple,banana".into());
    }
    Ok(leanset_images::Group { name: name.trim().to_owned(), classes })
}

fn class_count(text: &str) -> Result<(String, usize), String> {
    // The last `=`: class names may hold one.
    let (name, count) = text.rsplit_once('=').ok_or("a class and its count are CLASS=N, such as SIRA=100")?;
    let count = count.trim().parse().map_err(|_| format!("the count must be a whole number, not '{count}'"))?;
    Ok((name.to_owned(), count))
}

fn size(text: &str) -> Result<bytesize::ByteSize, String> {
    text.parse().map_err(|_| "a size is a number with a unit, such as 500MB or 2GiB".into())
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        b"\\t" => Ok(b'\t'),
        _ => Err("a delimiter is one ASCII character, or \\t".into()),
    }
}

/// Parameters as values; `@FILE` becomes the row ids in it.
pub(crate) fn values(
    params: &[(String, String)],
    rows_in: impl Fn(&str) -> Result<Value, crate::error::Failure>,
) -> Result<Vec<(String, Value)>, crate::error::Failure> {
    if let Some((name, _)) =
        params.iter().enumerate().find(|(i, p)| params[..*i].iter().any(|q| q.0 == p.0)).map(|p| p.1)
    {
        return Err(crate::error::Failure::new(format!("--param {name} is given twice")).hint("give it once"));
    }
    params
        .iter()
        .map(|(name, value)| {
            let value = match value.strip_prefix('@') {
                Some(file) => rows_in(file)?,
                None => Value::Text(value.clone()),
            };
            Ok((name.clone(), value))
        })
        .collect()
}
