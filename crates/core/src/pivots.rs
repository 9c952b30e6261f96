//! Whether the pivots of a decomposition were ties.
//!
//! A pivoted decomposition of the d × n matrix of rows takes, in each step, the row with the largest rest: of QR the one
//! whose rest has the largest norm, of LU the one whose rest has the largest entry. Of equal ones the first is taken, so
//! the order of rows decides, unless their rests point the same way. [`Pivots`] follows the elimination of each row, and
//! keeps of each step the largest rest, and the largest of a row that points another way.

use leanset_linalg::Mat;

/// Rests that differ by at most this fraction tie.
const TIE: f64 = 1e-9;

/// The part of a rest beside the pivot's direction below which the two point the same way.
const ASIDE: f64 = 1e-6;

/// Of each step the largest rest of a row, and the largest of those that do not point the way of the pivot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pivots {
    steps: Vec<[f64; 2]>,
    /// The largest rest before the first step, to which rounding errors are proportional.
    scale: f64,
}

impl Pivots {
    /// Of so many steps, no row seen.
    pub(crate) fn new(steps: usize) -> Self {
        Self { steps: vec![[0.0; 2]; steps], scale: 0.0 }
    }

    fn see(&mut self, step: usize, rest: f64, aside: bool) {
        let [largest, other] = &mut self.steps[step];
        *largest = largest.max(rest);
        if aside {
            *other = other.max(rest);
        }
    }

    /// A row of a QR decomposition by its cosines with the directions, in their order. Rests are squared norms.
    pub(crate) fn see_orthogonal(&mut self, norm: f64, cosines: impl Iterator<Item = f64>) {
        let whole = norm * norm;
        self.scale = self.scale.max(whole);
        let mut rest = 1.0;
        for (step, cosine) in cosines.enumerate() {
            let next = (rest - cosine * cosine).max(0.0);
            // What is below the rounding errors of the sum of squares is no direction.
            self.see(step, rest * whole, next > ASIDE * ASIDE * rest + 1e-14);
            rest = next;
        }
    }

    /// A row of an LU decomposition; `lower` has the directions of length 1, `order` the column that is the pivot of each.
    /// Rests are largest magnitudes. `row` is overwritten.
    pub(crate) fn see_eliminated(&mut self, row: &mut [f64], lower: &Mat<f64>, order: &[usize]) {
        let largest = |row: &[f64]| row.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let mut rest = largest(row);
        let first = rest;
        self.scale = self.scale.max(first);
        for (step, &pivot) in order.iter().enumerate() {
            let direction = lower.col(step);
            let factor = if direction[pivot] == 0.0 { 0.0 } else { row[pivot] / direction[pivot] };
            row.iter_mut().enumerate().for_each(|(i, v)| *v -= factor * direction[i]);
            row[pivot] = 0.0;
            let next = largest(row);
            self.see(step, rest, next > ASIDE * rest + 1e-14 * first);
            rest = next;
        }
    }

    /// The rows that this and another have seen.
    pub(crate) fn merge(mut self, other: &Self) -> Self {
        if self.steps.is_empty() {
            return other.clone();
        }
        for (own, theirs) in self.steps.iter_mut().zip(&other.steps) {
            *own = [own[0].max(theirs[0]), own[1].max(theirs[1])];
        }
        self.scale = self.scale.max(other.scale);
        self
    }

    /// Whether a pivot was one of several that tie. Rests that are rounding errors do not count.
    pub(crate) fn tie(&self) -> bool {
        let noise = 1e-13 * self.scale;
        self.steps.iter().any(|&[largest, other]| largest > 100.0 * noise && other >= largest * (1.0 - TIE) - noise)
    }

    /// Whether the rest of a step is a rounding error: the rows have fewer directions than steps.
    pub(crate) fn deficient(&self) -> bool {
        self.steps.iter().any(|&[largest, _]| largest <= 1e-11 * self.scale)
    }
}
