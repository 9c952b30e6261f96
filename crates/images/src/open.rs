//! Opening a dataset: which format it is of, and what concerns several of its images at once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use leanset_problem::{Result, setting, text};

use crate::error::problem;
use crate::formats::{Detected, FORMATS, Format, OpenOptions, Source};
use crate::{Image, ImageSet, Issue, IssueKind, Severity};

impl ImageSet {
    /// Opens a dataset: a file that describes it, or its folder, in one of the [`FORMATS`]. Reads annotations, and no image.
    ///
    /// # Errors
    /// If there is no dataset, or the files that describe it cannot be read.
    pub fn open(source: &Path, options: &OpenOptions) -> Result<Self> {
        let (format, path) = detect(&Source::new(source)?)?;
        if options.image_folder.is_some() && !format.takes_image_folder() {
            let able: Vec<&str> = FORMATS.iter().filter(|f| f.takes_image_folder()).map(|f| f.title()).collect();
            return Err(problem(format!(
                "{}: is {}; a folder of images applies to {} only",
                source.display(),
                format.title(),
                able.join(", ")
            ))
            .hint(text!["leave out ", &setting::IMAGES]));
        }
        let mut set = format.read(&path, options)?;
        set.settle();
        if set.images.is_empty() {
            return Err(problem(format!("{}: contains no images", source.display())).hint(given()));
        }
        Ok(set)
    }

    /// Orders images and issues, and finds what concerns several images at once.
    fn settle(&mut self) {
        self.images.sort_by(|a, b| (a.split, &a.name, &a.path).cmp(&(b.split, &b.name, &b.path)));
        let mut seen = HashSet::new();
        let issues = &mut self.issues;
        self.images.retain(|image| {
            let first = seen.insert((image.split, image.path.clone()));
            if !first {
                let message = format!("is listed more than once in {}", image.split.name());
                issues.push(Issue::new(IssueKind::ListedTwice, Severity::Warning, &image.path, message));
            }
            first
        });
        for image in &mut self.images {
            if image.path.to_str().is_none_or(|path| path.contains(['\n', '\r'])) {
                image.usable = false;
                let message = "has a name that a list of paths cannot hold";
                issues.push(Issue::new(IssueKind::NameUnlistable, Severity::Error, &image.path, message));
            }
            remove_duplicate_objects(image, issues);
        }
        self.sort_issues();
    }

    /// Makes images usable that leanset cannot decode only because of their format: their features come from elsewhere.
    pub fn allow_other_formats(&mut self) {
        let otherwise_bad: HashSet<PathBuf> = self
            .issues
            .iter()
            .filter(|issue| issue.severity == Severity::Error && issue.kind != IssueKind::ImageFormat)
            .map(|issue| issue.file.clone())
            .collect();
        let mut allowed = HashSet::new();
        for issue in self.issues.iter_mut().filter(|issue| issue.kind == IssueKind::ImageFormat) {
            issue.severity = Severity::Note;
            allowed.insert(issue.file.clone());
        }
        let bad = |image: &Image| {
            otherwise_bad.contains(&image.path) || image.annotation.as_ref().is_some_and(|a| otherwise_bad.contains(a))
        };
        for image in self.images.iter_mut().filter(|image| allowed.contains(&image.path) && !bad(image)) {
            image.usable = true;
        }
        self.sort_issues();
    }
}

/// The format of a source, and the file or folder that it reads: of the first format that is certain; else of the only file
/// that could describe a dataset; else of the first that takes what nothing else does.
fn detect(source: &Source) -> Result<(&'static dyn Format, PathBuf)> {
    let name = source.path.display();
    let (mut possible, mut fallback) = (Vec::new(), None);
    for &format in FORMATS {
        match format.detect(source) {
            Detected::Certain(path) => return Ok((format, path)),
            Detected::Possible(paths) => possible.extend(paths.into_iter().map(|path| (path, format))),
            Detected::Fallback(path) => fallback = fallback.or(Some((format, path))),
            Detected::No => {}
        }
    }
    possible.sort_by(|a, b| a.0.cmp(&b.0));
    if possible.len() > 1 {
        let names: Vec<_> = possible.iter().filter_map(|(p, _)| Some(p.file_name()?.to_string_lossy())).collect();
        return Err(problem(format!("{name}: several files could describe the dataset: {}", names.join(", ")))
            .hint("name the file that describes it"));
    }
    let found = possible.pop().map(|(path, format)| (format, path)).or(fallback);
    found.ok_or_else(|| problem(format!("{name}: does not describe an image dataset")).hint(given()))
}

/// What can be given, as a hint.
fn given() -> String {
    let each: Vec<String> = FORMATS.iter().map(|format| format!("{} ({})", format.given(), format.title())).collect();
    match each.split_last() {
        Some((last, others)) if !others.is_empty() => format!("give {} or {last}", others.join(", ")),
        _ => format!("give {}", each.concat()),
    }
}

/// Removes objects that are annotated twice, with the same class and box.
fn remove_duplicate_objects(image: &mut Image, issues: &mut Vec<Issue>) {
    let mut seen = HashSet::new();
    let before = image.objects.len();
    image.objects.retain(|object| match object.bounds {
        Some(bounds) => seen.insert((object.class, bounds.corners.map(f64::to_bits))),
        None => true,
    });
    let twice = before - image.objects.len();
    if twice > 0 {
        let file = image.annotation.as_ref().unwrap_or(&image.path);
        let message = format!("{twice} of {before} objects repeat another object, with the same class and box");
        issues.push(Issue::new(IssueKind::ObjectDuplicate, Severity::Warning, file, message));
    }
}
