//! Which files a table is in: one, those of a folder, those of a pattern, or several that are named.
//!
//! The files of a folder and of a pattern are in the order of their paths, name by name and byte by byte: `part-10` comes
//! before `part-9`, as other readers have it. Files that are named keep their order. Folders below a folder are read too,
//! and those named `key=value`, as Hive and Spark write them, are columns.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use leanset_problem::{list, setting, text};
use leanset_spec::{Format, TablePaths};

use crate::error::{Error, Warning, counted, shown};
use crate::format::{Compression, article, format_of_path};

/// A file of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// Where it is.
    pub path: PathBuf,
    /// What messages call it.
    pub name: String,
    /// Whether it was a stream, whose name tells no format: its first bytes do.
    pub stream: bool,
    /// Columns that folders give every row of it, with the value, if there is one.
    pub keys: Vec<(String, Option<String>)>,
}

impl TableFile {
    /// A file by its path.
    pub fn new(path: PathBuf) -> Self {
        Self { name: path.display().to_string(), path, stream: false, keys: Vec::new() }
    }

    /// Bytes that are in memory once it is read, at least: those of the file, unless its columns stay there.
    pub fn held_bytes(&self) -> u64 {
        let stays = !self.stream && matches!(format_of_path(&self.path), Ok((Format::Parquet, Compression::None)));
        if stays { 0 } else { fs::metadata(&self.path).map_or(0, |metadata| metadata.len()) }
    }

    /// A file that holds what a stream of this name had.
    pub fn of_stream(name: String, path: PathBuf) -> Self {
        Self { path, name, stream: true, keys: Vec::new() }
    }
}

/// The files of a table, in the order of their rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFiles {
    /// What messages call the table.
    pub name: String,
    /// The files. There is at least one.
    pub files: Vec<TableFile>,
    /// Whether they stand for one table of several files, although there may be only one.
    pub several: bool,
    /// What is worth knowing of them.
    pub warnings: Vec<Warning>,
}

impl From<TableFile> for TableFiles {
    fn from(file: TableFile) -> Self {
        Self { name: file.name.clone(), files: vec![file], several: false, warnings: Vec::new() }
    }
}

/// The files of a table. With a `format`, every file of a folder is of it, whatever its name.
///
/// # Errors
/// A folder or a pattern without tables, or whose files cannot be one table; a file that is named twice. That a file is
/// there is found when it is read.
pub fn find_files(paths: &TablePaths, format: Option<Format>) -> Result<TableFiles, Error> {
    let name = paths.to_string();
    if paths.is_empty() {
        return Err(Error::request("no table is given").with_hint("name a file, a folder of files, or several files"));
    }
    let mut search = Search { format, files: Vec::new(), skipped: Vec::new() };
    let mut several = paths.as_slice().len() > 1;
    for path in paths.as_slice() {
        if path.is_dir() {
            several = true;
            search.folder(path)?;
        } else if !path.exists() && path.to_str().is_some_and(is_pattern) {
            several = true;
            search.pattern(path)?;
        } else if !(several && is_marker(path)) {
            search.files.push((path.clone(), None));
        }
    }
    let Search { files, skipped, .. } = search;
    if files.is_empty() {
        let what = if skipped.is_empty() {
            "holds no files".to_owned()
        } else {
            format!("holds no table, but {}", names(&skipped))
        };
        let hint =
            text!["a table ends in .csv, .parquet or another known extension; or say ", setting::FORMAT.to("FORMAT")];
        return Err(Error::request(format!("{name}: {what}")).with_hint(hint));
    }
    check_distinct(&files)?;
    let mut found: Vec<TableFile> = files.iter().map(|(path, _)| TableFile::new(path.clone())).collect();
    let mut warnings = Vec::new();
    if several {
        check_formats(&name, &found, format)?;
        check_splits(&name, &found)?;
        warnings.extend(keys(&name, &mut found, &files)?);
        if !skipped.is_empty() {
            let (count, names) = (counted(skipped.len(), "file", "files"), names(&skipped));
            let message = format!("{name}: {count} not read, because the names are not those of tables: {names}");
            warnings.push(Warning::new("files-skipped", message));
        }
    }
    Ok(TableFiles { name, files: found, several, warnings })
}

struct Search {
    format: Option<Format>,
    /// Files, and the folder that was searched for each, if one was.
    files: Vec<(PathBuf, Option<PathBuf>)>,
    /// Files that are no tables by their names.
    skipped: Vec<PathBuf>,
}

impl Search {
    /// All tables below a folder.
    fn folder(&mut self, root: &Path) -> Result<(), Error> {
        self.below(root, root, &mut HashSet::new())
    }

    fn below(&mut self, root: &Path, folder: &Path, above: &mut HashSet<PathBuf>) -> Result<(), Error> {
        let failed = |error| Error::io(&format!("{}: cannot be read", folder.display()), error);
        // A link to a folder above it would be followed for ever.
        let real = folder.canonicalize().map_err(failed)?;
        if !above.insert(real.clone()) {
            return Ok(());
        }
        check_layout(folder)?;
        let mut entries = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
            .map_err(failed)?;
        entries.sort_unstable_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
        for path in entries {
            if is_marker(&path) {
                continue;
            }
            if path.is_dir() {
                self.below(root, &path, above)?;
            } else if self.format.is_some() || is_table(&path) {
                self.files.push((path, Some(root.to_owned())));
            } else {
                self.skipped.push(path);
            }
        }
        above.remove(&real);
        Ok(())
    }

    /// What a pattern stands for.
    fn pattern(&mut self, pattern: &Path) -> Result<(), Error> {
        let shown = pattern.display();
        // The text was looked at before, so it is valid.
        let text = pattern.to_str().unwrap_or_default();
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let found = glob::glob_with(text, options).map_err(|error| {
            Error::request(format!("{shown}: is not a pattern: {error}")).with_hint("* ? and [ab] are known")
        })?;
        let mut paths = found
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::io(&format!("{}: cannot be read", error.path().display()), error.into()))?;
        if paths.is_empty() {
            return Err(Error::request(format!("{shown}: no file has such a name"))
                .with_hint("check the pattern, and the folder it is taken from"));
        }
        paths.sort_unstable_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
        // What is named in full is meant.
        let named = pattern.components().take_while(|part| !part.as_os_str().to_str().is_some_and(is_pattern)).count();
        for path in paths {
            if path.components().skip(named).any(|part| is_marker(Path::new(part.as_os_str()))) {
                continue;
            }
            if path.is_dir() {
                self.folder(&path)?;
            } else if self.format.is_some() || is_table(&path) {
                self.files.push((path, None));
            } else {
                self.skipped.push(path);
            }
        }
        Ok(())
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn is_table(path: &Path) -> bool {
    format_of_path(path).is_ok()
}

/// Hidden files, and what writers of folders leave beside the data: `_SUCCESS`, `_metadata`, checksums, descriptions.
fn is_marker(path: &Path) -> bool {
    const DESCRIPTIONS: [&str; 5] =
        ["dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "readme.md"];
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    // A folder may be the value of a key that begins so.
    (name.starts_with(['.', '_']) && !name.contains('='))
        || name.ends_with(".crc")
        || name.ends_with(".manifest.json")
        || DESCRIPTIONS.contains(&name.as_str())
}

/// Refuses folders whose files are not the table: some of them are of an older version of it.
fn check_layout(folder: &Path) -> Result<(), Error> {
    let iceberg = || {
        let of_metadata = |entry: fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".metadata.json");
        fs::read_dir(folder.join("metadata")).is_ok_and(|entries| entries.flatten().any(of_metadata))
    };
    let layout = if folder.join("_delta_log").is_dir() {
        "a Delta Lake table"
    } else if folder.join(".hoodie").is_dir() {
        "a Hudi table"
    } else if iceberg() {
        "an Iceberg table"
    } else {
        return Ok(());
    };
    let message = format!("{}: is {layout}, and its folder may hold deleted and older rows", folder.display());
    Err(Error::request(message).with_hint("write its present rows to Parquet files with the program that made it"))
}

fn check_distinct(files: &[(PathBuf, Option<PathBuf>)]) -> Result<(), Error> {
    let mut seen = HashSet::with_capacity(files.len());
    for (path, _) in files {
        // A file that is not there is named when it is read.
        if let Ok(real) = path.canonicalize()
            && real.is_file()
            && !seen.insert(real)
        {
            let message = format!("{}: is given twice, and its rows would be too", path.display());
            return Err(Error::request(message).with_hint("name every file once"));
        }
    }
    Ok(())
}

/// All files must be of one format.
fn check_formats(name: &str, files: &[TableFile], format: Option<Format>) -> Result<(), Error> {
    if format.is_some() {
        return Ok(());
    }
    let mut first: Option<(&TableFile, Format)> = None;
    for file in files {
        let (format, _) = format_of_path(&file.path)?;
        match first {
            Some((before, other)) if other != format => {
                let (before, here) = (&before.name, &file.name);
                return Err(Error::request(format!(
                    "{name}: the files of one table are of one format, and {before} is {}, {here} is {}",
                    article(other),
                    article(format)
                ))
                .with_hint(format!("name the files of one format, such as '*.{}'", other.extensions()[0])));
            }
            Some(_) => {}
            None => first = Some((file, format)),
        }
    }
    Ok(())
}

/// Training and test data in one folder are not one table.
fn check_splits(name: &str, files: &[TableFile]) -> Result<(), Error> {
    const SPLITS: [&str; 7] = ["train", "training", "test", "testing", "val", "valid", "validation"];
    let split = |file: &TableFile| {
        let own = file.path.components().rev().filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        });
        // By the first word of the file, or by the folder it is in.
        own.take(2).find_map(|part| {
            let word = part.split(|c: char| !c.is_ascii_alphabetic()).next()?.to_lowercase();
            let found = SPLITS.iter().position(|split| *split == word)?;
            // Two words of one split each.
            Some([0, 0, 1, 1, 2, 2, 2][found])
        })
    };
    let found: Vec<(&TableFile, usize)> = files.iter().filter_map(|file| Some((file, split(file)?))).collect();
    let Some(&(first, kind)) = found.first() else { return Ok(()) };
    match found.iter().find(|(_, other)| *other != kind) {
        None => Ok(()),
        Some((other, _)) => Err(Error::request(format!(
            "{name}: {} and {} are of two splits, by their names, and would become one table",
            first.name, other.name
        ))
        .with_hint("name the files of one split: 'train*' in quotes, or each file")),
    }
}

/// The keys that folders named `key=value` give: below the folder that was searched, or below what all files share.
fn keys(name: &str, found: &mut [TableFile], files: &[(PathBuf, Option<PathBuf>)]) -> Result<Option<Warning>, Error> {
    let shared = shared_folder(files.iter().map(|(path, _)| path.as_path()));
    for (file, (path, root)) in found.iter_mut().zip(files) {
        let below = path.strip_prefix(root.as_deref().unwrap_or(&shared)).unwrap_or(path);
        for part in below.parent().into_iter().flat_map(Path::components) {
            let part = part.as_os_str().to_string_lossy();
            if let Some((key, value)) = part.split_once('=').filter(|(key, _)| !key.is_empty()) {
                let value = decoded(value);
                file.keys.push((decoded(key), (value != "__HIVE_DEFAULT_PARTITION__").then_some(value)));
            }
        }
    }
    let named = |file: &TableFile| file.keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let Some(first) = found.first() else { return Ok(None) };
    let keys = named(first);
    if let Some(other) = found.iter().find(|file| named(file) != keys) {
        let of = |file: &TableFile| {
            let keys = named(file);
            if keys.is_empty() { "no key".to_owned() } else { list(keys.iter().map(|key| shown(key)), 5) }
        };
        return Err(Error::request(format!(
            "{name}: folders named key=value are columns, and {} has {}, {} has {}",
            first.name,
            of(first),
            other.name,
            of(other)
        ))
        .with_hint("the files of one table are below folders of the same keys in the same order"));
    }
    if let Some(twice) = keys.iter().enumerate().find_map(|(at, key)| keys[..at].contains(key).then_some(key)) {
        return Err(Error::request(format!("{}: two folders give the column {}", first.name, shown(twice)))
            .with_hint("rename one of the folders"));
    }
    if keys.is_empty() {
        return Ok(None);
    }
    let columns = if keys.len() == 1 { "column" } else { "columns" };
    let names = list(keys.iter().map(|key| shown(key)), 5);
    let message = format!("{name}: the {columns} {names} come from the names of folders, and are written as columns");
    Ok(Some(Warning::new("partition-columns", message)))
}

/// The folder that all files are in.
pub fn shared_folder<'a>(files: impl IntoIterator<Item = &'a Path>) -> PathBuf {
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let shared = files.into_iter().map(folder).reduce(|all, own| {
        all.components().zip(own.components()).take_while(|(a, b)| a == b).map(|(part, _)| part).collect()
    });
    shared.unwrap_or_default()
}

/// With `%2F` and the like as the characters they stand for.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits =
            bytes.get(at + 1..at + 3).filter(|digits| byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn names(paths: &[PathBuf]) -> String {
    list(paths.iter().map(|path| path.display()), 3)
}
