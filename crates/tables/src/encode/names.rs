//! Lists of column names: names with commas, and patterns.
//!
//! The command line separates the names of a list by commas, and does not know which columns there are. So a name with a
//! comma comes here in pieces, with its quotes or backslashes if it had some, and is put together again: `length, mm` is
//! one column if there is one of that name, and none of its pieces behind the first is a column. A name is always preferred to a pattern.

use std::collections::HashMap;
use std::ops::Range;

use crate::error::{Error, listed, shown};
use crate::pattern::matches;
use crate::table::Table;

/// A column that a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) index: usize,
    /// Whether a pattern named it, and no name.
    pub(crate) by_pattern: bool,
}

/// The most pieces that a name is put together from.
const MOST_PIECES: usize = 8;

/// The columns that a list names, in its order; those of a pattern in that of the file.
pub(crate) fn resolve(table: &Table, names: &[String]) -> Result<Vec<Named>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut known: HashMap<&str, Range<usize>> =
        table.columns().iter().enumerate().map(|(at, column)| (column.name.as_str(), at..at + 1)).collect();
    known.extend(table.groups.iter().map(|(name, range)| (name.as_str(), range.clone())));
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(name) = names.get(at) {
        let single = known.get(name.as_str()).cloned();
        let (range, used) = match joined(&known, &names[at..]) {
            Some(joined) => joined,
            None => match single.or_else(|| known.get(name.trim()).cloned()) {
                Some(range) => (range, 1),
                None if name.contains(['*', '?']) => {
                    let matching = matching(table, name);
                    if matching.is_empty() {
                        let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
                        let message = format!("{}: no column matches the pattern {}", table.name(), shown(name));
                        return Err(Error::request(message).with_hint(format!("columns: {}", listed(&names, 40))));
                    }
                    found.extend(matching.into_iter().map(|index| Named { index, by_pattern: true }));
                    at += 1;
                    continue;
                }
                None => {
                    // The error with the nearest name.
                    table.positions(name)?;
                    at += 1;
                    continue;
                }
            },
        };
        found.extend(range.map(|index| Named { index, by_pattern: false }));
        at += used;
    }
    Ok(found)
}

/// The column whose name the first pieces are, and how many of them; nothing if the first is a name as it stands.
fn joined(known: &HashMap<&str, Range<usize>>, pieces: &[String]) -> Option<(Range<usize>, usize)> {
    let more = pieces[1..].iter().take(MOST_PIECES - 1).take_while(|piece| !known.contains_key(piece.as_str())).count();
    (1..=more + 1).rev().find_map(|count| {
        let raw = pieces[..count].join(",");
        let unquoted =
            raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(|inside| inside.replace("\"\"", "\""));
        let unescaped = raw.replace("\\,", ",");
        let range = known
            .get(raw.as_str())
            .or_else(|| known.get(unquoted.as_deref()?))
            .or_else(|| known.get(unescaped.as_str()))?;
        Some((range.clone(), count))
    })
}

/// The columns that a pattern names: arrays by their own name as well.
fn matching(table: &Table, pattern: &str) -> Vec<usize> {
    let groups = table.groups.iter().filter(|(name, _)| matches(pattern, name)).flat_map(|(_, range)| range.clone());
    let columns = table.columns().iter().enumerate().filter(|(_, column)| matches(pattern, &column.name));
    let mut indices: Vec<usize> = groups.chain(columns.map(|(index, _)| index)).collect();
    indices.sort_unstable();
    indices.dedup();
    indices
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{ReadOptions, read_bytes};

    #[test]
    fn names_are_put_together() {
        let csv = "\"a, mm\",b,\"c,d\",c,\"e*\",e1,e2\n1,2,3,4,5,6,7\n";
        let table = read_bytes("t.csv", csv.as_bytes().to_vec(), &ReadOptions::default()).unwrap();
        // What the command line makes of each: it splits at every comma.
        for (given, expected) in [
            ("a, mm", &[0][..]),
            ("a, mm,b", &[0, 1]),
            ("\"a, mm\",b", &[0, 1]),
            ("a\\, mm,b", &[0, 1]),
            ("b, c", &[1, 3]),
            ("\"c,d\"", &[2]),
            ("c\\,d,c", &[2, 3]),
            ("e*", &[4]),
            ("e?", &[4, 5, 6]),
            ("*m", &[0]),
            ("b,e1,e2", &[1, 5, 6]),
        ] {
            let pieces: Vec<String> = given.split(',').map(str::to_owned).collect();
            let found: Vec<usize> = resolve(&table, &pieces).unwrap().iter().map(|named| named.index).collect();
            assert_eq!(found, expected, "{given}");
        }
        let error = resolve(&table, &["x*".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "t.csv: no column matches the pattern 'x*'");
    }
}
