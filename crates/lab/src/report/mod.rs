//! The report of an experiment: one self-contained HTML file that needs no network. Every chart is also a table.
//!
//! It begins with the recommendation ([`conclusion`]); the evidence follows. Charts are inline SVG ([`chart`]) and readable
//! without a script; a short script adds tooltips and highlights a method. The colours are those of Okabe and Ito, which
//! people with any colour vision can tell apart, and every method has its own marker. The page follows the reader's choice of
//! dark or light.

mod chart;
pub mod choice;
mod forest;
mod html;

use std::fmt::Write as _;

use crate::conclusion;
use crate::plan::{Baseline, DetectorPlan, EqualTraining, ResultEpoch, TaskPlan};
use crate::record::{GIVEN_FEATURES, Header, TimeBasis};
use crate::render::{counted, number, p_value, points, share, three, whole};
use crate::summary::{Cell, Summary};
use chart::{Chart, Series};
use forest::Panel;
use html::{escape, policy};
use leanset_statistics::{COVERAGE, LEVEL, Median, Paired, Spearman, Verdict};

/// The median and its interval.
fn interval(median: &Median, show: impl Fn(f64) -> String) -> String {
    format!("{} <small>{}–{}</small>", show(median.value), show(median.low), show(median.high))
}

/// What the page runs.
const SCRIPT: &str = include_str!("page.js");

/// The beginning of a page, to its content; `title` is escaped already.
fn begin(out: &mut String, title: &str, version: &str) {
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"leanset {}\">\n\
         <title>{title}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
        policy(SCRIPT),
        escape(version),
        include_str!("page.css")
    );
}

/// The report as HTML. Every string of the records is escaped where it is inserted, and the page runs no script but its own.
pub fn page(header: &Header, summaries: &[Summary]) -> String {
    let mut out = String::with_capacity(1 << 17);
    let Some(summary) = Summary::together(summaries) else { return out };
    let title = escape(&summary.title);
    begin(&mut out, &title, &summary.leanset);
    head(&mut out, header, &summary);
    for (place, summary) in summaries.iter().enumerate() {
        if let Some(model) = &summary.model {
            let _ = writeln!(out, "<h2 class=\"model\">Model: {}</h2>", escape(model));
        }
        recommendation(&mut out, summary);
        random(&mut out, header, summary, place);
        fewest(&mut out, summary);
        // What took longer, and what matters less, is there for who opens it.
        let mut fold = |title: &str, body: &dyn Fn(&mut String)| {
            let _ = writeln!(out, "<details class=\"fold\"><summary><h2>{title}</h2></summary>");
            body(&mut out);
            out.push_str("</details>\n");
        };
        let main = summary.vocabulary.main().title;
        fold(&format!("{main}, representativeness and cost at every ratio"), &|out| charts(out, header, summary));
        fold("Did it pay?", &|out| savings(out, summary));
        fold("Does ε predict the quality?", &|out| correlations(out, summary));
        fold("All numbers", &|out| numbers(out, summary));
    }
    provenance(&mut out, header, &summary);
    let _ = write!(
        out,
        "</main>\n<div id=\"tip\" role=\"tooltip\" hidden></div>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

fn head(out: &mut String, header: &Header, summary: &Summary) {
    let (data, vocabulary) = (&header.data, summary.vocabulary);
    let _ = write!(
        out,
        "<header>\n<p class=\"over\">leanset experiment</p>\n<h1>{}</h1>\n<p class=\"sub\">{}: {}, {} features per {}, {} · {} · {} at {}</p>\n<p class=\"badges\">",
        escape(&summary.title),
        escape(&data.name),
        counted(data.rows, vocabulary.row, vocabulary.rows),
        data.dimensions,
        vocabulary.row,
        counted(data.classes.len(), vocabulary.class, vocabulary.classes),
        counted(header.plan.repetitions as usize, "repetition", "repetitions"),
        counted(summary.methods.len(), "method", "methods"),
        counted(header.plan.reduce.ratios.len(), "ratio", "ratios")
    );
    let mut badge = |class: &str, text: String| {
        let _ = write!(out, "<span class=\"badge {class}\">{text}</span> ");
    };
    if summary.done < summary.planned {
        badge("warn", format!("{} of {} done", whole(summary.done), counted(summary.planned, "run", "runs")));
    } else {
        badge("ok", format!("all {} done", counted(summary.done, "run", "runs")));
    }
    let found = &summary.provenance;
    if found.shared > 0 {
        badge("warn", format!("{} shared the machine", counted(found.shared, "run", "runs")));
    }
    if found.estimated > 0 {
        badge("warn", "energy is estimated ≈".into());
    }
    if let Some(runs) = summary.never_predicted.filter(|&runs| runs > 0) {
        badge("warn", format!("{} never predicted some class correctly", counted(runs, "run", "runs")));
    }
    if !features_known(header) {
        badge("warn", "the cost of the features is not known".into());
    }
    out.push_str("</p>\n</header>\n");
}

/// Whether the cost of the features is in the records.
fn features_known(header: &Header) -> bool {
    header.data.features.as_deref() != Some(GIVEN_FEATURES)
}

/// The recommendation, and the numbers behind it.
fn recommendation(out: &mut String, summary: &Summary) {
    let _ = writeln!(
        out,
        "<section>\n<h2>Recommendation</h2>\n<p class=\"lead\">{}</p>",
        escape(&conclusion::describe(summary))
    );
    if let Some(command) = conclusion::describe_command(summary) {
        let _ = writeln!(out, "<pre class=\"command\">{}</pre>", escape(&command));
    }
    let Some(full) = &summary.full else {
        out.push_str("</section>\n");
        return;
    };
    out.push_str("<div class=\"tiles\">\n");
    let mut tile = |label: &str, value: String, below: String| {
        let _ = writeln!(out, "<div class=\"tile\"><p>{label}</p><strong>{value}</strong><p>{below}</p></div>");
    };
    let joules = full.joules.map_or_else(String::new, |j| format!(", {}\u{a0}J{}", number(j.value), mark(summary)));
    tile(
        "Full training",
        three(summary.main(full).value),
        format!(
            "{}, in {}\u{a0}s of {}{joules}{}",
            summary.vocabulary.main().name,
            number(full.seconds.value),
            summary.clock,
            summary
                .largest_class
                .map_or_else(String::new, |share| format!("; always the largest class: {}", three(share)))
        ),
    );
    let least = format!(
        "Fewest {} within 1 point of full training, in {} and {}",
        summary.vocabulary.rows,
        summary.vocabulary.main().name,
        summary.vocabulary.second().name
    );
    match conclusion::smallest_good_enough(summary) {
        Some((method, cell)) => tile(
            &least,
            share(cell.ratio),
            format!(
                "{}: {}, in {}\u{a0}s",
                escape(&method.label),
                three(summary.main(cell).value),
                number(cell.seconds.value)
            ),
        ),
        None => tile(&least, "none".into(), "every ratio loses more".into()),
    }
    if summary.random.is_some() {
        let verdicts = summary.verdicts();
        tile(
            "Beat stratified random",
            format!("{} of {}", verdicts.better, verdicts.all()),
            format!("{} are worse; for {} these runs cannot tell", verdicts.worse, verdicts.unclear),
        );
    }
    let lost = summary.did_not_pay();
    tile(
        "Cost more than they save",
        format!("{} of {}", lost.len(), summary.cells().count()),
        format!("methods and ratios, by {} of choosing and training", summary.clock),
    );
    out.push_str("</div>\n</section>\n");
}

/// The time basis at the beginning of a title.
fn capital(summary: &Summary) -> &'static str {
    match summary.clock {
        TimeBasis::Wall => "Time",
        TimeBasis::Cpu => "CPU time",
    }
}

/// The mark of joules and grams that are not measured.
fn mark(summary: &Summary) -> &'static str {
    if summary.provenance.estimated > 0 { " <abbr title=\"estimated\">≈</abbr>" } else { "" }
}

fn charts(out: &mut String, header: &Header, summary: &Summary) {
    let vocabulary = summary.vocabulary;
    let _ = write!(
        out,
        "<section>\n<p>Medians over repetitions against the fraction of the training {} that is kept. Whiskers are their intervals. Point at a method to highlight it.</p>\n<ul class=\"legend\">\n",
        vocabulary.rows
    );
    let styles = styles(summary);
    for (method, &style) in summary.methods.iter().zip(&styles) {
        let _ = writeln!(
            out,
            "<li><button type=\"button\" data-s=\"{style}\" class=\"s{style}\"><svg viewBox=\"-8 -8 16 16\" aria-hidden=\"true\">{}</svg>{}</button></li>",
            chart::shape(style, 0.0, 0.0, 5.0),
            escape(&method.label)
        );
    }
    out.push_str("</ul>\n<div class=\"charts\">\n");
    let mut draw = |id: &str, title: &str, unit: &str, zero: bool, of: &dyn Fn(&Cell) -> Option<Median>| {
        let series: Vec<Series<'_>> = summary
            .methods
            .iter()
            .zip(&styles)
            .map(|(m, &style)| Series {
                label: &m.label,
                style,
                points: m.cells.iter().filter_map(|c| Some((c.ratio, of(c)?))).collect(),
            })
            .filter(|s| !s.points.is_empty())
            .collect();
        let full = summary.full.as_ref().and_then(of).map(|m| m.value);
        let floor = summary.largest_class.filter(|_| id == vocabulary.main().key);
        out.push_str(
            &Chart { id, title, unit: unit.to_owned(), rows: vocabulary.rows, zero, full, floor, series }.svg(),
        );
    };
    draw(vocabulary.main().key, vocabulary.main().title, "", false, &|c| Some(summary.main(c)));
    let metric = header.plan.metric();
    let epsilon = format!("ε: distance of the worst-covered {} ({metric})", vocabulary.row);
    draw("epsilon", &epsilon, "", true, &|c| Some(c.epsilon));
    draw("time", &format!("{} of choosing and training", capital(summary)), "s", true, &|c| Some(c.seconds));
    let estimated = if summary.provenance.estimated > 0 { " (estimated ≈)" } else { "" };
    if summary.methods.iter().flat_map(|m| &m.cells).any(|c| c.joules.is_some()) {
        draw("energy", &format!("Energy of choosing and training{estimated}"), "J", true, &|c| c.joules);
    } else {
        draw(vocabulary.second().key, vocabulary.second().title, "", false, &|c| Some(summary.second(c)));
    }
    out.push_str("</div>\n</section>\n");
}

/// A table of methods × ratios.
fn grid(
    out: &mut String,
    summary: &Summary,
    caption: &str,
    skip: Option<&str>,
    cell: impl Fn(&Cell) -> (String, &'static str),
) {
    let mut ratios: Vec<f64> = summary.methods.iter().flat_map(|m| m.cells.iter().map(|c| c.ratio)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.dedup();
    let _ = write!(
        out,
        "<div class=\"wide\"><table class=\"grid\">\n<caption>{caption}</caption>\n<thead><tr><th scope=\"col\">method</th>"
    );
    for &ratio in &ratios {
        let _ = write!(out, "<th scope=\"col\">{}</th>", share(ratio));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for method in summary.lines().filter(|m| Some(m.label.as_str()) != skip) {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(&method.title()));
        for ratio in &ratios {
            let (text, class) = match method.cells.iter().find(|c| c.ratio == *ratio) {
                Some(found) => cell(found),
                None => ("–".into(), "none"),
            };
            let _ = write!(out, "<td class=\"{class}\">{text}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn verdict(paired: Option<Paired>, show: impl Fn(f64) -> String) -> (String, &'static str) {
    let Some(paired) = paired else { return ("–".into(), "none") };
    let (sign, class) = match paired.verdict {
        Verdict::Yes => ("▲ yes", "yes"),
        Verdict::No => ("▼ no", "no"),
        Verdict::Unclear => ("cannot tell", "unclear"),
    };
    let Median { value, low, high, .. } = paired.difference;
    let (value, low, high, p) = (show(value), show(low), show(high), escape(&p_value(paired.p)));
    (format!("<b>{value}</b><small>{low} to {high}</small><small>{sign}</small><small>{p}</small>"), class)
}

fn random(out: &mut String, header: &Header, summary: &Summary, place: usize) {
    let Some(random) = &summary.random else {
        out.push_str("<section><h2>Does it beat random?</h2><p>The plan has no stratified random to compare with. Add it with <code>[[method]] name = \"srs\"</code>.</p></section>\n");
        return;
    };
    let _ = write!(
        out,
        "<section>\n<h2>Does it beat random?</h2>\n<p>Each method is compared with {} at the same ratio, {}. The tables show the median difference of {} in points, its interval and the verdict. \
         The test is Wilcoxon’s signed-rank test, two-sided and exact; a verdict needs p &lt; {LEVEL}. {} \
         Fewer than six repetitions give no verdict.</p>\n",
        escape(random),
        summary.vocabulary.pairs,
        summary.vocabulary.main().name,
        summary.verdicts().describe_false_positives()
    );
    for (continues, what) in [
        (
            false,
            "These methods train on all rows before they choose. The model that is judged then starts anew on the rows that are kept; the training on all rows counts as a cost",
        ),
        (
            true,
            "These methods train on all rows before they choose, and training continues from that model, as in the paper. A model that is trained on what is kept alone can be far worse, so they are never recommended. The training on all rows counts as a cost",
        ),
    ] {
        let of_kind = header.plan.methods.iter().filter(|m| m.continues == Some(continues));
        let warm: Vec<String> =
            of_kind.filter_map(|m| Some(format!("{} ({} epochs)", m.label(), m.warm_up?))).collect();
        if !warm.is_empty() {
            let _ = writeln!(out, "<p class=\"note\">{what}: {}.</p>", escape(&warm.join(", ")));
        }
    }
    let weighted: Vec<&str> = summary.methods.iter().filter(|m| m.weighted).map(|m| m.label.as_str()).collect();
    if !weighted.is_empty() {
        let names = escape(&weighted.join(", "));
        let _ = writeln!(out, "<p class=\"note\">Trained with the weights of the method: {names}.</p>");
    }
    for baseline in Baseline::ALL {
        if summary.baselines.iter().any(|line| line.method == baseline.name()) {
            let _ = writeln!(out, "<p class=\"note\">{}: {}</p>", baseline.name(), baseline.describe());
        }
    }
    if let Some(weak) = &summary.weak {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escape(&weak.describe()));
    }
    if let TaskPlan::Images(settings) = &header.plan.task {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", describe_training(&settings.detector));
    }
    differences(out, summary, place);
    let main = summary.vocabulary.main();
    let over = |title: &str, what: &str| format!("{title} over {what}, in points");
    let _ = writeln!(out, "<details><summary>{} as a table</summary>", main.title);
    grid(out, summary, &over(main.title, "stratified random"), Some(random), |c| verdict(c.over_random, points));
    out.push_str("</details>\n");
    for (at, measure) in summary.vocabulary.compared().enumerate() {
        let _ = writeln!(out, "<details><summary>The same for {}</summary>", measure.name);
        grid(out, summary, &over(measure.title, "stratified random"), Some(random), |c| {
            verdict(*c.compared_over_random.at(at), points)
        });
        out.push_str("</details>\n");
    }
    out.push_str("<details><summary>Against full training</summary>\n");
    grid(out, summary, &over(main.title, "full training"), None, |c| verdict(c.over_full, points));
    for (at, measure) in summary.vocabulary.compared().enumerate() {
        grid(out, summary, &over(measure.title, "full training"), None, |c| {
            verdict(*c.compared_over_full.at(at), points)
        });
    }
    out.push_str("</details>\n</section>\n");
}

/// The differences to stratified random, drawn.
fn differences(out: &mut String, summary: &Summary, place: usize) {
    let styles = styles(summary);
    let mut ratios: Vec<f64> = summary.lines().flat_map(|m| m.cells.iter().map(|c| c.ratio)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.dedup();
    let titles: Vec<String> = summary.lines().map(crate::summary::MethodSummary::title).collect();
    let panels: Vec<Panel<'_>> = ratios
        .into_iter()
        .map(|ratio| {
            let line = |(at, method): (usize, &crate::summary::MethodSummary)| {
                let cell = method.cells.iter().find(|cell| cell.ratio == ratio)?;
                let style = styles.get(at).copied().unwrap_or(8);
                Some((titles[at].as_str(), style, cell.over_random?))
            };
            Panel { ratio, lines: summary.lines().enumerate().filter_map(line).collect() }
        })
        .filter(|panel| !panel.lines.is_empty())
        .collect();
    if panels.is_empty() {
        return;
    }
    let main = summary.vocabulary.main();
    let _ = writeln!(
        out,
        "<p>{} minus that of stratified random at the same ratio, in points: the dot is the median over repetitions, the line its interval. Filled dots have a verdict.</p>\n<div class=\"charts\">",
        main.title
    );
    let range = forest::range(&panels);
    for (at, panel) in panels.iter().enumerate() {
        out.push_str(&panel.svg(&format!("over-random-{place}-{at}"), main.title, range));
    }
    out.push_str("</div>\n");
}

/// The colour and the marker of each method: 0 is stratified random.
fn styles(summary: &Summary) -> Vec<usize> {
    let mut styles: Vec<usize> = Vec::new();
    for method in &summary.methods {
        let random = summary.random.as_deref() == Some(method.label.as_str());
        styles.push(if random { 0 } else { 1 + styles.iter().filter(|&&s| s > 0).count() });
    }
    styles
}

/// The fewest rows within some points of full training.
fn fewest(out: &mut String, summary: &Summary) {
    if summary.full.is_none() || summary.fewest.is_empty() {
        return;
    }
    let (main, rows) = (summary.vocabulary.main().name, summary.vocabulary.rows);
    let _ = write!(
        out,
        "<section>\n<h2>How many {rows} are enough?</h2>\n<p>The fewest {rows}, of the ratios that were tried, with which the median of {main} is within so many points of full training.</p>\n<div class=\"wide\"><table class=\"grid\">\n<caption>Fewest {rows}</caption>\n<thead><tr><th scope=\"col\">method</th>"
    );
    for of in &summary.fewest {
        let _ = write!(
            out,
            "<th scope=\"col\">within {} {}</th>",
            of.points,
            if of.points == 1.0 { "point" } else { "points" }
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (at, first) in summary.fewest[0].ratios.iter().enumerate() {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(&first.method));
        for of in &summary.fewest {
            let found = &of.ratios[at];
            let text = match found.ratio.zip(found.kept) {
                Some((ratio, kept)) => format!("<b>{}</b><small>{} {rows}</small>", share(ratio), whole(kept)),
                None => "more".into(),
            };
            let _ = write!(out, "<td class=\"{}\">{text}</td>", if found.ratio.is_some() { "" } else { "none" });
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// What all trainings of a detector have in common, and which epoch is the result.
fn describe_training(detector: &DetectorPlan) -> String {
    let equal = match detector.equal {
        EqualTraining::Epochs => {
            format!("All trainings have {} epochs, so that fewer images are fewer gradient steps.", detector.epochs)
        }
        EqualTraining::Steps => format!(
            "Trainings on fewer images have more epochs than the {} of full training, so that all have about the same number of gradient steps.",
            detector.epochs
        ),
    };
    let which = match detector.epoch {
        ResultEpoch::Last => "The result is that of the last epoch.",
        ResultEpoch::Best => {
            "The result is that of the best epoch. It was chosen on the images that it is tested on, so the scores are too high."
        }
    };
    format!("{equal} {which} The cost of training includes the tests that the command runs after each epoch.")
}

fn savings(out: &mut String, summary: &Summary) {
    out.push_str("<section>\n<p>What choosing and training save of the cost of full training, in the median. A ranking or a warm-up that serves several ratios counts in full for each of them, as if it were done for that ratio alone.</p>\n");
    if let Some(features) = &summary.features {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escape(&features.describe(summary.clock)));
    }
    let saved = |paired: Option<Paired>, full: Option<Median>| match (paired, full) {
        (Some(paired), Some(full)) if full.value > 0.0 => {
            let percent = 100.0 * paired.difference.value / full.value;
            let sign = if percent < 0.0 { "costs more" } else { "" };
            let text = format!("{percent:+.0} %").replace('-', "−");
            (format!("<b>{text}</b><small>{sign}</small>"), if percent < 0.0 { "no" } else { "yes" })
        }
        _ => ("–".into(), "none"),
    };
    let full = summary.full.as_ref();
    grid(out, summary, &format!("{} saved", capital(summary)), None, |c| {
        saved(c.seconds_saved, full.map(|f| f.seconds))
    });
    if summary.methods.iter().flat_map(|m| &m.cells).any(|c| c.joules_saved.is_some()) {
        let caption = format!("Energy saved{}", mark(summary));
        grid(out, summary, &caption, None, |c| saved(c.joules_saved, full.and_then(|f| f.joules)));
    }
    let lost = summary.did_not_pay();
    if lost.is_empty() {
        out.push_str("<p>Every method at every ratio took less time than full training.</p>\n");
    } else {
        out.push_str("<p>These took longer than full training:</p>\n<ul class=\"lost\">\n");
        for (label, cell) in lost {
            let full = full.map_or(f64::NAN, |f| f.seconds.value);
            let _ = writeln!(
                out,
                "<li><b>{} at {}</b>: {}\u{a0}s, of which {}\u{a0}s choosing, against {}\u{a0}s</li>",
                escape(label),
                share(cell.ratio),
                number(cell.seconds.value),
                number(cell.reduction_seconds.value),
                number(full)
            );
        }
        out.push_str("</ul>\n");
    }
    let _ = writeln!(
        out,
        "<details><summary>Gradient steps: {} in full training</summary>",
        full.map_or_else(|| "?".into(), |f| whole(f.steps.value.round() as usize))
    );
    grid(out, summary, "Gradient steps, including those of a warm-up", None, |c| {
        (whole(c.steps.value.round() as usize), "none")
    });
    out.push_str("</details>\n");
    if summary.provenance.shared > 0 {
        let _ = writeln!(
            out,
            "<p class=\"note\">Runs shared the machine, so CPU time is compared instead of elapsed time, where the system reports it. {}.</p>",
            summary.vocabulary.alone
        );
    }
    out.push_str("</section>\n");
}

fn correlations(out: &mut String, summary: &Summary) {
    let (main, second) = (summary.vocabulary.main(), summary.vocabulary.second());
    let _ = write!(
        out,
        "<section>\n<p>Spearman’s ρ of ε with {0} and {1}: −1 if a smaller ε always goes with a higher score. It is computed over all runs at a ratio, as in the paper, and over the medians of the methods. The p-values over all runs are too small, because they treat runs of one method as independent.</p>\n<div class=\"wide\"><table>\n<caption>Rank correlation with ε</caption>\n<thead><tr><th scope=\"col\">kept</th><th scope=\"col\">{2}, runs</th><th scope=\"col\">{3}, runs</th><th scope=\"col\">{2}, methods</th><th scope=\"col\">{3}, methods</th></tr></thead>\n<tbody>\n",
        main.name, second.name, main.short, second.short
    );
    let show = |s: &Option<Spearman>| match s {
        None => "–".into(),
        Some(s) => {
            let rho = format!("{:+.2}", s.rho).replace('-', "−");
            format!(
                "<b>{rho}</b> <small>{}, n = {}{}</small>",
                escape(&p_value(s.p)),
                s.n,
                if s.exact { ", exact" } else { "" }
            )
        }
    };
    for row in &summary.spearman {
        let cells: String = row.with.values().map(|found| format!("<td>{}</td>", show(found))).collect();
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th>{cells}</tr>", share(row.ratio));
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn numbers(out: &mut String, summary: &Summary) {
    let mark = mark(summary);
    let heads: String =
        summary.vocabulary.measures.iter().map(|m| format!("<th scope=\"col\">{}</th>", m.short)).collect();
    let _ = write!(
        out,
        "<section>\n<p>Every method at every ratio: the charts as a table.</p>\n<div class=\"wide\"><table>\n<caption>Medians and intervals</caption>\n<thead><tr><th scope=\"col\">method</th><th scope=\"col\">kept</th><th scope=\"col\">{}</th><th scope=\"col\">runs</th>{heads}<th scope=\"col\">ε</th><th scope=\"col\">steps</th><th scope=\"col\">choosing, s</th><th scope=\"col\">all, s</th><th scope=\"col\">J{mark}</th><th scope=\"col\">g CO₂{mark}</th></tr></thead>\n<tbody>\n",
        summary.vocabulary.rows
    );
    let full = summary.full.iter().map(|c| ("full training", c));
    let titles: Vec<_> = summary.lines().map(|m| (m.title(), m)).collect();
    let lines = titles.iter().flat_map(|(title, m)| m.cells.iter().map(move |c| (title.as_str(), c)));
    for (label, c) in full.chain(lines) {
        let scores: String = c.scores.values().map(|m| format!("<td>{}</td>", interval(m, three))).collect();
        let optional = |m: &Option<Median>| m.as_ref().map_or_else(|| "–".into(), |m| interval(m, number));
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td>{scores}<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(label),
            share(c.ratio),
            whole(c.kept),
            c.runs,
            interval(&c.epsilon, number),
            whole(c.steps.value.round() as usize),
            interval(&c.reduction_seconds, number),
            interval(&c.seconds, number),
            optional(&c.joules),
            optional(&c.grams)
        );
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn provenance(out: &mut String, header: &Header, summary: &Summary) {
    let found = &summary.provenance;
    let list = |items: &[String]| if items.is_empty() { "none".into() } else { escape(&items.join("; ")) };
    out.push_str("<section>\n<h2>Where the numbers come from</h2>\n<dl>\n");
    let mut entry = |term: &str, text: String| {
        let _ = writeln!(out, "<dt>{term}</dt><dd>{text}</dd>");
    };
    let classes: Vec<String> =
        header.data.classes.iter().map(|(name, rows)| format!("{name} {}", whole(*rows))).collect();
    let (data, vocabulary) = (&header.data, summary.vocabulary);
    entry(vocabulary.data, format!("{}, SHA-256 <code>{}</code>", escape(&data.name), escape(&data.sha256)));
    entry(vocabulary.classes_title, escape(&classes.join(", ")));
    if let Some(name) = &data.features {
        entry("Features", format!("{}, {} features per {}", escape(name), data.dimensions, vocabulary.row));
    }
    if let Some(images) = data.validation {
        let images = counted(images, "image", "images");
        entry("Tested on", format!("{images} of the dataset’s own validation split, the same in every run"));
    }
    if let Some(runs) = summary.never_predicted.filter(|&runs| runs > 0) {
        entry(
            "Classes never predicted",
            format!(
                "In {} of {} runs the model never predicted some class correctly. Where that class is small, accuracy hardly shows it; macro F1 and recall do.",
                whole(runs),
                whole(summary.done)
            ),
        );
    }
    entry("Program", format!("leanset {}", escape(&summary.leanset)));
    entry(
        "Processor",
        format!(
            "{}; threads: {} {}",
            list(&found.processors),
            list(&found.threads.iter().map(usize::to_string).collect::<Vec<_>>()),
            summary.vocabulary.threads
        ),
    );
    let shared = match found.shared {
        0 => "No run shared the machine.".to_owned(),
        n => format!(
            "{} of {} runs shared the machine with other runs or other processes. Their times are longer than alone, and their joules are a share by CPU time.",
            whole(n),
            whole(summary.done)
        ),
    };
    entry("Machine", shared);
    let energy = match (found.joules.is_empty(), found.estimated) {
        (true, _) => "This machine reports no energy.".to_owned(),
        (false, 0) => format!("Measured: {}.", list(&found.joules)),
        (false, n) => format!(
            "{}. In {} of {} runs the joules are an estimate, marked ≈.",
            list(&found.joules),
            whole(n),
            whole(summary.done)
        ),
    };
    entry("Energy", energy);
    entry(
        "Carbon",
        if found.carbon.is_empty() {
            "The plan names no country and no carbon intensity, so no CO₂ is computed.".into()
        } else {
            list(&found.carbon)
        },
    );
    if !found.warnings.is_empty() {
        let codes: Vec<String> =
            found.warnings.iter().map(|(code, n)| format!("{code} ({})", counted(*n, "run", "runs"))).collect();
        entry("Warnings", escape(&codes.join(", ")));
    }
    let coverage = summary.full.as_ref().map_or(0.0, |f| summary.main(f).coverage);
    entry(
        "Intervals",
        format!(
            "From order statistics, with a coverage of at least {:.0} % where there are enough values. With {} they contain the median with a probability of {:.1} %.",
            100.0 * COVERAGE,
            counted(summary.full.as_ref().map_or(0, |f| f.runs), "repetition", "repetitions"),
            100.0 * coverage
        ),
    );
    entry("Caution", vocabulary.caution.into());
    out.push_str("</dl>\n<details><summary>The plan, with every default</summary>\n<pre>");
    out.push_str(&escape(&toml::to_string_pretty(&header.plan).unwrap_or_default()));
    out.push_str("</pre>\n</details>\n</section>\n");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::journal::tests::{header, record};
    use crate::record::Record;

    /// Closes what strings are inserted into, and begins a script; what a terminal obeys.
    const HOSTILE: &str =
        "x'\"></script></title></text></pre><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\u{1b}\u{202e}";

    /// Every string of a document, by its place.
    fn strings(value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(at),
            Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| strings(v, format!("{at}/{i}"), found)),
            Value::Object(map) => map.iter().for_each(|(k, v)| strings(v, format!("{at}/{k}"), found)),
            _ => {}
        }
    }

    /// The document with this string in that place, if it still is one of its kind.
    fn with<T: serde::de::DeserializeOwned>(document: &Value, place: &str, text: &str) -> Option<T> {
        let mut changed = document.clone();
        *changed.pointer_mut(place)? = text.into();
        serde_json::from_value(changed).ok()
    }

    #[test]
    fn page_escapes_every_string_of_the_records() {
        let (head, records) = (header(), vec![record(0), record(1), record(2)]);
        let (head_json, record_json) =
            (serde_json::to_value(&head).expect("JSON"), serde_json::to_value(&records).expect("JSON"));
        let expected = page(&head, &[Summary::new(&head, &records)]);
        let scripts = expected.matches("<script").count();
        let mut checked = 0;
        let mut check = |place: &str, header: &Header, records: &[Record]| {
            let page = page(header, &[Summary::new(header, records)]);
            assert_eq!(page.matches("<script").count(), scripts, "{place}");
            assert!(!page.contains("<img") && !page.contains(['\u{1b}', '\u{202e}']), "{place}");
            checked += usize::from(page.contains("alert(1)"));
        };
        let mut places = Vec::new();
        strings(&head_json, String::new(), &mut places);
        for place in &places {
            if let Some(header) = with(&head_json, place, HOSTILE) {
                check(place, &header, &records);
            }
        }
        places.clear();
        strings(&record_json, String::new(), &mut places);
        for place in &places {
            if let Some(records) = with::<Vec<Record>>(&record_json, place, HOSTILE) {
                check(place, &head, &records);
            }
        }
        assert!(checked >= 5, "{checked} places were shown");
    }

    #[test]
    fn page_has_a_policy_that_names_its_script() {
        let head = header();
        let page = page(&head, &[Summary::new(&head, &[])]);
        assert!(
            page.contains(&format!("content=\"{}\"", policy(SCRIPT)))
                && page.contains(&format!("<script>{SCRIPT}</script>"))
        );
    }
}
