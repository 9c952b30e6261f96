//! The documents that are made from the code: the methods, the command line, the picture, the types of the estimators.

use std::fmt::Write as _;

use leanset_core::methods::METHODS;

/// Paths below the root, and what belongs there.
pub(crate) fn all() -> Result<Vec<(&'static str, String)>, String> {
    let picture = crate::picture::draw().map_err(|e| e.to_string())?;
    Ok(vec![
        ("docs/methods.md", methods()),
        ("docs/cli.md", command_line()),
        ("docs/epsilon.svg", picture),
        ("python/leanset/estimators.pyi", crate::stubs::estimators()),
        ("python/leanset/__init__.pyi", crate::stubs::package()?),
    ])
}

const MADE: &str = "<!-- Made from the code by ./x docs; a test holds it against the code. -->\n\n";

/// Every method, from the registry.
fn methods() -> String {
    let mut out = format!(
        "{MADE}# The methods\n\nThe same is on the command line: `leanset methods [NAME]`. n rows, d columns, c classes, m rows kept; n_k and m_k of class k.\n\n"
    );
    out.push_str("| method | alias | family | nested | weights | cost |\n|---|---|---|---|---|---|\n");
    for m in METHODS {
        let c = &m.capabilities;
        let alias = m.aliases[0].to_uppercase();
        let _ = writeln!(
            out,
            "| [{}](#{}) | {alias} | {} | {} | {} | {} |",
            m.id, m.id, m.family, c.nested, c.weights, m.cost
        );
    }
    for m in METHODS {
        let _ = write!(out, "\n## {}\n\n**{}**, alias {}. {}\n\n", m.id, m.title, m.aliases.join(", "), m.summary);
        if !m.params.is_empty() {
            out.push_str("| parameter | values | default | |\n|---|---|---|---|\n");
            for s in m.params {
                let default = if s.default.is_empty() { "not given".to_owned() } else { format!("`{}`", s.default) };
                let kind = s.kind.to_string().replace('|', ", ");
                let _ = writeln!(out, "| `{}` | {kind} | {default} | {} |", s.name, s.doc);
            }
            out.push('\n');
        }
        let c = &m.capabilities;
        for (name, text) in [
            ("Cost", m.cost),
            ("Memory", m.memory),
            ("Guarantee", m.guarantee),
            ("Departures", m.departures),
            ("Reference", m.reference),
        ] {
            let _ = writeln!(out, "- {name}: {text}.");
        }
        let _ = writeln!(
            out,
            "- Nested: {}. Keeps counts per class: {}. Weights: {}. Invents points: {}. Seeded: {}. Heeds a target: {}. Watches training: {}. Looks at coordinates: {}. Independent of the order of rows: {}. Classes needed: {}.",
            c.nested,
            c.per_class,
            c.weights,
            c.invents,
            c.seeded,
            c.target,
            c.dynamics,
            c.coordinates,
            c.order_free,
            c.least_classes
        );
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
        "{MADE}# The command line\n\nExit codes: 0 done; 2 the request or its data cannot be used; 3 a manifest was not reproduced; 130 interrupted;\n1 a fault of leanset itself; of a command that `leanset energy` runs, its own. Data go to stdout or to files, words to stderr; `NO_COLOR` is honoured.\n"
    );
    let mut root = leanset_cli::command().term_width(100);
    root.build();
    let _ = write!(out, "\n## leanset\n\n```text\n{}\n```\n", root.clone().render_long_help().to_string().trim_end());
    verbs(&root, "leanset", &mut out);
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
