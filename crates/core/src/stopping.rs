//! Stopping rules: keep as few rows as cover every row of its class within a radius, and no more than a budget.
//!
//! Both rules cut a ranking where ε, the largest distance of a row to the nearest kept row of its class, is at most a radius:
//!
//! - [`Rule::Within`]: each class keeps the shortest prefix of its order that covers it. These are the fewest rows, and shares of
//!   classes change: a class that is spread out keeps more;
//! - [`Rule::Epsilon`]: the smallest total, dealt to the classes as a budget is, at which every class is covered. Shares of classes
//!   stay.
//!
//! Rows are ranked as deep as they are needed: at first 64 rows per class, then twice as many of the classes that are not covered yet.
//! Because a method ranks the same rows first whatever the depth, the result is that of the whole ranking.

use leanset_problem::{Warning, setting, text};

use crate::budget::{Allocation, Balance, Budget, EmptyClasses};
use crate::data::Dataset;
use crate::distance::Metric;
use crate::methods::{Inputs, Reducer, Support};
use crate::metrics::{epsilon, least_counts, least_total};
use crate::selection::{Ranking, Reduced, Reduction, Scope};
use crate::{Error, Monitor, Result, Seed};

/// Which rows are few enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The fewest of each class.
    Within,
    /// The smallest budget.
    Epsilon,
}

/// When enough rows are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// Which rows are few enough.
    pub rule: Rule,
    /// The largest distance of a row to the nearest kept row of its class, finite and at least 0.
    pub radius: f64,
    /// The metric of distances.
    pub metric: Metric,
}

/// Rows of each class that are ranked at first.
const FIRST: usize = 64;

/// What it comes to: the budget, and whether the radius is reached with it.
struct Found {
    budget: Budget,
    reached: bool,
}

impl Stopping {
    /// Keeps as few rows as the rule says, and at most what `most` says.
    ///
    /// ```
    /// use leanset_core::stopping::{Rule, Stopping};
    /// use leanset_core::{Budget, Classes, Dataset, EmptyClasses, Inputs, Matrix, Quiet, Reducer, Seed, distance::Metric};
    ///
    /// let values: Vec<f64> = (0..50).map(f64::from).collect();
    /// let data = Dataset::new(Matrix::new(&values, 50, 1)?, Classes::one(50)?)?;
    /// let reducer = Reducer::new("mms", &[("start".into(), "first".into())])?;
    /// let rule = Stopping { rule: Rule::Within, radius: 12.0, metric: Metric::Euclidean };
    /// let asked = (&Budget::Ratio(1.0), EmptyClasses::Forbid);
    /// let kept = rule.reduce(&reducer, &data, &Inputs::default(), asked, Seed(0), &Quiet)?;
    /// assert_eq!(kept.reduced.len(), 3);
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the method does not rank, or ranks over all classes and the rule is of each class; those of
    /// [`Reducer::reduce_with`].
    pub fn reduce(
        &self,
        reducer: &Reducer,
        data: &Dataset<'_>,
        inputs: &Inputs<'_>,
        (most, empty): (&Budget, EmptyClasses),
        seed: Seed,
        monitor: &dyn Monitor,
    ) -> Result<Reduction> {
        if reducer.ranks() != Support::Yes {
            return Err(Error::Unsupported {
                method: reducer.info().id,
                what: "stop when enough is kept: it does not rank rows with these parameters".into(),
                hint: text!["give ", &setting::RATIO, " or ", &setting::COUNT, " alone, or use a method that ranks"],
            });
        }
        let kept = data.classes().counts_of(inputs.kept.unwrap_or_default());
        let rank = |depth: Option<&Allocation>| reducer.rank_with(data, inputs, depth, seed, monitor);
        let found = self.search(rank, reducer.scope(), data, &kept, (most, empty), monitor)?;
        let reduction = reducer.reduce_with(data, inputs, &found.budget, empty, seed, monitor)?;
        self.say(reduction, found.reached, data, monitor)
    }

    /// Cuts a ranking as the rule says, and keeps at most what `most` says.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the ranking is over all classes and the rule is of each class; those of [`Ranking::reduce`].
    pub fn cut(
        &self,
        ranking: &Ranking,
        data: &Dataset<'_>,
        (most, empty): (&Budget, EmptyClasses),
        monitor: &dyn Monitor,
    ) -> Result<Reduction> {
        let kept = vec![0; data.classes().len()];
        let whole = |_: Option<&Allocation>| Ok(ranking.clone());
        let found = self.search(whole, ranking.scope(), data, &kept, (most, empty), monitor)?;
        let reduction = ranking.reduce(data.classes(), &found.budget, empty)?;
        self.say(reduction, found.reached, data, monitor)
    }

    /// The budget that the rule comes to.
    fn search(
        &self,
        rank: impl Fn(Option<&Allocation>) -> Result<Ranking>,
        scope: Scope,
        data: &Dataset<'_>,
        kept: &[usize],
        (most, empty): (&Budget, EmptyClasses),
        monitor: &dyn Monitor,
    ) -> Result<Found> {
        let sizes = data.classes().sizes();
        let (largest, _) = most.allocate_beside(&sizes, empty, kept)?;
        // Counts of classes are the most of each; a total, however it is dealt, is the most in all.
        let is_fixed = matches!(most, Budget::PerClass(_));
        let capped = || Found { budget: most.clone(), reached: false };
        if scope == Scope::Global {
            return Ok(self
                .of_all_classes(rank, data, &largest, monitor)?
                .map_or_else(capped, |total| Found { budget: Budget::Count(total), reached: true }));
        }
        // How many rows of a class may be kept at most, and how deep it is ranked.
        let limit: Vec<usize> = match self.rule {
            Rule::Within if !is_fixed => sizes.iter().map(|&s| s.min(largest.total())).collect(),
            _ => largest.per_class().to_vec(),
        };
        let mut depth: Vec<usize> = limit.iter().zip(kept).map(|(&most, &kept)| most.min(kept + FIRST)).collect();
        let counts: Vec<usize> = loop {
            let (asked, _) = Budget::PerClass(depth.clone()).allocate(&sizes, EmptyClasses::Allow)?;
            let ranking = rank(Some(&asked))?;
            let found = least_counts(data, &ranking, self.radius, self.metric, monitor)?;
            let held: Vec<usize> = ranking.segments().map(<[_]>::len).collect();
            let mut complete = true;
            for (class, found) in found.iter().enumerate() {
                match *found {
                    Some(count) if count.max(kept[class]) > limit[class] => return Ok(capped()),
                    // It is not ranked again any deeper than it has to be.
                    Some(count) => depth[class] = count.max(kept[class]),
                    // The ranking, or what may be kept, ends before the class is covered.
                    None if held[class] >= limit[class] || held[class] < depth[class] => return Ok(capped()),
                    None => {
                        depth[class] = (2 * depth[class].max(held[class])).min(limit[class]);
                        complete = false;
                    }
                }
            }
            if self.rule == Rule::Within && !is_fixed && depth.iter().sum::<usize>() > largest.total() {
                return Ok(capped());
            }
            if complete {
                break depth;
            }
        };
        if self.rule == Rule::Within || is_fixed {
            return Ok(Found { budget: Budget::PerClass(counts), reached: true });
        }
        let balance = if let Budget::Balanced(_, balance) = most { *balance } else { Balance::default() };
        let dealt = |total| Budget::Count(total).balanced(balance);
        let allocate = |total| dealt(total).allocate_beside(&sizes, empty, kept).ok().map(|a| a.0);
        Ok(least_total(&counts, largest.total(), allocate)
            .map_or_else(capped, |total| Found { budget: dealt(total), reached: true }))
    }

    /// The smallest total of an order over all classes.
    fn of_all_classes(
        &self,
        rank: impl Fn(Option<&Allocation>) -> Result<Ranking>,
        data: &Dataset<'_>,
        largest: &Allocation,
        monitor: &dyn Monitor,
    ) -> Result<Option<usize>> {
        if self.rule == Rule::Within {
            return Err(Error::Unsupported {
                method: "this ranking",
                what: "keep the fewest rows of each class: it is one order over all classes".into(),
                hint: text!["use a method that ranks within classes, or ", setting::EPSILON.to(self.radius)],
            });
        }
        let ranking = rank(Some(largest))?;
        let covers = |total: usize| -> Result<bool> {
            let (allocation, _) = Budget::Count(total).allocate(&data.classes().sizes(), EmptyClasses::Allow)?;
            let selection = ranking.select(&allocation, data.classes())?;
            Ok(epsilon(data, &Reduced::Rows(selection), self.metric, monitor)?.value <= self.radius)
        };
        let (mut below, mut above) = (0, largest.total().min(ranking.rows().len()));
        if !covers(above)? {
            return Ok(None);
        }
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if covers(middle)? { above = middle } else { below = middle }
        }
        Ok(Some(above))
    }

    /// What was reached, if it is less than what was wanted.
    fn say(
        &self,
        mut reduction: Reduction,
        reached: bool,
        data: &Dataset<'_>,
        monitor: &dyn Monitor,
    ) -> Result<Reduction> {
        if !reached {
            let found = epsilon(data, &reduction.reduced, self.metric, monitor)?.value;
            let message = format!(
                "the budget ends before every row has a kept row of its class within {} ({}): with {} rows it is {found}",
                self.radius,
                self.metric,
                reduction.reduced.len()
            );
            reduction.warnings.push(Warning::new("radius-not-reached", message).hint("raise the budget or the radius"));
        }
        Ok(reduction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClassId, Classes, Matrix, Quiet, RowId};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// By the definition: every budget in turn, and of each class every number of rows.
        #[test]
        fn stopping_keeps_the_fewest_rows(
            codes in prop::collection::vec(0u32..3, 1..220), seed in any::<u64>(), radius in 0.0f64..2.0, most in 0.1f64..1.0,
            method in 0usize..3, keeps in any::<bool>(), grid in any::<bool>(), balance in 0usize..3,
        ) {
            let (n, name) = (codes.len(), ["maxmin", "energy", "stratified-random"][method]);
            let value = |i: usize| {
                let v = 4.0 * Seed(seed).unit(RowId::at(i));
                if grid { v.round() } else { v }
            };
            let values: Vec<f64> = (0..n).map(value).collect();
            let data = Dataset::new(Matrix::new(&values, n, 1).expect("shape"), Classes::new(&codes, 3).expect("few"));
            let data = data.expect("sound");
            let reducer = Reducer::new(name, &[]).expect("known");
            let kept: Vec<RowId> = (0..n).filter(|i| i % 50 == 7).map(RowId::at).collect();
            let kept = (keeps && reducer.info().supports_kept()).then_some(&kept[..]);
            let inputs = Inputs { kept, ..Inputs::default() };
            let reduce = |budget: &Budget| reducer.reduce_with(&data, &inputs, budget, EmptyClasses::Forbid, Seed(seed), &Quiet);
            let measure = |reduction: &Reduction| epsilon(&data, &reduction.reduced, Metric::Euclidean, &Quiet).expect("measures");
            let balance = [Balance::Proportional, Balance::Sqrt, Balance::Equal][balance];
            let most = Budget::Ratio(most).balanced(balance);
            let largest = match reduce(&most) {
                Ok(largest) => largest,
                // Too few for what is kept already.
                Err(_) => return Ok(()),
            };
            let capped = |found: &Reduction| {
                found.reduced == largest.reduced && found.warnings.iter().any(|w| w.code == "radius-not-reached")
            };
            let run = |rule| {
                let stopping = Stopping { rule, radius, metric: Metric::Euclidean };
                stopping.reduce(&reducer, &data, &inputs, (&most, EmptyClasses::Forbid), Seed(seed), &Quiet).expect("runs")
            };
            // The smallest budget.
            let found = run(Rule::Epsilon);
            let counts = (1..=largest.reduced.len()).filter_map(|count| reduce(&Budget::Count(count).balanced(balance)).ok());
            match counts.into_iter().find(|reduction| measure(reduction).value <= radius) {
                Some(wanted) => prop_assert_eq!(&found.reduced, &wanted.reduced),
                None => prop_assert!(capped(&found), "{:?}", found.warnings),
            }
            // The fewest rows of each class.
            let found = run(Rule::Within);
            let whole = reducer.rank_with(&data, &inputs, None, Seed(seed), &Quiet).expect("ranks");
            let own = data.classes().counts_of(kept.unwrap_or_default());
            let mut fewest = Vec::new();
            for (class, order) in whole.segments().enumerate() {
                let rows = data.classes().rows(ClassId::at(class));
                let near = |row: &RowId, k: &RowId| (values[row.index()] - values[k.index()]).abs() <= radius;
                let covers = |count: &usize| rows.iter().all(|row| order[..*count].iter().any(|k| near(row, k)));
                fewest.push((own[class]..=order.len()).find(covers).expect("all rows cover the class"));
            }
            if fewest.iter().sum::<usize>() <= largest.reduced.len() {
                prop_assert_eq!(found.reduced.rows().expect("rows").counts(), fewest);
                prop_assert!(measure(&found).value <= radius);
            } else {
                prop_assert!(capped(&found), "{:?} and {:?}", found.reduced.rows().map(|r| r.counts()), fewest);
            }
            // A cut of the ranking is the same.
            if kept.is_none() {
                for rule in [Rule::Within, Rule::Epsilon] {
                    let stopping = Stopping { rule, radius, metric: Metric::Euclidean };
                    let cut = stopping.cut(&whole, &data, (&most, EmptyClasses::Forbid), &Quiet).expect("cuts");
                    prop_assert_eq!(cut.reduced, run(rule).reduced);
                }
            }
        }
    }
}
