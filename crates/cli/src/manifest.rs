//! Manifests as files, and as arguments. What is in them: `leanset_documents::manifest`.

use std::path::Path;

use leanset_core::Reducer;
use leanset_core::params::Value;
pub(crate) use leanset_documents::manifest::{
    BudgetRecord, ClassRecord, ColumnsRecord, EpsilonRecord, FileRecord, Manifest, Measured, MethodRecord,
    OutputRecord, RankingRecord, SCHEMA, WarningRecord,
};
pub(crate) use leanset_documents::{number, parse as value, value as json};

use crate::args::{Emit, Missing, Order, Scale, TableArgs};
use crate::error::Failure;
use crate::input::Input;
use crate::output::Outputs;

/// Reads a manifest.
pub(crate) fn read(path: &Path) -> Result<Manifest, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| Failure::io(&format!("{name}: cannot be read"), &e))?;
    Ok(Manifest::parse(&name, &text)?)
}

/// Stages a manifest as a file, and returns its text.
pub(crate) fn stage(manifest: &Manifest, outputs: &mut Outputs, path: &Path) -> Result<String, Failure> {
    let text = manifest.text()?;
    outputs.stage(path, |out| {
        out.write_all(text.as_bytes()).map_err(|e| Failure::io("the manifest cannot be written", &e))
    })?;
    Ok(text)
}

/// The arguments that make the same columns.
pub(crate) fn arguments(record: &ColumnsRecord) -> Result<TableArgs, Failure> {
    use clap::ValueEnum as _;
    let bad = |what: &str| Failure::new(format!("the manifest has an unknown {what}"));
    Ok(TableArgs {
        label: record.label.clone(),
        features: record.features_given.then(|| record.features.clone()),
        exclude: record.exclude.clone(),
        id: record.id.clone(),
        missing: Missing::from_str(&record.missing, false).map_err(|_| bad("rule for missing values"))?,
        scale: Scale::from_str(&record.scale, false).map_err(|_| bad("scaling"))?,
        bins: record.bins,
        format: record.format.as_deref().map(str::parse).transpose().map_err(|_| bad("format"))?,
        sheet: record.sheet.clone(),
        delimiter: record.delimiter.as_ref().and_then(|d| d.bytes().next()),
    })
}

/// The word of a value of an argument with fixed words.
pub(crate) fn word(value: impl clap::ValueEnum + Copy) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}

/// Which rows of the output, and in which order.
pub(crate) fn emit(record: &OutputRecord) -> Result<(Emit, Order), Failure> {
    use clap::ValueEnum as _;
    let bad = |_| Failure::new("the manifest has an unknown way of writing rows");
    Ok((Emit::from_str(&record.emit, false).map_err(bad)?, Order::from_str(&record.order, false).map_err(bad)?))
}

/// The parameters as used, row ids as the file counts them.
pub(crate) fn parameters(reducer: &Reducer, input: &Input) -> std::collections::BTreeMap<String, serde_json::Value> {
    let original = |value: &Value| match value {
        Value::Rows(rows) => rows.iter().map(|&r| input.original(r).0).collect(),
        other => json(other),
    };
    reducer.params().iter().map(|(n, v)| (n.to_owned(), original(v))).collect()
}
