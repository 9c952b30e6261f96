//! The files that the kernel shows, below a root that tests may choose.

use std::io;
use std::path::{Path, PathBuf};

/// Files below a root.
#[derive(Clone, Debug)]
pub(crate) struct SysfsRoot {
    root: PathBuf,
}

impl SysfsRoot {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Whether this is the machine itself, rather than a copy of its files.
    pub(crate) fn is_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The file of this absolute name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name.trim_start_matches('/'))
    }

    /// The text of a file without the white space around it.
    pub(crate) fn text(&self, name: &str) -> io::Result<String> {
        std::fs::read_to_string(self.path(name)).map(|text| text.trim().to_owned())
    }

    /// A whole number in a file of its own.
    pub(crate) fn number(&self, name: &str) -> io::Result<u64> {
        let text = self.text(name)?;
        text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("'{text}' is not a whole number")))
    }

    /// The names in a folder, sorted; none if it is not there.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }
}

/// The system's words without the number behind them.
pub(crate) fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
