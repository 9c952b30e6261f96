//! What must come out when a manifest is reproduced: its files and its results, compared before anything is written.

use std::path::{Path, PathBuf};

use leanset_problem::{Code, Problem, Result, Setting, Warning, list, setting, text};
use leanset_spec::manifest::RankingRecord;
use leanset_spec::manifest::table::{Manifest, TestRecord};
use leanset_spec::request::{Choice, Reduce};

use crate::context::Context;
use crate::output::sha256;
use crate::table::files::Files;

/// Reads a manifest of `reduce` or `rank`.
///
/// # Errors
/// It cannot be read, or is no manifest of this version.
pub fn read(path: &Path) -> Result<Manifest> {
    let name = path.display().to_string();
    let text =
        leanset_problem::files::read_given_text(path).map_err(|e| Problem::io(format!("{name}: cannot be read"), e))?;
    Manifest::parse(&name, &text)
}

/// Where a recorded file is: relative paths are of where the command was run, which often is one of these folders.
pub(crate) fn found(recorded: &Path, folders: &[&Path]) -> PathBuf {
    if recorded.exists() {
        return recorded.to_owned();
    }
    let beside = folders.iter().map(|folder| folder.join(recorded)).find(|path| path.exists());
    beside.unwrap_or_else(|| recorded.to_owned())
}

/// Warns if a manifest is of another version.
pub(crate) fn warn_of_version(theirs: &str, context: &Context<'_>) {
    let ours = env!("CARGO_PKG_VERSION");
    if theirs != ours {
        let message = format!("the manifest is of leanset {theirs}, and this is {ours}");
        context.reporter.warn(
            &Warning::new("other-version", message)
                .hint("results may differ between versions; a difference is reported below"),
        );
    }
}

/// Before anything is read: a file must be the one of the manifest that is to be reproduced. `what` it is, and `expected` is
/// its SHA-256 and, if that was recorded, its size.
pub(crate) fn check_source(
    setting: &'static Setting,
    what: &str,
    path: Option<&Path>,
    expected: Option<(&str, Option<u64>)>,
) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let Some((expected, size)) = expected else {
        return Err(Problem::new(text![setting.to(path.display()), format!(": the manifest has no {what}")])
            .hint(text!["leave ", setting, " out"]));
    };
    let (sha256, bytes) = sha256(path)
        .map_err(|error| error.hint(text![format!("say where the {what} is now: "), setting.to("FILE")]))?;
    if sha256 == expected {
        return Ok(());
    }
    let short = expected.get(..12).unwrap_or(expected);
    let differs = match size {
        Some(size) => format!("SHA-256 {} and {bytes} bytes, not {short} and {size}", &sha256[..12]),
        None => format!("SHA-256 {}, not {short}", &sha256[..12]),
    };
    Err(Problem::new(format!("{}: is not the {what} of the manifest: {differs}", path.display()))
        .hint(text!["name the original file: ", setting.to("FILE")])
        .code(Code::Different))
}

/// What came out must be as in the manifest: `differing` are the keys where it is not, `version` wrote it.
pub(crate) fn check_differences(differing: &[String], version: &str) -> Result<()> {
    if differing.is_empty() {
        return Ok(());
    }
    Err(Problem::new(format!("the result differs from the manifest in {}", list(differing, 6)))
        .hint(format!("the manifest is of leanset {version} or was changed; nothing was written"))
        .code(Code::Different))
}

/// The manifest that is to be reproduced.
pub(crate) struct Expected(pub(crate) Manifest);

impl Expected {
    /// Where its output was.
    pub(crate) fn output(&self) -> &Path {
        &self.0.output.path
    }

    /// Before the table is read: another file may well be one that cannot be read.
    pub(crate) fn check_sources(&self, request: &Reduce, files: &Files, context: &Context<'_>) -> Result<()> {
        if let Choice::Method(method) = &request.choice {
            let target = self.0.target.as_ref().map(|e| (e.sha256.as_str(), Some(e.bytes)));
            check_source(&setting::TARGET, "target", method.target.as_deref(), target)?;
            let keep = self.0.keep.as_ref().map(|e| (e.sha256.as_str(), Some(e.bytes)));
            check_source(&setting::KEPT, "file of kept rows", method.kept.as_deref(), keep)?;
            let log = self.0.log.as_ref().map(|e| (e.sha256.as_str(), Some(e.bytes)));
            check_source(&setting::LOG, "log", method.log.as_deref(), log)?;
        }
        warn_of_version(&self.0.leanset, context);
        files.check_recorded(&self.0.input)
    }

    pub(crate) fn check_ranking(&self, found: &RankingRecord) -> Result<()> {
        match &self.0.method.ranking {
            Some(expected) if expected.sha256 != found.sha256 => {
                Err(Problem::new(format!("{}: is not the ranking of the manifest", found.path.display()))
                    .hint("its SHA-256 differs; rank again as its own manifest says")
                    .code(Code::Different))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn check_output(&self, sha256: &str, bytes: u64) -> Result<()> {
        let expected = &self.0.output;
        if expected.sha256 == sha256 {
            return Ok(());
        }
        Err(Problem::new(format!(
            "the output differs from the manifest's: SHA-256 {} and {bytes} bytes, not {} and {}",
            &sha256[..12],
            expected.sha256.get(..12).unwrap_or(&expected.sha256),
            expected.bytes
        ))
        .hint(format!("the manifest is of leanset {}; nothing was written", self.0.leanset))
        .code(Code::Different))
    }

    /// The rows that are held out.
    pub(crate) fn check_test(&self, found: Option<&TestRecord>) -> Result<()> {
        match (&self.0.test, found) {
            (Some(expected), Some(found)) if expected.output.sha256 != found.output.sha256 => {
                let short = |sha256: &str| sha256.get(..12).unwrap_or(sha256).to_owned();
                Err(Problem::new(format!(
                    "the test rows differ from the manifest's: SHA-256 {} and {} bytes, not {} and {}",
                    short(&found.output.sha256),
                    found.output.bytes,
                    short(&expected.output.sha256),
                    expected.output.bytes
                ))
                .hint(format!("the manifest is of leanset {}; nothing was written", self.0.leanset))
                .code(Code::Different))
            }
            _ => Ok(()),
        }
    }

    /// Everything that is not of the moment or the place must be as it was. Warnings about the file, which are given, are not compared:
    /// its hash says already that it is the same, and whoever passed its columns to Python had no such warnings.
    pub(crate) fn check_manifest(&self, found: &Manifest, of_file: &[Warning]) -> Result<()> {
        let of_method = |manifest: &Manifest| {
            let mut manifest = manifest.clone();
            manifest.warnings.retain(|warning| of_file.iter().all(|own| own.code != warning.code));
            manifest
        };
        check_differences(&of_method(&self.0).differences(&of_method(found))?, &self.0.leanset)
    }
}
