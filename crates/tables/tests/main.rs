//! The tests of the crate from outside: one program, because each would be linked with everything again.
//! `cargo test -p leanset-tables --test main encode` runs those of one file.

mod as_people_have_them;
mod common;
mod encode;
mod errors;
mod formats;
mod golden;
mod hostile;
mod in_file;
mod joined;
mod jsonl;
mod lists;
mod memory;
mod npz;
mod packed;
mod text;
mod types;
mod without_arrow;
