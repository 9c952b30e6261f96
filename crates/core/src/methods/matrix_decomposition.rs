//! **Numerosity reduction by matrix decomposition** (NRMD).
//!
//! Problem: keep the rows that the main directions of the data describe worst.
//!
//! A decomposition gives directions u_j with weights w_j. The score of a row x is Σ_j w_j · (−ln max(|cos(x, u_j)|,
//! 10⁻³)). It is large for rows that are orthogonal to the directions with the largest weights. The final score of a
//! row is the product of its score within its class, from the rows X_k, and its score in the whole table, from [X,
//! one-hot(y)]. The data are not centred. Supervised decompositions score once, on the whole table. The rows with the
//! largest scores are kept, ties to the lowest row id.
//!
//! | decomposition | directions | weights |
//! |---|---|---|
//! | `svd` (the paper's) | left singular vectors of the d × n matrix of rows | ∝ 1/σ_j |
//! | `qr` | Q of a column-pivoted QR of the d × n matrix | ∝ j |
//! | `lu` | the unit lower factor of a fully pivoted LU of the d × n matrix, columns normalised | ∝ j |
//! | `spca` | principal directions of X H Yᵀ, Y one-hot (supervised PCA) | ∝ 1/λ_j |
//! | `flda` | Fisher directions, S_b u = λ (S_w + ridge) u | ∝ 1/λ_j |
//! | `mean` | none: the score is minus the distance to the class mean | |
//!
//! ```math
//! s(x) = \sum_j w_j \cdot \bigl( -\ln \max( |\cos(x, u_j)|, \, 10^{-3} ) \bigr)
//! ```
//!
//! Singular values that coincide (within 10⁻⁹ of themselves, or within rounding) determine a subspace, but no directions
//! in it, as with classes or categories of equal size. The term of such a direction is the mean over all orthonormal
//! bases of the subspace, so a score is a property of the rows and not of their order. The same holds for λ. QR and LU
//! have no such mean: if pivots tie, a warning says that the order of rows decides.
//!
//! Cost: O(n·d²). The SVD makes a d × d triangular factor of the rows of each class minus their mean, block by block, so no n × d
//! copy is made; QR and LU need one. The factor is that of a Gram matrix where this is as accurate as an orthogonal
//! decomposition, is repaired by a second one where it is not (CholeskyQR2), and rows are folded into it where no Gram matrix
//! helps, as with columns that others determine. Columns of one-hot(y) are not held: class means, class sizes and the factors
//! have the same spectrum. From 64 classes on, of classes of equal size at most d meet the points.
//! Guarantee: `svd`, `spca` and `flda` scores equal those of a full decomposition to rounding, and do not depend on the
//! order of rows. A warning says so if rounding can change them by more than 10⁻⁶.
//!
//! Departures. (1) Singular values below max(n, d)·ε·σ₁ are dropped with a warning: their directions are rounding
//! noise, and with weights of 1/σ they would decide everything. (2) Rows are ranked within classes. The paper's code
//! ranks over all classes, so that whole classes disappear (`scope=global` does the same). (3) A row of zeros has
//! cosine 0 with everything. The paper's code gives it NaN and ranks it first. (4) QR and LU are pivoted. Without
//! pivoting, the first d rows of the file decide. (The first of equal pivots is taken, and the label columns produce
//! many equal pivots, so LU still depends on the order of rows.) (5) SPCA uses one-hot labels instead of label codes.
//! FLDA solves the symmetric-definite problem with a ridge of 10⁻⁴ of the mean within-class variance, while the paper's
//! code passes a non-symmetric matrix to a symmetric solver. Rank-one downdate, NMF and dictionary learning are
//! missing, because we know no Rust library for them. ICA is missing, because the only library that has it (linfa)
//! needs a second linear-algebra library.
//!
//! Wins when you want a ranking of all rows in about the time of one decomposition, without randomness.
//!
//! Loses when few rows are kept: rows that are orthogonal to the main directions are seldom typical, and ε is large.

use std::ops::Range;

use leanset_linalg::Mat;
use leanset_problem::{setting, text};
use rayon::prelude::*;

use super::scores::{Best, by_score, rank_within_classes};
use super::settings::{parameters, words};
use super::{Capabilities, Family, Info, Method, Run, Support};
use crate::distance::{Euclidean, Terms, raw};
use crate::error::first_few;
use crate::labels::Labelled;
use crate::linalg::{self, Spectrum};
use crate::logarithm::ln;
use crate::monitor::Pace;
use crate::params::Kind;
use crate::pivots::Pivots;
use crate::subspace::{groups, mean_score};
use crate::{
    Allocation, ClassId, Look, Matrix, Ranking, Result, RowId, Scalar, Scope, Shape, Warning, simd, with_points,
};

words! {
    /// Where the directions come from.
    pub enum Decomposition {
        /// Singular value decomposition.
        Svd = "svd",
        /// QR with column pivoting.
        Qr = "qr",
        /// LU with full pivoting.
        Lu = "lu",
        /// Supervised principal components.
        Spca = "spca",
        /// Fisher's linear discriminants.
        Flda = "flda",
        /// No directions: the distance to the class mean.
        Mean = "mean",
    }
}

words! {
    /// What is ranked.
    pub enum RankScope {
        /// The rows of each class.
        Class = "class",
        /// All rows at once.
        Global = "global",
    }
}

parameters! {
    /// The parameters of numerosity reduction by matrix decomposition.
    ///
    /// ```
    /// use leanset_core::methods::matrix_decomposition::{Decomposition, MatrixDecomposition, RankScope};
    /// let settings = MatrixDecomposition::default().decomposition(Decomposition::Qr).scope(RankScope::Global);
    /// assert_eq!(settings.reducer()?.scope(), leanset_core::Scope::Global);
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub struct MatrixDecomposition;

    decomposition: Decomposition = {
        kind: Kind::Choice(Decomposition::WORDS),
        default: "svd",
        doc: "The decomposition that gives the directions; spca and flda need two classes or more.",
    }

    scope: RankScope = {
        kind: Kind::Choice(RankScope::WORDS),
        default: "class",
        doc: "Rank within classes, or over all rows as in the paper's code (classes can then lose all rows).",
    }
}

/// The registered entry.
pub static INFO: Info = Info {
    id: "matrix-decomposition",
    aliases: &["nrmd", "svd"],
    title: "Numerosity reduction by matrix decomposition",
    family: Family::Ranking,
    summary: "Keeps the rows that are described worst by the main directions of their class and of the whole table with labels.",
    params: PARAMS,
    cost: "O(n·d²)",
    memory: "32 bytes per row, O(c·d) and O((d + e)²), where e counts of each class size at most d classes; for qr and lu \
             O(n·(d + c)) and O((d + c)²)",
    guarantee: "scores equal those of a full decomposition to rounding; directions whose singular values coincide count by \
                their mean over the subspace; nested over ratios",
    reference: "Ghojogh & Crowley, Instance ranking and numerosity reduction using matrix decomposition and subspace \
                learning, arXiv:1903.02986",
    departures: "noise directions are dropped; rows are ranked within classes by default; zero rows have cosine 0; QR and LU are pivoted",
    capabilities: Capabilities {
        per_class: Support::When("scope=class"),
        order_free: Support::When("decomposition is not lu"),
        scale_free: Support::When("decomposition is spca, flda or mean"),
        ..Capabilities::DEFAULT
    },
    variants: &[
        &[("scope", "global")],
        &[("decomposition", "qr")],
        &[("decomposition", "lu")],
        &[("decomposition", "spca")],
        &[("decomposition", "flda")],
        &[("decomposition", "mean")],
    ],
    build: |params| {
        Ok(Box::new(Configured {
            decomposition: Decomposition::of(params, "decomposition"),
            scope: RankScope::of(params, "scope"),
            shared_from: MANY_CLASSES,
        }))
    },
};

/// The method with checked parameters.
#[derive(Clone, Copy, Debug)]
struct Configured {
    decomposition: Decomposition,
    scope: RankScope,
    /// From so many classes on, labels share coordinates in the SVD.
    shared_from: usize,
}

/// Numbers of the rows that are scored at a time, and the fewest rows.
const CHUNK_NUMBERS: usize = 1 << 14;
const CHUNK: usize = 256;

/// Rows scored at a time.
fn chunk(columns: usize) -> usize {
    (CHUNK_NUMBERS / columns.max(1)).clamp(CHUNK, 2048)
}

/// The least cosine: a row at right angles to a direction scores −ln of it.
const LEAST_COSINE: f64 = 1e-3;

/// Unit directions as columns, d × k, with weights that add to 1.
struct Directions {
    vectors: Mat<f64>,
    weights: Vec<f64>,
    /// How many directions of one value a column stands for, if there are columns of several; their weight is the sum.
    counts: Vec<usize>,
    /// How many were dropped as noise.
    dropped: usize,
    /// Runs of two or more directions whose values coincide; their vectors are orthonormal.
    together: Vec<Range<usize>>,
    /// Those that rounding turns so far that a score may change by more than [`STEADY`].
    turning: Vec<Turning>,
    /// How pivots were chosen, where there are any.
    pivoting: Pivoting,
}

/// A run of directions whose values coincide (or one direction) that rounding turns.
struct Turning {
    directions: Range<usize>,
    /// By how much, at most, towards each direction; and towards what is orthogonal to all of them.
    towards: Vec<f64>,
    aside: f64,
}

/// How a decomposition chooses pivots.
enum Pivoting {
    /// Not at all.
    None,
    /// The row whose rest has the largest norm.
    Norm,
    /// The largest entry; the columns that it is of, in order.
    Entry(Vec<usize>),
}

/// What scoring sees of directions.
#[derive(Default)]
struct Seen {
    pivots: Pivots,
    /// The largest change of a score by rounding, as a fraction of it.
    change: f64,
}

/// The largest change of a score by rounding that goes without a warning.
const STEADY: f64 = 1e-6;

impl Method for Configured {
    fn scope(&self) -> Scope {
        match self.scope {
            RankScope::Class => Scope::PerClass,
            RankScope::Global => Scope::Global,
        }
    }

    /// LU pivots on the largest entry, and the ones that stand for labels tie: the first rows of the file decide.
    fn order_free(&self) -> bool {
        self.decomposition != Decomposition::Lu
    }

    /// The others see labels beside the points, which do not grow with them.
    fn scale_free(&self) -> bool {
        matches!(self.decomposition, Decomposition::Spca | Decomposition::Flda | Decomposition::Mean)
    }

    fn least_classes(&self) -> usize {
        if matches!(self.decomposition, Decomposition::Spca | Decomposition::Flda) { 2 } else { 1 }
    }

    /// Scores are those of the table above; the largest is kept first.
    fn rank(&self, run: &Run<'_>, _: Option<&Allocation>) -> Result<Ranking> {
        let classes = run.data.classes();
        run.monitor.begin("scoring rows", 2 * run.data.rows() as u64);
        let (scores, warnings) = with_points!(run.data.points(), |m| self.scores(run, m))?;
        let mut ranking = match self.scope {
            RankScope::Class => rank_within_classes(run, &scores, Best::Largest)?,
            RankScope::Global => {
                let rows: Vec<RowId> = (0..run.data.rows()).map(RowId::at).collect();
                let order = by_score(&rows, &scores, Best::Largest);
                let sorted = order.iter().map(|&i| scores[i]).collect();
                Ranking::global(order.into_iter().map(|i| rows[i]).collect(), sorted, classes)?
            }
        };
        ranking.warnings = warnings;
        Ok(ranking)
    }

    fn memory(&self, shape: &Shape, _: usize, threads: usize) -> u64 {
        let Shape { rows: n, columns: d, classes, largest_class: largest, .. } = *shape;
        let at_once = threads.min(classes).max(1);
        // Rows that are scored, their cosines, and what multiplying them takes.
        let scoring = |wide: usize| threads * 3 * chunk(wide) * wide;
        // What a thread gives back stays its own, and blocks of another size find no place in it. Only large blocks go back to the
        // system.
        let one_after_another = |within: usize, whole: usize| {
            let given_back = 8 * d * d.min(largest) >= LARGE_BLOCK;
            within.max(whole) + within.min(whole) / if given_back { 2 } else { 1 }
        };
        let numbers = match self.decomposition {
            Decomposition::Mean => at_once * d,
            // Of every class the scatter or the mean, and the directions between them.
            Decomposition::Spca => 3 * classes * d + of_svd(classes, d) + scoring(d),
            Decomposition::Flda => (classes + 5) * d * d + 3 * classes * d + of_svd(d, classes) + scoring(d),
            Decomposition::Svd => {
                // Classes and the whole are decomposed at the same time.
                let within = at_once * (linalg::factor_memory(largest, d, threads) + of_svd(d.min(largest), d))
                    + classes.min(4 * threads) * d * d.min(largest);
                let coupled = if self.shares_labels(classes) { shape.coupled_classes } else { classes };
                let (rows, parts) = if keeps_factors(n, d, classes) { (classes * d, classes * d * d) } else { (n, 0) };
                let whole =
                    5 * classes * d + linalg::factor_memory(rows, d, threads) + of_svd(coupled + d, coupled + d);
                within + whole + parts + scoring(d + coupled)
            }
            Decomposition::Qr | Decomposition::Lu => {
                // The rows, the decomposition in their place, and its two factors.
                let of = |rows: usize, wide: usize| 3 * rows * wide + 7 * wide * wide.min(rows);
                let within =
                    of(largest.saturating_mul(at_once).min(n), d) + classes.min(4 * threads) * d * d.min(largest);
                one_after_another(within, of(n, d + classes)) + scoring(d + classes)
            }
        };
        (32 * n + 8 * numbers) as u64
    }
}

/// Bytes of a block that allocators rather take from the system, and give back.
const LARGE_BLOCK: usize = 16 << 20;

/// Numbers that the singular value decomposition of a matrix takes, with its directions.
fn of_svd(rows: usize, columns: usize) -> usize {
    let rank = rows.min(columns);
    // Measured: the factors, what bidiagonalisation and dividing and conquering take, and copies of the result. Rows that are
    // more than columns are folded into a triangle before.
    if rows <= columns {
        5 * rank * columns + 8 * rank * rank + CHUNK * columns
    } else {
        18 * rank * columns + 4 * CHUNK * columns
    }
}

/// Classes from which on the labels of classes of equal size share coordinates of a decomposition.
const MANY_CLASSES: usize = 64;

/// Numbers of the triangular factors of all classes up to which they are kept, to be decomposed together.
const KEPT_FACTORS: usize = 1 << 22;

/// Whether the triangular factors of all classes are kept: if they are much smaller than the rows.
fn keeps_factors(rows: usize, columns: usize, classes: usize) -> bool {
    2 * classes * columns <= rows && classes * columns * columns <= KEPT_FACTORS
}

impl Configured {
    /// Whether labels of classes of equal size share coordinates. Those of a few classes cost little.
    fn shares_labels(&self, classes: usize) -> bool {
        classes >= self.shared_from
    }

    /// The score of every row, and what is to be said about the directions.
    fn scores<T: Scalar>(&self, run: &Run<'_>, points: &Matrix<'_, T>) -> Result<(Vec<f64>, Vec<Warning>)> {
        let (data, classes) = (run.data, run.data.classes());
        let (n, d) = (data.rows(), data.columns());
        let look: Look<'_> = &|| run.step(0);
        let all: Vec<RowId> = (0..n).map(RowId::at).collect();
        let mut scores = vec![0.0; n];
        let mut warnings = Vec::new();
        if d == 1 && self.decomposition != Decomposition::Mean {
            let message = "with one column all rows of a class point the same way, so their order means little";
            let hint = text!["use another method, or ", setting::PARAM.to("decomposition=mean")];
            warnings.push(Warning::new("one-column", message).hint(hint));
        }
        let mut notes = Notes::default();
        let widen = |row: RowId, out: &mut [f64]| {
            for (o, v) in out.iter_mut().zip(points.row(row)) {
                *o = v.widen();
            }
        };
        match self.decomposition {
            Decomposition::Mean => {
                let distances = run.per_class(|_, rows| {
                    let mean = linalg::mean(points, rows, look)?;
                    let mut pace = Pace::new(look);
                    let distance = |&row: &RowId| {
                        pace.work(d)?;
                        Ok(Euclidean::finish(raw::<Euclidean, T, f64>(points.row(row), &mean)))
                    };
                    let distances = rows.iter().map(distance).collect::<Result<_>>()?;
                    run.step(2 * rows.len() as u64)?;
                    Ok(distances)
                })?;
                for (class, distances) in classes.ids().zip(distances) {
                    let distances: Vec<f64> = distances;
                    for (row, distance) in classes.rows(class).iter().zip(distances) {
                        scores[row.index()] = -distance;
                    }
                }
                return Ok((scores, warnings));
            }
            Decomposition::Spca | Decomposition::Flda => {
                let directions = if self.decomposition == Decomposition::Spca {
                    supervised_principal(points, run)?
                } else {
                    fisher(points, run)?
                };
                let (scores, seen) = score(run, &directions, &Label::default(), &all, d, widen, 2)?;
                notes.take(Note::of(&directions, &seen), || "the labels".into());
                notes.lacking = directions.weights.is_empty();
                warnings.extend(notes.warnings());
                return Ok((scores, warnings));
            }
            Decomposition::Svd | Decomposition::Qr | Decomposition::Lu => {}
        }
        let ((within, whole), note) = if self.decomposition == Decomposition::Svd {
            self.singular_scores(run, points)?
        } else {
            let within = run.per_class(|_, rows| {
                let directions = self.pivoted(rows.len(), d, |i, out| widen(rows[i], out), look)?;
                let (scores, seen) = score(run, &directions, &Label::default(), rows, d, widen, 1)?;
                // Directions of many classes take as much as their rows: they go when their class is done.
                Ok(Some((Note::of(&directions, &seen), scores)))
            })?;
            // Labels as further columns: a 1 in the column of the class.
            let wide = d + classes.len();
            let labelled = |row: RowId, out: &mut [f64]| {
                widen(row, &mut out[..d]);
                out[d..].fill(0.0);
                out[d + classes.of(row).index()] = 1.0;
            };
            let directions = self.pivoted(n, wide, |i, out| labelled(all[i], out), look)?;
            let whole = run.per_class(|_, rows| score(run, &directions, &Label::default(), rows, wide, labelled, 1))?;
            let seen = Seen::merge(whole.iter().map(|(_, seen)| seen));
            let whole = whole.into_iter().map(|(scores, _)| scores).collect();
            ((within, whole), Note::of(&directions, &seen))
        };
        for ((class, within), whole) in classes.ids().zip(within).zip(whole) {
            let Some((note, within)) = within else { continue };
            notes.take(note, || format!("class {}", classes.name(class)));
            for ((&row, within), whole) in classes.rows(class).iter().zip(within).zip(whole) {
                scores[row.index()] = within * whole;
            }
        }
        notes.take(note, || "the whole".into());
        warnings.extend(notes.warnings());
        Ok((scores, warnings))
    }

    /// Scores of the SVD, class by class: within the class, and in the whole with labels.
    fn singular_scores<T: Scalar>(&self, run: &Run<'_>, points: &Matrix<'_, T>) -> Result<(Scores, Note)> {
        let (data, classes) = (run.data, run.data.classes());
        let (n, d) = (data.rows(), data.columns());
        let sizes = classes.sizes();
        let look: Look<'_> = &|| run.step(0);
        let widen = |row: RowId, out: &mut [f64]| {
            for (o, v) in out.iter_mut().zip(points.row(row)) {
                *o = v.widen();
            }
        };
        let mean = |rows: &[RowId]| linalg::mean_of(rows.len(), d, |i, out| widen(rows[i], out), look);
        // The mean of a class, and a triangular factor of its rows minus the mean.
        let part = |rows: &[RowId]| {
            let mean = mean(rows)?;
            let centred = |i: usize, out: &mut [f64]| {
                out.iter_mut().zip(points.row(rows[i])).zip(&mean).for_each(|((o, v), m)| *o = v.widen() - m);
            };
            let factor = linalg::factor(rows.len(), d, centred, look)?;
            Ok((mean, factor))
        };
        let parts = if keeps_factors(n, d, classes.len()) {
            run.per_class(|_, rows| part(rows).map(Some))?
        } else {
            Vec::new()
        };
        let within = |class: ClassId, rows: &[RowId]| {
            let size = rows.len();
            let found = if size > d {
                let of_rows;
                let (mean, factor) = match parts.get(class.index()) {
                    Some(Some(part)) => part,
                    _ => {
                        of_rows = part(rows)?;
                        &of_rows
                    }
                };
                // The mean is one more row, of the length √n.
                let root = (size as f64).sqrt();
                let from = |i: usize, j: usize| if i == 0 { root * mean[j] } else { factor[(i - 1, j)] };
                Spectrum::of(INFO.id, Mat::from_fn(factor.nrows() + 1, d, from), look)?
            } else {
                linalg::spectrum(INFO.id, size, d, |i, out| widen(rows[i], out), look)?
            };
            let directions = by_inverse(&found.values, &found.vectors, size.max(d));
            let (scores, seen) = score(run, &directions, &Label::default(), rows, d, widen, 1)?;
            // Directions of many classes take as much as their rows: they go when their class is done.
            Ok(Some((Note::of(&directions, &seen), scores)))
        };
        let whole = || -> Result<(Vec<Vec<f64>>, Note)> {
            let (means, factor) = if parts.is_empty() {
                let means = run.per_class(|_, rows| mean(rows))?;
                let all: Vec<RowId> = classes.ids().flat_map(|class| classes.rows(class)).copied().collect();
                let centred = |i: usize, out: &mut [f64]| {
                    let mean = &means[classes.of(all[i]).index()];
                    out.iter_mut().zip(points.row(all[i])).zip(mean).for_each(|((o, v), m)| *o = v.widen() - m);
                };
                let factor = linalg::factor(n, d, centred, look)?;
                (means, factor)
            } else {
                let own = parts.iter().flatten().enumerate();
                let rows: Vec<(usize, usize)> =
                    own.flat_map(|(part, (_, factor))| (0..factor.nrows()).map(move |i| (part, i))).collect();
                let factors: Vec<&Mat<f64>> = parts.iter().flatten().map(|(_, factor)| factor).collect();
                let stacked = |i: usize, out: &mut [f64]| {
                    let (part, i) = rows[i];
                    out.iter_mut().enumerate().for_each(|(j, o)| *o = factors[part][(i, j)]);
                };
                let factor = linalg::factor(rows.len(), d, stacked, look)?;
                let mean = |part: &Option<(Vec<f64>, Mat<f64>)>| part.as_ref().map_or_else(Vec::new, |p| p.0.clone());
                (parts.iter().map(mean).collect(), factor)
            };
            let found = Labelled::new(INFO.id, factor, &sizes, &means, self.shares_labels(classes.len()), look)?;
            let wide = d + classes.len();
            let mut directions = labelled_by_inverse(&found, n.max(wide), n.min(wide));
            // Labels and points apart: what a label adds to a cosine is the same for all rows of its class.
            let labels = directions.vectors.subrows(0, found.labels()).to_owned();
            directions.vectors = directions.vectors.subrows(found.labels(), d).to_owned();
            let whole = run.per_class(|class, rows| {
                let mut coordinates = vec![0.0; found.labels()];
                found.coordinates(class.index(), &mut coordinates);
                let mut products = vec![0.0; labels.ncols()];
                for (i, coordinate) in coordinates.iter().enumerate().filter(|c| *c.1 != 0.0) {
                    products.iter_mut().enumerate().for_each(|(j, p)| *p += coordinate * labels[(i, j)]);
                }
                score(run, &directions, &Label { products, square: 1.0 }, rows, d, widen, 1)
            })?;
            let seen = Seen::merge(whole.iter().map(|(_, seen)| seen));
            let scores = whole.into_iter().map(|(scores, _)| scores).collect();
            Ok((scores, Note::of(&directions, &seen)))
        };
        let (within, whole) = rayon::join(|| run.per_class(within), whole);
        let (whole, note) = whole?;
        Ok(((within?, whole), note))
    }

    /// Directions of QR or LU of the rows `row(0..n)`, of `columns` numbers each.
    fn pivoted(&self, n: usize, columns: usize, row: impl Fn(usize, &mut [f64]), look: Look<'_>) -> Result<Directions> {
        let mut transposed = Mat::<f64>::zeros(columns, n);
        let mut values = vec![0.0; columns];
        let mut pace = Pace::new(look);
        for i in 0..n {
            pace.work(columns)?;
            row(i, &mut values);
            for (j, &v) in values.iter().enumerate() {
                transposed[(j, i)] = v;
            }
        }
        // Later directions weigh more: 2j / (k(k + 1)) for the j-th of k.
        let k = n.min(columns);
        let rising = (1..=k).map(|j| (2 * j) as f64 / (k * (k + 1)) as f64).collect();
        let operations = 4 * linalg::operations(n, columns);
        Ok(if self.decomposition == Decomposition::Qr {
            let factor = move || leanset_linalg::orthogonal_factor(&transposed);
            Directions::of_pivots(leanset_linalg::abandonable(operations, look, factor)?, rising, Pivoting::Norm)
        } else {
            let factor = move || leanset_linalg::lower_factor(&transposed);
            let (vectors, order) = leanset_linalg::abandonable(operations, look, factor)?;
            Directions::of_pivots(vectors, rising, Pivoting::Entry(order))
        })
    }
}

/// Scores within each class (with what is to be said of its directions), and in the whole, class by class.
type Scores = (Vec<Option<(Note, Vec<f64>)>>, Vec<Vec<f64>>);

/// What a label adds to the rows of its class.
#[derive(Default)]
struct Label {
    /// To the product with each direction, or nothing.
    products: Vec<f64>,
    /// To the squared length.
    square: f64,
}

impl Seen {
    /// What several have seen.
    fn merge<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        all.fold(Self::default(), |all, own| Self {
            pivots: all.pivots.merge(&own.pivots),
            change: all.change.max(own.change),
        })
    }
}

impl Turning {
    /// By how much rounding can change a score, by the weights of the directions and the cosines of the row.
    fn change(&self, weights: &[f64], cosine: impl Fn(usize) -> f64) -> f64 {
        let own = self.directions.clone().map(|j| cosine(j) * cosine(j)).sum::<f64>().sqrt();
        let all: f64 = (0..weights.len()).map(|j| cosine(j) * cosine(j)).sum();
        let turns = self.towards.iter().enumerate().map(|(j, turn)| turn * cosine(j).abs());
        let moved = turns.sum::<f64>() + self.aside * (1.0 - all).max(0.0).sqrt();
        // Below the least cosine nothing changes.
        if own + moved <= LEAST_COSINE {
            return 0.0;
        }
        let weight: f64 = weights[self.directions.clone()].iter().sum();
        weight * moved / own.max(LEAST_COSINE)
    }
}

impl Directions {
    /// Those of a pivoted decomposition.
    fn of_pivots(vectors: Mat<f64>, weights: Vec<f64>, pivoting: Pivoting) -> Self {
        let (counts, together, turning) = (Vec::new(), Vec::new(), Vec::new());
        Self { vectors, weights, counts, dropped: 0, together, turning, pivoting }
    }

    /// How many directions a column stands for.
    fn count(&self, column: usize) -> usize {
        self.counts.get(column).copied().unwrap_or(1)
    }

    /// Finds the directions whose values (descending, of those that are kept) coincide, and whether rounding can change
    /// scores. Values have errors of at most `noise`, and mostly of about `error`. Their subspaces are determined by the gaps
    /// between them.
    fn relate(mut self, values: &[f64], noise: f64, error: f64) -> Self {
        let groups = groups(values, noise);
        // Below the last one is 0, if there is any direction left.
        let rest = self.dropped > 0 || values.len() < self.vectors.nrows();
        for group in &groups {
            let gap = |value: f64| (value - values[group.start]).abs().min((value - values[group.end - 1]).abs());
            let turn = |j: usize| if group.contains(&j) { 0.0 } else { error / gap(values[j]) };
            let towards: Vec<f64> = (0..values.len()).map(turn).collect();
            let aside = if rest { error / values[group.end - 1] } else { 0.0 };
            let most = towards.iter().copied().fold(aside, f64::max);
            // A cosine that changes by so much changes its logarithm most where it is least.
            let weight: f64 = self.weights[group.clone()].iter().sum();
            if weight * most > STEADY * LEAST_COSINE {
                self.turning.push(Turning { directions: group.clone(), towards, aside });
            }
        }
        let several = |group: &Range<usize>| group.len() > 1 || self.count(group.start) > 1;
        self.together = groups.into_iter().filter(several).collect();
        self
    }
}

/// What is to be said of directions, and of which.
#[derive(Default)]
struct Notes {
    dropped: Vec<String>,
    unsteady: Vec<String>,
    ties: Vec<String>,
    /// Whether there are no directions between classes.
    lacking: bool,
}

/// What is to be said of the directions of one decomposition.
#[derive(Clone, Copy)]
struct Note {
    dropped: usize,
    tie: bool,
    unsteady: bool,
}

impl Note {
    fn of(directions: &Directions, seen: &Seen) -> Self {
        let decided_by_rounding = matches!(directions.pivoting, Pivoting::Entry(_)) && seen.pivots.deficient();
        let tie = seen.pivots.tie() || decided_by_rounding;
        Self { dropped: directions.dropped, tie, unsteady: seen.change > STEADY }
    }
}

impl Notes {
    fn take(&mut self, note: Note, whose: impl Fn() -> String) {
        if note.dropped > 0 {
            self.dropped.push(format!("{} of {}", note.dropped, whose()));
        }
        if note.tie {
            self.ties.push(whose());
        } else if note.unsteady {
            self.unsteady.push(whose());
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if !self.dropped.is_empty() {
            let message = format!("directions that are rounding noise are left out: {}", first_few(&self.dropped));
            let hint = "columns that others determine add nothing; leave them out to silence this";
            warnings.push(Warning::new("noise-directions", message).hint(hint));
        }
        if self.lacking {
            let message = "no direction separates the classes, because their means are equal: all scores are 0, and the \
                           order is that of the row ids";
            let hint = text!["use another method, or ", setting::PARAM.to("decomposition=svd")];
            warnings.push(Warning::new("no-directions", message).hint(hint));
        }
        if !self.unsteady.is_empty() {
            let message = format!(
                "singular values of {} are so small or so near to others that rounding turns their directions: the order of \
                 rows can change scores by more than 10⁻⁶ of themselves",
                first_few(&self.unsteady)
            );
            let hint = "leave out columns that others nearly determine, and scale columns of very different ranges";
            warnings.push(Warning::new("unsteady-directions", message).hint(hint));
        }
        if !self.ties.is_empty() {
            let message = format!(
                "several rows are equally good pivots, so the order of rows decides the directions: in {}",
                first_few(&self.ties)
            );
            let hint = text![setting::PARAM.to("decomposition=svd"), " does not depend on the order of rows"];
            warnings.push(Warning::new("equal-pivots", message).hint(hint));
        }
        warnings
    }
}

/// Directions weighed by the inverse of their values (descending), those that are rounding noise left out.
fn by_inverse(values: &[f64], vectors: &Mat<f64>, size: usize) -> Directions {
    let unit = f64::EPSILON * values.first().copied().unwrap_or(0.0);
    let noise = size as f64 * unit;
    let kept = values.iter().take_while(|&&v| v > noise).count();
    weighed(&values[..kept], vectors, values.len() - kept).relate(&values[..kept], noise, 4.0 * unit)
}

/// [`by_inverse`] of a decomposition with labels, which has `all` directions.
fn labelled_by_inverse(found: &Labelled, size: usize, all: usize) -> Directions {
    let unit = f64::EPSILON * found.values.first().copied().unwrap_or(0.0);
    let noise = size as f64 * unit;
    let kept = found.values.iter().take_while(|&&v| v > noise).count();
    let (values, counts) = (&found.values[..kept], &found.dimensions[..kept]);
    let terms: Vec<f64> = values.iter().zip(counts).map(|(v, &count)| count as f64 / v).collect();
    let sum: f64 = terms.iter().sum();
    let directions = Directions {
        counts: counts.to_vec(),
        dropped: all.saturating_sub(counts.iter().sum()),
        ..Directions::of_pivots(
            found.vectors.subcols(0, kept).to_owned(),
            terms.iter().map(|term| term / sum).collect(),
            Pivoting::None,
        )
    };
    directions.relate(values, noise, 4.0 * unit)
}

/// The first directions, weighed by the inverse of these values.
fn weighed(values: &[f64], vectors: &Mat<f64>, dropped: usize) -> Directions {
    let sum: f64 = values.iter().map(|v| 1.0 / v).sum();
    let weights = values.iter().map(|v| 1.0 / v / sum).collect();
    let vectors = vectors.subcols(0, values.len()).to_owned();
    let (counts, together, turning) = (Vec::new(), Vec::new(), Vec::new());
    Directions { vectors, weights, counts, dropped, together, turning, pivoting: Pivoting::None }
}

/// Scores rows of `columns` numbers against the directions, in parallel over fixed chunks; each row counts `steps`.
fn score(
    run: &Run<'_>,
    directions: &Directions,
    label: &Label,
    rows: &[RowId],
    columns: usize,
    row: impl Fn(RowId, &mut [f64]) + Sync,
    steps: u64,
) -> Result<(Vec<f64>, Seen)> {
    let count = directions.weights.len();
    let of_chunk = |rows: &[RowId]| {
        let mut values = Mat::<f64>::zeros(columns, rows.len());
        let mut norms = vec![0.0; rows.len()];
        let mut pivots = Pivots::default();
        if let Pivoting::Entry(_) = directions.pivoting {
            pivots = Pivots::new(count);
        }
        for (i, &id) in rows.iter().enumerate() {
            run.step(0)?;
            let out = values.col_as_slice_mut(i);
            row(id, out);
            norms[i] = (square(out) + label.square).sqrt();
            if let Pivoting::Entry(order) = &directions.pivoting {
                pivots.see_eliminated(&mut out.to_vec(), &directions.vectors, order);
            }
        }
        let inverse: Vec<f64> = norms.iter().map(|&norm| if norm > 0.0 { 1.0 / norm } else { 0.0 }).collect();
        // The cosines of one direction lie side by side.
        let mut cosines = leanset_linalg::transposed_product(&values, &directions.vectors);
        drop(values);
        let mut scores = vec![0.0; rows.len()];
        let mut groups = directions.together.iter().peekable();
        let mut squares = Vec::new();
        for j in 0..count {
            let cosines = cosines.col_as_slice_mut(j);
            let product = label.products.get(j).copied().unwrap_or(0.0);
            if groups.peek().is_none_or(|group| j < group.start) {
                let weight = directions.weights[j];
                simd::run(AddTerms { cosines, inverse: &inverse, product, weight, scores: &mut scores });
                continue;
            }
            // Directions that count by their mean.
            squares.resize(rows.len(), 0.0);
            for ((cosine, inverse), square) in cosines.iter_mut().zip(&inverse).zip(&mut squares) {
                *cosine = (*cosine + product) * inverse;
                *square += *cosine * *cosine;
            }
            if let Some(group) = groups.next_if(|group| j + 1 == group.end) {
                let weight: f64 = directions.weights[group.clone()].iter().sum();
                let dimensions = group.clone().map(|j| directions.count(j)).sum();
                for (score, square) in scores.iter_mut().zip(squares.drain(..)) {
                    *score += weight * mean_score(dimensions, square.sqrt().min(1.0), LEAST_COSINE);
                }
            }
        }
        if let Pivoting::Norm = directions.pivoting {
            pivots = Pivots::new(count);
            for (i, &norm) in norms.iter().enumerate() {
                pivots.see_orthogonal(norm, (0..count).map(|j| cosines[(i, j)]));
            }
        }
        run.step(steps * rows.len() as u64)?;
        let mut change = 0.0f64;
        if !directions.turning.is_empty() {
            for (i, score) in scores.iter().enumerate() {
                run.step(0)?;
                let of = |turning: &Turning| turning.change(&directions.weights, |j| cosines[(i, j)]);
                change = change.max(directions.turning.iter().map(of).sum::<f64>() / score.max(f64::MIN_POSITIVE));
            }
        }
        Ok((scores, Seen { pivots, change }))
    };
    let chunks = rows.par_chunks(chunk(columns)).map(of_chunk).collect::<Result<Vec<(Vec<f64>, Seen)>>>()?;
    let seen = Seen::merge(chunks.iter().map(|(_, seen)| seen));
    Ok((chunks.into_iter().flat_map(|(scores, _)| scores).collect(), seen))
}

/// The sum of squares, in eight running sums.
fn square(values: &[f64]) -> f64 {
    let eights = values.chunks_exact(8);
    let rest: f64 = eights.remainder().iter().map(|v| v * v).sum();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, v) in sums.iter_mut().zip(eight) {
            *sum += v * v;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Makes cosines of products with one direction, and adds its term to the score of each row.
struct AddTerms<'a> {
    cosines: &'a mut [f64],
    inverse: &'a [f64],
    product: f64,
    weight: f64,
    scores: &'a mut [f64],
}

impl simd::Kernel for AddTerms<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((cosine, inverse), score) in self.cosines.iter_mut().zip(self.inverse).zip(self.scores) {
            *cosine = (*cosine + self.product) * inverse;
            *score -= self.weight * ln(cosine.abs().max(LEAST_COSINE));
        }
    }
}

/// Sum over classes of the class means' deviations: what SPCA and FLDA are made of.
struct Moments {
    /// (rows of the class, mean of the class − mean of all), classes with rows only.
    deviations: Vec<(f64, Vec<f64>)>,
    /// The error of a deviation by rounding: that of sums of so many numbers, of the size of the means.
    noise: f64,
}

fn moments<T: Scalar>(points: &Matrix<'_, T>, run: &Run<'_>) -> Result<Moments> {
    let d = points.columns();
    let look: Look<'_> = &|| run.step(0);
    let means = run.per_class(|_, rows| Ok(Some((rows.len() as f64, linalg::mean(points, rows, look)?))))?;
    let mut total = vec![0.0; d];
    for (count, mean) in means.iter().flatten() {
        total.iter_mut().zip(mean).for_each(|(t, m)| *t += count * m);
    }
    total.iter_mut().for_each(|t| *t /= points.rows() as f64);
    let size = means.iter().flatten().map(|(_, mean)| norm(mean)).fold(0.0, f64::max);
    let noise = 8.0 * f64::EPSILON * (points.rows() as f64).sqrt() * size;
    let deviate = |(count, mean): (f64, Vec<f64>)| (count, mean.iter().zip(&total).map(|(m, t)| m - t).collect());
    Ok(Moments { deviations: means.into_iter().flatten().map(deviate).collect(), noise })
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Supervised PCA (Barshan et al. 2011): eigenvectors of X H YᵀY H Xᵀ, which is M Mᵀ with M = X H Yᵀ, d × c: column k
/// is n_k times the deviation of the mean of class k.
fn supervised_principal<T: Scalar>(points: &Matrix<'_, T>, run: &Run<'_>) -> Result<Directions> {
    let moments = moments(points, run)?;
    let row = |k: usize, out: &mut [f64]| {
        let (count, deviation) = &moments.deviations[k];
        out.iter_mut().zip(deviation).for_each(|(o, v)| *o = count * v);
    };
    let Spectrum { values, vectors } =
        linalg::spectrum(INFO.id, moments.deviations.len(), points.columns(), row, &|| run.step(0))?;
    let largest = moments.deviations.iter().map(|(count, _)| *count).fold(0.0, f64::max);
    Ok(by_inverse_square(&values, &vectors, largest * moments.noise))
}

/// Directions weighed by the inverse squares of their values (descending). The deviations add to zero, so one direction
/// is always noise and says nothing. Values of at most `noise` are rounding errors of the means.
fn by_inverse_square(values: &[f64], vectors: &Mat<f64>, noise: f64) -> Directions {
    // Only ratios matter, and the square of a large value would overflow.
    let largest = values.first().copied().unwrap_or(0.0);
    let squares: Vec<f64> = values.iter().map(|s| (s / largest).powi(2)).collect();
    let kept = values.iter().take_while(|&&s| s > 1e-10 * largest && s > noise).count();
    let dropped = (values.len() - kept).saturating_sub(1);
    let error = (4.0 * f64::EPSILON * largest).max(noise / 8.0);
    weighed(&squares[..kept], vectors, dropped).relate(&values[..kept], (1e-12 * largest).max(noise), error)
}

/// Fisher directions: S_b u = λ (S_w + ridge·I) u through the Cholesky factor of the right side.
fn fisher<T: Scalar>(points: &Matrix<'_, T>, run: &Run<'_>) -> Result<Directions> {
    let d = points.columns();
    let look: Look<'_> = &|| run.step(0);
    let moments = moments(points, run)?;
    let scatters = run.per_class(|_, rows| {
        let mean = linalg::mean(points, rows, look)?;
        let mut pace = Pace::new(look);
        let mut scatter = Mat::<f64>::zeros(d, d);
        let mut centred = vec![0.0; d];
        for &row in rows {
            pace.work(d * d)?;
            for ((c, v), m) in centred.iter_mut().zip(points.row(row)).zip(&mean) {
                *c = v.widen() - m;
            }
            for j in 0..d {
                for i in j..d {
                    scatter[(i, j)] += centred[i] * centred[j];
                }
            }
        }
        Ok(Some(scatter))
    })?;
    let mut within = Mat::<f64>::zeros(d, d);
    for scatter in scatters.into_iter().flatten() {
        within += scatter;
    }
    let mean_variance = (0..d).map(|j| within[(j, j)]).sum::<f64>() / d as f64;
    // Without any spread within classes the ridge is all there is: any positive number gives the same directions.
    let ridge = if mean_variance > 0.0 { 1e-4 * mean_variance } else { 1.0 };
    let within_variance = if mean_variance > 0.0 { mean_variance } else { 1.0 };
    for j in 0..d {
        within[(j, j)] += ridge;
    }
    // S_b = B Bᵀ, λ = σ².
    let mut between = Mat::<f64>::zeros(d, moments.deviations.len());
    for (k, (count, deviation)) in moments.deviations.iter().enumerate() {
        for (i, v) in deviation.iter().enumerate() {
            between[(i, k)] = count.sqrt() * v;
        }
    }
    let operations = 8 * linalg::operations(d, d);
    let found = leanset_linalg::abandonable(operations, look, move || {
        leanset_linalg::generalized_directions(&within, between)
    })?;
    let (values, vectors) = found.ok_or_else(|| linalg::diverged(INFO.id))?;
    let noise = moments.noise * (points.rows() as f64 / within_variance).sqrt();
    let mut directions = by_inverse_square(&values, &vectors, noise);
    // Fisher directions are orthogonal by the scatter within classes. The mean over a subspace is that over its bases.
    for group in &directions.together {
        let own = directions.vectors.subcols(group.start, group.len()).to_owned();
        let operations = linalg::operations(d, group.len());
        let basis = leanset_linalg::abandonable(operations, look, move || leanset_linalg::orthogonal_factor(&own))?;
        directions.vectors.subcols_mut(group.start, group.len()).copy_from(&basis);
    }
    Ok(directions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Classes, Dataset, Inputs, Quiet, Seed};
    use proptest::prelude::*;

    /// Scores by row and warnings, with labels implied or as columns.
    fn scores(values: &[f64], codes: &[u32], classes: usize, shared_from: usize) -> (Vec<f64>, Vec<String>) {
        let points = Matrix::new(values, codes.len(), values.len() / codes.len()).expect("shape");
        let data = Dataset::new(points, Classes::new(codes, classes).expect("few")).expect("sound");
        let method = Configured { decomposition: Decomposition::Svd, scope: RankScope::Class, shared_from };
        let run = Run { data: &data, inputs: Inputs::default(), seed: Seed(0), monitor: &Quiet };
        let found = method.rank(&run, None).expect("ranks");
        let mut scores = vec![0.0; codes.len()];
        found.rows().iter().zip(found.scores()).for_each(|(row, &score)| scores[row.index()] = score);
        (scores, found.warnings.iter().map(|w| w.code.to_string()).collect())
    }

    proptest! {
        /// The definition has a column for each class: equal sizes, sizes of one class, classes without rows, more columns
        /// than rows, and columns that others determine.
        #[test]
        fn implied_labels_score_as_columns_of_labels(
            sizes in prop::collection::vec(0usize..6, 1..14),
            columns in 1usize..6,
            twice in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let codes: Vec<u32> =
                (0u32..).zip(&sizes).flat_map(|(class, &size)| std::iter::repeat_n(class, size)).collect();
            prop_assume!(!codes.is_empty());
            let unit = |i: usize| Seed(seed).unit(RowId::at(i));
            let mut values = Vec::new();
            for row in 0..codes.len() {
                let own: Vec<f64> = (0..columns).map(|j| 4.0 * unit(row * columns + j) - 1.0).collect();
                values.extend_from_slice(&own);
                values.extend(own.first().filter(|_| twice));
            }
            let (implied, said) = scores(&values, &codes, sizes.len(), 0);
            let (dense, dense_said) = scores(&values, &codes, sizes.len(), usize::MAX);
            let unsteady = |said: &[String]| said.iter().any(|code| code == "unsteady-directions");
            prop_assume!(!unsteady(&said) && !unsteady(&dense_said));
            prop_assert_eq!(said, dense_said);
            for (row, (one, other)) in implied.iter().zip(&dense).enumerate() {
                prop_assert!((one - other).abs() <= 1e-6 * other.abs().max(1.0), "row {}: {}, not {}", row, one, other);
            }
        }
    }
}
