//! **Representative k-means** (RKM): k-means over all rows; each cluster keeps the rows nearest to its centre.
//!
//! Problem: keep the rows that are typical of the natural groups in the data, regardless of their classes.
//!
//! Lloyd's iteration is that of clustering centroids, over all rows at once. k is the number of classes that have rows,
//! unless it is given. The tolerance is relative to the mean distance of rows from their mean, so that units do not
//! matter. In a cluster of s rows, the t-th nearest row to the centre (from 0; ties to the lowest row id) gets the
//! position (t + ½) / s. Rows are ranked by position, then by row id. So every prefix of the ranking has the share of
//! each cluster that Webster's method of apportionment gives.
//!
//! ```math
//! \min_{c_1, \dots, c_k} \; \sum_{x} \; \min_{j} \lVert x - c_j \rVert^2
//! ```
//!
//! Cost: O(n·k·d) per iteration in the worst case. Guarantee: the exact total; nested, because the clusters do not
//! depend on the budget.
//!
//! Departures: the paper says that the rows nearest to the centres are kept, but not how many of each cluster; here
//! each cluster keeps its share. Empty clusters are refilled as in clustering centroids.
//!
//! Wins when you want typical rows, and the data form natural groups, such as images of a few kinds.
//!
//! Loses when rows at the edge of a group matter: all rows nearer to the centre come first, so ε is large. It ignores
//! classes, and can lose one.

use super::settings::parameters;
use super::stratified_random::random_order;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{Euclidean, raw};
use crate::lloyd::{Clustering, lloyd};
use crate::params::{Kind, Params, Value};
use crate::{Allocation, Matrix, Ranking, Result, RowId, Scalar, Scope, Shape, Warning, linalg, with_points};

parameters! {
    /// The parameters of representative k-means.
    ///
    /// ```
    /// use leanset_core::methods::representative_kmeans::RepresentativeKmeans;
    /// let reducer = RepresentativeKmeans::default().clusters(20).reducer()?;
    /// assert_eq!(reducer.params().count("clusters"), Some(20));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct RepresentativeKmeans;

    clusters: usize = {
        kind: Kind::Or(&["classes"], &Kind::Int { min: 1, max: u32::MAX as i64 }),
        default: "classes",
        doc: "The number of clusters (at most one per row); by default the number of classes that have rows.",
    }

    tolerance: f64 = {
        kind: Kind::Float { min: 0.0, max: f64::MAX, open: false },
        default: "0.00001",
        doc: "Stop when the mean distance between rows and their centres changes by at most this fraction of the mean distance to the overall mean.",
    }

    max_iter: usize = {
        kind: Kind::Int { min: 1, max: i64::MAX },
        default: "300",
        doc: "The largest number of iterations; a warning is given if it is reached.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "representative-kmeans",
    aliases: &["rkm", "representative-k-means"],
    title: "Representative k-means",
    family: Family::Geometry,
    summary: "Clusters all rows with k-means and keeps, in proportion to cluster size, the rows nearest to the centres.",
    params: PARAMS,
    cost: "O(n·k·d) per iteration in the worst case for k clusters: most rows test no centre but their own",
    memory: "at most 128 bytes per row (from 192 columns on 80 and a quarter of a byte per column, 272 at most), and the centres four times",
    guarantee: "the exact total; every prefix of the ranking has the cluster shares of Webster's method",
    reference: "arXiv:2403.15150, section 3 (its form for images); Lloyd, IEEE Transactions on Information Theory 28, 1982",
    departures: "each cluster keeps its share (the paper does not say how many); an empty cluster is refilled",
    capabilities: Capabilities { per_class: Support::No, seeded: Support::Yes, ..Capabilities::DEFAULT },
    variants: &[&[("clusters", "3")], &[("clusters", "20"), ("max_iter", "4")]],
    build: |params| Ok(Box::new(Configured::new(params))),
};

/// The method with checked parameters.
#[derive(Clone, Debug)]
struct Configured {
    /// As many as classes if not given.
    clusters: Option<usize>,
    tolerance: f64,
    max_iter: usize,
}

impl Configured {
    fn new(params: &Params) -> Self {
        Self {
            clusters: params.count("clusters"),
            tolerance: params.float("tolerance").unwrap_or(1e-5),
            max_iter: params.count("max_iter").unwrap_or(300),
        }
    }
}

impl Method for Configured {
    fn scope(&self) -> Scope {
        Scope::Global
    }

    /// Scores are places: the part of its cluster that is kept when a row comes, in (0, 1), ascending.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let classes = run.data.classes();
        let populated = classes.populated();
        let rows: Vec<RowId> = (0..run.data.rows()).map(RowId::at).collect();
        let count = self.clusters.unwrap_or(populated).min(rows.len());
        run.monitor.begin("clustering", rows.len() as u64);
        let start: Vec<usize> = random_order(run, &rows).into_iter().take(count).collect();
        let (found, distances) = with_points!(run.data.points(), |m| {
            // A part of how far rows are from their mean, so that the unit of the coordinates changes nothing.
            let mean = linalg::mean(m, &rows, &|| run.step(0))?;
            let far: f64 = rows.iter().map(|&row| raw::<Euclidean, _, f64>(m.row(row), &mean).sqrt()).sum();
            let tolerance = self.tolerance * (far / rows.len() as f64);
            let found = lloyd(m, &rows, &start, tolerance, self.max_iter, || run.step(0))?;
            let distances = distances(m, &found);
            (found, distances)
        });
        run.step(rows.len() as u64)?;
        let order = interleave(&found.assigned, &distances, count);
        let scores = order.iter().map(|p| p.score()).collect();
        let mut ranking = Ranking::global(order.into_iter().map(|p| p.row).collect(), scores, classes)?;
        ranking.diagnostics.insert("clusters", count.into());
        ranking.diagnostics.insert("cluster_sizes", Value::Floats(found.sizes.iter().map(|&s| s as f64).collect()));
        ranking.diagnostics.insert("mean_distance", Value::Float(found.mean_distance));
        ranking.diagnostics.insert("iterations", found.iterations.into());
        ranking.diagnostics.insert("refilled_clusters", found.refilled.into());
        if !found.converged {
            let message = format!("k-means still moved after max_iter = {} iterations, over all rows", self.max_iter);
            ranking.warnings.push(Warning::new("not-converged", message).hint("raise max_iter or tolerance"));
        }
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        let clusters = self.clusters.unwrap_or(shape.classes).min(shape.rows);
        crate::lloyd::memory(shape.rows, clusters, shape.columns)
            + (56 * shape.rows + 16 * clusters * shape.columns) as u64
    }
}

/// Squared distances of rows to the centres of their clusters.
fn distances<T: Scalar>(points: &Matrix<'_, T>, found: &Clustering) -> Vec<f64> {
    let d = points.columns();
    let distance = |(row, &cluster): (usize, &u32)| {
        raw::<Euclidean, T, f64>(points.row(RowId::at(row)), &found.centres[cluster as usize * d..][..d])
    };
    found.assigned.iter().enumerate().map(distance).collect()
}

/// The t-th of s rows of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    t: u64,
    s: u64,
    row: RowId,
}

impl Place {
    fn score(&self) -> f64 {
        (self.t as f64 + 0.5) / self.s as f64
    }

    /// By (t + ½) / s, in whole numbers, and then by row id.
    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let cross = |a: &Self, b: &Self| u128::from(2 * a.t + 1) * u128::from(b.s);
        cross(self, other).cmp(&cross(other, self)).then(self.row.cmp(&other.row))
    }
}

/// All rows, each cluster in the order of its distances, the clusters in step with their sizes.
fn interleave(assigned: &[u32], distances: &[f64], clusters: usize) -> Vec<Place> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); clusters];
    for (row, &cluster) in assigned.iter().enumerate() {
        members[cluster as usize].push(row);
    }
    let mut places = Vec::with_capacity(assigned.len());
    for rows in &mut members {
        // Stable: rows are in ascending order, and stay so among equals.
        rows.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        let s = rows.len() as u64;
        places.extend((0..).zip(rows.iter()).map(|(t, &row)| Place { t, s, row: RowId::at(row) }));
    }
    places.sort_unstable_by(Place::compare);
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One row after another: of the cluster that is least ahead of its share, the nearest that is left.
    fn naive(assigned: &[u32], distances: &[f64], clusters: usize) -> Vec<RowId> {
        let mut left: Vec<usize> = (0..assigned.len()).collect();
        let mut taken = vec![0usize; clusters];
        let size = |c: u32| assigned.iter().filter(|&&a| a == c).count();
        let mut order = Vec::new();
        while !left.is_empty() {
            let nearest = |c: u32| {
                let of_cluster = left.iter().copied().filter(|&r| assigned[r] == c);
                of_cluster.min_by(|&a, &b| distances[a].total_cmp(&distances[b]).then(a.cmp(&b)))
            };
            let candidates = (0..clusters as u32).filter_map(|c| Some((c, nearest(c)?)));
            let (cluster, row) = candidates
                .min_by(|&(a, x), &(b, y)| {
                    // (2t + 1) / 2s of the one against the other.
                    let ahead = |c: u32, other: u32| (2 * taken[c as usize] + 1) * size(other);
                    ahead(a, b).cmp(&ahead(b, a)).then(x.cmp(&y))
                })
                .expect("rows are left");
            taken[cluster as usize] += 1;
            left.retain(|&r| r != row);
            order.push(RowId::at(row));
        }
        order
    }

    proptest! {
        #[test]
        fn interleave_equals_its_naive_reference_and_keeps_shares(
            rows in prop::collection::vec((0u32..5, 0u8..9), 1..70),
        ) {
            let (assigned, distances): (Vec<u32>, Vec<f64>) = rows.iter().map(|&(c, d)| (c, f64::from(d))).unzip();
            let order: Vec<RowId> = interleave(&assigned, &distances, 5).iter().map(|p| p.row).collect();
            prop_assert_eq!(&order, &naive(&assigned, &distances, 5));
            let n = order.len();
            for m in 0..=n {
                for cluster in 0..5 {
                    let of = |rows: &[RowId]| rows.iter().filter(|r| assigned[r.index()] == cluster).count();
                    let (kept, size) = (of(&order[..m]), of(&order));
                    // For two clusters within a row; for c of them the method may be off by less than c / 2.
                    prop_assert!((kept as f64 - (m * size) as f64 / n as f64).abs() < 2.5, "{kept} of {size} at {m} of {n}");
                }
            }
        }
    }

    /// Two groups, whatever their classes: the middle of each comes first, the outliers last.
    #[test]
    fn ranking_begins_with_the_middle_of_each_group() {
        let values = [0.0, 1.0, 2.0, 3.5, -3.0, 100.0, 101.0, 99.0, 140.0];
        let classes = crate::Classes::new(&[0, 1, 0, 1, 0, 1, 0, 1, 0], 2).expect("classes");
        let data = crate::Dataset::new(Matrix::new(&values, 9, 1).expect("shape"), classes).expect("data");
        for seed in 0..5 {
            let reducer = crate::Reducer::new("rkm", &[]).expect("registered");
            let ranking = reducer.rank(&data, None, crate::Seed(seed), &crate::Quiet).expect("ranks");
            let first: std::collections::BTreeSet<u32> = ranking.rows()[..2].iter().map(|r| r.0).collect();
            assert_eq!(ranking.diagnostics["clusters"], Value::Int(2));
            if ranking.diagnostics["cluster_sizes"] == Value::Floats(vec![5.0, 4.0])
                || ranking.diagnostics["cluster_sizes"] == Value::Floats(vec![4.0, 5.0])
            {
                // The means are 0.7 and 110.
                assert_eq!(first, [1, 6].into());
                let last: std::collections::BTreeSet<u32> = ranking.rows()[7..].iter().map(|r| r.0).collect();
                assert_eq!(last, [4, 8].into());
            } else {
                panic!("{:?}", ranking.diagnostics);
            }
        }
    }
}
