"""Frames, arrays and lists keep their type; labels keep their dtype."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import leanset
from leanset._labels import encode

NAMES = ["height", "width", "depth"]


def test_pandas(blobs):
    X, y = blobs
    frame = pd.DataFrame(X, columns=NAMES, index=[f"r{i}" for i in range(len(X))]).astype({"width": "float32"})
    series = pd.Series(y, index=frame.index, name="tree", dtype="category")
    sampler = leanset.MMS(sampling_strategy=0.2)
    kept, labels = sampler.fit_resample(frame, series)
    assert kept.dtypes.equals(frame.dtypes)
    assert kept.index.tolist() == [f"r{i}" for i in sampler.sample_indices_]
    assert labels.dtype == series.dtype
    assert labels.name == "tree"
    assert labels.index.equals(kept.index)
    assert sampler.feature_names_in_.tolist() == NAMES
    assert sampler.get_feature_names_out().tolist() == NAMES
    assert np.array_equal(sampler.sample_indices_, leanset.MMS(sampling_strategy=0.2).fit(X, y).sample_indices_)


def test_polars(blobs):
    X, y = blobs
    frame, series = pl.DataFrame(X, schema=NAMES), pl.Series("tree", y)
    sampler = leanset.MMS(sampling_strategy=0.2)
    kept, labels = sampler.fit_resample(frame, series)
    assert isinstance(kept, pl.DataFrame)
    assert isinstance(labels, pl.Series)
    assert kept.schema == frame.schema
    assert labels.dtype == series.dtype
    assert np.array_equal(kept.to_numpy(), X[sampler.sample_indices_])
    assert sampler.feature_names_in_.tolist() == NAMES


def test_pyarrow(blobs):
    X, y = blobs
    table, array = pa.table({n: X[:, j] for j, n in enumerate(NAMES)}), pa.array(y)
    sampler = leanset.MMS(sampling_strategy=0.2)
    kept, labels = sampler.fit_resample(table, array)
    assert kept.schema == table.schema
    assert labels.type == array.type
    assert np.array_equal(np.column_stack([c.to_numpy() for c in kept.columns]), X[sampler.sample_indices_])


def test_arrow_streams(blobs):
    X, y = blobs

    class Frame:
        def __init__(self, table):
            self.table = table

        def __arrow_c_stream__(self, requested_schema=None):
            return self.table.__arrow_c_stream__(requested_schema)

    table = pa.table({n: X[:, j] for j, n in enumerate(NAMES)})
    kept = leanset.reduce(Frame(table), y, 0.2, method="mms")
    assert np.array_equal(kept.indices, leanset.reduce(X, y, 0.2, method="mms").indices)


def test_prototypes_have_the_type_of_the_input(blobs):
    X, y = blobs
    plain, _ = leanset.CLC(sampling_strategy=0.1).fit_resample(X, y)
    for frame in (pd.DataFrame(X, columns=NAMES), pl.DataFrame(X, schema=NAMES),
                  pa.table({n: X[:, j] for j, n in enumerate(NAMES)})):
        kept, labels = leanset.CLC(sampling_strategy=0.1).fit_resample(frame, pd.Series(y, name="tree"))
        assert type(kept) is type(frame)
        assert isinstance(labels, pd.Series)
        values = np.column_stack([np.asarray(c) for c in kept.columns]) if isinstance(kept, pa.Table) else kept.to_numpy()
        assert np.array_equal(values, plain)
    kept, labels = leanset.CLC(sampling_strategy=0.1).fit_resample(X.tolist(), y.tolist())
    assert isinstance(kept, list)
    assert isinstance(labels, list)


@pytest.mark.parametrize(
    "labels",
    [
        [2, 7, 7, 2, 2, 7],
        [-1.0, 1.0, 1.0, -1.0, -1.0, 1.0],
        [True, False, False, True, True, False],
        ["x", "yy", "yy", "x", "x", "yy"],
        np.array(["x", "yy", "yy", "x", "x", "yy"], dtype=object),
        np.array([1, 2, 2, 1, 1, 2], dtype=np.uint8),
        np.array(["2020-01-01", "2021-01-01"] * 3, dtype="datetime64[D]"),
    ],
    ids=lambda v: str(np.asarray(v).dtype),
)
def test_labels_keep_their_dtype(labels):
    X = np.arange(12.0).reshape(6, 2)
    for sampler in (leanset.MMS(sampling_strategy=4), leanset.CLC(sampling_strategy=4)):
        _, kept = sampler.fit_resample(X, labels)
        assert type(kept) is type(labels)
        assert np.asarray(kept).dtype == np.asarray(labels).dtype
        assert set(np.asarray(kept).tolist()) == set(np.asarray(labels).tolist())


def test_arrays_are_not_copied(blobs):
    X, y = blobs
    same = leanset.MMS(sampling_strategy=0.2).fit(X, y).sample_indices_
    frozen = X.copy()
    frozen.setflags(write=False)
    for other in (np.asfortranarray(X), X[:, ::-1][:, ::-1], np.repeat(X, 2, axis=0)[::2], frozen):
        assert np.array_equal(leanset.MMS(sampling_strategy=0.2).fit(other, y).sample_indices_, same)
    half = X.astype(np.float16)
    assert leanset.MMS(sampling_strategy=0.2).fit_resample(half, y)[0].dtype == np.float16
    whole = (X * 10).astype(int)
    assert leanset.MMS(sampling_strategy=0.2).fit_resample(whole, y)[0].dtype == whole.dtype


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i2", ">u8"])
def test_codes_of_whole_numbers_are_those_of_unique(kind: str) -> None:
    bounds, g = np.iinfo(kind), np.random.default_rng(0)
    few = g.integers(0, 7, 70_000).astype(kind)
    edges = np.array([bounds.max - 2, bounds.max, bounds.max - 2, bounds.max - 1], dtype=kind)
    low = np.array([bounds.min + 2, bounds.min, bounds.min + 2], dtype=kind)
    for array in (few, few[::3], edges, low, np.concatenate([low, edges]), few[:1], few[:0]):
        classes, codes = encode(array)
        expected, places = np.unique(array, return_inverse=True)
        np.testing.assert_array_equal(classes, expected)
        np.testing.assert_array_equal(codes, places)
        assert classes.dtype == expected.dtype.newbyteorder("=")


def test_codes_of_objects_are_those_of_unique() -> None:
    words = np.array(["pear", "apple", "é", "fig"], dtype=object)[np.random.default_rng(0).integers(0, 4, 70_000)]
    for array in (words, np.array([2, 1.5, 2], dtype=object), words[:0]):
        classes, codes = encode(array)
        expected, places = np.unique(array, return_inverse=True)
        assert classes.tolist() == expected.tolist()
        assert classes.dtype == object
        np.testing.assert_array_equal(codes, places)


def test_rows_of_arrow_types_that_arrow_cannot_take():
    X, rows = np.arange(20.0).reshape(10, 2), [0, 3, 4, 9]
    names = ["a", "b"] * 5
    views, runs = pa.array(names, pa.string_view()), pa.RunEndEncodedArray.from_arrays([5, 10], ["a", "b"])
    for y in (views, runs, pa.chunked_array([views[:4], views[4:4], views[4:]]), pa.table({"y": views, "n": names}), pa.chunked_array([runs])):
        kept = leanset.select(y, rows)
        assert type(kept) is type(y)
        assert kept.to_pylist() == [y.to_pylist()[at] for at in rows]
        assert len(leanset.select(y, [])) == 0
    _, kept = leanset.MMS(sampling_strategy=4).fit_resample(X, views)
    assert kept.type == pa.string_view()


def test_integers_of_128_bits():
    X = np.arange(12.0).reshape(6, 2)
    wide = pl.DataFrame(X).cast(pl.Int128)
    kept = leanset.reduce(X, [0, 1] * 3, 4, method="mms")
    assert np.array_equal(leanset.reduce(wide, pl.Series([0, 1] * 3, dtype=pl.Int128), 4, method="mms").indices, kept.indices)
    with pytest.raises(ValueError, match=r"beyond ±2\*\*53"):
        leanset.reduce(pl.DataFrame({"a": pl.Series([2**53 + 1, 0], dtype=pl.Int128)}), method="mms")


def test_labels_of_large_integers_stay_apart():
    X, large = np.arange(8.0).reshape(4, 2), 2**63
    found = leanset.MMS(sampling_strategy=4).fit(X, [large, large + 1, -1, -1])
    assert found.sampling_strategy_ == {-1: 2, large: 1, large + 1: 1}
