//! **Distance-entropy selection** (DES).
//!
//! Problem: keep the rows whose distances to all classes are similar, where a classifier is uncertain.
//!
//! A stratified random base B gives class means c_k. For every other row, d_k = ‖x − c_k‖, p = softmax(d), and the
//! score is the entropy H = −Σ_k p_k log₂ p_k, in bits. First B is kept, then the rows with the largest H over all
//! classes until the budget is reached, ties to the lowest row id.
//!
//! ```math
//! p_k = \frac{e^{d_k}}{\sum_j e^{d_j}}, \qquad H = -\sum_k p_k \log_2 p_k, \qquad d_k = \lVert x - c_k \rVert
//! ```
//!
//! Cost: O(n·c·d). Guarantee: the exact total; each class keeps at least its rows of the base.
//!
//! Departures: the softmax is shifted by its largest term (the paper's code overflows to NaN for differences of 745 or
//! more), no row is added twice if there are ties, and the base is drawn by hash(seed, row id). By default the base is
//! half of the budget, as in the paper. So the base grows with the budget, and selections are not nested. With a fixed
//! base they are nested (and a budget below the base keeps a stratified subset of it).
//!
//! Wins when you want rows between the classes, and the budget is large enough to also keep the middle of each class.
//!
//! Loses when few rows are kept, when a class has several clusters (its mean is then in none of them), or when labels
//! are noisy.

use rayon::prelude::*;

use super::scores::{Best, first_by_score};
use super::settings::parameters;
use super::stratified_random::first_at_random;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::budget::{Budget, EmptyClasses};
use crate::distance::{Euclidean, LANES, Packed, Terms};
use crate::params::{Kind, Params};
use crate::selection::Diagnostics;
use crate::{
    Allocation, Classes, Error, Look, Matrix, Ranking, Reduced, Reduction, Result, RowId, Scalar, Scope, Shape, linalg,
    simd, with_points,
};

parameters! {
    /// The parameters of distance-entropy selection.
    ///
    /// ```
    /// use leanset_core::methods::distance_entropy::DistanceEntropy;
    /// assert!(DistanceEntropy::default().base(1.5).reducer().is_err());
    /// assert_eq!(DistanceEntropy::default().base(0.1).reducer()?.params().float("base"), Some(0.1));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct DistanceEntropy;

    base: f64 = {
        kind: Kind::Or(&["half"], &Kind::Float { min: 0.0, max: 1.0, open: true }),
        default: "half",
        doc: "The size of the stratified base: half of the budget, or a fixed fraction of all rows in (0, 1], which \
                  makes selections nested.",
    }

    base_rows: Vec<RowId> = {
        kind: Kind::Rows,
        default: "",
        doc: "The base itself, as row ids with at least one row of every class; `base` is then ignored.",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "distance-entropy",
    aliases: &["des"],
    title: "Distance-entropy selection",
    family: Family::Geometry,
    summary: "Keeps a random base, and the rows whose distances to all class means are most similar.",
    params: PARAMS,
    cost: "O(n·c·d)",
    memory: "32 bytes per row and c·d numbers",
    guarantee: "the exact total; every class keeps at least its rows of the base",
    reference: "Li & Chao, Distance-entropy: an effective indicator for selecting informative data, Frontiers in Plant Science 12, 2022",
    departures: "shifted softmax; ties by row id, no row twice; base drawn by hash(seed, row id)",
    capabilities: Capabilities {
        nested: Support::When("base is a number or base_rows is given"),
        per_class: Support::No,
        seeded: Support::When("base_rows is not given"),
        order_free: Support::When("base_rows is given"),
        scale_free: Support::No,
        least_classes: 2,
        ..Capabilities::DEFAULT
    },
    variants: &[&[("base", "0.1")]],
    build: |params| Ok(Box::new(Configured { base: Base::of(params), params: params.clone() })),
};

/// The method with checked parameters.
#[derive(Clone, Debug)]
struct Configured {
    base: Base,
    params: Params,
}

/// How the base is chosen.
#[derive(Clone, Debug, PartialEq)]
enum Base {
    /// Half the budget, drawn.
    Half,
    /// This part of all rows, drawn.
    Part(f64),
    /// These rows.
    Rows(Vec<RowId>),
}

impl Base {
    fn of(params: &Params) -> Self {
        match (params.rows("base_rows"), params.float("base")) {
            (Some(rows), _) => Self::Rows(rows.to_vec()),
            (None, Some(part)) => Self::Part(part),
            (None, None) => Self::Half,
        }
    }
}

impl Configured {
    /// The base, class by class.
    fn draw(&self, run: &Run<'_>, total: usize) -> Result<Vec<Vec<RowId>>> {
        let classes = run.data.classes();
        let sizes = classes.sizes();
        let populated = classes.populated();
        let budget = match &self.base {
            Base::Rows(rows) => {
                let mut base = vec![Vec::new(); classes.len()];
                let mut given = vec![false; run.data.rows()];
                for &row in rows {
                    match given.get_mut(row.index()) {
                        None => {
                            return Err(self.params.refuse("base_rows", format!("row ids below {}", run.data.rows())));
                        }
                        Some(true) => {
                            return Err(self
                                .params
                                .refuse("base_rows", format!("distinct (row {row} is given twice)")));
                        }
                        Some(place) => *place = true,
                    }
                    base[classes.of(row).index()].push(row);
                }
                return Ok(base);
            }
            Base::Part(part) => Budget::Ratio(*part),
            Base::Half => Budget::Count(total.div_ceil(2).max(populated).min(total)),
        };
        // A total below the number of classes cannot give each a mean; `means` then says which class lacks one.
        let empty_classes = if matches!(budget, Budget::Count(c) if c < populated) {
            EmptyClasses::Allow
        } else {
            EmptyClasses::Forbid
        };
        let (base, _) = budget.allocate(&sizes, empty_classes)?;
        run.per_class(|class, rows| {
            Ok(first_at_random(run, rows, base.per_class()[class.index()]).map(|i| rows[i]).collect())
        })
    }

    /// The base, then the rest by entropy: all rows, or as many as asked.
    fn order(&self, run: &Run<'_>, total: usize) -> Result<(Vec<RowId>, Vec<f64>)> {
        let base = self.draw(run, total)?;
        let means = with_points!(run.data.points(), |m| self.means(run, m, &base))?;
        let mut in_base = vec![false; run.data.rows()];
        base.iter().flatten().for_each(|r| in_base[r.index()] = true);
        let rest: Vec<RowId> = (0..run.data.rows()).filter(|&r| !in_base[r]).map(RowId::at).collect();
        run.monitor.begin("measuring entropies", rest.len() as u64);
        run.step(0)?;
        let scores: Vec<f64> = with_points!(run.data.points(), |m| {
            let score = |chunk: &[RowId]| {
                let scores = entropies(m, chunk, &means, &|| run.step(0))?;
                run.step(chunk.len() as u64).map(|()| scores)
            };
            rest.par_chunks(512).map(score).collect::<Result<Vec<_>>>()
        })?
        .concat();
        let mut rows = interleave(&base);
        let order = first_by_score(&rest, &scores, Best::Largest, total.saturating_sub(rows.len()));
        let mut all_scores = vec![f64::NAN; rows.len()];
        rows.extend(order.iter().map(|&i| rest[i]));
        all_scores.extend(order.iter().map(|&i| scores[i]));
        Ok((rows, all_scores))
    }

    /// The mean of the base rows of every class that has rows.
    fn means<T: Scalar>(&self, run: &Run<'_>, points: &Matrix<'_, T>, base: &[Vec<RowId>]) -> Result<Vec<Vec<f64>>> {
        let classes = run.data.classes();
        let mut means = Vec::with_capacity(base.len());
        for (rows, class) in base.iter().zip(classes.ids()) {
            if rows.is_empty() && !classes.rows(class).is_empty() {
                return Err(Error::Data {
                    method: INFO.id,
                    what: format!("class {} has no row in the base, so it has no mean", classes.name(class)),
                    hint: "raise the budget or the base, or give base_rows of every class".into(),
                });
            }
            if !rows.is_empty() {
                means.push(linalg::mean(points, rows, &|| run.step(0))?);
            }
        }
        Ok(means)
    }
}

impl Method for Configured {
    fn scope(&self) -> Scope {
        Scope::Global
    }

    fn ranks(&self) -> Support {
        if self.base == Base::Half { Support::When("base is a number or base_rows is given") } else { Support::Yes }
    }

    fn order_free(&self) -> bool {
        matches!(self.base, Base::Rows(_))
    }

    /// Entropies are of the softmax of distances in the units of the table.
    fn scale_free(&self) -> bool {
        false
    }

    fn least_classes(&self) -> usize {
        2
    }

    /// Half of the budget has to give every class a mean.
    fn smallest_total(&self, classes: &Classes) -> usize {
        if self.base == Base::Half { classes.populated() } else { 1 }
    }

    /// Scores are entropies in bits; rows of the base have none (NaN).
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let (rows, scores) = self.order(run, run.data.rows())?;
        let diagnostics = of_base(&scores);
        let mut ranking = Ranking::global(rows, scores, run.data.classes())?;
        ranking.diagnostics = diagnostics;
        Ok(ranking)
    }

    fn reduce(&self, run: &Run<'_>, allocation: &Allocation) -> Result<Reduction> {
        let total = allocation.total();
        let (mut rows, mut scores) = self.order(run, total)?;
        let diagnostics = of_base(&scores);
        rows.truncate(total);
        scores.truncate(total);
        let ranking = Ranking::global(rows, scores, run.data.classes())?;
        let selection = ranking.select(allocation, run.data.classes())?;
        Ok(Reduction { reduced: Reduced::Rows(selection), diagnostics, warnings: Vec::new() })
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        (32 * shape.rows + 8 * shape.classes * shape.columns) as u64
    }
}

/// The rows of the base have no scores, and come first.
fn of_base(scores: &[f64]) -> Diagnostics {
    Diagnostics::from([("base_rows", scores.iter().take_while(|score| score.is_nan()).count().into())])
}

/// The base in an order of which every beginning is stratified: first a row of each class, and then row i of m of a class
/// stands at (i + ½) / m.
fn interleave(base: &[Vec<RowId>]) -> Vec<RowId> {
    let place = |rows: &Vec<RowId>, i: usize| if i == 0 { 0.0 } else { (i as f64 + 0.5) / rows.len() as f64 };
    let mut order: Vec<(f64, usize, RowId)> = Vec::new();
    for (class, rows) in base.iter().enumerate() {
        order.extend(rows.iter().enumerate().map(|(i, &row)| (place(rows, i), class, row)));
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|o| o.2).collect()
}

/// The entropies of rows. Distances are those of the definition, of eight rows at once.
fn entropies<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    means: &[Vec<f64>],
    look: Look<'_>,
) -> Result<Vec<f64>> {
    let packed = Packed::gather(rows.len(), points.columns(), |i| points.row(rows[i]), look)?;
    let mut squares = vec![[0.0; LANES]; means.len()];
    let mut logits = vec![0.0; means.len()];
    let mut out = Vec::with_capacity(rows.len());
    for block in 0..rows.len().div_ceil(LANES) {
        look()?;
        simd::run(Squares { points: &packed, block, means, squares: &mut squares });
        for lane in 0..LANES.min(rows.len() - block * LANES) {
            logits.iter_mut().zip(&squares).for_each(|(l, s)| *l = Euclidean::finish(s[lane]));
            out.push(entropy(&logits));
        }
    }
    Ok(out)
}

/// Squared distances of eight rows to the class means.
struct Squares<'a, T> {
    points: &'a Packed<T>,
    block: usize,
    means: &'a [Vec<f64>],
    squares: &'a mut [[f64; LANES]],
}

impl<T: Scalar> simd::Kernel for Squares<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (mean, squares) in self.means.iter().zip(self.squares) {
            *squares = self.points.raw::<Euclidean>(mean, self.block);
        }
    }
}

/// Entropy in bits of the softmax of `logits`, shifted by the largest so that nothing overflows.
///
/// With e_k = exp(l_k − max l) and s = Σ e_k, −Σ p log₂ p = log₂ s − Σ e_k (l_k − max l) / (s ln 2), and terms that
/// underflow are 0 as they should be.
fn entropy(logits: &[f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for &l in logits {
        let e = (l - largest).exp();
        sum += e;
        weighted += e * (l - largest);
    }
    sum.log2() - weighted / (sum * std::f64::consts::LN_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropies_are_those_of_the_distances_of_each_row() {
        let unit = |i: usize| crate::Seed(3).unit(RowId::at(i)) as f32;
        let values: Vec<f32> = (0..29 * 5).map(unit).collect();
        let points = Matrix::new(&values, 29, 5).expect("shape");
        let rows: Vec<RowId> = (3..29).map(RowId::at).collect();
        let means: Vec<Vec<f64>> =
            (0..3).map(|k| (0..5).map(|j| f64::from(unit(1000 + 5 * k + j))).collect()).collect();
        let of_row = |&row: &RowId| {
            let distance =
                |mean: &Vec<f64>| Euclidean::finish(crate::distance::raw::<Euclidean, f32, f64>(points.row(row), mean));
            entropy(&means.iter().map(distance).collect::<Vec<_>>())
        };
        assert_eq!(entropies(&points, &rows, &means, &|| Ok(())), Ok(rows.iter().map(of_row).collect::<Vec<_>>()));
    }

    #[test]
    fn entropy_is_that_of_the_definition_and_never_nan() {
        assert_eq!(entropy(&[3.0, 3.0, 3.0, 3.0]), 2.0);
        let p = [1.0f64, 2.5, 0.3].map(f64::exp);
        let sum: f64 = p.iter().sum();
        let by_definition: f64 = p.iter().map(|p| -(p / sum) * (p / sum).log2()).sum();
        assert!((entropy(&[1.0, 2.5, 0.3]) - by_definition).abs() < 1e-14);
        assert_eq!(entropy(&[0.0, 1e4]), 0.0);
        assert_eq!(entropy(&[1e150, 0.0]), 0.0);
    }
}
