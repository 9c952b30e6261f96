//! One page of an experiment: self-contained HTML, no network, every picture also as a table.
//!
//! Pictures are inline SVG made here ([`chart`]), readable without a script; a short script adds tooltips and lets one
//! method stand out. Colours are those of Okabe and Ito, told apart with any colour vision, and every method has a
//! shape of its own besides. Dark or light is the reader's choice.

mod chart;

use std::fmt::Write as _;

use crate::plan::{DetectorPlan, EqualTraining, ResultEpoch, TaskPlan};
use crate::record::{GIVEN_FEATURES, Header, TimeBasis};
use crate::statistics::{COVERAGE, LEVEL, Median, Paired, Spearman, Verdict};
use crate::summary::{Cell, Summary};
use chart::{Chart, Series};

/// Text in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

/// A number in a few digits.
pub(crate) fn number(value: f64) -> String {
    match value {
        v if v.is_infinite() => "∞".into(),
        0.0 => "0".into(),
        v if v.abs() >= 1000.0 => format!("{}{}", if v < 0.0 { "−" } else { "" }, whole(v.abs().round() as usize)),
        v => {
            let decimals = (2.0 - v.abs().log10().floor()).clamp(0.0, 6.0) as usize;
            format!("{v:.decimals$}").replace('-', "−")
        }
    }
}

/// A count, its thousands apart.
fn whole(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(c);
    }
    text
}

fn share(ratio: f64) -> String {
    format!("{} %", (ratio * 1e8).round() / 1e6)
}

fn three(value: f64) -> String {
    format!("{value:.3}")
}

/// A difference with its sign, in hundredths.
fn points(value: f64) -> String {
    let text = format!("{:+.1}", 100.0 * value);
    if text == "+0.0" || text == "-0.0" { "0.0".into() } else { text.replace('-', "−") }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

/// The median and its interval.
fn interval(median: &Median, show: impl Fn(f64) -> String) -> String {
    format!("{} <small>{}–{}</small>", show(median.value), show(median.low), show(median.high))
}

/// The page.
pub fn page(header: &Header, summary: &Summary) -> String {
    let mut out = String::with_capacity(1 << 17);
    let title = escape(&summary.title);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"leanset {}\">\n\
         <title>{title}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
        escape(&summary.leanset),
        include_str!("page.css")
    );
    head(&mut out, header, summary);
    short(&mut out, summary);
    charts(&mut out, header, summary);
    random(&mut out, header, summary);
    paid(&mut out, summary);
    correlations(&mut out, summary);
    numbers(&mut out, summary);
    provenance(&mut out, header, summary);
    let _ = write!(
        out,
        "</main>\n<div id=\"tip\" role=\"tooltip\" hidden></div>\n<script>{}</script>\n</body>\n</html>\n",
        include_str!("page.js")
    );
    out
}

fn head(out: &mut String, header: &Header, summary: &Summary) {
    let (data, vocabulary) = (&header.data, summary.vocabulary);
    let _ = write!(
        out,
        "<header>\n<p class=\"over\">leanset experiment</p>\n<h1>{}</h1>\n<p class=\"sub\">{}: {} {}, {} numbers a \
         {}, {} {} · {} repetitions · {} methods at {} ratios</p>\n<p class=\"badges\">",
        escape(&summary.title),
        escape(&data.name),
        whole(data.rows),
        vocabulary.rows,
        data.dimensions,
        vocabulary.row,
        data.classes.len(),
        vocabulary.classes,
        header.plan.repetitions,
        summary.methods.len(),
        header.plan.reduce.ratios.len()
    );
    let mut badge = |class: &str, text: String| {
        let _ = write!(out, "<span class=\"badge {class}\">{text}</span> ");
    };
    if summary.done < summary.planned {
        badge("warn", format!("{} of {} runs: not done yet", whole(summary.done), whole(summary.planned)));
    } else {
        badge("ok", format!("all {} runs", whole(summary.done)));
    }
    let found = &summary.provenance;
    if found.shared > 0 {
        badge("warn", format!("{} runs shared the machine", whole(found.shared)));
    }
    if found.estimated > 0 {
        badge("warn", "energy is estimated ≈".into());
    }
    if let Some(blind) = summary.never_predicted.filter(|&runs| runs > 0) {
        badge("warn", format!("{} runs found no row of some class", whole(blind)));
    }
    if !features_known(header) {
        badge("warn", "features: their cost is not known".into());
    }
    out.push_str("</p>\n</header>\n");
}

/// Whether what methods looked at cost something that is not in the records.
fn features_known(header: &Header) -> bool {
    header.data.features.as_deref() != Some(GIVEN_FEATURES)
}

/// What the page says, in a few sentences.
fn short(out: &mut String, summary: &Summary) {
    let Some(full) = &summary.full else {
        out.push_str(
            "<section><h2>In short</h2><p>Nothing can be said before full training has run once.</p></section>\n",
        );
        return;
    };
    out.push_str("<section>\n<h2>In short</h2>\n<div class=\"tiles\">\n");
    let mut tile = |label: &str, value: String, below: String| {
        let _ = writeln!(out, "<div class=\"tile\"><p>{label}</p><strong>{value}</strong><p>{below}</p></div>");
    };
    let joules = full.joules.map_or_else(String::new, |j| format!(", {}\u{a0}J{}", number(j.value), mark(summary)));
    tile(
        "Training on everything",
        three(summary.main(full).value),
        format!(
            "{}, in {}\u{a0}s of {}{joules}{}",
            summary.vocabulary.main().name,
            number(full.seconds.value),
            summary.clock,
            summary
                .largest_class
                .map_or_else(String::new, |part| format!("; always the largest class: {}", three(part)))
        ),
    );
    let cells = || summary.methods.iter().flat_map(|m| m.cells.iter().map(move |c| (m, c)));
    // The least that is kept without losing a point: of F1 neither, because accuracy hardly tells of a small class.
    let main = |c: &Cell| summary.main(c).value;
    let near = |c: &Cell| main(c) >= main(full) - 0.01 && summary.second(c).value >= summary.second(full).value - 0.01;
    let enough = cells()
        .filter(|(_, c)| near(c))
        .min_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio).then(main(b.1).total_cmp(&main(a.1))));
    let least = format!(
        "Fewest {} within 1 point of full training, in {} and {}",
        summary.vocabulary.rows,
        summary.vocabulary.main().name,
        summary.vocabulary.second().name
    );
    match enough {
        Some((method, cell)) => tile(
            &least,
            share(cell.ratio),
            format!("{}: {}, in {}\u{a0}s", escape(&method.label), three(main(cell)), number(cell.seconds.value)),
        ),
        None => tile(&least, "none".into(), "every ratio here costs more".into()),
    }
    let count = |verdict| cells().filter(|(_, c)| c.over_random.is_some_and(|p| p.verdict == verdict)).count();
    if summary.random.is_some() {
        tile(
            "Beat stratified random",
            format!("{} of {}", count(Verdict::Yes), summary.comparisons().0),
            format!("{} are worse, of {} these runs cannot tell", count(Verdict::No), count(Verdict::Unclear)),
        );
    }
    let lost = summary.did_not_pay();
    tile(
        "Cost more than they saved",
        format!("{} of {}", lost.len(), cells().count()),
        format!("method and ratio, by {} of choosing and training", summary.clock),
    );
    out.push_str("</div>\n</section>\n");
}

/// The clock, to begin a title.
fn capital(summary: &Summary) -> &'static str {
    match summary.clock {
        TimeBasis::Wall => "Time",
        TimeBasis::Cpu => "CPU time",
    }
}

/// What marks joules and grams that are not measured.
fn mark(summary: &Summary) -> &'static str {
    if summary.provenance.estimated > 0 { " <abbr title=\"estimated\">≈</abbr>" } else { "" }
}

fn charts(out: &mut String, header: &Header, summary: &Summary) {
    let vocabulary = summary.vocabulary;
    let _ = write!(
        out,
        "<section>\n<h2>{}, representativeness, cost</h2>\n<p>Medians over repetitions against the part of the training {} that is kept; whiskers are their intervals. Point at a method to make it stand out.</p>\n<ul class=\"legend\">\n",
        vocabulary.main().title,
        vocabulary.rows
    );
    let random = |label: &str| summary.random.as_deref() == Some(label);
    let mut styles = Vec::new();
    for method in &summary.methods {
        let style = if random(&method.label) { 0 } else { 1 + styles.iter().filter(|&&s| s > 0).count() };
        styles.push(style);
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
    for method in summary.methods.iter().filter(|m| Some(m.label.as_str()) != skip) {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(&method.label));
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
    let (value, p) = (show(paired.difference.value), p_value(paired.p));
    (format!("<b>{value}</b><small>{sign}</small><small>{p}</small>"), class)
}

fn random(out: &mut String, header: &Header, summary: &Summary) {
    let Some(random) = &summary.random else {
        out.push_str("<section><h2>Does it beat random?</h2><p>The plan has no stratified random to compare with: add it with <code>[[method]] name = \"srs\"</code>.</p></section>\n");
        return;
    };
    let (count, luck) = summary.comparisons();
    let _ = write!(
        out,
        "<section>\n<h2>Does it beat random?</h2>\n<p>Each method against {} at the same ratio, {}: the median difference of {} in points, and whether these runs can tell. \
         The test is Wilcoxon’s signed-rank test, two-sided and exact; below {LEVEL} it tells. Of {count} comparisons about {luck:.0} come out by luck. \
         Fewer than six repetitions can never tell.</p>\n",
        escape(random),
        summary.vocabulary.pairs,
        summary.vocabulary.main().name
    );
    let warm: Vec<String> =
        header.plan.methods.iter().filter_map(|m| Some(format!("{} ({} epochs)", m.label(), m.warm_up?))).collect();
    if !warm.is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"note\">Warmed up on all training rows before they chose, and trained on from there: {}. All have the same epochs, so that fewer rows are fewer gradient steps; a warm-up is steps on everything, and is among the costs.</p>",
            escape(&warm.join(", "))
        );
    }
    if let TaskPlan::Images(about) = &header.plan.task {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", trained(&about.detector));
    }
    let (main, second) = (summary.vocabulary.main(), summary.vocabulary.second());
    let over = |title: &str, what: &str| format!("{title} over {what}, in points");
    grid(out, summary, &over(main.title, "stratified random"), Some(random), |c| verdict(c.over_random, points));
    let _ = writeln!(out, "<details><summary>The same for {}</summary>", second.name);
    grid(out, summary, &over(second.title, "stratified random"), Some(random), |c| {
        verdict(c.second_over_random.values().next().copied().flatten(), points)
    });
    out.push_str("</details>\n<details><summary>Against training on everything</summary>\n");
    grid(out, summary, &over(main.title, "full training"), None, |c| verdict(c.over_full, points));
    out.push_str("</details>\n</section>\n");
}

/// How detectors were made comparable, and what is taken for their result.
fn trained(detector: &DetectorPlan) -> String {
    let equal = match detector.equal {
        EqualTraining::Epochs => {
            format!("All trainings have {} epochs, so that fewer pictures are fewer gradient steps.", detector.epochs)
        }
        EqualTraining::Steps => format!(
            "Trainings on fewer pictures have more epochs than the {} on everything, so that all have about as many gradient steps.",
            detector.epochs
        ),
    };
    let which = match detector.epoch {
        ResultEpoch::Last => "The result is that of the last epoch.",
        ResultEpoch::Best => {
            "The result is that of the best epoch, which was chosen on the pictures that it is tested on, and flatters."
        }
    };
    format!("{equal} {which} What the command tests after each epoch is in the cost of training.")
}

fn paid(out: &mut String, summary: &Summary) {
    out.push_str("<section>\n<h2>Did it pay?</h2>\n<p>What choosing and training save of the cost of training on everything, in the median. A ranking or a warm-up that serves several ratios is charged to each of them in whole, as it would cost alone.</p>\n");
    if let Some(features) = &summary.features {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escape(&features.describe(summary.clock)));
    }
    let saved = |paired: Option<Paired>, full: Option<Median>| match (paired, full) {
        (Some(paired), Some(full)) if full.value > 0.0 => {
            let part = 100.0 * paired.difference.value / full.value;
            let sign = if part < 0.0 { "costs more" } else { "" };
            let text = format!("{part:+.0} %").replace('-', "−");
            (format!("<b>{text}</b><small>{sign}</small>"), if part < 0.0 { "no" } else { "yes" })
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
        out.push_str("<p>Every method at every ratio took less time than training on everything.</p>\n");
    } else {
        out.push_str("<p>Took longer than training on everything:</p>\n<ul class=\"lost\">\n");
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
        "<details><summary>Gradient steps: {} on everything</summary>",
        full.map_or_else(|| "?".into(), |f| whole(f.steps.value.round() as usize))
    );
    grid(out, summary, "Gradient steps, those of a warm-up included", None, |c| {
        (whole(c.steps.value.round() as usize), "none")
    });
    out.push_str("</details>\n");
    if summary.provenance.shared > 0 {
        let _ = writeln!(
            out,
            "<p class=\"note\">Runs shared the machine, so CPU time is compared where the system tells it, and not the time from beginning to end; {}.</p>",
            summary.vocabulary.alone
        );
    }
    out.push_str("</section>\n");
}

fn correlations(out: &mut String, summary: &Summary) {
    let (main, second) = (summary.vocabulary.main(), summary.vocabulary.second());
    let _ = write!(
        out,
        "<section>\n<h2>Does ε tell the quality?</h2>\n<p>Spearman’s ρ of ε with {0} and {1}: −1 if a smaller ε always goes with more. Over all runs at a ratio, as in the paper (their p-values take runs of one method for independent, which they are not), and over the medians of the methods, with p-values over all orders.</p>\n<div class=\"wide\"><table>\n<caption>Rank correlation with ε</caption>\n<thead><tr><th scope=\"col\">kept</th><th scope=\"col\">{2}, runs</th><th scope=\"col\">{3}, runs</th><th scope=\"col\">{2}, methods</th><th scope=\"col\">{3}, methods</th></tr></thead>\n<tbody>\n",
        main.name, second.name, main.short, second.short
    );
    let show = |s: &Option<Spearman>| match s {
        None => "–".into(),
        Some(s) => {
            let rho = format!("{:+.2}", s.rho).replace('-', "−");
            format!("<b>{rho}</b> <small>{}, n = {}{}</small>", p_value(s.p), s.n, if s.exact { ", exact" } else { "" })
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
        "<section>\n<h2>All numbers</h2>\n<details><summary>Every method at every ratio: the charts as a table</summary>\n<div class=\"wide\"><table>\n<caption>Medians and intervals</caption>\n<thead><tr><th scope=\"col\">method</th><th scope=\"col\">kept</th><th scope=\"col\">{}</th><th scope=\"col\">runs</th>{heads}<th scope=\"col\">ε</th><th scope=\"col\">steps</th><th scope=\"col\">choosing, s</th><th scope=\"col\">all, s</th><th scope=\"col\">J{mark}</th><th scope=\"col\">g CO₂{mark}</th></tr></thead>\n<tbody>\n",
        summary.vocabulary.rows
    );
    let full = summary.full.iter().map(|c| ("everything", c));
    for (label, c) in full.chain(summary.methods.iter().flat_map(|m| m.cells.iter().map(|c| (m.label.as_str(), c)))) {
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
    out.push_str("</tbody>\n</table></div>\n</details>\n</section>\n");
}

fn provenance(out: &mut String, header: &Header, summary: &Summary) {
    let found = &summary.provenance;
    let list = |items: &[String]| if items.is_empty() { "none".into() } else { escape(&items.join("; ")) };
    out.push_str("<section>\n<h2>Where the numbers are from</h2>\n<dl>\n");
    let mut entry = |term: &str, text: String| {
        let _ = writeln!(out, "<dt>{term}</dt><dd>{text}</dd>");
    };
    let classes: Vec<String> =
        header.data.classes.iter().map(|(name, rows)| format!("{name} {}", whole(*rows))).collect();
    let (data, vocabulary) = (&header.data, summary.vocabulary);
    entry(vocabulary.data, format!("{}, SHA-256 <code>{}</code>", escape(&data.name), data.sha256));
    entry(vocabulary.classes_title, escape(&classes.join(", ")));
    if let Some(name) = &data.features {
        entry("Features", format!("{}, {} numbers a {}", escape(name), data.dimensions, vocabulary.row));
    }
    if let Some(pictures) = data.validation {
        let words = "pictures of the set’s own validation split, the same in every run";
        entry("Tested on", format!("{} {words}", whole(pictures)));
    }
    if let Some(blind) = summary.never_predicted.filter(|&runs| runs > 0) {
        entry(
            "Classes not found",
            format!(
                "In {} of {} runs the model found not one test row of some class. Accuracy hardly shows it where a class is small; macro F1 and recall do.",
                whole(blind),
                whole(summary.done)
            ),
        );
    }
    entry("Program", format!("leanset {}", escape(&summary.leanset)));
    entry(
        "Processor",
        format!(
            "{}; {} thread(s) {}",
            list(&found.processors),
            list(&found.threads.iter().map(usize::to_string).collect::<Vec<_>>()),
            summary.vocabulary.threads
        ),
    );
    let shared = match found.shared {
        0 => "Every run had the machine to itself.".to_owned(),
        n => format!(
            "{} of {} runs shared the machine with other runs or other processes: their times are longer than alone, and their joules are a share by CPU time.",
            whole(n),
            whole(summary.done)
        ),
    };
    entry("Machine", shared);
    let energy = match (found.joules.is_empty(), found.estimated) {
        (true, _) => "Nothing here tells joules.".to_owned(),
        (false, 0) => format!("Measured: {}.", list(&found.joules)),
        (false, n) => format!(
            "{}. Of {} of {} runs the joules are an estimate, marked ≈.",
            list(&found.joules),
            whole(n),
            whole(summary.done)
        ),
    };
    entry("Energy", energy);
    entry(
        "Carbon",
        if found.carbon.is_empty() {
            "No country or carbon intensity is named in the plan, so no CO₂ is computed.".into()
        } else {
            list(&found.carbon)
        },
    );
    if !found.warnings.is_empty() {
        let codes: Vec<String> = found.warnings.iter().map(|(code, n)| format!("{code} ({n} runs)")).collect();
        entry("Warnings", escape(&codes.join(", ")));
    }
    let coverage = summary.full.as_ref().map_or(0.0, |f| summary.main(f).coverage);
    entry(
        "Intervals",
        format!(
            "From the order of the values alone, at least {:.0} % where there are enough of them; with {} repetitions they hold the median with {:.1} %.",
            100.0 * COVERAGE,
            summary.full.as_ref().map_or(0, |f| f.runs),
            100.0 * coverage
        ),
    );
    entry("Caution", vocabulary.caution.into());
    out.push_str("</dl>\n<details><summary>The plan, with every default</summary>\n<pre>");
    out.push_str(&escape(&toml::to_string_pretty(&header.plan).unwrap_or_default()));
    out.push_str("</pre>\n</details>\n</section>\n");
}
