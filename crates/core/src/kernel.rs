//! The Gaussian kernel k(x, y) = exp(−c·‖x − y‖²), its means over many points, and its pivoted Cholesky features.
//!
//! Never is a table of all pairs made. [`Features`] are r columns φ with k(x, y) ≈ φ(x)·φ(y): the pivot is the row whose
//! diagonal entry is explained least (of equals the lowest), until what is left of the diagonal is a stated part of it
//! or the columns are as many as allowed. The error E = K − ΦΦᵀ is positive semidefinite, so |E_ij| ≤ √(E_ii E_jj).
//!
//! Sums run over rows in fixed chunks and lanes, so they have the same bits for any number of threads.

use rayon::prelude::*;

use crate::distance::{Euclidean, LANES, Packed, QUERIES, Terms};
use crate::{Error, Look, Result, simd};

/// Blocks of rows that are one piece of parallel work; sums over rows are made per piece.
pub(crate) const PIECE: usize = 128;

const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// ln 2 in two parts: the first has trailing zeros, so that whole multiples of it are exact.
const LN2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// 1.5·2⁵²: adding it rounds to a whole number, whose bits are then the lowest.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Beyond this the result is 0, before it would lose digits.
const LARGEST: f64 = 708.0;

/// 1/k! for k = 13 … 0.
const INVERSE_FACTORIALS: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// exp(−t) for t ≥ 0, to about one unit in the last place; 0 beyond t = 708. Of the core, and not the system's, so that
/// every machine has the same bits and eight come at once.
#[inline(always)]
pub fn exp_minus(t: f64) -> f64 {
    let x = if t < LARGEST { -t } else { -LARGEST };
    let shifted = x * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    let mut sum = INVERSE_FACTORIALS[0];
    for factor in &INVERSE_FACTORIALS[1..] {
        sum = sum * rest + factor;
    }
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    if t < LARGEST { sum * power } else { 0.0 }
}

/// A Gaussian kernel over points in blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gaussian {
    /// 1 / 2σ², finite.
    pub(crate) rate: f64,
}

impl Gaussian {
    pub(crate) fn new(sigma: f64) -> Self {
        Self { rate: (0.5 / sigma / sigma).min(f64::MAX) }
    }

    /// k(query, point) for the points of one block.
    #[inline(always)]
    pub(crate) fn block(self, points: &Packed<f64>, query: &[f64], block: usize) -> [f64; LANES] {
        let mut values = points.raw::<Euclidean>(query, block);
        for v in &mut values {
            *v = exp_minus(self.rate * *v);
        }
        values
    }

    /// Σ_j weight_j k(query, point_j) for each query (rows of as many columns as the points); as many weights as lanes,
    /// zero for those beyond the last point. Each sum is made piece by piece, in order.
    pub(crate) fn sums(
        self,
        points: &Packed<f64>,
        queries: &[f64],
        weights: &[[f64; LANES]],
        look: Look<'_>,
    ) -> Result<Vec<f64>> {
        let count = queries.len() / points.columns();
        let of_piece = |(piece, weights): (usize, &[[f64; LANES]])| -> Result<Vec<f64>> {
            let first = piece * PIECE;
            let sums = |queries| look().map(|()| simd::run(Sum { kernel: self, points, queries, first, weights }));
            let columns = points.columns();
            let found: Vec<[f64; QUERIES]> = queries.chunks(QUERIES * columns).map(sums).collect::<Result<_>>()?;
            Ok(found.into_iter().flatten().take(count).collect())
        };
        let parts: Vec<Vec<f64>> = weights.par_chunks(PIECE).enumerate().map(of_piece).collect::<Result<_>>()?;
        let add = |mut a: Vec<f64>, b: Vec<f64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        Ok(parts.into_iter().fold(vec![0.0; count], add))
    }
}

/// Blocks whose values are made at a time: a loop that is long enough for the compiler to make vectors of it.
const CHUNK: usize = 16;

/// The sums of up to [`QUERIES`] queries.
struct Sum<'a> {
    kernel: Gaussian,
    points: &'a Packed<f64>,
    queries: &'a [f64],
    first: usize,
    weights: &'a [[f64; LANES]],
}

impl simd::Kernel for Sum<'_> {
    type Output = [f64; QUERIES];

    #[inline(always)]
    fn run(self) -> [f64; QUERIES] {
        let Self { kernel, points, queries, first, weights } = self;
        let columns = points.columns();
        let mut found = [0.0; QUERIES];
        if queries.len() < QUERIES * columns {
            for (found, query) in found.iter_mut().zip(queries.chunks_exact(columns)) {
                let mut sums = [0.0; LANES];
                for (block, weights) in weights.iter().enumerate() {
                    add_weighted(&mut sums, weights, &kernel.block(points, query, first + block));
                }
                *found = sums.iter().sum();
            }
            return found;
        }
        // Sums of one query wait for one another, those of several do not.
        let [a, b, c, d]: [&[f64]; QUERIES] = std::array::from_fn(|q| &queries[q * columns..][..columns]);
        let mut sums = [[0.0; LANES]; QUERIES];
        let mut values = [[[0.0; LANES]; CHUNK]; QUERIES];
        for (chunk, weights) in weights.chunks(CHUNK).enumerate() {
            for block in 0..weights.len() {
                let mut raws = [[0.0; LANES]; QUERIES];
                let columns = points.block(first + chunk * CHUNK + block);
                for ((((column, a), b), c), d) in columns.iter().zip(a).zip(b).zip(c).zip(d) {
                    for (raws, x) in raws.iter_mut().zip([a, b, c, d]) {
                        for lane in 0..LANES {
                            raws[lane] = Euclidean::add(raws[lane], x - column[lane]);
                        }
                    }
                }
                values.iter_mut().zip(raws).for_each(|(values, raws)| values[block] = raws);
            }
            for (values, sums) in values.iter_mut().zip(&mut sums) {
                let values = &mut values[..weights.len()];
                for value in values.as_flattened_mut() {
                    *value = exp_minus(kernel.rate * *value);
                }
                for (values, weights) in values.iter().zip(weights) {
                    add_weighted(sums, weights, values);
                }
            }
        }
        sums.map(|sums| sums.iter().sum())
    }
}

#[inline(always)]
fn add_weighted(sums: &mut [f64; LANES], weights: &[f64; LANES], values: &[f64; LANES]) {
    for lane in 0..LANES {
        sums[lane] += weights[lane] * values[lane];
    }
}

/// Gaussian kernels of queries and points, exp(−rate·‖q − p‖²), both rows of `columns` values: queries × points, row after
/// row.
///
/// # Errors
/// That of `look`.
pub fn gaussian_table(points: &[f64], queries: &[f64], columns: usize, rate: f64, look: Look<'_>) -> Result<Vec<f64>> {
    let count = points.len() / columns;
    let packed = Packed::gather(count, columns, |i| &points[i * columns..][..columns], look)?;
    let kernel = Gaussian { rate };
    let mut table = vec![0.0; queries.len() / columns * count];
    if count > 0 {
        table.par_chunks_exact_mut(count).zip(queries.par_chunks_exact(columns)).try_for_each(|(values, query)| {
            look()?;
            simd::run(Values { kernel, points: &packed, query, values });
            Ok::<(), Error>(())
        })?;
    }
    Ok(table)
}

/// The kernels of one query and all points.
struct Values<'a> {
    kernel: Gaussian,
    points: &'a Packed<f64>,
    query: &'a [f64],
    values: &'a mut [f64],
}

impl simd::Kernel for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (block, values) in self.values.chunks_mut(LANES).enumerate() {
            let found = self.kernel.block(self.points, self.query, block);
            values.copy_from_slice(&found[..values.len()]);
        }
    }
}

/// One for every point, zero for the lanes beyond the last: the weights of a plain sum.
pub(crate) fn ones(rows: usize) -> Vec<[f64; LANES]> {
    let one = |block: usize| std::array::from_fn(|lane| f64::from(u8::from(block * LANES + lane < rows)));
    (0..rows.div_ceil(LANES)).map(one).collect()
}

/// Pivoted Cholesky features of some rows, in blocks like the points. Grown as far as they are needed.
#[derive(Clone, Debug)]
pub(crate) struct Features {
    /// Block b holds eight rows: `rank` columns, and room for `most`.
    values: Vec<[f64; LANES]>,
    most: usize,
    rows: usize,
    pub(crate) rank: usize,
    /// The rows that were pivots, in order: on these the features are exact.
    pub(crate) pivots: Vec<usize>,
    /// What the features leave of each diagonal entry, E_ii.
    pub(crate) left: Vec<[f64; LANES]>,
    /// Σ E_ii / n.
    pub(crate) trace_error: f64,
    /// Whether no more columns are allowed or needed.
    pub(crate) complete: bool,
}

impl Features {
    /// No features yet of the first `rows` points; later `most` at most.
    pub(crate) fn new(rows: usize, most: usize) -> Self {
        let most = most.min(rows).max(1);
        let blocks = rows.div_ceil(LANES);
        // Memory is taken page by page as columns are written.
        let values = vec![[0.0; LANES]; blocks * most];
        Self { values, most, rank: 0, pivots: Vec::new(), left: ones(rows), trace_error: 1.0, rows, complete: false }
    }

    /// More columns, until there are `rank`, or as many as allowed, or their trace error is at most `tolerance`.
    pub(crate) fn grow(
        &mut self,
        kernel: Gaussian,
        points: &Packed<f64>,
        rank: usize,
        tolerance: f64,
        look: Look<'_>,
    ) -> Result<()> {
        let most = self.most;
        let mut query = vec![0.0; points.columns()];
        loop {
            let (pivot, left, trace) = self.next_pivot();
            self.trace_error = trace / self.rows as f64;
            self.complete = self.rank == most || left <= f64::EPSILON || self.trace_error <= tolerance;
            if self.complete || self.rank >= rank {
                return Ok(());
            }
            points.copy_row(pivot, &mut query);
            let (query, inverse) = (&query[..], 1.0 / left.sqrt());
            let own: Vec<f64> = self.row(pivot).collect();
            let pieces = self.values.par_chunks_mut(PIECE * most).zip(self.left.par_chunks_mut(PIECE));
            pieces.enumerate().try_for_each(|(piece, (values, left))| {
                look()?;
                let first = piece * PIECE;
                simd::run(Column { kernel, points, query, first, values, stride: most, own: &own, inverse, left });
                Ok::<(), Error>(())
            })?;
            // A pivot is explained entirely, whatever rounding says.
            self.left[pivot / LANES][pivot % LANES] = 0.0;
            self.pivots.push(pivot);
            self.rank += 1;
        }
    }

    /// Adds to `out` the products of all rows with a vector of `rank` values, in lanes.
    pub(crate) fn add_products(&self, vector: &[f64], out: &mut [[f64; LANES]], look: Look<'_>) -> Result<()> {
        add_products(&self.values, self.most, vector, out, look)
    }

    /// The values of one block.
    pub(crate) fn block(&self, block: usize) -> &[[f64; LANES]] {
        &self.values[block * self.most..][..self.rank]
    }

    /// The row that is explained least (of equals the lowest), its part of the diagonal, and the sum of all.
    fn next_pivot(&self) -> (usize, f64, f64) {
        let of_piece = |(piece, left): (usize, &[[f64; LANES]])| {
            let mut best = (0, -1.0, 0.0);
            for (at, &value) in left.as_flattened().iter().enumerate() {
                best.2 += value;
                if value > best.1 {
                    (best.0, best.1) = (piece * PIECE * LANES + at, value);
                }
            }
            best
        };
        let found: Vec<_> = self.left.par_chunks(PIECE).enumerate().map(of_piece).collect();
        found.into_iter().fold((0, -1.0, 0.0), |a, b| {
            let sum = a.2 + b.2;
            if b.1 > a.1 { (b.0, b.1, sum) } else { (a.0, a.1, sum) }
        })
    }

    /// The features of one row.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = f64> + '_ {
        self.block(row / LANES).iter().map(move |v| v[row % LANES])
    }
}

/// One more column for a piece of rows: what the kernel has and the columns before do not.
struct Column<'a> {
    kernel: Gaussian,
    points: &'a Packed<f64>,
    query: &'a [f64],
    first: usize,
    values: &'a mut [[f64; LANES]],
    stride: usize,
    /// The pivot's own features so far.
    own: &'a [f64],
    inverse: f64,
    left: &'a mut [[f64; LANES]],
}

impl simd::Kernel for Column<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { kernel, points, query, first, values, stride, own, inverse, left } = self;
        // Minus what is explained is plus what is taken away.
        let taken: Vec<f64> = own.iter().map(|v| -v).collect();
        let blocks = left.chunks_mut(TOGETHER).zip(values.chunks_mut(TOGETHER * stride));
        for (at, (left, values)) in blocks.enumerate() {
            let mut columns = [[0.0; LANES]; TOGETHER];
            for (block, column) in columns.iter_mut().enumerate().take(left.len()) {
                *column = kernel.block(points, query, first + at * TOGETHER + block);
            }
            multiply(values, stride, &taken, &mut columns[..left.len()]);
            for ((left, values), column) in left.iter_mut().zip(values.chunks_mut(stride)).zip(&mut columns) {
                for lane in 0..LANES {
                    column[lane] *= inverse;
                    left[lane] = (left[lane] - column[lane] * column[lane]).max(0.0);
                }
                values[own.len()] = *column;
            }
        }
    }
}

/// Blocks that are multiplied at once: sums of one block wait for one another, those of several do not.
const TOGETHER: usize = 4;

/// Adds to the sums of up to [`TOGETHER`] blocks their products with a vector, columns in order.
#[inline(always)]
fn multiply(values: &[[f64; LANES]], stride: usize, vector: &[f64], sums: &mut [[f64; LANES]]) {
    if let Ok(sums) = <&mut [[f64; LANES]; TOGETHER]>::try_from(&mut *sums) {
        let [a, b, c, d]: [_; TOGETHER] = std::array::from_fn(|block| values[block * stride..].iter());
        let mut all = *sums;
        for ((((v, a), b), c), d) in vector.iter().zip(a).zip(b).zip(c).zip(d) {
            for (sum, value) in all.iter_mut().zip([a, b, c, d]) {
                for lane in 0..LANES {
                    sum[lane] += value[lane] * v;
                }
            }
        }
        *sums = all;
        return;
    }
    for (block, sum) in sums.iter_mut().enumerate() {
        for (v, value) in vector.iter().zip(&values[block * stride..]) {
            for lane in 0..LANES {
                sum[lane] += value[lane] * v;
            }
        }
    }
}

/// Adds to `out`, for every row of a matrix in blocks of `stride` columns, the product of its first columns with a vector.
/// Columns in order, lanes are rows.
pub(crate) fn add_products(
    values: &[[f64; LANES]],
    stride: usize,
    vector: &[f64],
    out: &mut [[f64; LANES]],
    look: Look<'_>,
) -> Result<()> {
    let pieces = out.par_chunks_mut(PIECE).zip(values.par_chunks(PIECE * stride));
    pieces.try_for_each(|(out, values)| {
        look()?;
        simd::run(Products { values, stride, vector, out });
        Ok(())
    })
}

struct Products<'a> {
    values: &'a [[f64; LANES]],
    stride: usize,
    vector: &'a [f64],
    out: &'a mut [[f64; LANES]],
}

impl simd::Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, stride, vector, out } = self;
        for (out, values) in out.chunks_mut(TOGETHER).zip(values.chunks(TOGETHER * stride)) {
            multiply(values, stride, vector, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(values: &[f64], columns: usize) -> Packed<f64> {
        let row = |i: usize| &values[i * columns..][..columns];
        Packed::gather(values.len() / columns, columns, row, &|| Ok(())).expect("nobody stops it")
    }

    fn plain(kernel: Gaussian, a: &[f64], b: &[f64]) -> f64 {
        exp_minus(kernel.rate * a.iter().zip(b).fold(0.0, |s, (x, y)| s + (x - y) * (x - y)))
    }

    proptest! {
        #[test]
        fn exp_minus_is_accurate(t in prop_oneof![0.0f64..1.0, 0.0f64..40.0, 0.0f64..707.9]) {
            let (own, system) = (exp_minus(t), (-t).exp());
            prop_assert!((own - system).abs() <= 3e-16 * system, "exp(-{t}): {own:e} and {system:e}");
        }

        /// On its pivots a feature matrix is exact, elsewhere within the bound of its diagonals.
        #[test]
        fn features_keep_their_bound(
            (d, values) in (1usize..4).prop_flat_map(|d| (Just(d), prop::collection::vec(-2.0f64..2.0, d..d * 60))),
            most in 1usize..40, sigma in 0.2f64..3.0,
        ) {
            let (n, kernel) = (values.len() / d, Gaussian::new(sigma));
            let row = |i: usize| &values[i * d..][..d];
            let points = packed(&values[..n * d], d);
            let mut features = Features::new(n, most);
            features.grow(kernel, &points, most / 3, 1e-12, &|| Ok(())).expect("nobody stops it");
            prop_assert!(features.complete || features.rank == most / 3);
            features.grow(kernel, &points, n, 1e-12, &|| Ok(())).expect("nobody stops it");
            prop_assert!(features.complete && features.rank <= most && features.pivots.len() == features.rank);
            prop_assert!(features.rank == most.min(n) || features.trace_error <= 1e-12);
            let left = |i: usize| features.left[i / LANES][i % LANES];
            for i in 0..n {
                for j in 0..n {
                    let approximate: f64 = features.row(i).zip(features.row(j)).map(|(a, b)| a * b).sum();
                    let error = (plain(kernel, row(i), row(j)) - approximate).abs();
                    prop_assert!(error <= (left(i) * left(j)).sqrt() + 1e-12, "{i} {j}: {error:e}");
                }
            }
        }

        #[test]
        fn gaussian_table_holds_the_plain_kernels(
            (d, values) in (1usize..4).prop_flat_map(|d| (Just(d), prop::collection::vec(-2.0f64..2.0, 2 * d..d * 60))),
            sigma in 0.2f64..3.0,
        ) {
            let kernel = Gaussian::new(sigma);
            let rows: Vec<&[f64]> = values.chunks_exact(d).collect();
            let (queries, points) = rows.split_at(rows.len() / 2);
            let expected: Vec<f64> =
                queries.iter().flat_map(|q| points.iter().map(|p| plain(kernel, q, p))).collect();
            let found = gaussian_table(&points.concat(), &queries.concat(), d, kernel.rate, &|| Ok(()));
            prop_assert_eq!(found, Ok(expected));
        }

        /// Every level gives the plain sums, lane by lane and piece by piece.
        #[test]
        fn kernel_sums_are_the_plain_ones(values in prop::collection::vec(-2.0f64..2.0, 2..5000), sigma in 0.2f64..3.0) {
            let (n, kernel) = (values.len() / 2, Gaussian::new(sigma));
            let points = packed(&values[..n * 2], 2);
            let plain_pieces = |query: &[f64]| -> Vec<f64> {
                let mut lanes = vec![[0.0; LANES]; n.div_ceil(LANES * PIECE)];
                for i in 0..n {
                    lanes[i / (LANES * PIECE)][i % LANES] += plain(kernel, query, &values[2 * i..][..2]);
                }
                lanes.iter().map(|l| l.iter().sum::<f64>()).collect()
            };
            // One query alone, and four together with others.
            let queries = &values[..2 * n.min(6)];
            let pieces: Vec<Vec<f64>> = queries.chunks_exact(2).map(plain_pieces).collect();
            let weights = ones(n);
            let sums: Vec<f64> = pieces.iter().map(|pieces| pieces.iter().fold(0.0, |sum, piece| sum + piece)).collect();
            prop_assert_eq!(kernel.sums(&points, &values[..2], &weights, &|| Ok(())), Ok(sums[..1].to_vec()));
            prop_assert_eq!(kernel.sums(&points, queries, &weights, &|| Ok(())), Ok(sums));
            for level in simd::Level::all() {
                let weights = &weights[..weights.len().min(PIECE)];
                for (queries, pieces) in queries.chunks(2 * QUERIES).zip(pieces.chunks(QUERIES)) {
                    let found = level.run(Sum { kernel, points: &points, queries, first: 0, weights });
                    for (found, pieces) in found.iter().zip(pieces) {
                        prop_assert_eq!(*found, pieces[0], "{:?}", level);
                    }
                }
            }
        }
    }

    #[test]
    fn exp_minus_at_its_ends() {
        assert_eq!(exp_minus(0.0), 1.0);
        assert_eq!(exp_minus(-0.0), 1.0);
        assert_eq!(exp_minus(708.0), 0.0);
        assert_eq!(exp_minus(f64::INFINITY), 0.0);
        assert!(exp_minus(707.99) > 0.0);
        assert_eq!(Gaussian::new(1e-300).rate, f64::MAX);
        assert_eq!(Gaussian::new(f64::MAX).rate, 0.0);
    }
}
