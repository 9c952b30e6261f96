"""Bad input raises the exception that Python users expect, with parameter, constraint and value."""

from __future__ import annotations

import numpy as np
import pytest

import leanset


def refused(kind, match, call, hint=None):
    with pytest.raises(kind, match=match) as found:
        call()
    notes = getattr(found.value, "__notes__", [])
    assert hint is None or any(hint in note for note in notes), notes
    # Settings are spelled as parameters, and not as flags of the command line.
    assert "--" not in str(found.value) + "".join(notes)
    assert not isinstance(found.value, RuntimeError)


@pytest.fixture
def fit(blobs):
    X, y = blobs

    def call(X=X, y=y, **params):
        return lambda: leanset.MMS(**{"sampling_strategy": 0.2, **params}).fit_resample(X, y)

    return call


def test_values_that_are_not_numbers(fit, blobs):
    X, y = blobs
    for bad, words in ((np.nan, "Input X contains NaN"), (np.inf, "Input X contains infinity")):
        broken = X.copy()
        broken[7, 2] = bad
        refused(ValueError, words + r".*row 7, column 2", fit(X=broken), "drop or impute")
    huge = X.copy()
    huge[3, 1] = 1e200
    refused(ValueError, "too large", fit(X=huge), "scale the columns")
    refused(ValueError, "Input y contains NaN", fit(y=np.where(y == "ash", np.nan, 1.0)))
    refused(ValueError, "Unknown label type: continuous", fit(y=X[:, 0]), "cut y into classes")


def test_shapes(fit, blobs):
    X, y = blobs
    refused(ValueError, "Expected 2D array, got 1D array", fit(X=X[:, 0]))
    refused(ValueError, "Expected 2D array, got 3D array", fit(X=X[None]))
    refused(ValueError, r"inconsistent numbers of samples: \[120, 119\]", fit(y=y[1:]))
    refused(ValueError, r"0 sample\(s\)", fit(X=X[:0], y=y[:0]))
    refused(ValueError, r"0 feature\(s\)", fit(X=X[:, :0]))
    refused(ValueError, "more than 1 class for sampling_strategy='auto'", fit(y=None, sampling_strategy="auto"), "give a float")
    refused(ValueError, "Complex data not supported", fit(X=X + 1j))
    refused(ValueError, "could not convert string to float", fit(X=np.full((120, 2), "seven")))
    refused(TypeError, "must hold numbers", fit(X=X.astype("datetime64[s]")))
    refused(ValueError, "exactly one 1 in every row", fit(y=np.ones((120, 2), dtype=int)))


def test_budgets(fit):
    refused(ValueError, r"ratio must be in \(0, 1\], not 1.5", fit(sampling_strategy=1.5),
            "hint: sampling_strategy=0.1 is one row in ten")
    refused(ValueError, r"ratio must be in \(0, 1\], not NaN", fit(sampling_strategy=float("nan")))
    refused(ValueError, "count must be at least 1, not 0", fit(sampling_strategy=0))
    refused(ValueError, "count 121 is above the 120 rows", fit(sampling_strategy=121), "at most 120")
    refused(ValueError, "count 2 is below the 3 classes", fit(sampling_strategy=2),
            "hint: ask for at least 3 rows, or let classes vanish with allow_empty_classes=True")
    refused(ValueError, "'sampling_strategy' parameter of MMS must be .* Got -4", fit(sampling_strategy=-4))
    refused(ValueError, "Got True", fit(sampling_strategy=True))
    refused(ValueError, "Got 'some'", fit(sampling_strategy="some"))
    refused(ValueError, r"Got \[3\]", fit(sampling_strategy=[3]))
    refused(ValueError, "'oak'.*not present", fit(sampling_strategy={"oak": 3}))
    refused(ValueError, r"\['ash'\] is 61, but the class has 60", fit(sampling_strategy={"ash": 61}))
    refused(ValueError, "whole number of at least 0, not 2.5", fit(sampling_strategy={"ash": 2.5}))


def test_parameters(fit, blobs):
    X, y = blobs
    refused(ValueError, r"'start' of maxmin must be random\|first\|central or row ids.*'middle'", fit(start="middle"))
    refused(TypeError, "a str, an int, a float or a list of row ids, not dict", fit(start={}))
    refused(ValueError, "row ids below 120", fit(start=[0, 1, 500]))
    refused(ValueError, "n_jobs must be a whole number other than 0", fit(n_jobs=0))
    refused(TypeError, "n_jobs must be an int or None", fit(n_jobs="two"))
    refused(ValueError, "cannot be used to seed", fit(random_state="seven"))
    refused(ValueError, r"random_state must be in \[0, 2\*\*64\), not -1", fit(random_state=-1))
    refused(ValueError, "epsilon must be None or one of", fit(epsilon="angular"))
    refused(TypeError, "allow_empty_classes must be True or False", fit(allow_empty_classes="no"))
    refused(ValueError, "there is no method 'maxmim'", lambda: leanset.reduce(X, y, method="maxmim"), "did you mean")
    refused(TypeError, "maxmin has no parameter 'strat'", lambda: leanset.reduce(X, y, method="mms", strat="first"),
            "did you mean 'start'")
    refused(ValueError, "2 classes or more are needed", lambda: leanset.reduce(X, method="des"))


def test_targets_dynamics_and_trainers(blobs):
    X, y = blobs
    log = leanset.ForgettingLog(y)
    refused(ValueError, "cannot choose rows that represent another table",
            lambda: leanset.MMS().fit(X, y, target=(X, y)), "protodash")
    refused(ValueError, "feature columns", lambda: leanset.PRD().fit(X, y, target=(X[:, :2], y)))
    refused(ValueError, "target has rows of class 'oak'",
            lambda: leanset.PRD().fit(X, y, target=(X, np.where(y == "ash", "oak", y))))
    refused(TypeError, "target must be a pair", lambda: leanset.PRD().fit(X, y, target=X))
    refused(ValueError, "no observations", lambda: leanset.FES().fit(X, y, dynamics=log))
    refused(TypeError, "dynamics must be a ForgettingLog", lambda: leanset.FES().fit(X, y, dynamics=[1]))
    log.update(0, range(120), np.ones(120, dtype=bool))
    refused(ValueError, "without probabilities", lambda: leanset.EL2N().fit(X, y, dynamics=log))
    refused(ValueError, "use training dynamics", lambda: leanset.MMS().fit(X, y, dynamics=log))
    refused(ValueError, "it is of 120 rows, and the table has 119",
            lambda: leanset.FES().fit(X[1:], y[1:], dynamics=log))
    refused(ValueError, "both given",
            lambda: leanset.FES(trainer=leanset.Trainer()).fit(X, y, dynamics=log))
    refused(ValueError, "optimizer: 'lion' is not known",
            lambda: leanset.FES(trainer=leanset.Trainer(optimizer="lion")).fit(X, y), "hint: it is one of adam, adamw and sgd")
    refused(ValueError, "activation: 'tanh' is not known",
            lambda: leanset.FES(trainer=leanset.Trainer(activation="tanh")).fit(X, y), "hint: it is one of relu and gelu")
    refused(ValueError, "dropout", lambda: leanset.FES(trainer=leanset.Trainer(dropout=1.0)).fit(X, y))


def test_measures(blobs):
    X, y = blobs
    refused(ValueError, "row 120 is not one of 0 to 119", lambda: leanset.epsilon(X, y, [120]))
    refused(ValueError, "named twice", lambda: leanset.epsilon(X, y, [3, 3]))
    refused(TypeError, "row ids must be", lambda: leanset.epsilon(X, y, [0.5]))
    refused(ValueError, "metric must be one of", lambda: leanset.epsilon(X, y, [1], metric="angular"))
    refused(ValueError, "is not fitted yet", lambda: leanset.epsilon(X, y, leanset.MMS()))
    refused(ValueError, "dimension must be 0, 1 or 2, not 3", lambda: leanset.persistence_diagrams(X, dimension=3))
    refused(ValueError, "above the 4096", lambda: leanset.persistence_diagrams(np.zeros((5000, 1))))
    refused(ValueError, r"shape \(bars, 2\)", lambda: leanset.bottleneck_distance([[1, 2, 3]], []))
    refused(ValueError, r"a\[1\] must be a finite birth", lambda: leanset.bottleneck_distance([[0, 1], [3, 2]], []))
    ranking = leanset.MMS(sampling_strategy=0.1).fit(X, y).ranking_
    refused(ValueError, "the ranking holds", lambda: ranking.reduce(0.5), "ask for fewer rows")
    refused(ValueError, "X has 9 rows, but the Ranking is of a table of 120 rows", lambda: leanset.epsilon_curve(X[:9], y[:9], ranking))


def test_not_fitted():
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    refused(NotFittedError, "not fitted yet", lambda: leanset.MMS().get_feature_names_out())
    refused(NotFittedError, "not fitted yet", lambda: check_is_fitted(leanset.MMS()))


def test_warnings_have_codes(blobs):
    X, y = blobs
    with pytest.warns(leanset.LeansetWarning, match="budget-raised") as found:
        kept = leanset.reduce(X, y, 0.001, method="mms")
    assert [w.message.code for w in found] == ["budget-raised"] == [w.code for w in kept.warnings]
    assert found[0].filename == __file__
    with pytest.warns(leanset.LeansetWarning, match="budget-raised") as found:
        leanset.MMS(sampling_strategy=0.001).fit(X, y)
    assert found[0].filename == __file__


def test_warnings_spell_parameters_as_python_does(blobs):
    X, y = blobs
    with pytest.warns(leanset.LeansetWarning, match="one-column") as found:
        leanset.NRMD(sampling_strategy=0.2).fit(X[:, :1], y)
    assert 'decomposition="mean"' in found[0].message.hint
    assert "--" not in str(found[0].message)


def test_bugs_are_runtime_errors():
    from leanset import _leanset

    with pytest.raises(RuntimeError, match="leanset itself failed: on purpose. This is a bug of leanset"):
        _leanset.fault_on_purpose()
