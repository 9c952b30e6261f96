//! The section `[detector]`: the command that trains a detector, and how its trainings are compared.

use std::path::Path;

use leanset_problem::Result;
use serde::{Deserialize, Serialize};

use super::locate::Text;
use crate::template::{Command, Placeholder, Template};

/// Which epoch is the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultEpoch {
    /// The last.
    #[default]
    Last,
    /// The one with the largest 0.1 · mAP50 + 0.9 · mAP50-95, the first of equals. Epochs without numbers are skipped.
    Best,
}

/// The detector and its training: the user's own command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorPlan {
    /// The command; `{data}`, `{seed}`, `{epochs}` and `{out}` in it are replaced.
    pub command: Command,
    /// Where it writes its results.
    #[serde(default = "Template::ultralytics")]
    pub results: Template,
    /// Passes over the images.
    #[serde(default = "default_epochs")]
    pub epochs: u32,
    /// Images per gradient step.
    #[serde(default = "default_batch")]
    pub batch: usize,
    /// What trainings on fewer images have in equal number.
    #[serde(default)]
    pub equal: EqualTraining,
    /// Which epoch is the result.
    #[serde(default)]
    pub epoch: ResultEpoch,
}

/// What all trainings have in equal number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EqualTraining {
    /// Epochs: fewer images are fewer gradient steps.
    #[default]
    Epochs,
    /// Gradient steps, as nearly as whole epochs allow.
    Steps,
}

impl EqualTraining {
    /// Epochs of a training, where full training has `epochs`, and an epoch takes `full` steps there and `own` steps here.
    pub fn epochs(self, epochs: u32, full: u64, own: u64) -> u32 {
        match self {
            Self::Epochs => epochs,
            Self::Steps => {
                let (steps, each) = (u64::from(epochs) * full, own.max(1));
                u32::try_from((steps + each / 2) / each).unwrap_or(u32::MAX).max(1)
            }
        }
    }
}

impl DetectorPlan {
    /// Whether the command has `{batch}`. Without it the number of gradient steps is an assumption.
    pub fn names_batch(&self) -> bool {
        self.command.has(Placeholder::Batch)
    }

    /// Gradient steps of an epoch on this many images.
    pub fn steps(&self, images: usize) -> u64 {
        images.div_ceil(self.batch.max(1)) as u64
    }

    /// Epochs of a training on `kept` of `all` images.
    pub fn epochs_on(&self, kept: usize, all: usize) -> u32 {
        self.equal.epochs(self.epochs, self.steps(all), self.steps(kept))
    }
}

/// The default of Ultralytics.
fn default_epochs() -> u32 {
    100
}

/// The default of Ultralytics.
fn default_batch() -> usize {
    16
}

impl DetectorPlan {
    pub(super) fn check(&self, text: &Text<'_>) -> Result<()> {
        if self.command.is_empty() {
            let hint = "command = \"yolo detect train data={data} seed={seed} epochs={epochs} project={out} name=run\"";
            return text.refuse("detector.command", "a command", &"empty", hint);
        }
        for (slot, why) in [
            (Placeholder::Data, "the description of the image dataset to train on"),
            (Placeholder::Seed, "the seed of the training, without which all repetitions are the same"),
            (Placeholder::Epochs, "the epochs, which make trainings comparable"),
            (Placeholder::Out, "the folder of the run, where its results are read"),
        ] {
            if !self.command.has(slot) {
                let what = format!("detector.command has no {{{}}}", slot.name());
                return text.wrong("detector.command", &what, &format!("it stands for {why}"));
            }
        }
        if !self.results.has(Placeholder::Out) {
            let what = "detector.results has no {out}, and could be of another run";
            return text.wrong("detector.results", what, "results = \"{out}/run/results.csv\"");
        }
        let results = self.results.to_string();
        if Path::new(&results).components().any(|part| part == std::path::Component::ParentDir) {
            let what = format!("detector.results must be below {{out}}, not '{}': .. leads out of it", self.results);
            return text.wrong("detector.results", &what, "results = \"{out}/run/results.csv\"");
        }
        if self.epochs == 0 {
            return text.refuse("detector.epochs", "at least 1", &self.epochs, "epochs = 100 is Ultralytics' default");
        }
        if self.batch == 0 {
            return text.refuse("detector.batch", "at least 1", &self.batch, "batch = 16 is Ultralytics' default");
        }
        Ok(())
    }
}
