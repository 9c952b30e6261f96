//! COCO: one JSON file with `images`, `annotations` and `categories`.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use leanset_problem::{Result, setting, text};
use leanset_spec::images::Placement;

use super::format::{Detected, Format, OpenOptions, Placed, Smaller, Source, name_parts};
use crate::error::{io, problem};
use crate::set::Original;
use crate::walk::{absolute, name_below};
use crate::{Bounds, Image, ImageSet, Issue, IssueKind, Object, Severity, Split};

/// The file of a smaller dataset.
const FILE: &str = "train.json";

/// COCO.
#[derive(Debug)]
pub(super) struct Coco;

impl Format for Coco {
    fn name(&self) -> &'static str {
        "coco"
    }

    fn title(&self) -> &'static str {
        "COCO"
    }

    fn given(&self) -> &'static str {
        "a .json"
    }

    fn detect(&self, source: &Source) -> Detected {
        source.described_by(&["json"])
    }

    fn read(&self, file: &Path, options: &OpenOptions) -> Result<ImageSet> {
        let name = file.display();
        let bytes = leanset_problem::files::read_given(file).map_err(|e| io(file, "cannot be read", e))?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let value: Value =
            serde_json::from_slice(bytes).map_err(|e| problem(format!("{name}: is not valid JSON: {e}")))?;
        let list = |key: &str| {
            value[key].as_array().ok_or_else(|| {
                problem(format!("{name}: has no list '{key}'"))
                    .hint("a COCO file has images, annotations and categories")
            })
        };
        let (image_list, annotations, categories) = (list("images")?, list("annotations")?, list("categories")?);
        let mut classes = Vec::new();
        let mut class_of = HashMap::new();
        for category in categories {
            let (Some(id), Some(title)) = (category["id"].as_i64(), category["name"].as_str()) else {
                return Err(problem(format!("{name}: category {category} has no id or no name")));
            };
            let class = u32::try_from(classes.len()).unwrap_or(u32::MAX);
            if class_of.insert(id, class).is_some() {
                return Err(problem(format!("{name}: two categories have the id {id}")).hint("give each its own"));
            }
            classes.push(title.to_owned());
        }
        let whole = absolute(file);
        let folder = whole.parent().unwrap_or(Path::new("/"));
        let root = match options.image_folder.as_deref() {
            Some(given) if given.is_dir() => absolute(given),
            Some(given) => return Err(problem(format!("{}: is not a folder", given.display()))),
            None => folder_of_images(file, folder, image_list)?,
        };
        let mut issues = Vec::new();
        let mut images: Vec<Image> = Vec::new();
        let mut by_id: HashMap<String, usize> = HashMap::new();
        let mut places = HashMap::new();
        for (place, entry) in image_list.iter().enumerate() {
            let Some(file_name) = entry["file_name"].as_str().filter(|n| !n.is_empty()) else {
                let message = format!("images[{place}] has no file_name");
                issues.push(Issue::new(IssueKind::AnnotationBad, Severity::Error, file, message));
                continue;
            };
            let path = absolute(&root.join(file_name));
            let size = |key: &str| entry[key].as_u64().and_then(|v| u32::try_from(v).ok());
            if by_id.insert(entry["id"].to_string(), images.len()).is_some() {
                let message = format!("images[{place}] has the id {} of another", entry["id"]);
                issues.push(Issue::new(IssueKind::AnnotationBad, Severity::Warning, file, message));
            }
            places.entry(path.clone()).or_insert(place);
            images.push(Image {
                name: name_below(&root, &path),
                path,
                split: Split::Train,
                annotation: None,
                objects: Vec::new(),
                declared_size: size("width").zip(size("height")),
                usable: true,
            });
        }
        for (place, annotation) in annotations.iter().enumerate() {
            let mut issue = |kind, message: String| {
                issues.push(Issue::new(kind, Severity::Warning, file, format!("annotations[{place}] {message}")));
            };
            let Some(&image) = by_id.get(&annotation["image_id"].to_string()) else {
                issue(
                    IssueKind::LabelOrphan,
                    format!("is of image {}, which is not in images", annotation["image_id"]),
                );
                continue;
            };
            let Some(&class) = annotation["category_id"].as_i64().and_then(|id| class_of.get(&id)) else {
                issue(
                    IssueKind::ClassUnknown,
                    format!("has category {}, which is not in categories", annotation["category_id"]),
                );
                continue;
            };
            let numbers: Option<Vec<f64>> =
                annotation["bbox"].as_array().and_then(|b| b.iter().map(Value::as_f64).collect());
            let bounds = match numbers.as_deref() {
                Some(&[x, y, w, h]) if w > 0.0 && h > 0.0 => {
                    Some(Bounds { corners: [x, y, x + w, y + h], pixels: true })
                }
                Some(&[_, _, w, h]) => {
                    issue(IssueKind::BoxEmpty, format!("has a box of {w} × {h}"));
                    continue;
                }
                _ if annotation["bbox"].is_null() => None,
                _ => {
                    issue(
                        IssueKind::AnnotationBad,
                        format!("has the box {}; it must be [x, y, width, height]", annotation["bbox"]),
                    );
                    continue;
                }
            };
            images[image].objects.push(Object { class, bounds });
        }
        Ok(ImageSet {
            source: file.to_owned(),
            root,
            format: self.name(),
            classes,
            images,
            issues,
            original: Original::new(Document { value, places }),
        })
    }

    fn takes_image_folder(&self) -> bool {
        true
    }

    fn write_memory(&self, set: &ImageSet) -> u64 {
        // The document again without what is not kept, and its text.
        3 * std::fs::metadata(&set.source).map_or(0, |m| m.len())
    }

    fn entry_file(&self, _: Placement) -> &'static str {
        FILE
    }

    fn place(&self, _: &ImageSet, image: &Image) -> Placed {
        Placed { image: Path::new("images").join(name_parts(image).iter().collect::<PathBuf>()), annotation: None }
    }

    fn write(&self, smaller: &Smaller<'_>) -> Result<Vec<(PathBuf, String)>> {
        let document = smaller.original::<Document>()?;
        Ok(vec![(FILE.into(), document.with_images(smaller.images)?)])
    }
}

/// The file as it was read: what is written again is the same but for what is left out.
#[derive(Clone, Debug)]
struct Document {
    value: Value,
    /// The place in `images` of each image, by path.
    places: HashMap<PathBuf, usize>,
}

impl Document {
    /// The text of a file with these images and their annotations; everything else is as it was.
    ///
    /// # Errors
    /// If an image is not of this file.
    fn with_images(&self, kept: &[&Image]) -> Result<String> {
        let mut places = HashSet::new();
        for image in kept {
            let place = self
                .places
                .get(&image.path)
                .ok_or_else(|| problem(format!("{}: is not of this set", image.path.display())))?;
            places.insert(*place);
        }
        let entries = self.value["images"].as_array().cloned().unwrap_or_default();
        let ids: HashSet<String> = places.iter().map(|&p| entries[p]["id"].to_string()).collect();
        let entries: Vec<Value> =
            entries.into_iter().enumerate().filter(|(i, _)| places.contains(i)).map(|(_, entry)| entry).collect();
        let mut value = Value::Null;
        if let Value::Object(document) = &self.value {
            let mut out = serde_json::Map::new();
            for (key, old) in document {
                let new = match key.as_str() {
                    "images" => Value::Array(entries.clone()),
                    "annotations" => {
                        let of_kept = |a: &&Value| ids.contains(&a["image_id"].to_string());
                        Value::Array(old.as_array().into_iter().flatten().filter(of_kept).cloned().collect())
                    }
                    _ => old.clone(),
                };
                out.insert(key.clone(), new);
            }
            value = Value::Object(out);
        }
        Ok(format!("{value}\n"))
    }
}

/// Where the images are: the first of the usual places that has one of the first few.
fn folder_of_images(file: &Path, folder: &Path, entries: &[Value]) -> Result<PathBuf> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let short = stem.strip_prefix("instances_").unwrap_or(&stem).to_owned();
    let above = folder.parent().unwrap_or(folder);
    let tries = [
        folder.to_owned(),
        folder.join("images"),
        folder.join(&short),
        above.join(&short),
        above.join("images"),
        above.join("images").join(&short),
    ];
    let has = |root: &PathBuf| {
        entries.iter().take(20).filter_map(|i| i["file_name"].as_str()).any(|n| root.join(n).is_file())
    };
    tries.iter().find(|t| has(t)).cloned().ok_or_else(|| {
        let looked = tries.iter().map(|t| t.display().to_string()).collect::<Vec<_>>().join(", ");
        problem(format!("{}: its images are in none of {looked}", file.display()))
            .hint(text!["name their folder with ", setting::IMAGES.to("FOLDER")])
    })
}
