//! What a method implements ([`Method`]), and what it is given ([`Run`]).

use rayon::prelude::*;

use super::Support;
use crate::dynamics::Dynamics;
use crate::monitor::step;
use crate::{
    Allocation, ClassId, Classes, Dataset, Error, Monitor, Ranking, Reduced, Reduction, Result, RowId, Scope, Seed,
    Shape,
};

/// What a method can be given beside the data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs<'a> {
    /// The points that the kept rows are to represent, class by class; the data themselves where there are none. Of as
    /// many columns and classes as the data (classes correspond by id), with rows in every class that has rows.
    pub target: Option<&'a Dataset<'a>>,
    /// How each row's predictions went while a model trained.
    pub dynamics: Option<&'a Dynamics>,
    /// Rows that are kept already, each once, in any order: they count towards the budget, and others are added to them.
    pub kept: Option<&'a [RowId]>,
}

/// One run: the data, what is given beside them, the seed, and the monitor.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The labelled points.
    pub data: &'a Dataset<'a>,
    /// What is given beside them.
    pub inputs: Inputs<'a>,
    /// All randomness comes from it.
    pub seed: Seed,
    /// Receives progress; may stop the run.
    pub monitor: &'a dyn Monitor,
}

impl Run<'_> {
    /// Reports steps done.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the run is to stop.
    pub fn step(&self, steps: u64) -> Result<()> {
        step(self.monitor, steps)
    }

    /// Positions of those of the rows of a class that are kept already, ascending.
    pub fn kept(&self, rows: &[RowId]) -> Vec<usize> {
        let kept = self.inputs.kept.unwrap_or_default();
        let mut positions: Vec<usize> = kept.iter().filter_map(|row| rows.binary_search(row).ok()).collect();
        positions.sort_unstable();
        positions
    }

    /// Runs `body` for every class that has rows, in parallel; results by class id (empty ones default).
    ///
    /// # Errors
    /// That of the lowest class that fails.
    pub fn per_class<R: Default + Send>(&self, body: impl Fn(ClassId, &[RowId]) -> Result<R> + Sync) -> Result<Vec<R>> {
        let classes = self.data.classes();
        let run = |class| {
            let rows = classes.rows(class);
            // Of many classes, those that have not begun do not.
            self.step(0)?;
            if rows.is_empty() { Ok(R::default()) } else { body(class, rows) }
        };
        let results: Vec<Result<R>> = classes.ids().collect::<Vec<_>>().into_par_iter().map(run).collect();
        results.into_iter().collect()
    }
}

/// A reduction method with its parameters. Implement `rank` if it ranks, else `reduce`.
pub trait Method: Send + Sync + std::fmt::Debug {
    /// Whether it orders rows within classes or over all.
    fn scope(&self) -> Scope {
        Scope::PerClass
    }

    /// Whether it ranks, with these parameters; where [`Support::When`], it does not, and would under that condition.
    fn ranks(&self) -> Support {
        Support::Yes
    }

    /// Whether [`Self::reduce`] returns generated prototypes, which are not rows.
    fn generates_prototypes(&self) -> bool {
        false
    }

    /// Whether, with these parameters and without ties, the order of the input rows changes nothing but row ids.
    fn order_free(&self) -> bool {
        false
    }

    /// Whether, with these parameters, multiplying all coordinates by one power of two changes no order.
    fn scale_free(&self) -> bool {
        true
    }

    /// The number of classes with rows that it needs, with these parameters.
    fn least_classes(&self) -> usize {
        1
    }

    /// The smallest total that can be kept of these classes, with these parameters. Below it [`Self::reduce`] is an error.
    fn smallest_total(&self, classes: &Classes) -> usize {
        let _ = classes;
        1
    }

    /// Orders the rows, best first; as far as `depth` says where that saves work, or all of them.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the method does not rank.
    fn rank(&self, run: &Run<'_>, depth: Option<&Allocation>) -> Result<Ranking> {
        let _ = (run, depth);
        let what = "rank rows: its selections at two ratios are not nested".into();
        Err(Error::Unsupported { method: "this method", what, hint: "use `reduce`".into() })
    }

    /// Keeps what the allocation says. By default the first rows of the ranking, without weights: weights of a prefix
    /// are not a prefix of weights, so a method that has them gives them here.
    ///
    /// # Errors
    /// As [`Self::rank`].
    fn reduce(&self, run: &Run<'_>, allocation: &Allocation) -> Result<Reduction> {
        let ranking = self.rank(run, Some(allocation))?;
        let selection = ranking.select(allocation, run.data.classes())?;
        let warnings = ranking.warnings_at(&selection.counts(), run.data.classes());
        Ok(Reduction { reduced: Reduced::Rows(selection), diagnostics: ranking.diagnostics, warnings })
    }

    /// Bytes needed beyond the input, at most, on `threads` threads: what `--dry-run` predicts.
    fn memory(&self, shape: &Shape, kept: usize, threads: usize) -> u64;
}
