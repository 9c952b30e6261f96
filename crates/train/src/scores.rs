//! How well predicted classes agree with the true ones.
//!
//! Of a class k: precision = right among those predicted k, recall = right among those of k, F1 = their harmonic mean
//! 2·right / (predicted + true); 0 where the denominator is 0. Macro values are means over the classes that occur, as
//! predicted or true: what scikit-learn's `precision_recall_fscore_support(zero_division=0)` gives without `labels`.

use leanset_core::ClassId;

/// Accuracy, and precision, recall and F1 of each class and on average.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The part of rows whose class is predicted; NaN of no rows.
    pub accuracy: f64,
    /// By class id; of classes that do not occur all are 0.
    pub per_class: Vec<ClassScores>,
    /// The mean of the precisions of the classes that occur.
    pub precision: f64,
    /// The mean of their recalls.
    pub recall: f64,
    /// The mean of their F1.
    pub f1: f64,
}

/// The scores of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassScores {
    /// The part of rows predicted to be of the class that are.
    pub precision: f64,
    /// The part of rows of the class that are predicted to be.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// Rows of the class.
    pub rows: usize,
    /// Rows predicted to be of it.
    pub predicted: usize,
    /// Rows of which both are so.
    pub right: usize,
}

/// The scores of predicted classes.
///
/// ```
/// use leanset_core::ClassId;
/// let ids = |codes: &[u32]| codes.iter().map(|&c| ClassId(c)).collect::<Vec<_>>();
/// let scores = leanset_train::scores(&ids(&[0, 0, 1, 1]), &ids(&[0, 1, 1, 1]), 2);
/// assert_eq!(scores.accuracy, 0.75);
/// assert_eq!((scores.per_class[0].precision, scores.per_class[0].recall), (1.0, 0.5));
/// ```
///
/// # Panics
/// If there are more or fewer predictions than rows, or a class id is not below `classes`.
pub fn scores(truth: &[ClassId], predicted: &[ClassId], classes: usize) -> Scores {
    assert_eq!(truth.len(), predicted.len(), "one prediction a row");
    let mut per_class = vec![ClassScores::default(); classes];
    for (t, p) in truth.iter().zip(predicted) {
        per_class[t.index()].rows += 1;
        per_class[p.index()].predicted += 1;
        per_class[t.index()].right += usize::from(t == p);
    }
    let part = |a: usize, b: usize| if b == 0 { 0.0 } else { a as f64 / b as f64 };
    for class in &mut per_class {
        class.precision = part(class.right, class.predicted);
        class.recall = part(class.right, class.rows);
        class.f1 = part(2 * class.right, class.predicted + class.rows);
    }
    let occur = per_class.iter().filter(|c| c.rows + c.predicted > 0).count();
    let mean = |of: fn(&ClassScores) -> f64| match occur {
        0 => 0.0,
        _ => per_class.iter().map(of).sum::<f64>() / occur as f64,
    };
    let right: usize = per_class.iter().map(|c| c.right).sum();
    Scores {
        accuracy: right as f64 / truth.len() as f64,
        precision: mean(|c| c.precision),
        recall: mean(|c| c.recall),
        f1: mean(|c| c.f1),
        per_class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(codes: &[u32]) -> Vec<ClassId> {
        codes.iter().map(|&c| ClassId(c)).collect()
    }

    /// scikit-learn 1.9: classification_report(y, p, zero_division=0, output_dict=True).
    #[test]
    fn scores_are_those_of_scikit_learn() {
        let found = scores(&ids(&[0, 1, 2, 2, 1, 0, 4, 4, 4]), &ids(&[0, 2, 2, 1, 1, 1, 4, 0, 3]), 6);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a} is not {b}");
        near(found.accuracy, 4.0 / 9.0);
        near(found.precision, (0.5 + 1.0 / 3.0 + 0.5 + 0.0 + 1.0) / 5.0);
        near(found.recall, (0.5 + 0.5 + 0.5 + 0.0 + 1.0 / 3.0) / 5.0);
        near(found.f1, (0.5 + 0.4 + 0.5 + 0.0 + 0.5) / 5.0);
        assert_eq!(found.per_class[5], ClassScores::default());
        assert_eq!((found.per_class[3].predicted, found.per_class[3].rows, found.per_class[3].precision), (1, 0, 0.0));
    }

    #[test]
    fn scores_of_no_rows_have_no_accuracy() {
        let found = scores(&[], &[], 3);
        assert!(found.accuracy.is_nan() && found.f1 == 0.0);
    }
}
