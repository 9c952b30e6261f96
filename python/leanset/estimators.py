"""The estimators: one class a registered method, made when this is imported. Types are in the stub beside it."""

from __future__ import annotations

from leanset._estimator import estimator
from leanset._registry import METHODS

__all__: list[str] = []

for _method in METHODS:
    _made = estimator(_method)
    for _name in (_made.__name__, *_method.abbreviations):
        globals()[_name] = _made
        __all__.append(_name)
del _method, _made, _name
