//! Multinomial logistic regression: the linear model.
//!
//! It minimises Σ w_i·(−log p(y_i | x_i)) + ½·penalty·‖W‖² over weights W and intercepts, p the softmax of W·x + b; intercepts are
//! not penalised. With penalty = 1/C that is scikit-learn's LogisticRegression. The problem is convex, so there is one solution
//! for the weights; L-BFGS (Liu & Nocedal 1989) finds it, ten pairs deep, with a line search that halves the step. The search ends
//! where no derivative is above 1e-5 per unit of weight, or after 500 steps. A step costs O(n·d·classes).

use leanset_core::kernel::exp_minus;
use leanset_core::{ClassId, Dataset, Look, Result};

use super::{COPIED, Rows, largest, queries};
use crate::network::refuse;

/// Multinomial logistic regression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logistic {
    /// The factor of ½‖W‖² beside the sum of the losses, above 0: scikit-learn's 1/C.
    pub penalty: f64,
}

/// A fitted linear model.
#[derive(Clone, Debug)]
pub struct LogisticModel {
    columns: usize,
    /// Of each class a weight for each column, then the intercept.
    parameters: Vec<f64>,
}

impl Default for Logistic {
    fn default() -> Self {
        Self { penalty: 1.0 }
    }
}

/// Pairs of steps and changes of the gradient that L-BFGS keeps.
const PAIRS: usize = 10;
/// Steps at most.
const STEPS: usize = 500;
/// The largest derivative per unit of weight at which the search ends.
const TOLERANCE: f64 = 1e-5;

impl Logistic {
    /// The model of these rows.
    ///
    /// # Errors
    /// [`leanset_core::Error::BadParameter`] for a penalty or weights that are none; that of `look`.
    pub fn fit(&self, data: &Dataset<'_>, weights: Option<&[f64]>, look: Look<'_>) -> Result<LogisticModel> {
        if !(self.penalty > 0.0 && self.penalty.is_finite()) {
            return Err(refuse("penalty", "above 0".into(), self.penalty.to_string()));
        }
        let rows = Rows::new(data, weights, look)?;
        let mut objective = Objective { rows: &rows, penalty: self.penalty, scores: vec![0.0; rows.classes], look };
        let tolerance = TOLERANCE * rows.weights.iter().sum::<f64>();
        let begin = vec![0.0; rows.classes * (rows.columns + 1)];
        let parameters = minimize(begin, tolerance, &mut |at, gradient| objective.value(at, gradient))?;
        Ok(LogisticModel { columns: rows.columns, parameters })
    }
}

impl LogisticModel {
    /// The class of each row.
    ///
    /// # Errors
    /// [`leanset_core::Error::Data`] for rows of other columns; that of `look`.
    pub fn predict(&self, data: &Dataset<'_>, look: Look<'_>) -> Result<Vec<ClassId>> {
        let queries = queries(data, self.columns, look)?;
        let classes = || self.parameters.chunks_exact(self.columns + 1);
        let class = |x| look().map(|()| largest(classes().map(|own| score(own, x))));
        queries.chunks_exact(self.columns).map(class).collect()
    }
}

/// The score of a class: its weights and intercept, and a row.
fn score(own: &[f64], row: &[f64]) -> f64 {
    own.iter().zip(row).fold(own[row.len()], |sum, (w, x)| sum + w * x)
}

/// The sum that is made small.
struct Objective<'a> {
    rows: &'a Rows,
    penalty: f64,
    /// Scratch: the scores of a row.
    scores: Vec<f64>,
    look: Look<'a>,
}

impl Objective<'_> {
    /// The value at these parameters; the gradient goes into `gradient`.
    fn value(&mut self, parameters: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let Self { rows, penalty, scores, look } = self;
        let stride = rows.columns + 1;
        gradient.fill(0.0);
        let mut value = 0.0;
        for (i, (&label, &weight)) in rows.labels.iter().zip(&rows.weights).enumerate() {
            if i % (COPIED / 16) == 0 {
                look()?;
            }
            let row = rows.row(i);
            for (place, own) in scores.iter_mut().zip(parameters.chunks_exact(stride)) {
                *place = score(own, row);
            }
            let (most, own) = (scores.iter().copied().fold(f64::NEG_INFINITY, f64::max), scores[label]);
            scores.iter_mut().for_each(|s| *s = exp_minus(most - *s));
            let total: f64 = scores.iter().sum();
            // The total is in [1, classes].
            value += weight * (crate::kernel::ln(total) + most - own);
            for (class, (place, p)) in gradient.chunks_exact_mut(stride).zip(scores.iter()).enumerate() {
                let slope = weight * (p / total - f64::from(u8::from(class == label)));
                place.iter_mut().zip(row).for_each(|(g, x)| *g += slope * x);
                place[rows.columns] += slope;
            }
        }
        for (place, own) in gradient.chunks_exact_mut(stride).zip(parameters.chunks_exact(stride)) {
            for (g, w) in place.iter_mut().zip(&own[..rows.columns]) {
                *g += *penalty * w;
                value += 0.5 * *penalty * w * w;
            }
        }
        Ok(value)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A function: `value(at, gradient)` returns its value and writes its gradient.
type Function<'a> = dyn FnMut(&[f64], &mut [f64]) -> Result<f64> + 'a;

/// The minimum of a convex function by L-BFGS.
fn minimize(mut at: Vec<f64>, tolerance: f64, value: &mut Function<'_>) -> Result<Vec<f64>> {
    /// A step, the change of the gradient, and 1 / their product.
    type Pair = (Vec<f64>, Vec<f64>, f64);
    let mut pairs: std::collections::VecDeque<Pair> = Default::default();
    let (mut gradient, mut next_gradient) = (vec![0.0; at.len()], vec![0.0; at.len()]);
    let mut here = value(&at, &mut gradient)?;
    for _ in 0..STEPS {
        if gradient.iter().all(|g| g.abs() <= tolerance) {
            break;
        }
        // The two loops: the direction is minus the inverse of the curvature times the gradient.
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut factors = Vec::with_capacity(pairs.len());
        for (step, change, inverse) in pairs.iter().rev() {
            let factor = inverse * dot(step, &direction);
            direction.iter_mut().zip(change).for_each(|(d, c)| *d -= factor * c);
            factors.push(factor);
        }
        let scale = match pairs.back() {
            Some((_, change, inverse)) => 1.0 / (inverse * dot(change, change)),
            None => 1.0 / dot(&gradient, &gradient).sqrt(),
        };
        direction.iter_mut().for_each(|d| *d *= scale);
        for ((step, change, inverse), factor) in pairs.iter().zip(factors.iter().rev()) {
            let own = factor - inverse * dot(change, &direction);
            direction.iter_mut().zip(step).for_each(|(d, s)| *d += own * s);
        }
        let slope = dot(&gradient, &direction);
        if slope >= 0.0 {
            // Rounding has spoiled the curvature: begin anew along the gradient.
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            continue;
        }
        let (mut length, mut found) = (1.0, None);
        for _ in 0..50 {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(a, d)| a + length * d).collect();
            let there = value(&next, &mut next_gradient)?;
            if there <= here + 1e-4 * length * slope {
                found = Some((next, there));
                break;
            }
            length *= 0.5;
        }
        // No step makes it smaller: as near as rounding allows.
        let Some((next, there)) = found else { break };
        let step: Vec<f64> = next.iter().zip(&at).map(|(n, a)| n - a).collect();
        let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(n, g)| n - g).collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
            if pairs.len() == PAIRS {
                pairs.pop_front();
            }
            pairs.push_back((step, change, 1.0 / curvature));
        }
        (at, here) = (next, there);
        std::mem::swap(&mut gradient, &mut next_gradient);
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dataset;
    use super::*;

    /// scikit-learn 1.9.1: LogisticRegression(C=0.5, tol=1e-10, max_iter=10000).fit(x, y, sample_weight=w).
    #[test]
    fn logistic_is_that_of_scikit_learn() {
        let values = [0.0, 0.1, 0.2, 0.9, 1.0, 0.3, 0.4, 0.5, 0.9, 0.8, 0.6, 0.0, 0.1, 0.6, 0.7, 0.7];
        let labels = [0, 1, 2, 0, 1, 2, 1, 1];
        let weights = [1.0, 2.0, 1.0, 1.0, 3.0, 1.0, 0.5, 1.0];
        let model = Logistic { penalty: 2.0 }.fit(&dataset(&values, 2, &labels, 3), Some(&weights), &|| Ok(()));
        let model = model.expect("a model");
        let expected = [
            -0.3084458205854446,
            -0.22806550799357778,
            -0.09332541509538775,
            0.08027353677071929,
            0.6005682708683535,
            0.40071287098970554,
            0.22817228381472524,
            -0.37250276287477546,
            -0.307387455894316,
        ];
        // Equal intercepts added to all classes change nothing.
        let mean = |p: &[f64]| (p[2] + p[5] + p[8]) / 3.0;
        let (own, theirs) = (mean(&model.parameters), mean(&expected));
        for (i, (found, expected)) in model.parameters.iter().zip(expected).enumerate() {
            let shift = if i % 3 == 2 { own - theirs } else { 0.0 };
            assert!((found - shift - expected).abs() < 1e-4, "{i}: {found} is not {expected}");
        }
    }

    proptest! {
        /// The gradient is the difference quotient, and vanishes at the solution.
        #[test]
        fn logistic_ends_where_the_gradient_vanishes(
            rows in prop::collection::vec(((-2.0f64..2.0, -2.0f64..2.0), 0u32..3, 0.1f64..3.0), 3..60),
            penalty in 0.05f64..5.0,
        ) {
            let values: Vec<f64> = rows.iter().flat_map(|r| [r.0.0, r.0.1]).collect();
            let labels: Vec<u32> = rows.iter().map(|r| r.1).collect();
            let weights: Vec<f64> = rows.iter().map(|r| r.2).collect();
            let data = dataset(&values, 2, &labels, 3);
            let own = Rows::new(&data, Some(&weights), &|| Ok(())).expect("rows");
            let mut objective = Objective { rows: &own, penalty, scores: vec![0.0; 3], look: &|| Ok(()) };
            let mut gradient = vec![0.0; 9];
            let at: Vec<f64> = (0..9).map(|i| f64::from(i * i % 7) / 7.0 - 0.4).collect();
            objective.value(&at, &mut gradient).expect("nobody stops it");
            let mut scratch = vec![0.0; 9];
            for i in 0..9 {
                let mut moved = |by: f64| {
                    let mut at = at.clone();
                    at[i] += by;
                    objective.value(&at, &mut scratch).expect("nobody stops it")
                };
                let quotient = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                prop_assert!((quotient - gradient[i]).abs() < 1e-5 * (1.0 + gradient[i].abs()), "{i}");
            }
            let model = Logistic { penalty }.fit(&data, Some(&weights), &|| Ok(())).expect("a model");
            objective.value(&model.parameters, &mut gradient).expect("nobody stops it");
            let total: f64 = weights.iter().sum();
            prop_assert!(gradient.iter().all(|g| g.abs() <= TOLERANCE * total), "{gradient:?}");
            // A weight of two is the row twice.
            let twice: Vec<f64> = vec![2.0; rows.len()];
            let (double, again) = ([&values[..], &values].concat(), [&labels[..], &labels].concat());
            let weighted = Logistic { penalty }.fit(&data, Some(&twice), &|| Ok(())).expect("a model");
            let repeated = Logistic { penalty }.fit(&dataset(&double, 2, &again, 3), None, &|| Ok(())).expect("a model");
            let near = |a: &LogisticModel, b: &LogisticModel| {
                let pairs = a.parameters.chunks_exact(3).zip(b.parameters.chunks_exact(3));
                pairs.flat_map(|(a, b)| a[..2].iter().zip(&b[..2])).all(|(a, b)| (a - b).abs() < 2e-2)
            };
            prop_assert!(near(&weighted, &repeated), "{weighted:?} {repeated:?}");
        }
    }

    #[test]
    fn logistic_separates_what_can_be_separated() {
        let values: Vec<f64> = (0..90).map(|i| f64::from(i % 30) + f64::from(i / 30) * 100.0).collect();
        let labels: Vec<u32> = (0..90).map(|i| i / 30).collect();
        let data = dataset(&values, 1, &labels, 4);
        let model = Logistic::default().fit(&data, None, &|| Ok(())).expect("a model");
        let found = model.predict(&data, &|| Ok(())).expect("classes");
        assert_eq!(found.iter().map(|c| c.0).collect::<Vec<_>>(), labels);
    }
}
