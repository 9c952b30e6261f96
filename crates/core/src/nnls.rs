//! Non-negative least squares that grow by one variable at a time: max uᵀw − ½ wᵀKw over w ≥ 0, exactly.
//!
//! The active-set method of Lawson & Hanson (Solving Least Squares Problems, 1974, chapter 23), started from the
//! optimum without the new variable. The variables with a positive weight are *passive*; a Cholesky factor of their
//! part of K is extended by a row when one enters and repaired by Givens rotations when one leaves. Every solution is
//! refined with its own residual.
//!
//! A variable whose pivot is at most 10⁻¹⁴ of its diagonal entry depends on the passive ones to within rounding: it stays
//! out, with the weight 0, until another leaves. In feature space its row is within 10⁻⁷ of its length of what the passive
//! rows span, so its gradient is at most that length times 10⁻⁷ times what is left of the aim: nothing singular is ever
//! solved, and what it costs is seen in [`ActiveSet::residual`].

use crate::cholesky::{Cholesky, LEAST_PIVOT, dot};
use crate::{Look, Result, simd};

/// Times a solution is refined with its own residual, at most; once is nearly always enough.
const REFINEMENTS: usize = 6;

/// The variables, the optimum over them, and what is needed to add one more. K is kept for the variables only.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActiveSet {
    linear: Vec<f64>,
    /// The lower triangle of K, row by row.
    gram: Vec<f64>,
    weights: Vec<f64>,
    /// u − K w.
    gradients: Vec<f64>,
    /// The variables in the order of the rows of the factor.
    passive: Vec<usize>,
    is_passive: Vec<bool>,
    factor: Cholesky,
}

/// The gradients of given weights, where they are known better than from K: from coordinates, for instance.
pub(crate) type Gradients<'a> = Option<&'a dyn Fn(&[f64]) -> Vec<f64>>;

impl ActiveSet {
    /// The optimal weights, in the order the variables came.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The objective, uᵀw − ½ wᵀKw = ½ wᵀ(u + g).
    pub(crate) fn objective(&self) -> f64 {
        let terms = self.weights.iter().zip(self.linear.iter().zip(&self.gradients));
        0.5 * terms.map(|(w, (u, g))| w * (u + g)).sum::<f64>()
    }

    /// How far the weights are from optimal: the largest |gᵢ| where wᵢ > 0, or gᵢ where wᵢ = 0.
    pub(crate) fn residual(&self) -> f64 {
        let off = |(&w, &g): (&f64, &f64)| if w > 0.0 { g.abs() } else { g };
        self.weights.iter().zip(&self.gradients).map(off).fold(0.0, f64::max)
    }

    /// Adds a variable: its row of K (against those there, then itself) and its linear term. The weights are optimal
    /// again when this returns, up to gradients of `tolerance` where a weight is zero.
    ///
    /// # Errors
    /// That of `look`.
    pub(crate) fn push(
        &mut self,
        row: &[f64],
        linear: f64,
        tolerance: f64,
        precise: Gradients<'_>,
        look: Look<'_>,
    ) -> Result<()> {
        let new = self.linear.len();
        debug_assert_eq!(row.len(), new + 1);
        self.gram.extend_from_slice(row);
        self.linear.push(linear);
        self.weights.push(0.0);
        self.is_passive.push(false);
        let mut entered = new;
        // Variables that rounding turned back at once: they would enter for ever. They may try again, a few times, once
        // others have moved.
        let mut barred = vec![false; new + 1];
        barred[new] = !self.enter(new);
        let mut retries = 10;
        let mut steps = 0;
        loop {
            look()?;
            let (target, gradients) = self.solve(precise);
            steps += 1;
            if steps > 40 * (new + 10) {
                // Rounding alone can come here. The weights are feasible, and the residual says how good they are.
                let weights = &self.weights;
                self.gradients = precise.map_or_else(|| self.gradients_of(weights), |f| f(weights));
                return Ok(());
            }
            let outside: Vec<usize> = self.passive.iter().copied().filter(|&p| target[p] <= 0.0).collect();
            if outside.is_empty() {
                self.weights = target;
                self.gradients = gradients;
                if self.is_passive[entered] && !barred[entered] && retries > 0 {
                    retries -= 1;
                    barred.fill(false);
                }
                let free = (0..=new).filter(|&i| !self.is_passive[i] && !barred[i] && self.gradients[i] > tolerance);
                let worst = free.reduce(|a, b| if self.gradients[b] > self.gradients[a] { b } else { a });
                // Each entry raises the objective, so the end is certain; the bound is for rounding alone.
                match worst {
                    Some(next) if steps < 20 * (new + 10) => {
                        if self.enter(next) {
                            entered = next;
                        } else {
                            barred[next] = true;
                        }
                    }
                    _ => return Ok(()),
                }
            } else if self.is_passive[entered] && self.weights[entered] == 0.0 && target[entered] <= 0.0 {
                barred[entered] = true;
                self.leave(entered);
            } else {
                // As far towards the solution as all weights stay non-negative; who stops it leaves.
                let reach = |p: usize| match self.weights[p] {
                    w if w > 0.0 => w / (w - target[p]),
                    _ => 0.0,
                };
                let part = outside.iter().map(|&p| reach(p)).fold(1.0, f64::min);
                let leaving: Vec<usize> = outside.iter().copied().filter(|&p| reach(p) <= part).collect();
                for &p in &self.passive {
                    self.weights[p] = (self.weights[p] + part * (target[p] - self.weights[p])).max(0.0);
                }
                for p in leaving {
                    self.weights[p] = 0.0;
                    self.leave(p);
                }
            }
        }
    }

    fn entry(&self, i: usize, j: usize) -> f64 {
        let (high, low) = if i > j { (i, j) } else { (j, i) };
        self.gram[high * (high + 1) / 2 + low]
    }

    /// The solution over the passive variables (zero for others), and its gradients for all. Refined.
    fn solve(&self, precise: Gradients<'_>) -> (Vec<f64>, Vec<f64>) {
        let gradients = |w: &[f64]| precise.map_or_else(|| self.gradients_of(w), |f| f(w));
        let worst = |g: &[f64]| self.passive.iter().map(|&p| g[p].abs()).fold(0.0, f64::max);
        let add = |w: &mut [f64], right: &dyn Fn(usize) -> f64| {
            let mut values: Vec<f64> = self.passive.iter().map(|&p| right(p)).collect();
            self.factor.forward(&mut values);
            self.factor.backward(&mut values);
            for (&p, v) in self.passive.iter().zip(values) {
                w[p] += v;
            }
        };
        let mut weights = vec![0.0; self.linear.len()];
        add(&mut weights, &|p| self.linear[p]);
        let mut found = (gradients(&weights), weights);
        let enough = 1e-14 * self.passive.iter().map(|&p| self.linear[p].abs()).fold(0.0, f64::max);
        for _ in 0..REFINEMENTS {
            if worst(&found.0) <= enough {
                break;
            }
            let mut weights = found.1.clone();
            add(&mut weights, &|p| found.0[p]);
            let refined = gradients(&weights);
            if worst(&refined) >= worst(&found.0) {
                break;
            }
            found = (refined, weights);
        }
        (found.1, found.0)
    }

    /// u − K w.
    fn gradients_of(&self, weights: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; weights.len()];
        simd::run(Multiply { gram: &self.gram, weights, out: &mut out });
        out.iter().zip(&self.linear).map(|(k, u)| u - k).collect()
    }

    /// Extends the factor by a variable, unless it depends on those there.
    fn enter(&mut self, variable: usize) -> bool {
        let mut row: Vec<f64> = self.passive.iter().map(|&p| self.entry(variable, p)).collect();
        self.factor.forward(&mut row);
        let own = self.entry(variable, variable);
        let pivot = own - row.iter().map(|v| v * v).sum::<f64>();
        if pivot <= LEAST_PIVOT * own {
            return false;
        }
        row.push(pivot.sqrt());
        self.factor.push(row);
        self.passive.push(variable);
        self.is_passive[variable] = true;
        true
    }

    /// Takes a variable out of the factor.
    fn leave(&mut self, variable: usize) {
        let Some(at) = self.passive.iter().position(|&p| p == variable) else { return };
        self.passive.remove(at);
        self.is_passive[variable] = false;
        self.factor.remove(at);
    }
}

/// K w from the lower triangle.
struct Multiply<'a> {
    gram: &'a [f64],
    weights: &'a [f64],
    out: &'a mut [f64],
}

impl simd::Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut begin = 0;
        for i in 0..self.weights.len() {
            let row = &self.gram[begin..=begin + i];
            begin += i + 1;
            self.out[i] += dot(row, &self.weights[..=i]);
            let weight = self.weights[i];
            if weight != 0.0 {
                for (o, k) in self.out[..i].iter_mut().zip(row) {
                    *o += weight * k;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leanset_linalg::Mat;
    use proptest::prelude::*;

    /// The best of the solutions over every subset of variables that has no negative weight.
    fn by_enumeration(gram: &[Vec<f64>], linear: &[f64]) -> f64 {
        let n = linear.len();
        (0u32..1 << n)
            .filter_map(|set| {
                let members: Vec<usize> = (0..n).filter(|i| set >> i & 1 == 1).collect();
                let k = Mat::from_fn(members.len(), members.len(), |i, j| gram[members[i]][members[j]]);
                let u = Mat::from_fn(members.len(), 1, |i, _| linear[members[i]]);
                let w = leanset_linalg::solve(&k, &u);
                let feasible = (0..members.len()).all(|i| w[(i, 0)] >= 0.0 && w[(i, 0)].is_finite());
                feasible.then(|| 0.5 * (0..members.len()).map(|i| w[(i, 0)] * u[(i, 0)]).sum::<f64>())
            })
            .fold(0.0, f64::max)
    }

    fn pushed(gram: &[Vec<f64>], linear: &[f64]) -> ActiveSet {
        let mut set = ActiveSet::default();
        for (i, &u) in linear.iter().enumerate() {
            set.push(&gram[i][..=i], u, 1e-13, None, &|| Ok(())).expect("nobody stops it");
        }
        set
    }

    proptest! {
        #[test]
        fn nnls_optimum_is_that_of_all_supports(
            (d, values) in (1usize..6).prop_flat_map(|d| (Just(d), prop::collection::vec(-1.0f64..1.0, d..d * 8))),
            aim in prop::collection::vec(-1.0f64..1.0, 6),
        ) {
            let rows: Vec<&[f64]> = values.chunks_exact(d).collect();
            // A little on the diagonal keeps the enumeration well posed; the product is tested without it elsewhere.
            let gram: Vec<Vec<f64>> = (0..rows.len())
                .map(|i| (0..rows.len()).map(|j| dot(rows[i], rows[j]) + f64::from(u8::from(i == j)) * 0.01).collect())
                .collect();
            let linear: Vec<f64> = rows.iter().map(|r| dot(r, &aim[..d])).collect();
            let set = pushed(&gram, &linear);
            let best = by_enumeration(&gram, &linear);
            prop_assert!((set.objective() - best).abs() <= 1e-10 * best.max(1e-3), "{} {best}", set.objective());
            prop_assert!(set.residual() <= 1e-12, "{}", set.residual());
            prop_assert!(set.weights().iter().all(|&w| w >= 0.0));
        }

        /// Each row several times: singular to the last bit, and more rows than columns.
        #[test]
        fn rips_of_duplicates_is_sound(values in prop::collection::vec(-4i8..=4, 2..40), aim in prop::array::uniform2(-1.0f64..1.0)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let rows: Vec<&[f64]> = values.chunks_exact(2).collect();
            let gram: Vec<Vec<f64>> = rows.iter().map(|a| rows.iter().map(|b| dot(a, b)).collect()).collect();
            let linear: Vec<f64> = rows.iter().map(|r| dot(r, &aim)).collect();
            let set = pushed(&gram, &linear);
            let scale = linear.iter().fold(0.0f64, |a, u| a.max(u.abs()));
            prop_assert!(set.residual() <= 1e-9 * scale.max(1e-3), "{} of {scale}", set.residual());
            prop_assert!(set.weights().iter().all(|&w| w >= 0.0 && w.is_finite()));
        }
    }
}
