//! Distances: one file per metric, each with the scalar definition that its fast form equals bit for bit.
//!
//! The fast form computes a point against [`LANES`] others at once: the lanes of a vector register are *rows*, and
//! each lane sums over the columns in column order, exactly as the scalar definition does. No horizontal sums, nothing
//! fused, so every instruction set and the naive reference agree to the last bit, and a bounding box, whose every term is
//! at most the point's, has a computed distance at most the computed distance of any point in it: pruning by boxes is
//! exact, without a tolerance.

mod chebyshev;
mod cosine;
mod euclidean;
mod manhattan;
mod packed;
pub(crate) mod tiles;

pub use chebyshev::Chebyshev;
pub use cosine::{Cosine, to_unit_length};
pub use euclidean::Euclidean;
pub use manhattan::Manhattan;
pub(crate) use packed::{LANES, Packed, QUERIES, squared};

use crate::{Error, Result, Scalar};

/// A metric that adds up one term a column. `raw` is monotone in the distance and cheaper: the square for Euclidean.
pub trait Terms: Copy + Send + Sync + 'static {
    /// The sum with one more column's difference.
    fn add(sum: f64, difference: f64) -> f64;
    /// The distance of a raw sum.
    fn finish(raw: f64) -> f64;
}

/// The scalar definition: columns in order. Both slices have length d.
#[inline(always)]
pub fn raw<M: Terms, A: Scalar, B: Scalar>(a: &[A], b: &[B]) -> f64 {
    let mut sum = 0.0;
    for (x, y) in a.iter().zip(b) {
        sum = M::add(sum, x.widen() - y.widen());
    }
    sum
}

/// The raw distance from a point to the nearest point of a box [low, high]: at most that to any point in the box.
#[inline(always)]
pub(crate) fn raw_to_box<M: Terms>(point: &[f64], low: &[f64], high: &[f64]) -> f64 {
    let mut sum = 0.0;
    for ((&x, &low), &high) in point.iter().zip(low).zip(high) {
        let outside = (low - x).max(x - high).max(0.0);
        sum = M::add(sum, outside);
    }
    sum
}

/// The metrics there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metric {
    /// max_j |x_j − y_j|, the paper's choice for ε.
    #[default]
    Chebyshev,
    /// √Σ_j (x_j − y_j)².
    Euclidean,
    /// Σ_j |x_j − y_j|.
    Manhattan,
    /// 1 − x·y / (|x| |y|), of points that are not all zeros.
    Cosine,
}

impl Metric {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::Chebyshev, Self::Euclidean, Self::Manhattan, Self::Cosine];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chebyshev => "chebyshev",
            Self::Euclidean => "euclidean",
            Self::Manhattan => "manhattan",
            Self::Cosine => "cosine",
        }
    }

    /// The distance of two points of length d, by the scalar definition.
    ///
    /// ```
    /// use leanset_core::distance::Metric;
    /// assert_eq!(Metric::Euclidean.distance(&[0.0, 0.0], &[3.0, 4.0]), 5.0);
    /// assert_eq!(Metric::Chebyshev.distance(&[0.0, 0.0], &[3.0, 4.0]), 4.0);
    /// assert_eq!(Metric::Manhattan.distance(&[0.0, 0.0], &[3.0, 4.0]), 7.0);
    /// assert_eq!(Metric::Cosine.distance(&[2.0, 0.0], &[0.0, 3.0]), 1.0);
    /// ```
    pub fn distance(self, a: &[f64], b: &[f64]) -> f64 {
        if self == Self::Cosine {
            let [mut a, mut b] = [a.to_vec(), b.to_vec()];
            // Zeros have no direction: NaN, as 0 / 0.
            let both = to_unit_length(&mut a) & to_unit_length(&mut b);
            return if both { Cosine::finish(raw::<Cosine, f64, f64>(&a, &b)) } else { f64::NAN };
        }
        with_metric!(self, |M| M::finish(raw::<M, f64, f64>(a, b)))
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|m| m.name().eq_ignore_ascii_case(text)).ok_or_else(|| Error::BadParameter {
            method: "epsilon",
            name: "metric",
            constraint: Self::ALL.map(Self::name).join("|"),
            value: format!("'{text}'"),
        })
    }
}

/// Runs a generic body for the metric: `with_metric!(metric, |M| raw::<M, f64, f64>(a, b))`.
macro_rules! with_metric {
    ($metric:expr, |$M:ident| $body:expr) => {
        match $metric {
            $crate::distance::Metric::Chebyshev => {
                type $M = $crate::distance::Chebyshev;
                $body
            }
            $crate::distance::Metric::Euclidean => {
                type $M = $crate::distance::Euclidean;
                $body
            }
            $crate::distance::Metric::Manhattan => {
                type $M = $crate::distance::Manhattan;
                $body
            }
            // Of points of length 1.
            $crate::distance::Metric::Cosine => {
                type $M = $crate::distance::Cosine;
                $body
            }
        }
    };
}
pub(crate) use with_metric;
