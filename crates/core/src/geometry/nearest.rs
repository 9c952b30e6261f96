//! The k nearest points of every point, exactly: of equal distances those of the lowest ids.
//!
//! In few dimensions each query descends the tree of points by itself, and most of the tree is skipped. From [`TILED`] columns on little can be
//! skipped, so queries are taken leaf by leaf: the queries of a leaf walk the tree together, and where they come to a node of few points, all pairs
//! are compared in f32 with a certified bound ([`crate::distance::tiles`]). The k best bounds so far say which points may be among the k nearest;
//! in the end only their distances are computed in f64.
//!
//! A node is skipped if its box is farther than the k-th nearest point so far, from the query or from the box of the queries; computed distances to
//! boxes are at most the computed distances to their points, to the last bit.

use rayon::prelude::*;

use super::Tree;
use super::tree::{Node, Visitor, leaf_slots};
use crate::distance::tiles::{Frame, GROUP, Panels, Query, WIDTH, any_from};
use crate::distance::{Euclidean, LANES};
use crate::{Look, Result, Scalar, simd};

/// Columns from which on the queries of a leaf go together.
const TILED: usize = 10;

/// Points that are compared with a leaf of queries at once, at most: a box of fewer says more, and panels are full of more.
const TOGETHER: usize = 128;

/// The nearest points so far, ascending: bits of squared distances (they are not negative, so their bits are ordered as they
/// are), and ids.
type Nearest = Vec<(u64, u32)>;

/// The k nearest of some points to each query by the Euclidean distance, nearest first, of equals the lowest first: positions
/// of points, queries × min(k, points). Points and queries are rows of `columns` values. Exact.
///
/// # Errors
/// That of `look`.
///
/// # Panics
/// If there is no point, or no column.
pub fn nearest(points: &[f64], queries: &[f64], columns: usize, k: usize, look: Look<'_>) -> Result<Vec<u32>> {
    let [count, queried] = [points.len() / columns, queries.len() / columns];
    assert!(count > 0, "a point to be near to");
    let k = k.min(count);
    if k == 0 || queried == 0 {
        return Ok(Vec::new());
    }
    let point = |i: usize| &points[i * columns..][..columns];
    let ids: Vec<u32> = (0..count as u32).collect();
    let tree = Tree::new(count, columns, point, look)?;
    let of_queries = Tree::new(queried, columns, |i| &queries[i * columns..][..columns], look)?;
    // A query is no point.
    let query_ids = vec![u32::MAX; queried];
    let list = |_: usize, found: &mut dyn Iterator<Item = u32>| found.collect::<Vec<u32>>();
    let points = Points::new(&tree, &ids, point, look)?;
    Ok(points.of_each(&of_queries, &query_ids, k, list, |_| look())?.concat())
}

/// Points to be found, and what they are called: `ids` are of the caller's positions, and different.
pub(crate) struct Points<'a, T> {
    tree: &'a Tree<T>,
    ids: &'a [u32],
    /// The least id below each node.
    least: Vec<u32>,
    tiles: Option<Tiles>,
}

/// The points in f32.
struct Tiles {
    frame: Frame,
    panels: Panels,
    /// The first panel of each node whose points are compared at once: every one begins a panel.
    first: Vec<u32>,
    /// The slot of each place.
    slots: Vec<u32>,
}

/// The slots of a node.
fn slots_of<T: Scalar>(tree: &Tree<T>, node: Node) -> std::ops::Range<usize> {
    node.begin as usize * LANES..(node.end as usize * LANES).min(tree.len())
}

/// Whether the points of a node are compared at once.
fn is_whole<T: Scalar>(tree: &Tree<T>, node: Node) -> bool {
    node.right == 0 || slots_of(tree, node).len() <= TOGETHER
}

impl Tiles {
    fn new<'r, T: Scalar>(tree: &Tree<T>, row: impl Fn(usize) -> &'r [T] + Sync, look: Look<'_>) -> Result<Self> {
        let columns = tree.packed().columns();
        let mut first = vec![0; tree.nodes().len()];
        // Slots of points, and places beyond the last one of a node.
        let mut slots: Vec<u32> = Vec::with_capacity(tree.len() + tree.len() / 2);
        let mut stack = vec![0];
        while let Some(at) = stack.pop() {
            let node = tree.node(at);
            if is_whole(tree, node) {
                first[at] = (slots.len() / WIDTH) as u32;
                slots.extend(slots_of(tree, node).map(|slot| slot as u32));
                slots.resize(slots.len().next_multiple_of(WIDTH), u32::MAX);
            } else {
                stack.extend([node.right as usize, at + 1]);
            }
        }
        let frame = Frame::of(columns, (0..tree.len()).map(&row), look)?;
        let point = |place: usize| (slots[place] != u32::MAX).then(|| row(tree.id(slots[place] as usize)));
        let panels = Panels::new(&frame, slots.len(), point, look)?;
        Ok(Self { frame, panels, first, slots })
    }
}

impl<'a, T: Scalar> Points<'a, T> {
    /// `row(i)` is the caller's point i.
    ///
    /// # Errors
    /// That of `look`.
    pub(crate) fn new<'r>(
        tree: &'a Tree<T>,
        ids: &'a [u32],
        row: impl Fn(usize) -> &'r [T] + Sync,
        look: Look<'_>,
    ) -> Result<Self>
    where
        T: 'r,
    {
        let mut least = vec![u32::MAX; tree.nodes().len()];
        // Children come after their parents.
        for at in (0..least.len()).rev() {
            let node = tree.node(at);
            least[at] = if node.right == 0 {
                let slots = node.begin as usize * LANES..(node.end as usize * LANES).min(tree.len());
                slots.map(|slot| ids[tree.id(slot)]).min().unwrap_or(u32::MAX)
            } else {
                least[at + 1].min(least[node.right as usize])
            };
        }
        look()?;
        let tiles = if tree.packed().columns() >= TILED { Some(Tiles::new(tree, row, look)?) } else { None };
        Ok(Self { tree, ids, least, tiles })
    }

    /// Takes the points of a block that are among the k nearest so far; only those whose bit is set can be.
    #[inline(always)]
    fn look(&self, row: &[f64], block: usize, possible: u32, own_id: u32, k: usize, own: &mut Nearest) {
        let raws = self.tree.packed().raw::<Euclidean>(row, block);
        let worst = own.get(k - 1).map_or(f64::INFINITY, |worst| f64::from_bits(worst.0));
        if raws.iter().all(|&raw| raw > worst) {
            return;
        }
        for (lane, &raw) in raws.iter().enumerate().take(self.tree.len() - block * LANES) {
            let id = self.ids[self.tree.id(block * LANES + lane)];
            if possible >> lane & 1 == 1 && id != own_id && can_enter(own, k, raw, id) {
                let new = (raw.to_bits(), id);
                own.truncate(k - 1);
                own.insert(own.partition_point(|other| *other < new), new);
            }
        }
    }

    /// For every query, the `k` nearest points of other ids: `found(position of the query, ids, nearest first)`. Results are in
    /// the order of the caller's positions.
    pub(crate) fn of_each<R: Default + Clone + Send>(
        &self,
        queries: &Tree<T>,
        query_ids: &[u32],
        k: usize,
        found: impl Fn(usize, &mut dyn Iterator<Item = u32>) -> R + Sync,
        step: impl Fn(u64) -> Result<()> + Sync,
    ) -> Result<Vec<R>> {
        self.of_each_within(queries, query_ids, k, f64::INFINITY, found, step)
    }

    /// As [`Self::of_each`], of points whose squared distance is at most `limit`: there may be fewer than k.
    pub(crate) fn of_each_within<R: Default + Clone + Send>(
        &self,
        queries: &Tree<T>,
        query_ids: &[u32],
        k: usize,
        limit: f64,
        found: impl Fn(usize, &mut dyn Iterator<Item = u32>) -> R + Sync,
        step: impl Fn(u64) -> Result<()> + Sync,
    ) -> Result<Vec<R>> {
        let leaves: Vec<usize> = (0..queries.nodes().len()).filter(|&at| queries.node(at).right == 0).collect();
        let of_leaf = |&leaf: &usize| {
            let node = queries.node(leaf);
            let count = (node.end as usize * LANES).min(queries.len()) - node.begin as usize * LANES;
            let search = Search { points: self, queries, query_ids, leaf, count, k, limit, look: &|| step(0) };
            let nearest = simd::run_bounds(search)?;
            step(count as u64)?;
            let position = |at: usize| queries.id(node.begin as usize * LANES + at);
            let result = |(at, own): (usize, &Nearest)| {
                let position = position(at);
                (position, found(position, &mut own.iter().map(|&(_, id)| id).filter(|&id| id != NONE)))
            };
            Ok(nearest.iter().enumerate().map(result).collect::<Vec<_>>())
        };
        let parts: Result<Vec<_>> = leaves.par_iter().map(of_leaf).collect();
        let mut results = vec![R::default(); queries.len()];
        for (position, result) in parts?.into_iter().flatten() {
            results[position] = result;
        }
        Ok(results)
    }
}

/// Bytes of the tree of `len` points, and of [`Points`] to be found among them.
pub(crate) fn memory(len: usize, columns: usize, scalar_bytes: usize) -> u64 {
    let tiles =
        if columns >= TILED { Panels::memory(leaf_slots(len), columns) + 4 * leaf_slots(len) as u64 } else { 0 };
    super::memory(len, columns, scalar_bytes) + tiles
}

/// The id of the places that the limit of a search holds: beyond every point.
const NONE: u32 = u32::MAX;

/// The search of one leaf of queries: the body that is compiled for each instruction set.
struct Search<'a, T> {
    points: &'a Points<'a, T>,
    queries: &'a Tree<T>,
    query_ids: &'a [u32],
    leaf: usize,
    count: usize,
    k: usize,
    limit: f64,
    look: Look<'a>,
}

/// Whether points at this distance or beyond, of these ids or higher, can be among the k nearest.
#[inline(always)]
fn can_enter(own: &Nearest, k: usize, raw: f64, least: u32) -> bool {
    match own.get(k - 1) {
        None => true,
        Some(&worst) => (raw.to_bits(), least) < worst,
    }
}

impl<T: Scalar> simd::Bounds for Search<'_, T> {
    type Output = Result<Vec<Nearest>>;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> Self::Output {
        let Self { points, queries, query_ids, leaf, count, k, limit, look } = self;
        let (tree, node) = (points.tree, queries.node(leaf));
        let columns = tree.packed().columns();
        let slot = |at: usize| node.begin as usize * LANES + at;
        let (low, high) = queries.corners(leaf);
        let mut rows = vec![0.0; count * columns];
        let mut row = vec![T::default(); columns];
        for (at, out) in rows.chunks_exact_mut(columns).enumerate() {
            queries.packed().copy_row(slot(at), &mut row);
            out.iter_mut().zip(&row).for_each(|(out, v)| *out = v.widen());
        }
        let own_ids: Vec<u32> = (0..count).map(|at| query_ids[queries.id(slot(at))]).collect();
        // A limit is k points at that distance, which all others come before.
        let held = if limit.is_finite() { k } else { 0 };
        let none = || {
            let mut own: Nearest = Vec::with_capacity(k + 1);
            own.resize(held, (limit.to_bits(), NONE));
            own
        };
        let mut nearest: Vec<Nearest> = (0..count).map(|_| none()).collect();
        let Some(tiles) = &points.tiles else {
            let mut stack = Vec::new();
            for (at, own) in nearest.iter_mut().enumerate() {
                look()?;
                let row = &rows[at * columns..][..columns];
                tree.descend::<Euclidean>(row, &mut stack, &mut Alone { points, row, own_id: own_ids[at], k, own });
            }
            return Ok(nearest);
        };
        let mut values = vec![0.0; rows.len()];
        let new = |(at, (row, out)): (usize, (&[f64], &mut [f32]))| {
            let query = tiles.frame.query(row, out);
            let cutoff = if limit.is_finite() { query.possible(&tiles.frame, limit) } else { f32::MIN };
            Shortlist { own_id: own_ids[at], query, top: Vec::with_capacity(k + 1), held: Vec::new(), cutoff }
        };
        let outs = rows.chunks_exact(columns).zip(values.chunks_exact_mut(columns));
        let mut lists: Vec<Shortlist> = outs.enumerate().map(new).collect();
        let single = |query: usize| &values[query * columns..][..columns];
        let row = |query: usize| &rows[query * columns..][..columns];
        // Nodes, the nearest one on top, and how far their boxes are from that of the queries.
        let mut stack = vec![(0usize, tree.raw_between(0, low, high))];
        while let Some((at, bound)) = stack.pop() {
            let enters = |(list, own): (&Shortlist, &Nearest)| {
                list.most(&tiles.frame, k) >= bound && can_enter(own, k, bound, points.least[at])
            };
            if !lists.iter().zip(&nearest).any(enters) {
                continue;
            }
            let of_points = tree.node(at);
            if !is_whole(tree, of_points) {
                let [left, right] =
                    [at + 1, of_points.right as usize].map(|node| (node, tree.raw_between(node, low, high)));
                stack.extend(if left.1 <= right.1 { [right, left] } else { [left, right] });
                continue;
            }
            look()?;
            let first = tiles.first[at] as usize;
            for panel in first..first + slots_of(tree, of_points).len().div_ceil(WIDTH) {
                for group in (0..count).step_by(GROUP) {
                    let own: [&[f32]; GROUP] = std::array::from_fn(|q| single((group + q).min(count - 1)));
                    let scores = tiles.panels.scores::<FUSED>(own, panel);
                    for (scores, query) in scores.iter().zip(group..count.min(group + GROUP)) {
                        let list = &mut lists[query];
                        if any_from(scores, list.cutoff) {
                            list.take(points, tiles, scores, panel, k);
                            if list.held.len() > HELD + 4 * k {
                                list.settle(points, tiles, row(query), k, &mut nearest[query]);
                            }
                        }
                    }
                }
            }
        }
        for (query, (list, own)) in lists.iter_mut().zip(&mut nearest).enumerate() {
            list.settle(points, tiles, row(query), k, own);
        }
        Ok(nearest)
    }
}

/// Points held until their distances are computed, beside a few for each neighbour.
const HELD: usize = 64;

/// What a query has seen of the points in f32.
struct Shortlist {
    own_id: u32,
    query: Query,
    /// The k highest scores, descending.
    top: Vec<f32>,
    /// Scores and slots of points that may be among the k nearest.
    held: Vec<(f32, u32)>,
    /// The least score of a point that may be.
    cutoff: f32,
}

impl Shortlist {
    /// The most that the k-th nearest distance is.
    #[inline(always)]
    fn most(&self, frame: &Frame, k: usize) -> f64 {
        self.top.get(k - 1).map_or(f64::INFINITY, |&score| self.query.at_most(frame, score))
    }

    /// Takes the scores of a panel.
    #[inline(always)]
    fn take<T: Scalar>(
        &mut self,
        points: &Points<'_, T>,
        tiles: &Tiles,
        scores: &[f32; WIDTH],
        panel: usize,
        k: usize,
    ) {
        for (lane, &score) in scores.iter().enumerate() {
            if score < self.cutoff {
                continue;
            }
            let slot = tiles.slots[panel * WIDTH + lane];
            if points.ids[points.tree.id(slot as usize)] == self.own_id {
                continue;
            }
            self.held.push((score, slot));
            if self.top.len() < k || self.top[k - 1] < score {
                self.top.truncate(k - 1);
                self.top.insert(self.top.partition_point(|&other| other > score), score);
                if self.top.len() == k {
                    let most = self.query.at_most(&tiles.frame, self.top[k - 1]);
                    self.cutoff = self.cutoff.max(self.query.possible(&tiles.frame, most));
                }
            }
        }
    }

    /// Computes the distances of the points held, block by block, and keeps the k nearest.
    #[inline(always)]
    fn settle<T: Scalar>(&mut self, points: &Points<'_, T>, tiles: &Tiles, row: &[f64], k: usize, own: &mut Nearest) {
        let cutoff = self.cutoff;
        self.held.retain(|held| held.0 >= cutoff);
        self.held.sort_unstable_by_key(|held| held.1);
        let block = |slot: u32| slot as usize / LANES;
        for held in self.held.chunk_by(|a, b| block(a.1) == block(b.1)) {
            let possible = held.iter().fold(0, |bits, held| bits | 1 << (held.1 as usize % LANES));
            points.look(row, block(held[0].1), possible, self.own_id, k, own);
        }
        self.held.clear();
        if let Some(worst) = own.get(k - 1) {
            let possible = self.query.possible(&tiles.frame, f64::from_bits(worst.0));
            self.cutoff = self.cutoff.max(possible);
        }
    }
}

/// A query that descends the tree by itself.
struct Alone<'a, T> {
    points: &'a Points<'a, T>,
    row: &'a [f64],
    own_id: u32,
    k: usize,
    own: &'a mut Nearest,
}

impl<T: Scalar> Visitor for Alone<'_, T> {
    #[inline(always)]
    fn enter(&mut self, node: usize, raw: f64) -> bool {
        can_enter(self.own, self.k, raw, self.points.least[node])
    }

    #[inline(always)]
    fn leaf(&mut self, node: Node) {
        for block in node.begin as usize..node.end as usize {
            self.points.look(self.row, block, u32::MAX, self.own_id, self.k, self.own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::raw;
    use proptest::prelude::*;

    /// As [`nearest`], by the definition.
    fn scan(points: &[Vec<f64>], query: &[f64], k: usize, other: impl Fn(usize) -> bool) -> Vec<u32> {
        let raws =
            (0..points.len()).filter(|&j| other(j)).map(|j| (raw::<Euclidean, f64, f64>(query, &points[j]), j as u32));
        let mut raws: Vec<(f64, u32)> = raws.collect();
        raws.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        raws.iter().take(k).map(|own| own.1).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        /// Where leaves are compared in f32 first: plain, on a grid, far from the origin, in clusters that are far apart, and f32.
        #[test]
        fn nearest_points_in_many_columns_are_those_of_a_scan(
            (d, values) in prop::sample::select(vec![5usize, 6, 16, 33, 270])
                .prop_flat_map(|d| (Just(d), prop::collection::vec(-1.0f64..1.0, d..d * 150))),
            kind in 0u8..4,
            k in 1usize..14,
            every in 1usize..4,
        ) {
            let place = |(i, v): (usize, &f64)| match kind {
                0 => *v,
                1 => (v * 2.0).round(),
                2 => v + 1e7,
                _ => v * 1e-5 + (i / d % 3) as f64 * 1e3,
            };
            let values: Vec<f64> = values.iter().enumerate().map(place).collect();
            let rows: Vec<Vec<f64>> = values.chunks_exact(d).map(<[f64]>::to_vec).collect();
            let some: Vec<Vec<f64>> = rows.iter().step_by(every).cloned().collect();
            let found = nearest(&some.concat(), &rows.concat(), d, k, &|| Ok(())).expect("not cancelled");
            let per_row = k.min(some.len());
            for (row, own) in rows.iter().zip(found.chunks_exact(per_row)) {
                prop_assert_eq!(own, scan(&some, row, k, |_| true));
            }
            let single: Vec<Vec<f32>> = rows.iter().map(|r| r.iter().map(|&v| v as f32).collect()).collect();
            let wide: Vec<Vec<f64>> = single.iter().map(|r| r.iter().map(|&v| f64::from(v)).collect()).collect();
            let ids: Vec<u32> = (0..rows.len() as u32).collect();
            let tree = Tree::new(rows.len(), d, |i| single[i].as_slice(), &|| Ok(())).expect("not cancelled");
            let list = |_: usize, found: &mut dyn Iterator<Item = u32>| found.collect::<Vec<u32>>();
            let points = Points::new(&tree, &ids, |i| single[i].as_slice(), &|| Ok(())).expect("not cancelled");
            let found = points.of_each(&tree, &ids, k, list, |_| Ok(())).expect("not cancelled");
            for (i, own) in found.iter().enumerate() {
                prop_assert_eq!(own, &scan(&wide, &wide[i], k, |j| j != i));
            }
        }

        /// Grids make ties and equal rows.
        #[test]
        fn nearest_points_are_those_of_a_scan(
            (d, values) in (1usize..5).prop_flat_map(|d| (Just(d), prop::collection::vec(0u8..40, d..(d * 200)))),
            step in prop::sample::select(vec![1.0, 5.0, 11.0, 41.0]),
            k in 1usize..14,
            every in 1usize..4,
        ) {
            let value = |v: &u8| (f64::from(*v) / step).round();
            let rows: Vec<Vec<f64>> = values.chunks_exact(d).map(|r| r.iter().map(value).collect()).collect();
            let ids: Vec<u32> = (0..rows.len() as u32).collect();
            let some: Vec<u32> = ids.iter().copied().step_by(every).collect();
            let queries = Tree::new(rows.len(), d, |i| rows[i].as_slice(), &|| Ok(())).expect("not cancelled");
            let tree = Tree::new(some.len(), d, |i| rows[some[i] as usize].as_slice(), &|| Ok(()));
            let tree = tree.expect("not cancelled");
            let list = |_: usize, found: &mut dyn Iterator<Item = u32>| found.collect::<Vec<u32>>();
            let points = Points::new(&tree, &some, |i| rows[some[i] as usize].as_slice(), &|| Ok(()));
            let points = points.expect("not cancelled");
            let found = points.of_each(&queries, &ids, k, list, |_| Ok(())).expect("not cancelled");
            for (i, own) in found.iter().enumerate() {
                let of_some = |j: usize| j != i && j.is_multiple_of(every);
                prop_assert_eq!(own, &scan(&rows, &rows[i], k, of_some), "row {}", i);
            }
        }
    }
}
