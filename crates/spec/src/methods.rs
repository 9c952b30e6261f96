//! `leanset.methods/1`: the registered methods, with all that help, documentation and generated code need.

use leanset_core::methods::{Info, METHODS};
use leanset_core::params::Kind;
use serde_json::{Value, json};

/// The schema of the document.
pub const SCHEMA: &str = "leanset.methods/1";

/// The document of one method, or of all.
pub fn document(one: Option<&'static Info>) -> Value {
    let methods: Vec<Value> = one.map_or_else(|| METHODS.to_vec(), |info| vec![info]).into_iter().map(record).collect();
    json!({ "schema": SCHEMA, "leanset": env!("CARGO_PKG_VERSION"), "methods": methods })
}

/// One method.
fn record(info: &Info) -> Value {
    let c = &info.capabilities;
    let params: Vec<_> = info
        .params
        .iter()
        .map(|s| {
            let default = (!s.default.is_empty()).then_some(s.default);
            let mut param = json!({
                "name": s.name, "constraint": s.kind.to_string(), "default": default, "doc": s.doc, "words": [],
                "type": null,
            });
            describe(&s.kind, &mut param);
            param
        })
        .collect();
    json!({
        "id": info.id,
        "aliases": info.aliases,
        "title": info.title,
        "family": info.family.to_string(),
        "summary": info.summary,
        "parameters": params,
        "cost": info.cost,
        "memory": info.memory,
        "guarantee": info.guarantee,
        "departures": info.departures,
        "reference": info.reference,
        "capabilities": {
            "nested": c.nested.to_string(),
            "per_class": c.per_class.to_string(),
            "weights": c.weights.to_string(),
            "invents": c.prototypes.to_string(),
            "seeded": c.seeded.to_string(),
            "target": c.target.to_string(),
            "continues": c.continues.to_string(),
            "dynamics": c.dynamics.to_string(),
            "coordinates": c.coordinates.to_string(),
            "guard": info.guard().map_or("no".to_owned(), |guard| guard.to_string()),
            "order_free": c.order_free.to_string(),
            "least_classes": c.least_classes,
        },
    })
}

/// What a parameter may be, for programs: its words, and the type of its other values.
fn describe(kind: &Kind, param: &mut Value) {
    match kind {
        Kind::Choice(words) => param["words"] = json!(words),
        Kind::Int { .. } => param["type"] = "int".into(),
        Kind::Float { .. } => param["type"] = "float".into(),
        Kind::Rows => param["type"] = "rows".into(),
        Kind::Or(words, other) => {
            describe(other, param);
            param["words"] = json!(words);
        }
    }
}
