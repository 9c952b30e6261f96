//! Categories: what pictures are divided into before each part is reduced by itself.
//!
//! Made of the classes of the objects on a picture, or given by a table. What a picture is called, and in which order
//! pictures were listed, changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leanset_tables::{ReadOptions, read};

use crate::join::{Join, PATH, texts};
use crate::{Error, ImageSet, Picture, Result};

/// Of pictures without objects.
pub const BACKGROUND: &str = "background";
/// Of pictures with several classes, under [`Rule::Amount`].
pub const MIXED: &str = "mixed";
/// The column of categories in a table that gives them.
pub const CATEGORY: &str = "category";

/// How a category follows from what is on a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One object of a class, several of it, or several classes: `apple single`, `apple several`, `mixed`. The paper's.
    Amount,
    /// The classes on it: `apple`, `apple + orange`.
    Classes,
    /// All pictures are one category.
    One,
}

/// Classes under one name, for categories only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: String,
    /// Its classes.
    pub classes: Vec<String>,
}

/// The category of every picture that was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Categories {
    /// Names, in order of the alphabet.
    pub names: Vec<String>,
    /// An index into names for each picture.
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

    /// Pictures of each category.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.names.len()];
        self.codes.iter().for_each(|&c| sizes[c as usize] += 1);
        sizes
    }

    /// By a rule, from the objects on the pictures with these indices.
    ///
    /// # Errors
    /// If a group names a class that there is not, or one that another group has.
    pub fn by_rule(set: &ImageSet, pictures: &[usize], rule: Rule, groups: &[Group]) -> Result<Self> {
        let mut titles: Vec<&str> = set.classes.iter().map(String::as_str).collect();
        let mut grouped: BTreeMap<usize, &str> = BTreeMap::new();
        for group in groups {
            for class in &group.classes {
                let Some(at) = set.classes.iter().position(|c| c == class) else {
                    let hint = leanset_core::error::nearest(class, set.classes.iter().map(String::as_str)).map_or_else(
                        || format!("its classes are {}", set.classes.join(", ")),
                        |near| format!("did you mean '{near}'?"),
                    );
                    return Err(Error::new(format!(
                        "group {}: {} has no class '{class}'",
                        group.name,
                        set.source.display()
                    ))
                    .with_hint(hint));
                };
                if let Some(other) = grouped.insert(at, &group.name) {
                    return Err(Error::new(format!("class '{class}' is in group {other} and in group {}", group.name))
                        .with_hint("put it into one"));
                }
                titles[at] = &group.name;
            }
        }
        let of: Vec<String> = pictures.iter().map(|&p| category(&set.pictures[p], &titles, rule)).collect();
        Ok(Self::new(&of))
    }

    /// From the columns `path` and `category` of a table.
    ///
    /// # Errors
    /// If it cannot be read, or has no row or no category for one of the pictures.
    pub fn from_table(set: &ImageSet, pictures: &[usize], file: &Path) -> Result<Self> {
        let table = read(file, &ReadOptions::default())?;
        let (paths, categories) = (texts(&table, PATH)?, texts(&table, CATEGORY)?);
        let rows = Join::new(set, file).rows(file, paths.iter(), pictures)?;
        let of: Vec<String> = rows.iter().map(|&row| categories[row].trim().to_owned()).collect();
        if let Some(place) = of.iter().position(String::is_empty) {
            let name = &set.pictures[pictures[place]].name;
            return Err(Error::new(format!("{}: the category of {name} is empty", file.display()))
                .with_hint("give every picture one"));
        }
        Ok(Self::new(&of))
    }
}

/// The category of one picture, its classes under these titles.
fn category(picture: &Picture, titles: &[&str], rule: Rule) -> String {
    if rule == Rule::One {
        return "all".into();
    }
    let present: BTreeSet<&str> = picture.objects.iter().map(|o| titles[o.class as usize]).collect();
    let present: Vec<&str> = present.into_iter().collect();
    match (rule, present.as_slice()) {
        (_, []) => BACKGROUND.into(),
        (Rule::Amount, [one]) => format!("{one} {}", if picture.objects.len() == 1 { "single" } else { "several" }),
        (Rule::Amount, _) => MIXED.into(),
        (_, several) => several.join(" + "),
    }
}
