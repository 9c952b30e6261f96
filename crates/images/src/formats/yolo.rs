//! YOLO: `data.yaml` in the forms that Ultralytics accepts, and a label file for each image.
//!
//! What Ultralytics would ignore or refuse is an error here too: an image is left out when any line of its label file is
//! bad, names no class of the set, or has coordinates outside [−0.01, 1.01].

use std::path::{Path, PathBuf};

use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlEmitter, YamlLoader};

use leanset_problem::{Result, files};
use leanset_spec::images::Placement;

use super::format::{Detected, Format, OpenOptions, Placed, Smaller, Source, below_split, name_parts};
use super::limits::check_yaml;
use crate::error::{io, plain, problem};
use crate::set::Original;
use crate::walk::{absolute, extension, files_below, images_below, is_image, name_below};
use crate::{Bounds, Image, ImageSet, Issue, IssueKind, Object, Severity, Split};

/// Classes that are given names, where a file says only how many there are.
const MOST_CLASSES: usize = 100_000;
/// Coordinates may pass the edge by this, as in Ultralytics.
const TOLERANCE: f64 = 0.01;
/// The file that describes a smaller dataset, and the list of its training images.
const FILES: [&str; 2] = ["data.yaml", "train.txt"];

/// YOLO.
#[derive(Debug)]
pub(super) struct Yolo;

impl Format for Yolo {
    fn name(&self) -> &'static str {
        "yolo"
    }

    fn title(&self) -> &'static str {
        "YOLO"
    }

    fn given(&self) -> &'static str {
        "a data.yaml"
    }

    fn detect(&self, source: &Source) -> Detected {
        match source.file("data.yaml").or_else(|| source.file("data.yml")) {
            Some(file) => Detected::Certain(file.clone()),
            None => source.described_by(&["yaml", "yml"]),
        }
    }

    fn read(&self, file: &Path, _: &OpenOptions) -> Result<ImageSet> {
        let name = file.display();
        let text = files::read_given_text(file).map_err(|e| io(file, "cannot be read", e))?;
        check_yaml(&text).map_err(|what| {
            problem(format!("{name}: {what}")).hint("a data.yaml has train, val and names: see docs/images.md")
        })?;
        let wrong = |why: &str| {
            problem(format!("{name}: is not valid YAML: {why}")).hint("see docs/images.md for what a data.yaml has")
        };
        let parse = || YamlLoader::load_from_str(text.trim_start_matches('\u{feff}'));
        let mut documents = std::panic::catch_unwind(parse)
            .map_err(|_| wrong("the parser fails on it"))?
            .map_err(|e| wrong(&e.to_string()))?;
        let Some(Yaml::Hash(document)) = (!documents.is_empty()).then(|| documents.swap_remove(0)) else {
            return Err(problem(format!("{name}: has no keys")).hint("a data.yaml has train, val and names"));
        };
        let get = |key: &str| document.get(&Yaml::String(key.into())).filter(|v| !matches!(v, Yaml::Null));
        let classes = names(file, get("names"), get("nc"))?;
        let folder = absolute(file).parent().map(Path::to_owned).unwrap_or_default();
        let roots = roots(file, &folder, get("path"))?;
        let mut issues = Vec::new();
        let mut splits = Vec::new();
        for (split, keys) in
            [(Split::Train, &["train"][..]), (Split::Val, &["val", "validation"]), (Split::Test, &["test"])]
        {
            let Some((key, value)) = keys.iter().find_map(|k| Some((*k, get(k)?))) else { continue };
            let bad = || {
                problem(format!("{name}: '{key}' must be a path or a list of paths, not {}", shown(value)))
                    .hint("a folder, a .txt list, or a list of either")
            };
            let texts: Vec<&str> = match value {
                Yaml::String(text) => vec![text],
                Yaml::Array(items) => items.iter().map(|i| i.as_str().ok_or_else(bad)).collect::<Result<_>>()?,
                _ => return Err(bad()),
            };
            let places = texts.iter().map(|text| place(file, key, text, &roots)).collect::<Result<Vec<_>>>()?;
            splits.push((split, places));
        }
        if !splits.iter().any(|(split, _)| *split == Split::Train) {
            return Err(problem(format!("{name}: has no 'train'")).hint("train: images/train"));
        }
        let root = roots[0].clone();
        let mut images = Vec::new();
        let mut labels_seen = std::collections::HashSet::new();
        let mut label_folders = std::collections::BTreeSet::new();
        for (split, places) in &splits {
            for place in places {
                let paths = if place.is_dir() {
                    label_folders
                        .insert(label_of(&place.join("x.jpg")).parent().map(Path::to_owned).unwrap_or_default());
                    images_below(place, &mut issues)
                } else {
                    listed(place, &roots, &mut issues)?
                };
                for path in paths {
                    let image = read_image(path, &root, *split, classes.len(), &mut issues);
                    labels_seen.extend(image.annotation.clone());
                    images.push(image);
                }
            }
        }
        for folder in label_folders.iter().filter(|f| f.is_dir()) {
            for path in files_below(folder, &mut issues) {
                let ours = extension(&path) == "txt"
                    && !labels_seen.contains(&path)
                    && path.file_name().is_some_and(|n| n != "classes.txt");
                if ours && splits.iter().all(|(_, places)| !places.contains(&path)) {
                    issues.push(Issue::new(
                        IssueKind::LabelOrphan,
                        Severity::Warning,
                        path,
                        "has no image of its name",
                    ));
                }
            }
        }
        Ok(ImageSet {
            source: file.to_owned(),
            root,
            format: self.name(),
            classes,
            images,
            issues,
            original: Original::new(DataYaml { document, splits }),
        })
    }

    fn searched_folders(&self, set: &ImageSet) -> Vec<PathBuf> {
        set.original.get::<DataYaml>().map_or_else(Vec::new, DataYaml::folders)
    }

    fn documents(&self, set: &ImageSet) -> Vec<PathBuf> {
        let document = set.original.get::<DataYaml>();
        document.map_or_else(Vec::new, |data| data.splits.iter().flat_map(|(_, places)| places).cloned().collect())
    }

    fn entry_file(&self, _: Placement) -> &'static str {
        FILES[0]
    }

    fn place(&self, _: &ImageSet, image: &Image) -> Placed {
        let parts = name_parts(image);
        // Label files are found by the last folder `images` of a path: what stands before it is not part of the name.
        let begin = parts[..parts.len() - 1].iter().rposition(|part| *part == "images").map_or(0, |at| at + 1);
        let name = below_split(&parts[begin..]);
        Placed {
            annotation: Some(Path::new("labels/train").join(name.with_extension("txt"))),
            image: Path::new("images/train").join(name),
        }
    }

    fn write(&self, smaller: &Smaller<'_>) -> Result<Vec<(PathBuf, String)>> {
        let [description, list] = FILES;
        let text = smaller.original::<DataYaml>()?.with_train(smaller.folder, list)?;
        Ok(vec![(list.into(), smaller.list()), (description.into(), text)])
    }
}

/// What a `data.yaml` says, with its paths resolved.
#[derive(Clone, Debug)]
struct DataYaml {
    document: Hash,
    /// Folders and lists of each split, absolute.
    splits: Vec<(Split, Vec<PathBuf>)>,
}

impl DataYaml {
    /// Folders that are searched for images.
    fn folders(&self) -> Vec<PathBuf> {
        self.splits.iter().flat_map(|(_, places)| places).filter(|p| p.is_dir()).cloned().collect()
    }

    /// The text of a `data.yaml` whose training images are those of the list `train` in `folder`. Everything else is as
    /// in the original, its paths absolute. What would download the set again is left out.
    fn with_train(&self, folder: &Path, train: &str) -> Result<String> {
        let text = |path: &Path| Yaml::String(path.to_string_lossy().into_owned());
        let mut document = Hash::new();
        document.insert(Yaml::String("path".into()), text(folder));
        document.insert(Yaml::String("train".into()), Yaml::String(train.into()));
        for (split, places) in self.splits.iter().filter(|(split, _)| *split != Split::Train) {
            let value = match places.as_slice() {
                [one] => text(one),
                several => Yaml::Array(several.iter().map(|p| text(p)).collect()),
            };
            document.insert(Yaml::String(split.name().into()), value);
        }
        for (key, value) in &self.document {
            let replaced = ["path", "train", "val", "validation", "test", "download", "minival", "yaml_file"];
            if !key.as_str().is_some_and(|k| replaced.contains(&k)) {
                document.insert(key.clone(), value.clone());
            }
        }
        let mut out = String::new();
        YamlEmitter::new(&mut out)
            .dump(&Yaml::Hash(document))
            .map_err(|e| problem(format!("data.yaml cannot be written: {e}")))?;
        Ok(out.trim_start_matches("---").trim_start().to_owned() + "\n")
    }
}

/// Class names: a list, or a map from 0, 1 …; made up where only their number is given.
fn names(file: &Path, names: Option<&Yaml>, count: Option<&Yaml>) -> Result<Vec<String>> {
    let name = file.display();
    let text = |value: &Yaml| match value {
        Yaml::String(s) | Yaml::Real(s) => Some(s.clone()),
        Yaml::Integer(i) => Some(i.to_string()),
        Yaml::Boolean(b) => Some(b.to_string()),
        _ => None,
    };
    let bad = |value: &Yaml| {
        problem(format!("{name}: 'names' must hold words, not {}", shown(value))).hint("names: [apple, banana]")
    };
    let count = match count {
        None => None,
        Some(value) => Some(
            value
                .as_i64()
                .and_then(|n| usize::try_from(n).ok())
                .ok_or_else(|| problem(format!("{name}: 'nc' must be the number of classes, not {}", shown(value))))?,
        ),
    };
    let found = match names {
        None => {
            let count = count.ok_or_else(|| {
                problem(format!("{name}: has neither 'names' nor 'nc'")).hint("names: [apple, banana]")
            })?;
            if count > MOST_CLASSES {
                return Err(problem(format!(
                    "{name}: 'nc' is {count}; leanset makes up names for at most {MOST_CLASSES} classes"
                ))
                .hint("correct nc, or name the classes: names: [apple, banana]"));
            }
            return Ok((0..count).map(|i| format!("class_{i}")).collect());
        }
        Some(Yaml::Array(items)) => items.iter().map(|v| text(v).ok_or_else(|| bad(v))).collect::<Result<Vec<_>>>()?,
        Some(Yaml::Hash(map)) => {
            let mut by_id = std::collections::BTreeMap::new();
            for (id, value) in map {
                let id = match id {
                    Yaml::Integer(id) => Some(*id),
                    Yaml::String(id) => id.trim().parse().ok(),
                    _ => None,
                };
                let id = id.ok_or_else(|| {
                    problem(format!("{name}: a class of 'names' has no number")).hint("names: {0: apple, 1: banana}")
                })?;
                by_id.insert(id, text(value).ok_or_else(|| bad(value))?);
            }
            let highest = by_id.keys().next_back().copied().unwrap_or(-1);
            if by_id.keys().next().is_some_and(|&id| id != 0) || usize::try_from(highest + 1) != Ok(by_id.len()) {
                return Err(problem(format!(
                    "{name}: the numbers of 'names' must be 0 to {}, but go to {highest}",
                    by_id.len().saturating_sub(1)
                ))
                .hint("number the classes from 0 without a gap"));
            }
            by_id.into_values().collect()
        }
        Some(other) => return Err(bad(other)),
    };
    if let Some(count) = count
        && count != found.len()
    {
        return Err(problem(format!("{name}: 'names' has {} classes, but 'nc' is {count}", found.len()))
            .hint("make them agree, or leave nc out"));
    }
    Ok(found)
}

/// Folders that relative paths may be of, most likely first.
fn roots(file: &Path, folder: &Path, path: Option<&Yaml>) -> Result<Vec<PathBuf>> {
    let here = std::env::current_dir().unwrap_or_default();
    let Some(value) = path else { return Ok(vec![folder.to_owned(), here]) };
    let Some(text) = value.as_str() else {
        return Err(problem(format!("{}: 'path' must be a folder, not {}", file.display(), shown(value))));
    };
    let given = Path::new(text);
    if given.is_absolute() {
        // A set that was moved has its folders beside its description.
        return Ok(if given.is_dir() { vec![absolute(given)] } else { vec![folder.to_owned(), absolute(given)] });
    }
    let mut roots: Vec<PathBuf> =
        [folder.join(given), here.join(given)].iter().map(|p| absolute(p)).filter(|p| p.is_dir()).collect();
    roots.push(folder.to_owned());
    Ok(roots)
}

/// Where a path of `train`, `val` or `test` is.
fn place(file: &Path, key: &str, text: &str, roots: &[PathBuf]) -> Result<PathBuf> {
    // Exports of some tools say ../train/images of a folder beside the description.
    let tries = roots.iter().map(|r| r.join(text)).chain(text.strip_prefix("../").map(|rest| roots[0].join(rest)));
    let tries: Vec<PathBuf> = tries.map(|p| absolute(&p)).collect();
    tries.iter().find(|p| p.exists()).cloned().ok_or_else(|| {
        problem(format!("{}: '{key}' is {}, which does not exist", file.display(), tries[0].display()))
            .hint("correct 'path' or the split: paths are relative to 'path', and 'path' to the folder of the file")
    })
}

/// The images of a list file: a path a line, `./` of its own folder.
fn listed(list: &Path, roots: &[PathBuf], issues: &mut Vec<Issue>) -> Result<Vec<PathBuf>> {
    let text = files::read_text(list).map_err(|e| io(list, "cannot be read as a list of images", e))?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let path = Path::new(line);
        if !is_image(path) {
            let message = format!("'{line}' does not have the extension of an image");
            issues.push(Issue::new(IssueKind::ImageMissing, Severity::Warning, list, message).at(index + 1));
            continue;
        }
        let tries = if path.is_absolute() {
            vec![path.to_owned()]
        } else {
            let own = line.strip_prefix("./").map(|rest| folder.join(rest));
            let here = std::env::current_dir().unwrap_or_default().join(path);
            own.into_iter().chain(roots.iter().map(|r| r.join(path))).chain([folder.join(path), here]).collect()
        };
        let at = tries.iter().find(|p| p.exists()).unwrap_or(&tries[0]);
        found.push(absolute(at));
    }
    Ok(found)
}

/// The label file of an image: `labels` for the last `images` in the path, `.txt` for the extension.
pub(crate) fn label_of(image: &Path) -> PathBuf {
    let parts: Vec<_> = image.components().collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    let images = folders.iter().rposition(|p| p.as_os_str() == "images");
    let swapped: PathBuf = parts
        .iter()
        .enumerate()
        .map(|(i, p)| if Some(i) == images { "labels".as_ref() } else { p.as_os_str() })
        .collect();
    swapped.with_extension("txt")
}

fn read_image(path: PathBuf, root: &Path, split: Split, classes: usize, issues: &mut Vec<Issue>) -> Image {
    let label = label_of(&path);
    let mut image = Image {
        name: name_below(root, &path),
        path,
        split,
        annotation: Some(label.clone()),
        objects: Vec::new(),
        declared_size: None,
        usable: true,
    };
    let bytes = match files::read(&label) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let upper = label.with_extension("TXT");
            let message = if upper.exists() {
                format!(
                    "has no label file {}: there is one with its extension in capitals, which detectors do not find",
                    label.display()
                )
            } else {
                format!("has no label file {}", label.display())
            };
            issues.push(Issue::new(IssueKind::LabelMissing, Severity::Warning, &image.path, message));
            return image;
        }
        Err(error) => {
            image.usable = false;
            let message = format!("cannot be read: {}", plain(&error));
            issues.push(Issue::new(IssueKind::AnnotationBad, Severity::Error, label, message));
            return image;
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        image.usable = false;
        issues.push(Issue::new(IssueKind::AnnotationBad, Severity::Error, label, "is not UTF-8 text"));
        return image;
    };
    let before = issues.len();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match object(line, classes) {
            Ok((object, None)) => image.objects.push(object),
            Ok((object, Some((kind, message)))) => {
                issues.push(Issue::new(kind, Severity::Warning, &label, message).at(index + 1));
                if kind != IssueKind::BoxEmpty {
                    image.objects.push(object);
                }
            }
            Err((kind, message)) => issues.push(Issue::new(kind, Severity::Error, &label, message).at(index + 1)),
        }
    }
    if issues[before..].iter().any(|f| f.severity == Severity::Error) {
        image.usable = false;
    }
    image
}

type Wrong = (IssueKind, String);

/// A line of a label file: class, then a box by centre and size or a polygon.
fn object(line: &str, classes: usize) -> Result<(Object, Option<Wrong>), Wrong> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let bad = |message: String| (IssueKind::AnnotationBad, message);
    let polygon = fields.len() > 6;
    if polygon && fields.len().is_multiple_of(2) || !polygon && fields.len() != 5 {
        return Err(bad(format!("has {} numbers; a box has 5, a polygon 1 and pairs", fields.len())));
    }
    let mut numbers = Vec::with_capacity(fields.len());
    for field in &fields {
        match field.parse::<f64>() {
            Ok(number) if number.is_finite() => numbers.push(number),
            _ => return Err(bad(format!("'{field}' is not a number"))),
        }
    }
    let (class, places) = (numbers[0], &numbers[1..]);
    if class < 0.0 || class.fract() != 0.0 || class >= classes as f64 {
        return Err((
            IssueKind::ClassUnknown,
            format!("class {} is not one of 0 to {}", fields[0], classes.saturating_sub(1)),
        ));
    }
    if let Some(at) = places.iter().position(|&v| !(-TOLERANCE..=1.0 + TOLERANCE).contains(&v)) {
        return Err((IssueKind::BoxOutside, format!("coordinate {} is outside 0 to 1", fields[at + 1])));
    }
    let corners = if polygon {
        places.chunks_exact(2).fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |b, p| {
            [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])]
        })
    } else {
        let [x, y, w, h] = [places[0], places[1], places[2], places[3]];
        [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // checked above: whole, and below the number of classes
    let object = Object { class: class as u32, bounds: Some(Bounds { corners, pixels: false }) };
    let wrong = if corners[2] <= corners[0] || corners[3] <= corners[1] {
        Some((IssueKind::BoxEmpty, format!("the box is {} × {}", corners[2] - corners[0], corners[3] - corners[1])))
    } else if corners.iter().any(|c| !(-TOLERANCE..=1.0 + TOLERANCE).contains(c)) {
        Some((
            IssueKind::BoxBeyond,
            format!("the box goes from {:.3}, {:.3} to {:.3}, {:.3}", corners[0], corners[1], corners[2], corners[3]),
        ))
    } else {
        None
    };
    Ok((object, wrong))
}

/// A value in an error.
fn shown(value: &Yaml) -> String {
    match value {
        Yaml::String(s) | Yaml::Real(s) => format!("'{s}'"),
        Yaml::Integer(i) => i.to_string(),
        Yaml::Boolean(b) => b.to_string(),
        Yaml::Array(_) => "a list".into(),
        Yaml::Hash(_) => "a map".into(),
        _ => "nothing".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_of_replaces_the_last_folder_images() {
        for (image, label) in [
            ("/d/images/train/a.JPG", "/d/labels/train/a.txt"),
            ("/images/x/images/a.b.png", "/images/x/labels/a.b.txt"),
            ("/d/train/images.jpg", "/d/train/images.txt"),
        ] {
            assert_eq!(label_of(Path::new(image)), Path::new(label));
        }
    }

    #[test]
    fn object_reads_boxes_and_polygons_and_reports_other_lines() {
        let (box_, none) = object("1 0.5 0.5 0.2 0.4", 2).expect("a box");
        assert!(none.is_none() && box_.class == 1);
        let corners = box_.bounds.expect("bounds").corners;
        assert!(corners.iter().zip([0.4, 0.3, 0.6, 0.7]).all(|(a, b)| (a - b).abs() < 1e-12));
        let (polygon, _) = object("0 0.1 0.2 0.5 0.9 0.3 0.4", 2).expect("a polygon");
        assert_eq!(polygon.bounds.expect("bounds").corners, [0.1, 0.2, 0.5, 0.9]);
        let wrong = |line| object(line, 2).expect_err("refused").0;
        assert_eq!(wrong("2 0.5 0.5 0.2 0.4"), IssueKind::ClassUnknown);
        assert_eq!(wrong("0.5 0.5 0.5 0.2 0.4"), IssueKind::ClassUnknown);
        assert_eq!(wrong("-1 0.5 0.5 0.2 0.4"), IssueKind::ClassUnknown);
        assert_eq!(wrong("0 1.5 0.5 0.2 0.4"), IssueKind::BoxOutside);
        assert_eq!(wrong("0 nan 0.5 0.2 0.4"), IssueKind::AnnotationBad);
        assert_eq!(wrong("0 0.5 0.5 0.2"), IssueKind::AnnotationBad);
        assert_eq!(wrong("apple 0.5 0.5 0.2 0.4"), IssueKind::AnnotationBad);
        let doubtful = |line| object(line, 2).expect("an object").1.expect("a doubt").0;
        assert_eq!(doubtful("0 0.5 0.5 0 0.4"), IssueKind::BoxEmpty);
        assert_eq!(doubtful("0 0.9 0.5 0.5 0.4"), IssueKind::BoxBeyond);
    }
}
