//! A column of a table, for messages about its values.

use crate::column::Column;
use crate::error::shown;
use crate::row::FileRow;
use crate::table::Table;

/// A column of a table, for messages about its values.
#[derive(Clone, Copy)]
pub(crate) struct ColumnRef<'a> {
    pub(crate) table: &'a Table,
    pub(crate) name: &'a str,
    pub(crate) index: usize,
}

impl<'a> ColumnRef<'a> {
    pub(crate) fn new(table: &'a Table, index: usize) -> Self {
        Self { table, name: &table.columns()[index].name, index }
    }

    /// Where the value of a row stands.
    pub(crate) fn place(&self, row: FileRow) -> String {
        self.table.place_of(row, self.index)
    }

    /// The value of a row, if it is a number among texts by its type.
    pub(crate) fn number(&self, row: usize) -> Option<f64> {
        self.table.source.number(row, self.index)
    }

    /// The value as the file has it, quoted.
    pub(crate) fn show(&self, row: FileRow, column: &Column) -> String {
        shown(&self.table.source.show(row, self.index).unwrap_or_else(|| column.text(row.index()).into_owned()))
    }
}
