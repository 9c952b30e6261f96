//! `leanset energy`: what a command took, and what this machine can measure.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use leanset::output::Outputs;
use leanset::subprocess::{self, End};
use leanset::{Problem, Result, Warning};
use leanset_energy::{Doctor, Joules, Meter, Reading, SourceKind, State};
use leanset_problem::{Face, setting, text};
use leanset_spec::{Energy, Power};
use serde_json::{Value, json};

use crate::render;
use crate::render::energy::intensity;

/// Run a command and report the energy that it used.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(disable_help_subcommand = true, subcommand_value_name = "VERB")]
#[command(after_help = "\
Examples:
  leanset energy --country ESP -- python train.py
  leanset energy doctor")]
pub(crate) struct EnergyArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<EnergyVerb>,
    /// Command to run, with its arguments, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    #[command(flatten)]
    pub(crate) energy: Energy,
    /// Also write the result as JSON to this file, e.g. energy.json (docs/json.md).
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an output file that exists.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) force: bool,
    /// Print the result as JSON on stderr, since stdout belongs to the command (docs/json.md).
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print no result.
    #[arg(long, short, conflicts_with = "json", help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// What else there is to do about energy.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum EnergyVerb {
    /// Report what this machine can measure, and how to measure more.
    Doctor(DoctorArgs),
}

/// Report what this machine can measure.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) power: Power,
    /// Print as JSON (docs/json.md).
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Letters of the command that the report repeats.
const TITLE: usize = 60;

/// Runs the command and returns its exit code.
pub(crate) fn run(args: &EnergyArgs) -> Result<u8> {
    let mut outputs = Outputs::new(args.force);
    if let Some(path) = &args.output {
        if path == Path::new("-") {
            return Err(Problem::new(text![setting::OUTPUT.to("-"), ": stdout belongs to the command"])
                .hint(text!["name a file, or have the reading on stderr with ", &setting::JSON]));
        }
        outputs.check(path, &[])?;
    }
    let meter = Meter::start(&args.energy.options())?;
    let end = subprocess::run(&args.command)?;
    let reading = meter.stop();

    let document = record(&args.command, end, &reading)?;
    if args.json {
        render::eprint(&document);
    } else if !args.quiet {
        render::eprint(&report(&args.command, end, &reading));
    }
    if let Some(path) = &args.output {
        outputs.stage(path, |file| {
            file.write_all(document.as_bytes())
                .map_err(|e| Problem::io(format!("{}: cannot be written", path.display()), e))
        })?;
        outputs.commit()?;
    }
    Ok(end.code)
}

/// The command as it was given.
fn words_of(command: &[OsString]) -> Vec<String> {
    command.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The command on one line, the beginning of it if it is long.
fn title(command: &[OsString]) -> String {
    let line = words_of(command).join(" ").replace(char::is_control, " ");
    match line.char_indices().nth(TITLE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn record(command: &[OsString], end: End, reading: &Reading) -> Result<String> {
    let document = json!({
        "schema": "leanset.energy/1",
        "leanset": env!("CARGO_PKG_VERSION"),
        "command": words_of(command),
        "exit_code": end.code,
        "signal": end.signal,
        "reading": value(reading)?,
    });
    Ok(format!("{document:#}\n"))
}

fn value(thing: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(thing).map_err(|e| Problem::internal(format!("leanset itself failed: {e}")))
}

/// The reading for a person.
fn report(command: &[OsString], end: End, reading: &Reading) -> String {
    let time = |seconds: f64| render::duration(Duration::from_secs_f64(seconds));
    let mut out = format!("energy of {}: {}", title(command), time(reading.seconds));
    if let Some(seconds) = reading.cpu_seconds {
        let _ = write!(out, ", {} of CPU time", time(seconds));
    }
    let _ = match (end.signal, end.code) {
        (Some(signal), _) => writeln!(out, ", ended by signal {signal}"),
        (None, 0) => writeln!(out),
        (None, code) => writeln!(out, ", exit code {code}"),
    };

    let mut rows: Vec<Vec<String>> = Vec::new();
    if let [one] = reading.components.as_slice() {
        rows.push(energy("machine", &one.energy));
    } else {
        rows.extend(reading.components.iter().map(|c| energy(&c.name, &c.energy)));
        rows.extend(reading.machine_joules.iter().map(|joules| energy("machine", joules)));
    }
    rows.extend(reading.process_joules.iter().map(|joules| energy("command", joules)));
    if !rows.is_empty() {
        let header = if reading.estimated { "estimated" } else { "measured" };
        let _ = write!(out, "\n{}\n", render::columns(&[header, "energy", "from", "to"], rows, 2, 1));
    }
    for component in &reading.components {
        let name = if reading.components.len() > 1 { format!("{}: ", component.name) } else { String::new() };
        let _ = writeln!(out, "  {name}{}: {}", component.source.kind, component.source.detail);
    }
    if let Some(carbon) = &reading.carbon {
        let (of, mass) = carbon.process.map_or(("machine", carbon.machine), |mass| ("command", mass));
        let (mass, low, high) = (render::grams(mass.grams), render::grams(mass.low), render::grams(mass.high));
        let _ = writeln!(out, "  CO₂ of the {of}: {mass} ({low} to {high}), at {}", intensity(&carbon.intensity));
    }
    if let Some(load) = &reading.load {
        let part = |part: f64| format!("{:.0} %", 100.0 * part);
        let _ = write!(out, "  machine: command {}, others {}", part(load.own), part(load.others));
        if load.stolen >= 0.005 {
            let _ = write!(out, ", withheld by the host {}", part(load.stolen));
        }
        let _ = writeln!(out, ", idle {} of {} threads", part(load.idle), load.threads);
    }
    for note in &reading.notes {
        let hint = match note.code.as_str() {
            "shared-machine" => Some("the energy of the command is less certain than on a machine of its own"),
            "source-refused" => Some("`leanset energy doctor` says what to do"),
            _ => None,
        };
        let warning = Warning { hint: hint.map(Into::into), ..Warning::new("energy", note.message.clone()) };
        out.push_str(&render::warning(&warning, Face::CommandLine));
    }
    out
}

fn energy(name: &str, joules: &Joules) -> Vec<String> {
    vec![name.to_owned(), render::joules(joules.joules), render::joules(joules.low), render::joules(joules.high)]
}

/// What this machine can measure.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<String> {
    let doctor = Meter::probe(&args.power.options())?;
    if args.json {
        let mut document = json!({ "schema": "leanset.energy-doctor/1", "leanset": env!("CARGO_PKG_VERSION") });
        if let (Value::Object(document), Value::Object(found)) = (&mut document, value(&doctor)?) {
            document.extend(found);
        }
        return Ok(format!("{document:#}\n"));
    }
    Ok(diagnosis(&doctor))
}

fn diagnosis(doctor: &Doctor) -> String {
    let mut out = doctor.processor.clone().unwrap_or_else(|| "a processor without a name".into());
    if let Some(threads) = doctor.threads {
        let _ = write!(out, ", {threads} threads");
    }
    out.push_str(if doctor.virtual_machine { ", in a virtual machine\n\n" } else { "\n\n" });
    for finding in &doctor.findings {
        let name = format!("{:<9} {:<7} ", finding.kind.to_string(), state(finding.state));
        out.push_str(&render::hanging(&name, &finding.why.to_string()));
        if let Some(remedy) = &finding.remedy {
            out.push_str(&render::hanging(&format!("{:18} → ", ""), &remedy.to_string()));
        }
    }
    let used: Vec<SourceKind> = doctor.findings.iter().filter(|f| f.state == State::Used).map(|f| f.kind).collect();
    let names: Vec<String> = used.iter().map(SourceKind::to_string).collect();
    let _ = match used.as_slice() {
        [] | [SourceKind::CpuTime] => {
            writeln!(out, "\nThis machine has no energy source: `leanset energy` reports CPU time only.")
        }
        used if used.iter().all(|kind| kind.measures()) => {
            writeln!(out, "\nUsed: {}. The energy is measured.", names.join(", "))
        }
        _ => writeln!(out, "\nUsed: {}. The energy is estimated, and marked as such.", names.join(", ")),
    };
    out
}

fn state(state: State) -> &'static str {
    match state {
        State::Used => "used",
        State::Spare => "spare",
        State::Absent => "absent",
        State::Denied => "denied",
        State::Frozen => "frozen",
        State::Broken => "broken",
        _ => "unknown",
    }
}
