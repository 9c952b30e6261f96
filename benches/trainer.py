"""Compare the built-in trainer with PyTorch on the CPU: the same network, the same losses, the time of a step.

    python3 -m venv .venv && .venv/bin/pip install numpy torch
    cargo build --release -p leanset-train --example trainer
    .venv/bin/python benches/trainer.py DRYBEAN.csv > benches/record/DATE-trainer.md

Both train the paper's network (nine ReLU layers, dropout 0.25) with Adam at 0.001, batches of 32 and cross-entropy, on Dry Bean. The data
are scaled on the training split, and a quarter is held out for testing. The script makes two comparisons:

1. The same random numbers. PyTorch gets our initial weights, our order of rows and our dropout, computed again here from the definition
   of the hash. Then its autograd and its Adam must give the same losses in the first epochs.
2. Its own random numbers. Both train alternately (ours, theirs, ours, …), each on one thread, seed by seed. Here only the distributions
   over seeds can agree. Ten seeds (SEEDS) are few: the loss varies by 0.06 between seeds, and the epochs of one run deviate in the same
   direction. Each training has thirty epochs (EPOCHS).
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

SEEDS = int(os.environ.get("SEEDS", "10"))
EPOCHS = int(os.environ.get("EPOCHS", "30"))
WIDTHS = [50, 45, 40, 35, 30, 25, 20, 15, 10]
TRAINER = os.path.join(os.path.dirname(__file__), "..", "target", "release", "examples", "trainer")


def table(path):
    """The shuffled and scaled table: points, classes, number of classes, training rows."""
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


def mix(z):
    """The finaliser of SplitMix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def keys(seed, count):
    """The keys of the first rows under a seed: crates/core/src/seed.rs."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    stream = mix(np.array([seed], np.uint64) + golden)
    return mix(stream ^ (np.arange(1, count + 1, dtype=np.uint64) * golden))


def same_draws(points, classes, count, own, seed, epochs):
    """The losses of PyTorch's autograd and Adam with our weights, order and dropout."""
    widths = [points.shape[1], *WIDTHS, count]
    of_layers = keys(seed, len(widths))
    parameters = []
    for layer, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        uniform = (keys(of_layers[layer], outputs * (inputs + 1)) >> np.uint64(11)).astype(float) / 2.0**53
        drawn = ((2 * uniform - 1) / inputs**0.5).astype(np.float32).reshape(outputs, inputs + 1)
        parameters += [torch.tensor(drawn[:, :-1]).requires_grad_(), torch.tensor(drawn[:, -1]).requires_grad_()]
    x, y = torch.from_numpy(points), torch.from_numpy(classes)
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    losses = []
    for stream in keys(seed, epochs):
        order = np.argsort(keys(stream, own), kind="stable")
        states = np.maximum((keys(~stream, own) >> np.uint64(32)).astype(np.uint32), 1)
        total = 0.0
        for start in range(0, own, 32):
            batch = order[start : start + 32]
            state, values = states[batch], x[batch]
            for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2]):
                values = torch.relu(torch.nn.functional.linear(values, weight, bias))
                kept = np.empty(values.shape, np.float32)
                for unit in range(values.shape[1]):
                    state = state ^ (state << np.uint32(13))
                    state = state ^ (state >> np.uint32(17))
                    state = state ^ (state << np.uint32(5))
                    kept[:, unit] = (state >> np.uint32(1)) >= 2**31 // 4
                values = values * torch.from_numpy(kept) / 0.75
            logits = torch.nn.functional.linear(values, parameters[-2], parameters[-1])
            loss = torch.nn.functional.cross_entropy(logits, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / own)
    return losses


def spread(values):
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def main():
    points, classes, count, own = table(sys.argv[1])
    torch.set_num_threads(1)
    pairs, twins = [], []
    with tempfile.NamedTemporaryFile() as file:
        file.write(struct.pack("<4I", *points.shape, count, own))
        file.write(points.tobytes() + classes.astype(np.uint32).tobytes())
        file.flush()
        for seed in range(SEEDS):
            pairs.append((ours(file.name, seed), theirs(points, classes, count, own, seed, seed % 2 == 1)))
            if seed < 3:
                twins.append((pairs[-1][0]["losses"], same_draws(points, classes, count, own, seed, 3)))
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
    print("all. With our weights, order of rows and dropout in PyTorch, they are the same loss:")
    print("\n| loss with the same draws, seed | epoch | leanset | torch |\n|---:|---:|---:|---:|")
    for seed, (a, b) in enumerate(twins):
        for epoch, (one, other) in enumerate(zip(a, b), 1):
            print(f"| {seed} | {epoch} | {one:.6f} | {other:.6f} |")
    print("\nWith the draws of each, `apart` is the difference of the means over the standard error of a difference of means.\n")
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
