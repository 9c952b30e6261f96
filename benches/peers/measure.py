"""One case in a process of its own: the memory of each side in a fork, then both in turns."""

from __future__ import annotations

import ctypes
import gc
import json
import math
import os
import select
import signal
import statistics
import time
from collections.abc import Callable
from typing import Any

import cases
import reference


def status(word: str) -> float:
    """A line of /proc/self/status in MB; 0 where there is none."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(float(line.split()[1]) / 1024 for line in file if line.startswith(word + ":"))
    except (OSError, StopIteration):
        return 0.0


def probe(call: Callable[[], Any], bound: float) -> dict[str, Any]:
    """The first call, in a fork: its seconds, and the memory that it adds to the arrays. Empty if it takes longer than `bound`."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        pass
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            before, wall, cpu = status("VmRSS"), time.perf_counter(), time.process_time()
            try:
                result = call()
                found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "mb": status("VmHWM") - before}
                if isinstance(result, reference.Ran):
                    found = {"wall": result.wall, "cpu": result.cpu, "mb": result.megabytes}
            except BaseException as error:  # noqa: BLE001: it is reported
                found = {"error": f"{type(error).__name__}: {error}"[:200]}
            os.write(write, json.dumps(found).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    ready, _, _ = select.select([read], [], [], bound)
    text = os.read(read, 65536) if ready else b""
    os.close(read)
    if not text:
        os.kill(pid, signal.SIGKILL)
    _, _, used = os.wait4(pid, 0)
    if text:
        return json.loads(text)
    if ready:
        return {"error": "ended by a signal, perhaps for want of memory"}
    return {"error": f"more than {bound:.0f} s", "least": (bound, used.ru_utime + used.ru_stime)}


def timed(call: Callable[[], Any], repeats: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        result = call()
    if isinstance(result, reference.Ran):
        return result.wall, result.cpu
    return (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats


def quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def one(case: cases.Case, threads: str, budget: float, bound: float) -> dict[str, Any]:
    many = 1 if threads == cases.ONE else os.cpu_count() or 1
    pair = case.make(many)
    # On one thread, seconds of CPU time: they are the same as the wall time of a quiet machine, and noise changes them less.
    at = 1 if threads == cases.ONE else 0
    row: dict[str, Any] = {"note": [pair.note] if pair.note else []}
    first = {"ours": probe(pair.ours, bound)}
    if pair.theirs:
        first["theirs"] = probe(pair.theirs, bound)
    for side, found in first.items():
        if "error" in found:
            row["note"].append(f"{'leanset' if side == 'ours' else 'the peer'}: {found['error']}")
        else:
            row[f"{side}_mb"] = found["mb"]
    if "error" in first["ours"]:
        return row
    known = [f["cpu"] if threads == cases.ONE else f["wall"] for f in first.values() if "error" not in f]
    theirs = pair.theirs if "error" not in first.get("theirs", {"error": ""}) else None
    rounds: list[tuple[float, ...]] = []
    if sum(known) < 8 * budget:
        gc.disable()
        if sum(known) < 2 * budget or pair.agree:
            results = pair.ours(), theirs() if theirs else None
            if theirs and pair.agree:
                row["note"].append(pair.agree(*results))
            del results
        repeats = {side: min(50, math.ceil(0.02 / max(f["cpu"], 1e-4))) for side, f in first.items() if "error" not in f}
        for _ in range(int(min(9, max(3, budget / sum(known)))) if sum(known) < 2 * budget else 1):
            a = timed(pair.ours, repeats["ours"])
            b = timed(theirs, repeats["theirs"]) if theirs else (0.0, 0.0)
            rounds.append((*a, *b))
    else:
        row["note"].append("one cold run")
        a, b = first["ours"], first.get("theirs", {})
        rounds.append((a["wall"], a["cpu"], b.get("wall", 0.0), b.get("cpu", 0.0)))
    row["rounds"] = len(rounds)
    row["ours_s"] = statistics.median(r[at] for r in rounds)
    row["load"] = os.getloadavg()[0]
    if theirs:
        row["theirs_s"] = statistics.median(r[2 + at] for r in rounds)
        row["ratio_q1"], row["ratio"], row["ratio_q3"] = quartiles([r[2 + at] / r[at] for r in rounds])
        row["wall_ratio"] = statistics.median(r[2] / r[0] for r in rounds)
    elif pair.theirs and "least" in first["theirs"]:
        row["ratio"] = first["theirs"]["least"][at] / row["ours_s"]
        row["note"].append("so the ratio is at least this")
    if threads == cases.ONE and theirs and statistics.median(r[3] / max(r[2], 1e-9) for r in rounds) > 1.3:
        row["note"].append("the peer used more than one thread; its CPU time counts")
    return row
