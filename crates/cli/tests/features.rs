//! `leanset images features`, and models in `images reduce`, with a small model that is made here.
#![cfg(unix)] // the system's own words

use crate::common::{Place, onnx, picture, put, yolo};

const WEIGHTS: [f32; 6] = [1.0, -0.5, 0.25, -0.75, 0.5, 1.0];

/// A set, and a model.
fn place() -> Place {
    let place = yolo();
    put(&place, "model.onnx", onnx(WEIGHTS));
    place
}

#[test]
fn images_features_writes_a_row_per_image_and_a_manifest() {
    let place = place();
    let ran = place.run("images features set --model model.onnx --no-cache -o f.csv");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("2 features of each of 24 images (train) of set"), "{}", ran.err);
    assert!(
        ran.err.contains("features by model.onnx: 'seen' (output of the model), 2 features; letterbox to 224 × 224"),
        "{}",
        ran.err
    );
    let table = place.text("f.csv");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!((lines[0], lines.len()), ("path,f0,f1", 25));
    assert!(lines[1].starts_with("images/train/00.png,") && lines[24].starts_with("images/train/23.png,"));
    let manifest = place.json("f.csv.manifest.json");
    assert_eq!(manifest["schema"], "leanset.features/2");
    assert_eq!((&manifest["pictures"], &manifest["left_out"]), (&24.into(), &0.into()));
    assert_eq!(manifest["features"]["model"]["rule"], "output");
    // The table stands for the model.
    place.ok("images reduce set -m mms -r 0.5 --features f.csv -o given -q");
    place.ok("images reduce set -m mms -r 0.5 --model model.onnx --no-cache -o seen -q");
    assert_eq!(place.text("given/train.txt"), place.text("seen/train.txt"));
    // What cannot be decoded is told and has no row.
    put(&place, "set/images/train/cut.png", &picture(50)[..60]);
    put(&place, "set/labels/train/cut.txt", "");
    let ran = place.run("images features set --model model.onnx --no-cache -o f.csv --force --split all");
    assert!(ran.code == Some(0) && ran.err.contains("left out, because they cannot be decoded: 1"), "{}", ran.err);
    assert_eq!(place.text("f.csv").lines().count(), 28);
    let strict = place.refuses("images features set --model model.onnx --no-cache -o g.csv --strict");
    assert!(strict.contains("--strict is given"), "{strict}");
}

#[test]
fn images_features_refuses_bad_requests_and_leaves_nothing() {
    let place = place();
    put(&place, "text.onnx", "these are no weights");
    put(&place, "there.csv", "mine");
    put(&place, "listed.txt", "mine");
    for (arguments, said) in [
        (
            "-o f.csv",
            "error: no model is given\n  hint: --model FILE names an ONNX model; `images reduce` computes colour and edge features by itself, without a table\n",
        ),
        // Both commands, word for word.
        (
            "--model yolov5m.onnx -o f.csv",
            "error: yolov5m.onnx: cannot be opened: No such file or directory\n  hint: YOLOv5m, the paper's, takes two commands: pip install ultralytics onnx, and yolo export model=yolov5mu.pt format=onnx dynamic=True\n",
        ),
        ("--model text.onnx -o f.csv", "error: text.onnx: is not an ONNX model: "),
        ("--model set/data.yaml -o f.csv", "error: set/data.yaml: is not an ONNX model: "),
        ("--model set -o f.csv", "error: set: cannot be opened: Is a directory\n"),
        (
            "--model model.onnx -o f.npy",
            "error: f.npy: an array holds numbers alone, and the paths go nowhere\n  hint: --paths FILE takes them, one per line; or name a .parquet\n",
        ),
        ("--model model.onnx -o f.npz", "error: f.npz: an array holds numbers alone, and the paths go nowhere\n"),
        ("--model model.onnx -o f.npy --paths f.npy", "error: f.npy: is named twice among the outputs\n"),
        (
            "--model model.onnx -o f.csv --paths f.csv.manifest.json",
            "error: f.csv.manifest.json: is named twice among the outputs\n",
        ),
        ("--model model.onnx -o f.npy --paths model.onnx --force", "error: model.onnx: is an input of this command"),
        ("--model model.onnx -o f.npy --paths listed.txt", "error: listed.txt: exists\n"),
        ("--model model.onnx -o f.npy --paths no/f.txt", "error: no/f.txt: there is no folder no\n"),
        (
            "--model model.onnx -o there.csv",
            "error: there.csv: exists\n  hint: choose another name, or replace it with --force\n",
        ),
        ("--model model.onnx -o model.onnx --force", "error: model.onnx: is an input of this command"),
        ("--model model.onnx -o f.xlsx", "error: f.xlsx: leanset reads workbooks and does not write them\n"),
        ("--model model.onnx -o f.csv --split test", "error: set/data.yaml: no image could be described\n"),
        ("--model model.onnx -o f.csv --layer nowhere", "error: model.onnx: has no tensor 'nowhere'\n"),
        ("--model model.onnx -o f.csv --size 4", "error: --size must be in [8, 8192], not 4\n"),
        (
            "--model model.onnx -o f.csv --mean 123.675,116.28,103.53 --std 58.395,57.12,57.375",
            "error: --mean must be in [0, 1], not [123.675, 116.28, 103.53]\n",
        ),
        ("--model model.onnx -o f.csv --mean 0.5,0.5,0.5 --std 0.5,0,0.5", "error: --std must be in (0, 1], not "),
        (
            "--model model.onnx -o f.csv --fit native --size 64",
            "error: --size 64 and --fit native contradict each other",
        ),
        ("-o f.csv --batch 2", "error: the following required arguments were not provided:\n  <--model <FILE>>\n"),
        ("-o f.csv --no-cache", "error: the following required arguments were not provided:\n  <--model <FILE>>\n"),
    ] {
        let cache = if arguments.contains("--model") { "--no-cache" } else { "" };
        let told = place.refuses(&format!("images features set {arguments} {cache}"));
        assert!(told.starts_with("exit 2\n") && told.contains(said), "{arguments}\n{told}");
    }
}

/// A picture that is trained on and validated with is one row, and the table serves.
#[test]
fn images_features_has_one_row_for_an_image_in_two_splits() {
    let place = place();
    put(&place, "set/both.yaml", "train: images/train\nval: images/train\nnames: [a, b]\n");
    place.ok("images features set/both.yaml --model model.onnx --no-cache --split all -o f.csv -q");
    assert_eq!(place.text("f.csv").lines().count(), 25);
    place.ok("images reduce set/both.yaml -m mms -r 0.5 --features f.csv -o given -q");
    place.ok("images reduce set/both.yaml -m mms -r 0.5 --model model.onnx --no-cache -o seen -q");
    assert_eq!(place.text("given/train.txt"), place.text("seen/train.txt"));
}

#[test]
fn images_features_writes_the_paths_of_an_array_to_a_list() {
    let place = place();
    place.ok("images features set --model model.onnx --no-cache -o f.npy --paths p.txt -q");
    let paths: Vec<String> = place.text("p.txt").lines().map(str::to_owned).collect();
    assert_eq!(paths.len(), 24);
    assert_eq!(paths[3], "images/train/03.png");
    place.ok("images features set --model model.onnx --no-cache -o f.csv -q");
    place.ok("images reduce set -m mms -r 0.5 --features f.csv -o a -q");
    place.ok("images reduce set -m mms -r 0.5 --features f.npy --feature-paths p.txt -o b -q");
    assert_eq!(place.text("a/train.txt"), place.text("b/train.txt"));
    // They are replaced together, and only on request.
    assert!(
        place.refuses("images features set --model model.onnx --no-cache -o f.npy --paths q.txt").contains("exists")
    );
    place.ok("images features set --model model.onnx --no-cache -o f.npy --paths p.txt --force -q");
    assert!(place.exists("f.npy.manifest.json") && !place.exists("q.txt"));
}

#[test]
fn images_reduce_dry_run_reads_the_model_and_not_the_cache() {
    let place = place();
    let before = place.listing();
    let run = "images reduce set -m mms -r 0.5 --model model.onnx --cache cache --size 64";
    let plan: serde_json::Value = serde_json::from_str(&place.ok(&format!("{run} --dry-run --json"))).expect("JSON");
    let words = place.run(&format!("{run} --dry-run")).err;
    assert!(place.listing() == before, "a dry run writes something");
    assert!(
        words.contains("features by model.onnx: 'seen' (output of the model), 2 features; letterbox to 64 × 64"),
        "{words}"
    );
    place.ok(&format!("{run} -o lean -q"));
    assert!(place.exists("cache"));
    let manifest = place.json("lean/manifest.json");
    assert_eq!(plan["features"], manifest["features"]);
    assert_eq!(plan["features"]["dimensions"], 2);
    // Too little for the model alone, and for its file.
    let said = place.refuses(&format!("{run} -o z --memory-limit 100B"));
    assert!(
        said.contains("model.onnx: ")
            && said.contains(" do not fit into the memory limit of 100 B\n  hint: raise --memory-limit\n"),
        "{said}"
    );
    std::fs::remove_dir_all(place.path("cache")).expect("removed");
    let said = place.refuses(&format!("{run} -o z --memory-limit 1MB"));
    assert!(said.contains("of memory, above the limit of 976.56 KiB"), "{said}");
}

/// The model is that of the manifest, and is used as it was.
#[test]
fn images_reduce_from_manifest_reproduces_a_reduction_with_a_model() {
    let place = place();
    for (number, used) in
        ["--size 64", "--fit native --layer g --pixels unit", "--fit crop --mean .1,.2,.3 --std .3,.2,.1"]
            .iter()
            .enumerate()
    {
        let (first, again) = (format!("first{number}"), format!("again{number}"));
        place.ok(&format!(
            "images reduce set -m mms -r 0.5 --model model.onnx --no-cache {used} --batch 3 -o {first} -q"
        ));
        place.ok(&format!("images reduce --from-manifest {first} --no-cache -o {again} -q"));
        let (mut a, mut b) =
            (place.json(&format!("{first}/manifest.json")), place.json(&format!("{again}/manifest.json")));
        assert_eq!(a["names"], b["names"], "{used}");
        for manifest in [&mut a, &mut b] {
            manifest["measured"] = serde_json::Value::Null;
            manifest["files"] = serde_json::Value::Null;
        }
        assert_eq!(a, b, "{used}");
    }
    let again = "images reduce --from-manifest first0 -o z";
    // Elsewhere now.
    std::fs::rename(place.path("model.onnx"), place.path("moved.onnx")).expect("renamed");
    let said = place.refuses(again);
    assert!(
        said.contains(
            "model.onnx: cannot be read: No such file or directory\n  hint: say where the model is now: --model FILE"
        ),
        "{said}"
    );
    place.ok(&format!("{again} --model moved.onnx --no-cache -q"));
    std::fs::remove_dir_all(place.path("z")).expect("removed");
    // Another one.
    put(&place, "model.onnx", onnx([0.5; 6]));
    let said = place.refuses(&format!("{again} --no-cache"));
    assert!(said.starts_with("exit 3\nerror: model.onnx: is not the model of the manifest: SHA-256 "), "{said}");
    let said = place.refuses(&format!("{again} --model moved.onnx --no-cache --onnxruntime lib"));
    assert!(said.contains("--onnxruntime lib: the model of the manifest was run by rten"), "{said}");
    for flag in ["--size 32", "--layer g", "--fit crop", "--pixels unit"] {
        let said = place.refuses(&format!("{again} --model moved.onnx {flag}"));
        assert!(said.contains("cannot be used with"), "{flag}: {said}");
    }
    // Run in another way: by an engine that this leanset is not.
    let changed = place.text("first0/manifest.json").replace("\"rten ", "\"rten 0.0, not ");
    put(&place, "other/manifest.json", changed);
    let said = place.refuses("images reduce --from-manifest other/manifest.json --model moved.onnx --no-cache -o z");
    assert!(
        said.starts_with("exit 3\n") && said.contains("moved.onnx: is not used as in the manifest: engine ("),
        "{said}"
    );
}
