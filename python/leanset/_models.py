"""What is done with scikit-learn estimators: clones, seeds, sample weights, and the coordinates that their own steps make.

scikit-learn is imported inside functions, so that the package does without it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset._convert import features, take
from leanset._encode import Points
from leanset._frames import Column, columns, is_sparse
from leanset._labels import Ids, Labels, labels
from leanset._errors import hinted
from leanset._lists import is_lists, library

#: The transform of the default of the command line: each column to [0, 1].
MINMAX = "minmax"


def require(who: str) -> None:
    """scikit-learn must be installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise hinted(ImportError(f"{who} needs scikit-learn, which is not installed"), "pip install scikit-learn") from error


def check_classifier(estimator: Any, who: str) -> None:
    """An unfitted classifier, or a pipeline that ends in one."""
    from sklearn.base import is_regressor

    if isinstance(estimator, type):
        raise hinted(
            TypeError(f"{who}: estimator must be an instance, not the class {estimator.__name__}"), f"{estimator.__name__}()"
        )
    missing = [name for name in ("fit", "predict", "get_params") if not hasattr(estimator, name)]
    if missing:
        raise TypeError(f"{who}: estimator must be a classifier of scikit-learn, but {estimator!r} has no {missing[0]}")
    with contextlib.suppress(AttributeError):
        if is_regressor(estimator):
            raise ValueError(f"{who}: estimator must be a classifier, but {type(estimator).__name__} is a regressor")


def seeded(estimator: Any, seed: int) -> Any:
    """An unfitted copy of which every `random_state` is `seed`, also those of the steps of a pipeline."""
    from sklearn.base import clone

    copy = clone(estimator)
    names = copy.get_params(deep=True)
    own = [name for name in names if name == "random_state" or name.endswith("__random_state")]
    return copy.set_params(**dict.fromkeys(own, seed)) if own else copy


def weight_key(estimator: Any) -> str | None:
    """The argument of `fit` by which an estimator takes the weights of rows: `sample_weight`, or `step__sample_weight` of a
    pipeline. None if it takes none."""
    parameters = inspect.signature(estimator.fit).parameters
    if "sample_weight" in parameters:
        return "sample_weight"
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()) or _routes():
        return None
    steps = getattr(estimator, "steps", None)
    if steps:
        name, last = steps[-1]
        inner = None if last in (None, "passthrough") else weight_key(last)
        return None if inner is None else f"{name}__{inner}"
    # A search passes on what `fit` gets.
    inside = getattr(estimator, "estimator", None)
    return weight_key(inside) if hasattr(inside, "fit") and not isinstance(inside, type) else None


def _routes() -> bool:
    """Whether arguments of `fit` go where estimators request them, and not where their name says."""
    import sklearn

    return bool(sklearn.get_config().get("enable_metadata_routing", False))


def table_like(X: Any) -> Any:
    """X as something of which rows can be taken: frames and arrays as they are, lists as an array."""
    return X if hasattr(X, "shape") or hasattr(X, "columns") else np.asarray(X)


def classes_of(X: Any, y: Any, who: str) -> Labels:
    """The classes of y, at least two."""
    found = labels(y, int(X.shape[0]), who=who)
    if found.one_hot:
        raise hinted(ValueError(f"{who}: y must be a column of classes, not one column per class"), "y.argmax(axis=1)")
    if len(found.classes) < 2:
        raise ValueError(f"{who}: y has one class, {found.classes.tolist()[0]!r}: there is nothing to learn")
    return found


def scaled_weights(weights: npt.NDArray[np.float64], codes: npt.NDArray[Any], sizes: Ids) -> npt.NDArray[np.float64] | None:
    """Weights scaled so that those of each class sum to its rows, as in experiments; None if those of a class sum to nothing."""
    sums = np.bincount(codes, weights=weights, minlength=len(sizes))
    present = sums[codes]
    if not (np.isfinite(present).all() and (present > 0).all()):
        return None
    scaled: npt.NDArray[np.float64] = weights * (sizes / np.where(sums > 0, sums, 1.0))[codes]
    return scaled


def not_numeric(X: Any) -> list[str]:
    """The columns from which no distance can be computed as they are, as text."""
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "OSU":
        return [str(j) for j in range(X.shape[1]) if any(isinstance(value, str) for value in X[:, j])]
    every = (Column.of(label, values) for label, values in columns(X))
    return [repr(column.label) for column in every if column.kind not in ("number", "boolean", "lists")]


@dataclass(frozen=True)
class Coordinates:
    """How rows become the points between which distances are measured. It is fitted on the rows that it is asked for."""

    #: None, `minmax`, or an unfitted transformer.
    transform: Any
    X: Any
    y: npt.NDArray[Any]
    #: The points before scaling, where no transformer makes them.
    values: Points | None

    @classmethod
    def of(cls, transform: Any, estimator: Any, X: Any, y: npt.NDArray[Any], who: str) -> Coordinates:
        """Checks `transform`: None, `minmax`, the name of a step of the estimator, or a transformer."""
        steps = getattr(estimator, "steps", None) or []
        names = [name for name, _ in steps]
        if isinstance(transform, str) and transform in names:
            at = names.index(transform)
            if at + 1 == len(names):
                raise ValueError(f"{who}: transform={transform!r} is the last step of the estimator, which classifies")
            return cls(estimator[: at + 1], X, y, None)
        if isinstance(transform, str) and transform != MINMAX:
            known = ", ".join(map(repr, names[:-1]))
            raise hinted(
                ValueError(
                    f"{who}: transform={transform!r} is neither 'minmax' nor "
                    + (
                        f"a step before the last of the estimator, which has {known}"
                        if known
                        else f"a step of the estimator: {type(estimator).__name__} has no steps before it"
                    )
                ),
                "pass a transformer, e.g. transform=sklearn.preprocessing.StandardScaler()",
            )
        if transform is not None and transform != MINMAX:
            if isinstance(transform, type) or not (hasattr(transform, "fit_transform") or hasattr(transform, "transform")):
                raise TypeError(
                    f"{who}: transform must be 'minmax', None, the name of a step of the estimator or a transformer, "
                    f"not {transform!r}"
                )
            return cls(transform, X, y, None)
        if is_sparse(X):
            raise hinted(
                TypeError(f"{who}: X is sparse, but distances need dense coordinates"),
                "transform=sklearn.decomposition.TruncatedSVD(50) makes some; the estimator still gets X",
            )
        mixed = not_numeric(X)
        if mixed:
            some = ", ".join(mixed[:5]) + (f" and {len(mixed) - 5} others" if len(mixed) > 5 else "")
            plural = "columns" if len(mixed) > 1 else "column"
            raise hinted(
                ValueError(
                    f"{who}: distances need numbers, but {plural} {some} of X {'are' if len(mixed) > 1 else 'is'} not numeric"
                ),
                f"transform={names[0]!r} measures distances in what this step of the estimator makes of X"
                if len(names) > 1
                else "transform= takes a transformer for the distances alone, e.g. "
                "make_column_transformer((OneHotEncoder(), "
                f"[{mixed[0]}]), remainder=MinMaxScaler())",
            )
        if getattr(X, "ndim", 2) == 1 and not is_lists(X):
            raise hinted(
                ValueError(f"{who}: distances need numbers, but X is one column, as texts are"),
                f"transform={names[0]!r} measures distances in what this step of the estimator makes of X"
                if len(names) > 1
                else "transform= takes a transformer for the distances alone, e.g. make_pipeline(TfidfVectorizer(), TruncatedSVD(50))",
            )
        values = features(X, scale="none").values
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row, column = (int(at) for at in np.argwhere(~np.isfinite(values))[0])
            what = "NaN" if np.isnan(values[row, column]) else "infinity"
            raise hinted(
                ValueError(f"{who}: distances need numbers, but X contains {what}: row {row}, column {column}"),
                "transform=make_pipeline(SimpleImputer(), MinMaxScaler()) fills them for the distances alone; the "
                "estimator still gets X",
            )
        return cls(transform, X, y, values)

    def points(self, rows: Ids) -> Points:
        """The points of some rows, by what is fitted on these rows alone."""
        if self.values is not None:
            chosen = self.values[rows]
            if self.transform is None:
                return chosen
            from sklearn.preprocessing import MinMaxScaler

            scaled: Points = MinMaxScaler().fit_transform(chosen)
            return scaled
        return transformed(self.transform, take(self.X, rows), self.y[rows])[0]

    def pair(self, rows: Ids, others: Ids) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The points of some rows and of others, by what is fitted on the former alone."""
        both: tuple[Any, ...]
        if self.values is None:
            both = transformed(self.transform, take(self.X, rows), self.y[rows], take(self.X, others))
        elif self.transform is None:
            both = self.values[rows], self.values[others]
        else:
            from sklearn.preprocessing import MinMaxScaler

            scaler = MinMaxScaler().fit(self.values[rows])
            both = scaler.transform(self.values[rows]), scaler.transform(self.values[others])
        first, second = (np.ascontiguousarray(points, dtype=np.float64) for points in both)
        return first, second


def transformed(transform: Any, X: Any, y: Any, *others: Any) -> tuple[Points, ...]:
    """The points that a transformer makes of rows after it is fitted on them, and of others."""
    from sklearn.base import clone

    copy = clone(transform)
    made = [copy.fit_transform(X, y) if hasattr(copy, "fit_transform") else copy.fit(X, y).transform(X)]
    made += [copy.transform(other) for other in others]
    return tuple(features(one, name="what transform makes of X", scale="none").values for one in made)


@contextlib.contextmanager
def noting(note: str) -> Iterator[None]:
    """Adds to an exception where it came from."""
    try:
        yield
    except Exception as error:
        error.add_note(note)
        raise
