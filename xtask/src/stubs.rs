//! The types of the Python estimators, which are classes that exist only when the package runs.

use std::fmt::Write as _;

use leanset_spec::methods;
use serde_json::Value;

const HEAD: &str = r#"# Made from the code by ./x docs; a test holds it against the code.
"""The estimators: one class a registered method."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from leanset._budget import SamplingStrategy
from leanset._estimator import BaseReducer
from leanset.training import Trainer

"#;

/// Parameters that every estimator has.
const COMMON: &[(&str, &str, &str)] = &[
    ("sampling_strategy", "SamplingStrategy", "\"auto\""),
    ("random_state", "int | np.random.RandomState | np.random.Generator | None", "0"),
    ("n_jobs", "int | None", "None"),
    ("allow_empty_classes", "bool", "False"),
    ("epsilon", "Literal[\"chebyshev\", \"euclidean\", \"manhattan\", \"cosine\"] | None", "None"),
    ("guard", "Literal[\"auto\", \"on\", \"off\"] | None", "None"),
    ("balance", "Literal[\"proportional\", \"sqrt\", \"equal\"]", "\"proportional\""),
    ("features", "Any", "None"),
    ("scale", "Literal[\"minmax\", \"standard\", \"unit\", \"none\", \"auto\"] | None", "None"),
    ("metric", "Literal[\"euclidean\", \"cosine\"]", "\"euclidean\""),
];

/// `estimators.pyi`.
pub(crate) fn estimators() -> String {
    let document = methods::document(None);
    let list = document["methods"].as_array().map_or(&[][..], Vec::as_slice);
    let mut names = Vec::new();
    let mut classes = String::new();
    for method in list {
        let name = class_name(text(&method["id"]));
        names.push(name.clone());
        let _ = write!(
            classes,
            "\nclass {name}(BaseReducer):\n    \"\"\"{}\n\n    {}\n    \"\"\"\n\n",
            text(&method["title"]),
            text(&method["summary"])
        );
        let mut params = Vec::new();
        for param in method["parameters"].as_array().map_or(&[][..], Vec::as_slice) {
            params.push((text(&param["name"]).to_owned(), annotation(param), default(param)));
        }
        if method["capabilities"]["dynamics"] != "no" {
            params.push(("trainer".into(), "Trainer | None".into(), "None".into()));
        }
        let own = params.len();
        params.extend(COMMON.iter().map(|(n, t, d)| ((*n).into(), (*t).into(), (*d).into())));
        for (name, kind, _) in &params[..own] {
            let _ = writeln!(classes, "    {name}: {kind}");
        }
        classes.push_str("    def __init__(\n        self,\n        *,\n");
        for (name, kind, default) in &params {
            let _ = writeln!(classes, "        {name}: {kind} = {default},");
        }
        classes.push_str("    ) -> None: ...\n");
        let short = abbreviation(method);
        let _ = write!(classes, "\nclass {short}({name}): ...\n");
        names.push(short);
    }
    let list: Vec<String> = names.iter().map(|n| format!("    \"{n}\",\n")).collect();
    let methods: Vec<String> = list_of_names(&document).iter().map(|n| format!("    \"{n}\",\n")).collect();
    format!(
        "{HEAD}__all__ = [\n{}]\n\nMethodName: TypeAlias = Literal[\n{}]\n{classes}",
        list.concat(),
        methods.concat()
    )
}

/// `__init__.pyi`: what `__init__.py` says, with the names of the estimators written out.
pub(crate) fn package() -> Result<String, String> {
    let path = crate::root().join("python/leanset/__init__.py");
    let source = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let begin = source.find("\nfrom leanset").ok_or("__init__.py: imports nothing of leanset")?;
    let document = methods::document(None);
    let list = document["methods"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<String> = list.iter().flat_map(|m| [class_name(text(&m["id"])), abbreviation(m)]).collect();
    let imported = format!("from leanset.estimators import (\n    {},\n)", names.join(",\n    "));
    let exported = format!("__all__ += [\n    \"{}\",\n]", names.join("\",\n    \""));
    let mut out = source[begin + 1..].to_owned();
    for (old, new) in
        [("from leanset.estimators import *  # noqa: F403", imported), ("__all__ += estimators.__all__", exported)]
    {
        if !out.contains(old) {
            return Err(format!("__init__.py: has no line '{old}'"));
        }
        out = out.replace(old, &new);
    }
    Ok(format!("# Made from the code by ./x docs; a test holds it against the code.\n{out}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Every name by which a method is known.
fn list_of_names(document: &Value) -> Vec<String> {
    let methods = document["methods"].as_array().into_iter().flatten();
    methods
        .flat_map(|method| {
            let aliases = method["aliases"].as_array().into_iter().flatten();
            std::iter::once(&method["id"]).chain(aliases).map(|name| text(name).to_owned())
        })
        .collect()
}

/// The name of the class: `ClusteringCentroids`; an id that is an abbreviation stays in capitals.
pub(crate) fn class_name(id: &str) -> String {
    if id.len() <= ABBREVIATION {
        return id.to_uppercase();
    }
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    id.split('-').map(word).collect()
}

/// Ids up to this length are abbreviations.
const ABBREVIATION: usize = 4;

/// The first alias, in capitals.
fn abbreviation(method: &Value) -> String {
    text(&method["aliases"][0]).to_uppercase()
}

fn annotation(param: &Value) -> String {
    let mut parts = Vec::new();
    let words: Vec<String> =
        param["words"].as_array().into_iter().flatten().map(|w| format!("\"{}\"", text(w))).collect();
    if !words.is_empty() {
        parts.push(format!("Literal[{}]", words.join(", ")));
    }
    match text(&param["type"]) {
        "rows" => parts.push("Sequence[int]".into()),
        "" => {}
        other => parts.push(other.into()),
    }
    if param["default"].is_null() {
        parts.push("None".into());
    }
    parts.join(" | ")
}

fn default(param: &Value) -> String {
    let Some(default) = param["default"].as_str() else { return "None".into() };
    let is_word = param["words"].as_array().is_some_and(|words| words.contains(&param["default"]));
    match text(&param["type"]) {
        // As Python writes it.
        "float" if !is_word => default.parse::<f64>().map_or_else(|_| default.into(), |v| format!("{v:?}")),
        "int" if !is_word => default.into(),
        _ => format!("\"{default}\""),
    }
}
