//! Differences to stratified random, as SVG: for each ratio a panel with a line per method, its median and interval, around zero.

use std::fmt::Write as _;

use super::html::escape;
use crate::render::{points, share};
use leanset_statistics::{Paired, Verdict};

const WIDTH: f64 = 580.0;
/// The height of a line.
const LINE: f64 = 22.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;
const RIGHT: f64 = 16.0;
/// A letter of a name on a phone, where words are largest.
const LETTER: f64 = 9.6;
/// The widest that names are.
const NAMES: f64 = 240.0;

/// The panel of a ratio.
pub(super) struct Panel<'a> {
    pub(super) ratio: f64,
    /// Methods, with their colours and their differences.
    pub(super) lines: Vec<(&'a str, usize, Paired)>,
}

/// The least and the greatest of all panels, so that they can be compared.
pub(super) fn range(panels: &[Panel<'_>]) -> (f64, f64) {
    let ends = panels.iter().flat_map(|panel| &panel.lines).flat_map(|(_, _, d)| [d.difference.low, d.difference.high]);
    let (low, high) = ends.filter(|v| v.is_finite()).fold((0.0f64, 0.0f64), |(a, b), v| (a.min(v), b.max(v)));
    // Never narrower than a point, in which nothing is to be seen.
    let room = 0.04 * (high - low).max(0.01);
    (low - room, high + room)
}

impl Panel<'_> {
    /// The panel; `id` is its own, `measure` what is compared.
    pub(super) fn svg(&self, id: &str, measure: &str, (low, high): (f64, f64)) -> String {
        let mut lines: Vec<&(&str, usize, Paired)> = self.lines.iter().collect();
        lines.sort_by(|a, b| b.2.difference.value.total_cmp(&a.2.difference.value));
        let longest = lines.iter().map(|line| line.0.chars().count()).max().unwrap_or(0);
        let left = (16.0 + LETTER * longest as f64).min(NAMES);
        let height = TOP + LINE * lines.len() as f64 + BOTTOM;
        let x = |value: f64| left + (value.clamp(low, high) - low) / (high - low) * (WIDTH - left - RIGHT);
        let y = |place: usize| TOP + LINE * (place as f64 + 0.5);
        let title = format!("{measure} over stratified random at {}", share(self.ratio));
        let says: Vec<String> = lines.iter().map(|(label, _, d)| describe(label, d)).collect();
        let mut out = format!(
            "<figure class=\"forest\"><figcaption>{} kept</figcaption>\n<svg id=\"{id}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\n",
            share(self.ratio),
            escape(&title),
            escape(&says.join("; "))
        );
        let bottom = height - BOTTOM + 2.0;
        for mark in ticks(low, high) {
            let class = if mark == 0.0 { "zero" } else { "rule" };
            let _ = write!(
                out,
                "<line class=\"{class}\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/><text class=\"tick\" x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"middle\">{2}</text>",
                x(mark),
                bottom + 16.0,
                points(mark).replace(".0", "")
            );
        }
        for (place, (label, style, paired)) in lines.iter().enumerate() {
            let d = paired.difference;
            let class = match paired.verdict {
                Verdict::Yes => "yes",
                Verdict::No => "no",
                Verdict::Unclear => "unclear",
            };
            let most = ((NAMES - 16.0) / LETTER) as usize;
            let name: String = match label.chars().count() > most {
                true => label.chars().take(most - 1).chain(['…']).collect(),
                false => (*label).to_owned(),
            };
            let tip = escape(&describe(label, paired));
            let _ = writeln!(
                out,
                "<g class=\"series s{style}\" data-s=\"{style}\"><g class=\"{class}\"><text class=\"name\" x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"end\">{2}</text><line class=\"span\" x1=\"{3:.1}\" x2=\"{4:.1}\" y1=\"{5:.1}\" y2=\"{5:.1}\"/><circle class=\"point\" cx=\"{6:.1}\" cy=\"{5:.1}\" r=\"4.5\"/></g><rect class=\"hit\" data-tip=\"{tip}\" x=\"0\" width=\"{WIDTH}\" y=\"{7:.1}\" height=\"{LINE}\"><title>{tip}</title></rect></g>",
                left - 10.0,
                y(place) + 4.0,
                escape(&name),
                x(d.low),
                x(d.high),
                y(place),
                x(d.value),
                y(place) - LINE / 2.0
            );
        }
        out.push_str("</svg>\n</figure>\n");
        out
    }
}

/// A line in words.
fn describe(label: &str, paired: &Paired) -> String {
    let d = paired.difference;
    let verdict = match paired.verdict {
        Verdict::Yes => "better than random",
        Verdict::No => "worse than random",
        Verdict::Unclear => "these runs cannot tell",
    };
    format!("{label}: {} points, {} to {}, {verdict}", points(d.value), points(d.low), points(d.high))
}

/// Round values within a range that holds zero; zero is one of them.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let raw = (high - low) / 5.0;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= raw).unwrap_or(raw);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use leanset_statistics::paired;

    #[test]
    fn ticks_hold_zero_and_stay_within() {
        for (low, high) in [(-0.1, 0.02), (0.0, 0.01), (-0.5, 0.5), (-0.004, 0.3)] {
            let marks = ticks(low, high);
            assert!((2..=7).contains(&marks.len()) && marks.contains(&0.0), "{low} to {high}: {marks:?}");
            assert!(marks.iter().all(|m| (low..=high).contains(m)));
        }
    }

    #[test]
    fn panel_says_what_it_draws() {
        let line = |differences: &[f64]| paired(differences).expect("pairs");
        let panel = Panel {
            ratio: 0.1,
            lines: vec![
                ("worse <&>", 1, line(&[-0.02; 8])),
                ("better", 2, line(&[0.03, 0.02, 0.04, 0.03, 0.02, 0.05])),
            ],
        };
        let svg = panel.svg("d0", "Accuracy", range(std::slice::from_ref(&panel)));
        assert!(svg.contains("better: +3.0 points, +2.0 to +5.0, better than random"), "{svg}");
        assert!(svg.contains("worse &lt;&amp;&gt;: −2.0 points") && !svg.contains("<&>"), "{svg}");
        // The best comes first.
        assert!(svg.find(">better<") < svg.find(">worse &lt;"), "{svg}");
    }
}
