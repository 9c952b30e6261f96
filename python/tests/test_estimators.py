"""Behaviour of the estimators that the checks of scikit-learn and imbalanced-learn do not cover."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest
from conftest import small
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import leanset

pytestmark = pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")


def test_estimators_have_a_class_per_method_and_a_short_name(method):
    cls = getattr(leanset, method.class_name)
    short = getattr(leanset, method.abbreviation)
    assert short.__name__ == method.abbreviation
    assert issubclass(short, cls)
    assert inspect.signature(short) == inspect.signature(cls)
    signature = inspect.signature(cls)
    assert all(p.kind is p.KEYWORD_ONLY for p in signature.parameters.values())
    for parameter in method.parameters:
        assert signature.parameters[parameter.name].default == parameter.default
    assert method.record["summary"] in inspect.getdoc(cls)


def test_estimators_have_the_usual_names():
    assert repr(leanset.MMS()) == "MMS()"
    assert repr(leanset.Maxmin()) == "Maxmin()"
    assert isinstance(leanset.SRS(), leanset.StratifiedRandom)
    assert pickle.loads(pickle.dumps(leanset.SRS(sampling_strategy=0.5))).get_params()["sampling_strategy"] == 0.5
    # No name differs from another in capitals only.
    names = [name.lower() for name in leanset.estimators.__all__]
    assert len(names) == len(set(names))
    assert leanset.EL2N.__name__ == "EL2N"


def test_steps_are_named_as_the_method_was_called():
    from imblearn.pipeline import make_pipeline

    assert [name for name, _ in make_pipeline(leanset.MMS(), leanset.Maxmin(), LogisticRegression()).steps][:2] == ["mms", "maxmin"]


def test_get_params_returns_them_and_clones_are_equal(method):
    sampler = small(method, sampling_strategy=0.25, random_state=5)
    again = clone(sampler)
    assert again.get_params() == sampler.get_params()
    assert repr(again) == repr(sampler)
    assert again.set_params(random_state=9) is again
    assert again.random_state == 9
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        again.set_params(colour="red")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        type(sampler)(colour="red")


def test_pickles_keep_fitted_attributes(method, blobs):
    X, y = blobs
    sampler = small(method, sampling_strategy=0.25, epsilon="euclidean").fit(X, y)
    again = pickle.loads(pickle.dumps(sampler))
    assert repr(again) == repr(sampler)
    assert copy.deepcopy(sampler).get_params() == sampler.get_params()
    assert again.sampling_strategy_ == sampler.sampling_strategy_
    assert again.epsilon_ == sampler.epsilon_
    if hasattr(sampler, "sample_indices_"):
        assert np.array_equal(again.sample_indices_, sampler.sample_indices_)
    if hasattr(sampler, "ranking_"):
        assert np.array_equal(again.ranking_.rows, sampler.ranking_.rows)
        assert again.ranking_.reduce(0.1).order.tolist() == sampler.ranking_.reduce(0.1).order.tolist()


def test_fit_resample_returns_rows_unchanged(method, blobs):
    X, y = blobs
    sampler = small(method, sampling_strategy=30)
    kept, labels = sampler.fit_resample(X, y)
    assert kept.shape == (30, 3)
    assert len(labels) == 30
    if hasattr(sampler, "sample_indices_"):
        assert np.array_equal(kept, X[sampler.sample_indices_])
        assert np.array_equal(labels, y[sampler.sample_indices_])
        assert np.all(np.diff(sampler.sample_indices_) > 0)
    assert sampler.n_features_in_ == 3
    assert not hasattr(sampler, "feature_names_in_")


def test_rankings_are_prefixes_of_the_full_ranking(method, blobs):
    X, y = blobs
    sampler = small(method, sampling_strategy=0.3, epsilon="chebyshev").fit(X, y)
    if not hasattr(sampler, "ranking_"):
        with pytest.raises(ValueError, match="cannot rank"):
            leanset.rank(X, y, method=method.id, trainer=sampler.get_params().get("trainer"))
        return
    whole = leanset.rank(X, y, method=method.id, trainer=sampler.get_params().get("trainer"))
    assert len(whole) == len(X)
    sliced = whole.reduce(0.3)
    assert np.array_equal(sliced.indices, sampler.sample_indices_)
    assert np.array_equal(sliced.order, sampler.reduction_.order)
    curve = sampler.epsilon_curve_
    assert curve.kept[-1] == len(sampler.sample_indices_)
    assert curve.epsilon[-1] == sampler.epsilon_.value
    longer = leanset.epsilon_curve(X, y, whole, ratios=[0.3, 1.0])
    assert longer.epsilon.tolist() == [sampler.epsilon_.value, 0.0]
    assert sampler.scores_.shape == (len(X),)


def test_sampling_strategy_balances_by_default(blobs):
    X, y = blobs
    _, labels = leanset.MMS().fit_resample(X, y)
    assert np.unique(labels, return_counts=True)[1].tolist() == [20, 20, 20]
    des = leanset.DES().fit(X, y)
    assert len(des.sample_indices_) == 60


@pytest.mark.parametrize(
    ("strategy", "counts"),
    [
        ("auto", [20, 20, 20]),
        ("not minority", [20, 20, 20]),
        ("majority", [20, 40, 20]),
        ("not majority", [60, 20, 20]),
        ("all", [20, 20, 20]),
        (0.5, [30, 20, 10]),
        (12, [6, 4, 2]),
        (np.int64(12), [6, 4, 2]),
        ({"ash": 3, "cedar": 1}, [3, 40, 1]),
        (lambda y: {"ash": len(y) // 12}, [10, 40, 20]),
        (lambda y: 0.5, [30, 20, 10]),
    ],
)
def test_sampling_strategies(blobs, strategy, counts):
    X, y = blobs
    sampler = leanset.MMS(sampling_strategy=strategy).fit(X, y)
    assert list(sampler.sampling_strategy_.values()) == counts


def test_random_states(blobs):
    X, y = blobs

    def rows(state):
        return leanset.SRS(sampling_strategy=0.2, random_state=state).fit(X, y).sample_indices_.tolist()

    assert rows(0) == rows(0) == leanset.SRS(sampling_strategy=0.2).fit(X, y).sample_indices_.tolist()
    assert rows(0) != rows(1)
    assert rows(np.random.RandomState(3)) == rows(np.random.RandomState(3))
    assert rows(np.random.default_rng(3)) == rows(np.random.default_rng(3))
    np.random.seed(1)
    first, second = rows(None), rows(None)
    np.random.seed(1)
    assert rows(None) == first
    assert first != second


def test_estimators_work_in_a_pipeline_and_a_grid_search(blobs):
    from imblearn.pipeline import Pipeline

    X, y = blobs
    steps = [("reduce", leanset.MMS(sampling_strategy=0.3)), ("learn", LogisticRegression())]
    search = GridSearchCV(Pipeline(steps), {"reduce__sampling_strategy": [0.1, 0.3, 0.6]}, cv=3).fit(X, y)
    assert search.best_params_["reduce__sampling_strategy"] in (0.1, 0.3, 0.6)
    assert search.best_score_ > 0.5
    assert search.n_features_in_ == 3


def test_estimators_keep_the_same_rows_for_any_number_of_threads(method, blobs):
    X, y = blobs
    found = [small(method, sampling_strategy=0.3, n_jobs=jobs).fit_resample(X, y)[0] for jobs in (1, 2, -1, None)]
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_float32_gives_the_rows_of_float64(method, blobs):
    X, y = blobs
    single, double = small(method, sampling_strategy=0.3), small(method, sampling_strategy=0.3)
    kept = single.fit_resample(X.astype(np.float32), y)[0]
    assert kept.dtype == np.float32
    assert np.array_equal(kept, double.fit_resample(X, y)[0].astype(np.float32))


def test_sparse_input_gives_the_rows_of_dense_input(method, blobs, monkeypatch):
    from scipy import sparse

    X, y = blobs
    matrix = sparse.csr_array(X)
    if method.uses_coordinates:
        kept, _ = small(method, sampling_strategy=0.3).fit_resample(matrix, y)
        assert sparse.issparse(kept)
        assert np.allclose(kept.toarray(), small(method, sampling_strategy=0.3).fit_resample(X, y)[0])
        # What would not fit is refused by the name of the method.
        monkeypatch.setattr("leanset._convert.DENSE", 1_000)
        with pytest.raises(TypeError, match=f"{method.class_name} uses the coordinates of rows, and 120 × 3 of them take") as caught:
            small(method).fit(matrix, y)
        assert "TruncatedSVD" in caught.value.__notes__[0]
        return
    log = None
    if method.uses_dynamics:
        log = leanset.ForgettingLog(y)
        rng = np.random.default_rng(0)
        for epoch in range(3):
            probabilities, gradients = rng.dirichlet([1, 1, 1], size=len(y)), rng.random(len(y))
            log.update(epoch, np.arange(len(y)), probabilities=probabilities, gradients=gradients)
    cls = getattr(leanset, method.class_name)
    dense = cls(sampling_strategy=0.3).fit(X, y, dynamics=log)
    kept, _ = cls(sampling_strategy=0.3).fit_resample(matrix, y, dynamics=log)
    assert sparse.issparse(kept)
    assert np.array_equal(kept.toarray(), X[dense.sample_indices_])


def test_missing_attributes_say_why(blobs):
    X, y = blobs
    sampler = leanset.CLC(sampling_strategy=0.1)
    with pytest.raises(AttributeError, match="before 'fit'"):
        _ = sampler.weights_
    sampler.fit(X, y)
    assert sampler.weights_.sum() == pytest.approx(len(X))
    with pytest.raises(AttributeError, match="generates prototypes"):
        _ = sampler.sample_indices_
    with pytest.raises(AttributeError, match="set epsilon="):
        _ = sampler.epsilon_
    with pytest.raises(AttributeError, match="has no weights"):
        _ = leanset.MMS().fit(X, y).weights_
    sampler.set_params(output="rows").fit(X, y)
    assert len(sampler.sample_indices_) == 12


def test_settings_of_the_trainer_are_searched_by_name():
    trainer = leanset.Trainer(epochs=2)
    sampler = leanset.EL2N(trainer=trainer).set_params(trainer__epochs=3)
    assert (sampler.trainer.epochs, trainer.epochs) == (3, 2)
    assert leanset.Reducer("el2n").set_params(trainer=trainer, trainer__epochs=5).trainer == leanset.Trainer(epochs=5)
    with pytest.raises(ValueError, match="Invalid parameter 'foo' for trainer"):
        sampler.set_params(trainer__foo=3)
    with pytest.raises(ValueError, match="Invalid parameter 'trainer__epochs' for .*: trainer is None"):
        leanset.EL2N().set_params(trainer__epochs=3)
