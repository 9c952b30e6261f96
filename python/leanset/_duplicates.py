"""Copies and near-copies of rows, within a table and across tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._convert import Features, Identity, features
from leanset._errors import hinted
from leanset._frames import frame_of
from leanset._functions import scale_of
from leanset._labels import Ids, Labels
from leanset._result import Result, fixed, warn

#: More pairs than this are not copies any more.
MOST = 50_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Duplicates(Result):
    """Pairs of rows that are near each other, and which rows to keep.

    Attributes
    ----------
    pairs : ndarray of int64, shape (m, 2)
        The pairs, by row and other row. Equal rows are paired with the first of them only, which stands for them in pairs with other rows.
        With `against`, each row that has a near row there, and the nearest one.
    distances : ndarray of float64, shape (m,)
        The distance of each pair, in the metric.
    indices : ndarray of int64
        The rows to keep, ascending. Within a table: going from the first row to the last, every row that is not near one kept before; so each row
        that is left out is near a kept one, and no two kept rows are near each other. With `against`: every row without a near row there.
    group : ndarray of int64, shape (n,)
        For each row the first row of its group: rows that are connected by pairs. Use it as `groups` of scikit-learn's GroupKFold, so
        that no copy is on both sides of a split. With `against`, every row is its own group.
    within : float
        The largest distance of a pair.
    metric : str
        The distance metric.
    identity : Identity
        What tells the table from another.
    """

    pairs: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]
    indices: Ids
    group: Ids
    within: float
    metric: str
    identity: Identity

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def groups(self) -> list[Ids]:
        """The rows of each group of two or more, the largest group first."""
        order = np.argsort(self.group, kind="stable")
        _, begins, counts = np.unique(self.group[order], return_index=True, return_counts=True)
        found = [order[begin : begin + count] for begin, count in zip(begins, counts, strict=True) if count > 1]
        return sorted(found, key=len, reverse=True)

    @property
    def dropped(self) -> Ids:
        """The rows that are not in `indices`, ascending."""
        return np.setdiff1d(np.arange(self.identity.rows), self.indices)

    def to_frame(self) -> Any:
        """Return the pairs as a frame.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or dict of lists
            A frame of pandas if it is installed, otherwise of Polars; without both, its columns.
        """
        return frame_of({
            "row": self.pairs[:, 0].tolist(), "other": self.pairs[:, 1].tolist(), "distance": self.distances.tolist()
        })

    def _summary(self) -> str:
        rows, kept = self.identity.rows, len(self.indices)
        pairs = "pair" if len(self) == 1 else "pairs"
        return f"{len(self):,} {pairs} within {self.within:.6g} ({self.metric}): {kept:,} of {rows:,} rows are left without them"

    def _table(self) -> tuple[list[str], list[Sequence[Any]]]:
        return ["row", "other", "distance"], [
            (int(a), int(b), float(d)) for (a, b), d in zip(self.pairs[:1_000], self.distances, strict=False)
        ]


def duplicates(
    X: Any,
    *,
    within: float = 0.0,
    against: Any = None,
    metric: str = "euclidean",
    features: Any = None,
    scale: str | None = None,
    n_jobs: int | None = None,
) -> Duplicates:
    """Find rows that are copies or near-copies of each other, or of rows of another table.

    Parameters
    ----------
    X : array-like, frame, Arrow table, tensor or Hugging Face dataset of shape (n, d)
        The rows, as in `reduce`.
    within : float, default=0.0
        The largest distance of a pair. 0 finds equal rows.
    against : as X, optional
        Another table, such as the test set: find the rows of X that are near one of its rows (leaks).
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance. The cosine distance is 1 − cos; of embeddings, 0.05 is a usual value.
    features, scale
        As in `reduce`. `against` is encoded and scaled as X.
    n_jobs : int, optional
        Number of threads.

    Returns
    -------
    Duplicates

    Raises
    ------
    ValueError
        If `within` is so large that there are more than 50 million pairs.

    Notes
    -----
    Exact: all pairs are found. Cost: one search per different row, near-linear in few columns. 10⁵ embeddings of length 384 take seconds if
    `within` is small beside the distances of the data, and two to three minutes on one thread otherwise. A suitable
    distance depends on the data: look at `distances` of a larger one first.

    Examples
    --------
    >>> import leanset
    >>> found = leanset.duplicates([[0.0], [5.0], [0.0], [5.1]], within=0.2)
    >>> found.pairs.tolist(), found.indices.tolist()
    ([[0, 2], [1, 3]], [0, 1])
    >>> leanset.duplicates([[0.0], [5.0]], within=0.2, against=[[5.1]]).indices.tolist()
    [0]
    """
    if isinstance(within, bool) or not isinstance(within, int | float | np.integer | np.floating):
        raise TypeError(f"within must be a number, not {within!r}")
    radius = float(within)
    if not 0 <= radius < np.inf:
        raise ValueError(f"within must be a finite number of at least 0, not {within!r}")
    if metric == "cosine" and radius > 2:
        raise ValueError(f"within must be at most 2 for metric='cosine', not {within!r}")
    scale = scale_of(scale, metric)
    x = _features(X, "X", features, scale, None)
    other = None if against is None else _features(against, "against", features, scale, x)
    if other is not None and other.values.shape[1] != x.values.shape[1]:
        raise hinted(
            ValueError(f"against has {other.values.shape[1]} features per row, but X has {x.values.shape[1]}"),
            "pass tables with the same columns",
        )
    warn(list(x.notes))
    # Between rows of unit length, the squared Euclidean distance is twice the cosine distance.
    euclidean = np.sqrt(2 * radius) if metric == "cosine" else radius
    rows, others, distances, kept, group = _leanset.duplicates(
        x.values, euclidean, MOST, None if other is None else other.values, n_jobs
    )
    if metric == "cosine":
        distances = distances**2 / 2
    identity = Identity.of(x, Labels(None, np.array(["all"]), np.zeros(x.rows, dtype=np.uint32)))
    pairs = np.column_stack([rows, others])
    return Duplicates(fixed(pairs), fixed(distances), fixed(kept), fixed(group), radius, metric, identity)


def _features(X: Any, name: str, chosen: Any, scale: str | None, like: Features | None) -> Features:
    return features(X, name=name, who="duplicates", chosen=chosen, scale=scale, like=like)
