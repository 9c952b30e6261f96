//! Views of labelled points: borrowed, checked once, never copied.
//!
//! A [`Dataset`] is what every method and metric reads. Its points may be `f32` or `f64`; arithmetic is always `f64`,
//! so a view of `f32` values gives the same result, bit for bit, as a view of the same values widened.

use crate::{ClassId, Error, Result, RowId};

/// The largest magnitude of a coordinate: beyond it a squared distance overflows.
pub const LIMIT: f64 = 1e150;

/// The least range of a class: below it squared distances underflow, and different rows are at distance 0. A class is of this
/// range if it is in one column. (Beside such a column, differences below 10⁻¹² of it may be lost, which rounding loses as well.)
pub const LEAST_RANGE: f64 = 1e-140;

/// Only values below this magnitude can differ by less than [`LEAST_RANGE`] without being equal.
const TINY: f64 = 1e-120;

/// A coordinate type: `f32` or `f64`.
pub trait Scalar: Copy + Send + Sync + Default + PartialOrd + 'static {
    /// The value as `f64`, exactly.
    fn widen(self) -> f64;

    /// The same values, if they are `f32`.
    fn singles(values: &[Self]) -> Option<&[f32]>;
}

impl Scalar for f32 {
    #[inline(always)]
    fn widen(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn singles(values: &[Self]) -> Option<&[f32]> {
        Some(values)
    }
}

impl Scalar for f64 {
    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }

    #[inline(always)]
    fn singles(_: &[Self]) -> Option<&[f32]> {
        None
    }
}

/// A borrowed matrix of points, row-major and contiguous: shape n × d.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
}

impl<'a, T: Scalar> Matrix<'a, T> {
    /// A view of `values` as `rows` × `columns`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the length is not rows × columns.
    pub fn new(values: &'a [T], rows: usize, columns: usize) -> Result<Self> {
        let expected = rows.saturating_mul(columns);
        if values.len() != expected {
            return Err(Error::Shape { what: "the matrix", got: values.len(), expected, rows, columns });
        }
        Ok(Self { values, rows, columns })
    }

    /// Number of points, n.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of coordinates of a point, d.
    #[inline]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The coordinates of one point.
    #[inline]
    pub fn row(&self, row: RowId) -> &'a [T] {
        &self.values[row.index() * self.columns..][..self.columns]
    }

    /// All values, row-major.
    pub fn values(&self) -> &'a [T] {
        self.values
    }
}

/// Points of either precision. [`crate::with_points!`] runs one generic body over both.
#[derive(Clone, Copy, Debug)]
pub enum Points<'a> {
    /// Single precision.
    F32(Matrix<'a, f32>),
    /// Double precision.
    F64(Matrix<'a, f64>),
}

impl Points<'_> {
    /// Number of points, n.
    pub fn rows(&self) -> usize {
        with_points!(self, |m| m.rows())
    }

    /// Number of coordinates of a point, d.
    pub fn columns(&self) -> usize {
        with_points!(self, |m| m.columns())
    }

    /// Coordinates of one point, widened into `out` (length d).
    #[inline]
    pub fn widen_row(&self, row: RowId, out: &mut [f64]) {
        with_points!(self, |m| {
            for (o, v) in out.iter_mut().zip(m.row(row)) {
                *o = v.widen();
            }
        });
    }

    /// Whether there are values other than 0 that are so small that their squares may underflow.
    ///
    /// # Errors
    /// The first value that is not finite, or too large for a squared distance.
    fn check(&self) -> Result<bool> {
        use rayon::prelude::*;
        with_points!(self, |m| {
            let d = m.columns();
            // What a chunk has is found fast; only then is the place looked for, from the front.
            let bad = |v: f64| v.is_nan() || v.abs() > LIMIT;
            let in_chunk = |chunk: &[_]| {
                let (mut any_bad, mut any_tiny) = (false, false);
                for v in chunk {
                    let v = Scalar::widen(*v);
                    any_bad |= bad(v);
                    any_tiny |= v != 0.0 && v.abs() < TINY;
                }
                (any_bad, any_tiny)
            };
            let either = |a: (bool, bool), b: (bool, bool)| (a.0 | b.0, a.1 | b.1);
            let (any_bad, any_tiny) = m.values().par_chunks(4096).map(in_chunk).reduce(|| (false, false), either);
            if !any_bad {
                return Ok(any_tiny);
            }
            let at = m.values().iter().position(|v| bad(v.widen())).unwrap_or(0);
            let (row, column, value) = (RowId::at(at / d), at % d, m.values()[at].widen());
            Err(if value.is_finite() {
                Error::TooLarge { row, column, value, limit: LIMIT }
            } else {
                Error::NotFinite { row, column, value }
            })
        })
    }

    /// The first class whose range is above 0 and below [`LEAST_RANGE`] in every column: the class, the column of its largest range,
    /// and that.
    fn narrow_class(&self, classes: &Classes) -> Option<(ClassId, usize, f64)> {
        let d = self.columns();
        let (mut low, mut high) = (vec![0.0; d], vec![0.0; d]);
        classes.ids().find_map(|class| {
            low.fill(f64::INFINITY);
            high.fill(f64::NEG_INFINITY);
            with_points!(self, |m| for &row in classes.rows(class) {
                for (j, v) in m.row(row).iter().enumerate() {
                    low[j] = low[j].min(v.widen());
                    high[j] = high[j].max(v.widen());
                }
            });
            let ranges = (0..d).map(|j| (j, high[j] - low[j]));
            let (column, range) = ranges.fold((0, 0.0), |widest, own| if own.1 > widest.1 { own } else { widest });
            (range > 0.0 && range < LEAST_RANGE).then_some((class, column, range))
        })
    }
}

impl<'a> From<Matrix<'a, f32>> for Points<'a> {
    fn from(m: Matrix<'a, f32>) -> Self {
        Self::F32(m)
    }
}

impl<'a> From<Matrix<'a, f64>> for Points<'a> {
    fn from(m: Matrix<'a, f64>) -> Self {
        Self::F64(m)
    }
}

/// Runs one generic body over points of either precision: `with_points!(points, |m| m.rows())`.
#[macro_export]
macro_rules! with_points {
    ($points:expr, |$m:ident| $body:expr) => {
        match $points {
            $crate::Points::F32($m) => $body,
            $crate::Points::F64($m) => $body,
        }
    };
}
pub use with_points;

/// The rows of every class: classes in order, rows ascending within each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    /// Class of each row.
    of_row: Vec<ClassId>,
    /// Rows, grouped by class.
    rows: Vec<RowId>,
    /// Where each class begins in `rows`; one more entry than classes.
    offsets: Vec<usize>,
    /// What to call each class, for messages.
    names: Vec<String>,
}

impl Classes {
    /// From one class code a row and the number of classes.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] for a code that is not below `classes`; [`Error::TooManyRows`].
    pub fn new(codes: &[u32], classes: usize) -> Result<Self> {
        if codes.len() > u32::MAX as usize {
            return Err(Error::TooManyRows { rows: codes.len() });
        }
        let mut offsets = vec![0usize; classes + 1];
        for (row, &code) in codes.iter().enumerate() {
            if code as usize >= classes {
                return Err(Error::UnknownClass { row: RowId::at(row), code, classes });
            }
            offsets[code as usize + 1] += 1;
        }
        for k in 0..classes {
            offsets[k + 1] += offsets[k];
        }
        let mut next = offsets.clone();
        let mut rows = vec![RowId(0); codes.len()];
        for (row, &code) in codes.iter().enumerate() {
            rows[next[code as usize]] = RowId::at(row);
            next[code as usize] += 1;
        }
        let names = (0..classes).map(|k| k.to_string()).collect();
        Ok(Self { of_row: codes.iter().map(|&c| ClassId(c)).collect(), rows, offsets, names })
    }

    /// The same classes with names for messages; names beyond the classes are ignored.
    #[must_use]
    pub fn with_names(mut self, names: &[String]) -> Self {
        for (own, name) in self.names.iter_mut().zip(names) {
            own.clone_from(name);
        }
        self
    }

    /// What to call a class.
    pub fn name(&self, class: ClassId) -> &str {
        &self.names[class.index()]
    }

    /// One class that holds all of `rows` rows.
    ///
    /// # Errors
    /// [`Error::TooManyRows`].
    pub fn one(rows: usize) -> Result<Self> {
        Self::new(&vec![0; rows], 1)
    }

    /// Number of classes, with or without rows.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are no classes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of a class, ascending.
    pub fn rows(&self, class: ClassId) -> &[RowId] {
        &self.rows[self.offsets[class.index()]..self.offsets[class.index() + 1]]
    }

    /// The class of a row.
    #[inline]
    pub fn of(&self, row: RowId) -> ClassId {
        self.of_row[row.index()]
    }

    /// All class ids.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = ClassId> + Clone {
        (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).map(ClassId)
    }

    /// Number of rows of each class.
    pub fn sizes(&self) -> Vec<usize> {
        self.offsets.windows(2).map(|w| w[1] - w[0]).collect()
    }

    /// How many of these rows each class has; rows that there are not count nowhere.
    pub fn counts_of(&self, rows: &[RowId]) -> Vec<usize> {
        let mut counts = vec![0; self.len()];
        rows.iter().filter_map(|row| self.of_row.get(row.index())).for_each(|class| counts[class.index()] += 1);
        counts
    }

    /// Number of classes that have rows.
    pub fn populated(&self) -> usize {
        self.offsets.windows(2).filter(|w| w[0] < w[1]).count()
    }
}

/// Labelled points, checked: at least one row and column, every value finite and small enough to square.
#[derive(Clone, Debug)]
pub struct Dataset<'a> {
    points: Points<'a>,
    classes: Classes,
    /// A class whose squared distances underflow: itself, the column in which it is widest, and its range there.
    narrow: Option<(ClassId, usize, f64)>,
}

impl<'a> Dataset<'a> {
    /// Checks and keeps a view of `points` and their classes. Cost: one pass over the values.
    ///
    /// ```
    /// use leanset_core::{Classes, Dataset, Matrix};
    /// let values = [0.0, 0.0, 1.0, 0.0, 0.0, 2.0];
    /// let data = Dataset::new(Matrix::new(&values, 3, 2)?, Classes::new(&[0, 0, 1], 2)?)?;
    /// assert_eq!((data.rows(), data.columns(), data.classes().len()), (3, 2, 2));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoRows`], [`Error::NoColumns`], [`Error::Shape`] if the classes are of another number of rows,
    /// [`Error::NotFinite`] and [`Error::TooLarge`] with row and column.
    pub fn new(points: impl Into<Points<'a>>, classes: Classes) -> Result<Self> {
        let points = points.into();
        let (rows, columns) = (points.rows(), points.columns());
        if columns == 0 {
            return Err(Error::NoColumns);
        }
        if rows == 0 {
            return Err(Error::NoRows);
        }
        if classes.of_row.len() != rows {
            let got = classes.of_row.len();
            return Err(Error::Shape { what: "the list of classes", got, expected: rows, rows, columns: 1 });
        }
        let narrow = if points.check()? { points.narrow_class(&classes) } else { None };
        Ok(Self { points, classes, narrow })
    }

    /// That no squared distance underflows: what methods that look at coordinates need, and the Euclidean metric.
    ///
    /// # Errors
    /// [`Error::TooClose`] if all rows of a class are so near to each other.
    pub(crate) fn check_squares(&self) -> Result<()> {
        let Some((class, column, range)) = self.narrow else { return Ok(()) };
        let class = (self.classes.populated() > 1).then(|| self.classes.name(class).to_owned());
        Err(Error::TooClose { class, column, range, least: LEAST_RANGE })
    }

    /// Number of rows, n.
    pub fn rows(&self) -> usize {
        self.points.rows()
    }

    /// Number of columns, d.
    pub fn columns(&self) -> usize {
        self.points.columns()
    }

    /// The points.
    pub fn points(&self) -> &Points<'a> {
        &self.points
    }

    /// The classes, when the points are done with.
    pub fn into_classes(self) -> Classes {
        self.classes
    }

    /// The rows of each class.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The shape on which costs and memory depend.
    pub fn shape(&self) -> Shape {
        let scalar_bytes = match self.points {
            Points::F32(_) => 4,
            Points::F64(_) => 8,
        };
        Shape::new(&self.classes.sizes(), self.columns(), scalar_bytes)
    }
}

/// The sizes on which a method's cost and memory depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// n.
    pub rows: usize,
    /// d.
    pub columns: usize,
    /// c.
    pub classes: usize,
    /// Rows of the largest class.
    pub largest_class: usize,
    /// Of each size of classes at most d: classes whose labels a decomposition of rows and labels cannot tell apart by
    /// their size.
    pub coupled_classes: usize,
    /// Bytes of one coordinate, 4 or 8.
    pub scalar_bytes: usize,
}

impl Shape {
    /// Of classes of these sizes.
    pub fn new(sizes: &[usize], columns: usize, scalar_bytes: usize) -> Self {
        let mut ordered: Vec<usize> = sizes.iter().copied().filter(|&size| size > 0).collect();
        ordered.sort_unstable();
        Self {
            rows: sizes.iter().sum(),
            columns,
            classes: sizes.len(),
            largest_class: ordered.last().copied().unwrap_or(0),
            coupled_classes: ordered.chunk_by(|a, b| a == b).map(|equal| equal.len().min(columns)).sum(),
            scalar_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::Metric;
    use crate::{Budget, EmptyClasses, Quiet, Reducer, Seed, metrics};

    /// Two classes of three rows and two columns; the second column of the first class is constant.
    fn refused(values: [f64; 12]) -> Option<Error> {
        let classes = Classes::new(&[0, 0, 0, 1, 1, 1], 2).expect("two classes");
        let data = Dataset::new(Matrix::new(&values, 6, 2).expect("a matrix"), classes).expect("finite");
        let reduce = |name: &str| {
            Reducer::new(name, &[])?.reduce(&data, &Budget::Ratio(0.5), EmptyClasses::Forbid, Seed(0), &Quiet)
        };
        let kept = reduce("srs").expect("no coordinate is looked at").reduced;
        let of = |metric| metrics::epsilon(&data, &kept, metric, &Quiet);
        assert!(of(Metric::Chebyshev).is_ok() && of(Metric::Manhattan).is_ok());
        let found = reduce("mms").err();
        assert_eq!(of(Metric::Euclidean).err(), found);
        found
    }

    #[test]
    fn rows_whose_squared_distances_underflow_are_refused() {
        let with = |unit: f64, second: f64| {
            [1.0, 7.0, 2.0, 7.0, 4.0, 7.0]
                .map(|v| if v == 7.0 { v } else { v * unit })
                .into_iter()
                .chain([1.0, second, 2.0, 3.0, 5.0, 8.0])
                .collect::<Vec<f64>>()
                .try_into()
                .expect("twelve")
        };
        for unit in [1e-170, 1e-150, 1e-320, f64::MIN_POSITIVE, 2e-141] {
            let found = refused(with(unit, 2.0));
            let Some(Error::TooClose { class: Some(class), column: 0, range, .. }) = found else {
                panic!("{unit:e}: {found:?}")
            };
            assert_eq!((class.as_str(), range), ("0", 4.0 * unit - unit));
        }
        for unit in [1.0, 1e-100, 1e-130, 1e-139, 0.0] {
            assert_eq!(refused(with(unit, 2.0)), None, "{unit:e}");
        }
        // Beside others, a tiny value is as good as 0.
        assert_eq!(refused(with(1.0, 1e-200)), None);
        let values: Vec<f32> = (0..6u8).map(|i| f32::from(i) * f32::from_bits(1)).collect();
        let data = Dataset::new(Matrix::new(&values, 6, 1).expect("a matrix"), Classes::one(6).expect("one"));
        assert_eq!(data.expect("squares of any f32 are there").check_squares(), Ok(()));
    }
}
