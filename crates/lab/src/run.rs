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
use leanset_core::{Allocation, EmptyClasses, Monitor, Quiet, Reduced, Seed, metrics};

use crate::energy::{Bill, Metering};
use crate::error::{Error, Result};
use crate::plan::{Chooser, FULL, Plan};
use crate::records::{Beforehand, Cost, Header, Journal, Key, Measured, Record, SCHEMA, Steps};
use crate::subject::{Subject, Task};

/// How runs are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads in all.
    pub threads: usize,
    /// One job at a time, metered alone.
    pub exclusive: bool,
}

/// An experiment: the plan, checked against what it is about.
#[derive(Debug)]
pub struct Lab<'a, S> {
    plan: &'a Plan,
    subject: S,
    choosers: Vec<Chooser>,
    /// What is kept of each class at each ratio of the plan.
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
    /// None: everything.
    reduced: Option<&'m Reduced>,
    epsilon: f64,
    warnings: Vec<String>,
    bill: Bill,
    serves: usize,
    /// Where training goes on from.
    start: Option<&'m M>,
    warm_up: u32,
}

impl<'a, S: Subject> Lab<'a, S> {
    /// Checks the plan against what it is about.
    ///
    /// # Errors
    /// A method that needs other data; ratios that keep too little.
    pub fn new(plan: &'a Plan, subject: S) -> Result<Self> {
        let choosers: Vec<Chooser> = plan.methods.iter().map(|m| m.chooser(&plan.about)).collect::<Result<_>>()?;
        let sizes = subject.sizes();
        for info in choosers.iter().map(|chooser| chooser.reducer.info()) {
            let least = info.capabilities.least_classes;
            if least > sizes.len() {
                let (name, classes) = (subject.data().name, plan.kind().classes);
                return Err(Error::new(
                    format!("{} needs {least} {classes}, and {name} has {}", info.id, sizes.len()),
                    "leave the method out",
                ));
            }
        }
        let allocate = |ratio| Ok(subject.budget(ratio)?.allocate(&sizes, EmptyClasses::Forbid)?.0);
        let allocations = (0..plan.reduce.ratios.len()).map(allocate).collect::<Result<_>>()?;
        Ok(Self { plan, subject, choosers, allocations })
    }

    /// What it is about.
    pub fn subject(&self) -> &S {
        &self.subject
    }

    /// The first line of this experiment's records.
    pub fn header(&self) -> Header {
        let leanset = env!("CARGO_PKG_VERSION").to_owned();
        let measured = self.subject.features().map(|bill| Beforehand { features: bill.clone() });
        Header { schema: SCHEMA.to_owned(), leanset, plan: self.plan.clone(), data: self.subject.data(), measured }
    }

    /// How many are kept at a ratio of the plan, by its place there.
    pub fn kept(&self, ratio: usize) -> usize {
        self.allocations[ratio].total()
    }

    /// How many there are to choose from.
    pub fn all(&self) -> usize {
        self.subject.sizes().iter().sum()
    }

    /// Every run of the plan, in the order of the plan.
    pub fn runs(&self) -> Vec<Key> {
        runs(self.plan)
    }

    /// Gradient steps of the runs that are not among `done`.
    pub fn steps_left(&self, done: &BTreeSet<Key>) -> u64 {
        let jobs = self.jobs(done);
        jobs.iter().map(|job| self.steps_of(job)).sum()
    }

    fn steps_of(&self, job: &Job) -> u64 {
        let (subject, all) = (&self.subject, self.all());
        let Some(method) = job.method else { return subject.steps(all, subject.epochs(all)) };
        let warm_up = self.choosers[method].warm_up;
        let kept = |&ratio: &usize| self.steps_on(self.kept(ratio), warm_up);
        subject.steps(all, warm_up) + job.ratios.iter().map(kept).sum::<u64>()
    }

    /// Gradient steps on so many rows, after a warm-up of so many epochs.
    fn steps_on(&self, rows: usize, warm_up: u32) -> u64 {
        self.subject.steps(rows, self.subject.epochs(rows) - warm_up)
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
    /// The first that any run meets; what was done before it stays. Errors [of one run](Error::of_one_run) are told when
    /// all others are done.
    pub fn run(
        &self,
        meter: &impl Metering,
        journal: Journal,
        done: &[Record],
        options: Options,
        monitor: &dyn Monitor,
    ) -> Result<Vec<Record>> {
        let finished: BTreeSet<Key> = done.iter().map(Record::key).collect();
        let jobs = self.jobs(&finished);
        monitor.begin("running", self.steps_left(&finished));
        let (workers, threads) =
            if options.exclusive { (1, options.threads) } else { (options.threads.min(jobs.len()).max(1), 1) };
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let journal = Mutex::new((journal, Vec::new()));
        let failed = Mutex::new(Vec::new());
        let folds = Mutex::new(BTreeMap::<u32, Weak<S::Fold>>::new());
        let worker = || -> Result<()> {
            let mut held: Option<(u32, Arc<S::Fold>)> = None;
            while !stop.load(Ordering::Relaxed) {
                let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                // The fold of the last job is let go only when this job's is held: most often they are one.
                let fold = match &held {
                    Some((repetition, fold)) if *repetition == job.repetition => fold.clone(),
                    _ => self.fold(&folds, job.repetition)?,
                };
                held = Some((job.repetition, fold.clone()));
                let stands = Stands { threads, shared: workers > 1, processor: processor() };
                self.job(job, &fold, meter, &stands, &mut |key, record, steps| {
                    match record {
                        Ok(record) => {
                            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
                            journal.0.write(&record)?;
                            journal.1.push(record);
                        }
                        Err(error) if error.is_of_one_run() => {
                            failed.lock().unwrap_or_else(PoisonError::into_inner).push((key, error));
                        }
                        Err(error) => return Err(error),
                    }
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
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = all_of(&failed) {
            return Err(error);
        }
        let (_, records) = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(done.iter().cloned().chain(records).collect())
    }

    /// The split of a repetition, made once for all workers that hold it.
    fn fold(&self, folds: &Mutex<BTreeMap<u32, Weak<S::Fold>>>, repetition: u32) -> Result<Arc<S::Fold>> {
        let mut folds = folds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fold) = folds.get(&repetition).and_then(Weak::upgrade) {
            return Ok(fold);
        }
        let fold = Arc::new(self.subject.fold(repetition)?);
        folds.insert(repetition, Arc::downgrade(&fold));
        Ok(fold)
    }

    fn job(
        &self,
        job: &Job,
        fold: &S::Fold,
        meter: &impl Metering,
        stands: &Stands,
        write: &mut dyn FnMut(Key, Result<Record>, u64) -> Result<()>,
    ) -> Result<()> {
        let plan = self.plan;
        let Some(method) = job.method else {
            let nothing = Bill { cost: Cost::nothing(), ..Bill::default() };
            let choice = Choice {
                reduced: None,
                epsilon: 0.0,
                warnings: Vec::new(),
                bill: nothing,
                serves: 1,
                start: None,
                warm_up: 0,
            };
            let record = self.trained(job.repetition, FULL, 1.0, fold, meter, stands, choice);
            return write(Key::new(job.repetition, FULL, 1.0), record, self.steps_of(job));
        };
        let seeds = plan.seeds(job.repetition);
        let data = self.subject.points(fold)?;
        let classes = data.classes();
        let mut unsaid = 0;
        let mut model = None;
        let Chooser { reducer, warm_up } = &self.choosers[method];
        let mut inputs = Inputs::default();
        let seen;
        let stop = meter.start();
        if *warm_up > 0 {
            let (warm, dynamics) = self.subject.warm_up(fold, *warm_up, seeds.model)?;
            (model, seen) = (Some(warm), dynamics);
            inputs.dynamics = Some(&seen);
            unsaid = self.subject.steps(self.all(), *warm_up);
        }
        // As deep as the plan's largest ratio, so that it is the same ranking whatever is left to do.
        let ranking = match self.choosers[method].ranks() {
            true => Some(reducer.rank_with(&data, &inputs, self.allocations.last(), Seed(seeds.method), &Quiet)?),
            false => None,
        };
        let shared = ranking.is_some() || *warm_up > 0;
        let ranked = stop();
        let looks = reducer.info().uses_coordinates();
        let features = self.subject.features().filter(|_| looks);
        for &ratio in &job.ratios {
            let value = plan.reduce.ratios[ratio];
            let budget = self.subject.budget(ratio)?;
            let stop = meter.start();
            let reduction = match &ranking {
                Some(ranking) => ranking.reduce(classes, &budget, EmptyClasses::Forbid)?,
                None => {
                    reducer.reduce_with(&data, &inputs, &budget, EmptyClasses::Forbid, Seed(seeds.method), &Quiet)?
                }
            };
            let mut bill = stop();
            if shared {
                bill = ranked.plus(&bill);
            }
            if let Some(features) = features {
                bill = features.plus(&bill);
            }
            let epsilon = metrics::epsilon(&data, &reduction.reduced, plan.metric(), &Quiet)?.value;
            let choice = Choice {
                reduced: Some(&reduction.reduced),
                epsilon,
                warnings: reduction.warnings.iter().map(|w| w.code.to_owned()).collect(),
                bill,
                serves: if shared { plan.reduce.ratios.len() } else { 1 },
                start: model.as_ref(),
                warm_up: *warm_up,
            };
            let label = plan.methods[method].label();
            let record = self.trained(job.repetition, label, value, fold, meter, stands, choice);
            let steps = self.steps_on(self.kept(ratio), *warm_up) + std::mem::take(&mut unsaid);
            write(Key::new(job.repetition, label, value), record, steps)?;
        }
        Ok(())
    }

    /// Trains on what was chosen, and tests.
    #[allow(clippy::too_many_arguments)] // the run, what it has, and who watches
    fn trained(
        &self,
        repetition: u32,
        method: &str,
        ratio: f64,
        fold: &S::Fold,
        meter: &impl Metering,
        stands: &Stands,
        choice: Choice<'_, S::Model>,
    ) -> Result<Record> {
        let kept = match choice.reduced {
            None => self.subject.sizes(),
            Some(Reduced::Rows(selection)) => selection.counts(),
            Some(Reduced::Points(points)) => points.counts(self.subject.sizes().len()),
        };
        let seeds = self.plan.seeds(repetition);
        let task = Task {
            repetition,
            method,
            ratio,
            kept: choice.reduced,
            start: choice.start,
            epochs: self.subject.epochs(kept.iter().sum()) - choice.warm_up,
            seed: seeds.model,
        };
        let trial = self.subject.trial(fold, &task, meter)?;
        let both = choice.bill.plus(&trial.bill);
        Ok(Record {
            repetition,
            method: method.to_owned(),
            ratio,
            seeds,
            kept,
            epsilon: choice.epsilon,
            scores: trial.scores,
            steps: Steps { warm_up: self.subject.steps(self.all(), choice.warm_up), training: trial.steps },
            warnings: [choice.warnings, trial.warnings].concat(),
            measured: Measured {
                shared: stands.shared || both.others,
                threads: stands.threads,
                processor: stands.processor.clone(),
                reduction: choice.bill.cost,
                reduction_serves: choice.serves,
                features: self.subject.features().cloned(),
                training: trial.bill.cost,
                energy: both.sources,
            },
        })
    }
}

/// Failed runs that are named.
const NAMED: usize = 3;

/// What is to be said of runs that failed while others were done.
fn all_of(failed: &[(Key, Error)]) -> Option<Error> {
    let (_, first) = failed.first()?;
    let again = "the same command tries again what failed";
    let hint = first.hint().map_or_else(|| again.to_owned(), |hint| format!("{hint}; {again}"));
    if failed.len() == 1 {
        return Some(Error::new(first.to_string(), hint));
    }
    let named: Vec<String> = failed.iter().take(NAMED).map(|(key, _)| key.to_string()).collect();
    let more = match failed.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(Error::new(format!("{} runs failed: {}{more}; the first: {first}", failed.len(), named.join("; ")), hint))
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

/// What the system calls the processor.
fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|n| n.1.trim()));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), str::to_owned)
}
