//! Hostile input: names that a terminal would obey, files that never end, descriptions that stand for gigabytes.
#![cfg(unix)]

use std::process::Command;

use crate::common::{Place, Ran};

/// Sets the title of a terminal, clears it, colours it, reverses what follows; in two bytes and in one.
const OBEYED: &str = "a\u{1b}]0;t\u{7}\u{1b}[2J\u{1b}[31m\u{9b}1m\u{202e}z";

/// The first character that a terminal obeys.
fn obeyed(text: &str) -> Option<char> {
    text.chars().find(|&c| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)))
}

fn assert_visible(what: &str, ran: &Ran) {
    let out = String::from_utf8_lossy(&ran.out);
    for (stream, text) in [("stdout", &*out), ("stderr", &ran.err)] {
        assert_eq!(obeyed(text), None, "{what}, {stream}:\n{}", text.escape_debug());
    }
}

#[test]
fn names_from_files_are_shown_and_not_obeyed() {
    let mut table = format!("girth,\"wi\ndth{OBEYED}\",\"gra\nde{OBEYED}\"\n");
    for row in 0..20 {
        table += &format!("{row}.5,{},\"{}\"\n", row * row % 7, ["fi\nne", OBEYED][row % 2]);
    }
    let file = format!("t\n{OBEYED}.csv");
    let place = Place::with(&file, &table);
    let label = format!("gra\nde{OBEYED}");
    for (what, arguments) in [
        ("reduce", "reduce FILE --label LABEL --method maxmin --count 4 --output 'o\nNAME.csv' --verbose"),
        ("dry run", "reduce FILE --label LABEL --method maxmin --count 4 --dry-run"),
        ("rank", "rank FILE --label LABEL --method maxmin --output 'r\nNAME.csv'"),
        ("ranking", "measure FILE --ranking 'r\nNAME.csv' --label LABEL --curve"),
        ("measure", "measure FILE 'o\nNAME.csv' --label LABEL --per-class"),
        ("json", "measure FILE 'o\nNAME.csv' --label LABEL --json"),
        ("no column", "reduce FILE --label 'x\nNAME' --method maxmin --count 4"),
        ("no file", "reduce 'x\nNAME.csv' --label y --method maxmin --count 4"),
        ("no option", "reduce FILE '--NAME'"),
        ("no plan", "experiment 'x\nNAME.toml' --output r.jsonl"),
        ("wrong text", "reduce FILE --features 'wi\ndthNAME' --label girth --method maxmin --count 4"),
    ] {
        let arguments = arguments.replace("FILE", &format!("'{file}'")).replace("LABEL", &format!("'{label}'"));
        let ran = place.run(&arguments.replace("NAME", OBEYED));
        assert_visible(what, &ran);
        let expected = if what.starts_with("no ") || what.starts_with("wrong") { 2 } else { 0 };
        assert_eq!(ran.code, Some(expected), "{what}: {}", ran.err);
        if what == "json" {
            // An escaped character is the same character.
            let document: serde_json::Value = serde_json::from_slice(&ran.out).expect("JSON");
            assert!(document.to_string().contains(&serde_json::to_string("fi\nne").expect("JSON")), "{document}");
        }
    }
}

/// A folder of YOLO with two images and this description.
fn yolo(description: &str) -> Place {
    let place = Place::with("data.yaml", description);
    for folder in ["images/train", "labels/train"] {
        std::fs::create_dir_all(place.path(folder)).expect("a folder");
    }
    for name in ["a", "b"] {
        place.write(&format!("images/train/{name}.png"), "no image");
        place.write(&format!("labels/train/{name}.txt"), "0 0.5 0.5 0.2 0.2\n");
    }
    place
}

#[test]
fn names_of_images_and_classes_are_shown_and_not_obeyed() {
    let place = yolo(&format!("train: images/train\nnames: [\"apple\\u001b]0;x\\u0007\\n\", 'b{}']\n", "\u{202e}"));
    std::fs::rename(place.path("images/train/b.png"), place.path(&format!("images/train/b\n{OBEYED}.png")))
        .expect("renamed");
    for arguments in [
        "images check data.yaml",
        "images check data.yaml --json",
        "images reduce data.yaml --method maxmin --count 1 -o lean",
    ] {
        assert_visible(arguments, &place.run(arguments));
    }
}

/// Makes a pipe that nobody writes to.
fn pipe(place: &Place, name: &str) {
    let _ = std::fs::remove_file(place.path(name));
    assert!(Command::new("mkfifo").arg(place.path(name)).status().expect("mkfifo").success());
}

#[test]
fn files_that_never_end_are_refused() {
    let plain = "train: images/train\nnames: [apple, banana]\n";
    for (what, description) in [("device", "train: /dev/zero\nnames: [a]\n"), ("pipe", "train: list.txt\nnames: [a]\n")]
    {
        let place = yolo(description);
        pipe(&place, "list.txt");
        let ran = place.run("images check data.yaml");
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(&format!("it is a {what}, not a file")), "{}", ran.err);
    }
    // Of one image: an issue.
    for name in ["labels/train/a.txt", "images/train/a.png"] {
        let place = yolo(plain);
        pipe(&place, name);
        let ran = place.run("images check data.yaml");
        let out = String::from_utf8_lossy(&ran.out);
        assert!(out.contains("it is a pipe, not a file"), "{name}: {out}{}", ran.err);
    }
    let place = yolo(plain);
    for (arguments, told) in [
        ("experiment /dev/zero --output r.jsonl", "it is a device, not a file"),
        ("report /dev/zero --output r.html", "it is a device, not a file"),
        ("reduce --from-manifest /dev/zero --output o.csv", "it is a device, not a file"),
        ("images reduce data.yaml --model /dev/zero --method maxmin --count 1 -o lean", "it is a device, not a file"),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.err);
        assert!(ran.err.contains(told), "{arguments}: {}", ran.err);
    }
}

#[test]
fn descriptions_that_stand_for_gigabytes_are_refused() {
    let doubled: String = (1..40).map(|i| format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1)).collect();
    for (description, told) in [
        ("train: images/train\nnc: 1000000000\n".to_owned(), "at most 100000 classes"),
        (format!("train: images/train\nnames: [a]\na0: &a0 x\n{doubled}"), "aliases stand for"),
        (format!("train: images/train\nnames: {}a{}\n", "[".repeat(100), "]".repeat(100)), "nested"),
    ] {
        let ran = yolo(&description).run("images check data.yaml");
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(told), "{}", ran.err);
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let ran = Place::with("train.json", deep).run("images check train.json");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
}

#[test]
fn a_batch_larger_than_the_table_is_the_table() {
    let place = Place::with_table();
    place.ok("reduce t.csv --label kind --method el2n --count 4 --epochs 2 --hidden 4 --batch 1000000000000000 --output o.csv");
    place.ok("reduce t.csv --label kind --method el2n --count 4 --epochs 2 --hidden 4 --batch 10 --output p.csv");
    assert_eq!(place.bytes("o.csv"), place.bytes("p.csv"));
}
