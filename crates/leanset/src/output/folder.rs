//! A folder that appears whole or not at all.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use leanset_images::Content;
use leanset_problem::{Problem, Result, Warning, setting, text};
use leanset_spec::manifest::images::WrittenRecord;

use super::commit::{FolderLock, Intent, Mended, Replacing, inode, lock, mend, put_away_known};
use super::folder_of;
use super::interrupt::{unfinished, wait_if_interrupted};
use super::links::Ways;
use super::name::{REPLACED, UNFINISHED, new_name};
use super::point::point;
use super::put::put;
use super::standing::{Foreign, Standing};
use super::sync;
use super::temporary::TemporaryFolder;
use crate::context::Reporter;

/// A folder that appears by rename, with all that is in it.
pub struct Folder {
    target: PathBuf,
    given: PathBuf,
    force: bool,
    /// Everything in the folder that it replaces, which an earlier reduction wrote.
    standing: Option<Standing>,
    staged: Option<TemporaryFolder>,
    written: Vec<WrittenRecord>,
}

impl Folder {
    /// A folder to be, under a name that can be one: before the work. Whether it may be is asked by [`Folder::check`].
    ///
    /// # Errors
    /// It is no name of a folder.
    pub fn new(path: &Path, force: bool) -> Result<Self> {
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
        if target.symlink_metadata().is_ok() && (target.is_symlink() || !target.is_dir()) {
            return Err(Problem::new(format!("{name}: exists and is not a folder")).hint("name a new folder"));
        }
        Ok(Self { target, given: path.to_owned(), force, standing: None, staged: None, written: Vec::new() })
    }

    /// Whether the folder may appear: no file that the command reads leads into what stands there, and what stands there is
    /// nothing, or an empty folder, or with `force` one in which all is as an earlier reduction wrote it.
    ///
    /// # Errors
    /// It may not.
    pub fn check<'a>(&mut self, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
        self.standing = None;
        if self.target.symlink_metadata().is_err() {
            return Ok(());
        }
        let name = self.given.display();
        let mut ways = Ways::into(&self.target).map_err(|e| Problem::io(format!("{name}: cannot be opened"), e))?;
        if let Some(input) = inputs.into_iter().find(|input| ways.leads(input)) {
            let input = input.display();
            return Err(Problem::new(format!(
                "{name}: this command reads {input}, which is in this folder or leads through it, and the folder is never \
                 replaced"
            ))
            .hint("name another folder"));
        }
        let empty = std::fs::read_dir(&self.target).is_ok_and(|mut entries| entries.next().is_none());
        if empty {
            return Ok(());
        }
        if !self.force {
            return Err(Problem::new(format!("{name}: exists"))
                .hint(text!["name another folder, or replace it with ", &setting::FORCE]));
        }
        self.standing = Some(Standing::read(&self.target).map_err(|foreign| self.refused(&foreign))?);
        Ok(())
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
        wait_if_interrupted();
        Problem::io(format!("{}: cannot be written", self.given.display()), error)
    }

    fn refused(&self, foreign: &Foreign) -> Problem {
        let name = self.given.display();
        let problem = match foreign {
            Foreign::NoManifest => {
                Problem::new(format!("{name}: holds files that are not of an earlier reduction, and is never replaced"))
            }
            Foreign::Added(path) => Problem::new(format!(
                "{name}: holds {}, which is not of an earlier reduction, and is never replaced",
                path.display()
            )),
            Foreign::Changed(path) => {
                Problem::new(format!("{name}: {} is not as leanset wrote it, and is never replaced", path.display()))
            }
        };
        problem.hint("name another folder")
    }

    /// Makes the place where it is staged. What runs that were killed left beside it is mended.
    ///
    /// # Errors
    /// If nothing can be made there.
    pub fn begin(&mut self, reporter: &dyn Reporter) -> Result<()> {
        let above = folder_of(&self.target).to_owned();
        let mended = mend(&above)?;
        if mended.iter().any(|mended| mended.outputs.contains(&self.target)) {
            self.check([])?;
        }
        mended.iter().for_each(|Mended { warning, .. }| reporter.warn(warning));
        let staged = TemporaryFolder::new(&above, || new_name(UNFINISHED)).map_err(|e| self.failed(e))?;
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
        point("put");
        let link = match content {
            Content::Link(to) if cfg!(unix) => Some(to.clone()),
            _ => None,
        };
        self.written.push(WrittenRecord { path: path.to_owned(), sha256, link });
        Ok(())
    }

    /// Makes it appear. What stood there goes with the same step, and is removed only if it is still what it was at first; if
    /// not, it stays, and this folder does not appear. If the process is killed meanwhile, the next that writes beside it
    /// finishes it.
    ///
    /// # Errors
    /// If it cannot take its place.
    pub fn commit(mut self, reporter: &dyn Reporter) -> Result<()> {
        let Some(mut staged) = self.staged.take() else {
            return Err(Problem::internal("no folder is begun"));
        };
        sync::tree(staged.path()).map_err(|e| self.failed(e))?;
        let above = folder_of(&self.target).to_owned();
        // Where nothing is replaced, a single rename is one act by itself.
        let (mut unfinished, mut locks) = if self.standing.is_some() {
            let locked = lock(&BTreeSet::from([above.clone()]))?;
            locked.mended.iter().for_each(|Mended { warning, .. }| reporter.warn(warning));
            (locked.unfinished, locked.folders)
        } else {
            (unfinished(), Vec::new())
        };
        point("checking");
        match (&self.standing, locks.first_mut()) {
            (Some(standing), Some(lock)) => {
                standing.unchanged(&self.target).map_err(|foreign| self.changed(&foreign))?;
                let exchanged = self.exchange(&mut staged, standing, lock);
                if staged.is_kept() {
                    // What has its name now is what stood here before: not even an interrupt removes that.
                    unfinished.retain(|path| path != staged.path());
                }
                if let Some(place) = exchanged? {
                    let message = format!(
                        "{}: what it replaced could not be removed, and is in {}",
                        self.given.display(),
                        place.display()
                    );
                    reporter.warn(&Warning::new("old-folder-stays", message));
                }
            }
            _ => {
                #[cfg(not(unix))]
                let _ = std::fs::remove_dir(&self.target);
                point("renaming");
                std::fs::rename(staged.path(), &self.target).map_err(|error| match error.kind() {
                    // An empty folder gives way; whatever else is there now was not there before.
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                        Problem::new(format!("{}: has appeared since this command began", self.given.display()))
                            .hint("name another folder")
                            .caused_by(error)
                    }
                    _ => Problem::io(format!("{}: cannot be written", self.given.display()), error),
                })?;
            }
        }
        point("renamed");
        // It is no longer where it was staged, and nothing is to be removed there.
        staged.keep();
        unfinished.retain(|path| path != staged.path());
        sync::names(&above)
            .map_err(|error| Problem::io(format!("{}: cannot be written", self.given.display()), error))?;
        drop((locks, unfinished));
        point("committed");
        Ok(())
    }

    fn changed(&self, foreign: &Foreign) -> Problem {
        let name = self.given.display();
        let what = match foreign {
            Foreign::Added(path) => format!("{name}: {} has appeared in it", path.display()),
            Foreign::Changed(path) if !path.as_os_str().is_empty() => format!("{name}: {} has changed", path.display()),
            _ => format!("{name}: has changed"),
        };
        Problem::new(format!("{what} since this command began, so it is not replaced")).hint("name another folder")
    }

    /// Takes the place of the folder that stands there, and removes that; where it is, if it cannot be removed.
    /// Whatever goes wrong, the staged folder is kept from the moment at which its name may be that of the other.
    fn exchange(
        &self,
        new: &mut TemporaryFolder,
        standing: &Standing,
        lock: &mut FolderLock,
    ) -> Result<Option<PathBuf>> {
        let failed = |error| Problem::io(format!("{}: cannot be written", self.given.display()), error);
        let staged = &new.path().to_owned();
        let text = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        // Locked as well, so that no other run takes it for left behind when it has the name of what is staged.
        #[cfg(unix)]
        let _lives = File::open(&self.target).inspect(|folder| drop(folder.try_lock()));
        let aside = folder_of(&self.target).join(new_name(REPLACED));
        let swaps = can_swap();
        if let (Some(staged_name), Some(name)) = (text(staged), text(&self.target)) {
            let aside = if swaps { None } else { text(&aside) };
            let intent = Intent::Folder(Replacing { staged: staged_name, name, aside, inode: inode(staged) });
            intend(lock, &intent).map_err(failed)?;
            point("intended");
        }
        let (old, back): (&Path, Box<dyn Fn() -> io::Result<()> + '_>) = match swap(staged, &self.target) {
            Ok(()) => {
                new.keep();
                (staged, Box::new(|| swap(staged, &self.target)))
            }
            Err(_) => {
                if let (true, Some(staged_name), Some(name)) = (swaps, text(staged), text(&self.target)) {
                    let (aside, inode) = (text(&aside), inode(staged));
                    let intent = Intent::Folder(Replacing { staged: staged_name, name, aside, inode });
                    intend(lock, &intent).map_err(failed)?;
                }
                std::fs::rename(&self.target, &aside).map_err(|error| {
                    lock.settled();
                    failed(error)
                })?;
                point("aside");
                (&aside, Box::new(|| std::fs::rename(&aside, &self.target)))
            }
        };
        point("exchanged");
        let swapped = old == staged;
        // Under a name that nobody else knows, it is now out of reach of whoever writes to the folder by its name.
        let result = match standing.unchanged(old) {
            Err(foreign) => Err(self.changed(&foreign)),
            Ok(()) if swapped => Ok(()),
            Ok(()) => std::fs::rename(staged, &self.target).map_err(failed),
        };
        if let Err(problem) = result {
            if back().is_ok() {
                new.let_go();
                lock.settled();
            }
            return Err(problem);
        }
        new.keep();
        sync::names(folder_of(&self.target)).map_err(failed)?;
        point("removing");
        let stays = put_away_known(old, &self.target, standing).map_err(failed)?;
        point("removed-all");
        lock.settled();
        Ok(stays)
    }
}

/// Writes down what is about to be done, for good.
fn intend(lock: &mut FolderLock, intent: &Intent) -> io::Result<()> {
    lock.intend(intent)?;
    let lasts = sync::all(&lock.lasting()).map_err(|(_, error)| error);
    if lasts.is_err() {
        lock.settled();
    }
    lasts
}

/// Whether two folders can be exchanged in one step.
fn can_swap() -> bool {
    cfg!(all(target_os = "linux", target_env = "gnu"))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn swap(a: &Path, b: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    Ok(renameat2(AT_FDCWD, a, AT_FDCWD, b, RenameFlags::RENAME_EXCHANGE)?)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn swap(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
