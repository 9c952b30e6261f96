//! ε and shapes.

use leanset_core::distance::Metric;
use leanset_core::homology::{self, Bar, Diagram};
use leanset_core::metrics::{self, Epsilon};
use leanset_core::{Allocation, Budget, Classes, EmptyClasses, Reduced, RowId, Selection, with_points};
use numpy::{IntoPyArray as _, PyArray2, PyArrayMethods as _, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::data::{Table, X};
use crate::error::of_core;
use crate::reduce::NativeRanking;
use crate::work::run;

fn metric_of(py: Python<'_>, name: &str) -> PyResult<Metric> {
    name.parse().map_err(|error: leanset_core::Error| of_core(py, &error))
}

/// ε as a dictionary: value, worst row, worst class code, and of each class rows, kept, value, worst row.
fn to_dict<'py>(py: Python<'py>, epsilon: &Epsilon) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    found.set_item("metric", epsilon.metric.name())?;
    found.set_item("value", epsilon.value)?;
    found.set_item("worst_row", epsilon.worst.map(|w| w.row.0))?;
    found.set_item("worst_class", epsilon.worst.map(|w| w.class.0))?;
    let classes: Vec<_> =
        epsilon.per_class.iter().map(|c| (c.rows, c.kept, c.value, c.worst.map(|row| row.0))).collect();
    found.set_item("classes", classes)?;
    Ok(found)
}

/// Rows as a selection, each once and in its class.
fn selection(rows: &[i64], classes: &Classes) -> leanset_core::Result<Selection> {
    let n: usize = classes.sizes().iter().sum();
    let mut per_class = vec![Vec::new(); classes.len()];
    for &row in rows {
        let Some(id) = u32::try_from(row).ok().filter(|&r| (r as usize) < n).map(RowId) else {
            return Err(leanset_core::Error::BadRanking(format!(
                "row {row} is not one of 0 to {}",
                n.saturating_sub(1)
            )));
        };
        per_class[classes.of(id).index()].push(id);
    }
    Selection::new(&per_class, None, classes)
}

/// ε of some rows of a table.
#[pyfunction]
pub(crate) fn epsilon_of_rows<'py>(
    py: Python<'py>,
    table: Table<'py>,
    rows: PyReadonlyArray1<'py, i64>,
    metric: &str,
    n_jobs: Option<i64>,
) -> PyResult<Bound<'py, PyDict>> {
    let (view, rows, metric) = (table.view()?, rows.as_slice()?, metric_of(py, metric)?);
    let epsilon = run(py, n_jobs, |monitor| {
        let data = view.dataset()?;
        let kept = Reduced::Rows(selection(rows, data.classes())?);
        metrics::epsilon(&data, &kept, metric, monitor)
    })?;
    to_dict(py, &epsilon)
}

/// ε of any other labelled points.
#[pyfunction]
pub(crate) fn epsilon_between<'py>(
    py: Python<'py>,
    table: Table<'py>,
    reduced: Table<'py>,
    metric: &str,
    n_jobs: Option<i64>,
) -> PyResult<Bound<'py, PyDict>> {
    let (full, reduced, metric) = (table.view()?, reduced.view()?, metric_of(py, metric)?);
    let epsilon =
        run(py, n_jobs, |monitor| metrics::epsilon_between(&full.dataset()?, &reduced.dataset()?, metric, monitor))?;
    to_dict(py, &epsilon)
}

/// One cut of a curve: ratio, rows kept, ε.
type Cut<'py> = (f64, usize, Bound<'py, PyDict>);

/// ε of prefixes of a ranking, in one search. Cuts that the ranking does not reach are left out if `as_far` says so.
#[pyfunction]
pub(crate) fn epsilon_curve<'py>(
    py: Python<'py>,
    table: Table<'py>,
    ranking: PyRef<'py, NativeRanking>,
    ratios: Vec<f64>,
    as_far: bool,
    metric: &str,
    n_jobs: Option<i64>,
) -> PyResult<Vec<Cut<'py>>> {
    let (view, metric, ranking) = (table.view()?, metric_of(py, metric)?, &ranking.ranking);
    let (cuts, curve) = run(py, n_jobs, |monitor| {
        let data = view.dataset()?;
        let sizes = data.classes().sizes();
        let mut cuts: Vec<(f64, Allocation)> = Vec::new();
        for ratio in ratios {
            let allocation = Budget::Ratio(ratio).allocate(&sizes, EmptyClasses::Forbid)?.0;
            if !as_far || ranking.check_depth(&allocation).is_ok() {
                cuts.push((ratio, allocation));
            }
        }
        let (ratios, allocations): (Vec<f64>, Vec<Allocation>) = cuts.into_iter().unzip();
        let curve = metrics::epsilon_curve(&data, ranking, &allocations, metric, monitor)?;
        let kept: Vec<usize> = allocations.iter().map(Allocation::total).collect();
        Ok((ratios.into_iter().zip(kept).collect::<Vec<_>>(), curve))
    })?;
    cuts.into_iter().zip(&curve).map(|((ratio, kept), epsilon)| Ok((ratio, kept, to_dict(py, epsilon)?))).collect()
}

/// Persistence diagrams of points, one array of (birth, death) a dimension.
#[pyfunction]
pub(crate) fn diagrams<'py>(
    py: Python<'py>,
    x: X<'py>,
    metric: &str,
    dimension: usize,
    n_jobs: Option<i64>,
) -> PyResult<Vec<Bound<'py, PyArray2<f64>>>> {
    if dimension > homology::HIGHEST {
        let most = homology::HIGHEST;
        return Err(PyValueError::new_err(format!("dimension must be 0 to {most}, not {dimension}")));
    }
    let (points, metric) = (x.points()?, metric_of(py, metric)?);
    let found = run(py, n_jobs, |monitor| {
        let data = leanset_core::Dataset::new(points, Classes::one(points.rows())?)?;
        let rows: Vec<RowId> = (0..data.rows()).map(RowId::at).collect();
        with_points!(data.points(), |m| homology::diagrams(m, &rows, metric, dimension, monitor))
    })?;
    found
        .iter()
        .map(|diagram| {
            let values: Vec<f64> = diagram.bars().iter().flat_map(|bar| [bar.birth, bar.death]).collect();
            values.into_pyarray(py).reshape([diagram.bars().len(), 2])
        })
        .collect()
}

/// The bottleneck distance of two diagrams.
#[pyfunction]
pub(crate) fn bottleneck_distance<'py>(
    py: Python<'py>,
    a: PyReadonlyArray2<'py, f64>,
    b: PyReadonlyArray2<'py, f64>,
) -> PyResult<f64> {
    let bars = |array: &PyReadonlyArray2<'py, f64>, name: &str| -> PyResult<Diagram> {
        let bars: Vec<Bar> =
            array.as_slice()?.chunks_exact(2).map(|bar| Bar { birth: bar[0], death: bar[1] }).collect();
        match bars.iter().position(|bar| !bar.birth.is_finite() || bar.death.is_nan() || bar.death < bar.birth) {
            None => Ok(Diagram::new(0, bars)),
            Some(at) => Err(PyValueError::new_err(format!(
                "{name}[{at}] must be a finite birth and a death not before it, not ({}, {})",
                bars[at].birth, bars[at].death
            ))),
        }
    };
    let (a, b) = (bars(&a, "a")?, bars(&b, "b")?);
    run(py, Some(1), |_| Ok(homology::bottleneck(&a, &b)))
}
