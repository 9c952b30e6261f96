//! The page on speed: the latest line of every case in `benches/record/peers.csv`, and the targets that are missed.

use std::collections::HashMap;
use std::fmt::Write as _;

/// What `./x bench-peers` appends to.
const PEERS: &str = "benches/record/peers.csv";
/// The exponents of the growth with rows, columns and ratio.
const GROWTH: &str = "benches/record/growth.csv";
/// Why targets are missed.
const LIMITS: &str = "benches/peers/limits.toml";

/// A line of a record, by its columns. The scripts write no commas into fields.
struct Line(HashMap<String, String>);

impl Line {
    fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }
    fn number(&self, column: &str) -> Option<f64> {
        self.text(column).parse().ok()
    }
    /// The name of the case, as `./x bench-peers` prints it.
    fn case(&self) -> String {
        let [work, data, n, d, dtype, kept, peer] =
            ["work", "data", "n", "d", "dtype", "kept", "peer"].map(|column| self.text(column));
        format!("{work}: {data} {n} x {d} {dtype} {kept} / {peer}")
    }
    fn key(&self) -> (String, String) {
        (self.case(), self.text("threads").to_owned())
    }
    /// Whether the target is met; nothing if there is none, or no number to compare with it.
    fn met(&self) -> Option<bool> {
        let (least, unit) = self.text("target").split_once(' ')?;
        let target: f64 = least.parse().ok()?;
        match unit {
            "x" => Some(self.number("ratio")? >= target),
            "s" => Some(self.number("ours_s")? <= target),
            _ => None,
        }
    }
}

/// The lines of a record; none if the file is not there.
fn lines(file: &str) -> Result<Vec<Line>, String> {
    let path = crate::root().join(file);
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(Vec::new()) };
    let mut rows = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let Some(head) = rows.next() else { return Ok(Vec::new()) };
    rows.enumerate()
        .map(|(i, row)| {
            if row.len() == head.len() {
                Ok(Line(head.iter().cloned().zip(row).collect()))
            } else {
                Err(format!(
                    "{}: line {}: {} fields, and the header has {}",
                    path.display(),
                    i + 2,
                    row.len(),
                    head.len()
                ))
            }
        })
        .collect()
}

/// The last line of every case that was measured, in the order in which cases were measured first, and the first ratio of each.
fn latest(lines: &[Line]) -> (Vec<&Line>, HashMap<(String, String), f64>) {
    let (mut order, mut last, mut first) = (Vec::new(), HashMap::new(), HashMap::new());
    for line in lines {
        let key = line.key();
        if !last.contains_key(&key) {
            order.push(key.clone());
        }
        if let Some(ratio) = line.number("ratio") {
            first.entry(key.clone()).or_insert(ratio);
        }
        last.insert(key, line);
    }
    (order.into_iter().map(|key| last[&key]).collect(), first)
}

/// Three digits, as people write them.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v == 0.0 || v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        v => (2 - v.log10().floor() as i32).clamp(0, 6) as usize,
    };
    format!("{value:.digits$}")
}

fn seconds(line: &Line, column: &str) -> String {
    line.number(column).map_or("–".into(), |value| match value {
        v if v < 1.0 => format!("{} ms", short(v * 1e3)),
        v => format!("{} s", short(v)),
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// Rows with a thin space between thousands.
fn thousands(text: &str) -> String {
    let mut out = String::new();
    for (i, digit) in text.chars().enumerate() {
        if i > 0 && (text.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A table for each work, under its heading.
pub(crate) fn tables() -> Result<String, String> {
    let lines = lines(PEERS)?;
    let (latest, first) = latest(&lines);
    let mut works: Vec<&str> = Vec::new();
    for line in &latest {
        if !works.contains(&line.text("work")) {
            works.push(line.text("work"));
        }
    }
    let mut out = String::new();
    for work in works {
        let _ = write!(
            out,
            "### {}\n\n| data | kept | peer | threads | leanset | peer | ratio | quartiles | first record | target | memory | memory of the peer |\n\
             |---|---|---|---:|---:|---:|---:|---|---:|---|---:|---:|\n",
            capital(work)
        );
        for line in latest.iter().filter(|line| line.text("work") == work) {
            let ratio = |column| line.number(column).map_or("–".into(), short);
            let quartiles = match (line.number("ratio_q1"), line.number("ratio_q3")) {
                (Some(a), Some(b)) => format!("{} – {}", short(a), short(b)),
                _ => String::new(),
            };
            let memory = |column| line.number(column).map_or("–".into(), |mb| format!("{mb:.0} MB"));
            let target = match (line.text("target"), line.met()) {
                ("", _) => String::new(),
                (target, Some(true)) => format!("{target}, met"),
                (target, Some(false)) => format!("**{target}, missed**"),
                (target, None) => format!("{target}, not measured"),
            };
            let _ = writeln!(
                out,
                "| {} {} × {} {} | {} | {} | {} | {} | {} | {} | {quartiles} | {} | {} | {} | {} |",
                line.text("data"),
                thousands(line.text("n")),
                line.text("d"),
                line.text("dtype"),
                line.text("kept"),
                if line.text("peer").is_empty() { "–" } else { line.text("peer") },
                line.text("threads"),
                seconds(line, "ours_s"),
                seconds(line, "theirs_s"),
                ratio("ratio"),
                first.get(&line.key()).map_or("–".into(), |&ratio| short(ratio)),
                target.replace(" x", " ×"),
                memory("ours_mb"),
                memory("theirs_mb"),
            );
        }
        out.push('\n');
    }
    Ok(out)
}

/// Where and with what the latest lines were measured.
pub(crate) fn machines() -> Result<String, String> {
    let lines = lines(PEERS)?;
    let (latest, _) = latest(&lines);
    let distinct = |column: &str| {
        let mut found: Vec<&str> =
            latest.iter().map(|line| line.text(column)).filter(|text| !text.is_empty()).collect();
        found.sort_unstable();
        found.dedup();
        found.join("; ")
    };
    let loads: Vec<f64> = latest.iter().filter_map(|line| line.number("load")).collect();
    let (low, high) = loads.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &load| (a.min(load), b.max(load)));
    Ok(format!(
        "| | |\n|---|---|\n| dates | {} |\n| processor | {} |\n| cores | {} |\n| load average while measured | {low:.1} to {high:.1} |\n| peers | {} |\n\
         | BLAS of NumPy and SciPy | {} |\n",
        distinct("date"),
        distinct("cpu"),
        distinct("cores"),
        distinct("version"),
        distinct("blas"),
    ))
}

/// The targets that the latest lines miss, each with its reason.
pub(crate) fn missed() -> Result<String, String> {
    let path = crate::root().join(LIMITS);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let limits: toml::Table = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
    let limits = limits.get("limit").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let reason = |line: &Line| {
        let case = format!("{} [{}]", line.case(), line.text("threads"));
        let words = |limit: &toml::Value| -> Vec<String> {
            let words = limit.get("case").and_then(toml::Value::as_array).into_iter().flatten();
            words.filter_map(toml::Value::as_str).map(str::to_owned).collect()
        };
        limits
            .iter()
            .find(|limit| words(limit).iter().all(|word| case.contains(word.as_str())))
            .and_then(|limit| limit.get("reason")?.as_str())
            .unwrap_or("The reason is not known yet.")
            .to_owned()
    };
    let lines = lines(PEERS)?;
    let (latest, _) = latest(&lines);
    let mut out = String::from("| case | threads | measured | target | reason and limit |\n|---|---:|---:|---|---|\n");
    for line in latest.iter().filter(|line| line.met() == Some(false)) {
        let measured = match line.text("target").ends_with('s') {
            true => seconds(line, "ours_s"),
            false => format!("{} ×", line.number("ratio").map_or("–".into(), short)),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {measured} | {} | {} |",
            line.case().replace(" x ", " × "),
            line.text("threads"),
            line.text("target").replace(" x", " ×"),
            reason(line)
        );
    }
    Ok(out)
}

/// Exponents of the growth.
pub(crate) fn growth() -> Result<String, String> {
    let lines = lines(GROWTH)?;
    let mut out = String::from(
        "| work | data | grows with | from – to | leanset | peer | exponent of the peer |\n|---|---|---|---|---:|---|---:|\n",
    );
    let key = |line: &Line| ["work", "data", "variable", "peer"].map(|column| line.text(column).to_owned());
    let last: HashMap<_, _> = lines.iter().map(|line| (key(line), line)).collect();
    let mut done = Vec::new();
    for line in &lines {
        if done.contains(&key(line)) {
            continue;
        }
        done.push(key(line));
        let line = last[&key(line)];
        let values: Vec<&str> = line.text("values").split(' ').collect();
        let exponent = |column| line.number(column).map_or("–".into(), |value| format!("{value:.2}"));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} – {} | {} | {} | {} |",
            line.text("work"),
            line.text("data"),
            line.text("variable"),
            values.first().unwrap_or(&""),
            values.last().unwrap_or(&""),
            exponent("ours"),
            line.text("peer"),
            exponent("theirs"),
        );
    }
    Ok(out)
}
