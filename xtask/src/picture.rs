//! The picture of the README: what ε is, on 600 generated points, from the library itself.

use std::fmt::Write as _;

use leanset_core::distance::Metric;
use leanset_core::{Budget, Classes, Dataset, Floor, Matrix, Quiet, Reducer, Result, RowId, Seed, metrics};

const SIDE: f64 = 300.0;
const GAP: f64 = 24.0;
const COLOURS: [&str; 3] = ["#2563eb", "#ea580c", "#0d9488"];

/// Three panels: all rows, a random tenth, a maxmin tenth; each with its worst-covered row and the circle of ε.
pub(crate) fn draw() -> Result<String> {
    let (values, labels) = points(600);
    let data = Dataset::new(Matrix::new(&values, labels.len(), 2)?, Classes::new(&labels, 3)?)?;
    let width = 3.0 * SIDE + 4.0 * GAP;
    let height = SIDE + 2.0 * GAP + 26.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, sans-serif\" role=\"img\">\n<title>ε of a random and of a maxmin tenth of 600 rows</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"12\" fill=\"#ffffff\"/>\n"
    );
    panel(&mut svg, 0, "600 rows, 3 classes", "", &data, &(0..600).map(RowId::at).collect::<Vec<_>>(), None);
    for (index, name, method) in [(1, "random", "stratified-random"), (2, "maxmin", "maxmin")] {
        let reduction = Reducer::new(method, &[])?.reduce(&data, &Budget::Ratio(0.1), Floor::One, Seed(3), &Quiet)?;
        let epsilon = metrics::epsilon(&data, &reduction.reduced, Metric::Euclidean, &Quiet)?;
        let Some(selection) = reduction.reduced.rows() else { continue };
        let worst = epsilon.worst.map(|w| (w.row, epsilon.value));
        let title = format!("{name} keeps {}", selection.rows().len());
        let below = format!("ε = {:.3}", epsilon.value);
        panel(&mut svg, index, &title, &below, &data, selection.rows(), worst);
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn panel(
    svg: &mut String,
    index: usize,
    title: &str,
    below: &str,
    data: &Dataset<'_>,
    kept: &[RowId],
    worst: Option<(RowId, f64)>,
) {
    let left = GAP + index as f64 * (SIDE + GAP);
    let top = GAP + 26.0;
    let place = |row: RowId| {
        let mut p = [0.0; 2];
        data.points().widen_row(row, &mut p);
        (left + p[0] * SIDE, top + (1.0 - p[1]) * SIDE)
    };
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\" font-size=\"16\" fill=\"#111827\">{title}</text>", GAP + 10.0);
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" font-size=\"16\" font-weight=\"600\" text-anchor=\"end\" fill=\"#dc2626\">{below}</text>",
        left + SIDE,
        GAP + 10.0
    );
    let _ = writeln!(
        svg,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{SIDE}\" height=\"{SIDE}\" rx=\"6\" fill=\"#f8fafc\" stroke=\"#e2e8f0\"/>"
    );
    if worst.is_some() {
        for row in (0..data.rows()).map(RowId::at) {
            let (x, y) = place(row);
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\" fill=\"#cbd5e1\"/>");
        }
    }
    let _ = writeln!(
        svg,
        "<clipPath id=\"panel{index}\"><rect x=\"{left}\" y=\"{top}\" width=\"{SIDE}\" height=\"{SIDE}\" rx=\"6\"/></clipPath>"
    );
    let radius = if worst.is_some() { 3.6 } else { 2.2 };
    for &row in kept {
        let (x, y) = place(row);
        let colour = COLOURS[data.classes().of(row).index() % COLOURS.len()];
        let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>");
    }
    if let Some((row, epsilon)) = worst {
        let (x, y) = place(row);
        let r = epsilon * SIDE;
        let _ = writeln!(
            svg,
            "<circle clip-path=\"url(#panel{index})\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" fill=\"#dc2626\" fill-opacity=\"0.08\" stroke=\"#dc2626\" stroke-width=\"1.5\"/>"
        );
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\" stroke=\"#dc2626\" stroke-width=\"2\"/>",
            x - 4.0,
            y - 4.0
        );
    }
}

/// Three classes in the unit square: a blob, a ring around it, and a band; dense here and thin there. The sequence is
/// of the golden ratio and √2, so the picture needs no generator.
fn points(n: u32) -> (Vec<f64>, Vec<u32>) {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for i in 0..n {
        let u = (f64::from(i) * 0.618_033_988_749_895).fract();
        let v = (f64::from(i) * 0.414_213_562_373_095).fract();
        let turn = u * std::f64::consts::TAU;
        let (x, y, class) = match i % 3 {
            // Thinning out from the centre.
            0 => (0.36 + 0.13 * v * v * turn.cos(), 0.6 + 0.13 * v * v * turn.sin(), 0),
            1 => (0.36 + (0.24 + 0.06 * v) * turn.cos(), 0.6 + (0.24 + 0.06 * v) * turn.sin(), 1),
            _ => (0.06 + 0.88 * u * u.sqrt(), 0.06 + 0.14 * v + 0.66 * (u * u.sqrt()).powi(4), 2),
        };
        values.extend([x, y]);
        labels.push(class);
    }
    (values, labels)
}
