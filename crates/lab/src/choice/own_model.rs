//! The user's command as the model of a choice.

use std::path::Path;

use leanset::{Problem, Result, Silent};
use leanset_choose::{EVERYTHING, Goal, Lesson, Outcome, OwnModel, Predictions, Taught};
use leanset_problem::{setting, text};
use leanset_spec::{Choosing, Training};

use super::subject::TableSubject;
use crate::command_model::{CommandModel, CommandRun, Found};
use crate::metering::Metering;
use crate::plan::{ModelKind, ModelPlan, ModelSettings};
use crate::render::share;
use crate::task::RunError;
use crate::template::{Command, OfModel, Placeholder, Template};

/// A command that trains and tests.
pub struct CommandJudge<'a> {
    plan: ModelPlan,
    subject: &'a TableSubject,
    goal: Goal,
    keep: Option<&'a Path>,
    meter: &'a dyn Metering,
}

impl std::fmt::Debug for CommandJudge<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandJudge").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<'a> CommandJudge<'a> {
    /// The command of a request; none if it has none.
    ///
    /// # Errors
    /// A command that cannot be split into words, lacks {train} or {test}, or asks for epochs; a file of predictions that is not
    /// below {out}.
    pub fn new(
        choosing: &Choosing,
        subject: &'a TableSubject,
        keep: Option<&'a Path>,
        meter: &'a dyn Metering,
    ) -> Result<Option<Self>> {
        let Some(settings) = settings(choosing)? else { return Ok(None) };
        let plan = ModelPlan { settings, training: Training::default() };
        Ok(Some(Self { plan, subject, goal: choosing.goal, keep, meter }))
    }

    fn command(&self) -> CommandModel<'_> {
        CommandModel {
            plan: &self.plan,
            table: &self.subject.input.table,
            label: self.subject.columns.label.as_deref().unwrap_or_default(),
            keep: self.keep,
            // A training that fails ends the choice, and is its error.
            reporter: &Silent,
        }
    }
}

/// The settings of the command.
fn settings(choosing: &Choosing) -> Result<Option<ModelSettings>> {
    let Some(line) = &choosing.model else { return Ok(None) };
    let example = || setting::OWN_MODEL.to("python train.py {train} {test} {seed}");
    let wrong = |what: String| Problem::new(text![&setting::OWN_MODEL, ": ", what]).hint(text!["e.g. ", example()]);
    let command = Command::<OfModel>::of_line(line).map_err(wrong)?;
    if command.is_empty() {
        return Err(wrong("has no command".into()));
    }
    for (slot, why) in [(Placeholder::Train, "the table to train on"), (Placeholder::Test, "the table to test on")] {
        if !command.has(slot) {
            return Err(wrong(format!("has no {{{}}}, which stands for {why}", slot.name())));
        }
    }
    for slot in [Placeholder::Epochs, Placeholder::Steps, Placeholder::Batch] {
        if command.has(slot) {
            return Err(Problem::new(text![
                &setting::OWN_MODEL,
                format!(": has {{{}}}, which a choice does not set", slot.name())
            ])
            .hint("write the number that you train with; `leanset experiment` compares trainings of equal steps"));
        }
    }
    let predictions = match &choosing.predictions {
        None => None,
        Some(file) => {
            let below =
                || text![setting::PREDICTIONS.to("{out}/predictions.txt"), ": {out} is the folder of a training"];
            let template = Template::<OfModel>::parse(file)
                .map_err(|what| Problem::new(text![&setting::PREDICTIONS, ": ", what]).hint(below()))?;
            let leads_out = file.split(['/', '\\']).any(|part| part == "..");
            if !template.has(Placeholder::Out) || leads_out {
                return Err(Problem::new(text![
                    &setting::PREDICTIONS,
                    format!(" must be below {{out}}, not '{file}'")
                ])
                .hint(below()));
            }
            Some(template)
        }
    };
    Ok(Some(ModelSettings {
        kind: ModelKind::Command,
        command: Some(command),
        predictions,
        ..ModelSettings::default()
    }))
}

/// Which training it is, in words.
fn about(lesson: &Lesson<'_>) -> String {
    let key = lesson.key;
    let what = match key.candidate == EVERYTHING {
        true => "all rows".to_owned(),
        false => format!("{} of the rows by {}", share(key.ratio.0), key.candidate),
    };
    format!("training on {what} ({} rows, fold {})", lesson.train.len(), key.fold)
}

impl OwnModel for CommandJudge<'_> {
    fn train(&self, lesson: &Lesson<'_>) -> Result<Taught> {
        let (train, test) = (self.subject.file_rows(lesson.train), self.subject.file_rows(lesson.test));
        let run = CommandRun {
            repetition: lesson.key.fold as u32,
            about: about(lesson),
            method: &lesson.key.candidate,
            ratio: lesson.key.ratio.0,
            seed: lesson.seed,
            epochs: 0,
            steps: 0,
            train: &train,
            weights: None,
            test: &test,
            names: &self.subject.input.encoded.class_names,
        };
        let (cost, found) = self.command().train(&run, self.meter).map_err(|error| match error {
            RunError::Run(problem) | RunError::Experiment(problem) => problem,
        })?;
        let outcome = match found {
            Found::Predictions(predicted) => {
                Outcome::Predictions(Predictions(predicted.iter().map(|class| class.0).collect()))
            }
            Found::Scores([accuracy, _, _, f1]) => {
                let unknown = match self.goal {
                    Goal::Accuracy => false,
                    Goal::MacroF1 => f1.is_nan(),
                    Goal::WorstRecall => true,
                };
                if unknown {
                    return Err(Problem::new(text![
                        format!("the command gave no {} for ", self.goal.name()),
                        setting::GOAL.to(self.goal)
                    ])
                    .hint(text![
                        "write the predicted classes to the file of ",
                        setting::PREDICTIONS.to("{out}/predictions.txt"),
                        ": every score follows from them"
                    ]));
                }
                Outcome::Scores { accuracy, macro_f1: Some(f1).filter(|f1| !f1.is_nan()) }
            }
        };
        Ok(Taught { outcome, seconds: cost.cost.seconds })
    }
}
