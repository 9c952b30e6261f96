"""Compare the bottleneck distance with gudhi and persim in one run: the same values, and the time of each.

    python3 -m venv .venv && .venv/bin/pip install numpy gudhi persim
    cargo build --release -p leanset-core --example homology
    .venv/bin/python benches/bottleneck_distance.py > benches/record/DATE-bottleneck.md

All have the diagrams in memory. For leanset, the call in Rust is timed; for the others, the call from Python. (gudhi is C++ and is asked
for the exact distance; its time includes the conversion of two arrays.) The libraries run alternately; the times are medians over
rounds, and the ratio is theirs to ours, pair by pair. A distance that differs is an error: by 4e-16 from gudhi, by 1e-6 from persim.
"""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import gudhi  # noqa: E402
import numpy as np  # noqa: E402
import persim  # noqa: E402

ROUNDS = 5
ENGINE = os.path.join(os.path.dirname(__file__), "..", "target", "release", "examples", "homology")


def ours(pairs):
    """Distances and seconds of pairs of diagrams."""
    bars = lambda diagram: [[b, None if np.isinf(d) else d] for b, d in diagram.tolist()]  # noqa: E731
    asked = json.dumps({"bottleneck": [[bars(a), bars(b)] for a, b in pairs]})
    done = subprocess.run([ENGINE], input=asked, check=True, capture_output=True, text=True)
    return [(float(r["distance"]), r["seconds"]) for r in json.loads(done.stdout)["bottleneck"]]


def timed(work):
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def components(generator, bars):
    """Diagrams like those of dimension 0: all bars are born at 0, one is infinite."""
    deaths = np.sort(generator.gamma(2.0, 0.1, bars))
    return np.column_stack([np.zeros(bars), np.append(deaths[:-1], np.inf)])


def loops(generator, bars):
    """Diagrams like those of dimension 1: most bars are short, a few are long."""
    births = generator.random(bars)
    return np.column_stack([births, births + 0.01 + generator.random(bars) ** 8])


def grid(generator, bars):
    """Diagrams with many ties."""
    births = generator.integers(0, 16, bars) / 16
    return np.column_stack([births, births + generator.integers(1, 8, bars) / 16])


def moved(diagram, generator, by):
    """A copy in which every bar moves a little, with some additional short bars."""
    noise = generator.uniform(-by, by, diagram.shape)
    result = np.where(np.isinf(diagram), diagram, diagram + noise)
    result[:, 0] = np.where(diagram[:, 0] == 0, 0, np.minimum(result[:, 0], result[:, 1] - by / 10))
    extra = generator.random(len(diagram) // 10)
    return np.vstack([result, np.column_stack([extra, extra + by])]) if diagram[:, 0].any() else result


def check(generator):
    """Compare many small pairs of every kind; return their number."""
    kinds = [components, loops, grid]
    pairs = []
    for _ in range(600):
        kind = kinds[generator.integers(0, 3)]
        a, b = (kind(generator, int(n)) for n in generator.integers(1, 60, 2))
        pairs.append((a, moved(a, generator, 0.02) if generator.random() < 0.3 else b))
    for (a, b), (distance, _) in zip(pairs, ours(pairs)):
        theirs = gudhi.bottleneck_distance(a, b)
        assert distance == theirs or abs(distance - theirs) <= 4e-16 * max(1, theirs), (distance, theirs, a, b)
        finite = [d[np.isfinite(d[:, 1])] for d in (a, b)]
        essential = [d[np.isinf(d[:, 1]), 0] for d in (a, b)]
        if all(len(e) == 0 for e in essential):
            third = persim.bottleneck(*finite)
            assert abs(distance - third) <= 1e-6 * max(1, third), (distance, third)
    return len(pairs)


def compare(title, a, b, with_persim):
    rows = []
    for _ in range(ROUNDS):
        [(distance, seconds)] = ours([(a, b)])
        theirs, gudhi_seconds = timed(lambda: gudhi.bottleneck_distance(a, b))
        assert abs(distance - theirs) <= 4e-16 * max(1, theirs), (distance, theirs)
        rows.append((seconds, gudhi_seconds))
    own, peer = (statistics.median(column) for column in zip(*rows))
    ratio = statistics.median(g / s for s, g in rows)
    third = ""
    if with_persim:
        _, persim_seconds = timed(lambda: persim.bottleneck(a, b))
        third = f"{persim_seconds * 1e3:,.0f} ({persim_seconds / own:,.0f} ×)"
    print(f"| {title} | {own * 1e3:.2f} | {peer * 1e3:.2f} | {ratio:.1f} × | {third} | {distance:.4g} |", flush=True)


def main():
    warnings.simplefilter("ignore")
    generator = np.random.default_rng(7)
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"# The bottleneck distance against its peers, {time.strftime('%Y-%m-%d')}\n")
    print(f"{processor}, {os.cpu_count()} processors, Linux; one thread on both sides; load average {os.getloadavg()[0]:.1f}.")
    print(f"leanset 0.1.0 (release), Python {platform.python_version()}, numpy {np.__version__}, gudhi {gudhi.__version__}, "
          f"persim {importlib.metadata.version('persim')}.")
    print(f"Made by `benches/bottleneck_distance.py`; milliseconds, medians of {ROUNDS} runs in turns (persim: one run); the ratio is "
          "gudhi's time to ours, pair by pair.\n")
    print(f"The distances of {check(generator)} random pairs of up to 60 bars, and of those below, are gudhi's; persim's "
          "too where no bar is essential.\n")
    print("| diagrams | leanset | gudhi | ratio | persim | distance |\n|---|---:|---:|---:|---:|---:|")
    for bars in (100, 1000, 4000):
        small = bars <= 100
        for name, kind in (("components", components), ("loops", loops), ("ties", grid)):
            a = kind(generator, bars)
            compare(f"{bars:,} {name}, others", a, kind(generator, bars), small and kind is not components)
            compare(f"{bars:,} {name}, moved by 0.01", a, moved(a, generator, 0.01), False)


main()
