//! Models that are fitted in a moment: nearest neighbours, multinomial logistic regression, kernel ridge regression.
//!
//! They have no epochs and no learning rate, and are the same to the last bit for any number of threads. All take a weight for
//! each row where there is one; a weight of w is w rows. What takes long looks whether to stop: see [`Look`].

mod kernel_ridge;
mod logistic;
mod neighbors;

use leanset_core::{ClassId, Dataset, Error, Look, Result, data::Scalar as _, with_points};

pub use kernel_ridge::{KernelRidge, KernelRidgeModel};
pub use logistic::{Logistic, LogisticModel};
pub use neighbors::{Neighbors, NeighborsModel};

use crate::network::refuse;

/// Rows that are copied, or looked at one by one, between two looks at whether to stop.
const COPIED: usize = 1024;

/// Rows as quick models take them.
#[derive(Clone, Debug)]
struct Rows {
    /// Row-major values.
    values: Vec<f64>,
    columns: usize,
    labels: Vec<usize>,
    classes: usize,
    /// A positive weight for each row: rows without weight are left out.
    weights: Vec<f64>,
}

impl Rows {
    /// Of a dataset, with a weight for each row where they are given.
    fn new(data: &Dataset<'_>, weights: Option<&[f64]>, look: Look<'_>) -> Result<Self> {
        let (rows, columns) = (data.rows(), data.columns());
        if let Some(weights) = weights {
            if weights.len() != rows {
                return Err(refuse("weights", format!("one a row, {rows}"), weights.len().to_string()));
            }
            if let Some(bad) = weights.iter().find(|w| !(0.0..=1e30).contains(*w)) {
                return Err(refuse("weights", "numbers in [0, 1e30]".into(), bad.to_string()));
            }
        }
        let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
        let mut own = Self {
            values: Vec::new(),
            columns,
            labels: Vec::new(),
            classes: data.classes().len(),
            weights: Vec::new(),
        };
        with_points!(data.points(), |points| {
            for id in (0..rows).map(leanset_core::RowId::at).filter(|id| weight(id.index()) > 0.0) {
                if id.index() % COPIED == 0 {
                    look()?;
                }
                own.values.extend(points.row(id).iter().map(|v| v.widen()));
                own.labels.push(data.classes().of(id).index());
                own.weights.push(weight(id.index()));
            }
        });
        if own.labels.is_empty() {
            return Err(refuse("weights", "some above 0".into(), "all 0".into()));
        }
        Ok(own)
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..][..self.columns]
    }
}

/// The values of rows that are to be classified, of as many columns as the model was fitted on.
fn queries(data: &Dataset<'_>, columns: usize, look: Look<'_>) -> Result<Vec<f64>> {
    if data.columns() != columns {
        return Err(Error::Data {
            method: crate::network::TRAINER,
            what: format!("the rows have {} columns, the model {columns}", data.columns()),
            hint: "a model is made for the columns and classes of its table".into(),
        });
    }
    let mut values = Vec::with_capacity(data.rows() * columns);
    with_points!(data.points(), |points| {
        for row in 0..data.rows() {
            if row % COPIED == 0 {
                look()?;
            }
            values.extend(points.row(leanset_core::RowId::at(row)).iter().map(|v| v.widen()));
        }
    });
    Ok(values)
}

/// The position of the largest value, the first of equals.
fn largest(values: impl Iterator<Item = f64>) -> ClassId {
    let mut best = (0, f64::NEG_INFINITY);
    for (at, value) in values.enumerate() {
        if value > best.1 {
            best = (at, value);
        }
    }
    ClassId::at(best.0)
}

/// A dataset of rows, for tests.
#[cfg(test)]
fn dataset<'a>(values: &'a [f64], columns: usize, labels: &'a [u32], classes: usize) -> Dataset<'a> {
    let matrix = leanset_core::Matrix::new(values, labels.len(), columns).expect("a matrix");
    Dataset::new(matrix, leanset_core::Classes::new(labels, classes).expect("classes")).expect("a dataset")
}
