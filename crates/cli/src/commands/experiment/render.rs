//! The summary of an experiment on the terminal: the recommendation, then the evidence.

use std::fmt::Write as _;
use std::time::Duration;

use leanset_lab::render::{points, share};
use leanset_lab::statistics::{Paired, Verdict};
use leanset_lab::summary::Cell;
use leanset_lab::{Summary, choose};

use crate::render;

/// Columns of a terminal that does not say its width, and of files.
const WIDTH: usize = 100;

/// The summary, for a terminal of this width.
pub(super) fn render(summary: &Summary, width: usize) -> String {
    let vocabulary = summary.vocabulary;
    let bold = anstyle::Style::new().bold();
    let mut out = format!(
        "{}\n{}: {} of {}, medians of up to {} repetitions\n\n",
        summary.title,
        summary.data,
        render::count(summary.done),
        render::counted(summary.planned, "run", "runs"),
        summary.full.as_ref().map_or(0, |full| full.runs),
    );
    let recommendation = wrap(&format!("Recommendation: {}", choose::describe(summary)), width, "");
    out.push_str(&recommendation.replacen("Recommendation:", &format!("{bold}Recommendation:{bold:#}"), 1));

    let score = |cell: &Cell| format!("{:.3}", summary.main(cell).value);
    let judged = |cell: &Cell| format!("{}{}", score(cell), mark(cell.over_random));
    let full = |value: &dyn Fn(&Cell) -> String| summary.full.as_ref().map_or_else(|| "?".into(), value);
    let largest =
        summary.largest_class.map_or_else(String::new, |share| format!("; always the largest class: {share:.3}"));
    let title = format!("{} (full training: {}{largest})", vocabulary.main().title, full(&score));
    section(&mut out, &title, &grid(summary, width, judged), width);
    let note = |out: &mut String, note: &str| out.push_str(&wrap(note, width, "  "));
    if let Some(runs) = summary.never_predicted.filter(|&runs| runs > 0) {
        let (runs, done) = (render::count(runs), render::count(summary.done));
        note(
            &mut out,
            &format!("{runs} of {done} runs never predicted some class correctly: compare macro F1 (report, --json)."),
        );
    }
    if let Some(random) = &summary.random {
        let verdicts = summary.verdicts();
        note(
            &mut out,
            &format!(
                "▲ better than {random}, ▼ worse; otherwise these runs cannot tell (Wilcoxon signed-rank test, exact, \
                 p < 0.05). {}",
                verdicts.describe_false_positives()
            ),
        );
        if verdicts.better + verdicts.worse > 0 {
            let difference = |cell: &Cell| match cell.over_random {
                Some(paired) if paired.verdict != Verdict::Unclear => {
                    let difference = paired.difference;
                    format!(
                        "{} [{}, {}]{}",
                        points(difference.value),
                        points(difference.low),
                        points(difference.high),
                        mark(Some(paired))
                    )
                }
                _ => "·".into(),
            };
            let title = format!(
                "{} minus that of {random} {}, in points: median [interval]",
                vocabulary.main().title,
                vocabulary.pairs
            );
            section(&mut out, &title, &grid(summary, width, difference), width);
        }
    }
    let epsilon = format!("ε: distance from any training {} to the nearest kept one", vocabulary.row);
    section(&mut out, &epsilon, &grid(summary, width, |c| render::distance(c.epsilon.value)), width);
    let seconds = |cell: &Cell| render::duration(Duration::from_secs_f64(cell.seconds.value));
    let time = |cell: &Cell| {
        let lost = cell.seconds_saved.is_some_and(|saved| saved.difference.value < 0.0);
        format!("{}{}", seconds(cell), if lost { " !" } else { "" })
    };
    let title = format!("{} of choosing and training (full training: {})", capital(summary), full(&seconds));
    section(&mut out, &title, &grid(summary, width, time), width);
    if !summary.did_not_pay().is_empty() {
        note(&mut out, "! takes longer than full training.");
    }
    if let Some(features) = &summary.features {
        note(&mut out, &features.describe(summary.clock));
    }
    let steps = |cell: &Cell| render::count(cell.steps.value.round() as usize);
    let title = format!("Gradient steps (full training: {})", full(&steps));
    section(&mut out, &title, &grid(summary, width, steps), width);
    if summary.provenance.shared > 0 {
        let (shared, done) = (render::count(summary.provenance.shared), render::count(summary.done));
        note(&mut out, &format!("{shared} of {done} runs shared the machine; {}.", vocabulary.alone));
    }
    coloured(&out)
}

/// Lines of at most this width, each indented, with an end of line.
pub(super) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let options = textwrap::Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}

/// The verdict of a comparison with stratified random, as a mark of two characters.
fn mark(paired: Option<Paired>) -> &'static str {
    match paired.map(|paired| paired.verdict) {
        Some(Verdict::Yes) => " ▲",
        Some(Verdict::No) => " ▼",
        Some(Verdict::Unclear) | None => "  ",
    }
}

/// Marks in colour. Where there is none, or `NO_COLOR` is set, the stream leaves it out.
fn coloured(text: &str) -> String {
    use anstyle::AnsiColor::{Green, Red, Yellow};
    let paint = |text: String, mark: &str, colour: anstyle::AnsiColor| {
        let style = colour.on_default().bold();
        text.replace(mark, &format!("{style}{mark}{style:#}"))
    };
    let text = paint(text.to_owned(), "▲", Green);
    let text = paint(text, "▼", Red);
    paint(text, " !", Yellow)
}

/// The time basis at the beginning of a title.
fn capital(summary: &Summary) -> String {
    let name = summary.clock.to_string();
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn section(out: &mut String, title: &str, body: &str, width: usize) {
    let _ = write!(out, "\n{}{body}", wrap(title, width, ""));
}

/// Methods × ratios, in as many tables one below the other as the width needs.
fn grid(summary: &Summary, width: usize, value: impl Fn(&Cell) -> String) -> String {
    const INDENT: usize = 2;
    const GAP: usize = 2;
    let mut ratios: Vec<f64> = summary.cells().map(|cell| cell.ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.dedup();
    let columns: Vec<Vec<String>> = ratios
        .iter()
        .map(|ratio| {
            let at = |cells: &[Cell]| cells.iter().find(|c| c.ratio == *ratio).map_or_else(String::new, &value);
            let cells = summary.methods.iter().map(|method| at(&method.cells));
            std::iter::once(share(*ratio)).chain(cells).collect()
        })
        .collect();
    let wide = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0) + GAP;
    let labels: Vec<String> =
        std::iter::once("method".to_owned()).chain(summary.methods.iter().map(|m| m.label.clone())).collect();
    let mut out = String::new();
    let mut left = columns.as_slice();
    while !left.is_empty() {
        let mut used = INDENT + wide(&labels) - GAP;
        let fits = left.iter().take_while(|column| {
            used += wide(column);
            used <= width
        });
        let (block, rest) = left.split_at(fits.count().max(1));
        left = rest;
        let lines = (0..labels.len())
            .map(|line| std::iter::once(&labels[line]).chain(block.iter().map(|c| &c[line])).cloned().collect());
        let lines: Vec<Vec<String>> = lines.collect();
        let header: Vec<&str> = lines[0].iter().map(String::as_str).collect();
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&render::columns(&header, lines[1..].iter().cloned(), INDENT, 1));
    }
    out
}

/// The columns of the terminal that stdout is.
pub(super) fn width() -> usize {
    let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    named.or_else(terminal).filter(|&width| width > 0).unwrap_or(WIDTH).max(40)
}
