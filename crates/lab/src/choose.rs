//! The recommendation of an experiment: the method and the ratio to use, or to train on everything.
//!
//! A smaller set is good enough if it loses at most [`TOLERANCE`] of both measures in the median: of the second one too,
//! because the main one says little about a small class. Of the sets that are good enough the smallest is recommended.
//! Where several methods reach it, the one with the highest main measure is named, unless these runs cannot tell it from
//! stratified random and stratified random is good enough as well: then the simpler method is.

use serde::Serialize;

use crate::render::{plural, points, share, whole};
use crate::statistics::Verdict;
use crate::summary::{Cell, MethodSummary, Summary};

/// What a set may lose of either measure to be good enough: one point.
pub const TOLERANCE: f64 = 0.01;

/// A method at a ratio that is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recommendation<'a> {
    /// The name of the method in the plan.
    pub method: &'a str,
    /// The fraction to keep.
    pub ratio: f64,
}

/// Whether a set at a ratio is good enough beside full training.
fn good_enough(summary: &Summary, full: &Cell, cell: &Cell) -> bool {
    let near = |cell: f64, full: f64| cell >= full - TOLERANCE;
    near(summary.main(cell).value, summary.main(full).value)
        && near(summary.second(cell).value, summary.second(full).value)
}

/// The smallest set that is good enough; none if there is none, or full training was not run yet.
pub fn smallest_good_enough(summary: &Summary) -> Option<(&MethodSummary, &Cell)> {
    let full = summary.full.as_ref()?;
    let cells = summary.methods.iter().flat_map(|method| method.cells.iter().map(move |cell| (method, cell)));
    let enough: Vec<_> = cells.filter(|(_, cell)| good_enough(summary, full, cell)).collect();
    let ratio = enough.iter().map(|(_, cell)| cell.ratio).min_by(f64::total_cmp)?;
    let smallest = || enough.iter().filter(|(_, cell)| cell.ratio == ratio);
    let main = |cell: &Cell| summary.main(cell).value;
    // The first of equals, in the order of the plan.
    let best = smallest().rev().max_by(|a, b| main(a.1).total_cmp(&main(b.1)))?;
    let unproven = best.1.over_random.is_some_and(|paired| paired.verdict != Verdict::Yes);
    let random = smallest().find(|(method, _)| Some(&method.label) == summary.random.as_ref());
    Some(*random.filter(|_| unproven).unwrap_or(best))
}

/// The recommendation as document.
pub fn recommend(summary: &Summary) -> Option<Recommendation<'_>> {
    smallest_good_enough(summary).map(|(method, cell)| Recommendation { method: &method.label, ratio: cell.ratio })
}

/// The recommendation in a few sentences.
pub fn describe(summary: &Summary) -> String {
    let vocabulary = summary.vocabulary;
    let (main, second, rows) = (vocabulary.main().name, vocabulary.second().name, vocabulary.rows);
    let Some(full) = &summary.full else {
        return "No recommendation yet: full training has not run once.".into();
    };
    let so_far = if summary.done < summary.planned { "So far: " } else { "" };
    let Some((method, cell)) = smallest_good_enough(summary) else {
        return format!(
            "{so_far}Train on all {rows}. Every smaller set that was tried loses more than 1 point of {main} or {second}."
        );
    };
    let kept = plural(cell.kept, vocabulary.row, rows);
    let mut text = format!(
        "{so_far}Keep {} of the {rows} ({} {kept}), chosen by {}. {} is {:.3}, and {:.3} with all {rows}",
        share(cell.ratio),
        whole(cell.kept),
        method.label,
        vocabulary.main().title,
        summary.main(cell).value,
        summary.main(full).value,
    );
    if let Some(saved) = cell.seconds_saved.filter(|_| full.seconds.value > 0.0) {
        let fraction = saved.difference.value / full.seconds.value;
        let direction = if fraction < 0.0 { "more" } else { "less" };
        text.push_str(&format!(
            ", and choosing and training take {:.0} % {direction} {}",
            100.0 * fraction.abs(),
            summary.clock
        ));
    }
    text.push('.');
    if let (Some(random), Some(paired)) = (&summary.random, cell.over_random) {
        text.push_str(&match paired.verdict {
            Verdict::Yes => format!(
                " It beats {random} by {} points [{}, {}].",
                points(paired.difference.value),
                points(paired.difference.low),
                points(paired.difference.high)
            ),
            Verdict::No => format!(
                " {random} is better there, by {} points, but loses more of the {second}.",
                points(-paired.difference.value)
            ),
            Verdict::Unclear => format!(" These runs cannot tell it from {random} there."),
        });
    } else if summary.random.as_ref() == Some(&method.label) && summary.methods.len() > 1 {
        text.push_str(" No other method is proven better there.");
    }
    text
}
