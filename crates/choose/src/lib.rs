//! How much of a labelled training set can go, and by which method: raced on held-out rows, with the model that will be trained.
//!
//! [`choose`] answers a [`Question`] about a [`Subject`] (rows, their classes, their coordinates). Candidates keep rows inside the
//! training part of every fold; models are trained on those and predict the rows that are held out. Models are two quick ones and, if there is
//! one, the user's own ([`OwnModel`]). The protocol is described in [`choice`]. The crate knows no files: the command line brings a table
//! and a command, Python brings arrays and an estimator.
//!
//! The answer is a function of the question, the data and the predictions of the models: it is the same for any number of threads. With a
//! limit of time it depends on what could be done in it, and [`Records`] keep what was decided.

mod candidate;
pub mod choice;
mod curve;
mod engine;
mod evaluation;
mod folds;
mod goal;
mod resample;
pub mod words;

pub use candidate::{Candidate, DEFAULT, RANDOM};
pub use choice::{Choice, Evidence, Interval, Point, Question, Recommended, Seconds, choose, memory};
pub use evaluation::{
    Coordinates, EVERYTHING, Evaluation, Judge, Key, Lesson, Outcome, OwnModel, Predictions, Ratio, Records, Subject,
    Taught, Unrecorded,
};
pub use folds::{Fold, HoldOut, MOST_TESTED, usual_folds};
pub use goal::Measures;
pub use leanset_spec::Goal;
pub use resample::RESAMPLINGS;
