//! Scaling of numbers, and its inverse: what tables and arrays have in common.
//!
//! Min–max is `x·s + m` with `s = 1/(max − min)` and `m = −min·s`, bit for bit what scikit-learn's `MinMaxScaler` computes; standard is
//! `(x − mean)/σ` with the population σ. (Rows of unit length are [`crate::distance::to_unit_length`].)

use crate::data::LEAST_RANGE;

/// How columns of numbers are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// To [0, 1].
    MinMax,
    /// To mean 0 and standard deviation 1.
    Standard,
}

/// A fitted scale of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaler {
    /// Values stay as they are.
    Identity,
    /// `x·scale + min`.
    MinMax {
        /// The inverse of the range.
        scale: f64,
        /// Minus the least value, scaled.
        min: f64,
    },
    /// `(x − mean)/deviation`.
    Standard {
        /// The mean.
        mean: f64,
        /// The population standard deviation.
        deviation: f64,
    },
}

/// What a scaler is fitted on: what is known of the values that are present.
#[allow(missing_debug_implementations)] // holds a function
pub struct Sample<'a> {
    /// The sum of the squares of their differences from the mean, times [`unit_of_squares`], in row order.
    pub squares: &'a dyn Fn() -> f64,
    /// Rows, those with missing values included.
    pub rows: usize,
    /// The least value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

impl Sample<'_> {
    /// A range of a few rounding errors is that of a constant; stretched to [0, 1] it would be noise.
    pub fn varies(&self) -> bool {
        self.max - self.min > 10.0 * f64::EPSILON * self.min.abs().max(self.max.abs())
    }
}

/// What differences within a range are multiplied by before they are squared: squares of tiny numbers underflow, and those of
/// their multiples by a power of two are exact.
pub fn unit_of_squares(range: f64) -> f64 {
    let exponent = match range {
        r if r <= 0.0 || r >= LEAST_RANGE => 0,
        r if r >= 1e-301 => 510,
        _ => 1000,
    };
    2f64.powi(exponent)
}

impl Scaler {
    /// Fits a scale; `None` where the range is beyond, or below, what 64-bit floats can scale.
    pub fn fit(scaling: Scaling, sample: &Sample<'_>) -> Option<Self> {
        let range = sample.max - sample.min;
        match scaling {
            Scaling::MinMax => {
                let scale = 1.0 / if sample.varies() { range } else { 1.0 };
                (range.is_finite() && scale.is_finite())
                    .then_some(Self::MinMax { scale, min: 0.0 - sample.min * scale })
            }
            Scaling::Standard => {
                // Missing values are filled with the mean: they add nothing to the sum and count as rows.
                let (rows, mean) = (sample.rows as f64, sample.mean);
                let unit = unit_of_squares(range);
                let variance = (sample.squares)() / rows;
                // Below this the variance is rounding of a constant column: scikit-learn's bound.
                let noise = rows * f64::EPSILON * variance + (rows * mean * unit * f64::EPSILON).powi(2);
                let deviation = if variance <= noise { 1.0 } else { variance.sqrt() / unit };
                (range.is_finite() && variance.is_finite()).then_some(Self::Standard { mean, deviation })
            }
        }
    }

    /// A value, scaled.
    #[inline]
    pub fn transform(self, x: f64) -> f64 {
        match self {
            Scaler::Identity => x,
            Scaler::MinMax { scale, min } => x * scale + min,
            Scaler::Standard { mean, deviation } => (x - mean) / deviation,
        }
    }

    /// The value that was scaled.
    pub fn inverse_transform(self, x: f64) -> f64 {
        match self {
            Scaler::Identity => x,
            Scaler::MinMax { scale, min } => (x - min) / scale,
            Scaler::Standard { mean, deviation } => x * deviation + mean,
        }
    }
}

/// A column that 64-bit floats cannot scale, and the range of its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TooWide {
    /// The column.
    pub column: usize,
    /// The least value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

/// Fits a scale to each of the columns that `scaled` names, of row-major `values` that are finite; the others stay as they are.
///
/// Sums run in the order of the rows, so that they are the same for a table and for an array.
///
/// # Errors
/// [`TooWide`] for a column whose range 64-bit floats cannot scale.
pub fn fit_columns(values: &[f64], scaled: &[bool], scaling: Scaling) -> Result<Vec<Scaler>, TooWide> {
    let columns = scaled.len();
    let rows = values.len() / columns.max(1);
    let over_rows = |start: f64, step: &dyn Fn(f64, f64, usize) -> f64| {
        let mut found = vec![start; columns];
        for row in values.chunks_exact(columns.max(1)) {
            for (j, (found, &x)) in found.iter_mut().zip(row).enumerate() {
                *found = step(*found, x, j);
            }
        }
        found
    };
    let min = over_rows(f64::INFINITY, &|least, x, _| least.min(x));
    let max = over_rows(f64::NEG_INFINITY, &|most, x, _| most.max(x));
    let sums = over_rows(0.0, &|sum, x, _| sum + x);
    let rough: Vec<f64> = sums.iter().map(|sum| sum / rows as f64).collect();
    // The second pass takes out the rounding of the first.
    let rest = over_rows(0.0, &|sum, x, j| sum + (x - rough[j]));
    let means: Vec<f64> = rough.iter().zip(&rest).map(|(rough, rest)| rough + rest / rows as f64).collect();
    let units: Vec<f64> = min.iter().zip(&max).map(|(min, max)| unit_of_squares(max - min)).collect();
    let squares = match scaling {
        Scaling::Standard => over_rows(0.0, &|sum, x, j| sum + ((x - means[j]) * units[j]).powi(2)),
        Scaling::MinMax => vec![0.0; columns],
    };
    let fit = |j: usize| {
        if !scaled[j] {
            return Ok(Scaler::Identity);
        }
        let squares = || squares[j];
        let sample = Sample { squares: &squares, rows, min: min[j], max: max[j], mean: means[j] };
        let found = Scaler::fit(scaling, &sample).filter(|_| means[j].is_finite());
        found.ok_or(TooWide { column: j, min: min[j], max: max[j] })
    };
    (0..columns).map(fit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_scaled_apart_and_back() {
        let values = [1.0, 7.0, 0.0, 3.0, 7.0, 1.0, 2.0, 7.0, 1.0];
        for scaling in [Scaling::MinMax, Scaling::Standard] {
            let scalers = fit_columns(&values, &[true, true, false], scaling).unwrap_or_default();
            let scaled: Vec<f64> = values.iter().enumerate().map(|(i, &x)| scalers[i % 3].transform(x)).collect();
            let first: Vec<f64> = scaled.iter().step_by(3).copied().collect();
            let sum: f64 = first.iter().sum();
            match scaling {
                Scaling::MinMax => assert_eq!(first, [0.0, 1.0, 0.5]),
                Scaling::Standard => assert!(sum.abs() < 1e-12 && first[1] > 1.2),
            }
            // A constant column has no effect, and the last is not scaled.
            assert!(scaled.iter().skip(1).step_by(3).all(|&x| x == 0.0));
            assert_eq!(scaled[2], 0.0);
            assert_eq!(scaled[5], 1.0);
            for (i, (&x, &y)) in values.iter().zip(&scaled).enumerate() {
                assert!((scalers[i % 3].inverse_transform(y) - x).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_range_beyond_floats_is_refused() {
        let found = fit_columns(&[-1e308, 0.0, 1.7e308, 1.0], &[true, true], Scaling::MinMax);
        assert_eq!(found, Err(TooWide { column: 0, min: -1e308, max: 1.7e308 }));
    }
}
