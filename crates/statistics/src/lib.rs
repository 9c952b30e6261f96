//! The statistics of an experiment: medians with intervals, paired tests, rank correlation. Each is defined here, and exact
//! unless it says otherwise. `leanset-lab` says which runs they are computed of.
//!
//! - *Median* of the repetitions: of an even number the mean of the two in the middle.
//! - *Interval* of a median: order statistics. The k-th lowest and the k-th highest of n values hold the median of what
//!   they are drawn from with probability 1 − 2·P(B ≤ k − 1), B binomial(n, ½), whatever the distribution. The largest
//!   k with 95 % or more is taken; below six values not even the extremes have that, and they are given with the
//!   coverage they do have.
//! - *Paired differences* to random (and to full training): Wilcoxon's signed-rank test, two-sided. Zeros are left out,
//!   equal differences share their ranks, and the p-value is exact for any n and any ties: the distribution of the rank
//!   sum over all 2ⁿ signs, by dynamic programming. A method beats random where p < 0.05 and the median difference is
//!   above 0; it does not where p < 0.05 and it is below; otherwise these runs cannot tell. Five pairs can never tell
//!   (p ≥ 1/16): six or more are needed.
//! - *Spearman's ρ*: Pearson's of the ranks, equal values sharing theirs. The p-value is two-sided; up to nine pairs
//!   exact, over all orders, beyond that from Student's t with n − 2 degrees of freedom, as scipy does.
//!
//! Two caveats remain. Repetitions are splits of one table: they share rows, so they are less independent than the tests
//! assume. And of many comparisons at 5 %, expect one in twenty to be a false positive.
//!
//! Wilcoxon 1945, Biometrics Bulletin 1:80; Spearman 1904, American Journal of Psychology 15:72.

pub mod infinite;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// The level of significance of tests.
pub const LEVEL: f64 = 0.05;
/// The coverage that intervals should have at least.
pub const COVERAGE: f64 = 0.95;
/// Up to this many pairs ρ is tested against all orders.
const EXACT_ORDERS: usize = 9;

/// A median and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Median {
    /// The median; "inf" in JSON if it is infinite, and so the ends.
    #[serde(serialize_with = "infinite::serialize")]
    pub value: f64,
    /// The lower end of its interval.
    #[serde(serialize_with = "infinite::serialize")]
    pub low: f64,
    /// The upper end.
    #[serde(serialize_with = "infinite::serialize")]
    pub high: f64,
    /// The probability with which such an interval holds the median.
    pub coverage: f64,
    /// How many values.
    pub n: usize,
}

impl Median {
    /// Of values that are not known.
    pub const UNKNOWN: Self = Self { value: f64::NAN, low: f64::NAN, high: f64::NAN, coverage: 0.0, n: 0 };
}

/// The median of some values and its interval; none of no values. Infinities count as they are, NaN is left out.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<Median> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let (&first, &last) = (sorted.first()?, sorted.last()?);
    let value = match (sorted[(n - 1) / 2], sorted[n / 2]) {
        (a, b) if a == b => a,
        (a, b) => a + (b - a) / 2.0,
    };
    let (mut low, mut high, mut coverage) = (first, last, 1.0 - 2.0 * below(n, 0));
    for k in 1..n / 2 {
        let narrower = 1.0 - 2.0 * below(n, k);
        if narrower < COVERAGE {
            break;
        }
        (low, high, coverage) = (sorted[k], sorted[n - 1 - k], narrower);
    }
    Some(Median { value, low, high, coverage: coverage.max(0.0), n })
}

/// P(B ≤ k) of a binomial(n, ½).
fn below(n: usize, k: usize) -> f64 {
    // Each from the one before; 2⁻ⁿ is a normal number up to n = 1,022.
    let mut term = 0.5f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut sum = term;
    for i in 0..k {
        term *= (n - i) as f64 / (i + 1) as f64;
        sum += term;
    }
    sum
}

/// Whether a method beats what it is compared with, in these runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// It does.
    #[serde(rename = "yes")]
    Yes,
    /// It is worse.
    #[serde(rename = "no")]
    No,
    /// These runs cannot tell.
    #[serde(rename = "cannot tell")]
    Unclear,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unclear => "cannot tell",
        })
    }
}

/// A paired comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// The median of the differences.
    pub difference: Median,
    /// The two-sided p-value of Wilcoxon's signed-rank test, exact.
    pub p: f64,
    /// What that says.
    pub verdict: Verdict,
}

/// Compares pair by pair: positive differences are in favour. None of no pairs.
pub fn paired(differences: &[f64]) -> Option<Paired> {
    let difference = median(differences.iter().copied())?;
    let p = signed_rank(differences);
    let verdict = match p < LEVEL {
        true if difference.value > 0.0 => Verdict::Yes,
        true if difference.value < 0.0 => Verdict::No,
        _ => Verdict::Unclear,
    };
    Some(Paired { difference, p, verdict })
}

/// The two-sided p-value of Wilcoxon's signed-rank test: zeros left out, exact whatever the ties. 1 of no differences.
pub fn signed_rank(differences: &[f64]) -> f64 {
    let nonzero: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0 && !d.is_nan()).collect();
    let magnitudes: Vec<f64> = nonzero.iter().map(|d| d.abs()).collect();
    // Twice the ranks: whole numbers even where ranks are shared.
    let doubled: Vec<usize> = ranks(&magnitudes).iter().map(|r| (r * 2.0) as usize).collect();
    let total: usize = doubled.iter().sum();
    let positive: usize = doubled.iter().zip(&nonzero).filter(|(_, d)| **d > 0.0).map(|(r, _)| r).sum();
    // The chance of each sum of positive ranks, when every sign is a fair coin.
    let mut chance = vec![0.0; total + 1];
    chance[0] = 1.0;
    let mut reach = 0;
    for rank in doubled {
        reach += rank;
        for sum in (0..=reach).rev() {
            let with = if sum >= rank { chance[sum - rank] } else { 0.0 };
            chance[sum] = 0.5 * (chance[sum] + with);
        }
    }
    let extreme = positive.min(total - positive);
    (2.0 * chance[..=extreme].iter().sum::<f64>()).min(1.0)
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut begin = 0;
    for same in order.chunk_by(|&a, &b| values[a] == values[b]) {
        for &i in same {
            ranks[i] = begin as f64 + (same.len() + 1) as f64 / 2.0;
        }
        begin += same.len();
    }
    ranks
}

/// A rank correlation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spearman {
    /// ρ, in [−1, 1].
    pub rho: f64,
    /// Its two-sided p-value.
    pub p: f64,
    /// Whether that is over all orders rather than from Student's t.
    pub exact: bool,
    /// How many pairs.
    pub n: usize,
}

/// Spearman's ρ of pairs; none where a side does not vary, or of fewer than three pairs.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<Spearman> {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().filter(|(a, b)| !a.is_nan() && !b.is_nan()).unzip();
    let n = x.len();
    if n < 3 {
        return None;
    }
    let (x, y) = (centred(&ranks(&x)), centred(&ranks(&y)));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let scale = (dot(&x, &x) * dot(&y, &y)).sqrt();
    if scale == 0.0 {
        return None;
    }
    let rho = (dot(&x, &y) / scale).clamp(-1.0, 1.0);
    let exact = n <= EXACT_ORDERS;
    let p = if exact {
        // Products of centred half ranks are quarters: a bound between two of them takes no rounding for a tie.
        let bound = dot(&x, &y).abs() - 0.125;
        let (mut all, mut extreme) = (0u32, 0u32);
        orders(&mut y.clone(), 0, &mut |order| {
            all += 1;
            extreme += u32::from(dot(&x, order).abs() >= bound);
        });
        f64::from(extreme) / f64::from(all)
    } else if rho.abs() == 1.0 {
        0.0
    } else {
        let freedom = (n - 2) as f64;
        let t = rho.abs() * (freedom / (1.0 - rho * rho)).sqrt();
        StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |d| 2.0 * d.sf(t))
    };
    Some(Spearman { rho, p, exact, n })
}

fn centred(ranks: &[f64]) -> Vec<f64> {
    let mean = (ranks.len() + 1) as f64 / 2.0;
    ranks.iter().map(|r| r - mean).collect()
}

/// Calls `body` with every order of the values.
fn orders(values: &mut [f64], fixed: usize, body: &mut dyn FnMut(&[f64])) {
    if fixed == values.len() {
        body(values);
        return;
    }
    for i in fixed..values.len() {
        values.swap(fixed, i);
        orders(values, fixed + 1, body);
        values.swap(fixed, i);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn median_and_its_interval() {
        let ten = median((1..=10).map(f64::from)).expect("values");
        // The binomial table: 2nd to 9th of ten, 1 − 2·(1 + 10)/1024.
        assert_eq!((ten.value, ten.low, ten.high, ten.n), (5.5, 2.0, 9.0, 10));
        assert!(close(ten.coverage, 1.0 - 22.0 / 1024.0));
        let twenty = median((1..=20).map(f64::from)).expect("values");
        assert_eq!((twenty.low, twenty.high), (6.0, 15.0));
        // Five values: the extremes, which do not have 95 %.
        let five = median([3.0, 1.0, 2.0, 5.0, 4.0]).expect("values");
        assert_eq!((five.value, five.low, five.high, five.coverage), (3.0, 1.0, 5.0, 0.9375));
        let one = median([7.0]).expect("a value");
        assert_eq!((one.value, one.low, one.high, one.coverage), (7.0, 7.0, 7.0, 0.0));
        assert_eq!(median([]), None);
        assert_eq!(median([1.0, f64::INFINITY, f64::INFINITY]).expect("values").value, f64::INFINITY);
    }

    /// Against all 2ⁿ signs, one by one.
    #[test]
    fn signed_rank_is_the_count_of_all_signs() {
        let cases: [&[f64]; 5] = [
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            &[-1.0, 2.0, 3.0, -4.0, 5.5, 6.0, 7.0],
            &[1.0, 1.0, -1.0, 2.0, 2.0, -3.0, 0.0],
            &[0.5, 0.5, 0.5, 0.5, 0.5],
            &[-2.0, -2.0, 1.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -9.0],
        ];
        for case in cases {
            let nonzero: Vec<f64> = case.iter().copied().filter(|d| *d != 0.0).collect();
            let ranks = ranks(&nonzero.iter().map(|d| d.abs()).collect::<Vec<_>>());
            let total: f64 = ranks.iter().sum();
            let lower = |sum: f64| sum.min(total - sum);
            let got = lower(ranks.iter().zip(&nonzero).filter(|(_, d)| **d > 0.0).map(|(r, _)| r).sum());
            let all = 1u32 << ranks.len();
            let sum = |signs: u32| -> f64 { (0..ranks.len()).filter(|i| signs >> i & 1 == 1).map(|i| ranks[i]).sum() };
            let extreme = (0..all).filter(|&signs| sum(signs) <= got).count();
            let expected = (2.0 * extreme as f64 / f64::from(all)).min(1.0);
            assert!(close(signed_rank(case), expected), "{case:?}: {} not {expected}", signed_rank(case));
        }
        assert_eq!(signed_rank(&[]), 1.0);
        assert_eq!(signed_rank(&[0.0, 0.0]), 1.0);
    }

    /// The example in the documentation of scipy.stats.wilcoxon (Darwin's maize), and the least p of ten pairs.
    #[test]
    fn signed_rank_agrees_with_scipy() {
        assert!(close(
            signed_rank(&[6., 8., 14., 16., 23., 24., 28., 29., 41., -48., 49., 56., 60., -67., 75.]),
            0.041_259_765_625
        ));
        assert!(close(signed_rank(&(1..=10).map(f64::from).collect::<Vec<_>>()), 0.001_953_125));
    }

    #[test]
    fn verdict_needs_six_pairs_of_one_sign() {
        let of = |d: &[f64]| paired(d).expect("pairs").verdict;
        assert_eq!(of(&[0.1, 0.2, 0.3, 0.1, 0.2, 0.3]), Verdict::Yes);
        assert_eq!(of(&[-0.1, -0.2, -0.3, -0.1, -0.2, -0.3]), Verdict::No);
        assert_eq!(of(&[0.1, -0.2, 0.3, -0.1, 0.2, -0.3]), Verdict::Unclear);
        // Five pairs can never tell.
        assert_eq!(of(&[1.0; 5]), Verdict::Unclear);
        assert_eq!(of(&[0.0; 10]), Verdict::Unclear);
    }

    #[test]
    fn spearman_of_known_values() {
        let of = |x: &[f64], y: &[f64]| spearman(&x.iter().copied().zip(y.iter().copied()).collect::<Vec<_>>());
        // Perfect order of five: 2 of the 120 orders are as extreme.
        let perfect = of(&[1., 2., 3., 4., 5.], &[2., 4., 6., 8., 9.]).expect("varies");
        assert!(close(perfect.rho, 1.0) && close(perfect.p, 2.0 / 120.0) && perfect.exact);
        // The textbook table of IQ and hours of television: ρ = −29/165.
        let iq = [106., 100., 86., 101., 99., 103., 97., 113., 112., 110.];
        let hours = [7., 27., 2., 50., 28., 29., 20., 12., 6., 17.];
        let tv = of(&iq, &hours).expect("varies");
        assert!(close(tv.rho, -29.0 / 165.0), "{}", tv.rho);
        // scipy.stats.spearmanr: p = 0.627 188 345.
        assert!((tv.p - 0.627_188_345).abs() < 1e-8, "{}", tv.p);
        assert_eq!(of(&[1., 1., 1.], &[1., 2., 3.]), None);
        assert_eq!(of(&[1., 2.], &[1., 2.]), None);
        // A lost class, ε = ∞, is the farthest of all.
        let lost = of(&[0.1, 0.2, f64::INFINITY], &[0.9, 0.8, 0.1]).expect("varies");
        assert!(close(lost.rho, -1.0));
    }
}
