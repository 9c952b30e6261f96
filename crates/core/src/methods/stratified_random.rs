//! **Stratified random sampling** (SRS).
//!
//! Problem: keep m_k rows of each class, so that every set of m_k rows is equally likely.
//!
//! A row's key is hash(seed, row id). The rows of a class with the smallest keys are kept. So the sample at a smaller
//! ratio is a subset of the sample at a larger ratio, and the result does not depend on threads, chunks or partitions.
//!
//! ```math
//! K_k = \{\, i \in X_k : h(s, i) \text{ is one of the } m_k \text{ smallest} \,\}
//! ```
//!
//! with h a hash of the seed s and the row id i.
//!
//! Cost: O(n) to keep a small part, O(n log n) for all rows. Guarantee: uniform within classes; exact counts. No departures from the definition; the paper's
//! code draws with scikit-learn's stratified split, whose random stream is not part of the definition.
//!
//! Wins when nothing is known about the data: it costs almost nothing and keeps every distribution as it is. It is the
//! baseline, and no other method is certain to beat it.
//!
//! Loses when rare rows within a class matter: it misses them, so ε is large.

use rayon::prelude::*;

use super::scores::sort_keys;
use super::settings::parameters;
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::{Allocation, Ranking, Result, RowId, Shape};

parameters! {
    /// The parameters of stratified random sampling, which has none.
    ///
    /// ```
    /// use leanset_core::methods::stratified_random::StratifiedRandom;
    /// assert_eq!(StratifiedRandom::default().reducer()?.info().id, "stratified-random");
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct StratifiedRandom;
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "stratified-random",
    aliases: &["srs", "random", "stratified"],
    title: "Stratified random sampling",
    family: Family::Statistic,
    summary: "Keeps a uniform random sample of each class. It is the baseline that every other method has to beat.",
    params: PARAMS,
    cost: "O(n + m log m); O(n log n) for a ranking of all rows",
    memory: "24 bytes per row",
    guarantee: "every set of m_k rows of a class is equally likely; nested over ratios; independent of threads and \
                partitioning",
    reference: "Cochran, Sampling Techniques, 3rd ed., Wiley 1977, chapter 5",
    departures: "rows are ordered by hash(seed, row id) instead of a shuffled stream, so samples are nested",
    capabilities: Capabilities { seeded: Support::Yes, coordinates: Support::No, ..Capabilities::DEFAULT },
    variants: &[],
    build: |_| Ok(Box::new(Configured)),
};

/// The method; there is nothing to configure.
#[derive(Clone, Copy, Debug)]
struct Configured;

impl Method for Configured {
    /// Scores are the keys as numbers in [0, 1); the smallest is kept first.
    fn rank(&self, run: &Run<'_>, depth: Option<&Allocation>) -> Result<Ranking> {
        run.monitor.begin("drawing rows", run.data.rows() as u64);
        let orders = run.per_class(|class, rows| {
            let count = depth.map_or(rows.len(), |a| a.per_class()[class.index()]);
            let drawn: Vec<RowId> = first_at_random(run, rows, count).map(|at| rows[at]).collect();
            run.step(rows.len() as u64)?;
            let scores = drawn.iter().map(|&row| run.seed.unit(row)).collect();
            Ok((drawn, scores))
        })?;
        Ranking::per_class(orders, run.data.classes())
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        24 * shape.rows as u64
    }
}

/// Positions into `rows` in the order of their keys: a random order that every method draws from.
pub(super) fn random_order(run: &Run<'_>, rows: &[RowId]) -> Vec<usize> {
    first_at_random(run, rows, rows.len()).collect()
}

/// The first `count` of [`random_order`], without the others.
///
/// Keys are uniform, so what is below a limit a little above the expected place of the last one has nearly always as many; only that is
/// sorted. If it has fewer, all are.
pub(super) fn first_at_random(run: &Run<'_>, rows: &[RowId], count: usize) -> impl Iterator<Item = usize> + use<> {
    let seed = run.seed;
    let (n, wanted) = (rows.len() as f64, count as f64);
    let below = (wanted + 8.0 * wanted.sqrt() + 32.0) / n;
    let keys_below = |limit: u64| -> Vec<u128> {
        let of_chunk = |(chunk, rows): (usize, &[RowId])| -> Vec<u128> {
            let keys = rows.iter().zip(chunk * CHUNK..).map(|(&row, at)| (seed.key(row), at));
            keys.filter(|key| key.0 <= limit).map(|(key, at)| u128::from(key) << 32 | at as u128).collect()
        };
        rows.par_chunks(CHUNK).enumerate().map(of_chunk).collect::<Vec<_>>().concat()
    };
    let mut keys = if below < 0.5 { keys_below((below * 2f64.powi(64)) as u64) } else { Vec::new() };
    if keys.len() < count {
        keys = keys_below(u64::MAX);
    }
    sort_keys(&mut keys);
    keys.truncate(count);
    keys.into_iter().map(|key| key as u32 as usize)
}

/// Rows whose keys are computed together.
const CHUNK: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Classes, Dataset, Inputs, Matrix, Quiet, Seed};

    #[test]
    fn first_at_random_are_those_of_all_keys() {
        let values = vec![0.0; 50_000];
        let points = Matrix::new(&values, values.len(), 1).expect("shape");
        let data = Dataset::new(points, Classes::one(values.len()).expect("few")).expect("sound");
        for seed in 0..4 {
            let run = Run { data: &data, inputs: Inputs::default(), seed: Seed(seed), monitor: &Quiet };
            for step in [1, 7, 1000] {
                let rows: Vec<RowId> = (0..values.len()).step_by(step).map(RowId::at).collect();
                let mut order: Vec<usize> = (0..rows.len()).collect();
                order.sort_by_key(|&i| run.seed.key(rows[i]));
                assert_eq!(random_order(&run, &rows), order);
                for count in [0, 1, 2, 3, rows.len() / 100, rows.len() / 5, rows.len() - 1] {
                    assert_eq!(first_at_random(&run, &rows, count).collect::<Vec<_>>(), order[..count]);
                }
            }
        }
    }
}
