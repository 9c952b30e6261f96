//! Row and class ids: newtypes, so that a position in a class can never pass for a row of the table.

use std::fmt;

/// A row of the input, by its 0-based position. Four bytes, so a billion ids are 4 GB and not 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u32);

/// A class, by its 0-based position in the list of class names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

impl RowId {
    /// The id as an index into per-row arrays.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The id of the row at `index`.
    ///
    /// # Panics
    /// If `index` does not fit: [`crate::Dataset::new`] refuses tables of more than `u32::MAX` rows before any id exists.
    #[inline]
    pub fn at(index: usize) -> Self {
        Self(u32::try_from(index).expect("tables of more than u32::MAX rows are refused up front"))
    }
}

impl ClassId {
    /// The id as an index into per-class arrays.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The id of the class at `index` (see [`RowId::at`]).
    #[inline]
    pub fn at(index: usize) -> Self {
        Self(u32::try_from(index).expect("there are no more classes than rows"))
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
