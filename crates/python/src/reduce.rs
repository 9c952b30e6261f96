//! Choosing rows: `reduce`, `rank`, and rankings that are sliced later.

use leanset_core::methods::Support;
use leanset_core::params::Value;
use leanset_core::stopping::Stopping;
use leanset_core::{
    Budget, BudgetLimit, Classes, EmptyClasses, Inputs, Monitor, Ranking, Reduced, Reducer, Reduction, RowId, Scope,
    Seed, Warning,
};
use leanset_problem::{Face, Problem, Text};
use leanset_spec::{Balance, Guard, methods as registry, value as json};
use numpy::{IntoPyArray as _, PyArray1, PyArrayMethods as _, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

use crate::data::{Table, View};
use crate::error::{of_core, of_problem};
use crate::training::Dynamics;
use crate::work::{brief, run};

/// The document of the methods, as JSON.
#[pyfunction]
pub(crate) fn methods() -> String {
    registry::document(None).to_string()
}

/// The registered name of a method, from any of its names.
#[pyfunction]
pub(crate) fn find(py: Python<'_>, name: &str) -> PyResult<&'static str> {
    leanset_core::methods::find(name).map(|info| info.id).map_err(|error| of_core(py, &error))
}

/// What a method is with these parameters, which are checked: whether it chooses over all classes at once, ranks,
/// invents points, and the parameters as used, as JSON.
#[pyfunction]
pub(crate) fn examine(
    py: Python<'_>,
    method: &str,
    params: Vec<(String, Given)>,
) -> PyResult<(bool, bool, bool, String)> {
    let reducer = reducer(py, method, params, None)?;
    Ok((
        reducer.scope() == Scope::Global,
        reducer.ranks() == Support::Yes,
        reducer.generates_prototypes(),
        parameters(&reducer).to_string(),
    ))
}

/// The parameters as used, defaults included.
fn parameters(reducer: &Reducer) -> serde_json::Value {
    reducer
        .params()
        .iter()
        .map(|(name, value)| (name.to_owned(), json(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A parameter from Python: bool, int, float, str, or row ids.
pub(crate) struct Given(Value);

impl FromPyObject<'_, '_> for Given {
    type Error = PyErr;

    fn extract(any: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if any.is_instance_of::<PyBool>() {
            return any.extract().map(|v| Self(Value::Bool(v)));
        }
        if any.is_instance_of::<PyInt>() {
            return any.extract().map(|v| Self(Value::Int(v)));
        }
        if any.is_instance_of::<PyFloat>() {
            return any.extract().map(|v| Self(Value::Float(v)));
        }
        if any.is_instance_of::<PyString>() {
            return any.extract().map(|v| Self(Value::Text(v)));
        }
        let rows: Vec<u32> = any.extract().map_err(|_| {
            let kind = any.get_type().name().map_or_else(|_| "?".into(), |n| n.to_string());
            PyTypeError::new_err(format!("a parameter is a str, an int, a float or a list of row ids, not {kind}"))
        })?;
        Ok(Self(Value::Rows(rows.into_iter().map(RowId).collect())))
    }
}

/// How many rows: one of the three.
#[derive(FromPyObject)]
pub(crate) enum Asked {
    #[pyo3(transparent)]
    PerClass(Vec<usize>),
    #[pyo3(transparent)]
    Count(usize),
    #[pyo3(transparent)]
    Ratio(f64),
}

impl From<Asked> for Budget {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::PerClass(counts) => Self::PerClass(counts),
            Asked::Count(count) => Self::Count(count),
            Asked::Ratio(ratio) => Self::Ratio(ratio),
        }
    }
}

fn floor(allow_empty: bool) -> EmptyClasses {
    if allow_empty { EmptyClasses::Allow } else { EmptyClasses::Forbid }
}

/// The method with its parameters checked.
fn reducer(py: Python<'_>, method: &str, params: Vec<(String, Given)>, guard: Option<&str>) -> PyResult<Reducer> {
    let params: Vec<(String, Value)> = params.into_iter().map(|(name, value)| (name, value.0)).collect();
    let guard: Option<Guard> = guard.map(|guard| word(py, guard)).transpose()?;
    let guarded = |reducer: Reducer| match guard {
        Some(guard) => reducer.with_guard(guard.into()),
        None => Ok(reducer),
    };
    Reducer::new(method, &params).and_then(guarded).map_err(|error| of_core(py, &error))
}

/// A word of a setting.
fn word<T: std::str::FromStr<Err = Problem>>(py: Python<'_>, text: &str) -> PyResult<T> {
    text.parse().map_err(|problem: Problem| of_problem(py, &problem))
}

/// What is chosen, and in which order, where the method ranks. Methods that give weights choose in one go, and their
/// order is without scores.
fn choose(
    reducer: &Reducer,
    (data, target): (View<'_>, Option<View<'_>>),
    (dynamics, kept): (Option<&leanset_core::Dynamics>, Option<&[RowId]>),
    stopping: Option<Stopping>,
    (budget, floor): (&Budget, EmptyClasses),
    seed: Seed,
    monitor: &dyn Monitor,
) -> leanset_core::Result<(Reduction, Option<Ranking>, Classes)> {
    let data = data.dataset()?;
    let target = target.map(|t| t.dataset()).transpose()?;
    let inputs = Inputs { target: target.as_ref(), dynamics, kept };
    if let Some(rule) = stopping {
        let reduction = rule.reduce(reducer, &data, &inputs, (budget, floor), seed, monitor)?;
        return Ok((reduction, None, data.into_classes()));
    }
    if reducer.ranks() != Support::Yes || reducer.info().gives_weights() {
        let reduction = reducer.reduce_with(&data, &inputs, budget, floor, seed, monitor)?;
        let ranking = match (reducer.ranks(), reduction.reduced.rows()) {
            (Support::Yes, Some(chosen)) => {
                // Rows are in rank order; the score of each is the ranking's to say, of which this is the beginning.
                let order = |class| (chosen.class(class).to_vec(), vec![f64::NAN; chosen.class(class).len()]);
                Some(Ranking::per_class(data.classes().ids().map(order).collect(), data.classes())?)
            }
            _ => None,
        };
        return Ok((reduction, ranking, data.into_classes()));
    }
    let mut of_classes = vec![0; data.classes().len()];
    // Rows that there are not are refused below.
    let there = kept.unwrap_or_default().iter().filter(|row| row.index() < data.rows());
    there.for_each(|&row| of_classes[data.classes().of(row).index()] += 1);
    let (allocation, _) = budget.allocate_beside(&data.classes().sizes(), floor, &of_classes)?;
    if reducer.scope() == Scope::Global && allocation.is_fixed_per_class() {
        // Refused there, in the same words as ever.
        reducer.reduce_with(&data, &inputs, budget, floor, seed, monitor)?;
    }
    let ranking = reducer.rank_with(&data, &inputs, Some(&allocation), seed, monitor)?;
    // Dealt beside what is kept already, and raised with a warning if it was too small.
    let dealt = Budget::PerClass(allocation.per_class().to_vec());
    let mut reduction = match kept {
        Some(_) if reducer.scope() == Scope::PerClass => ranking.reduce(data.classes(), &dealt, floor)?,
        _ => ranking.reduce(data.classes(), budget, floor)?,
    };
    reduction.diagnostics.clone_from(&ranking.diagnostics);
    Ok((reduction, Some(ranking), data.into_classes()))
}

/// Row ids from Python; one that cannot be is beyond every table.
fn kept(rows: &PyReadonlyArray1<'_, i64>) -> PyResult<Vec<RowId>> {
    Ok(rows.as_slice()?.iter().map(|&row| RowId(u32::try_from(row).unwrap_or(u32::MAX))).collect())
}

/// Reduces: a dictionary with what was chosen.
#[pyfunction]
#[pyo3(signature = (table, method, params, budget, *, allow_empty, seed, n_jobs, target=None, dynamics=None,
    guard=None, balance="proportional", keep=None, stopping=None))]
#[allow(clippy::too_many_arguments)] // by name
pub(crate) fn reduce<'py>(
    py: Python<'py>,
    table: Table<'py>,
    method: &str,
    params: Vec<(String, Given)>,
    budget: Asked,
    allow_empty: bool,
    seed: u64,
    n_jobs: Option<i64>,
    target: Option<Table<'py>>,
    dynamics: Option<PyRef<'py, Dynamics>>,
    guard: Option<&str>,
    balance: &str,
    keep: Option<PyReadonlyArray1<'py, i64>>,
    stopping: Option<(Option<f64>, Option<f64>, String)>,
) -> PyResult<Bound<'py, PyDict>> {
    let keep = keep.as_ref().map(kept).transpose()?;
    let stopping = match stopping {
        Some((within, epsilon, metric)) => {
            let metric = metric.parse().map_err(|error| of_core(py, &error))?;
            leanset_spec::Stopping { within, epsilon }.resolve(metric).map_err(|problem| of_problem(py, &problem))?
        }
        None => None,
    };
    let reducer = reducer(py, method, params, guard)?;
    let balance: Balance = word(py, balance)?;
    let budget = Budget::from(budget).balanced(balance.into());
    let (floor, seed) = (floor(allow_empty), Seed(seed));
    let view = table.view()?;
    let target = target.as_ref().map(Table::view).transpose()?;
    let dynamics = dynamics.as_ref().map(|d| &d.0);
    let (reduction, ranking, classes) = run(py, n_jobs, |monitor| {
        choose(&reducer, (view, target), (dynamics, keep.as_deref()), stopping, (&budget, floor), seed, monitor)
    })?;
    let found = to_dict(py, &reduction, &classes)?;
    found.set_item("method", reducer.info().id)?;
    found.set_item("parameters", parameters(&reducer).to_string())?;
    found.set_item("ranking", ranking.map(|ranking| NativeRanking::of(ranking, &classes)))?;
    Ok(found)
}

/// A reduction as a dictionary.
fn to_dict<'py>(py: Python<'py>, reduction: &Reduction, classes: &Classes) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    let counts = match &reduction.reduced {
        Reduced::Rows(selection) => {
            found.set_item("rows", ids(py, selection.rows()))?;
            found.set_item("weights", selection.weights().map(|w| w.to_vec().into_pyarray(py)))?;
            found.set_item("points", py.None())?;
            selection.counts()
        }
        Reduced::Points(prototypes) => {
            let (rows, columns) = (prototypes.classes.len(), prototypes.columns);
            let points = prototypes.points.clone().into_pyarray(py).reshape([rows, columns])?;
            found.set_item("rows", py.None())?;
            found.set_item("weights", prototypes.weights.clone().into_pyarray(py))?;
            found.set_item("points", points)?;
            prototypes.counts(classes.len())
        }
    };
    found.set_item("counts", counts)?;
    let diagnostics: serde_json::Map<String, _> =
        reduction.diagnostics.iter().map(|(name, value)| ((*name).to_owned(), json(value))).collect();
    found.set_item("facts", serde_json::Value::Object(diagnostics).to_string())?;
    found.set_item("warnings", warnings(&reduction.warnings))?;
    Ok(found)
}

fn ids<'py>(py: Python<'py>, rows: &[RowId]) -> Bound<'py, PyArray1<i64>> {
    rows.iter().map(|r| i64::from(r.0)).collect::<Vec<_>>().into_pyarray(py)
}

/// Code, message, hint.
pub(crate) type WarningFields = (String, String, Option<String>);

/// Warnings, in the spelling of Python.
pub(crate) fn warnings(warnings: &[Warning]) -> Vec<WarningFields> {
    let own = |text: &Text| text.render(Face::Python);
    warnings.iter().map(|w| (w.code.to_string(), own(&w.message), w.hint.as_ref().map(own))).collect()
}

/// Ranks every row, or as many as `depth` says.
#[pyfunction]
#[pyo3(signature = (table, method, params, *, seed, n_jobs, target=None, dynamics=None, guard=None, keep=None))]
#[allow(clippy::too_many_arguments)] // by name
pub(crate) fn rank<'py>(
    py: Python<'py>,
    table: Table<'py>,
    method: &str,
    params: Vec<(String, Given)>,
    seed: u64,
    n_jobs: Option<i64>,
    target: Option<Table<'py>>,
    dynamics: Option<PyRef<'py, Dynamics>>,
    guard: Option<&str>,
    keep: Option<PyReadonlyArray1<'py, i64>>,
) -> PyResult<NativeRanking> {
    let keep = keep.as_ref().map(kept).transpose()?;
    let reducer = reducer(py, method, params, guard)?;
    let view = table.view()?;
    let target = target.as_ref().map(Table::view).transpose()?;
    let dynamics = dynamics.as_ref().map(|d| &d.0);
    run(py, n_jobs, |monitor| {
        let data = view.dataset()?;
        let target = target.map(|t| t.dataset()).transpose()?;
        let inputs = Inputs { target: target.as_ref(), dynamics, kept: keep.as_deref() };
        let ranking = reducer.rank_with(&data, &inputs, None, Seed(seed), monitor)?;
        Ok(NativeRanking::of(ranking, data.classes()))
    })
}

/// A ranking, and what is needed of the classes of its table to cut it: a few kept rows of a large table take little memory.
#[pyclass(frozen, module = "leanset._leanset")]
#[derive(Debug)]
pub(crate) struct NativeRanking {
    pub(crate) ranking: Ranking,
    /// The class code of each ranked row.
    codes: Vec<u32>,
    /// Rows of each class in the table.
    sizes: Vec<usize>,
    names: Vec<String>,
}

impl NativeRanking {
    fn of(ranking: Ranking, classes: &Classes) -> Self {
        let codes = ranking.rows().iter().map(|&row| classes.of(row).0).collect();
        let names = classes.ids().map(|class| classes.name(class).to_owned()).collect();
        Self { ranking, codes, sizes: classes.sizes(), names }
    }

    /// Classes of these sizes in which the ranked rows are what they are. Which class any other row has is not known, and no cut of
    /// the ranking depends on it.
    fn classes(&self) -> leanset_core::Result<Classes> {
        let rows: usize = self.sizes.iter().sum();
        let mut left = self.sizes.clone();
        let mut codes = vec![u32::MAX; rows];
        for (row, &code) in self.ranking.rows().iter().zip(&self.codes) {
            codes[row.index()] = code;
            left[code as usize] = left[code as usize].saturating_sub(1);
        }
        let mut others = left.iter().enumerate().flat_map(|(code, &count)| std::iter::repeat_n(code, count));
        for code in codes.iter_mut().filter(|code| **code == u32::MAX) {
            *code = others.next().and_then(|code| u32::try_from(code).ok()).unwrap_or(0);
        }
        Ok(Classes::new(&codes, self.sizes.len())?.with_names(&self.names))
    }
}

/// A limit as Python keeps it: code, message, hint, after.
type LimitFields = (String, String, String, Vec<Option<usize>>);
/// What a ranking is pickled as: scope, rows, scores, codes of these rows, sizes and names of classes, warnings, limits.
type State<'py> = (
    bool,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<u32>>,
    Vec<usize>,
    Vec<String>,
    Vec<WarningFields>,
    Vec<LimitFields>,
);

#[pymethods]
impl NativeRanking {
    /// From what `__reduce__` gives.
    #[new]
    #[allow(clippy::too_many_arguments)] // by name
    fn new(
        py: Python<'_>,
        global: bool,
        rows: PyReadonlyArray1<'_, i64>,
        scores: PyReadonlyArray1<'_, f64>,
        codes: PyReadonlyArray1<'_, u32>,
        sizes: Vec<usize>,
        names: Vec<String>,
        warnings: Vec<WarningFields>,
        limits: Vec<LimitFields>,
    ) -> PyResult<Self> {
        let rows: Option<Vec<RowId>> = rows.as_slice()?.iter().map(|&row| u32::try_from(row).ok().map(RowId)).collect();
        let rows = rows.ok_or_else(|| PyValueError::new_err("a row id is negative or too large"))?;
        let (codes, scores) = (codes.as_slice()?, scores.as_slice()?);
        let count: usize = sizes.iter().sum();
        if rows.len() != codes.len()
            || codes.iter().any(|&code| code as usize >= sizes.len())
            || sizes.len() != names.len()
        {
            return Err(PyValueError::new_err("a ranking has one class code per row, and each is one of its classes"));
        }
        if rows.iter().any(|row| row.index() >= count) {
            return Err(PyValueError::new_err(format!("a ranking of {count} rows names a row beyond them")));
        }
        brief(py, || {
            let mut of_row = vec![0; count];
            rows.iter().zip(codes).for_each(|(row, &code)| of_row[row.index()] = code);
            let classes = Classes::new(&of_row, names.len())?.with_names(&names);
            let mut ranking = if global {
                Ranking::global(rows, scores.to_vec(), &classes)?
            } else {
                let mut orders = vec![(Vec::new(), Vec::new()); classes.len()];
                for ((row, &score), &code) in rows.into_iter().zip(scores).zip(codes) {
                    orders[code as usize].0.push(row);
                    orders[code as usize].1.push(score);
                }
                Ranking::per_class(orders, &classes)?
            };
            ranking.warnings = warnings
                .into_iter()
                .map(|(code, message, hint)| Warning {
                    code: code.into(),
                    message: message.into(),
                    hint: hint.map(Text::from),
                })
                .collect();
            ranking.budget_limits = limits
                .into_iter()
                .map(|(code, message, hint, after)| BudgetLimit {
                    code: code.into(),
                    message: message.into(),
                    hint: hint.into(),
                    after,
                })
                .collect();
            Ok(Self { ranking, codes: codes.to_vec(), sizes, names })
        })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, State<'py>)> {
        let (py, own) = (slf.py(), slf.get());
        let limit =
            |l: &BudgetLimit| (l.code.to_string(), l.message.to_string(), l.hint.render(Face::Python), l.after.clone());
        let state = (
            own.is_global(),
            own.rows(py),
            own.scores(py),
            own.codes(py),
            own.sizes.clone(),
            own.names.clone(),
            own.warnings(),
            own.ranking.budget_limits.iter().map(limit).collect(),
        );
        Ok((slf.get_type().into_any(), state))
    }

    /// Whether there is one order over all rows rather than one a class.
    #[getter]
    fn is_global(&self) -> bool {
        self.ranking.scope() == Scope::Global
    }

    /// Row ids, best first, class after class.
    #[getter]
    fn rows<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        ids(py, self.ranking.rows())
    }

    /// The score of each of the rows; NaN where there is none.
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.ranking.scores().to_vec().into_pyarray(py)
    }

    /// The rank of each of the rows within its class, or over all.
    #[getter]
    fn ranks<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.ranking.ranks().map(|r| i64::try_from(r).unwrap_or(i64::MAX)).collect::<Vec<_>>().into_pyarray(py)
    }

    /// The class code of each of the rows.
    #[getter]
    fn codes<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        self.codes.clone().into_pyarray(py)
    }

    /// Warnings of the ranking itself.
    #[getter]
    fn warnings(&self) -> Vec<WarningFields> {
        warnings(&self.ranking.warnings)
    }

    /// What the method resolved or measured, as JSON.
    #[getter]
    fn facts(&self) -> String {
        let diagnostics: serde_json::Map<String, _> =
            self.ranking.diagnostics.iter().map(|(name, value)| ((*name).to_owned(), json(value))).collect();
        serde_json::Value::Object(diagnostics).to_string()
    }

    /// The first rows of it, as many as the budget says.
    #[pyo3(signature = (budget, allow_empty, balance="proportional"))]
    fn reduce<'py>(
        &self,
        py: Python<'py>,
        budget: Asked,
        allow_empty: bool,
        balance: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let balance: Balance = word(py, balance)?;
        let budget = Budget::from(budget).balanced(balance.into());
        let (reduction, classes) = brief(py, || {
            let classes = self.classes()?;
            Ok((self.ranking.reduce(&classes, &budget, floor(allow_empty))?, classes))
        })?;
        to_dict(py, &reduction, &classes)
    }
}
