"""What a training log accepts as predictions, and how it is saved, pickled and merged."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import re
import zlib

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from test_command_line import write

import leanset

NAMES = ["ash", "birch", "cedar"]


def learnt(labels, predictions):
    log = leanset.ForgettingLog(labels)
    log.update(0, range(len(labels)), predictions)
    return log.finish().learnt.tolist()


@pytest.mark.parametrize("labels", [
    NAMES, np.array(NAMES), np.array(NAMES, dtype=object), pd.Series(NAMES), pd.Series(NAMES, dtype="category"),
    pd.Series(NAMES, dtype="string[pyarrow]"), pl.Series(NAMES), pa.array(NAMES), np.array(NAMES, dtype=np.dtypes.StringDType()),
], ids=lambda v: f"{type(v).__module__}-{getattr(v, 'dtype', '')}")
@pytest.mark.parametrize("predictions", [
    ["ash", "ash", "cedar"], np.array(["ash", "ash", "cedar"]), np.array(["ash", "ash", "cedar"], dtype=object),
    [np.str_("ash"), "ash", np.str_("cedar")], pd.Categorical(["ash", "ash", "cedar"]), pd.Series(["ash", "ash", "cedar"]),
    pd.Series(["ash", "ash", "cedar"], dtype="string[pyarrow]"), pl.Series(["ash", "ash", "cedar"]), pa.array(["ash", "ash", "cedar"]),
    [True, False, True], np.array([True, False, True], dtype=object), pd.Series([True, False, True], dtype="boolean"),
], ids=lambda v: f"{type(v).__module__}-{getattr(v, 'dtype', '')}")
def test_predictions_of_every_library_are_understood(labels, predictions):
    assert learnt(labels, predictions) == [True, False, True]


@pytest.mark.parametrize(("labels", "predictions"), [
    ([1, 2, 3], [1, 1, 3]),
    ([1, 2, 3], [1.0, 1.0, 3.0]),
    ([1.0, 2.0, 3.0], np.array([1, 1, 3], dtype=np.uint8)),
    (np.array([-5, 0, 7], dtype=np.int8), np.array([-5, -5, 7])),
    (np.array([1, 2, 3], dtype=object), [1, 1, 3]),
    (pd.Series([1, 2, 3], dtype="Int64"), pd.Series([1, 1, 3], dtype="Int64")),
    ([True, False, True], [True, True, True]),
    ([True, False, True], [1, 1, 1]),
])
def test_numbers_are_compared_by_value(labels, predictions):
    assert learnt(labels, predictions) == [True, False, True]


def test_booleans_mean_correct_unless_the_labels_are_booleans():
    # Of labels 0 and 1 numbers are predicted labels, and booleans say what is correct.
    assert learnt([0, 1, 0], [0, 0, 0]) == [True, False, True]
    assert learnt([0, 1, 0], [False, False, True]) == [False, False, True]
    assert learnt([False, True, False], [False, False, False]) == [True, False, True]


CODES = r"pass log\.classes\[codes\]"
CORRECT = r"if 1 means correct, pass booleans"


@pytest.mark.parametrize(("labels", "predictions", "entry", "value", "hints"), [
    (NAMES, [0, 1, 2], 0, "0", [CODES]),
    (NAMES, [1, 1, 0], 0, "1", [CODES, CORRECT]),
    (NAMES, [0.0, 1.0, 2.0], 0, "0.0", [CODES]),
    ([1, 2, 3], [1, 0, 2], 1, "0", [CODES]),
    ([1, 2, 3], [1, 0, 1], 1, "0", [CODES, CORRECT]),
    ([0, 5, 9], [0, 1, 2], 1, "1", [CODES]),
    (["1", "2", "3"], [1, 2, 3], 0, "1", ["convert the predictions to str"]),
    ([1, 2, 3], ["1", "2", "3"], 0, "'1'", ["convert the predictions to int"]),
    (NAMES, ["ash", "Birch", "cedar"], 1, "'Birch'", ["predictions are labels of y"]),
    ([1, 2, 3], [1, 2.5, 3], 1, "2.5", ["predictions are labels of y"]),
    ([1, 2, 3], [1, np.inf, 3], 1, "inf", ["predictions are labels of y"]),
    ([True, False, True], [0, 2, 1], 1, "2", ["predictions are labels of y"]),
    (NAMES, [["ash"], ["ash", "ash"], ["ash"]], None, None, []),
], ids=str)
def test_a_prediction_that_is_no_class_is_refused(labels, predictions, entry, value, hints):
    log = leanset.ForgettingLog([*labels, *labels])
    with pytest.raises(ValueError) as found:
        log.update(0, [3, 4, 5], predictions)
    if entry is not None:
        message = str(found.value)
        assert f"entry {entry} of the batch (row {3 + entry}) is {value}, which is no class of this log" in message
        assert all(repr(label) in message for label in log.classes.tolist())
    notes = "\n".join(getattr(found.value, "__notes__", []))
    for hint in hints:
        assert re.search(hint, notes), notes
    assert (CORRECT in hints) == ("booleans" in notes)
    # Nothing was added, and what the hint says works.
    log.update(0, [0, 1, 2, 3, 4, 5], log.classes[[0, 1, 1, 0, 1, 1]])


@pytest.mark.parametrize("predictions", [
    [1.0, np.nan, 2.0], ["ash", None, "ash"], pd.Series(["ash", pd.NA, "ash"], dtype="string"), pd.Series([True, pd.NA, True], dtype="boolean"),
    pl.Series(["ash", None, "ash"]), pd.Categorical(["ash", None, "ash"]),
], ids=lambda v: f"{type(v).__module__}-{getattr(v, 'dtype', '')}")
def test_a_missing_prediction_is_refused_as_missing(predictions):
    log = leanset.ForgettingLog(NAMES)
    with pytest.raises(ValueError, match=r"entry 1 of the batch \(row 1\) is missing") as found:
        log.update(0, range(3), predictions)
    assert "leave the row out" in found.value.__notes__[0]


def test_probabilities_must_add_up_to_one():
    log = leanset.ForgettingLog(NAMES)
    with pytest.raises(ValueError, match=r"entry 1 of the batch \(row 2\): the probabilities add up to 0\.6000, not to 1") as found:
        log.update(0, [0, 2], probabilities=[[0.2, 0.3, 0.5], [0.1, 0.2, 0.3]])
    assert "logits=" in found.value.__notes__[0]
    with pytest.raises(ValueError, match=r"\(row 0\): a probability must be in \[0, 1\], not -2"):
        log.update(0, [0], probabilities=[[-2.0, 3.0, 0.0]])
    with pytest.raises(ValueError, match=r"not NaN"):
        log.update(0, [0], probabilities=[[np.nan, 0.5, 0.5]])
    with pytest.raises(ValueError, match=r"shape \(1,\), not \(1, 3\)") as found:
        log.update(0, [0], [[0.2, 0.3, 0.5]])
    assert "probabilities=" in found.value.__notes__[0]
    # Rounded to two digits.
    log.update(0, [0, 1, 2], probabilities=[[0.33, 0.33, 0.33], [0.34, 0.34, 0.33], [1, 0, 0]])


def test_classes_cannot_be_changed():
    log = leanset.ForgettingLog(["b", "a"])
    assert log.classes.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="read-only"):
        log.classes[0] = "c"
    with pytest.raises(TypeError, match="the labels of the training set"):
        leanset.ForgettingLog(None)


def filled(labels=NAMES * 4, epochs=3, scored=True, rows=None):
    log, rng = leanset.ForgettingLog(labels), np.random.default_rng(0)
    classes = len(log.classes)
    rows = np.arange(len(labels)) if rows is None else rows
    for epoch in range(epochs):
        p = rng.dirichlet(np.ones(classes), size=len(labels))[rows]
        log.update(2 * epoch, rows, **(dict(probabilities=p) if scored else dict(predictions_or_correct=p[:, 0] < 0.5)))
    return log


ALL_LABELS = [NAMES * 4, [3, 1, 2] * 4, np.array([3, 1, 2] * 4, dtype=np.int8), [1.0, 2.0] * 6, [True, False] * 6, ["a, \"b\"\n", "ü", ""] * 4]


@pytest.mark.parametrize("labels", ALL_LABELS, ids=str)
@pytest.mark.parametrize("scored", [True, False])
def test_logs_are_saved_and_pickled(tmp_path, labels, scored):
    log = filled(labels, scored=scored)
    path = tmp_path / "worker.log"
    log.save(path)
    copies = [leanset.ForgettingLog.load(path), pickle.loads(pickle.dumps(log)), copy.deepcopy(log)]
    assert [p.name for p in tmp_path.iterdir()] == ["worker.log"]
    for other in copies:
        assert other == log and other.classes.tolist() == log.classes.tolist() and len(other) == 12
        assert other.finish() == log.finish()
        rest = {"probabilities": np.eye(len(log.classes))[[0] * 12]} if scored else {"predictions_or_correct": [True] * 12}
        other.update(9, range(12), **rest)
        assert other != log and other.finish().epochs == 4
        assert type(other.classes.tolist()[0]) is type(log.classes.tolist()[0])
    with pytest.raises(FileExistsError, match="overwrite=True"):
        copies[0].save(path)
    copies[0].save(path, overwrite=True)
    assert leanset.ForgettingLog.load(path) == copies[0] != log
    with pytest.raises(TypeError, match="unhashable"):
        hash(log)


def test_labels_that_files_cannot_hold_can_be_pickled(tmp_path):
    import datetime

    log = leanset.ForgettingLog(np.array([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)], dtype=object))
    with pytest.raises(TypeError, match="labels of type date cannot be saved") as found:
        log.save(tmp_path / "l")
    assert "pickle" in found.value.__notes__[0]
    assert pickle.loads(pickle.dumps(log)) == log
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_log_are_refused(tmp_path):
    path = tmp_path / "a.log"
    filled().save(path)
    whole = path.read_bytes()

    def refused(content):
        path.write_bytes(content)
        with pytest.raises(ValueError) as found:
            leanset.ForgettingLog.load(path)
        assert str(path) in str(found.value) and found.value.__notes__
        return str(found.value)

    for end in range(8, len(whole)):
        assert "it is cut short" in refused(whole[:end])
    assert "does not begin as a file of leanset" in refused(b"epoch,row,correct\n0,0,1\n")
    assert "does not begin as a file of leanset" in refused(b"")
    for at in range(50, len(whole), 7):
        assert "damaged" in refused(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1:])
    newer = bytearray(whole[:-4])
    version = 8 + 1 + newer[8]
    newer[version] = 7
    assert "of version 7, and this leanset knows version 1" in refused(bytes(newer) + zlib.crc32(newer).to_bytes(4, "little"))
    other = bytearray(whole[:-4])
    other[9:11] = b"LA"
    assert "it is a 'LAbelled training log'" in refused(bytes(other) + zlib.crc32(other).to_bytes(4, "little"))
    path.write_bytes(whole)
    assert leanset.ForgettingLog.load(path) == filled()
    with pytest.raises(FileNotFoundError):
        leanset.ForgettingLog.load(tmp_path / "missing.log")


def work(rows):
    return filled(rows=np.array(rows))


def work_to_file(job):
    rows, path = job
    filled(rows=np.array(rows)).save(path)


PARTS = [[0, 5, 7], [1, 2, 3, 4], [6, 8, 9, 10, 11]]


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_logs_merge_over_processes(tmp_path, method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        parts = pool.map(work, PARTS)
        pool.map(work_to_file, [(rows, tmp_path / f"{rank}.log") for rank, rows in enumerate(PARTS)])
    saved = [leanset.ForgettingLog.load(tmp_path / f"{rank}.log") for rank in range(3)]
    assert saved == parts
    whole = leanset.ForgettingLog(NAMES * 4)
    for part in saved[::-1]:
        whole.merge(part)
    assert whole == filled() and whole.finish() == filled().finish()
    with pytest.raises(ValueError, match="twice"):
        whole.merge(parts[0])
    with pytest.raises(TypeError, match="must be a ForgettingLog, not str"):
        whole.merge("worker.log")


def test_logs_merge_over_joblib():
    joblib = pytest.importorskip("joblib")
    parts = joblib.Parallel(n_jobs=2)(joblib.delayed(work)(rows) for rows in PARTS)
    whole = parts[0]
    for part in parts[1:]:
        whole.merge(part)
    assert whole == filled()


def test_dynamics_are_pickled_and_compared():
    dynamics = filled().finish()
    again = pickle.loads(pickle.dumps(dynamics))
    assert again == dynamics != filled(epochs=2).finish()
    assert np.array_equal(again.aum, dynamics.aum) and np.array_equal(again.dual, dynamics.dual) and again.grand is None


def test_reprs_are_short():
    log = filled(NAMES * 4000, epochs=1)
    assert repr(log) == "ForgettingLog(rows=12000, classes=3, epochs=1, observations=12000)"
    assert repr(log.finish()) == "Dynamics(rows=12000, epochs=1, scores=['aum', 'dual', 'el2n', 'probability'])"
    assert repr(leanset.ForgettingLog(["a"])) == "ForgettingLog(rows=1, classes=1, epochs=0, observations=0)"


@pytest.mark.parametrize("labels", [NAMES * 40, [3, 1, 12] * 40, [True, False] * 60], ids=["names", "numbers", "booleans"])
def test_the_command_line_reads_saved_logs(command_line, tmp_path, labels):
    y = np.random.default_rng(1).permutation(labels)
    X = np.random.default_rng(2).normal(size=(120, 3))
    source = write(tmp_path / "table.csv", X, y)
    log, rng = leanset.ForgettingLog(y), np.random.default_rng(0)
    for epoch in range(4):
        log.update(epoch, range(120), probabilities=rng.dirichlet(np.ones(len(log.classes)), size=120), gradients=rng.gamma(2.0, size=120))
    log.save(tmp_path / "own.log")

    def reduce(method, path):
        output = tmp_path / f"{method}.csv"
        command_line("reduce", source, "--label", "label", "--method", method, "--ratio", 0.2, "--scale", "none", "--log", path,
                     "--output", output, "--quiet", "--force")
        return leanset.read_manifest(f"{output}.manifest.json")

    for method in ("fes", "el2n", "aum", "grand", "dual", "ccs"):
        kept = leanset.reduce(X, y, 0.2, method=method, dynamics=log)
        assert reduce(method, tmp_path / "own.log")["row_ids"] == kept.order.tolist()

    def refused(words, content):
        (tmp_path / "other.log").write_bytes(content)
        with pytest.raises(AssertionError) as found:
            reduce("fes", tmp_path / "other.log")
        assert re.search(words, " ".join(str(found.value).split()))

    def saved(labels, rows):
        other = leanset.ForgettingLog(labels)
        other.update(0, rows, np.asarray(labels)[rows])
        other.save(tmp_path / "made.log", overwrite=True)
        return (tmp_path / "made.log").read_bytes()

    whole = (tmp_path / "own.log").read_bytes()
    refused("cut short", whole[:-9])
    refused("damaged", whole[:-9] + b"?" + whole[-8:])
    refused(r"is of 119 rows, and .* has 120", saved(y[1:], np.arange(119)))
    refused("has no row 119 in epoch 0", saved(y, np.arange(119)))
    first = int(np.flatnonzero(np.roll(y, 1) != y)[0])
    refused(f"row {first} is of class", saved(np.roll(y, 1), np.arange(120)))


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_tensors_are_understood(library):
    pytest.importorskip(library)
    y = np.array([2, 0, 1, 2])
    logits = np.array([[0.0, 1.0, 4.0], [2.0, 0.5, 0.0], [3.0, 1.0, 0.0], [0.0, 8.0, 1.0]], dtype=np.float32)
    if library == "torch":
        import torch

        tensor, exact = torch.tensor, torch.tensor(logits, dtype=torch.bfloat16, requires_grad=True)
    else:
        import jax.numpy

        tensor, exact = jax.numpy.asarray, jax.numpy.asarray(logits, dtype=jax.numpy.bfloat16)
    log, hand = leanset.ForgettingLog(tensor(y)), leanset.ForgettingLog(y)
    log.update(0, tensor(np.arange(4)), logits=exact)
    hand.update(0, np.arange(4), logits=logits)
    log.update(1, tensor(np.arange(4)), tensor(np.array([2, 0, 1, 1])), logits=tensor(logits))
    hand.update(1, np.arange(4), [2, 0, 1, 1], logits=logits)
    log.update(2, tensor(np.arange(4)), tensor(np.array([True, True, False, True])), logits=tensor(logits))
    hand.update(2, np.arange(4), [True, True, False, True], logits=logits)
    assert log == hand
    with pytest.raises(ValueError, match=r"entry 1 of the batch \(row 1\) is 3, which is no class"):
        log.update(3, tensor(np.arange(4)), tensor(np.array([2, 3, 1, 1])))
