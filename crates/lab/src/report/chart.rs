//! A line chart as SVG: medians with whiskers against the fraction kept, and a line for full training.

use std::fmt::Write as _;

use super::html::escape;
use crate::render::{number, share};
use leanset_statistics::Median;

const WIDTH: f64 = 580.0;
const HEIGHT: f64 = 340.0;
/// At least; more where the words of the axis need it.
const LEFT: f64 = 58.0;
/// A digit of the axis on a phone, where words are largest.
const DIGIT: f64 = 11.5;
const RIGHT: f64 = 14.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 40.0;
/// Methods stand so far beside one another at a ratio, so that whiskers do not hide each other.
const ASIDE: f64 = 2.6;

/// One method.
pub(super) struct Series<'a> {
    pub(super) label: &'a str,
    /// Which colour and shape.
    pub(super) style: usize,
    /// Ratios, ascending, with what is drawn.
    pub(super) points: Vec<(f64, Median)>,
}

/// A chart.
pub(super) struct Chart<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) unit: String,
    /// What is kept.
    pub(super) rows: &'a str,
    /// Whether the axis begins at 0.
    pub(super) zero: bool,
    /// Full training.
    pub(super) full: Option<f64>,
    /// What needs no training; drawn where the axis reaches it.
    pub(super) floor: Option<f64>,
    pub(super) series: Vec<Series<'a>>,
}

/// The marker of a style, around a place.
pub(super) fn shape(style: usize, x: f64, y: f64, r: f64) -> String {
    let polygon = |corners: &[(f64, f64)]| {
        let text: Vec<String> = corners.iter().map(|(a, b)| format!("{:.1},{:.1}", x + a * r, y + b * r)).collect();
        format!("<polygon class=\"mark\" points=\"{}\"/>", text.join(" "))
    };
    match style % 8 {
        0 => format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{:.1}\"/>", 0.9 * r),
        1 => polygon(&[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]),
        2 => polygon(&[(0.0, -1.15), (1.05, 0.8), (-1.05, 0.8)]),
        3 => polygon(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
        4 => polygon(&[(0.0, 1.15), (1.05, -0.8), (-1.05, -0.8)]),
        5 => polygon(&[
            (-0.35, -1.1),
            (0.35, -1.1),
            (0.35, -0.35),
            (1.1, -0.35),
            (1.1, 0.35),
            (0.35, 0.35),
            (0.35, 1.1),
            (-0.35, 1.1),
            (-0.35, 0.35),
            (-1.1, 0.35),
            (-1.1, -0.35),
            (-0.35, -0.35),
        ]),
        6 => polygon(&[(-1.0, -0.55), (0.0, -1.15), (1.0, -0.55), (1.0, 0.55), (0.0, 1.15), (-1.0, 0.55)]),
        _ => polygon(&[(-1.2, -0.5), (1.2, -0.5), (1.2, 0.5), (-1.2, 0.5)]),
    }
}

/// Round values from at or below `low` to at or above `high`.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = (high - low).max(f64::MIN_POSITIVE);
    let power = 10f64.powf((span / 5.0).log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|s| s * power).find(|s| span / s <= 6.0).unwrap_or(span);
    let (first, last) = ((low / step + 1e-9).floor() as i64, (high / step - 1e-9).ceil() as i64);
    (first..=last).map(|k| k as f64 * step).collect()
}

/// A value on an axis, with the digits that tell it from its neighbours.
fn tick(value: f64, step: f64) -> String {
    if value.abs() >= 1000.0 {
        return number(value);
    }
    // 0.25 needs one digit more than 0.2 and 0.5.
    let digits = (-step.log10().floor()).max(0.0) as usize;
    let digits = digits + usize::from((step * 10f64.powf(digits as f64)).fract().abs() > 1e-6);
    format!("{value:.digits$}").replace('-', "−")
}

impl Chart<'_> {
    /// Thousandths, millionths or thousands of the unit, where its numbers would have many digits.
    fn in_handy_units(mut self) -> Self {
        let values = || self.series.iter().flat_map(|s| s.points.iter().map(|(_, m)| m.high)).chain(self.full);
        let high = values().filter(|v| v.is_finite()).fold(0.0, f64::max);
        let (factor, prefix) = match high {
            h if self.unit.is_empty() || h == 0.0 => return self,
            h if h < 1e-3 => (1e6, "µ"),
            h if h < 0.5 => (1e3, "m"),
            h if h >= 5e3 => (1e-3, "k"),
            _ => return self,
        };
        self.unit = format!("{prefix}{}", self.unit);
        self.full = self.full.map(|v| v * factor);
        for (_, m) in self.series.iter_mut().flat_map(|s| &mut s.points) {
            (m.value, m.low, m.high) = (m.value * factor, m.low * factor, m.high * factor);
        }
        self
    }

    /// The chart as a figure.
    pub(super) fn svg(self) -> String {
        self.in_handy_units().drawn()
    }

    fn drawn(&self) -> String {
        let values = || {
            let ends = |m: &Median| [m.low, m.value, m.high];
            self.series.iter().flat_map(move |s| s.points.iter().flat_map(move |(_, m)| ends(m))).chain(self.full)
        };
        let finite = || values().filter(|v| v.is_finite());
        let (mut low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let mut out = String::new();
        let (id, title) = (self.id, escape(self.title));
        if low > high {
            return format!("<figure><figcaption>{title}</figcaption><p>No finite value.</p></figure>\n");
        }
        if self.zero {
            low = low.min(0.0);
        }
        // Some room where all values are one, more than rounding takes away again.
        let marks = ticks(low, if high > low { high } else { low + 1.0f64.max(low.abs() * 1e-6) });
        let (bottom, top) = (marks[0], marks[marks.len() - 1]);
        let labels: Vec<String> = marks.iter().map(|&mark| tick(mark, marks[1] - marks[0])).collect();
        let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        let left = LEFT.max(12.0 + DIGIT * longest as f64);
        let mut ratios: Vec<f64> = self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.dedup();
        // Room at both ends for methods that stand aside.
        let widest = ratios.last().copied().unwrap_or(1.0) * 1.04;
        let x = |ratio: f64| left + ratio / widest * (WIDTH - left - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - (value - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM);
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let says: Vec<String> = self
            .series
            .iter()
            .filter_map(|s| {
                let (first, last) = (s.points.first()?, s.points.last()?);
                let at = |p: &(f64, Median)| format!("{}{unit} at {}", number(p.1.value), share(p.0));
                Some(format!("{}: {} to {}", s.label, at(first), at(last)))
            })
            .collect();
        let _ = write!(
            out,
            "<figure><figcaption>{title}{}</figcaption>\n<svg id=\"{id}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{title} against the fraction kept</title><desc id=\"{id}-d\">{}. All numbers are in the table below.</desc>\n",
            if unit.is_empty() { String::new() } else { format!(", {}", self.unit) },
            escape(&says.join("; "))
        );
        for (&mark, label) in marks.iter().zip(&labels) {
            let _ = write!(
                out,
                "<line class=\"rule\" x1=\"{left}\" x2=\"{:.1}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/><text class=\"tick\" x=\"{2:.1}\" y=\"{3:.1}\" text-anchor=\"end\">{4}</text>",
                WIDTH - RIGHT,
                y(mark),
                left - 8.0,
                y(mark) + 4.0,
                label
            );
        }
        // Never two on top of each other; on a phone words are larger, and some make room.
        let (mut last, mut last_loose) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for &ratio in &ratios {
            let at = x(ratio).min(WIDTH - RIGHT - 10.0);
            if at - last < 32.0 {
                continue;
            }
            last = at;
            let tight = at - last_loose < 56.0;
            if !tight {
                last_loose = at;
            }
            let _ = write!(
                out,
                "<text class=\"tick{}\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                if tight { " tight" } else { "" },
                HEIGHT - BOTTOM + 18.0,
                share(ratio)
            );
        }
        let _ = writeln!(
            out,
            "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">fraction of the training {} kept</text>",
            (left + WIDTH - RIGHT) / 2.0,
            HEIGHT - 5.0,
            self.rows
        );
        let full = self.full.filter(|_| self.id != "epsilon").map(|value| ("full training", value, -5.0));
        let floor = self.floor.filter(|v| (bottom..=top).contains(v)).map(|v| ("always the largest class", v, 14.0));
        for (words, value, below) in full.into_iter().chain(floor) {
            let tip = escape(&format!("{words}: {}{unit}", number(value)));
            let _ = writeln!(
                out,
                "<g class=\"full\"><line x1=\"{left}\" x2=\"{0:.1}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/><text x=\"{2:.1}\" y=\"{3:.1}\">{words}</text><rect class=\"hit\" data-tip=\"{tip}\" x=\"{left}\" width=\"{4:.1}\" y=\"{5:.1}\" height=\"8\"/></g>",
                WIDTH - RIGHT,
                y(value),
                left + 6.0,
                y(value) + below,
                WIDTH - RIGHT - left,
                y(value) - 4.0
            );
        }
        for (i, series) in self.series.iter().enumerate() {
            let aside = (i as f64 - (self.series.len() - 1) as f64 / 2.0) * ASIDE;
            let at = |ratio: f64| x(ratio) + aside;
            let seen: Vec<&(f64, Median)> = series.points.iter().filter(|(_, m)| m.value.is_finite()).collect();
            let line: Vec<String> = seen.iter().map(|(r, m)| format!("{:.1},{:.1}", at(*r), y(m.value))).collect();
            let _ = write!(
                out,
                "<g class=\"series s{0}\" data-s=\"{0}\"><polyline points=\"{1}\"/>",
                series.style,
                line.join(" ")
            );
            for (ratio, m) in seen {
                let (a, b) = (y(m.low), y(if m.high.is_finite() { m.high } else { top }));
                let _ = write!(
                    out,
                    "<line class=\"whisker\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{a:.1}\" y2=\"{b:.1}\"/>{1}",
                    at(*ratio),
                    shape(series.style, at(*ratio), y(m.value), 4.2)
                );
                let tip = format!(
                    "{} at {}: {}{unit}, {} to {} ({} runs)",
                    series.label,
                    share(*ratio),
                    number(m.value),
                    number(m.low),
                    number(m.high),
                    m.n
                );
                let _ = write!(
                    out,
                    "<circle class=\"hit\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"9\" data-tip=\"{tip}\"><title>{tip}</title></circle>",
                    at(*ratio),
                    y(m.value),
                    tip = escape(&tip)
                );
            }
            out.push_str("</g>\n");
        }
        out.push_str("</svg>\n");
        let lost: usize = self.series.iter().flat_map(|s| &s.points).filter(|(_, m)| m.value.is_infinite()).count();
        if lost > 0 {
            let _ = writeln!(
                out,
                "<p class=\"note\">{lost} medians are ∞ because a class was lost. They are not drawn.</p>"
            );
        }
        out.push_str("</figure>\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{Chart, Series, tick, ticks};
    use leanset_statistics::median;

    #[test]
    fn chart_shows_small_numbers_in_small_units() {
        let svg = |values: [f64; 2], unit: &str| {
            let points = values.iter().map(|&v| (0.5, median([v]).expect("a median"))).collect();
            let series = vec![Series { label: "some", style: 1, points }];
            Chart {
                id: "time",
                title: "Time",
                unit: unit.into(),
                rows: "rows",
                zero: true,
                full: None,
                floor: None,
                series,
            }
            .svg()
        };
        for (values, unit, words) in [
            ([0.000_012, 0.000_03], "s", "Time, µs"),
            ([0.012, 0.3], "s", "some at 50 %: 12.0 ms"),
            ([0.012, 0.6], "s", "Time, s"),
            ([12.0, 9000.0], "J", "Time, kJ"),
            ([0.01, 0.02], "", "<figcaption>Time</figcaption>"),
        ] {
            let svg = svg(values, unit);
            assert!(svg.contains(words), "{words}: {svg}");
        }
        // Words of the axis end where there is room for them: `1 000` is wider than `0.2`.
        for (high, digits) in [(0.02, 4.0), (4_000.0, 5.0)] {
            let svg = svg([0.9 * high, high], "");
            let end = svg.split("class=\"tick\" x=\"").nth(1).and_then(|rest| rest.split('"').next());
            let end: f64 = end.and_then(|text| text.parse().ok()).expect("a word");
            assert!(end >= digits * super::DIGIT, "{end} px for {digits}");
        }
    }

    #[test]
    fn ticks_are_round_and_hold_the_range() {
        for (low, high) in [(0.0, 1.0), (0.52, 0.9), (0.0, 199.3), (0.0, 0.000_7), (3.0, 3.1), (-5.0, 12.0)] {
            let marks = ticks(low, high);
            assert!((2..=9).contains(&marks.len()), "{low} to {high}: {marks:?}");
            assert!(marks[0] <= low + 1e-9 && marks[marks.len() - 1] >= high - 1e-9, "{low} to {high}: {marks:?}");
        }
        let words: Vec<String> = ticks(0.0, 1.25).iter().map(|&t| tick(t, 0.25)).collect();
        assert_eq!(words, ["0.00", "0.25", "0.50", "0.75", "1.00", "1.25"]);
        assert_eq!(tick(-0.2, 0.1), "−0.2");
        assert_eq!(ticks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    }
}
