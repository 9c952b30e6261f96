"""While Rust works, the interpreter is released and can be interrupted, and data are not copied."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import leanset
from leanset._registry import METHODS


def run(code, **environment):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})


LONG = """
import numpy as np, leanset
X = np.random.default_rng(0).normal(size=(60_000, 40)).astype(np.float32)
print("begin", flush=True)
leanset.rank(X, method="mms")
print("end", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_ctrl_c_interrupts_long_work():
    child = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begin\n"
    time.sleep(1.0)
    assert child.poll() is None, "the work was too short to be interrupted"
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, error = child.communicate(timeout=60)
    assert time.monotonic() - began < 20
    assert "KeyboardInterrupt" in error
    assert "end" not in out


class Alarm(Exception):
    pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals of another kind")
def test_every_method_is_interrupted():
    """A method, or a training for it, that is still at work when the signal comes has no result: the call raises what the handler raised."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12_000, 24)), rng.integers(0, 2, 12_000)
    rang = []

    def ring(*_):
        rang.append(True)
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    interrupted = []
    try:
        for method in METHODS:
            rang.clear()
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            try:
                leanset.reduce(X, y, 0.5, method=method.id, n_jobs=1)
                assert not rang, f"{method.id} did not hear the signal"
            except Alarm:
                interrupted.append(method.id)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    # The others are done in less than that, on most machines.
    assert len(interrupted) >= 6, interrupted


def test_other_threads_continue():
    X = np.random.default_rng(0).normal(size=(20_000, 20))
    done = threading.Event()
    work = threading.Thread(target=lambda: (leanset.rank(X, method="mms", n_jobs=1), done.set()))
    work.start()
    turns = 0
    while not done.is_set():
        time.sleep(0.001)
        turns += 1
    work.join()
    # With the interpreter held there would be a turn or two.
    assert turns > 20


def test_parallel_calls_give_the_same_result(blobs):
    X, y = blobs
    expected = leanset.reduce(X, y, 0.3, method="mms").indices
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(leanset.reduce(X, y, 0.3, method="mms").indices)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(one, expected) for one in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_processes_have_their_own_threads():
    code = """
import os, numpy as np, leanset
X = np.arange(200.0).reshape(100, 2)
first = leanset.reduce(X, sampling_strategy=0.2, method="mms", n_jobs=2).indices.tolist()
if (pid := os.fork()) == 0:
    again = leanset.reduce(X, sampling_strategy=0.2, method="mms", n_jobs=2).indices.tolist()
    os._exit(0 if again == first else 3)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = run(code)
    assert done.stdout.strip() == "0", done.stderr


def test_environment_variables_limit_threads():
    code = """
import os, time, numpy as np, leanset
leanset.reduce(np.zeros((10, 1)), sampling_strategy=2, method="srs")
def named():
    names = [open(f"/proc/self/task/{t}/comm").read() for t in os.listdir("/proc/self/task")]
    return sum(name.startswith("leanset-") for name in names)
# A thread that has just begun has no name yet; none comes after those that were asked for.
until = time.monotonic() + 20
while named() < int(os.environ["EXPECTED"]) and time.monotonic() < until:
    time.sleep(0.01)
time.sleep(0.2)
print(named())
"""
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("no /proc here")
    assert run(code, EXPECTED="3", OMP_NUM_THREADS="3").stdout.strip() == "3"
    assert run(code, EXPECTED="1", OMP_NUM_THREADS="", RAYON_NUM_THREADS="1").stdout.strip() == "1"


def test_import_does_not_load_scikit_learn_or_frames():
    code = """
import sys, leanset
for name in ("sklearn", "imblearn", "pandas", "polars", "pyarrow", "scipy", "torch"):
    assert name not in sys.modules, name
import numpy as np
sampler = leanset.MMS(sampling_strategy=0.5).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
try:
    leanset.MMS().get_feature_names_out()
except leanset.NotFittedError:
    print("fine")
assert "sklearn" not in sys.modules
"""
    done = run(code)
    assert done.stdout.strip() == "fine", done.stderr


MEMORY = """
import numpy as np, sys
import leanset

def peak(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what))

# What the first call loads is the program's, not the table's.
leanset.reduce(np.zeros((64, 2), np.float32), np.arange(64) % 2, 8, method="mms", n_jobs=1)
rows, columns, classes = 1_000_000, 32, int(sys.argv[1])
before = peak("VmRSS")
X = np.empty((rows, columns), dtype=np.float32)
rng = np.random.default_rng(0)
plane = rng.normal(size=(2, columns)).astype(np.float32)
for at in range(0, rows, 10_000):
    X[at : at + 10_000] = rng.random((10_000, 2), dtype=np.float32) @ plane
y = np.arange(rows) % classes
sampler = leanset.MMS(sampling_strategy=0.01, n_jobs=1).fit(X, y)
assert len(sampler.sample_indices_) == rows // 100
print((peak("VmHWM") - before) / (X.nbytes + y.nbytes))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system does not tell peak memory")
@pytest.mark.parametrize(("classes", "limit"), [(20, 1.2), (1, 1.3)])
def test_a_large_table_is_not_copied(classes, limit):
    """One million rows of 32 columns at 1 %: input and all that is needed beside it. What a class in work needs (16 bytes
    a row, and the rows that are picked) is for one class that of all rows."""
    done = subprocess.run([sys.executable, "-c", MEMORY, str(classes)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 1.0 < float(done.stdout) < limit
