//! What every verb that does a job begins with: threads, progress, the context of the job.

use leanset::{Context, Problem, Result};
use leanset_spec::Energy;

use crate::args::{RunArgs, ThreadsArg};
use crate::render::progress::Progress;

/// The threads, progress and limits of one command.
pub(crate) struct Session {
    pub(crate) progress: Progress,
    memory_limit: Option<u64>,
    energy: Energy,
}

impl Session {
    pub(crate) fn new(run: &RunArgs, energy: &Energy) -> Result<Self> {
        use_threads(run.threads)?;
        Ok(Self {
            progress: Progress::new(run.quiet),
            memory_limit: run.memory_limit.map(|limit| limit.as_u64()),
            energy: energy.clone(),
        })
    }

    /// As a job takes it.
    pub(crate) fn context(&self) -> Context<'_> {
        Context { reporter: &self.progress, memory_limit: self.memory_limit, energy: &self.energy }
    }

    /// Takes the progress bar away: what follows is the result.
    pub(crate) fn end_progress(&self) {
        self.progress.clear();
    }
}

/// Sets the number of threads of this process and returns it.
pub(crate) fn use_threads(threads: ThreadsArg) -> Result<usize> {
    if let Some(threads) = threads.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|e| Problem::new(format!("{threads} threads cannot be started: {e}")).caused_by(e))?;
    }
    Ok(rayon::current_num_threads())
}
