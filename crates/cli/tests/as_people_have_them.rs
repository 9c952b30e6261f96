//! Tables as people have them, through the program: what is said, and what is written.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::common::Place;

const COMMON: &str = "--method maxmin --param start=first --output lean.csv --force --quiet";

/// Rows of three columns: the first is spelled, the second counts, the third is a class.
fn rows(count: usize, spell: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, row| {
        let class = if row % 2 == 0 { "elm" } else { "oak" };
        writeln!(all, "\"{}\",{row},{class}", spell(row * 37 % 101)).expect("a string");
        all
    })
}

fn table(count: usize, spell: impl Fn(usize) -> String) -> Place {
    Place::with("t.csv", format!("girth,n,kind\n{}", rows(count, spell)))
}

fn kept(place: &Place) -> serde_json::Value {
    place.json("lean.csv.manifest.json")["row_ids"].clone()
}

#[test]
fn notations_of_numbers_choose_the_same_rows() {
    let place = table(60, |value| format!("{value}.5"));
    place.ok(&format!("reduce t.csv --label kind --ratio 0.2 {COMMON}"));
    let plain = kept(&place);
    for (options, spell) in [
        ("", (|value| format!("{value},5")) as fn(usize) -> String),
        ("--decimal ,", |value| format!("{value},500")),
        ("", |value| format!("{value}.5 %")),
        ("", |value| format!("€ {value},5")),
        ("", |value| format!("$ {value}.50")),
    ] {
        let place = table(60, spell);
        place.ok(&format!("reduce t.csv --label kind --ratio 0.2 {COMMON} {options}"));
        let manifest = place.json("lean.csv.manifest.json");
        assert_eq!(manifest["columns"]["dimensions"], 2);
        let warned = manifest["warnings"].as_array().expect("warnings");
        assert_eq!(warned.iter().any(|warning| warning["code"] == "text-numbers"), options.is_empty());
        assert_eq!(kept(&place), plain);
        // The same again from the manifest, which holds what was said.
        place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --quiet");
        assert_eq!(place.text("again.csv"), place.text("lean.csv"));
    }
}

#[test]
fn a_comma_that_is_either() {
    let place = table(60, |value| format!("{},{:03}", value + 1, value));
    assert_snapshot!(place.refuses(&format!("reduce t.csv --label kind --ratio 0.2 {COMMON}")), @r"
    exit 2
    error: t.csv: row 0 (line 2), column 'girth': '1,000' is a number with a comma between thousands or with a decimal comma, and the column does not tell which
      hint: --decimal . if the comma is between thousands, --decimal , if it is the decimal mark, or --categorical girth if they are names
    ");
}

#[test]
fn a_measurement_as_a_label() {
    let place = table(200, |value| format!("{value}"));
    let asked = format!("reduce t.csv --label girth --exclude kind {COMMON}");
    let said = place.refuses(&format!("{asked} --ratio 10%"));
    assert_snapshot!(said, @r"
    exit 2
    error: t.csv: label column 'girth' holds 101 different numbers in 200 rows: too many for classes
      hint: --bins N cuts the label into N classes of equal counts; --categorical girth if these numbers are names of classes
    ");
    let place = table(300, |value| format!("{value}"));
    assert_snapshot!(place.refuses(&format!("{asked} --ratio 10%")), @r"
    exit 2
    error: t.csv: label column 'girth' holds 101 different numbers in 300 rows: one row of each is more than twice the 30 rows of the budget
      hint: --bins N cuts the label into N classes if it is a measurement; --categorical girth if each number is a class
    ");
    assert_eq!(place.refuses(&format!("{asked} --count 30")).lines().nth(1), said_of(&place, &asked).lines().nth(1));
    place.ok(&format!("{asked} --ratio 10% --bins 4"));
    place.ok(&format!("{asked} --ratio 10% --categorical girth"));
    place.ok(&format!("{asked} --ratio 40%"));
}

fn said_of(place: &Place, asked: &str) -> String {
    place.refuses(&format!("{asked} --ratio 10%"))
}

#[test]
fn names_of_rows_and_classes_come_back() {
    let text: String = (0..60).fold("tag,x,kind\n".to_owned(), |mut all, row| {
        writeln!(all, "{row:04},{},{}", row * row % 47, ["07", "7", "NA"][row % 3]).expect("a string");
        all
    });
    let place = Place::with("t.csv", &text);
    let columns = "--id tag --label kind --missing-values=";
    place.ok(&format!("rank t.csv --method maxmin {columns} --output ranking.csv --quiet"));
    place.ok(&format!("reduce t.csv --ranking ranking.csv {columns} --ratio 0.2 --output lean.csv --quiet"));
    place.ok(&format!("reduce t.csv --ranking ranking.csv {columns} --ratio 0.2 --emit ids --output ids.csv --quiet"));
    let classes = &place.json("lean.csv.manifest.json")["classes"];
    let names: Vec<&str> = classes.as_array().expect("classes").iter().filter_map(|of| of["name"].as_str()).collect();
    assert_eq!(names, ["07", "7", "NA"]);
    let ids: Vec<String> =
        place.text("ids.csv").lines().skip(1).filter_map(|line| line.split(',').next().map(str::to_owned)).collect();
    assert!(ids.iter().all(|id| id.len() == 4 && text.contains(&format!("\n{id},"))), "{ids:?}");
    place.ok(&format!("measure t.csv ids.csv {columns}"));
    // Another program made numbers of them.
    let numbers: String = ids.iter().map(|id| format!("{}\n", id.trim_start_matches('0'))).collect();
    place.write("numbers.csv", format!("row\n{numbers}").replace("\n\n", "\n0\n"));
    assert_eq!(
        place.ok(&format!("measure t.csv numbers.csv {columns} --json")).matches("\"kept\"").count(),
        place.ok(&format!("measure t.csv ids.csv {columns} --json")).matches("\"kept\"").count(),
    );
}

#[test]
fn a_table_without_a_header() {
    let text: String = (0..40).map(|row| format!("{}.25,{row},{}\n", row * 7 % 40, ["elm", "oak"][row % 2])).collect();
    let place = Place::with("t.csv", &text);
    assert_snapshot!(place.refuses(&format!("reduce t.csv --label elm --ratio 0.2 {COMMON}")), @r"
    exit 2
    error: t.csv: the first line holds values of a row, not column names
      hint: --no-header if it is a row, or add a first line with one name per column
    ");
    let columns = "--no-header --label column_3";
    place.ok(&format!("reduce t.csv {columns} --ratio 0.2 {COMMON}"));
    assert!(place.text("lean.csv").lines().all(|line| text.contains(line)), "no header is written");
    assert_eq!(place.text("lean.csv").lines().next(), text.lines().next());
    place.ok(&format!("measure t.csv lean.csv {columns}"));
    place.ok(&format!("reduce t.csv {columns} --ratio 0.2 --method clc --output points.csv --quiet"));
    assert_eq!(place.text("points.csv").lines().next(), Some("column_1,column_2,column_3,weight"));
    place.ok(&format!("measure t.csv points.csv {columns}"));
    place.ok(&format!(
        "reduce t.csv {columns} --ratio 0.2 --target lean.csv --method protodash --output near.csv --quiet"
    ));
}

#[test]
fn lists_of_columns() {
    let place =
        Place::with("t.csv", "\"length, mm\",mean_a,mean_b,e1,kind\n1,5,3,4,x\n2,3,4,5,y\n3,4,6,6,x\n4,9,8,7,y\n");
    let features = |options: &str| {
        let mut command =
            place.command("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv --force --quiet");
        command.args(options.split('|'));
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{options}: {}", String::from_utf8_lossy(&output.stderr));
        place.json("lean.csv.manifest.json")["columns"]["features"].to_string()
    };
    for (options, expected) in [
        ("--features|length, mm|--features|e1", r#"["length, mm","e1"]"#),
        ("--features|\"length, mm\",e1", r#"["length, mm","e1"]"#),
        ("--features|length\\, mm,e1", r#"["length, mm","e1"]"#),
        ("--exclude|length, mm", r#"["mean_a","mean_b","e1"]"#),
        ("--exclude|mean*", r#"["length, mm","e1"]"#),
        ("--features|*_?", r#"["mean_a","mean_b"]"#),
    ] {
        assert_eq!(features(options), expected, "{options}");
    }
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --exclude f* --output lean.csv --force"), @r"
    exit 2
    error: t.csv: no column matches the pattern 'f*'
      hint: columns: 'length, mm', 'mean_a', 'mean_b', 'e1', 'kind'
    ");
}

#[test]
fn a_plan_has_these_settings() {
    let place = Place::with("t.csv", rows(60, |value| format!("{},{:03}", value + 1, value)));
    let plan = "title = \"t\"\n[data]\npath = \"t.csv\"\nlabel = \"column_3\"\nno_header = true\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"mms\"\n";
    place.write("plan.toml", plan);
    let refused = place.refuses("experiment plan.toml --output runs.jsonl");
    assert!(refused.contains("data.decimal = \".\" if the comma"), "{refused}");
    place.write(
        "plan.toml",
        plan.replace(
            "no_header = true",
            "no_header = true\ndecimal = \",\"\nmissing_values = [\"-\"]\ncategorical = []",
        ),
    );
    place.ok("experiment plan.toml --dry-run");
}

#[test]
fn measuring_against_several_files() {
    let place = table(60, |value| format!("{value}.5"));
    let text = place.text("t.csv");
    let lines: Vec<&str> = text.lines().collect();
    place.write("1.csv", lines[..30].join("\n") + "\n");
    place.write("2.csv", [&lines[..1], &lines[30..]].concat().join("\n") + "\n");
    place.ok(&format!("reduce t.csv --label kind --ratio 0.2 {COMMON}"));
    place.ok("rank t.csv --label kind --method maxmin --output r.csv --quiet");
    let first = |said: String| said.lines().next().map(str::to_owned);
    assert_eq!(
        first(place.ok("measure 1.csv 2.csv lean.csv --label kind")),
        first(place.ok("measure t.csv lean.csv --label kind"))
    );
    let of_prefix = |said: String| said.lines().last().map(str::to_owned);
    assert_eq!(
        of_prefix(place.ok("measure 1.csv 2.csv --ranking r.csv --ratio 0.2 --label kind")),
        of_prefix(place.ok("measure t.csv --ranking r.csv --ratio 0.2 --label kind"))
    );
}

#[test]
fn dates_as_a_label() {
    let dates: String = (0..60).map(|row| format!("{row}.5,2024-{:02}-{:02}\n", 1 + row % 12, 1 + row % 28)).collect();
    let place = Place::with("t.csv", format!("girth,day\n{dates}"));
    assert_snapshot!(place.refuses(&format!("reduce t.csv --label day --ratio 0.1 {COMMON}")), @r"
    exit 2
    error: t.csv: label column 'day' holds 60 different dates in 60 rows: one row of each is more than twice the 6 rows of the budget
      hint: name a column of classes, or --categorical day if each date is a class
    ");
    place.ok(&format!("reduce t.csv --label day --categorical day --ratio 0.1 {COMMON}"));
}

#[test]
fn probabilities_that_do_not_add_up() {
    let place = table(4, |value| format!("{value}.5"));
    let log =
        |last: &str| format!("epoch,row,correct,p_0,p_1\n0,0,1,0.9,0.1\n0,1,1,0.2,0.8\n0,2,1,0.7,0.3\n0,3,1,{last}\n");
    place.write("log.csv", log("0,0"));
    assert_snapshot!(place.refuses("rank t.csv --label kind --method el2n --log log.csv --output r.csv"), @r"
    exit 2
    error: log.csv: row 3 (line 5): the probabilities p_0 to p_1 add up to 0.0000, not to 1
      hint: log the softmax of the outputs, or leave the columns of probabilities out
    ");
    // Rounded ones need not add up to the last digit.
    place.write("log.csv", log("0.003,0.99"));
    place.ok("rank t.csv --label kind --method el2n --log log.csv --output r.csv --quiet");
}

#[test]
fn a_class_of_a_long_name() {
    let place = Place::with("t.csv", format!("girth,kind\n1,a\n2,{}\n3,a\n", "b".repeat(100_000)));
    let said = place.run("reduce t.csv --label kind --method srs --ratio 0.5 --output lean.csv").err;
    assert!(said.len() < 5_000 && said.contains(&("b".repeat(200) + "…")), "{} bytes", said.len());
    assert!(place.text("lean.csv").contains(&"b".repeat(100_000)));
}
