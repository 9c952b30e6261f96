//! What pandas says of its table in the metadata of a schema: the key `pandas`.

use serde_json::{Value, json};

use crate::row::FileRow;

/// The key.
pub(crate) const KEY: &str = "pandas";

/// The columns that are the index. Other entries are ranges, which are no columns.
pub(crate) fn index_columns(metadata: &str) -> Vec<String> {
    let value = serde_json::from_str::<Value>(metadata).ok();
    let entries = value.as_ref().and_then(|value| value.get("index_columns")?.as_array());
    entries.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The metadata for some rows of the table. An index that is a range is a description, not a column: of rows at equal
/// distances it is the range of these rows, of others the range from 0. Metadata of another form stay as they are.
pub(crate) fn of_rows(metadata: &str, rows: &[FileRow]) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(metadata) else { return metadata.to_owned() };
    let ranges = value.get_mut("index_columns").and_then(Value::as_array_mut).into_iter().flatten();
    let mut changed = false;
    for range in ranges.filter(|index| index.get("kind").is_some_and(|kind| kind == "range")) {
        let number = |key: &str| range.get(key).and_then(Value::as_i64);
        let old = number("start").zip(number("step"));
        let (start, step) = old.and_then(|(start, step)| progression(rows, start, step)).unwrap_or((0, 1));
        let stop = i64::try_from(rows.len()).ok().and_then(|rows| start.checked_add(step.checked_mul(rows)?));
        let Some(stop) = stop else { continue };
        range["start"] = json!(start);
        range["stop"] = json!(stop);
        range["step"] = json!(step);
        changed = true;
    }
    if changed { value.to_string() } else { metadata.to_owned() }
}

/// The metadata for a new table with these columns, which are of the type that they had, and no index.
pub(crate) fn of_columns(metadata: &str, same: &dyn Fn(&str) -> bool) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(metadata) else { return metadata.to_owned() };
    value["index_columns"] = json!([]);
    if let Some(columns) = value.get_mut("columns").and_then(Value::as_array_mut) {
        let name = |column: &Value| column.get("field_name").or(column.get("name")).and_then(Value::as_str).map(same);
        columns.retain(|column| name(column) == Some(true));
    }
    value.to_string()
}

/// Start and step of rows at equal distances, in an index that begins with `start` and goes on by `step`.
fn progression(rows: &[FileRow], start: i64, step: i64) -> Option<(i64, i64)> {
    let (first, second) = (i64::from(rows.first()?.0), rows.get(1).map(|row| i64::from(row.0)));
    let distance = second.map_or(1, |second| second - first);
    let even = rows.windows(2).all(|pair| i64::from(pair[1].0) - i64::from(pair[0].0) == distance);
    (even && distance != 0)
        .then(|| Some((start.checked_add(step.checked_mul(first)?)?, step.checked_mul(distance)?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_rows_describes_the_rows_that_are_left() {
        let index = |start: i64, stop: i64, step: i64| {
            format!(
                r#"{{"index_columns":[{{"kind":"range","name":"n","start":{start},"stop":{stop},"step":{step}}}]}}"#
            )
        };
        let rows = |ids: &[u32]| ids.iter().copied().map(FileRow).collect::<Vec<_>>();
        for (ids, expected) in [
            (&[0, 1, 2, 3][..], index(100, 140, 10)),
            (&[1, 3], index(110, 150, 20)),
            (&[3, 2, 1], index(130, 100, -10)),
            (&[2], index(120, 130, 10)),
            (&[0, 1, 3], index(0, 3, 1)),
            (&[], index(0, 0, 1)),
        ] {
            assert_eq!(of_rows(&index(100, 140, 10), &rows(ids)), expected, "{ids:?}");
        }
        for other in ["no JSON", r#"{"index_columns":["a"]}"#, "[1]"] {
            assert_eq!(of_rows(other, &rows(&[0])), other);
        }
    }

    #[test]
    fn of_columns_forgets_the_index_and_columns_of_other_types() {
        let before = r#"{"index_columns":["i"],"columns":[{"name":"a"},{"name":"b"},{"name":null,"field_name":"i"}]}"#;
        let after = r#"{"index_columns":[],"columns":[{"name":"b"}]}"#;
        assert_eq!(of_columns(before, &|name| name == "b"), after);
    }
}
