//! Shapes compared: persistence diagrams of a full and a reduced set, for a person and as JSON.

use std::fmt::Write as _;

use leanset_core::Classes;
use leanset_core::metrics::{ClassPersistence, Persistence, Sampled};
use serde_json::json;

use crate::manifest::number;
use crate::text;

/// The table of classes and dimensions, and what has to be said about it.
pub(crate) fn tell(found: &Persistence, classes: &Classes) -> String {
    let metric = found.epsilon.metric;
    let mut out = format!(
        "persistence diagrams of each class, full → reduced ({metric}, Vietoris–Rips), and their bottleneck distance\n\n"
    );
    let subsampled = found.is_subsampled();
    let mut header = vec!["class", "rows", "points", "dimension", "bars", "longest bar", "bottleneck", "bound", "±"];
    header.truncate(if subsampled { 9 } else { 8 });
    let rows = found.per_class.iter().zip(classes.ids()).flat_map(|(class, id)| {
        class.dimensions.iter().map(move |dimension| {
            let (full, reduced) = (&dimension.full, &dimension.reduced);
            let mut row = vec![
                classes.name(id).to_owned(),
                format!("{} → {}", text::count(class.full.rows), text::count(class.reduced.rows)),
                format!("{} → {}", text::count(class.full.points), text::count(class.reduced.points)),
                dimension.dimension.to_string(),
                format!("{} → {}", text::count(full.finite), text::count(reduced.finite)),
                format!("{} → {}", text::distance(full.longest), text::distance(reduced.longest)),
                text::distance(dimension.bottleneck),
                text::distance(class.bound()),
            ];
            if subsampled {
                row.push(text::distance(class.margin()));
            }
            row
        })
    });
    out.push_str(&text::columns(&header, rows, 0, 1));
    out.push('\n');
    let far = named(found, classes, |class| class.back > class.epsilon);
    let margin = if subsampled { " + ±" } else { "" };
    let _ = writeln!(out, "the bound of the theory is 2ε{margin}");
    if !far.is_empty() {
        let _ = writeln!(
            out,
            "of {} it is 2 × a larger distance{margin}: reduced points are farther from all rows than ε",
            far.join(", ")
        );
    }
    if subsampled {
        let most = text::count(found.options.points);
        let _ = writeln!(
            out,
            "a class above {most} rows is represented by {most}, spread over it; the distance of all its rows is within ±\n\
             of the one given (--persistence-points N for more of them)"
        );
    }
    let lost = named(found, classes, |class| class.full.rows > 0 && class.reduced.rows == 0);
    if !lost.is_empty() {
        let _ = writeln!(out, "lost: {} has no row left, so every distance is infinite", lost.join(", "));
    }
    let broken = named(found, classes, |class| class.dimensions.iter().any(|d| !d.holds));
    if broken.is_empty() {
        out.push_str("every distance is within its bound\n");
    } else {
        let _ = writeln!(
            out,
            "above its bound: {}; this cannot be, so it is a fault of leanset: please report it",
            broken.join(", ")
        );
    }
    out
}

/// The names of classes.
fn named<'a>(found: &Persistence, classes: &'a Classes, which: impl Fn(&ClassPersistence) -> bool) -> Vec<&'a str> {
    let ids = classes.ids().zip(&found.per_class).filter(|(_, class)| which(class));
    ids.map(|(id, _)| classes.name(id)).collect()
}

/// As in docs/json.md.
pub(crate) fn record(found: &Persistence, classes: &Classes) -> serde_json::Value {
    let sampled = |side: &Sampled| json!({ "rows": side.rows, "points": side.points, "radius": number(side.radius) });
    let per_class: Vec<_> = found
        .per_class
        .iter()
        .zip(classes.ids())
        .map(|(class, id)| {
            let dimensions: Vec<_> = class
                .dimensions
                .iter()
                .map(|dimension| {
                    let [full, reduced] = [&dimension.full, &dimension.reduced].map(
                        |bars| json!({ "finite": bars.finite, "essential": bars.essential, "longest": bars.longest }),
                    );
                    json!({
                        "dimension": dimension.dimension,
                        "full": full,
                        "reduced": reduced,
                        "bottleneck": number(dimension.bottleneck),
                        "holds": dimension.holds,
                    })
                })
                .collect();
            json!({
                "name": classes.name(id),
                "full": sampled(&class.full),
                "reduced": sampled(&class.reduced),
                "epsilon": number(class.epsilon),
                "back": number(class.back),
                "bound": number(class.bound()),
                "margin": number(class.margin()),
                "dimensions": dimensions,
            })
        })
        .collect();
    json!({
        "metric": found.epsilon.metric.name(),
        "dimension": found.options.dimension,
        "points": found.options.points,
        "subsampled": found.is_subsampled(),
        "holds": found.holds(),
        "classes": per_class,
    })
}
