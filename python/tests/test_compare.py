"""`leanset.compare`: what it measures, and that it measures fairly."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_iris, load_wine, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import leanset

KNN = KNeighborsClassifier(3)

pytestmark = pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")


def rows_of(study, method, ratio):
    return [run for run in study.runs if run["method"] == method and run["ratio"] == ratio]


def line(study, method, ratio, measure=None):
    [found] = [row for row in study.summarize(measure) if row["method"] == method and row["ratio"] == ratio]
    return found


class Spy(ClassifierMixin, BaseEstimator):
    """Predicts the majority class, and notes the row ids of the first column at fit and predict."""

    seen: list[tuple[str, np.ndarray, np.ndarray | None]] = []

    def fit(self, X, y, sample_weight=None):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.most_ = self.classes_[counts.argmax()]
        Spy.seen.append(("fit", np.asarray(X)[:, 0].astype(int), sample_weight))
        return self

    def predict(self, X):
        Spy.seen.append(("predict", np.asarray(X)[:, 0].astype(int), None))
        return np.full(len(X), self.most_)


class Coordinates(BaseEstimator):
    """A transformer that notes the row ids of the first column, which it hides, and says on which it was fitted."""

    seen: list[np.ndarray] = []

    def fit(self, X, y=None):
        Coordinates.seen.append(np.asarray(X)[:, 0].astype(int))
        return self

    def transform(self, X):
        return np.asarray(X)[:, 1:]


@pytest.fixture
def ids():
    """120 rows of three classes whose first column is the row id."""
    X, y = make_classification(120, 4, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=3)
    return np.column_stack([np.arange(120), X]), np.array(["ash", "birch", "cedar"])[y]


def test_scores_are_those_of_a_loop_of_clone_fit_predict():
    X, y = load_wine(return_X_y=True)
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5))
    study = leanset.compare(
        X,
        y,
        model,
        methods=["energy", ("spread", {"method": "maxmin", "start": "first"})],
        ratios=[0.1, 0.3],
        cv=StratifiedKFold(6, shuffle=True, random_state=1),
        random_state=4,
    )
    expected = []
    for at, (train, test) in enumerate(StratifiedKFold(6, shuffle=True, random_state=1).split(X, y)):
        scaled = MinMaxScaler().fit_transform(X[train])
        seed = {purpose: int(np.random.SeedSequence([4, purpose, at]).generate_state(1)[0]) >> 1 for purpose in (1, 2, 3)}
        samplers = [
            ("random", "srs", {}, seed[1]),
            ("energy", "energy", {}, seed[1]),
            ("spread", "mms", {"start": "first"}, seed[1]),
            ("control", "srs", {}, seed[2]),
        ]
        kept = [
            (label, ratio, train[leanset.reduce(scaled, y[train], ratio, method=method, random_state=own, **params).indices])
            for label, method, params, own in samplers
            for ratio in (0.1, 0.3)
        ]
        for label, ratio, rows in [*kept, ("full", 1.0, train)]:
            fitted = clone(model).set_params(randomforestclassifier__random_state=seed[3]).fit(X[rows], y[rows])
            predicted = fitted.predict(X[test])
            expected.append(
                (
                    at,
                    label,
                    ratio,
                    len(rows),
                    accuracy_score(y[test], predicted),
                    f1_score(y[test], predicted, average="macro", zero_division=0),
                    recall_score(y[test], predicted, average=None, zero_division=0).min(),
                )
            )
    found = [
        (run["fold"], run["method"], run["ratio"], run["rows"], run["accuracy"], run["macro_f1"], run["worst_recall"])
        for run in study.runs
    ]
    assert found == expected


def test_statistics_are_those_of_the_folds():
    scipy = pytest.importorskip("scipy.stats")
    X, y = load_digits(return_X_y=True)
    X, y = X[:600], y[:600]
    study = leanset.compare(X, y, KNN, methods=["energy"], ratios=[0.1])
    random, energy, full = (
        np.array([run["accuracy"] for run in rows_of(study, *key)]) for key in (("random", 0.1), ("energy", 0.1), ("full", 1.0))
    )
    assert len(random) == 10
    row = line(study, "energy", 0.1)
    assert row["gain"] == pytest.approx(np.median(energy - random))
    assert row["loss"] == pytest.approx(np.median(full - energy))
    # The second lowest and the second highest of ten.
    assert [row["gain_low"], row["gain_high"]] == pytest.approx(np.sort(energy - random)[[1, 8]])
    assert [row["accuracy_low"], row["accuracy_high"]] == pytest.approx(np.sort(energy)[[1, 8]])
    difference = (energy - random)[energy != random]
    exact = scipy.wilcoxon(difference, method="exact") if len(np.unique(abs(difference))) == len(difference) else None
    assert row["gain_verdict"] == "yes"
    assert row["gain_p"] < 0.05
    if exact is not None:
        assert row["gain_p"] == pytest.approx(exact.pvalue)
    assert line(study, "random", 0.1)["gain"] is None
    assert line(study, "full", 1.0)["loss"] is None
    assert line(study, "control", 0.1)["gain_verdict"] == "cannot tell"
    # Another measure is compared in the same way.
    f1 = np.array([run["macro_f1"] for run in rows_of(study, "energy", 0.1)])
    assert line(study, "energy", 0.1, "macro_f1")["gain"] == pytest.approx(
        np.median(f1 - [run["macro_f1"] for run in rows_of(study, "random", 0.1)])
    )


def test_no_selection_and_no_fit_sees_a_held_out_row(ids):
    X, y = ids
    Spy.seen.clear()
    Coordinates.seen.clear()
    leanset.compare(X, y, Spy(), methods=["energy", "boundary", "fes"], ratios=[0.2, 0.5], transform=Coordinates(), cv=4)
    fits = [rows for what, rows, _ in Spy.seen if what == "fit"]
    tests = [rows for what, rows, _ in Spy.seen if what == "predict"]
    # Eight folds of 120 rows; random, three methods and the control at two ratios, and everything.
    assert len(fits) == len(tests) == 8 * (5 * 2 + 1)
    assert len(Coordinates.seen) == 8
    for at in range(8):
        of = slice(11 * at, 11 * at + 11)
        held_out = set(tests[of][0])
        assert all(set(rows) == held_out for rows in tests[of])
        assert set(Coordinates.seen[at]) == set(range(120)) - held_out
        for rows in fits[of]:
            assert not held_out & set(rows)
            assert len(set(rows)) == len(rows)
        assert sorted(len(rows) for rows in fits[of]) == [18] * 5 + [45] * 5 + [90]
        # The control is another sample than random.
        assert set(fits[of][0]) != set(fits[of][8])
    # A repeat tests every row once, in other folds.
    first, second = [[frozenset(tests[11 * at]) for at in half] for half in (range(4), range(4, 8))]
    assert set().union(*first) == set().union(*second) == set(range(120))
    assert set(first) != set(second)


def test_groups_stay_together(ids):
    X, y = ids
    groups = np.arange(120) // 5
    for cv in (3, StratifiedGroupKFold(3), GroupKFold(3)):
        Spy.seen.clear()
        study = leanset.compare(X, y, Spy(), methods=[], ratios=[0.3], cv=cv, groups=groups, transform=Coordinates())
        assert len({(run["repeat"], run["fold"]) for run in study.runs}) == (6 if cv == 3 else 3)
        fitted = None
        for what, rows, _ in Spy.seen:
            if what == "fit":
                fitted = rows
            else:
                assert not set(groups[fitted]) & set(groups[rows])


def test_weights_reach_the_estimator_scaled_to_the_rows_of_their_class(ids):
    X, y = ids
    Spy.seen.clear()
    study = leanset.compare(
        X,
        y,
        Spy(),
        methods=["protodash", ("plain", {"method": "protodash", "weights": False})],
        ratios=[0.2],
        transform=Coordinates(),
        cv=3,
    )
    fits = [(rows, weights) for what, rows, weights in Spy.seen if what == "fit"]
    everything = [rows for rows, _ in fits[4::5]]
    for (rows, weights), train in zip(fits[1::5], everything, strict=True):
        for label in np.unique(y):
            assert weights[y[rows] == label].sum() == pytest.approx((y[train] == label).sum())
        found = leanset.reduce(X[train][:, 1:], y[train], 0.2, method="protodash")
        assert np.array_equal(train[found.indices], rows)
        one = y[rows] == "birch"
        assert weights[one] / weights[one].sum() == pytest.approx(found.weights[one] / found.weights[one].sum())
    assert all(weights is None for at in (0, 2, 3, 4) for _, weights in fits[at::5])
    assert {run["method"] for run in study.runs if run["weighted"]} == {"protodash"}
    assert study.notes == []


@pytest.mark.parametrize(
    ("estimator", "takes"),
    [
        (LogisticRegression(), True),
        (KNN, False),
        (make_pipeline(StandardScaler(), GaussianNB()), True),
        (make_pipeline(StandardScaler(), KNN), False),
        (make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), GaussianNB())), True),
        (
            GridSearchCV(
                make_pipeline(StandardScaler(), DecisionTreeClassifier()), {"decisiontreeclassifier__max_depth": [1, 2]}, cv=2
            ),
            True,
        ),
        (GridSearchCV(KNN, {"n_neighbors": [1, 3]}, cv=2), False),
    ],
)
def test_a_study_says_where_weights_are_not_used(ids, estimator, takes):
    X, y = ids
    study = leanset.compare(X[:, 1:], y, estimator, methods=["protodash"], ratios=[0.4], cv=3)
    assert {run["weighted"] for run in rows_of(study, "protodash", 0.4)} == {takes}
    assert len(study.notes) == (0 if takes else 1)
    if not takes:
        assert study.notes[0].startswith("protodash: fitted without the weights of the method")
        assert "note: protodash" in str(study)


def test_weights_change_the_model_as_by_hand():
    X, y = load_iris(return_X_y=True)
    splits = list(StratifiedKFold(6, shuffle=True, random_state=0).split(X, y))
    study = leanset.compare(X, y, GaussianNB(), methods=["protodash"], ratios=[0.2], cv=splits, transform=None)
    scores = []
    for train, test in splits:
        found = leanset.reduce(X[train], y[train], 0.2, method="protodash")
        rows = train[found.indices]
        weights = np.empty(len(rows))
        for label in range(3):
            one = y[rows] == label
            weights[one] = found.weights[one] * (y[train] == label).sum() / found.weights[one].sum()
        scores.append(GaussianNB().fit(X[rows], y[rows], sample_weight=weights).score(X[test], y[test]))
    assert [run["accuracy"] for run in rows_of(study, "protodash", 0.2)] == pytest.approx(scores)


def without_seconds(study):
    return [{key: value for key, value in run.items() if not key.endswith("seconds")} for run in study.runs]


def test_the_result_does_not_depend_on_n_jobs_and_follows_from_the_seed(ids):
    import joblib

    X, y = ids
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_features=1, random_state=5))

    def run(seed=0, n_jobs=None):
        return without_seconds(
            leanset.compare(
                X[:, 1:],
                y,
                model,
                methods=["energy", "kmeans-rows"],
                ratios=[0.2],
                cv=3,
                repeats=1,
                random_state=seed,
                n_jobs=n_jobs,
            )
        )

    one = run(n_jobs=1)
    assert run(n_jobs=2) == one == run()
    with joblib.parallel_config("threading"):
        assert run(n_jobs=2) == one
    assert run(seed=1) != one
    assert run(np.random.default_rng(3)) == run(np.random.default_rng(3)) != one


FRAME = pd.DataFrame(
    {
        "size": np.tile([1.0, 2.0, 3.5, 4.0, 5.5, 7.0], 12) + np.repeat(np.arange(12) / 100, 6),
        "colour": np.tile(["red", "blue", "red", "green", "green", "blue"], 12),
        "old": np.tile([True, False], 36),
    }
)
LABELS = np.where(FRAME["size"] > 3.6, "big", "small")


def mixed(names=("size", "old")):
    return make_column_transformer((MinMaxScaler(), list(names)), (OneHotEncoder(), ["colour"]))


@pytest.mark.parametrize("make", [lambda f: f, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"])
def test_frames_with_texts_need_a_transform_for_distances(make):
    frame = make(FRAME)
    model = make_pipeline(mixed(), LogisticRegression())
    with pytest.raises(ValueError, match="column 'colour' of X is not numeric") as error:
        leanset.compare(frame, LABELS, model, ratios=[0.2], cv=3)
    assert error.value.__notes__ == [
        "hint: transform='columntransformer' measures distances in what this step of the estimator makes of X"
    ]
    by_name = leanset.compare(frame, LABELS, model, methods=["energy"], ratios=[0.2], cv=3, transform="columntransformer")
    by_object = leanset.compare(frame, LABELS, model, methods=["energy"], ratios=[0.2], cv=3, transform=mixed())
    assert without_seconds(by_name) == without_seconds(by_object)
    assert line(by_name, "full", 1.0)["accuracy"] > 0.9
    assert type(by_name.to_frame()).__module__.startswith("polars" if isinstance(frame, pl.DataFrame) else "pandas")


def test_a_step_is_used_with_those_before_it_and_fitted_on_training_rows(ids):
    X, y = ids
    model = make_pipeline(Coordinates(), StandardScaler(), GaussianNB())
    Coordinates.seen.clear()
    study = leanset.compare(
        X,
        y,
        model,
        methods=["energy"],
        ratios=[0.2],
        cv=[(np.arange(90), np.arange(90, 120))],
        transform="standardscaler",
        repeats=1,
    )
    scaled = StandardScaler().fit_transform(X[:90, 1:])
    rows = leanset.reduce(scaled, y[:90], 0.2, method="energy").indices
    # First for the distances, then for each fit: random, energy, control, everything.
    assert [len(rows) for rows in Coordinates.seen] == [90, 18, 18, 18, 90]
    assert np.array_equal(Coordinates.seen[2], rows)
    assert len(study.runs) == 4


def test_text_and_sparse_and_missing_values_need_a_transform():
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.impute import SimpleImputer

    X, y = load_iris(return_X_y=True)
    quick = {"methods": ["energy"], "ratios": [0.3], "cv": 3}
    with pytest.raises(TypeError, match="X is sparse"):
        leanset.compare(sparse.csr_array(X), y, LogisticRegression(), **quick)
    study = leanset.compare(sparse.csr_array(X), y, LogisticRegression(), transform=TruncatedSVD(2), **quick)
    assert line(study, "full", 1.0)["accuracy"] > 0.9
    holes = X.copy()
    holes[4, 2] = np.nan
    with pytest.raises(ValueError, match="X contains NaN: row 4, column 2"):
        leanset.compare(holes, y, HistGradientBoostingClassifier(max_iter=2), **quick)
    leanset.compare(
        holes, y, HistGradientBoostingClassifier(max_iter=2), transform=make_pipeline(SimpleImputer(), MinMaxScaler()), **quick
    )
    texts = pd.Series([("rain " * (i % 5 + 1) if i % 2 else "sun " * (i % 7 + 1)) + f"w{i % 3}" for i in range(60)])
    weather = np.arange(60) % 2
    model = make_pipeline(CountVectorizer(), LogisticRegression())
    for column in (texts, texts.tolist()):
        with pytest.raises(ValueError, match="X is one column, as texts are"):
            leanset.compare(column, weather, model, **quick)
        study = leanset.compare(column, weather, model, transform="countvectorizer", **quick)
        assert line(study, "energy", 0.3)["accuracy"] == 1.0


def test_coordinates_are_scaled_unless_asked_otherwise(ids):
    X, y = ids
    X = X[:, 1:] * [1, 100, 1, 1]
    split = [(np.arange(90), np.arange(90, 120))]
    kept = {}
    for name, transform in (("default", {}), ("as it is", {"transform": None}), ("object", {"transform": MinMaxScaler()})):
        study = leanset.compare(X, y, KNN, methods=["mms"], ratios=[0.2], cv=split, **transform)
        kept[name] = without_seconds(study)
    assert kept["default"] == kept["object"] != kept["as it is"]


@pytest.mark.parametrize(
    "scoring", ["neg_log_loss", lambda m, X, y: -log_loss(y, m.predict_proba(X), labels=m.classes_)], ids=["name", "callable"]
)
def test_scorers_of_scikit_learn_are_measures(scoring):
    X, y = load_iris(return_X_y=True)
    splits = list(StratifiedKFold(6, shuffle=True, random_state=0).split(X, y))
    study = leanset.compare(
        X, y, GaussianNB(), methods=[], ratios=[0.3], cv=splits, scoring={"minus_loss": scoring, "macro_f1": "macro_f1"}
    )
    assert study.main == "minus_loss"
    assert study.measures == ["accuracy", "macro_f1", "worst_recall", "minus_loss"]
    expected = [-log_loss(y[test], GaussianNB().fit(X[train], y[train]).predict_proba(X[test])) for train, test in splits]
    assert [run["minus_loss"] for run in rows_of(study, "full", 1.0)] == pytest.approx(expected)
    control = np.array([run["minus_loss"] for run in rows_of(study, "control", 0.3)])
    assert line(study, "control", 0.3)["loss"] == pytest.approx(np.median(expected - control))
    assert "units of minus_loss" in str(study)
    with pytest.raises(ValueError, match="a measure cannot have the name 'loss'"):
        leanset.compare(X, y, GaussianNB(), scoring={"loss": scoring})


def study_of(score, *, methods=("a", "b"), ratios=(0.1, 0.5), stated=False):
    """A study whose accuracy and macro F1 are as `score` says."""
    from leanset._candidates import Candidate, baseline, find
    from leanset._study import Study

    candidates = [baseline("random"), *(Candidate(label, find("energy")) for label in methods), baseline("control")]
    runs = []
    for fold in range(8):
        for method, ratio in [*((c.label, ratio) for c in candidates for ratio in ratios), ("full", 1.0)]:
            value = score(method, ratio, fold)
            accuracy, f1 = value if isinstance(value, tuple) else (value, value)
            runs.append(
                {
                    "repeat": 0,
                    "fold": fold,
                    "method": method,
                    "ratio": ratio,
                    "rows": int(100 * ratio),
                    "weighted": False,
                    "select_seconds": 0.0,
                    "fit_seconds": 0.0,
                    "accuracy": accuracy,
                    "macro_f1": f1,
                    "worst_recall": f1,
                }
            )
    return Study(
        runs=runs,
        estimator=KNN,
        transform="minmax",
        candidates={c.label: c for c in candidates},
        measures=["accuracy", "macro_f1", "worst_recall"],
        main="accuracy",
        stated=stated,
        rows=200,
        classes=np.array([0, 1]),
        notes=[],
        library="numpy",
    )


def test_smallest_names_the_fewest_rows_that_are_good_enough():
    def score(method, ratio, fold):
        noise = 0.001 * fold
        return {("full", 1.0): 0.9001 + noise, ("a", 0.1): 0.8951 + noise, ("b", 0.1): 0.8952 + noise}.get(
            (method, ratio), (0.8 if ratio == 0.1 else 0.9) + 2 * noise
        )

    found = study_of(score).smallest()
    assert found
    assert (found.method, found.ratio, found.rows) == ("b", 0.1, 10)
    assert found.loss == pytest.approx(0.0049)
    assert found.gain == pytest.approx(0.0917)
    assert str(found).startswith(
        "Keep 10 % of the rows (10 of 100 in a fold) by b: against all rows 0.5 points [0.5, 0.5] of accuracy"
    )
    assert "It beats random rows by 9.2 points" in str(found)
    assert (
        found.code
        == "leanset.ReducedClassifier(estimator, leanset.Energy(sampling_strategy=0.1), transformer='minmax').fit(X, y)"
    )
    assert repr(found.sampler) == "Energy(sampling_strategy=0.1)"


def test_smallest_is_random_where_no_method_is_shown_to_be_better():
    def score(method, ratio, fold):
        return 0.9 + (0.001 + 0.002 * (-1) ** fold if method == "a" else 0.0)

    found = study_of(score).smallest()
    assert (found.method, found.ratio) == ("random", 0.1)
    assert math.isnan(found.gain)
    assert str(found).endswith("No method is shown to be better there.")


def test_smallest_names_no_method_by_its_median_alone_and_never_the_control():
    def score(method, ratio, fold):
        if method == "full":
            return 0.9
        if method == "control":
            return 0.9
        if ratio == 0.1:
            # Good enough, and better than random in five of eight folds; the control in all.
            return 0.895 if method == "a" else 0.88 if fold < 5 else 0.897
        return 0.899

    found = study_of(score).smallest()
    assert (found.method, found.ratio) == ("random", 0.5)


def test_smallest_is_false_where_every_set_loses_more():
    study = study_of(lambda method, ratio, fold: 0.9 if method == "full" else 0.8 + 0.01 * ratio)
    found = study.smallest()
    assert not found
    assert (found.method, found.ratio, found.best, found.best_ratio) == (None, 1.0, "random", 0.5)
    assert found.loss == pytest.approx(0.095)
    assert str(found) == (
        "Train on all rows: every smaller set that was tried and may be named loses more than 1 point of accuracy or "
        "macro F1. If rows must go, random at 50 % loses least: 9.5 points [9.5, 9.5]."
    )
    assert found.code == "estimator.fit(X, y)"
    with pytest.raises(ValueError, match="all rows are needed"):
        _ = found.sampler
    assert study.smallest(within=0.1)


def test_smallest_heeds_macro_f1_unless_a_measure_is_named():
    def score(method, ratio, fold):
        return (0.9, 0.9) if method == "full" else (0.899, 0.5 if ratio == 0.1 else 0.899)

    assert study_of(score).smallest().ratio == 0.5
    assert study_of(score).smallest(measure="accuracy").ratio == 0.1
    assert study_of(score, stated=True).smallest().ratio == 0.1
    assert study_of(score).smallest(measure="macro_f1").ratio == 0.5
    with pytest.raises(ValueError, match="measure must be one of accuracy, macro_f1, worst_recall, not 'auc'"):
        study_of(score).smallest(measure="auc")
    with pytest.raises(ValueError, match="within must be a number of at least 0"):
        study_of(score).smallest(within=-1)


def test_five_folds_warn_that_they_cannot_decide(ids):
    X, y = ids
    with pytest.warns(leanset.LeansetWarning, match="5 folds cannot decide") as caught:
        study = leanset.compare(X[:, 1:], y, KNN, methods=["energy"], ratios=[0.1], repeats=1)
    assert [w.message.code for w in caught] == ["few-repetitions"]
    assert caught[0].filename == __file__
    assert {row["gain_verdict"] for row in study.summary} == {None, "cannot tell"}
    assert "5 folds cannot decide" in str(study)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leanset.compare(X[:, 1:], y, KNN, methods=[], ratios=[0.1], cv=6, repeats=1)


def test_warnings_of_methods_are_told_once(ids):
    X, y = ids
    with pytest.warns(leanset.LeansetWarning) as caught:
        study = leanset.compare(X[:, 1:], y, KNN, methods=["energy"], ratios=[0.01], cv=3)
    assert sorted(str(w.message).partition(":")[2].partition(":")[0].strip() for w in caught) == ["control", "energy", "random"]
    assert {w.message.code for w in caught} == {"budget-raised"}
    assert len(study.notes) == 3


def test_default_candidates_take_part_where_they_can_win(ids):
    X, y = ids
    study = leanset.compare(X[:, 1:], y, KNN, ratios=[0.05, 0.2, 0.5], cv=3)
    tried = {(row["method"], row["ratio"]) for row in study.summary}
    assert {m for m, r in tried if r == 0.2} == {
        "random",
        "guarded-energy",
        "energy, guard='off'",
        "energy-sqrt",
        "kmeans-rows",
        "boundary",
        "control",
    }
    assert ("boundary", 0.05) not in tried
    assert ("kmeans-rows", 0.5) not in tried


def test_a_study_prints_within_80_columns_and_as_html(ids):
    X, y = ids
    study = leanset.compare(
        X[:, 1:],
        y,
        KNN,
        methods=[("<b>a long label of some method that goes on and on</b>", {"method": "energy"})],
        ratios=[0.1, 0.5],
        cv=3,
    )
    text = str(study)
    assert repr(study) == text
    assert max(map(len, text.splitlines())) <= 80
    assert "10 % of the rows: 8" in text
    assert str(study.smallest()).split()[0] in text
    page = study._repr_html_()
    assert "&lt;b&gt;a long" in page
    assert "<b>a long" not in page
    assert page.count("<tr>") == 1 + 7


def test_frames_hold_the_summary_or_the_runs(ids, monkeypatch):
    X, y = ids
    study = leanset.compare(X[:, 1:], y, KNN, methods=["energy"], ratios=[0.1], cv=3)
    frame = study.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["method"].tolist() == ["random", "energy", "control", "full"]
    assert len(study.to_frame(runs=True)) == len(study.runs) == 24
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(study.to_frame(), pl.DataFrame)
    monkeypatch.setitem(sys.modules, "polars", None)
    assert study.to_frame() == study.summary


def test_plots_have_a_line_for_each_method(ids):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    X, y = ids
    study = leanset.compare(X[:, 1:], y, KNN, methods=["energy"], ratios=[0.1, 0.4], cv=3)
    axes = study.plot("macro_f1")
    assert axes.get_ylabel() == "macro F1"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["all rows", "random", "energy", "control"]
    values = axes.containers[1].lines[0].get_ydata()
    assert list(values) == [line(study, "energy", r, "macro_f1")["macro_f1"] for r in (0.1, 0.4)]
    matplotlib.pyplot.close(axes.figure)


def test_without_matplotlib_and_without_scikit_learn_it_says_what_to_install(monkeypatch):
    study = study_of(lambda *_: 0.5)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="needs matplotlib") as error:
        study.plot()
    assert error.value.__notes__ == ["hint: pip install matplotlib"]
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for call in (
        lambda: leanset.compare([[1.0]], [1], KNN),
        lambda: leanset.ReducedClassifier(KNN, leanset.MMS()).fit([[1.0]], [1]),
    ):
        with pytest.raises(ImportError, match="needs scikit-learn, which is not installed") as error:
            call()
        assert error.value.__notes__ == ["hint: pip install scikit-learn"]


def test_importing_leanset_does_not_import_what_is_compared_with():
    code = "import sys, leanset; assert not {'sklearn', 'joblib', 'matplotlib', 'pandas'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (
            {"estimator": KNeighborsClassifier},
            "compare: estimator must be an instance, not the class",
            "KNeighborsClassifier()",
        ),
        ({"estimator": LinearRegression()}, "must be a classifier, but LinearRegression is a regressor", None),
        ({"estimator": "knn"}, "estimator must be a classifier of scikit-learn, but 'knn' has no fit", None),
        ({"y": None}, "y must be the classes of the rows, not None", None),
        ({"y": np.zeros(120)}, "y has one class, 0.0: there is nothing to learn", None),
        ({"y": np.arange(100)}, "inconsistent numbers of samples", None),
        ({"y": np.eye(3)[np.arange(120) % 3]}, "y must be a column of classes", "argmax"),
        (
            {"ratios": [0.1, 1.0]},
            "ratios must be fractions of the training rows above 0 and below 1, not 1.0",
            "always included",
        ),
        ({"ratios": [10]}, "above 0 and below 1, not 10", None),
        ({"ratios": []}, "at least one fraction", None),
        ({"cv": 1}, "cv must be at least 2 folds, not 1", None),
        ({"cv": "five"}, "cv must be a number of folds", None),
        ({"cv": [([0, 1], [1, 2])]}, "1 are in both", None),
        ({"cv": [([0, 1], [120])]}, "cv must give row ids from 0 to 119", None),
        ({"repeats": 0}, "repeats must be a whole number of at least 1, not 0", None),
        ({"groups": np.arange(3)}, "groups must have one entry for each of the 120 rows", None),
        ({"groups": np.arange(120) % 2}, "cv=5 folds need as many groups, but groups has 2", None),
        (
            {"scoring": "auc"},
            "scoring must be one of accuracy, macro_f1, worst_recall, a scorer of scikit-learn",
            "get_scorer_names",
        ),
        ({"scoring": 3}, "scoring must be a name, a callable", None),
        ({"methods": "energy"}, "methods must be a list, not 'energy'", "methods="),
        ({"methods": ["energi"]}, "energi", None),
        ({"methods": [3]}, "each must be a name, a pair", "leanset.methods"),
        ({"methods": ["clc"]}, "'clc' generates prototypes, which are not rows of X", "output='rows'"),
        (
            {"methods": [("a", {"method": "energy", "start": "first"})]},
            "'a': energy has no parameter 'start'",
            "it has reference",
        ),
        (
            {"methods": [("a", {"method": "energy", "guard": "maybe"})]},
            "guard must be one of None, auto, on, off, not 'maybe'",
            None,
        ),
        ({"methods": ["energy", "energy"]}, "two have the label 'energy'", "another label"),
        ({"methods": [("control", {"method": "mms"})]}, "'control' is the label of what is always included", None),
        ({"transform": "scaler"}, "transform='scaler' is neither 'minmax' nor a step of the estimator", "StandardScaler"),
        ({"transform": 3}, "transform must be 'minmax', None, the name of a step", None),
        (
            {"estimator": make_pipeline(StandardScaler(), KNN), "transform": "kneighborsclassifier"},
            "is the last step of the estimator",
            None,
        ),
        (
            {"estimator": make_pipeline(StandardScaler(), KNN), "transform": "scaler"},
            "before the last of the estimator, which has 'standardscaler'",
            None,
        ),
        ({"random_state": -1}, "random_state must be in", None),
        ({"n_jobs": 0}, "n_jobs must be a whole number other than 0", None),
    ],
)
def test_errors_name_the_place_and_the_way_out(ids, change, message, hint):
    X, y = ids
    arguments = {"X": X[:, 1:], "y": y, "estimator": KNN, "ratios": [0.2], **change}
    with pytest.raises((ValueError, TypeError)) as error:
        leanset.compare(**arguments)
    assert message in str(error.value)
    if hint is not None:
        assert any(hint in note for note in error.value.__notes__)


def test_an_error_of_the_estimator_says_where(ids):
    class Fails(Spy):
        def fit(self, X, y):
            if len(X) < 20:
                raise RuntimeError("too few rows for me")
            return super().fit(X, y)

    X, y = ids
    with pytest.raises(RuntimeError, match="too few rows for me") as error:
        leanset.compare(X[:, 1:], y, Fails(), methods=[], ratios=[0.1], cv=3)
    assert "in random at 0.1, repeat 0, fold 0" in error.value.__notes__
