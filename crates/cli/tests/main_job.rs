//! The main job end to end, on small tables made of arithmetic: what is written, measured, said and left.

#![allow(clippy::print_stdout)] // a test that cannot run here says so

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{Place, csv, gzip, npy, zip};
use serde_json::Value;

/// Every method, with a parameter that makes it keep real rows and rank where it can.
const METHODS: [&str; 7] = ["srs", "prd", "mms", "des", "nrmd", "phl --param neighbors=5", "clc --param output=rows"];
const COLUMNS: &str = "--label class --id id";

/// A table of 300 rows in `t.csv`.
fn table() -> Place {
    Place::with("t.csv", csv(300, 4, 3))
}

/// The same with holes in every seventh row.
fn with_holes() -> Place {
    let text: String = csv(300, 4, 3)
        .lines()
        .enumerate()
        .map(|(line, text)| match text.split(',').collect::<Vec<_>>().as_slice() {
            [id, _, rest @ ..] if line % 7 == 3 => format!("{id},,{}\n", rest.join(",")),
            fields => format!("{}\n", fields.join(",")),
        })
        .collect();
    Place::with("t.csv", text)
}

/// The rows of a manifest, ascending.
fn row_ids(manifest: &Value) -> Vec<u64> {
    let mut rows = picks(manifest);
    rows.sort_unstable();
    rows
}

/// The rows of a manifest, in the order they were picked.
fn picks(manifest: &Value) -> Vec<u64> {
    manifest["row_ids"].as_array().expect("row ids").iter().map(|v| v.as_u64().expect("a row")).collect()
}

/// A manifest without what depends on the machine and the moment.
fn lasting(place: &Place, name: &str) -> String {
    let text = place.text(name);
    let mut manifest: Value = serde_json::from_str(&text).expect("JSON");
    assert!(manifest["measured"].is_object());
    let (kept, _) = text.split_once("\n  \"measured\"").expect("measured comes last");
    manifest.as_object_mut().expect("an object").remove("measured");
    assert_eq!(serde_json::from_str::<Value>(&format!("{}}}", kept.trim_end_matches(','))).expect("JSON"), manifest);
    kept.to_owned()
}

#[test]
fn rows_come_back_untouched_and_in_input_order() {
    let place = table();
    let input = place.text("t.csv");
    let lines: Vec<&str> = input.lines().collect();
    for method in METHODS {
        place.ok(&format!("reduce t.csv {COLUMNS} --method {method} --ratio 0.2 --output lean.csv --force --quiet"));
        let manifest = place.json("lean.csv.manifest.json");
        assert_eq!(manifest["kept"], 60, "{method}");
        let rows = row_ids(&manifest);
        let expected: String = std::iter::once(lines[0])
            .chain(rows.iter().map(|&r| lines[r as usize + 1]))
            .map(|l| format!("{l}\n"))
            .collect();
        assert_eq!(place.text("lean.csv"), expected, "{method}");
    }
}

#[test]
fn quotes_spaces_and_line_endings_come_back_untouched() {
    let text =
        "id , x,\"say \"\"class\"\"\"\r\n\"a\nb\", 1.50 ,red\r\nc,1e0,\"blue\"\r\n\r\nd,+2.,red\r\ne,007,\"blue\"";
    let place = Place::with("t.csv", text);
    let reduce = "reduce t.csv --id id --label 'say \"class\"' --method srs --ratio 1 --output lean.csv --quiet";
    place.ok(reduce);
    // The blank line is no row, and the last row gets the line ending of the others.
    assert_eq!(place.text("lean.csv"), format!("{}\r\n", text.replace("\r\n\r\n", "\r\n")));
}

#[test]
fn rank_order_ids_and_weights() {
    let place = table();
    place.ok(&format!("reduce t.csv {COLUMNS} --method mms --ratio 0.1 --output lean.csv --order rank --quiet"));
    let picked = picks(&place.json("lean.csv.manifest.json"));
    let input = place.text("t.csv");
    let lines: Vec<&str> = input.lines().collect();
    let lean = place.text("lean.csv");
    assert_eq!(
        lean.lines().skip(1).collect::<Vec<_>>(),
        picked.iter().map(|&r| lines[r as usize + 1]).collect::<Vec<_>>()
    );

    // Row ids by position, then by the id column.
    place.ok("reduce t.csv --label class --exclude id --method mms --ratio 0.1 --output ids.csv --emit ids --order rank --quiet");
    let ids = place.text("ids.csv");
    assert!(ids.starts_with("row,class,rank\n"), "{ids}");
    let first = |text: &str| -> Vec<String> {
        text.lines().skip(1).map(|l| l.split(',').next().expect("a field").to_owned()).collect()
    };
    assert_eq!(first(&ids), picked.iter().map(u64::to_string).collect::<Vec<_>>());
    place.ok(&format!(
        "reduce t.csv {COLUMNS} --method mms --ratio 0.1 --output named.csv --emit ids --order rank --quiet"
    ));
    assert_eq!(first(&place.text("named.csv")), first(&lean));

    // Weights: a column more, each row otherwise as it was; they add up to the rows of the class.
    place.ok(&format!(
        "reduce t.csv {COLUMNS} --method clc --param output=rows --weights w --ratio 0.1 --output weighed.csv --quiet"
    ));
    let manifest = place.json("weighed.csv.manifest.json");
    let weighed = place.text("weighed.csv");
    assert!(weighed.starts_with("id,x0,x1,x2,x3,class,w\n"));
    let mut sum = 0.0;
    for (line, row) in weighed.lines().skip(1).zip(row_ids(&manifest)) {
        let (rest, weight) = line.rsplit_once(',').expect("fields");
        assert_eq!(rest, lines[row as usize + 1]);
        sum += weight.parse::<f64>().expect("a weight");
    }
    assert_eq!(sum, 300.0);
}

#[test]
fn a_slice_of_the_ranking_is_the_reduction() {
    for (place, columns) in [
        (table(), "--label class --exclude id"),
        (table(), COLUMNS),
        (with_holes(), "--label class --exclude id --missing drop"),
        (with_holes(), "--label class --id id --missing drop"),
        (with_holes(), "--label class --id id --missing mean --scale standard"),
        (table(), "--exclude id,class"),
    ] {
        for method in ["srs", "mms", "mms --param start=first", "nrmd", "nrmd --param scope=global"] {
            place.ok(&format!("rank t.csv {columns} --method {method} --seed 5 --output ranking.csv --force --quiet"));
            for ratio in [0.02, 0.1, 0.55, 1.0] {
                let what = format!("{columns} {method} at {ratio}");
                let common = format!("t.csv {columns} --ratio {ratio} --force --quiet");
                place.ok(&format!("reduce {common} --ranking ranking.csv --output sliced.csv"));
                place.ok(&format!("reduce {common} --method {method} --seed 5 --output lean.csv"));
                assert_eq!(place.text("sliced.csv"), place.text("lean.csv"), "{what}");
                let (sliced, lean) = (place.json("sliced.csv.manifest.json"), place.json("lean.csv.manifest.json"));
                assert_eq!(sliced["row_ids"], lean["row_ids"], "{what}");
                assert_eq!(sliced["epsilon"], lean["epsilon"], "{what}");
            }
        }
    }
}

#[test]
fn rankings_hold_every_row_once_with_positions_of_the_input() {
    let place = with_holes();
    place.ok("rank t.csv --label class --exclude id --missing drop --method mms --output ranking.csv --quiet");
    let input = place.text("t.csv");
    let lines: Vec<&str> = input.lines().skip(1).collect();
    let mut rows = Vec::new();
    for line in place.text("ranking.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let row: usize = fields[0].parse().expect("a position");
        assert!(lines[row].ends_with(fields[1]), "the class of row {row}");
        rows.push(row);
    }
    rows.sort_unstable();
    let whole: Vec<usize> = (0..300).filter(|&r| !lines[r].contains(",,")).collect();
    assert_eq!(rows, whole);

    // Given start rows are those of the file, in the manifest too.
    let start: Vec<String> = ["c0", "c1", "c2"]
        .iter()
        .map(|c| whole.iter().rfind(|&&r| lines[r].ends_with(c)).expect("a row").to_string())
        .collect();
    let start = start.join(",");
    let columns = "--label class --exclude id --missing drop --method mms";
    place.ok(&format!("rank t.csv {columns} --param start={start} --output ranking.csv --force --quiet"));
    place.ok(&format!("reduce t.csv {columns} --param start={start} --count 3 --output lean.csv --quiet"));
    let (ranked, reduced) = (place.json("ranking.csv.manifest.json"), place.json("lean.csv.manifest.json"));
    let given: Value = serde_json::from_str(&format!("[{start}]")).expect("JSON");
    assert_eq!(ranked["request"]["method"]["parameters"]["start"], given);
    assert_eq!(reduced["request"]["method"]["parameters"]["start"], given);
    assert_eq!(reduced["row_ids"], given);
    place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --quiet");
    place.write("start.csv", format!("row\n{}\n", start.replace(',', "\n")));
    place.ok(&format!("reduce t.csv {columns} --param start=@start.csv --count 3 --output named.csv --quiet"));
    assert_eq!(place.text("named.csv"), place.text("lean.csv"));
}

#[test]
fn measure_says_what_the_manifest_says() {
    for (place, columns) in [(table(), COLUMNS), (with_holes(), "--label class --id id --missing drop")] {
        for method in METHODS {
            for metric in ["chebyshev", "euclidean", "manhattan"] {
                let what = format!("{method} {metric} {columns}");
                let common = format!("{columns} --metric {metric}");
                let reduce = format!("reduce t.csv {common} --method {method} --ratio 0.1 --force --quiet");
                place.ok(&format!("{reduce} --output lean.csv"));
                let manifest = place.json("lean.csv.manifest.json");
                place.ok(&format!("{reduce} --output ids.csv --emit ids"));
                for reduced in ["lean.csv", "ids.csv"] {
                    let measured = place.ok(&format!("measure t.csv {reduced} {common} --json --quiet"));
                    let measured: Value = serde_json::from_str(&measured).expect("JSON");
                    assert_eq!(measured["schema"], "leanset.measure/1");
                    for key in ["metric", "value", "worst_row", "worst_class"] {
                        assert_eq!(measured["epsilon"][key], manifest["epsilon"][key], "{what} {reduced} {key}");
                    }
                    assert_eq!(measured["epsilon"]["classes"], manifest["classes"], "{what} {reduced}");
                }
            }
        }
    }
}

#[test]
fn points_of_the_curve_are_reductions() {
    for method in ["mms", "nrmd --param scope=global", "des --param base=0.01"] {
        let place = table();
        place.ok(&format!("rank t.csv {COLUMNS} --method {method} --output ranking.csv --quiet"));
        let curve = place.ok(&format!("measure t.csv --ranking ranking.csv --curve {COLUMNS} --json --quiet"));
        let curve: Value = serde_json::from_str(&curve).expect("JSON");
        assert_eq!(curve["schema"], "leanset.curve/1");
        let points = curve["points"].as_array().expect("points");
        assert_eq!(points.len(), 100);
        for percent in [2, 10, 33, 100] {
            let ratio = f64::from(percent) / 100.0;
            place.ok(&format!(
                "reduce t.csv {COLUMNS} --method {method} --ratio {ratio} --output lean.csv --force --quiet"
            ));
            let manifest = place.json("lean.csv.manifest.json");
            let point = &points[percent as usize - 1];
            assert_eq!(point["ratio"], ratio);
            assert_eq!(point["kept"], manifest["kept"], "{method} at {ratio}");
            assert_eq!(point["epsilon"]["value"], manifest["epsilon"]["value"], "{method} at {ratio}");
            assert_eq!(point["epsilon"]["worst_row"], manifest["epsilon"]["worst_row"], "{method} at {ratio}");
        }
        assert_eq!(points[99]["epsilon"]["value"], 0.0);
        let two =
            place.ok(&format!("measure t.csv --ranking ranking.csv --ratio 0.1 --ratio 0.33 {COLUMNS} --json --quiet"));
        let two: Value = serde_json::from_str(&two).expect("JSON");
        assert_eq!(two["points"], Value::from(vec![points[9].clone(), points[32].clone()]));
        let words = place.ok(&format!("measure t.csv --ranking ranking.csv --ratio 0.1 {COLUMNS} --per-class"));
        assert!(words.contains("ε c2"), "{words}");
    }
}

/// Without ε: the same rows, nothing of it in the manifest or the summary, reproduced without it, and measured later.
#[test]
fn epsilon_can_be_left_out() {
    let place = table();
    for method in ["srs", "mms", "clc"] {
        let reduce = format!("reduce t.csv --label class --exclude id --method {method} --ratio 0.1 --force");
        place.ok(&format!("{reduce} --output with.csv --quiet"));
        let said = place.run(&format!("{reduce} --no-epsilon --output lean.csv"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert_eq!(place.text("lean.csv"), place.text("with.csv"), "{method}");
        let (with, lean) = (place.json("with.csv.manifest.json"), place.json("lean.csv.manifest.json"));
        assert!(lean.get("epsilon").is_none() && lean["request"]["no_epsilon"] == true, "{lean}");
        assert!(with["request"].get("no_epsilon").is_none(), "what is off is not said: {with}");
        assert_eq!(lean["measured"]["epsilon_seconds"], 0.0);
        for (own, other) in
            lean["classes"].as_array().expect("classes").iter().zip(with["classes"].as_array().expect("classes"))
        {
            assert_eq!((&own["name"], &own["rows"], &own["kept"]), (&other["name"], &other["rows"], &other["kept"]));
            assert!(own.get("epsilon").is_none() && own.get("worst_row").is_none(), "{own}");
        }
        assert!(!said.err.contains("ε =") && !said.err.contains("is lost"), "{}", said.err);
        let words = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("ε was not measured; leanset measure FILE OUTPUT"), "{words}");
        // Reproduced as it was made.
        place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --force --quiet");
        assert_eq!(place.text("again.csv"), place.text("lean.csv"), "{method}");
        assert!(place.json("again.csv.manifest.json").get("epsilon").is_none());
        // And measured later.
        let measured = place.ok("measure t.csv lean.csv --label class --exclude id --json");
        let measured: Value = serde_json::from_str(&measured).expect("JSON");
        let values = [&measured, &with].map(|document| document["epsilon"]["value"].as_f64().expect("a number"));
        // Centroids were written in the units of the file, and scaled again when they were read.
        let rounding = if method == "clc" { 1e-12 } else { 0.0 };
        assert!((values[0] - values[1]).abs() <= rounding, "{method}: {values:?}");
    }
    // With nothing but a label, the command is to be typed as it is.
    place.write("u.csv", "a,b,class\n".to_owned() + &"1,2,x\n3,5,y\n4,1,x\n2,2,y\n".repeat(5));
    let said = place.run("reduce u.csv --label class --method srs --ratio 0.1 --no-epsilon --output 'a b.csv'");
    let words = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("leanset measure u.csv 'a b.csv' --label class --scale minmax"), "{words}");
    let both =
        place.run("reduce u.csv --label class --method srs --ratio 0.1 --no-epsilon --metric euclidean --output c.csv");
    assert!(both.code == Some(2) && both.err.contains("--no-epsilon"), "{}", both.err);
    let plan = place.ok("reduce u.csv --label class --method srs --ratio 0.1 --no-epsilon --dry-run --json");
    assert_eq!(serde_json::from_str::<Value>(&plan).expect("JSON")["request"]["no_epsilon"], true);
}

/// A model is trained or its log is read: the same rows, recorded, made again; and one training serves all ratios.
#[test]
fn rows_are_chosen_by_what_a_model_found_hard() {
    let place = table();
    let rank = format!("rank t.csv {COLUMNS} --method fes --epochs 12 --hidden 12,8 --seed 3");
    let said = place.run(&format!("{rank} --save-log log.csv --output ranking.csv"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("wrote log.csv, the training log"), "{}", said.err);
    let manifest = place.json("ranking.csv.manifest.json");
    assert_eq!(manifest["request"]["method"]["training"]["epochs"], 12);
    assert_eq!(manifest["request"]["method"]["training"]["hidden"], serde_json::json!([12, 8]));
    assert_eq!(
        (&manifest["request"]["method"]["training"]["dropout"], &manifest["request"]["method"]["seed"]),
        (&0.25.into(), &3.into())
    );
    assert_eq!(manifest["method"]["facts"]["epochs"], 12);
    assert!(manifest.get("log").is_none());
    let log = place.text("log.csv");
    assert!(log.starts_with("epoch,row,correct,p_0,p_1,p_2,gradient"), "{}", &log[..60]);
    assert_eq!(log.lines().count(), 1 + 12 * 300);
    // The log gives the same, in another order and another format, for every method that watches training.
    let mut lines: Vec<&str> = log.lines().collect();
    lines[1..].sort_unstable_by_key(|line| line.bytes().rev().collect::<Vec<u8>>());
    place.write("shuffled.csv", lines.join("\n"));
    for method in ["fes", "el2n", "aum", "fes --param keep=easiest", "grand", "ccs", "dual --param sampling=score"] {
        let rank = format!("rank t.csv {COLUMNS} --method {method} --quiet --force");
        place.ok(&format!("{rank} --epochs 12 --hidden 12,8 --seed 3 --output trained.csv --save-log log.parquet"));
        for log in ["log.csv", "shuffled.csv", "log.parquet"] {
            // CCS draws rows by the seed of the method, which the training has too.
            place.ok(&format!("{rank} --log {log} --seed 3 --output logged.csv"));
            assert_eq!(place.text("logged.csv"), place.text("trained.csv"), "{method} by {log}");
        }
        assert_eq!(place.json("logged.csv.manifest.json")["log"]["rows"], 12 * 300);
    }
    // Any number of threads, a slice of the ranking, and the manifest: the same rows.
    let reduce = format!("reduce t.csv {COLUMNS} --method fes --epochs 12 --hidden 12,8 --seed 3 --ratio 0.2 --quiet");
    place.ok(&format!("{reduce} --output lean.csv"));
    place.ok(&format!("{reduce} --threads 1 --output one.csv"));
    place.ok(&format!("reduce t.csv {COLUMNS} --ranking ranking.csv --ratio 0.2 --output sliced.csv --quiet"));
    place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --quiet");
    for other in ["one.csv", "sliced.csv", "again.csv"] {
        assert_eq!(place.text(other), place.text("lean.csv"), "{other}");
    }
    let sliced = place.json("sliced.csv.manifest.json");
    assert_eq!(sliced["method"]["ranking"]["request"], manifest["request"]);
    place.ok(&format!("reduce t.csv {COLUMNS} --method el2n --log log.csv --ratio 0.2 --output by-log.csv --quiet"));
    place.ok("reduce --from-manifest by-log.csv.manifest.json --output by-log-again.csv --quiet");
    assert_eq!(place.text("by-log-again.csv"), place.text("by-log.csv"));
    // Another seed is another model, and a dry run trains none but says how it would.
    place.ok(&format!("{} --output other.csv", reduce.replace("--seed 3", "--seed 4")));
    assert_ne!(place.text("other.csv"), place.text("lean.csv"));
    let plan = place.ok(&format!("{reduce} --dry-run --json"));
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    assert_eq!(plan["request"]["method"]["training"], manifest["request"]["method"]["training"]);
}

/// Rows near a target, of a table that is spread out: what is kept represents the target, and all of it is recorded.
#[test]
fn rows_are_chosen_to_represent_a_target() {
    let line = |row: u32, x: f64, class: &str| format!("{row},{x},{},{class}\n", f64::from(row % 7) / 7.0);
    let rows = |count: u32, x: &dyn Fn(u32) -> f64, classes: &[&str]| -> String {
        let rows = (0..count).map(|row| line(row, x(row), classes[row as usize % classes.len()]));
        std::iter::once("id,x,y,class\n".to_owned()).chain(rows).collect()
    };
    let place = Place::with("t.csv", rows(200, &f64::from, &["a", "b"]));
    // All of it about x = 150, with a class more and in another format.
    place.write("new.csv", rows(60, &|row| 150.0 + f64::from(row % 5), &["b", "c", "a"]));
    place.ok("reduce new.csv --label class --method srs --ratio 1 --output new.parquet --quiet");
    let mean = |name: &str| -> f64 {
        let text = place.text(name);
        let x = |line: &str| line.split(',').nth(1).expect("x").parse::<f64>().expect("a number");
        let values: Vec<f64> = text.lines().skip(1).map(x).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let reduce = "reduce t.csv --label class --id id --method prd --count 6 --force";
    place.ok(&format!("{reduce} --output own.csv --quiet"));
    let towards = format!("{reduce} --target new.csv --output lean.csv");
    let said = place.run(&towards);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.err.contains("new.csv: 20 rows left out, of classes that are not known in column 'class': 'c'"),
        "{}",
        said.err
    );
    assert!(said.err.contains("keeps 6 of 200 rows (3.0 %) to represent new.csv"), "{}", said.err);
    // The table is spread over 0 … 199, the target is at 150 … 154: six rows stand for each.
    assert!((mean("own.csv") - 152.0).abs() > 20.0, "{}", place.text("own.csv"));
    assert!((mean("lean.csv") - 152.0).abs() < 10.0, "{}", place.text("lean.csv"));
    let manifest = place.json("lean.csv.manifest.json");
    assert_eq!((&manifest["target"]["path"], &manifest["target"]["rows"]), (&"new.csv".into(), &60.into()));
    assert!(manifest["warnings"].as_array().expect("warnings").iter().any(|w| w["code"] == "unknown-class"));
    assert!(place.json("own.csv.manifest.json").get("target").is_none());
    // ε is that of the table, as `measure` has it.
    let measured = place.ok("measure t.csv lean.csv --label class --id id --json --quiet");
    let measured: Value = serde_json::from_str(&measured).expect("JSON");
    assert_eq!(measured["epsilon"]["value"], manifest["epsilon"]["value"]);
    // Another format of the same target, any number of threads, and the slice of the ranking: the same rows.
    for other in ["--target new.parquet", "--target new.csv --threads 1"] {
        place.ok(&format!("{reduce} {other} --output again.csv --quiet"));
        assert_eq!(place.text("again.csv"), place.text("lean.csv"), "{other}");
    }
    place.ok("rank t.csv --label class --id id --method prd --target new.csv --output ranking.csv --quiet");
    let ranked = place.json("ranking.csv.manifest.json");
    assert_eq!(ranked["target"], manifest["target"]);
    place.ok("reduce t.csv --label class --id id --ranking ranking.csv --count 6 --output sliced.csv --quiet");
    assert_eq!(place.text("sliced.csv"), place.text("lean.csv"));
    let sliced = place.json("sliced.csv.manifest.json");
    assert_eq!(sliced["method"]["ranking"]["request"], ranked["request"]);
    // The table as its own target changes nothing.
    place.ok(&format!("{reduce} --target t.csv --output again.csv --quiet"));
    assert_eq!(place.text("again.csv"), place.text("own.csv"));
    // Made again from the manifest, also where the target has moved to.
    place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --force --quiet");
    assert_eq!(place.text("again.csv"), place.text("lean.csv"));
    std::fs::rename(place.path("new.csv"), place.path("moved.csv")).expect("renamed");
    let again = "reduce --from-manifest lean.csv.manifest.json --output again.csv --force --quiet";
    assert_eq!(place.run(again).code, Some(2));
    place.ok(&format!("{again} --target moved.csv"));
    assert_eq!(place.text("again.csv"), place.text("lean.csv"));
}

/// A dry run counts the target: the larger it is, the more memory is predicted. The target is large, because what two processes
/// hold of code and libraries differs by a megabyte.
#[test]
fn a_dry_run_counts_the_target() {
    let place = table();
    place.write("new.csv", csv(200_000, 4, 3));
    for verb in ["reduce --ratio 0.1", "rank"] {
        let plan = |target: &str| -> Value {
            let (verb, rest) = verb.split_once(' ').unwrap_or((verb, ""));
            let before = place.listing();
            let run = format!("{verb} t.csv {COLUMNS} --method prd {rest} {target} --dry-run --threads 1");
            let plan = serde_json::from_str(&place.ok(&format!("{run} --json"))).expect("JSON");
            let words = place.run(&run).err;
            assert_eq!(words.contains(" to represent new.csv"), !target.is_empty(), "{words}");
            assert!(place.listing() == before, "a dry run writes something");
            plan
        };
        let (without, with) = (plan(""), plan("--target new.csv"));
        let bytes = |plan: &Value| plan["predicted_peak_memory_bytes"].as_u64().expect("bytes");
        let file = place.bytes("new.csv").len() as u64;
        assert!(bytes(&with) >= bytes(&without) + file, "{verb}: {without} {with}");
        assert_eq!(
            (&with["request"]["method"]["target"], without["request"]["method"].get("target")),
            (&"new.csv".into(), None)
        );
    }
}

/// The bound, of what the document itself says.
fn check_persistence(who: &str, found: &Value) {
    let number = |v: &Value| if v == "inf" { f64::INFINITY } else { v.as_f64().expect("a number") };
    assert_eq!(found["holds"], true, "{who}");
    for class in found["classes"].as_array().expect("classes") {
        let [epsilon, back, margin, bound] = ["epsilon", "back", "margin", "bound"].map(|key| number(&class[key]));
        let radii = number(&class["full"]["radius"]) + number(&class["reduced"]["radius"]);
        assert_eq!((margin, bound), (2.0 * radii, 2.0 * epsilon.max(back) + margin), "{who}");
        for dimension in class["dimensions"].as_array().expect("dimensions") {
            assert!(number(&dimension["bottleneck"]) <= bound * (1.0 + 1e-9), "{who}: {dimension} above {bound}");
        }
    }
}

#[test]
fn shapes_are_compared_within_their_bound() {
    let place = table();
    for method in METHODS.into_iter().chain(["clc", "srs --allow-empty-classes"]) {
        place.ok(&format!("reduce t.csv {COLUMNS} --method {method} --ratio 0.1 --output lean.csv --force --quiet"));
        for (metric, options) in [("chebyshev", ""), ("euclidean", "--dimension 2"), ("manhattan", "--dimension 0")] {
            for points in ["", "--persistence-points 25"] {
                let measure = format!(
                    "measure t.csv lean.csv {COLUMNS} --metric {metric} --persistence {options} {points} --json"
                );
                let found: Value = serde_json::from_str(&place.ok(&measure)).expect("JSON");
                let shapes = &found["persistence"];
                check_persistence(&measure, shapes);
                assert_eq!(shapes["subsampled"], !points.is_empty(), "{measure}");
                let classes = shapes["classes"].as_array().expect("classes");
                for (class, of_epsilon) in classes.iter().zip(found["epsilon"]["classes"].as_array().expect("classes"))
                {
                    assert_eq!(class["epsilon"], of_epsilon["epsilon"], "{measure}");
                    assert_eq!(class["full"]["rows"], of_epsilon["rows"], "{measure}");
                    let essential = |at: usize| class["dimensions"][at]["full"]["essential"].as_u64();
                    assert_eq!(essential(0), Some(1), "one component never ends");
                }
            }
        }
    }
    // Rows, and the ids of the same rows; the ranking at the same ratio; without them, nothing is said.
    place.ok(&format!("rank t.csv {COLUMNS} --method mms --output ranking.csv --quiet"));
    for (name, emit) in [("rows.csv", "rows"), ("ids.csv", "ids")] {
        place.ok(&format!("reduce t.csv {COLUMNS} --method mms --ratio 0.1 --emit {emit} --output {name} --quiet"));
    }
    let json = |arguments: &str| -> Value {
        serde_json::from_str(&place.ok(&format!("measure t.csv {COLUMNS} --json {arguments}"))).expect("JSON")
    };
    let shapes = json("rows.csv --persistence")["persistence"].clone();
    assert_eq!(shapes, json("ids.csv --persistence --threads 1")["persistence"]);
    let points = json("--ranking ranking.csv --ratio 0.1 --ratio 1 --persistence")["points"].clone();
    assert_eq!(shapes, points[0]["persistence"]);
    for class in points[1]["persistence"]["classes"].as_array().expect("classes") {
        assert!(class["dimensions"].as_array().expect("dimensions").iter().all(|d| d["bottleneck"] == 0.0));
    }
    assert!(json("rows.csv").get("persistence").is_none());
    let words = place.ok(&format!("measure t.csv rows.csv {COLUMNS} --persistence --persistence-points 30"));
    for part in ["bottleneck", "were subsampled to 30", "the theoretical bound is 2ε + ±", "within its bound"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let words = place.ok(&format!("measure t.csv --ranking ranking.csv --ratio 0.1 {COLUMNS} --persistence"));
    assert!(words.contains("ratio 0.1: persistence diagrams") && !words.contains('±'), "{words}");
}

#[test]
fn a_lost_class_has_no_shape() {
    let place = table();
    place.ok(&format!(
        "reduce t.csv {COLUMNS} --method mms --per-class c0=4 --per-class c1=0 --per-class c2=3 --output lean.csv --quiet"
    ));
    let measure = format!("measure t.csv lean.csv {COLUMNS} --persistence");
    let words = place.ok(&measure);
    assert!(words.contains("lost: c1 has no row left, so every distance is infinite"), "{words}");
    let found: Value = serde_json::from_str(&place.ok(&format!("{measure} --json"))).expect("JSON");
    check_persistence("a lost class", &found["persistence"]);
    let class = &found["persistence"]["classes"][1];
    assert_eq!((&class["dimensions"][0]["bottleneck"], &class["bound"]), (&Value::from("inf"), &Value::from("inf")));
}

/// The digits of the demo: what it kept, in every metric.
#[test]
fn the_shapes_of_the_demo() {
    let place = Place::new();
    place.ok("demo");
    let files = "leanset-demo/digits-train.csv leanset-demo/digits-energy-10.csv";
    for metric in ["chebyshev", "euclidean", "manhattan"] {
        let measure = format!("measure {files} --label digit --scale none --metric {metric} --persistence --json");
        let found: Value = serde_json::from_str(&place.ok(&measure)).expect("JSON");
        check_persistence(metric, &found["persistence"]);
        assert_eq!(found["persistence"]["classes"].as_array().map(Vec::len), Some(10));
    }
}

#[test]
fn formats_hold_the_same_rows() {
    let place = table();
    place.write("u.csv.gz", gzip(&place.bytes("t.csv")));
    for name in ["u.tsv", "u.tsv.zst", "u.parquet", "u.arrow", "u.feather", "u.npz", "u.csv.zst"] {
        place.ok(&format!("reduce t.csv {COLUMNS} --method srs --ratio 1 --output {name} --quiet"));
    }
    for method in METHODS {
        let reduce = |input: &str, output: &str| {
            place.ok(&format!(
                "reduce {input} {COLUMNS} --method {method} --ratio 0.15 --output {output} --force --quiet"
            ));
            place.json(&format!("{output}.manifest.json"))
        };
        let expected = reduce("t.csv", "lean.csv");
        for name in ["u.tsv", "u.tsv.zst", "u.parquet", "u.arrow", "u.feather", "u.npz", "u.csv.gz", "u.csv.zst"] {
            let found = reduce(name, "other.csv");
            assert_eq!(found["row_ids"], expected["row_ids"], "{method} {name}");
            assert_eq!(found["epsilon"], expected["epsilon"], "{method} {name}");
            let same =
                reduce(name, &name.replace('u', "v").replace("v.parqvet", "v.parquet").replace("featver", "feather"));
            assert_eq!(same["row_ids"], expected["row_ids"], "{method} {name}");
        }
    }
    // A gzip holds the bytes of the plain file.
    place.ok(&format!("reduce u.csv.gz {COLUMNS} --method mms --ratio 0.15 --output w.csv.gz --quiet"));
    place.ok(&format!("reduce u.csv.gz {COLUMNS} --method mms --ratio 0.15 --output w.csv --quiet"));
    let mut plain = Vec::new();
    let packed = place.bytes("w.csv.gz");
    std::io::copy(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut plain).expect("gzip");
    assert_eq!(plain, place.bytes("w.csv"));
}

#[test]
fn numpy_arrays() {
    let place = Place::new();
    let points: Vec<f64> = (0..120).map(|i| crate::common::noise(i / 3, i % 3)).collect();
    let labels: Vec<f64> = (0..40).map(|i| f64::from(i % 2)).collect();
    place.write("x.npy", npy(&[40, 3], &points));
    place.write("xy.npz", zip(&[("x.npy", npy(&[40, 3], &points)), ("y.npy", npy(&[40], &labels))]));
    let text: String = (0..40)
        .map(|i| format!("{:?},{:?},{:?},{}\n", points[3 * i], points[3 * i + 1], points[3 * i + 2], i % 2))
        .collect();
    place.write("xy.csv", format!("a,b,c,y\n{text}"));
    place.ok("reduce x.npy --method mms --ratio 0.25 --output lean.npy --quiet");
    let rows = row_ids(&place.json("lean.npy.manifest.json"));
    let kept: Vec<f64> = rows.iter().flat_map(|&r| points[3 * r as usize..][..3].to_vec()).collect();
    let lean = place.bytes("lean.npy");
    assert!(lean.ends_with(&kept.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()));
    assert!(String::from_utf8_lossy(&lean).contains("(10, 3)"));
    place.ok("reduce xy.npz --label y --method mms --ratio 0.25 --output lean.npz --quiet");
    place.ok("reduce xy.csv --label y --method mms --ratio 0.25 --output lean.csv --quiet");
    let (npz, csv) = (place.json("lean.npz.manifest.json"), place.json("lean.csv.manifest.json"));
    assert_eq!(npz["row_ids"], csv["row_ids"]);
    assert_eq!(npz["epsilon"], csv["epsilon"]);
    let measured = place.ok("measure xy.npz lean.npz --label y --json");
    assert_eq!(serde_json::from_str::<Value>(&measured).expect("JSON")["epsilon"]["value"], npz["epsilon"]["value"]);
}

#[test]
fn other_delimiters_and_formats_by_name() {
    let place = table();
    place.write("t.txt", place.text("t.csv").replace(',', ";"));
    let columns = format!("{COLUMNS} --format csv --delimiter ;");
    place.ok(&format!("reduce t.txt {columns} --method mms --ratio 0.1 --output lean.csv --quiet"));
    assert!(place.text("lean.csv").starts_with("id;x0;x1;x2;x3;class\n"));
    place.ok(&format!("reduce t.txt {columns} --method mms --ratio 0.1 --emit ids --output ids.csv --quiet"));
    place.ok(&format!("reduce t.txt {columns} --method mms --ratio 0.1 --output lean.parquet --quiet"));
    let expected = &place.json("lean.csv.manifest.json")["epsilon"]["value"];
    for reduced in ["lean.csv", "ids.csv", "lean.parquet"] {
        let measured = place.ok(&format!("measure t.txt {reduced} {columns} --json"));
        assert_eq!(&serde_json::from_str::<Value>(&measured).expect("JSON")["epsilon"]["value"], expected, "{reduced}");
    }
    place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --quiet");
    assert_eq!(place.bytes("again.csv"), place.bytes("lean.csv"));
}

#[test]
fn names_that_look_like_numbers_stay_names() {
    // Ids and classes as text; parts of them alone would read as numbers.
    let text = "id,a,kind\n007,1,01\n7,2,01\nA9,3,1\nB1,4,x\n";
    let place = Place::with("t.csv", text);
    let columns = "--label kind --id id";
    place.ok(&format!("reduce t.csv {columns} --method srs --ratio 1 --output t.parquet --quiet"));
    for input in ["t.csv", "t.parquet"] {
        place.ok(&format!(
            "reduce {input} {columns} --method srs --per-class 01=1 --per-class 1=0 --per-class x=0 --emit ids --output ids.csv --force --quiet"
        ));
        let kept = place.json("ids.csv.manifest.json");
        let measured = place.ok(&format!("measure {input} ids.csv {columns} --json"));
        let measured: Value = serde_json::from_str(&measured).expect("JSON");
        assert_eq!(kept["classes"][0]["kept"], 1);
        for class in 0..3 {
            let found = &measured["epsilon"]["classes"][class];
            assert_eq!(found["epsilon"], kept["classes"][class]["epsilon"], "{input}");
        }
        place.ok(&format!("rank {input} {columns} --method mms --output ranking.csv --force --quiet"));
        place.ok(&format!("reduce {input} {columns} --ranking ranking.csv --ratio 1 --output all.csv --force --quiet"));
        assert_eq!(place.text("all.csv"), text, "{input}");
    }
}

#[test]
fn centroids_are_in_the_units_of_the_table() {
    let place = table();
    for scale in ["minmax", "standard", "none"] {
        place.ok(&format!(
            "reduce t.csv {COLUMNS} --method clc --ratio 0.1 --scale {scale} --output points.csv --force --quiet"
        ));
        let manifest = place.json("points.csv.manifest.json");
        assert!(manifest.get("row_ids").is_none());
        let parse = |text: &str, skip: usize| -> Vec<(Vec<f64>, String)> {
            let line = |l: &str| {
                let fields: Vec<&str> = l.split(',').collect();
                (
                    fields[skip..skip + 4].iter().map(|v| v.parse().expect("a number")).collect(),
                    fields[skip + 4].to_owned(),
                )
            };
            text.lines().skip(1).map(line).collect()
        };
        let full = parse(&place.text("t.csv"), 1);
        let text = place.text("points.csv");
        assert!(text.starts_with("x0,x1,x2,x3,class,weight\n"), "{text}");
        let points = parse(&text, 0);
        assert_eq!(points.len(), 30);
        for (class, record) in ["c0", "c1", "c2"].iter().zip(manifest["classes"].as_array().expect("classes")) {
            let weight: f64 = text
                .lines()
                .filter(|l| l.contains(class))
                .map(|l| l.rsplit(',').next().expect("a field").parse::<f64>().expect("a weight"))
                .sum();
            assert_eq!(weight, record["rows"].as_f64().expect("rows"), "{scale} {class}");
            for column in 0..4 {
                let values = full.iter().filter(|(_, c)| c == class).map(|(v, _)| v[column]);
                let (low, high) = values.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
                for (point, _) in points.iter().filter(|(_, c)| c == class) {
                    let slack = 1e-9 * high.abs().max(1.0);
                    assert!(point[column] >= low - slack && point[column] <= high + slack, "{scale} {class} {column}");
                }
            }
        }
    }
}

#[test]
fn prototypes_say_which_column_they_add_and_what_became_of_integers() {
    let place = Place::with("t.csv", "a,n,weight,kind\n1.5,1,7,x\n2.5,2,8,x\n3.5,3,9,y\n4.5,4,6,y\n");
    let command = "reduce t.csv --label kind --features a,n --method clc --ratio 0.5 --output lean.csv";
    // A reader would take one for the other.
    let run = place.run(command);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("the weights need a column 'weight', and there is one of that name"), "{}", run.err);
    assert!(run.err.contains("hint: name another: --weights NAME"), "{}", run.err);
    let run = place.run(&format!("{command} --weights rows"));
    assert_eq!(run.code, Some(0), "{}", run.err);
    for said in [
        "column 'n' holds integers: the means of prototypes are written as floats",
        "column 'rows' is added: the number of rows that each prototype stands for",
    ] {
        let stderr = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(stderr.contains(said), "{stderr}");
    }
    assert_eq!(place.text("lean.csv").lines().next(), Some("a,n,kind,rows"));
    let manifest = place.json("lean.csv.manifest.json");
    assert_eq!(manifest["output"]["added_columns"], serde_json::json!(["rows"]));
    assert_eq!(manifest["warnings"][0]["code"], "means-are-floats");
}

#[test]
fn json_is_versioned_and_alone_on_stdout() {
    let place = table();
    let json = |arguments: &str, schema: &str| -> Value {
        let value: Value = serde_json::from_str(&place.ok(arguments)).expect("JSON");
        assert_eq!(value["schema"], schema, "{arguments}");
        assert_eq!(value["leanset"], env!("CARGO_PKG_VERSION"));
        value
    };
    let reduced = json(
        &format!("reduce t.csv {COLUMNS} --method mms --ratio 0.1 --output lean.csv --json"),
        "leanset.manifest/2",
    );
    assert_eq!(reduced, place.json("lean.csv.manifest.json"));
    assert_eq!(reduced["input"]["rows"], 300);
    let ranked = json(&format!("rank t.csv {COLUMNS} --method mms --output ranking.csv --json"), "leanset.manifest/2");
    assert!(ranked["request"]["command"] == "rank" && ranked["request"].get("budget").is_none());
    json(&format!("measure t.csv lean.csv {COLUMNS} --json"), "leanset.measure/1");
    json(&format!("measure t.csv --ranking ranking.csv --curve {COLUMNS} --json"), "leanset.curve/1");
    let plan = json(&format!("reduce t.csv {COLUMNS} --method mms --ratio 0.1 --dry-run --json"), "leanset.plan/2");
    assert_eq!(plan["kept"], 30);
    json(&format!("rank t.csv {COLUMNS} --method mms --dry-run --json"), "leanset.plan/2");
    let methods = json("methods --json", "leanset.methods/1");
    let ids: Vec<&str> =
        methods["methods"].as_array().expect("methods").iter().map(|m| m["id"].as_str().expect("an id")).collect();
    let registered: Vec<&str> = leanset_core::methods::METHODS.iter().map(|m| m.id).collect();
    assert_eq!(ids, registered);
    for info in leanset_core::methods::METHODS {
        for name in std::iter::once(&info.id).chain(info.aliases) {
            let one = json(&format!("methods {name} --json"), "leanset.methods/1");
            assert_eq!(one["methods"][0]["id"], info.id);
            assert_eq!(one["methods"].as_array().map(Vec::len), Some(1));
        }
        let words = place.ok(&format!("methods {}", info.id));
        assert!(info.params.iter().all(|p| words.contains(p.name)) && words.contains(info.reference), "{words}");
    }
}

#[test]
fn stdout_takes_rows_and_rankings() {
    let place = table();
    let reduce = format!("reduce t.csv {COLUMNS} --method mms --ratio 0.1");
    place.ok(&format!("{reduce} --output lean.csv --quiet"));
    assert_eq!(place.ok(&format!("{reduce} --output -")), place.text("lean.csv"));
    assert_eq!(place.ok("reduce --from-manifest lean.csv.manifest.json --output -"), place.text("lean.csv"));
    let rank = format!("rank t.csv {COLUMNS} --method mms");
    place.ok(&format!("{rank} --output ranking.csv --quiet"));
    assert_eq!(place.ok(&format!("{rank} --output -")), place.text("ranking.csv"));
    place.ok(&format!("{reduce} --output lean.parquet --quiet"));
    let parquet = place.run("reduce --from-manifest lean.parquet.manifest.json --output - --quiet");
    assert!(parquet.out == place.bytes("lean.parquet"));
}

#[test]
fn completions_and_manual_pages() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.ok(&format!("completions {shell}"));
        assert!(script.contains("leanset") && script.contains("COMPLETE"), "{shell}");
    }
    let page = place.ok("man");
    assert!(page.contains(".TH leanset") && page.contains("reduce"), "{page}");
    let written = place.ok("man --output man1");
    assert_eq!(written.lines().count(), 19);
    assert!(place.text("man1/leanset-images-features.1").contains("\\-\\-model"));
    assert!(place.text("man1/leanset-reduce.1").contains("\\-\\-ratio"));
    assert!(place.text("man1/leanset-energy-doctor.1").contains("\\-\\-watts"));
    assert!(place.ok("--version").contains(env!("CARGO_PKG_VERSION")));
    for verb in [
        "reduce",
        "rank",
        "measure",
        "energy",
        "energy doctor",
        "images",
        "images check",
        "images reduce",
        "experiment",
        "report",
        "methods",
        "demo",
        "completions",
        "man",
    ] {
        assert!(place.ok(&format!("{verb} --help")).contains("Usage:"), "{verb}");
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let place = Place::with("t.csv", csv(3000, 4, 3));
    for arguments in [
        &format!("reduce t.csv {COLUMNS} --method srs --ratio 0.9 --output -"),
        &format!("rank t.csv {COLUMNS} --method srs --output -"),
        "methods --json",
        "completions bash",
    ] {
        let mut child =
            place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // Nor is one who does not listen to words.
    let mut child = place
        .command(&format!("reduce t.csv {COLUMNS} --method srs --ratio 0.1 --output lean.csv"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(place.exists("lean.csv"));
}

#[test]
fn threads_change_nothing() {
    let place = Place::with("t.csv", csv(2000, 6, 4));
    for method in ["srs", "mms", "des", "nrmd", "nrmd --param decomposition=qr", "clc", "clc --param output=rows"] {
        let mut first: Option<(Vec<u8>, String)> = None;
        for threads in [1, 2, 8] {
            place.ok(&format!("reduce t.csv {COLUMNS} --method {method} --ratio 0.1 --threads {threads} --output lean.csv --force --quiet"));
            assert_eq!(place.json("lean.csv.manifest.json")["measured"]["threads"], threads);
            let found = (place.bytes("lean.csv"), lasting(&place, "lean.csv.manifest.json"));
            let first = first.get_or_insert_with(|| found.clone());
            assert!(first.0 == found.0, "{method}: rows differ with {threads} threads");
            assert_eq!(first.1, found.1, "{method} with {threads} threads");
        }
    }
}

#[test]
fn manifests_are_made_again() {
    let place = with_holes();
    place.ok("rank t.csv --label class --id id --missing drop --method mms --seed 3 --output ranking.csv --quiet");
    for (at, arguments) in [
        "--label class --id id --missing mean --method srs --seed 18446744073709551615 --ratio 0.3 --metric manhattan",
        "--label class --id id --missing drop --method mms --param start=central --per-class c0=5 --per-class c1=0 --per-class c2=7 --order rank",
        "--label class --exclude id --missing drop --method clc --param tolerance=0.001 --param max_iter=7 --count 20 --scale standard --seed 9 --weights w",
        "--label class --features x1,x2 --method nrmd --param decomposition=lu --param scope=global --ratio 0.123 --allow-empty-classes",
        "--label class --id id --missing drop --method des --param base=0.05 --ratio 0.5 --emit ids",
        "--label x1 --bins 4 --exclude id,class --missing drop --method mms --ratio 0.2 --scale none",
        "--label class --id id --missing drop --ranking ranking.csv --ratio 0.25",
    ]
    .iter()
    .enumerate()
    {
        for extension in ["csv", "parquet", "csv.gz"] {
            let (made, again) = (format!("made{at}.{extension}"), format!("again{at}.{extension}"));
            place.ok(&format!("reduce t.csv {arguments} --output {made} --quiet"));
            place.ok(&format!("reduce --from-manifest {made}.manifest.json --output {again} --quiet"));
            assert!(place.bytes(&made) == place.bytes(&again), "{arguments} as {extension}");
            let strip = |name: &str| {
                let mut manifest = place.json(&format!("{name}.manifest.json"));
                manifest["output"]["path"] = Value::Null;
                manifest["measured"] = Value::Null;
                manifest
            };
            assert_eq!(strip(&made), strip(&again), "{arguments} as {extension}");
        }
    }
    // In place, by force; and of an input that has moved.
    place.ok("reduce --from-manifest made0.csv.manifest.json --force --quiet");
    std::fs::rename(place.path("t.csv"), place.path("moved.csv")).expect("renamed");
    place.ok("reduce moved.csv --from-manifest made0.csv.manifest.json --output moved-lean.csv --quiet");
    assert_eq!(place.bytes("moved-lean.csv"), place.bytes("made0.csv"));
}

#[test]
fn budgets_are_exact() {
    let place = table();
    let total = |name: &str| place.text(name).lines().count() - 1;
    place.ok(&format!(
        "reduce t.csv {COLUMNS} --method mms --per-class c0=1 --per-class c1=2 --per-class c2=3 --output a.csv --quiet"
    ));
    let a = place.text("a.csv");
    assert_eq!(["c0", "c1", "c2"].map(|c| a.lines().filter(|l| l.ends_with(c)).count()), [1, 2, 3]);
    for method in METHODS {
        for count in [3, 100, 299, 300] {
            place.ok(&format!(
                "reduce t.csv {COLUMNS} --method {method} --count {count} --output b.csv --force --quiet"
            ));
            assert_eq!(total("b.csv"), count, "{method}");
        }
    }
}

#[test]
fn no_escape_codes_without_a_terminal() {
    let place = table();
    let reduce = format!("reduce t.csv {COLUMNS} --method mms --ratio 0.001 --output lean.csv --force");
    let plain = place.run(&reduce);
    let bare =
        place.command(&reduce).env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1").output().expect("the binary runs");
    let demo = place.run("demo");
    let help = place.run("reduce --help");
    let wrong = place.run("reduce --rato 1");
    for text in [plain.err.as_bytes(), &bare.stderr, &demo.out, demo.err.as_bytes(), &help.out, wrong.err.as_bytes()] {
        assert!(!text.contains(&0x1b), "{}", String::from_utf8_lossy(text));
    }
    assert!(plain.err.contains("warning: ratio 0.001 of 300 rows is 0"), "{}", plain.err);
    assert!(plain.err.contains("maxmin keeps 3 of 300 rows"), "{}", plain.err);
}

#[test]
fn the_demo_can_be_repeated_by_hand() {
    let place = Place::new();
    let shown = place.ok("demo --threads 2");
    assert!(shown.contains("1,797 images of 64 pixels, 10 classes") && shown.contains("CC BY 4.0"), "{shown}");
    for info in leanset_core::methods::METHODS {
        assert!(shown.contains(info.id), "{shown}");
    }
    let lean = place.bytes("leanset-demo/digits-energy-10.csv");
    let line = |start: &str| {
        let line =
            shown.lines().find(|l| l.trim_start().starts_with(start)).unwrap_or_else(|| panic!("{start}: {shown}"));
        line.trim().strip_prefix("leanset ").expect("a command").to_owned()
    };
    place.ok(&line("leanset reduce leanset-demo/digits.csv"));
    assert!(place.bytes("leanset-demo/digits-energy-10.csv") == lean);
    // Of the training rows alone the same are chosen.
    place.ok(&line("leanset reduce leanset-demo/digits-train.csv"));
    place.ok(
        "reduce leanset-demo/digits-train.csv --label digit --method energy --ratio 0.1 --output again.csv --quiet",
    );
    assert!(place.bytes("again.csv") == lean);
    let measured = place.ok(&line("leanset measure"));
    let epsilon = &place.json("leanset-demo/digits-energy-10.csv.manifest.json")["epsilon"]["value"];
    let value: f64 = measured.split_whitespace().nth(2).expect("ε = value").parse().expect("a number");
    assert!((value - epsilon.as_f64().expect("a number")).abs() < 1e-3, "{measured}");
    // A second demo does not touch the first.
    place.ok("demo");
    assert!(place.exists("leanset-demo-2/digits.csv"));
}

#[test]
fn quiet_says_nothing_and_force_replaces() {
    let place = table();
    let reduce = format!("reduce t.csv {COLUMNS} --method mms --ratio 0.1 --output lean.csv");
    let ran = place.run(&format!("{reduce} --quiet"));
    assert_eq!((ran.code, ran.err.as_str(), ran.out.as_slice()), (Some(0), "", &b""[..]));
    place.write("lean.csv", "old");
    assert_eq!(place.run(&reduce).code, Some(2));
    assert_eq!(place.text("lean.csv"), "old");
    place.ok(&format!("{reduce} --force"));
    assert_eq!(place.text("lean.csv").lines().count(), 31);
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing() {
    let place = Place::with("t.csv", csv(200_000, 8, 2));
    let before = place.listing();
    let mut child = place
        .command(&format!("reduce t.csv {COLUMNS} --method clc --ratio 0.5 --output lean.csv --quiet"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    // Long enough to be at work, however slow the machine; a run that has ended by then cannot be interrupted.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        if child.try_wait().expect("a child").is_some() {
            println!("skipped: the run ended before it could be interrupted");
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = std::process::Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status();
    assert!(sent.expect("a shell").success());
    let code = child.wait().expect("it ends").code();
    if code == Some(0) {
        println!("skipped: the run ended before it could be interrupted");
        return;
    }
    assert_eq!(code, Some(130));
    assert!(place.listing() == before, "an interrupted run leaves something behind");
}

#[cfg(target_os = "linux")]
#[test]
fn a_dry_run_writes_nothing_and_predicts_memory() {
    let place = Place::with("t.csv", csv(100_000, 16, 5));
    place.ok(&format!("reduce t.csv {COLUMNS} --method srs --ratio 1 --output t.parquet --quiet"));
    place.ok(&format!("rank t.csv {COLUMNS} --method mcs --output ranking.csv --quiet"));
    for (input, method, ratio) in [
        ("t.csv", "srs", 0.1),
        ("t.csv", "mms", 0.01),
        ("t.csv", "des", 0.5),
        ("t.csv", "nrmd", 0.9),
        ("t.csv", "clc", 0.002),
        ("t.csv", "nrmd --param decomposition=qr", 0.5),
        ("t.csv", "mcs", 0.5),
        ("t.parquet", "srs", 0.5),
        ("t.csv", "", 0.5),
    ] {
        let chooser = if method.is_empty() { "--ranking ranking.csv".into() } else { format!("--method {method}") };

        let reduce =
            format!("reduce {input} {COLUMNS} {chooser} --ratio {ratio} --output lean.csv --threads 2 --json --quiet");
        let before = place.listing();
        let plan: Value = serde_json::from_str(&place.ok(&format!("{reduce} --dry-run"))).expect("JSON");
        assert!(place.listing() == before, "a dry run writes something");
        let manifest: Value = serde_json::from_str(&place.ok(&reduce)).expect("JSON");
        assert_eq!(plan["kept"], manifest["kept"]);
        let predicted = plan["predicted_peak_memory_bytes"].as_f64().expect("bytes");
        let measured = manifest["measured"]["peak_memory_bytes"].as_f64().expect("bytes");
        let ratio = predicted / measured;
        println!(
            "{input} {method}: predicted {:.0} MiB, measured {:.0} MiB: {ratio:.2}",
            predicted / 1048576.0,
            measured / 1048576.0
        );
        assert!((1.0..=2.0).contains(&ratio), "{input} {method}: {predicted} predicted, {measured} measured");
        for name in ["lean.csv", "lean.csv.manifest.json"] {
            std::fs::remove_file(place.path(name)).expect("written");
        }
    }
}

#[test]
fn dry_bean() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/drybean.csv");
    let Ok(beans) = std::fs::read(source) else {
        println!("skipped: shared/data/drybean.csv is not there");
        return;
    };
    let place = Place::with("beans.csv", beans);
    let header = place.text("beans.csv").lines().next().expect("a header").to_owned();
    let label = header.rsplit(',').next().expect("a column").to_owned();
    for method in ["srs", "mms", "des", "nrmd", "clc"] {
        for (ratio, kept) in [(0.1, 1361), (0.9, 12250)] {
            place.ok(&format!(
                "reduce beans.csv --label {label} --method {method} --ratio {ratio} --output lean.csv --force --quiet"
            ));
            let manifest = place.json("lean.csv.manifest.json");
            assert_eq!(manifest["kept"], kept, "{method} at {ratio}");
            assert_eq!(place.text("lean.csv").lines().count(), kept + 1, "{method} at {ratio}");
        }
    }
}

/// Two heaps of 30 rows; rows 3, 13, 23 … carry the label of the other.
fn mislabelled() -> Place {
    let row = |i: u32| {
        let label = (i % 2) ^ u32::from(i % 10 == 3);
        format!("{i},{},{}\n", (i % 2) * 100 + i, if label == 0 { "a" } else { "b" })
    };
    Place::with("t.csv", std::iter::once("id,x,class\n".to_owned()).chain((0..60).map(row)).collect::<String>())
}

#[test]
fn contradicted_rows_come_last() {
    let place = mislabelled();
    let wrong: Vec<u64> = (0..60).filter(|i| i % 10 == 3).collect();
    for method in ["energy", "herding", "mms", "rkm", "nrmd", "clc --param output=rows"] {
        let shown = place.run(&format!(
            "reduce t.csv {COLUMNS} --method {method} --guard on --ratio 0.5 --output lean.csv --force --no-epsilon"
        ));
        assert!(shown.shown().contains("guard: on, 6 contradicted rows"), "{method}: {}", shown.shown());
        let manifest = place.json("lean.csv.manifest.json");
        assert_eq!(manifest["request"]["method"]["guard"], "on", "{method}");
        assert!(picks(&manifest).iter().all(|row| !wrong.contains(row)), "{method}");
        place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --force --quiet");
        assert_eq!(place.bytes("lean.csv"), place.bytes("again.csv"), "{method}");
    }
    // What is off by default is not said.
    place.ok(&format!("reduce t.csv {COLUMNS} --method mms --ratio 0.5 --output lean.csv --force --quiet"));
    assert!(place.json("lean.csv.manifest.json")["request"]["method"].get("guard").is_none());
    // They are the last in the ranking of the finder of label noise.
    place.ok(&format!("rank t.csv {COLUMNS} --method contradiction --output noise.csv --quiet"));
    let ranking = place.text("noise.csv");
    let last: Vec<Vec<&str>> = ranking.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let found = |line: &&Vec<&str>| line[3].parse::<f64>().expect("a score") > 0.0;
    let mut found: Vec<u64> = last.iter().filter(found).map(|line| line[0].parse().expect("an id")).collect();
    found.sort_unstable();
    assert_eq!(found, wrong);
    let refused = place.refuses(&format!("reduce t.csv {COLUMNS} --method srs --guard on --ratio 0.5 --output no.csv"));
    assert!(refused.contains("does not look at coordinates") && refused.contains("--guard off"), "{refused}");
}

#[test]
fn classes_share_a_budget_as_is_asked() {
    let text: String = (0..111)
        .map(|i| {
            format!(
                "{i},{},{}\n",
                i * 7 % 50,
                if i < 100 {
                    "a"
                } else if i < 110 {
                    "b"
                } else {
                    "c"
                }
            )
        })
        .collect();
    let place = Place::with("t.csv", format!("id,x,class\n{text}"));
    for (balance, shares) in [("proportional", [27, 3, 1]), ("sqrt", [23, 7, 1]), ("equal", [20, 10, 1])] {
        place.ok(&format!(
            "reduce t.csv {COLUMNS} --method energy --count 31 --balance {balance} --output lean.csv --force --quiet"
        ));
        let manifest = place.json("lean.csv.manifest.json");
        let kept: Vec<u64> =
            manifest["classes"].as_array().expect("classes").iter().filter_map(|c| c["kept"].as_u64()).collect();
        assert_eq!(kept, shares, "{balance}");
        let said = manifest["request"]["budget"].get("balance").cloned();
        assert_eq!(said, (balance != "proportional").then(|| balance.into()));
        place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --force --quiet");
        assert_eq!(place.bytes("lean.csv"), place.bytes("again.csv"), "{balance}");
    }
    place.ok(&format!("rank t.csv {COLUMNS} --method energy --output r.csv --quiet"));
    place.ok(&format!("reduce t.csv {COLUMNS} --ranking r.csv --count 31 --balance sqrt --output cut.csv --quiet"));
    let kept = place.json("cut.csv.manifest.json");
    assert_eq!(kept["classes"][1]["kept"], 7);
    let refused =
        place.refuses(&format!("reduce t.csv {COLUMNS} --method rkm --ratio 0.5 --balance sqrt --output no.csv"));
    assert!(refused.contains("--balance sqrt"), "{refused}");
}

/// Rows that are kept already count and come first, whatever names them; and the manifest makes the same again.
#[test]
fn reduce_goes_on_from_kept_rows() {
    let place = table();
    let reduce = format!("reduce t.csv {COLUMNS} --method mms --quiet");
    place.ok(&format!("{reduce} --ratio 0.1 --output lean.csv"));
    place.ok(&format!("{reduce} --ratio 0.1 --emit ids --output ids.csv"));
    place.write("only.csv", {
        let text = place.text("ids.csv");
        let rows: Vec<&str> = text.lines().map(|line| line.split(',').next().expect("a field")).collect();
        rows.join("\n") + "\n"
    });
    let mut before = row_ids(&place.json("lean.csv.manifest.json"));
    before.sort_unstable();
    for method in ["mms", "herding", "facility-location", "energy"] {
        let reduce = format!("reduce t.csv {COLUMNS} --method {method} --ratio 0.2 --quiet --force");
        place.ok(&format!("{reduce} --keep lean.csv --output larger.csv"));
        let manifest = place.json("larger.csv.manifest.json");
        assert_eq!((&manifest["kept"], &manifest["keep"]["rows"]), (&60.into(), &30.into()), "{method}");
        assert_eq!(manifest["request"]["method"]["keep"], "lean.csv");
        let after = row_ids(&manifest);
        assert!(before.iter().all(|row| after.binary_search(row).is_ok()), "{method}: all of them are kept");
        for other in ["ids.csv", "only.csv", "lean.csv.manifest.json"] {
            place.ok(&format!("{reduce} --keep {other} --output other.csv"));
            assert_eq!(place.text("other.csv"), place.text("larger.csv"), "{method} by {other}");
        }
        place.ok("reduce --from-manifest larger.csv.manifest.json --output again.csv --quiet --force");
        assert_eq!(place.text("again.csv"), place.text("larger.csv"), "{method}");
        let rank =
            format!("rank t.csv {COLUMNS} --method {method} --keep lean.csv --quiet --force --output ranking.csv");
        place.ok(&rank);
        place.ok(&format!("reduce t.csv {COLUMNS} --ranking ranking.csv --ratio 0.2 --output cut.csv --quiet --force"));
        assert_eq!(place.text("cut.csv"), place.text("larger.csv"), "{method}: a cut");
    }
    let refused = |rest: &str| place.refuses(&format!("reduce t.csv {COLUMNS} --output o.csv {rest}"));
    let told = refused("--method des --ratio 0.2 --keep lean.csv");
    assert!(told.contains("--keep: distance-entropy cannot go on from rows that are kept already"), "{told}");
    insta::assert_snapshot!(refused("--method mms --ratio 0.05 --keep lean.csv"), @r"
    exit 2
    error: 15 rows are asked, and 30 rows are kept already
      hint: ask for at least 30 rows: those that are kept already count
    ");
    insta::assert_snapshot!(refused("--method mms --ratio 0.2 --keep t.csv.gz"), @r"
    exit 2
    error: t.csv.gz: cannot be read: No such file or directory
      hint: check the name, and the folder it is taken from
    ");
    place.write("other.csv", place.text("t.csv").replace("r00001,", "r00001,9"));
    let other = "--output o.csv --method mms --ratio 0.2 --keep lean.csv.manifest.json";
    let told = place.refuses(&format!("reduce other.csv {COLUMNS} {other}"));
    assert!(told.contains("names rows of t.csv, which is another file than other.csv"), "{told}");
}

/// As few rows as cover the classes within a distance, or as bring ε down to it; the budget is the most that is kept.
#[test]
fn reduce_stops_when_enough_is_kept() {
    let place = table();
    let reduce = format!("reduce t.csv {COLUMNS} --metric euclidean --quiet --force --output lean.csv --method");
    let found = || {
        let manifest = place.json("lean.csv.manifest.json");
        let epsilon = manifest["epsilon"]["value"].as_f64().expect("a number");
        (manifest["kept"].as_u64().expect("a count"), epsilon, manifest["warnings"].to_string())
    };
    for method in ["mms", "energy", "srs"] {
        place.ok(&format!("{reduce} {method} --epsilon 0.35"));
        let (kept, epsilon, _) = found();
        assert!(epsilon <= 0.35 && kept < 300, "{method}: {kept} rows, {epsilon}");
        place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --quiet --force");
        assert_eq!(place.text("again.csv"), place.text("lean.csv"), "{method}");
        place.ok(&format!("{reduce} {method} --count {}", kept - 1));
        assert!(found().1 > 0.35, "{method}: a row less is not enough");
        place.ok(&format!("{reduce} {method} --within 0.35"));
        let (fewest, epsilon, _) = found();
        assert!(epsilon <= 0.35 && fewest <= kept, "{method}: {fewest} rows, {epsilon}");
        place.ok(&format!("rank t.csv {COLUMNS} --method {method} --output ranking.csv --quiet --force"));
        let cut =
            format!("reduce t.csv {COLUMNS} --metric euclidean --ranking ranking.csv --quiet --force --output cut.csv");
        place.ok(&format!("{cut} --within 0.35"));
        assert_eq!(place.text("cut.csv"), place.text("lean.csv"), "{method}: a cut");
        // The budget ends before.
        place.ok(&format!("{reduce} {method} --within 0.35 --count {}", fewest - 1));
        let (capped, epsilon, warnings) = found();
        assert!(
            capped == fewest - 1 && epsilon > 0.35 && warnings.contains("radius-not-reached"),
            "{method}: {warnings}"
        );
    }
    let refused = |rest: &str| place.refuses(&format!("reduce t.csv {COLUMNS} --output o.csv --method {rest}"));
    insta::assert_snapshot!(refused("mms --within -1"), @r"
    exit 2
    error: --within must be a distance of at least 0, not -1
      hint: --within 0.2 is one
    ");
    insta::assert_snapshot!(refused("clc --epsilon 0.2"), @r"
    exit 2
    error: clustering-centroids cannot stop when enough is kept: it does not rank rows with these parameters
      hint: give --ratio or --count alone, or use a method that ranks
    ");
    insta::assert_snapshot!(refused("rkm --within 0.2"), @r"
    exit 2
    error: this ranking cannot keep the fewest rows of each class: it is one order over all classes
      hint: use a method that ranks within classes, or --epsilon 0.2
    ");
}
