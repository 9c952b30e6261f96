//! What is wrong with a single image or annotation. No issue stops the work unless the user asks for that.

use std::path::PathBuf;

use leanset_problem::{Text, setting, text};

/// How much a issue matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For information: the image is used.
    Note,
    /// A doubt: the image is used, but not the part of its annotation that is wrong.
    Warning,
    /// A model cannot be trained on the image: it is left out.
    Error,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Declares the kinds with their stable codes, what is affected (one, several), what is wrong with it, and the way out.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $code:literal, $one:literal $many:literal, $wrong:literal, $hint:expr;)+) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum IssueKind { $($(#[$doc])* $kind),+ }

        impl IssueKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$kind => $code),+ }
            }

            /// What is wrong with so many of them, without the number: `images that cannot be decoded`.
            pub fn title(self, count: usize) -> String {
                let (one, many, wrong) = match self { $(Self::$kind => ($one, $many, $wrong)),+ };
                format!("{} {wrong}", if count == 1 { one } else { many })
            }

            /// What to do about it.
            pub fn hint(self) -> Text {
                match self { $(Self::$kind => Text::from($hint)),+ }
            }
        }
    };
}

kinds! {
    /// The file of an image does not exist or cannot be opened.
    ImageMissing "picture-missing", "image" "images", "that cannot be opened", "put the file in its place, or remove it from the list";
    /// The file of an image is damaged.
    ImageDamaged "picture-damaged", "image" "images", "that cannot be decoded", "copy the file again from its source";
    /// The format of an image is not decoded here.
    ImageFormat "picture-format", "image" "images", "in a format that leanset does not decode", text!["convert to JPEG, PNG, WebP or BMP, or give the features with ", &setting::FEATURE_TABLE];
    /// A side of less than ten pixels.
    ImageTiny "picture-tiny", "image" "images", "with a side below 10 pixels", "leave such images out: detectors reject them";
    /// More pixels than fit into memory.
    ImageHuge "picture-huge", "image" "images", "of more than 250 million pixels", "cut the image into tiles, or scale it down";
    /// A file name that no list of paths can hold.
    NameUnlistable "name-unlistable", "file name" "file names", "that a list of paths cannot hold", "rename the file: valid Unicode without line breaks";
    /// An annotation that cannot be read.
    AnnotationBad "annotation-bad", "annotation" "annotations", "that cannot be read", "correct the line: class x y width height, or a polygon";
    /// A class that the dataset does not have.
    ClassUnknown "class-unknown", "object" "objects", "of a class that the dataset does not have", "correct the class, or add its name to the classes";
    /// Coordinates outside the image.
    BoxOutside "box-outside", "box" "boxes", "outside the image", "give coordinates as fractions of the width and height, from 0 to 1";
    /// A box that extends over the edge of the image.
    BoxBeyond "box-beyond", "box" "boxes", "over the edge of the image", "cut the box at the edge";
    /// A box without width or height.
    BoxEmpty "box-empty", "box" "boxes", "without width or height", "draw the box again: it is not counted as an object";
    /// An object that is annotated twice.
    ObjectDuplicate "object-twice", "image" "images", "with objects that are annotated twice", "remove one of the two: they are counted once";
    /// An image without a label file.
    LabelMissing "label-missing", "image" "images", "without an annotation", "write an empty file if the image has no objects: it counts as background";
    /// An annotation without an image.
    LabelOrphan "label-orphan", "annotation" "annotations", "without an image", "add the image, or remove the annotation";
    /// An annotation that states a size of zero.
    SizeZero "size-zero", "annotation" "annotations", "with an image size of 0 × 0", "write the true size: the size of the image is used";
    /// An annotation that states another size than the image has.
    SizeDiffers "size-differs", "annotation" "annotations", "with another size than the image", "check the boxes: they may belong to another copy of the image";
    /// An image that a list names twice.
    ListedTwice "listed-twice", "image" "images", "listed more than once", "remove the duplicate line: the image is used once";
    /// The same bytes as another image.
    ImageDuplicate "picture-twice", "image" "images", "with the same bytes as another image", "keep one of them";
    /// The same bytes as an image of another split.
    SplitLeak "split-leak", "image" "images", "with the same bytes as an image of another split", "remove it from one split: scores on it are not valid";
    /// Looks the same as another image.
    ImageNearDuplicate "picture-alike", "image" "images", "with nearly the same look as another image", "keep one of them if they are copies";
    /// A file whose extension is not that of its format.
    NameOther "name-other", "image" "images", "with the extension of another format", "rename the file: leanset decodes it by its content";
    /// Rotated by its EXIF orientation.
    ImageRotated "picture-turned", "image" "images", "rotated by the EXIF orientation", "check that boxes refer to the rotated image, as detectors assume";
    /// More than eight bits per channel.
    ImageDeep "picture-deep", "image" "images", "with 16 bits per channel", "nothing to do: features are computed from the upper 8 bits";
    /// A folder that cannot be listed.
    FolderUnreadable "folder-unreadable", "folder" "folders", "that cannot be listed", "give leanset access, or correct the link";
}

/// One issue, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// What it is about.
    pub kind: IssueKind,
    /// How much it matters here.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// What is wrong, with constraint and value.
    pub message: String,
}

impl Issue {
    pub(crate) fn new(
        kind: IssueKind,
        severity: Severity,
        file: impl Into<PathBuf>,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into().replace(['\n', '\r'], " ");
        Self { kind, severity, file: file.into(), line: None, message }
    }

    #[must_use]
    pub(crate) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// The order in which issues are reported.
    pub(crate) fn key(&self) -> impl Ord + use<> {
        (std::cmp::Reverse(self.severity), self.kind, self.file.clone(), self.line)
    }
}

impl std::fmt::Display for Issue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}
