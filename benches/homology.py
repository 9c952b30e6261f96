"""Compare persistent homology with ripser in one run: first the bars, then the times as ratios.

    python3 -m venv .venv && .venv/bin/pip install numpy pandas scipy ripser
    cargo build --release -p leanset-cli && cargo build --release -p leanset-core --example vietoris_rips
    .venv/bin/python benches/homology.py DRYBEAN.csv > benches/record/DATE-homology.md

Bars: Vietoris–Rips diagrams of random point clouds, with distances rounded to f32 on both sides, as in ripser. Every bar must be
equal to the last bit. Times: the scores of PH landmarks (one thread, `method_seconds` of the record: radius, neighbour search and
homology), compared with a loop of ripser.py over the same neighbourhoods, whose lists are given and not timed. Medians of ROUNDS
alternating runs; if one round of ripser takes minutes, one run.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import ripser as ripser_package  # noqa: E402
from ripser import ripser  # noqa: E402
from scipy.spatial import cKDTree  # noqa: E402

warnings.filterwarnings("ignore", category=UserWarning, module="ripser")
ROUNDS = 3
RELEASE = os.path.join(os.path.dirname(__file__), "..", "target", "release")
LEANSET = os.path.join(RELEASE, "leanset")
DIAGRAMS = os.path.join(RELEASE, "examples", "vietoris_rips")


def clouds(generator):
    """Random clouds of several shapes; on a grid many distances tie."""
    for size in (5, 20, 50, 100, 150):
        yield f"{size} uniform in 3-d", generator.random((size, 3))
        yield f"{size} normal in 5-d", generator.normal(size=(size, 5))
        yield f"{size} uniform in 12-d", generator.random((size, 12))
        yield f"{size} on a grid", np.round(generator.random((size, 3)) * 4) / 4
        for dimension in (3, 4):
            points = generator.normal(size=(size, dimension))
            yield f"{size} on a sphere in {dimension}-d", points / np.linalg.norm(points, axis=1, keepdims=True)


def compare_bars(folder):
    generator = np.random.default_rng(int(os.environ.get("SEED", "1")))
    counts, compared = [0, 0, 0], 0
    for name, points in clouds(generator):
        distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1)).astype(np.float32).astype(float)
        file = os.path.join(folder, "distances.npy")
        np.save(file, distances)
        out = subprocess.run([DIAGRAMS, "2", "--f32", file], check=True, capture_output=True, text=True).stdout
        ours = json.loads(out)["diagrams"]
        theirs = ripser(distances, maxdim=2, distance_matrix=True)["dgms"]
        for k in range(3):
            a = sorted((b, np.inf if d is None else d) for b, d in ours[k])
            b = sorted((float(b), float(d)) for b, d in theirs[k] if d > b)
            assert a == b, f"{name}, dimension {k}: {len(a)} bars and {len(b)}"
            counts[k] += len(a)
        compared += 1
    print(f"Bars of {compared} random clouds: {counts[0]}, {counts[1]} and {counts[2]} in dimensions 0, 1 and 2, "
          "all equal to ripser's to the last bit.\n", flush=True)


def leanset(table, *parameters, threads=1):
    """Ranks a table by PH landmarks; scores by row, and the record."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "ranking.csv")
        command = [LEANSET, "rank", table, "--label", "Class", "--method", "phl", "--threads", str(threads), "--json"]
        command += ["--output", out] + [part for p in parameters for part in ("--param", p)]
        record = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return pd.read_csv(out).sort_values("row")["score"].to_numpy(), record


def seconds(table, *parameters, threads=1):
    return leanset(table, *parameters, threads=threads)[1]["measured"]["method_seconds"]


def scaled(values):
    span = values.max(0) - values.min(0)
    scale = 1.0 / np.where(span == 0, 1, span)
    return values * scale + (0 - values.min(0) * scale)


def neighbourhoods(points, classes, radii):
    """The neighbour lists of all rows, as rows."""
    lists = [None] * len(points)
    for name, radius in radii.items():
        rows = np.flatnonzero(classes == name)
        # A radius that was found is a distance between two rows, and sums in another order may miss it by a bit.
        for row, near in zip(rows, cKDTree(points[rows]).query_ball_point(points[rows], radius * (1 + 1e-12))):
            lists[row] = [rows[j] for j in near if rows[j] != row]
    return lists


def loop(points, lists, dimension):
    scores = np.zeros(len(points))
    for row, near in enumerate(lists):
        if len(near) >= 2:
            bars = ripser(points[near], maxdim=dimension)["dgms"][dimension]
            lengths = [d - b for b, d in bars if np.isfinite(d)]
            scores[row] = max(lengths, default=0.0)
    return scores


def compare(title, table, frame, dimension, rounds, *parameters):
    parameters = (f"dimension={dimension}", *parameters)
    points = np.ascontiguousarray(scaled(frame.drop(columns="Class").to_numpy(float)))
    classes = frame["Class"].to_numpy()
    scores, record = leanset(table, *parameters)
    radii = dict(zip(sorted(set(classes)), record["method"]["facts"]["delta"]))
    lists = neighbourhoods(points, classes, radii)
    sizes = [len(near) for near in lists]
    rows = []
    for _ in range(rounds):
        ours = seconds(table, *parameters)
        began = time.perf_counter()
        expected = loop(points, lists, dimension)
        rows.append((ours, time.perf_counter() - began))
    difference = np.abs(scores - expected).max()
    assert difference < 1e-6, f"{title}: scores differ by {difference}"
    a, b = (statistics.median(column) for column in zip(*rows))
    ratio = statistics.median(t / o for o, t in rows)
    print(f"| {title}, dimension {dimension} | {int(np.median(sizes))} / {max(sizes)} | {a * 1e3:,.0f} | {b * 1e3:,.0f} | "
          f"{ratio:.0f} × | {difference:.0e} |", flush=True)


def main():
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"# Persistent homology against ripser, {time.strftime('%Y-%m-%d')}\n")
    print(f"{processor}, {os.cpu_count()} processors, Linux; load average {os.getloadavg()[0]:.1f}. leanset 0.1.0 (release), "
          f"Python {platform.python_version()}, numpy {np.__version__}, ripser {ripser_package.__version__}. "
          "Made by `benches/homology.py`.\n")
    beans = pd.read_csv(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        compare_bars(folder)
        print("Scores of PH landmarks, one thread on both sides; milliseconds, medians in turns; the ratio is ripser.py's "
              "loop to ours, the last column the largest difference of a score (ripser's distances are f32).\n")
        print("| table | neighbours, median / most | leanset | ripser.py | ratio | difference |\n|---|---:|---:|---:|---:|---:|")
        few = beans.iloc[::7].reset_index(drop=True)
        table = os.path.join(folder, "few.csv")
        few.to_csv(table, index=False)
        for neighbors in (20, 50, 100):
            compare(f"Dry Bean, every 7th row, neighbors={neighbors}", table, few, 1, ROUNDS, f"neighbors={neighbors}")
        for neighbors in (20, 50):
            compare(f"Dry Bean, every 7th row, neighbors={neighbors}", table, few, 2, 1, f"neighbors={neighbors}")
        compare("Dry Bean, all rows, delta=0.05", sys.argv[1], beans, 1, ROUNDS, "delta=0.05")
        compare("Dry Bean, all rows, delta=0.05", sys.argv[1], beans, 2, ROUNDS, "delta=0.05")
    print("\nWhole Dry Bean by leanset alone, 13,611 rows, seconds on 1 and 2 threads (least of 3):\n")
    print("| parameters | 1 thread | 2 threads |\n|---|---:|---:|")
    for parameters in (("delta=0.05", "dimension=2"), ("dimension=0",), ("dimension=1",), ("dimension=2",), ("dimension=2", "scoring=multi")):
        one, two = (min(seconds(sys.argv[1], *parameters, threads=t) for _ in range(3)) for t in (1, 2))
        print(f"| {' '.join(parameters)} | {one:.2f} | {two:.2f} |", flush=True)


main()
