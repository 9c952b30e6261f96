"""The estimators: one class a registered method, made when this is imported. Types are in the stub beside it."""

from __future__ import annotations

from leanset._estimator import estimator
from leanset._registry import METHODS

__all__: list[str] = []


def _make() -> None:
    for method in METHODS:
        made = estimator(method)
        for name in (made.__name__, *method.abbreviations):
            globals()[name] = made
            __all__.append(name)


_make()
