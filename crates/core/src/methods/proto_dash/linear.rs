//! The linear kernel: all happens in the columns.

use super::greedy::{Leader, Picks, Space, Unit, better};
use super::{Group, power_of_two};
use crate::distance::{LANES, Packed};
use crate::{Look, Result, kernel};

/// The rows of a class under the linear kernel.
pub(super) struct Linear {
    points: Packed<f64>,
    rows: usize,
    /// The mean that is to be matched.
    aim: Vec<f64>,
    /// The coordinates of the picks.
    taken: Vec<f64>,
    /// K_ii, in lanes.
    diagonal: Vec<[f64; LANES]>,
    scale: f64,
}

impl Linear {
    pub(super) fn new(own: &Group<'_>, target: Option<&Group<'_>>, look: Look<'_>) -> Result<(Self, Unit)> {
        let (power, rows, d) = (own.power(), own.rows.len(), own.data.columns());
        let points = own.packed(power_of_two(-power), look)?;
        let (aimed, of, aimed_power) = match target {
            None => (None, rows, power),
            Some(t) => (Some(t.packed(power_of_two(-t.power()), look)?), t.rows.len(), t.power()),
        };
        let aim = mean(aimed.as_ref().unwrap_or(&points), of);
        look()?;
        let diagonal = points
            .values()
            .chunks_exact(d)
            .map(|block| {
                let mut sums = [0.0; LANES];
                for column in block {
                    for lane in 0..LANES {
                        sums[lane] += column[lane] * column[lane];
                    }
                }
                sums
            })
            .collect();
        let mut space = Self { points, rows, aim, taken: Vec::new(), diagonal, scale: 0.0 };
        let means = space.products(&space.aim, look)?;
        space.scale = means.iter().fold(0.0, |a: f64, m| a.max(m.abs()));
        Ok((space, Unit { objective: power_of_two(aimed_power), weight: power_of_two(aimed_power - power) }))
    }

    /// Xv.
    fn products(&self, vector: &[f64], look: Look<'_>) -> Result<Vec<f64>> {
        let mut out = vec![[0.0; LANES]; self.rows.div_ceil(LANES)];
        kernel::add_products(self.points.values(), self.points.columns(), vector, &mut out, look)?;
        let mut out = out.into_flattened();
        out.truncate(self.rows);
        Ok(out)
    }

    /// What the weighted picks leave of the mean.
    fn left(&self, weights: &[f64]) -> Vec<f64> {
        let mut left = self.aim.clone();
        for (point, &weight) in self.taken.chunks_exact(left.len()).zip(weights) {
            if weight != 0.0 {
                left.iter_mut().zip(point).for_each(|(l, x)| *l -= weight * x);
            }
        }
        left
    }
}

impl Space for Linear {
    fn scale(&self) -> f64 {
        self.scale
    }

    fn largest_diagonal(&self) -> f64 {
        self.diagonal.as_flattened().iter().fold(0.0, |a: f64, &k| a.max(k))
    }

    fn leader(&mut self, picks: &Picks, tolerance: f64, look: Look<'_>) -> Result<Option<Leader>> {
        let gradients = self.products(&self.left(picks.set.weights()), look)?;
        let first = picks.rows.is_empty();
        let value = |i: usize| match gradients[i] {
            g if first && g > tolerance => g * (g / self.diagonal[i / LANES][i % LANES]),
            _ if first => f64::NEG_INFINITY,
            g => g,
        };
        let open = (0..self.rows).filter(|&i| !picks.taken[i]);
        let best = open.map(|i| (i, value(i))).reduce(better);
        Ok(best.map(|(row, _)| Leader { row, gradient: gradients[row], certain: true }))
    }

    fn take(&mut self, row: usize, _: &Picks) -> (f64, Vec<f64>) {
        let mut point = vec![0.0; self.aim.len()];
        self.points.copy_row(row, &mut point);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let mean = dot(&point, &self.aim);
        self.taken.extend_from_slice(&point);
        (mean, self.taken.chunks_exact(point.len()).map(|other| dot(&point, other)).collect())
    }

    fn precise(&self, picks: &[usize], weights: &[f64]) -> Option<Vec<f64>> {
        let left = self.left(weights);
        let points = self.taken.chunks_exact(left.len()).take(picks.len());
        Some(points.map(|p| p.iter().zip(&left).map(|(x, l)| x * l).sum()).collect())
    }

    fn gradients(&mut self, picks: &Picks, look: Look<'_>) -> Result<Vec<f64>> {
        self.products(&self.left(picks.set.weights()), look)
    }
}

/// The mean of the first `rows` points, summed in their order.
fn mean(points: &Packed<f64>, rows: usize) -> Vec<f64> {
    let (mut sums, mut row) = (vec![0.0; points.columns()], vec![0.0; points.columns()]);
    for i in 0..rows {
        points.copy_row(i, &mut row);
        sums.iter_mut().zip(&row).for_each(|(s, v)| *s += v);
    }
    sums.iter_mut().for_each(|s| *s /= rows as f64);
    sums
}
