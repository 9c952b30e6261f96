"""`sampling_strategy`: how many rows to keep, with the types and words of imbalanced-learn."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from leanset._labels import ClassSizes, Ids, Labels

SamplingStrategy: TypeAlias = float | int | str | Mapping[Any, int] | Callable[[Any], Any]
Budget: TypeAlias = float | int | list[int]

WORDS = ("auto", "not minority", "majority", "not majority", "all")


def budget(strategy: Any, labels: Labels | ClassSizes, *, whole: bool, who: str) -> Budget:
    """Convert a strategy to a budget. `whole`: the method chooses over all classes at once."""
    if labels.parent is not None:
        # Words and dicts are of classes, and groups share what they say of each.
        classes, of_stratum = labels.parent
        found = budget(strategy, replace(classes, original=labels.original), whole=whole, who=who)
        return _shared(found, labels.sizes, of_stratum) if isinstance(found, list) else found
    if callable(strategy):
        found = strategy(labels.original)
        if callable(found):
            raise TypeError("sampling_strategy is a callable that returns a callable; it must return a number or a dict")
        return budget(found, labels, whole=whole, who=who)
    if isinstance(strategy, str):
        return _words(strategy, labels, whole=whole, who=who)
    if isinstance(strategy, Mapping):
        return _per_class(strategy, labels)
    if isinstance(strategy, bool | np.bool_):
        raise _refused(strategy, who)
    if isinstance(strategy, numbers.Integral):
        count = int(strategy)
        if count < 0:
            raise _refused(strategy, who)
        return count
    if isinstance(strategy, numbers.Real):
        return float(strategy)
    raise _refused(strategy, who)


def _shared(counts: list[int], sizes: Ids, of_stratum: Ids) -> list[int]:
    """The rows of each stratum: what its class keeps, in proportion to the rows of the strata, by largest remainder."""
    found = np.zeros(len(sizes), dtype=np.int64)
    for code, count in enumerate(counts):
        own = np.flatnonzero(of_stratum == code)
        exact = count * sizes[own] / max(int(sizes[own].sum()), 1)
        found[own] = np.floor(exact).astype(np.int64)
        rest = np.argsort(-(exact - found[own]), kind="stable")[: count - int(found[own].sum())]
        found[own[rest]] += 1
    return [int(n) for n in found]


def _refused(value: Any, who: str) -> ValueError:
    return ValueError(
        f"The 'sampling_strategy' parameter of {who} must be a float in (0, 1] (the fraction of rows to keep), an int "
        f"of at least 1 (the number of rows), a dict of numbers per class, one of {', '.join(map(repr, WORDS))}, or a callable. "
        f"Got {value!r} instead."
    )


def _words(word: str, labels: Labels | ClassSizes, *, whole: bool, who: str) -> Budget:
    """Reduce the classes that the word names to the size of the smallest class; keep all rows of the others."""
    if word not in WORDS:
        raise _refused(word, who)
    sizes = labels.sizes
    there = np.flatnonzero(sizes)
    if len(there) < 2:
        error = ValueError(
            f"The target 'y' needs to have more than 1 class for sampling_strategy={word!r}, which balances classes. "
            "Got 1 class instead"
        )
        error.add_note("hint: give a float (the fraction of rows to keep) or an int (their number)")
        raise error
    least, most = there[sizes[there].argmin()], there[sizes[there].argmax()]
    reduced = {
        "auto": [k for k in there if k != least],
        "not minority": [k for k in there if k != least],
        "majority": [most],
        "not majority": [k for k in there if k != most],
        "all": list(there),
    }[word]
    counts = sizes.copy()
    counts[reduced] = sizes[least]
    if (counts == sizes).all():
        from leanset._result import warn

        warn([(
            "nothing-dropped", f"sampling_strategy={word!r} keeps all rows, because every class has {sizes[least]:,} rows already",
            "give a float (the fraction of rows to keep) or an int (their number)",
        )])
    # A method that chooses over all classes at once keeps as many in all, and shares them as its scores say.
    return int(counts.sum()) if whole else [int(c) for c in counts]


def _per_class(given: Mapping[Any, Any], labels: Labels | ClassSizes) -> list[int]:
    """Rows per class. As in imbalanced-learn, a class that is not named keeps all rows."""
    known = {label: code for code, label in enumerate(labels.classes.tolist())}
    counts = [int(c) for c in labels.sizes]
    for label, count in given.items():
        key = label.item() if isinstance(label, np.generic) else label
        if key not in known:
            raise ValueError(
                f"The {{{key!r}}} target class is/are not present in the data: sampling_strategy names class {key!r}, "
                f"but the classes of y are {list(known)[:10]}"
            )
        if isinstance(count, bool) or not isinstance(count, numbers.Integral) or int(count) < 0:
            raise ValueError(f"sampling_strategy[{key!r}] must be a whole number of at least 0, not {count!r}")
        rows = counts[known[key]]
        if int(count) > rows:
            raise ValueError(
                f"With under-sampling methods, the number of samples in a class should be less or equal to the original "
                f"number of samples: sampling_strategy[{key!r}] is {count}, but the class has {rows} rows"
            )
        counts[known[key]] = int(count)
    return counts
