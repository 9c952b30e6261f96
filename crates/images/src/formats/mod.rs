//! The formats of image datasets: a file and a line of [`FORMATS`] each. Nothing else knows which formats there are.

mod coco;
mod folders;
mod format;
mod limits;
mod voc;
mod yolo;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use format::{Detected, Format, OpenOptions, Placed, Smaller, Source};

use crate::ImageSet;

/// Every format. A source is offered to them in this order.
pub static FORMATS: &[&dyn Format] = &[&yolo::Yolo, &coco::Coco, &voc::Voc, &folders::Folders];

impl ImageSet {
    /// The format that the dataset was read from.
    pub fn format(&self) -> &'static dyn Format {
        let named = FORMATS.iter().find(|format| format.name() == self.format);
        *named.expect("sets are made by formats of the list")
    }

    /// Folders that hold files of the dataset, or that a training program searches for them: nothing may be written there.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        let files = self.images.iter().flat_map(|image| std::iter::once(&image.path).chain(&image.annotation));
        let parents = files.filter_map(|file| file.parent().map(Path::to_owned));
        parents.chain(self.format().searched_folders(self)).collect()
    }

    /// Every file that the dataset consists of, whether it exists or not, and the source that was opened.
    pub fn files(&self) -> Vec<PathBuf> {
        let of_image = |image: &crate::Image| std::iter::once(image.path.clone()).chain(image.annotation.clone());
        let documents = std::iter::once(self.source.clone()).chain(self.format().documents(self));
        documents.chain(self.images.iter().flat_map(of_image)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names_of_their_own() {
        let names: BTreeSet<&str> = FORMATS.iter().map(|format| format.name()).collect();
        assert_eq!(names.len(), FORMATS.len());
    }
}
