"""What the Python package costs around the methods: small tables, mixed frames, copies.

    python benches/python.py                  # all parts
    python benches/python.py small frames     # some

Needs the package, pandas, Polars, scikit-learn and imbalanced-learn. Times are minima and medians of runs in turns; memory is what
tracemalloc sees, as a multiple of one float64 copy of the table.
"""

from __future__ import annotations

import statistics
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl

import leanset
from leanset._convert import features

warnings.simplefilter("ignore")


def turns(calls: dict[str, Callable[[], object]], count: int) -> dict[str, tuple[float, float]]:
    """The least and the median seconds of each call, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(count):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began)
    return {name: (min(own), statistics.median(own)) for name, own in seconds.items()}


def small() -> None:
    """1,000 rows of 10 columns."""
    from imblearn.under_sampling import RandomUnderSampler

    X = np.random.default_rng(0).normal(size=(1_000, 10))
    y = np.repeat([0, 1], [700, 300])
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(10)])
    calls: dict[str, Callable[[], object]] = {
        "RandomUnderSampler, array": lambda: RandomUnderSampler(random_state=0).fit_resample(X, y),
        "SRS, array": lambda: leanset.SRS().fit_resample(X, y),
        "MMS, array": lambda: leanset.MMS().fit_resample(X, y),
        "RandomUnderSampler, pandas": lambda: RandomUnderSampler(random_state=0).fit_resample(frame, y),
        "SRS, pandas": lambda: leanset.SRS().fit_resample(frame, y),
        "MMS, pandas": lambda: leanset.MMS().fit_resample(frame, y),
    }
    for name, (least, median) in turns(calls, 300).items():
        print(f"1,000 × 10 | {name} | {least * 1e6:.0f} | {median * 1e6:.0f} µs")


def frames() -> None:
    """A million rows of 32 columns, of which one is true or false and one is whole."""
    rows, columns = 1_000_000, 32
    rng = np.random.default_rng(0)
    single = rng.random((rows, columns), dtype=np.float32)
    print("float32 array borrowed:", np.shares_memory(features(single).values, single))
    data = {f"x{j}": rng.random(rows) for j in range(columns - 2)}
    frame = pd.DataFrame({**data, "flag": rng.random(rows) > 0.5, "count": rng.integers(0, 9, rows)})
    for name, X in (("pandas", frame), ("Polars", pl.from_pandas(frame))):
        for scale in ("none", "minmax"):
            tracemalloc.start()
            features(X, scale=scale)
            peak = tracemalloc.get_traced_memory()[1] / (rows * columns * 8)
            tracemalloc.stop()
            least, _ = turns({name: lambda X=X, scale=scale: features(X, scale=scale)}, 3)[name]
            print(f"10⁶ × 32 mixed | {name}, scale={scale} | {least:.2f} s | {peak:.2f} × one float copy")


def copies() -> None:
    """Pairs within a distance, beside scikit-learn's radius search on the same arrays."""
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(0)
    for rows, columns, peer in ((1_000_000, 2, True), (100_000, 16, True), (20_000, 384, True), (100_000, 384, False)):
        X = rng.normal(size=(rows, columns)).astype(np.float32)
        # One row in a hundred has a near-copy.
        copied = rng.choice(rows, rows // 100, replace=False)
        X[(copied + 1) % rows] = X[copied] + np.float32(1e-5)
        within = 1e-3
        began = time.perf_counter()
        found = leanset.duplicates(X, within=within, scale="none", n_jobs=1)
        ours = time.perf_counter() - began
        line = f"{rows:,} × {columns} | {len(found):,} pairs | leanset {ours:.1f} s"
        if peer:
            began = time.perf_counter()
            graph = NearestNeighbors(radius=within, n_jobs=1).fit(X).radius_neighbors_graph(mode="connectivity")
            theirs = time.perf_counter() - began
            line += f" | scikit-learn {theirs:.1f} s | {theirs / ours:.1f} × ; {graph.nnz // 2:,} pairs"
        print(line, flush=True)


if __name__ == "__main__":
    parts = {"small": small, "frames": frames, "copies": copies}
    for part in sys.argv[1:] or parts:
        parts[part]()
