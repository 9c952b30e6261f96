//! The files of a table: found, read and recorded. A stream is copied to a file first.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use leanset_problem::{Code, Problem, Result, Warning};
use leanset_spec::manifest::table::{FileRecord, PartRecord};
use leanset_spec::{Columns, TablePaths};
use leanset_tables::{ReadOptions, Table, TableFile, TableFiles, find_files};

use crate::context::Context;
use crate::memory;
use crate::output::{Hashing, WorkDir, same_place, sha256};

/// Standard input, as a path.
const STDIN: &str = "-";

/// The files of a table.
pub(crate) struct Files {
    given: TablePaths,
    found: TableFiles,
    /// Where a stream was copied to; removed with this.
    _copy: Option<WorkDir>,
}

impl Files {
    /// Finds the files. Standard input and pipes are read to their ends.
    pub(crate) fn find(paths: &TablePaths, columns: &Columns, context: &Context<'_>) -> Result<Self> {
        let streams: Vec<&Path> =
            paths.as_slice().iter().map(PathBuf::as_path).filter(|path| is_stream(path)).collect();
        if streams.is_empty() {
            if let Some(path) = paths
                .as_slice()
                .iter()
                .find(|path| path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()))
            {
                return Err(Problem::new(format!("{}: is not a file, a folder or a pipe", path.display()))
                    .hint("save the table to a file first"));
            }
            let found = find_files(paths, columns.format)?;
            return Ok(Self { given: paths.clone(), found, _copy: None });
        }
        let Some(path) = paths.single() else {
            return Err(Problem::new(format!("{}: is a stream, and stands for the whole table", name_of(streams[0])))
                .hint("give it alone, or save it to a file first"));
        };
        let folder = WorkDir::new(None, "")?;
        let copy = folder.path().join("stream");
        copy_stream(path, &copy, context)?;
        let found = TableFile::of_stream(name_of(path), copy).into();
        Ok(Self { given: paths.clone(), found, _copy: Some(folder) })
    }

    /// Refuses files that are above the limit by themselves, before they are read.
    pub(crate) fn check_limit(&self, limit: memory::Limit) -> Result<()> {
        limit.check_size(&self.found.name, self.found.files.iter().map(TableFile::held_bytes).sum())
    }

    /// Refuses to write into what is read: one of the files, or a folder that is read as a table.
    pub(crate) fn check_outputs(&self, outputs: &[&Path]) -> Result<()> {
        for output in outputs {
            let real = output.canonicalize().ok();
            let is_output = |file: &&TableFile| {
                same_place(&file.path, output) || (real.is_some() && file.path.canonicalize().ok() == real)
            };
            if let Some(file) = self.found.files.iter().find(is_output) {
                return Err(Problem::new(format!(
                    "{}: is an input of this command, and is never overwritten",
                    file.name
                ))
                .hint("write to another file"));
            }
            let Ok(folder) = crate::output::folder_of(output).canonicalize() else { continue };
            let within =
                |path: &&PathBuf| path.is_dir() && path.canonicalize().is_ok_and(|read| folder.starts_with(read));
            if let Some(read) = self.given.as_slice().iter().find(within) {
                let (output, read) = (output.display(), read.display());
                return Err(Problem::new(format!(
                    "{output}: would be in {read}, whose files are read as one table, and belong to it from then on"
                ))
                .hint("write to a file outside of that folder"));
            }
        }
        Ok(())
    }

    /// Reads the table.
    pub(crate) fn read(&self, columns: &Columns, context: &Context<'_>) -> Result<Table> {
        let size = |file: &TableFile| std::fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
        context.reporter.begin("reading", self.found.files.iter().map(size).sum());
        let before = AtomicU64::new(0);
        let report = |done: u64, _total: u64| {
            let steps = done.saturating_sub(before.fetch_max(done, Ordering::Relaxed));
            context.reporter.advance(steps);
        };
        let options = ReadOptions { memory: Some(context.limit().0), ..ReadOptions::from(columns) };
        leanset_tables::read_files(&self.found, &options, &report).map_err(|error| {
            let missing = self.found.files.iter().map(|file| &file.path).find(|path| !path.exists());
            match missing.and_then(|path| nearby(path)) {
                Some(near) => Problem::from(error).hint(format!("did you mean {near}?")),
                None => error.into(),
            }
        })
    }

    /// The files as recorded in a manifest.
    pub(crate) fn record(&self, table: &Table) -> Result<FileRecord> {
        let format = table.format().to_string();
        if let ([file], false) = (self.found.files.as_slice(), self.found.several) {
            let (sha256, bytes) = sha256(&file.path)?;
            let path = if file.stream { PathBuf::from(&file.name) } else { file.path.clone() };
            let rows = table.rows();
            return Ok(FileRecord { path, sha256, bytes, format, rows, stream: file.stream, files: Vec::new() });
        }
        let mut all = Hashing::new(io::sink());
        let mut files = Vec::with_capacity(self.found.files.len());
        for file in &self.found.files {
            let failed = |error| Problem::io(format!("{}: cannot be read", file.name), error);
            let mut own = Hashing::new(&mut all);
            io::copy(&mut File::open(&file.path).map_err(failed)?, &mut own).map_err(failed)?;
            let (sha256, bytes) = own.finish().map_err(failed)?;
            let rows = table.files().iter().find(|(name, _)| *name == file.name).map_or(0, |(_, rows)| *rows);
            files.push(PartRecord { path: file.path.clone(), sha256, bytes, rows });
        }
        let (sha256, bytes) = all.finish().map_err(|error| Problem::io("the files cannot be hashed", error))?;
        let shared = || leanset_tables::shared_folder(self.found.files.iter().map(|file| file.path.as_path()));
        let path = self.given.single().map_or_else(shared, Path::to_owned);
        Ok(FileRecord { path, sha256, bytes, format, rows: table.rows(), stream: false, files })
    }

    /// Whether the files are those of a manifest, before they are read.
    pub(crate) fn check_recorded(&self, expected: &FileRecord) -> Result<()> {
        let short = |sha256: &str| sha256.get(..12).unwrap_or(sha256).to_owned();
        let other = |message: String| {
            Err(Problem::new(message)
                .hint("name the original file: leanset reduce FILE --from-manifest …")
                .code(Code::Different))
        };
        let (name, files) = (&self.found.name, &self.found.files);
        if expected.files.is_empty() {
            let [file] = files.as_slice() else {
                return other(format!("{name}: is {} files, and the manifest is of one", files.len()));
            };
            let (sha256, bytes) = sha256(&file.path)?;
            if sha256 == expected.sha256 {
                return Ok(());
            }
            return other(format!(
                "{name}: is not the file of the manifest: SHA-256 {} and {bytes} bytes, not {} and {}",
                short(&sha256),
                short(&expected.sha256),
                expected.bytes
            ));
        }
        if files.len() != expected.files.len() {
            let (here, there) = (files.len(), expected.files.len());
            return other(format!("{name}: has another number of files than the manifest: {here} instead of {there}"));
        }
        for (file, expected) in files.iter().zip(&expected.files) {
            let (sha256, bytes) = sha256(&file.path)?;
            if sha256 != expected.sha256 {
                return other(format!(
                    "{}: is not {} of the manifest: SHA-256 {} and {bytes} bytes, not {} and {}",
                    file.name,
                    expected.path.display(),
                    short(&sha256),
                    short(&expected.sha256),
                    expected.bytes
                ));
            }
        }
        Ok(())
    }
}

fn name_of(path: &Path) -> String {
    if path == Path::new(STDIN) { "standard input".into() } else { path.display().to_string() }
}

/// Whether a path is read once, from its beginning to its end: standard input or a pipe.
fn is_stream(path: &Path) -> bool {
    if path == Path::new(STDIN) && !path.exists() {
        return true;
    }
    // The names of open files, such as those of `<(command)` in a shell. What is behind them may be a file.
    path.starts_with("/dev/fd") || path == Path::new("/dev/stdin") || path.starts_with("/proc/self/fd") || is_pipe(path)
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

/// Refuses streams that never end.
#[cfg(unix)]
fn check_ends(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt as _;
    Ok(!file.metadata()?.file_type().is_char_device())
}

#[cfg(not(unix))]
fn check_ends(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// How long a stream may be silent before that is said.
const PATIENCE: Duration = Duration::from_secs(2);

/// Copies a stream to a file. A thread reads it, so that waiting for it can be said and interrupted.
fn copy_stream(path: &Path, copy: &Path, context: &Context<'_>) -> Result<()> {
    let name = name_of(path);
    let failed = |error| Problem::io(format!("{name}: cannot be read"), error);
    let stdin = path == Path::new(STDIN);
    if stdin && io::stdin().is_terminal() {
        return Err(Problem::new("standard input is a terminal, not a table")
            .hint("pipe a table into it, such as: zcat train.csv.gz | leanset reduce - …"));
    }
    let mut out = File::create_new(copy).map_err(|error| {
        Problem::io(format!("{name}: cannot be copied to {}", copy.display()), error)
            .hint("TMPDIR names another place for temporary files")
    })?;
    context.reporter.begin("reading", 0);
    let (send, done) = mpsc::channel::<io::Result<bool>>();
    let copied = Arc::new(AtomicU64::new(0));
    let (from, counter) = (path.to_owned(), Arc::clone(&copied));
    let most = context.limit().0.bytes();
    let work = move || -> io::Result<bool> {
        let mut file = if stdin { stdin_file()? } else { File::open(from)? };
        if !check_ends(&file)? {
            return Ok(false);
        }
        let step = 1 << 20;
        loop {
            let own = io::copy(&mut io::Read::take(&mut file, step), &mut out)?;
            let all = counter.fetch_add(own, Ordering::Relaxed) + own;
            // What is above the limit by itself is refused below, and need not be read.
            if own == 0 || all > most {
                return Ok(true);
            }
        }
    };
    std::thread::Builder::new()
        .name("stream".into())
        .spawn(move || drop(send.send(work())))
        .map_err(|error| Problem::io("a thread cannot be started", error))?;
    let (began, mut said) = (Instant::now(), false);
    loop {
        match done.recv_timeout(Duration::from_millis(50)) {
            Ok(Ok(true)) => break,
            Ok(Ok(false)) => {
                return Err(Problem::new(format!("{name}: is a terminal or a device, not a table"))
                    .hint("save the table to a file first"));
            }
            Ok(Err(error)) => return Err(failed(error)),
            Err(RecvTimeoutError::Disconnected) => return Err(Problem::internal(format!("{name}: reading it ended"))),
            Err(RecvTimeoutError::Timeout) => {
                if context.reporter.cancelled() {
                    return Err(Problem::new("interrupted").code(Code::Interrupted));
                }
                if !said && began.elapsed() >= PATIENCE && copied.load(Ordering::Relaxed) == 0 {
                    let warning =
                        Warning::new("waiting", format!("{name}: waiting for a program to write a table into it"));
                    context.reporter.warn(&warning.hint("start that program, or interrupt this one"));
                    said = true;
                }
            }
        }
    }
    if copied.load(Ordering::Relaxed) == 0 {
        return Err(
            Problem::new(format!("{name}: is empty")).hint("the program that should have written it may have failed")
        );
    }
    Ok(())
}

/// Standard input without a buffer of ours.
#[cfg(unix)]
fn stdin_file() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn stdin_file() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
}

/// A file in the same folder with a name like this one's.
fn nearby(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names: Vec<String> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    // What comes before the extensions: all tables end alike.
    let stem = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
    let stems: Vec<String> = names.iter().map(|name| stem(name)).collect();
    let near =
        leanset_core::error::nearest(&stem(path.file_name()?.to_str()?), stems.iter().map(String::as_str))?.to_owned();
    let name = names.iter().zip(&stems).find(|(_, stem)| **stem == near)?.0;
    Some(path.with_file_name(name).display().to_string())
}
