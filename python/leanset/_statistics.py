"""Medians with intervals and paired tests, as experiments of the command line have them: computed in Rust."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from leanset import _leanset


class Median(NamedTuple):
    """A median with its interval.

    Attributes
    ----------
    value, low, high : float
        The median and the ends of its interval.
    coverage : float
        The probability with which such an interval holds the median: 0.95 or more of six values or more.
    n : int
        Number of values.
    """

    value: float
    low: float
    high: float
    coverage: float
    n: int


class Paired(NamedTuple):
    """A paired comparison.

    Attributes
    ----------
    difference : Median
        The median of the differences.
    p : float
        The two-sided p-value of Wilcoxon's signed-rank test, exact.
    verdict : str
        "yes" (above 0), "no" (below 0) or "cannot tell".
    """

    difference: Median
    p: float
    verdict: str


NAN = float("nan")
UNKNOWN = Median(NAN, NAN, NAN, 0.0, 0)


def median(values: Iterable[float]) -> Median:
    """The median of some values; NaN is left out."""
    found = _leanset.median(list(values))
    return UNKNOWN if found is None else Median(*found)


def paired(differences: Iterable[float]) -> Paired:
    """Whether paired differences are above 0."""
    found = _leanset.paired(list(differences))
    return Paired(UNKNOWN, 1.0, "cannot tell") if found is None else Paired(Median(*found[0]), found[1], found[2])
