"""Compare ProtoDash with that of AIX360 in one run, as ratios.

    python3 -m venv .venv
    .venv/bin/pip install 'numpy<2' 'scipy<1.14' 'pandas<2.3' scikit-learn osqp==0.6.7.post3
    .venv/bin/pip install --no-deps aix360   # written for these versions; it does not run under numpy 2
    cargo build --release -p leanset-cli
    .venv/bin/python benches/protodash.py DRYBEAN.csv > benches/record/DATE-protodash.md

Both use one thread. Ours is `method_seconds` of the manifest, the median of 7. Theirs is the same step (ProtoDash with
optimizer='osqp') on the same scaled values in memory, alternating with ours as often as its time allows. Both keep the same number of
rows of the same class; ours reads a file with exactly the scaled values.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import types

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

LEANSET = os.path.join(os.path.dirname(__file__), "..", "target", "release", "leanset")
ROUNDS = 7


def aix360():
    """The selection alone, as installed. A SAS reader and an unused solver are replaced by empty modules."""
    for unused in ("xport", "cvxpy"):
        sys.modules.setdefault(unused, types.ModuleType(unused))
    package = importlib.util.find_spec("aix360").submodule_search_locations[0]
    path = os.path.join(package, "algorithms", "protodash", "PDASH_utils.py")
    spec = importlib.util.spec_from_file_location("PDASH_utils", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.HeuristicSetSelection


SELECT = aix360()


def leanset(table, label, *arguments):
    """Runs a reduction and returns its manifest."""
    with tempfile.TemporaryDirectory() as folder:
        command = [LEANSET, "reduce", table, "--threads", "1", "--json", "--method", "protodash", "--scale", "none"]
        command += ["--output", os.path.join(folder, "o.csv"), *(["--label", label] if label else [])]
        done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


def save(folder, name, points, labels=None):
    frame = pd.DataFrame(points, columns=[f"x{j}" for j in range(points.shape[1])])
    if labels is not None:
        frame["class"] = labels
    path = os.path.join(folder, name)
    frame.to_csv(path, index=False, float_format="%.17g")
    return path


def row(title, ours, theirs, objectives):
    print(f"| {title} | {statistics.median(ours) * 1e3:.2f} | "
          f"{statistics.median(theirs) * 1e3:.0f} | {statistics.median(theirs) / statistics.median(ours):.0f} × | "
          f"{len(theirs)} | {objectives} |", flush=True)


def compare(title, folder, points, count, kernel, rounds):
    table = save(folder, "one.csv", points)
    arguments = ["--count", str(count)]
    arguments += ["--param", "kernel=linear"] if kernel == "linear" else ["--param", "sigma=2"]
    ours, theirs, objective = [], [], None
    for turn in range(ROUNDS):
        manifest = leanset(table, None, *arguments)
        ours.append(manifest["measured"]["method_seconds"])
        if turn < rounds:
            began = time.perf_counter()
            _, _, values = SELECT(points, points, count, "Gaussian" if kernel != "linear" else "other", 2, "osqp")
            theirs.append(time.perf_counter() - began)
            objective = values[-1]
    own = facts(manifest)["objective"]
    row(title, ours, theirs, f"{float(np.ravel(own)[0]):.12f} / {objective:.12f}")


def facts(manifest):
    return manifest["method"]["facts"]


def main():
    beans = pd.read_csv(sys.argv[1])
    values = beans.drop(columns="Class").to_numpy(float)
    scale = 1.0 / (values.max(0) - values.min(0))
    points = np.ascontiguousarray(values * scale + (0 - values.min(0) * scale))
    labels = beans["Class"].to_numpy()
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    version = importlib.metadata.version
    print(f"# ProtoDash against AIX360, {time.strftime('%Y-%m-%d')}\n")
    print(f"{processor}, {os.cpu_count()} processors, Linux; one thread on both sides; load average {os.getloadavg()[0]:.1f}.")
    print(f"leanset 0.1.0 (release), aix360 {version('aix360')}, osqp {version('osqp')}, "
          f"Python {platform.python_version()}, numpy {np.__version__}, scipy {version('scipy')}.")
    print(f"Made by `benches/protodash.py`; milliseconds, medians of {ROUNDS} runs of ours, in turns with as many of AIX360 as "
          "stated. The objective is that of the last row; two greedy paths that part can pass each other.\n")
    print("| step | leanset | aix360 | ratio | runs of aix360 | objective, ours / theirs |\n|---|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("BARBUNYA", "SIRA"):
            group = np.ascontiguousarray(points[labels == name][:1200])
            for kernel in ("linear", "gaussian"):
                compare(f"{kernel}, 1,200 rows of {name}, 60 kept", folder, group, 60, kernel, 3)
        group = np.ascontiguousarray(points[labels == "SIRA"][:1200])
        for kernel in ("linear", "gaussian"):
            compare(f"{kernel}, 1,200 rows of SIRA, 600 kept", folder, group, 600, kernel, 1)
        table = save(folder, "all.csv", points, labels)
        print("\nAll of Dry Bean (13,611 × 16, 7 classes) at 90 %, ours alone: AIX360 could solve a quadratic program of up to "
              "3,191 variables at each of 12,250 picks, and was not run. sigma=auto: the median distance of each class, a "
              "narrower kernel, which tells some 1,000 rows of a class apart; medians of 3.\n")
        print("| kernel | milliseconds | rows chosen by the objective | worst KKT residual |\n|---|---:|---|---:|")
        for words in (["kernel=linear"], ["sigma=2"], ["sigma=auto"]):
            arguments = ["--ratio", "0.9", "--param", words[0]]
            manifests = [leanset(table, "class", *arguments) for _ in range(3)]
            median = statistics.median(m["measured"]["method_seconds"] for m in manifests) * 1e3
            found = facts(manifests[0])
            print(f"| {words[0]} | {median:.1f} | {found['chosen_by_objective']} | {found['kkt_residual']:.1e} |", flush=True)


main()
