//! [`Reducer`], a method with checked parameters, and [`find`], which knows every name of a method.

use leanset_problem::{Text, setting, text};

use super::{Info, Inputs, METHODS, Method, Run, Support, guarded};
use crate::error::{first_few, nearest};
use crate::guard::Guard;
use crate::params::{Params, Value};
use crate::selection::{check_scope, lost_classes};
use crate::{
    Allocation, Budget, Classes, Dataset, EmptyClasses, Error, LogError, Monitor, Ranking, Reduced, Reduction, Result,
    RowId, Scope, Seed, Shape,
};

/// The registered method of this name or alias; case and underscores do not matter.
///
/// # Errors
/// [`Error::UnknownMethod`], with the nearest name.
pub fn find(name: &str) -> Result<&'static Info> {
    let wanted = name.trim().to_lowercase().replace(['_', ' '], "-");
    let names = |m: &&'static Info| std::iter::once(m.id).chain(m.aliases.iter().copied());
    METHODS.iter().copied().find(|m| names(m).any(|n| n.eq_ignore_ascii_case(&wanted))).ok_or_else(|| {
        let nearest = nearest(&wanted, METHODS.iter().flat_map(names)).map(str::to_owned);
        Error::UnknownMethod { name: name.to_owned(), nearest, known: METHODS.iter().map(|m| m.id).collect() }
    })
}

/// A method with checked parameters, ready to run on any dataset.
#[derive(Debug)]
pub struct Reducer {
    info: &'static Info,
    params: Params,
    method: Box<dyn Method>,
    guard: Guard,
}

impl Reducer {
    /// The method `name` (or alias) with the given parameters and defaults for the rest.
    ///
    /// ```
    /// use leanset_core::Reducer;
    /// assert_eq!(Reducer::new("MMS", &[])?.info().id, "maxmin");
    /// let error = Reducer::new("maxmim", &[]).unwrap_err();
    /// assert_eq!(error.hint().map(|h| h.to_string()).as_deref(), Some("did you mean 'maxmin'?"));
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownMethod`], [`Error::UnknownParameter`], [`Error::BadParameter`].
    pub fn new(name: &str, given: &[(String, Value)]) -> Result<Self> {
        Self::of(find(name)?, given)
    }

    /// A registered method with the given parameters and defaults for the rest.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::BadParameter`].
    pub fn of(info: &'static Info, given: &[(String, Value)]) -> Result<Self> {
        let params = Params::check(info.id, info.params, given)?;
        let method = (info.build)(&params)?;
        Ok(Self { info, params, method, guard: info.guard().unwrap_or_default() })
    }

    /// The same, with or without the [guard](crate::guard) instead of what the method does of itself.
    ///
    /// ```
    /// use leanset_core::{Guard, Reducer};
    /// assert_eq!(Reducer::new("energy", &[])?.guard(), Guard::Auto);
    /// assert_eq!(Reducer::new("maxmin", &[])?.with_guard(Guard::On)?.guard(), Guard::On);
    /// assert!(Reducer::new("stratified-random", &[])?.with_guard(Guard::On).is_err());
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the method does not look at coordinates, generates prototypes, or begins at given rows.
    pub fn with_guard(mut self, guard: Guard) -> Result<Self> {
        if guard != Guard::Off {
            let given_rows = self.params.iter().any(|(_, value)| matches!(value, Value::Rows(_)));
            let what = if self.info.guard().is_none() {
                Some("put contradicted rows last: it does not look at coordinates")
            } else if self.generates_prototypes() {
                Some("put contradicted rows last: it generates prototypes, which are not rows")
            } else if given_rows {
                Some("put contradicted rows last, and begin at given rows too")
            } else {
                None
            };
            if let Some(what) = what {
                return Err(self.unsupported(what, setting::GUARD.to(Guard::Off).into()));
            }
        }
        self.guard = guard;
        Ok(self)
    }

    /// What is done with rows that their neighbours contradict.
    pub fn guard(&self) -> Guard {
        self.guard
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

    /// Whether, with these parameters, multiplying all coordinates by one power of two changes no order.
    pub fn scale_free(&self) -> bool {
        self.method.scale_free()
    }

    /// The smallest total that can be kept of these classes, with these parameters.
    pub fn smallest_total(&self, classes: &Classes) -> usize {
        self.method.smallest_total(classes)
    }

    /// The number of classes with rows that it needs, with these parameters.
    pub fn least_classes(&self) -> usize {
        self.method.least_classes()
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
        let method = self.method.memory(shape, kept, threads);
        if self.guard == Guard::Off { method } else { guarded::memory(shape, method) }
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
        self.check_classes(run.data.classes())?;
        match self.ranks() {
            Support::Yes if self.guard == Guard::Off => self.method.rank(run, depth),
            Support::Yes => guarded::rank(self.method.as_ref(), self.info, run, depth, self.guard),
            Support::No => {
                Err(self.unsupported("rank rows: its selections at two ratios are not nested", "use `reduce`".into()))
            }
            Support::When(condition) => {
                let hint = format!("it ranks when {condition}; otherwise use `reduce`");
                Err(self.unsupported("rank rows with these parameters", hint.into()))
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
        empty_classes: EmptyClasses,
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Reduction> {
        self.reduce_with(data, &Inputs::default(), budget, empty_classes, seed, monitor)
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
        empty_classes: EmptyClasses,
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Reduction> {
        self.check_inputs(data, inputs)?;
        self.reduce_run(&Run { data, inputs: *inputs, seed, monitor }, budget, empty_classes)
    }

    fn reduce_run(&self, run: &Run<'_>, budget: &Budget, empty_classes: EmptyClasses) -> Result<Reduction> {
        let classes = run.data.classes();
        self.check_classes(run.data.classes())?;
        let sizes = classes.sizes();
        let kept = classes.counts_of(run.inputs.kept.unwrap_or_default());
        let (allocation, warnings) = budget.allocate_beside(&sizes, empty_classes, &kept)?;
        check_scope(self.info.id, self.scope(), &allocation)?;
        let mut reduction = if self.guard == Guard::Off {
            self.method.reduce(run, &allocation)?
        } else {
            guarded::reduce(self.method.as_ref(), self.info, run, &allocation, self.guard)?
        };
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
        if info.uses_coordinates() {
            data.check_squares()?;
        }
        if let Some(target) = inputs.target {
            if !info.supports_target() {
                let hint = format!("leave the target out{}", or_use(Info::supports_target));
                return Err(self.unsupported("choose rows that represent another table", hint.into()));
            }
            check_target(data, target)?;
        }
        if let Some(kept) = inputs.kept {
            if !info.supports_kept() {
                let hint = format!("leave them out{}", or_use(Info::supports_kept));
                return Err(self.unsupported("go on from rows that are kept already", hint.into()));
            }
            check_kept(data, kept)?;
        }
        match inputs.dynamics {
            Some(_) if !info.uses_dynamics() => {
                let hint = format!("leave the log out{}", or_use(Info::uses_dynamics));
                Err(self.unsupported("use training dynamics", hint.into()))
            }
            Some(dynamics) if dynamics.rows() != data.rows() => {
                Err(LogError::Rows { log: dynamics.rows(), rows: data.rows() }.into())
            }
            None if info.uses_dynamics() => Err(super::scored_by_dynamics::no_dynamics(info.id)),
            _ => Ok(()),
        }
    }

    /// Whether there are as many classes with rows as the method needs with these parameters.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not.
    pub fn check_classes(&self, classes: &Classes) -> Result<()> {
        let (needed, populated) = (self.least_classes(), classes.populated());
        if populated >= needed {
            return Ok(());
        }
        // Where only these parameters need so many, others are a way out too.
        let parameters = if self.info.capabilities.least_classes < needed { ", or other parameters" } else { "" };
        Err(Error::Data {
            method: self.info.id,
            what: format!("{needed} classes or more are needed, and the rows are of {populated}"),
            hint: text![
                "give a label with several values (",
                &setting::LABEL,
                format!("), or use another method{parameters}")
            ],
        })
    }

    fn unsupported(&self, what: &str, hint: Text) -> Error {
        Error::Unsupported { method: self.info.id, what: what.into(), hint }
    }
}

/// The methods that can, as a way out: `, or use a or b`.
fn or_use(capability: fn(&Info) -> bool) -> String {
    let can: Vec<_> = METHODS.iter().filter(|m| capability(m)).map(|m| m.id).collect();
    if can.is_empty() { String::new() } else { format!(", or use {}", can.join(" or ")) }
}

/// Rows of the table, none twice.
fn check_kept(data: &Dataset<'_>, kept: &[RowId]) -> Result<()> {
    let mut sorted = kept.to_vec();
    sorted.sort_unstable();
    if let Some(row) = sorted.last().filter(|row| row.index() >= data.rows()) {
        return Err(Error::Kept(format!("row {row} is beyond the {} rows", data.rows())));
    }
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::Kept(format!("row {} is named twice", pair[0]))),
        None => Ok(()),
    }
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
        Err(Error::Target(format!("it has no row of class {}, of which the table has", first_few(&lacking))))
    }
}
