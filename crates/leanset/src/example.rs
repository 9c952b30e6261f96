//! Data for the example in the documentation.

use std::fs::File;
use std::path::Path;

use leanset_spec::Format;
use leanset_tables::{Column, Compression, write_columns};

use crate::{Problem, Result};

/// Writes a table of two classes and two hundred rows.
///
/// # Errors
/// If it cannot be written.
pub fn write_parquet(path: &Path) -> Result<()> {
    let number = |scale: f64| (0..200).map(|row| (f64::from(row) * scale).sin()).collect::<Vec<f64>>();
    let classes: Vec<i64> = (0..200).map(|row| row % 2).collect();
    let columns: Vec<(String, Column)> =
        vec![("a".into(), number(0.7).into()), ("b".into(), number(1.3).into()), ("y".into(), classes.into())];
    let mut file = File::create(path).map_err(|e| Problem::io(format!("{}: cannot be written", path.display()), e))?;
    Ok(write_columns(&columns, Format::Parquet, Compression::None, &mut file)?)
}
