//! What `./x demo`, `./x test` and the wheel build is built once.
//!
//! Cargo chooses the features of a dependency for each command. A feature that one command turns on and another does not makes
//! a second build of that crate, and of all that stands upon it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that a command builds, each with its features.
fn built(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p} [{f}]"])
        .args(arguments)
        .current_dir(super::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packages = String::from_utf8(output.stdout).expect("text");
    // Headings stand in brackets, and between trees is an empty line.
    packages.lines().filter(|line| !line.is_empty() && !line.starts_with('[')).map(str::to_owned).collect()
}

#[test]
fn demo_and_wheel_build_what_the_tests_build() {
    let tests = built(&["--workspace", "--edges", "normal,build,dev"]);
    assert!(tests.len() > 100, "{tests:?}");
    for package in ["leanset-cli", "leanset-py"] {
        let alone = built(&["--package", package, "--edges", "normal,build"]);
        let twice: Vec<&String> = alone.difference(&tests).collect();
        assert!(
            twice.is_empty(),
            "{package} alone has other features of these than the workspace, so they are built twice: {twice:#?}\n\
             name the missing features in its Cargo.toml, under 'Not used here', as they are in `cargo tree --workspace`"
        );
    }
}

/// The manifests of the workspace.
fn manifests() -> Vec<PathBuf> {
    let crates = std::fs::read_dir(super::root().join("crates")).expect("the crates");
    let folders = crates.map(|entry| entry.expect("an entry").path()).chain([super::root().join("xtask")]);
    folders.map(|folder| folder.join("Cargo.toml")).filter(|manifest| manifest.exists()).collect()
}

/// Whether a Rust file below a folder has a line for which this is so.
fn any_line(folder: &Path, test: fn(&str) -> bool) -> bool {
    std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).any(|path| {
        if path.is_dir() {
            return any_line(&path, test);
        }
        let rust = path.extension().is_some_and(|extension| extension == "rs");
        rust && std::fs::read_to_string(&path).expect("a source file").lines().any(|line| test(line.trim()))
    })
}

/// A crate whose tests are turned off, because building an empty test program takes as long as building the crate.
#[test]
fn crates_without_tests_have_none() {
    for manifest in manifests() {
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        let source = manifest.with_file_name("src");
        let says = |word: &str| text.lines().any(|line| line == word);
        assert!(
            !says("test = false") || !any_line(&source, |line| line == "#[test]"),
            "{}: a test in src is not run, because of 'test = false'",
            manifest.display()
        );
        assert!(
            !says("doctest = false") || !any_line(&source, |line| line == "/// ```" || line == "//! ```"),
            "{}: an example in src is not run, because of 'doctest = false'",
            manifest.display()
        );
    }
}

/// The files of tests are modules of one program, and one that is not named would not be built.
#[test]
fn files_of_tests_are_in_the_program() {
    for manifest in manifests() {
        let folder = manifest.with_file_name("tests");
        let Ok(main) = std::fs::read_to_string(folder.join("main.rs")) else { continue };
        for entry in std::fs::read_dir(&folder).expect("the tests") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let module = path.extension().is_some_and(|extension| extension == "rs") && name != "main";
            assert!(
                !module || main.lines().any(|line| line == format!("mod {name};")),
                "{}: not a module of main.rs beside it, so its tests are not run",
                path.display()
            );
        }
    }
}

/// What `./x package` packs has what a registry asks for, and the licences.
#[test]
fn published_crates_are_described_and_licensed() {
    for manifest in manifests() {
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        if text.contains("publish = false") {
            continue;
        }
        for key in
            ["description =", "license.workspace", "repository.workspace", "keywords.workspace", "categories.workspace"]
        {
            assert!(text.lines().any(|line| line.starts_with(key)), "{}: {key} is missing", manifest.display());
        }
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let file = manifest.with_file_name(licence);
            assert!(file.exists(), "{}: ln -s ../../{licence} beside Cargo.toml", file.display());
        }
    }
}
