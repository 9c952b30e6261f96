//! Progress on stderr: nothing for the first second, then a bar on a terminal and a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use leanset::{Reporter, Warning};
use leanset_core::Monitor;
use leanset_lab::Progress as RunProgress;
use leanset_problem::Face;

/// How long a stage may take before it is worth a word.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a log hears of it.
const LOG_EVERY: Duration = Duration::from_secs(15);

/// Shows stages of work on stderr.
pub(crate) struct Progress {
    quiet: bool,
    terminal: bool,
    /// How settings are spelled in warnings.
    face: Face,
    done: AtomicU64,
    stage: Mutex<Stage>,
}

/// How long a stage will still take.
enum Left {
    /// As its steps go.
    FromSteps,
    /// The work itself knows, at times.
    Reported(Option<Duration>),
}

struct Stage {
    name: &'static str,
    steps: u64,
    began: Instant,
    logged: Instant,
    left: Left,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        Self::of_face(quiet, Face::CommandLine)
    }

    /// In the spelling of this face.
    pub(crate) fn of_face(quiet: bool, face: Face) -> Self {
        let now = Instant::now();
        let stage = Stage { name: "", steps: 0, began: now, logged: now, left: Left::FromSteps, bar: None };
        let terminal = std::io::stderr().is_terminal();
        Self { quiet, terminal, face, done: AtomicU64::new(0), stage: Mutex::new(stage) }
    }

    /// Takes the bar away: what follows is the result.
    pub(crate) fn clear(&self) {
        if let Ok(mut stage) = self.stage.lock()
            && let Some(bar) = stage.bar.take()
        {
            bar.finish_and_clear();
        }
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
            let (steps, name, left) = (stage.steps, stage.name, stage.time_left(done));
            let bar = stage.bar.get_or_insert_with(|| {
                let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
                let style = ProgressStyle::with_template("  {msg} {wide_bar} {percent:>3} %{prefix}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_message(name);
                bar
            });
            bar.set_prefix(left);
            bar.set_position(done);
        } else if stage.logged.elapsed() >= LOG_EVERY {
            stage.logged = Instant::now();
            let percent = 100 * done.min(stage.steps) / stage.steps;
            let past = stage.began.elapsed();
            let left = stage.time_left(done);
            let line = format!("  {} {percent} % after {}{left}\n", stage.name, super::duration(past));
            super::eprint(&line);
        }
    }
}

impl Stage {
    /// The time that is left, in words; nothing where it is not known.
    fn time_left(&self, done: u64) -> String {
        let left = match self.left {
            Left::Reported(left) => left,
            // Of a stage that has not moved nothing can be said.
            Left::FromSteps if done == 0 => None,
            Left::FromSteps => {
                let done = done.min(self.steps);
                Some(self.began.elapsed().mul_f64((self.steps - done) as f64 / done as f64))
            }
        };
        match left {
            None => String::new(),
            Some(left) if left < Duration::from_secs(1) => ", less than 1 s left".into(),
            Some(left) => format!(", about {} left", super::rounded_duration(left)),
        }
    }
}

impl RunProgress for Progress {
    fn remaining(&self, seconds: Option<f64>) {
        if let Ok(mut stage) = self.stage.lock() {
            stage.left = Left::Reported(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()));
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
            *stage = Stage { name, steps, began: now, logged: now, left: Left::FromSteps, bar: None };
        }
        self.done.store(0, Ordering::Relaxed);
    }

    fn advance(&self, steps: u64) {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        self.show(done);
    }
}

impl Reporter for Progress {
    fn warn(&self, warning: &Warning) {
        // Above a bar, not into it.
        let stage = self.stage.lock();
        let text = super::warning(warning, self.face);
        match stage.as_ref().ok().and_then(|stage| stage.bar.as_ref()) {
            Some(bar) => bar.suspend(|| super::eprint(&text)),
            None => super::eprint(&text),
        }
    }

    fn monitor(&self) -> &dyn Monitor {
        self
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
