"""Frames as people have them: subclasses, mixed types, dates, text, missing values, scales; the same rows as the command line."""

from __future__ import annotations

import datetime
import re
import tracemalloc
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import leanset
from leanset._convert import features


@pytest.fixture
def mixed() -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers, integers, true and false, text, a category and dates; 90 rows of two classes."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({
        "salary": rng.normal(50_000, 12_000, 90).round(2),
        "age": rng.integers(18, 80, 90),
        "member": rng.random(90) > 0.4,
        "city": rng.choice(["Oslo", "Rome", "Turku"], 90),
        "plan": pd.Categorical(rng.choice(["basic", "gold"], 90), categories=["gold", "basic", "never"]),
        "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2_000, 90), unit="D"),
    })
    return frame, rng.choice(["no", "yes"], 90)


def in_every_library(frame: pd.DataFrame) -> dict[str, Any]:
    return {"pandas": frame, "polars": pl.from_pandas(frame), "pyarrow": pa.Table.from_pandas(frame, preserve_index=False)}


class Frame(pd.DataFrame):
    """As geopandas has it: a subclass of which the module is another."""

    @property
    def _constructor(self):
        return Frame


def test_subclasses_of_frames_are_frames_and_their_index_is_no_feature(blobs):
    X, y = blobs
    assert Frame.__module__ == "test_frames"
    frame = Frame(X, columns=["a", "b", "c"], index=np.arange(1_000, 1_120))
    sampler = leanset.MMS(sampling_strategy=0.2)
    kept, _ = sampler.fit_resample(frame, y)
    assert type(kept) is Frame
    assert sampler.n_features_in_ == 3
    assert np.array_equal(sampler.sample_indices_, leanset.MMS(sampling_strategy=0.2).fit(X, y).sample_indices_)

    class Lazy(pl.DataFrame):
        pass

    assert np.array_equal(features(Lazy(X)).values, X)


def test_columns_of_other_types_are_carried_along_untouched(mixed):
    class Point:
        pass

    frame, y = mixed
    frame = frame[["salary", "age"]].assign(shape=[Point() for _ in range(90)], period=pd.period_range("2020", periods=90, freq="D"))
    with pytest.warns(leanset.LeansetWarning, match="skipped-column"):
        kept, _ = leanset.MMS(sampling_strategy=0.2, scale="minmax").fit_resample(frame, y)
    assert list(kept.columns) == ["salary", "age", "shape", "period"]
    assert kept["shape"].tolist() == frame["shape"].loc[kept.index].tolist()
    with pytest.raises(ValueError, match="column 'period' .* cannot be a feature") as caught:
        leanset.reduce(frame, y, method="mms", features=["salary", "period"])
    assert "make it a number first" in caught.value.__notes__[0]


def test_a_mixed_frame_gives_the_rows_of_the_command_line(mixed, command_line, tmp_path):
    frame, y = mixed
    path = tmp_path / "table.parquet"
    frame.assign(label=y).to_parquet(path)
    for scale, word in (("minmax", "minmax"), ("standard", "standard"), ("none", "none"), ("auto", None), ("unit", "unit")):
        ids = tmp_path / f"{scale}.csv"
        command_line("reduce", path, "--label", "label", "-m", "energy", "-n", "20", "-o", ids, *(["--scale", word] if word else []))
        expected = leanset.read_manifest(f"{ids}.manifest.json")
        for name, X in in_every_library(frame).items():
            with pytest.warns(leanset.LeansetWarning, match="'joined' holds dates"):
                kept = leanset.reduce(X, y, 20, method="energy", scale=scale, epsilon="chebyshev")
            assert kept.order.tolist() == expected["row_ids"], (scale, name)
            assert float(kept.epsilon) == expected["epsilon"]["value"], (scale, name)
            assert kept.dimensions == expected["columns"]["dimensions"] == 8


def test_named_features_and_dates_in_days_as_on_the_command_line(mixed, command_line, tmp_path):
    frame, y = mixed
    path, out = tmp_path / "table.parquet", tmp_path / "lean.csv"
    frame.assign(label=y).to_parquet(path)
    command_line("reduce", path, "--label", "label", "--features", "joined,age,city", "-m", "mms", "-n", "15", "-o", out)
    expected = leanset.read_manifest(f"{out}.manifest.json")["row_ids"]
    for name, X in in_every_library(frame).items():
        kept = leanset.reduce(X, y, 15, method="mms", features=["joined", "age", "city"], scale="minmax")
        assert kept.order.tolist() == expected, name
        sampler = leanset.MMS(sampling_strategy=15, features=["joined", "age", "city"], scale="minmax")
        rows, _ = sampler.fit_resample(X, y)
        assert rows.shape == (15, 6), name
        assert sampler.n_features_in_ == 6, name


def test_dates_moments_and_times_are_days():
    moments = [datetime.datetime(2024, 1, 2, 12), None, datetime.datetime(1969, 12, 31)]
    zone = datetime.timezone(datetime.timedelta(hours=2))
    zoned = [datetime.datetime(2024, 1, 2, 14, tzinfo=zone), None, datetime.datetime(1969, 12, 31, 2, tzinfo=zone)]
    from leanset._frames import Column, days

    for column in (
        pd.Series(moments), pd.Series(moments, dtype="datetime64[s]"), pd.Series(moments, dtype=object), pl.Series(moments), pa.array(moments),
        pd.Series(pd.to_datetime(zoned, utc=True)), pl.Series(zoned), pa.array(zoned), pd.Series(pa.array(moments), dtype="timestamp[us][pyarrow]"),
    ):
        assert Column.of("t", column).kind == "date", column
        assert np.array_equal(days(column, "t"), [19_724.5, np.nan, -1.0], equal_nan=True), column
    for column in (pl.Series([datetime.time(18)]), pa.array([datetime.time(18)]), pd.Series([datetime.time(18)])):
        assert Column.of("t", column).kind == "date"
        assert days(column, "t").tolist() == [0.75]


@pytest.mark.parametrize("values", [
    pl.Series("t", [datetime.date(2024, 1, day + 1) for day in range(20)]),
    pl.Series("t", [datetime.datetime(2024, 1, day + 1) for day in range(20)]),
    pl.Series("t", [datetime.timedelta(days=day) for day in range(20)]),
    pl.Series("t", [datetime.time(day) for day in range(20)]),
])
def test_temporal_columns_of_polars_are_no_numbers(values):
    frame = pl.DataFrame({"x": np.arange(20.0) ** 2, "t": values})
    with pytest.warns(leanset.LeansetWarning, match="column 't' .*carried along but not used"):
        kept = leanset.reduce(frame, method="mms", sampling_strategy=4)
    assert kept.dimensions == 1
    assert np.array_equal(kept.indices, leanset.reduce(frame[["x"]], method="mms", sampling_strategy=4).indices)
    with pytest.raises(ValueError, match="no column is left to be a feature"):
        leanset.reduce(frame[["t"]], method="mms", sampling_strategy=4)


def test_extension_arrays_are_numbers_or_missing(blobs):
    X, y = blobs
    whole = np.rint(X * 10).astype(int)
    expected = leanset.reduce(whole, y, 0.2, method="mms").indices
    for dtype in ("Int64", "Float64", "int64[pyarrow]", "double[pyarrow]", "Sparse[float64]", object):
        frame = pd.DataFrame(whole).astype(dtype)
        assert np.array_equal(leanset.reduce(frame, y, 0.2, method="mms").indices, expected), dtype
    nullable = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.0, 2.0, 3.0]})
    for frame in (nullable, pl.from_pandas(nullable), pa.Table.from_pandas(nullable)):
        with pytest.raises(ValueError, match="Input X contains NaN. Column 'a' has no value in row 1"):
            leanset.reduce(frame, method="mms", sampling_strategy=2)


def test_text_that_is_numbers_or_names_of_rows_is_refused():
    numbers = pd.DataFrame({"x": np.arange(30.0), "t": [str(i % 9) for i in range(30)]})
    with pytest.raises(ValueError, match="column 't' holds numbers as text"):
        leanset.reduce(numbers, method="mms")
    numbers.loc[7, "t"] = "n.a."
    with pytest.raises(ValueError, match="column 't': row 7: 'n.a.' is not a number, and 29 values are"):
        leanset.reduce(numbers, method="mms")
    named = pd.DataFrame({"x": np.arange(30.0), "t": [f"row {i}" for i in range(30)]})
    with pytest.raises(ValueError, match="30 different texts, one per row: too many for categories") as caught:
        leanset.reduce(named, method="mms")
    assert "features=" in caught.value.__notes__[0]
    # Names in a categorical type are meant, and random rows need no features at all.
    assert len(leanset.reduce(numbers.astype({"t": "category"}), method="mms", scale="none")) == 3
    assert len(leanset.reduce(named, method="srs")) == 3


def test_columns_that_look_like_ids_are_named(blobs):
    X, y = blobs
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(patient_id=np.arange(120)[::-1], place=np.arange(120))
    with pytest.warns(leanset.LeansetWarning) as caught:
        leanset.reduce(frame, y, method="mms", scale="none")
    messages = [str(w.message) for w in caught]
    assert any("'patient_id' is named like an id" in text for text in messages)
    assert any("'place' numbers the rows from 0" in text for text in messages)


def test_unscaled_columns_of_very_different_ranges_are_named():
    X = np.column_stack([np.linspace(0, 1, 50), np.linspace(0, 5_000, 50)[::-1]])
    with pytest.warns(leanset.LeansetWarning, match="column 1 ranges over 5000 and column 0 over 1, and nothing is scaled") as caught:
        kept = leanset.reduce(X, method="mms")
    assert [w.code for w in kept.warnings] == ["unscaled-columns"]
    assert "scale='minmax'" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leanset.reduce(X, method="mms", scale="none")
        leanset.reduce(X, method="mms", scale="minmax")
        leanset.reduce(X, method="srs")


def test_scales_of_arrays_are_those_of_frames_and_leave_the_array_as_it_is(blobs):
    X, y = blobs
    before = X.copy()
    for scale in ("minmax", "standard", "unit", "auto"):
        ours = leanset.reduce(X, y, 0.2, method="energy", scale=scale)
        assert ours == leanset.reduce(pd.DataFrame(X), y, 0.2, method="energy", scale=scale)
        assert ours == leanset.reduce(pl.DataFrame(X), y, 0.2, method="energy", scale=scale)
    assert np.array_equal(X, before)
    low, span = X.min(axis=0), np.ptp(X, axis=0)
    assert np.allclose(features(X, scale="minmax").values, (X - low) / span)
    assert np.allclose(features(X, scale="standard").values, (X - X.mean(axis=0)) / X.std(axis=0))
    assert np.allclose(np.linalg.norm(features(X, scale="unit").values, axis=1), 1)
    # Cosine is the distance of directions.
    assert leanset.reduce(X, y, 9, method="mms", metric="cosine") == leanset.reduce(X, y, 9, method="mms", scale="unit")
    with pytest.raises(ValueError, match="leave one of them out"):
        leanset.reduce(X, y, 9, method="mms", metric="cosine", scale="minmax")
    with pytest.raises(ValueError, match="row 0 of X: all features are 0"):
        leanset.reduce(np.zeros((5, 2)), method="mms", scale="unit")
    with pytest.raises(ValueError, match="scale must be None or one of"):
        leanset.reduce(X, y, method="mms", scale="robust")


def test_epsilon_in_other_coordinates_is_named(blobs):
    X, y = blobs
    kept = leanset.reduce(X, y, 0.2, method="mms", scale="minmax", epsilon="chebyshev")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert leanset.epsilon(X, y, kept, scale="minmax") == kept.epsilon
        leanset.epsilon(X, y, kept.indices)
    with pytest.warns(leanset.LeansetWarning, match="ε is measured with scale='none', and the rows were chosen with scale='minmax'"):
        assert leanset.epsilon(X, y, kept) != kept.epsilon
    with pytest.warns(leanset.LeansetWarning, match="other-scale"):
        leanset.epsilon(X, y, leanset.MMS(sampling_strategy=0.2).fit(X, y), scale="standard")


def test_some_columns_of_an_array(blobs):
    X, y = blobs
    expected = leanset.reduce(X[:, [0, 2]], y, 0.2, method="mms").indices
    for chosen in ([0, 2], [True, False, True], np.array([0, -1]), (0, 2)):
        assert np.array_equal(leanset.reduce(X, y, 0.2, method="mms", features=chosen).indices, expected)
    kept, _ = leanset.MMS(sampling_strategy=0.2, features=[0, 2]).fit_resample(X, y)
    assert kept.shape == (24, 3)
    for chosen, words in (([5], "names column 5, but X has 3"), ([0, 0], "column 0 twice"), ([], "no column"), (["a"], "positions of columns")):
        with pytest.raises((ValueError, TypeError), match=words):
            leanset.reduce(X, y, method="mms", features=chosen)
    with pytest.raises(ValueError, match="names column 'height', which X does not have"):
        leanset.reduce(pd.DataFrame(X, columns=["a", "b", "c"]), y, method="mms", features="height")


def test_prototypes_come_back_in_the_units_of_the_columns(blobs):
    X, y = blobs
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    plain, _ = leanset.CLC(sampling_strategy=0.1).fit_resample(X, y)
    for scale in ("minmax", "standard"):
        made, _ = leanset.CLC(sampling_strategy=0.1, scale=scale).fit_resample(frame, y)
        assert list(made.columns) == ["a", "b", "c"]
        assert (made.min() >= X.min(axis=0) - 1e-9).all()
        assert (made.max() <= X.max(axis=0) + 1e-9).all()
        assert np.allclose(made.mean(), plain.mean(axis=0), atol=0.5)
        kept = leanset.reduce(frame, y, 0.1, method="clc", scale=scale)
        assert np.allclose(np.sort(kept.points[:, 0]), np.sort(made["a"]))
    texts = frame.assign(city=np.where(X[:, 0] > 2, "Oslo", "Rome"))
    with pytest.raises(ValueError, match="column 'city' holds text: a point between rows has no value there") as caught:
        leanset.CLC(sampling_strategy=0.1).fit(texts, y)
    assert "output='rows'" in caught.value.__notes__[0]
    assert leanset.CLC(sampling_strategy=0.1, output="rows").fit_resample(texts, y)[0].shape == (12, 4)
    with pytest.raises(ValueError, match="unit length"):
        leanset.CLC(sampling_strategy=0.1, scale="unit").fit(X, y)


def test_a_target_is_encoded_as_the_table(mixed):
    frame, y = mixed
    numeric = frame.drop(columns="joined")
    same = leanset.reduce(numeric, y, 10, method="energy", scale="minmax")
    as_target = leanset.reduce(numeric, y, 10, method="energy", scale="minmax", target=(numeric[numeric.columns[::-1]], y))
    assert np.array_equal(same.indices, as_target.indices)
    strange = numeric.assign(city="Paris")
    with pytest.raises(ValueError, match="'Paris' is not one of the 3 categories of X"):
        leanset.reduce(numeric, y, 10, method="energy", target=(strange, y))
    with pytest.raises(ValueError, match="target lacks column 'age'"):
        leanset.reduce(numeric, y, 10, method="energy", target=(numeric.drop(columns="age"), y))
    # ε of a pair is measured in the same coordinates.
    rows = same.indices
    assert leanset.epsilon(numeric, y, (numeric.iloc[rows], y[rows]), scale="minmax") == leanset.epsilon(numeric, y, same, scale="minmax")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT], ids=str)
def test_missing_labels_are_never_a_class(blobs, missing):
    X, _ = blobs
    names = ["ash", missing, *["elm"] * 118]
    for y in (names, np.array(names, dtype=object), pd.Series(names), pd.Categorical(names), pd.Series(names, dtype="string")):
        with pytest.raises(ValueError, match=r"Input y contains NaN. The label of row 1 is missing"):
            leanset.reduce(X, y, method="srs")


def test_missing_labels_of_other_types(blobs):
    X, _ = blobs
    whole = [1, None, *[2] * 118]
    moments = np.array(["2024-01-01", "NaT", *["2024-02-01"] * 118], dtype="datetime64[D]")
    texts = np.array(["ash", None, *["elm"] * 118], dtype=np.dtypes.StringDType(na_object=None))
    nan_texts = np.array(["ash", np.nan, *["elm"] * 118], dtype=np.dtypes.StringDType(na_object=np.nan))
    for y in (whole, pd.array(whole, dtype="Int64"), pl.Series(whole), pa.array(whole), pd.Series(whole, dtype="int64[pyarrow]"),
              pl.Series(["a", None, *["b"] * 118]), pa.array(["a", None, *["b"] * 118]), moments, texts, nan_texts,
              [float("nan"), *[1.0] * 119]):
        with pytest.raises(ValueError, match="Input y contains NaN"):
            leanset.reduce(X, y, method="srs")


def test_a_mixed_frame_is_copied_once():
    rows, columns = 200_000, 16
    rng = np.random.default_rng(0)
    data: dict[str, Any] = {f"x{j}": rng.random(rows) for j in range(columns - 2)}
    frame = pd.DataFrame({**data, "flag": rng.random(rows) > 0.5, "count": rng.integers(0, 9, rows)})
    one_copy = rows * columns * 8
    for X in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        tracemalloc.start()
        found = features(X, scale="none")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found.values.nbytes == one_copy
        # Beside it, a few masks of one column.
        assert peak < 1.3 * one_copy


def test_what_holds_no_rows_is_refused_with_the_way_out(blobs):
    X, y = blobs
    frame = pl.DataFrame(X)
    for bad, words in ((frame.lazy(), r"pass X.collect\(\)"), ({"a": [1, 2]}, "pass a frame")):
        with pytest.raises(TypeError) as caught:
            leanset.reduce(bad, method="mms")
        assert any(re.search(words, note) for note in caught.value.__notes__)
    table = pa.table({"a": [1.0, 2.0]})
    for make, words in (
        (lambda: iter(X), r"pass list\(X\)"), (lambda: map(list, X), r"pass list\(X\)"), (table.to_reader, r"pass X.read_all\(\)"),
        (lambda: {1, 2}, "pass a list"), (lambda: np.zeros(3, dtype=[("a", "f8"), ("b", "f8")]), r"pandas.DataFrame\(X\)"),
    ):
        with pytest.raises(TypeError) as caught:
            leanset.reduce(make(), method="mms")
        assert any(re.search(words, note) for note in caught.value.__notes__)
    masked = np.ma.masked_array(X, mask=np.zeros_like(X, dtype=bool))
    assert np.array_equal(leanset.reduce(masked, y, 0.2, method="mms").indices, leanset.reduce(X, y, 0.2, method="mms").indices)
    masked[3, 1] = np.ma.masked
    with pytest.raises(ValueError, match=r"the value at \(3, 1\) is masked"):
        leanset.reduce(masked, y, method="mms")


def test_methods_without_coordinates_take_anything(mixed):
    frame, y = mixed
    texts = [f"document {i}" for i in range(90)]
    log = leanset.ForgettingLog(y)
    log.update(0, np.arange(90), y)
    broken = frame.assign(age=np.nan)
    for X in (frame, broken, pl.from_pandas(frame), texts, pd.Series(texts), np.array(texts, dtype=object)):
        kept, labels = leanset.SRS(sampling_strategy=0.2).fit_resample(X, y)
        assert type(kept) is type(X)
        assert len(kept) == len(labels) == 18
        assert len(leanset.reduce(X, y, 0.2, method="fes", dynamics=log)) == 18
    with pytest.raises(ValueError, match="NaN"):
        leanset.SRS(sampling_strategy=0.2, epsilon="euclidean").fit(broken, y)


def test_frames_of_other_libraries_and_devices_are_arrays(blobs):
    X, y = blobs

    class Tensor:
        """What tensors of PyTorch have in common with what is taken."""

        shape, dtype = X.shape, "torch.float64"

        def detach(self):
            return self

        def cpu(self):
            return self

        def numpy(self):
            return X

        def __getitem__(self, rows):
            return ("rows", rows.tolist())

        def __array__(self, dtype=None, copy=None):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")

    assert np.array_equal(leanset.reduce(Tensor(), y, 0.2, method="mms").indices, leanset.reduce(X, y, 0.2, method="mms").indices)


def test_mistakes_of_newcomers_are_named(blobs):
    X, y = blobs
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    cases = [
        (lambda: leanset.reduce(frame, "a", method="mms"), TypeError, "y must have one label per row, not 'a'", r"y=X\['a'\]"),
        (lambda: leanset.reduce(frame, [1, "1"] * 60, method="srs"), TypeError, "must be uniformly strings or numbers", None),
        (lambda: leanset.reduce(["one text", "another"], method="mms"), ValueError, "a list of texts", "leanset.embed"),
        (lambda: leanset.reduce(X, y, 0.2, method="energy", kept=[-1]), ValueError, "kept: row -1 is not one of 0 to 119", None),
        (lambda: leanset.reduce(frame.assign(a=np.inf), y, method="mms"), ValueError, "Column 'a' is infinite in row 0", "correct the value"),
        (lambda: leanset.reduce(X, np.arange(120), 0.1, method="mms"), ValueError, "y has 120 different values, and 12 of 120 rows",
         "stratify=pandas.qcut"),
        (lambda: leanset.reduce(X, pd.date_range("2024", periods=120), 0.1, method="mms"), ValueError, "y has 120 different values", "astype"),
    ]
    for call, kind, words, hint in cases:
        with pytest.raises(kind, match=words) as caught:
            call()
        assert hint is None or any(re.search(hint, note) for note in caught.value.__notes__), words
    pairs = pd.DataFrame(X, columns=["a", "a", "c"])
    more = [
        (lambda: leanset.reduce(X, (label for label in y), method="srs"), TypeError, "y must have one label per row", r"list\(y\)"),
        (lambda: leanset.reduce(X, dict(enumerate(y)), method="srs"), TypeError, "y must have one label per row", r"list\(y.values\(\)\)"),
        (lambda: leanset.reduce(X, [[1], [1, 2]] * 60, method="srs"), ValueError, r"one label per row, not a list such as \[1\]", "stratify="),
        (lambda: leanset.reduce(X, pl.Series([[1]] * 120), method="srs"), ValueError, "one label per row, not a ndarray", "stratify="),
        (lambda: leanset.reduce(X, pd.Series([0.5, 1.5] * 60, dtype=object), method="srs"), ValueError, "continuous", "qcut"),
        (lambda: leanset.reduce(X, [Decimal("0.5"), Decimal(1)] * 60, method="srs"), ValueError, "continuous", "qcut"),
        (lambda: leanset.reduce(X, np.ma.masked_array(np.zeros(120), np.arange(120) == 3), method="srs"), ValueError,
         r"Input y contains NaN: the value at \(3,\)", "leave these rows out"),
        (lambda: leanset.reduce(pairs, y, method="mms", features=["a"]), ValueError, "X has 2 columns of that name", "rename"),
        (lambda: leanset.reduce(np.zeros((3, 2)), method="mms", metric="cosine"), ValueError, "row 0 of X: all features are 0", "metric='euclidean'"),
    ]
    for call, kind, words, hint in more:
        with pytest.raises(kind, match=words) as caught:
            call()
        assert any(re.search(hint, note) for note in caught.value.__notes__), words
    # Labels with a whole number as their value are classes in any type.
    whole = [Decimal(at % 2) for at in range(120)]
    assert leanset.reduce(X, whole, 0.1, method="srs").counts == {0: 6, 1: 6}
    # A mask over the columns is a choice of columns, and what is neither is named.
    assert leanset.reduce(frame, y, 9, method="mms", features=[True, False, True]) == leanset.reduce(frame, y, 9, method="mms", features=["a", "c"])
    for table in (frame, X):
        for bad in (slice(0, 2), len):
            with pytest.raises(TypeError, match="features must be a list of column names or positions"):
                leanset.reduce(table, y, 9, method="mms", features=bad)
        with pytest.raises(ValueError, match="one entry for each of the 3 columns"):
            leanset.reduce(table, y, 9, method="mms", features=[True])
    # Names that are many are classes, and so are numbers of which there are enough.
    with pytest.warns(leanset.LeansetWarning, match="budget-raised"):
        assert len(leanset.reduce(X, [f"class {i}" for i in range(120)], 0.1, method="mms")) == 120
    assert len(leanset.reduce(X, np.arange(120) % 10, 0.1, method="mms")) == 12
