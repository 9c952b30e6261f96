//! Class folders: a folder a class, in `train`, `val` and `test` or at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::set::{absolute, hidden, name_below, pictures_below};
use crate::{Error, ImageSet, Layout, Object, Picture, Result, Split};

pub(crate) fn open(folder: &Path) -> Result<ImageSet> {
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
    let mut faults = Vec::new();
    let mut found: Vec<(Split, String, PathBuf)> = Vec::new();
    for (split, place) in &splits {
        for entry in std::fs::read_dir(place).map_err(|e| Error::io(place, "cannot be listed", &e))? {
            let path = entry.map_err(|e| Error::io(place, "cannot be listed", &e))?.path();
            if path.is_dir() && !hidden(&path) {
                let class = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                found.extend(pictures_below(&path, &mut faults).into_iter().map(|p| (*split, class.clone(), p)));
            }
        }
    }
    let names: BTreeSet<&String> = found.iter().map(|(_, class, _)| class).collect();
    let classes: Vec<String> = names.into_iter().cloned().collect();
    let pictures = found
        .iter()
        .map(|(split, class, path)| Picture {
            path: path.clone(),
            name: name_below(&root, path),
            split: *split,
            annotation: None,
            objects: vec![Object {
                class: u32::try_from(classes.partition_point(|c| c < class)).unwrap_or(u32::MAX),
                bounds: None,
            }],
            claimed: None,
            usable: true,
        })
        .collect();
    Ok(ImageSet { source: folder.to_owned(), root, layout: Layout::Folders, classes, pictures, faults })
}
