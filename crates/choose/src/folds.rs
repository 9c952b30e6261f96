//! Which rows are held out: every row once, in one of several parts, or given rows.
//!
//! Rows of a class are dealt to the folds in the order of hash(seed, row), so each fold has its share of every class. Rows of a
//! group stay together: groups, largest first, go to the fold that has the fewest rows of their classes. A class of one row is
//! always trained on. Of large tables a fold tests a part of its rows, and trains on the rest.

use std::collections::HashMap;

use leanset_core::{ClassId, Classes, RowId, Seed};
use leanset_problem::{Problem, Result};

/// Rows that a fold tests at most: with them the standard error of an accuracy is below 0.4 points.
pub const MOST_TESTED: usize = 20_000;

/// Which rows are trained on, and which are tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Training rows, ascending.
    pub train: Vec<usize>,
    /// Test rows, ascending.
    pub test: Vec<usize>,
}

/// How rows are held out.
#[derive(Clone, Debug)]
pub enum HoldOut {
    /// In so many parts, each tested by what is trained on the others.
    Folds(usize),
    /// The rows from this one on; those before are trained on.
    From(usize),
}

/// The usual number of folds: fewer of large tables, which have rows enough to test on.
pub fn usual_folds(rows: usize) -> usize {
    match rows {
        0..=100_000 => 5,
        100_001..=1_000_000 => 3,
        _ => 2,
    }
}

/// The folds of rows with these classes.
///
/// # Errors
/// Nothing can be tested, or a fold would train on no row of a class.
pub(crate) fn folds(classes: &Classes, groups: Option<&[u32]>, how: &HoldOut, seed: Seed) -> Result<Vec<Fold>> {
    let rows: usize = classes.sizes().iter().sum();
    let folds = match how {
        HoldOut::From(first) => vec![Fold { train: (0..*first).collect(), test: (*first..rows).collect() }],
        HoldOut::Folds(count) => {
            let places = match groups {
                None => dealt(classes, *count, seed),
                Some(groups) => grouped(classes, groups, *count, seed),
            };
            (0..*count).map(|fold| of_places(&places, fold, seed, groups.is_some())).collect()
        }
    };
    for fold in &folds {
        if classes.sizes().iter().all(|&rows| rows < 2) {
            return Err(Problem::new("every class has one row: none can be held out")
                .hint("classes need two rows and more, one to train on and one to test on"));
        }
        if fold.test.is_empty() {
            return Err(Problem::new(format!(
                "{rows} rows in {} classes cannot be held out in {} parts",
                classes.len(),
                folds.len()
            ))
            .hint("use fewer folds"));
        }
        let trained = classes.counts_of(&fold.train.iter().map(|&row| RowId::at(row)).collect::<Vec<_>>());
        let lost = fold.test.iter().map(|&row| classes.of(RowId::at(row))).find(|class| trained[class.index()] == 0);
        if let Some(class) = lost {
            let hint = match groups {
                Some(_) => "its rows are in one group: leave the class out, or name another column of groups",
                None => "leave the class out, or give it more rows",
            };
            return Err(
                Problem::new(format!("class '{}' would be tested and not trained on", classes.name(class))).hint(hint)
            );
        }
    }
    Ok(folds)
}

/// The part of each row; none for rows that are only trained on.
fn dealt(classes: &Classes, count: usize, seed: Seed) -> Vec<Option<usize>> {
    let mut places = vec![None; classes.sizes().iter().sum()];
    // Each class goes on where the one before ended, so that parts have equally many rows.
    let mut next = 0;
    for class in classes.ids() {
        let mut rows = classes.rows(class).to_vec();
        if rows.len() < 2 {
            continue;
        }
        rows.sort_unstable_by_key(|&row| (seed.key(row), row));
        for row in rows {
            places[row.index()] = Some(next % count);
            next += 1;
        }
    }
    places
}

fn grouped(classes: &Classes, groups: &[u32], count: usize, seed: Seed) -> Vec<Option<usize>> {
    let sizes = classes.sizes();
    let mut members: HashMap<u32, Vec<RowId>> = HashMap::new();
    groups.iter().enumerate().for_each(|(row, &group)| members.entry(group).or_default().push(RowId::at(row)));
    let mut members: Vec<Vec<RowId>> = members.into_values().collect();
    members.sort_unstable_by_key(|rows| (std::cmp::Reverse(rows.len()), seed.key(rows[0]), rows[0]));
    let mut taken = vec![vec![0usize; sizes.len()]; count];
    let mut places = vec![None; groups.len()];
    for rows in members {
        let added = classes.counts_of(&rows);
        // What the squares of the shares of the classes grow by.
        let cost = |fold: &Vec<usize>| -> f64 {
            let of = |class: usize| {
                (added[class] * (2 * fold[class] + added[class])) as f64 / (sizes[class].max(1) as f64).powi(2)
            };
            (0..sizes.len()).map(of).sum()
        };
        let costs: Vec<f64> = taken.iter().map(cost).collect();
        let best = (0..count).min_by(|&a, &b| costs[a].total_cmp(&costs[b])).unwrap_or_default();
        taken[best].iter_mut().zip(&added).for_each(|(t, a)| *t += a);
        rows.iter().for_each(|row| places[row.index()] = Some(best));
    }
    places
}

fn of_places(places: &[Option<usize>], fold: usize, seed: Seed, grouped: bool) -> Fold {
    let mut test: Vec<usize> = (0..places.len()).filter(|&row| places[row] == Some(fold)).collect();
    if test.len() > MOST_TESTED {
        test.sort_unstable_by_key(|&row| (Seed(!seed.0).key(RowId::at(row)), row));
        test.truncate(MOST_TESTED);
        test.sort_unstable();
    }
    let tested: Vec<bool> = {
        let mut tested = vec![false; places.len()];
        test.iter().for_each(|&row| tested[row] = true);
        tested
    };
    // What is left of a fold is trained on, but not rows of groups that are tested.
    let trained = |row: &usize| !(tested[*row] || grouped && places[*row] == Some(fold));
    Fold { train: (0..places.len()).filter(trained).collect(), test }
}

/// The classes that no fold tests.
pub(crate) fn untested(classes: &Classes, folds: &[Fold]) -> Vec<ClassId> {
    let mut tested = vec![false; classes.len()];
    folds.iter().flat_map(|fold| &fold.test).for_each(|&row| tested[classes.of(RowId::at(row)).index()] = true);
    classes.ids().filter(|class| !tested[class.index()] && !classes.rows(*class).is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(sizes: &[usize]) -> Vec<u32> {
        sizes.iter().enumerate().flat_map(|(class, &n)| std::iter::repeat_n(class as u32, n)).collect()
    }

    #[test]
    fn every_row_is_tested_once_and_classes_are_shared() {
        let codes = codes(&[103, 17, 5, 2, 1]);
        let classes = Classes::new(&codes, 5).expect("classes");
        let found = folds(&classes, None, &HoldOut::Folds(5), Seed(3)).expect("folds");
        let mut all: Vec<usize> = found.iter().flat_map(|fold| fold.test.clone()).collect();
        all.sort_unstable();
        // The class of one row is never tested.
        assert_eq!(all, (0..127).collect::<Vec<_>>());
        for fold in &found {
            assert_eq!(fold.train.len() + fold.test.len(), 128);
            let of = |class| fold.test.iter().filter(|&&row| codes[row] == class).count();
            assert!((20..=21).contains(&of(0)) && (3..=4).contains(&of(1)) && of(2) == 1, "{fold:?}");
        }
        assert_eq!(untested(&classes, &found), [ClassId(4)]);
    }

    #[test]
    fn groups_stay_together() {
        let codes: Vec<u32> = (0..400).map(|row| u32::from(row % 3 == 0)).collect();
        let groups: Vec<u32> = (0..400).map(|row| row / 7).collect();
        let classes = Classes::new(&codes, 2).expect("classes");
        let found = folds(&classes, Some(&groups), &HoldOut::Folds(4), Seed(1)).expect("folds");
        for fold in &found {
            assert!((90..=110).contains(&fold.test.len()), "{}", fold.test.len());
            let tested: std::collections::HashSet<u32> = fold.test.iter().map(|&row| groups[row]).collect();
            assert!(fold.train.iter().all(|&row| !tested.contains(&groups[row])));
        }
    }

    #[test]
    fn a_class_in_one_group_is_refused_by_name() {
        let codes = codes(&[40, 6]);
        let groups: Vec<u32> = (0..46).map(|row| if row < 40 { row / 4 } else { 99 }).collect();
        let classes = Classes::new(&codes, 2).expect("classes");
        let error = folds(&classes, Some(&groups), &HoldOut::Folds(3), Seed(1)).expect_err("one group");
        assert_eq!(error.to_string(), "class '1' would be tested and not trained on");
    }

    #[test]
    fn given_rows_are_one_fold() {
        let codes = codes(&[4, 4]);
        let classes = Classes::new(&codes, 2).expect("classes");
        let found = folds(&classes, None, &HoldOut::From(6), Seed(0)).expect("a fold");
        assert_eq!(found, [Fold { train: (0..6).collect(), test: vec![6, 7] }]);
    }
}
