//! The sections `[data]`, `[split]` and `[model]` of a plan for a table.

use std::path::PathBuf;

use leanset_tables::{Columns, Format, Missing, Scale};
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

/// The table, and which of its columns mean what: as the arguments of `leanset reduce`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// The file, relative to the plan. Not compared on resuming: the content of the file is.
    #[serde(default, skip_serializing)]
    pub path: Option<PathBuf>,
    /// A data set inside the program, instead of a file.
    #[serde(default)]
    pub embedded: Option<String>,
    /// The column of classes.
    pub label: String,
    /// The feature columns; all others by default.
    #[serde(default)]
    pub features: Option<Vec<String>>,
    /// Columns that are no features.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// A column that names rows and is no feature.
    #[serde(default)]
    pub id: Option<String>,
    /// What to do about missing values.
    #[serde(default)]
    pub missing: MissingWord,
    /// How numbers are scaled; fitted on the training rows of each split.
    #[serde(default)]
    pub scale: ScaleWord,
    /// Cuts a numeric label into so many classes.
    #[serde(default)]
    pub bins: Option<usize>,
    /// The format, whatever the file is called.
    #[serde(default)]
    pub format: Option<String>,
    /// The sheet of a workbook.
    #[serde(default)]
    pub sheet: Option<String>,
    /// What separates the fields of a text table.
    #[serde(default)]
    pub delimiter: Option<char>,
}

/// What to do about missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingWord {
    /// An error.
    #[default]
    Refuse,
    /// Fill with means and most frequent values of the training rows.
    Mean,
    /// Leave the rows out.
    Drop,
}

/// How numbers are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScaleWord {
    /// To [0, 1].
    #[default]
    Minmax,
    /// To mean 0 and deviation 1.
    Standard,
    /// Not at all.
    None,
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
    /// The columns, as the encoder wants them.
    pub fn encode_options(&self) -> Columns {
        let data = &self.data;
        Columns {
            label: Some(data.label.clone()),
            features: data.features.clone(),
            exclude: data.exclude.clone(),
            missing: match data.missing {
                MissingWord::Refuse => Missing::Refuse,
                MissingWord::Mean => Missing::Mean,
                MissingWord::Drop => Missing::Drop,
            },
            scale: match data.scale {
                ScaleWord::Minmax => Scale::MinMax,
                ScaleWord::Standard => Scale::Standard,
                ScaleWord::None => Scale::None,
            },
            bins: data.bins,
            id: data.id.clone(),
            ..Columns::default()
        }
    }

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
        if data.format.as_ref().is_some_and(|f| f.parse::<Format>().is_err()) {
            let value = data.format.clone().unwrap_or_default();
            let formats = "csv, tsv, parquet, arrow, npy, npz or xlsx";
            return text.refuse("data.format", formats, &format!("'{value}'"), "leave it out to go by the file's name");
        }
        if data.delimiter.is_some_and(|d| !d.is_ascii()) {
            let value = data.delimiter.unwrap_or_default();
            return text.refuse("data.delimiter", "one ASCII character", &format!("'{value}'"), "delimiter = \";\"");
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
