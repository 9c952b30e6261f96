//! Persistence: whether a reduced set has the shape of the full one.
//!
//! **Definition.** For each class and each dimension k ≤ D, the Vietoris–Rips persistence diagrams of the rows of the
//! full set and of the reduced one ([`crate::homology`]; scales are edge lengths) and their bottleneck distance d_B.
//!
//! **The bound** (Chazal, de Silva & Oudot 2014; what makes ε a topological metric: Gonzalez-Diaz, Gutiérrez-Naranjo &
//! Paluzo-Hidalgo 2022): d_B(Dgm D, Dgm D') ≤ 2 d_H(D, D'), all in one metric. The Hausdorff distance d_H is the larger
//! of two sides: how far a row of D can be from D', which is ε, and how far a point of D' can be from D. Where D' is a
//! part of D the second is 0, and the bound is 2ε; centroids, and rows that were changed, can be far from all rows, and
//! then ε alone bounds nothing.
//!
//! **Large classes.** Above so many rows a class is represented by as many of them, chosen farthest-first (Euclidean)
//! from the row nearest the mean, and ρ, how far a row can be from the subsample, is measured in the metric of the
//! diagrams. A diagram then moves by at most 2ρ. The distance that is computed is that of the subsamples: the distance
//! of the sets is within 2ρ_full + 2ρ_reduced of it, and it obeys the bound 2 d_H + 2ρ_full + 2ρ_reduced.
//!
//! A class with rows on one side only is infinitely far from its like in every dimension.
//!
//! Cost: ε, twice where the reduced set is not of rows; for each class two traversals and two times the diagrams of at
//! most `points` points. Memory: the diagrams of one class at a time.

use leanset_problem::{setting, text};

use super::epsilon::{check_points, covering_radius};
use super::{Epsilon, epsilon, epsilon_between, epsilon_curve};
use crate::distance::Metric;
use crate::homology::{Diagram, HIGHEST, MOST_POINTS, bottleneck, diagrams};
use crate::methods::maxmin;
use crate::monitor::step;
use crate::{
    Allocation, Classes, Dataset, Error, Matrix, Monitor, Points, Prototypes, Ranking, Reduced, Result, RowId,
    Selection, with_points,
};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersistenceOptions {
    /// Diagrams in dimensions 0 to this one: at most [`HIGHEST`].
    pub dimension: usize,
    /// A class above this many rows is represented by so many: 1 to [`MOST_POINTS`].
    pub points: usize,
}

impl Default for PersistenceOptions {
    /// Components and loops, of at most 1,000 points a class.
    fn default() -> Self {
        Self { dimension: 1, points: 1000 }
    }
}

impl PersistenceOptions {
    /// Whether these can be had.
    ///
    /// # Errors
    /// [`Error::BadParameter`] if they cannot.
    pub fn check(&self) -> Result<()> {
        let refuse = |name, constraint: String, value: usize| {
            Err(Error::BadParameter { method: "persistence", name, constraint, value: value.to_string() })
        };
        if self.dimension > HIGHEST {
            return refuse("dimension", format!("0 to {HIGHEST}"), self.dimension);
        }
        if self.points == 0 || self.points > MOST_POINTS {
            return refuse("points", format!("1 to {MOST_POINTS}"), self.points);
        }
        Ok(())
    }
}

/// How far the diagrams of a reduced set are from those of the full one.
#[derive(Clone, Debug, PartialEq)]
pub struct Persistence {
    /// ε of the reduced set, in the metric of the diagrams and of the radii.
    pub epsilon: Epsilon,
    /// What was compared.
    pub options: PersistenceOptions,
    /// Each class by class id.
    pub per_class: Vec<ClassPersistence>,
}

impl Persistence {
    /// Whether every distance is within its bound, as the theory says.
    pub fn holds(&self) -> bool {
        self.per_class.iter().flat_map(|class| &class.dimensions).all(|d| d.holds)
    }

    /// Whether a class was so large that a part of it stands for it.
    pub fn is_subsampled(&self) -> bool {
        self.per_class.iter().any(|class| class.full.is_part() || class.reduced.is_part())
    }
}

/// The diagrams of one class, compared.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassPersistence {
    /// The rows of the full set.
    pub full: Sampled,
    /// The rows or points of the reduced set.
    pub reduced: Sampled,
    /// ε of the class: how far a row of the full set can be from the reduced one.
    pub epsilon: f64,
    /// How far a point of the reduced set can be from the full one: 0 for rows of it.
    pub back: f64,
    /// Each dimension from 0 on.
    pub dimensions: Vec<DimensionPersistence>,
}

impl ClassPersistence {
    /// The Hausdorff distance of the two sets: the larger of the two sides.
    pub fn hausdorff(&self) -> f64 {
        self.epsilon.max(self.back)
    }

    /// How far the distances of the sets can be from those computed, up or down: 0 unless there are subsamples.
    pub fn margin(&self) -> f64 {
        2.0 * (self.full.radius + self.reduced.radius)
    }

    /// What no distance can be above: twice the Hausdorff distance of the sets, and the margin of the subsamples.
    pub fn bound(&self) -> f64 {
        2.0 * self.hausdorff() + self.margin()
    }
}

/// The rows that the diagrams are of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Rows (or points) of the class.
    pub rows: usize,
    /// Those that stand for them.
    pub points: usize,
    /// How far a row can be from these; 0 if they are all.
    pub radius: f64,
}

impl Sampled {
    /// Whether a part stands for the whole.
    pub fn is_part(&self) -> bool {
        self.points < self.rows
    }
}

/// The diagrams of one class in one dimension, compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DimensionPersistence {
    /// The dimension: 0 components, 1 loops, 2 voids.
    pub dimension: usize,
    /// The diagram of the full set.
    pub full: Bars,
    /// That of the reduced set.
    pub reduced: Bars,
    /// Their bottleneck distance; infinite if the class has rows in one of the sets only.
    pub bottleneck: f64,
    /// Whether it is at most [`ClassPersistence::bound`], but for what rounding in the distances can add.
    pub holds: bool,
}

/// A diagram in short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bars {
    /// Bars that end.
    pub finite: usize,
    /// Bars that do not.
    pub essential: usize,
    /// The longest of those that end, 0 if there are none.
    pub longest: f64,
}

impl Bars {
    fn of(diagram: &Diagram) -> Self {
        let (finite, essential) = (diagram.finite().count(), diagram.essential().count());
        Self { finite, essential, longest: diagram.max_persistence() }
    }
}

/// Diagrams of a reduced set of `data`, of selected rows or of generated prototypes, against those of the whole.
///
/// ```
/// use leanset_core::{Budget, Classes, Dataset, EmptyClasses, Matrix, Quiet, Reducer, Seed};
/// use leanset_core::{distance::Metric, metrics};
///
/// // A circle: one long loop, which a quarter of its points still has.
/// let angle = |i: u32| f64::from(i) / 80.0 * std::f64::consts::TAU;
/// let values: Vec<f64> = (0..80).flat_map(|i| [angle(i).cos(), angle(i).sin()]).collect();
/// let data = Dataset::new(Matrix::new(&values, 80, 2)?, Classes::one(80)?)?;
/// let kept = Reducer::new("mms", &[])?.reduce(&data, &Budget::Ratio(0.25), EmptyClasses::Forbid, Seed(0), &Quiet)?.reduced;
///
/// let found = metrics::persistence(&data, &kept, Metric::Euclidean, &Default::default(), &Quiet)?;
/// let class = &found.per_class[0];
/// let loops = &class.dimensions[1];
/// assert_eq!((loops.full.finite, loops.reduced.finite), (1, 1));
/// assert!(loops.bottleneck <= 2.0 * class.epsilon);
/// # Ok::<(), leanset_core::Error>(())
/// ```
///
/// # Errors
/// Those of [`epsilon()`]; [`Error::BadParameter`] for options that cannot be had; for generated prototypes
/// [`Error::TooLarge`].
pub fn persistence(
    data: &Dataset<'_>,
    reduced: &Reduced,
    metric: Metric,
    options: &PersistenceOptions,
    monitor: &dyn Monitor,
) -> Result<Persistence> {
    check(metric, options)?;
    match reduced {
        Reduced::Rows(selection) => {
            let forth = epsilon(data, reduced, metric, monitor)?;
            let full = Side::of_table(data, metric, options, monitor)?;
            let reduced = Side::of_rows(data, selection, metric, options, monitor)?;
            Ok(compare(&full, &reduced, forth, None, data.columns(), options))
        }
        Reduced::Points(points) => {
            check_points(points, data)?;
            let classes = Classes::new(&codes_of(points), data.classes().len())?;
            if points.classes.is_empty() {
                // No table is without rows, but a reduced set may be.
                let nothing = Selection::new(&vec![Vec::new(); classes.len()], None, data.classes())?;
                return persistence(data, &Reduced::Rows(nothing), metric, options, monitor);
            }
            let table = Dataset::new(Matrix::new(&points.points, points.classes.len(), points.columns)?, classes)?;
            persistence_between(data, &table, metric, options, monitor)
        }
    }
}

/// Options and a metric that can be had: the bound needs the triangle inequality.
fn check(metric: Metric, options: &PersistenceOptions) -> Result<()> {
    options.check()?;
    if metric != Metric::Cosine {
        return Ok(());
    }
    Err(Error::Data {
        method: "persistence",
        what: "cosine distance has no triangle inequality, without which ε bounds no diagram".into(),
        hint: text![
            "compare directions with ",
            setting::SCALE.to("unit"),
            " and ",
            setting::METRIC.to(Metric::Euclidean)
        ],
    })
}

/// The class code of each prototype.
fn codes_of(points: &Prototypes) -> Vec<u32> {
    points.classes.iter().map(|class| class.0).collect()
}

/// Diagrams of any other labelled set: `reduced` must have the columns of `full` and the same class codes.
///
/// # Errors
/// [`Error::Shape`] if columns or classes differ; [`Error::BadParameter`]; [`Error::Interrupted`].
pub fn persistence_between(
    full: &Dataset<'_>,
    reduced: &Dataset<'_>,
    metric: Metric,
    options: &PersistenceOptions,
    monitor: &dyn Monitor,
) -> Result<Persistence> {
    check(metric, options)?;
    let forth = epsilon_between(full, reduced, metric, monitor)?;
    let back = epsilon_between(reduced, full, metric, monitor)?;
    let columns = full.columns();
    let full = Side::of_table(full, metric, options, monitor)?;
    let reduced = Side::of_table(reduced, metric, options, monitor)?;
    Ok(compare(&full, &reduced, forth, Some(&back), columns, options))
}

/// Diagrams of every cut of a ranking: those of the full set are made once.
///
/// # Errors
/// Those of [`epsilon_curve`] and of [`persistence`].
pub fn persistence_curve(
    data: &Dataset<'_>,
    ranking: &Ranking,
    allocations: &[Allocation],
    metric: Metric,
    options: &PersistenceOptions,
    monitor: &dyn Monitor,
) -> Result<Vec<Persistence>> {
    check(metric, options)?;
    let curve = epsilon_curve(data, ranking, allocations, metric, monitor)?;
    let full = Side::of_table(data, metric, options, monitor)?;
    let cut = |(allocation, forth): (&Allocation, Epsilon)| {
        let selection = ranking.select(allocation, data.classes())?;
        let reduced = Side::of_rows(data, &selection, metric, options, monitor)?;
        Ok(compare(&full, &reduced, forth, None, data.columns(), options))
    };
    allocations.iter().zip(curve).map(cut).collect()
}

/// The diagrams of one class of one of the sets.
struct Side {
    sampled: Sampled,
    diagrams: Vec<Diagram>,
}

impl Side {
    /// Each class of a table.
    fn of_table(
        data: &Dataset<'_>,
        metric: Metric,
        options: &PersistenceOptions,
        monitor: &dyn Monitor,
    ) -> Result<Vec<Self>> {
        let classes = data.classes();
        classes.ids().map(|class| Self::new(data.points(), classes.rows(class), metric, options, monitor)).collect()
    }

    /// Each class of selected rows, whatever their order.
    fn of_rows(
        data: &Dataset<'_>,
        selection: &Selection,
        metric: Metric,
        options: &PersistenceOptions,
        monitor: &dyn Monitor,
    ) -> Result<Vec<Self>> {
        let side = |class| {
            let mut rows = selection.class(class).to_vec();
            rows.sort_unstable();
            Self::new(data.points(), &rows, metric, options, monitor)
        };
        data.classes().ids().map(side).collect()
    }

    fn new(
        points: &Points<'_>,
        rows: &[RowId],
        metric: Metric,
        options: &PersistenceOptions,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let whole = |rows: usize| Sampled { rows, points: rows, radius: 0.0 };
        if rows.is_empty() {
            let diagrams = (0..=options.dimension).map(|dimension| Diagram::new(dimension, Vec::new())).collect();
            return Ok(Self { sampled: whole(0), diagrams });
        }
        if rows.len() <= options.points {
            let diagrams = with_points!(points, |m| diagrams(m, rows, metric, options.dimension, monitor))?;
            return Ok(Self { sampled: whole(rows.len()), diagrams });
        }
        monitor.begin("spreading over a large class", options.points as u64);
        let advance = |steps| step(monitor, steps);
        let sample = with_points!(points, |m| maxmin::spread(m, rows, options.points, advance))?;
        let radius = covering_radius(points, rows, &sample, metric, monitor)?;
        let diagrams = with_points!(points, |m| diagrams(m, &sample, metric, options.dimension, monitor))?;
        Ok(Self { sampled: Sampled { rows: rows.len(), points: sample.len(), radius }, diagrams })
    }
}

/// Every class of one set with its like of the other.
fn compare(
    full: &[Side],
    reduced: &[Side],
    forth: Epsilon,
    back: Option<&Epsilon>,
    columns: usize,
    options: &PersistenceOptions,
) -> Persistence {
    let class = |(class, (full, reduced)): (usize, (&Side, &Side))| {
        let mut found = ClassPersistence {
            full: full.sampled,
            reduced: reduced.sampled,
            epsilon: forth.per_class[class].value,
            back: back.map_or(0.0, |back| back.per_class[class].value),
            dimensions: Vec::new(),
        };
        let bound = found.bound();
        found.dimensions = (full.diagrams.iter().zip(&reduced.diagrams))
            .map(|(a, b)| {
                let one_sided = (full.sampled.rows == 0) != (reduced.sampled.rows == 0);
                let bottleneck = if one_sided { f64::INFINITY } else { bottleneck(a, b) };
                let holds = bottleneck <= bound + rounding([a, b], bound, columns);
                DimensionPersistence {
                    dimension: a.dimension,
                    full: Bars::of(a),
                    reduced: Bars::of(b),
                    bottleneck,
                    holds,
                }
            })
            .collect();
        found
    };
    let per_class = full.iter().zip(reduced).enumerate().map(class).collect();
    Persistence { epsilon: forth, options: *options, per_class }
}

/// What rounding can add to a distance of diagrams above its bound. A computed distance of points of d coordinates is
/// within (d + 2)·u of the true one, relatively (u = 2⁻⁵³), so a bar moves by that part of its scales; squares below
/// the least number are lost, which takes less than 10⁻¹⁶⁰ a column.
fn rounding(diagrams: [&Diagram; 2], bound: f64, columns: usize) -> f64 {
    let largest = diagrams.iter().flat_map(|d| d.finite()).map(|bar| bar.death).fold(0.0, f64::max);
    let columns = columns as f64;
    if bound.is_finite() { (columns + 3.0) * f64::EPSILON * (largest + bound) + columns * 1e-160 } else { 0.0 }
}
