//! Times of the methods and of ε, in seconds, on this machine: `cargo run --release -p leanset-core --example bench_core`.
//!
//! Dry Bean (13,611 × 16, 7 classes) comes from ../shared, or data of that shape is generated. Nothing is asserted.

// A bench prints its table.
#![allow(clippy::print_stdout)]
// The core has no clock; its bench does.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code)] // it needs the samples alone
#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::{Sample, blobs, dry_bean, on_threads, shared};
use leanset_core::distance::Metric;
use leanset_core::methods::{METHODS, Support};
use leanset_core::{
    Allocation, Budget, Classes, Dataset, EmptyClasses, Matrix, Quiet, Ranking, Reduced, Reducer, Seed, metrics,
};

/// The least of a few runs, in seconds.
fn seconds<R: Send>(threads: usize, runs: usize, body: impl Fn() -> R + Sync) -> f64 {
    on_threads(threads, || {
        let once = || {
            let begin = Instant::now();
            std::hint::black_box(body());
            begin.elapsed().as_secs_f64()
        };
        (0..runs).map(|_| once()).fold(f64::INFINITY, f64::min)
    })
}

/// A row of the table: the time on one thread and on two.
fn line(what: &str, runs: usize, body: impl Fn() -> Result<String, leanset_core::Error> + Sync) {
    let note = std::sync::Mutex::new(String::new());
    let timed = |threads| {
        seconds(threads, runs, || {
            *note.lock().expect("sound") = body().unwrap_or_else(|e| format!("refused: {e}"));
        })
    };
    let (one, two) = (timed(1), timed(2));
    println!("{what:<58} {one:>9.4} {two:>9.4}   {}", note.lock().expect("sound"));
}

fn methods(data: &Dataset<'_>) {
    for info in METHODS {
        let reducer = Reducer::new(info.id, &[]).expect("the defaults are valid");
        for ratio in [0.1, 0.5, 0.9] {
            line(&format!("{} {ratio}", info.id), 2, || {
                let kept = reducer.reduce(data, &Budget::Ratio(ratio), EmptyClasses::Forbid, Seed(0), &Quiet)?;
                let iterations =
                    kept.diagnostics.get("iterations").map_or(String::new(), |i| format!(", {i} iterations"));
                Ok(format!("{} kept{iterations}", kept.reduced.len()))
            });
        }
        if reducer.ranks() == Support::Yes {
            line(&format!("{} whole ranking", info.id), 2, || {
                Ok(format!("{} rows", reducer.rank(data, None, Seed(0), &Quiet)?.rows().len()))
            });
        }
    }
}

fn cuts(data: &Dataset<'_>, count: usize) -> Vec<Allocation> {
    let ratio = |i| Budget::Ratio(i as f64 / count as f64);
    let allocate = |i| ratio(i).allocate(&data.classes().sizes(), EmptyClasses::Forbid).expect("valid").0;
    (1..=count).map(allocate).collect()
}

fn epsilons(data: &Dataset<'_>, ratio: f64) {
    for name in ["srs", "mms"] {
        let reducer = Reducer::new(name, &[]).expect("valid");
        let cut = Budget::Ratio(ratio).allocate(&data.classes().sizes(), EmptyClasses::Forbid).expect("valid").0;
        let depth = (data.rows() > 50_000).then_some(&cut);
        let ranking = on_threads(2, || reducer.rank(data, depth, Seed(0), &Quiet)).expect("ranks");
        let kept = Reduced::Rows(ranking.select(&cut, data.classes()).expect("deep enough"));
        for metric in Metric::ALL {
            line(&format!("ε of {name} {ratio}, {metric}"), 3, || {
                Ok(format!("ε = {:.4}", metrics::epsilon(data, &kept, metric, &Quiet)?.value))
            });
        }
        curve(data, &ranking, name, if depth.is_some() { &[] } else { &[1, 10, 100] });
    }
}

fn curve(data: &Dataset<'_>, ranking: &Ranking, name: &str, counts: &[usize]) {
    for &count in counts {
        let cuts = cuts(data, count);
        line(&format!("ε curve of {name}, {count} ratios"), 3, || {
            let curve = metrics::epsilon_curve(data, ranking, &cuts, Metric::Chebyshev, &Quiet)?;
            Ok(format!("ε = {:.4} … {:.4}", curve[0].value, curve[curve.len() - 1].value))
        });
    }
}

fn main() {
    println!("{:<58} {:>9} {:>9}   result", "seconds", "1 thread", "2 threads");
    let generated = || blobs("Dry Bean's shape", &[1322, 522, 1630, 3546, 1928, 2027, 2636], 16, 1);
    let sample: Sample = shared("data").map_or_else(generated, |data| dry_bean(&data.join("drybean.csv")).0);
    println!("-- {}: {} × {}, {} classes", sample.name, sample.rows(), sample.columns, sample.classes);
    let data = sample.data();
    methods(&data);
    epsilons(&data, 0.1);
    let single: Vec<f32> = sample.values.iter().map(|&v| v as f32).collect();
    let matrix = Matrix::new(&single, sample.rows(), sample.columns).expect("a matrix");
    let narrow = Dataset::new(matrix, sample.classes()).expect("a dataset");
    line("maxmin 0.1 as f32", 2, || {
        let reducer = Reducer::new("mms", &[])?;
        Ok(reducer
            .reduce(&narrow, &Budget::Ratio(0.1), EmptyClasses::Forbid, Seed(0), &Quiet)?
            .reduced
            .len()
            .to_string())
    });
    line("a checked view of the table", 3, || {
        let matrix = Matrix::new(&sample.values, sample.rows(), sample.columns)?;
        Ok(Dataset::new(matrix, Classes::new(&sample.codes, sample.classes)?)?.rows().to_string())
    });

    let large = blobs("generated", &[100_000], 32, 2);
    println!("-- {}: {} × {}, one class", large.name, large.rows(), large.columns);
    let data = large.data();
    let maxmin = Reducer::new("mms", &[]).expect("valid");
    line("maxmin 0.01", 1, || {
        Ok(maxmin.reduce(&data, &Budget::Ratio(0.01), EmptyClasses::Forbid, Seed(0), &Quiet)?.reduced.len().to_string())
    });
    epsilons(&data, 0.01);
    let ranking = Reducer::new("srs", &[]).and_then(|r| r.rank(&data, None, Seed(0), &Quiet)).expect("ranks");
    let few: Vec<Allocation> = (1..=100)
        .map(|i| {
            Budget::Ratio(f64::from(i) / 10_000.0)
                .allocate(&data.classes().sizes(), EmptyClasses::Forbid)
                .expect("valid")
                .0
        })
        .collect();
    line("ε curve of srs, 100 ratios up to 0.01", 1, || {
        let curve = metrics::epsilon_curve(&data, &ranking, &few, Metric::Chebyshev, &Quiet)?;
        Ok(format!("ε = {:.4} … {:.4}", curve[0].value, curve[99].value))
    });
}
