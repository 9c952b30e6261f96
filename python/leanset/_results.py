"""The result types: reductions, rankings, ε."""

from __future__ import annotations

import inspect
import json
import os
import time
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._budget import Budget, SamplingStrategy, budget
from leanset._convert import Ids, Labels
from leanset._saved import load_ranking, load_reduction, maker_of, save_ids, save_ranking


class LeansetWarning(UserWarning):
    """A warning about a result. It has a stable `code` such as `budget-raised` or `class-lost`."""

    def __init__(self, code: str, message: str, hint: str | None) -> None:
        super().__init__(f"{message} [{code}]" + (f"\nhint: {hint}" if hint else ""))
        self.code, self.message, self.hint = code, message, hint

    def __reduce__(self) -> tuple[type[LeansetWarning], tuple[str, str, str | None]]:
        return type(self), (self.code, self.message, self.hint)


def warn(native: list[tuple[str, str, str | None]]) -> tuple[LeansetWarning, ...]:
    """Issue warnings for the line that called the package, and return them."""
    found = tuple(LeansetWarning(*one) for one in native)
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "leanset":
        level, frame = level + 1, frame.f_back
    for warning in found:
        warnings.warn(warning, stacklevel=level)
    return found


def _number(value: Any) -> Any:
    """Convert the words that JSON uses for infinities back to numbers."""
    if isinstance(value, list):
        return [_number(v) for v in value]
    return {"inf": np.inf, "-inf": -np.inf}.get(value, value) if isinstance(value, str) else value


def facts(text: str) -> dict[str, Any]:
    """The values that a method determined or measured."""
    return {name: _number(value) for name, value in json.loads(text).items()}


@dataclass(frozen=True, slots=True)
class ClassEpsilon:
    """ε of one class.

    Attributes
    ----------
    rows, kept : int
        Number of its rows in the full set, and of its points in the reduced set.
    value : float
        The largest distance from a row to the nearest kept point; infinite if none is kept.
    worst_row : int or None
        The row at that distance.
    """

    rows: int
    kept: int
    value: float
    worst_row: int | None


@dataclass(frozen=True, slots=True)
class Epsilon:
    """ε: the distance from the worst-covered row to the nearest kept row of its class.

    Attributes
    ----------
    value : float
        ε, in the units of X; infinite if a class is lost. `float(epsilon)` gives the same.
    metric : str
        The distance metric.
    worst_row : int or None
        The worst-covered row.
    worst_class : label or None
        Its class.
    classes : dict of label to ClassEpsilon
        ε of each class.
    """

    value: float
    metric: str
    worst_row: int | None
    worst_class: Any
    classes: dict[Any, ClassEpsilon]

    def __float__(self) -> float:
        return self.value

    @classmethod
    def of(cls, result: dict[str, Any], labels: Labels) -> Epsilon:
        names = labels.classes.tolist()
        worst = result["worst_class"]
        classes = {name: ClassEpsilon(*one) for name, one in zip(names, result["classes"], strict=True)}
        return cls(result["value"], result["metric"], result["worst_row"], None if worst is None else names[worst], classes)


@dataclass(frozen=True, slots=True)
class EpsilonCurve:
    """ε at several ratios of a ranking.

    Attributes
    ----------
    ratio : ndarray of float64
        The requested fractions of rows.
    kept : ndarray of int64
        Number of kept rows.
    epsilon : ndarray of float64
        ε at each ratio.
    metric : str
        The distance metric.
    """

    ratio: npt.NDArray[np.float64]
    kept: Ids
    epsilon: npt.NDArray[np.float64]
    metric: str

    @classmethod
    def of(cls, cuts: list[tuple[float, int, dict[str, Any]]], metric: str) -> EpsilonCurve:
        return cls(
            np.array([cut[0] for cut in cuts], dtype=np.float64),
            np.array([cut[1] for cut in cuts], dtype=np.int64),
            np.array([cut[2]["value"] for cut in cuts], dtype=np.float64),
            metric,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked that a reduction does not say by itself, for its manifest."""

    #: The budget as it was given: beside a rule that stops, the most that is kept.
    budget: Budget
    #: `within`, `max_epsilon` and their metric.
    stopping: tuple[float | None, float | None, str] | None = None
    #: The settings of the built-in trainer, if it trained.
    trainer: dict[str, Any] | None = None
    #: A hash of some rows of the training dynamics, if they were given.
    dynamics: str | None = None
    #: A hash of some rows and their classes, as the method saw them.
    table: str = ""


@dataclass(frozen=True)
class Reduction:
    """The result of a reduction.

    Attributes
    ----------
    indices : ndarray of int64, or None
        Kept rows in ascending order; None if the method generates prototypes.
    order : ndarray of int64, or None
        The same rows class by class, from first to last pick, as `row_ids` of a manifest.
    weights : ndarray of float64, or None
        One weight per entry of `indices` (or `points`), if the method has weights.
    points : ndarray of float64, shape (m, d), or None
        Generated prototypes, class by class.
    labels : ndarray, or None
        The class of each of `points`.
    counts : dict of label to int
        Number of kept rows or prototypes of each class.
    rows : dict of label to int
        Number of rows of each class.
    budget : float, int or list of int
        The request: a ratio, a count, or counts per class.
    allow_empty_classes : bool
        Whether a class was allowed to lose all its rows.
    method, parameters, seed
        What selected the rows; the parameters include defaults.
    facts : dict
        The values that the method determined or measured.
    warnings : tuple of LeansetWarning
        The warnings, which were also issued as Python warnings.
    epsilon : Epsilon or None
        ε, if you requested it.
    seconds : dict
        Time of `method` and of `epsilon`.
    threads : int
        Number of threads.
    beside : str or None
        Other input besides the table: `target`, `log` or `list of kept rows`.
    dimensions : int or None
        Features per row, if known: a column of lists has several.
    balance : str
        How the classes shared a ratio or a count.
    """

    indices: Ids | None
    order: Ids | None
    weights: npt.NDArray[np.float64] | None
    points: npt.NDArray[np.float64] | None
    labels: npt.NDArray[Any] | None
    counts: dict[Any, int]
    method: str
    parameters: dict[str, Any]
    seed: int | None
    facts: dict[str, Any]
    warnings: tuple[LeansetWarning, ...]
    rows: dict[Any, int]
    budget: Budget
    allow_empty_classes: bool
    epsilon: Epsilon | None = None
    seconds: dict[str, float] = field(default_factory=dict, compare=False)
    threads: int = 1
    beside: str | None = None
    dimensions: int | None = None
    balance: str = "proportional"
    _asked: Asked | None = field(default=None, repr=False, compare=False)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the ids of the kept rows to a file, completely or not at all, with the same bytes as `leanset reduce --emit ids`.

        The file has the columns row, class, rank and, if there are weights, weight. The command line reads it, for example as `--keep`.

        Parameters
        ----------
        path : str or path
            A file named .csv.
        overwrite : bool, default=False
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False.
        ValueError
            If the method generated prototypes, or the file is not named .csv.
        """
        save_ids(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], y: Any = None) -> Reduction:
        """Read a reduction from row ids that `save` or `leanset reduce --emit ids` wrote, or from a manifest.

        Parameters
        ----------
        path : str or path
            Row ids (.csv), or a manifest (.json) of the command line or of `write_manifest`.
        y : array-like, optional
            The labels of the table that was reduced. Row ids need them; with a manifest, classes are the names in it unless y is given.

        Returns
        -------
        Reduction
            Of row ids only the rows, their order and weights are known: the method is "row ids". A manifest has everything.

        Raises
        ------
        ValueError
            If the file is damaged, or of other labels than y.

        Examples
        --------
        >>> import leanset, pathlib, tempfile
        >>> X, y = [[0.0], [1.0], [9.0]], ["a", "a", "b"]
        >>> kept = leanset.reduce(X, y, 2, method="mms", start="first")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kept.save(pathlib.Path(folder, "kept.csv"))
        ...     leanset.Reduction.load(pathlib.Path(folder, "kept.csv"), y).indices
        array([0, 2])
        """
        found: Reduction = load_reduction(cls, path, y)
        return found

    def __len__(self) -> int:
        return sum(self.counts.values())

    @classmethod
    def of(cls, result: dict[str, Any], labels: Labels, method: str, parameters: dict[str, Any], seed: int | None
    ) -> Reduction:
        order, weights, points = result["rows"], result["weights"], result["points"]
        indices, names, own = None, labels.classes, None
        if order is not None:
            # As the command line writes them by default: in the order of the input.
            sorting = np.argsort(order, kind="stable")
            indices = order[sorting]
            weights = None if weights is None else weights[sorting]
        else:
            own = np.repeat(names, result["counts"])
        counts = dict(zip(names.tolist(), result["counts"], strict=True))
        return cls(
            indices, order, weights, points, own, counts, method, parameters, seed, facts(result["facts"]),
            warn(result["warnings"]),
            dict(zip(names.tolist(), labels.sizes.tolist(), strict=True)),
            result["budget"], result["allow_empty"], None, {"method": result["seconds"]},
            result["threads"], result["beside"], result.get("dimensions"),
            result.get("balance", "proportional"), _asked=result.get("asked"),
        )


@dataclass(frozen=True)
class Ranking:
    """All rows in the order in which they are kept. Cut it at any ratio with `reduce`.

    Attributes
    ----------
    rows : ndarray of int64
        Row ids, best first, class by class (or over all classes if `is_global`).
    scores : ndarray of float64
        The score of each row; its meaning depends on the method. NaN if the row has none.
    ranks : ndarray of int64
        The 0-based rank of each row in its class (or over all classes).
    labels : ndarray
        The class of each row.
    is_global : bool
        Whether there is one ranking over all classes.
    facts : dict
        The values that the method determined or measured.
    method, parameters, seed
        What ranked the rows.
    """

    _native: _leanset.NativeRanking = field(repr=False)
    _labels: Labels = field(repr=False)
    method: str
    parameters: dict[str, Any]
    seed: int

    @property
    def rows(self) -> Ids:
        return self._native.rows

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        return self._native.scores

    @property
    def ranks(self) -> Ids:
        return self._native.ranks

    @property
    def labels(self) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self._labels.classes[self._native.codes]
        return found

    @property
    def is_global(self) -> bool:
        return self._native.is_global

    @property
    def facts(self) -> dict[str, Any]:
        return facts(self._native.facts)

    def __len__(self) -> int:
        return len(self.rows)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the ranking to a file, completely or not at all, with the same bytes as `leanset rank`.

        The file has the columns row, class, rank and score. `leanset reduce --ranking` cuts it.

        Parameters
        ----------
        path : str or path
            A file named .csv.
        overwrite : bool, default=False
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False.
        ValueError
            If the file is not named .csv.
        """
        save_ranking(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], y: Any = None) -> Ranking:
        """Read a ranking that `save` or `leanset rank` wrote.

        Parameters
        ----------
        path : str or path
            A file named .csv. If the manifest of `leanset rank` is beside it, method, parameters and seed are those of the manifest;
            otherwise the method is "ranking".
        y : array-like, optional
            The labels of the table that was ranked. Without them, classes are the names in the file, which then has all rows.

        Returns
        -------
        Ranking

        Raises
        ------
        ValueError
            If the file is no ranking, or of other labels than y.

        Examples
        --------
        >>> import leanset, pathlib, tempfile
        >>> ranking = leanset.rank([[0.0], [1.0], [9.0]], ["a", "a", "b"], method="mms", start="first")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ranking.save(pathlib.Path(folder, "ranking.csv"))
        ...     leanset.Ranking.load(pathlib.Path(folder, "ranking.csv")).reduce(2).indices
        array([0, 2])
        """
        native, own = load_ranking(path, y)
        method, parameters, seed = maker_of(path)
        return cls(native, replace(own, original=None), method, parameters, seed)

    def reduce(
        self, sampling_strategy: SamplingStrategy, *, allow_empty_classes: bool = False, balance: str = "proportional"
    ) -> Reduction:
        """Keep the first rows of the ranking.

        Parameters
        ----------
        sampling_strategy : float, int, str or dict
            How many rows to keep, as in the estimators.
        allow_empty_classes : bool, default=False
            Whether a class may lose all its rows.
        balance : {"proportional", "sqrt", "equal"}, default="proportional"
            How the classes share a fraction or a number.

        Returns
        -------
        Reduction

        Raises
        ------
        ValueError
            If the ranking is too short.

        Examples
        --------
        >>> import leanset
        >>> ranking = leanset.rank([[0.0], [1.0], [2.0], [9.0]], method="mms", start="first")
        >>> ranking.reduce(0.5).indices
        array([0, 3])
        """
        asked = budget(sampling_strategy, self._labels, whole=self.is_global, who="Ranking")
        began = time.perf_counter()
        result = self._native.reduce(asked, allow_empty_classes, balance)
        result = {**result, "budget": asked, "balance": balance, "allow_empty": allow_empty_classes, "seconds": time.perf_counter() - began,
                "threads": 1, "beside": "ranking"}
        return Reduction.of(result, self._labels, self.method, self.parameters, self.seed)
