//! Pictures, all of the library's own results on 600 generated points: what ε is, and what each method keeps.

use std::fmt::Write as _;

use leanset_core::distance::Metric;
use leanset_core::methods::{Info, Inputs};
use leanset_core::{
    Budget, ClassId, Classes, Dataset, Dynamics, EmptyClasses, Matrix, Quiet, Reduced, Reducer, Result, RowId, Seed,
    metrics,
};
use leanset_train::{Network, Training, warm_up};

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
         <rect width=\"{width}\" height=\"{height}\" rx=\"12\" style=\"fill:var(--ls-card,#fff)\"/>\n"
    );
    panel(&mut svg, 0, "600 rows, 3 classes", "", &data, &(0..600).map(RowId::at).collect::<Vec<_>>(), None);
    for (index, name, method) in [(1, "random", "stratified-random"), (2, "maxmin", "maxmin")] {
        let reduction =
            Reducer::new(method, &[])?.reduce(&data, &Budget::Ratio(0.1), EmptyClasses::Forbid, Seed(3), &Quiet)?;
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
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\" font-size=\"16\" style=\"fill:var(--ls-ink,#111827)\">{title}</text>",
        GAP + 10.0
    );
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" font-size=\"16\" font-weight=\"600\" text-anchor=\"end\" style=\"fill:var(--ls-red,#dc2626)\">{below}</text>",
        left + SIDE,
        GAP + 10.0
    );
    let _ = writeln!(
        svg,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{SIDE}\" height=\"{SIDE}\" rx=\"6\" style=\"fill:var(--ls-panel,#f8fafc);stroke:var(--ls-line,#e2e8f0)\"/>"
    );
    if worst.is_some() {
        svg.push_str("<g style=\"fill:var(--ls-rest,#cbd5e1)\">\n");
        for row in (0..data.rows()).map(RowId::at) {
            let (x, y) = place(row);
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\"/>");
        }
        svg.push_str("</g>\n");
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

/// What the pages of the methods show: the same points, of which every fiftieth has the label of another class.
pub(crate) struct Toy {
    values: Vec<f64>,
    labels: Vec<u32>,
    /// What a small network shows of them in training.
    dynamics: Dynamics,
}

/// Ratios of the panels of a method.
const RATIOS: [f64; 2] = [0.05, 0.2];

impl Toy {
    pub(crate) fn new() -> Result<Self> {
        let (values, mut labels) = points(600);
        labels.iter_mut().skip(7).step_by(50).for_each(|label| *label = (*label + 1) % 3);
        let data = Dataset::new(Matrix::new(&values, labels.len(), 2)?, Classes::new(&labels, 3)?)?;
        let network = Network { hidden: vec![32, 32], dropout: 0.0, ..Network::paper() };
        let training = Training { learning_rate: 0.005, ..Training::paper(60, Seed(3)) };
        let dynamics = warm_up(&data, &network, &training, false, &Quiet)?.dynamics;
        Ok(Self { values, labels, dynamics })
    }

    /// What a method keeps at two ratios, and what is to be said below.
    pub(crate) fn draw(&self, method: &Info) -> Result<(String, String)> {
        let data = Dataset::new(Matrix::new(&self.values, self.labels.len(), 2)?, Classes::new(&self.labels, 3)?)?;
        let uses_dynamics = method.uses_dynamics();
        let inputs = Inputs { dynamics: uses_dynamics.then_some(&self.dynamics), ..Inputs::default() };
        let (width, height) = (2.0 * SIDE + 3.0 * GAP, SIDE + 2.0 * GAP + 26.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"system-ui, sans-serif\" role=\"img\">\n<title>What {} keeps of 600 rows</title>\n\
             <rect width=\"{width}\" height=\"{height}\" rx=\"12\" style=\"fill:var(--ls-card,#fff)\"/>\n",
            method.id
        );
        let (mut generated, mut weights) = (false, false);
        for (index, ratio) in RATIOS.into_iter().enumerate() {
            let reducer = Reducer::new(method.id, &[])?;
            let reduced = reducer
                .reduce_with(&data, &inputs, &Budget::Ratio(ratio), EmptyClasses::Forbid, Seed(3), &Quiet)?
                .reduced;
            let epsilon = metrics::epsilon(&data, &reduced, Metric::Euclidean, &Quiet)?.value;
            let left = GAP + index as f64 * (SIDE + GAP);
            let unit = if matches!(reduced, Reduced::Points(_)) { "points" } else { "rows" };
            let _ = writeln!(
                svg,
                "<g font-size=\"16\"><text x=\"{left}\" y=\"{y}\" style=\"fill:var(--ls-ink,#111827)\">{} %: {} {unit}</text>\
                 <text x=\"{}\" y=\"{y}\" font-weight=\"600\" text-anchor=\"end\" style=\"fill:var(--ls-red,#dc2626)\">ε = {epsilon:.3}</text></g>",
                ratio * 100.0,
                reduced.len(),
                left + SIDE,
                y = GAP + 10.0,
            );
            let marks = self.marks(&data, &reduced);
            weights |= marks.iter().any(|mark| mark.weight.is_some());
            generated |= matches!(reduced, Reduced::Points(_));
            self.panel(&mut svg, left, index == 0, &marks);
        }
        svg.push_str("</svg>\n");
        let mut caption = String::from(
            "The figure shows 600 generated rows of three classes, and what the method keeps with its default parameters. Every \
             fiftieth row is mislabelled. ε is Euclidean.",
        );
        for (holds, sentence) in [
            (generated, " The points are generated prototypes."),
            (weights, " The areas of the marks are weights."),
            (
                uses_dynamics,
                " The training dynamics are those of a network with two hidden layers of 32 units, over 60 epochs.",
            ),
        ] {
            if holds {
                caption.push_str(sentence);
            }
        }
        Ok((svg, caption))
    }

    /// What is kept, in the unit square.
    fn marks(&self, data: &Dataset<'_>, reduced: &Reduced) -> Vec<Mark> {
        match reduced {
            Reduced::Rows(selection) => selection
                .rows()
                .iter()
                .enumerate()
                .map(|(i, &row)| Mark {
                    at: [self.values[2 * row.index()], self.values[2 * row.index() + 1]],
                    class: data.classes().of(row),
                    weight: selection.weights().map(|w| w[i]),
                })
                .collect(),
            Reduced::Points(invented) => invented
                .points
                .chunks_exact(2)
                .zip(&invented.classes)
                .zip(&invented.weights)
                .map(|((p, &class), &weight)| Mark { at: [p[0], p[1]], class, weight: Some(weight) })
                .collect(),
        }
    }

    /// All rows, faint, and the marks of what is kept.
    fn panel(&self, svg: &mut String, left: f64, first: bool, marks: &[Mark]) {
        let top = GAP + 26.0;
        let _ = writeln!(
            svg,
            "<g transform=\"translate({left} {top})\">\n<rect width=\"{SIDE}\" height=\"{SIDE}\" rx=\"6\" \
             style=\"fill:var(--ls-panel,#f8fafc);stroke:var(--ls-line,#e2e8f0)\"/>"
        );
        if first {
            svg.push_str(
                "<g id=\"rows\" fill=\"none\" stroke-width=\"3.6\" stroke-linecap=\"round\" opacity=\"0.3\">\n",
            );
            for (class, colour) in COLOURS.iter().enumerate() {
                let _ = write!(svg, "<path stroke=\"{colour}\" d=\"");
                for (p, _) in self.values.chunks_exact(2).zip(&self.labels).filter(|(_, l)| **l as usize == class) {
                    let _ = write!(svg, "M{:.1} {:.1}h0", p[0] * SIDE, (1.0 - p[1]) * SIDE);
                }
                svg.push_str("\"/>\n");
            }
            svg.push_str("</g>\n");
        } else {
            svg.push_str("<use href=\"#rows\"/>\n");
        }
        let mean = marks.iter().filter_map(|m| m.weight).sum::<f64>() / marks.len().max(1) as f64;
        svg.push_str("<g style=\"stroke:var(--ls-panel,#f8fafc)\" stroke-width=\"0.8\">\n");
        for mark in marks {
            let radius = mark.weight.map_or(3.8, |w| 4.0 * (w / mean).sqrt());
            if radius >= 0.5 {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"{}\"/>",
                    mark.at[0] * SIDE,
                    (1.0 - mark.at[1]) * SIDE,
                    COLOURS[mark.class.index()]
                );
            }
        }
        svg.push_str("</g>\n</g>\n");
    }
}

/// One kept row or point.
struct Mark {
    at: [f64; 2],
    class: ClassId,
    weight: Option<f64>,
}
