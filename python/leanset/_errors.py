"""Exceptions of scikit-learn where it is loaded, and their like where it is not."""

from __future__ import annotations

import sys


class NotFittedError(ValueError, AttributeError):
    """An estimator is used before it is fitted. scikit-learn's own is raised instead where scikit-learn is in use."""


def not_fitted(estimator: object) -> ValueError:
    """The exception for an estimator that is not fitted yet."""
    name = type(estimator).__name__
    message = f"This {name} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator."
    theirs = sys.modules.get("sklearn.exceptions")
    kind = NotFittedError if theirs is None else theirs.NotFittedError
    found: ValueError = kind(message)
    return found
