//! **Clustering centroids** (CLC): k-means within each class, with as many clusters as rows to keep.
//!
//! Problem: replace the n_k rows of a class by m_k points, so that every row has a point near it:
//! min Σ_x min_c ‖x − c‖² over centres c₁ … c_{m_k}.
//!
//! Lloyd's iteration starts from m_k distinct rows. In each iteration, every row is assigned to its nearest centre (the
//! first of equal ones), and every centre moves to the mean of its rows. It stops when the mean *distance* (not
//! squared) between rows and centres changes by at most `tolerance`. The result is the centres, each with its class and
//! with its number of rows as weight. With `output=rows`, the result is the nearest row to each centre among the rows
//! of that centre, so that no row occurs twice.
//!
//! Here m_k is 10–90 % of n_k, which is unusual for k-means. The code saves work accordingly:
//! - a row whose centre did not move away tests only the centres that moved, because all others were farther before;
//! - the centres to test are in a kd-tree, searched within the distance to the current centre;
//! - the n_k × m_k table of distances is never computed.
//!
//! ```math
//! \min_{c_1, \dots, c_{m_k}} \; \sum_{x \in X_k} \; \min_{j} \lVert x - c_j \rVert^2
//! ```
//!
//! Cost: at most O(n_k·m_k·d) per iteration, usually far less. Guarantee: exactly m_k clusters, none empty; the mean
//! squared distance never grows from one iteration to the next.
//!
//! Departures: the paper's code drops clusters that become empty, so it returns fewer points than requested. Here an
//! empty cluster gets the row that is farthest from its own centre (the lowest id of equal ones), from a cluster with
//! more than one row. With the same start rows and no empty cluster, the centres equal those of scipy's `kmeans`.
//!
//! Wins when a small set of averaged points is enough: averaging removes noise, and ε is small.
//!
//! Loses when the points must be real rows (use `output=rows` then), or when you need many ratios: it does not rank, so
//! every ratio is a separate run.

use rayon::prelude::*;

use super::settings::{parameters, words};
use super::stratified_random::random_order;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{Euclidean, LANES, raw};
use crate::error::first_few;
use crate::geometry::{Node, Tree, Visitor};
use crate::params::{Kind, Params, Value};
use crate::selection::Diagnostics;
use crate::{
    Allocation, ClassId, Matrix, Prototypes, Reduced, Reduction, Result, RowId, Scalar, Selection, Shape, Warning,
    simd, with_points,
};

words! {
    /// What comes back.
    pub enum Output {
        /// The centroids: generated prototypes.
        Centroids = "centroids",
        /// The real row nearest each centroid.
        Rows = "rows",
    }
}

parameters! {
    /// The parameters of clustering centroids.
    ///
    /// ```
    /// use leanset_core::methods::clustering_centroids::{ClusteringCentroids, Output};
    /// let reducer = ClusteringCentroids::default().output(Output::Rows).max_iter(50).reducer()?;
    /// assert!(!reducer.generates_prototypes());
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct ClusteringCentroids;

    output: Output = {
        kind: Kind::Choice(Output::WORDS),
        default: "centroids",
        doc: "What to return: the centroids (new points), or the real row nearest to each.",
    }

    tolerance: f64 = {
        kind: Kind::Float { min: 0.0, max: f64::MAX, open: false },
        default: "0.00001",
        doc: "Stop when the mean distance between rows and their centres changes by at most this.",
    }

    max_iter: usize = {
        kind: Kind::Int { min: 1, max: i64::MAX },
        default: "300",
        doc: "The largest number of iterations; a warning is given if it is reached.",
    }

    start_rows: Vec<RowId> = {
        kind: Kind::Rows,
        default: "",
        doc: "The start rows, as many of each class as will be kept; drawn by the seed if not given.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "clustering-centroids",
    aliases: &["clc", "kmeans", "cluster-centroids"],
    title: "Clustering centroids (k-means per class)",
    family: Family::Geometry,
    summary: "Replaces each class by its k-means centroids, or by the real row nearest to each. Weights are cluster sizes.",
    params: PARAMS,
    cost: "O(n_k·m_k·d) per iteration in the worst case, usually far less: rows test only centres that moved",
    memory: "a copy of each class that is being processed and of its centres, and the centroids",
    guarantee: "exactly m_k clusters, none empty; the mean squared distance never grows",
    reference: "Lloyd, IEEE Transactions on Information Theory 28, 1982; arXiv:2403.15150, section 3",
    departures: "an emptied cluster is refilled with the row farthest from its centre (the paper's code drops it)",
    capabilities: Capabilities {
        nested: Support::No,
        weights: Support::Yes,
        prototypes: Support::When("output=centroids"),
        seeded: Support::When("start_rows is not given"),
        ..Capabilities::DEFAULT
    },
    variants: &[&[("output", "rows")]],
    build: |params| {
        Ok(Box::new(Configured {
            output: Output::of(params, "output"),
            tolerance: params.float("tolerance").unwrap_or(1e-5),
            max_iter: params.count("max_iter").unwrap_or(300),
            start_rows: params.rows("start_rows").map(<[_]>::to_vec),
            params: params.clone(),
        }))
    },
};

/// The method with checked parameters.
#[derive(Clone, Debug)]
struct Configured {
    output: Output,
    tolerance: f64,
    max_iter: usize,
    start_rows: Option<Vec<RowId>>,
    params: Params,
}

impl Configured {
    /// Positions (within the class) of the rows to start from.
    fn start(&self, run: &Run<'_>, class: ClassId, rows: &[RowId], count: usize) -> Result<Vec<usize>> {
        let Some(given) = &self.start_rows else {
            return Ok(random_order(run, rows).into_iter().take(count).collect());
        };
        let start: Vec<usize> = given.iter().filter_map(|row| rows.binary_search(row).ok()).collect();
        let distinct: std::collections::HashSet<_> = start.iter().collect();
        if start.len() != count || distinct.len() != count {
            let name = run.data.classes().name(class);
            let constraint = format!("{count} distinct row ids of class {name} ({} given)", start.len());
            return Err(self.params.refuse("start_rows", constraint));
        }
        Ok(start)
    }
}

impl Method for Configured {
    fn generates_prototypes(&self) -> bool {
        self.output == Output::Centroids
    }

    fn ranks(&self) -> Support {
        Support::No
    }

    fn reduce(&self, run: &Run<'_>, allocation: &Allocation) -> Result<Reduction> {
        let classes = run.data.classes();
        if self.start_rows.iter().flatten().any(|row| row.index() >= run.data.rows()) {
            return Err(self.params.refuse("start_rows", format!("row ids below {}", run.data.rows())));
        }
        run.monitor.begin("clustering", run.data.rows() as u64);
        let clusterings = run.per_class(|class, rows| {
            let count = allocation.per_class()[class.index()];
            let start = self.start(run, class, rows, count)?;
            let check = || run.step(0);
            let found = if count == 0 {
                Clustering::default()
            } else {
                with_points!(run.data.points(), |m| lloyd(m, rows, &start, self.tolerance, self.max_iter, check))?
            };
            run.step(rows.len() as u64)?;
            Ok(found)
        })?;
        let mut diagnostics = Diagnostics::new();
        diagnostics.insert("mean_distance", Value::Floats(clusterings.iter().map(|c| c.mean_distance).collect()));
        diagnostics.insert("iterations", clusterings.iter().map(|c| c.iterations).max().unwrap_or(0).into());
        diagnostics.insert("refilled_clusters", clusterings.iter().map(|c| c.refilled).sum::<usize>().into());
        let moving: Vec<String> = clusterings
            .iter()
            .zip(classes.ids())
            .filter(|(c, _)| !c.converged && !c.sizes.is_empty())
            .map(|(_, class)| classes.name(class).to_owned())
            .collect();
        let mut warnings = Vec::new();
        if !moving.is_empty() {
            let (classes, after) = (first_few(&moving), self.max_iter);
            let message = format!("k-means still moved after max_iter = {after} iterations, in class {classes}");
            warnings.push(Warning::new("not-converged", message).hint("raise max_iter or tolerance"));
        }
        let d = run.data.columns();
        let reduced = if self.output == Output::Rows {
            let mut per_class = Vec::with_capacity(classes.len());
            let mut weights = Vec::with_capacity(classes.len());
            for (clustering, class) in clusterings.iter().zip(classes.ids()) {
                let rows = classes.rows(class);
                let nearest = with_points!(run.data.points(), |m| clustering.nearest_rows(m, rows));
                let mut kept: Vec<(RowId, f64)> =
                    nearest.iter().zip(&clustering.sizes).map(|(&i, &size)| (rows[i], size as f64)).collect();
                kept.sort_unstable_by_key(|k| k.0);
                let (rows, sizes): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
                per_class.push(rows);
                weights.push(sizes);
            }
            Reduced::Rows(Selection::new(&per_class, Some(&weights), classes)?)
        } else {
            let mut prototypes =
                Prototypes { points: Vec::new(), columns: d, classes: Vec::new(), weights: Vec::new() };
            for (clustering, class) in clusterings.into_iter().zip(classes.ids()) {
                prototypes.classes.extend(std::iter::repeat_n(class, clustering.sizes.len()));
                prototypes.weights.extend(clustering.sizes.iter().map(|&s| s as f64));
                prototypes.points.extend(clustering.centres);
            }
            Reduced::Points(prototypes)
        };
        Ok(Reduction { reduced, diagnostics, warnings })
    }

    fn memory(&self, shape: &Shape, kept: usize, threads: usize) -> u64 {
        let work = (threads.min(shape.classes).max(1) * shape.largest_class).min(shape.rows);
        let trees = 2 * crate::geometry::memory(work.min(kept), shape.columns, 8);
        trees + (work * 48 + 3 * 8 * kept * shape.columns) as u64
    }
}

/// The clusters of one class.
#[derive(Clone, Debug, Default)]
pub(super) struct Clustering {
    /// k × d, in the order of the start rows.
    pub(super) centres: Vec<f64>,
    /// The cluster of each row.
    pub(super) assigned: Vec<u32>,
    /// Rows of each cluster.
    pub(super) sizes: Vec<usize>,
    /// Mean distance of rows to the centres they were last assigned to.
    pub(super) mean_distance: f64,
    pub(super) iterations: usize,
    pub(super) refilled: usize,
    pub(super) converged: bool,
}

impl Clustering {
    /// For each cluster, the position of its row nearest the centre, the lowest among equals.
    fn nearest_rows<T: Scalar>(&self, points: &Matrix<'_, T>, rows: &[RowId]) -> Vec<usize> {
        let d = points.columns();
        let mut nearest = vec![(f64::INFINITY, 0); self.sizes.len()];
        for (i, &cluster) in self.assigned.iter().enumerate() {
            let centre = &self.centres[cluster as usize * d..][..d];
            let distance = raw::<Euclidean, T, f64>(points.row(rows[i]), centre);
            if distance < nearest[cluster as usize].0 {
                nearest[cluster as usize] = (distance, i);
            }
        }
        nearest.into_iter().map(|n| n.1).collect()
    }
}

/// Lloyd's iteration over the rows from the start positions.
pub(super) fn lloyd<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    start: &[usize],
    tolerance: f64,
    max_iter: usize,
    check: impl Fn() -> Result<()>,
) -> Result<Clustering> {
    let d = points.columns();
    let k = start.len();
    let mut centres: Vec<f64> = start.iter().flat_map(|&i| points.row(rows[i]).iter().map(|v| v.widen())).collect();
    let mut moved = vec![true; k];
    let mut nearest = vec![Nearest { raw: f64::INFINITY, centre: u32::MAX }; rows.len()];
    let mut clusters = Clustering { assigned: vec![0; rows.len()], sizes: vec![0; k], ..Clustering::default() };
    let mut previous = f64::INFINITY;
    // Centres that begin apart seldom meet, but equal rows are equal centres.
    let equal = first_of_equal((0..k as u32).collect(), |c| &centres[c as usize * d..][..d]).len() < k;
    while clusters.iterations < max_iter && !clusters.converged {
        check()?;
        assign(points, rows, &centres, &moved, equal || clusters.refilled > 0, &mut nearest);
        clusters.iterations += 1;
        clusters.mean_distance = nearest.iter().map(|n| n.raw.sqrt()).sum::<f64>() / rows.len() as f64;
        clusters.refilled += refill(&mut nearest, k, &mut clusters.sizes);
        clusters.converged = (previous - clusters.mean_distance).abs() <= tolerance;
        previous = clusters.mean_distance;
        // Means are summed in row order, so they do not depend on threads.
        let mut sums = vec![0.0; k * d];
        for (n, &row) in nearest.iter().zip(rows) {
            for (s, v) in sums[n.centre as usize * d..][..d].iter_mut().zip(points.row(row)) {
                *s += v.widen();
            }
        }
        for c in 0..k {
            let (old, sum) = (&mut centres[c * d..][..d], &mut sums[c * d..][..d]);
            sum.iter_mut().for_each(|s| *s /= clusters.sizes[c] as f64);
            moved[c] = old != sum;
            old.copy_from_slice(sum);
        }
    }
    for (assigned, n) in clusters.assigned.iter_mut().zip(&nearest) {
        *assigned = n.centre;
    }
    clusters.centres = centres;
    Ok(clusters)
}

/// A row's nearest centre, and the squared distance to it.
#[derive(Clone, Copy, Debug)]
struct Nearest {
    raw: f64,
    centre: u32,
}

/// Gives every row its nearest centre, the lowest among equals. Rows must hold their nearest among the centres as they
/// were before those in `moved` did (or no centre at all).
/// `equal`: some centres may be equal to others.
fn assign<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    centres: &[f64],
    moved: &[bool],
    equal: bool,
    nearest: &mut [Nearest],
) {
    let d = points.columns();
    let centre = |id: u32| &centres[id as usize * d..][..d];
    let tree_of = |ids: Vec<u32>| {
        let ids = if equal { first_of_equal(ids, centre) } else { ids };
        (!ids.is_empty()).then(|| (Tree::new(ids.len(), d, |i| centre(ids[i])), ids))
    };
    let of_moved = tree_of((0..moved.len() as u32).filter(|&c| moved[c as usize]).collect());
    let of_still = tree_of((0..moved.len() as u32).filter(|&c| !moved[c as usize]).collect());
    nearest.par_chunks_mut(1024).zip(rows.par_chunks(1024)).for_each(|(nearest, rows)| {
        simd::run(Assign {
            points,
            centres,
            moved,
            of_moved: of_moved.as_ref(),
            of_still: of_still.as_ref(),
            nearest,
            rows,
        });
    });
}

/// The first of equal centres, ascending: no row is assigned to another one. Without this, a row would test all centres that are
/// equal to its own.
fn first_of_equal<'a>(mut ids: Vec<u32>, centre: impl Fn(u32) -> &'a [f64] + Sync) -> Vec<u32> {
    let compare = |a: u32, b: u32| {
        let differ = centre(a).iter().zip(centre(b)).map(|(x, y)| x.partial_cmp(y));
        differ.flatten().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    };
    ids.par_sort_unstable_by(|&a, &b| compare(a, b).then(a.cmp(&b)));
    ids.dedup_by(|next, kept| compare(*next, *kept).is_eq());
    ids.par_sort_unstable();
    ids
}

/// A tree of some centres, and which they are.
type Centres = (Tree<f64>, Vec<u32>);

/// One chunk of rows assigned: the body that is compiled for each instruction set.
struct Assign<'a, T> {
    points: &'a Matrix<'a, T>,
    centres: &'a [f64],
    moved: &'a [bool],
    of_moved: Option<&'a Centres>,
    of_still: Option<&'a Centres>,
    nearest: &'a mut [Nearest],
    rows: &'a [RowId],
}

impl<T: Scalar> simd::Kernel for Assign<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let d = self.points.columns();
        let mut stack = Vec::new();
        let mut query = vec![0.0; d];
        for (own, &row) in self.nearest.iter_mut().zip(self.rows) {
            for (q, v) in query.iter_mut().zip(self.points.row(row)) {
                *q = v.widen();
            }
            let mut farther = own.centre == u32::MAX;
            if !farther && self.moved[own.centre as usize] {
                let now = raw::<Euclidean, f64, f64>(&query, &self.centres[own.centre as usize * d..][..d]);
                farther = now > own.raw;
                own.raw = now;
            }
            // Centres that stood still were no nearer than the old distance: only if it grew can one be nearest now.
            for tree in [self.of_moved, self.of_still.filter(|_| farther)].into_iter().flatten() {
                let mut search = Search { tree, query: &query, best: *own };
                tree.0.descend::<Euclidean>(&query, &mut stack, &mut search);
                *own = search.best;
            }
        }
    }
}

/// The nearest centre so far, the lowest among equals.
struct Search<'a> {
    tree: &'a Centres,
    query: &'a [f64],
    best: Nearest,
}

impl Visitor for Search<'_> {
    #[inline(always)]
    fn enter(&mut self, _: usize, raw: f64) -> bool {
        raw <= self.best.raw
    }

    #[inline(always)]
    fn leaf(&mut self, node: Node) {
        for block in node.begin as usize..node.end as usize {
            let raws = self.tree.0.packed().raw::<Euclidean>(self.query, block);
            for (lane, &raw) in raws.iter().enumerate() {
                if raw > self.best.raw {
                    continue;
                }
                // Slots beyond the last repeat it.
                let slot = (block * LANES + lane).min(self.tree.0.len() - 1);
                let centre = self.tree.1[self.tree.0.id(slot)];
                if raw < self.best.raw || centre < self.best.centre {
                    self.best = Nearest { raw, centre };
                }
            }
        }
    }
}

/// Counts the clusters, and gives every empty one the row farthest from its centre (of equals the lowest) that is not
/// alone in its cluster. There is one as long as there are no more clusters than rows. Returns how many were empty.
fn refill(nearest: &mut [Nearest], clusters: usize, sizes: &mut [usize]) -> usize {
    sizes.fill(0);
    for n in nearest.iter() {
        sizes[n.centre as usize] += 1;
    }
    let empty: Vec<u32> = (0..clusters as u32).filter(|&c| sizes[c as usize] == 0).collect();
    if empty.is_empty() {
        return 0;
    }
    let mut farthest: Vec<usize> = (0..nearest.len()).collect();
    farthest.sort_by(|&a, &b| nearest[b].raw.total_cmp(&nearest[a].raw));
    let mut candidates = farthest.into_iter();
    for &centre in &empty {
        for row in candidates.by_ref() {
            if sizes[nearest[row].centre as usize] > 1 {
                sizes[nearest[row].centre as usize] -= 1;
                sizes[centre as usize] = 1;
                nearest[row] = Nearest { raw: 0.0, centre };
                break;
            }
        }
    }
    empty.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lloyd with every distance computed, for starts that leave no cluster empty.
    fn naive(points: &[Vec<f64>], start: &[usize], tolerance: f64, max_iter: usize) -> Option<(Vec<Vec<f64>>, f64)> {
        let mut centres: Vec<Vec<f64>> = start.iter().map(|&i| points[i].clone()).collect();
        let mut previous = f64::INFINITY;
        let mut mean = f64::INFINITY;
        for _ in 0..max_iter {
            let mut sums = vec![(vec![0.0; points[0].len()], 0usize); centres.len()];
            let mut total = 0.0;
            for p in points {
                let distance = |c: &Vec<f64>| raw::<Euclidean, f64, f64>(p, c);
                let best =
                    (0..centres.len()).min_by(|&a, &b| distance(&centres[a]).total_cmp(&distance(&centres[b])))?;
                total += distance(&centres[best]).sqrt();
                sums[best].1 += 1;
                sums[best].0.iter_mut().zip(p).for_each(|(s, v)| *s += v);
            }
            mean = total / points.len() as f64;
            for (centre, (sum, count)) in centres.iter_mut().zip(sums) {
                if count == 0 {
                    return None;
                }
                *centre = sum.iter().map(|s| s / count as f64).collect();
            }
            if (previous - mean).abs() <= tolerance {
                break;
            }
            previous = mean;
        }
        Some((centres, mean))
    }

    proptest! {
        #[test]
        fn lloyd_equals_its_naive_reference(
            (d, values) in (1usize..5).prop_flat_map(|d| (Just(d), prop::collection::vec(-100i16..100, d * 2..d * 150))),
            part in 0.05f64..0.95,
        ) {
            let n = values.len() / d;
            let values: Vec<f64> = values[..n * d].iter().enumerate().map(|(i, &v)| f64::from(v) + (i as f64).sin()).collect();
            let points: Vec<Vec<f64>> = values.chunks_exact(d).map(<[f64]>::to_vec).collect();
            let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
            let start: Vec<usize> = (0..((n as f64 * part) as usize).max(1)).map(|i| (i * 7919) % n).collect();
            let distinct: std::collections::HashSet<_> = start.iter().collect();
            prop_assume!(distinct.len() == start.len());
            let matrix = Matrix::new(&values, n, d).expect("shape");
            let fast = lloyd(&matrix, &rows, &start, 1e-9, 50, || Ok(())).expect("runs");
            if let Some((centres, mean)) = naive(&points, &start, 1e-9, 50) {
                prop_assert_eq!(fast.refilled, 0);
                prop_assert_eq!(fast.centres, centres.concat());
                prop_assert_eq!(fast.mean_distance, mean);
            }
        }

        /// Equal rows are equal centres: the clusters are those of a search among all centres.
        #[test]
        fn lloyd_of_equal_rows_tests_every_centre(
            (d, values) in (1usize..4).prop_flat_map(|d| (Just(d), prop::collection::vec(0u8..3, d..d * 90))),
            part in 0.1f64..=1.0,
            seed in any::<u64>(),
        ) {
            let n = values.len() / d;
            // Thirds, so that means of equal rows are not always those rows.
            let values: Vec<f64> = values[..n * d].iter().map(|&v| f64::from(v) / 3.0).collect();
            let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
            let mut start: Vec<usize> = (0..n).collect();
            start.sort_by_key(|&i| crate::Seed(seed).key(RowId::at(i)));
            start.truncate(((n as f64 * part) as usize).max(1));
            let points = Matrix::new(&values, n, d).expect("shape");
            let fast = lloyd(&points, &rows, &start, 1e-9, 20, || Ok(())).expect("runs");
            // Every centre tested, the lowest of equal ones taken, and rows whose centre is as near as all others left there.
            let k = start.len();
            let mut centres: Vec<f64> = start.iter().flat_map(|&i| points.row(rows[i]).to_vec()).collect();
            let mut nearest = vec![Nearest { raw: f64::INFINITY, centre: u32::MAX }; n];
            let (mut sizes, mut previous, mut moved, mut refilled) = (vec![0; k], f64::INFINITY, vec![true; k], 0);
            for _ in 0..fast.iterations {
                assign(&points, &rows, &centres, &moved, false, &mut nearest);
                let mean = nearest.iter().map(|n| n.raw.sqrt()).sum::<f64>() / n as f64;
                refilled += refill(&mut nearest, k, &mut sizes);
                let mut sums = vec![0.0; k * d];
                for (n, &row) in nearest.iter().zip(&rows) {
                    sums[n.centre as usize * d..][..d].iter_mut().zip(points.row(row)).for_each(|(s, v)| *s += v);
                }
                for c in 0..k {
                    sums[c * d..][..d].iter_mut().for_each(|s| *s /= sizes[c] as f64);
                    moved[c] = centres[c * d..][..d] != sums[c * d..][..d];
                }
                centres = sums;
                previous = mean;
            }
            prop_assert_eq!(fast.centres, centres);
            prop_assert_eq!(fast.assigned, nearest.iter().map(|n| n.centre).collect::<Vec<_>>());
            prop_assert_eq!((fast.sizes, fast.refilled, fast.mean_distance), (sizes, refilled, previous));
        }

        /// Duplicates empty clusters; never is one missing.
        #[test]
        fn lloyd_leaves_no_cluster_empty(values in prop::collection::vec(0u8..4, 1..60), part in 0.1f64..=1.0) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let rows: Vec<RowId> = (0..values.len()).map(RowId::at).collect();
            let k = ((values.len() as f64 * part) as usize).max(1);
            let matrix = Matrix::new(&values, values.len(), 1).expect("shape");
            let found = lloyd(&matrix, &rows, &(0..k).collect::<Vec<_>>(), 1e-5, 300, || Ok(())).expect("runs");
            prop_assert_eq!(found.sizes.len(), k);
            prop_assert!(found.sizes.iter().all(|&s| s > 0));
            prop_assert_eq!(found.sizes.iter().sum::<usize>(), values.len());
        }
    }
}
