//! **Bottleneck distance** of two persistence diagrams.
//!
//! Problem: how far apart are two multisets of bars, if each bar may be matched with one of the other side or with the
//! diagonal, where bars of length 0 are?
//!
//! d_B(A, B) = min over partial matchings of the largest of: max(|b − b′|, |d − d′|) over matched bars (b, d), (b′, d′),
//! and (d − b)/2 over bars left alone. Essential bars (d = ∞) match essential bars only: in order of birth, and if one
//! side has more of them the distance is infinite.
//!
//! **Two one-sided matchings.** A threshold t is enough if and only if the bars of A with (d − b)/2 > t can all be
//! matched within t, and those of B can (Mendelsohn & Dulmage 1958: then one matching does both). Each is a search for
//! augmenting paths (Hopcroft & Karp 1973) over a small graph that shrinks as t grows. Edges are never listed: the next
//! bar within t that no path has seen is taken out of a kd-tree (Efrat, Itai & Katz 2001).
//!
//! **Exact.** The least t is found by bisection of the bit patterns of `f64`. Once a matching is found, the bound falls
//! to the largest number that it needs, and what a search has matched is where the next one begins. The result is one
//! of the distances or halves above, as `f64` computes it: no tolerance. (The distance to a box is computed to be at
//! most that to a point in it, as everywhere in [`crate::distance`].)
//!
//! Cost, for n bars: at most 63 thresholds of O(√n) rounds of O(n) searches in the tree; usually few rounds, and few
//! bars in them. Memory: O(n).
//!
//! Reference: Efrat, Itai & Katz, Algorithmica 31, 2001; Kerber, Morozov & Nigmetov, ACM Journal of Experimental
//! Algorithmics 22, 2017.

use super::Diagram;

/// How far two diagrams are apart, in the units of their scales: exactly, and infinite if they differ in the number of
/// essential bars. Births are finite. The dimensions are not looked at.
///
/// ```
/// use leanset_core::homology::{Bar, Diagram, bottleneck};
///
/// let bar = |birth, death| Bar { birth, death };
/// let a = Diagram::new(1, vec![bar(0.0, 4.0), bar(1.0, 2.0)]);
/// let b = Diagram::new(1, vec![bar(0.0, 4.5)]);
/// // The long bars are matched, at a distance of 0.5; half of the short one's life is 0.5 too.
/// assert_eq!(bottleneck(&a, &b), 0.5);
/// assert_eq!(bottleneck(&a, &Diagram::new(1, vec![])), 2.0);
/// assert_eq!(bottleneck(&a, &Diagram::new(1, vec![bar(0.0, f64::INFINITY)])), f64::INFINITY);
/// ```
pub fn bottleneck(a: &Diagram, b: &Diagram) -> f64 {
    let Some(essential) = essential(a, b) else { return f64::INFINITY };
    let (a, b) = (Side::of(a), Side::of(b));
    let alone = a.halves.iter().chain(&b.halves).copied().fold(essential, f64::max);
    let (mut there, mut back) = (Cover::new(&a, &b), Cover::new(&b, &a));
    // Of non-negative numbers, bit patterns are in the order of the numbers.
    let (mut low, mut high) = (essential.to_bits(), alone.to_bits());
    while low < high {
        let middle = low + (high - low) / 2;
        let t = f64::from_bits(middle);
        if there.within(t) && back.within(t) {
            high = there.needed(t).max(back.needed(t)).max(essential).to_bits();
        } else {
            low = middle + 1;
        }
    }
    f64::from_bits(high)
}

/// The largest difference of essential births in order, which is the best matching of numbers on a line.
fn essential(a: &Diagram, b: &Diagram) -> Option<f64> {
    let births = |diagram: &Diagram| diagram.essential().map(|bar| bar.birth).collect::<Vec<_>>();
    let (a, b) = (births(a), births(b));
    let differences = a.iter().zip(&b).map(|(x, y)| (x - y).abs());
    (a.len() == b.len()).then(|| differences.fold(0.0, f64::max))
}

/// Birth and death.
type Point = [f64; 2];

/// L∞.
fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).abs().max((a[1] - b[1]).abs())
}

/// The finite bars of a diagram, and half the persistence of each: its distance from the diagonal.
struct Side {
    points: Vec<Point>,
    halves: Vec<f64>,
}

impl Side {
    fn of(diagram: &Diagram) -> Self {
        let points = diagram.finite().map(|bar| [bar.birth, bar.death]).collect();
        let halves = diagram.finite().map(|bar| 0.5 * bar.persistence()).collect();
        Self { points, halves }
    }
}

/// No bar.
const NONE: u32 = u32::MAX;

/// A matching that covers those bars of one side that are too long to be left alone.
struct Cover<'a> {
    from: &'a Side,
    to: &'a Side,
    mate_of_from: Vec<u32>,
    mate_of_to: Vec<u32>,
    near: Near,
}

impl<'a> Cover<'a> {
    fn new(from: &'a Side, to: &'a Side) -> Self {
        let near = Near::new(to, (0..to.points.len() as u32).collect());
        let (mate_of_from, mate_of_to) = (vec![NONE; from.points.len()], vec![NONE; to.points.len()]);
        Self { from, to, mate_of_from, mate_of_to, near }
    }

    /// Whether every bar of `from` with a half above t can have a bar of `to` within t for itself.
    fn within(&mut self, t: f64) -> bool {
        // What holds of the matching before is kept.
        for i in 0..self.mate_of_from.len() {
            let mate = self.mate_of_from[i];
            if mate != NONE && (self.from.halves[i] <= t || self.length(i, mate) > t) {
                (self.mate_of_from[i], self.mate_of_to[mate as usize]) = (NONE, NONE);
            }
        }
        loop {
            let bare = |&i: &u32| self.from.halves[i as usize] > t && self.mate_of_from[i as usize] == NONE;
            let bare: Vec<u32> = (0..self.from.points.len() as u32).filter(bare).collect();
            if bare.is_empty() {
                return true;
            }
            let Some(mut layers) = self.layers(&bare, t) else { return false };
            for start in bare {
                self.augment(start, &mut layers, t);
            }
        }
    }

    /// The bars of `to` by their number of steps from a bar without a mate, up to the first that is free itself.
    fn layers(&mut self, bare: &[u32], t: f64) -> Option<Vec<Near>> {
        self.near.restore();
        let mut layers = Vec::new();
        let mut frontier = bare.to_vec();
        loop {
            let (mut layer, mut next, mut free) = (Vec::new(), Vec::new(), false);
            for &i in &frontier {
                while let Some(j) = self.near.take(self.from.points[i as usize], t) {
                    layer.push(j);
                    match self.mate_of_to[j as usize] {
                        NONE => free = true,
                        mate => next.push(mate),
                    }
                }
            }
            if layer.is_empty() {
                return None;
            }
            layers.push(Near::new(self.to, layer));
            if free {
                return Some(layers);
            }
            frontier = next;
        }
    }

    /// Looks for a path from `start` through the layers to a free bar, and changes mates along it. What has been looked
    /// at is taken out of the layers: it leads nowhere, or is on a path already.
    fn augment(&mut self, start: u32, layers: &mut [Near], t: f64) {
        let (mut path, mut via) = (vec![start], Vec::new());
        while let Some(&i) = path.last() {
            let layer = layers.get_mut(path.len() - 1);
            match layer.and_then(|near| near.take(self.from.points[i as usize], t)) {
                None => {
                    path.pop();
                    via.pop();
                }
                Some(j) => {
                    via.push(j);
                    match self.mate_of_to[j as usize] {
                        NONE => break,
                        mate => path.push(mate),
                    }
                }
            }
        }
        for (i, j) in path.into_iter().zip(via) {
            (self.mate_of_from[i as usize], self.mate_of_to[j as usize]) = (j, i);
        }
    }

    /// The least threshold for which the matching found at t is one too: the longest pair, or the largest half up to t.
    fn needed(&self, t: f64) -> f64 {
        let pairs = self.mate_of_from.iter().enumerate().filter(|&(_, &mate)| mate != NONE);
        let halves = self.from.halves.iter().copied().filter(|&half| half <= t);
        pairs.map(|(i, &mate)| self.length(i, mate)).chain(halves).fold(0.0, f64::max)
    }

    fn length(&self, from: usize, to: u32) -> f64 {
        distance(self.from.points[from], self.to.points[to as usize])
    }
}

/// Bars of a leaf at most.
const LEAF: usize = 8;

/// A kd-tree of bars that can be taken out.
struct Near {
    /// In leaf order, each with its place in the diagram; those of a leaf that are left come first.
    bars: Vec<(Point, u32)>,
    /// The left child follows its parent.
    nodes: Vec<Node>,
}

/// A node of the tree.
struct Node {
    low: Point,
    high: Point,
    begin: usize,
    end: usize,
    /// The right child, or 0 for a leaf.
    right: usize,
    /// Bars that have not been taken.
    left: usize,
}

impl Near {
    fn new(side: &Side, places: Vec<u32>) -> Self {
        let bars = places.into_iter().map(|i| (side.points[i as usize], i)).collect();
        let mut near = Self { bars, nodes: Vec::new() };
        if !near.bars.is_empty() {
            near.build(0, near.bars.len());
        }
        near
    }

    fn build(&mut self, begin: usize, end: usize) {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for (point, _) in &self.bars[begin..end] {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        let own = self.nodes.len();
        self.nodes.push(Node { low, high, begin, end, right: 0, left: end - begin });
        if end - begin > LEAF {
            let axis = usize::from(high[1] - low[1] > high[0] - low[0]);
            let middle = (end - begin) / 2;
            self.bars[begin..end].select_nth_unstable_by(middle, |a, b| a.0[axis].total_cmp(&b.0[axis]));
            self.build(begin, begin + middle);
            self.nodes[own].right = self.nodes.len();
            self.build(begin + middle, end);
        }
    }

    /// Puts back what was taken.
    fn restore(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.left = node.end - node.begin);
    }

    /// Takes out some bar within t of a point.
    fn take(&mut self, point: Point, t: f64) -> Option<u32> {
        if self.nodes.is_empty() { None } else { self.take_below(0, point, t) }
    }

    fn take_below(&mut self, at: usize, point: Point, t: f64) -> Option<u32> {
        let Node { low, high, begin, right, left, .. } = self.nodes[at];
        let outside = |axis: usize| (low[axis] - point[axis]).max(point[axis] - high[axis]);
        if left == 0 || outside(0) > t || outside(1) > t {
            return None;
        }
        let taken = if right == 0 {
            let last = begin + left - 1;
            let found = (begin..=last).find(|&i| distance(self.bars[i].0, point) <= t)?;
            self.bars.swap(found, last);
            self.bars[last].1
        } else {
            self.take_below(at + 1, point, t).or_else(|| self.take_below(right, point, t))?
        };
        self.nodes[at].left -= 1;
        Some(taken)
    }
}

/// By the definition, every matching looked at: the reference that tests compare with. O((n + 1)^n).
#[cfg(test)]
fn naive(a: &Diagram, b: &Diagram) -> f64 {
    fn finite(a: &[Point], b: &[Point], used: &mut [bool]) -> f64 {
        let half = |p: &Point| 0.5 * (p[1] - p[0]);
        let Some((first, rest)) = a.split_first() else {
            return b.iter().zip(used).filter(|(_, used)| !**used).map(|(p, _)| half(p)).fold(0.0, f64::max);
        };
        let mut best = half(first).max(finite(rest, b, used));
        for j in 0..b.len() {
            if !used[j] {
                used[j] = true;
                best = best.min(distance(*first, b[j]).max(finite(rest, b, used)));
                used[j] = false;
            }
        }
        best
    }
    fn essential(a: &[f64], b: &mut Vec<f64>) -> f64 {
        let Some((first, rest)) = a.split_first() else { return if b.is_empty() { 0.0 } else { f64::INFINITY } };
        let mut best = f64::INFINITY;
        for j in 0..b.len() {
            let birth = b.remove(j);
            best = best.min((first - birth).abs().max(essential(rest, b)));
            b.insert(j, birth);
        }
        best
    }
    let births = |d: &Diagram| d.essential().map(|bar| bar.birth).collect::<Vec<_>>();
    let points = |d: &Diagram| d.finite().map(|bar| [bar.birth, bar.death]).collect::<Vec<_>>();
    let (b_points, mut b_births) = (points(b), births(b));
    finite(&points(a), &b_points, &mut vec![false; b_points.len()]).max(essential(&births(a), &mut b_births))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::homology::Bar;
    use proptest::prelude::*;

    /// Every candidate tried in order, each by plain augmenting paths over all pairs: slow, and good for a hundred bars.
    fn by_candidates(a: &Diagram, b: &Diagram) -> f64 {
        fn augment(i: usize, edges: &[Vec<usize>], mate: &mut [Option<usize>], seen: &mut [bool]) -> bool {
            edges[i].iter().any(|&j| {
                let fresh = !std::mem::replace(&mut seen[j], true);
                let ends = fresh && mate[j].is_none_or(|other| augment(other, edges, mate, seen));
                if ends {
                    mate[j] = Some(i);
                }
                ends
            })
        }
        let (a, b) = (Side::of(a), Side::of(b));
        let covers = |from: &Side, to: &Side, t: f64| {
            let near = |p: &Point| (0..to.points.len()).filter(|&j| distance(*p, to.points[j]) <= t).collect();
            let edges: Vec<Vec<usize>> = from.points.iter().map(near).collect();
            let mut mate = vec![None; to.points.len()];
            let long = (0..from.points.len()).filter(|&i| from.halves[i] > t);
            long.into_iter().all(|i| augment(i, &edges, &mut mate, &mut vec![false; to.points.len()]))
        };
        let mut candidates: Vec<f64> = a.halves.iter().chain(&b.halves).copied().chain([0.0]).collect();
        candidates.extend(a.points.iter().flat_map(|p| b.points.iter().map(|q| distance(*p, *q))));
        candidates.sort_unstable_by(f64::total_cmp);
        let enough = candidates.partition_point(|&t| !(covers(&a, &b, t) && covers(&b, &a, t)));
        candidates[enough]
    }

    fn diagram(bars: &[(f64, f64)]) -> Diagram {
        Diagram::new(1, bars.iter().map(|&(birth, death)| Bar { birth, death }).collect())
    }

    /// Bars on a coarse grid (ties, duplicates) or not, some of them essential.
    fn bars(largest: usize, essential: bool) -> impl Strategy<Value = Diagram> {
        (prop::collection::vec((0.0f64..1.0, 0.0f64..1.0, 0u8..8), 0..=largest), any::<bool>()).prop_map(
            move |(values, grid)| {
                let on = |v: f64| if grid { (v * 6.0).round() / 4.0 } else { v };
                let bar = |&(birth, length, kind): &(f64, f64, u8)| {
                    let endless = essential && kind == 0;
                    (on(birth), if endless { f64::INFINITY } else { on(birth) + on(length) })
                };
                diagram(&values.iter().map(bar).collect::<Vec<_>>())
            },
        )
    }

    /// Some hundred bars as those of points are: most short, a few long.
    fn many(seed: u64, count: usize, born_at_zero: bool) -> Diagram {
        let mut state = seed;
        let mut unit = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let bar = |_| {
            let birth = if born_at_zero { 0.0 } else { unit() };
            let length = unit();
            (birth, birth + 0.02 + length.powi(6))
        };
        diagram(&(0..count).map(bar).collect::<Vec<_>>())
    }

    #[test]
    fn bottleneck_of_many_bars_equals_the_search_over_all_candidates() {
        for seed in 0..12 {
            for (n, m, zero) in [(150, 150, false), (200, 90, false), (120, 130, true), (40, 0, false)] {
                let (a, b) = (many(seed, n, zero), many(seed + 100, m, zero));
                let found = bottleneck(&a, &b);
                assert_eq!(found.to_bits(), by_candidates(&a, &b).to_bits(), "{n} and {m} bars, seed {seed}");
                assert_eq!(found.to_bits(), bottleneck(&b, &a).to_bits(), "{n} and {m} bars, seed {seed}: turned");
            }
        }
    }

    /// Every pair is at distance 0 or 1: sixteen million of them, which no search may list.
    #[test]
    fn bottleneck_of_thousands_of_equal_bars() {
        let equal = |bars: usize, birth: f64| vec![(birth, birth + 4.0); bars];
        let a = diagram(&[equal(3000, 0.0), equal(1000, 1.0)].concat());
        let b = diagram(&[equal(2000, 0.0), equal(2000, 1.0)].concat());
        assert_eq!(bottleneck(&a, &b), 1.0);
        assert_eq!(bottleneck(&a, &a), 0.0);
        assert_eq!(bottleneck(&a, &diagram(&equal(3999, 0.5))), 2.0);
    }

    #[test]
    fn bottleneck_distance_of_one_bit_is_found() {
        let next = f64::from_bits(1.0f64.to_bits() + 1);
        assert_eq!(bottleneck(&diagram(&[(0.0, 1.0)]), &diagram(&[(0.0, next)])), next - 1.0);
    }

    proptest! {
        #[test]
        fn bottleneck_is_its_definition(a in bars(5, true), b in bars(5, true)) {
            prop_assert_eq!(bottleneck(&a, &b).to_bits(), naive(&a, &b).to_bits());
        }

        #[test]
        fn bottleneck_equals_the_search_over_all_candidates(a in bars(60, false), b in bars(60, false)) {
            prop_assert_eq!(bottleneck(&a, &b).to_bits(), by_candidates(&a, &b).to_bits());
        }

        /// Symmetric, zero for equal diagrams alone, and no detour is shorter (but for the rounding of a sum).
        #[test]
        fn it_is_a_metric(a in bars(12, true), b in bars(12, true), c in bars(12, true)) {
            let (ab, bc, ac) = (bottleneck(&a, &b), bottleneck(&b, &c), bottleneck(&a, &c));
            prop_assert_eq!(ab.to_bits(), bottleneck(&b, &a).to_bits());
            prop_assert_eq!(bottleneck(&a, &a), 0.0);
            prop_assert_eq!(ab == 0.0, a == b);
            prop_assert!(ac <= (ab + bc) * (1.0 + f64::EPSILON), "{} > {} + {}", ac, ab, bc);
        }
    }
}
