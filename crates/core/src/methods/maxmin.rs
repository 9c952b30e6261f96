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
//! Cost: O(n·m·d) in the worst case. The rows of a class are in a kd-tree. A subtree is skipped if its largest
//! remaining distance is at most the distance of the new row to its box, because then nothing in it changes. In low
//! intrinsic dimension this leaves O(log n) blocks per pick. Large classes are searched in parallel parts. All sums run
//! in column order, so scores equal those of the naive reference implementation bit for bit.
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

use super::settings::parameters;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{Euclidean, LANES, Terms, raw};
use crate::geometry::Tree;
use crate::params::{Kind, Params, Value};
use crate::{Allocation, ClassId, Dataset, Error, Matrix, Ranking, Result, RowId, Scalar, Shape, simd, with_points};

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
    memory: "24 bytes per row and a copy of each class that is being processed (n_k·d coordinates); tables above 64 MiB \
             are not copied, and searched more slowly",
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
            Self::Central => with_points!(run.data.points(), |m| central(m, rows)),
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
fn central<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId]) -> usize {
    let mean = crate::linalg::mean(points, rows);
    let distance = |i: usize| raw::<Euclidean, f64, T>(&mean, points.row(rows[i]));
    (0..rows.len()).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
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
        let shape = run.data.shape();
        let in_place = is_large(&shape);
        let picked = run.per_class(|class, rows| {
            let count = wanted(class, rows);
            if count == 0 {
                return Ok((Vec::new(), Vec::new(), f64::INFINITY));
            }
            let mut starts = run.kept(rows);
            if starts.is_empty() {
                starts.push(self.start.position(run, class, rows, |c| self.params.refuse("start", c))?);
            }
            let found =
                with_points!(run.data.points(), |m| traverse(m, rows, &starts, count, in_place, |s| run.step(s)))?;
            Ok((found.order.iter().map(|&i| rows[i]).collect::<Vec<_>>(), found.distances, found.radius))
        })?;
        let radii = picked.iter().map(|p| p.2).collect();
        let orders = picked.into_iter().map(|(rows, scores, _)| (rows, scores)).collect();
        let mut ranking = Ranking::per_class(orders, run.data.classes())?;
        ranking.diagnostics.insert("covering_radius", Value::Floats(radii));
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, threads: usize) -> u64 {
        let work = threads.min(shape.classes).max(1) * shape.largest_class;
        let work = work.min(shape.rows);
        if is_large(shape) {
            return crate::geometry::frame_memory(work, shape.columns) + (24 * work + 16 * shape.rows) as u64;
        }
        crate::geometry::memory(work, shape.columns, shape.scalar_bytes) + (24 * work + 16 * shape.rows) as u64
    }
}

/// Coordinates of a table above so many bytes are not copied: beside a table that fills the memory, a copy does not fit.
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
pub(crate) fn spread<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    count: usize,
    step: impl Fn(u64) -> Result<()>,
) -> Result<Vec<RowId>> {
    let found = traverse(points, rows, &[central(points, rows)], count, false, step)?;
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

/// Farthest-first over the rows, `count` picks, the first of which are `starts`. `in_place`: coordinates are looked up where they are rather
/// than copied, which finds the same, more slowly.
fn traverse<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    starts: &[usize],
    count: usize,
    in_place: bool,
    step: impl Fn(u64) -> Result<()>,
) -> Result<Traversal> {
    let mut found = Traversal { radius: f64::INFINITY, ..Traversal::default() };
    if count == 0 {
        return Ok(found);
    }
    let (n, d, row) = (rows.len(), points.columns(), |i: usize| points.row(rows[i]));
    let tree = if in_place { Tree::frame(n, d, row) } else { Tree::new(n, d, row) };
    let mut state = State::new(tree, in_place.then_some((points, rows)));
    let mut query = vec![0.0; points.columns()];
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
        for (q, v) in query.iter_mut().zip(points.row(rows[next])) {
            *q = v.widen();
        }
        state.pick(&query, next as u32);
        (raw, next) = state.farthest();
        if raw == 0.0 && pick + 1 >= starts.len() {
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
        }
    }
    // Once every row is picked there is no farthest one left, and nothing is uncovered.
    found.radius = Euclidean::finish(raw.max(0.0));
    Ok(found)
}

/// Squared distances to the nearest pick: −1 for picked rows and for padding, so that neither is ever farthest.
struct State<'a, T> {
    tree: Tree<T>,
    /// Where coordinates are, if the tree does not hold them.
    elsewhere: Elsewhere<'a, T>,
    nearest: Vec<[f64; LANES]>,
    /// The largest of these below each node, and the lowest position that has it.
    largest: Vec<Farthest>,
}

/// The points and the rows that the tree is of.
type Elsewhere<'a, T> = Option<(&'a Matrix<'a, T>, &'a [RowId])>;

/// A squared distance and the position of the row that has it.
type Farthest = (f64, u32);

/// The larger distance; of equals the lower position.
#[inline(always)]
fn farther(a: Farthest, b: Farthest) -> Farthest {
    if b.0 > a.0 || (b.0 == a.0 && b.1 < a.1) { b } else { a }
}

impl<'a, T: Scalar> State<'a, T> {
    fn new(tree: Tree<T>, elsewhere: Elsewhere<'a, T>) -> Self {
        let mut nearest = vec![[f64::INFINITY; LANES]; tree.len().div_ceil(LANES)];
        for slot in tree.len()..nearest.len() * LANES {
            nearest[slot / LANES][slot % LANES] = -1.0;
        }
        let largest = vec![(f64::INFINITY, 0); tree.nodes().len()];
        Self { tree, elsewhere, nearest, largest }
    }

    /// Shortens every distance that the new row shortens, and brings the maxima above them up to date.
    fn pick(&mut self, query: &[f64], picked: u32) {
        let part = Part { nearest: &mut self.nearest, largest: &mut self.largest, root: 0 };
        part.pick((&self.tree, self.elsewhere), query, picked);
    }

    fn farthest(&self) -> (f64, usize) {
        (self.largest[0].0, self.largest[0].1 as usize)
    }
}

/// The part of a state below one node.
struct Part<'a> {
    /// Of the blocks of the node.
    nearest: &'a mut [[f64; LANES]],
    /// Of the node and those below it.
    largest: &'a mut [Farthest],
    root: usize,
}

/// Blocks below which a part is one thread's work: about as long as it takes to wake another.
const PART: usize = 2048;

impl Part<'_> {
    fn pick<T: Scalar>(self, from: (&Tree<T>, Elsewhere<'_, T>), query: &[f64], picked: u32) {
        let tree = from.0;
        let node = tree.node(self.root);
        let (left, right) = (self.root + 1, node.right as usize);
        let changes = |at: usize| tree.raw_to_node::<Euclidean>(query, at) < self.largest[at - self.root].0;
        if self.nearest.len() < PART || node.right == 0 {
            simd::run(Pick { tree, elsewhere: from.1, part: self, query, picked });
            return;
        }
        let (change_left, change_right) = (changes(left), changes(right));
        let (own, below) = self.largest.split_at_mut(1);
        let (largest_left, largest_right) = below.split_at_mut(right - left);
        let blocks_left = (tree.node(right).begin - node.begin) as usize;
        let (nearest_left, nearest_right) = self.nearest.split_at_mut(blocks_left);
        let mut pick_left =
            || Part { nearest: nearest_left, largest: &mut *largest_left, root: left }.pick(from, query, picked);
        let mut pick_right =
            || Part { nearest: nearest_right, largest: &mut *largest_right, root: right }.pick(from, query, picked);
        match (change_left, change_right) {
            (true, true) => drop(rayon::join(pick_left, pick_right)),
            (true, false) => pick_left(),
            (false, true) => pick_right(),
            (false, false) => {}
        }
        own[0] = farther(largest_left[0], largest_right[0]);
    }
}

/// One pick in one part: the body that is compiled for each instruction set.
struct Pick<'a, T> {
    tree: &'a Tree<T>,
    elsewhere: Elsewhere<'a, T>,
    part: Part<'a>,
    query: &'a [f64],
    picked: u32,
}

impl<T: Scalar> simd::Kernel for Pick<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { tree, elsewhere, part: Part { nearest, largest, root }, query, picked } = self;
        let first_block = tree.node(root).begin as usize;
        let mut visited: Vec<usize> = Vec::new();
        let mut stack = vec![root];
        while let Some(at) = stack.pop() {
            if tree.raw_to_node::<Euclidean>(query, at) >= largest[at - root].0 {
                continue;
            }
            let node = tree.node(at);
            if node.right != 0 {
                visited.push(at);
                stack.push(node.right as usize);
                stack.push(at + 1);
                continue;
            }
            let mut best = (-1.0, u32::MAX);
            for block in node.begin as usize..node.end as usize {
                let raws = match elsewhere {
                    None => tree.packed().raw::<Euclidean>(query, block),
                    Some((points, rows)) => looked_up(query, |lane| {
                        let slot = (block * LANES + lane).min(tree.len() - 1);
                        points.row(rows[tree.id(slot)])
                    }),
                };
                let own = &mut nearest[block - first_block];
                for lane in 0..LANES {
                    own[lane] = if raws[lane] < own[lane] { raws[lane] } else { own[lane] };
                }
                for (lane, value) in own.iter_mut().enumerate() {
                    if *value < best.0 || *value < 0.0 {
                        continue;
                    }
                    let position = tree.id(block * LANES + lane) as u32;
                    if position == picked {
                        *value = -1.0;
                    } else {
                        best = farther(best, (*value, position));
                    }
                }
            }
            largest[at - root] = best;
        }
        // Parents were visited before their children: backwards, children are done first.
        for &at in visited.iter().rev() {
            largest[at - root] = farther(largest[at + 1 - root], largest[tree.node(at).right as usize - root]);
        }
    }
}

/// Raw distances from a point to eight rows, each summed in column order as a packed block's are.
#[inline(always)]
fn looked_up<'a, T: Scalar>(query: &[f64], row: impl Fn(usize) -> &'a [T]) -> [f64; LANES] {
    let rows: [&[T]; LANES] = std::array::from_fn(row);
    let mut sums = [0.0; LANES];
    for (j, &x) in query.iter().enumerate() {
        for lane in 0..LANES {
            sums[lane] = Euclidean::add(sums[lane], x - rows[lane][j].widen());
        }
    }
    sums
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

    /// Large enough for parallel parts; a grid, so that there are ties across them.
    #[test]
    fn parallel_parts_equal_the_naive_reference() {
        let n = 40_000;
        let values: Vec<f64> = (0..n * 2).map(|i| f64::from((i as u32).wrapping_mul(2_654_435_761) >> 24)).collect();
        let points = Matrix::new(&values, n, 2).expect("shape");
        let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
        let slow = naive(&points, &rows, &[7, 90], 300);
        for in_place in [false, true] {
            let fast = traverse(&points, &rows, &[7, 90], 300, in_place, |_| Ok(())).expect("runs");
            assert_eq!((fast.order, fast.radius), (slow.order.clone(), slow.radius));
        }
    }

    proptest! {
        /// Grids make ties and duplicates; wide columns make few.
        #[test]
        fn traversal_equals_its_naive_reference(
            (d, values) in (1usize..5).prop_flat_map(|d| (Just(d), prop::collection::vec(0u8..9, d..d * 120))),
            wide in any::<bool>(), starts in prop::collection::vec(any::<prop::sample::Index>(), 1..6), part in 0.0f64..=1.0,
        ) {
            let n = values.len() / d;
            let values: Vec<f64> = values[..n * d]
                .iter()
                .enumerate()
                .map(|(i, &v)| f64::from(v) + if wide { (i as f64 * 0.7).sin() } else { 0.0 })
                .collect();
            let points = Matrix::new(&values, n, d).expect("shape");
            let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
            let mut starts: Vec<usize> = starts.iter().map(|start| start.index(n)).collect();
            starts.sort_unstable();
            starts.dedup();
            let count = ((n as f64 * part) as usize).max(starts.len());
            let slow = naive(&points, &rows, &starts, count);
            for in_place in [false, true] {
                let fast = traverse(&points, &rows, &starts, count, in_place, |_| Ok(())).expect("runs");
                prop_assert_eq!(&fast.order, &slow.order);
                prop_assert_eq!(&fast.distances[starts.len()..], &slow.distances[starts.len()..]);
                prop_assert_eq!(fast.radius, slow.radius);
            }
        }
    }
}
