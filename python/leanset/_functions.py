"""Functions: `reduce`, `rank`, `epsilon`, `epsilon_curve`, `persistence_diagrams`, `bottleneck_distance`."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._budget import SamplingStrategy, budget
from leanset._convert import Features, Ids, Labels, Table, features, labels
from leanset._registry import Method, find
from leanset._results import Epsilon, EpsilonCurve, Ranking, Reduction
from leanset._seed import seed_of

if TYPE_CHECKING:
    from leanset.training import Dynamics, ForgettingLog, Trainer

METRICS = ("chebyshev", "euclidean", "manhattan")


def table_of(x: Features, y: Labels) -> Table:
    return x.values, y.codes, y.names


def given_params(params: dict[str, Any]) -> list[tuple[str, Any]]:
    """Parameters as the core takes them; None is not given."""
    plain = []
    for name, value in params.items():
        if value is None:
            continue
        if isinstance(value, np.generic):
            value = value.item()
        elif isinstance(value, np.ndarray | tuple | range):
            value = [int(v) for v in value]
        plain.append((name, value))
    return plain


@dataclasses.dataclass(frozen=True)
class Request:
    """One run of a method, checked: what estimators and functions have in common."""

    method: Method
    params: list[tuple[str, Any]]
    x: Features
    y: Labels
    seed: int
    n_jobs: int | None
    target: Table | None
    dynamics: _leanset.Dynamics | None
    trainer: Trainer | None

    @classmethod
    def of(
        cls,
        method: Method,
        params: dict[str, Any],
        x: Any,
        y: Any,
        *,
        random_state: Any,
        n_jobs: int | None,
        target: Any,
        dynamics: Any,
        trainer: Trainer | None,
        who: str,
    ) -> Request:
        given = given_params(params)
        sparse_allowed = not method.looks and (not method.watches or dynamics is not None)
        own = x if isinstance(x, Features) else features(x, sparse_for=who, sparse_allowed=sparse_allowed)
        classes = y if isinstance(y, Labels) else labels(y, own.rows, who=who)
        seed = seed_of(random_state)
        if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer)):
            raise TypeError(f"n_jobs must be an int or None, not {n_jobs!r}")
        jobs = None if n_jobs is None else int(n_jobs)
        seen = None if dynamics is None else _seen(dynamics)
        if trainer is not None and not method.watches:
            raise ValueError(f"{method.id} does not watch a model train: leave trainer out")
        if trainer is not None and seen is not None:
            raise ValueError("dynamics and trainer are both given: with what was seen, nothing is trained")
        return cls(method, given, own, classes, seed, jobs, _target(target, classes, who), seen, trainer)

    def seen(self) -> _leanset.Dynamics | None:
        """What was seen in training; without a log of a method that needs one, the built-in trainer trains."""
        if self.dynamics is not None or not self.method.watches:
            return self.dynamics
        from leanset.training import Trainer

        return (self.trainer or Trainer())._watch(self.table, self.seed, self.n_jobs)

    @property
    def table(self) -> Table:
        return table_of(self.x, self.y)

    def reduce(self, strategy: Any, *, allow_empty: bool, who: str) -> dict[str, Any]:
        whole, _, _, _ = _leanset.examine(self.method.id, self.params)
        asked = budget(strategy, self.y, whole=whole, who=who)
        seen = self.seen()
        began = time.perf_counter()
        told = _leanset.reduce(
            self.table, self.method.id, self.params, asked,
            allow_empty=allow_empty, seed=self.seed, n_jobs=self.n_jobs, target=self.target, dynamics=seen,
        )
        beside = "target" if self.target is not None else "log" if self.method.watches else None
        return {
            **told, "budget": asked, "allow_empty": allow_empty, "seconds": time.perf_counter() - began,
            "threads": _leanset.threads(self.n_jobs), "beside": beside,
        }

    def reduction(self, told: dict[str, Any], parameters: dict[str, Any]) -> Reduction:
        return Reduction.of(told, self.y, self.method.id, parameters, self.seed)

    def measured(self, found: Reduction, told: dict[str, Any], metric: str) -> Reduction:
        began = time.perf_counter()
        epsilon = self.epsilon(told, check_metric(metric))
        seconds = {**found.seconds, "epsilon": time.perf_counter() - began}
        return dataclasses.replace(found, epsilon=epsilon, seconds=seconds)

    def epsilon(self, reduction: dict[str, Any], metric: str) -> Epsilon:
        rows, points = reduction["rows"], reduction["points"]
        if rows is not None:
            told = _leanset.epsilon_of_rows(self.table, rows, metric, self.n_jobs)
        else:
            codes = np.repeat(np.arange(len(self.y.classes), dtype=np.uint32), reduction["counts"])
            told = _leanset.epsilon_between(self.table, (points, codes, self.y.names), metric, self.n_jobs)
        return Epsilon.of(told, self.y)


def _seen(dynamics: Any) -> _leanset.Dynamics:
    """What was seen, of a log or of what a log has come to."""
    finished = dynamics.finish() if hasattr(dynamics, "finish") else dynamics
    native = getattr(finished, "_native", None)
    if not isinstance(native, _leanset.Dynamics):
        raise TypeError(f"dynamics must be a ForgettingLog or Dynamics, not {type(dynamics).__name__}")
    return native


def _target(target: Any, own: Labels, who: str) -> Table | None:
    """Another table, its classes matched with those of the first by their labels."""
    if target is None:
        return None
    if not isinstance(target, tuple) or len(target) != 2:
        raise TypeError("target must be a pair (X, y), or (X, None) where there are no labels")
    x = features(target[0], name="target")
    y = labels(target[1], x.rows, who=who)
    if own.original is None or target[1] is None:
        if (own.original is None) != (target[1] is None):
            raise ValueError("target has labels and y has none, or the other way round")
        return x.values, y.codes, own.names
    known = {label: code for code, label in enumerate(own.classes.tolist())}
    strange = [label for label in y.classes.tolist() if label not in known]
    if strange:
        raise ValueError(f"target has rows of class {strange[0]!r}, and y has {list(known)[:10]}")
    codes = np.array([known[label] for label in y.classes.tolist()], dtype=np.uint32)
    return x.values, codes[y.codes], own.names


def check_metric(metric: Any) -> str:
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {metric!r}")
    return str(metric)


def reduce(
    X: Any,
    y: Any = None,
    sampling_strategy: SamplingStrategy = 0.1,
    *,
    method: str,
    random_state: Any = 0,
    n_jobs: int | None = None,
    allow_empty_classes: bool = False,
    target: tuple[Any, Any] | None = None,
    dynamics: Dynamics | ForgettingLog | None = None,
    trainer: Trainer | None = None,
    epsilon: str | None = None,
    **params: Any,
) -> Reduction:
    """Keep the rows that matter.

    Parameters
    ----------
    X : array-like, frame or Arrow table of shape (n, d)
        Features. C-contiguous float32 and float64 arrays are not copied.
    y : array-like of shape (n,), optional
        Labels of any dtype; without them all rows are one class.
    sampling_strategy : float, int, str, dict or callable, default=0.1
        How many rows: as of the estimators.
    method : str
        The name or alias of a method (`leanset.methods()`).
    random_state : int, None, RandomState or Generator, default=0
        An int is the seed of the command line; None draws one from NumPy's global state.
    n_jobs : int, optional
        Threads; None is what OMP_NUM_THREADS or RAYON_NUM_THREADS say, or all; -1 is all.
    allow_empty_classes : bool, default=False
        Whether a class that has rows may end with none.
    target : pair (X, y), optional
        Another table that the kept rows are to represent, for methods that heed one.
    dynamics : ForgettingLog or Dynamics, optional
        What was seen of the rows while a model trained, for methods that watch. Without it the built-in trainer trains.
    trainer : Trainer, optional
        How the built-in trainer trains.
    epsilon : str, optional
        Measure ε too, in this metric: "chebyshev", "euclidean" or "manhattan".
    **params
        Parameters of the method.

    Returns
    -------
    Reduction

    Raises
    ------
    ValueError, TypeError
        For what cannot be used; the message names parameter, constraint and value, a note the way out.
    KeyboardInterrupt
        Ctrl-C stops the work.

    Examples
    --------
    >>> import numpy as np, leanset
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> kept = leanset.reduce(X, sampling_strategy=0.3, method="mms", start="first", epsilon="chebyshev")
    >>> kept.indices
    array([0, 4, 9])
    >>> float(kept.epsilon)
    4.0
    """
    info = find(method)
    request = Request.of(info, params, X, y, random_state=random_state, n_jobs=n_jobs, target=target,
                         dynamics=dynamics, trainer=trainer, who=f"method {info.id}")
    told = request.reduce(sampling_strategy, allow_empty=allow_empty_classes, who="reduce")
    found = request.reduction(told, json.loads(told["parameters"]))
    return found if epsilon is None else request.measured(found, told, epsilon)


def rank(
    X: Any,
    y: Any = None,
    *,
    method: str,
    random_state: Any = 0,
    n_jobs: int | None = None,
    target: tuple[Any, Any] | None = None,
    dynamics: Dynamics | ForgettingLog | None = None,
    trainer: Trainer | None = None,
    **params: Any,
) -> Ranking:
    """Rank every row; any ratio is then a slice of the ranking.

    Parameters
    ----------
    X, y, method, random_state, n_jobs, target, dynamics, trainer, **params
        As of `reduce`.

    Returns
    -------
    Ranking

    Raises
    ------
    ValueError
        If the method does not rank, with the way out as a note.

    Examples
    --------
    >>> import leanset
    >>> ranking = leanset.rank([[0.0], [1.0], [2.0], [9.0]], method="maxmin", start="first")
    >>> ranking.rows, ranking.scores
    (array([0, 3, 2, 1]), array([nan,  9.,  2.,  1.]))
    """
    info = find(method)
    request = Request.of(info, params, X, y, random_state=random_state, n_jobs=n_jobs, target=target,
                         dynamics=dynamics, trainer=trainer, who=f"method {info.id}")
    native = _leanset.rank(request.table, info.id, request.params, seed=request.seed, n_jobs=request.n_jobs,
                           target=request.target, dynamics=request.seen())
    used = json.loads(_leanset.examine(info.id, request.params)[3])
    return Ranking(native, dataclasses.replace(request.y, original=None), info.id, used, request.seed)


def epsilon(
    X: Any,
    y: Any,
    reduced: Any,
    *,
    metric: str = "chebyshev",
    n_jobs: int | None = None,
) -> Epsilon:
    """ε-representativeness of a reduced set: how far a row can be from its class in it.

    Parameters
    ----------
    X, y
        The full set, as of `reduce`. `y` may be None.
    reduced : array of row ids, Reduction, fitted estimator, or pair (X, y)
        The rows that are kept; or other points with their labels.
    metric : {"chebyshev", "euclidean", "manhattan"}, default="chebyshev"
        The distance.
    n_jobs : int, optional
        Threads.

    Returns
    -------
    Epsilon

    Notes
    -----
    ε(D, D') = max over rows x of D of the distance from x to the nearest point of D' of its class. A class that has no
    point left makes it infinite. Cost: one nearest-neighbour search a row. Source: Gonzalez-Diaz, Gutiérrez-Naranjo &
    Paluzo-Hidalgo 2022; arXiv:2403.15150.

    Examples
    --------
    >>> import leanset
    >>> found = leanset.epsilon([[0.0], [1.0], [5.0]], None, [0, 1])
    >>> found.value, found.worst_row
    (4.0, 2)
    """
    x = features(X)
    own = labels(y, x.rows, who="epsilon")
    check_metric(metric)
    if isinstance(reduced, tuple) and len(reduced) == 2:
        other = _target(reduced, own, "epsilon")
        assert other is not None
        told = _leanset.epsilon_between(table_of(x, own), other, metric, n_jobs)
    else:
        told = _leanset.epsilon_of_rows(table_of(x, own), indices_of(reduced), metric, n_jobs)
    return Epsilon.of(told, own)


def indices_of(reduced: Any) -> Ids:
    """The row ids of a reduction, a fitted estimator, or an array of them."""
    for name in ("sample_indices_", "indices"):
        found = getattr(reduced, name, None)
        if found is not None and not callable(found):
            return np.ascontiguousarray(found, dtype=np.int64)
    if hasattr(reduced, "fit_resample") or isinstance(reduced, Reduction):
        if isinstance(reduced, Reduction) or hasattr(reduced, "weights_"):
            raise ValueError("the method invents points, and they have no row ids")
        from leanset._errors import not_fitted

        raise not_fitted(reduced)
    array = np.asarray(reduced)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise TypeError(f"row ids must be a list or array of whole numbers, not {type(reduced).__name__} of {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.int64)


def epsilon_curve(
    X: Any,
    y: Any,
    ranking: Ranking,
    *,
    ratios: Iterable[float] | None = None,
    metric: str = "chebyshev",
    n_jobs: int | None = None,
) -> EpsilonCurve:
    """ε of prefixes of a ranking, in one search.

    Parameters
    ----------
    X, y
        The set that was ranked.
    ranking : Ranking
        Of `rank`, or `ranking_` of an estimator.
    ratios : iterable of float, optional
        The parts of rows to keep, in (0, 1]; by default 0.01, 0.02, …, 1.
    metric : {"chebyshev", "euclidean", "manhattan"}, default="chebyshev"
        The distance.
    n_jobs : int, optional
        Threads.

    Returns
    -------
    EpsilonCurve

    Raises
    ------
    ValueError
        If the ranking does not reach as far as a ratio.

    Examples
    --------
    >>> import numpy as np, leanset
    >>> X = np.arange(10.0).reshape(10, 1)
    >>> ranking = leanset.rank(X, method="mms", start="first")
    >>> leanset.epsilon_curve(X, None, ranking, ratios=[0.2, 0.5, 1.0]).epsilon
    array([4., 1., 0.])
    """
    x = features(X)
    own = labels(y, x.rows, who="epsilon_curve")
    wanted = [r / 100 for r in range(1, 101)] if ratios is None else [float(r) for r in ratios]
    cuts = _leanset.epsilon_curve(table_of(x, own), ranking._native, wanted, False, check_metric(metric), n_jobs)
    return EpsilonCurve.of(cuts, metric)


def persistence_diagrams(
    X: Any, *, dimension: int = 1, metric: str = "euclidean", n_jobs: int | None = None
) -> list[npt.NDArray[np.float64]]:
    """Vietoris–Rips persistence diagrams of a set of points.

    Parameters
    ----------
    X : array-like of shape (n, d), n at most 4096
        The points.
    dimension : int, default=1
        The highest homology dimension, at most 2: 0 components, 1 loops, 2 voids.
    metric : {"euclidean", "chebyshev", "manhattan"}, default="euclidean"
        The distance. Scales are distances: a pair is joined at its distance, not at half of it.

    Returns
    -------
    list of ndarray of shape (bars, 2)
        For each dimension birth and death of each bar, in the units of X; an essential bar has death inf.

    Notes
    -----
    Memory: about 16 n² bytes. Bars are those of ripser. Source: Bauer, Ripser, J. Applied and Computational Topology 5,
    2021; arXiv:2307.16333; arXiv:2412.07805.

    Examples
    --------
    >>> import leanset
    >>> square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> leanset.persistence_diagrams(square)[1].round(3)
    array([[1.   , 1.414]])
    """
    if isinstance(dimension, bool) or not isinstance(dimension, int | np.integer) or not 0 <= dimension <= 2:
        raise ValueError(f"dimension must be 0, 1 or 2, not {dimension!r}")
    return _leanset.diagrams(features(X).values, check_metric(metric), int(dimension), n_jobs)


def bottleneck_distance(
    a: Sequence[Sequence[float]] | npt.NDArray[Any], b: Sequence[Sequence[float]] | npt.NDArray[Any]
) -> float:
    """The bottleneck distance of two persistence diagrams, exact.

    Parameters
    ----------
    a, b : array-like of shape (bars, 2)
        Birth and death of each bar; death may be inf.

    Returns
    -------
    float
        The least δ for which bars can be matched within δ, those left over with the diagonal; inf if the numbers of
        essential bars differ.

    Examples
    --------
    >>> import leanset
    >>> leanset.bottleneck_distance([[0, 4], [1, 2]], [[0, 4.5]])
    0.5
    """
    return _leanset.bottleneck_distance(_diagram(a, "a"), _diagram(b, "b"))


def _diagram(bars: Any, name: str) -> npt.NDArray[np.float64]:
    array = np.asarray(bars, dtype=np.float64)
    if array.size == 0:
        array = array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} must be of shape (bars, 2), not {array.shape}")
    return np.ascontiguousarray(array)
