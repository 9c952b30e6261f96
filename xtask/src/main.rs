//! `cargo xtask check | docs | kill | fuzz | bench-peers | bench-instructions`: what contributors run, and the documents made from the code.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a developer's tool that talks to its terminal

mod bench;
#[cfg(test)]
mod builds;
#[cfg(test)]
mod circles;
mod documents;
mod example;
mod fuzz;
#[cfg(test)]
mod packages;
mod pages;
mod picture;
mod record;
mod speed;
mod stubs;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    if fuzz::work_if_asked() {
        return ExitCode::SUCCESS;
    }
    let done = match std::env::args().nth(1).as_deref() {
        Some("check") => check(),
        Some("docs") => docs(),
        Some("kill") => kill(std::env::args().skip(2)),
        Some("fuzz") => fuzz::main(std::env::args().skip(2)),
        Some("bench-peers") => bench::peers(std::env::args().skip(2)),
        Some("bench-instructions") => bench::instructions(std::env::args().skip(2)),
        _ => Err("cargo xtask check | docs | kill [--minutes N] | fuzz [--help] | bench-peers [--help] | \
                  bench-instructions [--accept] [--only PATTERN]"
            .into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Formatting, lints, tests (which hold the generated documents against the code).
fn check() -> Result<(), String> {
    run("cargo", &["fmt", "--all", "--", "--check"])?;
    // rustfmt does not look into modules that a macro declares: the methods, files and folders, are named to it one by one.
    let methods = root().join("crates/core/src/methods");
    let paths = |folder: &Path| -> Result<Vec<PathBuf>, String> {
        let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(entries.filter_map(|e| Some(e.ok()?.path())).collect())
    };
    let mut files = Vec::new();
    for path in paths(&methods)? {
        files.extend(if path.is_dir() { paths(&path)? } else { vec![path] });
    }
    let files: Vec<String> =
        files.iter().map(|path| path.display().to_string()).filter(|p| p.ends_with(".rs")).collect();
    let mut arguments = vec!["--check", "--edition", "2024"];
    arguments.extend(files.iter().map(String::as_str));
    run("rustfmt", &arguments)?;
    let clippy = ["clippy", "--profile", "quick", "--workspace", "--all-targets", "--locked"];
    run("cargo", &[&clippy[..], &["--", "-D", "warnings"]].concat())?;
    // Only crates/python is another one with it.
    run("cargo", &[&clippy[..], &["--features", "leanset-python/files", "--", "-D", "warnings"]].concat())?;
    run("cargo", &["test", "--profile", "quick", "--workspace", "--locked"])?;
    run("./x", &["test-python"])?;
    match Command::new("cargo").args(["deny", "--version"]).output() {
        Ok(output) if output.status.success() => run("cargo", &["deny", "check"]),
        _ => {
            println!("xtask: licences and advisories not checked: cargo install cargo-deny --locked");
            Ok(())
        }
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    println!("xtask: {program} {}", arguments.join(" "));
    let status = Command::new(program).args(arguments).current_dir(root()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} {} ended with {status}", arguments.first().unwrap_or(&""))),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// Kills and interrupts runs for so many minutes, and checks that nothing is lost: crates/cli/tests/kill.rs.
fn kill(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let minutes = match (arguments.next().as_deref(), arguments.next()) {
        (None, None) => "10".to_owned(),
        (Some("--minutes"), Some(minutes)) if minutes.parse().is_ok_and(|m: f64| m > 0.0) => minutes,
        _ => return Err("kill takes --minutes N".into()),
    };
    println!("xtask: killing runs for {minutes} minutes");
    let test = ["test", "--profile", "quick", "--locked", "-p", "leanset-cli", "--test", "main", "--"];
    let campaign = ["kill::campaign", "--exact", "--ignored", "--nocapture"];
    let status = Command::new("cargo")
        .args([&test[..], &campaign].concat())
        .env("LEANSET_KILL_MINUTES", minutes)
        .current_dir(root())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the campaign ended with {status}")),
        Err(error) => Err(format!("cargo: {error}")),
    }
}

/// Makes every generated document again.
fn docs() -> Result<(), String> {
    for (path, text) in documents::all()? {
        let path = root().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("xtask: wrote {}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    /// What is committed is what the code makes.
    #[test]
    fn generated_documents_are_up_to_date() {
        for (path, text) in super::documents::all().expect("the documents are made") {
            let committed = std::fs::read_to_string(super::root().join(&path)).unwrap_or_default();
            assert!(committed == text, "{path} is not what the code makes: run ./x docs");
        }
    }
    /// A page of a method that is no longer there would stay on the site.
    #[test]
    fn no_page_is_left_over() {
        let made: Vec<_> = super::documents::all().expect("the documents are made").into_iter().map(|d| d.0).collect();
        let folder = super::root().join("docs/methods");
        for file in std::fs::read_dir(folder).expect("the pages are there") {
            let name = format!("docs/methods/{}", file.expect("a file").file_name().display());
            assert!(made.contains(&name), "{name} is not made by the code: remove it");
        }
    }
}
