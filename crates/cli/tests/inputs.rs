//! Several files as one table, standard input and pipes: the same result as of one file, recorded and reproduced.

use std::io::Write as _;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{Place, TABLE, gzip};

const REDUCE: &str = "--label kind --method maxmin --param start=first --ratio 0.4 --quiet";

/// [`TABLE`] as `t.csv`, and in the three files of the folder `parts`.
fn parts() -> Place {
    let place = Place::with_table();
    let lines: Vec<&str> = TABLE.lines().collect();
    std::fs::create_dir(place.path("parts")).expect("a folder");
    for (part, rows) in [&lines[1..3], &lines[3..9], &lines[9..]].into_iter().enumerate() {
        place.write(&format!("parts/part-{part}.csv"), format!("{}\n{}\n", lines[0], rows.join("\n")));
    }
    place.write("parts/_SUCCESS", "");
    place
}

/// Rows, ε and output of a manifest.
fn found(place: &Place, output: &str) -> (Value, Value, String) {
    let manifest = place.json(&format!("{output}.manifest.json"));
    (manifest["row_ids"].clone(), manifest["epsilon"].clone(), place.text(output))
}

/// Runs the binary with these bytes on stdin.
fn piped(place: &Place, arguments: &str, input: &[u8]) -> std::process::Output {
    let mut child = place
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[test]
fn files_folder_and_pattern_are_the_table_of_one_file() {
    let place = parts();
    place.ok(&format!("reduce t.csv {REDUCE} --output whole.csv"));
    let whole = found(&place, "whole.csv");
    for (inputs, path, given) in [
        ("parts", "parts", serde_json::json!("parts")),
        ("'parts/*.csv'", "parts/*.csv", serde_json::json!("parts/*.csv")),
        (
            "parts/part-0.csv parts/part-1.csv parts/part-2.csv",
            "parts",
            serde_json::json!(["parts/part-0.csv", "parts/part-1.csv", "parts/part-2.csv"]),
        ),
    ] {
        place.ok(&format!("reduce {inputs} {REDUCE} --output lean.csv --force"));
        assert_eq!(found(&place, "lean.csv"), whole, "{inputs}");
        let manifest = place.json("lean.csv.manifest.json");
        let input = &manifest["input"];
        assert_eq!((&input["path"], &input["rows"]), (&path.into(), &10.into()));
        assert_eq!(manifest["request"]["input"], given);
        let files: Vec<_> = input["files"].as_array().expect("files").iter().collect();
        assert_eq!(files.iter().map(|f| f["rows"].as_u64().expect("rows")).collect::<Vec<_>>(), [2, 6, 2]);
        assert_eq!(files[1]["path"], "parts/part-1.csv");
        assert!(files.iter().all(|f| f["sha256"].as_str().is_some_and(|sha256| sha256.len() == 64)));
    }
    assert!(place.json("whole.csv.manifest.json")["input"].get("files").is_none(), "one file is recorded as before");

    place.ok("rank t.csv --label kind --method maxmin --output whole.ranking.csv --quiet");
    place.ok("rank parts --label kind --method maxmin --output parts.ranking.csv --quiet");
    assert_eq!(place.text("whole.ranking.csv"), place.text("parts.ranking.csv"));
    place.ok("reduce parts --label kind --ranking parts.ranking.csv --ratio 0.4 --output cut.csv --quiet");
    let measure = |full: &str| place.ok(&format!("measure {full} whole.csv --label kind --json"));
    assert_eq!(measure("parts").replace("\"parts\"", "\"t.csv\""), measure("t.csv"));
    let dry: Value = serde_json::from_str(&place.ok(&format!("reduce parts {REDUCE} --dry-run --json"))).expect("JSON");
    assert_eq!((&dry["input"], &dry["rows"], &dry["kept"]), (&"parts".into(), &10.into(), &4.into()));
}

#[test]
fn manifest_of_several_files_is_reproduced_and_checks_each() {
    let place = parts();
    place.ok(&format!("reduce parts {REDUCE} --output lean.csv"));
    place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --quiet");
    assert_eq!(place.text("again.csv"), place.text("lean.csv"));
    let moved = "reduce parts/part-0.csv parts/part-1.csv parts/part-2.csv --from-manifest lean.csv.manifest.json";
    place.ok(&format!("{moved} --output moved.csv --quiet"));
    place.write("parts/part-1.csv", place.text("parts/part-1.csv").replace("9.0", "9.5"));
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output new.csv"), @r"
    exit 3
    error: parts/part-1.csv: is not parts/part-1.csv of the manifest: SHA-256 075a926ad448 and 84 bytes, not d2f664941dba and 84
      hint: name the original file: leanset reduce FILE --from-manifest …
    ");
    std::fs::remove_file(place.path("parts/part-1.csv")).expect("removed");
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output new.csv"), @r"
    exit 3
    error: parts: has another number of files than the manifest: 2 instead of 3
      hint: name the original file: leanset reduce FILE --from-manifest …
    ");
    assert_snapshot!(place.refuses("reduce t.csv --from-manifest lean.csv.manifest.json --output new.csv"), @r"
    exit 3
    error: t.csv: has another number of files than the manifest: 1 instead of 3
      hint: name the original file: leanset reduce FILE --from-manifest …
    ");
}

#[test]
fn several_inputs_that_cannot_be_one_table() {
    let place = parts();
    place.write("other.csv", "a,kind\n1,red\n");
    place.write("other.tsv", "a\tb\tkind\n1\t2\tred\n");
    let refused = |inputs: &str| place.refuses(&format!("reduce {inputs} {REDUCE} --output lean.csv"));
    assert_snapshot!(refused("t.csv other.csv"), @r"
    exit 2
    error: other.csv: has no column 'b', and t.csv has one
      hint: the files of one table have the same columns in the same order
    ");
    assert_snapshot!(refused("t.csv other.tsv"), @r"
    exit 2
    error: t.csv and other.tsv: the files of one table are of one format, and t.csv is a CSV file, other.tsv is a TSV file
      hint: name the files of one format, such as '*.csv'
    ");
    assert_snapshot!(refused("t.csv parts/../t.csv"), @r"
    exit 2
    error: parts/../t.csv: is given twice, and its rows would be too
      hint: name every file once
    ");
    assert_snapshot!(refused("t.csv gone.csv"), @r"
    exit 2
    error: gone.csv: cannot be read: No such file or directory
      hint: check the name, and the folder it is taken from
    ");
    assert_snapshot!(refused("'gone/*.csv'"), @r"
    exit 2
    error: gone/*.csv: no file has such a name
      hint: check the pattern, and the folder it is taken from
    ");
    assert_snapshot!(refused("t.csv -"), @r"
    exit 2
    error: standard input: is a stream, and stands for the whole table
      hint: give it alone, or save it to a file first
    ");
    assert_snapshot!(place.refuses(&format!("reduce parts {REDUCE} --output parts/lean.csv")), @r"
    exit 2
    error: parts/lean.csv: would be in parts, whose files are read as one table, and belong to it from then on
      hint: write to a file outside of that folder
    ");
    assert_snapshot!(place.refuses(&format!("reduce parts {REDUCE} --output parts/part-1.csv --force")), @r"
    exit 2
    error: parts/part-1.csv: is an input of this command, and is never overwritten
      hint: write to another file
    ");
}

#[test]
fn standard_input_is_a_table_of_any_format() {
    let place = parts();
    place.ok(&format!("reduce t.csv {REDUCE} --output whole.csv"));
    place.ok(&format!("reduce t.csv {REDUCE} --emit ids --output ids.csv"));
    for name in ["t.parquet", "t.arrow", "t.jsonl", "t.tsv", "t.npz"] {
        place.ok(&format!("reduce t.csv --label kind --method srs --ratio 1 --output {name} --quiet"));
    }
    place.write("t.csv.gz", gzip(TABLE.as_bytes()));
    let whole = place.json("whole.csv.manifest.json");
    for name in ["t.csv", "t.csv.gz", "t.parquet", "t.arrow", "t.jsonl", "t.tsv", "t.npz"] {
        let reduce = format!("reduce - {REDUCE} --output lean.csv --force");
        let ran = piped(&place, &reduce, &place.bytes(name));
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
        let manifest = place.json("lean.csv.manifest.json");
        assert_eq!(manifest["row_ids"], whole["row_ids"], "{name}");
        let input = &manifest["input"];
        assert_eq!((&input["path"], &input["stream"]), (&"standard input".into(), &true.into()), "{name}");
        place.ok(&format!("reduce {name} {REDUCE} --output of_file.csv --force"));
        assert_eq!(input["sha256"], place.json("of_file.csv.manifest.json")["input"]["sha256"], "{name}");
    }
    let ran = piped(&place, &format!("reduce - {REDUCE} --output -"), TABLE.as_bytes());
    assert_eq!(String::from_utf8_lossy(&ran.stdout), place.text("whole.csv"));
    let ran = piped(&place, &format!("reduce /dev/stdin {REDUCE} --output other.csv"), TABLE.as_bytes());
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let ran =
        piped(&place, &format!("reduce - {REDUCE} --format tsv --delimiter , --output tsv.csv"), TABLE.as_bytes());
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));

    // The stream is gone, so a manifest needs a file with what it had.
    piped(&place, &format!("reduce - {REDUCE} --output lean.csv --force"), TABLE.as_bytes());
    assert_snapshot!(place.refuses("reduce --from-manifest lean.csv.manifest.json --output again.csv"), @r"
    exit 2
    error: the input of the manifest was a stream (standard input), which is not there any more
      hint: name a file with the same content: leanset reduce FILE --from-manifest …
    ");
    place.ok("reduce t.csv --from-manifest lean.csv.manifest.json --output again.csv --quiet");
    let ran = piped(&place, "reduce - --from-manifest lean.csv.manifest.json --output third.csv", TABLE.as_bytes());
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let ran = piped(&place, "measure - lean.csv --label kind --json", TABLE.as_bytes());
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn standard_input_that_is_no_table() {
    let place = Place::new();
    let said = |input: &[u8]| {
        let ran = piped(&place, &format!("reduce - {REDUCE} --output lean.csv"), input);
        assert_eq!(ran.status.code(), Some(2));
        String::from_utf8(ran.stderr).expect("text")
    };
    assert_snapshot!(said(b""), @r"
    error: standard input: is empty
      hint: the program that should have written it may have failed
    ");
    assert_snapshot!(said(&[0, 255, 254, 9]), @r"
    error: standard input: its first bytes tell no format
      hint: say what it is: --format FORMAT
    ");
    assert_snapshot!(said(b"a,b\n1\n"), @r"
    error: standard input: row 0 (line 2) has 1 field; the header has 2
      hint: the record may be cut short, or its quotes may swallow a line ending
    ");
    let ran = piped(&place, &format!("reduce - {REDUCE} --output lean.csv --memory-limit 1kB"), &[b'x'; 4000]);
    assert_snapshot!(String::from_utf8(ran.stderr).expect("text"), @r"
    error: standard input: 3.91 KiB do not fit into the memory limit of 1000 B
      hint: raise --memory-limit, or reduce the table in parts
    ");
    assert!(place.listing().is_empty());
}

/// The copy of a stream goes with the process, however it ends.
#[cfg(unix)]
#[test]
fn copies_of_streams_are_removed() {
    use std::time::{Duration, Instant};
    let place = Place::with_table();
    std::fs::create_dir(place.path("temporary")).expect("a folder");
    let copies = || std::fs::read_dir(place.path("temporary")).expect("the folder").count();
    let command = |arguments: &str| {
        let mut command = place.command(arguments);
        command
            .env("TMPDIR", place.path("temporary"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    };
    let reduce = format!("reduce - {REDUCE} --output lean.csv");
    let mut child = command(&reduce).spawn().expect("it runs");
    child.stdin.take().expect("a pipe").write_all(TABLE.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(copies(), 0);

    let mut child = command(&format!("{reduce} --force")).spawn().expect("it runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"a,b").expect("it reads");
    let began = Instant::now();
    while copies() == 0 && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(copies(), 1);
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(copies(), 0);
}

/// A pipe that nobody writes to is said, and can be interrupted; one that is written to is a table.
#[cfg(unix)]
#[test]
fn named_pipes_are_tables() {
    use std::io::BufRead as _;
    let place = Place::with_table();
    let made = Command::new("mkfifo").arg(place.path("pipe.csv")).status().expect("mkfifo runs");
    assert!(made.success());
    let mut child = place
        .command(&format!("reduce pipe.csv {REDUCE} --output lean.csv"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut said = String::new();
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    stderr.read_line(&mut said).expect("it says something");
    assert!(said.contains("pipe.csv: waiting for"), "{said}");
    std::fs::write(place.path("pipe.csv"), TABLE).expect("it reads");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(place.json("lean.csv.manifest.json")["input"]["stream"], true);
    let shell = format!("{} reduce <(cat t.csv) {REDUCE} --output of_shell.csv", env!("CARGO_BIN_EXE_leanset"));
    let run = Command::new("bash").args(["-c", &shell]).current_dir(place.path(".")).status();
    if let Ok(run) = run {
        assert!(run.success());
        assert_eq!(place.text("of_shell.csv"), place.text("lean.csv"));
    }
}

#[test]
fn json_lines_come_back_untouched() {
    let lines: Vec<String> = TABLE
        .lines()
        .skip(1)
        .map(|line| {
            let [a, b, kind] = line.split(',').collect::<Vec<_>>()[..] else { panic!("three fields") };
            format!("{{\"a\": {a}0, \"kind\":\"{kind}\" , \"b\":{b},\"tags\":[\"x\",{{}}]}}")
        })
        .collect();
    let place = Place::with("t.jsonl", lines.join("\n"));
    place.write("t.csv", TABLE);
    place.ok(&format!("reduce t.csv {REDUCE} --output whole.csv"));
    place.ok(&format!("reduce t.jsonl {REDUCE} --features a,b --output lean.jsonl"));
    let manifest = place.json("lean.jsonl.manifest.json");
    assert_eq!(manifest["row_ids"], place.json("whole.csv.manifest.json")["row_ids"]);
    let mut rows: Vec<usize> =
        manifest["row_ids"].as_array().expect("rows").iter().map(|r| r.as_u64().expect("a row") as usize).collect();
    rows.sort_unstable();
    let expected: String = rows.into_iter().map(|row| format!("{}\n", lines[row])).collect();
    assert_eq!(place.text("lean.jsonl"), expected);
    place.ok(&format!("reduce t.jsonl {REDUCE} --features a,b --output lean.parquet"));
    place.ok("measure t.jsonl lean.jsonl --label kind --features a,b");
    place.write("bad.jsonl", "{\"a\":1,\"kind\":\"x\"}\n{\"a\":1,\"kind\":}\n");
    assert_snapshot!(place.refuses(&format!("reduce bad.jsonl {REDUCE} --output o.jsonl")), @r#"
    exit 2
    error: bad.jsonl: line 2, column 15: expected value
      hint: a line is one JSON object, such as {"x": 1.5, "class": "a"}
    "#);
}

#[test]
fn experiment_of_several_files() {
    let place = Place::new();
    let text = crate::common::csv(120, 3, 2);
    let lines: Vec<&str> = text.lines().collect();
    std::fs::create_dir(place.path("parts")).expect("a folder");
    for (part, rows) in lines[1..].chunks(50).enumerate() {
        place.write(&format!("parts/{part}.csv"), format!("{}\n{}\n", lines[0], rows.join("\n")));
    }
    place.write("t.csv", &text);
    let plan = |path: &str| {
        format!(
            "title = \"t\"\nrepetitions = 2\n[data]\npath = {path}\nlabel = \"class\"\nid = \"id\"\n[model]\nepochs = 2\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"maxmin\"\n"
        )
    };
    let run = |path: &str, output: &str| {
        place.write("plan.toml", plan(path));
        place.ok(&format!("experiment plan.toml --output {output} --quiet"));
        let text = place.text(output);
        let records = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let lasting = |mut record: Value| {
            let record = record.as_object_mut().expect("an object");
            for key in ["measured", "sha256"] {
                record.remove(key);
            }
            Value::from(record.clone())
        };
        // Runs end in any order.
        let mut records: Vec<String> = records.map(|record| lasting(record).to_string()).collect();
        records.sort();
        records
    };
    let whole = run("\"t.csv\"", "whole.jsonl");
    assert_eq!(run("\"parts\"", "folder.jsonl"), whole);
    assert_eq!(run("[\"parts/0.csv\", \"parts/1.csv\", \"parts/2.csv\"]", "files.jsonl"), whole);
}
