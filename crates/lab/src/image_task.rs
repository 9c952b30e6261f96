//! Experiments on images, with an object detector that is trained on the kept ones.
//!
//! The caller supplies the images' features and categories with their cost ([`ImageData`]), and the [`Detector`]. Every
//! repetition reduces the same images with other seeds; the detector is tested on the validation images of the dataset.

use leanset_core::{Budget, Classes, Dataset, Dynamics, Matrix, Reduced};
use leanset_problem::{Problem, Result};

use crate::detector_results::DetectorResults;
use crate::metering::Metering;
use crate::plan::ImagePlan;
use crate::record::{DataRecord, MeteredCost, ModelScores};
use crate::task::{RunError, Task, Trainer, TrainingOutcome, TrainingRequest, sorted_rows};

/// The training images.
#[derive(Debug)]
pub struct ImageData<'a> {
    /// Features, row-major: images × dimensions.
    pub features: &'a [f32],
    /// The category of each.
    pub codes: &'a [u32],
    /// The names of the categories.
    pub names: &'a [String],
    /// The budget at each ratio of the plan.
    pub budgets: Vec<Budget>,
    /// What the features cost; none if they were read from a table and their cost is not known.
    pub features_cost: Option<MeteredCost>,
    /// Their entry in the header of the records.
    pub data: DataRecord,
}

/// Trains detectors.
pub trait Detector: Sync {
    /// Trains one on the images with these indices, ascending, and meters it.
    ///
    /// # Errors
    /// The command fails, or its results cannot be read.
    fn train(
        &self,
        images: &[usize],
        run: &DetectorRun<'_>,
        meter: &dyn Metering,
    ) -> Result<(MeteredCost, DetectorResults), RunError>;
}

/// A training that is to be done.
#[derive(Clone, Copy, Debug)]
pub struct DetectorRun<'a> {
    /// Which repetition, from 0.
    pub repetition: u32,
    /// The name of the method in the plan.
    pub method: &'a str,
    /// The fraction that was kept.
    pub ratio: f64,
    /// The seed.
    pub seed: u64,
    /// Epochs.
    pub epochs: u32,
    /// Gradient steps.
    pub steps: u64,
}

/// Images and their detector.
#[derive(Debug)]
pub struct ImageTask<'a, D> {
    plan: &'a ImagePlan,
    images: ImageData<'a>,
    detector: D,
}

impl<'a, D: Detector> ImageTask<'a, D> {
    /// From a plan for images.
    pub fn new(plan: &'a ImagePlan, images: ImageData<'a>, detector: D) -> Self {
        Self { plan, images, detector }
    }

    fn all(&self) -> usize {
        self.images.codes.len()
    }
}

impl<D: Detector> Task for ImageTask<'_, D> {
    type Split = ();
    type Model = ();

    fn data(&self) -> DataRecord {
        self.images.data.clone()
    }

    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.images.names.len()];
        self.images.codes.iter().for_each(|&code| sizes[code as usize] += 1);
        sizes
    }

    fn budget(&self, ratio: usize) -> Result<Budget> {
        Ok(self.images.budgets[ratio].clone())
    }

    fn split(&self, _repetition: u32) -> Result<()> {
        Ok(())
    }

    fn points<'s>(&'s self, _split: &'s ()) -> Result<Dataset<'s>> {
        let classes = Classes::new(self.images.codes, self.images.names.len())?.with_names(self.images.names);
        Ok(Dataset::new(Matrix::new(self.images.features, self.all(), self.images.data.dimensions)?, classes)?)
    }

    fn features(&self) -> Option<&MeteredCost> {
        self.images.features_cost.as_ref()
    }

    fn steps(&self, _: Trainer, images: usize, epochs: u32) -> u64 {
        self.plan.detector.steps(images) * u64::from(epochs)
    }

    fn epochs(&self, _model: usize, images: usize, _before: u32) -> u32 {
        self.plan.detector.epochs_on(images, self.all())
    }

    fn warm_up(&self, _: &(), _: Trainer, _: u32, _: u64) -> Result<((), Dynamics)> {
        Err(Problem::new("a detector gives no training log").hint("leave out methods that use training dynamics"))
    }

    fn train(
        &self,
        _split: &(),
        request: &TrainingRequest<'_, ()>,
        meter: &dyn Metering,
    ) -> Result<TrainingOutcome, RunError> {
        let images = match request.kept {
            None => (0..self.all()).collect(),
            Some(Reduced::Rows(selection)) => sorted_rows(selection),
            Some(Reduced::Points(_)) => {
                return Err(Problem::new("no image belongs to a generated prototype")
                    .hint("leave the method out")
                    .into());
            }
        };
        let run = DetectorRun {
            repetition: request.repetition,
            method: request.method,
            ratio: request.ratio,
            seed: request.seed,
            epochs: request.epochs,
            steps: self.steps(Trainer::Model(0), images.len(), request.epochs),
        };
        let (cost, results) = self.detector.train(&images, &run, meter)?;
        // The epochs that were done count: trainers may stop early.
        let steps = self.steps(Trainer::Model(0), images.len(), results.epochs);
        let warnings = match results.epochs.cmp(&request.epochs) {
            std::cmp::Ordering::Equal => Vec::new(),
            std::cmp::Ordering::Less => vec!["fewer-epochs".to_owned()],
            std::cmp::Ordering::Greater => vec!["more-epochs".to_owned()],
        };
        let scores = ModelScores::Detector(results.scores);
        Ok(TrainingOutcome { cost, steps, scores, weighted: false, linear_accuracy: None, warnings })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use leanset_core::Quiet;

    use super::*;
    use crate::experiment::{Experiment, RunOptions};
    use crate::journal::Journal;
    use crate::plan::{Plan, TaskPlan};
    use crate::record::{Cost, DetectorScores};

    /// A second and a joule for all that is metered.
    struct One(AtomicU64);

    impl Metering for One {
        fn start(&self) -> Box<dyn FnOnce() -> MeteredCost> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::new(|| MeteredCost { cost: cost(1.0), ..MeteredCost::default() })
        }
    }

    fn cost(seconds: f64) -> Cost {
        Cost { seconds, cpu_seconds: Some(seconds), joules: Some(seconds), ..Cost::default() }
    }

    struct Fake;

    impl Detector for Fake {
        fn train(
            &self,
            images: &[usize],
            run: &DetectorRun<'_>,
            meter: &dyn Metering,
        ) -> Result<(MeteredCost, DetectorResults), RunError> {
            assert!(images.is_sorted_by(|a, b| a < b));
            assert_eq!(run.steps, u64::from(run.epochs) * images.len().div_ceil(2) as u64);
            let cost = meter.start_with_cards()();
            let map50_95 = images.len() as f64 / 100.0;
            let scores = DetectorScores { map50_95, map50: 0.5, precision: 0.5, recall: 0.5, epoch: run.epochs };
            Ok((cost, DetectorResults { scores, epochs: run.epochs }))
        }
    }

    /// The cost of features counts towards methods that use them, whole and once per run, and not towards the others.
    #[test]
    fn image_task_charges_features_to_methods_that_use_them() {
        let text = "title = \"t\"\nrepetitions = 2\n[images]\npath = \"d\"\n[reduce]\nratios = [0.25, 0.5]\n\
                    [[method]]\nname = \"srs\"\n[[method]]\nname = \"mms\"\n\
                    [[method]]\nname = \"clc\"\nparameters = { output = \"rows\" }\n\
                    [detector]\ncommand = \"x {data} {seed} {epochs} {out}\"\nepochs = 3\nbatch = 2\n";
        let plan = Plan::parse(text, "t.toml").expect("a plan");
        let TaskPlan::Images(settings) = &plan.task else { panic!("for images") };
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
            let images = ImageData {
                features: &features,
                codes: &codes,
                names: &names,
                budgets: vec![Budget::Ratio(0.25), Budget::Ratio(0.5)],
                features_cost: known.then(|| MeteredCost { cost: cost(100.0), others: true, ..MeteredCost::default() }),
                data,
            };
            let experiment = Experiment::new(&plan, ImageTask::new(settings, images, Fake)).expect("an experiment");
            let folder = tempfile::tempdir().expect("a folder");
            let (journal, _) = Journal::open(&folder.path().join("r.jsonl"), &experiment.header()).expect("a journal");
            let options = RunOptions { threads: 1, exclusive: true };
            let records = experiment.run(&One(AtomicU64::new(0)), journal, &[], options, &Quiet).expect("runs");
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
                assert_eq!(measured.features.as_ref().map(|metered| metered.cost.seconds), known.then_some(100.0));
                // Whoever shared the machine while features were made shared it with those who use them.
                assert_eq!(measured.shared, known && looked, "{record:?}");
            }
        }
    }

    #[test]
    fn detector_plan_equals_steps_as_nearly_as_whole_epochs_allow() {
        let text = "title = \"t\"\n[images]\npath = \"d\"\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n\
                    [detector]\ncommand = \"x {data} {seed} {epochs} {out}\"\nepochs = 15\nequal = \"steps\"\n";
        let plan = Plan::parse(text, "t.toml").expect("a plan");
        let TaskPlan::Images(ImagePlan { detector, .. }) = &plan.task else { panic!("for images") };
        assert_eq!((detector.batch, detector.results.to_string()), (16, "{out}/run/results.csv".into()));
        // 15 epochs of 15 steps; 225 / 4, 225 / 8, 225 / 1.
        for (kept, epochs) in [(240, 15), (60, 56), (120, 28), (1, 225)] {
            assert_eq!(detector.epochs_on(kept, 240), epochs, "{kept}");
        }
        let equal = crate::plan::DetectorPlan { equal: crate::plan::EqualTraining::Epochs, ..detector.clone() };
        assert_eq!(equal.epochs_on(60, 240), 15);
    }
}
