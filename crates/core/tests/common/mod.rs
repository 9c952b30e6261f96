//! What the integration tests share: samples of awkward shapes, the methods under test, a watching monitor, golden files.

// The core opens no files; its golden data lie in some.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use leanset_core::distance::Metric;
use leanset_core::dynamics::SCORES;
use leanset_core::methods::METHODS;
use leanset_core::params::Value;
use leanset_core::{
    Allocation, Budget, Classes, Dataset, Dynamics, EmptyClasses, Error, Guard, Inputs, Matrix, Monitor, Ranking,
    Reducer, Reduction, Result, RowId, Seed,
};

/// The metrics that obey the triangle inequality.
pub(crate) const METRICS: [Metric; 3] = [Metric::Chebyshev, Metric::Euclidean, Metric::Manhattan];

/// The metrics in which these points can be measured: a row of zeros has no direction.
pub(crate) fn metrics_of(data: &Dataset<'_>) -> Vec<Metric> {
    let mut row = vec![0.0; data.columns()];
    let mut is_zero = |id| {
        data.points().widen_row(id, &mut row);
        row.iter().all(|&x| x == 0.0)
    };
    let zeros = (0..data.rows()).map(RowId::at).any(&mut is_zero);
    Metric::ALL.into_iter().filter(|&metric| metric != Metric::Cosine || !zeros).collect()
}

/// The seed of runs that are compared with one another.
pub(crate) const SEED: Seed = Seed(7);

/// A method with one set of parameters, and what to call it in a message.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) reducer: Reducer,
    reduced: Memo<Reduction>,
    ranked: Memo<Ranking>,
}

/// A run and the steps of it that were announced and done.
pub(crate) struct Watched<T> {
    pub(crate) result: Result<T>,
    pub(crate) watch: Watch,
}

/// Runs by sample and by what was asked of it.
type Memo<T> = Mutex<HashMap<(u64, String), Arc<OnceLock<Watched<T>>>>>;

/// The run of this name, which is made once even if several laws ask for it at a time.
fn once<T>(memo: &Memo<T>, asked: (u64, String), run: impl FnOnce(&Watch) -> Result<T>) -> Arc<OnceLock<Watched<T>>> {
    let place = memo.lock().expect("no run panicked").entry(asked).or_default().clone();
    place.get_or_init(|| {
        let watch = Watch::new(u64::MAX);
        Watched { result: run(&watch), watch }
    });
    place
}

impl Subject {
    /// [`Self::reduce`] of a sample by [`SEED`], made once for all laws. Laws that compare runs (of other threads, seeds,
    /// precisions) make runs of their own and compare them with this one.
    pub(crate) fn reduced<R>(
        &self,
        sample: &Sample,
        budget: &Budget,
        empty: EmptyClasses,
        look: impl FnOnce(&Watched<Reduction>) -> R,
    ) -> R {
        let asked = (sample.key(), format!("{budget:?} {empty:?}"));
        let run = once(&self.reduced, asked, |watch| self.reduce(&sample.data(), budget, empty, SEED, watch));
        look(run.get().expect("it has been made"))
    }

    /// [`Self::rank`] of a sample by [`SEED`], of all rows or as deep as is asked, made once for all laws.
    pub(crate) fn ranked<R>(
        &self,
        sample: &Sample,
        depth: Option<&Allocation>,
        look: impl FnOnce(&Watched<Ranking>) -> R,
    ) -> R {
        let asked = (sample.key(), format!("{:?}", depth.map(Allocation::per_class)));
        let run = once(&self.ranked, asked, |watch| self.rank(&sample.data(), depth, SEED, watch));
        look(run.get().expect("it has been made"))
    }

    /// [`Reducer::rank`], with training dynamics where the method uses them.
    pub(crate) fn rank(
        &self,
        data: &Dataset<'_>,
        depth: Option<&Allocation>,
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Ranking> {
        let dynamics = self.dynamics(data);
        let inputs = Inputs { dynamics: dynamics.as_ref(), ..Inputs::default() };
        self.reducer.rank_with(data, &inputs, depth, seed, monitor)
    }

    /// [`Reducer::reduce`], with training dynamics where the method uses them.
    pub(crate) fn reduce(
        &self,
        data: &Dataset<'_>,
        budget: &Budget,
        empty: EmptyClasses,
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Reduction> {
        let dynamics = self.dynamics(data);
        let inputs = Inputs { dynamics: dynamics.as_ref(), ..Inputs::default() };
        self.reducer.reduce_with(data, &inputs, budget, empty, seed, monitor)
    }

    /// What might have been seen of these rows in training, for a method that needs it: made of the digits of their
    /// coordinates, so that it goes where a row goes, is the same for equal rows and for no others, and does not change
    /// when all coordinates grow by a power of two.
    pub(crate) fn dynamics(&self, data: &Dataset<'_>) -> Option<Dynamics> {
        if !self.reducer.info().uses_dynamics() {
            return None;
        }
        let mut row = vec![0.0; data.columns()];
        let key = |id: usize| {
            data.points().widen_row(RowId::at(id), &mut row);
            let digits = |v: &f64| v.to_bits() & !(0x7FF << 52);
            row.iter().fold(0, |hash, v| Random(hash ^ digits(v)).bits())
        };
        let keys: Vec<u64> = (0..data.rows()).map(key).collect();
        let mut distinct = keys.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let place = |key: &u64| distinct.binary_search(key).expect("it is among them") as u32;
        let events: Vec<u32> = keys.iter().map(place).collect();
        let learnt = events.iter().map(|&e| e > 0).collect();
        let unit = |turn: u64| keys.iter().map(|&k| Random(k ^ turn).unit()).collect::<Vec<f64>>();
        let counts = Dynamics::from_counts(distinct.len() as u32, events, learnt).expect("sound");
        let with = |d: Dynamics, (turn, name): (u64, &str)| d.with_score(name.to_owned(), unit(turn)).expect("finite");
        Some((1..).zip(SCORES).fold(counts, with))
    }
}

/// [`subjects`] whose runs all laws share.
pub(crate) static SUBJECTS: LazyLock<Vec<Subject>> = LazyLock::new(subjects);

/// [`samples`], made once.
pub(crate) static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(samples);

/// How many methods there are to one whose other guard is tested too. The guard is one wrapper, the same for all of them, and a
/// second run of the slow ones would take most of the time of the suite.
const METHODS_PER_GUARD: usize = 3;

/// Every registered method with its defaults and with each of its variants; some of them with another guard.
pub(crate) fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (place, info) in METHODS.iter().enumerate() {
        for variant in std::iter::once(&[][..]).chain(info.variants.iter().copied()) {
            let given: Vec<_> = variant.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
            let words: Vec<_> = variant.iter().map(|(n, v)| format!("{n}={v}")).collect();
            let name = if words.is_empty() { info.id.to_owned() } else { format!("{} {}", info.id, words.join(" ")) };
            let reducer = Reducer::new(info.id, &given).unwrap_or_else(|e| panic!("{name}: {e}"));
            let guards = place % METHODS_PER_GUARD == 0 && info.guard().is_some() && !reducer.generates_prototypes();
            let guarded = if variant.is_empty() && guards {
                // What it is not of itself: on, or where it is off, as it is nested.
                let guard = if reducer.guard() == Guard::Off { Guard::Auto } else { Guard::On };
                let twin = Reducer::new(info.id, &given).and_then(|twin| twin.with_guard(guard));
                Some((format!("{name} guard={guard}"), twin.unwrap_or_else(|e| panic!("{name}: {e}"))))
            } else {
                None
            };
            for (name, reducer) in std::iter::once((name, reducer)).chain(guarded) {
                subjects.push(Subject { name, reducer, reduced: Memo::default(), ranked: Memo::default() });
            }
        }
    }
    subjects
}

/// Labelled points that own their values.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) columns: usize,
    pub(crate) codes: Vec<u32>,
    pub(crate) classes: usize,
}

impl Sample {
    pub(crate) fn rows(&self) -> usize {
        self.codes.len()
    }

    pub(crate) fn classes(&self) -> Classes {
        Classes::new(&self.codes, self.classes).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    pub(crate) fn data(&self) -> Dataset<'_> {
        let matrix = Matrix::new(&self.values, self.rows(), self.columns);
        matrix.and_then(|m| Dataset::new(m, self.classes())).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.classes().sizes()
    }

    pub(crate) fn populated(&self) -> usize {
        self.sizes().iter().filter(|&&s| s > 0).count()
    }

    /// What tells it from every other sample.
    fn key(&self) -> u64 {
        let bits = self.values.iter().map(|v| v.to_bits()).chain(self.codes.iter().map(|&c| u64::from(c)));
        bits.fold(self.columns as u64, |hash, bits| Random(hash ^ bits).bits())
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..][..self.columns]
    }

    /// The rows in another order: row i is the old row `order[i]`.
    pub(crate) fn permuted(&self, order: &[usize]) -> Self {
        Self {
            name: format!("{} permuted", self.name),
            values: order.iter().flat_map(|&i| self.row(i).iter().copied()).collect(),
            codes: order.iter().map(|&i| self.codes[i]).collect(),
            ..self.clone()
        }
    }
}

/// A small generator of test data (SplitMix64): the tests must not depend on the seeds of the code under test.
#[derive(Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0 … n − 1, near enough.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// A permutation of 0 … n − 1.
    pub(crate) fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// Clusters of the given sizes, one a class, rows of the classes mixed; no two values equal.
pub(crate) fn blobs(name: &str, sizes: &[usize], columns: usize, seed: u64) -> Sample {
    let mut random = Random(seed);
    let centres: Vec<f64> = (0..sizes.len() * columns).map(|_| 2.0 * random.unit()).collect();
    let mut codes: Vec<u32> = Vec::new();
    for (class, &size) in sizes.iter().enumerate() {
        codes.extend(std::iter::repeat_n(class as u32, size));
    }
    let order = random.permutation(codes.len());
    let codes: Vec<u32> = order.into_iter().map(|i| codes[i]).collect();
    let mut values = Vec::with_capacity(codes.len() * columns);
    for &code in &codes {
        for column in 0..columns {
            let spread = random.unit() + random.unit() + random.unit() - 1.5;
            values.push(centres[code as usize * columns + column] + spread);
        }
    }
    Sample { name: name.into(), values, columns, codes, classes: sizes.len() }
}

/// Continuous data without ties, of several classes of at least three rows and several columns.
pub(crate) fn continuous() -> Vec<Sample> {
    vec![
        blobs("blobs", &[90, 60, 30], 3, 1),
        blobs("two wide classes", &[40, 25], 12, 2),
        blobs("more columns than rows", &[7, 5], 40, 3),
        // Work is cut at 256 and 1024 rows; `protodash` has a test of its own for what happens past 2048.
        blobs("past the chunks", &[1300, 300], 4, 4),
        // As after min–max scaling, where nothing is above the ones that stand for labels.
        scaled(blobs("scaled to [0, 1]", &[50, 40, 30], 5, 5)),
    ]
}

fn scaled(mut sample: Sample) -> Sample {
    let low = sample.values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = sample.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    sample.values.iter_mut().for_each(|v| *v = (*v - low) / (high - low));
    sample
}

/// Data of every shape that has ever broken something.
pub(crate) fn samples() -> Vec<Sample> {
    let mut samples = continuous();
    let from = |name: &str, mut base: Sample, change: &dyn Fn(usize, &mut [f64])| {
        let columns = base.columns;
        base.values.chunks_exact_mut(columns).enumerate().for_each(|(i, row)| change(i, row));
        Sample { name: name.into(), ..base }
    };
    samples.push(blobs("one class", &[50], 3, 10));
    samples.push(blobs("classes of one row", &[40, 1, 20, 1], 3, 11));
    samples.push(blobs("only classes of one row", &[1, 1, 1, 1, 1], 2, 12));
    samples.push(blobs("an empty class in the middle", &[30, 0, 20], 3, 13));
    samples.push(blobs("empty classes at both ends", &[0, 12, 0, 0, 9, 0], 2, 14));
    samples.push(blobs("single column", &[30, 20], 1, 15));
    samples.push(blobs("one row", &[1], 3, 16));
    samples.push(blobs("two rows of two classes", &[1, 1], 2, 17));
    samples.push(from("identical rows", blobs("", &[20, 15], 3, 18), &|_, row| row.fill(0.25)));
    samples.push(from("rows of zeros", blobs("", &[20, 15], 3, 19), &|_, row| row.fill(0.0)));
    samples.push(from("some rows of zeros", blobs("", &[20, 15], 3, 20), &|i, row| {
        if i % 4 == 0 {
            row.fill(0.0);
        }
    }));
    samples.push(from("constant columns", blobs("", &[25, 25], 5, 21), &|_, row| {
        (row[1], row[3]) = (7.5, 0.0);
    }));
    samples.push(from("columns that repeat others", blobs("", &[25, 25], 6, 22), &|_, row| {
        (row[3], row[4], row[5]) = (row[0], row[1], -2.0 * row[0]);
    }));
    samples.push(from("a coarse grid", blobs("", &[120, 80], 2, 23), &|_, row| {
        row.iter_mut().for_each(|v| *v = (*v * 2.0).round());
    }));
    samples.push(from("huge coordinates", blobs("", &[30, 20], 3, 24), &|_, row| {
        row.iter_mut().for_each(|v| *v *= 1e149);
    }));
    samples.push(from("tiny coordinates", blobs("", &[30, 20], 3, 25), &|_, row| {
        row.iter_mut().for_each(|v| *v *= 1e-139);
    }));
    samples.push(from("columns of extreme range", blobs("", &[30, 20], 3, 26), &|_, row| {
        (row[0], row[2]) = (row[0] * 1e100, row[2] * 1e-100);
    }));
    samples.push(from("minus zero", blobs("", &[12, 12], 2, 27), &|i, row| {
        row[i % 2] = if i % 3 == 0 { -0.0 } else { 0.0 };
    }));
    let thirds = blobs("", &[20, 10], 3, 28);
    let thrice: Vec<usize> = (0..thirds.rows()).cycle().take(3 * thirds.rows()).collect();
    samples.push(Sample { name: "each row three times".into(), ..thirds.permuted(&thrice) });
    samples
}

/// A monitor that counts what is announced and what is done; cancels once more than `allowed` looks have been taken.
pub(crate) struct Watch {
    pub(crate) announced: AtomicU64,
    pub(crate) done: AtomicU64,
    looks: AtomicU64,
    allowed: u64,
    pub(crate) stages: Mutex<Vec<&'static str>>,
}

impl Watch {
    pub(crate) fn new(allowed: u64) -> Self {
        Self {
            announced: AtomicU64::new(0),
            done: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            allowed,
            stages: Mutex::new(Vec::new()),
        }
    }

    /// How often it was asked whether to stop.
    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Monitor for Watch {
    fn begin(&self, stage: &'static str, steps: u64) {
        self.announced.fetch_add(steps, Ordering::Relaxed);
        self.stages.lock().expect("no stage panicked").push(stage);
    }

    fn advance(&self, steps: u64) {
        self.done.fetch_add(steps, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.looks.fetch_add(1, Ordering::Relaxed) >= self.allowed
    }
}

/// Whoever is cancelled at one of the looks that a whole run takes has no result.
pub(crate) fn stops_at_every_look(who: &str, run: impl Fn(&Watch) -> Result<()> + Sync) {
    // On one thread every run takes the same looks.
    on_threads(1, || {
        let watch = Watch::new(u64::MAX);
        assert_eq!(run(&watch), Ok(()), "{who}");
        let looks = watch.looks();
        assert!(looks > 0, "{who} never looks");
        for allowed in [0, 1, 2, 5, 20, looks / 2, looks - 1] {
            if allowed < looks {
                assert_eq!(run(&Watch::new(allowed)), Err(Error::Interrupted), "{who}, cancelled after {allowed}");
            }
        }
    });
}

/// Runs on a pool of its own of so many threads.
pub(crate) fn on_threads<R: Send>(threads: usize, body: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(body)
}

/// Whether two numbers are within this part of the larger (or of 1, if both are below).
pub(crate) fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}

/// A folder shared by the project's copies, or nothing (with one line that says so).
#[allow(clippy::print_stdout)] // a skipped comparison has to be seen
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: ../shared/{folder} is not here");
    None
}

/// The arrays of one .npz file.
pub(crate) struct Arrays(zip::ZipArchive<BufReader<File>>);

impl Arrays {
    pub(crate) fn open(path: &Path) -> Self {
        let open = || zip::ZipArchive::new(BufReader::new(File::open(path)?));
        Self(open().unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    fn array<T: npyz::Deserialize>(&mut self, name: &str) -> Option<(Vec<T>, Vec<usize>)> {
        let entry = match self.0.by_name(&format!("{name}.npy")) {
            Err(zip::result::ZipError::FileNotFound) => return None,
            entry => entry.unwrap_or_else(|e| panic!("{name}: {e}")),
        };
        let array = npyz::NpyFile::new(entry).unwrap_or_else(|e| panic!("{name}: {e}"));
        let shape = array.shape().iter().map(|&s| s as usize).collect();
        Some((array.into_vec().unwrap_or_else(|e| panic!("{name}: {e}")), shape))
    }

    /// Values and shape of an array of f64, if it is there.
    pub(crate) fn floats(&mut self, name: &str) -> Option<(Vec<f64>, Vec<usize>)> {
        self.array(name)
    }

    /// Values of an array of i64, if it is there.
    pub(crate) fn longs(&mut self, name: &str) -> Option<Vec<i64>> {
        self.array(name).map(|a| a.0)
    }

    /// Values of an array of i8, if it is there.
    pub(crate) fn flags(&mut self, name: &str) -> Option<Vec<i8>> {
        self.array(name).map(|a| a.0)
    }

    /// Values of an array of i32, if it is there.
    pub(crate) fn ints(&mut self, name: &str) -> Option<Vec<i32>> {
        self.array(name).map(|a| a.0)
    }
}

/// The golden data sets that inputs.npz holds.
pub(crate) fn golden_inputs(golden: &Path) -> Vec<Sample> {
    let mut inputs = Arrays::open(&golden.join("inputs.npz"));
    let mut take = |name: &str| {
        let (values, shape) = inputs.floats(&format!("{name}_X")).unwrap_or_else(|| panic!("{name}_X is missing"));
        let codes = inputs.longs(&format!("{name}_y")).unwrap_or_else(|| panic!("{name}_y is missing"));
        let codes: Vec<u32> = codes.into_iter().map(|c| u32::try_from(c).expect("a class code")).collect();
        let classes = codes.iter().max().map_or(0, |&c| c as usize + 1);
        Sample { name: name.into(), values, columns: shape[1], codes, classes }
    };
    ["toy", "iris", "breast_cancer", "digits", "drybean2000"].map(&mut take).into()
}

/// The whole of Dry Bean, scaled as the golden files have it, and the scale and offset of each column.
pub(crate) fn dry_bean(csv: &Path) -> (Sample, Vec<f64>, Vec<f64>) {
    let text = std::fs::read_to_string(csv).unwrap_or_else(|e| panic!("{}: {e}", csv.display()));
    let mut lines = text.lines();
    let columns = lines.next().expect("a header").split(',').count() - 1;
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for line in lines {
        let mut fields = line.split(',');
        values.extend(fields.by_ref().take(columns).map(|f| f.parse::<f64>().expect("a number")));
        labels.push(fields.next().expect("a label"));
    }
    let mut names: Vec<&str> = labels.clone();
    names.sort_unstable();
    names.dedup();
    let code = |label: &&str| u32::try_from(names.binary_search(label).expect("a known label")).expect("few labels");
    let codes: Vec<u32> = labels.iter().map(code).collect();
    let (mut scales, mut offsets) = (Vec::new(), Vec::new());
    for j in 0..columns {
        let column = || values.iter().skip(j).step_by(columns).copied();
        let (low, high) = (column().fold(f64::INFINITY, f64::min), column().fold(f64::NEG_INFINITY, f64::max));
        let scale = if high > low { 1.0 / (high - low) } else { 1.0 };
        scales.push(scale);
        offsets.push(0.0 - low * scale);
    }
    for row in values.chunks_exact_mut(columns) {
        row.iter_mut().enumerate().for_each(|(j, v)| *v = *v * scales[j] + offsets[j]);
    }
    (Sample { name: "drybean".into(), values, columns, codes, classes: names.len() }, scales, offsets)
}
