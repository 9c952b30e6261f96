//! # leanset-backbones
//!
//! Image features (embeddings) by pretrained models. A [`Backbone`] is an ONNX file, cut before the layers that classify or
//! detect ([`Layer`]), with images fitted ([`Fit`]) and pixels normalised ([`Normalisation`]) for it, and run by an [`Engine`].
//!
//! ```no_run
//! use leanset_backbones::{Backbone, Options};
//!
//! let backbone = Backbone::open("yolov5m.onnx".as_ref(), &Options::default())?;
//! let mut worker = backbone.worker()?;
//! let grey = vec![114; 640 * 480 * 3];
//! let features = worker.embed(&[(640, 480, &grey)])?;
//! assert_eq!(features[0].len(), 768); // layer 9 of YOLOv5m, averaged over the image
//! # Ok::<(), leanset_problem::Problem>(())
//! ```

mod backbone;
mod bounds;
mod cut;
mod engine;
mod error;
mod onnx;
mod preprocess;
mod resize;
#[cfg(test)]
mod tests;

pub use backbone::{Backbone, Options, Worker};
pub use cut::Layer;
pub use engine::{Device, Engine};
pub use leanset_spec::images::Fit;
pub use preprocess::Normalisation;
