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
    // The user's own model may not tell the second.
    let near = |cell: f64, full: f64| full.is_nan() || cell >= full - TOLERANCE;
    near(summary.main(cell).value, summary.main(full).value)
        && near(summary.second(cell).value, summary.second(full).value)
}

/// The smallest set that is good enough; none if there is none, or full training was not run yet.
pub fn smallest_good_enough(summary: &Summary) -> Option<(&MethodSummary, &Cell)> {
    let full = summary.full.as_ref()?;
    // The scores of continued training are not those of a model that has seen only what is kept.
    let methods = summary.methods.iter().filter(|method| !method.continues);
    let cells = methods.flat_map(|method| method.cells.iter().map(move |cell| (method, cell)));
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
        "{so_far}Keep {} of the {rows} ({} {kept}), chosen by {}. {} is {:.3}, against {:.3} with all {rows}.",
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
            " Choosing and training take {:.0} % {direction} {} than full training.",
            100.0 * fraction.abs(),
            summary.clock
        ));
    }
    if let (Some(random), Some(paired)) = (&summary.random, cell.over_random) {
        text.push_str(&match paired.verdict {
            Verdict::Yes => format!(
                " It is better than {random} by {} points [{}, {}].",
                points(paired.difference.value),
                points(paired.difference.low),
                points(paired.difference.high)
            ),
            Verdict::No => format!(
                " {random} has {} points more there, but loses more than 1 point of {second}.",
                points(-paired.difference.value)
            ),
            Verdict::Unclear => format!(" These runs cannot tell it from {random} there."),
        });
    } else if summary.random.as_ref() == Some(&method.label) && summary.methods.len() > 1 {
        text.push_str(" These runs do not show that another method is better there.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::seeds::Seeds;
    use crate::plan::{FULL, Plan};
    use crate::record::{
        ClassifierScores, Cost, DataRecord, EnergySources, Header, Measurements, ModelScores, Record, SCHEMA, Steps,
    };

    const PLAN: &str = "title = \"t\"\nrepetitions = 8\nbaselines = []\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[reduce]\nratios = [0.1, 0.5]\n[[method]]\nname = \"srs\"\n[[method]]\nname = \"mms\"\n";

    /// The summary of runs whose accuracy and macro F1 are as `score` says, for method, ratio and repetition.
    fn summary(score: impl Fn(&str, f64, u32) -> f64) -> Summary {
        let plan = Plan::parse(PLAN, "t.toml").expect("a plan");
        let data = DataRecord {
            name: "t.csv".into(),
            sha256: String::new(),
            rows: 100,
            dimensions: 2,
            training_rows: 80,
            classes: vec![("a".into(), 60), ("b".into(), 40)],
            features: None,
            validation: None,
            sources: Default::default(),
        };
        let header = Header { schema: SCHEMA.into(), leanset: "0.0.0".into(), plan, data, measured: None };
        let mut records = Vec::new();
        for repetition in 0..8 {
            for (method, ratio) in
                [(FULL, 1.0), ("stratified-random", 0.1), ("stratified-random", 0.5), ("maxmin", 0.1), ("maxmin", 0.5)]
            {
                let value = score(method, ratio, repetition);
                let scores = ClassifierScores {
                    accuracy: value,
                    precision: value,
                    recall: value,
                    f1: value,
                    classes: Vec::new(),
                };
                records.push(Record {
                    repetition,
                    method: method.into(),
                    ratio,
                    model: None,
                    seeds: Seeds { split: None, method: 0, model: 0 },
                    kept: vec![(80.0 * ratio) as usize],
                    epsilon: 0.0,
                    scores: ModelScores::Classifier(scores),
                    weighted: false,
                    linear_accuracy: None,
                    steps: Steps::default(),
                    warnings: Vec::new(),
                    measured: Measurements {
                        shared: false,
                        threads: 1,
                        processor: String::new(),
                        reduction: Cost::default(),
                        reduction_serves: 1,
                        features: None,
                        training: Cost { seconds: ratio, ..Cost::default() },
                        energy: EnergySources::default(),
                    },
                });
            }
        }
        Summary::new(&header, &records)
    }

    #[test]
    fn recommend_names_the_smallest_set_that_is_good_enough() {
        let summary = summary(|method, ratio, repetition| {
            let noise = 0.001 * f64::from(repetition);
            match (method, ratio) {
                (FULL, _) => 0.9001 + noise,
                ("maxmin", 0.1) => 0.8951 + noise,
                (_, 0.1) => 0.8 + 2.0 * noise,
                _ => 0.9 + noise,
            }
        });
        assert_eq!(recommend(&summary), Some(Recommendation { method: "maxmin", ratio: 0.1 }));
        let text = describe(&summary);
        assert!(
            text.starts_with(
                "Keep 10 % of the rows (8 rows), chosen by maxmin. Accuracy is 0.899, against 0.904 with all rows."
            ),
            "{text}"
        );
        assert!(text.contains("take 90 % less time than full training"), "{text}");
        assert!(text.contains("It is better than stratified-random by +9.2 points"), "{text}");
    }

    #[test]
    fn recommend_prefers_random_where_no_method_is_shown_to_be_better() {
        let summary = summary(|method, _, repetition| {
            let sign = if repetition % 2 == 0 { 1.0 } else { -1.0 };
            0.9 + if method == "maxmin" { 0.001 + 0.002 * sign } else { 0.0 }
        });
        assert_eq!(recommend(&summary), Some(Recommendation { method: "stratified-random", ratio: 0.1 }));
        assert!(describe(&summary).ends_with("These runs do not show that another method is better there."));
    }

    #[test]
    fn recommend_is_nothing_where_every_set_loses_more_than_a_point() {
        let summary = summary(|method, _, _| if method == FULL { 0.9 } else { 0.8 });
        assert_eq!(recommend(&summary), None);
        assert_eq!(
            describe(&summary),
            "Train on all rows. Every smaller set that was tried loses more than 1 point of accuracy or macro F1."
        );
    }
}
