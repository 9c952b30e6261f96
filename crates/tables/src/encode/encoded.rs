//! A table as numbers: the matrix, the classes, and which row of the file each row of the dataset is.

use leanset_core::{Classes, Dataset, Matrix, Points, RowId};

use crate::error::Warning;
use crate::row::FileRow;

/// A row-major matrix of features, one row per encoded row.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// 32 bits: nothing was scaled, and every value is exact in them.
    F32(Vec<f32>),
    /// 64 bits.
    F64(Vec<f64>),
}

impl Features {
    /// The values as 64-bit floats; widening is exact.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Features::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Features::F64(v) => v.clone(),
        }
    }
}

/// A table as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Row-major, `rows × dimensions`.
    pub features: Features,
    /// Encoded rows.
    pub rows: usize,
    /// Length of a row.
    pub dimensions: usize,
    /// The class of each encoded row: a position in `class_names`.
    pub classes: Vec<u32>,
    /// The classes of the table the encoder was fitted on, in code order; another table may lack some.
    pub class_names: Vec<String>,
    /// The row of the file behind each encoded row, ascending, where some were left out; `None` when all are there.
    pub(crate) kept: Option<Vec<FileRow>>,
    /// What is worth knowing: that of the fit first, then that of this table.
    pub warnings: Vec<Warning>,
}

impl Encoded {
    /// The encoded rows as methods and metrics take them.
    ///
    /// # Errors
    /// A value whose square overflows; no rows.
    pub fn dataset(&self) -> leanset_core::Result<Dataset<'_>> {
        let points: Points<'_> = match &self.features {
            Features::F32(values) => Matrix::new(values, self.rows, self.dimensions)?.into(),
            Features::F64(values) => Matrix::new(values, self.rows, self.dimensions)?.into(),
        };
        Dataset::new(points, Classes::new(&self.classes, self.class_names.len())?.with_names(&self.class_names))
    }

    /// The row of the file that a row of the dataset is.
    ///
    /// # Panics
    /// If there is no such row, as indexing a slice does.
    pub fn file_row(&self, row: RowId) -> FileRow {
        match &self.kept {
            None => FileRow(row.0),
            Some(kept) => kept[row.index()],
        }
    }

    /// The row of the dataset that a row of the file is; `None` if it was left out, or is beyond the last.
    pub fn dataset_row(&self, row: FileRow) -> Option<RowId> {
        match &self.kept {
            None => (row.index() < self.rows).then_some(RowId(row.0)),
            Some(kept) => kept.binary_search(&row).ok().map(RowId::at),
        }
    }

    /// These rows alone, which are rows of the file, ascending; what is not among the encoded rows is passed over.
    #[must_use]
    pub fn only(mut self, rows: &[FileRow]) -> Self {
        fn take<T: Copy>(values: &mut Vec<T>, width: usize, rows: &[usize]) {
            // In place: a row never moves behind a row that is still to be moved.
            for (to, &from) in rows.iter().enumerate() {
                values.copy_within(from * width..(from + 1) * width, to * width);
            }
            values.truncate(rows.len() * width);
        }
        let (taken, kept): (Vec<usize>, Vec<FileRow>) =
            rows.iter().filter_map(|&row| Some((self.dataset_row(row)?.index(), row))).unzip();
        match &mut self.features {
            Features::F32(values) => take(values, self.dimensions, &taken),
            Features::F64(values) => take(values, self.dimensions, &taken),
        }
        take(&mut self.classes, 1, &taken);
        self.rows = taken.len();
        self.kept = Some(kept);
        self
    }

    /// The row of the file behind each row of the dataset, ascending.
    pub fn file_rows(&self) -> impl ExactSizeIterator<Item = FileRow> {
        (0..self.rows).map(|row| self.file_row(RowId::at(row)))
    }
}
