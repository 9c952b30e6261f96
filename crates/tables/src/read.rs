//! Opening a file: bytes in, unpacked, checked against its name, and handed to the source that knows the format.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
#[cfg(feature = "arrow")]
use std::sync::Arc;

use crate::error::{Error, Warning, counted, unpanicked};
use crate::files::{TableFile, TableFiles};
use crate::format::{
    Compression, Sniffed, article, format_of_path, is_text, sniff, sniff_compression, sniff_foreign_packing,
};
use crate::join::{Part, join};
use crate::memory::MemoryLimit;
use crate::missing::MissingWords;
use crate::source;
#[cfg(feature = "arrow")]
use crate::source::parquet_bytes::{OpenFile, ParquetBytes};
use crate::table::Table;
use leanset_problem::{list, setting, text};
use leanset_spec::{Columns, Delimiter, Format};

/// Is told how far reading has come: bytes done, bytes in all (parsing counts as part of the way).
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// How to read a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The format, where the name does not tell or tells wrong; obeyed without looking at the name.
    pub format: Option<Format>,
    /// The sheet of a workbook; the first one when not given.
    pub sheet: Option<String>,
    /// What separates the fields of a text table; `,` for CSV and a tab for TSV when not given.
    pub delimiter: Option<Delimiter>,
    /// Names of the feature columns, if they are said. In an archive, they decide which arrays are the table.
    pub features: Option<Vec<String>>,
    /// Names of the label and id columns, which are part of the table too.
    pub roles: Vec<String>,
    /// The memory that reading may take; what is available when not given.
    pub memory: Option<MemoryLimit>,
    /// The words that stand for a missing value, in place of the usual ones ([`crate::MISSING`]). An empty field of a text
    /// table is missing in any case.
    pub missing_values: Option<Vec<String>>,
    /// Whether the first line of a text table or a sheet is a row. Columns are `column_1`, `column_2`, … then.
    pub no_header: bool,
}

impl ReadOptions {
    /// The memory that reading may take from now on.
    fn memory(&self) -> MemoryLimit {
        self.memory.unwrap_or_else(|| MemoryLimit::new(None))
    }
}

impl From<&Columns> for ReadOptions {
    fn from(columns: &Columns) -> Self {
        Self {
            format: columns.format,
            sheet: columns.sheet.clone(),
            delimiter: columns.delimiter,
            features: columns.features.clone(),
            roles: columns.label.iter().chain(&columns.id).cloned().collect(),
            memory: None,
            missing_values: columns.missing_values.clone(),
            no_header: columns.no_header,
        }
    }
}

/// Reads the table at `path`.
///
/// # Errors
/// The file cannot be read, is not what its name says, or holds no usable table.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Table, Error> {
    read_with_progress(path, options, &|_, _| ())
}

/// [`read`] that reports how far it has come.
///
/// # Errors
/// As [`read`].
pub fn read_with_progress(path: &Path, options: &ReadOptions, progress: Progress<'_>) -> Result<Table, Error> {
    read_file(&TableFile::new(path.to_owned()), options, progress)
}

/// Reads the files of a table: the rows of one behind those of another. `progress` is told of all files together.
///
/// # Errors
/// As [`read`]; files with other columns, or with values that no one column can hold; no file with a row.
pub fn read_files(files: &TableFiles, options: &ReadOptions, progress: Progress<'_>) -> Result<Table, Error> {
    if let ([file], false) = (files.files.as_slice(), files.several) {
        return read_file(file, options, progress);
    }
    let size = |file: &TableFile| std::fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
    let total = files.files.iter().map(size).sum();
    let memory = options.memory();
    let (mut parts, mut empty, mut before, mut held) = (Vec::new(), Vec::new(), 0, 0);
    for file in &files.files {
        let of_all = |done: u64, _: u64| progress(before + done, total);
        let options = ReadOptions { memory: Some(memory.beside(held)), ..options.clone() };
        match read_file(file, &options, &of_all) {
            Ok(table) => {
                held += table.memory();
                parts.push(Part { name: file.name.clone(), table, keys: file.keys.clone() });
            }
            // Spark and others write such files for parts without rows.
            Err(error) if error.is_without_rows() => empty.push((file.name.clone(), error)),
            Err(error) => return Err(error),
        }
        before += size(file);
    }
    let names: Vec<String> = empty.iter().map(|(name, _)| name.clone()).collect();
    if parts.is_empty() {
        return Err(empty.into_iter().next().map_or_else(|| Error::empty(&files.name), |(_, error)| error));
    }
    let mut table = join(files.name.clone(), parts, memory)?;
    table.limit = memory;
    table.warnings.splice(0..0, files.warnings.iter().cloned());
    if !names.is_empty() {
        let (count, names) = (counted(names.len(), "file has", "files have"), list(&names, 3));
        table.warnings.push(Warning::new("empty-files", format!("{}: {count} no rows: {names}", files.name)));
    }
    Ok(table)
}

fn read_file(file: &TableFile, options: &ReadOptions, progress: Progress<'_>) -> Result<Table, Error> {
    let (path, name) = (&file.path, &file.name);
    let failed = |error: io::Error| Error::io(&format!("{name}: cannot be read"), error);
    if options.format.is_none() && !file.stream {
        format_of_path(path)?;
    }
    let stream = file.stream;
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::request(format!("{name}: is a folder, not a table")));
    }
    let total = metadata.len();
    let memory = options.memory();
    #[cfg(feature = "arrow")]
    if !stream && metadata.is_file() && is_parquet(path, &file, options).map_err(failed)? {
        check_header(name, Format::Parquet, options)?;
        let bytes = ParquetBytes::File(Arc::new(OpenFile::new(file, &metadata)));
        let scan = |done: usize, total: usize| progress(done as u64, total as u64);
        let parse = || source::parquet::open(name.clone(), bytes, memory, &scan);
        let table = unpanicked(parse, || unreadable_as(name, Format::Parquet))?;
        progress(total, total);
        return Ok(with_options(table, options, memory));
    }
    memory.check(name, "the file", total)?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(total).unwrap_or(usize::MAX))
        .map_err(|_| Error::io(&format!("{name}: {total} bytes cannot be held"), io::ErrorKind::OutOfMemory.into()))?;
    let step = 8 << 20;
    loop {
        let got = file.by_ref().take(step).read_to_end(&mut bytes).map_err(failed)?;
        if got == 0 {
            break;
        }
        // Reading is the first fifth of the way; the rest is understanding what was read.
        progress((bytes.len() as u64).min(total) / 5, total);
    }
    let table = if stream && options.format.is_none() {
        open_stream(name, bytes, options, memory, progress)?
    } else {
        open(name, bytes, options, memory, progress)?
    };
    progress(total, total);
    Ok(table)
}

/// Reads a table from bytes at hand; `name` carries the extension and stands for the file in messages.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<Table, Error> {
    open(name, bytes, options, options.memory(), &|_, _| ())
}

/// Opens what came from a stream, which has no name to tell its format by. Its first bytes do.
fn open_stream(
    name: &str,
    bytes: Vec<u8>,
    options: &ReadOptions,
    memory: MemoryLimit,
    progress: Progress<'_>,
) -> Result<Table, Error> {
    let bytes = match sniff_compression(&bytes) {
        packed if format_of_path(Path::new(name)).is_err() => unpack(name, bytes, packed, memory)?,
        _ => return open(name, bytes, options, memory, progress),
    };
    let format = match sniff(&bytes) {
        Sniffed::Format(format, _) => format,
        Sniffed::Foreign(found) => {
            return Err(Error::content(format!("{name}: is {found} by its content"))
                .with_hint("save it as CSV or Parquet first"));
        }
        Sniffed::Wide(encoding) => return Err(wide(name, encoding)),
        Sniffed::Unknown if looks_like_text(&bytes) || std::str::from_utf8(&bytes).is_ok() => text_format(&bytes),
        Sniffed::Unknown => {
            let hint = text!["say what it is: ", setting::FORMAT.to("FORMAT")];
            return Err(Error::content(format!("{name}: its first bytes tell no format")).with_hint(hint));
        }
    };
    open(name, bytes, &ReadOptions { format: Some(format), ..options.clone() }, memory, progress)
}

/// The error of text of two or four bytes a character.
fn wide(name: &str, encoding: &str) -> Error {
    Error::content(format!("{name} is {encoding} text; leanset reads UTF-8"))
        .with_hint(format!("convert it first: iconv -f {encoding} -t UTF-8 {name} > utf8.csv"))
}

/// The format of a text: objects are JSON Lines; a header with tabs and no commas is TSV.
fn text_format(bytes: &[u8]) -> Format {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let header = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    match header.first() {
        Some(b'{' | b'[') => Format::Jsonl,
        _ if header.contains(&b'\t') && !header.contains(&b',') => Format::Tsv,
        _ => Format::Csv,
    }
}

fn open(
    name: &str,
    bytes: Vec<u8>,
    options: &ReadOptions,
    memory: MemoryLimit,
    progress: Progress<'_>,
) -> Result<Table, Error> {
    let packed = sniff_compression(&bytes);
    if let Some((other, program)) = sniff_foreign_packing(&bytes) {
        return Err(Error::content(format!("{name} is packed with {other}; leanset reads gzip and Zstandard"))
            .with_hint(format!("unpack it first with {program}")));
    }
    let format = match options.format {
        Some(format) => format,
        None => {
            let (format, compression) = format_of_path(Path::new(name))?;
            if compression != packed && !bytes.is_empty() {
                return Err(other_packing(name, format, compression, packed));
            }
            format
        }
    };
    let bytes = unpack(name, bytes, packed, memory)?;
    if bytes.is_empty() {
        return Err(Error::empty(name));
    }
    if options.format.is_none() {
        match sniff(&bytes) {
            Sniffed::Format(found, mark) if found != format => {
                let message = format!("{name} is {} by its content ({mark}), not {}", article(found), article(format));
                return Err(Error::content(message).with_hint(text![setting::FORMAT.to(found), ", or rename the file"]));
            }
            Sniffed::Wide(encoding) => return Err(wide(name, encoding)),
            Sniffed::Foreign(found) => {
                let message = format!("{name} is {found} by its content, not {}", article(format));
                return Err(Error::content(message).with_hint("save it as CSV or Parquet first"));
            }
            _ if !is_text(format) && format != Format::Jsonl && looks_like_text(&bytes) => {
                let message = format!("{name} is text by its content, not {}", article(format));
                return Err(
                    Error::content(message).with_hint(text![setting::FORMAT.to(Format::Csv), ", or rename the file"])
                );
            }
            _ => {}
        }
    }
    check_header(name, format, options)?;
    let missing = options.missing_values.as_deref().map(MissingWords::new);
    let scan = |done: usize, total: usize| {
        let (done, total) = (done as u64, total as u64);
        progress(total / 5 + done / 5 * 4, total);
    };
    let parse = || match format {
        Format::Csv | Format::Tsv => {
            let how = source::text::Options {
                format,
                delimiter: options.delimiter,
                missing: missing.clone(),
                no_header: options.no_header,
            };
            source::text::open(name.to_owned(), how, bytes, memory, &scan)
        }
        Format::Jsonl => source::jsonl::open(name.to_owned(), bytes, memory, &scan),
        Format::Npy => source::numpy::open_npy(name.to_owned(), bytes),
        Format::Npz => {
            let named = (options.features.as_deref(), options.roles.as_slice());
            source::numpy::open_npz(name.to_owned(), &bytes, named, memory)
        }
        Format::Xlsx => source::xlsx::open(
            name.to_owned(),
            bytes,
            options.sheet.as_deref(),
            source::xlsx::How { words: missing.as_ref(), no_header: options.no_header },
            memory,
        ),
        #[cfg(feature = "arrow")]
        Format::Parquet => source::parquet::open(name.to_owned(), ParquetBytes::Held(bytes.into()), memory, &scan),
        #[cfg(feature = "arrow")]
        Format::ArrowIpc => source::arrow::open_ipc(name.to_owned(), bytes, memory),
        #[cfg(not(feature = "arrow"))]
        Format::Parquet | Format::ArrowIpc => Err(source::without_arrow(name, format)),
    };
    let table = unpanicked(parse, || unreadable_as(name, format))?;
    Ok(with_options(table, options, memory))
}

fn unreadable_as(name: &str, format: Format) -> String {
    format!("{name}: cannot be read as {}", article(format))
}

/// A table that was read, with what holds of whatever it is asked for later.
fn with_options(table: Table, options: &ReadOptions, memory: MemoryLimit) -> Table {
    // Text knows these words where it is parsed.
    let words = options.missing_values.as_deref().filter(|_| !is_text(table.format));
    Table { limit: memory, missing: words.map(MissingWords::new), ..table }
}

/// Refuses to take the first line of a table without lines for a row.
fn check_header(name: &str, format: Format, options: &ReadOptions) -> Result<(), Error> {
    if !options.no_header || is_text(format) || format == Format::Xlsx {
        return Ok(());
    }
    Err(Error::request(text![
        format!("{name}: "),
        &setting::NO_HEADER,
        format!(" is of text tables and workbooks, and this is {}", article(format))
    ])
    .with_hint(text!["leave ", &setting::NO_HEADER, " out"]))
}

/// Whether a file is Parquet by its name, or because the user says so, and by its first bytes.
#[cfg(feature = "arrow")]
fn is_parquet(path: &Path, mut file: &File, options: &ReadOptions) -> io::Result<bool> {
    let said = match options.format {
        Some(format) => format == Format::Parquet,
        None => matches!(format_of_path(path), Ok((Format::Parquet, Compression::None))),
    };
    let mut mark = Vec::new();
    if said {
        file.take(4).read_to_end(&mut mark)?;
        file.rewind()?;
    }
    Ok(mark == *b"PAR1")
}

/// Whether the beginning is printable text: no binary format's is.
fn looks_like_text(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(512)];
    beginning.iter().all(|&b| b >= b' ' || matches!(b, b'\t' | b'\n' | b'\r'))
}

fn other_packing(name: &str, format: Format, said: Compression, found: Compression) -> Error {
    let stem = if said == Compression::None { name } else { name.rsplit_once('.').map_or(name, |(stem, _)| stem) };
    match (said, found) {
        (said, Compression::None) => Error::content(format!("{name} is not {said} by its content"))
            .with_hint(text![format!("rename it without '{}', or say ", said.extension()), setting::FORMAT.to(format)]),
        (_, found) => Error::content(format!("{name} is {found} by its content"))
            .with_hint(text![format!("rename it to {stem}{}, or say ", found.extension()), setting::FORMAT.to(format)]),
    }
}

/// The bytes unpacked: no more than what fits beside the packed ones.
fn unpack(name: &str, bytes: Vec<u8>, packed: Compression, memory: MemoryLimit) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let room = memory.left().saturating_sub(bytes.len() as u64);
    let most = room.saturating_add(1);
    let result = match packed {
        Compression::None => return Ok(bytes),
        Compression::Gzip => unpack_gzip(&bytes, most, &mut out),
        Compression::Zstd => zstd::stream::read::Decoder::new(bytes.as_slice())
            .and_then(|unpacked| unpacked.take(most).read_to_end(&mut out).map(drop)),
    };
    if out.len() as u64 > room {
        return Err(memory.refusal(name, "the unpacked file", bytes.len() as u64 + out.len() as u64));
    }
    // Memory is grown by doubling, and what is not used is given back.
    out.shrink_to_fit();
    result.map_err(|error| {
        Error::content(format!("{name}: the {packed} data is damaged: {error}"))
            .with_hint("the file may be cut short: download or pack it again")
            .caused_by(error)
    })?;
    Ok(out)
}

/// All members, one after another. Tapes and some downloads pad the last with zeros; other bytes there are an error.
/// No more than `most` bytes are unpacked.
fn unpack_gzip(mut bytes: &[u8], most: u64, out: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut member = flate2::bufread::GzDecoder::new(bytes);
        member.by_ref().take(most.saturating_sub(out.len() as u64)).read_to_end(out)?;
        if out.len() as u64 >= most {
            return Ok(());
        }
        bytes = member.into_inner();
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            let message = format!("{} bytes of something else follow it", bytes.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
}
