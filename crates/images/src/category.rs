//! Categories: groups of images, each of which is reduced on its own.
//!
//! A category follows from the classes of the objects in an image, or is given by a table. Names of files and the order of a
//! listing do not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leanset_problem::Result;
use leanset_spec::images::{CategoryRule, Group};
use leanset_tables::{ReadOptions, read};

use crate::error::problem;
use crate::path_index::{PATH, PathIndex, texts};
use crate::{Image, ImageSet};

/// The category of images without objects.
pub const BACKGROUND: &str = "background";
/// The category of images with several classes, under [`CategoryRule::Amount`].
pub const MIXED: &str = "mixed";
/// The column of categories in a table that gives them.
pub const CATEGORY: &str = "category";

/// The category of each image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Categories {
    /// Names, in alphabetical order.
    pub names: Vec<String>,
    /// An index into names for each image.
    pub codes: Vec<u32>,
}

impl Categories {
    fn new(of: &[String]) -> Self {
        let distinct: BTreeSet<&String> = of.iter().collect();
        let names: Vec<String> = distinct.into_iter().cloned().collect();
        let code = |name: &String| u32::try_from(names.partition_point(|n| n < name)).unwrap_or(u32::MAX);
        let codes = of.iter().map(code).collect();
        Self { names, codes }
    }

    /// Images of each category.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.names.len()];
        self.codes.iter().for_each(|&c| sizes[c as usize] += 1);
        sizes
    }

    /// By a rule, from the objects in the images with these indices.
    ///
    /// # Errors
    /// If a group names a class that does not exist, or one of another group.
    pub fn by_rule(set: &ImageSet, images: &[usize], rule: CategoryRule, groups: &[Group]) -> Result<Self> {
        let mut titles: Vec<&str> = set.classes.iter().map(String::as_str).collect();
        let mut grouped: BTreeMap<usize, &str> = BTreeMap::new();
        for group in groups {
            for class in &group.classes {
                let Some(at) = set.classes.iter().position(|c| c == class) else {
                    let hint = leanset_core::error::nearest(class, set.classes.iter().map(String::as_str)).map_or_else(
                        || format!("its classes are {}", set.classes.join(", ")),
                        |near| format!("did you mean '{near}'?"),
                    );
                    return Err(problem(format!(
                        "group {}: {} has no class '{class}'",
                        group.name,
                        set.source.display()
                    ))
                    .hint(hint));
                };
                if let Some(other) = grouped.insert(at, &group.name) {
                    return Err(problem(format!("class '{class}' is in group {other} and in group {}", group.name))
                        .hint("put it into one"));
                }
                titles[at] = &group.name;
            }
        }
        let of: Vec<String> = images.iter().map(|&p| category(&set.images[p], &titles, rule)).collect();
        Ok(Self::new(&of))
    }

    /// From the columns `path` and `category` of a table.
    ///
    /// # Errors
    /// If it cannot be read, or has no row or no category for one of the images.
    pub fn from_table(set: &ImageSet, images: &[usize], file: &Path) -> Result<Self> {
        let table = read(file, &ReadOptions::default())?;
        let (paths, categories) = (texts(&table, PATH)?, texts(&table, CATEGORY)?);
        let rows = PathIndex::new(set, file).rows(file, paths.iter(), images)?;
        let of: Vec<String> = rows.iter().map(|&row| categories[row].trim().to_owned()).collect();
        if let Some(place) = of.iter().position(String::is_empty) {
            let name = &set.images[images[place]].name;
            return Err(
                problem(format!("{}: the category of {name} is empty", file.display())).hint("give every image one")
            );
        }
        Ok(Self::new(&of))
    }
}

/// The category of one image; `titles` are the names of its classes, or of their groups.
fn category(image: &Image, titles: &[&str], rule: CategoryRule) -> String {
    if rule == CategoryRule::None {
        return "all".into();
    }
    let present: BTreeSet<&str> = image.objects.iter().map(|o| titles[o.class as usize]).collect();
    let present: Vec<&str> = present.into_iter().collect();
    match (rule, present.as_slice()) {
        (_, []) => BACKGROUND.into(),
        (CategoryRule::Amount, [one]) => {
            format!("{one} {}", if image.objects.len() == 1 { "single" } else { "several" })
        }
        (CategoryRule::Amount, _) => MIXED.into(),
        (_, several) => several.join(" + "),
    }
}
