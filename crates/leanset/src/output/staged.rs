//! Files that are written whole or not at all.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use leanset_problem::{Problem, Result, setting, text};
use leanset_tables::{Compression, Format, format_of_path};
use tempfile::NamedTempFile;

use super::commit::{FolderLock, Intent, Mended, Placing, left_unfinished, lock, mend, stamp};
use super::folder_of;
use super::hash::Hashing;
use super::links::followed;
use super::name::{REPLACED, new_name};
use super::point::point;
use super::sync::{self, Lasting};
use super::temporary;
use crate::context::Reporter;

/// The outputs of one command.
pub struct Outputs<'a> {
    force: bool,
    reporter: Option<&'a dyn Reporter>,
    staged: Vec<Staged>,
    /// Folders in which what runs that were killed left has been mended, and the outputs that it was about.
    mended: HashMap<PathBuf, Vec<PathBuf>>,
}

struct Staged {
    file: NamedTempFile,
    /// Where it will be, without links.
    target: PathBuf,
    /// As it was named.
    given: PathBuf,
    sha256: String,
}

/// What stood in a place that was taken, and its second name.
struct Taken {
    target: PathBuf,
    kept: Option<PathBuf>,
}

impl<'a> Outputs<'a> {
    /// None yet; with `force`, files that exist are replaced.
    pub fn new(force: bool) -> Self {
        Self { force, reporter: None, staged: Vec::new(), mended: HashMap::new() }
    }

    /// With this reporter, who hears of what runs that were killed left.
    #[must_use]
    pub fn reporting(self, reporter: &'a dyn Reporter) -> Self {
        Self { reporter: Some(reporter), ..self }
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
        let target = followed(path).map_err(|error| {
            let leads = std::fs::read_link(path).map_or_else(|_| String::new(), |to| format!(" to {}", to.display()));
            Problem::io(format!("{name}: is a link{leads}, where no file can be"), error)
                .hint("remove the link, or name another file")
        })?;
        for input in inputs {
            if input.canonicalize().is_ok_and(|input| input == target) {
                return Err(Problem::new(format!("{name}: is an input of this command, and is never overwritten"))
                    .hint("write to another file"));
            }
        }
        // A link to nowhere is written through, as one to a file is.
        let stands = target.symlink_metadata().is_ok();
        if stands && !self.force && !left_unfinished(folder_of(&target)).contains(&target) {
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
        let failed = |error: io::Error| {
            // What an interrupt has removed is not a failure.
            super::wait_if_interrupted();
            Problem::io(format!("{}: cannot be written", path.display()), error)
        };
        // A link keeps pointing where it points, and a file keeps its mode.
        let target = followed(path).map_err(failed)?;
        self.mend(folder_of(&target))?;
        let file = temporary::file_in(folder_of(&target)).map_err(failed)?;
        let mut writer = Hashing::new(BufWriter::with_capacity(1 << 16, Pointed(file.as_file())));
        let result = write(&mut writer);
        // The system's own word is the better one: a full disk, rather than what a format library makes of it.
        if let Some(error) = writer.failed.take() {
            return Err(failed(error));
        }
        result?;
        let (sha256, bytes) = writer.finish().map_err(failed)?;
        if let Ok(standing) = target.metadata() {
            file.as_file().set_permissions(standing.permissions()).map_err(failed)?;
        }
        point("staged");
        self.staged.push(Staged { file, target, given: path.to_owned(), sha256: sha256.clone() });
        Ok((sha256, bytes))
    }

    /// Mends what runs that were killed left in a folder: once, before anything is written there.
    fn mend(&mut self, folder: &Path) -> Result<()> {
        if !self.mended.contains_key(folder) {
            let mended = mend(folder)?;
            self.mended.insert(folder.to_owned(), Vec::new());
            self.heard(mended);
        }
        Ok(())
    }

    fn heard(&mut self, mended: Vec<Mended>) {
        for mended in mended {
            self.reporter.inspect(|reporter| reporter.warn(&mended.warning));
            for output in mended.outputs {
                self.mended.entry(folder_of(&output).to_owned()).or_default().push(output);
            }
        }
    }

    /// Makes all staged files appear, or none: what stood in a place that cannot be taken, and in those taken before it,
    /// is put back. The last staged, a manifest, appears first, so that whoever sees an output finds its manifest. If the
    /// process is killed meanwhile, the next that writes to the folder finishes it.
    ///
    /// # Errors
    /// If one of them cannot take its place.
    pub fn commit(mut self) -> Result<()> {
        let folders: BTreeSet<PathBuf> = self.staged.iter().map(|s| folder_of(&s.target).to_owned()).collect();
        // A single rename is one act by itself.
        let several = self.staged.len() > 1;
        let (mut unfinished, mut locks) = if several {
            let locked = lock(&folders)?;
            self.heard(locked.mended);
            (locked.unfinished, locked.folders)
        } else {
            (super::interrupt::unfinished(), Vec::new())
        };
        let own: Vec<PathBuf> = self.staged.iter().map(|staged| staged.file.path().to_owned()).collect();
        let again = self.may_repeat();
        let placings: Vec<(PathBuf, Placing)> = match several {
            true => self.staged.iter().filter_map(|staged| placing(staged, self.force || again)).collect(),
            false => Vec::new(),
        };
        let given: Vec<PathBuf> = self.staged.iter().map(|staged| staged.given.clone()).collect();
        let failed = |place: &Path, error| Problem::io(format!("{}: cannot be written", place.display()), error);
        for (lock, folder) in locks.iter_mut().zip(&folders) {
            let files: Vec<Placing> =
                placings.iter().filter(|(place, _)| place == folder).map(|(_, placing)| placing.clone()).collect();
            lock.intend(&Intent::Files(files)).map_err(|error| {
                lock.settled();
                failed(given.last().map_or(folder.as_path(), PathBuf::as_path), error)
            })?;
        }
        // What is staged lasts, and what is about to be done with it, before it is done.
        let files = self.staged.iter().map(|s| -> Lasting<'_> { Box::new(|| s.file.as_file().sync_all()) });
        let lasting: Vec<_> = files.chain(locks.iter().flat_map(FolderLock::lasting)).collect();
        if let Err((place, error)) = sync::all(&lasting) {
            drop(lasting);
            locks.iter_mut().for_each(FolderLock::settled);
            return Err(failed(given.get(place).or(given.last()).map_or(Path::new(""), PathBuf::as_path), error));
        }
        drop(lasting);
        point("intended");
        let kept_name = |target: &Path| {
            placings.iter().find(|(folder, placing)| folder.join(&placing.name) == *target).and_then(
                |(folder, placing)| {
                    let kept = folder.join(placing.kept.as_ref()?);
                    // A second name for what is there; where the disk has no links, the rename alone has to do.
                    std::fs::hard_link(target, &kept).ok().map(|()| kept)
                },
            )
        };
        let mut taken: Vec<Taken> = Vec::new();
        let mut problem = None;
        for Staged { file, target, given, .. } in self.staged.into_iter().rev() {
            let replaces = self.force || (again && target.exists());
            let stood = target.exists();
            let kept = kept_name(&target);
            point("renaming");
            let result = if replaces { file.persist(&target) } else { file.persist_noclobber(&target) };
            match result {
                Ok(_) => {
                    point("renamed");
                    if !stood || kept.is_some() {
                        taken.push(Taken { target, kept });
                    }
                }
                Err(error) => {
                    problem = Some(match error.error.kind() {
                        io::ErrorKind::AlreadyExists => Problem::new(format!("{}: exists", given.display()))
                            .hint(text!["choose another name, or replace it with ", &setting::FORCE])
                            .caused_by(error.error),
                        _ => failed(&given, error.error),
                    });
                    taken.extend(kept.map(|kept| Taken { target, kept: Some(kept) }));
                    break;
                }
            }
        }
        let undone = problem.is_some();
        for Taken { target, kept } in taken.into_iter().rev() {
            let _ = match (undone, kept) {
                (true, Some(kept)) => std::fs::rename(kept, &target),
                (true, None) => std::fs::remove_file(&target),
                (false, Some(kept)) => std::fs::remove_file(kept),
                (false, None) => Ok(()),
            };
        }
        if !undone {
            for folder in &folders {
                if let Err(error) = sync::names(folder) {
                    problem = problem.or_else(|| Some(failed(given.first().map_or(folder, |given| given), error)));
                }
            }
            point("synced");
        }
        locks.iter_mut().for_each(FolderLock::settled);
        drop(locks);
        point("committed");
        unfinished.retain(|path| !own.contains(path));
        problem.map_or(Ok(()), Err)
    }

    /// Whether files that exist may be replaced without being asked to, because they are what a run that was killed had not
    /// finished, and this one comes to the same.
    fn may_repeat(&self) -> bool {
        let unfinished = |staged: &Staged| self.mended.values().flatten().any(|output| *output == staged.target);
        let same = |staged: &Staged| super::sha256(&staged.target).is_ok_and(|(found, _)| found == staged.sha256);
        let stand = || self.staged.iter().filter(|staged| staged.target.exists());
        !self.force && stand().all(unfinished) && stand().any(same)
    }
}

/// What is about to be done with a file, and in which folder; nothing if its name is no text.
fn placing(staged: &Staged, replaces: bool) -> Option<(PathBuf, Placing)> {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let stood = if replaces { stamp(&staged.target) } else { None };
    let placing = Placing {
        staged: name(staged.file.path())?,
        name: name(&staged.target)?,
        kept: stood.is_some().then(|| new_name(REPLACED)),
        stood,
        sha256: staged.sha256.clone(),
    };
    Some((folder_of(&staged.target).to_owned(), placing))
}

/// Every write is a point.
struct Pointed<W>(W);

impl<W: Write> Write for Pointed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        point("writing");
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The format of a table that is written, once it may be.
///
/// # Errors
/// It may not be written, or is in a format that is only read.
pub fn check_table_output(path: &Path, inputs: &[&Path], outputs: &Outputs<'_>) -> Result<(Format, Compression)> {
    outputs.check(path, inputs)?;
    let (format, compression) = format_of_path(path).map_err(|error| {
        Problem::from(error).hint("an output is .csv .tsv .jsonl .parquet .arrow .npy or .npz, also with .gz or .zst")
    })?;
    if format == Format::Xlsx {
        return Err(Problem::new(format!("{}: leanset reads workbooks and does not write them", path.display()))
            .hint("write .csv or .parquet"));
    }
    Ok((format, compression))
}

/// The format of an output, once it and its manifest may be written.
///
/// # Errors
/// One of them may not be written, or is in a format that is only read.
pub fn check_output(
    path: &Path,
    manifest: &Path,
    inputs: &[&Path],
    outputs: &Outputs<'_>,
) -> Result<(Format, Compression)> {
    let (format, compression) = check_table_output(path, inputs, outputs)?;
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
    a == b || matches!((followed(a), followed(b)), (Ok(a), Ok(b)) if a == b)
}
