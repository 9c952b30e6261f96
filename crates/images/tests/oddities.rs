//! Every oddity is met on purpose: named, and fatal to nothing.

use crate::common::{Place, encoded, issues, pattern};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgba};
use leanset_images::{Categories, CategoryRule, IssueKind, Severity, Split, inspect};

const LABEL: &str = "0 0.5 0.5 0.2 0.2\n";

/// A YOLO set with these training images, each with the same label.
fn set_of(images: &[(&str, Vec<u8>)]) -> Place {
    let place = Place::new();
    place.write("data.yaml", "train: images\nnames: [cat]\n");
    for (name, bytes) in images {
        let stem = name.rsplit_once('.').expect("an extension").0;
        place.write(&format!("images/{name}"), bytes).write(&format!("labels/{stem}.txt"), LABEL);
    }
    place
}

fn jpeg(number: u32) -> Vec<u8> {
    encoded(&pattern(number, 40, 30), ImageFormat::Jpeg)
}

fn dynamic(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, format).expect("memory");
    out.into_inner()
}

/// A JPEG with an EXIF mark that turns it by a quarter.
fn turned(number: u32) -> Vec<u8> {
    let tiff: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let whole = jpeg(number);
    let length = u16::try_from(tiff.len() + 8).expect("short").to_be_bytes();
    [&whole[..2], &[0xff, 0xe1], &length, b"Exif\0\0", tiff, &whole[2..]].concat()
}

#[test]
fn inspect_reports_issues_of_every_kind_of_file() {
    let whole = jpeg(9);
    let png = encoded(&pattern(11, 40, 30), ImageFormat::Png);
    let deep = DynamicImage::ImageLuma16(ImageBuffer::from_fn(40, 30, |x, y| {
        Luma([u16::try_from(x * 800 + y * y * 37).expect("16 bits")])
    }));
    let alpha = DynamicImage::ImageRgba8(ImageBuffer::from_fn(40, 30, |x, y| {
        Rgba([pattern(12, 40, 30).get_pixel(x, y).0[0], u8::from(x > 3 * y) * 90, 30, 128])
    }));
    let grey = DynamicImage::ImageLuma8(DynamicImage::ImageRgb8(pattern(13, 40, 30)).to_luma8());
    let place = set_of(&[
        ("alpha.png", dynamic(&alpha, ImageFormat::Png)),
        ("capital.JPG", jpeg(1)),
        ("cut.jpg", whole[..whole.len() * 2 / 3].to_vec()),
        ("cut.png", png[..png.len() / 2].to_vec()),
        ("deep.png", dynamic(&deep, ImageFormat::Png)),
        ("empty.jpg", Vec::new()),
        ("film.tiff", b"II*\0\x08\0\0\0".to_vec()),
        ("grey.jpg", dynamic(&grey, ImageFormat::Jpeg)),
        ("kuva ä 画像.webp", encoded(&pattern(14, 40, 30), ImageFormat::WebP)),
        ("really_png.jpg", encoded(&pattern(15, 40, 30), ImageFormat::Png)),
        ("text.png", b"this is no image".to_vec()),
        ("tiny.png", encoded(&pattern(16, 9, 30), ImageFormat::Png)),
        ("turned.jpg", turned(17)),
    ]);
    let mut set = place.open("data.yaml");
    let inspections = inspect(&mut set, |_| true, None, || true).expect("not stopped");
    let found: Vec<(IssueKind, Severity, String)> = set
        .issues
        .iter()
        .map(|f| (f.kind, f.severity, f.file.file_name().expect("a file").to_string_lossy().into_owned()))
        .collect();
    let expected = [
        (IssueKind::ImageDamaged, Severity::Error, "cut.jpg"),
        (IssueKind::ImageDamaged, Severity::Error, "cut.png"),
        (IssueKind::ImageDamaged, Severity::Error, "empty.jpg"),
        (IssueKind::ImageDamaged, Severity::Error, "text.png"),
        (IssueKind::ImageFormat, Severity::Error, "film.tiff"),
        (IssueKind::ImageTiny, Severity::Error, "tiny.png"),
        (IssueKind::NameOther, Severity::Note, "really_png.jpg"),
        (IssueKind::ImageRotated, Severity::Note, "turned.jpg"),
        (IssueKind::ImageDeep, Severity::Note, "deep.png"),
    ];
    assert_eq!(found, expected.map(|(k, s, f)| (k, s, f.to_owned())));
    let bad = ["cut.jpg", "cut.png", "empty.jpg", "film.tiff", "text.png", "tiny.png"];
    for (image, seen) in set.images.iter().zip(&inspections) {
        let file = image.path.file_name().expect("a file").to_string_lossy().into_owned();
        assert_eq!(image.usable, !bad.contains(&file.as_str()), "{file}");
        assert_eq!(image.objects.len(), 1, "{file}: every label was found by its path");
        match file.as_str() {
            "turned.jpg" => assert_eq!(seen.size, Some((30, 40)), "as shown, not as stored"),
            "tiny.png" => assert_eq!(seen.size, Some((9, 30))),
            _ => assert_eq!(seen.size, image.usable.then_some((40, 30)), "{file}"),
        }
    }
}

#[test]
fn open_reports_issues_of_every_kind_of_label() {
    let names = ["beyond", "empty", "fine", "letters", "missing", "outside", "twice", "unknown", "zero"];
    let images: Vec<(String, Vec<u8>)> = (1..).zip(names).map(|(i, n)| (format!("{n}.jpg"), jpeg(i))).collect();
    let images: Vec<(&str, Vec<u8>)> = images.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
    let place = set_of(&images);
    place
        .write("labels/beyond.txt", "0 0.9 0.5 0.5 0.2\n")
        .write("labels/empty.txt", "\n")
        .write("labels/letters.txt", format!("{LABEL}0 0.5 o.5 0.2 0.2\n"))
        .write("labels/outside.txt", "0 0.5 0.5 1.2 0.2\n")
        .write("labels/twice.txt", LABEL.repeat(3))
        .write("labels/unknown.txt", "1 0.5 0.5 0.2 0.2\n")
        .write("labels/zero.txt", format!("{LABEL}0 0.5 0.5 0 0.2\n"))
        .write("labels/orphan.txt", LABEL);
    std::fs::remove_file(place.path("labels/missing.txt")).expect("removed");
    let mut set = place.open("data.yaml");
    let name = |s: &str| s.to_owned();
    assert_eq!(
        issues(&mut set),
        [
            (IssueKind::AnnotationBad, name("letters.txt")),
            (IssueKind::ClassUnknown, name("unknown.txt")),
            (IssueKind::BoxOutside, name("outside.txt")),
            (IssueKind::BoxBeyond, name("beyond.txt")),
            (IssueKind::BoxEmpty, name("zero.txt")),
            (IssueKind::ObjectDuplicate, name("twice.txt")),
            (IssueKind::LabelMissing, name("missing.jpg")),
            (IssueKind::LabelOrphan, name("orphan.txt")),
        ]
    );
    let told: Vec<String> =
        set.issues.iter().map(|f| f.to_string().rsplit('/').next().expect("a name").to_owned()).collect();
    assert_eq!(told[0], "letters.txt, line 2: 'o.5' is not a number");
    assert_eq!(told[1], "unknown.txt, line 1: class 1 is not one of 0 to 0");
    let usable: Vec<bool> = set.images.iter().map(|p| p.usable).collect();
    assert_eq!(usable, [true, true, true, false, true, false, true, false, true]);
    let objects: Vec<usize> = set.images.iter().map(|p| p.objects.len()).collect();
    assert_eq!(objects, [1, 0, 1, 1, 0, 0, 1, 0, 1]);
}

#[test]
fn inspect_finds_duplicates_and_near_duplicates() {
    let image = pattern(5, 80, 60);
    let smaller = image::imageops::resize(&image, 160, 120, image::imageops::FilterType::Nearest);
    let same = encoded(&image, ImageFormat::Png);
    let place = set_of(&[
        ("a.png", same.clone()),
        ("b.png", same),
        ("c.png", encoded(&smaller, ImageFormat::Png)),
        ("d.png", encoded(&pattern(6, 80, 60), ImageFormat::Png)),
    ]);
    let mut set = place.open("data.yaml");
    assert_eq!(
        issues(&mut set),
        [(IssueKind::ImageDuplicate, "b.png".to_owned()), (IssueKind::ImageNearDuplicate, "c.png".to_owned())]
    );
    assert!(set.images.iter().all(|p| p.usable));
}

#[test]
fn open_reports_listed_images_that_are_missing_or_repeated() {
    let place = set_of(&[("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))]);
    place
        .write("data.yaml", "train: list.txt\nnames: [cat]\n")
        .write("list.txt", "./images/a.jpg\nimages/b.jpg\n./images/a.jpg\nimages/gone.jpg\nreadme.md\n");
    let mut set = place.open("data.yaml");
    let name = |s: &str| s.to_owned();
    assert_eq!(
        issues(&mut set),
        [
            (IssueKind::ImageMissing, name("gone.jpg")),
            (IssueKind::ImageMissing, name("list.txt")),
            (IssueKind::LabelMissing, name("gone.jpg")),
            (IssueKind::ListedTwice, name("a.jpg")),
        ]
    );
    assert_eq!(set.of(Split::Train).filter(|p| p.usable).count(), 2);
}

#[cfg(unix)]
#[test]
fn open_follows_links_for_reading_but_not_for_naming() {
    use std::os::unix::fs::symlink;
    let place = set_of(&[("a.jpg", jpeg(1))]);
    place
        .write("elsewhere/images/b.jpg", jpeg(2))
        .write("elsewhere/labels/b.txt", "0 0.1 0.1 0.1 0.1\n0 0.2 0.2 0.1 0.1\n");
    symlink(place.path("elsewhere/images"), place.path("images/linked")).expect("a link");
    symlink(place.path("images"), place.path("images/loop")).expect("a link");
    symlink(place.path("nowhere.jpg"), place.path("images/dangling.jpg")).expect("a link");
    place.write("labels/linked/b.txt", LABEL);
    let mut set = place.open("data.yaml");
    let names: Vec<&str> = set.images.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["images/a.jpg", "images/dangling.jpg", "images/linked/b.jpg"]);
    assert_eq!(set.images[2].objects.len(), 1, "the label belongs to the name, not to where the link leads");
    let name = |s: &str| s.to_owned();
    assert_eq!(
        issues(&mut set),
        [
            (IssueKind::ImageMissing, name("dangling.jpg")),
            (IssueKind::LabelMissing, name("dangling.jpg")),
            (IssueKind::FolderUnreadable, name("loop")),
        ]
    );
}

#[test]
fn categories_have_one_for_background() {
    let place = set_of(&[("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))]);
    place.write("labels/b.txt", "");
    let set = place.open("data.yaml");
    let categories = Categories::by_rule(&set, &[0, 1], CategoryRule::Amount, &[]).expect("categories");
    assert_eq!(categories.names, ["background", "cat single"]);
    assert_eq!(categories.codes, [1, 0]);
}
