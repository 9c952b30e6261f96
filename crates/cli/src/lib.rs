//! The command line `leanset`: arguments, progress, printing, exit codes.
//!
//! Data go to stdout or to files, words to stderr. Outputs appear by rename, whole or not at all ([`output`]); each has
//! a manifest beside it ([`manifest`]) from which it can be made again. Exit codes: 0 done, 2 the request or its data
//! cannot be used, 3 a manifest could not be reproduced, 130 interrupted, 1 a fault of leanset itself; of a command that `energy` runs, its own.

mod args;
mod child;
mod commands;
mod detector;
mod error;
mod input;
mod machine;
mod manifest;
mod output;
mod plan;
mod progress;
mod ranking;
mod shapes;
mod target;
mod text;
mod training;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, EnergyVerb, ImagesVerb, Verb};
use error::Failure;

/// The command line as clap sees it: for completions, the manual page and the reference.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are data; the rest are words. A closed pipe is nobody's failure.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    // A command that is metered gets the signals, and what it makes of them is its own.
    if !matches!(cli.verb, Verb::Energy(_)) {
        output::remove_unfinished_when_interrupted();
    }
    match guarded(|| run(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let _ = write!(anstream::stderr(), "{}", failure.styled());
            ExitCode::from(failure.code)
        }
    }
}

/// Turns a fault of leanset into an error that says so. Libraries that read damaged files may panic and be caught on the
/// way, so the words of a panic are kept and only said when it comes through to here.
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    static WORDS: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut words) = WORDS.lock() {
            *words = panic.to_string().replace('\n', " ");
        }
    }));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let words = WORDS.lock().map(|w| w.clone()).unwrap_or_default();
        Err(Failure::new(format!("leanset itself failed: {words}"))
            .hint("this is a fault of the program, not of your data: please report it with the command that you ran")
            .code(error::FAULT))
    })
}

/// Runs a verb, prints its data and returns the exit code.
fn run(cli: Cli) -> Result<u8, Failure> {
    let data = match cli.verb {
        Verb::Reduce(args) => commands::reduce::run(&args),
        Verb::Rank(args) => commands::rank::run(&args),
        Verb::Measure(args) => commands::measure::run(&args),
        Verb::Energy(args) => match &args.verb {
            None => return commands::energy::run(&args),
            Some(EnergyVerb::Doctor(args)) => commands::energy::doctor(args),
        },
        Verb::Images(args) => match &args.verb {
            ImagesVerb::Check(args) => {
                let (data, code) = commands::images::check(args)?;
                return print(&data).map(|()| code);
            }
            ImagesVerb::Reduce(args) => commands::images::reduce(args),
            ImagesVerb::Features(args) => commands::images::features(args),
        },
        Verb::Methods(args) => commands::methods::run(&args),
        Verb::Experiment(args) => commands::experiment::run(&args),
        Verb::Report(args) => commands::report::run(&args),
        Verb::Demo(args) => commands::demo::run(&args),
        Verb::Completions(args) => Ok(commands::shell::completions(&args)),
        Verb::Man(args) => commands::shell::man(&args),
    }?;
    print(&data).map(|()| 0)
}

/// Writes to stdout; a reader that has gone away has had what it wanted.
fn print(data: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    match out.write_all(data.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io("stdout: cannot be written", &error))
        }
        _ => Ok(()),
    }
}
