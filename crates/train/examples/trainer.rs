//! Trains the paper's network on a table and prints JSON: what benches/trainer.py compares with other trainers.
//!
//! Usage: trainer TABLE.bin EPOCHS SEED. The table is little-endian: u32 rows, columns, classes, and rows to train on
//! (the first of the table; the rest are the test), then f32 values row by row, then u32 classes.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a program of ours for a script of ours

use std::time::Instant;

use leanset_core::{Classes, Dataset, Matrix, Quiet, RowId, Seed};
use leanset_train::{Epoch, Model, Network, Observer, Training, scores};

/// Losses, and the time of each epoch.
struct Curve(Vec<f64>, Vec<f64>, Instant);

impl Observer for Curve {
    fn epoch(&mut self, epoch: &Epoch) {
        self.0.push(epoch.loss);
        self.1.push(self.2.elapsed().as_secs_f64());
        self.2 = Instant::now();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (bytes, epochs, seed) = (std::fs::read(&args[1]).unwrap(), args[2].parse().unwrap(), args[3].parse().unwrap());
    let words: Vec<u32> = bytes.chunks_exact(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect();
    let [n, d, classes, own] = [0, 1, 2, 3].map(|i| words[i] as usize);
    let values: Vec<f32> = words[4..4 + n * d].iter().map(|&w| f32::from_bits(w)).collect();
    let classes_of = Classes::new(&words[4 + n * d..], classes).unwrap();
    let data = Dataset::new(Matrix::new(&values, n, d).unwrap(), classes_of).unwrap();
    let rows: Vec<RowId> = (0..n).map(RowId::at).collect();

    let mut model = Model::new(&Network::paper(), d, classes, Seed(seed)).unwrap();
    let mut curve = Curve(Vec::new(), Vec::new(), Instant::now());
    let training = Training::paper(epochs, Seed(seed));
    let history = model.train(&data, &rows[..own], None, &training, &mut curve, &Quiet).unwrap();
    let test = &rows[own..];
    let truth: Vec<_> = test.iter().map(|&r| data.classes().of(r)).collect();
    let found = scores(&truth, &model.predict(&data, test).unwrap(), classes);
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    println!(
        r#"{{"losses": [{}], "seconds": [{}], "steps": {}, "accuracy": {}, "f1": {}}}"#,
        list(&curve.0),
        list(&curve.1),
        history.steps,
        found.accuracy,
        found.f1
    );
}
