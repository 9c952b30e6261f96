"""`choose`: how many rows an estimator needs, and which, by the engine of `leanset choose`."""

from __future__ import annotations

import json
import math
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._candidates import Candidate, standard
from leanset._convert import Features, features, take
from leanset._labels import Ids, Labels, labels
from leanset._errors import hinted
from leanset._estimator import BaseReducer
from leanset._models import MINMAX, Coordinates, check_classifier, classes_of, noting, require, seeded, table_like
from leanset._result import LeansetWarning, number, warn
from leanset._results import Reduction
from leanset._seed import seed_of
from leanset._study import word

#: Ways out that are others in Python.
HINTS = {"copies-held-out": "leave copies out first, or hold them out together: groups= has one label for each row"}
GOALS = ("accuracy", "macro_f1", "worst_recall")


@dataclass(frozen=True, repr=False)
class Choice:
    """The answer of `leanset.choose`. It prints as sentences, and is false if it recommends no reduction.

    Attributes
    ----------
    reduction : Reduction or None
        The rows that are kept of all rows, chosen again from all of them; None if all rows are needed, or that is not known.
    method : str
        The candidate that was chosen: `random`, `guarded-energy` (the default), `energy`, `energy-sqrt`, `kmeans-rows` or `boundary`.
    ratio : float or None
        The fraction of rows that is recommended, or that was given.
    loss, loss_low, loss_high : float
        What is lost of the goal against all rows, corrected for the choice, with an interval of 90 %; NaN if nothing is recommended.
    sure : dict
        `within_tolerance`: the part of the resamplings of the held-out rows in which no more than the tolerance is lost; `ratios`: the
        interval that holds the smallest sufficient ratio in 80 % of them, whose upper end is None if it is above all that were tried; `method`: the part that chooses the same method. What is not
        known is None.
    at_least : float or None
        If everything could not be trained in `time`: the fraction of rows that is needed at least.
    evidence : list of dict
        The candidates at one ratio, and everything: measures, gain over random rows, and loss against everything, with intervals.
    curve : list of dict
        Ratios of the chosen method: rows, score, loss with its interval, and the part of the resamplings within the tolerance.
    answer : str
        The answer in one sentence.
    details : tuple of str
        How sure it is, in sentences.
    document : dict
        All of it, as `leanset choose --json` writes it.
    warnings : tuple of LeansetWarning
        The warnings, which were also issued as Python warnings.
    """

    reduction: Reduction | None
    method: str
    ratio: float | None
    loss: float
    loss_low: float
    loss_high: float
    sure: dict[str, Any]
    at_least: float | None
    evidence: list[dict[str, Any]]
    curve: list[dict[str, Any]]
    answer: str
    details: tuple[str, ...]
    document: dict[str, Any]
    warnings: tuple[LeansetWarning, ...]
    _candidate: Candidate
    _transform: Any
    _seed: int

    def __bool__(self) -> bool:
        return self.reduction is not None

    def __str__(self) -> str:
        return "\n".join([self.answer, *self.details])

    def __repr__(self) -> str:
        return str(self)

    @property
    def sampler(self) -> BaseReducer:
        """The unfitted estimator that keeps these rows, of coordinates as they were measured.

        Raises
        ------
        ValueError
            If no reduction is recommended.
        """
        if self.ratio is None:
            raise ValueError("no reduction is recommended: there is no sampler")
        return self._candidate.sampler(self.ratio, self._seed)

    @property
    def code(self) -> str:
        """The line of Python that fits the estimator on these rows of X and y."""
        if self.ratio is None:
            return "estimator.fit(X, y)"
        transformer = "" if self._transform is None else f", transformer={word(self._transform)}"
        weights = "" if self._candidate.method.capabilities["weights"] == "no" else ", weights=False"
        return f"leanset.ReducedClassifier(estimator, leanset.{self.sampler!r}{transformer}{weights}).fit(X, y)"


def choose(
    X: Any,
    y: Any,
    estimator: Any = None,
    *,
    tolerance: float = 0.01,
    goal: str = "accuracy",
    ratio: float | None = None,
    cv: int | None = None,
    groups: Any = None,
    transform: Any = MINMAX,
    random_state: Any = 0,
    time: float | None = None,
    n_jobs: int | None = None,
) -> Choice:
    """Find out how many rows your estimator needs, and by which method, and keep them.

    Methods choose rows inside the training part of every fold; models are fitted on them and predict the rows that are held out. Two
    quick models race all methods and search the ratio; your estimator judges the best ones, and the ratios around it. The default method
    is left only for one that is clearly better, and resamplings of the held-out rows say how sure the answer is.

    Parameters
    ----------
    X : array-like, frame or Arrow table of shape (n, d)
        Features, as the estimator takes them. Leave test rows out.
    y : array-like of shape (n,)
        Classes, of any dtype.
    estimator : estimator, optional
        A classifier of scikit-learn or a pipeline. It is copied for every fit, and every `random_state` in the copy is set to the seed
        of the fold. Without it, the quick models judge: kernel ridge regression and three nearest neighbours.
    tolerance : float, default=0.01
        How much of the goal may be lost against all rows: 0.01 is one point.
    goal : {"accuracy", "macro_f1", "worst_recall"}, default="accuracy"
        What models are judged by: accuracy, macro F1, or the least recall of a class.
    ratio : float, optional
        Choose only the method, for this fraction of the rows.
    cv : int, optional
        Number of folds; by default 5, 3 above 100,000 rows and 2 above a million.
    groups : array-like of shape (n,), optional
        Rows of one group are held out together.
    transform : {"minmax"}, None, str or transformer, default="minmax"
        What distances, and the quick models, get; as in `compare`.
    random_state : int, None, RandomState or Generator, default=0
        The seed of folds, methods and models.
    time : float, optional
        Seconds that it may take. It then uses fewer folds, and tries fewer ratios; a fit that was begun is ended.
    n_jobs : int, optional
        Number of threads of methods and quick models; -1 means all. The estimator is fitted in the thread that calls, one fit after
        another.

    Returns
    -------
    Choice
        Prints as sentences.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used; a note says what to do.
    ImportError
        Without scikit-learn.
    KeyboardInterrupt
        If you press Ctrl-C.

    Notes
    -----
    The protocol is that of `leanset choose`. The loss of what was chosen is corrected for having been chosen on the same held-out
    rows, by rows out of the bag (Tsamardinos, Greasidou & Borboudakis, Machine Learning 107, 2018). The estimator is fitted without the
    weights of methods.

    Examples
    --------
    >>> import leanset
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_digits(return_X_y=True)
    >>> chosen = leanset.choose(X, y, GaussianNB(), tolerance=0.02)
    >>> bool(chosen), chosen.method
    (True, 'guarded-energy')
    >>> len(chosen.reduction) == round(chosen.ratio * len(X))
    True
    """
    require("choose")
    if estimator is not None:
        check_classifier(estimator, "choose")
    if y is None:
        raise ValueError("choose: y must be the classes of the rows, not None")
    if goal not in GOALS:
        raise ValueError(f"goal must be one of {', '.join(GOALS)}, not {goal!r}")
    _check(
        "tolerance", tolerance, 0 <= _real(tolerance) < 1, "a fraction of at least 0 and below 1, such as 0.01 for one point"
    )
    _check("ratio", ratio, ratio is None or 0 < _real(ratio) < 1, "a fraction above 0 and below 1, or None")
    _check("time", time, time is None or 0 < _real(time) < math.inf, "a number of seconds above 0, or None")
    whole = isinstance(cv, int | np.integer) and not isinstance(cv, bool) and 2 <= cv <= 50
    _check("cv", cv, cv is None or whole, "a number of folds from 2 to 50, or None")
    X = table_like(X)
    own = classes_of(X, y, "choose")
    values = own.classes[own.codes]
    together = None if groups is None else labels(groups, len(values), who="groups").codes
    seed = seed_of(random_state)
    coordinates = Coordinates.of(transform, estimator, X, values, "choose")
    question = {
        "goal": goal.replace("_", "-"),
        "tolerance": float(tolerance),
        "ratio": None if ratio is None else float(ratio),
        "folds": None if cv is None else int(cv),
        "seed": seed,
        "time": None if time is None else float(time),
    }
    text, told, answer, details = _leanset.choose(
        own.codes,
        own.names,
        together,
        coordinates.pair,
        None if estimator is None else trainer(estimator, X, own),
        question,
        n_jobs,
    )
    document: dict[str, Any] = json.loads(text)
    candidate = next(one for one in standard() if one.label == document["candidate"])
    return conclude(document, told, answer, details, candidate, coordinates, X, own, transform, seed, n_jobs)


def _real(value: Any) -> float:
    """A number; NaN of anything else, which no bound holds."""
    wrong = isinstance(value, bool | str) or not isinstance(value, int | float | np.integer | np.floating)
    return math.nan if wrong else float(value)


def _check(name: str, value: Any, right: bool, what: str) -> None:
    if not right:
        raise ValueError(f"{name} must be {what}, not {value!r}")


def trainer(estimator: Any, X: Any, y: Labels) -> Callable[[Ids, Ids, int], tuple[npt.NDArray[np.uint32], float]]:
    """What fits a copy on some rows and predicts the codes of others."""
    values = y.classes[y.codes]
    known = {label: code for code, label in enumerate(y.classes.tolist())}

    def train(rows: Ids, test: Ids, seed: int) -> tuple[npt.NDArray[np.uint32], float]:
        model = seeded(estimator, seed)
        with noting(f"in a fit on {len(rows)} rows"):
            began = clock.perf_counter()
            model.fit(take(X, rows), values[rows])
            seconds = clock.perf_counter() - began
            predicted = np.asarray(model.predict(take(X, test)))
        predicted = predicted[:, 0] if predicted.ndim == 2 and predicted.shape[1] == 1 else predicted
        if predicted.shape != test.shape:
            raise ValueError(
                f"estimator must predict a class for each of {len(test)} rows, not an array of shape {predicted.shape}"
            )
        strange = [label for label in predicted.tolist() if label not in known]
        if strange:
            raise hinted(
                ValueError(f"estimator predicts {strange[0]!r}, which is no class of y"),
                f"the classes are {list(known)[:10]}; predict must return them as they are in y",
            )
        return np.fromiter((known[label] for label in predicted.tolist()), np.uint32, len(test)), seconds

    return train


def conclude(
    document: dict[str, Any],
    told: list[tuple[str, str, str | None]],
    answer: str,
    details: list[str],
    candidate: Candidate,
    coordinates: Coordinates,
    X: Any,
    y: Labels,
    transform: Any,
    seed: int,
    n_jobs: int | None,
) -> Choice:
    """The answer, with the rows that it keeps of all rows."""
    warnings = warn([(code, f"choose: {message}", HINTS.get(code, hint)) for code, message, hint in told])
    recommended = document["recommended"]
    reduction = None
    if recommended is not None:
        points: Features = features(coordinates.points(np.arange(len(y.codes))), scale="none")
        request = candidate.request(points, y, seed, n_jobs)
        result = request.reduce(recommended["ratio"], allow_empty=False, who="choose", balance=candidate.balance)
        reduction = request.reduction(result, json.loads(result["parameters"]))
    interval = {"value": None, "low": None, "high": None} if recommended is None else recommended["loss"]
    evidence = list(document["evidence"])
    if document["everything"] is not None:
        evidence.insert(
            0, {"candidate": "everything", "measures": document["everything"], "gain_over_random": None, "loss": None}
        )
    ratios = None if recommended is None else recommended["ratios"]
    return Choice(
        reduction=reduction,
        method=document["candidate"],
        ratio=None if recommended is None else recommended["ratio"],
        loss=known(interval["value"]),
        loss_low=known(interval["low"]),
        loss_high=known(interval["high"]),
        sure={
            "within_tolerance": None if recommended is None else recommended["within_tolerance"],
            "ratios": None if ratios is None else tuple(ratios),
            "method": document["agreement"],
        },
        at_least=document["at_least"],
        evidence=[flat(line) for line in evidence],
        curve=[flat(line) for line in document["curve"]],
        answer=answer,
        details=tuple(details),
        document=document,
        warnings=warnings,
        _candidate=candidate,
        _transform=transform,
        _seed=seed,
    )


def known(value: Any) -> float:
    """A number of the document, in which null is what is not known."""
    return math.nan if value is None else float(number(value))


def flat(line: dict[str, Any]) -> dict[str, Any]:
    """A row of a frame: measures by name, intervals as three columns."""
    row: dict[str, Any] = {}
    for name, value in line.items():
        if name == "measures":
            row.update({measure: known(score) for measure, score in value.items()})
        elif name in ("gain_over_random", "loss"):
            key = name.removesuffix("_over_random")
            ends = {"value": None, "low": None, "high": None} if value is None else value
            row.update({key: known(ends["value"]), f"{key}_low": known(ends["low"]), f"{key}_high": known(ends["high"])})
        else:
            row["method" if name == "candidate" else name] = value
    return row
