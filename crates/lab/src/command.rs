//! Commands of a plan: run in a folder of their own, metered, and described where they fail.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use leanset::output::WorkDir;
use leanset::{Problem, Reporter, Warning, subprocess};
use leanset_problem::Code;

use crate::metering::Metering;
use crate::record::MeteredCost;
use crate::task::RunError;
use crate::template::render_shell;

/// What the command says, in the folder of its run.
const LOG: &str = "log.txt";
/// Which run it is, in its folder: two labels may differ in what no name of a folder holds.
const RUN: &str = "run.json";
/// Lines of a log that an error repeats.
const LAST_LINES: usize = 3;
/// Bytes of a log that they are looked for in.
const TAIL: u64 = 4096;

/// Runs the command of `about` in its folder, which stays if the command fails: there it can be looked at.
pub(crate) fn run(
    words: &[OsString],
    folder: &mut WorkDir,
    about: &str,
    meter: &dyn Metering,
) -> Result<MeteredCost, RunError> {
    let path = folder.path().join(LOG);
    let failed = |e: std::io::Error| Problem::io(format!("{}: cannot be written", path.display()), e);
    let log = File::create_new(&path).map_err(failed)?;
    let stop = meter.start_with_cards();
    let end = subprocess::run_aside(words, &log).map_err(|problem| problem.code(Code::Unusable))?;
    let cost = stop();
    if end.code == 0 {
        return Ok(cost);
    }
    folder.keep();
    let how = match end.signal {
        Some(signal) => format!("was ended by signal {signal}"),
        None => format!("ended with exit code {}", end.code),
    };
    let last = last_lines(&path);
    let last = last[last.len().saturating_sub(LAST_LINES)..].join(" / ");
    let said = if last.is_empty() { "it said nothing".into() } else { format!("its last words: {last}") };
    Err(RunError::Run(Problem::new(format!("{about}: the command {how}; {said}")).hint(format!(
        "{}; the command was: {}",
        whole_log(folder),
        render_shell(words)
    ))))
}

/// Where the log of a run is, in words.
fn whole_log(folder: &WorkDir) -> String {
    format!("the whole log is {}", folder.path().join(LOG).display())
}

/// What is wrong with the results of a run, whose folder stays.
pub(crate) fn unusable(problem: Problem, folder: &mut WorkDir, about: &str) -> RunError {
    folder.keep();
    let log = whole_log(folder);
    let hint = match &problem.hint {
        Some(hint) => hint.clone().text(format!("; {log}")),
        None => log.into(),
    };
    RunError::Run(problem.at(about.to_owned()).hint(hint))
}

/// Says in the folder of a run which run it is.
pub(crate) fn describe(folder: &WorkDir, document: &serde_json::Value) -> Result<(), Problem> {
    let path = folder.path().join(RUN);
    std::fs::write(&path, format!("{document:#}\n"))
        .map_err(|e| Problem::io(format!("{}: cannot be written", path.display()), e))
}

/// Reports a run that failed while the others go on.
pub(crate) fn report<T>(outcome: &Result<T, RunError>, reporter: &dyn Reporter) {
    if let Err(RunError::Run(problem)) = outcome {
        let message = problem.message.clone().text("; other runs go on");
        reporter.warn(&Warning { hint: problem.hint.clone(), ..Warning::new("failed-run", message) });
    }
}

/// A run, in words.
pub(crate) fn about(repetition: u32, method: &str, ratio: f64) -> String {
    format!("repetition {repetition}, {method} at {ratio}")
}

/// The name of a run's folder.
pub(crate) fn folder_name(repetition: u32, method: &str, ratio: f64) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    format!("{repetition}-{}-{ratio}", method.chars().map(plain).collect::<String>())
}

/// The last lines of what a command said.
pub(crate) fn last_words(folder: &WorkDir) -> Vec<String> {
    last_lines(&folder.path().join(LOG))
}

/// The last lines of a log; what a terminal would have overwritten is left out.
fn last_lines(path: &Path) -> Vec<String> {
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
    said.lines()
        .map(|line| line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}
