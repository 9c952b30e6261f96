//! The runs of a plan: all of them, those that are left, and how they are done.
//!
//! A run is one repetition, one method and one ratio; every repetition has a run of full training. Runs that share work
//! form a group: a method that ranks does so once per repetition, and every ratio is a cut of that ranking; a warm-up
//! serves all ratios too. Each record carries the whole of such a cost, as the run would have alone, and says how many
//! runs share it.
//!
//! Groups run side by side, one per thread, each on that thread alone, so that its time and its CPU time are its own.
//! Joules are then a share by CPU time, and the record says `shared`. With [`RunOptions::exclusive`] one group runs at a
//! time on all threads, and is metered alone. The results are the same either way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use leanset_core::methods::Inputs;
use leanset_core::{Allocation, EmptyClasses, Quiet, Reduced, Seed, metrics};
use leanset_problem::{Problem, Result, Text};

use crate::journal::Journal;
use crate::metering::Metering;
use crate::plan::{ConfiguredMethod, FULL, Plan};
use crate::record::{Cost, Header, Measurements, MeteredCost, Record, RunKey, SCHEMA, SetupCost, Steps};
use crate::remaining::{Progress, RemainingTime};
use crate::render::plural;
use crate::task::{RunError, Task, TrainingRequest};

/// How runs are done.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Threads in all.
    pub threads: usize,
    /// One group at a time, metered alone.
    pub exclusive: bool,
}

/// An experiment: a plan checked against its task.
#[derive(Debug)]
pub struct Experiment<'a, T> {
    plan: &'a Plan,
    task: T,
    methods: Vec<ConfiguredMethod>,
    /// Rows kept of each class, at each ratio of the plan.
    allocations: Vec<Allocation>,
}

/// Runs that share work.
#[derive(Clone, Debug)]
struct RunGroup {
    repetition: u32,
    /// The index of the method in the plan; none for full training.
    method: Option<usize>,
    /// Indices of ratios in the plan.
    ratios: Vec<usize>,
}

/// The rows kept at one ratio, and their cost.
struct ReductionOutcome<'m, M> {
    /// None: all rows.
    reduced: Option<&'m Reduced>,
    epsilon: f64,
    warnings: Vec<String>,
    cost: MeteredCost,
    serves: usize,
    /// The model to continue from.
    start: Option<&'m M>,
    warm_up: u32,
}

impl<'a, T: Task> Experiment<'a, T> {
    /// Checks the plan against its task.
    ///
    /// # Errors
    /// A method that needs more classes; a ratio that keeps too few rows.
    pub fn new(plan: &'a Plan, task: T) -> Result<Self> {
        let methods = plan.configured_methods()?;
        let sizes = task.sizes();
        // As the core counts them: classes with rows.
        let populated = sizes.iter().filter(|&&rows| rows > 0).count();
        for reducer in methods.iter().map(|method| &method.reducer) {
            let least = reducer.least_classes();
            if least > populated {
                let (name, vocabulary) = (task.data().name, plan.vocabulary());
                let classes = plural(populated, vocabulary.class, vocabulary.classes);
                let (id, needed) = (reducer.info().id, vocabulary.classes);
                return Err(Problem::new(format!("{id} needs {least} {needed}, and {name} has {populated} {classes}"))
                    .hint("leave the method out"));
            }
        }
        let allocate = |ratio| Ok(task.budget(ratio)?.allocate(&sizes, EmptyClasses::Forbid)?.0);
        let allocations = (0..plan.reduce.ratios.len()).map(allocate).collect::<Result<_>>()?;
        Ok(Self { plan, task, methods, allocations })
    }

    /// The task.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// The first line of this experiment's records.
    pub fn header(&self) -> Header {
        let leanset = env!("CARGO_PKG_VERSION").to_owned();
        let measured = self.task.features().map(|cost| SetupCost { features: cost.clone() });
        Header { schema: SCHEMA.to_owned(), leanset, plan: self.plan.clone(), data: self.task.data(), measured }
    }

    /// Rows kept at a ratio of the plan, given by its index.
    pub fn kept(&self, ratio: usize) -> usize {
        self.allocations[ratio].total()
    }

    /// Rows to choose from.
    pub fn all(&self) -> usize {
        self.task.sizes().iter().sum()
    }

    /// Every run of the plan, in the order of the plan.
    pub fn runs(&self) -> Vec<RunKey> {
        runs(self.plan)
    }

    /// Gradient steps of the runs that are not among `done`.
    pub fn steps_left(&self, done: &BTreeSet<RunKey>) -> u64 {
        let groups = self.groups(done);
        groups.iter().map(|group| self.steps_of(group)).sum()
    }

    /// Every method at every ratio, for an estimate of the time that is left.
    fn remaining(&self) -> RemainingTime {
        let plan = self.plan;
        let mut remaining = RemainingTime::new(plan.repetitions);
        remaining.expect(FULL, 1.0, None);
        for (entry, method) in plan.methods.iter().zip(&self.methods) {
            let features = self.task.features().filter(|_| method.reducer.info().uses_coordinates());
            for &ratio in &plan.reduce.ratios {
                remaining.expect(entry.label(), ratio, features.map(|cost| cost.cost.seconds));
            }
        }
        remaining
    }

    fn steps_of(&self, group: &RunGroup) -> u64 {
        let (task, all) = (&self.task, self.all());
        let Some(method) = group.method else { return task.steps(all, task.epochs(all)) };
        let warm_up = self.methods[method].warm_up;
        let kept = |&ratio: &usize| self.steps_on(self.kept(ratio), warm_up);
        task.steps(all, warm_up) + group.ratios.iter().map(kept).sum::<u64>()
    }

    /// Gradient steps on this many rows, after a warm-up of this many epochs.
    fn steps_on(&self, rows: usize, warm_up: u32) -> u64 {
        self.task.steps(rows, self.task.epochs(rows) - warm_up)
    }

    /// The groups that are left: repetition after repetition, full training first.
    fn groups(&self, done: &BTreeSet<RunKey>) -> Vec<RunGroup> {
        let plan = self.plan;
        let mut groups = Vec::new();
        for repetition in 0..plan.repetitions {
            if !done.contains(&RunKey::new(repetition, FULL, 1.0)) {
                groups.push(RunGroup { repetition, method: None, ratios: Vec::new() });
            }
            for (method, entry) in plan.methods.iter().enumerate() {
                let left = |&r: &usize| !done.contains(&RunKey::new(repetition, entry.label(), plan.reduce.ratios[r]));
                let ratios: Vec<usize> = (0..plan.reduce.ratios.len()).filter(left).collect();
                // Shared work is done once: a ranking, a warm-up.
                let configured = &self.methods[method];
                if (configured.ranks() || configured.warm_up > 0) && !ratios.is_empty() {
                    groups.push(RunGroup { repetition, method: Some(method), ratios });
                } else {
                    groups.extend(ratios.into_iter().map(|r| RunGroup {
                        repetition,
                        method: Some(method),
                        ratios: vec![r],
                    }));
                }
            }
        }
        groups
    }

    /// Does the runs that are left, and appends each to the journal when it is done. `progress` gets gradient steps, and
    /// after each run the seconds that are left.
    ///
    /// # Errors
    /// The first that any run meets; the runs before it stay. A [run that failed](RunError::Run) is reported when all
    /// others are done.
    pub fn run(
        &self,
        meter: &impl Metering,
        journal: Journal,
        done: &[Record],
        options: RunOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<Record>> {
        let finished: BTreeSet<RunKey> = done.iter().map(Record::key).collect();
        let groups = self.groups(&finished);
        progress.begin("running", self.steps_left(&finished));
        let mut remaining = self.remaining();
        done.iter().for_each(|record| remaining.add(record));
        let (workers, threads) =
            if options.exclusive { (1, options.threads) } else { (options.threads.min(groups.len()).max(1), 1) };
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        remaining.workers = workers;
        progress.remaining(remaining.seconds());
        let journal = Mutex::new((journal, Vec::new(), remaining));
        let failed = Mutex::new(Vec::new());
        let splits = Mutex::new(BTreeMap::<u32, Weak<T::Split>>::new());
        let worker = || -> Result<()> {
            let mut held: Option<(u32, Arc<T::Split>)> = None;
            while !stop.load(Ordering::Relaxed) {
                let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                // The split of the last group is dropped only when this one is held: usually they are the same.
                let split = match &held {
                    Some((repetition, split)) if *repetition == group.repetition => split.clone(),
                    _ => self.split(&splits, group.repetition)?,
                };
                held = Some((group.repetition, split.clone()));
                let resources = Resources { threads, shared: workers > 1, processor: processor() };
                self.run_group(group, &split, meter, &resources, &mut |key, record, steps| {
                    match record {
                        Ok(record) => {
                            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
                            journal.0.write(&record)?;
                            journal.2.add(&record);
                            progress.remaining(journal.2.seconds());
                            journal.1.push(record);
                        }
                        Err(RunError::Run(problem)) => {
                            failed.lock().unwrap_or_else(PoisonError::into_inner).push((key, problem));
                        }
                        Err(RunError::Experiment(problem)) => return Err(problem),
                    }
                    progress.advance(steps);
                    if progress.cancelled() { Err(leanset_core::Error::Interrupted.into()) } else { Ok(()) }
                })?;
            }
            Ok(())
        };
        // A pool for each worker: in a shared one a waiting thread would take up another group, whose time would then
        // count twice.
        let pools = (0..workers)
            .map(|_| rayon::ThreadPoolBuilder::new().num_threads(threads).build())
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|e| Problem::new(format!("threads cannot be started: {e}")).hint("use fewer with --threads"))?;
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
        if let Some(error) = summarize(failed) {
            return Err(error);
        }
        let (_, records, _) = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(done.iter().cloned().chain(records).collect())
    }

    /// The split of a repetition, made once for all workers that hold it.
    fn split(&self, splits: &Mutex<BTreeMap<u32, Weak<T::Split>>>, repetition: u32) -> Result<Arc<T::Split>> {
        let mut splits = splits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(split) = splits.get(&repetition).and_then(Weak::upgrade) {
            return Ok(split);
        }
        let split = Arc::new(self.task.split(repetition)?);
        splits.insert(repetition, Arc::downgrade(&split));
        Ok(split)
    }

    fn run_group(
        &self,
        group: &RunGroup,
        split: &T::Split,
        meter: &impl Metering,
        resources: &Resources,
        write: &mut dyn FnMut(RunKey, Result<Record, RunError>, u64) -> Result<()>,
    ) -> Result<()> {
        let plan = self.plan;
        let Some(method) = group.method else {
            let nothing = MeteredCost { cost: Cost::nothing(), ..MeteredCost::default() };
            let reduction = ReductionOutcome {
                reduced: None,
                epsilon: 0.0,
                warnings: Vec::new(),
                cost: nothing,
                serves: 1,
                start: None,
                warm_up: 0,
            };
            let record = self.trained(group.repetition, FULL, 1.0, split, meter, resources, reduction);
            return write(RunKey::new(group.repetition, FULL, 1.0), record, self.steps_of(group));
        };
        let seeds = plan.seeds(group.repetition);
        let data = self.task.points(split)?;
        let classes = data.classes();
        let mut unreported = 0;
        let mut model = None;
        let ConfiguredMethod { reducer, warm_up } = &self.methods[method];
        let mut inputs = Inputs::default();
        let observed;
        let stop = meter.start();
        if *warm_up > 0 {
            let (warm, dynamics) = self.task.warm_up(split, *warm_up, seeds.model)?;
            (model, observed) = (Some(warm), dynamics);
            inputs.dynamics = Some(&observed);
            unreported = self.task.steps(self.all(), *warm_up);
        }
        // As deep as the plan's largest ratio, so that it is the same ranking whatever is left to do.
        let ranking = match self.methods[method].ranks() {
            true => Some(reducer.rank_with(&data, &inputs, self.allocations.last(), Seed(seeds.method), &Quiet)?),
            false => None,
        };
        let shared = ranking.is_some() || *warm_up > 0;
        let ranked = stop();
        let uses_features = reducer.info().uses_coordinates();
        let features = self.task.features().filter(|_| uses_features);
        for &ratio in &group.ratios {
            let value = plan.reduce.ratios[ratio];
            let budget = self.task.budget(ratio)?;
            let stop = meter.start();
            let reduction = match &ranking {
                Some(ranking) => ranking.reduce(classes, &budget, EmptyClasses::Forbid)?,
                None => {
                    reducer.reduce_with(&data, &inputs, &budget, EmptyClasses::Forbid, Seed(seeds.method), &Quiet)?
                }
            };
            let mut cost = stop();
            if shared {
                cost = ranked.plus(&cost);
            }
            if let Some(features) = features {
                cost = features.plus(&cost);
            }
            let epsilon = metrics::epsilon(&data, &reduction.reduced, plan.metric(), &Quiet)?.value;
            let reduction = ReductionOutcome {
                reduced: Some(&reduction.reduced),
                epsilon,
                warnings: reduction.warnings.iter().map(|w| w.code.to_string()).collect(),
                cost,
                serves: if shared { plan.reduce.ratios.len() } else { 1 },
                start: model.as_ref(),
                warm_up: *warm_up,
            };
            let label = plan.methods[method].label();
            let record = self.trained(group.repetition, label, value, split, meter, resources, reduction);
            let steps = self.steps_on(self.kept(ratio), *warm_up) + std::mem::take(&mut unreported);
            write(RunKey::new(group.repetition, label, value), record, steps)?;
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
        split: &T::Split,
        meter: &impl Metering,
        resources: &Resources,
        reduction: ReductionOutcome<'_, T::Model>,
    ) -> Result<Record, RunError> {
        let kept = match reduction.reduced {
            None => self.task.sizes(),
            Some(Reduced::Rows(selection)) => selection.counts(),
            Some(Reduced::Points(points)) => points.counts(self.task.sizes().len()),
        };
        let seeds = self.plan.seeds(repetition);
        let request = TrainingRequest {
            repetition,
            method,
            ratio,
            kept: reduction.reduced,
            start: reduction.start,
            epochs: self.task.epochs(kept.iter().sum()) - reduction.warm_up,
            seed: seeds.model,
        };
        let outcome = self.task.train(split, &request, meter)?;
        let total = reduction.cost.plus(&outcome.cost);
        Ok(Record {
            repetition,
            method: method.to_owned(),
            ratio,
            seeds,
            kept,
            epsilon: reduction.epsilon,
            scores: outcome.scores,
            steps: Steps { warm_up: self.task.steps(self.all(), reduction.warm_up), training: outcome.steps },
            warnings: [reduction.warnings, outcome.warnings].concat(),
            measured: Measurements {
                shared: resources.shared || total.others,
                threads: resources.threads,
                processor: resources.processor.clone(),
                reduction: reduction.cost.cost,
                reduction_serves: reduction.serves,
                features: self.task.features().cloned(),
                training: outcome.cost.cost,
                energy: total.sources,
            },
        })
    }
}

/// Failed runs that an error names.
const NAMED: usize = 3;

/// One error for all runs that failed while others were done.
fn summarize(failed: Vec<(RunKey, Problem)>) -> Option<Problem> {
    let count = failed.len();
    let mut names: Vec<String> = failed.iter().take(NAMED).map(|(key, _)| key.to_string()).collect();
    let named = names.len();
    if let Some(last) = names.last_mut().filter(|_| count > named) {
        last.push_str(&format!(" and {} more", count - named));
    }
    let (_, mut first) = failed.into_iter().next()?;
    let again = "the same command repeats the failed runs";
    let hint = match &first.hint {
        Some(hint) => hint.clone().text(format!("; {again}")),
        None => again.into(),
    };
    if count > 1 {
        let names = format!("{count} runs failed: {}; the first: ", names.join("; "));
        first.message = Text::from(names).append(first.message);
    }
    Some(first.hint(hint))
}

/// Every run of a plan, in its order.
pub fn runs(plan: &Plan) -> Vec<RunKey> {
    let mut runs = Vec::new();
    for repetition in 0..plan.repetitions {
        runs.push(RunKey::new(repetition, FULL, 1.0));
        for method in &plan.methods {
            runs.extend(plan.reduce.ratios.iter().map(|&ratio| RunKey::new(repetition, method.label(), ratio)));
        }
    }
    runs
}

/// What a run is done with.
struct Resources {
    threads: usize,
    shared: bool,
    processor: String,
}

/// The processor's name.
fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|n| n.1.trim()));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), str::to_owned)
}
