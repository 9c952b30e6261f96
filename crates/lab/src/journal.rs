//! The journal of an experiment: an append-only file with one line per run that survives being killed at any moment.
//!
//! The first line is the [`Header`]: the plan with every default, the data by their SHA-256, the version. Every further
//! line is one [`Record`], or another header: that of a plan which adds runs. A line ends in the SHA-256 of its JSON, is written in one call and is synced, so that after a
//! kill at most the last line is incomplete. An incomplete last line is cut off and its run is done again. A line that is
//! damaged anywhere else is an error.
//!
//! A run is what its settings are, and not the file that it is in: a plan with another ratio, method, model or number of repetitions
//! adds its runs to those of the file. It must agree with the header in everything that decides a run: the data, the split,
//! the seed, the metric, the version, and the settings of each method and model that both have.

use std::collections::BTreeSet;
use std::path::Path;

use leanset_problem::{Problem, Result};
use serde_json::Map;

use crate::json::differences;
use crate::lines::{AppendedFile, value};
use crate::plan::TaskPlan;
use crate::record::{Header, MeteredCost, Record, SCHEMA};

/// How the first line begins, so that another file is never taken for a torn one.
const BEGIN: &str = "{\"schema\":\"leanset.runs/";

/// What a file of records holds.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The first line, with the plans of further headers.
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
    let bytes = leanset_problem::files::read_given(path)
        .map_err(|e| Problem::io(format!("{}: cannot be read", path.display()), e))?;
    match parse(path, &bytes)? {
        Some(contents) => Ok(contents),
        None => Err(Problem::new(format!("{}: holds no records yet", path.display()))
            .hint("run the experiment: leanset experiment PLAN.toml --output FILE")),
    }
}

/// None: nothing but a torn first line, or nothing at all.
fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Contents>> {
    let name = path.display();
    let strange = || {
        Problem::new(format!("{name}: holds no records of leanset"))
            .hint("name another file, or a new one to begin anew")
    };
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
            Problem::new(format!("{name}: line {} does not match its checksum", number + 1)).hint("the file was changed or damaged: take it from a backup, or delete that line and run the experiment again")
        };
        let understood = |e: &serde_json::Error| {
            Problem::new(format!("{name}: line {} is not understood: {e}", number + 1))
                .hint("use the version of leanset that wrote it")
        };
        match &mut found {
            None => match text.and_then(value::<serde_json::Value>) {
                None if last => return Ok(None),
                None => return Err(damaged()),
                Some(header) => {
                    let header = header.map_err(|e| understood(&e))?;
                    if header["schema"] != SCHEMA {
                        let schema = header["schema"].as_str().unwrap_or_default();
                        return Err(Problem::new(format!(
                            "{name}: has schema '{schema}'; this leanset reads {SCHEMA}"
                        ))
                        .hint("use the version of leanset that wrote it"));
                    }
                    let header = serde_json::from_value(header).map_err(|e| understood(&e))?;
                    found = Some(Contents { header, records: Vec::new(), torn: false, whole: 0 });
                }
            },
            Some(contents) if text.is_some_and(|text| begins(text.as_bytes())) => {
                let header: Header = match text.and_then(value::<Header>) {
                    None if last => {
                        contents.torn = true;
                        break;
                    }
                    None => return Err(damaged()),
                    Some(header) => header.map_err(|e| understood(&e))?,
                };
                check_same(path, &contents.header, &header)?;
                contents.header.add(&header.plan);
            }
            Some(contents) => match text.and_then(value::<Record>) {
                None if last => {
                    contents.torn = true;
                    break;
                }
                None => return Err(damaged()),
                Some(record) => {
                    let record = record.map_err(|e| understood(&e))?;
                    if !seen.insert(record.key()) {
                        return Err(Problem::new(format!(
                            "{name}: line {} is a run that another line holds too",
                            number + 1
                        ))
                        .hint("delete one of the two lines"));
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

/// A file of records, open and locked, to which runs are appended.
#[derive(Debug)]
pub struct Journal(AppendedFile);

impl Contents {
    /// The cost of the features of all images when they were first computed.
    pub fn features(&self) -> Option<&MeteredCost> {
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
        let (mut file, bytes) = AppendedFile::open(path)?;
        let mut grows = false;
        let contents = match parse(path, &bytes)? {
            Some(mut contents) => {
                check_same(path, &contents.header, header)?;
                file.cut(contents.whole)?;
                // Nothing is written of a plan whose runs are all among those of the file.
                let known = contents.header.runs();
                grows = header.runs().iter().any(|run| !known.contains(run));
                if grows {
                    contents.header.add(&header.plan);
                }
                contents
            }
            None => {
                file.cut(0)?;
                Contents { header: header.clone(), records: Vec::new(), torn: !bytes.is_empty(), whole: 0 }
            }
        };
        if contents.whole == 0 || grows {
            file.append(header)?;
        }
        Ok((Self(file), contents))
    }

    /// Appends a run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        self.0.append(record)
    }
}

/// Refuses a header that decides runs otherwise than this one. What adds runs is not compared.
fn check_same(path: &Path, there: &Header, here: &Header) -> Result<()> {
    let labels = |header: &Header| header.plan.methods.iter().map(|m| m.label().to_owned()).collect::<BTreeSet<_>>();
    let names = |header: &Header| -> BTreeSet<Option<String>> {
        header.plan.model_names().into_iter().map(|name| name.map(str::to_owned)).collect()
    };
    let methods: BTreeSet<String> = labels(there).intersection(&labels(here)).cloned().collect();
    let models: BTreeSet<Option<String>> = names(there).intersection(&names(here)).cloned().collect();
    // Beside others a model may be the first whose training methods observe.
    let observe = names(there) != names(here)
        && [there, here].iter().all(|header| header.plan.methods.iter().any(|method| method.warm_up.is_some()));
    let json = |header: &Header| {
        let mut json = serde_json::to_value(header).unwrap_or_default();
        if let Some(header) = json.as_object_mut() {
            header.remove("measured");
        }
        // The name of images is a path; their contents are compared instead.
        if let (TaskPlan::Images(_), Some(data)) = (&header.plan.task, json["data"].as_object_mut()) {
            data.remove("name");
        }
        let plan = &mut json["plan"];
        for key in ["title", "repetitions", "baselines", "method", "model"] {
            plan.as_object_mut().map(|plan| plan.remove(key));
        }
        plan["reduce"].as_object_mut().map(|reduce| reduce.remove("ratios"));
        let shared = header.plan.methods.iter().filter(|method| methods.contains(method.label()));
        plan["method"] = shared.map(|m| (m.label().to_owned(), serde_json::json!(m))).collect::<Map<_, _>>().into();
        if let TaskPlan::Table(table) = &header.plan.task {
            let shared = table.models().iter().filter(|m| models.contains(&m.name().map(str::to_owned)));
            for model in shared {
                match model.name() {
                    None => plan["model"] = serde_json::json!(model),
                    Some(name) => plan[format!("model {name}")] = serde_json::json!(model),
                }
            }
            if observe {
                plan["training that methods observe"] = serde_json::json!(table.observer());
            }
        }
        json
    };
    let mut found = Vec::new();
    differences("", &json(there), &json(here), &mut found);
    if found.is_empty() {
        return Ok(());
    }
    Err(Problem::new(format!("{}: was begun with something else: {}", path.display(), found.join(", ")))
        .hint("go back to what it was begun with, or name another file"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::Plan;
    use crate::plan::seeds::Seeds;
    use crate::record::{
        ClassScores, ClassifierScores, Cost, DataRecord, EnergySources, Measurements, ModelScores, SetupCost, Steps,
    };
    use crate::run_key::RunKey;
    use leanset::output::sha256_of as sha256;

    pub(crate) fn header() -> Header {
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
        Header { schema: SCHEMA.into(), leanset: "0.0.0".into(), plan, data, measured: None, plans: Vec::new() }
    }

    pub(crate) fn record(repetition: u32) -> Record {
        let cost = Cost { seconds: 0.25, cpu_seconds: Some(0.2), joules: None, ..Cost::default() };
        Record {
            repetition,
            method: "stratified-random".into(),
            ratio: 0.5,
            model: None,
            seeds: Seeds { split: Some(1), method: 2, model: (1 << 53) - 1 },
            kept: vec![2, 2],
            epsilon: if repetition == 1 { f64::INFINITY } else { 0.1 + 0.2 },
            scores: ModelScores::Classifier(ClassifierScores {
                accuracy: 2.0 / 3.0,
                precision: 0.5,
                recall: 0.5,
                f1: 0.5,
                worst_recall: Some(0.5),
                classes: vec![ClassScores { name: "b \"é\"".into(), rows: 1, precision: 0.5, recall: 0.5, f1: 0.5 }],
            }),
            weighted: false,
            linear_accuracy: None,
            steps: Steps { warm_up: 0, training: 30 },
            warnings: vec!["budget-raised".into()],
            measured: Measurements {
                shared: true,
                threads: 1,
                processor: "p".into(),
                reduction: cost,
                reduction_serves: 1,
                features: None,
                training: cost,
                energy: EnergySources::default(),
            },
        }
    }

    fn write(path: &Path, records: &[Record]) {
        let (mut journal, _) = Journal::open(path, &header()).expect("a journal");
        records.iter().for_each(|r| journal.write(r).expect("written"));
    }

    #[test]
    fn journal_returns_what_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.jsonl");
        let records: Vec<Record> = (0..3).map(record).collect();
        write(&path, &records);
        let contents = read(&path).expect("records");
        // The path of the table is not part of the header: its content is.
        let mut expected = header();
        let TaskPlan::Table(table) = &mut expected.plan.task else { panic!("of a table") };
        table.data.path = None;
        assert_eq!((&contents.header, contents.records.as_slice()), (&expected, records.as_slice()));
        assert!(!contents.torn);
    }

    /// Cut at any byte, the file loses the runs that are not whole, and goes on to the same end.
    #[test]
    fn journal_goes_on_wherever_its_file_was_cut() {
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

    /// Measurements and the path of images may differ; nothing else may.
    #[test]
    fn journal_compares_no_measurement() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.jsonl");
        let text = "title = \"t\"\n[images]\npath = \"d\"\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n\
                    [detector]\ncommand = \"x {data} {seed} {epochs} {out}\"\n";
        let of = |name: &str, seconds: f64, rows: usize| {
            let features = MeteredCost { cost: Cost { seconds, ..Cost::default() }, ..MeteredCost::default() };
            let plan = Plan::parse(text, "t.toml").expect("a plan");
            let data = DataRecord { name: name.into(), rows, ..header().data };
            Header { plan, data, measured: Some(SetupCost { features }), ..header() }
        };
        drop(Journal::open(&path, &of("a/data.yaml", 2.0, 10)).expect("a journal"));
        let (_, contents) = Journal::open(&path, &of("b/data.yaml", 1.0, 10)).expect("the same");
        assert_eq!(contents.features().map(|metered| metered.cost.seconds), Some(2.0));
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
    fn journal_finds_every_changed_byte() {
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

    /// A plan that adds runs adds a line; what decides the runs that are there may not change.
    #[test]
    fn journal_grows_by_ratios_methods_and_repetitions() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.jsonl");
        write(&path, &[record(0), record(1)]);
        let of = |repetitions: u32, ratios: &str, method: &str| {
            let text = format!(
                "title = \"u\"\nrepetitions = {repetitions}\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[reduce]\nratios = [{ratios}]\n[[method]]\nname = \"srs\"\n{method}"
            );
            Header { plan: Plan::parse(&text, "t.toml").expect("a plan"), ..header() }
        };
        let open = |header: &Header| Journal::open(&path, header).map(|(_, contents)| contents);
        let lines = || std::fs::read_to_string(&path).expect("the file").lines().count();
        let first = header();
        open(&first).expect("the same");
        assert_eq!(lines(), 3, "nothing is added");
        let grown = open(&of(12, "0.1", "[[method]]\nname = \"mms\"\n")).expect("it grows");
        assert_eq!((grown.records.len(), lines()), (2, 4));
        assert_eq!(grown.header.plan.reduce.ratios, [0.1, 0.5]);
        assert_eq!((grown.header.plan.repetitions, grown.header.plan.methods.len()), (12, 2));
        // Each plan has its own runs: there are none of maxmin at 0.5.
        let runs = grown.header.runs();
        assert!(
            runs.contains(&RunKey::new(11, "maxmin", None, 0.1))
                && !runs.contains(&RunKey::new(0, "maxmin", None, 0.5))
        );
        open(&first).expect("a part of it");
        open(&of(5, "0.1, 0.5", "")).expect("a part of it");
        assert_eq!(lines(), 4, "nothing is added");
        assert_eq!(read(&path).expect("records").header.plan, grown.header.plan);
        // The last line may be torn, also that of a plan.
        let whole = std::fs::read(&path).expect("the file");
        std::fs::write(&path, &whole[..whole.len() - 3]).expect("torn");
        let torn = read(&path).expect("records");
        assert!(torn.torn && torn.header.plan.reduce.ratios == [0.5], "{:?}", torn.header.plan);
        std::fs::write(&path, &whole).expect("whole");
        // Another parameter under the same name is another method.
        let other = of(12, "0.1", "[[method]]\nname = \"mms\"\nparameters = { start = \"first\" }\n");
        let error = open(&other).expect_err("another method");
        assert!(error.to_string().contains("begun with something else: plan.method.maxmin.parameters"), "{error}");
        let mut seeded = of(12, "0.1", "");
        seeded.plan.seed = 9;
        let error = open(&seeded).expect_err("another seed");
        assert!(error.to_string().contains("plan.seed (0 there, 9 here)"), "{error}");
        assert!(std::fs::read(&path).expect("the file") == whole);
    }
}
