//! Searches in a tree: the points within a radius, and the distance to the k-th nearest.

use std::collections::BinaryHeap;

use super::Tree;
use super::tree::{Node, Visitor};
use crate::distance::{LANES, Terms};
use crate::{Scalar, simd};

/// The scratch of searches, kept from one to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    stack: Vec<(u32, f64)>,
    /// Positions of the points found.
    pub(crate) found: Vec<u32>,
    /// Bits of the smallest raw distances found: raw distances are not negative, so their bits are ordered as they are.
    nearest: BinaryHeap<u64>,
    /// The same, and how many points are there.
    nearest_of: BinaryHeap<(u64, u32)>,
}

impl Search {
    /// Finds the points whose raw distance is at most `limit`, in no particular order.
    pub(crate) fn within<M: Terms, T: Scalar>(&mut self, tree: &Tree<T>, point: &[f64], limit: f64) {
        self.found.clear();
        let Self { stack, found, .. } = self;
        simd::run(Descent::<M, T, _> {
            tree,
            point,
            stack,
            visitor: Within { limit, found },
            metric: Default::default(),
        });
    }

    /// The raw distance to the k-th nearest point, 1 ≤ k ≤ the number of points (a point of the tree finds itself first).
    pub(crate) fn kth<M: Terms, T: Scalar>(&mut self, tree: &Tree<T>, point: &[f64], k: usize) -> f64 {
        self.nearest.clear();
        let Self { stack, nearest, .. } = self;
        simd::run(Descent::<M, T, _> {
            tree,
            point,
            stack,
            visitor: Nearest { k, nearest },
            metric: Default::default(),
        });
        self.nearest.peek().map_or(f64::INFINITY, |&bits| f64::from_bits(bits))
    }
}

impl Search {
    /// [`Self::kth`] where the point at position i counts `times[i]` ≥ 1 times.
    pub(crate) fn kth_of<M: Terms, T: Scalar>(
        &mut self,
        tree: &Tree<T>,
        point: &[f64],
        k: usize,
        times: &[u32],
    ) -> f64 {
        self.nearest_of.clear();
        let Self { stack, nearest_of: nearest, .. } = self;
        simd::run(Descent::<M, T, _> {
            tree,
            point,
            stack,
            visitor: NearestOf { k, nearest, times, held: 0 },
            metric: Default::default(),
        });
        self.nearest_of.peek().map_or(f64::INFINITY, |&(bits, _)| f64::from_bits(bits))
    }
}

impl Search {
    /// How many points are within each of two raw distances, the first of which is the smaller, where the point at position i
    /// counts `times[i]` times. Counting ends where the first number is `enough`.
    pub(crate) fn counts<M: Terms, T: Scalar>(
        &mut self,
        tree: &Tree<T>,
        point: &[f64],
        limits: [f64; 2],
        times: Option<&[u32]>,
        enough: usize,
    ) -> [usize; 2] {
        let mut found = [0; 2];
        let visitor = Count { limits, times, enough, found: &mut found };
        simd::run(Descent::<M, T, _> { tree, point, stack: &mut self.stack, visitor, metric: Default::default() });
        found
    }
}

/// The largest squared distance whose root is at most `radius`: comparing with it is comparing distances, to the last
/// bit.
pub(crate) fn squared_limit(radius: f64) -> f64 {
    let mut limit = (radius * radius).min(f64::MAX);
    while limit.sqrt() > radius {
        limit = limit.next_down();
    }
    while limit < f64::MAX && limit.next_up().sqrt() <= radius {
        limit = limit.next_up();
    }
    limit
}

/// A leaf's points are handed on in blocks with their raw distances.
trait Take {
    fn enter(&self, raw: f64) -> bool;
    fn take(&mut self, raw: f64, id: usize);
}

struct Within<'a> {
    limit: f64,
    found: &'a mut Vec<u32>,
}

impl Take for Within<'_> {
    #[inline(always)]
    fn enter(&self, raw: f64) -> bool {
        raw <= self.limit
    }

    #[inline(always)]
    fn take(&mut self, raw: f64, id: usize) {
        if raw <= self.limit {
            self.found.push(id as u32);
        }
    }
}

struct Count<'a> {
    limits: [f64; 2],
    times: Option<&'a [u32]>,
    enough: usize,
    found: &'a mut [usize; 2],
}

impl Take for Count<'_> {
    #[inline(always)]
    fn enter(&self, raw: f64) -> bool {
        raw <= self.limits[1] && self.found[0] < self.enough
    }

    #[inline(always)]
    fn take(&mut self, raw: f64, id: usize) {
        let times = self.times.map_or(1, |times| times[id] as usize);
        for (found, limit) in self.found.iter_mut().zip(self.limits) {
            *found += if raw <= limit { times } else { 0 };
        }
    }
}

struct Nearest<'a> {
    k: usize,
    nearest: &'a mut BinaryHeap<u64>,
}

impl Take for Nearest<'_> {
    #[inline(always)]
    fn enter(&self, raw: f64) -> bool {
        self.nearest.len() < self.k || self.nearest.peek().is_some_and(|&worst| raw.to_bits() < worst)
    }

    #[inline(always)]
    fn take(&mut self, raw: f64, _: usize) {
        if self.enter(raw) {
            if self.nearest.len() == self.k {
                self.nearest.pop();
            }
            self.nearest.push(raw.to_bits());
        }
    }
}

/// The fewest nearest points that are k or more by their times.
struct NearestOf<'a> {
    k: usize,
    nearest: &'a mut BinaryHeap<(u64, u32)>,
    times: &'a [u32],
    /// The sum of the times of those held.
    held: usize,
}

impl Take for NearestOf<'_> {
    #[inline(always)]
    fn enter(&self, raw: f64) -> bool {
        self.held < self.k || self.nearest.peek().is_some_and(|&(worst, _)| raw.to_bits() < worst)
    }

    #[inline(always)]
    fn take(&mut self, raw: f64, id: usize) {
        if self.enter(raw) {
            self.nearest.push((raw.to_bits(), self.times[id]));
            self.held += self.times[id] as usize;
            while let Some(&(_, farthest)) = self.nearest.peek()
                && self.held - farthest as usize >= self.k
            {
                self.nearest.pop();
                self.held -= farthest as usize;
            }
        }
    }
}

/// One search: the body that is compiled for each instruction set.
struct Descent<'a, M, T, V> {
    tree: &'a Tree<T>,
    point: &'a [f64],
    stack: &'a mut Vec<(u32, f64)>,
    visitor: V,
    metric: std::marker::PhantomData<M>,
}

impl<M: Terms, T: Scalar, V: Take> simd::Kernel for Descent<'_, M, T, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { tree, point, stack, mut visitor, .. } = self;
        let mut leaves = Leaves::<M, T, V> { tree, point, visitor: &mut visitor, metric: Default::default() };
        tree.descend::<M>(point, stack, &mut leaves);
    }
}

struct Leaves<'a, M, T, V> {
    tree: &'a Tree<T>,
    point: &'a [f64],
    visitor: &'a mut V,
    metric: std::marker::PhantomData<M>,
}

impl<M: Terms, T: Scalar, V: Take> Visitor for Leaves<'_, M, T, V> {
    #[inline(always)]
    fn enter(&mut self, _: usize, raw: f64) -> bool {
        self.visitor.enter(raw)
    }

    #[inline(always)]
    fn leaf(&mut self, node: Node) {
        for block in node.begin as usize..node.end as usize {
            let raws = self.tree.packed().raw::<M>(self.point, block);
            for lane in 0..LANES.min(self.tree.len() - block * LANES) {
                self.visitor.take(raws[lane], self.tree.id(block * LANES + lane));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Euclidean, raw};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn neighbors_are_those_of_a_scan(
            (d, values) in (1usize..5).prop_flat_map(|d| (Just(d), prop::collection::vec(0u8..12, d..(d * 300)))),
            radius in 0.0f64..9.0,
            k in 1usize..80,
        ) {
            let rows: Vec<Vec<f64>> = values.chunks_exact(d).map(|r| r.iter().map(|&v| f64::from(v)).collect()).collect();
            let tree = Tree::new(rows.len(), d, |i| rows[i].as_slice(), &|| Ok(())).expect("not cancelled");
            let query = &rows[rows.len() / 2];
            let mut raws: Vec<f64> = rows.iter().map(|r| raw::<Euclidean, f64, f64>(query, r)).collect();
            let mut search = Search::default();
            search.within::<Euclidean, f64>(&tree, query, squared_limit(radius));
            search.found.sort_unstable();
            let scan: Vec<u32> = (0..rows.len() as u32).filter(|&i| raws[i as usize].sqrt() <= radius).collect();
            prop_assert_eq!(&search.found, &scan);
            raws.sort_unstable_by(f64::total_cmp);
            let k = k.min(rows.len());
            prop_assert_eq!(search.kth::<Euclidean, f64>(&tree, query, k), raws[k - 1]);
            // The same of each point many times.
            let times: Vec<u32> = (0..rows.len() as u32).map(|i| 1 + i * 7 % 5).collect();
            let mut many: Vec<f64> = rows
                .iter()
                .zip(&times)
                .flat_map(|(r, &times)| std::iter::repeat_n(raw::<Euclidean, f64, f64>(query, r), times as usize))
                .collect();
            many.sort_unstable_by(f64::total_cmp);
            prop_assert_eq!(search.kth_of::<Euclidean, f64>(&tree, query, k, &times), many[k - 1]);
            let limits = [squared_limit(0.5 * radius), squared_limit(radius)];
            let within = |of: &[f64]| limits.map(|limit| of.iter().filter(|raw| **raw <= limit).count());
            prop_assert_eq!(search.counts::<Euclidean, f64>(&tree, query, limits, None, usize::MAX), within(&raws));
            let counts = search.counts::<Euclidean, f64>(&tree, query, limits, Some(&times), usize::MAX);
            prop_assert_eq!(counts, within(&many));
            let some = search.counts::<Euclidean, f64>(&tree, query, limits, Some(&times), k);
            prop_assert_eq!(some[0] >= k, counts[0] >= k);
        }

        #[test]
        fn squared_limit_is_the_radius(radius in 0.0f64..1e3) {
            let limit = squared_limit(radius);
            prop_assert!(limit.sqrt() <= radius && limit.next_up().sqrt() > radius);
        }
    }
}
