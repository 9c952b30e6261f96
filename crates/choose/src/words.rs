//! The answer of a choice in words: what is recommended, and how sure that is.

use leanset_problem::numbers::{number, points, share, whole};

use crate::candidate::RANDOM;
use crate::choice::{Choice, Evidence, Interval};
use crate::evaluation::Judge;
use crate::resample::RESAMPLINGS;

/// A difference with its interval, in points.
pub fn difference(interval: &Interval) -> String {
    format!("{} points [{}, {}]", points(interval.value), points(interval.low), points(interval.high))
}

/// A loss as a difference of the goal.
pub fn change(loss: &Interval) -> Interval {
    Interval { value: -loss.value, low: -loss.high, high: -loss.low }
}

/// A fraction of resamplings, never better than it was.
fn part(value: f64) -> String {
    format!("{:.0} %", (100.0 * value).floor())
}

impl Choice {
    /// Whether a ratio was asked about.
    fn is_given(&self) -> bool {
        self.recommended.as_ref().is_some_and(|found| found.ratios.is_none())
    }

    fn about(&self, ratio: f64) -> String {
        let kept = (ratio * self.rows as f64).round() as usize;
        format!("about {} of {} rows", whole(kept), whole(self.rows))
    }

    /// What may be lost, in words.
    pub fn allowance(&self) -> String {
        let points = (self.tolerance * 1e6).round() / 1e4;
        format!("{points} {}", if points == 1.0 { "point" } else { "points" })
    }

    /// Who judged, in words.
    pub fn judge(&self) -> String {
        let names: Vec<&str> = self.judges.iter().map(|judge| judge.name()).collect();
        names.join(" and ")
    }

    /// Whether a quick judge's curve is averaged in where the ratio is decided.
    pub fn is_steadied(&self) -> bool {
        let own = self.judges.contains(&Judge::Own);
        own && !self.is_given() && self.curve.iter().any(|point| point.steadied != point.within_tolerance)
    }

    /// The line of evidence of the chosen candidate.
    fn own(&self) -> Option<&Evidence> {
        self.evidence.iter().find(|line| line.candidate == self.candidate)
    }

    /// The answer in one sentence.
    pub fn sentence(&self) -> String {
        let (goal, name) = (self.goal.name(), self.candidate.as_str());
        let tolerance = self.allowance();
        match (&self.recommended, self.at_least) {
            (Some(found), _) if self.is_given() => {
                let promise = if found.loss.value <= self.tolerance {
                    format!(
                        "within the {tolerance} that may be lost in {} of the resamplings",
                        part(found.within_tolerance)
                    )
                } else {
                    format!("more than the {tolerance} that may be lost")
                };
                format!(
                    "At {} ({}), take {name}: {} of {goal} against all rows, {promise}.",
                    share(found.ratio),
                    self.about(found.ratio),
                    difference(&change(&found.loss))
                )
            }
            (Some(found), _) => format!(
                "Keep {} of the rows ({}) by {name}: {} of {goal} against all rows.",
                share(found.ratio),
                self.about(found.ratio),
                difference(&change(&found.loss))
            ),
            (None, Some(least)) => format!(
                "Keep at least {} of the rows ({}) by {name}: training on everything did not fit into the time, and the curve of \
                 smaller sets says that fewer lose more than {tolerance} of {goal}.",
                share((100.0 * least).ceil() / 100.0),
                self.about(least)
            ),
            (None, None) if self.curve.is_empty() => {
                "No answer: the time was too short for trainings that could be compared.".to_owned()
            }
            (None, None) => {
                let most = self.curve.last();
                let lost = most.map_or_else(String::new, |point| {
                    format!(
                        " With {} of them, {name} still loses {} points of {goal}.",
                        share(point.ratio),
                        number(100.0 * point.smoothed_loss)
                    )
                });
                if self.out_of_time {
                    format!(
                        "No smaller set is known to lose at most {tolerance} of {goal}: the time ended before the search did.{lost}"
                    )
                } else {
                    format!("Train on all rows: this table needs them.{lost}")
                }
            }
        }
    }

    /// How sure it is.
    pub fn certainty(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.recommended.is_none() && self.curve.is_empty() && self.at_least.is_none() {
            lines.push(format!("{} trainings were done; give it more time.", whole(self.trainings)));
            return lines;
        }
        if let Some(found) = &self.recommended {
            if let Some((low, high)) = found.ratios {
                let needed = match high {
                    Some(high) if low == high => format!("80 % of them need {} of the rows", share(low)),
                    Some(high) => format!("80 % of them need between {} and {} of the rows", share(low), share(high)),
                    None => format!("80 % of them need {} of the rows, or more than was tried", share(low)),
                };
                lines.push(format!(
                    "In {} of {} resamplings of the held-out rows the loss is within {}; {needed}.",
                    part(found.within_tolerance),
                    RESAMPLINGS,
                    self.allowance()
                ));
            }
            if found.correction >= 0.001 {
                lines.push(format!(
                    "The loss has {} points more than the held-out rows show, because they chose it.",
                    number(100.0 * found.correction)
                ));
            }
        }
        if let Some(gain) = self.own().and_then(|own| own.gain_over_random) {
            let verdict = if gain.low > 0.0 {
                "It beats a random sample of that size"
            } else if gain.high < 0.0 {
                "It is worse than a random sample of that size"
            } else {
                "No difference from a random sample of that size is shown"
            };
            lines.push(format!("{verdict}: {} of {}.", difference(&gain), self.goal.name()));
        } else if self.candidate == RANDOM && self.evidence.len() > 1 {
            lines.push("No method is shown to be better than a random sample there.".into());
        }
        lines.push(format!("{} of the resamplings choose the same method.", part(self.agreement)));
        if self.is_steadied() {
            lines.push(format!(
                "A ratio passes if its smoothed loss is within three quarters of {}, and that of 80 % of the resamplings within all of it, \
                 with the curve of kernel ridge averaged in, which has less noise.",
                self.allowance()
            ));
        }
        let held = if self.folds == 1 { "once".to_owned() } else { format!("in {} folds", self.folds) };
        lines.push(format!(
            "Judged by {}{} on {} held-out rows, {held}; {} trainings.",
            self.judge(),
            if self.judges.len() > 1 { " (the loss is that of the one that loses more)" } else { "" },
            whole(self.tested_rows),
            whole(self.trainings)
        ));
        if self.out_of_time {
            lines.push(
                "The time ended before the search did: more time may find a smaller set, or another method.".into(),
            );
        }
        if self.judges.iter().all(|judge| *judge != Judge::Own) {
            lines.push("Another model may need fewer rows, or more: give yours to be sure.".into());
        }
        lines
    }
}
