//! Experiments on pictures end to end, with a trainer that takes milliseconds: a script whose results depend on what it is
//! given and on nothing else.
#![cfg(unix)] // a shell

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{Place, elements, lasting, noise, onnx, put, runs, yolo};
use serde_json::Value;

const PLAN: &str = "\
title = \"Cats & dogs\"
repetitions = 2
seed = 3

[images]
path = \"set/data.yaml\"

[reduce]
ratios = [0.25, 0.5]

[[method]]
name = \"srs\"

[[method]]
name = \"mms\"
parameters = { start = \"first\" }

[detector]
command = [\"sh\", \"train.sh\", \"{data}\", \"{seed}\", \"{epochs}\", \"{out}\", \"{batch}\", \"{steps}\"]
epochs = 4
batch = 5
";
/// 2 × (2 methods × 2 ratios + full training).
const RUNS: usize = 10;

/// Trains on the list beside DATA: every picture of it and its label must be there. mAP50 is made of the number of
/// pictures, the seed and the epoch. It notes what it was given in calls.txt.
const TRAINER: &str = r#"set -e
data=$1 seed=$2 epochs=$3 out=$4 batch=$5 steps=$6
list=$(dirname "$data")/train.txt
grep -qx 'train: train.txt' "$data"
n=0
while read -r picture; do
    label=$(echo "$picture" | sed 's,/images/,/labels/,; s,png$,txt,')
    [ -f "$picture" ] && [ -f "$label" ] || { echo "there is no $picture"; exit 9; }
    n=$((n + 1))
done < "$list"
echo "$n $seed $epochs $batch $steps" >> calls.txt
echo "training on $n pictures"
mkdir -p "$out/run"
echo '  epoch,  metrics/precision(B),  metrics/recall(B),  metrics/mAP50(B),  metrics/mAP50-95(B)' > "$out/run/results.csv"
epoch=0
while [ $epoch -lt $epochs ]; do
    epoch=$((epoch + 1))
    map=$((1000 + n * 100 * epoch / epochs + seed % 97 + n * n % 7 * 30))
    printf '%7d, 0.%04d, 0.%04d, 0.%04d, 0.%04d\n' $epoch $((map / 2)) $((map / 3)) $map $((map / 4)) >> "$out/run/results.csv"
done
"#;

/// A set, a plan, a trainer, and a place for temporary files of its own.
fn place() -> Place {
    let place = yolo();
    place.write("p.toml", PLAN).write("train.sh", TRAINER);
    std::fs::create_dir(place.path("tmp")).expect("a folder");
    place
}

fn command(place: &Place, arguments: &str) -> std::process::Command {
    let mut command = place.command(arguments);
    command.env("TMPDIR", place.path("tmp"));
    command
}

fn run(place: &Place, arguments: &str) -> crate::common::Ran {
    command(place, arguments).output().expect("the binary runs").into()
}

fn ok(place: &Place, arguments: &str) -> String {
    let ran = run(place, arguments);
    assert_eq!(ran.code, Some(0), "leanset {arguments}\n{}", ran.err);
    ran.stdout().to_owned()
}

/// What is in the place for temporary files.
fn rooms(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path("tmp")).expect("a folder");
    entries.map(|e| e.expect("an entry").file_name().into_string().expect("text")).collect()
}

/// What a run refuses and how, its temporary folder named R.
fn refuses(place: &Place, arguments: &str) -> String {
    let ran = run(place, arguments);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let rooms = rooms(place);
    rooms.iter().fold(ran.shown(), |said, room| {
        let tmp = place.path("tmp").canonicalize().expect("there");
        said.replace(&tmp.join(room).display().to_string(), "R")
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// The same question without a plan: the runs of an experiment, its conclusion, and what is wrong in the spelling of flags.
#[test]
fn images_choose_asks_by_flags() {
    let place = place();
    let command = "--command 'sh train.sh {data} {seed} {epochs} {out} {batch} {steps}'";
    let asked = format!(
        "images choose set/data.yaml {command} --epochs 4 --detector-batch 5 --ratios 0.5,0.25 --repetitions 2 --seed 3"
    );
    let found: Value =
        serde_json::from_str(&ok(&place, &format!("{asked} --records r.jsonl --report page.html --json")))
            .expect("JSON");
    assert_eq!((&found["planned"], &found["done"]), (&10.into(), &10.into()));
    assert!(place.text("page.html").contains("How many images of set/data.yaml does the detector need?"));
    // The runs of stratified random are those of the plan.
    place.ok("experiment p.toml --output plan.jsonl --quiet");
    let of_random = |name: &str| -> Vec<(Value, Value)> {
        let runs = runs(&place, name);
        let random = runs.iter().filter(|run| run["method"] == "stratified-random");
        random.map(|run| (run["kept"].clone(), run["scores"].clone())).collect()
    };
    let mut both = [of_random("r.jsonl"), of_random("plan.jsonl")];
    both.iter_mut().for_each(|runs| runs.sort_by_key(|run| format!("{run:?}")));
    assert!(!both[0].is_empty() && both[0] == both[1]);
    // Seeds are few, and that is said.
    let ran = run(&place, &format!("{asked} --records r.jsonl"));
    assert!(
        ran.stdout().contains("Recommendation:") && ran.stdout().contains("all 10 runs were done already"),
        "{}",
        ran.err
    );
    let ran = run(&place, &format!("{asked} --records again.jsonl --dry-run"));
    assert!(ran.stdout().contains("10 runs") && !place.exists("again.jsonl"), "{}", ran.stdout());
    for (arguments, what) in [
        ("--command 'sh train.sh {data} {epochs} {out}'", "--command: has no {seed}"),
        ("--command 'sh {x}'", "--command: '{x}' has {x}, which is not one of "),
        (
            "--command 'sh train.sh {data} {seed} {epochs} {out}' --ratios 1",
            "--ratios must be above 0 and below 1, not 1",
        ),
        (
            "--command 'sh train.sh {data} {seed} {epochs} {out}' --results r.csv",
            "--results must be below {out}, not 'r.csv'",
        ),
    ] {
        let said = refuses(&place, &format!("images choose set/data.yaml --records n.jsonl {arguments}"));
        assert!(said.contains(what) && !place.exists("n.jsonl"), "{said}");
    }
}

#[test]
fn records_of_detectors_hold_what_was_done() {
    let place = place();
    let summary: Value = serde_json::from_str(&ok(&place, "experiment p.toml --output r.jsonl --json")).expect("JSON");
    assert!(rooms(&place).is_empty(), "{:?} is left", rooms(&place));
    let found = runs(&place, "r.jsonl");
    let header = &found[0];
    assert_eq!(header["schema"], "leanset.runs/1");
    let data = &header["data"];
    assert_eq!((&data["name"], &data["rows"]), (&"set/data.yaml".into(), &24.into()));
    assert_eq!((&data["features"], &data["validation"]), (&"colours-and-edges/1".into(), &3.into()));
    assert_eq!(data["classes"][3], serde_json::json!(["mixed", 6]));
    assert!(header["plan"].get("data").is_none() && header["plan"].get("model").is_none(), "{header}");
    assert_eq!(lasting(&place, "r.jsonl").len(), RUNS);

    let calls: Vec<Vec<u64>> = place
        .text("calls.txt")
        .lines()
        .map(|line| line.split(' ').map(|word| word.parse().expect("a number")).collect())
        .collect();
    assert_eq!(calls.len(), RUNS);
    for (run, call) in found[1..].iter().zip(&calls) {
        let kept: u64 = run["kept"].as_array().expect("counts").iter().map(|k| k.as_u64().expect("a count")).sum();
        // A quarter of six pictures is two of some categories and one of others.
        assert_eq!(kept, (24.0 * number(&run["ratio"])) as u64, "{run}");
        let (seed, steps) = (run["seeds"]["model"].as_u64().expect("a seed"), 4 * kept.div_ceil(5));
        assert_eq!(call, &[kept, seed, 4, 5, steps], "{run}");
        assert!(seed < 1 << 31 && run["seeds"].get("split").is_none(), "{run}");
        assert_eq!(run["steps"], serde_json::json!({ "warm_up": 0, "training": steps }));
        let map = 1000 + kept * 100 + seed % 97 + kept * kept % 7 * 30;
        let part = |n: u64| n as f64 / 10_000.0;
        assert_eq!((number(&run["map50"]), number(&run["map50_95"])), (part(map), part(map / 4)), "{run}");
        assert_eq!((number(&run["precision"]), number(&run["recall"])), (part(map / 2), part(map / 3)), "{run}");
        assert_eq!((&run["epoch"], &run["warnings"]), (&4.into(), &serde_json::json!([])), "{run}");
        // Looking at pictures is charged to those who looked, in whole.
        let measured = &run["measured"];
        let features = number(&measured["features"]["seconds"]);
        assert!(features > 0.0 && measured["threads"].as_u64() >= Some(1), "{run}");
        assert_eq!(measured["features"], found[1]["measured"]["features"]);
        match run["method"].as_str() {
            Some("full") => assert_eq!(measured["reduction"]["seconds"], 0.0),
            Some("maxmin") => assert!(number(&measured["reduction"]["seconds"]) > features, "{run}"),
            _ => {}
        }
    }
    // Two repetitions differ by seed.
    assert_ne!(found[1]["seeds"], found[1 + RUNS / 2]["seeds"]);

    // It is the reduction of `images reduce`.
    place.ok("images reduce set/data.yaml --method mms --param start=first --ratio 0.5 --output lean --quiet");
    let maxmin = found.iter().find(|run| run["method"] == "maxmin" && run["ratio"] == 0.5).expect("a run");
    let manifest = place.json("lean/manifest.json");
    assert_eq!(maxmin["epsilon"], manifest["epsilon"]["value"]);
    assert_eq!(data["sha256"], manifest["dataset"]["sha256"]);

    let cell = &summary["methods"][1]["cells"][1];
    assert_eq!((&cell["kept"], &cell["map50_95"]["n"]), (&12.into(), &2.into()), "{cell}");
    for key in ["over_random", "map50_over_random", "over_full", "seconds_saved", "steps", "map50", "recall"] {
        assert!(cell[key].is_object(), "{key}: {cell}");
    }
    assert!(cell.get("accuracy").is_none() && summary.get("largest_class").is_none() && summary.get("blind").is_none());
    for key in ["map50_95", "map50", "map50_95_of_medians", "map50_of_medians"] {
        assert!(summary["spearman"][0].get(key).is_some(), "{key}");
    }
    assert!(summary["features"]["cost"]["seconds"].is_f64());
    let page: Value = serde_json::from_str(&place.ok("report r.jsonl --output r.html --json")).expect("JSON");
    assert_eq!(page, summary);
}

/// The law: interrupted and resumed is uninterrupted. What the features cost is what they cost when they were first made.
#[test]
fn experiment_on_images_that_was_killed_goes_on() {
    let place = place();
    ok(&place, "experiment p.toml --output whole.jsonl --quiet");
    let whole = lasting(&place, "whole.jsonl");
    assert_eq!(whole.len(), RUNS);
    let (mut kills, mut file, mut starts, mut resumed) = (0, 0, 0u64, 0);
    while kills < 12 {
        let name = format!("killed-{file}.jsonl");
        let before = if place.exists(&name) { place.text(&name).lines().count() } else { 0 };
        let mut child = command(&place, &format!("experiment p.toml --output {name} --quiet"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        starts += 1;
        std::thread::sleep(Duration::from_micros(20_000 + (noise(starts, 5) * 400_000.0) as u64));
        match child.try_wait().expect("a child") {
            Some(status) => {
                assert_eq!(status.code(), Some(0));
                assert_eq!(lasting(&place, &name), whole);
                let features = |run: &Value| run["measured"]["features"].clone();
                let of = runs(&place, &name);
                assert!(of[1..].iter().all(|run| features(run) == features(&of[1])));
                resumed += usize::from(before > 1);
                file += 1;
            }
            None => {
                child.kill().expect("SIGKILL");
                child.wait().expect("its end");
                kills += 1;
            }
        }
    }
    let name = format!("killed-{file}.jsonl");
    ok(&place, &format!("experiment p.toml --output {name} --quiet"));
    assert_eq!(lasting(&place, &name), whole);
    // Begun again from the first run alone, for sure.
    let first: String = place.text("whole.jsonl").lines().take(2).map(|line| format!("{line}\n")).collect();
    place.write("some.jsonl", &first);
    ok(&place, "experiment p.toml --output some.jsonl --quiet");
    assert_eq!(lasting(&place, "some.jsonl"), whole);
    let of = runs(&place, "some.jsonl");
    assert!(of[1..].iter().all(|run| run["measured"]["features"] == of[1]["measured"]["features"]), "{resumed}");
    assert!(place.text("some.jsonl").starts_with(&first));
}

/// A trainer that, after the first run, waits for a long time, in a process of its own as well; both numbers are in pid.txt.
const SLOW: &str = "[ -s calls.txt ] && { echo $$ > pid.txt; sleep 600 & echo $! >> pid.txt; wait; }\n";

/// Begins an experiment whose trainer waits somewhere, and returns when it does.
fn waiting(place: &Place, slow: &str) -> std::process::Child {
    place.write("train.sh", format!("{slow}{TRAINER}"));
    let child = command(place, "experiment p.toml --output r.jsonl --quiet")
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let began = Instant::now();
    while !place.exists("pid.txt") || place.text("pid.txt").lines().count() < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "the trainer was never started twice");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// Whether a process has ended, or ended and was not yet taken by whoever has it now.
fn gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

/// Whether it ends in time.
fn ends(pid: &str) -> bool {
    let began = Instant::now();
    while !gone(pid) && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    gone(pid)
}

/// A signal to leanset alone ends the trainer and what it started, leaves no folder, and keeps what was done.
#[test]
fn interrupt_stops_the_trainer_too() {
    use nix::sys::signal::Signal;
    for signal in [Signal::SIGTERM, Signal::SIGQUIT] {
        let place = place();
        let child = waiting(&place, SLOW);
        assert_eq!(rooms(&place).len(), 1);
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a number"));
        nix::sys::signal::kill(pid, signal).expect("a signal");
        let output = child.wait_with_output().expect("its end");
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(130), ""));
        for pid in place.text("pid.txt").lines() {
            assert!(gone(pid), "{pid} goes on after {signal}");
        }
        assert!(rooms(&place).is_empty(), "{:?} is left", rooms(&place));
        assert_eq!(lasting(&place, "r.jsonl").len(), 1);
        place.write("train.sh", TRAINER);
        ok(&place, "experiment p.toml --output r.jsonl --quiet");
        assert_eq!(lasting(&place, "r.jsonl").len(), RUNS);
    }
}

/// What looking at pictures cost is known before the first run is done: it is not looked at them again for less.
#[test]
fn interrupt_of_the_first_run_keeps_the_cost_of_features() {
    for signal in [nix::sys::signal::Signal::SIGTERM, nix::sys::signal::Signal::SIGKILL] {
        let place = place();
        let mut child = waiting(&place, &SLOW.replace("-s calls.txt", "! -s calls.txt"));
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a number"));
        nix::sys::signal::kill(pid, signal).expect("a signal");
        child.wait().expect("its end");
        if signal == nix::sys::signal::Signal::SIGKILL {
            let left = place.text("pid.txt").lines().nth(1).and_then(|pid| pid.parse().ok()).expect("a number");
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(left), signal);
        }
        let begun = runs(&place, "r.jsonl");
        assert_eq!(begun.len(), 1);
        let features = &begun[0]["measured"]["features"];
        assert!(number(&features["seconds"]) > 0.0, "{features}");
        place.write("train.sh", TRAINER);
        ok(&place, "experiment p.toml --output r.jsonl --quiet");
        let found = runs(&place, "r.jsonl");
        assert_eq!(found.len(), 1 + RUNS);
        assert!(found.iter().all(|line| &line["measured"]["features"] == features), "{features}");
        // Of a file that was begun when it was in records alone, they tell.
        let (header, rest) =
            place.text("r.jsonl").split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("lines");
        let body = header.split(",\"measured\":").next().expect("a header").to_owned() + "}";
        let digest = leanset::output::sha256_of(body.as_bytes());
        let old = format!("{},\"sha256\":\"{digest}\"}}", body.strip_suffix('}').expect("an object"));
        let first = rest.lines().next().expect("a run");
        place.write("old.jsonl", format!("{old}\n{first}\n"));
        ok(&place, "experiment p.toml --output old.jsonl --quiet");
        let found = runs(&place, "old.jsonl");
        assert!(found[0].get("measured").is_none() && found.len() == 1 + RUNS);
        assert!(found[1..].iter().all(|line| &line["measured"]["features"] == features), "{features}");
    }
}

/// Killed outright, leanset can end nothing; the system asks the trainer to end.
#[cfg(target_os = "linux")]
#[test]
fn trainer_does_not_outlive_leanset() {
    let place = place();
    let mut child = waiting(&place, SLOW);
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
    let text = place.text("pid.txt");
    let pids: Vec<&str> = text.lines().collect();
    assert!(ends(pids[0]), "the trainer goes on");
    // What it started is not asked.
    let left = nix::unistd::Pid::from_raw(pids[1].parse().expect("a number"));
    let _ = nix::sys::signal::kill(left, nix::sys::signal::Signal::SIGKILL);
}

/// What a trainer left behind would use the machine beside the next training, whether it ended well or not.
#[test]
fn trainer_leaves_nothing_running() {
    for end in ["", "exit 7\n"] {
        let place = place();
        place.write("p.toml", PLAN.replace("repetitions = 2", "repetitions = 1"));
        place.write("train.sh", format!("sleep 600 & echo $! >> pid.txt\n{end}{TRAINER}"));
        assert_eq!(
            run(&place, "experiment p.toml --output r.jsonl --quiet").code,
            Some(if end.is_empty() { 0 } else { 2 })
        );
        for pid in place.text("pid.txt").lines() {
            assert!(ends(pid), "{pid} goes on");
        }
    }
}

/// A trainer that fails is quoted, its folder stays, the other runs are done, and the next time it is tried again.
#[test]
fn trainer_that_fails_is_reported() {
    let place = place();
    let sick =
        "[ $n = 24 ] || { printf '10 %%\\r20 %%\\n'; echo 'out of \\033[1mmemory\\033[0m' >&2; echo; exit 7; }\n";
    place.write("train.sh", TRAINER.replace("mkdir -p", &format!("{sick}mkdir -p")));
    let said = refuses(&place, "experiment p.toml --output r.jsonl --quiet");
    insta::with_settings!({filters => vec![(r" \d{3,10} 4 R", " SEED 4 R")]}, {
        insta::assert_snapshot!(said, @r"
        exit 2
        error: 8 runs failed: repetition 0, stratified-random at 0.25; repetition 0, stratified-random at 0.5; repetition 0, maxmin at 0.25 and 5 more; the first: repetition 0, stratified-random at 0.25: the command ended with exit code 7; its last words: training on 6 pictures / 20 % / out of memory
          hint: the whole log is R/log.txt; the command was: sh train.sh R/data/data.yaml SEED 4 R 5 8; the same command repeats the failed runs
        ");
    });
    let kept = rooms(&place);
    assert_eq!(kept.len(), 8);
    for room in &kept {
        assert!(place.text(&format!("tmp/{room}/log.txt")).contains("out of"));
        let run = place.json(&format!("tmp/{room}/run.json"));
        let pictures = place.text(&format!("tmp/{room}/data/train.txt")).lines().count();
        assert_eq!(pictures, (24.0 * number(&run["ratio"])) as usize, "{run}");
    }
    assert_eq!(lasting(&place, "r.jsonl").len(), 2);

    place.write("train.sh", TRAINER);
    ok(&place, "experiment p.toml --output r.jsonl --quiet");
    ok(&place, "experiment p.toml --output whole.jsonl --quiet");
    assert_eq!(lasting(&place, "r.jsonl"), lasting(&place, "whole.jsonl"));
    assert_eq!(rooms(&place).len(), 8);

    // One of ten: the third that is begun. It is told at once as well.
    std::fs::remove_file(place.path("calls.txt")).expect("removed");
    place.write("train.sh", TRAINER.replace("mkdir -p", "[ $(wc -l < calls.txt) != 3 ] || exit 4\nmkdir -p"));
    let said = refuses(&place, "experiment p.toml --output one.jsonl");
    let run = "repetition 0, stratified-random at 0.5: the command ended with exit code 4; its last words: training on 12 pictures";
    assert!(said.contains(&format!("warning: {run}; other runs go on\n")), "{said}");
    assert!(said.contains(&format!("error: {run}\n")), "{said}");
    assert_eq!(lasting(&place, "one.jsonl").len(), RUNS - 1);
    ok(&place, "experiment p.toml --output one.jsonl --quiet");
    assert_eq!(lasting(&place, "one.jsonl"), lasting(&place, "whole.jsonl"));
    assert_eq!(place.text("calls.txt").lines().count(), RUNS + 1);

    place.write("train.sh", "kill -9 $$\n");
    let said = refuses(&place, "experiment p.toml --output s.jsonl --quiet");
    assert!(said.contains("the command was ended by signal 9; it said nothing"), "{said}");
    place.write("q.toml", PLAN.replace("\"sh\"", "\"no-such-trainer\""));
    let before = rooms(&place);
    let said = refuses(&place, "experiment q.toml --output t.jsonl --quiet");
    assert!(
        said.contains("no-such-trainer: cannot be run: No such file or directory\n  hint: name a program"),
        "{said}"
    );
    assert_eq!(rooms(&place), before, "nothing was run, and a folder is left");
}

#[test]
fn results_that_cannot_be_used_are_reported() {
    let place = place();
    let few = PLAN.replace("repetitions = 2", "repetitions = 1").replace("[0.25, 0.5]", "[0.5]");
    let (before, after) = few.split_once("[[method]]\nname = \"mms\"").expect("two methods");
    let after = after.split_once("[detector]").expect("a detector").1;
    place.write("p.toml", format!("{before}[detector]{after}"));
    let mut said = String::new();
    for (what, script) in [
        ("none", "true\n".to_owned()),
        ("empty", "mkdir -p $4/run; : > $4/run/results.csv\n".to_owned()),
        ("no row", "mkdir -p $4/run; echo 'epoch,metrics/precision(B),metrics/recall(B),metrics/mAP50(B),metrics/mAP50-95(B)' > $4/run/results.csv\n".to_owned()),
        ("a column less", TRAINER.replace("metrics/mAP50-95(B)", "metrics/mAP(B)")),
        ("no number", TRAINER.replace("$((map / 4)) >>", "$((map / 4)) | sed 's/0[.][0-9]*$/nan/' >>")),
    ] {
        place.write("train.sh", script);
        let refused = refuses(&place, "experiment p.toml --output r.jsonl --quiet");
        said.push_str(&format!("{what}\n{}", refused.strip_prefix("exit 2\n").unwrap_or(&refused)));
        for room in rooms(&place) {
            std::fs::remove_dir_all(place.path("tmp").join(room)).expect("removed");
        }
    }
    insta::assert_snapshot!(said, @r"
    none
    error: 2 runs failed: repetition 0, full at 1; repetition 0, stratified-random at 0.5; the first: repetition 0, full at 1: R/run/results.csv: is not there: the command ended without writing its results
      hint: detector.results says where the command writes them, such as {out}/run/results.csv; the whole log is R/log.txt; the same command repeats the failed runs
    empty
    error: 2 runs failed: repetition 0, full at 1; repetition 0, stratified-random at 0.5; the first: repetition 0, full at 1: R/run/results.csv: is empty
      hint: the training may have ended before its first epoch; the whole log is R/log.txt; the same command repeats the failed runs
    no row
    error: 2 runs failed: repetition 0, full at 1; repetition 0, stratified-random at 0.5; the first: repetition 0, full at 1: R/run/results.csv: has no row beneath its header
      hint: the training may have ended before its first epoch; the whole log is R/log.txt; the same command repeats the failed runs
    a column less
    error: 2 runs failed: repetition 0, full at 1; repetition 0, stratified-random at 0.5; the first: repetition 0, full at 1: R/run/results.csv: has no column 'metrics/mAP50-95(B)'
      hint: its columns are epoch, metrics/precision(B), metrics/recall(B), metrics/mAP50(B), metrics/mAP(B); results of Ultralytics or YOLOv5 detectors are read; the whole log is R/log.txt; the same command repeats the failed runs
    no number
    error: 2 runs failed: repetition 0, full at 1; repetition 0, stratified-random at 0.5; the first: repetition 0, full at 1: R/run/results.csv: line 5: 'metrics/mAP50-95(B)' must be in [0, 1], not 'nan'
      hint: the training may have diverged; the whole log is R/log.txt; the same command repeats the failed runs
    ");
}

/// Every folder stays if that is asked; a training may end early, or have as many steps as one on everything.
#[test]
fn keep_keeps_folders_and_counts_epochs() {
    let place = place();
    place.write("p.toml", PLAN.replace("epochs = 4\n", "epochs = 4\nequal = \"steps\"\nepoch = \"best\"\n"));
    ok(&place, "experiment p.toml --output r.jsonl --keep kept --quiet");
    assert!(rooms(&place).is_empty());
    for name in ["0-full-1", "1-stratified-random-0.25", "1-maxmin-0.5"] {
        for file in ["data/data.yaml", "data/train.txt", "run/results.csv", "log.txt", "run.json"] {
            assert!(place.path("kept").join(name).join(file).is_file(), "{name}/{file}");
        }
    }
    let lines: Vec<String> = place.text("kept/0-full-1/data/train.txt").lines().map(str::to_owned).collect();
    assert!(lines.len() == 24 && lines.iter().all(|line| Path::new(line).is_file()));
    let run = place.json("kept/1-maxmin-0.5/run.json");
    assert_eq!((&run["repetition"], &run["method"], &run["ratio"]), (&1.into(), &"maxmin".into(), &0.5.into()));
    assert!(run["command"].as_str().is_some_and(|c| c.contains("kept/1-maxmin-0.5/data/data.yaml")), "{run}");
    // 4 epochs of 5 steps on everything; 10 of 2 on six pictures, 7 of 3 on twelve.
    for run in &runs(&place, "r.jsonl")[1..] {
        let (epochs, steps) = match run["ratio"].as_f64() {
            Some(0.25) => (10, 20),
            Some(0.5) => (7, 21),
            _ => (4, 20),
        };
        assert_eq!((&run["steps"]["training"], &run["epoch"]), (&steps.into(), &epochs.into()), "{run}");
    }
    // Names that are taken get a number, and nothing is replaced.
    place.write("train.sh", TRAINER.replace("[ $epoch -lt $epochs ]", "[ $epoch -lt 3 ]"));
    ok(&place, "experiment p.toml --output s.jsonl --keep kept --quiet");
    assert!(place.path("kept/0-full-1-2/log.txt").is_file());
    for run in &runs(&place, "s.jsonl")[1..] {
        assert_eq!((&run["warnings"], &run["epoch"]), (&serde_json::json!(["fewer-epochs"]), &3.into()), "{run}");
    }
    // Labels that no folder can be called by are told apart in it.
    let labels = PLAN.replace("\"mms\"", "\"mms\"\nlabel = \"a/b\"").replace("\"srs\"", "\"srs\"\nlabel = \"a b\"");
    place.write("l.toml", labels).write("train.sh", TRAINER);
    ok(&place, "experiment l.toml --output l.jsonl --keep labels --quiet");
    let label = |folder: &str| place.json(&format!("labels/{folder}/run.json"))["method"].clone();
    assert_eq!((label("0-a_b-0.5"), label("0-a_b-0.5-2")), ("a b".into(), "a/b".into()));
    place.write("t.toml", "title = \"t\"\n[data]\nembedded = \"digits\"\nlabel = \"digit\"\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n");
    let said = place.refuses("experiment t.toml --output t.jsonl --keep kept");
    assert!(said.contains("--keep is for commands, and the models of t.toml have none"), "{said}");
}

#[test]
fn dry_run_shows_the_commands() {
    let place = place();
    let before = place.listing();
    let said = ok(&place, "experiment p.toml --dry-run");
    let tmp = place.path("tmp").display().to_string();
    insta::with_settings!({filters => vec![(tmp.as_str(), "TMP"), (r"data.yaml \d+ ", "data.yaml SEED ")]}, {
        insta::assert_snapshot!(said, @r"
    Cats & dogs
    10 runs: 2 repetitions of 2 methods at 2 ratios, and of full training; none is done
    120 gradient steps are left; the time of one is known after the first run. Choosing images comes on top.
    2 repetitions: no comparison can get a verdict. The signed-rank test needs 6 or more to reach p < 0.05: repetitions = 6.

    full at 1: 24 images, 4 epochs, 20 gradient steps
      sh train.sh TMP/leanset-run-XXXXXX/data/data.yaml SEED 4 TMP/leanset-run-XXXXXX 5 20

    stratified-random at 0.25: 6 images, 4 epochs, 8 gradient steps
      sh train.sh TMP/leanset-run-XXXXXX/data/data.yaml SEED 4 TMP/leanset-run-XXXXXX 5 8

    stratified-random at 0.5: 12 images, 4 epochs, 12 gradient steps
      sh train.sh TMP/leanset-run-XXXXXX/data/data.yaml SEED 4 TMP/leanset-run-XXXXXX 5 12

    No image was decoded: the numbers include images that cannot be.
    ");
    });
    assert!(place.listing() == before);
    let plan: Value =
        serde_json::from_str(&ok(&place, "experiment p.toml --dry-run --json --keep 'a b'")).expect("JSON");
    assert_eq!((&plan["runs"], &plan["steps_left"], &plan["pictures"]), (&10.into(), &120.into(), &24.into()));
    assert_eq!((&plan["training_seconds_left"], &plan["exclusive"]), (&Value::Null, &true.into()));
    let first = &plan["first"][2];
    assert_eq!(
        (&first["method"], &first["pictures"], &first["steps"]),
        (&"stratified-random".into(), &12.into(), &12.into())
    );
    // With a folder of their own the commands are exactly those that are run.
    let shown: Vec<String> =
        plan["first"].as_array().expect("a list").iter().map(|f| f["command"].to_string()).collect();
    assert!(shown[0].contains("/a b/0-full-1/data/data.yaml'"), "{shown:?}");
    assert!(place.listing() == before);
    ok(&place, "experiment p.toml --output r.jsonl --quiet");
    let plan: Value =
        serde_json::from_str(&ok(&place, "experiment p.toml --output r.jsonl --dry-run --json")).expect("JSON");
    assert_eq!(
        (&plan["done"], &plan["steps_left"], &plan["estimated_from"]),
        (&10.into(), &0.into(), &"the runs that are done".into())
    );
    // Annotations alone are read: what is no picture is not known to be none, and no model sees any.
    put(&place, "set/images/train/03.png", "no picture");
    let plan: Value = serde_json::from_str(&ok(&place, "experiment p.toml --dry-run --json")).expect("JSON");
    assert_eq!(plan["pictures"], 24);
    for (given, what) in [("model", "m.onnx"), ("table", "t.csv")] {
        place.write("q.toml", format!("{PLAN}\n[features]\n{given} = \"{what}\"\n"));
        let said = refuses(&place, "experiment q.toml --dry-run");
        assert!(said.contains(what), "{said}");
    }
    ok(&place, "experiment p.toml --output fewer.jsonl --quiet");
    assert_eq!(runs(&place, "fewer.jsonl")[0]["data"]["rows"], 23);
}

/// Who does not hand the number of pictures a step to the command has steps that nobody knows.
#[test]
fn batch_that_is_assumed_is_reported() {
    let place = place();
    let told = "warning: p.toml: detector.command has no {batch}: gradient steps are counted as if each took 5 images\n  hint: ";
    assert!(!run(&place, "experiment p.toml --dry-run").err.contains("{batch}"));
    place.write("p.toml", PLAN.replace("\"{batch}\"", "\"8\""));
    for arguments in ["--dry-run", "--output r.jsonl --quiet"] {
        let ran = run(&place, &format!("experiment p.toml {arguments}"));
        assert!(ran.code == Some(0) && ran.err.contains(told), "{}", ran.err);
    }
}

#[test]
fn report_of_a_detector_speaks_of_images() {
    let place = place();
    ok(&place, "experiment p.toml --output r.jsonl --quiet");
    place.ok("report r.jsonl --output r.html --quiet");
    let page = place.text("r.html");
    let seen = elements(&page);
    assert_eq!(seen.iter().filter(|s| *s == "figure").count(), 6);
    let full = runs(&place, "r.jsonl").into_iter().skip(1).filter(|run| run["method"] == "full");
    let full: Vec<f64> = full.map(|run| number(&run["map50_95"])).collect();
    for said in [
        "Cats &amp; dogs",
        "24 images, 192 features per image, 4 categories",
        "mAP50-95 over stratified random, in points",
        "The same for mAP50<",
        "distance of the worst-covered image",
        "fraction of the training images kept",
        "Gradient steps: 20 in full training",
        "All trainings have 4 epochs, so that fewer images are fewer gradient steps. The result is that of the last epoch.",
        "Computing the features of all images (colours-and-edges/1) cost",
        "3 images of the dataset’s own validation split",
        &format!("<strong>{:.3}</strong>", (full[0] + full[1]) / 2.0),
    ] {
        assert!(page.contains(said), "{said}");
    }
    for other in ["ccuracy", "acro F1", "largest class", "on the same split", "--exclusive", " rows"] {
        assert!(!page.contains(other), "{other}");
    }
    let said = ok(&place, "experiment p.toml --output r.jsonl");
    for part in ["mAP50-95 (full training: ", "Gradient steps (full training: 20)", "  stratified-random     8    12\n"]
    {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert!(!said.contains("ccuracy") && !said.contains("--exclusive"), "{said}");
}

/// Features from elsewhere cost something, and nobody knows what.
#[test]
fn report_says_that_the_cost_of_given_features_is_not_known() {
    let place = place();
    let numbers = |n: u32| format!("{n:02}.png,{},{}\n", noise(u64::from(n), 1), noise(u64::from(n), 2));
    let table: String = (0..24).map(numbers).collect();
    place.write("f.csv", format!("path,a,b\n{table}"));
    place.write("p.toml", format!("{PLAN}\n[features]\ntable = \"f.csv\"\n"));
    let said = ok(&place, "experiment p.toml --output r.jsonl");
    assert!(said.contains("Their cost is not known"), "{said}");
    let found = runs(&place, "r.jsonl");
    assert_eq!((&found[0]["data"]["features"], &found[0]["data"]["dimensions"]), (&"given".into(), &2.into()));
    assert!(found[1..].iter().all(|run| run["measured"].get("features").is_none()));
    let page: Value = serde_json::from_str(&place.ok("report r.jsonl --output r.html --json")).expect("JSON");
    assert_eq!(page["features"], serde_json::json!({ "name": "given", "cost": null }));
    let html = place.text("r.html");
    assert!(html.contains("the cost of the features is not known") && html.contains("Their cost is not known"));
    // Other numbers are another experiment.
    place.write("f.csv", format!("path,a,b\n{}", table.replace("00.png,0", "00.png,1")));
    let said = refuses(&place, "experiment p.toml --output r.jsonl");
    assert!(said.contains("r.jsonl: was begun with something else: data.sources.features ("), "{said}");
}

/// The pictures are those of the header, those that are tested on too.
/// What a model sees is charged, said and compared: an experiment goes on with the same weights, and with no others.
#[test]
fn experiment_by_a_model_goes_on_with_that_model() {
    let place = place();
    put(&place, "model.onnx", onnx([1.0, -0.5, 0.25, -0.75, 0.5, 1.0]));
    place.write("p.toml", PLAN.replace("[reduce]", "[features]\nmodel = \"model.onnx\"\nsize = 32\n\n[reduce]"));
    ok(&place, "experiment p.toml --output r.jsonl --quiet");
    let lines = runs(&place, "r.jsonl");
    let (header, found) = (&lines[0], &lines[1..]);
    assert_eq!(found.len(), RUNS);
    assert_eq!((&header["data"]["dimensions"], &header["data"]["features"]), (&2.into(), &"model.onnx, 'seen'".into()));
    let features = number(&found[0]["measured"]["features"]["seconds"]);
    let spent = |run: &Value| number(&run["measured"]["reduction"]["seconds"]);
    for run in found {
        // Stratified random looks at no picture.
        assert_eq!(run["method"] == "maxmin", spent(run) >= features, "{run}");
    }
    ok(&place, "experiment p.toml --output r.jsonl --quiet");
    put(&place, "model.onnx", onnx([1.0, -0.5, 0.25, -0.75, 0.5, 2.0]));
    let said = refuses(&place, "experiment p.toml --output r.jsonl");
    assert!(said.contains("r.jsonl: was begun with something else: data.sources.model ("), "{said}");
}

#[test]
fn journal_refuses_another_dataset() {
    let place = place();
    ok(&place, "experiment p.toml --output r.jsonl --quiet");
    put(&place, "set/labels/val/90.txt", "1 .5 .5 .2 .2\n");
    let said = refuses(&place, "experiment p.toml --output r.jsonl");
    assert!(said.contains("r.jsonl: was begun with something else: data.sources.validation ("), "{said}");
    put(&place, "set/labels/val/90.txt", crate::common::LABELS[0]);
    put(&place, "set/images/train/03.png", crate::common::picture(77));
    let said = refuses(&place, "experiment p.toml --output r.jsonl");
    assert!(said.contains("r.jsonl: was begun with something else: data.sha256 ("), "{said}");
    // The set that the plan names is overridden, and the same set elsewhere is the same, whatever its folder is called.
    put(&place, "set/images/train/03.png", crate::common::picture(3));
    std::fs::create_dir(place.path("moved")).expect("a folder");
    std::fs::rename(place.path("set"), place.path("moved/set")).expect("moved");
    ok(&place, "experiment p.toml --data moved/set/data.yaml --output r.jsonl --quiet");
    std::fs::rename(place.path("moved/set"), place.path("moved/pets")).expect("moved");
    ok(&place, "experiment p.toml --data moved/pets/data.yaml --output r.jsonl --quiet");
}

/// The CPU time of a trainer is that of a child of leanset, and of the children it waited for.
#[test]
fn metering_includes_the_trainer() {
    let place = place();
    let busy = "(i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done)\n";
    place.write("p.toml", PLAN.replace("repetitions = 2", "repetitions = 1").replace("[0.25, 0.5]", "[0.5]"));
    place.write("idle.sh", format!("sleep 0.05\n{TRAINER}")).write("train.sh", format!("{busy}{TRAINER}"));
    ok(&place, "experiment p.toml --output busy.jsonl --quiet");
    place.write("p.toml", place.text("p.toml").replace("train.sh", "idle.sh"));
    ok(&place, "experiment p.toml --output idle.jsonl --quiet");
    let least = |name: &str| {
        let cost =
            runs(&place, name).into_iter().skip(1).map(|run| number(&run["measured"]["training"]["cpu_seconds"]));
        cost.fold(f64::INFINITY, f64::min)
    };
    let (busy, idle) = (least("busy.jsonl"), least("idle.jsonl"));
    assert!(busy > 0.03 && idle < busy / 2.0, "a busy trainer took {busy} s, an idle one {idle} s");
}

/// What is wrong with a plan is said by file, line and key, with the way out.
#[test]
fn plans_that_cannot_be_used() {
    let place = place();
    let mut said = String::new();
    let command =
        "command = [\"sh\", \"train.sh\", \"{data}\", \"{seed}\", \"{epochs}\", \"{out}\", \"{batch}\", \"{steps}\"]";
    for (from, to) in [
        (command, ""),
        (command, "command = []"),
        (command, "command = \"sh train.sh {seed} {epochs} {out}\""),
        (command, "command = \"sh train.sh {data} {epochs} {out}\""),
        (command, "command = \"sh train.sh {data} {seed} {out}\""),
        (command, "command = \"sh train.sh {data} {seed} {epochs}\""),
        (command, "command = \"sh train.sh {data} {seed} {epochs} {out} {name}\""),
        (command, "command = [\"sh\", \"{data\"]"),
        (command, "command = \"sh 'train.sh\""),
        (command, "command = 7"),
        ("epochs = 4", "epochs = 0"),
        ("epochs = 4", "epochs = 4\nequal = \"time\""),
        ("epochs = 4", "epochs = 4\nepoch = \"first\""),
        ("epochs = 4", "epochs = 4\nresults = \"run/results.csv\""),
        ("epochs = 4", "epochs = 4\nresults = \"{out}/../results.csv\""),
        ("epochs = 4", "epochs = 4\nlearning_rate = 0.1"),
        ("batch = 5", "batch = 0"),
        ("batch = 5", "[model]\nhidden = [3]"),
        ("batch = 5", "[split]\ntest = 0.5"),
        ("batch = 5", "[data]\npath = \"t.csv\"\nlabel = \"kind\""),
        ("batch = 5", "[features]\npaths = \"list.txt\""),
        ("[detector]", "[model]"),
        ("[images]", "[data]\nlabel = \"kind\""),
        ("[images]\npath = \"set/data.yaml\"", ""),
        ("path = \"set/data.yaml\"", "categroy = \"none\"\npath = \"set/data.yaml\""),
        ("path = \"set/data.yaml\"", "category = \"number\"\npath = \"set/data.yaml\""),
        ("path = \"set/data.yaml\"", "category = \"none\"\ncategories = \"t.csv\"\npath = \"set/data.yaml\""),
        ("path = \"set/data.yaml\"", "balance = true"),
        ("path = \"set/data.yaml\"", "path = \"other/data.yaml\""),
        ("path = \"set/data.yaml\"", "groups = { pets = [\"cow\"] }\npath = \"set/data.yaml\""),
        ("name = \"srs\"", "name = \"fes\""),
        ("name = \"srs\"", "name = \"srs\"\nwarm_up = 3"),
        ("name = \"srs\"", "name = \"clc\""),
        ("name = \"srs\"", "name = \"nrmd\"\nparameters = { scope = \"global\" }\n[[method]]\nname = \"srs\""),
    ] {
        assert!(PLAN.contains(from), "{from}");
        let plan = PLAN.replacen(from, to, 1);
        // Over all pictures at once only counts of categories are impossible.
        let plan = if to.contains("nrmd") { plan.replace("[images]", "[images]\nbalance = true") } else { plan };
        place.write("bad.toml", plan);
        let refused = refuses(&place, "experiment bad.toml --output r.jsonl");
        assert!(!place.exists("r.jsonl") && !place.exists("calls.txt"), "{to}");
        said.push_str(&format!("{to}\n{}", refused.strip_prefix("exit 2\n").unwrap_or(&refused)));
    }
    insta::assert_snapshot!("plans_about_pictures_that_cannot_be_used", said);
    // Real pictures nearest to centroids are pictures.
    place.write("p.toml", PLAN.replace("name = \"srs\"", "name = \"clc\"\nparameters = { output = \"rows\" }"));
    ok(&place, "experiment p.toml --output r.jsonl --quiet");
}
