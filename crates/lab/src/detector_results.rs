//! The results of a detector's training: `results.csv` of Ultralytics or YOLOv5.
//!
//! The file has one row per tested epoch, with precision, recall and mean average precision on the validation images.
//! Older versions pad the names of columns with blanks. Only rows that can be the result must hold numbers: a training
//! that recovered is no worse for an epoch without them.

use std::path::Path;

use leanset_problem::{Problem, Result};

use crate::plan::ResultEpoch;
use crate::record::DetectorScores;

/// Results of a training: the scores, and how many epochs there were.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorResults {
    /// Of the epoch that was asked for.
    pub scores: DetectorScores,
    /// Epochs that there were: the largest of the file's column `epoch`; without one, its rows.
    pub epochs: u32,
}

/// The columns: the name of Ultralytics, and that of YOLOv5.
const COLUMNS: [[&str; 2]; 4] = [
    ["metrics/mAP50-95(B)", "metrics/mAP_0.5:0.95"],
    ["metrics/mAP50(B)", "metrics/mAP_0.5"],
    ["metrics/precision(B)", "metrics/precision"],
    ["metrics/recall(B)", "metrics/recall"],
];

/// Reads a file of results.
///
/// # Errors
/// It is not there, is empty, lacks a column, or holds what is no part of 1.
pub fn read(path: &Path, which: ResultEpoch) -> Result<DetectorResults> {
    let text = leanset_problem::files::read_text(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Problem::new(format!("{}: is not there: the command ended without writing its results", path.display()))
                .hint("detector.results says where the command writes them, such as {out}/run/results.csv")
        }
        _ => Problem::io(format!("{}: cannot be read", path.display()), e),
    })?;
    parse(&text, &path.display().to_string(), which)
}

/// Reads the text of one; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, name: &str, which: ResultEpoch) -> Result<DetectorResults> {
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, fields(line)))
        .filter(|(_, fields)| fields.iter().any(|field| !field.is_empty()));
    let empty =
        |what: &str| Problem::new(format!("{name}: {what}")).hint("the training may have ended before its first epoch");
    let (_, header) = lines.next().ok_or_else(|| empty("is empty"))?;
    let mut places = [0; 4];
    for (place, names) in places.iter_mut().zip(&COLUMNS) {
        *place = header.iter().position(|column| names.contains(&column.as_str())).ok_or_else(|| {
            Problem::new(format!("{name}: has no column '{}'", names[0])).hint(format!(
                "its columns are {}; results of Ultralytics or YOLOv5 detectors are read",
                header.join(", ")
            ))
        })?;
    }
    let lines: Vec<(usize, Vec<String>)> = lines.collect();
    if let Some((line, fields)) = lines.iter().find(|(_, fields)| fields.len() != header.len()) {
        return Err(Problem::new(format!(
            "{name}: line {line} has {} fields, and the header {}",
            fields.len(),
            header.len()
        ))
        .hint("the file was cut off, or is not CSV"));
    }
    let epochs = epochs(&lines, header.iter().position(|column| column == "epoch"), name)?;
    let read = |at: usize| -> Result<DetectorScores> {
        let (line, fields) = &lines[at];
        let part = |column: usize| {
            let value = fields[column].parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
            value.ok_or_else(|| {
                Problem::new(format!(
                    "{name}: line {line}: '{}' must be in [0, 1], not '{}'",
                    header[column], fields[column]
                ))
                .hint("the training may have diverged")
            })
        };
        let [map50_95, map50, precision, recall] = places.map(part);
        Ok(DetectorScores {
            map50_95: map50_95?,
            map50: map50?,
            precision: precision?,
            recall: recall?,
            epoch: epochs[at],
        })
    };
    let last = lines.len().checked_sub(1).ok_or_else(|| empty("has no row beneath its header"))?;
    let scores = match which {
        ResultEpoch::Last => read(last)?,
        ResultEpoch::Best => {
            // Without a number, and not with one that is no part of 1: in percent the best would be among the worst.
            let numbers = |at: &usize| {
                places.iter().all(|&column| {
                    let field = &lines[*at].1[column];
                    !field.is_empty() && !field.parse::<f64>().is_ok_and(f64::is_nan)
                })
            };
            let fitness = |d: &DetectorScores| 0.1 * d.map50 + 0.9 * d.map50_95;
            let mut best: Option<DetectorScores> = None;
            for row in (0..lines.len()).filter(numbers).map(read) {
                let row = row?;
                if best.as_ref().is_none_or(|best| fitness(&row) > fitness(best)) {
                    best = Some(row);
                }
            }
            // Of none with numbers, what is wrong with the last.
            best.map_or_else(|| read(last), Ok)?
        }
    };
    Ok(DetectorResults { scores, epochs: epochs.into_iter().max().unwrap_or_default() })
}

/// The fields of a line, without the blanks and the quotes around them.
fn fields(line: &str) -> Vec<String> {
    let mut quoted = false;
    let split = line.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    split
        .map(|field| {
            let field = field.trim();
            let inside = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            inside.map_or_else(|| field.to_owned(), |inside| inside.trim().replace("\"\"", "\""))
        })
        .collect()
}

/// The epoch of each row, from 1: that of its column, or the number of the row. Who counts rows 0, 1, 2 counts from 0.
fn epochs(lines: &[(usize, Vec<String>)], column: Option<usize>, name: &str) -> Result<Vec<u32>> {
    let rows = || (1..).take(lines.len());
    let Some(column) = column else { return Ok(rows().collect()) };
    let mut found = Vec::with_capacity(lines.len());
    for (line, fields) in lines {
        let field = &fields[column];
        let value = field.parse::<f64>().ok().filter(|v| v.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(v));
        let value = value.ok_or_else(|| {
            Problem::new(format!("{name}: line {line}: 'epoch' must be a whole number, not '{field}'"))
                .hint("the file may have been changed, or written by something else")
        })?;
        found.push(value as u32);
    }
    if found.iter().zip(rows()).all(|(&epoch, row)| epoch + 1 == row) {
        return Ok(rows().collect());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PADDED: &str = "                  epoch,   metrics/precision(B),      metrics/recall(B),       metrics/mAP50(B),    metrics/mAP50-95(B)\n\
                          0, 0.1, 0.2, 0.5, 0.25\n 1, .2, .3, .6, .4\n 2, 0.3, 0.4, 0.9, 0.35\n\n";

    #[test]
    fn results_are_those_of_the_last_row_or_of_the_best() {
        let last = parse(PADDED, "r.csv", ResultEpoch::Last).expect("results");
        let of =
            |map50_95, map50, precision, recall, epoch| DetectorScores { map50_95, map50, precision, recall, epoch };
        assert_eq!(last, DetectorResults { scores: of(0.35, 0.9, 0.3, 0.4, 3), epochs: 3 });
        // 0.42 in the second epoch, 0.405 in the third.
        let best = parse(PADDED, "r.csv", ResultEpoch::Best).expect("results");
        assert_eq!(best, DetectorResults { scores: of(0.4, 0.6, 0.2, 0.3, 2), epochs: 3 });
        // Of equals the first.
        let twice = PADDED.replace("2, 0.3, 0.4, 0.9, 0.35", "2, .2, .3, .6, .4");
        assert_eq!(parse(&twice, "r.csv", ResultEpoch::Best).expect("results").scores.epoch, 2);
    }

    #[test]
    fn results_columns_go_by_name() {
        let five =
            "epoch,x/lr0,metrics/mAP_0.5:0.95,metrics/mAP_0.5,metrics/recall,metrics/precision\r\n0,9,.1,.2,.3,.4\r\n";
        let found = parse(&format!("\u{feff}{five}"), "r.csv", ResultEpoch::Last).expect("results").scores;
        assert_eq!(found, DetectorScores { map50_95: 0.1, map50: 0.2, precision: 0.4, recall: 0.3, epoch: 1 });
    }

    #[test]
    fn results_errors_name_file_line_and_column() {
        let wrong = |text: &str| parse(text, "r.csv", ResultEpoch::Last).expect_err("refused").to_string();
        let last = PADDED.replace("0.9, 0.35", ".6, .4");
        assert_eq!(wrong(" \n"), "r.csv: is empty");
        assert_eq!(wrong(PADDED.lines().next().expect("a header")), "r.csv: has no row beneath its header");
        assert_eq!(wrong(&PADDED.replace("mAP50(B)", "mAP(B)")), "r.csv: has no column 'metrics/mAP50(B)'");
        assert_eq!(
            wrong(&last.replace(".6, .4\n\n", "nan, .4")),
            "r.csv: line 4: 'metrics/mAP50(B)' must be in [0, 1], not 'nan'"
        );
        assert_eq!(
            wrong(&last.replace(".6, .4\n\n", "60, .4")),
            "r.csv: line 4: 'metrics/mAP50(B)' must be in [0, 1], not '60'"
        );
        assert_eq!(
            wrong(&last.replace(".6, .4\n\n", ", .4")),
            "r.csv: line 4: 'metrics/mAP50(B)' must be in [0, 1], not ''"
        );
        assert_eq!(wrong(&PADDED.replace(", 0.9, 0.35", "")), "r.csv: line 4 has 3 fields, and the header 5");
        assert_eq!(
            wrong(&PADDED.replace(" 1, .2", " x, .2")),
            "r.csv: line 3: 'epoch' must be a whole number, not 'x'"
        );
        let error = read(Path::new("/nowhere/r.csv"), ResultEpoch::Last).expect_err("not there");
        assert!(error.to_string().starts_with("/nowhere/r.csv: is not there"), "{error}");
        assert!(error.hint_text().is_some_and(|hint| hint.to_string().contains("detector.results")), "{error}");
    }

    /// One epoch without numbers is no end of a training.
    #[test]
    fn results_need_numbers_where_they_can_be_the_result() {
        for none in ["nan", "NaN", ""] {
            let early = PADDED.replace("0.2, 0.5", &format!("{none}, 0.5"));
            for which in [ResultEpoch::Last, ResultEpoch::Best] {
                assert_eq!(
                    parse(&early, "r.csv", which).expect("results"),
                    parse(PADDED, "r.csv", which).expect("these")
                );
            }
            // Without the second epoch the third is the best.
            let best = PADDED.replace(".6, .4", &format!(".6, {none}"));
            assert_eq!(parse(&best, "r.csv", ResultEpoch::Best).expect("results").scores.epoch, 3);
            // The last alone is no result of what ended without numbers, and the best is.
            let late = PADDED.replace("0.9, 0.35", &format!("{none}, {none}"));
            assert!(parse(&late, "r.csv", ResultEpoch::Last).is_err());
            assert_eq!(parse(&late, "r.csv", ResultEpoch::Best).expect("results").scores.epoch, 2);
            let all = late.replace(".6, .4", &format!("{none}, .4")).replace("0.5, 0.25", &format!("{none}, 0.25"));
            let error = parse(&all, "r.csv", ResultEpoch::Best).expect_err("refused").to_string();
            assert_eq!(error, format!("r.csv: line 4: 'metrics/mAP50-95(B)' must be in [0, 1], not '{none}'"));
        }
        // In percent, what is below one would be the best.
        let error =
            parse(&PADDED.replace(".6, .4", "60, 40"), "r.csv", ResultEpoch::Best).expect_err("refused").to_string();
        assert_eq!(error, "r.csv: line 3: 'metrics/mAP50-95(B)' must be in [0, 1], not '40'");
    }

    /// Who tests every tenth epoch has a row for each of them.
    #[test]
    fn results_epochs_are_those_of_the_file() {
        let of = |epochs: [&str; 3]| {
            let text = format!(
                "epoch,metrics/precision(B),metrics/recall(B),metrics/mAP50(B),metrics/mAP50-95(B)\n\
                 {},.1,.1,.1,.1\n{},.1,.1,.3,.3\n{},.1,.1,.2,.2\n",
                epochs[0], epochs[1], epochs[2]
            );
            let of = |which| parse(&text, "r.csv", which).expect("results");
            let (last, best) = (of(ResultEpoch::Last), of(ResultEpoch::Best));
            assert_eq!(last.epochs, best.epochs);
            (last.epochs, last.scores.epoch, best.scores.epoch)
        };
        assert_eq!(of(["10", "20", "30"]), (30, 30, 20));
        assert_eq!(of(["1", "2", "3"]), (3, 3, 2));
        assert_eq!(of(["0", "1", "2"]), (3, 3, 2));
        assert_eq!(of(["0", "10", "20"]), (20, 20, 10));
        assert_eq!(of(["1.0", "2.0", "2.0"]), (2, 2, 2));
        let without = PADDED.replace("epoch", "round").replace(" 2,", " 9,");
        assert_eq!(parse(&without, "r.csv", ResultEpoch::Last).expect("results").epochs, 3);
    }

    #[test]
    fn results_names_and_values_may_be_quoted() {
        let text = "\"epoch\", \"a, b\",\"metrics/precision(B)\",\"metrics/recall(B)\",\" metrics/mAP50(B)\",\"metrics/mAP50-95(B)\"\n\
                    \"7\",\"1, \"\"2\"\"\",.1,\".2\",.5,.25\n";
        let found = parse(text, "r.csv", ResultEpoch::Last).expect("results").scores;
        assert_eq!(found, DetectorScores { map50_95: 0.25, map50: 0.5, precision: 0.1, recall: 0.2, epoch: 7 });
    }
}
