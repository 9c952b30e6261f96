//! **Moderate coreset**.
//!
//! Problem: keep the rows of a class that are neither typical nor extreme.
//!
//! The score of a row is the difference between its Euclidean distance to the mean of its class and the median of these
//! distances over the class (of an even number of rows, the smaller of the two middle values). The rows of a class with the
//! smallest scores are kept, ties to the lowest row id.
//!
//! ```math
//! s(x) = \Bigl| \, \lVert x - \mu_k \rVert - \operatorname*{median}_{z \in X_k} \lVert z - \mu_k \rVert \, \Bigr|
//! ```
//!
//! where μ_k is the mean of the class X_k.
//!
//! Cost: O(n·(d + log n)). Guarantee: exact scores; nested.
//!
//! Departures: the paper keeps the same number of rows below and above the median. Here only the distance to the median
//! decides, so that the rows of a smaller budget are a prefix of those of a larger one. In the paper, distances are between
//! features of a trained network; here they are between the given columns, which can be such features.
//!
//! Wins when rows near the centre of a class are redundant and rows far from it are likely to be mislabelled. This is typical
//! of the features of a trained network, for which the method was made.
//!
//! Loses when ε matters: it keeps neither the centre nor the edge of a class. If a class has several groups, its mean is
//! between them, and a distance to it says little.

use super::scores::{Best, by_score};
use super::settings::parameters;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{Euclidean, Terms, raw};
use crate::monitor::Pace;
use crate::{Allocation, Look, Matrix, Ranking, Result, RowId, Scalar, Shape, linalg, with_points};

parameters! {
    /// The parameters of the moderate coreset, which has none.
    ///
    /// ```
    /// use leanset_core::methods::moderate_coreset::ModerateCoreset;
    /// assert_eq!(ModerateCoreset::default().reducer()?.info().id, "moderate-coreset");
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct ModerateCoreset;
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "moderate-coreset",
    aliases: &["mcs", "moderate", "moderate-ds"],
    title: "Moderate coreset",
    family: Family::Ranking,
    summary: "Keeps the rows of each class whose distance to the class mean is closest to the median of these distances.",
    params: PARAMS,
    cost: "O(n·(d + log n))",
    memory: "48 bytes per row, and the class means",
    guarantee: "exact scores; nested over ratios; ties to the lowest row id",
    reference: "Xia, Liu, Yu, Shen, Han & Liu, Moderate Coreset: A Universal Method of Data Selection for Real-world \
                Data-efficient Deep Learning, ICLR 2023",
    departures: "only the distance to the median decides (the paper keeps the same number of rows below and above it); the \
                 given columns are used instead of features of a trained network",
    capabilities: Capabilities { order_free: Support::Yes, ..Capabilities::DEFAULT },
    variants: &[],
    build: |_| Ok(Box::new(Configured)),
};

/// The method; there is nothing to configure.
#[derive(Clone, Copy, Debug)]
struct Configured;

impl Method for Configured {
    fn order_free(&self) -> bool {
        true
    }

    /// Scores are differences from the median distance; the smallest is kept first.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        run.monitor.begin("measuring distances", run.data.rows() as u64);
        let orders = run.per_class(|_, rows| {
            let scores = differences(&with_points!(run.data.points(), |m| distances(m, rows, &|| run.step(0)))?);
            let order = by_score(rows, &scores, Best::Smallest);
            run.step(rows.len() as u64)?;
            Ok((order.iter().map(|&i| rows[i]).collect(), order.iter().map(|&i| scores[i]).collect()))
        })?;
        Ranking::per_class(orders, run.data.classes())
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        (48 * shape.rows + 8 * shape.classes * shape.columns) as u64
    }
}

/// Distances of rows to their mean.
fn distances<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId], look: Look<'_>) -> Result<Vec<f64>> {
    let mean = linalg::mean(points, rows, look)?;
    let mut pace = Pace::new(look);
    let distance = |&row: &RowId| {
        pace.work(mean.len())?;
        Ok(Euclidean::finish(raw::<Euclidean, T, f64>(points.row(row), &mean)))
    };
    rows.iter().map(distance).collect()
}

/// How far each of these distances, one or more, is from their median.
fn differences(distances: &[f64]) -> Vec<f64> {
    let mut ordered = distances.to_vec();
    let middle = (ordered.len() - 1) / 2;
    let median = *ordered.select_nth_unstable_by(middle, f64::total_cmp).1;
    distances.iter().map(|distance| (distance - median).abs()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Classes, Dataset, Quiet, Reducer, Seed};
    use proptest::prelude::*;

    /// By the definition: the rows of one class, and again and again the one that is left and nearest the median.
    fn naive(values: &[f64], columns: usize) -> Vec<RowId> {
        let rows: Vec<&[f64]> = values.chunks_exact(columns).collect();
        let n = rows.len();
        let mean: Vec<f64> = (0..columns).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / n as f64).collect();
        let distance = |i: usize| rows[i].iter().zip(&mean).map(|(v, m)| (v - m) * (v - m)).sum::<f64>().sqrt();
        let mut sorted: Vec<f64> = (0..n).map(distance).collect();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[(n - 1) / 2];
        let mut left: Vec<usize> = (0..n).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let difference = |i: usize| (distance(i) - median).abs();
            let at = (0..left.len())
                .min_by(|&a, &b| difference(left[a]).total_cmp(&difference(left[b])).then(left[a].cmp(&left[b])))
                .expect("rows are left");
            order.push(RowId::at(left.remove(at)));
        }
        order
    }

    proptest! {
        /// Grids make ties and equal rows.
        #[test]
        fn moderate_coreset_equals_its_naive_reference(
            (columns, values) in (1usize..4).prop_flat_map(|d| (Just(d), prop::collection::vec(-4i8..5, d..d * 40))),
        ) {
            let rows = values.len() / columns;
            let values: Vec<f64> = values[..rows * columns].iter().map(|&v| f64::from(v) / 2.0).collect();
            let points = Matrix::new(&values, rows, columns).expect("shape");
            let data = Dataset::new(points, Classes::one(rows).expect("few")).expect("sound");
            let ranking = Reducer::of(&INFO, &[]).expect("valid").rank(&data, None, Seed(0), &Quiet).expect("ranks");
            prop_assert_eq!(ranking.rows(), naive(&values, columns));
        }
    }

    #[test]
    fn moderate_coreset_keeps_neither_centre_nor_outlier_first() {
        // The mean is 0; the distances are 0, 1, 1, 2, 2, 9 and 9, and their median is 2.
        let values = [0.0, 1.0, -1.0, 2.0, -2.0, -9.0, 9.0];
        let data = Dataset::new(Matrix::new(&values, 7, 1).expect("shape"), Classes::one(7).expect("few"));
        let reducer = Reducer::new("moderate", &[]).expect("registered");
        let ranking = reducer.rank(&data.expect("sound"), None, Seed(0), &Quiet).expect("ranks");
        let order: Vec<u32> = ranking.rows().iter().map(|row| row.0).collect();
        assert_eq!(order, [3, 4, 1, 2, 0, 5, 6]);
    }
}
