//! Experiments: is a smaller training set good enough, and what does it save?
//!
//! A [`Plan`] (a TOML file) names data, methods, ratios and a model. An [`Experiment`] is that plan checked against its
//! data. Its runs are appended to a [`Journal`], a file that survives being killed. A [`Summary`] holds what the runs
//! show, by the tests of [`leanset_statistics`]; [`report`] renders it as one page.
//!
//! - Every repetition has new splits, stratified; the scaler is fitted on training rows only ([`splits`]).
//! - Models are trained from scratch on what is kept; a warm-up is a cost of choosing ([`experiment`]).
//! - One ranking per repetition serves all ratios, and each run is charged its whole cost ([`experiment`]).
//! - Records say which joules are estimates, and which runs shared the machine ([`metering`]).
//!
//! A [`Task`] is what an experiment is run on: [`TableTask`] with a [`Learner`] for each model, or [`ImageTask`] with a
//! [`Detector`]. [`Metering`](metering::Metering) is the interface to meters; [`Mlp`] and [`metering::Meters`] are among
//! those of this workspace.

pub mod choice;
mod command;
mod command_model;
pub mod conclusion;
pub mod detector;
pub mod detector_results;
pub mod experiment;
pub mod image_task;
pub mod journal;
mod json;
pub mod learner;
mod lines;
pub mod metering;
pub mod plan;
pub mod power;
pub mod record;
pub mod remaining;
pub mod render;
pub mod report;
mod run_key;
pub mod splits;
pub mod summary;
pub mod table_task;
pub mod task;
pub mod template;
pub mod vocabulary;

pub use detector::Trainer;
pub use experiment::{Experiment, RunOptions};
pub use image_task::{Detector, ImageTask};
pub use journal::Journal;
pub use learner::{Learner, Mlp};
pub use lines::stop_writing;
pub use plan::Plan;
pub use power::{Power, Spread};
pub use remaining::Progress;
pub use summary::Summary;
pub use table_task::TableTask;
pub use task::{RunError, Task};
