//! `--split`: test rows are held out first, written apart, and nothing of them reaches what is kept.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{Place, csv};

/// 160 rows of two classes in 20 groups of 8 rows, with a row of a third class.
fn grouped() -> Place {
    let mut text = String::from("x,y,who,kind\n");
    for row in 0..160_i32 {
        let kind = if row % 3 == 0 { "a" } else { "b" };
        text.push_str(&format!("{},{},p{},{kind}\n", (row * 37) % 101, (row * row) % 89, (row / 8) % 20));
    }
    Place::with("t.csv", text)
}

fn lines(place: &Place, name: &str) -> Vec<String> {
    place.text(name).lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn split_parts_are_the_table_and_only_the_training_rows_are_reduced() {
    let place = Place::with("t.csv", csv(120, 3, 2));
    let split = "--label class --id id --split 0.25";
    place.ok(&format!("reduce t.csv {split} -m mms -r 0.2 -o lean.csv --train-output train.csv --quiet"));
    let (lean, test, train) = (lines(&place, "lean.csv"), lines(&place, "lean-test.csv"), lines(&place, "train.csv"));
    let all: BTreeSet<String> = lines(&place, "t.csv").into_iter().collect();
    let parts: BTreeSet<String> = test.iter().chain(&train).cloned().collect();
    assert_eq!((test.len(), train.len(), lean.len()), (30, 90, 18));
    assert_eq!(parts, all);
    assert!(lean.iter().all(|row| train.contains(row)));
    // What is chosen of the training rows is what is chosen of them alone.
    for method in ["mms", "srs", "des", "clc -p output=rows"] {
        place.ok(&format!("reduce t.csv {split} -m {method} -r 0.2 -o a.csv --force --quiet"));
        place.ok(&format!("reduce train.csv --label class --id id -m {method} -r 0.2 -o b.csv --force --quiet"));
        assert_eq!(place.bytes("a.csv"), place.bytes("b.csv"), "{method}");
        assert_eq!(place.bytes("a-test.csv"), place.bytes("lean-test.csv"), "{method}");
    }
    // The same for any number of threads, other rows for another seed.
    place.ok(&format!("reduce t.csv {split} -m srs -r 0.2 -o one.csv --threads 1 --quiet"));
    assert_eq!(place.bytes("one-test.csv"), place.bytes("lean-test.csv"));
    place.ok(&format!("reduce t.csv {split} -m srs -r 0.2 -o two.csv --seed 1 --quiet"));
    assert_ne!(place.bytes("two-test.csv"), place.bytes("lean-test.csv"));
}

/// The law: test rows have no say in what is kept, nor in ε.
#[test]
fn test_rows_change_nothing() {
    let place = Place::with("t.csv", csv(120, 3, 2));
    let reduce = |input: &str, output: &str| {
        place.ok(&format!(
            "reduce {input} --label class --id id --split 0.25 --scale minmax -m mms -r 0.2 -o {output} --quiet"
        ));
        place.json(&format!("{output}.manifest.json"))
    };
    let before = reduce("t.csv", "lean.csv");
    let test: BTreeSet<String> = lines(&place, "lean-test.csv").into_iter().collect();
    // A thousand times the values in the test rows.
    let changed: Vec<String> = place
        .text("t.csv")
        .lines()
        .map(|line| {
            if test.contains(line) {
                line.replace(|c: char| c.is_ascii_digit() && c == '7', "9000")
            } else {
                line.to_owned()
            }
        })
        .collect();
    let header = place.text("t.csv").lines().next().expect("a header").to_owned();
    let id = header.split(',').position(|name| name == "id").expect("an id");
    let numbered: Vec<String> = changed
        .iter()
        .zip(place.text("t.csv").lines())
        .map(|(line, original)| {
            let (mut cells, own): (Vec<&str>, Vec<&str>) = (line.split(',').collect(), original.split(',').collect());
            cells[id] = own[id];
            cells.join(",")
        })
        .collect();
    place.write("u.csv", numbered.join("\n") + "\n");
    assert_ne!(place.text("u.csv"), place.text("t.csv"));
    let after = reduce("u.csv", "other.csv");
    assert_eq!(place.bytes("lean.csv"), place.bytes("other.csv"));
    assert_eq!((&before["row_ids"], &before["epsilon"]), (&after["row_ids"], &after["epsilon"]));
}

#[test]
fn groups_stay_together() {
    let place = grouped();
    let ran = place
        .run("reduce t.csv --label kind --split 0.25 --group who -m mms -r 0.2 -o lean.csv --train-output train.csv");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("5 of 20 groups by who"), "{}", ran.err);
    let groups = |name: &str| -> BTreeSet<String> {
        lines(&place, name).iter().map(|line| line.split(',').nth(2).expect("a group").to_owned()).collect()
    };
    let (test, train) = (groups("lean-test.csv"), groups("train.csv"));
    assert!(test.is_disjoint(&train) && test.len() + train.len() == 20);
    let manifest = place.json("lean.csv.manifest.json");
    assert_eq!(manifest["columns"]["features"], serde_json::json!(["x", "y"]), "a group is no feature");
    assert_eq!(manifest["test"]["rows"], 40);
}

#[test]
fn manifest_reproduces_both_files() {
    let place = grouped();
    place.ok("reduce t.csv --label kind --split 25% --group who --seed 3 -m srs -r 0.2 -o lean.csv --quiet");
    let manifest: Value = place.json("lean.csv.manifest.json");
    assert_eq!(manifest["request"]["split"], serde_json::json!({"test": 0.25, "group": "who"}));
    place.ok("reduce --from-manifest lean.csv.manifest.json -o again.csv --quiet");
    assert_eq!(place.bytes("again.csv"), place.bytes("lean.csv"));
    assert_eq!(place.bytes("again-test.csv"), place.bytes("lean-test.csv"));
    // Where the outputs were, if nothing else is said.
    place.refuses("reduce --from-manifest lean.csv.manifest.json");
    place.ok("reduce --from-manifest lean.csv.manifest.json --force --train-output train.csv --quiet");
    assert_eq!(lines(&place, "train.csv").len(), 120);
    // A test part that differs is told, and nothing is written.
    let text = place.text("lean.csv.manifest.json");
    let sha = manifest["test"]["output"]["sha256"].as_str().expect("a hash");
    place.write("edited.json", text.replace(sha, &"0".repeat(64)));
    assert_snapshot!(place.refuses("reduce --from-manifest edited.json -o third.csv"));
}

#[test]
fn ids_and_other_formats() {
    let place = grouped();
    place.ok("reduce t.csv --label kind --split 0.25 --emit ids -m srs -r 0.2 -o ids.csv --quiet");
    assert!(place.text("ids-test.csv").starts_with("row,class\n"));
    assert_eq!(lines(&place, "ids-test.csv").len(), 40);
    place.ok("reduce t.csv --label kind --split 0.25 -m srs -r 0.2 -o lean.v1.csv.gz --quiet");
    assert!(place.exists("lean.v1-test.csv.gz"));
    place.ok("reduce t.csv --label kind --split 0.25 --exclude who -m clc -r 0.2 -o points.csv --test-output test.parquet --quiet");
    assert!(place.exists("test.parquet"), "prototypes have a test of rows");
    let rows = place.run("reduce t.csv --label kind --split 0.25 -m srs -r 0.2 -o - --test-output stdout-test.csv");
    assert_eq!(rows.stdout().lines().count(), 25);
    assert_eq!(lines(&place, "stdout-test.csv").len(), 40);
    let dry = place.run("reduce t.csv --label kind --split 0.25 -m srs -r 0.2 --dry-run");
    assert!(dry.err.contains("would hold out 40 test rows, then keep 24 of 120 training rows"), "{}", dry.err);
}

#[test]
fn splits_that_cannot_be() {
    let place = grouped();
    place.write("one.csv", "x,who,kind\n1,p,a\n2,p,a\n3,p,b\n4,p,b\n");
    place.write("lone.csv", "x,who,kind\n1,p,a\n2,,b\n");
    place.ok("rank t.csv --label kind -m srs -o ranking.csv --quiet");
    let mut said = String::new();
    for arguments in [
        "reduce t.csv --label kind --split 1 -m srs -r 0.2 -o lean.csv",
        "reduce t.csv --label kind --split 0.25 --group kind -m srs -r 0.2 -o lean.csv",
        "reduce t.csv --label kind --split 0.25 --group whom -m srs -r 0.2 -o lean.csv",
        "reduce one.csv --label kind --split 0.25 --group who -m srs -r 0.5 -o lean.csv",
        "reduce lone.csv --label kind --split 0.25 --group who -m srs -r 0.5 -o lean.csv",
        "reduce lone.csv --label kind --exclude who --split 0.25 -m srs -r 0.5 -o lean.csv",
        "reduce t.csv --label kind --test-output test.csv -m srs -r 0.2 -o lean.csv",
        "reduce t.csv --label kind --split 0.25 --test-output lean.csv -m srs -r 0.2 -o lean.csv",
        "reduce t.csv --label kind --split 0.25 --test-output t.csv -m srs -r 0.2 -o lean.csv --force",
        "reduce t.csv --label kind --split 0.25 -m srs -r 0.2 -o -",
        "reduce t.csv --label kind --split 0.25 --ranking ranking.csv -r 0.2 -o lean.csv",
    ] {
        said.push_str(&format!("$ leanset {arguments}\n{}\n", place.refuses(arguments)));
    }
    assert_snapshot!(said);
}

/// A log is of a model, which must not have seen the test rows.
#[test]
fn logs_of_test_rows_are_refused() {
    let place = grouped();
    let train = "--label kind --exclude who -m fes --epochs 3 --hidden 4 -r 0.2";
    place.ok(&format!("reduce t.csv {train} --split 0.25 --save-log own.csv -o lean.csv --quiet"));
    let used = "reduce t.csv --label kind --exclude who -m fes -r 0.2 --split 0.25 --log";
    place.ok(&format!("{used} own.csv -o again.csv --quiet"));
    assert_eq!(place.bytes("again.csv"), place.bytes("lean.csv"));
    place.ok(&format!("reduce t.csv {train} --save-log all.csv -o whole.csv --quiet"));
    assert_snapshot!(place.refuses(&format!("{used} all.csv -o third.csv")));
}
