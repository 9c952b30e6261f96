//! What a shell offers beside flags: methods, countries, and the columns of the table that is named on the line.
//!
//! The script of `leanset completions` asks the program itself, so that it knows what this version knows.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::Path;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use leanset_core::methods::METHODS;
use leanset_problem::visible;
use leanset_tables::{ReadOptions, format_of_path, read, read_bytes};

/// Bytes of a text table in which its header is looked for.
const HEAD: u64 = 1 << 16;
/// The largest file of another format that is opened to complete a name.
const LARGEST: u64 = 64 << 20;

/// The command line with its completions.
pub(crate) fn complete(command: clap::Command) -> clap::Command {
    let of_tables = ["reduce", "rank", "measure"];
    let command = of_tables.into_iter().fold(command, |command, verb| {
        command.mut_subcommand(verb, |verb| with_countries(with_methods(with_columns(verb))))
    });
    command
        .mut_subcommand("images", |images| {
            images
                .mut_subcommand("reduce", |verb| with_countries(with_methods(verb)))
                .mut_subcommand("features", with_countries)
        })
        .mut_subcommand("energy", with_countries)
        .mut_subcommand("methods", |verb| verb.mut_arg("name", |arg| arg.add(ArgValueCompleter::new(methods))))
}

fn add(command: clap::Command, names: &[&str], completer: &ArgValueCompleter) -> clap::Command {
    let known: Vec<String> = command.get_arguments().map(|arg| arg.get_id().to_string()).collect();
    let names = names.iter().copied().filter(|name| known.iter().any(|id| id == name));
    names.fold(command, |command, name| command.mut_arg(name, |arg| arg.add(completer.clone())))
}

fn with_methods(command: clap::Command) -> clap::Command {
    add(command, &["method"], &ArgValueCompleter::new(methods))
}

fn with_countries(command: clap::Command) -> clap::Command {
    add(command, &["country"], &ArgValueCompleter::new(countries))
}

fn with_columns(command: clap::Command) -> clap::Command {
    add(command, &["label", "id", "features", "exclude"], &ArgValueCompleter::new(columns))
}

fn methods(given: &OsStr) -> Vec<CompletionCandidate> {
    let given = given.to_string_lossy();
    let names =
        METHODS.iter().flat_map(|m| std::iter::once(m.id).chain(m.aliases.iter().copied()).map(|n| (n, m.summary)));
    names
        .filter(|(name, _)| name.starts_with(&*given))
        .map(|(name, summary)| CompletionCandidate::new(name).help(Some(summary.into())))
        .collect()
}

fn countries(given: &OsStr) -> Vec<CompletionCandidate> {
    let given = given.to_string_lossy();
    let countries = leanset_energy::countries().iter().filter(|country| country.code.starts_with(&*given));
    countries.map(|country| CompletionCandidate::new(country.code).help(Some(country.name.into()))).collect()
}

/// Columns of the first table on the line, behind what a list holds already.
fn columns(given: &OsStr) -> Vec<CompletionCandidate> {
    let given = given.to_string_lossy();
    let (before, last) = given.rsplit_once(',').map_or(("", &*given), |(before, last)| (&given[..=before.len()], last));
    let line: Vec<_> = std::env::args_os().skip(1).collect();
    let names = line.iter().find_map(|word| names_in(Path::new(word))).unwrap_or_default();
    // A shell would write control characters to the terminal as they are.
    let names = names.into_iter().filter(|name| name.starts_with(last) && visible(name) == name.as_str());
    names.map(|name| CompletionCandidate::new(format!("{before}{name}"))).collect()
}

/// The columns of a table; nothing of what is none, or is too large to be opened for a name.
fn names_in(path: &Path) -> Option<Vec<String>> {
    let (format, compression) = format_of_path(path).ok()?;
    let size = path.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    let options = ReadOptions::default();
    let text = matches!(format, leanset_spec::Format::Csv | leanset_spec::Format::Tsv);
    let table = if text && compression == leanset_tables::Compression::None {
        let mut head = Vec::new();
        std::fs::File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
        // Whole lines: the last one may be cut.
        if size > HEAD {
            head.truncate(head.iter().rposition(|&byte| byte == b'\n')? + 1);
        }
        read_bytes(&path.to_string_lossy(), head, &options).ok()?
    } else if size <= LARGEST {
        read(path, &options).ok()?
    } else {
        return None;
    };
    Some(table.columns().iter().map(|column| column.name.clone()).collect())
}
