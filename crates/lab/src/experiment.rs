//! The runs of a plan: all of them, those that are left, and how they are done.
//!
//! A run is one repetition, one method, one ratio and one model; every repetition has a run of full training of each model, and runs
//! of the baselines ([`Baseline`]). Runs that share work form a group: a method that ranks does so once per repetition, every
//! ratio is a cut of that ranking, and all models are trained on it; a warm-up serves all ratios too. Each record carries the
//! whole of such a cost, as the run would have alone, and says how many runs share it.
//!
//! The warm-up of a method that uses training dynamics is a cost of choosing. The model that is judged then starts anew on the
//! kept rows, as with every other method; only with `continue = true`, the protocol of the paper, training goes on from there.
//!
//! Groups run side by side, one per thread, each on that thread alone, so that its time and its CPU time are its own.
//! Joules are then a share by CPU time, and the record says `shared`. With [`RunOptions::exclusive`] one group runs at a
//! time on all threads, and is metered alone. The results are the same either way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use leanset_core::methods::Inputs;
use leanset_core::{Allocation, Budget, EmptyClasses, Quiet, Reduced, Seed, metrics};
use leanset_problem::{Problem, Result, Text};

use crate::journal::Journal;
use crate::metering::Metering;
use crate::plan::{Baseline, ConfiguredMethod, EqualTraining, FULL, Plan, runs};
use crate::record::{Cost, Header, Measurements, MeteredCost, Record, RunKey, SCHEMA, SetupCost, Steps};
use crate::remaining::{Progress, RemainingTime};
use crate::render::plural;
use crate::task::{RunError, Task, Trainer, TrainingRequest};

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
    /// The runs that are to be done; none for all.
    only: Option<BTreeSet<RunKey>>,
}

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// Training on all rows.
    Full,
    /// A baseline.
    Baseline(Baseline),
    /// The method with this index in the plan.
    Method(usize),
}

/// Runs that share work.
#[derive(Clone, Debug)]
struct RunGroup {
    repetition: u32,
    entry: Entry,
    /// Indices of ratios and models in the plan, in this order. Full training has the ratio 0.
    runs: Vec<(usize, usize)>,
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
    /// What was warmed up, and for how many epochs.
    warm_up: Option<(Trainer, u32)>,
    /// Whether models are trained with the weights of the rows.
    weighted: bool,
    /// How many of the rows an epoch takes, each time other ones; none for all.
    fresh: Option<usize>,
    epochs: u32,
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
        Ok(Self { plan, task, methods, allocations, only: None })
    }

    /// The same with these of its runs alone; all for none.
    #[must_use]
    pub fn only(self, runs: Option<BTreeSet<RunKey>>) -> Self {
        Self { only: runs, ..self }
    }

    /// The task.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// The first line of this experiment's records.
    pub fn header(&self) -> Header {
        let leanset = env!("CARGO_PKG_VERSION").to_owned();
        let measured = self.task.features().map(|cost| SetupCost { features: cost.clone() });
        Header {
            schema: SCHEMA.to_owned(),
            leanset,
            plan: self.plan.clone(),
            data: self.task.data(),
            measured,
            plans: Vec::new(),
        }
    }

    /// Rows kept at a ratio of the plan, given by its index.
    pub fn kept(&self, ratio: usize) -> usize {
        self.allocations[ratio].total()
    }

    /// Rows to choose from.
    pub fn all(&self) -> usize {
        self.task.sizes().iter().sum()
    }

    /// Every run that is to be done, in the order of the plan.
    pub fn runs(&self) -> Vec<RunKey> {
        runs(self.plan).into_iter().filter(|run| self.is_asked(run)).collect()
    }

    fn is_asked(&self, run: &RunKey) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(run))
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
        for key in self.runs().into_iter().filter(|key| key.repetition == 0) {
            let method = plan.methods.iter().position(|entry| entry.label() == key.method);
            let uses = method.is_some_and(|method| self.methods[method].reducer.info().uses_coordinates());
            let features = self.task.features().filter(|_| uses);
            remaining.expect(&key.method, key.model.as_deref(), key.ratio(), features.map(|cost| cost.cost.seconds));
        }
        remaining
    }

    /// Gradient steps of the warm-up of a group.
    fn shared_steps(&self, group: &RunGroup) -> u64 {
        self.warm_up_of(group).map_or(0, |(trainer, epochs)| self.task.steps(trainer, self.all(), epochs))
    }

    /// Gradient steps of a group: those of what it shares, and those of each run.
    fn steps_of(&self, group: &RunGroup) -> u64 {
        self.shared_steps(group)
            + group.runs.iter().map(|&(ratio, model)| self.steps_on(group.entry, ratio, model)).sum::<u64>()
    }

    /// Gradient steps on the rows of a run.
    fn steps_on(&self, entry: Entry, ratio: usize, model: usize) -> u64 {
        let rows = match entry {
            Entry::Full | Entry::Baseline(Baseline::FullFewerEpochs) => self.all(),
            Entry::Baseline(Baseline::Rs2) | Entry::Method(_) => self.kept(ratio),
        };
        self.task.steps(Trainer::Model(model), rows, self.epochs(entry, ratio, model))
    }

    /// Epochs of a run on its rows.
    fn epochs(&self, entry: Entry, ratio: usize, model: usize) -> u32 {
        let (task, all) = (&self.task, self.all());
        match entry {
            Entry::Full => task.epochs(model, all, 0),
            Entry::Baseline(Baseline::FullFewerEpochs) => {
                // As many steps as the kept rows take in the epochs of full training.
                let step = |rows| task.steps(Trainer::Model(model), rows, 1);
                EqualTraining::Steps.epochs(task.epochs(model, all, 0), step(self.kept(ratio)), step(all))
            }
            Entry::Baseline(Baseline::Rs2) => task.epochs(model, self.kept(ratio), 0),
            Entry::Method(method) => {
                let method = &self.methods[method];
                let before = if method.continues { method.warm_up } else { 0 };
                task.epochs(model, self.kept(ratio), before)
            }
        }
    }

    /// What is warmed up for a group, and for how many epochs.
    fn warm_up_of(&self, group: &RunGroup) -> Option<(Trainer, u32)> {
        let Entry::Method(method) = group.entry else { return None };
        let method = &self.methods[method];
        let trainer = match (method.continues, group.runs.first()) {
            (true, Some(&(_, model))) => Trainer::Model(model),
            _ => Trainer::Observer,
        };
        Some((trainer, method.warm_up)).filter(|&(_, epochs)| epochs > 0)
    }

    /// What is run at a ratio, by the name of records.
    fn label(&self, entry: Entry) -> &'a str {
        match entry {
            Entry::Full => FULL,
            Entry::Baseline(baseline) => baseline.name(),
            Entry::Method(method) => self.plan.methods[method].label(),
        }
    }

    fn key(&self, repetition: u32, entry: Entry, (ratio, model): (usize, usize)) -> RunKey {
        let value = if entry == Entry::Full { 1.0 } else { self.plan.reduce.ratios[ratio] };
        RunKey::new(repetition, self.label(entry), self.plan.model_names()[model], value)
    }

    /// The groups that are left: repetition after repetition, full training first.
    fn groups(&self, done: &BTreeSet<RunKey>) -> Vec<RunGroup> {
        let plan = self.plan;
        let (ratios, models) = (plan.reduce.ratios.len(), plan.model_names().len());
        let mut groups = Vec::new();
        for repetition in 0..plan.repetitions {
            let mut add = |entry: Entry, runs: Vec<(usize, usize)>| {
                let left = |&run: &(usize, usize)| {
                    let key = self.key(repetition, entry, run);
                    !done.contains(&key) && self.is_asked(&key)
                };
                let runs: Vec<_> = runs.into_iter().filter(left).collect();
                if !runs.is_empty() {
                    groups.push(RunGroup { repetition, entry, runs });
                }
            };
            (0..models).for_each(|model| add(Entry::Full, vec![(0, model)]));
            for &baseline in &plan.baselines {
                for model in (0..models).filter(|&model| plan.has_baseline(baseline, model)) {
                    (0..ratios).for_each(|ratio| add(Entry::Baseline(baseline), vec![(ratio, model)]));
                }
            }
            for (method, configured) in self.methods.iter().enumerate() {
                let of_ratio = |ratio: usize| (0..models).map(move |model| (ratio, model));
                if configured.continues {
                    // Each model has a warm-up of its own.
                    (0..models).for_each(|model| {
                        add(Entry::Method(method), (0..ratios).map(|ratio| (ratio, model)).collect());
                    });
                } else if configured.ranks() || configured.warm_up > 0 {
                    // Shared work is done once: a ranking, a warm-up.
                    add(Entry::Method(method), (0..ratios).flat_map(of_ratio).collect());
                } else {
                    (0..ratios).for_each(|ratio| add(Entry::Method(method), of_ratio(ratio).collect()));
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
        // Models without gradient steps count as one step.
        let work = |group: &RunGroup| {
            let of_run = |&(ratio, model): &(usize, usize)| self.steps_on(group.entry, ratio, model).max(1);
            self.shared_steps(group) + group.runs.iter().map(of_run).sum::<u64>()
        };
        progress.begin("running", groups.iter().map(work).sum());
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
        let RunGroup { repetition, entry, .. } = *group;
        let steps = |run: (usize, usize)| self.steps_on(entry, run.0, run.1).max(1);
        let Entry::Method(method) = entry else {
            for &(ratio, model) in &group.runs {
                let nothing = MeteredCost { cost: Cost::nothing(), ..MeteredCost::default() };
                let fresh = (entry == Entry::Baseline(Baseline::Rs2)).then(|| self.kept(ratio));
                let reduction = ReductionOutcome {
                    reduced: None,
                    epsilon: 0.0,
                    warnings: Vec::new(),
                    cost: nothing,
                    serves: 1,
                    start: None,
                    warm_up: None,
                    weighted: false,
                    fresh,
                    epochs: self.epochs(entry, ratio, model),
                };
                let key = self.key(repetition, entry, (ratio, model));
                let record = self.trained(&key, model, split, meter, resources, reduction);
                write(key, record, steps((ratio, model)))?;
            }
            return Ok(());
        };
        let seeds = plan.seeds_of(repetition, plan.methods[method].label());
        let data = self.task.points(split)?;
        let classes = data.classes();
        let mut unreported = 0;
        let mut warm = None;
        let configured = &self.methods[method];
        let (reducer, warm_up) = (&configured.reducer, self.warm_up_of(group));
        let mut inputs = Inputs::default();
        let observed;
        let stop = meter.start();
        if let Some((trainer, epochs)) = warm_up {
            let (model, dynamics) = self.task.warm_up(split, trainer, epochs, seeds.model)?;
            (warm, observed) = (Some(model).filter(|_| configured.continues), dynamics);
            inputs.dynamics = Some(&observed);
            unreported = self.task.steps(trainer, self.all(), epochs);
        }
        // As deep as the plan's largest ratio, so that it is the same ranking whatever is left to do.
        let ranking = match configured.ranks() {
            true => Some(reducer.rank_with(&data, &inputs, self.allocations.last(), Seed(seeds.method), &Quiet)?),
            false => None,
        };
        let shared = ranking.is_some() || warm_up.is_some();
        let ranked = stop();
        let uses_features = reducer.info().uses_coordinates();
        let features = self.task.features().filter(|_| uses_features);
        // How many runs of the plan have this reduction: all models, and all ratios where they share a ranking.
        let models = if configured.continues { 1 } else { plan.model_names().len() };
        let serves = models * if shared { plan.reduce.ratios.len() } else { 1 };
        for runs in group.runs.chunk_by(|a, b| a.0 == b.0) {
            let ratio = runs[0].0;
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
            for &(ratio, model) in runs {
                let reduction = ReductionOutcome {
                    reduced: Some(&reduction.reduced),
                    epsilon,
                    warnings: reduction.warnings.iter().map(|w| w.code.to_string()).collect(),
                    cost: cost.clone(),
                    serves,
                    start: warm.as_ref(),
                    warm_up,
                    weighted: configured.weights,
                    fresh: None,
                    epochs: self.epochs(entry, ratio, model),
                };
                let key = self.key(repetition, entry, (ratio, model));
                let record = self.trained(&key, model, split, meter, resources, reduction);
                write(key, record, steps((ratio, model)) + std::mem::take(&mut unreported))?;
            }
        }
        Ok(())
    }

    /// Trains on what was chosen, and tests.
    fn trained(
        &self,
        key: &RunKey,
        model: usize,
        split: &T::Split,
        meter: &impl Metering,
        resources: &Resources,
        reduction: ReductionOutcome<'_, T::Model>,
    ) -> Result<Record, RunError> {
        let kept = match (reduction.reduced, reduction.fresh) {
            (None, None) => self.task.sizes(),
            (None, Some(rows)) => {
                let counts = Budget::Count(rows).allocate(&self.task.sizes(), EmptyClasses::Forbid)?.0;
                counts.per_class().to_vec()
            }
            (Some(Reduced::Rows(selection)), _) => selection.counts(),
            (Some(Reduced::Points(points)), _) => points.counts(self.task.sizes().len()),
        };
        let seeds = self.plan.seeds_of(key.repetition, &key.method);
        let request = TrainingRequest {
            repetition: key.repetition,
            method: &key.method,
            ratio: key.ratio(),
            model,
            kept: reduction.reduced,
            weighted: reduction.weighted,
            fresh: reduction.fresh,
            start: reduction.start,
            epochs: reduction.epochs,
            seed: seeds.model,
        };
        let outcome = self.task.train(split, &request, meter)?;
        let total = reduction.cost.plus(&outcome.cost);
        let warm_up = reduction.warm_up.map_or(0, |(trainer, epochs)| self.task.steps(trainer, self.all(), epochs));
        Ok(Record {
            repetition: key.repetition,
            method: key.method.clone(),
            ratio: key.ratio(),
            model: key.model.clone(),
            seeds,
            kept,
            epsilon: reduction.epsilon,
            scores: outcome.scores,
            weighted: outcome.weighted,
            linear_accuracy: outcome.linear_accuracy,
            steps: Steps { warm_up, training: outcome.steps },
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
