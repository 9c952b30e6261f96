//! Outputs, written whole or not at all.
//!
//! Everything a command writes is staged in temporary files beside their targets and appears by rename when all of it
//! is there. An error, an interrupt or a full disk leaves what was there before, and nothing else.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempDir};

use leanset_documents::images::WrittenRecord;
use leanset_images::Content;
use leanset_tables::{Compression, Format, format_of_path};

use crate::error::Failure;

/// Temporary files of this process. Whoever holds the lock is renaming them, or removing them for good.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// From here on, Ctrl-C (and SIGTERM, SIGHUP, SIGQUIT) stops a command that is run aside, removes unfinished files and ends
/// the process with code 130.
pub(crate) fn remove_unfinished_when_interrupted() {
    // Where signals cannot be caught files are still only ever renamed whole.
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        if let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) {
            let wait = move || {
                if signals.forever().next().is_some() {
                    end_unfinished();
                }
            };
            let _ = std::thread::Builder::new().name("signals".into()).spawn(wait);
        }
    }
    #[cfg(not(unix))]
    let _ = ctrlc::set_handler(|| end_unfinished());
}

/// Ends this process, and leaves nothing unfinished.
fn end_unfinished() -> ! {
    // What it writes to is removed next, and it is not to be taken for a failure.
    let _stopped = crate::child::stop();
    let unfinished = UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for path in unfinished.iter() {
        let _ = std::fs::remove_file(path);
        let _ = std::fs::remove_dir_all(path);
    }
    std::process::exit(130);
}

/// The outputs of one command.
pub(crate) struct Outputs {
    force: bool,
    staged: Vec<(NamedTempFile, PathBuf)>,
}

impl Outputs {
    pub(crate) fn new(force: bool) -> Self {
        Self { force, staged: Vec::new() }
    }

    /// Whether a file may be written here: asked before the work, so that an hour of it is not lost to a full name.
    pub(crate) fn check(&self, path: &Path, inputs: &[&Path]) -> Result<(), Failure> {
        let name = path.display();
        if path.as_os_str().is_empty() {
            return Err(Failure::new("the output has an empty name").hint("name a file: --output FILE"));
        }
        if path.is_dir() {
            return Err(Failure::new(format!("{name}: is a folder")).hint("name a file in it"));
        }
        let folder = folder_of(path);
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(Failure::new(format!("{name}: there is no folder {folder}")).hint(format!("mkdir -p {folder}")));
        }
        let real = path.canonicalize();
        for input in inputs {
            if let (Ok(real), Ok(input)) = (&real, input.canonicalize())
                && *real == input
            {
                return Err(Failure::new(format!("{name}: is an input of this command, and is never overwritten"))
                    .hint("write to another file"));
            }
        }
        // A link to nowhere is there too.
        if path.symlink_metadata().is_ok() && !self.force {
            return Err(Failure::new(format!("{name}: exists")).hint("choose another name, or replace it with --force"));
        }
        // Appearing by rename, an output would take the place of a device or a pipe.
        if path.metadata().is_ok_and(|m| !m.is_file()) {
            return Err(Failure::new(format!("{name}: is no regular file, and is never replaced"))
                .hint("name a file; --output - writes to stdout"));
        }
        Ok(())
    }

    /// Stages a file: `write` writes it. Returns its SHA-256 (hexadecimal) and its size in bytes.
    pub(crate) fn stage(
        &mut self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<(String, u64), Failure> {
        let failed = |error: &io::Error| Failure::io(&format!("{}: cannot be written", path.display()), error);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".leanset-").suffix(".unfinished");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // A link keeps pointing where it points, and a file keeps its mode.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let file = {
            // Created under the lock, so that no interrupt comes between its creation and its entry.
            let mut unfinished = UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let file = builder.tempfile_in(folder_of(&target)).map_err(|e| failed(&e))?;
            unfinished.push(file.path().to_owned());
            file
        };
        let mut writer = Hashing::new(BufWriter::with_capacity(1 << 16, file.as_file()));
        let result = write(&mut writer);
        // The system's own word is the better one: a full disk, rather than what a format library makes of it.
        if let Some(error) = writer.failed.take() {
            return Err(failed(&error));
        }
        result?;
        let (digest, bytes) = writer.finish().map_err(|e| failed(&e))?;
        if let Ok(standing) = target.metadata() {
            file.as_file().set_permissions(standing.permissions()).map_err(|e| failed(&e))?;
        }
        file.as_file().sync_all().map_err(|e| failed(&e))?;
        self.staged.push((file, target));
        Ok((digest, bytes))
    }

    /// Makes all staged files appear, or none: what stood in a place that cannot be taken, and in those taken before it,
    /// is put back. The last staged, a manifest, appears first, so that whoever sees an output finds its manifest.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut taken: Vec<(PathBuf, Option<NamedTempFile<()>>)> = Vec::new();
        for (file, path) in self.staged.into_iter().rev() {
            // A second name for what is there; where the disk has no links, the rename alone has to do.
            let old = || {
                tempfile::Builder::new()
                    .prefix(".leanset-")
                    .suffix(".replaced")
                    .make_in(folder_of(&path), |link| std::fs::hard_link(&path, link))
                    .ok()
            };
            let stood = path.exists();
            let old = (self.force && stood).then(old).flatten();
            let result = if self.force { file.persist(&path) } else { file.persist_noclobber(&path) };
            if let Err(error) = result {
                for (path, old) in taken.into_iter().rev() {
                    match old {
                        Some(old) => drop(old.persist(&path)),
                        None => drop(std::fs::remove_file(&path)),
                    }
                }
                return Err(Failure::io(&format!("{}: cannot be written", path.display()), &error.error));
            }
            if !stood || old.is_some() {
                taken.push((path, old));
            }
        }
        unfinished.clear();
        Ok(())
    }
}

/// A folder that appears by rename, with all that is in it.
pub(crate) struct Folder {
    target: PathBuf,
    given: PathBuf,
    /// Whether something stands there that may be replaced.
    stands: bool,
    staged: Option<TempDir>,
    written: Vec<WrittenRecord>,
}

impl Folder {
    /// A folder to be, if it may be: asked before the work. What stands there is replaced if it is empty, or with `force`
    /// if all of it is `ours`.
    pub(crate) fn new(path: &Path, force: bool, ours: impl Fn(&Path) -> bool) -> Result<Self, Failure> {
        let name = path.display();
        let target = std::path::absolute(path)
            .map(|p| p.components().collect::<PathBuf>())
            .map_err(|e| Failure::io("the output cannot be named", &e).hint("name a folder: --output FOLDER"))?;
        let above = folder_of(&target);
        if !above.is_dir() {
            let above = above.display();
            return Err(Failure::new(format!("{name}: there is no folder {above}")).hint(format!("mkdir -p {above}")));
        }
        // Links above are followed once, so that what is written names the place itself.
        let target = match (above.canonicalize(), target.file_name()) {
            (Ok(above), Some(last)) => above.join(last),
            _ => return Err(Failure::new(format!("{name}: is no name for a folder")).hint("name a new folder")),
        };
        let stands = target.symlink_metadata().is_ok();
        if stands {
            if target.is_symlink() || !target.is_dir() {
                return Err(Failure::new(format!("{name}: exists, and is no folder")).hint("name a new folder"));
            }
            let empty = std::fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_none());
            if !empty && !force {
                return Err(
                    Failure::new(format!("{name}: exists")).hint("name another folder, or replace it with --force")
                );
            }
            if !empty && !ours(&target) {
                return Err(Failure::new(format!(
                    "{name}: holds files that are not of an earlier reduction, and is never replaced"
                ))
                .hint("name another folder"));
            }
        }
        Ok(Self { target, given: path.to_owned(), stands, staged: None, written: Vec::new() })
    }

    /// Where it will be.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Whether it is this folder or in it.
    pub(crate) fn is_in(&self, folder: &Path) -> bool {
        folder.canonicalize().is_ok_and(|folder| self.target.starts_with(folder))
    }

    /// What has been written, in order of its paths.
    pub(crate) fn written(&self) -> &[WrittenRecord] {
        &self.written
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::io(&format!("{}: cannot be written", self.given.display()), error)
    }

    /// Makes the place where it is staged.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".leanset-").suffix(".unfinished");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let staged = builder.tempdir_in(folder_of(&self.target)).map_err(|e| self.failed(&e))?;
        unfinished.push(staged.path().to_owned());
        self.staged = Some(staged);
        Ok(())
    }

    /// Stages a file at this path below it.
    pub(crate) fn add(&mut self, path: &Path, content: &Content) -> Result<(), Failure> {
        let Some(staged) = &self.staged else {
            return Err(Failure::new("no folder is begun").code(crate::error::FAULT));
        };
        let sha256 = put(staged.path(), path, content, |e| self.failed(e))?;
        self.written.push(WrittenRecord { path: path.to_owned(), sha256 });
        Ok(())
    }

    /// Makes it appear. What stood there is put back if it cannot.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failed = |error: &io::Error| Failure::io(&format!("{}: cannot be written", self.given.display()), error);
        let Some(staged) = self.staged else {
            return Err(Failure::new("no folder is begun").code(crate::error::FAULT));
        };
        let old = if self.stands {
            let old = tempfile::Builder::new()
                .prefix(".leanset-")
                .suffix(".replaced")
                .tempdir_in(folder_of(&self.target))
                .map_err(|e| failed(&e))?;
            std::fs::rename(&self.target, old.path().join("old")).map_err(|e| failed(&e))?;
            Some(old)
        } else {
            None
        };
        if let Err(error) = std::fs::rename(staged.path(), &self.target) {
            if let Some(old) = old {
                let _ = std::fs::rename(old.path().join("old"), &self.target);
            }
            return Err(failed(&error));
        }
        // It is no longer where it was staged, and nothing is to be removed there.
        let _ = staged.keep();
        unfinished.clear();
        Ok(())
    }
}

/// Writes what is at this path below a folder, and returns its SHA-256 unless it is a link.
fn put(
    folder: &Path,
    path: &Path,
    content: &Content,
    failed: impl Fn(&io::Error) -> Failure,
) -> Result<Option<String>, Failure> {
    let place = folder.join(path);
    std::fs::create_dir_all(folder_of(&place)).map_err(|e| failed(&e))?;
    match content {
        Content::Text(text) => {
            let mut file = File::create_new(&place).map_err(|e| failed(&e))?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| failed(&e))?;
            Ok(Some(sha256_of(text.as_bytes())))
        }
        Content::Copy(from) => {
            let mut source =
                File::open(from).map_err(|e| Failure::io(&format!("{}: cannot be read", from.display()), &e))?;
            let mut file = Hashing::new(File::create_new(&place).map_err(|e| failed(&e))?);
            io::copy(&mut source, &mut file).map_err(|e| failed(&e))?;
            Ok(Some(file.finish().map_err(|e| failed(&e))?.0))
        }
        Content::Link(to) => {
            link(to, &place).map_err(|e| failed(&e))?;
            Ok(None)
        }
    }
}

/// A new folder to work in, removed at the end and when interrupted, unless it is kept.
pub(crate) struct Room {
    path: PathBuf,
    /// Removes it when dropped; none of one that is kept.
    temporary: Option<TempDir>,
}

impl Room {
    /// Below this folder, called so, or with a number behind it where that is taken; or a temporary one.
    pub(crate) fn new(keep: Option<&Path>, name: &str) -> Result<Self, Failure> {
        let Some(above) = keep else {
            let above = std::env::temp_dir();
            let failed = |e: &io::Error| {
                Failure::io(&format!("{}: no folder can be made there", above.display()), e)
                    .hint("TMPDIR names another place for temporary files")
            };
            // Links above are followed once, so that what is written there names the place itself.
            let above = above.canonicalize().map_err(|e| failed(&e))?;
            let mut unfinished = UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let mut builder = tempfile::Builder::new();
            let made = builder.prefix(TEMPORARY).tempdir_in(above).map_err(|e| failed(&e))?;
            unfinished.push(made.path().to_owned());
            return Ok(Self { path: made.path().to_owned(), temporary: Some(made) });
        };
        let failed = |e: &io::Error| Failure::io(&format!("{}: cannot be written", above.display()), e);
        std::fs::create_dir_all(above).map_err(|e| failed(&e))?;
        let above = above.canonicalize().map_err(|e| failed(&e))?;
        let names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}-{n}")));
        for name in names {
            let path = above.join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, temporary: None }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(&e)),
            }
        }
        Err(Failure::new(format!("{}: has no name left for {name}", above.display())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file at this path below it.
    pub(crate) fn put(&self, path: &Path, content: &Content) -> Result<(), Failure> {
        put(&self.path, path, content, |e| Failure::io(&format!("{}: cannot be written", self.path.display()), e))
            .map(|_| ())
    }

    /// Lets it stay.
    pub(crate) fn keep(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            let _ = temporary.keep();
            self.forget();
        }
    }

    /// Nothing is to be removed there any more.
    fn forget(&self) {
        UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).retain(|path| *path != self.path);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            drop(temporary);
            self.forget();
        }
    }
}

/// How temporary rooms are called.
pub(crate) const TEMPORARY: &str = "leanset-run-";

#[cfg(unix)]
fn link(to: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, place)
}

#[cfg(not(unix))]
fn link(to: &Path, place: &Path) -> io::Result<()> {
    std::fs::hard_link(to, place)
}

/// The format of an output, once it and its manifest may be written.
pub(crate) fn check_output(
    path: &Path,
    manifest: &Path,
    inputs: &[&Path],
    outputs: &Outputs,
) -> Result<(Format, Compression), Failure> {
    outputs.check(path, inputs)?;
    let (format, compression) = format_of_path(path).map_err(|error| {
        Failure::from(error).hint("an output is .csv .tsv .parquet .arrow .npy or .npz, also with .gz or .zst")
    })?;
    if format == Format::Xlsx {
        return Err(Failure::new(format!("{}: leanset reads workbooks and does not write them", path.display()))
            .hint("write .csv or .parquet"));
    }
    if same_place(path, manifest) {
        return Err(
            Failure::new(format!("{}: is both output and manifest", path.display())).hint("give them two names")
        );
    }
    outputs.check(manifest, inputs)?;
    Ok((format, compression))
}

/// The manifest's name beside an output.
pub(crate) fn manifest_beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".manifest.json");
    name.into()
}

/// Bytes straight to stdout: tables may be binary.
pub(crate) fn write_stdout(bytes: &[u8]) -> Result<String, Failure> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io("stdout: cannot be written", &error))
        }
        _ => Ok(String::new()),
    }
}

/// The folder a file is or will be in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Hashes and counts what passes, and keeps the first error of the system.
pub(crate) struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
    failed: Option<io::Error>,
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
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether two names mean one file, there or not.
pub(crate) fn same_place(a: &Path, b: &Path) -> bool {
    let folder = |path: &Path| folder_of(path).canonicalize().ok();
    a == b || (a.file_name() == b.file_name() && folder(a).is_some() && folder(a) == folder(b))
}

/// SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-256 of a file, in hexadecimal, and its size.
pub(crate) fn sha256(path: &Path) -> Result<(String, u64), Failure> {
    let failed = |error: io::Error| Failure::io(&format!("{}: cannot be read", path.display()), &error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hashing = Hashing::new(io::sink());
    io::copy(&mut file, &mut hashing).map_err(failed)?;
    hashing.finish().map_err(failed)
}
