//! Class folders: a folder for each class, in `train`, `val` and `test` or directly in the folder of the dataset.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use leanset_problem::Result;
use leanset_spec::images::{CategoryRule, Placement};

use super::format::{Detected, Format, OpenOptions, Placed, Smaller, Source, below_split, name_parts};
use crate::error::io;
use crate::set::Original;
use crate::walk::{absolute, hidden, images_below, name_below};
use crate::{Image, ImageSet, Object, Split};

/// The list of kept images.
const LIST: &str = "train.txt";

/// Class folders.
#[derive(Debug)]
pub(super) struct Folders;

impl Format for Folders {
    fn name(&self) -> &'static str {
        "folders"
    }

    fn title(&self) -> &'static str {
        "class folders"
    }

    fn given(&self) -> &'static str {
        "a folder with a folder for each class"
    }

    fn detect(&self, source: &Source) -> Detected {
        if source.is_folder { Detected::Fallback(source.path.clone()) } else { Detected::No }
    }

    fn read(&self, folder: &Path, _: &OpenOptions) -> Result<ImageSet> {
        let root = absolute(folder);
        let known =
            [(Split::Train, &["train"][..]), (Split::Val, &["val", "valid", "validation"]), (Split::Test, &["test"])];
        let mut splits: Vec<(Split, PathBuf)> = known
            .iter()
            .filter_map(|(split, names)| Some((*split, names.iter().map(|n| root.join(n)).find(|p| p.is_dir())?)))
            .collect();
        if splits.first().is_none_or(|(split, _)| *split != Split::Train) {
            splits = vec![(Split::Train, root.clone())];
        }
        let mut issues = Vec::new();
        let mut found: Vec<(Split, String, PathBuf)> = Vec::new();
        for (split, place) in &splits {
            for entry in std::fs::read_dir(place).map_err(|e| io(place, "cannot be listed", e))? {
                let path = entry.map_err(|e| io(place, "cannot be listed", e))?.path();
                if path.is_dir() && !hidden(&path) {
                    let class = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    found.extend(images_below(&path, &mut issues).into_iter().map(|p| (*split, class.clone(), p)));
                }
            }
        }
        let names: BTreeSet<&String> = found.iter().map(|(_, class, _)| class).collect();
        let classes: Vec<String> = names.into_iter().cloned().collect();
        let images = found
            .iter()
            .map(|(split, class, path)| Image {
                path: path.clone(),
                name: name_below(&root, path),
                split: *split,
                annotation: None,
                objects: vec![Object {
                    class: u32::try_from(classes.partition_point(|c| c < class)).unwrap_or(u32::MAX),
                    bounds: None,
                }],
                declared_size: None,
                usable: true,
            })
            .collect();
        Ok(ImageSet {
            source: folder.to_owned(),
            root,
            format: self.name(),
            classes,
            images,
            issues,
            original: Original::default(),
        })
    }

    fn searched_folders(&self, set: &ImageSet) -> Vec<PathBuf> {
        vec![set.root.clone()]
    }

    fn default_rule(&self) -> CategoryRule {
        CategoryRule::Classes
    }

    fn entry_file(&self, _: Placement) -> &'static str {
        LIST
    }

    fn place(&self, _: &ImageSet, image: &Image) -> Placed {
        Placed { image: Path::new("train").join(below_split(&name_parts(image))), annotation: None }
    }

    fn write(&self, smaller: &Smaller<'_>) -> Result<Vec<(PathBuf, String)>> {
        Ok(vec![(LIST.into(), smaller.list())])
    }
}
