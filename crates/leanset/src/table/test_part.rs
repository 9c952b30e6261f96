//! The rows that are held out for a test.

use leanset_spec::manifest::table::{GroupsRecord, TestClassRecord};
use leanset_tables::FileRow;

/// Rows that are held out, and what is known of them.
#[derive(Debug)]
pub(crate) struct TestPart {
    /// Ascending.
    rows: Vec<FileRow>,
    /// Of each row its class.
    codes: Vec<u32>,
    classes: Vec<TestClassRecord>,
    groups: Option<GroupsRecord>,
}

impl TestPart {
    /// Of rows, ascending, and the class of each.
    pub(crate) fn new(
        rows: Vec<FileRow>,
        codes: Vec<u32>,
        classes: Vec<TestClassRecord>,
        groups: Option<GroupsRecord>,
    ) -> Self {
        Self { rows, codes, classes, groups }
    }

    /// The rows, ascending.
    pub(crate) fn rows(&self) -> &[FileRow] {
        &self.rows
    }

    /// The class of each row.
    pub(crate) fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Whether a row is one of them.
    pub(crate) fn holds(&self, row: FileRow) -> bool {
        self.rows.binary_search(&row).is_ok()
    }

    pub(crate) fn classes(&self) -> &[TestClassRecord] {
        &self.classes
    }

    pub(crate) fn groups(&self) -> Option<GroupsRecord> {
        self.groups
    }
}
