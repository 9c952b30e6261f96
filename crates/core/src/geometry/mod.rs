//! What the methods and metrics share to find near points without looking at all of them.

mod tree;

pub(crate) use tree::{Node, Tree, Visitor, memory};
