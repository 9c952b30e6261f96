//! **Persistent-homology landmarks** (PHL): rows whose neighbourhoods have little, or much, topology.
//!
//! Problem: choose rows that represent their class robustly against outliers (`landmarks=representative`), or rows
//! where its shape changes (`vital`).
//!
//! The *outlier score* of a row is the largest finite persistence, death − birth, of the Vietoris–Rips filtration of
//! its neighbours. Its neighbours are the other rows of its class within Euclidean distance δ (inclusive). The score is
//! taken in one homology dimension (`scoring=restricted`) or over all dimensions up to it (`multi`). A row with fewer
//! than two neighbours is a *super-outlier*: its score is 0, and it is ranked last. Representative landmarks are the
//! rows with the smallest scores, vital landmarks those with the largest; ties go to the lowest row id.
//!
//! A fixed radius suits only one table, so by default δ is computed for each class: the median, over its rows, of the
//! distance to the `neighbors`-th nearest other row. Then half of the rows have at least that many neighbours.
//!
//! ```math
//! \mathrm{out}_\delta(x) = \max \{\, d - b : (b, d) \in \mathrm{Dgm}_p(\mathrm{VR}(N_\delta(x))), \; d < \infty \,\}
//! ```
//!
//! where N_δ(x) are the neighbours of x and p is the dimension.
//!
//! Cost: one kd-tree per class. Neighbourhoods of near points share points and edges, so parts of the tree of up to 256 points
//! are scored together in one or two columns: one sweep over the edges of all points of the part finds the few that matter to
//! each neighbourhood (see [`crate::homology`]). About k edges per row are looked at, for neighbourhoods of k rows, instead of
//! k². In more columns, and for `dimension=2`, each neighbourhood has a sweep of its own: O(k² d) for
//! distances and O(k² log k) for sorting them. For `delta=auto`, most rows are below or above two bounds from a sample of rows, and only
//! the others have their nearest rows searched. Equal rows are one point of the tree and of a neighbourhood, because they have
//! no persistence between them. Memory: the tree, 56 bytes per row, and O(k²) per thread.
//!
//! Guarantee: scores are exact; nested over ratios; the same for any number of threads.
//!
//! Departures: the paper's code moves the first N rows of its ranking to the end. These are the super-outliers only if
//! no other score is 0. It orders ties by an unstable sort of a random permutation. Here super-outliers come last, and
//! ties go to the lowest row id. The paper's code uses δ = 0.05 for every table (`delta=0.05` with `dimension=2` does
//! the same).
//!
//! Wins when outliers should be removed and the shape of a class kept (`representative`), or the reverse (`vital`).
//!
//! Loses when the radius fits badly: then most scores are 0, or most rows have no neighbours, and ties decide. ε is
//! large, because it depends on the outliers.
//!
//! Reference: Stolz, *Outlier-robust subsampling techniques for persistent homology*, J. Machine Learning Research 24,
//! 2023.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rayon::prelude::*;

use super::scores::{Best, by_score};
use super::settings::{parameters, words};
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{Euclidean, LANES, Packed, Terms, raw_to_box};
use crate::error::first_few;
use crate::geometry::{Search, Tree, squared_limit};
use crate::homology::overlapping::{self, MOST_CENTRES, Patch};
use crate::homology::{HIGHEST, MOST_POINTS, Workspace};
use crate::params::{Kind, Params, Value};
use crate::{Allocation, ClassId, Error, Look, Matrix, Ranking, Result, RowId, Scalar, Shape, Warning, with_points};

words! {
    /// Which dimensions give a score.
    pub enum Scoring {
        /// The one that is given.
        Restricted = "restricted",
        /// All up to it: the largest.
        Multi = "multi",
    }
}

words! {
    /// Which end of the scores is kept.
    pub enum Kept {
        /// The smallest: rows whose neighbourhoods have the least topology.
        Representative = "representative",
        /// The largest.
        Vital = "vital",
    }
}

parameters! {
    /// The parameters of persistent-homology landmarks.
    ///
    /// ```
    /// use leanset_core::methods::ph_landmarks::{Kept, PhLandmarks};
    /// let reducer = PhLandmarks::default().delta(0.05).dimension(2).landmarks(Kept::Vital).reducer()?;
    /// assert_eq!(reducer.params().float("delta"), Some(0.05));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct PhLandmarks;

    delta: f64 = {
        kind: Kind::Or(&["auto"], &Kind::Float { min: 0.0, max: f64::MAX, open: true }),
        default: "auto",
        doc: "Radius of a neighbourhood, in scaled units; auto computes one for each class, such that half of its rows \
                  have at least `neighbors` neighbours.",
    }

    neighbors: usize = {
        kind: Kind::Int { min: 2, max: 1000 },
        default: "50",
        doc: "The median number of neighbours for delta=auto.",
    }

    scoring: Scoring = {
        kind: Kind::Choice(Scoring::WORDS),
        default: "restricted",
        doc: "Persistence in `dimension` only, or the largest over dimensions 0 to `dimension`.",
    }

    dimension: usize = {
        kind: Kind::Int { min: 0, max: 2 },
        default: "1",
        doc: "Homology dimension: 0 for gaps, 1 for loops, 2 for voids.",
    }

    landmarks: Kept = {
        kind: Kind::Choice(Kept::WORDS),
        default: "representative",
        doc: "Keep the rows with the smallest scores, or with the largest.",
    }

    most_neighbors: usize = {
        kind: Kind::Int { min: 2, max: 4096 },
        default: "1000",
        doc: "The largest neighbourhood, counted without equal rows; a larger one is an error.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "ph-landmarks",
    aliases: &["phl", "persistent-homology-landmarks"],
    title: "Persistent-homology landmarks",
    family: Family::Ranking,
    summary: "Keeps the rows whose neighbourhoods have the least topology (representative) or the most (vital).",
    params: PARAMS,
    cost: "O(n log n) for searches; per row, O(k) edges of neighbourhoods of k rows in 1 or 2 columns, else O(k²(d + log k))",
    memory: "a copy of the class and 56 bytes per row; per thread, 16 bytes per pair of the largest neighbourhood and up to 18 MB",
    guarantee: "exact scores (those of ripser, in f64); nested over ratios; super-outliers last; ties to the lowest row id",
    reference: "Stolz, J. Machine Learning Research 24, 2023; Vietoris–Rips by links: arXiv:2307.16333, arXiv:2412.07805",
    departures: "super-outliers are last (the paper's code moves the first rows of an unstable order); the radius is computed \
                 for each class unless given (the paper: delta=0.05 with dimension=2 for tables, delta=0.25 with \
                 dimension=1 for image features)",
    capabilities: Capabilities { scale_free: Support::When("delta=auto"), ..Capabilities::DEFAULT },
    variants: &[
        &[("neighbors", "12"), ("dimension", "0")],
        &[("neighbors", "12"), ("dimension", "2"), ("landmarks", "vital")],
        &[("neighbors", "12"), ("scoring", "multi"), ("dimension", "2")],
        &[("delta", "0.3")],
    ],
    build: |params| Ok(Box::new(Configured::of(params))),
};

const _: () = assert!(HIGHEST == 2 && MOST_POINTS == 4096, "the bounds of the parameters");

/// The method with checked parameters.
#[derive(Clone, Debug)]
struct Configured {
    /// The radius, or none to find one.
    delta: Option<f64>,
    neighbors: usize,
    multi: bool,
    dimension: usize,
    best: Best,
    most: usize,
}

/// What is found of a distinct point.
struct Scored {
    point: u32,
    /// Its neighbours, as rows.
    count: u32,
    score: f64,
}

/// Why a part of a class was not scored.
enum Stopped {
    /// A point with so many neighbours.
    Crowded { point: u32, count: usize },
    /// An error of the run.
    Run(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

/// The rows of a class as points, equal rows as one.
struct Distinct {
    /// The position of the first row of each point, ascending.
    first: Vec<u32>,
    /// The point of each row.
    of_row: Vec<u32>,
    /// The rows of each point.
    times: Vec<u32>,
}

/// What is found of one class.
#[derive(Clone, Debug, Default)]
struct Found {
    order: Vec<RowId>,
    scores: Vec<f64>,
    delta: f64,
    /// Median number of neighbours.
    median: usize,
    super_outliers: usize,
    /// Rows that are no super-outliers and have score 0.
    flat: usize,
}

impl Configured {
    fn of(params: &Params) -> Self {
        Self {
            delta: params.float("delta"),
            neighbors: params.count("neighbors").unwrap_or(2),
            multi: Scoring::of(params, "scoring") == Scoring::Multi,
            dimension: params.count("dimension").unwrap_or(1),
            best: if Kept::of(params, "landmarks") == Kept::Vital { Best::Largest } else { Best::Smallest },
            most: params.count("most_neighbors").unwrap_or(MOST_POINTS),
        }
    }

    fn class<T: Scalar>(&self, run: &Run<'_>, class: ClassId, points: &Matrix<'_, T>, rows: &[RowId]) -> Result<Found> {
        let look: Look<'_> = &|| run.step(0);
        let distinct = Distinct::of(points, rows, look)?;
        let tree = distinct.tree(points, rows, look)?;
        let delta = match self.delta {
            Some(delta) => delta,
            None => fitting_radius(&tree, points, rows, &distinct, self.neighbors, usize::MAX, look)?,
        };
        let scored = self.scores(run, class, &Class { tree: &tree, points, rows, distinct: &distinct }, delta)?;
        drop(tree);
        let (mut scores, mut counts) = (vec![0.0; rows.len()], vec![0; rows.len()]);
        let mut of_point = vec![(0.0, 0); distinct.first.len()];
        scored.iter().flatten().for_each(|found| of_point[found.point as usize] = (found.score, found.count));
        drop(scored);
        for ((score, count), &point) in scores.iter_mut().zip(&mut counts).zip(&distinct.of_row) {
            (*score, *count) = of_point[point as usize];
        }
        drop((of_point, distinct));
        let (mut inner, mut outliers) = (Vec::new(), Vec::new());
        for (i, &count) in counts.iter().enumerate() {
            if count < 2 { &mut outliers } else { &mut inner }.push(i);
        }
        let of =
            |positions: &[usize]| -> (Vec<RowId>, Vec<f64>) { positions.iter().map(|&i| (rows[i], scores[i])).unzip() };
        let (inner_rows, inner_scores) = of(&inner);
        let ranked = by_score(&inner_rows, &inner_scores, self.best);
        let order: Vec<usize> = ranked.into_iter().map(|k| inner[k]).chain(outliers.iter().copied()).collect();
        let flat = inner_scores.iter().filter(|s| **s == 0.0).count();
        let (order, scores) = of(&order);
        let middle = (counts.len() - 1) / 2;
        let median = *counts.select_nth_unstable(middle).1 as usize;
        Ok(Found { order, scores, delta, median, super_outliers: outliers.len(), flat })
    }

    /// The neighbours and the score of each distinct point, part by part of the tree.
    fn scores<T: Scalar>(
        &self,
        run: &Run<'_>,
        class: ClassId,
        of: &Class<'_, T>,
        delta: f64,
    ) -> Result<Vec<Vec<Scored>>> {
        let refused = AtomicBool::new(false);
        let part = Part { method: self, run, of, limit: squared_limit(delta), refused: &refused };
        let parts: Vec<_> = parts(of.tree)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, slots| {
                let mut found = Vec::with_capacity(slots.len());
                part.score(scratch, slots, &mut found).map(|()| found)
            })
            .collect();
        let (mut scored, mut crowded) = (Vec::with_capacity(parts.len()), None);
        for found in parts {
            match found {
                Ok(found) => scored.push(found),
                Err(Stopped::Run(error)) => return Err(error),
                Err(Stopped::Crowded { point, count }) => {
                    crowded = Some(crowded.map_or((point, count), |other| (point, count).min(other)));
                }
            }
        }
        match crowded {
            None => Ok(scored),
            Some((point, count)) => {
                let row = of.rows[of.distinct.first[point as usize] as usize];
                Err(self.too_many(run, class, row, count, delta))
            }
        }
    }

    fn too_many(&self, run: &Run<'_>, class: ClassId, row: RowId, count: usize, delta: f64) -> Error {
        let name = run.data.classes().name(class);
        let smaller = match self.delta {
            Some(_) => "give a smaller delta, or delta=auto",
            None => "lower neighbors",
        };
        let raise = if self.most < MOST_POINTS {
            format!(", or raise most_neighbors (at most {MOST_POINTS}; the work grows with its square or more)")
        } else {
            String::new()
        };
        Error::Row {
            method: INFO.id,
            row,
            what: format!(
                "of class {name} has {count} distinct neighbours within delta = {delta}, above most_neighbors = {}",
                self.most
            ),
            hint: format!("{smaller}{raise}").into(),
        }
    }

    /// What should be known about a radius that does not fit.
    fn warnings(&self, run: &Run<'_>, found: &[Found]) -> Result<Vec<Warning>> {
        let total: usize = found.iter().map(|f| f.order.len()).sum();
        let outliers: usize = found.iter().map(|f| f.super_outliers).sum();
        let flat: usize = found.iter().map(|f| f.flat).sum();
        let mut warnings = Vec::new();
        if 2 * outliers > total {
            let message = format!(
                "{outliers} of {total} rows have fewer than 2 neighbours of their class{}; they have no score and come \
                 last, by row id",
                self.delta.map_or_else(String::new, |d| format!(" within delta = {d}")),
            );
            warnings.push(Warning::new("super-outliers", message).hint(self.offer(run)?));
        }
        if outliers < total && outliers + flat == total {
            let message = format!(
                "all {flat} rows that have a score have score 0, so their order is that of their row ids: the \
                 neighbourhoods are too small to hold anything of dimension {}",
                self.dimension
            );
            let hint = format!("{}, or a lower dimension", self.offer(run)?);
            warnings.push(Warning::new("scores-flat", message).hint(hint));
        }
        Ok(warnings)
    }

    /// A radius that would fit better.
    fn offer(&self, run: &Run<'_>) -> Result<String> {
        if self.delta.is_none() {
            return Ok("raise neighbors".into());
        }
        let classes = run.data.classes();
        let fitting = run.per_class(|_, rows| {
            with_points!(run.data.points(), |m| {
                let look: Look<'_> = &|| run.step(0);
                let distinct = Distinct::of(m, rows, look)?;
                let tree = distinct.tree(m, rows, look)?;
                fitting_radius(&tree, m, rows, &distinct, self.neighbors, OFFER, look)
            })
        })?;
        let of_class = |(class, delta): (ClassId, f64)| format!("{delta:.3} for {}", classes.name(class));
        let populated = classes.ids().zip(fitting).filter(|(c, _)| !classes.rows(*c).is_empty());
        let list: Vec<String> = populated.map(of_class).collect();
        Ok(format!("delta=auto reaches a median of {} neighbours: about {}", self.neighbors, first_few(&list)))
    }
}

impl Method for Configured {
    /// A radius that is given is one in the units of the table: it would have to grow with it.
    fn scale_free(&self) -> bool {
        self.delta.is_none()
    }

    /// Scores are outlier scores.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        run.monitor.begin("homology of neighbourhoods", run.data.rows() as u64);
        let found =
            run.per_class(|class, rows| with_points!(run.data.points(), |m| self.class(run, class, m, rows)))?;
        let warnings = self.warnings(run, &found)?;
        let list = |of: &dyn Fn(&Found) -> f64| Value::Floats(found.iter().map(of).collect());
        let (delta, median) = (list(&|f| f.delta), list(&|f| f.median as f64));
        let outliers = found.iter().map(|f| f.super_outliers).sum::<usize>();
        let orders = found.into_iter().map(|f| (f.order, f.scores)).collect();
        let mut ranking = Ranking::per_class(orders, run.data.classes())?;
        ranking.warnings = warnings;
        ranking.diagnostics.insert("delta", delta);
        ranking.diagnostics.insert("median_neighbors", median);
        ranking.diagnostics.insert("super_outliers", outliers.into());
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, threads: usize) -> u64 {
        let work = (threads.min(shape.classes).max(1) * shape.largest_class).min(shape.rows);
        let widest = self.most.min(shape.largest_class);
        let patch = overlapping::MOST_POINTS.min(shape.largest_class);
        let sweeps = threads * (16 * widest * widest + 18 * patch * patch + 8 * (widest + patch) * shape.columns);
        crate::geometry::memory(work, shape.columns, shape.scalar_bytes) + (56 * work + sweeps + 16 * shape.rows) as u64
    }
}

/// The points of a class and where they are.
struct Class<'a, T> {
    tree: &'a Tree<T>,
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    distinct: &'a Distinct,
}

/// Scores part of a class.
struct Part<'a, T> {
    method: &'a Configured,
    run: &'a Run<'a>,
    of: &'a Class<'a, T>,
    /// The largest squared distance of a neighbour.
    limit: f64,
    /// Some point has too many neighbours: nothing is scored any more.
    refused: &'a AtomicBool,
}

/// Scratch of one thread.
#[derive(Default)]
struct Scratch {
    search: Search,
    query: Vec<f64>,
    workspace: Workspace,
    narrow: Patch<8>,
    middle: Patch<12>,
    wide: Patch<16>,
}

/// Slots of a tree that are near each other: its nodes of at most so many.
fn parts<T: Scalar>(tree: &Tree<T>) -> Vec<Range<usize>> {
    let (mut parts, mut stack) = (Vec::new(), vec![0]);
    while let Some(at) = stack.pop() {
        let node = tree.node(at);
        let slots = node.begin as usize * LANES..(node.end as usize * LANES).min(tree.len());
        if slots.len() <= MOST_CENTRES || node.right == 0 {
            parts.push(slots);
        } else {
            stack.extend([node.right as usize, at + 1]);
        }
    }
    parts
}

impl<T: Scalar> Part<'_, T> {
    fn score(
        &self,
        scratch: &mut Scratch,
        slots: Range<usize>,
        out: &mut Vec<Scored>,
    ) -> std::result::Result<(), Stopped> {
        self.run.step(0)?;
        if self.method.dimension > 1 || self.of.points.columns() > MOST_COLUMNS {
            return self.one_by_one(scratch, slots, out);
        }
        let Some(near) = self.near(&slots) else {
            if slots.len() <= FEWEST_SHARED {
                return self.one_by_one(scratch, slots, out);
            }
            let middle = slots.start + (slots.len() / 2).next_multiple_of(LANES);
            let left = self.score(scratch, slots.start..middle, out);
            let right = self.score(scratch, middle..slots.end, out);
            return first_of(left, right);
        };
        let Scratch { narrow, middle, wide, .. } = scratch;
        let alone = match near.len() {
            ..=512 => self.together(narrow, &near, slots, out)?,
            513..=768 => self.together(middle, &near, slots, out)?,
            _ => self.together(wide, &near, slots, out)?,
        };
        alone.into_iter().try_for_each(|slots| self.one_by_one(scratch, slots, out))
    }

    /// All slots that are near some of these, ascending; or none if they are too many.
    fn near(&self, slots: &Range<usize>) -> Option<Vec<usize>> {
        let tree = self.of.tree;
        let columns = tree.packed().columns();
        let mut row = vec![T::default(); columns];
        let (mut low, mut high) = (vec![f64::INFINITY; columns], vec![f64::NEG_INFINITY; columns]);
        for slot in slots.clone() {
            tree.packed().copy_row(slot, &mut row);
            for ((low, high), v) in low.iter_mut().zip(&mut high).zip(&row) {
                let v = v.widen();
                (*low, *high) = (low.min(v), high.max(v));
            }
        }
        let (mut near, mut stack, mut query) = (Vec::new(), vec![0], Vec::new());
        while let Some(at) = stack.pop() {
            if tree.raw_between(at, &low, &high) > self.limit {
                continue;
            }
            let node = tree.node(at);
            if node.right != 0 {
                stack.extend([node.right as usize, at + 1]);
                continue;
            }
            for slot in node.begin as usize * LANES..(node.end as usize * LANES).min(tree.len()) {
                tree.packed().copy_row(slot, &mut row);
                if slots.contains(&slot) || raw_to_box::<Euclidean>(widen(&mut query, &row), &low, &high) <= self.limit
                {
                    near.push(slot);
                }
            }
            if near.len() > overlapping::MOST_POINTS {
                return None;
            }
        }
        Some(near)
    }

    /// Scores slots by one sweep, and returns those for which it is no gain.
    fn together<const W: usize>(
        &self,
        patch: &mut Patch<W>,
        near: &[usize],
        slots: Range<usize>,
        out: &mut Vec<Scored>,
    ) -> std::result::Result<Vec<Range<usize>>, Stopped> {
        let Class { tree, distinct, .. } = self.of;
        let packed =
            Packed::fill(near.len(), tree.packed().columns(), |i, row| tree.packed().copy_row(near[i], row), &|| {
                self.run.step(0)
            })?;
        let first = near.partition_point(|&slot| slot < slots.start);
        let times = |slot: usize| distinct.times[tree.id(slot)];
        let centres: Vec<(u16, bool)> =
            (0..slots.len()).map(|x| ((first + x) as u16, times(slots.start + x) > 1)).collect();
        patch.load(&packed, near.len(), &centres, self.limit);
        let counts: Vec<u32> = (0..slots.len())
            .map(|x| patch.near(x).iter().map(|i| times(near[i])).sum::<u32>() - u32::from(centres[x].1))
            .collect();
        self.check(slots.clone().enumerate().map(|(x, slot)| (tree.id(slot) as u32, patch.near(x).len() as usize)))?;
        if self.refused.load(Relaxed) {
            return Ok(Vec::new());
        }
        // The same neighbours, the same score.
        let alike = centres.iter().any(|centre| centre.1).then(|| patch.first_alike());
        let alike = |x: usize| alike.as_ref().map_or(x, |first| first[x]);
        (0..slots.len()).filter(|&x| alike(x) != x).for_each(|x| patch.skip(x));
        if !patch.list_edges(&packed) {
            return Ok(vec![slots]);
        }
        patch.sweep(&|| self.run.step(0))?;
        let (gaps, loops) = (self.method.multi || self.method.dimension == 0, self.method.dimension == 1);
        let mut scores: Vec<Option<f64>> = Vec::with_capacity(slots.len());
        let (mut alone, mut done) = (Vec::new(), 0);
        for (x, slot) in slots.enumerate() {
            self.run.step(0)?;
            let score = if alike(x) == x { patch.longest(x, gaps, loops) } else { scores[alike(x)] };
            scores.push(score);
            match score {
                Some(score) => {
                    out.push(Scored { point: tree.id(slot) as u32, count: counts[x], score });
                    done += u64::from(times(slot));
                }
                None => alone.push(slot..slot + 1),
            }
        }
        self.run.step(done)?;
        Ok(alone)
    }

    /// Scores slots by a sweep for each.
    fn one_by_one(
        &self,
        scratch: &mut Scratch,
        slots: Range<usize>,
        out: &mut Vec<Scored>,
    ) -> std::result::Result<(), Stopped> {
        let Class { tree, points, rows, distinct } = self.of;
        let Configured { multi, dimension, .. } = *self.method;
        let dimensions = if multi { 0..=dimension } else { dimension..=dimension };
        let mut known: HashMap<Box<[u32]>, f64> = HashMap::new();
        let (mut own, mut crowded) = (Vec::new(), Ok(()));
        for slot in slots {
            let point = tree.id(slot);
            let row = rows[distinct.first[point] as usize];
            scratch.search.within::<Euclidean, T>(tree, widen(&mut scratch.query, points.row(row)), self.limit);
            let found = &mut scratch.search.found;
            let count = found.iter().map(|&j| distinct.times[j as usize]).sum::<u32>() - 1;
            let times = distinct.times[point];
            if times == 1 {
                found.retain(|&j| j as usize != point);
            }
            crowded = first_of(crowded, self.check(std::iter::once((point as u32, found.len()))));
            let mut score = 0.0;
            if !self.refused.load(Relaxed) {
                // The same neighbours, the same score: only equal rows are neighbours of themselves.
                found.sort_unstable();
                let held = if times > 1 { known.get(found.as_slice()).copied() } else { None };
                score = match held {
                    Some(score) => score,
                    None => {
                        own.clear();
                        own.extend(found.iter().map(|&j| rows[distinct.first[j as usize] as usize]));
                        scratch
                            .workspace
                            .max_persistence::<Euclidean, T>(points, &own, dimensions.clone(), &|| self.run.step(0))?
                    }
                };
                if times > 1 && held.is_none() {
                    known.insert(found.as_slice().into(), score);
                }
            }
            self.run.step(u64::from(times))?;
            out.push(Scored { point: point as u32, count, score });
        }
        crowded
    }

    /// Refuses the first point that has too many neighbours.
    fn check(&self, counts: impl Iterator<Item = (u32, usize)>) -> std::result::Result<(), Stopped> {
        match counts.filter(|&(_, count)| count > self.method.most).min() {
            None => Ok(()),
            Some((point, count)) => {
                self.refused.store(true, Relaxed);
                Err(Stopped::Crowded { point, count })
            }
        }
    }
}

/// The error of the lower point.
fn first_of(
    a: std::result::Result<(), Stopped>,
    b: std::result::Result<(), Stopped>,
) -> std::result::Result<(), Stopped> {
    match (a, b) {
        (Ok(()), other) | (other, Ok(())) | (other @ Err(Stopped::Run(_)), _) | (_, other @ Err(Stopped::Run(_))) => {
            other
        }
        (Err(Stopped::Crowded { point, count }), Err(Stopped::Crowded { point: p, count: c })) => {
            let (point, count) = (point, count).min((p, c));
            Err(Stopped::Crowded { point, count })
        }
    }
}

/// Columns up to which neighbourhoods are scored together. In more, parts of a tree have far more points beside them than in them, and
/// few edges are decided for many neighbourhoods at once: measured, it is two to three times the work in 3 and 5 columns.
const MOST_COLUMNS: usize = 2;

/// Points that are not worth a sweep of their own for all of them.
const FEWEST_SHARED: usize = 16;

fn widen<'a, T: Scalar>(query: &'a mut Vec<f64>, row: &[T]) -> &'a [f64] {
    query.clear();
    query.extend(row.iter().map(|v| v.widen()));
    query
}

/// Points of a class from which bounds for its radius are worth while.
const MANY: usize = 4096;

/// Rows from which they are made.
const BOUND_ROWS: usize = 1000;

/// Rows of a class from which a radius to offer is made: it need not be exact.
const OFFER: usize = 200;

/// The median over the rows (or over so many of them, evenly taken) of the distance to the `neighbors`-th nearest other
/// row, or to the last where there are fewer. Of an even number, the upper one, so that half of the rows have that many.
fn fitting_radius<T: Scalar>(
    tree: &Tree<T>,
    points: &Matrix<'_, T>,
    rows: &[RowId],
    distinct: &Distinct,
    neighbors: usize,
    sample: usize,
    look: Look<'_>,
) -> Result<f64> {
    let k = (neighbors + 1).min(rows.len());
    let apart = distinct.first.len() == rows.len();
    let of_position = |scratch: &mut Scratch, i: usize| {
        look()?;
        let query = widen(&mut scratch.query, points.row(rows[i]));
        Ok(if apart {
            scratch.search.kth::<Euclidean, T>(tree, query, k)
        } else {
            scratch.search.kth_of::<Euclidean, T>(tree, query, k, &distinct.times)
        })
    };
    let every = rows.len().div_ceil(sample);
    let evenly = |every: usize| -> Result<Vec<f64>> {
        (0..rows.len()).into_par_iter().step_by(every).map_init(Scratch::default, of_position).collect()
    };
    let middle = rows.len() / 2;
    if every == 1 && distinct.first.len() > MANY {
        // Most rows are below or above two bounds for certain; the others are few.
        let mut some = evenly(rows.len() / BOUND_ROWS)?;
        some.sort_unstable_by(f64::total_cmp);
        let bounds = [some.len() * 9 / 20, some.len() * 11 / 20].map(|i| some[i]);
        let of_point = |scratch: &mut Scratch, (&i, &times): (&u32, &u32)| {
            look()?;
            let query = widen(&mut scratch.query, points.row(rows[i as usize]));
            let each = (!apart).then_some(distinct.times.as_slice());
            let counts = scratch.search.counts::<Euclidean, T>(tree, query, bounds, each, k);
            let reach = if counts[0] >= k {
                f64::NEG_INFINITY
            } else if counts[1] < k {
                f64::INFINITY
            } else {
                of_position(scratch, i as usize)?
            };
            Ok((reach, times))
        };
        let points = distinct.first.par_iter().zip(&distinct.times);
        let reach: Vec<(f64, u32)> = points.map_init(Scratch::default, of_point).collect::<Result<_>>()?;
        let below: usize = reach.iter().filter(|r| r.0 == f64::NEG_INFINITY).map(|r| r.1 as usize).sum();
        let mut between: Vec<(f64, u32)> = reach.into_iter().filter(|r| r.0.is_finite()).collect();
        between.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut before = below;
        let at_middle = between.iter().find(|r| {
            before += r.1 as usize;
            before > middle
        });
        if below <= middle
            && let Some(&(raw, _)) = at_middle
        {
            return Ok(Euclidean::finish(raw));
        }
    }
    let mut reach: Vec<f64> = if every == 1 {
        let of_first = |scratch: &mut Scratch, &i: &u32| of_position(scratch, i as usize);
        let of_point = distinct.first.par_iter().map_init(Scratch::default, of_first).collect::<Result<Vec<_>>>()?;
        distinct.to_rows(&of_point)
    } else {
        evenly(every)?
    };
    let middle = reach.len() / 2;
    Ok(Euclidean::finish(*reach.select_nth_unstable_by(middle, f64::total_cmp).1))
}

impl Distinct {
    fn of<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId], look: Look<'_>) -> Result<Self> {
        look()?;
        let compare = |&a: &u32, &b: &u32| {
            let (a, b) = (points.row(rows[a as usize]), points.row(rows[b as usize]));
            let differs =
                a.iter().zip(b).map(|(x, y)| x.partial_cmp(y)).find(|o| *o != Some(std::cmp::Ordering::Equal));
            differs.flatten().unwrap_or(std::cmp::Ordering::Equal)
        };
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.par_sort_unstable_by(|a, b| compare(a, b).then(a.cmp(b)));
        look()?;
        // First the position of the first equal row, then the place of that among all first ones.
        let mut of_row = vec![0; rows.len()];
        for equal in order.chunk_by(|a, b| compare(a, b).is_eq()) {
            equal.iter().for_each(|&i| of_row[i as usize] = equal[0]);
        }
        let (mut first, mut times) = (Vec::new(), Vec::<u32>::new());
        for i in 0..rows.len() {
            let at = of_row[i] as usize;
            if at == i {
                of_row[i] = first.len() as u32;
                first.push(i as u32);
                times.push(1);
            } else {
                // The first one comes before this row and has its place already.
                of_row[i] = of_row[at];
                times[of_row[at] as usize] += 1;
            }
        }
        Ok(Self { first, of_row, times })
    }

    fn tree<T: Scalar>(&self, points: &Matrix<'_, T>, rows: &[RowId], look: Look<'_>) -> Result<Tree<T>> {
        Tree::new(self.first.len(), points.columns(), |i| points.row(rows[self.first[i] as usize]), look)
    }

    /// What each row has of what each point has.
    fn to_rows<V: Copy>(&self, of_point: &[V]) -> Vec<V> {
        self.of_row.iter().map(|&point| of_point[point as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::homology::naive;
    use crate::{Budget, Classes, Dataset, EmptyClasses, Quiet, Reducer, Seed};
    use proptest::prelude::*;

    fn reducer(given: &[(&str, &str)]) -> Reducer {
        let given: Vec<_> = given.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
        Reducer::new("phl", &given).expect("valid")
    }

    fn dataset<'a>(values: &'a [f64], d: usize, codes: &[u32]) -> Dataset<'a> {
        let points = Matrix::new(values, codes.len(), d).expect("a matrix");
        Dataset::new(points, Classes::new(codes, 2).expect("classes")).expect("a dataset")
    }

    /// By the definition: every pair looked at, every simplex listed, the super-outliers last.
    fn naive(
        values: &[f64],
        d: usize,
        rows: &[usize],
        delta: f64,
        dimensions: &[usize],
        vital: bool,
    ) -> Vec<(usize, f64)> {
        let row = |i: usize| &values[i * d..][..d];
        let distance = |i: usize, j: usize| crate::distance::Metric::Euclidean.distance(row(i), row(j));
        let mut scored: Vec<(bool, f64, usize)> = rows
            .iter()
            .map(|&i| {
                let near: Vec<usize> = rows.iter().copied().filter(|&j| j != i && distance(i, j) <= delta).collect();
                let top = dimensions.iter().copied().max().unwrap_or(0);
                let found = naive::diagrams(near.len(), |a, b| distance(near[a], near[b]), top);
                let longest = |&k: &usize| if near.len() < 2 { 0.0 } else { found[k].max_persistence() };
                (near.len() < 2, dimensions.iter().map(longest).fold(0.0, f64::max), i)
            })
            .collect();
        scored.sort_by(|a, b| {
            let by_score = if vital { b.1.total_cmp(&a.1) } else { a.1.total_cmp(&b.1) };
            a.0.cmp(&b.0).then(by_score).then(a.2.cmp(&b.2))
        });
        scored.into_iter().map(|(_, score, i)| (i, score)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn rankings_are_those_of_the_definition(
            (d, values, codes) in (1usize..4, 1usize..26).prop_flat_map(|(d, n)| (
                Just(d),
                // A grid, so that rows are equal, distances tie with delta, and scores with one another.
                prop::collection::vec((0u8..9).prop_map(|v| f64::from(v) / 8.0), n * d),
                prop::collection::vec(0u32..2, n),
            )),
            delta in 0.05f64..0.6,
            dimension in 0usize..3,
            multi: bool,
            vital: bool,
        ) {
            let text = (delta.to_string(), dimension.to_string());
            let given = [
                ("delta", text.0.as_str()),
                ("dimension", text.1.as_str()),
                ("scoring", if multi { "multi" } else { "restricted" }),
                ("landmarks", if vital { "vital" } else { "representative" }),
            ];
            let ranking = reducer(&given).rank(&dataset(&values, d, &codes), None, Seed(0), &Quiet).expect("ranks");
            let dimensions: Vec<usize> = if multi { (0..=dimension).collect() } else { vec![dimension] };
            let expected: Vec<(usize, f64)> = (0..2)
                .flat_map(|class| {
                    let rows: Vec<usize> = (0..codes.len()).filter(|&i| codes[i] == class).collect();
                    naive(&values, d, &rows, delta, &dimensions, vital)
                })
                .collect();
            let found: Vec<(usize, f64)> =
                ranking.rows().iter().zip(ranking.scores()).map(|(r, &s)| (r.index(), s)).collect();
            prop_assert_eq!(found, expected);
        }

        /// Few values, so that most rows are equal to others: a row is a neighbour of its equals, and counts as many times as it
        /// is there.
        #[test]
        fn rankings_of_equal_rows_are_those_of_the_definition(
            (d, values, codes) in (1usize..3, 1usize..60).prop_flat_map(|(d, n)| (
                Just(d),
                prop::collection::vec((0u8..3).prop_map(|v| f64::from(v) / 3.0), n * d),
                prop::collection::vec(0u32..2, n),
            )),
            neighbors in 2usize..40,
            dimension in 0usize..2,
            vital: bool,
        ) {
            let text = (neighbors.to_string(), dimension.to_string());
            let kept = if vital { "vital" } else { "representative" };
            let given = [("neighbors", text.0.as_str()), ("dimension", text.1.as_str()), ("landmarks", kept)];
            let ranking = reducer(&given).rank(&dataset(&values, d, &codes), None, Seed(0), &Quiet).expect("ranks");
            let Value::Floats(deltas) = &ranking.diagnostics["delta"] else { panic!("{:?}", ranking.diagnostics) };
            let mut expected = Vec::new();
            for class in 0..2 {
                let rows: Vec<usize> = (0..codes.len()).filter(|&i| codes[i] == class).collect();
                if rows.is_empty() {
                    continue;
                }
                let row = |i: usize| &values[i * d..][..d];
                let reach = |i: usize| {
                    let mut all: Vec<f64> =
                        rows.iter().map(|&j| crate::distance::Metric::Euclidean.distance(row(i), row(j))).collect();
                    all.sort_unstable_by(f64::total_cmp);
                    all[neighbors.min(rows.len() - 1)]
                };
                let mut reaches: Vec<f64> = rows.iter().map(|&i| reach(i)).collect();
                reaches.sort_unstable_by(f64::total_cmp);
                let delta = reaches[rows.len() / 2];
                prop_assert_eq!(deltas[class as usize], delta);
                expected.extend(naive(&values, d, &rows, delta, &[dimension], vital));
            }
            let found: Vec<(usize, f64)> =
                ranking.rows().iter().zip(ranking.scores()).map(|(r, &s)| (r.index(), s)).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn fitting_radius_reaches_the_median(
            values in prop::collection::vec(-1.0f64..1.0, 2..200), neighbors in 2usize..30,
        ) {
            let codes = vec![0; values.len()];
            let method = reducer(&[("neighbors", &neighbors.to_string())]);
            let ranking = method.rank(&dataset(&values, 1, &codes), None, Seed(0), &Quiet).expect("ranks");
            let (Value::Floats(delta), Value::Floats(median)) = (&ranking.diagnostics["delta"], &ranking.diagnostics["median_neighbors"])
            else { panic!("{:?}", ranking.diagnostics) };
            let count = |x: &f64| values.iter().filter(|y| (*x - **y).abs() <= delta[0]).count() - 1;
            let mut counts: Vec<usize> = values.iter().map(count).collect();
            counts.sort_unstable();
            let middle = counts[(counts.len() - 1) / 2];
            prop_assert_eq!(median[0], middle as f64);
            prop_assert!(middle >= neighbors.min(values.len() - 1));
            // And no smaller radius does.
            let below = |x: &f64| values.iter().filter(|y| (*x - **y).abs() < delta[0]).count() - 1;
            let mut counts: Vec<usize> = values.iter().map(below).collect();
            counts.sort_unstable();
            prop_assert!(counts[(counts.len() - 1) / 2] < neighbors.min(values.len() - 1));
        }
    }

    #[test]
    fn fitting_radius_of_many_rows_is_that_of_all() {
        for copies in [1, 3] {
            // Rows in ascending density, and some of them several times.
            let rows = 4 * MANY;
            let values: Vec<f64> = (0..rows)
                .flat_map(|i| {
                    let of = i / copies;
                    let x = Seed(1).unit(RowId::at(of));
                    [x * x, Seed(2).unit(RowId::at(of)) * if i % 5 == 0 { 1.0 } else { 0.1 }]
                })
                .collect();
            let points = Matrix::new(&values, rows, 2).expect("a matrix");
            let ids: Vec<RowId> = (0..rows).map(RowId::at).collect();
            let distinct = Distinct::of(&points, &ids, &|| Ok(())).expect("nobody stops it");
            assert!(distinct.first.len() > MANY);
            let tree = distinct.tree(&points, &ids, &|| Ok(())).expect("nobody stops it");
            let found = fitting_radius(&tree, &points, &ids, &distinct, 20, usize::MAX, &|| Ok(()));
            let mut search = Search::default();
            let mut all: Vec<f64> = ids
                .iter()
                .map(|&row| search.kth_of::<Euclidean, f64>(&tree, points.row(row), 21, &distinct.times))
                .collect();
            all.sort_unstable_by(f64::total_cmp);
            assert_eq!(found, Ok(all[rows / 2].sqrt()));
        }
    }

    /// 30 points on a line in class 0, and two far apart in class 1.
    fn line() -> (Vec<f64>, Vec<u32>) {
        let values = (0..30).map(f64::from).chain([0.0, 1000.0]).collect();
        (values, (0..32).map(|i| u32::from(i >= 30)).collect())
    }

    #[test]
    fn neighbourhood_above_the_cap_is_refused_with_its_row() {
        let (values, codes) = line();
        let data = dataset(&values, 1, &codes);
        let refused = reducer(&[("delta", "4.5"), ("most_neighbors", "7")]).rank(&data, None, Seed(0), &Quiet);
        let refused = refused.expect_err("eight neighbours");
        assert_eq!(
            refused.to_string(),
            "ph-landmarks: row 4 of class 0 has 8 distinct neighbours within delta = 4.5, above most_neighbors = 7"
        );
        assert_eq!(
            refused.hint().expect("a way out").to_string(),
            "give a smaller delta, or delta=auto, or raise most_neighbors (at most 4096; the work grows with its square or more)"
        );
        // Equal rows are one neighbour: a cap is about work.
        let same = vec![0.5; 40];
        let found = reducer(&[("delta", "1"), ("most_neighbors", "2")]).rank(
            &dataset(&same, 1, &[0; 40]),
            None,
            Seed(0),
            &Quiet,
        );
        assert_eq!(found.expect("one point").diagnostics["super_outliers"], Value::Int(0));
    }

    #[test]
    fn warnings_report_a_radius_that_does_not_fit() {
        let (values, codes) = line();
        let data = dataset(&values, 1, &codes);
        let reduce = |given: &[(&str, &str)]| {
            let kept = reducer(given)
                .reduce(&data, &Budget::Ratio(0.5), EmptyClasses::Forbid, Seed(0), &Quiet)
                .expect("reduces");
            kept.warnings
                .into_iter()
                .map(|w| (w.code, w.message.to_string(), w.hint.unwrap_or_default().to_string()))
                .collect::<Vec<_>>()
        };
        let warned = reduce(&[("delta", "0.5"), ("neighbors", "4")]);
        assert_eq!(warned.len(), 1);
        assert_eq!(warned[0].0, "super-outliers");
        assert!(
            warned[0].1.starts_with("32 of 32 rows have fewer than 2 neighbours of their class within delta = 0.5")
        );
        assert_eq!(warned[0].2, "delta=auto reaches a median of 4 neighbours: about 2.000 for 0, 1000.000 for 1");
        // A line has no loops.
        let warned = reduce(&[("delta", "3"), ("neighbors", "4")]);
        assert_eq!(warned.iter().map(|w| &*w.0).collect::<Vec<_>>(), ["scores-flat"]);
        assert!(warned[0].1.contains("all 30 rows") && warned[0].1.ends_with("of dimension 1"), "{warned:?}");
        assert_eq!(reduce(&[("delta", "3"), ("dimension", "0")]), []);
    }
}
