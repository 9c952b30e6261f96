"""`ReducedClassifier`: an estimator that is fitted on the rows that a sampler keeps."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from leanset._convert import take
from leanset._frames import column_names
from leanset._labels import Ids, labels
from leanset._errors import hinted, not_fitted
from leanset._estimator import BaseReducer
from leanset._models import Coordinates, check_classifier, require, scaled_weights, table_like, weight_key
from leanset._params import REQUIRED, Parameters
from leanset._results import Reduction


class Delegated:
    """A method that is there where the inner estimator has it."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        if owner is None:
            return self.method
        inner = owner.__dict__.get("estimator_", owner.estimator)
        if not hasattr(inner, self.method.__name__):
            raise AttributeError(
                f"{type(owner).__name__!r} object has no attribute {self.method.__name__!r}: {type(inner).__name__} has none"
            )
        return MethodType(self.method, owner)


class ReducedClassifier(Parameters):
    """A classifier that is fitted on the rows that a sampler keeps, and predicts as the inner estimator does.

    It works in pipelines, grid searches and cross-validation of scikit-learn: rows are selected from the training part alone.

    Parameters
    ----------
    estimator : estimator
        A classifier or a pipeline. It is copied, and fitted on the kept rows.
    sampler : estimator
        An unfitted sampler of leanset, such as ``leanset.Energy(sampling_strategy=0.1)``, or another one with `fit_resample` and
        `sample_indices_`.
    transformer : {"minmax"}, None, str or transformer, default=None
        What the sampler gets, and distances are computed from; the estimator always gets X itself. None is X as it is. "minmax"
        scales each column to [0, 1]. A name is a step of the estimator, which must be a pipeline: all steps up to it are used. Or an
        unfitted transformer.
    weights : bool, default=True
        Whether the estimator is fitted with the weights of the method, if it has some and the estimator takes them: as
        `sample_weight`, scaled so that those of each class sum to the number of its rows.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    sampler_ : estimator
        The fitted sampler.
    kept_ : ndarray of int64
        The rows that it was fitted on, as positions in X. Missing if the sampler generates prototypes.
    weights_ : ndarray of float64 or None
        The weights that it was fitted with.
    reduction_ : Reduction
        What the sampler did. Missing if it is not one of leanset.
    classes_ : ndarray
        The classes.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X has names and all are strings.

    Examples
    --------
    >>> import leanset
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = leanset.ReducedClassifier(KNeighborsClassifier(), leanset.Energy(sampling_strategy=0.3))
    >>> bool(cross_val_score(model, X, y, cv=5).mean() > 0.9)
    True
    >>> len(model.fit(X, y).kept_)
    45
    """

    _defaults: ClassVar[dict[str, Any]] = {"estimator": REQUIRED, "sampler": REQUIRED, "transformer": None, "weights": True}
    _estimator_type: ClassVar[str] = "classifier"

    estimator_: Any
    sampler_: Any
    kept_: Ids
    weights_: npt.NDArray[np.float64] | None
    reduction_: Reduction
    classes_: npt.NDArray[Any]
    n_features_in_: int
    feature_names_in_: npt.NDArray[np.object_]

    def __init__(self, estimator: Any, sampler: Any, *, transformer: Any = None, weights: bool = True) -> None:
        self.estimator = estimator
        self.sampler = sampler
        self.transformer = transformer
        self.weights = weights

    def fit(self, X: Any, y: Any) -> Self:
        """Select rows, and fit a copy of the estimator on them.

        Parameters
        ----------
        X : array-like, frame or Arrow table of shape (n, d)
            Features, as the estimator takes them.
        y : array-like of shape (n,)
            Classes.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument cannot be used; a note says what to do.
        """
        require("ReducedClassifier")
        from sklearn.base import clone

        who = type(self).__name__
        if y is None:
            raise ValueError(f"This {who} estimator requires y to be passed, but the target y is None.")
        check_classifier(self.estimator, who)
        if not hasattr(self.sampler, "fit_resample") or isinstance(self.sampler, type):
            raise hinted(
                TypeError(f"{who}: sampler must be an unfitted sampler with fit_resample, not {self.sampler!r}"),
                "leanset.Energy(sampling_strategy=0.1)",
            )
        if not isinstance(self.weights, bool | np.bool_):
            raise TypeError(f"{who}: weights must be True or False, not {self.weights!r}")
        sampler, estimator = clone(self.sampler), clone(self.estimator)
        points = X
        if self.transformer is not None:
            X = table_like(X)
            own = labels(y, int(X.shape[0]), who=who)
            points = Coordinates.of(self.transformer, self.estimator, X, own.classes[own.codes], who).points(
                np.arange(len(own.codes))
            )
        if isinstance(sampler, BaseReducer) and not sampler._generates_prototypes():
            sampler.fit(points, y)
            kept_X = kept_y = None
        else:
            kept_X, kept_y = sampler.fit_resample(points, y)
        rows_kept = getattr(sampler, "sample_indices_", None)
        if rows_kept is not None:
            rows_kept = np.asarray(rows_kept, dtype=np.int64)
            kept_X, kept_y = take(X, rows_kept), take(y, rows_kept)
        elif self.transformer is not None:
            raise hinted(
                ValueError(
                    f"{who}: {type(sampler).__name__} generates prototypes in what transformer makes of X, which are no rows of X"
                ),
                "use transformer=None, or a sampler that keeps rows",
            )
        weights = self._weights(sampler)
        key = weight_key(estimator)
        with_weights = weights is not None and key is not None
        estimator.fit(kept_X, kept_y, **({str(key): weights} if with_weights else {}))
        # What an earlier fit has left would be of other rows.
        for name in [name for name in self.__dict__ if name.endswith("_")]:
            del self.__dict__[name]
        self.estimator_, self.sampler_ = estimator, sampler
        self.weights_ = weights if with_weights else None
        if rows_kept is not None:
            self.kept_ = rows_kept
        if isinstance(sampler, BaseReducer):
            self.reduction_ = sampler.reduction_
        self.classes_ = np.asarray(estimator.classes_) if hasattr(estimator, "classes_") else np.unique(np.asarray(kept_y))
        self.n_features_in_ = int(X.shape[1]) if len(getattr(X, "shape", ())) > 1 else int(sampler.n_features_in_)
        names = column_names(X)
        if names is not None:
            self.feature_names_in_ = names
        return self

    def _weights(self, sampler: Any) -> npt.NDArray[np.float64] | None:
        """The weights of the kept rows, scaled; None if there are none."""
        if not self.weights or not isinstance(sampler, BaseReducer) or not hasattr(sampler, "weights_"):
            return None
        reduction = sampler.reduction_
        names = list(reduction.rows)
        sizes = np.array(list(reduction.rows.values()), dtype=np.int64)
        codes = np.empty(len(sampler.weights_), dtype=np.int64)
        if reduction.indices is None or reduction.order is None:
            codes = np.repeat(np.arange(len(names)), list(reduction.counts.values()))
        else:
            # The order is class by class, the weights are by row.
            codes[np.argsort(np.argsort(reduction.order))] = np.repeat(np.arange(len(names)), list(reduction.counts.values()))
        return scaled_weights(sampler.weights_, codes, sizes)

    def _fitted(self) -> Any:
        if "estimator_" not in self.__dict__:
            raise not_fitted(self)
        return self.estimator_

    def predict(self, X: Any) -> Any:
        """Predict the classes of rows.

        Parameters
        ----------
        X : array-like or frame of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        return self._fitted().predict(X)

    @Delegated
    def predict_proba(self, X: Any) -> Any:
        """Predict the probabilities of the classes. Only if the estimator has them.

        Parameters
        ----------
        X : array-like or frame of shape (n, d)

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        return self._fitted().predict_proba(X)

    @Delegated
    def predict_log_proba(self, X: Any) -> Any:
        """Predict the logarithms of the probabilities of the classes. Only if the estimator has them.

        Parameters
        ----------
        X : array-like or frame of shape (n, d)

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        return self._fitted().predict_log_proba(X)

    @Delegated
    def decision_function(self, X: Any) -> Any:
        """Compute the scores of the classes. Only if the estimator has them.

        Parameters
        ----------
        X : array-like or frame of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) or (n, n_classes)
        """
        return self._fitted().decision_function(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the accuracy on other rows.

        Parameters
        ----------
        X : array-like or frame of shape (n, d)
        y : array-like of shape (n,)
            Their classes.
        sample_weight : array-like of shape (n,), optional
            Their weights.

        Returns
        -------
        float
        """
        predicted = self.predict(X)
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def __sklearn_is_fitted__(self) -> bool:
        return "estimator_" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        """Those of the estimator, as far as the sampler does not limit them."""
        import copy

        from sklearn.utils import get_tags

        tags = copy.deepcopy(get_tags(self.estimator))
        tags.target_tags.required = True
        tags.target_tags.multi_output = tags.array_api_support = False
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
        sampler = get_tags(self.sampler).input_tags
        tags.input_tags.sparse = bool(tags.input_tags.sparse and sampler.sparse and self.transformer is None)
        tags.input_tags.allow_nan = bool(tags.input_tags.allow_nan and sampler.allow_nan)
        return tags
