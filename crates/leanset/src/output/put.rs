//! Files and links in a folder that is staged.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use leanset_images::Content;
use leanset_problem::{Problem, Result};

use super::hash::{Hashing, sha256_of};
use super::interrupt::wait_if_interrupted;
use super::point::point;

/// Writes what is at this path below a folder, which exists, and returns its SHA-256 unless it is a link.
pub(super) fn put(
    folder: &Path,
    path: &Path,
    content: &Content,
    failed: impl Fn(io::Error) -> Problem,
) -> Result<Option<String>> {
    let failed = |error| {
        // What an interrupt has removed is not a failure.
        wait_if_interrupted();
        failed(error)
    };
    let place = folder.join(path);
    make_folders(folder, path).map_err(failed)?;
    point("putting");
    match content {
        Content::Text(text) => {
            let mut file = File::create_new(&place).map_err(failed)?;
            point("written");
            file.write_all(text.as_bytes()).map_err(failed)?;
            Ok(Some(sha256_of(text.as_bytes())))
        }
        Content::Copy(from) => {
            let mut source =
                File::open(from).map_err(|e| Problem::io(format!("{}: cannot be read", from.display()), e))?;
            let mut file = Hashing::new(File::create_new(&place).map_err(failed)?);
            point("written");
            io::copy(&mut source, &mut file).map_err(failed)?;
            Ok(Some(file.finish().map_err(failed)?.0))
        }
        Content::Link(to) => {
            link(to, &place).map_err(failed)?;
            Ok(None)
        }
    }
}

/// Makes the folders of a path below a folder, and never that folder itself: an interrupt may just have removed it.
fn make_folders(folder: &Path, path: &Path) -> io::Result<()> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|below| !below.as_os_str().is_empty()).collect();
    above.reverse();
    for below in above {
        match std::fs::create_dir(folder.join(below)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(to: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, place)
}

#[cfg(not(unix))]
fn link(to: &Path, place: &Path) -> io::Result<()> {
    std::fs::hard_link(to, place)
}
