//! Making files and folders last. A sync waits for the disk, and several at once wait once, so they are done side by side.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The most syncs at once.
const THREADS: usize = 16;
/// From so many files on, the whole disk is synced instead.
#[cfg(target_os = "linux")]
const MANY: usize = 256;

/// What is to last.
pub(super) type Lasting<'a> = Box<dyn Fn() -> io::Result<()> + Sync + 'a>;

/// Does all of it; the first that failed, by its place, and why.
pub(super) fn all(items: &[Lasting<'_>]) -> Result<(), (usize, io::Error)> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None::<(usize, io::Error)>));
    let work = || {
        while let Some((place, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, items.get(i)?)))
        {
            if let Err(error) = item() {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(other, _)| place < *other) {
                    *failed = Some((place, error));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..items.len().min(THREADS) {
            // Without another thread, this one does all.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Makes the names in a folder last.
pub(super) fn names(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder is not opened as a file.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Makes a folder last, with all that is in it.
pub(super) fn tree(folder: &Path) -> io::Result<()> {
    let (mut files, mut folders, mut open) = (Vec::new(), Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
        folders.push(next);
    }
    #[cfg(target_os = "linux")]
    if files.len() > MANY {
        return Ok(nix::unistd::syncfs(File::open(folder)?)?);
    }
    let file = |path: &std::path::PathBuf| -> Lasting<'static> {
        let path = path.clone();
        Box::new(move || File::options().append(true).open(&path)?.sync_all())
    };
    let folder = |path: &std::path::PathBuf| -> Lasting<'static> {
        let path = path.clone();
        Box::new(move || names(&path))
    };
    let items: Vec<_> = files.iter().map(file).chain(folders.iter().map(folder)).collect();
    all(&items).map_err(|(_, error)| error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_done_and_the_first_failure_is_told() {
        let done = AtomicUsize::new(0);
        let item = |fails: bool| -> Lasting<'_> {
            let done = &done;
            Box::new(move || {
                done.fetch_add(1, Ordering::Relaxed);
                if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            })
        };
        assert!(all(&[]).is_ok());
        assert!(all(&[item(false), item(false)]).is_ok());
        let items: Vec<_> = (0..100).map(|i| item(i % 40 == 30)).collect();
        let (place, error) = all(&items).expect_err("some fail");
        assert_eq!((place, error.kind()), (30, io::ErrorKind::StorageFull));
        assert_eq!(done.load(Ordering::Relaxed), 102);
    }
}
