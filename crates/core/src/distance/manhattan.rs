//! Manhattan distance, Σ_j |x_j − y_j|.

/// Manhattan distance; the raw sum is the distance.
#[derive(Clone, Copy, Debug)]
pub struct Manhattan;

impl super::Terms for Manhattan {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        sum + difference.abs()
    }

    #[inline(always)]
    fn finish(raw: f64) -> f64 {
        raw
    }
}
