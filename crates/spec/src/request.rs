//! What is asked of a job, in full: what the command line parses into, what a manifest holds, what Python passes.
//!
//! Where the outputs go, how many threads work and what is known of energy are no part of a request: they change no result.

use std::path::PathBuf;

use leanset_core::distance::Metric;
use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::columns::Columns;
use crate::images::{Division, EmbeddingModel, Features, Placement};
use crate::method::{Method, TableMethod};
use crate::split::Split;
use crate::stopping::Stopping;
use crate::table_paths::TablePaths;
use crate::word::{as_text, word_enum};

/// A request about a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase")]
pub enum TableRequest {
    /// Keep some rows.
    Reduce(Reduce),
    /// Order all rows.
    Rank(Rank),
}

impl TableRequest {
    /// The command, as on the command line.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Reduce(_) => "reduce",
            Self::Rank(_) => "rank",
        }
    }

    /// The table.
    pub fn input(&self) -> &TablePaths {
        match self {
            Self::Reduce(request) => &request.input,
            Self::Rank(request) => &request.input,
        }
    }

    /// Its columns.
    pub fn columns(&self) -> &Columns {
        match self {
            Self::Reduce(request) => &request.columns,
            Self::Rank(request) => &request.columns,
        }
    }

    /// The method, if one is run.
    pub fn method(&self) -> Option<&TableMethod> {
        match self {
            Self::Reduce(Reduce { choice: Choice::Method(method), .. }) | Self::Rank(Rank { method, .. }) => {
                Some(method)
            }
            Self::Reduce(_) => None,
        }
    }
}

/// Keep some rows of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reduce {
    /// The table.
    pub input: TablePaths,
    /// Which of its columns take part, and how.
    #[serde(default)]
    pub columns: Columns,
    /// Which rows are held out for a test first.
    #[serde(default, skip_serializing_if = "Split::is_none")]
    pub split: Split,
    /// What chooses the rows.
    #[serde(flatten)]
    pub choice: Choice,
    /// How many are kept; at most, if a rule says when enough are.
    #[serde(default)]
    pub budget: Budget,
    /// When enough are kept.
    #[serde(default, skip_serializing_if = "Stopping::is_none")]
    pub stopping: Stopping,
    /// The metric of ε.
    #[serde(default, with = "as_text")]
    pub metric: Metric,
    /// Whether ε is left out: it can take much longer than choosing, and `leanset measure` computes it later.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_epsilon: bool,
    /// What is written of them.
    #[serde(default)]
    pub writing: Writing,
}

/// Settings that are off are not said, as before there were any.
#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_false(value: &bool) -> bool {
    !value
}

/// What chooses rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(clippy::large_enum_variant)] // a request holds one
pub enum Choice {
    /// A method.
    Method(TableMethod),
    /// A ranking that was made before, cut at the budget.
    Ranking(PathBuf),
}

/// Order all rows of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rank {
    /// The table.
    pub input: TablePaths,
    /// Which of its columns take part, and how.
    #[serde(default)]
    pub columns: Columns,
    /// What orders the rows.
    pub method: TableMethod,
}

/// What is written of the kept rows, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Output"))]
pub struct Writing {
    /// What to write: the kept rows, or their ids.
    #[cfg_attr(feature = "clap", arg(long, value_name = "WHAT", default_value_t, hide_short_help = true,
        value_parser = crate::word::parser::words::<Emit>()))]
    pub emit: Emit,
    /// Order of the written rows.
    #[cfg_attr(feature = "clap", arg(long, value_name = "ORDER", default_value_t, hide_short_help = true,
        value_parser = crate::word::parser::words::<Order>()))]
    pub order: Order,
    /// Add the weights of the method as a column of this name, e.g. weight [default: `weight` for generated prototypes].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COLUMN", hide_short_help = true))]
    pub weights: Option<String>,
}

word_enum! {
    "emit"
    /// What is written of each kept row.
    #[derive(Default)]
    pub enum Emit {
        /// The kept rows with all their columns, unchanged.
        #[default]
        Rows,
        /// One line per kept row: row, class, rank and, if the method has weights, weight.
        Ids,
    }
}

word_enum! {
    "order"
    /// The order of the written rows.
    #[derive(Default)]
    pub enum Order {
        /// The order of the input.
        #[default]
        Input,
        /// Class by class, first pick first.
        Rank,
    }
}

/// Keep some training images of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceImages {
    /// The dataset: a file or a folder.
    pub dataset: PathBuf,
    /// How it is read and divided.
    #[serde(default)]
    pub division: Division,
    /// What distances are measured on.
    #[serde(default)]
    pub features: Features,
    /// What chooses the images.
    pub method: Method,
    /// How many are kept.
    pub budget: Budget,
    /// Whether the objects of classes are evened out: rare classes keep more.
    #[serde(default)]
    pub balance: bool,
    /// The metric of ε.
    #[serde(default, with = "as_text")]
    pub metric: Metric,
    /// What becomes of the kept images.
    #[serde(default)]
    pub placement: Placement,
    /// The most bytes that thumbnails of a contact sheet take; none without a sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_bytes: Option<u64>,
}

/// Describe the images of a dataset by a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribeImages {
    /// The dataset: a file or a folder.
    pub dataset: PathBuf,
    /// Where the images of a COCO file are, if that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
    /// Which images.
    #[serde(default)]
    pub split: SplitChoice,
    /// The model.
    pub model: EmbeddingModel,
}

word_enum! {
    "split"
    /// Which images of a dataset.
    #[derive(Default)]
    pub enum SplitChoice {
        /// The training images.
        #[default]
        Train,
        /// The validation images.
        Val,
        /// The test images.
        Test,
        /// All images.
        All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduce_comes_back_from_its_document() {
        for choice in [Choice::Method(Method::named("maxmin").into()), Choice::Ranking("ranking.csv".into())] {
            let request = TableRequest::Reduce(Reduce {
                input: "beans.csv".into(),
                columns: Columns::labelled("Class"),
                split: Split { test: Some(0.25), group: Some("farm".into()) },
                choice,
                budget: Budget::of_ratio(0.1),
                metric: Metric::Euclidean,
                stopping: Stopping::default(),
                no_epsilon: false,
                writing: Writing { order: Order::Rank, ..Writing::default() },
            });
            let text = serde_json::to_string(&request).expect("a document");
            assert_eq!(serde_json::from_str::<TableRequest>(&text).expect("the same"), request, "{text}");
        }
    }
}
