//! `leanset choose`: the answer, the command that it names, what survives, and what is refused.

use serde_json::Value;

use crate::common::{Place, csv};

/// Nearest class mean: reads two tables whose last column is the class, writes a class per line.
const MODEL: &str = r#"[ -e stop ] && [ "$(wc -l < done.txt)" -ge "$(cat stop)" ] && { echo "no power" >&2; exit 7; }
echo "$1" >> done.txt
awk -F, 'FNR == 1 { next }
  NR == FNR { for (i = 2; i < NF; i++) s[$NF, i] += $i; n[$NF]++; next }
  { least = 1e300; best = ""
    for (c in n) { d = 0; for (i = 2; i < NF; i++) { t = $i - s[c, i] / n[c]; d += t * t }
      if (d < least || (d == least && c < best)) { least = d; best = c } }
    print best }' "$1" "$2" > "$3"
"#;

const OWN: &str = "--model 'sh model.sh {train} {test} {out}/classes.txt' --predictions '{out}/classes.txt'";

fn place(rows: usize) -> Place {
    let place = Place::with("t.csv", csv(rows, 3, 3));
    place.write("model.sh", MODEL).write("done.txt", "");
    place
}

/// What does not depend on the machine.
fn lasting(text: &str) -> Value {
    let mut found: Value = serde_json::from_str(text).expect("JSON");
    for key in ["seconds", "cost", "pays_from_training"] {
        found[key] = Value::Null;
    }
    found
}

#[test]
fn what_is_written_is_what_the_command_writes() {
    let place = place(400);
    let asked = "choose t.csv --label class --id id --folds 3 --ratio 0.1";
    let found = lasting(&place.ok(&format!("{asked} --output lean.csv --report page.html --json")));
    assert_eq!((&found["schema"], &found["recommended"]["ratio"]), (&"leanset.choice/1".into(), &0.1.into()));
    let command = found["command"].as_str().expect("a command");
    assert!(
        command.starts_with("leanset reduce t.csv --label class --id id --method ")
            && command.ends_with(" --output lean.csv")
    );
    place.ok(&command.replace("leanset ", "").replace("--output lean.csv", "--output again.csv --quiet"));
    assert_eq!(place.text("again.csv"), place.text("lean.csv"));
    assert!(place.text("lean.csv").lines().count() == 41, "a tenth");
    // The page says the same, and is readable without a script.
    let page = place.text("page.html");
    assert!(page.contains("How much of t.csv can go?") && page.contains("guarded-energy"), "{page}");
    // As text: the sentence first, then the evidence.
    let text = place.ok(asked);
    assert!(text.contains("At 10 % (about 40 of 400 rows), take ") && text.contains("everything"), "{text}");
    assert!(
        text.contains("Judged by kernel ridge and 3 nearest neighbours")
            && text.contains(" on 400 held-out rows, in 3 folds"),
        "{text}"
    );
}

#[test]
fn the_users_command_judges_and_threads_change_nothing() {
    let place = place(400);
    let asked = format!("choose t.csv --label class --id id --folds 3 {OWN} --json");
    let one = lasting(&place.ok(&format!("{asked} --threads 1")));
    assert_eq!(one["judges"], serde_json::json!(["own"]));
    let trainings = place.text("done.txt").lines().count();
    assert!(trainings >= 9, "{trainings}");
    assert_eq!(one, lasting(&place.ok(&format!("{asked} --threads 3"))));
    // Nothing is left of the trainings.
    assert!(place.listing().keys().all(|path| path.extension().is_none_or(|e| e != "jsonl")));
}

#[test]
fn a_choice_goes_on_where_it_failed() {
    let place = place(300);
    let asked = format!("choose t.csv --label class --id id --folds 2 {OWN} --records choice.jsonl");
    let whole = lasting(&place.ok(&format!("{} --json", asked.replace("choice.jsonl", "whole.jsonl"))));
    let all = place.text("done.txt").lines().count();
    place.write("done.txt", "").write("stop", "3");
    let ran = place.run(&asked);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("the command ended with exit code 7; its last words: no power"), "{}", ran.err);
    assert!(ran.err.contains("training on ") && ran.err.contains("the whole log is "), "{}", ran.err);
    std::fs::remove_file(place.path("stop")).expect("removed");
    let ran = place.run(&format!("{asked} --json"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(lasting(ran.stdout()), whole);
    assert_eq!(place.text("done.txt").lines().count(), all, "no training is done twice");
    // Another question about the same trainings.
    let other = place.ok(&format!("{asked} --tolerance 20pt --goal macro-f1 --json"));
    assert_eq!(lasting(&other)["goal"], "macro-f1");
    let refused = place.refuses(&format!("{asked} --seed 1"));
    assert!(refused.contains("choice.jsonl: was begun with something else: seed (0 there, 1 here)"), "{refused}");
}

#[test]
fn validation_rows_and_groups() {
    let place = place(400);
    let all = csv(500, 3, 3);
    let (head, rows) = all.split_once('\n').expect("a header");
    let valid: Vec<&str> = rows.lines().skip(400).collect();
    place.write("valid.csv", format!("{head}\n{}\n", valid.join("\n")));
    let found = lasting(&place.ok("choose t.csv --label class --id id --validation valid.csv --ratio 0.2 --json"));
    let counts = ["folds", "tested_rows", "training_rows", "rows"].map(|key| found[key].as_u64().expect("a count"));
    assert_eq!(counts, [1, 100, 400, 400]);
    // The validation table is read and never written into the result.
    assert!(found["command"].as_str().is_some_and(|command| !command.contains("valid.csv")));
    let grouped: Vec<String> = all
        .lines()
        .enumerate()
        .map(|(at, line)| if at == 0 { format!("who,{line}") } else { format!("p{},{line}", at / 10) })
        .collect();
    place.write("g.csv", format!("{}\n", grouped.join("\n")));
    let found = lasting(&place.ok("choose g.csv --label class --id id --group who --folds 3 --ratio 0.2 --json"));
    assert_eq!(found["tested_rows"], 500);
    assert!(found["command"].as_str().is_some_and(|command| command.contains("--exclude who")), "{found}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_way_out() {
    let place = place(200);
    let cases = [
        ("choose t.csv", "a choice needs classes: models predict them", "--label COLUMN"),
        ("choose t.csv --label class --tolerance 1", "'1' may be 1 points or all of the goal", "1pt"),
        ("choose t.csv --label class --tolerance 80pt", "--tolerance must be in [0, 0.5], not 0.8", "--tolerance 1pt"),
        ("choose t.csv --label class --ratio 1", "--ratio must be above 0 and below 1, not 1", "leave --ratio out"),
        ("choose t.csv --label class --time 10", "'10' is no time with a unit", "10m"),
        ("choose t.csv --label class --folds 1", "--folds must be in [2, 50], not 1", "--folds 5"),
        ("choose t.csv --label class --group class", "--group class: it is the label column", "patient"),
        (
            "choose t.csv --label class --id id --model 'sh x {train}'",
            "has no {test}, which stands for the table to test on",
            "--model",
        ),
        (
            "choose t.csv --label class --id id --model 'sh x {train} {test} {epochs}'",
            "has {epochs}, which a choice does not set",
            "leanset experiment",
        ),
        (
            "choose t.csv --label class --id id --model 'sh \"x {train} {test}'",
            "a quote or a backslash is open",
            "--model",
        ),
        (
            "choose t.csv --label class --id id --model 'sh x {train} {test}' --predictions p.txt",
            "--predictions must be below {out}, not 'p.txt'",
            "{out}/predictions.txt",
        ),
        ("choose t.csv --label class --output t.csv --force", "t.csv: is an input of this command", ""),
        ("choose t.csv --label class --id id --memory-limit 29MB", "is predicted to take ", "--memory-limit"),
    ];
    for (arguments, what, hint) in cases {
        let refused = place.refuses(arguments);
        assert!(
            refused.starts_with("exit 2\n") && refused.contains(what) && refused.contains(hint),
            "{arguments}\n{refused}"
        );
    }
    // A command that is not there, and one that says nothing.
    let refused =
        place.run("choose t.csv --label class --id id --folds 2 --ratio 0.5 --model 'no-such-program {train} {test}'");
    assert!(refused.code == Some(2) && refused.err.contains("no-such-program"), "{}", refused.err);
    let refused = place.run("choose t.csv --label class --id id --folds 2 --ratio 0.5 --model 'true {train} {test}'");
    assert!(
        refused.code == Some(2) && refused.err.contains("the command gave no score named accuracy"),
        "{}",
        refused.err
    );
    let accuracy = "--model 'sh -c \"echo accuracy=0.5\" {train} {test}'";
    let refused =
        place.run(&format!("choose t.csv --label class --id id --folds 2 --ratio 0.5 --goal worst-recall {accuracy}"));
    assert!(refused.err.contains("the command gave no worst-class recall for --goal worst-recall"), "{}", refused.err);
}

#[test]
fn a_table_that_needs_its_rows_says_so() {
    // A board of 14 × 14 fields with two or three rows each: what is left out is missed.
    let mut table = String::from("x,y,kind\n");
    for row in 0..500u64 {
        let [x, y] = [1, 2].map(|axis| 14.0 * crate::common::noise(row, axis));
        table.push_str(&format!("{x:.6},{y:.6},{}\n", if (x as u64 + y as u64).is_multiple_of(2) { "a" } else { "b" }));
    }
    let place = Place::with("t.csv", table);
    let ran = place.run("choose t.csv --label kind --tolerance 0 --output lean.csv");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.stdout().contains("Train on all rows: this table needs them."), "{}", ran.stdout());
    assert!(ran.err.contains("lean.csv: is not written") && !place.exists("lean.csv"), "{}", ran.err);
}
