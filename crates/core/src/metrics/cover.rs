//! The fewest rows of a ranking that cover the classes within a radius.
//!
//! Problem: of a ranking within classes, find for each class the shortest prefix such that every row of the class has a row of the
//! prefix at distance R or less. A longer prefix covers at least as well, so the shortest one is found by search.
//!
//! Each pass measures ε of [`CUTS`] prefixes at once, which is one search of the rows (see [`super::epsilon()`]), and narrows the
//! interval of every class [`CUTS`] + 1 times. Cost: log₁₆ m passes. Guarantee: exact for the ranking. (That of
//! [`maxmin`](crate::methods::maxmin) is at most twice as far from the class as the best rows of the same number.)

use super::epsilon::epsilon_curve;
use crate::distance::Metric;
use crate::{Allocation, Budget, Dataset, EmptyClasses, Error, Monitor, Ranking, Result, Scope};

/// Prefixes that are measured in one pass.
const CUTS: usize = 15;

/// For each class the number of rows of the ranking after which every row of the class has one of them within the radius, or
/// nothing if the ranking ends before that. 0 for a class without rows.
///
/// ```
/// use leanset_core::{Classes, Dataset, Matrix, Quiet, Reducer, Seed};
/// use leanset_core::{distance::Metric, metrics};
///
/// let values: Vec<f64> = (0..50).map(f64::from).collect();
/// let data = Dataset::new(Matrix::new(&values, 50, 1)?, Classes::one(50)?)?;
/// let ranking = Reducer::new("mms", &[("start".into(), "first".into())])?.rank(&data, None, Seed(0), &Quiet)?;
/// // 0, 49, 25 and so on: with 0, 49 and 25, no row is farther than 12 from one of them.
/// assert_eq!(metrics::least_counts(&data, &ranking, 12.0, Metric::Euclidean, &Quiet)?, [Some(3)]);
/// assert_eq!(metrics::least_counts(&data, &ranking, 0.0, Metric::Euclidean, &Quiet)?, [Some(50)]);
/// # Ok::<(), leanset_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] for a ranking over all classes; those of [`epsilon_curve`].
pub fn least_counts(
    data: &Dataset<'_>,
    ranking: &Ranking,
    radius: f64,
    metric: Metric,
    monitor: &dyn Monitor,
) -> Result<Vec<Option<usize>>> {
    if ranking.scope() == Scope::Global {
        return Err(Error::Unsupported {
            method: "ranking",
            what: "cover each class: it is one order over all classes".into(),
            hint: "use a method that ranks within classes".into(),
        });
    }
    // Of each class a count that is known to be too small, and one that is the last to be tried.
    let ends: Vec<usize> = ranking.segments().map(<[_]>::len).collect();
    let mut below = vec![0usize; ends.len()];
    let mut above = ends.clone();
    let whole = of(data, ranking, std::slice::from_ref(&ends), metric, monitor)?;
    let mut found: Vec<Option<usize>> = vec![None; ends.len()];
    for (class, found) in found.iter_mut().enumerate() {
        let empty = data.classes().sizes()[class] == 0;
        if empty || ends[class] == 0 || whole[0][class] > radius {
            *found = empty.then_some(0);
            // Nothing is to be searched.
            below[class] = ends[class];
        }
    }
    // The whole prefix is enough, and nothing is not.
    while below.iter().zip(&above).any(|(b, a)| a - b > 1) {
        // As many counts in between, spread evenly; of a narrow interval some are equal.
        let cuts: Vec<Vec<usize>> = (1..=CUTS)
            .map(|cut| below.iter().zip(&above).map(|(&b, &a)| b + (a - b) * cut / (CUTS + 1)).collect())
            .collect();
        let measured = of(data, ranking, &cuts, metric, monitor)?;
        for class in 0..ends.len() {
            if above[class] - below[class] <= 1 {
                continue;
            }
            for (cut, measured) in cuts.iter().zip(&measured) {
                let count = cut[class];
                if count > 0 && measured[class] <= radius {
                    above[class] = count;
                    break;
                }
                below[class] = count;
            }
        }
    }
    for (class, found) in found.iter_mut().enumerate() {
        if below[class] < ends[class] {
            *found = Some(above[class]);
        }
    }
    Ok(found)
}

/// ε of each class at each of these counts, which must not shrink from one to the next.
fn of(
    data: &Dataset<'_>,
    ranking: &Ranking,
    counts: &[Vec<usize>],
    metric: Metric,
    monitor: &dyn Monitor,
) -> Result<Vec<Vec<f64>>> {
    let sizes = data.classes().sizes();
    // A cut that keeps nothing of any class is no budget, and covers nothing.
    let asked: Vec<Option<Allocation>> = counts
        .iter()
        .map(|counts| Budget::PerClass(counts.clone()).allocate(&sizes, EmptyClasses::Allow).ok().map(|a| a.0))
        .collect();
    let some: Vec<Allocation> = asked.iter().flatten().cloned().collect();
    let mut curve = epsilon_curve(data, ranking, &some, metric, monitor)?.into_iter();
    let per_class = |e: crate::metrics::Epsilon| e.per_class.iter().map(|c| c.value).collect::<Vec<f64>>();
    Ok(asked
        .iter()
        .map(|asked| match asked {
            Some(_) => curve.next().map_or_else(Vec::new, per_class),
            None => vec![f64::INFINITY; sizes.len()],
        })
        .collect())
}

/// The smallest total whose allocation has so many rows of every class or more, if there is one up to `most`. `allocate` deals a
/// total to the classes, none if it is no budget; j rows more in total give a class at most j + 1 more.
pub fn least_total(counts: &[usize], most: usize, allocate: impl Fn(usize) -> Option<Allocation>) -> Option<usize> {
    let mut total = counts.iter().sum::<usize>().max(1);
    while total <= most {
        let missing = allocate(total).map_or(1, |allocation| {
            counts
                .iter()
                .zip(allocation.per_class())
                .map(|(wanted, got)| wanted.saturating_sub(*got))
                .max()
                .unwrap_or(0)
        });
        if missing == 0 {
            return Some(total);
        }
        // So many rows more in total are not enough.
        total += missing.saturating_sub(1).max(1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Balance, Classes, Matrix, Quiet, Reducer, RowId, Seed};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn least_counts_are_those_of_the_definition(
            codes in prop::collection::vec(0u32..4, 1..90), seed in any::<u64>(), radius in 0.0f64..3.0, d in 1usize..3,
            grid in any::<bool>(), metric in 0usize..3, method in 0usize..3, part in 0.05f64..1.0,
        ) {
            let n = codes.len();
            let value = |i: usize| {
                let v = 4.0 * Seed(seed).unit(RowId::at(i));
                if grid { v.round() } else { v }
            };
            let values: Vec<f64> = (0..n * d).map(value).collect();
            let data = Dataset::new(Matrix::new(&values, n, d).expect("shape"), Classes::new(&codes, 4).expect("few"));
            let data = data.expect("sound");
            let metric = [Metric::Chebyshev, Metric::Euclidean, Metric::Manhattan][metric];
            let reducer = Reducer::new(["maxmin", "stratified-random", "moderate"][method], &[]).expect("known");
            let (depth, _) = Budget::Ratio(part).allocate(&data.classes().sizes(), EmptyClasses::Forbid).expect("a budget");
            let ranking = reducer.rank(&data, Some(&depth), Seed(seed), &Quiet).expect("ranks");
            let found = least_counts(&data, &ranking, radius, metric, &Quiet).expect("measures");
            for (class, order) in data.classes().ids().zip(ranking.segments()) {
                let rows = data.classes().rows(class);
                let point = |row: RowId| &values[row.index() * d..][..d];
                let covers = |count: usize| {
                    rows.iter().all(|&row| order[..count].iter().any(|&k| metric.distance(point(row), point(k)) <= radius))
                };
                let wanted = (0..=order.len()).find(|&count| covers(count));
                prop_assert_eq!(found[class.index()], wanted, "class {}", class);
            }
        }

        #[test]
        fn least_total_is_the_first_that_fits(
            sizes in prop::collection::vec(0usize..40, 1..6), part in prop::collection::vec(0.0f64..1.0, 6), forbid in any::<bool>(),
            balance in 0usize..3,
        ) {
            let rows: usize = sizes.iter().sum();
            prop_assume!(rows > 0);
            let empty = if forbid { EmptyClasses::Forbid } else { EmptyClasses::Allow };
            let counts: Vec<usize> = sizes.iter().zip(&part).map(|(&s, p)| (s as f64 * p).ceil() as usize).collect();
            let balance = [Balance::Proportional, Balance::Sqrt, Balance::Equal][balance];
            let fits = |total: &usize| Budget::Count(*total).balanced(balance).allocate(&sizes, empty).is_ok_and(|(a, _)| {
                a.per_class().iter().zip(&counts).all(|(got, wanted)| got >= wanted)
            });
            let allocate = |total| Budget::Count(total).balanced(balance).allocate(&sizes, empty).ok().map(|a| a.0);
            prop_assert_eq!(least_total(&counts, rows, allocate), (1..=rows).find(fits));
        }
    }
}
