//! Progress on stderr: nothing for the first second, then a bar on a terminal and a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use leanset_core::Monitor;

/// How long a stage may take before it is worth a word.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a log hears of it.
const LOG_EVERY: Duration = Duration::from_secs(15);

/// Shows stages of work on stderr.
pub(crate) struct Progress {
    quiet: bool,
    terminal: bool,
    done: AtomicU64,
    stage: Mutex<Stage>,
}

struct Stage {
    name: &'static str,
    steps: u64,
    began: Instant,
    logged: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let now = Instant::now();
        let stage = Stage { name: "", steps: 0, began: now, logged: now, bar: None };
        Self { quiet, terminal: std::io::stderr().is_terminal(), done: AtomicU64::new(0), stage: Mutex::new(stage) }
    }

    /// Sets how far the present stage is, in its steps.
    pub(crate) fn at(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.show(done);
    }

    fn show(&self, done: u64) {
        if self.quiet {
            return;
        }
        // Somebody else showing it now is as good.
        let Ok(mut stage) = self.stage.try_lock() else { return };
        let stage = &mut *stage;
        if stage.began.elapsed() < PATIENCE || stage.steps == 0 {
            return;
        }
        if self.terminal {
            let (steps, name) = (stage.steps, stage.name);
            let bar = stage.bar.get_or_insert_with(|| {
                let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
                let style = ProgressStyle::with_template("  {msg} {wide_bar} {percent:>3} % {eta:>5} left");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_message(name);
                bar
            });
            bar.set_position(done);
        } else if stage.logged.elapsed() >= LOG_EVERY {
            stage.logged = Instant::now();
            let percent = 100 * done.min(stage.steps) / stage.steps;
            let past = stage.began.elapsed();
            // Of a stage that has not moved nothing can be said.
            let left = past.checked_div(u32::try_from(percent).unwrap_or(0)).map_or_else(String::new, |hundredth| {
                let left = hundredth * u32::try_from(100 - percent).unwrap_or(0);
                format!(", about {} left", crate::text::duration(left))
            });
            let line = format!("  {} {percent} % after {}{left}\n", stage.name, crate::text::duration(past));
            let _ = std::io::Write::write_all(&mut anstream::stderr(), line.as_bytes());
        }
    }
}

impl Monitor for Progress {
    fn begin(&self, name: &'static str, steps: u64) {
        if let Ok(mut stage) = self.stage.lock() {
            if let Some(bar) = stage.bar.take() {
                bar.finish_and_clear();
            }
            let now = Instant::now();
            *stage = Stage { name, steps, began: now, logged: now, bar: None };
        }
        self.done.store(0, Ordering::Relaxed);
    }

    fn advance(&self, steps: u64) {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        self.show(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Ok(stage) = self.stage.get_mut()
            && let Some(bar) = stage.bar.take()
        {
            bar.finish_and_clear();
        }
    }
}
