//! What `benches/record` has of the methods: the comparison on Dry Bean, line by line.

use std::fmt::Write as _;

/// The record, below the root.
const FILE: &str = "benches/record/2026-11-21-drybean.md";

/// Medians of one method at one ratio, as text: they are printed as they were recorded.
pub(crate) struct Line {
    /// The paper's abbreviation, or `full`.
    pub method: String,
    /// The part kept, such as `10%`.
    pub kept: String,
    /// Accuracy here and published.
    pub accuracy: [String; 2],
    /// ε here and published.
    pub epsilon: [String; 2],
    /// Seconds of reduction and training here and published.
    pub seconds: [String; 2],
}

/// The first table of a record in Markdown, as it was recorded.
pub(crate) fn first_table(file: &str) -> Result<String, String> {
    let path = crate::root().join(file);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let is_row = |line: &&str| line.starts_with('|');
    let table: Vec<&str> = text.lines().skip_while(|line| !is_row(line)).take_while(is_row).collect();
    if table.is_empty() { Err(format!("{}: holds no table", path.display())) } else { Ok(table.join("\n") + "\n") }
}

/// The lines of the record's table.
pub(crate) fn lines() -> Result<Vec<Line>, String> {
    let path = crate::root().join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines: Vec<Line> = text
        .lines()
        .filter_map(|line| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let [method, kept, _, a0, a1, _, _, e0, e1, s0, s1, ..] = words.as_slice() else { return None };
            let pair = |a: &String, b: &String| [a.clone(), b.clone()];
            kept.ends_with('%').then(|| Line {
                method: method.clone(),
                kept: kept.replace('%', "\u{a0}%"),
                accuracy: pair(a0, a1),
                epsilon: pair(e0, e1),
                seconds: pair(s0, s1),
            })
        })
        .collect();
    if lines.iter().any(|l| l.method == "full") {
        Ok(lines)
    } else {
        Err(format!("{}: the table with its line of full training is not there", path.display()))
    }
}

/// The table of a method's page: itself beside random, at a few ratios. Nothing for a method that was not recorded.
pub(crate) fn of(alias: &str, lines: &[Line]) -> String {
    let mut out = String::new();
    let find = |method: &str, kept: &str| lines.iter().find(|l| l.method == method && l.kept == kept);
    for kept in ["10\u{a0}%", "30\u{a0}%", "50\u{a0}%", "70\u{a0}%", "90\u{a0}%"] {
        let (Some(own), Some(random)) = (find(alias, kept), find("SRS", kept)) else { continue };
        let _ = write!(out, "| {kept} | {} | {} |", own.accuracy[0], own.accuracy[1]);
        if alias != "SRS" {
            let _ = write!(out, " {} | {} |", random.accuracy[0], random.accuracy[1]);
        }
        let _ = writeln!(out, " {} | {} |", own.epsilon[0], own.epsilon[1]);
    }
    if out.is_empty() {
        return "There are no recorded runs of this method yet. Compare it with random on your own table in [an experiment](../experiments.md).\n".into();
    }
    let random = if alias == "SRS" { "" } else { " random, here | random, published |" };
    let dashes = if alias == "SRS" { "" } else { "---:|---:|" };
    let full = lines.iter().find(|l| l.method == "full").map(|l| l.accuracy.join(" here and ")).unwrap_or_default();
    format!(
        "| kept | accuracy, here | accuracy, published |{random} ε, here | ε, published |\n|---|---:|---:|{dashes}---:|---:|\n{out}\n\
         Medians over splits of Dry Bean, with the paper's network. Differences within the spread of repetitions mean nothing, and \
         full training reached {full} there: so compare only within a column. [The record](../../{FILE}) has the settings, the spread and all ratios.\n"
    )
}

/// The table of the page on choosing: all methods of the record at two ratios, and full training.
pub(crate) fn summary(lines: &[Line]) -> String {
    let mut out = String::from(
        "| method | kept | accuracy, here | accuracy, published | ε, here | ε, published | seconds, here | seconds, published |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for l in lines.iter().filter(|l| ["10\u{a0}%", "50\u{a0}%", "100\u{a0}%"].contains(&l.kept.as_str())) {
        let (a, e, s) = (&l.accuracy, &l.epsilon, &l.seconds);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            l.method, l.kept, a[0], a[1], e[0], e[1], s[0], s[1]
        );
    }
    let _ = write!(
        out,
        "\nThe values are from [the record](../{FILE}), which has all ratios and describes how it was made.\n"
    );
    out
}
