"""Runs the cases in the environment that `run.py` has made. `run.py --help` describes it."""

from __future__ import annotations

import argparse
import csv
import datetime
import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "benches" / "record" / "peers.csv"
GROWTH = ROOT / "benches" / "record" / "growth.csv"
COLUMNS = ("date,commit,cpu,cores,load,threads,blas,version,work,data,n,d,dtype,kept,peer,target,ours_s,theirs_s,ratio,ratio_q1,ratio_q3,wall_ratio,"
           "ours_mb,theirs_mb,rounds,note").split(",")
PACKAGES = {"fpsample": "fpsample", "gudhi": "gudhi", "lightly-mundig": "lightly-mundig", "faiss": "faiss-cpu", "scipy": "scipy", "scikit": "scikit-learn",
            "pynndescent": "pynndescent", "twinning": "twinning", "apricot": "apricot-select", "imbalanced": "imbalanced-learn", "numpy": "numpy", "a copy": "numpy", "polars": "polars",
            "pyarrow": "pyarrow"}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT")


def cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    model = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), platform.machine())
    family = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("cpu family")), "")
    number = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model\t")), "")
    levels = [name for flag, name in (("avx2", "AVX2"), ("avx512f", "AVX-512")) if f" {flag} " in text]
    return f"{model} (family {family} model {number}) {' '.join(levels)}".replace(",", "")


def blas() -> str:
    """The kernel of NumPy's BLAS that really runs."""
    import numpy  # noqa: F401
    import threadpoolctl

    found = [f"{lib['internal_api']} {lib['version']} {lib.get('architecture', '')}" for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"]
    return "; ".join(sorted(set(found)))


def version(peer: str) -> str:
    for word, package in PACKAGES.items():
        if peer.lower().startswith(word):
            return f"{package} {importlib.metadata.version(package)}"
    return f"numpy {importlib.metadata.version('numpy')}" if "NumPy" in peer else ""


def environment(threads: int) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return {**kept, **dict.fromkeys(THREADS, str(threads))}


def short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value


def measured(case: Any, threads: str, budget: float, bound: float) -> dict[str, Any]:
    many = 1 if threads == "one" else os.cpu_count() or 1
    command = [sys.executable, __file__, "--one", case.name, "--threads", threads, "--budget", str(budget), "--bound", str(bound)]
    process = subprocess.Popen(command, env=environment(many), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, error = process.communicate(timeout=6 * bound + 120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"note": [f"not done within {6 * bound + 120:.0f} s"]}
    if process.returncode:
        last = error.strip().splitlines()[-1] if error.strip() else f"exit code {process.returncode}"
        return {"note": [f"failed: {last}"[:200]]}
    return json.loads(out.strip().splitlines()[-1])


def met(target: str, row: dict[str, Any]) -> bool | None:
    if match := re.match(r"([\d.]+) x", target):
        return None if row.get("ratio") is None else float(row["ratio"]) >= float(match[1])
    if match := re.match(r"([\d.]+) s", target):
        return None if row.get("ours_s") is None else float(row["ours_s"]) <= float(match[1])
    return None


def line(case: Any, threads: str, row: dict[str, Any]) -> str:
    if row.get("ours_s") is None:
        return f"{case.name} [{threads}]: {'; '.join(row['note'])}"
    text = f"{case.name} [{threads}]: {row['ours_s']:.4g} s"
    if row.get("theirs_s") is not None:
        text += f", theirs {row['theirs_s']:.4g} s: {row['ratio']:.3g} x ({row['ratio_q1']:.3g} – {row['ratio_q3']:.3g})"
    elif row.get("ratio") is not None:
        text += f": at least {row['ratio']:.3g} x"
    text += f"; {row.get('ours_mb', 0):.0f} MB" + (f", theirs {row['theirs_mb']:.0f} MB" if row.get("theirs_mb") is not None else "")
    if (good := met(case.target, row)) is not None:
        text += f"; target {case.target}: {'met' if good else 'MISSED'}"
    return text + (f"; {'; '.join(row['note'])}" if row["note"] else "")


def append(file: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        for row in rows:
            # Without commas and quotes, whoever reads the file can split its lines.
            writer.writerow({k: re.sub(r'[,"\n]+', " ", str(short(row.get(k) if row.get(k) is not None else ""))) for k in columns})


def slope(points: list[tuple[float, float]]) -> float:
    """Of the least squares line through log–log points."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / sum((x - mx) ** 2 for x in xs)


def growth(only: re.Pattern[str] | None, budget: float, bound: float, shared: dict[str, Any], record: bool) -> None:
    import cases

    columns = "date,commit,cpu,load,work,data,variable,values,peer,ours,theirs,ours_s,theirs_s".split(",")
    for g in cases.growth():
        if only and not only.search(f"growth {g.name}"):
            continue
        rows = [measured(case, "one", budget, bound) for case in g.cases]
        found: dict[str, Any] = {**shared, "load": f"{os.getloadavg()[0]:.1f}", "work": g.work, "data": g.data, "variable": g.variable,
                                 "values": " ".join(f"{v:g}" for v in g.values), "peer": g.peer}
        for side in ("ours", "theirs"):
            points = [(v, row[f"{side}_s"]) for v, row in zip(g.values, rows, strict=True) if row.get(f"{side}_s")]
            found[f"{side}_s"] = " ".join(f"{y:.3g}" for _, y in points)
            found[side] = slope(points) if len(points) > 1 else None
        slopes = ", theirs ".join(f"{found[side]:.2f}" for side in ("ours", "theirs") if found[side] is not None)
        print(f"growth of {g.name}: exponent {slopes}; seconds {found['ours_s']}", flush=True)
        if record:
            append(GROWTH, columns, [found])


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--only", default="")
    arguments.add_argument("--threads", choices=("one", "all", "both"), default="both")
    arguments.add_argument("--budget", type=float)
    arguments.add_argument("--bound", type=float)
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("--no-record", action="store_true")
    arguments.add_argument("--record", type=Path, default=RECORD)
    arguments.add_argument("--commit", default="")
    arguments.add_argument("--one", default="")
    asked = arguments.parse_args()
    import cases

    every = cases.all_cases()
    if asked.one:
        import measure

        known = {case.name: case for case in [*every, *(case for g in cases.growth() for case in g.cases)]}
        print(json.dumps(measure.one(known[asked.one], asked.threads, asked.budget, asked.bound)))
        return 0
    only = re.compile(asked.only, re.IGNORECASE) if asked.only else None
    wanted = [case for case in every if (only.search(case.name) if only else case.when != cases.ASKED) and (not asked.quick or case.when == cases.QUICK)]
    budget, bound = asked.budget or (1.5 if asked.quick else 10), asked.bound or (60 if asked.quick else 400)
    shared = {"date": datetime.date.today().isoformat(), "commit": asked.commit, "cpu": cpu(), "cores": os.cpu_count(), "blas": blas()}
    print(f"{shared['cpu']}, {shared['cores']} cores, load {os.getloadavg()[0]:.1f}; BLAS of NumPy: {shared['blas']}; leanset {asked.commit}", flush=True)
    missed = done = 0
    for case in wanted:
        # In the quick choice on one thread alone, except the cases that are about threads.
        ways = [t for t in case.threads if asked.threads in ("both", t) and not (asked.quick and asked.threads == "both" and t == "all" and "one" in case.threads)]
        if asked.list:
            print(f"{case.when:6} {case.name} {[case.target] if case.target else ''}")
            continue
        if why := cases.ready(case):
            print(f"{case.name}: not run: {why}", flush=True)
            continue
        for threads in ways:
            row = measured(case, threads, budget, bound)
            print(line(case, threads, row), flush=True)
            done += 1
            missed += met(case.target, row) is False
            if not asked.no_record:
                row = {**row, **shared, "load": row.get("load", os.getloadavg()[0]), "threads": 1 if threads == "one" else os.cpu_count(), "work": case.work,
                       "data": case.data, "n": case.n, "d": case.d, "dtype": case.dtype, "kept": case.kept, "peer": case.peer, "target": case.target,
                       "version": version(case.peer), "note": "; ".join(row["note"])}
                append(asked.record, COLUMNS, [row])
    if not asked.quick and not asked.list:
        growth(only, min(budget, 3), bound, shared, not asked.no_record)
    if not asked.list:
        print(f"{done} measured, {missed} of them below their targets", flush=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
