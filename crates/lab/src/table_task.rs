//! Experiments on a table, with models that predict the class of a row.

use std::path::Path;

use leanset::{Problem, Reporter, Result, Silent};
use leanset_core::{Budget, ClassId, Dataset, Dynamics, Reduced};
use leanset_tables::{Encoded, FileRow, Table};
use leanset_train::quick::Logistic;
use leanset_train::{Model, scores};

use crate::command;
use crate::command_model::{CommandModel, CommandRun, Found};
use crate::learner::{Learner, Lesson, Mlp, learner};
use crate::metering::Metering;
use crate::plan::{FULL, ModelKind, Plan, TablePlan};
use crate::record::{ClassScores, ClassifierScores, DataRecord, MeteredCost, ModelScores, worst_recall};
use crate::splits::{LabelledPoints, Split, SplitPlan, class_ids};
use crate::task::{RunError, Task, Trainer, TrainingOutcome, TrainingRequest, scaled_weights, sorted_rows};

/// By how much the accuracy of a model on all rows may be below that of a linear one before it is warned of: five points.
pub const WEAK: f64 = 0.05;

/// Bits of a seed that commands do without.
const COMMAND_SEED: u32 = 22;

/// A table, and models that predict the class of a row.
pub struct TableTask<'a> {
    plan: &'a Plan,
    settings: &'a TablePlan,
    table: &'a Table,
    sha256: String,
    splits: SplitPlan,
    learners: Vec<Box<dyn Learner>>,
    /// The model whose training methods observe.
    observer: Mlp,
    /// Whether a model on all rows is compared with a linear one.
    compare: Vec<bool>,
    /// Where the folders of commands are kept.
    keep: Option<&'a Path>,
    /// Who hears of commands that fail.
    reporter: &'a dyn Reporter,
}

impl std::fmt::Debug for TableTask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableTask").field("plan", self.plan).field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl<'a> TableTask<'a> {
    /// Checks the plan against the table, `encoded` as a whole.
    ///
    /// # Errors
    /// A class that cannot be split.
    pub fn new(
        (plan, settings): (&'a Plan, &'a TablePlan),
        (table, sha256): (&'a Table, &str),
        encoded: &Encoded,
    ) -> Result<Self> {
        let splits = SplitPlan::new(settings, table.name(), encoded)?;
        let learners = settings.models().iter().map(learner).collect();
        let observer = Mlp::new(&settings.observer());
        let compare = settings.models().iter().map(|model| model.settings.kind != ModelKind::Logistic).collect();
        Ok(Self {
            plan,
            settings,
            table,
            sha256: sha256.to_owned(),
            splits,
            learners,
            observer,
            compare,
            keep: None,
            reporter: &Silent,
        })
    }

    /// Keeps the folders of commands in `keep`, and reports commands that fail to `reporter`.
    #[must_use]
    pub fn commands(mut self, keep: Option<&'a Path>, reporter: &'a dyn Reporter) -> Self {
        (self.keep, self.reporter) = (keep, reporter);
        self
    }

    /// The model with this index, if it is a command.
    fn command(&self, model: usize) -> Option<CommandModel<'_>> {
        let plan = &self.settings.models()[model];
        plan.settings.command.as_ref()?;
        let label = self.settings.data.label();
        Some(CommandModel { plan, table: self.table, label, keep: self.keep, reporter: self.reporter })
    }

    /// The command lines of the first run of full training, with the names of their models.
    ///
    /// # Errors
    /// As the encoder.
    pub fn first_commands(&self) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for (model, plan) in self.settings.models().iter().enumerate() {
            let Some(command) = self.command(model) else { continue };
            let rows: usize = self.splits.training_sizes().iter().sum();
            let epochs = self.epochs(model, rows, 0);
            let run = CommandRun {
                repetition: 0,
                about: String::new(),
                method: FULL,
                ratio: 1.0,
                seed: self.plan.seeds(0).model >> COMMAND_SEED,
                epochs,
                steps: self.learners[model].steps(rows, epochs),
                train: &[],
                weights: None,
                test: &[],
                names: &[],
            };
            found.push((plan.title().to_owned(), command.render_command(&run)));
        }
        Ok(found)
    }

    /// Runs a command, and scores what it predicts.
    fn run_command(
        &self,
        command: &CommandModel<'_>,
        split: &Split,
        request: &TrainingRequest<'_, Model>,
        weights: Option<&[f64]>,
        meter: &dyn Metering,
    ) -> Result<(MeteredCost, u64, ClassifierScores), RunError> {
        let train: Vec<FileRow> = match request.kept {
            None => split.train_rows.clone(),
            Some(Reduced::Rows(selection)) => sorted_rows(selection).iter().map(|&row| split.train_rows[row]).collect(),
            Some(Reduced::Points(_)) => {
                return Err(Problem::new(format!(
                    "{}: a command is given rows, and not generated prototypes",
                    request.method
                ))
                .hint("parameters = { output = \"rows\" } keeps rows, or leave the method out")
                .into());
            }
        };
        let steps = self.learners[request.model].steps(train.len(), request.epochs);
        let run = CommandRun {
            repetition: request.repetition,
            about: command::about(request.repetition, request.method, request.ratio),
            method: request.method,
            ratio: request.ratio,
            // NumPy refuses more than 32 bits.
            seed: request.seed >> COMMAND_SEED,
            epochs: request.epochs,
            steps,
            train: &train,
            weights,
            test: &split.test_rows,
            names: &self.splits.names,
        };
        let (cost, found) = command.train(&run, meter)?;
        let scores = match found {
            Found::Predictions(predicted) => self.scored(split, &predicted),
            Found::Scores([accuracy, precision, recall, f1]) => {
                ClassifierScores { accuracy, precision, recall, f1, worst_recall: None, classes: Vec::new() }
            }
        };
        Ok((cost, steps, scores))
    }

    /// The scores of predictions.
    fn scored(&self, split: &Split, predicted: &[ClassId]) -> ClassifierScores {
        let scores = scores(&class_ids(&split.test.classes), predicted, self.splits.names.len());
        let of_class = |(name, class): (&String, &leanset_train::ClassScores)| ClassScores {
            name: name.clone(),
            rows: class.rows,
            precision: class.precision,
            recall: class.recall,
            f1: class.f1,
        };
        let classes: Vec<ClassScores> = self.splits.names.iter().zip(&scores.per_class).map(of_class).collect();
        ClassifierScores {
            accuracy: scores.accuracy,
            precision: scores.precision,
            recall: scores.recall,
            f1: scores.f1,
            worst_recall: worst_recall(&classes),
            classes,
        }
    }

    /// Seconds of one gradient step of the perceptron, measured over an epoch on all rows.
    ///
    /// # Errors
    /// As the encoder and the trainer.
    pub fn seconds_per_step(&self) -> Result<f64> {
        let split = self.split(0)?;
        let points = &split.train;
        let seed = self.plan.seeds(0).model;
        let began = std::time::Instant::now();
        let lesson = Lesson { points, weights: None, fresh: None, start: None, epochs: 1, seed };
        let steps = self.observer.train(&lesson)?.steps;
        Ok(began.elapsed().as_secs_f64() / steps.max(1) as f64)
    }

    /// The accuracy of a linear model on the same rows.
    fn linear_accuracy(&self, split: &Split) -> Result<f64> {
        let model = Logistic::default().fit(&split.train.dataset()?, None, &|| Ok(()))?;
        let predicted = model.predict(&split.test.dataset()?, &|| Ok(()))?;
        let right = predicted.iter().zip(&split.test.classes).filter(|(a, b)| a.0 == **b).count();
        Ok(right as f64 / split.test.classes.len().max(1) as f64)
    }
}

impl Task for TableTask<'_> {
    type Split = Split;
    type Model = Model;

    fn data(&self) -> DataRecord {
        DataRecord {
            name: self.table.name().to_owned(),
            sha256: self.sha256.clone(),
            rows: self.splits.rows(),
            dimensions: self.splits.dimensions,
            training_rows: self.splits.training_sizes().iter().sum(),
            classes: self.splits.names.iter().cloned().zip(self.splits.sizes()).collect(),
            features: None,
            validation: None,
            sources: Default::default(),
        }
    }

    fn sizes(&self) -> Vec<usize> {
        self.splits.training_sizes()
    }

    fn budget(&self, ratio: usize) -> Result<Budget> {
        Ok(Budget::Ratio(self.plan.reduce.ratios[ratio]).balanced(self.plan.reduce.balance.into()))
    }

    fn split(&self, repetition: u32) -> Result<Split> {
        self.splits.split(self.table, self.settings, self.plan.seeds(repetition).split.unwrap_or_default())
    }

    fn points<'s>(&'s self, split: &'s Split) -> Result<Dataset<'s>> {
        split.train.dataset()
    }

    fn steps(&self, trainer: Trainer, rows: usize, epochs: u32) -> u64 {
        match trainer {
            Trainer::Model(model) => self.learners[model].steps(rows, epochs),
            Trainer::Observer => self.observer.steps(rows, epochs),
        }
    }

    fn epochs(&self, model: usize, rows: usize, before: u32) -> u32 {
        self.learners[model].epochs(rows, self.splits.training_sizes().iter().sum(), before)
    }

    fn warm_up(&self, split: &Split, trainer: Trainer, epochs: u32, seed: u64) -> Result<(Model, Dynamics)> {
        match trainer {
            Trainer::Model(model) => Mlp::new(&self.settings.models()[model]).warm_up(&split.train, epochs, seed),
            Trainer::Observer => self.observer.warm_up(&split.train, epochs, seed),
        }
    }

    fn train(
        &self,
        split: &Split,
        request: &TrainingRequest<'_, Model>,
        meter: &dyn Metering,
    ) -> Result<TrainingOutcome, RunError> {
        let points = match request.kept {
            None => split.train.take(0..split.train.classes.len()),
            Some(Reduced::Rows(selection)) => split.train.take(sorted_rows(selection)),
            Some(Reduced::Points(points)) => LabelledPoints {
                values: points.points.clone(),
                columns: points.columns,
                classes: points.classes.iter().map(|class| class.0).collect(),
                names: split.train.names.clone(),
            },
        };
        let weights = match request.kept.filter(|_| request.weighted) {
            None => None,
            Some(Reduced::Rows(selection)) => selection.weights().map(|weights| {
                // In the order of the data, as the rows.
                selection.input_order().into_iter().map(|at| weights[at]).collect()
            }),
            Some(Reduced::Points(points)) => Some(points.weights.clone()),
        };
        let sizes = self.splits.training_sizes();
        let weights = weights.and_then(|weights: Vec<f64>| scaled_weights(&weights, &points.classes, &sizes));
        let lesson = Lesson {
            points: &points,
            weights: weights.as_deref(),
            fresh: request.fresh,
            start: request.start,
            epochs: request.epochs,
            seed: request.seed,
        };
        let (cost, steps, scores) = match self.command(request.model) {
            Some(command) => self.run_command(&command, split, request, weights.as_deref(), meter)?,
            None => {
                let stop = meter.start();
                let trained = self.learners[request.model].train(&lesson)?;
                let cost = stop();
                let predicted = trained.predictor.predict(&split.test)?;
                (cost, trained.steps, self.scored(split, &predicted))
            }
        };
        let compare = request.method == FULL && self.compare[request.model];
        let linear_accuracy = if compare { Some(self.linear_accuracy(split)?) } else { None };
        let weak = linear_accuracy.is_some_and(|linear| scores.accuracy < linear - WEAK);
        let warnings = if weak { vec!["weak-model".to_owned()] } else { Vec::new() };
        let scores = ModelScores::Classifier(scores);
        Ok(TrainingOutcome { cost, steps, scores, weighted: weights.is_some(), linear_accuracy, warnings })
    }
}
