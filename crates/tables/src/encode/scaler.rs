//! Scaling of numbers, and its inverse.
//!
//! Rows of unit length are not scaled here but in `matrix`. Min–max is `x·s + m` with `s = 1/(max − min)` and `m = −min·s`, bit for bit what scikit-learn's `MinMaxScaler`
//! computes; standard is `(x − mean)/σ` with the population σ.

use leanset_spec::Scale;

/// A fitted scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scaler {
    Identity,
    MinMax { scale: f64, min: f64 },
    Standard { mean: f64, deviation: f64 },
}

/// What a scaler is fitted on: what is known of the values that are present.
pub(crate) struct Sample<'a> {
    /// The sum of the squares of their differences from the mean, times [`unit_of_squares`], in row order.
    pub(crate) squares: &'a dyn Fn() -> f64,
    /// Rows, those with missing values included.
    pub(crate) rows: usize,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
}

impl Sample<'_> {
    /// A range of a few rounding errors is that of a constant; stretched to [0, 1] it would be noise.
    pub(crate) fn varies(&self) -> bool {
        self.max - self.min > 10.0 * f64::EPSILON * self.min.abs().max(self.max.abs())
    }
}

/// What differences within a range are multiplied by before they are squared: squares of tiny numbers underflow, and those of
/// their multiples by a power of two are exact.
pub(crate) fn unit_of_squares(range: f64) -> f64 {
    let exponent = match range {
        r if r <= 0.0 || r >= leanset_core::data::LEAST_RANGE => 0,
        r if r >= 1e-301 => 510,
        _ => 1000,
    };
    2f64.powi(exponent)
}

impl Scaler {
    /// Fits a scale; `None` where the range is beyond, or below, what 64-bit floats can scale.
    pub(crate) fn fit(scale: Scale, sample: &Sample<'_>) -> Option<Self> {
        let range = sample.max - sample.min;
        match scale {
            // Rows are scaled to unit length when they are whole.
            Scale::None | Scale::Unit => Some(Self::Identity),
            Scale::MinMax => {
                let scale = 1.0 / if sample.varies() { range } else { 1.0 };
                (range.is_finite() && scale.is_finite())
                    .then_some(Self::MinMax { scale, min: 0.0 - sample.min * scale })
            }
            Scale::Standard => {
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

    #[inline]
    pub(crate) fn transform(self, x: f64) -> f64 {
        match self {
            Scaler::Identity => x,
            Scaler::MinMax { scale, min } => x * scale + min,
            Scaler::Standard { mean, deviation } => (x - mean) / deviation,
        }
    }

    pub(crate) fn inverse_transform(self, x: f64) -> f64 {
        match self {
            Scaler::Identity => x,
            Scaler::MinMax { scale, min } => (x - min) / scale,
            Scaler::Standard { mean, deviation } => x * deviation + mean,
        }
    }
}
