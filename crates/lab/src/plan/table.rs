//! The sections `[data]`, `[split]` and `[model]` of a plan for a table.

use std::path::PathBuf;

use leanset_spec::Columns;
use serde::{Deserialize, Serialize};

use super::locate::Text;
use crate::error::Result;

/// A table and a model.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePlan {
    /// The table.
    pub data: DataSection,
    /// How it is split.
    pub split: SplitSection,
    /// The model and its training.
    pub model: ModelPlan,
}

/// The table, and which of its columns mean what: as in `leanset reduce`. Scaling is fitted on the training rows of each split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// The file, relative to the plan. Not compared on resuming: the content of the file is.
    #[serde(default, skip_serializing)]
    pub path: Option<PathBuf>,
    /// A data set inside the program, instead of a file.
    #[serde(default)]
    pub embedded: Option<String>,
    /// The columns; the label is needed.
    #[serde(flatten)]
    pub columns: Columns,
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

/// The model and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelPlan {
    /// Widths of the hidden layers, each with ReLU.
    pub hidden: Vec<usize>,
    /// The part of each hidden layer that is dropped in training.
    pub dropout: f64,
    /// Passes over the training rows; for methods that warm up, those of the warm-up included.
    pub epochs: u32,
    /// Rows a gradient step sees.
    pub batch: usize,
    /// The learning rate of Adam.
    pub learning_rate: f64,
}

impl Default for ModelPlan {
    /// The paper's for tables.
    fn default() -> Self {
        Self {
            hidden: vec![50, 45, 40, 35, 30, 25, 20, 15, 10],
            dropout: 0.25,
            epochs: 150,
            batch: 32,
            learning_rate: 0.001,
        }
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
}

impl ModelPlan {
    pub(super) fn check(&self, text: &Text<'_>) -> Result<()> {
        if self.hidden.contains(&0) {
            return text.refuse("each of model.hidden", "at least 1", &0, "hidden = [] is a linear model");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return text.refuse("model.dropout", "in [0, 1)", &self.dropout, "dropout = 0 drops nothing");
        }
        if self.epochs == 0 {
            return text.refuse("model.epochs", "at least 1", &self.epochs, "epochs = 150 is the paper's");
        }
        if self.batch == 0 {
            return text.refuse("model.batch", "at least 1", &self.batch, "batch = 32 is the paper's");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let hint = "learning_rate = 0.001 is the paper's";
            return text.refuse("model.learning_rate", "above 0", &self.learning_rate, hint);
        }
        Ok(())
    }
}
