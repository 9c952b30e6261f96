//! SHA-256 of what is read and written.

use std::io::{self, Write};
use std::path::Path;

use leanset_problem::{Problem, Result};
use sha2::{Digest as _, Sha256};

/// Hashes and counts what passes, and keeps the first error of the system.
pub(crate) struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
    pub(super) failed: Option<io::Error>,
}

impl<W: Write> Hashing<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0, failed: None }
    }

    /// The digest in hexadecimal, and the number of bytes.
    pub(crate) fn finish(mut self) -> io::Result<(String, u64)> {
        self.inner.flush()?;
        Ok((hexadecimal(&self.hash.finalize()), self.bytes))
    }

    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
            && self.failed.is_none()
        {
            self.failed = Some(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error));
        }
        result
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        let count = self.noted(result)?;
        self.hash.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.noted(result)
    }
}

/// Bytes in hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// SHA-256 of bytes, in hexadecimal.
pub fn sha256_of(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-256 of a file, in hexadecimal, and its size.
///
/// # Errors
/// If it cannot be read.
pub fn sha256(path: &Path) -> Result<(String, u64)> {
    let failed = |error| Problem::io(format!("{}: cannot be read", path.display()), error);
    let mut file = leanset_problem::files::open(path).map_err(failed)?;
    let mut hashing = Hashing::new(io::sink());
    io::copy(&mut file, &mut hashing).map_err(failed)?;
    hashing.finish().map_err(failed)
}
