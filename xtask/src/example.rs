//! The worked example of docs/epsilon.md: four numbers, and what some of them are worth as representatives.

use std::fmt::Write as _;

use leanset_core::distance::Metric;
use leanset_core::homology::{bottleneck, diagrams};
use leanset_core::{Classes, Dataset, Matrix, Quiet, Reduced, Result, RowId, Selection, metrics};

/// The full set.
const FULL: [f64; 4] = [0.0, 1.0, 4.0, 5.0];
/// What is kept of it, as row ids.
const KEPT: [&[usize]; 4] = [&[0, 3], &[0, 1, 3], &[0, 2], &[0]];

/// One kept set.
#[derive(Debug, PartialEq)]
struct Row {
    kept: Vec<f64>,
    epsilon: f64,
    worst: f64,
    /// Deaths of components, which are the gaps between neighbours.
    gaps: Vec<f64>,
    bottleneck: f64,
}

fn rows() -> Result<Vec<Row>> {
    let points = Matrix::new(&FULL, FULL.len(), 1)?;
    let data = Dataset::new(Matrix::new(&FULL, FULL.len(), 1)?, Classes::new(&[0; 4], 1)?)?;
    let components =
        |rows: &[RowId]| -> Result<_> { Ok(diagrams(&points, rows, Metric::Chebyshev, 0, &Quiet)?.remove(0)) };
    let full = components(&(0..FULL.len()).map(RowId::at).collect::<Vec<_>>())?;
    let row = |kept: &[usize]| {
        let ids: Vec<RowId> = kept.iter().copied().map(RowId::at).collect();
        let selection = Selection::new(std::slice::from_ref(&ids), None, data.classes())?;
        let epsilon = metrics::epsilon(&data, &Reduced::Rows(selection), Metric::Chebyshev, &Quiet)?;
        let part = components(&ids)?;
        Ok(Row {
            kept: kept.iter().map(|&i| FULL[i]).collect(),
            epsilon: epsilon.value,
            worst: epsilon.worst.map_or(f64::NAN, |w| FULL[w.row.index()]),
            gaps: part.finite().map(|bar| bar.death).collect(),
            bottleneck: bottleneck(&full, &part),
        })
    };
    KEPT.into_iter().map(row).collect()
}

/// The table of the page.
pub(crate) fn table() -> std::result::Result<String, String> {
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let mut out = String::from(
        "| kept | ε | worst covered | gaps between kept neighbours | bottleneck distance | its bound, 2ε |\n|---|---:|---:|---|---:|---:|\n",
    );
    for row in rows().map_err(|e| e.to_string())? {
        let gaps = if row.gaps.is_empty() { "none".to_owned() } else { list(&row.gaps) };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {gaps} | {} | {} |",
            list(&row.kept),
            row.epsilon,
            row.worst,
            row.bottleneck,
            2.0 * row.epsilon
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    /// Kept points, ε, the worst point, the gaps of the kept, the bottleneck distance.
    type ByHand = (&'static [f64], f64, f64, &'static [f64], f64);

    /// The numbers as the page works them out by hand.
    #[test]
    fn the_example_is_what_a_pencil_finds() {
        let found = super::rows().expect("the example is computed");
        let by_hand: [ByHand; 4] = [
            (&[0.0, 5.0], 1.0, 1.0, &[5.0], 2.0),
            (&[0.0, 1.0, 5.0], 1.0, 4.0, &[1.0, 4.0], 1.0),
            (&[0.0, 4.0], 1.0, 1.0, &[4.0], 1.0),
            (&[0.0], 5.0, 5.0, &[], 1.5),
        ];
        assert_eq!(found.len(), by_hand.len());
        for (row, (kept, epsilon, worst, gaps, bottleneck)) in found.iter().zip(by_hand) {
            assert_eq!(row.kept, kept);
            assert_eq!((row.epsilon, row.worst, row.bottleneck), (epsilon, worst, bottleneck), "of {kept:?}");
            assert_eq!(row.gaps, gaps);
            assert!(row.bottleneck <= 2.0 * row.epsilon);
        }
    }
}
