//! Errors of a plan with the line of the key that they are about.

use leanset_core::error::nearest;

use crate::error::{Error, Result};

/// The text of a plan, for errors with their place.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) name: &'a str,
}

impl Text<'_> {
    pub(super) fn wrong<T>(&self, key: &str, what: &str, hint: &str) -> Result<T> {
        Err(Error::new(format!("{}: {what}", place(self.text, self.name, key)), hint.to_owned()))
    }

    pub(super) fn refuse(&self, key: &str, constraint: &str, value: &dyn std::fmt::Display, hint: &str) -> Result<()> {
        self.wrong(key.trim_start_matches("each of "), &format!("{key} must be {constraint}, not {value}"), hint)
    }
}

/// The file and the line of a key, such as `energy.country` or `method.1.name`; where that is left out, of what it is in.
pub(super) fn place(text: &str, name: &str, key: &str) -> String {
    use toml::de::{DeTable, DeValue};
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

/// What the TOML reader says, in one line with the key's place.
pub(super) fn malformed(text: &str, name: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map(|span| line_at(text, span.start));
    let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}: line {line}"));
    let message = error.message().replace('\n', " ");
    // "unknown field `foo`, expected one of `bar`, `baz`": the words in backquotes.
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (message.strip_prefix("unknown field"), quoted.as_slice()) {
        (Some(_), [unknown, known @ ..]) => {
            let hint = match nearest(unknown, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("known here: {}", known.join(", ")),
            };
            Error::new(format!("{place}: there is no key '{unknown}'"), hint)
        }
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
            Error::new(format!("{place}: {said}"), "docs/experiments.md describes every key, and plans/ holds examples")
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
