# Made from the code by ./x docs; a test holds it against the code.
"""The estimators: one class a registered method."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from leanset._budget import SamplingStrategy
from leanset._estimator import Reducer
from leanset.training import Trainer

__all__ = [
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

class StratifiedRandom(Reducer):
    """Stratified random sampling

    Keeps a uniform random sample of each class. It is the baseline that every other method has to beat.
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

SRS = StratifiedRandom

class Protodash(Reducer):
    """ProtoDash (prototypes with weights)

    Keeps rows with non-negative weights that together match the mean of their class under a kernel, or that of a target table.
    """

    kernel: Literal["gaussian", "linear"]
    sigma: Literal["auto"] | float
    rank: Literal["auto"] | int
    def __init__(
        self,
        *,
        kernel: Literal["gaussian", "linear"] = "gaussian",
        sigma: Literal["auto"] | float = "auto",
        rank: Literal["auto"] | int = "auto",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

PRD = Protodash

class Maxmin(Reducer):
    """Maxmin selection (farthest-first traversal)

    Keeps rows that are spread over each class, so that every row has a kept row nearby. Its ε is usually the smallest.
    """

    start: Literal["random", "first", "central"] | Sequence[int]
    def __init__(
        self,
        *,
        start: Literal["random", "first", "central"] | Sequence[int] = "random",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

MMS = Maxmin

class DistanceEntropy(Reducer):
    """Distance-entropy selection

    Keeps a random base, and the rows whose distances to all class means are most similar.
    """

    base: Literal["half"] | float
    base_rows: Sequence[int] | None
    def __init__(
        self,
        *,
        base: Literal["half"] | float = "half",
        base_rows: Sequence[int] | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

DES = DistanceEntropy

class ClusteringCentroids(Reducer):
    """Clustering centroids (k-means per class)

    Replaces each class by its k-means centroids, or by the real row nearest to each. Weights are cluster sizes.
    """

    output: Literal["centroids", "rows"]
    tolerance: float
    max_iter: int
    start_rows: Sequence[int] | None
    def __init__(
        self,
        *,
        output: Literal["centroids", "rows"] = "centroids",
        tolerance: float = 1e-5,
        max_iter: int = 300,
        start_rows: Sequence[int] | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

CLC = ClusteringCentroids

class RepresentativeKmeans(Reducer):
    """Representative k-means

    Clusters all rows with k-means and keeps, in proportion to cluster size, the rows nearest to the centres.
    """

    clusters: Literal["classes"] | int
    tolerance: float
    max_iter: int
    def __init__(
        self,
        *,
        clusters: Literal["classes"] | int = "classes",
        tolerance: float = 1e-5,
        max_iter: int = 300,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

RKM = RepresentativeKmeans

class MatrixDecomposition(Reducer):
    """Numerosity reduction by matrix decomposition

    Keeps the rows that are described worst by the main directions of their class and of the whole table with labels.
    """

    decomposition: Literal["svd", "qr", "lu", "spca", "flda", "mean"]
    scope: Literal["class", "global"]
    def __init__(
        self,
        *,
        decomposition: Literal["svd", "qr", "lu", "spca", "flda", "mean"] = "svd",
        scope: Literal["class", "global"] = "class",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

NRMD = MatrixDecomposition

class ModerateCoreset(Reducer):
    """Moderate coreset

    Keeps the rows of each class whose distance to the class mean is closest to the median of these distances.
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

MCS = ModerateCoreset

class PhLandmarks(Reducer):
    """Persistent-homology landmarks

    Keeps the rows whose neighbourhoods have the least topology (representative) or the most (vital).
    """

    delta: Literal["auto"] | float
    neighbors: int
    scoring: Literal["restricted", "multi"]
    dimension: int
    landmarks: Literal["representative", "vital"]
    most_neighbors: int
    def __init__(
        self,
        *,
        delta: Literal["auto"] | float = "auto",
        neighbors: int = 50,
        scoring: Literal["restricted", "multi"] = "restricted",
        dimension: int = 1,
        landmarks: Literal["representative", "vital"] = "representative",
        most_neighbors: int = 1000,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

PHL = PhLandmarks

class ForgettingEvents(Reducer):
    """Forgetting events

    Keeps the rows of each class that a model forgot most often during training; rows that it never learnt come first.
    """

    keep: Literal["hardest", "easiest"]
    trainer: Trainer | None
    def __init__(
        self,
        *,
        keep: Literal["hardest", "easiest"] = "hardest",
        trainer: Trainer | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

FES = ForgettingEvents

class El2n(Reducer):
    """EL2N, the error L2 norm

    Keeps the rows of each class whose predicted probabilities were farthest from the label during training.
    """

    keep: Literal["hardest", "easiest"]
    trainer: Trainer | None
    def __init__(
        self,
        *,
        keep: Literal["hardest", "easiest"] = "hardest",
        trainer: Trainer | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

L2N = El2n

EL2N = El2n

class Aum(Reducer):
    """AUM, the area under the margin

    Keeps the rows of each class with the largest margin to other classes during training; mislabelled rows are removed first.
    """

    keep: Literal["hardest", "easiest"]
    trainer: Trainer | None
    def __init__(
        self,
        *,
        keep: Literal["hardest", "easiest"] = "easiest",
        trainer: Trainer | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
    ) -> None: ...

MARGIN = Aum

AUM = Aum
