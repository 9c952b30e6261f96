//! Small sets of images, made where they are needed.

use std::path::{Path, PathBuf};

use image::{ImageFormat, Rgb, RgbImage};
use leanset_images::{ImageSet, IssueKind, OpenOptions, inspect};

/// A folder of its own.
pub(crate) struct Place(pub(crate) tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// Writes an image that no other number gives.
    pub(crate) fn image(&self, name: &str, number: u32) -> &Self {
        self.write(name, encoded(&pattern(number, 40, 30), format_of(name)))
    }

    pub(crate) fn open(&self, name: &str) -> ImageSet {
        ImageSet::open(&self.path(name), &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"))
    }

    pub(crate) fn refuses(&self, name: &str) -> String {
        let error = ImageSet::open(&self.path(name), &OpenOptions::default()).expect_err("refused");
        let text =
            format!("{error}\nhint: {}", error.hint_text().map_or_else(|| "none".to_owned(), ToString::to_string));
        text.replace(&self.0.path().display().to_string(), "PLACE")
    }
}

/// Patches of colours that depend on the number.
pub(crate) fn pattern(number: u32, width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let mut v =
            number.wrapping_mul(0x9e37_79b9) ^ (x / 5).wrapping_mul(0x85eb_ca6b) ^ (y / 5).wrapping_mul(0xc2b2_ae35);
        v = (v ^ (v >> 15)).wrapping_mul(0x2c1b_3c6d);
        let bytes = (v ^ (v >> 13)).to_le_bytes();
        Rgb([bytes[0], bytes[1], bytes[2]])
    })
}

pub(crate) fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, format).expect("memory");
    out.into_inner()
}

pub(crate) fn format_of(name: &str) -> ImageFormat {
    ImageFormat::from_path(name).expect("a known extension")
}

/// Issues by kind and the name of the file, after a look at all images.
pub(crate) fn issues(set: &mut ImageSet) -> Vec<(IssueKind, String)> {
    inspect(set, |_| true, None, || true).expect("not stopped");
    set.issues.iter().map(|f| (f.kind, f.file.file_name().unwrap_or_default().to_string_lossy().into_owned())).collect()
}

/// A folder shared by the project's copies, or nothing (with one line that says so).
#[allow(clippy::print_stdout)]
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(folder);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: ../shared/{folder} is not here");
    None
}
