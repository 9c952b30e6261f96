//! Rows that are held out for a test: a fraction of each class, chosen by hash before anything else looks at the rows.
//!
//! Without groups, the test rows of a class are those with the smallest hash(seed, row), so a smaller test part is a subset of
//! a larger one. With groups, rows of one group stay on one side. Groups are visited in the order of hash(seed, first row of the
//! group); a group is tested on if that brings the rows of the classes nearer to what is wanted of them: if
//! Σ_c (w_c − t_c)² / n_c becomes less, where a class of n_c rows has t_c test rows and w_c are wanted. A class is never
//! tested on with all its rows.
//!
//! Cost: O(n log n).

use std::collections::HashMap;

use crate::data::Classes;
use crate::error::Result;
use crate::id::RowId;
use crate::{Budget, EmptyClasses, Seed};

/// How many rows of each class are held out for a test: `fraction` of them by largest remainder, at least one, and never all. A
/// class of one row has none to give.
///
/// # Errors
/// A fraction outside (0, 1], as a budget.
pub fn test_counts(sizes: &[usize], fraction: f64) -> Result<Vec<usize>> {
    let divisible: Vec<usize> = sizes.iter().map(|&size| if size < 2 { 0 } else { size }).collect();
    if divisible.iter().all(|&size| size == 0) {
        return Ok(vec![0; sizes.len()]);
    }
    let (wanted, _) = Budget::Ratio(fraction).allocate(&divisible, EmptyClasses::Forbid)?;
    Ok(wanted.per_class().iter().zip(&divisible).map(|(&wanted, &size)| wanted.min(size.saturating_sub(1))).collect())
}

/// Whether each row is held out: `counts` of each class.
///
/// # Panics
/// If there is not a count for each class, as indexing a slice does.
pub fn stratified(classes: &Classes, counts: &[usize], seed: Seed) -> Vec<bool> {
    let mut held = vec![false; classes.sizes().iter().sum::<usize>()];
    for class in classes.ids() {
        let mut rows = classes.rows(class).to_vec();
        rows.sort_unstable_by_key(|&row| (seed.key(row), row));
        rows.iter().take(counts[class.index()]).for_each(|row| held[row.index()] = true);
    }
    held
}

/// Whether each row is held out: about `counts` of each class, with all rows of a group on one side. `groups` has a number for
/// each row. None are held out where each group holds all rows of some class, or where there is only one.
///
/// # Panics
/// If there is not a count for each class and a group for each row.
pub fn grouped(classes: &Classes, groups: &[u32], counts: &[usize], seed: Seed) -> Vec<bool> {
    let sizes = classes.sizes();
    assert_eq!(groups.len(), sizes.iter().sum::<usize>(), "a group for each row");
    // Groups in the order of their first rows: of each its rows by class.
    let mut places: HashMap<u32, usize> = HashMap::new();
    let mut members: Vec<(RowId, HashMap<usize, usize>)> = Vec::new();
    let place_of_row: Vec<usize> = (0..groups.len())
        .map(|row| {
            let place = *places.entry(groups[row]).or_insert_with(|| {
                members.push((RowId::at(row), HashMap::new()));
                members.len() - 1
            });
            *members[place].1.entry(classes.of(RowId::at(row)).index()).or_insert(0) += 1;
            place
        })
        .collect();
    let members: Vec<(RowId, Vec<(usize, usize)>)> = members
        .into_iter()
        .map(|(first, by_class)| {
            let mut by_class: Vec<(usize, usize)> = by_class.into_iter().collect();
            by_class.sort_unstable();
            (first, by_class)
        })
        .collect();
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_unstable_by_key(|&group| (seed.key(members[group].0), group));

    let mut held: Vec<bool> = vec![false; members.len()];
    let mut taken = vec![0usize; sizes.len()];
    let leaves_some = |group: usize, taken: &[usize]| {
        members[group].1.iter().all(|&(class, rows)| taken[class] + rows < sizes[class])
    };
    // By how much the sum of squares grows; what is less than rounding is nothing.
    const NOTHING: f64 = 1e-9;
    let change = |group: usize, taken: &[usize]| -> f64 {
        let of_class = |&(class, rows): &(usize, usize)| {
            let (rows, wanted) = (rows as f64, counts[class] as f64 - taken[class] as f64);
            rows * (rows - 2.0 * wanted) / sizes[class] as f64
        };
        members[group].1.iter().map(of_class).sum()
    };
    for &group in &order {
        if leaves_some(group, &taken) && change(group, &taken) < -NOTHING {
            held[group] = true;
            members[group].1.iter().for_each(|&(class, rows)| taken[class] += rows);
        }
    }
    // All groups are large: the one that fits best, rather than no test.
    if !held.contains(&true) && counts.iter().any(|&count| count > 0) {
        let possible = order.iter().copied().filter(|&group| leaves_some(group, &taken));
        if let Some(best) = possible.min_by(|&a, &b| change(a, &taken).total_cmp(&change(b, &taken))) {
            held[best] = true;
        }
    }
    place_of_row.iter().map(|&place| held[place]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn test_counts_leave_and_take_a_row_of_each_class() {
        assert_eq!(test_counts(&[100, 2, 1, 3], 0.25).expect("counts"), [24, 1, 0, 1]);
        assert_eq!(test_counts(&[2, 2], 0.99).expect("counts"), [1, 1]);
        assert_eq!(test_counts(&[1, 1], 0.5).expect("counts"), [0, 0]);
        for bad in [0.0, 1.1, -0.1, f64::NAN] {
            assert!(test_counts(&[4], bad).is_err(), "{bad}");
        }
    }

    /// What the definition says, word by word.
    fn naive(classes: &[u32], groups: &[u32], counts: &[usize], seed: Seed) -> Vec<bool> {
        let size = |class: usize| classes.iter().filter(|&&c| c as usize == class).count();
        let of = |rows: &[bool], class: usize| {
            (0..classes.len()).filter(|&row| rows[row] && classes[row] as usize == class).count()
        };
        let distance = |rows: &[bool]| -> f64 {
            let term = |class: usize| (counts[class] as f64 - of(rows, class) as f64).powi(2) / size(class) as f64;
            (0..counts.len()).filter(|&class| size(class) > 0).map(term).sum()
        };
        let mut names: Vec<(RowId, u32)> = Vec::new();
        for (row, &group) in groups.iter().enumerate() {
            if !names.iter().any(|(_, name)| *name == group) {
                names.push((RowId::at(row), group));
            }
        }
        names.sort_by_key(|(first, _)| (seed.key(*first), *first));
        let with = |rows: &[bool], group: u32| -> Option<Vec<bool>> {
            let more: Vec<bool> = rows.iter().zip(groups).map(|(&held, &of)| held || of == group).collect();
            let all = |class: usize| of(&more, class) == size(class) && of(rows, class) < size(class);
            (!(0..counts.len()).any(all)).then_some(more)
        };
        let mut rows = vec![false; classes.len()];
        for (_, group) in &names {
            if let Some(more) = with(&rows, *group)
                && distance(&more) < distance(&rows) - 1e-9
            {
                rows = more;
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn stratified_takes_the_counts(labels in prop::collection::vec(0u32..4, 1..80), fraction in 0.05..0.9f64, seed: u64) {
            let classes = Classes::new(&labels, 4).expect("classes");
            let counts = test_counts(&classes.sizes(), fraction).expect("counts");
            let held = stratified(&classes, &counts, Seed(seed));
            for class in classes.ids() {
                let rows = classes.rows(class);
                let tested = rows.iter().filter(|row| held[row.index()]).count();
                prop_assert_eq!(tested, counts[class.index()]);
                prop_assert!(rows.is_empty() || tested < rows.len());
                prop_assert!(rows.len() < 2 || tested > 0);
            }
        }

        #[test]
        fn grouped_is_its_definition(
            rows in prop::collection::vec((0u32..3, 0u32..12), 1..60), fraction in 0.1..0.6f64, seed: u64,
        ) {
            let (labels, groups): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
            let classes = Classes::new(&labels, 3).expect("classes");
            let counts = test_counts(&classes.sizes(), fraction).expect("counts");
            let held = grouped(&classes, &groups, &counts, Seed(seed));
            for (row, other) in (0..held.len()).flat_map(|a| (0..held.len()).map(move |b| (a, b))) {
                prop_assert!(groups[row] != groups[other] || held[row] == held[other]);
            }
            for class in classes.ids() {
                let rows = classes.rows(class);
                prop_assert!(rows.is_empty() || rows.iter().any(|row| !held[row.index()]));
            }
            let expected = naive(&labels, &groups, &counts, Seed(seed));
            if expected.contains(&true) {
                prop_assert_eq!(held, expected);
            }
        }

        /// Groups of one row are no groups: the counts are met exactly.
        #[test]
        fn groups_of_one_row_meet_the_counts(labels in prop::collection::vec(0u32..3, 2..60), seed: u64) {
            let classes = Classes::new(&labels, 3).expect("classes");
            let counts = test_counts(&classes.sizes(), 0.25).expect("counts");
            let groups: Vec<u32> = (0..labels.len() as u32).collect();
            let held = grouped(&classes, &groups, &counts, Seed(seed));
            prop_assert_eq!(held, stratified(&classes, &counts, Seed(seed)));
        }
    }

    #[test]
    fn a_test_of_large_groups_is_one_of_them() {
        let labels: Vec<u32> = (0..30).map(|row| row % 2).collect();
        let groups: Vec<u32> = (0..30).map(|row| row / 10).collect();
        let classes = Classes::new(&labels, 2).expect("classes");
        let held = grouped(&classes, &groups, &[1, 1], Seed(0));
        assert_eq!(held.iter().filter(|held| **held).count(), 10);
        // With one group there is no test.
        let held = grouped(&classes, &[7; 30], &[4, 4], Seed(0));
        assert!(!held.contains(&true));
    }
}
