//! What happens when the process is interrupted: nothing unfinished is left behind.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::name::{UNFINISHED as KIND, new_name};

/// Temporary files and folders of this process. Whoever holds the lock is renaming them, or removing them for good.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

pub(super) fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing is to be removed there any more.
pub(super) fn forget(path: &Path) {
    unfinished().retain(|known| known != path);
}

/// Waits for the end of the process, if an interrupt is ending it: whoever fails because its files are being removed neither
/// reports that nor ends the process before they are.
pub fn wait_if_interrupted() {
    drop(unfinished());
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
    // Held to the end.
    let unfinished = unfinished();
    for path in unfinished.iter() {
        if std::fs::remove_file(path).is_err() {
            remove_folder(path);
        }
    }
    last_words();
    std::process::exit(130);
}

/// Removes a folder that other threads may be writing to. Under its new name they do not find it, and they make no folder
/// anew that is gone.
fn remove_folder(path: &Path) {
    let gone = path.with_file_name(new_name(KIND));
    match std::fs::rename(path, &gone) {
        Ok(()) => drop(std::fs::remove_dir_all(&gone)),
        Err(_) => drop(std::fs::remove_dir_all(path)),
    }
}
