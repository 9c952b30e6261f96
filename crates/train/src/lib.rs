//! # leanset-train
//!
//! The built-in trainer: multilayer perceptrons on tables, small and fast, and the same to the last bit on every run,
//! for any number of threads and on every instruction set; and models that are fitted in a moment.
//!
//! - [`Network`], [`Training`]: what is trained and how ([`Network::paper`], [`Training::paper`] as in the paper);
//! - [`Model`]: trains, goes on training on other rows, predicts;
//! - [`Observer`]: hears of every epoch, and of every row if it likes;
//! - [`warm_up()`]: trains on everything and records the dynamics of every row, for the methods that use them;
//! - [`quick`]: nearest neighbours, logistic regression and kernel ridge regression, fitted in a moment;
//! - [`scores()`]: accuracy, precision, recall and F1 of predictions.
//!
//! One model is trained on one thread; independent models are trained in parallel by whoever has them.
//!
//! ```
//! use leanset_core::{Classes, Dataset, Matrix, Quiet, RowId, Seed};
//! use leanset_train::{Model, Network, Training};
//!
//! let values: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
//! let labels: Vec<u32> = (0..200).map(|i| u32::from(i >= 100)).collect();
//! let data = Dataset::new(Matrix::new(&values, 200, 1)?, Classes::new(&labels, 2)?)?;
//! let rows: Vec<RowId> = (0..200).map(RowId::at).collect();
//!
//! let network = Network { hidden: vec![8], dropout: 0.0, ..Network::paper() };
//! let mut model = Model::new(&network, data.columns(), data.classes().len(), Seed(0))?;
//! let training = Training { learning_rate: 0.05, ..Training::paper(20, Seed(0)) };
//! let history = model.train(&data, &rows, None, &training, &mut (), &Quiet)?;
//! assert!(history.epochs[19].loss < history.epochs[0].loss);
//! assert_eq!(model.predict(&data, &rows)?[199].0, 1);
//! # Ok::<(), leanset_core::Error>(())
//! ```

mod kernel;
mod model;
mod network;
pub mod quick;
#[cfg(test)]
mod reference;
mod scores;
mod settings;
mod simd;
mod warm_up;

pub use model::{Epoch, History, Model, Observer, Outcomes};
pub use network::{Activation, EarlyStopping, Loss, Network, Optimizer, Training};
pub use scores::{ClassScores, Scores, scores};
pub use settings::of_settings;
pub use warm_up::{DynamicsRecorder, Observation, WarmUp, warm_up, warm_up_memory};
