//! Files that are written whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use leanset_problem::{Problem, Result, setting, text};
use leanset_tables::{Compression, Format, format_of_path};
use tempfile::NamedTempFile;

use super::folder_of;
use super::hash::Hashing;
use super::interrupt::unfinished;

/// The outputs of one command.
pub struct Outputs {
    force: bool,
    staged: Vec<(NamedTempFile, PathBuf)>,
}

impl Outputs {
    /// None yet; with `force`, files that exist are replaced.
    pub fn new(force: bool) -> Self {
        Self { force, staged: Vec::new() }
    }

    /// Checks that a file may be written here: before the work, so that an hour of it is not lost.
    ///
    /// # Errors
    /// It is an input, a folder, there already, or in no folder.
    pub fn check(&self, path: &Path, inputs: &[&Path]) -> Result<()> {
        let name = path.display();
        if path.as_os_str().is_empty() {
            return Err(
                Problem::new("the output has an empty name").hint(text!["name a file: ", setting::OUTPUT.to("FILE")])
            );
        }
        if path.is_dir() {
            return Err(Problem::new(format!("{name}: is a folder")).hint("name a file in it"));
        }
        let folder = folder_of(path);
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(Problem::new(format!("{name}: there is no folder {folder}")).hint(format!("mkdir -p {folder}")));
        }
        let real = path.canonicalize();
        for input in inputs {
            if let (Ok(real), Ok(input)) = (&real, input.canonicalize())
                && *real == input
            {
                return Err(Problem::new(format!("{name}: is an input of this command, and is never overwritten"))
                    .hint("write to another file"));
            }
        }
        // A link to nowhere is there too.
        if path.symlink_metadata().is_ok() && !self.force {
            return Err(Problem::new(format!("{name}: exists"))
                .hint(text!["choose another name, or replace it with ", &setting::FORCE]));
        }
        // Appearing by rename, an output would take the place of a device or a pipe.
        if path.metadata().is_ok_and(|m| !m.is_file()) {
            return Err(Problem::new(format!("{name}: is not a regular file and is never replaced")).hint(text![
                "name a file; ",
                setting::OUTPUT.to("-"),
                " writes to stdout"
            ]));
        }
        Ok(())
    }

    /// Stages a file: `write` writes it. Returns its SHA-256 (hexadecimal) and its size in bytes.
    ///
    /// # Errors
    /// If it cannot be written, in the words of the system.
    pub fn stage(&mut self, path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<(String, u64)> {
        let failed = |error: io::Error| Problem::io(format!("{}: cannot be written", path.display()), error);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".leanset-").suffix(".unfinished");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // A link keeps pointing where it points, and a file keeps its mode.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let file = {
            // Created under the lock, so that no interrupt comes between its creation and its entry.
            let mut unfinished = unfinished();
            let file = builder.tempfile_in(folder_of(&target)).map_err(failed)?;
            unfinished.push(file.path().to_owned());
            file
        };
        let mut writer = Hashing::new(BufWriter::with_capacity(1 << 16, file.as_file()));
        let result = write(&mut writer);
        // The system's own word is the better one: a full disk, rather than what a format library makes of it.
        if let Some(error) = writer.failed.take() {
            return Err(failed(error));
        }
        result?;
        let (digest, bytes) = writer.finish().map_err(failed)?;
        if let Ok(standing) = target.metadata() {
            file.as_file().set_permissions(standing.permissions()).map_err(failed)?;
        }
        file.as_file().sync_all().map_err(failed)?;
        self.staged.push((file, target));
        Ok((digest, bytes))
    }

    /// Makes all staged files appear, or none: what stood in a place that cannot be taken, and in those taken before it,
    /// is put back. The last staged, a manifest, appears first, so that whoever sees an output finds its manifest.
    ///
    /// # Errors
    /// If one of them cannot take its place.
    pub fn commit(self) -> Result<()> {
        let mut unfinished = unfinished();
        let own: Vec<PathBuf> = self.staged.iter().map(|(file, _)| file.path().to_owned()).collect();
        let mut taken: Vec<(PathBuf, Option<NamedTempFile<()>>)> = Vec::new();
        for (file, path) in self.staged.into_iter().rev() {
            // A second name for what is there; where the disk has no links, the rename alone has to do.
            let old = || {
                tempfile::Builder::new()
                    .prefix(".leanset-")
                    .suffix(".replaced")
                    .make_in(folder_of(&path), |link| std::fs::hard_link(&path, link))
                    .ok()
            };
            let stood = path.exists();
            let old = (self.force && stood).then(old).flatten();
            let result = if self.force { file.persist(&path) } else { file.persist_noclobber(&path) };
            if let Err(error) = result {
                for (path, old) in taken.into_iter().rev() {
                    match old {
                        Some(old) => drop(old.persist(&path)),
                        None => drop(std::fs::remove_file(&path)),
                    }
                }
                return Err(Problem::io(format!("{}: cannot be written", path.display()), error.error));
            }
            if !stood || old.is_some() {
                taken.push((path, old));
            }
        }
        unfinished.retain(|path| !own.contains(path));
        Ok(())
    }
}

/// The format of an output, once it and its manifest may be written.
///
/// # Errors
/// One of them may not be written, or is in a format that is only read.
pub fn check_output(
    path: &Path,
    manifest: &Path,
    inputs: &[&Path],
    outputs: &Outputs,
) -> Result<(Format, Compression)> {
    outputs.check(path, inputs)?;
    let (format, compression) = format_of_path(path).map_err(|error| {
        Problem::from(error).hint("an output is .csv .tsv .parquet .arrow .npy or .npz, also with .gz or .zst")
    })?;
    if format == Format::Xlsx {
        return Err(Problem::new(format!("{}: leanset reads workbooks and does not write them", path.display()))
            .hint("write .csv or .parquet"));
    }
    if same_place(path, manifest) {
        return Err(
            Problem::new(format!("{}: is both output and manifest", path.display())).hint("give them two names")
        );
    }
    outputs.check(manifest, inputs)?;
    Ok((format, compression))
}

/// The manifest's name beside an output.
pub fn manifest_beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".manifest.json");
    name.into()
}

/// Whether two names mean one file, there or not.
pub fn same_place(a: &Path, b: &Path) -> bool {
    let folder = |path: &Path| folder_of(path).canonicalize().ok();
    a == b || (a.file_name() == b.file_name() && folder(a).is_some() && folder(a) == folder(b))
}
