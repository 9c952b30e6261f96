//! Runs are killed and interrupted at every step that changes the disk, and at random times: nothing is half-written, nothing
//! of the user's is lost or changed, and the next run of the same command comes to what it should have come to.
//!
//! `./x kill --minutes 30` does this for half an hour; the test takes every step of two commands, and some of the others.
#![cfg(target_os = "linux")] // folders are exchanged in one step there
#![allow(clippy::print_stdout)] // what was done

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::common::{Place, csv, lasting, noise, yolo};

/// Threads of the campaign.
const THREADS: usize = 4;

/// What a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    File(Vec<u8>),
    Link(PathBuf),
}

/// Everything below a folder.
type Tree = BTreeMap<PathBuf, Entry>;

/// A command, and where it is run.
struct Scenario {
    name: &'static str,
    place: fn() -> Place,
    /// What has been run before it.
    before: &'static [&'static str],
    command: &'static str,
    /// Its outputs: files, of which each is old or new, or a folder, which is whole.
    outputs: &'static [&'static str],
    /// Every how many of its steps the tests take.
    stride: u64,
}

const RANK: &str = "rank t.csv --label class --id id --method el2n --epochs 2 --hidden 4 --output r.csv --save-log log.csv.gz \
                    --force --quiet --threads 1";
const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "reduce",
        place: table,
        before: &[],
        command: "reduce t.csv --label class --id id --method srs --ratio 0.2 --output lean.csv --quiet --threads 1",
        outputs: &["lean.csv", "lean.csv.manifest.json"],
        stride: 1,
    },
    Scenario {
        name: "reduce --force",
        place: table,
        before: &["reduce t.csv --label class --id id --method srs --ratio 0.5 --output lean.parquet --quiet"],
        command: "reduce t.csv --label class --id id --method mms --ratio 0.2 --output lean.parquet --force --quiet --threads 1",
        outputs: &["lean.parquet", "lean.parquet.manifest.json"],
        stride: 1,
    },
    Scenario {
        name: "reduce --force, manifest elsewhere",
        place: table_and_folder,
        before: &[
            "reduce t.csv --label class --id id --method srs --ratio 0.5 --output lean.csv --manifest far/m.json --quiet",
        ],
        command: "reduce t.csv --label class --id id --method mms --ratio 0.2 --output lean.csv --manifest far/m.json --force --quiet \
                  --threads 1",
        outputs: &["lean.csv", "far/m.json"],
        stride: 3,
    },
    Scenario {
        name: "reduce --split",
        place: table_and_folder,
        before: &[],
        command: "reduce t.csv --label class --id id --split 0.25 --method srs --ratio 0.2 --output lean.csv --test-output far/test.csv \
                  --train-output train.csv --quiet --threads 1",
        outputs: &["lean.csv", "lean.csv.manifest.json", "far/test.csv", "train.csv"],
        stride: 3,
    },
    Scenario {
        name: "rank --save-log --force",
        place: table,
        before: &[RANK, "rank t.csv --label class --id id --method srs --output r.csv --force --quiet"],
        command: RANK,
        outputs: &["r.csv", "r.csv.manifest.json", "log.csv.gz"],
        stride: 5,
    },
    Scenario {
        name: "images reduce",
        place: yolo,
        before: &[],
        command: "images reduce set -m srs -r 0.25 -o lean -q --threads 1",
        outputs: &["lean"],
        stride: 5,
    },
    Scenario {
        name: "images reduce --copy --report --force",
        place: yolo,
        before: &["images reduce set -m srs -r 0.5 -o lean --link -q"],
        command: "images reduce set -m srs -r 0.25 -o lean --copy --report --force -q --threads 1",
        outputs: &["lean"],
        stride: 17,
    },
    Scenario {
        name: "images reduce --link --force",
        place: yolo,
        before: &["images reduce set -m srs -r 0.5 -o lean --copy -q"],
        command: "images reduce set -m srs -r 0.25 -o lean --link --force -q --threads 1",
        outputs: &["lean"],
        stride: 19,
    },
];

fn table() -> Place {
    Place::with("t.csv", csv(120, 3, 2))
}

fn table_and_folder() -> Place {
    let place = table();
    fs::create_dir(place.path("far")).expect("a folder");
    place
}

fn tree(root: &Path) -> Tree {
    fn walk(root: &Path, below: &Path, found: &mut Tree) {
        for entry in fs::read_dir(root.join(below)).expect("a folder") {
            let entry = entry.expect("an entry");
            let (path, kind) = (below.join(entry.file_name()), entry.file_type().expect("a kind"));
            let entry = if kind.is_dir() {
                walk(root, &path, found);
                Entry::Folder
            } else if kind.is_symlink() {
                Entry::Link(fs::read_link(entry.path()).expect("a link"))
            } else {
                Entry::File(fs::read(entry.path()).expect("a file"))
            };
            found.insert(path, entry);
        }
    }
    let mut found = Tree::new();
    walk(root, Path::new(""), &mut found);
    found
}

/// Makes a folder hold this.
fn restore(root: &Path, wanted: &Tree) {
    let now = tree(root);
    for (path, entry) in now.iter().rev().filter(|(path, entry)| wanted.get(*path) != Some(*entry)) {
        let path = root.join(path);
        if *entry == Entry::Folder { fs::remove_dir(path) } else { fs::remove_file(path) }.expect("removed");
    }
    for (path, entry) in wanted.iter().filter(|(path, entry)| now.get(*path) != Some(*entry)) {
        let path = root.join(path);
        match entry {
            Entry::Folder => fs::create_dir(path),
            Entry::File(bytes) => fs::write(path, bytes),
            Entry::Link(to) => std::os::unix::fs::symlink(to, path),
        }
        .expect("made");
    }
}

/// Manifests without what depends on the moment.
fn comparable(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    for (path, entry) in &mut tree {
        if let Entry::File(bytes) = entry
            && path.extension().is_some_and(|extension| extension == "json")
            && let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(bytes)
            && let Some(object) = value.as_object_mut()
        {
            object.remove("measured");
            *bytes = value.to_string().into_bytes();
        }
    }
    tree
}

/// Whether a name is of what leanset leaves for a while.
fn is_temporary(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(".leanset-"))
}

/// The part of a tree that is at or below a path.
fn at<'a>(tree: &'a Tree, output: &str) -> BTreeMap<&'a PathBuf, &'a Entry> {
    tree.iter().filter(|(path, _)| path.starts_with(output)).collect()
}

/// A scenario with what is there before it, and after it.
struct Prepared {
    scenario: &'static Scenario,
    place: Place,
    before: Tree,
    /// As [`comparable`].
    old: Tree,
    new: Tree,
    took: Duration,
}

impl Prepared {
    fn new(scenario: &'static Scenario) -> Self {
        let place = (scenario.place)();
        scenario.before.iter().for_each(|command| drop(place.ok(command)));
        let before = tree(&place.path("."));
        let began = Instant::now();
        place.ok(scenario.command);
        let took = began.elapsed();
        let new = comparable(&tree(&place.path(".")));
        Self { scenario, old: comparable(&before), before, place, new, took }
    }

    fn say(&self, how: &str, what: &str) -> String {
        format!("{}: leanset {}\n{how}: {what}", self.scenario.name, self.scenario.command)
    }

    /// Runs the command from the beginning, has a signal sent at a step, and checks what is left and what the next run comes
    /// to; whether the command came that far, if it was killed.
    fn at_step(&self, signal: Signal, step: u64) -> bool {
        restore(&self.place.path("."), &self.before);
        let mut command = self.place.command(self.scenario.command);
        command.env(leanset::output::SIGNAL_AT, format!("{signal}@{step}"));
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the binary runs");
        self.check(&format!("{signal} at step {step}"), signal, status);
        status.signal().is_some()
    }

    /// The same with a signal at some time.
    fn at_time(&self, signal: Signal, after: Duration) {
        restore(&self.place.path("."), &self.before);
        let mut command = self.place.command(self.scenario.command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
        std::thread::sleep(after);
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a number"));
        // Until it is waited for, the number is that of this child.
        nix::sys::signal::kill(pid, signal).expect("a signal");
        let status = child.wait().expect("its end");
        self.check(&format!("{signal} after {after:?}"), signal, status);
    }

    fn check(&self, how: &str, signal: Signal, status: ExitStatus) {
        let Self { scenario, place, old, new, .. } = self;
        let left = comparable(&tree(&place.path(".")));
        for (path, entry) in &left {
            let ours = scenario.outputs.iter().any(|output| path.starts_with(output)) || is_temporary(path);
            assert!(ours || old.get(path) == Some(entry), "{}", self.say(how, &format!("{} is new", path.display())));
        }
        for path in old.keys().filter(|path| !scenario.outputs.iter().any(|output| path.starts_with(output))) {
            assert!(left.contains_key(path), "{}", self.say(how, &format!("{} is gone", path.display())));
        }
        for output in scenario.outputs {
            let found = at(&left, output);
            let whole = found == at(old, output) || found == at(new, output);
            assert!(whole, "{}", self.say(how, &format!("{output} is half-written: {:?}", found.keys())));
        }
        // By a signal that is caught, a run that has not taken hold of it yet ends like by a kill, but before it writes.
        if signal != Signal::SIGKILL {
            let code = status.code();
            assert!(matches!(code, Some(0 | 130) | None), "{}", self.say(how, &format!("ended with {code:?}")));
            let stray: Vec<_> = left.keys().filter(|path| is_temporary(path)).collect();
            assert!(stray.is_empty(), "{}", self.say(how, &format!("leaves {stray:?}")));
            let outputs = |tree| scenario.outputs.iter().map(|output| at(tree, output)).collect::<Vec<_>>();
            let one = outputs(&left) == outputs(old) || outputs(&left) == outputs(new);
            assert!(one, "{}", self.say(how, "one output is old, another new"));
        }
        let ran = place.run(scenario.command);
        // All that was left to do may have been nothing.
        let done = ran.code == Some(2) && left == *new && ran.err.contains("exists");
        assert!(ran.code == Some(0) || done, "{}", self.say(how, &format!("the next run: {}", ran.shown())));
        let after = comparable(&tree(&place.path(".")));
        let differs = |(path, _): &(&PathBuf, &Entry)| after.get(*path) != new.get(*path);
        let different: Vec<_> = after.iter().chain(new).filter(differs).map(|(path, _)| path).collect();
        assert!(after == *new, "{}", self.say(how, &format!("the next run differs in {different:?}\n{}", ran.err)));
    }

    /// Every so many steps: a kill, and at every so many of these an interrupt by each of the signals; how many runs there were.
    fn at_steps(&self, stride: u64, interrupts: &[Signal], every: usize) -> usize {
        let steps: Vec<u64> =
            (1..).step_by(stride as usize).take_while(|step| self.at_step(Signal::SIGKILL, *step)).collect();
        assert!(!steps.is_empty(), "{}", self.say("SIGKILL", "no step was come to"));
        let mut runs = steps.len();
        for signal in interrupts {
            for step in steps.iter().step_by(every) {
                // A run may come to its end before it hears of it.
                self.at_step(*signal, *step);
                runs += 1;
            }
        }
        runs
    }
}

/// Does work on so many threads. Most of the time they wait for the disk.
fn on_threads(threads: usize, work: impl Fn(usize) + Sync, count: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < count) {
                    work(number);
                }
            });
        }
    });
}

#[test]
fn killed_at_every_step_nothing_is_lost() {
    let began = Instant::now();
    let runs = AtomicUsize::new(0);
    let work = |number: usize| {
        let prepared = Prepared::new(&SCENARIOS[number]);
        runs.fetch_add(prepared.at_steps(SCENARIOS[number].stride, &[Signal::SIGTERM], 3), Ordering::Relaxed);
    };
    on_threads(SCENARIOS.len(), work, SCENARIOS.len());
    println!("{} runs killed or interrupted in {:.1} s", runs.into_inner(), began.elapsed().as_secs_f64());
}

/// An experiment that is killed while it writes a record goes on, and finds what it would have found.
fn experiment_killed_at_every_step(runs: &AtomicUsize) {
    let place = Place::with("t.csv", csv(120, 3, 2));
    place.write(
        "p.toml",
        "title = \"t\"\nrepetitions = 2\n[data]\npath = \"t.csv\"\nlabel = \"class\"\nid = \"id\"\n[reduce]\nratios = [0.2]\n\
         [[method]]\nname = \"srs\"\n[model]\nhidden = [4]\nepochs = 2\n",
    );
    place.ok("experiment p.toml --output whole.jsonl --quiet --threads 1");
    let whole = lasting(&place, "whole.jsonl");
    for step in 1.. {
        let mut command = place.command("experiment p.toml --output r.jsonl --quiet --threads 1");
        command.env(leanset::output::SIGNAL_AT, format!("SIGKILL@{step}"));
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the binary runs");
        place.ok("experiment p.toml --output r.jsonl --quiet --threads 1");
        assert_eq!(lasting(&place, "r.jsonl"), whole, "killed at step {step}");
        fs::remove_file(place.path("r.jsonl")).expect("it is there");
        if status.signal().is_none() {
            break;
        }
        runs.fetch_add(1, Ordering::Relaxed);
    }
}

/// The campaign of `./x kill`.
#[test]
#[ignore = "takes as long as it is told to: ./x kill --minutes 30"]
fn campaign() {
    let minutes: f64 = std::env::var("LEANSET_KILL_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let (began, runs) = (Instant::now(), AtomicUsize::new(0));
    let end = Duration::from_secs_f64(60.0 * minutes);
    experiment_killed_at_every_step(&runs);
    let work = |number: usize| {
        let prepared = Prepared::new(&SCENARIOS[number]);
        let exact = prepared.at_steps(1, &[Signal::SIGTERM, Signal::SIGINT], 1);
        println!("{}: {exact} runs, one for each step and signal", SCENARIOS[number].name);
        runs.fetch_add(exact, Ordering::Relaxed);
    };
    on_threads(THREADS, work, SCENARIOS.len());
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    println!("random times from seed {seed}");
    let work = |thread: usize| {
        let prepared: Vec<Prepared> = SCENARIOS.iter().map(Prepared::new).collect();
        for number in (thread as u64..).step_by(THREADS).take_while(|_| began.elapsed() < end) {
            let prepared = &prepared[(noise(seed, 2 * number) * prepared.len() as f64) as usize];
            let signal = if number % 3 == 2 { Signal::SIGINT } else { Signal::SIGKILL };
            prepared.at_time(signal, prepared.took.mul_f64(1.2 * noise(seed, 2 * number + 1)));
            runs.fetch_add(1, Ordering::Relaxed);
        }
    };
    on_threads(THREADS, work, THREADS);
    println!(
        "{} runs killed or interrupted in {:.1} minutes: nothing half-written, nothing lost, every next run right",
        runs.into_inner(),
        began.elapsed().as_secs_f64() / 60.0
    );
}
