//! The contact sheet of a reduction: one HTML page that needs no network, with kept and dropped images of each category, the
//! nearest kept image of each dropped one, the worst-covered images, and a map of the features.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use html_escape::encode_quoted_attribute as escape;
use image::codecs::jpeg::JpegEncoder;
use leanset_core::distance::Metric;
use rayon::prelude::*;

use crate::{Categories, Features, ImageSet, inspect};

/// Images shown of each category, kept and dropped alike.
const SHOWN: usize = 12;
/// Categories shown; more are a table in the report of the command.
const CATEGORIES: usize = 40;
/// Points of the map.
const POINTS: usize = 3000;
/// The longer side of a thumbnail, in pixels.
const THUMBNAIL: u32 = 112;

/// Bytes of memory that a page takes, without its thumbnails and the decoding of images: rows of the map twice, and
/// thumbnails that do not fit.
pub fn contact_sheet_memory(images: usize, dimensions: usize, categories: usize) -> u64 {
    let shown = (4 * SHOWN * categories.min(CATEGORIES)).min(images);
    (2 * images.min(POINTS) * (8 * dimensions + 24) + shown * 3 * (THUMBNAIL * THUMBNAIL) as usize) as u64
}

/// What the sheet shows. Positions are indices into `images`.
#[derive(Clone, Copy, Debug)]
pub struct ContactSheet<'a> {
    /// The set.
    pub set: &'a ImageSet,
    /// The images that were chosen from.
    pub images: &'a [usize],
    /// Their categories.
    pub categories: &'a Categories,
    /// Their features.
    pub features: &'a Features,
    /// Whether each was kept.
    pub kept: &'a [bool],
    /// The worst-covered position of each category, and how far it is from a kept one.
    pub worst: &'a [Option<(usize, f64)>],
    /// The metric of distances.
    pub metric: Metric,
    /// The heading.
    pub title: &'a str,
    /// A line below it.
    pub subtitle: &'a str,
}

impl ContactSheet<'_> {
    /// The page, with thumbnails of no more than `bytes` in all, as they are written.
    pub fn page(&self, bytes: usize) -> String {
        let shown: Vec<(Vec<usize>, Vec<usize>)> = (0..self.categories.names.len().min(CATEGORIES))
            .map(|category| (self.some(category, true), self.some(category, false)))
            .collect();
        let mut worst: Vec<(usize, f64)> = self.worst.iter().flatten().copied().filter(|w| w.1 > 0.0).collect();
        worst.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        worst.truncate(SHOWN);
        let dropped = shown.iter().flat_map(|s| &s.1).chain(worst.iter().map(|w| &w.0));
        let nearest: BTreeMap<usize, (usize, f64)> = dropped
            .copied()
            .collect::<Vec<_>>()
            .into_par_iter()
            .filter_map(|position| Some((position, self.nearest(position)?)))
            .collect();
        // Worst-covered ones first, then category after category: that is the order in which thumbnails have a place.
        let mut wanted: Vec<usize> = worst.iter().map(|w| w.0).collect();
        wanted.extend(shown.iter().flat_map(|(kept, dropped)| kept.iter().chain(dropped)));
        wanted.extend(nearest.values().map(|n| n.0));
        let (style, without) = self.thumbnails(&wanted, bytes);

        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n<style>{CSS}{style}</style></head>\n<body><main>\n<h1>{0}</h1>\n<p>{1}</p>\n",
            escape(self.title),
            escape(self.subtitle)
        );
        if without > 0 {
            let _ = writeln!(
                out,
                "<p class=\"note\">{without} images are shown without a thumbnail, because all thumbnails together would exceed {:.1} MB.</p>",
                bytes as f64 / 1e6
            );
        }
        if !worst.is_empty() {
            out.push_str("<section id=\"worst\"><h2>Worst covered</h2>\n<p>For each category: the image farthest from all kept images, beside its nearest kept image.</p>\n<div class=\"row\">\n");
            worst.iter().for_each(|w| self.pair(w.0, &nearest, &mut out));
            out.push_str("</div></section>\n");
        }
        self.map(&mut out);
        for (category, (kept, dropped)) in shown.iter().enumerate() {
            let of = |keep: bool| {
                self.categories
                    .codes
                    .iter()
                    .zip(self.kept)
                    .filter(|(c, k)| **c as usize == category && **k == keep)
                    .count()
            };
            let _ = writeln!(
                out,
                "<section class=\"category\"><h2>{}</h2>\n<h3>kept: {} of {}</h3>\n<div class=\"row\">",
                escape(&self.categories.names[category]),
                of(true),
                of(true) + of(false)
            );
            kept.iter().for_each(|&p| self.figure(p, &mut out));
            let _ = writeln!(
                out,
                "</div>\n<h3>dropped: {}, each beside its nearest kept image</h3>\n<div class=\"row\">",
                of(false)
            );
            dropped.iter().for_each(|&p| self.pair(p, &nearest, &mut out));
            out.push_str("</div></section>\n");
        }
        if self.categories.names.len() > CATEGORIES {
            let _ = writeln!(
                out,
                "<p class=\"note\">{} more categories are not shown.</p>",
                self.categories.names.len() - CATEGORIES
            );
        }
        out.push_str("</main></body></html>\n");
        out
    }

    fn name(&self, position: usize) -> &str {
        &self.set.images[self.images[position]].name
    }

    /// A few images of a category, evenly out of all in their order.
    fn some(&self, category: usize, keep: bool) -> Vec<usize> {
        let all: Vec<usize> = (0..self.images.len())
            .filter(|&p| self.categories.codes[p] as usize == category && self.kept[p] == keep)
            .collect();
        let count = all.len().min(SHOWN);
        (0..count).map(|i| all[i * all.len() / count]).collect()
    }

    fn row(&self, position: usize) -> Vec<f64> {
        let d = self.features.dimensions;
        self.features.values[position * d..][..d].iter().map(|&v| f64::from(v)).collect()
    }

    /// The nearest kept image of the same category, the first among equals.
    fn nearest(&self, position: usize) -> Option<(usize, f64)> {
        let own = self.row(position);
        let same = |&p: &usize| self.kept[p] && self.categories.codes[p] == self.categories.codes[position];
        (0..self.images.len())
            .filter(same)
            .map(|p| (p, self.metric.distance(&own, &self.row(p))))
            .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
    }

    /// A style for each image that has a place, and how many have none.
    fn thumbnails(&self, wanted: &[usize], bytes: usize) -> (String, usize) {
        let mut distinct = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        distinct.extend(wanted.iter().copied().filter(|&p| seen.insert(p)));
        let made: Vec<Option<String>> =
            distinct.par_iter().map(|&p| thumbnail(&self.set.images[self.images[p]].path)).collect();
        let (mut style, mut without) = (String::new(), 0);
        for (position, data) in distinct.iter().zip(made) {
            let rule =
                data.map(|data| format!(".p{position}{{background-image:url(data:image/jpeg;base64,{data})}}\n"));
            match rule {
                Some(rule) if style.len() + rule.len() <= bytes => style.push_str(&rule),
                _ => without += 1,
            }
        }
        (style, without)
    }

    fn figure(&self, position: usize, out: &mut String) {
        let name = escape(self.name(position));
        let _ = writeln!(
            out,
            "<figure><i class=\"t p{position}\" role=\"img\" aria-label=\"{name}\" title=\"{name}\"></i><figcaption>{}</figcaption></figure>",
            short(&name)
        );
    }

    /// A dropped image beside the kept one that stands for it.
    fn pair(&self, position: usize, nearest: &BTreeMap<usize, (usize, f64)>, out: &mut String) {
        let Some(&(other, distance)) = nearest.get(&position) else { return self.figure(position, out) };
        let (name, kept) = (escape(self.name(position)), escape(self.name(other)));
        let _ = writeln!(
            out,
            "<figure class=\"pair\"><i class=\"t off p{position}\" role=\"img\" aria-label=\"{name}\" title=\"{name}\"></i><i class=\"t p{other}\" role=\"img\" aria-label=\"{kept}\" title=\"{kept}\"></i><figcaption>{} → {}, {distance:.3}</figcaption></figure>",
            short(&name),
            short(&kept)
        );
    }

    /// The first two principal components, kept images filled.
    fn map(&self, out: &mut String) {
        let n = self.images.len();
        let count = n.min(POINTS);
        let positions: Vec<usize> = (0..count).map(|i| i * n / count).collect();
        let rows: Vec<Vec<f64>> = positions.iter().map(|&p| self.row(p)).collect();
        let (axes, part) = principal(&rows);
        if axes.is_empty() {
            return;
        }
        let reach = |axis: &[f64]| axis.iter().fold(1e-300f64, |most, v| most.max(v.abs()));
        let _ = writeln!(
            out,
            "<section id=\"map\"><h2>Map of the features</h2>\n<p>The first two principal components of the features ({:.0} % of the variance). Filled circles are kept images. {count} of {n} images are shown.</p>\n<svg viewBox=\"-260 -180 520 360\" role=\"img\" aria-label=\"map of the features\">",
            100.0 * part
        );
        let scales: Vec<f64> = axes.iter().zip([245.0, 165.0]).map(|(axis, size)| size / reach(axis)).collect();
        let at = |axis: usize, i: usize| axes.get(axis).map_or(0.0, |a| a[i] * scales[axis]);
        // Dropped ones first, so that kept ones lie on top.
        for keep in [false, true] {
            for (i, &p) in positions.iter().enumerate().filter(|(_, p)| self.kept[**p] == keep) {
                let hue = hue(self.categories.codes[p] as usize);
                let fill = if keep { format!("hsl({hue:.0} 60% 45%)") } else { "none".into() };
                let category = &self.categories.names[self.categories.codes[p] as usize];
                let title = format!("{category}: {}", self.name(p));
                let title = escape(&title);
                let _ = writeln!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.2\" fill=\"{fill}\" stroke=\"hsl({hue:.0} 60% 45%)\"><title>{title}</title></circle>",
                    at(0, i),
                    at(1, i)
                );
            }
        }
        out.push_str("</svg>\n<p class=\"key\">");
        for (code, name) in self.categories.names.iter().enumerate().take(CATEGORIES) {
            let _ = write!(out, "<b style=\"color:hsl({:.0} 60% 45%)\">●</b>&nbsp;{} ", hue(code), escape(name));
        }
        out.push_str("</p></section>\n");
    }
}

const CSS: &str = "
:root{--paper:#fbfbf9;--ink:#1a1c1e;--soft:#5c6166;--line:#e3e4e0}
@media(prefers-color-scheme:dark){:root{--paper:#131518;--ink:#e8e9ea;--soft:#a0a6ac;--line:#2d3136}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:32px 20px 64px}
h1{margin:0;font-size:28px}h2{margin:32px 0 4px;font-size:20px}h3{margin:12px 0 6px;font-size:14px;color:var(--soft)}
p,.note{color:var(--soft);margin:4px 0}
.row{display:flex;flex-wrap:wrap;gap:10px}
figure{margin:0;width:112px}figure.pair{width:228px}
.t{display:inline-block;width:112px;height:112px;background:var(--line) center/contain no-repeat;border-radius:4px}
.t.off{margin-right:4px;opacity:.75}
figcaption{font-size:11px;color:var(--soft);overflow-wrap:anywhere}
svg{width:100%;max-width:860px;border:1px solid var(--line);border-radius:6px}
";

/// The first two principal components of rows, as coordinates of each, and the fraction of the variance that they explain. Power
/// iteration; fewer than two where the rows do not vary so much.
fn principal(rows: &[Vec<f64>]) -> (Vec<Vec<f64>>, f64) {
    let (n, d) = (rows.len(), rows.first().map_or(0, Vec::len));
    let mut mean = vec![0.0; d];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n as f64);
    }
    let mut centred: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let total: f64 = centred.iter().map(|r| dot(r, r)).sum();
    let (mut axes, mut held) = (Vec::new(), 0.0);
    for _ in 0..2 {
        let Some(mut axis) = centred.iter().max_by(|a, b| dot(a, a).total_cmp(&dot(b, b))).cloned() else { break };
        if dot(&axis, &axis) <= total * 1e-24 {
            break;
        }
        for _ in 0..100 {
            let length = dot(&axis, &axis).sqrt();
            axis.iter_mut().for_each(|v| *v /= length);
            let mut next = vec![0.0; d];
            for row in &centred {
                let along = dot(row, &axis);
                next.iter_mut().zip(row).for_each(|(s, v)| *s += along * v);
            }
            axis = next;
        }
        let length = dot(&axis, &axis).sqrt();
        axis.iter_mut().for_each(|v| *v /= length);
        let along: Vec<f64> = centred.iter().map(|r| dot(r, &axis)).collect();
        for (row, a) in centred.iter_mut().zip(&along) {
            row.iter_mut().zip(&axis).for_each(|(v, x)| *v -= a * x);
        }
        held += dot(&along, &along);
        axes.push(along);
    }
    (axes, if total > 0.0 { held / total } else { 0.0 })
}

/// A JPEG in base64; `None` if the image cannot be decoded.
fn thumbnail(path: &std::path::Path) -> Option<String> {
    let image = inspect::shown(&leanset_problem::files::read(path).ok()?)?;
    let (width, height) = image.dimensions();
    let scale = (f64::from(THUMBNAIL) / f64::from(width.max(height))).min(1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most the side of a thumbnail
    let side = |of: u32| ((f64::from(of) * scale).round() as u32).max(1);
    let small = image::imageops::thumbnail(&image, side(width), side(height));
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 72).encode_image(&small).ok()?;
    Some(base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// The colour of a category: far from those of the categories beside it.
fn hue(category: usize) -> f64 {
    category as f64 * 360.0 * 0.618_034 % 360.0
}

/// The last part of a name.
fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principal_finds_the_directions_of_most_variance() {
        // Along (3, 4, 0) / 5 by −10 … 10, along z by ±1.
        let rows: Vec<Vec<f64>> = (-10..=10)
            .map(|i| vec![f64::from(3 * i) / 5.0 + 7.0, f64::from(4 * i) / 5.0, if i % 2 == 0 { 1.0 } else { -1.0 }])
            .collect();
        let (axes, part) = principal(&rows);
        assert!((part - 1.0).abs() < 1e-9, "{part}");
        let sign = axes[0][20].signum();
        for (i, at) in (-10..=10).zip(&axes[0]) {
            assert!((sign * at - f64::from(i)).abs() < 1e-6, "{i}: {at}");
        }
        let ups: Vec<bool> = axes[1].iter().map(|v| *v > 0.0).collect();
        assert!(ups.windows(2).all(|w| w[0] != w[1]));
        assert!(principal(&[vec![1.0, 2.0], vec![1.0, 2.0]]).0.is_empty());
    }
}
