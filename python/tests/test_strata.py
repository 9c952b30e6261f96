"""Reduction without classes: no labels, regression, several labels per row, groups; and any method by its name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import Pipeline
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import leanset

pytestmark = pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")


def test_without_labels_all_rows_are_one_class(blobs):
    X, _ = blobs
    sampler = leanset.MMS(sampling_strategy=0.2)
    kept, labels = sampler.fit_resample(X)
    assert labels is None
    assert np.array_equal(sampler.sample_indices_, leanset.reduce(X, None, 0.2, method="mms").indices)
    made, labels = leanset.CLC(sampling_strategy=0.1).fit_resample(X, None)
    assert made.shape == (12, 3)
    assert labels is None
    with pytest.raises(ValueError, match="more than 1 class for sampling_strategy='auto'"):
        leanset.MMS().fit(X)


def test_regression_is_reduced_within_strata(blobs):
    X, _ = blobs
    target = pd.Series(np.random.default_rng(1).gamma(2, size=120), name="price")
    with pytest.raises(ValueError, match="Unknown label type: continuous") as caught:
        leanset.Energy(sampling_strategy=0.2).fit(X, target)
    assert "stratify=pandas.qcut(y, 10, labels=False)" in caught.value.__notes__[0]
    strata = pd.qcut(target, 10, labels=False)
    sampler = leanset.Energy(sampling_strategy=0.25)
    kept, prices = sampler.fit_resample(X, target, stratify=strata)
    assert prices.equals(target.iloc[sampler.sample_indices_])
    assert sampler.sampling_strategy_ == dict.fromkeys(range(10), 3)
    assert np.array_equal(sampler.sample_indices_, leanset.reduce(X, strata, 0.25, method="energy").indices)
    assert leanset.reduce(X, target, 0.25, method="energy", stratify=strata).counts == dict.fromkeys(range(10), 3)


def test_several_labels_per_row_are_strata_of_their_combinations(blobs):
    X, _ = blobs
    tags = np.random.default_rng(2).integers(0, 2, size=(120, 3))
    with pytest.raises(ValueError, match="Multilabel and multioutput targets are not supported") as caught:
        leanset.SRS(sampling_strategy=0.2).fit(X, tags)
    assert "stratify=y" in caught.value.__notes__[0]
    kept, labels = leanset.SRS(sampling_strategy=0.5).fit_resample(X, tags, stratify=tags)
    assert labels.shape == (len(kept), 3)
    found = leanset.reduce(X, tags, 0.5, method="srs", stratify=tags)
    for combination, rows in found.rows.items():
        assert (tags == combination).all(axis=1).sum() == rows
        assert abs(found.counts[combination] - rows / 2) <= 1
    frame = pd.DataFrame({"a": tags[:, 0], "b": np.where(tags[:, 1], "yes", "no")})
    assert {type(key) for key in leanset.reduce(X, None, 0.5, method="srs", stratify=frame).rows} == {tuple}
    with pytest.raises(ValueError, match="inconsistent numbers of samples") as caught:
        leanset.reduce(X, tags, 0.5, method="srs", stratify=tags[:5])
    assert caught.value.__notes__ == ["in stratify"]
    with pytest.raises(ValueError, match="generates prototypes, whose labels are not known"):
        leanset.CLC(sampling_strategy=0.2).fit(X, tags, stratify=tags)


def test_every_group_keeps_its_share_of_each_class(blobs):
    X, y = blobs
    groups = np.random.default_rng(3).choice(["north", "south", "west"], 120, p=[0.5, 0.3, 0.2])
    kept = leanset.reduce(X, y, 0.5, method="energy", groups=groups)
    for (label, group), rows in kept.rows.items():
        assert ((y == label) & (groups == group)).sum() == rows
        assert abs(kept.counts[label, group] - rows / 2) <= 1
    # Words and dicts are of classes, and their groups share what they say.
    balanced = leanset.reduce(X, y, "auto", method="mms", groups=groups)
    assert {label: sum(n for (own, _), n in balanced.counts.items() if own == label) for label in ("ash", "birch", "cedar")} == {
        "ash": 20, "birch": 20, "cedar": 20}
    some = leanset.reduce(X, y, {"ash": 30}, method="mms", groups=groups)
    assert sum(n for (own, _), n in some.counts.items() if own == "ash") == 30
    assert sum(n for (own, _), n in some.counts.items() if own == "cedar") == 20
    for (label, group), count in some.counts.items():
        if label == "ash":
            assert abs(count - some.rows[label, group] / 2) < 1
    with pytest.raises(ValueError, match="not present in the data"):
        leanset.reduce(X, y, {"oak": 3}, method="mms", groups=groups)
    sampler = leanset.MMS(sampling_strategy=0.2)
    sampler.fit(X, y, groups=groups)
    assert np.array_equal(sampler.sample_indices_, leanset.reduce(X, y, 0.2, method="mms", groups=groups).indices)
    # With labels of one group, it is the reduction by classes.
    assert np.array_equal(leanset.reduce(X, y, 0.2, method="mms", groups=["a"] * 120).indices, leanset.reduce(X, y, 0.2, method="mms").indices)


def test_words_that_drop_nothing_say_so(blobs):
    X, _ = blobs
    y = np.repeat(["a", "b"], 60)
    with pytest.warns(leanset.LeansetWarning, match="sampling_strategy='auto' keeps all rows, because every class has 60 rows already"):
        kept, _ = leanset.MMS().fit_resample(X, y)
    assert len(kept) == 120


def test_any_method_by_its_name_in_pipelines_and_searches(blobs):
    X, y = blobs
    assert repr(leanset.Reducer("mms", start="first")) == "Reducer(method='mms', start='first')"
    for name, params in (("mms", {"start": "first"}), ("srs", {}), ("clc", {"output": "rows"})):
        ours = leanset.Reducer(name, sampling_strategy=0.2, **params).fit(X, y)
        assert np.array_equal(ours.sample_indices_, leanset.reduce(X, y, 0.2, method=name, **params).indices)
        assert clone(ours).get_params() == ours.get_params()
    pipeline = Pipeline([("reduce", leanset.Reducer(sampling_strategy=0.3)), ("model", LogisticRegression())])
    search = GridSearchCV(pipeline, [
        {"reduce__method": ["srs", "energy"], "reduce__sampling_strategy": [0.2, 0.5]},
        {"reduce__method": ["mms"], "reduce__start": ["first", "central"]},
    ], cv=3, error_score="raise")
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 6
    assert search.score(X, y) > 0.5
    with pytest.raises(TypeError, match="method stratified-random has no parameter 'start'"):
        leanset.Reducer("srs", start="first", sampling_strategy=0.2).fit(X, y)
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        leanset.Reducer().set_params(colour="red")
    with pytest.raises(ValueError, match="there is no method 'mmx'"):
        leanset.Reducer("mmx", sampling_strategy=0.2).fit(X, y)


def test_groups_share_what_a_budget_says_of_each_stratum(blobs):
    X, y = blobs
    strata, groups = np.repeat([0, 1], [80, 40]), np.arange(120) % 4
    for strategy, counts in (("auto", [40, 40]), ({0: 8}, [8, 40]), ({0: 8, 1: 4}, [8, 4]), ("majority", [40, 40])):
        kept = leanset.reduce(X, y, strategy, method="mms", stratify=strata, groups=groups).indices
        assert np.bincount(strata[kept]).tolist() == counts
        assert np.bincount(groups[kept]).tolist() == [sum(counts) // 4] * 4
    kept = leanset.reduce(X, y, {(0, 0): 8}, method="mms", stratify=np.c_[strata, strata], groups=groups).indices
    assert np.bincount(strata[kept]).tolist() == [8, 40]
