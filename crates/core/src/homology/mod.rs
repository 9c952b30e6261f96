//! Persistent homology of small point sets: Vietoris–Rips diagrams in dimensions 0, 1 and 2, and how far two are apart.
//!
//! The Vietoris–Rips complex of a point set at scale t holds every set of points whose pairwise distances are at most
//! t. As t grows, components (dimension 0), loops (1) and voids (2) appear and vanish; each is a [`Bar`] from the scale
//! at which it is born to the one at which it dies, over the field of two elements.
//!
//! ```
//! use leanset_core::{Matrix, Quiet, RowId, distance::Metric, homology};
//! // Four corners of a unit square: a loop from 1, the side, to √2, the diagonal.
//! let corners = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
//! let square = Matrix::new(&corners, 4, 2)?;
//! let found = homology::diagrams(&square, &[0, 1, 2, 3].map(RowId), Metric::Euclidean, 1, &Quiet)?;
//! assert_eq!(found[0].bars().len(), 4);
//! assert_eq!(found[1].bars(), [homology::Bar { birth: 1.0, death: f64::sqrt(2.0) }]);
//! # Ok::<(), leanset_core::Error>(())
//! ```

mod bits;
mod bottleneck;
#[cfg(test)]
pub(crate) mod naive;
pub(crate) mod overlapping;
mod rips;

use std::ops::RangeInclusive;

pub use bottleneck::bottleneck;
use rips::{Sink, Sweep, pair};

use crate::distance::{Cosine, LANES, Metric, Packed, Terms, to_unit_length, with_metric};
use crate::monitor::step;
use crate::{Error, Look, Matrix, Monitor, Result, RowId, Scalar, simd};

/// The most points the engine takes: their pairs are all held at once, 8 bytes each.
pub const MOST_POINTS: usize = 4096;

/// The highest dimension it goes to.
pub const HIGHEST: usize = 2;

/// The life of one homology class: scales of birth and death, in the units of the distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// The scale at which the class appears.
    pub birth: f64,
    /// The scale at which it vanishes; infinite for an essential class.
    pub death: f64,
}

impl Bar {
    /// How long it lives: death − birth, infinite for an essential class.
    pub fn persistence(&self) -> f64 {
        self.death - self.birth
    }

    /// Whether it never vanishes.
    pub fn is_essential(&self) -> bool {
        self.death.is_infinite()
    }
}

/// The bars of one dimension, without those of length 0: by birth, then by death.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagram {
    /// The homology dimension.
    pub dimension: usize,
    bars: Vec<Bar>,
}

impl Diagram {
    /// The diagram of these bars, in any order; bars of length 0 are left out.
    pub fn new(dimension: usize, mut bars: Vec<Bar>) -> Self {
        bars.retain(|bar| bar.death > bar.birth);
        bars.sort_unstable_by(|a, b| a.birth.total_cmp(&b.birth).then(a.death.total_cmp(&b.death)));
        Self { dimension, bars }
    }

    /// All bars: by birth, then by death.
    pub fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// The bars that end.
    pub fn finite(&self) -> impl Iterator<Item = Bar> + '_ {
        self.bars.iter().copied().filter(|bar| !bar.is_essential())
    }

    /// The bars that never end.
    pub fn essential(&self) -> impl Iterator<Item = Bar> + '_ {
        self.bars.iter().copied().filter(Bar::is_essential)
    }

    /// The largest finite persistence, or 0 if no bar ends.
    pub fn max_persistence(&self) -> f64 {
        self.finite().map(|bar| bar.persistence()).fold(0.0, f64::max)
    }
}

/// The diagrams in dimensions 0 ..= `dimension` ≤ [`HIGHEST`] of the Vietoris–Rips filtration of some rows, at most
/// [`MOST_POINTS`]. Scales are distances: a pair is joined at its distance, not at half of it.
///
/// Equal to ripser's, but for the f32 of its distances. Cost and method: one sweep over the pairs nearer than the
/// enclosing radius, see [the reference](self#references). Memory: about 16·n² bytes.
///
/// # Errors
/// [`Error::Data`] for more points than it takes; [`Error::Interrupted`].
///
/// # References
/// Bauer, *Ripser*, J. Applied and Computational Topology 5, 2021; reduced and distilled Vietoris–Rips filtrations,
/// arXiv:2307.16333 and arXiv:2412.07805.
pub fn diagrams<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    metric: Metric,
    dimension: usize,
    monitor: &dyn Monitor,
) -> Result<Vec<Diagram>> {
    let look: Look<'_> = &|| step(monitor, 0);
    check_size(rows.len())?;
    if metric == Metric::Cosine {
        let (values, all) = directions(points, rows)?;
        let unit = Matrix::new(&values, all.len(), points.columns())?;
        let mut raw = Vec::new();
        pairs::<Cosine, f64>(&unit, &all, &mut raw, look)?;
        return collect(all.len(), &raw, dimension, Cosine::finish, monitor);
    }
    let mut raw = Vec::new();
    with_metric!(metric, |M| {
        pairs::<M, T>(points, rows, &mut raw, look)?;
        collect(rows.len(), &raw, dimension, M::finish, monitor)
    })
}

/// The diagrams of a filtration given by distances: `distances` holds d(i, j) of i > j at i(i − 1)/2 + j, none negative
/// or NaN. Otherwise as [`diagrams`].
///
/// # Errors
/// [`Error::Data`] for more points than it takes, and for a distance that is none; [`Error::Shape`];
/// [`Error::Interrupted`].
pub fn diagrams_of_distances(
    points: usize,
    distances: &[f64],
    dimension: usize,
    monitor: &dyn Monitor,
) -> Result<Vec<Diagram>> {
    check_size(points)?;
    let expected = points * points.saturating_sub(1) / 2;
    if distances.len() != expected {
        let got = distances.len();
        return Err(Error::Shape { what: "the list of distances", got, expected, rows: expected, columns: 1 });
    }
    if let Some(bad) = distances.iter().find(|d| !(d.is_finite() && **d >= 0.0)) {
        let hint = "distances are finite and not negative".into();
        return Err(Error::Data { method: METHOD, what: format!("a distance is {bad}"), hint });
    }
    collect(points, distances, dimension, |d| d, monitor)
}

/// The largest finite persistence over some dimensions, at most [`HIGHEST`], of the Vietoris–Rips filtration of some
/// rows, or 0 if no bar ends. Stops as soon as no longer bar can come.
///
/// # Errors
/// As [`diagrams`].
pub fn max_persistence<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    metric: Metric,
    dimensions: RangeInclusive<usize>,
    monitor: &dyn Monitor,
) -> Result<f64> {
    let look: Look<'_> = &|| step(monitor, 0);
    check_size(rows.len())?;
    if metric == Metric::Cosine {
        let (values, all) = directions(points, rows)?;
        let unit = Matrix::new(&values, all.len(), points.columns())?;
        return Workspace::default().max_persistence::<Cosine, f64>(&unit, &all, dimensions, look);
    }
    with_metric!(metric, |M| Workspace::default().max_persistence::<M, T>(points, rows, dimensions, look))
}

/// Some rows scaled to length 1, and their ids in that matrix.
fn directions<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId]) -> Result<(Vec<f64>, Vec<RowId>)> {
    let mut values = Vec::with_capacity(rows.len() * points.columns());
    for &row in rows {
        let start = values.len();
        values.extend(points.row(row).iter().map(|x| x.widen()));
        if !to_unit_length(&mut values[start..]) {
            let hint = "leave the row out, or use another metric".into();
            let what = "is all zeros and has no direction".to_owned();
            return Err(Error::Row { method: "cosine distance", row, what, hint });
        }
    }
    Ok((values, (0..rows.len()).map(RowId::at).collect()))
}

/// What errors are of.
const METHOD: &str = "persistent homology";

fn check_size(points: usize) -> Result<()> {
    if points <= MOST_POINTS {
        return Ok(());
    }
    Err(Error::Data {
        method: METHOD,
        what: format!("{points} points are above the {MOST_POINTS} whose pairs are held at once"),
        hint: format!("take a maxmin sample of at most {MOST_POINTS}").into(),
    })
}

/// The scratch of one thread, kept from one point set to the next.
#[derive(Default)]
pub(crate) struct Workspace {
    raw: Vec<f64>,
    sweeps: Sweeps,
}

impl Workspace {
    /// As the function of this name, of at most [`MOST_POINTS`] rows.
    pub(crate) fn max_persistence<M: Terms, T: Scalar>(
        &mut self,
        points: &Matrix<'_, T>,
        rows: &[RowId],
        dimensions: RangeInclusive<usize>,
        look: Look<'_>,
    ) -> Result<f64> {
        pairs::<M, T>(points, rows, &mut self.raw, look)?;
        let top = *dimensions.end();
        let mut sink = Longest { dimensions, longest: 0.0, finish: M::finish, look };
        self.sweeps.run(rows.len(), &self.raw, top, &mut sink)?;
        Ok(sink.longest)
    }
}

/// One sweep of each width that has been needed.
#[derive(Default)]
struct Sweeps(Sweep<1>, Sweep<2>, Sweep<4>, Sweep<8>, Sweep<16>, Sweep<32>, Sweep<64>);

impl Sweeps {
    fn run(&mut self, n: usize, raw: &[f64], top: usize, sink: &mut impl Sink) -> Result<()> {
        let top = top.min(HIGHEST);
        match n.div_ceil(64) {
            0 => Ok(()),
            1 => self.0.run(n, raw, top, sink),
            2 => self.1.run(n, raw, top, sink),
            3..=4 => self.2.run(n, raw, top, sink),
            5..=8 => self.3.run(n, raw, top, sink),
            9..=16 => self.4.run(n, raw, top, sink),
            17..=32 => self.5.run(n, raw, top, sink),
            _ => self.6.run(n, raw, top, sink),
        }
    }
}

/// Keeps every bar.
struct Collect<'a> {
    bars: [Vec<Bar>; HIGHEST + 1],
    finish: fn(f64) -> f64,
    monitor: &'a dyn Monitor,
    /// Steps announced and not yet reported.
    left: usize,
}

impl Sink for Collect<'_> {
    fn wants(&self, _: usize) -> bool {
        true
    }

    fn bar(&mut self, dimension: usize, birth: f64, death: f64) {
        if death > birth {
            self.bars[dimension].push(Bar { birth: (self.finish)(birth), death: (self.finish)(death) });
        }
    }

    fn go_on(&mut self, edges: usize, _: f64, _: f64) -> Result<bool> {
        self.left = self.left.saturating_sub(edges);
        step(self.monitor, edges as u64).map(|()| true)
    }

    fn look(&self) -> Result<()> {
        step(self.monitor, 0)
    }
}

/// Keeps the longest persistence of some dimensions.
struct Longest<'a> {
    dimensions: RangeInclusive<usize>,
    longest: f64,
    finish: fn(f64) -> f64,
    look: Look<'a>,
}

impl Sink for Longest<'_> {
    fn wants(&self, dimension: usize) -> bool {
        self.dimensions.contains(&dimension)
    }

    fn bar(&mut self, dimension: usize, birth: f64, death: f64) {
        if self.dimensions.contains(&dimension) && death > birth {
            self.longest = self.longest.max((self.finish)(death) - (self.finish)(birth));
        }
    }

    fn go_on(&mut self, _: usize, oldest: f64, reach: f64) -> Result<bool> {
        Ok((self.finish)(reach) - (self.finish)(oldest) > self.longest)
    }

    fn look(&self) -> Result<()> {
        (self.look)()
    }
}

/// All bars of a filtration by raw distances.
fn collect(
    n: usize,
    raw: &[f64],
    dimension: usize,
    finish: fn(f64) -> f64,
    monitor: &dyn Monitor,
) -> Result<Vec<Diagram>> {
    let top = dimension.min(HIGHEST);
    monitor.begin("persistent homology", raw.len() as u64);
    let mut sink = Collect { bars: Default::default(), finish, monitor, left: raw.len() };
    Sweeps::default().run(n, raw, top, &mut sink)?;
    step(monitor, sink.left as u64)?;
    if n > 0 {
        sink.bars[0].push(Bar { birth: 0.0, death: f64::INFINITY });
    }
    Ok(sink.bars.into_iter().take(top + 1).enumerate().map(|(k, bars)| Diagram::new(k, bars)).collect())
}

/// Raw distances of all pairs of rows, at [`pair`].
fn pairs<M: Terms, T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    out: &mut Vec<f64>,
    look: Look<'_>,
) -> Result<()> {
    out.clear();
    if rows.len() < 2 {
        return Ok(());
    }
    out.reserve(pair(rows.len(), 0));
    let packed = Packed::gather(rows.len(), points.columns(), |slot| points.row(rows[slot]), look)?;
    let mut query = vec![0.0; points.columns()];
    for i in 1..rows.len() {
        look()?;
        for (q, v) in query.iter_mut().zip(points.row(rows[i])) {
            *q = v.widen();
        }
        simd::run(OneToMany::<M, T> {
            packed: &packed,
            query: &query,
            count: i,
            out,
            metric: std::marker::PhantomData,
        });
    }
    Ok(())
}

/// Raw distances from a point to the first so many others.
struct OneToMany<'a, M, T> {
    packed: &'a Packed<T>,
    query: &'a [f64],
    count: usize,
    out: &'a mut Vec<f64>,
    metric: std::marker::PhantomData<M>,
}

impl<M: Terms, T: Scalar> simd::Kernel for OneToMany<'_, M, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for block in 0..self.count.div_ceil(LANES) {
            let raws = self.packed.raw::<M>(self.query, block);
            self.out.extend_from_slice(&raws[..LANES.min(self.count - block * LANES)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quiet;
    use crate::distance::{Euclidean, raw};
    use proptest::prelude::*;

    /// A cloud with coordinates on a grid (many ties) or not.
    fn clouds(most: usize) -> impl Strategy<Value = (usize, Vec<f64>)> {
        (1usize..5, 1..=most, 0u8..3).prop_flat_map(|(d, n, kind)| {
            let grid = [0.0, 2.0, 8.0][usize::from(kind)];
            let value = (-1.0f64..1.0).prop_map(move |v| if grid > 0.0 { (v * grid).round() } else { v });
            (Just(d), prop::collection::vec(value, n * d))
        })
    }

    fn check(d: usize, values: &[f64], dimension: usize) {
        let n = values.len() / d;
        let points = Matrix::new(values, n, d).expect("a matrix");
        let rows: Vec<RowId> = (0..points.rows()).map(RowId::at).collect();
        for metric in Metric::ALL {
            let has_zeros = values.chunks_exact(d).any(|point| point.iter().all(|&x| x == 0.0));
            if metric == Metric::Cosine && has_zeros {
                assert!(matches!(diagrams(&points, &rows, metric, dimension, &Quiet), Err(Error::Row { .. })));
                continue;
            }
            let found = diagrams(&points, &rows, metric, dimension, &Quiet).expect("few points");
            let distance = |i: usize, j: usize| metric.distance(points.row(rows[i]), points.row(rows[j]));
            assert_eq!(found, naive::diagrams(n, distance, dimension), "{n} points, {metric}");
            let of_distances: Vec<f64> = (0..n).flat_map(|i| (0..i).map(move |j| distance(i, j))).collect();
            assert_eq!(found, diagrams_of_distances(n, &of_distances, dimension, &Quiet).expect("distances"));
            for low in 0..=dimension {
                let longest = max_persistence(&points, &rows, metric, low..=dimension, &Quiet).expect("few points");
                let expected = found[low..].iter().map(Diagram::max_persistence).fold(0.0, f64::max);
                assert_eq!(longest, expected, "{n} points, {metric}, {low} ..= {dimension}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn diagrams_are_those_of_the_boundary_matrix((d, values) in clouds(14)) {
            check(d, &values, 2);
        }

        #[test]
        fn loops_are_those_of_the_boundary_matrix((d, values) in clouds(40)) {
            check(d, &values, 1);
        }

        #[test]
        fn neighbors_are_the_same_at_every_width((d, values) in clouds(60)) {
            let points = Matrix::new(&values, values.len() / d, d).expect("a matrix");
            let rows: Vec<RowId> = (0..points.rows()).map(RowId::at).collect();
            let mut raw = Vec::new();
            pairs::<Euclidean, f64>(&points, &rows, &mut raw, &|| Ok(())).expect("nobody stops it");
            fn bars<const W: usize>(n: usize, raw: &[f64]) -> [Vec<Bar>; 3] {
                let mut sink = Collect { bars: Default::default(), finish: |d| d, monitor: &Quiet, left: raw.len() };
                Sweep::<W>::default().run(n, raw, 2, &mut sink).expect("nobody stops it");
                sink.bars
            }
            let found = bars::<1>(rows.len(), &raw);
            prop_assert_eq!(&found, &bars::<2>(rows.len(), &raw));
            prop_assert_eq!(&found, &bars::<8>(rows.len(), &raw));
            prop_assert_eq!(&found, &bars::<64>(rows.len(), &raw));
        }

        #[test]
        fn pairs_are_those_of_the_scalar_definition((d, values) in clouds(70)) {
            let points = Matrix::new(&values, values.len() / d, d).expect("a matrix");
            let rows: Vec<RowId> = (0..points.rows()).map(RowId::at).collect();
            let mut found = Vec::new();
            pairs::<Euclidean, f64>(&points, &rows, &mut found, &|| Ok(())).expect("nobody stops it");
            for i in 0..rows.len() {
                for j in 0..i {
                    let expected = raw::<Euclidean, f64, f64>(points.row(rows[i]), points.row(rows[j]));
                    prop_assert_eq!(found[pair(i, j)].to_bits(), expected.to_bits());
                }
            }
        }
    }

    fn of_points(values: &[f64], d: usize, dimension: usize) -> Vec<Diagram> {
        let points = Matrix::new(values, values.len() / d, d).expect("a matrix");
        let rows: Vec<RowId> = (0..points.rows()).map(RowId::at).collect();
        diagrams(&points, &rows, Metric::Euclidean, dimension, &Quiet).expect("few points")
    }

    #[test]
    fn rips_finds_the_homology_of_known_shapes() {
        // n points on a circle: one loop, from the side of the polygon to that of the inscribed triangle.
        for n in [6, 30, 66, 300, 900] {
            let angle = |i: usize| std::f64::consts::TAU * i as f64 / n as f64;
            let circle: Vec<f64> = (0..n).flat_map(|i| [angle(i).cos(), angle(i).sin()]).collect();
            let found = of_points(&circle, 2, 2);
            let (side, triangle) = (2.0 * (angle(1) / 2.0).sin(), 3f64.sqrt());
            let long: Vec<_> = found[1].bars().iter().filter(|b| b.persistence() > 1e-9).collect();
            assert_eq!(long.len(), 1, "{n} points");
            assert!((long[0].birth - side).abs() < 1e-12 && (long[0].death - triangle).abs() < 1e-12, "{n}: {long:?}");
        }
        // The octahedron is a sphere of Vietoris–Rips; the cross-polytope of dimension 4 has nothing below dimension 3.
        let octahedron = [1., 0., 0., -1., 0., 0., 0., 1., 0., 0., -1., 0., 0., 0., 1., 0., 0., -1.];
        let found = of_points(&octahedron, 3, 2);
        assert_eq!(found[1].bars(), []);
        assert_eq!(found[2].bars(), [Bar { birth: 2f64.sqrt(), death: 2.0 }]);
        let cross: Vec<f64> = (0..8)
            .flat_map(|i| (0..4).map(move |j| if j == i / 2 { (i % 2) as f64 * 2.0 - 1.0 } else { 0.0 }))
            .collect();
        let found = of_points(&cross, 4, 2);
        assert_eq!((found[1].bars(), found[2].bars()), (&[][..], &[][..]));
    }

    #[test]
    fn rips_of_few_and_equal_points() {
        assert_eq!(diagrams_of_distances(0, &[], 2, &Quiet).expect("nothing")[0].bars(), []);
        let one = of_points(&[3.0], 1, 2);
        assert_eq!(one[0].bars(), [Bar { birth: 0.0, death: f64::INFINITY }]);
        let same = of_points(&[2.0; 40], 2, 2);
        assert_eq!(same[0].bars().len(), 1);
        assert_eq!((same[1].bars().len(), same[2].bars().len()), (0, 0));
    }

    #[test]
    fn rips_refuses_impossible_distances() {
        let values = vec![0.0; MOST_POINTS + 1];
        let points = Matrix::new(&values, MOST_POINTS + 1, 1).expect("a matrix");
        let rows: Vec<RowId> = (0..points.rows()).map(RowId::at).collect();
        let refused = diagrams(&points, &rows, Metric::Euclidean, 1, &Quiet).expect_err("too many");
        assert!(
            refused.to_string().contains("4097") && refused.hint().is_some_and(|h| h.to_string().contains("4096")),
            "{refused}"
        );
        for bad in [f64::NAN, -1.0, f64::INFINITY] {
            let refused = diagrams_of_distances(2, &[bad], 1, &Quiet);
            assert!(matches!(refused, Err(Error::Data { .. })), "{bad}: {refused:?}");
        }
        assert!(matches!(diagrams_of_distances(3, &[1.0], 1, &Quiet), Err(Error::Shape { expected: 3, .. })));
    }
}
