//! `leanset energy`: the command keeps what is its own, and every number says where it is from.
#![cfg(unix)] // the snapshots hold the system's own words

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use crate::common::Place;
use insta::assert_snapshot;
use serde_json::Value;

/// A machine made of files in the folder `machine`.
fn machine() -> Place {
    let place = Place::new();
    let file = |name: &str, text: &str| {
        let path = place.path("machine").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    file(
        "proc/cpuinfo",
        "vendor_id : GenuineIntel\ncpu family : 6\nmodel : 85\nmodel name : Intel Xeon\nflags : fpu avx2\n",
    );
    file("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n");
    file("sys/class/powercap/intel-rapl:0/name", "package-0\n");
    file("sys/class/powercap/intel-rapl:0/energy_uj", "5000000\n");
    file("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n");
    place
}

/// Words without the numbers that the moment makes.
macro_rules! assert_words {
    ($words:expr, @$snapshot:literal) => {
        insta::with_settings!({ filters => vec![
            (r"\d[\d.]* (kJ|J|ms|µs|s|µg|mg|kg|g)([ ),;:\n]|$)", "N$2"),
            (r" {2,}(energy|from|to|N)\b", "  $1"),
            (r"─+", "─"),
        ] }, { assert_snapshot!($words, @$snapshot) })
    };
}

// The command keeps what is its own.

#[test]
fn its_input_and_output_are_its_own() {
    let place = Place::new();
    let mut child = place
        .command("energy --watts 10 --quiet -- sh -c 'cat; echo words >&2'")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(b"data\0\n").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        (output.status.code(), output.stdout, output.stderr),
        (Some(0), b"data\0\n".to_vec(), b"words\n".to_vec())
    );
}

#[test]
fn its_exit_code_is_its_own() {
    let place = Place::new();
    for code in [0, 1, 2, 7, 255] {
        let ran = place.run(&format!("energy --watts 10 --quiet -- sh -c 'exit {code}'"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(code), ""));
    }
    for (signal, code) in [("TERM", 143), ("KILL", 137)] {
        let ran = place.run(&format!("energy --watts 10 --output reading.json --force -- sh -c 'kill -{signal} $$'"));
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        assert!(ran.err.contains(&format!(", ended by signal {}\n", code - 128)), "{}", ran.err);
        let document = place.json("reading.json");
        assert_eq!((&document["exit_code"], &document["signal"]), (&code.into(), &(code - 128).into()));
    }
}

#[test]
fn words_that_look_like_options_are_the_command_s() {
    let place = Place::new();
    assert_eq!(
        place.ok("energy --watts 10 --quiet -- echo --json --country -- doctor"),
        "--json --country -- doctor\n"
    );
}

/// A signal that a process sends to leanset is the command's, once, and the reading comes all the same.
#[test]
fn its_signals_are_its_own() {
    let place = Place::new();
    for signal in ["TERM", "INT", "HUP"] {
        let script = format!(
            "n=0; trap \"n=\\$((n+1))\" {signal}; echo ready; while [ $n = 0 ]; do sleep 0.02; done; sleep 0.1; echo got $n; exit 5"
        );
        let mut child = place
            .command("energy --watts 10 -- sh -c")
            .arg(script)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        let sent = std::process::Command::new("sh").arg("-c").arg(format!("kill -{signal} {}", child.id())).status();
        assert!(sent.expect("a shell").success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).expect("text");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((rest.as_str(), output.status.code()), ("got 1\n", Some(5)), "{signal}");
        let words = String::from_utf8(output.stderr).expect("text");
        assert!(words.contains(", exit code 5\n"), "{words}");
    }
}

/// What a command leaves running is whose command it was: it goes on.
#[test]
fn what_it_leaves_running_goes_on() {
    let place = machine();
    let ran = place.run("energy --watts 10 --quiet -- sh -c 'sleep 600 > /dev/null 2>&1 & echo $!'");
    let left = nix::unistd::Pid::from_raw(ran.stdout().trim().parse().expect("a number"));
    nix::sys::signal::kill(left, nix::sys::signal::Signal::SIGKILL).expect("it is there");
}

#[test]
fn no_such_command() {
    let place = Place::new();
    assert_snapshot!(place.refuses("energy -- no-such-program --fast"), @r"
    exit 127
    error: no-such-program: cannot be run: No such file or directory
      hint: name a program that is on PATH, or give its path; a shell's own words need a shell: sh -c '…'
    ");
}

#[test]
fn a_command_that_cannot_be_run() {
    let place = Place::with("notes.txt", "words\n");
    assert_snapshot!(place.refuses("energy -- ./notes.txt"), @r"
    exit 126
    error: ./notes.txt: cannot be run: Permission denied
      hint: give the path of a program, or name what should read it: sh FILE
    ");
}

// What is refused.

#[test]
fn no_command() {
    let place = Place::new();
    assert_snapshot!(place.refuses("energy"), @r"
    exit 2
    error: the following required arguments were not provided:
      <COMMAND>...

    Usage: leanset energy -- <COMMAND>...

    For more information, try '--help'.
    ");
}

#[test]
fn a_command_without_the_two_hyphens() {
    let place = Place::new();
    assert_snapshot!(place.refuses("energy sleep 1"), @r"
    exit 2
    error: unexpected argument 'sleep' found

    Usage: leanset energy [OPTIONS] -- <COMMAND>...
           leanset energy <VERB>

    For more information, try '--help'.
    ");
}

#[test]
fn unknown_country() {
    let place = Place::new();
    assert_snapshot!(place.refuses("energy --country Spian -- touch ran"), @r"
    exit 2
    error: there is no carbon intensity for the country 'Spian'
      hint: did you mean Spain (ESP), Sri Lanka (LKA), Sudan (SDN)?
    ");
    assert_snapshot!(place.refuses("energy --country 12345 -- touch ran"), @r"
    exit 2
    error: there is no carbon intensity for the country '12345'
      hint: a country is an ISO code or an English name, such as ESP; or give --carbon-intensity
    ");
}

#[test]
fn numbers_that_are_no_power() {
    let place = Place::new();
    assert_snapshot!(place.refuses("energy --watts 0 -- touch ran"), @r"
    exit 2
    error: the power of the machine must be a number of watts above 0, not 0
    ");
    assert_snapshot!(place.refuses("energy --tdp -65 -- touch ran"), @r"
    exit 2
    error: the rated power must be a number of watts above 0, not -65
    ");
    assert_snapshot!(place.refuses("energy doctor --watts nan"), @r"
    exit 2
    error: the power of the machine must be a number of watts above 0, not NaN
    ");
    assert_snapshot!(place.refuses("energy --carbon-intensity -1 -- touch ran"), @r"
    exit 2
    error: the carbon intensity must be a number of grams per kWh, 0 or more, not -1
    ");
    assert_snapshot!(place.refuses("energy --watts much -- touch ran"), @r"
    exit 2
    error: invalid value 'much' for '--watts <W>': invalid float literal

    For more information, try '--help'.
    ");
}

#[test]
fn two_carbon_intensities() {
    let place = Place::new();
    assert_snapshot!(place.refuses("energy --country ESP --carbon-intensity 100 -- touch ran"), @r"
    exit 2
    error: the argument '--country <COUNTRY>' cannot be used with '--carbon-intensity <G_PER_KWH>'

    Usage: leanset energy --country <COUNTRY> -- <COMMAND>...

    For more information, try '--help'.
    ");
}

#[test]
fn outputs_that_cannot_be() {
    let place = Place::with("reading.json", "old");
    assert_snapshot!(place.refuses("energy --output reading.json -- touch ran"), @r"
    exit 2
    error: reading.json: exists
      hint: choose another name, or replace it with --force
    ");
    assert_snapshot!(place.refuses("energy --output - -- touch ran"), @r"
    exit 2
    error: --output -: stdout belongs to the command
      hint: name a file, or have the reading on stderr with --json
    ");
    assert_snapshot!(place.refuses("energy --output there/reading.json -- touch ran"), @r"
    exit 2
    error: there/reading.json: there is no folder there
      hint: mkdir -p there
    ");
}

// What is said.

#[test]
fn a_reading_of_given_watts() {
    let place = machine();
    let ran = place.run("energy --watts 42 --country esp --root machine -- sh -c 'exit 3'");
    assert_words!(ran.shown(), @r"
    exit 3
    energy of sh -c exit 3: N, N of CPU time, exit code 3

      estimated  energy  from  to
      ─
      machine  N  N  N
      command  N  N  N

      given: 42 W, as given, for N
      CO₂ of the command: N (N to N), at 174.05 g/kWh (Spain 2023; Our World in Data, adapted from Ember and Energy Institute (CC BY 4.0))
    ");
}

#[test]
fn a_reading_of_a_model_where_the_counter_stands_still() {
    let place = machine();
    let ran = place.run("energy --carbon-intensity 100 --root machine -- true");
    assert_words!(ran.shown(), @r"
    exit 0
    energy of true: N, N of CPU time

      estimated  energy  from  to
      ─
      machine  N  N  N
      command  N  N  N

      model: Cascade Lake: 0.69 W a thread idle, 4.06 W busy, the mean of whole servers in SPECpower_ssj2008 by Cloud Carbon Footprint; from ×0.5 to ×3
      CO₂ of the command: N (N to N), at 100 g/kWh (given)
    warning: powercap is not used: /sys/class/powercap/intel-rapl:0/energy_uj stood still under load
      hint: `leanset energy doctor` says what to do
    ");
}

#[test]
fn a_reading_without_joules() {
    let place = Place::new();
    std::fs::create_dir(place.path("machine")).expect("a folder");
    let ran = place.run("energy --country Spain --root machine -- true");
    assert_words!(ran.shown(), @r"
    exit 0
    energy of true: N, N of CPU time
    warning: this machine has no energy source: only CPU time is reported
    warning: no joules, no CO₂
    ");
}

#[test]
fn a_reading_as_json_is_the_same_on_stderr_and_in_a_file() {
    let place = machine();
    let ran = place.run("energy --country ES --root machine --json --output reading.json -- sh -c 'echo data'");
    assert_eq!((ran.code, ran.stdout()), (Some(0), "data\n"));
    assert_eq!(ran.err, place.text("reading.json"));
    let document = place.json("reading.json");
    assert_eq!(document["schema"], "leanset.energy/1");
    assert_eq!(document["command"], serde_json::json!(["sh", "-c", "echo data"]));
    assert_eq!((&document["exit_code"], &document["signal"]), (&0.into(), &Value::Null));
    let reading = &document["reading"];
    assert_eq!(reading["estimated"], true);
    assert_eq!(reading["components"][0]["source"]["kind"], "model");
    let carbon = &reading["carbon"];
    for (key, value) in [("country", "ESP"), ("country_name", "Spain")] {
        assert_eq!(carbon[key], value);
    }
    assert_eq!((&carbon["year"], &carbon["grams_per_kwh"]), (&2023.into(), &174.05.into()));
    let number = |value: &Value| value.as_f64().expect("a number");
    let grams = number(&reading["machine_joules"]["joules"]) / 3.6e6 * 174.05;
    assert!((number(&carbon["machine"]["grams"]) - grams).abs() <= 1e-12 * grams, "{carbon}");
    for of in ["machine_joules", "process_joules"] {
        let [low, middle, high] = ["low", "joules", "high"].map(|key| number(&reading[of][key]));
        assert!(0.0 < low && low < middle && middle < high, "{of}: {reading}");
    }
}

/// On this machine, whatever it can measure: the CPU time of the command is in the reading.
#[test]
fn the_time_of_the_command_is_in_the_reading() {
    let place = Place::new();
    let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    place.ok(&format!("energy --quiet --output busy.json -- sh -c '{busy}'"));
    place.ok("energy --quiet --output idle.json -- sleep 0.05");
    let [busy, idle] = ["busy.json", "idle.json"].map(|name| place.json(name)["reading"].clone());
    let cpu = |reading: &Value| reading["cpu_seconds"].as_f64().expect("CPU time");
    assert!(cpu(&busy) > 2.0 * cpu(&idle), "{} and {}", cpu(&busy), cpu(&idle));
    assert!(idle["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.05));
}

#[test]
fn the_doctor_says_what_there_is_and_what_to_do() {
    let place = machine();
    assert_snapshot!(place.ok("energy doctor --root machine"), @r"
    Intel Xeon, 2 threads

    given     absent  no power is given
                       → read a power meter, and give the watts of the machine
    powercap  frozen  /sys/class/powercap/intel-rapl:0/energy_uj stood still under load
                       → no counter is behind it: measure on the host, or give the watts of the machine
    perf      absent  there is no /sys/bus/event_source/devices/power
                       → on a Linux machine of its own: sudo modprobe rapl; a virtual machine has none
    nvml      absent  is asked of the machine itself only
    model     used    Cascade Lake: 0.69 W a thread idle, 4.06 W busy, the mean of whole servers in SPECpower_ssj2008 by Cloud Carbon Footprint; from ×0.5 to ×3
    cpu-time  spare   CPU time of the process and its children, which attributes joules to them

    Used: model. The energy is estimated, and marked as such.
    ");
    assert_snapshot!(place.ok("energy doctor --root machine --watts 60"), @r"
    Intel Xeon, 2 threads

    given     used    60 W for the machine
    powercap  frozen  /sys/class/powercap/intel-rapl:0/energy_uj stood still under load
                       → no counter is behind it: measure on the host, or give the watts of the machine
    perf      absent  there is no /sys/bus/event_source/devices/power
                       → on a Linux machine of its own: sudo modprobe rapl; a virtual machine has none
    nvml      absent  is asked of the machine itself only
    model     spare   Cascade Lake: 0.69 W a thread idle, 4.06 W busy, the mean of whole servers in SPECpower_ssj2008 by Cloud Carbon Footprint; from ×0.5 to ×3
    cpu-time  spare   CPU time of the process and its children, which attributes joules to them

    Used: given. The energy is estimated, and marked as such.
    ");
    std::fs::create_dir(place.path("nothing")).expect("a folder");
    assert_snapshot!(place.ok("energy doctor --root nothing"), @r"
    a processor without a name

    given     absent  no power is given
                       → read a power meter, and give the watts of the machine
    powercap  absent  there is no /sys/class/powercap
                       → on a Linux machine of its own: sudo modprobe intel_rapl_msr; a virtual machine has none
    perf      absent  there is no /sys/bus/event_source/devices/power
                       → on a Linux machine of its own: sudo modprobe rapl; a virtual machine has none
    nvml      absent  is asked of the machine itself only
    model     absent  there is no /proc/stat, so the load of the machine is unknown
    cpu-time  used    CPU time of the process and its children, which attributes joules to them

    This machine has no energy source: `leanset energy` reports CPU time only.
    ");
}

#[test]
fn the_doctor_as_json() {
    let place = machine();
    let document: Value = serde_json::from_str(&place.ok("energy doctor --root machine --json")).expect("JSON");
    assert_eq!(document["schema"], "leanset.energy-doctor/1");
    assert_eq!((&document["threads"], &document["virtual_machine"]), (&2.into(), &false.into()));
    let states: Vec<(&str, &str)> = document["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|f| (f["kind"].as_str().expect("a kind"), f["state"].as_str().expect("a state")))
        .collect();
    let expected = [
        ("given", "absent"),
        ("powercap", "frozen"),
        ("perf", "absent"),
        ("nvml", "absent"),
        ("model", "used"),
        ("cpu-time", "spare"),
    ];
    assert_eq!(states, expected);
}

/// The machine that the tests run on: nothing is known of it, but that it is looked at and that no joule lacks a source.
#[test]
fn the_doctor_on_this_machine() {
    let place = Place::new();
    let document: Value = serde_json::from_str(&place.ok("energy doctor --json")).expect("JSON");
    let findings = document["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 6);
    assert!(findings.iter().all(|f| f["why"].as_str().is_some_and(|why| !why.is_empty())), "{document}");
    assert!(findings.iter().any(|f| f["state"] == "used"), "{document}");
}

// The energy of leanset's own work.

/// The energy of a reduction is in its manifest, with what it is from, and leaves its reproduction alone.
#[test]
fn a_manifest_has_the_energy_of_its_making() {
    let place = machine();
    place.write("t.csv", crate::common::TABLE);
    let reduce = "reduce t.csv --label kind --method srs --count 4 --output lean.csv --root machine";
    place.ok(&format!("{reduce} --country ESP --watts 42"));
    let energy = place.json("lean.csv.manifest.json")["measured"]["energy"].clone();
    let number = |value: &Value| value.as_f64().expect("a number");
    let joules = number(&energy["machine_joules"]["joules"]);
    assert!((joules - 42.0 * number(&energy["seconds"])).abs() < 1e-9 * joules && joules > 0.0, "{energy}");
    assert_eq!((&energy["estimated"], &energy["components"][0]["source"]["kind"]), (&true.into(), &"given".into()));
    let carbon = &energy["carbon"];
    assert_eq!((&carbon["country"], &carbon["year"]), (&"ESP".into(), &2023.into()));
    assert!((number(&carbon["machine"]["grams"]) - joules / 3.6e6 * 174.05).abs() < 1e-12, "{energy}");

    // Another meter, another country or none: the same reduction.
    place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --root machine --country FRA");
    place.ok("reduce --from-manifest lean.csv.manifest.json --output again.csv --force --watts 7");
    assert_eq!(place.text("again.csv"), place.text("lean.csv"));
    let energy = place.json("again.csv.manifest.json")["measured"]["energy"].clone();
    assert_eq!((&energy["carbon"], &energy["components"][0]["source"]["kind"]), (&Value::Null, &"given".into()));
    // And of a manifest from before there was any.
    let mut old = place.json("lean.csv.manifest.json");
    old["measured"].as_object_mut().expect("an object").remove("energy").expect("it was there");
    place.write("old.json", old.to_string());
    place.ok("reduce --from-manifest old.json --output again.csv --force --root machine");
}

#[test]
fn a_summary_has_a_line_of_energy() {
    let place = machine();
    place.write("t.csv", crate::common::TABLE);
    let line = |arguments: &str| {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let lines: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("  energy ")).collect();
        assert_eq!(lines.len(), 1, "{}", ran.err);
        lines[0].to_owned()
    };
    let rank = "rank t.csv --label kind --method srs --force --output r.csv";
    assert_words!(line(&format!("{rank} --watts 42 --carbon-intensity 100")), @"  energy N (N to N), estimated by the given watts; CO₂ N at 100 g/kWh (given)");
    // The counter of this machine stands still.
    assert_words!(line(&format!("{rank} --root machine --verbose")), @"  energy N (N to N), estimated by model; counters were not believed: `leanset energy doctor`");
    let manifest = place.json("r.csv.manifest.json");
    let energy = &manifest["measured"]["energy"];
    assert_eq!(energy["notes"][0]["code"], "source-failed", "{energy}");
    assert_eq!(energy["carbon"], Value::Null);
    std::fs::create_dir(place.path("nothing")).expect("a folder");
    let reduce = "reduce t.csv --label kind --method srs --count 4 --output -";
    assert_words!(line(&format!("{reduce} --root nothing --country ESP")), @"  energy unknown: this machine has no energy source");
}

#[test]
fn an_unknown_country_is_refused_before_any_work() {
    let place = Place::with_table();
    assert_snapshot!(place.refuses("reduce t.csv --label kind --method srs --count 4 --output lean.csv --country Spian"), @r"
    exit 2
    error: there is no carbon intensity for the country 'Spian'
      hint: did you mean Spain (ESP), Sri Lanka (LKA), Sudan (SDN)?
    ");
    assert_snapshot!(place.refuses("rank t.csv --label kind --method srs --output r.csv --watts 0"), @r"
    exit 2
    error: the power of the machine must be a number of watts above 0, not 0
    ");
}
