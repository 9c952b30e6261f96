//! Copies and near-copies: all pairs of rows within a distance, exactly.
//!
//! Equal rows are found by their values, and a pair of each with the first of them says all that there is to say. Between different rows,
//! every row asks for its nearest ones within the distance ([`crate::geometry::Points`]); a row that has as many as it asked for
//! asks again for more, so that the answer is complete. Cost: one search per different row, near-linear in few columns.
//!
//! Wins where rows are copied, resampled or recompressed; says nothing about rows that mean the same and are far apart.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use crate::data::with_points;
use crate::distance::{Euclidean, raw};
use crate::geometry::{Points as Neighbors, Tree, squared_limit};
use crate::monitor::step;
use crate::{Matrix, Monitor, Points, Result, RowId, Scalar};

/// How many near rows are asked for first.
const FIRST: usize = 8;

/// A pair of near rows, and how far apart they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The row.
    pub row: RowId,
    /// A row after it; of another table, the nearest row there.
    pub other: RowId,
    /// Their Euclidean distance.
    pub distance: f64,
}

/// The pairs of rows of a table that are no farther apart than `within` by the Euclidean distance, by row and other row. Equal rows are
/// paired with the first of them alone, which stands for all of them in the pairs with other rows. `None` if there are more than `most`
/// pairs.
///
/// Values must be finite.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn within_table(points: &Points<'_>, within: f64, most: usize, monitor: &dyn Monitor) -> Result<Option<Vec<Pair>>> {
    with_points!(points, |matrix| pairs_of(matrix, within, most, monitor))
}

/// For every row of `points` that has one, the nearest row of `others` no farther than `within`, by row.
///
/// Values must be finite, and both have the same columns.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn against_table(
    points: &Points<'_>,
    others: &Points<'_>,
    within: f64,
    monitor: &dyn Monitor,
) -> Result<Vec<Pair>> {
    let columns = points.columns();
    // Both in f64, in which f32 is exact.
    let wide = |points: &Points<'_>| {
        let mut values = vec![0.0; points.rows() * columns];
        for (at, row) in values.chunks_exact_mut(columns).enumerate() {
            points.widen_row(RowId::at(at), row);
        }
        values
    };
    let (own, others) = (wide(points), wide(others));
    let row = |i: usize| &own[i * columns..][..columns];
    let other = |i: usize| &others[i * columns..][..columns];
    let (count, theirs) = (points.rows(), others.len() / columns);
    monitor.begin("looking for copies", count as u64);
    let ids: Vec<u32> = (0..theirs).map(|i| RowId::at(i).0).collect();
    let look = || step(monitor, 0);
    let tree = Tree::new(theirs, columns, other, &look)?;
    let queries = Tree::new(count, columns, row, &look)?;
    let first = |_: usize, found: &mut dyn Iterator<Item = u32>| found.next();
    let near = Neighbors::new(&tree, &ids, other, &look)?.of_each_within(
        &queries,
        &vec![u32::MAX; count],
        1,
        squared_limit(within),
        first,
        |s| step(monitor, s),
    )?;
    let pair = |(at, found): (usize, &Option<u32>)| {
        let found = (*found)?;
        let distance = raw::<Euclidean, f64, f64>(row(at), other(found as usize)).sqrt();
        Some(Pair { row: RowId::at(at), other: RowId(found), distance })
    };
    Ok(near.iter().enumerate().filter_map(pair).collect())
}

/// Which rows to keep of a table with these [`within_table`] pairs, and the group of each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unique {
    /// Going from the first row to the last: every row that is not near one kept before.
    pub kept: Vec<RowId>,
    /// For each row the first row of those that it is connected with.
    pub group: Vec<RowId>,
}

/// Decides which of `rows` rows to keep; `pairs` are in the order of [`within_table`].
pub fn unique(rows: usize, pairs: &[Pair]) -> Unique {
    let mut near = vec![false; rows];
    let mut parent: Vec<u32> = (0..rows).map(|row| RowId::at(row).0).collect();
    // The row before every pair is done with: all pairs with earlier rows come first.
    for pair in pairs {
        let (row, other) = (pair.row.index(), pair.other.index());
        // A copy of a row that is left out is near the same kept row.
        if !near[row] || pair.distance == 0.0 {
            near[other] = true;
        }
        let (a, b) = (root(&mut parent, pair.row.0), root(&mut parent, pair.other.0));
        parent[a.max(b) as usize] = a.min(b);
    }
    Unique {
        kept: (0..rows).filter(|&row| !near[row]).map(RowId::at).collect(),
        group: (0..rows).map(|row| RowId(root(&mut parent, RowId::at(row).0))).collect(),
    }
}

fn root(parent: &mut [u32], mut row: u32) -> u32 {
    while parent[row as usize] != row {
        parent[row as usize] = parent[parent[row as usize] as usize];
        row = parent[row as usize];
    }
    row
}

/// The first row of the same values, for every row.
fn first_copies<T: Scalar>(matrix: &Matrix<'_, T>, monitor: &dyn Monitor) -> Result<Vec<u32>> {
    let mut known: HashMap<u64, Vec<u32>> = HashMap::with_capacity(matrix.rows());
    let mut first = Vec::with_capacity(matrix.rows());
    // Zero has two signs, and they are equal.
    let bits = |value: &T| (value.widen() + 0.0).to_bits();
    for at in 0..matrix.rows() {
        let row = matrix.row(RowId::at(at));
        let mut hasher = DefaultHasher::new();
        row.iter().for_each(|value| hasher.write_u64(bits(value)));
        let same = known.entry(hasher.finish()).or_default();
        let equal = |other: &&u32| matrix.row(RowId(**other)).iter().zip(row).all(|(a, b)| bits(a) == bits(b));
        match same.iter().find(equal) {
            Some(&other) => first.push(other),
            None => {
                same.push(RowId::at(at).0);
                first.push(RowId::at(at).0);
            }
        }
        if at % 4096 == 0 {
            step(monitor, 0)?;
        }
    }
    Ok(first)
}

fn pairs_of<T: Scalar>(
    matrix: &Matrix<'_, T>,
    within: f64,
    most: usize,
    monitor: &dyn Monitor,
) -> Result<Option<Vec<Pair>>> {
    monitor.begin("looking for copies", matrix.rows() as u64);
    let first = first_copies(matrix, monitor)?;
    let copies = first.iter().enumerate().filter(|(at, first)| **first as usize != *at);
    let mut pairs: Vec<Pair> =
        copies.map(|(at, &first)| Pair { row: RowId(first), other: RowId::at(at), distance: 0.0 }).collect();
    let ids: Vec<u32> = (0..first.len()).filter(|&at| first[at] as usize == at).map(|at| RowId::at(at).0).collect();
    if within > 0.0 && ids.len() > 1 && pairs.len() <= most {
        let (limit, columns) = (squared_limit(within), matrix.columns());
        let row = |i: usize| matrix.row(RowId(ids[i]));
        let look = || step(monitor, 0);
        let tree = Tree::new(ids.len(), columns, row, &look)?;
        let points = Neighbors::new(&tree, &ids, row, &look)?;
        let mut pending: Vec<u32> = ids.clone();
        let mut k = FIRST;
        while !pending.is_empty() {
            let k_now = k.min(ids.len());
            let queries = Tree::new(pending.len(), columns, |i| matrix.row(RowId(pending[i])), &look)?;
            let near = points.of_each_within(
                &queries,
                &pending,
                k_now,
                limit,
                |_, found: &mut dyn Iterator<Item = u32>| found.collect::<Vec<u32>>(),
                |s| step(monitor, s),
            )?;
            let mut again = Vec::new();
            for (&own, near) in pending.iter().zip(near) {
                if near.len() == k_now && k_now < ids.len() {
                    again.push(own);
                    continue;
                }
                for other in near.into_iter().filter(|&other| other > own) {
                    let distance = raw::<Euclidean, T, T>(matrix.row(RowId(own)), matrix.row(RowId(other))).sqrt();
                    pairs.push(Pair { row: RowId(own), other: RowId(other), distance });
                }
            }
            // Those that ask again have at least so many each, of which each pair is counted twice.
            if pairs.len() + again.len() * k_now / 2 > most {
                return Ok(None);
            }
            pending = again;
            k *= 4;
        }
    }
    pairs.sort_unstable_by_key(|pair| (pair.row, pair.other));
    Ok((pairs.len() <= most).then_some(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quiet;
    use proptest::prelude::*;

    /// The same by the definition.
    fn naive(rows: &[Vec<f64>], within: f64) -> Vec<(u32, u32)> {
        let first: Vec<usize> =
            rows.iter().map(|row| rows.iter().position(|other| other == row).unwrap_or(0)).collect();
        let mut found = Vec::new();
        for i in 0..rows.len() {
            for j in i + 1..rows.len() {
                let copy = first[j] == i;
                let distinct = first[i] == i && first[j] == j;
                let near = raw::<Euclidean, f64, f64>(&rows[i], &rows[j]).sqrt() <= within;
                if copy || (distinct && near && within > 0.0) {
                    found.push((i as u32, j as u32));
                }
            }
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pairs_are_those_of_the_definition(
            (d, values) in prop::sample::select(vec![1usize, 2, 7, 12, 40])
                .prop_flat_map(|d| (Just(d), prop::collection::vec(-4i32..4, d..d * 120))),
            step in 0u8..3,
            within in prop::sample::select(vec![0.0, 0.5, 1.0, 2.0, 6.0]),
        ) {
            let values: Vec<f64> = values.iter().map(|&v| f64::from(v) / [1.0, 4.0, 40.0][usize::from(step)]).collect();
            let rows: Vec<Vec<f64>> = values.chunks_exact(d).map(<[f64]>::to_vec).collect();
            let flat = rows.concat();
            let matrix = Matrix::new(&flat, rows.len(), d).expect("whole rows");
            let found = within_table(&matrix.into(), within, usize::MAX, &Quiet).expect("not cancelled").expect("all");
            let pairs: Vec<(u32, u32)> = found.iter().map(|p| (p.row.0, p.other.0)).collect();
            prop_assert_eq!(pairs, naive(&rows, within));
            // No two kept rows are near, and each other row is near a kept one before it.
            let kept = unique(rows.len(), &found);
            let near = |a: usize, b: usize| raw::<Euclidean, f64, f64>(&rows[a], &rows[b]).sqrt() <= within;
            for row in 0..rows.len() {
                let before = kept.kept.iter().any(|&other| other.index() < row && near(row, other.index()));
                prop_assert_eq!(before, !kept.kept.contains(&RowId::at(row)));
                let group = kept.group[row].index();
                prop_assert!(group <= row && kept.group[group].index() == group);
            }
            let single: Vec<f32> = flat.iter().map(|&v| v as f32).collect();
            let wide: Vec<Vec<f64>> = single.chunks_exact(d).map(|r| r.iter().map(|&v| f64::from(v)).collect()).collect();
            let matrix = Matrix::new(&single, rows.len(), d).expect("whole rows");
            let found = within_table(&matrix.into(), within, usize::MAX, &Quiet).expect("not cancelled").expect("all");
            let pairs: Vec<(u32, u32)> = found.iter().map(|p| (p.row.0, p.other.0)).collect();
            prop_assert_eq!(pairs, naive(&wide, within));
            // Against the second half, the nearest of each row of the first.
            let half = rows.len() / 2;
            if half > 0 {
                let (a, b) = flat.split_at(half * d);
                let [a, b] = [(a, half), (b, rows.len() - half)].map(|(v, n)| Matrix::new(v, n, d).expect("whole rows"));
                let found = against_table(&a.into(), &b.into(), within, &Quiet).expect("not cancelled");
                let mut at = found.iter();
                for i in 0..half {
                    // Squares that differ may have one root.
                    let nearest = (half..rows.len())
                        .map(|j| (raw::<Euclidean, f64, f64>(&rows[i], &rows[j]), (j - half) as u32))
                        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
                        .map(|(squared, other)| (squared.sqrt(), other));
                    if let Some((distance, other)) = nearest.filter(|n| n.0 <= within) {
                        let pair = Pair { row: RowId::at(i), other: RowId(other), distance };
                        prop_assert_eq!(at.next(), Some(&pair));
                    }
                }
                prop_assert_eq!(at.next(), None);
            }
        }
    }

    #[test]
    fn zeros_of_both_signs_are_copies_and_too_many_pairs_are_none() {
        let values = [0.0, -0.0, 1.0, 0.0];
        let matrix = Matrix::new(&values, 4, 1).expect("four rows");
        let found = within_table(&matrix.into(), 0.0, 10, &Quiet).expect("not cancelled").expect("few");
        assert_eq!(found.iter().map(|p| (p.row.0, p.other.0)).collect::<Vec<_>>(), [(0, 1), (0, 3)]);
        let line: Vec<f64> = (0..400).map(f64::from).collect();
        let matrix = Matrix::new(&line, 400, 1).expect("rows");
        assert_eq!(within_table(&matrix.into(), 500.0, 1_000, &Quiet).expect("not cancelled"), None);
    }
}
