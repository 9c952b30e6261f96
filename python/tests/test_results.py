"""Results: whose rows they name, equality, frames, weights, and how they print."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from conftest import small

import leanset

datasets = pytest.importorskip("datasets")

pytestmark = pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")


def test_rows_are_selected_from_everything_that_has_rows(blobs):
    X, y = blobs
    kept = leanset.reduce(X, y, 0.2, method="mms")
    rows, frame = kept.indices, pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(500, 620))
    assert leanset.select(frame, kept).equals(frame.iloc[rows])
    assert leanset.select(frame["a"], kept).equals(frame["a"].iloc[rows])
    assert leanset.select(pl.from_pandas(frame), kept).equals(pl.from_pandas(frame)[rows])
    assert leanset.select(pl.Series(y), kept).to_list() == y[rows].tolist()
    assert leanset.select(pa.Table.from_pandas(frame), kept).equals(pa.Table.from_pandas(frame).take(rows))
    assert np.array_equal(leanset.select(X, kept), X[rows])
    assert leanset.select(list(y), kept) == y[rows].tolist()
    assert leanset.select(tuple(y), kept) == tuple(y[rows])
    both = leanset.select({"X": X, "y": list(y)}, kept)
    assert np.array_equal(both["X"], X[rows])
    assert both["y"] == y[rows].tolist()
    with pytest.raises(ValueError, match="different numbers of rows"):
        leanset.select({"X": X, "y": y[:5]}, kept)
    ds = datasets.Dataset.from_dict({"x": X[:, 0].tolist(), "y": y.tolist()})
    assert leanset.select(ds, kept)["y"][:] == y[rows].tolist()
    assert [row["y"] for row in leanset.select(ds.to_iterable_dataset(), kept)] == y[rows].tolist()
    with pytest.raises(TypeError, match="DatasetDict has several splits"):
        leanset.select(datasets.DatasetDict(train=ds), kept)
    with pytest.raises(TypeError, match="LazyFrame holds no rows"):
        leanset.select(pl.from_pandas(frame).lazy(), kept)
    with pytest.raises(TypeError, match="rows of object cannot be selected"):
        leanset.select(object(), kept)
    # A fitted estimator, and row ids, name rows as well.
    sampler = leanset.MMS(sampling_strategy=0.2).fit(X, y)
    assert np.array_equal(leanset.select(X, sampler), X[rows])
    assert np.array_equal(leanset.select(X, [3, 1]), X[[3, 1]])


def test_rows_of_another_table_are_refused(blobs):
    X, y = blobs
    kept = leanset.reduce(X, y, 0.2, method="mms")
    for other in (X[:-1], pd.DataFrame(X[1:]), list(y[1:]), {"a": y[1:]}):
        with pytest.raises(ValueError, match="119 rows, but the Reduction is of a table of 120 rows"):
            leanset.select(other, kept)
    with pytest.raises(ValueError, match="is of a table of 120 rows"):
        leanset.to_subset(list(y[1:]), kept)
    # The same number of rows, and other values, classes or features.
    for bad, words in (
        ((X[::-1], y), "other values"), ((X, y[::-1]), "classes of y are not those"), ((X[:, :2], y), "2 features per row"),
        ((X[:60], y[:60]), "60 rows"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            leanset.epsilon(*bad, kept)
        assert caught.value.__notes__[0].startswith("hint: pass")
    sampler = leanset.MMS(sampling_strategy=0.2).fit(X, y)
    with pytest.raises(ValueError, match="other values than the table that the MMS is of"):
        leanset.epsilon(X + 1, y, sampler)
    ranking = leanset.rank(X, y, method="mms")
    with pytest.raises(ValueError, match="other values than the table that the Ranking is of"):
        leanset.epsilon_curve(X + 1, y, ranking)
    with pytest.raises(ValueError, match="other values"):
        leanset.reduce(X + 1, y, 0.3, method="mms", kept=kept)
    # The same table in another type, in another precision, and ids that are meant.
    assert leanset.epsilon(pd.DataFrame(X), list(y), kept) == leanset.epsilon(X, y, kept.indices)
    assert leanset.epsilon(X.astype(np.float32), y, kept).value == pytest.approx(leanset.epsilon(X, y, kept).value)
    assert leanset.epsilon(X + 1, y, kept.indices).value >= 0
    assert leanset.epsilon(X, None, kept).value >= 0
    assert ranking.reduce(0.2).identity == kept.identity


def test_row_ids_are_positions_from_the_first_row_on(blobs):
    X, y = blobs
    for data in (X, pd.DataFrame(X), pl.DataFrame(X), pa.table({"a": X[:, 0]}), X.tolist()):
        with pytest.raises(ValueError, match="row ids must be at least 0, not -1"):
            leanset.select(data, [0, -1])
    for rows, words in (([0, -1], "row -1 is not one of 0 to 119"), ([120], "row 120 is not one"), ([3, 2, 3], "row 3 is named twice")):
        with pytest.raises(ValueError, match=f"reduced: {words}"):
            leanset.epsilon(X, y, rows)
    with pytest.raises(TypeError, match="whole numbers") as caught:
        leanset.select(X, np.arange(120) < 3)
    assert caught.value.__notes__ == ["hint: row ids of a mask: numpy.flatnonzero(mask)"]
    with pytest.raises(TypeError, match="can be read only once"):
        leanset.select(pa.table({"a": X[:, 0]}).to_reader(), [0])


def test_labels_of_the_same_rows_in_another_type_are_the_same_table(blobs):
    X, _ = blobs
    whole = np.arange(120) % 2
    same = [whole, whole.astype(float), whole.astype(bool), whole.astype(str), whole.astype("S1"), whole.astype("S1").astype(object),
            pd.Series(whole, dtype="Int64"), pd.Categorical(whole), pl.Series(whole), pa.array(whole), np.eye(2)[whole],
            [Decimal(int(label)) for label in whole], sparse.csr_matrix(np.eye(2)[whole])]
    for y in same:
        kept = leanset.reduce(X, y, 0.2, method="srs")
        for other in same:
            assert leanset.epsilon(X, other, kept).value == leanset.epsilon(X, whole, kept.indices).value
        with pytest.raises(ValueError, match="classes of y are not those"):
            leanset.epsilon(X, whole[::-1], kept)
    # Classes that only look the same in another type are two.
    texts = np.array(["1", "1.0"])[whole]
    with pytest.raises(ValueError, match="classes of y are not those"):
        leanset.epsilon(X, texts[::-1], leanset.reduce(X, texts, 0.2, method="srs"))


def test_results_are_equal_if_all_that_they_hold_is(method, blobs):
    X, y = blobs
    one, two = (leanset.reduce(X, y, 0.3, method=method.id, epsilon="euclidean",
                               trainer=leanset.Trainer(epochs=2) if method.uses_dynamics else None) for _ in range(2))
    assert one == two
    assert pickle.loads(pickle.dumps(one)) == one
    assert one != leanset.reduce(X, y, 0.4, method=method.id, trainer=leanset.Trainer(epochs=2) if method.uses_dynamics else None)
    assert one != "a text"
    json.dumps(one.to_dict())
    assert one.epsilon == two.epsilon
    frame = one.to_frame()
    assert len(frame) == len(one)
    if one.indices is not None:
        assert frame["row"].tolist() == one.indices.tolist()
        assert frame["class"].tolist() == y[one.indices].tolist()


def test_rankings_and_curves_compare_and_become_frames(blobs):
    X, y = blobs
    one, two = leanset.rank(X, y, method="mms"), leanset.rank(X, y, method="mms")
    assert one == two == pickle.loads(pickle.dumps(one))
    assert one != leanset.rank(X, y, method="energy")
    assert one.to_frame()["row"].tolist() == one.rows.tolist()
    assert list(one.to_frame().columns) == ["row", "class", "rank", "score"]
    json.dumps(one.to_dict())
    curve = leanset.epsilon_curve(X, y, one, ratios=[0.1, 0.5])
    assert curve == leanset.epsilon_curve(X, y, two, ratios=[0.1, 0.5])
    assert curve.to_frame()["kept"].tolist() == [12, 60]
    assert leanset.epsilon(X, y, one.reduce(0.1)).to_frame()["rows"].tolist() == [60, 40, 20]


def test_results_print_in_a_line_and_in_notebooks(blobs):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50_000, 2)), np.array([f"class {i:03}" for i in rng.integers(0, 200, 50_000)])
    ranking = leanset.rank(X, y, method="srs")
    kept = ranking.reduce(0.5)
    curve = leanset.epsilon_curve(X, y, ranking, ratios=[0.1, 0.2])
    for result in (ranking, kept, curve, leanset.epsilon(X, y, kept), leanset.duplicates(X)):
        assert len(repr(result)) < 400, repr(result)
        assert "\n" not in repr(result)
        assert len(result._repr_html_()) < 20_000
    assert "stratified-random: 25,000 of 50,000 rows (50 %): 'class 000'" in repr(kept)
    assert "<th>class</th>" in kept._repr_html_()
    assert "&lt;b&gt;" in leanset.reduce(X[:9], ["<b>"] * 9, 3, method="srs")._repr_html_()


def test_arrays_of_results_cannot_be_changed_by_mistake(blobs):
    X, y = blobs
    kept = leanset.reduce(X, y, 0.2, method="protodash")
    for array in (kept.indices, kept.order, kept.weights, leanset.MMS(sampling_strategy=0.2).fit(X, y).sample_indices_):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_sample_weights_sum_to_the_rows_of_each_class(method, blobs):
    X, y = blobs
    sampler = small(method, sampling_strategy=0.3).fit(X, y)
    weights, reduction = sampler.sample_weight_, sampler.reduction_
    labels = y[reduction.indices] if reduction.indices is not None else reduction.labels
    assert weights.shape == (len(reduction),)
    for label in ("ash", "birch", "cedar"):
        assert weights[labels == label].sum() == pytest.approx((y == label).sum())
        if reduction.weights is None:
            assert np.ptp(weights[labels == label]) < 1e-9
        else:
            own = reduction.weights[labels == label]
            assert np.allclose(weights[labels == label] / weights[labels == label].sum(), own / own.sum())


def test_a_fitted_sampler_does_not_keep_what_it_was_fitted_on():
    X = np.random.default_rng(0).random((400_000, 2), dtype=np.float32)
    y = (X[:, 0] > 0.5).astype(np.int8)
    sampler = leanset.MMS(sampling_strategy=100).fit(X, y)
    assert len(pickle.dumps(sampler)) < 20_000
    # The ranking of the kept rows can still be cut.
    assert len(sampler.ranking_.reduce(40)) == 40
    again = pickle.loads(pickle.dumps(sampler))
    assert again.ranking_.reduce(40) == sampler.ranking_.reduce(40)
    assert np.isfinite(sampler.scores_).sum() == np.isfinite(sampler.ranking_.scores).sum()


def test_plots(blobs):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    X, y = blobs
    ranking = leanset.rank(X, y, method="mms")
    for result in (ranking, ranking.reduce(0.2), leanset.epsilon_curve(X, y, ranking)):
        axes = result.plot()
        assert axes.get_xlabel()
        assert result.plot(ax=axes) is axes
        pyplot.close(axes.figure)
