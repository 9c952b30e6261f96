//! ε-representativeness: how far a row of the full set can be from its class in the reduced set.
//!
//! **Definition** (Gonzalez-Diaz, Gutiérrez-Naranjo & Paluzo-Hidalgo 2022; the reference of arXiv:2403.15150 uses the
//! Chebyshev distance): ε(D, D') = max over rows x of D of the distance from x to the nearest point of D' *of the same
//! class*. A class of D with no point in D' makes ε infinite (the paper's code skips it, so that losing a class scores
//! a perfect 0). The bottleneck distance between the Vietoris–Rips persistence diagrams of D and D' is at most 2ε.
//!
//! **One search for all prefixes.** For a nested ranking cut at several counts, every point carries the first cut that
//! contains it, and every tree node the least of its points'. One descent per row keeps, for each cut, the nearest
//! distance so far; a node at distance b whose least cut is c can be left out when the distance of cut c is at most b
//! already, for later cuts' distances are no larger. A single reduced set is the case of one cut.
//!
//! **Early end.** ε is a maximum, so a row stops mattering for a cut as soon as its distance falls below the largest one
//! found. So a few rows are searched first: some that are far out, and some from everywhere. What they give is where every chunk of rows begins.
//! A row that is as far as the worst one is looked at to the end, so the result is exact, and the same for any number of threads; of equal
//! distances the lowest row is the worst one.
//!
//! **Filter.** Of one reduced set, nearly all rows are first found to be near enough by cheaper means, for certain (`metrics/filter.rs`): a grid in few
//! columns, distances in f32 in many. Only the others are searched in the tree.
//!
//! **Cosine distance** is searched on points of length 1 (`distance/cosine.rs`): rows are scaled when they are looked up,
//! the reduced points when the tree is built.
//!
//! Cost: one nearest-neighbour search per row, O(log m) nodes in low intrinsic dimension, O(m) blocks at worst. Memory:
//! the reduced points once more, in the tree.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use leanset_problem::{Text, setting, text};

use super::filter::Filter;
use crate::distance::{Euclidean, LANES, Metric, Terms, raw, to_unit_length, with_metric};
use crate::geometry::{Node, Tree, Visitor};
use crate::monitor::{Pace, step};
use crate::{
    Allocation, ClassId, Classes, Dataset, Error, Look, Monitor, Points, Prototypes, Ranking, Reduced, Result, RowId,
    Scalar, Scope, simd, with_points,
};

/// Rows searched first: one of every so many, and, in more columns than a grid is for, those that are far out.
const FIRST: usize = 512;
const FAR: usize = 32;

/// ε of a reduced set.
#[derive(Clone, Debug, PartialEq)]
pub struct Epsilon {
    /// The metric it is measured in.
    pub metric: Metric,
    /// The largest over the classes; infinite if a class with rows has no point in the reduced set.
    pub value: f64,
    /// The worst-covered row, of the lowest class and row among equals; none if a class is lost.
    pub worst: Option<Worst>,
    /// Each class by class id.
    pub per_class: Vec<ClassEpsilon>,
}

/// ε of one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassEpsilon {
    /// Its rows in the full set.
    pub rows: usize,
    /// Its points in the reduced set.
    pub kept: usize,
    /// The largest distance of a row to its nearest kept point; infinite if none is kept, 0 if the class has no rows.
    pub value: f64,
    /// The row at that distance, the lowest among equals.
    pub worst: Option<RowId>,
}

/// The row that the reduced set covers worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// The row.
    pub row: RowId,
    /// Its class.
    pub class: ClassId,
}

/// ε of a reduced set of `data`: of selected rows or of generated prototypes.
///
/// # Errors
/// [`Error::BadRanking`] if the rows are of another table; [`Error::TooClose`]; for generated prototypes [`Error::Shape`] if they have other
/// columns, [`Error::UnknownClass`] and [`Error::NotFinite`]; [`Error::Interrupted`].
pub fn epsilon(data: &Dataset<'_>, reduced: &Reduced, metric: Metric, monitor: &dyn Monitor) -> Result<Epsilon> {
    check_squares(data, metric)?;
    match reduced {
        Reduced::Rows(selection) => {
            selection.check(data.classes())?;
            let cuts = Cuts::of_rows(data.classes(), |class| selection.class(class));
            with_points!(data.points(), |m| curve(data, &cuts, 1, metric, monitor, |row: u32| m.row(RowId(row))))
        }
        Reduced::Points(points) => {
            check_points(points, data)?;
            let mut per_class = vec![Vec::new(); data.classes().len()];
            for (i, class) in points.classes.iter().enumerate() {
                per_class[class.index()].push((i as u32, 0));
            }
            let d = points.columns;
            let row = |i: u32| &points.points[i as usize * d..][..d];
            curve(data, &Cuts(per_class), 1, metric, monitor, row)
        }
    }
    .map(only)
}

/// Squared distances of the table must not underflow where they are what is computed.
pub(super) fn check_squares(data: &Dataset<'_>, metric: Metric) -> Result<()> {
    if metric == Metric::Euclidean { data.check_squares() } else { Ok(()) }
}

/// Prototypes have public fields, so that anyone can make some: they are checked as a table is.
pub(super) fn check_points(points: &Prototypes, data: &Dataset<'_>) -> Result<()> {
    let (rows, columns, classes) = (points.classes.len(), data.columns(), data.classes().len());
    let (got, expected) = (points.points.len(), rows * columns);
    if points.columns != columns || got != expected {
        return Err(Error::Shape { what: "the reduced set", got, expected, rows, columns });
    }
    if let Some(i) = points.classes.iter().position(|c| c.index() >= classes) {
        return Err(Error::UnknownClass { row: RowId::at(i), code: points.classes[i].0, classes });
    }
    match points.points.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(Error::NotFinite { row: RowId::at(i / columns), column: i % columns, value: points.points[i] }),
        None => Ok(()),
    }
}

/// ε of any other labelled set: `reduced` must have the columns of `full` and the same class codes.
///
/// # Errors
/// [`Error::Shape`] if columns or classes differ; [`Error::Interrupted`].
pub fn epsilon_between(
    full: &Dataset<'_>,
    reduced: &Dataset<'_>,
    metric: Metric,
    monitor: &dyn Monitor,
) -> Result<Epsilon> {
    let (rows, columns) = (reduced.rows(), full.columns());
    if reduced.columns() != columns {
        let got = rows * reduced.columns();
        return Err(Error::Shape { what: "the reduced set", got, expected: rows * columns, rows, columns });
    }
    if reduced.classes().len() != full.classes().len() {
        let (got, expected) = (reduced.classes().len(), full.classes().len());
        return Err(Error::Shape { what: "the list of classes", got, expected, rows: expected, columns: 1 });
    }
    check_squares(full, metric)?;
    let cuts = Cuts::of_rows(full.classes(), |class| reduced.classes().rows(class));
    with_points!(reduced.points(), |m| curve(full, &cuts, 1, metric, monitor, |row: u32| m.row(RowId(row)))).map(only)
}

/// ε of every cut of a ranking, in one search: one result an allocation, which must not shrink from one to the next.
///
/// ```
/// use leanset_core::{Budget, Classes, Dataset, EmptyClasses, Matrix, Quiet, Reducer, Seed};
/// use leanset_core::{distance::Metric, metrics};
///
/// let values: Vec<f64> = (0..50).map(f64::from).collect();
/// let data = Dataset::new(Matrix::new(&values, 50, 1)?, Classes::one(50)?)?;
/// let ranking = Reducer::new("mms", &[])?.rank(&data, None, Seed(0), &Quiet)?;
/// let cuts: Vec<_> = (1..=50)
///     .map(|m| Ok(Budget::Count(m).allocate(&data.classes().sizes(), EmptyClasses::Forbid)?.0))
///     .collect::<leanset_core::Result<_>>()?;
/// let curve = metrics::epsilon_curve(&data, &ranking, &cuts, Metric::Chebyshev, &Quiet)?;
/// assert!(curve.windows(2).all(|w| w[1].value <= w[0].value));
/// assert_eq!(curve[49].value, 0.0);
/// # Ok::<(), leanset_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::RankingTooShort`] if the ranking stops before a cut; [`Error::BadRanking`] if it is of another table;
/// [`Error::Interrupted`].
pub fn epsilon_curve(
    data: &Dataset<'_>,
    ranking: &Ranking,
    allocations: &[Allocation],
    metric: Metric,
    monitor: &dyn Monitor,
) -> Result<Vec<Epsilon>> {
    let classes = data.classes();
    ranking.check(classes)?;
    check_squares(data, metric)?;
    let mut results: Vec<Option<Epsilon>> = vec![None; allocations.len()];
    for group in nested_groups(ranking.scope(), allocations) {
        let cuts = Cuts::of_ranking(ranking, &group.iter().map(|&i| &allocations[i]).collect::<Vec<_>>(), classes)?;
        let row = |count| {
            with_points!(data.points(), |m| curve(data, &cuts, count, metric, monitor, |r: u32| m.row(RowId(r))))
        };
        for (&cut, epsilon) in group.iter().zip(row(group.len())?) {
            results[cut] = Some(epsilon);
        }
    }
    Ok(results.into_iter().flatten().collect())
}

/// Splits allocations into runs in which no class ever shrinks. Usually one: but largest remainder can give a class one
/// row fewer at a larger total (see [`crate::budget`]), and such a cut is searched on its own.
fn nested_groups(scope: Scope, allocations: &[Allocation]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (cut, allocation) in allocations.iter().enumerate() {
        let holds = |group: &Vec<usize>| {
            let last = &allocations[group[group.len() - 1]];
            match scope {
                Scope::Global => last.total() <= allocation.total(),
                Scope::PerClass => last.per_class().iter().zip(allocation.per_class()).all(|(a, b)| a <= b),
            }
        };
        match groups.iter_mut().find(|g| holds(g)) {
            Some(group) => group.push(cut),
            None => groups.push(vec![cut]),
        }
    }
    groups
}

/// ε by the definition, every pair looked at: the reference that tests compare with. O(n·m·d).
pub fn naive(data: &Dataset<'_>, kept: &[RowId], metric: Metric) -> f64 {
    let d = data.columns();
    let (mut x, mut y) = (vec![0.0; d], vec![0.0; d]);
    let mut epsilon = 0.0f64;
    for row in (0..data.rows()).map(RowId::at) {
        data.points().widen_row(row, &mut x);
        let mut nearest = f64::INFINITY;
        for &other in kept.iter().filter(|&&k| data.classes().of(k) == data.classes().of(row)) {
            data.points().widen_row(other, &mut y);
            nearest = nearest.min(metric.distance(&x, &y));
        }
        epsilon = epsilon.max(nearest);
    }
    epsilon
}

fn only(mut curve: Vec<Epsilon>) -> Epsilon {
    curve.swap_remove(0)
}

/// For each class the points of the reduced sets, each with the first cut that contains it.
struct Cuts(Vec<Vec<(u32, u32)>>);

impl Cuts {
    /// One cut: all the given rows of each class.
    fn of_rows<'r>(classes: &Classes, rows: impl Fn(ClassId) -> &'r [RowId]) -> Self {
        Self(classes.ids().map(|class| rows(class).iter().map(|r| (r.0, 0)).collect()).collect())
    }

    /// The cuts of a ranking at allocations of which none shrinks.
    fn of_ranking(ranking: &Ranking, allocations: &[&Allocation], classes: &Classes) -> Result<Self> {
        for allocation in allocations {
            ranking.check_depth(allocation)?;
        }
        let mut cuts = vec![Vec::new(); classes.len()];
        for (segment, rows) in ranking.segments().enumerate() {
            let mut begin = 0;
            for (cut, allocation) in allocations.iter().enumerate() {
                let end = match ranking.scope() {
                    Scope::PerClass => allocation.per_class()[segment],
                    Scope::Global => allocation.total(),
                };
                for &row in &rows[begin..end] {
                    cuts[classes.of(row).index()].push((row.0, cut as u32));
                }
                begin = end;
            }
        }
        Ok(Self(cuts))
    }
}

/// The largest distance found for each cut, and its row.
#[derive(Clone)]
struct Maxima {
    raw: Vec<f64>,
    worst: Vec<u32>,
}

impl Maxima {
    fn none(cuts: usize) -> Self {
        Self { raw: vec![-1.0; cuts], worst: vec![u32::MAX; cuts] }
    }

    /// Whether a row at this distance would be the worst: of equals the lower row.
    #[inline(always)]
    fn below(&self, cut: usize, raw: f64, row: u32) -> bool {
        raw > self.raw[cut] || (raw == self.raw[cut] && row < self.worst[cut])
    }

    /// The larger of each; of equals the lower row.
    fn merge(&mut self, other: &Self) {
        for c in 0..self.raw.len() {
            if self.below(c, other.raw[c], other.worst[c]) {
                self.raw[c] = other.raw[c];
                self.worst[c] = other.worst[c];
            }
        }
    }
}

/// ε of nested sets: `point(i)` gives the coordinates of the reduced point that `cuts` calls i.
fn curve<'p, T: Scalar>(
    data: &Dataset<'_>,
    cuts: &Cuts,
    count: usize,
    metric: Metric,
    monitor: &dyn Monitor,
    point: impl Fn(u32) -> &'p [T] + Sync,
) -> Result<Vec<Epsilon>> {
    monitor.begin("measuring ε", data.rows() as u64);
    let classes = data.classes();
    if metric == Metric::Cosine {
        check_directions(data.points())?;
    }
    let mut results = vec![Epsilon { metric, value: 0.0, worst: None, per_class: Vec::new() }; count];
    for class in classes.ids() {
        let rows = classes.rows(class);
        let targets = &cuts.0[class.index()];
        let maxima = if rows.is_empty() || targets.is_empty() {
            step(monitor, rows.len() as u64)?;
            Maxima::none(count)
        } else {
            search(data.points(), rows, targets, count, metric, monitor, &point)?
        };
        let mut kept = 0;
        let mut held = targets.iter().map(|t| t.1).collect::<Vec<_>>();
        held.sort_unstable();
        for (c, result) in results.iter_mut().enumerate() {
            while kept < held.len() && held[kept] as usize <= c {
                kept += 1;
            }
            let of_class = if rows.is_empty() {
                ClassEpsilon { rows: 0, kept, value: 0.0, worst: None }
            } else if kept == 0 {
                ClassEpsilon { rows: rows.len(), kept, value: f64::INFINITY, worst: None }
            } else {
                let value = with_metric!(metric, |M| M::finish(maxima.raw[c]));
                ClassEpsilon { rows: rows.len(), kept, value, worst: Some(RowId(maxima.worst[c])) }
            };
            if of_class.value > result.value || (result.worst.is_none() && result.value == 0.0) {
                result.value = of_class.value;
                result.worst = of_class.worst.map(|row| Worst { row, class });
            }
            result.per_class.push(of_class);
        }
    }
    Ok(results)
}

/// The largest distance of these rows to their nearest target, for each cut; neither list is empty.
fn search<'p, T: Scalar>(
    points: &Points<'_>,
    rows: &[RowId],
    targets: &[(u32, u32)],
    count: usize,
    metric: Metric,
    monitor: &dyn Monitor,
    point: &(impl Fn(u32) -> &'p [T] + Sync),
) -> Result<Maxima> {
    if metric != Metric::Cosine {
        return search_by(points, rows, targets, count, metric, monitor, point);
    }
    let columns = points.columns();
    let mut directions = vec![0.0; targets.len() * columns];
    for (direction, target) in directions.chunks_exact_mut(columns).zip(targets) {
        direction.iter_mut().zip(point(target.0)).for_each(|(out, x)| *out = x.widen());
        if !to_unit_length(direction) {
            let what = format!("row {} of the reduced set {NO_DIRECTION}", target.0);
            return Err(Error::Data { method: COSINE, what, hint: another_metric() });
        }
    }
    // Targets are known by their place in the list instead of their row.
    let places: Vec<(u32, u32)> = (0..).zip(targets).map(|(place, target)| (place, target.1)).collect();
    let direction = |place: u32| &directions[place as usize * columns..][..columns];
    search_by(points, rows, &places, count, metric, monitor, &direction)
}

/// What errors are of, and what they say of a point of zeros.
const COSINE: &str = "cosine distance";
const NO_DIRECTION: &str = "is all zeros and has no direction";

fn another_metric() -> Text {
    text!["leave the row out, or use ", setting::METRIC.to(Metric::Euclidean)]
}

/// Refuses rows of zeros.
fn check_directions(points: &Points<'_>) -> Result<()> {
    let zeros = |row: &RowId| with_points!(points, |m| m.row(*row).iter().all(|x| x.widen() == 0.0));
    match (0..points.rows()).map(RowId::at).find(zeros) {
        None => Ok(()),
        Some(row) => Err(Error::Row { method: COSINE, row, what: NO_DIRECTION.to_owned(), hint: another_metric() }),
    }
}

/// The same for points as they are searched.
fn search_by<'p, T: Scalar>(
    points: &Points<'_>,
    rows: &[RowId],
    targets: &[(u32, u32)],
    count: usize,
    metric: Metric,
    monitor: &dyn Monitor,
    point: &(impl Fn(u32) -> &'p [T] + Sync),
) -> Result<Maxima> {
    let columns = points.columns();
    let look: Look<'_> = &|| step(monitor, 0);
    let search = Search::new(targets, count, columns, point, look)?;
    let scaled = metric == Metric::Cosine;
    let row = |row: RowId, out: &mut [f64]| {
        points.widen_row(row, out);
        if scaled {
            // Rows of zeros are refused before.
            to_unit_length(out);
        }
    };
    let search_rows = |rows: &[RowId], known: &Maxima| {
        with_metric!(metric, |M| simd::run(Chunk::<M, T, _> {
            search: &search,
            rows,
            row: &row,
            known,
            look,
            metric: std::marker::PhantomData,
        }))
    };
    let first = first_rows(rows, columns, targets, &row, point, look)?;
    let known = search_rows(&first, &Maxima::none(count))?;
    // Of several cuts each would need its own.
    let filter = match count {
        1 => Filter::new(metric, known.raw[0], targets, columns, point, look)?,
        _ => Filter::None,
    };
    // What is known when a chunk begins depends on threads; what is found in the end does not, for no row that may be the worst is left out.
    let known = Mutex::new(known);
    let of_chunk = |chunk: &[RowId]| {
        let before = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = search_rows(&filter.left(points, chunk, before.raw[0], scaled, look)?, &before)?;
        known.lock().unwrap_or_else(PoisonError::into_inner).merge(&found);
        step(monitor, chunk.len() as u64)
    };
    rows.par_chunks(filter.chunk(columns)).try_for_each(of_chunk)?;
    Ok(known.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Rows that are searched before all others, because they may be the worst: those that are farthest from the mean of the targets in some
/// columns, and some from everywhere.
fn first_rows<'p, T: Scalar>(
    rows: &[RowId],
    columns: usize,
    targets: &[(u32, u32)],
    row: &impl Fn(RowId, &mut [f64]),
    point: &impl Fn(u32) -> &'p [T],
    look: Look<'_>,
) -> Result<Vec<RowId>> {
    // A search costs more in more columns, and there those that are far out are found by their distance to the mean.
    let few = columns <= 4;
    let every = rows.len().div_ceil(if few { FIRST } else { FAR });
    let mut first: Vec<RowId> = rows.iter().copied().step_by(every).collect();
    if !few {
        let mut mean = vec![0.0; columns];
        let part = 1.0 / targets.len() as f64;
        let mut pace = Pace::new(look);
        for target in targets {
            pace.work(columns)?;
            mean.iter_mut().zip(point(target.0)).for_each(|(m, v)| *m += v.widen() * part);
        }
        let mut own = vec![0.0; columns];
        let mut from_mean: Vec<(f64, RowId)> = rows
            .iter()
            .step_by(rows.len().div_ceil(32 * FAR))
            .map(|&id| {
                pace.work(columns)?;
                row(id, &mut own);
                Ok((raw::<Euclidean, f64, f64>(&own, &mean), id))
            })
            .collect::<Result<_>>()?;
        from_mean.sort_by(|a, b| b.0.total_cmp(&a.0));
        first.extend(from_mean.iter().take(FAR).map(|own| own.1));
        first.sort_unstable();
        first.dedup();
    }
    Ok(first)
}

/// The largest distance of a row to the nearest of `sample`, some of the same points: 0 if there are no rows.
pub(super) fn covering_radius(
    points: &Points<'_>,
    rows: &[RowId],
    sample: &[RowId],
    metric: Metric,
    monitor: &dyn Monitor,
) -> Result<f64> {
    monitor.begin("measuring a subsample", rows.len() as u64);
    if rows.is_empty() {
        return Ok(0.0);
    }
    let targets: Vec<(u32, u32)> = sample.iter().map(|row| (row.0, 0)).collect();
    let maxima =
        with_points!(points, |m| search(points, rows, &targets, 1, metric, monitor, &|row: u32| m.row(RowId(row))))?;
    Ok(with_metric!(metric, |M| M::finish(maxima.raw[0])))
}

/// The reduced points of one class, ready to be searched.
struct Search<T> {
    tree: Tree<T>,
    /// The first cut that contains the point in each slot.
    cut_of_slot: Vec<u32>,
    /// The least of these below each node.
    cut_of_node: Vec<u32>,
    cuts: usize,
}

impl<T: Scalar> Search<T> {
    fn new<'p>(
        targets: &[(u32, u32)],
        cuts: usize,
        columns: usize,
        point: &(impl Fn(u32) -> &'p [T] + Sync),
        look: Look<'_>,
    ) -> Result<Self> {
        let tree = Tree::new(targets.len(), columns, |i| point(targets[i].0), look)?;
        let cut_of_slot: Vec<u32> = (0..tree.len()).map(|slot| targets[tree.id(slot)].1).collect();
        let of_node = |n: &Node| {
            let slots = n.begin as usize * LANES..(n.end as usize * LANES).min(cut_of_slot.len());
            cut_of_slot[slots].iter().copied().min().unwrap_or(u32::MAX)
        };
        let cut_of_node = tree.nodes().iter().map(of_node).collect();
        Ok(Self { tree, cut_of_slot, cut_of_node, cuts })
    }
}

/// One chunk of rows searched: the body that is compiled for each instruction set.
struct Chunk<'a, M, T, R> {
    search: &'a Search<T>,
    rows: &'a [RowId],
    /// Writes a row as it is searched.
    row: &'a R,
    /// What is known of other rows.
    known: &'a Maxima,
    look: Look<'a>,
    metric: std::marker::PhantomData<M>,
}

impl<M: Terms, T: Scalar, R: Fn(RowId, &mut [f64])> simd::Kernel for Chunk<'_, M, T, R> {
    type Output = Result<Maxima>;

    #[inline(always)]
    fn run(self) -> Result<Maxima> {
        let mut maxima = self.known.clone();
        let mut query = vec![0.0; self.search.tree.packed().columns()];
        let mut stack = Vec::new();
        let mut nearest = vec![f64::INFINITY; self.search.cuts];
        for &row in self.rows {
            (self.look)()?;
            (self.row)(row, &mut query);
            nearest.fill(f64::INFINITY);
            let mut staircase = Staircase::<M, T> {
                search: self.search,
                query: &query,
                row: row.0,
                nearest: &mut nearest,
                maxima: &maxima,
                metric: self.metric,
            };
            self.search.tree.descend::<M>(&query, &mut stack, &mut staircase);
            for c in 0..self.search.cuts {
                // A cut whose search was cut short is at most the maximum; one with no point yet is lost, not far.
                if nearest[c] < f64::INFINITY && maxima.below(c, nearest[c], row.0) {
                    maxima.raw[c] = nearest[c];
                    maxima.worst[c] = row.0;
                }
            }
        }
        Ok(maxima)
    }
}

/// The nearest distance of one row for each cut so far: it never grows from one cut to the next.
struct Staircase<'a, M, T> {
    search: &'a Search<T>,
    query: &'a [f64],
    row: u32,
    nearest: &'a mut [f64],
    maxima: &'a Maxima,
    metric: std::marker::PhantomData<M>,
}

impl<M: Terms, T: Scalar> Visitor for Staircase<'_, M, T> {
    #[inline(always)]
    fn enter(&mut self, node: usize, raw: f64) -> bool {
        // The first cut from the node's on for which this row can still be the worst.
        let from = self.search.cut_of_node[node] as usize;
        for c in from..self.nearest.len() {
            if self.nearest[c] <= raw {
                return false;
            }
            if self.maxima.below(c, self.nearest[c], self.row) {
                return true;
            }
        }
        false
    }

    #[inline(always)]
    fn leaf(&mut self, node: Node) {
        for block in node.begin as usize..node.end as usize {
            let raws = self.search.tree.packed().raw::<M>(self.query, block);
            for (lane, &raw) in raws.iter().enumerate() {
                // Slots beyond the last repeat it.
                let slot = (block * LANES + lane).min(self.search.cut_of_slot.len() - 1);
                let from = self.search.cut_of_slot[slot] as usize;
                for nearest in &mut self.nearest[from..] {
                    if *nearest <= raw {
                        break;
                    }
                    *nearest = raw;
                }
            }
        }
    }
}
