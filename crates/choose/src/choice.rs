//! The protocol: which candidate, which ratio, and how sure that is.
//!
//! 1. *Search* (where no ratio is given): the quick judges, kernel ridge regression and three nearest neighbours, find about which ratio
//!    of the default candidate loses no more than the tolerance for both of them. (Kernel ridge alone is content with too few rows for
//!    other models.)
//! 2. *Race*: all candidates are judged at that ratio and at half of it by the quick judges; the best of them are judged by the user's
//!    model alone where there is one, and all of them where the ratio is given. The default is left only for a candidate that is better
//!    by more than [`CLEAR`], or by more than its own standard error; and random is taken where the winner is not above it.
//! 3. *Search* again with the winner. A ratio passes if the loss is within the tolerance, and in [`CONFIDENCE`] of the resamplings of
//!    the held-out rows too. With the user's model the smoothed loss must be within [`MARGIN`] of the tolerance, and the resampled
//!    loss is the mean of its own and of kernel ridge's, which has less noise.
//! 4. *Conclusion*: resamplings of the held-out rows say how often the same would have been chosen, and rows out of the bag what it
//!    really loses: the score of a winner on the rows that made it win is too good (the winner's curse). The correction is the mean over
//!    the resamplings of the loss out of the bag minus that in the bag (Tsamardinos, Greasidou & Borboudakis 2018,
//!    Machine Learning 107:1895; Efron 1983).
//!
//! Ratios are fractions of the training part of a fold. The same fraction of all rows is more rows, so it loses rather less.

use std::cell::Cell;
use std::time::{Duration, Instant};

use leanset_core::{Classes, Monitor, Seed, Shape};
use leanset_problem::{Problem, Result, Warning, setting, text};
use serde::Serialize;

use crate::candidate::{Candidate, DEFAULT, RANDOM};
use crate::curve::{extrapolated, losses};
use crate::engine::{Engine, LANDMARKS, Scores, Stop, What};
use crate::evaluation::{Judge, OwnModel, Records, Subject};
use crate::folds::{HoldOut, folds, untested};
use crate::goal::Measures;
use crate::resample::{RESAMPLINGS, quantile};
use leanset_spec::Goal;

/// By how much a candidate must be better to be taken in place of the default: one point.
pub const CLEAR: f64 = 0.01;
/// Or by so many of its own standard errors.
const ERRORS: f64 = 1.0;
/// The part of the time that quick judges have before the user's model.
const QUICK_PART: f64 = 0.3;
/// The part of it that the first search has where there is no other judge.
const SEARCH_PART: f64 = 0.6;
/// Where the user's model begins if nothing is known.
const UNKNOWN: f64 = 0.2;
/// The quick judge whose curve steadies that of the user's model.
const STEADY: Judge = Judge::KernelRidge;
/// The part of the resamplings that must be within the tolerance at the ratio that is recommended.
pub const CONFIDENCE: f64 = 0.8;
/// By how much the user's model on everything may be below a quick one before it is warned of: five points.
const WEAK: f64 = 0.05;
/// The part of the held-out rows that may be equal to training rows before it is warned of.
const COPIES: f64 = 0.2;
/// The part of the tolerance that the smoothed loss of the user's model may take: another training on other rows varies.
const MARGIN: f64 = 0.75;
/// Ratios that are tried.
const GRID: [f64; 23] = [
    0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.04, 0.055, 0.075, 0.1, 0.14, 0.2, 0.28, 0.4,
    0.5, 0.6, 0.7, 0.8, 0.9,
];
/// The fewest rows that are tried, and the fewest of a class in the mean.
const FEWEST: usize = 30;
/// Candidates beside random that the user's model judges.
const FINALISTS: usize = 3;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// What models are judged by.
    pub goal: Goal,
    /// How much of it may be lost, as a fraction: 0.01 is one point.
    pub tolerance: f64,
    /// The ratio, where only the method is asked for.
    pub ratio: Option<f64>,
    /// How rows are held out.
    pub hold_out: HoldOut,
    /// The group of each row, if rows belong together.
    pub groups: Option<&'a [u32]>,
    /// The seed of folds, methods and models.
    pub seed: u64,
    /// The time that it may take.
    pub time: Option<Duration>,
}

/// A value with an interval that holds 90 % of the resamplings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The value.
    #[serde(serialize_with = "leanset_statistics::infinite::serialize")]
    pub value: f64,
    /// The lower end.
    #[serde(serialize_with = "leanset_statistics::infinite::serialize")]
    pub low: f64,
    /// The upper end.
    #[serde(serialize_with = "leanset_statistics::infinite::serialize")]
    pub high: f64,
}

impl Interval {
    fn of(value: f64, resampled: &[f64]) -> Self {
        Self { value, low: quantile(resampled, 0.05), high: quantile(resampled, 0.95) }
    }

    /// The same, moved.
    fn plus(self, shift: f64) -> Self {
        Self { value: self.value + shift, low: self.low + shift, high: self.high + shift }
    }
}

/// One line of the evidence: a candidate at the ratio of the conclusion.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// Its name.
    pub candidate: String,
    /// Its measures on the held-out rows.
    pub measures: Measures,
    /// What it gains over random.
    pub gain_over_random: Option<Interval>,
    /// What it loses against everything; none where everything was not trained.
    pub loss: Option<Interval>,
}

/// A point of the curve.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The fraction that is kept.
    pub ratio: f64,
    /// Rows of a fold that are kept.
    pub rows: usize,
    /// The measure of the goal.
    pub score: f64,
    /// What is lost against everything.
    pub loss: Interval,
    /// The same, smoothed.
    pub smoothed_loss: f64,
    /// The part of the resamplings in which no more than the tolerance is lost.
    pub within_tolerance: f64,
    /// The same with the curve of a quick judge averaged in, which decides: 0.8 or more is needed.
    pub steadied: f64,
}

/// What is recommended.
#[derive(Clone, Debug, Serialize)]
pub struct Recommended {
    /// The fraction to keep.
    pub ratio: f64,
    /// The part of the resamplings in which the loss is within the tolerance there.
    pub within_tolerance: f64,
    /// Between which ratios 80 % of the resamplings are; the upper one is none if it is above all that were tried. None where
    /// the ratio was given.
    pub ratios: Option<(f64, Option<f64>)>,
    /// What is lost against everything, corrected for the choice.
    pub loss: Interval,
    /// The correction that is in it.
    pub correction: f64,
}

/// Seconds that it took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Seconds {
    /// In all, without what earlier runs did.
    pub total: f64,
    /// Choosing the rows once, in the mean of the folds.
    pub selection: f64,
    /// A training on what is kept, in the mean of the folds.
    pub training: f64,
    /// A training on everything; none where it was not done.
    pub everything: Option<f64>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// What models were judged by.
    pub goal: Goal,
    /// How much of it may be lost.
    pub tolerance: f64,
    /// Who judged.
    pub judges: Vec<Judge>,
    /// Folds that were used.
    pub folds: usize,
    /// Held-out rows that were predicted.
    pub tested_rows: usize,
    /// Rows that a fold trains on.
    pub training_rows: usize,
    /// Rows in all.
    pub rows: usize,
    /// The name of the candidate that is chosen.
    pub candidate: String,
    /// The part of the resamplings in which it would have been chosen.
    pub agreement: f64,
    /// What to keep; none if everything is needed, or that is not known.
    pub recommended: Option<Recommended>,
    /// Where everything could not be trained in time: at least this fraction is needed, by the curve of smaller ones.
    pub at_least: Option<f64>,
    /// The measures of training on everything.
    pub everything: Option<Measures>,
    /// The candidates at `evidence_ratio`.
    pub evidence: Vec<Evidence>,
    /// The ratio of the evidence.
    pub evidence_ratio: f64,
    /// The curve of the chosen candidate.
    pub curve: Vec<Point>,
    /// What it took.
    pub seconds: Seconds,
    /// Trainings that were done, of all runs.
    pub trainings: usize,
    /// Whether the time ended it before it was through.
    pub out_of_time: bool,
    /// What else is worth knowing.
    #[serde(skip)]
    pub warnings: Vec<Warning>,
}

impl Choice {
    /// Whether less than everything is enough.
    pub fn is_reduction(&self) -> bool {
        self.recommended.is_some()
    }
}

/// Chooses.
///
/// # Errors
/// Rows that cannot be held out or encoded; a model that fails; an interruption; too little time for anything.
pub fn choose(
    subject: &dyn Subject,
    own: Option<&dyn OwnModel>,
    question: &Question<'_>,
    records: &dyn Records,
    watch: &dyn Monitor,
) -> Result<Choice> {
    let began = Instant::now();
    let candidates = Candidate::standard()?;
    let names = subject.class_names();
    let classes = Classes::new(subject.classes(), names.len())?.with_names(names);
    let seed = Seed(question.seed);
    let folds = folds(&classes, question.groups, &question.hold_out, seed)?;
    let deadline = question.time.map(|time| began + time);
    let engine = Engine::new(
        (subject, own),
        (records, watch),
        (&candidates, &folds),
        question.groups,
        (question.goal, question.ratio.is_none()),
        seed,
        deadline,
    );
    let mut state = Progress {
        engine: &engine,
        question,
        own: None,
        folds: Cell::new(folds.len()),
        chosen: 1,
        judges: Judge::QUICK.to_vec(),
    };
    let mut warnings = Vec::new();
    let lost: Vec<&str> = untested(&classes, &folds).into_iter().map(|class| classes.name(class)).collect::<Vec<_>>();
    if !lost.is_empty() {
        let names = lost.join(", ");
        warnings.push(
            Warning::new("class-untested", format!("no row of these classes is held out: {names}"))
                .hint("a class of one row is trained on; nothing is said about it"),
        );
    }
    let out_of_time = match state.run() {
        Ok(()) => false,
        Err(Stop::Time) => true,
        Err(Stop::Problem(problem)) => return Err(problem),
    };
    let mut choice = state.conclude(began, out_of_time)?;
    choice.warnings.splice(0..0, warnings);
    Ok(choice)
}

/// Bytes that a choice takes beside its table: the coordinates of each fold and while they are made, and for each thread a method or a
/// quick model at work.
pub fn memory(shape: &Shape, folds: usize, threads: usize) -> u64 {
    let values = (shape.rows * shape.columns) as u64;
    let landmarks = shape.rows.min(LANDMARKS) as u64;
    let model = 8 * (3 * landmarks * landmarks + 3 * values);
    let kept = |candidate: &Candidate| (candidate.ratios.end() * shape.rows as f64) as usize;
    let method = |candidate: &Candidate| candidate.reducer.memory(shape, kept(candidate), 1);
    let methods = Candidate::standard().iter().flatten().map(method).max().unwrap_or_default();
    8 * values * (folds as u64 + 2) + threads as u64 * model.max(methods + 8 * values)
}

/// Where a choice is.
struct Progress<'e, 'a> {
    engine: &'e Engine<'a>,
    question: &'e Question<'a>,
    /// Whether the user's model was trained in time at all, and whether everything was.
    own: Option<bool>,
    /// Folds that are used: fewer if the time is short.
    folds: Cell<usize>,
    /// The candidate that is chosen so far.
    chosen: usize,
    /// Who judges what is kept beside everything.
    judges: Vec<Judge>,
}

/// A search that is through.
struct Found {
    /// The smallest ratio that is within the tolerance.
    ratio: Option<f64>,
}

impl Progress<'_, '_> {
    fn run(&mut self) -> Result<(), Stop> {
        let engine = self.engine;
        if let Some(ratio) = self.question.ratio {
            let all: Vec<usize> = (0..engine.candidates.len()).collect();
            if engine.own.is_some() {
                // A training at one ratio is cheap, so all of them are judged.
                self.begin_own(ratio)?;
                self.judges = vec![Judge::Own];
                self.race_own(&all, &[ratio])?;
            } else {
                self.race_quickly(&all, &[ratio])?;
            }
            self.chosen = self.pick(&all, &[ratio]);
            if self.own == Some(false) {
                return Ok(());
            }
            return self.train_steadily("training on everything", &[What::Everything]);
        }
        let default = self.index(DEFAULT);
        let all: Vec<usize> = (0..engine.candidates.len()).collect();
        if self.grid().is_empty() {
            let (rows, least) = (engine.training_rows(), self.fewest());
            let problem = Problem::new(format!(
                "there are too few rows to search how many are needed: a fold trains on {rows}, and the smallest set that is tried has {least}"
            ));
            return Err(Stop::Problem(problem.hint("give it more rows")));
        }
        let about = self.look(default, &all)?;
        let at = self.race_ratios(about);
        if engine.own.is_none() {
            self.race_quickly(&all, &at)?;
            self.chosen = self.pick(&all, &at);
            let found = self.search(self.chosen, None)?;
            return self.compare(found.ratio);
        }
        let finalists = self.finalists(&at);
        self.begin_own(about)?;
        if self.own == Some(false) {
            return self.extrapolate(default);
        }
        self.judges = vec![Judge::Own];
        self.chosen = default;
        let found = self.search(default, Some(about))?;
        let at = self.race_ratios(found.ratio.unwrap_or(about));
        self.race_own(&finalists, &at)?;
        self.chosen = self.pick(&finalists, &at);
        let found = self.search(self.chosen, Some(at[0]))?;
        self.compare(found.ratio)
    }

    /// The quick search and the quick race: about which ratio, by the default. Before the user's model they take a part of the time at
    /// most; what they came to by then is a decision of the clock.
    fn look(&self, default: usize, all: &[usize]) -> Result<f64, Stop> {
        const DECISION: &str = "quick search ended at, in millionths";
        let engine = self.engine;
        if let Some(about) = engine.records.decided(DECISION) {
            return Ok(about as f64 / 1e6);
        }
        let largest = GRID[GRID.len() - 1];
        engine.limit_stage(Some(if engine.own.is_some() { QUICK_PART } else { SEARCH_PART }));
        let found = self.search(default, None).and_then(|found| {
            let about = found.ratio.unwrap_or(largest);
            self.race_quickly(all, &self.race_ratios(about)).map(|()| about)
        });
        engine.limit_stage(None);
        match found {
            Err(Stop::Time) if engine.left().is_some_and(|left| !left.is_zero()) => {
                let ratios = self.trained(default);
                let curve = self.curve(default, &ratios).filter(|_| !ratios.is_empty());
                let smallest = curve.and_then(|curve| curve.passes.iter().position(|passes| *passes));
                let about = smallest.map_or(UNKNOWN, |place| ratios[place]);
                engine.records.decide(DECISION, (about * 1e6).round() as usize)?;
                Ok(about)
            }
            other => other,
        }
    }

    /// Trains on what random and the default keep at the ratio of the conclusion.
    fn compare(&self, ratio: Option<f64>) -> Result<(), Stop> {
        let Some(ratio) = ratio else { return Ok(()) };
        let others = [RANDOM, DEFAULT].map(|name| What::Kept(self.index(name), ratio));
        self.train("comparing with random", &others)
    }

    fn index(&self, name: &str) -> usize {
        self.engine.candidates.iter().position(|candidate| candidate.name == name).unwrap_or_default()
    }

    fn train(&self, stage: &'static str, wanted: &[What]) -> Result<(), Stop> {
        self.train_by(&self.judges, stage, wanted)
    }

    /// Trains with these judges. Quick ones go fold by fold if there is a limit of time, so that what ends early is whole for the first.
    fn train_by(&self, judges: &[Judge], stage: &'static str, wanted: &[What]) -> Result<(), Stop> {
        let folds = self.folds.get();
        if judges[0] == Judge::Own || self.engine.left().is_none() {
            return self.engine.train(stage, judges, wanted, 0..folds);
        }
        for fold in 0..folds {
            match self.engine.train(stage, judges, wanted, fold..fold + 1) {
                Err(Stop::Time) if fold > 0 => {
                    self.folds.set(fold);
                    return Ok(());
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// The same, and with the user's model also the quick judge that steadies its curve.
    fn train_steadily(&self, stage: &'static str, wanted: &[What]) -> Result<(), Stop> {
        if self.judges[0] == Judge::Own {
            self.engine.train("steadying the curve", &[STEADY], wanted, 0..self.folds.get())?;
        }
        self.train(stage, wanted)
    }

    /// Who judges in a race: where there are only quick models, both of them.
    fn racers(&self) -> &[Judge] {
        if self.judges[0] == Judge::Own { &[Judge::Own] } else { &Judge::QUICK }
    }

    /// Trainings on the same, in the folds where all judges did them.
    fn evaluations(&self, what: What) -> Vec<(usize, crate::Evaluation)> {
        self.engine.evaluations(self.judges[0], what)
    }

    /// Ratios at which candidates are compared: the one that is about right, and half of it.
    fn race_ratios(&self, about: f64) -> Vec<f64> {
        let half = GRID.iter().copied().rfind(|&r| r <= 0.6 * about && r >= 0.4 * about);
        let half = half.or(GRID.iter().copied().rfind(|&r| r <= 0.7 * about));
        std::iter::once(about).chain(half.filter(|&half| self.is_tried(half))).collect()
    }

    /// Whether a ratio keeps rows enough to be tried.
    fn is_tried(&self, ratio: f64) -> bool {
        (ratio * self.engine.training_rows() as f64).round() as usize >= self.fewest()
    }

    /// The fewest rows that are tried.
    fn fewest(&self) -> usize {
        FEWEST.max(2 * self.engine.tested.classes)
    }

    fn grid(&self) -> Vec<f64> {
        GRID.iter().copied().filter(|&ratio| self.is_tried(ratio)).collect()
    }

    fn race_quickly(&self, candidates: &[usize], ratios: &[f64]) -> Result<(), Stop> {
        let wanted: Vec<What> =
            candidates.iter().flat_map(|&c| ratios.iter().map(move |&ratio| What::Kept(c, ratio))).collect();
        self.train_by(&Judge::QUICK, "racing methods", &wanted)
    }

    fn race_own(&self, candidates: &[usize], ratios: &[f64]) -> Result<(), Stop> {
        // Ratio by ratio, so that what ends early is whole for the first.
        for &ratio in ratios {
            let wanted: Vec<What> = candidates.iter().map(|&c| What::Kept(c, ratio)).collect();
            self.engine.train("racing methods with your model", &[Judge::Own], &wanted, 0..self.folds.get())?;
        }
        Ok(())
    }

    /// Candidates that were judged at all of these ratios.
    fn judged(&self, judges: &[Judge], candidates: &[usize], ratios: &[f64]) -> Vec<usize> {
        let has = |c: usize| {
            ratios.iter().all(|&r| judges.iter().all(|&j| !self.engine.evaluations(j, What::Kept(c, r)).is_empty()))
        };
        candidates.iter().copied().filter(|&c| has(c)).collect()
    }

    /// The mean over ratios of the scores of candidates: on all rows, and of each resampling.
    fn race(&self, judges: &[Judge], candidates: &[usize], ratios: &[f64]) -> Option<Race> {
        let candidates = if ratios.is_empty() { Vec::new() } else { self.judged(judges, candidates, ratios) };
        let whats: Vec<What> = candidates.iter().flat_map(|&c| ratios.iter().map(move |&r| What::Kept(c, r))).collect();
        let scores = self.engine.scores(judges, &whats)?;
        // The mean over judges and ratios.
        let mean = |of: &dyn Fn(&Scores) -> Vec<f64>| -> Vec<f64> {
            let mut sums = vec![0.0; candidates.len()];
            for scores in &scores {
                for (at, value) in of(scores).into_iter().enumerate() {
                    sums[at / ratios.len()] += value / (ratios.len() * judges.len()) as f64;
                }
            }
            sums
        };
        let inside = (0..RESAMPLINGS).map(|b| mean(&|scores: &Scores| scores.inside[b].clone())).collect();
        Some(Race { values: mean(&Scores::values), inside, candidates })
    }

    /// The best candidates by the quick judges, for the user's model: random, the default, and those that are best beside them.
    fn finalists(&self, ratios: &[f64]) -> Vec<usize> {
        let (random, default) = (self.index(RANDOM), self.index(DEFAULT));
        let all: Vec<usize> = (0..self.engine.candidates.len()).collect();
        let mut found = vec![default];
        if let Some(race) = self.race(&Judge::QUICK, &all, ratios) {
            let mut order: Vec<usize> = (0..race.candidates.len()).collect();
            order.sort_by(|&a, &b| race.values[b].total_cmp(&race.values[a]));
            let others = order.into_iter().map(|at| race.candidates[at]).filter(|&c| c != random && c != default);
            found.extend(others.take(FINALISTS - 1));
        }
        found.push(random);
        found
    }

    /// The candidate that is chosen at these ratios.
    fn pick(&self, candidates: &[usize], ratios: &[f64]) -> usize {
        let default = self.index(DEFAULT);
        let ratios: Vec<f64> = ratios.iter().copied().filter(|&ratio| !self.is_too_few(ratio)).collect();
        match self.race(self.racers(), candidates, &ratios) {
            None => default,
            Some(race) => {
                let errors = race.errors(default);
                race.pick(&race.values, &errors, default, self.index(RANDOM))
            }
        }
    }

    /// How many folds the user's model is trained in: as many as there is time for. `own` is then whether everything can be trained.
    fn begin_own(&mut self, about: f64) -> Result<(), Stop> {
        let engine = self.engine;
        let Some(left) = engine.left() else {
            self.own = Some(true);
            return Ok(());
        };
        if let Some(folds) = engine.records.decided("folds") {
            self.own = Some(folds > 0);
            self.folds.set(folds.clamp(1, engine.folds.len()));
            return Ok(());
        }
        // A small training first: everything takes at most as many times longer as it has more rows, or hardly more.
        let default = self.index(DEFAULT);
        let small = self.grid().into_iter().find(|&r| r >= 0.1).unwrap_or(about);
        engine.train("training your model", &[Judge::Own], &[What::Kept(default, small)], 0..1)?;
        let seconds = |what: What| engine.evaluations(Judge::Own, what).first().map_or(0.0, |e| e.1.training_seconds);
        let expected = seconds(What::Kept(default, small)) / small;
        let folds = if expected > left.as_secs_f64() {
            0
        } else {
            engine.train("training your model", &[Judge::Own], &[What::Everything], 0..1)?;
            let (full, part) = (seconds(What::Everything), seconds(What::Kept(default, small)));
            // Everything, about six ratios of a search, and a race of three others at two ratios: of each the part that grows with the
            // rows, and what a training takes at least.
            let rows = if self.question.ratio.is_some() { 1.0 + 6.0 * about } else { 1.0 + 4.0 * about + 4.5 * about };
            let count = if self.question.ratio.is_some() { 7.0 } else { 13.0 };
            let growing = ((full - part) / (1.0 - small)).max(0.0);
            let least = (full - growing).max(0.0);
            let of_fold = rows * growing + count * least;
            let left = engine.left().unwrap_or_default().as_secs_f64();
            ((0.9 * left / of_fold.max(1e-9)) as usize).clamp(1, engine.folds.len())
        };
        engine.records.decide("folds", folds)?;
        self.own = Some(folds > 0);
        self.folds.set(folds.max(1));
        Ok(())
    }

    /// Trains on more and more rows as long as there is time.
    fn extrapolate(&mut self, default: usize) -> Result<(), Stop> {
        self.judges = vec![Judge::Own];
        self.chosen = default;
        for ratio in self.grid().into_iter().filter(|&r| r >= 0.01) {
            self.train("training your model on more and more rows", &[What::Kept(default, ratio)])?;
        }
        Ok(())
    }

    /// The smallest ratio of a candidate that is within the tolerance, by trainings on everything and on as many ratios as it takes.
    /// It begins at `start`, or looks at every other ratio first.
    fn search(&self, candidate: usize, start: Option<f64>) -> Result<Found, Stop> {
        let grid: Vec<f64> = self.grid().into_iter().filter(|&r| self.engine.allows(candidate, r)).collect();
        if grid.is_empty() {
            return Ok(Found { ratio: None });
        }
        let stage = match self.judges[0] {
            Judge::Own => "searching the ratio with your model",
            _ => "searching the ratio",
        };
        let nearest = |ratio: f64| {
            (0..grid.len())
                .min_by(|&a, &b| (grid[a] / ratio).ln().abs().total_cmp(&(grid[b] / ratio).ln().abs()))
                .unwrap_or_default()
        };
        // What a race has trained counts too: the conclusion sees it.
        let known = self.trained(candidate);
        let mut tried: Vec<usize> = (0..grid.len()).filter(|&at| known.contains(&grid[at])).collect();
        match start {
            Some(start) => tried.push(nearest(start)),
            None if tried.len() < 3 => tried.extend((0..grid.len()).rev().step_by(2)),
            None => {}
        }
        tried.sort_unstable();
        tried.dedup();
        let first: Vec<What> =
            std::iter::once(What::Everything).chain(tried.iter().map(|&at| What::Kept(candidate, grid[at]))).collect();
        self.train_steadily(stage, &first)?;
        loop {
            tried.retain(|&at| !self.is_too_few(grid[at]));
            tried.sort_unstable();
            let floor = grid.iter().rposition(|&ratio| self.is_too_few(ratio));
            let ratios: Vec<f64> = tried.iter().map(|&at| grid[at]).collect();
            let Some(curve) = self.curve(candidate, &ratios) else { return Ok(Found { ratio: None }) };
            let smallest = self.smallest(&curve, &ratios);
            // The last that fails below it, and the next that is to be tried between.
            let (below, above) = match smallest {
                Some(0) => (floor, Some(tried[0])),
                Some(place) => (Some(tried[place - 1]), Some(tried[place])),
                None => (tried.last().copied().or(floor), None),
            };
            let next = match (below, above) {
                (Some(below), Some(above)) if above - below > 1 => Some((below + above) / 2),
                // One ratio above it as well: what comes behind says whether it was luck.
                (Some(_), Some(above)) if tried.last() == Some(&above) && above + 1 < grid.len() => {
                    Some((above + 2).min(grid.len() - 1))
                }
                (Some(_), Some(_)) => None,
                // Two steps on: the one between is tried if need be.
                (None, Some(above)) => (above > 0).then(|| above.saturating_sub(2)),
                (Some(below), None) => (below + 1 < grid.len()).then(|| (below + 2).min(grid.len() - 1)),
                (None, None) => None,
            };
            match next {
                Some(next) => {
                    self.train_steadily(stage, &[What::Kept(candidate, grid[next])])?;
                    tried.push(next);
                }
                None => return Ok(Found { ratio: smallest.map(|place| ratios[place]) }),
            }
        }
    }

    /// Whether the user's model could not be trained on so few rows.
    fn is_too_few(&self, ratio: f64) -> bool {
        self.judges[0] == Judge::Own && self.engine.is_too_few(ratio)
    }

    /// The curve of a candidate at ascending ratios that were trained.
    fn curve(&self, candidate: usize, ratios: &[f64]) -> Option<Curve> {
        let whats: Vec<What> =
            ratios.iter().map(|&ratio| What::Kept(candidate, ratio)).chain([What::Everything]).collect();
        let scores = self.engine.scores(&self.judges, &whats)?;
        let of = |values: &dyn Fn(&Scores) -> Vec<f64>| -> Vec<f64> {
            most(&scores, |scores| {
                let values = values(scores);
                losses(&values[..ratios.len()], values[ratios.len()])
            })
        };
        let inside: Vec<Vec<f64>> = (0..RESAMPLINGS).map(|b| of(&|scores: &Scores| scores.inside[b].clone())).collect();
        let smooth = of(&Scores::values);
        let tolerance = self.question.tolerance + ROUNDING;
        let part = |inside: &[Vec<f64>]| -> Vec<f64> {
            let at =
                |at: usize| inside.iter().filter(|losses| losses[at] <= tolerance).count() as f64 / inside.len() as f64;
            (0..ratios.len()).map(at).collect()
        };
        let within = part(&inside);
        let steady = self.steadied(&inside, &whats);
        let steadied = part(&steady);
        let most = self.question.tolerance * if self.judges[0] == Judge::Own { MARGIN } else { 1.0 } + ROUNDING;
        let passes = steadied.iter().zip(&smooth).map(|(part, loss)| *part >= CONFIDENCE && *loss <= most).collect();
        Some(Curve { smooth, steady, within, steadied, passes, scores })
    }

    /// The losses by which the ratio is decided: with the user's model the mean of its losses and those of a quick judge, which has less
    /// noise. (Measured: alone, the user's model is right less often at the same sizes.)
    fn steadied(&self, inside: &[Vec<f64>], whats: &[What]) -> Vec<Vec<f64>> {
        let quick = match self.judges[0] {
            Judge::Own => self.engine.scores(&[STEADY], whats).filter(|quick| quick[0].folds >= self.folds.get()),
            _ => None,
        };
        let Some(quick) = quick else { return inside.to_vec() };
        let of = |(own, quick): (&Vec<f64>, &Vec<f64>)| {
            let kept = own.len();
            own.iter().zip(losses(&quick[..kept], quick[kept])).map(|(own, quick)| f64::midpoint(*own, quick)).collect()
        };
        inside.iter().zip(&quick[0].inside).map(of).collect()
    }

    /// Ratios at which a candidate was trained by the judge, ascending.
    fn trained(&self, candidate: usize) -> Vec<f64> {
        let mut ratios: Vec<f64> = GRID.to_vec();
        ratios.extend(self.question.ratio);
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.dedup();
        let judged = |ratio: &f64| self.evaluations(What::Kept(candidate, *ratio)).len() >= self.folds.get();
        let found: Vec<f64> = ratios.iter().copied().filter(judged).collect();
        if !found.is_empty() {
            return found;
        }
        ratios.retain(|&ratio| !self.evaluations(What::Kept(candidate, ratio)).is_empty());
        ratios
    }
}

/// What rounding may add to a loss that is exactly the tolerance.
const ROUNDING: f64 = 1e-9;

/// The losses of a candidate over its ratios.
struct Curve {
    /// Smoothed, on all held-out rows.
    smooth: Vec<f64>,
    /// By resampling, the losses by which the ratio is decided.
    steady: Vec<Vec<f64>>,
    /// The part of the resamplings that are within the tolerance.
    within: Vec<f64>,
    /// The same of the losses by which the ratio is decided.
    steadied: Vec<f64>,
    /// Whether a ratio may be recommended.
    passes: Vec<bool>,
    /// What it is made of, by judge: the ratios, and everything as the last.
    scores: Vec<Scores>,
}

impl Curve {
    /// What is lost at each ratio, not smoothed, by the judge that loses most there.
    fn lost(&self, of: impl Fn(&Scores) -> Vec<f64>) -> Vec<f64> {
        most(&self.scores, |scores| {
            let values = of(scores);
            let (full, kept) = values.split_last().unwrap_or((&f64::NAN, &[]));
            kept.iter().map(|value| full - value).collect()
        })
    }
}

/// The largest of what judges say, place by place: a set is small enough if it is for all of them.
fn most(scores: &[Scores], of: impl Fn(&Scores) -> Vec<f64>) -> Vec<f64> {
    let mut found: Vec<f64> = Vec::new();
    for values in scores.iter().map(of) {
        match found.is_empty() {
            true => found = values,
            false => found.iter_mut().zip(values).for_each(|(most, value)| *most = most.max(value)),
        }
    }
    found
}

/// Candidates beside one another.
struct Race {
    candidates: Vec<usize>,
    values: Vec<f64>,
    inside: Vec<Vec<f64>>,
}

impl Race {
    /// The standard error of the difference of each to the default.
    fn errors(&self, default: usize) -> Vec<f64> {
        let Some(base) = self.candidates.iter().position(|&c| c == default) else {
            return vec![0.0; self.values.len()];
        };
        (0..self.values.len())
            .map(|at| {
                let of: Vec<f64> = self.inside.iter().map(|s| s[at] - s[base]).filter(|d| !d.is_nan()).collect();
                let mean = of.iter().sum::<f64>() / of.len().max(1) as f64;
                (of.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / of.len().saturating_sub(1).max(1) as f64).sqrt()
            })
            .collect()
    }

    /// The one that is chosen by these values.
    fn pick(&self, values: &[f64], errors: &[f64], default: usize, random: usize) -> usize {
        let place = |candidate: usize| self.candidates.iter().position(|&c| c == candidate);
        let Some(base) = place(default) else { return random };
        let best = (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(base);
        let gain = values[best] - values[base];
        let chosen = if gain > CLEAR || (gain > ERRORS * errors[best] && gain > 0.0) { best } else { base };
        match place(random) {
            Some(random_place) if values[chosen] <= values[random_place] => random,
            _ => self.candidates[chosen],
        }
    }
}

impl Progress<'_, '_> {
    /// What was found, however far it came.
    fn conclude(&self, began: Instant, out_of_time: bool) -> Result<Choice> {
        let (engine, question) = (self.engine, self.question);
        let everything = What::Everything;
        let ratios = self.trained(self.chosen);
        let curve = self.curve(self.chosen, &ratios);
        let nothing = || {
            Problem::new("the time was too short for a single training")
                .hint("give it more time, or a model that is trained faster")
        };
        if ratios.is_empty() {
            let mut failures = engine.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            return Err(failures.pop().map_or_else(nothing, |(_, problem)| problem));
        }
        // The ratio of the conclusion: the smallest that is within the tolerance, or the given one.
        let place = match (&curve, question.ratio) {
            (Some(_), Some(ratio)) => ratios.iter().position(|&r| r == ratio),
            (Some(curve), None) => self.smallest(curve, &ratios),
            (None, _) => None,
        };
        let all: Vec<usize> = (0..engine.candidates.len()).collect();
        let recommended = match (&curve, place) {
            (Some(curve), Some(place)) => Some(self.recommended(curve, &ratios, place)),
            _ => None,
        };
        let evidence_ratio = place.map_or(ratios[ratios.len() - 1], |place| ratios[place]);
        let evidence = self.evidence(&all, evidence_ratio);
        let agreement = self.agreement(&all, evidence_ratio);
        let points = curve.as_ref().map(|curve| self.points(curve, &ratios)).unwrap_or_default();
        let at_least = if curve.is_none() { self.at_least(&ratios) } else { None };
        let mean = |what: What, of: fn(&crate::Evaluation) -> f64| -> Option<f64> {
            let found = self.evaluations(what);
            (!found.is_empty()).then(|| found.iter().map(|e| of(&e.1)).sum::<f64>() / found.len() as f64)
        };
        let kept = What::Kept(self.chosen, evidence_ratio);
        let seconds = Seconds {
            total: began.elapsed().as_secs_f64(),
            selection: mean(kept, |e| e.selection_seconds).unwrap_or_default(),
            training: mean(kept, |e| e.training_seconds).unwrap_or_default(),
            everything: mean(everything, |e| e.training_seconds),
        };
        let folds = curve.as_ref().map_or(1, |curve| curve.scores[0].folds);
        let everything_measures = engine
            .scores(&self.judges, &[everything])
            .map(|scores| Measures::mean(scores.iter().map(|scores| scores.whole[0])));
        let refused = engine.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut warnings: Vec<Warning> = refused
            .iter()
            .map(|(&candidate, problem)| {
                let name = engine.candidates[candidate].name;
                Warning::new("candidate-left-out", format!("{name} takes no part: {problem}"))
            })
            .collect();
        drop(refused);
        warnings.extend(self.weak());
        warnings.extend(self.too_few());
        warnings.extend(self.nothing_learnt(everything_measures));
        let copies = engine.copies();
        if copies > COPIES {
            let message = format!(
                "{:.0} % of the held-out rows are equal to a row that was trained on: if they are copies, all scores are too good",
                100.0 * copies
            );
            warnings.push(Warning::new("copies-held-out", message).hint(text![
                "leave copies out first, or hold them out together with ",
                setting::SPLIT_GROUP.to("COLUMN")
            ]));
        }
        Ok(Choice {
            goal: question.goal,
            tolerance: question.tolerance,
            judges: self.judges.clone(),
            folds,
            tested_rows: engine.tested.truth.iter().take(folds).map(Vec::len).sum(),
            training_rows: engine.training_rows(),
            rows: match question.hold_out {
                HoldOut::From(first) => first,
                HoldOut::Folds(_) => engine.subject.classes().len(),
            },
            candidate: engine.candidates[self.chosen].name.to_owned(),
            agreement,
            recommended,
            at_least,
            everything: everything_measures,
            evidence,
            evidence_ratio,
            curve: points,
            seconds,
            trainings: engine.trainings(),
            out_of_time,
            warnings,
        })
    }

    /// What the user's model could not be trained on.
    fn too_few(&self) -> Option<Warning> {
        let failures = self.engine.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (ratio, problem) = failures.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let part = 100.0 * ratio;
        let warning = Warning::new(
            "too-few-rows",
            format!("your model could not be trained on {part} % of the rows, so no smaller set was tried: {problem}"),
        );
        Some(match &problem.hint {
            Some(hint) => warning.hint(hint.clone()),
            None => warning,
        })
    }

    /// Whether a model on everything is no better than always predicting the largest class.
    fn nothing_learnt(&self, everything: Option<Measures>) -> Option<Warning> {
        let everything = everything?.accuracy;
        let truth = &self.engine.tested.truth;
        let mut counts = vec![0usize; self.engine.tested.classes];
        truth.iter().flatten().for_each(|&class| counts[class as usize] += 1);
        let all: usize = counts.iter().sum();
        let largest = counts.iter().max().copied().unwrap_or_default() as f64 / all.max(1) as f64;
        // Twice the standard error of an accuracy.
        let noise = 2.0 * (largest * (1.0 - largest) / all.max(1) as f64).sqrt();
        (everything <= largest + noise).then(|| {
            Warning::new(
                "nothing-learnt",
                format!("on everything the accuracy is {everything:.3}, and always predicting the largest class has {largest:.3}"),
            )
            .hint("the features may say nothing about the label: any set of rows is then as good as another")
        })
    }

    /// Whether the user's model on everything is far below a quick one: what it says about subsets says little then.
    fn weak(&self) -> Option<Warning> {
        if self.judges[0] != Judge::Own {
            return None;
        }
        let goal = self.question.goal;
        let scores = self.engine.scores(&[Judge::Own, STEADY], &[What::Everything])?;
        let [own, quick] = [0, 1].map(|judge: usize| scores[judge].whole[0].of(goal));
        (own < quick - WEAK).then(|| {
            let (name, quick_name) = (goal.name(), STEADY.name());
            Warning::new(
                "weak-model",
                format!("on everything, the {name} of your model is {own:.3}, and that of {quick_name} is {quick:.3}"),
            )
            .hint("see whether it is trained long enough: what a weak model can do without says little about a better one")
        })
    }

    /// The place of the smallest ratio that passes, also by the loss that is corrected for the choice.
    fn smallest(&self, curve: &Curve, ratios: &[f64]) -> Option<usize> {
        let tolerance = self.question.tolerance + ROUNDING;
        let passes =
            |place: &usize| curve.passes[*place] && self.recommended(curve, ratios, *place).loss.value <= tolerance;
        (0..ratios.len()).find(passes)
    }

    /// What is recommended, with what resamplings say of it.
    fn recommended(&self, curve: &Curve, ratios: &[f64], place: usize) -> Recommended {
        let tolerance = self.question.tolerance + ROUNDING;
        let inside = |b: usize| curve.lost(|scores| scores.inside[b].clone());
        // The choice of each resampling, judged by the rows in its bag and out of it.
        let (mut found, mut optimism) = (Vec::new(), Vec::new());
        for (b, smooth) in curve.steady.iter().enumerate() {
            let own = match self.question.ratio {
                Some(_) => Some(place),
                None => smooth.iter().position(|&lost| lost <= tolerance),
            };
            found.push(own.map_or(f64::INFINITY, |at| ratios[at]));
            if let Some(at) = own {
                optimism.push(curve.lost(|scores| scores.outside[b].clone())[at] - inside(b)[at]);
            }
        }
        optimism.retain(|value| !value.is_nan());
        let correction = match self.question.ratio {
            // Nothing was chosen by these rows but the candidate.
            _ if optimism.is_empty() => 0.0,
            _ => (optimism.iter().sum::<f64>() / optimism.len() as f64).max(0.0),
        };
        let resampled: Vec<f64> = (0..RESAMPLINGS).map(|b| inside(b)[place]).collect();
        Recommended {
            ratio: ratios[place],
            within_tolerance: curve.within[place],
            ratios: self.question.ratio.is_none().then(|| {
                found.sort_unstable_by(f64::total_cmp);
                let at = |part: f64| found[((part * found.len() as f64) as usize).min(found.len() - 1)];
                (at(0.1).min(ratios[place]), Some(at(0.9).max(ratios[place])).filter(|ratio| ratio.is_finite()))
            }),
            loss: Interval::of(curve.lost(Scores::values)[place], &resampled).plus(correction),
            correction,
        }
    }

    fn points(&self, curve: &Curve, ratios: &[f64]) -> Vec<Point> {
        let lost = curve.lost(Scores::values);
        let resampled: Vec<Vec<f64>> =
            (0..RESAMPLINGS).map(|b| curve.lost(|scores| scores.inside[b].clone())).collect();
        let of = |at: usize| {
            let resampled: Vec<f64> = resampled.iter().map(|lost| lost[at]).collect();
            let score = |scores: &Scores| scores.values()[at];
            let rows = self.evaluations(What::Kept(self.chosen, ratios[at]));
            Point {
                ratio: ratios[at],
                rows: rows.first().map_or(0, |e| e.1.kept),
                score: curve.scores.iter().map(score).sum::<f64>() / curve.scores.len() as f64,
                loss: Interval::of(lost[at], &resampled),
                smoothed_loss: curve.smooth[at],
                within_tolerance: curve.within[at],
                steadied: curve.steadied[at],
            }
        };
        (0..ratios.len()).map(of).collect()
    }

    fn evidence(&self, all: &[usize], ratio: f64) -> Vec<Evidence> {
        let engine = self.engine;
        let judges = &self.judges;
        let candidates = self.judged(judges, all, &[ratio]);
        let full = judges.iter().all(|&judge| !engine.evaluations(judge, What::Everything).is_empty());
        let whats: Vec<What> =
            candidates.iter().map(|&c| What::Kept(c, ratio)).chain(full.then_some(What::Everything)).collect();
        let Some(scores) = engine.scores(judges, &whats) else { return Vec::new() };
        let mean = |of: &dyn Fn(&Scores) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
        let difference = |a: usize, b: usize| {
            let value = mean(&|scores: &Scores| scores.values()[a] - scores.values()[b]);
            let of = |r: usize| mean(&|scores: &Scores| scores.inside[r][a] - scores.inside[r][b]);
            Interval::of(value, &(0..RESAMPLINGS).map(of).collect::<Vec<_>>())
        };
        let measures = |at: usize| Measures::mean(scores.iter().map(|scores| scores.whole[at]));
        let random = candidates.iter().position(|&c| c == self.index(RANDOM));
        let mut lines: Vec<Evidence> = candidates
            .iter()
            .enumerate()
            .map(|(at, &c)| Evidence {
                candidate: engine.candidates[c].name.to_owned(),
                measures: measures(at),
                gain_over_random: random.filter(|&r| r != at).map(|r| difference(at, r)),
                loss: full.then(|| difference(candidates.len(), at)),
            })
            .collect();
        lines.sort_by(|a, b| b.measures.of(self.question.goal).total_cmp(&a.measures.of(self.question.goal)));
        lines
    }

    /// The part of the resamplings in which the same candidate would have been chosen.
    fn agreement(&self, all: &[usize], ratio: f64) -> f64 {
        let Some(race) = self.race(self.racers(), all, &[ratio]) else { return 1.0 };
        let errors = race.errors(self.index(DEFAULT));
        let same =
            |values: &&Vec<f64>| race.pick(values, &errors, self.index(DEFAULT), self.index(RANDOM)) == self.chosen;
        race.inside.iter().filter(same).count() as f64 / RESAMPLINGS as f64
    }

    /// The fraction that is needed at least, by the curve of those that were trained.
    fn at_least(&self, ratios: &[f64]) -> Option<f64> {
        let whats: Vec<What> = ratios.iter().map(|&ratio| What::Kept(self.chosen, ratio)).collect();
        let scores = self.engine.scores(&self.judges, &whats)?;
        let rows = self.engine.training_rows() as f64;
        let points: Vec<(f64, f64)> =
            ratios.iter().zip(scores[0].values()).map(|(ratio, score)| (ratio * rows, 1.0 - score)).collect();
        Some(extrapolated(&points, rows, self.question.tolerance)? / rows)
    }
}
