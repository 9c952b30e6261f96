//! What one training on kept rows came to, and the interfaces to what is trained.

use base64::Engine as _;
use leanset_problem::{Problem, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Who judges: a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judge {
    /// Kernel ridge regression.
    KernelRidge,
    /// Three nearest neighbours.
    Neighbors,
    /// The user's own model.
    Own,
}

impl Judge {
    /// Models that are trained in a moment.
    pub const QUICK: [Self; 2] = [Self::KernelRidge, Self::Neighbors];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::KernelRidge => "kernel ridge",
            Self::Neighbors => "3 nearest neighbours",
            Self::Own => "your model",
        }
    }
}

/// A ratio that can be compared and written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl Eq for Ratio {}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The name of training on all rows among the candidates.
pub const EVERYTHING: &str = "everything";

/// Which training it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The model.
    pub judge: Judge,
    /// The candidate, or [`EVERYTHING`].
    pub candidate: String,
    /// The fraction of the training rows.
    pub ratio: Ratio,
    /// The fold.
    pub fold: usize,
}

/// What a model did on the test rows of a fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The class that it predicts for each.
    Predictions(Predictions),
    /// Scores alone: accuracy, and macro F1 if it is known.
    Scores {
        /// The fraction of rows that it predicts rightly.
        accuracy: f64,
        /// The mean of F1 over the classes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        macro_f1: Option<f64>,
    },
}

/// Predicted classes; in documents base64 of their 32-bit codes, or of their bytes where those are enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predictions(pub Vec<u32>);

impl Serialize for Predictions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let short: std::result::Result<Vec<u8>, _> = self.0.iter().map(|&code| u8::try_from(code)).collect();
        let (letter, bytes) = match short {
            Ok(bytes) => ("b", bytes),
            Err(_) => ("w", self.0.iter().flat_map(|code| code.to_le_bytes()).collect()),
        };
        serializer
            .collect_str(&format_args!("{letter}{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)))
    }
}

impl<'de> Deserialize<'de> for Predictions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("these are no predictions");
        let decode = |text: &str| base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).map_err(|_| wrong());
        if let Some(text) = text.strip_prefix('b') {
            return Ok(Self(decode(text)?.into_iter().map(u32::from).collect()));
        }
        let bytes = decode(text.strip_prefix('w').ok_or_else(wrong)?)?;
        let (words, []) = bytes.as_chunks::<4>() else { return Err(wrong()) };
        Ok(Self(words.iter().map(|word| u32::from_le_bytes(*word)).collect()))
    }
}

/// One training and its test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Rows that were trained on.
    pub kept: usize,
    /// What the model did.
    pub outcome: Outcome,
    /// Seconds that choosing the rows took, all of what several trainings share.
    pub selection_seconds: f64,
    /// Seconds of the training, and of the predictions where they are part of it.
    pub training_seconds: f64,
}

/// The rows that are chosen from, and those that are tested.
pub trait Subject: Sync {
    /// The class of each row.
    fn classes(&self) -> &[u32];

    /// The names of the classes.
    fn class_names(&self) -> &[String];

    /// The coordinates of training and test rows, scaled by the training rows alone.
    ///
    /// # Errors
    /// The rows cannot be encoded.
    fn encode(&self, train: &[usize], test: &[usize]) -> Result<Coordinates>;
}

/// Coordinates of a fold, row-major.
#[derive(Clone, Debug, Default)]
pub struct Coordinates {
    /// Columns.
    pub columns: usize,
    /// Of the training rows.
    pub train: Vec<f64>,
    /// Of the test rows.
    pub test: Vec<f64>,
}

/// The user's own model.
pub trait OwnModel: Sync {
    /// Trains on these rows of the subject and predicts the test rows.
    ///
    /// # Errors
    /// The training fails: there is no choice without it.
    fn train(&self, lesson: &Lesson<'_>) -> Result<Taught>;
}

/// What the user's model is trained and tested on.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// Which training it is.
    pub key: &'a Key,
    /// Training rows of the subject, ascending.
    pub train: &'a [usize],
    /// Test rows, ascending.
    pub test: &'a [usize],
    /// A seed below 2³², the same for all trainings of a fold.
    pub seed: u64,
}

/// What the user's model did.
#[derive(Clone, Debug)]
pub struct Taught {
    /// On the test rows, in their order.
    pub outcome: Outcome,
    /// Seconds of the training.
    pub seconds: f64,
}

/// What is known of trainings that were done before, and who hears of new ones.
pub trait Records: Sync {
    /// Trainings that were done before.
    fn known(&self) -> Vec<(Key, Evaluation)> {
        Vec::new()
    }

    /// A decision that depended on the clock, if it was made before.
    fn decided(&self, name: &str) -> Option<usize> {
        let _ = name;
        None
    }

    /// A training is done.
    ///
    /// # Errors
    /// It cannot be written.
    fn write(&self, key: &Key, evaluation: &Evaluation) -> Result<()> {
        let _ = (key, evaluation);
        Ok(())
    }

    /// A decision that depends on the clock is made.
    ///
    /// # Errors
    /// It cannot be written.
    fn decide(&self, name: &str, value: usize) -> Result<()> {
        let _ = (name, value);
        Ok(())
    }
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl Records for Unrecorded {}

/// Refuses an outcome that is not one of these rows.
pub(crate) fn check(outcome: &Outcome, rows: usize, classes: usize) -> Result<()> {
    match outcome {
        Outcome::Predictions(Predictions(found)) if found.len() != rows => {
            Err(Problem::new(format!("the model predicts {} of {rows} test rows", found.len()))
                .hint("it must predict a class for each test row, in their order"))
        }
        Outcome::Predictions(Predictions(found)) if found.iter().any(|&code| code as usize >= classes) => {
            Err(Problem::new("the model predicts a class that the table does not have"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_are_read_as_they_were_written() {
        for codes in [vec![], vec![0, 1, 255], vec![0, 256, 70_000]] {
            for outcome in
                [Outcome::Predictions(Predictions(codes)), Outcome::Scores { accuracy: 0.1 + 0.2, macro_f1: None }]
            {
                let evaluation = Evaluation { kept: 3, outcome, selection_seconds: 0.5, training_seconds: 1.0 / 3.0 };
                let text = serde_json::to_string(&evaluation).expect("JSON");
                assert_eq!(serde_json::from_str::<Evaluation>(&text).expect("the same"), evaluation);
            }
        }
        assert!(serde_json::from_str::<Predictions>("\"wAAA\"").is_err());
        assert!(serde_json::from_str::<Predictions>("\"x\"").is_err());
    }
}
