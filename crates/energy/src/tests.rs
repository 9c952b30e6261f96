//! The meter on machines made of files, and on this one.

use crate::counter::{ActiveCounter, Counter, SourceError};
use crate::fake::{Fake, MOST};
use crate::survey::{State, survey};
use crate::{Doctor, Error, Joules, Load, Meter, Options, Reading, SourceKind, perf};

/// Starts a meter on a machine whose counters move under load, and then when a test moves them, however slow it is.
fn started(fake: &Fake) -> Meter {
    let mut meter = Meter::start_with(&fake.options(), &mut || fake.move_all()).expect("options that can be used");
    meter.still = f64::INFINITY;
    meter
}

fn examined(fake: &Fake) -> Doctor {
    crate::doctor::diagnose(&fake.sysfs(), &fake.options(), &mut || fake.move_all())
}

fn finding(doctor: &Doctor, kind: SourceKind) -> (State, &str, Option<&str>) {
    let found = doctor.findings.iter().find(|f| f.kind == kind).expect("every source is looked at");
    (found.state, found.why.as_str(), found.remedy.as_deref())
}

fn names(reading: &Reading) -> Vec<&str> {
    reading.components.iter().map(|c| c.name.as_str()).collect()
}

fn joules(reading: &Reading) -> f64 {
    reading.machine_joules.expect("joules").joules
}

fn codes(reading: &Reading) -> Vec<&str> {
    reading.notes.iter().map(|n| n.code.as_str()).collect()
}

#[test]
fn powercap_adds_up_sockets_and_memory_without_cores() {
    let fake = Fake::machine();
    let meter = started(&fake);
    for (id, energy) in [("0", 30), ("0:0", 20), ("0:1", 4), ("1", 10), ("1:0", 5), ("1:1", 2)] {
        fake.advance(&format!("intel-rapl:{id}"), energy * 1_000_000);
    }
    let reading = meter.stop();
    assert_eq!(names(&reading), ["package-0", "package-0 dram", "package-1", "package-1 dram"]);
    let machine = reading.machine_joules.expect("joules");
    assert!((machine.joules - 46.0).abs() < 1e-9, "{machine:?}");
    // 5 % of packages and 20 % of memory.
    assert!((machine.high - (40.0 * 1.05 + 6.0 * 1.2)).abs() < 1e-9, "{machine:?}");
    assert!((machine.low - (40.0 * 0.95 + 6.0 * 0.8)).abs() < 1e-9, "{machine:?}");
    assert!(!reading.estimated);
    assert!(reading.components.iter().all(|c| c.source.kind == SourceKind::Powercap && !c.source.detail.is_empty()));
}

#[test]
fn meter_counts_from_its_start() {
    let fake = Fake::machine();
    fake.set("intel-rapl:0", MOST - 5);
    let reading = started(&fake).stop();
    assert_eq!(joules(&reading), 0.0);
}

#[test]
fn counter_goes_on_when_it_wraps() {
    let fake = Fake::machine();
    let meter = started(&fake);
    fake.set("intel-rapl:0", MOST - 1_999_999);
    // Nobody looked at it there, but it is ahead of where it was: most of the range has passed, which no processor draws
    // in this time.
    assert_eq!(codes(&meter.read()), ["source-failed"]);

    let fake = Fake::machine();
    fake.set("intel-rapl:0", MOST - 999_999);
    let meter = started(&fake);
    // The load moved it by a millijoule; 0.999 J are left, and one count for the step to 0.
    fake.set("intel-rapl:0", 1_500_000);
    let reading = meter.read();
    assert!((joules(&reading) - 2.499).abs() < 1e-5, "{reading:?}");
    // And a second time.
    fake.set("intel-rapl:0", 2_500_000);
    assert!((joules(&meter.stop()) - 3.499).abs() < 1e-5);
}

#[test]
fn counter_that_goes_back_without_a_range_is_not_believed() {
    let fake = Fake::machine();
    fake.remove("sys/class/powercap/intel-rapl:1/max_energy_range_uj");
    let meter = started(&fake);
    fake.advance("intel-rapl:0", 9_000_000);
    fake.set("intel-rapl:1", 0);
    let reading = meter.stop();
    assert_eq!(codes(&reading), ["source-failed"]);
    assert!(reading.notes[0].message.contains("intel-rapl:1/energy_uj went back from "), "{:?}", reading.notes);
    // One socket is not the machine: the model has to do for both.
    assert_eq!(names(&reading), ["machine"]);
    assert!(reading.estimated && reading.components[0].source.kind == SourceKind::Model);
}

#[test]
fn meter_drops_the_source_of_a_zone_that_vanishes() {
    let fake = Fake::machine();
    let meter = started(&fake);
    fake.advance("intel-rapl:0", 1_000_000);
    fake.remove("sys/class/powercap/intel-rapl:1:1");
    let reading = meter.read();
    assert_eq!(names(&reading), ["package-0", "package-0 dram", "package-1"]);
    assert!(!reading.estimated);
    fake.remove("sys/class/powercap/intel-rapl:1");
    let reading = meter.stop();
    assert_eq!(names(&reading), ["machine"]);
    assert_eq!(codes(&reading), ["source-failed", "source-failed"]);
    assert!(reading.estimated);
}

#[test]
fn survey_does_not_believe_a_frozen_counter() {
    let fake = Fake::machine();
    let frozen = |zone: &'static str| {
        let doctor = crate::doctor::diagnose(&fake.sysfs(), &fake.options(), &mut || {
            for id in fake.sysfs().names("/sys/class/powercap").iter().filter(|id| *id != zone) {
                fake.advance(id, 1000);
            }
        });
        let (state, why, remedy) = finding(&doctor, SourceKind::Powercap);
        (state, why.to_owned(), remedy.map(str::to_owned), finding(&doctor, SourceKind::Model).0)
    };
    let (state, why, remedy, model) = frozen("intel-rapl:1");
    assert_eq!((state, model), (State::Frozen, State::Used));
    assert_eq!(why, "/sys/class/powercap/intel-rapl:1/energy_uj stood still under load");
    assert!(remedy.is_some());
    // Memory that has no counter behind it is left out, and packages are believed.
    let (state, why, _, model) = frozen("intel-rapl:1:1");
    assert_eq!((state, model), (State::Used, State::Spare));
    assert!(why.starts_with("counts package-0, package-0 dram, package-1; not package-1 dram ("), "{why}");

    let reading = Meter::start_with(&fake.options(), &mut || {}).expect("a meter").stop();
    assert!(reading.estimated);
    assert_eq!(codes(&reading), ["source-refused"]);
}

#[test]
fn meter_does_not_believe_a_counter_that_freezes_later() {
    let fake = Fake::machine();
    let mut meter = started(&fake);
    assert!(!meter.read().estimated);
    meter.still = 0.0;
    let reading = meter.stop();
    assert!(reading.estimated && reading.notes.iter().all(|n| n.code == "source-failed"), "{reading:?}");
    assert!(reading.notes[0].message.contains("stood still"));
}

/// Whatever happens to a counter between the first look at it and the start, the reading says why it is an estimate.
#[test]
fn meter_notes_a_counter_that_dies_before_the_start() {
    let energy = "sys/class/powercap/intel-rapl:1/energy_uj";
    // While counters are tried.
    let fake = Fake::machine();
    let reading = Meter::start_with(&fake.options(), &mut || {
        if fake.root().join(energy).exists() {
            fake.move_all();
            fake.remove(energy);
        }
    })
    .expect("a meter")
    .stop();
    assert!(reading.estimated && names(&reading) == ["machine"], "{reading:?}");
    assert_eq!(codes(&reading), ["source-refused"]);
    let message = &reading.notes[0].message;
    assert!(message.starts_with("powercap is not used: /sys/class/powercap/intel-rapl:1/energy_uj: "), "{message}");
    // Before anybody looked: the zone is listed, and has no counter.
    let reading = started(&fake).stop();
    assert!(reading.estimated);
    assert_eq!(codes(&reading), ["source-refused"]);
    // And at once.
    let reading = Meter::start_at_once(&fake.options()).expect("a meter").stop();
    assert!(reading.estimated);
    assert_eq!(codes(&reading), ["source-refused"]);
    // A machine that has no counters is no news.
    assert_eq!(codes(&Meter::start_at_once(&no_counters().options()).expect("a meter").stop()), [""; 0]);
}

/// A machine of four threads and nothing that counts.
fn no_counters() -> Fake {
    let fake = Fake::empty();
    fake.stat(0, 0, 0);
    fake
}

#[test]
fn start_at_once_takes_the_work_as_load() {
    let fake = Fake::machine();
    let before: Vec<u64> = fake.sysfs().names("/sys/class/powercap").iter().map(|id| fake.stands_at(id)).collect();
    let meter = Meter::start_at_once(&fake.options()).expect("a meter");
    // Nothing has moved yet, and so nothing is claimed to be measured.
    let reading = meter.read();
    assert!(reading.estimated && names(&reading) == ["machine"], "{reading:?}");
    assert!(codes(&reading).iter().all(|code| *code == "source-failed") && !reading.notes.is_empty(), "{reading:?}");
    assert!(reading.notes[0].message.contains("stood still"), "{reading:?}");
    for (id, before) in fake.sysfs().names("/sys/class/powercap").iter().zip(before) {
        fake.set(id, before + 3_000_000);
    }
    let reading = meter.stop();
    assert!(!reading.estimated && reading.notes.is_empty(), "{reading:?}");
    assert!((joules(&reading) - 12.0).abs() < 1e-9, "two packages and their memory: {reading:?}");
}

#[test]
fn survey_gives_a_slow_counter_time() {
    let fake = Fake::machine();
    let mut moments = 0;
    let found = survey(
        &fake.sysfs(),
        Some(&mut || {
            moments += 1;
            if moments == 3 {
                fake.move_all();
            }
        }),
    );
    assert_eq!((moments, found.processors.len()), (3, 4));
}

#[cfg(target_os = "linux")]
#[test]
fn survey_says_what_to_do_about_counters_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let fake = Fake::machine();
    let allow = |name: &str, mode| {
        let path = fake.root().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
    };
    allow("", 0o755);
    for id in fake.sysfs().names("/sys/class/powercap") {
        allow(&format!("sys/class/powercap/{id}/energy_uj"), 0o400);
    }
    // Root may read everything: a thread of its own looks as nobody does.
    let look = || {
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
        let may = std::fs::read(fake.root().join("sys/class/powercap/intel-rapl:0/energy_uj"));
        assert!(nix::unistd::Uid::effective().as_raw() != 0 || may.is_err(), "the thread is still root");
        crate::doctor::diagnose(&fake.sysfs(), &fake.options(), &mut || {})
    };
    if !nix::unistd::Uid::effective().is_root() {
        for id in fake.sysfs().names("/sys/class/powercap") {
            allow(&format!("sys/class/powercap/{id}/energy_uj"), 0o000);
        }
    }
    let doctor = std::thread::scope(|scope| scope.spawn(look).join()).expect("it looks");
    let (state, why, remedy) = finding(&doctor, SourceKind::Powercap);
    assert_eq!(state, State::Denied);
    assert_eq!(why, "/sys/class/powercap/intel-rapl:0/energy_uj: Permission denied");
    assert_eq!(remedy, Some("until the next start of the machine: sudo chmod a+r /sys/class/powercap/*/energy_uj"));
    assert_eq!(finding(&doctor, SourceKind::Model).0, State::Used);

    // Allowed at the first look, and no more at the start.
    let closed = ["intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1", "intel-rapl:1:1"];
    closed.iter().for_each(|id| allow(&format!("sys/class/powercap/{id}/energy_uj"), 0o444));
    let begin = || {
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
        let meter = Meter::start_with(&fake.options(), &mut || {
            nix::unistd::setfsuid(nix::unistd::Uid::effective());
            fake.move_all();
            closed.iter().for_each(|id| allow(&format!("sys/class/powercap/{id}/energy_uj"), 0o000));
            nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
        });
        meter.expect("a meter").stop()
    };
    let reading = std::thread::scope(|scope| scope.spawn(begin).join()).expect("it reads");
    assert!(reading.estimated, "{reading:?}");
    assert_eq!(codes(&reading), ["source-refused"]);
    assert!(reading.notes[0].message.ends_with("intel-rapl:0/energy_uj: Permission denied"), "{reading:?}");
}

#[test]
fn powercap_with_text_for_a_number_is_broken() {
    let fake = Fake::machine();
    fake.write("sys/class/powercap/intel-rapl:0/energy_uj", "many");
    let doctor = examined_without_moving(&fake);
    let (state, why, _) = finding(&doctor, SourceKind::Powercap);
    assert_eq!(
        (state, why),
        (State::Broken, "/sys/class/powercap/intel-rapl:0/energy_uj: 'many' is not a whole number")
    );
}

fn examined_without_moving(fake: &Fake) -> Doctor {
    crate::doctor::diagnose(&fake.sysfs(), &fake.options(), &mut || {})
}

#[test]
fn powercap_does_not_count_the_second_window() {
    let fake = Fake::machine();
    fake.zone("intel-rapl-mmio:0", "package-0");
    fake.zone("intel-rapl:2", "psys");
    assert!(
        finding(&examined(&fake), SourceKind::Powercap).1.starts_with("counts package-0, package-0 dram, package-1,")
    );
    let only = Fake::empty();
    only.zone("intel-rapl-mmio:0", "package-0");
    assert_eq!(finding(&examined(&only), SourceKind::Powercap).1, "counts package-0");
}

#[test]
fn powercap_uses_psys_where_there_are_no_packages() {
    let fake = Fake::empty();
    fake.zone("intel-rapl:0", "psys");
    fake.zone("intel-rapl:0:0", "core");
    assert_eq!(finding(&examined(&fake), SourceKind::Powercap).1, "counts psys");
    let fake = Fake::empty();
    fake.zone("intel-rapl:0", "core");
    let doctor = examined(&fake);
    let (state, why, remedy) = finding(&doctor, SourceKind::Powercap);
    assert_eq!((state, why), (State::Absent, "/sys/class/powercap has no package and no psys"));
    assert!(remedy.is_some());
}

#[test]
fn meter_without_files_claims_cpu_time_alone() {
    let fake = Fake::empty();
    let options = Options { country: Some("ESP".into()), ..fake.options() };
    let reading = Meter::start(&options).expect("a meter").stop();
    assert_eq!((reading.machine_joules, reading.process_joules, &reading.carbon), (None, None, &None));
    assert!(reading.components.is_empty() && !reading.estimated && reading.load.is_none());
    assert_eq!(reading.cpu_seconds.is_some(), cfg!(unix));
    assert_eq!(codes(&reading), ["no-joules", "no-carbon"]);
    let doctor = examined(&fake);
    assert_eq!((doctor.threads, doctor.processor.as_deref(), doctor.virtual_machine), (None, None, false));
    assert_eq!(finding(&doctor, SourceKind::Model).0, State::Absent);
    #[cfg(unix)]
    assert_eq!(finding(&doctor, SourceKind::CpuTime).0, State::Used);
}

#[test]
fn machine_read_takes_a_damaged_stat_for_none() {
    for text in ["", "cpu  1 2 3", "cpu  1 2 three 4 5\ncpu0 1", "cpu  1 2 3 4 5 6 7 8", "intr 5"] {
        let fake = Fake::empty();
        fake.write("proc/stat", text);
        assert_eq!(crate::cpu::Machine::read(&fake.sysfs()), None, "{text}");
    }
    // Kernels of long ago have no column of what the host took.
    let fake = Fake::empty();
    fake.write("proc/stat", "cpu  100 0 50 200\ncpu0 100 0 50 200");
    let machine = crate::cpu::Machine::read(&fake.sysfs()).expect("it is one");
    assert_eq!((machine.busy, machine.idle, machine.stolen, machine.threads), (1.5, 2.0, 0.0, 1));
}

#[test]
fn load_has_other_processes_and_stolen_time() {
    let fake = Fake::machine();
    fake.stat(1000, 1000, 1000);
    let meter = started(&fake);
    fake.stat(1000 + 400_000, 1000 + 400_000, 1000 + 200_000);
    let reading = meter.stop();
    let load = reading.load.expect("there is /proc/stat");
    assert_eq!(load.threads, 4);
    assert!((load.own + load.others - 0.4).abs() < 1e-9, "{load:?}");
    assert!((load.idle - 0.4).abs() < 1e-9 && (load.stolen - 0.2).abs() < 1e-9, "{load:?}");
    assert!(load.shared());
    assert_eq!(reading.notes.len(), 1);
    assert_eq!(reading.notes[0].message, "other processes used 40 % of the machine, its host withheld 20 %");
    assert!(!Load { others: 0.04, stolen: 0.0, own: 0.9, idle: 0.06, threads: 4 }.shared());
}

#[test]
fn attribution_goes_by_cpu_time() {
    let fake = Fake::machine();
    let meter = started(&fake);
    fake.advance("intel-rapl:0", 100_000_000);
    // Nobody else ran: what the package drew is this process's.
    let alone = meter.read();
    let (all, mine) = (alone.machine_joules.expect("joules"), alone.process_joules.expect("joules"));
    assert!(alone.cpu_seconds.is_some_and(|seconds| seconds > 0.0), "{alone:?}");
    assert!((all.joules - mine.joules).abs() < 1e-9 && (all.high - mine.high).abs() < 1e-9);
    assert!(mine.low < mine.joules);
    // Others ran for a thousand seconds.
    fake.stat(100_000, 0, 0);
    let shared = meter.stop();
    let mine = shared.process_joules.expect("joules");
    let part = shared.cpu_seconds.expect("CPU time") / 1000.0;
    assert!((mine.joules - 100.0 * part).abs() < 1e-6, "{mine:?}");
    assert!(mine.low < mine.joules && mine.joules < mine.high && mine.high < 4.0 * 100.0 * part, "{mine:?}");
}

#[test]
fn meter_obeys_given_watts() {
    let fake = Fake::machine();
    let options = Options { watts: Some(36.0), carbon_intensity: Some(100.0), ..fake.options() };
    let meter = Meter::start_with(&options, &mut || unreachable!("no counter is tried")).expect("a meter");
    std::thread::sleep(std::time::Duration::from_millis(20));
    let reading = meter.stop();
    assert!((joules(&reading) - 36.0 * reading.seconds).abs() < 1e-9);
    assert!(reading.estimated && reading.components[0].source.kind == SourceKind::Given);
    assert!(reading.components[0].source.detail.starts_with("36 W, as given"));
    let carbon = reading.carbon.expect("an intensity is given");
    assert!((carbon.machine.grams - joules_to_grams(36.0 * reading.seconds)).abs() < 1e-12);
    assert_eq!((carbon.intensity.source.as_str(), carbon.intensity.year), ("given", None));
    let doctor = crate::doctor::diagnose(&fake.sysfs(), &options, &mut || fake.move_all());
    let used: Vec<SourceKind> = doctor.findings.iter().filter(|f| f.state == State::Used).map(|f| f.kind).collect();
    assert_eq!(used, [SourceKind::Given]);
}

/// At 100 g/kWh.
fn joules_to_grams(joules: f64) -> f64 {
    joules * 100.0 / 3.6e6
}

#[test]
fn options_refuse_numbers_that_are_none() {
    for value in [0.0, -3.0, f64::NAN, f64::INFINITY] {
        for options in
            [Options { watts: Some(value), ..Options::default() }, Options { tdp: Some(value), ..Options::default() }]
        {
            let error = Meter::start(&options).expect_err("no watts");
            assert!(matches!(error, Error::BadNumber { .. }) && Meter::probe(&options).is_err(), "{error}");
        }
    }
    let both = Options { country: Some("ESP".into()), carbon_intensity: Some(1.0), ..Options::default() };
    assert_eq!(Meter::start(&both).expect_err("two of them"), Error::TwoIntensities);
}

#[test]
fn model_knows_generations_and_rated_power() {
    let fake = Fake::empty();
    let model = |processor: &str, tdp| {
        fake.write("proc/cpuinfo", processor);
        let meter = Meter::start(&Options { tdp, ..fake.options() }).expect("a meter");
        fake.stat(1_000_000, 3_000_000, 0);
        let reading = meter.stop();
        fake.stat(0, 0, 0);
        let [component] = reading.components.as_slice() else { panic!("one component: {reading:?}") };
        assert!(reading.estimated && component.source.kind == SourceKind::Model);
        let Joules { joules, low, high } = component.energy;
        // Ten thousand seconds of one busy thread, and next to nothing of wall time.
        (low / 1e4, joules / 1e4, high / 1e4, component.source.detail.clone())
    };
    fake.stat(0, 0, 0);
    let milan =
        "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7763 64-Core Processor";
    let (low, watts, high, words) = model(milan, None);
    assert!((watts - 1.5).abs() < 0.01 && (low - 0.75).abs() < 0.01 && (high - 4.5).abs() < 0.01, "{watts}");
    assert!(words.starts_with("EPYC 3rd Gen: 0.46 W a thread idle, 1.96 W busy"), "{words}");
    let (low, watts, high, words) = model("model name\t: Something Else", None);
    assert!(low < watts && watts < high && words.starts_with("Something Else is in no table: "), "{words}");
    let (low, watts, high, words) = model(milan, Some(100.0));
    // 25 W a thread, 5 of them idle.
    assert!((watts - 20.0).abs() < 0.01 && (low - 10.0).abs() < 0.01 && (high - 40.0).abs() < 0.01, "{watts}");
    assert!(words.starts_with("the given rated power of 100 W over 4 threads"), "{words}");
}

#[test]
fn perf_events_as_the_kernel_lists_them() {
    let fake = Fake::empty();
    assert!(matches!(perf::events(&fake.sysfs()), Err(SourceError::Absent(_))));
    let power = "sys/bus/event_source/devices/power";
    for (file, text) in [
        ("type", "32"),
        ("cpumask", "0,28"),
        ("events/energy-pkg", "event=0x02"),
        ("events/energy-pkg.scale", "2.3283064365386962890625e-10"),
        ("events/energy-cores", "event=0x01"),
        ("events/energy-ram", "event=0x03"),
        ("events/energy-ram.scale", "2.3283064365386962890625e-10"),
        ("events/energy-psys", "event=0x05"),
        ("events/energy-psys.scale", "2.3283064365386962890625e-10"),
    ] {
        fake.write(&format!("{power}/{file}"), text);
    }
    let names = || perf::events(&fake.sysfs()).map(|events| events.iter().map(|e| e.name.clone()).collect::<Vec<_>>());
    let both = ["package-0", "package-1", "package-0 dram", "package-1 dram"];
    assert_eq!(names().expect("events"), both);
    let events = perf::events(&fake.sysfs()).expect("events");
    assert_eq!((events[1].kind, events[1].config, events[1].cpu, events[3].config), (32, 2, 28, 3));
    assert!((events[0].unit - 2f64.powi(-32)).abs() < 1e-20);
    // A copy of files cannot be asked to count.
    assert_eq!(finding(&examined(&fake), SourceKind::Perf).0, State::Absent);
    fake.remove(&format!("{power}/events/energy-pkg"));
    assert_eq!(names().expect("events"), ["psys", "package-0 dram", "package-1 dram"]);
    for (file, right, wrong) in [
        ("events/energy-psys", "event=0x05", "umask=1"),
        ("events/energy-psys.scale", "1e-6", "-1"),
        ("cpumask", "0", "3-1"),
        ("type", "32", "x"),
    ] {
        fake.write(&format!("{power}/{file}"), wrong);
        let Err(SourceError::Broken(words)) = perf::events(&fake.sysfs()) else { panic!("{file} is broken") };
        assert!(words.contains(&format!("{file}: ")), "{words}");
        fake.write(&format!("{power}/{file}"), right);
        assert!(perf::events(&fake.sysfs()).is_ok(), "{file}");
    }
}

/// Energy events are opened as any other event that counts on a thread for all processes: here, its time stamps.
#[cfg(target_os = "linux")]
#[test]
#[allow(clippy::print_stdout)] // a test that cannot run here says so
fn perf_event_counts_for_all_processes() {
    let read = |name: &str| std::fs::read_to_string(format!("/sys/bus/event_source/devices/msr/{name}"));
    let (Ok(kind), Ok(_)) = (read("type"), read("events/tsc")) else {
        println!("not run: there is no msr/tsc/");
        return;
    };
    let kind = kind.trim().parse().expect("a kind of counter");
    let event = perf::Event { kind, config: 0, unit: 1e-9, cpu: 0, event: "tsc", name: "tsc".into() };
    let mut running = match event.open().map(ActiveCounter::start) {
        Err(SourceError::Denied(words)) => return println!("not run: {words}"),
        other => other.expect("it opens").expect("it is read"),
    };
    assert!(running.counter().wraps_at().is_none() && running.counter().place() == "power/tsc/ on thread 0");
    crate::survey::generate_load();
    running.sample();
    assert!(running.moved() && running.problem().is_none(), "{running:?}");
}

/// A card that tells its power only: 10 W, then 30 W.
struct Card(u64);

impl Counter for Card {
    fn name(&self) -> &str {
        "card"
    }

    fn place(&self) -> String {
        "power of card 0".into()
    }

    fn tolerance(&self) -> (f64, &'static str) {
        (0.05, "a test")
    }

    fn read(&mut self) -> Result<u64, SourceError> {
        self.0 += 20_000;
        Ok(self.0)
    }

    fn unit(&self) -> f64 {
        1e-3
    }

    fn wraps_at(&self) -> Option<u64> {
        None
    }

    fn is_power(&self) -> bool {
        true
    }
}

#[test]
fn counter_of_power_is_summed_up_over_time() {
    let mut running = ActiveCounter::start(Box::new(Card(0))).expect("it is read");
    let began = std::time::Instant::now();
    std::thread::sleep(std::time::Duration::from_millis(20));
    running.sample();
    // From 20 W to 40 W: the mean is 30 W.
    let energy = running.component(SourceKind::Nvml).energy;
    assert!(energy.joules >= 30.0 * 0.02 && energy.joules <= 30.0 * began.elapsed().as_secs_f64() + 1e-3, "{energy:?}");
    assert!((energy.high - 1.05 * energy.joules).abs() < 1e-9);
}

/// What a busy thread of this processor draws, in watts, read from the table without the code of the model.
fn busy_watts(cpuinfo: &str) -> f64 {
    let field = |name: &str| {
        let found = cpuinfo.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
        found.map_or("", |(_, value)| value.trim())
    };
    let lines = include_str!("../data/processors.csv").lines().filter(|line| !line.starts_with('#')).skip(1);
    let table: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let watts = |row: &Vec<&str>| row[5].parse::<f64>().expect("watts");
    let is_it = |row: &&Vec<&str>| {
        row[0] == field("vendor_id") && row[1] == field("cpu family") && row[2].split(' ').any(|m| m == field("model"))
    };
    table.iter().find(is_it).map_or_else(
        || {
            let mut all: Vec<f64> = table.iter().map(watts).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        },
        watts,
    )
}

/// A busy core of a machine without counters: an estimate that says so, and the watts of the table lie in its range.
#[test]
fn model_of_one_busy_core_without_counters() {
    let lake = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)";
    for processor in [lake, "model name\t: Something Else"] {
        let fake = no_counters();
        fake.write("proc/cpuinfo", processor);
        let meter = Meter::start(&fake.options()).expect("a meter");
        let own = || crate::cpu::process_cpu_seconds().unwrap_or(f64::INFINITY);
        let (began, from) = (std::time::Instant::now(), own());
        while own() < from + 0.2 {
            crate::survey::generate_load();
        }
        // Of four threads this process used what it used, and nobody the rest.
        let (busy, all) = (100.0 * (own() - from), 400.0 * began.elapsed().as_secs_f64());
        fake.stat(busy.min(1e9) as u64, (all - busy).max(0.0) as u64, 0);
        let reading = meter.stop();
        assert_eq!(reading.cpu_seconds.is_some(), cfg!(unix));
        let Some(cpu) = reading.cpu_seconds else { return };
        assert!(reading.estimated && reading.components[0].source.kind == SourceKind::Model, "{reading:?}");
        let (joules, process) = (cpu * busy_watts(processor), reading.process_joules.expect("joules"));
        assert!(joules > 0.2 && process.low <= joules && joules <= process.high, "{joules} J: {reading:?}");
        // A range that anything lies in would be no statement.
        assert!(process.high < 100.0 * joules && process.low > joules / 100.0, "{joules} J: {reading:?}");
    }
}

/// One busy core of this machine lies within the range that is stated, whatever is between it and its meters.
#[test]
fn meter_of_one_busy_core_of_this_machine() {
    let options = Options { country: Some("ESP".into()), ..Options::default() };
    let meter = Meter::start(&options).expect("a meter");
    let own = || crate::cpu::process_cpu_seconds().unwrap_or(f64::INFINITY);
    let until = own() + 1.0;
    while own() < until {
        crate::survey::generate_load();
    }
    let reading = meter.stop();
    let Some(process) = reading.process_joules else {
        // No /proc/stat: nothing is claimed.
        assert!(reading.carbon.is_none() && !cfg!(target_os = "linux"), "{reading:?}");
        return;
    };
    let cpu = reading.cpu_seconds.expect("CPU time");
    assert!(cpu >= 1.0);
    // No core runs a second on less than a tenth of a watt, or on more than a large server that is idle beside it draws.
    assert!(process.joules / cpu > 0.1 && process.joules / cpu < 2000.0, "{reading:?}");
    assert!(process.low > 0.0 && process.low <= process.joules && process.joules <= process.high, "{reading:?}");
    let machine = reading.machine_joules.expect("joules");
    assert!(process.joules <= machine.joules && process.high <= machine.high + 1e-9, "{reading:?}");
    let measured = reading.components.iter().all(|c| c.source.kind.measures());
    assert_eq!(reading.estimated, !measured);
    if !measured {
        assert_eq!(reading.components[0].source.kind, SourceKind::Model);
        let joules = cpu * busy_watts(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default());
        assert!(process.low <= joules && joules <= process.high, "{joules} J: {reading:?}");
    }
    let doctor = Meter::probe(&options).expect("a probe");
    let used = |kind| finding(&doctor, kind).0 == State::Used;
    assert_eq!(measured, used(SourceKind::Powercap) || used(SourceKind::Perf));
    let carbon = reading.carbon.as_ref().expect("a country is given");
    assert_eq!((carbon.intensity.year, carbon.intensity.grams_per_kwh), (Some(2023), 174.05));
    assert!((carbon.machine.grams - machine.joules / 3.6e6 * 174.05).abs() < 1e-12);

    // And a reading comes back from JSON as it went.
    let text = serde_json::to_string(&reading).expect("JSON");
    let back: Reading = serde_json::from_str(&text).expect("a reading");
    assert_eq!(serde_json::to_value(&back).expect("JSON"), serde_json::to_value(&reading).expect("JSON"));
}
