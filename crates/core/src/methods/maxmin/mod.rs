//! **Maxmin selection** (MMS): farthest-first traversal.
//!
//! Problem: choose m rows of a class whose covering radius max_x min_{s ∈ S} ‖x − s‖ is small (the k-center problem).
//!
//! From a start row, repeatedly add the row that is farthest (Euclidean) from the rows chosen so far: s_{t+1} =
//! argmax_x min_{i ≤ t} ‖x − s_i‖, ties to the lowest row id. The score of a row is the distance at which it is added.
//! Scores never grow, and the distance after the last pick is the covering radius.
//!
//! ```math
//! s_{t+1} = \arg\max_{x \in X_k} \; \min_{i \le t} \lVert x - s_i \rVert
//! ```
//!
//! Cost: O(n·m·d) in the worst case. In few columns, and where the rows of a class are in clusters, the rows are in a tree
//! whose nodes have sixteen children; up to three columns it is made in a few passes over the rows, along a Hilbert curve.
//! A subtree is skipped if its largest remaining distance is at most the distance of the new row to its box, because then nothing
//! in it changes. In low intrinsic dimension this leaves O(log n) blocks per pick. Otherwise the search is lazy: a distance to the
//! nearest pick never grows, so it bounds itself from above even if it is not up to date, and a row is compared with new picks only
//! if its bound is the largest. Most rows are compared with a tenth to a third of the picks, in f32 with a bound on the error.
//! A small sample of the rows tells which search is faster; above 32 columns, and for tables above 64 MiB of more than eight columns, it is the
//! lazy one, which leaves the rows where they are. Distances that decide are summed in f64 in column order, so
//! selections and scores equal those of the naive reference implementation bit for bit.
//!
//! Guarantee: the covering radius is at most twice the best possible for m rows (Gonzalez 1985). No polynomial-time
//! method has a factor below 2 unless P = NP.
//!
//! Departures: none from the definition. The paper's code starts from the first row of a class. The default here is a
//! start row drawn by the seed (`start=first` is the paper's choice).
//!
//! Wins when coverage matters: its ε is usually the smallest of all methods that keep rows.
//!
//! Loses when there are outliers or mislabelled rows: they are far from the other rows, so they are chosen first. At
//! small ratios, a classifier trained on its rows is often worse than one trained on random rows.

mod lazy;
mod tree;

use self::tree::Coordinate;
use super::settings::parameters;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{Euclidean, Terms, raw};
use crate::monitor::Pace;
use crate::params::{Kind, Params, Value};
use crate::{Allocation, ClassId, Dataset, Error, Look, Matrix, Ranking, Result, RowId, Scalar, Shape, with_points};

parameters! {
    /// The parameters of maxmin selection.
    ///
    /// ```
    /// use leanset_core::methods::maxmin::{Maxmin, Start};
    /// let reducer = Maxmin::default().start(Start::Central).reducer()?;
    /// assert!(reducer.order_free());
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct Maxmin;

    start: Start = {
        kind: Kind::Or(&["random", "first", "central"], &Kind::Rows),
        default: "random",
        doc: "The start row of each class: drawn by the seed, the first row, the row nearest to the mean, or one row id \
              per class.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "maxmin",
    aliases: &["mms", "farthest-first", "k-center"],
    title: "Maxmin selection (farthest-first traversal)",
    family: Family::Geometry,
    summary: "Keeps rows that are spread over each class, so that every row has a kept row nearby. Its ε is usually the smallest.",
    params: PARAMS,
    cost: "O(n·m·d) in the worst case; O(n log n + m log n) blocks in low intrinsic dimension",
    memory: "16 bytes per row and the picked rows in single precision (m·d coordinates); up to 32 columns, where the table is at \
             most 64 MiB or has at most 8 columns, a copy of each class that is being processed (n_k·d coordinates) instead",
    guarantee: "covering radius at most twice the best possible; nested over ratios; ties to the lowest row id",
    reference: "Gonzalez, Theoretical Computer Science 38, 1985; de Silva & Carlsson, Eurographics 2004",
    departures: "the start row is drawn by the seed by default; the paper's code takes the first row (start=first)",
    capabilities: Capabilities {
        seeded: Support::When("start=random"),
        continues: Support::Yes,
        order_free: Support::When("start=central"),
        ..Capabilities::DEFAULT
    },
    variants: &[&[("start", "first")], &[("start", "central")]],
    build: |params| Ok(Box::new(Configured { start: Start::of(params), params: params.clone() })),
};

/// The method with checked parameters.
#[derive(Clone, Debug)]
struct Configured {
    start: Start,
    params: Params,
}

/// Where the traversal of a class begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the row with the smallest key.
    Random,
    /// At the lowest row id.
    First,
    /// At the row nearest the class mean.
    Central,
    /// At the given row of each class.
    Given(Vec<RowId>),
}

impl From<Start> for Value {
    fn from(start: Start) -> Self {
        match start {
            Start::Random => "random".into(),
            Start::First => "first".into(),
            Start::Central => "central".into(),
            Start::Given(rows) => rows.into(),
        }
    }
}

impl Start {
    fn of(params: &Params) -> Self {
        match (params.rows("start"), params.text("start")) {
            (Some(rows), _) => Self::Given(rows.to_vec()),
            (None, "first") => Self::First,
            (None, "central") => Self::Central,
            (None, _) => Self::Random,
        }
    }

    /// Position of the start within the rows of a class.
    fn position(
        &self,
        run: &Run<'_>,
        class: ClassId,
        rows: &[RowId],
        refuse: impl Fn(String) -> Error,
    ) -> Result<usize> {
        Ok(match self {
            Self::First => 0,
            // The first of the random order, without making it.
            Self::Random => (0..rows.len()).min_by_key(|&i| run.seed.key(rows[i])).unwrap_or(0),
            Self::Central => with_points!(run.data.points(), |m| central(m, rows, &|| run.step(0)))?,
            Self::Given(given) => {
                let mut own = given.iter().filter_map(|row| rows.binary_search(row).ok());
                match (own.next(), own.next()) {
                    (Some(position), None) => position,
                    (found, _) => {
                        let count = if found.is_none() { "no row" } else { "several rows" };
                        let name = run.data.classes().name(class);
                        return Err(refuse(format!("one row id of each class ({count} given of class {name})")));
                    }
                }
            }
        })
    }
}

/// The position of the row nearest the mean of the rows, the lowest among equals.
fn central<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId], look: Look<'_>) -> Result<usize> {
    let mean = crate::linalg::mean(points, rows, look)?;
    let mut pace = Pace::new(look);
    let mut nearest = (f64::INFINITY, 0);
    for (i, &row) in rows.iter().enumerate() {
        pace.work(mean.len())?;
        let distance = raw::<Euclidean, f64, T>(&mean, points.row(row));
        if distance < nearest.0 {
            nearest = (distance, i);
        }
    }
    Ok(nearest.1)
}

impl Method for Configured {
    fn order_free(&self) -> bool {
        self.start == Start::Central
    }

    /// Scores are insertion distances; the start row has none (NaN), and neither have rows that are kept already.
    fn rank(&self, run: &Run<'_>, depth: Option<&Allocation>) -> Result<Ranking> {
        let wanted = |class: ClassId, rows: &[RowId]| depth.map_or(rows.len(), |a| a.per_class()[class.index()]);
        check_given(&self.start, run.data, &self.params)?;
        if run.inputs.kept.is_some() && matches!(self.start, Start::Given(_)) {
            return Err(self.params.refuse("start", "random, first or central beside rows that are kept already"));
        }
        let steps: usize = run.data.classes().ids().map(|c| wanted(c, run.data.classes().rows(c))).sum();
        run.monitor.begin("spreading over the classes", steps as u64);
        let picked = run.per_class(|class, rows| {
            let count = wanted(class, rows);
            if count == 0 {
                return Ok((Vec::new(), Vec::new(), f64::INFINITY));
            }
            let mut starts = run.kept(rows);
            if starts.is_empty() {
                starts.push(self.start.position(run, class, rows, |c| self.params.refuse("start", c))?);
            }
            let found = with_points!(run.data.points(), |m| {
                let way = Way::of(m, rows, count);
                traverse(m, rows, &starts, count, way, |s| run.step(s))
            })?;
            Ok((found.order.iter().map(|&i| rows[i]).collect::<Vec<_>>(), found.distances, found.radius))
        })?;
        let radii = picked.iter().map(|p| p.2).collect();
        let orders = picked.into_iter().map(|(rows, scores, _)| (rows, scores)).collect();
        let mut ranking = Ranking::per_class(orders, run.data.classes())?;
        ranking.diagnostics.insert("covering_radius", Value::Floats(radii));
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, kept: usize, threads: usize) -> u64 {
        let work = (threads.min(shape.classes).max(1) * shape.largest_class).min(shape.rows);
        let tree = tree::memory(work, shape.columns, shape.scalar_bytes);
        let lazy = lazy::memory(work, shape.columns, kept.min(work));
        let search = match shape.columns {
            0..=FEW_COLUMNS => tree,
            _ if shape.columns > MANY_COLUMNS || is_large(shape) => lazy,
            _ => tree.max(lazy),
        };
        search + (24 * kept.min(shape.rows) + 8 * shape.rows) as u64
    }
}

/// Coordinates of a table above so many bytes are not copied if it has more than a few columns: beside a table that fills the memory, a
/// copy does not fit.
const LARGE: usize = 64 << 20;

fn is_large(shape: &Shape) -> bool {
    shape.rows * shape.columns * shape.scalar_bytes > LARGE
}

/// Given start rows must be rows of the table.
fn check_given(start: &Start, data: &Dataset<'_>, params: &Params) -> Result<()> {
    match start {
        Start::Given(rows) if rows.iter().any(|r| r.index() >= data.rows()) => {
            Err(params.refuse("start", format!("row ids below {}", data.rows())))
        }
        _ => Ok(()),
    }
}

/// So many of the rows, spread over all of them: farthest-first from the one nearest their mean, ascending.
pub(crate) fn spread<T: Coordinate>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    count: usize,
    step: impl Fn(u64) -> Result<()> + Sync,
) -> Result<Vec<RowId>> {
    let way = Way::of(points, rows, count);
    let start = central(points, rows, &|| step(0))?;
    let found = traverse(points, rows, &[start], count, way, step)?;
    let mut picked: Vec<RowId> = found.order.into_iter().map(|i| rows[i]).collect();
    picked.sort_unstable();
    Ok(picked)
}

/// A traversal: positions in the order picked, the distance of each when picked, and the covering radius at the end.
#[derive(Clone, Debug, Default, PartialEq)]
struct Traversal {
    order: Vec<usize>,
    distances: Vec<f64>,
    radius: f64,
}

/// Picks reported to the monitor at a time.
const REPORT: usize = 64;

/// Coordinates above which the monitor is asked after every pick whether to go on.
const LONG: usize = 1 << 20;

/// Farthest-first over the rows, `count` picks, the first of which are `starts`.
fn traverse<T: Coordinate>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    starts: &[usize],
    count: usize,
    way: Way,
    step: impl Fn(u64) -> Result<()> + Sync,
) -> Result<Traversal> {
    let mut found = Traversal { radius: f64::INFINITY, ..Traversal::default() };
    if count == 0 {
        return Ok(found);
    }
    let look: Look<'_> = &|| step(0);
    let mut search = Search::new(points, rows, count, way, look)?;
    let large = rows.len() * points.columns() > LONG;
    let (mut next, mut raw) = (0, f64::NAN);
    for pick in 0..count {
        match starts.get(pick) {
            Some(&start) => {
                next = start;
                found.distances.push(f64::NAN);
            }
            None => found.distances.push(Euclidean::finish(raw)),
        }
        found.order.push(next);
        search.pick(next);
        if pick + 1 >= starts.len() {
            (raw, next) = search.farthest()?;
        }
        if raw == 0.0 {
            // Only rows equal to picked ones are left: they follow by row id, at distance 0.
            let mut picked = vec![false; rows.len()];
            found.order.iter().for_each(|&i| picked[i] = true);
            found.order.extend((0..rows.len()).filter(|&i| !picked[i]).take(count - pick - 1));
            found.distances.resize(count, 0.0);
            step((count - pick / REPORT * REPORT) as u64)?;
            break;
        }
        if (pick + 1) % REPORT == 0 || pick + 1 == count {
            step((pick % REPORT + 1) as u64)?;
        } else if large {
            step(0)?;
        }
    }
    // Once every row is picked there is no farthest one left, and nothing is uncovered.
    found.radius = Euclidean::finish(raw.max(0.0));
    Ok(found)
}

/// How the farthest row is searched for. All ways find the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In a tree, which skips what a pick is too far from to change.
    Tree,
    /// Row by row, as late as possible.
    Lazy,
}

/// Up to so many columns, boxes of the tree are small enough for any data.
const FEW_COLUMNS: usize = 8;

/// Above so many columns, a comparison of a row with the boxes of a tree costs more than it saves.
const MANY_COLUMNS: usize = 32;

/// Rows, and picks of them, that show whether picks are near to few rows or to many.
const PROBED: (usize, usize) = (512, 32);

impl Way {
    /// The faster one.
    fn of<T: Coordinate>(points: &Matrix<'_, T>, rows: &[RowId], count: usize) -> Self {
        let d = points.columns();
        match d {
            _ if d <= FEW_COLUMNS => Self::Tree,
            _ if d > MANY_COLUMNS || rows.len() < 4 * PROBED.0 || count < 2 * PROBED.1 => Self::Lazy,
            _ if size_of_val(points.values()) > LARGE => Self::Lazy,
            _ if change(points, rows) < 0.2 => Self::Tree,
            _ => Self::Lazy,
        }
    }
}

/// Of some rows and some picks of them, in how many cases a pick is so near to the nearest pick of a row that it can be nearer to the row
/// (d(pick, nearest) < 2·d(row, nearest)). Where these are few, rows are in clusters, and trees skip most.
fn change<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId]) -> f64 {
    let (some, picks) = PROBED;
    let some: Vec<&[T]> = rows.iter().step_by(rows.len() / some).map(|&row| points.row(row)).collect();
    let mut nearest = vec![(f64::INFINITY, 0); some.len()];
    let mut picked: Vec<&[T]> = vec![some[0]];
    while picked.len() < picks {
        let last = picked.len() - 1;
        let mut farthest = (-1.0, 0);
        for (i, (row, own)) in some.iter().zip(&mut nearest).enumerate() {
            let raw = raw::<Euclidean, T, T>(picked[last], row);
            if raw < own.0 {
                *own = (raw, last);
            }
            if own.0 > farthest.0 {
                farthest = (own.0, i);
            }
        }
        picked.push(some[farthest.1]);
    }
    let between: Vec<Vec<f64>> =
        picked.iter().map(|a| picked.iter().map(|b| raw::<Euclidean, T, T>(a, b)).collect()).collect();
    let near = |&(raw, pick): &(f64, usize)| between[pick].iter().filter(|&&between| between < 4.0 * raw).count();
    nearest.iter().map(near).sum::<usize>() as f64 / (some.len() * picks) as f64
}

/// A search for the farthest row.
enum Search<'a, T> {
    Tree(tree::Tree<'a, T>),
    Lazy(lazy::Lazy<'a, T>),
}

impl<'a, T: Coordinate> Search<'a, T> {
    fn new(points: &'a Matrix<'a, T>, rows: &'a [RowId], count: usize, way: Way, look: Look<'a>) -> Result<Self> {
        Ok(match way {
            Way::Tree => Self::Tree(tree::Tree::new(points, rows, count, look)?),
            Way::Lazy => Self::Lazy(lazy::Lazy::new(points, rows, count, look)?),
        })
    }

    /// Picks the row at a position.
    fn pick(&mut self, position: usize) {
        match self {
            Self::Tree(tree) => tree.pick(position),
            Self::Lazy(lazy) => lazy.pick(position),
        }
    }

    /// The farthest row then: its squared distance and its position; −1 if every row is picked.
    fn farthest(&mut self) -> Result<(f64, usize)> {
        match self {
            Self::Tree(tree) => Ok(tree.farthest()),
            Self::Lazy(lazy) => lazy.farthest(),
        }
    }
}

/// Farthest-first by the definition, every pair looked at: the reference that tests compare with. O(n·m·d).
#[cfg(test)]
fn naive(points: &Matrix<'_, f64>, rows: &[RowId], starts: &[usize], count: usize) -> Traversal {
    let mut nearest = vec![f64::INFINITY; rows.len()];
    let mut found = Traversal::default();
    let mut picked = vec![false; rows.len()];
    let mut next = (f64::NAN, 0);
    for pick in 0..count {
        if let Some(&start) = starts.get(pick) {
            next = (f64::NAN, start);
        }
        found.order.push(next.1);
        found.distances.push(next.0.sqrt());
        picked[next.1] = true;
        let centre = points.row(rows[next.1]);
        let mut best = (-1.0, 0);
        for i in 0..rows.len() {
            nearest[i] = nearest[i].min(raw::<Euclidean, _, _>(centre, points.row(rows[i])));
            if !picked[i] && nearest[i] > best.0 {
                best = (nearest[i], i);
            }
        }
        next = best;
    }
    found.radius = next.0.max(0.0).sqrt();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WAYS: [Way; 2] = [Way::Tree, Way::Lazy];

    /// All ways give what the definition gives, for f64 and for the f32 that is nearest.
    fn equal_to_the_definition(values: &[f64], d: usize, starts: &[usize], count: usize) {
        let n = values.len() / d;
        let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
        let equal = |fast: Traversal, slow: &Traversal, way| {
            assert_eq!(fast.order, slow.order, "{way:?} {n} × {d}");
            assert_eq!(fast.distances[starts.len()..], slow.distances[starts.len()..], "{way:?} {n} × {d}");
            assert_eq!(fast.radius, slow.radius, "{way:?} {n} × {d}");
        };
        let points = Matrix::new(values, n, d).expect("shape");
        let slow = naive(&points, &rows, starts, count);
        for way in WAYS {
            equal(traverse(&points, &rows, starts, count, way, |_| Ok(())).expect("runs"), &slow, way);
        }
        let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        if single.iter().all(|v| v.is_finite()) {
            let widened: Vec<f64> = single.iter().map(|&v| f64::from(v)).collect();
            let slow = naive(&Matrix::new(&widened, n, d).expect("shape"), &rows, starts, count);
            let points = Matrix::new(&single, n, d).expect("shape");
            for way in WAYS {
                equal(traverse(&points, &rows, starts, count, way, |_| Ok(())).expect("runs"), &slow, way);
            }
        }
    }

    /// Large enough for parallel parts; a grid, so that there are ties across them.
    #[test]
    fn parallel_parts_equal_the_naive_reference() {
        let n = 40_000;
        let values: Vec<f64> = (0..n * 2).map(|i| f64::from((i as u32).wrapping_mul(2_654_435_761) >> 24)).collect();
        equal_to_the_definition(&values, 2, &[7, 90], 300);
    }

    /// More rows than are sorted by comparisons, in all kinds of order: spread, on a line, beside one row that is so far away that all
    /// others share a cell, and all equal.
    #[test]
    fn orders_along_a_curve_equal_the_naive_reference() {
        let unit = |i: usize| crate::Seed(4).unit(RowId::at(i));
        for d in 1..=4 {
            for kind in 0..5 {
                let value = |i: usize| match kind {
                    0 => unit(i),
                    1 => unit(i / d) * (1 + i % d) as f64,
                    2 if i / d == 77 => 1e9,
                    2 => (unit(i) * 30.0).floor(),
                    3 if i.is_multiple_of(d) => unit(i) * 1e-6,
                    3 => unit(i) + 1e6,
                    _ => 2.0,
                };
                let values: Vec<f64> = (0..2500 * d).map(value).collect();
                equal_to_the_definition(&values, d, &[3], 150);
            }
        }
    }

    /// So many columns that sums of products are made in parts.
    #[test]
    fn many_columns_equal_the_naive_reference() {
        let value = |i: usize| crate::Seed(3).unit(RowId::at(i)) - 0.5;
        for d in [15, 16, 17, 64, 255, 257, 600] {
            let values: Vec<f64> = (0..500 * d).map(value).collect();
            equal_to_the_definition(&values, d, &[3], 200);
        }
    }

    proptest! {
        /// Grids make ties and duplicates, and wide columns few; far from the origin, in clusters that are far apart, and beside a
        /// constant column, single precision decides little; values are tiny or huge.
        #[test]
        fn traversal_equals_its_naive_reference(
            (d, values) in (1usize..12).prop_flat_map(|d| (Just(d), prop::collection::vec(0u8..9, d..d * 120))),
            kind in 0u8..6, power in prop::sample::select(vec![0, 0, 0, -120, -42, -30, 17, 36, 140]),
            starts in prop::collection::vec(any::<prop::sample::Index>(), 1..6), part in 0.0f64..=1.0,
        ) {
            let n = values.len() / d;
            let unit = 10f64.powi(power);
            let values: Vec<f64> = values[..n * d]
                .iter()
                .enumerate()
                .map(|(i, &v)| {
                    let (v, noise) = (f64::from(v), (i as f64 * 0.7).sin());
                    unit * match kind {
                        0 => v,
                        1 => v + noise,
                        2 => v + noise + 1e7,
                        3 => v + noise + if i / d % 3 == 0 { 1e9 } else { 0.0 },
                        4 if i % d == 0 => 3.0,
                        4 => v * noise,
                        _ => (v - 6.0).max(0.0),
                    }
                })
                .collect();
            let mut starts: Vec<usize> = starts.iter().map(|start| start.index(n)).collect();
            starts.sort_unstable();
            starts.dedup();
            let count = ((n as f64 * part) as usize).max(starts.len());
            equal_to_the_definition(&values, d, &starts, count);
        }
    }
}
