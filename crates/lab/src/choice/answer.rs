//! The answer of a choice in words, as commands, and as a document.

use leanset_choose::{Candidate, Choice, Evidence, Interval, Judge, RANDOM};
use leanset_problem::{Result, for_shell};
use leanset_spec::Columns;
use serde_json::{Value, json};

use crate::conclusion::lean_name;
use crate::metering::Metering;
use crate::record::MeteredCost;
use crate::render::{number, plural, points, share, whole};

/// What was asked about, in the words of the command line.
#[derive(Clone, Debug)]
pub struct Source {
    /// The files of the table, as they were given.
    pub files: Vec<String>,
    /// The columns as they were asked for.
    pub columns: Columns,
    /// The seed.
    pub seed: u64,
    /// Whether columns are scaled before distances are measured, as by default.
    pub scaled: bool,
    /// The output that was asked for, or that a command should name.
    pub output: Option<String>,
}

/// A choice with what is said of it.
#[derive(Debug)]
pub struct Answer {
    /// The choice.
    pub choice: Choice,
    /// What it took in all.
    pub cost: MeteredCost,
    source: Source,
    candidate: Candidate,
}

/// A difference with its interval, in points.
fn difference(interval: &Interval) -> String {
    format!("{} points [{}, {}]", points(interval.value), points(interval.low), points(interval.high))
}

/// A loss as a difference of the goal.
fn change(loss: &Interval) -> Interval {
    Interval { value: -loss.value, low: -loss.high, high: -loss.low }
}

/// A fraction of resamplings, never better than it was.
fn part(value: f64) -> String {
    format!("{:.0} %", (100.0 * value).floor())
}

impl Answer {
    /// Of a choice.
    ///
    /// # Errors
    /// Never, as long as the methods are registered.
    pub fn new(choice: Choice, cost: MeteredCost, source: Source) -> Result<Self> {
        let mut candidates = Candidate::standard()?;
        let at = candidates.iter().position(|candidate| candidate.name == choice.candidate).unwrap_or_default();
        Ok(Self { candidate: candidates.swap_remove(at), choice, cost, source })
    }

    /// The candidate that is chosen.
    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// The ratio that is recommended, or that was asked about.
    pub fn ratio(&self) -> Option<f64> {
        self.choice.recommended.as_ref().map(|found| found.ratio)
    }

    /// Whether a ratio was asked about.
    fn is_given(&self) -> bool {
        self.choice.recommended.as_ref().is_some_and(|found| found.ratios.is_none())
    }

    fn rows(&self, ratio: f64) -> String {
        let kept = (ratio * self.choice.rows as f64).round() as usize;
        format!("about {} of {} rows", whole(kept), whole(self.choice.rows))
    }

    /// What may be lost, in words.
    pub fn tolerance(&self) -> String {
        let points = (self.choice.tolerance * 1e6).round() / 1e4;
        format!("{points} {}", if points == 1.0 { "point" } else { "points" })
    }

    /// Who judged, in words.
    pub fn judge(&self) -> String {
        let names: Vec<&str> = self.choice.judges.iter().map(|judge| judge.name()).collect();
        names.join(" and ")
    }

    /// Whether a quick judge's curve is averaged in where the ratio is decided.
    pub fn is_steadied(&self) -> bool {
        let own = self.choice.judges.contains(&Judge::Own);
        own && !self.is_given() && self.choice.curve.iter().any(|point| point.steadied != point.within_tolerance)
    }

    /// The line of evidence of the chosen candidate.
    fn own(&self) -> Option<&Evidence> {
        self.choice.evidence.iter().find(|line| line.candidate == self.candidate.name)
    }

    /// The answer in one sentence.
    pub fn sentence(&self) -> String {
        let choice = &self.choice;
        let (goal, name) = (choice.goal.name(), self.candidate.name);
        let tolerance = format!(
            "{} {}",
            number(100.0 * choice.tolerance),
            if choice.tolerance == 0.01 { "point" } else { "points" }
        );
        match (&choice.recommended, choice.at_least) {
            (Some(found), _) if self.is_given() => {
                let promise = if found.loss.value <= choice.tolerance {
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
                    self.rows(found.ratio),
                    difference(&change(&found.loss))
                )
            }
            (Some(found), _) => format!(
                "Keep {} of the rows ({}) by {name}: {} of {goal} against all rows.",
                share(found.ratio),
                self.rows(found.ratio),
                difference(&change(&found.loss))
            ),
            (None, Some(least)) => format!(
                "Keep at least {} of the rows ({}) by {name}: training on everything did not fit into the time, and the curve of \
                 smaller sets says that fewer lose more than {tolerance} of {goal}.",
                share((100.0 * least).ceil() / 100.0),
                self.rows(least)
            ),
            (None, None) if choice.curve.is_empty() => {
                "No answer: the time was too short for trainings that could be compared.".to_owned()
            }
            (None, None) => {
                let most = choice.curve.last();
                let lost = most.map_or_else(String::new, |point| {
                    format!(
                        " With {} of them, {name} still loses {} points of {goal}.",
                        share(point.ratio),
                        number(100.0 * point.smoothed_loss)
                    )
                });
                if choice.out_of_time {
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
        let choice = &self.choice;
        let mut lines = Vec::new();
        if choice.recommended.is_none() && choice.curve.is_empty() && choice.at_least.is_none() {
            lines.push(format!("{} trainings were done; give it more time.", whole(choice.trainings)));
            return lines;
        }
        if let Some(found) = &choice.recommended {
            if let Some((low, high)) = found.ratios {
                let needed = match high {
                    Some(high) if low == high => format!("80 % of them need {} of the rows", share(low)),
                    Some(high) => format!("80 % of them need between {} and {} of the rows", share(low), share(high)),
                    None => format!("80 % of them need {} of the rows, or more than was tried", share(low)),
                };
                lines.push(format!(
                    "In {} of {} resamplings of the held-out rows the loss is within {}; {needed}.",
                    part(found.within_tolerance),
                    leanset_choose::RESAMPLINGS,
                    self.tolerance()
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
                "It cannot be told from a random sample of that size"
            };
            lines.push(format!("{verdict}: {} of {}.", difference(&gain), choice.goal.name()));
        } else if self.candidate.name == RANDOM && choice.evidence.len() > 1 {
            lines.push("No method is shown to be better than a random sample there.".into());
        }
        lines.push(format!("{} of the resamplings choose the same method.", part(choice.agreement)));
        if self.is_steadied() {
            lines.push(format!(
                "A ratio passes if 80 % of the resamplings are within {} with the curve of kernel ridge averaged in, which has less noise.",
                self.tolerance()
            ));
        }
        let held = if choice.folds == 1 { "once".to_owned() } else { format!("in {} folds", choice.folds) };
        lines.push(format!(
            "Judged by {}{} on {} held-out rows, {held}; {} trainings.",
            self.judge(),
            if choice.judges.len() > 1 { " (the loss is that of the one that loses more)" } else { "" },
            whole(choice.tested_rows),
            whole(choice.trainings)
        ));
        if choice.out_of_time {
            lines.push(
                "The time ended before the search did: more time may find a smaller set, or another method.".into(),
            );
        }
        if choice.judges.iter().all(|judge| *judge != Judge::Own) {
            lines.push("Another model may need fewer rows, or more: give yours to be sure.".into());
        }
        lines
    }

    /// Seconds that a training takes less on what is kept; none if that is not known of the user's model.
    fn saved(&self) -> Option<f64> {
        let seconds = &self.choice.seconds;
        let own = self.choice.judges.contains(&Judge::Own);
        let full = seconds.everything.filter(|_| own && self.choice.recommended.is_some())?;
        Some(full - seconds.training)
    }

    /// The training from which on all of it has paid; none if it never does, or that is not known.
    pub fn pays_from(&self) -> Option<u64> {
        let saved = self.saved()?;
        let full = self.choice.seconds.everything?;
        // What is hardly anything is noise.
        (saved > 0.05 * full)
            .then(|| ((self.choice.seconds.total + self.choice.seconds.selection) / saved).ceil().max(1.0) as u64)
    }

    /// What it took, and when it pays.
    pub fn payback(&self) -> String {
        let seconds = &self.choice.seconds;
        let spent = |value: f64| format!("{} s", number(value));
        let mut text = format!("This choice took {}", spent(seconds.total));
        if let Some(joules) = self.cost.cost.joules {
            let estimated = if self.cost.sources.estimated { "about " } else { "" };
            text.push_str(&format!(" and {estimated}{} J", number(joules)));
            if let Some(grams) = self.cost.cost.grams {
                text.push_str(&format!(" ({} g of CO₂)", number(grams)));
            }
        }
        text.push_str(&format!("; choosing the rows takes {}", spent(seconds.selection)));
        match (self.saved(), self.pays_from()) {
            (Some(saved), Some(trainings)) => text.push_str(&format!(
                ". A training takes {} in place of {}: all of it has paid after {} {}.",
                spent(seconds.training),
                spent(seconds.training + saved),
                whole(trainings as usize),
                plural(trainings as usize, "training", "trainings")
            )),
            (Some(_), None) => text.push_str(&format!(
                ". A training takes {} in place of {}: no time is saved, and it pays where rows themselves cost.",
                spent(seconds.training),
                spent(seconds.everything.unwrap_or_default())
            )),
            (None, _) => text.push('.'),
        }
        text
    }

    /// The words of the command that keeps what is recommended.
    fn words(&self, ratio: f64, output: &str) -> Vec<String> {
        let source = &self.source;
        let mut words = vec!["leanset".to_owned(), "reduce".to_owned()];
        words.extend(source.files.iter().cloned());
        words.extend(source.columns.arguments());
        words.extend(self.candidate.arguments());
        words.extend(["--ratio".to_owned(), ratio.to_string()]);
        if source.seed != 0 {
            words.extend(["--seed".to_owned(), source.seed.to_string()]);
        }
        words.extend(["--output".to_owned(), output.to_owned()]);
        words
    }

    /// The command that keeps what is recommended.
    pub fn command(&self) -> Option<String> {
        let ratio = self.ratio()?;
        let first = self.source.files.first().map_or("", String::as_str);
        let output = self.source.output.clone().unwrap_or_else(|| lean_name(first));
        Some(self.words(ratio, &output).iter().map(|word| for_shell(word)).collect::<Vec<_>>().join(" "))
    }

    /// The same in Python.
    pub fn python(&self) -> Option<String> {
        let ratio = self.ratio()?;
        let x = if self.source.scaled { "MinMaxScaler().fit_transform(X)" } else { "X" };
        let mut words = vec![format!("{x}, y, {ratio}")];
        words.extend(self.candidate.keywords().into_iter().map(|(name, value)| format!("{name}={value}")));
        words.push(format!("random_state={}", self.source.seed));
        Some(format!("leanset.reduce({})", words.join(", ")))
    }

    /// The document.
    pub fn document(&self) -> Value {
        let mut document = serde_json::to_value(&self.choice).unwrap_or_default();
        let own = json!({
            "schema": "leanset.choice/1",
            "leanset": env!("CARGO_PKG_VERSION"),
            "answer": self.sentence(),
            "method": self.candidate.reducer.info().id,
            "arguments": self.candidate.arguments(),
            "command": self.command(),
            "python": self.python(),
            "pays_from_training": self.pays_from(),
            "cost": self.cost,
        });
        if let (Some(document), Value::Object(own)) = (document.as_object_mut(), own) {
            document.extend(own);
        }
        document
    }

    /// The lines of evidence.
    pub fn evidence(&self) -> Vec<[String; 6]> {
        let shown = |value: f64| if value.is_nan() { "–".to_owned() } else { format!("{value:.3}") };
        let range = |interval: Option<Interval>| {
            interval.map_or_else(
                || "–".to_owned(),
                |i| format!("{} [{}, {}]", points(i.value), points(i.low), points(i.high)),
            )
        };
        let line = |name: &str, measures: &leanset_choose::Measures, gain: String, loss: String| {
            [
                name.to_owned(),
                shown(measures.accuracy),
                shown(measures.macro_f1),
                shown(measures.worst_recall),
                gain,
                loss,
            ]
        };
        let of = |evidence: &Evidence| {
            let chosen = if evidence.candidate == self.candidate.name { "*" } else { "" };
            let name = format!("{}{chosen}", evidence.candidate);
            line(&name, &evidence.measures, range(evidence.gain_over_random), range(evidence.loss.as_ref().map(change)))
        };
        let everything =
            self.choice.everything.as_ref().map(|measures| line("everything", measures, "–".into(), "–".into()));
        everything.into_iter().chain(self.choice.evidence.iter().map(of)).collect()
    }
}

/// Meters work, and returns what it came to with what it took.
pub fn metered<T>(meter: &dyn Metering, work: impl FnOnce() -> Result<T>) -> Result<(T, MeteredCost)> {
    let stop = meter.start_with_cards();
    let found = work()?;
    Ok((found, stop()))
}
