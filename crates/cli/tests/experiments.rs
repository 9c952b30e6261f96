//! Experiments end to end: plans that are refused, runs that are killed and go on, pages that hold together.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::{Place, csv, elements, lasting, noise, runs as lines};
use serde_json::Value;

/// Six repetitions of four methods, with a model that takes milliseconds; the protocol of the paper.
const PLAN: &str = "\
title = \"Arithmetic <& 'co'>\"
repetitions = 6
seed = 7
baselines = []

[data]
path = \"t.csv\"
label = \"class\"
id = \"id\"

[reduce]
ratios = [0.1, 0.3, 1.0]

[[method]]
name = \"srs\"

[[method]]
name = \"mms\"
label = \"maxmin <first>\"
parameters = { start = \"first\" }

[[method]]
name = \"clc\"

[[method]]
name = \"fes\"
warm_up = 3
continue = true

[model]
hidden = [8]
dropout = 0.1
epochs = 8
equal = \"epochs\"
learning_rate = 0.02
";
/// 6 × (4 methods × 2 ratios + full training).
const RUNS: usize = 54;

fn place() -> Place {
    let place = Place::with("t.csv", csv(300, 4, 3));
    place.write("p.toml", PLAN);
    place
}

#[test]
fn experiment_that_was_killed_goes_on_and_finds_the_same() {
    let place = place();
    place.ok("experiment p.toml --output whole.jsonl --quiet --threads 2");
    let whole = lasting(&place, "whole.jsonl");
    assert_eq!(whole.len(), RUNS);

    let (mut kills, mut torn, mut file, mut starts) = (0, 0, 0, 0u64);
    while kills < 24 {
        let name = format!("killed-{file}.jsonl");
        let mut child = place
            .command(&format!("experiment p.toml --output {name} --quiet --threads 2"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the binary runs");
        starts += 1;
        std::thread::sleep(Duration::from_micros((noise(starts, 5) * 60_000.0) as u64));
        match child.try_wait().expect("a child") {
            Some(status) => {
                // It came to its end: compare, and begin another file.
                assert_eq!(status.code(), Some(0));
                assert_eq!(lasting(&place, &name), whole);
                file += 1;
            }
            None => {
                child.kill().expect("SIGKILL");
                child.wait().expect("its end");
                kills += 1;
                if place.exists(&name) {
                    // Half of the times, what a kill within a write leaves.
                    let mut bytes = place.bytes(&name);
                    if starts % 2 == 0 && bytes.len() > 40 {
                        bytes.truncate(bytes.len() - 1 - (noise(starts, 6) * 30.0) as usize);
                        place.write(&name, bytes);
                        torn += 1;
                    }
                }
            }
        }
    }
    assert!(torn > 0, "no line was torn");
    let name = format!("killed-{file}.jsonl");
    place.ok(&format!("experiment p.toml --output {name} --quiet"));
    assert_eq!(lasting(&place, &name), whole);
}

#[test]
fn experiment_results_do_not_depend_on_threads() {
    let place = place();
    place.ok("experiment p.toml --output two.jsonl --quiet --threads 2");
    place.ok("experiment p.toml --output one.jsonl --quiet --threads 1");
    place.ok("experiment p.toml --output alone.jsonl --quiet --exclusive");
    let two = lasting(&place, "two.jsonl");
    assert_eq!(two, lasting(&place, "one.jsonl"));
    assert_eq!(two, lasting(&place, "alone.jsonl"));
    // Side by side is shared, whatever else the machine does.
    assert!(lines(&place, "two.jsonl").iter().skip(1).all(|run| run["measured"]["shared"] == true));
    let estimated = |run: &Value| run["measured"]["energy"]["estimated"] == true;
    assert!(lines(&place, "two.jsonl").iter().skip(1).all(estimated));
}

#[test]
fn records_hold_what_was_done() {
    let place = place();
    place.ok("experiment p.toml --output r.jsonl --quiet");
    let found = lines(&place, "r.jsonl");
    let header = &found[0];
    assert_eq!(header["schema"], "leanset.runs/1");
    assert_eq!(header["data"]["rows"], 300);
    assert_eq!(header["data"]["training_rows"], 225);
    assert_eq!(header["plan"]["reduce"]["ratios"], serde_json::json!([0.1, 0.3]));
    assert_eq!(header["plan"]["model"]["batch"], 32);
    let mut of_split: BTreeMap<u64, Value> = BTreeMap::new();
    for run in &found[1..] {
        let kept: u64 = run["kept"].as_array().expect("counts").iter().map(|k| k.as_u64().expect("a count")).sum();
        let ratio = run["ratio"].as_f64().expect("a ratio");
        assert_eq!(kept, (225.0 * ratio).round() as u64, "{run}");
        let (method, steps) = (run["method"].as_str().expect("a name"), &run["steps"]);
        let batches = kept.div_ceil(32);
        let (warm_up, training) = if method == "forgetting-events" { (3 * 8, 5 * batches) } else { (0, 8 * batches) };
        assert_eq!((steps["warm_up"].as_u64(), steps["training"].as_u64()), (Some(warm_up), Some(training)), "{run}");
        // Centroids are not nested; everything else shares one ranking by both ratios.
        let serves = if ["full", "clustering-centroids"].contains(&method) { 1 } else { 2 };
        assert_eq!(run["measured"]["reduction_serves"], serves, "{run}");
        if method == "full" {
            assert_eq!(run["epsilon"], 0.0);
            assert_eq!(run["measured"]["reduction"]["seconds"], 0.0);
        }
        // One split and one model a repetition: comparisons are pairs.
        let repetition = run["repetition"].as_u64().expect("a number");
        assert_eq!(of_split.entry(repetition).or_insert_with(|| run["seeds"].clone()), &run["seeds"]);
    }
    assert_eq!(of_split.len(), 6);
    // The classes are apart: a model that learns is far above the third that guessing gets.
    let full = found.iter().find(|run| run["method"] == "full").expect("full training");
    assert!(full["accuracy"].as_f64().expect("a number") > 0.6, "{full}");
}

/// Without other words, models start anew on what is kept, in as many steps as on everything, and beside the methods stand
/// everything for fewer epochs and a fresh sample in each epoch.
#[test]
fn experiment_trains_from_scratch_in_equal_steps() {
    let place = place();
    let plan =
        PLAN.replace("baselines = []\n", "").replace("continue = true\n", "").replace("equal = \"epochs\"\n", "");
    place.write("p.toml", plan);
    let summary: Value = serde_json::from_str(&place.ok("experiment p.toml --output r.jsonl --json")).expect("JSON");
    // Two ratios of two baselines come on top.
    assert_eq!(summary["planned"], RUNS + 6 * 2 * 2);
    assert_eq!(summary["methods"].as_array().map(Vec::len), Some(4));
    let baselines: Vec<_> = summary["baselines"].as_array().expect("a list").iter().map(|b| &b["label"]).collect();
    assert_eq!(baselines, ["full-fewer-epochs", "rs2"]);
    for run in &lines(&place, "r.jsonl")[1..] {
        let (method, ratio) = (run["method"].as_str().expect("a name"), run["ratio"].as_f64().expect("a ratio"));
        let kept = if ratio < 0.2 { 23 } else { 68 };
        let rows: u64 = run["kept"].as_array().expect("counts").iter().map(|k| k.as_u64().expect("a count")).sum();
        // Full training is 8 epochs of 8 steps. 23 rows are one step, 68 are three.
        let (rows_expected, steps) = match (method, ratio < 0.2) {
            ("full", _) => (225, 64),
            ("full-fewer-epochs", true) => (225, 8),
            ("full-fewer-epochs", false) => (225, 3 * 8),
            (_, true) => (kept, 64),
            (_, false) => (kept, 21 * 3),
        };
        let warm_up = if method == "forgetting-events" { 3 * 8 } else { 0 };
        assert_eq!((rows, run["steps"]["training"].as_u64()), (rows_expected, Some(steps)), "{run}");
        assert_eq!(run["steps"]["warm_up"], warm_up, "{run}");
    }
    let said = place.ok("experiment p.toml --output r.jsonl");
    assert!(said.contains("rs2: a fresh stratified sample in each epoch") && !said.contains("(continued)"), "{said}");
    place.write("p.toml", PLAN);
    let said = place.ok("experiment p.toml --output continued.jsonl");
    assert!(said.contains("forgetting-events (continued)") && !said.contains("rs2"), "{said}");
}

/// One selection serves all models; each has its own statistics.
#[test]
fn experiment_has_several_models() {
    let place = place();
    let (before, _) = PLAN.split_once("[model]").expect("a model");
    let models = "[[model]]\nkind = \"logistic\"\n[[model]]\nkind = \"neighbors\"\n[[model]]\nkind = \"kernel-ridge\"\n\
                  [[model]]\nname = \"broken\"\nhidden = [2]\nepochs = 1\nlearning_rate = 1e-9\n";
    place.write("p.toml", before.replace("continue = true\n", "") + models);
    let output = place.command("experiment p.toml --output r.jsonl --json").output().expect("it runs");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("warning: broken: On all rows this model has an accuracy of"), "{said}");
    assert_eq!((&summary["done"], &summary["planned"]), (&(4 * RUNS).into(), &(4 * RUNS).into()));
    let models = summary["models"].as_array().expect("a list");
    let names: Vec<_> = models.iter().map(|model| model["model"].as_str().expect("a name")).collect();
    assert_eq!(names, ["logistic", "neighbors", "kernel-ridge", "broken"]);
    for model in &models[..3] {
        assert!(model["full"]["accuracy"]["value"].as_f64().expect("a number") > 0.6, "{model}");
        assert_eq!((model["methods"].as_array().map(Vec::len), &model["weak"]), (Some(4), &Value::Null), "{model}");
    }
    assert!(models[3]["weak"]["runs"].as_u64() >= Some(3), "{}", models[3]["weak"]);
    // A selection is the same whatever model is trained on it, and all of them share its cost.
    let mut kept: BTreeMap<(u64, String, String), Value> = BTreeMap::new();
    for run in &lines(&place, "r.jsonl")[1..] {
        let (method, ratio) = (run["method"].as_str().expect("a name"), run["ratio"].to_string());
        let key = (run["repetition"].as_u64().expect("a number"), method.to_owned(), ratio);
        assert_eq!(kept.entry(key).or_insert_with(|| run["epsilon"].clone()), &run["epsilon"], "{run}");
        let serves = match method {
            "full" => 1,
            "clustering-centroids" => 4,
            _ => 8,
        };
        assert_eq!(run["measured"]["reduction_serves"], serves, "{run}");
    }
    let page: Value = serde_json::from_str(&place.ok("report r.jsonl --output r.html --json")).expect("JSON");
    assert_eq!(page, summary);
    assert!(place.text("r.html").contains("Model: kernel-ridge"));
    // It goes on where it stopped, whichever models are left.
    let text = place.text("r.jsonl");
    let begun: Vec<&str> =
        text.lines().enumerate().filter(|(i, _)| *i == 0 || i % 3 == 1).map(|(_, line)| line).collect();
    place.write("begun.jsonl", begun.join("\n") + "\n");
    place.ok("experiment p.toml --output begun.jsonl --quiet");
    assert_eq!(lasting(&place, "begun.jsonl"), lasting(&place, "r.jsonl"));
}

/// Weights of a method are trained with, and that makes a difference; a small part can be watched to stop early.
#[test]
fn experiment_trains_with_weights_and_stops_early() {
    let place = place();
    let methods = "[[method]]\nname = \"protodash\"\n[[method]]\nname = \"protodash\"\nlabel = \"plain\"\nweights = false\n\
                   [[method]]\nname = \"clc\"\n[[method]]\nname = \"srs\"\n";
    let (before, _) = PLAN.split_once("[[method]]").expect("methods");
    let model = "[[model]]\nkind = \"logistic\"\n[[model]]\nhidden = [8]\nepochs = 200\nlearning_rate = 0.05\nvalidation = 0.2\npatience = 2\n";
    place.write("p.toml", format!("{before}{methods}{model}"));
    let summary: Value = serde_json::from_str(&place.ok("experiment p.toml --output r.jsonl --json")).expect("JSON");
    let runs = lines(&place, "r.jsonl");
    let of = |method: &str, model: &str| -> Vec<&Value> {
        runs[1..].iter().filter(|run| run["method"] == method && run["model"] == model).collect()
    };
    let scores = |method: &str| -> Vec<&Value> { of(method, "logistic").iter().map(|run| &run["f1"]).collect() };
    let (with, without) = (of("protodash", "logistic"), of("plain", "logistic"));
    assert!(with.iter().all(|run| run["weighted"] == true) && without.iter().all(|run| run["weighted"].is_null()));
    assert!(of("clustering-centroids", "mlp").iter().all(|run| run["weighted"] == true));
    assert_ne!(scores("protodash"), scores("plain"));
    assert_eq!(summary["models"][0]["methods"][0]["weighted"], true);
    // 225 rows are 200 × 6 steps of the 80 % that are trained on.
    let steps: Vec<_> = of("full", "mlp").iter().filter_map(|run| run["steps"]["training"].as_u64()).collect();
    assert!(steps.iter().all(|&steps| steps <= 200 * 6) && steps.iter().any(|&steps| steps < 200 * 6), "{steps:?}");
}

/// The class of the nearest row, by a command: with its predictions, or with a score of its own.
const NEAREST: &str = r#"
set -e
test -z "$3" || head -1 "$1" | grep -q "$3"
awk -F, 'NR == FNR { if (FNR > 1) { n++; for (i = 2; i <= 5; i++) x[n, i] = $i; y[n] = $6 } next }
         FNR > 1 { best = -1
           for (r = 1; r <= n; r++) { d = 0; for (i = 2; i <= 5; i++) d += (x[r, i] - $i) ^ 2
             if (best < 0 || d < best) { best = d; class = y[r] } }
           print class; right += (class == $6) }
         END { printf "accuracy=%.6f\n", right / (FNR - 1) > "/dev/stderr" }' "$1" "$2" > "$4"
"#;

/// A command is given tables of the kept and of the test rows, and its predictions are scored; it is metered, and one that fails
/// does not end the experiment.
#[test]
fn experiment_trains_a_command() {
    let place = place();
    place.write("nearest.sh", NEAREST);
    let (before, _) = PLAN.split_once("[[method]]").expect("methods");
    let before = before
        .replace("id = \"id\"", "id = \"id\"\nscale = \"none\"")
        .replace("ratios = [0.1, 0.3, 1.0]", "ratios = [0.2]");
    let words = "[\"sh\", \"nearest.sh\", \"{train}\", \"{test}\", \"{weights}\", \"{out}/p.txt\"]";
    let models = format!(
        "[[method]]\nname = \"srs\"\n[[method]]\nname = \"protodash\"\n[[model]]\nkind = \"neighbors\"\nneighbors = 1\n\
         [[model]]\ncommand = {words}\npredictions = \"{{out}}/p.txt\"\n[[model]]\nname = \"said\"\ncommand = {words}\n"
    );
    place.write("p.toml", format!("{before}{models}"));
    let dry = place.ok("experiment p.toml --dry-run");
    assert!(dry.contains("sh nearest.sh /") && dry.contains("train.csv"), "{dry}");
    let summary: Value =
        serde_json::from_str(&place.ok("experiment p.toml --output r.jsonl --json --keep runs")).expect("JSON");
    let models = summary["models"].as_array().expect("a list");
    for name in ["full", "methods"] {
        let of = |model: usize, measure: &str| match name {
            "full" => models[model]["full"][measure]["value"].clone(),
            _ => models[model]["methods"][0]["cells"][0][measure]["value"].clone(),
        };
        // The nearest row is the nearest row, whoever looks for it.
        assert_eq!((of(0, "accuracy"), of(0, "f1")), (of(1, "accuracy"), of(1, "f1")), "{summary}");
        let near = of(0, "accuracy").as_f64().expect("a number") - of(2, "accuracy").as_f64().expect("a number");
        assert!(near.abs() < 1e-5 && of(2, "f1").is_null(), "{summary}");
    }
    let runs = lines(&place, "r.jsonl");
    let weighted: Vec<&Value> =
        runs[1..].iter().filter(|run| run["model"] == "command" && run["weighted"] == true).collect();
    assert!(weighted.len() == 6 && weighted.iter().all(|run| run["method"] == "protodash"), "{weighted:?}");
    let header = place.text("runs/0-protodash-0.2-command/train.csv").lines().next().map(str::to_owned);
    assert!(header.is_some_and(|header| header.ends_with(",weight")), "no weights");
    // The records are read again as they were written.
    place.ok("report r.jsonl --output r.html --quiet");
    assert_eq!(
        place.ok("experiment p.toml --output r.jsonl --json"),
        place.ok("report r.jsonl --output r.html --force --json")
    );

    place.write(
        "q.toml",
        format!(
            "{before}[[method]]\nname = \"srs\"\n[model]\ncommand = \"sh -c 'echo oops; exit 3' {{train}} {{test}}\"\n"
        ),
    );
    let refused = place.run("experiment q.toml --output q.jsonl --quiet --keep q").err;
    assert!(
        refused.contains("12 runs failed") && refused.contains("ended with exit code 3; its last words: oops"),
        "{refused}"
    );
    place.write(
        "q.toml",
        format!("{before}[[method]]\nname = \"srs\"\n[model]\ncommand = \"echo done {{train}} {{test}}\"\n"),
    );
    let refused = place.run("experiment q.toml --output silent.jsonl --quiet --keep silent").err;
    assert!(refused.contains("the command gave no score named accuracy"), "{refused}");
}

#[test]
fn experiment_that_is_done_does_nothing_again() {
    let place = place();
    let first = place.ok("experiment p.toml --output r.jsonl --threads 2 --json");
    let bytes = place.bytes("r.jsonl");
    let again = place.ok("experiment p.toml --output r.jsonl --json");
    assert_eq!(first, again);
    assert!(bytes == place.bytes("r.jsonl"));
    let summary: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!((summary["done"].as_u64(), summary["planned"].as_u64()), (Some(54), Some(54)));
    assert_eq!(summary["methods"].as_array().map(Vec::len), Some(4));
    assert_eq!(summary["random"], "stratified-random");
    // Runs side by side are compared by CPU time.
    #[cfg(target_os = "linux")]
    assert_eq!(summary["clock"], "cpu");
    let page: Value = serde_json::from_str(&place.ok("report r.jsonl --output r.html --json")).expect("JSON");
    assert_eq!(page, summary);
}

#[test]
fn journal_refuses_damaged_and_other_records() {
    let place = place();
    place.ok("experiment p.toml --output r.jsonl --quiet");
    let text = place.text("r.jsonl");

    // A digit changed in the middle.
    place.write("bad.jsonl", text.replacen("\"accuracy\":0.", "\"accuracy\":1.", 1));
    let refused = place.refuses("experiment p.toml --output bad.jsonl");
    assert!(refused.contains("bad.jsonl: line 2 does not match its checksum"), "{refused}");
    let refused = place.refuses("report bad.jsonl --output bad.html");
    assert!(refused.contains("bad.jsonl: line 2 does not match its checksum"), "{refused}");

    // A line twice.
    let second = text.lines().nth(1).expect("a run");
    place.write("twice.jsonl", format!("{text}{second}\n"));
    let refused = place.refuses("experiment p.toml --output twice.jsonl");
    assert!(refused.contains("twice.jsonl: line 56 is a run that another line holds too"), "{refused}");

    // Another plan.
    place.write("q.toml", PLAN.replace("epochs = 8", "epochs = 9").replace("seed = 7", "seed = 8"));
    insta::assert_snapshot!(place.refuses("experiment q.toml --output r.jsonl"), @r"
    exit 2
    error: r.jsonl: was begun with something else: plan.model.epochs (8 there, 9 here), plan.seed (7 there, 8 here)
      hint: go back to what it was begun with, or name another file
    ");

    // Another table of the same shape.
    place.write("u.csv", place.text("t.csv").replace("r00000,", "other,"));
    let refused = place.refuses("experiment p.toml --data u.csv --output r.jsonl");
    assert!(refused.contains("data.name (\"t.csv\" there, \"u.csv\" here), data.sha256 ("), "{refused}");

    // A file of the user's is never taken for records.
    place.write("notes.txt", "my notes");
    insta::assert_snapshot!(place.refuses("experiment p.toml --output notes.txt"), @r"
    exit 2
    error: notes.txt: holds no records of leanset
      hint: name another file, or a new one to begin anew
    ");
    insta::assert_snapshot!(place.refuses("experiment p.toml --output t.csv"), @r"
    exit 2
    error: t.csv: is an input of this command, and is never overwritten
      hint: write to another file
    ");
}

#[test]
fn journal_is_written_by_one_process() {
    let place = place();
    place.ok("experiment p.toml --output r.jsonl --quiet");
    let file = std::fs::File::options().append(true).open(place.path("r.jsonl")).expect("the records");
    file.lock().expect("a lock");
    insta::assert_snapshot!(place.refuses("experiment p.toml --output r.jsonl"), @r"
    exit 2
    error: r.jsonl: another process is writing to it
      hint: wait for it to end, or name another file
    ");
}

/// What is wrong with a plan is said by key, value, constraint and way out.
#[test]
fn plans_that_cannot_be_used() {
    let place = place();
    let mut said = String::new();
    for (from, to) in [
        ("ratios = [0.1, 0.3, 1.0]", "ratios = [0.1, 1.5]"),
        ("ratios = [0.1, 0.3, 1.0]", "ratios = [0.1, 0.1]"),
        ("ratios = [0.1, 0.3, 1.0]", "ratios = []"),
        ("ratios = [0.1, 0.3, 1.0]", "ratios = \"all\""),
        ("ratios = [0.1, 0.3, 1.0]", "ratios = [0.1]\nmetric = \"angular\""),
        ("ratios = [0.1, 0.3, 1.0]", ""),
        ("repetitions = 6", "repetitions = 0"),
        ("repetitions = 6", "repetition = 6"),
        ("seed = 7", "seed = -1"),
        ("path = \"t.csv\"", ""),
        ("path = \"t.csv\"", "embedded = \"iris\""),
        ("path = \"t.csv\"", "path = \"t.csv\"\nembedded = \"digits\""),
        ("path = \"t.csv\"", "path = \"u.csv\""),
        ("label = \"class\"", "label = \"klass\""),
        ("label = \"class\"", "label = \"class\"\nscale = \"log\""),
        ("label = \"class\"", "label = \"class\"\ndelimiter = \"ab\""),
        ("name = \"srs\"", "name = \"ssr\""),
        ("name = \"srs\"", "name = \"srs\"\nparameters = { depth = 3 }"),
        ("name = \"srs\"", "name = \"mms\"\nlabel = \"full\""),
        ("name = \"clc\"", "name = \"srs\""),
        ("start = \"first\"", "start = \"last\""),
        ("start = \"first\"", "start = [1, 2]"),
        ("warm_up = 3", "warm_up = 8"),
        ("warm_up = 3", "warmup = 3"),
        ("name = \"srs\"", "name = \"srs\"\nwarm_up = 3"),
        ("epochs = 8", "epochs = 0"),
        ("epochs = 8", "epochs = 1"),
        ("hidden = [8]", "hidden = [8, 0]"),
        ("dropout = 0.1", "dropout = 1"),
        ("dropout = 0.1", "droput = 0.1"),
        ("learning_rate = 0.02", "learning_rate = 0"),
        ("learning_rate = 0.02", "learning_rate = \"fast\""),
        ("learning_rate = 0.02", "[split]\ntest = 1"),
        ("learning_rate = 0.02", "[energy]\ncountry = \"Spane\""),
        ("learning_rate = 0.02", "[energy]\nwatts = -3"),
        ("title = ", "title = = "),
    ] {
        assert!(PLAN.contains(from), "{from}");
        place.write("bad.toml", PLAN.replacen(from, to, 1));
        let refused = place.refuses("experiment bad.toml --output r.jsonl");
        said.push_str(&format!("{to}\n{}", refused.strip_prefix("exit 2\n").unwrap_or(&refused)));
    }
    insta::assert_snapshot!("plans_that_cannot_be_used", said);
}

#[test]
fn dry_run_does_nothing() {
    let place = place();
    let before = place.listing();
    let said = place.ok("experiment p.toml --dry-run");
    assert!(
        said.contains("54 runs: 6 repetitions of 4 methods at 2 ratios, and of full training; none is done"),
        "{said}"
    );
    assert!(place.listing() == before);
    let plan: Value = serde_json::from_str(&place.ok("experiment p.toml --dry-run --json")).expect("JSON");
    assert_eq!((plan["runs"].as_u64(), plan["done"].as_u64()), (Some(54), Some(0)));
    // Of the four methods only fes trains on everything too: 3 epochs of 8 steps, shared by both ratios.
    // At 10 % a run has 1 step an epoch, at 30 % 3.
    let (full, others, fes) = (8 * 8, 3 * 8 * (1 + 3), 3 * 8 + 5 * (1 + 3));
    assert_eq!(plan["steps_left"], 6 * (full + others + fes));
    place.ok("experiment p.toml --output r.jsonl --quiet");
    let plan: Value =
        serde_json::from_str(&place.ok("experiment p.toml --output r.jsonl --dry-run --json")).expect("JSON");
    assert_eq!((plan["done"].as_u64(), plan["steps_left"].as_u64()), (Some(54), Some(0)));
}

#[test]
fn report_is_complete_and_needs_nothing_else() {
    let place = place();
    place.ok("experiment p.toml --output r.jsonl --quiet");
    place.ok("report r.jsonl --output r.html --quiet");
    let page = place.text("r.html");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    let seen = elements(&page);
    let count = |name: &str| seen.iter().filter(|s| *s == name).count();
    assert_eq!(count("figure"), 6);
    // Every picture has words, and every number is in a table.
    assert!(count("desc") == 6 && count("table") >= 6, "{seen:?}");
    for outside in ["http:", "https:", "src=", "<link", "@import", "url(", "fetch(", "import("] {
        assert!(!page.contains(outside), "the page asks for {outside}");
    }
    // What the plan says is text, whatever is in it.
    assert!(page.contains("Arithmetic &lt;&amp; &#x27;co&#x27;&gt;") && !page.contains("<first>"));
    for said in [
        "Does it beat random?",
        "Did it pay?",
        "Spearman",
        "shared the machine",
        "estimated",
        "Where the numbers come from",
        "Recommendation",
    ] {
        assert!(page.contains(said), "{said}");
    }
    insta::assert_snapshot!(place.refuses("report r.jsonl --output r.html"), @r"
    exit 2
    error: r.html: exists
      hint: choose another name, or replace it with --force
    ");
    place.ok("report r.jsonl --output r.html --force --quiet");
    assert!(place.text("r.html") == page);
}

/// What a hint tells to type is a key of the plan: `leanset experiment` has no flag for it.
#[test]
fn hints_of_an_experiment_name_keys_of_the_plan() {
    let plan = "title = \"t\"\n[data]\npath = \"d.csv\"\nlabel = \"class\"\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n";
    let rows = |cell: &dyn Fn(usize) -> String, class: &dyn Fn(usize) -> String| -> String {
        let lines = (0..40).map(|i| format!("{},{},{}\n", i * i, cell(i), class(i)));
        std::iter::once("x,y,class\n".to_owned()).chain(lines).collect()
    };
    let class = |i: usize| if i.is_multiple_of(2) { "a".to_owned() } else { "b".to_owned() };
    let number = |i: usize| format!("{}.5", i * 7 % 40);
    let gap = |i: usize| if i == 3 { String::new() } else { number(i) };
    let word = |i: usize| if i == 3 { "oops".into() } else { number(i) };
    for (table, plan, expected) in [
        (rows(&gap, &class), plan.to_owned(), "data.missing = \"mean\""),
        (rows(&word, &class), plan.to_owned(), "data.exclude = [\"y\"]"),
        (rows(&number, &number), plan.to_owned(), "data.bins = N"),
        (rows(&number, &class).replace(',', ";"), plan.to_owned(), "data.delimiter"),
        (rows(&number, &class), plan.replace("d.csv", "d.parquet"), "data.format = \"csv\""),
    ] {
        let place = Place::with("d.csv", &table);
        place.write("d.parquet", table);
        place.write("p.toml", plan);
        let refused = place.refuses("experiment p.toml --output r.jsonl");
        assert!(refused.contains(expected), "{expected} is not in\n{refused}");
        assert!(!refused.contains("--"), "a flag in\n{refused}");
    }
}

#[test]
fn experiment_says_that_a_table_is_no_plan() {
    let place = place();
    insta::assert_snapshot!(place.refuses("experiment t.csv --output r.jsonl"), @r"
    exit 2
    error: t.csv: is a table; an experiment needs a plan, a TOML file that names its data
      hint: copy one of plans/*.toml, or the example of docs/experiments.md, and write the name of your data into it
    ");
}

/// The summary begins with what to do, and nothing in it is wider than the terminal.
#[test]
fn summary_begins_with_a_recommendation_and_stays_within_the_width() {
    let place = place();
    // Rows of random are worse than all of them: differences are told with their intervals.
    place.ok("experiment p.toml --output r.jsonl --quiet --threads 2");
    for width in [60, 80] {
        let output = place
            .command("experiment p.toml --output r.jsonl")
            .env("COLUMNS", width.to_string())
            .output()
            .expect("the binary runs");
        let said = String::from_utf8(output.stdout).expect("text");
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[3].starts_with("Recommendation: "), "{said}");
        let wide: Vec<&&str> = lines.iter().filter(|line| line.chars().count() > width).collect();
        assert!(wide.is_empty(), "{wide:?}");
        assert!(said.contains("r.jsonl: all 54 runs were done already"), "{said}");
        for (mark, line) in ["▲", "▼"].iter().flat_map(|mark| lines.iter().map(move |line| (mark, line))) {
            if line.contains(mark) && line.contains('[') {
                assert!(line.contains(']'), "an interval is broken: {line}");
            }
        }
    }
    let dry = place.ok("experiment p.toml --output r.jsonl --dry-run");
    assert!(dry.contains("54 are done\nNothing is left to do."), "{dry}");
    let summary: Value = serde_json::from_str(&place.ok("experiment p.toml --output r.jsonl --json")).expect("JSON");
    let chosen = &summary["recommendation"];
    assert!(chosen.is_null() || chosen["ratio"].is_number() && chosen["method"].is_string(), "{chosen}");
}

/// Verdicts are in colour where there is colour, and `NO_COLOR` takes it away.
#[test]
fn summary_is_in_colour_where_that_is_asked() {
    let place = place();
    place.ok("experiment p.toml --output r.jsonl --quiet --threads 2");
    let colour = |variable: &str| {
        let output = place.command("experiment p.toml --output r.jsonl").env(variable, "1").output().expect("it runs");
        output.stdout.contains(&0x1b)
    };
    assert!(colour("CLICOLOR_FORCE") && !colour("NO_COLOR"));
}

/// Ctrl-C says how many runs are kept, and the command that goes on.
#[cfg(unix)]
#[test]
fn interrupt_of_an_experiment_says_what_is_kept_and_how_to_go_on() {
    let place = place();
    place.write("long.toml", PLAN.replace("epochs = 8", "epochs = 4000"));
    let child = place
        .command("experiment long.toml --output 'r s.jsonl' --threads 1")
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    // As soon as a run is kept.
    let began = std::time::Instant::now();
    let whole = || std::fs::read_to_string(place.path("r s.jsonl")).map_or(0, |text| text.matches('\n').count());
    while whole() < 2 {
        assert!(began.elapsed() < Duration::from_secs(120), "no run is done");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a number"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("a signal");
    let output = child.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    let kept = whole() - 1;
    let expected = format!(
        "interrupted: {kept} of 54 runs are kept in r s.jsonl; this command goes on from there:\n  \
         leanset experiment long.toml --output 'r s.jsonl' --threads 1\n"
    );
    assert!(said.ends_with(&expected), "{expected} does not end\n{said}");
}

/// A model that never finds some class may be right most of the time: the runs are counted, and the page says it.
#[test]
fn report_counts_runs_that_never_predict_a_class() {
    let place = place();
    place.write("p.toml", PLAN.replace("learning_rate = 0.02", "learning_rate = 1e-9"));
    let summary: Value = serde_json::from_str(&place.ok("experiment p.toml --output r.jsonl --json")).expect("JSON");
    let runs = lines(&place, "r.jsonl").split_off(1);
    let blind = |run: &&Value| run["classes"].as_array().expect("classes").iter().any(|class| class["recall"] == 0.0);
    let found = runs.iter().filter(blind).count();
    assert!(found > RUNS / 2 && summary["blind"] == found, "{found}: {}", summary["blind"]);
    let text = place.text("t.csv");
    let rows = |class: &str| text.lines().filter(|line| line.ends_with(class)).count();
    let largest = ["c0", "c1", "c2"].map(rows).into_iter().max().expect("classes") as f64 / 300.0;
    assert!(summary["largest_class"].as_f64().is_some_and(|part| (part - largest).abs() < 1e-12), "{largest}");
    place.ok("report r.jsonl --output r.html --quiet");
    let page = place.text("r.html");
    assert!(page.contains(&format!("{found} runs never predicted some class correctly")));
    assert!(page.contains(&format!("always the largest class: {largest:.3}")));
}

/// A page of records that are not done says so, and leaves the file of records alone.
#[test]
fn report_of_an_unfinished_experiment() {
    let place = place();
    place.ok("experiment p.toml --output r.jsonl --quiet");
    let text = place.text("r.jsonl");
    for lines in [1, 2, 12] {
        let some: String = text.lines().take(lines).map(|line| format!("{line}\n")).collect();
        let torn = format!("{some}{{\"repetition\":");
        place.write("some.jsonl", &torn);
        place.ok("report some.jsonl --output some.html --force --quiet");
        let page = place.text("some.html");
        elements(&page);
        assert!(page.contains(&format!("{} of 54 runs done", if lines == 1 { 0 } else { lines - 1 })));
        assert_eq!(place.text("some.jsonl"), torn);
    }
    place.write("empty.jsonl", "");
    insta::assert_snapshot!(place.refuses("report empty.jsonl --output e.html"), @r"
    exit 2
    error: empty.jsonl: holds no records yet
      hint: run the experiment: leanset experiment PLAN.toml --output FILE
    ");
}

/// What a browser makes of the page in the frame, as JSON: what is drawn, what overlaps, what is cut off.
const LOOK: &str = r#"<!doctype html><meta charset="utf-8"><style>body { margin: 0 } iframe { border: 0; height: 900px }</style>
<iframe src="r.html"></iframe><pre id="found"></pre><script>
const frame = document.querySelector("iframe");
frame.style.width = WIDTH;
frame.addEventListener("load", () => setTimeout(() => {
  frame.contentDocument.querySelectorAll("details").forEach((details) => { details.open = true; });
  const page = frame.contentDocument, found = { charts: 0, lines: 0, marks: 0, overlaps: [], cut: [] };
  for (const svg of page.querySelectorAll("figure svg")) {
    const frameBox = svg.getBoundingClientRect();
    if (frameBox.width > 100 && frameBox.height > 50) found.charts += 1;
    const words = [...svg.querySelectorAll("text")].filter((t) => t.checkVisibility() && t.getBoundingClientRect().width > 0);
    const boxes = words.filter((t) => !t.parentNode.matches(".full")).map((t) => [t.textContent, t.getBoundingClientRect()]);
    boxes.forEach(([name, a], i) => {
      if (a.left < frameBox.left || a.right > frameBox.right + 1 || a.bottom > frameBox.bottom + 3) found.cut.push(name);
      for (const [other, b] of boxes.slice(0, i)) {
        // Boxes of text have leading above and below the letters.
        const lead = 0.15 * Math.min(a.height, b.height);
        const apart = a.right <= b.left || b.right <= a.left || a.bottom - lead <= b.top + lead || b.bottom - lead <= a.top + lead;
        if (!apart) found.overlaps.push([name, other]);
      }
    });
    found.lines += [...svg.querySelectorAll("polyline")].filter((l) => l.getBBox().width > 0).length;
    found.marks += [...svg.querySelectorAll(".series .mark")].filter((m) => m.getBBox().width > 0).length;
    found.small = Math.min(found.small ?? 99, ...words.map((t) => parseFloat(getComputedStyle(t).fontSize) * frameBox.width / svg.viewBox.baseVal.width));
  }
  found.wide = page.documentElement.scrollWidth > frame.clientWidth;
  found.asked = frame.contentWindow.performance.getEntriesByType("resource").map((r) => r.name);
  const button = page.querySelector(".legend button");
  button.click();
  found.chosen = button.getAttribute("aria-pressed") + " " + page.querySelectorAll(".charts.chosen .series.on").length;
  document.getElementById("found").textContent = JSON.stringify(found);
}, 100));
</script>"#;

/// A browser draws the page, finds no fault and asks nobody for anything. Where there is no Chromium it is not run.
#[test]
#[allow(clippy::print_stdout)] // a test that cannot run here says so
fn report_is_drawn_by_a_browser() {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let runs =
        |name: &&&str| std::process::Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success());
    let Some(browser) = names.iter().find(runs) else {
        println!("not run: there is none of {names:?}");
        return;
    };
    let place = place();
    place.ok("experiment p.toml --output r.jsonl --quiet");
    place.ok("report r.jsonl --output r.html --quiet");
    let look = |page: &str, width: u32| {
        place.write("r.html", page);
        place.write("look.html", LOOK.replace("WIDTH", &format!("\"{width}px\"")));
        let file = |name: &str| format!("file://{}", place.path(name).display());
        let folder = format!("profile-{width}-{}", page.len());
        let ran = std::process::Command::new(browser)
            .args(
                "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
                    .split(' '),
            )
            .args("--disable-component-update --disable-sync --disable-extensions --enable-logging=stderr".split(' '))
            .args("--allow-file-access-from-files --virtual-time-budget=10000 --window-size=1400,1000".split(' '))
            .arg(format!("--user-data-dir={}", place.path(&folder).display()))
            // Nothing leaves this machine, of the browser's own either.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .args(["--dump-dom", &file("look.html")])
            .output()
            .expect("the browser runs");
        let (dom, log) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        let found = dom.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
        let found = serde_json::from_str::<Value>(&found.unwrap_or_default().replace("&gt;", ">").replace("&lt;", "<"));
        let console: Vec<String> = log.lines().filter(|l| l.contains(":CONSOLE")).map(str::to_owned).collect();
        (found.unwrap_or_else(|e| panic!("{e}: {dom}\n{log}")), console)
    };
    let page = place.text("r.html");
    for (width, least) in [(1280, 10.0), (390, 9.0)] {
        let (found, console) = look(&page, width);
        assert!(console.is_empty() && found["asked"] == Value::Array(vec![]), "{console:?} {found}");
        // Two of differences to random, and four that are opened.
        assert_eq!((&found["charts"], &found["lines"]), (&6.into(), &16.into()), "{found}");
        // Four methods at two ratios in four charts.
        assert_eq!((&found["marks"], &found["chosen"]), (&32.into(), &"true 4".into()), "{found}");
        assert_eq!((&found["overlaps"], &found["cut"]), (&Value::Array(vec![]), &Value::Array(vec![])), "{found}");
        assert_eq!(found["wide"], false, "at {width} px the page is wider than the window");
        assert!(
            found["small"].as_f64().is_some_and(|size| size >= least),
            "words are too small at {width} px: {found}"
        );
    }
    // What would be found if it were there.
    let broken = page.replacen(
        "</main>",
        "<img src=\"http://somewhere.invalid/x.png\"><script>nothing.there()</script></main>",
        1,
    );
    let (found, console) = look(&broken, 1280);
    assert_eq!(found["asked"], serde_json::json!(["http://somewhere.invalid/x.png"]));
    // The policy of the page allows neither.
    let refused = |what: &str| console.iter().any(|line| line.contains(what));
    assert!(refused("img-src") && refused("script-src"), "{console:?}");
}

/// A file that has grown has the same runs as one that was made at once, and those of a part are what they are of the whole.
#[test]
fn records_grow_by_ratios_methods_and_repetitions() {
    let place = place();
    place.ok("experiment p.toml --output whole.jsonl --quiet");
    let by_key = |name: &str| -> BTreeMap<String, Value> {
        lines(&place, name)
            .into_iter()
            .filter(|line| line["schema"].is_null())
            .map(|mut run| {
                let key = format!("{} {} {}", run["repetition"], run["method"], run["ratio"]);
                run.as_object_mut().map(|run| (run.remove("measured"), run.remove("sha256")));
                (key, run)
            })
            .collect()
    };
    let small = PLAN
        .replace("repetitions = 6", "repetitions = 2")
        .replace("ratios = [0.1, 0.3, 1.0]", "ratios = [0.3]")
        .replace("[[method]]\nname = \"clc\"\n", "");
    place.write("small.toml", small);
    let said = place.run("experiment small.toml --output r.jsonl");
    assert!(said.err.contains("2 repetitions: no comparison can get a verdict"), "{}", said.err);
    assert_eq!(by_key("r.jsonl").len(), 2 * (3 + 1));
    let said = place.run("experiment p.toml --output r.jsonl --only 'mms/0.1,full'");
    assert!(said.err.contains("8 of 54") || said.err.contains("are done already"), "{}", said.err);
    assert_eq!(by_key("r.jsonl").len(), 8 + 6 + 4);
    place.ok("experiment p.toml --output r.jsonl --quiet");
    assert_eq!(by_key("r.jsonl"), by_key("whole.jsonl"));
    // A part of the plan again: the report is of all that is there.
    place.ok("experiment small.toml --output r.jsonl --quiet");
    let summary: Value = serde_json::from_str(&place.ok("report r.jsonl --output r.html --json")).expect("JSON");
    assert_eq!((summary["done"].as_u64(), summary["planned"].as_u64()), (Some(54), Some(54)));
    for (only, said) in
        [("mmx", "it has clustering-centroids"), ("mms/0.2", "its ratios are 0.1, 0.3"), ("mms/x", "a fraction")]
    {
        let refused = place.refuses(&format!("experiment p.toml --output r.jsonl --only {only}"));
        assert!(refused.contains(&format!("--only {only}")) && refused.contains(said), "{refused}");
    }
}

#[test]
fn measures_of_small_classes_stand_beside_accuracy() {
    let place = place();
    let said = place.ok("experiment p.toml --output r.jsonl --json");
    let summary: Value = serde_json::from_str(&said).expect("JSON");
    let cell = &summary["methods"][1]["cells"][0];
    for key in
        ["accuracy", "f1", "worst_recall", "over_random", "f1_over_random", "worst_recall_over_random", "f1_over_full"]
    {
        assert!(cell[key].is_object(), "{key}: {cell}");
    }
    let run = &lines(&place, "r.jsonl")[1];
    let recalls = run["classes"].as_array().expect("classes").iter().map(|c| c["recall"].as_f64().expect("a number"));
    assert_eq!(run["worst_recall"].as_f64(), recalls.min_by(f64::total_cmp));
    assert!(summary["fewest"].as_array().is_some_and(|fewest| fewest.len() == 3), "{summary}");
    let shown = place.ok("experiment p.toml --output r.jsonl");
    assert!(shown.contains("Worst-class recall") && shown.contains("Fewest rows within"), "{shown}");
}

#[test]
fn plans_are_inside_and_are_written_for_a_table() {
    let place = place();
    let listed = place.ok("plans");
    assert!(listed.contains("demo") && listed.contains("drybean.csv"), "{listed}");
    assert!(place.ok("plans demo").contains("embedded = \"digits\""));
    insta::assert_snapshot!(place.refuses("plans dmo"), @r"
    exit 2
    error: there is no plan 'dmo' inside the program
      hint: did you mean 'demo'?
    ");
    assert!(place.ok("experiment demo --dry-run --threads 1").contains("Handwritten digits"));
    let plan = place.ok("experiment --init t.csv --label class --id id");
    place.write("new.toml", plan);
    let said = place.ok("experiment new.toml --dry-run");
    assert!(said.contains("show a difference of about"), "{said}");
    place.ok("experiment new.toml --only 'energy/0.5,srs/0.5,full' --output r.jsonl --quiet");
    let refused = place.refuses("experiment --init t.csv");
    assert!(refused.contains("--label"), "{refused}");
}
