#!/usr/bin/env python3
"""Judge `leanset choose` by a truth that does not depend on it.

    VENV/bin/python benches/choose/judge.py truth DATA WORK      # the truth; interrupt it at any time, run it again to continue
    VENV/bin/python benches/choose/judge.py choose DATA WORK     # runs of `leanset choose`, likewise
    VENV/bin/python benches/choose/judge.py table WORK           # both side by side, in Markdown

DATA is what `datasets.py` wrote. Every table is split SPLITS times into a pool (70 %) and fresh test rows (30 %), class by class. The truth is
what scikit-learn models reach on the test rows when they are trained from scratch on the rows that `leanset reduce` keeps of the pool:
every candidate at RATIOS, and the default candidate on the whole GRID. Each line of WORK/truth.jsonl is one training.

`leanset choose` sees the pool only: with each of the models as `--model`, and with none ("quick" in the tables, judged by the truth of all
models). It is asked for the method at each of RATIOS, and for the ratio within one point. Each line of WORK/choices.jsonl is one answer. The rows of
an answer are those of `leanset reduce` again; models that the truth lacks at its ratio are trained then.
"""

import argparse
import base64
import collections
import json
import math
import os
import shlex
import subprocess
import sys
import time

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from models import MODELS, predict

SPLITS = 3
RATIOS = [0.05, 0.1, 0.2]
GRID = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.56, 0.8, 1.0]
DEFAULT = "guarded-energy"
# What `leanset reduce` is given for each candidate. Random is drawn twice, because a single draw is a matter of luck.
CANDIDATES = {
    "random": ["-m", "srs", "--seed", "1"],
    "random again": ["-m", "srs", "--seed", "2"],
    "energy": ["-m", "energy", "--guard", "off"],
    "guarded-energy": ["-m", "energy", "--guard", "auto"],
    "energy-sqrt": ["-m", "energy", "--guard", "auto", "--balance", "sqrt"],
    "kmeans-rows": ["-m", "clc", "-p", "output=rows", "--guard", "auto"],
    "boundary": ["-m", "boundary"],
}
FEWEST_TOPPED_UP = 0.1
# Points that may be lost, and what is forgiven on fresh rows.
TOLERANCE = 1.0
SLACK = 0.5


def split(data, name, number):
    """The rows of the pool and the test rows, class by class, from the number of the split."""
    frame = pd.read_csv(os.path.join(data, f"{name}.csv"))
    generator = np.random.default_rng(1000 + number)
    order = generator.permutation(len(frame))
    labels = frame["label"].to_numpy()[order]
    is_test = np.zeros(len(frame), dtype=bool)
    for value in np.unique(labels):
        own = order[labels == value]
        is_test[own[: round(0.3 * len(own))]] = True
    return frame[~is_test].reset_index(drop=True), frame[is_test].reset_index(drop=True)


def kept_rows(leanset, pool, flags, ratio, scratch):
    """Row ids that `leanset reduce` keeps of a table."""
    if ratio >= 1:
        return None
    command = [leanset, "reduce", pool, "--label", "label", *flags, "--ratio", str(ratio)]
    command += ["--emit", "ids", "--no-epsilon", "--output", scratch, "--force", "--quiet", "--threads", "1"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return np.sort(pd.read_csv(scratch)["row"].to_numpy())


def scores(found, labels):
    """Accuracy, macro F1, the smallest recall, and which rows were right as bits."""
    right = found == labels
    f1, recall = [], []
    for value in np.unique(labels):
        hits = np.sum(right & (labels == value))
        recall.append(hits / np.sum(labels == value))
        f1.append(2 * hits / (np.sum(labels == value) + np.sum(found == value)))
    bits = base64.b64encode(np.packbits(right).tobytes()).decode()
    return {"accuracy": float(right.mean()), "macro_f1": float(np.mean(f1)), "worst_recall": float(min(recall)), "tested": len(labels), "right": bits}


def read_lines(path):
    """The whole lines of a file of JSON lines."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


class Truth:
    """Trainings on the rows of a candidate; each is made once and kept in WORK/truth.jsonl."""

    def __init__(self, data, work, leanset):
        self.data, self.work, self.leanset = data, work, leanset
        os.makedirs(work, exist_ok=True)
        self.path = os.path.join(work, "truth.jsonl")
        self.known = {self.key(line): line for line in read_lines(self.path)}
        self.tables = {}

    @staticmethod
    def key(line):
        return line["set"], line["split"], line["model"], line["candidate"], round(line["ratio"], 6)

    def table(self, name, number):
        """Pool, test rows, and the file of the pool."""
        if (name, number) not in self.tables:
            pool, test = split(self.data, name, number)
            path = os.path.join(self.work, "pools", f"{name}-{number}.csv")
            if not os.path.exists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                pool.to_csv(path, index=False)
            self.tables = {(name, number): (pool, test, path)}
        return self.tables[name, number]

    def measure(self, name, number, candidate, ratio, models=MODELS):
        """Lines of the models, trained now if they are not known."""
        if ratio >= 1:
            candidate, ratio = "everything", 1.0
        keys = [(name, number, model, candidate, round(ratio, 6)) for model in models]
        if not all(key in self.known for key in keys):
            pool, test, path = self.table(name, number)
            flags = CANDIDATES.get(candidate, [])
            rows = kept_rows(self.leanset, path, flags, ratio, os.path.join(self.work, "ids.csv"))
            train = pool if rows is None else pool.iloc[rows]
            for model, key in zip(models, keys, strict=True):
                if key in self.known:
                    continue
                start = time.monotonic()
                found = predict(model, train.drop(columns="label"), train["label"].to_numpy(), test.drop(columns="label"), number)
                line = {"set": name, "split": number, "model": model, "candidate": candidate, "ratio": ratio, "rows": len(train)}
                line |= scores(found, test["label"].to_numpy()) | {"seconds": round(time.monotonic() - start, 3)}
                with open(self.path, "a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                self.known[key] = line
        return [self.known[key] for key in keys]


def names_of(args):
    found = sorted(file[:-4] for file in os.listdir(args.data) if file.endswith(".csv"))
    return args.only or found


def truth(args):
    of = Truth(args.data, args.work, args.leanset)
    for number in range(SPLITS):
        for name in names_of(args):
            for ratio in GRID:
                of.measure(name, number, DEFAULT, ratio)
            for ratio in RATIOS:
                for candidate in CANDIDATES:
                    if candidate != "boundary" or ratio >= FEWEST_TOPPED_UP:
                        of.measure(name, number, candidate, ratio)
            print(f"{name}, split {number}: done", file=sys.stderr, flush=True)


def ask(args, pool, records, ratio, command):
    """The answer of `leanset choose`, as its document, and the seconds that it took."""
    call = [args.leanset, "choose", pool, "--label", "label", "--json", "--quiet", "--records", records]
    call += ["--tolerance", f"{TOLERANCE}pt"] if ratio is None else ["--ratio", str(ratio)]
    if command:
        call += ["--model", command, "--predictions", "{out}/predictions.txt"]
    start = time.monotonic()
    done = subprocess.run(call, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(call)}: {done.stderr}")
    return json.loads(done.stdout), time.monotonic() - start


def choose(args):
    of = Truth(args.data, args.work, args.leanset)
    path = os.path.join(args.work, "choices.jsonl")
    known = {(c["set"], c["split"], c["judge"], c["asked"]) for c in read_lines(path)}
    here = os.path.dirname(os.path.abspath(__file__))
    os.makedirs(os.path.join(args.work, "records"), exist_ok=True)
    # The same name in every run: the command is part of the records of a choice. Runs of other judges may go on beside this one.
    socket = os.path.join(os.path.abspath(args.work), "-".join(["models", *args.judges]))
    if os.path.exists(socket):
        os.remove(socket)
    server = subprocess.Popen([sys.executable, os.path.join(here, "models.py"), "--serve", socket])
    try:
        while not os.path.exists(socket):
            time.sleep(0.1)
        for number in range(args.splits):
            for name in names_of(args):
                pool = of.table(name, number)[2]
                for judge in args.judges:
                    ask_all(args, of, (name, number, judge), pool, known, path, socket)
    finally:
        server.terminate()
        server.wait()
        os.remove(socket)


def ask_all(args, of, case, pool, known, path, socket):
    """All questions about one pool with one judge."""
    name, number, judge = case
    client = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ask.py")
    words = [sys.executable, "-S", "-E", client, socket, judge]
    command = None if judge == "quick" else shlex.join(words) + " {train} {test} {seed} {out}/predictions.txt"
    records = os.path.join(args.work, "records", f"{name}-{number}-{judge}.jsonl")
    for ratio in [None, *RATIOS]:
        if (name, number, judge, ratio) in known:
            continue
        try:
            found, seconds = ask(args, pool, records, ratio, command)
        except RuntimeError as error:
            print(f"{name}, split {number}, {judge}, {ratio}: {error}", file=sys.stderr, flush=True)
            continue
        recommended = found["recommended"]
        line = {"set": name, "split": number, "judge": judge, "asked": ratio, "candidate": found["candidate"]}
        line |= {"ratio": recommended["ratio"] if recommended else None, "recommended": recommended, "agreement": found["agreement"]}
        line |= {"trainings": found["trainings"], "seconds": round(seconds, 1), "answer": found["answer"]}
        judged = MODELS if judge == "quick" else [judge]
        if recommended:
            candidates = ["random", "random again"] if line["candidate"] == "random" else [line["candidate"]]
            for split_number in range(SPLITS):
                for candidate in candidates:
                    of.measure(name, split_number, candidate, line["ratio"], judged)
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{name}, split {number}, {judge}, {ratio}: {line['candidate']} at {line['ratio']}, {seconds:.0f} s", file=sys.stderr, flush=True)


class Known:
    """What the truth says, in points."""

    def __init__(self, work):
        self.lines = {Truth.key(line): line for line in read_lines(os.path.join(work, "truth.jsonl"))}

    def of(self, name, number, model, candidate, ratio):
        """Lines of one cell: two of random, one of the others, none if it was not trained."""
        if ratio is None or ratio >= 1:
            candidate, ratio = "everything", 1.0
        names = ["random", "random again"] if candidate == "random" else [candidate]
        found = [self.lines.get((name, number, model, each, round(ratio, 6))) for each in names]
        return found if all(found) else []

    def accuracy(self, name, number, model, candidate, ratio):
        return 100 * np.mean([line["accuracy"] for line in self.of(name, number, model, candidate, ratio)])

    def mean(self, name, model, candidate, ratio):
        return np.mean([self.accuracy(name, number, model, candidate, ratio) for number in range(SPLITS)])

    def loss(self, name, model, candidate, ratio, number=None):
        """What is lost against everything: in one split, or in the mean of all."""
        numbers = range(SPLITS) if number is None else [number]
        full = np.mean([self.accuracy(name, n, model, "everything", 1.0) for n in numbers])
        return full - np.mean([self.accuracy(name, n, model, candidate, ratio) for n in numbers])

    def right(self, name, number, model, candidate, ratio):
        """Which test rows were right: their mean over the draws of random."""
        of = [np.unpackbits(np.frombuffer(base64.b64decode(line["right"]), np.uint8))[: line["tested"]] for line in self.of(name, number, model, candidate, ratio)]
        return np.mean(of, axis=0)

    def smallest(self, name, model):
        """The smallest ratio of the grid at which the default loses at most TOLERANCE in the mean of the splits; losses do not rise with the ratio."""
        losses = falling([self.loss(name, model, DEFAULT, ratio) for ratio in GRID])
        return next(ratio for ratio, loss in zip(GRID, losses, strict=True) if loss - losses[-1] <= TOLERANCE + 1e-9)

    def over_random(self, name, model, candidate, ratio):
        """What is gained over random, and its standard error: over the test rows of all splits."""
        gains = [self.right(name, n, model, candidate, ratio) - self.right(name, n, model, "random", ratio) for n in range(SPLITS)]
        gains = 100 * np.concatenate(gains)
        return gains.mean(), gains.std() / math.sqrt(len(gains))


def falling(values):
    """The nearest values, by squares, that do not rise."""
    blocks = []
    for value in values:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] < blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    return [total / count for total, count in blocks for _ in range(count)]


def interval(hits, count):
    """The exact 90 % interval of a fraction (Clopper & Pearson)."""
    from scipy.stats import beta

    low = beta.ppf(0.05, hits, count - hits + 1) if hits else 0.0
    high = beta.ppf(0.95, hits + 1, count - hits) if hits < count else 1.0
    return f"{hits} of {count}: {100 * hits / count:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def table(args):
    of, choices = Known(args.work), read_lines(os.path.join(args.work, "choices.jsonl"))
    cases = [(choice, model) for choice in choices for model in (MODELS if choice["judge"] == "quick" else [choice["judge"]])]
    print("## The ratio\n")
    print("| judge | true in its own split | true in the mean of the splits | at most twice the smallest true ratio | larger / smaller than it (median) |")
    print("|---|---|---|---|---|")
    failures = []
    for judge in ["own model", "quick"]:
        own, mean, small, factors = [], [], [], []
        for choice, model in cases:
            if choice["asked"] is not None or (choice["judge"] == "quick") != (judge == "quick"):
                continue
            name, ratio = choice["set"], choice["ratio"] or 1.0
            candidate = choice["candidate"]
            losses = of.loss(name, model, candidate, ratio, choice["split"]), of.loss(name, model, candidate, ratio)
            smallest = of.smallest(name, model)
            own.append(losses[0] <= TOLERANCE + SLACK)
            mean.append(losses[1] <= TOLERANCE + SLACK)
            small.append(ratio <= 2 * smallest + 1e-9)
            factors.append(ratio / smallest)
            if not (own[-1] and small[-1]):
                failures.append((judge, name, choice["split"], model, candidate, ratio, *losses, smallest))
        if own:
            count = len(own)
            print(f"| {judge} | {interval(sum(own), count)} | {interval(sum(mean), count)} | {interval(sum(small), count)} | {np.median(factors):.2f} |")
    print("\n## The method at a given ratio\n")
    print("| judge | ratio | regret against the best in hindsight | the same of the default | of random | gain over random | significantly better / worse than random | not the default |")
    print("|---|---|---|---|---|---|---|---|")
    worse = []
    for judge in ["own model", "quick"]:
        rows = collections.defaultdict(list)
        for choice, model in cases:
            if choice["asked"] is None or (choice["judge"] == "quick") != (judge == "quick"):
                continue
            name, ratio, chosen = choice["set"], choice["asked"], choice["candidate"]
            values = {c: of.mean(name, model, c, ratio) for c in CANDIDATES if c != "random again" and of.of(name, 0, model, c, ratio)}
            best = max(values.values())
            gain, error = (0.0, 1.0) if chosen == "random" else of.over_random(name, model, chosen, ratio)
            cell = [best - values[chosen], best - values[DEFAULT], best - values["random"], gain, gain > 1.96 * error, gain < -1.96 * error, chosen != DEFAULT]
            rows[ratio].append(cell)
            rows["all"].append(cell)
            if cell[5]:
                worse.append((judge, name, choice["split"], model, chosen, ratio, gain, error))
        for ratio in [*RATIOS, "all"]:
            if rows[ratio]:
                cells = np.array(rows[ratio], dtype=float)
                m = cells.mean(axis=0)
                counts = cells.sum(axis=0).astype(int)
                low, high = resampled(cells[:, 0])
                print(
                    f"| {judge} | {ratio} | {m[0]:.2f} [{low:.2f}, {high:.2f}] | {m[1]:.2f} | {m[2]:.2f} | {m[3]:+.2f} | {counts[4]} / {counts[5]} of {len(cells)} | {counts[6]} |"
                )
    print("\n## Answers whose ratio fails\n\n| judge | table | split | model | method | ratio | loss in its split | mean loss | smallest true |\n|---|---|---|---|---|---|---|---|---|")
    for judge, name, number, model, candidate, ratio, here, mean_loss, smallest in sorted(failures):
        print(f"| {judge} | {name} | {number} | {model} | {candidate} | {ratio:g} | {here:.1f} | {mean_loss:.1f} | {smallest:g} |")
    print("\n## Methods that are significantly worse than random\n\n| judge | table | split | model | method | ratio | points over random |\n|---|---|---|---|---|---|---|")
    for judge, name, number, model, candidate, ratio, gain, error in sorted(worse):
        print(f"| {judge} | {name} | {number} | {model} | {candidate} | {ratio:g} | {gain:+.1f} ± {error:.1f} |")
    seconds = [choice["seconds"] for choice in choices if choice["judge"] != "quick" and choice["asked"] is None]
    if seconds:
        print(f"\nSeconds of an answer with a model: median {np.median(seconds):.0f}, most {max(seconds):.0f}.")


def resampled(values):
    """The 90 % interval of a mean, by resampling."""
    generator = np.random.default_rng(0)
    means = [generator.choice(values, len(values)).mean() for _ in range(2000)]
    return np.quantile(means, [0.05, 0.95])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, run in [("truth", truth), ("choose", choose), ("table", table)]:
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if run is not table:
            command.add_argument("data", help="folder of tables")
        command.add_argument("work", help="folder of records")
        if run is not table:
            command.add_argument("--leanset", default=os.path.join(os.path.dirname(__file__), "..", "..", "target", "release", "leanset"))
            command.add_argument("--only", nargs="*", help="names of tables, in the order in which they are taken")
        if run is choose:
            command.add_argument("--splits", type=int, default=1, help="pools of each table that are asked about")
            command.add_argument("--judges", nargs="*", default=[*MODELS, "quick"], help="models that are given, and quick for none")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
