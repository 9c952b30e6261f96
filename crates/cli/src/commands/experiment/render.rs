//! The summary of an experiment on the terminal: the recommendation, then the evidence.

use std::fmt::Write as _;

use leanset_lab::render::{points, share};
use leanset_lab::summary::{Cell, Fewest};
use leanset_lab::{Summary, conclusion};
use leanset_problem::visible;
use leanset_statistics::{Paired, Verdict};

use crate::render;

/// The summary, within the width of the terminal.
pub(super) fn render(summary: &Summary) -> String {
    let vocabulary = summary.vocabulary;
    let bold = anstyle::Style::new().bold();
    let mut out = format!(
        "{}\n{}{}: {} of {}, medians of up to {} repetitions\n\n",
        visible(&summary.title),
        visible(&summary.data),
        summary.model.as_deref().map_or_else(String::new, |model| format!(", {}", visible(model))),
        render::count(summary.done),
        render::counted(summary.planned, "run", "runs"),
        summary.full.as_ref().map_or(0, |full| full.runs),
    );
    let recommendation = render::wrapped(&format!("Recommendation: {}", conclusion::describe(summary)));
    out.push_str(&recommendation.replacen("Recommendation:", &format!("{bold}Recommendation:{bold:#}"), 1));
    if let Some(command) = conclusion::describe_command(summary) {
        out.push_str(&to_be_copied(&command));
    }

    let score = |cell: &Cell| format!("{:.3}", summary.main(cell).value);
    let judged = |cell: &Cell| format!("{}{}", score(cell), mark(cell.over_random));
    let full = |value: &dyn Fn(&Cell) -> String| summary.full.as_ref().map_or_else(|| "?".into(), value);
    let largest =
        summary.largest_class.map_or_else(String::new, |share| format!("; always the largest class: {share:.3}"));
    let title = format!("{} (full training: {}{largest})", vocabulary.main().title, full(&score));
    section(&mut out, &title, &grid(summary, judged));
    let note = |out: &mut String, note: &str| out.push_str(&render::wrapped(&format!("  {note}")));
    if summary.methods.iter().any(|method| method.continues) {
        note(
            &mut out,
            "(continued): training went on from a model that was trained on all rows. A model that is trained on what is \
             kept alone can be far worse.",
        );
    }
    let weighted: Vec<&str> = summary.methods.iter().filter(|m| m.weighted).map(|m| m.label.as_str()).collect();
    if !weighted.is_empty() {
        note(&mut out, &format!("Trained with the weights of the method: {}.", weighted.join(", ")));
    }
    for baseline in leanset_lab::plan::Baseline::ALL {
        if summary.baselines.iter().any(|line| line.method == baseline.name()) {
            note(&mut out, &format!("{}: {}", baseline.name(), baseline.describe()));
        }
    }
    if let Some(runs) = summary.never_predicted.filter(|&runs| runs > 0) {
        let (runs, done) = (render::count(runs), render::count(summary.done));
        note(
            &mut out,
            &format!(
                "{runs} of {done} runs never predicted some class correctly: compare macro F1 and worst-class recall."
            ),
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
            section(&mut out, &title, &grid(summary, difference));
        }
    }
    for (at, (measure, &place)) in vocabulary.compared().zip(vocabulary.compared).enumerate() {
        let score = |cell: &Cell| format!("{:.3}", cell.scores.at(place).value);
        let judged = |cell: &Cell| format!("{}{}", score(cell), mark(*cell.compared_over_random.at(at)));
        section(&mut out, &format!("{} (full training: {})", measure.title, full(&score)), &grid(summary, judged));
    }
    if summary.full.is_some() && !summary.fewest.is_empty() {
        let title = format!(
            "Fewest {} within some points of the {} of full training, of the ratios that were tried",
            vocabulary.rows,
            vocabulary.main().name
        );
        section(&mut out, &title, &fewest(summary));
    }
    let epsilon = format!("ε: distance from any training {} to the nearest kept one", vocabulary.row);
    section(&mut out, &epsilon, &grid(summary, |c| render::distance(c.epsilon.value)));
    let seconds = |cell: &Cell| render::duration(render::seconds(cell.seconds.value));
    let time = |cell: &Cell| {
        let lost = cell.seconds_saved.is_some_and(|saved| saved.difference.value < 0.0);
        format!("{}{}", seconds(cell), if lost { " !" } else { "" })
    };
    let title = format!("{} of choosing and training (full training: {})", capital(summary), full(&seconds));
    section(&mut out, &title, &grid(summary, time));
    if !summary.did_not_pay().is_empty() {
        note(&mut out, "! takes longer than full training.");
    }
    if let Some(features) = &summary.features {
        note(&mut out, &features.describe(summary.clock));
    }
    let steps = |cell: &Cell| render::count(cell.steps.value.round() as usize);
    let title = format!("Gradient steps (full training: {})", full(&steps));
    section(&mut out, &title, &grid(summary, steps));
    if summary.provenance.shared > 0 {
        let (shared, done) = (render::count(summary.provenance.shared), render::count(summary.done));
        note(&mut out, &format!("{shared} of {done} runs shared the machine; {}.", vocabulary.alone));
    }
    coloured(&out)
}

/// A command on lines of its own, which a shell takes as one.
fn to_be_copied(command: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in visible(command).split(" --") {
        let part = if lines.is_empty() { part.to_owned() } else { format!("--{part}") };
        match lines.last_mut() {
            Some(line) if line.chars().count() + part.chars().count() + 7 <= render::width() => {
                line.push(' ');
                line.push_str(&part);
            }
            _ => lines.push(part),
        }
    }
    format!("  {}\n", lines.join(" \\\n    "))
}

/// The fewest rows of each method within some points of full training.
fn fewest(summary: &Summary) -> String {
    let points = |of: &Fewest| format!("{} {}", of.points, if of.points == 1.0 { "point" } else { "points" });
    let titles: Vec<String> = summary.fewest.iter().map(points).collect();
    let header: Vec<&str> = std::iter::once("method").chain(titles.iter().map(String::as_str)).collect();
    let methods = summary.fewest.first().map_or(&[][..], |of| &of.ratios);
    let rows = methods.iter().enumerate().map(|(at, method)| {
        let ratio = |of: &Fewest| of.ratios[at].ratio.map_or_else(|| "more".into(), share);
        std::iter::once(method.method.clone()).chain(summary.fewest.iter().map(ratio)).collect()
    });
    render::columns(&header, rows, 2, 1)
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

fn section(out: &mut String, title: &str, body: &str) {
    let _ = write!(out, "\n{}{body}", render::wrapped(title));
}

/// Methods × ratios.
fn grid(summary: &Summary, value: impl Fn(&Cell) -> String) -> String {
    let mut ratios: Vec<f64> = summary.cells().map(|cell| cell.ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.dedup();
    let titles: Vec<String> = ratios.iter().map(|&ratio| share(ratio)).collect();
    let header: Vec<&str> = std::iter::once("method").chain(titles.iter().map(String::as_str)).collect();
    let rows = summary.lines().map(|method| {
        let at = |ratio: &f64| method.cells.iter().find(|c| c.ratio == *ratio).map_or_else(String::new, &value);
        std::iter::once(method.title()).chain(ratios.iter().map(at)).collect()
    });
    render::columns(&header, rows, 2, 1)
}
