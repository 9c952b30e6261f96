"""Functions: `reduce`, `rank`, `epsilon`, `epsilon_curve`, `persistence_diagrams`, `bottleneck_distance`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._budget import Budget, SamplingStrategy, budget
from leanset._convert import Features, Identity, Table, sampled
from leanset._convert import features as features_of
from leanset._labels import Ids, Labels, labels
from leanset._encode import check_scale
from leanset._errors import hinted
from leanset._registry import Method, find
from leanset._epsilon import Epsilon, EpsilonCurve
from leanset._result import LeansetWarning, warn
from leanset._results import Asked, Ranking, Reduction
from leanset._seed import seed_of

if TYPE_CHECKING:
    from leanset.estimators import MethodName
    from leanset.training import Dynamics, ForgettingLog, Trainer

METRICS = ("chebyshev", "euclidean", "manhattan", "cosine")
GUARDS = ("auto", "on", "off")
#: So few different numbers are classes.
FEW = 20
#: Values that are in fewer rows than this, on average, may be measurements.
MEASURED = 50
BALANCES = ("proportional", "sqrt", "equal")


def table_of(x: Features, y: Labels) -> Table:
    return x.values, y.codes, y.names


def digest_of_dynamics(dynamics: _leanset.Dynamics) -> str:
    """A hash of the training dynamics of evenly spaced rows."""
    at = sampled(dynamics.rows)
    scores = dynamics.scores
    found = hashlib.blake2b(repr((dynamics.rows, dynamics.epochs, sorted(scores))).encode(), digest_size=16)
    for values in (dynamics.forgetting, *(scores[name] for name in sorted(scores))):
        found.update(values[at].tobytes())
    return found.hexdigest()


def given_params(params: dict[str, Any]) -> list[tuple[str, Any]]:
    """Parameters as the core expects them; None means not given."""
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
    """One checked run of a method; estimators and functions share it."""

    method: Method
    params: list[tuple[str, Any]]
    x: Features
    y: Labels
    seed: int
    n_jobs: int | None
    target: Table | None
    dynamics: _leanset.Dynamics | None
    trainer: Trainer | None
    guard: str | None = None
    #: Warnings about X.
    notes: tuple[LeansetWarning, ...] = ()
    #: Whether the method chooses over all classes at once.
    whole: bool = False

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
        guard: str | None = None,
        chosen: Any = None,
        scale: str | None = None,
        metric: str = "euclidean",
        stratify: Any = None,
        groups: Any = None,
        measured: bool = False,
    ) -> Request:
        """Checks everything. `chosen` are the features; `measured` says that ε is measured, which takes coordinates."""
        given = given_params(params)
        trains = method.uses_dynamics and dynamics is None
        coordinates = method.uses_coordinates or trains or measured or guard in ("auto", "on") or target is not None
        scale = scale_of(scale, metric)
        own = x if isinstance(x, Features) else features_of(x, who=who, coordinates=coordinates, chosen=chosen, scale=scale)
        whole, _, generates, _ = _leanset.examine(method.id, given)
        if generates and own.encoding is not None:
            own.encoding.check_prototypes(who)
        classes = y if isinstance(y, Labels) else labels(y, own.rows, who=who, stratify=stratify, groups=groups)
        if generates and classes.apart and classes.original is not None:
            raise hinted(
                ValueError(f"{who} generates prototypes, whose labels are not known if strata are not the labels"),
                "keep the nearest real rows (output='rows'), or leave stratify= and groups= out",
            )
        seed = seed_of(random_state)
        if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer)):
            raise TypeError(f"n_jobs must be an int or None, not {n_jobs!r}")
        jobs = None if n_jobs is None else int(n_jobs)
        native = None if dynamics is None else _native_dynamics(dynamics)
        if trainer is not None and not method.uses_dynamics:
            raise ValueError(f"{method.id} does not use training dynamics: leave trainer out")
        if trainer is not None and native is not None:
            raise ValueError("dynamics and trainer are both given: with dynamics, nothing is trained; leave one out")
        if guard is not None and guard not in GUARDS:
            raise ValueError(f"guard must be None or one of {', '.join(GUARDS)}, not {guard!r}")
        against = _target(target, own, classes, who)
        return cls(method, given, own, classes, seed, jobs, against, native, trainer, guard, warn(list(own.notes)), whole)

    def training_dynamics(self) -> _leanset.Dynamics | None:
        """The training dynamics; the built-in trainer makes them if the method needs them and none are given."""
        return self.own_trainer()._observe(self.table, self.seed, self.n_jobs) if self.trains else self.dynamics

    @property
    def trains(self) -> bool:
        """Whether the built-in trainer trains a model first."""
        return self.dynamics is None and self.method.uses_dynamics

    def own_trainer(self) -> Trainer:
        """The built-in trainer as asked, by default with the settings of the paper."""
        from leanset.training import Trainer

        return self.trainer or Trainer()

    @property
    def table(self) -> Table:
        return table_of(self.x, self.y)

    def reduce(
        self,
        strategy: Any,
        *,
        allow_empty: bool,
        who: str,
        balance: str = "proportional",
        keep: Ids | None = None,
        stopping: tuple[float | None, float | None, str] | None = None,
    ) -> dict[str, Any]:
        check_balance(balance)
        asked = budget(strategy, self.y, whole=self.whole, who=who)
        if not allow_empty:
            self._check_classes(asked)
        native = self.training_dynamics()
        given = Asked(
            asked, stopping, dataclasses.asdict(self.own_trainer()) if self.trains else None,
            None if self.dynamics is None else digest_of_dynamics(self.dynamics), self.x.exact, self.x.scale, self.y.apart,
            len(self.notes),
        )
        began = time.perf_counter()
        result = _leanset.reduce(
            self.table, self.method.id, self.params, asked,
            allow_empty=allow_empty, seed=self.seed, n_jobs=self.n_jobs, target=self.target, dynamics=native,
            guard=self.guard, balance=balance, keep=keep, stopping=stopping,
        )
        if stopping is not None:
            # What the rule came to, as a budget: it gives the same rows.
            asked = int(sum(result["counts"])) if self.whole else [int(count) for count in result["counts"]]
        beside = "target" if self.target is not None else "log" if self.dynamics is not None else None
        beside = "list of kept rows" if keep is not None else beside
        points = result["points"]
        return {
            **result, "budget": asked, "balance": balance, "allow_empty": allow_empty, "seconds": time.perf_counter() - began,
            "threads": _leanset.threads(self.n_jobs), "beside": beside, "dimensions": self.x.dimensions,
            "points": points if points is None or self.x.encoding is None else self.x.encoding.inverse(points),
            "encoded": points, "notes": self.notes, "identity": Identity.of(self.x, self.y), "asked": given,
        }

    def _check_classes(self, asked: Budget) -> None:
        """Asks whether numbers or dates are classes, by the rule of the command line: if one row of each is more than twice the budget,
        and a class has few rows on average."""
        if isinstance(asked, list) or self.y.apart or self.y.classes.dtype.kind not in "iufmM":
            return
        classes, rows = len(self.y.classes), self.x.rows
        wanted = asked if isinstance(asked, int) else asked * rows
        if classes > FEW and classes > 2 * wanted and rows < MEASURED * classes and wanted > 0:
            raise hinted(
                ValueError(f"y has {classes:,} different values, and {int(wanted):,} of {rows:,} rows are asked for: one row of each is too many"),
                "if y is a measurement: stratify=pandas.qcut(y, 10, labels=False); if its values are names: y.astype(str)",
            )

    def kept(self, kept: Any) -> Ids | None:
        """The ids of rows that are kept already."""
        if kept is None:
            return None
        rows = indices_of(kept, Identity.of(self.x, self.y))
        bad = rows[(rows < 0) | (rows >= self.x.rows)]
        if len(bad):
            raise ValueError(f"kept: row {bad[0]} is not one of 0 to {self.x.rows - 1}")
        return rows

    def reduction(self, result: dict[str, Any], parameters: dict[str, Any]) -> Reduction:
        return Reduction.of(result, self.y, self.method.id, parameters, self.seed)

    def measured(self, found: Reduction, result: dict[str, Any], metric: str) -> Reduction:
        began = time.perf_counter()
        epsilon = self.epsilon(result, check_metric(metric))
        seconds = {**found.seconds, "epsilon": time.perf_counter() - began}
        return dataclasses.replace(found, epsilon=epsilon, seconds=seconds)

    def epsilon(self, reduction: dict[str, Any], metric: str) -> Epsilon:
        rows, points = reduction["rows"], reduction["encoded"]
        if rows is not None:
            result = _leanset.epsilon_of_rows(self.table, rows, metric, self.n_jobs)
        else:
            codes = np.repeat(np.arange(len(self.y.classes), dtype=np.uint32), reduction["counts"])
            result = _leanset.epsilon_between(self.table, (points, codes, self.y.names), metric, self.n_jobs)
        return Epsilon.of(result, self.y)


def _native_dynamics(dynamics: Any) -> _leanset.Dynamics:
    """The native training dynamics of a log or of a `Dynamics`."""
    finished = dynamics.finish() if hasattr(dynamics, "finish") else dynamics
    native = getattr(finished, "_native", None)
    if not isinstance(native, _leanset.Dynamics):
        raise TypeError(f"dynamics must be a ForgettingLog or Dynamics, not {type(dynamics).__name__}")
    return native


def scale_of(scale: str | None, metric: Any) -> str | None:
    """The scale that a metric of the method comes to: the cosine distance is the Euclidean one of rows of unit length."""
    if metric not in ("euclidean", "cosine"):
        raise ValueError(f"metric must be 'euclidean' or 'cosine', not {metric!r}")
    if metric == "cosine":
        if scale not in (None, "none", "unit"):
            raise ValueError(f"metric='cosine' compares directions, which scale={scale!r} would change: leave one of them out")
        return "unit"
    return check_scale(scale)


def _target(target: Any, like: Features, own: Labels, who: str) -> Table | None:
    """Another table; its classes are matched with those of the first table by label."""
    if target is None:
        return None
    if not isinstance(target, tuple) or len(target) != 2:
        raise TypeError("target must be a pair (X, y), or (X, None) without labels")
    x = features_of(target[0], name="target", like=like)
    y = labels(target[1], x.rows, who=who)
    if own.original is None or target[1] is None:
        if (own.original is None) != (target[1] is None):
            raise ValueError("either both target and y must have labels, or neither")
        return x.values, y.codes, own.names
    known = {label: code for code, label in enumerate(own.classes.tolist())}
    strange = [label for label in y.classes.tolist() if label not in known]
    if strange:
        raise ValueError(f"target has rows of class {strange[0]!r}, but the classes of y are {list(known)[:10]}")
    codes = np.array([known[label] for label in y.classes.tolist()], dtype=np.uint32)
    return x.values, codes[y.codes], own.names


def check_balance(balance: Any) -> None:
    if balance not in BALANCES:
        raise ValueError(f"balance must be one of {', '.join(BALANCES)}, not {balance!r}")


def check_metric(metric: Any) -> str:
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {metric!r}")
    return str(metric)


def reduce(
    X: Any,
    y: Any = None,
    sampling_strategy: SamplingStrategy | None = None,
    *,
    method: MethodName,
    random_state: Any = 0,
    n_jobs: int | None = None,
    allow_empty_classes: bool = False,
    target: tuple[Any, Any] | None = None,
    dynamics: Dynamics | ForgettingLog | None = None,
    trainer: Trainer | None = None,
    kept: Any = None,
    within: float | None = None,
    max_epsilon: float | None = None,
    epsilon: str | None = None,
    guard: str | None = None,
    balance: str = "proportional",
    features: Any = None,
    scale: str | None = None,
    metric: str = "euclidean",
    stratify: Any = None,
    groups: Any = None,
    **params: Any,
) -> Reduction:
    """Keep a representative subset of the rows.

    Parameters
    ----------
    X : array-like, frame, Arrow table, tensor, Hugging Face dataset or sparse matrix of shape (n, d)
        Features. C-contiguous float32 and float64 arrays are not copied. Of a frame, text and categories become one 0/1 dimension per
        category, and dates are carried along; a column of lists is an embedding. Methods that do not use coordinates, such as
        stratified-random, take anything that has rows.
    y : array-like of shape (n,), optional
        Labels of any dtype. Without them, all rows are one class.
    sampling_strategy : float, int, str, dict or callable, optional
        How many rows to keep. A float is a fraction, an int is a number; see the estimators for all forms. The default is 0.1, or as
        many as needed with `within` or `max_epsilon`.
    method : str
        The name or alias of a method (`leanset.methods()`).
    random_state : int, None, RandomState or Generator, default=0
        The seed. An int gives the same rows as `--seed` on the command line; None draws a seed from NumPy's global state.
    n_jobs : int, optional
        Number of threads; -1 means all. None uses OMP_NUM_THREADS or RAYON_NUM_THREADS if set, otherwise all.
    allow_empty_classes : bool, default=False
        Whether a class may lose all its rows.
    target : pair (X, y), optional
        Another table that the kept rows should represent, for methods that support a target.
    dynamics : ForgettingLog or Dynamics, optional
        Training dynamics, for methods that use them. Without them, the built-in trainer trains a model first.
    trainer : Trainer, optional
        Settings of the built-in trainer.
    kept : array of row ids, Reduction or fitted estimator, optional
        Rows that are kept already. They count towards `sampling_strategy`, and other rows are added to them. Only for methods that
        can go on from rows, such as energy, maxmin, herding and facility-location.
    within : float, optional
        Keep the fewest rows of each class that have one within this distance of every row, and at most `sampling_strategy`. The
        distance is in the metric `epsilon`, or "chebyshev". Only for methods that rank within classes.
    max_epsilon : float, optional
        Keep the smallest fraction of the rows whose ε is at most this, and at most `sampling_strategy`. Only for methods that rank.
    epsilon : str, optional
        Also measure ε, in this metric: "chebyshev", "euclidean", "manhattan" or "cosine".
    guard : {"auto", "on", "off"}, optional
        Whether rows that their 10 nearest neighbours contradict come last. By default, what the method does of itself.
    balance : {"proportional", "sqrt", "equal"}, default="proportional"
        How the classes share a fraction or a number: by their rows, by the square roots of their rows, or equally.
    features : list of column names or positions, optional
        The columns that distances are computed from; the others are carried along. By default all that can be. Dates count in days.
    scale : {"minmax", "standard", "unit", "none", "auto"}, optional
        How numbers are scaled, for distances only: each column to [0, 1]; to mean 0 and standard deviation 1; each row to length 1.
        "auto" is the default of the command line: "minmax", and for embeddings "none". None does not scale, with a warning if the
        ranges of columns differ 1,000-fold.
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance of the method. "cosine" compares directions; it is the same as `scale="unit"`.
    stratify : array-like of shape (n,) or (n, k), optional
        Strata to choose within, in place of y, which is then carried along: for regression (`pandas.qcut(y, 10, labels=False)`) and for
        several labels per row (`y` itself). Each combination of several columns is one stratum.
    groups : array-like of shape (n,), optional
        The group of each row, such as a patient or a video. Every group keeps its share of the rows of each class.
    **params
        Parameters of the method.

    Returns
    -------
    Reduction

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used. The message names the parameter, the constraint and the value; a note says what to do.
    KeyboardInterrupt
        If you press Ctrl-C.

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
                         dynamics=dynamics, trainer=trainer, who=f"method {info.id}", guard=guard, chosen=features, scale=scale,
                         metric=metric, stratify=stratify, groups=groups,
                         measured=epsilon is not None or within is not None or max_epsilon is not None)
    stopping = None
    if within is not None or max_epsilon is not None:
        stopping = (_distance("within", within), _distance("max_epsilon", max_epsilon), check_metric(epsilon or "chebyshev"))
    if sampling_strategy is None:
        sampling_strategy = 0.1 if stopping is None else 1.0
    result = request.reduce(sampling_strategy, allow_empty=allow_empty_classes, who="reduce", balance=balance,
                            keep=request.kept(kept), stopping=stopping)
    found = request.reduction(result, json.loads(result["parameters"]))
    return found if epsilon is None else request.measured(found, result, epsilon)


def _distance(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number or None, not {value!r}")
    return float(value)


def rank(
    X: Any,
    y: Any = None,
    *,
    method: MethodName,
    random_state: Any = 0,
    n_jobs: int | None = None,
    target: tuple[Any, Any] | None = None,
    dynamics: Dynamics | ForgettingLog | None = None,
    trainer: Trainer | None = None,
    guard: str | None = None,
    kept: Any = None,
    features: Any = None,
    scale: str | None = None,
    metric: str = "euclidean",
    stratify: Any = None,
    groups: Any = None,
    **params: Any,
) -> Ranking:
    """Rank all rows, to cut the ranking at any ratio later.

    Parameters
    ----------
    X, y, method, random_state, n_jobs, target, dynamics, trainer, guard, kept, features, scale, metric, stratify, groups, **params
        As in `reduce`; rows that are kept already come first.

    Returns
    -------
    Ranking

    Raises
    ------
    ValueError
        If the method does not rank; a note says what to do.

    Examples
    --------
    >>> import leanset
    >>> ranking = leanset.rank([[0.0], [1.0], [2.0], [9.0]], method="maxmin", start="first")
    >>> ranking.rows, ranking.scores
    (array([0, 3, 2, 1]), array([nan,  9.,  2.,  1.]))
    """
    info = find(method)
    request = Request.of(info, params, X, y, random_state=random_state, n_jobs=n_jobs, target=target,
                         dynamics=dynamics, trainer=trainer, who=f"method {info.id}", guard=guard, chosen=features, scale=scale,
                         metric=metric, stratify=stratify, groups=groups)
    native = _leanset.rank(request.table, info.id, request.params, seed=request.seed, n_jobs=request.n_jobs,
                           target=request.target, dynamics=request.training_dynamics(), guard=guard,
                           keep=request.kept(kept))
    used = json.loads(_leanset.examine(info.id, request.params)[3])
    return Ranking(native, request.y.known(), info.id, used, request.seed, Identity.of(request.x, request.y))


def epsilon(
    X: Any,
    y: Any,
    reduced: Any,
    *,
    metric: str = "chebyshev",
    n_jobs: int | None = None,
    features: Any = None,
    scale: str | None = None,
) -> Epsilon:
    """Measure ε: the largest distance from a row to the nearest kept row of its class.

    Parameters
    ----------
    X, y
        The full set, as in `reduce`. `y` may be None.
    reduced : array of row ids, Reduction, fitted estimator, or pair (X, y)
        The kept rows, or other points with their labels.
    metric : {"chebyshev", "euclidean", "manhattan", "cosine"}, default="chebyshev"
        The distance metric.
    n_jobs : int, optional
        Number of threads.
    features, scale
        As in `reduce`. Measure in the coordinates in which the rows were chosen; a warning names another scale.

    Returns
    -------
    Epsilon

    Raises
    ------
    ValueError
        If `reduced` is of another table than X and y, as far as sizes and 128 rows tell.

    Notes
    -----
    ε(D, D') is the maximum, over all rows x of D, of the distance from x to the nearest point of D' of the same class. It is
    infinite if a class has no point in D'. Cost: one nearest-neighbour search per row. Reference: Gonzalez-Diaz,
    Gutiérrez-Naranjo & Paluzo-Hidalgo 2022; arXiv:2403.15150.

    Examples
    --------
    >>> import leanset
    >>> found = leanset.epsilon([[0.0], [1.0], [5.0]], None, [0, 1])
    >>> found.value, found.worst_row
    (4.0, 2)
    """
    x = features_of(X, chosen=features, scale=scale)
    own = labels(y, x.rows, who="epsilon")
    check_metric(metric)
    warn([*x.notes, *_other_scale(reduced, x)])
    if isinstance(reduced, tuple) and len(reduced) == 2:
        other = _target(reduced, x, own, "epsilon")
        assert other is not None
        result = _leanset.epsilon_between(table_of(x, own), other, metric, n_jobs)
    else:
        rows = indices_of(reduced, Identity.of(x, own))
        _check_ids(rows, x.rows)
        result = _leanset.epsilon_of_rows(table_of(x, own), rows, metric, n_jobs)
    return Epsilon.of(result, own)


def _check_ids(ids: Ids, rows: int) -> None:
    """Refuses ids that are no rows, or of one row twice."""
    bad = ids[(ids < 0) | (ids >= rows)]
    if len(bad):
        raise ValueError(f"reduced: row {bad[0]} is not one of 0 to {rows - 1}")
    different, counts = np.unique(ids, return_counts=True)
    if len(different) < len(ids):
        raise hinted(ValueError(f"reduced: row {different[counts > 1][0]} is named twice"), "name each row once: numpy.unique(…)")


def _other_scale(reduced: Any, x: Features) -> list[tuple[str, str, str | None]]:
    """What is worth knowing of ε in other coordinates than those in which the rows were chosen."""
    asked = getattr(getattr(reduced, "reduction_", reduced), "_asked", None)
    if not isinstance(asked, Asked) or asked.scale == x.scale:
        return []
    now, then = (f"scale={scale or 'none'!r}" for scale in (x.scale, asked.scale))
    return [("other-scale", f"ε is measured with {now}, and the rows were chosen with {then}", f"pass {then} for the same coordinates")]


def identity_of(reduced: Any) -> Identity | None:
    """What is known of the table that a reduction, ranking or fitted estimator is of."""
    found = getattr(reduced, "identity", None) or getattr(getattr(reduced, "reduction_", None), "identity", None)
    return found if isinstance(found, Identity) else None


def indices_of(reduced: Any, table: Identity | None = None) -> Ids:
    """The row ids of a reduction, of a fitted estimator, or of an array of ids. A reduction of another table is refused."""
    own = identity_of(reduced)
    if table is not None and own is not None:
        own.check(table, f"the {type(reduced).__name__}")
    for name in ("sample_indices_", "indices"):
        found = getattr(reduced, name, None)
        if found is not None and not callable(found):
            return np.ascontiguousarray(found, dtype=np.int64)
    if hasattr(reduced, "fit_resample") or isinstance(reduced, Reduction):
        if isinstance(reduced, Reduction) or hasattr(reduced, "weights_"):
            raise ValueError("the method generates prototypes, which have no row ids")
        from leanset._errors import not_fitted

        raise not_fitted(reduced)
    array = np.asarray(reduced)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        error = TypeError(f"row ids must be a list or array of whole numbers, not {type(reduced).__name__} of {array.dtype}")
        raise hinted(error, "row ids of a mask: numpy.flatnonzero(mask)") if array.dtype == np.bool_ else error
    return np.ascontiguousarray(array, dtype=np.int64)


def epsilon_curve(
    X: Any,
    y: Any,
    ranking: Ranking,
    *,
    ratios: Iterable[float] | None = None,
    metric: str = "chebyshev",
    n_jobs: int | None = None,
    features: Any = None,
    scale: str | None = None,
) -> EpsilonCurve:
    """Measure ε at several ratios of a ranking, in one search.

    Parameters
    ----------
    X, y
        The data that were ranked.
    ranking : Ranking
        The result of `rank`, or `ranking_` of an estimator.
    ratios : iterable of float, optional
        Fractions of rows to keep, in (0, 1]; by default 0.01, 0.02, …, 1.
    metric : {"chebyshev", "euclidean", "manhattan", "cosine"}, default="chebyshev"
        The distance metric.
    n_jobs : int, optional
        Number of threads.
    features, scale
        As in `reduce`.

    Returns
    -------
    EpsilonCurve

    Raises
    ------
    ValueError
        If the ranking is shorter than a ratio requires, or of another table.

    Examples
    --------
    >>> import numpy as np, leanset
    >>> X = np.arange(10.0).reshape(10, 1)
    >>> ranking = leanset.rank(X, method="mms", start="first")
    >>> leanset.epsilon_curve(X, None, ranking, ratios=[0.2, 0.5, 1.0]).epsilon
    array([4., 1., 0.])
    """
    x = features_of(X, chosen=features, scale=scale)
    own = labels(y, x.rows, who="epsilon_curve")
    warn(list(x.notes))
    if ranking.identity is not None:
        ranking.identity.check(Identity.of(x, own), "the Ranking")
    wanted = [r / 100 for r in range(1, 101)] if ratios is None else [float(r) for r in ratios]
    cuts = _leanset.epsilon_curve(table_of(x, own), ranking._native, wanted, False, check_metric(metric), n_jobs)
    return EpsilonCurve.of(cuts, metric)


def persistence_diagrams(
    X: Any, *, dimension: int = 1, metric: str = "euclidean", n_jobs: int | None = None
) -> list[npt.NDArray[np.float64]]:
    """Compute the Vietoris–Rips persistence diagrams of a set of points.

    Parameters
    ----------
    X : array-like of shape (n, d), n at most 4096
        The points.
    dimension : int, default=1
        The highest homology dimension, at most 2: 0 components, 1 loops, 2 voids.
    metric : {"euclidean", "chebyshev", "manhattan", "cosine"}, default="euclidean"
        The distance metric. Scales are distances: two points are joined at their distance, not at half of it.

    Returns
    -------
    list of ndarray of shape (bars, 2)
        For each dimension, the birth and death of each bar, in the units of X. Essential bars have death inf.

    Notes
    -----
    Memory: about 16 n² bytes. The bars equal those of ripser. Reference: Bauer, Ripser, J. Applied and Computational Topology 5,
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
    return _leanset.diagrams(features_of(X).values, check_metric(metric), int(dimension), n_jobs)


def bottleneck_distance(
    a: Sequence[Sequence[float]] | npt.NDArray[Any], b: Sequence[Sequence[float]] | npt.NDArray[Any]
) -> float:
    """Compute the exact bottleneck distance of two persistence diagrams.

    Parameters
    ----------
    a, b : array-like of shape (bars, 2)
        Birth and death of each bar; death may be inf.

    Returns
    -------
    float
        The smallest δ such that bars can be matched within δ, and the remaining bars with the diagonal. It is inf if the
        numbers of essential bars differ.

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
