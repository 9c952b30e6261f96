//! How much is kept.

use leanset_core::EmptyClasses;
use leanset_problem::{Problem, Result, Setting, list, setting, text};
use serde::{Deserialize, Serialize};

use crate::word::word_enum;

/// How much is kept: a fraction, a number, or a number of each class; and whether classes may vanish.
///
/// For image datasets a class is a category, and the command line calls it so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Budget"))]
pub struct Budget {
    /// Fraction of rows to keep, e.g. 0.1 or 10%.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, short, value_name = "R", value_parser = fraction,
        allow_negative_numbers = true, conflicts_with_all = ["count", "per_class"]))]
    pub ratio: Option<f64>,
    /// Number of rows to keep, e.g. 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, short = 'n', value_name = "N", conflicts_with = "per_class"))]
    pub count: Option<usize>,
    /// Number of rows to keep of one class, e.g. SIRA=100; repeat it for every class.
    #[serde(skip_serializing_if = "Vec::is_empty", with = "pairs")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "CLASS=N", value_parser = class_count))]
    pub per_class: Vec<(String, usize)>,
    /// How classes share a ratio or a count.
    #[serde(skip_serializing_if = "is_proportional")]
    #[cfg_attr(feature = "clap", arg(long = "balance", id = "balance_classes", value_name = "HOW", default_value_t,
        hide_short_help = true, conflicts_with = "per_class", value_parser = crate::word::parser::words::<Balance>()))]
    pub balance: Balance,
    /// Allow a small class to lose all its rows (by default every class keeps at least one).
    #[cfg_attr(feature = "clap", arg(long, hide_short_help = true))]
    pub allow_empty_classes: bool,
}

/// What is as before there was a choice is not said.
#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_proportional(balance: &Balance) -> bool {
    *balance == Balance::Proportional
}

word_enum! {
    "balance"
    /// How classes share a total.
    #[derive(Default)]
    pub enum Balance {
        /// In proportion to their rows: best for accuracy.
        #[default]
        Proportional,
        /// In proportion to the square roots of their rows: rare classes keep more.
        Sqrt,
        /// The same number of rows of every class, as far as there are.
        Equal,
    }
}

impl From<Balance> for leanset_core::Balance {
    fn from(balance: Balance) -> Self {
        match balance {
            Balance::Proportional => Self::Proportional,
            Balance::Sqrt => Self::Sqrt,
            Balance::Equal => Self::Equal,
        }
    }
}

impl From<leanset_core::Balance> for Balance {
    fn from(balance: leanset_core::Balance) -> Self {
        match balance {
            leanset_core::Balance::Proportional => Self::Proportional,
            leanset_core::Balance::Sqrt => Self::Sqrt,
            leanset_core::Balance::Equal => Self::Equal,
        }
    }
}

/// What the classes of a budget are called where it was given, for problems.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// `class` or `category`.
    pub class: &'static str,
    /// `classes` or `categories`.
    pub classes: &'static str,
    /// `row` or `image`.
    pub rows: &'static str,
    /// The setting of counts by class.
    pub per_class: &'static Setting,
    /// The setting of how classes share a total.
    pub balance: &'static Setting,
    /// The setting that lets classes vanish.
    pub allow_empty: &'static Setting,
}

impl Vocabulary {
    /// Of tables.
    pub const TABLE: Self = Self {
        class: "class",
        classes: "classes",
        rows: "rows",
        per_class: &setting::PER_CLASS,
        balance: &setting::BALANCE_CLASSES,
        allow_empty: &setting::ALLOW_EMPTY_CLASSES,
    };
    /// Of image datasets.
    pub const IMAGES: Self = Self {
        class: "category",
        classes: "categories",
        rows: "images",
        per_class: &setting::PER_CATEGORY,
        balance: &setting::BALANCE_CATEGORIES,
        allow_empty: &setting::ALLOW_EMPTY_CATEGORIES,
    };
}

impl Budget {
    /// This fraction, in (0, 1].
    pub fn of_ratio(ratio: f64) -> Self {
        Self { ratio: Some(ratio), ..Self::default() }
    }

    /// This number of rows.
    pub fn of_count(count: usize) -> Self {
        Self { count: Some(count), ..Self::default() }
    }

    /// Whether nothing says how much is kept.
    pub fn is_none(&self) -> bool {
        self.ratio.is_none() && self.count.is_none() && self.per_class.is_empty()
    }

    /// What is known to be wrong before any data are read.
    ///
    /// # Errors
    /// Nothing is asked, or more than one thing; a ratio outside (0, 1].
    pub fn check(&self, words: Vocabulary) -> Result<()> {
        let given = [self.ratio.is_some(), self.count.is_some(), !self.per_class.is_empty()];
        match given.iter().filter(|given| **given).count() {
            1 => {}
            0 => {
                let each = format!("{}=N", words.class.to_uppercase());
                return Err(Problem::new("no budget is given").hint(text![
                    setting::RATIO.to("R"),
                    ", ",
                    setting::COUNT.to("N"),
                    ", or ",
                    words.per_class.to(each),
                    format!(" for every {}", words.class)
                ]));
            }
            _ => {
                return Err(Problem::new("the budget is given twice").hint(text![
                    "give one of ",
                    &setting::RATIO,
                    ", ",
                    &setting::COUNT,
                    " and ",
                    words.per_class
                ]));
            }
        }
        if !self.per_class.is_empty() && self.balance != Balance::Proportional {
            return Err(Problem::new(text![
                words.balance.to(self.balance),
                ": ",
                words.per_class,
                " gives the number of each class already"
            ])
            .hint(text!["give one of both"]));
        }
        if let Some(ratio) = self.ratio {
            leanset_core::Budget::Ratio(ratio).allocate(&[1], EmptyClasses::Allow).map_err(Problem::from)?;
        }
        Ok(())
    }

    /// Whether classes keep at least one row each.
    pub fn empty_classes(&self) -> EmptyClasses {
        if self.allow_empty_classes { EmptyClasses::Allow } else { EmptyClasses::Forbid }
    }

    /// As the core takes it: names of classes become ids. `sizes` are the rows of each class.
    ///
    /// # Errors
    /// A class that there is not, one named twice, one left out, or more rows than it has.
    pub fn resolve(&self, names: &[String], sizes: &[usize], words: Vocabulary) -> Result<leanset_core::Budget> {
        self.check(words)?;
        if let Some(ratio) = self.ratio {
            return Ok(leanset_core::Budget::Ratio(ratio).balanced(self.balance.into()));
        }
        if let Some(count) = self.count {
            return Ok(leanset_core::Budget::Count(count).balanced(self.balance.into()));
        }
        let Vocabulary { class, classes, rows, per_class, .. } = words;
        let mut counts = vec![None; names.len()];
        for (name, count) in &self.per_class {
            let asked = || text![per_class.to(format!("{name}={count}")), ": "];
            let Some(at) = names.iter().position(|n| n == name) else {
                let hint = match leanset_core::error::nearest(name, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("the {classes} are {}", list(names, 40)),
                };
                return Err(Problem::new(asked().text(format!("there is no {class} '{name}'"))).hint(hint));
            };
            if *count > sizes[at] {
                let has = sizes[at];
                return Err(Problem::new(asked().text(format!("{class} '{name}' has {has} {rows}")))
                    .hint(format!("ask for at most {has} of it")));
            }
            if counts[at].replace(*count).is_some() {
                return Err(
                    Problem::new(text![per_class, format!(" names {class} '{name}' twice")]).hint("name it once")
                );
            }
        }
        let missing: Vec<&String> = counts.iter().zip(names).filter(|(c, _)| c.is_none()).map(|(_, n)| n).collect();
        if !missing.is_empty() {
            return Err(Problem::new(text![per_class, format!(" does not name {}", list(missing, 40))])
                .hint(format!("name every {class}; {}=0 keeps none of it", class.to_uppercase())));
        }
        Ok(leanset_core::Budget::PerClass(counts.into_iter().flatten().collect()))
    }
}

/// A fraction, written as 0.1 or as 10%.
///
/// # Errors
/// It is not a number.
pub fn fraction(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.trim().strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text.trim(), 1.0),
    };
    // Divided, not multiplied: 10 % is 0.1 to the last bit.
    number.parse::<f64>().map(|n| n / scale).map_err(|_| "a fraction is a number such as 0.1, or 10%".to_owned())
}

#[cfg(feature = "clap")]
fn class_count(text: &str) -> Result<(String, usize), String> {
    // The last `=`: names of classes may hold one.
    let (name, count) = text.rsplit_once('=').ok_or("a class and its count are CLASS=N, such as SIRA=100")?;
    let count = count.trim().parse().map_err(|_| format!("the count must be a whole number, not '{count}'"))?;
    Ok((name.to_owned(), count))
}

/// Pairs as an object, in their order.
mod pairs {
    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(pairs: &[(String, usize)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pairs.iter().map(|(name, count)| (name, count)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, usize)>, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(String, usize)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a count for each class")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["a", "b"].map(String::from).to_vec()
    }

    #[test]
    fn budget_resolves_counts_in_the_order_of_classes() {
        let budget = Budget { per_class: vec![("b".into(), 2), ("a".into(), 1)], ..Budget::default() };
        let found = budget.resolve(&names(), &[3, 3], Vocabulary::TABLE).expect("counts");
        assert_eq!(found, leanset_core::Budget::PerClass(vec![1, 2]));
    }

    #[test]
    fn budget_names_the_class_that_is_left_out() {
        let budget = Budget { per_class: vec![("b".into(), 2)], ..Budget::default() };
        let problem = budget.resolve(&names(), &[3, 3], Vocabulary::IMAGES).expect_err("a is left out");
        assert_eq!(problem.to_string(), "per_category does not name a");
    }

    #[test]
    fn fraction_takes_percent() {
        assert_eq!(fraction("10%"), Ok(0.1));
        assert_eq!(fraction("0.1"), Ok(0.1));
        assert_eq!(fraction("12.5 %"), Ok(0.125));
        assert!(fraction("ten").is_err());
    }

    #[test]
    fn budget_comes_back_from_its_document() {
        let budget = Budget { per_class: vec![("b".into(), 2), ("a".into(), 1)], ..Budget::default() };
        let text = serde_json::to_string(&budget).expect("a document");
        assert_eq!(serde_json::from_str::<Budget>(&text).expect("the same"), budget);
    }
}
