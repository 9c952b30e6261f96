//! The verbs, one file each: its arguments, and what it does with them.

pub(crate) mod choose;
pub(crate) mod demo;
pub(crate) mod energy;
pub(crate) mod experiment;
pub(crate) mod images;
pub(crate) mod measure;
pub(crate) mod methods;
pub(crate) mod plans;
pub(crate) mod rank;
pub(crate) mod reduce;
pub(crate) mod report;
pub(crate) mod shell;
