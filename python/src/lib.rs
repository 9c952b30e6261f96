//! The extension module `leanset._leanset`: all of it is in the crate leanset-python.

pub use leanset_python::_leanset;
