//! Names that look alike: `spruce` and `spruce `, `é` as one character and as two, `07` and `7`.
//!
//! They are different in the file, so they are different classes, or categories; mostly somebody meant one.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use crate::error::Warning;
use crate::notation::is_invisible;

/// The most groups that are shown.
const SHOWN: usize = 5;

/// What is said of classes that look alike.
pub(crate) fn of_labels(column: &str, names: &[String]) -> Option<Warning> {
    warning("labels-look-alike", &format!("label column {}", visible(column)), "class", names, true)
}

/// What is said of categories of a feature that look alike. Upper and lower case are often meant there.
pub(crate) fn of_categories(column: &str, names: &[String]) -> Option<Warning> {
    warning("categories-look-alike", &format!("column {}", visible(column)), "category", names, false)
}

fn warning(code: &'static str, column: &str, one: &str, names: &[String], case: bool) -> Option<Warning> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names {
        groups.entry(look(name, case)).or_default().push(name);
    }
    let alike: Vec<String> = groups
        .values()
        .filter(|names| names.len() > 1)
        .map(|names| {
            let spellings = leanset_problem::list(names.iter().map(|name| visible(name)), 5);
            format!("{spellings} differ only in {}", difference(names))
        })
        .collect();
    if alike.is_empty() {
        return None;
    }
    let more = alike.len().saturating_sub(SHOWN);
    let mut message = format!("{column}: {}", alike[..alike.len() - more].join("; "));
    if more > 0 {
        message.push_str(&format!("; and {more} more"));
    }
    let hint = format!("each spelling is a {one} of its own: write them alike if one is meant");
    Some(Warning::new(code, message).hint(hint))
}

/// What is left of a name where all that looks alike is the same.
fn look(name: &str, case: bool) -> String {
    let plain = spaced(&name.nfkc().collect::<String>());
    if case && let Ok(number) = plain.parse::<f64>() {
        return format!("{:?}", number + 0.0);
    }
    if case { plain.to_lowercase() } else { plain }
}

/// Without spaces around and invisible characters, and with single spaces.
fn spaced(name: &str) -> String {
    let seen: String = name.chars().filter(|&c| !is_invisible(c)).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn difference(names: &[&str]) -> &'static str {
    let same = |look: &dyn Fn(&str) -> String| names.windows(2).all(|pair| look(pair[0]) == look(pair[1]));
    if same(&spaced) {
        "spaces"
    } else if same(&|name| name.nfkc().collect()) || same(&|name| spaced(&name.nfkc().collect::<String>())) {
        "Unicode form"
    } else if names.iter().all(|name| name.trim().parse::<f64>().is_ok()) {
        "how a number is spelled"
    } else {
        "upper and lower case"
    }
}

/// A name in quotes in which everything can be seen.
fn visible(name: &str) -> String {
    let plain = name.nfc().eq(name.chars());
    let escape = |c: char| {
        let hidden = c.is_control() || is_invisible(c) || (c.is_whitespace() && c != ' ');
        let marked = !plain && !c.is_ascii() && !c.is_alphanumeric();
        if hidden || marked { c.escape_unicode().to_string() } else { c.to_string() }
    };
    format!("'{}'", name.chars().map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_shown_so_that_they_differ() {
        for (names, message) in [
            (&["elm", "spruce", "spruce "][..], "label column 'k': 'spruce' and 'spruce ' differ only in spaces"),
            (&["a b", "a  b", "a\u{a0}b"], "label column 'k': 'a b', 'a  b' and 'a\\u{a0}b' differ only in spaces"),
            (&["x", "x\u{200b}"], "label column 'k': 'x' and 'x\\u{200b}' differ only in spaces"),
            (&["\u{e9}", "e\u{301}"], "label column 'k': '\u{e9}' and 'e\\u{301}' differ only in Unicode form"),
            (&["Elm", "elm"], "label column 'k': 'Elm' and 'elm' differ only in upper and lower case"),
            (&["7", "07", "8"], "label column 'k': '7' and '07' differ only in how a number is spelled"),
        ] {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let found = of_labels("k", &names).map(|warning| warning.message.to_string());
            assert_eq!(found.as_deref(), Some(message));
        }
        let names = ["M", "m", "1", "01", "spruce"].map(str::to_owned);
        assert_eq!(of_categories("k", &names), None);
        assert!(of_labels("k", &["a".to_owned(), "b".to_owned()]).is_none());
    }
}
