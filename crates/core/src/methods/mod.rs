//! The methods: the trait, the one list, and [`Reducer`], a method with checked parameters.
//!
//! Adding a method is one file here and one line in the list below; the command line, the documentation and the
//! conformance tests iterate the list.

use rayon::prelude::*;

use crate::dynamics::{Dynamics, LogError};
use crate::monitor::step;
use crate::params::{Params, Spec, Value};
use crate::selection::{check_scope, lost_classes};
use crate::{
    Allocation, Budget, ClassId, Dataset, EmptyClasses, Error, Monitor, Ranking, Reduced, Reduction, Result, RowId,
    Scope, Seed, Shape, error,
};

/// Declares each method's module and puts its `INFO` into the list.
macro_rules! methods {
    ($($(#[$doc:meta])* $module:ident),+ $(,)?) => {
        $($(#[$doc])* pub mod $module;)+

        /// Every registered method.
        pub static METHODS: &[&Info] = &[$(&$module::INFO),+];
    };
}

methods! {
    stratified_random,
    proto_dash,
    maxmin,
    distance_entropy,
    clustering_centroids,
    representative_kmeans,
    matrix_decomposition,
    ph_landmarks,
    forgetting_events,
    el2n,
    aum,
}

/// What a method is: all that help, documentation and tests need to know.
#[derive(Debug)]
pub struct Info {
    /// Its name, in lower case with hyphens.
    pub id: &'static str,
    /// Other names, the paper's first (case does not matter).
    pub aliases: &'static [&'static str],
    /// Its name in words.
    pub title: &'static str,
    /// What kind of method it is, in the paper's terms.
    pub family: Family,
    /// What it keeps, in one sentence.
    pub summary: &'static str,
    /// Its parameters.
    pub params: &'static [Spec],
    /// Time, in terms of n rows, d columns, m kept, n_k and m_k per class.
    pub cost: &'static str,
    /// Memory beyond the input, in the same terms.
    pub memory: &'static str,
    /// What is certain about the result.
    pub guarantee: &'static str,
    /// Where it comes from.
    pub reference: &'static str,
    /// Where it departs from the paper or the paper's code, and why.
    pub departures: &'static str,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Settings beside the defaults under which the laws are tested too.
    pub variants: &'static [&'static [(&'static str, &'static str)]],
    /// Makes the method of checked parameters.
    pub build: fn(&Params) -> Result<Box<dyn Method>>,
}

impl Info {
    /// Whether a target can be given: another table that the kept rows are to represent.
    pub fn supports_target(&self) -> bool {
        self.capabilities.target != Support::No
    }

    /// Whether it ranks by training dynamics, and so needs them.
    pub fn uses_dynamics(&self) -> bool {
        self.capabilities.dynamics != Support::No
    }

    /// Whether it looks at the coordinates of rows.
    pub fn uses_coordinates(&self) -> bool {
        self.capabilities.coordinates != Support::No
    }

    /// Whether it gives weights.
    pub fn gives_weights(&self) -> bool {
        self.capabilities.weights != Support::No
    }
}

/// A method's family, in the paper's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Draws or weighs rows by their distribution.
    Statistic,
    /// Spreads over, or clusters, the points.
    Geometry,
    /// Scores rows and keeps the best.
    Ranking,
    /// Uses training dynamics.
    Wrapper,
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Statistic => "statistic",
            Self::Geometry => "geometry",
            Self::Ranking => "ranking",
            Self::Wrapper => "wrapper",
        })
    }
}

/// Whether a method has a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Always.
    Yes,
    /// Never.
    No,
    /// Under this condition.
    When(&'static str),
}

impl std::fmt::Display for Support {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No => f.write_str("no"),
            Self::When(condition) => write!(f, "when {condition}"),
        }
    }
}

/// What a method can do. A capability it lacks is an honest no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It ranks: the selection at a smaller ratio is a part of the one at a larger.
    pub nested: Support,
    /// It keeps the count asked of every class (otherwise only the total).
    pub per_class: Support,
    /// It returns weights.
    pub weights: Support,
    /// It returns generated prototypes: points that are not rows.
    pub prototypes: Support,
    /// Its result depends on the seed.
    pub seeded: Support,
    /// It can keep rows that represent another table, the target, instead of their own.
    pub target: Support,
    /// It ranks by training dynamics, and needs them.
    pub dynamics: Support,
    /// It looks at the coordinates of rows; otherwise their classes (and their training dynamics) are all it needs.
    pub coordinates: Support,
    /// Without ties, putting the rows in another order changes row ids and nothing else.
    pub order_free: Support,
    /// The least number of classes it is defined for.
    pub least_classes: usize,
}

/// What a method can be given beside the data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs<'a> {
    /// The points that the kept rows are to represent, class by class; the data themselves where there are none. Of as
    /// many columns and classes as the data (classes correspond by id), with rows in every class that has rows.
    pub target: Option<&'a Dataset<'a>>,
    /// How each row's predictions went while a model trained.
    pub dynamics: Option<&'a Dynamics>,
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

    /// Runs `body` for every class that has rows, in parallel; results by class id (empty ones default).
    ///
    /// # Errors
    /// That of the lowest class that fails.
    pub fn per_class<R: Default + Send>(&self, body: impl Fn(ClassId, &[RowId]) -> Result<R> + Sync) -> Result<Vec<R>> {
        let classes = self.data.classes();
        let run = |class| {
            let rows = classes.rows(class);
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

    /// Whether [`Self::rank`] is there, and if not the way out.
    fn ranks(&self) -> Support {
        Support::No
    }

    /// Whether [`Self::reduce`] returns generated prototypes, which are not rows.
    fn generates_prototypes(&self) -> bool {
        false
    }

    /// Whether, with these parameters and without ties, the order of the input rows changes nothing but row ids.
    fn order_free(&self) -> bool;

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

/// The registered method of this name or alias; case and underscores do not matter.
///
/// # Errors
/// [`Error::UnknownMethod`], with the nearest name.
pub fn find(name: &str) -> Result<&'static Info> {
    let wanted = name.trim().to_lowercase().replace(['_', ' '], "-");
    let names = |m: &&'static Info| std::iter::once(m.id).chain(m.aliases.iter().copied());
    METHODS.iter().copied().find(|m| names(m).any(|n| n.eq_ignore_ascii_case(&wanted))).ok_or_else(|| {
        let nearest = error::nearest(&wanted, METHODS.iter().flat_map(names)).map(str::to_owned);
        Error::UnknownMethod { name: name.to_owned(), nearest }
    })
}

/// A method with checked parameters, ready to run on any dataset.
#[derive(Debug)]
pub struct Reducer {
    info: &'static Info,
    params: Params,
    method: Box<dyn Method>,
}

impl Reducer {
    /// The method `name` (or alias) with the given parameters and defaults for the rest.
    ///
    /// ```
    /// use leanset_core::Reducer;
    /// assert_eq!(Reducer::new("MMS", &[])?.info().id, "maxmin");
    /// let error = Reducer::new("maxmim", &[]).unwrap_err();
    /// assert_eq!(error.hint().as_deref(), Some("did you mean 'maxmin'?"));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownMethod`], [`Error::UnknownParameter`], [`Error::BadParameter`].
    pub fn new(name: &str, given: &[(String, Value)]) -> Result<Self> {
        let info = find(name)?;
        let params = Params::check(info.id, info.params, given)?;
        let method = (info.build)(&params)?;
        Ok(Self { info, params, method })
    }

    /// What the method is.
    pub fn info(&self) -> &'static Info {
        self.info
    }

    /// The parameters as used, defaults included.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Whether it ranks with these parameters.
    pub fn ranks(&self) -> Support {
        self.method.ranks()
    }

    /// Whether, without ties, the order of the input rows changes nothing but row ids, with these parameters.
    pub fn order_free(&self) -> bool {
        self.method.order_free()
    }

    /// Whether it returns generated prototypes, with these parameters.
    pub fn generates_prototypes(&self) -> bool {
        self.method.generates_prototypes()
    }

    /// Whether it orders rows within classes or over all, with these parameters.
    pub fn scope(&self) -> Scope {
        self.method.scope()
    }

    /// Bytes needed beyond the input, at most.
    pub fn memory(&self, shape: &Shape, kept: usize, threads: usize) -> u64 {
        self.method.memory(shape, kept, threads)
    }

    /// Orders the rows; all of them, or as deep as `depth` says.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the method does not rank; what the method says of the data.
    pub fn rank(
        &self,
        data: &Dataset<'_>,
        depth: Option<&Allocation>,
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Ranking> {
        self.rank_with(data, &Inputs::default(), depth, seed, monitor)
    }

    /// [`Self::rank`] with what is given beside the data: a target, training dynamics.
    ///
    /// # Errors
    /// [`Error::Target`] if the target is of other columns or classes, or lacks a class; [`Error::Log`] if the
    /// dynamics are of other rows; [`Error::Unsupported`] if the method does not support what is given, or needs what is
    /// not; those of [`Self::rank`].
    pub fn rank_with(
        &self,
        data: &Dataset<'_>,
        inputs: &Inputs<'_>,
        depth: Option<&Allocation>,
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Ranking> {
        self.check_inputs(data, inputs)?;
        self.rank_run(&Run { data, inputs: *inputs, seed, monitor }, depth)
    }

    fn rank_run(&self, run: &Run<'_>, depth: Option<&Allocation>) -> Result<Ranking> {
        self.check_classes(run.data)?;
        match self.ranks() {
            Support::Yes => self.method.rank(run, depth),
            Support::No => {
                Err(self.unsupported("rank rows: its selections at two ratios are not nested", "use `reduce`"))
            }
            Support::When(condition) => {
                let hint = format!("it ranks when {condition}; otherwise use `reduce`");
                Err(self.unsupported("rank rows with these parameters", &hint))
            }
        }
    }

    /// Keeps what the budget says: exactly that, per class for methods that choose within classes, in all for others.
    ///
    /// # Errors
    /// [`Error::Budget`]; what the method says of the data.
    pub fn reduce(
        &self,
        data: &Dataset<'_>,
        budget: &Budget,
        floor: EmptyClasses,
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Reduction> {
        self.reduce_with(data, &Inputs::default(), budget, floor, seed, monitor)
    }

    /// [`Self::reduce`] with what is given beside the data: a target, training dynamics.
    ///
    /// # Errors
    /// Those of [`Self::rank_with`] and of [`Self::reduce`].
    pub fn reduce_with(
        &self,
        data: &Dataset<'_>,
        inputs: &Inputs<'_>,
        budget: &Budget,
        floor: EmptyClasses,
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Reduction> {
        self.check_inputs(data, inputs)?;
        self.reduce_run(&Run { data, inputs: *inputs, seed, monitor }, budget, floor)
    }

    fn reduce_run(&self, run: &Run<'_>, budget: &Budget, floor: EmptyClasses) -> Result<Reduction> {
        let classes = run.data.classes();
        self.check_classes(run.data)?;
        let sizes = classes.sizes();
        let (allocation, warnings) = budget.allocate(&sizes, floor)?;
        check_scope(self.info.id, self.scope(), &allocation)?;
        let mut reduction = self.method.reduce(run, &allocation)?;
        let counts = match &reduction.reduced {
            Reduced::Rows(selection) => selection.counts(),
            Reduced::Points(points) => points.counts(sizes.len()),
        };
        let exact = match self.scope() {
            Scope::PerClass => counts == allocation.per_class(),
            Scope::Global => counts.iter().sum::<usize>() == allocation.total(),
        };
        // A law of the house, held at run time too: a method that breaks it is a bug, never a smaller result.
        assert!(exact, "{} returned {counts:?} rows where {:?} were asked", self.info.id, allocation.per_class());
        reduction.warnings.splice(0..0, warnings);
        reduction.warnings.extend(lost_classes(&counts, classes));
        Ok(reduction)
    }

    fn check_inputs(&self, data: &Dataset<'_>, inputs: &Inputs<'_>) -> Result<()> {
        let info = self.info;
        if let Some(target) = inputs.target {
            if !info.supports_target() {
                let hint = format!("leave the target out{}", or_use(Info::supports_target));
                return Err(self.unsupported("choose rows that represent another table", &hint));
            }
            check_target(data, target)?;
        }
        match inputs.dynamics {
            Some(_) if !info.uses_dynamics() => {
                let hint = format!("leave the log out{}", or_use(Info::uses_dynamics));
                Err(self.unsupported("heed what was seen in training", &hint))
            }
            Some(dynamics) if dynamics.rows() != data.rows() => {
                Err(LogError::Rows { log: dynamics.rows(), rows: data.rows() }.into())
            }
            None if info.uses_dynamics() => Err(forgetting_events::no_dynamics(self.info.id)),
            _ => Ok(()),
        }
    }

    fn check_classes(&self, data: &Dataset<'_>) -> Result<()> {
        let needed = self.info.capabilities.least_classes;
        let populated = data.classes().sizes().iter().filter(|&&s| s > 0).count();
        if populated < needed {
            return Err(Error::Data {
                method: self.info.id,
                what: format!("{needed} classes or more are needed, and the rows are of {populated}"),
                hint: "name a label column with several values, or use another method".into(),
            });
        }
        Ok(())
    }

    fn unsupported(&self, what: &str, hint: &str) -> Error {
        Error::Unsupported { method: self.info.id, what: what.into(), hint: hint.into() }
    }
}

/// The methods that can, as a way out: `, or use a or b`.
fn or_use(capability: fn(&Info) -> bool) -> String {
    let can: Vec<_> = METHODS.iter().filter(|m| capability(m)).map(|m| m.id).collect();
    if can.is_empty() { String::new() } else { format!(", or use {}", can.join(" or ")) }
}

fn check_target(data: &Dataset<'_>, target: &Dataset<'_>) -> Result<()> {
    let (classes, others) = (data.classes(), target.classes());
    if data.columns() != target.columns() {
        let (own, other) = (data.columns(), target.columns());
        return Err(Error::Target(format!("it has {other} feature columns, the table {own}")));
    }
    if classes.len() != others.len() {
        return Err(Error::Target(format!("it has {} classes, the table {}", others.len(), classes.len())));
    }
    let lacking = classes.ids().filter(|&c| !classes.rows(c).is_empty() && others.rows(c).is_empty());
    let lacking: Vec<String> = lacking.map(|c| classes.name(c).to_owned()).collect();
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(Error::Target(format!("it has no row of class {}, of which the table has", first_of(&lacking))))
    }
}

/// Positions 0 … n − 1 by score, best first; ties go to the lower row id. `descending`: the largest score is best.
pub(crate) fn by_score(rows: &[RowId], scores: &[f64], descending: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.par_sort_unstable_by(|&a, &b| {
        let ascending = scores[a].total_cmp(&scores[b]);
        (if descending { ascending.reverse() } else { ascending }).then(rows[a].cmp(&rows[b]))
    });
    order
}

/// The first few of a list, and how many more there are: a thousand classes are not a thousand names.
pub(crate) fn first_of(items: &[String]) -> String {
    const FEW: usize = 6;
    let more = items.len().saturating_sub(FEW);
    let named = items[..items.len() - more].join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_list_is_sound() {
        let mut names = HashSet::new();
        for info in METHODS {
            for name in std::iter::once(&info.id).chain(info.aliases) {
                assert!(names.insert(name.to_lowercase()), "{name} names two methods");
                assert!(std::ptr::eq(find(name).expect("resolves"), *info));
            }
            for text in [info.title, info.summary, info.cost, info.memory, info.guarantee, info.reference] {
                assert!(text.len() > 3, "{} lacks documentation", info.id);
            }
            assert!(!info.aliases.is_empty(), "{} has no alias", info.id);
            assert!(info.summary.ends_with('.'), "{}: the summary is a sentence", info.id);
            for spec in info.params {
                assert!(spec.doc.ends_with('.'), "{} {}: the documentation is a sentence", info.id, spec.name);
            }
            Reducer::new(info.id, &[]).expect("the defaults are valid");
            for variant in info.variants {
                let given: Vec<_> = variant.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
                Reducer::new(info.id, &given).expect("the variants are valid");
            }
        }
    }
}
