"""The estimators: one class a registered method, made when this is imported. Types are in the stub beside it."""

from __future__ import annotations

from typing import Any, Literal

from leanset._estimator import estimator
from leanset._registry import METHODS

__all__: list[str] = []


def _make() -> None:
    for method in METHODS:
        made = estimator(method)
        # A class of its own, so that what prints, and the steps of a pipeline, are named as they were called.
        short = type(method.abbreviation, (made,), {"__doc__": made.__doc__, "__module__": __name__})
        for kind in (made, short):
            globals()[kind.__name__] = kind
            __all__.append(kind.__name__)


_make()

#: Every name by which a method is known, for type checkers.
MethodName: Any = Literal[tuple(name for method in METHODS for name in (method.id, *method.aliases))]  # type: ignore[valid-type]
