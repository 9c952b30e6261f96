//! **Lloyd's iteration**, exactly, without looking at most distances.
//!
//! Rows are assigned to their nearest centre, the lowest of equal ones, and centres move to the means of their rows.
//!
//! In few columns, or if clusters are large, rows are looked at cluster by cluster (`by_cluster`). From [`TILED`] columns on there are lower bounds, and tiles
//! for what they do not leave out (`bounds`). Otherwise, and if centres are equal, or a cluster was empty and began again at a row, a kd-tree is searched
//! (`plain`). All find the same.
//!
//! The mean distance decides when to stop. With bounds, distances are summed in any order, so the mean distance is off by its rounding; it is computed again by
//! the definition at the end, and wherever the rounding could decide.

mod bounds;
mod by_cluster;
mod nearest;
mod plain;

use rayon::prelude::*;

use self::bounds::Bounds;
use self::by_cluster::{ByCluster, Scratch};
use self::nearest::{Nearest, looseness, measure};
use self::plain::assign;
use crate::distance::{Euclidean, raw};
use crate::geometry::Tree;
use crate::monitor::Pace;
use crate::{Look, Matrix, Result, RowId, Scalar, simd};

/// Columns from which on centres are compared in f32 first.
const TILED: usize = 9;

/// Values of rows that a thread takes the means of, at least.
const MEAN_VALUES: usize = 1 << 16;

/// Columns up to which it pays to go cluster by cluster in any case, and rows of a cluster from which on it does in more.
const FEW: usize = 3;
const MANY_ROWS: usize = 40;

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
    ///
    /// # Errors
    /// That of `look`.
    pub(crate) fn nearest_rows<T: Scalar>(
        &self,
        points: &Matrix<'_, T>,
        rows: &[RowId],
        look: Look<'_>,
    ) -> Result<Vec<usize>> {
        let d = points.columns();
        let mut nearest = vec![(f64::INFINITY, 0); self.sizes.len()];
        let mut pace = Pace::new(look);
        for (i, &cluster) in self.assigned.iter().enumerate() {
            pace.work(d)?;
            let centre = &self.centres[cluster as usize * d..][..d];
            let distance = raw::<Euclidean, T, f64>(points.row(rows[i]), centre);
            if distance < nearest[cluster as usize].0 {
                nearest[cluster as usize] = (distance, i);
            }
        }
        Ok(nearest.into_iter().map(|n| n.1).collect())
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
    let work = Lloyd { points, rows, start, tolerance, max_iter, check };
    // Two means that differ by the tolerance, but for rounding, are rare: it is cheaper to begin again than to keep what decides.
    match work.run(false)? {
        Some(found) => Ok(found),
        None => Ok(work.run(true)?.unwrap_or_default()),
    }
}

/// What [`lloyd`] is asked.
struct Lloyd<'a, T, C> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    start: &'a [usize],
    tolerance: f64,
    max_iter: usize,
    check: C,
}

/// A mean distance, and by how much it may differ from that of the definition.
#[derive(Clone, Copy)]
struct Mean {
    value: f64,
    doubt: f64,
}

impl Mean {
    fn of(nearest: &[Nearest], exact: bool, columns: usize) -> Self {
        let value = nearest.iter().map(|n| n.raw.sqrt()).sum::<f64>() / nearest.len() as f64;
        // Each sum of n distances is off by n roundings at most.
        let doubt = if exact { 0.0 } else { value * (looseness(columns) + 2.0 * nearest.len() as f64 * f64::EPSILON) };
        Self { value, doubt }
    }

    /// Whether two means differ by at most the tolerance, if that is certain, and whether rounding may decide soon.
    fn is_near(self, before: Self, tolerance: f64) -> (Option<bool>, bool) {
        let (change, doubt) = ((before.value - self.value).abs(), before.doubt + self.doubt);
        let certain = doubt == 0.0 || (change - tolerance).abs() > doubt;
        (certain.then_some(change <= tolerance), change - tolerance <= 1e3 * doubt)
    }
}

impl<T: Scalar, C: Fn() -> Result<()> + Sync> Lloyd<'_, T, C> {
    /// Nothing if it cannot be said when to stop, which only happens if not all mean distances are `exact`.
    fn run(&self, mut exact: bool) -> Result<Option<Clustering>> {
        let Self { points, rows, start, tolerance, max_iter, check } = self;
        let d = points.columns();
        let k = start.len();
        let mut centres: Vec<f64> = start.iter().flat_map(|&i| points.row(rows[i]).iter().map(|v| v.widen())).collect();
        let mut nearest = vec![Nearest::NONE; rows.len()];
        let mut clusters = Clustering { assigned: vec![0; rows.len()], sizes: vec![0; k], ..Clustering::default() };
        let mut previous = Mean { value: f64::INFINITY, doubt: 0.0 };
        let mut bounds = if d >= TILED { Some(Bounds::new(&centres, d, rows.len(), check)?) } else { None };
        let mut moved = vec![true; k];
        // Where the rows of each cluster lie in `members`.
        let (mut ends, mut members) = (vec![0usize; k], vec![0u32; rows.len()]);
        let mut refilled = 0;
        // By how much squared distances may be off, relatively.
        let mut loose = 0.0;
        let by_cluster = d <= FEW || rows.len() >= MANY_ROWS * k;
        while clusters.iterations < *max_iter && !clusters.converged {
            check()?;
            // Centres that are equal, or that were just put onto a row, leave more than one choice of the first of equal ones.
            let plain = refilled > 0 || any_equal(&centres, d);
            match &mut bounds {
                Some(bounds) if !plain => {
                    bounds.assign(points, rows, &centres, &moved, &mut nearest, check)?;
                    loose = looseness(d);
                }
                None if !plain && by_cluster && clusters.iterations > 0 => {
                    let tree = Tree::new(k, d, |i| &centres[i * d..][..d], check)?;
                    let search = ByCluster { points, rows, centres: &centres, moved: &moved, tree: &tree };
                    let of_cluster = |c: usize| &members[ends[c] - clusters.sizes[c]..ends[c]];
                    let of_some = |some: &[u32]| {
                        let mut scratch = Scratch::default();
                        let mut found = Vec::new();
                        for &c in some {
                            let members = of_cluster(c as usize);
                            found.extend(search.of_cluster(c, members, &nearest, &mut scratch, check)?);
                        }
                        Ok(found)
                    };
                    let all: Vec<u32> = (0..k as u32).collect();
                    let changed: Vec<Vec<(u32, Nearest)>> = all.par_chunks(64).map(of_some).collect::<Result<_>>()?;
                    changed.into_iter().flatten().for_each(|(i, own)| nearest[i as usize] = own);
                }
                _ => {
                    assign(points, rows, &centres, &moved, loose, &mut nearest, check)?;
                    loose = 0.0;
                    if let Some(bounds) = &mut bounds {
                        bounds.forget();
                    }
                }
            }
            // By the definition, if they are not yet.
            let mut measured = |nearest: &mut [Nearest]| {
                let not_yet = std::mem::take(&mut loose) > 0.0;
                if not_yet { measure(points, rows, &centres, nearest, check) } else { Ok(()) }
            };
            clusters.iterations += 1;
            if exact {
                measured(&mut nearest)?;
            }
            let mut mean = Mean::of(&nearest, exact || bounds.is_none(), d);
            // If nothing moved, the mean is the same, whatever its rounding.
            let still = refilled == 0 && !moved.contains(&true);
            let (converged, soon) = if still { (Some(true), false) } else { mean.is_near(previous, *tolerance) };
            let Some(converged) = converged else { return Ok(None) };
            clusters.converged = converged;
            exact |= soon;
            if clusters.converged || clusters.iterations == *max_iter {
                measured(&mut nearest)?;
                mean = Mean::of(&nearest, true, d);
            }
            clusters.mean_distance = mean.value;
            previous = mean;
            clusters.sizes.fill(0);
            for own in &nearest {
                clusters.sizes[own.centre as usize] += 1;
            }
            refilled = clusters.sizes.iter().filter(|&&size| size == 0).count();
            clusters.refilled += refilled;
            if refilled > 0 {
                measured(&mut nearest)?;
                refill(&mut nearest, &mut clusters.sizes);
            }
            // Each mean is summed in row order, so it does not depend on threads.
            let mut end = 0;
            for (place, size) in ends.iter_mut().zip(&clusters.sizes) {
                *place = end;
                end += size;
            }
            // The mean of the same rows is the same.
            let mut changed = vec![clusters.iterations == 1; k];
            for ((i, own), before) in (0..).zip(&nearest).zip(&mut clusters.assigned) {
                let place = &mut ends[own.centre as usize];
                members[*place] = i;
                *place += 1;
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
                        *moved = false;
                        if !changed[c] {
                            return Ok(0.0);
                        }
                        sum.fill(0.0);
                        for members in of_cluster(c).chunks(SUMMED) {
                            check()?;
                            simd::run(Sum { points, rows, members, sum });
                        }
                        sum.iter_mut().for_each(|s| *s /= clusters.sizes[c] as f64);
                        *moved = centre != sum.as_slice();
                        let by = raw::<Euclidean, f64, f64>(centre, sum).sqrt();
                        centre.copy_from_slice(sum);
                        Ok(by)
                    },
                )
                .collect::<Result<_>>()?;
            if let Some(bounds) = &mut bounds {
                bounds.moved(&moves);
            }
        }
        clusters.centres = centres;
        Ok(Some(clusters))
    }
}

/// Rows of a cluster that are summed together: a multiple of the four that [`Sum`] takes at a time.
const SUMMED: usize = 4096;

/// Adds rows of a cluster to their sum, in row order: the body that is compiled for each instruction set.
struct Sum<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    members: &'a [u32],
    sum: &'a mut [f64],
}

impl<T: Scalar> simd::Kernel for Sum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let row = |i: u32| self.points.row(self.rows[i as usize]);
        // Four rows at a time, so that sums are seldom loaded.
        let (fours, rest) = self.members.as_chunks::<4>();
        for four in fours {
            let [a, b, c, d] = four.map(row);
            for ((((sum, a), b), c), d) in self.sum.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *sum = (((*sum + a.widen()) + b.widen()) + c.widen()) + d.widen();
            }
        }
        for &i in rest {
            self.sum.iter_mut().zip(row(i)).for_each(|(sum, v)| *sum += v.widen());
        }
    }
}

/// Bytes that clustering takes beside the points, for `rows` rows and `clusters` clusters.
pub(crate) fn memory(rows: usize, clusters: usize, columns: usize) -> u64 {
    let search = if columns < TILED {
        crate::geometry::memory(clusters, columns, 8)
    } else {
        bounds::memory(rows, clusters, columns)
    };
    search + (rows * 24 + clusters * (8 * columns + 24)) as u64
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

/// Gives every empty cluster the row farthest from its centre (of equals the lowest) that is not alone in its cluster. There is one as long as there are no
/// more clusters than rows. Distances are exact.
fn refill(nearest: &mut [Nearest], sizes: &mut [usize]) {
    let mut farthest: Vec<usize> = (0..nearest.len()).collect();
    farthest.sort_by(|&a, &b| nearest[b].raw.total_cmp(&nearest[a].raw));
    let mut candidates = farthest.into_iter();
    for centre in 0..sizes.len() {
        if sizes[centre] > 0 {
            continue;
        }
        for row in candidates.by_ref() {
            if sizes[nearest[row].centre as usize] > 1 {
                sizes[nearest[row].centre as usize] -= 1;
                sizes[centre] = 1;
                nearest[row] = Nearest { raw: 0.0, centre: centre as u32 };
                break;
            }
        }
    }
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

    /// A tolerance that a change of the mean distance equals to the last bit, or misses by one.
    #[test]
    fn lloyd_stops_where_its_naive_reference_does() {
        for d in [2, 12, 130] {
            let n = 300;
            let values: Vec<f64> = (0..n * d).map(|i| crate::Seed(7).unit(RowId::at(i))).collect();
            let points: Vec<Vec<f64>> = values.chunks_exact(d).map(<[f64]>::to_vec).collect();
            let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
            let start = [0, 60, 120, 180, 240];
            let reference = |tolerance, max_iter| naive(&points, &start, tolerance, max_iter).expect("none is empty");
            let change = (reference(0.0, 3).1 - reference(0.0, 2).1).abs();
            assert!(change > 0.0);
            for tolerance in [change, change.next_down(), change.next_up(), 0.0] {
                let (centres, mean) = reference(tolerance, 50);
                let matrix = Matrix::new(&values, n, d).expect("shape");
                let fast = lloyd(&matrix, &rows, &start, tolerance, 50, || Ok(())).expect("runs");
                assert_eq!(fast.centres, centres.concat(), "{d} {tolerance}");
                assert_eq!(fast.mean_distance, mean, "{d} {tolerance}");
            }
        }
    }

    proptest! {
        #[test]
        fn lloyd_equals_its_naive_reference(
            (d, values) in prop::sample::select(vec![1usize, 2, 3, 4, 9, 12, 40, 130]).prop_flat_map(|d| {
                let rows = if d > 100 { 60 } else { 250 };
                (Just(d), prop::collection::vec(-100i16..100, d * 2..d * rows))
            }),
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
            (d, values) in prop::sample::select(vec![1usize, 2, 3, 10, 129])
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
                assign(&points, &rows, &centres, &moved, 0.0, &mut nearest, &|| Ok(())).expect("not cancelled");
                let mean = nearest.iter().map(|n| n.raw.sqrt()).sum::<f64>() / n as f64;
                sizes.fill(0);
                nearest.iter().for_each(|n| sizes[n.centre as usize] += 1);
                let empty = sizes.iter().filter(|&&size| size == 0).count();
                if empty > 0 {
                    refill(&mut nearest, &mut sizes);
                }
                refilled += empty;
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
