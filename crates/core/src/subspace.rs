//! Directions whose singular values coincide.
//!
//! Singular vectors of equal singular values are determined only up to a rotation among them: a decomposition returns
//! some basis of the subspace that they span, and which one depends on the order of the rows. What is computed from them
//! must be a property of the subspace. [`groups`] finds such values; [`mean_score`] is the mean, over all orthonormal
//! bases of a subspace, of −ln max(|cos(x, u)|, least) for a direction u of the basis. It depends only on the length of
//! the projection of x.
//!
//! With m dimensions and a projection of length p, the cosine with a random direction is p·t, where t² has the
//! distribution Beta(1/2, (m − 1)/2). With a = least/p < 1 and F_m the distribution function of |t|,
//!
//! ```math
//! g_m(p) = -\ln p + D_m - I_m(a), \quad D_m = \mathrm{E}[-\ln |t|], \quad I_m(a) = \int_0^a F_m(s) / s \, ds
//! ```
//!
//! and all three have recurrences with positive terms, so nothing cancels: D_{m+2} = D_m + 1/m, F_{m+2}(a) = F_m(a) + K_m
//! a (1 − a²)^{(m−1)/2}, I_{m+2}(a) = I_m(a) + F_{m+2}(a)/m, K_{m+2} = K_m m/(m + 1). They begin with D_1 = F_1 = I_1 = 0,
//! K_1 = 1 and D_2 = ln 2, F_2 = 2/π asin a, K_2 = 2/π.

use std::f64::consts::{FRAC_2_PI, LN_2, PI};
use std::ops::Range;

/// Values that differ by at most this fraction of themselves coincide. (Their directions would be known to about six digits.)
pub(crate) const COINCIDE: f64 = 1e-9;

/// Runs of values (descending) that coincide: neighbours in a run differ by at most [`COINCIDE`] of themselves, or by
/// `noise`, the rounding error of a value. Every value is in one run.
pub(crate) fn groups(values: &[f64], noise: f64) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut begin = 0;
    for end in 1..=values.len() {
        let goes_on = end < values.len() && values[end - 1] - values[end] <= (COINCIDE * values[end - 1]).max(noise);
        if !goes_on {
            groups.push(begin..end);
            begin = end;
        }
    }
    groups
}

/// The mean, over the orthonormal bases of a subspace of `dimensions` ≥ 1 dimensions, of −ln max(|cos(x, u)|, `least`) for one
/// direction u of the basis; `projection` is the length of the projection of the unit vector x onto the subspace.
pub(crate) fn mean_score(dimensions: usize, projection: f64, least: f64) -> f64 {
    if projection <= least {
        // No direction of the subspace is nearer to x than the least cosine.
        return -least.ln();
    }
    let a = least / projection;
    let rest = (1.0 - a) * (1.0 + a);
    let (mut m, mut mean, mut below, mut cut, mut term) = if dimensions % 2 == 1 {
        (1, 0.0, 0.0, 0.0, a)
    } else {
        (2, LN_2, FRAC_2_PI * a.asin(), FRAC_2_PI * integral_of_cotangent(a.asin()), FRAC_2_PI * a * rest.sqrt())
    };
    while m < dimensions {
        let size = m as f64;
        mean += 1.0 / size;
        below += term;
        cut += below / size;
        term *= rest * size / (size + 1.0);
        m += 2;
    }
    -projection.ln() + (mean - cut)
}

/// ζ(2), ζ(4) … as far as they differ from 1, and the first that does not.
const ZETA: [f64; 27] = [
    1.644_934_066_848_226_4,
    1.082_323_233_711_138_2,
    1.017_343_061_984_449,
    1.004_077_356_197_944_3,
    1.000_994_575_127_818,
    1.000_246_086_553_308,
    1.000_061_248_135_058_7,
    1.000_015_282_259_408_7,
    1.000_003_817_293_265,
    1.000_000_953_962_033_9,
    1.000_000_238_450_502_7,
    1.000_000_059_608_189,
    1.000_000_014_901_554_8,
    1.000_000_003_725_334,
    1.000_000_000_931_327_4,
    1.000_000_000_232_831_2,
    1.000_000_000_058_207_7,
    1.000_000_000_014_552,
    1.000_000_000_003_638,
    1.000_000_000_000_909_5,
    1.000_000_000_000_227_4,
    1.000_000_000_000_056_8,
    1.000_000_000_000_014_2,
    1.000_000_000_000_003_6,
    1.000_000_000_000_000_9,
    1.000_000_000_000_000_2,
    1.0,
];

/// ∫₀^A φ cot φ dφ for A in [0, π/2]: A (1 − 2 Σ ζ(2k) (A/π)^{2k} / (2k + 1)).
fn integral_of_cotangent(angle: f64) -> f64 {
    let square = (angle / PI) * (angle / PI);
    let (mut sum, mut power) = (0.0, 1.0);
    for (k, zeta) in (1..).zip(ZETA) {
        power *= square;
        sum += zeta * power / f64::from(2 * k + 1);
    }
    angle * (1.0 - 2.0 * sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEAST: f64 = 1e-3;

    /// By the definition: the mean over the sphere, whose points have a first coordinate sin φ with density ∝ cos^{m−2} φ. The
    /// clipped part is integrated apart, because the integrand has a corner there.
    fn by_quadrature(m: usize, p: f64) -> f64 {
        let corner = (LEAST / p).min(1.0).asin();
        let weight = |phi: f64| phi.cos().powf(m as f64 - 2.0);
        let simpson = |from: f64, to: f64, f: &dyn Fn(f64) -> f64| {
            let (count, width) = (20_000, (to - from) / 20_000.0);
            let at = |i: usize| {
                let factor = if i == 0 || i == count {
                    1.0
                } else if i % 2 == 1 {
                    4.0
                } else {
                    2.0
                };
                factor * f(from + width * i as f64)
            };
            (0..=count).map(at).sum::<f64>() * width / 3.0
        };
        let half = PI / 2.0;
        let score = |phi: f64| -(p * phi.sin()).max(LEAST).ln();
        // In φ = e^u the logarithm is smooth.
        let outer = simpson(corner.ln(), half.ln(), &|u: f64| score(u.exp()) * weight(u.exp()) * u.exp());
        let total = simpson(0.0, half, &weight);
        (simpson(0.0, corner, &|phi| -LEAST.ln() * weight(phi)) + outer) / total
    }

    #[test]
    fn mean_score_is_that_of_the_sphere() {
        for m in [2, 3, 4, 5, 8, 17, 60, 301] {
            for p in [1.0, 0.5, 0.1, 0.02, 0.004, 0.0015, 0.00101] {
                let (found, expected) = (mean_score(m, p, LEAST), by_quadrature(m, p));
                assert!((found - expected).abs() < 1e-9 * expected, "{m} dimensions, {p}: {found}, not {expected}");
            }
        }
    }

    proptest! {
        #[test]
        fn mean_score_of_one_direction_is_its_score(p in 0.0f64..=1.0) {
            prop_assert_eq!(mean_score(1, p, LEAST), -p.max(LEAST).ln());
        }

        /// Below the least cosine all bases give the same, and nothing jumps there.
        #[test]
        fn mean_score_falls_with_the_projection(m in 2usize..400, p in 0.0f64..0.999, step in 0.0f64..0.001) {
            let (near, far) = (mean_score(m, p + step, LEAST), mean_score(m, p, LEAST));
            prop_assert!(near <= far + 1e-13 && far <= -LEAST.ln() + 1e-13, "{} {}", near, far);
            prop_assert!((mean_score(m, LEAST * (1.0 + 1e-12), LEAST) + LEAST.ln()).abs() < 1e-9);
        }

        /// The mean over random bases, of all directions of each.
        #[test]
        fn mean_score_is_that_of_random_bases(m in 2usize..6, p in 0.01f64..=1.0, seed in any::<u64>()) {
            let bases = 4000;
            let normal = |at: usize| {
                let unit = |k: usize| crate::Seed(seed).unit(crate::RowId::at(k));
                (-2.0 * unit(2 * at).max(1e-300).ln()).sqrt() * (2.0 * PI * unit(2 * at + 1)).cos()
            };
            let mut sum = 0.0;
            for basis in 0..bases {
                // The projection in a random orthonormal basis is a random point of the sphere.
                let point: Vec<f64> = (0..m).map(|j| normal(basis * m + j)).collect();
                let norm = point.iter().map(|v| v * v).sum::<f64>().sqrt();
                sum += point.iter().map(|v| -(p * v / norm).abs().max(LEAST).ln()).sum::<f64>() / m as f64;
            }
            let (found, expected) = (mean_score(m, p, LEAST), sum / f64::from(bases as u32));
            prop_assert!((found - expected).abs() < 0.08, "{} dimensions, {}: {} and {}", m, p, found, expected);
        }
    }

    #[test]
    fn groups_are_runs_of_equal_values() {
        let found = groups(&[4.0, 4.0 - 1e-10, 2.0, 1.0, 1.0 - 5e-10, 1.0 - 1e-9, 0.5], 0.0);
        assert_eq!(found, [0..2, 2..3, 3..6, 6..7]);
        // Rounding errors are of the size of the largest value.
        assert_eq!(groups(&[1.0, 1e-8, 0.9e-8], 2e-9), [0..1, 1..3]);
        assert_eq!(groups(&[1.0, 1e-8, 0.9e-8], 1e-10), [0..1, 1..2, 2..3]);
        assert_eq!(groups(&[], 0.0), Vec::<Range<usize>>::new());
    }
}
