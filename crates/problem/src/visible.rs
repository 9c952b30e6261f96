//! Names and values from files in text for people. A terminal obeys control characters: one in a file name could change
//! the title of the window, hide what was printed or reorder it. So they are shown as escapes and never obeyed.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal obeys the character instead of showing it: controls (C0, DEL, C1), what overrides or isolates the
/// direction of text, and the two separators that break lines.
fn obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// The text as one line in which every character is visible: `\n`, `\t`, and `\u001b` for an escape, as in JSON.
///
/// ```
/// use leanset_problem::visible;
/// assert_eq!(visible("Größe µ"), "Größe µ");
/// assert_eq!(visible("a\u{1b}]0;b\u{7}\nc\u{202e}"), r"a\u001b]0;b\u0007\nc\u202e");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_, c| usize::from(!obeyed(c)))
}

/// The same of text of several lines that may be styled by leanset itself: line breaks, tabs, and bold, dim and coloured
/// text stay.
///
/// ```
/// use leanset_problem::visible_lines;
/// let styled = "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: x\n";
/// assert_eq!(visible_lines(styled), styled);
/// assert_eq!(visible_lines("a\u{1b}[2Jb\r\n"), "a\\u001b[2Jb\\r\n");
/// ```
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |rest, c| match c {
        '\n' | '\t' => 1,
        '\u{1b}' => style(rest),
        c => usize::from(!obeyed(c)),
    })
}

/// The length of the style that a text begins with: `ESC [ digits m` of a style that leanset uses; else 0.
fn style(text: &str) -> usize {
    let Some((number, _)) = text.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')) else { return 0 };
    if matches!(number, "" | "0" | "1" | "2" | "4" | "31" | "32" | "33" | "36") { number.len() + 3 } else { 0 }
}

/// Copies the bytes that `keep` counts, of the rest of the text and its first character, and escapes the other characters.
fn escaped(text: &str, keep: impl Fn(&str, char) -> usize) -> Cow<'_, str> {
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let kept = match keep(rest, c) {
            0 => 0,
            bytes => bytes.max(c.len_utf8()),
        };
        match c {
            _ if kept > 0 => out.push_str(&rest[..kept]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Nothing that is escaped lies beyond four digits.
            c => drop(write!(out, "\\u{:04x}", u32::from(c))),
        }
        rest = &rest[kept.max(c.len_utf8())..];
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_escapes_what_a_terminal_obeys() {
        for (text, shown) in [
            ("", ""),
            ("naïve café, 日本, שלום", "naïve café, 日本, שלום"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("\u{0}\u{7f}\u{9b}31m", r"\u0000\u007f\u009b31m"),
            ("\u{1b}[31mred\u{1b}[0m", r"\u001b[31mred\u001b[0m"),
            ("\u{1b}]0;title\u{7}", r"\u001b]0;title\u0007"),
            ("abc\u{202e}txt.exe\u{2066}", r"abc\u202etxt.exe\u2066"),
            ("one\u{2028}two", r"one\u2028two"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn visible_lines_keeps_lines_and_our_styles_only() {
        for (text, shown) in [
            ("a\n\tb\n", "a\n\tb\n"),
            ("\u{1b}[1m\u{1b}[33mw\u{1b}[0m\u{1b}[m", "\u{1b}[1m\u{1b}[33mw\u{1b}[0m\u{1b}[m"),
            ("\u{1b}[8mhidden\u{1b}[2K\u{1b}[", r"\u001b[8mhidden\u001b[2K\u001b["),
            ("x\u{1b}", r"x\u001b"),
            ("\u{1b}[3\u{1b}[1m", "\\u001b[3\u{1b}[1m"),
            ("{\"a\":\"\u{9b}\u{202e}\"}\n", "{\"a\":\"\\u009b\\u202e\"}\n"),
        ] {
            assert_eq!(visible_lines(text), shown);
        }
    }
}
