//! Where a table is: in one file, in the files of a folder, or in several files.

use std::fmt;
use std::path::{Path, PathBuf};

use leanset_problem::list;
use serde::{Deserialize, Serialize};

/// Where a table is. A path is a file, a folder whose files are read as one table, a pattern such as `parts/*.parquet`, or
/// `-` for standard input. The rows of several paths are one table, in this order.
///
/// A document has one path as text, and several as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrSeveral", into = "OneOrSeveral")]
pub struct TablePaths(Vec<PathBuf>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl From<OneOrSeveral> for TablePaths {
    fn from(paths: OneOrSeveral) -> Self {
        match paths {
            OneOrSeveral::One(path) => Self(vec![path]),
            OneOrSeveral::Several(paths) => Self(paths),
        }
    }
}

impl From<TablePaths> for OneOrSeveral {
    fn from(paths: TablePaths) -> Self {
        match <[PathBuf; 1]>::try_from(paths.0) {
            Ok([path]) => Self::One(path),
            Err(paths) => Self::Several(paths),
        }
    }
}

impl TablePaths {
    /// The paths, in order.
    pub fn as_slice(&self) -> &[PathBuf] {
        &self.0
    }

    /// The path, if there is one.
    pub fn single(&self) -> Option<&Path> {
        match self.0.as_slice() {
            [path] => Some(path),
            _ => None,
        }
    }

    /// Whether none is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<PathBuf>> for TablePaths {
    fn from(paths: Vec<PathBuf>) -> Self {
        Self(paths)
    }
}

impl From<PathBuf> for TablePaths {
    fn from(path: PathBuf) -> Self {
        Self(vec![path])
    }
}

impl From<&Path> for TablePaths {
    fn from(path: &Path) -> Self {
        Self(vec![path.to_owned()])
    }
}

impl From<&str> for TablePaths {
    fn from(path: &str) -> Self {
        Self(vec![path.into()])
    }
}

/// As people read it: `a.csv`, `a.csv and b.csv`, `a.csv, b.csv and 3 more`.
impl fmt::Display for TablePaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(self.0.iter().map(|path| path.display()), 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_path_is_text_and_several_are_a_list() {
        for (paths, text, shown) in [
            (TablePaths::from("a.csv"), "\"a.csv\"", "a.csv"),
            (vec!["a.csv".into(), "b.csv".into()].into(), "[\"a.csv\",\"b.csv\"]", "a.csv and b.csv"),
            (TablePaths(["a", "b", "c"].map(PathBuf::from).into()), "[\"a\",\"b\",\"c\"]", "a, b and 1 more"),
        ] {
            assert_eq!(serde_json::to_string(&paths).expect("a document"), text);
            assert_eq!(serde_json::from_str::<TablePaths>(text).expect("the same"), paths);
            assert_eq!(paths.to_string(), shown);
        }
    }
}
