//! Chebyshev distance, max_j |x_j − y_j|.

/// Chebyshev distance; the raw sum is the distance.
#[derive(Clone, Copy, Debug)]
pub struct Chebyshev;

impl super::Terms for Chebyshev {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        // Not f64::max: its NaN rule costs two more instructions, and no difference is NaN here.
        let term = difference.abs();
        if term > sum { term } else { sum }
    }

    #[inline(always)]
    fn finish(raw: f64) -> f64 {
        raw
    }
}
