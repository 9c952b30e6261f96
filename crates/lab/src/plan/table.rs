//! The sections `[data]`, `[split]` and `[model]` of a plan for a table.

use leanset_problem::Result;
use leanset_spec::{Columns, TablePaths, Training};
use serde::{Deserialize, Serialize};

use super::locate::Text;

/// A table and a model.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePlan {
    /// The table.
    pub data: DataSection,
    /// How it is split.
    pub split: SplitSection,
    /// The model and its training.
    pub model: Training,
}

/// The table, and what its columns mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// The file, the folder of files, or the files, relative to the plan. Not compared on resuming: the content of the file is.
    #[serde(default, skip_serializing)]
    pub path: Option<TablePaths>,
    /// A data set inside the program, instead of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded: Option<String>,
    /// Which columns take part, and how. Scales and means are fitted on the training rows of each split.
    #[serde(flatten)]
    pub columns: Columns,
}

impl DataSection {
    /// Its keys beside those of [`Columns`].
    pub(super) const KEYS: [&str; 2] = ["path", "embedded"];

    /// The column of classes.
    pub fn label(&self) -> &str {
        self.columns.label.as_deref().unwrap_or_default()
    }
}

/// How the table is split into training and test rows, class by class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSection {
    /// The part of each class that is tested on.
    pub test: f64,
}

impl Default for SplitSection {
    fn default() -> Self {
        Self { test: 0.25 }
    }
}

/// Epochs of the paper's model for tables.
const EPOCHS: u32 = 150;
/// The most epochs, so that a slip of the finger is caught.
const MOST_EPOCHS: usize = 1_000_000;

/// The model of a plan with what is left out filled in: the paper's for tables.
pub(super) fn filled(model: &Training) -> Training {
    let paper = Training { epochs: model.epochs.or(Some(EPOCHS as usize)), ..model.clone() }.resolved();
    // Settings that a plan did not have before stay out of the header where they are left out of the plan.
    Training {
        hidden: Some(paper.hidden),
        dropout: Some(paper.dropout),
        epochs: Some(paper.epochs),
        batch: Some(paper.batch),
        learning_rate: Some(paper.learning_rate),
        ..model.clone()
    }
}

impl TablePlan {
    pub(super) fn check_data(&self, text: &Text<'_>) -> Result<()> {
        let data = &self.data;
        match (&data.path, &data.embedded) {
            (None, None) => {
                let hint = "path = \"table.csv\" names the table, relative to the plan";
                return text.wrong("data", "data has no path", hint);
            }
            (Some(_), Some(_)) => {
                return text.wrong("data.embedded", "data has both path and embedded", "keep one of them");
            }
            _ => {}
        }
        if data.columns.label.is_none() {
            return text.wrong("data", "data has no label", "label = \"Class\" names the column of classes");
        }
        if !(self.split.test > 0.0 && self.split.test < 1.0) {
            let hint = "test = 0.25 tests on a quarter of the rows";
            return text.refuse("split.test", "in (0, 1)", &self.split.test, hint);
        }
        Ok(())
    }

    /// Epochs of the model.
    pub fn epochs(&self) -> u32 {
        self.model.epochs.and_then(|epochs| u32::try_from(epochs).ok()).unwrap_or(EPOCHS)
    }

    /// Refuses settings that no model can have.
    pub(super) fn check_model(&self, text: &Text<'_>) -> Result<()> {
        let model = self.model.resolved();
        if model.hidden.contains(&0) {
            return text.refuse("each of model.hidden", "at least 1", &0, "hidden = [] is a linear model");
        }
        if !(0.0..1.0).contains(&model.dropout) {
            return text.refuse("model.dropout", "in [0, 1)", &model.dropout, "dropout = 0 drops nothing");
        }
        if !(1..=MOST_EPOCHS).contains(&model.epochs) {
            let range = if model.epochs == 0 { "at least 1".into() } else { format!("in [1, {MOST_EPOCHS}]") };
            return text.refuse("model.epochs", &range, &model.epochs, "epochs = 150 is the paper's");
        }
        if model.batch == 0 {
            return text.refuse("model.batch", "at least 1", &model.batch, "batch = 32 is the paper's");
        }
        if !(model.learning_rate > 0.0 && model.learning_rate.is_finite()) {
            let hint = "learning_rate = 0.001 is the paper's";
            return text.refuse("model.learning_rate", "above 0", &model.learning_rate, hint);
        }
        if !(model.weight_decay >= 0.0 && model.weight_decay.is_finite()) {
            let hint = "weight_decay = 0 is the paper's";
            return text.refuse("model.weight_decay", "at least 0", &model.weight_decay, hint);
        }
        Ok(())
    }
}
