//! Benchmarks that are run by hand: beside the peers, and by counting instructions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The counts that are accepted, with the compiler that made them.
const COUNTS: &str = "benches/record/instructions.csv";
/// How far a count may be from the accepted one, in percent.
const TOLERANCE: f64 = 3.0;
/// The function inside of which callgrind counts.
const COUNTED: &str = "*instructions_are_counted_here*";

/// Measures leanset beside its peers: benches/peers/run.py.
pub(crate) fn peers(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let arguments: Vec<String> = std::iter::once("bench-peers".to_owned()).chain(arguments).collect();
    crate::run("./x", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Counts the instructions of every kernel, and compares them with the accepted counts.
pub(crate) fn instructions(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut accept, mut only) = (false, String::new());
    let mut arguments = arguments.peekable();
    while let Some(word) = arguments.next() {
        match (word.as_str(), arguments.peek()) {
            ("--accept", _) => accept = true,
            ("--only", Some(_)) => only = arguments.next().unwrap_or_default(),
            _ => return Err("bench-instructions takes --accept and --only PATTERN".into()),
        }
    }
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Err("valgrind is missing, which counts the instructions: sudo apt-get install valgrind".into());
    }
    let program = built()?;
    let compiler = text(Command::new("rustc").arg("--version"))?;
    let known = accepted()?;
    let mut counts = BTreeMap::new();
    let mut wrong = Vec::new();
    for name in text(Command::new(&program).arg("--list"))?.lines().filter(|name| name.contains(&only)) {
        let count = count(&program, name)?;
        let old = known.counts.get(name).copied();
        let change = old.map(|old| (count as f64 / old as f64 - 1.0) * 100.0);
        let verdict = match change {
            None => "new".to_owned(),
            Some(change) if change > TOLERANCE => format!("{change:+.1} %: SLOWER"),
            Some(change) if change < -TOLERANCE => format!("{change:+.1} %: faster"),
            Some(change) => format!("{change:+.1} %"),
        };
        println!("{name:<40} {count:>14} {verdict}");
        if change.is_none_or(|change| change.abs() > TOLERANCE) {
            wrong.push(name.to_owned());
        }
        counts.insert(name.to_owned(), count);
    }
    if accept {
        let mut all = known.counts;
        all.extend(counts);
        let lines: String = all.iter().map(|(name, count)| format!("{name},{count}\n")).collect();
        let path = crate::root().join(COUNTS);
        return std::fs::write(&path, format!("kernel,instructions\n{lines}# {compiler}\n"))
            .map_err(|e| format!("{}: {e}", path.display()));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let other = if known.compiler == compiler {
        String::new()
    } else {
        format!(" The counts are of {}, and this is {compiler}: that alone can change them.", known.compiler)
    };
    Err(format!(
        "more than {TOLERANCE} % from the counts in {COUNTS}: {}.{other} If it is meant to be so: ./x bench-instructions --accept",
        wrong.join(", ")
    ))
}

struct Accepted {
    counts: BTreeMap<String, u64>,
    compiler: String,
}

fn accepted() -> Result<Accepted, String> {
    let path = crate::root().join(COUNTS);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut found = Accepted { counts: BTreeMap::new(), compiler: String::new() };
    for line in text.lines().skip(1) {
        if let Some(compiler) = line.strip_prefix("# ") {
            compiler.clone_into(&mut found.compiler);
        } else if let Some((name, count)) = line.split_once(',') {
            let count = count.parse().map_err(|e| format!("{}: {line}: {e}", path.display()))?;
            found.counts.insert(name.to_owned(), count);
        }
    }
    Ok(found)
}

/// The program of the kernels: crates/core/benches/kernels.rs.
fn built() -> Result<PathBuf, String> {
    let words =
        ["bench", "--locked", "-p", "leanset-core", "--bench", "kernels", "--no-run", "--message-format", "json"];
    println!("xtask: cargo {}", words.join(" "));
    let output = Command::new("cargo")
        .args(words)
        .stderr(std::process::Stdio::inherit())
        .current_dir(crate::root())
        .output()
        .map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() {
        return Err("the kernels do not compile".into());
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "kernels")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo does not say where the program of the kernels is".into())
}

fn text(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => {
            Err(format!("{}: {}", command.get_program().display(), String::from_utf8_lossy(&output.stderr).trim()))
        }
    }
}

/// The instructions of one run of a kernel, from callgrind's summary.
fn count(program: &Path, name: &str) -> Result<u64, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let out = folder.path().join("callgrind.out");
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--collect-atstart=no", &format!("--toggle-collect={COUNTED}")])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["--once", name]);
    text(&mut command)?;
    let written = std::fs::read_to_string(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    written
        .lines()
        .find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")))
        .and_then(|number| number.trim().parse().ok())
        .filter(|&number: &u64| number > 0)
        .ok_or_else(|| format!("{name}: callgrind has counted nothing"))
}
