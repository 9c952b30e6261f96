//! Kernel ridge regression on indicators of the classes: the flexible model.
//!
//! Of each class c it minimises Σ w_i·(y_ic − b_c − f_c(x_i))² + penalty·‖f_c‖² over the functions of the Gaussian kernel
//! exp(−γ‖x − y‖²), y_ic = 1 for rows of the class and else 0, b_c the weighted share of the class; the class of the largest
//! b_c + f_c(x) is predicted. γ = 1 / (d · variance of all values), as scikit-learn's `scale`.
//!
//! Up to `landmarks` rows are solved exactly, by the Cholesky decomposition of K + penalty·diag(1/w). Of more rows, f is made of the
//! kernels of that many rows, chosen by hash (Nyström: Williams & Seeger 2001), and fitted to all of them: with G = K_mn W K_nm and
//! K_mm = L Lᵀ it is the ridge solution of L⁻¹ G L⁻ᵀ + penalty·I. With all rows as landmarks both are the same function, to 10⁻⁸ that
//! are added to the diagonal of K_mm, because landmarks may be equal. Memory is
//! 3 m² numbers and blocks of 512 × m, m = min(n, landmarks); time O(n·m² + m³). The table n × n is never made of more.

use leanset_core::kernel::gaussian_table;
use leanset_core::{ClassId, Dataset, Error, Look, Result, RowId, Seed};
use leanset_linalg::{Mat, abandonable, positive_solve, reduced_ridge, transposed_product};

use super::{Rows, largest, queries};
use crate::network::{TRAINER, refuse};

/// Kernel ridge regression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelRidge {
    /// γ of the kernel; none: 1 / (d · variance of all values).
    pub gamma: Option<f64>,
    /// The factor of ‖f‖² beside the sum of the squares, above 0.
    pub penalty: f64,
    /// Rows whose kernels functions are made of, at most.
    pub landmarks: usize,
}

/// Fitted functions, one of each class.
#[derive(Clone, Debug)]
pub struct KernelRidgeModel {
    columns: usize,
    rate: f64,
    /// Rows of the kernels.
    centers: Vec<f64>,
    /// Of each class a factor for each center.
    factors: Vec<Vec<f64>>,
    /// b: the weighted share of each class.
    shares: Vec<f64>,
}

/// Rows whose kernels are computed at once.
const BLOCK: usize = 512;

/// What the diagonal of the kernels of landmarks, which is 1, is raised by: with equal landmarks the matrix would have no Cholesky
/// decomposition.
const JITTER: f64 = 1e-8;

impl Default for KernelRidge {
    fn default() -> Self {
        Self { gamma: None, penalty: 0.1, landmarks: 2_000 }
    }
}

impl KernelRidge {
    /// The model of these rows. Landmarks come from the seed, where not all rows are.
    ///
    /// # Errors
    /// [`Error::BadParameter`] for settings or weights that are none; [`Error::Data`] if the equations cannot be solved; that of
    /// `look`.
    pub fn fit(
        &self,
        data: &Dataset<'_>,
        weights: Option<&[f64]>,
        seed: Seed,
        look: Look<'_>,
    ) -> Result<KernelRidgeModel> {
        for (name, value) in [("penalty", Some(self.penalty)), ("gamma", self.gamma)] {
            if let Some(value) = value.filter(|v| !(*v > 0.0 && v.is_finite())) {
                return Err(refuse(name, "above 0".into(), value.to_string()));
            }
        }
        if self.landmarks == 0 {
            return Err(refuse("landmarks", "at least 1".into(), "0".into()));
        }
        let rows = Rows::new(data, weights, look)?;
        let rate = self.gamma.unwrap_or_else(|| scale(&rows.values, rows.columns));
        let total: f64 = rows.weights.iter().sum();
        let mut shares = vec![0.0; rows.classes];
        rows.labels.iter().zip(&rows.weights).for_each(|(&class, w)| shares[class] += w / total);
        let (centers, factors) = if rows.len() <= self.landmarks {
            (rows.values.clone(), self.exact(&rows, rate, &shares, look)?)
        } else {
            let centers = landmarks(&rows, self.landmarks, seed);
            let factors = self.reduced(&rows, &centers, rate, &shares, look)?;
            (centers, factors)
        };
        let factors = factors.ok_or_else(|| Error::Data {
            method: TRAINER,
            what: "the equations of kernel ridge regression cannot be solved".into(),
            hint: "take a larger penalty".into(),
        })?;
        let factors = (0..rows.classes).map(|class| factors.col(class).iter().copied().collect()).collect();
        Ok(KernelRidgeModel { columns: rows.columns, rate, centers, factors, shares })
    }

    /// (K + penalty·diag(1/w)) α = Y − b.
    fn exact(&self, rows: &Rows, rate: f64, shares: &[f64], look: Look<'_>) -> Result<Option<Mat<f64>>> {
        let n = rows.len();
        let table = gaussian_table(&rows.values, &rows.values, rows.columns, rate, look)?;
        let mut kernel = Mat::from_fn(n, n, |i, j| table[i * n + j]);
        drop(table);
        (0..n).for_each(|i| kernel[(i, i)] += self.penalty / rows.weights[i]);
        let targets = Mat::from_fn(n, shares.len(), |i, class| target(rows, i, class, shares));
        abandonable(n.saturating_pow(3) / 2, look, move || positive_solve(&kernel, &targets))
    }

    /// The same over functions of the kernels of some rows.
    fn reduced(
        &self,
        rows: &Rows,
        centers: &[f64],
        rate: f64,
        shares: &[f64],
        look: Look<'_>,
    ) -> Result<Option<Mat<f64>>> {
        let (m, columns) = (centers.len() / rows.columns, rows.columns);
        let (mut gram, mut right) = (Mat::<f64>::zeros(m, m), Mat::<f64>::zeros(m, shares.len()));
        for (block, values) in rows.values.chunks(BLOCK * columns).enumerate() {
            let (first, count) = (block * BLOCK, values.len() / columns);
            let table = gaussian_table(centers, values, columns, rate, look)?;
            let root = |i: usize| rows.weights[first + i].sqrt();
            let weighted = Mat::from_fn(count, m, |i, j| root(i) * table[i * m + j]);
            let targets =
                Mat::from_fn(count, shares.len(), |i, class| root(i) * target(rows, first + i, class, shares));
            (gram, right) = abandonable(count * m * m, look, move || {
                gram += transposed_product(&weighted, &weighted);
                right += transposed_product(&weighted, &targets);
                (gram, right)
            })?;
        }
        let table = gaussian_table(centers, centers, columns, rate, look)?;
        let kernel = Mat::from_fn(m, m, |i, j| table[i * m + j] + if i == j { JITTER } else { 0.0 });
        let penalty = self.penalty;
        abandonable(4 * m.saturating_pow(3), look, move || reduced_ridge(&kernel, gram, right, penalty))
    }
}

/// What a function of a class should be at a row, less the share of the class.
fn target(rows: &Rows, row: usize, class: usize, shares: &[f64]) -> f64 {
    f64::from(u8::from(rows.labels[row] == class)) - shares[class]
}

/// 1 / (d · variance of all values); 1 where they do not vary.
fn scale(values: &[f64], columns: usize) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    let rate = 1.0 / (columns as f64 * variance);
    if rate.is_finite() { rate } else { 1.0 }
}

/// So many rows, those of the smallest keys, in their order.
fn landmarks(rows: &Rows, count: usize, seed: Seed) -> Vec<f64> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by_key(|&row| (seed.key(RowId::at(row)), row));
    order.truncate(count);
    order.sort_unstable();
    order.iter().flat_map(|&row| rows.row(row).iter().copied()).collect()
}

impl KernelRidgeModel {
    /// The class of each row.
    ///
    /// # Errors
    /// [`Error::Data`] for rows of other columns; that of `look`.
    pub fn predict(&self, data: &Dataset<'_>, look: Look<'_>) -> Result<Vec<ClassId>> {
        let queries = queries(data, self.columns, look)?;
        let mut found = Vec::with_capacity(data.rows());
        for queries in queries.chunks(BLOCK * self.columns) {
            let table = gaussian_table(&self.centers, queries, self.columns, self.rate, look)?;
            found.extend(table.chunks_exact(self.centers.len() / self.columns).map(|kernels| {
                let value = |(factors, share): (&Vec<f64>, &f64)| {
                    factors.iter().zip(kernels).fold(*share, |sum, (f, k)| sum + f * k)
                };
                largest(self.factors.iter().zip(&self.shares).map(value))
            }));
        }
        Ok(found)
    }

    #[cfg(test)]
    fn values(&self, query: &[f64]) -> Vec<f64> {
        let kernels =
            gaussian_table(&self.centers, query, self.columns, self.rate, &|| Ok(())).expect("nobody stops it");
        self.factors
            .iter()
            .zip(&self.shares)
            .map(|(f, s)| s + f.iter().zip(&kernels).map(|(f, k)| f * k).sum::<f64>())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dataset;
    use super::*;

    proptest! {
        /// At the solution, penalty·α_i/w_i is what is left of the target at row i: the equations, one by one.
        #[test]
        fn kernel_ridge_solves_its_equations(
            rows in prop::collection::vec(((-2.0f64..2.0, -2.0f64..2.0), 0u32..3, 0.2f64..3.0), 3..40),
            penalty in 0.05f64..2.0,
        ) {
            let values: Vec<f64> = rows.iter().flat_map(|r| [r.0.0, r.0.1]).collect();
            let labels: Vec<u32> = rows.iter().map(|r| r.1).collect();
            let weights: Vec<f64> = rows.iter().map(|r| r.2).collect();
            let data = dataset(&values, 2, &labels, 3);
            let settings = KernelRidge { penalty, gamma: Some(0.7), landmarks: rows.len() };
            let model = settings.fit(&data, Some(&weights), Seed(1), &|| Ok(())).expect("a model");
            for (i, query) in values.chunks_exact(2).enumerate() {
                for (class, value) in model.values(query).into_iter().enumerate() {
                    let left = f64::from(u8::from(labels[i] as usize == class)) - value;
                    prop_assert!((left - penalty * model.factors[class][i] / weights[i]).abs() < 1e-9);
                }
            }
            // Of kernels of all rows, the reduced equations have the same function.
            let own = Rows::new(&data, Some(&weights), &|| Ok(())).expect("rows");
            let reduced = settings.reduced(&own, &own.values, 0.7, &model.shares, &|| Ok(()));
            let reduced = reduced.expect("nobody stops it").expect("a solution");
            let factors = (0..3).map(|class| reduced.col(class).iter().copied().collect()).collect();
            let reduced = KernelRidgeModel { factors, ..model.clone() };
            for query in values.chunks_exact(2) {
                for (a, b) in model.values(query).into_iter().zip(reduced.values(query)) {
                    prop_assert!((a - b).abs() < 1e-4, "{a} {b}");
                }
            }
        }
    }

    /// A ring around a disc: no line separates them.
    #[test]
    fn kernel_ridge_separates_a_ring() {
        let points: Vec<f64> = (0..600)
            .flat_map(|i| {
                let (angle, radius) =
                    (f64::from(i) * 0.7, if i % 2 == 0 { 0.3 } else { 1.0 } + f64::from(i % 7) / 40.0);
                [radius * angle.cos(), radius * angle.sin()]
            })
            .collect();
        let labels: Vec<u32> = (0..600).map(|i| i % 2).collect();
        let data = dataset(&points, 2, &labels, 2);
        for landmarks in [600, 60] {
            let settings = KernelRidge { landmarks, ..KernelRidge::default() };
            let model = settings.fit(&data, None, Seed(0), &|| Ok(())).expect("a model");
            let found = model.predict(&data, &|| Ok(())).expect("classes");
            let right = found.iter().zip(&labels).filter(|(a, b)| a.0 == **b).count();
            assert!(right >= 594, "{right} of 600 with {landmarks}");
        }
    }

    #[test]
    fn kernel_ridge_of_rows_that_are_one_point() {
        let (values, labels) = ([0.5; 12], [0, 1, 1, 1, 0, 1]);
        let data = dataset(&values, 2, &labels, 2);
        for landmarks in [2, 6] {
            let settings = KernelRidge { landmarks, ..KernelRidge::default() };
            let model = settings.fit(&data, None, Seed(0), &|| Ok(())).expect("a model");
            assert!(model.predict(&data, &|| Ok(())).expect("classes").iter().all(|class| class.0 == 1));
        }
    }
}
