//! Files to which lines are appended, each with its checksum: after a kill at most the last line is incomplete.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use leanset::output::{point, sha256_of as sha256};
use leanset_problem::{Problem, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The line of a value: its JSON, with the SHA-256 of that as the last key.
pub(crate) fn line(value: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string(value).map_err(|e| {
        Problem::new(format!("a record cannot be made: {e}")).hint("this is a bug in leanset: please report it")
    })?;
    let digest = sha256(text.as_bytes());
    text.pop();
    text.push_str(&format!(",\"sha256\":\"{digest}\"}}\n"));
    Ok(text)
}

/// The value of a line, if the line is whole.
pub(crate) fn value<T: DeserializeOwned>(line: &str) -> Option<std::result::Result<T, serde_json::Error>> {
    let (body, rest) = line.rsplit_once(",\"sha256\":\"")?;
    let json = format!("{body}}}");
    (rest.strip_suffix("\"}")? == sha256(json.as_bytes())).then(|| serde_json::from_str(&json))
}

/// Held while a line is written.
static WRITING: Mutex<()> = Mutex::new(());

/// Lets no further line be written by this process: whoever is about to end it says what is kept, and that stays true.
pub fn stop_writing() {
    std::mem::forget(WRITING.lock().unwrap_or_else(PoisonError::into_inner));
}

/// A file that is open and locked, to which lines are appended.
#[derive(Debug)]
pub(crate) struct AppendedFile {
    file: File,
    path: PathBuf,
}

impl AppendedFile {
    /// Opens a file or makes one, and returns what it holds.
    ///
    /// # Errors
    /// The file cannot be used; another process writes to it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<u8>)> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let mut own = Self { file: file.map_err(|e| failed(path, e))?, path: path.to_owned() };
        if own.file.try_lock().is_err() {
            return Err(Problem::new(format!("{}: another process is writing to it", path.display()))
                .hint("wait for it to end, or name another file"));
        }
        let mut bytes = Vec::new();
        own.file.read_to_end(&mut bytes).map_err(|e| failed(path, e))?;
        Ok((own, bytes))
    }

    /// Cuts the file after so many bytes.
    pub(crate) fn cut(&mut self, length: u64) -> Result<()> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.map(drop).map_err(|e| failed(&self.path, e))
    }

    /// Appends the line of a value, in one call, and syncs it.
    pub(crate) fn append(&mut self, value: &impl Serialize) -> Result<()> {
        let line = line(value)?;
        point("appending");
        let writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        drop(writing);
        point("appended");
        written.map_err(|e| failed(&self.path, e))
    }
}

fn failed(path: &Path, e: std::io::Error) -> Problem {
    Problem::io(format!("{}: cannot be written", path.display()), e)
}
