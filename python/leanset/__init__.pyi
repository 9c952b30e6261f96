# Made from the code by ./x docs; a test holds it against the code.
from leanset import estimators as estimators
from leanset._errors import NotFittedError
from leanset._functions import bottleneck_distance, epsilon, epsilon_curve, persistence_diagrams, rank, reduce
from leanset._leanset import VERSION as __version__
from leanset._manifest import manifest_of, read_manifest, write_manifest
from leanset._registry import methods
from leanset._results import ClassEpsilon, Epsilon, EpsilonCurve, LeansetWarning, Ranking, Reduction
from leanset.adapters import select, to_sampler, to_subset
from leanset.energy import EnergyMeter
from leanset.estimators import (
    StratifiedRandom,
    SRS,
    Protodash,
    PRD,
    Maxmin,
    MMS,
    DistanceEntropy,
    DES,
    ClusteringCentroids,
    CLC,
    RepresentativeKmeans,
    RKM,
    MatrixDecomposition,
    NRMD,
    ModerateCoreset,
    MCS,
    PhLandmarks,
    PHL,
    ForgettingEvents,
    FES,
    El2n,
    L2N,
    EL2N,
    Aum,
    MARGIN,
    AUM,
)
from leanset.training import Dynamics, ForgettingLog, Trainer, keras_callback, lightning_callback

__all__ = [
    "ClassEpsilon",
    "Dynamics",
    "EnergyMeter",
    "Epsilon",
    "EpsilonCurve",
    "ForgettingLog",
    "LeansetWarning",
    "NotFittedError",
    "Ranking",
    "Reduction",
    "Trainer",
    "__version__",
    "bottleneck_distance",
    "epsilon",
    "epsilon_curve",
    "estimators",
    "keras_callback",
    "lightning_callback",
    "manifest_of",
    "methods",
    "persistence_diagrams",
    "rank",
    "read_manifest",
    "reduce",
    "select",
    "to_sampler",
    "to_subset",
    "write_manifest",
    # The estimators are added below.
]
__all__ += [
    "StratifiedRandom",
    "SRS",
    "Protodash",
    "PRD",
    "Maxmin",
    "MMS",
    "DistanceEntropy",
    "DES",
    "ClusteringCentroids",
    "CLC",
    "RepresentativeKmeans",
    "RKM",
    "MatrixDecomposition",
    "NRMD",
    "ModerateCoreset",
    "MCS",
    "PhLandmarks",
    "PHL",
    "ForgettingEvents",
    "FES",
    "El2n",
    "L2N",
    "EL2N",
    "Aum",
    "MARGIN",
    "AUM",
]
