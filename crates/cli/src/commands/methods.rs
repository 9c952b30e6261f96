//! `leanset methods`: what there is, from the registry.

use clap::Args;
use leanset::Result;
use leanset_core::methods::{Info, METHODS, find};

use crate::render;

/// List the methods.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  leanset methods
  leanset methods maxmin")]
pub(crate) struct MethodsArgs {
    /// Method to describe, by name or alias, e.g. mms.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print as JSON (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &MethodsArgs) -> Result<String> {
    let one = args.name.as_deref().map(find).transpose()?;
    if args.json {
        let document = leanset_spec::methods::document(one);
        return Ok(format!("{document:#}\n"));
    }
    Ok(one.map_or_else(list, describe))
}

/// All methods, a line each.
fn list() -> String {
    let rows = METHODS.iter().map(|m| {
        let c = &m.capabilities;
        vec![
            m.id.to_owned(),
            m.aliases[0].to_uppercase(),
            m.family.to_string(),
            short(c.nested).into(),
            short(c.weights).into(),
            short(c.seeded).into(),
        ]
    });
    let mut out = render::columns(&["method", "alias", "family", "nested", "weights", "seeded"], rows, 0, 6);
    out.push('\n');
    for m in METHODS {
        out.push_str(&render::wrapped(&format!("{}: {}", m.id, m.summary)));
    }
    out.push_str("\nleanset methods NAME describes one: parameters, cost, guarantee, reference.\n");
    out
}

fn short(answer: leanset_core::methods::Support) -> &'static str {
    use leanset_core::methods::Support;
    match answer {
        Support::Yes => "yes",
        Support::No => "no",
        Support::When(_) => "depends",
    }
}

/// All about one method.
fn describe(info: &Info) -> String {
    let mut out = format!("{}  ({})\n{}\n\n", info.id, info.aliases.join(", "), info.title);
    out.push_str(&render::wrapped(info.summary));
    if !info.params.is_empty() {
        out.push_str("\nParameters (--param NAME=VALUE)\n");
        for spec in info.params {
            let default = if spec.default.is_empty() { "not given".into() } else { spec.default.to_owned() };
            out.push_str(&render::wrapped(&format!("  {}: {} [default: {default}]", spec.name, spec.kind)));
            out.push_str(&render::hanging("      ", spec.doc));
        }
    }
    let c = &info.capabilities;
    out.push('\n');
    for (name, value) in [
        ("cost", info.cost.to_owned()),
        ("memory", info.memory.to_owned()),
        ("guarantee", info.guarantee.to_owned()),
        ("differs", info.departures.to_owned()),
        ("reference", info.reference.to_owned()),
        ("nested", c.nested.to_string()),
        ("per class", c.per_class.to_string()),
        ("weights", c.weights.to_string()),
        ("prototypes", c.prototypes.to_string()),
        ("seeded", c.seeded.to_string()),
        ("target", c.target.to_string()),
        ("training", c.dynamics.to_string()),
        ("coordinates", c.coordinates.to_string()),
        ("guard", info.guard().map_or("no".to_owned(), |guard| guard.to_string())),
        ("order-free", c.order_free.to_string()),
        ("classes", format!("{} or more", c.least_classes)),
    ] {
        out.push_str(&render::hanging(&format!("{name:<11} "), &value));
    }
    out
}
