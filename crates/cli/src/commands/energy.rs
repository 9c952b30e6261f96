//! `leanset energy`: what a command took, and what this machine can measure.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use leanset_energy::{Doctor, Intensity, Joules, Meter, Options, Reading, SourceKind, State};
use serde_json::{Value, json};

use crate::args::{CarbonArgs, DoctorArgs, EnergyArgs, PowerArgs};
use crate::child::{self, End};
use crate::error::Failure;
use crate::output::Outputs;
use crate::text;

/// Letters of the command that the report repeats.
const TITLE: usize = 60;

/// Runs the command and returns its exit code.
pub(crate) fn run(args: &EnergyArgs) -> Result<u8, Failure> {
    let mut outputs = Outputs::new(args.force);
    if let Some(path) = &args.output {
        if path == Path::new("-") {
            return Err(Failure::new("--output -: stdout belongs to the command")
                .hint("name a file, or have the reading on stderr with --json"));
        }
        outputs.check(path, &[])?;
    }
    let meter = Meter::start(&with_carbon(&args.carbon, &args.power))?;
    let end = child::run(&args.command)?;
    let reading = meter.stop();

    let document = record(&args.command, end, &reading)?;
    if args.json {
        text::say(&document);
    } else if !args.quiet {
        text::say(&report(&args.command, end, &reading));
    }
    if let Some(path) = &args.output {
        outputs.stage(path, |file| {
            file.write_all(document.as_bytes())
                .map_err(|e| Failure::io(&format!("{}: cannot be written", path.display()), &e))
        })?;
        outputs.commit()?;
    }
    Ok(end.code)
}

fn options(args: &PowerArgs) -> Options {
    Options { watts: args.watts, tdp: args.tdp, root: args.root.clone(), ..Options::default() }
}

fn with_carbon(carbon: &CarbonArgs, power: &PowerArgs) -> Options {
    Options { country: carbon.country.clone(), carbon_intensity: carbon.carbon_intensity, ..options(power) }
}

/// Meters this process: its own work is the load that counters are tried under.
pub(crate) fn meter(carbon: &CarbonArgs, power: &PowerArgs) -> Result<Meter, Failure> {
    Ok(Meter::start_at_once(&with_carbon(carbon, power))?)
}

/// The energy of this process on one line of a summary.
pub(crate) fn line(reading: &Reading) -> String {
    let Some(Joules { joules, low, high }) = reading.process_joules else {
        return "  energy not known: nothing here tells joules\n".to_owned();
    };
    let words = |kind: SourceKind| if kind == SourceKind::Given { "the given watts".into() } else { kind.to_string() };
    let mut kinds: Vec<String> = reading.components.iter().map(|c| words(c.source.kind)).collect();
    kinds.dedup();
    let mut out = format!(
        "  energy {} ({} to {}), {} by {}",
        text::joules(joules),
        text::joules(low),
        text::joules(high),
        if reading.estimated { "estimated" } else { "measured" },
        kinds.join(" and ")
    );
    if let Some((mass, intensity)) = reading.carbon.as_ref().and_then(|c| Some((c.process?, &c.intensity))) {
        let _ = write!(out, "; CO₂ {} at {}", text::grams(mass.grams), self::intensity(intensity));
    }
    if reading.notes.iter().any(|note| ["source-refused", "source-failed"].contains(&note.code.as_str())) {
        out.push_str("; counters were not believed: `leanset energy doctor`");
    }
    out.push('\n');
    out
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

fn record(command: &[OsString], end: End, reading: &Reading) -> Result<String, Failure> {
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

fn value(thing: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(thing)
        .map_err(|e| Failure::new(format!("leanset itself failed: {e}")).code(crate::error::FAULT))
}

/// The reading for a person.
fn report(command: &[OsString], end: End, reading: &Reading) -> String {
    let time = |seconds: f64| text::duration(Duration::from_secs_f64(seconds));
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
        let _ = write!(out, "\n{}\n", text::columns(&[header, "energy", "from", "to"], rows, 2, 1));
    }
    for component in &reading.components {
        let name = if reading.components.len() > 1 { format!("{}: ", component.name) } else { String::new() };
        let _ = writeln!(out, "  {name}{}: {}", component.source.kind, component.source.detail);
    }
    if let Some(carbon) = &reading.carbon {
        let (of, mass) = carbon.process.map_or(("machine", carbon.machine), |mass| ("command", mass));
        let (mass, low, high) = (text::grams(mass.grams), text::grams(mass.low), text::grams(mass.high));
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
        let warning = leanset_problem::Warning {
            code: "energy".into(),
            message: note.message.clone().into(),
            hint: hint.map(Into::into),
        };
        out.push_str(&text::warning(&warning));
    }
    out
}

fn energy(name: &str, joules: &Joules) -> Vec<String> {
    vec![name.to_owned(), text::joules(joules.joules), text::joules(joules.low), text::joules(joules.high)]
}

fn intensity(intensity: &Intensity) -> String {
    let Intensity { grams_per_kwh, country_name, year, source, .. } = intensity;
    match (country_name, year) {
        (Some(country), Some(year)) => format!("{grams_per_kwh} g/kWh ({country} {year}; {source})"),
        _ => format!("{grams_per_kwh} g/kWh ({source})"),
    }
}

/// What this machine can measure.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<String, Failure> {
    let doctor = Meter::probe(&options(&args.power))?;
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
        let _ = writeln!(out, "{:<9} {:<7} {}", finding.kind.to_string(), state(finding.state), finding.why);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(out, "{:17}  → {remedy}", "");
        }
    }
    let used: Vec<SourceKind> = doctor.findings.iter().filter(|f| f.state == State::Used).map(|f| f.kind).collect();
    let names: Vec<String> = used.iter().map(SourceKind::to_string).collect();
    let _ = match used.as_slice() {
        [] | [SourceKind::CpuTime] => writeln!(out, "\nNothing here tells joules: `leanset energy` says CPU time."),
        used if used.iter().all(|kind| kind.measures()) => {
            writeln!(out, "\nUsed: {}. Joules are measured.", names.join(", "))
        }
        _ => writeln!(out, "\nUsed: {}. Joules are estimated, and say so.", names.join(", ")),
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
