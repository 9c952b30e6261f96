"""Compare the predicted peak of memory with the real one: methods, formats, sizes, classes and outputs.

    cargo build --release -p leanset-cli
    .venv/bin/pip install numpy pyarrow
    .venv/bin/python benches/memory.py > benches/record/DATE-memory.md

Every case is one table and one command. `--dry-run` predicts; then the command runs, and the kernel says the largest resident memory of
its process. A prediction below it is a breach of the promise, and one above twice of it is of little use: both are marked, and the exit
code is 1. `--most BYTES` leaves out tables that are larger, `--only WORDS` cases without all these words in their names, and
`--limited` runs every case with the prediction as its limit (`--memory-limit`), which must not stop it.
"""

import argparse
import copy
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile

# Runs commands for its parent: a process starts with the largest memory of the one that starts it, so this one is small.
RUNNER = """
import json, os, sys
for line in sys.stdin:
    args = json.loads(line)
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
    child = os.posix_spawn(args[0], args, os.environ, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    os.close(null)
    print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime]), flush=True)
"""


class Table:
    """A table of random numbers, written once."""

    def __init__(self, rows, columns, form="parquet", single=False, classes=5, words=0, categories=0, skewed=False):
        self.rows, self.columns, self.form, self.single, self.classes = rows, columns, form, single, classes
        self.words, self.categories, self.skewed = words, categories, skewed

    def bytes(self):
        return self.rows * (self.columns * (4 if self.single else 8) + 30 * self.words + 8 * self.categories)

    def name(self):
        said = [f"{self.form} {self.rows:.0e} × {self.columns}".replace("e+0", "e")]
        said += ["f32"] * self.single + [f"{self.classes} classes"]
        said += [f"{self.words} text columns"] * (self.words > 0) + [f"{self.categories} categories"] * (self.categories > 0)
        return ", ".join(said + ["unequal classes"] * self.skewed)

    def write(self, folder):
        import numpy as np
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.feather
        import pyarrow.parquet

        path = os.path.join(folder, f"{abs(hash(self.name()))}.{self.form}")
        if os.path.exists(path):
            return path
        rng = np.random.default_rng(1)
        points = rng.standard_normal((self.rows, self.columns), dtype=np.float32)
        points = points if self.single else points.astype(np.float64)
        # A random share of the rows each, or half of what is left.
        shares = rng.geometric(0.5, self.rows) - 1 if self.skewed else rng.integers(0, self.classes, self.rows)
        label = np.minimum(shares, self.classes - 1).astype(np.int32)
        if self.classes > 1000:
            # As numbers they would not be taken for classes.
            label = np.char.add("class-", label.astype(str))
        if self.form == "npz":
            np.savez(path, X=points, y=label)
            return path
        columns = {f"x{j}": points[:, j] for j in range(self.columns)}
        for j in range(self.words):
            columns[f"word{j}"] = np.char.add("the-words-of-row-", np.arange(self.rows).astype(str))
        if self.categories:
            columns["category"] = np.char.add("c", rng.integers(0, self.categories, self.rows).astype(str))
        table = pa.table({**columns, "y": label})
        if self.form == "parquet":
            pa.parquet.write_table(table, path)
        elif self.form == "arrow":
            pa.feather.write_feather(table, path, compression="uncompressed")
        else:
            pa.csv.write_csv(table, path)
        return path


def cases(methods):
    """Names, tables, commands and further arguments."""
    small, wide = Table(200_000, 16), Table(20_000, 512, single=True)
    for method in methods:
        slow = method["id"] in ("protodash", "ph-landmarks") or method["capabilities"]["dynamics"] != "no"
        variants = [{}] + [v for v in method["variants"]]
        for variant in variants:
            said = [f"{name}={value}" for name, value in variant.items()]
            own = [f"--param={text}" for text in said]
            label = " ".join([method["id"], *said])
            for table in [Table(20_000, 16), Table(4_000, 512, single=True)] if slow else [small, wide]:
                few = ["--count", "500"]
                yield label, table, "reduce", ["--method", method["id"], *own, *few]
        if method["ranks"] and not slow:
            yield f"{method['id']} all rows", small, "rank", ["--method", method["id"]]
    for decomposition in ("svd", "qr", "lu", "spca", "flda"):
        nrmd = ["--method", "nrmd", f"--param=decomposition={decomposition}", "--ratio", "0.1"]
        yield f"nrmd {decomposition}", Table(4_000, 1_024, single=True), "reduce", nrmd
        yield f"nrmd {decomposition}", Table(10_000, 16, classes=300), "reduce", nrmd
    yield "nrmd many classes", Table(100_000, 16, classes=10_000), "reduce", ["--method", "nrmd", "--ratio", "0.2"]
    for form in ("csv", "parquet", "arrow", "npz"):
        for single in (False, True):
            for ratio in ("0.01", "0.9"):
                table = Table(300_000, 32, form, single)
                yield f"srs {ratio} of {form}", table, "reduce", ["--method", "srs", "--ratio", ratio]
    for form, to in (("csv", "parquet"), ("parquet", "csv"), ("parquet", "npz"), ("npz", "arrow"), ("arrow", "csv.gz")):
        table = Table(300_000, 16, form)
        yield f"srs {form} to {to}", table, "reduce", ["--method", "srs", "--ratio", "0.5", "--to", to]
    for form in ("csv", "parquet", "arrow"):
        table = Table(200_000, 8, form, words=4)
        away = ["--exclude", "word0,word1,word2,word3"]
        yield f"srs {form} with text", table, "reduce", ["--method", "srs", "--ratio", "0.3", *away]
        yield f"srs {form} with text to parquet", table, "reduce", ["--method", "srs", "--ratio", "0.3", *away, "--to", "parquet"]
    yield "mms one-hot", Table(50_000, 4, "csv", categories=500), "reduce", ["--method", "mms", "--count", "500"]
    yield "mms one class of most rows", Table(400_000, 8, skewed=True), "reduce", ["--method", "mms", "--count", "1000"]
    yield "srs of many rows", Table(2_000_000, 2, "csv"), "reduce", ["--method", "srs", "--ratio", "0.5"]
    yield "srs of many rows", Table(2_000_000, 2), "reduce", ["--method", "srs", "--ratio", "0.5"]
    yield "srs of wide rows", Table(10_000, 2_048, single=True), "reduce", ["--method", "srs", "--ratio", "0.5"]
    yield "des of many rows", Table(1_000_000, 4), "reduce", ["--method", "des", "--ratio", "0.01"]
    yield "mms of many rows", Table(1_000_000, 4), "reduce", ["--method", "mms", "--ratio", "0.001"]
    yield "rank of many rows", Table(1_000_000, 4), "rank", ["--method", "moderate-coreset"]
    for form in ("csv", "parquet"):
        table = Table(500_000, 4, form)
        yield f"a ranking of {form}", table, "reduce", ["--ranking", "RANKING", "--ratio", "0.3"]
    yield "a target", Table(100_000, 16), "reduce", ["--method", "protodash", "--param=kernel=linear", "--count", "200", "--target", "SELF"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leanset", default=os.path.join(os.path.dirname(__file__), "..", "target", "release", "leanset"))
    parser.add_argument("--most", type=float, default=1e9)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--threads", default="2")
    parser.add_argument("--divide", type=int, default=1, help="rows of all tables are divided by this, for a short run")
    parser.add_argument("--limited", action="store_true")
    args = parser.parse_args()
    leanset = os.path.abspath(args.leanset)
    methods = json.loads(subprocess.run([leanset, "methods", "--json"], check=True, capture_output=True).stdout)["methods"]
    for method in methods:
        method["ranks"] = method["capabilities"]["nested"] == "yes"
        choices = [p for p in method["parameters"] if p["type"] is None]
        method["variants"] = [{p["name"]: word} for p in choices for word in p["words"] if word != p["default"]]
    runner = subprocess.Popen([sys.executable, "-S", "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    version = subprocess.run([leanset, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    print(f"# Predicted and real peaks of memory\n\n{datetime.date.today()}, {version}, {platform.platform()}, ", end="")
    print(f"{args.threads} threads. Largest resident memory of the process as the kernel reports it.\n")
    print("| case | table | predicted, MiB | real, MiB | predicted / real |\n|---|---|---|---|---|")
    breaches, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:

        def run(command):
            runner.stdin.write(json.dumps([leanset, *command]) + "\n")
            runner.stdin.flush()
            return json.loads(runner.stdout.readline())

        for name, table, command, more in cases(methods):
            table = copy.copy(table)
            table.rows //= args.divide
            text = f"{name} {table.name()}"
            if table.bytes() > args.most or not all(word in text for word in args.only):
                continue
            path = table.write(folder)
            to = "csv" if command == "rank" else table.form
            if "--to" in more:
                at = more.index("--to")
                to, more = more[at + 1], more[:at] + more[at + 2 :]
            if "RANKING" in more:
                ranking = os.path.join(folder, "ranking.csv")
                code, *_ = run(["rank", path, "--label", "y", "--method", "moderate-coreset", "--output", ranking, "--force", "--quiet"])
                assert code == 0, "no ranking"
                more = [ranking if word == "RANKING" else word for word in more]
            more = [path if word == "SELF" else word for word in more]
            out = os.path.join(folder, "out." + to)
            whole = [command, path, "--label", "y", *more, "--output", out, "--force", "--quiet", "--threads", args.threads]
            plan = subprocess.run([leanset, *whole, "--dry-run", "--json"], capture_output=True, text=True)
            if plan.returncode:
                print(f"| {name} | {table.name()} | | | {plan.stderr.strip().splitlines()[0]} |", flush=True)
                continue
            predicted = json.loads(plan.stdout)["predicted_peak_memory_bytes"]
            code, peak, _ = run(whole + (["--memory-limit", f"{predicted}B"] if args.limited else []))
            ratio = predicted / peak
            ratios.append(ratio)
            mark = "**" if code or not 1 <= ratio <= 2 else ""
            breaches += [name] * bool(mark)
            said = f"exit code {code}" if code else f"{ratio:.2f}"
            print(f"| {name} | {table.name()} | {predicted / 2**20:.0f} | {peak / 2**20:.0f} | {mark}{said}{mark} |", flush=True)
            for left in (out, out + ".manifest.json"):
                if os.path.exists(left):
                    os.remove(left)
    print(f"\n{len(ratios)} cases, {len(breaches)} outside of 1 to 2: from {min(ratios):.2f} to {max(ratios):.2f}.")
    return int(bool(breaches))


if __name__ == "__main__":
    sys.exit(main())
