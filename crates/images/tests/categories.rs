//! Categories by rule, group and table; the published numbers where the real sets are at hand.

use crate::common::{Place, shared};
use leanset_images::{Categories, CategoryRule, Group, ImageSet, OpenOptions, Split};

/// Training images and their categories, by name.
fn sizes(set: &ImageSet, rule: CategoryRule, groups: &[Group]) -> Vec<(String, usize)> {
    let train: Vec<usize> = (0..set.images.len()).filter(|&i| set.images[i].split == Split::Train).collect();
    let categories = Categories::by_rule(set, &train, rule, groups).expect("categories");
    categories.names.iter().cloned().zip(categories.sizes()).collect()
}

fn counted(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect()
}

#[test]
fn categories_of_fruit_are_the_published_ones_in_any_order_of_files() {
    let Some(data) = shared("data/fruit") else { return };
    let set = ImageSet::open(&data, &OpenOptions::default()).expect("a set");
    let published = counted(&[
        ("apple several", 26),
        ("apple single", 49),
        ("banana several", 30),
        ("banana single", 43),
        ("mixed", 19),
        ("orange several", 25),
        ("orange single", 48),
    ]);
    assert_eq!(sizes(&set, CategoryRule::Amount, &[]), published);
    assert_eq!((set.of(Split::Train).count(), set.of(Split::Val).count()), (240, 60));
    let mut objects = vec![0; set.classes.len()];
    set.images.iter().flat_map(|p| &p.objects).for_each(|o| objects[o.class as usize] += 1);
    assert_eq!(
        (set.classes.as_slice(), objects),
        (&["apple", "banana", "orange"].map(String::from)[..], vec![191, 209, 182])
    );

    // The same files listed the other way round.
    let place = Place::new();
    let mut lines: Vec<String> = set.of(Split::Train).map(|p| p.path.display().to_string()).collect();
    lines.reverse();
    let middle = lines.len() / 2;
    lines.rotate_left(middle);
    place.write("list.txt", lines.join("\n")).write("data.yaml", "train: list.txt\nnames: [apple, banana, orange]\n");
    let shuffled = place.open("data.yaml");
    assert_eq!(sizes(&shuffled, CategoryRule::Amount, &[]), published);
    let paths = |set: &ImageSet| set.of(Split::Train).map(|p| p.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&shuffled), paths(&set), "and the images are in the same order");
}

#[test]
fn categories_of_blood_cells_are_nearly_all_mixed() {
    let Some(data) = shared("data/bccd") else { return };
    let set = ImageSet::open(&data, &OpenOptions::default()).expect("a set");
    let mut objects = vec![0; set.classes.len()];
    set.images.iter().flat_map(|p| &p.objects).for_each(|o| objects[o.class as usize] += 1);
    // The set itself has an object of no width and some that are there twice: those are told, and not counted.
    let told: usize = set.issues.len();
    let published = [4153, 372, 361];
    let lost: usize = published.iter().zip(&objects).map(|(p, o)| p - o).sum();
    assert!(lost <= 3 * told, "{objects:?} with {told} issues");
    assert_eq!((set.of(Split::Train).count(), set.of(Split::Val).count()), (292, 72));
    let mixed = sizes(&set, CategoryRule::Amount, &[]).iter().find(|(n, _)| n == "mixed").map_or(0, |c| c.1);
    assert!(mixed > 250, "{mixed}");
}

/// Images with these classes of wheelchair, crutch, person, dog.
fn aids() -> Place {
    let place = Place::new();
    place.write("data.yaml", "train: images\nnames: [wheelchair, crutch, person, dog]\n");
    for (number, (name, classes)) in
        (0..).zip([("a", "0"), ("b", "01"), ("c", "2"), ("d", "12"), ("e", "22"), ("f", "3"), ("g", "")])
    {
        let label: String = (1..).zip(classes.chars()).map(|(i, c)| format!("{c} 0.5 0.5 0.{i} 0.2\n")).collect();
        place.image(&format!("images/{name}.png"), number).write(&format!("labels/{name}.txt"), label);
    }
    place
}

#[test]
fn categories_by_rule_count_grouped_classes_as_one() {
    let place = aids();
    let set = place.open("data.yaml");
    let group = |name: &str, classes: &[&str]| Group {
        name: name.into(),
        classes: classes.iter().map(|c| (*c).into()).collect(),
    };
    let groups = [group("with aid", &["wheelchair", "crutch"]), group("without aid", &["person"])];
    assert_eq!(
        sizes(&set, CategoryRule::Amount, &groups),
        counted(&[
            ("background", 1),
            ("dog single", 1),
            ("mixed", 1),
            ("with aid several", 1),
            ("with aid single", 1),
            ("without aid several", 1),
            ("without aid single", 1),
        ])
    );
    assert_eq!(
        sizes(&set, CategoryRule::Classes, &groups),
        counted(&[("background", 1), ("dog", 1), ("with aid", 2), ("with aid + without aid", 1), ("without aid", 2)])
    );
    assert_eq!(sizes(&set, CategoryRule::None, &groups), counted(&[("all", 7)]));
    let error = |groups: &[Group]| Categories::by_rule(&set, &[0], CategoryRule::Amount, groups).expect_err("refused");
    let unknown = error(&[group("x", &["persom"])]);
    assert!(unknown.to_string().ends_with("has no class 'persom'"), "{unknown}");
    assert_eq!(unknown.hint_text().map(ToString::to_string).as_deref(), Some("did you mean 'person'?"));
    let twice = error(&[group("x", &["dog"]), group("y", &["dog"])]);
    assert_eq!(twice.to_string(), "class 'dog' is in group x and in group y");
}

#[test]
fn categories_from_table_are_joined_by_path() {
    let place = aids();
    let set = place.open("data.yaml");
    let absolute = place.path("images/b.png").display().to_string();
    // Another order, other images, and all three ways to name one.
    place.write("c.csv", format!("path,category\nimages/c.png,two\nz.png,no\n{absolute},one\na.png,two\n"));
    let categories = Categories::from_table(&set, &[0, 1, 2], &place.path("c.csv")).expect("categories");
    assert_eq!(categories.names, ["one", "two"]);
    assert_eq!(categories.codes, [1, 0, 1]);
    let refused = |text: &str| {
        place.write("c.csv", text);
        Categories::from_table(&set, &[0, 1], &place.path("c.csv"))
            .expect_err("refused")
            .to_string()
            .replace(&place.0.path().display().to_string(), "PLACE")
    };
    assert_eq!(
        refused("path,category\na.png,x\n"),
        "PLACE/c.csv: 1 of 2 images have no row in it; the first is images/b.png"
    );
    assert_eq!(
        refused("path,category\na.png,x\nimages/a.png,x\nb.png,y\n"),
        "PLACE/c.csv: rows 0 and 1 are both of images/a.png"
    );
    assert_eq!(refused("path,category\na.png,x\nb.png,\n"), "PLACE/c.csv: the category of images/b.png is empty");
}
