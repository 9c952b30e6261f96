//! Features of images: the numbers that distances are computed from.

use std::path::Path;

use leanset_tables::{Kind, ReadOptions, Table, Values, read};

use leanset_problem::{Result, setting, text};

use crate::error::{io, problem};
use crate::path_index::{PATH, PathIndex, texts};
use crate::{ImageSet, Inspection};

/// A row of features for each image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Row-major: images × dimensions.
    pub values: Vec<f32>,
    /// Features per image.
    pub dimensions: usize,
}

impl Features {
    /// The features of inspected images; they are moved out of `inspections`.
    ///
    /// # Errors
    /// If one of the images was not inspected, or could not be decoded.
    pub fn from_inspections(set: &ImageSet, inspections: &mut [Inspection], images: &[usize]) -> Result<Self> {
        let mut found = Self::default();
        for &image in images {
            let features = inspections[image].features.take().ok_or_else(|| {
                problem(format!("{}: was not decoded, and has no features", set.images[image].path.display()))
            })?;
            if found.values.is_empty() {
                found.dimensions = features.len();
                found.values.reserve_exact(images.len() * features.len());
            }
            if features.len() != found.dimensions {
                let (name, all) = (&set.images[image].name, found.dimensions);
                return Err(problem(format!(
                    "{name}: is described by {} numbers, and others by {all}",
                    features.len()
                )));
            }
            found.values.extend_from_slice(&features);
        }
        Ok(found)
    }

    /// The number of features in such a table, and the bytes of memory that reading it takes.
    ///
    /// # Errors
    /// If it cannot be read, or has no numeric column.
    pub fn extent(file: &Path, paths: Option<&Path>) -> Result<(usize, u64)> {
        let table = read(file, &ReadOptions::default())?;
        // Of columns one at a time as numbers, and the paths.
        let passing = (8 + 64) * table.rows() as u64;
        Ok((numbers(&table, file, paths.is_some())?.len(), table.memory() + passing))
    }

    /// From a table with the column `path` and columns of numbers, or an array with a list of the paths of its rows.
    ///
    /// # Errors
    /// If it cannot be read, an image has no row or two, or a number is missing or infinite.
    pub fn from_table(set: &ImageSet, images: &[usize], file: &Path, paths: Option<&Path>) -> Result<Self> {
        let name = file.display();
        let table = read(file, &ReadOptions::default())?;
        let listed = match paths {
            Some(list) => {
                let text = leanset_problem::files::read_given_text(list).map_err(|e| io(list, "cannot be read", e))?;
                let lines: Vec<String> =
                    text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
                if lines.len() != table.rows() {
                    return Err(problem(format!(
                        "{name}: has {} rows, and {} has {} paths",
                        table.rows(),
                        list.display(),
                        lines.len()
                    ))
                    .hint("give one path a line for every row, in their order"));
                }
                lines
            }
            None if table.columns().iter().any(|c| c.name == PATH) => texts(&table, PATH)?,
            None => {
                return Err(problem(format!("{name}: has no column '{PATH}' that says which image a row is of")).hint(
                    text![
                        "for an array, name a list of the paths of its rows, one per line: ",
                        setting::FEATURE_PATHS.to("FILE")
                    ],
                ));
            }
        };
        let numbers = numbers(&table, file, paths.is_some())?;
        let rows = PathIndex::new(set, paths.unwrap_or(file)).rows(paths.unwrap_or(file), listed.iter(), images)?;
        let dimensions = numbers.len();
        let mut values = vec![0f32; images.len() * dimensions];
        for (place, &index) in numbers.iter().enumerate() {
            let column = table.column(index)?;
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // features are of single precision
            let value = |row: usize| match &column.values {
                Values::Number(v) => v[row] as f32,
                Values::Number32(v) => v[row],
                Values::Integer(v) => v[row] as f32,
                _ => f32::NAN,
            };
            for (image, &row) in rows.iter().enumerate() {
                let number = value(row);
                if column.is_missing(row) || !number.is_finite() {
                    let of = &set.images[images[image]].name;
                    return Err(problem(format!(
                        "{name}: '{}' of {of} is not a finite number",
                        table.columns()[index].name
                    ))
                    .hint("give every image a number there"));
                }
                values[image * dimensions + place] = number;
            }
        }
        Ok(Self { values, dimensions })
    }
}

/// The numeric columns of a table; without a list of paths, all but the column of paths.
fn numbers(table: &Table, file: &Path, listed: bool) -> Result<Vec<usize>> {
    let columns = table.columns().iter().enumerate();
    let numbers: Vec<usize> = columns
        .filter(|(_, c)| (listed || c.name != PATH) && matches!(c.kind, Kind::Number | Kind::Integer))
        .map(|(index, _)| index)
        .collect();
    if numbers.is_empty() {
        return Err(problem(format!("{}: has no column of numbers", file.display()))
            .hint("a column for each number of a feature vector"));
    }
    Ok(numbers)
}
