"""`compare`: methods, ratios and everything, by cross-validation of the user's own estimator."""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _candidates, _leanset
from leanset._candidates import CONTROL, FULL, RANDOM, Candidate
from leanset._convert import features, take
from leanset._labels import Ids, Labels
from leanset._errors import hinted
from leanset._lists import library
from leanset._models import (
    MINMAX,
    Coordinates,
    check_classifier,
    classes_of,
    noting,
    require,
    scaled_weights,
    seeded,
    table_like,
    weight_key,
)
from leanset._result import LeansetWarning, warn
from leanset._seed import seed_of
from leanset._study import Study

Scorer = Callable[[Any, Any, Any], float]

#: What is always measured.
MEASURES = ("accuracy", "macro_f1", "worst_recall")
#: What seeds are drawn for.
FOLDS, METHOD, SECOND, MODEL = range(4)
#: What runs and summaries have beside measures.
OTHERS = ("repeat", "fold", "method", "ratio", "rows", "fits", "weighted", "gain", "loss", "select_seconds", "fit_seconds")
#: Fewer pairs can never decide.
PAIRS = 6


def compare(
    X: Any,
    y: Any,
    estimator: Any,
    *,
    methods: Iterable[Any] | None = None,
    ratios: Sequence[float] = (0.05, 0.1, 0.2, 0.5),
    cv: Any = 5,
    repeats: int = 2,
    groups: Any = None,
    transform: Any = MINMAX,
    scoring: Any = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
) -> Study:
    """Compare methods and ratios with random rows and with all rows, by cross-validation of your own estimator.

    In every fold, each method selects rows of the training part, a copy of the estimator is fitted on them, and it is tested on the
    rows that were held out. No selection sees a held-out row.

    Parameters
    ----------
    X : array-like, frame or Arrow table of shape (n, d)
        Features, as the estimator takes them: columns of text and missing values are possible. Needs `transform` then.
    y : array-like of shape (n,)
        Classes, of any dtype.
    estimator : estimator
        A classifier of scikit-learn, a pipeline, or anything else with `fit`, `predict` and `get_params`. It is copied for every fit,
        and every `random_state` in the copy is set to the seed of the fold, also those of the steps of a pipeline.
    methods : list, optional
        What to compare. Each is the name of a method, a pair (label, settings), such as ``("no guard", {"method": "energy",
        "guard": "off"})``, or an unfitted sampler, such as ``leanset.Maxmin(start="first")``, or a pair (label, sampler). Settings
        are parameters of the method and `guard`, `balance`, `trainer` and `weights` (False: the weights of the method are not used).
        By default: energy with and without the guard, energy with a budget by square roots, k-means rows with the guard (up to 30 %)
        and boundary (from 10 to 60 %). Three are always included: `random` (stratified random rows), `control` (the same with
        another seed: what it gains over `random` is chance) and `full` (all rows).
    ratios : sequence of float, default=(0.05, 0.1, 0.2, 0.5)
        Fractions of the training rows to keep, in (0, 1).
    cv : int, splitter or iterable of (train, test), default=5
        Number of stratified, shuffled folds, or a splitter of scikit-learn, or the folds themselves.
    repeats : int, default=2
        How often an int `cv` is repeated with other folds. A verdict needs six folds or more in all.
    groups : array-like of shape (n,), optional
        Rows of one group are in one fold (`StratifiedGroupKFold`, or what the splitter does).
    transform : {"minmax"}, None, str or transformer, default="minmax"
        What distances are computed from; the estimator always gets X itself. "minmax" scales each column to [0, 1], which is the
        default of the command line. None takes X as it is. A name is a step of the estimator, which must be a pipeline: all steps up
        to it are used, such as its ColumnTransformer. Or an unfitted transformer. It is fitted on the training rows of each fold.
    scoring : str, callable, list or dict, optional
        The main measure: "accuracy" (the default), "macro_f1", "worst_recall" (the least recall of a class), the name of a scorer of
        scikit-learn, such as "roc_auc_ovr", or a callable scorer(estimator, X, y). Of several, the first is the main one. The three
        are always measured. Higher must be better.
    random_state : int, None, RandomState or Generator, default=0
        The seed of folds, methods and models.
    n_jobs : int, optional
        Number of fits at the same time, by joblib; -1 means all cores. ``joblib.parallel_config("threading")`` takes threads instead of
        processes. The result does not depend on it.

    Returns
    -------
    Study
        Prints as a table.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used. The message names the parameter, the constraint and the value; a note says what to do.
    ImportError
        Without scikit-learn.

    Notes
    -----
    Where a method has weights (ProtoDash, k-means rows), they are scaled so that those of each class sum to the number of its rows, and
    passed to `fit` as `sample_weight`, or as ``step__sample_weight`` of a pipeline. If the estimator takes none, the models are fitted
    without them, and the study says so.

    Intervals and verdicts are those of `leanset experiment`: a method is compared with `random`, and with `full`, fold by fold;
    intervals of medians are order statistics, and the verdict is an exact Wilcoxon test at 5 %. Two caveats remain: folds share training
    rows, so they are less independent than the test assumes, and of many comparisons one in twenty is decided by chance.

    Examples
    --------
    >>> import leanset
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> study = leanset.compare(X, y, KNeighborsClassifier(3), methods=["energy"], ratios=[0.1, 0.2], cv=4)
    >>> study
    KNeighborsClassifier on 1,797 rows of 10 classes, 8 folds of 1,348 training rows
    <BLANKLINE>
      method    accuracy        over random       lost  mac. F1  worst
    10 % of the rows: 135
      random       0.906                          +8.2    0.906  0.775
      energy       0.947  +3.9 [+1.1, +5.6]  yes  +4.1    0.946  0.807
      control      0.906  +0.9 [−3.3, +1.6]  ?    +7.6    0.905  0.700
    20 % of the rows: 270
      random       0.955                          +3.2    0.955  0.852
      energy       0.972  +1.8 [+0.9, +4.0]  yes  +1.4    0.972  0.886
      control      0.950  −0.6 [−2.4, +3.3]  ?    +3.6    0.949  0.818
    100 % of the rows: 1,348
      all rows     0.989                                  0.989  0.932
    <BLANKLINE>
    over random, lost: points of accuracy, median and its interval; yes/no/?: better
      than random, worse, cannot tell (exact Wilcoxon test at 5 %).
    Train on all rows: every smaller set that was tried and may be named loses more
      than 1 point of accuracy or macro F1. If rows must go, energy at 20 % loses
      least: 1.4 points [0.9, 2.2].
    >>> found = study.smallest(within=0.03)
    >>> found.method, found.ratio
    ('energy', 0.2)
    >>> print(found.code)
    leanset.ReducedClassifier(estimator, leanset.Energy(sampling_strategy=0.2), transformer='minmax').fit(X, y)
    """
    require("compare")
    plan = Plan.of(
        X,
        y,
        estimator,
        methods=methods,
        ratios=ratios,
        cv=cv,
        repeats=repeats,
        groups=groups,
        transform=transform,
        scoring=scoring,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    return plan.run()


def draw(seed: int, purpose: int, *which: int) -> int:
    """A seed for one purpose, the same on every machine, which every library accepts."""
    return int(np.random.SeedSequence([seed, purpose, *which]).generate_state(1)[0]) >> 1


@dataclass(frozen=True)
class Fold:
    """Rows to train on and rows to test on, ascending."""

    repeat: int
    fold: int
    train: Ids
    test: Ids
    seed: int


@dataclass(frozen=True)
class Fit:
    """One fit that is to be done."""

    fold: Fold
    method: str
    ratio: float
    #: Of all rows.
    rows: Ids
    weights: npt.NDArray[np.float64] | None
    select_seconds: float


def evaluate(
    estimator: Any, X: Any, y: npt.NDArray[Any], fit: Fit, key: str | None, scorers: dict[str, Scorer]
) -> dict[str, Any]:
    """Fits a copy of the estimator on the kept rows and measures it on the held-out rows."""
    model = seeded(estimator, fit.fold.seed)
    extra = {} if fit.weights is None or key is None else {key: fit.weights}
    began = time.perf_counter()
    with noting(f"in {fit.method} at {fit.ratio:g}, repeat {fit.fold.repeat}, fold {fit.fold.fold}"):
        model.fit(take(X, fit.rows), y[fit.rows], **extra)
        seconds = time.perf_counter() - began
        held_out, truth = take(X, fit.fold.test), y[fit.fold.test]
        found = measured(truth, model.predict(held_out))
        found.update({name: float(scorer(model, held_out, truth)) for name, scorer in scorers.items()})
    return {
        "repeat": fit.fold.repeat,
        "fold": fit.fold.fold,
        "method": fit.method,
        "ratio": fit.ratio,
        "rows": len(fit.rows),
        "weighted": bool(extra),
        "select_seconds": fit.select_seconds,
        "fit_seconds": seconds,
        **found,
    }


def measured(truth: npt.NDArray[Any], predicted: Any) -> dict[str, float]:
    """Accuracy, macro F1 over the classes that occur, and the least recall of a class that has test rows."""
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    # Some libraries predict a column.
    answer = np.asarray(predicted)
    answer = answer[:, 0] if answer.ndim == 2 and answer.shape[1] == 1 else answer
    recalls = recall_score(truth, answer, labels=np.unique(truth), average=None, zero_division=0)
    return {
        "accuracy": float(accuracy_score(truth, answer)),
        "macro_f1": float(f1_score(truth, answer, average="macro", zero_division=0)),
        "worst_recall": float(np.min(recalls)),
    }


@dataclass(frozen=True)
class Plan:
    """A checked comparison."""

    X: Any
    y: Labels
    estimator: Any
    candidates: list[Candidate]
    ratios: list[float]
    folds: list[Fold]
    coordinates: Coordinates
    transform: Any
    scorers: dict[str, Scorer]
    main: str
    stated: bool
    seed: int
    n_jobs: int | None

    @classmethod
    def of(
        cls,
        X: Any,
        y: Any,
        estimator: Any,
        *,
        methods: Any,
        ratios: Any,
        cv: Any,
        repeats: Any,
        groups: Any,
        transform: Any,
        scoring: Any,
        random_state: Any,
        n_jobs: int | None,
    ) -> Plan:
        check_classifier(estimator, "compare")
        if y is None:
            raise ValueError("compare: y must be the classes of the rows, not None")
        own = table_like(X)
        classes = classes_of(own, y, "compare")
        _leanset.threads(n_jobs)
        found = _candidates.candidates(methods)
        seed = seed_of(random_state)
        main, scorers = scorers_of(scoring)
        values = classes.classes[classes.codes]
        return cls(
            own,
            classes,
            estimator,
            found,
            ratios_of(ratios),
            folds_of(values, groups, cv, repeats, seed),
            Coordinates.of(transform, estimator, own, values, "compare"),
            transform,
            scorers,
            main,
            scoring is not None,
            seed,
            n_jobs,
        )

    @property
    def lines(self) -> list[Candidate]:
        """Everything that selects rows, in order."""
        return [_candidates.baseline(RANDOM), *self.candidates, _candidates.baseline(CONTROL)]

    def fits(self, at: int, told: dict[tuple[str, str], LeansetWarning], unweighted: set[str], takes: bool) -> Iterator[Fit]:
        """What is to be fitted in a fold. Rows are selected from its training part."""
        fold = self.folds[at]
        points = features(self.coordinates.points(fold.train), scale="none")
        codes = self.y.codes[fold.train]
        sizes = np.bincount(codes, minlength=len(self.y.classes))
        # Classes of which this fold has no row to train on are none for the methods.
        there = np.flatnonzero(sizes)
        renamed = np.zeros(len(sizes), dtype=np.uint32)
        renamed[there] = np.arange(len(there), dtype=np.uint32)
        own = Labels(None, self.y.classes[there], renamed[codes])
        for line in self.lines:
            ratios = [ratio for ratio in self.ratios if line.tried(ratio)]
            if not ratios:
                continue
            began = time.perf_counter()
            seed = draw(self.seed, SECOND if line.label == CONTROL else METHOD, at)
            with noting(f"in {line.label}, repeat {fold.repeat}, fold {fold.fold}"):
                kept, warned = line.kept(points, own, ratios, seed, self.n_jobs)
            seconds = time.perf_counter() - began
            for warning in warned:
                told.setdefault((line.label, warning.code), warning)
            for ratio in ratios:
                rows, weights = kept[ratio]
                scaled = None if weights is None else scaled_weights(weights, codes[rows], sizes)
                if weights is not None and (scaled is None or not takes):
                    unweighted.add(line.label)
                yield Fit(fold, line.label, ratio, fold.train[rows], scaled, seconds)
        yield Fit(fold, FULL, 1.0, fold.train, None, 0.0)

    def run(self) -> Study:
        from sklearn.utils.parallel import Parallel, delayed

        key = weight_key(self.estimator)
        told: dict[tuple[str, str], LeansetWarning] = {}
        unweighted: set[str] = set()
        values = self.y.classes[self.y.codes]
        runs: list[dict[str, Any]] = []
        with Parallel(n_jobs=self.n_jobs) as parallel:
            for at in range(len(self.folds)):
                # Selected before the fits begin: in this thread, which Ctrl-C reaches.
                fits = list(self.fits(at, told, unweighted, key is not None))
                runs += parallel(delayed(evaluate)(self.estimator, self.X, values, fit, key, self.scorers) for fit in fits)
        notes = []
        for label in sorted(unweighted):
            why = (
                f"{type(self.estimator).__name__} takes no sample_weight"
                if key is None
                else "those of a class sum to 0 or are not finite"
            )
            notes.append(f"{label}: fitted without the weights of the method: {why}.")
        for (label, _), warning in told.items():
            notes.append(f"{label}: {warning.message}.")
        if len(self.folds) < PAIRS:
            folds = f"{len(self.folds)} folds" if len(self.folds) > 1 else "1 fold"
            notes.append(f"{folds} cannot decide: an exact Wilcoxon test at 5 % needs {PAIRS} pairs or more.")
            warn(
                [
                    (
                        "few-repetitions",
                        f"compare: {folds} cannot decide: a verdict needs {PAIRS} pairs or more",
                        "cv=5 and repeats=2 are ten",
                    )
                ]
            )
        for (label, code), warning in told.items():
            warn([(code, f"compare: {label}: {warning.message}", warning.hint)])
        return Study(
            runs=runs,
            estimator=self.estimator,
            transform=self.transform,
            candidates={c.label: c for c in self.lines},
            measures=[*MEASURES, *(name for name in self.scorers if name not in MEASURES)],
            main=self.main,
            stated=self.stated,
            rows=len(values),
            classes=self.y.classes,
            notes=notes,
            library=library(self.X),
        )


def ratios_of(ratios: Any) -> list[float]:
    if isinstance(ratios, numbers.Real):
        ratios = [ratios]
    found = []
    for ratio in ratios:
        if isinstance(ratio, bool | str) or not isinstance(ratio, numbers.Real) or not 0 < float(ratio) < 1:
            raise hinted(
                ValueError(f"ratios must be fractions of the training rows above 0 and below 1, not {ratio!r}"),
                "ratios=[0.05, 0.2]; all rows (1.0) are always included",
            )
        found.append(float(ratio))
    if not found:
        raise ValueError("ratios must name at least one fraction of the training rows, not none")
    return sorted(set(found))


def scorers_of(scoring: Any) -> tuple[str, dict[str, Scorer]]:
    """The main measure, and the scorers beside the measures that are always there."""
    if scoring is None:
        return MEASURES[0], {}
    named: list[tuple[str, Any]]
    if isinstance(scoring, Mapping):
        named = list(scoring.items())
    elif isinstance(scoring, list | tuple):
        named = [(one if isinstance(one, str) else name_of(one), one) for one in scoring]
    else:
        named = [(scoring if isinstance(scoring, str) else name_of(scoring), scoring)]
    if not named:
        raise ValueError("scoring must name at least one measure, not none")
    from sklearn.metrics import get_scorer, get_scorer_names

    scorers: dict[str, Scorer] = {}
    for name, given in named:
        if not isinstance(name, str) or name in OTHERS:
            raise ValueError(
                f"scoring: a measure cannot have the name {name!r}, which is that of another column of the summary"
            )
        if given in MEASURES and name == given:
            continue
        if isinstance(given, str):
            if given not in get_scorer_names():
                raise hinted(
                    ValueError(
                        f"scoring must be one of {', '.join(MEASURES)}, a scorer of scikit-learn or a callable, not {given!r}"
                    ),
                    "sklearn.metrics.get_scorer_names() lists the scorers",
                )
            scorers[name] = get_scorer(given)
        elif callable(given):
            scorers[name] = given
        else:
            raise TypeError(f"scoring must be a name, a callable scorer(estimator, X, y), a list or a dict, not {given!r}")
    return named[0][0], scorers


def name_of(scorer: Any) -> str:
    return str(getattr(scorer, "__name__", "score"))


def folds_of(values: npt.NDArray[Any], groups: Any, cv: Any, repeats: Any, seed: int) -> list[Fold]:
    """Rows to train on and to test on, of every fold."""
    rows = len(values)
    together = None
    if groups is not None:
        together = np.asarray(groups)
        if together.shape != (rows,):
            raise ValueError(f"groups must have one entry for each of the {rows} rows, not shape {together.shape}")
    if isinstance(repeats, bool) or not isinstance(repeats, int | np.integer) or repeats < 1:
        raise ValueError(f"repeats must be a whole number of at least 1, not {repeats!r}")
    splits: list[tuple[int, int, Any, Any]] = []
    if isinstance(cv, numbers.Integral) and not isinstance(cv, bool):
        for repeat in range(int(repeats)):
            parts = shuffled(values, together, int(cv), draw(seed, FOLDS, repeat))
            splits += [(repeat, fold, train, test) for fold, (train, test) in enumerate(parts)]
    elif hasattr(cv, "split") and not isinstance(cv, str):
        parts = list(cv.split(np.zeros((rows, 1)), values, together))
        splits = [(0, fold, train, test) for fold, (train, test) in enumerate(parts)]
    elif isinstance(cv, Iterable) and not isinstance(cv, str):
        splits = [(0, fold, *pair) for fold, pair in enumerate(cv)]
    else:
        raise TypeError(f"cv must be a number of folds, a splitter of scikit-learn or an iterable of (train, test), not {cv!r}")
    found = []
    for at, (repeat, fold, train, test) in enumerate(splits):
        train, test = (np.unique(row_ids(part, rows)) for part in (train, test))
        if not len(train) or not len(test) or len(np.intersect1d(train, test)):
            raise ValueError(
                f"cv: fold {fold} must have rows to train on and other rows to test on; it has {len(train)} and "
                f"{len(test)}, of which {len(np.intersect1d(train, test))} are in both"
            )
        found.append(Fold(repeat, fold, train, test, draw(seed, MODEL, at)))
    if not found:
        raise ValueError("cv gives no folds")
    return found


def row_ids(part: Any, rows: int) -> Ids:
    array = np.asarray(part)
    if array.dtype == bool and array.shape == (rows,):
        array = np.flatnonzero(array)
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and not (array.min() >= 0 and array.max() < rows)):
        raise ValueError(f"cv must give row ids from 0 to {rows - 1}")
    return array.astype(np.int64)


def shuffled(values: npt.NDArray[Any], groups: npt.NDArray[Any] | None, folds: int, seed: int) -> list[tuple[Ids, Ids]]:
    """Stratified folds, of whole groups if there are some."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if folds < 2:
        raise ValueError(f"cv must be at least 2 folds, not {folds}")
    if groups is not None and len(np.unique(groups)) < folds:
        raise ValueError(f"cv={folds} folds need as many groups, but groups has {len(np.unique(groups))}")
    splitter = (StratifiedKFold if groups is None else StratifiedGroupKFold)(n_splits=folds, shuffle=True, random_state=seed)
    return [(train, test) for train, test in splitter.split(np.zeros((len(values), 1)), values, groups)]
