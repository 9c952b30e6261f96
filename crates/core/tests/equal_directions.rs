//! Scores by matrix decomposition do not depend on the order of rows, or a warning says that they do.

use crate::common::{Random, Sample, blobs};
use leanset_core::{Quiet, Ranking, Reducer, Seed};

const DECOMPOSITIONS: [&str; 6] = ["svd", "qr", "lu", "spca", "flda", "mean"];

/// The warnings that say that the order of rows decides.
const SAID: [&str; 2] = ["equal-pivots", "unsteady-directions"];

fn rank(sample: &Sample, decomposition: &str) -> Ranking {
    let given = [("decomposition".to_owned(), decomposition.into())];
    let reducer = Reducer::new("nrmd", &given).expect("valid");
    reducer.rank(&sample.data(), None, Seed(0), &Quiet).unwrap_or_else(|e| panic!("{}: {e}", sample.name))
}

/// Scores by row id.
fn scores(ranking: &Ranking, rows: usize) -> Vec<f64> {
    let mut scores = vec![f64::NAN; rows];
    ranking.rows().iter().zip(ranking.scores()).for_each(|(row, &score)| scores[row.index()] = score);
    scores
}

/// The largest relative difference of scores between two orders of the rows, or nothing if a warning says that there is one.
fn change(sample: &Sample, decomposition: &str, seed: u64) -> Option<f64> {
    let order = Random(seed).permutation(sample.rows());
    let other = sample.permuted(&order);
    let rankings = [rank(sample, decomposition), rank(&other, decomposition)];
    let said = |ranking: &Ranking| ranking.warnings.iter().any(|w| SAID.contains(&&*w.code));
    if rankings.iter().any(said) {
        return None;
    }
    let [one, two] = rankings.map(|ranking| scores(&ranking, sample.rows()));
    let of_row = |(new, &old): (usize, &usize)| (one[old] - two[new]).abs() / one[old].abs().max(1e-6);
    Some(order.iter().enumerate().map(of_row).fold(0.0, f64::max))
}

/// A table of categories, one column for each of their values, and rows in a random order. `of(row)` gives the place of the row's
/// value in each column.
fn categories(
    name: &str,
    sizes: &[usize],
    rows: usize,
    of: impl Fn(usize) -> Vec<usize>,
    label: impl Fn(usize) -> usize,
) -> Sample {
    let columns: usize = sizes.iter().sum();
    let mut values = vec![0.0; rows * columns];
    for row in 0..rows {
        let mut begin = 0;
        for (value, size) in of(row).into_iter().zip(sizes) {
            values[row * columns + begin + value] = 1.0;
            begin += size;
        }
    }
    let codes: Vec<u32> = (0..rows).map(|row| label(row) as u32).collect();
    let classes = codes.iter().max().map_or(0, |&c| c as usize + 1);
    let sample = Sample { name: name.into(), values, columns, codes, classes };
    sample.permuted(&Random(7).permutation(rows))
}

/// The sample with further columns made of those of each row.
fn widened(name: &str, sample: &Sample, more: impl Fn(&[f64]) -> Vec<f64>) -> Sample {
    let rows: Vec<Vec<f64>> = (0..sample.rows()).map(|r| [sample.row(r), &more(sample.row(r))].concat()).collect();
    Sample { name: name.into(), columns: rows[0].len(), values: rows.concat(), ..sample.clone() }
}

fn coinciding() -> Vec<Sample> {
    let equal = blobs("five equal classes", &[20; 5], 2, 1);
    vec![
        blobs("many equal classes", &[6; 40], 3, 2),
        blobs("two sizes of classes", &[15, 15, 15, 15, 9, 9, 9, 9], 2, 3),
        widened("equal classes and a column twice", &equal, |row| vec![row[1]]),
        widened("equal classes and a constant column", &equal, |_| vec![1.0]),
        categories("balanced categories", &[3, 4], 144, |r| vec![r % 3, r / 3 % 4], |r| r / 72),
        categories("three balanced categories", &[2, 3, 5], 180, |r| vec![r % 2, r / 2 % 3, r / 6 % 5], |r| r / 60),
        categories("categories that are the label", &[4], 64, |r| vec![r % 4], |r| r % 4),
        categories("a category of many values", &[30], 120, |r| vec![r % 30], |r| r / 60),
        equal,
    ]
}

#[test]
fn order_of_rows_does_not_change_scores_of_subspaces() {
    for sample in coinciding() {
        for decomposition in DECOMPOSITIONS {
            for seed in 0..3 {
                let who = format!("{decomposition} on {}", sample.name);
                match change(&sample, decomposition, seed) {
                    Some(change) => assert!(change < 1e-6, "{who}: scores change by {change:e}"),
                    // Only pivots have no mean.
                    None => assert!(["qr", "lu"].contains(&decomposition), "{who}: there is a warning"),
                }
            }
        }
    }
}

#[test]
fn directions_that_rounding_turns_are_reported() {
    let mut said = 0;
    for exponent in 2..16 {
        let near = 10f64.powi(-exponent);
        let sample = blobs("near", &[40, 30, 20], 4, exponent.unsigned_abs().into());
        // A column that others nearly determine, and classes that are nearly symmetric.
        let sum = widened("a sum and a little", &sample, |row| vec![row[0] + row[1] + near * (40.0 * row[2]).sin()]);
        let mut wave = categories("nearly balanced", &[3, 4], 144, |r| vec![r % 3, r / 3 % 4], |r| r / 72);
        wave.values.iter_mut().enumerate().for_each(|(i, v)| *v += near * (i as f64).sin());
        for sample in [sum, wave] {
            for decomposition in DECOMPOSITIONS {
                let change = change(&sample, decomposition, 1);
                said += usize::from(change.is_none());
                let who = format!("{decomposition} on {}, {near:e}", sample.name);
                assert!(change.is_none_or(|c| c < 1e-6), "{who}: scores change by {change:?}");
            }
        }
    }
    assert!(said > 10, "{said}");
}

#[test]
fn tables_without_coincidence_have_no_such_warning() {
    for (sizes, columns) in [(&[90, 60, 30][..], 3), (&[40, 25], 12), (&[300, 200], 40), (&[80], 5)] {
        let sample = blobs("blobs", sizes, columns, 11);
        // The ones of several labels can tie as entries.
        let of_several = ["spca", "flda"];
        for decomposition in
            DECOMPOSITIONS.iter().filter(|d| **d != "lu" && (sizes.len() > 1 || !of_several.contains(d)))
        {
            let warnings = rank(&sample, decomposition).warnings;
            assert!(!warnings.iter().any(|w| SAID.contains(&&*w.code)), "{decomposition}: {warnings:?}");
        }
    }
}

#[test]
fn classes_with_equal_means_have_no_directions_between_them() {
    let sample = categories("balanced in each class", &[3, 4], 144, |r| vec![r % 3, r / 3 % 4], |r| r / 12 % 2);
    for decomposition in ["spca", "flda"] {
        let ranking = rank(&sample, decomposition);
        assert!(ranking.warnings.iter().any(|w| w.code == "no-directions"), "{:?}", ranking.warnings);
        assert!(ranking.scores().iter().all(|&s| s == 0.0), "{decomposition}");
    }
}
