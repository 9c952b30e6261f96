//! The page of a choice: the answer, the curve, the evidence.

use std::fmt::Write as _;

use super::chart::{Chart, Series};
use super::html::escape;
use super::{SCRIPT, begin};
use crate::choice::Answer;
use crate::render::{counted, lost, share, three, whole};
use leanset_statistics::Median;

/// The coverage of intervals of resamplings.
const COVERAGE: f64 = 0.9;

/// The page of an answer, as HTML.
pub fn page(answer: &Answer, name: &str) -> String {
    let choice = &answer.choice;
    let mut out = String::with_capacity(1 << 16);
    let title = escape(&format!("How much of {name} can go?"));
    begin(&mut out, &title, env!("CARGO_PKG_VERSION"));
    let _ = write!(
        out,
        "<header>\n<p class=\"over\">leanset choose</p>\n\
         <h1>{title}</h1>\n<p class=\"sub\">{}, judged by {} on {} held-out rows</p>\n</header>\n",
        counted(choice.rows, "row", "rows"),
        escape(&answer.choice.judge()),
        whole(choice.tested_rows)
    );
    let _ = writeln!(out, "<section>\n<h2>Answer</h2>\n<p class=\"lead\">{}</p>", escape(&answer.choice.sentence()));
    for line in answer.choice.certainty() {
        let _ = writeln!(out, "<p>{}</p>", escape(&line));
    }
    for command in [answer.command(), answer.python()].into_iter().flatten() {
        let _ = writeln!(out, "<pre class=\"command\">{}</pre>", escape(&command));
    }
    out.push_str("</section>\n");
    curve(&mut out, answer);
    evidence(&mut out, answer);
    let _ = write!(
        out,
        "<section>\n<h2>What it took</h2>\n<p>{}</p>\n</section>\n</main>\n<div id=\"tip\" role=\"tooltip\" hidden></div>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        escape(&answer.payback())
    );
    out
}

fn curve(out: &mut String, answer: &Answer) {
    let choice = &answer.choice;
    if choice.curve.len() < 2 {
        return;
    }
    let of = |point: &leanset_choose::Point| {
        let [value, low, high] = [point.loss.value, point.loss.low, point.loss.high].map(|loss| 100.0 * loss);
        Median { value, low, high, coverage: COVERAGE, n: choice.tested_rows }
    };
    let points = choice.curve.iter().map(|point| (point.ratio, of(point))).collect();
    let chart = Chart {
        id: "curve",
        title: &format!("Points of {} that are lost against full training", choice.goal.name()),
        unit: String::new(),
        rows: "rows",
        zero: true,
        full: Some(0.0),
        floor: None,
        series: vec![Series { label: &choice.candidate, style: 1, points }],
    };
    let _ = write!(
        out,
        "<section>\n<h2>The curve</h2>\n<p>Whiskers hold 90 % of the resamplings of the held-out rows.</p>\n<div class=\"charts\">\n{}</div>\n<div class=\"wide\"><table class=\"grid\">\n<thead><tr><th scope=\"col\">kept</th>\
         <th scope=\"col\">{}</th><th scope=\"col\">lost, in points</th><th scope=\"col\">lost, smoothed</th>\
         <th scope=\"col\">within {}</th></tr></thead>\n<tbody>\n",
        chart.svg(),
        escape(choice.goal.name()),
        escape(&answer.choice.allowance())
    );
    for point in &choice.curve {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{} <small>{} to {}</small></td><td>{}</td><td>{:.0} %</td></tr>",
            share(point.ratio),
            three(point.score),
            lost(point.loss.value),
            lost(point.loss.low),
            lost(point.loss.high),
            lost(point.smoothed_loss),
            (100.0 * point.within_tolerance).floor()
        );
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn evidence(out: &mut String, answer: &Answer) {
    let choice = &answer.choice;
    let lines = answer.evidence();
    if lines.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<section>\n<h2>The evidence at {}</h2>\n<p>The chosen method has a star. Differences are in points of {}, with what holds 90 % of \
         the resamplings.</p>\n<div class=\"wide\"><table class=\"grid\">\n<thead><tr>",
        share(choice.evidence_ratio),
        escape(choice.goal.name())
    );
    for title in ["method", "accuracy", "macro F1", "worst class", "over random", "against everything"] {
        let _ = write!(out, "<th scope=\"col\">{title}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for line in lines {
        let [name, rest @ ..] = &line;
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(name));
        rest.iter().for_each(|cell| out.push_str(&format!("<td>{}</td>", escape(cell))));
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}
