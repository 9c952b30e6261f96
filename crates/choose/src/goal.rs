//! What a model is judged by, and how it is counted from predictions.

use leanset_spec::Goal;
use serde::Serialize;

/// The three measures of one set of predictions. What is not known is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measures {
    /// The fraction of rows whose class is predicted.
    #[serde(serialize_with = "leanset_statistics::infinite::serialize")]
    pub accuracy: f64,
    /// The mean of F1 over the classes that occur, as true or predicted.
    #[serde(serialize_with = "leanset_statistics::infinite::serialize")]
    pub macro_f1: f64,
    /// The least recall of a class with rows.
    #[serde(serialize_with = "leanset_statistics::infinite::serialize")]
    pub worst_recall: f64,
}

impl Measures {
    /// The mean of each.
    pub(crate) fn mean(all: impl ExactSizeIterator<Item = Self>) -> Self {
        let part = 1.0 / all.len() as f64;
        all.fold(Self { accuracy: 0.0, macro_f1: 0.0, worst_recall: 0.0 }, |sum, own| Self {
            accuracy: sum.accuracy + part * own.accuracy,
            macro_f1: sum.macro_f1 + part * own.macro_f1,
            worst_recall: sum.worst_recall + part * own.worst_recall,
        })
    }

    /// The one of a goal.
    pub fn of(&self, goal: Goal) -> f64 {
        match goal {
            Goal::Accuracy => self.accuracy,
            Goal::MacroF1 => self.macro_f1,
            Goal::WorstRecall => self.worst_recall,
        }
    }
}

/// Rows by class: those of it, those predicted to be of it, and those that are both; each row counted by its weight.
#[derive(Clone, Debug)]
pub(crate) struct Counts(Vec<[f64; 3]>);

impl Counts {
    pub(crate) fn new(classes: usize) -> Self {
        Self(vec![[0.0; 3]; classes])
    }

    pub(crate) fn add(&mut self, truth: u32, predicted: u32, weight: f64) {
        self.0[truth as usize][0] += weight;
        self.0[predicted as usize][1] += weight;
        if truth == predicted {
            self.0[truth as usize][2] += weight;
        }
    }

    pub(crate) fn measures(&self) -> Measures {
        let sum = |of: fn(&[f64; 3]) -> f64| self.0.iter().map(of).sum::<f64>();
        let occurs = self.0.iter().filter(|c| c[0] + c[1] > 0.0);
        let f1 = occurs.clone().map(|c| 2.0 * c[2] / (c[0] + c[1])).sum::<f64>() / occurs.count() as f64;
        let recalls = self.0.iter().filter(|c| c[0] > 0.0).map(|c| c[2] / c[0]);
        Measures {
            accuracy: sum(|c| c[2]) / sum(|c| c[0]),
            macro_f1: f1,
            worst_recall: recalls.min_by(f64::total_cmp).unwrap_or(f64::NAN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leanset_core::ClassId;

    /// With weight 1 the measures are those of the trainer; with weight w those of w copies.
    #[test]
    fn measures_are_those_of_repeated_rows() {
        let truth = [0u32, 1, 2, 2, 1, 0, 4, 4, 4];
        let predicted = [0u32, 2, 2, 1, 1, 1, 4, 0, 3];
        for weights in [[1; 9], [2, 0, 1, 3, 1, 0, 1, 1, 2]] {
            let mut counts = Counts::new(6);
            let (mut t, mut p) = (Vec::new(), Vec::new());
            for at in 0..9 {
                counts.add(truth[at], predicted[at], f64::from(weights[at]));
                for _ in 0..weights[at] {
                    t.push(ClassId(truth[at]));
                    p.push(ClassId(predicted[at]));
                }
            }
            let (found, expected) = (counts.measures(), leanset_train::scores(&t, &p, 6));
            assert!((found.accuracy - expected.accuracy).abs() < 1e-12);
            assert!((found.macro_f1 - expected.f1).abs() < 1e-12);
            let worst =
                expected.per_class.iter().filter(|c| c.rows > 0).map(|c| c.recall).fold(f64::INFINITY, f64::min);
            assert_eq!(found.worst_recall, worst);
        }
    }
}
