//! A Cholesky factor L of a positive definite matrix that grows by one variable at a time and loses any of them.
//!
//! Rows are stored one by one, so a variable is added and removed without moving the others. Sums run in one order for every
//! instruction set.

use crate::simd;

/// The pivot up to which a variable depends on others, as a part of its diagonal entry.
pub(crate) const LEAST_PIVOT: f64 = 1e-14;

/// Rows that are rotated or substituted at once: a row waits for itself from column to column, several do not.
const TOGETHER: usize = 8;
/// Rows of the factor that are taken from an open solution at once: each pass reads and writes all of it.
const SOLVED: usize = 4;

/// A rotation of two neighbouring columns: cosine and sine.
pub(crate) type Rotation = (f64, f64);

/// The lower triangular factor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cholesky {
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// The number of variables.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows of L, the diagonal entry last.
    pub(crate) fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// Adds a variable: its row of L.
    pub(crate) fn push(&mut self, row: Vec<f64>) {
        debug_assert_eq!(row.len(), self.rows.len() + 1);
        self.rows.push(row);
    }

    /// Takes a variable out: its row goes, and rotations of neighbouring columns, from `at` on, make the rows below it triangular
    /// again. Whatever else is expressed in the columns needs the same rotations.
    pub(crate) fn remove(&mut self, at: usize) -> Vec<Rotation> {
        self.rows.remove(at);
        simd::run(Remove { rows: &mut self.rows[at..], at })
    }

    /// Solves L y = b in place.
    pub(crate) fn forward(&self, values: &mut [f64]) {
        simd::run(Forward { rows: &self.rows, values });
    }

    /// Solves Lᵀ z = b in place.
    pub(crate) fn backward(&self, values: &mut [f64]) {
        simd::run(Backward { rows: &self.rows, values });
    }
}

/// [`Cholesky::remove`], of the rows below.
struct Remove<'a> {
    rows: &'a mut [Vec<f64>],
    at: usize,
}

impl simd::Kernel for Remove<'_> {
    type Output = Vec<Rotation>;

    #[inline(always)]
    fn run(self) -> Vec<Rotation> {
        let Self { rows, at } = self;
        let mut rotations: Vec<Rotation> = Vec::with_capacity(rows.len());
        for rows in rows.chunks_mut(TOGETHER) {
            let known = rotations.len();
            if let Ok(rows) = <&mut [Vec<f64>; TOGETHER]>::try_from(&mut *rows) {
                let mut rows = rows.each_mut().map(|row| &mut row[at..][..known + 1]);
                let mut carries: [f64; TOGETHER] = std::array::from_fn(|k| rows[k][0]);
                for (j, &(c, s)) in rotations.iter().enumerate() {
                    for (row, carry) in rows.iter_mut().zip(&mut carries) {
                        let next = row[j + 1];
                        row[j] = c * *carry + s * next;
                        *carry = c * next - s * *carry;
                    }
                }
                for (row, carry) in rows.iter_mut().zip(carries) {
                    row[known] = carry;
                }
            } else {
                rows.iter_mut().for_each(|row| rotate(&mut row[at..], &rotations));
            }
            // What the rows of this group do to one another.
            for row in rows {
                let row_at = at + rotations.len();
                rotate(&mut row[at + known..], &rotations[known..]);
                let length = row[row_at].hypot(row[row_at + 1]);
                rotations.push((row[row_at] / length, row[row_at + 1] / length));
                row[row_at] = length;
                row.truncate(row_at + 1);
            }
        }
        rotations
    }
}

/// Rotates neighbouring values.
#[inline(always)]
fn rotate(values: &mut [f64], rotations: &[Rotation]) {
    for (j, &(c, s)) in rotations.iter().enumerate() {
        (values[j], values[j + 1]) = (c * values[j] + s * values[j + 1], c * values[j + 1] - s * values[j]);
    }
}

/// Eight running sums in a fixed order: the same bits at every width.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let mut rest = 0.0;
    for (x, y) in a8.remainder().iter().zip(b8.remainder()) {
        rest += x * y;
    }
    for (x, y) in a8.zip(b8) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// [`Cholesky::forward`].
struct Forward<'a> {
    rows: &'a [Vec<f64>],
    values: &'a mut [f64],
}

impl simd::Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (i, row) in self.rows.iter().enumerate() {
            let (done, rest) = self.values.split_at_mut(i);
            rest[0] = (rest[0] - dot(&row[..i], done)) / row[i];
        }
    }
}

/// [`Cholesky::backward`].
struct Backward<'a> {
    rows: &'a [Vec<f64>],
    values: &'a mut [f64],
}

impl simd::Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { rows, values } = self;
        let mut open = rows.len();
        while let Some(first) = open.checked_sub(SOLVED) {
            // The last few among themselves, then all of them out of the others: in the order of one after the other.
            for i in (first..open).rev() {
                values[i] /= rows[i][i];
                for j in first..i {
                    values[j] -= values[i] * rows[i][j];
                }
            }
            let (before, solved) = values[..open].split_at_mut(first);
            let [a, b, c, d]: [&[f64]; SOLVED] = std::array::from_fn(|k| &rows[open - 1 - k][..first]);
            let [x, y, z, w]: [f64; SOLVED] = std::array::from_fn(|k| solved[SOLVED - 1 - k]);
            for ((((value, a), b), c), d) in before.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *value = (((*value - x * a) - y * b) - z * c) - w * d;
            }
            open = first;
        }
        for i in (0..open).rev() {
            values[i] /= rows[i][i];
            for j in 0..i {
                values[j] -= values[i] * rows[i][j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The factor of the sums of products of rows, plus a part of the unit matrix.
    fn factor(rows: &[Vec<f64>]) -> Cholesky {
        let mut found = Cholesky::default();
        for (i, a) in rows.iter().enumerate() {
            let mut row: Vec<f64> = rows[..i].iter().map(|b| dot(a, b)).collect();
            found.forward(&mut row);
            row.push((dot(a, a) + 0.1 - dot(&row, &row)).sqrt());
            found.push(row);
        }
        found
    }

    fn near(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-9 * a.abs().max(1.0))
    }

    proptest! {
        /// Without a row the factor is that of the others, and the rotations take any other row along.
        #[test]
        fn cholesky_without_a_row_is_that_of_the_others(
            values in prop::collection::vec(prop::collection::vec(-1.0f64..1.0, 5), 2..40), at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(values.len() - 1);
            let (own, more) = values.split_at(values.len() - 1);
            let mut row: Vec<f64> = own.iter().map(|a| dot(a, &more[0])).collect();
            let mut found = factor(own);
            found.forward(&mut row);
            let rotations = found.remove(at);
            rotate(&mut row[at..], &rotations);
            row.pop();
            let others: Vec<Vec<f64>> = own.iter().enumerate().filter(|r| r.0 != at).map(|r| r.1.clone()).collect();
            let expected = factor(&others);
            prop_assert!(found.rows().iter().zip(expected.rows()).all(|(a, b)| near(a, b)));
            let mut expected_row: Vec<f64> = others.iter().map(|a| dot(a, &more[0])).collect();
            expected.forward(&mut expected_row);
            prop_assert!(near(&row, &expected_row));
        }

        #[test]
        fn cholesky_solves_what_it_is_the_factor_of(values in prop::collection::vec(prop::collection::vec(-1.0f64..1.0, 5), 1..30)) {
            let found = factor(&values);
            let solution: Vec<f64> = (0..values.len()).map(|i| (i as f64).sin()).collect();
            let product = |a: &Vec<f64>, i: usize| -> f64 {
                values.iter().zip(&solution).enumerate().map(|(j, (b, x))| (dot(a, b) + if i == j { 0.1 } else { 0.0 }) * x).sum()
            };
            let mut right: Vec<f64> = values.iter().enumerate().map(|(i, a)| product(a, i)).collect();
            found.forward(&mut right);
            found.backward(&mut right);
            prop_assert!(near(&right, &solution), "{right:?} and {solution:?}");
        }
    }
}
