//! What `cargo publish` needs of every crate that is published, without building its archive: `./x package` does that before a release.

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(super::root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The crates that are published, as `cargo metadata` describes them.
fn published() -> Vec<Value> {
    let described: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1", "--locked"])).expect("JSON");
    let packages = described["packages"].as_array().expect("packages").iter();
    // `publish = false` is an empty list of registries.
    let published: Vec<Value> = packages.filter(|package| package["publish"].is_null()).cloned().collect();
    assert!(published.len() > 10, "{} crates", published.len());
    published
}

fn folder(package: &Value) -> PathBuf {
    Path::new(package["manifest_path"].as_str().expect("a path")).parent().expect("a folder").to_owned()
}

#[test]
fn published_crates_say_what_a_registry_asks() {
    for package in published() {
        let name = package["name"].as_str().expect("a name");
        for key in ["description", "license", "repository", "rust_version"] {
            assert!(package[key].as_str().is_some_and(|text| !text.is_empty()), "{name} lacks {key}");
        }
        for (key, most) in [("keywords", 5), ("categories", 5)] {
            let count = package[key].as_array().map_or(0, Vec::len);
            assert!((1..=most).contains(&count), "{name} has {count} {key}");
        }
        // A path alone is no dependency of a published crate.
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let (to, is_path) = (&dependency["name"], dependency["path"].is_string());
            assert!(!is_path || dependency["req"] != "*", "{name} needs {to} without a version");
        }
    }
}

/// The files that the sources below a folder take in, by literal: `include_str!`, `include_bytes!` and `#[path]`. Of a path that is
/// put together, its first part.
fn taken_in(folder: &Path, found: &mut Vec<(PathBuf, PathBuf, bool)>) {
    for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            taken_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            for mark in ["include_str!(", "include_bytes!(", "include!(", "#[path = "] {
                for (_, rest) in text.match_indices(mark).map(|(at, _)| text[at..].split_at(mark.len())) {
                    let (whole, rest) = match rest.strip_prefix("concat!(") {
                        Some(rest) => (false, rest),
                        None => (true, rest),
                    };
                    let Some(literal) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                        continue;
                    };
                    let target = path.parent().expect("a folder").join(literal);
                    found.push((path.clone(), normal(&target), whole));
                }
            }
        }
    }
}

/// Without `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut to, component| {
        match component {
            Component::ParentDir => drop(to.pop()),
            other => to.push(other),
        }
        to
    })
}

#[test]
fn archives_have_their_licences_and_all_that_their_sources_take_in() {
    let mut checked = 0;
    for package in published() {
        let (name, folder) = (package["name"].as_str().expect("a name"), folder(&package));
        let listed = cargo(&["package", "--list", "--allow-dirty", "--locked", "--quiet", "--package", name]);
        let listed: Vec<&str> = listed.lines().collect();
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(listed.contains(&licence), "{name} lacks {licence}: ln -s ../../{licence} {}", folder.display());
        }
        let mut found = Vec::new();
        for part in ["src", "examples", "benches", "tests"].map(|part| folder.join(part)) {
            if part.is_dir() {
                taken_in(&part, &mut found);
            }
        }
        for (source, target, whole) in found {
            let source = source.strip_prefix(&folder).expect("a source of the crate").display();
            let Ok(inside) = target.strip_prefix(&folder) else {
                panic!("{name}: {source} takes in {}, which is outside of the crate", target.display());
            };
            let inside = inside.to_str().expect("a name").replace('\\', "/");
            let has = if whole { listed.contains(&&*inside) } else { listed.iter().any(|l| l.starts_with(&inside)) };
            assert!(has, "{name}: {source} takes in {inside}, which is not in the archive");
            checked += 1;
        }
    }
    assert!(checked >= 5, "{checked} files");
}
