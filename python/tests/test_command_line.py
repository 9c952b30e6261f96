"""Python keeps the same rows as the command line, for every method, dataset and seed."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from conftest import ROOT

import leanset
from leanset._registry import METHODS

VARIANTS = {
    "maxmin": [{"start": "first"}, {"start": "central"}],
    "distance-entropy": [{"base": 0.05}],
    "clustering-centroids": [{"output": "rows"}],
    "matrix-decomposition": [{"decomposition": "qr"}, {"decomposition": "flda"}, {"scope": "global"}],
    "protodash": [{"kernel": "linear"}, {"sigma": 0.7}],
    "ph-landmarks": [{"landmarks": "vital", "dimension": 0, "neighbors": 9}],
    "forgetting-events": [{"keep": "easiest"}],
    "el2n": [{"keep": "easiest"}],
    "aum": [{"keep": "hardest"}],
    "grand": [{"keep": "easiest"}],
    "dual": [{"sampling": "score"}],
    "coverage-centric": [{"difficulty": "el2n", "beta": 0.3}],
    "boundary": [{"share": 0.5}],
    "herding": [{"sigma": 0.7}, {"reference": 9}],
    "facility-location": [{"reference": 9}],
}
CASES = [(method, params) for method in METHODS for params in [{}, *VARIANTS.get(method.id, [])]]


def write(path, X, y):
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow([f"x{j}" for j in range(X.shape[1])] + ["label"])
        out.writerows([*map(repr, map(float, row)), label] for row, label in zip(X, y, strict=True))
    return path


def data_set(name, blobs):
    if name == "blobs":
        return blobs
    rng = np.random.default_rng(11)
    if name == "ties":
        # A grid: many equal rows and equal distances.
        return rng.integers(0, 4, size=(90, 2)).astype(float), rng.choice(["no", "yes"], size=90, p=[0.7, 0.3])
    X = np.exp(rng.normal(size=(150, 6))) * 10.0 ** np.arange(-2, 4)
    return X, np.array(["a", "b", "c", "d"])[rng.integers(0, 4, size=150)]


def reduced(command_line, tmp_path, table, method, params, seed, *budget):
    output = tmp_path / "kept.csv"
    invents = method.id == "clustering-centroids" and params.get("output") != "rows"
    given = [f"--param={name}={value}" for name, value in params.items()]
    given += ["--epochs=2"] if method.uses_dynamics else []
    emit = [] if invents else ["--emit", "ids", "--order", "rank"]
    command_line("reduce", table, "--label", "label", "--method", method.id, "--seed", seed, "--output", output,
                 "--force", "--quiet", *emit, *given, *budget)
    manifest = json.loads((tmp_path / "kept.csv.manifest.json").read_text())
    with output.open() as file:
        return list(csv.DictReader(file)), manifest


@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
@pytest.mark.parametrize("name", ["blobs", "ties", "scales"])
@pytest.mark.parametrize(("method", "params"), CASES, ids=lambda v: getattr(v, "id", None) or str(v))
def test_estimators_keep_the_rows_of_the_command_line(command_line, tmp_path, blobs, method, params, name):
    X, y = data_set(name, blobs)
    table = write(tmp_path / "table.csv", X, y)
    for seed in (0, 1, 2**63 + 5):
        trainer = leanset.Trainer(epochs=2) if method.uses_dynamics else None
        ours = leanset.reduce(X, y, 0.2, method=method.id, random_state=seed, trainer=trainer,
                              epsilon="chebyshev", n_jobs=2, **params)
        rows, manifest = reduced(command_line, tmp_path, table, method, params, seed, "--ratio", 0.2, "--scale", "none")
        if ours.indices is not None:
            assert ours.order.tolist() == [int(row["row"]) for row in rows] == manifest["row_ids"]
        else:
            theirs = np.array([[float(row[f"x{j}"]) for j in range(X.shape[1])] for row in rows])
            assert np.array_equal(ours.points, theirs)
            assert ours.labels.tolist() == [row["label"] for row in rows]
        if ours.weights is not None:
            theirs = np.array([float(row["weight"]) for row in rows])
            by_row = theirs if ours.order is None else theirs[np.argsort(ours.order)]
            assert np.array_equal(ours.weights, by_row)
        assert ours.epsilon.value == manifest["epsilon"]["value"] or manifest["epsilon"]["value"] == "inf"
        assert ours.epsilon.worst_row == manifest["epsilon"]["worst_row"]
        assert ours.parameters == manifest["request"]["method"].get("parameters", {})


def test_command_line_scales_like_minmaxscaler(command_line, tmp_path, method):
    from sklearn.preprocessing import MinMaxScaler

    X, y = data_set("scales", None)
    table = write(tmp_path / "table.csv", X, y)
    rows, manifest = reduced(command_line, tmp_path, table, method, {}, 3, "--count", 30)
    trainer = leanset.Trainer(epochs=2) if method.uses_dynamics else None
    ours = leanset.reduce(MinMaxScaler().fit_transform(X), y, 30, method=method.id, random_state=3, trainer=trainer)
    if ours.indices is None:
        assert len(rows) == len(ours)
    else:
        assert ours.order.tolist() == manifest["row_ids"]


def test_counts_per_class_match_the_command_line(command_line, tmp_path, blobs):
    X, y = blobs
    table = write(tmp_path / "table.csv", X, y)
    method = next(m for m in METHODS if m.id == "maxmin")
    budget = ["--per-class", "ash=5", "--per-class", "birch=1", "--per-class", "cedar=20", "--scale", "none"]
    _, manifest = reduced(command_line, tmp_path, table, method, {}, 4, *budget)
    ours = leanset.MMS(sampling_strategy={"ash": 5, "birch": 1}, random_state=4).fit(X, y)
    assert ours.reduction_.order.tolist() == manifest["row_ids"]


def test_target_matches_the_command_line(command_line, tmp_path, blobs):
    X, y = blobs
    table, target = write(tmp_path / "table.csv", X, y), write(tmp_path / "target.csv", X[::2] + 0.5, y[::2])
    method = next(m for m in METHODS if m.id == "protodash")
    _, manifest = reduced(command_line, tmp_path, table, method, {}, 0, "--ratio", 0.1, "--scale", "none",
                          "--target", target)
    ours = leanset.PRD(sampling_strategy=0.1).fit(X, y, target=(X[::2] + 0.5, y[::2]))
    assert ours.reduction_.order.tolist() == manifest["row_ids"]


def test_methods_match_the_command_line(command_line):
    assert leanset.methods() == json.loads(command_line("methods", "--json"))["methods"]


def test_stub_is_installed():
    assert (ROOT / "python" / "leanset" / "estimators.pyi").exists()
