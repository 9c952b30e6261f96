//! Randomness without state: a row's place comes from hash(seed, row id).
//!
//! A row keeps its place whatever the number of threads, the chunking or the partitioning, and a sample at one ratio
//! is a part of the sample at any larger one. The hash is a fixed part of the definition: changing it changes every
//! seeded result, so test vectors hold it.

use crate::RowId;

/// A seed of one run. All randomness of a method is drawn from it and from row ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seed(pub u64);

/// The increment of the SplitMix64 sequence, 2⁶⁴ / φ.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): a bijection of u64 that mixes every bit into every other.
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Seed {
    /// The key of a row: uniform over u64, and different for different rows under one seed (a bijection of the row).
    ///
    /// ```
    /// use leanset_core::{RowId, Seed};
    /// assert_ne!(Seed(1).key(RowId(0)), Seed(2).key(RowId(0)));
    /// assert_eq!(Seed(1).key(RowId(7)), Seed(1).key(RowId(7)));
    /// ```
    #[inline]
    pub fn key(self, row: RowId) -> u64 {
        let stream = mix(self.0.wrapping_add(GOLDEN));
        mix(stream ^ u64::from(row.0).wrapping_add(1).wrapping_mul(GOLDEN))
    }

    /// The key as a number in [0, 1), with 53 bits.
    #[inline]
    pub fn unit(self, row: RowId) -> f64 {
        (self.key(row) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash is part of the definition of every seeded result.
    #[test]
    fn seed_hash_never_changes() {
        let keys: Vec<u64> = (0..3).map(|r| Seed(42).key(RowId(r))).collect();
        assert_eq!(keys, [0xe372_41c0_9304_f97f, 0x18de_f8c3_a67e_97f5, 0xb455_31ab_bfff_ea2e]);
    }

    #[test]
    fn keys_are_uniform() {
        let n = 100_000u32;
        let mut bins = [0u32; 64];
        for r in 0..n {
            bins[(Seed(7).key(RowId(r)) >> 58) as usize] += 1;
        }
        let expected = f64::from(n) / 64.0;
        let chi2: f64 = bins.iter().map(|&b| (f64::from(b) - expected).powi(2) / expected).sum();
        // 63 degrees of freedom: the 0.999 999 quantile is about 130.
        assert!(chi2 < 130.0, "chi-squared {chi2}");
    }
}
