//! Each kernel beside its reference: the definition, written as plainly as possible and compiled with the same options.
//!
//! `cargo bench -p leanset-core --bench kernels [FILTER]` prints CPU milliseconds of both, in turns. `./x bench-instructions` counts the
//! instructions of one run of each under callgrind. Everything runs on one thread, on small data from a fixed seed.

// A bench prints its table.
#![allow(clippy::print_stdout)]
// The core has no clock; its bench does.
#![allow(clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

use leanset_core::distance::Metric;
use leanset_core::params::Value;
use leanset_core::{
    Allocation, Budget, Classes, Dataset, EmptyClasses, Guard, Matrix, Quiet, Reduced, Reducer, RowId, Seed, Selection,
    metrics,
};

/// Points and classes that live as long as the program.
struct Table {
    values: Vec<f32>,
    codes: Vec<u32>,
    columns: usize,
    classes: usize,
}

impl Table {
    /// Clusters of Gaussian rows in [0, 1]^d, more or less.
    fn new(rows: usize, columns: usize, classes: usize) -> Self {
        let mut state = (rows * 31 + columns) as u64;
        let mut uniform = move || {
            // splitmix64
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let centres: Vec<f64> = (0..10 * columns).map(|_| uniform()).collect();
        let (mut values, mut codes) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let centre = (uniform() * 10.0) as usize * columns;
            codes.push((uniform() * classes as f64) as u32);
            for j in 0..columns {
                let normal = (0..4).map(|_| uniform()).sum::<f64>() - 2.0;
                values.push((centres[centre + j] + 0.15 * normal) as f32);
            }
        }
        Self { values, codes, columns, classes }
    }
    fn data(&self) -> Dataset<'_> {
        let matrix = Matrix::new(&self.values, self.codes.len(), self.columns).expect("a matrix");
        Dataset::new(matrix, Classes::new(&self.codes, self.classes).expect("classes")).expect("a dataset")
    }
    fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }
    fn rows(&self) -> usize {
        self.codes.len()
    }
    fn squared(&self, a: usize, b: usize) -> f64 {
        self.row(a).iter().zip(self.row(b)).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum()
    }
}

type Work = Box<dyn Fn() -> f64>;

struct Kernel {
    name: String,
    fast: Work,
    /// The same number by the definition.
    reference: Option<Work>,
}

fn budget(rows: usize) -> Budget {
    Budget::Count(rows)
}

/// A method that keeps so many rows; the sum of their ids is the result.
fn method(table: &'static Table, id: &'static str, params: &[(&str, Value)], kept: usize) -> Work {
    let params: Vec<(String, Value)> = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let reducer = Reducer::new(id, &params).expect("valid parameters");
    let reducer =
        if reducer.info().guard().is_some() { reducer.with_guard(Guard::Off).expect("no guard") } else { reducer };
    Box::new(move || {
        let found =
            reducer.reduce(&table.data(), &budget(kept), EmptyClasses::Forbid, Seed(1), &Quiet).expect("a reduction");
        found.reduced.rows().map_or(found.reduced.len() as f64, |rows| sum(rows.rows()))
    })
}

fn sum(rows: &[RowId]) -> f64 {
    rows.iter().map(|row| row.index() as f64).sum()
}

fn table(rows: usize, columns: usize, classes: usize) -> &'static Table {
    Box::leak(Box::new(Table::new(rows, columns, classes)))
}

/// Farthest-first traversal from row 0.
fn maxmin(t: &Table, kept: usize) -> f64 {
    let mut nearest = vec![f64::INFINITY; t.rows()];
    let (mut row, mut total) = (0, 0.0);
    for _ in 0..kept {
        total += row as f64;
        for i in 0..t.rows() {
            nearest[i] = nearest[i].min(t.squared(i, row));
        }
        row = (0..t.rows()).fold(0, |best, i| if nearest[i] > nearest[best] { i } else { best });
    }
    total
}

fn first(t: &Table, kept: usize) -> Reduced {
    let rows = vec![(0..kept).map(RowId::at).collect()];
    Reduced::Rows(Selection::new(&rows, None, t.data().classes()).expect("rows of the table"))
}

fn epsilon(t: &'static Table, kept: usize, metric: Metric) -> (Work, Option<Work>) {
    let chosen = first(t, kept);
    let fast = move || metrics::epsilon(&t.data(), &chosen, metric, &Quiet).expect("ε").value;
    let distance = move |a: usize, b: usize| match metric {
        Metric::Chebyshev => {
            t.row(a).iter().zip(t.row(b)).map(|(&x, &y)| (f64::from(x) - f64::from(y)).abs()).fold(0.0, f64::max)
        }
        _ => t.squared(a, b).sqrt(),
    };
    let reference = move || {
        (0..t.rows()).map(|i| (0..kept).map(|j| distance(i, j)).fold(f64::INFINITY, f64::min)).fold(0.0, f64::max)
    };
    (Box::new(fast), Some(Box::new(reference)))
}

/// The greedy energy distance where all rows are the reference.
fn energy(t: &Table, kept: usize) -> f64 {
    let n = t.rows();
    let mean: Vec<f64> = (0..n).map(|i| (0..n).map(|j| t.squared(i, j).sqrt()).sum::<f64>() / n as f64).collect();
    let (mut sums, mut taken, mut total) = (vec![0.0; n], vec![false; n], 0.0);
    for step in 0..kept {
        let score = |i: usize| sums[i] / (step + 1) as f64 - mean[i];
        let left = (0..n).filter(|&i| !taken[i]);
        let row = left.reduce(|best, i| if score(i) > score(best) { i } else { best }).expect("a row is left");
        taken[row] = true;
        total += row as f64;
        for i in 0..n {
            sums[i] += t.squared(i, row).sqrt();
        }
    }
    total
}

/// Facility location, plain greedy.
fn location(t: &Table, kept: usize) -> f64 {
    let n = t.rows();
    let mut nearest = vec![f64::INFINITY; n];
    let (mut taken, mut total) = (vec![false; n], 0.0);
    for _ in 0..kept {
        let after = |i: usize| (0..n).map(|r| nearest[r].min(t.squared(r, i).sqrt())).sum::<f64>();
        let left = (0..n).filter(|&i| !taken[i]).map(|i| (after(i), i));
        let (_, row) = left.reduce(|best, other| if other.0 < best.0 { other } else { best }).expect("a row is left");
        taken[row] = true;
        total += row as f64;
        for r in 0..n {
            nearest[r] = nearest[r].min(t.squared(r, row).sqrt());
        }
    }
    total
}

/// How many of the k nearest other rows are of the row's own class, over all rows.
fn neighbors(t: &Table, k: usize) -> f64 {
    let mut own = 0;
    for i in 0..t.rows() {
        let mut others: Vec<(f64, usize)> = (0..t.rows()).filter(|&j| j != i).map(|j| (t.squared(i, j), j)).collect();
        others.select_nth_unstable_by(k, |a, b| a.partial_cmp(b).expect("finite"));
        own += others[..k].iter().filter(|other| t.codes[other.1] == t.codes[i]).count();
    }
    own as f64
}

/// Lloyd's iteration; the number of clusters, as that of the method's points.
fn lloyd(t: &Table, k: usize, steps: usize) -> f64 {
    let d = t.columns;
    let mut centres: Vec<f64> = (0..k * d).map(|i| f64::from(t.values[i])).collect();
    for _ in 0..steps {
        let (mut sums, mut sizes) = (vec![0.0; k * d], vec![0.0; k]);
        for i in 0..t.rows() {
            let far = |c: usize| -> f64 {
                t.row(i).iter().zip(&centres[c * d..(c + 1) * d]).map(|(&x, &y)| (f64::from(x) - y).powi(2)).sum()
            };
            let mut best = (f64::INFINITY, 0);
            for c in 0..k {
                let squared = far(c);
                if squared < best.0 {
                    best = (squared, c);
                }
            }
            sizes[best.1] += 1.0;
            for j in 0..d {
                sums[best.1 * d + j] += f64::from(t.row(i)[j]);
            }
        }
        for c in (0..k * d).filter(|c| sizes[c / d] > 0.0) {
            centres[c] = sums[c] / sizes[c / d];
        }
    }
    black_box(&centres);
    k as f64
}

fn kernels() -> Vec<Kernel> {
    let mut found = Vec::new();
    let mut add = |name: String, fast: Work, reference: Option<Work>| found.push(Kernel { name, fast, reference });
    let text = |value: &str| Value::Text(value.to_owned());
    for (n, d, kept) in [(5_000, 3, 250), (2_000, 64, 100), (1_000, 384, 50)] {
        let t = table(n, d, 1);
        let fast = method(t, "maxmin", &[("start", text("first"))], kept);
        add(format!("maxmin-{d}"), fast, Some(Box::new(move || maxmin(t, kept))));
    }
    for (n, d, kept, metric) in [
        (4_000, 3, 200, Metric::Chebyshev),
        (4_000, 16, 200, Metric::Chebyshev),
        (4_000, 16, 200, Metric::Euclidean),
        (2_000, 256, 100, Metric::Euclidean),
    ] {
        let (fast, reference) = epsilon(table(n, d, 1), kept, metric);
        add(format!("epsilon-{metric}-{d}"), fast, reference);
    }
    {
        let t = table(3_000, 8, 1);
        let ranking =
            Reducer::new("srs", &[]).and_then(|r| r.rank(&t.data(), None, Seed(1), &Quiet)).expect("a ranking");
        let cut = |i: usize| Budget::Count(30 * i).allocate(&[3_000], EmptyClasses::Forbid).expect("valid").0;
        let cuts: Vec<Allocation> = (1..=90).map(cut).collect();
        let curve = move || {
            let found = metrics::epsilon_curve(&t.data(), &ranking, &cuts, Metric::Chebyshev, &Quiet).expect("a curve");
            found.iter().map(|epsilon| epsilon.value).sum()
        };
        add("epsilon-curve-8".to_owned(), Box::new(curve), None);
    }
    for (n, d, k) in [(4_000, 2, 400), (4_000, 16, 40), (1_000, 256, 20)] {
        let t = table(n, d, 1);
        let params = [("start_rows", Value::Rows((0..k).map(RowId::at).collect())), ("max_iter", Value::Int(5))];
        let fast = method(t, "clustering-centroids", &params, k);
        add(format!("clustering-centroids-{d}"), fast, Some(Box::new(move || lloyd(t, k, 5))));
    }
    for (n, d) in [(3_000, 16), (2_000, 300)] {
        let t = table(n, d, 2);
        let reducer = Reducer::new("contradiction", &[]).expect("valid");
        let fast = move || {
            let ranking = reducer.rank(&t.data(), None, Seed(1), &Quiet).expect("a ranking");
            // The score is the votes of the other class minus those of the own one, of ten, so the own ones are 5 (1 − score).
            ranking.scores().iter().map(|score| (5.0 * (1.0 - score)).round()).sum()
        };
        add(format!("neighbors-{d}"), Box::new(fast), Some(Box::new(move || neighbors(t, 10))));
    }
    for d in [3, 16, 128] {
        let t = table(2_000, d, 1);
        let reducer = Reducer::new("matrix-decomposition", &[]).expect("valid");
        let fast = move || sum(&reducer.rank(&t.data(), None, Seed(1), &Quiet).expect("a ranking").rows()[..100]);
        add(format!("matrix-decomposition-{d}"), Box::new(fast), None);
    }
    {
        let t = table(1_500, 16, 1);
        let fast = method(t, "energy", &[("reference", text("all"))], 100);
        add("energy-16".to_owned(), fast, Some(Box::new(|| energy(t, 100))));
        add("herding-16".to_owned(), method(t, "herding", &[("sigma", Value::Float(1.0))], 100), None);
        add("protodash-16".to_owned(), method(t, "protodash", &[("sigma", Value::Float(1.0))], 50), None);
        let t = table(600, 16, 1);
        let fast = method(t, "facility-location", &[("reference", text("all"))], 30);
        add("facility-location-16".to_owned(), fast, Some(Box::new(|| location(t, 30))));
    }
    add("ph-landmarks-2".to_owned(), method(table(500, 2, 1), "ph-landmarks", &[], 50), None);
    let t = table(50_000, 8, 4);
    for id in ["stratified-random", "distance-entropy", "moderate-coreset", "representative-kmeans"] {
        add(format!("{id}-8"), method(t, id, &[], 5_000), None);
    }
    found
}

/// Callgrind counts inside of this function: see xtask/src/bench.rs.
#[inline(never)]
fn instructions_are_counted_here(work: &Work) -> f64 {
    black_box(work())
}

/// The least milliseconds of both of a few runs in turns.
fn in_turns(kernel: &Kernel) -> (f64, Option<f64>) {
    let timed = |work: &Work| {
        let began = Instant::now();
        black_box(work());
        began.elapsed().as_secs_f64() * 1e3
    };
    let (mut fast, mut reference) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 {
        fast = fast.min(timed(&kernel.fast));
        if let Some(work) = &kernel.reference {
            reference = reference.min(timed(work));
        }
    }
    (fast, kernel.reference.is_some().then_some(reference))
}

fn main() {
    // Cargo adds --bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // This thread is the only one of the pool, so all work runs on it.
    let _pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().expect("a thread");
    let kernels = kernels();
    match words[..] {
        ["--list"] => kernels.iter().for_each(|kernel| println!("{}", kernel.name)),
        ["--once", name] => {
            let kernel = kernels.iter().find(|kernel| kernel.name == name).expect("the name of a kernel");
            println!("{}", instructions_are_counted_here(&kernel.fast));
        }
        _ => {
            println!("{:<32} {:>10} {:>12} {:>8}", "milliseconds, one thread", "kernel", "reference", "ratio");
            for kernel in kernels.iter().filter(|kernel| words.iter().all(|word| kernel.name.contains(word))) {
                let (fast, reference) = in_turns(kernel);
                let same = kernel.reference.as_ref().is_none_or(|reference| {
                    let (a, b) = ((kernel.fast)(), reference());
                    (a - b).abs() <= 1e-9 * b.abs()
                });
                let (reference, ratio) = reference.map_or((String::new(), String::new()), |reference| {
                    (format!("{reference:.2}"), format!("{:.1}", reference / fast))
                });
                let verdict = if same { "" } else { "   NOT THE SAME RESULT" };
                println!("{:<32} {fast:>10.2} {reference:>12} {ratio:>8}{verdict}", kernel.name);
            }
        }
    }
}
