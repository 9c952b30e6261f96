//! Manifests as files, and as arguments. What is in them: `leanset_documents::manifest`.

use std::path::{Path, PathBuf};

use leanset_core::Reducer;
use leanset_core::params::Value;
pub(crate) use leanset_documents::manifest::{
    BudgetRecord, ClassRecord, ColumnsRecord, EpsilonRecord, FileRecord, Manifest, Measured, MethodRecord,
    OutputRecord, RankingRecord, SCHEMA, WarningRecord,
};
pub(crate) use leanset_documents::{number, parse as value, value as json};
use leanset_problem::Warning;

use crate::args::{Emit, Missing, Order, Scale, TableArgs};
use crate::error::{DIFFERENT, Failure};
use crate::input::Input;
use crate::output::{self, Outputs};
use crate::text;

/// Reads a manifest.
pub(crate) fn read(path: &Path) -> Result<Manifest, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| Failure::io(&format!("{name}: cannot be read"), &e))?;
    Ok(Manifest::parse(&name, &text)?)
}

/// Where a recorded file is: relative paths are of where the command was run, which often is one of these folders.
pub(crate) fn found(recorded: &Path, folders: &[&Path]) -> PathBuf {
    if recorded.exists() {
        return recorded.to_owned();
    }
    let beside = folders.iter().map(|folder| folder.join(recorded)).find(|path| path.exists());
    beside.unwrap_or_else(|| recorded.to_owned())
}

/// Says that a manifest is of another version, if it is.
pub(crate) fn tell_version(theirs: &str) {
    let ours = env!("CARGO_PKG_VERSION");
    if theirs != ours {
        text::say(&text::warning(
            &Warning::new("other-version", format!("the manifest is of leanset {theirs}, and this is {ours}"))
                .hint("results may differ between versions; a difference is reported below"),
        ));
    }
}

/// Before anything is read: a file must be the one of the manifest that is to be reproduced. `flag` names it, `what` it is,
/// and `expected` is its SHA-256 and, if that was recorded, its size.
pub(crate) fn check_source(
    (flag, what): (&str, &str),
    path: Option<&Path>,
    expected: Option<(&str, Option<u64>)>,
) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let Some((expected, size)) = expected else {
        return Err(Failure::new(format!("{flag} {}: the manifest has no {what}", path.display()))
            .hint(format!("leave {flag} out")));
    };
    let (sha256, bytes) =
        output::sha256(path).map_err(|error| error.hint(format!("say where the {what} is now: {flag} FILE")))?;
    if sha256 == expected {
        return Ok(());
    }
    let short = expected.get(..12).unwrap_or(expected);
    let differs = match size {
        Some(size) => format!("SHA-256 {} and {bytes} bytes, not {short} and {size}", &sha256[..12]),
        None => format!("SHA-256 {}, not {short}", &sha256[..12]),
    };
    Err(Failure::new(format!("{}: is not the {what} of the manifest: {differs}", path.display()))
        .hint(format!("name the original file: {flag} FILE"))
        .code(DIFFERENT))
}

/// What came out must be as in the manifest: `differing` are the keys where it is not, `version` wrote it.
pub(crate) fn check_differences(differing: &[String], version: &str) -> Result<(), Failure> {
    if differing.is_empty() {
        return Ok(());
    }
    let more = if differing.len() > 6 { format!(" and {} more", differing.len() - 6) } else { String::new() };
    let named = differing.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
    Err(Failure::new(format!("the result differs from the manifest in {named}{more}"))
        .hint(format!("the manifest is of leanset {version} or was changed; nothing was written"))
        .code(DIFFERENT))
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
