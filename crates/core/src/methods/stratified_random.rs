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
//! Cost: O(n log n). Guarantee: uniform within classes; exact counts. No departures from the definition; the paper's
//! code draws with scikit-learn's stratified split, whose random stream is not part of the definition.
//!
//! Wins when nothing is known about the data: it costs almost nothing and keeps every distribution as it is. It is the
//! baseline, and no other method is certain to beat it.
//!
//! Loses when rare rows within a class matter: it misses them, so ε is large.

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
    cost: "O(n log n)",
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
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        run.monitor.begin("drawing rows", run.data.rows() as u64);
        let orders = run.per_class(|_, rows| {
            let order = random_order(run, rows);
            run.step(rows.len() as u64)?;
            Ok((order.iter().map(|&r| rows[r]).collect(), order.iter().map(|&r| run.seed.unit(rows[r])).collect()))
        })?;
        Ranking::per_class(orders, run.data.classes())
    }

    fn memory(&self, shape: &Shape, _: usize, _: usize) -> u64 {
        24 * shape.rows as u64
    }
}

/// Positions into `rows` in the order of their keys: a random order that every method draws from.
pub(super) fn random_order(run: &Run<'_>, rows: &[RowId]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by_key(|&i| run.seed.key(rows[i]));
    order
}
