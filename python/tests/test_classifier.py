"""`leanset.ReducedClassifier`: fitted on kept rows, and an estimator of scikit-learn otherwise."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import leanset
from leanset import ReducedClassifier

X, Y = load_wine(return_X_y=True)
NAMES = np.array(["ash", "birch", "cedar"])[Y]


def test_it_is_fitted_on_the_rows_that_the_sampler_keeps():
    model = ReducedClassifier(GaussianNB(), leanset.Energy(sampling_strategy=0.3))
    assert model.fit(X, NAMES) is model
    rows = leanset.Energy(sampling_strategy=0.3).fit(X, NAMES).sample_indices_
    assert np.array_equal(model.kept_, rows)
    assert np.array_equal(model.reduction_.indices, rows)
    by_hand = GaussianNB().fit(X[rows], NAMES[rows])
    assert np.array_equal(model.predict(X), by_hand.predict(X))
    assert np.array_equal(model.predict_proba(X), by_hand.predict_proba(X))
    assert np.array_equal(model.predict_log_proba(X), by_hand.predict_log_proba(X))
    assert model.score(X, NAMES) == by_hand.score(X, NAMES)
    weights = np.arange(len(X))
    assert model.score(X, NAMES, sample_weight=weights) == by_hand.score(X, NAMES, sample_weight=weights)
    assert model.classes_.tolist() == ["ash", "birch", "cedar"]
    assert model.n_features_in_ == 13
    assert not hasattr(model, "feature_names_in_")
    assert is_classifier(model)


def test_methods_are_there_where_the_estimator_has_them():
    sampler = leanset.MMS(sampling_strategy=0.5)
    assert not hasattr(ReducedClassifier(GaussianNB(), sampler), "decision_function")
    assert not hasattr(ReducedClassifier(LinearSVC(), sampler), "predict_proba")
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba': LinearSVC has none"):
        _ = ReducedClassifier(LinearSVC(), sampler).predict_proba
    model = ReducedClassifier(LinearSVC(), sampler).fit(X, NAMES)
    assert np.array_equal(model.decision_function(X), model.estimator_.decision_function(X))
    assert "Compute the scores" in ReducedClassifier.decision_function.__doc__


@pytest.mark.parametrize(
    ("estimator", "sampler", "weighted"),
    [
        (GaussianNB(), leanset.PRD(sampling_strategy=0.2), True),
        (make_pipeline(StandardScaler(), GaussianNB()), leanset.PRD(sampling_strategy=0.2), True),
        (GaussianNB(), leanset.CLC(sampling_strategy=0.2, output="rows"), True),
        (GaussianNB(), leanset.CLC(sampling_strategy=0.2), True),
        (KNeighborsClassifier(1), leanset.PRD(sampling_strategy=0.2), False),
        (GaussianNB(), leanset.Energy(sampling_strategy=0.2), False),
    ],
)
def test_weights_are_used_where_both_have_them(estimator, sampler, weighted):
    model = ReducedClassifier(estimator, sampler).fit(X, NAMES)
    assert (model.weights_ is not None) == weighted
    lean_X, lean_y = clone(sampler).fit_resample(X, NAMES)
    own = clone(sampler).fit(X, NAMES)
    fit = {}
    if weighted:
        scaled = np.empty(len(lean_y))
        for label in np.unique(NAMES):
            one = lean_y == label
            scaled[one] = own.weights_[one] * (label == NAMES).sum() / own.weights_[one].sum()
        assert model.weights_ == pytest.approx(scaled)
        key = "gaussiannb__sample_weight" if hasattr(estimator, "steps") else "sample_weight"
        fit = {key: scaled}
    by_hand = clone(estimator).fit(lean_X, lean_y, **fit)
    assert model.predict_proba(X) == pytest.approx(by_hand.predict_proba(X))
    plain = ReducedClassifier(estimator, sampler, weights=False).fit(X, NAMES)
    assert plain.weights_ is None
    if weighted:
        assert plain.predict_proba(X) != pytest.approx(model.predict_proba(X))


def test_generated_prototypes_have_no_rows():
    model = ReducedClassifier(KNeighborsClassifier(1), leanset.CLC(sampling_strategy=0.2)).fit(X, NAMES)
    assert not hasattr(model, "kept_")
    assert model.estimator_.n_samples_fit_ == 36
    model.set_params(sampler=leanset.MMS(sampling_strategy=0.2)).fit(X, NAMES)
    assert len(model.kept_) == 36
    with pytest.raises(ValueError, match="generates prototypes in what transformer makes of X"):
        ReducedClassifier(GaussianNB(), leanset.CLC(), transformer="minmax").fit(X, NAMES)


def test_the_transformer_is_for_distances_alone():
    sampler = leanset.Energy(sampling_strategy=0.3)
    scaled = ReducedClassifier(KNeighborsClassifier(1), sampler, transformer="minmax").fit(X, NAMES)
    rows = sampler.fit(MinMaxScaler().fit_transform(X), NAMES).sample_indices_
    assert np.array_equal(scaled.kept_, rows)
    assert not np.array_equal(scaled.kept_, ReducedClassifier(KNeighborsClassifier(1), sampler).fit(X, NAMES).kept_)
    assert np.array_equal(scaled.predict(X), KNeighborsClassifier(1).fit(X[rows], NAMES[rows]).predict(X))
    assert np.array_equal(clone(scaled).set_params(transformer=MinMaxScaler()).fit(X, NAMES).kept_, rows)


def test_frames_with_texts_and_a_step_of_the_estimator():
    frame = pd.DataFrame(
        {"size": np.arange(60.0) % 7, "colour": np.tile(["red", "green", "blue"], 20)}, index=np.arange(100, 160)
    )
    y = pd.Series(np.where(np.arange(60) % 7 > 3, "big", "small"), index=frame.index)
    columns = make_column_transformer((MinMaxScaler(), ["size"]), (OneHotEncoder(), ["colour"]))
    model = ReducedClassifier(
        make_pipeline(columns, LogisticRegression()), leanset.Energy(sampling_strategy=0.4), transformer="columntransformer"
    )
    assert model.fit(frame, y).score(frame, y) > 0.9
    assert model.feature_names_in_.tolist() == ["size", "colour"]
    points = columns.fit_transform(frame)
    assert np.array_equal(model.kept_, leanset.Energy(sampling_strategy=0.4).fit(points, y).sample_indices_)
    # Without a transformer, distances are those of the frame itself.
    model.set_params(transformer=None).fit(frame, y)
    assert np.array_equal(model.kept_, leanset.Energy(sampling_strategy=0.4).fit(frame, y).sample_indices_)


def test_grid_search_sets_nested_parameters_and_pipelines_hold_it():
    model = make_pipeline(MinMaxScaler(), ReducedClassifier(KNeighborsClassifier(1), leanset.Energy(sampling_strategy=0.1)))
    grid = {
        "reducedclassifier__sampler__sampling_strategy": [0.1, 0.5],
        "reducedclassifier__estimator__n_neighbors": [1, 3],
        "reducedclassifier__sampler": [leanset.Energy(), leanset.SRS()],
    }
    search = GridSearchCV(model, grid, cv=3).fit(X, NAMES)
    best = search.best_estimator_[-1]
    assert len(best.kept_) == round(search.best_params_["reducedclassifier__sampler__sampling_strategy"] * 178)
    assert search.best_score_ > 0.9
    assert len(cross_val_score(search.best_estimator_, X, NAMES, cv=3)) == 3


def test_cross_validation_selects_from_the_training_part():
    model = ReducedClassifier(KNeighborsClassifier(1), leanset.Energy(sampling_strategy=0.3))
    folds = list(StratifiedKFold(3).split(X, NAMES))
    expected = np.empty_like(NAMES)
    for train, test in folds:
        rows = train[leanset.Energy(sampling_strategy=0.3).fit(X[train], NAMES[train]).sample_indices_]
        expected[test] = KNeighborsClassifier(1).fit(X[rows], NAMES[rows]).predict(X[test])
    assert np.array_equal(cross_val_predict(model, X, NAMES, cv=folds), expected)


def test_parameters_clones_and_pickles():
    model = ReducedClassifier(KNeighborsClassifier(3), leanset.Energy(sampling_strategy=0.1))
    params = model.get_params()
    assert params["sampler__sampling_strategy"] == 0.1
    assert params["estimator__n_neighbors"] == 3
    assert sorted(model.get_params(deep=False)) == ["estimator", "sampler", "transformer", "weights"]
    assert (
        repr(model) == "ReducedClassifier(estimator=KNeighborsClassifier(n_neighbors=3), sampler=Energy(sampling_strategy=0.1))"
    )
    copy = clone(model)
    copy.set_params(sampler=leanset.SRS(), sampler__sampling_strategy=0.2, estimator__n_neighbors=1)
    assert repr(copy.sampler) == "SRS(sampling_strategy=0.2)"
    assert repr(model.sampler) == "Energy(sampling_strategy=0.1)"
    for wrong in ({"colour": 1}, {"colour__red": 1}, {"sampler__colour": 1}, {"estimator__colour": 1}):
        with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
            copy.set_params(**wrong)
    model.fit(X, NAMES)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert np.array_equal(again.kept_, model.kept_)
    assert not hasattr(clone(model), "estimator_")


def test_samplers_of_imbalanced_learn_can_be_used():
    model = ReducedClassifier(GaussianNB(), RandomUnderSampler(random_state=0)).fit(X, NAMES)
    by_hand = RandomUnderSampler(random_state=0)
    lean_X, lean_y = by_hand.fit_resample(X, NAMES)
    assert np.array_equal(model.kept_, by_hand.sample_indices_)
    assert np.array_equal(model.predict_proba(X), GaussianNB().fit(lean_X, lean_y).predict_proba(X))
    assert not hasattr(model, "reduction_")
    assert model.n_features_in_ == 13


def test_a_study_says_how_to_fit_what_it_recommends():
    found = leanset.compare(
        X, NAMES, KNeighborsClassifier(3), methods=["kmeans-rows", "energy"], ratios=[0.2], random_state=1
    ).smallest(0.2)
    assert found
    names = {"leanset": leanset, "estimator": KNeighborsClassifier(3), "X": X, "y": NAMES}
    model = eval(found.code, names)
    assert len(model.kept_) == 36
    assert model.weights_ is None


def test_errors_say_what_to_do():
    sampler = leanset.Energy(sampling_strategy=0.1)
    with pytest.raises(TypeError, match="sampler must be an unfitted sampler with fit_resample, not MinMaxScaler") as error:
        ReducedClassifier(GaussianNB(), MinMaxScaler()).fit(X, NAMES)
    assert error.value.__notes__ == ["hint: leanset.Energy(sampling_strategy=0.1)"]
    with pytest.raises(ValueError, match="LinearRegression is a regressor"):
        ReducedClassifier(LinearRegression(), sampler).fit(X, Y)
    with pytest.raises(TypeError, match="estimator must be an instance"):
        ReducedClassifier(GaussianNB, sampler).fit(X, Y)
    with pytest.raises(TypeError, match="weights must be True or False, not 'no'"):
        ReducedClassifier(GaussianNB(), sampler, weights="no").fit(X, Y)
    with pytest.raises(ValueError, match="not fitted yet"):
        ReducedClassifier(GaussianNB(), sampler).predict(X)
    with pytest.raises(ValueError, match="requires y to be passed"):
        ReducedClassifier(GaussianNB(), sampler).fit(X, None)
    iris = load_iris(return_X_y=True)[0]
    with pytest.raises(ValueError, match="X has 4 features"):
        ReducedClassifier(GaussianNB(), sampler).fit(X, NAMES).predict(iris)
