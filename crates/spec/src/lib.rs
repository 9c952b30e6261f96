//! Every setting of leanset once, and the documents that record what was asked and what came of it.
//!
//! A setting is one type here, whoever gives it. The command line parses into it (feature `clap` derives the arguments), a
//! plan contains it, a manifest *holds* it, Python passes it. To reproduce a manifest is to read its request, replace
//! paths, run it and compare.
//!
//! - Settings: [`Columns`], [`Method`], [`Training`], [`Budget`], [`Energy`], and of image datasets [`images`].
//! - Requests, which are made of settings: [`request`].
//! - Documents: [`manifest`], [`methods`]. What their keys mean stands in docs/json.md.
//!
//! This crate lies below everything that does work, so that a value of a setting is added where it is declared and where it
//! is computed, and nowhere else.

mod budget;
mod choosing;
mod columns;
mod energy;
pub mod images;
pub mod manifest;
mod method;
pub mod methods;
pub mod request;
mod split;
mod stopping;
mod table_paths;
mod training;
mod value;
mod word;

pub use budget::{Balance, Budget, Vocabulary, fraction};
pub use choosing::{Choosing, Goal, points, seconds};
pub use columns::{Columns, DecimalMark, Delimiter, Format, Missing, Scale};
pub use energy::{Energy, Power};
pub use method::{Guard, Method, Parameters, TableMethod, no_method};
pub use split::Split;
pub use stopping::Stopping;
pub use table_paths::TablePaths;
pub use training::{Activation, Optimizer, ResolvedTraining, Training};
pub use value::{number, parse, value};
#[cfg(feature = "clap")]
pub use word::parser::words;
pub use word::{Word, listed};
