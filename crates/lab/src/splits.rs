//! Splits of the table (repeated hold-out): training and test rows, scaled by the training rows.
//!
//! A split is stratified: the test rows are allocated to the classes by largest remainder, and hash(seed, row) says which
//! rows of a class they are. Scales, means and most frequent values are computed from the training rows only. (The paper's
//! code fits its scaler before it splits, so that its test rows influence how training rows are scaled.)
//!
//! Training rows come in a random order, as in the paper's code: tables are often sorted, and where a method takes the
//! first row (of equals, or to begin with), the order of the file would decide.

use leanset_core::{Budget, ClassId, Classes, Dataset, EmptyClasses, Matrix, RowId, Seed};
use leanset_problem::{Problem, Result};
use leanset_tables::{Encoded, Encoder, FileRow, Table};

use crate::plan::TablePlan;

/// Labelled points that are owned.
#[derive(Clone, Debug, Default)]
pub struct LabelledPoints {
    /// Row-major values.
    pub values: Vec<f64>,
    /// Columns.
    pub columns: usize,
    /// The class of each row.
    pub classes: Vec<u32>,
    /// The names of all classes.
    pub names: Vec<String>,
}

impl LabelledPoints {
    /// A view for the core.
    ///
    /// # Errors
    /// A value that is not finite, or too large.
    pub fn dataset(&self) -> Result<Dataset<'_>> {
        let matrix = Matrix::new(&self.values, self.classes.len(), self.columns)?;
        let classes = Classes::new(&self.classes, self.names.len())?.with_names(&self.names);
        Ok(Dataset::new(matrix, classes)?)
    }

    /// Some of the rows, in the order given.
    pub fn take(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        let mut taken = Self { columns: self.columns, names: self.names.clone(), ..Self::default() };
        for row in rows {
            taken.values.extend_from_slice(&self.values[row * self.columns..][..self.columns]);
            taken.classes.push(self.classes[row]);
        }
        taken
    }
}

/// What all splits have in common: the rows that take part, and their classes.
#[derive(Debug)]
pub struct SplitPlan {
    /// The row of the table behind each row that takes part.
    kept: Vec<FileRow>,
    classes: Classes,
    /// The names of the classes.
    pub names: Vec<String>,
    /// Features per row.
    pub dimensions: usize,
    test: Vec<usize>,
}

impl SplitPlan {
    /// From the table encoded as a whole, for its classes and its missing values; its scales are not used.
    ///
    /// # Errors
    /// A class that cannot be both trained and tested on.
    pub fn new(plan: &TablePlan, name: &str, encoded: &Encoded) -> Result<Self> {
        let names = encoded.class_names.clone();
        let classes = Classes::new(&encoded.classes, names.len())?.with_names(&names);
        let sizes = classes.sizes();
        if names.len() < 2 {
            return Err(Problem::new(format!(
                "{name}: label column '{}' holds one class: there is nothing to learn",
                plan.data.label()
            ))
            .hint("label names the column of classes"));
        }
        let (test, _) = Budget::Ratio(plan.split.test).allocate(&sizes, EmptyClasses::Forbid)?;
        let test = test.per_class().to_vec();
        for ((class, &size), &tested) in classes.ids().zip(&sizes).zip(&test) {
            if tested >= size {
                let part = plan.split.test;
                return Err(Problem::new(format!(
                    "{name}: class '{}' has {size} rows: with split.test = {part} none is left to train on",
                    classes.name(class)
                ))
                .hint("make split.test smaller, or leave the class out of the table"));
            }
        }
        let kept = encoded.file_rows().collect();
        Ok(Self { kept, classes, names, dimensions: encoded.dimensions, test })
    }

    /// Rows that take part.
    pub fn rows(&self) -> usize {
        self.kept.len()
    }

    /// Rows of each class.
    pub fn sizes(&self) -> Vec<usize> {
        self.classes.sizes()
    }

    /// Training rows of each class: the same in every split.
    pub fn training_sizes(&self) -> Vec<usize> {
        self.classes.sizes().iter().zip(&self.test).map(|(n, t)| n - t).collect()
    }

    /// The test rows, ascending, and the training rows, shuffled.
    fn rows_of_split(&self, seed: Seed) -> (Vec<usize>, Vec<usize>) {
        let mut tested = vec![false; self.kept.len()];
        for class in self.classes.ids() {
            let mut rows = self.classes.rows(class).to_vec();
            rows.sort_unstable_by_key(|&row| (seed.key(row), row));
            rows.iter().take(self.test[class.index()]).for_each(|row| tested[row.index()] = true);
        }
        let (test, mut train): (Vec<_>, Vec<_>) = (0..self.kept.len()).partition(|&row| tested[row]);
        train.sort_unstable_by_key(|&row| (seed.key(RowId::at(row)), row));
        (test, train)
    }

    /// The split of this seed.
    ///
    /// # Errors
    /// As the encoder, of the training rows.
    pub fn split(&self, table: &Table, plan: &TablePlan, seed: u64) -> Result<Split> {
        let (test, train) = self.rows_of_split(Seed(seed));
        let training: Vec<FileRow> = train.iter().map(|&row| self.kept[row]).collect();
        let encoded = Encoder::fit_on(table, &plan.data.columns, &training)?.encode(table)?;
        let all = LabelledPoints {
            values: encoded.features.to_f64(),
            columns: encoded.dimensions,
            classes: encoded.classes,
            names: encoded.class_names,
        };
        Ok(Split {
            train: all.take(train.iter().copied()),
            test: all.take(test.iter().copied()),
            test_rows: test.iter().map(|&row| self.kept[row]).collect(),
            train_rows: training,
        })
    }
}

/// Training and test rows.
#[derive(Debug)]
pub struct Split {
    /// Training rows.
    pub train: LabelledPoints,
    /// Test rows.
    pub test: LabelledPoints,
    /// The training rows in the table, in the same order.
    pub train_rows: Vec<FileRow>,
    /// The test rows in the table, in the same order.
    pub test_rows: Vec<FileRow>,
}

/// Class ids of class codes.
pub(crate) fn class_ids(codes: &[u32]) -> Vec<ClassId> {
    codes.iter().map(|&code| ClassId(code)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, TaskPlan};
    use leanset_tables::{ReadOptions, read_bytes};

    fn split_plan(test: &str) -> (Table, TablePlan, Result<SplitPlan>) {
        let mut text = String::from("x,kind\n");
        (0..40).for_each(|i| text.push_str(&format!("{},{}\n", i * i, if i % 4 == 0 { "a" } else { "b" })));
        let table = read_bytes("t.csv", text.into_bytes(), &ReadOptions::default()).expect("a table");
        let plan = format!(
            "title = \"t\"\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[split]\ntest = {test}\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n"
        );
        let plan = Plan::parse(&plan, "t.toml").expect("a plan");
        let TaskPlan::Table(plan) = plan.task else { panic!("for a table") };
        let (_, encoded) = Encoder::fit_encode(&table, &plan.data.columns).expect("encoded");
        let splits = SplitPlan::new(&plan, "t.csv", &encoded);
        (table, plan, splits)
    }

    #[test]
    fn split_is_stratified_and_complete() {
        let (table, plan, splits) = split_plan("0.25");
        let splits = splits.expect("two classes");
        let split = splits.split(&table, &plan, 1).expect("a split");
        let count = |points: &LabelledPoints, class| points.classes.iter().filter(|&&c| c == class).count();
        assert_eq!((count(&split.test, 0), count(&split.test, 1)), (3, 7));
        assert_eq!((count(&split.train, 0), count(&split.train, 1)), (7, 23));
        let (one, other) = (splits.rows_of_split(Seed(1)), splits.rows_of_split(Seed(2)));
        assert_ne!(one.0, other.0);
        assert!(one.0.is_sorted() && !one.1.is_sorted() && one.1 != other.1);
        let mut all = [one.0, one.1].concat();
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
    }

    /// The law: test rows have no say in the scale. The largest value is tested on in some split, and is then above 1.
    #[test]
    fn split_fits_the_scaler_on_training_rows_only() {
        let (table, plan, splits) = split_plan("0.25");
        let splits = splits.expect("two classes");
        let mut above = 0;
        for seed in 0..20 {
            let split = splits.split(&table, &plan, seed).expect("a split");
            let range = |values: &[f64]| {
                values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (v.min(a), v.max(b)))
            };
            assert_eq!(range(&split.train.values), (0.0, 1.0));
            above += u32::from(range(&split.test.values).1 > 1.0);
        }
        assert!((1..20).contains(&above), "{above} of 20 splits test on the largest value");
    }

    #[test]
    fn split_plan_names_a_class_that_cannot_be_split() {
        let (_, _, refused) = split_plan("0.99");
        let error = refused.expect_err("all of it would be tested on");
        assert!(error.to_string().starts_with("t.csv: class 'a' has 10 rows"), "{error}");
    }
}
