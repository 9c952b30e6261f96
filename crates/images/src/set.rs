//! The model of an image dataset, whatever format it was read from: types only. Formats are in `formats`, reading in `open`.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Issue;

/// A split of the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// What a model is trained on: the only split that is reduced.
    Train,
    /// Images to validate with during training.
    Val,
    /// Images to test with at the end.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// A bounding box by its corners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Left, top, right, bottom.
    pub corners: [f64; 4],
    /// In pixels; otherwise as fractions of the width and the height.
    pub pixels: bool,
}

/// An annotated object, or the class of an image as a whole.
///
/// Fingerprints of datasets in manifests are hashes of the `Debug` text of objects, so neither this type nor [`Bounds`]
/// changes its name or its fields: a test holds the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// The class: an index into [`ImageSet::classes`].
    pub class: u32,
    /// Where the object is; `None` where the image as a whole has a class.
    pub bounds: Option<Bounds>,
}

/// An image and what its annotation says of it.
#[derive(Clone, Debug)]
pub struct Image {
    /// The file, absolute, under the name that the dataset gives it: links are followed for reading, not for naming.
    pub path: PathBuf,
    /// The path below the root of the dataset, with `/`; the whole path of an image elsewhere.
    pub name: String,
    /// The split that it is in.
    pub split: Split,
    /// The annotation file of this image alone, whether it exists or not; `None` if the format has no such files.
    pub annotation: Option<PathBuf>,
    /// The annotated objects.
    pub objects: Vec<Object>,
    /// Width and height according to the annotation.
    pub declared_size: Option<(u32, u32)>,
    /// Whether a model can be trained on it.
    pub usable: bool,
}

/// An image dataset.
#[derive(Clone, Debug)]
pub struct ImageSet {
    /// The file or folder that was opened.
    pub source: PathBuf,
    /// The folder that names of images are relative to.
    pub root: PathBuf,
    /// The name of the format that it was read from.
    pub(crate) format: &'static str,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The images, ordered by split and then by name: never in the order of a directory listing.
    pub images: Vec<Image>,
    /// What is wrong with them as far as annotations show it; [`crate::inspect()`] adds what only the images show.
    pub issues: Vec<Issue>,
    /// What the format needs to write a smaller dataset.
    pub(crate) original: Original,
}

impl ImageSet {
    /// Images of a split.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &Image> {
        self.images.iter().filter(move |image| image.split == split)
    }

    pub(crate) fn sort_issues(&mut self) {
        self.issues.sort_by_cached_key(Issue::key);
    }
}

/// What a format keeps of the files that it read, beyond the model: it writes a smaller dataset from it. Only the format
/// knows the type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Original(Option<Arc<dyn Any + Send + Sync>>);

impl Original {
    pub(crate) fn new<T: Any + Send + Sync>(document: T) -> Self {
        Self(Some(Arc::new(document)))
    }

    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_deref().and_then(<dyn Any + Send + Sync>::downcast_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_debug_text_is_that_of_fingerprints_in_manifests() {
        let bounds = Bounds { corners: [0.25, 1e-7, 3.0, 100.5], pixels: true };
        assert_eq!(
            format!("{:?}", [Object { class: 3, bounds: Some(bounds) }, Object { class: 0, bounds: None }]),
            "[Object { class: 3, bounds: Some(Bounds { corners: [0.25, 1e-7, 3.0, 100.5], pixels: true }) }, \
             Object { class: 0, bounds: None }]"
        );
    }
}
