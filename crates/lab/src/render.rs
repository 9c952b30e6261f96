//! Numbers as people read them, in the report and in recommendations.

pub(crate) use leanset_problem::numbers::{counted, number, p_value, three};
pub use leanset_problem::numbers::{lost, plural, points, share, whole};
