//! Models: the seam between runs and trainers, and the built-in perceptron behind it.

use leanset_core::{ClassId, Classes, Quiet, Ranking, RowId, Seed};
use leanset_train::{Model, Network, Observer, Training};

use crate::error::Result;
use crate::folds::Points;
use crate::plan::{ModelPlan, Watch};

/// Trains models.
pub trait Learner: Sync {
    /// A trained model.
    type Model: Send;

    /// Gradient steps of so many epochs on so many rows.
    fn steps(&self, rows: usize, epochs: u32) -> u64;

    /// Trains for so many epochs; from the first weights of `seed`, or on from `start`.
    ///
    /// # Errors
    /// Points that cannot be learnt from.
    fn train(&self, points: &Points, start: Option<&Self::Model>, epochs: u32, seed: u64) -> Result<Self::Model>;

    /// Trains from the first weights of `seed`, and ranks the rows by what was seen.
    ///
    /// # Errors
    /// As [`Self::train`].
    fn warm_up(&self, points: &Points, watch: Watch, epochs: u32, seed: u64) -> Result<(Self::Model, Ranking)>;

    /// The classes that a model predicts.
    ///
    /// # Errors
    /// Points of other columns.
    fn predict(&self, model: &Self::Model, points: &Points) -> Result<Vec<ClassId>>;
}

/// The built-in perceptron.
#[derive(Clone, Debug)]
pub struct Mlp {
    network: Network,
    training: Training,
}

impl Mlp {
    /// The network of a plan.
    pub fn new(plan: &ModelPlan) -> Self {
        let network = Network { hidden: plan.hidden.clone(), dropout: plan.dropout, ..Network::paper() };
        let training = Training { batch: plan.batch, learning_rate: plan.learning_rate, ..Training::paper(1, Seed(0)) };
        Self { network, training }
    }

    fn run(
        &self,
        points: &Points,
        start: Option<&Model>,
        epochs: u32,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<Model> {
        let data = points.dataset()?;
        let mut model = match start {
            Some(start) => start.clone(),
            None => Model::new(&self.network, points.columns, points.names.len(), Seed(seed))?,
        };
        let training = Training { epochs: epochs as usize, seed: Seed(seed), ..self.training.clone() };
        model.train(&data, &all(points), None, &training, observer, &Quiet)?;
        Ok(model)
    }
}

fn all(points: &Points) -> Vec<RowId> {
    (0..points.classes.len()).map(RowId::at).collect()
}

impl Learner for Mlp {
    type Model = Model;

    fn steps(&self, rows: usize, epochs: u32) -> u64 {
        rows.div_ceil(self.training.batch) as u64 * u64::from(epochs)
    }

    fn train(&self, points: &Points, start: Option<&Model>, epochs: u32, seed: u64) -> Result<Model> {
        self.run(points, start, epochs, seed, &mut ())
    }

    fn warm_up(&self, points: &Points, watch: Watch, epochs: u32, seed: u64) -> Result<(Model, Ranking)> {
        match watch {
            Watch::ForgettingEvents => {
                let mut seen = Forgetting::new(points);
                let model = self.run(points, None, epochs, seed, &mut seen)?;
                let classes = Classes::new(&points.classes, points.names.len())?;
                Ok((model, seen.ranking(epochs, &classes)?))
            }
        }
    }

    fn predict(&self, model: &Model, points: &Points) -> Result<Vec<ClassId>> {
        Ok(model.predict(&points.dataset()?, &all(points))?)
    }
}

/// Counts how often each row goes from right to wrong between two epochs.
struct Forgetting<'a> {
    truth: &'a [u32],
    classes: usize,
    right: Vec<bool>,
    learnt: Vec<bool>,
    forgotten: Vec<u32>,
}

impl<'a> Forgetting<'a> {
    fn new(points: &'a Points) -> Self {
        let rows = points.classes.len();
        Self {
            truth: &points.classes,
            classes: points.names.len(),
            right: vec![false; rows],
            learnt: vec![false; rows],
            forgotten: vec![0; rows],
        }
    }

    /// Most forgotten first; a row that was never right counts as forgotten in every epoch. Ties to the lowest row.
    fn ranking(&self, epochs: u32, classes: &Classes) -> Result<Ranking> {
        let count = |row: RowId| if self.learnt[row.index()] { self.forgotten[row.index()] } else { epochs };
        let of_class = |class| {
            let mut rows = classes.rows(class).to_vec();
            rows.sort_by_key(|&row| (std::cmp::Reverse(count(row)), row));
            let scores = rows.iter().map(|&row| f64::from(count(row))).collect();
            (rows, scores)
        };
        Ok(Ranking::per_class(classes.ids().map(of_class).collect(), classes)?)
    }
}

impl Observer for Forgetting<'_> {
    fn wants_rows(&self) -> bool {
        true
    }

    fn rows(&mut self, _: usize, rows: &[RowId], probabilities: &[f32]) -> leanset_core::Result<()> {
        for (row, of_row) in rows.iter().zip(probabilities.chunks(self.classes)) {
            let row = row.index();
            // Of equally likely classes the first.
            let predicted = (0..self.classes).fold(0, |best, k| if of_row[k] > of_row[best] { k } else { best });
            let right = predicted == self.truth[row] as usize;
            self.forgotten[row] += u32::from(self.right[row] && !right);
            self.learnt[row] |= right;
            self.right[row] = right;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgetting_is_counted_from_right_to_wrong() {
        let points =
            Points { values: vec![0.0; 4], columns: 1, classes: vec![0, 0, 0, 1], names: vec!["a".into(), "b".into()] };
        let mut seen = Forgetting::new(&points);
        let rows: Vec<RowId> = (0..4).map(RowId::at).collect();
        // Row 0: right, wrong, right, wrong; row 1: never right; row 2: always right; row 3: learnt once.
        for (zero, three) in [(0.9, 0.9), (0.1, 0.1), (0.9, 0.1), (0.1, 0.1)] {
            let probabilities = [zero, 1.0 - zero, 0.2, 0.8, 0.7, 0.3, three, 1.0 - three];
            seen.rows(0, &rows, &probabilities).expect("counted");
        }
        assert_eq!(seen.forgotten, [2, 0, 0, 0]);
        let ranking = seen.ranking(4, &Classes::new(&points.classes, 2).expect("classes")).expect("a ranking");
        assert_eq!(ranking.rows(), [RowId(1), RowId(0), RowId(2), RowId(3)]);
        assert_eq!(ranking.scores(), [4.0, 2.0, 0.0, 0.0]);
    }
}
