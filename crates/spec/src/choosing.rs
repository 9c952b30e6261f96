//! What is asked of `choose`: how much of a table can go, and by which method.

use std::path::PathBuf;

use leanset_problem::{Problem, Result, setting, text};
use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::word::word_enum;

word_enum! { "goal"
    /// What models are judged by.
    #[derive(Default, PartialOrd, Ord)]
    pub enum Goal {
        /// The fraction of rows whose class is predicted.
        #[default]
        Accuracy,
        /// The mean of F1 over the classes: a small class counts as much as a large one.
        #[serde(rename = "macro-f1")]
        #[strum(serialize = "macro-f1")]
        MacroF1,
        /// The least recall of a class.
        #[serde(rename = "worst-recall")]
        #[strum(serialize = "worst-recall")]
        WorstRecall,
    }
}

impl Goal {
    /// Its name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::MacroF1 => "macro F1",
            Self::WorstRecall => "worst-class recall",
        }
    }
}

/// What is asked of a choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Question"))]
pub struct Choosing {
    /// What models are judged by.
    #[cfg_attr(feature = "clap", arg(long, value_name = "GOAL", default_value_t, value_parser = crate::words::<Goal>()))]
    pub goal: Goal,
    /// How much of the goal may be lost against training on everything, e.g. 1pt (0.01) or 0.5pt.
    #[cfg_attr(feature = "clap", arg(long, value_name = "POINTS", default_value = "1pt", value_parser = points))]
    pub tolerance: f64,
    /// Choose only the method, for this fraction of the rows, e.g. 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, short, value_name = "R", value_parser = crate::budget::fraction, allow_negative_numbers = true))]
    pub ratio: Option<f64>,
    /// Command that trains your model and tests it, e.g. "python train.py {train} {test} {seed}".
    ///
    /// {train} and {test} are tables in the format of FILE. The command prints its scores as the last line, such as
    /// {"accuracy": 0.91, "f1": 0.88}, or writes a class per test row to the file of --predictions: then leanset can say how sure the answer
    /// is. No shell sees it. Without --model, two quick models judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COMMAND"))]
    pub model: Option<String>,
    /// File to which the command writes the class that it predicts for each test row, e.g. "{out}/predictions.txt".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE", requires = "model"))]
    pub predictions: Option<String>,
    /// Test on the rows of this table instead of held-out rows of FILE, e.g. valid.csv.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "TABLE", value_hint = clap::ValueHint::FilePath,
        conflicts_with_all = ["folds", "group"]))]
    pub validation: Option<PathBuf>,
    /// Column whose equal values are held out together, e.g. patient; not a feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COLUMN"))]
    pub group: Option<String>,
    /// Number of parts in which rows are held out, each once [default: 5; 3 above 100,000 rows, 2 above a million].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", hide_short_help = true))]
    pub folds: Option<usize>,
    /// Time that it may take, e.g. 10m; the answer then depends on what can be trained in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "TIME", value_parser = seconds))]
    pub time: Option<f64>,
    /// Seed of all random choices; the same seed gives the same answer.
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", default_value_t, hide_short_help = true))]
    pub seed: u64,
}

impl Default for Choosing {
    fn default() -> Self {
        Self {
            goal: Goal::default(),
            tolerance: 0.01,
            ratio: None,
            model: None,
            predictions: None,
            validation: None,
            group: None,
            folds: None,
            time: None,
            seed: 0,
        }
    }
}

/// The fewest and the most parts.
const FOLDS: std::ops::RangeInclusive<usize> = 2..=50;
/// The most that may be lost: half of the goal is no tolerance.
const MOST: f64 = 0.5;

impl Choosing {
    /// What is known to be wrong before any data are read.
    ///
    /// # Errors
    /// A number that cannot be used; no label; groups in the label column.
    pub fn check(&self, columns: &Columns) -> Result<()> {
        if columns.label.is_none() {
            return Err(Problem::new("a choice needs classes: models predict them").hint(setting::LABEL.to("COLUMN")));
        }
        if !(0.0..=MOST).contains(&self.tolerance) {
            return Err(Problem::new(text![
                &setting::TOLERANCE,
                format!(" must be in [0, {MOST}], not {}", self.tolerance)
            ])
            .hint(text![setting::TOLERANCE.to("1pt"), " allows one point"]));
        }
        if let Some(ratio) = self.ratio.filter(|ratio| !(*ratio > 0.0 && *ratio < 1.0)) {
            return Err(Problem::new(text![&setting::RATIO, format!(" must be above 0 and below 1, not {ratio}")])
                .hint(text!["leave ", &setting::RATIO, " out to have it chosen too"]));
        }
        if let Some(folds) = self.folds.filter(|folds| !FOLDS.contains(folds)) {
            let (least, most) = (FOLDS.start(), FOLDS.end());
            return Err(Problem::new(text![&setting::FOLDS, format!(" must be in [{least}, {most}], not {folds}")])
                .hint(text![setting::FOLDS.to(5), " is usual"]));
        }
        if let Some(group) = self.group.as_ref().filter(|group| columns.label.as_ref() == Some(group)) {
            return Err(Problem::new(text![
                setting::SPLIT_GROUP.to(group),
                ": it is the label column, so each class would be held out as a whole"
            ])
            .hint("name the column of what must not be on both sides, such as a patient"));
        }
        Ok(())
    }

    /// The columns with that of the groups carried along: who they are is no measurement.
    #[must_use]
    pub fn columns(&self, columns: &Columns) -> Columns {
        crate::Split { test: None, group: self.group.clone() }.columns(columns)
    }
}

/// Reads how much may be lost: `1pt`, `0.5pt`, `1%` or a fraction such as `0.01`.
///
/// # Errors
/// What is none of these; a number of 1 and more without a unit, which may be meant as points or as a fraction.
pub fn points(text: &str) -> Result<f64, String> {
    let hint = "give points, e.g. 1pt, or a fraction, e.g. 0.01";
    let text = text.trim();
    let units = ["points", "point", "pts", "pt", "pp", "%"];
    let (number, points) = match units.iter().find_map(|unit| text.strip_suffix(unit)) {
        Some(number) => (number.trim(), true),
        None => (text, false),
    };
    let value: f64 = number.parse().map_err(|_| format!("'{text}' is no number of points: {hint}"))?;
    if !(value.is_finite() && value >= 0.0) {
        return Err(format!("what may be lost is at least 0, not {text}"));
    }
    if !points && value >= 1.0 {
        return Err(format!("'{text}' may be {text} points or all of the goal: {hint}"));
    }
    Ok(if points { value / 100.0 } else { value })
}

/// Reads a time with its units: `90s`, `10m`, `1h30m`.
///
/// # Errors
/// What has no unit, or is no time.
pub fn seconds(text: &str) -> Result<f64, String> {
    let refuse = || format!("'{text}' is no time with a unit, e.g. 90s, 10m or 1h30m");
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return Err(refuse());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refuse)?;
        let value: f64 = rest[..end].parse().map_err(|_| refuse())?;
        let unit = rest[end..]
            .find(|c: char| c.is_ascii_digit() || c == ' ')
            .map_or(&rest[end..], |next| &rest[end..end + next]);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "s" | "sec" | "second" | "seconds" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            _ => return Err(refuse()),
        };
        total += factor * value;
        rest = rest[end + unit.len()..].trim_start();
    }
    if total > 0.0 { Ok(total) } else { Err(format!("a time is above 0, not {text}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_with_their_unit() {
        for (text, value) in
            [("1pt", 0.01), ("0.5 points", 0.005), ("2%", 0.02), ("0.01", 0.01), ("0", 0.0), ("3pp", 0.03)]
        {
            assert!((points(text).expect(text) - value).abs() < 1e-15, "{text}");
        }
        for bad in ["1", "5", "x", "-1pt", "nan", "", "pt"] {
            assert!(points(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read_with_their_units() {
        for (text, value) in
            [("90s", 90.0), ("10m", 600.0), ("1h30m", 5400.0), ("1.5 h", f64::NAN), ("2h 5min", 7500.0)]
        {
            match seconds(text) {
                Ok(found) => assert_eq!(found, value, "{text}"),
                Err(_) => assert!(value.is_nan(), "{text}"),
            }
        }
        for bad in ["600", "0s", "m", "", "10x", "1..2s", "é", "5é"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn choosing_refuses_what_cannot_be() {
        let labelled = Columns::labelled("kind");
        assert!(Choosing::default().check(&labelled).is_ok());
        assert!(Choosing::default().check(&Columns::default()).is_err());
        for bad in [
            Choosing { tolerance: 0.6, ..Choosing::default() },
            Choosing { ratio: Some(1.0), ..Choosing::default() },
            Choosing { folds: Some(1), ..Choosing::default() },
            Choosing { group: Some("kind".into()), ..Choosing::default() },
        ] {
            assert!(bad.check(&labelled).is_err(), "{bad:?}");
        }
    }
}
