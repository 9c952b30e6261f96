//! The records of a choice: a file with one line per training, which goes on after a kill.
//!
//! The first line holds what decides a training: the data, how rows are held out, the seed, the model. Goal, tolerance, ratio and
//! time are not among it, so the same records answer another question without new trainings.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use leanset_choose::{Evaluation, Key, Records};
use leanset_problem::{Problem, Result};
use leanset_spec::{Choosing, Columns};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::differences;
use crate::lines::{AppendedFile, value};

/// The schema of the first line.
const SCHEMA: &str = "leanset.choice-records/1";

/// A line behind the first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Training { key: Key, evaluation: Evaluation },
    Decision(Decided),
}

/// What was decided by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Decided {
    /// What.
    decision: String,
    /// How.
    value: usize,
}

/// A file of records, open and locked; or none, and what is done is kept nowhere.
#[derive(Debug)]
pub struct ChoiceRecords {
    file: Option<Mutex<AppendedFile>>,
    known: Vec<(Key, Evaluation)>,
    decided: Vec<Decided>,
    /// Whether an incomplete last line was left out.
    pub torn: bool,
}

/// The first line.
#[derive(Serialize)]
struct Header<'a> {
    schema: &'static str,
    leanset: &'static str,
    data: &'a str,
    columns: &'a Columns,
    folds: Option<usize>,
    group: Option<&'a str>,
    validation: bool,
    seed: u64,
    model: Option<&'a str>,
    predictions: Option<&'a str>,
}

/// How it begins, so that another file is never taken for a torn one.
const BEGIN: &str = "{\"schema\":\"leanset.choice-records/";

impl ChoiceRecords {
    /// Opens a file of records, or begins one.
    ///
    /// # Errors
    /// The file cannot be used, is damaged, or is of another choice.
    pub fn open(path: Option<&Path>, (choosing, columns): (&Choosing, &Columns), sha256: &str) -> Result<Self> {
        let mut own = Self { file: None, known: Vec::new(), decided: Vec::new(), torn: false };
        let Some(path) = path else { return Ok(own) };
        let header = Header {
            schema: SCHEMA,
            leanset: env!("CARGO_PKG_VERSION"),
            data: sha256,
            columns,
            folds: choosing.folds,
            group: choosing.group.as_deref(),
            validation: choosing.validation.is_some(),
            seed: choosing.seed,
            model: choosing.model.as_deref(),
            predictions: choosing.predictions.as_deref(),
        };
        let (mut file, bytes) = AppendedFile::open(path)?;
        let whole = own.parse(path, &bytes, &header)?;
        file.cut(whole)?;
        if whole == 0 {
            file.append(&header)?;
        }
        own.file = Some(Mutex::new(file));
        Ok(own)
    }

    /// Trainings that were done before.
    pub fn done(&self) -> usize {
        self.known.len()
    }

    /// Reads what the file holds; returns the bytes up to the end of the last whole line.
    fn parse(&mut self, path: &Path, bytes: &[u8], header: &Header<'_>) -> Result<u64> {
        let name = path.display();
        let other = || {
            Problem::new(format!("{name}: holds no records of a choice"))
                .hint("name another file, or a new one to begin anew")
        };
        if !bytes.iter().zip(BEGIN.as_bytes()).all(|(a, b)| a == b) {
            return Err(other());
        }
        let mut whole = 0;
        for (number, text) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
            let last = whole + text.len() == bytes.len();
            let text = std::str::from_utf8(text).ok().and_then(|text| text.strip_suffix('\n'));
            let found = text.and_then(value::<Value>);
            let Some(found) = found else {
                if last && text.is_none() {
                    self.torn = true;
                    break;
                }
                let message = format!("{name}: line {} does not match its checksum", number + 1);
                return Err(Problem::new(message)
                    .hint("the file was changed or damaged: take it from a backup, or delete that line and run the command again"));
            };
            let understood = |e: serde_json::Error| {
                Problem::new(format!("{name}: line {} is not understood: {e}", number + 1))
                    .hint("use the version of leanset that wrote it")
            };
            let found = found.map_err(understood)?;
            if number == 0 {
                if found["schema"] != SCHEMA {
                    return Err(other());
                }
                let mut differ = Vec::new();
                differences("", &found, &serde_json::to_value(header).unwrap_or_default(), &mut differ);
                if !differ.is_empty() {
                    let message = format!("{name}: was begun with something else: {}", differ.join(", "));
                    return Err(Problem::new(message).hint("go back to what it was begun with, or name another file"));
                }
            } else {
                match serde_json::from_value(found).map_err(understood)? {
                    Line::Training { key, evaluation } => self.known.push((key, evaluation)),
                    Line::Decision(decided) => self.decided.push(decided),
                }
            }
            whole += bytes[whole..].iter().position(|&b| b == b'\n').map_or(bytes.len() - whole, |at| at + 1);
        }
        Ok(whole as u64)
    }

    fn append(&self, line: &Line) -> Result<()> {
        match &self.file {
            None => Ok(()),
            Some(file) => file.lock().unwrap_or_else(PoisonError::into_inner).append(line),
        }
    }
}

impl Records for ChoiceRecords {
    fn known(&self) -> Vec<(Key, Evaluation)> {
        self.known.clone()
    }

    fn decided(&self, name: &str) -> Option<usize> {
        self.decided.iter().rev().find(|decided| decided.decision == name).map(|decided| decided.value)
    }

    fn write(&self, key: &Key, evaluation: &Evaluation) -> Result<()> {
        self.append(&Line::Training { key: key.clone(), evaluation: evaluation.clone() })
    }

    fn decide(&self, name: &str, value: usize) -> Result<()> {
        self.append(&Line::Decision(Decided { decision: name.to_owned(), value }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leanset_choose::{Judge, Outcome, Predictions, Ratio};

    fn training(fold: usize) -> (Key, Evaluation) {
        let key = Key { judge: Judge::Own, candidate: "energy".into(), ratio: Ratio(0.1), fold };
        let outcome = Outcome::Predictions(Predictions(vec![0, 1, 300]));
        (key, Evaluation { kept: 3, outcome, selection_seconds: 0.1 + 0.2, training_seconds: 2.0 })
    }

    fn open(path: &Path, choosing: &Choosing) -> Result<ChoiceRecords> {
        ChoiceRecords::open(Some(path), (choosing, &Columns::labelled("kind")), "abc")
    }

    #[test]
    fn records_go_on_wherever_their_file_was_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("records.jsonl");
        let asked = Choosing::default();
        let records = open(&path, &asked).expect("begun");
        for fold in 0..2 {
            let (key, evaluation) = training(fold);
            records.write(&key, &evaluation).expect("written");
        }
        records.decide("folds", 3).expect("written");
        drop(records);
        let whole = std::fs::read(&path).expect("the file");
        let ends: Vec<usize> = (1..=whole.len()).filter(|&end| whole[end - 1] == b'\n').collect();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("cut");
            let found = open(&path, &asked).unwrap_or_else(|e| panic!("cut at {cut}: {e}"));
            let lines = ends.iter().filter(|&&end| end <= cut).count();
            assert_eq!(
                found.known,
                (0..2).map(training).take(lines.saturating_sub(1)).collect::<Vec<_>>(),
                "cut at {cut}"
            );
            assert_eq!(found.decided("folds"), (lines == 4).then_some(3));
            assert_eq!(found.torn, cut > 0 && !ends.contains(&cut), "cut at {cut}");
            if lines > 0 {
                let last = ends[lines - 1];
                assert!(std::fs::read(&path).expect("the file") == whole[..last], "cut at {cut}");
            }
        }
    }

    #[test]
    fn records_answer_other_questions_about_the_same_trainings() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("records.jsonl");
        drop(open(&path, &Choosing::default()).expect("begun"));
        let other = Choosing { tolerance: 0.02, ratio: Some(0.1), time: Some(60.0), ..Choosing::default() };
        drop(open(&path, &other).expect("the same trainings"));
        let error = open(&path, &Choosing { seed: 1, ..Choosing::default() }).expect_err("other trainings");
        assert!(error.to_string().ends_with("was begun with something else: seed (0 there, 1 here)"), "{error}");
        std::fs::write(&path, "a,b\n1,2\n").expect("a table");
        let error = open(&path, &Choosing::default()).expect_err("a table");
        assert!(error.to_string().ends_with("holds no records of a choice"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "a,b\n1,2\n");
    }
}
