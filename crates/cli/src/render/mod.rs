//! Words for people: numbers, durations, sizes, aligned columns, warnings, within the width of the terminal.

pub(crate) mod dry_run;
pub(crate) mod energy;
pub(crate) mod persistence_report;
pub(crate) mod progress;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::HumanCount;
use leanset::{Problem, Result, Warning};
use leanset_core::Dataset;
use leanset_core::metrics::Epsilon;
use leanset_problem::{Face, Text, visible, visible_lines};
use leanset_spec::Energy;
use leanset_spec::manifest::Measured;
use leanset_spec::manifest::table::Manifest;

pub(crate) use leanset::memory::bytes;

/// Classes listed in the report.
const LISTED_CLASSES: usize = 40;

/// 13611 as 13,611.
pub(crate) fn count(n: usize) -> String {
    HumanCount(n as u64).to_string()
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

/// A share of a whole in percent, with as many digits as it needs.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    if percent >= 0.95 || percent == 0.0 { format!("{percent:.1} %") } else { format!("{percent:.2} %") }
}

/// Seconds as a time: of a number that is none, such as those of edited records, no time.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
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

/// A time that is an estimate: whole seconds, whole minutes, hours and minutes.
pub(crate) fn rounded_duration(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        s if s < 100 => format!("{s} s"),
        s if s < 6000 => format!("{} min", (s + 30) / 60),
        s => format!("{} h {:02} min", (s + 30) / 3600, (s + 30) % 3600 / 60),
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

/// What the guard found, of the facts of a method; nothing without a guard.
pub(crate) fn guard(facts: &BTreeMap<String, serde_json::Value>) -> String {
    let Some(guard) = facts.get("guard").and_then(serde_json::Value::as_str) else { return String::new() };
    let counts = facts.get("contradicted_rows").and_then(serde_json::Value::as_array);
    let contradicted: f64 = counts.into_iter().flatten().filter_map(serde_json::Value::as_f64).sum();
    let rows = if contradicted == 1.0 { "row" } else { "rows" };
    format!("  guard: {guard}, {} contradicted {rows}\n", count(contradicted as usize))
}

/// Characters of a cell that are shown.
const LONGEST_CELL: usize = 200;

/// Aligned columns under a header: the first `words` to the left, the rest, numbers, to the right. A table that is wider
/// than the terminal is continued below with its first columns again, so that no cell is broken.
pub(crate) fn columns(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    indent: usize,
    words: usize,
) -> String {
    // A name of a class can be of any length.
    let cut = |cell: String| match cell.char_indices().nth(LONGEST_CELL) {
        Some((at, _)) => format!("{}…", &cell[..at]),
        None => cell,
    };
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().map(cut).collect()).collect();
    columns_within(width(), header, &rows, indent, words)
}

fn columns_within(width: usize, header: &[&str], rows: &[Vec<String>], indent: usize, words: usize) -> String {
    let length = |text: &str| display_width(&visible(text));
    let widths: Vec<usize> = (0..header.len())
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| length(cell)).chain([length(header[at])]).max())
        .map(|most| most.unwrap_or(0) + 2)
        .collect();
    // The columns that every part begins with: what names the rows.
    let first = words.clamp(1, header.len().max(1));
    let named: usize = indent + widths.iter().take(first).sum::<usize>();
    let mut parts: Vec<Vec<usize>> = vec![(0..first.min(header.len())).collect()];
    let mut used = named;
    for at in first..header.len() {
        // The last column needs no space behind it.
        if used + widths[at] - 2 > width && parts.last().is_some_and(|part| part.len() > first) {
            parts.push((0..first).collect());
            used = named;
        }
        used += widths[at];
        if let Some(part) = parts.last_mut() {
            part.push(at);
        }
    }
    let part = |columns: &Vec<usize>| {
        let header: Vec<&str> = columns.iter().map(|&at| header[at]).collect();
        let rows = rows.iter().map(|row| columns.iter().filter_map(|&at| row.get(at).cloned()).collect());
        table(&header, rows, indent, words)
    };
    parts.iter().map(part).collect::<Vec<_>>().join("\n")
}

fn display_width(text: &str) -> usize {
    textwrap::core::display_width(text)
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, indent: usize, words: usize) -> String {
    // Cells hold names of classes and files.
    let cell = |text: &str| visible(text).into_owned();
    let mut table = Table::new();
    // A rule under the header, and no frame: the space between columns is their padding.
    let style = TableStyle::new().header_separator(LineStyle::none().fill('─'));
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|text| cell(text)));
    for row in rows {
        table.add_row(row.iter().map(|text| cell(text)));
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
    columns(&[label, "rows", "kept", "share", "ε"], rows, 2, 1)
}

/// The same of a manifest.
pub(crate) fn manifest_classes(manifest: &Manifest, label: &str) -> String {
    // Without ε there is no column of it.
    let value = |epsilon: Option<&serde_json::Value>| epsilon.map(json_distance);
    let line = |name: &str, rows: usize, kept: usize, value: Option<String>| {
        let mut line = vec![name.to_owned(), count(rows), count(kept), percent(kept, rows)];
        line.extend(value);
        line
    };
    let classes = &manifest.classes;
    let mut rows: Vec<Vec<String>> = classes
        .iter()
        .take(LISTED_CLASSES)
        .map(|class| line(&class.name, class.rows, class.kept, value(class.epsilon.as_ref())))
        .collect();
    if classes.len() > LISTED_CLASSES {
        rows.push(vec![format!("and {} more", classes.len() - LISTED_CLASSES)]);
    }
    if classes.len() > 1 {
        let kept = classes.iter().map(|class| class.kept).sum();
        rows.push(line("all", manifest.rows, kept, value(manifest.epsilon.as_ref().map(|e| &e.value))));
    }
    let heads = [label, "rows", "kept", "share", "ε"];
    columns(&heads[..if manifest.epsilon.is_some() { 5 } else { 4 }], rows, 2, 1)
}

/// A distance as documents write it.
pub(crate) fn json_distance(value: &serde_json::Value) -> String {
    distance(value.as_f64().unwrap_or(f64::INFINITY))
}

/// What the rows are chosen for, to be said after their number: nothing where there is no target.
pub(crate) fn purpose(target: Option<&Path>) -> String {
    target.map_or_else(String::new, |path| format!(" to represent {}", self::path(path)))
}

/// A line that says where a training log went.
pub(crate) fn saved_log(saved: Option<&Path>) -> String {
    saved.map_or_else(String::new, |path| format!("  wrote {}, the training log\n", self::path(path)))
}

/// Whether time, memory and energy of a run belong into its report: they were asked for, or it took a second.
pub(crate) fn costs_are_worth_a_word(verbose: bool, energy: &Energy, measured: &Measured) -> bool {
    let seconds = measured.read_seconds + measured.method_seconds + measured.epsilon_seconds;
    costs_matter(verbose, energy, seconds)
}

/// The same of a run of so many seconds.
pub(crate) fn costs_matter(verbose: bool, energy: &Energy, seconds: f64) -> bool {
    let asked = energy.country.is_some() || energy.carbon_intensity.is_some() || energy.power.watts.is_some();
    verbose || asked || seconds >= 1.0
}

/// `1 image`, `2 images`.
pub(crate) fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {many}", count(n)) }
}

/// The width to write within: that of the terminal, or what COLUMNS says; without limit where nobody reads along.
pub(crate) fn width() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    asked.filter(|&width: &usize| width >= 20).or_else(terminal).unwrap_or(usize::MAX)
}

/// A line, continued below within the width. Its indentation is kept, and continued lines are two deeper.
pub(crate) fn wrapped(line: &str) -> String {
    wrapped_within(width(), &visible(line))
}

/// The path in a summary.
pub(crate) fn path(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

/// A text behind a name, continued below the text within the width.
pub(crate) fn hanging(name: &str, text: &str) -> String {
    let (name, text) = (&*visible(name), &*visible(text));
    let next = " ".repeat(display_width(name));
    let options = textwrap::Options::new(width()).initial_indent(name).subsequent_indent(&next);
    format!("{}\n", textwrap::fill(text, options))
}

fn wrapped_within(width: usize, line: &str) -> String {
    if display_width(line) <= width {
        return format!("{line}\n");
    }
    let indent = line.len() - line.trim_start().len();
    let next = " ".repeat(indent + 2);
    let options = textwrap::Options::new(width)
        .initial_indent(&line[..indent])
        .subsequent_indent(&next)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(line.trim_start(), options) + "\n"
}

/// `label: message`, and the hint on a line of its own, within the width.
fn labelled(label: &str, style: anstyle::Style, message: &Text, hint: Option<&Text>, face: Face) -> String {
    let message = wrapped(&format!("{label}: {}", message.render(face)));
    let mut text = format!("{style}{label}{style:#}{}", &message[label.len()..]);
    if let Some(hint) = hint {
        let dim = anstyle::Style::new().dimmed();
        let hint = wrapped(&format!("  hint: {}", hint.render(face)));
        let _ = write!(text, "  {dim}hint{dim:#}{}", &hint["  hint".len()..]);
    }
    text
}

/// A problem as printed on stderr, in the spelling of a face.
pub(crate) fn problem(problem: &Problem, face: Face) -> String {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    labelled("error", style, &problem.message, problem.hint.as_ref(), face)
}

/// A warning as printed on stderr.
pub(crate) fn warning(warning: &Warning, face: Face) -> String {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    labelled("warning", style, &warning.message, warning.hint.as_ref(), face)
}

/// Prints words to stderr, without what a terminal would obey. Nobody listening is nobody's failure.
pub(crate) fn eprint(words: &str) {
    let _ = anstream::stderr().write_all(visible_lines(words).as_bytes());
}

/// Writes a table to stdout; a reader that has gone away has had what it wanted. Tables may be binary, so nothing is
/// translated, except on a terminal, which would obey the control characters in it.
pub(crate) fn write_stdout(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let shown = out.is_terminal().then(|| visible_lines(&String::from_utf8_lossy(bytes)).into_owned().into_bytes());
    written(out.write_all(shown.as_deref().unwrap_or(bytes)).and_then(|()| out.flush()))
}

/// Prints the result of a verb to stdout: words, or JSON, in which an escaped character is the same character.
pub(crate) fn print(data: &str) -> Result<()> {
    let mut out = anstream::stdout();
    written(out.write_all(visible_lines(data).as_bytes()).and_then(|()| out.flush()))
}

fn written(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Problem::io("stdout: cannot be written", error))
        }
        _ => Ok(()),
    }
}
