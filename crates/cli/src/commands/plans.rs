//! `leanset plans`: the plans inside the program, and a new one for a table.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;
use leanset::{Columns, Context, Input, Problem, Result};
use leanset_core::methods::METHODS;
use leanset_core::{EmptyClasses, holdout};
use leanset_lab::{Plan, Power, Spread};
use leanset_problem::{setting, text};

use crate::render;

/// A plan inside the program.
struct Inside {
    name: &'static str,
    text: &'static str,
}

macro_rules! inside {
    ($($name:literal),+ $(,)?) => {
        &[$(Inside { name: $name, text: include_str!(concat!("../../plans/", $name, ".toml")) }),+]
    };
}

/// In the order in which they are shown.
const PLANS: &[Inside] = inside!["demo", "drybean", "collision", "fruit", "fruit-frozen", "mobility-aids"];

/// List the plans of experiments inside the program.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  leanset plans
  leanset plans demo > plan.toml
  leanset experiment demo --output runs.jsonl
  leanset experiment --init beans.csv --label Class > plan.toml")]
pub(crate) struct PlansArgs {
    /// Plan to print, e.g. demo.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

pub(crate) fn run(args: &PlansArgs) -> Result<String> {
    match &args.name {
        Some(name) => find(name).map(|plan| plan.text.to_owned()),
        None => list(),
    }
}

fn find(name: &str) -> Result<&'static Inside> {
    PLANS.iter().find(|plan| plan.name == name).ok_or_else(|| {
        let names = PLANS.iter().map(|plan| plan.name);
        let hint = match leanset_core::error::nearest(name, names.clone()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("the plans are {}", names.collect::<Vec<_>>().join(", ")),
        };
        Problem::new(format!("there is no plan '{name}' inside the program")).hint(hint)
    })
}

/// All plans, a line each.
fn list() -> Result<String> {
    let rows = PLANS.iter().map(|inside| {
        let plan = Plan::parse(inside.text, inside.name)?;
        let data = match plan.data_path() {
            Some(path) => path.display().to_string(),
            None => "inside the program".into(),
        };
        Ok(vec![inside.name.to_owned(), data, plan.title.clone()])
    });
    let table = render::columns(&["plan", "data", "title"], rows.collect::<Result<Vec<_>>>()?, 0, 3);
    Ok(format!(
        "{table}\nRun one:    leanset experiment NAME --output runs.jsonl\n            (--data FILE names the data, where they are not inside)\n\
         Copy one:   leanset plans NAME > plan.toml\nWrite one:  leanset experiment --init TABLE --label COLUMN > plan.toml\n"
    ))
}

/// The plan that an argument names: a file, or if there is none, one inside the program.
pub(super) fn read(path: &Path) -> Result<Plan> {
    let inside = path.to_str().filter(|_| !path.exists()).and_then(|name| PLANS.iter().find(|plan| plan.name == name));
    match inside {
        Some(plan) => Plan::parse(plan.text, plan.name),
        None => Plan::read(path).map_err(|problem| {
            let named = path.extension().is_none() && path.components().count() == 1 && !path.exists();
            match (named, path.to_str().and_then(|name| find(name).err())) {
                (true, Some(unknown)) => unknown.hint("`leanset plans` lists those inside; any other is a file"),
                _ => problem,
            }
        }),
    }
}

/// Methods of a first comparison: what follows the distribution of a class, and what covers it.
const METHODS_OF_A_PLAN: [&str; 4] = ["stratified-random", "energy", "herding", "maxmin"];
/// The fraction that is tested on.
const TEST: f64 = 0.25;

/// A plan for a table, commented: ratios, repetitions and epochs that fit its rows and classes.
pub(super) fn init(table: &Path, columns: &Columns, context: &Context<'_>) -> Result<String> {
    let Some(label) = columns.label.as_deref() else {
        return Err(Problem::new("a plan needs the column of classes").hint(setting::LABEL.to("COLUMN")));
    };
    let input = Input::read(&table.into(), columns, context)?;
    let data = input.dataset()?;
    let (rows, sizes) = (data.rows(), data.classes().sizes());
    if data.classes().populated() < 2 {
        return Err(Problem::new(format!("{}: the column '{label}' holds one class", input.table.name()))
            .hint(text!["name another column: ", setting::LABEL.to("COLUMN")]));
    }
    let tested: usize = holdout::test_counts(&sizes, TEST)?.iter().sum();
    let training = rows - tested;
    // A row of each class would be all of a smaller set, and methods could not differ.
    let least = (3 * data.classes().populated()).max(20);
    let wanted = |ratio: f64| (ratio * training as f64).round() as usize >= least;
    let mut ratios: Vec<f64> = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].into_iter().filter(|&ratio| wanted(ratio)).collect();
    if ratios.is_empty() {
        ratios = vec![0.5, 0.8];
    }
    leanset_core::Budget::Ratio(ratios[0]).allocate(&sizes, EmptyClasses::Forbid)?;
    let repetitions: u32 = if rows < 2_000 { 20 } else { 10 };
    let epochs = (1_500_000 / training.max(1)).clamp(10, 100);
    let power = Power::new(repetitions as usize, Spread::OfTestPart(tested));
    let quoted = |text: &str| toml_string(text);
    let name = table.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let smallest = sizes.iter().filter(|&&size| size > 0).min().copied().unwrap_or(0);
    let mut out = format!(
        "# An experiment on {}: {} rows, {} features per row, {}.\n#\n#   leanset experiment plan.toml --dry-run\n#   leanset experiment plan.toml --output runs.jsonl\n#   leanset report runs.jsonl --output report.html\n#\n# Add a ratio, a method, a model or repetitions at any time: the same command then does only what is new.\n\n",
        comment(input.table.name()),
        render::count(rows),
        render::count(data.columns()),
        render::counted(data.classes().populated(), "class", "classes"),
    );
    let _ = write!(
        out,
        "title = {}\n\n# Each repetition has another split and other seeds. A verdict needs 6 or more.\n# {}\nrepetitions = {repetitions}\n\n",
        quoted(&format!("{name}: is a smaller training set good enough?")),
        power.describe("accuracy", "rows").replace('\n', " "),
    );
    let id = columns.id.as_ref().map_or_else(String::new, |id| format!("id = {}\n", quoted(id)));
    let exclude = match columns.exclude.as_slice() {
        [] => "# exclude = [\"name\"]     # columns that are no features\n".to_owned(),
        names => format!("exclude = [{}]\n", names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")),
    };
    let shown = std::path::absolute(table).unwrap_or_else(|_| table.to_owned());
    let _ = write!(
        out,
        "[data]\npath = {}\nlabel = {}\n{id}{exclude}# missing = \"mean\"       # or \"drop\"\n\n[split]\ntest = {TEST}              # {} test rows\n\n",
        quoted(&shown.display().to_string()),
        quoted(label),
        render::count(tested),
    );
    let listed: Vec<String> = ratios.iter().map(f64::to_string).collect();
    let kept = |ratio: f64| render::count((ratio * training as f64).round() as usize);
    let _ = write!(
        out,
        "[reduce]\n# Fractions of the {} training rows: {} to {} rows. The smallest class has {} rows in all.\nratios = [{}]\n\n",
        render::count(training),
        kept(ratios[0]),
        kept(ratios[ratios.len() - 1]),
        render::count(smallest),
        listed.join(", "),
    );
    for method in METHODS_OF_A_PLAN {
        let info = leanset_core::methods::find(method)?;
        let _ = writeln!(out, "[[method]]               # {}\nname = {}\n", first_line(info.summary), quoted(info.id));
    }
    let others: Vec<&str> = METHODS.iter().map(|info| info.id).filter(|id| !METHODS_OF_A_PLAN.contains(id)).collect();
    let _ = write!(out, "# Other methods: {}.\n# `leanset methods NAME` describes one.\n\n", others.join(", "));
    let _ = write!(
        out,
        "# What is trained on the kept rows, and tested. Take the kind that is nearest to yours.\n[[model]]\nname = \"linear\"\nkind = \"logistic\"\n\n[[model]]\nname = \"neighbors\"\nkind = \"neighbors\"\n\n[[model]]\nname = \"perceptron\"\nkind = \"mlp\"\nhidden = [64, 64]\nepochs = {epochs}\n\n# [energy]\n# country = \"ESP\"         # for grams of CO2\n"
    );
    // It must be one that the experiment takes.
    Plan::parse(&out, "plan.toml")
        .map_err(|problem| Problem::internal(format!("the plan cannot be used: {problem}")))?;
    Ok(out)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end_matches('.')
}

/// A text as it can stand in a comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text as a string of TOML: JSON is a part of it.
fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
