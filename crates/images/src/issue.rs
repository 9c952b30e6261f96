//! What is wrong, or worth knowing, with a single image or annotation. None of it ends the work unless asked.

use std::path::PathBuf;

use leanset_problem::{Text, setting, text};

/// How much a issue matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing: the image is used as it should be.
    Note,
    /// Doubtful: the image is used, without what is wrong with it.
    Warning,
    /// The image cannot be trained from, and is left out.
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

/// Declares the kinds with their stable names, what they are in plural, and the way out.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $code:literal, $what:literal, $hint:expr;)+) => {
        /// What a issue is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum IssueKind { $($(#[$doc])* $kind),+ }

        impl IssueKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// Its stable name.
            pub fn code(self) -> &'static str {
                match self { $(Self::$kind => $code),+ }
            }

            /// In words, for a heading.
            pub fn what(self) -> &'static str {
                match self { $(Self::$kind => $what),+ }
            }

            /// What to do about it.
            pub fn hint(self) -> Text {
                match self { $(Self::$kind => Text::from($hint)),+ }
            }
        }
    };
}

kinds! {
    /// The file of an image is not there or cannot be opened.
    ImageMissing "image-missing", "images that cannot be opened", "put the file in its place, or take it off the list";
    /// The file of an image is damaged.
    ImageDamaged "image-damaged", "images that cannot be decoded", "copy the file again from where it came";
    /// The format of an image is not read here.
    ImageFormat "image-format", "images of a format that leanset does not decode", text!["convert them to JPEG, PNG, WebP or BMP, or give the features with ", &setting::FEATURE_TABLE];
    /// Less than ten pixels a side.
    ImageTiny "image-tiny", "images below 10 pixels a side", "detectors refuse them: leave them out";
    /// More pixels than fit into memory.
    ImageHuge "image-huge", "images of more than 250 million pixels", "cut them into pieces, or scale them down";
    /// A name that no list of paths can hold.
    NameUnlistable "name-unlistable", "names that a list of paths cannot hold", "rename the file: no line breaks, and valid Unicode";
    /// An annotation that cannot be read.
    AnnotationBad "annotation-bad", "annotations that cannot be read", "correct the line: class x y width height, or a polygon";
    /// A class that the set does not have.
    ClassUnknown "class-unknown", "objects of a class that the set does not have", "correct the class, or add its name to the classes";
    /// Coordinates that are not in the image.
    BoxOutside "box-outside", "boxes outside their image", "coordinates are parts of the width and height, from 0 to 1";
    /// A box that reaches over the edge of the image.
    BoxBeyond "box-beyond", "boxes that reach over the edge of their image", "cut them at the edge";
    /// A box of no width or height.
    BoxEmpty "box-empty", "boxes of no width or height", "draw them again; they are not counted as objects";
    /// An object that is there twice.
    ObjectDuplicate "object-duplicate", "objects that are there twice", "take one of them out; they are counted once";
    /// An image without a label file.
    LabelMissing "label-missing", "images without an annotation", "if there is nothing on them, write an empty file; they count as background";
    /// An annotation without an image.
    LabelOrphan "label-orphan", "annotations without an image", "add the image, or remove the annotation";
    /// A size in the annotation that is zero.
    SizeZero "size-zero", "annotations that claim an image of size 0 × 0", "write the true size; the image's own is used";
    /// A size in the annotation that is not that of the image.
    SizeDiffers "size-differs", "annotations that claim another size than the image has", "the boxes may be of another copy of the image: look at them";
    /// An image that is listed twice.
    ListedTwice "listed-twice", "images that are listed twice", "take one line out; they are used once";
    /// The same bytes as another image.
    ImageDuplicate "image-duplicate", "images with the same bytes as another", "keep one of them";
    /// The same bytes as an image of another split.
    SplitLeak "split-leak", "images with the same bytes as one of another split", "take it out of one split: scores on it say nothing";
    /// Looks the same as another image.
    ImageNearDuplicate "image-near-duplicate", "images that look the same as another", "keep one of them, if they are copies";
    /// Bytes of another format than the name says.
    NameOther "name-other", "images of another format than their name says", "rename them; they are read by what they are";
    /// Turned by a mark in the file.
    ImageRotated "image-rotated", "images that a mark in the file turns", "boxes are taken to be of the turned image, as detectors do";
    /// More than eight bits a channel.
    ImageDeep "image-deep", "images of 16 bits a channel", "features are measured on the upper 8 bits";
    /// Folders that cannot be listed.
    FolderUnreadable "folder-unreadable", "folders that cannot be listed", "give access, or mend the link";
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

    /// The order in which issues are told.
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
