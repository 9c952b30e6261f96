//! What the methods and metrics share to find near points without looking at all of them.

mod nearest;
mod neighbors;
mod tree;

pub use nearest::nearest;
pub(crate) use nearest::{Points, memory as nearest_memory};
pub(crate) use neighbors::{Search, squared_limit};
pub(crate) use tree::{Node, Tree, Visitor, memory};
