"""The base class of all estimators. It has the interface of scikit-learn and imbalanced-learn but needs neither of them: it
implements their methods (`get_params`, `__sklearn_tags__`, …) instead of inheriting from their classes.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._budget import SamplingStrategy
from leanset._convert import Identity, prototype_labels, prototypes, take
from leanset._labels import Ids
from leanset._errors import not_fitted
from leanset._errors import hinted
from leanset._functions import METRICS, Request, given_params, table_of
from leanset._params import Parameters
from leanset._registry import METHODS, Method, find
from leanset._epsilon import Epsilon, EpsilonCurve
from leanset._results import Ranking, Reduction

if TYPE_CHECKING:
    from leanset.estimators import MethodName
    from leanset.training import Dynamics, ForgettingLog, Trainer

TX = TypeVar("TX")
TY = TypeVar("TY")

#: Parameters that every estimator has, with their defaults, in the order in which they are listed.
COMMON: dict[str, Any] = {
    "sampling_strategy": "auto",
    "random_state": 0,
    "n_jobs": None,
    "allow_empty_classes": False,
    "epsilon": None,
    "guard": None,
    "balance": "proportional",
    "features": None,
    "scale": None,
    "metric": "euclidean",
}


#: Attributes that `fit` sets.
FITTED = (
    "n_features_in_", "feature_names_in_", "sampling_strategy_", "classes_", "sample_indices_", "weights_", "sample_weight_", "ranking_",
    "scores_", "epsilon_", "epsilon_curve_", "reduction_",
)


class BaseReducer(Parameters):
    """Base class of the estimators. Use one of the classes in `leanset.estimators`, or `leanset.Reducer`."""

    _method: Method
    _estimator_type: ClassVar[str] = "sampler"

    sampling_strategy: SamplingStrategy
    random_state: int | np.random.RandomState | np.random.Generator | None
    n_jobs: int | None
    allow_empty_classes: bool
    epsilon: str | None
    guard: str | None
    balance: str
    features: Any
    scale: str | None
    metric: str

    n_features_in_: int
    feature_names_in_: npt.NDArray[np.object_]
    sampling_strategy_: dict[Any, int]
    classes_: npt.NDArray[Any]
    sample_indices_: Ids
    weights_: npt.NDArray[np.float64]
    sample_weight_: npt.NDArray[np.float64]
    ranking_: Ranking
    scores_: npt.NDArray[np.float64]
    epsilon_: Epsilon
    epsilon_curve_: EpsilonCurve
    reduction_: Reduction
    _rows: int

    def __getattr__(self, name: str) -> Any:
        if name == "scores_" and "ranking_" in self.__dict__:
            # Made when it is asked for: a number a row is much beside a few kept rows.
            scores = np.full(self._rows, np.nan)
            scores[self.ranking_.rows] = self.ranking_.scores
            self.__dict__[name] = scores
            return scores
        if name == "sample_weight_" and "reduction_" in self.__dict__:
            return self.reduction_.sample_weight
        # Only what is not there is asked here: say why.
        if name in FITTED:
            if "reduction_" not in self.__dict__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r} before 'fit'")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}: {self._why_not(name)}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _why_not(self, name: str) -> str:
        match name:
            case "epsilon_" | "epsilon_curve_" if self.reduction_.epsilon is None:
                return "set epsilon='chebyshev' (or another metric) to measure it"
            case "ranking_" | "scores_" | "epsilon_curve_":
                return f"{self._method.id} does not rank rows with these parameters"
            case "weights_":
                return f"{self._method.id} has no weights"
            case "sample_indices_":
                return f"{self._method.id} generates prototypes with these parameters, which are not rows of X"
            case _:
                return "X has no column names, or not all of them are strings"

    def __sklearn_tags__(self) -> Any:
        """Tags of scikit-learn, or of imbalanced-learn where that is loaded."""
        import sys

        from sklearn.utils import InputTags, Tags, TargetTags

        # Without coordinates, anything that has rows is taken.
        anything = not self._method.uses_coordinates and not self._method.uses_dynamics and self.epsilon is None
        target = TargetTags(required=False)
        theirs = sys.modules.get("imblearn.utils._tags")
        if theirs is None:
            inputs = InputTags(sparse=True, allow_nan=anything, string=anything, categorical=anything)
            return Tags(estimator_type="sampler", target_tags=target, input_tags=inputs)
        tags = theirs.Tags(estimator_type="sampler", target_tags=target)
        tags.input_tags = theirs.InputTags(sparse=True, dataframe=True, allow_nan=anything, string=anything, categorical=anything)
        tags.sampler_tags = theirs.SamplerTags(sample_indices=not self._generates_prototypes())
        return tags

    def _generates_prototypes(self) -> bool:
        return _leanset.examine(self._method.id, self._own_params())[2]

    def _own_params(self) -> list[tuple[str, Any]]:
        return given_params(self._given())

    def _given(self) -> dict[str, Any]:
        """The parameters of the method."""
        return {p.name: getattr(self, p.name) for p in self._method.parameters}

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in ("scores_",) if "ranking_" in self.__dict__)})

    def __sklearn_is_fitted__(self) -> bool:
        return "reduction_" in self.__dict__

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the output columns, which are those of the input.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names to use if X had none. Otherwise they must equal those of X.

        Returns
        -------
        ndarray of str

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        if not self.__sklearn_is_fitted__():
            raise not_fitted(self)
        own = self.__dict__.get("feature_names_in_")
        if input_features is None:
            return own if own is not None else np.array([f"x{j}" for j in range(self.n_features_in_)], dtype=object)
        names = np.asarray(input_features, dtype=object)
        if own is not None and not np.array_equal(own, names):
            raise ValueError("input_features is not equal to feature_names_in_")
        if len(names) != self.n_features_in_:
            raise ValueError(
                f"input_features should have length equal to number of features ({self.n_features_in_}), got {len(names)}"
            )
        return names

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        target: tuple[Any, Any] | None = None,
        dynamics: Dynamics | ForgettingLog | None = None,
        stratify: Any = None,
        groups: Any = None,
    ) -> Self:
        """Select rows.

        Parameters
        ----------
        X : array-like, frame, Arrow table, tensor, Hugging Face dataset or sparse matrix of shape (n_samples, n_features)
            Features. C-contiguous float32 and float64 arrays are not copied; anything else is copied once. Methods that do not use
            coordinates, such as stratified-random, take anything that has rows.
        y : array-like of shape (n_samples,), optional
            Labels of any dtype, or one 0/1 column per class. Without labels, all rows are one class.
        target : pair (X, y), optional
            Another table that the kept rows should represent, for methods that support a target.
        dynamics : ForgettingLog or Dynamics, optional
            Training dynamics, for methods that use them. Without them, the built-in trainer trains a model first, with the
            settings in `trainer`.
        stratify : array-like of shape (n_samples,) or (n_samples, k), optional
            Strata to choose within in place of y, for regression and for several labels per row.
        groups : array-like of shape (n_samples,), optional
            The group of each row, such as a patient. Every group keeps its share of the rows of each class.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument cannot be used. The message names the parameter, the constraint and the value; a note says what
            to do.
        KeyboardInterrupt
            If you press Ctrl-C.
        """
        self._fit(X, y, target, dynamics, stratify, groups)
        return self

    def fit_resample(
        self,
        X: TX,
        y: TY = None,  # type: ignore[assignment]
        *,
        target: tuple[Any, Any] | None = None,
        dynamics: Dynamics | ForgettingLog | None = None,
        stratify: Any = None,
        groups: Any = None,
    ) -> tuple[TX, TY]:
        """Select rows and return them.

        Parameters
        ----------
        X, y, target, dynamics, stratify, groups
            As in `fit`.

        Returns
        -------
        X_resampled, y_resampled
            The kept rows, in the order of the input and in the type of X and y: arrays, lists, or frames with their index and
            dtypes. Generated prototypes come class by class; they have the dtype of X if that is float32 or float64.

        Raises
        ------
        ValueError, TypeError, KeyboardInterrupt
            As in `fit`.
        """
        request, result = self._fit(X, y, target, dynamics, stratify, groups)
        if result["rows"] is not None:
            return take(X, self.sample_indices_), take(y, self.sample_indices_)
        codes = np.repeat(np.arange(len(request.y.classes), dtype=np.uint32), result["counts"])
        return prototypes(request.x, result["points"]), prototype_labels(request.y, codes)

    def _fit(
        self, X: Any, y: Any, target: Any, dynamics: Any, stratify: Any, groups: Any
    ) -> tuple[Request, dict[str, Any]]:
        who = type(self).__name__
        if self.epsilon is not None and self.epsilon not in METRICS:
            raise ValueError(f"epsilon must be None or one of {', '.join(METRICS)}, not {self.epsilon!r}")
        if not isinstance(self.allow_empty_classes, bool | np.bool_):
            raise TypeError(f"allow_empty_classes must be True or False, not {self.allow_empty_classes!r}")
        request = Request.of(
            self._method, self._given(), X, y, random_state=self.random_state, n_jobs=self.n_jobs, target=target,
            dynamics=dynamics, trainer=getattr(self, "trainer", None), who=who, guard=self.guard, chosen=self.features,
            scale=self.scale, metric=self.metric, stratify=stratify, groups=groups, measured=self.epsilon is not None,
        )
        result = request.reduce(
            self.sampling_strategy, allow_empty=bool(self.allow_empty_classes), who=who, balance=self.balance
        )
        used = json.loads(result["parameters"])
        found = request.reduction(result, used)
        # What an earlier fit has left would be of other rows.
        for name in [n for n in FITTED if n in self.__dict__]:
            del self.__dict__[name]
        self.n_features_in_ = request.x.columns
        if request.x.names is not None:
            self.feature_names_in_ = request.x.names
        self.classes_ = request.y.classes
        self.sampling_strategy_ = dict(found.counts)
        if found.indices is not None:
            self.sample_indices_ = found.indices
        if found.weights is not None:
            self.weights_ = found.weights
        if result["ranking"] is not None:
            identity = result["identity"]
            self.ranking_ = Ranking(result["ranking"], request.y.known(), self._method.id, used, request.seed, identity)
            self._rows = request.x.rows
        if self.epsilon is not None:
            found = request.measured(found, result, self.epsilon)
            assert found.epsilon is not None
            self.epsilon_ = found.epsilon
            if result["ranking"] is not None:
                part = len(found) / request.x.rows
                ratios = [r / 100 for r in range(1, 101) if r / 100 < part] + [part]
                cuts = _leanset.epsilon_curve(
                    table_of(request.x, request.y), result["ranking"], ratios, True, self.epsilon, request.n_jobs
                )
                self.epsilon_curve_ = EpsilonCurve.of(cuts, self.epsilon)
        self.reduction_ = found
        return request, result


class Reducer(BaseReducer):
    """Any method by its name, for pipelines and searches over methods.

    Parameters
    ----------
    method : str, default="energy"
        The name or alias of a method (`leanset.methods()`).
    sampling_strategy, random_state, n_jobs, allow_empty_classes, epsilon, guard, balance, features, scale, metric
        As in the class of every method.
    trainer : Trainer, optional
        Settings of the built-in trainer, for methods that use training dynamics.
    **params
        Parameters of the method, such as `start` of maxmin. `fit` checks that the method has them.

    Examples
    --------
    >>> import numpy as np, leanset
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> y = np.repeat(["a", "b", "c"], [30, 20, 10])
    >>> reducer = leanset.Reducer("mms", sampling_strategy=0.2, start="first")
    >>> X_lean, y_lean = reducer.fit_resample(X, y)
    >>> X_lean.shape
    (12, 2)
    >>> reducer.set_params(method="srs", start=None).fit(X, y).sample_indices_.shape
    (12,)
    """

    method: str
    trainer: Trainer | None

    def __init__(
        self,
        method: MethodName = "energy",
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: str | None = None,
        guard: str | None = None,
        balance: str = "proportional",
        features: Any = None,
        scale: str | None = None,
        metric: str = "euclidean",
        trainer: Trainer | None = None,
        **params: Any,
    ) -> None:
        self.method = method
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.allow_empty_classes = allow_empty_classes
        self.epsilon = epsilon
        self.guard = guard
        self.balance = balance
        self.features = features
        self.scale = scale
        self.metric = metric
        self.trainer = trainer
        self._own = tuple(params)
        for name, value in params.items():
            setattr(self, name, value)

    @property
    def _method(self) -> Method:  # type: ignore[override]
        return find(self.method)

    def _get_param_names(self) -> list[str]:  # type: ignore[override]
        return sorted(self._defaults)

    @property
    def _defaults(self) -> dict[str, Any]:  # type: ignore[override]
        return {"method": "energy", **COMMON, "trainer": None, **dict.fromkeys(self._own)}

    def set_params(self, **params: Any) -> Self:
        # Parameters of any method may be set, and `fit` checks them: a search sets the method and its parameters in any order.
        known = {parameter.name for method in METHODS for parameter in method.parameters}
        new = [name for name in params if name in known and name not in self._own]
        self._own += tuple(new)
        for name in new:
            setattr(self, name, None)
        return super().set_params(**params)

    def _given(self) -> dict[str, Any]:
        method, given = self._method, {name: getattr(self, name) for name in self._own}
        known = [parameter.name for parameter in method.parameters]
        unknown = next((name for name, value in given.items() if name not in known and value is not None), None)
        if unknown is not None:
            has = ", ".join(known) if known else "none"
            raise hinted(TypeError(f"method {method.id} has no parameter {unknown!r}"), f"its parameters are: {has}")
        return {name: value for name, value in given.items() if value is not None}


def estimator(method: Method) -> type[BaseReducer]:
    """Make the estimator class of a method, with its constructor and documentation."""
    own = {p.name: p.default for p in method.parameters}
    trainer = {"trainer": None} if method.uses_dynamics else {}
    defaults = {**own, **trainer, **COMMON}

    def __init__(self: BaseReducer, **given: Any) -> None:
        for name, default in defaults.items():
            setattr(self, name, given.pop(name, default))
        if given:
            name = next(iter(given))
            error = TypeError(f"{type(self).__name__}() got an unexpected keyword argument {name!r}")
            error.add_note(f"hint: the parameters are {', '.join(defaults)}")
            raise error

    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=d) for n, d in defaults.items()]
    __init__.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{method.class_name}.__init__"
    body = {
        "__init__": __init__,
        "__doc__": documentation(method),
        "__module__": "leanset.estimators",
        "_method": method,
        "_defaults": defaults,
    }
    return type(method.class_name, (BaseReducer,), body)


def documentation(method: Method) -> str:
    """Make the docstring of an estimator from the registry entry of its method."""
    r = method.record
    lines = [f"{r['title']}: `{method.class_name}` or `{method.abbreviation}`.", "", r["summary"], "", "Parameters", "----------"]
    for p in method.parameters:
        lines += [f"{p.name} : {p.constraint}, default={p.default!r}", f"    {p.doc}"]
    if method.uses_dynamics:
        lines += [
            "trainer : Trainer, default=None",
            "    Settings of the built-in trainer, which is used if `fit` gets no `dynamics`. None means `Trainer()`, the paper's network.",
        ]
    lines += COMMON_DOC.strip("\n").split("\n")
    lines += ["", "Attributes", "----------", *ATTRIBUTES_DOC.strip("\n").split("\n"), "", "Notes", "-----"]
    lines += [f"Cost: {r['cost']}. Memory: {r['memory']}.", "", f"Guarantee: {r['guarantee']}.", ""]
    lines += [f"Departures: {r['departures']}.", "", "References", "----------", f"{r['reference']}."]
    lines += ["", "Examples", "--------", *_example(method)]
    return "\n".join(lines) + "\n"


def _example(method: Method) -> list[str]:
    few = ", trainer=leanset.Trainer(epochs=2)" if method.uses_dynamics else ""
    return [
        ">>> import numpy as np, leanset",
        ">>> X = np.random.default_rng(0).normal(size=(60, 2))",
        '>>> y = np.repeat(["a", "b", "c"], [30, 20, 10])',
        f">>> sampler = leanset.{method.class_name}(sampling_strategy=0.2{few})",
        ">>> X_lean, y_lean = sampler.fit_resample(X, y)",
        ">>> X_lean.shape, sorted(set(y_lean.tolist()))",
        "((12, 2), ['a', 'b', 'c'])",
    ]


COMMON_DOC = """
sampling_strategy : float, int, str, dict or callable, default="auto"
    How many rows to keep. A float in (0, 1] is the fraction of all rows, shared among the classes by the largest-remainder
    rule (in imbalanced-learn a float is the ratio of minority to majority). An int is the total number of rows. A dict has
    the number of rows per class; a class that it does not name keeps all rows. The strings are those of imbalanced-learn
    and reduce classes to the size of the smallest: "auto" and "not minority" reduce all classes but the smallest,
    "majority" reduces the largest, "not majority" reduces all but the largest, "all" applies to every class. A method
    that chooses over all classes at once keeps the total number of rows that the string gives, and accepts no dict. A
    callable gets y and returns one of these. If the classes have the same size already, "auto" drops nothing, and a warning says so.
random_state : int, None, RandomState or Generator, default=0
    The seed of all random choices. An int gives the same rows as `--seed` on the command line, and the same rows every
    time. None draws a seed from NumPy's global state; a RandomState or Generator provides its next number.
    `reduction_.seed` is the seed that was used.
n_jobs : int, default=None
    Number of threads; -1 means all, -2 all but one. None uses OMP_NUM_THREADS or RAYON_NUM_THREADS if set, otherwise all.
    The result does not depend on it.
allow_empty_classes : bool, default=False
    Whether a class may lose all its rows. ε is infinite then.
epsilon : {"chebyshev", "euclidean", "manhattan", "cosine"}, default=None
    Measure ε in this metric during `fit`. It sets `epsilon_` and, if the method ranks, `epsilon_curve_`.
guard : {"auto", "on", "off"}, default=None
    Whether rows that their neighbours contradict come last: rows of which another class has more of the 10 nearest rows
    than their own. "auto" puts them last at small budgets only. None is what the method does of itself.
balance : {"proportional", "sqrt", "equal"}, default="proportional"
    How the classes share a fraction or a number of rows: in proportion to their rows, to the square roots of their rows, or
    equally. Words and dicts of `sampling_strategy` say it themselves.
features : list of column names or positions, default=None
    The columns that distances are computed from; the others are carried along. By default all that can be: numbers, true and false, text and
    categories (one 0/1 dimension per category). Dates are carried along unless they are named; then they count in days.
scale : {"minmax", "standard", "unit", "none", "auto"}, default=None
    How numbers are scaled, for distances only: each column to [0, 1]; to mean 0 and standard deviation 1; each row to length 1. "auto" is
    the default of the command line: "minmax", and for embeddings "none". None does not scale, with a warning if the ranges of columns
    differ 1,000-fold.
metric : {"euclidean", "cosine"}, default="euclidean"
    The distance of the method. "cosine" compares directions; it is the same as `scale="unit"`.
"""

ATTRIBUTES_DOC = """
sample_indices_ : ndarray of int64, shape (n_kept,)
    Kept rows in ascending order, as 0-based positions in X. Missing if the method generates prototypes.
weights_ : ndarray of float64, shape (n_kept,)
    One weight per kept row or prototype, if the method has weights.
sample_weight_ : ndarray of float64, shape (n_kept,)
    One weight per kept row for the `sample_weight` of an estimator: those of each class sum to its rows in X.
ranking_ : Ranking
    The kept rows from first to last pick, if the method ranks. `ranking_.reduce` cuts it at a smaller budget.
scores_ : ndarray of float64, shape (n_samples,)
    The score of each row of X; NaN for rows that are not in the ranking.
epsilon_ : Epsilon
    ε of the kept rows or prototypes, if `epsilon` is set.
epsilon_curve_ : EpsilonCurve
    ε at 1 %, 2 %, … of X, up to the fraction that is kept, if `epsilon` is set and the method ranks.
reduction_ : Reduction
    The complete result, with warnings, facts and the seed that was used.
sampling_strategy_ : dict
    Number of kept rows of each class.
classes_ : ndarray
    The sorted labels.
n_features_in_ : int
    Number of columns of X.
feature_names_in_ : ndarray of str, shape (n_features_in_,)
    Names of the columns, if X has names and all are strings.
"""
