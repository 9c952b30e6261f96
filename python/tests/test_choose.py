"""`leanset.choose`: the engine of the command line, with arrays and an estimator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_blobs, make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

import leanset

pytestmark = pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")


@pytest.fixture(scope="module")
def easy():
    """600 rows of three classes that few rows describe."""
    X, y = make_blobs([300, 200, 100], 3, centers=[[0, 0, 0], [3, 3, 0], [0, 3, 3]], random_state=2)
    return X, np.array(["ash", "birch", "cedar"])[y]


@pytest.fixture(scope="module")
def hard():
    """400 rows of two classes that few rows do not describe: one class is many small clusters."""
    X, y = make_classification(400, 6, n_informative=6, n_redundant=0, n_clusters_per_class=8, class_sep=1.2, random_state=1)
    return X, y


class Spy(ClassifierMixin, BaseEstimator):
    """Nearest neighbours of all but the first column, which holds row ids; notes what it sees."""

    seen: list[tuple[str, np.ndarray, np.ndarray | None]] = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.model_ = KNeighborsClassifier(1).fit(X[:, 1:], y)
        self.classes_ = self.model_.classes_
        Spy.seen.append(("fit", X[:, 0].astype(int), self.random_state))
        return self

    def predict(self, X):
        found = self.model_.predict(X[:, 1:])
        Spy.seen.append(("predict", X[:, 0].astype(int), found))
        return found


class Hidden(BaseEstimator):
    """Leaves out the first column, and notes on which rows it was fitted and which it transformed."""

    seen: list[tuple[str, np.ndarray]] = []

    def fit(self, X, y=None):
        Hidden.seen.append(("fit", X[:, 0].astype(int)))
        return self

    def transform(self, X):
        Hidden.seen.append(("transform", X[:, 0].astype(int)))
        return X[:, 1:]


def test_an_easy_table_needs_few_rows_and_keeps_them_of_all_rows(easy):
    X, y = easy
    chosen = leanset.choose(X, y, GaussianNB(), tolerance=0.02)
    assert chosen
    assert 0 < chosen.ratio < 0.5
    assert len(chosen.reduction) == round(chosen.ratio * 600)
    assert chosen.reduction.rows == {"ash": 300, "birch": 200, "cedar": 100}
    assert chosen.loss <= 0.02 + 0.01
    assert chosen.loss_low <= chosen.loss <= chosen.loss_high
    assert chosen.sure["within_tolerance"] >= 0.7
    assert chosen.sure["ratios"][0] <= chosen.ratio <= chosen.sure["ratios"][1]
    assert 0 < chosen.sure["method"] <= 1
    assert chosen.answer.startswith(f"Keep {100 * chosen.ratio:g} % of the rows")
    assert str(chosen).startswith(chosen.answer)
    assert "your model" in str(chosen)
    # The same rows by the sampler, by the line of code, and by the candidate's settings.
    scaled = MinMaxScaler().fit_transform(X)
    assert np.array_equal(chosen.sampler.fit(scaled, y).sample_indices_, chosen.reduction.indices)
    model = eval(chosen.code, {"leanset": leanset, "estimator": GaussianNB(), "X": X, "y": y})
    assert np.array_equal(model.kept_, chosen.reduction.indices)
    assert {line["method"] for line in chosen.evidence} >= {"everything", "random", chosen.method}
    assert pd.DataFrame(chosen.curve)["ratio"].is_monotonic_increasing


def test_a_hard_table_needs_all_its_rows(hard):
    X, y = hard
    chosen = leanset.choose(X, y, KNeighborsClassifier(1), tolerance=0.001)
    assert not chosen
    assert chosen.reduction is None
    assert chosen.ratio is None
    assert np.isnan(chosen.loss)
    assert chosen.answer.startswith("Train on all rows")
    assert chosen.code == "estimator.fit(X, y)"
    with pytest.raises(ValueError, match="no reduction is recommended"):
        _ = chosen.sampler


def test_no_selection_and_no_fit_sees_a_held_out_row_and_scores_are_of_the_predictions(easy):
    X, y = easy
    X = np.column_stack([np.arange(600), X])
    Spy.seen.clear()
    Hidden.seen.clear()
    chosen = leanset.choose(X, y, Spy(), ratio=0.1, transform=Hidden(), cv=4)
    # Coordinates: fitted on training rows, which are transformed with the others; at the end on all rows.
    assert len(Hidden.seen) == 3 * 4 + 2
    tested = []
    for fold in range(4):
        (_, fitted), (_, train), (_, test) = Hidden.seen[3 * fold : 3 * fold + 3]
        assert np.array_equal(fitted, train)
        assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(600))
        tested.append(test)
    assert np.array_equal(np.sort(np.concatenate(tested)), np.arange(600))
    folds = {test[0]: fold for fold, test in enumerate(tested)}
    everything, kept, seeds = {}, {}, {}
    for (_, rows, seed), (_, test, predicted) in zip(Spy.seen[::2], Spy.seen[1::2], strict=True):
        assert not set(rows) & set(test)
        fold = folds[test[0]]
        assert np.array_equal(test, tested[fold])
        seeds.setdefault(fold, set()).add(seed)
        if len(rows) == 600 - len(test):
            everything[fold] = (test, predicted)
        else:
            assert abs(len(rows) - 45) <= 1
            kept.setdefault(fold, []).append((rows, test, predicted))
    assert all(len(of) == 1 for of in seeds.values())
    assert len(set().union(*seeds.values())) == 4
    # The measures are of all held-out rows together.
    truth = np.concatenate([y[test] for test, _ in everything.values()])
    predicted = np.concatenate([found for _, found in everything.values()])
    line = chosen.evidence[0]
    assert line["method"] == "everything"
    assert line["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert line["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    own = next(line for line in chosen.evidence if line["method"] == chosen.method)
    assert own["loss"] == pytest.approx(line["accuracy"] - own["accuracy"])
    # The rows of the default candidate are those of energy on the training part.
    train = np.setdiff1d(np.arange(600), tested[0])
    expected = train[leanset.reduce(X[train, 1:], y[train], 0.1, method="energy").indices]
    assert any(np.array_equal(rows, expected) for rows, _, _ in kept[0])


def test_groups_are_held_out_together(easy):
    X, y = easy
    groups = [f"patient {i // 6}" for i in range(600)]
    order = np.random.default_rng(0).permutation(600)
    X = np.column_stack([np.arange(600), X[order]])
    Spy.seen.clear()
    leanset.choose(X, y[order], Spy(), ratio=0.2, groups=groups, transform=Hidden(), cv=3)
    for (_, rows, _), (_, test, _) in zip(Spy.seen[::2], Spy.seen[1::2], strict=True):
        assert not {groups[row] for row in rows} & {groups[row] for row in test}


def found(chosen):
    document = {key: value for key, value in chosen.document.items() if key != "seconds"}
    return document, None if chosen.reduction is None else chosen.reduction.indices.tolist(), chosen.details


def test_the_answer_does_not_depend_on_n_jobs_and_follows_from_the_seed(easy):
    X, y = easy
    model = DecisionTreeClassifier(max_features=1, random_state=3)
    one = found(leanset.choose(X, y, model, tolerance=0.03, n_jobs=1))
    assert found(leanset.choose(X, y, model, tolerance=0.03, n_jobs=2)) == one
    assert found(leanset.choose(X, y, model, tolerance=0.03, random_state=1)) != one


def test_without_an_estimator_quick_models_judge(easy):
    X, y = easy
    chosen = leanset.choose(X, y, tolerance=0.02)
    assert chosen
    assert any(line.startswith("Judged by kernel ridge") for line in chosen.details)
    assert "give yours to be sure" in str(chosen)


def test_goals_are_measured(easy):
    X, y = easy
    for goal in ("macro_f1", "worst_recall"):
        chosen = leanset.choose(X, y, GaussianNB(), ratio=0.1, goal=goal)
        everything = chosen.evidence[0]
        own = next(line for line in chosen.evidence if line["method"] == chosen.method)
        assert own["loss"] == pytest.approx(everything[goal] - own[goal])
        assert chosen.document["goal"] == goal.replace("_", "-")


def test_frames_with_texts_and_other_types_of_classes():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=400), "colour": rng.choice(["red", "blue", "green"], 400)})
    y = pd.Series(frame["size"] + (frame["colour"] == "red") > 0.3)
    columns = make_column_transformer((MinMaxScaler(), ["size"]), (OneHotEncoder(), ["colour"]))
    model = make_pipeline(columns, LogisticRegression())
    with pytest.raises(ValueError, match="choose: distances need numbers, but column 'colour'"):
        leanset.choose(frame, y, model)
    chosen = leanset.choose(frame, y, model, transform="columntransformer", tolerance=0.03)
    assert chosen
    assert chosen.reduction.rows == {False: int((~y).sum()), True: int(y.sum())}
    assert "transformer='columntransformer'" in chosen.code


def test_time_bounds_it(hard):
    class Slow(KNeighborsClassifier):
        def fit(self, X, y):
            time.sleep(0.3)
            return super().fit(X, y)

    X, y = hard
    began = time.monotonic()
    chosen = leanset.choose(X, y, Slow(1), time=4)
    assert time.monotonic() - began < 12
    assert chosen.document["out_of_time"] or chosen.document["folds"] < 5
    with pytest.raises(ValueError, match="the time was too short for a single training") as error:
        leanset.choose(X, y, Slow(1), time=1e-6)
    assert error.value.__notes__


def test_an_exception_of_the_estimator_is_raised_as_it_is(easy):
    class Fails(GaussianNB):
        def fit(self, X, y):
            raise LookupError("no luck today")

    X, y = easy
    with pytest.raises(LookupError, match="no luck today") as error:
        leanset.choose(X, y, Fails())
    assert error.value.__notes__[0].startswith("in a fit on ")

    class Stranger(GaussianNB):
        def predict(self, X):
            return np.full(len(X), "oak")

    with pytest.raises(ValueError, match="estimator predicts 'oak', which is no class of y") as error:
        leanset.choose(X, y, Stranger())
    assert "the classes are ['ash', 'birch', 'cedar']" in error.value.__notes__[0]

    class Short(GaussianNB):
        def predict(self, X):
            return super().predict(X)[1:]

    with pytest.raises(ValueError, match="estimator must predict a class for each of 120 rows"):
        leanset.choose(X, y, Short())
    # And afterwards all is well: no thread waits.
    assert leanset.choose(X, y, GaussianNB(), ratio=0.1)


def test_an_estimator_that_needs_some_rows_sets_a_floor(easy):
    class Needy(GaussianNB):
        def fit(self, X, y):
            if len(X) < 100:
                raise ArithmeticError("there are too few rows for me")
            return super().fit(X, y)

    X, y = easy
    with pytest.warns(leanset.LeansetWarning, match="there are too few rows for me") as caught:
        chosen = leanset.choose(X, y, Needy(), tolerance=0.02)
    assert "too-few-rows" in [warning.message.code for warning in caught]
    assert all(point["rows"] >= 100 for point in chosen.curve)
    # At a ratio that was asked for there is nothing to search.
    with pytest.raises(ArithmeticError, match="there are too few rows for me"):
        leanset.choose(X, y, Needy(), ratio=0.1)


def test_doubtful_tables_are_warned_of(easy):
    X, y = easy
    with pytest.warns(leanset.LeansetWarning, match="are equal to a row that was trained on") as caught:
        leanset.choose(np.vstack([X, X, X]), np.concatenate([y, y, y]), ratio=0.2)
    [warning] = [warning.message for warning in caught if warning.message.code == "copies-held-out"]
    assert "groups= has one label for each row" in warning.hint
    with pytest.raises(ValueError, match="there are too few rows to search how many are needed"):
        leanset.choose(X[:24], np.arange(24) % 2)


INTERRUPTED = """
import threading, time
import numpy as np, leanset
from sklearn.naive_bayes import GaussianNB

class Slow(GaussianNB):
    def fit(self, X, y):
        assert threading.current_thread() is threading.main_thread()
        print("begin", flush=True)
        time.sleep(60)

rng = np.random.default_rng(0)
leanset.choose(rng.normal(size=(300, 2)), np.arange(300) % 2, Slow())
print("end", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_ctrl_c_interrupts_a_fit():
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert child.stdout.readline() == "begin\n"
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, error = child.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert "KeyboardInterrupt" in error
    assert "in fit\nKeyboardInterrupt" in error
    assert "end" not in out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimator": LinearRegression()}, "choose: estimator must be a classifier, but LinearRegression is a regressor"),
        ({"y": None}, "y must be the classes of the rows"),
        ({"y": np.zeros(600)}, "y has one class"),
        ({"goal": "auc"}, "goal must be one of accuracy, macro_f1, worst_recall, not 'auc'"),
        ({"tolerance": 1}, "tolerance must be a fraction of at least 0 and below 1"),
        ({"tolerance": "1pt"}, "tolerance must be a fraction"),
        ({"ratio": 1.5}, "ratio must be a fraction above 0 and below 1, or None, not 1.5"),
        ({"time": 0}, "time must be a number of seconds above 0"),
        ({"time": float("inf")}, "time must be a number of seconds above 0"),
        ({"cv": 1}, "cv must be a number of folds from 2 to 50, or None, not 1"),
        ({"cv": True}, "cv must be a number of folds"),
        ({"groups": [1, 2]}, "inconsistent numbers of samples"),
        ({"transform": "scaler"}, "choose: transform='scaler' is neither 'minmax' nor"),
        ({"random_state": -1}, "random_state must be in"),
        ({"n_jobs": 0}, "n_jobs must be a whole number other than 0"),
    ],
)
def test_errors_name_the_place(easy, change, message):
    X, y = easy
    with pytest.raises((ValueError, TypeError)) as error:
        leanset.choose(**{"X": X, "y": y, "estimator": GaussianNB(), **change})
    assert message in str(error.value)
