//! Persistence diagrams of point clouds in NPY files, as JSON, one line a file, for comparisons with other programs:
//! `cargo run --release -p leanset-core --example vietoris_rips -- DIMENSION [--f32] FILE.npy …`
//!
//! A file holds n × d numbers (f64): points, or with `--f32` an n × n distance matrix that is rounded to f32 first, as
//! ripser does. The time is of the diagrams alone, in seconds.

// An example prints, reads files and has a clock.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Instant;

use leanset_core::distance::Metric;
use leanset_core::{Matrix, Quiet, RowId, homology};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (options, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let (dimension, files) = words.split_first().ok_or("give DIMENSION and files")?;
    let dimension = dimension.parse()?;
    for file in files {
        let array = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(file)?))?;
        let (n, d) = (array.shape()[0] as usize, array.shape()[1] as usize);
        let values = array.into_vec::<f64>()?;
        let begin = Instant::now();
        let found = if options.iter().any(|o| o == "--f32") {
            let rounded = |i: usize, j: usize| f64::from(values[i * n + j] as f32);
            let distances: Vec<f64> =
                (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| rounded(i, j)).collect();
            homology::diagrams_of_distances(n, &distances, dimension, &Quiet)?
        } else {
            let points = Matrix::new(&values, n, d)?;
            let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
            homology::diagrams(&points, &rows, Metric::Euclidean, dimension, &Quiet)?
        };
        let seconds = begin.elapsed().as_secs_f64();
        // JSON has no infinity: an essential bar's death is null.
        let end = |death: f64| death.is_finite().then_some(death);
        let bars: Vec<Vec<_>> =
            found.iter().map(|d| d.bars().iter().map(|b| (b.birth, end(b.death))).collect()).collect();
        println!("{}", serde_json::json!({ "points": n, "seconds": seconds, "diagrams": bars }));
    }
    Ok(())
}
