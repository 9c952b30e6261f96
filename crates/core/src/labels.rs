//! The singular value decomposition of rows with one-hot labels, [X, Y], without the n × c block of labels.
//!
//! The columns of Y are orthogonal. With D = diag(√n_k), B the class means times √n_k, and the triangular factor R of the
//! rows minus the means of their classes,
//!
//! ```math
//! [Y, X] = Q \begin{pmatrix} D & B \\ 0 & R \end{pmatrix}
//! ```
//!
//! with orthonormal columns of Q, so the small matrix has the singular values and the right vectors of the large one, and D
//! is diagonal. Classes of equal size s are one block √s·I of D, which a rotation of their g coordinates does not change. One
//! that makes their rows of B triangular leaves r = min(g, d) coordinates that meet X. The other g − r are singular vectors
//! with the value √s, of which only the subspace is needed: it becomes one coordinate, the length of a label's projection
//! onto it. What is left to decompose has Σ min(g, d) + d columns. Memory: O(c·d + (Σ min(g, d) + d)²).

use std::collections::BTreeMap;

use leanset_linalg::Mat;

use crate::linalg::{Spectrum, operations};
use crate::{Look, Result};

/// Singular values and right vectors of [X, Y]. Rows of this matrix have the coordinates that [`Labelled::coordinates`] gives.
pub(crate) struct Labelled {
    /// Singular values, descending, one for each column of `vectors`.
    pub(crate) values: Vec<f64>,
    /// How many singular vectors a column of `vectors` stands for.
    pub(crate) dimensions: Vec<usize>,
    /// Coordinates × columns.
    pub(crate) vectors: Mat<f64>,
    /// Of each size of classes: where its coordinates are.
    sizes: Vec<OfSize>,
    /// Of each class: its size, and its position among those of its size.
    places: Vec<(usize, usize)>,
    /// The coordinates that stand for a label.
    labels: usize,
}

/// Classes of one size.
struct OfSize {
    /// The first of its coordinates.
    first: usize,
    /// Its classes × its coordinates, orthonormal columns, where they are fewer than the classes.
    rotation: Option<Mat<f64>>,
    /// The coordinate that stands for the rest.
    rest: usize,
}

impl Labelled {
    /// Decomposes rows from a triangular factor of the rows minus the means of their classes. `sizes` and `means` are those of the
    /// classes. Classes of equal size share coordinates if this is to be so, or each class has one of its own.
    pub(crate) fn new(
        method: &'static str,
        within: Mat<f64>,
        sizes: &[usize],
        means: &[Vec<f64>],
        shared: bool,
        look: Look<'_>,
    ) -> Result<Self> {
        let columns = within.ncols();
        // Of each size and, unless coordinates are shared, of each class.
        let mut of_size = BTreeMap::<(usize, usize), Vec<usize>>::new();
        for (class, &size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
            of_size.entry((size, if shared { 0 } else { class })).or_default().push(class);
        }
        let coupled: usize = of_size.values().map(|classes| classes.len().min(columns)).sum();
        let rests = of_size.values().filter(|classes| classes.len() > columns).count();
        let labels = coupled + rests;
        // The block of D and B, above that of R.
        let mut core = Mat::<f64>::zeros(coupled + within.nrows(), coupled + columns);
        core.as_mut().submatrix_mut(coupled, coupled, within.nrows(), columns).copy_from(&within);
        drop(within);
        let mut found = Vec::with_capacity(of_size.len());
        let mut places = vec![(0, 0); sizes.len()];
        // Values that are those of no column of the core: each with its coordinate and how many vectors it has.
        let mut apart = Vec::with_capacity(rests);
        let mut first = 0;
        for (place, (&(size, _), classes)) in of_size.iter().enumerate() {
            let root = (size as f64).sqrt();
            let count = classes.len().min(columns);
            let block = Mat::<f64>::from_fn(classes.len(), columns, |i, j| root * means[classes[i]][j]);
            classes.iter().enumerate().for_each(|(i, &class)| places[class] = (place, i));
            let (rotation, block) = if classes.len() > columns {
                let operations = operations(classes.len(), columns);
                let factors = move || leanset_linalg::thin_qr(&block);
                let (orthogonal, triangular) = leanset_linalg::abandonable(operations, look, factors)?;
                apart.push((root, coupled + apart.len(), classes.len() - columns));
                (Some(orthogonal), triangular)
            } else {
                (None, block)
            };
            for i in 0..count {
                core[(first + i, first + i)] = root;
            }
            core.as_mut().submatrix_mut(first, coupled, count, columns).copy_from(&block);
            found.push(OfSize { first, rotation, rest: coupled + apart.len().saturating_sub(1) });
            first += count;
        }
        let Spectrum { values, vectors: right } = Spectrum::of(method, core, look)?;
        // (value, column of the core or coordinate of a rest, vectors), descending; columns of the core first.
        let own = values.iter().enumerate().map(|(j, &value)| (value, Ok(j), 1));
        let mut all: Vec<(f64, std::result::Result<usize, usize>, usize)> = own.collect();
        all.extend(apart.into_iter().map(|(value, coordinate, vectors)| (value, Err(coordinate), vectors)));
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut vectors = Mat::<f64>::zeros(labels + columns, all.len());
        for (to, &(_, from, _)) in all.iter().enumerate() {
            match from {
                Ok(j) => {
                    (0..coupled).for_each(|i| vectors[(i, to)] = right[(i, j)]);
                    (0..columns).for_each(|i| vectors[(labels + i, to)] = right[(coupled + i, j)]);
                }
                Err(coordinate) => vectors[(coordinate, to)] = 1.0,
            }
        }
        let (values, dimensions) = all.into_iter().map(|(value, _, dimensions)| (value, dimensions)).unzip();
        Ok(Self { values, dimensions, vectors, sizes: found, places, labels })
    }

    /// The number of coordinates that stand for a label; those of the point follow them.
    pub(crate) fn labels(&self) -> usize {
        self.labels
    }

    /// The coordinates of the label of a class.
    pub(crate) fn coordinates(&self, class: usize, out: &mut [f64]) {
        out.fill(0.0);
        let (size, position) = self.places[class];
        let OfSize { first, rotation, rest } = &self.sizes[size];
        match rotation {
            None => out[first + position] = 1.0,
            Some(rotation) => {
                let mut square = 0.0;
                for j in 0..rotation.ncols() {
                    let value = rotation[(position, j)];
                    out[first + j] = value;
                    square += value * value;
                }
                out[*rest] = (1.0 - square).max(0.0).sqrt();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RowId, Seed};

    /// Rows of random numbers, rounded to a few values so that columns and means coincide at times.
    fn example(seed: u64, sizes: &[usize], columns: usize) -> (Vec<Vec<f64>>, Vec<usize>) {
        let classes: Vec<usize> = sizes.iter().enumerate().flat_map(|(k, &n)| std::iter::repeat_n(k, n)).collect();
        let unit = |i: usize| Seed(seed).unit(RowId::at(i));
        let points = (0..classes.len()).map(|i| (0..columns).map(|j| 6.0 * unit(i * columns + j) - 2.0).collect());
        (points.collect(), classes)
    }

    fn decomposed(points: &[Vec<f64>], classes: &[usize], sizes: &[usize], shared: bool) -> Labelled {
        let columns = points[0].len();
        let mut means = vec![vec![0.0; columns]; sizes.len()];
        for (point, &class) in points.iter().zip(classes) {
            means[class].iter_mut().zip(point).for_each(|(m, v)| *m += v / sizes[class] as f64);
        }
        let row = |i: usize, out: &mut [f64]| {
            out.iter_mut().zip(&points[i]).zip(&means[classes[i]]).for_each(|((o, v), m)| *o = v - m);
        };
        let within = crate::linalg::triangular(points.len(), columns, row, &|| Ok(())).expect("nobody stops it");
        Labelled::new("test", within, sizes, &means, shared, &|| Ok(())).expect("it converges")
    }

    /// The values and, of every row, the squared projections onto the subspaces of equal values, of the whole matrix.
    fn naive(points: &[Vec<f64>], classes: &[usize], count: usize) -> (Vec<f64>, Mat<f64>, Mat<f64>) {
        let columns = points[0].len();
        let whole = Mat::<f64>::from_fn(points.len(), columns + count, |i, j| match j.checked_sub(columns) {
            None => points[i][j],
            Some(class) => f64::from(u8::from(classes[i] == class)),
        });
        let svd = leanset_linalg::thin_svd(&whole).expect("it converges");
        (svd.values, svd.right, whole)
    }

    #[test]
    fn labelled_decomposition_is_that_of_the_dense_matrix() {
        let cases: [(&[usize], usize); 7] = [
            (&[5, 5, 5, 5, 5, 5], 2),
            (&[4, 7, 4, 9, 4, 7, 4, 4, 1], 3),
            (&[3, 1, 2, 8], 6),
            (&[1; 20], 3),
            (&[2, 0, 2, 2, 0, 5], 1),
            (&[6], 4),
            (&[1, 1, 2], 8),
        ];
        let both = cases.into_iter().flat_map(|case| [(case, true), (case, false)]);
        for (seed, ((sizes, columns), shared)) in (1..).zip(both) {
            let (points, classes) = example(seed, sizes, columns);
            let found = decomposed(&points, &classes, sizes, shared);
            let (values, right, whole) = naive(&points, &classes, sizes.len());
            let largest = values[0];
            let ours: Vec<f64> =
                found.values.iter().zip(&found.dimensions).flat_map(|(&v, &m)| std::iter::repeat_n(v, m)).collect();
            for j in 0..values.len().max(ours.len()) {
                // Where one has more values than the other, they are 0.
                let [one, other] = [&ours, &values].map(|v| v.get(j).copied().unwrap_or(0.0));
                assert!((one - other).abs() < 1e-12 * largest, "{sizes:?}: value {j} is {one}, not {other}");
            }
            for (i, &class) in classes.iter().enumerate() {
                let mut row = vec![0.0; found.labels() + columns];
                found.coordinates(class, &mut row[..found.labels()]);
                row[found.labels()..].copy_from_slice(&points[i]);
                // Of every value: the squared projection onto the vectors of values near it.
                for &value in values.iter().filter(|v| **v > 1e-9 * largest) {
                    let near = |v: f64| (v - value).abs() < 1e-7 * largest;
                    let ours: f64 = (0..found.values.len())
                        .filter(|&j| near(found.values[j]))
                        .map(|j| row.iter().enumerate().map(|(k, v)| v * found.vectors[(k, j)]).sum::<f64>().powi(2))
                        .sum();
                    let theirs: f64 = (0..values.len())
                        .filter(|&j| near(values[j]))
                        .map(|j| (0..whole.ncols()).map(|k| whole[(i, k)] * right[(k, j)]).sum::<f64>().powi(2))
                        .sum();
                    assert!((ours - theirs).abs() < 1e-9 * (1.0 + theirs), "{sizes:?} row {i}: {ours}, not {theirs}");
                }
            }
        }
    }
}
