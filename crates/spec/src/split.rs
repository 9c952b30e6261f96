//! Rows that are held out for a test.

use leanset_problem::{Problem, Result, setting, text};
use serde::{Deserialize, Serialize};

use crate::columns::Columns;

/// Rows that are held out for a test, class by class, before anything else looks at the table. Nothing is held out by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Split"))]
pub struct Split {
    /// Hold out this fraction of each class as test rows first, e.g. 0.25, and reduce only the rest.
    ///
    /// The test rows are written to a file of their own. Neither the method nor the scaling uses them, so a model that is trained
    /// on the kept rows can be tested on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(id = "split", long = "split", value_name = "R", value_parser = crate::budget::fraction,
        allow_negative_numbers = true))]
    pub test: Option<f64>,
    /// Column whose equal values stay on one side of the split, e.g. patient; not a feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COLUMN", requires = "split", hide_short_help = true))]
    pub group: Option<String>,
}

impl Split {
    /// This fraction of each class.
    pub fn of(test: f64) -> Self {
        Self { test: Some(test), group: None }
    }

    /// Whether nothing is held out.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What is known to be wrong before any data are read.
    ///
    /// # Errors
    /// A fraction that is not above 0 and below 1; groups without a fraction, or in the label column.
    pub fn check(&self, columns: &Columns) -> Result<()> {
        let quarter = || text![setting::SPLIT.to(0.25), " holds out a quarter of the rows"];
        match self.test {
            Some(test) if !(test > 0.0 && test < 1.0) => {
                return Err(Problem::new(text![&setting::SPLIT, format!(" must be above 0 and below 1, not {test}")])
                    .hint(quarter()));
            }
            None if self.group.is_some() => {
                return Err(Problem::new(text![
                    &setting::SPLIT_GROUP,
                    " keeps groups together in a split, and there is none"
                ])
                .hint(quarter()));
            }
            _ => {}
        }
        if let Some(group) = self.group.as_ref().filter(|group| columns.label.as_ref() == Some(group)) {
            return Err(Problem::new(text![
                setting::SPLIT_GROUP.to(group),
                ": it is the label column, so each class would be on one side"
            ])
            .hint("name the column of what must not be on both sides, such as a patient"));
        }
        Ok(())
    }

    /// The columns with that of the groups carried along: who they are is no measurement.
    #[must_use]
    pub fn columns(&self, columns: &Columns) -> Columns {
        let mut columns = columns.clone();
        if let Some(group) = self.group.as_ref().filter(|group| !columns.exclude.contains(group)) {
            columns.exclude.push(group.clone());
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_refuses_what_cannot_be() {
        for bad in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(Split::of(bad).check(&Columns::default()).is_err(), "{bad}");
        }
        let group = |test, group: &str| Split { test, group: Some(group.into()) };
        assert!(group(None, "patient").check(&Columns::default()).is_err());
        assert!(group(Some(0.2), "kind").check(&Columns::labelled("kind")).is_err());
        assert!(group(Some(0.2), "patient").check(&Columns::labelled("kind")).is_ok());
    }

    #[test]
    fn split_groups_are_no_feature() {
        let split = Split { test: Some(0.2), group: Some("patient".into()) };
        let once = split.columns(&Columns::labelled("kind"));
        assert_eq!(once.exclude, ["patient"]);
        assert_eq!(split.columns(&once), once);
    }
}
