"""ε: of a reduction, of each class, and of the prefixes of a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset._frames import frame_of
from leanset._labels import Ids, Labels
from leanset._result import Result, axes, fixed, plain


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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Epsilon(Result):
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

    def to_frame(self) -> Any:
        """Return ε of each class as a frame.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or dict of lists
            A frame of pandas if it is installed, otherwise of Polars; without both, its columns.
        """
        own = list(self.classes.values())
        return frame_of({
            "class": plain(list(self.classes)), "rows": [c.rows for c in own], "kept": [c.kept for c in own],
            "epsilon": [c.value for c in own], "worst_row": [c.worst_row for c in own],
        })

    def _summary(self) -> str:
        where = "" if self.worst_row is None else f", worst in row {self.worst_row} of class {self.worst_class!r}"
        return f"ε = {self.value:.6g} ({self.metric}){where}"

    def _table(self) -> tuple[list[str], list[Sequence[Any]]]:
        lines = [(label, c.rows, c.kept, c.value, c.worst_row) for label, c in self.classes.items()]
        return ["class", "rows", "kept", "ε", "worst row"], list(lines)

    @classmethod
    def of(cls, result: dict[str, Any], labels: Labels) -> Epsilon:
        names = labels.classes.tolist()
        worst = result["worst_class"]
        classes = {name: ClassEpsilon(*one) for name, one in zip(names, result["classes"], strict=True)}
        return cls(result["value"], result["metric"], result["worst_row"], None if worst is None else names[worst], classes)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EpsilonCurve(Result):
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
            fixed(np.array([cut[0] for cut in cuts], dtype=np.float64)),
            fixed(np.array([cut[1] for cut in cuts], dtype=np.int64)),
            fixed(np.array([cut[2]["value"] for cut in cuts], dtype=np.float64)),
            metric,
        )

    def to_frame(self) -> Any:
        """Return the curve as a frame.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or dict of lists
            A frame of pandas if it is installed, otherwise of Polars; without both, its columns.
        """
        return frame_of({"ratio": self.ratio.tolist(), "kept": self.kept.tolist(), "epsilon": self.epsilon.tolist()})

    def plot(self, *, ax: Any = None) -> Any:
        """Plot ε over the fraction of rows that is kept.

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
        ax = axes(ax, "EpsilonCurve")
        ax.plot(100 * self.ratio, self.epsilon, marker="." if len(self.ratio) < 50 else None)
        ax.set(xlabel="rows kept (%)", ylabel=f"ε ({self.metric})", ylim=(0, None))
        return ax

    def _summary(self) -> str:
        if not len(self.ratio):
            return f"ε at no ratio ({self.metric})"
        first, last = (f"{self.epsilon[at]:.4g} at {self.ratio[at]:.3g}" for at in (0, -1))
        return f"ε at {len(self.ratio)} ratios ({self.metric}): {first} … {last}"

    def _table(self) -> tuple[list[str], list[Sequence[Any]]]:
        return ["ratio", "kept", "ε"], list(zip(self.ratio.tolist(), self.kept.tolist(), self.epsilon.tolist(), strict=True))
