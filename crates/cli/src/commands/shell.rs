//! `leanset completions` and `leanset man`: made from the arguments.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use leanset::output::Outputs;
use leanset::{Problem, Result};

/// Print a completion script.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:  leanset completions bash > ~/.local/share/bash-completion/completions/leanset")]
pub(crate) struct CompletionsArgs {
    /// Shell: bash, elvish, fish, powershell or zsh.
    #[arg(hide_possible_values = true)]
    pub(crate) shell: clap_complete::Shell,
}

/// The manual page.
#[derive(Clone, Debug, Args)]
pub(crate) struct ManArgs {
    /// Write one manual page per command into this folder instead, e.g. man/.
    #[arg(long, short, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<String> {
    use clap_complete::env::Shells;
    let (shells, name) = (Shells::builtins(), args.shell.to_string());
    let shell = shells.completer(&name).ok_or_else(|| Problem::internal(format!("there is no script for {name}")))?;
    let mut script = Vec::new();
    shell
        .write_registration("COMPLETE", "leanset", "leanset", "leanset", &mut script)
        .map_err(|error| Problem::io("the script cannot be written", error))?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

pub(crate) fn man(args: &ManArgs) -> Result<String> {
    let failed = |error| Problem::io("the manual page cannot be written", error);
    let Some(folder) = &args.output else {
        let mut page = Vec::new();
        clap_mangen::Man::new(crate::command()).render(&mut page).map_err(failed)?;
        return Ok(String::from_utf8_lossy(&page).into_owned());
    };
    std::fs::create_dir_all(folder).map_err(|e| Problem::io(format!("{}: cannot be made", folder.display()), e))?;
    // Pages are made anew from the program: replacing them loses nothing.
    let mut outputs = Outputs::new(true);
    let mut pages = Vec::new();
    pages_of(crate::command(), &mut pages);
    let mut written = Vec::new();
    for page in pages {
        let path = folder.join(format!("{}.1", page.get_name()));
        let mut text = Vec::new();
        clap_mangen::Man::new(page).render(&mut text).map_err(failed)?;
        outputs.stage(&path, |out| out.write_all(&text).map_err(failed))?;
        written.push(path);
    }
    outputs.commit()?;
    Ok(written.iter().map(|path| format!("{}\n", path.display())).collect())
}

/// A page for a command and one for each verb below it, with names such as `leanset-reduce`.
fn pages_of(command: clap::Command, pages: &mut Vec<clap::Command>) {
    let verbs: Vec<_> = command.get_subcommands().cloned().collect();
    let above = command.get_name().to_owned();
    pages.push(command);
    for verb in verbs {
        // Names are static, and pages are made once a process.
        let name: &'static str = format!("{above}-{}", verb.get_name()).leak();
        pages_of(verb.name(name).display_name(name), pages);
    }
}
