//! Rows are held out for a test: chosen first, and never looked at again but to be written.

use std::collections::HashMap;
use std::time::Instant;

use leanset_core::{Classes, Seed, holdout};
use leanset_problem::{Problem, Result, Warning, list, setting, text};
use leanset_spec::manifest::table::{GroupsRecord, TestClassRecord};
use leanset_spec::{Columns, Split};
use leanset_tables::{Encoder, FileRow, Table};

use super::input::{Input, of_columns};
use super::test_part::TestPart;

impl Input {
    /// The group of each row of the dataset, as a number, by a column of the table.
    ///
    /// # Errors
    /// There is no such column; a row has no group.
    pub fn groups(&self, name: &str) -> Result<Vec<u32>> {
        let rows: Vec<FileRow> = self.encoded.file_rows().collect();
        groups_of(&self.table, name, &rows)
    }

    /// Holds rows out for a test, by hash(seed, row), and encodes the others anew: scales, means and most frequent values are
    /// those of the training rows. Which categories and classes there are is that of the table.
    ///
    /// # Errors
    /// No row can be held out; a row without a group; and as the encoder, of the training rows.
    pub fn hold_out(self, split: &Split, columns: &Columns, seed: Seed) -> Result<Self> {
        let Some(fraction) = split.test else { return Ok(self) };
        let began = Instant::now();
        let Self { table, encoded, read_time, .. } = self;
        let names = encoded.class_names.clone();
        let classes = Classes::new(&encoded.classes, names.len())?.with_names(&names);
        let counts = holdout::test_counts(&classes.sizes(), fraction)?;
        let file_rows: Vec<FileRow> = encoded.file_rows().collect();
        let codes = encoded.classes;
        let groups = split.group.as_ref().map(|name| groups_of(&table, name, &file_rows)).transpose()?;
        let held = match &groups {
            None => holdout::stratified(&classes, &counts, seed),
            Some(groups) => holdout::grouped(&classes, groups, &counts, seed),
        };
        let of = |test: bool| (0..held.len()).filter(move |&row| held[row] == test);
        let (test, training): (Vec<usize>, Vec<usize>) = (of.clone()(true).collect(), of(false).collect());
        if test.is_empty() {
            return Err(nothing_to_hold_out(&table, split));
        }
        let counted = |class: usize| test.iter().filter(|&&row| codes[row] as usize == class).count();
        let per_class: Vec<TestClassRecord> = names
            .iter()
            .enumerate()
            .map(|(class, name)| TestClassRecord { name: name.clone(), rows: counted(class) })
            .collect();
        let groups = groups.map(|groups| {
            let distinct = |rows: &mut dyn Iterator<Item = usize>| {
                let mut found: Vec<u32> = rows.map(|row| groups[row]).collect();
                found.sort_unstable();
                found.dedup();
                found.len()
            };
            GroupsRecord { all: distinct(&mut (0..groups.len())), test: distinct(&mut test.iter().copied()) }
        });
        let rows = test.iter().map(|&row| file_rows[row]).collect();
        let test_part = TestPart::new(rows, test.iter().map(|&row| codes[row]).collect(), per_class, groups);
        let training: Vec<FileRow> = training.into_iter().map(|row| file_rows[row]).collect();
        // The first encoding is not needed any longer.
        drop((encoded.features, codes, file_rows));
        let encoder = Encoder::fit_on(&table, columns, &training)?;
        let mut encoded = encoder.encode(&table)?.only(&training);
        encoded.warnings.extend(of_columns(&table, &encoder));
        encoded.warnings.extend(untested(&test_part, split));
        let read_time = read_time + began.elapsed();
        Ok(Self { table, encoder, encoded, read_time, test: Some(test_part) })
    }
}

/// The group of each of these rows, as a number.
fn groups_of(table: &Table, name: &str, rows: &[FileRow]) -> Result<Vec<u32>> {
    let column = table.text_column(table.position(name)?)?;
    let mut known: HashMap<String, u32> = HashMap::new();
    rows.iter()
        .map(|&row| {
            if column.is_missing(row.index()) {
                let place = table.place(row);
                return Err(Problem::new(text![
                    format!("{}: {place} has no value in the column of ", table.name()),
                    setting::SPLIT_GROUP.to(name)
                ])
                .hint("give every row a group; one of its own if it belongs to no other"));
            }
            let next = known.len() as u32;
            Ok(*known.entry(column.text(row.index()).into_owned()).or_insert(next))
        })
        .collect()
}

fn nothing_to_hold_out(table: &Table, split: &Split) -> Problem {
    let name = table.name();
    match &split.group {
        None => Problem::new(format!("{name}: no class has two rows, one to train on and one to test on"))
            .hint(text!["leave ", &setting::SPLIT, " out"]),
        Some(group) => Problem::new(format!(
            "{name}: the groups of column '{group}' cannot be split: each holds all rows of some class, or there is only one"
        ))
        .hint(text!["name another column, or leave ", &setting::SPLIT_GROUP, " out"]),
    }
}

/// Classes without a test row.
fn untested(test: &TestPart, split: &Split) -> Option<Warning> {
    let names: Vec<&str> =
        test.classes().iter().filter(|class| class.rows == 0).map(|class| class.name.as_str()).collect();
    let (noun, verb) = if names.len() == 1 { ("class", "has") } else { ("classes", "have") };
    (!names.is_empty()).then(|| {
        let hint = match split.group {
            None => "a class of one row is trained on; a test says nothing about it",
            Some(_) => "the rows of a class are in one group, or in few; a test says nothing about it",
        };
        Warning::new("class-without-test-rows", format!("{noun} {} {verb} no test rows", list(&names, 10))).hint(hint)
    })
}
