//! What happens when the process is interrupted: nothing unfinished is left behind.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Temporary files of this process. Whoever holds the lock is renaming them, or removing them for good.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

pub(super) fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing is to be removed there any more.
pub(super) fn forget(path: &Path) {
    unfinished().retain(|known| known != path);
}

/// From here on, Ctrl-C (and SIGTERM, SIGHUP, SIGQUIT) stops a command that is run aside, removes unfinished files, calls
/// `last_words` and ends the process with code 130.
pub fn remove_unfinished_when_interrupted(last_words: impl Fn() + Send + 'static) {
    // Where signals cannot be caught, files are still only ever renamed whole.
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        if let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) {
            let wait = move || {
                if signals.forever().next().is_some() {
                    end_unfinished(&last_words);
                }
            };
            let _ = std::thread::Builder::new().name("signals".into()).spawn(wait);
        }
    }
    #[cfg(not(unix))]
    let _ = ctrlc::set_handler(move || end_unfinished(&last_words));
}

/// Ends this process, and leaves nothing unfinished.
fn end_unfinished(last_words: &impl Fn()) -> ! {
    // What it writes to is removed next, and it is not to be taken for a failure.
    let _stopped = crate::subprocess::stop();
    let unfinished = unfinished();
    for path in unfinished.iter() {
        let _ = std::fs::remove_file(path);
        let _ = std::fs::remove_dir_all(path);
    }
    last_words();
    std::process::exit(130);
}
