//! Parameters of methods: declared once beside the method, checked once, printed everywhere.

use std::fmt;

use crate::{Error, Result, RowId};

/// A value of a parameter or of a fact a method reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A word.
    Text(String),
    /// A list of rows.
    Rows(Vec<RowId>),
    /// A list of numbers.
    Floats(Vec<f64>),
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(word: &str) -> Self {
        Self::Text(word.to_owned())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<Vec<RowId>> for Value {
    fn from(rows: Vec<RowId>) -> Self {
        Self::Rows(rows)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(items: &[T], f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    f.write_str(",")?;
                }
                item.fmt(f)?;
            }
            Ok(())
        }
        match self {
            Self::Bool(v) => v.fmt(f),
            Self::Int(v) => v.fmt(f),
            Self::Float(v) => v.fmt(f),
            Self::Text(v) => v.fmt(f),
            Self::Rows(v) => list(v, f),
            Self::Floats(v) => list(v, f),
        }
    }
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number in [min, max].
    Int {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A finite number in [min, max], or (min, max] when `open`.
    Float {
        /// Least value.
        min: f64,
        /// Greatest value.
        max: f64,
        /// Whether `min` itself is excluded.
        open: bool,
    },
    /// A list of row ids, comma-separated.
    Rows,
    /// One of the words, or else what the second kind says.
    Or(&'static [&'static str], &'static Kind),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Choice(words) => f.write_str(&words.join("|")),
            Self::Int { min, max } if *max == i64::MAX => write!(f, "a whole number of at least {min}"),
            Self::Int { min, max } => write!(f, "a whole number in [{min}, {max}]"),
            Self::Float { min, max, open } => {
                let left = if *open { '(' } else { '[' };
                if *max == f64::MAX {
                    write!(f, "a number in {left}{min}, ∞)")
                } else {
                    write!(f, "a number in {left}{min}, {max}]")
                }
            }
            Self::Rows => f.write_str("row ids, comma-separated"),
            Self::Or(words, kind) => write!(f, "{} or {kind}", words.join("|")),
        }
    }
}

impl Kind {
    /// Whether a list of row ids is among what it may be.
    pub fn takes_rows(&self) -> bool {
        match self {
            Self::Rows => true,
            Self::Or(_, kind) => kind.takes_rows(),
            _ => false,
        }
    }

    /// Values that it refuses, of each way to be wrong: what tests of methods and faces try.
    ///
    /// ```
    /// use leanset_core::params::{Kind, Value};
    /// let refused = Kind::Int { min: 1, max: 9 }.refused();
    /// assert!(refused.contains(&Value::Int(0)) && refused.contains(&Value::Int(10)));
    /// ```
    pub fn refused(&self) -> Vec<Value> {
        let mut values: Vec<Value> = vec![Value::Bool(true), "".into(), "no-such-word".into()];
        match self {
            Self::Choice(_) => values.extend([Value::Int(1), Value::Float(0.5)]),
            Self::Int { min, max } => {
                values.extend([Value::Float(0.5), "1.5".into()]);
                values.extend([min.checked_sub(1), max.checked_add(1)].into_iter().flatten().map(Value::Int));
            }
            Self::Float { min, max, open } => {
                let below = if *open { *min } else { min.next_down() };
                values.extend([below, max.next_up(), f64::NAN, f64::INFINITY].map(Value::Float));
                values.extend(["nan".into(), "inf".into(), "1,5".into()]);
            }
            Self::Rows => values.extend([Value::Int(-1), Value::Float(0.5), "1,-2".into(), "1;2".into()]),
            // What neither side takes.
            Self::Or(words, kind) => {
                values.extend(kind.refused());
                values.retain(|value| Self::Choice(words).accept(value).is_none());
            }
        }
        values
    }

    fn accept(&self, given: &Value) -> Option<Value> {
        match (self, given) {
            (Self::Or(words, kind), _) => Self::Choice(words).accept(given).or_else(|| kind.accept(given)),
            (Self::Choice(words), Value::Text(text)) => {
                words.iter().find(|w| w.eq_ignore_ascii_case(text.trim())).map(|w| Value::Text((*w).into()))
            }
            (Self::Int { min, max }, Value::Int(v)) => (v >= min && v <= max).then_some(Value::Int(*v)),
            (Self::Int { .. }, Value::Text(text)) => self.accept(&Value::Int(text.trim().parse().ok()?)),
            (Self::Float { min, max, open }, Value::Float(v)) => {
                let above = if *open { v > min } else { v >= min };
                (v.is_finite() && above && v <= max).then_some(Value::Float(*v))
            }
            (Self::Float { .. }, Value::Int(v)) => self.accept(&Value::Float(*v as f64)),
            (Self::Float { .. }, Value::Text(text)) => self.accept(&Value::Float(text.trim().parse().ok()?)),
            (Self::Rows, Value::Rows(_)) => Some(given.clone()),
            (Self::Rows, Value::Int(v)) => Some(Value::Rows(vec![RowId(u32::try_from(*v).ok()?)])),
            (Self::Rows, Value::Text(text)) => {
                let parse = |part: &str| part.trim().parse().ok().map(RowId);
                text.split(',').map(parse).collect::<Option<Vec<_>>>().map(Value::Rows)
            }
            _ => None,
        }
    }
}

/// One parameter a method declares.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Its value when nothing is given, as text; empty when it is then simply absent.
    pub default: &'static str,
    /// One sentence on what it does.
    pub doc: &'static str,
}

/// The checked parameters of one method: every declared one that is given or has a default, and no other.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    method: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Params {
    /// Checks `given` against the declaration of a method. Later values of one name win.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`] and [`Error::BadParameter`].
    pub fn check(method: &'static str, specs: &'static [Spec], given: &[(String, Value)]) -> Result<Self> {
        if let Some((name, _)) = given.iter().find(|(name, _)| !specs.iter().any(|s| s.name == name)) {
            let known = specs.iter().map(|s| s.name).collect();
            return Err(Error::UnknownParameter { method, name: name.clone(), known });
        }
        let mut values = Vec::new();
        for spec in specs {
            let text = Value::Text(spec.default.into());
            let value = match given.iter().rev().find(|(name, _)| name == spec.name) {
                Some((_, value)) => value,
                None if spec.default.is_empty() => continue,
                None => &text,
            };
            let checked = spec.kind.accept(value).ok_or_else(|| Error::BadParameter {
                method,
                name: spec.name,
                constraint: spec.kind.to_string(),
                value: format!("'{value}'"),
            })?;
            values.push((spec.name, checked));
        }
        Ok(Self { method, values })
    }

    /// All values as used, defaults included, in the order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }

    /// A value, if it was given or has a default.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// A word, or "" if the value is of another kind.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// A number, if there is one.
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Value::Float(v)) => Some(*v),
            Some(Value::Int(v)) => Some(*v as f64),
            _ => None,
        }
    }

    /// A whole number that is not negative, if there is one.
    pub fn count(&self, name: &str) -> Option<usize> {
        match self.get(name) {
            Some(Value::Int(v)) => usize::try_from(*v).ok(),
            _ => None,
        }
    }

    /// A list of rows, if there is one.
    pub fn rows(&self, name: &str) -> Option<&[RowId]> {
        match self.get(name) {
            Some(Value::Rows(rows)) => Some(rows),
            _ => None,
        }
    }

    /// An error about a value that only the data shows to be wrong.
    pub fn refuse(&self, name: &'static str, constraint: impl Into<String>) -> Error {
        let value = self.get(name).map_or_else(String::new, |v| format!("'{v}'"));
        Error::BadParameter { method: self.method, name, constraint: constraint.into(), value }
    }
}
