"""Reductions and rankings."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._budget import Budget, SamplingStrategy, budget
from leanset._convert import Identity
from leanset._epsilon import Epsilon
from leanset._frames import frame_of
from leanset._labels import ClassSizes, Ids, Labels
from leanset._result import LeansetWarning, Result, axes, facts, fixed, plain, same, warn
from leanset._saved import identity_of_file, load_ranking, load_reduction, maker_of, save_ids, save_ranking


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
    #: A hash of some rows before they were scaled, to the bit; None if the method did not use features.
    table: str | None = None
    #: How the columns were scaled.
    scale: str | None = None
    #: Whether rows were chosen within strata that are not the classes of y.
    strata: bool = False
    #: How many of the warnings are about X: they come first.
    notes: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class Reduction(Result):
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
    identity : Identity or None
        What tells the table that was reduced from another, which is refused where the reduction is used.
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
    identity: Identity | None = None
    _asked: Asked | None = field(default=None, repr=False)

    @property
    def sample_weight(self) -> npt.NDArray[np.float64]:
        """One weight per entry of `indices` (or `points`) for the `sample_weight` of an estimator.

        The weights of each class sum to its number of rows in the full set, so that classes of which fewer rows are kept count as before.
        Methods with weights, such as protodash, give the shares within a class; otherwise all rows of a class have the same weight.
        """
        own = np.repeat(np.arange(len(self.counts)), list(self.counts.values()))
        if self.order is not None:
            own = own[np.argsort(self.order, kind="stable")]
        given = np.ones(len(own)) if self.weights is None else self.weights
        sums = np.bincount(own, weights=given, minlength=len(self.counts))
        kept = np.bincount(own, minlength=len(self.counts))
        # A class whose weights are all 0 shares its rows equally.
        given = np.where(sums[own] > 0, given, 1.0)
        sums = np.where(sums > 0, sums, kept)
        rows = np.array(list(self.rows.values()), dtype=np.float64)
        found: npt.NDArray[np.float64] = given * (rows / np.where(sums > 0, sums, 1.0))[own]
        return found

    def to_frame(self) -> Any:
        """Return the kept rows as a frame: row id, class, rank within the class, and weights if there are some.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or dict of lists
            A frame of pandas if it is installed, otherwise of Polars; without both, its columns. Of generated prototypes, the class, the
            weight and the coordinates.

        Examples
        --------
        >>> import leanset
        >>> kept = leanset.reduce([[0.0], [1.0], [9.0]], sampling_strategy=2, method="mms", start="first")
        >>> kept.to_frame()["row"].tolist()
        [0, 2]
        """
        names = [label for label, count in self.counts.items() for _ in range(count)]
        ranks = np.concatenate([np.arange(count) for count in self.counts.values()] or [np.empty(0, dtype=np.int64)])
        data: dict[str, Any]
        if self.order is not None:
            sorting = np.argsort(self.order, kind="stable")
            data = {"row": self.order[sorting].tolist(), "class": plain([names[at] for at in sorting]), "rank": ranks[sorting].tolist()}
        else:
            data = {"class": plain(names)}
        if self.weights is not None:
            data |= {"weight": self.weights.tolist(), "sample_weight": self.sample_weight.tolist()}
        if self.points is not None:
            data |= {f"x{j}": self.points[:, j].tolist() for j in range(self.points.shape[1])}
        return frame_of(data)

    def plot(self, *, ax: Any = None) -> Any:
        """Plot how many rows of each class there are, and how many are kept.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        ax = axes(ax, "Reduction")
        names = [", ".join(map(str, label)) if isinstance(label, tuple) else str(label) for label in self.rows]
        ax.barh(names, list(self.rows.values()), color="0.85", label="all rows")
        ax.barh(names, list(self.counts.values()), label="kept")
        ax.set(xlabel="rows", title=self._head())
        ax.invert_yaxis()
        ax.legend()
        return ax

    def _head(self) -> str:
        rows = sum(self.rows.values())
        what = "rows" if self.points is None else "prototypes of rows"
        return f"{self.method}: {len(self):,} of {rows:,} {what} ({100 * len(self) / max(rows, 1):.3g} %)"

    def _summary(self) -> str:
        classes = [f"{label!r} {count:,} of {self.rows[label]:,}" for label, count in list(self.counts.items())[:5]]
        more = f" and {len(self.counts) - 5} more" if len(self.counts) > 5 else ""
        parts = [f"{self._head()}: {', '.join(classes)}{more}"]
        if self.epsilon is not None:
            parts.append(self.epsilon._summary())
        if self.warnings:
            parts.append("warnings: " + ", ".join(sorted({warning.code for warning in self.warnings})))
        return "; ".join(parts)

    def _table(self) -> tuple[list[str], list[Sequence[Any]]]:
        lines = [(label, self.rows[label], count, count / max(self.rows[label], 1)) for label, count in self.counts.items()]
        if self.epsilon is None:
            return ["class", "rows", "kept", "share"], list(lines)
        return ["class", "rows", "kept", "share", "ε"], [(*line, self.epsilon.classes[line[0]].value) for line in lines]

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
    def of(cls, result: dict[str, Any], labels: Labels | ClassSizes, method: str, parameters: dict[str, Any], seed: int | None
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
            fixed(indices), fixed(order), fixed(weights), fixed(points), fixed(own), counts, method, parameters, seed,
            facts(result["facts"]), (*result.get("notes", ()), *warn(result["warnings"])),
            dict(zip(names.tolist(), labels.sizes.tolist(), strict=True)),
            result["budget"], result["allow_empty"], None, {"method": result["seconds"]},
            result["threads"], result["beside"], result.get("dimensions"),
            result.get("balance", "proportional"), result.get("identity"), result.get("asked"),
        )


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Result):
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
    identity : Identity or None
        What tells the table that was ranked from another, which is refused where the ranking is used.
    """

    _native: _leanset.NativeRanking = field(repr=False)
    _labels: ClassSizes = field(repr=False)
    method: str
    parameters: dict[str, Any]
    seed: int
    identity: Identity | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ranking):
            return NotImplemented
        names = ("method", "parameters", "seed", "identity", "rows", "scores", "labels", "is_global")
        return all(same(getattr(self, name), getattr(other, name)) for name in names)

    __hash__ = None

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

    def to_dict(self) -> dict[str, Any]:
        """Return all values as a dict of numbers, texts, lists and dicts."""
        own = {name: plain(getattr(self, name)) for name in ("rows", "scores", "ranks", "labels", "is_global", "facts")}
        return {"method": self.method, "parameters": plain(self.parameters), "seed": self.seed, **own}

    def to_frame(self) -> Any:
        """Return the ranking as a frame: row id, class, rank and score, best first.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or dict of lists
            A frame of pandas if it is installed, otherwise of Polars; without both, its columns.
        """
        return frame_of({
            "row": self.rows.tolist(), "class": plain(self.labels), "rank": self.ranks.tolist(), "score": self.scores.tolist()
        })

    def plot(self, *, ax: Any = None) -> Any:
        """Plot the scores over the ranks: one line per class, or one over all.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        ax = axes(ax, "Ranking")
        codes, ranks, scores = self._native.codes, self.ranks, self.scores
        if self.is_global:
            ax.plot(ranks, scores)
        else:
            for code, name in enumerate(self._labels.names):
                ax.plot(ranks[codes == code], scores[codes == code], label=name)
            ax.legend()
        ax.set(xlabel="rank", ylabel="score", title=self.method)
        return ax

    def _summary(self) -> str:
        over = "over all classes" if self.is_global else "within each class"
        names = [repr(label) for label in self._labels.classes.tolist()]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"{self.method}: {len(self):,} rows ranked {over}: {', '.join(names[:5])}{more}"

    def _table(self) -> tuple[list[str], list[Sequence[Any]]]:
        columns = (self.rows.tolist(), self.labels.tolist(), self.ranks.tolist(), self.scores.tolist())
        return ["row", "class", "rank", "score"], list(zip(*columns, strict=True))

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
        return cls(native, own.known(), method, parameters, seed, identity_of_file(len(own.codes), own, y))

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
                "threads": 1, "beside": "ranking", "identity": self.identity}
        return Reduction.of(result, self._labels, self.method, self.parameters, self.seed)
