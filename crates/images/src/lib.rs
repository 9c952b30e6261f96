//! # leanset-images
//!
//! Sets of pictures for leanset: YOLO, COCO, Pascal VOC and class folders through one model, what is wrong with them, and
//! what they are divided into. No picture is ever moved, renamed, changed or deleted.
//!
//! - [`ImageSet::open`] reads the annotations; [`look()`] looks at the pictures themselves;
//! - [`Fault`]: what is wrong with a picture or an annotation, all of them at once;
//! - [`Features`]: what pictures look like, to a pretrained model ([`Describer`]), without one, or given;
//! - [`Categories`]: by a rule from the annotations, or given by a table.

pub mod appearance;
mod balance;
mod cache;
pub mod category;
pub mod coco;
mod describe;
mod error;
mod fault;
mod features;
mod folders;
pub mod join;
mod look;
mod set;
mod sheet;
mod voc;
mod write;
pub mod yolo;

pub use balance::balanced;
pub use cache::Cache;
pub use category::{Categories, Group, Rule};
pub use describe::Describer;
pub use error::{Error, Result};
pub use fault::{Fault, FaultKind, Severity};
pub use features::Features;
pub use look::{Glimpse, Look, glimpse, look, memory};
pub use set::{Bounds, ImageSet, Layout, Object, OpenOptions, Picture, Split};
pub use sheet::{Sheet, sheet_memory};
pub use write::{Content, Placement, files};
