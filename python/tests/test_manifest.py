"""Python and the command line read each other's manifests."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from test_command_line import CASES, write

import leanset


def table(tmp_path, blobs):
    return write(tmp_path / "table.csv", *blobs)


def test_read_manifest_reads_the_command_line(command_line, tmp_path, blobs):
    X, y = blobs
    output = tmp_path / "lean.csv"
    command_line("reduce", table(tmp_path, blobs), "--label", "label", "--method", "prd", "--ratio", 0.2,
                 "--scale", "none", "--output", output, "--quiet")
    beside = tmp_path / "lean.csv.manifest.json"
    manifest = leanset.read_manifest(beside)
    with output.open() as file:
        kept = np.array([[float(v) for k, v in row.items() if k != "label"] for row in csv.DictReader(file)])
    assert np.array_equal(X[np.sort(manifest["row_ids"])], kept)
    again = tmp_path / "again.json"
    leanset.write_manifest(again, manifest)
    assert again.read_bytes() == beside.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        leanset.write_manifest(again, manifest)
    leanset.write_manifest(again, {**manifest, "kept": 3}, overwrite=True)
    assert leanset.read_manifest(again)["kept"] == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "again.json", "lean.csv", "lean.csv.manifest.json", "table.csv"
    ]


@pytest.mark.parametrize("params", [
    {"method": "mms", "sampling_strategy": 0.2},
    {"method": "srs", "sampling_strategy": 17, "random_state": 12},
    {"method": "prd", "sampling_strategy": {"ash": 9, "birch": 8, "cedar": 7}},
    {"method": "nrmd", "scope": "global", "sampling_strategy": 0.1, "allow_empty_classes": True},
    {"method": "phl", "landmarks": "vital", "sampling_strategy": 0.15},
    {"method": "energy", "sampling_strategy": 0.3, "balance": "sqrt"},
    {"method": "energy", "sampling_strategy": 0.3, "guard": "off"},
    {"method": "mms", "sampling_strategy": 0.3, "guard": "on"},
])
@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
def test_write_manifest_is_reproduced_by_the_command_line(command_line, tmp_path, blobs, params):
    X, y = blobs
    source = table(tmp_path, blobs)
    kept = leanset.reduce(X, y, epsilon="chebyshev", **params)
    lines = source.read_bytes().splitlines(keepends=True)
    output = tmp_path / "lean.csv"
    output.write_bytes(b"".join([lines[0], *(lines[1 + row] for row in kept.indices)]))
    manifest = leanset.manifest_of(kept, input=source, output=output, features=["x0", "x1", "x2"], label="label")
    leanset.write_manifest(tmp_path / "lean.csv.manifest.json", manifest)
    command_line("reduce", "--from-manifest", tmp_path / "lean.csv.manifest.json", "--output", tmp_path / "again.csv",
                 "--quiet")
    assert (tmp_path / "again.csv").read_bytes() == output.read_bytes()


def test_manifest_of_has_the_keys_of_the_command_line(command_line, tmp_path, blobs):
    X, y = blobs
    source, output = table(tmp_path, blobs), tmp_path / "lean.csv"
    command_line("reduce", source, "--label", "label", "--features", "x0,x1,x2", "--method", "mms", "--ratio", 0.2,
                 "--scale", "none", "--output", output, "--quiet")
    theirs = json.loads((tmp_path / "lean.csv.manifest.json").read_text())
    kept = leanset.reduce(X, y, 0.2, method="mms", epsilon="chebyshev")
    ours = leanset.manifest_of(kept, input=source, output=output, features=["x0", "x1", "x2"], label="label")
    for place in ("measured", "columns"):
        assert ours[place].keys() == theirs[place].keys()
        del ours[place], theirs[place]
    assert ours == theirs


def test_read_manifest_refuses_other_files(tmp_path, blobs):
    X, y = blobs
    path = tmp_path / "m.json"
    for text, words in (("[1", "is not a manifest"), ("{}", "it has no schema"),
                        ('{"schema": "leanset.manifest/9"}', "has schema 'leanset.manifest/9'"),
                        ('{"schema": "leanset.manifest/2"}', "is a damaged manifest")):
        path.write_text(text)
        with pytest.raises(ValueError, match=words) as found:
            leanset.read_manifest(path)
        assert found.value.__notes__
    with pytest.raises(ValueError, match="is a damaged manifest"):
        leanset.write_manifest(tmp_path / "n.json", {"schema": "leanset.manifest/2"})
    assert not (tmp_path / "n.json").exists()
    with pytest.raises(ValueError, match="was not measured"):
        leanset.manifest_of(leanset.reduce(X, y, 9, method="mms"), input=path, output=path, features=[])
    with pytest.raises(ValueError, match="generated prototypes"):
        leanset.manifest_of(leanset.reduce(X, y, 9, method="clc", epsilon="euclidean"), input=path, output=path, features=[])


def reproduced(command_line, tmp_path, kept, source, features=("x0", "x1", "x2"), label="label", emit="rows", order="input", log=None):
    """Writes what was kept and its manifest, and makes it again by the command line."""
    output = tmp_path / "lean.csv"
    if emit == "ids":
        kept.save(output, overwrite=True)
    else:
        lines = source.read_bytes().splitlines(keepends=True)
        rows = kept.indices if order == "input" else kept.order
        output.write_bytes(b"".join([lines[0], *(lines[1 + row] for row in rows)]))
    manifest = leanset.manifest_of(kept, input=source, output=output, features=list(features), label=label, log=log)
    leanset.write_manifest(f"{output}.manifest.json", manifest, overwrite=True)
    command_line("reduce", "--from-manifest", f"{output}.manifest.json", "--output", tmp_path / "again.csv", "--quiet", "--force")
    assert (tmp_path / "again.csv").read_bytes() == output.read_bytes()
    return manifest


#: Every argument of `reduce` that is not a method or its parameter.
OPTIONS = [
    {"sampling_strategy": 0.2, "random_state": 2**63 + 5},
    {"sampling_strategy": 17, "epsilon": "euclidean"},
    {"sampling_strategy": {"ash": 9, "birch": 8}, "epsilon": "manhattan"},
    {"sampling_strategy": "auto", "epsilon": "cosine"},
    {"sampling_strategy": 0.02, "allow_empty_classes": True},
    {"sampling_strategy": 2},
    {"sampling_strategy": 0.3, "guard": "on"},
    {"sampling_strategy": 0.3, "guard": "off", "n_jobs": 2},
    {"sampling_strategy": 0.3, "guard": "auto"},
    {"sampling_strategy": 0.3, "balance": "sqrt"},
    {"sampling_strategy": 20, "balance": "equal"},
    {"within": 1.0},
    {"within": 0.4, "sampling_strategy": 0.2, "epsilon": "euclidean"},
    {"max_epsilon": 1.5},
    {"max_epsilon": 0.1, "sampling_strategy": 30},
]


@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
@pytest.mark.parametrize(("method", "params"), CASES, ids=lambda v: getattr(v, "id", None) or str(v))
def test_every_method_and_option_is_reproduced_or_refused(command_line, tmp_path, blobs, method, params):
    X, y = blobs
    source, made = table(tmp_path, blobs), 0
    # A method with its defaults has all options; what its parameters change is tried with some.
    options = OPTIONS[::3] if params else OPTIONS
    if method.uses_dynamics:
        params = {**params, "trainer": leanset.Trainer(epochs=3, hidden=(7, 5), optimizer="sgd", learning_rate=0.01, batch=16)}
    for k, option in enumerate(options):
        try:
            kept = leanset.reduce(X, y, method=method.id, **{"epsilon": "chebyshev", **option, **params})
        except (ValueError, TypeError):
            # Not every method has every option; that is tested elsewhere.
            continue
        if kept.order is None:
            with pytest.raises(ValueError, match="generated prototypes"):
                leanset.manifest_of(kept, input=source, output=source, features=["x0", "x1", "x2"], label="label")
            continue
        manifest = reproduced(command_line, tmp_path, kept, source, emit=("rows", "ids")[k % 2], order=("input", "rank")[k // 2 % 2])
        if method.uses_dynamics:
            assert manifest["request"]["method"]["training"]["hidden"] == [7, 5]
        made += 1
    assert made >= len(options) // 3 or method.id == "clustering-centroids"


@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
def test_estimators_are_reproduced(command_line, tmp_path, blobs):
    X, y = blobs
    source = table(tmp_path, blobs)
    for fitted in (leanset.MMS(sampling_strategy=0.2, epsilon="euclidean", guard="on"),
                   leanset.FES(sampling_strategy=0.3, epsilon="chebyshev", balance="equal", random_state=5),
                   leanset.CCS(sampling_strategy=0.3, epsilon="chebyshev", beta=0.1, trainer=leanset.Trainer(epochs=2, activation="gelu"))):
        reproduced(command_line, tmp_path, fitted.fit(X, y).reduction_, source)


@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
def test_columns_of_one_value_and_tables_without_labels_are_reproduced(command_line, tmp_path, blobs):
    X, y = blobs
    X = np.column_stack([X[:, 0], np.full(len(X), 7.5), X[:, 1]])
    source = write(tmp_path / "table.csv", X, y)
    reproduced(command_line, tmp_path, leanset.reduce(X, y, 0.2, method="mms", epsilon="chebyshev"), source)
    # Not all columns of the file, one class, and one class without a column of it.
    reproduced(command_line, tmp_path, leanset.reduce(X[:, 1:], y, 0.2, method="energy", epsilon="chebyshev"), source, ["x1", "x2"])
    one = write(tmp_path / "one.csv", X, ["all"] * len(X))
    reproduced(command_line, tmp_path, leanset.reduce(X, None, 0.2, method="mms", epsilon="chebyshev"), source, label=None)
    reproduced(command_line, tmp_path, leanset.reduce(X, ["all"] * len(X), 0.2, method="mms", epsilon="chebyshev"), one)


@pytest.mark.parametrize("labels", [np.array([10, 9, 100]), np.array([1, 0, -1], dtype=np.int8), np.array(['a "b"', "c,d", "é"])], ids=str)
def test_labels_of_other_types_are_reproduced(command_line, tmp_path, blobs, labels):
    X, y = blobs
    y = labels[np.searchsorted(["ash", "birch", "cedar"], y)]
    source = write(tmp_path / "table.csv", X, y)
    for emit in ("rows", "ids"):
        kept = leanset.reduce(X, y, {labels[0].item(): 5, labels[1].item(): 6, labels[2].item(): 7}, method="mms", epsilon="chebyshev")
        reproduced(command_line, tmp_path, kept, source, emit=emit)


@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
@pytest.mark.parametrize("how", [{}, *({"scale": scale} for scale in ("minmax", "standard", "unit", "none", "auto")), {"metric": "cosine"}], ids=str)
def test_scaled_reductions_are_reproduced(command_line, tmp_path, blobs, how):
    import pandas as pd

    X, y = blobs
    # Ranges that differ 10,000-fold, of which Python warns and the command line does not; ids and text, which are no features.
    X = X * np.array([1.0, 1e4, 0.1]) + np.array([0.0, 5e4, 3.0])
    frame = pd.DataFrame({"x0": X[:, 0], "x1": X[:, 1], "x2": X[:, 2]})
    source = write(tmp_path / "table.csv", X, y)
    for method in ("mms", "energy", "prd", "fes", "nrmd", "phl"):
        trainer = {"trainer": leanset.Trainer(epochs=2)} if method == "fes" else {}
        for passed in (X, frame):
            kept = leanset.reduce(passed, y, 0.2, method=method, epsilon="euclidean", **how, **trainer)
            reproduced(command_line, tmp_path, kept, source)
    # Some columns of a frame.
    kept = leanset.reduce(frame, y, 0.2, method="mms", epsilon="chebyshev", features=["x0", "x2"], **how)
    reproduced(command_line, tmp_path, kept, source, ["x0", "x2"])
    with pytest.raises(ValueError, match="has other values"):
        reproduced(command_line, tmp_path, kept, source)
    with pytest.raises(ValueError, match="stratify or groups was also used"):
        reproduced(command_line, tmp_path, leanset.reduce(X, y, 0.2, method="mms", epsilon="chebyshev", groups=y, **how), source)


def test_large_inputs_are_read_row_by_row(tmp_path):
    import tracemalloc

    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 9, size=(60_000, 8)).astype(float), rng.choice(["a", "b"], size=60_000)
    source, output = write(tmp_path / "table.csv", X, y), tmp_path / "kept.csv"
    kept = leanset.reduce(X, y, 0.001, method="srs", epsilon="chebyshev")
    kept.save(output)
    tracemalloc.start()
    leanset.manifest_of(kept, input=source, output=output, features=[f"x{j}" for j in range(8)], label="label")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All cells as text would be 30 MB and more.
    assert peak < 8e6


def test_a_reduction_by_a_log_is_reproduced(command_line, tmp_path, blobs):
    X, y = blobs
    source, rng = table(tmp_path, blobs), np.random.default_rng(0)
    log, other = leanset.ForgettingLog(y), leanset.ForgettingLog(y)
    for epoch in range(5):
        for filled in (log, other):
            filled.update(epoch, range(120), probabilities=rng.dirichlet(np.ones(3), size=120))
    log.save(tmp_path / "a.log")
    other.save(tmp_path / "b.log")
    for method in ("fes", "el2n", "aum", "dual", "ccs"):
        kept = leanset.reduce(X, y, 0.2, method=method, dynamics=log, epsilon="chebyshev")
        manifest = reproduced(command_line, tmp_path, kept, source, log=tmp_path / "a.log")
        assert manifest["log"]["format"] == "training-log" and "training" not in manifest["request"]["method"]
    places = dict(input=source, output=tmp_path / "lean.csv", features=["x0", "x1", "x2"], label="label")
    with pytest.raises(ValueError, match="a log was also used") as found:
        leanset.manifest_of(kept, **places)
    assert "ForgettingLog.save" in found.value.__notes__[0]
    with pytest.raises(ValueError, match="is not the log that the reduction used"):
        leanset.manifest_of(kept, **places, log=tmp_path / "b.log")
    with pytest.raises(ValueError, match="used no training log"):
        leanset.manifest_of(leanset.reduce(X, y, 0.2, method="mms", epsilon="chebyshev"), **places, log=tmp_path / "a.log")


def test_what_the_command_line_could_not_reproduce_is_refused(tmp_path, blobs):
    X, y = blobs
    source, output = table(tmp_path, blobs), tmp_path / "lean.csv"

    def refused(words, kept=None, **places):
        kept = leanset.reduce(X, y, 0.1, method="mms", epsilon="chebyshev") if kept is None else kept
        kept.save(output, overwrite=True)
        with pytest.raises(ValueError, match=words) as found:
            leanset.manifest_of(kept, **{**dict(input=source, output=output, features=["x0", "x1", "x2"], label="label"), **places})
        return "\n".join(getattr(found.value, "__notes__", []))

    refused("a target was also used", leanset.reduce(X, y, 0.1, method="prd", epsilon="chebyshev", target=(X[::2], y[::2])))
    refused("a list of kept rows was also used", leanset.reduce(X, y, 0.1, method="mms", epsilon="chebyshev", kept=[3]))
    refused("a ranking was also used", _measured(leanset.rank(X, y, method="mms").reduce(0.1), X, y))
    shorter = write(tmp_path / "short.csv", X[1:], y[1:])
    assert "read from" in refused("has 119 rows, and 120 rows were reduced", input=shorter)
    other = write(tmp_path / "other.csv", X + 1, y)
    assert "unscaled" in refused("has other values than X and y", input=other)
    relabelled = write(tmp_path / "relabelled.csv", X, np.roll(y, 1))
    refused("has other values than X and y", input=relabelled)
    refused("has other values than X and y", features=["x0", "x1", "x2"], label="label",
            kept=leanset.reduce(X * 2, y, 0.1, method="mms", epsilon="chebyshev"))
    refused("has a row of class 'ash', and the classes of y are", kept=leanset.reduce(X, np.char.upper(y), 0.1, method="mms", epsilon="chebyshev"))
    assert "its columns are x0, x1, x2, label" in refused("has no column 'x9'", features=["x0", "x1", "x9"])
    refused("has other values than X and y", features=["x0", "x1"])
    assert "in the order of the file" in refused("in another order than the columns", features=["x1", "x0", "x2"])
    refused("label is not given", label=None)
    with pytest.raises(TypeError, match="must be a list of column names"):
        leanset.manifest_of(leanset.reduce(X, y, 0.1, method="mms", epsilon="chebyshev"), input=source, output=output, features="x0")
    # Decimals of the file that single precision rounds.
    fine = write(tmp_path / "fine.csv", X + 1e-9, y)
    refused("has other values than X and y", input=fine, kept=leanset.reduce((X + 1e-9).astype(np.float32), y, 0.1, method="mms",
                                                                            epsilon="chebyshev"))
    # An output that others wrote.
    kept = leanset.reduce(X, y, 0.1, method="mms", epsilon="chebyshev")
    lines = source.read_bytes().splitlines(keepends=True)
    for content in (b"".join(lines), b"".join([lines[0], *(lines[1 + row] for row in kept.indices[::-1])]), b""):
        output.write_bytes(content)
        with pytest.raises(ValueError, match="is not what the command line would write"):
            leanset.manifest_of(kept, input=source, output=output, features=["x0", "x1", "x2"], label="label")


def _measured(kept, X, y):
    import dataclasses

    return dataclasses.replace(kept, epsilon=leanset.epsilon(X, y, kept))


@pytest.mark.parametrize("name", ["table.parquet", "table.feather", "table.jsonl", "table.tsv", "table.csv.gz", "semicolons.csv"])
def test_inputs_of_other_formats_are_checked_and_reproduced(command_line, tmp_path, blobs, name):
    import gzip

    import pyarrow.feather

    X, y = blobs
    source, plain = tmp_path / name, table(tmp_path, blobs)
    frame = pa.table({"x0": X[:, 0], "x1": X[:, 1], "x2": X[:, 2], "label": y})

    def save(frame):
        columns = frame.to_pydict()
        match name.split(".", 1)[1]:
            case "parquet":
                pyarrow.parquet.write_table(frame, source)
            case "feather":
                pyarrow.feather.write_feather(frame, source)
            case "jsonl":
                source.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in zip(*columns.values(), strict=True)))
            case _:
                write(plain, np.column_stack([columns[f"x{j}"] for j in range(3)]), columns["label"])
                text = plain.read_text().replace(",", "\t" if name.endswith("tsv") else ";" if name.startswith("semi") else ",")
                source.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())

    save(frame)
    kept = leanset.reduce(X, y, 0.2, method="mms", epsilon="chebyshev")
    reproduced(command_line, tmp_path, kept, source, emit="ids")
    save(frame.slice(1))
    with pytest.raises(ValueError, match="has 119 rows, and 120"):
        leanset.manifest_of(kept, input=source, output=tmp_path / "lean.csv", features=["x0", "x1", "x2"], label="label")
    save(frame.set_column(0, "x0", pa.array(X[:, 0] + 1e-12)))
    with pytest.raises(ValueError, match="has other values"):
        leanset.manifest_of(kept, input=source, output=tmp_path / "lean.csv", features=["x0", "x1", "x2"], label="label")


def test_an_input_that_nothing_here_reads_is_named(tmp_path, blobs):
    X, y = blobs
    source, output = tmp_path / "table.npz", tmp_path / "lean.csv"
    np.savez(source, X=X, label=y)
    kept = leanset.reduce(X, y, 0.2, method="mms", epsilon="chebyshev")
    kept.save(output)
    with pytest.warns(leanset.LeansetWarning, match="was not compared with X and y") as found:
        leanset.manifest_of(kept, input=source, output=output, features=["X"], label="label")
    assert found[0].message.code == "unchecked-input"
