//! The row of a file, a type of its own beside the row of a dataset.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A row of a table as its file has it, by 0-based position; the header is no row.
///
/// [`leanset_core::RowId`] is a row of the *dataset* that a table was encoded as. They differ where rows are left out for
/// missing values, so one becomes the other only through [`crate::Encoded::file_row`] and
/// [`crate::Encoded::dataset_row`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileRow(pub u32);

impl FileRow {
    /// The row as an index into the columns of the table.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The row at `index`.
    ///
    /// # Panics
    /// If `index` does not fit: tables of more than `u32::MAX` rows are refused when they are read.
    #[inline]
    pub fn at(index: usize) -> Self {
        Self(u32::try_from(index).expect("tables of more than u32::MAX rows are refused when they are read"))
    }
}

impl fmt::Display for FileRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
