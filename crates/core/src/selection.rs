//! What a method returns: rows in rank order, a whole ranking, or generated prototypes. Three things, three types.

use std::borrow::Cow;
use std::collections::BTreeMap;

use leanset_problem::{Text, Warning};

use crate::budget::{Allocation, Budget, EmptyClasses};
use crate::error::first_few;
use crate::params::Value;
use crate::{ClassId, Classes, Error, Result, RowId};

/// A statement that holds of a class only where more of its rows are kept than so many: a warning that depends on the
/// budget, and so is made where the ranking is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetLimit {
    /// The warning's code.
    pub code: Cow<'static, str>,
    /// What is so beyond the limit, before the list of classes.
    pub message: Cow<'static, str>,
    /// What to do.
    pub hint: Text,
    /// By class id: the rows up to which nothing need be said; `None` where there is no limit.
    pub after: Vec<Option<usize>>,
}

impl BudgetLimit {
    /// The warning for these counts of kept rows, if any class passes its limit.
    pub fn warning(&self, counts: &[usize], classes: &Classes) -> Option<Warning> {
        let passed = classes.ids().filter_map(|class| {
            let (count, after) = (counts[class.index()], self.after[class.index()]?);
            (count > after).then(|| format!("{} ({after} of {count} rows)", classes.name(class)))
        });
        let passed: Vec<String> = passed.collect();
        let message = format!("{} {}", self.message, first_few(&passed));
        (!passed.is_empty()).then(|| Warning::new(self.code.clone(), message).hint(self.hint.clone()))
    }
}

/// What a method says about a run beside its result: values it resolved (`start=auto`), objectives, radii.
pub type Diagnostics = BTreeMap<&'static str, Value>;

/// Real rows of the input: ids, grouped by class in class order, in rank order within each class.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    rows: Vec<RowId>,
    offsets: Vec<usize>,
    weights: Option<Vec<f64>>,
}

impl Selection {
    /// From one list of rows (and weights) a class.
    ///
    /// # Errors
    /// [`Error::BadRanking`] if a row is named twice or is of another class.
    pub fn new(per_class: &[Vec<RowId>], weights: Option<&[Vec<f64>]>, classes: &Classes) -> Result<Self> {
        let offsets = offsets_of(per_class.iter().map(Vec::len));
        let rows = per_class.concat();
        check_rows(&rows, &offsets, classes)?;
        let weights = weights.map(|w| w.concat());
        if let Some(weights) = &weights
            && weights.len() != rows.len()
        {
            return Err(Error::BadRanking(format!("{} weights for {} rows", weights.len(), rows.len())));
        }
        Ok(Self { rows, offsets, weights })
    }

    /// The rows, grouped by class, in rank order within each.
    pub fn rows(&self) -> &[RowId] {
        &self.rows
    }

    /// Whether these are rows of this table, each of its class.
    ///
    /// # Errors
    /// [`Error::BadRanking`] if they are not.
    pub fn check(&self, classes: &Classes) -> Result<()> {
        check_rows(&self.rows, &self.offsets, classes)
    }

    /// The rows of one class, in rank order.
    pub fn class(&self, class: ClassId) -> &[RowId] {
        &self.rows[self.offsets[class.index()]..self.offsets[class.index() + 1]]
    }

    /// A weight for each of [`Self::rows`], where the method gives them.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// Rows kept of each class.
    pub fn counts(&self) -> Vec<usize> {
        self.offsets.windows(2).map(|w| w[1] - w[0]).collect()
    }

    /// Positions into [`Self::rows`] that put the rows into input order.
    pub fn input_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_unstable_by_key(|&i| self.rows[i]);
        order
    }
}

/// Points that are not rows of the input, such as centroids: in the coordinates of the dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Prototypes {
    /// Row-major values, m × d.
    pub points: Vec<f64>,
    /// Columns, d.
    pub columns: usize,
    /// The class of each point, ascending.
    pub classes: Vec<ClassId>,
    /// The number of rows each point stands for.
    pub weights: Vec<f64>,
}

impl Prototypes {
    /// Points of each of `classes` classes.
    pub fn counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for class in &self.classes {
            counts[class.index()] += 1;
        }
        counts
    }
}

/// The result of a reduction.
#[derive(Clone, Debug, PartialEq)]
pub enum Reduced {
    /// Rows of the input.
    Rows(Selection),
    /// New points.
    Points(Prototypes),
}

impl Reduced {
    /// How many rows or points.
    pub fn len(&self) -> usize {
        match self {
            Self::Rows(s) => s.rows.len(),
            Self::Points(p) => p.classes.len(),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The selection, if rows were selected.
    pub fn rows(&self) -> Option<&Selection> {
        match self {
            Self::Rows(s) => Some(s),
            Self::Points(_) => None,
        }
    }
}

/// A reduction and what is to be said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduction {
    /// The rows or points.
    pub reduced: Reduced,
    /// What the method resolved or measured.
    pub diagnostics: Diagnostics,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Whether a method orders the rows of each class, or all rows at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One order a class: a budget is dealt to the classes first.
    PerClass,
    /// One order over all rows: only the total of a budget counts, and classes share it as the scores say.
    Global,
}

/// Rows from most to least worth keeping: one order a class, or one over all classes. May stop early (a prefix).
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    scope: Scope,
    rows: Vec<RowId>,
    /// Where each class's order begins in `rows` (one segment for [`Scope::Global`]); one more entry than segments.
    offsets: Vec<usize>,
    /// One score a ranked row, in the order of `rows`; NaN where a row is kept without a score.
    scores: Vec<f64>,
    /// What the method resolved or measured.
    pub diagnostics: Diagnostics,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// What the user should know of a selection that keeps more than so many rows of a class.
    pub budget_limits: Vec<BudgetLimit>,
}

impl Ranking {
    /// One order a class: rows and scores by class id.
    ///
    /// # Errors
    /// [`Error::BadRanking`] if a row is named twice or is of another class.
    pub fn per_class(orders: Vec<(Vec<RowId>, Vec<f64>)>, classes: &Classes) -> Result<Self> {
        let offsets = offsets_of(orders.iter().map(|o| o.0.len()));
        let (rows, scores): (Vec<_>, Vec<_>) = orders.into_iter().unzip();
        let (rows, scores) = (rows.concat(), scores.concat());
        check_rows(&rows, &offsets, classes)?;
        check_scores(&rows, &scores)?;
        Ok(Self {
            scope: Scope::PerClass,
            rows,
            offsets,
            scores,
            diagnostics: Diagnostics::new(),
            warnings: vec![],
            budget_limits: vec![],
        })
    }

    /// One order over all rows.
    ///
    /// # Errors
    /// [`Error::BadRanking`] if a row is named twice.
    pub fn global(rows: Vec<RowId>, scores: Vec<f64>, classes: &Classes) -> Result<Self> {
        check_distinct(&rows, classes)?;
        check_scores(&rows, &scores)?;
        let offsets = vec![0, rows.len()];
        Ok(Self {
            scope: Scope::Global,
            rows,
            offsets,
            scores,
            diagnostics: Diagnostics::new(),
            warnings: vec![],
            budget_limits: vec![],
        })
    }

    /// Whether there is one order a class or one in all.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// All ranked rows: best first, class after class for [`Scope::PerClass`].
    pub fn rows(&self) -> &[RowId] {
        &self.rows
    }

    /// Score of each of [`Self::rows`]; what it means is the method's to say. NaN: kept without a score.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The segments: one a class, or one in all.
    pub fn segments(&self) -> impl Iterator<Item = &[RowId]> {
        self.offsets.windows(2).map(|w| &self.rows[w[0]..w[1]])
    }

    /// The 0-based rank of each of [`Self::rows`] within its segment.
    pub fn ranks(&self) -> impl Iterator<Item = usize> + '_ {
        self.segments().flat_map(|s| 0..s.len())
    }

    /// Keeps what the budget says: a slice of the ranking. It has the ranking's diagnostics only if nothing is cut off.
    ///
    /// # Errors
    /// [`Error::Budget`], [`Error::RankingTooShort`], and [`Error::Unsupported`] for counts per class of a ranking over
    /// all classes.
    pub fn reduce(&self, classes: &Classes, budget: &Budget, empty_classes: EmptyClasses) -> Result<Reduction> {
        let (allocation, mut warnings) = budget.allocate(&classes.sizes(), empty_classes)?;
        check_scope("ranking", self.scope, &allocation)?;
        let selection = self.select(&allocation, classes)?;
        warnings.extend(self.warnings_at(&selection.counts(), classes));
        warnings.extend(lost_classes(&selection.counts(), classes));
        // What was measured at the end of the ranking (a covering radius ...) is not so of an earlier cut.
        let whole = selection.rows().len() == self.rows.len();
        let diagnostics = if whole { self.diagnostics.clone() } else { Diagnostics::new() };
        Ok(Reduction { reduced: Reduced::Rows(selection), diagnostics, warnings })
    }

    /// What the user should know when so many rows of each class are kept: the warnings, and what the limits say.
    pub fn warnings_at(&self, counts: &[usize], classes: &Classes) -> Vec<Warning> {
        let passed = self.budget_limits.iter().filter_map(|l| l.warning(counts, classes));
        self.warnings.iter().cloned().chain(passed).collect()
    }

    /// Whether this is a ranking of this table.
    ///
    /// # Errors
    /// [`Error::BadRanking`] if it is not.
    pub fn check(&self, classes: &Classes) -> Result<()> {
        match self.scope {
            Scope::PerClass => check_rows(&self.rows, &self.offsets, classes),
            Scope::Global => check_distinct(&self.rows, classes),
        }
    }

    /// Whether the ranking reaches as far as the allocation asks.
    ///
    /// # Errors
    /// [`Error::RankingTooShort`] if it stops before that; [`Error::BadRanking`] if the allocation is of other classes.
    pub fn check_depth(&self, allocation: &Allocation) -> Result<()> {
        let asked: &[usize] = match self.scope {
            Scope::PerClass => allocation.per_class(),
            Scope::Global => &[allocation.total()],
        };
        if asked.len() + 1 != self.offsets.len() {
            let (held, asked) = (self.offsets.len() - 1, asked.len());
            return Err(Error::BadRanking(format!("it is of {held} classes, and counts of {asked} are asked")));
        }
        for (k, (segment, &asked)) in self.segments().zip(asked).enumerate() {
            if segment.len() < asked {
                let class = (self.scope == Scope::PerClass).then(|| ClassId::at(k));
                return Err(Error::RankingTooShort { class, held: segment.len(), asked });
            }
        }
        Ok(())
    }

    /// The first rows of each class (or of all), as many as the allocation says.
    ///
    /// # Errors
    /// [`Error::RankingTooShort`] if the ranking stops before that; [`Error::BadRanking`] if it is of another table.
    pub fn select(&self, allocation: &Allocation, classes: &Classes) -> Result<Selection> {
        self.check(classes)?;
        self.check_depth(allocation)?;
        let mut per_class = vec![Vec::new(); classes.len()];
        match self.scope {
            Scope::PerClass => {
                for ((segment, &count), kept) in self.segments().zip(allocation.per_class()).zip(&mut per_class) {
                    *kept = segment[..count].to_vec();
                }
            }
            Scope::Global => {
                for &row in &self.rows[..allocation.total()] {
                    per_class[classes.of(row).index()].push(row);
                }
            }
        }
        Selection::new(&per_class, None, classes)
    }
}

/// Counts per class can only be kept by what chooses within classes.
pub(crate) fn check_scope(method: &'static str, scope: Scope, allocation: &Allocation) -> Result<()> {
    if scope == Scope::Global && allocation.is_fixed_per_class() {
        return Err(Error::Unsupported {
            method,
            what: "keep a given count of each class: it chooses over all classes at once".into(),
            hint: "give a ratio or a total count".into(),
        });
    }
    Ok(())
}

/// A warning if classes that have rows keep none.
pub(crate) fn lost_classes(counts: &[usize], classes: &Classes) -> Option<Warning> {
    let lost = classes.ids().filter(|&c| counts[c.index()] == 0 && !classes.rows(c).is_empty());
    let lost: Vec<String> = lost.map(|c| format!("{} (of {} rows)", classes.name(c), classes.rows(c).len())).collect();
    let message = format!("ε is infinite, for no row is kept of class {}", first_few(&lost));
    (!lost.is_empty()).then(|| {
        Warning::new("class-lost", message).hint("raise the budget, or use a method that chooses within classes")
    })
}

fn offsets_of(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut offsets = vec![0];
    let mut end = 0;
    for length in lengths {
        end += length;
        offsets.push(end);
    }
    offsets
}

/// A score for every row.
fn check_scores(rows: &[RowId], scores: &[f64]) -> Result<()> {
    if rows.len() == scores.len() {
        Ok(())
    } else {
        Err(Error::BadRanking(format!("{} scores for {} rows", scores.len(), rows.len())))
    }
}

/// No row twice.
fn check_distinct(rows: &[RowId], classes: &Classes) -> Result<()> {
    let n: usize = classes.sizes().iter().sum();
    let mut seen = vec![false; n];
    for &row in rows {
        match seen.get_mut(row.index()) {
            None => return Err(Error::BadRanking(format!("row {row} is beyond the {n} rows"))),
            Some(true) => return Err(Error::BadRanking(format!("row {row} is named twice"))),
            Some(place) => *place = true,
        }
    }
    Ok(())
}

/// No row twice, and every row in its own class.
fn check_rows(rows: &[RowId], offsets: &[usize], classes: &Classes) -> Result<()> {
    check_distinct(rows, classes)?;
    if offsets.len() != classes.len() + 1 {
        return Err(Error::BadRanking(format!("{} groups for {} classes", offsets.len() - 1, classes.len())));
    }
    for class in classes.ids() {
        for &row in &rows[offsets[class.index()]..offsets[class.index() + 1]] {
            if classes.of(row) != class {
                return Err(Error::BadRanking(format!("row {row} is of class {}, not {class}", classes.of(row))));
            }
        }
    }
    Ok(())
}
