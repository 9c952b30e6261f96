//! The readers, each with what must be so of what it accepts.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use leanset::{
    Budget, Choice, Columns, Context, Destination, Method, Metric, Output, Reduce, Split, TableMethod, Writing,
};
use leanset_core::dynamics::LabelledLog;
use leanset_images::{ImageSet, OpenOptions, Placement, inspect};
use leanset_lab::{Plan, Summary, conclusion, detector_results, journal, report};
use leanset_spec::manifest;
use leanset_tables::{Compression, FileRow, Format, ReadOptions, Table, read_bytes, write_rows};

use super::mutate::{Random, mutate};
use super::seeds;

/// What came of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The reader took it, and what it took is what the file says.
    Accepted,
    /// The reader refused it, with words.
    Refused,
    /// The reader took it for something else.
    Wrong(String),
}

use Verdict::{Accepted, Refused, Wrong};

/// A kind of file, and who reads it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) extension: &'static str,
    /// Whether pieces of text are inserted.
    pub(super) text: bool,
    /// What lies around the bytes that are damaged.
    pub(super) packing: Packing,
    make: fn() -> Vec<Vec<u8>>,
    /// Reads the bytes, in a folder for what needs files.
    pub(super) read: fn(Vec<u8>, &Path) -> Verdict,
}

impl Kind {
    /// Valid files, without their packing.
    pub(super) fn seeds(&self) -> Vec<Vec<u8>> {
        type Made = Mutex<BTreeMap<&'static str, Vec<Vec<u8>>>>;
        static MADE: OnceLock<Made> = OnceLock::new();
        let mut made = MADE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(self.name).or_insert_with(|| (self.make)()).clone()
    }
}

/// What lies around the bytes of a file. Mostly it is made again around damaged bytes, or no damage would get through it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
    /// The seed is an archive.
    Zip,
    /// Lines of JSON that end in their own checksum.
    Checksums,
    /// A state of a training log, of which the seed is the payload.
    State,
}

impl Packing {
    /// A file from the bytes of a seed.
    pub(super) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None | Self::Zip => bytes.to_vec(),
            Self::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                let _ = out.write_all(bytes);
                out.finish().unwrap_or_default()
            }
            Self::Zstd => zstd::encode_all(bytes, 3).unwrap_or_default(),
            Self::State => leanset_core::state::seal(LabelledLog::FAMILY, LabelledLog::VERSION, bytes),
            Self::Checksums => {
                let mut out = Vec::new();
                for line in bytes.split_inclusive(|&b| b == b'\n') {
                    let Some(body) = line.strip_suffix(b"}\n") else {
                        out.extend_from_slice(line);
                        continue;
                    };
                    let digest = leanset::output::sha256_of(&[body, b"}"].concat());
                    out.extend_from_slice(body);
                    out.extend_from_slice(format!(",\"sha256\":\"{digest}\"}}\n").as_bytes());
                }
                out
            }
        }
    }

    /// A mutant of a seed, with its packing.
    pub(super) fn mutate(self, bytes: &[u8], other: &[u8], text: bool, random: &mut Random) -> Vec<u8> {
        let around = random.below(3) == 0;
        match self {
            Self::None => mutate(bytes, other, text, random),
            Self::Zip if !around => archived(bytes, other, random).unwrap_or_default(),
            _ if around => mutate(&self.pack(bytes), &self.pack(other), false, random),
            _ => self.pack(&mutate(bytes, other, text, random)),
        }
    }
}

/// The archive again, with one of its files damaged.
fn archived(bytes: &[u8], other: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).ok()?;
        let name = file.name().ok()?.into_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        files.push((name, content));
    }
    let at = random.below(files.len());
    let xml = files[at].0.ends_with("xml");
    files[at].1 = mutate(&files[at].1, other, xml, random);
    match random.below(12) {
        0 => drop(files.remove(at)),
        1 => files.push(files[at].clone()),
        _ => {}
    }
    Some(seeds::zip(&files, random.below(2) == 0))
}

macro_rules! kinds {
    ($($name:literal $extension:literal $text:literal $packing:ident $make:ident $read:expr;)*) => {
        /// Every kind of file that leanset reads. A new format is a line here and its files in [`seeds`].
        pub(super) const KINDS: &[Kind] = &[$(Kind {
            name: $name,
            extension: $extension,
            text: $text,
            packing: Packing::$packing,
            make: seeds::$make,
            read: $read,
        }),*];
    };
}

kinds! {
    "csv" "csv" true None csv |bytes, _| table("t.csv", bytes);
    "tsv" "tsv" true None tsv |bytes, _| table("t.tsv", bytes);
    "csv-gzip" "csv.gz" true Gzip csv |bytes, _| table("t.csv.gz", bytes);
    "csv-zstd" "csv.zst" true Zstd csv |bytes, _| table("t.csv.zst", bytes);
    "json-lines" "jsonl" true None json_lines |bytes, _| table("t.jsonl", bytes);
    "parquet" "parquet" false None parquet |bytes, _| table("t.parquet", bytes);
    "arrow-file" "arrow" false None arrow_file |bytes, _| table("t.arrow", bytes);
    "arrow-stream" "arrow" false None arrow_stream |bytes, _| table("t.arrow", bytes);
    "npy" "npy" false None npy |bytes, _| table("t.npy", bytes);
    "npz" "npz" false Zip npz |bytes, _| table("t.npz", bytes);
    "xlsx" "xlsx" false Zip xlsx |bytes, _| table("t.xlsx", bytes);
    "png" "png" false None png |bytes, folder| image_file("a.png", &bytes, folder);
    "jpeg" "jpg" false None jpeg |bytes, folder| image_file("a.jpg", &bytes, folder);
    "webp" "webp" false None webp |bytes, folder| image_file("a.webp", &bytes, folder);
    "bmp" "bmp" false None bmp |bytes, folder| image_file("a.bmp", &bytes, folder);
    "yolo-yaml" "yaml" true None data_yaml |bytes, folder| yolo(&bytes, None, folder);
    "yolo-labels" "txt" true None labels |bytes, folder| yolo(YAML, Some(&bytes), folder);
    "coco" "json" true None coco |bytes, folder| coco(&bytes, folder);
    "voc" "xml" true None voc |bytes, folder| voc(&bytes, folder);
    "onnx" "onnx" false None onnx |bytes, folder| onnx(&bytes, folder);
    "plan" "toml" true None plan |bytes, _| plan(&bytes);
    "manifest" "json" true None manifest |bytes, _| manifest(&bytes);
    "images-manifest" "json" true None images_manifest |bytes, _| images_manifest(&bytes);
    "records" "jsonl" true Checksums records |bytes, folder| records(&bytes, folder);
    "ranking" "csv" true None ranking |bytes, folder| chosen(&bytes, false, folder);
    "training-log" "csv" true None training_log |bytes, folder| chosen(&bytes, true, folder);
    "saved-training-log" "log" false State saved_training_log |bytes, folder| chosen(&bytes, true, folder);
    "detector-results" "csv" true None detector_results |bytes, folder| results(&bytes, folder);
}

/// What a refusal must be: a line that says something.
fn refused(message: &str) -> Verdict {
    let line = !message.trim().is_empty() && !message.chars().any(|c| c.is_control());
    if line { Refused } else { Wrong(format!("the message is {message:?}")) }
}

/// Writes a file in the folder.
fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        let _ = std::fs::create_dir_all(parent);
    }
    let _ = std::fs::write(path, bytes);
}

/// A table: what is written of every third row is what stands in these rows, as any number of threads reads it.
fn table(name: &str, bytes: Vec<u8>) -> Verdict {
    let table = match read_bytes(name, bytes, &ReadOptions::default()) {
        Ok(table) => table,
        Err(error) => return refused(&error.to_string()),
    };
    let rows: Vec<FileRow> = (0..table.rows()).step_by(3).map(FileRow::at).collect();
    let own = if table.format() == Format::Xlsx { Format::Csv } else { table.format() };
    let texts = cells(&table);
    // Threads share the rows of a text in chunks.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().map(|pool| pool.install(|| cells(&table)));
    if alone.is_ok_and(|alone| alone != texts) {
        return Wrong("one thread reads other values than several".into());
    }
    for format in [own, Format::Csv, Format::Parquet, Format::Npz] {
        let mut out = Vec::new();
        if write_rows(&table, &rows, &[], format, Compression::None, &mut out).is_err() {
            if format == own && texts.iter().all(Result::is_ok) {
                return Wrong(format!("its rows cannot be written as {format}"));
            }
            continue;
        }
        if format != own {
            continue;
        }
        let again = match read_bytes(&format!("o.{}", format.extensions()[0]), out, &ReadOptions::default()) {
            Ok(again) => again,
            Err(error) => return Wrong(format!("what is written of it is refused: {error}")),
        };
        if again.rows() != rows.len() {
            return Wrong(format!("{} rows are written as {}", rows.len(), again.rows()));
        }
        let (names, others) = (names(&table), names(&again));
        // A record of JSON says nothing of a key that it lacks, so a column of other rows is not there.
        if names != others && (format != Format::Jsonl || others.iter().any(|name| !names.contains(name))) {
            return Wrong(format!("columns {names:?} are written as {others:?}"));
        }
        let written = cells(&again);
        for (name, before) in names.iter().zip(&texts) {
            let after = match others.iter().position(|other| other == name) {
                Some(at) => written[at].clone(),
                None => Ok(vec![String::new(); rows.len()]),
            };
            let (Ok(before), Ok(after)) = (before, after) else { continue };
            for (row, after) in rows.iter().zip(&after) {
                let before = &before[row.index()];
                if before != after {
                    return Wrong(format!("column {name:?}, row {row}: {before:?} is written as {after:?}"));
                }
            }
        }
    }
    Accepted
}

fn names(table: &Table) -> Vec<String> {
    table.columns().iter().map(|column| column.name.clone()).collect()
}

/// The cells of each column as text, where it can be read so.
fn cells(table: &Table) -> Vec<Result<Vec<String>, String>> {
    let column = |index: usize| {
        let column = table.text_column(index).map_err(|e| e.to_string())?;
        // As numbers too: nothing is compared, but nothing may fail.
        let _ = table.column(index);
        Ok((0..table.rows()).map(|row| column.text(row).into_owned()).collect())
    };
    (0..table.columns().len()).map(column).collect()
}

/// A dataset that was opened: its objects are of its classes, and it can be written.
fn opened(opened: leanset::Result<ImageSet>) -> Verdict {
    let set = match opened {
        Ok(set) => set,
        Err(problem) => return refused(&problem.to_string()),
    };
    let classes = set.classes.len();
    for image in &set.images {
        if let Some(object) = image.objects.iter().find(|object| object.class as usize >= classes) {
            return Wrong(format!("class {} of {classes}", object.class));
        }
        if image.objects.iter().filter_map(|object| object.bounds).any(|b| b.corners.iter().any(|c| !c.is_finite())) {
            return Wrong("a box that is not finite".into());
        }
    }
    let kept: Vec<usize> = (0..set.images.len()).step_by(2).collect();
    for placement in [Placement::Stay, Placement::Copy] {
        let _ = leanset_images::files(&set, &kept, Path::new("/nowhere"), placement);
    }
    Accepted
}

/// An image in a folder of a class, decoded.
fn image_file(name: &str, bytes: &[u8], folder: &Path) -> Verdict {
    put(folder, &format!("train/x/{name}"), bytes);
    let set = ImageSet::open(&folder.join("train"), &OpenOptions::default());
    let mut set = match set {
        Ok(set) => set,
        Err(problem) => return Wrong(format!("the folder of the image is refused: {problem}")),
    };
    match inspect(&mut set, |_| true, None, || true) {
        Ok(found) if found.iter().any(|inspection| inspection.size.is_some()) => Accepted,
        Ok(_) if set.issues.is_empty() => Wrong("neither decoded nor an issue".into()),
        Ok(_) => Refused,
        Err(problem) => Wrong(format!("one image stops the others: {problem}")),
    }
}

const YAML: &[u8] = b"train: images/train\nval: images/train\nnames: [apple, banana]\n";

fn yolo(yaml: &[u8], labels: Option<&[u8]>, folder: &Path) -> Verdict {
    for name in ["a.png", "b.png"] {
        put(folder, &format!("images/train/{name}"), b"no image is opened");
    }
    put(folder, "labels/train/a.txt", labels.unwrap_or(b"0 0.5 0.5 0.2 0.4\n"));
    put(folder, "data.yaml", yaml);
    let set = ImageSet::open(&folder.join("data.yaml"), &OpenOptions::default());
    let usable = set.as_ref().is_ok_and(|set| set.images.iter().all(|image| image.usable));
    match opened(set) {
        Accepted if labels.is_some() && !usable => Refused,
        verdict => verdict,
    }
}

fn coco(bytes: &[u8], folder: &Path) -> Verdict {
    for name in ["a.png", "b.png"] {
        put(folder, name, b"no image is opened");
    }
    put(folder, "train.json", bytes);
    opened(ImageSet::open(&folder.join("train.json"), &OpenOptions::default()))
}

fn voc(bytes: &[u8], folder: &Path) -> Verdict {
    put(folder, "voc/JPEGImages/a.png", b"no image is opened");
    put(folder, "voc/Annotations/a.xml", bytes);
    let set = ImageSet::open(&folder.join("voc"), &OpenOptions::default());
    let usable = set.as_ref().is_ok_and(|set| set.images.iter().any(|image| image.usable));
    match opened(set) {
        Accepted if !usable => Refused,
        verdict => verdict,
    }
}

fn onnx(bytes: &[u8], folder: &Path) -> Verdict {
    put(folder, "m.onnx", bytes);
    let options = leanset_backbones::Options { size: None, ..leanset_backbones::Options::default() };
    let backbone = match leanset_backbones::Backbone::open(&folder.join("m.onnx"), &options) {
        Ok(backbone) => backbone,
        Err(problem) => return refused(&problem.to_string()),
    };
    let grey = vec![114; 3 * 20 * 10];
    let features = |worker: &mut leanset_backbones::Worker<'_>| worker.embed(&[(20, 10, grey.as_slice())]);
    let (mut one, mut two) = match (backbone.worker(), backbone.worker()) {
        (Ok(one), Ok(two)) => (one, two),
        _ => return Refused,
    };
    match (features(&mut one), features(&mut two)) {
        (Ok(one), Ok(two)) if one != two => Wrong("two threads compute other features".into()),
        (Ok(one), _) if one[0].len() != backbone.dimensions() => {
            Wrong("another number of features than it says".into())
        }
        (Ok(_), Ok(_)) => Accepted,
        _ => Refused,
    }
}

fn plan(bytes: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(bytes) else { return Refused };
    match Plan::parse(text, "p.toml") {
        Ok(plan) => match toml::to_string(&plan) {
            Ok(_) => Accepted,
            Err(error) => Wrong(format!("it cannot be written: {error}")),
        },
        Err(problem) => refused(&problem.to_string()),
    }
}

fn manifest(bytes: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(bytes) else { return Refused };
    match manifest::table::Manifest::parse("m.json", text) {
        Ok(manifest) => {
            let Ok(text) = manifest.text() else { return Wrong("it cannot be written".into()) };
            let again = manifest::table::Manifest::parse("m.json", &text);
            match again.and_then(|again| again.differences(&manifest)) {
                Ok(differing) if differing.is_empty() => Accepted,
                Ok(differing) => Wrong(format!("written and read again, it has another {differing:?}")),
                Err(problem) => Wrong(format!("what is written of it is refused: {problem}")),
            }
        }
        Err(problem) => refused(&problem.to_string()),
    }
}

fn images_manifest(bytes: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(bytes) else { return Refused };
    let _ = manifest::images::files_of("m.json", text);
    match manifest::images::ImagesManifest::parse("m.json", text) {
        Ok(manifest) if manifest.text().is_err() => Wrong("it cannot be written".into()),
        Ok(_) => Accepted,
        Err(problem) => refused(&problem.to_string()),
    }
}

fn records(bytes: &[u8], folder: &Path) -> Verdict {
    put(folder, "r.jsonl", bytes);
    match journal::read(&folder.join("r.jsonl")) {
        Ok(contents) => {
            let summaries = Summary::of_models(&contents.header, &contents.records);
            let page = report::page(&contents.header, &summaries);
            summaries.iter().for_each(|summary| drop(conclusion::describe(summary)));
            let (scripts, tags) = (page.matches("<script").count(), page.matches("<img").count());
            let control = page.chars().any(|c| c.is_control() && c != '\n');
            if scripts != 1 || tags > 0 || control {
                Wrong("the report holds what is not its own".into())
            } else {
                Accepted
            }
        }
        Err(problem) => refused(&problem.to_string()),
    }
}

/// Rows chosen by a ranking, or by the dynamics of a training log.
fn chosen(bytes: &[u8], log: bool, folder: &Path) -> Verdict {
    put(folder, "t.csv", &seeds::table());
    put(folder, "by.csv", bytes);
    let by = folder.join("by.csv");
    let choice = if log {
        Choice::Method(TableMethod { log: Some(by), ..Method::named("fes").into() })
    } else {
        Choice::Ranking(by)
    };
    let request = Reduce {
        input: folder.join("t.csv").into(),
        columns: Columns::labelled("grade"),
        split: Split::default(),
        choice,
        budget: Budget::of_count(6),
        metric: Metric::Euclidean,
        stopping: leanset_spec::Stopping::default(),
        no_epsilon: false,
        writing: Writing::default(),
    };
    let destination = Destination { output: Output::Memory, ..Destination::default() };
    match leanset::reduce(&request, &destination, &Context::default()) {
        Ok(outcome) => {
            let (written, source) = (outcome.bytes.unwrap_or_default(), seeds::table());
            let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
            let source = lines(&source);
            let written = lines(&written);
            let ours = written.iter().all(|line| source.contains(line)) && written.len() == 7;
            if ours { Accepted } else { Wrong(format!("{written:?}")) }
        }
        Err(problem) => refused(&problem.to_string()),
    }
}

fn results(bytes: &[u8], folder: &Path) -> Verdict {
    put(folder, "results.csv", bytes);
    match detector_results::read(&folder.join("results.csv"), leanset_lab::plan::ResultEpoch::Last) {
        Ok(_) => Accepted,
        Err(problem) => refused(&problem.to_string()),
    }
}
