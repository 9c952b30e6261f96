//! Images by path: how rows of tables and lines of lists are joined with images, never by their order.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use leanset_tables::{Table, Values};

use leanset_problem::Result;

use crate::ImageSet;
use crate::error::problem;
use crate::walk::absolute;

/// The column of paths in a table about images.
pub const PATH: &str = "path";

/// Images by path.
pub struct PathIndex<'a> {
    set: &'a ImageSet,
    /// An image can be in several splits.
    by_path: HashMap<&'a Path, Vec<usize>>,
    /// Paths by file name alone; nothing where two share one.
    by_file: HashMap<&'a std::ffi::OsStr, Option<&'a Path>>,
    /// Folders that relative paths may be of.
    folders: Vec<PathBuf>,
}

impl<'a> PathIndex<'a> {
    /// Of the names in `file`: paths are absolute, or of the root of the set, the folder of `file` or the working folder;
    /// or they are file names that only one image has.
    pub fn new(set: &'a ImageSet, file: &Path) -> Self {
        let mut by_file: HashMap<&std::ffi::OsStr, Option<&Path>> = HashMap::new();
        let mut by_path: HashMap<&Path, Vec<usize>> = HashMap::new();
        for (index, image) in set.images.iter().enumerate() {
            let path = image.path.as_path();
            by_path.entry(path).or_default().push(index);
            if let Some(name) = path.file_name() {
                let place = by_file.entry(name).or_insert(Some(path));
                *place = place.filter(|other| *other == path);
            }
        }
        let beside = absolute(file).parent().map(Path::to_owned).unwrap_or_default();
        let here = std::env::current_dir().unwrap_or_default();
        Self { set, by_path, by_file, folders: vec![set.root.clone(), beside, here] }
    }

    /// The indices of the image of this name, one a split that it is in.
    pub fn find(&self, name: &str) -> &[usize] {
        let path = Path::new(name.trim());
        let at = |path: PathBuf| self.by_path.get(absolute(&path).as_path());
        let found = if path.is_absolute() {
            at(path.to_owned())
        } else {
            self.folders.iter().find_map(|f| at(f.join(path))).or_else(|| {
                let alone = path.components().count() == 1;
                alone.then(|| self.by_path.get(self.by_file.get(path.as_os_str()).copied().flatten()?)).flatten()
            })
        };
        found.map_or(&[], Vec::as_slice)
    }

    /// The row of each of `wanted` in `names`; names of other images, or of none, are ignored.
    ///
    /// # Errors
    /// If an image has two rows, or one of `wanted` none.
    pub fn rows<S: AsRef<str>>(
        &self,
        file: &Path,
        names: impl Iterator<Item = S>,
        wanted: &[usize],
    ) -> Result<Vec<usize>> {
        let mut row_of: HashMap<usize, usize> = HashMap::new();
        let mut first = None;
        for (row, name) in names.enumerate() {
            first.get_or_insert_with(|| name.as_ref().to_owned());
            for &image in self.find(name.as_ref()) {
                if let Some(other) = row_of.insert(image, row) {
                    let name = &self.set.images[image].name;
                    return Err(problem(format!("{}: rows {other} and {row} are both of {name}", file.display()))
                        .hint("give every image one row"));
                }
            }
        }
        let lacking: Vec<usize> = wanted.iter().copied().filter(|p| !row_of.contains_key(p)).collect();
        if let Some(&one) = lacking.first() {
            let name = &self.set.images[one].name;
            return Err(problem(format!(
                "{}: {} of {} images have no row in it; the first is {name}",
                file.display(),
                lacking.len(),
                wanted.len()
            ))
            .hint(format!(
                "paths in it are like '{}'; they may be absolute, below {}, or file names that only one image has",
                first.unwrap_or_default(),
                self.set.root.display()
            )));
        }
        Ok(wanted.iter().map(|p| row_of[p]).collect())
    }
}

/// The texts of a column.
pub(crate) fn texts(table: &Table, column: &str) -> Result<Vec<String>> {
    let values = table.text_column(table.position(column)?)?;
    match &values.values {
        Values::Text(texts) => Ok(texts.iter().map(str::to_owned).collect()),
        _ => Ok((0..values.len()).map(|row| values.text(row).into_owned()).collect()),
    }
}
