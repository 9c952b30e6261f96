//! What jobs about tables read: the table itself, and what stands beside it.

pub(crate) mod dynamics;
pub(crate) mod files;
mod hold_out;
pub(crate) mod input;
pub(crate) mod kept;
pub(crate) mod method;
pub(crate) mod ranking;
mod row_names;
pub(crate) mod rows;
pub(crate) mod target;
mod test_part;

pub use input::Input;
