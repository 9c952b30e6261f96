//! The numbers of the published reference, where they are well defined (../shared/golden/README.md says where).
//!
//! Compared: ε of every golden selection, exactly; maxmin orders and distances; distance entropies; k-means centroids
//! from the golden start rows; matrix-decomposition scores. Each test prints how many values it compared per data set
//! and fails if that is none.

// A comparison that was left out has to be seen.
#![allow(clippy::print_stdout)]
// The core opens no files; its golden data lie in some.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;

use crate::common::{Arrays, Sample, dry_bean, golden_inputs, shared};
use leanset_core::distance::Metric;
use leanset_core::params::Value;
use leanset_core::{
    Budget, ClassId, Dynamics, EmptyClasses, Inputs, Prototypes, Quiet, Ranking, Reduced, Reducer, RowId, Seed,
    Selection, metrics,
};
use serde_json::Value as Json;

/// One golden data set: its points, its runs, its score arrays.
struct Golden {
    sample: Sample,
    runs: Json,
    scores: Arrays,
}

/// All golden data sets, the whole of Dry Bean last; none where the shared folder is not here.
fn goldens() -> Vec<Golden> {
    let (Some(golden), Some(data)) = (shared("golden"), shared("data")) else { return Vec::new() };
    let mut samples = golden_inputs(&golden);
    samples.push(dry_bean(&data.join("drybean.csv")).0);
    samples.into_iter().map(|sample| open(&golden, sample)).collect()
}

fn open(golden: &Path, sample: Sample) -> Golden {
    let path = golden.join(format!("golden_{}.json", sample.name));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let json: Json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(json["n"], sample.rows(), "{}", sample.name);
    assert_eq!(json["d"], sample.columns, "{}", sample.name);
    let scores = Arrays::open(&golden.join(format!("scores_{}.npz", sample.name)));
    Golden { runs: json["runs"].clone(), scores, sample }
}

impl Golden {
    /// Every run of the methods whose key passes: key, part kept as text, and the record.
    fn runs(&self, keep: impl Fn(&str) -> bool) -> Vec<(String, String, Json)> {
        let methods = self.runs.as_object().expect("methods").iter().filter(|(m, _)| keep(m));
        let parts = methods.flat_map(|(m, parts)| parts.as_object().expect("parts").iter().map(move |p| (m, p)));
        // Beside the parts a method's record can hold other diagnostics.
        let runs = parts.filter(|(_, (_, run))| run.get("n_out").is_some());
        runs.map(|(m, (p, run))| (m.clone(), p.clone(), run.clone())).collect()
    }
}

fn rows(list: &Json) -> Vec<RowId> {
    list.as_array().expect("a list").iter().map(|v| RowId::at(v.as_u64().expect("a row") as usize)).collect()
}

fn floats(list: &Json) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

/// The records of the classes, in class order.
fn by_class(run: &Json, classes: usize) -> Vec<Json> {
    (0..classes).map(|k| run["by_class"][k.to_string()].clone()).collect()
}

/// A C99 hexadecimal number, exactly.
fn hex(text: &str) -> f64 {
    let (digits, exponent) = text.strip_prefix("0x").expect("0x").split_once('p').expect("p");
    let (whole, fraction) = digits.split_once('.').expect("a point");
    let mantissa = u64::from_str_radix(&format!("{whole}{fraction}"), 16).expect("digits");
    let power = exponent.parse::<i32>().expect("an exponent") - 4 * i32::try_from(fraction.len()).expect("few digits");
    // Both steps are exact: the mantissa has 53 bits, and nothing here is near the smallest numbers.
    mantissa as f64 * 2f64.powi(power)
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

/// Golden rows as a selection; a row that the reference kept twice counts once.
fn selection(rows: &[RowId], sample: &Sample) -> Selection {
    let classes = sample.classes();
    let mut per_class = vec![Vec::new(); classes.len()];
    let mut seen = vec![false; sample.rows()];
    for &row in rows {
        if !std::mem::replace(&mut seen[row.index()], true) {
            per_class[classes.of(row).index()].push(row);
        }
    }
    Selection::new(&per_class, None, &classes).unwrap_or_else(|e| panic!("{}: {e}", sample.name))
}

/// A fact that is a list of numbers.
fn list(diagnostics: &leanset_core::selection::Diagnostics, name: &str) -> Vec<f64> {
    match diagnostics.get(name) {
        Some(Value::Floats(values)) => values.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn given(name: &str, rows: Vec<RowId>) -> Vec<(String, Value)> {
    vec![(name.to_owned(), Value::Rows(rows))]
}

#[test]
fn scaled_dry_bean_is_that_of_the_golden_files() {
    let (Some(golden), Some(data)) = (shared("golden"), shared("data")) else { return };
    let (sample, scales, offsets) = dry_bean(&data.join("drybean.csv"));
    let mut inputs = Arrays::open(&golden.join("inputs.npz"));
    assert_eq!(scales, inputs.floats("drybean_scale").expect("the scales").0);
    assert_eq!(offsets, inputs.floats("drybean_min").expect("the offsets").0);
    assert_eq!(sample.sizes(), [1322, 522, 1630, 3546, 1928, 2027, 2636]);
    let subset = inputs.longs("drybean2000_rows").expect("the rows of the subset");
    let (values, _) = inputs.floats("drybean2000_X").expect("the subset");
    let own: Vec<f64> = subset.iter().flat_map(|&r| sample.row(r as usize).to_vec()).collect();
    let same = own.iter().zip(&values).filter(|(a, b)| a == b).count();
    println!("drybean: scale and offset of {} columns; {same} of {} subset values equal", scales.len(), values.len());
}

/// One ε against its golden record. Returns how many numbers were compared, and whether a class is lost.
fn check_epsilon(who: &str, run: &Json, found: &metrics::Epsilon) -> (usize, bool) {
    let mut compared = 0;
    let mut lost = false;
    let mut largest = 0.0f64;
    for (k, own) in found.per_class.iter().enumerate() {
        match run["epsilon_per_class"][k.to_string()].as_f64() {
            Some(golden) => {
                assert_eq!(own.value.to_bits(), golden.to_bits(), "{who}, class {k}: {} and not {golden}", own.value);
                largest = largest.max(golden);
            }
            // The reference skips a class that has lost all its rows; here it makes ε infinite.
            None => {
                assert_eq!((own.kept, own.value, own.worst), (0, f64::INFINITY, None), "{who}, class {k} is lost");
                lost = true;
            }
        }
        compared += 1;
    }
    let golden = hex(run["epsilon_hex"].as_str().expect("ε"));
    assert_eq!(golden.to_bits(), run["epsilon"].as_f64().expect("ε").to_bits(), "{who}: the golden file itself");
    assert_eq!(largest, golden, "{who}: the golden file itself");
    if lost {
        assert_eq!((found.value, found.worst), (f64::INFINITY, None), "{who}: a lost class");
    } else {
        assert_eq!(found.value.to_bits(), golden.to_bits(), "{who}: {} and not {golden}", found.value);
        let worst = found.worst.unwrap_or_else(|| panic!("{who}: no worst row"));
        assert_eq!(found.per_class[worst.class.index()].worst, Some(worst.row), "{who}");
        assert_eq!(found.per_class[worst.class.index()].value, found.value, "{who}");
    }
    (compared + 1, lost)
}

#[test]
fn epsilon_of_every_golden_selection_is_exact() {
    for mut golden in goldens() {
        let sample = golden.sample.clone();
        let data = sample.data();
        let (mut selections, mut numbers, mut losing, mut centroids) = (0, 0, 0, 0);
        for (method, part, run) in golden.runs(|_| true) {
            let who = format!("{method} {part} of {}", sample.name);
            let reduced = if method == "CLC" {
                // The reference's own centroids: points that are no rows.
                let mut points =
                    Prototypes { points: vec![], columns: sample.columns, classes: vec![], weights: vec![] };
                for class in sample.classes().ids() {
                    let (values, shape) = golden.scores.floats(&format!("CLC_{part}_c{class}")).expect("centroids");
                    points.points.extend(values);
                    points.classes.extend(std::iter::repeat_n(class, shape[0]));
                    points.weights.extend(std::iter::repeat_n(1.0, shape[0]));
                }
                centroids += 1;
                Reduced::Points(points)
            } else if let Some(order) = run.get("order") {
                Reduced::Rows(selection(&rows(order), &sample))
            } else {
                let orders = by_class(&run, sample.classes);
                let all: Vec<RowId> = orders.iter().flat_map(|c| rows(&c["order"])).collect();
                Reduced::Rows(selection(&all, &sample))
            };
            let found = metrics::epsilon(&data, &reduced, Metric::Chebyshev, &Quiet).expect("ε");
            let (compared, lost) = check_epsilon(&who, &run, &found);
            selections += 1;
            numbers += compared;
            losing += usize::from(lost);
        }
        println!(
            "ε, {}: {numbers} numbers of {selections} selections are exact ({centroids} of centroids, {losing} lose a class)",
            sample.name
        );
        assert!(selections > 10, "{}: nothing was compared", sample.name);
    }
}

#[test]
fn maxmin_follows_the_golden_orders_and_distances() {
    for golden in goldens() {
        let sample = &golden.sample;
        let data = sample.data();
        let (mut orders, mut picks, mut distances, mut radii, mut tied) = (0, 0, 0, 0, 0);
        for (method, part, run) in golden.runs(|m| m == "MMS" || m == "MMSslow") {
            let classes = by_class(&run, sample.classes);
            let starts = classes.iter().map(|c| RowId::at(c["start_row"].as_u64().expect("a row") as usize)).collect();
            let counts: Vec<usize> = classes.iter().map(|c| rows(&c["order"]).len()).collect();
            let reducer = Reducer::new("mms", &given("start", starts)).expect("valid");
            let budget = Budget::PerClass(counts);
            let (allocation, _) = budget.allocate(&sample.sizes(), EmptyClasses::Forbid).expect("valid");
            let ranking = reducer.rank(&data, Some(&allocation), Seed(0), &Quiet).expect("ranks");
            let kept = reducer.reduce(&data, &budget, EmptyClasses::Forbid, Seed(0), &Quiet).expect("reduces");
            let found_radii = list(&kept.diagnostics, "covering_radius");
            let mut scores = ranking.scores().iter();
            for (k, (own, class)) in ranking.segments().zip(&classes).enumerate() {
                let who = format!("{method} {part} of {}, class {k}", sample.name);
                let own_scores: Vec<f64> = scores.by_ref().take(own.len()).copied().collect();
                let order = rows(&class["order"]);
                assert_eq!(kept.reduced.rows().expect("rows").class(ClassId::at(k)), own, "{who}: reduce and rank");
                if class["exact_tie_steps"] == 0 {
                    assert_eq!(own, order, "{who}: order");
                    orders += 1;
                    picks += own.len();
                } else {
                    tied += 1;
                }
                assert!(own_scores[0].is_nan(), "{who}: the start has no distance");
                for (step, (own, golden)) in
                    own_scores[1..].iter().zip(floats(&class["insertion_distance"])).enumerate()
                {
                    assert!(close(*own, golden, 1e-15), "{who}, step {step}: {own} and not {golden}");
                    distances += 1;
                }
                let golden = class["cover_radius_l2"].as_f64().expect("a radius");
                assert!(close(found_radii[k], golden, 1e-15), "{who}: radius {} and not {golden}", found_radii[k]);
                radii += 1;
            }
        }
        println!(
            "maxmin, {}: {picks} picks of {orders} orders ({tied} have exact ties), {distances} distances, {radii} radii",
            sample.name
        );
        assert!(orders > 0 && distances > 0 && radii > 0, "{}: nothing was compared", sample.name);
    }
}

#[test]
fn distance_entropies_are_the_golden_ones() {
    for mut golden in goldens() {
        let sample = golden.sample.clone();
        let data = sample.data();
        let (mut scored, mut placed, mut open, mut worst) = (0, 0, 0, 0.0f64);
        for (_, part, run) in golden.runs(|m| m == "DES") {
            let who = format!("DES {part} of {}", sample.name);
            assert_eq!(run["nan_entropies"], 0, "{who}: the golden file itself");
            let (entropies, _) = golden.scores.floats(&format!("DES_{part}_entropy")).expect("entropies");
            let base: Vec<RowId> = (0..sample.rows()).filter(|&r| entropies[r].is_nan()).map(RowId::at).collect();
            let count = base.len();
            assert_eq!(run["n_base"], count, "{who}: the golden file itself");
            let reducer = Reducer::new("des", &given("base_rows", base)).expect("valid");
            let ranking = reducer.rank(&data, None, Seed(0), &Quiet).expect("ranks");
            for (row, score) in ranking.rows().iter().zip(ranking.scores()).skip(count) {
                let golden = entropies[row.index()];
                worst = worst.max((score - golden).abs() / golden.abs().max(1.0));
                assert!(
                    (score - golden).abs() <= 1e-13 * golden.abs().max(1.0),
                    "{who}, row {row}: {score}, not {golden}"
                );
                scored += 1;
            }
            assert_eq!(ranking.scores().iter().filter(|s| s.is_nan()).count(), count, "{who}: the base has no scores");
            // The order of the rows added, where rounding and ties leave it no choice and the reference keeps none twice.
            let golden_order = rows(&run["order"]);
            if run["duplicate_added"] == 0 {
                let kept = Budget::Count(golden_order.len());
                let kept = reducer.reduce(&data, &kept, EmptyClasses::Allow, Seed(0), &Quiet).expect("reduces");
                let kept = kept.reduced.rows().expect("rows").clone();
                let mut ours: Vec<RowId> = kept.rows().to_vec();
                let mut theirs = golden_order.clone();
                ours.sort_unstable();
                theirs.sort_unstable();
                assert_eq!(ours, theirs, "{who}: the rows kept");
            }
            for (place, &row) in golden_order.iter().enumerate().skip(count) {
                let gap =
                    |other: usize| (entropies[golden_order[other].index()] - entropies[row.index()]).abs() > 1e-12;
                let clear = gap(place - 1) || place == count;
                if run["duplicate_added"] == 0 && clear && (place + 1 == golden_order.len() || gap(place + 1)) {
                    assert_eq!(ranking.rows()[place], row, "{who}, place {place}");
                    placed += 1;
                } else {
                    open += 1;
                }
            }
        }
        println!(
            "entropy, {}: {scored} scores, largest deviation {worst:.1e}; {placed} places, {open} left open by ties",
            sample.name
        );
        assert!(scored > 0 && placed > 0, "{}: nothing was compared", sample.name);
    }
}

#[test]
fn centroids_from_the_golden_starts_are_those_of_scipy() {
    for mut golden in goldens() {
        let sample = golden.sample.clone();
        let data = sample.data();
        let (mut compared, mut numbers, mut dropped) = (0, 0, 0);
        let mut worst = 0.0f64;
        for (_, part, run) in golden.runs(|m| m == "CLC") {
            let classes = by_class(&run, sample.classes);
            let starts = classes.iter().flat_map(|c| rows(&c["init_rows"])).collect();
            let count = |c: &Json, name: &str| c[name].as_u64().expect("a count") as usize;
            let counts: Vec<usize> = classes.iter().map(|c| count(c, "k_requested")).collect();
            let reducer = Reducer::new("clc", &given("start_rows", starts)).expect("valid");
            let budget = Budget::PerClass(counts.clone());
            let found = reducer.reduce(&data, &budget, EmptyClasses::Forbid, Seed(0), &Quiet).expect("reduces");
            let Reduced::Points(points) = &found.reduced else { panic!("centroids are points") };
            let means = list(&found.diagnostics, "mean_distance");
            let mut begin = 0;
            for (k, class) in classes.iter().enumerate() {
                let who = format!("CLC {part} of {}, class {k}", sample.name);
                let own = &points.points[begin * sample.columns..][..counts[k] * sample.columns];
                begin += counts[k];
                if count(class, "k_returned") != counts[k] {
                    dropped += 1;
                    continue;
                }
                let (centroids, shape) = golden.scores.floats(&format!("CLC_{part}_c{k}")).expect("centroids");
                assert_eq!(shape, [counts[k], sample.columns], "{who}");
                for (i, (own, golden)) in own.iter().zip(&centroids).enumerate() {
                    assert_eq!(own.to_bits(), golden.to_bits(), "{who}, value {i}: {own} and not {golden}");
                    numbers += 1;
                }
                let mean = class["mean_distance"].as_f64().expect("a distance");
                // From five columns on scipy takes |x|² + |c|² − 2 x·c, which leaves a row that is its own centre at up
                // to √ε from it.
                worst = worst.max((means[k] - mean).abs() / mean);
                let tolerance = if sample.columns < 5 { 1e-14 } else { 1e-8 };
                assert!(close(means[k], mean, tolerance), "{who}: mean distance {} and not {mean}", means[k]);
                compared += 1;
            }
        }
        println!(
            "centroids, {}: {numbers} coordinates of {compared} classes are exact, their mean \
             distances to {worst:.1e}; {dropped} classes where the reference dropped clusters",
            sample.name
        );
        assert!(compared > 0, "{}: nothing was compared", sample.name);
    }
}

#[test]
fn decomposition_scores_are_the_golden_ones() {
    for mut golden in goldens() {
        let sample = golden.sample.clone();
        if sample.name == "digits" {
            println!("decomposition, digits: left out, its golden weights lie on directions of rounding noise");
            continue;
        }
        let data = sample.data();
        let scope = vec![("scope".to_owned(), Value::Text("global".into()))];
        let ranking = Reducer::new("nrmd", &scope).expect("valid").rank(&data, None, Seed(0), &Quiet).expect("ranks");
        assert!(ranking.warnings.is_empty(), "{}: {:?}", sample.name, ranking.warnings);
        let (scores, _) = golden.scores.floats("NRMD_score").expect("scores");
        let (mut scored, mut worst, mut skipped) = (0, 0.0f64, 0);
        for (row, score) in ranking.rows().iter().zip(ranking.scores()) {
            let golden = scores[row.index()];
            if golden.is_nan() {
                skipped += 1;
                continue;
            }
            worst = worst.max((score - golden).abs() / golden.abs().max(1e-300));
            assert!(close(*score, golden, 1e-9), "{}, row {row}: {score} and not {golden}", sample.name);
            scored += 1;
        }
        // The order, where the scores leave it no choice.
        let order = golden.scores.ints("NRMD_ranking").expect("a ranking");
        let order: Vec<usize> = order.into_iter().map(|r| usize::try_from(r).expect("a row")).collect();
        let placed = check_places(&sample.name, &order, &scores, &ranking);
        let mut cut = 0;
        for (_, part, run) in golden.runs(|m| m == "NRMD") {
            let own: Vec<usize> = rows(&run["order"]).iter().map(|r| r.index()).collect();
            cut += check_places(&format!("{} {part}", sample.name), &own, &scores, &ranking);
        }
        println!(
            "decomposition, {}: {scored} scores ({skipped} of zero rows), largest deviation {worst:.1e}; {placed} places, \
             {cut} of the cuts",
            sample.name
        );
        assert!(scored > 0 && placed > 0 && cut > 0, "{}: nothing was compared", sample.name);
    }
}

/// Places whose golden score differs from both neighbours by more than 10⁻⁹ hold the golden row. Returns how many.
fn check_places(who: &str, order: &[usize], scores: &[f64], ranking: &Ranking) -> usize {
    let mut placed = 0;
    for place in 0..order.len() {
        let gap = |other: usize| (scores[order[other]] - scores[order[place]]).abs() > 1e-9;
        if (place == 0 || gap(place - 1)) && (place + 1 == order.len() || gap(place + 1)) {
            // The last of a cut may tie with the first that is cut off.
            if place + 1 == order.len() && ranking.rows()[place].index() != order[place] {
                let other = ranking.rows()[place].index();
                assert!((scores[other] - scores[order[place]]).abs() <= 1e-9, "{who}, place {place}");
                continue;
            }
            assert_eq!(ranking.rows()[place].index(), order[place], "{who}, place {place}");
            placed += 1;
        }
    }
    placed
}

#[test]
fn hexadecimal_numbers_are_read_exactly() {
    assert_eq!(hex("0x1.1eb851eb851ebp-1"), 0.559_999_999_999_999_9);
    assert_eq!(hex("0x1.0000000000000p+0"), 1.0);
    assert_eq!(hex("0x0.0000000000000p+0"), 0.0);
}

#[test]
fn homology_scores_are_those_of_ripser() {
    for mut golden in goldens() {
        let sample = golden.sample.clone();
        let (mut scores, mut settings, mut positive) = (0, 0, 0);
        for radius in ["0.05", "0.15", "0.35", "0.45", "1.3"] {
            let Some(outliers) = golden.scores.flags(&format!("PHL_r{radius}_super_outlier")) else { continue };
            for (scoring, word) in [("restrictedDim", "restricted"), ("multiDim", "multi")] {
                for dimension in ["0", "1", "2"] {
                    let name = format!("PHL_{scoring}_{dimension}_r{radius}_score");
                    let Some((golden, _)) = golden.scores.floats(&name) else { continue };
                    let given = [("delta", radius), ("scoring", word), ("dimension", dimension)];
                    let given = given.map(|(name, value)| (name.to_owned(), Value::Text(value.into())));
                    let reducer = Reducer::new("phl", &given).expect("valid");
                    let ranking = reducer.rank(&sample.data(), None, Seed(0), &Quiet).expect("scores");
                    assert_eq!(
                        ranking.diagnostics["super_outliers"],
                        outliers.iter().filter(|o| **o != 0).count().into()
                    );
                    for (row, own) in ranking.rows().iter().zip(ranking.scores()) {
                        // ripser's distances are f32, and made by a product that loses digits near 0.
                        let near = (own - golden[row.index()]).abs() <= 1e-6;
                        assert!(near, "{name} of {}, row {row}: {own} and not {}", sample.name, golden[row.index()]);
                    }
                    settings += 1;
                    scores += golden.len();
                    positive += golden.iter().filter(|s| **s > 0.0).count();
                }
            }
        }
        println!("homology, {}: {scores} scores of {settings} settings, {positive} of them positive", sample.name);
        assert!(settings > 0, "{}: nothing was compared", sample.name);
    }
}

/// The greedy choice of ProtoDash with everything in full, and on request with the quirk of the reference: the remaining
/// row of the lowest index never wins while there are others.
struct Dense {
    order: Vec<usize>,
    objective: Vec<f64>,
    /// The largest gradient at each pick, and how far it is above the next.
    gradient: Vec<f64>,
    margin: Vec<f64>,
    weights: Vec<f64>,
}

impl Dense {
    fn choose(rows: &[&[f64]], sigma: Option<f64>, count: usize, quirk: bool) -> Self {
        let n = rows.len();
        let kernel = |a: &[f64], b: &[f64]| match sigma {
            None => a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>(),
            Some(s) => (-a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>() / (2.0 * s * s)).exp(),
        };
        let k: Vec<Vec<f64>> = rows.iter().map(|a| rows.iter().map(|b| kernel(a, b)).collect()).collect();
        let u: Vec<f64> = k.iter().map(|row| row.iter().sum::<f64>() / n as f64).collect();
        let mut found =
            Self { order: vec![], objective: vec![], gradient: vec![], margin: vec![], weights: vec![0.0; n] };
        let gradient = |w: &[f64], i: usize| u[i] - w.iter().zip(&k[i]).map(|(w, k)| w * k).sum::<f64>();
        for pick in 0..count {
            let mut open: Vec<usize> = (0..n).filter(|i| !found.order.contains(i)).collect();
            if quirk && open.len() > 1 {
                open.remove(0);
            }
            let value = |i: usize| match pick {
                0 => u[i] * u[i].max(0.0) / (2.0 * k[i][i]),
                _ => gradient(&found.weights, i),
            };
            let mut values: Vec<(f64, usize)> = open.into_iter().map(|i| (value(i), i)).collect();
            values.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            found.order.push(values[0].1);
            found.gradient.push(values[0].0);
            found.margin.push(values.get(1).map_or(f64::INFINITY, |next| values[0].0 - next.0));
            found.weights = optimum(&k, &u, &found.order, &found.weights);
            let w = &found.weights;
            found.objective.push((0..n).map(|i| 0.5 * w[i] * (u[i] + gradient(w, i))).sum());
        }
        found
    }
}

/// The weights ≥ 0 on some rows that are best (Lawson & Hanson), every system solved afresh.
fn optimum(k: &[Vec<f64>], u: &[f64], among: &[usize], start: &[f64]) -> Vec<f64> {
    use leanset_linalg::Mat;
    let mut weights = start.to_vec();
    let mut passive: Vec<usize> = among.iter().copied().filter(|&i| weights[i] > 0.0).collect();
    for _ in 0..10 * among.len() + 10 {
        let gradient = |i: usize| u[i] - among.iter().map(|&j| weights[j] * k[i][j]).sum::<f64>();
        let free = among.iter().copied().filter(|i| !passive.contains(i)).map(|i| (gradient(i), i));
        let Some((_, next)) = free.filter(|f| f.0 > 1e-14).max_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        passive.push(next);
        loop {
            let table = Mat::from_fn(passive.len(), passive.len(), |i, j| k[passive[i]][passive[j]]);
            let right = Mat::from_fn(passive.len(), 1, |i, _| u[passive[i]]);
            let solved = leanset_linalg::solve(&table, &right);
            let target: Vec<f64> = (0..passive.len()).map(|i| solved[(i, 0)]).collect();
            let outside = (0..passive.len()).filter(|&i| target[i] <= 0.0);
            let reach = |i: usize| weights[passive[i]] / (weights[passive[i]] - target[i]);
            let Some(stop) = outside.min_by(|&a, &b| reach(a).total_cmp(&reach(b))) else {
                passive.iter().zip(target).for_each(|(&p, t)| weights[p] = t);
                break;
            };
            let part = reach(stop);
            for (i, &p) in passive.iter().enumerate() {
                weights[p] = (weights[p] + part * (target[i] - weights[p])).max(0.0);
            }
            weights[passive.remove(stop)] = 0.0;
        }
    }
    weights
}

/// What ProtoDash chooses of each class of a sample: orders, objectives after each pick, rows chosen by the objective.
fn prototypes(sample: &Sample, gaussian: bool, counts: Vec<usize>) -> Vec<(Vec<usize>, Vec<f64>, usize)> {
    let words: &[(&str, &str)] = if gaussian { &[("sigma", "2")] } else { &[("kernel", "linear")] };
    let given: Vec<_> = words.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
    let (allocation, _) = Budget::PerClass(counts).allocate(&sample.sizes(), EmptyClasses::Forbid).expect("valid");
    let reducer = Reducer::new("prd", &given).expect("valid");
    let ranking = reducer.rank(&sample.data(), Some(&allocation), Seed(0), &Quiet).expect("ranks");
    let chosen = list(&ranking.diagnostics, "chosen_by_objective");
    let residual = match ranking.diagnostics.get("kkt_residual") {
        Some(Value::Float(residual)) => *residual,
        other => panic!("{other:?}"),
    };
    assert!(residual <= 1e-12, "{}: weights are {residual:e} from optimal", sample.name);
    let mut scores = ranking.scores().iter().copied();
    let segments = ranking.segments().zip(chosen);
    segments
        .map(|(s, c)| (s.iter().map(|r| r.index()).collect(), scores.by_ref().take(s.len()).collect(), c as usize))
        .collect()
}

/// With the reference's quirk the dense oracle is the golden file; without it, it is the product.
#[test]
fn protodash_is_the_exact_greedy_choice() {
    let Some(golden) = shared("golden") else { return };
    let text = std::fs::read_to_string(golden.join("prd_exact_own.json")).expect("the exact runs");
    let exact: Json = serde_json::from_str(&text).expect("json");
    let exact = exact.as_object().expect("runs");
    for sample in golden_inputs(&golden) {
        let (mut golden_picks, mut own_picks, mut direct, mut bitten, mut worst) = (0, 0, 0, 0, 0.0f64);
        let mut compared_weights = 0;
        for method in ["PRD", "PRDgauss"] {
            for part in ["0.1", "0.5"] {
                let key = |class: usize| format!("{}|{method}|{part}|{class}", sample.name);
                let runs: Vec<&Json> = (0..sample.classes).filter_map(|c| exact.get(&key(c))).collect();
                if runs.len() < sample.classes {
                    continue;
                }
                let counts = runs.iter().map(|r| rows(&r["order"]).len()).collect();
                let found = prototypes(&sample, method == "PRDgauss", counts);
                for (class, (run, (order, scores, chosen))) in sample.classes().ids().zip(runs.iter().zip(&found)) {
                    let who = format!("{method} {part} of {}, class {class}", sample.name);
                    let ids: Vec<usize> = sample.classes().rows(class).iter().map(|r| r.index()).collect();
                    let points: Vec<&[f64]> = ids.iter().map(|&i| sample.row(i)).collect();
                    let sigma = (method == "PRDgauss").then_some(2.0);
                    let golden_order: Vec<usize> = rows(&run["order"]).iter().map(|r| r.index()).collect();
                    let (gradient, margin) = (floats(&run["max_gradient"]), floats(&run["runner_up_margin"]));
                    let clear = |gradient: &[f64], margin: &[f64], scale: f64| {
                        let sound = gradient.iter().zip(margin).take_while(|(g, m)| **g > 1e-8 * scale && **m > 1e-10);
                        sound.count()
                    };
                    // The golden file, with the quirk.
                    let quirky = Dense::choose(&points, sigma, golden_order.len(), true);
                    let until = clear(&gradient, &margin, gradient[0]);
                    for t in 0..until {
                        assert_eq!(ids[quirky.order[t]], golden_order[t], "{who}, pick {t}: the oracle");
                        let golden = run["objective"][t].as_f64().expect("a number");
                        assert!(close(quirky.objective[t], golden, 1e-10), "{who}, pick {t}: {golden}");
                    }
                    golden_picks += until;
                    // The product, without.
                    let plain = Dense::choose(&points, sigma, golden_order.len(), false);
                    let until = clear(&plain.gradient, &plain.margin, plain.gradient[0]).min(*chosen);
                    assert!(until >= 4.min(order.len()), "{who}: {until} picks are clear");
                    for t in 0..until {
                        assert_eq!(order[t], ids[plain.order[t]], "{who}, pick {t}");
                        worst = worst.max((scores[t] - plain.objective[t]).abs() / scores[t]);
                        assert!(close(scores[t], plain.objective[t], 1e-11), "{who}, pick {t}: the objective");
                    }
                    own_picks += until;
                    // And where the quirk does not bite, the product is the golden file.
                    let same = quirky.order.iter().zip(&plain.order).take_while(|(a, b)| a == b).count();
                    let until = until.min(same);
                    assert_eq!(order[..until], golden_order[..until], "{who}");
                    direct += until;
                    bitten += usize::from(same < golden_order.len());
                    if until == golden_order.len() {
                        let reducer_weights = weights(&sample, sigma.is_some(), class, order.len());
                        for (t, (own, golden)) in reducer_weights.iter().zip(floats(&run["weights"])).enumerate() {
                            assert!((own - golden).abs() <= 1e-6, "{who}, weight {t}: {own} and not {golden}");
                            compared_weights += 1;
                        }
                    }
                }
            }
        }
        println!(
            "protodash, {}: oracle {golden_picks} golden picks; product {own_picks} picks of the oracle (objective within \
             {worst:.1e}), {direct} golden picks directly, {compared_weights} weights; the quirk bites {bitten} times",
            sample.name
        );
        assert!(sample.name == "toy" || direct > 0, "{}: nothing was compared", sample.name);
    }
}

/// The final weights of one class.
fn weights(sample: &Sample, gaussian: bool, class: ClassId, count: usize) -> Vec<f64> {
    let words: &[(&str, &str)] = if gaussian { &[("sigma", "2")] } else { &[("kernel", "linear")] };
    let given: Vec<_> = words.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
    let mut counts = vec![0; sample.classes];
    counts[class.index()] = count;
    let reducer = Reducer::new("prd", &given).expect("valid");
    let kept = reducer
        .reduce(&sample.data(), &Budget::PerClass(counts), EmptyClasses::Allow, Seed(0), &Quiet)
        .expect("reduces");
    kept.reduced.rows().expect("rows").weights().expect("weights").to_vec()
}

/// The objective against AIX360's after every pick of every golden run. Two greedy paths that part can pass each other (the
/// reference's quirk makes it leave the greedy row out now and then), so what holds at every step is: on the rows that
/// AIX360 has chosen, the weights here are at least as good; and as long as the rows are the same, so is the objective.
/// After the paths part, it is lower at few steps and by little. Its solver stops at 10⁻⁴ and may leave weights a little
/// below zero, which can gain it a few units in the last places: 10⁻¹² is allowed.
#[test]
fn protodash_objective_is_never_below_that_of_aix360() {
    for golden in goldens() {
        let sample = &golden.sample;
        let (mut steps, mut same, mut on_its_rows, mut below) = (0, 0, 0, 0);
        let (mut lowest, mut least) = (f64::INFINITY, f64::INFINITY);
        for (method, part, run) in golden.runs(|m| m.starts_with("PRD")) {
            let gaussian = method == "PRDgauss";
            let classes = by_class(&run, sample.classes);
            let counts: Vec<usize> = classes.iter().map(|c| rows(&c["order"]).len()).collect();
            let found = prototypes(sample, gaussian, counts);
            for (class, (record, (order, scores, _))) in sample.classes().ids().zip(classes.iter().zip(&found)) {
                let who = format!("{method} {part} of {}, class {class}", sample.name);
                let their_rows: Vec<usize> = rows(&record["order"]).iter().map(|r| r.index()).collect();
                let theirs = floats(&record["objective"]);
                let common = order.iter().zip(&their_rows).take_while(|(a, b)| a == b).count();
                for (t, (theirs, own)) in theirs.iter().zip(scores).enumerate() {
                    let lead = (own - theirs) / theirs;
                    if t < common {
                        assert!(lead >= -1e-12, "{who}, pick {t}: {own} and AIX360 {theirs} with the same rows");
                        same += 1;
                    }
                    below += usize::from(lead < -1e-12);
                    lowest = lowest.min(lead);
                    steps += 1;
                }
                for t in (0..theirs.len().min(30)).chain([theirs.len() - 1]) {
                    let own = objective_on(sample, gaussian, class, &their_rows[..=t]);
                    let lead = (own - theirs[t]) / theirs[t];
                    assert!(lead >= -1e-12, "{who}, pick {t}: {own} on the rows of AIX360, and it {}", theirs[t]);
                    least = least.min(lead);
                    on_its_rows += 1;
                }
            }
        }
        println!(
            "objective, {}: on AIX360's rows at {on_its_rows} steps, lead at least {least:.1e}; {same} steps with the same \
             rows; on own rows below at {below} of {steps} steps, lead at least {lowest:.1e}",
            sample.name
        );
        assert!(same > 0 && on_its_rows > 0, "{}: nothing was compared", sample.name);
        assert!(lowest >= -3e-3 && 10 * below <= steps, "{}: {below} of {steps} below, {lowest:e}", sample.name);
    }
}

/// The best objective on some rows of a class: all of them kept, towards the class as the target.
fn objective_on(sample: &Sample, gaussian: bool, class: ClassId, among: &[usize]) -> f64 {
    let part = |rows: &mut dyn Iterator<Item = usize>| {
        let rows: Vec<usize> = rows.collect();
        let values = rows.iter().flat_map(|&r| sample.row(r).to_vec()).collect();
        Sample { name: sample.name.clone(), values, columns: sample.columns, codes: vec![0; rows.len()], classes: 1 }
    };
    let own = part(&mut among.iter().copied());
    let target = part(&mut sample.classes().rows(class).iter().map(|r| r.index()));
    let words: &[(&str, &str)] = if gaussian { &[("sigma", "2")] } else { &[("kernel", "linear")] };
    let given: Vec<_> = words.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
    let reducer = Reducer::new("prd", &given).expect("valid");
    let budget = Budget::Count(among.len());
    let kept = {
        let (own, target) = (own.data(), target.data());
        let inputs = Inputs { target: Some(&target), ..Inputs::default() };
        reducer.reduce_with(&own, &inputs, &budget, EmptyClasses::Forbid, Seed(0), &Quiet)
    };
    list(&kept.expect("reduces").diagnostics, "objective")[0]
}

/// Forgetting events: the reference's order where all counts differ (A), its counts where they tie (B).
#[test]
fn forgetting_events_select_what_the_reference_does() {
    let (Some(golden), Some(data)) = (shared("golden"), shared("data")) else { return };
    let text = std::fs::read_to_string(golden.join("golden_fes.json")).expect("golden_fes.json");
    let json: Json = serde_json::from_str(&text).expect("JSON");
    let mut inputs = Arrays::open(&golden.join("fes_inputs.npz"));
    let mut samples = golden_inputs(&golden);
    samples.push(dry_bean(&data.join("drybean.csv")).0);
    let reducer = Reducer::new("fes", &[]).expect("the defaults");
    let mut compared = 0;
    for sample in samples {
        // Of toy there are no counts; of wine there are, but no points.
        let Some(of_sample) = json.get(&sample.name) else { continue };
        let maximum = u32::try_from(of_sample["maximum"].as_u64().expect("a maximum")).expect("small");
        let (data, classes) = (sample.data(), sample.classes());
        for (part, runs) in of_sample["perc"].as_object().expect("parts") {
            for (case, run) in runs.as_object().expect("cases") {
                let who = format!("{} {case} at {part}", sample.name);
                let events = inputs.ints(&format!("{}_{case}_forgetting", sample.name)).expect("counts");
                let current = inputs.flags(&format!("{}_{case}_current", sample.name)).expect("flags");
                let events: Vec<u32> = events.into_iter().map(|e| u32::try_from(e).expect("a count")).collect();
                // No event and wrong at the end: never learnt.
                let learnt = events.iter().zip(&current).map(|(&e, &now)| e > 0 || now == 1).collect();
                let dynamics = Dynamics::from_counts(maximum, events, learnt).expect("counts");
                let given = Inputs { dynamics: Some(&dynamics), ..Inputs::default() };
                let ranking = reducer.rank_with(&data, &given, None, Seed(0), &Quiet).expect("ranks");
                let order = rows(&run["order"]);
                let counts = dynamics.forgetting();
                for (class, segment) in classes.ids().zip(ranking.segments()) {
                    let theirs: Vec<RowId> = order.iter().copied().filter(|&r| classes.of(r) == class).collect();
                    let ours = &segment[..theirs.len()];
                    let sorted = |rows: &[RowId]| {
                        let mut own: Vec<u32> = rows.iter().map(|r| counts[r.index()]).collect();
                        own.sort_unstable();
                        own
                    };
                    let wanted = &run["selected_effective_counts_sorted"][class.to_string()];
                    assert_eq!(serde_json::json!(sorted(ours)), *wanted, "{who}, class {class}");
                    if case == "A" {
                        let mut theirs = theirs;
                        theirs.sort_unstable_by_key(|r| std::cmp::Reverse(counts[r.index()]));
                        assert_eq!(ours, theirs, "{who}, class {class}");
                    }
                    compared += ours.len();
                }
            }
        }
    }
    println!("forgetting events: {compared} rows compared");
    assert!(compared > 0, "nothing was compared");
}
