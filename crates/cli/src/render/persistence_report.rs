//! Persistence diagrams of a full and a reduced table, compared, for a person.

use std::fmt::Write as _;

use leanset_core::Classes;
use leanset_core::metrics::{ClassPersistence, Persistence};

/// The table of classes and dimensions, and what has to be said about it.
pub(crate) fn render(found: &Persistence, classes: &Classes) -> String {
    let metric = found.epsilon.metric;
    let mut out = super::wrapped(&format!(
        "persistence diagrams of each class, full → reduced ({metric}, Vietoris–Rips), and their bottleneck distance"
    ));
    out.push('\n');
    let subsampled = found.is_subsampled();
    let mut header = vec!["class", "dimension", "rows", "points", "bars", "longest bar", "bottleneck", "bound", "±"];
    header.truncate(if subsampled { 9 } else { 8 });
    let rows = found.per_class.iter().zip(classes.ids()).flat_map(|(class, id)| {
        class.dimensions.iter().map(move |dimension| {
            let (full, reduced) = (&dimension.full, &dimension.reduced);
            let mut row = vec![
                classes.name(id).to_owned(),
                dimension.dimension.to_string(),
                format!("{} → {}", super::count(class.full.rows), super::count(class.reduced.rows)),
                format!("{} → {}", super::count(class.full.points), super::count(class.reduced.points)),
                format!("{} → {}", super::count(full.finite), super::count(reduced.finite)),
                format!("{} → {}", super::distance(full.longest), super::distance(reduced.longest)),
                super::distance(dimension.bottleneck),
                super::distance(class.bound()),
            ];
            if subsampled {
                row.push(super::distance(class.margin()));
            }
            row
        })
    });
    out.push_str(&super::columns(&header, rows, 0, 2));
    out.push('\n');
    let far = named(found, classes, |class| class.back > class.epsilon);
    let margin = if subsampled { " + ±" } else { "" };
    let _ = writeln!(out, "the theoretical bound is 2ε{margin}");
    if !far.is_empty() {
        out.push_str(&super::wrapped(&format!(
            "for {} it is 2 × a larger distance{margin}: reduced points are farther from all rows than ε",
            far.join(", ")
        )));
    }
    if subsampled {
        let most = super::count(found.options.points);
        out.push_str(&super::wrapped(&format!(
            "classes with more than {most} rows were subsampled to {most} (--persistence-points); the distance for all rows \
             differs by at most ±"
        )));
    }
    let lost = named(found, classes, |class| class.full.rows > 0 && class.reduced.rows == 0);
    if !lost.is_empty() {
        let _ = writeln!(out, "lost: {} has no row left, so every distance is infinite", lost.join(", "));
    }
    let broken = named(found, classes, |class| class.dimensions.iter().any(|d| !d.holds));
    if broken.is_empty() {
        out.push_str("every distance is within its bound\n");
    } else {
        let _ = writeln!(out, "above its bound: {}; this is a bug in leanset: please report it", broken.join(", "));
    }
    out
}

/// The names of classes.
fn named<'a>(found: &Persistence, classes: &'a Classes, which: impl Fn(&ClassPersistence) -> bool) -> Vec<&'a str> {
    let ids = classes.ids().zip(&found.per_class).filter(|(_, class)| which(class));
    ids.map(|(id, _)| classes.name(id)).collect()
}
