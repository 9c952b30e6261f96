//! Detectors, trained by the command of a plan: a set is written for it, it is run and metered, and its results are read.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::RunError;
use crate::detector_results::{self as results, DetectorResults};
use crate::image_task::{Detector, DetectorRun};
use crate::metering::Metering;
use crate::plan::DetectorPlan;
use crate::record::MeteredCost;
use crate::template::{Values, render_shell};
use leanset::images::Candidates;
use leanset::output::{TEMPORARY, WorkDir};
use leanset::{Problem, Reporter, Result, Warning, subprocess};
use leanset_images::files;
use leanset_problem::Code;
use leanset_spec::images::Placement;
use serde_json::json;

/// What the command says, in the folder of its run.
const LOG: &str = "log.txt";
/// Which run it is, in its folder: two labels may differ in what no name of a folder holds.
const RUN: &str = "run.json";
/// The set to train on, in the folder of its run.
const DATA: &str = "data";
/// Lines of a log that an error repeats.
const LAST_LINES: usize = 3;
/// Bytes of a log that they are looked for in.
const TAIL: u64 = 4096;

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
        let path = folder.path().join(RUN);
        let document = json!({
            "repetition": task.repetition,
            "method": task.method,
            "ratio": task.ratio,
            "seed": task.seed,
            "epochs": task.epochs,
            "steps": task.steps,
            "command": render_shell(&self.plan.command.fill(&self.values(folder.path(), task))),
        });
        std::fs::write(&path, format!("{document:#}\n"))
            .map_err(|e| Problem::io(format!("{}: cannot be written", path.display()), e))
    }

    /// Runs the command in its folder, which stays if the command fails: there it can be looked at.
    fn run(
        &self,
        folder: &mut WorkDir,
        task: &DetectorRun<'_>,
        meter: &dyn Metering,
    ) -> Result<(MeteredCost, DetectorResults), RunError> {
        let values = self.values(folder.path(), task);
        let words = self.plan.command.fill(&values);
        let path = folder.path().join(LOG);
        let failed = |e: std::io::Error| Problem::io(format!("{}: cannot be written", path.display()), e);
        let log = File::create_new(&path).map_err(failed)?;
        let stop = meter.start_with_cards();
        let end = subprocess::run_aside(&words, &log).map_err(|problem| problem.code(Code::Unusable))?;
        let cost = stop();
        let log = format!("the whole log is {}", path.display());
        if end.code != 0 {
            folder.keep();
            let how = match end.signal {
                Some(signal) => format!("was ended by signal {signal}"),
                None => format!("ended with exit code {}", end.code),
            };
            let last = last_lines(&path);
            let said = if last.is_empty() { "it said nothing".into() } else { format!("its last words: {last}") };
            return Err(RunError::Run(
                Problem::new(format!("{}: the command {how}; {said}", about(task)))
                    .hint(format!("{log}; the command was: {}", render_shell(&words))),
            ));
        }
        let results =
            results::read(Path::new(&self.plan.results.fill(&values)), self.plan.epoch).map_err(|problem| {
                folder.keep();
                let hint = match &problem.hint {
                    Some(hint) => hint.clone().text(format!("; {log}")),
                    None => log.clone().into(),
                };
                RunError::Run(problem.at(about(task)).hint(hint))
            })?;
        Ok((cost, results))
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
        if let Err(RunError::Run(problem)) = &trained {
            let message = problem.message.clone().text("; other runs go on");
            self.reporter.warn(&Warning { hint: problem.hint.clone(), ..Warning::new("failed-run", message) });
        }
        trained
    }
}

/// A run, in words.
fn about(task: &DetectorRun<'_>) -> String {
    format!("repetition {}, {} at {}", task.repetition, task.method, task.ratio)
}

/// The name of a run's folder.
fn name(task: &DetectorRun<'_>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    format!("{}-{}-{}", task.repetition, task.method.chars().map(plain).collect::<String>(), task.ratio)
}

/// The last lines of a log, in one; what a terminal would have overwritten is left out.
fn last_lines(path: &Path) -> String {
    let tail = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let said = String::from_utf8_lossy(&tail().unwrap_or_default()).into_owned();
    let said = anstream::adapter::strip_str(&said).to_string();
    let lines: Vec<&str> = said
        .lines()
        .map(|line| line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join(" / ")
}
