//! Records of runs: a file that only grows, a line a run, and survives being killed at any moment.
//!
//! The first line is the [`Header`]: the plan with every default, the data by its SHA-256, the version. Every further
//! line is one [`Record`]. A line ends in the SHA-256 of what stands before it, and is written in one call and synced,
//! so that of a process that was killed at most the last line is torn. A torn last line is cut off and its run done
//! again; a line that is damaged anywhere else is an error, and so is a plan, a table or a version that is no longer
//! that of the header. Where pictures were looked at beforehand, what that cost is in the first line as well. All but
//! `measured` is the same whoever runs it, in whatever order, interrupted or not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::energy::{Bill, Sources};
use crate::error::{Error, Result};
use crate::plan::{About, Plan};
use crate::results::Detection;

/// The schema of the header; its number grows when a reader could misunderstand.
pub const SCHEMA: &str = "leanset.runs/1";
/// How the first line begins, so that another file is never taken for a torn one.
const BEGIN: &str = "{\"schema\":\"leanset.runs/";

/// What features are called that come from elsewhere.
pub const GIVEN: &str = "given";

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of leanset.
    pub leanset: String,
    /// The plan as used, defaults filled in.
    pub plan: Plan,
    /// The table.
    pub data: DataRecord,
    /// What depends on the machine and the moment; none of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Beforehand>,
}

/// What was measured before the first run. It is not asked for again: what was read once is quicker read again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beforehand {
    /// What making the features of all pictures cost.
    pub features: Bill,
}

/// The data of an experiment. Of pictures, rows are training pictures that can be used, and classes are categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// What the data are called.
    pub name: String,
    /// SHA-256 of the file; of pictures, of the names, contents and objects of those to train on.
    pub sha256: String,
    /// Rows that take part.
    pub rows: usize,
    /// Numbers a row has.
    pub dimensions: usize,
    /// Rows that are trained on, of each split.
    pub training_rows: usize,
    /// The classes, and their rows.
    pub classes: Vec<(String, usize)>,
    /// What the numbers of pictures are called; `given` if they come from elsewhere, and what they cost is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// Pictures that detectors are tested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// SHA-256 of what else was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
}

/// One run: a model trained on what a method kept, or on everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which split, from 0.
    pub repetition: u32,
    /// What the plan calls the method; `full` is training on everything.
    pub method: String,
    /// The part of the training rows that is kept.
    pub ratio: f64,
    /// What the run drew from.
    pub seeds: Seeds,
    /// Rows kept of each class.
    pub kept: Vec<usize>,
    /// ε of what was kept; "inf" if a class is lost.
    #[serde(with = "infinite")]
    pub epsilon: f64,
    /// What the model is worth.
    #[serde(flatten)]
    pub scores: Scores,
    /// Gradient steps.
    pub steps: Steps,
    /// Codes of what the method warned of.
    pub warnings: Vec<String>,
    /// What depends on the machine and the moment.
    pub measured: Measured,
}

/// What a model is worth, by the kind of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scores {
    /// On test rows.
    Rows(RowScores),
    /// On validation pictures.
    Pictures(Detection),
}

impl Scores {
    /// The measures of [`Kind`](crate::kind::Kind), in its order.
    pub fn values(&self) -> [f64; 4] {
        match self {
            Self::Rows(s) => [s.accuracy, s.precision, s.recall, s.f1],
            Self::Pictures(s) => [s.map50_95, s.map50, s.precision, s.recall],
        }
    }
}

/// The scores of a model on the test rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowScores {
    /// The part of test rows whose class is predicted.
    pub accuracy: f64,
    /// Macro precision.
    pub precision: f64,
    /// Macro recall.
    pub recall: f64,
    /// Macro F1.
    pub f1: f64,
    /// The scores of each class.
    pub classes: Vec<ClassRecord>,
}

/// What a run drew from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// Of the split; none where the data are split already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<u64>,
    /// Of the method.
    pub method: u64,
    /// Of the model and its training.
    pub model: u64,
}

/// The scores of one class on the test rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassRecord {
    /// Its name.
    pub name: String,
    /// Its test rows.
    pub rows: usize,
    /// Right among those predicted to be of it.
    pub precision: f64,
    /// Right among its rows.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

/// Gradient steps of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// On everything, before the method chose.
    pub warm_up: u64,
    /// On what was kept.
    pub training: u64,
}

/// What depends on the machine and the moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Whether the machine did other work at the same time: other runs of this experiment, or other processes. Times
    /// are then longer than those of a machine of one's own, and joules are a share by CPU time.
    pub shared: bool,
    /// Threads of the run.
    pub threads: usize,
    /// The processor.
    pub processor: String,
    /// Choosing what is kept, warm-up included. Of a ranking or warm-up that serves several ratios it is the whole of
    /// it, as a run of its own would cost.
    pub reduction: Cost,
    /// How many runs of the plan share that cost: 1 if it is this run's own.
    pub reduction_serves: usize,
    /// What making the features of all pictures cost, once in the experiment. It is in `reduction` where the method
    /// looked at them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Bill>,
    /// Training on what was kept.
    pub training: Cost,
    /// Where joules and grams are from.
    pub energy: Sources,
}

impl Measured {
    /// Reduction and training together.
    pub fn total(&self) -> Cost {
        self.reduction.plus(&self.training)
    }
}

/// What a piece of work cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Wall time, in seconds.
    pub seconds: f64,
    /// CPU time, in seconds, where the system tells.
    pub cpu_seconds: Option<f64>,
    /// Energy of this work, in joules, where there is anything to tell it from.
    pub joules: Option<f64>,
    /// It is not below this.
    pub joules_low: Option<f64>,
    /// It is not above this.
    pub joules_high: Option<f64>,
    /// Grams of CO₂ equivalent.
    pub grams: Option<f64>,
}

impl Cost {
    /// The sum; none where either is not known.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        Self {
            seconds: self.seconds + other.seconds,
            cpu_seconds: sum(self.cpu_seconds, other.cpu_seconds),
            joules: sum(self.joules, other.joules),
            joules_low: sum(self.joules_low, other.joules_low),
            joules_high: sum(self.joules_high, other.joules_high),
            grams: sum(self.grams, other.grams),
        }
    }

    /// Seconds by a clock; CPU time only where it is known.
    pub fn by(&self, clock: Clock) -> f64 {
        match clock {
            Clock::Wall => self.seconds,
            Clock::Cpu => self.cpu_seconds.unwrap_or(f64::NAN),
        }
    }

    /// Nothing was done: it costs nothing, as far as anything is known.
    pub fn nothing() -> Self {
        let zero = Some(0.0);
        Self { seconds: 0.0, cpu_seconds: zero, joules: zero, joules_low: zero, joules_high: zero, grams: zero }
    }
}

/// What seconds are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// From beginning to end.
    #[default]
    Wall,
    /// Time that a processor worked: what can be compared among runs that shared the machine.
    Cpu,
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wall => "time",
            Self::Cpu => "CPU time",
        })
    }
}

/// What tells runs apart; sorts as the plan runs them, but for the order of methods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Which split.
    pub repetition: u32,
    /// What the plan calls the method.
    pub method: String,
    /// The bits of the ratio: positive floats sort as their bits do.
    ratio: u64,
}

impl Key {
    /// Of a run.
    pub fn new(repetition: u32, method: &str, ratio: f64) -> Self {
        Self { repetition, method: method.to_owned(), ratio: ratio.to_bits() }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "repetition {}, {} at {}", self.repetition, self.method, f64::from_bits(self.ratio))
    }
}

impl Record {
    /// What tells it from other runs.
    pub fn key(&self) -> Key {
        Key::new(self.repetition, &self.method, self.ratio)
    }
}

/// A number as JSON, infinity as "inf".
pub(crate) mod infinite {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { serializer.serialize_f64(*value) } else { serializer.serialize_str("inf") }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Number {
            Finite(f64),
            Word(String),
        }
        match Number::deserialize(deserializer)? {
            Number::Finite(value) => Ok(value),
            Number::Word(word) if word == "inf" => Ok(f64::INFINITY),
            Number::Word(word) => Err(serde::de::Error::custom(format!("'{word}' is no number"))),
        }
    }
}

/// SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The line of a value: its JSON, with the SHA-256 of that as the last key.
fn line(value: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string(value).map_err(|e| {
        Error::new(format!("a record cannot be made: {e}"), "this is a fault of leanset: please report it")
    })?;
    let digest = sha256(text.as_bytes());
    text.pop();
    text.push_str(&format!(",\"sha256\":\"{digest}\"}}\n"));
    Ok(text)
}

/// The value of a line, if the line is whole.
fn value<T: DeserializeOwned>(line: &str) -> Option<std::result::Result<T, serde_json::Error>> {
    let (body, rest) = line.rsplit_once(",\"sha256\":\"")?;
    let json = format!("{body}}}");
    (rest.strip_suffix("\"}")? == sha256(json.as_bytes())).then(|| serde_json::from_str(&json))
}

/// What a file of records holds.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The first line.
    pub header: Header,
    /// The runs, in the order of the file.
    pub records: Vec<Record>,
    /// Whether a torn last line was left out.
    pub torn: bool,
    /// Bytes up to the end of the last whole line.
    whole: u64,
}

/// Reads records without changing the file.
///
/// # Errors
/// The file cannot be read, holds no records, or is damaged elsewhere than in its last line.
pub fn read(path: &Path) -> Result<Contents> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)).map_err(|e| Error::io(path, "cannot be read", &e))?;
    match parse(path, &bytes)? {
        Some(contents) => Ok(contents),
        None => Err(Error::new(
            format!("{}: holds no records yet", path.display()),
            "run the experiment: leanset experiment PLAN.toml --output FILE",
        )),
    }
}

/// None: nothing but a torn first line, or nothing at all.
fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Contents>> {
    let name = path.display();
    let strange =
        || Error::new(format!("{name}: holds no records of leanset"), "name another file, or a new one to begin anew");
    let begins = |bytes: &[u8]| bytes.iter().zip(BEGIN.as_bytes()).all(|(a, b)| a == b);
    if !begins(bytes) {
        return Err(strange());
    }
    let mut found: Option<Contents> = None;
    let mut seen = BTreeSet::new();
    let mut at = 0;
    for (number, text) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        let last = at + text.len() == bytes.len();
        let text = std::str::from_utf8(text).ok().and_then(|t| t.strip_suffix('\n'));
        let damaged = || {
            Error::new(
                format!("{name}: line {} does not match its checksum", number + 1),
                "the file was changed or damaged: take it from a backup, or delete that line and run the experiment again",
            )
        };
        let understood = |e: &serde_json::Error| {
            Error::new(
                format!("{name}: line {} is not understood: {e}", number + 1),
                "use the version of leanset that wrote it",
            )
        };
        match &mut found {
            None => match text.and_then(value::<serde_json::Value>) {
                None if last => return Ok(None),
                None => return Err(damaged()),
                Some(header) => {
                    let header = header.map_err(|e| understood(&e))?;
                    if header["schema"] != SCHEMA {
                        let schema = header["schema"].as_str().unwrap_or_default();
                        return Err(Error::new(
                            format!("{name}: has schema '{schema}'; this leanset reads {SCHEMA}"),
                            "use the version of leanset that wrote it",
                        ));
                    }
                    let header = serde_json::from_value(header).map_err(|e| understood(&e))?;
                    found = Some(Contents { header, records: Vec::new(), torn: false, whole: 0 });
                }
            },
            Some(contents) => match text.and_then(value::<Record>) {
                None if last => {
                    contents.torn = true;
                    break;
                }
                None => return Err(damaged()),
                Some(record) => {
                    let record = record.map_err(|e| understood(&e))?;
                    if !seen.insert(record.key()) {
                        return Err(Error::new(
                            format!("{name}: line {} is a run that another line holds too", number + 1),
                            "delete one of the two lines",
                        ));
                    }
                    contents.records.push(record);
                }
            },
        }
        at += bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len() - at, |i| i + 1);
        if let Some(contents) = &mut found {
            contents.whole = at as u64;
        }
    }
    Ok(found)
}

/// Where two documents differ, a line each.
fn differences(key: &str, a: &serde_json::Value, b: &serde_json::Value, found: &mut Vec<String>) {
    match (a, b) {
        (serde_json::Value::Object(a), serde_json::Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let value =
                |map: &serde_json::Map<String, serde_json::Value>, name| map.get(name).cloned().unwrap_or_default();
            for name in keys {
                let below = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                differences(&below, &value(a, name), &value(b, name), found);
            }
        }
        _ if a == b => {}
        _ => {
            let short = |v: &serde_json::Value| {
                let text = v.to_string();
                if text.chars().count() > 60 {
                    format!("{}…", text.chars().take(59).collect::<String>())
                } else {
                    text
                }
            };
            found.push(format!("{key} ({} there, {} here)", short(a), short(b)));
        }
    }
}

/// A file of records, open and locked, to which runs are appended.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Contents {
    /// What the features of all pictures cost when they were first made.
    pub fn features(&self) -> Option<&Bill> {
        let beforehand = self.header.measured.as_ref().map(|measured| &measured.features);
        // Without it in the header: of a file that was begun when it was in records alone.
        beforehand.or_else(|| self.records.iter().find_map(|record| record.measured.features.as_ref()))
    }
}

impl Journal {
    /// Opens a file of records, or begins one; what it holds already comes back.
    ///
    /// # Errors
    /// The file cannot be used, or was begun with another plan, table or version; another process writes to it.
    pub fn open(path: &Path, header: &Header) -> Result<(Self, Contents)> {
        let failed = |e: &std::io::Error| Error::io(path, "cannot be written", e);
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(|e| failed(&e))?;
        if file.try_lock().is_err() {
            return Err(Error::new(
                format!("{}: another process is writing to it", path.display()),
                "wait for it to end, or name another file",
            ));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| failed(&e))?;
        let contents = match parse(path, &bytes)? {
            Some(contents) => {
                check_same(path, &contents.header, header)?;
                file.set_len(contents.whole).map_err(|e| failed(&e))?;
                contents
            }
            None => {
                file.set_len(0).map_err(|e| failed(&e))?;
                Contents { header: header.clone(), records: Vec::new(), torn: !bytes.is_empty(), whole: 0 }
            }
        };
        file.seek(std::io::SeekFrom::End(0)).map_err(|e| failed(&e))?;
        let mut journal = Self { file, path: path.to_owned() };
        if contents.whole == 0 {
            journal.append(&line(header)?)?;
        }
        Ok((journal, contents))
    }

    /// Appends a run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        self.append(&line(record)?)
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|e| Error::io(&self.path, "cannot be written", &e))
    }
}

fn check_same(path: &Path, there: &Header, here: &Header) -> Result<()> {
    let json = |header: &Header| {
        let mut json = serde_json::to_value(header).unwrap_or_default();
        if let Some(header) = json.as_object_mut() {
            header.remove("measured");
        }
        // Of pictures the name is a place, and their contents are compared wherever they are.
        if let (About::Pictures(_), Some(data)) = (&header.plan.about, json["data"].as_object_mut()) {
            data.remove("name");
        }
        json
    };
    let mut found = Vec::new();
    differences("", &json(there), &json(here), &mut found);
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        format!("{}: was begun with something else: {}", path.display(), found.join(", ")),
        "go back to what it was begun with, or name another file",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let text = "title = \"t\"\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n";
        let data = DataRecord {
            name: "t.csv".into(),
            sha256: sha256(b"t"),
            rows: 10,
            dimensions: 2,
            training_rows: 8,
            classes: vec![("a".into(), 5), ("b \"é\"".into(), 5)],
            features: None,
            validation: None,
            sources: BTreeMap::new(),
        };
        let plan = Plan::parse(text, "t.toml").expect("a plan");
        Header { schema: SCHEMA.into(), leanset: "0.0.0".into(), plan, data, measured: None }
    }

    fn record(repetition: u32) -> Record {
        let cost = Cost { seconds: 0.25, cpu_seconds: Some(0.2), joules: None, ..Cost::default() };
        Record {
            repetition,
            method: "stratified-random".into(),
            ratio: 0.5,
            seeds: Seeds { split: Some(1), method: 2, model: (1 << 53) - 1 },
            kept: vec![2, 2],
            epsilon: if repetition == 1 { f64::INFINITY } else { 0.1 + 0.2 },
            scores: Scores::Rows(RowScores {
                accuracy: 2.0 / 3.0,
                precision: 0.5,
                recall: 0.5,
                f1: 0.5,
                classes: vec![ClassRecord { name: "b \"é\"".into(), rows: 1, precision: 0.5, recall: 0.5, f1: 0.5 }],
            }),
            steps: Steps { warm_up: 0, training: 30 },
            warnings: vec!["budget-raised".into()],
            measured: Measured {
                shared: true,
                threads: 1,
                processor: "p".into(),
                reduction: cost,
                reduction_serves: 1,
                features: None,
                training: cost,
                energy: Sources::default(),
            },
        }
    }

    fn write(path: &Path, records: &[Record]) {
        let (mut journal, _) = Journal::open(path, &header()).expect("a journal");
        records.iter().for_each(|r| journal.write(r).expect("written"));
    }

    #[test]
    fn what_is_written_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.jsonl");
        let records: Vec<Record> = (0..3).map(record).collect();
        write(&path, &records);
        let contents = read(&path).expect("records");
        // The path of the table is not part of the header: its content is.
        let mut expected = header();
        let About::Table(table) = &mut expected.plan.about else { panic!("of a table") };
        table.data.path = None;
        assert_eq!((&contents.header, contents.records.as_slice()), (&expected, records.as_slice()));
        assert!(!contents.torn);
    }

    /// Cut at any byte, the file loses the runs that are not whole, and goes on to the same end.
    #[test]
    fn a_file_cut_anywhere_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.jsonl");
        let records: Vec<Record> = (0..3).map(record).collect();
        write(&path, &records);
        let whole = std::fs::read(&path).expect("the file");
        let ends: Vec<usize> = (1..=whole.len()).filter(|&end| whole[end - 1] == b'\n').collect();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("cut");
            let (mut journal, contents) = Journal::open(&path, &header()).expect("a journal");
            let lines = ends.iter().filter(|&&end| end <= cut).count();
            assert_eq!(contents.records.len(), lines.saturating_sub(1), "cut at {cut}");
            assert_eq!(contents.torn, cut > 0 && !ends.contains(&cut), "cut at {cut}");
            if cut % 9 != 0 && !ends.contains(&cut) {
                continue;
            }
            records[contents.records.len()..].iter().for_each(|r| journal.write(r).expect("written"));
            drop(journal);
            assert!(std::fs::read(&path).expect("the file") == whole, "cut at {cut}");
        }
    }

    /// What was measured, and where pictures are, may differ; nothing else may.
    #[test]
    fn a_header_is_the_same_whatever_was_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.jsonl");
        let text = "title = \"t\"\n[images]\npath = \"d\"\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n\
                    [detector]\ncommand = \"x {data} {seed} {epochs} {out}\"\n";
        let of = |name: &str, seconds: f64, rows: usize| {
            let features = Bill { cost: Cost { seconds, ..Cost::default() }, ..Bill::default() };
            let plan = Plan::parse(text, "t.toml").expect("a plan");
            let data = DataRecord { name: name.into(), rows, ..header().data };
            Header { plan, data, measured: Some(Beforehand { features }), ..header() }
        };
        drop(Journal::open(&path, &of("a/data.yaml", 2.0, 10)).expect("a journal"));
        let (_, contents) = Journal::open(&path, &of("b/data.yaml", 1.0, 10)).expect("the same");
        assert_eq!(contents.features().map(|bill| bill.cost.seconds), Some(2.0));
        let error = Journal::open(&path, &of("b/data.yaml", 2.0, 11)).expect_err("another");
        assert!(error.to_string().ends_with("begun with something else: data.rows (10 there, 11 here)"), "{error}");
        // A table is named by its file, and its first line is what it ever was.
        let path = folder.path().join("t.jsonl");
        drop(Journal::open(&path, &header()).expect("a journal"));
        assert!(!std::fs::read_to_string(&path).expect("the file").contains("measured"));
        let renamed = Header { data: DataRecord { name: "u.csv".into(), ..header().data }, ..header() };
        assert!(Journal::open(&path, &renamed).is_err());
    }

    #[test]
    fn any_changed_byte_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.jsonl");
        write(&path, &[record(0), record(1)]);
        let whole = std::fs::read(&path).expect("the file");
        let ends: Vec<usize> = (1..=whole.len()).filter(|&end| whole[end - 1] == b'\n').collect();
        // In the last line it is taken for torn; a changed end of line makes the last two one.
        for at in 0..ends[1] - 1 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).expect("changed");
            assert!(read(&path).is_err(), "byte {at}");
        }
    }
}
