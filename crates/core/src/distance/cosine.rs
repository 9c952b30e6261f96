//! Cosine distance, 1 − x·y / (|x| |y|), computed as half the squared Euclidean distance of the points scaled to length 1.
//!
//! The two are equal: |x/|x| − y/|y||² = 2 − 2 cos(x, y). The second form is the more accurate one, because it subtracts
//! coordinates and not numbers near 1, and it lets the Euclidean search find the nearest point. A point of zeros has no
//! direction, so whoever takes points refuses it ([`to_unit_length`] says so).
//!
//! It is no metric: the triangle inequality does not hold. Its square root is one, up to a factor of √2 the Euclidean
//! distance of directions.

/// Cosine distance of points of length 1; the raw sum is twice the distance.
#[derive(Clone, Copy, Debug)]
pub struct Cosine;

impl super::Terms for Cosine {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        sum + difference * difference
    }

    #[inline(always)]
    fn finish(raw: f64) -> f64 {
        raw / 2.0
    }
}

/// Scales a point to Euclidean length 1; `false` if it is all zeros, which have no direction.
///
/// Coordinates are divided by the largest first, so that no square overflows or vanishes.
pub fn to_unit_length(point: &mut [f64]) -> bool {
    let largest = point.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    if largest == 0.0 {
        return false;
    }
    point.iter_mut().for_each(|x| *x /= largest);
    let length = point.iter().fold(0.0, |sum, x| sum + x * x).sqrt();
    point.iter_mut().for_each(|x| *x /= length);
    true
}
