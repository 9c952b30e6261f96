//! A command run in the place of leanset: its input and output, its signals, its exit code.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus};

use crate::error::{CANNOT_RUN, Failure, NO_COMMAND, without_number};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub(crate) code: u8,
    /// That signal.
    pub(crate) signal: Option<i32>,
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
pub(crate) fn run(command: &[OsString]) -> Result<End, Failure> {
    let [program, arguments @ ..] = command else { return Err(Failure::new("no command is given")) };
    let name = program.to_string_lossy();
    let failed = |error: &io::Error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let message = format!("{name}: cannot be run: {}", without_number(&error.to_string()));
        let hint = if missing {
            "name a program that is on PATH, or give its path; a shell's own words need a shell: sh -c '…'"
        } else {
            "give the path of a program, or name what should read it: sh FILE"
        };
        Failure::new(message).hint(hint).code(if missing { NO_COMMAND } else { CANNOT_RUN })
    };
    let lost = |error: &io::Error| Failure::io(&format!("{name}: cannot be waited for"), error);
    let signals = Signals::hold().map_err(|e| lost(&e))?;
    let mut child = Command::new(program).args(arguments).spawn().map_err(|e| failed(&e))?;
    let passing = signals.pass_to(&child).map_err(|e| lost(&e))?;
    passing.until_the_end(&mut child).map(End::from).map_err(|e| lost(&e))
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
