//! Pascal VOC: an XML file for each image, in `Annotations` with the images in `JPEGImages`, or beside the images.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use leanset_problem::{Result, files};
use leanset_spec::images::Placement;

use super::format::{Detected, Format, OpenOptions, Placed, Smaller, Source};
use super::limits::check_xml;
use crate::error::{io, plain, problem};
use crate::set::Original;
use crate::walk::{absolute, extension, files_below, images_below, name_below};
use crate::{Bounds, Image, ImageSet, Issue, IssueKind, Object, Severity, Split};

/// The folder of annotations.
const ANNOTATIONS: &str = "Annotations";
/// The folders that images may be in.
const IMAGES: [&str; 2] = ["JPEGImages", "images"];
/// The list of kept images, if they stay where they are and if they are copied or linked.
const LISTS: [&str; 2] = ["train.txt", "ImageSets/Main/train.txt"];

/// Pascal VOC.
#[derive(Debug)]
pub(super) struct Voc;

impl Format for Voc {
    fn name(&self) -> &'static str {
        "voc"
    }

    fn title(&self) -> &'static str {
        "Pascal VOC"
    }

    fn given(&self) -> &'static str {
        "a folder with Annotations"
    }

    fn detect(&self, source: &Source) -> Detected {
        let annotated = source.path.join(ANNOTATIONS).is_dir() || source.files.iter().any(|f| extension(f) == "xml");
        if source.is_folder && annotated { Detected::Certain(source.path.clone()) } else { Detected::No }
    }

    fn read(&self, folder: &Path, _: &OpenOptions) -> Result<ImageSet> {
        let root = absolute(folder);
        let mut issues = Vec::new();
        let apart = root.join("Annotations").is_dir();
        let (notes, shots) = if apart {
            let shots = root.join("JPEGImages");
            (root.join("Annotations"), if shots.is_dir() { shots } else { root.join("images") })
        } else {
            (root.clone(), root.clone())
        };
        if !shots.is_dir() {
            return Err(problem(format!("{}: has Annotations and neither JPEGImages nor images", folder.display()))
                .hint("Pascal VOC has its images in JPEGImages"));
        }
        let stem = |base: &Path, path: &Path| name_below(base, &path.with_extension(""));
        let mut by_stem: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for path in images_below(&shots, &mut issues) {
            by_stem.entry(stem(&shots, &path)).or_default().push(path);
        }
        let mut xml: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in files_below(&notes, &mut issues) {
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
        let mut read: Vec<(Image, Vec<Named>)> = Vec::new();
        for (name, split) in wanted {
            let Some(paths) = by_stem.get(&name) else {
                let path = shots.join(format!("{name}.jpg"));
                let message = format!("is listed in {}, but does not exist", split.name());
                issues.push(Issue::new(IssueKind::ImageMissing, Severity::Error, path, message));
                continue;
            };
            for path in paths {
                let note = xml.get(&name).cloned();
                let mut image = Image {
                    path: path.clone(),
                    name: name_below(&root, path),
                    split,
                    annotation: note.clone(),
                    objects: Vec::new(),
                    declared_size: None,
                    usable: true,
                };
                let named = match note {
                    None => {
                        issues.push(Issue::new(
                            IssueKind::LabelMissing,
                            Severity::Warning,
                            path,
                            "has no XML file of its name",
                        ));
                        Vec::new()
                    }
                    Some(note) => annotation(&note, &mut image, &mut issues),
                };
                read.push((image, named));
            }
        }
        for (name, path) in &xml {
            if !by_stem.contains_key(name) && (splits.is_empty() || !split_of.contains_key(name)) {
                issues.push(Issue::new(IssueKind::LabelOrphan, Severity::Warning, path, "has no image of its name"));
            }
        }
        let names: BTreeSet<&String> = read.iter().flat_map(|(_, named)| named.iter().map(|(name, _)| name)).collect();
        let classes: Vec<String> = names.into_iter().cloned().collect();
        let class = |name: &String| u32::try_from(classes.partition_point(|c| c < name)).unwrap_or(u32::MAX);
        let images = read
            .iter()
            .map(|(image, named)| {
                let objects =
                    named.iter().map(|(name, bounds)| Object { class: class(name), bounds: Some(*bounds) }).collect();
                Image { objects, ..image.clone() }
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

    fn documents(&self, set: &ImageSet) -> Vec<PathBuf> {
        let lists = set.root.join("ImageSets").join("Main");
        ["train", "trainval", "val", "test"].iter().map(|name| lists.join(format!("{name}.txt"))).collect()
    }

    fn entry_file(&self, placement: Placement) -> &'static str {
        LISTS[usize::from(placement != Placement::Stay)]
    }

    fn place(&self, set: &ImageSet, image: &Image) -> Placed {
        let stem = stem(set, image);
        let extension = image.path.extension().unwrap_or_default().to_string_lossy();
        Placed {
            image: Path::new(IMAGES[0]).join(format!("{stem}.{extension}")),
            annotation: Some(Path::new(ANNOTATIONS).join(format!("{stem}.xml"))),
        }
    }

    fn write(&self, smaller: &Smaller<'_>) -> Result<Vec<(PathBuf, String)>> {
        let list = LISTS[usize::from(smaller.placed.is_some())];
        Ok(vec![(list.into(), smaller.images.iter().map(|image| stem(smaller.set, image) + "\n").collect())])
    }
}

/// The name of an image in the lists.
fn stem(set: &ImageSet, image: &Image) -> String {
    let bases = IMAGES.map(|base| set.root.join(base));
    let base = bases.iter().find(|base| image.path.starts_with(base)).unwrap_or(&set.root);
    name_below(base, &image.path.with_extension(""))
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
        let text = files::read_text(&list).map_err(|e| io(&list, "cannot be read", e))?;
        // A list of one class has a second column; the first is the image in any case.
        let stems = text.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect();
        found.push((split, stems));
    }
    Ok(found)
}

type Named = (String, Bounds);

/// Reads an XML file: the claimed size into the image, and its objects by the names of their classes.
fn annotation(file: &Path, image: &mut Image, issues: &mut Vec<Issue>) -> Vec<Named> {
    let mut unusable = |message: String| {
        image.usable = false;
        issues.push(Issue::new(IssueKind::AnnotationBad, Severity::Error, file, message));
        Vec::new()
    };
    let text = match files::read_text(file) {
        Ok(text) => text,
        Err(error) => return unusable(format!("cannot be read: {}", plain(&error))),
    };
    if let Err(what) = check_xml(&text) {
        return unusable(what);
    }
    let document = match std::panic::catch_unwind(|| roxmltree::Document::parse(text.trim_start_matches('\u{feff}'))) {
        Ok(Ok(document)) => document,
        Ok(Err(error)) => return unusable(format!("is not valid XML: {error}")),
        Err(_) => return unusable("is not valid XML: the parser fails on it".into()),
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
                    format!("says that the image is {} × {}", side("width").unwrap_or(0), side("height").unwrap_or(0));
                issues.push(Issue::new(IssueKind::SizeZero, Severity::Warning, file, message));
            }
            (width, height) => image.declared_size = width.zip(height),
        }
    }
    let mut found = Vec::new();
    for (index, object) in top.children().filter(|c| c.has_tag_name("object")).enumerate() {
        let mut issue = |kind, message: String| {
            issues.push(Issue::new(kind, Severity::Warning, file, format!("object {} {message}", index + 1)));
        };
        let Some(name) = child(object, "name").filter(|n| !n.is_empty()) else {
            issue(IssueKind::ClassUnknown, "has no name".into());
            continue;
        };
        let Some(bounds) = object.children().find(|c| c.has_tag_name("bndbox")) else {
            issue(IssueKind::AnnotationBad, "has no bndbox".into());
            continue;
        };
        let texts = ["xmin", "ymin", "xmax", "ymax"].map(|side| child(bounds, side));
        let numbers = texts.clone().map(|t| t.and_then(|t| t.parse::<f64>().ok()).filter(|n| n.is_finite()));
        let [Some(x0), Some(y0), Some(x1), Some(y1)] = numbers else {
            let shown = texts.map(|t| t.unwrap_or_else(|| "nothing".into())).join(", ");
            issue(IssueKind::AnnotationBad, format!("has the box {shown}; it must be four numbers"));
            continue;
        };
        if x1 <= x0 || y1 <= y0 {
            issue(IssueKind::BoxEmpty, format!("has a box of {} × {}", x1 - x0, y1 - y0));
            continue;
        }
        found.push((name, Bounds { corners: [x0, y0, x1, y1], pixels: true }));
    }
    found
}
