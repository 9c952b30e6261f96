//! Columns of numbers with a word among them.
//!
//! Such a column is text, and text is categories: a slip of the keyboard would turn a measurement into hundreds of
//! dimensions without a word. Many different numbers are a measurement and the word is an error; few may be meant as
//! categories (`0`, `1`, `2`, `3+`) and the word is worth a warning.

use std::collections::HashSet;

use leanset_tables::{FileRow, Kind, Table, Values, Warning};

use crate::args::TableArgs;
use crate::error::Failure;

/// Up to this many different numbers a text column may be categories.
const FEW: usize = 20;

/// Looks for words in feature columns that mostly hold numbers.
pub(crate) fn words_among_numbers(table: &Table, args: &TableArgs) -> Result<Vec<Warning>, Failure> {
    let named = |names: &[String], name: &String| names.contains(name);
    let mut warnings = Vec::new();
    for (index, info) in table.columns().iter().enumerate() {
        let name = &info.name;
        let feature = args.features.as_ref().is_none_or(|features| named(features, name))
            && !named(&args.exclude, name)
            && args.label.as_ref() != Some(name)
            && args.id.as_ref() != Some(name);
        if info.kind != Kind::Text || !feature {
            continue;
        }
        let column = table.column(index)?;
        let Values::Text(texts) = &column.values else { continue };
        let (mut numbers, mut different, mut words, mut first) = (0, HashSet::new(), 0, None);
        for (row, text) in texts.iter().enumerate().filter(|(row, _)| !column.is_missing(*row)) {
            if text.trim().parse::<f64>().is_ok() {
                numbers += 1;
                if different.len() <= FEW {
                    different.insert(text);
                }
            } else {
                words += 1;
                first.get_or_insert((row, text));
            }
        }
        let Some((row, text)) = first.filter(|_| numbers > words) else { continue };
        let (file, place) = (table.name(), table.place(FileRow::at(row)));
        let what = format!("{file}: {place}, column '{name}': '{text}' is not a number, and {numbers} values are");
        if different.len() > FEW {
            return Err(Failure::new(what).hint(format!(
                "correct the value, leave it empty (missing), or --exclude {name}{}",
                if words > 1 { format!("; {words} values are no numbers") } else { String::new() }
            )));
        }
        warnings.push(Warning {
            code: "words-among-numbers",
            message: format!("{what}: all are taken as categories"),
            hint: Some(format!("correct the value if '{name}' is a measurement")),
        });
    }
    Ok(warnings)
}
