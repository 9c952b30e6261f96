//! What a smaller set is written as: lists and descriptions, and copies or links of pictures on request.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::set::name_below;
use crate::{Error, ImageSet, Layout, Picture, Result, Split};

/// What becomes of the kept pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// They stay where they are, and a list names them.
    #[default]
    Stay,
    /// They are copied, with their annotations.
    Copy,
    /// They are linked to, with their annotations.
    Link,
}

/// What a file to be written holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// This text.
    Text(String),
    /// What this file holds.
    Copy(PathBuf),
    /// A link to this file.
    Link(PathBuf),
}

/// The files of the smaller set, by their paths below `folder`, which is where they will be. Pictures of `kept` are
/// indices; validation and test stay what they are.
///
/// # Errors
/// If two pictures would have to have one name.
pub fn files(set: &ImageSet, kept: &[usize], folder: &Path, placement: Placement) -> Result<Vec<(PathBuf, Content)>> {
    let pictures: Vec<&Picture> = kept.iter().map(|&i| &set.pictures[i]).collect();
    let mut out: Vec<(PathBuf, Content)> = Vec::new();
    let placed = if placement == Placement::Stay { Vec::new() } else { places(set, &pictures)? };
    let content = |path: &Path| match placement {
        Placement::Link => Content::Link(path.to_owned()),
        _ => Content::Copy(path.to_owned()),
    };
    for (picture, (place, annotation)) in pictures.iter().zip(&placed) {
        out.push((place.clone(), content(&picture.path)));
        if let (Some(annotation), Some(from)) = (annotation, &picture.annotation)
            && from.is_file()
        {
            out.push((annotation.clone(), content(from)));
        }
    }
    let lines = |lines: Vec<String>| Content::Text(lines.into_iter().map(|l| l + "\n").collect());
    let paths = || {
        if placement == Placement::Stay {
            pictures.iter().map(|p| p.path.to_string_lossy().into_owned()).collect()
        } else {
            placed.iter().map(|(place, _)| format!("./{}", place.to_string_lossy())).collect()
        }
    };
    match &set.layout {
        Layout::Yolo(description) => {
            out.push(("train.txt".into(), lines(paths())));
            out.push(("data.yaml".into(), Content::Text(description.with_train(folder, "train.txt")?)));
        }
        Layout::Coco(document) => {
            let kept: Vec<&Path> = pictures.iter().map(|p| p.path.as_path()).collect();
            out.push(("train.json".into(), Content::Text(document.with_pictures(&kept)?)));
        }
        Layout::Voc => {
            let stems = pictures.iter().map(|p| stem(set, p)).collect();
            let list = if placement == Placement::Stay { "train.txt" } else { "ImageSets/Main/train.txt" };
            out.push((list.into(), lines(stems)));
        }
        Layout::Folders => out.push(("train.txt".into(), lines(paths()))),
    }
    Ok(out)
}

/// What Pascal VOC calls a picture in its lists.
fn stem(set: &ImageSet, picture: &Picture) -> String {
    let bases = ["JPEGImages", "images"].map(|b| set.root.join(b));
    let base = bases.iter().find(|b| picture.path.starts_with(b)).unwrap_or(&set.root);
    name_below(base, &picture.path.with_extension(""))
}

/// Where each picture and its annotation go, below the new folder.
fn places(set: &ImageSet, pictures: &[&Picture]) -> Result<Vec<(PathBuf, Option<PathBuf>)>> {
    let mut taken = HashSet::new();
    pictures
        .iter()
        .map(|picture| {
            let name = below(set, picture);
            let (place, annotation) = match &set.layout {
                Layout::Yolo(_) => (
                    Path::new("images/train").join(&name),
                    Some(Path::new("labels/train").join(name.with_extension("txt"))),
                ),
                Layout::Coco(_) => (Path::new("images").join(&name), None),
                Layout::Voc => {
                    let stem = stem(set, picture);
                    let file = picture.path.extension().unwrap_or_default().to_string_lossy();
                    (
                        Path::new("JPEGImages").join(format!("{stem}.{file}")),
                        Some(Path::new("Annotations").join(format!("{stem}.xml"))),
                    )
                }
                Layout::Folders => (Path::new("train").join(&name), None),
            };
            let mut both = std::iter::once(&place).chain(&annotation);
            let free = both.all(|p| taken.insert(p.clone()));
            if free && place.components().all(|c| matches!(c, std::path::Component::Normal(_))) {
                Ok((place, annotation))
            } else {
                Err(Error::new(format!(
                    "{}: would be placed where another picture is, or outside the new folder, as {}",
                    picture.path.display(),
                    place.display()
                ))
                .with_hint("let the pictures stay where they are: without --copy and --link a list names them"))
            }
        })
        .collect()
}

/// A picture's path without the folders that are the layout's own.
fn below(set: &ImageSet, picture: &Picture) -> PathBuf {
    if Path::new(&picture.name).is_absolute() {
        return picture.path.file_name().unwrap_or_default().into();
    }
    let mut parts: Vec<&str> = picture.name.split('/').collect();
    let last = parts.len() - 1;
    if matches!(set.layout, Layout::Yolo(_))
        && let Some(at) = parts[..last].iter().rposition(|p| *p == "images")
    {
        parts.drain(..=at);
    }
    if parts.len() > 1 && parts[0] == Split::Train.name() && !matches!(set.layout, Layout::Coco(_)) {
        parts.remove(0);
    }
    parts.iter().collect()
}
