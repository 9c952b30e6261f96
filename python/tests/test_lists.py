"""Columns of lists, such as embeddings, are coordinates in every library that has them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import leanset
from leanset._convert import features

NAMES = ("list", "large_list", "list_view", "large_list_view", "fixed")


def arrow_type(name: str, item: Any, length: int) -> Any:
    if name in ("list", "fixed"):
        return pa.list_(item, length if name == "fixed" else -1)
    return getattr(pa, name)(item)


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(40, 5)).astype(np.float32)


def of_every_library(points: np.ndarray) -> dict[str, Any]:
    nested = points.tolist()
    found: dict[str, Any] = {}
    for name in NAMES:
        array = pa.array(nested, arrow_type(name, pa.float32(), points.shape[1]))
        found[f"pyarrow {name}"] = array
        found[f"pyarrow {name}, chunked"] = pa.chunked_array([array[:7], array[7:]])
        found[f"pyarrow {name}, table"] = pa.table({"embedding": array})
    found["pyarrow tensor"] = pa.FixedShapeTensorArray.from_numpy_ndarray(points)
    series = pl.Series("embedding", nested, dtype=pl.List(pl.Float32))
    found["polars List"] = series
    found["polars Array"] = series.cast(pl.Array(pl.Float32, points.shape[1]))
    found["polars frame"] = pl.DataFrame({"embedding": series})
    found["pandas arrays"] = pd.Series(list(points))
    found["pandas lists"] = pd.Series([row.tolist() for row in points])
    found["pandas ArrowDtype"] = pd.Series(nested, dtype=pd.ArrowDtype(pa.list_(pa.float32())))
    found["pandas frame"] = pd.DataFrame({"embedding": list(points)})
    found["arrays of objects"] = found["pandas arrays"].to_numpy()
    return found


def test_lists_are_coordinates(points):
    expected = leanset.reduce(points, sampling_strategy=0.2, method="maxmin").indices
    for name, X in of_every_library(points).items():
        found = features(X)
        assert np.array_equal(found.values, points), name
        assert found.values.dtype == (np.float64 if name == "pandas lists" else np.float32), name
        assert np.array_equal(leanset.reduce(X, sampling_strategy=0.2, method="maxmin").indices, expected), name


def test_lists_in_arrow_memory_are_not_copied(points):
    array = pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), points.shape[1])
    assert np.shares_memory(features(array).values, np.asarray(array.flatten()))


def test_kept_rows_and_prototypes_keep_the_type(points):
    y = np.repeat(["ash", "elm"], 20)
    for name, X in of_every_library(points).items():
        sampler = leanset.MMS(sampling_strategy=0.2)
        kept, _ = sampler.fit_resample(X, y)
        assert type(kept) is type(X), name
        assert len(kept) == 8, name
        made, _ = leanset.CLC(sampling_strategy=0.1).fit_resample(X, y)
        assert np.allclose(features(made).values, leanset.CLC(sampling_strategy=0.1).fit_resample(points, y)[0]), name
        if name.startswith("polars"):
            assert getattr(made, "schema", None) == getattr(X, "schema", None), name
            assert getattr(made, "dtype", None) == getattr(X, "dtype", None), name


@pytest.mark.parametrize(("bad", "words"), [
    ([1.0], "row 4 has a list of 1 numbers, and others have 5"),
    ([], "row 4 has an empty list, and others have 5"),
    (None, "row 4 has no list"),
    ([1.0, 2.0, None, 4.0, 5.0], "row 4 has no (value|number) at position 2"),
])
def test_a_row_that_is_no_point_is_named(points, bad, words):
    nested: list[Any] = points.tolist()
    nested[4] = bad
    for X in (pa.array(nested), pl.Series("e", nested), pd.Series(nested), pa.table({"e": pa.array(nested)})):
        with pytest.raises(ValueError, match=words):
            leanset.reduce(X, method="mms")
    if bad is not None and None not in bad:
        with pytest.raises(ValueError, match=words):
            leanset.reduce(nested, method="srs")


def test_ids_beside_lists_are_no_features(points):
    ids = np.random.default_rng(0).permutation(40)
    text = [f"sentence {i}" for i in range(40)]
    frames = [
        pd.DataFrame({"number": ids, "text": text, "embedding": list(points)}),
        pl.DataFrame({"store_id": ids % 3, "text": text, "embedding": points.tolist()}),
        pa.table({"number": ids, "text": text, "embedding": points.tolist()}),
    ]
    for frame in frames:
        with pytest.warns(leanset.LeansetWarning, match="computed from 'embedding' alone"):
            kept = leanset.reduce(frame, method="maxmin")
        assert np.array_equal(kept.indices, leanset.reduce(points, method="maxmin").indices)


def test_measurements_beside_lists_need_a_word(points):
    frame = pd.DataFrame({"width": points[:, 0], "embedding": list(points)})
    with pytest.raises(ValueError, match="and other features: 'width'") as caught:
        leanset.reduce(frame, method="maxmin")
    assert "pass the lists alone, X[['embedding']]" in caught.value.__notes__[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leanset.reduce(frame[["embedding"]], method="maxmin")


def test_a_hugging_face_dataset_is_read_in_its_own_order(points):
    class Dataset:
        """What `datasets.Dataset` has of this: rows by way of an index."""

        __module__ = "datasets.arrow_dataset"

        def __init__(self, table: Any, rows: Any = None) -> None:
            self.table, self.rows = table, range(len(table)) if rows is None else rows

        def with_format(self, name: str) -> Any:
            assert name == "arrow"
            return self

        def __getitem__(self, everything: slice) -> Any:
            return self.table.take(list(self.rows))

        def select(self, rows: Any) -> Any:
            return Dataset(self.table, [self.rows[row] for row in rows])

        def __len__(self) -> int:
            return len(self.rows)

    whole = Dataset(pa.table({"id": range(40), "embedding": points.tolist()}))
    part = whole.select(range(10, 40))
    with pytest.warns(leanset.LeansetWarning, match="carried along: 'id'"):
        kept, _ = leanset.MMS(sampling_strategy=0.5).fit_resample(part, np.repeat([0, 1], [10, 20]))
    again, _ = leanset.MMS(sampling_strategy=0.5).fit_resample(
        points[10:].astype(np.float64), np.repeat([0, 1], [10, 20])
    )
    assert len(kept) == len(again)


def test_cosine_distance(points):
    unit = points / np.linalg.norm(points.astype(np.float64), axis=1, keepdims=True)
    rows = [0, 7, 19]
    found = leanset.epsilon(points, None, rows, metric="cosine").value
    assert found == pytest.approx((1 - unit @ unit[rows].T).min(axis=1).max(), abs=1e-12)
    assert found == pytest.approx(leanset.epsilon(unit, None, rows, metric="euclidean").value ** 2 / 2, abs=1e-12)
    kept = leanset.reduce(points, method="mms", sampling_strategy=0.2, epsilon="cosine")
    assert kept.epsilon is not None
    assert kept.epsilon.metric == "cosine"
    with pytest.raises(ValueError, match="row 3 is all zeros and has no direction"):
        leanset.epsilon(np.vstack([points[:3], np.zeros((1, 5), np.float32)]), None, [0], metric="cosine")
    assert len(leanset.persistence_diagrams(points, metric="cosine")) == 2


def test_integers_that_float64_cannot_hold_are_refused():
    big = 2**60 + 1
    for X in (
        np.array([[big], [3]]),
        np.array([[big], [3]], dtype=np.uint64),
        [[big, 1], [3, 4]],
        pd.DataFrame({"a": [big, 3], "b": [0.5, 1.0]}),
        pd.DataFrame({"a": pd.array([big, 3], dtype="Int64")}),
        pl.DataFrame({"a": [big, 3], "b": [0.5, 1.0]}),
        pa.table({"a": [big, 3], "b": [0.5, 1.0]}),
    ):
        with pytest.raises(ValueError, match=f"row 0.*: {big} is beyond"):
            leanset.reduce(X, method="mms", sampling_strategy=1)
    # Powers of two are float64.
    leanset.reduce(np.array([[2**60], [2**61]]), method="mms", sampling_strategy=1)


def test_lists_of_lists_are_named():
    nested = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
    for X in (pa.table({"e": nested}), pl.DataFrame({"e": nested}), pl.DataFrame({"e": pl.Series(np.array(nested))})):
        with pytest.raises(TypeError, match="column 'e' must hold lists of numbers, not lists of lists") as caught:
            leanset.reduce(X, method="mms")
        assert "make one list of each row" in caught.value.__notes__[0]
