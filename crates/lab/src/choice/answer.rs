//! The answer of a choice in words, as commands, and as a document.

use leanset_choose::words::change;
use leanset_choose::{Candidate, Choice, Evidence, Interval, Judge};
use leanset_problem::{Result, for_shell};
use leanset_spec::Columns;
use serde_json::{Value, json};

use crate::conclusion::lean_name;
use crate::metering::Metering;
use crate::record::MeteredCost;
use crate::render::{number, plural, points, whole};

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
            "answer": self.choice.sentence(),
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
