//! The words that stand for missing values.

use std::collections::HashSet;

use crate::column::{Column, ListItem, Lists, Values};

/// Words that the user says are missing values, in place of the usual ones. A word that is a number stands for that number
/// too, where columns have types.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MissingWords {
    words: HashSet<String>,
    numbers: Vec<f64>,
}

impl MissingWords {
    pub(crate) fn new(words: &[String]) -> Self {
        let words: HashSet<String> = words.iter().map(|word| word.trim().to_owned()).collect();
        let numbers = words.iter().filter_map(|word| word.parse().ok()).filter(|x: &f64| !x.is_nan()).collect();
        Self { words, numbers }
    }

    /// Whether a text, without spaces around, is one of them.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.words.contains(text)
    }

    /// Whether a number is one of them.
    pub(crate) fn has_number(&self, value: f64) -> bool {
        self.numbers.contains(&value)
    }

    /// The numbers among them, as such lists hold them.
    fn numbers_of(&self, lists: &Lists) -> Vec<f64> {
        let short = matches!(lists.list_type().item, ListItem::Float16 | ListItem::Float32);
        self.numbers.iter().map(|&x| if short { f64::from(x as f32) } else { x }).collect()
    }

    /// A column in which they are missing.
    pub(crate) fn apply(&self, mut column: Column) -> Column {
        let rows = 0..column.len();
        let found: Vec<bool> = match &column.values {
            Values::Text(texts) => texts.iter().map(|text| self.has(text.trim())).collect(),
            _ if self.numbers.is_empty() => return column,
            Values::Number(v) => v.iter().map(|&x| self.has_number(x)).collect(),
            Values::Number32(v) => rows.map(|row| self.numbers.iter().any(|&x| x as f32 == v[row])).collect(),
            Values::Integer(v) => v.iter().map(|&x| self.has_number(x as f64)).collect(),
            Values::List(v) => {
                let numbers = self.numbers_of(v);
                let mut own = vec![0.0; v.length()];
                rows.map(|row| {
                    v.read(row, &mut own);
                    own.iter().any(|x| numbers.contains(x))
                })
                .collect()
            }
            Values::Boolean(_) => return column,
        };
        if !found.contains(&true) {
            return column;
        }
        match &mut column.values {
            Values::Number(v) => v.iter_mut().zip(&found).filter(|(_, found)| **found).for_each(|(x, _)| *x = f64::NAN),
            Values::Number32(v) => {
                v.iter_mut().zip(&found).filter(|(_, found)| **found).for_each(|(x, _)| *x = f32::NAN);
            }
            Values::List(v) => {
                let numbers = self.numbers_of(v);
                *v = v.map(move |x| if numbers.contains(&x) { f64::NAN } else { x });
            }
            _ => {}
        }
        let before = column.missing.take();
        let missing =
            found.iter().enumerate().map(|(row, &found)| found || before.as_ref().is_some_and(|flags| flags[row]));
        Column::new(column.values, Some(missing.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::ListType;

    #[test]
    fn words_are_missing_in_typed_columns() {
        let words = MissingWords::new(&["-999".to_owned(), "n.a.".to_owned(), String::new()]);
        for (column, missing) in [
            (Column::from(vec![1.0, -999.0]), vec![false, true]),
            (Column::from(vec![-999_i64, 5]), vec![true, false]),
            (Column::from(vec![-999.0_f32]), vec![true]),
            (Column::from(["n.a.", " ", "NA"].map(str::to_owned).to_vec()), vec![true, true, false]),
        ] {
            assert_eq!(words.apply(column).missing, Some(missing));
        }
        assert_eq!(words.apply(Column::from(vec![true])).missing, None);
        let lists = Lists::of(vec![1.0, 2.0, -999.0, 3.0], 2, ListType::default());
        let column = words.apply(Column::from(lists));
        assert_eq!(column.missing, Some(vec![false, true]));
        let Values::List(lists) = column.values else { panic!("lists stay lists") };
        assert_eq!(lists.get(0), [1.0, 2.0]);
        assert!(lists.get(1)[0].is_nan() && lists.get(1)[1] == 3.0);
    }
}
