//! Models that are trained by the user's own command: tables are written for it, it is run and metered, and its predictions or
//! its scores are read.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use leanset::output::WorkDir;
use leanset::{Problem, Reporter, Result};
use leanset_core::ClassId;
use leanset_problem::{setting, text};
use leanset_tables::{Compression, Extra, ExtraValues, FileRow, Format, Table, write_rows};
use serde_json::{Value, json};

use crate::command;
use crate::metering::Metering;
use crate::plan::ModelPlan;
use crate::record::MeteredCost;
use crate::task::RunError;
use crate::template::{Values, render_shell};

/// The user's own model.
pub(crate) struct CommandModel<'a> {
    pub(crate) plan: &'a ModelPlan,
    pub(crate) table: &'a Table,
    /// The column of classes.
    pub(crate) label: &'a str,
    /// Where the folders of all runs are kept.
    pub(crate) keep: Option<&'a Path>,
    /// Who hears of a run that fails while the others go on.
    pub(crate) reporter: &'a dyn Reporter,
}

/// A training that is to be done.
pub(crate) struct CommandRun<'a> {
    /// Which repetition, or which fold.
    pub(crate) repetition: u32,
    /// Which training it is, in words.
    pub(crate) about: String,
    pub(crate) method: &'a str,
    pub(crate) ratio: f64,
    pub(crate) seed: u64,
    pub(crate) epochs: u32,
    pub(crate) steps: u64,
    pub(crate) train: &'a [FileRow],
    pub(crate) weights: Option<&'a [f64]>,
    pub(crate) test: &'a [FileRow],
    /// The names of the classes.
    pub(crate) names: &'a [String],
}

/// What the command found.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// A class for each test row.
    Predictions(Vec<ClassId>),
    /// Scores: accuracy, precision, recall, F1. All but the first may be unknown.
    Scores([f64; 4]),
}

/// The names of scores, in the order of [`Found::Scores`]; `macro_` may stand before all but the first.
const SCORES: [&str; 4] = ["accuracy", "precision", "recall", "f1"];

impl CommandModel<'_> {
    /// The format and the extension of the tables: that of the input, or CSV where it is only read.
    fn format(&self) -> (Format, &'static str) {
        match self.table.format() {
            Format::Csv | Format::Xlsx => (Format::Csv, "csv"),
            Format::Tsv => (Format::Tsv, "tsv"),
            Format::Jsonl => (Format::Jsonl, "jsonl"),
            Format::Parquet => (Format::Parquet, "parquet"),
            Format::ArrowIpc => (Format::ArrowIpc, "arrow"),
            Format::Npy => (Format::Npy, "npy"),
            Format::Npz => (Format::Npz, "npz"),
        }
    }

    /// The name of the column of weights: one that the table does not have.
    fn weights_column(&self) -> String {
        let names = ["weight", "leanset_weight"].map(str::to_owned).into_iter();
        let mut names = names.chain((2..).map(|n| format!("leanset_weight_{n}")));
        names.find(|name| self.table.positions(name).is_err()).unwrap_or_default()
    }

    fn values(&self, out: &Path, run: &CommandRun<'_>) -> Values {
        let extension = self.format().1;
        Values {
            data: out.join(format!("train.{extension}")),
            test: out.join(format!("test.{extension}")),
            label: self.label.to_owned(),
            weights: run.weights.map_or_else(String::new, |_| self.weights_column()),
            seed: run.seed,
            epochs: run.epochs,
            batch: self.plan.training.batch.unwrap_or(1),
            steps: run.steps,
            out: out.to_owned(),
        }
    }

    fn words(&self, values: &Values) -> Vec<OsString> {
        self.plan.settings.command.as_ref().map(|command| command.fill(values)).unwrap_or_default()
    }

    /// Writes rows of the table.
    fn write(&self, path: &Path, rows: &[FileRow], extra: &[Extra]) -> Result<()> {
        let failed = |e: std::io::Error| Problem::io(format!("{}: cannot be written", path.display()), e);
        let mut file = std::io::BufWriter::new(std::fs::File::create_new(path).map_err(failed)?);
        write_rows(self.table, rows, extra, self.format().0, Compression::None, &mut file)?;
        file.flush().map_err(failed)
    }

    /// Writes the tables, runs the command, and reads what it found.
    ///
    /// # Errors
    /// The command fails, or what it found cannot be read.
    pub(crate) fn train(&self, run: &CommandRun<'_>, meter: &dyn Metering) -> Result<(MeteredCost, Found), RunError> {
        let mut name = command::folder_name(run.repetition, run.method, run.ratio);
        let mut about = run.about.clone();
        if let Some(model) = self.plan.name() {
            name = format!("{name}-{}", model.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c), "_"));
            about = format!("{about} with {model}");
        }
        let mut folder = WorkDir::new(self.keep, &name)?;
        let values = self.values(folder.path(), run);
        let weights = run
            .weights
            .map(|weights| Extra { name: values.weights.clone(), values: ExtraValues::F64(weights.to_vec()) });
        self.write(&values.data, run.train, weights.as_slice())?;
        self.write(&values.test, run.test, &[])?;
        let words = self.words(&values);
        let document = json!({
            "repetition": run.repetition,
            "method": run.method,
            "ratio": run.ratio,
            "model": self.plan.name(),
            "seed": run.seed,
            "weights": Some(&values.weights).filter(|name| !name.is_empty()),
            "command": render_shell(&words),
        });
        command::describe(&folder, &document)?;
        let outcome = command::run(&words, &mut folder, &about, meter).and_then(|cost| {
            let found = self.read(&folder, &values, run);
            Ok((cost, found.map_err(|problem| command::unusable(problem, &mut folder, &about))?))
        });
        command::report(&outcome, self.reporter);
        outcome
    }

    /// The command line of a run, in a folder that it would have.
    pub(crate) fn render_command(&self, run: &CommandRun<'_>) -> String {
        let out = self.keep.map_or_else(std::env::temp_dir, Path::to_owned);
        render_shell(&self.words(&self.values(&out.join("RUN"), run)))
    }

    fn read(&self, folder: &WorkDir, values: &Values, run: &CommandRun<'_>) -> Result<Found> {
        let settings = &self.plan.settings;
        let text = |path: &Path| {
            std::fs::read_to_string(path).map_err(|e| Problem::io(format!("{}: cannot be read", path.display()), e))
        };
        if let Some(predictions) = &settings.predictions {
            let path = predictions.fill(values);
            return predicted(&text(Path::new(&path))?, run.names, run.test.len())
                .map(Found::Predictions)
                .map_err(|problem| problem.at(Path::new(&path).display().to_string()));
        }
        let missing = || {
            let hint = text![
                "print {\"accuracy\": 0.91, \"f1\": 0.88} as the last line, or write the predicted classes to the file of ",
                setting::PREDICTIONS.to("{out}/predictions.txt")
            ];
            Problem::new("the command gave no score named accuracy").hint(hint)
        };
        let found = match &settings.results {
            Some(results) => scores_of(&text(Path::new(&results.fill(values)))?),
            None => command::last_words(folder).iter().rev().find_map(|line| scores_of(line)),
        };
        let scores = found.ok_or_else(missing)?;
        match scores.iter().zip(SCORES).find(|(value, _)| !value.is_nan() && !(0.0..=1.0).contains(*value)) {
            Some((value, name)) => Err(Problem::new(format!("the command says that {name} is {value}"))
                .hint("scores are fractions, in [0, 1]")),
            None => Ok(Found::Scores(scores)),
        }
    }
}

/// Named scores: a JSON object, or words such as `accuracy=0.9 f1=0.8`. None without an accuracy.
fn scores_of(text: &str) -> Option<[f64; 4]> {
    let mut scores = [f64::NAN; 4];
    let mut set = |name: &str, value: f64| {
        let name = name.trim().to_ascii_lowercase();
        let plain = name.strip_prefix("macro_").or(name.strip_suffix("_macro")).unwrap_or(&name);
        if let Some(place) = SCORES.iter().position(|score| *score == plain) {
            scores[place] = value;
        }
    };
    if let Ok(Value::Object(map)) = serde_json::from_str(text) {
        map.iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).for_each(|(name, value)| set(name, value));
    } else {
        for word in text.split([' ', ',', ';', '\t']).filter(|word| !word.is_empty()) {
            if let Some((name, value)) = word.split_once(['=', ':'])
                && let Ok(value) = value.trim().parse()
            {
                set(name, value);
            }
        }
    }
    (!scores[0].is_nan()).then_some(scores)
}

/// The classes of a file with one name a line, as in the column of classes; a first line more is a header.
fn predicted(text: &str, names: &[String], rows: usize) -> Result<Vec<ClassId>> {
    let mut lines: Vec<&str> = text.lines().map(|line| line.trim().trim_matches('"')).collect();
    while lines.len() > rows && lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let header = usize::from(lines.len() == rows + 1);
    if lines.len() - header != rows {
        return Err(Problem::new(format!("has {} lines for {rows} test rows", lines.len()))
            .hint("write one predicted class per line, in the order of {test}"));
    }
    let places: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let number = |text: &str| text.parse::<f64>().ok();
    let class = |(at, &line): (usize, &&str)| {
        let found = places.get(line).copied().or_else(|| {
            // 3 and 3.0 are one class.
            let value = number(line)?;
            names.iter().position(|name| number(name) == Some(value))
        });
        found.map(ClassId::at).ok_or_else(|| {
            let message = format!("line {}: there is no class '{line}'", at + 1 + header);
            Problem::new(message).hint("write classes as the label column of {test} has them")
        })
    };
    lines[header..].iter().enumerate().map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_a_line_are_read_by_name() {
        let known = |text: &str| scores_of(text).map(|s| s.map(|v| if v.is_nan() { -1.0 } else { v }));
        assert_eq!(known(r#"{"accuracy": 0.9, "macro_f1": 0.8, "loss": 3}"#), Some([0.9, -1.0, -1.0, 0.8]));
        assert_eq!(known("accuracy=0.5 precision=0.25, recall:1 f1_macro=0"), Some([0.5, 0.25, 1.0, 0.0]));
        for none in ["f1=0.8", "done", "{}", "", "accuracy = high"] {
            assert_eq!(known(none), None, "{none}");
        }
    }

    #[test]
    fn predicted_classes_are_read_by_name() {
        let names = ["a b".to_owned(), "3".to_owned()];
        let read =
            |text: &str, rows| predicted(text, &names, rows).map(|found| found.iter().map(|c| c.0).collect::<Vec<_>>());
        assert_eq!(read("a b\n3\n3.0\n", 3).expect("classes"), [0, 1, 1]);
        assert_eq!(read("class\r\n\"a b\"\r\n3\r\n\n", 2).expect("classes"), [0, 1]);
        assert_eq!(read("a b\n", 3).expect_err("too few").to_string(), "has 1 lines for 3 test rows");
        assert_eq!(read("p\na b\nc\n", 2).expect_err("no class").to_string(), "line 3: there is no class 'c'");
    }
}
