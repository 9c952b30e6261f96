//! Experiments: does a reduced training set do, and what was saved?
//!
//! A [`Plan`] (a TOML file) says which data, methods, ratios and model; a [`Lab`] is that plan checked against the
//! data; its runs are appended to a [`records::Journal`], a file that survives being killed; [`summary`] says what
//! they come to, with the tests of [`statistics`]; [`report`] puts that on one page.
//!
//! - New splits for every repetition, stratified; the scaler sees training rows only ([`folds`]).
//! - One ranking a repetition serves all ratios, and each run carries its whole cost ([`run`]).
//! - A number that is not measured says so, and so does a run that shared the machine ([`energy`]).
//!
//! What a run is about comes in through [`Subject`]: [`Tables`] with a [`Learner`], or [`Pictures`] with a [`Detector`].
//! Meters come in through [`energy::Metering`]; [`Mlp`] and [`energy::Meters`] are those of this workspace.

pub mod energy;
mod error;
pub mod folds;
pub mod kind;
pub mod learner;
pub mod pictures;
pub mod plan;
pub mod records;
pub mod report;
pub mod results;
pub mod run;
pub mod statistics;
pub mod subject;
pub mod summary;
pub mod template;

pub use error::{Error, Result};
pub use learner::{Learner, Mlp};
pub use pictures::{Detector, Pictures};
pub use plan::Plan;
pub use run::{Lab, Options};
pub use subject::{Subject, Tables};
pub use summary::Summary;
