//! What a format of image datasets can do: recognise a source, read it, and write a smaller dataset.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use leanset_problem::Result;
use leanset_spec::images::{CategoryRule, Placement};

use crate::error::{io, problem};
use crate::walk::{extension, hidden};
use crate::{Image, ImageSet, Split};

/// A format of image datasets: how annotations are stored, and where.
///
/// Implementations are unit structs without state. What [`Format::write`] needs of the files that were read,
/// [`Format::read`] stores in the set as its `Original`.
pub trait Format: Debug + Sync {
    /// The name in manifests and JSON.
    fn name(&self) -> &'static str;

    /// The name for people.
    fn title(&self) -> &'static str;

    /// What a user gives to open such a dataset, with its article: `a data.yaml`.
    fn given(&self) -> &'static str;

    /// Whether a source is of this format.
    fn detect(&self, source: &Source) -> Detected;

    /// Reads the annotations, and no image. `path` is what [`Format::detect`] returned. Order does not matter: images and
    /// issues are sorted afterwards.
    ///
    /// # Errors
    /// If the files that describe the dataset cannot be read.
    fn read(&self, path: &Path, options: &OpenOptions) -> Result<ImageSet>;

    /// Whether [`OpenOptions::image_folder`] applies.
    fn takes_image_folder(&self) -> bool {
        false
    }

    /// Folders that a training program searches for images, beside those that images are in now.
    fn searched_folders(&self, _set: &ImageSet) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Files and folders that were read beside the source, images and annotation files, such as lists of images.
    fn documents(&self, _set: &ImageSet) -> Vec<PathBuf> {
        Vec::new()
    }

    /// The rule of categories where the user gives none.
    fn default_rule(&self) -> CategoryRule {
        CategoryRule::Amount
    }

    /// Bytes of memory that [`Format::write`] takes for the documents that it changes, beyond its lists.
    fn write_memory(&self, _set: &ImageSet) -> u64 {
        0
    }

    /// The file of a smaller dataset that a training program is given, relative to its folder.
    fn entry_file(&self, placement: Placement) -> &'static str;

    /// Where a copy of an image goes in the folder of a smaller dataset.
    fn place(&self, set: &ImageSet, image: &Image) -> Placed;

    /// The lists and documents of a smaller dataset, as paths relative to its folder and their text. Copies and links of
    /// images and of their annotation files are made by the caller.
    ///
    /// # Errors
    /// If a document cannot be written for these images.
    fn write(&self, smaller: &Smaller<'_>) -> Result<Vec<(PathBuf, String)>>;
}

/// How sure a format is that it can read a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detected {
    /// It cannot.
    No,
    /// By the conventions of the format: this file or folder is to be read.
    Certain(PathBuf),
    /// These files could each describe a dataset of this format. One that no format is certain of decides, if it is alone.
    Possible(Vec<PathBuf>),
    /// If nothing else can.
    Fallback(PathBuf),
}

/// A file or folder that may be an image dataset.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path as given.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Of a folder: the files directly in it that are neither hidden nor the manifest of a reduction, by name.
    pub files: Vec<PathBuf>,
}

impl Source {
    /// Looks at a path.
    ///
    /// # Errors
    /// If it cannot be opened or listed.
    pub fn new(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| io(path, "cannot be opened", e))?;
        let mut files = Vec::new();
        if metadata.is_dir() {
            for entry in std::fs::read_dir(path).map_err(|e| io(path, "cannot be listed", e))? {
                let file = entry.map_err(|e| io(path, "cannot be listed", e))?.path();
                // The manifest of a reduction records what was done; it describes no dataset.
                if file.is_file() && !hidden(&file) && file.file_name().is_some_and(|n| n != "manifest.json") {
                    files.push(file);
                }
            }
            files.sort();
        }
        Ok(Self { path: path.to_owned(), is_folder: metadata.is_dir(), files })
    }

    /// The file in the folder with this name.
    pub fn file(&self, name: &str) -> Option<&PathBuf> {
        self.files.iter().find(|file| file.file_name().is_some_and(|n| n == name))
    }

    /// Detects a format whose datasets are described by one file with one of these extensions.
    pub fn described_by(&self, extensions: &[&str]) -> Detected {
        let described = |file: &&PathBuf| extensions.contains(&extension(file).as_str());
        if self.is_folder {
            Detected::Possible(self.files.iter().filter(described).cloned().collect())
        } else if described(&&self.path) {
            Detected::Certain(self.path.clone())
        } else {
            Detected::No
        }
    }
}

/// What can be said about a dataset beside where it is.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The folder of the images of a COCO file, if they are not beside it.
    pub image_folder: Option<PathBuf>,
}

/// Where an image and its annotation file go, relative to the folder of a smaller dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The image.
    pub image: PathBuf,
    /// Its annotation file, in formats with one per image.
    pub annotation: Option<PathBuf>,
}

/// A smaller dataset that is to be written.
#[derive(Debug)]
pub struct Smaller<'a> {
    /// The dataset that it is made from.
    pub set: &'a ImageSet,
    /// The kept training images, in the order of the set.
    pub images: &'a [&'a Image],
    /// Where copies or links of them go; `None` if they stay where they are.
    pub placed: Option<&'a [Placed]>,
    /// Where the folder will be.
    pub folder: &'a Path,
}

impl Smaller<'_> {
    /// What [`Format::read`] stored in the set.
    pub(super) fn original<T: std::any::Any>(&self) -> Result<&T> {
        self.set.original.get().ok_or_else(|| {
            let source = self.set.source.display();
            problem(format!("{source}: the document that a smaller dataset is written from is not in memory"))
        })
    }

    /// The text of a list of the images: absolute paths if they stay, else paths relative to the folder.
    pub fn list(&self) -> String {
        match self.placed {
            None => self.images.iter().map(|image| image.path.to_string_lossy().into_owned() + "\n").collect(),
            Some(placed) => placed.iter().map(|p| format!("./{}\n", p.image.to_string_lossy())).collect(),
        }
    }
}

/// The parts of the name of an image; of an image outside the root of its set, the file name alone.
pub(super) fn name_parts(image: &Image) -> Vec<&str> {
    let mut parts: Vec<&str> = image.name.split('/').collect();
    if Path::new(&image.name).is_absolute() { parts.split_off(parts.len() - 1) } else { parts }
}

/// A path of these parts, without a leading folder of the training split.
pub(super) fn below_split(parts: &[&str]) -> PathBuf {
    match parts {
        [first, below @ ..] if *first == Split::Train.name() && !below.is_empty() => below.iter().collect(),
        all => all.iter().collect(),
    }
}
