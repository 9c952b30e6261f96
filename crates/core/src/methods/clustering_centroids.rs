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
//! Iterations save work, exactly (`lloyd/`): a row is looked at only if bounds of how near other centres can have come do not say that its centre is
//! still the nearest, and then in a kd-tree of the centres, or in many columns in f32 with a certified bound. The n_k × m_k table of distances is never
//! computed.
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

use super::settings::{parameters, words};
use super::stratified_random::random_order;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::error::first_few;
use crate::lloyd::{Clustering, lloyd};
use crate::params::{Kind, Params, Value};
use crate::selection::Diagnostics;
use crate::{
    Allocation, ClassId, Prototypes, Reduced, Reduction, Result, RowId, Selection, Shape, Warning, with_points,
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
    cost: "O(n_k·m_k·d) per iteration in the worst case, usually far less: most rows test no centre but their own",
    memory: "at most 104 bytes per row of each class that is being processed (from 192 columns on 56 and a quarter of a byte per column, 248 at most), and the centroids four times",
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
                let nearest = with_points!(run.data.points(), |m| clustering.nearest_rows(m, rows, &|| run.step(0)))?;
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
        crate::lloyd::memory(work, work.min(kept), shape.columns) + (work * 32 + 2 * 8 * kept * shape.columns) as u64
    }
}
