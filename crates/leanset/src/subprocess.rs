//! Commands that leanset runs: in its own place, with its input and output, its signals and its exit code ([`run`]); or
//! aside, with its words in a log, and stopped when leanset is ([`run_aside`]).

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use leanset_problem::{Code, Problem, Result, without_number};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub code: u8,
    /// That signal.
    pub signal: Option<i32>,
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        #[cfg(not(unix))]
        let signal = None;
        let code = status.code().unwrap_or_else(|| 128 + signal.unwrap_or_default());
        // Codes that this system has and an exit code cannot hold are failures all the same.
        Self { code: u8::try_from(code).unwrap_or(1), signal }
    }
}

/// Runs a command to its end. Signals that come meanwhile are the command's.
///
/// # Errors
/// It cannot be run, or its end cannot be waited for.
pub fn run(command: &[OsString]) -> Result<End> {
    let (name, mut command) = prepare(command)?;
    let signals = Signals::hold().map_err(|e| lost(&name, e))?;
    let mut child = command.spawn().map_err(|e| failed(&name, e))?;
    let passing = signals.pass_to(&child).map_err(|e| lost(&name, e))?;
    passing.until_the_end(&mut child).map(End::from).map_err(|e| lost(&name, e))
}

/// The name of its program, and the command to be run.
fn prepare(words: &[OsString]) -> Result<(String, Command)> {
    let [program, arguments @ ..] = words else { return Err(Problem::new("no command is given")) };
    let mut command = Command::new(program);
    command.args(arguments);
    Ok((program.to_string_lossy().into_owned(), command))
}

fn failed(name: &str, error: io::Error) -> Problem {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let message = format!("{name}: cannot be run: {}", without_number(&error.to_string()));
    let hint = if missing {
        "name a program that is on PATH, or give its path; a shell's own words need a shell: sh -c '…'"
    } else {
        "give the path of a program, or name what should read it: sh FILE"
    };
    Problem::new(message).hint(hint).caused_by(error).code(if missing {
        Code::ProgramNotFound
    } else {
        Code::ProgramNotRunnable
    })
}

fn lost(name: &str, error: io::Error) -> Problem {
    Problem::io(format!("{name}: cannot be waited for"), error)
}

/// The command that is run aside. It is not waited for without the lock, so that its number is its own.
static ASIDE: Mutex<Option<Child>> = Mutex::new(None);
/// How often it is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long it may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(5);

fn aside() -> MutexGuard<'static, Option<Child>> {
    ASIDE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a command to its end, all its words into the log. It has no input, and is in a group of its own with what it
/// starts: a terminal's Ctrl-C reaches leanset alone, which then stops the group with [`stop`]. What is left of the group
/// when the command has ended, well or not, is ended too: it would use the machine beside what is metered next.
///
/// # Errors
/// It cannot be run, or its end cannot be waited for.
pub fn run_aside(words: &[OsString], log: &File) -> Result<End> {
    let (name, mut command) = prepare(words)?;
    let log = |name: &str| log.try_clone().map_err(|e| Problem::io(format!("{name}: has no log"), e));
    command.stdin(Stdio::null()).stdout(log(&name)?).stderr(log(&name)?);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(target_os = "linux")]
    end_with_this_thread(&mut command);
    {
        // Started under the lock, so that no interrupt comes between its start and its entry.
        let mut running = aside();
        *running = Some(command.spawn().map_err(|e| failed(&name, e))?);
    }
    loop {
        let mut running = aside();
        let Some(child) = running.as_mut() else {
            return Err(Problem::internal(format!("{name}: is lost")));
        };
        if let Some(status) = end(child).map_err(|e| lost(&name, e))? {
            *running = None;
            return Ok(End::from(status));
        }
        drop(running);
        std::thread::sleep(LOOK_EVERY);
    }
}

/// How a command has ended, and ends what it left behind; nothing if it goes on.
fn end(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        // Before it is taken: until then its number is that of its group and of nothing else.
        if !has_ended(child)? {
            return Ok(None);
        }
        send(child, true);
        child.wait().map(Some)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let status = child.try_wait()?;
        // No process gets the number of a group that has members, and a group without any is not there to be ended.
        #[cfg(unix)]
        if status.is_some() {
            send(child, true);
        }
        Ok(status)
    }
}

/// Has the system ask a command to end when the thread that starts it is gone without having waited for it: when this
/// process is killed outright. What wraps a trainer hands the request on, as it could not if it were killed itself.
#[cfg(target_os = "linux")]
fn end_with_this_thread(command: &mut Command) {
    use nix::sys::{prctl, signal::Signal};
    use nix::unistd::{getpid, getppid};
    use std::os::unix::process::CommandExt as _;
    let parent = getpid();
    let ask = move || {
        prctl::set_pdeathsig(Signal::SIGTERM)?;
        // It may be gone already.
        if getppid() == parent { Ok(()) } else { Err(io::Error::from(nix::errno::Errno::ESRCH)) }
    };
    // SAFETY: between fork and exec it makes two system calls, and neither allocates nor locks.
    unsafe { command.pre_exec(ask) };
}

/// Stops the command that is run aside, and what it started. Nobody learns of its end as long as what is returned is held.
pub fn stop() -> impl Drop {
    let mut running = aside();
    if let Some(child) = running.as_mut() {
        send(child, false);
        let asked = Instant::now();
        while asked.elapsed() < GRACE && !has_ended(child).unwrap_or(true) {
            std::thread::sleep(LOOK_EVERY);
        }
        // What it started may be there still.
        send(child, true);
    }
    running
}

/// Asks a command and what it started to end, or ends them. It has not been taken, so its number is its own.
#[cfg(unix)]
fn send(child: &mut Child, at_once: bool) {
    use nix::sys::signal::{Signal, killpg};
    let signal = if at_once { Signal::SIGKILL } else { Signal::SIGTERM };
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = killpg(nix::unistd::Pid::from_raw(group), signal);
    }
}

#[cfg(not(unix))]
fn send(child: &mut Child, _at_once: bool) {
    let _ = child.kill();
}

/// Whether it has ended, without taking it where the system lets it lie; elsewhere it is given all its time.
fn has_ended(child: &Child) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        let id = i32::try_from(child.id()).map(nix::unistd::Pid::from_raw).map_err(io::Error::other)?;
        Ok(waitid(Id::Pid(id), flags)? != WaitStatus::StillAlive)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let _ = child;
        Ok(false)
    }
}

#[cfg(unix)]
use unix::Signals;

#[cfg(unix)]
mod unix {
    use std::io;
    use std::process::{Child, ExitStatus};
    use std::thread::JoinHandle;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    use signal_hook::iterator::exfiltrator::WithOrigin;
    use signal_hook::iterator::{Handle, SignalsInfo};

    /// Signals that no longer end this process. A command that it starts has them as ever.
    pub(super) struct Signals(SignalsInfo<WithOrigin>);

    /// Signals that are passed on.
    pub(super) struct Passing {
        handle: Handle,
        thread: JoinHandle<()>,
    }

    impl Signals {
        pub(super) fn hold() -> io::Result<Self> {
            SignalsInfo::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2]).map(Self)
        }

        /// Passes to a child what a process has sent to this one. What the terminal sends, as by Ctrl-C, it sends to
        /// both by itself.
        pub(super) fn pass_to(self, child: &Child) -> io::Result<Passing> {
            let pid = pid_of(child)?;
            let mut signals = self.0;
            let handle = signals.handle();
            let pass = move || {
                for origin in signals.forever() {
                    if origin.process.is_some()
                        && let Ok(signal) = Signal::try_from(origin.signal)
                    {
                        // It may have ended by now.
                        let _ = kill(pid, signal);
                    }
                }
            };
            let thread = std::thread::Builder::new().name("signals".into()).spawn(pass)?;
            Ok(Passing { handle, thread })
        }
    }

    impl Passing {
        /// Waits until the child has ended. While it is not taken its number is its own: where the system lets it lie,
        /// nothing is ever sent to another process.
        pub(super) fn until_the_end(self, child: &mut Child) -> io::Result<ExitStatus> {
            #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
            {
                use nix::sys::wait::{Id, WaitPidFlag, waitid};
                let (pid, flags) = (pid_of(child)?, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
                while waitid(Id::Pid(pid), flags) == Err(nix::errno::Errno::EINTR) {}
                self.end();
                child.wait()
            }
            #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
            {
                let status = child.wait();
                self.end();
                status
            }
        }

        fn end(self) {
            self.handle.close();
            // It does nothing that could panic.
            let _ = self.thread.join();
        }
    }

    fn pid_of(child: &Child) -> io::Result<Pid> {
        i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
    }
}

#[cfg(not(unix))]
use elsewhere::Signals;

/// Where there are no signals, the console asks all its processes to end by itself.
#[cfg(not(unix))]
mod elsewhere {
    use std::io;
    use std::process::{Child, ExitStatus};

    pub(super) struct Signals;

    impl Signals {
        pub(super) fn hold() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn pass_to(self, _: &Child) -> io::Result<Self> {
            Ok(self)
        }

        pub(super) fn until_the_end(self, child: &mut Child) -> io::Result<ExitStatus> {
            child.wait()
        }
    }
}
