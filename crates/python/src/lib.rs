//! The crates, seen from Python: the only crate that knows PyO3. The package (`python/leanset`) is thin over it.
//!
//! Three helpers stand at the boundary. `work::run` releases the interpreter while Rust works, hears of Ctrl-C, gives
//! the work its threads, and turns a panic into an exception. `data` borrows arrays without a copy. `error` words
//! exceptions as Python users expect them.

// What is extracted from Python is owned by the function that it is extracted for.
#![allow(clippy::needless_pass_by_value)]

mod choose;
mod data;
mod duplicates;
mod energy;
mod error;
#[cfg(feature = "files")]
mod files;
mod manifest;
mod measure;
mod reduce;
mod scale;
mod statistics;
mod training;
mod work;

/// The extension module.
#[pyo3::pymodule(gil_used = false)]
pub mod _leanset {
    #[pymodule_export]
    use crate::choose::{candidates, choose};
    #[pymodule_export]
    use crate::duplicates::duplicates;
    #[pymodule_export]
    use crate::energy::Meter;
    #[cfg(feature = "files")]
    #[pymodule_export]
    use crate::files::{check_images, describe_images, rank_file, reduce_file, reduce_images};
    #[pymodule_export]
    use crate::manifest::{manifest_schema, manifest_text};
    #[pymodule_export]
    use crate::measure::{bottleneck_distance, diagrams, epsilon_between, epsilon_curve, epsilon_of_rows};
    #[pymodule_export]
    use crate::reduce::{NativeRanking, examine, find, methods, rank, reduce};
    #[pymodule_export]
    use crate::scale::{scale_columns, scale_rows};
    #[pymodule_export]
    use crate::statistics::{median, paired};
    #[pymodule_export]
    use crate::training::{Dynamics, NativeLog, softmax, warm_up};
    #[pymodule_export]
    use crate::work::{fault_on_purpose, threads};

    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
