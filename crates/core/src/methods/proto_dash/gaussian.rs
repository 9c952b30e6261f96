//! The Gaussian kernel: gradients in features, decided by the kernel itself.

use rayon::prelude::*;

use super::greedy::{Leader, Picks, Space, better};
use crate::distance::{Euclidean, LANES, Packed, raw};
use crate::kernel::{self, Features, Gaussian};
use crate::{Look, Result, simd};

/// The part of it by which rounding changes a gradient, at most.
const ROUNDED: f64 = 1e-14;
/// Features are enough when they leave this part of the trace.
const TRACE: f64 = 1e-12;
/// Features that every row gets; more come where rows cannot be told apart.
const FIRST_RANK: usize = 32;
/// Bytes of the features of a class.
pub(super) const FEATURE_BYTES: usize = 256 << 20;
/// Pairs of rows up to which the means of all rows are computed with the true kernel.
pub(super) const ALL_MEANS: usize = 1 << 26;
/// Rows compared by the true kernel at each pick.
const COMPARED: std::ops::RangeInclusive<usize> = 32..=128;
/// Rows compared before the objective is called exhausted.
const COMPARED_LAST: usize = 4096;
/// The part of the largest |μ| by which a row that was not compared may pass the one chosen without a word.
const UNCERTAIN: f64 = 1e-9;

/// Features of a class of so many rows: as many as 256 MiB hold, between 64 and 2048.
pub(super) fn auto_rank(rows: usize) -> usize {
    (FEATURE_BYTES / 8 / rows.max(1)).clamp(64, 2048)
}

/// A row's gradient in features, and what its gradient is at most.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    row: usize,
    value: f64,
    high: f64,
}

/// The rows of a class under the Gaussian kernel.
pub(super) struct GaussianSpace {
    kernel: Gaussian,
    points: Packed<f64>,
    rows: usize,
    /// The points whose mean is to be matched and their number, if they are not the rows.
    target: Option<(Packed<f64>, usize)>,
    pub(super) features: Features,
    /// μ, in lanes; NaN where it is not known yet.
    means: Vec<[f64; LANES]>,
    /// The mean of the features of the target, if not all means are known.
    aim: Option<Vec<f64>>,
    /// What the features leave of the mean, at most, if not all means are known.
    aim_left: f64,
    scale: f64,
    /// The coordinates of the picks.
    taken: Vec<f64>,
    /// The features of the picks, each as many as there were when last looked at.
    taken_features: Vec<Vec<f64>>,
}

/// Adds the weighted rows to `out`, in their order.
struct Combine<'a> {
    rows: &'a [Vec<f64>],
    weights: &'a [f64],
    out: &'a mut [f64],
}

impl simd::Kernel for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (row, &weight) in self.rows.iter().zip(self.weights) {
            if weight != 0.0 {
                for (sum, value) in self.out.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
        }
    }
}

impl GaussianSpace {
    pub(super) fn new(
        kernel: Gaussian,
        points: Packed<f64>,
        target: Option<(Packed<f64>, usize)>,
        rows: usize,
        rank: usize,
        all_means: usize,
        look: Look<'_>,
    ) -> Result<Self> {
        let mut features = Features::new(rows, rank);
        features.grow(kernel, &points, FIRST_RANK, TRACE, look)?;
        let means = vec![[f64::NAN; LANES]; rows.div_ceil(LANES)];
        let mut space = Self {
            kernel,
            points,
            rows,
            target,
            features,
            means,
            aim: None,
            aim_left: 0.0,
            scale: 0.0,
            taken: vec![],
            taken_features: vec![],
        };
        let of = space.target.as_ref().map_or(rows, |t| t.1);
        let known: Vec<usize> =
            if rows.saturating_mul(of) <= all_means { (0..rows).collect() } else { space.features.pivots.clone() };
        for some in known.chunks(256) {
            space.know(some, look)?;
        }
        space.scale = known.iter().map(|&i| space.mean(i)).fold(0.0, f64::max);
        if known.len() < rows {
            space.aim_at_features(look)?;
        }
        Ok(space)
    }

    fn mean(&self, row: usize) -> f64 {
        self.means[row / LANES][row % LANES]
    }

    fn points_of(&self, rows: &[usize]) -> Vec<f64> {
        let d = self.points.columns();
        let mut out = vec![0.0; rows.len() * d];
        rows.iter().zip(out.chunks_exact_mut(d)).for_each(|(&r, out)| self.points.copy_row(r, out));
        out
    }

    /// Computes the means of these rows.
    fn know(&mut self, rows: &[usize], look: Look<'_>) -> Result<()> {
        let (target, count) = self.target.as_ref().map_or((&self.points, self.rows), |t| (&t.0, t.1));
        let sums = self.kernel.sums(target, &self.points_of(rows), &kernel::ones(count), look)?;
        for (&row, sum) in rows.iter().zip(sums) {
            self.means[row / LANES][row % LANES] = sum / count as f64;
        }
        Ok(())
    }

    /// The mean of the features of what is to be matched, and a bound of what they leave of it.
    fn aim_at_features(&mut self, look: Look<'_>) -> Result<()> {
        let mut aim = self.aim.take().unwrap_or_default();
        if self.target.is_some() {
            // On its pivots the features are exact: their means are the triangular features of the pivots times the aim.
            let new = self.features.pivots[aim.len()..].to_vec();
            self.know(&new, look)?;
            for (j, &pivot) in self.features.pivots.iter().enumerate().skip(aim.len()) {
                let own: Vec<f64> = self.features.row(pivot).collect();
                let known: f64 = own[..j].iter().zip(&aim).map(|(a, b)| a * b).sum();
                aim.push((self.mean(pivot) - known) / own[j]);
            }
            self.aim_left = (1.0 - aim.iter().map(|a| a * a).sum::<f64>()).max(0.0).sqrt();
        } else {
            let (begin, ones) = (aim.len(), kernel::ones(self.rows));
            let of_piece = |(piece, ones): (usize, &[[f64; LANES]])| {
                let mut sums = vec![0.0; self.features.rank - begin];
                for (block, ones) in ones.iter().enumerate() {
                    let columns = &self.features.block(piece * kernel::PIECE + block)[begin..];
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum += column.iter().zip(ones).map(|(v, o)| v * o).sum::<f64>();
                    }
                }
                look().map(|()| sums)
            };
            let sums: Vec<Vec<f64>> =
                ones.par_chunks(kernel::PIECE).enumerate().map(of_piece).collect::<Result<_>>()?;
            aim.resize(self.features.rank, 0.0);
            for piece in sums {
                aim[begin..].iter_mut().zip(piece).for_each(|(a, s)| *a += s);
            }
            aim[begin..].iter_mut().for_each(|a| *a /= self.rows as f64);
            self.aim_left = self.features.left.as_flattened().iter().map(|l| l.sqrt()).sum::<f64>() / self.rows as f64;
        }
        self.aim = Some(aim);
        Ok(())
    }

    /// A quarter more features.
    fn grow(&mut self, look: Look<'_>) -> Result<()> {
        let rank = self.features.rank + (self.features.rank / 4).max(FIRST_RANK / 2);
        self.features.grow(self.kernel, &self.points, rank, TRACE, look)?;
        if self.aim.is_some() {
            self.aim_at_features(look)?;
        }
        Ok(())
    }

    /// Gradients in features, in lanes, and how far the part of them that the features leave can reach: a row's error is
    /// at most √E_ii times that.
    fn estimate(&mut self, picks: &Picks, look: Look<'_>) -> Result<(Vec<[f64; LANES]>, f64)> {
        for (&row, known) in picks.rows.iter().zip(&mut self.taken_features) {
            if known.len() < self.features.rank {
                known.extend(self.features.row(row).skip(known.len()));
            }
        }
        let mut weighted = vec![0.0; self.features.rank];
        let mut reach = 0.0;
        let mut square = 0.0;
        let residual = |s: usize| self.features.left[s / LANES][s % LANES].sqrt();
        for (&row, &weight) in picks.rows.iter().zip(picks.set.weights()).filter(|p| *p.1 > 0.0) {
            reach += weight * residual(row);
            square += weight * self.mean(row);
        }
        let weights = picks.set.weights();
        simd::run(Combine { rows: &self.taken_features, weights, out: &mut weighted });
        // At the optimum wᵀKw = wᵀμ, and what the features have of it is exact to rounding.
        let explained: f64 = weighted.iter().map(|v| v * v).sum();
        reach = reach.min(((square - explained).max(0.0) + 1e-14 * square).sqrt());
        let (mut out, vector) = match &self.aim {
            None => (self.means.clone(), weighted.iter().map(|w| -w).collect::<Vec<_>>()),
            Some(aim) => {
                (vec![[0.0; LANES]; self.means.len()], aim.iter().zip(&weighted).map(|(a, w)| a - w).collect())
            }
        };
        self.features.add_products(&vector, &mut out, look)?;
        Ok((out, reach + self.aim_left))
    }

    /// The best of these rows by the kernel itself.
    fn compare(&mut self, rows: &[usize], picks: &Picks, look: Look<'_>) -> Result<Option<(usize, f64)>> {
        let unknown: Vec<usize> = rows.iter().copied().filter(|&r| self.mean(r).is_nan()).collect();
        for some in unknown.chunks(256) {
            self.know(some, look)?;
        }
        let support = picks.support();
        if support.is_empty() {
            return Ok(rows.iter().map(|&r| (r, self.mean(r))).reduce(better));
        }
        let d = self.points.columns();
        let points = Packed::fill(support.len(), d, |i, out| self.points.copy_row(support[i].0, out), look)?;
        let mut weights = vec![[0.0; LANES]; support.len().div_ceil(LANES)];
        support.iter().enumerate().for_each(|(i, s)| weights[i / LANES][i % LANES] = s.1);
        let sums = |some: &[usize]| self.kernel.sums(&points, &self.points_of(some), &weights, look);
        let parts: Vec<Vec<f64>> = rows.par_chunks(16).map(sums).collect::<Result<_>>()?;
        Ok(rows.iter().zip(parts.concat()).map(|(&r, sum)| (r, self.mean(r) - sum)).reduce(better))
    }
}

impl Space for GaussianSpace {
    fn scale(&self) -> f64 {
        self.scale
    }

    fn largest_diagonal(&self) -> f64 {
        1.0
    }

    fn leader(&mut self, picks: &Picks, tolerance: f64, look: Look<'_>) -> Result<Option<Leader>> {
        loop {
            let (estimates, reach) = self.estimate(picks, look)?;
            let rounding = ROUNDED * self.scale;
            let open = (0..self.rows).filter(|&row| !picks.taken[row]);
            let mut open: Vec<Estimate> = open
                .map(|row| {
                    let (block, lane) = (row / LANES, row % LANES);
                    let bound = self.features.left[block][lane].sqrt() * reach + rounding;
                    Estimate { row, value: estimates[block][lane], high: estimates[block][lane] + bound }
                })
                .collect();
            let low = open.iter().map(|o| o.value - (o.high - o.value)).fold(f64::NEG_INFINITY, f64::max);
            let reaching = open.iter().filter(|o| o.high >= low).count();
            if reaching > *COMPARED.end() && !self.features.complete {
                self.grow(look)?;
                continue;
            }
            // Few enough: all that could lead, by upper bounds. Too many: the likeliest, by estimates.
            let all = reaching <= *COMPARED.end();
            let key = |o: &Estimate| if all { o.high } else { o.value };
            let descending = |a: &Estimate, b: &Estimate| key(b).total_cmp(&key(a)).then(a.row.cmp(&b.row));
            let count = reaching.clamp(*COMPARED.start(), *COMPARED.end()).min(open.len());
            if count < open.len() {
                open.select_nth_unstable_by(count, descending);
            }
            let mut rest = open.split_off(count);
            let rows = |some: &[Estimate]| some.iter().map(|o| o.row).collect::<Vec<_>>();
            let Some(mut best) = self.compare(&rows(&open), picks, look)? else { return Ok(None) };
            let mut highest = rest.iter().map(|o| o.high).fold(f64::NEG_INFINITY, f64::max);
            if best.1 <= tolerance && highest > tolerance {
                // Before the objective is called exhausted, all is done to find a row that could still raise it.
                if !self.features.complete {
                    self.grow(look)?;
                    continue;
                }
                rest.sort_unstable_by(|a, b| b.high.total_cmp(&a.high).then(a.row.cmp(&b.row)));
                let (last, beyond) = rest.split_at(COMPARED_LAST.min(rest.len()));
                best = self.compare(&rows(last), picks, look)?.map_or(best, |b| better(best, b));
                highest = beyond.first().map_or(f64::NEG_INFINITY, |o| o.high);
            }
            let certain = highest <= best.1 + UNCERTAIN * self.scale;
            return Ok(Some(Leader { row: best.0, gradient: best.1, certain }));
        }
    }

    fn take(&mut self, row: usize, _: &Picks) -> (f64, Vec<f64>) {
        let point = self.points_of(&[row]);
        self.taken.extend_from_slice(&point);
        self.taken_features.push(Vec::new());
        let d = point.len();
        let others = self.taken.chunks_exact(d);
        let value = |other: &[f64]| kernel::exp_minus(self.kernel.rate * raw::<Euclidean, _, _>(&point, other));
        (self.mean(row), others.map(value).collect())
    }

    fn precise(&self, _: &[usize], _: &[f64]) -> Option<Vec<f64>> {
        None
    }

    fn gradients(&mut self, picks: &Picks, look: Look<'_>) -> Result<Vec<f64>> {
        let mut out = self.estimate(picks, look)?.0.into_flattened();
        out.truncate(self.rows);
        Ok(out)
    }
}
