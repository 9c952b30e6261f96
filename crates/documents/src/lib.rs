//! JSON documents that more than one face of leanset writes or reads, each defined once. Documented in docs/json.md.

pub mod methods;
mod training;
mod value;

pub use training::Training;
pub use value::{number, value};
