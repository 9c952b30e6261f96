//! How many rows to keep, per class: one rule for every method.
//!
//! A budget is a ratio, a count, or counts per class. A ratio r of n rows is the count nearest to r·n. A count m is
//! divided among the classes by **largest remainder** (Hamilton): class k gets ⌊m·n_k/n⌋ rows, and the rows still missing go
//! one each to the classes with the largest remainders, ties to the lower class id. With [`EmptyClasses::Forbid`] a
//! class that has rows and whose share is below one row gets exactly one, and the other classes share what is left by the
//! same rule. All of it is integer arithmetic: the sum is exactly the budget.
//!
//! With another [`Balance`] the classes share a total by the square roots of their sizes, or equally, by the same rule. A class of
//! fewer rows than its share keeps them all, and the others share the rest.
//!
//! Largest remainder keeps every class within one row of its share, but it is not monotone: as the total grows by
//! one, a small class can get one row *fewer* (the Alabama paradox; a test shows 6 : 6 : 2 rows at 10 and 11). Each
//! class's rows are a prefix of its ranking at any total all the same.

use leanset_problem::Warning;

use crate::ClassId;
use crate::error::{BudgetError, Result};

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Budget {
    /// Keep this fraction of the rows, in (0, 1].
    Ratio(f64),
    /// Keep this many rows in all.
    Count(usize),
    /// Keep this many rows of each class, by class id.
    PerClass(Vec<usize>),
    /// Keep the total of a ratio or a count, with other shares of the classes.
    Balanced(Box<Self>, Balance),
}

/// How classes share a total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// In proportion to their rows.
    #[default]
    Proportional,
    /// In proportion to the square roots of their rows: rare classes keep more.
    Sqrt,
    /// The same number of rows of every class.
    Equal,
}

impl Balance {
    /// What a class of so many rows counts, to 32 digits behind the binary point.
    fn weight(self, rows: usize) -> u128 {
        match self {
            Self::Proportional => (rows as u128) << 32,
            Self::Sqrt => ((rows as u128) << 64).isqrt(),
            Self::Equal => u128::from(rows > 0) << 32,
        }
    }
}

/// Whether a class that has rows may end with none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyClasses {
    /// Every class that has rows keeps at least one: losing a class makes ε infinite.
    #[default]
    Forbid,
    /// Classes may vanish.
    Allow,
}

/// What each class gets: exact, checked against the class sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    per_class: Vec<usize>,
    /// Whether the caller fixed the counts of each class.
    fixed: bool,
}

impl Allocation {
    /// Rows each class keeps, by class id.
    pub fn per_class(&self) -> &[usize] {
        &self.per_class
    }

    /// Rows kept in all.
    pub fn total(&self) -> usize {
        self.per_class.iter().sum()
    }

    /// Whether the caller gave the count of each class, rather than a total.
    pub fn is_fixed_per_class(&self) -> bool {
        self.fixed
    }
}

impl Budget {
    /// The same total with these shares of the classes. Counts of each class stay as they are.
    ///
    /// ```
    /// use leanset_core::{Balance, Budget, EmptyClasses};
    /// let shares = |balance| {
    ///     let budget = Budget::Count(30).balanced(balance);
    ///     budget.allocate(&[900, 90, 4], EmptyClasses::Forbid).map(|found| found.0.per_class().to_vec())
    /// };
    /// assert_eq!(shares(Balance::Proportional)?, [26, 3, 1]);
    /// assert_eq!(shares(Balance::Sqrt)?, [22, 7, 1]);
    /// assert_eq!(shares(Balance::Equal)?, [13, 13, 4]);
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    #[must_use]
    pub fn balanced(self, balance: Balance) -> Self {
        match (self, balance) {
            (own, Balance::Proportional) => own,
            (own @ Self::PerClass(_), _) => own,
            (Self::Balanced(own, _), _) => Self::Balanced(own, balance),
            (own, _) => Self::Balanced(Box::new(own), balance),
        }
    }

    /// Divides the budget among classes of the given sizes.
    ///
    /// A ratio so small that some class would get nothing is raised to one row a class under [`EmptyClasses::Forbid`], with a
    /// warning `budget-raised`; a count is never changed.
    ///
    /// ```
    /// use leanset_core::{Budget, EmptyClasses};
    /// let (kept, _) = Budget::Ratio(0.1).allocate(&[1322, 522, 1630, 3546, 1928, 2027, 2636], EmptyClasses::Forbid)?;
    /// assert_eq!(kept.per_class(), [132, 52, 163, 354, 193, 203, 264]);
    /// assert_eq!(kept.total(), 1361);
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`BudgetError`], with the value and the bound.
    pub fn allocate(&self, sizes: &[usize], empty_classes: EmptyClasses) -> Result<(Allocation, Vec<Warning>)> {
        self.allocate_beside(sizes, empty_classes, &[])
    }

    /// [`Self::allocate`] where so many rows of each class are kept already (or of no class any, if the list is empty). They count
    /// towards the budget: every class gets at least these, and the others share the rest.
    ///
    /// ```
    /// use leanset_core::{Budget, EmptyClasses};
    /// let (kept, _) = Budget::Count(20).allocate_beside(&[50, 50, 100], EmptyClasses::Forbid, &[9, 0, 2])?;
    /// assert_eq!(kept.per_class(), [9, 4, 7]);
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`BudgetError`]; of a budget below what is kept [`BudgetError::BelowKept`].
    pub fn allocate_beside(
        &self,
        sizes: &[usize],
        empty_classes: EmptyClasses,
        kept: &[usize],
    ) -> Result<(Allocation, Vec<Warning>)> {
        let kept_of = |class: usize| kept.get(class).copied().unwrap_or(0);
        // What a class gets at least.
        let least_of = |class: usize| {
            let one = empty_classes == EmptyClasses::Forbid && sizes[class] > 0;
            kept_of(class).max(usize::from(one))
        };
        let floors: Vec<usize> = (0..sizes.len()).map(least_of).collect();
        let (needed, kept_rows): (usize, usize) = (floors.iter().sum(), kept.iter().sum());
        let rows: usize = sizes.iter().sum();
        let populated = sizes.iter().filter(|&&s| s > 0).count();
        let mut warnings = Vec::new();
        let total = match *self {
            Self::Balanced(ref whole, balance) => {
                let (proportional, warnings) = whole.allocate_beside(sizes, empty_classes, kept)?;
                let per_class = share(proportional.total(), sizes, &floors, balance);
                return Ok((Allocation { per_class, fixed: true }, warnings));
            }
            Self::PerClass(ref counts) => {
                if counts.len() != sizes.len() {
                    return Err(BudgetError::Classes { given: counts.len(), classes: sizes.len() }.into());
                }
                for (k, (&count, &size)) in counts.iter().zip(sizes).enumerate() {
                    if count > size {
                        return Err(BudgetError::AboveClass { class: ClassId::at(k), count, rows: size }.into());
                    }
                }
                if let Some(class) = (0..sizes.len()).find(|&k| counts[k] < kept_of(k)) {
                    let (count, kept) = (counts[class], kept_of(class));
                    return Err(BudgetError::ClassBelowKept { class: ClassId::at(class), count, kept }.into());
                }
                if counts.iter().all(|&c| c == 0) {
                    return Err(BudgetError::Zero.into());
                }
                return Ok((Allocation { per_class: counts.clone(), fixed: true }, warnings));
            }
            Self::Count(0) => return Err(BudgetError::Zero.into()),
            Self::Count(count) => {
                if count > rows {
                    return Err(BudgetError::AboveRows { count, rows }.into());
                }
                if count < needed && kept_rows > 0 {
                    return Err(BudgetError::BelowKept { count, kept: kept_rows, needed }.into());
                }
                if empty_classes == EmptyClasses::Forbid && count < populated {
                    return Err(BudgetError::BelowClasses { count, classes: populated }.into());
                }
                count
            }
            Self::Ratio(ratio) => {
                if !(ratio > 0.0 && ratio <= 1.0) {
                    return Err(BudgetError::Ratio(ratio).into());
                }
                // r·n is within one part in 10¹⁵ of the exact product, so the nearest count is exact below 10¹⁴ rows.
                let nearest = (ratio * rows as f64).round() as usize;
                let least = if empty_classes == EmptyClasses::Forbid { populated } else { 1 };
                if nearest < needed && kept_rows > 0 {
                    return Err(BudgetError::BelowKept { count: nearest, kept: kept_rows, needed }.into());
                }
                if nearest < least {
                    let message = format!("ratio {ratio:?} of {rows} rows is {nearest}; kept {least} instead");
                    warnings.push(Warning::new("budget-raised", message).hint(match empty_classes {
                        EmptyClasses::Forbid => "every class that has rows keeps at least one",
                        EmptyClasses::Allow => "something is always kept",
                    }));
                }
                nearest.clamp(least, rows)
            }
        };
        Ok((Allocation { per_class: apportion(total, sizes, &floors), fixed: false }, warnings))
    }
}

/// Largest remainder over the classes, those below what they get at least raised to that first.
fn apportion(total: usize, sizes: &[usize], floors: &[usize]) -> Vec<usize> {
    let mut counts = vec![0usize; sizes.len()];
    let mut open: Vec<usize> = (0..sizes.len()).filter(|&k| sizes[k] > 0).collect();
    let mut left = total;
    // Raising one class lowers the shares of the others: repeat until nobody is below.
    loop {
        let rows: u128 = open.iter().map(|&k| sizes[k] as u128).sum();
        let below = |k: &usize| (left as u128) * (sizes[*k] as u128) < rows * floors[*k] as u128;
        let (small, large): (Vec<usize>, Vec<usize>) = open.iter().partition(|k| below(k));
        if small.is_empty() {
            break;
        }
        for &k in &small {
            counts[k] = floors[k];
            left -= floors[k];
        }
        open = large;
    }
    let rows: u128 = open.iter().map(|&k| sizes[k] as u128).sum();
    if rows == 0 {
        return counts;
    }
    let mut remainders = Vec::with_capacity(open.len());
    let mut missing = left;
    for &k in &open {
        let share = left as u128 * sizes[k] as u128;
        // The quotient is at most the class size, so it fits.
        counts[k] = (share / rows) as usize;
        missing -= counts[k];
        remainders.push((share % rows, k));
    }
    remainders.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for &(_, k) in remainders.iter().take(missing) {
        counts[k] += 1;
    }
    counts
}

/// Largest remainder by the weights of classes, within what each gets at least and all rows of it.
///
/// A share that is below its least or above its most is set to that, and the others share what is left. Of shares that are too small
/// and too large at once, those are set first that are off by more in all, for the others may come into their bounds then.
fn share(total: usize, sizes: &[usize], floors: &[usize], balance: Balance) -> Vec<usize> {
    let mut counts = vec![0usize; sizes.len()];
    let mut open: Vec<usize> = (0..sizes.len()).filter(|&k| sizes[k] > 0).collect();
    let mut left = total as u128;
    loop {
        let all: u128 = open.iter().map(|&k| balance.weight(sizes[k])).sum();
        let (mut small, mut large) = (Vec::new(), Vec::new());
        let (mut lacking, mut beyond) = (0u128, 0u128);
        for &k in &open {
            let share = left * balance.weight(sizes[k]);
            let (low, high) = (floors[k] as u128 * all, sizes[k] as u128 * all);
            if share < low {
                small.push(k);
                lacking += low - share;
            } else if share > high {
                large.push(k);
                beyond += share - high;
            }
        }
        if small.is_empty() && large.is_empty() {
            break;
        }
        let settled = match lacking.cmp(&beyond) {
            std::cmp::Ordering::Greater => small,
            std::cmp::Ordering::Less => large,
            std::cmp::Ordering::Equal => [small, large].concat(),
        };
        for &k in &settled {
            let share = left * balance.weight(sizes[k]);
            counts[k] = if share < floors[k] as u128 * all { floors[k] } else { sizes[k] };
        }
        left -= settled.iter().map(|&k| counts[k] as u128).sum::<u128>();
        open.retain(|k| !settled.contains(k));
    }
    let all: u128 = open.iter().map(|&k| balance.weight(sizes[k])).sum();
    if all == 0 {
        return counts;
    }
    let mut remainders = Vec::with_capacity(open.len());
    let mut missing = left;
    for &k in &open {
        let share = left * balance.weight(sizes[k]);
        counts[k] = (share / all) as usize;
        missing -= share / all;
        remainders.push((share % all, k));
    }
    remainders.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for &(_, k) in remainders.iter().take(missing as usize) {
        counts[k] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[allow(clippy::needless_pass_by_value)] // budgets are written where they are used
    fn counts(budget: Budget, sizes: &[usize], empty_classes: EmptyClasses) -> Result<Vec<usize>> {
        budget.allocate(sizes, empty_classes).map(|(a, _)| a.per_class().to_vec())
    }

    #[test]
    fn largest_remainder_has_the_alabama_paradox() {
        assert_eq!(counts(Budget::Count(10), &[6, 6, 2], EmptyClasses::Allow), Ok(vec![4, 4, 2]));
        assert_eq!(counts(Budget::Count(11), &[6, 6, 2], EmptyClasses::Allow), Ok(vec![5, 5, 1]));
    }

    #[test]
    fn allocate_keeps_a_row_of_small_classes() {
        assert_eq!(counts(Budget::Count(10), &[1000, 1, 1], EmptyClasses::Forbid), Ok(vec![8, 1, 1]));
        assert_eq!(counts(Budget::Count(10), &[1000, 1, 1], EmptyClasses::Allow), Ok(vec![10, 0, 0]));
        assert_eq!(counts(Budget::Count(3), &[5, 0, 5, 5], EmptyClasses::Forbid), Ok(vec![1, 0, 1, 1]));
    }

    #[test]
    fn allocate_raises_a_small_ratio_with_a_warning() {
        let (kept, warnings) = Budget::Ratio(0.01).allocate(&[50, 50, 50], EmptyClasses::Forbid).expect("valid");
        assert_eq!(kept.per_class(), [1, 1, 1]);
        assert_eq!(warnings[0].code, "budget-raised");
    }

    #[test]
    fn allocate_refuses_with_the_value() {
        let error =
            |b: Budget, sizes: &[usize]| counts(b, sizes, EmptyClasses::Forbid).expect_err("refused").to_string();
        assert_eq!(error(Budget::Ratio(0.0), &[3]), "ratio must be in (0, 1], not 0");
        assert_eq!(error(Budget::Ratio(f64::NAN), &[3]), "ratio must be in (0, 1], not NaN");
        assert_eq!(error(Budget::Ratio(1.5), &[3]), "ratio must be in (0, 1], not 1.5");
        assert_eq!(error(Budget::Count(0), &[3]), "count must be at least 1, not 0");
        assert_eq!(error(Budget::Count(4), &[3]), "count 4 is above the 3 rows of the table");
        assert!(error(Budget::Count(1), &[3, 3]).starts_with("count 1 is below the 2 classes"));
        assert_eq!(error(Budget::PerClass(vec![4]), &[3]), "count 4 for class 0 is above its 3 rows");
        assert_eq!(error(Budget::PerClass(vec![1, 1]), &[3]), "2 counts are given for 1 classes");
    }

    #[test]
    fn balanced_shares_are_capped_by_the_rows_there_are() {
        let of = |count, sizes: &[usize], balance| {
            counts(Budget::Count(count).balanced(balance), sizes, EmptyClasses::Forbid).expect("valid")
        };
        assert_eq!(of(300, &[1000, 100, 10, 0], Balance::Equal), [190, 100, 10, 0]);
        assert_eq!(of(10, &[1000, 100, 10], Balance::Equal), [4, 3, 3]);
        assert_eq!(of(10, &[1_000_000, 1, 1], Balance::Sqrt), [8, 1, 1]);
        assert_eq!(of(1110, &[1000, 100, 10], Balance::Sqrt), [1000, 100, 10]);
        // A ratio that is too small is raised as it is otherwise.
        let raised = Budget::Ratio(0.001).balanced(Balance::Sqrt).allocate(&[50, 50], EmptyClasses::Forbid);
        assert_eq!(raised.expect("valid").1[0].code, "budget-raised");
        assert_eq!(Budget::PerClass(vec![1]).balanced(Balance::Equal), Budget::PerClass(vec![1]));
    }

    /// The shares that the bounds leave, by bisection.
    fn naive(total: usize, sizes: &[usize], least: f64, weight: impl Fn(usize) -> f64) -> Vec<f64> {
        let at = |factor: f64| -> Vec<f64> {
            let of = |&size: &usize| if size == 0 { 0.0 } else { (factor * weight(size)).clamp(least, size as f64) };
            sizes.iter().map(of).collect()
        };
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..200 {
            let middle = (low + high) / 2.0;
            let sum: f64 = at(middle).iter().sum();
            if sum < total as f64 { low = middle } else { high = middle }
        }
        at(high)
    }

    proptest! {
        #[test]
        fn balanced_shares_are_exact_and_near_their_naive_reference(
            sizes in prop::collection::vec(0usize..400, 1..12), part in 0.0f64..=1.0, forbid in any::<bool>(),
            balance in prop::sample::select(vec![Balance::Sqrt, Balance::Equal]),
        ) {
            let rows: usize = sizes.iter().sum();
            prop_assume!(rows > 0);
            let least = if forbid { sizes.iter().filter(|&&s| s > 0).count() } else { 1 };
            let empty_classes = if forbid { EmptyClasses::Forbid } else { EmptyClasses::Allow };
            let total = least + ((rows - least) as f64 * part) as usize;
            let got = counts(Budget::Count(total).balanced(balance), &sizes, empty_classes).expect("a valid budget");
            prop_assert_eq!(got.iter().sum::<usize>(), total);
            let weight = |size: usize| if balance == Balance::Sqrt { (size as f64).sqrt() } else { 1.0 };
            let shares = naive(total, &sizes, f64::from(u8::from(forbid)), weight);
            for ((&count, &size), share) in got.iter().zip(&sizes).zip(shares) {
                prop_assert!(count <= size && (!forbid || size == 0 || count >= 1));
                prop_assert!((count as f64 - share).abs() < 1.0 + 1e-6, "{} where {} are due", count, share);
            }
        }
    }

    proptest! {
        /// Beside rows that are kept already: exactly the budget, at least what is kept, and as without where that is less anyway.
        #[test]
        fn allocate_beside_keeps_what_is_kept(
            classes in prop::collection::vec((0usize..100, 0.0f64..=1.0), 1..9), part in 0.0f64..=1.0, forbid in any::<bool>(),
            balance in 0usize..3,
        ) {
            let balance = [Balance::Proportional, Balance::Sqrt, Balance::Equal][balance];
            let sizes: Vec<usize> = classes.iter().map(|c| c.0).collect();
            let kept: Vec<usize> = classes.iter().map(|&(size, part)| (size as f64 * part * part) as usize).collect();
            let rows: usize = sizes.iter().sum();
            prop_assume!(rows > 0);
            let empty = if forbid { EmptyClasses::Forbid } else { EmptyClasses::Allow };
            let least = |k: usize| kept[k].max(usize::from(forbid && sizes[k] > 0));
            let needed: usize = (0..sizes.len()).map(least).sum::<usize>().max(1);
            let total = needed + ((rows - needed) as f64 * part) as usize;
            let budget = Budget::Count(total).balanced(balance);
            let (found, _) = budget.allocate_beside(&sizes, empty, &kept).expect("a budget");
            prop_assert_eq!(found.total(), total);
            for k in 0..sizes.len() {
                prop_assert!((least(k)..=sizes[k]).contains(&found.per_class()[k]), "class {}: {:?}", k, found);
            }
            let (plain, _) = budget.allocate(&sizes, empty).expect("a budget");
            if balance == Balance::Proportional && (0..sizes.len()).all(|k| (total as u128) * (sizes[k] as u128) >= (least(k) * rows) as u128) {
                prop_assert_eq!(&plain, &found);
            }
            if needed > 1 && kept.iter().any(|&k| k > 0) {
                let refused = Budget::Count(needed - 1).balanced(balance).allocate_beside(&sizes, empty, &kept);
                prop_assert!(matches!(refused, Err(crate::Error::Budget(BudgetError::BelowKept { .. }))), "{:?}", refused);
            }
        }

        /// Exactly the budget, never above a class, within one row of the share (where classes may be empty), at least one row otherwise.
        #[test]
        fn allocate_sum_is_exact(sizes in prop::collection::vec(0usize..400, 1..12), part in 0.0f64..=1.0, forbid in any::<bool>()) {
            let rows: usize = sizes.iter().sum();
            let populated = sizes.iter().filter(|&&s| s > 0).count();
            prop_assume!(rows > 0);
            let empty_classes = if forbid { EmptyClasses::Forbid } else { EmptyClasses::Allow };
            let least = if empty_classes == EmptyClasses::Forbid { populated } else { 1 };
            let total = least + ((rows - least) as f64 * part) as usize;
            let got = counts(Budget::Count(total), &sizes, empty_classes).expect("a valid budget");
            prop_assert_eq!(got.iter().sum::<usize>(), total);
            for (k, (&count, &size)) in got.iter().zip(&sizes).enumerate() {
                prop_assert!(count <= size, "class {} gets {} of {}", k, count, size);
                prop_assert!(empty_classes == EmptyClasses::Allow || size == 0 || count >= 1);
                let share = total as f64 * size as f64 / rows as f64;
                if empty_classes == EmptyClasses::Allow {
                    prop_assert!((count as f64 - share).abs() < 1.0);
                }
            }
        }
    }
}
