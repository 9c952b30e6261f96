//! Nothing is lost: what stands where an output is to be, what others write there meanwhile, and what a kill leaves.
#![cfg(unix)] // links and signals

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::common::{Place, Ran, csv, onnx, picture, put, yolo};

const REDUCE: &str = "reduce t.csv --label class --id id --method srs --ratio 0.2 --output lean.csv --quiet";

/// Runs a command up to a point, has something done there, and lets it go on to its end.
fn stopped_at(place: &Place, point: &str, arguments: &str, meanwhile: impl FnOnce()) -> Ran {
    let child = stop_at(place, point, arguments);
    meanwhile();
    go_on(child)
}

fn stop_at(place: &Place, point: &str, arguments: &str) -> Child {
    let mut command = place.command(arguments);
    command.env("LEANSET_SIGNAL_AT", format!("SIGSTOP@{point}")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary runs");
    let stopped = waitpid(pid(&child), Some(WaitPidFlag::WUNTRACED)).expect("a child");
    assert!(matches!(stopped, WaitStatus::Stopped(..)), "leanset {arguments}\ndoes not come to {point}: {stopped:?}");
    child
}

fn go_on(child: Child) -> Ran {
    kill(pid(&child), Signal::SIGCONT).expect("a signal");
    child.wait_with_output().expect("its end").into()
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a number"))
}

/// Runs a command, which is killed at a point.
fn killed_at(place: &Place, point: &str, arguments: &str) {
    let mut command = place.command(arguments);
    let status = command.env("LEANSET_SIGNAL_AT", format!("SIGKILL@{point}")).stderr(Stdio::null()).status();
    assert_eq!(status.expect("the binary runs").code(), None, "leanset {arguments}\ndoes not come to {point}");
}

/// Names of files of leanset's that no command is using any more.
fn left_behind(place: &Place) -> Vec<String> {
    let names = place.listing().into_keys().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    names.filter(|name| name.starts_with(".leanset-")).collect()
}

/// The output is that of the manifest beside it.
fn assert_whole(place: &Place) {
    let manifest = place.json("lean.csv.manifest.json");
    let lines = place.text("lean.csv").lines().count() as u64;
    assert_eq!(manifest["kept"].as_u64().map(|kept| kept + 1), Some(lines));
    let sha256 = leanset::output::sha256_of(&place.bytes("lean.csv"));
    assert_eq!(manifest["output"]["sha256"].as_str(), Some(sha256.as_str()));
}

/// A table of 200 rows as `t.csv`.
fn table() -> Place {
    Place::with("t.csv", csv(200, 3, 2))
}

/// Twelve images in two classes: COCO, Pascal VOC, and class folders.
fn other_formats() -> Place {
    let place = Place::new();
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for number in 0..12u32 {
        let (class, name) = (number % 2, ["cat", "dog"][number as usize % 2]);
        for image in ["coco/images", "voc/JPEGImages", &format!("folders/{name}")] {
            put(&place, &format!("{image}/{number}.png"), picture(number));
        }
        images.push(format!(r#"{{"id": {number}, "file_name": "{number}.png", "width": 32, "height": 24}}"#));
        annotations
            .push(format!(r#"{{"id": {number}, "image_id": {number}, "category_id": {class}, "bbox": [1, 2, 3, 4]}}"#));
        let corners = "<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>";
        let object = format!("<object><name>{name}</name><bndbox>{corners}</bndbox></object>");
        put(&place, &format!("voc/Annotations/{number}.xml"), format!("<annotation>{object}</annotation>"));
    }
    let categories = r#"[{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]"#;
    let (images, annotations) = (images.join(","), annotations.join(","));
    let text = format!(r#"{{"images": [{images}], "annotations": [{annotations}], "categories": {categories}}}"#);
    put(&place, "coco/train.json", text);
    place
}

/// A folder that the images of the dataset are in, or lead to or through, is not replaced by any option.
#[test]
fn images_reduce_never_replaces_a_folder_of_its_dataset() {
    let options = ["", "--force", "--force --copy", "--force --link"];
    let refused = |place: &Place, source: &str, output: &str| {
        for options in options {
            let told = place.refuses(&format!("images reduce {source} -m srs -r 0.5 -o {output} {options} -q"));
            let told_why = ["is in this folder or leads through it", "where the dataset has its files"];
            assert!(told_why.iter().any(|why| told.contains(why)), "{source} to {output} {options}: {told}");
            assert!(!told.contains("--force"), "{told}");
        }
    };
    let place = yolo();
    place.ok("images reduce set -m srs -r 0.5 -o copied --copy -q");
    place.ok("images reduce set -m srs -r 0.5 -o linked --link -q");
    place.ok("images reduce set -m srs -r 0.5 -o list -q");
    place.ok("images reduce copied -m srs -r 0.5 -o of-copied -q");
    place.ok("images reduce linked -m srs -r 0.5 -o of-linked -q");
    place.ok("images reduce linked -m srs -r 0.5 -o links-of-linked --link -q");
    put(&place, "f.csv", (0..24).fold("path,x\n".to_owned(), |text, n| text + &format!("{n:02}.png,{n}\n")));
    symlink(place.path("copied"), place.path("other-name")).expect("a link");
    symlink("copied/images", place.path("images")).expect("a link");
    symlink("copied/labels", place.path("labels")).expect("a link");
    put(&place, "by-link.yaml", "train: images/train\nnames: [cat, dog]\n");
    put(&place, "by-list.yaml", "train: copied/train.txt\nnames: [cat, dog]\n");
    for (source, output) in [
        ("copied", "copied"),
        ("copied/data.yaml", "./copied"),
        ("other-name", "copied"),
        ("of-copied", "copied"),
        ("by-link.yaml", "copied"),
        ("by-list.yaml", "copied"),
        ("linked", "linked"),
        ("of-linked", "linked"),
        ("links-of-linked", "linked"),
        ("list", "list"),
    ] {
        refused(&place, source, output);
    }
    // What else the command reads is safe too.
    fs::rename(place.path("f.csv"), place.path("list/f.csv")).expect("renamed");
    refused(&place, "set --features list/f.csv", "list");
    // A folder that nothing leads into is replaced, whatever leads out of it.
    fs::remove_file(place.path("list/f.csv")).expect("removed");
    for output in ["list", "links-of-linked", "of-copied"] {
        place.ok(&format!("images reduce set -m srs -r 0.25 -o {output} --force -q"));
    }

    let place = other_formats();
    for set in ["coco/train.json", "voc", "folders"] {
        let (copied, options) = (&format!("copied-{}", &set[..3]), "-m srs -r 0.5");
        place.ok(&format!("images reduce {set} {options} -o {copied} --copy -q"));
        place.ok(&format!("images reduce {set} {options} -o linked-{copied} --link -q"));
        let file = if set.ends_with(".json") { "/train.json" } else { "" };
        refused(&place, &format!("{copied}{file}"), copied);
        refused(&place, &format!("linked-{copied}{file}"), &format!("linked-{copied}"));
    }
    symlink("../copied-voc/Annotations", place.path("voc/notes")).expect("a link");
    fs::rename(place.path("voc/Annotations"), place.path("annotations")).expect("renamed");
    fs::rename(place.path("voc/notes"), place.path("voc/Annotations")).expect("renamed");
    refused(&place, "voc", "copied-voc");
}

/// What a user has changed in the folder of a reduction, or added to it, is found by content.
#[test]
fn images_reduce_replaces_nothing_that_was_changed() {
    type Change = fn(&Place);
    let edit = |place: &Place, name: &str| {
        let text = place.text(name);
        place.write(name, format!("{}\n# mine\n", text.trim_end()));
    };
    let changes: [(&str, Change, &str); 10] = [
        ("", |p| put(p, "lean/train.txt", p.text("lean/train.txt").lines().next().expect("one")), "train.txt"),
        ("--report", |p| put(p, "lean/report.html", "mine"), "report.html"),
        ("", |p| put(p, "lean/manifest.json", p.text("lean/manifest.json").replace("srs", "mms") + " "), "files"),
        ("", |p| put(p, "lean/notes.md", "mine"), "holds notes.md"),
        ("", |p| fs::create_dir(p.path("lean/runs")).expect("made"), "holds runs"),
        ("--copy", |p| put(p, "lean/images/train/mine.png", picture(77)), "images/train/mine.png"),
        (
            "--copy",
            |p| fs::copy(p.path("set/images/val/90.png"), first(p, "images")).map(drop).expect("copied"),
            ".png",
        ),
        ("--copy", |p| fs::write(first(p, "labels"), "1 .5 .5 .1 .1\n").expect("written"), ".txt"),
        (
            "--link",
            |p| {
                let link = first(p, "images");
                fs::remove_file(&link).expect("removed");
                symlink("/mine", link).expect("a link");
            },
            ".png is not as leanset wrote it",
        ),
        (
            "--link",
            |p| {
                let link = first(p, "labels");
                fs::remove_file(&link).expect("removed");
                fs::write(link, "0 .5 .5 .1 .1\n").expect("written");
            },
            ".txt is not as leanset wrote it",
        ),
    ];
    for (options, change, name) in changes {
        let place = yolo();
        let reduce = format!("images reduce set -m srs -r 0.5 -o lean {options} -q");
        place.ok(&reduce);
        change(&place);
        let told = place.refuses(&format!("{reduce} --force"));
        assert!(told.contains("never replaced") && told.contains(name), "{options}, {name}: {told}");
    }
    // A description that was edited, and a manifest of something else that names the user's files, even with their hashes.
    let place = yolo();
    place.ok("images reduce set -m srs -r 0.5 -o lean -q");
    let manifest = place.text("lean/manifest.json");
    edit(&place, "lean/data.yaml");
    assert!(place.refuses("images reduce set -m srs -r 0.5 -o lean --force").contains("data.yaml is not as"));
    put(&place, "mine/train.txt", "mine");
    put(&place, "mine/data.yaml", "mine");
    let sha256 = leanset::output::sha256_of(b"mine");
    for manifest in [
        manifest,
        r#"{"schema": "leanset.images/2", "files": [{"path": "train.txt"}, {"path": "data.yaml"}]}"#.into(),
        format!(
            r#"{{"schema": "leanset.images/2", "files": [{{"path": "train.txt", "sha256": "{sha256}"}}, {{"path": "data.yaml", "sha256": "{sha256}"}}]}}"#
        ),
    ] {
        put(&place, "mine/manifest.json", manifest);
        assert!(place.refuses("images reduce set -m srs -r 0.5 -o mine --force").contains("never replaced"));
    }
    // What was taken out is not missed, and a copy of the whole folder is as good as the folder.
    place.ok("images reduce set -m srs -r 0.5 -o other --copy -q");
    fs::remove_file(first_in(&place.path("other/images/train"))).expect("removed");
    fs::rename(place.path("other"), place.path("moved")).expect("renamed");
    place.ok("images reduce set -m mms -r 0.25 -o moved --force -q");
    assert!(!place.exists("moved/images") && left_behind(&place).is_empty());
}

/// The first file of a kind in `lean`.
fn first(place: &Place, kind: &str) -> std::path::PathBuf {
    first_in(&place.path("lean").join(kind).join("train"))
}

fn first_in(folder: &Path) -> std::path::PathBuf {
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.swap_remove(0)
}

/// What happens to the folder while a command runs stops it, up to the rename and at the rename itself.
#[test]
fn images_reduce_replaces_nothing_that_appears_or_changes_meanwhile() {
    for point in ["checking", "intended"] {
        for (options, change, told) in [
            ("--copy", "notes.md", "lean: notes.md has appeared in it since this command began"),
            ("--link", "images/train/mine.png", "lean: images/train/mine.png has appeared in it"),
            ("", "train.txt", "lean: train.txt has changed since this command began"),
            ("--copy", "data.yaml", "lean: data.yaml has changed since this command began"),
        ] {
            let place = yolo();
            place.ok(&format!("images reduce set -m srs -r 0.5 -o lean {options} -q"));
            put(&place, "expected", "mine");
            let reduce = format!("images reduce set -m srs -r 0.25 -o lean {options} --force -q");
            let mut expected = place.listing();
            let ran = stopped_at(&place, point, &reduce, || put(&place, &format!("lean/{change}"), "mine"));
            expected.insert(place.path(&format!("lean/{change}")), Some(b"mine".to_vec()));
            assert!(ran.err.contains(told), "{point}: {}", ran.err);
            assert_eq!(ran.code, Some(2));
            assert!(place.listing() == expected, "{point}, {change}: something else has changed");
        }
    }
    // Where nothing stood, or an empty folder, what has appeared stays too.
    for (before, meanwhile) in [(None, "lean/mine"), (Some("lean"), "lean/mine"), (None, "lean")] {
        let place = yolo();
        before.into_iter().for_each(|folder| fs::create_dir(place.path(folder)).expect("made"));
        let ran = stopped_at(&place, "checking", "images reduce set -m srs -r 0.5 -o lean -q", || {
            put(&place, meanwhile, "mine");
        });
        assert!(ran.err.contains("lean: has appeared since this command began"), "{}", ran.err);
        assert!(ran.code == Some(2) && place.text(meanwhile) == "mine" && left_behind(&place).is_empty());
    }
}

/// A run that is killed while it replaces a folder leaves a whole one, and the next removes the other; what is not a
/// reduction's gets a name that can be seen.
#[test]
fn images_reduce_leaves_a_whole_folder_when_killed() {
    let reduce = "images reduce set -m srs -r 0.25 -o lean --copy --force -q";
    for (point, whole) in [("intended", 12), ("exchanged", 6), ("removed", 6), ("removed-all", 6)] {
        let place = yolo();
        place.ok("images reduce set -m srs -r 0.5 -o lean --copy -q");
        killed_at(&place, point, reduce);
        assert_eq!(place.json("lean/manifest.json")["kept"], whole, "{point}");
        assert_eq!(fs::read_dir(place.path("lean/images/train")).expect("a folder").count(), whole, "{point}");
        assert!(!left_behind(&place).is_empty());
        let ran = place.run(reduce);
        assert_eq!(ran.code, Some(0), "{point}: {}", ran.err);
        assert!(ran.err.contains("lean: an earlier run was killed while it wrote here"), "{point}: {}", ran.err);
        assert_eq!(place.json("lean/manifest.json")["kept"], 6);
        assert!(left_behind(&place).is_empty(), "{point}");
    }
    let place = yolo();
    place.ok("images reduce set -m srs -r 0.5 -o lean --copy -q");
    killed_at(&place, "removing", reduce);
    let hidden = left_behind(&place).into_iter().find(|name| name.ends_with(".unfinished")).expect("the old folder");
    put(&place, &format!("{hidden}/mine.txt"), "mine");
    let ran = place.run("images reduce set -m srs -r 0.5 -o other -q");
    assert!(ran.err.contains("the folder is complete now, and what it replaced is in"), "{}", ran.err);
    assert_eq!(place.text("lean.replaced/mine.txt"), "mine");
    assert!(place.exists("lean.replaced/train.txt") && left_behind(&place).is_empty());
}

/// After a kill between the renames, the same command does what it should have done; another one says what it found.
#[test]
fn reduce_and_rank_mend_what_a_kill_left() {
    let rank =
        "rank t.csv --label class --id id --method el2n --epochs 2 --hidden 4 --output lean.csv --save-log log.csv -q";
    for (command, whole) in [(REDUCE, true), (rank, false)] {
        let place = table();
        killed_at(&place, "renamed", command);
        assert!(!place.exists("lean.csv"), "of several, the output comes last");
        let ran = place.run(command);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(
            ran.err.contains("an earlier run was killed while it wrote here; the files are complete now"),
            "{}",
            ran.err
        );
        if whole {
            assert_whole(&place);
        }
        assert!(place.exists("lean.csv") && left_behind(&place).is_empty());
        assert!(place.refuses(command).contains("lean.csv: exists"));
    }
    // Other rows are not put in the place of those of the run that was killed, which are whole now.
    let place = table();
    killed_at(&place, "renamed", REDUCE);
    let ran = place.run(&format!("{REDUCE} --seed 7"));
    assert!(ran.code == Some(2) && ran.err.contains("lean.csv.manifest.json: exists"), "{}", ran.err);
    assert_whole(&place);
    let first = place.text("lean.csv");
    assert!(left_behind(&place).is_empty());
    // With --force, old or new, and never one of each after the next run.
    for point in ["intended", "renaming", "renamed", "synced"] {
        let force = format!("{REDUCE} --seed 7 --force");
        killed_at(&place, point, &force);
        let ran =
            place.run("reduce t.csv --label class --id id --method srs --ratio 0.1 --output other.csv --force -q");
        assert!(ran.code == Some(0) && ran.err.contains("the files are complete now"), "{point}: {}", ran.err);
        assert_whole(&place);
        assert_ne!(place.text("lean.csv"), first, "{point}");
        assert!(left_behind(&place).is_empty(), "{point}");
        place.ok(&format!("{REDUCE} --force"));
    }
    // What a user changed after the kill stays.
    killed_at(&place, "renamed", &format!("{REDUCE} --seed 7 --force"));
    place.write("lean.csv", "mine");
    let ran = place.run("reduce t.csv --label class --id id --method srs --ratio 0.1 --output third.csv -q");
    assert!(ran.err.contains("its files are removed"), "{}", ran.err);
    assert_eq!(place.text("lean.csv"), "mine");
}

/// Files of killed runs are removed by the next run; those of a run that goes on are not, nor those of anybody else.
#[test]
fn files_of_killed_runs_are_swept() {
    let place = table();
    let mine = [".leanset-mine.unfinished", ".leanset-0123456789abcdef-01234567-89abcdef.unfinished", ".leanset"];
    mine.iter().for_each(|name| put(&place, name, "mine"));
    killed_at(&place, "staged", REDUCE);
    let killed = left_behind(&place);
    assert_eq!(killed.len(), 3, "two of the user's and one of the run");
    let child = stop_at(&place, "staged", REDUCE);
    let living = left_behind(&place);
    assert!(living.len() == 3 && living != killed, "the next run has its own instead of that of the one before");
    place.ok("rank t.csv --label class --id id --method srs --output r.csv -q");
    assert_eq!(left_behind(&place), living);
    let ran = go_on(child);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_whole(&place);
    assert!(mine.iter().all(|name| place.text(name) == "mine"));
}

/// Two that replace the same files: one of them wins, and its manifest is beside its output.
#[test]
fn of_two_writers_one_wins_whole() {
    let place = table();
    let write = |seed: u32| format!("{REDUCE} --force --seed {seed}");
    // One is stopped between its renames, and the other waits.
    let first = stop_at(&place, "renamed", &write(1));
    let second = place.command(&write(2)).stderr(Stdio::piped()).spawn().expect("the binary runs");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!place.exists("lean.csv"), "the second did not wait");
    assert_eq!(go_on(first).code, Some(0));
    let second = Ran::from(second.wait_with_output().expect("its end"));
    assert_eq!(second.code, Some(0), "{}", second.err);
    assert_whole(&place);
    assert_eq!(place.json("lean.csv.manifest.json")["request"]["method"]["seed"], 2);
    for round in 0..6 {
        let children: Vec<Child> = [3, 4, 5]
            .iter()
            .map(|seed| place.command(&write(seed + round)).spawn().expect("the binary runs"))
            .collect();
        for mut child in children {
            assert!(child.wait().expect("its end").success());
        }
        assert_whole(&place);
        assert!(left_behind(&place).is_empty());
    }
}

/// A link is written through, whether something is where it leads or not.
#[test]
fn outputs_are_written_through_links() {
    let place = table();
    fs::create_dir(place.path("far")).expect("made");
    symlink("far/kept.csv", place.path("lean.csv")).expect("a link");
    symlink("lean.csv.manifest", place.path("lean.csv.manifest.json")).expect("a link");
    place.ok(REDUCE);
    for (name, target) in [("lean.csv", "far/kept.csv"), ("lean.csv.manifest.json", "lean.csv.manifest")] {
        assert!(place.path(name).is_symlink() && !place.path(target).is_symlink() && place.path(target).is_file());
    }
    assert_whole(&place);
    assert!(place.refuses(REDUCE).contains("lean.csv: exists"));
    place.ok(&format!("{REDUCE} --seed 3 --force"));
    assert!(place.path("lean.csv").is_symlink());
    assert_whole(&place);
    // Killed between two folders, it is mended in both.
    killed_at(&place, "renamed", &format!("{REDUCE} --seed 4 --force"));
    place.ok(&format!("{REDUCE} --seed 5 --force"));
    assert_whole(&place);
    assert!(left_behind(&place).is_empty());
    // Where no file can be, that is what is said.
    let place = table();
    symlink("nowhere/lean.csv", place.path("lean.csv")).expect("a link");
    let told = place.refuses(REDUCE);
    assert!(told.contains("lean.csv: is a link to nowhere/lean.csv, where no file can be"), "{told}");
    // Two names of one place are one output.
    let place = table();
    symlink("same", place.path("a.csv")).expect("a link");
    symlink("same", place.path("b.csv")).expect("a link");
    let told = place.refuses("reduce t.csv --label class --method srs -r 0.1 --output a.csv --manifest b.csv");
    assert!(told.contains("is both output and manifest"), "{told}");
    let told = place.refuses("rank t.csv --label class --method el2n --epochs 1 --output r.csv --save-log ./r.csv");
    assert!(told.contains("is another output of this command"), "{told}");
}

/// Features, and the list of their paths, take the place of no file that the dataset consists of.
#[test]
fn images_features_replaces_no_file_of_its_dataset() {
    let place = yolo();
    place.write("model.onnx", onnx([0.5, -0.25, 1.0, 0.75, 0.5, -1.0]));
    put(&place, "listed.yaml", "train: train.txt\nnames: [cat, dog]\n");
    put(&place, "train.txt", "set/images/train/00.png\nset/images/train/01.png\n");
    for (dataset, paths) in [("set", "set/labels/train/00.txt"), ("listed.yaml", "train.txt")] {
        let features =
            format!("images features {dataset} --model model.onnx -o f.npy --paths {paths} --no-cache --force");
        let told = place.refuses(&features);
        assert!(told.contains("is an input of this command, and is never overwritten"), "{told}");
        let other = features.replace(&format!("--paths {paths}"), "--paths paths.txt");
        place.ok(&format!("{other} -q"));
        place.ok(&format!("{other} -q"));
    }
}
