//! The pages of the methods: of each its registry entry, the head of its source file, a picture and what is on record.

use std::fmt::Write as _;

use leanset_core::methods::{Info, METHODS};

use crate::documents::MADE;
use crate::record::{self, Line};

/// The head of a method's source file, as the site shows it.
struct Head {
    /// From the problem to the formula.
    definition: String,
    /// Cost and guarantee at length.
    cost: String,
    /// Departures at length; empty where the entry's say it all.
    departures: String,
    /// When it wins, and when it loses.
    wins: String,
    loses: String,
}

/// Every page and its picture, with their paths below the root.
pub(crate) fn all() -> Result<Vec<(String, String)>, String> {
    let lines = record::lines()?;
    let toy = crate::picture::Toy::new().map_err(|e| e.to_string())?;
    let mut files = Vec::new();
    for &method in METHODS {
        let (picture, caption) = toy.draw(method).map_err(|e| e.to_string())?;
        files.push((format!("docs/methods/{}.svg", method.id), picture));
        files.push((format!("docs/methods/{}.md", method.id), page(method, &caption, &lines)?));
    }
    Ok(files)
}

/// When a method wins and when it loses, for tables.
pub(crate) fn verdicts(method: &Info) -> Result<(String, String), String> {
    head(method).map(|head| (head.wins, head.loses))
}

fn page(m: &Info, caption: &str, lines: &[Line]) -> Result<String, String> {
    let head = head(m)?;
    let alias = m.aliases[0].to_uppercase();
    let mut out = format!("{MADE}# {}\n\n", m.title);
    let aliases: Vec<String> = m.aliases.iter().map(|a| format!("`{a}`")).collect();
    let _ = write!(out, "`{}`, also {}. {}\n\n", m.id, aliases.join(", "), m.summary);
    let _ = write!(out, "![{}]({}.svg)\n\n{caption}\n\n", m.title, m.id);
    let _ = write!(out, "## Definition\n\n{}\n\n", head.definition);
    let _ = write!(
        out,
        "## When it wins, when it loses\n\n**Wins when** {}\n\n**Loses when** {}\n\n",
        head.wins, head.loses
    );
    let _ = write!(out, "## Measured results\n\n{}\n", record::of(&alias, lines));
    out.push_str("## Parameters\n\n");
    out.push_str(&parameters(m));
    let _ = write!(out, "\n## Use\n\n{}\n", usage(m));
    let _ =
        write!(out, "## Cost and guarantee\n\n| | |\n|---|---|\n| cost | {} |\n| memory | {} |\n", m.cost, m.memory);
    let _ = write!(out, "| guarantee | {} |\n\n{}\n\n", m.guarantee, head.cost);
    let departures = if head.departures.is_empty() { format!("{}.", m.departures) } else { head.departures };
    let _ = write!(out, "## Differences from the paper and its code\n\n{departures}\n\n");
    out.push_str("## Capabilities\n\n| | |\n|---|---|\n");
    for (name, answer) in capabilities(m) {
        let _ = writeln!(out, "| {name} | {answer} |");
    }
    let _ = write!(out, "| classes needed | {} |\n\n## Reference\n\n{}.\n", m.capabilities.least_classes, m.reference);
    Ok(out)
}

/// The names and answers of a method's capabilities.
pub(crate) fn capabilities(m: &Info) -> Vec<(&'static str, String)> {
    let c = &m.capabilities;
    let guard = m.guard().map_or("no".to_owned(), |guard| format!("yes, `{guard}` by default"));
    let answers = [
        ("nested: one ranking serves all ratios", c.nested),
        ("keeps the requested number of rows per class", c.per_class),
        ("has weights", c.weights),
        ("generates prototypes (points that are not rows)", c.prototypes),
        ("depends on the seed", c.seeded),
        ("can represent another table", c.target),
        ("goes on from rows that are kept already", c.continues),
        ("needs training dynamics", c.dynamics),
        ("independent of the order of rows", c.order_free),
        ("independent of the unit of the coordinates", c.scale_free),
    ]
    .map(|(name, answer)| (name, answer.to_string()));
    answers.into_iter().chain([("puts contradicted rows last (guard)", guard)]).collect()
}

/// The table of a method's parameters.
pub(crate) fn parameters(m: &Info) -> String {
    if m.params.is_empty() {
        return "None, except the budget and the seed.\n".into();
    }
    let mut out = String::from("| parameter | values | default | |\n|---|---|---|---|\n");
    for s in m.params {
        let default = if s.default.is_empty() { "not given".to_owned() } else { format!("`{}`", s.default) };
        let kind = s.kind.to_string().replace('|', ", ");
        let _ = writeln!(out, "| `{}` | {kind} | {default} | {} |", s.name, s.doc);
    }
    out
}

/// One line for each face.
fn usage(m: &Info) -> String {
    let class = crate::stubs::class_name(m.id);
    let needs_log = m.uses_dynamics();
    let (log, dynamics) = if needs_log { (" --log training.csv", ", dynamics=log") } else { ("", "") };
    let without = if needs_log {
        "Without `--log`, or with `trainer=leanset.Trainer()` instead of `dynamics`, the built-in trainer trains a model first.\n"
    } else {
        ""
    };
    format!(
        "```console\n$ leanset reduce table.csv --label class --method {} --ratio 0.1{log} --output lean.csv\n```\n\n\
         ```python\nX_lean, y_lean = leanset.{class}(sampling_strategy=0.1).fit_resample(X, y{dynamics})\n```\n\n{without}",
        m.aliases[0]
    )
}

/// Takes the head of the source file apart, by how its paragraphs begin.
fn head(m: &Info) -> Result<Head, String> {
    let path = source(m)?;
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines: Vec<&str> =
        text.lines().map_while(|l| l.strip_prefix("//!")).map(|l| l.strip_prefix(' ').unwrap_or(l)).collect();
    let text = lines.join("\n");
    let mut head = Head {
        definition: String::new(),
        cost: String::new(),
        departures: String::new(),
        wins: String::new(),
        loses: String::new(),
    };
    let (mut definition, mut formula) = (Vec::new(), Vec::new());
    // The first paragraph is the name, which the page has.
    for paragraph in text.split("\n\n").skip(1) {
        let paragraph = markdown(paragraph);
        if let Some(wins) = paragraph.strip_prefix("Wins when ") {
            wins.clone_into(&mut head.wins);
        } else if let Some(loses) = paragraph.strip_prefix("Loses when ") {
            loses.clone_into(&mut head.loses);
        } else if let Some(departures) =
            paragraph.strip_prefix("Departures: ").or(paragraph.strip_prefix("Departures. "))
        {
            head.departures = capital(departures);
        } else if paragraph.starts_with("Cost")
            || paragraph.starts_with("Guarantee")
            || !head.cost.is_empty() && !paragraph.starts_with("Reference") && head.departures.is_empty()
        {
            push(&mut head.cost, &paragraph);
        } else if paragraph.starts_with("Departures") {
            push(&mut head.departures, &paragraph);
        } else if !paragraph.starts_with("Reference") {
            let text = paragraph.strip_prefix("Problem: ").map_or(paragraph.clone(), capital);
            // The formula, and what its letters are, come right after the problem.
            if text.starts_with("```math") || formula.len() == 1 && text.starts_with(char::is_lowercase) {
                formula.push(text);
            } else {
                definition.push(text);
            }
        }
    }
    for (part, what) in [
        (formula.is_empty(), "a formula in a block ```math"),
        (head.wins.is_empty(), "a paragraph 'Wins when …'"),
        (head.loses.is_empty(), "a paragraph 'Loses when …'"),
    ] {
        if part {
            return Err(format!("{}: its head lacks {what}", path.display()));
        }
    }
    let after = definition.len().min(1);
    definition.splice(after..after, formula);
    head.definition = definition.join("\n\n");
    Ok(head)
}

fn push(text: &mut String, paragraph: &str) {
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(paragraph);
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// Rustdoc's links to items become their names, and a list gets the empty line before it that Markdown asks for.
fn markdown(paragraph: &str) -> String {
    let text = paragraph.replace("[`crate::", "`").replace("`]", "`");
    match text.find("\n- ") {
        Some(at) if !text.starts_with("- ") => format!("{}\n{}", &text[..at], &text[at..]),
        _ => text,
    }
}

/// The file in which a method is registered: `NAME.rs`, or `NAME/mod.rs` of a method that is a folder.
fn source(m: &Info) -> Result<std::path::PathBuf, String> {
    let folder = crate::root().join("crates/core/src/methods");
    let entry = format!("id: \"{}\"", m.id);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .filter_map(|file| Some(file.ok()?.path()))
        .map(|path| if path.is_dir() { path.join("mod.rs") } else { path })
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&entry)))
        .collect();
    match (files.pop(), files.pop()) {
        (Some(path), None) => Ok(path),
        _ => Err(format!("{}: not exactly one file registers '{}'", folder.display(), m.id)),
    }
}
