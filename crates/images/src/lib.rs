//! # leanset-images
//!
//! Image datasets for leanset: YOLO, COCO, Pascal VOC and class folders through one model, what is wrong with them, and
//! the categories that they are divided into. No image is ever moved, renamed, changed or deleted.
//!
//! - [`ImageSet::open`] reads the annotations; [`inspect()`] decodes the images themselves;
//! - [`Issue`]: what is wrong with an image or an annotation; all issues are reported at once;
//! - [`Features`]: embeddings by a pretrained model ([`Embedder`]), colour and edge histograms, or features from a file;
//! - [`Categories`]: by a rule from the annotations, or from a table.

mod cache;
pub mod category;
mod class_balance;
pub mod color_edge_features;
mod contact_sheet;
mod embedder;
mod error;
mod features;
mod formats;
mod inspect;
mod issue;
mod open;
pub mod path_index;
mod set;
mod walk;
mod write;

pub use leanset_spec::images::{CategoryRule, Group, Placement};

pub use cache::Cache;
pub use category::Categories;
pub use class_balance::balanced_counts;
pub use contact_sheet::{ContactSheet, contact_sheet_memory};
pub use embedder::Embedder;
pub use features::Features;
pub use formats::{Detected, FORMATS, Format, OpenOptions, Placed, Smaller, Source};
pub use inspect::{ImageHeader, Inspection, inspect, inspection_memory};
pub use issue::{Issue, IssueKind, Severity};
pub use set::{Bounds, Image, ImageSet, Object, Split};
pub use write::{Content, files};
