//! Pictures, and a detector that is trained on those that are kept.
//!
//! What the pictures are and how a detector is trained comes from outside: a [`Set`] of features and categories with what
//! they cost, and a [`Detector`]. Every repetition reduces the same pictures with other seeds; the detector is tested on
//! the set's own validation pictures.

use leanset_core::{Budget, Classes, Dataset, Dynamics, Matrix, Reduced};

use crate::energy::{Bill, Metering};
use crate::error::{Error, Result};
use crate::plan::PicturesPlan;
use crate::records::{DataRecord, Scores};
use crate::results::Results;
use crate::subject::{Subject, Task, Trial, rows};

/// Pictures that can be trained on.
#[derive(Debug)]
pub struct Set<'a> {
    /// Row-major: pictures × numbers.
    pub features: &'a [f32],
    /// The category of each.
    pub codes: &'a [u32],
    /// The names of the categories.
    pub names: &'a [String],
    /// How many of each are kept at each ratio of the plan.
    pub budgets: Vec<Budget>,
    /// What the features cost; none if they were given, and nobody knows.
    pub bill: Option<Bill>,
    /// What is said of them in the header.
    pub data: DataRecord,
}

/// Trains detectors.
pub trait Detector: Sync {
    /// Trains one on the pictures with these places, ascending, and meters it.
    ///
    /// # Errors
    /// A command that fails, results that cannot be read.
    fn train(&self, pictures: &[usize], task: &Training<'_>, meter: &dyn Metering) -> Result<(Bill, Results)>;
}

/// What is to be trained.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// Which repetition, from 0.
    pub repetition: u32,
    /// What the plan calls the method.
    pub method: &'a str,
    /// The part that was kept.
    pub ratio: f64,
    /// The seed.
    pub seed: u64,
    /// Epochs.
    pub epochs: u32,
    /// Gradient steps.
    pub steps: u64,
}

/// Pictures and their detector.
#[derive(Debug)]
pub struct Pictures<'a, D> {
    plan: &'a PicturesPlan,
    set: Set<'a>,
    detector: D,
}

impl<'a, D: Detector> Pictures<'a, D> {
    /// Of a plan about pictures.
    pub fn new(plan: &'a PicturesPlan, set: Set<'a>, detector: D) -> Self {
        Self { plan, set, detector }
    }

    fn all(&self) -> usize {
        self.set.codes.len()
    }
}

impl<D: Detector> Subject for Pictures<'_, D> {
    type Fold = ();
    type Model = ();

    fn data(&self) -> DataRecord {
        self.set.data.clone()
    }

    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.set.names.len()];
        self.set.codes.iter().for_each(|&code| sizes[code as usize] += 1);
        sizes
    }

    fn budget(&self, ratio: usize) -> Result<Budget> {
        Ok(self.set.budgets[ratio].clone())
    }

    fn fold(&self, _repetition: u32) -> Result<()> {
        Ok(())
    }

    fn points<'f>(&'f self, _fold: &'f ()) -> Result<Dataset<'f>> {
        let classes = Classes::new(self.set.codes, self.set.names.len())?.with_names(self.set.names);
        Ok(Dataset::new(Matrix::new(self.set.features, self.all(), self.set.data.dimensions)?, classes)?)
    }

    fn features(&self) -> Option<&Bill> {
        self.set.bill.as_ref()
    }

    fn steps(&self, pictures: usize, epochs: u32) -> u64 {
        self.plan.detector.steps(pictures) * u64::from(epochs)
    }

    fn epochs(&self, pictures: usize) -> u32 {
        self.plan.detector.epochs_on(pictures, self.all())
    }

    fn warm_up(&self, _: &(), _: u32, _: u64) -> Result<((), Dynamics)> {
        Err(Error::new("no detector is watched while it trains", "leave out methods that watch a model train"))
    }

    fn trial(&self, _fold: &(), task: &Task<'_, ()>, meter: &dyn Metering) -> Result<Trial> {
        let pictures = match task.kept {
            None => (0..self.all()).collect(),
            Some(Reduced::Rows(selection)) => rows(selection),
            Some(Reduced::Points(_)) => {
                return Err(Error::new("no picture looks like a point that was invented", "leave the method out"));
            }
        };
        let training = Training {
            repetition: task.repetition,
            method: task.method,
            ratio: task.ratio,
            seed: task.seed,
            epochs: task.epochs,
            steps: self.steps(pictures.len(), task.epochs),
        };
        let (bill, results) = self.detector.train(&pictures, &training, meter)?;
        // What was done counts, and not what was asked for: trainers may stop when they get no better.
        let steps = self.steps(pictures.len(), results.epochs);
        let warnings = match results.epochs.cmp(&task.epochs) {
            std::cmp::Ordering::Equal => Vec::new(),
            std::cmp::Ordering::Less => vec!["fewer-epochs".to_owned()],
            std::cmp::Ordering::Greater => vec!["more-epochs".to_owned()],
        };
        Ok(Trial { bill, steps, scores: Scores::Pictures(results.scores), warnings })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use leanset_core::Quiet;

    use super::*;
    use crate::plan::{About, Plan};
    use crate::records::{Cost, Journal};
    use crate::results::Detection;
    use crate::run::{Lab, Options};

    /// A second and a joule for all that is metered.
    struct One(AtomicU64);

    impl Metering for One {
        fn start(&self) -> Box<dyn FnOnce() -> Bill> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::new(|| Bill { cost: cost(1.0), ..Bill::default() })
        }
    }

    fn cost(seconds: f64) -> Cost {
        Cost { seconds, cpu_seconds: Some(seconds), joules: Some(seconds), ..Cost::default() }
    }

    struct Fake;

    impl Detector for Fake {
        fn train(&self, pictures: &[usize], task: &Training<'_>, meter: &dyn Metering) -> Result<(Bill, Results)> {
            assert!(pictures.is_sorted_by(|a, b| a < b));
            assert_eq!(task.steps, u64::from(task.epochs) * pictures.len().div_ceil(2) as u64);
            let bill = meter.start_with_cards()();
            let map50_95 = pictures.len() as f64 / 100.0;
            let scores = Detection { map50_95, map50: 0.5, precision: 0.5, recall: 0.5, epoch: task.epochs };
            Ok((bill, Results { scores, epochs: task.epochs }))
        }
    }

    /// The cost of features is in the bills of those who look at pictures, whole and once a run; of the others not.
    #[test]
    fn who_looks_pays() {
        let text = "title = \"t\"\nrepetitions = 2\n[images]\npath = \"d\"\n[reduce]\nratios = [0.25, 0.5]\n\
                    [[method]]\nname = \"srs\"\n[[method]]\nname = \"mms\"\n\
                    [[method]]\nname = \"clc\"\nparameters = { output = \"rows\" }\n\
                    [detector]\ncommand = \"x {data} {seed} {epochs} {out}\"\nepochs = 3\nbatch = 2\n";
        let plan = Plan::parse(text, "t.toml").expect("a plan");
        let About::Pictures(about) = &plan.about else { panic!("of pictures") };
        let features: Vec<f32> = (0..40).map(|i| (i * i % 17) as f32).collect();
        let codes: Vec<u32> = (0..20).map(|i| i % 2).collect();
        let names = ["a".to_owned(), "b".to_owned()];
        for known in [true, false] {
            let data = DataRecord {
                name: "d".into(),
                sha256: String::new(),
                rows: 20,
                dimensions: 2,
                training_rows: 20,
                classes: Vec::new(),
                features: None,
                validation: None,
                sources: Default::default(),
            };
            let set = Set {
                features: &features,
                codes: &codes,
                names: &names,
                budgets: vec![Budget::Ratio(0.25), Budget::Ratio(0.5)],
                bill: known.then(|| Bill { cost: cost(100.0), others: true, ..Bill::default() }),
                data,
            };
            let lab = Lab::new(&plan, Pictures::new(about, set, Fake)).expect("a lab");
            let folder = tempfile::tempdir().expect("a folder");
            let (journal, _) = Journal::open(&folder.path().join("r.jsonl"), &lab.header()).expect("a journal");
            let options = Options { threads: 1, exclusive: true };
            let records = lab.run(&One(AtomicU64::new(0)), journal, &[], options, &Quiet).expect("runs");
            assert_eq!(records.len(), 2 * (3 * 2 + 1));
            for record in &records {
                let features = if known { 100.0 } else { 0.0 };
                // A ranking and a slice of it; or a selection at a ratio alone.
                let (seconds, looked) = match record.method.as_str() {
                    "full" => (0.0, false),
                    "stratified-random" => (2.0, false),
                    "maxmin" => (2.0 + features, true),
                    _ => (1.0 + features, true),
                };
                let measured = &record.measured;
                assert_eq!((measured.reduction.seconds, measured.training.seconds), (seconds, 1.0), "{record:?}");
                assert_eq!(measured.reduction.joules, Some(seconds), "{record:?}");
                assert_eq!(measured.features.as_ref().map(|bill| bill.cost.seconds), known.then_some(100.0));
                // Whoever shared the machine while features were made shared it with those who use them.
                assert_eq!(measured.shared, known && looked, "{record:?}");
            }
        }
    }

    #[test]
    fn equal_steps_are_as_equal_as_whole_epochs_allow() {
        let text = "title = \"t\"\n[images]\npath = \"d\"\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n\
                    [detector]\ncommand = \"x {data} {seed} {epochs} {out}\"\nepochs = 15\nequal = \"steps\"\n";
        let plan = Plan::parse(text, "t.toml").expect("a plan");
        let About::Pictures(PicturesPlan { detector, .. }) = &plan.about else { panic!("of pictures") };
        assert_eq!((detector.batch, detector.results.to_string()), (16, "{out}/run/results.csv".into()));
        // 15 epochs of 15 steps; 225 / 4, 225 / 8, 225 / 1.
        for (kept, epochs) in [(240, 15), (60, 56), (120, 28), (1, 225)] {
            assert_eq!(detector.epochs_on(kept, 240), epochs, "{kept}");
        }
        let equal = crate::plan::DetectorPlan { equal: crate::plan::Equal::Epochs, ..detector.clone() };
        assert_eq!(equal.epochs_on(60, 240), 15);
    }
}
