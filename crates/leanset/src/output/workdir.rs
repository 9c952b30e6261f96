//! A folder to work in.

use std::io;
use std::path::{Path, PathBuf};

use leanset_images::Content;
use leanset_problem::{Problem, Result};

use super::interrupt::forget;
use super::name::work_name;
use super::put::put;
use super::temporary::{TemporaryFolder, sweep_work};

/// A new folder to work in, removed at the end and when interrupted, unless it is kept.
pub struct WorkDir {
    path: PathBuf,
    /// Removes it when dropped; none of one that is kept.
    temporary: Option<TemporaryFolder>,
}

impl WorkDir {
    /// Below this folder, called so, or with a number behind it where that is taken; or a temporary one.
    ///
    /// # Errors
    /// If none can be made.
    pub fn new(keep: Option<&Path>, name: &str) -> Result<Self> {
        let Some(above) = keep else {
            let above = std::env::temp_dir();
            let failed = |e: io::Error| {
                Problem::io(format!("{}: no folder can be made there", above.display()), e)
                    .hint("TMPDIR names another place for temporary files")
            };
            // Links above are followed once, so that what is written there names the place itself.
            let above = above.canonicalize().map_err(failed)?;
            sweep_work(&above, TEMPORARY);
            let made = TemporaryFolder::new(&above, || work_name(TEMPORARY)).map_err(failed)?;
            return Ok(Self { path: made.path().to_owned(), temporary: Some(made) });
        };
        let failed = |e: io::Error| Problem::io(format!("{}: cannot be written", above.display()), e);
        std::fs::create_dir_all(above).map_err(failed)?;
        let above = above.canonicalize().map_err(failed)?;
        let names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}-{n}")));
        for name in names {
            let path = above.join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, temporary: None }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Err(Problem::new(format!("{}: has no name left for {name}", above.display())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file at this path below it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, path: &Path, content: &Content) -> Result<()> {
        put(&self.path, path, content, |e| Problem::io(format!("{}: cannot be written", self.path.display()), e))
            .map(drop)
    }

    /// Lets it stay.
    pub fn keep(&mut self) {
        if let Some(mut temporary) = self.temporary.take() {
            temporary.keep();
            forget(&self.path);
        }
    }
}

/// How temporary folders are called.
pub const TEMPORARY: &str = "leanset-run-";
