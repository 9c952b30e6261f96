//! Outputs, written whole or not at all.
//!
//! Everything that a job writes is staged in temporary files beside their targets and appears by rename when all of it is
//! there. An error, an interrupt or a full disk leaves what was there before, and nothing else. A kill may leave temporary
//! files, or some of the renames undone; the next run that writes to the folder finishes those and removes the files.

mod commit;
mod folder;
mod hash;
mod interrupt;
mod links;
mod name;
mod point;
mod put;
mod staged;
mod standing;
mod sync;
mod temporary;
mod workdir;

use std::path::Path;

pub use folder::Folder;
pub(crate) use hash::Hashing;
pub use hash::{hexadecimal, sha256, sha256_of};
pub use interrupt::{remove_unfinished_when_interrupted, wait_if_interrupted};
pub use point::{SIGNAL_AT, point};
pub use staged::{Outputs, check_output, check_table_output, manifest_beside, same_place};
pub use standing::sealed;
pub use workdir::{TEMPORARY, WorkDir};

/// The folder that a file is or will be in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
