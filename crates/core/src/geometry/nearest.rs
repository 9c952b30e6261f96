//! The k nearest points of every point, exactly: of equal distances those of the lowest ids.
//!
//! Queries are taken leaf by leaf: a leaf of queries walks the tree of points together, so that in many dimensions, where
//! nothing can be skipped, distances are computed in tiles, and in few dimensions most of the tree is skipped. A node is
//! skipped if its box is farther from the box of the queries than each query's k-th nearest point so far; computed
//! distances between boxes are at most the computed distances between their points, to the last bit.

use rayon::prelude::*;

use super::Tree;
use crate::distance::{Euclidean, LANES, QUERIES, squared};
use crate::{Result, Scalar, simd};

/// The nearest points so far, ascending: bits of squared distances (they are not negative, so their bits are ordered as they
/// are), and ids.
type Nearest = Vec<(u64, u32)>;

/// Points to be found, and what they are called: `ids` are of the caller's positions, and different.
pub(crate) struct Points<'a, T> {
    tree: &'a Tree<T>,
    ids: &'a [u32],
    /// The least id below each node.
    least: Vec<u32>,
}

impl<'a, T: Scalar> Points<'a, T> {
    pub(crate) fn new(tree: &'a Tree<T>, ids: &'a [u32]) -> Self {
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
        Self { tree, ids, least }
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
        let leaves: Vec<usize> = (0..queries.nodes().len()).filter(|&at| queries.node(at).right == 0).collect();
        let of_leaf = |&leaf: &usize| {
            let node = queries.node(leaf);
            let count = (node.end as usize * LANES).min(queries.len()) - node.begin as usize * LANES;
            let search = Search { points: self, queries, query_ids, leaf, count, k };
            let nearest = simd::run(search);
            step(count as u64)?;
            let position = |at: usize| queries.id(node.begin as usize * LANES + at);
            let result = |(at, own): (usize, &Nearest)| {
                let position = position(at);
                (position, found(position, &mut own.iter().map(|&(_, id)| id)))
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

/// The search of one leaf of queries: the body that is compiled for each instruction set.
struct Search<'a, T> {
    points: &'a Points<'a, T>,
    queries: &'a Tree<T>,
    query_ids: &'a [u32],
    leaf: usize,
    count: usize,
    k: usize,
}

/// Whether points at this distance or beyond, of these ids or higher, can be among the k nearest.
#[inline(always)]
fn can_enter(own: &Nearest, k: usize, raw: f64, least: u32) -> bool {
    match own.get(k - 1) {
        None => true,
        Some(&worst) => (raw.to_bits(), least) < worst,
    }
}

impl<T: Scalar> simd::Kernel for Search<'_, T> {
    type Output = Vec<Nearest>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { points, queries, query_ids, leaf, count, k } = self;
        let (tree, node) = (points.tree, queries.node(leaf));
        let columns = tree.packed().columns();
        let slot = |at: usize| node.begin as usize * LANES + at;
        let (low, high) = queries.corners(leaf);
        let centre: Vec<f64> = low.iter().zip(high).map(|(low, high)| low / 2.0 + high / 2.0).collect();
        let mut rows = vec![0.0; count * columns];
        let mut row = vec![T::default(); columns];
        for (at, out) in rows.chunks_exact_mut(columns).enumerate() {
            queries.packed().copy_row(slot(at), &mut row);
            out.iter_mut().zip(&row).for_each(|(out, v)| *out = v.widen());
        }
        let own_ids: Vec<u32> = (0..count).map(|at| query_ids[queries.id(slot(at))]).collect();
        let mut nearest: Vec<Nearest> = vec![Vec::with_capacity(k + 1); count];
        // Nodes, nearest to the centre first, and how far their boxes are from that of the queries.
        let mut stack = vec![(0usize, tree.raw_between(0, low, high))];
        while let Some((at, bound)) = stack.pop() {
            if !nearest.iter().any(|own| can_enter(own, k, bound, points.least[at])) {
                continue;
            }
            let of_points = tree.node(at);
            if of_points.right != 0 {
                let (left, right) = (at + 1, of_points.right as usize);
                let from_centre = |node| tree.raw_to_node::<Euclidean>(&centre, node);
                let (first, second) =
                    if from_centre(left) <= from_centre(right) { (left, right) } else { (right, left) };
                stack.push((second, tree.raw_between(second, low, high)));
                stack.push((first, tree.raw_between(first, low, high)));
                continue;
            }
            let wanted = |nearest: &[Nearest], at_query: usize| {
                at_query < count && {
                    let raw = tree.raw_to_node::<Euclidean>(&rows[at_query * columns..][..columns], at);
                    can_enter(&nearest[at_query], k, raw, points.least[at])
                }
            };
            for first in (0..count).step_by(QUERIES) {
                if !(first..first + QUERIES).any(|q| wanted(&nearest, q)) {
                    continue;
                }
                let block = queries.packed().block(slot(first) / LANES);
                for at_block in of_points.begin as usize..of_points.end as usize {
                    let found = squared(block, slot(first) % LANES, tree.packed().block(at_block));
                    let lanes = LANES.min(tree.len() - at_block * LANES);
                    for (q, raws) in found.iter().enumerate().take(count - first) {
                        let own = &mut nearest[first + q];
                        let worst = own.get(k - 1).map_or(f64::INFINITY, |&(bits, _)| f64::from_bits(bits));
                        if raws.iter().all(|&raw| raw > worst) {
                            continue;
                        }
                        for (lane, raw) in raws.iter().enumerate().take(lanes) {
                            let id = points.ids[tree.id(at_block * LANES + lane)];
                            if id != own_ids[first + q] && can_enter(own, k, *raw, id) {
                                let new = (raw.to_bits(), id);
                                own.truncate(k - 1);
                                own.insert(own.partition_point(|other| *other < new), new);
                            }
                        }
                    }
                }
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::raw;
    use proptest::prelude::*;

    proptest! {
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
            let queries = Tree::new(rows.len(), d, |i| rows[i].as_slice());
            let tree = Tree::new(some.len(), d, |i| rows[some[i] as usize].as_slice());
            let list = |_: usize, found: &mut dyn Iterator<Item = u32>| found.collect::<Vec<u32>>();
            let found = Points::new(&tree, &some).of_each(&queries, &ids, k, list, |_| Ok(())).expect("not cancelled");
            for (i, own) in found.iter().enumerate() {
                let mut scan: Vec<(f64, u32)> = some
                    .iter()
                    .filter(|&&j| j as usize != i)
                    .map(|&j| (raw::<Euclidean, f64, f64>(&rows[i], &rows[j as usize]), j))
                    .collect();
                scan.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                scan.truncate(k);
                prop_assert_eq!(own, &scan.iter().map(|s| s.1).collect::<Vec<_>>(), "row {}", i);
            }
        }
    }
}
