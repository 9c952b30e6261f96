//! Detectors, trained by the command of a plan: a set is written for it, it is run and metered, and its results are read.

use std::path::Path;

use crate::RunError;
use crate::command;
use crate::detector_results::{self as results, DetectorResults};
use crate::image_task::{Detector, DetectorRun};
use crate::metering::Metering;
use crate::plan::DetectorPlan;
use crate::record::MeteredCost;
use crate::template::{Values, render_shell};
use leanset::images::Candidates;
use leanset::output::{TEMPORARY, WorkDir};
use leanset::{Reporter, Result};
use leanset_images::files;
use leanset_spec::images::Placement;
use serde_json::json;

/// The set to train on, in the folder of its run.
const DATA: &str = "data";
/// Trains detectors.
pub struct Trainer<'a> {
    /// The detector of the plan.
    pub plan: &'a DetectorPlan,
    /// The images that a reduction chooses from.
    pub candidates: &'a Candidates,
    /// Where the folders of all runs are kept.
    pub keep: Option<&'a Path>,
    /// Who hears of a run that fails while the others go on.
    pub reporter: &'a dyn Reporter,
}

impl Trainer<'_> {
    /// What the places of the command hold in this run, in this folder.
    fn values(&self, out: &Path, task: &DetectorRun<'_>) -> Values {
        Values {
            data: out.join(DATA).join(self.candidates.set.format().entry_file(Placement::Stay)),
            seed: task.seed,
            epochs: task.epochs,
            batch: self.plan.batch,
            steps: task.steps,
            out: out.to_owned(),
            ..Values::default()
        }
    }

    /// The command line of a run, in the folder that it would have.
    pub fn render_command(&self, task: &DetectorRun<'_>) -> String {
        let out = match self.keep {
            Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).join(name(task)),
            None => std::env::temp_dir().join(format!("{TEMPORARY}XXXXXX")),
        };
        render_shell(&self.plan.command.fill(&self.values(&out, task)))
    }

    /// Writes the set of a run into its folder. For all images it is of the same kind as for some.
    fn write(&self, folder: &WorkDir, images: &[usize]) -> Result<()> {
        let images: Vec<usize> = images.iter().map(|&p| self.candidates.images[p]).collect();
        for (path, content) in files(&self.candidates.set, &images, &folder.path().join(DATA), Placement::Stay)? {
            folder.put(&Path::new(DATA).join(path), &content)?;
        }
        Ok(())
    }

    /// Says in the folder of a run which run it is.
    fn name(&self, folder: &WorkDir, task: &DetectorRun<'_>) -> Result<()> {
        let document = json!({
            "repetition": task.repetition,
            "method": task.method,
            "ratio": task.ratio,
            "seed": task.seed,
            "epochs": task.epochs,
            "steps": task.steps,
            "command": render_shell(&self.plan.command.fill(&self.values(folder.path(), task))),
        });
        command::describe(folder, &document)
    }

    /// Runs the command in its folder, which stays if the command fails: there it can be looked at.
    fn run(
        &self,
        folder: &mut WorkDir,
        task: &DetectorRun<'_>,
        meter: &dyn Metering,
    ) -> Result<(MeteredCost, DetectorResults), RunError> {
        let values = self.values(folder.path(), task);
        let about = command::about(task.repetition, task.method, task.ratio);
        let cost = command::run(&self.plan.command.fill(&values), folder, &about, meter)?;
        let found = results::read(Path::new(&self.plan.results.fill(&values)), self.plan.epoch)
            .map_err(|problem| command::unusable(problem, folder, &about))?;
        Ok((cost, found))
    }
}

impl Detector for Trainer<'_> {
    fn train(
        &self,
        images: &[usize],
        task: &DetectorRun<'_>,
        meter: &dyn Metering,
    ) -> Result<(MeteredCost, DetectorResults), RunError> {
        let mut folder = WorkDir::new(self.keep, &name(task))?;
        self.write(&folder, images)?;
        self.name(&folder, task)?;
        let trained = self.run(&mut folder, task, meter);
        command::report(&trained, self.reporter);
        trained
    }
}

/// The name of a run's folder.
fn name(task: &DetectorRun<'_>) -> String {
    command::folder_name(task.repetition, task.method, task.ratio)
}
