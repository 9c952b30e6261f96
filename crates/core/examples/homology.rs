//! The homology engine for other programs: JSON in on stdin, JSON out on stdout, with the seconds each step took.
//!
//! `{"bottleneck": [[[[0, 1.5], [0, null]], [[0, 2]]], …]}`: pairs of diagrams, a bar being `[birth, death]` and `null`
//! a death that never comes. The answer is `{"bottleneck": [{"distance": …, "seconds": …}, …]}`, a distance being a
//! number or `"inf"`. Used by benches/bottleneck_distance.py.

// What it prints is its result.
#![allow(clippy::print_stdout)]
// The core has no clock; its benches do.
#![allow(clippy::disallowed_methods)]

use std::time::Instant;

use leanset_core::homology::{Bar, Diagram, bottleneck};
use serde_json::{Value, json};

/// A diagram of a list of `[birth, death]`.
fn diagram(bars: &Value) -> Diagram {
    let bar = |bar: &Value| {
        let birth = bar[0].as_f64().expect("a birth is a number");
        Bar { birth, death: bar[1].as_f64().unwrap_or(f64::INFINITY) }
    };
    Diagram::new(0, bars.as_array().expect("a diagram is a list of bars").iter().map(bar).collect())
}

fn main() {
    let asked: Value = serde_json::from_reader(std::io::stdin()).expect("JSON on stdin");
    let pairs = asked["bottleneck"].as_array().expect("a list of pairs of diagrams");
    let answers: Vec<Value> = pairs
        .iter()
        .map(|pair| {
            let (a, b) = (diagram(&pair[0]), diagram(&pair[1]));
            let began = Instant::now();
            let distance = bottleneck(&a, &b);
            let seconds = began.elapsed().as_secs_f64();
            json!({ "distance": if distance.is_finite() { json!(distance) } else { json!("inf") }, "seconds": seconds })
        })
        .collect();
    println!("{}", json!({ "bottleneck": answers }));
}
