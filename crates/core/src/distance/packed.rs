//! Points in blocks of eight rows, column by column: the layout in which vector lanes are rows.

use super::Terms;
use crate::monitor::Pace;
use crate::{Look, Result, Scalar};

/// Rows of a block: one AVX-512 register of f64, two of AVX2, four of SSE2 or NEON.
pub(crate) const LANES: usize = 8;

/// Points in blocks: block b holds rows 8b … 8b + 7, and within it column j is eight values side by side.
#[derive(Clone, Debug)]
pub(crate) struct Packed<T> {
    values: Vec<[T; LANES]>,
    columns: usize,
}

impl<T: Scalar> Packed<T> {
    /// Packs `slots` points; `row(i)` gives the coordinates of slot i. Slots beyond the last full block repeat the last.
    ///
    /// # Errors
    /// That of `look`.
    pub(crate) fn gather<'a>(
        slots: usize,
        columns: usize,
        row: impl Fn(usize) -> &'a [T],
        look: Look<'_>,
    ) -> Result<Self> {
        let blocks = slots.div_ceil(LANES);
        let mut values = vec![[T::default(); LANES]; blocks * columns];
        let mut pace = Pace::new(look);
        for b in 0..blocks {
            pace.work(LANES * columns)?;
            for lane in 0..LANES {
                let source = row((b * LANES + lane).min(slots - 1));
                for (j, &v) in source.iter().enumerate() {
                    values[b * columns + j][lane] = v;
                }
            }
        }
        Ok(Self { values, columns })
    }

    /// Packs `slots` points that `fill(i, out)` writes. Slots beyond the last full block repeat the last.
    ///
    /// # Errors
    /// That of `look`.
    pub(crate) fn fill(
        slots: usize,
        columns: usize,
        mut fill: impl FnMut(usize, &mut [T]),
        look: Look<'_>,
    ) -> Result<Self> {
        let mut values = vec![[T::default(); LANES]; slots.div_ceil(LANES) * columns];
        let mut row = vec![T::default(); columns];
        let mut pace = Pace::new(look);
        for slot in 0..slots.next_multiple_of(LANES) {
            pace.work(columns)?;
            if slot < slots {
                fill(slot, &mut row);
            }
            for (j, &v) in row.iter().enumerate() {
                values[slot / LANES * columns + j][slot % LANES] = v;
            }
        }
        Ok(Self { values, columns })
    }

    /// The coordinates of one slot, into `out`.
    pub(crate) fn copy_row(&self, slot: usize, out: &mut [T]) {
        for (o, column) in out.iter_mut().zip(self.block(slot / LANES)) {
            *o = column[slot % LANES];
        }
    }

    /// All blocks.
    pub(crate) fn values(&self) -> &[[T; LANES]] {
        &self.values
    }

    /// Number of coordinates of a point.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The values of one block.
    #[inline(always)]
    pub(crate) fn block(&self, block: usize) -> &[[T; LANES]] {
        &self.values[block * self.columns..][..self.columns]
    }

    /// Raw distances from a point to the rows of one block.
    #[inline(always)]
    pub(crate) fn raw<M: Terms>(&self, query: &[f64], block: usize) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        for (&x, column) in query.iter().zip(self.block(block)) {
            for lane in 0..LANES {
                sums[lane] = M::add(sums[lane], x - column[lane].widen());
            }
        }
        sums
    }
}

/// Queries that are compared with a block at once: as many sums as the registers hold.
pub(crate) const QUERIES: usize = 4;

/// Squared distances of four of eight queries, from `first` on, to the rows of a block. Each is summed over the columns in
/// order.
#[inline(always)]
pub(crate) fn squared<A: Scalar, B: Scalar>(
    queries: &[[A; LANES]],
    first: usize,
    block: &[[B; LANES]],
) -> [[f64; LANES]; QUERIES] {
    let mut sums = [[0.0; LANES]; QUERIES];
    for (query, column) in queries.iter().zip(block) {
        for (q, sums) in sums.iter_mut().enumerate() {
            let x = query[first + q].widen();
            for lane in 0..LANES {
                let difference = x - column[lane].widen();
                sums[lane] += difference * difference;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Chebyshev, Euclidean, Manhattan, raw};
    use crate::simd;
    use proptest::prelude::*;

    struct Block<'a, M, T>(&'a Packed<T>, &'a [f64], usize, std::marker::PhantomData<M>);

    impl<M: Terms, T: Scalar> simd::Kernel for Block<'_, M, T> {
        type Output = [f64; LANES];
        #[inline(always)]
        fn run(self) -> Self::Output {
            self.0.raw::<M>(self.1, self.2)
        }
    }

    fn equal_to_the_scalar_definition<M: Terms, T: Scalar>(rows: &[Vec<T>], query: &[f64]) {
        let d = query.len();
        let packed = Packed::gather(rows.len(), d, |i| &rows[i], &|| Ok(())).expect("nobody stops it");
        for level in simd::Level::all() {
            for (i, row) in rows.iter().enumerate() {
                let kernel = Block::<M, T>(&packed, query, i / LANES, std::marker::PhantomData);
                let fast = level.run(kernel)[i % LANES];
                assert_eq!(fast.to_bits(), raw::<M, f64, T>(query, row).to_bits(), "{level:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn packed_distances_equal_the_scalar_definition_on_every_level(
            (rows, query) in (1usize..9, 1usize..20).prop_flat_map(|(d, n)| (
                prop::collection::vec(prop::collection::vec(-1e3f64..1e3, d), n),
                prop::collection::vec(-1e3f64..1e3, d),
            ))
        ) {
            let single: Vec<Vec<f32>> = rows.iter().map(|r| r.iter().map(|&v| v as f32).collect()).collect();
            equal_to_the_scalar_definition::<Euclidean, f64>(&rows, &query);
            equal_to_the_scalar_definition::<Chebyshev, f64>(&rows, &query);
            equal_to_the_scalar_definition::<Manhattan, f64>(&rows, &query);
            equal_to_the_scalar_definition::<Euclidean, f32>(&single, &query);
        }
    }
}
