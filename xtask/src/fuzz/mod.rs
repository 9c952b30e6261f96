//! `./x fuzz`: damaged files for every reader. A reader must accept or refuse each; it must not panic, abort, hang, or take
//! memory that the file does not stand for, and what it accepts must be what the file says.
//!
//! Small valid files of every kind are made by code ([`seeds`]). Mutants are made from them by a seed ([`mutate`]), and given to
//! the readers ([`targets`]) in a process of their own, which has a limit on its memory and on its time: when it dies, the mutant
//! that it was at is known, and another process goes on behind it. What fails is written to `target/fuzz`.

mod mutate;
mod seeds;
mod targets;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Parser;

use mutate::Random;
use targets::{KINDS, Kind, Verdict};

/// Says to this program that it is to be a worker, and at what: kind, seed, first mutant, one behind the last, folder.
const WORKER: &str = "LEANSET_FUZZ_WORKER";
/// What lines of a worker begin with; others are of the libraries.
const LINE: &str = "fuzz ";
/// Bytes of memory that a worker may map.
const MEMORY: u64 = 3 << 30;
/// CPU time that a mutant may take, and wall time where that is not known or the machine has others to serve.
const CPU_SECONDS: f64 = 8.0;
const WALL: Duration = Duration::from_secs(180);

/// Damages files of every kind that leanset reads, and checks what the readers make of them.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// Mutants of every kind of file.
    #[arg(long, default_value_t = 2000)]
    mutants: u64,
    /// Stop after so many minutes.
    #[arg(long)]
    minutes: Option<f64>,
    /// The seed of all mutants: another one makes others.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only kinds with this in their name, e.g. parquet.
    #[arg(long)]
    only: Option<String>,
    /// Only this mutant, to look at one that failed; its file is written to target/fuzz as well.
    #[arg(long)]
    mutant: Option<u64>,
    /// Processes at work.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

/// What came of one kind.
#[derive(Clone, Debug, Default)]
struct Count {
    accepted: u64,
    refused: u64,
}

/// What came of each kind.
type Counts = Vec<(&'static str, Count)>;

/// A mutant that a reader failed on.
#[derive(Clone, Debug)]
struct Failure {
    kind: &'static str,
    mutant: u64,
    what: String,
}

/// `fuzz` with these arguments.
pub(crate) fn main(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let options =
        Options::try_parse_from(std::iter::once("fuzz".to_owned()).chain(arguments)).map_err(|e| e.to_string())?;
    let worker = || Command::new(std::env::current_exe().unwrap_or_default());
    let (counts, failures) = run(&options, &worker)?;
    let mut all = Count::default();
    for (kind, count) in &counts {
        println!("{kind:16} {:>8} mutants, {:>7} accepted", count.accepted + count.refused, count.accepted);
        all.accepted += count.accepted;
        all.refused += count.refused;
    }
    println!("{:16} {:>8} mutants, {:>7} accepted", "all", all.accepted + all.refused, all.accepted);
    for failure in &failures {
        println!("FAILED {} --seed {} --mutant {}: {}", failure.kind, options.seed, failure.mutant, failure.what);
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(format!("{} mutants failed; their files are in target/fuzz", failures.len()))
    }
}

/// Runs all kinds, some at the same time.
fn run(options: &Options, worker: &(dyn Fn() -> Command + Sync)) -> Result<(Counts, Vec<Failure>), String> {
    let kinds: Vec<&Kind> =
        KINDS.iter().filter(|kind| options.only.as_deref().is_none_or(|only| kind.name.contains(only))).collect();
    if kinds.is_empty() {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        return Err(format!("no kind of file is named like that; there are {}", names.join(", ")));
    }
    let end = options.minutes.map(|minutes| Instant::now() + Duration::from_secs_f64(60.0 * minutes.max(0.0)));
    let (next, found) = (AtomicUsize::new(0), Mutex::new((Vec::new(), Vec::new())));
    let work = || -> Result<(), String> {
        while let Some(kind) = kinds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (count, failures) = of_kind(kind, options, end, worker)?;
            let mut found = found.lock().map_err(|e| e.to_string())?;
            found.0.push((kind.name, count));
            found.1.extend(failures);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.jobs.clamp(1, 64)).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|t| t.join().unwrap_or_else(|_| Err("a thread of the fuzzer panicked".to_owned())))
    })?;
    let (mut counts, failures) = found.into_inner().map_err(|e| e.to_string())?;
    counts.sort_by_key(|(name, _)| KINDS.iter().position(|kind| kind.name == *name));
    Ok((counts, failures))
}

/// Runs the mutants of one kind, with another process behind each that dies.
fn of_kind(
    kind: &'static Kind,
    options: &Options,
    end: Option<Instant>,
    worker: &dyn Fn() -> Command,
) -> Result<(Count, Vec<Failure>), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (mut count, mut failures) = (Count::default(), Vec::new());
    let last = options.mutant.map_or(options.mutants, |mutant| mutant + 1);
    let mut first = options.mutant.unwrap_or(0);
    if options.mutant.is_some() {
        save(kind, options.seed, first)?;
    }
    // One reader that always dies is known after a few times.
    while first < last && failures.len() < 40 && end.is_none_or(|end| Instant::now() < end) {
        let task = format!("{} {} {first} {last} {}", kind.name, options.seed, folder.path().display());
        let child =
            worker().env(WORKER, task).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("a worker cannot be started: {e}"))?;
        let lines = lines_of(&mut child);
        let mut at = None;
        let mut hung = false;
        let died = loop {
            match follow(&lines, &child) {
                Next::Line(line) => {
                    let mut words = line.splitn(3, ' ');
                    let (word, number, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
                    let number = number.and_then(|number| number.parse().ok()).unwrap_or(first);
                    match word {
                        Some("at") => at = Some(number),
                        Some("accepted") => count.accepted += 1,
                        Some("refused") => count.refused += 1,
                        Some("failed") => {
                            failures.push(Failure { kind: kind.name, mutant: number, what: rest.to_owned() });
                        }
                        Some("done") => break None,
                        _ => {}
                    }
                    if let Some("accepted" | "refused" | "failed") = word {
                        at = None;
                        first = number + 1;
                        if end.is_some_and(|end| Instant::now() > end) {
                            break None;
                        }
                    }
                }
                Next::Ended => break Some(at),
                Next::Hangs => {
                    hung = true;
                    break Some(at);
                }
            }
        };
        // What is said of a process that ends by itself must not be of its being killed.
        if !hung && died.is_some() {
            let _ = child.wait();
        }
        let _ = child.kill();
        let status = child.wait().map_err(|e| e.to_string())?;
        match died {
            None => {}
            Some(None) => return Err(format!("{}: a worker ended at no mutant: {status}", kind.name)),
            Some(Some(mutant)) => {
                let said = last_words(&mut child);
                let how = if hung { "hangs".to_owned() } else { format!("ends the process: {status}") };
                failures.push(Failure { kind: kind.name, mutant, what: format!("{how} {said}") });
                first = mutant + 1;
            }
        }
        if died.is_none() {
            break;
        }
    }
    for failure in &failures {
        save(kind, options.seed, failure.mutant)?;
    }
    Ok((count, failures))
}

/// The lines of a worker, as they come.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                // In a test program, the first line stands behind the name of the test.
                let line = String::from_utf8_lossy(&line).into_owned();
                let line = line.find(LINE).map(|at| line[at + LINE.len()..].to_owned());
                if line.is_some_and(|line| send.send(line).is_err()) {
                    break;
                }
            }
        });
    }
    receive
}

/// What a worker does next.
enum Next {
    Line(String),
    Ended,
    /// It has been at one mutant for too long.
    Hangs,
}

fn follow(lines: &Receiver<String>, child: &Child) -> Next {
    let (began, cpu) = (Instant::now(), cpu_seconds(child.id()));
    loop {
        match lines.recv_timeout(Duration::from_millis(500)) {
            Ok(line) => return Next::Line(line),
            Err(RecvTimeoutError::Disconnected) => return Next::Ended,
            Err(RecvTimeoutError::Timeout) => {
                let taken = cpu_seconds(child.id()).zip(cpu).map_or(0.0, |(now, before)| now - before);
                if taken > CPU_SECONDS || began.elapsed() > WALL {
                    return Next::Hangs;
                }
            }
        }
    }
}

/// CPU time of a process, where the system says it.
fn cpu_seconds(process: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// The beginning of what a process said on stderr.
fn last_words(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(mut err) = child.stderr.take() {
        let _ = std::io::Read::read_to_string(&mut err, &mut text);
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(2).collect();
    lines.join(" ")
}

/// The mutant of a number.
fn mutant(kind: &Kind, seed: u64, number: u64) -> Vec<u8> {
    let files = kind.seeds();
    let place = KINDS.iter().position(|other| other.name == kind.name).unwrap_or(0) as u64;
    let mut random = Random::of(&[seed, place, number]);
    let (file, other) = (random.below(files.len()), random.below(files.len()));
    kind.packing.mutate(&files[file], &files[other], kind.text, &mut random)
}

fn save(kind: &Kind, seed: u64, number: u64) -> Result<(), String> {
    let folder = super::root().join("target/fuzz");
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let file: PathBuf = folder.join(format!("{}-{seed}-{number}.{}", kind.name, kind.extension));
    std::fs::write(&file, mutant(kind, seed, number)).map_err(|e| format!("{}: {e}", file.display()))
}

/// Works if this process is to be a worker; returns whether it was one.
pub(crate) fn work_if_asked() -> bool {
    let Ok(task) = std::env::var(WORKER) else { return false };
    // Threads have less stack than the main one, and in a test there is none.
    let worker = std::thread::Builder::new().stack_size(8 << 20).spawn(move || work(&task));
    worker.ok().and_then(|worker| worker.join().ok()).is_some()
}

fn work(task: &str) {
    let words: Vec<&str> = task.splitn(5, ' ').collect();
    let [name, seed, first, last, folder] = words.as_slice() else { return };
    let Some(kind) = KINDS.iter().find(|kind| kind.name == *name) else { return };
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_AS, MEMORY, MEMORY);
    std::panic::set_hook(Box::new(|_| ()));
    let say = |words: &str| {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "\n{LINE}{words}").and_then(|()| out.flush());
    };
    for at in number(first)..number(last) {
        say(&format!("at {at}"));
        let bytes = mutant(kind, number(seed), at);
        let verdict = std::panic::catch_unwind(|| (kind.read)(bytes, Path::new(folder)));
        say(&match verdict {
            Ok(Verdict::Accepted) => format!("accepted {at}"),
            Ok(Verdict::Refused) => format!("refused {at}"),
            Ok(Verdict::Wrong(what)) => format!("failed {at} {}", what.replace(['\n', '\r'], " ")),
            Err(panic) => {
                let words = panic.downcast_ref::<String>().cloned();
                let words = words.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default();
                format!("failed {at} panics: {}", words.replace(['\n', '\r'], " "))
            }
        });
    }
    say("done");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Is a worker if it is asked to, and else no test.
    #[test]
    fn worker() {
        work_if_asked();
    }

    #[test]
    fn every_kind_reads_its_seeds() {
        let folder = tempfile::tempdir().expect("a folder");
        for kind in KINDS {
            for (number, seed) in kind.seeds().into_iter().enumerate() {
                let verdict = (kind.read)(kind.packing.pack(&seed), folder.path());
                assert_eq!(verdict, Verdict::Accepted, "{} {number}", kind.name);
            }
        }
    }

    #[test]
    fn no_reader_fails_on_a_few_mutants() {
        let options = Options { mutants: 60, minutes: None, seed: 1, only: None, mutant: None, jobs: 2 };
        let worker = || {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args(["--exact", "fuzz::tests::worker", "--nocapture", "--test-threads", "1"]);
            command
        };
        let (counts, failures) = run(&options, &worker).expect("it runs");
        assert!(failures.is_empty(), "the files are in target/fuzz: {failures:#?}");
        assert_eq!(counts.len(), KINDS.len());
        for (kind, count) in &counts {
            assert_eq!(count.accepted + count.refused, 60, "{kind}");
            assert!(count.refused > 0, "{kind}: no mutant was refused");
        }
    }
}
