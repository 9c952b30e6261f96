//! Methods against their definitions, computed another way: decompositions by textbook elimination and rotation,
//! entropies by the unshifted sum, nearest rows by looking at all.

use crate::common::{Sample, blobs, near, samples};
use leanset_core::params::Value;
use leanset_core::{Budget, ClassId, EmptyClasses, Quiet, Ranking, Reduced, Reducer, RowId, Seed};

/// A matrix as a list of columns.
type Columns = Vec<Vec<f64>>;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// Eigenvalues, descending, and vectors of a symmetric matrix, by Jacobi rotations.
fn eigen(mut a: Columns) -> (Vec<f64>, Columns) {
    let n = a.len();
    let mut v: Columns = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..100 {
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[k][p], a[k][q]);
                    (a[k][p], a[k][q]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[p][k], a[q][k]);
                    (a[p][k], a[q][k]) = (c * x - s * y, s * x + c * y);
                    let (x, y) = (v[p][k], v[q][k]);
                    (v[p][k], v[q][k]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j][j].total_cmp(&a[i][i]));
    (order.iter().map(|&i| a[i][i]).collect(), order.iter().map(|&i| v[i].clone()).collect())
}

/// Σ_j w_j · (−ln max(|cos(x, u_j)|, 10⁻³)).
fn score(x: &[f64], directions: &Columns, weights: &[f64]) -> f64 {
    let cosine = |u: &Vec<f64>| if norm(x) > 0.0 { (dot(x, u) / norm(x) / norm(u)).abs() } else { 0.0 };
    directions.iter().zip(weights).map(|(u, w)| -w * cosine(u).max(1e-3).ln()).sum()
}

fn inverse(values: &[f64]) -> Vec<f64> {
    let sum: f64 = values.iter().map(|v| 1.0 / v).sum();
    values.iter().map(|v| 1.0 / v / sum).collect()
}

fn rising(count: usize) -> Vec<f64> {
    let sum: usize = (1..=count).sum();
    (1..=count).map(|j| j as f64 / sum as f64).collect()
}

/// Right singular vectors through the Gram matrix; those whose squared value is rounding noise are left out.
fn svd(rows: &[Vec<f64>]) -> (Columns, Vec<f64>) {
    let d = rows[0].len();
    let gram = (0..d).map(|i| (0..d).map(|j| rows.iter().map(|r| r[i] * r[j]).sum()).collect()).collect();
    let (values, mut vectors) = eigen(gram);
    let kept = values.iter().take_while(|&&v| v > 1e-12 * values[0]).count();
    vectors.truncate(kept);
    let values: Vec<f64> = values[..kept].iter().map(|v| v.sqrt()).collect();
    (vectors, inverse(&values))
}

/// Scores where the singular values at `first` and after it coincide in the whole: the mean over many bases of their plane.
fn both_over_bases(sample: &Sample, first: usize) -> Vec<f64> {
    const BASES: usize = 2000;
    let mut sum = vec![0.0; sample.rows()];
    for basis in 0..BASES {
        let (sin, cos) = (std::f64::consts::FRAC_PI_2 * (basis as f64 + 0.5) / BASES as f64).sin_cos();
        let turned = |rows: &[Vec<f64>]| {
            let (mut vectors, weights) = svd(rows);
            if rows.len() == sample.rows() {
                let (u, v) = (vectors[first].clone(), vectors[first + 1].clone());
                assert!((weights[first] - weights[first + 1]).abs() < 1e-12, "{weights:?}");
                let mix = |a: f64, b: f64| u.iter().zip(&v).map(|(u, v)| a * u + b * v).collect();
                (vectors[first], vectors[first + 1]) = (mix(cos, sin), mix(-sin, cos));
            }
            (vectors, weights)
        };
        sum.iter_mut().zip(both_with(sample, turned)).for_each(|(s, score)| *s += score / BASES as f64);
    }
    sum
}

/// Columns of Q of a QR decomposition of the d × n matrix, always the column of the largest rest next.
fn qr(rows: &[Vec<f64>]) -> (Columns, Vec<f64>) {
    let mut rest = rows.to_vec();
    let mut directions: Columns = Vec::new();
    for _ in 0..rows.len().min(rows[0].len()) {
        let next = rest.iter().max_by(|a, b| norm(a).total_cmp(&norm(b))).expect("a row").clone();
        let unit: Vec<f64> = next.iter().map(|v| v / norm(&next)).collect();
        for _ in 0..2 {
            for r in &mut rest {
                let part = dot(r, &unit);
                r.iter_mut().zip(&unit).for_each(|(v, u)| *v -= part * u);
            }
        }
        directions.push(unit);
    }
    let weights = rising(directions.len());
    (directions, weights)
}

/// Columns of L of a fully pivoted LU decomposition of the d × n matrix, rows in their old places.
fn lu(rows: &[Vec<f64>]) -> (Columns, Vec<f64>) {
    let d = rows[0].len();
    let mut rest = rows.to_vec();
    let mut directions: Columns = Vec::new();
    let mut used = vec![false; d];
    for _ in 0..rows.len().min(d) {
        let all = rest.iter().flat_map(|r| (0..d).map(move |i| (i, r)));
        let (i, pivot) = all
            .max_by(|a, b| a.1[a.0].abs().total_cmp(&b.1[b.0].abs()))
            .map(|(i, r)| (i, r.clone()))
            .expect("an entry");
        assert!(!used[i] && pivot[i].abs() > 1e-9, "the test data have full rank");
        used[i] = true;
        let lower: Vec<f64> = pivot.iter().map(|v| v / pivot[i]).collect();
        for r in &mut rest {
            let part = r[i];
            r.iter_mut().zip(&lower).for_each(|(v, l)| *v -= part * l);
            r[i] = 0.0;
        }
        directions.push(lower);
    }
    let weights = rising(directions.len());
    (directions, weights)
}

/// (rows, mean) of every class, and the mean of all.
fn means(sample: &Sample) -> (Vec<(f64, Vec<f64>)>, Vec<f64>) {
    let mean = |rows: &[RowId]| -> Vec<f64> {
        (0..sample.columns)
            .map(|j| rows.iter().map(|r| sample.row(r.index())[j]).sum::<f64>() / rows.len() as f64)
            .collect()
    };
    let classes = sample.classes();
    let all: Vec<RowId> = (0..sample.rows()).map(RowId::at).collect();
    (classes.ids().map(|c| (classes.rows(c).len() as f64, mean(classes.rows(c)))).collect(), mean(&all))
}

/// Σ_k w_k (mean_k − mean)(mean_k − mean)ᵀ.
fn between(sample: &Sample, weight: impl Fn(f64) -> f64) -> Columns {
    let (classes, all) = means(sample);
    let d = sample.columns;
    let entry = |i: usize, j: usize| classes.iter().map(|(n, m)| weight(*n) * (m[i] - all[i]) * (m[j] - all[j])).sum();
    (0..d).map(|i| (0..d).map(|j| entry(i, j)).collect()).collect()
}

/// XHYᵀ(XHYᵀ)ᵀ: column k of XHYᵀ is n_k (mean_k − mean).
fn spca(sample: &Sample) -> (Columns, Vec<f64>) {
    let (values, mut vectors) = eigen(between(sample, |n| n * n));
    let kept = values.iter().take_while(|&&v| v > 1e-12 * values[0]).count();
    vectors.truncate(kept);
    (vectors, inverse(&values[..kept]))
}

/// S_b u = λ (S_w + 10⁻⁴ of the mean variance) u, through the inverse root of the right side.
fn flda(sample: &Sample) -> (Columns, Vec<f64>) {
    let (classes, d) = (means(sample).0, sample.columns);
    let mut within = vec![vec![0.0; d]; d];
    for row in 0..sample.rows() {
        let mean = &classes[sample.codes[row] as usize].1;
        let centred: Vec<f64> = sample.row(row).iter().zip(mean).map(|(v, m)| v - m).collect();
        for i in 0..d {
            for j in 0..d {
                within[i][j] += centred[i] * centred[j];
            }
        }
    }
    let trace: f64 = (0..d).map(|i| within[i][i]).sum();
    (0..d).for_each(|i| within[i][i] += 1e-4 * trace / d as f64);
    let (values, vectors) = eigen(within);
    let root = |i: usize, j: usize| (0..d).map(|k| vectors[k][i] * vectors[k][j] / values[k].sqrt()).sum();
    let root: Columns = (0..d).map(|i| (0..d).map(|j| root(i, j)).collect()).collect();
    let of = |a: &Columns, b: &Columns| -> Columns {
        (0..d).map(|i| (0..d).map(|j| (0..d).map(|k| a[i][k] * b[k][j]).sum()).collect()).collect()
    };
    let (values, vectors) = eigen(of(&of(&root, &between(sample, |n| n)), &root));
    let kept = values.iter().take_while(|&&v| v > 1e-12 * values[0]).count();
    let back = |v: &Vec<f64>| (0..d).map(|i| dot(&root[i], v)).collect();
    (vectors[..kept].iter().map(back).collect(), inverse(&values[..kept]))
}

/// Directions and weights of some rows.
type Directions = fn(&[Vec<f64>]) -> (Columns, Vec<f64>);

fn both(sample: &Sample, directions: Directions) -> Vec<f64> {
    both_with(sample, directions)
}

/// The score within the class times the score in the whole, where each row has its label beside it.
fn both_with(sample: &Sample, directions: impl Fn(&[Vec<f64>]) -> (Columns, Vec<f64>)) -> Vec<f64> {
    let rows: Vec<Vec<f64>> = (0..sample.rows()).map(|r| sample.row(r).to_vec()).collect();
    let labelled = |r: usize| {
        let label = (0..sample.classes).map(|k| f64::from(u8::from(sample.codes[r] as usize == k)));
        rows[r].iter().copied().chain(label).collect()
    };
    let wide: Vec<Vec<f64>> = (0..sample.rows()).map(labelled).collect();
    let (whole, whole_weights) = directions(&wide);
    let mut scores = vec![0.0; sample.rows()];
    let classes = sample.classes();
    for class in classes.ids().filter(|&c| !classes.rows(c).is_empty()) {
        let own: Vec<Vec<f64>> = classes.rows(class).iter().map(|r| rows[r.index()].clone()).collect();
        let (within, weights) = directions(&own);
        for row in classes.rows(class) {
            let r = row.index();
            scores[r] = score(&rows[r], &within, &weights) * score(&wide[r], &whole, &whole_weights);
        }
    }
    scores
}

fn once(sample: &Sample, (directions, weights): &(Columns, Vec<f64>)) -> Vec<f64> {
    (0..sample.rows()).map(|r| score(sample.row(r), directions, weights)).collect()
}

fn rank(name: &str, given: &[(&str, &str)], sample: &Sample) -> Ranking {
    let given: Vec<_> = given.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
    let reducer = Reducer::new(name, &given).expect("valid");
    reducer.rank(&sample.data(), None, Seed(0), &Quiet).unwrap_or_else(|e| panic!("{}: {e}", sample.name))
}

fn check_scores(decomposition: &str, sample: &Sample, expected: &[f64]) {
    check_scores_within(1e-6, decomposition, sample, expected);
}

fn check_scores_within(tolerance: f64, decomposition: &str, sample: &Sample, expected: &[f64]) {
    for scope in ["class", "global"] {
        let ranking = rank("nrmd", &[("decomposition", decomposition), ("scope", scope)], sample);
        for (row, score) in ranking.rows().iter().zip(ranking.scores()) {
            let expected = expected[row.index()];
            let who = format!("{decomposition} on {}", sample.name);
            assert!(near(*score, expected, tolerance), "{who}, row {row}: {score} and not {expected}");
        }
        let mut scores = ranking.scores().iter();
        for segment in ranking.segments() {
            let own: Vec<f64> = scores.by_ref().take(segment.len()).copied().collect();
            assert!(own.is_sorted_by(|a, b| a >= b), "{decomposition} on {}: the largest first", sample.name);
            let ties = segment.windows(2).zip(own.windows(2)).filter(|(_, s)| s[0] == s[1]);
            for (rows, _) in ties {
                assert!(rows[0] < rows[1], "{decomposition} on {}: ties go to the lower row", sample.name);
            }
        }
    }
}

/// Entries beyond those of the labels, so that no pivot is left open.
fn wide_range(name: &str, sizes: &[usize], columns: usize, seed: u64) -> Sample {
    let mut sample = blobs(name, sizes, columns, seed);
    sample.values.iter_mut().for_each(|v| *v *= 5.0);
    sample
}

#[test]
fn singular_directions_are_those_of_the_gram_matrix() {
    let several = wide_range("three classes", &[40, 30, 20], 4, 1);
    check_scores("svd", &several, &both(&several, svd));
    // Fewer rows than columns in each class, and classes of one row.
    let short = wide_range("few rows", &[5, 3, 1], 7, 2);
    check_scores("svd", &short, &both(&short, svd));
    // So many rows that the factors are those of Gram matrices, near the origin and far from it.
    for far in [0.0, 30.0] {
        let mut long = wide_range("many rows", &[700, 300, 40], 5, 4);
        long.values.iter_mut().enumerate().for_each(|(i, v)| *v = *v * [1.0, 0.1, 1.0, 3.0, 1.0][i % 5] + far);
        check_scores("svd", &long, &both(&long, svd));
    }
    // Columns that others determine: their directions are noise and have no say.
    let mut dependent = wide_range("dependent columns", &[30, 25], 5, 3);
    for row in dependent.values.chunks_exact_mut(5) {
        (row[3], row[4]) = (row[0] + row[1], -3.0 * row[2]);
    }
    check_scores("svd", &dependent, &both(&dependent, svd));
    let ranking = rank("nrmd", &[], &dependent);
    assert!(ranking.warnings.iter().any(|w| w.code == "noise-directions"), "{:?}", ranking.warnings);
}

#[test]
fn equal_singular_values_count_by_the_mean_over_their_plane() {
    for seed in 0..3 {
        // Four classes of 12 rows and two columns: the labels have two directions that no column turns, of σ² = 12. Those
        // of the columns are longer here, and the remaining one of the labels is shorter.
        let sample = wide_range("equal classes", &[12; 4], 2, seed);
        let first = {
            let labelled: Vec<Vec<f64>> = (0..sample.rows())
                .map(|r| {
                    let label = (0..4).map(|k| f64::from(u8::from(sample.codes[r] == k)));
                    sample.row(r).iter().copied().chain(label).collect()
                })
                .collect();
            let weights = svd(&labelled).1;
            (0..weights.len() - 1).find(|&j| (weights[j] - weights[j + 1]).abs() < 1e-12).expect("two coincide")
        };
        check_scores_within(1e-5, "svd", &sample, &both_over_bases(&sample, first));
    }
}

#[test]
fn pivoted_directions_are_those_of_elimination() {
    for seed in 0..5 {
        let several = wide_range("three classes", &[40, 30, 20], 4, seed);
        check_scores("qr", &several, &both(&several, qr));
        let short = wide_range("few rows", &[5, 4], 7, seed);
        check_scores("qr", &short, &both(&short, qr));
        // With several classes the ones of the labels tie.
        let one = wide_range("one class", &[40], 4, seed);
        check_scores("lu", &one, &both(&one, lu));
        let short = wide_range("one short class", &[5], 9, seed);
        check_scores("lu", &short, &both(&short, lu));
    }
}

#[test]
fn supervised_directions_are_those_of_the_scatter_matrices() {
    for seed in 0..5 {
        for sample in [
            wide_range("three classes", &[60, 30, 15], 4, seed),
            wide_range("two classes", &[50, 9], 6, seed),
            wide_range("more classes than columns", &[20, 30, 10, 40, 15], 2, seed),
        ] {
            check_scores("spca", &sample, &once(&sample, &spca(&sample)));
            check_scores("flda", &sample, &once(&sample, &flda(&sample)));
        }
    }
}

#[test]
fn decomposition_mean_scores_are_distances_to_the_mean() {
    for sample in [blobs("three classes", &[30, 20, 10], 3, 1), blobs("one class", &[50], 3, 2)] {
        let (classes, _) = means(&sample);
        let distance = |r: usize| {
            let mean = &classes[sample.codes[r] as usize].1;
            let gap: Vec<f64> = sample.row(r).iter().zip(mean).map(|(v, m)| v - m).collect();
            -norm(&gap)
        };
        check_scores("mean", &sample, &(0..sample.rows()).map(distance).collect::<Vec<_>>());
    }
}

/// The traversal starts at the row nearest the mean, of equals the first.
#[test]
fn maxmin_central_start_is_nearest_the_mean() {
    for sample in samples().iter().filter(|s| !s.name.contains("tiny")) {
        let ranking = rank("mms", &[("start", "central")], sample);
        let (classes, _) = means(sample);
        for (segment, (size, mean)) in ranking.segments().zip(&classes) {
            if *size == 0.0 {
                continue;
            }
            let distance = |r: RowId| {
                let gap: Vec<f64> = sample.row(r.index()).iter().zip(mean).map(|(v, m)| v - m).collect();
                dot(&gap, &gap)
            };
            let mut rows = segment.to_vec();
            rows.sort_unstable();
            let nearest = rows.iter().map(|&r| distance(r)).fold(f64::INFINITY, f64::min);
            let first = distance(segment[0]);
            assert!(first <= nearest * (1.0 + 1e-9), "{}: {first} and not {nearest}", sample.name);
            let first = rows.iter().find(|r| sample.row(r.index()) == sample.row(segment[0].index()));
            assert_eq!(first, Some(&segment[0]), "{}: of equal rows the first", sample.name);
        }
    }
}

/// With `output=rows` the row nearest each centroid stands for it, of equals the first, with the same weight.
#[test]
fn clustering_rows_are_nearest_the_centroids() {
    let thirds = blobs("each row three times", &[40, 30], 3, 28);
    let thrice: Vec<usize> = (0..thirds.rows()).cycle().take(3 * thirds.rows()).collect();
    for sample in [blobs("blobs", &[120, 80], 3, 1), blobs("wide", &[60, 50], 9, 2), thirds.permuted(&thrice)] {
        let reduce = |output: &str, seed: u64| {
            let text = |v: &str| Value::Text(v.into());
            let given = [("output".to_owned(), text(output)), ("tolerance".to_owned(), text("0"))];
            let reducer = Reducer::new("clc", &given).expect("valid");
            reducer
                .reduce(&sample.data(), &Budget::Ratio(0.1), EmptyClasses::Forbid, Seed(seed), &Quiet)
                .expect("reduces")
        };
        // Equal start rows leave a cluster empty; some seed has none.
        let whole =
            |seed: &u64| reduce("centroids", *seed).diagnostics.get("refilled_clusters") == Some(&Value::Int(0));
        let seed = (0..100).find(whole).expect("a seed without equal start rows");
        let (points, rows) = (reduce("centroids", seed), reduce("rows", seed));
        assert_eq!(points.diagnostics, rows.diagnostics, "{}", sample.name);
        let Reduced::Points(points) = &points.reduced else { panic!("centroids are points") };
        let kept = rows.reduced.rows().expect("rows");
        let classes = sample.classes();
        let distance = |row: RowId, i: usize| {
            let centre = &points.points[i * sample.columns..][..sample.columns];
            sample.row(row.index()).iter().zip(centre).fold(0.0, |s, (x, c)| s + (x - c) * (x - c))
        };
        let mut expected: Vec<Vec<(RowId, f64)>> = vec![Vec::new(); classes.len()];
        for class in classes.ids() {
            let own: Vec<usize> = (0..points.classes.len()).filter(|&i| points.classes[i] == class).collect();
            let nearest = |row: RowId| {
                *own.iter().min_by(|&&a, &&b| distance(row, a).total_cmp(&distance(row, b))).expect("a centre")
            };
            for &i in &own {
                let members: Vec<RowId> = classes.rows(class).iter().copied().filter(|&r| nearest(r) == i).collect();
                assert_eq!(points.weights[i], members.len() as f64, "{}: the size of cluster {i}", sample.name);
                let first = members.iter().min_by(|&&a, &&b| distance(a, i).total_cmp(&distance(b, i)).then(a.cmp(&b)));
                expected[class.index()].push((*first.expect("a member"), points.weights[i]));
            }
        }
        let weights = kept.weights().expect("weights");
        let mut all = kept.rows().iter().copied().zip(weights.iter().copied());
        for (class, mut expected) in classes.ids().zip(expected) {
            expected.sort_unstable_by_key(|e| e.0);
            let own: Vec<_> = all.by_ref().take(kept.class(class).len()).collect();
            assert_eq!(own, expected, "{}, class {class}", sample.name);
        }
    }
}

/// An emptied cluster gets the row farthest from its centre.
#[test]
fn lloyd_refills_an_emptied_cluster_with_the_farthest_row() {
    // Three starts on equal rows: two clusters run empty, and take the two far rows, the farther first.
    let values = [0.0, 0.0, 0.0, 0.1, 0.2, 5.0, 9.0];
    let codes = [0; 7];
    let sample = Sample { name: "line".into(), values: values.into(), columns: 1, codes: codes.into(), classes: 1 };
    let given = [("start_rows".to_owned(), Value::Rows(vec![RowId(0), RowId(1), RowId(2)]))];
    let reducer = Reducer::new("clc", &given).expect("valid");
    let kept =
        reducer.reduce(&sample.data(), &Budget::Count(3), EmptyClasses::Forbid, Seed(0), &Quiet).expect("reduces");
    let Reduced::Points(points) = &kept.reduced else { panic!("centroids are points") };
    assert_eq!(kept.diagnostics.get("refilled_clusters"), Some(&Value::Int(2)));
    assert!(near(points.points[0], 0.06, 1e-12), "{:?}", points.points);
    assert_eq!((points.points[1], points.points[2]), (9.0, 5.0));
    assert_eq!((&points.weights[..], points.classes[0]), (&[5.0, 1.0, 1.0][..], ClassId(0)));
}

/// Far from the means an unshifted softmax is NaN; the score must be that of the two nearest means all the same.
#[test]
fn distance_entropies_far_from_all_means_are_numbers() {
    let mut sample = blobs("far", &[6, 6, 6], 2, 1);
    sample.values.iter_mut().for_each(|v| *v *= 1e4);
    let base = (0..3).map(|k| sample.classes().rows(ClassId(k))[0]).collect::<Vec<_>>();
    let means: Vec<Vec<f64>> = base.iter().map(|r| sample.row(r.index()).to_vec()).collect();
    let reducer = Reducer::new("des", &[("base_rows".to_owned(), Value::Rows(base))]).expect("valid");
    let ranking = reducer.rank(&sample.data(), None, Seed(0), &Quiet).expect("ranks");
    for (row, score) in ranking.rows().iter().zip(ranking.scores()).skip(3) {
        let gap =
            |m: &Vec<f64>| sample.row(row.index()).iter().zip(m).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        let distances: Vec<f64> = means.iter().map(gap).collect();
        // p_k = 1 / Σ_j exp(d_j − d_k): no term overflows that matters, for exp(∞) makes p_k zero.
        let terms = distances.iter().map(|k| 1.0 / distances.iter().map(|j| (j - k).exp()).sum::<f64>());
        let entropy: f64 = terms.filter(|&p| p > 0.0).map(|p| -p * p.log2()).sum();
        assert!(near(*score, entropy, 1e-12), "row {row}: {score} and not {entropy}");
    }
}
