//! What stands in a folder that an earlier reduction wrote: whether all of it is that reduction's, and how it is removed.
//!
//! Nothing is taken on trust. The manifest of the folder has a hash of itself and one of every file, so a file that somebody
//! added or changed is found, and so is a manifest that was written for something else.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use leanset_spec::manifest::images::{FILE, WrittenRecord, files_of};

use super::folder_of;
use super::hash::{sha256, sha256_of};
use super::point::point;

/// The last key of what is measured, in a sealed manifest: it depends on the moment, as all of that does.
const SEAL: &str = ",\n    \"sha256\": \"";
/// The end of a manifest, whose last key is `measured`.
const END: &str = "\n  }\n}\n";

/// A manifest with a hash of itself as the last key of `measured`.
pub fn sealed(text: &str) -> String {
    match text.strip_suffix(END) {
        Some(body) => format!("{body}{SEAL}{}\"{END}", sha256_of(text.as_bytes())),
        None => text.to_owned(),
    }
}

/// Whether a manifest is as [`sealed`] made it.
fn is_sealed(text: &str) -> bool {
    let Some((body, seal)) = text.rsplit_once(SEAL) else { return false };
    sealed(&format!("{body}{END}")) == format!("{body}{SEAL}{seal}")
}

/// Why a folder is not one that an earlier reduction wrote; paths are below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It has no manifest of leanset's.
    NoManifest,
    /// This is not of that reduction.
    Added(PathBuf),
    /// This is not as it was written.
    Changed(PathBuf),
}

/// What a file is without its content: if none of it has changed, the content has not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Inode, and the time of the last change of any kind, which no program can set.
    system: Option<(u64, i64, i64)>,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.symlink_metadata()?;
        #[cfg(unix)]
        let system = {
            use std::os::unix::fs::MetadataExt as _;
            Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let system = None;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok(), system })
    }
}

/// Everything in a folder that an earlier reduction wrote, by path below it.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    files: BTreeMap<PathBuf, Identity>,
    folders: BTreeSet<PathBuf>,
}

impl Standing {
    /// Reads a folder: all of it has to be of one reduction and as that wrote it. What was taken out of it is not missed.
    pub(super) fn read(folder: &Path) -> Result<Self, Foreign> {
        let text = std::fs::read_to_string(folder.join(FILE)).ok().filter(|text| is_sealed(text));
        let records = text.as_deref().and_then(|text| files_of(FILE, text).ok()).ok_or(Foreign::NoManifest)?;
        let text = text.unwrap_or_default();
        let manifest = WrittenRecord { path: FILE.into(), sha256: Some(sha256_of(text.as_bytes())), link: None };
        let known: BTreeMap<PathBuf, WrittenRecord> =
            records.into_iter().chain([manifest]).map(|record| (record.path.clone(), record)).collect();
        let folders: BTreeSet<&Path> = known.keys().flat_map(|path| path.ancestors().skip(1)).collect();
        let (files, found) = list(folder).map_err(|_| Foreign::NoManifest)?;
        if let Some(added) = found.iter().find(|path| !folders.contains(path.as_path())) {
            return Err(Foreign::Added(added.clone()));
        }
        for (path, before) in &files {
            let record = known.get(path).ok_or_else(|| Foreign::Added(path.clone()))?;
            let place = folder.join(path);
            let same = is_as_written(&place, record) && Identity::of(&place).is_ok_and(|after| after == *before);
            if !same {
                return Err(Foreign::Changed(path.clone()));
            }
        }
        Ok(Self { files, folders: found })
    }

    /// Whether a folder still holds this and nothing else; if not, the first that differs.
    pub(super) fn unchanged(&self, folder: &Path) -> Result<(), Foreign> {
        let (files, folders) = list(folder).map_err(|_| Foreign::Changed(PathBuf::new()))?;
        if let Some(added) = folders.iter().find(|path| !self.folders.contains(*path)) {
            return Err(Foreign::Added(added.clone()));
        }
        for (path, now) in &files {
            match self.files.get(path) {
                None => return Err(Foreign::Added(path.clone())),
                Some(then) if then != now => return Err(Foreign::Changed(path.clone())),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Removes this from where it stands now, and the folder with it; the manifest last, so that what is left after a kill is
    /// known again. Stops at anything else.
    pub(super) fn remove(&self, folder: &Path) -> io::Result<()> {
        let others = self.files.iter().filter(|(path, _)| path.as_path() != Path::new(FILE));
        for (path, then) in others.chain(self.files.get_key_value(Path::new(FILE))) {
            let place = folder.join(path);
            match Identity::of(&place) {
                Ok(now) if now == *then => std::fs::remove_file(&place)?,
                Ok(_) => return Err(io::Error::other(format!("{} has changed", path.display()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            point("removed");
        }
        // The deepest first; one that is not empty is an error.
        self.folders.iter().rev().map(|path| folder.join(path)).chain([folder.to_owned()]).try_for_each(|folder| {
            match std::fs::remove_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
    }
}

/// Files and folders below a folder, by path below it; links are files.
fn list(folder: &Path) -> io::Result<(BTreeMap<PathBuf, Identity>, BTreeSet<PathBuf>)> {
    let (mut files, mut folders, mut open) = (BTreeMap::new(), BTreeSet::new(), vec![PathBuf::new()]);
    while let Some(below) = open.pop() {
        for entry in std::fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.insert(path.clone());
                open.push(path);
            } else {
                let identity = Identity::of(&entry.path())?;
                files.insert(path, identity);
            }
        }
    }
    Ok((files, folders))
}

/// Removes folders that hold nothing but folders; whether it is done.
pub(super) fn remove_if_empty(folder: &Path) -> bool {
    let Ok((files, folders)) = list(folder) else { return false };
    let all = folders.iter().rev().map(|path| folder.join(path)).chain([folder.to_owned()]);
    files.is_empty() && all.into_iter().all(|folder| std::fs::remove_dir(folder).is_ok())
}

/// Whether a file or a link is what its record says.
fn is_as_written(place: &Path, record: &WrittenRecord) -> bool {
    let Ok(metadata) = place.symlink_metadata() else { return false };
    match &record.sha256 {
        Some(expected) => metadata.is_file() && sha256(place).is_ok_and(|(found, _)| found == *expected),
        // Where there are no links of this kind, it is another name of a file that has one.
        None if cfg!(not(unix)) => metadata.is_file(),
        None => match std::fs::read_link(place) {
            Ok(to) => record.link.as_ref().is_some_and(|link| *link == to),
            Err(_) => false,
        },
    }
}

/// A name that is free beside a folder, for what is not removed.
pub(super) fn free_name(target: &Path) -> PathBuf {
    let name = |end: String| {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(end);
        folder_of(target).join(name)
    };
    let names = std::iter::once(".replaced".to_owned()).chain((2..).map(|n| format!(".replaced-{n}"))).map(name);
    names.into_iter().find(|path| path.symlink_metadata().is_err()).unwrap_or_default()
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    /// A folder as a reduction writes it.
    fn written() -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("images/train")).expect("folders");
        fs::write(at("images/train/a.png"), "a").expect("written");
        fs::write(at("train.txt"), "list").expect("written");
        std::os::unix::fs::symlink("/elsewhere/b.png", at("images/train/b.png")).expect("a link");
        let text = format!(
            "{{\n  \"schema\": \"leanset.images/2\",\n  \"files\": [{}],\n  \"measured\": {{\n    \"threads\": 1\n  }}\n}}\n",
            [
                format!(r#"{{"path": "images/train/a.png", "sha256": "{}"}}"#, sha256_of(b"a")),
                r#"{"path": "images/train/b.png", "link": "/elsewhere/b.png"}"#.to_owned(),
                format!(r#"{{"path": "train.txt", "sha256": "{}"}}"#, sha256_of(b"list")),
                format!(r#"{{"path": "gone.txt", "sha256": "{}"}}"#, sha256_of(b"gone")),
            ]
            .join(", ")
        );
        fs::write(at(FILE), sealed(&text)).expect("written");
        place
    }

    #[test]
    fn a_folder_is_known_by_content() {
        let place = written();
        let standing = Standing::read(place.path()).expect("all of it is ours");
        assert_eq!(standing.unchanged(place.path()), Ok(()));
        standing.remove(place.path()).expect("removed");
        assert!(!place.path().exists());

        type Change = fn(&Path);
        let added = |path: &str| Foreign::Added(path.into());
        let changed = |path: &str| Foreign::Changed(path.into());
        let changes: [(Change, Foreign); 9] = [
            (|at| fs::write(at.join("notes.md"), "mine").expect("written"), added("notes.md")),
            (|at| fs::create_dir(at.join("runs")).expect("made"), added("runs")),
            (|at| fs::write(at.join("train.txt"), "shorter").expect("written"), changed("train.txt")),
            (|at| fs::write(at.join("images/train/a.png"), "b").expect("written"), changed("images/train/a.png")),
            (
                |at| {
                    fs::remove_file(at.join("images/train/b.png")).expect("removed");
                    std::os::unix::fs::symlink("/mine", at.join("images/train/b.png")).expect("a link");
                },
                changed("images/train/b.png"),
            ),
            (
                |at| {
                    fs::remove_file(at.join("images/train/b.png")).expect("removed");
                    fs::write(at.join("images/train/b.png"), "an image").expect("written");
                },
                changed("images/train/b.png"),
            ),
            (
                |at| {
                    fs::rename(at.join("train.txt"), at.join("t")).expect("renamed");
                    std::os::unix::fs::symlink("t", at.join("train.txt")).expect("a link");
                    fs::rename(at.join("t"), at.join("images/t")).expect("renamed");
                },
                added("images/t"),
            ),
            (
                |at| {
                    let text = fs::read_to_string(at.join(FILE)).expect("text").replace("list", "liszt");
                    fs::write(at.join(FILE), text.replace("gone.txt", "here.txt")).expect("written");
                },
                Foreign::NoManifest,
            ),
            (|at| fs::remove_file(at.join(FILE)).expect("removed"), Foreign::NoManifest),
        ];
        for (change, expected) in changes {
            let place = written();
            let before = Standing::read(place.path()).expect("all of it is ours");
            change(place.path());
            let found = Standing::read(place.path()).expect_err("something is not ours");
            assert_eq!(found, expected);
            // Also when it happens after the first look.
            assert!(before.unchanged(place.path()).is_err() || expected == Foreign::NoManifest);
        }
    }

    #[test]
    fn removal_stops_at_what_has_changed_since() {
        let place = written();
        let standing = Standing::read(place.path()).expect("all of it is ours");
        fs::write(place.path().join("train.txt"), "mine").expect("written");
        fs::write(place.path().join("images/mine.png"), "mine").expect("written");
        assert!(standing.remove(place.path()).is_err());
        assert_eq!(fs::read_to_string(place.path().join("train.txt")).expect("it is there"), "mine");
        assert_eq!(fs::read_to_string(place.path().join("images/mine.png")).expect("it is there"), "mine");
        assert!(place.path().join(FILE).exists(), "the manifest goes last");
    }

    #[test]
    fn seals_hold_the_whole_text() {
        let text = sealed("{\n  \"a\": 1,\n  \"measured\": {\n    \"threads\": 2\n  }\n}\n");
        assert!(is_sealed(&text) && serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        for other in
            [text.replace("\"a\": 1", "\"a\": 2"), format!("{text}\n"), text.replace("  \"a\"", "\"a\""), "{}\n".into()]
        {
            assert!(!is_sealed(&other), "{other}");
        }
    }
}
