//! Errors of a plan with the line of the key that they are about.

use leanset_core::error::nearest;
use leanset_problem::{Problem, Result};
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use toml::de::{DeTable, DeValue, Error};

/// The text of a plan, for errors with their place.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) name: &'a str,
}

impl Text<'_> {
    /// Whether the value of this key is a list, such as `[[model]]`.
    pub(super) fn is_list(&self, key: &str) -> bool {
        let Ok(document) = DeTable::parse(self.text) else { return false };
        let found = document.get_ref().iter().find(|(found, _)| found.get_ref() == key);
        found.is_some_and(|(_, value)| matches!(value.get_ref(), DeValue::Array(_)))
    }

    pub(super) fn wrong<T>(&self, key: &str, what: &str, hint: &str) -> Result<T> {
        Err(Problem::new(format!("{}: {what}", place(self.text, self.name, key))).hint(hint.to_owned()))
    }

    pub(super) fn refuse(&self, key: &str, constraint: &str, value: &dyn std::fmt::Display, hint: &str) -> Result<()> {
        self.wrong(key.trim_start_matches("each of "), &format!("{key} must be {constraint}, not {value}"), hint)
    }
}

/// The file and the line of a key, such as `energy.country` or `method.1.name`; where that is left out, of what it is in.
pub(super) fn place(text: &str, name: &str, key: &str) -> String {
    let Ok(document) = DeTable::parse(text) else { return name.to_owned() };
    let (mut table, mut at, mut parts) = (document.get_ref(), None, key.split('.'));
    while let Some(part) = parts.next() {
        let Some((found, value)) = table.iter().find(|(found, _)| found.get_ref() == part) else { break };
        at = Some(found.span().start);
        let value = match (value.get_ref(), &mut parts) {
            (DeValue::Array(list), parts) => {
                let Some(one) = parts.next().and_then(|i| list.get(i.parse::<usize>().ok()?)) else { break };
                at = Some(one.span().start);
                one.get_ref()
            }
            (value, _) => value,
        };
        let DeValue::Table(inner) = value else { break };
        table = inner;
    }
    at.map_or_else(|| name.to_owned(), |at| format!("{name}: line {}", line_at(text, at)))
}

/// The line of a byte of the text, counted from 1.
fn line_at(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

/// A section that contains settings which the command line and manifests have as well.
///
/// Serde reads such settings from the section without their places. Where that fails they are read once more on their own,
/// so that the error names the line.
pub(super) struct Section {
    name: &'static str,
    /// Its keys that are not among the settings.
    own: &'static [&'static str],
    parts: Vec<Part>,
}

/// Settings that are read on their own.
struct Part {
    keys: &'static [&'static str],
    read: fn(toml::Spanned<DeTable<'_>>) -> Option<Error>,
}

impl Part {
    fn of<T: DeserializeOwned>() -> Self {
        let mut keys = FieldNames(&[]);
        let _ = T::deserialize(&mut keys);
        Self { keys: keys.0, read: |table| T::deserialize(toml::de::Deserializer::from(table)).err() }
    }
}

impl Section {
    /// A section with the settings `T` and keys of its own.
    pub(super) fn of<T: DeserializeOwned>(name: &'static str, own: &'static [&'static str]) -> Self {
        Self { name, own, parts: vec![Part::of::<T>()] }
    }

    /// The same section with further settings.
    pub(super) fn and<T: DeserializeOwned>(mut self) -> Self {
        self.parts.push(Part::of::<T>());
        self
    }

    /// What is wrong with the section, or the sections of a list, if it is there and anything is.
    fn check(&self, text: &str, name: &str) -> Option<Problem> {
        let document = DeTable::parse(text).ok()?.into_inner();
        let (_, value) = document.into_iter().find(|(key, _)| key.get_ref() == self.name)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => self.check_table(text, name, span, &table),
            DeValue::Array(list) => list.into_iter().find_map(|one| match (one.span(), one.into_inner()) {
                (span, DeValue::Table(table)) => self.check_table(text, name, span, &table),
                _ => None,
            }),
            _ => None,
        }
    }

    fn check_table(
        &self,
        text: &str,
        name: &str,
        span: std::ops::Range<usize>,
        table: &DeTable<'_>,
    ) -> Option<Problem> {
        let known = || self.own.iter().chain(self.parts.iter().flat_map(|part| part.keys));
        if let Some((key, _)) = table.iter().find(|(key, _)| !known().any(|known| known == key.get_ref())) {
            let place = format!("{name}: line {}", line_at(text, key.span().start));
            return Some(unknown_key(&place, key.get_ref(), &known().copied().collect::<Vec<_>>()));
        }
        self.parts.iter().find_map(|part| {
            let table = table.clone().into_iter();
            let table = table.filter(|(key, _)| part.keys.contains(&key.get_ref().as_ref())).collect();
            let error = (part.read)(toml::Spanned::new(span.clone(), table))?;
            Some(render_error(text, name, &error))
        })
    }
}

/// Reads nothing, and learns the names of the fields that a type has.
struct FieldNames(&'static [&'static str]);

impl<'de> serde::Deserializer<'de> for &mut FieldNames {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> std::result::Result<V::Value, Self::Error> {
        Err(Self::Error::custom("only the names of fields are wanted"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Self::Error> {
        self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// What the TOML reader reports, in one line with the place of the key.
pub(super) fn malformed(text: &str, name: &str, error: &Error, sections: &[Section]) -> Problem {
    sections.iter().find_map(|section| section.check(text, name)).unwrap_or_else(|| render_error(text, name, error))
}

/// A key that there is not.
fn unknown_key(place: &str, unknown: &str, known: &[&str]) -> Problem {
    let hint = match nearest(unknown, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("known here: {}", known.join(", ")),
    };
    Problem::new(format!("{place}: there is no key '{unknown}'")).hint(hint)
}

fn render_error(text: &str, name: &str, error: &Error) -> Problem {
    let line = error.span().map(|span| line_at(text, span.start));
    let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}: line {line}"));
    let message = error.message().replace('\n', " ");
    // "unknown field `foo`, expected one of `bar`, `baz`": the words in backquotes.
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (message.strip_prefix("unknown field"), quoted.as_slice()) {
        (Some(_), [unknown, known @ ..]) => unknown_key(&place, unknown, known),
        _ => {
            // "invalid type: string "all", expected a sequence", of the key on that line.
            let key = line.and_then(|line| text.lines().nth(line - 1)?.split_once('=').map(|pair| pair.0.trim()));
            let plain = message.replace('`', "'");
            let wrong = ["invalid type: ", "invalid value: ", "unknown variant "];
            let wrong = wrong.iter().find_map(|begin| plain.strip_prefix(begin)?.split_once(", expected "));
            let said = match (key, wrong) {
                (Some(key), Some((value, expected))) => {
                    format!("{key} must be {}, not {value}", describe_expected(expected))
                }
                _ => plain,
            };
            Problem::new(format!("{place}: {said}"))
                .hint("docs/experiments.md describes every key, and plans/ holds examples")
        }
    }
}

/// What the reader expects, for people.
fn describe_expected(expected: &str) -> String {
    match expected {
        "a sequence" => "a list".into(),
        "u64" | "u32" | "usize" => "a whole number of at least 0".into(),
        "f64" => "a number".into(),
        "a character" => "one character".into(),
        "a string" => "text".into(),
        "a map" => "a table, { key = value }".into(),
        other => other.into(),
    }
}
