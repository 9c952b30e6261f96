//! The conclusion of an experiment: the method and the ratio to use, or to train on everything.
//!
//! A smaller set is good enough if it loses at most [`TOLERANCE`] of both measures in the median: of the second one too,
//! because the main one says little about a small class. A method is named only if it beats stratified random at this ratio in
//! these runs; otherwise stratified random is, where it is good enough. Of what is left the smallest set is recommended, and of
//! several methods the one with the highest main measure.

use leanset_problem::for_shell;
use serde::Serialize;

use crate::render::{number, plural, points, share, whole};
use crate::summary::{Cell, MethodSummary, Summary};
use leanset_statistics::{Paired, Verdict};

/// What a set may lose of either measure to be good enough: one point.
pub const TOLERANCE: f64 = 0.01;
/// The least part of the time of full training that counts as saved.
const SAVED: f64 = 0.05;

/// A method at a ratio that is good enough.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation<'a> {
    /// The name of the method in the plan.
    pub method: &'a str,
    /// The fraction to keep.
    pub ratio: f64,
    /// The command that keeps it.
    pub command: String,
    /// How many times as many rows random needs for the same; none if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times_fewer_than_random: Option<f64>,
    /// The training from which on choosing has paid; none if it never does.
    pub pays_from_training: Option<u64>,
}

/// Whether a set at a ratio is good enough beside full training.
fn good_enough(summary: &Summary, full: &Cell, cell: &Cell) -> bool {
    // The user's own model may not tell the second.
    let near = |cell: f64, full: f64| full.is_nan() || cell >= full - TOLERANCE;
    near(summary.main(cell).value, summary.main(full).value)
        && near(summary.second(cell).value, summary.second(full).value)
}

/// Whether a method may be named: it is stratified random, it beats it at this ratio, or there is none to compare with.
fn may_be_named(summary: &Summary, method: &MethodSummary, cell: &Cell) -> bool {
    match &summary.random {
        None => true,
        Some(random) if *random == method.label => true,
        Some(_) => cell.over_random.is_some_and(|paired| paired.verdict == Verdict::Yes),
    }
}

/// Methods that are judged, with their cells. The scores of continued training are not those of a model that has seen only what is
/// kept.
fn judged(summary: &Summary) -> impl DoubleEndedIterator<Item = (&MethodSummary, &Cell)> {
    let methods = summary.methods.iter().filter(|method| !method.continues);
    methods.flat_map(|method| method.cells.iter().map(move |cell| (method, cell)))
}

/// The one with the highest main measure; of equals the first, in the order of the plan.
fn highest<'a>(
    summary: &Summary,
    cells: impl DoubleEndedIterator<Item = (&'a MethodSummary, &'a Cell)>,
) -> Option<(&'a MethodSummary, &'a Cell)> {
    let main = |cell: &Cell| summary.main(cell).value;
    cells.rev().max_by(|a, b| main(a.1).total_cmp(&main(b.1)))
}

/// The smallest set that is good enough; none if there is none, or full training was not run yet.
pub fn smallest_good_enough(summary: &Summary) -> Option<(&MethodSummary, &Cell)> {
    let full = summary.full.as_ref()?;
    let enough = || {
        judged(summary).filter(|(method, cell)| good_enough(summary, full, cell) && may_be_named(summary, method, cell))
    };
    let ratio = enough().map(|(_, cell)| cell.ratio).min_by(f64::total_cmp)?;
    highest(summary, enough().filter(|(_, cell)| cell.ratio == ratio))
}

/// How many times as many rows stratified random needs to reach the main measure of a cell: between the ratios that were
/// tried, on a straight line over the logarithm of the rows. Where it does not reach it with all rows, with how many it
/// does not.
fn rows_of_random(summary: &Summary, cell: &Cell) -> Option<(f64, bool)> {
    let random = summary.methods.iter().find(|method| Some(&method.label) == summary.random.as_ref())?;
    let goal = summary.main(cell).value;
    let known = random.cells.iter().chain(&summary.full).map(|c| (c.kept as f64, summary.main(c).value));
    let mut before: Option<(f64, f64)> = None;
    for (rows, score) in known {
        if score >= goal {
            let needed = match before {
                Some((fewer, lower)) if score > lower => {
                    let part = (goal - lower) / (score - lower);
                    (fewer.ln() + part * (rows / fewer).ln()).exp()
                }
                _ => rows,
            };
            return Some((needed / cell.kept as f64, true));
        }
        before = Some((rows, score));
    }
    before.map(|(rows, _)| (rows / cell.kept as f64, false))
}

/// The training from which on choosing has paid: the first, if choosing and one training take less time than full training. None
/// if a training on what is kept takes hardly less time.
fn pays_from(full: &Cell, cell: &Cell) -> Option<u64> {
    let training = cell.seconds.value - cell.reduction_seconds.value;
    let saved = full.seconds.value - training;
    let trainings = (cell.reduction_seconds.value / saved).ceil().max(1.0);
    (saved > SAVED * full.seconds.value && trainings.is_finite()).then_some(trainings as u64)
}

/// The recommendation as document.
pub fn recommend(summary: &Summary) -> Option<Recommendation<'_>> {
    let (method, cell) = smallest_good_enough(summary)?;
    Some(Recommendation {
        method: &method.label,
        ratio: cell.ratio,
        command: command(summary, method, cell),
        times_fewer_than_random: named(summary, method)
            .then(|| rows_of_random(summary, cell))
            .flatten()
            .map(|(t, _)| t),
        pays_from_training: summary.full.as_ref().and_then(|full| pays_from(full, cell)),
    })
}

/// Whether it is another method than stratified random, and can be compared with it.
fn named(summary: &Summary, method: &MethodSummary) -> bool {
    summary.random.as_ref().is_some_and(|random| *random != method.label)
}

/// The command that keeps what is recommended.
fn command(summary: &Summary, method: &MethodSummary, cell: &Cell) -> String {
    let images = summary.command.get(1).is_some_and(|verb| verb == "images");
    let output = if images { "lean".to_owned() } else { lean_name(&summary.data) };
    let rest = ["--ratio".to_owned(), cell.ratio.to_string(), "--output".to_owned(), output];
    // Without the weights that the model was trained with, the written rows are another training set.
    let weights = ["--weights".to_owned(), "weight".to_owned()];
    let weights = if method.weighted { &weights[..] } else { &[] };
    let words = summary.command.iter().chain(&method.arguments).chain(&rest).chain(weights);
    words.map(|word| for_shell(word)).collect::<Vec<_>>().join(" ")
}

/// The name of an output in the format of the data: `lean.parquet` of `beans.parquet`.
pub(crate) fn lean_name(data: &str) -> String {
    let name =
        std::path::Path::new(data).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let table = leanset_tables::format_of_path(std::path::Path::new(&name)).is_ok() && !name.ends_with(".xlsx");
    match name.split_once('.') {
        Some((_, extensions)) if table && !name.starts_with('.') => {
            let last: Vec<&str> = extensions.split('.').collect();
            let packed = last.last().is_some_and(|end| ["gz", "zst"].contains(end)) && last.len() > 1;
            let from = last.len() - if packed { 2 } else { 1 };
            format!("lean.{}", last[from..].join("."))
        }
        _ => "lean.csv".into(),
    }
}

/// A difference with its interval, in points.
fn difference(paired: &Paired) -> String {
    let shown = paired.difference;
    format!("{} points [{}, {}]", points(shown.value), points(shown.low), points(shown.high))
}

/// The command of the recommendation, if there is one.
pub fn describe_command(summary: &Summary) -> Option<String> {
    smallest_good_enough(summary).map(|(method, cell)| command(summary, method, cell))
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
        let mut text = format!(
            "{so_far}Train on all {rows}. Every smaller set that was tried and may be named loses more than 1 point of {main} or \
             {second}."
        );
        // What to do where rows must go all the same: the best of the largest sets.
        let best = judged(summary).filter(|(method, cell)| may_be_named(summary, method, cell));
        if let Some((method, cell)) = highest(summary, best)
            && let Some(lost) = &cell.over_full
        {
            let over = cell.over_random.filter(|_| named(summary, method));
            let over = over.map_or_else(String::new, |d| format!(", {} over {}", difference(&d), random_name(summary)));
            text.push_str(&format!(
                " If {rows} must go, {} loses least: {} of {main} at {}{over}.",
                method.label,
                difference(lost),
                share(cell.ratio)
            ));
        }
        return text;
    };
    let kept = plural(cell.kept, vocabulary.row, rows);
    let mut text =
        format!("{so_far}Keep {} of the {rows} ({} {kept}) by {}", share(cell.ratio), whole(cell.kept), method.label,);
    match &cell.over_full {
        Some(lost) => text.push_str(&format!(": {} of {main} against all {rows}", difference(lost))),
        None => text.push_str(&format!(": {main} is {:.3}", summary.main(cell).value)),
    }
    if named(summary, method)
        && let Some((times, reached)) = rows_of_random(summary, cell)
    {
        let more = if reached { "" } else { "more than " };
        text.push_str(&format!(", {more}{} × fewer {rows} than random needs for that", number(times)));
    }
    text.push_str(&match pays_from(full, cell) {
        Some(1) => "; it pays from the first training.".to_owned(),
        Some(n) => format!("; it pays from training {} on.", whole(n as usize)),
        None => format!("; it saves no training time here, and pays where {rows} themselves cost."),
    });
    let others: Vec<String> = vocabulary
        .compared()
        .zip(cell.compared_over_full.values())
        .filter_map(|(measure, paired)| Some(format!("{} {}", measure.name, difference(paired.as_ref()?))))
        .collect();
    if !others.is_empty() {
        text.push_str(&format!(" Against all {rows}: {}.", others.join("; ")));
    }
    if named(summary, method) {
        if let Some(paired) = &cell.over_random {
            text.push_str(&format!(" It beats {} by {}.", random_name(summary), difference(paired)));
        }
    } else if summary.random.is_some() && summary.methods.len() > 1 {
        text.push_str(" These runs do not show that another method is better there.");
    }
    text
}

fn random_name(summary: &Summary) -> &str {
    summary.random.as_deref().unwrap_or("random")
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
        let header =
            Header { schema: SCHEMA.into(), leanset: "0.0.0".into(), plan, data, measured: None, plans: Vec::new() };
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
                    worst_recall: Some(value),
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
        let found = recommend(&summary).expect("a recommendation");
        assert_eq!((found.method, found.ratio, found.pays_from_training), ("maxmin", 0.1, Some(1)));
        assert_eq!(found.command, "leanset reduce t.csv --label kind --method maxmin --ratio 0.1 --output lean.csv");
        // Random has 0.807 of 8 rows and 0.9035 of 40; 0.8986 is nearly as many.
        let times = found.times_fewer_than_random.expect("random reaches it");
        assert!((4.5..5.0).contains(&times), "{times}");
        let text = describe(&summary);
        assert!(
            text.starts_with(
                "Keep 10 % of the rows (8 rows) by maxmin: −0.5 points [−0.5, −0.5] of accuracy against all rows, 4.6"
            ),
            "{text}"
        );
        assert!(text.contains("× fewer rows than random needs for that; it pays from the first training."), "{text}");
        assert!(text.contains("macro F1 −0.5 points") && text.contains("worst-class recall −0.5 points"), "{text}");
        assert!(text.contains("It beats stratified-random by +9.2 points"), "{text}");
    }

    #[test]
    fn recommend_prefers_random_where_no_method_is_shown_to_be_better() {
        let summary = summary(|method, _, repetition| {
            let sign = if repetition % 2 == 0 { 1.0 } else { -1.0 };
            0.9 + if method == "maxmin" { 0.001 + 0.002 * sign } else { 0.0 }
        });
        let found = recommend(&summary).expect("a recommendation");
        assert_eq!((found.method, found.ratio, found.times_fewer_than_random), ("stratified-random", 0.1, None));
        assert!(describe(&summary).ends_with("These runs do not show that another method is better there."));
    }

    #[test]
    fn recommend_is_nothing_where_every_set_loses_more_than_a_point() {
        let summary = summary(|method, _, _| if method == FULL { 0.9 } else { 0.8 });
        assert_eq!(recommend(&summary), None);
        let text = describe(&summary);
        assert!(text.starts_with("Train on all rows. Every smaller set that was tried"), "{text}");
        assert!(
            text.ends_with(
                "If rows must go, stratified-random loses least: −10.0 points [−10.0, −10.0] of accuracy at 10 %."
            ),
            "{text}"
        );
    }

    /// Better in the median is not enough to be named.
    #[test]
    fn recommend_names_no_method_that_is_not_shown_to_beat_random() {
        let summary = summary(|method, ratio, repetition| match (method, ratio) {
            (FULL, _) => 0.9,
            // Good enough, and better than random in five of eight repetitions.
            ("maxmin", 0.1) => 0.895,
            (_, 0.1) => {
                if repetition < 5 {
                    0.88
                } else {
                    0.91
                }
            }
            _ => 0.899,
        });
        let found = recommend(&summary).expect("a recommendation");
        assert_eq!((found.method, found.ratio), ("stratified-random", 0.5));
    }

    #[test]
    fn fewest_rows_are_of_the_ratios_that_were_tried() {
        let summary = summary(|method, ratio, _| match (method, ratio) {
            (FULL, _) => 0.9,
            ("maxmin", 0.1) => 0.889,
            (_, 0.1) => 0.8,
            _ => 0.894,
        });
        let ratios = |points: f64| -> Vec<Option<f64>> {
            let found = summary.fewest.iter().find(|f| f.points == points).expect("points");
            found.ratios.iter().map(|of| of.ratio).collect()
        };
        assert_eq!(
            (ratios(0.5), ratios(1.0), ratios(2.0)),
            (vec![None, None], vec![Some(0.5), Some(0.5)], vec![Some(0.5), Some(0.1)])
        );
    }

    #[test]
    fn commands_write_the_weights_that_models_were_trained_with() {
        let mut summary = summary(|_, _, _| 0.9);
        let asked = |summary: &Summary| command(summary, &summary.methods[1], &summary.methods[1].cells[0]);
        assert!(!asked(&summary).contains("--weights"));
        summary.methods[1].weighted = true;
        assert!(asked(&summary).ends_with(" --weights weight"));
    }

    #[test]
    fn commands_write_the_format_of_the_data() {
        for (data, lean) in [
            ("a/b.parquet", "lean.parquet"),
            ("x.v2.csv.gz", "lean.csv.gz"),
            ("book.xlsx", "lean.csv"),
            ("parts", "lean.csv"),
        ] {
            assert_eq!(lean_name(data), lean);
        }
    }
}
