"""Exceptions of scikit-learn if it is loaded, otherwise equivalent ones."""

from __future__ import annotations

import sys
from typing import TypeVar

E = TypeVar("E", bound=Exception)


class NotFittedError(ValueError, AttributeError):
    """An estimator was used before `fit`. If scikit-learn is loaded, its own exception is raised instead."""


def not_fitted(estimator: object) -> ValueError:
    """The exception for an estimator that is not fitted yet."""
    name = type(estimator).__name__
    message = f"This {name} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator."
    theirs = sys.modules.get("sklearn.exceptions")
    kind = NotFittedError if theirs is None else theirs.NotFittedError
    found: ValueError = kind(message)
    return found


def hinted(error: E, hint: str) -> E:
    """An exception with a note that says the way out."""
    error.add_note(f"hint: {hint}")
    return error
