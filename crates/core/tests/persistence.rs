//! Persistence of reduced sets: the theory's bound on data of every shape, and that it is the bound of the theory.

use crate::common::{
    METRICS, Random, Sample, Watch, blobs, dry_bean, on_threads, samples, shared, stops_at_every_look, subjects,
};
use leanset_core::distance::Metric;
use leanset_core::metrics::{
    Persistence, PersistenceOptions, epsilon, persistence, persistence_between, persistence_curve,
};
use leanset_core::{
    Budget, ClassId, Classes, Dataset, EmptyClasses, Error, Matrix, Prototypes, Quiet, Reduced, Reducer, RowId, Seed,
    Selection,
};
use proptest::prelude::*;

fn options(dimension: usize, points: usize) -> PersistenceOptions {
    PersistenceOptions { dimension, points }
}

/// One class of numbers on a line, and what stands for it.
fn on_a_line(full: &[f64], reduced: &[f64], points: usize) -> Persistence {
    let table = |values| {
        let rows = <[f64]>::len(values);
        Dataset::new(Matrix::new(values, rows, 1).expect("a matrix"), Classes::one(rows).expect("a class"))
    };
    let (full, reduced) = (table(full).expect("a dataset"), table(reduced).expect("a dataset"));
    persistence_between(&full, &reduced, Metric::Chebyshev, &options(1, points), &Quiet).expect("persistence")
}

/// Rows kept of each class, in any order.
fn selected(kept: &[Vec<RowId>], classes: &Classes) -> Reduced {
    Reduced::Rows(Selection::new(kept, None, classes).expect("a selection"))
}

/// As invented points, each moved by at most `by`.
fn invented(sample: &Sample, kept: &[Vec<RowId>], by: f64, random: &mut Random) -> Reduced {
    let rows: Vec<RowId> = kept.concat();
    let values = rows.iter().flat_map(|r| sample.row(r.index()).to_vec());
    Reduced::Points(Prototypes {
        points: values.map(|v| v + by * (2.0 * random.unit() - 1.0)).collect(),
        columns: sample.columns,
        classes: rows.iter().map(|r| ClassId(sample.codes[r.index()])).collect(),
        weights: vec![1.0; rows.len()],
    })
}

/// Every distance is within its bound.
fn check_bound(who: &str, found: &Persistence) {
    assert!(found.holds(), "{who}: {found:#?}");
    for class in &found.per_class {
        for dimension in &class.dimensions {
            let (distance, bound) = (dimension.bottleneck, class.bound());
            // Not by the rounding that is allowed for, either.
            assert!(distance <= bound * (1.0 + 1e-9) + 1e-150, "{who}: {distance} above {bound}");
        }
    }
}

/// Chains of four on a line: two rows in place of four move the long bar from 8 to 12, by exactly twice ε = 2.
#[test]
fn persistence_bound_of_rows_is_tight() {
    let found = on_a_line(&[-1.0, 1.0, 9.0, 11.0], &[-1.0, 11.0], 10);
    let class = &found.per_class[0];
    assert_eq!((class.epsilon, class.back, class.margin()), (2.0, 0.0, 0.0));
    assert_eq!((class.dimensions[0].bottleneck, class.bound()), (4.0, 4.0));
    assert_eq!((class.dimensions[0].full.finite, class.dimensions[0].reduced.finite), (3, 1));
    assert_eq!((class.dimensions[0].full.longest, class.dimensions[0].reduced.longest), (8.0, 12.0));
    assert!(found.holds() && !found.is_subsampled());
}

/// Two points moved towards each other by 1: both sides of the Hausdorff distance are 1, and the bar moves by 2.
#[test]
fn persistence_bound_of_points_is_tight() {
    let found = on_a_line(&[0.0, 10.0], &[1.0, 9.0], 10);
    let class = &found.per_class[0];
    assert_eq!((class.epsilon, class.back), (1.0, 1.0));
    assert_eq!((class.dimensions[0].bottleneck, class.bound()), (2.0, 2.0));
}

/// Points far from every row leave ε as it is and change the diagrams: the other side of the bound is theirs.
#[test]
fn persistence_counts_points_far_from_all_rows() {
    let found = on_a_line(&[0.0, 1.0], &[0.0, 1.0, 50.0], 10);
    let class = &found.per_class[0];
    assert_eq!((class.epsilon, class.back, class.hausdorff()), (0.0, 49.0, 49.0));
    assert_eq!((class.dimensions[0].bottleneck, class.bound()), (24.5, 98.0));
    assert!(found.holds());
}

/// A subsample of two of three rows: the one left out is 3 from the nearest, and the bar of length 3 is not seen.
#[test]
fn persistence_of_a_subsample_states_its_bound() {
    let rows = [0.0, 7.0, 10.0];
    let found = on_a_line(&rows, &rows, 2);
    let class = &found.per_class[0];
    // From the row nearest the mean, 7, to the farthest, 0: 10 is left.
    assert_eq!((class.full.rows, class.full.points, class.full.radius), (3, 2, 3.0));
    assert_eq!((class.epsilon, class.margin(), class.bound()), (0.0, 12.0, 12.0));
    assert!(found.is_subsampled());
    // Against the two rows themselves: now ε is 3, and nothing moves.
    let found = on_a_line(&rows, &[0.0, 7.0], 2);
    let class = &found.per_class[0];
    assert_eq!((class.epsilon, class.back, class.margin(), class.bound()), (3.0, 0.0, 6.0, 12.0));
    assert_eq!(class.dimensions[0].bottleneck, 0.0);
    // The true distance is that of all rows: 1.5, half the life of the bar that was not seen.
    assert_eq!(on_a_line(&rows, &[0.0, 7.0], 3).per_class[0].dimensions[0].bottleneck, 1.5);
}

/// Without the margin the bound would be wrong: one row moved by 0.125 makes another the nearest to the mean, and the
/// subsamples, {4, 0} and {5.875, 0}, are farther apart than twice that.
#[test]
fn persistence_of_subsamples_can_exceed_that_of_the_sets() {
    let found = on_a_line(&[0.0, 4.0, 6.0, 7.0, 8.0], &[0.0, 4.0, 5.875, 7.0, 8.0], 2);
    let class = &found.per_class[0];
    assert_eq!((class.hausdorff(), class.dimensions[0].bottleneck), (0.125, 1.875));
    assert_eq!((class.full.radius, class.reduced.radius), (4.0, 2.125));
    assert_eq!(class.bound(), 12.5);
    assert!(found.holds());
}

#[test]
fn persistence_of_a_class_on_one_side_only_is_infinite() {
    let sample = blobs("an empty class and a lost one", &[12, 0, 9], 2, 3);
    let (data, classes) = (sample.data(), sample.classes());
    let kept = selected(&[classes.rows(ClassId(0)).to_vec(), Vec::new(), Vec::new()], &classes);
    let gone = Reduced::Points(Prototypes { points: vec![], columns: 2, classes: vec![], weights: vec![] });
    for metric in METRICS {
        let found = persistence(&data, &kept, metric, &options(1, 50), &Quiet).expect("persistence");
        let distances = |class: usize| found.per_class[class].dimensions.iter().map(|d| d.bottleneck);
        assert_eq!(distances(0).collect::<Vec<_>>(), [0.0, 0.0], "all rows are kept");
        assert_eq!(distances(1).collect::<Vec<_>>(), [0.0, 0.0], "no row on either side");
        assert_eq!(distances(2).collect::<Vec<_>>(), [f64::INFINITY; 2], "no row is left");
        assert_eq!(found.per_class[2].bound(), f64::INFINITY);
        let found = persistence(&data, &gone, metric, &options(0, 50), &Quiet).expect("persistence");
        assert_eq!(found.per_class[0].dimensions[0].bottleneck, f64::INFINITY, "no point at all");
        assert_eq!(found.per_class[1].dimensions[0].bottleneck, 0.0, "no point at all, of no rows");
    }
    // Rows where the full set has none.
    let other = blobs("another", &[12, 4, 9], 2, 4);
    let found = persistence_between(&data, &other.data(), Metric::Euclidean, &options(0, 50), &Quiet);
    let found = found.expect("persistence");
    assert_eq!(found.per_class[1].dimensions[0].bottleneck, f64::INFINITY);
    assert_eq!((found.per_class[1].epsilon, found.per_class[1].back), (0.0, f64::INFINITY));
}

#[test]
fn persistence_bound_holds_for_every_method_and_metric() {
    for sample in samples().into_iter().filter(|s| s.rows() <= 200) {
        let data = sample.data();
        for subject in subjects() {
            let reduced = subject.reducer.reduce(&data, &Budget::Ratio(0.3), EmptyClasses::Forbid, Seed(1), &Quiet);
            let Ok(reduced) = reduced else { continue }; // too few classes, or degenerate data
            for metric in METRICS {
                for points in [9, 40] {
                    let who = format!("{}, {}, {metric}, {points} points", sample.name, subject.name);
                    let found = persistence(&data, &reduced.reduced, metric, &options(1, points), &Quiet);
                    let found = found.unwrap_or_else(|e| panic!("{who}: {e}"));
                    check_bound(&who, &found);
                    let forth = epsilon(&data, &reduced.reduced, metric, &Quiet).expect("ε");
                    for (class, forth) in found.per_class.iter().zip(&forth.per_class) {
                        assert_eq!((class.epsilon, class.full.rows), (forth.value, forth.rows), "{who}");
                        assert_eq!(class.reduced.rows, forth.kept, "{who}");
                        assert_eq!(class.full.points, forth.rows.min(points), "{who}");
                        assert!(class.back == 0.0 || reduced.reduced.rows().is_none(), "{who}");
                    }
                }
            }
        }
    }
}

#[test]
fn persistence_bound_holds_on_dry_bean() {
    let Some(data) = shared("data") else { return };
    let (sample, ..) = dry_bean(&data.join("drybean.csv"));
    let data = sample.data();
    for (name, ratio) in [("srs", 0.05), ("mms", 0.1), ("clc", 0.02), ("nrmd", 0.5)] {
        let reducer = Reducer::new(name, &[]).expect("a method");
        let reduced =
            reducer.reduce(&data, &Budget::Ratio(ratio), EmptyClasses::Forbid, Seed(0), &Quiet).expect("reduces");
        for metric in METRICS {
            let found = persistence(&data, &reduced.reduced, metric, &options(1, 200), &Quiet).expect("persistence");
            check_bound(&format!("{name}, {metric}"), &found);
            assert!(found.is_subsampled());
        }
    }
}

#[test]
fn epsilon_is_independent_of_threads_and_curves_are_their_cuts() {
    let sample = blobs("blobs", &[40, 25], 3, 8);
    let data = sample.data();
    let ranking = Reducer::new("srs", &[]).and_then(|r| r.rank(&data, None, Seed(2), &Quiet)).expect("ranks");
    let allocate = |m| Budget::Count(m).allocate(&sample.sizes(), EmptyClasses::Forbid).expect("a cut").0;
    let cuts = [allocate(4), allocate(20), allocate(65)];
    for metric in METRICS {
        let run = || persistence_curve(&data, &ranking, &cuts, metric, &options(1, 20), &Quiet).expect("persistence");
        let curve = run();
        assert_eq!(curve, on_threads(3, run), "{metric}");
        for (found, cut) in curve.iter().zip(&cuts) {
            let kept = Reduced::Rows(ranking.select(cut, data.classes()).expect("a selection"));
            let alone = persistence(&data, &kept, metric, &options(1, 20), &Quiet).expect("persistence");
            assert_eq!(found, &alone, "{metric}");
        }
        let all = &curve[2];
        assert!(all.per_class.iter().flat_map(|c| &c.dimensions).all(|d| d.bottleneck == 0.0), "{metric}: all rows");
    }
}

#[test]
fn persistence_refuses_options_out_of_bounds() {
    let sample = blobs("blobs", &[5], 2, 1);
    let kept = selected(&[sample.classes().rows(ClassId(0)).to_vec()], &sample.classes());
    for (bad, words) in [
        (options(3, 10), "parameter 'dimension' of persistence must be 0 to 2, not 3"),
        (options(1, 0), "parameter 'points' of persistence must be 1 to 4096, not 0"),
        (options(1, 4097), "parameter 'points' of persistence must be 1 to 4096, not 4097"),
    ] {
        let found = persistence(&sample.data(), &kept, Metric::Chebyshev, &bad, &Quiet);
        assert_eq!(found.expect_err("refused").to_string(), words);
    }
    let found = persistence(&sample.data(), &kept, Metric::Cosine, &PersistenceOptions::default(), &Quiet);
    assert_eq!(
        found.expect_err("refused").to_string(),
        "persistence: cosine distance has no triangle inequality, without which ε bounds no diagram"
    );
    let other = blobs("other columns", &[5], 3, 1);
    let found =
        persistence_between(&sample.data(), &other.data(), Metric::Chebyshev, &PersistenceOptions::default(), &Quiet);
    assert!(matches!(found, Err(Error::Shape { .. })), "{found:?}");
}

#[test]
fn persistence_that_is_cancelled_is_interrupted() {
    let sample = blobs("blobs", &[60, 30], 2, 1);
    let classes = sample.classes();
    let kept: Vec<Vec<RowId>> = classes.ids().map(|c| classes.rows(c)[..20].to_vec()).collect();
    let run = |watch: &Watch| {
        persistence(&sample.data(), &selected(&kept, &classes), Metric::Euclidean, &options(1, 15), watch)
    };
    let watch = Watch::new(u64::MAX);
    run(&watch).expect("persistence");
    let stages = watch.stages.lock().expect("sound").clone();
    assert!(stages.contains(&"measuring ε") && stages.contains(&"spreading over a large class"), "{stages:?}");
    let load = |a: &std::sync::atomic::AtomicU64| a.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(load(&watch.done), load(&watch.announced));
    stops_at_every_look("persistence", |watch| run(watch).map(drop));
    for metric in METRICS {
        for dimension in 0..=2 {
            let run = |watch: &Watch| {
                persistence(&sample.data(), &selected(&kept, &classes), metric, &options(dimension, 30), watch)
                    .map(drop)
            };
            stops_at_every_look(&format!("{metric}, dimension {dimension}"), run);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rows or moved points of random data; subsamples are as far from the whole as they say.
    #[test]
    fn persistence_bound_holds(
        sizes in prop::collection::vec(0usize..26, 1..4).prop_filter("some rows", |s| s.iter().any(|&s| s > 0)),
        columns in 1usize..4, seed in any::<u64>(), part in 0.05f64..1.0, by in prop::sample::select(vec![0.0, 0.1, 2.0]),
        points in 2usize..14, metric in prop::sample::select(METRICS.to_vec()),
    ) {
        let sample = blobs("random", &sizes, columns, seed);
        let (data, mut random) = (sample.data(), Random(seed));
        let kept: Vec<Vec<RowId>> = sample.classes().ids().map(|class| {
            let rows = sample.classes();
            let rows = rows.rows(class);
            let order = random.permutation(rows.len());
            order[..(rows.len() as f64 * part).ceil() as usize].iter().map(|&i| rows[i]).collect()
        }).collect();
        let reduced =
            if by == 0.0 { selected(&kept, data.classes()) } else { invented(&sample, &kept, by, &mut random) };
        let run = |points| persistence(&data, &reduced, metric, &options(1, points), &Quiet).expect("persistence");
        let (whole, sampled) = (run(26), run(points));
        prop_assert!(!whole.is_subsampled());
        check_bound("whole", &whole);
        check_bound("subsampled", &sampled);
        for (whole, sampled) in whole.per_class.iter().zip(&sampled.per_class) {
            prop_assert_eq!(whole.hausdorff(), sampled.hausdorff());
            for (of_all, of_some) in whole.dimensions.iter().zip(&sampled.dimensions) {
                let off = (of_all.bottleneck - of_some.bottleneck).abs();
                prop_assert!(off <= sampled.margin() * (1.0 + 1e-9) + 1e-12, "{} off, {} allowed", off, sampled.margin());
            }
        }
    }
}
