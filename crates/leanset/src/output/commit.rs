//! The moment at which outputs take their places. Several renames are one act because what is about to be done is written down
//! first, beside the outputs: the next run finds it after a kill, and finishes what was begun.
//!
//! The file that it is written to is also what writers of a folder wait for, one after the other. Its lock is given back by
//! the system when its process ends, however it ends, so a file without a lock is of a run that was killed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use leanset_problem::{Problem, Result, Warning, list};
use serde_json::{Value, json};

use super::hash::sha256;
use super::interrupt::unfinished;
use super::name::{PREFIX, REPLACED, UNFINISHED, is_ours};
use super::point::point;
use super::standing::{Standing, free_name, remove_if_empty};
use super::sync::{self, Lasting};
use super::temporary::{any_in, sweep};

/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file that is about to take its place. All names are of the same folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placing {
    /// The name that it has.
    pub(super) staged: String,
    /// The name that it gets.
    pub(super) name: String,
    /// A second name of what stands there, if something does.
    pub(super) kept: Option<String>,
    /// What stands there, by its size and time.
    pub(super) stood: Option<String>,
    pub(super) sha256: String,
}

/// A folder that is about to take the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replacing {
    /// The name that it has; where the system exchanges two folders at once, then that of the other.
    pub(super) staged: String,
    /// The name that it gets.
    pub(super) name: String,
    /// The name that the other gets, if the two are not exchanged at once.
    pub(super) aside: Option<String>,
    /// The inode of the new one.
    pub(super) inode: Option<u64>,
}

/// What is about to be done in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Files(Vec<Placing>),
    Folder(Replacing),
}

/// What was done about a run that had been killed.
#[derive(Clone, Debug)]
pub(super) struct Mended {
    /// The outputs that it was about.
    pub(super) outputs: Vec<PathBuf>,
    pub(super) warning: Warning,
}

/// A size and a time of change, as text.
pub(super) fn stamp(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let since = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("{} {}", metadata.len(), since.as_nanos()))
}

/// The inode of a folder, where there are inodes.
pub(super) fn inode(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        path.symlink_metadata().ok().map(|metadata| metadata.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

impl Intent {
    /// As text; nothing if a name is no text.
    fn text(&self) -> String {
        let value = match self {
            Self::Files(files) => {
                let file = |f: &Placing| json!({ "staged": f.staged, "name": f.name, "kept": f.kept, "stood": f.stood, "sha256": f.sha256 });
                json!({ "files": files.iter().map(file).collect::<Vec<_>>() })
            }
            Self::Folder(f) => {
                json!({ "folder": { "staged": f.staged, "name": f.name, "aside": f.aside, "inode": f.inode } })
            }
        };
        value.to_string()
    }

    /// From text that a run wrote; nothing if it did not come to the end of it, or if it names anything but files of this
    /// folder, of which all but the outputs are ours.
    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let plain = |name: &str| Path::new(name).file_name() == Some(name.as_ref());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let name = |value: &Value| text(value).filter(|name| plain(name));
        let ours = |value: &Value, kind| text(value).filter(|name| plain(name) && is_ours(name, kind).is_some());
        if let Some(files) = value["files"].as_array() {
            let file = |f: &Value| {
                let kept = match &f["kept"] {
                    Value::Null => None,
                    kept => Some(ours(kept, REPLACED)?),
                };
                Some(Placing {
                    staged: ours(&f["staged"], UNFINISHED)?,
                    name: name(&f["name"])?,
                    kept,
                    stood: text(&f["stood"]),
                    sha256: text(&f["sha256"])?,
                })
            };
            return files.iter().map(file).collect::<Option<_>>().map(Self::Files);
        }
        let folder = value.get("folder")?;
        let aside = match &folder["aside"] {
            Value::Null => None,
            aside => Some(ours(aside, REPLACED)?),
        };
        Some(Self::Folder(Replacing {
            staged: ours(&folder["staged"], UNFINISHED)?,
            name: name(&folder["name"])?,
            aside,
            inode: folder["inode"].as_u64(),
        }))
    }

    fn outputs(&self, folder: &Path) -> Vec<PathBuf> {
        match self {
            Self::Files(files) => files.iter().map(|file| folder.join(&file.name)).collect(),
            Self::Folder(replacing) => vec![folder.join(&replacing.name)],
        }
    }
}

/// The file that writers of a folder wait for. One for each user: that of another could not be opened.
fn path_in(folder: &Path) -> PathBuf {
    #[cfg(unix)]
    let user = nix::unistd::geteuid().as_raw();
    #[cfg(not(unix))]
    let user = 0;
    folder.join(format!("{PREFIX}{user}.commit"))
}

/// The right to change what stands in a folder, until it is dropped.
pub(super) struct FolderLock {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    /// Whether what it holds is not done and not undone, so that it has to stay.
    stays: bool,
}

impl FolderLock {
    /// Takes it, unless another run has it.
    fn try_take(folder: &Path) -> io::Result<Option<Self>> {
        let path = path_in(folder);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Ok(None);
        }
        #[cfg(unix)]
        if !super::temporary::same_file(&file, &path) {
            // The other run has just removed it.
            return Ok(None);
        }
        Ok(Some(Self { folder: folder.to_owned(), path, file, stays: false }))
    }

    /// What a run that was killed was about to do.
    fn found(&mut self) -> io::Result<Option<Intent>> {
        let mut bytes = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut bytes)?;
        Ok(Intent::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// Writes down what is about to be done. It is not done before that lasts: [`FolderLock::lasting`].
    pub(super) fn intend(&mut self, intent: &Intent) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        point("intending");
        self.file.write_all(intent.text().as_bytes())?;
        self.stays = true;
        Ok(())
    }

    /// What is to last of it: the file, and its name.
    pub(super) fn lasting(&self) -> [Lasting<'_>; 2] {
        [Box::new(|| self.file.sync_all()), Box::new(|| sync::names(&self.folder))]
    }

    /// It is done, or undone.
    pub(super) fn settled(&mut self) {
        self.stays = false;
    }

    /// Finishes, or undoes, what a run that was killed had begun, and removes what such runs left.
    fn mend(&mut self) -> Result<Option<Mended>> {
        let failed = |folder: &Path, e| {
            Problem::io(format!("{}: what a run that was killed left there cannot be mended", folder.display()), e)
        };
        let found = self.found().map_err(|e| failed(&self.folder, e))?;
        let mended = match found {
            None => None,
            Some(intent) => {
                self.stays = true;
                let text = match &intent {
                    Intent::Files(files) => mend_files(&self.folder, files),
                    Intent::Folder(replacing) => mend_folder(&self.folder, replacing),
                };
                let text = text.map_err(|e| failed(&self.folder, e))?;
                sync::names(&self.folder).map_err(|e| failed(&self.folder, e))?;
                let outputs = intent.outputs(&self.folder);
                let names = list(outputs.iter().map(|path| path.display()), 4);
                let message = format!("{names}: an earlier run was killed while it wrote here; {text}");
                Some(Mended { outputs, warning: Warning::new("unfinished-run", message) })
            }
        };
        self.stays = false;
        sweep(&self.folder);
        Ok(mended)
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        if !self.stays {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The right to change what stands in these folders, and that no interrupt ends the process meanwhile. Whatever runs that were
/// killed left there is mended.
pub(super) struct Locked {
    /// The folders, in order.
    pub(super) folders: Vec<FolderLock>,
    pub(super) mended: Vec<Mended>,
    pub(super) unfinished: MutexGuard<'static, Vec<PathBuf>>,
}

/// Waits for other runs that write to these folders.
pub(super) fn lock(folders: &BTreeSet<PathBuf>) -> Result<Locked> {
    let began = Instant::now();
    'again: loop {
        let unfinished = unfinished();
        let (mut locks, mut mended) = (Vec::new(), Vec::new());
        for folder in folders {
            let taken = FolderLock::try_take(folder)
                .map_err(|e| Problem::io(format!("{}: nothing can be written there", folder.display()), e))?;
            let Some(mut lock) = taken else {
                // Let the others come to their end, and an interrupt come through.
                drop((locks, unfinished));
                if began.elapsed() > PATIENCE {
                    return Err(Problem::new(format!("{}: another run of leanset is writing there", folder.display()))
                        .hint("wait for it to end, then run this again"));
                }
                std::thread::sleep(Duration::from_millis(5));
                continue 'again;
            };
            mended.extend(lock.mend()?);
            locks.push(lock);
        }
        point("locked");
        return Ok(Locked { folders: locks, mended, unfinished });
    }
}

/// Mends what runs that were killed left in a folder, if there is anything.
pub(super) fn mend(folder: &Path) -> Result<Vec<Mended>> {
    if !any_in(folder) {
        return Ok(Vec::new());
    }
    Ok(lock(&BTreeSet::from([folder.to_owned()]))?.mended)
}

/// The outputs in a folder that a run that was killed was about to write, as far as they are as it wrote them or not there:
/// they are no reason to refuse what the next run writes. Nothing is changed.
pub(super) fn left_unfinished(folder: &Path) -> Vec<PathBuf> {
    let Ok(mut file) = File::open(path_in(folder)) else { return Vec::new() };
    if file.try_lock().is_err() {
        return Vec::new();
    }
    let mut text = String::new();
    let Ok(_) = file.read_to_string(&mut text) else { return Vec::new() };
    match Intent::parse(&text) {
        Some(Intent::Files(files)) => {
            let as_written = |file: &&Placing| {
                let path = folder.join(&file.name);
                !path.exists() || is(&path, &file.sha256)
            };
            files.iter().filter(as_written).map(|file| folder.join(&file.name)).collect()
        }
        _ => Vec::new(),
    }
}

fn is(path: &Path, expected: &str) -> bool {
    path.symlink_metadata().is_ok_and(|m| m.is_file()) && sha256(path).is_ok_and(|(found, _)| found == expected)
}

/// Removes a file that may be gone.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Puts the files of a run that was killed in their places, or takes them out again if one is not whole or if somebody has
/// changed what stands there.
fn mend_files(folder: &Path, files: &[Placing]) -> io::Result<String> {
    let staged = |file: &Placing| folder.join(&file.staged);
    let target = |file: &Placing| folder.join(&file.name);
    let waits = |file: &Placing| staged(file).symlink_metadata().is_ok();
    let possible = files.iter().filter(|file| waits(file)).all(|file| {
        let free = match &file.stood {
            Some(stood) => stamp(&target(file)).is_none_or(|now| now == *stood),
            None => target(file).symlink_metadata().is_err(),
        };
        free && is(&staged(file), &file.sha256)
    });
    if possible {
        for file in files.iter().filter(|file| waits(file)) {
            std::fs::rename(staged(file), target(file))?;
            point("mended");
        }
    } else {
        for file in files {
            if !waits(file) && is(&target(file), &file.sha256) {
                match &file.kept {
                    Some(kept) if folder.join(kept).exists() => std::fs::rename(folder.join(kept), target(file))?,
                    _ if file.stood.is_none() => remove(&target(file))?,
                    _ => {}
                }
            }
            remove(&staged(file))?;
        }
    }
    for kept in files.iter().filter_map(|file| file.kept.as_ref()) {
        remove(&folder.join(kept))?;
    }
    Ok(if possible { "the files are complete now" } else { "its files are removed" }.into())
}

/// Puts the folder of a run that was killed in its place, if nothing stands there any more, and removes the one that it
/// replaced; what is not a reduction's own gets a name that can be seen.
fn mend_folder(folder: &Path, replacing: &Replacing) -> io::Result<String> {
    let (staged, target) = (folder.join(&replacing.staged), folder.join(&replacing.name));
    let there = |path: &Path| path.symlink_metadata().is_ok();
    let old = match &replacing.aside {
        Some(aside) => {
            if !there(&target) && there(&staged) {
                std::fs::rename(&staged, &target)?;
            } else if !there(&target) && there(&folder.join(aside)) {
                std::fs::rename(folder.join(aside), &target)?;
            }
            folder.join(aside)
        }
        // What has the name of the new one is the old one only if they have been exchanged.
        None if inode(&target) == replacing.inode => staged,
        None => return Ok("the folder that it wanted to replace is unchanged".into()),
    };
    if !there(&old) {
        return Ok("the folder is complete now".into());
    }
    match put_away(&old, &target)? {
        None => Ok("the folder is complete now".into()),
        Some(place) => Ok(format!("the folder is complete now, and what it replaced is in {}", place.display())),
    }
}

/// Removes a folder that has been replaced, if all of it is an earlier reduction's; otherwise it gets a name that can be seen,
/// which is returned.
fn put_away(old: &Path, target: &Path) -> io::Result<Option<PathBuf>> {
    match Standing::read(old) {
        Ok(standing) => put_away_known(old, target, &standing),
        // All but the folders may be gone already.
        Err(_) if remove_if_empty(old) => Ok(None),
        Err(_) => {
            let place = free_name(target);
            std::fs::rename(old, &place)?;
            Ok(Some(place))
        }
    }
}

/// The same of a folder whose content is known.
pub(super) fn put_away_known(old: &Path, target: &Path, standing: &Standing) -> io::Result<Option<PathBuf>> {
    if standing.remove(old).is_ok() {
        return Ok(None);
    }
    let place = free_name(target);
    std::fs::rename(old, &place)?;
    Ok(Some(place))
}

#[cfg(test)]
mod tests {
    use super::super::name::new_name;
    use super::*;

    #[test]
    fn intents_are_read_as_written_and_only_whole() {
        let placing = Placing {
            staged: new_name(UNFINISHED),
            name: "lean \"é\".csv".into(),
            kept: Some(new_name(REPLACED)),
            stood: Some("3 17".into()),
            sha256: "00".into(),
        };
        let other = Placing { kept: None, stood: None, name: "b".into(), ..placing.clone() };
        let replacing =
            Replacing { staged: new_name(UNFINISHED), name: "lean".into(), aside: None, inode: Some(u64::MAX) };
        let aside = Replacing { aside: Some(new_name(REPLACED)), inode: None, ..replacing.clone() };
        for intent in [Intent::Files(vec![placing, other]), Intent::Folder(replacing), Intent::Folder(aside)] {
            let text = intent.text();
            assert_eq!(Intent::parse(&text), Some(intent), "{text}");
            for cut in 0..text.len() {
                assert_eq!(text.get(..cut).and_then(Intent::parse), None, "{cut} of {text}");
            }
        }
    }

    #[test]
    fn intents_name_nothing_but_files_of_their_folder() {
        let (staged, kept) = (new_name(UNFINISHED), new_name(REPLACED));
        let text = |staged: &str, name: &str, kept: &str| {
            json!({ "files": [{ "staged": staged, "name": name, "kept": kept, "sha256": "00" }] }).to_string()
        };
        assert!(Intent::parse(&text(&staged, "lean.csv", &kept)).is_some());
        for (staged, name, kept) in [
            ("mine.csv", "lean.csv", kept.as_str()),
            (&staged, "../lean.csv", &kept),
            (&staged, "/lean.csv", &kept),
            (&staged, "..", &kept),
            (&staged, "lean.csv", "mine.csv"),
            (&format!("../{staged}"), "lean.csv", &kept),
        ] {
            assert_eq!(Intent::parse(&text(staged, name, kept)), None, "{staged} {name} {kept}");
        }
    }

    /// A folder with a new `a` and a new `b`, of which some have been put in their places; an old `b` stood there.
    fn killed_after(places: usize) -> (tempfile::TempDir, Vec<Placing>) {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        let mut files = Vec::new();
        for (number, name) in ["a", "b"].iter().enumerate() {
            let mut file = Placing {
                staged: new_name(UNFINISHED),
                name: (*name).into(),
                kept: None,
                stood: None,
                sha256: super::super::hash::sha256_of(format!("new {name}").as_bytes()),
            };
            if *name == "b" {
                std::fs::write(at("b"), "old b").expect("written");
                file.stood = stamp(&at("b"));
                let kept = new_name(REPLACED);
                std::fs::hard_link(at("b"), at(&kept)).expect("a link");
                file.kept = Some(kept);
            }
            std::fs::write(at(&file.staged), format!("new {name}")).expect("written");
            if number < places {
                std::fs::rename(at(&file.staged), at(name)).expect("renamed");
            }
            files.push(file);
        }
        std::fs::write(path_in(place.path()), Intent::Files(files.clone()).text()).expect("written");
        (place, files)
    }

    #[test]
    fn files_of_a_killed_run_are_put_in_their_places() {
        for places in 0..=2 {
            let (place, _) = killed_after(places);
            let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap_or_default();
            assert!(left_unfinished(place.path()).contains(&place.path().join("a")));
            let mended = mend(place.path()).expect("it can be mended");
            assert!(mended[0].warning.to_string().ends_with("the files are complete now"), "{mended:?}");
            assert_eq!((read("a").as_str(), read("b").as_str()), ("new a", "new b"), "after {places}");
            let left = std::fs::read_dir(place.path()).expect("a folder").count();
            assert_eq!(left, 2, "after {places}");
            assert!(mend(place.path()).expect("nothing is left").is_empty());
        }
    }

    #[test]
    fn what_somebody_changed_after_a_kill_is_not_replaced() {
        for damage in ["b is the user's", "b is torn"] {
            let (place, files) = killed_after(1);
            let at = |name: &str| place.path().join(name);
            match damage {
                "b is torn" => std::fs::write(at(&files[1].staged), "new").expect("written"),
                _ => std::fs::write(at("b"), "the user's").expect("written"),
            }
            let mended = mend(place.path()).expect("it can be mended");
            assert!(mended[0].warning.to_string().ends_with("its files are removed"), "{mended:?}");
            assert!(!at("a").exists(), "{damage}");
            let expected = if damage == "b is torn" { "old b" } else { "the user's" };
            assert_eq!(std::fs::read_to_string(at("b")).expect("it is there"), expected);
            assert_eq!(std::fs::read_dir(place.path()).expect("a folder").count(), 1, "{damage}");
        }
    }
}
