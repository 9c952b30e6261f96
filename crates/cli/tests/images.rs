//! `leanset images`: checked and reduced sets, and that nothing of the user's is touched.
#![cfg(unix)] // links, and the system's own words
#![allow(clippy::print_stdout)] // a test that cannot run here says so

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::common::{LABELS, Place, npy, picture, put, yolo};

fn lines(place: &Place, name: &str) -> Vec<String> {
    place.text(name).lines().map(str::to_owned).collect()
}

/// Paths and contents of all files below a folder.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push((path.clone(), std::fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn images_check_describes_a_dataset_without_issues() {
    let place = yolo();
    let told = place.ok("images check set/data.yaml");
    assert_eq!(
        told,
        "set/data.yaml: YOLO, 27 images, 2 classes

  split  images  usable  background  objects
  ────────────────────────────────────────────
  train      24      24           0       36
  val         3       3           0        3

  objects of class  train  val
  ──────────────────────────────
  cat                  24    3
  dog                  12    0

  category     usable train
  ───────────────────────────
  cat several             6
  cat single              6
  dog single              6
  mixed                   6

nothing is wrong
"
    );
}

#[test]
fn images_check_reports_all_issues_at_once_and_strict_stops() {
    let place = yolo();
    put(&place, "set/images/train/cut.png", &picture(50)[..60]);
    put(&place, "set/labels/train/cut.txt", LABELS[0]);
    put(&place, "set/labels/train/03.txt", "2 .5 .5 .2 .2\n");
    put(&place, "set/images/train/lonely.png", picture(51));
    let ran = place.run("images check set");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let told = ran.stdout();
    for part in [
        "error: 1 image that cannot be decoded (picture-damaged)",
        "error: 1 object of a class that the dataset does not have (class-unknown)",
        "03.txt, line 1: class 2 is not one of 0 to 1",
        "warning: 1 image without an annotation (label-missing)",
        "\n2 errors, 1 warning\n",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    let json: serde_json::Value = serde_json::from_slice(&place.run("images check set --json").out).expect("JSON");
    assert_eq!(json["schema"], "leanset.images-check/1");
    let codes: Vec<&str> =
        json["faults"].as_array().expect("a list").iter().filter_map(|f| f["code"].as_str()).collect();
    assert_eq!(codes, ["picture-damaged", "class-unknown", "label-missing"]);
    assert_eq!((&json["splits"]["train"]["pictures"], &json["splits"]["train"]["usable"]), (&26.into(), &24.into()));

    // Reduced all the same, without what cannot be used; not if that was asked.
    let said = place.refuses("images reduce set --method mms --ratio 0.5 -o lean --strict");
    assert!(said.contains("set/data.yaml: has 3 issues, and --strict is given"), "{said}");
    let ran = place.run("images reduce set --method mms --ratio 1 -o lean");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for part in [
        "cut.png: cannot be decoded",
        "(left out)",
        "03.txt, line 1: class 2",
        "lonely.png: has no label file",
        "left out for errors: 2 of 26",
    ] {
        assert!(ran.err.contains(part), "{part} is not in\n{}", ran.err);
    }
    let kept = lines(&place, "lean/train.txt");
    assert_eq!(kept.len(), 24);
    assert!(!kept.iter().any(|p| p.ends_with("cut.png") || p.ends_with("03.png")));
    // With warnings alone it is strictness that decides.
    std::fs::remove_file(place.path("set/images/train/cut.png")).expect("removed");
    put(&place, "set/labels/train/03.txt", LABELS[3]);
    assert_eq!(place.run("images check set").code, Some(0));
    assert_eq!(place.run("images check set --strict").code, Some(2));
}

#[test]
fn images_reduce_writes_a_list_and_a_data_yaml() {
    let place = yolo();
    let before = tree(&place.path("set"));
    let ran = place.run("images reduce set/data.yaml --method mms --ratio 0.5 --output lean/");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(tree(&place.path("set")) == before, "something in the set was changed");
    let kept = lines(&place, "lean/train.txt");
    assert!(
        kept.is_sorted()
            && kept.len() == 12
            && kept.iter().all(|p| Path::new(p).is_absolute() && Path::new(p).is_file())
    );
    let real = |name: &str| place.path(name).canonicalize().expect("there").display().to_string();
    assert_eq!(
        place.text("lean/data.yaml"),
        format!(
            "path: {}\ntrain: train.txt\nval: {}\nnames:\n  - cat\n  - dog\nkpt_shape:\n  - 17\n  - 3\n",
            real("lean"),
            place.path("set/images/val").display()
        )
    );
    let manifest = place.json("lean/manifest.json");
    assert_eq!(manifest["schema"], "leanset.images/2");
    assert_eq!((&manifest["pictures"], &manifest["kept"]), (&24.into(), &12.into()));
    for category in manifest["categories"].as_array().expect("a list") {
        assert_eq!((&category["all"], &category["kept"]), (&6.into(), &3.into()), "{category}");
        assert!(category["epsilon"].as_f64().is_some_and(|e| e > 0.0), "{category}");
    }
    // Objects, counted from the labels of what was kept.
    let mut objects = [0; 2];
    for path in &kept {
        let label = path.replace("/images/", "/labels/").replace(".png", ".txt");
        for line in std::fs::read_to_string(label).expect("a label").lines() {
            objects[usize::from(line.starts_with('1'))] += 1;
        }
    }
    let told: Vec<u64> =
        manifest["classes"].as_array().expect("a list").iter().filter_map(|c| c["kept"].as_u64()).collect();
    assert_eq!(told, objects);
    assert!(ran.err.contains("maxmin keeps 12 of 24 images (50.0 %)"), "{}", ran.err);
    assert!(ran.err.contains("class  objects  kept"), "{}", ran.err);

    // The smaller set is a set: it is checked, and reduced again.
    let told = place.ok("images check lean");
    assert!(told.contains("train      12      12") && told.contains("nothing is wrong"), "{told}");
    place.ok("images reduce lean --method srs --count 8 -o leaner -q");
    assert_eq!(lines(&place, "leaner/train.txt").len(), 8);
}

#[test]
fn images_reduce_is_the_same_for_any_number_of_threads_and_method() {
    let place = yolo();
    let methods: serde_json::Value = serde_json::from_str(&place.ok("methods --json")).expect("JSON");
    let mut reduced = 0;
    for method in methods["methods"].as_array().expect("a list") {
        let id = method["id"].as_str().expect("a name");
        let mut lists = Vec::new();
        for threads in [1, 3] {
            let param = if id == "clustering-centroids" { "-p output=rows" } else { "" };
            let arguments = format!("images reduce set -m {id} {param} -r 0.5 --threads {threads} -o {id}{threads} -q");
            let ran = place.run(&arguments);
            if ran.code != Some(0) {
                assert!(ran.err.contains("needs a training log"), "{id}: {}", ran.err);
                continue;
            }
            let mut manifest = place.json(&format!("{id}{threads}/manifest.json"));
            manifest["measured"] = serde_json::Value::Null;
            manifest["files"] = serde_json::Value::Null;
            lists.push((manifest, place.text(&format!("{id}{threads}/train.txt"))));
        }
        if let [one, three] = lists.as_slice() {
            assert!(one == three, "{id} depends on threads");
            assert_eq!(one.1.lines().count(), 12, "{id}");
            reduced += 1;
        }
    }
    assert!(reduced >= 8, "{reduced}");
}

#[test]
fn images_reduce_takes_categories_and_budgets() {
    let place = yolo();
    let counts = |name: &str| -> Vec<(String, u64, u64)> {
        let of = |c: &serde_json::Value| {
            (
                c["name"].as_str().unwrap_or("").to_owned(),
                c["all"].as_u64().unwrap_or(0),
                c["kept"].as_u64().unwrap_or(0),
            )
        };
        place.json(&format!("{name}/manifest.json"))["categories"].as_array().expect("a list").iter().map(of).collect()
    };
    let told =
        |expected: &[(&str, u64, u64)]| expected.iter().map(|(n, a, k)| ((*n).to_owned(), *a, *k)).collect::<Vec<_>>();
    place.ok("images reduce set -m mms -r 0.5 --category classes -o a -q");
    assert_eq!(counts("a"), told(&[("cat", 12, 6), ("cat + dog", 6, 3), ("dog", 6, 3)]));
    place.ok("images reduce set -m mms -n 7 --category none -o b -q");
    assert_eq!(counts("b"), told(&[("all", 24, 7)]));
    place.ok("images reduce set -m mms -r 0.5 --group 'pet=cat, dog' -o c -q");
    assert_eq!(counts("c"), told(&[("pet several", 12, 6), ("pet single", 12, 6)]));
    let table: String =
        (0..24).rev().map(|n| format!("{n:02}.png,{}\n", ["day", "night"][usize::from(n % 3 == 0)])).collect();
    put(&place, "time.csv", format!("path,category\n{table}"));
    place.ok("images reduce set -m mms --per-category day=5 --per-category night=1 --categories time.csv -o d -q");
    assert_eq!(counts("d"), told(&[("day", 16, 5), ("night", 8, 1)]));
    // 24 objects are cats and 12 dogs; balanced, it is 10 and 9, for pictures with both come first.
    place.ok("images reduce set -m mms -n 12 --balance -o e -q");
    assert_eq!(
        counts("e"),
        told(&[("cat several", 6, 1), ("cat single", 6, 2), ("dog single", 6, 3), ("mixed", 6, 6)])
    );
    assert!(
        place
            .refuses("images reduce set -m des -n 12 --balance -o z")
            .contains("distance-entropy chooses over all images at once")
    );
    let said = |arguments: &str| place.refuses(&format!("images reduce set -m mms -o z {arguments}"));
    assert_eq!(
        said("--per-category day=5 --categories time.csv"),
        "exit 2\nerror: --per-category does not name night\n  hint: name every category; CATEGORY=0 keeps none of it\n"
    );
    assert_eq!(
        said("--ratio 0.5 --group pet=cow"),
        "exit 2\nerror: group pet: set/data.yaml has no class 'cow'\n  hint: its classes are cat, dog\n"
    );
}

#[test]
fn images_reduce_joins_features_by_path() {
    let place = yolo();
    // One number a picture: its own; of each category, maxmin from the first keeps the first and the last.
    let order: Vec<u32> = (0..24).map(|i| i * 7 % 24).collect();
    let values: Vec<f64> = order.iter().map(|&n| f64::from(n)).collect();
    put(&place, "f.npy", npy(&[24, 1], &values));
    put(&place, "paths.txt", order.iter().map(|n| format!("images/train/{n:02}.png\n")).collect::<String>());
    put(&place, "f.csv", order.iter().fold("path,x\n".to_owned(), |t, n| t + &format!("{n:02}.png,{n}\n")));
    place.ok("images reduce set -m mms -p start=first -n 8 --features f.npy --feature-paths paths.txt -o a -q");
    place.ok("images reduce set -m mms -p start=first -n 8 --features f.csv -o b -q");
    let kept: Vec<String> =
        lines(&place, "a/train.txt").iter().map(|p| p.rsplit('/').next().expect("a name").to_owned()).collect();
    assert_eq!(kept, ["00.png", "01.png", "02.png", "03.png", "20.png", "21.png", "22.png", "23.png"]);
    assert_eq!(place.text("a/train.txt"), place.text("b/train.txt"));
    assert_eq!(place.json("a/manifest.json")["features"]["kind"], "given");

    let said = |arguments: &str| place.refuses(&format!("images reduce set -m mms -r 0.5 -o z {arguments}"));
    assert_eq!(
        said("--features f.npy"),
        "exit 2\nerror: f.npy: has no column 'path' that says which image a row is of\n  hint: for an array, name a list of the paths of its rows, one per line: --feature-paths FILE\n"
    );
    put(&place, "short.txt", "a\nb\n");
    assert!(
        said("--features f.npy --feature-paths short.txt").contains("f.npy: has 24 rows, and short.txt has 2 paths")
    );
    put(&place, "g.csv", "path,x\n00.png,1\n");
    assert!(
        said("--features g.csv").contains("g.csv: 23 of 24 images have no row in it; the first is images/train/01.png")
    );
}

#[test]
fn images_reduce_copies_and_links_are_datasets() {
    let place = yolo();
    let before = tree(&place.path("set"));
    place.ok("images reduce set -m mms -r 0.25 --copy -o copied -q");
    place.ok("images reduce set -m mms -r 0.25 --link -o linked -q");
    assert!(tree(&place.path("set")) == before);
    for name in ["copied", "linked"] {
        let kept = lines(&place, &format!("{name}/train.txt"));
        assert_eq!(kept.len(), 6);
        for line in &kept {
            let path = place.path(name).join(line.strip_prefix("./").expect("below the list"));
            assert_eq!(path.is_symlink(), name == "linked");
            let from = place.path("set/images/train").join(path.file_name().expect("a name"));
            assert_eq!(std::fs::read(&path).expect("a picture"), std::fs::read(from).expect("a picture"));
        }
        let told = place.ok(&format!("images check {name}"));
        assert!(told.contains("train       6       6") && told.contains("nothing is wrong"), "{told}");
    }
    // A set that was copied can be moved.
    std::fs::rename(place.path("copied"), place.path("moved")).expect("renamed");
    assert!(place.ok("images check moved").contains("train       6       6"));
}

#[test]
fn images_reduce_writes_coco_voc_and_folders_in_their_format() {
    let place = Place::new();
    let mut images = Vec::new();
    let mut annotations = Vec::new();
    for number in 0..12u32 {
        let class = number % 2;
        put(&place, &format!("coco/images/{number}.png"), picture(number));
        images.push(format!(
            r#"{{"id": {}, "file_name": "{number}.png", "width": 32, "height": 24, "license": 4}}"#,
            number + 100
        ));
        annotations.push(format!(
            r#"{{"id": {number}, "image_id": {}, "category_id": {class}, "bbox": [1, 2, 3.25, 4], "iscrowd": 0}}"#,
            number + 100
        ));
        let name = ["cat", "dog"][class as usize];
        put(&place, &format!("voc/JPEGImages/{number}.png"), picture(number));
        put(
            &place,
            &format!("voc/Annotations/{number}.xml"),
            format!(
                "<annotation><size><width>0</width><height>0</height></size><object><name>{name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
            ),
        );
        put(&place, &format!("folders/{name}/{number}.png"), picture(number));
    }
    let coco = format!(
        r#"{{"info": {{"x": 1.10}}, "images": [{}], "annotations": [{}], "categories": [{{"id": 0, "name": "cat"}}, {{"id": 1, "name": "dog"}}]}}"#,
        images.join(","),
        annotations.join(",")
    );
    put(&place, "coco/train.json", coco);
    let before = place.listing();
    for (set, list) in [("coco/train.json", "train.json"), ("voc", "train.txt"), ("folders", "train.txt")] {
        place.ok(&format!("images reduce {set} -m mms -r 0.5 -o lean -q"));
        let names: BTreeSet<String> = place.json("lean/manifest.json")["names"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|n| Some(Path::new(n.as_str()?).file_stem()?.to_string_lossy().into_owned()))
            .collect();
        assert_eq!(names.len(), 6, "{set}");
        let written: BTreeSet<String> = if list == "train.json" {
            let json = place.json("lean/train.json");
            assert_eq!(json["info"]["x"], 1.10);
            assert_eq!(json["images"][0]["license"], 4);
            let ids: BTreeSet<u64> =
                json["images"].as_array().expect("a list").iter().filter_map(|i| i["id"].as_u64()).collect();
            let of: BTreeSet<u64> =
                json["annotations"].as_array().expect("a list").iter().filter_map(|a| a["image_id"].as_u64()).collect();
            assert_eq!(ids, of);
            ids.iter().map(|id| (id - 100).to_string()).collect()
        } else {
            lines(&place, "lean/train.txt")
                .iter()
                .map(|l| Path::new(l).file_stem().expect("a name").to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(written, names, "{set}");
        std::fs::remove_dir_all(place.path("lean")).expect("removed");
        assert!(place.listing() == before, "{set}: something was changed");
    }
    place.ok("images reduce voc -m mms -r 0.5 -o lean --copy -q");
    assert!(place.ok("images check lean").contains("Pascal VOC, 6 images, 2 classes"));
    place.ok("images reduce folders -m mms -r 0.5 -o small --link -q");
    assert!(place.ok("images check small").contains("class folders, 6 images, 2 classes"));
    place.ok("images reduce coco/train.json -m mms -r 0.5 -o copied --copy -q");
    assert!(place.ok("images check copied/train.json").contains("COCO, 6 images, 2 classes"));
}

#[test]
fn images_reduce_refuses_bad_requests_and_leaves_nothing() {
    let place = yolo();
    put(&place, "full/mine.txt", "mine");
    for (arguments, said) in [
        ("images reduce set -r 0.5 -o z", "error: no method is given\n"),
        ("images reduce set -m mms -o z", "error: no budget is given\n"),
        ("images reduce set -m mms -r 1.5 -o z", "error: ratio must be in (0, 1], not 1.5\n"),
        (
            "images reduce set -m fes -r 0.5 -o z",
            "error: forgetting-events needs a training log, and there is none for images\n",
        ),
        (
            "images reduce set -m clc -r 0.5 -o z",
            "error: the method generates prototypes, and no image belongs to them\n",
        ),
        ("images reduce nowhere -m mms -r 0.5 -o z", "error: nowhere: cannot be opened: No such file or directory\n"),
        ("images reduce set -m mms -r 0.5 -o a/b", "error: a/b: there is no folder "),
        ("images reduce set -m mms -r 0.5 -o full", "error: full: exists\n"),
        (
            "images reduce set -m mms -r 0.5 -o full --force",
            "error: full: holds files that are not of an earlier reduction, and is never replaced\n",
        ),
        ("images reduce set -m mms -r 0.5 -o set/images/train/lean", "error: set/images/train/lean: is in "),
        ("images reduce set -m mms -n 3 -o z", "error: count 3 is below the 4 classes"),
        (
            "images reduce set -m mms -r 0.5 -o z --images set",
            "error: set: is YOLO; a folder of images applies to COCO only\n",
        ),
        ("images check set/data.yaml/x", "error: set/data.yaml/x: cannot be opened: Not a directory\n"),
    ] {
        let told = place.refuses(arguments);
        assert!(told.starts_with("exit 2\n") && told.contains(said), "{arguments}\n{told}");
    }
}

#[test]
fn images_reduce_replaces_a_folder_only_if_it_wrote_all_of_it() {
    let place = yolo();
    std::fs::create_dir(place.path("lean")).expect("an empty folder is no obstacle");
    place.ok("images reduce set -m mms -r 0.5 -o lean --copy -q");
    let first = place.text("lean/train.txt");
    assert!(place.refuses("images reduce set -m srs -r 0.25 -o lean").contains("lean: exists"));
    place.ok("images reduce set -m srs -r 0.25 -o lean --force -q");
    assert_ne!(place.text("lean/train.txt"), first);
    assert!(!place.exists("lean/images"), "the copies of the first are gone with it");
    put(&place, "lean/notes.md", "mine");
    assert!(place.refuses("images reduce set -m mms -r 0.5 -o lean --force").contains("never replaced"));
}

#[test]
fn images_reduce_dry_run_reports_the_plan_and_decodes_nothing() {
    let place = yolo();
    put(&place, "set/images/train/bad.png", "no picture at all");
    put(&place, "set/labels/train/bad.txt", LABELS[0]);
    put(&place, "set/images/train/cut.png", &picture(50)[..60]);
    put(&place, "set/labels/train/cut.txt", LABELS[2]);
    let before = place.listing();
    let ran = place.run("images reduce set -m mms -r 0.5 --threads 2 --dry-run");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let (told, memory) = ran.err.rsplit_once("  predicted peak memory ").expect("the memory");
    assert_eq!(
        told,
        "would keep 13 of 26 images of set by maxmin (50.0 %)

  category     images  would keep   share
  ─────────────────────────────────────────
  cat several       6           3  50.0 %
  cat single        7           4  57.1 %
  dog single        7           3  42.9 %
  mixed             6           3  50.0 %

  features: colours-and-edges/1, 192 numbers per image
  no image was decoded: images that cannot be decoded are counted here, and would be left out; 1 do not even begin like one
  the largest is 32 × 24 pixels
"
    );
    assert!(memory.ends_with(" on 2 threads; nothing was written\n"), "{memory}");
    let plan = |arguments: &str| -> serde_json::Value {
        serde_json::from_str(&place.ok(&format!("images reduce set {arguments} --dry-run --json"))).expect("JSON")
    };
    let found = plan("-m mms -n 12 --seed 3");
    assert_eq!(found["schema"], "leanset.images-plan/2");
    assert_eq!((&found["pictures"], &found["unreadable"], &found["kept"]), (&26.into(), &1.into(), &12.into()));
    assert_eq!((&found["method"]["id"], &found["request"]["method"]["seed"]), (&"maxmin".into(), &3.into()));
    assert_eq!((&found["request"]["budget"]["count"], &found["request"]["placement"]), (&12.into(), &"stay".into()));
    // What chooses over all images at once keeps what it keeps of a category.
    let found = plan("-m des -r 0.5");
    assert_eq!((&found["kept"], &found["categories"][0]["kept"]), (&13.into(), &serde_json::Value::Null));
    assert!(place.run("images reduce set -m des -r 0.5 --dry-run").err.contains("is not known yet"));
    // Refused as it would be.
    for (arguments, said) in [
        ("-m mms -n 27", "count 27 is above the 26"),
        ("-m des -n 12 --balance", "distance-entropy chooses over all images at once"),
        ("-m mms -r 0.5 -o set/images/train/z", "is in "),
        ("-m mms -r 0.5 --memory-limit 1MB", "is predicted to take "),
        ("-m mms -r 0.5 --strict --categories set/data.yaml", "set/data.yaml"),
    ] {
        let told = place.refuses(&format!("images reduce set {arguments} --dry-run"));
        assert!(told.contains(said), "{arguments}: {told}");
    }
    assert!(place.listing() == before, "a dry run writes something");

    // Without what cannot be decoded, it is what is done; --balance too, and a table of features, and a manifest.
    for name in ["bad", "cut"] {
        std::fs::remove_file(place.path(&format!("set/images/train/{name}.png"))).expect("removed");
        std::fs::remove_file(place.path(&format!("set/labels/train/{name}.txt"))).expect("removed");
    }
    put(&place, "f.csv", (0..24).fold("path,x\n".to_owned(), |t, n| t + &format!("{n:02}.png,{n}\n")));
    for (number, arguments) in
        ["-r 0.5", "-n 12 --balance", "-r 0.3 --category classes --features f.csv"].iter().enumerate()
    {
        let found = plan(&format!("-m mms {arguments}"));
        place.ok(&format!("images reduce set -m mms {arguments} -o {number} -q"));
        let manifest = place.json(&format!("{number}/manifest.json"));
        for key in ["pictures", "kept", "features", "request"] {
            assert_eq!(found[key], manifest[key], "{arguments}: {key}");
        }
        let pairs = |v: &serde_json::Value| -> Vec<_> {
            let parts = v["categories"].as_array().expect("a list").iter();
            parts.map(|c| (c["name"].clone(), c["all"].clone(), c["kept"].clone())).collect()
        };
        assert_eq!(pairs(&found), pairs(&manifest), "{arguments}");
        let again = place.ok(&format!("images reduce --from-manifest {number} --dry-run --json"));
        let again: serde_json::Value = serde_json::from_str(&again).expect("JSON");
        assert_eq!((pairs(&again), &again["features"]), (pairs(&found), &found["features"]), "{arguments}");
    }
}

/// As for tables: within a third below and three times above.
#[cfg(target_os = "linux")]
#[test]
fn images_reduce_memory_limit_refuses_before_images_are_decoded() {
    let place = Place::new();
    put(&place, "many/data.yaml", "train: images/train\nnames: [cat, dog]\n");
    for number in 0..3000 {
        put(&place, &format!("many/images/train/{number:04}.png"), picture(number));
        put(&place, &format!("many/labels/train/{number:04}.txt"), LABELS[number as usize % 4]);
    }
    put(&place, "large/data.yaml", "train: images/train\nnames: [cat, dog]\n");
    for number in 0..6u32 {
        let image = image::RgbImage::from_fn(2400, 1800, |x, y| image::Rgb([x as u8, y as u8, number as u8 * 40]));
        let (mut jpeg, mut png) = (std::io::Cursor::new(Vec::new()), std::io::Cursor::new(Vec::new()));
        image.write_to(&mut jpeg, image::ImageFormat::Jpeg).expect("memory");
        image.write_to(&mut png, image::ImageFormat::Png).expect("memory");
        let (name, bytes) = if number % 2 == 0 { ("jpg", jpeg) } else { ("png", png) };
        put(&place, &format!("large/images/train/{number}.{name}"), bytes.into_inner());
        put(&place, &format!("large/labels/train/{number}.txt"), LABELS[0]);
    }
    put(&place, "model.onnx", crate::common::onnx([0.5, -0.25, 0.1, 0.3, 0.2, -0.1]));
    for (set, arguments) in [
        ("many", "-m mms -r 0.5"),
        ("many", "-m des -r 0.5"),
        ("many", "-m nrmd -r 0.5"),
        ("many", "-m mms -r 0.5 --report"),
        ("many", "-m mms -r 0.5 --model model.onnx --no-cache --size 64"),
        ("large", "-m mms -r 0.5"),
        ("large", "-m mms -r 0.5 --model model.onnx --no-cache --fit native"),
    ] {
        let run = format!("images reduce {set} {arguments} --threads 2 --quiet --json");
        let plan: serde_json::Value = serde_json::from_str(&place.ok(&format!("{run} --dry-run"))).expect("JSON");
        let manifest: serde_json::Value = serde_json::from_str(&place.ok(&format!("{run} -o lean"))).expect("JSON");
        assert_eq!(plan["kept"], manifest["kept"]);
        let predicted = plan["predicted_peak_memory_bytes"].as_f64().expect("bytes");
        let measured = manifest["measured"]["peak_memory_bytes"].as_f64().expect("bytes");
        let (ratio, mib) = (predicted / measured, 1048576.0);
        println!(
            "{set} {arguments}: predicted {:.0} MiB, measured {:.0} MiB: {ratio:.2}",
            predicted / mib,
            measured / mib
        );
        assert!((0.7..=3.0).contains(&ratio), "{set} {arguments}: {predicted} predicted, {measured} measured");
        std::fs::remove_dir_all(place.path("lean")).expect("written");
        // Half of it is too little, and twice enough.
        let said = place.refuses(&format!("{run} -o lean --memory-limit {:.0}B", predicted / 2.0));
        assert!(said.starts_with("exit 2\nerror: this run is predicted to take "), "{said}");
        assert!(said.ends_with("  hint: raise --memory-limit, or use fewer --threads\n"), "{said}");
        if arguments == "-m mms -r 0.5" {
            place.ok(&format!("{run} -o lean --memory-limit {:.0}B", predicted * 2.0));
            std::fs::remove_dir_all(place.path("lean")).expect("written");
        }
    }
}

#[test]
fn images_reduce_from_manifest_reproduces_or_reports_differences() {
    let place = yolo();
    let table: String =
        (0..24).map(|n| format!("{n:02}.png,{}\n", ["day", "night"][usize::from(n % 3 == 0)])).collect();
    put(&place, "time.csv", format!("path,category\n{table}"));
    put(&place, "f.csv", (0..24).fold("path,x\n".to_owned(), |t, n| t + &format!("{n:02}.png,{}\n", n * 7 % 24)));
    let same = |first: &str, again: &str| {
        let (mut a, mut b) =
            (place.json(&format!("{first}/manifest.json")), place.json(&format!("{again}/manifest.json")));
        assert!(a["names"].as_array().is_some_and(|n| !n.is_empty()));
        assert_eq!(a["names"], b["names"], "{first}");
        let names = |v: &serde_json::Value| -> Vec<_> {
            v["files"].as_array().expect("a list").iter().map(|f| f["path"].clone()).collect()
        };
        assert_eq!(names(&a), names(&b), "{first}");
        for manifest in [&mut a, &mut b] {
            manifest["measured"] = serde_json::Value::Null;
            manifest["files"] = serde_json::Value::Null;
        }
        assert_eq!(a, b, "{first}");
    };
    for (number, arguments) in [
        "-m mms -r 0.5 --seed 7",
        "-m prd -n 12 --balance --link",
        "-m mms -p start=first -r 0.5 --category classes --group 'pet=cat,dog' --metric euclidean --report",
        "-m srs --per-category day=5 --per-category night=0 --categories time.csv --copy",
        "-m rkm -n 3 --allow-empty-categories --features f.csv",
    ]
    .iter()
    .enumerate()
    {
        let (first, again) = (format!("first{number}"), format!("again{number}"));
        let ran = place.run(&format!("images reduce set {arguments} -o {first}"));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let sheet = if arguments.contains("--report") { format!(", {first}/report.html") } else { String::new() };
        let wrote = format!("  wrote {first}/data.yaml{sheet} and {first}/manifest.json\n");
        assert!(ran.err.ends_with(&wrote), "{}", ran.err);
        // By its folder, or by itself.
        let named = if number % 2 == 0 { first.clone() } else { format!("{first}/manifest.json") };
        let ran = place.run(&format!("images reduce --from-manifest {named} -o {again} --threads 1"));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.ends_with("  the same images as in the manifest\n"), "{}", ran.err);
        same(&first, &again);
    }
    // In place of itself, and from within its folder.
    assert!(place.refuses("images reduce --from-manifest first0 -o first0").contains("first0: exists"));
    place.ok("images reduce --from-manifest first0 -o first0 --force -q");
    same("first0", "again0");
    let within = place
        .command("images reduce --from-manifest manifest.json -o ../within -q")
        .current_dir(place.path("first0"))
        .output();
    assert!(within.expect("it runs").status.success());
    assert_eq!(place.json("within/manifest.json")["names"], place.json("first0/manifest.json")["names"]);

    let again =
        |number: usize, more: &str| place.refuses(&format!("images reduce --from-manifest first{number} -o z {more}"));
    // What the manifest settles cannot be given.
    for flag in [
        "--method srs",
        "-p start=first",
        "--seed 7",
        "-r 0.5",
        "-n 12",
        "--per-category a=1",
        "--balance",
        "--allow-empty-categories",
        "--category none",
        "--group 'pet=cat'",
        "--metric euclidean",
        "--copy",
        "--link",
    ] {
        let said = again(0, flag);
        assert!(
            said.starts_with("exit 2\nerror: the argument '--from-manifest <FILE>' cannot be used with"),
            "{flag}: {said}"
        );
    }
    for (flag, said) in [
        (
            "--categories time.csv",
            "--categories time.csv: the manifest has no table of categories\n  hint: leave --categories out",
        ),
        ("--features f.csv", "--features f.csv: the manifest has no table of features"),
        ("--model f.csv", "--model f.csv: the manifest has no model"),
        ("--no-cache", "--no-cache: the manifest has no model"),
        ("--batch 2", "--batch: the manifest has no model"),
        ("--memory-limit 1MB", "is predicted to take"),
    ] {
        let told = again(0, flag);
        assert!(told.starts_with("exit 2\n") && told.contains(said), "{flag}: {told}");
    }
    // Other documents.
    put(&place, "m.json", r#"{"schema": "leanset.manifest/2"}"#);
    let said = place.refuses("images reduce --from-manifest m.json -o z");
    assert!(said.contains("m.json: has schema 'leanset.manifest/2'; this leanset reads leanset.images/2\n  hint: tables: leanset reduce --from-manifest"), "{said}");
    assert!(place.refuses("images reduce --from-manifest set -o z").contains("set/manifest.json: cannot be read"));
    assert!(place.refuses("images reduce --from-manifest time.csv -o z").contains("time.csv: is not a manifest"));

    // Tables, pictures and annotations that were changed; a result that is another.
    let changed = |name: &str, bytes: &[u8], number: usize, said: &str| {
        let before = place.bytes(name);
        put(&place, name, bytes);
        let told = again(number, "");
        assert!(told.starts_with("exit 3\n") && told.contains(said), "{name}: {told}");
        put(&place, name, before);
    };
    changed("time.csv", b"path,category\n", 3, "time.csv: is not the table of categories of the manifest: SHA-256 ");
    changed("f.csv", b"path,x\n", 4, "f.csv: is not the table of features of the manifest: SHA-256 ");
    changed(
        "set/images/train/05.png",
        &picture(77),
        0,
        "set: is not the dataset of the manifest: a training image or its annotation differs: SHA-256 ",
    );
    changed(
        "set/labels/train/05.txt",
        LABELS[3].as_bytes(),
        0,
        "set: is not the dataset of the manifest: a training image",
    );
    let other = place.text("first0/manifest.json").replacen("/02.png", "/xx.png", 1).replacen("/03.png", "/xx.png", 1);
    changed("first0/manifest.json", other.as_bytes(), 0, "the result differs from the manifest in ");
    put(&place, "set/images/train/99.png", picture(99));
    assert!(again(0, "").contains("set: is not the dataset of the manifest: 25 training images, not 24"));
    std::fs::remove_file(place.path("set/images/train/99.png")).expect("removed");
    // A set that was moved is named.
    std::fs::rename(place.path("set"), place.path("moved")).expect("renamed");
    assert!(again(0, "").contains("set: cannot be opened"));
    place.ok("images reduce moved --from-manifest first0 -o z -q");
    assert_eq!(place.json("z/manifest.json")["names"], place.json("first0/manifest.json")["names"]);
}

/// What a browser makes of a page, where there is one.
fn in_browser(page: &Path) -> Option<String> {
    let browser = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| std::process::Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success()));
    let Some(browser) = browser else {
        println!("skipped: no Chromium is here");
        return None;
    };
    let home = tempfile::tempdir().expect("a folder");
    let output = std::process::Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", home.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser runs");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn images_reduce_report_is_one_page_without_network() {
    let place = yolo();
    place.ok("images reduce set -m mms -r 0.5 -o lean --report -q");
    let page = place.text("lean/report.html");
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("<script"),
        "it needs no network"
    );
    assert_eq!(page.matches("<section class=\"category\">").count(), 4);
    assert_eq!(page.matches("<circle").count(), 24);
    // All 24 pictures have a thumbnail, each once; dropped ones are beside kept ones of their category.
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 24);
    assert_eq!(page.matches("<h3>kept: 3 of 6</h3>").count(), 4);
    assert_eq!(page.matches("<h3>dropped: 3, each beside").count(), 4);
    assert_eq!(page.matches("class=\"pair\"").count(), 12 + 4);
    // The limit is kept, and what has no thumbnail is told.
    place.ok("images reduce set -m mms -r 0.5 -o small --report --report-size 6kB -q");
    let small = place.text("small/report.html");
    let thumbnails: usize = small.lines().filter(|l| l.starts_with(".p")).map(|l| l.len() + 1).sum();
    assert!(thumbnails > 0 && thumbnails <= 6000, "{thumbnails}");
    assert!(small.contains("images are shown without a thumbnail"));
    if let Some(dom) = in_browser(&place.path("lean/report.html")) {
        assert!(dom.contains("12 of 24 images kept") && dom.matches("<circle").count() == 24, "{dom}");
    }
}

/// The real sets, and the recipe of the documentation.
#[test]
fn images_reduce_leaves_fruit_and_blood_cells_unchanged() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    if !shared.join("fruit").is_dir() {
        println!("skipped: ../shared/data is not here");
        return;
    }
    let place = Place::new();
    for (name, all, kept) in [("fruit", 240, 120), ("bccd", 292, 146)] {
        let folder = shared.join(name);
        let before = tree(&folder);
        let data = folder.join("data.yaml");
        place.ok(&format!("images reduce '{}' --method mms --ratio 0.5 -o {name} -q", data.display()));
        assert!(tree(&folder) == before, "{name} was changed");
        let manifest = place.json(&format!("{name}/manifest.json"));
        let left_out = manifest["dataset"]["left_out"].as_u64().expect("a number");
        assert_eq!(manifest["dataset"]["train"], all, "{name}");
        assert!(
            left_out == 0 && lines(&place, &format!("{name}/train.txt")).len() == kept,
            "{name}: {left_out} left out"
        );
    }
    let categories = place.json("fruit/manifest.json")["categories"].clone();
    let sizes: Vec<u64> = categories.as_array().expect("a list").iter().filter_map(|c| c["all"].as_u64()).collect();
    assert_eq!(sizes, [26, 49, 30, 43, 19, 25, 48]);
}

/// Damages a hundred training pictures or labels of a YOLO set, ten in each of ten ways: code, file name, and whether the
/// picture can still be trained from.
fn damage(set: &Path) -> Vec<(&'static str, String, bool)> {
    let mut pictures: Vec<PathBuf> =
        std::fs::read_dir(set.join("images/train")).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    pictures.sort();
    let write = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).expect("written");
    let mut injected = Vec::new();
    for (number, picture) in pictures.iter().enumerate().take(100) {
        let file = picture.file_name().expect("a name").to_string_lossy().into_owned();
        let label = PathBuf::from(picture.display().to_string().replace("/images/", "/labels/")).with_extension("txt");
        let label_file = label.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(picture).expect("a picture");
        let text = std::fs::read_to_string(&label).expect("a label");
        let add = |line: &str| write(&label, format!("{}\n{line}\n", text.trim_end()).as_bytes());
        injected.push(match number % 10 {
            0 => {
                write(picture, &bytes[..bytes.len() * 6 / 10]);
                ("picture-damaged", file, false)
            }
            1 => {
                write(picture, b"");
                ("picture-damaged", file, false)
            }
            2 => {
                write(picture, format!("<html>{number}</html>").as_bytes());
                ("picture-damaged", file, false)
            }
            3 => {
                std::fs::remove_file(picture).expect("removed");
                ("label-orphan", label_file, false)
            }
            4 => {
                std::fs::remove_file(&label).expect("removed");
                ("label-missing", file, true)
            }
            5 => {
                add("99 0.5 0.5 0.1 0.1");
                ("class-unknown", label_file, false)
            }
            6 => {
                add("0 1.5 0.5 0.1 0.1");
                ("box-outside", label_file, false)
            }
            7 => {
                add("0 0.5 0.5 0 0.1");
                ("box-empty", label_file, true)
            }
            8 => {
                add("0 0.5 half 0.1 0.1");
                ("annotation-bad", label_file, false)
            }
            _ => {
                add(text.lines().next().expect("an object"));
                ("object-twice", label_file, true)
            }
        });
    }
    injected
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::write(&target, std::fs::read(&path).expect("read")).expect("written");
        }
    }
}

#[test]
fn images_check_reports_a_hundred_issues_and_none_is_fatal_unless_asked() {
    let mut sets = Vec::new();
    let own = Place::new();
    put(&own, "set/data.yaml", "train: images/train\nnames: [cat, dog]\n");
    for number in 0..120 {
        put(&own, &format!("set/images/train/{number:03}.png"), picture(number));
        put(&own, &format!("set/labels/train/{number:03}.txt"), LABELS[number as usize % 4]);
    }
    sets.push(own);
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    for name in ["fruit", "bccd"] {
        if !shared.join(name).is_dir() {
            println!("skipped: ../shared/data/{name} is not here");
            continue;
        }
        let place = Place::new();
        copy(&shared.join(name), &place.path("set"));
        sets.push(place);
    }
    for place in sets {
        let injected = damage(&place.path("set"));
        assert_eq!(injected.len(), 100);
        let before = tree(&place.path("set"));
        let ran = place.run("images check set --json");
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        let json: serde_json::Value = serde_json::from_slice(&ran.out).expect("JSON");
        let told: BTreeSet<(&str, &str)> = json["faults"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|f| Some((f["code"].as_str()?, Path::new(f["file"].as_str()?).file_name()?.to_str()?)))
            .collect();
        for (code, file, _) in &injected {
            assert!(told.contains(&(*code, file.as_str())), "{code} of {file} is not told");
        }
        let ran = place.run("images reduce set -m mms -r 0.5 -o lean");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        for (code, file, _) in injected.iter() {
            assert!(ran.err.contains(file.as_str()), "{code} of {file} is not told in the reduction");
        }
        let lost: BTreeSet<String> = injected
            .iter()
            .filter(|(_, _, usable)| !usable)
            .map(|(_, file, _)| file.rsplit_once('.').expect("a name").0.to_owned())
            .collect();
        let manifest = place.json("lean/manifest.json");
        let chosen_from = json["splits"]["train"]["usable"].as_u64().expect("a number");
        assert_eq!(manifest["pictures"].as_u64(), Some(chosen_from));
        let kept = lines(&place, "lean/train.txt");
        assert_eq!(kept.len() as u64, manifest["kept"].as_u64().expect("a number"));
        let stems: BTreeSet<String> =
            kept.iter().map(|p| Path::new(p).file_stem().expect("a name").to_string_lossy().into_owned()).collect();
        assert!(stems.is_disjoint(&lost), "what cannot be trained from is kept");
        assert!(place.refuses("images reduce set -m mms -r 0.5 -o strict --strict").contains("--strict is given"));
        assert!(tree(&place.path("set")) == before, "something in the set was changed");
    }
}
