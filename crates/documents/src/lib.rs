//! JSON documents that more than one face of leanset writes or reads, each defined once. Documented in docs/json.md.

mod error;
pub mod images;
pub mod manifest;
pub mod methods;
mod training;
mod value;

pub use error::Error;
pub use training::Training;
pub use value::{number, parse, value};
