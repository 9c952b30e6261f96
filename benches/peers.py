"""Compare selection and ε with common libraries in one run, as ratios.

    python3 -m venv .venv && .venv/bin/pip install numpy scipy scikit-learn gudhi pandas
    cargo build --release -p leanset-cli
    .venv/bin/python benches/peers.py DRYBEAN.csv > benches/record/DATE-main-job.md

Each pair runs alternately (ours, theirs, ours, …) with one thread each; times are medians of 7. Ours is the time in the manifest
(`method_seconds`, `epsilon_seconds`). Theirs is the same step on the same scaled values, already in memory.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import gudhi  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import scipy  # noqa: E402
from gudhi.subsampling import choose_n_farthest_points  # noqa: E402
from scipy.cluster.vq import kmeans as scipy_kmeans  # noqa: E402
from scipy.spatial import cKDTree  # noqa: E402

ROUNDS = 7
LEANSET = os.path.join(os.path.dirname(__file__), "..", "target", "release", "leanset")


def leanset(table, label, *arguments):
    """Runs a reduction and returns its manifest."""
    with tempfile.TemporaryDirectory() as folder:
        command = [LEANSET, "reduce", table, "--threads", "1", "--json", "--output", os.path.join(folder, "o.csv")]
        command += ["--label", label] if label else []
        done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


def timed(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def pair(title, ours, theirs):
    """Medians of both and of the ratio pair by pair."""
    rows = [(ours(), timed(theirs)) for _ in range(ROUNDS)]
    a, b = (statistics.median(column) for column in zip(*rows))
    ratio = statistics.median(t / o for o, t in rows)
    print(f"| {title} | {a * 1e3:.1f} | {b * 1e3:.1f} | {ratio:.1f} × |", flush=True)


def scaled(values):
    span = values.max(0) - values.min(0)
    scale = 1.0 / np.where(span == 0, 1, span)
    return values * scale + (0 - values.min(0) * scale)


def kept_rows(manifest):
    return np.array(manifest["row_ids"])


def compare(name, table, label, points, classes):
    groups = [np.flatnonzero(classes == c) for c in np.unique(classes)]
    for ratio in (0.1, 0.5):
        first = leanset(table, label, "--method", "mms", "--param", "start=first", "--ratio", str(ratio))
        counts = [c["kept"] for c in first["classes"]]

        def farthest():
            for rows, count in zip(groups, counts):
                choose_n_farthest_points(points=points[rows], nb_points=count, starting_point=0, fast=True)

        arguments = ("--method", "mms", "--param", "start=first", "--ratio", str(ratio))
        pair(f"{name}: maxmin {ratio:.0%} / gudhi choose_n_farthest_points (fast)",
             lambda: leanset(table, label, *arguments)["measured"]["method_seconds"], farthest)
    for ratio in (0.1, 0.5):
        chosen = leanset(table, label, "--method", "srs", "--ratio", str(ratio))
        rows_kept = kept_rows(chosen)

        def nearest():
            for rows in groups:
                kept = rows_kept[np.isin(rows_kept, rows)]
                distances, _ = cKDTree(points[kept]).query(points[rows], k=1, p=np.inf, workers=1)
                distances.max()

        pair(f"{name}: ε of a random {ratio:.0%} / scipy cKDTree, Chebyshev",
             lambda: leanset(table, label, "--method", "srs", "--ratio", str(ratio))["measured"]["epsilon_seconds"], nearest)
    for ratio in (0.1, 0.5):
        reduced = leanset(table, label, "--method", "clc", "--ratio", str(ratio))
        counts = [c["kept"] for c in reduced["classes"]]
        generator = np.random.default_rng(0)
        starts = [generator.choice(rows, count, replace=False) for rows, count in zip(groups, counts)]

        def cluster():
            for rows, start in zip(groups, starts):
                scipy_kmeans(points[rows], points[start], thresh=1e-5)

        pair(f"{name}: clustering centroids {ratio:.0%} / scipy kmeans, same number of centres",
             lambda: leanset(table, label, "--method", "clc", "--ratio", str(ratio))["measured"]["method_seconds"], cluster)

    def decompose():
        onehot = (classes[:, None] == np.unique(classes)[None, :]).astype(float)
        for rows in [*groups, None]:
            x = (points[rows] if rows is not None else np.hstack([points, onehot])).T
            u, sigma, _ = np.linalg.svd(x, full_matrices=False)
            cosines = np.abs((x / np.linalg.norm(x, axis=0)).T @ u)
            -np.log(np.maximum(cosines, 1e-3)) @ (1 / sigma / (1 / sigma).sum())

    pair(f"{name}: matrix decomposition, all scores / numpy",
         lambda: leanset(table, label, "--method", "nrmd", "--ratio", "0.1")["measured"]["method_seconds"], decompose)


def main():
    beans = pd.read_csv(sys.argv[1])
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"# The main job against its peers, {time.strftime('%Y-%m-%d')}\n")
    print(f"{processor}, {os.cpu_count()} processors, Linux; one thread on both sides; load average {os.getloadavg()[0]:.1f}.")
    print(f"leanset 0.1.0 (release), Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
          f"gudhi {gudhi.__version__}.")
    print(f"Made by `benches/peers.py`; milliseconds, medians of {ROUNDS} runs in turns; the ratio is theirs to ours, pair by pair.\n")
    print("| step | leanset | peer | ratio |\n|---|---:|---:|---:|")
    points = np.ascontiguousarray(scaled(beans.drop(columns="Class").to_numpy(float)))
    compare("Dry Bean", sys.argv[1], "Class", points, beans["Class"].to_numpy())
    generator = np.random.default_rng(1)
    centres = generator.random((20, 32))
    blobs = centres[generator.integers(0, 20, 20_000)] + 0.05 * generator.standard_normal((20_000, 32))
    classes = generator.integers(0, 2, 20_000)
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "blobs.csv")
        frame = pd.DataFrame(blobs, columns=[f"x{j}" for j in range(32)])
        frame["class"] = classes
        frame.to_csv(table, index=False)
        points = np.ascontiguousarray(scaled(frame.drop(columns="class").to_numpy(float)))
        compare("20,000 × 32 in 20 blobs, 2 classes", table, "class", points, classes)


main()
