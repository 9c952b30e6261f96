mod error;
pub mod plan;
pub mod statistics;

pub use error::{Error, Result};
pub use plan::Plan;
