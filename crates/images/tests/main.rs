//! The tests of the crate from outside: one program, because each would be linked with everything again.
//! `cargo test -p leanset-images --test main categories` runs those of one file.

mod categories;
mod common;
mod oddities;
mod sets;
