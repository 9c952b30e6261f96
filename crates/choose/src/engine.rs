//! Trainings: which are done, on which rows, and what they came to.
//!
//! A training is one judge on the rows that one candidate keeps of the training part of one fold. It is done once: the rest of a choice
//! reads what is here. Quick judges run side by side; the user's model runs one training at a time, because it takes the threads
//! that it likes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use leanset_core::{
    Allocation, Classes, Dataset, EmptyClasses, Error, Inputs, Look, Matrix, Monitor, Ranking, Reduced, RowId, Seed,
    Selection,
};
use leanset_problem::Problem;
use leanset_train::quick::{KernelRidge, Neighbors};
use rayon::prelude::*;

use crate::candidate::Candidate;
use crate::evaluation::{
    Coordinates, EVERYTHING, Evaluation, Judge, Key, Lesson, Outcome, OwnModel, Predictions, Ratio, Records, Subject,
    check,
};
use crate::folds::Fold;
use crate::goal::Measures;
use crate::resample::{RESAMPLINGS, TestedRows, Weights};
use leanset_spec::Goal;

/// Why a stage ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The time is over.
    Time,
    /// It cannot go on.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

/// What is trained: the index of a candidate with a ratio, or everything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum What {
    Everything,
    Kept(usize, f64),
}

/// A ranking, how deep it is, and the seconds that it took.
type Ranked = (Ranking, Allocation, f64);

/// A fold and a candidate, whose trainings share a ranking; or a fold and everything.
type Place = (usize, Option<usize>);

/// Trainings that share a ranking.
type Group = (Place, Vec<(Judge, What)>);

/// What is given and what is found so far.
pub(crate) struct Engine<'a> {
    pub(crate) subject: &'a dyn Subject,
    pub(crate) own: Option<&'a dyn OwnModel>,
    pub(crate) records: &'a dyn Records,
    pub(crate) watch: &'a dyn Monitor,
    pub(crate) candidates: &'a [Candidate],
    pub(crate) folds: &'a [Fold],
    pub(crate) tested: TestedRows,
    pub(crate) goal: Goal,
    pub(crate) seed: Seed,
    deadline: Option<Instant>,
    /// When a stage ends that may not take all of the time.
    stage_ends: Mutex<Option<Instant>>,
    /// Trainings that are done, in this run or before it.
    done: Mutex<BTreeMap<Key, Evaluation>>,
    /// Those that this run has asked for. Only they are seen: a choice that goes on must take the same path.
    asked: Mutex<BTreeSet<Key>>,
    /// Whether a ratio is searched: only then a training may fail.
    searches: bool,
    /// Ratios on which the user's model could not be trained, and why.
    pub(crate) failures: Mutex<Vec<(f64, Problem)>>,
    /// Candidates that a fold does not allow, and why.
    pub(crate) refused: Mutex<BTreeMap<usize, Problem>>,
    coordinates: Vec<OnceLock<Coordinates>>,
    scalings: Vec<OnceLock<Scaling>>,
    classes: Vec<Vec<u32>>,
    rankings: Mutex<BTreeMap<(usize, usize), Ranked>>,
    weights: Vec<Weights>,
}

/// Ratios that are soon ranked.
const SOON: f64 = 0.2;
/// Rows on which a model may fail because they are few.
const FEW: usize = 1_000;
/// How many trainings may fail for it.
const FAILURES: usize = 4;
/// Landmarks of kernel ridge: with twice as many its curves are the same, and it takes three times as long.
pub(crate) const LANDMARKS: usize = 1_000;

/// Stops what runs longer than there is time.
struct Deadline<'a>(&'a dyn Monitor, Option<Instant>);

impl Monitor for Deadline<'_> {
    fn begin(&self, _: &'static str, _: u64) {}

    fn advance(&self, _: u64) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled() || self.1.is_some_and(|deadline| Instant::now() > deadline)
    }
}

impl<'a> Engine<'a> {
    #[allow(clippy::too_many_arguments)] // one value each, and one caller
    pub(crate) fn new(
        (subject, own): (&'a dyn Subject, Option<&'a dyn OwnModel>),
        (records, watch): (&'a dyn Records, &'a dyn Monitor),
        (candidates, folds): (&'a [Candidate], &'a [Fold]),
        groups: Option<&[u32]>,
        (goal, searches): (Goal, bool),
        seed: Seed,
        deadline: Option<Instant>,
    ) -> Self {
        let codes = subject.classes();
        let of = |rows: &[usize]| rows.iter().map(|&row| codes[row]).collect::<Vec<u32>>();
        let unit = |&row: &usize| groups.map_or(row as u32, |groups| groups[row]);
        let tested = TestedRows {
            classes: subject.class_names().len(),
            truth: folds.iter().map(|fold| of(&fold.test)).collect(),
            units: folds.iter().map(|fold| fold.test.iter().map(unit).collect()).collect(),
        };
        let weights = (0..RESAMPLINGS).into_par_iter().map(|b| Weights::new(&tested, seed, b)).collect();
        Self {
            subject,
            own,
            records,
            watch,
            candidates,
            folds,
            tested,
            goal,
            seed,
            deadline,
            stage_ends: Mutex::new(None),
            done: Mutex::new(records.known().into_iter().collect()),
            asked: Mutex::new(BTreeSet::new()),
            searches,
            failures: Mutex::new(Vec::new()),
            refused: Mutex::new(BTreeMap::new()),
            coordinates: folds.iter().map(|_| OnceLock::new()).collect(),
            scalings: folds.iter().map(|_| OnceLock::new()).collect(),
            classes: folds.iter().map(|fold| of(&fold.train)).collect(),
            rankings: Mutex::new(BTreeMap::new()),
            weights,
        }
    }

    /// When what is done now has to end.
    fn ends(&self) -> Option<Instant> {
        let stage = *self.stage_ends.lock().unwrap_or_else(PoisonError::into_inner);
        [self.deadline, stage].into_iter().flatten().min()
    }

    /// What is left of the time; none if there is no limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.ends().map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Ends the stage after this part of what is left.
    pub(crate) fn limit_stage(&self, part: Option<f64>) {
        let mut stage = self.stage_ends.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = None;
        if let (Some(part), Some(deadline)) = (part, self.deadline) {
            *stage = Some(Instant::now() + deadline.saturating_duration_since(Instant::now()).mul_f64(part));
        }
    }

    /// Rows that folds train on, in the mean.
    pub(crate) fn training_rows(&self) -> usize {
        self.folds.iter().map(|fold| fold.train.len()).sum::<usize>() / self.folds.len().max(1)
    }

    pub(crate) fn key(&self, judge: Judge, what: What, fold: usize) -> Key {
        let (candidate, ratio) = match what {
            What::Everything => (EVERYTHING, 1.0),
            What::Kept(candidate, ratio) => (self.candidates[candidate].name, ratio),
        };
        Key { judge, candidate: candidate.to_owned(), ratio: Ratio(ratio), fold }
    }

    /// Whether a candidate can be used at a ratio.
    pub(crate) fn allows(&self, candidate: usize, ratio: f64) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        self.candidates[candidate].ratios.contains(&ratio) && !refused.contains_key(&candidate)
    }

    /// Does these trainings in the first `folds` folds, but for those that are done. What a candidate refuses is left out.
    pub(crate) fn train(
        &self,
        stage: &'static str,
        judges: &[Judge],
        wanted: &[What],
        folds: std::ops::Range<usize>,
    ) -> Result<(), Stop> {
        let own = judges.contains(&Judge::Own);
        // One group for a fold and a candidate: they share a ranking.
        let mut groups: BTreeMap<Place, Vec<(Judge, What)>> = BTreeMap::new();
        {
            let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            for fold in folds {
                for &what in wanted {
                    let candidate = match what {
                        What::Everything => None,
                        What::Kept(_, ratio) if own && self.is_too_few(ratio) => continue,
                        What::Kept(candidate, ratio) if self.allows(candidate, ratio) => Some(candidate),
                        What::Kept(..) => continue,
                    };
                    for &judge in judges {
                        let key = self.key(judge, what, fold);
                        asked.insert(key.clone());
                        let group = groups.entry((fold, candidate)).or_default();
                        if !done.contains_key(&key) && !group.contains(&(judge, what)) {
                            group.push((judge, what));
                        }
                    }
                }
            }
        }
        let groups: Vec<Group> = groups.into_iter().filter(|group| !group.1.is_empty()).collect();
        let count: usize = groups.iter().map(|group| group.1.len()).sum();
        if count == 0 {
            return Ok(());
        }
        self.watch.begin(stage, count as u64);
        let run = |((fold, candidate), wanted): &Group| -> Result<(), Stop> {
            // The largest first, because its ranking serves the others; with a limit of time those that are soon ranked before those
            // that are not.
            let late = |what: What| self.deadline.is_some() && ratio_of(what) > SOON;
            let mut wanted = wanted.clone();
            wanted.sort_by(|(_, a), (_, b)| {
                let by_ratio = ratio_of(*a).total_cmp(&ratio_of(*b));
                late(*a).cmp(&late(*b)).then(if late(*a) { by_ratio } else { by_ratio.reverse() })
            });
            for (judge, what) in wanted {
                if self.watch.cancelled() {
                    return Err(Error::Interrupted.into());
                }
                if self.left().is_some_and(|left| left.is_zero()) {
                    return Err(Stop::Time);
                }
                if matches!(what, What::Kept(_, ratio) if judge == Judge::Own && self.is_too_few(ratio)) {
                    self.watch.advance(1);
                    continue;
                }
                match self.one(judge, what, *fold) {
                    Ok(()) => {}
                    Err(Stop::Problem(problem)) if candidate.is_some_and(|c| c > 1) && judge != Judge::Own => {
                        // Neither random nor the default: the choice goes on without it.
                        if problem.code == leanset_problem::Code::Interrupted {
                            return Err(Stop::Problem(problem));
                        }
                        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                        refused.entry(candidate.unwrap_or_default()).or_insert(problem);
                    }
                    Err(stop) => return Err(stop),
                }
                self.watch.advance(1);
            }
            Ok(())
        };
        if own { groups.iter().try_for_each(run) } else { groups.par_iter().map(run).collect() }
    }

    /// Does one training.
    fn one(&self, judge: Judge, what: What, fold: usize) -> Result<(), Stop> {
        let key = self.key(judge, what, fold);
        let part = &self.folds[fold];
        // Positions among the training rows.
        let (kept, selection_seconds): (Option<Vec<usize>>, f64) = match what {
            What::Everything => (None, 0.0),
            What::Kept(candidate, ratio) => {
                let (rows, seconds) = self.select(fold, candidate, ratio)?;
                (Some(rows), seconds)
            }
        };
        let count = kept.as_ref().map_or(part.train.len(), Vec::len);
        let (outcome, training_seconds) = match (judge, self.own) {
            (Judge::Own, Some(own)) => {
                let train: Vec<usize> = match &kept {
                    None => part.train.clone(),
                    Some(kept) => kept.iter().map(|&at| part.train[at]).collect(),
                };
                // NumPy refuses more than 32 bits.
                let seed = Seed(self.seed.0).key(RowId::at(fold)) >> 42;
                match own.train(&Lesson { key: &key, train: &train, test: &part.test, seed }) {
                    Ok(taught) => (taught.outcome, taught.seconds),
                    Err(problem) => return self.failed(what, count, problem),
                }
            }
            _ => self.quick(judge, fold, kept.as_deref())?,
        };
        check(&outcome, part.test.len(), self.tested.classes)?;
        let evaluation = Evaluation { kept: count, outcome, selection_seconds, training_seconds };
        self.records.write(&key, &evaluation)?;
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(key, evaluation);
        Ok(())
    }

    /// The user's model failed. On fewer rows than it was ever trained on here, that is a reason to try no smaller set; else it is an
    /// error, and so are more failures than a search for the fewest rows has.
    fn failed(&self, what: What, rows: usize, problem: Problem) -> Result<(), Stop> {
        let What::Kept(_, ratio) = what else { return Err(Stop::Problem(problem)) };
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let fewer = done.iter().any(|(key, done)| key.judge == Judge::Own && done.kept <= rows && asked.contains(key));
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let interrupted = problem.code == leanset_problem::Code::Interrupted;
        if fewer || interrupted || !self.searches || rows > FEW || failures.len() >= FAILURES {
            return Err(Stop::Problem(problem));
        }
        failures.push((ratio, problem));
        Ok(())
    }

    /// Trainings that this run has seen.
    pub(crate) fn trainings(&self) -> usize {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|key| done.contains_key(key)).count()
    }

    /// Whether the user's model could not be trained on so few rows.
    pub(crate) fn is_too_few(&self, ratio: f64) -> bool {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|(failed, _)| ratio <= *failed)
    }

    /// The part of the test rows of the first fold that are equal to a training row.
    pub(crate) fn copies(&self) -> f64 {
        let Some(points) = self.coordinates.first().and_then(OnceLock::get) else { return 0.0 };
        let bits = |row: &[f64]| row.iter().map(|value| value.to_bits()).collect::<Vec<u64>>();
        let columns = points.columns.max(1);
        let test: Vec<Vec<u64>> = points.test.chunks_exact(columns).map(bits).collect();
        let mut wanted: std::collections::HashMap<&[u64], usize> = std::collections::HashMap::new();
        test.iter().for_each(|row| *wanted.entry(row).or_insert(0) += 1);
        let mut found = 0;
        for row in points.train.chunks_exact(columns) {
            found += wanted.remove(bits(row).as_slice()).unwrap_or(0);
        }
        found as f64 / test.len().max(1) as f64
    }

    fn coordinates(&self, fold: usize) -> Result<&Coordinates, Stop> {
        if let Some(found) = self.coordinates[fold].get() {
            return Ok(found);
        }
        let part = &self.folds[fold];
        let found = self.subject.encode(&part.train, &part.test)?;
        Ok(self.coordinates[fold].get_or_init(|| found))
    }

    /// How the quick judges scale columns: to mean 0 and variance 1 in the training rows, whatever distances methods see.
    fn scaling(&self, fold: usize) -> Result<&Scaling, Stop> {
        if let Some(found) = self.scalings[fold].get() {
            return Ok(found);
        }
        let points = self.coordinates(fold)?;
        let found = Scaling::of(&points.train, points.columns);
        Ok(self.scalings[fold].get_or_init(|| found))
    }

    fn dataset<'d>(&'d self, values: &'d [f64], columns: usize, codes: &'d [u32]) -> Result<Dataset<'d>, Stop> {
        let names = self.subject.class_names();
        let classes = Classes::new(codes, names.len())?.with_names(names);
        Ok(Dataset::new(Matrix::new(values, codes.len(), columns)?, classes)?)
    }

    /// The rows that a candidate keeps, as positions among the training rows, ascending; and the seconds that it took.
    fn select(&self, fold: usize, candidate: usize, ratio: f64) -> Result<(Vec<usize>, f64), Stop> {
        let settings = &self.candidates[candidate];
        let points = self.coordinates(fold)?;
        let codes = &self.classes[fold];
        let data = self.dataset(&points.train, points.columns, codes)?;
        let sizes = data.classes().sizes();
        let budget = settings.budget(ratio);
        let (asked, _) = budget.allocate(&sizes, EmptyClasses::Forbid)?;
        let monitor = Deadline(self.watch, self.ends());
        let timely = |error: Error| match error {
            Error::Interrupted if !self.watch.cancelled() => Stop::Time,
            other => Stop::Problem(other.into()),
        };
        let rows = |selection: &Selection| {
            let mut rows: Vec<usize> = selection.rows().iter().map(|row| row.index()).collect();
            rows.sort_unstable();
            rows
        };
        if !settings.ranks() {
            let began = Instant::now();
            let reduction = settings
                .reducer
                .reduce_with(&data, &Inputs::default(), &budget, EmptyClasses::Forbid, self.seed, &monitor)
                .map_err(timely)?;
            let Reduced::Rows(selection) = &reduction.reduced else {
                return Err(Problem::internal(format!("{} keeps no rows", settings.name)).into());
            };
            return Ok((rows(selection), began.elapsed().as_secs_f64()));
        }
        let place = (fold, candidate);
        let deep_enough = |held: &Allocation| held.per_class().iter().zip(asked.per_class()).all(|(h, a)| h >= a);
        {
            let rankings = self.rankings.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((ranking, _, seconds)) = rankings.get(&place).filter(|held| deep_enough(&held.1)) {
                return Ok((rows(&ranking.select(&asked, data.classes())?), *seconds));
            }
        }
        let began = Instant::now();
        let ranking =
            settings.reducer.rank_with(&data, &Inputs::default(), Some(&asked), self.seed, &monitor).map_err(timely)?;
        let seconds = began.elapsed().as_secs_f64();
        let found = rows(&ranking.select(&asked, data.classes())?);
        self.rankings.lock().unwrap_or_else(PoisonError::into_inner).insert(place, (ranking, asked, seconds));
        Ok((found, seconds))
    }

    /// Trains a quick model and predicts.
    fn quick(&self, judge: Judge, fold: usize, kept: Option<&[usize]>) -> Result<(Outcome, f64), Stop> {
        let points = self.coordinates(fold)?;
        let scaling = self.scaling(fold)?;
        let codes = &self.classes[fold];
        let columns = points.columns;
        let row = |row: usize| &points.train[row * columns..][..columns];
        let (values, labels): (Vec<f64>, Vec<u32>) = match kept {
            None => (scaling.apply(points.train.iter()), codes.clone()),
            Some(kept) => {
                (scaling.apply(kept.iter().flat_map(|&at| row(at))), kept.iter().map(|&at| codes[at]).collect())
            }
        };
        let tested = scaling.apply(points.test.iter());
        let train = self.dataset(&values, columns, &labels)?;
        let test = self.dataset(&tested, columns, &self.tested.truth[fold])?;
        let look: Look<'_> = &|| if self.watch.cancelled() { Err(Error::Interrupted) } else { Ok(()) };
        let began = Instant::now();
        let (predicted, seconds) = if judge == Judge::Neighbors {
            let model = Neighbors::default().fit(&train, None, look)?;
            (model.predict(&test, look)?, began.elapsed())
        } else {
            let settings = KernelRidge { landmarks: LANDMARKS, ..KernelRidge::default() };
            let model = settings.fit(&train, None, self.seed, look)?;
            let seconds = began.elapsed();
            (model.predict(&test, look)?, seconds)
        };
        Ok((Outcome::Predictions(Predictions(predicted.iter().map(|class| class.0).collect())), seconds.as_secs_f64()))
    }

    /// What is known of a training in the folds where it was done.
    pub(crate) fn evaluations(&self, judge: Judge, what: What) -> Vec<(usize, Evaluation)> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |fold: usize| {
            let key = self.key(judge, what, fold);
            Some((fold, done.get(&key).filter(|_| asked.contains(&key))?.clone()))
        };
        (0..self.folds.len()).filter_map(of).collect()
    }

    /// Scores of what all of these judges trained, in the folds where they all did: one table a judge.
    pub(crate) fn scores(&self, judges: &[Judge], whats: &[What]) -> Option<Vec<Scores>> {
        let found: Vec<Vec<Vec<(usize, Evaluation)>>> =
            judges.iter().map(|&judge| whats.iter().map(|&what| self.evaluations(judge, what)).collect()).collect();
        let of = |evaluations: &[(usize, Evaluation)]| evaluations.iter().map(|e| e.0).collect::<BTreeSet<usize>>();
        let mut common: BTreeSet<usize> = (0..self.folds.len()).collect();
        found.iter().flatten().for_each(|evaluations| common = &common & &of(evaluations));
        if common.is_empty() {
            return None;
        }
        let of_judge = |judged: &Vec<Vec<(usize, Evaluation)>>| {
            let table = |weights: Option<&Weights>| -> Vec<Measures> {
                let measured = |evaluations: &Vec<(usize, Evaluation)>| {
                    let outcomes: Vec<(usize, &Outcome)> = evaluations
                        .iter()
                        .filter(|evaluation| common.contains(&evaluation.0))
                        .map(|(fold, evaluation)| (*fold, &evaluation.outcome))
                        .collect();
                    self.tested.measures(&outcomes, weights)
                };
                judged.iter().map(measured).collect()
            };
            let value = |measures: Vec<Measures>| measures.iter().map(|m| m.of(self.goal)).collect::<Vec<f64>>();
            let (inside, outside) = self
                .weights
                .par_iter()
                .map(|weights| (value(table(Some(weights))), value(table(Some(&weights.out_of_bag())))))
                .unzip();
            Scores { whole: table(None), goal: self.goal, inside, outside, folds: common.len() }
        };
        Some(found.iter().map(of_judge).collect())
    }
}

/// Means of columns, and what they are multiplied by; a column that does not vary is 0.
#[derive(Debug)]
struct Scaling {
    means: Vec<f64>,
    factors: Vec<f64>,
}

/// A test row far beyond the training rows is as far as any model needs.
const FAR: f64 = 1e6;

impl Scaling {
    /// Of training rows.
    fn of(values: &[f64], columns: usize) -> Self {
        let rows = (values.len() / columns.max(1)).max(1) as f64;
        let (mut means, mut squares) = (vec![0.0; columns], vec![0.0; columns]);
        for row in values.chunks_exact(columns.max(1)) {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / rows);
        }
        for row in values.chunks_exact(columns.max(1)) {
            let pairs = row.iter().zip(&means);
            squares.iter_mut().zip(pairs).for_each(|(square, (value, mean))| *square += (value - mean).powi(2) / rows);
        }
        let factor = |square: &f64| if *square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
        Self { means, factors: squares.iter().map(factor).collect() }
    }

    /// Row-major values, scaled.
    fn apply<'v>(&self, values: impl Iterator<Item = &'v f64>) -> Vec<f64> {
        let columns = self.means.iter().zip(&self.factors).cycle();
        values.zip(columns).map(|(value, (mean, factor))| ((value - mean) * factor).clamp(-FAR, FAR)).collect()
    }
}

fn ratio_of(what: What) -> f64 {
    match what {
        What::Everything => 1.0,
        What::Kept(_, ratio) => ratio,
    }
}

/// Scores of several trainings, with those of all resamplings.
#[derive(Clone, Debug)]
pub(crate) struct Scores {
    /// On all held-out rows.
    pub(crate) whole: Vec<Measures>,
    pub(crate) goal: Goal,
    /// By resampling and training, on the rows in the bag.
    pub(crate) inside: Vec<Vec<f64>>,
    /// The same out of the bag.
    pub(crate) outside: Vec<Vec<f64>>,
    /// Folds in which all were trained.
    pub(crate) folds: usize,
}

impl Scores {
    /// On all held-out rows, by the goal.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.whole.iter().map(|m| m.of(self.goal)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_rows_have_mean_0_and_variance_1() {
        let train = [1.0, 5.0, 2.0, 3.0, 5.0, 6.0];
        let scaling = Scaling::of(&train, 3);
        assert_eq!(scaling.apply(train.iter()), [-1.0, 0.0, -1.0, 1.0, 0.0, 1.0]);
        assert_eq!(scaling.apply([2.0, 9.0, 1e300].iter()), [0.0, 0.0, 1e6]);
    }
}
