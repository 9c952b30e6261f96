//! Pascal VOC: an XML file a picture, in `Annotations` with the pictures in `JPEGImages`, or beside the pictures.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::error::plain;
use crate::set::{absolute, extension, files_below, name_below, pictures_below};
use crate::{Bounds, Error, Fault, FaultKind, ImageSet, Layout, Object, Picture, Result, Severity, Split};

pub(crate) fn open(folder: &Path) -> Result<ImageSet> {
    let root = absolute(folder);
    let mut faults = Vec::new();
    let apart = root.join("Annotations").is_dir();
    let (notes, shots) = if apart {
        let shots = root.join("JPEGImages");
        (root.join("Annotations"), if shots.is_dir() { shots } else { root.join("images") })
    } else {
        (root.clone(), root.clone())
    };
    if !shots.is_dir() {
        return Err(Error::new(format!("{}: has Annotations and neither JPEGImages nor images", folder.display()))
            .with_hint("Pascal VOC has its pictures in JPEGImages"));
    }
    let stem = |base: &Path, path: &Path| name_below(base, &path.with_extension(""));
    let mut by_stem: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in pictures_below(&shots, &mut faults) {
        by_stem.entry(stem(&shots, &path)).or_default().push(path);
    }
    let mut xml: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files_below(&notes, &mut faults) {
        if extension(&path) == "xml" {
            xml.insert(stem(&notes, &path), path);
        }
    }
    let splits = splits(&root, apart)?;
    let split_of: HashMap<&String, Split> =
        splits.iter().flat_map(|(s, stems)| stems.iter().map(move |t| (t, *s))).collect();
    let mut wanted: Vec<(String, Split)> = if splits.is_empty() {
        by_stem.keys().map(|s| (s.clone(), Split::Train)).collect()
    } else {
        splits.iter().flat_map(|(s, stems)| stems.iter().map(move |t| (t.clone(), *s))).collect()
    };
    wanted.sort();
    let mut read: Vec<(Picture, Vec<Named>)> = Vec::new();
    for (name, split) in wanted {
        let Some(paths) = by_stem.get(&name) else {
            let path = shots.join(format!("{name}.jpg"));
            let message = format!("is listed in {} and not there", split.name());
            faults.push(Fault::new(FaultKind::PictureMissing, Severity::Error, path, message));
            continue;
        };
        for path in paths {
            let note = xml.get(&name).cloned();
            let mut picture = Picture {
                path: path.clone(),
                name: name_below(&root, path),
                split,
                annotation: note.clone(),
                objects: Vec::new(),
                claimed: None,
                usable: true,
            };
            let named = match note {
                None => {
                    faults.push(Fault::new(
                        FaultKind::LabelMissing,
                        Severity::Warning,
                        path,
                        "has no XML file of its name",
                    ));
                    Vec::new()
                }
                Some(note) => annotation(&note, &mut picture, &mut faults),
            };
            read.push((picture, named));
        }
    }
    for (name, path) in &xml {
        if !by_stem.contains_key(name) && (splits.is_empty() || !split_of.contains_key(name)) {
            faults.push(Fault::new(FaultKind::LabelOrphan, Severity::Warning, path, "has no picture of its name"));
        }
    }
    let names: BTreeSet<&String> = read.iter().flat_map(|(_, named)| named.iter().map(|(name, _)| name)).collect();
    let classes: Vec<String> = names.into_iter().cloned().collect();
    let class = |name: &String| u32::try_from(classes.partition_point(|c| c < name)).unwrap_or(u32::MAX);
    let pictures = read
        .iter()
        .map(|(picture, named)| {
            let objects =
                named.iter().map(|(name, bounds)| Object { class: class(name), bounds: Some(*bounds) }).collect();
            Picture { objects, ..picture.clone() }
        })
        .collect();
    Ok(ImageSet { source: folder.to_owned(), root, layout: Layout::Voc, classes, pictures, faults })
}

/// The lists of `ImageSets/Main`; none if there are none.
fn splits(root: &Path, apart: bool) -> Result<Vec<(Split, Vec<String>)>> {
    let lists = root.join("ImageSets").join("Main");
    let mut found = Vec::new();
    if !apart {
        return Ok(found);
    }
    for (split, names) in [(Split::Train, &["train", "trainval"][..]), (Split::Val, &["val"]), (Split::Test, &["test"])]
    {
        let Some(list) = names.iter().map(|n| lists.join(format!("{n}.txt"))).find(|p| p.is_file()) else { continue };
        let text = std::fs::read_to_string(&list).map_err(|e| Error::io(&list, "cannot be read", &e))?;
        // A list of one class has a second column; the first is the picture in any case.
        let stems = text.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect();
        found.push((split, stems));
    }
    Ok(found)
}

type Named = (String, Bounds);

/// Reads an XML file: the claimed size into the picture, and its objects by the names of their classes.
fn annotation(file: &Path, picture: &mut Picture, faults: &mut Vec<Fault>) -> Vec<Named> {
    let mut unusable = |message: String| {
        picture.usable = false;
        faults.push(Fault::new(FaultKind::AnnotationBad, Severity::Error, file, message));
        Vec::new()
    };
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return unusable(format!("cannot be read: {}", plain(&error))),
    };
    let document = match roxmltree::Document::parse(text.trim_start_matches('\u{feff}')) {
        Ok(document) => document,
        Err(error) => return unusable(format!("is no XML: {error}")),
    };
    let child = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children().find(|c| c.has_tag_name(name)).and_then(|c| c.text().map(|t| t.trim().to_owned()))
    };
    let top = document.root_element();
    if !top.has_tag_name("annotation") {
        return unusable(format!("is <{}>, not <annotation>", top.tag_name().name()));
    }
    if let Some(size) = top.children().find(|c| c.has_tag_name("size")) {
        let side = |name| child(size, name).and_then(|t| t.parse::<u32>().ok());
        match (side("width"), side("height")) {
            (Some(0), _) | (_, Some(0)) => {
                let message =
                    format!("claims a picture of {} × {}", side("width").unwrap_or(0), side("height").unwrap_or(0));
                faults.push(Fault::new(FaultKind::SizeZero, Severity::Warning, file, message));
            }
            (width, height) => picture.claimed = width.zip(height),
        }
    }
    let mut found = Vec::new();
    for (index, object) in top.children().filter(|c| c.has_tag_name("object")).enumerate() {
        let mut fault = |kind, message: String| {
            faults.push(Fault::new(kind, Severity::Warning, file, format!("object {} {message}", index + 1)));
        };
        let Some(name) = child(object, "name").filter(|n| !n.is_empty()) else {
            fault(FaultKind::ClassUnknown, "has no name".into());
            continue;
        };
        let Some(bounds) = object.children().find(|c| c.has_tag_name("bndbox")) else {
            fault(FaultKind::AnnotationBad, "has no bndbox".into());
            continue;
        };
        let texts = ["xmin", "ymin", "xmax", "ymax"].map(|side| child(bounds, side));
        let numbers = texts.clone().map(|t| t.and_then(|t| t.parse::<f64>().ok()).filter(|n| n.is_finite()));
        let [Some(x0), Some(y0), Some(x1), Some(y1)] = numbers else {
            let shown = texts.map(|t| t.unwrap_or_else(|| "nothing".into())).join(", ");
            fault(FaultKind::AnnotationBad, format!("has the box {shown}; it must be four numbers"));
            continue;
        };
        if x1 <= x0 || y1 <= y0 {
            fault(FaultKind::BoxEmpty, format!("has a box of {} × {}", x1 - x0, y1 - y0));
            continue;
        }
        found.push((name, Bounds { corners: [x0, y0, x1, y1], pixels: true }));
    }
    found
}
