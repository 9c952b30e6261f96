//! The program from outside: one test program, because each would be linked with everything again.
//! `cargo test -p leanset-cli --test main bad_input` runs those of one file.

mod as_people_have_them;
mod bad_input;
mod choose;
mod common;
mod detectors;
mod energy;
mod experiments;
mod faces;
mod features;
mod hostile;
mod images;
mod inputs;
mod kill;
mod lists;
mod main_job;
mod outputs;
mod split;
