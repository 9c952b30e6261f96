#!/usr/bin/env python3
"""Compare the records of plans/drybean.toml with the published runs of the authors, medians side by side.

    leanset experiment plans/drybean.toml --data drybean.csv --output runs.jsonl
    benches/published.py runs.jsonl published_runs.csv

published_runs.csv has the columns dataset, iteration, method, perc, time_s, carbon_kg, epsilon, accuracy, f1_macro: the
ten iterations published in github.com/Cimagroup/Experiments-SurveyGreenAI. A row is marked "apart" if the two ranges (lowest to highest
repetition) do not overlap.

The macro F1 is computed as the authors do: scikit-learn 1.3 with zero_division=nan leaves a class that is never predicted out of the
mean, so losing a class improves the value. In leanset, such a class counts as 0. A class with neither precision nor recall is treated
as never predicted. The script needs only the standard library.
"""

import csv
import json
import statistics
import sys
from collections import defaultdict

ALIASES = {
    "full": "full",
    "stratified-random": "SRS",
    "clustering-centroids": "CLC",
    "maxmin": "MMS",
    "distance-entropy": "DES",
    "ph-landmarks": "PHL",
    "matrix-decomposition": "NRMD",
    "protodash": "PRD",
    "forgetting-events": "FES",
}


def number(value):
    return float("inf") if value == "inf" else float(value)


def ours(path):
    runs = defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            run = json.loads(line)
            measured = run["measured"]
            seconds = measured["reduction"]["seconds"] + measured["training"]["seconds"]
            key = (ALIASES.get(run["method"], run["method"]), round(run["ratio"], 3))
            predicted = [c["f1"] for c in run["classes"] if c["precision"] > 0]
            f1 = statistics.mean(predicted) if predicted else 0.0
            runs[key].append((run["accuracy"], f1, number(run["epsilon"]), seconds))
    return runs


def theirs(path):
    runs = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["dataset"] != "drybean":
                continue
            ratio = round(float(row["perc"]), 3)
            key = ("full" if ratio == 1 else row["method"], ratio)
            values = [row[name] for name in ("accuracy", "f1_macro", "epsilon", "time_s")]
            runs[key].append(tuple(number(v or "nan") for v in values))
    return runs


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    own, published = ours(sys.argv[1]), theirs(sys.argv[2])
    print(f"{'method':6} {'kept':>5} {'n':>3}  {'accuracy':>15} {'macro F1':>15} {'ε':>15} {'seconds':>17}")
    print(f"{'':6} {'':>5} {'':>3}  {'ours published':>15} {'ours published':>15} {'ours published':>15} {'ours published':>17}")
    apart = compared = 0
    for key in sorted(own, key=lambda k: (k[1], k[0])):
        if key not in published:
            continue
        columns = []
        for at in range(4):
            a = [run[at] for run in own[key]]
            b = [run[at] for run in published[key]]
            columns.append((a, b))
        accuracy, f1, epsilon, seconds = ((statistics.median(a), statistics.median(b)) for a, b in columns)
        a, b = columns[0]
        far = min(a) > max(b) or min(b) > max(a)
        apart += far
        compared += 1
        print(
            f"{key[0]:6} {key[1]:5.0%} {len(a):3}  {accuracy[0]:7.3f} {accuracy[1]:7.3f} {f1[0]:7.3f} {f1[1]:7.3f} "
            f"{epsilon[0]:7.3f} {epsilon[1]:7.3f} {seconds[0]:8.2f} {seconds[1]:8.1f}{'  apart' if far else ''}"
        )
    print(f"{compared} compared by accuracy, {apart} apart")


if __name__ == "__main__":
    main()
