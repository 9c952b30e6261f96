//! The documents that are made from the code: the methods, the command line, the picture, the types of the estimators.

use std::fmt::Write as _;

use leanset_core::methods::METHODS;

/// The record of every method beside stratified random, which `benches/evidence.py` prints.
const EVIDENCE: &str = "benches/record/2026-11-27-evidence.md";

/// Paths below the root, and what belongs there.
pub(crate) fn all() -> Result<Vec<(String, String)>, String> {
    let picture = crate::picture::draw().map_err(|e| e.to_string())?;
    let mut files = vec![
        ("docs/methods.md".to_owned(), methods()),
        ("docs/cli.md".to_owned(), command_line()),
        ("docs/epsilon.svg".to_owned(), picture),
        ("python/leanset/estimators.pyi".to_owned(), crate::stubs::estimators()),
        ("python/leanset/__init__.pyi".to_owned(), crate::stubs::package()?),
    ];
    let lines = crate::record::lines()?;
    let parts = [
        ("verdicts", verdicts()?),
        ("evidence", crate::record::first_table(EVIDENCE)?),
        ("costs", costs()),
        ("drybean", crate::record::summary(&lines)),
    ];
    files.push(("docs/choosing.md".to_owned(), fill("docs/choosing.md", &parts)?));
    files.push(("docs/epsilon.md".to_owned(), fill("docs/epsilon.md", &[("example", crate::example::table()?)])?));
    let speed = [
        ("machines", crate::speed::machines()?),
        ("tables", crate::speed::tables()?),
        ("missed", crate::speed::missed()?),
        ("growth", crate::speed::growth()?),
    ];
    files.push(("docs/speed.md".to_owned(), fill("docs/speed.md", &speed)?));
    files.extend(crate::pages::all()?);
    Ok(files)
}

pub(crate) const MADE: &str = "<!-- Made from the code by ./x docs; a test holds it against the code. -->\n\n";

/// A page written by hand, with the parts that are made from the code put between their marks.
fn fill(page: &str, parts: &[(&str, String)]) -> Result<String, String> {
    let path = crate::root().join(page);
    let mut text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    for (name, part) in parts {
        let (begin, end) = (format!("<!-- made by ./x docs: {name} -->\n"), "<!-- end -->");
        let from =
            text.find(&begin).ok_or_else(|| format!("{page}: the mark '{}' is missing", begin.trim()))? + begin.len();
        let to = text[from..].find(end).ok_or_else(|| format!("{page}: '{end}' is missing after '{name}'"))? + from;
        text.replace_range(from..to, &format!("\n{part}\n"));
    }
    Ok(text)
}

/// Every method in a line, from the registry; each has a page.
fn methods() -> String {
    let mut out = format!(
        "{MADE}# The methods: data pruning, coreset and prototype selection\n\nThis page lists all methods. Each has a page with its definition, figure, parameters, cost, guarantee, differences from the paper and reference. \
         `leanset methods [NAME]` prints the same on the command line. Symbols: n rows, d columns, c classes, m kept rows; n_k and m_k are those of class k.\n\n"
    );
    out.push_str("| method | alias | family | what it keeps |\n|---|---|---|---|\n");
    for m in METHODS {
        let alias = m.aliases[0].to_uppercase();
        let _ = writeln!(out, "| [{}](methods/{}.md) | {alias} | {} | {} |", m.id, m.id, m.family, m.summary);
    }
    out.push_str("\n## Capabilities\n\n*Nested*: one ranking serves all ratios. *Counts*: it keeps the requested number of rows per class. *Target*: its rows can represent another table. *Dynamics*: it ranks by training dynamics, so it needs a training log or a trainer.\n\n");
    out.push_str("| method | nested | counts | weights | generates prototypes | seeded | target | dynamics |\n|---|---|---|---|---|---|---|---|\n");
    for m in METHODS {
        let c = &m.capabilities;
        let _ = writeln!(
            out,
            "| [{}](methods/{}.md) | {} | {} | {} | {} | {} | {} | {} |",
            m.id, m.id, c.nested, c.per_class, c.weights, c.prototypes, c.seeded, c.target, c.dynamics
        );
    }
    out.push_str("\nTo decide which one to use, see [choosing a method](choosing.md).\n");
    out
}

/// When each method wins and loses, for the page on choosing.
fn verdicts() -> Result<String, String> {
    let mut out = String::from("| method | wins when | loses when |\n|---|---|---|\n");
    for m in METHODS {
        let (wins, loses) = crate::pages::verdicts(m)?;
        let one = |text: String| text.replace('\n', " ");
        let _ = writeln!(out, "| [{}](methods/{}.md) | {} | {} |", m.id, m.id, one(wins), one(loses));
    }
    Ok(out)
}

/// What each method costs and guarantees, for the same page.
fn costs() -> String {
    let mut out = String::from("| method | cost | memory | guarantee |\n|---|---|---|---|\n");
    for m in METHODS {
        let _ = writeln!(out, "| [{}](methods/{}.md) | {} | {} | {} |", m.id, m.id, m.cost, m.memory, m.guarantee);
    }
    out
}

/// The verbs below a command, and those below them.
fn verbs(command: &clap::Command, above: &str, out: &mut String) {
    for verb in command.get_subcommands() {
        let mut verb = verb.clone().term_width(100);
        let name = format!("{above} {}", verb.get_name());
        let help = verb.render_long_help().to_string();
        let _ = write!(out, "\n## {name}\n\n```text\n{}\n```\n", help.trim_end());
        verbs(&verb, &name, out);
    }
}

/// Every verb with its help.
fn command_line() -> String {
    let mut out = format!(
        "{MADE}# Command-line reference\n\nThis page has the help of every command, as `leanset help COMMAND` prints it.\n\n{}\n",
        leanset_cli::exit_codes()
    );
    let mut root = leanset_cli::command().term_width(100);
    root.build();
    let _ = write!(out, "\n## leanset\n\n```text\n{}\n```\n", root.clone().render_long_help().to_string().trim_end());
    verbs(&root, "leanset", &mut out);
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
