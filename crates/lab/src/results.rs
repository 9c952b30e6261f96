//! What a detector wrote of its training: `results.csv` of Ultralytics, or of YOLOv5.
//!
//! One row an epoch, and of each the precision, the recall and the mean average precision on the validation pictures.
//! Names of columns are padded with blanks in older versions.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Which epoch is the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The last.
    #[default]
    Last,
    /// That of the most 0.1 · mAP50 + 0.9 · mAP50-95, the first of equals.
    Best,
}

/// What a detector is worth on the validation pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Mean average precision, in the mean of overlaps from 0.50 to 0.95.
    pub map50_95: f64,
    /// Mean average precision at an overlap of 0.50.
    pub map50: f64,
    /// Precision.
    pub precision: f64,
    /// Recall.
    pub recall: f64,
    /// The epoch that these are of, from 1.
    pub epoch: u32,
}

/// Results of a training: the scores, and how many epochs there were.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Of the epoch that was asked for.
    pub scores: Detection,
    /// Rows of the file.
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
pub fn read(path: &Path, which: Which) -> Result<Results> {
    let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::new(
            format!("{}: is not there: the command ended without writing its results", path.display()),
            "detector.results says where the command writes them, such as {out}/run/results.csv",
        ),
        _ => Error::io(path, "cannot be read", &e),
    })?;
    parse(&text, &path.display().to_string(), which)
}

/// Reads the text of one; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, name: &str, which: Which) -> Result<Results> {
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.split(',').map(str::trim).collect::<Vec<_>>()))
        .filter(|(_, fields)| fields.iter().any(|field| !field.is_empty()));
    let empty =
        |what: &str| Error::new(format!("{name}: {what}"), "the training may have ended before its first epoch");
    let (_, header) = lines.next().ok_or_else(|| empty("is empty"))?;
    let mut places = [0; 4];
    for (place, names) in places.iter_mut().zip(&COLUMNS) {
        *place = header.iter().position(|column| names.contains(column)).ok_or_else(|| {
            Error::new(
                format!("{name}: has no column '{}'", names[0]),
                format!("its columns are {}; results of Ultralytics or YOLOv5 detectors are read", header.join(", ")),
            )
        })?;
    }
    let mut found: Option<Detection> = None;
    let mut epochs = 0;
    for (line, fields) in lines {
        if fields.len() != header.len() {
            return Err(Error::new(
                format!("{name}: line {line} has {} fields, and the header {}", fields.len(), header.len()),
                "the file was cut off, or is no CSV",
            ));
        }
        let part = |at: usize| {
            let value = fields[at].parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
            value.ok_or_else(|| {
                Error::new(
                    format!("{name}: line {line}: '{}' must be in [0, 1], not '{}'", header[at], fields[at]),
                    "the training may have diverged",
                )
            })
        };
        epochs += 1;
        let [map50_95, map50, precision, recall] = places;
        let row = Detection {
            map50_95: part(map50_95)?,
            map50: part(map50)?,
            precision: part(precision)?,
            recall: part(recall)?,
            epoch: epochs,
        };
        let fitness = |d: &Detection| 0.1 * d.map50 + 0.9 * d.map50_95;
        if which == Which::Last || found.as_ref().is_none_or(|best| fitness(&row) > fitness(best)) {
            found = Some(row);
        }
    }
    let scores = found.ok_or_else(|| empty("has no row beneath its header"))?;
    Ok(Results { scores, epochs })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PADDED: &str = "                  epoch,   metrics/precision(B),      metrics/recall(B),       metrics/mAP50(B),    metrics/mAP50-95(B)\n\
                          0, 0.1, 0.2, 0.5, 0.25\n 1, .2, .3, .6, .4\n 2, 0.3, 0.4, 0.9, 0.35\n\n";

    #[test]
    fn the_last_row_is_the_result_unless_the_best_is_asked_for() {
        let last = parse(PADDED, "r.csv", Which::Last).expect("results");
        let of = |map50_95, map50, precision, recall, epoch| Detection { map50_95, map50, precision, recall, epoch };
        assert_eq!(last, Results { scores: of(0.35, 0.9, 0.3, 0.4, 3), epochs: 3 });
        // 0.42 in the second epoch, 0.405 in the third.
        let best = parse(PADDED, "r.csv", Which::Best).expect("results");
        assert_eq!(best, Results { scores: of(0.4, 0.6, 0.2, 0.3, 2), epochs: 3 });
        // Of equals the first.
        let twice = PADDED.replace("2, 0.3, 0.4, 0.9, 0.35", "2, .2, .3, .6, .4");
        assert_eq!(parse(&twice, "r.csv", Which::Best).expect("results").scores.epoch, 2);
    }

    #[test]
    fn columns_go_by_name_whoever_wrote_them() {
        let five =
            "epoch,x/lr0,metrics/mAP_0.5:0.95,metrics/mAP_0.5,metrics/recall,metrics/precision\r\n0,9,.1,.2,.3,.4\r\n";
        let found = parse(&format!("\u{feff}{five}"), "r.csv", Which::Last).expect("results").scores;
        assert_eq!(found, Detection { map50_95: 0.1, map50: 0.2, precision: 0.4, recall: 0.3, epoch: 1 });
    }

    #[test]
    fn what_is_wrong_is_said_with_file_line_and_column() {
        let wrong = |text: &str| parse(text, "r.csv", Which::Last).expect_err("refused").to_string();
        assert_eq!(wrong(" \n"), "r.csv: is empty");
        assert_eq!(wrong(PADDED.lines().next().expect("a header")), "r.csv: has no row beneath its header");
        assert_eq!(wrong(&PADDED.replace("mAP50(B)", "mAP(B)")), "r.csv: has no column 'metrics/mAP50(B)'");
        assert_eq!(
            wrong(&PADDED.replace(".6,", "nan,")),
            "r.csv: line 3: 'metrics/mAP50(B)' must be in [0, 1], not 'nan'"
        );
        assert_eq!(
            wrong(&PADDED.replace(".6,", "60,")),
            "r.csv: line 3: 'metrics/mAP50(B)' must be in [0, 1], not '60'"
        );
        assert_eq!(wrong(&PADDED.replace(".6,", ",")), "r.csv: line 3: 'metrics/mAP50(B)' must be in [0, 1], not ''");
        assert_eq!(wrong(&PADDED.replace(", 0.9, 0.35", "")), "r.csv: line 4 has 3 fields, and the header 5");
        let error = read(Path::new("/nowhere/r.csv"), Which::Last).expect_err("not there");
        assert!(error.to_string().starts_with("/nowhere/r.csv: is not there"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("detector.results")), "{error}");
    }
}
