"""The built-in trainer against PyTorch on the CPU: the same network, the same losses, the time of a step.

    python3 -m venv .venv && .venv/bin/pip install numpy torch
    cargo build --release -p leanset-train --example trainer
    .venv/bin/python benches/trainer.py DRYBEAN.csv > benches/record/DATE-trainer.md

The paper's network (nine ReLU layers, dropout 0.25), Adam at 0.001, batches of 32, cross-entropy; Dry Bean, scaled on the
training split, a quarter held out for the test. Both train in turns (ours, theirs, ours, ...), each on one thread, with
ten seeds; the seeds of one are not those of the other, so what can agree is the distribution over seeds.
"""

import csv
import json
import os
import platform
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402

SEEDS = 10
EPOCHS = int(os.environ.get("EPOCHS", "30"))
WIDTHS = [50, 45, 40, 35, 30, 25, 20, 15, 10]
TRAINER = os.path.join(os.path.dirname(__file__), "..", "target", "release", "examples", "trainer")


def table(path):
    """Shuffled and scaled: points, classes, number of classes, rows to train on."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    names = sorted({row[-1] for row in rows})
    points = np.array([[float(v) for v in row[:-1]] for row in rows])
    classes = np.array([names.index(row[-1]) for row in rows])
    order = np.random.default_rng(0).permutation(len(rows))
    points, classes, own = points[order], classes[order], len(rows) * 3 // 4
    low, high = points[:own].min(0), points[:own].max(0)
    return ((points - low) / (high - low)).astype(np.float32), classes, len(names), own


def cpu(who):
    return resource.getrusage(who).ru_utime


def ours(file, seed):
    before = cpu(resource.RUSAGE_CHILDREN)
    done = subprocess.run([TRAINER, file, str(EPOCHS), str(seed)], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    found["cpu"] = cpu(resource.RUSAGE_CHILDREN) - before
    return found


def theirs(points, classes, count, own, seed, fused):
    torch.manual_seed(seed)
    layers, width = [], points.shape[1]
    for units in WIDTHS:
        layers += [torch.nn.Linear(width, units), torch.nn.ReLU(), torch.nn.Dropout(0.25)]
        width = units
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, count))
    x, y = torch.from_numpy(points), torch.from_numpy(classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
    loss_of = torch.nn.CrossEntropyLoss()
    found = {"losses": [], "seconds": [], "steps": 0}
    before = cpu(resource.RUSAGE_SELF)
    for _ in range(EPOCHS):
        began, total = time.perf_counter(), 0.0
        model.train()
        # The fastest way to batches: one gather each, no loader.
        for batch in torch.randperm(own).split(32):
            optimizer.zero_grad()
            loss = loss_of(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
            found["steps"] += 1
        found["losses"].append(total / own)
        found["seconds"].append(time.perf_counter() - began)
    found["cpu"] = cpu(resource.RUSAGE_SELF) - before
    model.eval()
    with torch.no_grad():
        found["accuracy"] = (model(x[own:]).argmax(1) == y[own:]).float().mean().item()
    return found


def spread(values):
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def main():
    points, classes, count, own = table(sys.argv[1])
    torch.set_num_threads(1)
    pairs = []
    with tempfile.NamedTemporaryFile() as file:
        file.write(struct.pack("<4I", *points.shape, count, own))
        file.write(points.tobytes() + classes.astype(np.uint32).tobytes())
        file.flush()
        for seed in range(SEEDS):
            pairs.append((ours(file.name, seed), theirs(points, classes, count, own, seed, seed % 2 == 1)))
            print(f"seed {seed} done", file=sys.stderr)
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "?")
    print(f"# The built-in trainer against PyTorch, {time.strftime('%Y-%m-%d')}\n")
    print(f"{model}, {os.cpu_count()} processors, {platform.system()}; one thread on both sides; load average {os.getloadavg()[0]:.1f}.")
    print(f"leanset 0.1.0 (release), Python {platform.python_version()}, torch {torch.__version__}.")
    print(f"Made by `benches/trainer.py`: the paper's network, Dry Bean ({own:,} rows), batches of 32, Adam, {EPOCHS} epochs, {SEEDS} seeds.\n")
    print("| time of a step, µs | leanset | torch, Adam | torch, fused Adam | ratio | ratio, fused |\n|---|---:|---:|---:|---:|---:|")
    for name, of in (
        ("processor, a whole run", lambda run: run["cpu"] / run["steps"]),
        ("wall, the fastest epoch", lambda run: min(run["seconds"]) * EPOCHS / run["steps"]),
        ("wall, the median epoch", lambda run: statistics.median(run["seconds"]) * EPOCHS / run["steps"]),
    ):
        a, plain, fused = (
            statistics.median(1e6 * of(run) for run in runs)
            for runs in ([o for o, _ in pairs], [t for _, t in pairs[0::2]], [t for _, t in pairs[1::2]])
        )
        ratios = [statistics.median(of(t) / of(o) for o, t in pairs[k::2]) for k in (0, 1)]
        print(f"| {name} | {a:.1f} | {plain:.0f} | {fused:.0f} | {ratios[0]:.1f} × | {ratios[1]:.1f} × |")
    print("\nOurs counts reading the table in the processor's time. The losses are means over the batches of an epoch, dropout and")
    print("all; `apart` is the difference of the means over the standard error of a difference of means.\n")
    print("| loss after epoch | leanset | torch | apart |\n|---|---:|---:|---:|")
    worst = 0.0

    def row(name, a, b):
        nonlocal worst
        error = ((statistics.variance(a) + statistics.variance(b)) / SEEDS) ** 0.5
        apart = abs(statistics.mean(a) - statistics.mean(b)) / error
        worst = max(worst, apart)
        print(f"| {name} | {spread(a)} | {spread(b)} | {apart:.1f} |")

    for epoch in sorted({1, 2, 5, 10, 20, 30, 50, 100, 150, EPOCHS}):
        if epoch <= EPOCHS:
            row(epoch, [o["losses"][epoch - 1] for o, _ in pairs], [t["losses"][epoch - 1] for _, t in pairs])
    row("test accuracy", [o["accuracy"] for o, _ in pairs], [t["accuracy"] for _, t in pairs])
    print(f"\nAt most {worst:.1f} standard errors apart.")


if __name__ == "__main__":
    main()
