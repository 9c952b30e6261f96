//! When enough is kept, before the budget is spent.

use leanset_core::distance::Metric;
use leanset_core::stopping::Rule;
use leanset_problem::{Problem, Result, Setting, setting, text};
use serde::{Deserialize, Serialize};

/// When enough rows are kept: a largest distance, by one of two rules. The budget, if one is given too, is the most that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Budget"))]
pub struct Stopping {
    /// Keep the fewest rows of each class that have one within this distance of every row, e.g. 0.2.
    ///
    /// The distance is that of --metric. Classes that are spread out keep more. With --ratio, --count or --per-class, no more than
    /// that is kept, and a warning reports what was reached. Only for methods that rank within classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long, value_name = "R", allow_negative_numbers = true, hide_short_help = true, conflicts_with = "epsilon")
    )]
    pub within: Option<f64>,
    /// Keep the smallest fraction of the rows whose ε is at most this, e.g. 0.2.
    ///
    /// Each class keeps its share. With --ratio or --count, no more than that is kept, and a warning reports the ε that was
    /// reached. Only for methods that rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "R", allow_negative_numbers = true, hide_short_help = true))]
    pub epsilon: Option<f64>,
}

impl Stopping {
    /// Whether no rule is given.
    pub fn is_none(&self) -> bool {
        self.within.is_none() && self.epsilon.is_none()
    }

    /// As the core takes it, in this metric; nothing if no rule is given.
    ///
    /// # Errors
    /// Both rules are given, or a distance that is none.
    pub fn resolve(&self, metric: Metric) -> Result<Option<leanset_core::stopping::Stopping>> {
        let (rule, radius, given): (_, _, &'static Setting) = match (self.within, self.epsilon) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(Problem::new(text![&setting::WITHIN, " and ", &setting::EPSILON, " are both given"]).hint(
                    text![
                        "give one of them: ",
                        &setting::WITHIN,
                        " keeps fewer rows, ",
                        &setting::EPSILON,
                        " keeps the shares of the classes"
                    ],
                ));
            }
            (Some(radius), None) => (Rule::Within, radius, &setting::WITHIN),
            (None, Some(radius)) => (Rule::Epsilon, radius, &setting::EPSILON),
        };
        if !(radius.is_finite() && radius >= 0.0) {
            return Err(Problem::new(text![given, format!(" must be a distance of at least 0, not {radius}")])
                .hint(text![given.to(0.2), " is one"]));
        }
        Ok(Some(leanset_core::stopping::Stopping { rule, radius, metric }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_is_one_rule_and_a_distance() {
        let none = Stopping::default();
        assert_eq!(none.resolve(Metric::Chebyshev).expect("none"), None);
        let within = Stopping { within: Some(0.5), ..Stopping::default() };
        let found = within.resolve(Metric::Euclidean).expect("a rule").expect("one");
        assert_eq!((found.rule, found.radius, found.metric), (Rule::Within, 0.5, Metric::Euclidean));
        let both = Stopping { within: Some(0.5), epsilon: Some(0.5) }.resolve(Metric::Euclidean).expect_err("two");
        assert_eq!(both.to_string(), "within and epsilon are both given");
        for wrong in [-0.1, f64::NAN, f64::INFINITY] {
            let refused = Stopping { epsilon: Some(wrong), ..Stopping::default() }.resolve(Metric::Euclidean);
            assert!(refused.expect_err("no distance").to_string().starts_with("epsilon must be a distance"));
        }
        let text = serde_json::to_string(&within).expect("a document");
        assert_eq!(
            (text.as_str(), serde_json::from_str::<Stopping>(&text).expect("the same")),
            ("{\"within\":0.5}", within)
        );
    }
}
