# Made from the code by ./x docs; a test holds it against the code.
"""The estimators: one class a registered method."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from leanset._budget import SamplingStrategy
from leanset._estimator import BaseReducer
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
    "Energy",
    "GED",
    "ModerateCoreset",
    "MCS",
    "Herding",
    "HRD",
    "FacilityLocation",
    "FL",
    "Boundary",
    "BND",
    "Contradiction",
    "ENN",
    "PhLandmarks",
    "PHL",
    "ForgettingEvents",
    "FES",
    "EL2N",
    "L2N",
    "AUM",
    "MARGIN",
    "Grand",
    "GRN",
    "DUAL",
    "DUA",
    "CoverageCentric",
    "CCS",
]

MethodName: TypeAlias = Literal[
    "stratified-random",
    "srs",
    "random",
    "stratified",
    "protodash",
    "prd",
    "proto-dash",
    "maxmin",
    "mms",
    "farthest-first",
    "k-center",
    "distance-entropy",
    "des",
    "clustering-centroids",
    "clc",
    "kmeans",
    "cluster-centroids",
    "representative-kmeans",
    "rkm",
    "representative-k-means",
    "matrix-decomposition",
    "nrmd",
    "svd",
    "energy",
    "ged",
    "support-points",
    "twinning",
    "energy-distance",
    "moderate-coreset",
    "mcs",
    "moderate",
    "moderate-ds",
    "herding",
    "hrd",
    "kernel-herding",
    "facility-location",
    "fl",
    "k-medoids",
    "submodular",
    "boundary",
    "bnd",
    "boundary-top-up",
    "energy-boundary",
    "contradiction",
    "enn",
    "label-noise",
    "edited-nearest-neighbours",
    "ph-landmarks",
    "phl",
    "persistent-homology-landmarks",
    "forgetting-events",
    "fes",
    "forgetting",
    "el2n",
    "l2n",
    "error-l2-norm",
    "aum",
    "margin",
    "area-under-the-margin",
    "grand",
    "grn",
    "gradient-norm",
    "dual",
    "dua",
    "difficulty-uncertainty",
    "coverage-centric",
    "ccs",
    "coverage-centric-coreset",
]

class StratifiedRandom(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class SRS(StratifiedRandom): ...

class Protodash(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class PRD(Protodash): ...

class Maxmin(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class MMS(Maxmin): ...

class DistanceEntropy(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class DES(DistanceEntropy): ...

class ClusteringCentroids(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class CLC(ClusteringCentroids): ...

class RepresentativeKmeans(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class RKM(RepresentativeKmeans): ...

class MatrixDecomposition(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class NRMD(MatrixDecomposition): ...

class Energy(BaseReducer):
    """Greedy energy distance

    Keeps rows of each class that have the same distribution as the class, as measured by the energy distance.
    """

    reference: Literal["auto", "all"] | int
    def __init__(
        self,
        *,
        reference: Literal["auto", "all"] | int = "auto",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class GED(Energy): ...

class ModerateCoreset(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class MCS(ModerateCoreset): ...

class Herding(BaseReducer):
    """Kernel herding

    Keeps rows of each class whose mean under a Gaussian kernel is that of the class.
    """

    sigma: Literal["auto"] | float
    reference: Literal["auto", "all"] | int
    def __init__(
        self,
        *,
        sigma: Literal["auto"] | float = "auto",
        reference: Literal["auto", "all"] | int = "auto",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class HRD(Herding): ...

class FacilityLocation(BaseReducer):
    """Facility location (greedy k-medoids)

    Keeps rows so that every row of a class is near a kept one on average.
    """

    reference: Literal["auto", "all"] | int
    def __init__(
        self,
        *,
        reference: Literal["auto", "all"] | int = "auto",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class FL(FacilityLocation): ...

class Boundary(BaseReducer):
    """Boundary top-up

    Keeps rows of each class that have its distribution, and tops them up with rows near the boundary between classes.
    """

    share: float
    sigma: Literal["auto"] | float
    ridge: float
    def __init__(
        self,
        *,
        share: float = 0.6,
        sigma: Literal["auto"] | float = "auto",
        ridge: float = 0.01,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class BND(Boundary): ...

class Contradiction(BaseReducer):
    """Contradiction by neighbours

    Ranks rows by how much their nearest neighbours agree with their label; the last ones are probably mislabelled.
    """

    neighbors: int
    def __init__(
        self,
        *,
        neighbors: int = 10,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class ENN(Contradiction): ...

class PhLandmarks(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class PHL(PhLandmarks): ...

class ForgettingEvents(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class FES(ForgettingEvents): ...

class EL2N(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class L2N(EL2N): ...

class AUM(BaseReducer):
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class MARGIN(AUM): ...

class Grand(BaseReducer):
    """GraNd, the gradient norm

    Keeps the rows of each class whose gradients by the weights of the last layer were longest during training.
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
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class GRN(Grand): ...

class DUAL(BaseReducer):
    """DUAL, difficulty and uncertainty

    Keeps the rows of each class that a model was unsure of early in training, and more of the easier ones the fewer are kept.
    """

    sampling: Literal["beta", "score"]
    decay: float
    trainer: Trainer | None
    def __init__(
        self,
        *,
        sampling: Literal["beta", "score"] = "beta",
        decay: float = 4.0,
        trainer: Trainer | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class DUA(DUAL): ...

class CoverageCentric(BaseReducer):
    """Coverage-centric coreset selection

    Drops the hardest rows of each class, and keeps equally many of the others at every level of difficulty.
    """

    difficulty: Literal["aum", "el2n", "forgetting-events"]
    beta: float
    bins: int
    trainer: Trainer | None
    def __init__(
        self,
        *,
        difficulty: Literal["aum", "el2n", "forgetting-events"] = "aum",
        beta: float = 0.1,
        bins: int = 50,
        trainer: Trainer | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        n_jobs: int | None = None,
        allow_empty_classes: bool = False,
        epsilon: Literal["chebyshev", "euclidean", "manhattan", "cosine"] | None = None,
        guard: Literal["auto", "on", "off"] | None = None,
        balance: Literal["proportional", "sqrt", "equal"] = "proportional",
        features: Any = None,
        scale: Literal["minmax", "standard", "unit", "none", "auto"] | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None: ...

class CCS(CoverageCentric): ...
