//! Every layout, in the forms that are met, through the one model.

use crate::common::{Place, issues};
use leanset_images::{ImageSet, IssueKind, OpenOptions, Split};

/// Names of the images of a split, in the order of the set.
fn names(set: &ImageSet, split: Split) -> Vec<&str> {
    set.of(split).map(|p| p.name.as_str()).collect()
}

/// Two training images and one to validate with.
fn yolo() -> Place {
    let place = Place::new();
    for (name, number, label) in [
        ("train/b", 1, "0 0.5 0.5 0.2 0.2\n1 0.3 0.3 0.1 0.1\n"),
        ("train/a", 2, "1 0.5 0.5 0.2 0.2"),
        ("val/c", 3, ""),
    ] {
        place.image(&format!("images/{name}.jpg"), number).write(&format!("labels/{name}.txt"), label);
    }
    place
}

#[test]
fn yolo_reads_every_form_of_data_yaml() {
    let forms = [
        "train: images/train\nval: images/val\nnames: [cat, dog]\n",
        "path: .\ntrain: images/train\nval: images/val\nnc: 2\nnames: {0: cat, 1: dog}\n",
        "path: ROOT\ntrain: images/train/\nval: [images/val]\nnames:\n  0: cat\n  1: dog\n",
        "train: [images/train]\nvalidation: images/val\nnames: ['cat', \"dog\"]\n",
        "train: list.txt\nval: images/val\nnames: [cat, dog]\n",
        "train: [list.txt]\nval: ./images/val\nnames: {'0': cat, '1': dog}\n",
        "train: ../images/train\nval: ../images/val\nnames: [cat, dog]\n",
    ];
    let place = yolo();
    place.write("list.txt", format!("./images/train/b.jpg\n\n{}\r\n", place.path("images/train/a.jpg").display()));
    for form in forms {
        place.write("data.yaml", form.replace("ROOT", &place.0.path().display().to_string()));
        for opened in ["data.yaml", ""] {
            let set = place.open(opened);
            assert_eq!(set.classes, ["cat", "dog"], "{form}");
            assert_eq!(names(&set, Split::Train), ["images/train/a.jpg", "images/train/b.jpg"], "{form}");
            assert_eq!(names(&set, Split::Val), ["images/val/c.jpg"], "{form}");
            let classes: Vec<Vec<u32>> =
                set.images.iter().map(|p| p.objects.iter().map(|o| o.class).collect()).collect();
            assert_eq!(classes, [vec![1], vec![0, 1], vec![]], "{form}");
            assert_eq!(set.issues, [], "{form}");
        }
    }
}

#[test]
fn yolo_reports_what_is_wrong_with_data_yaml() {
    let place = yolo();
    let cases = [
        ("train: images/train\n", "PLACE/data.yaml: has neither 'names' nor 'nc'\nhint: names: [apple, banana]"),
        ("names: [a]\n", "PLACE/data.yaml: has no 'train'\nhint: train: images/train"),
        (
            "train: nowhere\nnames: [a]\n",
            "PLACE/data.yaml: 'train' is PLACE/nowhere, which does not exist\nhint: correct 'path' or the split: paths are relative to 'path', and 'path' to the folder of the file",
        ),
        (
            "train: 3\nnames: [a]\n",
            "PLACE/data.yaml: 'train' must be a path or a list of paths, not 3\nhint: a folder, a .txt list, or a list of either",
        ),
        (
            "train: images/train\nnc: 3\nnames: [a, b]\n",
            "PLACE/data.yaml: 'names' has 2 classes, but 'nc' is 3\nhint: make them agree, or leave nc out",
        ),
        (
            "train: images/train\nnames: {0: a, 2: b}\n",
            "PLACE/data.yaml: the numbers of 'names' must be 0 to 1, but go to 2\nhint: number the classes from 0 without a gap",
        ),
        ("3\n", "PLACE/data.yaml: has no keys\nhint: a data.yaml has train, val and names"),
    ];
    for (text, said) in cases {
        place.write("data.yaml", text);
        assert_eq!(place.refuses("data.yaml"), said, "{text}");
    }
    assert_eq!(
        place.write("a.csv", "x").refuses("a.csv"),
        "PLACE/a.csv: does not describe an image dataset\nhint: give a data.yaml (YOLO), a .json (COCO), a folder with Annotations (Pascal VOC) or a folder with a folder for each class (class folders)"
    );
}

#[test]
fn coco_finds_images_in_the_usual_places() {
    let place = Place::new();
    let text = r#"{"info": {"year": 2026}, "images": [
        {"id": 7, "file_name": "b.png", "width": 40, "height": 30},
        {"id": 3, "file_name": "a.png", "width": 41, "height": 30}],
      "categories": [{"id": 90, "name": "dog"}, {"id": 1, "name": "cat"}],
      "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 1, 10, 10.5], "score": 0.1},
        {"id": 2, "image_id": 7, "category_id": 5, "bbox": [1, 1, 10, 10]},
        {"id": 3, "image_id": 3, "category_id": 90, "bbox": [1, 1, 0, 10]},
        {"id": 4, "image_id": 3, "category_id": 90, "bbox": [50, 1, 5, 10]},
        {"id": 5, "image_id": 3, "category_id": 90, "bbox": [30, 1, 25, 10]},
        {"id": 6, "image_id": 8, "category_id": 90, "bbox": [1, 1, 5, 10]}]}"#;
    place.image("images/a.png", 1).image("images/b.png", 2).write("annotations/instances_train.json", text);
    let mut set = place.open("annotations/instances_train.json");
    assert_eq!(set.classes, ["dog", "cat"]);
    assert_eq!(names(&set, Split::Train), ["a.png", "b.png"]);
    let file = "instances_train.json".to_owned();
    assert_eq!(
        issues(&mut set),
        [
            (IssueKind::ClassUnknown, file.clone()),
            (IssueKind::BoxOutside, "a.png".into()),
            (IssueKind::BoxBeyond, "a.png".into()),
            (IssueKind::BoxEmpty, file.clone()),
            (IssueKind::LabelOrphan, file),
            (IssueKind::SizeDiffers, "a.png".into()),
        ]
    );
    assert!(set.images.iter().all(|p| p.usable && p.objects.len() == 1));

    // Elsewhere, and nowhere.
    let moved = Place::new();
    moved.write("x.json", text);
    assert!(moved.refuses("x.json").ends_with("hint: name their folder with images=FOLDER"));
    let options = OpenOptions { image_folder: Some(place.path("images")) };
    assert_eq!(ImageSet::open(&moved.path("x.json"), &options).expect("a set").images.len(), 2);
}

/// An XML file of one object.
fn xml(size: (u32, u32), object: &str) -> String {
    format!(
        "<annotation><filename>other.jpg</filename><size><width>{}</width><height>{}</height></size>{object}</annotation>",
        size.0, size.1
    )
}

fn voc_object(class: &str, corners: [i32; 4]) -> String {
    let [a, b, c, d] = corners;
    format!(
        "<object><name>{class}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
    )
}

#[test]
fn voc_pairs_files_by_name_and_reads_its_lists() {
    let place = Place::new();
    for (name, number) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        place.image(&format!("JPEGImages/{name}.jpg"), number);
    }
    place
        .write("Annotations/a.xml", xml((0, 0), &voc_object("dog", [1, 1, 9, 9])))
        .write(
            "Annotations/b.xml",
            xml((40, 30), &(voc_object("cat", [1, 1, 9, 9]) + &voc_object("dog", [5, 5, 5, 9]))),
        )
        .write("Annotations/c.xml", "<annotation><object>")
        .write("Annotations/gone.xml", xml((40, 30), ""));
    let mut set = place.open("");
    assert_eq!(set.classes, ["cat", "dog"]);
    let objects: Vec<usize> = set.images.iter().map(|p| p.objects.len()).collect();
    assert_eq!(objects, [1, 1, 0, 0]);
    let name = |s: &str| s.to_owned();
    assert_eq!(
        issues(&mut set),
        [
            (IssueKind::AnnotationBad, name("c.xml")),
            (IssueKind::BoxEmpty, name("b.xml")),
            (IssueKind::LabelMissing, name("d.jpg")),
            (IssueKind::LabelOrphan, name("gone.xml")),
            (IssueKind::SizeZero, name("a.xml")),
        ]
    );
    let usable: Vec<bool> = set.images.iter().map(|p| p.usable).collect();
    assert_eq!(usable, [true, true, false, true]);

    place.write("ImageSets/Main/train.txt", "b\nmissing\n").write("ImageSets/Main/val.txt", "a 1\n");
    let mut set = place.open("");
    assert_eq!(names(&set, Split::Train), ["JPEGImages/b.jpg"]);
    assert_eq!(names(&set, Split::Val), ["JPEGImages/a.jpg"]);
    assert!(issues(&mut set).contains(&(IssueKind::ImageMissing, name("missing.jpg"))));
}

#[test]
fn folders_are_read_with_splits_and_without() {
    let place = Place::new();
    for (name, number) in [("cat/1", 1), ("cat/deep/2", 2), ("dog/1", 3)] {
        place.image(&format!("flat/{name}.png"), number);
        place.image(&format!("split/train/{name}.png"), number).image(&format!("split/val/{name}.png"), number);
    }
    let flat = place.open("flat");
    assert_eq!(flat.classes, ["cat", "dog"]);
    assert_eq!(names(&flat, Split::Train), ["cat/1.png", "cat/deep/2.png", "dog/1.png"]);
    let mut split = place.open("split");
    assert_eq!((split.of(Split::Train).count(), split.of(Split::Val).count()), (3, 3));
    let leaks = issues(&mut split);
    assert!(leaks.len() == 3 && leaks.iter().all(|(kind, _)| *kind == IssueKind::SplitLeak), "{leaks:?}");
    assert!(
        place
            .write("empty/readme.md", "x")
            .refuses("empty")
            .starts_with("PLACE/empty: contains no images\nhint: give a data.yaml (YOLO)")
    );
}
