//! ε against its definition: every fast path gives the bits that the pairwise search gives.

use crate::common::{METRICS, Random, Sample, Watch, blobs, metrics_of, on_threads, samples, stops_at_every_look};
use leanset_core::distance::Metric;
use leanset_core::metrics::{Epsilon, epsilon, epsilon_between, epsilon_curve, naive};
use leanset_core::{
    Allocation, Budget, ClassId, Classes, Dataset, EmptyClasses, Error, Matrix, Prototypes, Quiet, Ranking, Reduced,
    RowId, Selection,
};
use proptest::prelude::*;

/// ε of one class by the definition: value and worst row, of equals the lowest.
fn naive_class(data: &Dataset<'_>, class: ClassId, kept: &[RowId], metric: Metric) -> (f64, Option<RowId>) {
    let d = data.columns();
    let (mut x, mut y) = (vec![0.0; d], vec![0.0; d]);
    let mut found = (0.0, None);
    for &row in data.classes().rows(class) {
        data.points().widen_row(row, &mut x);
        let mut nearest = f64::INFINITY;
        for &other in kept {
            data.points().widen_row(other, &mut y);
            nearest = nearest.min(metric.distance(&x, &y));
        }
        if kept.is_empty() {
            return (f64::INFINITY, None);
        }
        if found.1.is_none() || nearest > found.0 {
            found = (nearest, Some(row));
        }
    }
    found
}

/// Everything ε says, against the definition.
fn check(who: &str, data: &Dataset<'_>, kept: &[Vec<RowId>], found: &Epsilon, metric: Metric) {
    assert_eq!(found.metric, metric, "{who}");
    assert_eq!(found.value.to_bits(), naive(data, &kept.concat(), metric).to_bits(), "{who}: value");
    assert_eq!(found.per_class.len(), data.classes().len(), "{who}: classes");
    let mut worst = None;
    let mut largest = -1.0;
    for ((own, class), kept) in found.per_class.iter().zip(data.classes().ids()).zip(kept) {
        let (value, row) = naive_class(data, class, kept, metric);
        let rows = data.classes().rows(class).len();
        assert_eq!((own.rows, own.kept), (rows, kept.len()), "{who}, class {class}: counts");
        assert_eq!(own.value.to_bits(), value.to_bits(), "{who}, class {class}: {} and not {value}", own.value);
        // The worst row is measured before the root: of two rows whose roots are equal the farther one is it.
        if metric != Metric::Euclidean || own.worst.is_none() || row.is_none() {
            assert_eq!(own.worst, row, "{who}, class {class}: worst row");
        } else {
            let of = |row: Option<RowId>| naive_row(data, row.expect("a row"), kept, metric);
            assert_eq!(of(own.worst).to_bits(), of(row).to_bits(), "{who}, class {class}: worst row");
        }
        if value > largest && rows > 0 {
            (largest, worst) = (value, own.worst.map(|row| (row, class)));
        }
    }
    let lost = found.value == f64::INFINITY;
    assert_eq!(found.worst.map(|w| (w.row, w.class)), worst.filter(|_| !lost), "{who}: the worst row of all");
}

fn naive_row(data: &Dataset<'_>, row: RowId, kept: &[RowId], metric: Metric) -> f64 {
    let (mut x, mut y) = (vec![0.0; data.columns()], vec![0.0; data.columns()]);
    data.points().widen_row(row, &mut x);
    kept.iter().fold(f64::INFINITY, |nearest, &other| {
        data.points().widen_row(other, &mut y);
        nearest.min(metric.distance(&x, &y))
    })
}

/// A random order of the rows of each class.
fn random_orders(sample: &Sample, random: &mut Random) -> Vec<Vec<RowId>> {
    let classes = sample.classes();
    let order = |class| {
        let rows = classes.rows(class);
        random.permutation(rows.len()).into_iter().map(|i| rows[i]).collect()
    };
    classes.ids().map(order).collect()
}

fn selected(kept: &[Vec<RowId>], classes: &Classes) -> Reduced {
    Reduced::Rows(Selection::new(kept, None, classes).expect("a selection"))
}

/// A part of each class's rows, drawn; a class may lose all.
fn random_part(sample: &Sample, part: f64, random: &mut Random) -> Vec<Vec<RowId>> {
    let mut kept = random_orders(sample, random);
    for rows in &mut kept {
        let size = rows.len() as f64;
        let count = (size * part * 2.0 * random.unit()).min(size) as usize;
        rows.truncate(count.max(usize::from(random.unit() < 0.7)));
    }
    kept
}

fn check_everything(sample: &Sample, part: f64, seed: u64) {
    let mut random = Random(seed);
    let classes = sample.classes();
    let kept = random_part(sample, part, &mut random);
    let reduced = selected(&kept, &classes);
    let data = sample.data();
    let single: Vec<f32> = sample.values.iter().map(|&v| v as f32).collect();
    let narrow = Matrix::new(&single, sample.rows(), sample.columns).expect("a matrix");
    let narrow =
        single.iter().all(|v| v.is_finite()).then(|| Dataset::new(narrow, sample.classes()).expect("a dataset"));
    for metric in metrics_of(&data) {
        let who = format!("{}, {metric}, part {part}", sample.name);
        let found = epsilon(&data, &reduced, metric, &Quiet).expect("ε");
        check(&who, &data, &kept, &found, metric);
        for threads in [1, 2, 8] {
            let again = on_threads(threads, || epsilon(&data, &reduced, metric, &Quiet).expect("ε"));
            assert_eq!(found, again, "{who}: {threads} threads");
        }
        if let Some(narrow) = narrow.as_ref().filter(|narrow| metrics_of(narrow).contains(&metric)) {
            let found = epsilon(narrow, &reduced, metric, &Quiet).expect("ε");
            check(&format!("{who}, f32"), narrow, &kept, &found, metric);
        }
        check_other_forms(&who, sample, &kept, &found, metric);
    }
}

/// The same rows as a table of their own, and as invented points, have the same ε.
fn check_other_forms(who: &str, sample: &Sample, kept: &[Vec<RowId>], found: &Epsilon, metric: Metric) {
    let rows = kept.concat();
    if rows.is_empty() {
        return;
    }
    let data = sample.data();
    let values: Vec<f64> = rows.iter().flat_map(|r| sample.row(r.index()).to_vec()).collect();
    let codes: Vec<u32> = rows.iter().map(|r| sample.codes[r.index()]).collect();
    let classes = Classes::new(&codes, sample.classes).expect("classes");
    let matrix = Matrix::new(&values, rows.len(), sample.columns).expect("a matrix");
    let other = Dataset::new(matrix, classes).expect("a dataset");
    let between = epsilon_between(&data, &other, metric, &Quiet).expect("ε");
    assert_eq!(found, &between, "{who}: as a table");
    let points = Reduced::Points(Prototypes {
        points: values.clone(),
        columns: sample.columns,
        classes: codes.iter().map(|&c| ClassId(c)).collect(),
        weights: vec![1.0; rows.len()],
    });
    let invented = epsilon(&data, &points, metric, &Quiet).expect("ε");
    assert_eq!(found, &invented, "{who}: as points");
}

#[test]
fn epsilon_is_its_definition_on_awkward_shapes() {
    for sample in samples() {
        for (seed, part) in [0.02, 0.2, 0.7].into_iter().enumerate() {
            check_everything(&sample, part, seed as u64);
        }
    }
}

/// Continuous or on a grid (ties, duplicates), 1–5 classes of up to `largest` rows.
fn tables(largest: usize) -> impl Strategy<Value = Sample> {
    (prop::collection::vec(0usize..largest, 1..6), 1usize..6, any::<u64>(), 0usize..4)
        .prop_filter("some rows", |(sizes, ..)| sizes.iter().sum::<usize>() > 0)
        .prop_map(|(sizes, columns, seed, kind)| {
            let mut sample = blobs(&format!("{sizes:?} × {columns}, seed {seed}"), &sizes, columns, seed);
            let grid = [0.0, 1.0, 3.0, 20.0][kind];
            if grid > 0.0 {
                sample.values.iter_mut().for_each(|v| *v = (*v * grid).round() / grid);
            }
            sample
        })
}

/// Allocations of per-class rankings: any counts, growing or not.
fn allocations(sample: &Sample, count: usize, random: &mut Random) -> Vec<Allocation> {
    let sizes = sample.sizes();
    let mut allocations = Vec::new();
    while allocations.len() < count {
        let counts = sizes.iter().map(|&s| random.below(s + 1)).collect();
        if let Ok((allocation, _)) = Budget::PerClass(counts).allocate(&sizes, EmptyClasses::Allow) {
            allocations.push(allocation);
        }
    }
    allocations
}

fn totals(sample: &Sample, floor: EmptyClasses) -> Vec<Allocation> {
    let sizes = sample.sizes();
    (1..=sample.rows()).filter_map(|m| Budget::Count(m).allocate(&sizes, floor).ok()).map(|a| a.0).collect()
}

/// The curve at every cut is ε of that cut alone.
fn check_curve(who: &str, data: &Dataset<'_>, ranking: &Ranking, cuts: &[Allocation], metric: Metric) -> Vec<Epsilon> {
    let curve = epsilon_curve(data, ranking, cuts, metric, &Quiet).expect("a curve");
    assert_eq!(curve.len(), cuts.len(), "{who}");
    for (found, cut) in curve.iter().zip(cuts) {
        let kept = Reduced::Rows(ranking.select(cut, data.classes()).expect("deep enough"));
        let alone = epsilon(data, &kept, metric, &Quiet).expect("ε");
        assert_eq!(found, &alone, "{who}, {metric}, cut {cut:?}");
    }
    let again = on_threads(3, || epsilon_curve(data, ranking, cuts, metric, &Quiet).expect("a curve"));
    assert_eq!(curve, again, "{who}, {metric}: threads");
    curve
}

fn per_class_ranking(sample: &Sample, random: &mut Random) -> Ranking {
    let orders = random_orders(sample, random);
    let scored = orders.into_iter().map(|o| (o.clone(), vec![0.0; o.len()])).collect();
    Ranking::per_class(scored, &sample.classes()).expect("a ranking")
}

fn global_ranking(sample: &Sample, random: &mut Random) -> Ranking {
    let rows: Vec<RowId> = random.permutation(sample.rows()).into_iter().map(RowId::at).collect();
    Ranking::global(rows, vec![0.0; sample.rows()], &sample.classes()).expect("a ranking")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn epsilon_is_its_definition(sample in tables(70), part in 0.02f64..1.0, seed in any::<u64>()) {
        check_everything(&sample, part, seed);
    }

    #[test]
    fn epsilon_curve_is_epsilon_of_each_cut(sample in tables(50), seed in any::<u64>()) {
        let mut random = Random(seed);
        let data = sample.data();
        let (by_class, global) = (per_class_ranking(&sample, &mut random), global_ranking(&sample, &mut random));
        for metric in metrics_of(&data) {
            for floor in [EmptyClasses::Forbid, EmptyClasses::Allow] {
                let cuts = totals(&sample, floor);
                check_curve(&sample.name, &data, &by_class, &cuts, metric);
                let curve = check_curve(&sample.name, &data, &global, &cuts, metric);
                prop_assert!(curve.windows(2).all(|w| w[1].value <= w[0].value), "it never grows");
                prop_assert_eq!(curve.last().map(|e| e.value), Some(0.0));
            }
            // In no order at all, and with cuts that come twice.
            let mut cuts = allocations(&sample, 9, &mut random);
            cuts.push(cuts[3].clone());
            check_curve(&sample.name, &data, &by_class, &cuts, metric);
            check_curve(&sample.name, &data, &global, &cuts, metric);
        }
    }

    #[test]
    fn epsilon_of_everything_is_zero_and_more_rows_never_raise_it(sample in tables(60), seed in any::<u64>()) {
        let classes = sample.classes();
        let data = sample.data();
        let orders = random_orders(&sample, &mut Random(seed));
        for metric in metrics_of(&data) {
            let all = epsilon(&data, &selected(&orders, &classes), metric, &Quiet).expect("ε");
            prop_assert_eq!(all.value, 0.0);
            let mut last = f64::INFINITY;
            for eighths in 1..=8 {
                let kept: Vec<_> = orders.iter().map(|o| o[..(o.len() * eighths).div_ceil(8)].to_vec()).collect();
                let found = epsilon(&data, &selected(&kept, &classes), metric, &Quiet).expect("ε").value;
                prop_assert!(found <= last);
                last = found;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    /// Past one chunk of rows, and trees of many levels.
    #[test]
    fn epsilon_is_its_definition_past_the_chunks(
        sample in tables(3000), part in 0.01f64..0.4, seed in any::<u64>(),
    ) {
        check_everything(&sample, part, seed);
        let ranking = per_class_ranking(&sample, &mut Random(seed));
        let cuts: Vec<_> = totals(&sample, EmptyClasses::Forbid).into_iter().step_by(97).collect();
        check_curve(&sample.name, &sample.data(), &ranking, &cuts, Metric::Chebyshev);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where rows are sifted first: in many columns; far from the origin; in clusters that are far apart; few different rows.
    #[test]
    fn epsilon_is_its_definition_in_many_columns(
        sizes in prop::collection::vec(0usize..900, 1..4).prop_filter("some rows", |s| s.iter().sum::<usize>() > 0),
        columns in prop::sample::select(vec![5usize, 8, 17, 40, 300]),
        seed in any::<u64>(),
        part in 0.01f64..0.5,
        kind in 0u8..5,
    ) {
        let mut sample = blobs(&format!("{sizes:?} × {columns}, seed {seed}, kind {kind}"), &sizes, columns, seed);
        for (i, v) in sample.values.iter_mut().enumerate() {
            match kind {
                0 => {}
                1 => *v = (*v * 2.0).round(),
                2 => *v += 1e5,
                3 => *v = *v * 1e-6 + (i / columns % 3) as f64,
                _ => *v = *v * 1e-6 + ((i / columns).is_multiple_of(50) as u8 as f64) * 1e12,
            }
        }
        check_everything(&sample, part, seed);
    }
}

/// Equal distances in several chunks: the lowest row is the worst, whichever chunk is done first.
#[test]
fn epsilon_worst_row_is_the_lowest_of_equals() {
    let n = 5000;
    let values: Vec<f64> = (0..n).map(|i| if i % 7 == 3 { 1.0 } else { (i % 5) as f64 / 10.0 }).collect();
    let data =
        Dataset::new(Matrix::new(&values, n as usize, 1).expect("a matrix"), Classes::one(n as usize).expect("one"));
    let data = data.expect("a dataset");
    let kept = Selection::new(&[vec![RowId(0)]], None, data.classes()).expect("a selection");
    for metric in METRICS {
        for threads in [1, 2, 8] {
            let found =
                on_threads(threads, || epsilon(&data, &Reduced::Rows(kept.clone()), metric, &Quiet)).expect("ε");
            assert_eq!((found.value, found.worst.map(|w| w.row)), (1.0, Some(RowId(3))), "{metric}");
        }
    }
}

#[test]
fn epsilon_of_a_lost_class_is_infinite_without_a_worst_row() {
    let sample = blobs("two classes", &[20, 10], 2, 1);
    let classes = sample.classes();
    for lost in [0, 1] {
        let mut kept = vec![classes.rows(ClassId(0)).to_vec(), classes.rows(ClassId(1)).to_vec()];
        kept[lost].clear();
        for metric in Metric::ALL {
            let found = epsilon(&sample.data(), &selected(&kept, &classes), metric, &Quiet).expect("ε");
            assert_eq!((found.value, found.worst), (f64::INFINITY, None));
            assert_eq!(found.per_class[lost].value, f64::INFINITY);
            assert_eq!(found.per_class[1 - lost].value, 0.0);
        }
    }
}

/// The Alabama paradox: classes of 6, 6 and 2 rows keep 4, 4, 2 of 10, but 5, 5, 1 of 11.
#[test]
fn epsilon_curve_allows_fewer_rows_of_a_class_at_a_larger_total() {
    let sample = blobs("alabama", &[6, 6, 2], 2, 3);
    let cuts = totals(&sample, EmptyClasses::Allow);
    assert_eq!((cuts[9].per_class(), cuts[10].per_class()), (&[4, 4, 2][..], &[5, 5, 1][..]));
    for seed in 0..20 {
        let ranking = per_class_ranking(&sample, &mut Random(seed));
        for metric in Metric::ALL {
            check_curve("alabama", &sample.data(), &ranking, &cuts, metric);
        }
    }
}

/// A ranking over all classes whose first rows are all of one class: ε is infinite until each has one.
#[test]
fn epsilon_curve_is_infinite_where_a_class_has_no_rows() {
    let sample = blobs("late class", &[30, 20, 10], 2, 4);
    let classes = sample.classes();
    let rows: Vec<RowId> = classes.ids().flat_map(|c| classes.rows(c).to_vec()).collect();
    let ranking = Ranking::global(rows, vec![0.0; 60], &classes).expect("a ranking");
    let cuts = totals(&sample, EmptyClasses::Allow);
    for metric in Metric::ALL {
        let curve = check_curve("late class", &sample.data(), &ranking, &cuts, metric);
        for (m, found) in (1..).zip(&curve) {
            assert_eq!(found.value == f64::INFINITY, m <= 50, "{m} rows");
            assert_eq!(found.worst.is_none(), m <= 50, "{m} rows");
        }
    }
}

#[test]
fn metric_is_named_and_parsed() {
    for metric in Metric::ALL {
        assert_eq!(metric.name().to_uppercase().parse(), Ok(metric));
    }
    assert!(matches!("angular".parse::<Metric>(), Err(Error::BadParameter { .. })));
}

proptest! {
    /// Against the formula, whose rounding is that of numbers near 1.
    #[test]
    fn cosine_distance_is_its_formula(
        (a, b) in (1usize..40).prop_flat_map(|d| {
            let point = prop::collection::vec(-1e3f64..1e3, d).prop_filter("a direction", |p| p.iter().any(|&x| x != 0.0));
            (point.clone(), point)
        }),
        factor in prop::sample::select(vec![1e-160, 1e-3, 1.0, 7.0, 1e140]),
    ) {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let formula = 1.0 - dot(&a, &b) / (dot(&a, &a).sqrt() * dot(&b, &b).sqrt());
        let found = Metric::Cosine.distance(&a, &b);
        prop_assert!((found - formula).abs() <= 1e-13, "{} is not {}", found, formula);
        prop_assert_eq!(found.to_bits(), Metric::Cosine.distance(&b, &a).to_bits());
        // Lengths do not matter, even where their squares overflow or vanish.
        let longer: Vec<f64> = a.iter().map(|x| x * factor).collect();
        prop_assert!((Metric::Cosine.distance(&longer, &b) - found).abs() <= 1e-13);
        prop_assert!(Metric::Cosine.distance(&longer, &a) <= 1e-30, "the same direction");
    }
}

#[test]
fn cosine_distance_tells_near_directions_apart() {
    // 1 − cos is 5·10⁻²¹, which the formula rounds to 0.
    let found = Metric::Cosine.distance(&[1.0, 0.0], &[1.0, 1e-10]);
    assert!((found - 5e-21).abs() < 1e-30, "{found:e}");
    assert_eq!(Metric::Cosine.distance(&[1.0, 0.0], &[-3.0, 0.0]), 2.0);
    assert!(Metric::Cosine.distance(&[0.0, 0.0], &[1.0, 0.0]).is_nan());
}

#[test]
fn cosine_distance_refuses_rows_without_a_direction() {
    let table = |values: &[f64; 6]| (values.to_vec(), Classes::one(3).expect("one class"));
    let (values, classes) = table(&[1.0, 2.0, 0.0, 0.0, 3.0, 1.0]);
    let data = Dataset::new(Matrix::new(&values, 3, 2).expect("a matrix"), classes).expect("a dataset");
    let kept = Reduced::Rows(Selection::new(&[vec![RowId(0)]], None, data.classes()).expect("a selection"));
    let error = epsilon(&data, &kept, Metric::Cosine, &Quiet).expect_err("no direction");
    assert_eq!(error.to_string(), "cosine distance: row 1 is all zeros and has no direction");
    let (full, classes) = table(&[1.0, 2.0, 1.0, 0.0, 3.0, 1.0]);
    let full = Dataset::new(Matrix::new(&full, 3, 2).expect("a matrix"), classes).expect("a dataset");
    let error = epsilon_between(&full, &data, Metric::Cosine, &Quiet).expect_err("no direction");
    assert_eq!(error.to_string(), "cosine distance: row 1 of the reduced set is all zeros and has no direction");
}

/// In few columns and in many, where other searches are used.
#[test]
fn epsilon_stops_at_every_look() {
    for columns in [2, 24] {
        let sample = blobs("two classes", &[900, 30], columns, 1);
        let (classes, data) = (sample.classes(), sample.data());
        let ranking = per_class_ranking(&sample, &mut Random(1));
        let cuts = totals(&sample, EmptyClasses::Forbid);
        let kept = Reduced::Rows(ranking.select(&cuts[30], &classes).expect("deep enough"));
        for metric in Metric::ALL {
            let who = format!("{metric}, {columns} columns");
            stops_at_every_look(&who, |watch| epsilon(&data, &kept, metric, watch).map(drop));
            stops_at_every_look(&who, |watch| epsilon_curve(&data, &ranking, &cuts[30..40], metric, watch).map(drop));
            stops_at_every_look(&who, |watch| epsilon_between(&data, &data, metric, watch).map(drop));
        }
    }
}

#[test]
fn epsilon_looks_grow_with_the_rows() {
    let looks = [500, 1000].map(|rows| {
        let sample = blobs("one class", &[rows], 12, 1);
        let watch = Watch::new(u64::MAX);
        epsilon_between(&sample.data(), &sample.data(), Metric::Euclidean, &watch).expect("measured");
        watch.looks()
    });
    assert!(2 * looks[1] > 3 * looks[0], "{looks:?}");
}

#[test]
fn epsilon_that_is_cancelled_is_interrupted() {
    let sample = blobs("two classes", &[2000, 10], 2, 1);
    let (classes, data) = (sample.classes(), sample.data());
    let ranking = per_class_ranking(&sample, &mut Random(1));
    let cuts = totals(&sample, EmptyClasses::Forbid);
    let kept = Reduced::Rows(ranking.select(&cuts[30], &classes).expect("deep enough"));
    for allowed in [0, 1] {
        let found = epsilon(&data, &kept, Metric::Chebyshev, &Watch::new(allowed));
        assert_eq!(found, Err(Error::Interrupted));
        let found = epsilon_curve(&data, &ranking, &cuts[30..90], Metric::Chebyshev, &Watch::new(allowed));
        assert_eq!(found, Err(Error::Interrupted));
        let found = epsilon_between(&data, &data, Metric::Chebyshev, &Watch::new(allowed));
        assert_eq!(found, Err(Error::Interrupted));
    }
    let watch = Watch::new(u64::MAX);
    epsilon_curve(&data, &ranking, &cuts, Metric::Chebyshev, &watch).expect("a curve");
    let load = |a: &std::sync::atomic::AtomicU64| a.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(load(&watch.done), load(&watch.announced));
}

/// What is of another table is an error, never a panic or a number.
#[test]
fn epsilon_refuses_what_is_of_another_table() {
    let (small, large) = (blobs("small", &[6, 4], 2, 1), blobs("large", &[60, 40], 2, 2));
    let more = blobs("more classes", &[4, 3, 3], 2, 3);
    let wide = blobs("wide", &[6, 4], 3, 4);
    let data = small.data();
    let metric = Metric::Chebyshev;
    let bad = |found: Result<Epsilon, Error>, who: &str| {
        assert!(
            matches!(found, Err(Error::BadRanking(_) | Error::Shape { .. } | Error::UnknownClass { .. })),
            "{who}: {found:?}"
        );
    };
    bad(epsilon_between(&data, &wide.data(), metric, &Quiet), "other columns");
    bad(epsilon_between(&data, &more.data(), metric, &Quiet), "other classes");
    for other in [&large, &more] {
        let kept = selected(&random_orders(other, &mut Random(1)), &other.classes());
        bad(epsilon(&data, &kept, metric, &Quiet), &format!("rows of {}", other.name));
    }
    // Of the same size, but rows of other classes.
    let swapped = Sample { codes: small.codes.iter().map(|c| 1 - c).collect(), ..small.clone() };
    bad(
        epsilon(&data, &selected(&random_orders(&swapped, &mut Random(1)), &swapped.classes()), metric, &Quiet),
        "swapped",
    );
    let points = |columns, classes: Vec<ClassId>, values: usize| {
        let weights = vec![1.0; classes.len()];
        Reduced::Points(Prototypes { points: vec![0.5; values], columns, classes, weights })
    };
    bad(epsilon(&data, &points(3, vec![ClassId(0)], 3), metric, &Quiet), "points of other columns");
    bad(epsilon(&data, &points(2, vec![ClassId(2)], 2), metric, &Quiet), "points of other classes");
    bad(epsilon(&data, &points(2, vec![ClassId(0); 3], 2), metric, &Quiet), "points too few");
    let mut nan = points(2, vec![ClassId(0), ClassId(1)], 4);
    if let Reduced::Points(points) = &mut nan {
        points.points[3] = f64::NAN;
    }
    let found = epsilon(&data, &nan, metric, &Quiet);
    assert!(matches!(found, Err(Error::NotFinite { row: RowId(1), column: 1, .. })), "{found:?}");
    for other in [&large, &more, &swapped] {
        let cuts = totals(&small, EmptyClasses::Forbid);
        for ranking in [per_class_ranking(other, &mut Random(1)), global_ranking(other, &mut Random(1))] {
            let of_other = std::ptr::eq(other, &swapped) && ranking.scope() == leanset_core::Scope::Global;
            if of_other || (std::ptr::eq(other, &more) && ranking.scope() == leanset_core::Scope::Global) {
                continue; // ten rows are ten rows
            }
            let found = epsilon_curve(&data, &ranking, &cuts, metric, &Quiet);
            assert!(matches!(found, Err(Error::BadRanking(_))), "ranking of {}: {found:?}", other.name);
        }
    }
    // An allocation of another table.
    let ranking = per_class_ranking(&small, &mut Random(1));
    let found = epsilon_curve(&data, &ranking, &totals(&more, EmptyClasses::Forbid), metric, &Quiet);
    assert!(found.is_err(), "an allocation of other classes: {found:?}");
    let found = epsilon_curve(&data, &ranking, &totals(&large, EmptyClasses::Forbid), metric, &Quiet);
    assert!(matches!(found, Err(Error::RankingTooShort { .. })), "{found:?}");
    assert_eq!(epsilon_curve(&data, &ranking, &[], metric, &Quiet), Ok(vec![]));
}
