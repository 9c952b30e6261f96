//! The curve of what is lost at each ratio, smoothed, and the smallest ratio that loses little enough.
//!
//! More rows should not make a model worse, so the losses are replaced by the nearest that do not rise with the ratio (isotonic
//! regression by pooling adjacent violators: Ayer et al. 1955); training on everything is the last point. What a model would lose
//! at ratios that were not tried is said only where everything could not be trained: from err(m) = a + b·m^−c.

/// The nearest values, by squares, that do not rise.
pub(crate) fn falling(values: &[f64]) -> Vec<f64> {
    // Blocks of equal values: sum and length.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for &value in values {
        let mut block = (value, 1);
        while let Some(&before) = blocks.last()
            && before.0 / (before.1 as f64) < block.0 / (block.1 as f64)
        {
            blocks.pop();
            block = (before.0 + block.0, before.1 + block.1);
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(sum, length)| std::iter::repeat_n(sum / length as f64, length)).collect()
}

/// What is lost at each ratio, smoothed: `scores` are those of ascending ratios, `full` is that of everything.
pub(crate) fn losses(scores: &[f64], full: f64) -> Vec<f64> {
    let all: Vec<f64> = scores.iter().map(|score| full - score).chain([0.0]).collect();
    let mut smooth = falling(&all);
    let last = smooth.pop().unwrap_or_default();
    smooth.into_iter().map(|loss| loss - last).collect()
}

/// Exponents of learning curves that are tried.
const EXPONENTS: [f64; 8] = [0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.2, 1.5];

/// The fewest rows with which the error is at most `tolerance` above that with `all` rows, by a + b·m^−c through (rows, error): the
/// mean over c, weighted by how well each fits. None of fewer than three points, or where the error does not fall.
pub(crate) fn extrapolated(points: &[(f64, f64)], all: f64, tolerance: f64) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for c in EXPONENTS {
        let n = points.len() as f64;
        let x = |m: f64| m.powf(-c);
        let mean_x = points.iter().map(|p| x(p.0)).sum::<f64>() / n;
        let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
        let sxx: f64 = points.iter().map(|p| (x(p.0) - mean_x).powi(2)).sum();
        let sxy: f64 = points.iter().map(|p| (x(p.0) - mean_x) * (p.1 - mean_y)).sum();
        // a and b are not negative: through the origin where a would be.
        let (mut b, mut a) = (sxy / sxx, mean_y - sxy / sxx * mean_x);
        if a < 0.0 {
            let (xy, xx) = points.iter().fold((0.0, 0.0), |s, p| (s.0 + x(p.0) * p.1, s.1 + x(p.0).powi(2)));
            (a, b) = (0.0, xy / xx);
        }
        if b.is_nan() || b <= 0.0 {
            continue;
        }
        let square = points.iter().map(|p| (a + b * x(p.0) - p.1).powi(2)).sum::<f64>() / n;
        // b·m^−c = b·all^−c + tolerance.
        let rows = ((b * x(all) + tolerance) / b).powf(-1.0 / c).min(all);
        let weight = 1.0 / (square + 1e-8);
        sum += weight * rows.ln();
        weights += weight;
    }
    (weights > 0.0).then(|| (sum / weights).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against all ways to cut the values into blocks of their means, of which the nearest falling one is the answer.
    #[test]
    fn falling_values_are_the_nearest() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f64 / f64::from(1u32 << 24)
        };
        for n in 1..9 {
            for _ in 0..20 {
                let values: Vec<f64> = (0..n).map(|_| next()).collect();
                let mut best = (f64::INFINITY, Vec::new());
                for cuts in 0u32..1 << (n - 1) {
                    let mut fitted: Vec<f64> = Vec::new();
                    let mut begin = 0;
                    for end in 1..=n {
                        if end == n || cuts >> (end - 1) & 1 == 1 {
                            let mean = values[begin..end].iter().sum::<f64>() / (end - begin) as f64;
                            fitted.extend(std::iter::repeat_n(mean, end - begin));
                            begin = end;
                        }
                    }
                    let square: f64 = fitted.iter().zip(&values).map(|(a, b)| (a - b).powi(2)).sum();
                    if fitted.windows(2).all(|w| w[0] >= w[1] - 1e-12) && square < best.0 {
                        best = (square, fitted);
                    }
                }
                let found = falling(&values);
                assert!(found.iter().zip(&best.1).all(|(a, b)| (a - b).abs() < 1e-9), "{values:?}: {found:?} {best:?}");
            }
        }
    }

    #[test]
    fn losses_end_at_everything() {
        assert_eq!(losses(&[0.5, 0.75], 1.0), [0.5, 0.25]);
        // 0.9 of the rows are better than all: both are the same point, and nothing is lost there.
        let found = losses(&[0.5, 1.5], 1.0);
        assert_eq!(found, [0.75, 0.0]);
        assert_eq!(losses(&[], 1.0), Vec::<f64>::new());
    }

    #[test]
    fn a_known_curve_is_continued() {
        for c in [0.35, 0.5, 0.9] {
            let error = |m: f64| 0.05 + 2.0 * m.powf(-c);
            let points: Vec<(f64, f64)> = [100.0, 200.0, 400.0, 800.0, 1600.0].map(|m| (m, error(m))).to_vec();
            let truth = ((2.0 * 10_000f64.powf(-c) + 0.01) / 2.0).powf(-1.0 / c);
            let found = extrapolated(&points, 10_000.0, 0.01).expect("it falls");
            assert!((found / truth).ln().abs() < 0.1, "{c}: {found} is not {truth}");
        }
        assert_eq!(extrapolated(&[(10.0, 0.1), (20.0, 0.1)], 100.0, 0.01), None);
        assert_eq!(extrapolated(&[(10.0, 0.1), (20.0, 0.2), (40.0, 0.3)], 100.0, 0.01), None);
    }
}
