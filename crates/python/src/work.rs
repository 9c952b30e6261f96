//! Work without the interpreter: on threads of its own, interrupted by Ctrl-C, and never a panic into Python.

use std::any::Any;
use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use leanset_core::{Error, Monitor};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::of_core;

/// How often Python is asked whether somebody wants the work to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Stops the work when Python has raised something.
#[derive(Default)]
struct Stop(AtomicBool);

impl Monitor for Stop {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs work of the core on `n_jobs` threads with the interpreter released.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    n_jobs: Option<i64>,
    work: impl FnOnce(&dyn Monitor) -> leanset_core::Result<T> + Send,
) -> PyResult<T> {
    run_with(py, n_jobs, work, of_core)
}

/// Runs `work` on `n_jobs` threads with the interpreter released; `exception` is what Python gets of its errors. The thread
/// that called looks for signals meanwhile (Python handles them on its main thread alone; on any other nothing is found).
pub(crate) fn run_with<T: Send, E: Send>(
    py: Python<'_>,
    n_jobs: Option<i64>,
    work: impl FnOnce(&dyn Monitor) -> Result<T, E> + Send,
    exception: impl FnOnce(Python<'_>, &E) -> PyErr,
) -> PyResult<T> {
    let nothing = |_: Python<'_>, call: Infallible| match call {};
    run_serving(py, n_jobs, |monitor, _: &(dyn Fn(Infallible) + Sync)| work(monitor), nothing, exception)
}

/// What the thread that called gets from the work.
enum Message<D, C> {
    /// It is done.
    Done(D),
    /// Something that only Python can do.
    Call(C),
}

/// As [`run_with`], of work that needs Python: what it calls is served by the thread that called, with the interpreter attached. So an
/// estimator of a user runs where the user's code runs, and Ctrl-C interrupts it there. Once something was raised, further calls are
/// dropped, with the place that they should answer to.
pub(crate) fn run_serving<T: Send, E: Send, C: Send>(
    py: Python<'_>,
    n_jobs: Option<i64>,
    work: impl FnOnce(&dyn Monitor, &(dyn Fn(C) + Sync)) -> Result<T, E> + Send,
    mut serve: impl FnMut(Python<'_>, C) -> PyResult<()> + Send,
    exception: impl FnOnce(Python<'_>, &E) -> PyErr,
) -> PyResult<T> {
    let pool = pool(n_jobs)?;
    let (done, raised) = py.detach(|| {
        let stop = Stop::default();
        let (send, receive) = mpsc::channel();
        let mut raised: Option<PyErr> = None;
        let done = pool.in_place_scope(|scope| {
            let stop = &stop;
            scope.spawn(move |_| {
                let call = |call| {
                    // Whoever receives is waiting right below.
                    let _ = send.send(Message::Call(call));
                };
                let done = catch_unwind(AssertUnwindSafe(|| work(stop, &call)));
                let _ = send.send(Message::Done(done));
            });
            loop {
                match receive.recv_timeout(LOOK) {
                    Ok(Message::Done(done)) => return Some(done),
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Ok(Message::Call(_)) | Err(RecvTimeoutError::Timeout) if raised.is_some() => {}
                    Ok(Message::Call(call)) => raised = Python::attach(|py| serve(py, call)).err(),
                    Err(RecvTimeoutError::Timeout) => raised = Python::attach(|py| py.check_signals()).err(),
                }
                stop.0.store(raised.is_some(), Ordering::Relaxed);
            }
        });
        (done, raised)
    });
    match (done, raised) {
        (Some(Ok(Ok(result))), None) => Ok(result),
        (Some(Err(panic)), _) => Err(fault(panic.as_ref())),
        (None, _) => Err(fault(&"a thread ended without a result")),
        // What a signal handler or a call has raised, rather than that the work was interrupted.
        (_, Some(raised)) => Err(raised),
        (Some(Ok(Err(error))), None) => Err(exception(py, &error)),
    }
}

/// A panic as an exception that says whose fault it is.
fn fault(panic: &(dyn Any + Send)) -> PyErr {
    let words = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".into());
    PyRuntimeError::new_err(format!(
        "leanset itself failed: {words}. This is a bug of leanset, not of your data: please report it with what you called"
    ))
}

/// Work that cannot be interrupted and needs no threads, with panics turned into exceptions all the same.
pub(crate) fn brief<T>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error>) -> PyResult<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| of_core(py, &error)),
        Err(panic) => Err(fault(panic.as_ref())),
    }
}

/// Threads: as many as `n_jobs` says; without it what `OMP_NUM_THREADS` or `RAYON_NUM_THREADS` say, or all. Negative
/// numbers count from all, as in joblib: −1 is all of them, −2 all but one.
#[pyfunction]
pub(crate) fn threads(n_jobs: Option<i64>) -> PyResult<usize> {
    // Asked once: the answer comes from files of the control group, which takes longer than small work does.
    static ALL: OnceLock<usize> = OnceLock::new();
    let all = *ALL.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from));
    match n_jobs {
        Some(0) => Err(PyValueError::new_err("n_jobs must be a whole number other than 0, or None, not 0")),
        Some(jobs) if jobs > 0 => Ok(usize::try_from(jobs).unwrap_or(usize::MAX).min(1024)),
        Some(jobs) => {
            let fewer = usize::try_from(-(jobs + 1)).unwrap_or(usize::MAX);
            Ok(all.saturating_sub(fewer).max(1))
        }
        None => {
            let told = |name| std::env::var(name).ok()?.split(',').next()?.trim().parse().ok();
            let limit = ["OMP_NUM_THREADS", "RAYON_NUM_THREADS"].into_iter().find_map(told).filter(|&n: &usize| n > 0);
            Ok(limit.unwrap_or(all))
        }
    }
}

/// A pool of that many threads, made once. The threads of a process are not in its forks, so neither are its pools.
fn pool(n_jobs: Option<i64>) -> PyResult<Arc<ThreadPool>> {
    type Pools = HashMap<(u32, usize), Arc<ThreadPool>>;
    static POOLS: Mutex<Option<Pools>> = Mutex::new(None);
    let key = (std::process::id(), threads(n_jobs)?);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.get_or_insert_default();
    if let Some(pool) = pools.get(&key) {
        return Ok(Arc::clone(pool));
    }
    let pool = ThreadPoolBuilder::new().num_threads(key.1).thread_name(|i| format!("leanset-{i}")).build();
    let pool = pool.map_err(|e| PyRuntimeError::new_err(format!("{} threads cannot be started: {e}", key.1)))?;
    let pool = Arc::new(pool);
    // Pools of the process that this one was forked from are never dropped: that would wait for threads that are gone.
    pools.insert(key, Arc::clone(&pool));
    Ok(pool)
}

/// Panics at work, so that a test sees what Python gets of it.
#[pyfunction]
pub(crate) fn fault_on_purpose(py: Python<'_>) -> PyResult<()> {
    run(py, Some(1), |_| panic!("on purpose"))
}
