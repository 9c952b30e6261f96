//! The tests of the crate from outside: one program, because each would be linked with everything again.
//! `cargo test -p leanset-core --test main budget` runs those of one file.

mod budget;
mod common;
mod conformance;
mod definitions;
mod epsilon;
mod equal_directions;
mod golden;
mod persistence;
