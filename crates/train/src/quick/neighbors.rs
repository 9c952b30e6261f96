//! The class that most of the nearest rows have.
//!
//! The k nearest rows by the Euclidean distance, of equals the lowest, found exactly in the tree of the core. Each votes for its
//! class with its weight; of classes with equal votes, the one whose voter is nearest. Fitting costs nothing, a prediction
//! about O(log n · d) in few columns and O(n·d) in many.

use leanset_core::{ClassId, Dataset, Look, Result};

use super::{Rows, queries};
use crate::network::refuse;

/// k nearest neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbors {
    /// How many neighbours vote.
    pub neighbors: usize,
}

/// Rows that vote.
#[derive(Clone, Debug)]
pub struct NeighborsModel {
    rows: Rows,
    neighbors: usize,
}

impl Default for Neighbors {
    fn default() -> Self {
        Self { neighbors: 3 }
    }
}

impl Neighbors {
    /// Keeps the rows.
    ///
    /// # Errors
    /// [`leanset_core::Error::BadParameter`] for no neighbours, or weights that are none; that of `look`.
    pub fn fit(&self, data: &Dataset<'_>, weights: Option<&[f64]>, look: Look<'_>) -> Result<NeighborsModel> {
        if self.neighbors == 0 {
            return Err(refuse("neighbors", "at least 1".into(), "0".into()));
        }
        Ok(NeighborsModel { rows: Rows::new(data, weights, look)?, neighbors: self.neighbors })
    }
}

impl NeighborsModel {
    /// The class of each row.
    ///
    /// # Errors
    /// [`leanset_core::Error::Data`] for rows of other columns; that of `look`.
    pub fn predict(&self, data: &Dataset<'_>, look: Look<'_>) -> Result<Vec<ClassId>> {
        let rows = &self.rows;
        let queries = queries(data, rows.columns, look)?;
        let k = self.neighbors.min(rows.len());
        let found = leanset_core::geometry::nearest(&rows.values, &queries, rows.columns, k, look)?;
        Ok(found.chunks_exact(k).map(|nearest| self.vote(nearest)).collect())
    }

    fn vote(&self, nearest: &[u32]) -> ClassId {
        let mut votes = vec![0.0; self.rows.classes];
        for &row in nearest {
            votes[self.rows.labels[row as usize]] += self.rows.weights[row as usize];
        }
        let most = votes.iter().copied().fold(0.0, f64::max);
        // Of equal votes, the class of the nearest row.
        let class = nearest.iter().map(|&row| self.rows.labels[row as usize]).find(|&class| votes[class] == most);
        ClassId::at(class.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dataset;
    use super::*;

    proptest! {
        #[test]
        fn neighbors_vote_as_defined(
            rows in prop::collection::vec(((0u8..8, 0u8..8), 0u32..3, 0u8..4), 2..80),
            queries in prop::collection::vec((0u8..8, 0u8..8), 1..20),
            k in 1usize..6,
        ) {
            let flat = |points: &[(u8, u8)]| -> Vec<f64> {
                points.iter().flat_map(|&(a, b)| [f64::from(a), f64::from(b)]).collect()
            };
            let points: Vec<(u8, u8)> = rows.iter().map(|r| r.0).collect();
            let labels: Vec<u32> = rows.iter().map(|r| r.1).collect();
            let mut weights: Vec<f64> = rows.iter().map(|r| f64::from(r.2)).collect();
            weights[0] = 1.0;
            let (values, asked) = (flat(&points), flat(&queries));
            let zeros = vec![0; queries.len()];
            let data = dataset(&values, 2, &labels, 3);
            let model = Neighbors { neighbors: k }.fit(&data, Some(&weights), &|| Ok(())).expect("a model");
            let found = model.predict(&dataset(&asked, 2, &zeros, 3), &|| Ok(())).expect("classes");
            for (query, class) in queries.iter().zip(found) {
                let square = |i: usize| {
                    let (a, b) = (f64::from(points[i].0) - f64::from(query.0), f64::from(points[i].1) - f64::from(query.1));
                    a * a + b * b
                };
                let mut near: Vec<usize> = (0..rows.len()).filter(|&i| weights[i] > 0.0).collect();
                near.sort_by(|&a, &b| square(a).total_cmp(&square(b)));
                near.truncate(k);
                let votes = |class: u32| near.iter().filter(|&&i| labels[i] == class).map(|&i| weights[i]).sum::<f64>();
                let most = (0..3).map(votes).fold(0.0, f64::max);
                let expected = near.iter().map(|&i| labels[i]).find(|&c| votes(c) == most);
                prop_assert_eq!(Some(class.0), expected);
            }
        }
    }
}
