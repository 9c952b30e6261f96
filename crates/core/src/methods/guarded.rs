//! A method behind the guard: it sees the rows that their neighbours do not contradict first, and the contradicted rows in
//! a run of their own. See [`crate::guard`].

use std::collections::HashMap;

use leanset_problem::{Warning, setting, text};

use super::method::{Inputs, Method, Run};
use super::{Info, Support};
use crate::dynamics::Dynamics;
use crate::error::first_few;
use crate::guard::{EXACT_ROWS, Guard, NEIGHBORS, SAMPLE_ROWS, Votes, votes, votes_memory};
use crate::monitor::Pace;
use crate::params::Value;
use crate::selection::Diagnostics;
use crate::{
    Allocation, Budget, BudgetLimit, ClassId, Classes, Dataset, EmptyClasses, Error, Look, Matrix, Points, Ranking,
    Reduced, Reduction, Result, RowId, Scalar, Scope, Selection, Shape,
};

/// Bytes beyond those of the method: the votes, then copies of both parts of the table beside it.
pub(crate) fn memory(shape: &Shape, method: u64) -> u64 {
    let copies = (shape.rows * (shape.columns * shape.scalar_bytes + 24)) as u64;
    votes_memory(shape).max(method + copies)
}

/// What is ranked in one order, a class or the whole table: its rows, and how many of them are contradicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    rows: usize,
    contradicted: usize,
    /// Rows that are kept already, which come before all contradicted ones.
    kept: usize,
}

impl Segment {
    /// How many of the first `m` rows are contradicted.
    fn of_first(self, m: usize, guard: Guard) -> usize {
        let (n, b) = (self.rows, self.contradicted);
        // When the others are used up, they follow.
        let least = m.saturating_sub(n - b);
        if guard == Guard::On || 5 * m <= n {
            return least;
        }
        let (wide_b, wide_m, wide_n) = (b as u128, m as u128, n as u128);
        let ramp = wide_b * (5 * wide_m - wide_n) / (3 * wide_n);
        let share = wide_b * wide_m / wide_n;
        let count = ramp.min(share) as usize;
        count.min((5 * m - n) / 5).min(m.saturating_sub(self.kept)).clamp(least, b)
    }

    /// Both orders in one: the others, and the contradicted as they come.
    fn merge<T>(self, others: Vec<T>, contradicted: Vec<T>, guard: Guard) -> Vec<T> {
        let (mut others, mut contradicted) = (others.into_iter(), contradicted.into_iter());
        let mut merged = Vec::with_capacity(others.len() + contradicted.len());
        let mut taken = 0;
        loop {
            let is_due = self.of_first((merged.len() + 1).min(self.rows), guard) > taken;
            let next = if is_due { contradicted.next().inspect(|_| taken += 1) } else { None };
            let next = next.or_else(|| others.next());
            let Some(item) = next.or_else(|| contradicted.next()) else { return merged };
            merged.push(item);
        }
    }
}

/// A table of which some rows are contradicted.
struct Split {
    guard: Guard,
    votes: Vec<Votes>,
    /// By row.
    contradicted: Vec<bool>,
    /// By class.
    counts: Vec<usize>,
    scope: Scope,
    segments: Vec<Segment>,
    supports_target: bool,
    warnings: Vec<Warning>,
}

impl Split {
    fn new(run: &Run<'_>, info: &Info, guard: Guard, scope: Scope) -> Result<Self> {
        let (data, classes) = (run.data, run.data.classes());
        let mut warnings = Vec::new();
        let sample = (guard == Guard::Auto && data.rows() > EXACT_ROWS).then(|| {
            let mut rows: Vec<RowId> = (0..data.rows()).map(RowId::at).collect();
            rows.select_nth_unstable_by_key(SAMPLE_ROWS, |&row| run.seed.key(row));
            rows.truncate(SAMPLE_ROWS);
            rows.sort_unstable();
            rows
        });
        if sample.is_some() {
            let message = format!(
                "the guard looked for neighbours among {SAMPLE_ROWS} of {} rows, drawn by the seed",
                data.rows()
            );
            let hint = text![setting::GUARD.to("on"), " looks among all rows, which can take long"];
            warnings.push(Warning::new("guard-sampled", message).hint(hint));
        }
        let votes = votes(data, run.monitor, NEIGHBORS, sample.as_deref())?;
        let mut contradicted: Vec<bool> = votes.iter().map(|votes| votes.contradict()).collect();
        // What is kept already is kept, whatever its neighbours say.
        let kept = run.inputs.kept.unwrap_or_default();
        kept.iter().for_each(|row| contradicted[row.index()] = false);
        let kept_of = classes.counts_of(kept);
        let mut counts = Vec::with_capacity(classes.len());
        let mut left: Vec<String> = Vec::new();
        for class in classes.ids() {
            let rows = classes.rows(class);
            let count = rows.iter().filter(|row| contradicted[row.index()]).count();
            // Less than 30 % uncontradicted: the class lies in another, and its neighbours say nothing of its labels.
            if 10 * (rows.len() - count) < 3 * rows.len() {
                rows.iter().for_each(|row| contradicted[row.index()] = false);
                left.push(format!("{} ({count} of {} rows)", classes.name(class), rows.len()));
                counts.push(0);
            } else {
                counts.push(count);
            }
        }
        if !left.is_empty() {
            let message = format!("the guard is off where most rows are contradicted: class {}", first_few(&left));
            warnings.push(Warning::new("guard-off", message));
        }
        let segments = match scope {
            Scope::PerClass => {
                let of = |((rows, &contradicted), kept)| Segment { rows, contradicted, kept };
                classes.sizes().into_iter().zip(&counts).zip(kept_of).map(of).collect()
            }
            Scope::Global => vec![Segment { rows: data.rows(), contradicted: counts.iter().sum(), kept: kept.len() }],
        };
        let supports_target = info.supports_target();
        Ok(Self { guard, votes, contradicted, counts, scope, segments, supports_target, warnings })
    }

    /// How many rows of each segment are kept, those that are contradicted among them.
    fn wanted(&self, depth: Option<&Allocation>) -> Vec<(usize, usize)> {
        let asked: Vec<usize> = match (depth, self.scope) {
            (None, _) => self.segments.iter().map(|segment| segment.rows).collect(),
            (Some(depth), Scope::PerClass) => depth.per_class().to_vec(),
            (Some(depth), Scope::Global) => vec![depth.total()],
        };
        let of = |(segment, m): (&Segment, usize)| (m, segment.of_first(m, self.guard));
        self.segments.iter().zip(asked).map(of).collect()
    }

    /// The rows that are contradicted, or those that are not.
    fn part<'a>(&self, run: &Run<'a>, contradicted: bool) -> Result<Part> {
        let rows = (0..run.data.rows()).filter(|&row| self.contradicted[row] == contradicted).map(RowId::at);
        Part::new(run, rows.collect())
    }

    /// What both parts represent, of methods that can represent another table: still the whole class.
    fn represented<'a>(&self, run: &'a Run<'a>) -> Option<&'a Dataset<'a>> {
        run.inputs.target.or(self.supports_target.then_some(run.data))
    }

    /// What is said of the guard beside the result.
    fn report(&self, diagnostics: &mut Diagnostics) {
        diagnostics.insert("guard", Value::Text(self.guard.to_string()));
        diagnostics.insert("contradicted_rows", Value::Floats(self.counts.iter().map(|&c| c as f64).collect()));
    }

    /// Rows of a part by their votes, the least contradicted first: where the method cannot order them.
    fn by_votes(&self, part: &Part) -> Vec<Vec<RowId>> {
        let mut rows = part.rows.clone();
        rows.sort_by_key(|row| {
            let votes = self.votes[row.index()];
            (i64::from(votes.other) - i64::from(votes.own), *row)
        });
        match self.scope {
            Scope::Global => vec![rows],
            Scope::PerClass => {
                let mut orders = vec![Vec::new(); self.segments.len()];
                rows.into_iter().for_each(|row| orders[part.of(row).index()].push(row));
                orders
            }
        }
    }
}

/// Some rows of a table, as a table.
struct Part {
    /// Their ids in the whole, ascending.
    rows: Vec<RowId>,
    values: Values,
    classes: Classes,
    dynamics: Option<Dynamics>,
}

enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// The values of some rows.
fn gather<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId], run: &Run<'_>) -> Result<Vec<T>> {
    let look: Look<'_> = &|| run.step(0);
    let mut pace = Pace::new(look);
    let mut values = Vec::with_capacity(rows.len() * points.columns());
    for &row in rows {
        pace.work(points.columns())?;
        values.extend_from_slice(points.row(row));
    }
    Ok(values)
}

impl Part {
    fn new(run: &Run<'_>, rows: Vec<RowId>) -> Result<Self> {
        let whole = run.data.classes();
        let codes: Vec<u32> = rows.iter().map(|&row| whole.of(row).0).collect();
        let names: Vec<String> = whole.ids().map(|class| whole.name(class).to_owned()).collect();
        let values = match run.data.points() {
            Points::F32(m) => Values::F32(gather(m, &rows, run)?),
            Points::F64(m) => Values::F64(gather(m, &rows, run)?),
        };
        let classes = Classes::new(&codes, whole.len())?.with_names(&names);
        let dynamics = run.inputs.dynamics.map(|dynamics| dynamics.of_rows(&rows)).transpose()?;
        Ok(Self { rows, values, classes, dynamics })
    }

    /// The class of a row of the whole.
    fn of(&self, row: RowId) -> ClassId {
        let at = self.rows.binary_search(&row).expect("the row is of this part");
        self.classes.of(RowId::at(at))
    }

    /// Runs on these rows; what is found, and an error about a row, is of this part.
    fn run<R>(
        &self,
        whole: &Run<'_>,
        target: Option<&Dataset<'_>>,
        body: impl FnOnce(&Run<'_>) -> Result<R>,
    ) -> Result<R> {
        let (rows, columns) = (self.rows.len(), whole.data.columns());
        let data = match &self.values {
            Values::F32(values) => Dataset::new(Matrix::new(values, rows, columns)?, self.classes.clone()),
            Values::F64(values) => Dataset::new(Matrix::new(values, rows, columns)?, self.classes.clone()),
        };
        let here = |row: &RowId| self.rows.binary_search(row).ok().map(RowId::at);
        let kept: Option<Vec<RowId>> = whole.inputs.kept.map(|kept| kept.iter().filter_map(here).collect());
        let inputs = Inputs { target, dynamics: self.dynamics.as_ref(), kept: kept.as_deref() };
        body(&Run { data: &data?, inputs, seed: whole.seed, monitor: whole.monitor }).map_err(|error| match error {
            Error::Row { method, row, what, hint } => Error::Row { method, row: self.rows[row.index()], what, hint },
            other => other,
        })
    }

    fn whole_rows(&self, rows: &[RowId]) -> Vec<RowId> {
        rows.iter().map(|row| self.rows[row.index()]).collect()
    }

    /// So many rows of each class, or in all.
    fn allocation(&self, counts: &[usize], scope: Scope) -> Result<Allocation> {
        let budget = match scope {
            Scope::PerClass => Budget::PerClass(counts.to_vec()),
            Scope::Global => Budget::Count(counts.iter().sum()),
        };
        Ok(budget.allocate(&self.classes.sizes(), EmptyClasses::Allow)?.0)
    }

    /// Whether the method can work on these rows alone.
    fn suits(&self, method: &dyn Method, total: usize) -> bool {
        self.classes.populated() >= method.least_classes() && total >= method.smallest_total(&self.classes)
    }
}

/// The orders of one part: rows of the whole and scores, a list for each segment.
type Orders = Vec<(Vec<RowId>, Vec<f64>)>;

fn ranked(
    method: &dyn Method,
    run: &Run<'_>,
    target: Option<&Dataset<'_>>,
    part: &Part,
    counts: &[usize],
) -> Result<(Ranking, Orders)> {
    let allocation = part.allocation(counts, method.scope())?;
    let ranking = part.run(run, target, |run| method.rank(run, Some(&allocation)))?;
    let mut orders = Vec::with_capacity(counts.len());
    let mut scores = ranking.scores();
    for (rows, &count) in ranking.segments().zip(counts) {
        let (own, rest) = scores.split_at(rows.len());
        scores = rest;
        orders.push((part.whole_rows(&rows[..count]), own[..count].to_vec()));
    }
    Ok((ranking, orders))
}

/// [`Method::rank`] with the guard.
///
/// # Errors
/// Those of the method on the uncontradicted rows.
pub(crate) fn rank(
    method: &dyn Method,
    info: &Info,
    run: &Run<'_>,
    depth: Option<&Allocation>,
    guard: Guard,
) -> Result<Ranking> {
    let split = Split::new(run, info, guard, method.scope())?;
    rank_split(method, run, &split, depth)
}

fn rank_split(method: &dyn Method, run: &Run<'_>, split: &Split, depth: Option<&Allocation>) -> Result<Ranking> {
    let classes = run.data.classes();
    if split.counts.iter().all(|&count| count == 0) {
        let mut ranking = method.rank(run, depth)?;
        split.report(&mut ranking.diagnostics);
        ranking.warnings.splice(0..0, split.warnings.iter().cloned());
        return Ok(ranking);
    }
    let wanted = split.wanted(depth);
    let counts: Vec<usize> = wanted.iter().map(|(m, c)| m - c).collect();
    let (first, others) = ranked(method, run, split.represented(run), &split.part(run, false)?, &counts)?;
    let warnings = [split.warnings.clone(), first.warnings].concat();
    let counts: Vec<usize> = wanted.iter().map(|(_, c)| *c).collect();
    let mut contradicted: Orders = vec![Default::default(); wanted.len()];
    if counts.iter().any(|&count| count > 0) {
        let part = split.part(run, true)?;
        let found = if part.suits(method, counts.iter().sum()) {
            ranked(method, run, split.represented(run), &part, &counts)
        } else {
            Err(Error::NoRows)
        };
        contradicted = match found {
            // What it says of these rows is not so of the cuts without them.
            Ok((_, orders)) => orders,
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            // The method cannot work on these few rows: their votes decide.
            Err(_) => {
                let cut = |(rows, &count): (Vec<RowId>, &usize)| (rows[..count].to_vec(), vec![0.0; count]);
                split.by_votes(&part).into_iter().zip(&counts).map(cut).collect()
            }
        };
        // Rows that the method takes without a score come first in a ranking, and these do not: they have 0.
        for (_, scores) in &mut contradicted {
            scores.iter_mut().filter(|score| score.is_nan()).for_each(|score| *score = 0.0);
        }
    }
    let merged = split.segments.iter().zip(others.into_iter().zip(contradicted)).map(|(segment, (others, second))| {
        let pairs = |(rows, scores): (Vec<RowId>, Vec<f64>)| rows.into_iter().zip(scores).collect::<Vec<_>>();
        segment.merge(pairs(others), pairs(second), split.guard).into_iter().unzip()
    });
    let mut merged: Orders = merged.collect();
    let mut ranking = match split.scope {
        Scope::PerClass => Ranking::per_class(merged, classes)?,
        Scope::Global => {
            let (rows, scores) = merged.pop().unwrap_or_default();
            Ranking::global(rows, scores, classes)?
        }
    };
    ranking.diagnostics = first.diagnostics;
    split.report(&mut ranking.diagnostics);
    ranking.warnings = warnings;
    ranking.budget_limits = first.budget_limits.into_iter().map(|limit| shifted(limit, split)).collect();
    Ok(ranking)
}

/// A limit on uncontradicted rows, as one on all kept rows.
fn shifted(limit: BudgetLimit, split: &Split) -> BudgetLimit {
    let of = |(after, segment): (Option<usize>, &Segment)| {
        let last = |after: usize| (after..=segment.rows).rfind(|&m| m - segment.of_first(m, split.guard) <= after);
        after.and_then(last).filter(|&m| m < segment.rows)
    };
    match split.scope {
        Scope::PerClass => {
            let after = limit.after.iter().copied().zip(&split.segments).map(of).collect();
            BudgetLimit { after, ..limit }
        }
        Scope::Global => limit,
    }
}

/// [`Method::reduce`] with the guard, of a method that keeps rows.
///
/// # Errors
/// Those of the method on the uncontradicted rows.
pub(crate) fn reduce(
    method: &dyn Method,
    info: &Info,
    run: &Run<'_>,
    allocation: &Allocation,
    guard: Guard,
) -> Result<Reduction> {
    let classes = run.data.classes();
    let split = Split::new(run, info, guard, method.scope())?;
    let gives_weights = info.gives_weights();
    let ranks = method.ranks() == Support::Yes;
    if split.counts.iter().all(|&count| count == 0) {
        let mut reduction = method.reduce(run, allocation)?;
        split.report(&mut reduction.diagnostics);
        reduction.warnings.splice(0..0, split.warnings);
        return Ok(reduction);
    }
    let ranked = if ranks {
        let ranking = rank_split(method, run, &split, Some(allocation))?;
        let selection = ranking.select(allocation, classes)?;
        let warnings = ranking.warnings_at(&selection.counts(), classes);
        let reduction = Reduction { reduced: Reduced::Rows(selection), diagnostics: ranking.diagnostics, warnings };
        if !gives_weights {
            return Ok(reduction);
        }
        Some(reduction)
    } else {
        None
    };
    let mut wanted = split.wanted(Some(allocation));
    let others = split.part(run, false)?;
    let sizes: Vec<usize> = split.segments.iter().map(|segment| segment.rows - segment.contradicted).collect();
    if !ranks && !others.suits(method, wanted.iter().map(|(m, c)| m - c).sum()) {
        // It needs more rows to begin with.
        wanted.iter_mut().zip(&sizes).for_each(|((m, c), &size)| *c = m.saturating_sub(size));
    }
    let counts: Vec<usize> = wanted.iter().map(|(m, c)| m - c).collect();
    let first = reduced(method, run, split.represented(run), &others, &counts)?;
    let counts: Vec<usize> = wanted.iter().map(|(_, c)| *c).collect();
    let mut parts = vec![(others.rows.len(), first.1)];
    let mut warnings = [split.warnings.clone(), first.0.warnings].concat();
    if counts.iter().any(|&count| count > 0) {
        let part = split.part(run, true)?;
        let found = if part.suits(method, counts.iter().sum()) {
            reduced(method, run, split.represented(run), &part, &counts)
        } else {
            Err(Error::NoRows)
        };
        let rows = match found {
            Ok((second, rows)) => {
                warnings.extend(second.warnings.into_iter().filter(|w| !warnings.contains(w)).collect::<Vec<_>>());
                rows
            }
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(_) => {
                let orders = split.by_votes(&part).into_iter().zip(&counts);
                orders.flat_map(|(rows, &count)| rows[..count].to_vec()).map(|row| (row, 1.0)).collect()
            }
        };
        parts.push((part.rows.len(), rows));
    }
    let weights: HashMap<RowId, f64> = weigh(&parts);
    if let Some(Reduction { reduced: Reduced::Rows(selection), diagnostics, warnings }) = ranked {
        let of = |class| selection.class(class).iter().map(|row| weights[row]).collect();
        let weights: Vec<Vec<f64>> = classes.ids().map(of).collect();
        let rows: Vec<Vec<RowId>> = classes.ids().map(|class| selection.class(class).to_vec()).collect();
        let reduced = Reduced::Rows(Selection::new(&rows, Some(&weights), classes)?);
        return Ok(Reduction { reduced, diagnostics, warnings });
    }
    let mut rows = vec![Vec::new(); classes.len()];
    parts.iter().flat_map(|part| &part.1).for_each(|&(row, _)| rows[classes.of(row).index()].push(row));
    let of = |rows: &Vec<RowId>| rows.iter().map(|row| weights[row]).collect();
    let weights: Vec<Vec<f64>> = rows.iter().map(of).collect();
    let selection = Selection::new(&rows, gives_weights.then_some(&weights[..]), classes)?;
    let mut diagnostics = first.0.diagnostics;
    split.report(&mut diagnostics);
    Ok(Reduction { reduced: Reduced::Rows(selection), diagnostics, warnings })
}

/// Rows of the whole with their weights.
type Weighted = Vec<(RowId, f64)>;

fn reduced(
    method: &dyn Method,
    run: &Run<'_>,
    target: Option<&Dataset<'_>>,
    part: &Part,
    counts: &[usize],
) -> Result<(Reduction, Weighted)> {
    let allocation = part.allocation(counts, method.scope())?;
    let reduction = part.run(run, target, |run| method.reduce(run, &allocation))?;
    let selection = reduction.reduced.rows().expect("a method that generates prototypes has no guard");
    let weights = selection.weights().map_or_else(|| vec![1.0; selection.rows().len()], <[f64]>::to_vec);
    let rows = part.whole_rows(selection.rows()).into_iter().zip(weights).collect();
    Ok((reduction, rows))
}

/// Weights by row. Those of two parts are brought to the sizes of the parts: each part stands for its rows.
fn weigh(parts: &[(usize, Weighted)]) -> HashMap<RowId, f64> {
    let scaled = |(size, rows): &(usize, Weighted)| {
        let sum: f64 = rows.iter().map(|row| row.1).sum();
        let factor = if parts.len() > 1 && sum > 0.0 { *size as f64 / sum } else { 1.0 };
        rows.iter().map(|&(row, weight)| (row, weight * factor)).collect::<Weighted>()
    };
    parts.iter().flat_map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Quiet, Reducer, Seed};
    use proptest::prelude::*;

    proptest! {
        /// c grows by one at most, from nothing to all.
        #[test]
        fn contradicted_rows_come_in_step(
            rows in 1usize..400, part in 0.0f64..=0.7, on in any::<bool>(), kept in prop::option::of(0.0f64..=1.0),
        ) {
            let contradicted = (rows as f64 * part) as usize;
            let kept = ((rows - contradicted) as f64 * kept.unwrap_or(0.0)) as usize;
            let segment = Segment { rows, contradicted, kept };
            let guard = if on { Guard::On } else { Guard::Auto };
            let counts: Vec<usize> = (0..=rows).map(|m| segment.of_first(m, guard)).collect();
            prop_assert_eq!((counts[0], counts[rows]), (0, contradicted));
            prop_assert!(counts.windows(2).all(|c| c[1] - c[0] <= 1));
            for (m, &count) in counts.iter().enumerate() {
                prop_assert!(m - count <= rows - contradicted);
                prop_assert!(5 * m > rows || count == 0);
                prop_assert!(count == 0 || m > kept);
                if !on && kept == 0 && 2 * m >= rows && 5 * contradicted <= 3 * rows {
                    prop_assert_eq!(count, contradicted * m / rows);
                }
            }
            // What is merged is what was counted.
            let others = vec![false; rows - contradicted];
            let merged = segment.merge(others, vec![true; contradicted], guard);
            for m in 0..=rows {
                prop_assert_eq!(merged[..m].iter().filter(|&&c| c).count(), counts[m]);
            }
        }
    }

    /// Two heaps; three rows of each carry the label of the other.
    fn heaps() -> (Vec<f64>, Vec<u32>) {
        let values = (0..60).map(|i| f64::from(i % 2) * 100.0 + f64::from(i) / 10.0).collect();
        let codes = (0..60).map(|i| if i % 20 < 2 { 1 - i % 2 } else { i % 2 }).collect();
        (values, codes)
    }

    #[test]
    fn contradicted_rows_come_last() {
        let (values, codes) = heaps();
        let classes = Classes::new(&codes, 2).expect("classes");
        let data = Dataset::new(Matrix::new(&values, 60, 1).expect("shape"), classes).expect("sound");
        let wrong: Vec<u32> = (0..60).filter(|i| i % 20 < 2).collect();
        for name in ["energy", "maxmin", "moderate", "clc", "protodash"] {
            let params = if name == "clc" { vec![("output".to_owned(), Value::Text("rows".into()))] } else { vec![] };
            let reducer = Reducer::new(name, &params).and_then(|r| r.with_guard(Guard::On)).expect("it has a guard");
            for ratio in [0.1, 0.5, 0.9, 1.0] {
                let found = reducer.reduce(&data, &Budget::Ratio(ratio), EmptyClasses::Forbid, Seed(1), &Quiet);
                let found = found.expect("keeps rows");
                let kept = found.reduced.rows().expect("rows");
                let wrong = kept.rows().iter().filter(|row| wrong.contains(&row.0)).count();
                assert_eq!(wrong, if ratio < 1.0 { 0 } else { 6 }, "{name} at {ratio}");
                assert_eq!(found.diagnostics["contradicted_rows"], Value::Floats(vec![3.0, 3.0]), "{name}");
            }
        }
    }

    #[test]
    fn guard_is_refused_where_nothing_can_be_contradicted() {
        for (name, what) in [("srs", "coordinates"), ("clc", "prototypes")] {
            let found = Reducer::new(name, &[]).and_then(|r| r.with_guard(Guard::On));
            let error = found.expect_err("refused").to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(Reducer::new("srs", &[]).and_then(|r| r.with_guard(Guard::Off)).is_ok());
    }
}
