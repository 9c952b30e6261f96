//! Reading files that others made. A pipe, a device or a socket where a file is expected may never end, and opening it may
//! never return. So a file that a data set leads to must be a regular one, and of a pipe that the user names, only so much
//! is read.

use std::fs::{File, FileType, Metadata};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// Bytes that are read of a pipe at most.
const MOST_OF_A_PIPE: u64 = 1 << 30;

/// Opens a regular file, or a link to one.
///
/// # Errors
/// As [`File::open`]; and if it is something else, which is not opened.
pub fn open(path: &Path) -> Result<File> {
    check(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    // What was there before may not be there now.
    check(&file.metadata()?)?;
    Ok(file)
}

/// The bytes of a regular file.
///
/// # Errors
/// As [`open`], and if it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    all(open(path)?)
}

/// The text of a regular file.
///
/// # Errors
/// As [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    text(read(path)?)
}

/// The bytes of a file that the user names: it may also be a pipe, of which not more than a gigabyte is read.
///
/// # Errors
/// As [`read`]; a device or a socket; a pipe that goes on.
pub fn read_given(path: &Path) -> Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    if !is_pipe(found.file_type()) {
        return read(path);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_OF_A_PIPE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_OF_A_PIPE {
        return Err(Error::other(format!("the pipe goes on after {MOST_OF_A_PIPE} bytes")));
    }
    Ok(bytes)
}

/// The text of a file that the user names, as [`read_given`].
///
/// # Errors
/// As [`read_given`], and if it is not UTF-8.
pub fn read_given_text(path: &Path) -> Result<String> {
    text(read_given(path)?)
}

/// What an open file holds, in memory that is asked for first.
fn all(mut file: File) -> Result<Vec<u8>> {
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size.saturating_add(1)).map_err(|_| ErrorKind::OutOfMemory)?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// Refuses what may never end. That a folder cannot be read, the system says in its own words.
fn check(found: &Metadata) -> Result<()> {
    if found.is_file() || found.is_dir() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, format!("it is {}, not a file", what(found.file_type()))))
}

/// What is no regular file, with its article.
fn what(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    match kind {
        kind if is_pipe(kind) => "a pipe",
        _ => "something else",
    }
}

fn is_pipe(kind: FileType) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::FileTypeExt::is_fifo(&kind);
    #[cfg(not(unix))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_refuse_what_may_never_end() {
        let told = |result: Result<Vec<u8>>| result.map(drop).map_err(|e| e.to_string());
        if Path::new("/dev/zero").exists() {
            let expected = Err("it is a device, not a file".to_owned());
            assert_eq!(told(read(Path::new("/dev/zero"))), expected);
            assert_eq!(told(read_given(Path::new("/dev/zero"))), expected);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(told(read(folder)), told(std::fs::read(folder)));
        let missing = read(Path::new("/nowhere/at all")).map_err(|e| e.kind());
        assert_eq!(missing.map(drop), Err(ErrorKind::NotFound));
        let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(read(&this).ok(), std::fs::read(&this).ok());
        assert_eq!(read_given_text(&this).ok(), std::fs::read_to_string(&this).ok());
    }
}
