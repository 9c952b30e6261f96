//! Which method chooses, and what it works with.

use std::path::PathBuf;

use leanset_core::params::Value;
use leanset_problem::{Command, Problem, Result, setting, text};
use serde::{Deserialize, Serialize};

use crate::training::Training;
use crate::word::word_enum;

/// A method with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Method"))]
pub struct Method {
    /// Method that chooses the rows, e.g. srs (random per class) or mms (coverage); `leanset methods` lists all.
    #[serde(rename = "method", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long = "method", short = 'm', value_name = "NAME", id = "method"))]
    pub name: Option<String>,
    /// Its parameters.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    #[cfg_attr(feature = "clap", command(flatten))]
    pub parameters: Parameters,
    /// Whether rows that their neighbours contradict come last [default: what the method does of itself].
    ///
    /// A row is contradicted if, among its 10 nearest other rows, another class has more votes than its own: it is probably
    /// mislabelled, or lies in another class. For methods that use the coordinates of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "WHEN", hide_short_help = true,
        value_parser = crate::word::parser::words::<Guard>()))]
    pub guard: Option<Guard>,
    /// Seed of all random choices; the same seed gives the same rows.
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", default_value_t = 0, hide_short_help = true))]
    pub seed: u64,
}

word_enum! {
    "guard"
    /// Whether rows that their neighbours contradict come last.
    pub enum Guard {
        /// Last up to a fifth of a class, in their share from half of a class on, and in between in between.
        Auto,
        /// Last at every budget.
        On,
        /// Rows are taken as they are labelled.
        Off,
    }
}

impl From<Guard> for leanset_core::Guard {
    fn from(guard: Guard) -> Self {
        match guard {
            Guard::Auto => Self::Auto,
            Guard::On => Self::On,
            Guard::Off => Self::Off,
        }
    }
}

impl From<leanset_core::Guard> for Guard {
    fn from(guard: leanset_core::Guard) -> Self {
        match guard {
            leanset_core::Guard::Auto => Self::Auto,
            leanset_core::Guard::On => Self::On,
            leanset_core::Guard::Off => Self::Off,
        }
    }
}

/// A method for tables, and what it works with beside the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Method"))]
pub struct TableMethod {
    /// The method.
    #[serde(flatten)]
    #[cfg_attr(feature = "clap", command(flatten))]
    pub choice: Method,
    /// Choose rows that represent this table instead of FILE, e.g. target.csv.
    ///
    /// Only for methods that support a target (see `leanset methods`). The target needs the feature and label columns of FILE;
    /// rows of a class are chosen to represent the rows of the same class in the target. The scaling learned from FILE is
    /// applied to the target. ε is still measured on FILE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "TABLE", value_hint = clap::ValueHint::FilePath, hide_short_help = true))]
    pub target: Option<PathBuf>,
    /// Keep the rows that FILE names, and add what they lack, e.g. kept.csv.
    ///
    /// FILE is what leanset wrote (the kept rows, their ids, or the manifest), or a table of row ids: the column `row`, the --id
    /// column, or the only column. The named rows count towards the budget and come first. Only for methods that can go on
    /// from rows (see `leanset methods`).
    #[serde(rename = "keep", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long = "keep", value_name = "FILE", value_hint = clap::ValueHint::FilePath, hide_short_help = true))]
    pub kept: Option<PathBuf>,
    /// Training log to use instead of training a model, e.g. log.parquet.
    ///
    /// Only for methods that use training dynamics. A table with the columns `epoch`, `row` (or the --id column) and
    /// `correct`, one line per row and epoch, from any trainer. Add the predicted probabilities as `p_0`, `p_1`, … (classes
    /// in the order of their sorted names) for methods that need them, and for grand the length of the gradient by the last layer
    /// as `gradient`. Or a file that `ForgettingLog.save` of the Python package wrote. Without --log a model is trained first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, hide_short_help = true))]
    pub log: Option<PathBuf>,
    /// How the built-in trainer trains, where there is no log.
    #[serde(skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "clap", command(flatten))]
    pub training: Training,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Method {
    /// This method with its defaults.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// The method with these parameters, and with the guard that is asked.
    ///
    /// # Errors
    /// A parameter that cannot be used, or a guard that the method cannot have.
    pub fn guarded(&self, reducer: leanset_core::Reducer) -> Result<leanset_core::Reducer> {
        Ok(match self.guard {
            Some(guard) => reducer.with_guard(guard.into())?,
            None => reducer,
        })
    }

    /// The guard as it is used. One that is off, and was not asked for, is not said, as before there was one.
    pub fn guard_used(&self, reducer: &leanset_core::Reducer) -> Option<Guard> {
        let used = Guard::from(reducer.guard());
        if used == Guard::Off { self.guard } else { Some(used) }
    }

    /// Its registry entry.
    ///
    /// # Errors
    /// No method is given, or one that there is not.
    pub fn info(&self) -> Result<&'static leanset_core::methods::Info> {
        let name = self.name.as_deref().ok_or_else(no_method)?;
        Ok(leanset_core::methods::find(name)?)
    }
}

impl From<Method> for TableMethod {
    fn from(choice: Method) -> Self {
        Self { choice, ..Self::default() }
    }
}

/// No method is given.
pub fn no_method() -> Problem {
    Problem::new("no method is given").hint(text![setting::METHOD.to("NAME"), "; ", Command::METHODS, " lists them"])
}

/// Parameters of a method by name, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Parameters {
    /// Set a parameter of the method, e.g. start=first; repeatable.
    ///
    /// `NAME=@FILE` reads row ids from a file. `leanset methods NAME` lists the parameters of a method.
    #[cfg_attr(feature = "clap", arg(long = "param", short = 'p', id = "params", value_name = "NAME=VALUE", value_parser = parameter))]
    pub values: Vec<(String, Value)>,
}

impl Parameters {
    /// Whether none is given.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Each by name.
    ///
    /// # Errors
    /// One is given twice.
    pub fn distinct(&self) -> Result<&[(String, Value)]> {
        for (at, (name, _)) in self.values.iter().enumerate() {
            if self.values[..at].iter().any(|(other, _)| other == name) {
                return Err(Problem::new(text![setting::PARAM.to(name), " is given twice"]).hint("give it once"));
            }
        }
        Ok(&self.values)
    }
}

impl<N: Into<String>> FromIterator<(N, Value)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(values: I) -> Self {
        Self { values: values.into_iter().map(|(name, value)| (name.into(), value)).collect() }
    }
}

impl Serialize for Parameters {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter().map(|(name, value)| (name, crate::value(value))))
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = serde_json::Map::<String, serde_json::Value>::deserialize(deserializer)?;
        Ok(values.iter().map(|(name, value)| (name.clone(), crate::parse(value))).collect())
    }
}

#[cfg(feature = "clap")]
fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is NAME=VALUE, e.g. start=first")?;
    Ok((name.trim().to_owned(), Value::Text(value.trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use leanset_core::RowId;

    use super::*;

    #[test]
    fn method_comes_back_from_its_document() {
        let method = Method {
            parameters: [("start", Value::Rows(vec![RowId(3), RowId(7)])), ("power", Value::Float(2.5))]
                .into_iter()
                .collect(),
            seed: 4,
            ..Method::named("maxmin")
        };
        let text = serde_json::to_string(&method).expect("a document");
        assert_eq!(serde_json::from_str::<Method>(&text).expect("the same"), method);
    }

    #[test]
    fn parameters_are_distinct() {
        let twice: Parameters = [("start", Value::Int(1)), ("start", Value::Int(2))].into_iter().collect();
        assert_eq!(twice.distinct().expect_err("twice").to_string(), "param=start is given twice");
    }
}
