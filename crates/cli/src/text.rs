//! Words for people: numbers, durations, sizes, aligned columns.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::{HumanBytes, HumanCount};
use leanset_core::Dataset;
use leanset_core::metrics::Epsilon;
use leanset_problem::{Face, Warning};

use crate::error::labelled;

/// Classes listed in the report.
const LISTED_CLASSES: usize = 40;

/// 13611 as 13,611.
pub(crate) fn count(n: usize) -> String {
    HumanCount(n as u64).to_string()
}

/// Bytes with a binary unit.
pub(crate) fn bytes(n: u64) -> String {
    HumanBytes(n).to_string()
}

/// A distance with four significant digits, ∞ when a class is lost.
pub(crate) fn distance(value: f64) -> String {
    if value.is_infinite() {
        return "∞".into();
    }
    if value == 0.0 {
        return "0".into();
    }
    let digits = 3 - (value.abs().log10().floor() as i32);
    if (0..=9).contains(&digits) { format!("{value:.*}", digits as usize) } else { format!("{value:.3e}") }
}

/// A part of a whole in percent, with as many digits as it needs.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    if percent >= 0.95 || percent == 0.0 { format!("{percent:.1} %") } else { format!("{percent:.2} %") }
}

/// A time that a person can compare.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s < 0.000_95 => format!("{:.0} µs", s * 1e6),
        s if s < 0.0995 => format!("{:.1} ms", s * 1e3),
        s if s < 0.95 => format!("{:.0} ms", s * 1e3),
        s if s < 99.5 => format!("{s:.1} s"),
        s => format!("{} min {:02} s", s.round() as u64 / 60, s.round() as u64 % 60),
    }
}

/// An energy with three significant digits.
pub(crate) fn joules(energy: f64) -> String {
    match energy {
        e if e >= 9.995e5 => format!("{} MJ", significant(e / 1e6)),
        e if e >= 999.5 => format!("{} kJ", significant(e / 1e3)),
        e => format!("{} J", significant(e)),
    }
}

/// A mass with three significant digits.
pub(crate) fn grams(mass: f64) -> String {
    match mass {
        m if m >= 999.5 => format!("{} kg", significant(m / 1e3)),
        m if m >= 0.9995 || m == 0.0 => format!("{} g", significant(m)),
        m if m >= 9.995e-4 => format!("{} mg", significant(m * 1e3)),
        m => format!("{} µg", significant(m * 1e6)),
    }
}

/// A number with three significant digits, at most three of them behind the point.
fn significant(value: f64) -> String {
    let digits = match value {
        v if v == 0.0 || v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// Aligned columns under a header: the first `words` to the left, the rest, numbers, to the right.
pub(crate) fn columns(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    indent: usize,
    words: usize,
) -> String {
    let mut table = Table::new();
    // A rule under the header, and no frame: the space between columns is their padding.
    let style = TableStyle::new().header_separator(LineStyle::none().fill('─'));
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= words {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        let line = line.trim_end();
        if !line.is_empty() {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
    }
    text
}

/// Counts and ε of every class and of all, for a person.
pub(crate) fn class_table(data: &Dataset<'_>, epsilon: &Epsilon, label: &str) -> String {
    let classes = data.classes();
    let line = |name: String, rows: usize, kept: usize, value: f64| {
        vec![name, count(rows), count(kept), percent(kept, rows), distance(value)]
    };
    let mut rows: Vec<Vec<String>> = epsilon
        .per_class
        .iter()
        .zip(classes.ids())
        .take(LISTED_CLASSES)
        .map(|(c, id)| line(classes.name(id).to_owned(), c.rows, c.kept, c.value))
        .collect();
    if classes.len() > LISTED_CLASSES {
        rows.push(vec![format!("and {} more", classes.len() - LISTED_CLASSES)]);
    }
    if classes.len() > 1 {
        let kept = epsilon.per_class.iter().map(|c| c.kept).sum();
        rows.push(line("all".into(), data.rows(), kept, epsilon.value));
    }
    columns(&[label, "rows", "kept", "part", "ε"], rows, 2, 1)
}

/// A warning of the core in the words of the tables.
pub(crate) fn own_warning(warning: &leanset_core::Warning) -> Warning {
    warning.clone()
}

/// A text as the command line spells it.
pub(crate) fn plain(text: &leanset_problem::Text) -> String {
    text.render(Face::CommandLine)
}

/// A warning as printed on stderr.
pub(crate) fn warning(warning: &Warning) -> String {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    let face = Face::CommandLine;
    let hint = warning.hint.as_ref().map(|hint| hint.render(face));
    labelled("warning", style, &warning.message.render(face), hint.as_deref())
}

/// Prints words to stderr. Nobody listening is nobody's failure.
pub(crate) fn say(words: &str) {
    let _ = std::io::Write::write_all(&mut anstream::stderr(), words.as_bytes());
}
