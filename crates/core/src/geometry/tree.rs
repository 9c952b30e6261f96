//! A kd-tree of runtime dimension whose leaves are blocks of eight rows.
//!
//! Problem: among n points of d columns, find those that can be nearer to a query than a bound.
//!
//! Nodes are split at the median of their widest column, so the shape depends on n alone and identical points do no
//! harm; every node keeps the bounding box of its points. The computed distance to a box is at most the computed
//! distance to any point in it, to the last bit (see [`crate::distance`]), so pruning is exact. Building costs
//! O(n log n · d) in parallel; memory is n·d coordinates plus about n/8 boxes of 2d numbers.

use crate::distance::{LANES, Packed, Terms, raw_to_box};
use crate::monitor::Pace;
use crate::{Look, Result, Scalar};

/// Rows of a leaf at most: four blocks.
const LEAF: usize = 4 * LANES;

/// Below this many points a subtree is built on one thread.
const SPLIT_WORK: usize = 4096;

/// A node: its blocks, and its right child (the left one follows it).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Node {
    /// First block.
    pub(crate) begin: u32,
    /// One beyond the last block.
    pub(crate) end: u32,
    /// The right child, or 0 for a leaf.
    pub(crate) right: u32,
}

/// The tree. Slots are positions in leaf order; `ids` maps them to the caller's positions.
#[derive(Clone, Debug)]
pub(crate) struct Tree<T> {
    packed: Packed<T>,
    ids: Vec<u32>,
    nodes: Vec<Node>,
    /// Low and high corner of each node, 2d numbers a node.
    boxes: Vec<f64>,
    columns: usize,
}

/// How many of `len` points go left: half, in whole blocks, so that only the very last block is padded.
fn left_of(len: usize) -> usize {
    (len / 2).next_multiple_of(LANES)
}

/// Nodes of a tree of `len` points.
fn node_count(len: usize) -> usize {
    if len <= LEAF {
        return 1;
    }
    let left = left_of(len);
    1 + node_count(left) + node_count(len - left)
}

/// Slots of the leaves of a tree of `len` points, if every leaf were full.
pub(super) fn leaf_slots(len: usize) -> usize {
    node_count(len).div_ceil(2) * LEAF
}

/// Bytes of a tree of `len` points.
pub(crate) fn memory(len: usize, columns: usize, scalar_bytes: usize) -> u64 {
    let nodes = (len / (LEAF / 2)).max(1) * 2;
    (len * (columns * scalar_bytes + 4) + nodes * (16 * columns + 12)) as u64
}

impl<T: Scalar> Tree<T> {
    /// A tree of `len` ≥ 1 points; `row(i)` gives the coordinates of the caller's point i.
    ///
    /// # Errors
    /// That of `look`.
    pub(crate) fn new<'a>(
        len: usize,
        columns: usize,
        row: impl Fn(usize) -> &'a [T] + Sync,
        look: Look<'_>,
    ) -> Result<Self> {
        // Callers index points of one table, and tables are of at most u32::MAX rows.
        let mut ids: Vec<u32> = (0..len as u32).collect();
        let count = node_count(len);
        let mut nodes = vec![Node::default(); count];
        let mut boxes = vec![0.0; count * 2 * columns];
        build(&mut ids, &mut nodes, &mut boxes, (0, 0), columns, &row, look)?;
        let packed = Packed::gather(len, columns, |slot| row(ids[slot] as usize), look)?;
        Ok(Self { packed, ids, nodes, boxes, columns })
    }

    pub(crate) fn packed(&self) -> &Packed<T> {
        &self.packed
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The caller's position of the point in a slot.
    #[inline(always)]
    pub(crate) fn id(&self, slot: usize) -> usize {
        self.ids[slot] as usize
    }

    #[inline(always)]
    pub(crate) fn node(&self, node: usize) -> Node {
        self.nodes[node]
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The raw distance from a point to a node's box.
    #[inline(always)]
    pub(crate) fn raw_to_node<M: Terms>(&self, point: &[f64], node: usize) -> f64 {
        let (low, high) = self.corners(node);
        raw_to_box::<M>(point, low, high)
    }

    /// Low and high corner of a node's box.
    #[inline(always)]
    pub(crate) fn corners(&self, node: usize) -> (&[f64], &[f64]) {
        self.boxes[node * 2 * self.columns..][..2 * self.columns].split_at(self.columns)
    }

    /// At least nearly the squared distance from a node's box to another box, and at most the computed one between any points of both: it is
    /// summed in lanes, and less than rounding takes is taken off.
    #[inline(always)]
    pub(crate) fn raw_between(&self, node: usize, low: &[f64], high: &[f64]) -> f64 {
        let (own_low, own_high) = self.corners(node);
        let apart = |j: usize| (own_low[j] - high[j]).max(low[j] - own_high[j]).max(0.0);
        let (low, high) = (&low[..own_low.len()], &high[..own_low.len()]);
        debug_assert!(low.len() == own_high.len() && high.len() == low.len());
        let mut sums = [0.0; 4];
        let whole = low.len() / 4 * 4;
        for j in (0..whole).step_by(4) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                let apart = apart(j + lane);
                *sum += apart * apart;
            }
        }
        for j in whole..low.len() {
            sums[j - whole] += apart(j) * apart(j);
        }
        (sums[0] + sums[1] + sums[2] + sums[3]) * (1.0 - 1e-11)
    }

    /// Visits leaves, nearer children first, as long as `enter(node, raw distance to its box)` says so; `leaf(node)`
    /// receives those that are entered. `stack` is scratch.
    #[inline(always)]
    pub(crate) fn descend<M: Terms>(&self, point: &[f64], stack: &mut Vec<(u32, f64)>, visitor: &mut impl Visitor) {
        stack.clear();
        stack.push((0, self.raw_to_node::<M>(point, 0)));
        while let Some((at, bound)) = stack.pop() {
            if !visitor.enter(at as usize, bound) {
                continue;
            }
            let node = self.nodes[at as usize];
            if node.right == 0 {
                visitor.leaf(node);
                continue;
            }
            let (left, right) = (at + 1, node.right);
            let (a, b) = (self.raw_to_node::<M>(point, left as usize), self.raw_to_node::<M>(point, right as usize));
            if a <= b {
                stack.push((right, b));
                stack.push((left, a));
            } else {
                stack.push((left, a));
                stack.push((right, b));
            }
        }
    }
}

/// Decides where a descent goes, and sees the leaves it comes to.
pub(crate) trait Visitor {
    /// Whether to go into a node whose box is at this raw distance. Implementations are `#[inline(always)]`.
    fn enter(&mut self, node: usize, raw: f64) -> bool;
    /// A leaf that was entered. Implementations are `#[inline(always)]`.
    fn leaf(&mut self, node: Node);
}

/// Builds the subtree of `ids`, whose first block is `begin` and whose root, node `at`, is the first of `nodes`.
fn build<'a, T: Scalar>(
    ids: &mut [u32],
    nodes: &mut [Node],
    boxes: &mut [f64],
    (at, begin): (usize, usize),
    columns: usize,
    row: &(impl Fn(usize) -> &'a [T] + Sync),
    look: Look<'_>,
) -> Result<()> {
    let (own, boxes) = boxes.split_at_mut(2 * columns);
    let (low, high) = own.split_at_mut(columns);
    low.fill(f64::INFINITY);
    high.fill(f64::NEG_INFINITY);
    let mut pace = Pace::new(look);
    for &id in ids.iter() {
        pace.work(columns)?;
        for (j, v) in row(id as usize).iter().enumerate() {
            let v = v.widen();
            low[j] = low[j].min(v);
            high[j] = high[j].max(v);
        }
    }
    let blocks = ids.len().div_ceil(LANES);
    nodes[0] = Node { begin: begin as u32, end: (begin + blocks) as u32, right: 0 };
    if ids.len() <= LEAF {
        ids.sort_unstable();
        return Ok(());
    }
    // The widest column; of equals the first.
    let widest = (0..columns).fold(0, |w, j| if high[j] - low[j] > high[w] - low[w] { j } else { w });
    let middle = left_of(ids.len());
    ids.select_nth_unstable_by(middle, |&a, &b| {
        let of = |id: u32| row(id as usize)[widest].widen();
        of(a).total_cmp(&of(b)).then(a.cmp(&b))
    });
    let (left_ids, right_ids) = ids.split_at_mut(middle);
    let left_count = node_count(middle);
    let (this, below) = nodes.split_at_mut(1);
    this[0].right = (at + 1 + left_count) as u32;
    let (left_nodes, right_nodes) = below.split_at_mut(left_count);
    let (left_boxes, right_boxes) = boxes.split_at_mut(left_count * 2 * columns);
    let right_begin = begin + middle / LANES;
    let parallel = left_ids.len() + right_ids.len() >= SPLIT_WORK;
    let mut left = || build(left_ids, left_nodes, left_boxes, (at + 1, begin), columns, row, look);
    let mut right =
        || build(right_ids, right_nodes, right_boxes, (at + 1 + left_count, right_begin), columns, row, look);
    if parallel {
        look()?;
        let (left, right) = rayon::join(left, right);
        left.and(right)
    } else {
        left()?;
        right()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tree_has_every_point_in_one_leaf(n in 1usize..2000, d in 1usize..4, seed in any::<u64>()) {
            let value = |i: usize| (crate::Seed(seed).unit(crate::RowId::at(i)) * 8.0).round();
            let rows: Vec<Vec<f64>> = (0..n).map(|i| (0..d).map(|j| value(i * d + j)).collect()).collect();
            let tree = Tree::new(n, d, |i| rows[i].as_slice(), &|| Ok(())).expect("nobody stops it");
            let mut every: Vec<u32> = tree.ids.clone();
            every.sort_unstable();
            prop_assert!(every.iter().enumerate().all(|(i, &id)| i == id as usize));
        }
    }
}
