//! The files of a smaller dataset: lists and documents by its format, and copies or links of images on request.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use leanset_problem::{Result, setting, text};
use leanset_spec::images::Placement;

use crate::error::problem;
use crate::formats::{Placed, Smaller};
use crate::{Image, ImageSet};

/// The content of a file that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// This text.
    Text(String),
    /// A copy of this file.
    Copy(PathBuf),
    /// A link to this file.
    Link(PathBuf),
}

/// The files of a smaller dataset, by their paths relative to `folder`, which is where they will be. `kept` are indices of
/// training images; validation and test splits stay what they are.
///
/// # Errors
/// If two images would be placed at one path.
pub fn files(set: &ImageSet, kept: &[usize], folder: &Path, placement: Placement) -> Result<Vec<(PathBuf, Content)>> {
    let images: Vec<&Image> = kept.iter().map(|&index| &set.images[index]).collect();
    let mut files: Vec<(PathBuf, Content)> = Vec::new();
    let placed = (placement != Placement::Stay).then(|| places(set, &images)).transpose()?;
    let content = |path: &Path| match placement {
        Placement::Link => Content::Link(path.to_owned()),
        _ => Content::Copy(path.to_owned()),
    };
    for (image, to) in images.iter().zip(placed.iter().flatten()) {
        files.push((to.image.clone(), content(&image.path)));
        if let (Some(to), Some(from)) = (&to.annotation, &image.annotation)
            && from.is_file()
        {
            files.push((to.clone(), content(from)));
        }
    }
    let documents = set.format().write(&Smaller { set, images: &images, placed: placed.as_deref(), folder })?;
    files.extend(documents.into_iter().map(|(path, text)| (path, Content::Text(text))));
    Ok(files)
}

/// Where each image and its annotation go, relative to the new folder.
fn places(set: &ImageSet, images: &[&Image]) -> Result<Vec<Placed>> {
    let format = set.format();
    let mut taken = HashSet::new();
    images
        .iter()
        .map(|image| {
            let placed = format.place(set, image);
            let free = std::iter::once(&placed.image).chain(&placed.annotation).all(|path| taken.insert(path.clone()));
            if free && placed.image.components().all(|part| matches!(part, Component::Normal(_))) {
                return Ok(placed);
            }
            let (from, to) = (image.path.display(), placed.image.display());
            Err(problem(format!(
                "{from}: its place in the new folder would be {to}, where another image is, or outside"
            ))
            .hint(text![
                "leave out ",
                &setting::COPY,
                " and ",
                &setting::LINK,
                ": a list then names the images where they are"
            ]))
        })
        .collect()
}
