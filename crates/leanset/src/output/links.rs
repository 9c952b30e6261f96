//! Where a path leads: links are followed by hand where the system follows none, or says only where they end.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::folder_of;

/// Links that are followed before they are taken for a circle, as in Linux.
const MOST: usize = 40;

/// The file that is written under this name: where a link leads, even if nothing is there yet.
///
/// # Errors
/// The links lead round in a circle, or the folder does not exist.
pub(super) fn followed(path: &Path) -> io::Result<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let mut path = path.to_owned();
    for _ in 0..MOST {
        match std::fs::read_link(&path) {
            Ok(to) => path = folder_of(&path).join(to),
            Err(_) => {
                let folder = folder_of(&path).canonicalize()?;
                return Ok(path.file_name().map_or(folder.clone(), |name| folder.join(name)));
            }
        }
    }
    Err(io::Error::other("its links lead round in a circle"))
}

/// Finds out whether paths lead into a folder: whether the folder is met anywhere on the way, also where a link leads out of
/// it again.
pub(super) struct Ways {
    /// Without links.
    folder: PathBuf,
    /// Folders that were walked to: where each is, and whether the way to it leads through the folder.
    known: HashMap<PathBuf, (PathBuf, bool)>,
}

impl Ways {
    /// Into this folder, which exists.
    pub(super) fn into(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: folder.canonicalize()?, known: HashMap::new() })
    }

    /// Whether this path leads to the folder, into it, or through it.
    pub(super) fn leads(&mut self, path: &Path) -> bool {
        let Ok(path) = std::path::absolute(path) else { return false };
        // Many files are in few folders.
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let (above, through) = match self.known.get(above) {
            Some(known) => known.clone(),
            None => {
                let found = self.walk(PathBuf::new(), above);
                self.known.insert(above.to_owned(), found.clone());
                found
            }
        };
        through || self.walk(above, Path::new(name)).1
    }

    /// Walks from a folder along a path, link by link; where it ends, and whether the folder was met.
    fn walk(&self, from: PathBuf, along: &Path) -> (PathBuf, bool) {
        let parts =
            |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<VecDeque<OsString>>();
        let (mut at, mut left, mut links, mut met) = (from, parts(along), 0, false);
        while let Some(part) = left.pop_front() {
            match Path::new(&part).components().next() {
                Some(Component::ParentDir) => {
                    at.pop();
                    continue;
                }
                Some(Component::CurDir) | None => continue,
                _ => {}
            }
            // The root of a path takes the place of all before it.
            let next = at.join(&part);
            met |= next.starts_with(&self.folder);
            match std::fs::read_link(&next) {
                Ok(to) if links < MOST => {
                    links += 1;
                    for part in parts(&to).into_iter().rev() {
                        left.push_front(part);
                    }
                }
                _ => at = next,
            }
        }
        (at, met)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_files_that_are_not_there_yet() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().canonicalize().expect("a folder");
        fs::create_dir(root.join("far")).expect("a folder");
        symlink("far/b", root.join("a")).expect("a link");
        symlink("a", root.join("to-a")).expect("a link");
        symlink("round", root.join("round")).expect("a link");
        symlink("gone/x", root.join("lost")).expect("a link");
        for name in ["a", "to-a"] {
            assert_eq!(followed(&root.join(name)).expect("followed"), root.join("far/b"));
        }
        assert_eq!(followed(&root.join("new")).expect("followed"), root.join("new"));
        assert!(followed(&root.join("round")).is_err());
        assert!(followed(&root.join("lost")).is_err());
        fs::write(root.join("far/b"), "there").expect("written");
        assert_eq!(followed(&root.join("to-a")).expect("followed"), root.join("far/b"));
    }

    #[test]
    fn paths_lead_into_a_folder_in_many_ways() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("out/images")).expect("folders");
        fs::create_dir_all(at("set/images")).expect("folders");
        fs::write(at("set/images/a"), "a").expect("written");
        fs::write(at("out/images/c"), "c").expect("written");
        // Out of the folder again, by a file and by a folder; into it, by both, and by one that is not there.
        symlink(at("set/images/a"), at("out/images/a")).expect("a link");
        symlink("../../out/images/a", at("set/images/b")).expect("a link");
        symlink(at("set"), at("out/back")).expect("a link");
        symlink("../out/back", at("set/again")).expect("a link");
        symlink("out/images", at("shots")).expect("a link");
        symlink(at("out/none"), at("set/images/none")).expect("a link");
        symlink("other", at("other")).expect("a link");
        let mut ways = Ways::into(&at("out")).expect("it is there");
        for name in [
            "out",
            "out/images/c",
            "out/images/none",
            "set/images/b",
            "set/again/images/a",
            "shots/c",
            "set/images/none",
            "set/../out/x",
        ] {
            assert!(ways.leads(&at(name)), "{name}");
            assert!(ways.leads(&at(name)), "{name} again");
        }
        for name in ["set", "set/images/a", "set/images/other", "outside", "out-2/images", "other", "none/x"] {
            assert!(!ways.leads(&at(name)), "{name}");
        }
    }
}
