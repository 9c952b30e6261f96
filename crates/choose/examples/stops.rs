//! How long work goes on after it was asked to stop: `cargo run --release -p leanset-choose --example stops -- --help`.
//!
//! Every case runs on one thread, in a process of its own, with a monitor that records the time between two looks at whether to
//! stop, and says after a while that the work is to stop. Printed are the longest of these times, the stage it was in, and how long the
//! work went on after the wish. On one thread the first is what can be waited for; the second also has what is done on the way out.
//! Times between looks are those of the processor where the system tells them, so that other programs do not count.
//! With `--trace`, the case runs again and prints where the looks before and after the longest time were.

// A measurement prints its table.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::backtrace::Backtrace;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use leanset_core::distance::Metric;
use leanset_core::dynamics::SCORES;
use leanset_core::methods::{METHODS, Support};
use leanset_core::metrics::{PersistenceOptions, epsilon, epsilon_curve, persistence};
use leanset_core::params::Value;
use leanset_core::stopping::{Rule, Stopping};
use leanset_train::{Network, Training, quick};

use leanset_core::{
    Budget, Classes, Dataset, Dynamics, EmptyClasses, Error, Guard, Inputs, Matrix, Monitor, Reduced, Reducer, Result,
    RowId, Seed,
};

/// Looks that are further apart are listed as too far: a tenth of what a person waits for without a doubt.
const FAR: Duration = Duration::from_millis(100);

/// A run that has not looked for so long is given up.
const NEVER: Duration = Duration::from_secs(60);

/// How often the time of the processor is asked for, in nanoseconds: it takes some microseconds.
const ASKED: u64 = 2_000_000;

/// The time that this thread has had of a processor, in nanoseconds; 0 where the system does not tell.
fn processor() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// Records the time between two looks.
struct Gauge {
    start: Instant,
    stop_at: Duration,
    /// Of the latest look, in nanoseconds since the start.
    last: AtomicU64,
    /// When the time of the processor was last asked for, and what it was: before the latest look, by less than [`ASKED`].
    asked: (AtomicU64, AtomicU64),
    looks: AtomicU64,
    longest: Mutex<Longest>,
    stage: Mutex<&'static str>,
    /// The look whose place is printed, and the one before it.
    trace: Option<u64>,
}

#[derive(Clone, Copy, Default)]
struct Longest {
    nanos: u64,
    /// The look that ended it.
    look: u64,
    stage: &'static str,
}

impl Gauge {
    fn new(stop_at: Duration, trace: Option<u64>) -> Self {
        Self {
            start: Instant::now(),
            stop_at,
            last: AtomicU64::new(0),
            asked: (AtomicU64::new(0), AtomicU64::new(processor())),
            looks: AtomicU64::new(0),
            longest: Mutex::default(),
            stage: Mutex::new("before its first stage"),
            trace,
        }
    }

    fn look(&self) -> u64 {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut passed = now - self.last.swap(now, Relaxed).min(now);
        if now - self.asked.0.load(Relaxed) > ASKED {
            let used = processor();
            let before = self.asked.1.swap(used, Relaxed);
            self.asked.0.store(now, Relaxed);
            if used > 0 {
                passed = passed.min(used - before.min(used));
            }
        }
        let look = self.looks.fetch_add(1, Relaxed);
        let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        if passed > longest.nanos {
            let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
            *longest = Longest { nanos: passed, look, stage };
        }
        drop(longest);
        if self.trace.is_some_and(|at| look == at || look + 1 == at) {
            println!("look {look} after {:.3} s:\n{}", passed as f64 * 1e-9, Backtrace::force_capture());
        }
        now
    }
}

impl Monitor for Gauge {
    fn begin(&self, stage: &'static str, _: u64) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    fn advance(&self, _: u64) {}

    fn cancelled(&self) -> bool {
        u128::from(self.look()) > self.stop_at.as_nanos()
    }
}

/// A table: rows × columns, classes, and how its values lie.
#[derive(Clone, Copy)]
struct Table {
    name: &'static str,
    rows: usize,
    columns: usize,
    classes: usize,
    lie: Lie,
}

#[derive(Clone, Copy)]
enum Lie {
    /// A Gaussian for each class.
    Clusters,
    /// All rows are equal.
    Equal,
    /// On a grid, with many equal rows.
    Grid,
    /// Two thirds of the rows are equal, the others are spread.
    MostEqual,
}

const TABLES: &[Table] = &[
    Table { name: "100k×2", rows: 100_000, columns: 2, classes: 3, lie: Lie::Clusters },
    Table { name: "20k×2 equal", rows: 20_000, columns: 2, classes: 2, lie: Lie::Equal },
    Table { name: "50k×2 grid", rows: 50_000, columns: 2, classes: 2, lie: Lie::Grid },
    Table { name: "30k×4 most equal", rows: 30_000, columns: 4, classes: 1, lie: Lie::MostEqual },
    Table { name: "5k×768", rows: 5_000, columns: 768, classes: 2, lie: Lie::Clusters },
    Table { name: "100k×32", rows: 100_000, columns: 32, classes: 5, lie: Lie::Clusters },
    Table { name: "20k×8 2k classes", rows: 20_000, columns: 8, classes: 2_000, lie: Lie::Clusters },
    Table { name: "20k×16 1 class", rows: 20_000, columns: 16, classes: 1, lie: Lie::Clusters },
    Table { name: "3k×3k", rows: 3_000, columns: 3_000, classes: 2, lie: Lie::Clusters },
    Table { name: "2m×4", rows: 2_000_000, columns: 4, classes: 2, lie: Lie::Clusters },
];

struct Held {
    values: Vec<f32>,
    codes: Vec<u32>,
    table: Table,
}

impl Table {
    fn make(self) -> Held {
        let normal = |stream: u64, at: usize| {
            let (a, b) = (Seed(stream).unit(RowId::at(at)), Seed(stream + 1).unit(RowId::at(at)));
            ((-2.0 * a.max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
        };
        let codes: Vec<u32> = (0..self.rows).map(|row| (row % self.classes) as u32).collect();
        let value = |at: usize| {
            let (row, column) = (at / self.columns, at % self.columns);
            let own = normal(10, at) + 2.0 * normal(20, (row % self.classes) * self.columns + column);
            match self.lie {
                Lie::Clusters => own,
                Lie::Equal => 1.0,
                Lie::Grid => (own * 8.0).round() / 8.0,
                Lie::MostEqual if row % 3 > 0 => 1.0,
                Lie::MostEqual => own,
            }
        };
        let values = (0..self.rows * self.columns).map(value).collect();
        Held { values, codes, table: self }
    }
}

impl Held {
    fn data(&self) -> Result<Dataset<'_>> {
        let matrix = Matrix::new(&self.values, self.table.rows, self.table.columns)?;
        Dataset::new(matrix, Classes::new(&self.codes, self.table.classes)?)
    }

    /// What training might have shown.
    fn dynamics(&self) -> Result<Dynamics> {
        let rows = self.table.rows;
        let unit = |stream: u64| (0..rows).map(|row| Seed(stream).unit(RowId::at(row))).collect::<Vec<f64>>();
        let events = unit(1).iter().map(|u| (u * 9.0) as u32).collect();
        let counts = Dynamics::from_counts(10, events, vec![true; rows])?;
        (2..).zip(SCORES).try_fold(counts, |d, (stream, name)| d.with_score(name.to_owned(), unit(stream)))
    }
}

type Work = Box<dyn Fn(&Dataset<'_>, &Held, &dyn Monitor) -> Result<()> + Sync>;

/// All that is measured, by name.
fn works() -> Vec<(String, Work)> {
    let mut works: Vec<(String, Work)> = Vec::new();
    let mut add = |name: String, work: Work| works.push((name, work));
    for info in METHODS {
        for variant in std::iter::once(&[][..]).chain(info.variants.iter().copied()) {
            let given: Vec<_> = variant.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
            let words: Vec<_> = variant.iter().map(|(n, v)| format!(" {n}={v}")).collect();
            for ratio in [0.1, 0.5] {
                let given = given.clone();
                let run = move |data: &Dataset<'_>, held: &Held, monitor: &dyn Monitor| {
                    let reducer = Reducer::new(info.id, &given)?;
                    let dynamics = if info.uses_dynamics() { Some(held.dynamics()?) } else { None };
                    let inputs = Inputs { dynamics: dynamics.as_ref(), ..Inputs::default() };
                    let budget = Budget::Ratio(ratio);
                    reducer.reduce_with(data, &inputs, &budget, EmptyClasses::Forbid, Seed(0), monitor).map(drop)
                };
                add(format!("{}{} {ratio}", info.id, words.concat()), Box::new(run));
            }
            if Reducer::new(info.id, &given).is_ok_and(|reducer| reducer.ranks() == Support::Yes) {
                let run = move |data: &Dataset<'_>, held: &Held, monitor: &dyn Monitor| {
                    let dynamics = if info.uses_dynamics() { Some(held.dynamics()?) } else { None };
                    let inputs = Inputs { dynamics: dynamics.as_ref(), ..Inputs::default() };
                    Reducer::new(info.id, &given)?.rank_with(data, &inputs, None, Seed(0), monitor).map(drop)
                };
                add(format!("{}{} ranking", info.id, words.concat()), Box::new(run));
            }
        }
    }
    add(
        "maxmin guarded 0.1".into(),
        Box::new(|data, _, monitor| {
            let reducer = Reducer::new("maxmin", &[])?.with_guard(Guard::On)?;
            reducer.reduce(data, &Budget::Ratio(0.1), EmptyClasses::Forbid, Seed(0), monitor).map(drop)
        }),
    );
    for metric in Metric::ALL {
        let kept = |data: &Dataset<'_>, ratio| {
            let (cut, _) = Budget::Ratio(ratio).allocate(&data.classes().sizes(), EmptyClasses::Forbid)?;
            let ranking = Reducer::new("srs", &[])?.rank(data, None, Seed(0), &leanset_core::Quiet)?;
            Ok::<_, Error>((Reduced::Rows(ranking.select(&cut, data.classes())?), ranking))
        };
        for ratio in [0.001, 0.1] {
            let run = move |data: &Dataset<'_>, _: &Held, monitor: &dyn Monitor| {
                epsilon(data, &kept(data, ratio)?.0, metric, monitor).map(drop)
            };
            add(format!("ε {metric} {ratio}"), Box::new(run));
        }
        let run = move |data: &Dataset<'_>, _: &Held, monitor: &dyn Monitor| {
            let sizes = data.classes().sizes();
            let cut = |i: u32| Budget::Ratio(f64::from(i) / 20.0).allocate(&sizes, EmptyClasses::Forbid).map(|c| c.0);
            let cuts = (1..=20).map(cut).collect::<std::result::Result<Vec<_>, _>>()?;
            epsilon_curve(data, &kept(data, 0.5)?.1, &cuts, metric, monitor).map(drop)
        };
        add(format!("ε curve {metric}"), Box::new(run));
        if metric != Metric::Cosine {
            for dimension in [0, 1, 2] {
                let run = move |data: &Dataset<'_>, _: &Held, monitor: &dyn Monitor| {
                    let options = PersistenceOptions { dimension, ..PersistenceOptions::default() };
                    persistence(data, &kept(data, 0.1)?.0, metric, &options, monitor).map(drop)
                };
                add(format!("persistence {metric} dimension={dimension}"), Box::new(run));
            }
        }
    }
    for rule in [Rule::Within, Rule::Epsilon] {
        let run = move |data: &Dataset<'_>, _: &Held, monitor: &dyn Monitor| {
            let stopping = Stopping { rule, radius: 0.5, metric: Metric::Euclidean };
            let asked = (&Budget::Ratio(1.0), EmptyClasses::Forbid);
            let reducer = Reducer::new("maxmin", &[])?;
            stopping.reduce(&reducer, data, &Inputs::default(), asked, Seed(0), monitor).map(drop)
        };
        add(format!("stopping {rule:?}"), Box::new(run));
    }
    for (name, batch) in [("trainer batch=32", 32), ("trainer batch=all", usize::MAX)] {
        let run = move |data: &Dataset<'_>, _: &Held, monitor: &dyn Monitor| {
            let training = Training { batch, ..Training::paper(20, Seed(0)) };
            leanset_train::warm_up(data, &Network::paper(), &training, false, monitor).map(drop)
        };
        add(name.into(), Box::new(run));
    }
    fn look(monitor: &dyn Monitor) -> impl Fn() -> Result<()> + Sync + '_ {
        || if monitor.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    }
    add(
        "judge neighbors".into(),
        Box::new(|data, _, monitor| {
            let look = look(monitor);
            quick::Neighbors::default().fit(data, None, &look)?.predict(data, &look).map(drop)
        }),
    );
    add(
        "judge kernel ridge".into(),
        Box::new(|data, _, monitor| {
            let look = look(monitor);
            quick::KernelRidge::default().fit(data, None, Seed(0), &look)?.predict(data, &look).map(drop)
        }),
    );
    add(
        "judge logistic".into(),
        Box::new(|data, _, monitor| {
            let look = look(monitor);
            quick::Logistic::default().fit(data, None, &look)?.predict(data, &look).map(drop)
        }),
    );
    works
}

/// What a child prints for its parent.
fn measure(work: &Work, held: &Held, stop_at: Duration, trace: bool) -> String {
    // What reads the table is not measured here.
    let data = match held.data() {
        Ok(data) => data,
        Err(error) => return format!("refused: {error}"),
    };
    let run = |trace| {
        let gauge = Gauge::new(stop_at, trace);
        let result = work(&data, held, &gauge);
        // The way from the last look to the end counts.
        gauge.look();
        (gauge, result)
    };
    let (gauge, result) = run(None);
    let total = gauge.start.elapsed();
    let longest = *gauge.longest.lock().unwrap_or_else(PoisonError::into_inner);
    let end = match result {
        Ok(()) => String::new(),
        Err(Error::Interrupted) => format!("{:.3}", total.saturating_sub(stop_at).as_secs_f64()),
        Err(error) => return format!("refused: {error}"),
    };
    if trace {
        drop(run(Some(longest.look)).1);
    }
    let (total, far) = (total.as_secs_f64(), longest.nanos as f64 * 1e-9);
    let looks = gauge.looks.load(Relaxed);
    format!("{total}\t{looks}\t{far}\t{}\t{end}", longest.stage)
}

const HELP: &str = "usage: stops [--seconds 3] [--only TEXT] [--table TEXT] [--all] [--trace]
  --seconds  when the work is asked to stop
  --only     what has this text in its name: a method, ε, persistence, stopping
  --table    tables that have this text in their name
  --all      print every line, not those alone where looks are further apart than 0.1 s
  --trace    print where the looks before and after the longest time were";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).cloned();
    let has = |name: &str| arguments.iter().any(|a| a == name);
    if has("--help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let seconds: f64 = value("--seconds").and_then(|text| text.parse().ok()).unwrap_or(3.0);
    let stop_at = Duration::from_secs_f64(seconds);
    if let Some(case) = value("--case") {
        let (table, work) = case.split_once('/').expect("a table and a work");
        let table = TABLES.iter().find(|t| t.name == table).expect("a table");
        let works = works();
        let (_, work) = works.iter().find(|(name, _)| name == work).expect("a work");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        println!("{}", pool.install(|| measure(work, &table.make(), stop_at, has("--trace"))));
        return ExitCode::SUCCESS;
    }
    let (only, tables) = (value("--only").unwrap_or_default(), value("--table").unwrap_or_default());
    println!("{:<18} {:<48} {:>8} {:>9} {:>9} {:>8}  stage", "table", "work", "seconds", "looks", "longest", "stopped");
    let mut worst = (0.0f64, 0.0f64);
    let mut cases = 0;
    for table in TABLES.iter().filter(|t| t.name.contains(&tables)) {
        for (name, _) in works().iter().filter(|(name, _)| name.contains(&only)) {
            let line = |rest: &str| println!("{:<18} {name:<48} {rest}", table.name);
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args(["--case", &format!("{}/{name}", table.name), "--seconds", &seconds.to_string()]);
            if has("--trace") {
                command.arg("--trace");
            }
            let mut child = command.stdout(Stdio::piped()).spawn().expect("this program again");
            let begin = Instant::now();
            let ended = loop {
                if let Some(ended) = child.try_wait().expect("a child") {
                    break Some(ended);
                }
                if begin.elapsed() > stop_at + NEVER {
                    let _ = child.kill();
                    let _ = child.wait();
                    break None;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            cases += 1;
            let Some(ended) = ended else {
                worst = (f64::INFINITY, f64::INFINITY);
                line("never stopped");
                continue;
            };
            let said = child.wait_with_output().map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
            let said = said.unwrap_or_default();
            let Some((traces, last)) =
                said.trim_end_matches('\n').rsplit_once('\n').or(Some(("", said.trim_end_matches('\n'))))
            else {
                continue;
            };
            let fields: Vec<&str> = last.split('\t').collect();
            let [total, looks, longest, stage, stopped] = fields[..] else {
                if !ended.success() {
                    line(&format!("failed: {ended}"));
                } else if has("--all") {
                    line(last);
                }
                continue;
            };
            let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
            let (longest, late) = (number(longest), number(stopped));
            worst = (worst.0.max(longest), worst.1.max(late));
            if has("--all") || longest.max(late) > FAR.as_secs_f64() {
                line(&format!("{:>8.2} {looks:>9} {longest:>9.3} {stopped:>8}  {stage}", number(total)));
                if has("--trace") {
                    println!("{traces}");
                }
            }
        }
    }
    println!(
        "{cases} cases; the longest time between two looks was {:.3} s, the latest stop {:.3} s",
        worst.0, worst.1
    );
    ExitCode::SUCCESS
}
