//! Euclidean distance, √Σ_j (x_j − y_j)².

/// Euclidean distance; the raw sum is its square.
#[derive(Clone, Copy, Debug)]
pub struct Euclidean;

impl super::Terms for Euclidean {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        sum + difference * difference
    }

    #[inline(always)]
    fn finish(raw: f64) -> f64 {
        raw.sqrt()
    }
}
