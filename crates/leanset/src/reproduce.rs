//! Making the output of a manifest again: its request is read, paths are replaced, it is run, and what came out is compared.

use std::path::{Path, PathBuf};

use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::TablePaths;
use leanset_spec::manifest::table::Manifest;
use leanset_spec::request::{Choice, Reduce, TableRequest};
use leanset_tables::format_of_path;

use crate::context::Context;
pub use crate::expected::read;
use crate::expected::{Expected, check_source, found};
use crate::reduce::{Destination, Output, Reduction};

/// Where files are now. What is not said is where the manifest says, or beside it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The table.
    pub input: Option<TablePaths>,
    /// The table that the rows represent.
    pub target: Option<PathBuf>,
    /// The rows that were kept already.
    pub kept: Option<PathBuf>,
    /// The training log.
    pub log: Option<PathBuf>,
}

/// A reduction that must come out as its manifest says: [`Reduction::run`] compares before anything is written. `path` is
/// where the manifest is: files may be beside it.
///
/// # Errors
/// It is not the manifest of a reduction; a file is not the one of the manifest; and as [`Reduction::prepare`].
pub fn reproduce<'a>(
    manifest: Manifest,
    path: &Path,
    places: &Places,
    destination: &Destination,
    context: &Context<'a>,
) -> Result<Reduction<'a>> {
    let name = path.display();
    let TableRequest::Reduce(request) = &manifest.request else {
        return Err(Problem::new(format!(
            "{name}: is the manifest of `leanset {}`, not of a reduction",
            manifest.request.command()
        ))
        .hint(text!["only reductions are reproduced by ", &setting::FROM_MANIFEST]));
    };
    if let (Output::File(output), Ok(theirs)) = (&destination.output, format_of_path(&manifest.output.path))
        && format_of_path(output)? != theirs
    {
        let file = manifest.output.path.file_name().unwrap_or_default().to_string_lossy();
        return Err(Problem::new(format!(
            "{}: is of another format than the output of the manifest, {file}",
            output.display()
        ))
        .hint("the same bytes are of the same format: give the name the same extension"));
    }
    let request = placed(request, &manifest, places, path)?;
    Reduction::prepare_expected(&request, destination, context, Some(Expected(manifest)))
}

/// The request with files where they are now.
fn placed(request: &Reduce, manifest: &Manifest, places: &Places, path: &Path) -> Result<Reduce> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let place = |given: &Option<PathBuf>, recorded: &Path| given.clone().unwrap_or_else(|| found(recorded, &[folder]));
    let choice = match &request.choice {
        Choice::Ranking(ranking) => Choice::Ranking(found(ranking, &[folder])),
        Choice::Method(method) => {
            let mut method = method.clone();
            let target = manifest.target.as_ref().map(|target| target.path.as_path());
            let log = manifest.log.as_ref().map(|log| log.path.as_path());
            method.target = target.map(|target| place(&places.target, target)).or_else(|| places.target.clone());
            let keep = manifest.keep.as_ref().map(|keep| keep.path.as_path());
            method.kept = keep.map(|keep| place(&places.kept, keep)).or_else(|| places.kept.clone());
            method.log = log.map(|log| place(&places.log, log)).or_else(|| places.log.clone());
            if log.is_none() {
                check_source(&setting::LOG, "log", method.log.as_deref(), None)?;
            }
            Choice::Method(method)
        }
    };
    let input = match &places.input {
        Some(given) => given.clone(),
        None if manifest.input.stream => {
            let name = manifest.input.path.display();
            return Err(Problem::new(format!(
                "the input of the manifest was a stream ({name}), which is not there any more"
            ))
            .hint("name a file with the same content: leanset reduce FILE --from-manifest …"));
        }
        None => request.input.as_slice().iter().map(|path| found(path, &[folder])).collect::<Vec<_>>().into(),
    };
    Ok(Reduce { input, choice, ..request.clone() })
}
