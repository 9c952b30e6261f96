//! The runs of a plan: which there are, which are left, and doing them.
//!
//! A run is one repetition, one method and one ratio; full training is a run of every repetition. Runs that share work
//! are one job: a method that ranks does so once a repetition, and every ratio is a slice; a warm-up serves all ratios
//! too. Each run's record carries the whole of such a cost, as it would have alone, and says how many share it.
//!
//! Jobs run side by side, one a thread, each on that thread alone: no job helps another out, so that its time and its
//! CPU time are its own. Joules are then a share by CPU time, and the record says `shared`. With
//! [`Options::exclusive`] one job runs at a time on all threads, and is metered alone. What a run finds is the same
//! either way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use leanset_core::methods::Inputs;
use leanset_core::{Allocation, Budget, Floor, Monitor, Quiet, Reduced, Seed, metrics};
use leanset_tables::{Encoded, Table};
use leanset_train::scores;

use crate::energy::{Bill, Metering};
use crate::error::{Error, Result};
use crate::folds::{Fold, Ground, Points, ids};
use crate::learner::Learner;
use crate::plan::{Chooser, FULL, Plan, Purpose};
use crate::records::{ClassRecord, Cost, DataRecord, Header, Journal, Key, Measured, Record, SCHEMA, Seeds, Steps};

/// How runs are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads in all.
    pub threads: usize,
    /// One job at a time, metered alone.
    pub exclusive: bool,
}

/// An experiment on a table: the plan, checked against it.
#[derive(Debug)]
pub struct Lab<'a> {
    plan: &'a Plan,
    table: &'a Table,
    ground: Ground,
    choosers: Vec<Chooser>,
    /// Kept rows of each class at each ratio of the plan.
    allocations: Vec<Allocation>,
}

/// Runs that share work.
#[derive(Clone, Debug)]
struct Job {
    repetition: u32,
    /// Its place in the plan; none for full training.
    method: Option<usize>,
    /// Places of ratios in the plan.
    ratios: Vec<usize>,
}

/// What a job chose for one ratio, and at which cost.
struct Choice<'m, M> {
    points: Points,
    kept: Vec<usize>,
    epsilon: f64,
    warnings: Vec<String>,
    bill: Bill,
    serves: usize,
    /// Where training goes on from.
    start: Option<&'m M>,
    warm_up: u32,
}

impl<'a> Lab<'a> {
    /// Checks the plan against the table, `encoded` as a whole.
    ///
    /// # Errors
    /// Classes that cannot be split; a method that needs other data; ratios that keep too little.
    pub fn new(plan: &'a Plan, table: &'a Table, encoded: &Encoded) -> Result<Self> {
        let ground = Ground::new(plan, table.name(), encoded)?;
        let choosers: Vec<Chooser> =
            plan.methods.iter().map(|m| m.chooser(plan.model.epochs)).collect::<Result<_>>()?;
        for info in choosers.iter().map(|chooser| chooser.reducer.info()) {
            let least = info.capabilities.least_classes;
            if least > ground.names.len() {
                return Err(Error::new(
                    format!("{} needs {least} classes, and {} has {}", info.id, table.name(), ground.names.len()),
                    "leave the method out",
                ));
            }
        }
        let sizes = ground.training_sizes();
        let allocate = |&ratio: &f64| Ok(Budget::Ratio(ratio).allocate(&sizes, Floor::One)?.0);
        let allocations = plan.reduce.ratios.iter().map(allocate).collect::<Result<_>>()?;
        Ok(Self { plan, table, ground, choosers, allocations })
    }

    /// The first line of this experiment's records.
    pub fn header(&self, name: &str, sha256: &str) -> Header {
        let classes = self.ground.names.iter().cloned().zip(self.ground.sizes()).collect();
        let data = DataRecord {
            name: name.to_owned(),
            sha256: sha256.to_owned(),
            rows: self.ground.rows(),
            dimensions: self.ground.dimensions,
            training_rows: self.ground.training_sizes().iter().sum(),
            classes,
        };
        let leanset = env!("CARGO_PKG_VERSION").to_owned();
        Header { schema: SCHEMA.to_owned(), leanset, plan: self.plan.clone(), data }
    }

    /// Every run of the plan, in the order of the plan.
    pub fn runs(&self) -> Vec<Key> {
        runs(self.plan)
    }

    /// The split of a repetition.
    ///
    /// # Errors
    /// What the encoder says of the training rows.
    pub fn fold_of(&self, repetition: u32) -> Result<Fold> {
        self.ground.fold(self.table, self.plan, self.plan.seed_of(Purpose::Split, repetition))
    }

    /// Gradient steps of the runs that are not among `done`.
    pub fn steps_left(&self, learner: &impl Learner, done: &BTreeSet<Key>) -> u64 {
        let jobs = self.jobs(done);
        jobs.iter().map(|job| self.steps_of(learner, job)).sum()
    }

    fn steps_of(&self, learner: &impl Learner, job: &Job) -> u64 {
        let epochs = self.plan.model.epochs;
        let all: usize = self.ground.training_sizes().iter().sum();
        let Some(method) = job.method else { return learner.steps(all, epochs) };
        let warm_up = self.choosers[method].warm_up;
        let kept = |ratio: &usize| learner.steps(self.allocations[*ratio].total(), epochs - warm_up);
        learner.steps(all, warm_up) + job.ratios.iter().map(kept).sum::<u64>()
    }

    /// What is left to do: repetition after repetition, full training first.
    fn jobs(&self, done: &BTreeSet<Key>) -> Vec<Job> {
        let plan = self.plan;
        let mut jobs = Vec::new();
        for repetition in 0..plan.repetitions {
            if !done.contains(&Key::new(repetition, FULL, 1.0)) {
                jobs.push(Job { repetition, method: None, ratios: Vec::new() });
            }
            for (method, entry) in plan.methods.iter().enumerate() {
                let left = |&r: &usize| !done.contains(&Key::new(repetition, entry.label(), plan.reduce.ratios[r]));
                let ratios: Vec<usize> = (0..plan.reduce.ratios.len()).filter(left).collect();
                // What is shared is done once: a ranking, a warm-up.
                let chooser = &self.choosers[method];
                if (chooser.ranks() || chooser.warm_up > 0) && !ratios.is_empty() {
                    jobs.push(Job { repetition, method: Some(method), ratios });
                } else {
                    jobs.extend(ratios.into_iter().map(|r| Job { repetition, method: Some(method), ratios: vec![r] }));
                }
            }
        }
        jobs
    }

    /// Does what is left, and appends each run to the journal as it is done. Progress is in gradient steps.
    ///
    /// # Errors
    /// The first that any run meets; what was done before it stays.
    pub fn run(
        &self,
        learner: &impl Learner,
        meter: &impl Metering,
        journal: Journal,
        done: &[Record],
        options: Options,
        monitor: &dyn Monitor,
    ) -> Result<Vec<Record>> {
        let finished: BTreeSet<Key> = done.iter().map(Record::key).collect();
        let jobs = self.jobs(&finished);
        monitor.begin("running", self.steps_left(learner, &finished));
        let (workers, threads) =
            if options.exclusive { (1, options.threads) } else { (options.threads.min(jobs.len()).max(1), 1) };
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let journal = Mutex::new((journal, Vec::new()));
        let folds = Mutex::new(BTreeMap::<u32, Weak<Fold>>::new());
        let worker = || -> Result<()> {
            let mut held: Option<(u32, Arc<Fold>)> = None;
            while !stop.load(Ordering::Relaxed) {
                let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                // The fold of the last job is let go only when this job's is held: most often they are one.
                let fold = match &held {
                    Some((repetition, fold)) if *repetition == job.repetition => fold.clone(),
                    _ => self.fold(&folds, job.repetition)?,
                };
                held = Some((job.repetition, fold.clone()));
                let stands = Stands { threads, shared: workers > 1, processor: processor() };
                self.job(job, &fold, learner, meter, &stands, &mut |record, steps| {
                    let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
                    journal.0.write(&record)?;
                    journal.1.push(record);
                    monitor.advance(steps);
                    if monitor.cancelled() { Err(leanset_core::Error::Interrupted.into()) } else { Ok(()) }
                })?;
            }
            Ok(())
        };
        // A pool of its own for each worker: a shared one would lend a waiting thread to another job, whose time then
        // counted twice.
        let pools = (0..workers)
            .map(|_| rayon::ThreadPoolBuilder::new().num_threads(threads).build())
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|e| Error::new(format!("threads cannot be started: {e}"), "use fewer with --threads"))?;
        let results: Vec<Result<()>> = std::thread::scope(|scope| {
            let run = |pool: &rayon::ThreadPool| {
                let result = pool.install(worker);
                if result.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                result
            };
            let handles: Vec<_> = pools.iter().map(|pool| scope.spawn(move || run(pool))).collect();
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        results.into_iter().collect::<Result<()>>()?;
        let (_, records) = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(done.iter().cloned().chain(records).collect())
    }

    /// The split of a repetition, made once for all workers that hold it.
    fn fold(&self, folds: &Mutex<BTreeMap<u32, Weak<Fold>>>, repetition: u32) -> Result<Arc<Fold>> {
        let mut folds = folds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fold) = folds.get(&repetition).and_then(Weak::upgrade) {
            return Ok(fold);
        }
        let fold = Arc::new(self.fold_of(repetition)?);
        folds.insert(repetition, Arc::downgrade(&fold));
        Ok(fold)
    }

    fn job<L: Learner>(
        &self,
        job: &Job,
        fold: &Fold,
        learner: &L,
        meter: &impl Metering,
        stands: &Stands,
        write: &mut dyn FnMut(Record, u64) -> Result<()>,
    ) -> Result<()> {
        let plan = self.plan;
        let seed = plan.seed_of(Purpose::Method, job.repetition);
        let Some(method) = job.method else {
            let kept = self.ground.training_sizes();
            let nothing = Bill { cost: Cost::nothing(), ..Bill::default() };
            let points = fold.train.take(0..fold.train.classes.len());
            let choice = Choice {
                points,
                kept,
                epsilon: 0.0,
                warnings: Vec::new(),
                bill: nothing,
                serves: 1,
                start: None,
                warm_up: 0,
            };
            let record = self.trained(job.repetition, FULL, 1.0, fold, learner, meter, stands, choice)?;
            return write(record, self.steps_of(learner, job));
        };
        let data = fold.train.dataset()?;
        let classes = data.classes();
        let mut unsaid = 0;
        let mut model = None;
        let Chooser { reducer, warm_up } = &self.choosers[method];
        let mut inputs = Inputs::default();
        let seen;
        let stop = meter.start();
        if *warm_up > 0 {
            let (warm, dynamics) =
                learner.warm_up(&fold.train, *warm_up, plan.seed_of(Purpose::Model, job.repetition))?;
            (model, seen) = (Some(warm), dynamics);
            inputs.dynamics = Some(&seen);
            unsaid = learner.steps(fold.train.classes.len(), *warm_up);
        }
        // As deep as the plan's largest ratio, so that it is the same ranking whatever is left to do.
        let ranking = match self.choosers[method].ranks() {
            true => Some(reducer.rank_with(&data, &inputs, self.allocations.last(), Seed(seed), &Quiet)?),
            false => None,
        };
        let shared = ranking.is_some() || *warm_up > 0;
        let ranked = stop();
        for &ratio in &job.ratios {
            let value = plan.reduce.ratios[ratio];
            let stop = meter.start();
            let reduction = match &ranking {
                Some(ranking) => ranking.reduce(classes, &Budget::Ratio(value), Floor::One)?,
                None => reducer.reduce_with(&data, &inputs, &Budget::Ratio(value), Floor::One, Seed(seed), &Quiet)?,
            };
            let mut bill = stop();
            if shared {
                bill = sum(&ranked, &bill);
            }
            let epsilon = metrics::epsilon(&data, &reduction.reduced, plan.metric(), &Quiet)?.value;
            let (points, kept) = points_of(&reduction.reduced, &fold.train);
            let choice = Choice {
                points,
                kept,
                epsilon,
                warnings: reduction.warnings.iter().map(|w| w.code.to_owned()).collect(),
                bill,
                serves: if shared { plan.reduce.ratios.len() } else { 1 },
                start: model.as_ref(),
                warm_up: *warm_up,
            };
            let kept = choice.points.classes.len();
            let label = plan.methods[method].label();
            let record = self.trained(job.repetition, label, value, fold, learner, meter, stands, choice)?;
            let steps = learner.steps(kept, plan.model.epochs - *warm_up);
            write(record, steps + std::mem::take(&mut unsaid))?;
        }
        Ok(())
    }

    /// Trains on what was chosen, and tests.
    #[allow(clippy::too_many_arguments)] // the run, what it has, and who watches
    fn trained<L: Learner>(
        &self,
        repetition: u32,
        method: &str,
        ratio: f64,
        fold: &Fold,
        learner: &L,
        meter: &impl Metering,
        stands: &Stands,
        choice: Choice<'_, L::Model>,
    ) -> Result<Record> {
        let plan = self.plan;
        let seed = |purpose| plan.seed_of(purpose, repetition);
        let epochs = plan.model.epochs - choice.warm_up;
        let stop = meter.start();
        let model = learner.train(&choice.points, choice.start, epochs, seed(Purpose::Model))?;
        let training = stop();
        let predicted = learner.predict(&model, &fold.test)?;
        let scores = scores(&ids(&fold.test.classes), &predicted, self.ground.names.len());
        let classes = self.ground.names.iter().zip(&scores.per_class).map(|(name, class)| ClassRecord {
            name: name.clone(),
            rows: class.rows,
            precision: class.precision,
            recall: class.recall,
            f1: class.f1,
        });
        let both = sum(&choice.bill, &training);
        Ok(Record {
            repetition,
            method: method.to_owned(),
            ratio,
            seeds: Seeds { split: seed(Purpose::Split), method: seed(Purpose::Method), model: seed(Purpose::Model) },
            kept: choice.kept,
            epsilon: choice.epsilon,
            accuracy: scores.accuracy,
            precision: scores.precision,
            recall: scores.recall,
            f1: scores.f1,
            classes: classes.collect(),
            steps: Steps {
                warm_up: learner.steps(fold.train.classes.len(), choice.warm_up),
                training: learner.steps(choice.points.classes.len(), epochs),
            },
            warnings: choice.warnings,
            measured: Measured {
                shared: stands.shared || both.others,
                threads: stands.threads,
                processor: stands.processor.clone(),
                reduction: choice.bill.cost,
                reduction_serves: choice.serves,
                training: training.cost,
                energy: both.sources,
            },
        })
    }
}

/// Every run of a plan, in its order.
pub fn runs(plan: &Plan) -> Vec<Key> {
    let mut runs = Vec::new();
    for repetition in 0..plan.repetitions {
        runs.push(Key::new(repetition, FULL, 1.0));
        for method in &plan.methods {
            runs.extend(plan.reduce.ratios.iter().map(|&ratio| Key::new(repetition, method.label(), ratio)));
        }
    }
    runs
}

/// Where a run stands.
struct Stands {
    threads: usize,
    shared: bool,
    processor: String,
}

/// Two bills as one.
fn sum(a: &Bill, b: &Bill) -> Bill {
    let mut sources = b.sources.clone();
    for source in &a.sources.joules {
        if !sources.joules.contains(source) {
            sources.joules.push(source.clone());
        }
    }
    sources.estimated |= a.sources.estimated;
    Bill { cost: a.cost.plus(&b.cost), sources, others: a.others || b.others }
}

/// What is trained on, rows in the order of the table, and how many of each class.
fn points_of(reduced: &Reduced, train: &Points) -> (Points, Vec<usize>) {
    match reduced {
        Reduced::Rows(selection) => {
            let mut rows: Vec<usize> = selection.rows().iter().map(|row| row.index()).collect();
            rows.sort_unstable();
            (train.take(rows), selection.counts())
        }
        Reduced::Points(points) => {
            let taken = Points {
                values: points.points.clone(),
                columns: points.columns,
                classes: points.classes.iter().map(|class| class.0).collect(),
                names: train.names.clone(),
            };
            (taken, points.counts(train.names.len()))
        }
    }
}

/// What the system calls the processor.
fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|n| n.1.trim()));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), str::to_owned)
}
