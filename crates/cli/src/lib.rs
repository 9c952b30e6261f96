//! The command line `leanset`: arguments, rendering, exit codes. What is done is done by the crate `leanset`.
//!
//! Data go to stdout or to files, words to stderr. Exit codes are in [`exit`]; what each means stands in `leanset --help`.

mod args;
mod commands;
mod completions;
mod exit;
mod render;
mod session;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use leanset::{Problem, Result};
use leanset_problem::Face;

use args::{Cli, Verb};
use commands::energy::EnergyVerb;
use commands::images::ImagesVerb;

/// The command line as clap sees it: for completions, the manual page and the reference.
pub fn command() -> clap::Command {
    Cli::command()
}

/// What every exit code means, for the reference.
pub fn exit_codes() -> &'static str {
    args::CODES
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Asked by the script of `leanset completions`, it answers and ends.
    clap_complete::CompleteEnv::with_factory(|| completions::complete(Cli::command())).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are data; the rest are words, and hold what was typed. A closed pipe is nobody's failure.
            if error.use_stderr() {
                render::eprint(&error.render().ansi().to_string());
                return ExitCode::from(exit::UNUSABLE);
            }
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    // A command that is metered gets the signals, and what it makes of them is its own.
    if !matches!(cli.verb, Verb::Energy(_)) {
        leanset::output::remove_unfinished_when_interrupted(commands::experiment::say_how_to_go_on);
    }
    // A plan's problems are about its keys.
    let face = match &cli.verb {
        // A new plan is asked for by flags.
        Verb::Experiment(args) if args.init.is_none() => Face::Plan,
        _ => Face::CommandLine,
    };
    let result = guarded(|| run(cli));
    leanset::output::wait_if_interrupted();
    match result {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            render::eprint(&render::problem(&problem, face));
            ExitCode::from(exit::of(problem.code))
        }
    }
}

/// Turns a fault of leanset into a problem that says so. Libraries that read damaged files may panic and be caught on the
/// way, so the words of a panic are kept and only said when it comes through to here.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    static WORDS: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut words) = WORDS.lock() {
            *words = panic.to_string().replace('\n', " ");
        }
    }));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let words = WORDS.lock().map(|w| w.clone()).unwrap_or_default();
        Err(Problem::internal(format!("leanset itself failed: {words}"))
            .hint("this is a bug in leanset, not in your data: please report it with the command that you ran"))
    })
}

/// Runs a verb, prints its data and returns the exit code.
fn run(cli: Cli) -> Result<u8> {
    let data = match cli.verb {
        Verb::Reduce(args) => commands::reduce::run(&args),
        Verb::Choose(args) => commands::choose::run(&args),
        Verb::Rank(args) => commands::rank::run(&args),
        Verb::Measure(args) => commands::measure::run(&args),
        Verb::Energy(args) => match &args.verb {
            None => return commands::energy::run(&args),
            Some(EnergyVerb::Doctor(args)) => commands::energy::doctor(args),
        },
        Verb::Images(args) => match &args.verb {
            ImagesVerb::Check(args) => {
                let (data, code) = commands::images::check::run(args)?;
                return render::print(&data).map(|()| code);
            }
            ImagesVerb::Choose(args) => commands::images::choose::run(args),
            ImagesVerb::Reduce(args) => commands::images::reduce::run(args),
            ImagesVerb::Features(args) => commands::images::features::run(args),
        },
        Verb::Methods(args) => commands::methods::run(&args),
        Verb::Plans(args) => commands::plans::run(&args),
        Verb::Experiment(args) => commands::experiment::run(&args),
        Verb::Report(args) => commands::report::run(&args),
        Verb::Demo(args) => commands::demo::run(&args),
        Verb::Completions(args) => commands::shell::completions(&args),
        Verb::Man(args) => commands::shell::man(&args),
    }?;
    render::print(&data).map(|()| 0)
}
