//! Paths and folders: what is an image by its name, and which files are below a folder.

use std::path::{Path, PathBuf};

use crate::error::plain;
use crate::{Issue, IssueKind, Severity};

/// The extension in lower case, or nothing.
pub(crate) fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase())
}

/// What detectors take for an image, by its extension.
pub(crate) fn is_image(path: &Path) -> bool {
    const IMAGES: [&str; 12] =
        ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "mpo", "dng", "heic", "pfm", "avif"];
    IMAGES.contains(&extension(path).as_str())
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

/// Every image below a folder; links are followed, hidden files are not images. Folders that cannot be listed are issues.
pub(crate) fn images_below(folder: &Path, issues: &mut Vec<Issue>) -> Vec<PathBuf> {
    files_below(folder, issues).into_iter().filter(|p| is_image(p)).collect()
}

pub(crate) fn files_below(folder: &Path, issues: &mut Vec<Issue>) -> Vec<PathBuf> {
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
                if is_image(&path) {
                    // A link to nowhere with the name of an image: it is met again when images are opened.
                    found.push(path);
                    continue;
                }
                let message = match error.io_error() {
                    Some(io) => format!("cannot be listed: {}", plain(io)),
                    None => "is a link to a folder above it".to_owned(),
                };
                issues.push(Issue::new(IssueKind::FolderUnreadable, Severity::Warning, path, message));
            }
        }
    }
    found
}
