//! Embeddings in a column of lists, end to end: every verb, the target, the experiment, and what is written.

use leanset_tables::{
    Column, Compression, Format, ListItem, ListLayout, ListType, Lists, Texts, Values, write_columns,
};

use crate::common::Place;

const ROWS: usize = 60;
const LENGTH: usize = 3;

fn points(shift: f64) -> Vec<f64> {
    let angle = |row: usize| (row * row % 97) as f64 / 97.0 * 6.0 + shift;
    (0..ROWS)
        .flat_map(|row| [angle(row).cos(), angle(row).sin(), (row % 5) as f64 / 10.0])
        .map(|x| f64::from(x as f32))
        .collect()
}

fn lists(values: Vec<f64>) -> Column {
    Lists::of(values, LENGTH, ListType { layout: ListLayout::FixedSize, item: ListItem::Float32 }).into()
}

/// An id, a class and points in lists; and the same points in columns of their own.
fn place() -> Place {
    let place = Place::new();
    let ids: Vec<i64> = (0..).map(|row| (row * 37) % 101).take(ROWS).collect();
    let kinds: Texts = (0..ROWS).map(|row| ["elm", "oak"][row % 2]).collect();
    let wide = |values: &[f64]| {
        let single = |j| Values::Number32(values.iter().skip(j).step_by(LENGTH).map(|&x| x as f32).collect());
        (0..LENGTH).map(|j| (format!("e{j}"), Column::new(single(j), None))).collect::<Vec<_>>()
    };
    let write = |name: &str, columns: Vec<(String, Column)>| {
        let mut all =
            vec![("plot".to_owned(), Column::from(ids.clone())), ("kind".to_owned(), Column::from(kinds.clone()))];
        all.extend(columns);
        let mut bytes = Vec::new();
        let format = if name.ends_with("parquet") { Format::Parquet } else { Format::ArrowIpc };
        write_columns(&all, format, Compression::None, &mut bytes).expect("a table");
        place.write(name, bytes);
    };
    write("lists.parquet", vec![("embedding".to_owned(), lists(points(0.0)))]);
    write("lists.arrow", vec![("embedding".to_owned(), lists(points(0.0)))]);
    write("target.arrow", vec![("embedding".to_owned(), lists(points(0.7)))]);
    write("wide.parquet", wide(&points(0.0)));
    let mut zeros = points(0.0);
    zeros[17 * LENGTH..][..LENGTH].fill(0.0);
    write("zeros.parquet", vec![("embedding".to_owned(), lists(zeros))]);
    place
}

/// What a manifest says that follows from the points.
fn found(place: &Place, name: &str) -> (serde_json::Value, serde_json::Value, serde_json::Value) {
    let manifest = place.json(&format!("{name}.manifest.json"));
    (manifest["row_ids"].clone(), manifest["epsilon"].clone(), manifest["columns"]["dimensions"].clone())
}

#[test]
fn lists_are_reduced_as_columns_of_their_own() {
    let place = place();
    for method in ["mms", "srs", "clc --param output=rows", "prd", "rkm", "phl", "nrmd"] {
        for metric in ["chebyshev", "cosine"] {
            let how = format!("--label kind --method {method} --ratio 0.2 --metric {metric} --force --quiet");
            place.ok(&format!("reduce wide.parquet --exclude plot --scale none {how} --output w.parquet"));
            for table in ["lists.parquet", "lists.arrow"] {
                place.ok(&format!("reduce {table} {how} --output l.parquet"));
                assert_eq!(found(&place, "l.parquet"), found(&place, "w.parquet"), "{method}, {metric}, {table}");
            }
        }
    }
    let manifest = place.json("l.parquet.manifest.json");
    assert_eq!(manifest["request"]["columns"]["scale"], "none", "the scale that was used");
    assert_eq!(manifest["columns"]["features"][0], "embedding");
    assert_eq!(manifest["warnings"][0]["code"], "skipped-column");
    place.ok("reduce --from-manifest l.parquet.manifest.json --output again.parquet --quiet");
}

#[test]
fn kept_lists_are_measured_ranked_and_cut() {
    let place = place();
    place.ok("reduce lists.parquet --label kind --method mms --ratio 0.2 --scale unit --metric euclidean --output l.parquet --quiet");
    let unit = place.json("l.parquet.manifest.json")["epsilon"]["value"].as_f64().expect("a number");
    let measured = |metric: &str| -> f64 {
        let how = format!("measure lists.parquet l.parquet --label kind --metric {metric} --json");
        let text = place.ok(&format!("{how} --scale {}", if metric == "cosine" { "none" } else { "unit" }));
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        json["epsilon"]["value"].as_f64().expect("a number")
    };
    assert_eq!(measured("euclidean"), unit);
    // Half the square of the distance of directions.
    assert!((measured("cosine") - unit * unit / 2.0).abs() < 1e-15, "{} and {unit}", measured("cosine"));
    place.ok("rank lists.parquet --label kind --method mms --output ranking.csv --quiet");
    place.ok("reduce lists.parquet --label kind --ranking ranking.csv --ratio 0.2 --output cut.arrow --quiet");
    place.ok("reduce lists.parquet --label kind --method mms --ratio 0.2 --output direct.arrow --quiet");
    assert_eq!(place.bytes("cut.arrow"), place.bytes("direct.arrow"));
    place.ok("measure lists.parquet --ranking ranking.csv --label kind --ratio 0.1 --ratio 0.5 --metric cosine");
    // Centroids are lists of the same type, and can be measured.
    place.ok("reduce lists.parquet --label kind --method clc --ratio 0.2 --output centroids.parquet --quiet");
    place.ok("measure lists.parquet centroids.parquet --label kind");
    let centroids = leanset_tables::read(&place.path("centroids.parquet"), &leanset_tables::ReadOptions::default());
    let centroids = centroids.expect("a table");
    let column = centroids.column(centroids.position("embedding").expect("a column")).expect("values");
    let Values::List(lists) = &column.values else { panic!("{column:?}") };
    assert_eq!(lists.list_type(), ListType { layout: ListLayout::FixedSize, item: ListItem::Float32 });
}

#[test]
fn lists_represent_a_target_and_are_trained_on() {
    let place = place();
    place.ok("reduce lists.parquet --label kind --method prd --count 6 --target target.arrow --output l.csv --quiet");
    assert!(place.text("l.csv").starts_with("plot,kind,embedding\n"));
    let plan = "title = \"Lists\"\nrepetitions = 1\n[data]\npath = \"lists.parquet\"\nlabel = \"kind\"\n[reduce]\nratios = [0.5]\n\
                [[method]]\nname = \"mms\"\n[model]\nhidden = [4]\nepochs = 2\n";
    place.write("plan.toml", plan);
    place.ok("experiment plan.toml --output runs.jsonl --quiet");
    let header: serde_json::Value =
        serde_json::from_str(place.text("runs.jsonl").lines().next().expect("a header")).expect("JSON");
    let text = header.to_string();
    assert!(text.contains("\"scale\":\"none\"") && text.contains("\"dimensions\":3"), "{text}");
    place.ok("experiment plan.toml --output runs.jsonl --quiet");
    let dry = place.ok("reduce lists.parquet --label kind --method mms --ratio 0.5 --dry-run --json");
    assert!(dry.contains("\"scale\": \"none\"") && dry.contains("\"dimensions\": 3"), "{dry}");
}

#[test]
fn rows_without_a_direction_are_refused() {
    let place = place();
    let reduce = "reduce zeros.parquet --label kind --method mms --ratio 0.2 --output l.parquet";
    insta::assert_snapshot!(place.refuses(&format!("{reduce} --metric cosine")), @r"
    exit 2
    error: cosine distance: row 17 of zeros.parquet is all zeros and has no direction
      hint: leave the row out, or use --metric euclidean
    ");
    insta::assert_snapshot!(place.refuses(&format!("{reduce} --scale unit")), @r"
    exit 2
    error: zeros.parquet: row 17: all features are 0, so the row has no direction, which --scale unit needs
      hint: correct the row or leave it out of the file, or --scale none
    ");
    insta::assert_snapshot!(
        place.refuses("measure lists.parquet lists.arrow --label kind --metric cosine --persistence"), @r"
    exit 2
    warning: distances are computed from 'embedding' alone; carried along: 'plot'
      hint: to use other columns: --features COLUMN,…
    error: persistence: cosine distance has no triangle inequality, without which ε bounds no diagram
      hint: compare directions with --scale unit and --metric euclidean
    ");
}
