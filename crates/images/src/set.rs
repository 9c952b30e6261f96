//! The one model of a set of pictures, whatever it was read from.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::error::plain;
use crate::{Error, Fault, FaultKind, Result, Severity, coco, folders, voc, yolo};

/// A part of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// What a model is trained on, and all that is ever reduced.
    Train,
    /// What training is watched with.
    Val,
    /// What is kept for the end.
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

/// How annotations are kept.
#[derive(Clone, Debug)]
pub enum Layout {
    /// `data.yaml` and a label file a picture.
    Yolo(yolo::Description),
    /// One JSON file for all pictures.
    Coco(coco::Document),
    /// An XML file a picture.
    Voc,
    /// A folder a class.
    Folders,
}

impl Layout {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Yolo(_) => "yolo",
            Self::Coco(_) => "coco",
            Self::Voc => "voc",
            Self::Folders => "folders",
        }
    }
}

/// A box by its corners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Left, top, right, bottom.
    pub corners: [f64; 4],
    /// In pixels; otherwise in parts of the width and the height.
    pub pixels: bool,
}

/// Something on a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// Its class, an index into [`ImageSet::classes`].
    pub class: u32,
    /// Where it is; nothing where a picture as a whole has a class.
    pub bounds: Option<Bounds>,
}

/// A picture and what is known of it from its annotation.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The file; absolute, as it was named: links are followed to read it and not to name it.
    pub path: PathBuf,
    /// The path below the root of the set, with `/`, or the whole path of what is elsewhere.
    pub name: String,
    /// Which part of the set it is in.
    pub split: Split,
    /// The file of its annotation, there or not, where it has one of its own.
    pub annotation: Option<PathBuf>,
    /// What is on it.
    pub objects: Vec<Object>,
    /// The size that the annotation claims.
    pub claimed: Option<(u32, u32)>,
    /// Whether it can be trained from.
    pub usable: bool,
}

/// A set of pictures.
#[derive(Clone, Debug)]
pub struct ImageSet {
    /// What was opened: a file or a folder.
    pub source: PathBuf,
    /// The folder that names are below.
    pub root: PathBuf,
    /// How annotations are kept.
    pub layout: Layout,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The pictures, by split and then by name: never in the order of a listing.
    pub pictures: Vec<Picture>,
    /// What is wrong with them so far. [`crate::look`] finds what is only seen in the pictures themselves.
    pub faults: Vec<Fault>,
}

/// What may be said of a set beside where it is.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Where the pictures of a COCO file are, if not beside it.
    pub images: Option<PathBuf>,
}

impl ImageSet {
    /// Opens a set: a `data.yaml`, a COCO `.json`, or a folder that has one of these, or is Pascal VOC, or class folders.
    /// Reads annotations, and no picture.
    ///
    /// # Errors
    /// If there is no set of pictures, or what describes it cannot be read.
    pub fn open(source: &Path, options: &OpenOptions) -> Result<Self> {
        let about = std::fs::metadata(source).map_err(|e| Error::io(source, "cannot be opened", &e))?;
        let mut set = if about.is_dir() {
            Self::open_folder(source, options)?
        } else {
            match extension(source).as_str() {
                "yaml" | "yml" => yolo::open(source)?,
                "json" => coco::open(source, options.images.as_deref())?,
                other => {
                    return Err(Error::new(format!(
                        "{}: '.{other}' is no description of a set of pictures",
                        source.display()
                    ))
                    .with_hint("give a data.yaml (YOLO), a .json (COCO), or a folder (Pascal VOC, class folders)"));
                }
            }
        };
        if options.images.is_some() && !matches!(set.layout, Layout::Coco(_)) {
            return Err(Error::new(format!(
                "{}: a folder of pictures is given, and only a COCO file needs it",
                source.display()
            ))
            .with_hint("leave --images out"));
        }
        set.settle();
        if set.pictures.is_empty() {
            let what = if matches!(set.layout, Layout::Folders) {
                "no picture in any folder below it"
            } else {
                "it has no picture"
            };
            return Err(Error::new(format!("{}: {what}", source.display()))
                .with_hint("give a data.yaml (YOLO), a .json (COCO), or a folder (Pascal VOC, class folders)"));
        }
        Ok(set)
    }

    fn open_folder(folder: &Path, options: &OpenOptions) -> Result<Self> {
        let mut described = Vec::new();
        let mut xml = false;
        for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "cannot be listed", &e))? {
            let path = entry.map_err(|e| Error::io(folder, "cannot be listed", &e))?.path();
            if path.is_file() && !hidden(&path) {
                match extension(&path).as_str() {
                    // That of a reduction describes what was done, and not a set.
                    "json" if path.file_name().is_some_and(|n| n == "manifest.json") => {}
                    "yaml" | "yml" | "json" => described.push(path),
                    "xml" => xml = true,
                    _ => {}
                }
            }
        }
        described.sort();
        let named = |name: &str| described.iter().find(|p| p.file_name().is_some_and(|n| n == name));
        if let Some(path) = named("data.yaml").or_else(|| named("data.yml")) {
            return yolo::open(path);
        }
        if folder.join("Annotations").is_dir() || xml {
            return voc::open(folder);
        }
        match described.as_slice() {
            [] => folders::open(folder),
            [one] if extension(one) == "json" => coco::open(one, options.images.as_deref()),
            [one] => yolo::open(one),
            several => {
                let names: Vec<_> = several.iter().filter_map(|p| Some(p.file_name()?.to_string_lossy())).collect();
                Err(Error::new(format!(
                    "{}: several files could describe the set: {}",
                    folder.display(),
                    names.join(", ")
                ))
                .with_hint("name the one that is meant"))
            }
        }
    }

    /// Pictures of a split.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &Picture> {
        self.pictures.iter().filter(move |p| p.split == split)
    }

    /// Orders pictures and faults, and finds what concerns several pictures at once.
    fn settle(&mut self) {
        self.pictures.sort_by(|a, b| (a.split, &a.name, &a.path).cmp(&(b.split, &b.name, &b.path)));
        let mut seen = HashSet::new();
        let faults = &mut self.faults;
        self.pictures.retain(|picture| {
            let first = seen.insert((picture.split, picture.path.clone()));
            if !first {
                let message = format!("is listed more than once in {}", picture.split.name());
                faults.push(Fault::new(FaultKind::ListedTwice, Severity::Warning, &picture.path, message));
            }
            first
        });
        for picture in &mut self.pictures {
            if picture.path.to_str().is_none_or(|p| p.contains(['\n', '\r'])) {
                picture.usable = false;
                let message = "has a name that a list of paths cannot hold";
                faults.push(Fault::new(FaultKind::NameUnlistable, Severity::Error, &picture.path, message));
            }
            dedupe(picture, faults);
        }
        self.sort_faults();
    }

    /// Lets pictures of formats that are not decoded here be used: their features are known from elsewhere.
    pub fn allow_other_formats(&mut self) {
        let worse: HashSet<PathBuf> = self
            .faults
            .iter()
            .filter(|f| f.severity == Severity::Error && f.kind != FaultKind::PictureFormat)
            .map(|f| f.file.clone())
            .collect();
        let mut other = HashSet::new();
        for fault in self.faults.iter_mut().filter(|f| f.kind == FaultKind::PictureFormat) {
            fault.severity = Severity::Note;
            other.insert(fault.file.clone());
        }
        let worse_still =
            |p: &Picture| worse.contains(&p.path) || p.annotation.as_ref().is_some_and(|a| worse.contains(a));
        for picture in self.pictures.iter_mut().filter(|p| other.contains(&p.path) && !worse_still(p)) {
            picture.usable = true;
        }
        self.sort_faults();
    }

    /// Folders that are searched for pictures and annotations: nothing may be written there.
    pub fn folders(&self) -> std::collections::BTreeSet<PathBuf> {
        let files = self.pictures.iter().flat_map(|p| std::iter::once(&p.path).chain(&p.annotation));
        let parents = files.filter_map(|f| f.parent().map(Path::to_owned));
        let searched = match &self.layout {
            Layout::Yolo(description) => description.folders(),
            Layout::Folders => vec![self.root.clone()],
            Layout::Coco(_) | Layout::Voc => Vec::new(),
        };
        parents.chain(searched).collect()
    }

    pub(crate) fn sort_faults(&mut self) {
        self.faults.sort_by_cached_key(Fault::key);
    }
}

/// Takes out objects that are there twice, box and all.
fn dedupe(picture: &mut Picture, faults: &mut Vec<Fault>) {
    let mut seen: HashMap<(u32, [u64; 4]), ()> = HashMap::new();
    let before = picture.objects.len();
    picture.objects.retain(|o| match o.bounds {
        Some(b) => seen.insert((o.class, b.corners.map(f64::to_bits)), ()).is_none(),
        None => true,
    });
    let twice = before - picture.objects.len();
    if twice > 0 {
        let file = picture.annotation.as_ref().unwrap_or(&picture.path);
        let message = format!("{twice} of {before} objects are there twice, class and box");
        faults.push(Fault::new(FaultKind::ObjectTwice, Severity::Warning, file, message));
    }
}

/// The extension in lower case, or nothing.
pub(crate) fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase())
}

/// What detectors take for a picture, by its extension.
pub(crate) fn is_picture(path: &Path) -> bool {
    const PICTURES: [&str; 12] =
        ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "mpo", "dng", "heic", "pfm", "avif"];
    PICTURES.contains(&extension(path).as_str())
}

pub(crate) fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'))
}

/// Absolute, with `.` and `..` taken out where no link can stand before them; links stay.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir if !plain.is_symlink() => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// The path below a root, with `/`; the whole of what is elsewhere.
pub(crate) fn name_below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.to_string_lossy().replace('\\', "/")
}

/// Every picture below a folder; links are followed, hidden files are not pictures. Folders that cannot be listed are faults.
pub(crate) fn pictures_below(folder: &Path, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    files_below(folder, faults).into_iter().filter(|p| is_picture(p)).collect()
}

pub(crate) fn files_below(folder: &Path, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let walk = walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|e| e.depth() == 0 || !hidden(e.path())) {
        match entry {
            Ok(entry) => {
                if !entry.file_type().is_dir() {
                    found.push(entry.into_path());
                }
            }
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                if is_picture(&path) {
                    // A link to nowhere with the name of a picture: it is met again when pictures are opened.
                    found.push(path);
                    continue;
                }
                let message = match error.io_error() {
                    Some(io) => format!("cannot be listed: {}", plain(io)),
                    None => "is a link to a folder above it".to_owned(),
                };
                faults.push(Fault::new(FaultKind::FolderUnreadable, Severity::Warning, path, message));
            }
        }
    }
    found
}
