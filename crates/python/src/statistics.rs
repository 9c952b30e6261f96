//! The statistics of comparisons: those of experiments, so that Python has the same intervals and verdicts.

use leanset_statistics::Median;
use pyo3::prelude::*;

/// The value, the ends of its interval, their coverage, and how many values.
type Interval = (f64, f64, f64, f64, usize);

fn interval(median: Median) -> Interval {
    (median.value, median.low, median.high, median.coverage, median.n)
}

/// The median of some values with its interval; None of no values. NaN is left out.
#[pyfunction]
pub(crate) fn median(values: Vec<f64>) -> Option<Interval> {
    leanset_statistics::median(values).map(interval)
}

/// The median of paired differences with its interval, the exact p-value of Wilcoxon's signed-rank test, and the verdict; None
/// of no differences.
#[pyfunction]
pub(crate) fn paired(differences: Vec<f64>) -> Option<(Interval, f64, String)> {
    leanset_statistics::paired(&differences)
        .map(|found| (interval(found.difference), found.p, found.verdict.to_string()))
}
