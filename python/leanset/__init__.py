"""Coreset selection and data pruning: reduce a labelled training set to a small, representative subset.

>>> import numpy as np, leanset
>>> X = np.random.default_rng(0).normal(size=(200, 3))
>>> y = np.repeat(["cat", "dog"], 100)
>>> maxmin = leanset.MMS(sampling_strategy=0.1)
>>> X_lean, y_lean = maxmin.fit_resample(X, y)
>>> X_lean.shape
(20, 3)

There is one estimator class for each method (`leanset.methods()` lists them). The functions `reduce` and `rank` do the same
without an estimator. Row ids are 0-based positions in the data that you pass.
"""

from leanset import estimators as estimators
from leanset import hf as hf
from leanset._choose import Choice, choose
from leanset._classifier import ReducedClassifier
from leanset._compare import compare
from leanset._duplicates import Duplicates, duplicates
from leanset._embed import embed
from leanset._errors import NotFittedError
from leanset._estimator import Reducer
from leanset._functions import bottleneck_distance, epsilon, epsilon_curve, persistence_diagrams, rank, reduce
from leanset._leanset import VERSION as __version__
from leanset._manifest import manifest_of, read_manifest, write_manifest
from leanset._registry import methods
from leanset._epsilon import ClassEpsilon, Epsilon, EpsilonCurve
from leanset._result import LeansetWarning
from leanset._results import Ranking, Reduction
from leanset._study import Smallest, Study
from leanset.adapters import select, to_sampler, to_subset
from leanset.energy import EnergyMeter
from leanset.estimators import *  # noqa: F403
from leanset.recorders import (
    Indexed,
    keras_callback,
    lightgbm_callback,
    lightning_callback,
    record_partial_fit,
    skorch_callback,
    transformers_callback,
    xgboost_callback,
)
from leanset.training import Dynamics, ForgettingLog, Trainer

__all__ = [
    "Choice",
    "ClassEpsilon",
    "Duplicates",
    "Dynamics",
    "EnergyMeter",
    "Epsilon",
    "EpsilonCurve",
    "ForgettingLog",
    "Indexed",
    "LeansetWarning",
    "NotFittedError",
    "Ranking",
    "ReducedClassifier",
    "Reducer",
    "Reduction",
    "Smallest",
    "Study",
    "Trainer",
    "__version__",
    "bottleneck_distance",
    "choose",
    "compare",
    "duplicates",
    "embed",
    "epsilon",
    "epsilon_curve",
    "estimators",
    "hf",
    "keras_callback",
    "lightgbm_callback",
    "lightning_callback",
    "manifest_of",
    "methods",
    "persistence_diagrams",
    "rank",
    "read_manifest",
    "record_partial_fit",
    "reduce",
    "select",
    "skorch_callback",
    "to_sampler",
    "to_subset",
    "transformers_callback",
    "write_manifest",
    "xgboost_callback",
    # The estimators are added below.
]
__all__ += estimators.__all__
