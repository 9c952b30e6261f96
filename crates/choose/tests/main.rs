//! Choices of known tables.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use leanset_choose::{
    Choice, Coordinates, Evaluation, Goal, HoldOut, Key, Lesson, Outcome, OwnModel, Predictions, Question, Records,
    Subject, Taught, Unrecorded, choose,
};
use leanset_core::{Quiet, RowId, Seed};
use leanset_problem::{Code, Problem};

/// Gaussian clusters in a plane: `noise` of the labels are those of another class.
struct Clusters {
    values: Vec<f64>,
    classes: Vec<u32>,
    names: Vec<String>,
}

impl Clusters {
    fn new(rows: usize, clusters: usize, classes: u32, spread: f64, noise: f64) -> Self {
        let unit = |stream: u64, row: usize| Seed(stream).unit(RowId::at(row));
        let normal = |stream: u64, row: usize| {
            (-2.0 * unit(stream, row).max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * unit(stream + 1, row)).cos()
        };
        let mut values = Vec::new();
        let mut codes = Vec::new();
        for row in 0..rows {
            let cluster = (unit(10, row) * clusters as f64) as usize;
            let center = [unit(20, cluster), unit(21, cluster)];
            values.extend((0..2).map(|axis| center[axis as usize] + spread * normal(30 + 2 * axis, row)));
            let code = cluster as u32 % classes;
            codes.push(if unit(40, row) < noise { (code + 1) % classes } else { code });
        }
        Self { values, classes: codes, names: (0..classes).map(|c| format!("class {c}")).collect() }
    }
}

impl Subject for Clusters {
    fn classes(&self) -> &[u32] {
        &self.classes
    }

    fn class_names(&self) -> &[String] {
        &self.names
    }

    fn encode(&self, train: &[usize], test: &[usize]) -> Result<Coordinates, Problem> {
        let of = |rows: &[usize]| rows.iter().flat_map(|&row| self.values[2 * row..2 * row + 2].to_vec()).collect();
        Ok(Coordinates { columns: 2, train: of(train), test: of(test) })
    }
}

/// The nearest class mean: a model that needs few rows.
struct Means<'a> {
    subject: &'a Clusters,
    trainings: AtomicUsize,
    /// The training that fails.
    fails: Option<usize>,
}

impl<'a> Means<'a> {
    fn new(subject: &'a Clusters) -> Self {
        Self { subject, trainings: AtomicUsize::new(0), fails: None }
    }
}

impl OwnModel for Means<'_> {
    fn train(&self, lesson: &Lesson<'_>) -> Result<Taught, Problem> {
        if Some(self.trainings.fetch_add(1, Ordering::Relaxed)) == self.fails {
            return Err(Problem::new("the power is off").code(Code::Interrupted));
        }
        let subject = self.subject;
        let mut sums = vec![[0.0; 3]; subject.names.len()];
        for &row in lesson.train {
            let sum = &mut sums[subject.classes[row] as usize];
            sum[0] += subject.values[2 * row];
            sum[1] += subject.values[2 * row + 1];
            sum[2] += 1.0;
        }
        let nearest = |&row: &usize| {
            let distance = |class: usize| -> f64 {
                let sum = sums[class];
                (0..2).map(|axis| (subject.values[2 * row + axis] - sum[axis] / sum[2]).powi(2)).sum()
            };
            (0..sums.len()).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(0) as u32
        };
        let outcome = Outcome::Predictions(Predictions(lesson.test.iter().map(nearest).collect()));
        Ok(Taught { outcome, seconds: 1e-6 * lesson.train.len() as f64 })
    }
}

fn question<'a>() -> Question<'a> {
    Question {
        goal: Goal::Accuracy,
        tolerance: 0.01,
        ratio: None,
        hold_out: HoldOut::Folds(5),
        groups: None,
        seed: 0,
        time: None,
    }
}

/// What does not depend on the machine.
fn document(choice: &Choice) -> String {
    let mut json = serde_json::to_value(choice).expect("JSON");
    json["seconds"] = serde_json::Value::Null;
    format!("{json:#}")
}

#[test]
fn a_simple_table_needs_few_rows_and_a_hard_one_many() {
    let simple = Clusters::new(3_000, 3, 3, 0.02, 0.0);
    let choice = choose(&simple, None, &question(), &Unrecorded, &Quiet).expect("a choice");
    let found = choice.recommended.as_ref().expect("few rows");
    assert!(found.ratio <= 0.03, "{}", document(&choice));
    assert!(found.loss.value <= 0.01 && found.within_tolerance > 0.9);

    let hard = Clusters::new(3_000, 300, 10, 0.012, 0.0);
    let choice = choose(&hard, None, &question(), &Unrecorded, &Quiet).expect("a choice");
    assert!(choice.recommended.as_ref().is_none_or(|found| found.ratio >= 0.4), "{}", document(&choice));
    assert!(choice.curve.iter().all(|point| point.ratio >= 0.4 || point.smoothed_loss > 0.01), "{}", document(&choice));
}

#[test]
fn the_users_model_decides() {
    // Kernel ridge needs many of these rows; the means of two classes need few.
    let table = Clusters::new(3_000, 200, 2, 0.02, 0.0);
    let quick = choose(&table, None, &question(), &Unrecorded, &Quiet).expect("a choice");
    let own = choose(&table, Some(&Means::new(&table)), &question(), &Unrecorded, &Quiet).expect("a choice");
    let ratio = |choice: &Choice| choice.recommended.as_ref().map_or(1.0, |found| found.ratio);
    assert!(ratio(&own) < ratio(&quick), "{} {}", ratio(&own), ratio(&quick));
    assert_eq!(own.judges, [leanset_choose::Judge::Own]);
    let evidence: Vec<&str> = own.evidence.iter().map(|line| line.candidate.as_str()).collect();
    assert!(evidence.contains(&"random") && evidence.contains(&own.candidate.as_str()), "{evidence:?}");
}

#[test]
fn a_given_ratio_is_judged_and_not_promised() {
    let hard = Clusters::new(2_000, 300, 10, 0.012, 0.0);
    let asked = Question { ratio: Some(0.1), ..question() };
    let choice = choose(&hard, None, &asked, &Unrecorded, &Quiet).expect("a choice");
    let found = choice.recommended.as_ref().expect("the given ratio");
    assert_eq!((found.ratio, found.ratios), (0.1, None));
    assert!(found.loss.value > 0.05 && found.within_tolerance < 0.1, "{}", document(&choice));
    assert!(choice.evidence.len() >= 5 && choice.evidence.iter().all(|line| line.loss.is_some()));
}

#[test]
fn noise_is_a_reason_for_the_guard() {
    let noisy = Clusters::new(3_000, 20, 4, 0.01, 0.25);
    let asked = Question { ratio: Some(0.05), ..question() };
    let choice = choose(&noisy, None, &asked, &Unrecorded, &Quiet).expect("a choice");
    let of = |name: &str| choice.evidence.iter().find(|line| line.candidate == name).expect("judged").measures.accuracy;
    assert!(of("guarded-energy") > of("random") + 0.02, "{}", document(&choice));
    assert_ne!(choice.candidate, "random");
}

#[test]
fn threads_change_nothing() {
    let table = Clusters::new(600, 20, 3, 0.03, 0.05);
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let model = Means::new(&table);
        let asked = Question { goal: Goal::MacroF1, ..question() };
        pool.install(|| document(&choose(&table, Some(&model), &asked, &Unrecorded, &Quiet).expect("a choice")))
    };
    assert_eq!(of(1), of(3));
}

/// Records in memory.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<Key, Evaluation>>);

impl Records for Kept {
    fn known(&self) -> Vec<(Key, Evaluation)> {
        self.0.lock().expect("whole").clone().into_iter().collect()
    }

    fn write(&self, key: &Key, evaluation: &Evaluation) -> Result<(), Problem> {
        assert!(
            self.0.lock().expect("whole").insert(key.clone(), evaluation.clone()).is_none(),
            "{key:?} is done twice"
        );
        Ok(())
    }
}

#[test]
fn a_choice_goes_on_wherever_it_was_stopped() {
    let table = Clusters::new(400, 15, 3, 0.03, 0.05);
    let whole = Means::new(&table);
    let expected = document(&choose(&table, Some(&whole), &question(), &Unrecorded, &Quiet).expect("a choice"));
    let all = whole.trainings.into_inner();
    for fails in [0, 1, all / 2, all - 1] {
        let records = Kept::default();
        let mut stopped = Means::new(&table);
        stopped.fails = Some(fails);
        let error = choose(&table, Some(&stopped), &question(), &records, &Quiet).expect_err("it fails");
        assert_eq!(error.to_string(), "the power is off");
        let rest = Means::new(&table);
        assert_eq!(
            document(&choose(&table, Some(&rest), &question(), &records, &Quiet).expect("it goes on")),
            expected
        );
        assert_eq!(rest.trainings.into_inner(), all - fails);
    }
}

/// A model that cannot be trained on few rows sets a floor; one that cannot be trained at all is an error.
#[test]
fn a_model_may_need_some_rows() {
    struct Needy<'a>(Means<'a>, usize);
    impl OwnModel for Needy<'_> {
        fn train(&self, lesson: &Lesson<'_>) -> Result<Taught, Problem> {
            if lesson.train.len() < self.1 {
                return Err(Problem::new("there are too few rows for me"));
            }
            self.0.train(lesson)
        }
    }
    let table = Clusters::new(800, 3, 3, 0.05, 0.05);
    let own = Needy(Means::new(&table), 60);
    let choice = choose(&table, Some(&own), &question(), &Unrecorded, &Quiet).expect("a choice");
    assert!(choice.recommended.is_some() && choice.curve.iter().all(|point| point.rows >= 60), "{}", document(&choice));
    let warning = choice.warnings.iter().find(|warning| warning.code == "too-few-rows").expect("a warning");
    assert!(warning.message.to_string().ends_with("there are too few rows for me"), "{}", warning.message);
    for needed in [660, 639] {
        let own = Needy(Means::new(&table), needed);
        let error = choose(&table, Some(&own), &question(), &Unrecorded, &Quiet).expect_err("no training is possible");
        assert_eq!(error.to_string(), "there are too few rows for me");
    }
    // At a given ratio there is nothing to search.
    let asked = Question { ratio: Some(0.05), ..question() };
    assert!(choose(&table, Some(&Needy(Means::new(&table), 60)), &asked, &Unrecorded, &Quiet).is_err());
}

#[test]
fn doubtful_tables_are_warned_of() {
    let codes = |choice: &Choice| choice.warnings.iter().map(|warning| warning.code.to_string()).collect::<Vec<_>>();
    let asked = || Question { ratio: Some(0.5), ..question() };
    let mut copied = Clusters::new(100, 3, 2, 0.05, 0.0);
    for _ in 0..2 {
        copied.values.extend_from_within(..);
        copied.classes.extend_from_within(..);
    }
    assert_eq!(codes(&choose(&copied, None, &asked(), &Unrecorded, &Quiet).expect("a choice")), ["copies-held-out"]);
    let noise = Clusters::new(500, 1, 2, 0.05, 0.5);
    assert_eq!(codes(&choose(&noise, None, &asked(), &Unrecorded, &Quiet).expect("a choice")), ["nothing-learnt"]);
    let few = Clusters::new(12, 2, 2, 0.01, 0.0);
    let error = choose(&few, None, &question(), &Unrecorded, &Quiet).expect_err("too few");
    assert!(error.to_string().starts_with("there are too few rows to search how many are needed"), "{error}");
}

#[test]
fn scores_alone_are_enough() {
    struct Scored<'a>(Means<'a>);
    impl OwnModel for Scored<'_> {
        fn train(&self, lesson: &Lesson<'_>) -> Result<Taught, Problem> {
            let taught = self.0.train(lesson)?;
            let Outcome::Predictions(Predictions(found)) = &taught.outcome else { return Ok(taught) };
            let right = found.iter().zip(lesson.test).filter(|(p, row)| **p == self.0.subject.classes[**row]).count();
            let accuracy = right as f64 / found.len() as f64;
            Ok(Taught { outcome: Outcome::Scores { accuracy, macro_f1: None }, ..taught })
        }
    }
    let table = Clusters::new(1_500, 6, 3, 0.05, 0.1);
    let choice = choose(&table, Some(&Scored(Means::new(&table))), &question(), &Unrecorded, &Quiet).expect("a choice");
    assert!(choice.recommended.is_some() && choice.everything.expect("trained").worst_recall.is_nan());
}

#[test]
fn given_validation_rows_are_the_only_ones_that_are_tested() {
    let table = Clusters::new(2_000, 10, 3, 0.05, 0.0);
    let asked = Question { hold_out: HoldOut::From(1_500), ..question() };
    let choice = choose(&table, None, &asked, &Unrecorded, &Quiet).expect("a choice");
    assert_eq!((choice.folds, choice.tested_rows, choice.training_rows, choice.rows), (1, 500, 1_500, 1_500));
}

/// The time of a training is what the model says: the first takes too long for everything.
#[test]
fn what_cannot_be_trained_in_time_is_extrapolated() {
    struct Slow<'a>(Means<'a>);
    impl OwnModel for Slow<'_> {
        fn train(&self, lesson: &Lesson<'_>) -> Result<Taught, Problem> {
            Ok(Taught { seconds: lesson.train.len() as f64, ..self.0.train(lesson)? })
        }
    }
    let table = Clusters::new(1_500, 40, 3, 0.05, 0.0);
    let asked = Question { time: Some(std::time::Duration::from_secs(600)), ..question() };
    let choice = choose(&table, Some(&Slow(Means::new(&table))), &asked, &Unrecorded, &Quiet).expect("a choice");
    assert!(choice.recommended.is_none() && choice.everything.is_none());
    assert!(choice.at_least.is_none_or(|part| part > 0.0 && part <= 1.0));
    assert!(choice.curve.is_empty());
}
