//! leanset: reduce labelled training data, and know what it cost.
//!
//! This is the job, whoever asks for it: read, choose, measure, record, reproduce, for tables and for image datasets. It
//! predicts memory before it takes it, writes outputs whole or not at all, and leaves a manifest beside each. It prints
//! nothing, parses no arguments and has no exit codes; those are the command line's (`leanset-cli`).
//!
//! ```
//! use leanset::{Budget, Choice, Columns, Context, Destination, Method, Metric, Output, Reduce, Split, Writing};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (train, lean) = (folder.path().join("train.parquet"), folder.path().join("lean.parquet"));
//! # leanset::example::write_parquet(&train)?;
//! let request = Reduce {
//!     input: train.into(),
//!     columns: Columns::labelled("y"),
//!     split: Split::of(0.25),
//!     choice: Choice::Method(Method::named("maxmin").into()),
//!     budget: Budget::of_ratio(0.1),
//!     metric: Metric::Euclidean,
//!     stopping: Default::default(),
//!     no_epsilon: false,
//!     writing: Writing::default(),
//! };
//! let destination = Destination { output: Output::File(lean), ..Destination::default() };
//! let outcome = leanset::reduce(&request, &destination, &Context::default())?;
//! let epsilon = outcome.manifest.epsilon.expect("it is not left out");
//! println!("{} of {} rows, ε = {}", outcome.manifest.kept, outcome.manifest.rows, epsilon.value);
//! # assert_eq!(outcome.manifest.kept, 15);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`reduce`], [`rank`] and [`measure`] work on tables; [`reproduce`] makes the output of a manifest again.
//! - [`images`] works on image datasets.
//! - [`output`] stages files and folders; [`memory`] predicts; [`subprocess`] runs commands.

mod context;
mod dry_run;
#[doc(hidden)]
pub mod example;
mod expected;
pub mod images;
mod measure;
pub mod memory;
pub mod output;
mod rank;
mod reduce;
pub mod reproduce;
pub mod subprocess;
mod table;

pub use leanset_core::distance::Metric;
pub use leanset_problem::{Problem, Result, Warning};
pub use leanset_spec::request::{Choice, Emit, Order, Rank, Reduce, TableRequest, Writing};
pub use leanset_spec::{
    Budget, Columns, Delimiter, Energy, Format, Method, Missing, Parameters, Scale, Split, TableMethod, TablePaths,
    Training,
};

pub use context::{Context, Reporter, Silent};
pub use dry_run::{DryRun, SCHEMA as DRY_RUN_SCHEMA};
pub use measure::{Against, Measure, Measurement, Point, measure};
pub use rank::{RankOutcome, Ranking, rank};
pub use reduce::{Destination, Outcome, Output, Reduction, reduce, test_beside};
pub use table::Input;
