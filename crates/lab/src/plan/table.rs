//! The sections `[data]` and `[split]` of a plan for a table.

use leanset_problem::Result;
use leanset_spec::{Columns, TablePaths};
use serde::{Deserialize, Serialize};

use super::locate::Text;
use super::model::{Defaults, ModelPlan, Models};

/// A table and models.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePlan {
    /// The table.
    pub data: DataSection,
    /// How it is split.
    pub split: SplitSection,
    /// The models that are trained on what is kept.
    pub models: Models,
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

    /// The models, in the order of the plan.
    pub fn models(&self) -> &[ModelPlan] {
        self.models.as_slice()
    }

    /// The network and the training that give training dynamics to methods: those of the first perceptron of the plan, else the
    /// default.
    pub fn observer(&self) -> ModelPlan {
        let own = self.models().iter().find(|model| model.is_perceptron());
        own.cloned().unwrap_or_else(|| Models::default().filled(Defaults::Current).as_slice()[0].clone())
    }
}
