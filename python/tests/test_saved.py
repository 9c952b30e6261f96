"""Rankings and reductions as files: the same bytes as the command line, which reads them too."""

from __future__ import annotations

import os

import numpy as np
import pytest
from test_command_line import write

import leanset

AWKWARD = {"ash": 'a, "b"', "birch": "birch\nbark", "cedar": "žluť"}


def named(blobs, how):
    X, y = blobs
    match how:
        case "awkward":
            return X, np.array([AWKWARD[label] for label in y])
        case "numbers":
            return X, np.array([{"ash": 10, "birch": 9, "cedar": 100}[label] for label in y])
    return X, y


@pytest.mark.parametrize("how", ["names", "awkward", "numbers"])
@pytest.mark.parametrize("options", [
    {"method": "mms"}, {"method": "energy"}, {"method": "enn"}, {"method": "nrmd", "scope": "global"}, {"method": "srs", "random_state": 3},
], ids=str)
@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
def test_rankings_have_the_bytes_of_the_command_line(command_line, tmp_path, blobs, how, options):
    X, y = named(blobs, how)
    source, theirs, ours = write(tmp_path / "t.csv", X * 1e-5, y), tmp_path / "theirs.csv", tmp_path / "ours.csv"
    params = [f"--param={name}={value}" for name, value in options.items() if name not in ("method", "random_state")]
    command_line("rank", source, "--label", "label", "--method", options["method"], "--scale", "none", "--output", theirs, "--quiet",
                 "--seed", options.get("random_state", 0), *params)
    ranking = leanset.rank(X * 1e-5, y, **options)
    ranking.save(ours)
    assert ours.read_bytes() == theirs.read_bytes()

    # Read again, with and without labels; the command line says in its manifest what ranked.
    for path, labels in ((ours, None), (ours, y), (theirs, y)):
        found = leanset.Ranking.load(path, labels)
        assert np.array_equal(found.rows, ranking.rows) and np.array_equal(found.ranks, ranking.ranks)
        assert np.array_equal(found.scores, ranking.scores, equal_nan=True) and found.is_global == ranking.is_global
        assert found.labels.tolist() == (ranking.labels.tolist() if labels is not None else list(map(str, ranking.labels.tolist())))
        for budget in (0.2, 7, 1.0):
            if labels is not None:
                assert found.reduce(budget).counts == ranking.reduce(budget).counts
            assert np.array_equal(found.reduce(budget).order, ranking.reduce(budget).order)
    if options["method"] == "mms":
        assert (found.method, found.seed) == ("maxmin", 0) and found.parameters == ranking.parameters
    assert leanset.Ranking.load(ours).method == "ranking"

    # And cut by the command line.
    command_line("reduce", source, "--label", "label", "--ranking", ours, "--ratio", 0.2, "--scale", "none", "--output", tmp_path / "cut.csv",
                 "--quiet", "--no-epsilon")
    cut = leanset.read_manifest(tmp_path / "cut.csv.manifest.json")
    assert cut["row_ids"] == ranking.reduce(0.2).order.tolist()


@pytest.mark.parametrize("how", ["names", "awkward", "numbers"])
@pytest.mark.parametrize("options", [{"method": "mms"}, {"method": "protodash"}, {"method": "energy", "balance": "sqrt"}], ids=str)
def test_reductions_have_the_bytes_of_the_command_line(command_line, tmp_path, blobs, how, options):
    X, y = named(blobs, how)
    source, theirs, ours = write(tmp_path / "t.csv", X, y), tmp_path / "theirs.csv", tmp_path / "ours.csv"
    command_line("reduce", source, "--label", "label", "--method", options["method"], "--ratio", 0.2, "--scale", "none", "--emit", "ids",
                 "--balance", options.get("balance", "proportional"), "--output", theirs, "--quiet")
    kept = leanset.reduce(X, y, 0.2, epsilon="chebyshev", **options)
    kept.save(ours)
    assert ours.read_bytes() == theirs.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        kept.save(ours)
    kept.save(ours, overwrite=True)

    found = leanset.Reduction.load(ours, y)
    assert np.array_equal(found.indices, kept.indices) and np.array_equal(found.order, kept.order)
    assert (found.weights is None) == (kept.weights is None) and np.array_equal(found.weights, kept.weights)
    assert found.counts == kept.counts and found.rows == kept.rows and len(found) == len(kept)
    assert leanset.epsilon(X, y, found).value == kept.epsilon.value

    # From a manifest everything is known.
    beside = tmp_path / "theirs.csv.manifest.json"
    for labels in (y, None):
        whole = leanset.Reduction.load(beside, labels)
        assert np.array_equal(whole.indices, kept.indices) and np.array_equal(whole.order, kept.order)
        assert (whole.weights is None) == (kept.weights is None) and np.array_equal(whole.weights, kept.weights)
        assert (whole.method, whole.parameters, whole.seed, whole.facts) == (kept.method, kept.parameters, kept.seed, kept.facts)
        assert (whole.budget, whole.balance, whole.allow_empty_classes) == (kept.budget, kept.balance, kept.allow_empty_classes)
    whole = leanset.Reduction.load(beside, y)
    assert whole.epsilon == kept.epsilon and whole.counts == kept.counts and whole.rows == kept.rows

    # The command line goes on from the row ids.
    if options["method"] == "mms":
        command_line("reduce", source, "--label", "label", "--method", "mms", "--ratio", 0.3, "--scale", "none", "--keep", ours,
                     "--output", tmp_path / "more.csv", "--quiet")
        more = leanset.reduce(X, y, 0.3, method="mms", kept=found)
        assert leanset.read_manifest(tmp_path / "more.csv.manifest.json")["row_ids"] == more.order.tolist()


def test_results_from_files_know_their_table(tmp_path, blobs):
    X, y = blobs
    kept, ranking = leanset.reduce(X, y, 0.1, method="mms", epsilon="chebyshev"), leanset.rank(X, y, method="mms")
    kept.save(tmp_path / "kept.csv")
    ranking.save(tmp_path / "ranking.csv")
    found = leanset.Reduction.load(tmp_path / "kept.csv", y)
    assert leanset.epsilon(X, y, found) == kept.epsilon
    with pytest.raises(ValueError, match="it is another table"):
        leanset.epsilon(X, np.roll(y, 1), found)
    with pytest.raises(ValueError, match="119 rows"):
        leanset.epsilon(X[1:], y[1:], found)
    for labels in (y, None):
        with pytest.raises(ValueError, match="119 rows"):
            leanset.epsilon_curve(X[1:], y[1:], leanset.Ranking.load(tmp_path / "ranking.csv", labels))
    # The ranking that a fitted estimator keeps is of the kept rows alone.
    fitted = leanset.MMS(sampling_strategy=0.2).fit(X, y)
    fitted.ranking_.save(tmp_path / "part.csv")
    part = leanset.Ranking.load(tmp_path / "part.csv", y)
    assert np.array_equal(part.reduce(0.1).order, kept.order)
    with pytest.raises(ValueError, match="has not all rows"):
        leanset.Ranking.load(tmp_path / "part.csv")


def test_files_that_are_not_results_are_refused(tmp_path, blobs):
    X, y = blobs
    kept, ranking = leanset.reduce(X, y, 0.1, method="mms"), leanset.rank(X, y, method="mms")
    path = tmp_path / "r.csv"
    for result in (kept, ranking):
        with pytest.raises(ValueError, match="is written as CSV") as found:
            result.save(tmp_path / "r.parquet")
        assert "to_frame()" in found.value.__notes__[0]
    with pytest.raises(ValueError, match="generated prototypes"):
        leanset.reduce(X, y, 9, method="clc").save(path)
    assert not list(tmp_path.iterdir())

    def refused(load, text, words, labels=y):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            load(path, labels)

    ranking.save(path)
    lines = path.read_text().splitlines(keepends=True)
    for load in (leanset.Ranking.load, leanset.Reduction.load):
        refused(load, "a,b\n1,2\n", "has no column 'row', so it is not a")
        refused(load, "", "has no column 'row'")
        refused(load, lines[0] + lines[1] + lines[1], "lines 2 and 3 name the same row")
        refused(load, lines[0] + "500,ash,0,\n", "names row 500, and y has 120 rows")
        refused(load, lines[0] + "x1,ash,0,\n", "has row 'x1', which is no position of a row")
        refused(load, lines[0] + "1,ash\n", "line 2 has 2 fields")
        refused(load, "".join(lines), "is of class 'ash', and in y it is of", np.roll(y, 1))
        refused(load, lines[0] + "".join(lines[2:]), "ranks are n")
    refused(leanset.Ranking.load, "".join(lines[:-1]), "has not all rows", None)
    refused(leanset.Reduction.load, "".join(lines), "y is needed", None)
    with pytest.raises(FileNotFoundError):
        leanset.Ranking.load(tmp_path / "missing.csv")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, blobs, monkeypatch):
    X, y = blobs
    kept, path = leanset.reduce(X, y, 0.1, method="mms"), tmp_path / "kept.csv"
    kept.save(path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        leanset.reduce(X, y, 0.5, method="mms").save(path, overwrite=True)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["kept.csv"]
