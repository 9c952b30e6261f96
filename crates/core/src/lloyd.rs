//! **Lloyd's iteration**, exactly, without looking at most distances.
//!
//! Rows are assigned to their nearest centre, the lowest of equal ones, and centres move to the means of their rows.
//!
//! In few columns, or if clusters are large, rows are looked at cluster by cluster: a centre c' can be nearer to a row x than its own centre c only if |c − c'| ≤ 2·|x − c|
//! (Newling & Fleuret, ICML 2016), and, if c did not move, only if c' did. In late iterations most clusters have no such centre.
//!
//! From [`TILED`] columns on there are, for each row, lower bounds of the distance to the centres of each of a few *parts*, other than its own centre: a bound shrinks by
//! the farthest move in its part. While the own centre is certainly nearer than that, nobody of the part is looked at (Hamerly, SDM 2010; Ding et al.,
//! ICML 2015). Bounds are rounded down, and moves up, by a millionth, which is far more than all rounding. Parts that have to be looked at are
//! compared in f32 with a certified bound ([`crate::distance::tiles`]), and the nearest centre is decided in f64.
//!
//! Otherwise, and if centres are equal, or a cluster was empty and began again at a row: the centres that moved are searched in a kd-tree, and the others if
//! the own centre moved away.

use rayon::prelude::*;

use crate::distance::tiles::{Frame, GROUP, Panels, Query, WIDTH, highest};
use crate::distance::{Euclidean, LANES, raw};
use crate::geometry::{Node, Tree, Visitor};
use crate::{Matrix, Result, RowId, Scalar, simd};

/// Columns from which on centres are compared in f32 first.
const TILED: usize = 9;

/// Parts of the centres at most, and panels of a part at least, if there are as many.
const PARTS: usize = 12;
const PANELS: usize = 3;

/// Values of rows that a thread takes the means of, at least.
const MEAN_VALUES: usize = 1 << 16;

/// Columns up to which it pays to go cluster by cluster in any case, and rows of a cluster from which on it does in more.
const FEW: usize = 3;
const MANY_ROWS: usize = 40;

/// f32 values of rows that are looked at together: they stay in the cache.
const VALUES: usize = 1 << 15;

/// Parts of so many centres.
fn parts(clusters: usize, columns: usize) -> usize {
    if columns < TILED { 0 } else { clusters.div_ceil(WIDTH * PANELS).clamp(1, PARTS) }
}

/// The clusters of one class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clustering {
    /// k × d, in the order of the start rows.
    pub(crate) centres: Vec<f64>,
    /// The cluster of each row.
    pub(crate) assigned: Vec<u32>,
    /// Rows of each cluster.
    pub(crate) sizes: Vec<usize>,
    /// Mean distance of rows to the centres they were last assigned to.
    pub(crate) mean_distance: f64,
    pub(crate) iterations: usize,
    pub(crate) refilled: usize,
    pub(crate) converged: bool,
}

impl Clustering {
    /// For each cluster, the position of its row nearest the centre, the lowest among equals.
    pub(crate) fn nearest_rows<T: Scalar>(&self, points: &Matrix<'_, T>, rows: &[RowId]) -> Vec<usize> {
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
pub(crate) fn lloyd<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    start: &[usize],
    tolerance: f64,
    max_iter: usize,
    check: impl Fn() -> Result<()> + Sync,
) -> Result<Clustering> {
    let d = points.columns();
    let k = start.len();
    let mut centres: Vec<f64> = start.iter().flat_map(|&i| points.row(rows[i]).iter().map(|v| v.widen())).collect();
    let mut nearest = vec![Nearest { raw: f64::INFINITY, centre: u32::MAX }; rows.len()];
    let mut clusters = Clustering { assigned: vec![0; rows.len()], sizes: vec![0; k], ..Clustering::default() };
    let mut previous = f64::INFINITY;
    let mut bounds = (d >= TILED).then(|| Bounds::new(&centres, d, rows.len()));
    let mut moved = vec![true; k];
    // Where the rows of each cluster lie in `members`.
    let (mut ends, mut members) = (vec![0usize; k], vec![0u32; rows.len()]);
    let mut refilled = 0;
    let by_cluster = d <= FEW || rows.len() >= MANY_ROWS * k;
    while clusters.iterations < max_iter && !clusters.converged {
        check()?;
        // Centres that are equal, or that were just put onto a row, leave more than one choice of the first of equal ones.
        let plain = refilled > 0 || any_equal(&centres, d);
        match &mut bounds {
            Some(bounds) if !plain => bounds.assign(points, rows, &centres, &moved, &mut nearest, &check)?,
            None if !plain && by_cluster && clusters.iterations > 0 => {
                let tree = Tree::new(k, d, |i| &centres[i * d..][..d]);
                let search = ByCluster { points, rows, centres: &centres, moved: &moved, tree: &tree };
                let of_cluster = |c: usize| &members[ends[c] - clusters.sizes[c]..ends[c]];
                let of_some = |some: &[u32]| {
                    let mut scratch = Scratch::default();
                    let found =
                        some.iter().flat_map(|&c| search.of_cluster(c, of_cluster(c as usize), &nearest, &mut scratch));
                    let found: Vec<_> = found.collect();
                    check().map(|()| found)
                };
                let all: Vec<u32> = (0..k as u32).collect();
                let changed: Vec<Vec<(u32, Nearest)>> = all.par_chunks(64).map(of_some).collect::<Result<_>>()?;
                changed.into_iter().flatten().for_each(|(i, own)| nearest[i as usize] = own);
            }
            _ => {
                assign(points, rows, &centres, &moved, &mut nearest, &check)?;
                if let Some(bounds) = &mut bounds {
                    bounds.forget();
                }
            }
        }
        clusters.iterations += 1;
        clusters.mean_distance = nearest.iter().map(|n| n.raw.sqrt()).sum::<f64>() / rows.len() as f64;
        refilled = refill(&mut nearest, k, &mut clusters.sizes);
        clusters.refilled += refilled;
        clusters.converged = (previous - clusters.mean_distance).abs() <= tolerance;
        previous = clusters.mean_distance;
        // Each mean is summed in row order, so it does not depend on threads.
        let mut end = 0;
        for (place, size) in ends.iter_mut().zip(&clusters.sizes) {
            *place = end;
            end += size;
        }
        for (i, own) in (0..).zip(&nearest) {
            let place = &mut ends[own.centre as usize];
            members[*place] = i;
            *place += 1;
        }
        // The mean of the same rows is the same.
        let mut changed = vec![clusters.iterations == 1; k];
        for (before, own) in clusters.assigned.iter_mut().zip(&nearest) {
            if *before != own.centre {
                changed[*before as usize] = true;
                changed[own.centre as usize] = true;
                *before = own.centre;
            }
        }
        let of_cluster = |c: usize| &members[ends[c] - clusters.sizes[c]..ends[c]];
        let together = (MEAN_VALUES * k / (d * rows.len())).max(1);
        let means = centres.par_chunks_exact_mut(d).zip(&mut moved).with_min_len(together).enumerate();
        let moves: Vec<f64> = means
            .map_init(
                || vec![0.0; d],
                |sum, (c, (centre, moved))| {
                    if !changed[c] {
                        *moved = false;
                        return 0.0;
                    }
                    sum.fill(0.0);
                    for &i in of_cluster(c) {
                        sum.iter_mut().zip(points.row(rows[i as usize])).for_each(|(s, v)| *s += v.widen());
                    }
                    sum.iter_mut().for_each(|s| *s /= clusters.sizes[c] as f64);
                    *moved = centre != sum.as_slice();
                    let by = raw::<Euclidean, f64, f64>(centre, sum).sqrt();
                    centre.copy_from_slice(sum);
                    by
                },
            )
            .collect();
        if let Some(bounds) = &mut bounds {
            bounds.moved(&moves);
        }
    }
    clusters.centres = centres;
    Ok(clusters)
}

/// Bytes that clustering takes beside the points, for `rows` rows and `clusters` clusters.
pub(crate) fn memory(rows: usize, clusters: usize, columns: usize) -> u64 {
    let search =
        if columns < TILED { crate::geometry::memory(clusters, columns, 8) } else { Panels::memory(clusters, columns) };
    search + (rows * (24 + 4 * parts(clusters, columns)) + clusters * (8 * columns + 24)) as u64
}

/// A row's nearest centre, and the squared distance to it.
#[derive(Clone, Copy, Debug)]
struct Nearest {
    raw: f64,
    centre: u32,
}

/// Lower bounds of distances, in f32 and in units of `1 / unit`.
struct Bounds {
    /// For each row, of each part, the distance to every centre of the part other than the row's own: at least this.
    apart: Vec<f32>,
    /// By how much the centres of each part have moved, at most.
    moves: Vec<f32>,
    /// A power of two.
    unit: f64,
    /// In which place each centre is, and the other way round. Centres of a part are near one another when they start.
    places: Vec<u32>,
    centres: Vec<u32>,
    parts: usize,
}

impl Bounds {
    fn new(centres: &[f64], d: usize, rows: usize) -> Self {
        let k = centres.len() / d;
        let centre = |i: usize| &centres[i * d..][..d];
        let parts = parts(k, d);
        let tree = Tree::new(k, d, centre);
        let order: Vec<u32> = (0..k).map(|slot| tree.id(slot) as u32).collect();
        drop(tree);
        let mut places = vec![0; k];
        for (place, &centre) in (0..).zip(&order) {
            places[centre as usize] = place;
        }
        let unit = Frame::of(d, |each| (0..k).for_each(|i| each(centre(i)))).scale();
        Self { apart: vec![0.0; rows * parts], moves: vec![0.0; parts], unit, places, centres: order, parts }
    }

    /// Nothing is known any more.
    fn forget(&mut self) {
        self.apart.fill(0.0);
    }

    /// The places of a part.
    fn of_part(&self, part: usize) -> std::ops::Range<usize> {
        let panels = self.centres.len().div_ceil(WIDTH);
        panels * part / self.parts..panels * (part + 1) / self.parts
    }

    /// The part of a place.
    fn part_of(&self, place: usize) -> usize {
        (0..self.parts).find(|&part| self.of_part(part).end > place / WIDTH).unwrap_or(0)
    }

    /// Centres have moved by these distances.
    fn moved(&mut self, moves: &[f64]) {
        for part in 0..self.parts {
            let panels = self.of_part(part);
            let places = panels.start * WIDTH..(panels.end * WIDTH).min(self.centres.len());
            let farthest = self.centres[places].iter().map(|&c| moves[c as usize]).fold(0.0, f64::max);
            self.moves[part] = above(farthest * self.unit);
        }
    }

    /// Gives every row its nearest centre, the lowest among equals, and brings the bounds up to date. Rows must hold their nearest centre as it was before
    /// the last move, or none. No two centres are equal.
    fn assign<T: Scalar>(
        &mut self,
        points: &Matrix<'_, T>,
        rows: &[RowId],
        centres: &[f64],
        moved: &[bool],
        nearest: &mut [Nearest],
        check: &(impl Fn() -> Result<()> + Sync),
    ) -> Result<()> {
        let (d, k) = (points.columns(), self.centres.len());
        let centre = |i: usize| &centres[i * d..][..d];
        let frame = Frame::of(d, |each| (0..k).for_each(|i| each(centre(i))));
        let panels = Panels::new(&frame, k, |place| self.centres.get(place).map(|&c| centre(c as usize)));
        let mut apart = std::mem::take(&mut self.apart);
        let chunk = (VALUES / d).clamp(8 * GROUP, 1024);
        let chunks = nearest.par_chunks_mut(chunk).zip(rows.par_chunks(chunk));
        let done = chunks.zip(apart.par_chunks_mut(chunk * self.parts)).try_for_each(|((nearest, rows), apart)| {
            let chunk =
                Chunk { points, rows, centres, moved, bounds: self, frame: &frame, panels: &panels, nearest, apart };
            simd::run_bounds(chunk);
            check()
        });
        self.apart = apart;
        done
    }
}

/// A distance in units, rounded up.
#[inline(always)]
fn above(distance: f64) -> f32 {
    (distance * (1.0 + 1e-6)) as f32
}

/// A distance in units, rounded down. (What is too large for f32 is its largest number, which is below.)
#[inline(always)]
fn below(distance: f64) -> f32 {
    ((distance * (1.0 - 1e-6)) as f32).min(f32::MAX)
}

/// A chunk of rows: the body that is compiled for each instruction set.
struct Chunk<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    centres: &'a [f64],
    moved: &'a [bool],
    bounds: &'a Bounds,
    frame: &'a Frame,
    panels: &'a Panels,
    nearest: &'a mut [Nearest],
    apart: &'a mut [f32],
}

impl<T: Scalar> simd::Bounds for Chunk<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(mut self) {
        self.measure_own();
        let parts = self.bounds.parts;
        for apart in self.apart.chunks_exact_mut(parts) {
            for (apart, by) in apart.iter_mut().zip(&self.bounds.moves) {
                *apart = (*apart - by).next_down();
            }
        }
        // How far the own centre is at most: a part whose bound is not above has to be looked at.
        let limits: Vec<f32> = self.nearest.iter().map(|own| above(own.raw.sqrt() * self.bounds.unit)).collect();
        self.search::<FUSED>(&limits);
    }
}

/// What a row has seen of the centres other than its own.
#[derive(Clone, Copy, Debug)]
struct Seen {
    best: f32,
    place: u32,
    second: f32,
}

impl<T: Scalar> Chunk<'_, T> {
    #[inline(always)]
    fn centre(&self, centre: u32) -> &[f64] {
        let d = self.points.columns();
        &self.centres[centre as usize * d..][..d]
    }

    /// Distances to own centres that moved: four rows at a time, whose sums do not wait for one another.
    #[inline(always)]
    fn measure_own(&mut self) {
        const TOGETHER: usize = 4;
        let held = |own: &Nearest| own.centre != u32::MAX && self.moved[own.centre as usize];
        let changed: Vec<usize> = (0..self.rows.len()).filter(|&i| held(&self.nearest[i])).collect();
        for four in changed.chunks(TOGETHER) {
            let member = |at: usize| four[at.min(four.len() - 1)];
            let rows: [&[T]; TOGETHER] = std::array::from_fn(|at| self.points.row(self.rows[member(at)]));
            let centres: [&[f64]; TOGETHER] = std::array::from_fn(|at| self.centre(self.nearest[member(at)].centre));
            let mut sums = [0.0; TOGETHER];
            for j in 0..self.points.columns() {
                for at in 0..TOGETHER {
                    let difference = rows[at][j].widen() - centres[at][j];
                    sums[at] += difference * difference;
                }
            }
            for (&i, sum) in four.iter().zip(sums) {
                self.nearest[i].raw = sum;
            }
        }
    }

    #[inline(always)]
    fn search<const FUSED: bool>(&mut self, limits: &[f32]) {
        let (frame, panels) = (self.frame, self.panels);
        let (d, parts) = (self.points.columns(), self.bounds.parts);
        // Rows that look at some part, and at which, as bits.
        let looks = |(i, apart): (usize, &[f32])| {
            let limit = limits[i];
            let parts =
                apart.iter().enumerate().fold(0u32, |bits, (part, &apart)| bits | u32::from(apart <= limit) << part);
            (parts != 0).then_some((i, parts))
        };
        let (active, looks): (Vec<usize>, Vec<u32>) =
            self.apart.chunks_exact(parts).enumerate().filter_map(looks).unzip();
        let mut values = vec![0.0f32; active.len() * d];
        let queries: Vec<Query> = active
            .iter()
            .zip(values.chunks_exact_mut(d))
            .map(|(&i, out)| frame.query(self.points.row(self.rows[i]), out))
            .collect();
        let single = |at: usize| &values[at * d..][..d];
        let own_place = |centre: u32| self.bounds.places.get(centre as usize).map_or(usize::MAX, |&p| p as usize);
        let own: Vec<usize> = active.iter().map(|&i| own_place(self.nearest[i].centre)).collect();
        // Lower scores are certainly of centres that are farther than the own one.
        let floor: Vec<f32> =
            active.iter().zip(&queries).map(|(&i, q)| q.possible(frame, self.nearest[i].raw)).collect();
        let mut seen = vec![Seen { best: f32::NEG_INFINITY, place: 0, second: f32::NEG_INFINITY }; active.len()];
        let mut looking = Vec::with_capacity(active.len());
        for part in 0..parts {
            looking.clear();
            looking.extend((0..active.len()).filter(|&at| looks[at] >> part & 1 == 1));
            for group in looking.chunks(GROUP) {
                let member = |q: usize| group[q.min(group.len() - 1)];
                let rows: [&[f32]; GROUP] = std::array::from_fn(|q| single(member(q)));
                let mut most_of = [f32::NEG_INFINITY; GROUP];
                for panel in self.bounds.of_part(part) {
                    let mut scores = panels.scores::<FUSED>(rows, panel);
                    for (q, &at) in group.iter().enumerate() {
                        if own[at] / WIDTH == panel {
                            scores[q][own[at] % WIDTH] = f32::NEG_INFINITY;
                        }
                        let most = highest(&scores[q]);
                        most_of[q] = most_of[q].max(most);
                        if most >= floor[at] && most > seen[at].second {
                            seen[at].take(&scores[q], panel);
                        }
                    }
                }
                for (&at, most) in group.iter().zip(most_of) {
                    let distance = queries[at].at_least(frame, most).sqrt();
                    self.apart[active[at] * parts + part] = below(distance * self.bounds.unit);
                }
            }
        }
        for (at, &i) in active.iter().enumerate() {
            let before = self.nearest[i];
            let mut best = before;
            let mut look = |place: usize| {
                let centre = self.bounds.centres[place];
                let raw = raw::<Euclidean, T, f64>(self.points.row(self.rows[i]), self.centre(centre));
                if raw < best.raw || (raw == best.raw && centre < best.centre) {
                    best = Nearest { raw, centre };
                }
                queries[at].possible(frame, best.raw)
            };
            let none = before.centre == u32::MAX;
            if seen[at].best == f32::NEG_INFINITY {
                continue;
            }
            let mut possible = look(seen[at].place as usize);
            if seen[at].second >= possible {
                // Several may be the nearest.
                let rows = [single(at); GROUP];
                for panel in 0..panels.count() {
                    let scores = panels.scores::<FUSED>(rows, panel);
                    for (lane, &score) in scores[0].iter().enumerate() {
                        if score >= possible {
                            possible = look(panel * WIDTH + lane);
                        }
                    }
                }
            }
            self.nearest[i] = best;
            if !none && best.centre != before.centre {
                // The centre that was its own is now another one.
                let apart = &mut self.apart[i * parts + self.bounds.part_of(own[at])];
                *apart = apart.min(below(before.raw.sqrt() * self.bounds.unit));
            }
        }
    }
}

impl Seen {
    /// Takes the scores of a panel.
    #[inline(always)]
    fn take(&mut self, scores: &[f32; WIDTH], panel: usize) {
        for (lane, &score) in scores.iter().enumerate() {
            if score > self.best {
                self.second = self.best;
                self.best = score;
                self.place = (panel * WIDTH + lane) as u32;
            } else if score > self.second {
                self.second = score;
            }
        }
    }
}

/// Gives every row its nearest centre, cluster by cluster, in few columns: only centres within twice the distance of a row to its own centre can be
/// nearer. (Newling & Fleuret, ICML 2016.) If the own centre did not move, only those that did. No two centres are equal.
struct ByCluster<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    centres: &'a [f64],
    moved: &'a [bool],
    tree: &'a Tree<f64>,
}

/// What one cluster after another uses.
#[derive(Default)]
struct Scratch {
    search: crate::geometry::Search,
    /// Centres near that of the cluster, with the squared distance to it, ascending.
    near: Vec<(f64, u32)>,
    /// Their coordinates in blocks, column by column.
    blocks: Vec<[f64; LANES]>,
}

impl<T: Scalar> ByCluster<'_, T> {
    /// The most that the squared distance of two centres can be if the one is as near as the other to a row at this squared distance. (What is added
    /// is where squares vanish.)
    #[inline(always)]
    fn limit(raw: f64) -> f64 {
        4.0 * (1.0 + 1e-9) * raw + 1e-290
    }

    /// The nearest centres of the members of a cluster, if they may have changed.
    fn of_cluster(
        &self,
        cluster: u32,
        members: &[u32],
        nearest: &[Nearest],
        scratch: &mut Scratch,
    ) -> Vec<(u32, Nearest)> {
        let d = self.points.columns();
        let moved = self.moved[cluster as usize];
        let centre = &self.centres[cluster as usize * d..][..d];
        let row = |i: u32| self.points.row(self.rows[i as usize]);
        let own = |&i: &u32| {
            let raw = if moved { raw::<Euclidean, T, f64>(row(i), centre) } else { nearest[i as usize].raw };
            (i, Nearest { raw, centre: cluster })
        };
        let mut changed: Vec<(u32, Nearest)> = members.iter().map(own).collect();
        let farthest = changed.iter().map(|own| own.1.raw).fold(0.0, f64::max);
        let Scratch { search, near, blocks } = scratch;
        search.within::<Euclidean, f64>(self.tree, centre, Self::limit(farthest));
        near.clear();
        let others = search.found.iter().filter(|&&c| c != cluster && (moved || self.moved[c as usize]));
        near.extend(others.map(|&c| (raw::<Euclidean, f64, f64>(centre, &self.centres[c as usize * d..][..d]), c)));
        if near.is_empty() {
            return if moved { changed } else { Vec::new() };
        }
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        blocks.clear();
        blocks.resize(near.len().div_ceil(LANES) * d, [f64::INFINITY; LANES]);
        for (at, &(_, c)) in near.iter().enumerate() {
            let block = &mut blocks[at / LANES * d..][..d];
            block.iter_mut().zip(&self.centres[c as usize * d..][..d]).for_each(|(column, v)| column[at % LANES] = *v);
        }
        simd::run(Members { points: self.points, rows: self.rows, near, blocks, changed: &mut changed });
        changed
    }
}

/// The members of a cluster beside the centres that are near: the body that is compiled for each instruction set.
struct Members<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    near: &'a [(f64, u32)],
    blocks: &'a [[f64; LANES]],
    changed: &'a mut [(u32, Nearest)],
}

impl<T: Scalar> simd::Kernel for Members<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let d = self.points.columns();
        for (i, best) in self.changed {
            let limit = ByCluster::<T>::limit(best.raw);
            let row = self.points.row(self.rows[*i as usize]);
            for (ids, block) in self.near.chunks(LANES).zip(self.blocks.chunks_exact(d)) {
                if ids[0].0 > limit {
                    break;
                }
                let mut raws = [0.0; LANES];
                for (v, column) in row.iter().zip(block) {
                    for lane in 0..LANES {
                        let difference = v.widen() - column[lane];
                        raws[lane] += difference * difference;
                    }
                }
                if raws.iter().all(|&raw| raw > best.raw) {
                    continue;
                }
                for (&raw, &(_, centre)) in raws.iter().zip(ids) {
                    if raw < best.raw || (raw == best.raw && centre < best.centre) {
                        *best = Nearest { raw, centre };
                    }
                }
            }
        }
    }
}

/// Whether two centres may be equal, by their hashes. (−0 and 0 count as different: means that are equal are so to the bit, or nearly never.)
fn any_equal(centres: &[f64], d: usize) -> bool {
    let hash = |centre: &[f64]| {
        // 0 + −0 is 0.
        let mix = |hash: u64, v: &f64| (hash ^ (v + 0.0).to_bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        centre.iter().fold(0, mix)
    };
    let mut hashes: Vec<u64> = centres.chunks_exact(d).map(hash).collect();
    hashes.sort_unstable();
    hashes.windows(2).any(|pair| pair[0] == pair[1])
}

/// Gives every row its nearest centre, the lowest among equals. Rows must hold their nearest among the centres as they
/// were before those in `moved` did (or no centre at all). Centres may be equal.
fn assign<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    centres: &[f64],
    moved: &[bool],
    nearest: &mut [Nearest],
    check: &(impl Fn() -> Result<()> + Sync),
) -> Result<()> {
    let d = points.columns();
    let centre = |id: u32| &centres[id as usize * d..][..d];
    let tree_of = |ids: Vec<u32>| {
        let ids = first_of_equal(ids, centre);
        (!ids.is_empty()).then(|| (Tree::new(ids.len(), d, |i| centre(ids[i])), ids))
    };
    let of_moved = tree_of((0..moved.len() as u32).filter(|&c| moved[c as usize]).collect());
    let of_still = tree_of((0..moved.len() as u32).filter(|&c| !moved[c as usize]).collect());
    nearest.par_chunks_mut(1024).zip(rows.par_chunks(1024)).try_for_each(|(nearest, rows)| {
        simd::run(Assign {
            points,
            centres,
            moved,
            of_moved: of_moved.as_ref(),
            of_still: of_still.as_ref(),
            nearest,
            rows,
        });
        check()
    })
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
type Subset = (Tree<f64>, Vec<u32>);

/// One chunk of rows assigned: the body that is compiled for each instruction set.
struct Assign<'a, T> {
    points: &'a Matrix<'a, T>,
    centres: &'a [f64],
    moved: &'a [bool],
    of_moved: Option<&'a Subset>,
    of_still: Option<&'a Subset>,
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
    tree: &'a Subset,
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
            (d, values) in prop::sample::select(vec![1usize, 2, 3, 4, 9, 12, 40])
                .prop_flat_map(|d| (Just(d), prop::collection::vec(-100i16..100, d * 2..d * 250))),
            part in prop::sample::select(vec![0.01, 0.05, 0.2, 0.5, 0.95]),
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
            let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            let wide: Vec<f64> = single.iter().map(|&v| f64::from(v)).collect();
            let of_single = lloyd(&Matrix::new(&single, n, d).expect("shape"), &rows, &start, 1e-9, 50, || Ok(()));
            let of_wide = lloyd(&Matrix::new(&wide, n, d).expect("shape"), &rows, &start, 1e-9, 50, || Ok(()));
            prop_assert_eq!(of_single.expect("runs").centres, of_wide.expect("runs").centres);
            if let Some((centres, mean)) = naive(&points, &start, 1e-9, 50) {
                prop_assert_eq!(fast.refilled, 0);
                prop_assert_eq!(fast.centres, centres.concat());
                prop_assert_eq!(fast.mean_distance, mean);
            }
        }

        /// Equal rows are equal centres: the clusters are those of a search among all centres.
        #[test]
        fn lloyd_of_equal_rows_tests_every_centre(
            (d, values) in prop::sample::select(vec![1usize, 2, 3, 10])
                .prop_flat_map(|d| (Just(d), prop::collection::vec(0u8..3, d..d * 90))),
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
                assign(&points, &rows, &centres, &moved, &mut nearest, &|| Ok(())).expect("not cancelled");
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
