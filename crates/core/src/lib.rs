//! # leanset-core
//!
//! Reduce a labelled training set and say how representative the rest is. Pure: no files, clock, environment,
//! printing or global randomness; what comes out depends on the arguments alone, for any number of threads.
//!
//! - [`Dataset`]: a checked view of labelled points, `f32` or `f64`, never copied;
//! - [`Budget`]: a ratio, a count or counts per class, divided among the classes by largest remainder;
//! - [`Reducer`]: one of the registered [`methods`] with checked parameters; it [ranks](Reducer::rank) or
//!   [reduces](Reducer::reduce);
//! - [`metrics::epsilon()`]: ε-representativeness of a reduced set, and of every prefix of a ranking in one pass.
//!
//! ```
//! use leanset_core::{Budget, Classes, Dataset, EmptyClasses, Matrix, Quiet, Reducer, Seed};
//! use leanset_core::{distance::Metric, metrics};
//!
//! let values: Vec<f64> = (0..40).map(|i| f64::from(i % 7) + f64::from(i) / 100.0).collect();
//! let labels: Vec<u32> = (0..20).map(|i| u32::from(i >= 12)).collect();
//! let data = Dataset::new(Matrix::new(&values, 20, 2)?, Classes::new(&labels, 2)?)?;
//!
//! let maxmin = Reducer::new("mms", &[])?;
//! let kept = maxmin.reduce(&data, &Budget::Ratio(0.25), EmptyClasses::Forbid, Seed(0), &Quiet)?;
//! assert_eq!(kept.reduced.len(), 5);
//!
//! let epsilon = metrics::epsilon(&data, &kept.reduced, Metric::Chebyshev, &Quiet)?;
//! assert!(epsilon.value.is_finite());
//! # Ok::<(), leanset_core::Error>(())
//! ```

pub mod budget;
mod cholesky;
pub mod data;
pub mod distance;
pub mod duplicates;
pub mod dynamics;
pub mod error;
pub mod geometry;
pub mod guard;
pub mod holdout;
pub mod homology;
mod id;
pub mod kernel;
mod labels;
mod linalg;
mod lloyd;
mod logarithm;
pub mod methods;
pub mod metrics;
mod monitor;
mod nnls;
pub mod params;
mod pivots;
pub mod scale;
pub mod seed;
pub mod selection;
pub mod simd;
pub mod state;
pub mod stopping;
mod subspace;

pub use budget::{Allocation, Balance, Budget, EmptyClasses};
pub use data::{Classes, Dataset, Matrix, Points, Scalar, Shape};
pub use dynamics::{Dynamics, TrainingLog};
pub use error::{BudgetError, Error, LogError, Result, StateError};
pub use guard::Guard;
pub use id::{ClassId, RowId};
pub use leanset_problem::Warning;
pub use methods::{Inputs, Reducer};
pub use monitor::{Look, Monitor, Quiet};
pub use seed::Seed;
pub use selection::{BudgetLimit, Prototypes, Ranking, Reduced, Reduction, Scope, Selection};
