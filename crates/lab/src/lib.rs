//! Experiments: does a reduced training set do, and what was saved?
//!
//! A [`Plan`] (a TOML file) says which table, methods, ratios and model; a [`Lab`] is that plan checked against the
//! table; its runs are appended to a [`records::Journal`], a file that survives being killed; [`summary`] says what
//! they come to, with the tests of [`statistics`]; [`report`] puts that on one page.
//!
//! - New splits for every repetition, stratified; the scaler sees training rows only ([`folds`]).
//! - One ranking a repetition serves all ratios, and each run carries its whole cost ([`run`]).
//! - A number that is not measured says so, and so does a run that shared the machine ([`energy`]).
//!
//! Models and meters come in through [`Learner`] and [`energy::Metering`]; [`Mlp`] and [`energy::Meters`] are those of
//! this workspace.

pub mod energy;
mod error;
pub mod folds;
pub mod learner;
pub mod plan;
pub mod records;
pub mod report;
pub mod run;
pub mod statistics;
pub mod summary;

pub use error::{Error, Result};
pub use learner::{Learner, Mlp};
pub use plan::Plan;
pub use run::{Lab, Options};
pub use summary::Summary;
