//! Points at which tests kill, interrupt or stop the process.
//!
//! Whether nothing is lost at a kill can only be known by killing the program that people run, at every step that changes a
//! disk. So those steps say that they have come, and a variable of the environment names the one at which the process sends
//! itself a signal: `LEANSET_SIGNAL_AT=SIGKILL@17` at the 17th of all points, `SIGSTOP@exchanged` at the first of this name.
//! Without the variable a point costs a load.

/// The variable that names a signal and a point.
pub const SIGNAL_AT: &str = "LEANSET_SIGNAL_AT";

/// A step with this name has come.
#[cfg(unix)]
pub fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    static ASKED: LazyLock<Option<(Signal, String)>> = LazyLock::new(|| {
        let asked = std::env::var(SIGNAL_AT).ok()?;
        let (signal, at) = asked.split_once('@')?;
        Some((signal.parse().ok()?, at.to_owned()))
    });
    static PASSED: AtomicU64 = AtomicU64::new(0);
    static SENT: AtomicBool = AtomicBool::new(false);

    let Some((signal, at)) = &*ASKED else { return };
    let number = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    if (at == name || at.parse() == Ok(number)) && !SENT.swap(true, Ordering::Relaxed) {
        // Through the system, as from outside: of a signal that is caught, the thread that catches it hears.
        let _ = kill(Pid::this(), *signal);
        // That thread may be in the middle of its work then, as it may at any other time.
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
}

/// A step with this name has come.
#[cfg(not(unix))]
pub fn point(_: &str) {}
