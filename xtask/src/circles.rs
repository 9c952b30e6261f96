//! Import circles between the files of a crate: there are none, so that each file can be read after those it names.
//!
//! A file depends on another if it names something of it by a path that begins with `crate`, `super` or `self`. What a
//! module gives on by `pub use` counts as its own file's. Parents do not count: a module may use what its parent declares.
//! Unit tests do not count either.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A module by its path below the root of the crate.
type Module = Vec<String>;

/// The circles of the crate whose sources are in this folder, each as the sorted names of its modules.
pub(crate) fn of(sources: &Path) -> Result<Vec<Vec<String>>, String> {
    let mut texts = BTreeMap::new();
    collect(sources, &mut Vec::new(), &mut texts)?;
    let given_on = given_on(&texts);
    let edges: BTreeMap<&Module, BTreeSet<Module>> = texts
        .iter()
        .map(|(module, text)| {
            let named = paths(text).into_iter().filter_map(|path| resolve(module, &path, &texts, &given_on));
            (module, named.filter(|other| !other.is_empty() && !module.starts_with(other)).collect())
        })
        .collect();
    let reached = |from: &Module| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = open.pop() {
            for other in edges.get(&next).into_iter().flatten() {
                if seen.insert(other.clone()) {
                    open.push(other.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<Module>> = edges.keys().map(|module| (*module, reached(module))).collect();
    let circles: BTreeSet<Vec<String>> = reach
        .iter()
        .filter(|(module, reached)| reached.contains(**module))
        .map(|(module, reached)| {
            let back = reached.iter().filter(|other| reach.get(other).is_some_and(|r| r.contains(*module)));
            back.map(|other| other.join("/")).collect()
        })
        .collect();
    Ok(circles.into_iter().collect())
}

/// The texts of all modules, without comments and unit tests.
fn collect(folder: &Path, above: &mut Module, texts: &mut BTreeMap<Module, String>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            above.push(name);
            collect(&path, above, texts)?;
            above.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let code: String =
                text.lines().map(|line| format!("{}\n", line.split("//").next().unwrap_or_default())).collect();
            let own = if matches!(name.as_str(), "mod" | "lib" | "main") { vec![] } else { vec![name] };
            texts.insert([above.clone(), own].concat(), code);
        }
    }
    Ok(())
}

/// The statements `use …;` of a text, and whether each is public.
fn uses(text: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("use ") {
        let line = text[..at].rsplit('\n').next().unwrap_or_default().trim();
        if line.is_empty() || line == "pub" || line.starts_with("pub(") {
            let end = text[at..].find(';').map_or(text.len(), |length| at + length);
            found.push((!line.is_empty(), text[at + 4..end].split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expand(above: &str, tree: &str, out: &mut Vec<String>) {
    let Some((head, inner)) = tree.split_once('{') else {
        return out.push(format!("{above}{}", tree.split(" as ").next().unwrap_or_default().trim()));
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let (mut depth, mut begin) = (0, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[begin..at].trim().is_empty() {
                    expand(&format!("{above}{}", head.trim()), inner[begin..at].trim(), out);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// Every path of a text that begins with `crate`, `super` or `self`.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    uses(text).iter().for_each(|(_, tree)| expand("", tree, &mut found));
    let is_path = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':');
    // What ends with `::` is the head of a group, whose paths are found above.
    found.extend(text.split(|letter| !is_path(letter)).filter(|path| !path.ends_with("::")).map(str::to_owned));
    let relative = |path: &String| ["crate::", "super::", "self::"].iter().any(|start| path.starts_with(start));
    found.into_iter().filter(relative).map(|path| path.split("::").map(str::to_owned).collect()).collect()
}

/// The modules from which a module gives names on.
type GivenOn = BTreeMap<(Module, String), Module>;

fn given_on(texts: &BTreeMap<Module, String>) -> GivenOn {
    let mut found = GivenOn::new();
    for (module, text) in texts {
        for (_, tree) in uses(text).into_iter().filter(|(public, _)| *public) {
            let mut names = Vec::new();
            expand("", &tree, &mut names);
            for path in names {
                let mut parts: Module = path.split("::").map(str::to_owned).collect();
                let name = parts.pop().unwrap_or_default();
                let from = match parts.first().map(String::as_str) {
                    Some("crate") => parts[1..].to_vec(),
                    Some("self") => [module.clone(), parts[1..].to_vec()].concat(),
                    _ => [module.clone(), parts].concat(),
                };
                found.insert((module.clone(), name), from);
            }
        }
    }
    found
}

/// The module that a path leads to.
fn resolve(module: &Module, path: &[String], texts: &BTreeMap<Module, String>, given_on: &GivenOn) -> Option<Module> {
    let (mut at, mut rest) = match path.first()?.as_str() {
        "crate" => (Module::new(), &path[1..]),
        "self" => (module.clone(), &path[1..]),
        _ => (module.clone(), path),
    };
    while rest.first().is_some_and(|part| part == "super") {
        at.pop();
        rest = &rest[1..];
    }
    for part in rest {
        let below = [at.clone(), vec![part.clone()]].concat();
        if texts.contains_key(&below) {
            at = below;
        } else {
            return given_on
                .get(&(at.clone(), part.clone()))
                .filter(|from| texts.contains_key(*from))
                .cloned()
                .or(Some(at));
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_have_no_import_circles() {
        let mut wrong = Vec::new();
        for entry in std::fs::read_dir(crate::root().join("crates")).expect("crates") {
            let folder = entry.expect("a crate").path();
            let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
            for circle in of(&folder.join("src")).expect("sources") {
                wrong.push(format!("crates/{name}: {}", circle.join(" ↔ ")));
            }
        }
        assert!(wrong.is_empty(), "files that import one another in a circle:\n{}", wrong.join("\n"));
    }

    #[test]
    fn of_finds_circles_through_groups_and_names_given_on() {
        let folder = std::env::temp_dir().join(format!("leanset-circles-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("part")).expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
        write("lib.rs", "mod a;\nmod b;\nmod part;\npub use b::Thing;\n");
        write("a.rs", "use crate::{part::{self, Other}, Thing};\n");
        write("b.rs", "// use crate::a;\nfn f() { super::a::g(); }\n");
        write("part/mod.rs", "pub use inner::Other;\n");
        write("part/inner.rs", "use super::helper;\n#[cfg(test)]\nmod tests {\n use crate::a;\n}\n");
        let found = of(&folder);
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(found, Ok(vec![vec!["a".to_owned(), "b".to_owned()]]));
    }
}
