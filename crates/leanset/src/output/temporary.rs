//! Temporary files and folders beside outputs: named so that they are known to be ours, locked while their process lives,
//! and removed by a later run if it was killed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::{NamedTempFile, TempPath};

use super::interrupt::{forget, unfinished};
use super::name::{PREFIX, UNFINISHED, is_ours, new_name};
use super::point::point;

/// Age at which a file of another start of the system is removed: locks there say nothing here.
const OLD: Duration = Duration::from_secs(24 * 3600);

/// Holds the lock that says that this process lives; nothing where the system has no locks.
fn locked(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        // A later run that looks at this very moment takes the file for left behind.
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => return false,
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => {}
        }
        same_file(file, path)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

/// Whether an open file is still the one with this name.
#[cfg(unix)]
pub(super) fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |m: &std::fs::Metadata| (m.dev(), m.ino());
    matches!((file.metadata(), path.symlink_metadata()), (Ok(open), Ok(named)) if id(&open) == id(&named))
}

/// A temporary file in a folder, removed when dropped, when interrupted, or by a later run if this one is killed.
pub(super) fn file_in(folder: &Path) -> io::Result<NamedTempFile> {
    // Created under the lock, so that no interrupt comes between its creation and its entry.
    let mut unfinished = unfinished();
    loop {
        let path = folder.join(new_name(UNFINISHED));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        point("created");
        if locked(&file, &path) {
            let file = NamedTempFile::from_parts(file, TempPath::try_from_path(path)?);
            unfinished.push(file.path().to_owned());
            return Ok(file);
        }
    }
}

/// A temporary folder, removed when dropped, when interrupted, or by a later run if this one is killed.
pub(super) struct TemporaryFolder {
    path: PathBuf,
    /// Says that this process lives.
    _lock: Option<File>,
    keep: bool,
}

impl TemporaryFolder {
    /// In this folder, under a name that this makes.
    pub(super) fn new(folder: &Path, name: impl Fn() -> String) -> io::Result<Self> {
        let mut unfinished = unfinished();
        loop {
            let path = folder.join(name());
            std::fs::create_dir(&path)?;
            point("created");
            let lock = if cfg!(unix) { Some(File::open(&path)?) } else { None };
            if lock.as_ref().is_none_or(|lock| locked(lock, &path)) {
                unfinished.push(path.clone());
                return Ok(Self { path, _lock: lock, keep: false });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It is not removed any more: it has got its place, or stays where it is.
    pub(super) fn keep(&mut self) {
        self.keep = true;
    }

    pub(super) fn is_kept(&self) -> bool {
        self.keep
    }

    /// It is removed after all.
    pub(super) fn let_go(&mut self) {
        self.keep = false;
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
            forget(&self.path);
        }
    }
}

/// Whether something with a name of ours was left behind by a process that is dead.
fn left_behind(path: &Path, same_start: bool, least_age: Duration) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let Ok(metadata) = path.symlink_metadata() else { return false };
        if metadata.is_symlink() || metadata.uid() != nix::unistd::geteuid().as_raw() {
            return false;
        }
        let age = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
        if age < least_age || (!same_start && age < OLD) {
            return false;
        }
        // Free locks are of the dead; a lock is given back at the end of this.
        File::open(path).is_ok_and(|file| file.try_lock().is_ok())
    }
    #[cfg(not(unix))]
    {
        let _ = (path, same_start, least_age, SystemTime::now(), OLD);
        false
    }
}

/// Whether there is anything in a folder that begins like a name of ours.
pub(super) fn any_in(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|e| e.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())))
    })
}

/// Removes what runs that were killed left in a folder. Whoever calls holds the lock of the folder, so that nothing with such
/// a name is something that stood there before.
pub(super) fn sweep(folder: &Path) {
    sweep_names(folder, Duration::ZERO, |name| is_ours(name, UNFINISHED));
}

/// Removes folders that runs that were killed left for temporary files, once they are old: commands that such a run had
/// started may still use them.
pub(super) fn sweep_work(folder: &Path, prefix: &str) {
    sweep_names(folder, OLD, |name| {
        is_ours(&format!("{PREFIX}{}.{UNFINISHED}", name.strip_prefix(prefix)?), UNFINISHED)
    });
}

fn sweep_names(folder: &Path, least_age: Duration, ours: impl Fn(&str) -> Option<bool>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(same_start) = name.to_str().and_then(&ours) else { continue };
        let path = entry.path();
        if left_behind(&path, same_start, least_age) {
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(&path),
                _ => std::fs::remove_file(&path),
            };
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::name::{REPLACED, of_another_start, work_name};
    use super::*;

    #[test]
    fn sweeping_removes_what_the_dead_left_and_nothing_else() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        let (dead, dead_folder) = (new_name(UNFINISHED), new_name(UNFINISHED));
        let other_start = of_another_start();
        let stay = [new_name(REPLACED), ".leanset-mine.unfinished".into(), "mine.unfinished".into(), other_start];
        for name in stay.iter().chain([&dead]) {
            std::fs::write(at(name), "x").expect("written");
        }
        std::fs::create_dir_all(at(&dead_folder).join("images")).expect("folders");
        let link = new_name(UNFINISHED);
        std::os::unix::fs::symlink("mine.unfinished", at(&link)).expect("a link");
        let living = file_in(place.path()).expect("a file");
        let living_folder = TemporaryFolder::new(place.path(), || new_name(UNFINISHED)).expect("a folder");
        assert!(any_in(place.path()));
        sweep(place.path());
        assert!(!at(&dead).exists() && !at(&dead_folder).exists());
        assert!(living.path().exists() && living_folder.path().exists());
        assert!(at(&link).is_symlink());
        for name in stay {
            assert!(at(&name).exists(), "{name}");
        }
        let (file, folder) = (living.path().to_owned(), living_folder.path().to_owned());
        drop((living, living_folder));
        assert!(!file.exists() && !folder.exists());
    }

    #[test]
    fn work_folders_are_left_until_they_are_old() {
        let place = tempfile::tempdir().expect("a folder");
        let (young, old) = (work_name("leanset-run-"), work_name("leanset-run-"));
        for name in [&young, &old] {
            std::fs::create_dir(place.path().join(name)).expect("a folder");
        }
        let yesterday = SystemTime::now() - OLD - Duration::from_secs(60);
        let folder = File::open(place.path().join(&old)).expect("a folder");
        folder.set_modified(yesterday).expect("set");
        drop(folder);
        sweep_work(place.path(), "leanset-run-");
        assert!(place.path().join(young).exists() && !place.path().join(old).exists());
    }
}
