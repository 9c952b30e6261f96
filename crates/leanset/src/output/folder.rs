//! A folder that appears whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use leanset_images::Content;
use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::manifest::images::WrittenRecord;
use tempfile::TempDir;

use super::folder_of;
use super::hash::{Hashing, sha256_of};
use super::interrupt::unfinished;

/// A folder that appears by rename, with all that is in it.
pub struct Folder {
    target: PathBuf,
    given: PathBuf,
    /// Whether something stands there that may be replaced.
    stands: bool,
    staged: Option<TempDir>,
    written: Vec<WrittenRecord>,
}

impl Folder {
    /// A folder to be, if it may be: before the work. What stands there is replaced if it is empty, or with `force` if all of
    /// it is `ours`.
    ///
    /// # Errors
    /// It may not be.
    pub fn new(path: &Path, force: bool, ours: impl Fn(&Path) -> bool) -> Result<Self> {
        let name = path.display();
        let target = std::path::absolute(path).map(|p| p.components().collect::<PathBuf>()).map_err(|e| {
            Problem::io("the output cannot be named", e).hint(text!["name a folder: ", setting::OUTPUT.to("FOLDER")])
        })?;
        let above = folder_of(&target);
        if !above.is_dir() {
            let above = above.display();
            return Err(Problem::new(format!("{name}: there is no folder {above}")).hint(format!("mkdir -p {above}")));
        }
        // Links above are followed once, so that what is written names the place itself.
        let target = match (above.canonicalize(), target.file_name()) {
            (Ok(above), Some(last)) => above.join(last),
            _ => return Err(Problem::new(format!("{name}: is not a valid folder name")).hint("name a new folder")),
        };
        let stands = target.symlink_metadata().is_ok();
        if stands {
            if target.is_symlink() || !target.is_dir() {
                return Err(Problem::new(format!("{name}: exists and is not a folder")).hint("name a new folder"));
            }
            let empty = std::fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_none());
            if !empty && !force {
                return Err(Problem::new(format!("{name}: exists"))
                    .hint(text!["name another folder, or replace it with ", &setting::FORCE]));
            }
            if !empty && !ours(&target) {
                return Err(Problem::new(format!(
                    "{name}: holds files that are not of an earlier reduction, and is never replaced"
                ))
                .hint("name another folder"));
            }
        }
        Ok(Self { target, given: path.to_owned(), stands, staged: None, written: Vec::new() })
    }

    /// Where it will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Whether it is this folder or in it.
    pub fn is_in(&self, folder: &Path) -> bool {
        folder.canonicalize().is_ok_and(|folder| self.target.starts_with(folder))
    }

    /// What has been written, in order of its paths.
    pub fn written(&self) -> &[WrittenRecord] {
        &self.written
    }

    fn failed(&self, error: io::Error) -> Problem {
        Problem::io(format!("{}: cannot be written", self.given.display()), error)
    }

    /// Makes the place where it is staged.
    ///
    /// # Errors
    /// If nothing can be made there.
    pub fn begin(&mut self) -> Result<()> {
        let mut unfinished = unfinished();
        let mut builder = tempfile::Builder::new();
        builder.prefix(".leanset-").suffix(".unfinished");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let staged = builder.tempdir_in(folder_of(&self.target)).map_err(|e| self.failed(e))?;
        unfinished.push(staged.path().to_owned());
        self.staged = Some(staged);
        Ok(())
    }

    /// Stages a file at this path below it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, path: &Path, content: &Content) -> Result<()> {
        let Some(staged) = &self.staged else {
            return Err(Problem::internal("no folder is begun"));
        };
        let sha256 = put(staged.path(), path, content, |e| self.failed(e))?;
        self.written.push(WrittenRecord { path: path.to_owned(), sha256 });
        Ok(())
    }

    /// Makes it appear. What stood there is put back if it cannot.
    ///
    /// # Errors
    /// If it cannot take its place.
    pub fn commit(self) -> Result<()> {
        let mut unfinished = unfinished();
        let failed = |error: io::Error| Problem::io(format!("{}: cannot be written", self.given.display()), error);
        let Some(staged) = self.staged else {
            return Err(Problem::internal("no folder is begun"));
        };
        let old = if self.stands {
            let old = tempfile::Builder::new()
                .prefix(".leanset-")
                .suffix(".replaced")
                .tempdir_in(folder_of(&self.target))
                .map_err(&failed)?;
            std::fs::rename(&self.target, old.path().join("old")).map_err(&failed)?;
            Some(old)
        } else {
            None
        };
        if let Err(error) = std::fs::rename(staged.path(), &self.target) {
            if let Some(old) = old {
                let _ = std::fs::rename(old.path().join("old"), &self.target);
            }
            return Err(failed(error));
        }
        let own = staged.path().to_owned();
        // It is no longer where it was staged, and nothing is to be removed there.
        let _ = staged.keep();
        unfinished.retain(|path| *path != own);
        Ok(())
    }
}

/// Writes what is at this path below a folder, and returns its SHA-256 unless it is a link.
pub(super) fn put(
    folder: &Path,
    path: &Path,
    content: &Content,
    failed: impl Fn(io::Error) -> Problem,
) -> Result<Option<String>> {
    let place = folder.join(path);
    std::fs::create_dir_all(folder_of(&place)).map_err(&failed)?;
    match content {
        Content::Text(text) => {
            let mut file = File::create_new(&place).map_err(&failed)?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(&failed)?;
            Ok(Some(sha256_of(text.as_bytes())))
        }
        Content::Copy(from) => {
            let mut source =
                File::open(from).map_err(|e| Problem::io(format!("{}: cannot be read", from.display()), e))?;
            let mut file = Hashing::new(File::create_new(&place).map_err(&failed)?);
            io::copy(&mut source, &mut file).map_err(&failed)?;
            Ok(Some(file.finish().map_err(&failed)?.0))
        }
        Content::Link(to) => {
            link(to, &place).map_err(&failed)?;
            Ok(None)
        }
    }
}

#[cfg(unix)]
fn link(to: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, place)
}

#[cfg(not(unix))]
fn link(to: &Path, place: &Path) -> io::Result<()> {
    std::fs::hard_link(to, place)
}
